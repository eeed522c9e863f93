"""What the models must keep before any server sees them."""

from __future__ import annotations

from models import metadata
from sqlalchemy import BigInteger

TABLES = metadata.sorted_tables
COLUMNS = [column for table in TABLES for column in table.columns]


def names() -> list[str]:
    return [
        str(named.name)
        for table in TABLES
        for named in [table, *table.columns, *table.constraints, *table.indexes]
        if named.name is not None
    ]


def test_no_name_is_longer_than_postgresql_keeps() -> None:
    assert [name for name in names() if len(name.encode()) > 63] == []


def test_every_constraint_has_a_name() -> None:
    assert [each for table in TABLES for each in table.constraints if not each.name] == []


def test_comments_are_sentences() -> None:
    commented = {f"{t.name}": t.comment for t in TABLES} | {f"{c.table.name}.{c.name}": c.comment for c in COLUMNS}
    assert [name for name, comment in commented.items() if not (comment or "").endswith((".", ".)"))] == []


def test_money_is_bigint() -> None:
    money = [column for column in COLUMNS if column.name.endswith("_minor")]
    assert money
    assert [column for column in money if not isinstance(column.type, BigInteger)] == []
