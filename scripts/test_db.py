"""Validates the configured database: settings from the environment and scripts/.env, else the embedded server.

    pytest scripts/test_db.py                 everything that may be done on that server
    pytest scripts/test_db.py -m target       only what reads it: safe on production
    pytest scripts/test_db.py --scratch       scratch databases beside a production database too

Two kinds, told apart by their marker:

    target     reads the database through a connection that cannot write
    scratch    writes, in databases of its own on the same server, which are dropped afterwards

The rules stand in ecommerce_dms/db_tests/, each with the query that finds what breaks it and with faults that the
query must find: planted in a scratch database, they prove that the check can fail. What the database refuses is data as well:
schema/guards/ lists each rule with its guard, the attack on it, and the invariant that sees what the guard would prevent.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing
from typing import Any

import pytest
from ecommerce_dms import fingerprint
from ecommerce_dms.connection import connect
from ecommerce_dms.db_tests import (
    bad_writes,
    columns,
    concurrency,
    corruptions,
    data,
    drift,
    folds,
    guards,
    keys,
    names,
    privileges,
    triggers,
)
from ecommerce_dms.db_tests.check import Check, rows
from ecommerce_dms.roles import OWNER
from ecommerce_dms.settings import Settings
from models import metadata
from psycopg2 import errors
from sqlalchemy import Table

STRUCTURE = [*columns.CHECKS, *names.CHECKS, *keys.CHECKS, *triggers.CHECKS]
ALL_CHECKS = [*drift.CHECKS, *STRUCTURE, *privileges.CHECKS, *data.CHECKS]


@pytest.mark.target
class TestTarget:
    """What must hold of the configured database; nothing is written to it."""

    def test_the_connection_cannot_write(self, target_connection: Any) -> None:
        assert rows(target_connection, "SHOW transaction_read_only") == [("on",)]

    @pytest.mark.parametrize("check", drift.CHECKS, ids=str)
    def test_revision(self, check: Check, target_connection: Any) -> None:
        refuse(findings(check, target_connection))

    def test_the_schema_is_the_one_of_schema_sql(self, target_connection: Any, request: pytest.FixtureRequest) -> None:
        actual = fingerprint.read(target_connection)
        if actual.digest != fingerprint.committed(drift.SCHEMA_SQL):
            refuse(drift.differences(actual, fresh_fingerprint(request)))

    @pytest.mark.parametrize("check", STRUCTURE, ids=str)
    def test_structure(self, check: Check, target_connection: Any) -> None:
        refuse(findings(check, target_connection))

    @pytest.mark.parametrize("check", privileges.CHECKS, ids=str)
    def test_privileges(self, check: Check, target_connection: Any) -> None:
        refuse(findings(check, target_connection))

    @pytest.mark.parametrize("check", data.CHECKS, ids=str)
    def test_data(self, check: Check, target_connection: Any) -> None:
        refuse(findings(check, target_connection))


@pytest.mark.scratch
class TestChecksHaveTeeth:
    """Every check above finds the faults that it is there for."""

    @pytest.mark.parametrize("check", ALL_CHECKS, ids=str)
    def test_fresh_database_passes(self, check: Check, planted: Any) -> None:
        refuse(check.find(planted))

    @pytest.mark.parametrize(
        ("check", "sentence"), [(check, sentence) for check in ALL_CHECKS for sentence in check.faults], ids=str
    )
    def test_planted_fault_is_found(self, check: Check, sentence: str, planted: Any) -> None:
        with planted.cursor() as cursor:
            try:
                cursor.execute(check.faults[sentence])
            except errors.InsufficientPrivilege as error:
                pytest.skip(f"this user may not plant the fault: {error}")
        found = check.find(planted)
        assert any(sentence in each for each in found), found

    def test_drift_is_told_object_by_object(self, planted: Any) -> None:
        fresh = fingerprint.read(planted)
        with planted.cursor() as cursor:
            cursor.execute("ALTER TABLE shop.coupons DROP CONSTRAINT ck_coupons_within_usage_limit")
        told = drift.differences(fingerprint.read(planted), fresh)
        assert "missing: constraint ck_coupons_within_usage_limit of shop.coupons" in "\n".join(told)


@pytest.fixture(scope="module")
def unguarded(copy_of: Callable[[Settings], Any], filled_template: Settings) -> Iterator[Any]:
    """The owner's connection to a sample shop whose triggers are off, so that its constraints alone answer.

    One transaction for all tests, which end theirs at a savepoint; it is never committed.
    """
    with copy_of(filled_template) as settings, closing(connect(settings, role=OWNER)) as connection:
        with connection.cursor() as cursor:
            for table in metadata.sorted_tables:
                cursor.execute(f"ALTER TABLE {table.fullname} DISABLE TRIGGER USER")
            cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        yield connection
        connection.rollback()


@pytest.fixture
def unguarded_rows(unguarded: Any) -> Iterator[Any]:
    """The same connection; what the test does is rolled back."""
    with unguarded.cursor() as cursor:
        cursor.execute("SAVEPOINT test")
        yield unguarded
        cursor.execute("ROLLBACK TO SAVEPOINT test")


@pytest.mark.scratch
class TestBadWrites:
    """Each constraint refuses, by its own name, one write that breaks it."""

    @pytest.mark.parametrize("constraint", bad_writes.constraints_of_models(), ids=str)
    def test_constraint_refuses(self, constraint: bad_writes.Constraint, unguarded_rows: Any) -> None:
        statement = bad_writes.attack(unguarded_rows, constraint)
        error = bad_writes.refusal(unguarded_rows, constraint, statement)
        assert error is not None, f"accepted: {statement}"
        assert (error.pgcode, error.diag.constraint_name) == (constraint.sqlstate, constraint.name), error

    @pytest.mark.parametrize("table", metadata.sorted_tables, ids=lambda table: table.name)
    def test_not_null_refuses(self, table: Table, unguarded_rows: Any) -> None:
        refuse(bad_writes.nullable_by_mistake(unguarded_rows, table))

    def test_no_constraint_of_the_database_is_left_out(self, planted: Any) -> None:
        assert bad_writes.constraints_of_database(planted) == bad_writes.constraints_of_models()

    def test_no_bad_value_is_left_over(self) -> None:
        assert bad_writes.stale_bad_values() == []

    def test_every_table_has_rows(self, unguarded_rows: Any) -> None:
        tables = [table.fullname for table in metadata.sorted_tables]
        found = rows(unguarded_rows, " UNION ALL ".join(f"SELECT '{t}', count(*) FROM {t}" for t in tables))
        assert [name for name, count in found if not count] == []

    def test_a_write_is_accepted_once_its_constraint_is_gone(self, unguarded_rows: Any) -> None:
        constraint = bad_writes.Constraint("orders", "ck_orders_total_adds_up")
        statement = bad_writes.attack(unguarded_rows, constraint)
        with unguarded_rows.cursor() as cursor:
            cursor.execute("ALTER TABLE shop.orders DROP CONSTRAINT ck_orders_total_adds_up")
        assert bad_writes.refusal(unguarded_rows, constraint, statement) is None


# The guard proof: its tests stand beside what they have in common.
TestAttacks = guards.TestAttacks
TestUpkeep = guards.TestUpkeep
TestOtherWaysIn = guards.TestOtherWaysIn
TestCompleteness = guards.TestCompleteness
TestCorruptions = corruptions.TestCorruptions
TestPaymentFold = folds.TestPaymentFold
TestRaces = concurrency.TestRaces
TestNoDeadlock = concurrency.TestNoDeadlock
TestRushes = concurrency.TestRushes


def findings(check: Check, connection: Any) -> list[str]:
    """What breaks the claim; skips what the configured user may not look at."""
    try:
        return check.find(connection)
    except errors.InsufficientPrivilege as error:
        pytest.skip(f"{str(error).splitlines()[0]}; connect as a member of shop_migrator to check this")


def refuse(found: list[str]) -> None:
    """Fail with one finding a line, and nothing else."""
    if found:
        pytest.fail("\n".join(found), pytrace=False)


def fresh_fingerprint(request: pytest.FixtureRequest) -> fingerprint.Fingerprint | None:
    """Of a database that was just upgraded; None where none may be made."""
    try:
        scratch = request.getfixturevalue("scratch_template")
    except pytest.skip.Exception:
        return None
    with closing(connect(scratch)) as connection:
        return fingerprint.read(connection)
