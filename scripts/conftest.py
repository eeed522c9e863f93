"""What the database tests stand on: the configured server, read-only, and scratch databases beside it.

    target               Settings of the configured database
    target_connection    a connection to it that cannot write; each test has its own transaction
    scratch_template     Settings of a scratch database at head, without rows but reference data; do not connect
    scratch              Settings of a fresh copy of it, for one test
    shared_scratch       Settings of a fresh copy of it, for the tests of one module, which clean up or roll back
    planted              the owner's connection to the module's copy; what a test does there is rolled back
    filled_template      Settings of a scratch database with sample data, rows in every table; do not connect
    filled               Settings of a fresh copy of it, for one test
    small_shop           Settings of a scratch database with the shop that the guard proof attacks; do not connect

Scratch databases are skipped, with the reason, where the user may create none, and beside a production database
unless pytest is called with --scratch: they cost a production server time and space, though they touch no data.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from typing import Any

import pytest
from ecommerce_dms import migrations
from ecommerce_dms.connection import connect
from ecommerce_dms.console import UserError
from ecommerce_dms.db_tests import sample
from ecommerce_dms.guards import SMALL_SHOP
from ecommerce_dms.roles import OWNER
from ecommerce_dms.scratch import scratch_database
from ecommerce_dms.settings import Settings, load_settings
from psycopg2 import errors

# Their assertions are to say as much as those of test_db.py, which runs them.
pytest.register_assert_rewrite(
    *(f"ecommerce_dms.db_tests.{module}" for module in ("concurrency", "corruptions", "folds", "guards"))
)

# search_path: so that names are printed with their schema, whatever the database or the user has set.
_READ_ONLY = {"default_transaction_read_only": "on", "search_path": "pg_catalog"}


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--scratch", action="store_true", help="make scratch databases on a production server too")
    parser.addoption(
        "--full", action="store_true", help="the long proofs of Terraform whole, not a sample of them (an hour)"
    )
    parser.addoption("--moments", type=int, default=2, help="restore so many moments in the drill's test (default: 2)")
    parser.addoption("--rounds", type=int, default=1, help="fail over so often in the drill's test (default: 1)")


def pytest_sessionstart(session: pytest.Session) -> None:
    """The first line, with -q too: which server the checks of test_db.py are about."""
    try:
        server = load_settings().describe()
    except UserError as error:
        server = f"none. {error}"
    terminal = session.config.pluginmanager.get_plugin("terminalreporter")
    if terminal:
        terminal.write_line(f"server of test_db.py: {server}")


@contextmanager
def _explained() -> Iterator[None]:
    """Ends the run with one line and no traceback when the server cannot be reached as configured."""
    try:
        yield
    except UserError as error:
        pytest.exit(f"error: {' '.join(str(error).split())}", returncode=error.exit_code)


@pytest.fixture(scope="session")
def target() -> Settings:
    """The configured server: environment, scripts/.env, or else the embedded one."""
    with _explained():
        settings = load_settings()
        connect(settings).close()
    return settings


@pytest.fixture(scope="session")
def _target_session(target: Settings) -> Iterator[Any]:
    with _explained():
        connection = connect(target, options=_READ_ONLY)
    with closing(connection):
        with connection.cursor() as cursor:
            # Data are the owner's to read. Who may not become the owner checks the catalogue.
            cursor.execute("SELECT pg_has_role(oid, 'SET') FROM pg_roles WHERE rolname = %s", (OWNER,))
            if cursor.fetchone() == (True,):
                cursor.execute(f"SET ROLE {OWNER}")
        connection.commit()
        yield connection


@pytest.fixture(scope="session")
def _schema_of_target(target: Settings, _target_session: Any) -> None:
    """Fails what reads the schema, with the way out, where there is none yet."""
    with _target_session.cursor() as cursor:
        cursor.execute("SELECT to_regnamespace('shop') IS NOT NULL AND to_regnamespace('api') IS NOT NULL")
        (there,) = cursor.fetchone()
    _target_session.rollback()
    if not there:
        pytest.fail(f"{target.describe()} holds no shop yet: cd schema && alembic upgrade head", pytrace=False)


@pytest.fixture
def target_connection(_target_session: Any, _schema_of_target: None) -> Iterator[Any]:
    """A connection to the target that refuses to write, in a transaction that ends with the test."""
    yield _target_session
    _target_session.rollback()


@pytest.fixture(scope="session")
def target_environment(_target_session: Any) -> str | None:
    """What shop.deployment says the target is; None where there is no such table or no right to read it."""
    try:
        with _target_session.cursor() as cursor:
            cursor.execute("SELECT environment FROM shop.deployment")
            row = cursor.fetchone()
    except (errors.UndefinedTable, errors.InvalidSchemaName, errors.InsufficientPrivilege):
        row = None
    _target_session.rollback()
    return row[0] if row else None


@pytest.fixture(scope="session")
def may_scratch(
    request: pytest.FixtureRequest, target: Settings, target_environment: str | None, _target_session: Any
) -> None:
    """Skips where no scratch database may be made."""
    if not request.config.getoption("--scratch"):
        if target_environment == "production":
            pytest.skip("the database is production; --scratch makes scratch databases beside it all the same")
        if target_environment is None and not target.embedded:
            pytest.skip("shop.deployment does not say that this is no production server; --scratch says so")
    with _target_session.cursor() as cursor:
        cursor.execute("SELECT session_user, rolcreatedb OR rolsuper FROM pg_roles WHERE rolname = session_user")
        user, may_create = cursor.fetchone()
    _target_session.rollback()
    if not may_create:
        pytest.skip(f"user {user} may not create databases: ALTER ROLE {user} CREATEDB lets it")


@pytest.fixture(scope="session")
def scratch_template(may_scratch: None, target: Settings) -> Iterator[Settings]:
    """A scratch database at head. Nobody may be connected to it, or it cannot be copied."""
    with _explained(), scratch_database(target) as settings:
        migrations.upgrade(settings, environment="test")
        yield settings


@pytest.fixture(scope="session")
def copy_of(target: Settings) -> Callable[[Settings], Any]:
    """copy_of(template): a context manager with the Settings of a fresh copy."""
    return lambda template: scratch_database(target, template=template)


@pytest.fixture
def scratch(copy_of: Callable[[Settings], Any], scratch_template: Settings) -> Iterator[Settings]:
    """A database at head for one test, which may do with it what it likes."""
    with copy_of(scratch_template) as settings:
        yield settings


@pytest.fixture(scope="module")
def shared_scratch(copy_of: Callable[[Settings], Any], scratch_template: Settings) -> Iterator[Settings]:
    """A database at head for the tests of one module."""
    with copy_of(scratch_template) as settings:
        yield settings


@pytest.fixture
def planted(shared_scratch: Settings) -> Iterator[Any]:
    """The owner's connection to the module's scratch database; what the test does is rolled back."""
    with closing(connect(shared_scratch, role=OWNER, options={"search_path": "pg_catalog"})) as connection:
        yield connection
        connection.rollback()


@pytest.fixture(scope="session")
def filled_template(copy_of: Callable[[Settings], Any], scratch_template: Settings) -> Iterator[Settings]:
    """A scratch database with a small sample shop. To be copied only."""
    with copy_of(scratch_template) as settings:
        sample.fill(settings)
        yield settings


@pytest.fixture(scope="session")
def small_shop(copy_of: Callable[[Settings], Any], scratch_template: Settings) -> Iterator[Settings]:
    """A scratch database with schema/guards/small_shop.sql, written with every guard on. To be copied only."""
    with copy_of(scratch_template) as settings:
        with closing(connect(settings, role=OWNER)) as connection, connection.cursor() as cursor:
            cursor.execute(SMALL_SHOP.read_text(encoding="utf-8"))
            connection.commit()
        yield settings


@pytest.fixture
def filled(copy_of: Callable[[Settings], Any], filled_template: Settings) -> Iterator[Settings]:
    """A sample shop for one test, which may do with it what it likes."""
    with copy_of(filled_template) as settings:
        yield settings
