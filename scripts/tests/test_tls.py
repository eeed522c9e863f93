"""Encryption on the way, which the embedded server is built without: who is trusted, who is refused, and what it says.

TLS_SERVER_URL names a superuser of a throw-away PostgreSQL, such as the service container of ci.yml; the tests give it
certificates of their own. Without it they are skipped.
"""

from __future__ import annotations

import dataclasses
import datetime
import os
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import psycopg2
import pytest
from conftest import until
from ecommerce_dms.connection import ConnectionFailed, connect
from ecommerce_dms.settings import Settings, load_settings
from psycopg2 import sql

x509 = pytest.importorskip("cryptography.x509", reason="pip install -r scripts/requirements-dev.txt")
from cryptography.hazmat.primitives import hashes, serialization  # noqa: E402
from cryptography.hazmat.primitives.asymmetric import ec  # noqa: E402

NAME = "shop.abcdefghijkl.eu-west-1.rds.amazonaws.com"

if "TLS_SERVER_URL" not in os.environ:
    pytest.skip("TLS_SERVER_URL names no server whose certificate may be replaced", allow_module_level=True)


@dataclasses.dataclass(frozen=True)
class Authority:
    """Somebody who signs certificates, as Amazon does for RDS."""

    key: ec.EllipticCurvePrivateKey
    certificate: x509.Certificate

    @property
    def pem(self) -> str:
        return self.certificate.public_bytes(serialization.Encoding.PEM).decode()


def signed(
    subject: str, key: ec.EllipticCurvePrivateKey, issuer: Authority | None, **extensions: bool
) -> x509.Certificate:
    """A certificate for one day; its own issuer where there is none."""
    name = x509.Name([x509.NameAttribute(x509.oid.NameOID.COMMON_NAME, subject)])
    now = datetime.datetime.now(datetime.UTC)
    builder = x509.CertificateBuilder().subject_name(name).public_key(key.public_key())
    builder = builder.issuer_name(issuer.certificate.subject if issuer else name)
    builder = builder.serial_number(x509.random_serial_number())
    builder = builder.not_valid_before(now - datetime.timedelta(minutes=5))
    builder = builder.not_valid_after(now + datetime.timedelta(days=1))
    if extensions.get("authority"):
        builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
    else:
        builder = builder.add_extension(x509.SubjectAlternativeName([x509.DNSName(subject)]), critical=False)
    return builder.sign(issuer.key if issuer else key, hashes.SHA256())


def authority(name: str) -> Authority:
    key = ec.generate_private_key(ec.SECP256R1())
    return Authority(key, signed(name, key, None, authority=True))


@pytest.fixture(scope="module")
def trusted() -> Authority:
    return authority("The authority that signs the server's certificate")


@pytest.fixture(scope="module")
def server(trusted: Authority) -> Iterator[dict[str, str]]:
    """The settings that reach a server with a certificate for NAME, whatever its address."""
    url = os.environ["TLS_SERVER_URL"]
    key = ec.generate_private_key(ec.SECP256R1())
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption()
    ).decode()
    certificate = signed(NAME, key, trusted).public_bytes(serialization.Encoding.PEM).decode()
    with closing(psycopg2.connect(url, sslmode="prefer")) as connection:
        connection.autocommit = True
        with connection.cursor() as cursor:
            for file, text in (("server.crt", certificate), ("server.key", private)):
                # The server writes them itself, next to its data; its key it reads only where nobody else may.
                write = sql.SQL("COPY (SELECT line FROM unnest({}::text[]) lines (line)) TO PROGRAM {}")
                program = f"umask 077; rm -f {file}; cat > {file}"
                cursor.execute(write.format(sql.Literal(text.splitlines()), sql.Literal(program)))
            cursor.execute("ALTER SYSTEM SET ssl = on")
            cursor.execute("SELECT pg_reload_conf()")
            given = connection.get_dsn_parameters()
            password = connection.info.password

    def encrypted() -> bool:
        try:
            with closing(psycopg2.connect(url, sslmode="require")):
                return True
        except psycopg2.OperationalError:
            return False

    until(encrypted, "the server to speak TLS")
    yield {
        "DB_HOST": NAME,
        "DB_HOSTADDR": "127.0.0.1",
        "DB_PORT": given["port"],
        "DB_NAME": given["dbname"],
        "DB_USER": given["user"],
        "DB_PASSWORD": password,
    }


@pytest.fixture
def settings(server: dict[str, str], trusted: Authority, tmp_path: Path) -> Callable[..., Settings]:
    """Settings with what a test changes."""
    bundle = tmp_path / "bundle.pem"
    bundle.write_text(trusted.pem)

    def made(**changed: str) -> Settings:
        return load_settings(environ={**server, "DB_SSLROOTCERT": str(bundle), **changed})

    return made


def refusal(settings: Settings) -> str:
    with pytest.raises(ConnectionFailed) as caught:
        connect(settings)
    assert settings.password not in str(caught.value)
    return str(caught.value)


def test_a_remote_server_is_verified_in_full_unless_somebody_says_otherwise(settings: Callable[..., Settings]) -> None:
    assert settings().sslmode == "verify-full"
    with closing(connect(settings())) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT ssl, version FROM pg_stat_ssl WHERE pid = pg_backend_pid()")
        encrypted, version = cursor.fetchone()
    assert encrypted
    assert version in ("TLSv1.2", "TLSv1.3")


def test_a_certificate_of_somebody_else_is_refused(settings: Callable[..., Settings], tmp_path: Path) -> None:
    other = tmp_path / "other.pem"
    other.write_text(authority("Somebody else").pem)
    assert "DB_SSLROOTCERT" in refusal(settings(DB_SSLROOTCERT=str(other)))


def test_a_certificate_for_another_name_is_refused(settings: Callable[..., Settings]) -> None:
    said = refusal(settings(DB_HOST="shop2.abcdefghijkl.eu-west-1.rds.amazonaws.com"))
    assert "the certificate is for another name" in said


def test_without_a_bundle_nothing_is_trusted(
    server: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    assert "DB_SSLROOTCERT" in refusal(load_settings(environ=server))


def test_less_than_full_verification_must_be_asked_for(settings: Callable[..., Settings]) -> None:
    with closing(connect(settings(DB_HOST="another.name.example", DB_SSLMODE="verify-ca"))) as connection:
        assert connection.info.ssl_in_use
