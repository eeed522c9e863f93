"""What a run of migrations must not do, and must not leave behind."""

from collections.abc import Sequence

import sqlalchemy
from alembic.runtime.migration import MigrationStep
from alembic.util import CommandError

_INVALID_INDEXES = """
    SELECT format('index %1$s is invalid: a CREATE INDEX CONCURRENTLY did not finish. '
                  'Run DROP INDEX CONCURRENTLY %1$s, then create it again', i.indexrelid::regclass)
    FROM pg_index AS i JOIN pg_class AS c ON c.oid = i.indexrelid
         JOIN pg_namespace AS n ON n.oid = c.relnamespace
    WHERE NOT i.indisvalid AND n.nspname IN ('shop', 'api')
    ORDER BY 1
"""

_UNVALIDATED_CONSTRAINTS = """
    SELECT format('constraint %1$I of %2$s was never validated: older rows may break it. '
                  'Run ALTER TABLE %2$s VALIDATE CONSTRAINT %1$I', c.conname, c.conrelid::regclass)
    FROM pg_constraint AS c JOIN pg_namespace AS n ON n.oid = c.connamespace
    WHERE NOT c.convalidated AND c.conrelid <> 0 AND n.nspname IN ('shop', 'api')
    ORDER BY 1
"""


def leftovers(connection: sqlalchemy.Connection) -> list[str]:
    """A sentence, with the remedy, for each invalid index and each constraint that is not validated."""
    found = [
        sentence
        for query in (_INVALID_INDEXES, _UNVALIDATED_CONSTRAINTS)
        for sentence in connection.execute(sqlalchemy.text(query)).scalars()
    ]
    connection.rollback()
    return found


def refuse_leftovers(connection: sqlalchemy.Connection) -> None:
    """Raise CommandError for any: a migration is done when the database enforces what it says."""
    found = leftovers(connection)
    if found:
        raise CommandError("the migrations ran, but left work undone: " + "; ".join(found))


def refuse_production_downgrade(
    connection: sqlalchemy.Connection, steps: Sequence[MigrationStep], allowed_database: str | None
) -> None:
    """Raise CommandError when `steps` go down and the database says that it is production.

    A downgrade drops columns and tables with what customers wrote into them. Production goes forward only: a
    mistake is undone by a new revision. `allowed_database` is the operator's word (`-x
    allow-production-downgrade=<name>`), which counts for the database of that name alone.
    """
    down = [step for step in steps if step.is_downgrade and not step.info.is_stamp]
    if not down or not is_production(connection):
        return
    name = connection.exec_driver_sql("SELECT current_database()").scalar_one()
    connection.rollback()
    if allowed_database != name:
        raise CommandError(
            f"database {name} is production (shop.deployment says so) and a downgrade destroys data: write a "
            f"new revision that goes forward. If its data may be lost: -x allow-production-downgrade={name}"
        )


def is_production(connection: sqlalchemy.Connection) -> bool:
    """Whether shop.deployment says so. Where that table is not yet made, there is nothing to protect."""
    known = connection.exec_driver_sql("SELECT to_regclass('shop.deployment') IS NOT NULL").scalar_one()
    production = known and bool(
        connection.exec_driver_sql(
            "SELECT count(*) FROM shop.deployment WHERE environment::text = 'production'"
        ).scalar_one()
    )
    connection.rollback()
    return production
