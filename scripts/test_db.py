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

import pytest

pytest.register_assert_rewrite("ecommerce_dms.db_tests")

from contextlib import closing

from ecommerce_dms import fingerprint
from ecommerce_dms.connection import connect
from ecommerce_dms.db_tests import data, drift, privileges, structure
from psycopg2 import errors

ALL_CHECKS = [*drift.CHECKS, *structure.CHECKS, *privileges.CHECKS, *data.CHECKS]


@pytest.mark.target
class TestTarget:
    """What must hold of the configured database, without writing to it."""

    @pytest.mark.parametrize("check", drift.CHECKS, ids=str)
    def test_revision(self, check, target_connection):
        assert check.find(target_connection) == []

    def test_the_schema_is_the_one_of_schema_sql(self, target_connection, request):
        actual = fingerprint.read(target_connection)
        if drift.differences(actual, None) is None:
            return
        try:
            fresh = read_fingerprint(request.getfixturevalue("scratch_template"))
        except pytest.skip.Exception:
            fresh = None
        pytest.fail(drift.differences(actual, fresh), pytrace=False)

    @pytest.mark.parametrize("check", structure.CHECKS, ids=str)
    def test_structure(self, check, target_connection):
        assert check.find(target_connection) == []

    @pytest.mark.parametrize("check", privileges.CHECKS, ids=str)
    def test_privileges(self, check, target_connection):
        assert check.find(target_connection) == []

    @pytest.mark.parametrize("check", data.CHECKS, ids=str)
    def test_data(self, check, target_connection):
        assert check.find(target_connection) == []


@pytest.mark.scratch
class TestChecksHaveTeeth:
    """Every check above finds the fault that it is there for."""

    @pytest.mark.parametrize("check", ALL_CHECKS, ids=str)
    def test_planted_fault_is_found(self, check, planted):
        assert check.find(planted) == [], "a fresh database must be without findings"
        with planted.cursor() as cursor:
            try:
                cursor.execute(check.fault)
            except errors.InsufficientPrivilege as error:
                pytest.skip(f"this user may not plant the fault: {error}")
        assert any(check.names in sentence for sentence in check.find(planted)), check.find(planted)


def read_fingerprint(settings):
    with closing(connect(settings)) as connection:
        return fingerprint.read(connection)
