"""What a job has on a runner, for the tests: places that say its address, a server with PostgreSQL's TLS, its settings."""

from __future__ import annotations

import os
import secrets
import socket
import ssl
import sys
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from .stack import client

ADDRESS = "8.8.4.4"
RUNNER_ACCESS = [sys.executable, str(Path(__file__).parents[2] / "runner_access.py")]


@contextmanager
def source(answer: str, status: int = 200) -> Iterator[str]:
    """A place that says what our address is."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status)
            self.end_headers()
            self.wfile.write(f"{answer}\n".encode())

        def log_message(self, *_arguments: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}/"
    finally:
        server.shutdown()
        server.server_close()


def certificate_of_nobody(file: Path) -> Path:
    """A certificate with its key, in that file."""
    x509 = pytest.importorskip("cryptography.x509", reason="needs cryptography, which moto brings")
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key, now = ec.generate_private_key(ec.SECP256R1()), datetime.now(UTC)
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    builder = builder.serial_number(1).not_valid_before(now).not_valid_after(now + timedelta(days=1))
    pem = builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)
    pem += key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    file.write_bytes(pem)
    return file


@contextmanager
def server(certificate: Path, answer: bytes = b"S") -> Iterator[int]:
    """Answers SSLRequest as PostgreSQL does, and shakes hands; its port."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)

    def serve(listener: socket.socket) -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            with connection:
                if connection.recv(8) == b"\0\0\0\x08\x04\xd2\x16\x2f":
                    connection.sendall(answer)
                    if answer == b"S":
                        with context.wrap_socket(connection, server_side=True):
                            pass

    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=serve, args=(listener,), daemon=True).start()
        yield listener.getsockname()[1]


@contextmanager
def settings_of_a_job(endpoint: str, folder: Path, certificate: Path) -> Iterator[dict[str, str]]:
    """The environment of a job that may open an empty group, with a server that answers and two sources that agree."""
    ec2, scheduler = client("ec2", endpoint), client("scheduler", endpoint)
    name = f"shop-{secrets.token_hex(4)}-lease"
    group = ec2.create_security_group(GroupName=name, Description="leases")["GroupId"]
    scheduler.create_schedule_group(Name=name)
    with ExitStack() as stack:
        port = stack.enter_context(server(certificate))
        urls = [stack.enter_context(source(ADDRESS)) for _ in range(2)]
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "DB_", "GITHUB_"))}
        yield {
            **kept,
            "AWS_ENDPOINT_URL": endpoint,
            "AWS_ACCESS_KEY_ID": "testing",
            "AWS_SECRET_ACCESS_KEY": "testing",
            "AWS_REGION": "eu-west-1",
            "LEASE_SECURITY_GROUP_ID": group,
            "LEASE_SCHEDULE_GROUP": name,
            "LEASE_SCHEDULE_ROLE_ARN": "arn:aws:iam::123456789012:role/shop-test-lease-timer",
            "DB_HOST": "localhost",
            "DB_HOSTADDR": "127.0.0.1",
            "DB_PORT": str(port),
            "PUBLIC_ADDRESS_SOURCES": " ".join(urls),
            "GITHUB_RUN_ID": "4711",
            "GITHUB_RUN_ATTEMPT": "2",
            "GITHUB_JOB": "test",
            "RUNNER_NAME": "GitHub Actions 12",
            "GITHUB_OUTPUT": str(folder / "output"),
            "GITHUB_STEP_SUMMARY": str(folder / "summary"),
        }
