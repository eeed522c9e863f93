"""What every model shares: the MetaData with its naming convention, and the few kinds of column the house uses.

Not for: tables (they live in the file of their area) or connections (a model never opens one).

The ground rules these helpers carry: money is a `bigint` in the currency's minor unit; time is `timestamptz`; text is
`text` under a CHECK of its length; what a customer creates has a UUIDv7 key that the client may make itself, what staff
create has a `bigint` identity; nothing is deleted by a cascade.
"""

from __future__ import annotations

import datetime as dt
import uuid
from decimal import Decimal
from typing import ClassVar

from sqlalchemy import (
    TIMESTAMP,
    BigInteger,
    CheckConstraint,
    Enum,
    ForeignKeyConstraint,
    Identity,
    MetaData,
    Numeric,
    Text,
    Uuid,
    text,
)
from sqlalchemy.orm import DeclarativeBase, Mapped, MappedColumn, mapped_column

SCHEMA = "shop"

# Names are derived, so that a migration, an error message and a test always call the same thing by the same name.
# PostgreSQL cuts names at 63 bytes in silence; a test asserts that none is longer.
NAMING_CONVENTION = {
    "pk": "pk_%(table_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s",
}

metadata = MetaData(schema=SCHEMA, naming_convention=NAMING_CONVENTION)


class Base(DeclarativeBase):
    """Base of all models; its metadata is what Alembic compares with the database."""

    metadata = metadata
    type_annotation_map: ClassVar = {
        str: Text,
        int: BigInteger,
        dt.datetime: TIMESTAMP(timezone=True),
        uuid.UUID: Uuid,
        Decimal: Numeric(9, 6),
    }


# Rates are fractions (0.200000 is 20 %), exact to a millionth: never a float.
RATE = Numeric(9, 6)


def identity_key(comment: str) -> MappedColumn[int]:
    """A `bigint` identity primary key: for what staff create."""
    return mapped_column(BigInteger, Identity(always=True), primary_key=True, comment=comment)


def uuid_key(comment: str) -> MappedColumn[uuid.UUID]:
    """A UUIDv7 primary key: for what a customer creates. The client may make it, so that a retry carries the same key.

    Put `uuid_version_check(column)` beside it in `__table_args__`.
    """
    return mapped_column(Uuid, primary_key=True, server_default=text("uuidv7()"), comment=comment)


def uuid_version_check(column: str) -> CheckConstraint:
    """Refuses a client-made key that is not a UUIDv7: a random key would scatter the index it is written to."""
    return CheckConstraint(f"uuid_extract_version({column}) = 7", name=f"{column}_is_uuidv7")


def money(comment: str, *, default: int | None = None, nullable: bool = False) -> MappedColumn[int]:
    """An amount in the currency's minor unit (cents for EUR, yen for JPY). The column's name ends in `_minor`."""
    return mapped_column(
        BigInteger,
        server_default=None if default is None else text(str(default)),
        nullable=nullable,
        comment=comment,
    )


def moment(comment: str, *, now: bool = False, nullable: bool = False) -> MappedColumn[dt.datetime]:
    """A `timestamptz`. With `now`, the start of the transaction is the default."""
    return mapped_column(
        TIMESTAMP(timezone=True),
        server_default=text("now()") if now else None,
        nullable=nullable,
        comment=comment,
    )


def line_of_text(comment: str, *, nullable: bool = False, default: str | None = None) -> MappedColumn[str]:
    """A `text` column. Put `length_check(column, …)` beside it in `__table_args__`."""
    return mapped_column(
        Text,
        nullable=nullable,
        comment=comment,
        server_default=None if default is None else text(f"'{default}'"),
    )


def length_check(column: str, maximum: int, *, may_be_empty: bool = False) -> CheckConstraint:
    """Limits a text to `maximum` characters, and refuses one of blanks only unless it `may_be_empty`.

    PostgreSQL reads the text of a CHECK anew for each statement that writes: not a word more than is needed.
    """
    expression = f"char_length({column}) <= {maximum}"
    if not may_be_empty:
        expression = f"btrim({column}) <> '' AND {expression}"
    return CheckConstraint(expression, name=f"{column}_length")


# 10^12 minor units: ten billion euros. Far above any real amount, far below where sums of bigint overflow: the largest
# order, 200 lines of 999 units at this price, is 2 · 10^17.
AMOUNT_LIMIT = 10**12


def amount_limit(column: str) -> CheckConstraint:
    """Refuses amounts that come in from outside and are absurd, before a sum of them overflows."""
    return CheckConstraint(f"{column} <= {AMOUNT_LIMIT}", name=f"{column}_limit")


def not_negative(column: str) -> CheckConstraint:
    """Refuses values below zero."""
    return CheckConstraint(f"{column} >= 0", name=f"{column}_not_negative")


def reference(
    columns: str | list[str], target: str, target_columns: str | list[str] | None = None
) -> ForeignKeyConstraint:
    """A foreign key within the schema, always ON DELETE RESTRICT: what is referred to is archived, never deleted.

    `columns` and `target_columns` are names or lists of names; the latter default to the former.
    """
    own = [columns] if isinstance(columns, str) else columns
    theirs = own if target_columns is None else target_columns
    theirs = [theirs] if isinstance(theirs, str) else theirs
    return ForeignKeyConstraint(own, [f"{SCHEMA}.{target}.{name}" for name in theirs], ondelete="RESTRICT")


def enum_type(name: str, *values: str) -> Enum:
    """A PostgreSQL enum type of the schema. Types are made by their migration, not by `create_table`."""
    return Enum(*values, name=name, schema=SCHEMA, metadata=metadata, create_constraint=False)


__all__ = [
    "RATE",
    "SCHEMA",
    "Base",
    "Mapped",
    "amount_limit",
    "enum_type",
    "identity_key",
    "length_check",
    "line_of_text",
    "metadata",
    "moment",
    "money",
    "not_negative",
    "reference",
    "uuid_key",
    "uuid_version_check",
]
