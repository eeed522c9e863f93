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


def differences(actual: Fingerprint, fresh: Fingerprint | None) -> list[str]:
    """What to tell a reader about a database whose fingerprint is not the one in schema.sql.

    `fresh` is the fingerprint of a database that was just upgraded; None where none can be made.
    """
    if fresh is None:
        return [
            "the database is not what schema/schema.sql says. To see where: pg_dump -s it and an upgraded empty one, "
            "or run this where a scratch database may be made (--scratch)"
        ]
    found = fingerprint.difference(fresh, actual)
    if fresh.digest != fingerprint.committed(SCHEMA_SQL):
        found.insert(0, "schema/schema.sql is not what the migrations make: run scripts/dump_schema.py")
    return found


CHECKS = (
    Check(
        "the database is at the newest revision",
        not_at_head,
        faults={"the database is at revision 0001": "UPDATE shop.alembic_version SET version_num = '0001'"},
    ),
)
