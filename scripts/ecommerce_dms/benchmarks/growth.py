"""Makes a loaded shop several times as large inside the database: every customer and every order gets twins.

A million orders are then there in minutes, and not one invariant can tell. Not for sample data: a twin buys the same at
the same moment as its model, under keys, numbers and addresses of its own; events carry the model's payload. Catalogue,
warehouses and coupons are shared, and stock and uses grow with what is sold. Twins stand beside each other in their
table, in the order of time, as rows do that a busier shop writes.
"""

from __future__ import annotations

from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from typing import Any

from psycopg2 import sql

from ecommerce_dms import console
from ecommerce_dms.connection import connect
from ecommerce_dms.roles import OWNER
from ecommerce_dms.sample_data import present
from ecommerce_dms.sample_data.bulk import Guards
from ecommerce_dms.sample_data.tables import COLUMNS
from ecommerce_dms.settings import Settings

# There is one of each, however large the shop is.
SHARED = frozenset(
    {
        "tax_rates",
        "shipping_methods",
        "shipping_rates",
        "categories",
        "products",
        "product_categories",
        "product_options",
        "product_variants",
        "variant_option_values",
        "product_media",
        "variant_prices",
        "warehouses",
        "stock_levels",
        "coupons",
        "document_series",
    }
)
MOST = 256  # A twin differs from its model in the last byte of a UUID.
_WORKERS = 2
_SESSION = {"timezone": "UTC", "statement_timeout": "0", "transaction_timeout": "0", "maintenance_work_mem": "1GB"}

# What a twin has of its own, by column; all else is its model's. {0} is the column, `twin` counts from 0.
_UUID_TEXT = "left({0}::text, 34) || lpad(to_hex(twin), 2, '0')"
_NUMBER = "(({0} - 1) * {times} + 1 + twin)"
_MAILBOX = "CASE WHEN {0} LIKE 'erased-%' THEN left({0}, 41) || lpad(to_hex(twin), 2, '0') || substr({0}, 44)" \
           " ELSE replace({0}, '@', '.' || twin || '@') END"  # fmt: skip
_BY_COLUMN = {
    "number": _NUMBER,
    "email": _MAILBOX,
    "contact_email": _MAILBOX,
    "provider_reference": "{0} || '-' || twin",
    "provider_event_id": "{0} || '-' || twin",
    "tracking_number": "{0} || '-' || twin",
    "token_digest": "set_byte({0}, 31, twin)",
    "email_digest": "set_byte({0}, 31, twin)",
    "aggregate_id": _UUID_TEXT,
    "row_key": f"CASE table_name WHEN 'stock_movements' THEN {_NUMBER.format('{0}::bigint', times='{times}')}::text"
               f" WHEN 'customers' THEN {_UUID_TEXT} ELSE {{0}} END",
}  # fmt: skip
# Entries about what is shared have no twins.
_HAS_TWINS = {"audit_log": "table_name IN ('stock_movements', 'customers')"}
_SUMS = (
    "UPDATE shop.stock_levels SET on_hand = on_hand * {times}, reserved = reserved * {times}",
    "UPDATE shop.coupons SET times_used = times_used * {times}, usage_limit = usage_limit * {times}",
    "UPDATE shop.document_series SET last_number = last_number * {times}",
)


def multiply(settings: Settings, times: int) -> None:
    """Makes the shop so many times as large. Nobody else may use it meanwhile; when it fails, the shop is of no use."""
    if not 1 < times <= MOST:
        raise console.UserError(f"a shop cannot be made {times} times as large, but 2 to {MOST} times")
    with _session(settings) as connection, connection.cursor() as cursor:
        guards = Guards(cursor, present.tables(cursor))
        guards.set_aside(constraints_too=True)
        connection.commit()
        keys = present.identities(cursor)
        numbers = {key.column for key in keys if key.table not in SHARED}
        uuids = _uuids(cursor)
        connection.commit()
        with console.step(f"writing every customer and order {times} times"):
            tables = [table for table in _by_size(cursor) if table not in SHARED]
            connection.commit()
            with ThreadPoolExecutor(_WORKERS) as pool:
                jobs = [pool.submit(_multiply, settings, table, times, numbers, uuids) for table in tables]
            for job in jobs:
                job.result()
        with console.step("putting indexes and foreign keys back, and validating them"):
            for statement in _SUMS:
                cursor.execute(statement.format(times=times))
            guards.put_back()
            for key in keys:
                statement = sql.SQL("SELECT coalesce(max({}), 0) + 1 FROM shop.{}")
                cursor.execute(statement.format(sql.Identifier(key.column), sql.Identifier(key.table)))
                statement = sql.SQL("ALTER TABLE shop.{} ALTER COLUMN {} RESTART WITH {}")
                names = sql.Identifier(key.table), sql.Identifier(key.column)
                cursor.execute(statement.format(*names, sql.Literal(cursor.fetchone()[0])))
            connection.commit()


def _multiply(settings: Settings, table: str, times: int, numbers: set[str], uuids: set[tuple[str, str]]) -> None:
    """A table that is emptied and filled in one transaction needs no WAL where wal_level is minimal."""
    columns = COLUMNS[table]
    values = (_value(table, column, times, numbers, uuids) for column in columns)
    with _session(settings) as connection, connection.cursor() as cursor:
        cursor.execute(f"CREATE TABLE shop.models_{table} AS TABLE shop.{table}; TRUNCATE shop.{table}")
        # A set-returning function in the list leaves the models in their order.
        copies = f"CASE WHEN {_HAS_TWINS.get(table, 'true')} THEN {times - 1} ELSE 0 END"
        cursor.execute(
            f"INSERT INTO shop.{table} ({', '.join(columns)}) OVERRIDING SYSTEM VALUE SELECT {', '.join(values)}"  # noqa: S608
            f" FROM (SELECT *, generate_series(0, {copies}) AS twin FROM shop.models_{table}) AS model"
        )
        cursor.execute(f"DROP TABLE shop.models_{table}")
        connection.commit()


def _value(table: str, column: str, times: int, numbers: set[str], uuids: set[tuple[str, str]]) -> str:
    if (table, column) in uuids:
        return f"({_UUID_TEXT.format(column)})::uuid"
    form = _NUMBER if column in numbers else _BY_COLUMN.get(column, "{0}")
    return form.format(column, times=times)


def _uuids(cursor: Any) -> set[tuple[str, str]]:
    cursor.execute(
        "SELECT c.relname, a.attname FROM pg_class AS c JOIN pg_attribute AS a ON a.attrelid = c.oid"
        " WHERE c.relnamespace = 'shop'::regnamespace AND c.relkind = 'r' AND a.atttypid = 'uuid'::regtype"
    )
    return set(cursor.fetchall())


def _by_size(cursor: Any) -> Iterable[str]:
    """The largest first, so that the workers end together."""
    cursor.execute(
        "SELECT relname FROM pg_class WHERE relnamespace = 'shop'::regnamespace AND relkind = 'r' AND relname = ANY (%s)"
        " ORDER BY pg_relation_size(oid) DESC",
        (list(COLUMNS),),
    )
    return [name for (name,) in cursor.fetchall()]


def _session(settings: Settings) -> Any:
    return closing(connect(settings, role=OWNER, options=_SESSION))
