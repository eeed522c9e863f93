"""Runs checks on one connection that cannot write, each in a transaction and with a time limit of its own.

A check that cannot be run is left out with the reason; one that fails is a finding of its own, since nobody knows what it
would have said.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import psycopg2

from ecommerce_dms.connection import connect
from ecommerce_dms.health.checks import REQUIREMENTS, Check
from ecommerce_dms.roles import OWNER
from ecommerce_dms.settings import Settings

SEVERITIES = ("ok", "warning", "critical")

_SECONDS_PER_CHECK = 10
# The order of verify_integrity(): all rows of all tables.
_SECONDS_FOR_INTEGRITY = 3600


@dataclass(frozen=True)
class Finding:
    """A fault: one row of a check."""

    severity: str
    subject: str
    value: float | None
    unit: str
    message: str


@dataclass(frozen=True)
class Result:
    """What came of one check. `left_out` and `failed` hold the reason, or nothing."""

    check: Check
    findings: tuple[Finding, ...] = ()
    left_out: str = ""
    failed: str = ""
    seconds: float = 0.0

    @property
    def severity(self) -> str | None:
        """The worst of its findings; None where it said nothing."""
        if self.left_out or self.failed:
            return None
        return max((finding.severity for finding in self.findings), key=SEVERITIES.index, default="ok")


@dataclass(frozen=True)
class Facts:
    """What the server does not know of itself. Empty: unknown, and `reasons` may say why."""

    storage_gib: str = ""
    certificate_valid_until: str = ""
    authority_valid_until: str = ""
    no_certificate: str = ""
    integrity: bool = False


def examine(settings: Settings, checks: list[Check], thresholds: Mapping[str, str], facts: Facts) -> list[Result]:
    """The results, in the order of the checks. Raises ConnectionFailed when the server cannot be reached."""
    connection = connect(
        settings,
        application_name="ecommerce-dms health",
        options={
            "default_transaction_read_only": "on",
            "search_path": "pg_catalog",
            "timezone": "UTC",
            "lock_timeout": "1s",
            "idle_in_transaction_session_timeout": "60s",
        },
    )
    try:
        able = _abilities(connection, facts)
        return [_run(connection, check, thresholds, facts, able) for check in checks]
    finally:
        connection.close()


@dataclass(frozen=True)
class _Able:
    """What this user on this server can do, and as whom the shop is asked."""

    missing: Mapping[str, str]
    shop_role: str


def _abilities(connection: Any, facts: Facts) -> _Able:
    """Which requirements are not met here, with the reason."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT pg_is_in_recovery(), to_regprocedure('aurora_version()') IS NOT NULL, session_user,
                   asked.oid IS NOT NULL,
                   coalesce(has_schema_privilege(pronamespace, 'USAGE') AND has_function_privilege(asked.oid, 'EXECUTE'), false),
                   coalesce((SELECT pg_has_role(oid, 'SET') FROM pg_roles WHERE rolname = %s), false),
                   pg_has_role('pg_monitor', 'USAGE')
            FROM (VALUES (1)) AS one
            LEFT JOIN (pg_proc AS asked JOIN pg_namespace AS n ON n.oid = pronamespace)
                 ON nspname = 'api' AND proname = 'shop_health'
            """,
            (OWNER,),
        )
        replica, aurora, user, has_shop, may_ask, may_own, may_monitor = cursor.fetchone()
    connection.rollback()
    missing = {}
    if not may_monitor:
        missing["statistics"] = f"user {user} is no member of pg_monitor: GRANT shop_monitor TO {user}"
    if not has_shop:
        missing["shop"] = "this database holds no shop, or one before revision 0024: cd schema && alembic upgrade head"
    elif not (may_ask or may_own):
        missing["shop"] = f"user {user} may not execute api.shop_health(): GRANT shop_monitor TO {user}"
    if replica:
        missing["primary"] = REQUIREMENTS["primary"]
    if aurora:
        missing["wal"] = "Aurora replicates by its storage: watch AuroraReplicaLag in CloudWatch"
    if not facts.storage_gib:
        missing["storage"] = REQUIREMENTS["storage"]
    if not facts.certificate_valid_until:
        missing["certificate"] = facts.no_certificate or REQUIREMENTS["certificate"]
    if not facts.integrity:
        missing["integrity"] = REQUIREMENTS["integrity"]
    # A developer's master is no monitor, but may become the owner: the counting functions are the same.
    return _Able(missing, "" if may_ask else OWNER)


def _run(connection: Any, check: Check, thresholds: Mapping[str, str], facts: Facts, able: _Able) -> Result:
    # What is no check of the shop reads statistics of other users' sessions.
    needed = check.requires if "shop" in check.requires else ("statistics", *check.requires)
    if able.shop_role and {"shop", "statistics"} <= set(check.requires):
        return Result(check, left_out=REQUIREMENTS["statistics"])
    for requirement in needed:
        if requirement in able.missing:
            return Result(check, left_out=able.missing[requirement])
    started = time.monotonic()
    try:
        with connection.cursor() as cursor:
            _prepare(cursor, check, thresholds, facts, able)
            cursor.execute(check.query)
            findings = tuple(_finding(row) for row in cursor.fetchall())
    except psycopg2.Error as error:
        connection.rollback()
        return Result(check, failed=str(error).strip().splitlines()[0], seconds=time.monotonic() - started)
    connection.rollback()
    return Result(check, findings, seconds=time.monotonic() - started)


def _prepare(cursor: Any, check: Check, thresholds: Mapping[str, str], facts: Facts, able: _Able) -> None:
    seconds = _SECONDS_FOR_INTEGRITY if "integrity" in check.requires else _SECONDS_PER_CHECK
    values = {name: thresholds[name] for name in check.settings} | {
        "storage_gib": facts.storage_gib,
        "certificate_valid_until": facts.certificate_valid_until,
        "authority_valid_until": facts.authority_valid_until,
    }
    cursor.execute("SELECT set_config('statement_timeout', %s, true)", (f"{seconds}s",))
    for name, value in values.items():
        cursor.execute("SELECT set_config('health.' || %s, %s, true)", (name, value))
    if "shop" in check.requires and able.shop_role:
        cursor.execute(f"SET LOCAL ROLE {able.shop_role}")


def _finding(row: tuple[Any, ...]) -> Finding:
    severity, subject, value, unit, message = row
    if severity not in SEVERITIES:
        raise ValueError(f"a check says severity {severity!r}; there are {', '.join(SEVERITIES)}")
    return Finding(severity, subject, float(value) if isinstance(value, Decimal | int) else None, unit, message)
