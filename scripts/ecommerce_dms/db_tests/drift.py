"""Whether the database is what this repository makes: at its newest revision, object for object."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ecommerce_dms import fingerprint, migrations
from ecommerce_dms.db_tests.check import Check, rows
from ecommerce_dms.fingerprint import Fingerprint

SCHEMA_SQL = Path(__file__).parents[3] / "schema" / "schema.sql"


def not_at_head(connection: Any) -> list[str]:
    """The revision that the database is at, unless it is the newest one here."""
    found = [revision for (revision,) in rows(connection, "SELECT version_num FROM shop.alembic_version")]
    if found == [migrations.head()]:
        return []
    return [
        f"the database is at revision {', '.join(found) or 'none'}, the repository at {migrations.head()}: "
        "cd schema && alembic upgrade head"
    ]


def differences(actual: Fingerprint, fresh: Fingerprint | None) -> str | None:
    """What to tell a reader when the database is not what schema.sql says; None when it is.

    `fresh` is the fingerprint of a database that was just upgraded; None where none can be made.
    """
    committed = fingerprint.committed(SCHEMA_SQL)
    if actual.digest == committed:
        return None
    if fresh is None:
        return (
            "the database is not what schema/schema.sql says. To see where: upgrade an empty database and "
            "compare it by pg_dump -s, or run this where a scratch database may be made (--scratch)"
        )
    stale = "" if fresh.digest == committed else "schema/schema.sql is stale: run scripts/dump_schema.py\n"
    found = fingerprint.difference(fresh, actual)
    return stale + "\n".join(["the migrations make it otherwise:", *found] if found else [])


CHECKS = (
    Check(
        "the database is at the newest revision",
        not_at_head,
        fault="UPDATE shop.alembic_version SET version_num = '0001'",
        names="the database is at revision 0001",
    ),
)
