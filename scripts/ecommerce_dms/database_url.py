"""Takes a database URL apart by libpq's own parser: percent-encoding, sockets, IPv6, query parameters."""

from __future__ import annotations

import re

import psycopg2
from psycopg2.extensions import parse_dsn

from ecommerce_dms.settings_layers import SettingsError

# postgres:// is what many hosts print, +psycopg2 what SQLAlchemy is given; libpq knows neither suffix.
_SCHEME = re.compile(r"^postgres(ql)?(\+psycopg2)?://", re.IGNORECASE)

_KEYS = {
    "host": "DB_HOST",
    "hostaddr": "DB_HOSTADDR",
    "port": "DB_PORT",
    "dbname": "DB_NAME",
    "user": "DB_USER",
    "password": "DB_PASSWORD",
    "sslmode": "DB_SSLMODE",
    "sslrootcert": "DB_SSLROOTCERT",
}


def parse(url: str, name: str) -> tuple[dict[str, str], dict[str, str]]:
    """Splits a URL into settings (DB_HOST, …) and further libpq parameters (connect_timeout, …).

    Args:
        url: postgresql://…, postgres://… or postgresql+psycopg2://…
        name: what the setting is called in errors.

    Raises:
        SettingsError: it is no such URL. The message holds nothing of it, since it may hold a password.
    """
    if not _SCHEME.match(url):
        raise SettingsError(
            f"{name} is no PostgreSQL URL: it begins with postgresql:// (user:password@host:port/database)."
        )
    try:
        parsed = parse_dsn(_SCHEME.sub("postgresql://", url))
    except psycopg2.ProgrammingError:
        raise SettingsError(
            f"{name} cannot be parsed: percent-encode special characters in user and password (@ as %40, "
            "/ as %2F, # as %23, % as %25) and check the parameters after the question mark."
        ) from None
    if not parsed.get("host"):
        raise SettingsError(f"{name} names no host (for a socket: postgresql://user@/database?host=/its/directory).")
    keys = {_KEYS[key]: value for key, value in parsed.items() if key in _KEYS and value}
    return keys, {key: value for key, value in parsed.items() if key not in _KEYS}
