"""Violates each constraint once, in a scratch database with data, where the constraint alone can answer.

The triggers of the tables are off, since they often refuse first. So do other constraints: an order whose total is
wrong is also not covered by its payments. A constraint that answers first is dropped, and the write repeated, until
the one that is meant answers or the write is accepted. All of it is rolled back.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from models import metadata
from psycopg2 import errors, sql
from sqlalchemy import CheckConstraint, ForeignKeyConstraint, PrimaryKeyConstraint, Table, UniqueConstraint
from sqlalchemy.dialects.postgresql import ExcludeConstraint

from ecommerce_dms.db_tests import bad_values
from ecommerce_dms.db_tests.check import rows

_SQLSTATES = {"pk": "23505", "uq": "23505", "ex": "23P01", "ck": "23514", "fk": "23503"}

_KINDS = (CheckConstraint, ForeignKeyConstraint, PrimaryKeyConstraint, UniqueConstraint, ExcludeConstraint)


@dataclass(frozen=True, order=True)
class Constraint:
    """A constraint or unique index of a table, by its name, which begins with its kind: pk, uq, ex, ck or fk."""

    table: str
    name: str

    @property
    def kind(self) -> str:
        return self.name[:2]

    @property
    def sqlstate(self) -> str:
        """What the server answers when it is violated."""
        return _SQLSTATES[self.kind]

    def __str__(self) -> str:
        return self.name


def constraints_of_models() -> list[Constraint]:
    """All named constraints and unique indexes that the models declare."""
    return sorted(
        Constraint(table.name, str(each.name))
        for table in metadata.tables.values()
        for each in [*table.constraints, *table.indexes]
        if isinstance(each, _KINDS) or getattr(each, "unique", False)
    )


def constraints_of_database(connection: Any) -> list[Constraint]:
    """All named constraints and unique indexes that the database has."""
    return [
        Constraint(*row)
        for row in rows(
            connection,
            """
            SELECT relname::text, conname::text FROM pg_constraint JOIN pg_class ON pg_class.oid = conrelid
            WHERE connamespace = 'shop'::regnamespace AND contype IN ('c', 'f', 'p', 'u', 'x')
              AND relname <> 'alembic_version'
            UNION
            SELECT t.relname::text, i.relname::text
            FROM pg_index JOIN pg_class AS t ON t.oid = indrelid JOIN pg_class AS i ON i.oid = indexrelid
            WHERE indisunique AND t.relnamespace = 'shop'::regnamespace AND t.relname <> 'alembic_version'
            ORDER BY 1, 2
            """,
        )
    ]


def attack(connection: Any, constraint: Constraint) -> str:
    """A statement that violates the constraint, if its table has a row for it.

    Raises LookupError when a CHECK has no bad value: add one to bad_values.py.
    """
    if constraint.kind == "ck":
        return _update(constraint.table, _bad_value(constraint))
    if constraint.kind == "fk":
        return _update(constraint.table, _reference_to_nothing(constraint))
    return _insert_again(connection, constraint)


def refusal(connection: Any, constraint: Constraint, statement: str) -> errors.IntegrityError | None:
    """The error by which the constraint refuses the statement, whatever else would; None when it is accepted.

    Raises LookupError when the statement found no row to write.
    """
    with connection.cursor() as cursor:
        for _ in range(30):
            cursor.execute("SAVEPOINT attack")
            try:
                cursor.execute(statement)
            except errors.IntegrityError as error:
                cursor.execute("ROLLBACK TO SAVEPOINT attack")
                if error.diag.constraint_name == constraint.name or not error.diag.constraint_name:
                    return error
                _drop(cursor, error.diag.table_name, error.diag.constraint_name)
            else:
                if not cursor.rowcount:
                    raise LookupError(f"no row of shop.{constraint.table} fits: {statement}")
                return None
    raise AssertionError(f"too many constraints answer before {constraint}")


def nullable_by_mistake(connection: Any, table: Table) -> list[str]:
    """The NOT NULL columns of a table that accept NULL all the same.

    A generated column cannot be written at all, and so not be NULL by a write to it.
    """
    accepted = []
    for column in (c for c in table.columns if not c.nullable and c.computed is None):
        with connection.cursor() as cursor:
            cursor.execute("SAVEPOINT attack")
            try:
                cursor.execute(_copy_row(table.name, {column.name: "NULL"}))
            except errors.NotNullViolation as error:
                if (error.diag.table_name, error.diag.column_name) != (table.name, column.name):
                    raise
            else:
                accepted.append(f"shop.{table.name}.{column.name} accepts NULL")
            cursor.execute("ROLLBACK TO SAVEPOINT attack")
    return accepted


def _bad_value(constraint: Constraint) -> str:
    """The SET clause that breaks a CHECK."""
    rule = constraint.name.removeprefix(f"ck_{constraint.table}_")
    if rule in bad_values.BY_NAME.get(constraint.table, {}):
        return bad_values.BY_NAME[constraint.table][rule]
    columns = metadata.tables[f"shop.{constraint.table}"].columns
    for ending, value in bad_values.BY_ENDING.items():
        if rule.endswith(ending) and rule.removesuffix(ending) in columns:
            return f'"{rule.removesuffix(ending)}" = {value}'
    raise LookupError(f"{constraint.name} has no bad value: add one to db_tests/bad_values.py")


def _reference_to_nothing(constraint: Constraint) -> str:
    """The SET clause by which a foreign key refers to nothing.

    All columns that may be NULL are set, since a key with a NULL is not checked; else the last one alone.
    """
    if constraint.name in bad_values.FOREIGN_KEYS:
        return bad_values.FOREIGN_KEYS[constraint.name]
    (key,) = (
        each
        for each in metadata.tables[f"shop.{constraint.table}"].foreign_key_constraints
        if each.name == constraint.name
    )
    columns = [column for column in key.columns if column.nullable] or [list(key.columns)[-1]]
    nothing = {"uuid": "uuidv7()", "str": "'no such value'", "int": "-1"}
    return ", ".join(f'"{column.name}" = {nothing[column.type.python_type.__name__.lower()]}' for column in columns)


def _update(table: str, values: str) -> str:
    return f"UPDATE shop.{table} SET {values} WHERE ctid = (SELECT min(ctid) FROM shop.{table})"


def _insert_again(connection: Any, constraint: Constraint) -> str:
    """Inserts a row that is there already, one that the unique index holds: by its predicate, and without NULL."""
    ((condition,),) = rows(
        connection,
        """
        SELECT concat_ws(' AND ', pg_get_expr(indpred, indrelid),
                         (SELECT string_agg(format('%%I IS NOT NULL', attname), ' AND ') FROM pg_attribute
                          WHERE attrelid = indrelid AND attnum = ANY (indkey::int2[])))
        FROM pg_index WHERE indexrelid = %s::regclass
        """,
        (f"shop.{constraint.name}",),
    )
    return _copy_row(constraint.table, {}, condition)


def _copy_row(table: str, changed: dict[str, str], condition: str = "true") -> str:
    names = [c.name for c in metadata.tables[f"shop.{table}"].columns if c.computed is None]
    columns = ", ".join(f'"{name}"' for name in names)
    values = ", ".join(changed.get(name, f'"{name}"') for name in names)
    return (
        f"INSERT INTO shop.{table} ({columns}) OVERRIDING SYSTEM VALUE "
        f"SELECT {values} FROM shop.{table} WHERE {condition} LIMIT 1"
    )


def _drop(cursor: Any, table: str, name: str) -> None:
    """Dropped with what depends on it, such as the foreign keys that refer to a unique key."""
    cursor.execute(
        "SELECT EXISTS (SELECT FROM pg_constraint WHERE conrelid = %s::regclass AND conname = %s)",
        (f"shop.{table}", name),
    )
    statement = (
        "ALTER TABLE shop.{table} DROP CONSTRAINT {name} CASCADE"
        if cursor.fetchone()[0]
        else "DROP INDEX shop.{name} CASCADE"
    )
    cursor.execute(sql.SQL(statement).format(table=sql.Identifier(table), name=sql.Identifier(name)))


def stale_bad_values() -> list[str]:
    """Entries of bad_values.py whose constraint is gone."""
    known = {constraint.name for constraint in constraints_of_models()}
    checks = {f"ck_{table}_{rule}" for table, rules in bad_values.BY_NAME.items() for rule in rules}
    return sorted((checks | bad_values.FOREIGN_KEYS.keys()) - known)
