"""The real revisions: each can be undone and redone without a trace; together they make what is committed."""

from contextlib import closing
from pathlib import Path

import dump_schema
import pytest
from ecommerce_dms import fingerprint, migrations
from ecommerce_dms.connection import connect
from ecommerce_dms.scratch import scratch_database

VERSIONS = Path(migrations.ALEMBIC_INI).parent / "migrations" / "versions"

# Revisions whose downgrade leaves something on purpose, with the reason.
LEAVES_A_TRACE: dict[str, str] = {}


@pytest.fixture(scope="module")
def upgraded(master):
    """A scratch database at head."""
    with scratch_database(master) as settings:
        migrations.upgrade(settings, environment="test")
        yield settings


def read(settings):
    with closing(connect(settings)) as connection:
        return fingerprint.read(connection)


def test_there_is_one_story_numbered_without_gaps():
    assert migrations.revisions() == [f"{number:04d}" for number in range(1, len(migrations.revisions()) + 1)]
    assert migrations.head() == migrations.revisions()[-1]


def test_each_sql_file_stands_beside_a_revision():
    stems = {path.name.removesuffix(".py") for path in VERSIONS.glob("*.py")}
    strays = {path.name for path in VERSIONS.glob("*.sql")} - {
        f"{stem}{suffix}" for stem in stems for suffix in (".sql", ".down.sql")
    }
    assert strays == set()


def test_each_revision_can_be_undone_and_redone_without_a_trace(master):
    with scratch_database(master) as settings:
        migrations.upgrade(settings, "0001", environment="test")
        migrations.downgrade(settings, "base")
        before = read(settings)
        for revision in migrations.revisions():
            migrations.upgrade(settings, revision, environment="test")
            after = read(settings)
            migrations.downgrade(settings, "-1")
            if revision not in LEAVES_A_TRACE:
                assert fingerprint.difference(before, read(settings)) == [], f"{revision} is not undone"
            migrations.upgrade(settings, revision, environment="test")
            assert fingerprint.difference(after, read(settings)) == [], f"{revision} is not redone"
            before = after


def test_all_of_it_can_be_undone_and_redone(upgraded, master):
    with scratch_database(master) as settings:
        migrations.upgrade(settings, environment="test")
        migrations.downgrade(settings, "base")
        migrations.upgrade(settings, environment="test")
        assert fingerprint.difference(read(upgraded), read(settings)) == []


def test_the_models_say_what_the_database_has(upgraded):
    migrations.check(upgraded)


def test_schema_sql_is_up_to_date(upgraded):
    committed = dump_schema.SCHEMA_SQL
    assert fingerprint.committed(committed) == read(upgraded).digest, "run scripts/dump_schema.py"
    assert committed.read_text(encoding="utf-8") == dump_schema.schema_sql(upgraded), "run scripts/dump_schema.py"
