"""The real revisions where they could do harm: on tables with rows, and as a script for somebody else to run.

What they leave in an empty database is tested in test_revisions.py.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing

import pytest
from ecommerce_dms import bootstrap, fingerprint, migrations
from ecommerce_dms.connection import connect
from ecommerce_dms.db_tests import sample
from ecommerce_dms.embedded import EmbeddedServer
from ecommerce_dms.roles import OWNER
from ecommerce_dms.scratch import scratch_database
from ecommerce_dms.settings import Settings


@pytest.fixture
def database(master: Settings) -> Iterator[Settings]:
    with scratch_database(master) as settings:
        yield settings


@pytest.fixture(scope="module")
def upgraded(master: Settings) -> Iterator[Settings]:
    with scratch_database(master) as settings:
        migrations.upgrade(settings, environment="test")
        yield settings


def read_fingerprint(settings: Settings) -> fingerprint.Fingerprint:
    with closing(connect(settings)) as connection:
        return fingerprint.read(connection)


def violations(settings: Settings) -> dict[str, str]:
    """What the invariants find, of those that exist at this revision: an example by invariant."""
    with closing(connect(settings, role=OWNER)) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT to_regproc('api.verify_integrity') IS NOT NULL")
        if cursor.fetchone() == (False,):
            return {}
        cursor.execute("SELECT invariant, example FROM api.verify_integrity() WHERE violations > 0")
        return dict(cursor.fetchall())


def test_each_revision_goes_down_and_up_with_rows_in_all_tables(database: Settings) -> None:
    migrations.upgrade(database, environment="test")
    sample.fill(database)
    assert violations(database) == {}
    for revision in reversed(migrations.revisions()):
        migrations.downgrade(database, "-1")
        assert violations(database) == {}, f"after the downgrade from {revision}"
        # What is left of the data meets the revision again. Sums over rows that went with its tables stay as they
        # were, so that the invariants are not asked here: downgrades are for development.
        migrations.upgrade(database, revision, environment="test")
        migrations.downgrade(database, "-1")


def test_a_database_taken_down_with_its_rows_comes_back_whole(database: Settings, upgraded: Settings) -> None:
    migrations.upgrade(database, environment="test")
    sample.fill(database)
    migrations.downgrade(database, "base")
    migrations.upgrade(database, environment="test")
    assert fingerprint.difference(read_fingerprint(upgraded), read_fingerprint(database)) == []
    sample.fill(database)
    assert violations(database) == {}


def test_the_script_for_an_administrator_makes_the_same_schema(
    database: Settings, upgraded: Settings, embedded_server: EmbeddedServer
) -> None:
    with closing(connect(database)) as connection:
        bootstrap.apply(connection)
    script = printed_by_alembic("upgrade", "head", "--sql")
    run_by_psql(script, database, embedded_server)
    assert fingerprint.difference(read_fingerprint(upgraded), read_fingerprint(database)) == []
    assert migrations.current(database) == migrations.head()


def printed_by_alembic(*arguments: str) -> str:
    command = [sys.executable, "-m", "alembic", "-c", str(migrations.ALEMBIC_INI), *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def run_by_psql(script: str, database: Settings, server: EmbeddedServer) -> None:
    environment = {
        **os.environ,
        **server.psql_environment(),
        "PGOPTIONS": f"-c role={OWNER} -c shop.environment=test",
    }
    command = [*server.psql_command(), "-d", database.dbname, "-X", "-q", "-v", "ON_ERROR_STOP=1", "-f", "-"]
    done = subprocess.run(command, input=script, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
