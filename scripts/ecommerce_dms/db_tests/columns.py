"""Which tables and columns there are, what their comments say, and of what type they are."""

from __future__ import annotations

from typing import Any

from models import metadata

from ecommerce_dms.db_tests.check import Check, query, rows


def tables_and_columns_unlike_models(connection: Any) -> list[str]:
    """Tables and columns that only one of the database and the models has."""
    wanted = {f"{table.fullname}.{column.name}" for table in metadata.tables.values() for column in table.columns}
    present = {
        name
        for (name,) in rows(
            connection,
            """
            SELECT format('%s.%s.%s', n.nspname, c.relname, a.attname)
            FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
                 JOIN pg_attribute AS a ON a.attrelid = c.oid
            WHERE n.nspname = 'shop' AND c.relkind IN ('r', 'p', 'f') AND c.relname <> 'alembic_version'
              AND a.attnum > 0 AND NOT a.attisdropped
            """,
        )
    }
    return [f"{name} is missing in the database" for name in sorted(wanted - present)] + [
        f"{name} stands in no model" for name in sorted(present - wanted)
    ]


CHECKS = (
    Check(
        "the tables and columns are those of the models",
        tables_and_columns_unlike_models,
        faults={
            "shop.strays.stray_id stands in no model": "CREATE TABLE shop.strays (stray_id bigint)",
            "shop.coupons.description is missing in the database": """
                ALTER TABLE shop.coupons RENAME description TO descr
            """,
        },
    ),
    Check(
        "every schema, table, view, column, type and function has a comment",
        query("""
            SELECT format('schema %s has no comment', nspname) FROM pg_namespace
            WHERE nspname IN ('shop', 'api') AND obj_description(oid, 'pg_namespace') IS NULL
            UNION ALL
            SELECT format('table %s has no comment', name) FROM tables WHERE obj_description(oid, 'pg_class') IS NULL
            UNION ALL
            SELECT format('view %s has no comment', oid::regclass) FROM pg_class
            WHERE relnamespace IN ('shop'::regnamespace, 'api'::regnamespace) AND relkind IN ('v', 'm')
              AND obj_description(oid, 'pg_class') IS NULL
            UNION ALL
            SELECT format('column %s has no comment', name) FROM columns WHERE comment IS NULL
            UNION ALL
            SELECT format('type %s has no comment', t.oid::regtype)
            FROM pg_type AS t LEFT JOIN pg_class AS c ON c.oid = t.typrelid
            WHERE t.typnamespace IN ('shop'::regnamespace, 'api'::regnamespace) AND t.typcategory <> 'A'
              AND coalesce(c.relkind, 'c') = 'c' AND obj_description(t.oid, 'pg_type') IS NULL
            UNION ALL
            SELECT format('function %s has no comment', name) FROM functions WHERE obj_description(oid, 'pg_proc') IS NULL
        """),
        faults={
            "column shop.orders.total_minor": "COMMENT ON COLUMN shop.orders.total_minor IS NULL",
            "schema api has no comment": "COMMENT ON SCHEMA api IS NULL",
            "table shop.orders has no comment": "COMMENT ON TABLE shop.orders IS NULL",
            "view api.nothing has no comment": "CREATE VIEW api.nothing AS SELECT 1 AS one",
            "type shop.cart_status has no comment": "COMMENT ON TYPE shop.cart_status IS NULL",
            "function shop.refuse() has no comment": "COMMENT ON FUNCTION shop.refuse() IS NULL",
        },
    ),
    Check(
        "every moment is a timestamptz",
        query("SELECT format('%s is %s', name, type) FROM columns WHERE typcategory = 'D' AND type <> 'timestamptz'"),
        faults={
            "shop.warehouses.opened_at is timestamp": "ALTER TABLE shop.warehouses ADD opened_at timestamp",
            "shop.warehouses.closes_at is date": "ALTER TABLE shop.warehouses ADD closes_at date",
        },
    ),
    Check(
        "no column, parameter or result is a float, of type money, or text cut to a length",
        query("""
            SELECT format('%s is %s', name, format_type(atttypid, NULL)) FROM columns
            WHERE type IN ('float4', 'float8', 'money', 'varchar', 'bpchar', 'char', 'name')
            UNION ALL
            SELECT format('%s takes or returns %s', f.name, format_type(used, NULL))
            FROM functions AS f, unnest(f.proargtypes || coalesce(f.proallargtypes, '{}') || f.prorettype) AS used
            WHERE used IN ('float4'::regtype, 'float8'::regtype, 'money'::regtype, 'varchar'::regtype, 'bpchar'::regtype)
        """),
        faults={
            "shop.products.short_name is character varying": "ALTER TABLE shop.products ADD short_name varchar(30)",
            "shop.products.score is real": "ALTER TABLE shop.products ADD score float4",
            "shop.products.price is money": "ALTER TABLE shop.products ADD price money",
            "api.half(bigint) takes or returns double precision": """
                CREATE FUNCTION api.half(bigint) RETURNS float8 LANGUAGE sql RETURN $1 / 2.0::float8
            """,
        },
    ),
    Check(
        "every numeric column says its precision",
        query(
            "SELECT format('%s is numeric without precision', name) FROM columns WHERE type = 'numeric' AND atttypmod = -1"
        ),
        faults={"shop.order_item_taxes.rate": "ALTER TABLE shop.order_item_taxes ALTER rate TYPE numeric"},
    ),
    Check(
        "money is bigint in columns that end in _minor, and nothing else is called so",
        query(r"""
            SELECT format('%s is %s, not bigint', name, type) FROM columns
            WHERE bare_name LIKE '%\_minor' AND type <> 'int8'
            UNION ALL
            SELECT format('%s sounds like money and does not end in _minor', name) FROM columns
            WHERE typcategory = 'N' AND bare_name NOT LIKE '%\_minor'
              AND bare_name ~ '(^|_)(amount|price|cost|fee|total|subtotal|discount|balance|tax|money)$'
        """),
        faults={
            "shop.orders.handling_fee sounds like money": "ALTER TABLE shop.orders ADD handling_fee integer",
            "shop.orders.tip_minor is int4, not bigint": "ALTER TABLE shop.orders ADD tip_minor integer",
        },
    ),
    Check(
        "generated columns are stored",
        query("SELECT format('%s is computed at each reading', name) FROM columns WHERE attgenerated = 'v'"),
        faults={
            "shop.orders.due_minor": """
                ALTER TABLE shop.orders ADD due_minor bigint GENERATED ALWAYS AS (total_minor - captured_minor) VIRTUAL
            """
        },
    ),
    Check(
        "keys that the server gives are identities that nobody can override in passing",
        query("""
            SELECT format('%s is GENERATED BY DEFAULT', name) FROM columns WHERE attidentity = 'd'
            UNION ALL
            SELECT format('%s takes its numbers from a sequence by a default', c.name)
            FROM columns AS c JOIN pg_attrdef AS d ON d.adrelid = c.table_oid AND d.adnum = c.attnum
            WHERE pg_get_expr(d.adbin, d.adrelid) LIKE '%nextval(%'
        """),
        faults={
            "shop.coupons.coupon_id": "ALTER TABLE shop.coupons ALTER coupon_id SET GENERATED BY DEFAULT",
            "shop.strays.stray_id takes its numbers from a sequence by a default": """
                CREATE TABLE shop.strays (stray_id bigserial)
            """,
        },
    ),
    Check(
        "no sequence has used half of its numbers",
        query("""
            SELECT format('%I.%I is at %s of %s', schemaname, sequencename, last_value, max_value) FROM pg_sequences
            WHERE schemaname IN ('shop', 'api') AND last_value > max_value / 2
        """),
        # RESTART gives the sequence a new file, so that setval is rolled back with it.
        faults={
            "shop.coupons_coupon_id_seq is at 9000000000000000000": """
                ALTER TABLE shop.coupons ALTER coupon_id RESTART;
                SELECT setval('shop.coupons_coupon_id_seq', 9000000000000000000)
            """
        },
    ),
)
