"""Validates the configured database: settings from the environment and scripts/.env, else the embedded server.

    pytest scripts/test_db.py                 everything that may be done on that server
    pytest scripts/test_db.py -m target       only what reads it: safe on production
    pytest scripts/test_db.py --scratch       scratch databases beside a production database too

Two kinds, told apart by their marker:

    target     reads the database through a connection that cannot write
    scratch    writes, in databases of its own on the same server, which are dropped afterwards

The rules stand in ecommerce_dms/db_tests/, each with the query that finds what breaks it and with a fault that the
query must find: planted in a scratch database, it proves that the check can fail.
"""

from __future__ import annotations

from contextlib import closing
from typing import Any

import pytest
from ecommerce_dms import fingerprint
from ecommerce_dms.connection import connect
from ecommerce_dms.db_tests import data, drift, privileges, structure
from ecommerce_dms.db_tests.check import Check
from psycopg2 import errors

ALL_CHECKS = [*drift.CHECKS, *structure.CHECKS, *privileges.CHECKS, *data.CHECKS]


@pytest.mark.target
class TestTarget:
    """What must hold of the configured database; nothing is written to it."""

    @pytest.mark.parametrize("check", drift.CHECKS, ids=str)
    def test_revision(self, check: Check, target_connection: Any) -> None:
        refuse(check.find(target_connection))

    def test_the_schema_is_the_one_of_schema_sql(self, target_connection: Any, request: pytest.FixtureRequest) -> None:
        actual = fingerprint.read(target_connection)
        if actual.digest != fingerprint.committed(drift.SCHEMA_SQL):
            refuse(drift.differences(actual, fresh_fingerprint(request)))

    @pytest.mark.parametrize("check", structure.CHECKS, ids=str)
    def test_structure(self, check: Check, target_connection: Any) -> None:
        refuse(check.find(target_connection))

    @pytest.mark.parametrize("check", privileges.CHECKS, ids=str)
    def test_privileges(self, check: Check, target_connection: Any) -> None:
        refuse(check.find(target_connection))

    @pytest.mark.parametrize("check", data.CHECKS, ids=str)
    def test_data(self, check: Check, target_connection: Any) -> None:
        refuse(check.find(target_connection))


@pytest.mark.scratch
class TestChecksHaveTeeth:
    """Every check above finds the fault that it is there for."""

    @pytest.mark.parametrize("check", ALL_CHECKS, ids=str)
    def test_planted_fault_is_found(self, check: Check, planted: Any) -> None:
        refuse(check.find(planted))
        with planted.cursor() as cursor:
            try:
                cursor.execute(check.fault)
            except errors.InsufficientPrivilege as error:
                pytest.skip(f"this user may not plant the fault: {error}")
        assert any(check.names in sentence for sentence in check.find(planted)), check.find(planted)

    def test_drift_is_told_object_by_object(self, planted: Any) -> None:
        fresh = fingerprint.read(planted)
        with planted.cursor() as cursor:
            cursor.execute("ALTER TABLE shop.coupons DROP CONSTRAINT ck_coupons_within_usage_limit")
        told = drift.differences(fingerprint.read(planted), fresh)
        assert "missing: constraint ck_coupons_within_usage_limit of shop.coupons" in "\n".join(told)


def refuse(findings: list[str]) -> None:
    """Fail with one finding a line, and nothing else."""
    if findings:
        pytest.fail("\n".join(findings), pytrace=False)


def fresh_fingerprint(request: pytest.FixtureRequest) -> fingerprint.Fingerprint | None:
    """Of a database that was just upgraded; None where none may be made."""
    try:
        scratch = request.getfixturevalue("scratch_template")
    except pytest.skip.Exception:
        return None
    with closing(connect(scratch)) as connection:
        return fingerprint.read(connection)
