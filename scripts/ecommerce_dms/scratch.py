"""Databases that live as long as a `with` block, on the configured server: for tests, drills and schema.sql.

They need CREATEDB and nothing else. They hold no data worth keeping, and their names say so.
"""

import re
import secrets
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import replace
from typing import Any

from psycopg2 import errors, sql

from ecommerce_dms import bootstrap
from ecommerce_dms.connection import connect
from ecommerce_dms.settings import Settings

PREFIX = "shop_scratch"


@contextmanager
def scratch_database(
    settings: Settings, name_prefix: str = PREFIX, template: Settings | None = None
) -> Iterator[Settings]:
    """A new database on the server of `settings`, dropped at the end even if sessions still use it.

    It is empty, or a copy of `template`, a scratch database that nobody is connected to: copying an upgraded
    one takes a fraction of a second, where upgrading takes several.
    """
    if not re.fullmatch(r"[a-z][a-z0-9_]{0,30}", name_prefix):
        raise ValueError(f"{name_prefix!r} is no prefix for databases: small letters, digits, _, at most 31")
    with closing(_connect(settings)) as server:
        _sweep(server, name_prefix)
        name = _new_name(server, name_prefix)
        source = template.dbname if template else "template0"
        _execute(server, "CREATE DATABASE {} TEMPLATE {}", name, source)
    scratch = replace(settings, dbname=name)
    try:
        if template:
            # A copy has the template's content, but not its privileges on the database itself.
            with closing(connect(scratch)) as connection:
                bootstrap.apply(connection)
        yield scratch
    finally:
        with closing(_connect(settings)) as server:
            _drop(server, name)


def _drop(server: Any, name: str) -> None:
    """Drop a database whoever uses it. FORCE ends clients, but who is no superuser may not end an autovacuum worker so;
    a DROP without it asks the worker to go, and waits."""
    for _ in range(10):
        try:
            return _execute(server, "DROP DATABASE IF EXISTS {} WITH (FORCE)", name)
        except errors.InsufficientPrivilege:
            with suppress(errors.ObjectInUse):
                return _execute(server, "DROP DATABASE IF EXISTS {}", name)
    return _execute(server, "DROP DATABASE IF EXISTS {}", name)


def _sweep(server: Any, prefix: str) -> None:
    """Drop what killed runs left. A day is longer than any run; one that is in use is not dropped."""
    with server.cursor() as cursor:
        cursor.execute(
            """
            SELECT datname FROM pg_database
            WHERE datname ~ %s AND pg_has_role(datdba, 'USAGE')
              AND split_part(substr(datname, length(%s) + 2), '_', 1)
                  < to_char((now() - interval '1 day') AT TIME ZONE 'UTC', 'YYYYMMDDHH24MISS')
            """,
            (f"^{prefix}_[0-9]{{14}}_[0-9a-f]{{8}}$", prefix),
        )
        leftovers = [name for (name,) in cursor.fetchall()]
    for name in leftovers:
        with suppress(errors.ObjectInUse):
            _execute(server, "DROP DATABASE IF EXISTS {}", name)


def _new_name(server: Any, prefix: str) -> str:
    with server.cursor() as cursor:
        # The server's clock, since the sweep goes by it.
        cursor.execute("SELECT to_char(now() AT TIME ZONE 'UTC', 'YYYYMMDDHH24MISS')")
        return f"{prefix}_{cursor.fetchone()[0]}_{secrets.token_hex(4)}"


def _connect(settings: Settings) -> Any:
    connection = connect(settings)
    # Databases cannot be created or dropped inside a transaction.
    connection.autocommit = True
    return connection


def _execute(server: Any, statement: str, *names: str) -> None:
    with server.cursor() as cursor:
        cursor.execute(sql.SQL(statement).format(*map(sql.Identifier, names)))
