"""test_db.py as its users call it: which server it says, what it skips and why, and what it never prints."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
from ecommerce_dms import migrations
from ecommerce_dms.connection import connect
from ecommerce_dms.scratch import scratch_database
from ecommerce_dms.settings import Settings

PASSWORD = "only-for-tests"
SCRATCH_TEST = "test_no_constraint_of_the_database_is_left_out"


@pytest.fixture(scope="module")
def production(master: Settings) -> Iterator[Settings]:
    with scratch_database(master) as settings:
        migrations.upgrade(settings, environment="production")
        yield settings


@pytest.fixture(scope="module")
def login(master: Settings, production: Settings) -> Iterator[Callable[[str], Settings]]:
    """login(group): settings of a user of that group alone, who may create no database."""
    made = []

    def make(group: str) -> Settings:
        user = f"tester_{group}"
        execute(master, f"CREATE ROLE {user} LOGIN PASSWORD '{PASSWORD}' IN ROLE {group}")
        made.append(user)
        return replace(production, user=user, password=PASSWORD)

    yield make
    for user in made:
        execute(master, f"DROP ROLE {user}")


def execute(settings: Settings, statement: str) -> None:
    with closing(connect(settings)) as connection:
        connection.cursor().execute(statement)
        connection.commit()


def run(settings: Settings, *arguments: str) -> subprocess.CompletedProcess[str]:
    """`pytest scripts/test_db.py …` on that server."""
    environment = {key: value for key, value in os.environ.items() if not key.startswith(("DB_", "DATABASE_URL", "PG"))}
    environment |= {
        "DATABASE_URL": f"postgresql://{settings.user}:{settings.password}@{settings.address()}",
        "DB_SSLMODE": settings.sslmode,
        "COLUMNS": "500",
    }
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "test_db.py", *arguments]
    done = subprocess.run(
        command, cwd=Path(__file__).parents[1], env=environment, capture_output=True, text=True, check=False
    )
    assert settings.password not in done.stdout + done.stderr
    first = done.stdout.splitlines()[0]
    assert first.startswith(f"server of test_db.py: PostgreSQL at {settings.address()} as {settings.user}, ")
    return done


def test_nothing_is_made_beside_production_unless_asked(production: Settings) -> None:
    done = run(production, "-k", SCRATCH_TEST)
    assert "1 skipped" in done.stdout
    assert "the database is production; --scratch makes scratch databases beside it all the same" in done.stdout
    assert "1 passed" in run(production, "-k", SCRATCH_TEST, "--scratch").stdout


def test_who_may_create_no_database_is_told_so(login: Callable[[str], Settings]) -> None:
    deployer = login("shop_migrator")
    assert f"ALTER ROLE {deployer.user} CREATEDB lets it" in run(deployer, "-k", SCRATCH_TEST, "--scratch").stdout
    done = run(deployer, "-m", "target")
    assert "skipped" not in done.stdout.splitlines()[-1], "a member of shop_migrator may look at everything"


def test_who_may_not_look_at_the_data_is_told_what_was_skipped(login: Callable[[str], Settings]) -> None:
    done = run(login("shop_monitor"), "-m", "target", "-k", "test_revision or test_data")
    assert "failed" not in done.stdout.splitlines()[-1]
    assert "permission denied for table alembic_version; connect as a member of shop_migrator" in done.stdout


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"password": "wrong-password"}, "password"),
        ({"host": "nowhere.invalid"}, "nowhere.invalid"),
        ({"dbname": "no_such_database"}, "no_such_database"),
    ],
    ids=["password", "host", "database"],
)
def test_a_server_that_cannot_be_reached_ends_the_run_with_one_line(change, says, production: Settings) -> None:
    done = run(replace(production, **change), "-m", "target")
    assert done.returncode == 1
    line = done.stdout.splitlines()[-1]
    assert "error: " in line and says in line
    assert "Traceback" not in done.stdout + done.stderr
