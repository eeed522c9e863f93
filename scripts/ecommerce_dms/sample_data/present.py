"""Reads what a database holds before a load: what kind it is, whether it is empty, and what new rows must fit to."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from psycopg2 import sql

from ecommerce_dms.sample_data.plan import Present
from ecommerce_dms.sample_data.tables import REFERENCE

_IDENTITIES = """
SELECT t.relname, a.attname, s.seqrelid::regclass::text, s.seqstart
FROM pg_class AS t
JOIN pg_attribute AS a ON a.attrelid = t.oid AND a.attidentity <> ''
JOIN pg_depend AS d
  ON d.refclassid = 'pg_class'::regclass AND d.refobjid = t.oid AND d.refobjsubid = a.attnum
 AND d.classid = 'pg_class'::regclass AND d.deptype = 'i'
JOIN pg_sequence AS s ON s.seqrelid = d.objid
WHERE t.relnamespace = 'shop'::regnamespace
ORDER BY t.relname
"""


@dataclass(frozen=True)
class Identity:
    """A table's identity column, the number its sequence starts with, and the number that was given last."""

    table: str
    column: str
    start: int
    last: int


def tables(cursor: Any) -> list[str]:
    """All tables of the shop, reference tables left out."""
    cursor.execute(
        "SELECT relname FROM pg_class WHERE relnamespace = 'shop'::regnamespace AND relkind = 'r' ORDER BY relname"
    )
    return [name for (name,) in cursor.fetchall() if name not in REFERENCE]


def filled(cursor: Any, names: list[str]) -> list[str]:
    """Those of the tables that hold rows."""
    parts = [
        sql.SQL("SELECT {}, EXISTS (SELECT FROM shop.{})").format(sql.Literal(n), sql.Identifier(n)) for n in names
    ]
    cursor.execute(sql.SQL(" UNION ALL ").join(parts))
    return [name for name, has_rows in cursor.fetchall() if has_rows]


def identities(cursor: Any) -> list[Identity]:
    """Every identity column. A sequence may be behind its column, where a load wrote the keys itself, or ahead of it."""
    cursor.execute(_IDENTITIES)
    found = []
    for table, column, sequence, start in cursor.fetchall():
        query = sql.SQL("SELECT last_value, is_called, (SELECT max({}) FROM shop.{}) FROM {}")
        cursor.execute(
            query.format(sql.Identifier(column), sql.Identifier(table), sql.Identifier(*sequence.split(".")))
        )
        last_value, is_called, highest = cursor.fetchone()
        found.append(Identity(table, column, start, max(last_value - (not is_called), highest or 0)))
    return found


def read(cursor: Any, keys: list[Identity]) -> Present:
    """What the plan of a load needs to know."""

    def rows(query: str) -> list[tuple]:
        cursor.execute(query)
        return cursor.fetchall()

    return Present(
        numbers={key.table: key.last for key in keys},
        customers=rows("SELECT count(*) FROM shop.customers")[0][0],
        coupons=frozenset(code for (code,) in rows("SELECT code FROM shop.coupons")),
        categories=dict(rows("SELECT slug, category_id FROM shop.categories WHERE archived_at IS NULL")),
        warehouses=dict(rows("SELECT code, warehouse_id FROM shop.warehouses")),
        tax_rates=tuple(
            rows(
                "SELECT country, region, tax_class, jurisdiction, (rate * 1000000)::integer, valid_from"
                " FROM shop.tax_rates ORDER BY tax_rate_id"
            )
        ),
        shipping_methods={
            code: (key, name)
            for code, key, name in rows("SELECT code, shipping_method_id, name FROM shop.shipping_methods")
        },
        shipping_rates=tuple(
            rows(
                "SELECT shipping_method_id, country, currency, minimum_subtotal_minor, price_minor"
                " FROM shop.shipping_rates ORDER BY shipping_rate_id"
            )
        ),
        document_series=dict(rows("SELECT series, last_number FROM shop.document_series")),
        prices_include_tax=dict(rows("SELECT code, prices_include_tax FROM shop.countries")),
    )
