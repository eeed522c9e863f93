"""The data loader as its tests run it, and the databases that it fills."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from ecommerce_dms import fingerprint, migrations
from ecommerce_dms.connection import connect
from ecommerce_dms.roles import OWNER
from ecommerce_dms.sample_data.tables import COLUMNS, REFERENCE
from ecommerce_dms.scratch import scratch_database
from ecommerce_dms.settings import Settings
from tests.conftest import as_environment

LOADER = Path(__file__).parents[1] / "data_loader.py"
ORDERS, AS_OF = 150, "2025-06-30"
SMALL = ("--orders", str(ORDERS), "--as-of", AS_OF)
PREFIX = "loader_test"


# The program and the database ----------------------------------------------------------------------------------------


def environment(settings: Settings, **more: str) -> dict[str, str]:
    names = {"host": settings.host, "port": settings.port, "user": settings.user, "dbname": settings.dbname}
    # Whatever the tests themselves were told to connect to is none of the loader's business.
    others = {key: value for key, value in os.environ.items() if not key.startswith(("DB_", "DATABASE_"))}
    return {**others, **as_environment({**names, "password": settings.password}), **more}


def run(settings: Settings, *arguments: str, **more: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, LOADER, *arguments], env=environment(settings, **more), capture_output=True, text=True
    )


def load(settings: Settings, *arguments: str, **more: str) -> dict[str, str]:
    """Runs the loader, which must succeed; returns the checksum of each table."""
    done = run(settings, *(arguments or SMALL), "--checksums", **more)
    assert done.returncode == 0, done.stderr
    rows = [line.split() for line in done.stdout.splitlines()]
    return {row[0]: row[4] for row in rows if len(row) == 5 and row[0] in COLUMNS}


def query(settings: Settings, sql: str, *parameters: Any) -> list[tuple]:
    with closing(connect(settings, role=OWNER)) as connection, connection.cursor() as cursor:
        cursor.execute(sql, parameters or None)
        return cursor.fetchall()


def execute(settings: Settings, sql: str) -> None:
    with closing(connect(settings, role=OWNER)) as connection, connection.cursor() as cursor:
        cursor.execute(sql)
        connection.commit()


def counts(settings: Settings) -> dict[str, int]:
    parts = [f"SELECT '{table}', count(*) FROM shop.{table}" for table in (*COLUMNS, *REFERENCE)]
    return dict(query(settings, " UNION ALL ".join(parts)))


def state(settings: Settings) -> tuple:
    """All that a load can change: the schema, the rows, and where the sequences stand."""
    with closing(connect(settings)) as connection:
        schema = fingerprint.read(connection)
    sequences = query(
        settings, "SELECT sequencename, last_value FROM pg_sequences WHERE schemaname = 'shop' ORDER BY 1"
    )
    flags = query(settings, "SELECT environment, is_sample_data FROM shop.deployment")
    triggers = query(settings, "SELECT tgrelid::regclass::text, tgname, tgenabled FROM pg_trigger ORDER BY 1, 2")
    return schema, counts(settings), sequences, flags, triggers


def refused(done: subprocess.CompletedProcess[str], words: str) -> bool:
    """Whether it failed with one line that says so."""
    errors = [line for line in done.stderr.splitlines() if line.startswith("error: ")]
    return done.returncode == 1 and len(errors) == 1 and words in errors[0] and "Traceback" not in done.stderr


@contextmanager
def upgraded_database(server: Settings) -> Iterator[Settings]:
    """An empty shop, to make copies of."""
    with scratch_database(server, PREFIX) as settings:
        migrations.upgrade(settings, environment="test")
        yield settings


@contextmanager
def loaded_database(server: Settings, upgraded: Settings) -> Iterator[Settings]:
    """A copy of an empty shop, loaded with a few orders."""
    with scratch_database(server, PREFIX, template=upgraded) as settings:
        load(settings)
        yield settings
