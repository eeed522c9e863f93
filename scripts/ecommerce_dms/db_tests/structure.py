"""What the catalogue must look like: types, names, comments, keys, indexes, triggers. No row of the shop is read."""

from __future__ import annotations

from typing import Any

from models import metadata

from ecommerce_dms.db_tests.check import Check, query, rows

# Columns of tables with a trigger <table>_facts_are_immutable that may change all the same, and by what rule.
# Whoever adds a column decides: it is listed in the trigger, kept by another, or named here.
MUTABLE = {
    "coupon_redemptions.released_at": "set once, when the order ends unpaid or cancelled",
    "invoices.buyer_name": "erased when the law no longer asks for it, and changed in no other way",
    "invoices.buyer_address": "erased when the law no longer asks for it, and changed in no other way",
    "invoices.buyer_tax_number": "erased when the law no longer asks for it, and changed in no other way",
    "order_allocations.released_quantity": "only grows, when units are not shipped after all",
    "orders.contact_email": "erased, and changed in no other way",
    "orders.contact_phone": "erased, and changed in no other way",
    "orders.tax_number": "erased, and changed in no other way",
    "orders.status": "moves along order_transitions",
    "outbox_events.attempts": "how publishing went is the publisher's to write",
    "outbox_events.lease_token": "how publishing went is the publisher's to write",
    "outbox_events.leased_until": "how publishing went is the publisher's to write",
    "outbox_events.published_at": "set once, when the event is out",
    "outbox_events.parked_at": "how publishing went is the publisher's to write",
    "outbox_events.last_error": "how publishing went is the publisher's to write",
    "payment_exceptions.resolved_at": "set once, with who and how",
    "payment_exceptions.resolution": "set once, with who and how",
    "payment_exceptions.resolved_by": "set once, with who and how",
    "payments.provider_reference": "set once, when the provider answers",
    "refunds.state": "settles once",
    "refunds.settled_at": "set when the refund settles",
    "refunds.provider_reference": "set when the provider answers",
    "return_items.restocked_quantity": "set once, when the parcel is received",
    "return_items.written_off_quantity": "set once, when the parcel is received",
    "return_items.warehouse_id": "set once, when the parcel is received",
    "return_items.received_at": "set once, when the parcel is received",
    "returns.status": "moves as check_return_move allows",
    "returns.received_at": "set when the parcel is received",
    "shipments.tracking_number": "carriers hand it out late, and correct it",
    "shipments.delivered_at": "set once, when the parcel arrives",
}

# Kept by trigger, and in an index on purpose: they change when staff reorganise the catalogue, not with each order.
INDEXED_AND_KEPT = ("categories.ancestry", "product_variants.options_key")


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


def unexplained_mutable_columns(connection: Any) -> list[str]:
    """Columns beside immutable ones that nobody decided about; and decisions about columns that are gone."""
    undecided = {
        name
        for (name,) in rows(
            connection,
            """
            WITH frozen AS (
                SELECT tgrelid FROM pg_trigger
                WHERE tgname = split_part(tgrelid::regclass::text, '.', 2) || '_facts_are_immutable'
            )
            SELECT format('%s.%s', split_part(f.tgrelid::regclass::text, '.', 2), a.attname)
            FROM frozen AS f JOIN pg_attribute AS a ON a.attrelid = f.tgrelid
            WHERE a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = ''
              AND NOT EXISTS (
                  SELECT FROM pg_trigger AS t
                  WHERE t.tgrelid = a.attrelid AND a.attnum = ANY (t.tgattr::int2[]) AND t.tgqual IS NULL
                    AND t.tgfoid IN (to_regproc('shop.refuse'), to_regproc('shop.refuse_direct_write')))
            """,
        )
    }
    return [
        f"{name} can be changed: list it in the trigger that freezes its table, or in MUTABLE with the reason"
        for name in sorted(undecided - MUTABLE.keys())
    ] + [f"{name} stands in MUTABLE and cannot be changed" for name in sorted(MUTABLE.keys() - undecided)]


CHECKS = (
    Check(
        "the tables and columns are those of the models",
        tables_and_columns_unlike_models,
        faults={
            "shop.strays.stray_id stands in no model": "CREATE TABLE shop.strays (stray_id bigint)",
            "shop.coupons.description is missing in the database": "ALTER TABLE shop.coupons RENAME description TO descr",
        },
    ),
    Check(
        "every table has a primary key",
        query("""
            SELECT format('%s has no primary key', name) FROM tables
            WHERE NOT EXISTS (SELECT FROM pg_constraint WHERE conrelid = tables.oid AND contype = 'p')
        """),
        faults={"shop.pii_columns": "ALTER TABLE shop.pii_columns DROP CONSTRAINT pk_pii_columns"},
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
            "api.half(bigint) takes or returns double precision": "CREATE FUNCTION api.half(bigint) RETURNS float8 LANGUAGE sql RETURN $1 / 2.0::float8",
        },
    ),
    Check(
        "every numeric column says its precision",
        query(
            "SELECT format('%s is numeric without precision', name) FROM columns WHERE type = 'numeric' AND atttypmod = -1"
        ),
        faults={"shop.tax_rates.rate": "ALTER TABLE shop.tax_rates ALTER rate TYPE numeric"},
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
            "shop.orders.due_minor": "ALTER TABLE shop.orders ADD due_minor bigint GENERATED ALWAYS AS (total_minor - captured_minor) VIRTUAL"
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
            "shop.strays.stray_id takes its numbers from a sequence by a default": "CREATE TABLE shop.strays (stray_id bigserial)",
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
    Check(
        "names are lower case, shorter than the server's limit, and follow the convention",
        query(r"""
            SELECT format('%s is no plain name', name)
            FROM (SELECT name, bare_name FROM tables UNION ALL SELECT name, bare_name FROM columns
                  UNION ALL SELECT name, proname FROM functions) AS named
            WHERE bare_name !~ '^[a-z][a-z0-9_]*$'
            UNION ALL
            -- The server cuts longer names without a word: one of exactly 63 bytes may have lost its end.
            SELECT format('%s may have been cut at 63 bytes', named)
            FROM (SELECT conname FROM pg_constraint WHERE connamespace = 'shop'::regnamespace AND contype <> 'n'
                  UNION SELECT relname FROM pg_class WHERE relnamespace IN ('shop'::regnamespace, 'api'::regnamespace)
                  UNION SELECT bare_name FROM columns
                  UNION SELECT proname FROM functions
                  UNION SELECT tgname FROM pg_trigger JOIN tables ON tables.oid = tgrelid) AS of (named)
            WHERE octet_length(named) >= 63
            UNION ALL
            SELECT format('%s of %s should begin with %s', o.conname, t.name, wanted)
            FROM pg_constraint AS o JOIN tables AS t ON t.oid = o.conrelid,
                 LATERAL (SELECT CASE o.contype WHEN 'p' THEN 'pk_' WHEN 'u' THEN 'uq_' WHEN 'x' THEN 'ex_' WHEN 'c' THEN 'ck_'
                                                WHEN 'f' THEN 'fk_' END || t.bare_name AS wanted) AS convention
            WHERE NOT starts_with(o.conname, wanted)
            UNION ALL
            SELECT format('%s of %s should be called %s', o.conname, t.name, wanted)
            FROM pg_constraint AS o JOIN tables AS t ON t.oid = o.conrelid,
                 LATERAL (SELECT format('fk_%s_%s', t.bare_name, string_agg(a.attname, '_' ORDER BY k.position)) AS wanted
                          FROM unnest(o.conkey) WITH ORDINALITY AS k (attnum, position)
                               JOIN pg_attribute AS a ON a.attrelid = t.oid AND a.attnum = k.attnum) AS convention
            WHERE o.contype = 'f' AND o.conname <> wanted AND octet_length(wanted) < 63
            UNION ALL
            SELECT format('index %s of %s should begin with %s', c.relname, t.name, wanted)
            FROM pg_index AS i JOIN tables AS t ON t.oid = i.indrelid JOIN pg_class AS c ON c.oid = i.indexrelid,
                 LATERAL (SELECT CASE WHEN i.indisunique THEN 'uq_' ELSE 'ix_' END || t.bare_name || '_' AS wanted) AS convention
            WHERE NOT starts_with(c.relname, wanted) AND NOT EXISTS (SELECT FROM pg_constraint WHERE conindid = c.oid)
            UNION ALL
            SELECT format('trigger %s of %s should begin with %s_', g.tgname, t.name, t.bare_name)
            FROM pg_trigger AS g JOIN tables AS t ON t.oid = g.tgrelid
            WHERE NOT g.tgisinternal AND NOT starts_with(g.tgname, t.bare_name || '_')
        """),
        faults={
            "fk_addresses_land of shop.addresses should be called fk_addresses_country": "ALTER TABLE shop.addresses RENAME CONSTRAINT fk_addresses_country TO fk_addresses_land",
            'shop."Strays" is no plain name': 'CREATE TABLE shop."Strays" (stray_id bigint)',
            "may have been cut at 63 bytes": f"ALTER TABLE shop.coupons ADD CONSTRAINT ck_coupons_{'x' * 80} CHECK (true)",
            "is_short of shop.coupons should begin with ck_coupons": "ALTER TABLE shop.coupons ADD CONSTRAINT is_short CHECK (true)",
            "index coupons_kind of shop.coupons should begin with ix_coupons_": "CREATE INDEX coupons_kind ON shop.coupons (kind)",
            "trigger stray of shop.coupons should begin with coupons_": "CREATE TRIGGER stray BEFORE INSERT ON shop.coupons EXECUTE FUNCTION shop.refuse()",
        },
    ),
    Check(
        "every foreign key is served by an index, or says why not",
        query("""
            SELECT format('%s of %s is served by no index, and no comment on it begins with "No index: "', o.conname, t.name)
            FROM pg_constraint AS o JOIN tables AS t ON t.oid = o.conrelid
            WHERE o.contype = 'f'
              AND coalesce(obj_description(o.oid, 'pg_constraint'), '') !~ '^No index: [^ ]'
              AND NOT EXISTS (
                  SELECT FROM pg_index AS i
                       JOIN pg_class AS c ON c.oid = i.indexrelid JOIN pg_am AS m ON m.oid = c.relam
                  WHERE i.indrelid = t.oid AND i.indisvalid AND m.amname = 'btree'
                    AND i.indnkeyatts >= cardinality(o.conkey)
                    AND (i.indkey::int2[])[0:cardinality(o.conkey) - 1] @> o.conkey
                    -- A key with a NULL refers to nothing, so that an index may leave such rows out.
                    AND (i.indpred IS NULL OR pg_get_expr(i.indpred, t.oid) IN (
                             SELECT format('(%I IS NOT NULL)', attname) FROM pg_attribute
                             WHERE attrelid = t.oid AND attnum = ANY (o.conkey))))
        """),
        faults={
            "fk_addresses_customer_id of shop.addresses": "DROP INDEX shop.ix_addresses_customer_id",
            # An index that leaves out rows with a key serves no key.
            "fk_stock_levels_warehouse_id of shop.stock_levels": """
        DROP INDEX shop.ix_stock_levels_warehouse_id;
        CREATE INDEX ix_stock_levels_warehouse_id ON shop.stock_levels (warehouse_id) WHERE on_hand > 0
    """,
            "fk_warehouses_country of shop.warehouses": "COMMENT ON CONSTRAINT fk_warehouses_country ON shop.warehouses IS 'No index: '",
        },
    ),
    Check(
        "no foreign key deletes or changes rows that refer",
        query("""
            SELECT format('%s of %s is %s', o.conname, t.name, pg_get_constraintdef(o.oid))
            FROM pg_constraint AS o JOIN tables AS t ON t.oid = o.conrelid
            WHERE o.contype = 'f' AND (o.confdeltype <> 'r' OR o.confupdtype NOT IN ('a', 'r'))
        """),
        faults={
            "fk_addresses_country of shop.addresses": """
            ALTER TABLE shop.addresses DROP CONSTRAINT fk_addresses_country, ADD CONSTRAINT fk_addresses_country
                FOREIGN KEY (country) REFERENCES shop.countries ON DELETE CASCADE
        """
        },
    ),
    Check(
        "every constraint is enforced and validated",
        query("""
            SELECT format('%s of %s is %s', conname, coalesce(nullif(conrelid, 0)::regclass::text, contypid::regtype::text),
                          CASE WHEN conenforced THEN 'NOT VALID' ELSE 'NOT ENFORCED' END)
            FROM pg_constraint
            WHERE connamespace IN ('shop'::regnamespace, 'api'::regnamespace) AND NOT (convalidated AND conenforced)
        """),
        faults={
            "ck_coupons_code_short of shop.coupons is NOT VALID": "ALTER TABLE shop.coupons ADD CONSTRAINT ck_coupons_code_short CHECK (char_length(code) < 30) NOT VALID",
            "ck_coupons_code_short of shop.coupons is NOT ENFORCED": "ALTER TABLE shop.coupons ADD CONSTRAINT ck_coupons_code_short CHECK (char_length(code) < 30) NOT ENFORCED",
        },
    ),
    Check(
        "every index is valid",
        query("""
            SELECT format('%s is invalid: a CREATE INDEX CONCURRENTLY did not finish', i.indexrelid::regclass)
            FROM pg_index AS i JOIN tables AS t ON t.oid = i.indrelid WHERE NOT (i.indisvalid AND i.indisready)
        """),
        # On the parent alone it stays invalid, as one that CONCURRENTLY did not finish.
        faults={
            "shop.ix_strays_stray_id is invalid": """
            CREATE TABLE shop.strays (stray_id bigint) PARTITION BY RANGE (stray_id);
            CREATE TABLE shop.strays_below_9 PARTITION OF shop.strays FOR VALUES FROM (0) TO (9);
            CREATE INDEX ix_strays_stray_id ON ONLY shop.strays (stray_id)
        """
        },
    ),
    Check(
        "every trigger fires, those behind foreign keys too",
        query("""
            SELECT format('trigger %s of %s is switched off or bound to replication', g.tgname, t.name)
            FROM pg_trigger AS g JOIN tables AS t ON t.oid = g.tgrelid WHERE g.tgenabled <> 'O'
        """),
        faults={"trigger orders_are_kept of shop.orders": "ALTER TABLE shop.orders DISABLE TRIGGER orders_are_kept"},
    ),
    Check(
        "every table refuses TRUNCATE",
        query("""
            SELECT format('%s can be truncated', name) FROM tables
            WHERE NOT EXISTS (
                SELECT FROM pg_trigger
                -- 32: fires for TRUNCATE, 2: before it.
                WHERE tgrelid = tables.oid AND tgtype & 34 = 34 AND tgfoid = to_regproc('shop.refuse') AND tgqual IS NULL)
        """),
        faults={
            "shop.countries can be truncated": "DROP TRIGGER countries_refuse_truncate ON shop.countries",
            "shop.strays can be truncated": "CREATE TABLE shop.strays (stray_id bigint)",
        },
    ),
    Check(
        "every column beside immutable ones is immutable too, kept by trigger, or mutable for a reason",
        unexplained_mutable_columns,
        faults={
            "orders.gift_message can be changed": "ALTER TABLE shop.orders ADD gift_message text",
            "payments.method can be changed": """
        CREATE OR REPLACE TRIGGER payments_facts_are_immutable BEFORE UPDATE OF payment_id ON shop.payments
            EXECUTE FUNCTION shop.refuse()
    """,
            "orders.tax_number stands in MUTABLE and cannot be changed": "ALTER TABLE shop.orders DROP tax_number CASCADE",
        },
    ),
    Check(
        "functions see the schemas they were written for, whatever the caller's search_path",
        query("""
            SELECT format('%s has %s', name, coalesce(array_to_string(proconfig, ' '), 'no settings')) FROM functions
            WHERE prokind <> 'a' AND NOT coalesce(proconfig @> ARRAY['search_path=pg_catalog, shop, pg_temp'], false)
        """),
        faults={"shop.refuse() has search_path=shop": "ALTER FUNCTION shop.refuse() SET search_path = shop"},
    ),
    Check(
        "tables with counters leave room on each page for the new versions of their rows",
        query("""
            SELECT format('%s has counters (%s) and no fillfactor', t.name, string_agg(c.bare_name, ', ' ORDER BY c.attnum))
            FROM tables AS t JOIN columns AS c ON c.table_oid = t.oid
            WHERE c.comment LIKE '%Kept by trigger.%' AND c.typcategory = 'N'
              AND NOT EXISTS (SELECT FROM pg_options_to_table(t.reloptions)
                              WHERE option_name = 'fillfactor' AND option_value::int < 100)
            GROUP BY t.oid, t.name
        """),
        faults={
            "shop.stock_levels has counters (on_hand, reserved)": "ALTER TABLE shop.stock_levels RESET (fillfactor)"
        },
    ),
    Check(
        "no index holds a column that triggers keep, nor what is computed from it: each update would write it anew",
        query(f"""
            SELECT DISTINCT format('%s of %s depends on %s', i.indexrelid::regclass, c.table_name, c.bare_name)
            FROM columns AS c
                 JOIN pg_index AS i ON i.indrelid = c.table_oid
                 JOIN pg_depend AS d ON d.classid = 'pg_class'::regclass AND d.objid = i.indexrelid
                                    AND d.refclassid = 'pg_class'::regclass AND d.refobjid = c.table_oid
                 -- The column itself, or a generated one: its expression depends on the column.
                 LEFT JOIN pg_attrdef AS g ON g.adrelid = c.table_oid AND g.adnum = d.refobjsubid
                 LEFT JOIN pg_depend AS e ON e.classid = 'pg_attrdef'::regclass AND e.objid = g.oid
                                         AND e.refobjid = c.table_oid AND e.refobjsubid = c.attnum
            WHERE c.comment LIKE '%Kept by trigger.%' AND c.attnum IN (d.refobjsubid, e.refobjsubid)
              AND NOT c.table_name || '.' || c.bare_name = ANY (ARRAY{list(INDEXED_AND_KEPT)})
        """),
        faults={
            "shop.ix_orders_payment_status of orders depends on captured_minor": "CREATE INDEX ix_orders_payment_status ON shop.orders (payment_status)",
            "shop.ix_coupons_unused of coupons depends on times_used": "CREATE INDEX ix_coupons_unused ON shop.coupons (code) WHERE times_used = 0",
        },
    ),
)
