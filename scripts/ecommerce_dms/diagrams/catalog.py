"""What the catalogue of a live PostgreSQL says about the tables of one schema, as plain dataclasses.

It reads any schema of PostgreSQL 15 or newer, as any user: nothing here knows the shop. Partitions are named at their
parent, of which they are parts, and are no tables of their own.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ecommerce_dms.console import UserError

QUERIES = Path(__file__).with_name("catalog.sql")

# Kept by Alembic, not part of what a schema says.
BOOKKEEPING = {"alembic_version"}


@dataclass(frozen=True)
class Column:
    """One column. `default` is an expression, also of a generated column, or how an identity is filled."""

    name: str
    type: str
    nullable: bool
    default: str = ""
    generated: bool = False
    comment: str = ""


@dataclass(frozen=True)
class ForeignKey:
    """A foreign key; `target` is a table of the same schema, or `schema.table` of another."""

    name: str
    table: str
    columns: tuple[str, ...]
    target: str
    target_columns: tuple[str, ...]
    on_delete: str = ""
    comment: str = ""


@dataclass(frozen=True)
class Check:
    """A CHECK or EXCLUDE constraint, as PostgreSQL prints it."""

    name: str
    expression: str
    comment: str = ""


@dataclass(frozen=True)
class Index:
    """An index. `key` are its expressions in order; `condition` is empty unless it is partial."""

    name: str
    method: str
    unique: bool
    primary: bool
    key: tuple[str, ...]
    included: tuple[str, ...] = ()
    condition: str = ""
    comment: str = ""


@dataclass(frozen=True)
class Trigger:
    """A trigger: when it fires, which function it runs, and what that function says it is for."""

    name: str
    timing: str
    events: tuple[str, ...]
    function: str
    arguments: tuple[str, ...]
    comment: str = ""
    function_comment: str = ""


@dataclass(frozen=True)
class Table:
    """One table with all that belongs to it, its columns in their order."""

    name: str
    comment: str
    columns: tuple[Column, ...]
    primary_key: tuple[str, ...] = ()
    unique_keys: tuple[tuple[str, ...], ...] = ()
    foreign_keys: tuple[ForeignKey, ...] = ()
    checks: tuple[Check, ...] = ()
    indexes: tuple[Index, ...] = ()
    triggers: tuple[Trigger, ...] = ()
    partitions: tuple[str, ...] = ()
    partitioned_by: str = ""

    def column(self, name: str) -> Column:
        """The column of that name."""
        return next(column for column in self.columns if column.name == name)

    def keys(self) -> tuple[tuple[str, ...], ...]:
        """All column lists of which two rows never have the same values."""
        return ((self.primary_key,) if self.primary_key else ()) + self.unique_keys

    def is_optional(self, key: ForeignKey) -> bool:
        """Whether a row may have no parent: MATCH SIMPLE checks nothing when one column is NULL."""
        return any(self.column(name).nullable for name in key.columns)

    def is_one_to_one(self, key: ForeignKey) -> bool:
        """Whether a parent has at most one row here, since a unique key lies within the foreign key."""
        return any(set(unique) <= set(key.columns) for unique in self.keys())


@dataclass(frozen=True)
class Catalog:
    """The tables of one schema by name, sorted, and what a column's enum types may be."""

    schema: str
    tables: dict[str, Table]
    enums: dict[str, tuple[str, ...]] = field(default_factory=dict)

    def foreign_keys(self) -> list[ForeignKey]:
        """All foreign keys, by table and name."""
        return [key for table in self.tables.values() for key in table.foreign_keys]


def read(connection: Any, schema: str) -> Catalog:
    """The catalogue of a schema as the connection sees it. Raises UserError when there is no such schema or table."""
    rows = _rows(connection, schema)
    names = [name for (name, *_) in rows["tables"] if name not in BOOKKEEPING]
    if not names:
        raise UserError(f"Schema {schema!r} has no tables here: give an existing one with --schema.")
    columns = _grouped(rows["columns"])
    keys = _grouped(rows["keys"])
    foreign = _grouped(rows["foreign_keys"])
    checks = _grouped(rows["checks"])
    indexes = _grouped(rows["indexes"])
    triggers = _grouped(rows["triggers"])
    tables = {
        name: Table(
            name=name,
            comment=comment,
            columns=tuple(_column(row, schema) for row in columns.get(name, [])),
            primary_key=next((tuple(key) for primary, key in keys.get(name, []) if primary), ()),
            unique_keys=tuple(tuple(key) for primary, key in keys.get(name, []) if not primary),
            foreign_keys=tuple(_foreign_key(name, row, schema) for row in foreign.get(name, [])),
            checks=tuple(Check(*row) for row in checks.get(name, [])),
            indexes=tuple(_index(row) for row in indexes.get(name, [])),
            triggers=tuple(_trigger(row) for row in triggers.get(name, [])),
            partitions=tuple(partitions),
            partitioned_by=partitioned_by,
        )
        for name, comment, partitioned_by, partitions in rows["tables"]
        if name in names
    }
    return Catalog(schema, tables, {name: tuple(labels) for name, labels in rows["enums"]})


def _rows(connection: Any, schema: str) -> dict[str, list[tuple]]:
    """The result of each query of catalog.sql, all in one snapshot, by the name that stands above the query."""
    parts = re.split(r"^-- query: (\w+)$", QUERIES.read_text(encoding="utf-8"), flags=re.MULTILINE)
    found = {}
    with connection.cursor() as cursor:
        # So that expressions are printed with names in full, whatever the database or the user has set.
        cursor.execute("SET search_path = pg_catalog")
        for name, query in zip(parts[1::2], parts[2::2], strict=True):
            cursor.execute(query, {"schema": schema})
            found[name] = cursor.fetchall()
    return found


def _grouped(rows: Iterable[tuple]) -> dict[str, list[tuple]]:
    grouped: dict[str, list[tuple]] = {}
    for table, *rest in rows:
        grouped.setdefault(table, []).append(tuple(rest))
    return grouped


def _column(row: tuple, schema: str) -> Column:
    name, type_, nullable, default, generated, comment = row
    return Column(name, short_type(type_, schema), nullable, default, generated, comment)


def short_type(name: str, schema: str) -> str:
    """A type as people write it: timestamptz, varchar(40), and without the schema that all the tables are in."""
    name = re.sub(r"^timestamp(\(\d\))? with time zone", r"timestamptz\1", name)
    name = re.sub(r"^timestamp(\(\d\))? without time zone", r"timestamp\1", name)
    name = re.sub(r"^time(\(\d\))? without time zone", r"time\1", name)
    name = name.replace("character varying", "varchar").replace("double precision", "float8")
    return name.removeprefix(f"{schema}.").replace('"', "")


def _foreign_key(table: str, row: tuple, schema: str) -> ForeignKey:
    name, columns, target_schema, target, target_columns, on_delete, comment = row
    full = target if target_schema == schema else f"{target_schema}.{target}"
    return ForeignKey(name, table, tuple(columns), full, tuple(target_columns), on_delete, comment)


def _index(row: tuple) -> Index:
    name, method, unique, primary, key, included, condition, comment = row
    return Index(name, method, unique, primary, tuple(key), tuple(included), condition, comment)


def _trigger(row: tuple) -> Trigger:
    name, timing, events, function, arguments, comment, function_comment = row
    # Arguments stand one after the other, each ended by a zero byte.
    texts = bytes(arguments).decode().split("\0")[:-1]
    return Trigger(name, timing, tuple(events), function, tuple(texts), comment, function_comment)
