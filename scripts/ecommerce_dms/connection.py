"""Makes every connection of every program here, from `Settings`.

No URL with a password in it exists: passwords go from credentials.py into libpq and are kept by nobody.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

import psycopg2
import sqlalchemy
from psycopg2.extensions import connection as Connection  # noqa: N812
from sqlalchemy.pool import NullPool

from ecommerce_dms import connection_errors, credentials
from ecommerce_dms.connection_errors import ConnectionFailed
from ecommerce_dms.settings import Settings

__all__ = ["ConnectionFailed", "connect", "connection_parameters", "make_engine"]

APPLICATION_NAME = "ecommerce-dms"

# A URL's own parameters override these. NAT gateways and load balancers drop an idle connection in silence
# after some minutes; keepalives prevent that, and notice a dead peer after 30 + 3 · 10 seconds.
_DEFAULTS = {
    "connect_timeout": "10",
    "keepalives": "1",
    "keepalives_idle": "30",
    "keepalives_interval": "10",
    "keepalives_count": "3",
    "client_encoding": "UTF8",
}


def connect(
    settings: Settings,
    *,
    role: str | None = None,
    dbname: str | None = None,
    application_name: str | None = None,
    options: Mapping[str, str] | None = None,
) -> Connection:
    """Opens one connection; starts the embedded server when that is the one and it does not run.

    Args:
        settings: which server.
        role: the role to act as, from the first statement on.
        dbname: another database on the same server.
        application_name: how the connection shows in pg_stat_activity.
        options: server settings of this session, e.g. {"lock_timeout": "2s"}.

    Raises:
        ConnectionFailed: one line that names the server and what to do about it.
        CredentialError: AWS did not hand out the credential.
    """
    parameters = connection_parameters(
        settings, role=role, dbname=dbname, application_name=application_name, options=options
    )
    try:
        return psycopg2.connect(**parameters)
    except psycopg2.OperationalError as error:
        raise connection_errors.explain(str(error), parameters, settings) from None


def make_engine(
    settings: Settings,
    *,
    role: str | None = None,
    dbname: str | None = None,
    application_name: str | None = None,
    options: Mapping[str, str] | None = None,
) -> sqlalchemy.Engine:
    """An engine whose connections come from `connect`, with its arguments. It keeps none of them open.

    Its URL is bare, and error messages leave out the parameters of statements, which may be personal data.
    """
    return sqlalchemy.create_engine(
        # The driver is named because SQLAlchemy 2.1 would otherwise look for psycopg 3.
        "postgresql+psycopg2://",
        creator=lambda: connect(settings, role=role, dbname=dbname, application_name=application_name, options=options),
        poolclass=NullPool,
        hide_parameters=True,
    )


def connection_parameters(
    settings: Settings,
    *,
    role: str | None = None,
    dbname: str | None = None,
    application_name: str | None = None,
    options: Mapping[str, str] | None = None,
) -> dict[str, str]:
    """What libpq is told, **the password included**: for `connect`, and for tests. Never print it."""
    own = _embedded_parameters() if settings.embedded else _remote_parameters(settings)
    session = {**({"role": role} if role else {}), **(options or {})}
    parameters = {
        **_DEFAULTS,
        "application_name": APPLICATION_NAME,
        **own,
        "options": " ".join(filter(None, [own.get("options"), _options_text(session)])),
    }
    if dbname or settings.dbname:
        parameters["dbname"] = dbname or settings.dbname
    if application_name:
        parameters["application_name"] = application_name
    return parameters


def _remote_parameters(settings: Settings) -> dict[str, str]:
    credential = credentials.resolve(settings)
    parameters = {
        **dict(settings.parameters),
        "host": settings.host,
        # Empty rather than missing: what is missing libpq takes from PGHOSTADDR and PGPASSWORD, and then
        # connects elsewhere than the program's first line said.
        "hostaddr": settings.hostaddr,
        "port": str(settings.port),
        "dbname": settings.dbname,
        "user": credential.user,
        "password": credential.password,
        "sslmode": settings.sslmode,
    }
    if settings.sslrootcert:
        parameters["sslrootcert"] = settings.sslrootcert
    return parameters


def _embedded_parameters() -> dict[str, str]:
    # Imported here: against RDS the embedded server's package need not be installed.
    from ecommerce_dms.embedded import EmbeddedServer

    server = EmbeddedServer.default()
    server.start()
    return {
        **{key: str(value) for key, value in server.connection_parameters().items()},
        "hostaddr": "",
        # The server is built without TLS and GSSAPI: asking for them costs a round trip each.
        "sslmode": "disable",
        "gssencmode": "disable",
    }


def _options_text(session: Mapping[str, str]) -> str:
    """`-c name=value …` for libpq's `options`, with blanks and backslashes escaped by a backslash."""
    for name in session:
        if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_.]*", name):
            raise ValueError(f"{name!r} is no name of a server setting")
    return " ".join(f"-c {name}=" + re.sub(r"([\\\s])", r"\\\1", value) for name, value in session.items())
