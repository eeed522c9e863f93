"""Encryption on the way: who is trusted, who is refused, and what is said about it.

The embedded server is built without TLS, so a front speaks it (tls_front.py). TLS_SERVER_URL names a superuser of a
throw-away PostgreSQL instead, such as the service container of ci.yml: then the server itself does, with the test's
certificate.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import psycopg2
import pytest
from conftest import as_environment, until
from ecommerce_dms.connection import ConnectionFailed, connect
from ecommerce_dms.embedded import EmbeddedServer
from ecommerce_dms.settings import Settings, load_settings
from psycopg2 import sql

pytest.importorskip("cryptography", reason="needs cryptography: pip install -r scripts/requirements-dev.txt")
from certificates import Authority, authority
from tls_front import tls_front

NAME = "shop.abcdefghijkl.eu-west-1.rds.amazonaws.com"


@pytest.fixture(scope="module")
def trusted() -> Authority:
    return authority("The authority that signs the server's certificate")


@pytest.fixture(scope="module")
def server(
    trusted: Authority, embedded_server: EmbeddedServer, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[dict[str, str]]:
    """The settings that reach a server with a certificate for NAME, whatever its address."""
    certificate, key = trusted.server(NAME)
    if url := os.environ.get("TLS_SERVER_URL"):
        yield given_certificate(url, certificate, key)
        return
    both = tmp_path_factory.mktemp("tls") / "both.pem"
    both.write_text(certificate + key)
    parameters = embedded_server.connection_parameters()
    with tls_front(str(parameters["host"]), int(parameters["port"]), str(both)) as port:
        yield as_environment(parameters, DB_HOST=NAME, DB_HOSTADDR="127.0.0.1", DB_PORT=str(port))


def given_certificate(url: str, certificate: str, key: str) -> dict[str, str]:
    """Gives a server of its own programs a certificate, and returns the way to it."""
    with closing(psycopg2.connect(url, sslmode="prefer")) as connection:
        connection.autocommit = True
        with connection.cursor() as cursor:
            for file, text in (("server.crt", certificate), ("server.key", key)):
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
    return {
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
    with closing(connect(settings())) as connection:
        assert connection.info.ssl_in_use
        assert connection.info.ssl_attribute("protocol") in ("TLSv1.2", "TLSv1.3")


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
