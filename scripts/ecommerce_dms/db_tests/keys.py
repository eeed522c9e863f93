"""Keys, constraints and indexes: all there, all enforced, each foreign key fast, no update made slow."""

from __future__ import annotations

from ecommerce_dms.db_tests.check import Check, query

# Kept by trigger, and in an index on purpose: they change when staff reorganise the catalogue, not with each order.
INDEXED_AND_KEPT = ("categories.ancestry", "product_variants.options_key")

CHECKS = (
    Check(
        "every table has a primary key",
        query("""
            SELECT format('%s has no primary key', name) FROM tables
            WHERE NOT EXISTS (SELECT FROM pg_constraint WHERE conrelid = tables.oid AND contype = 'p')
        """),
        faults={"shop.pii_columns": "ALTER TABLE shop.pii_columns DROP CONSTRAINT pk_pii_columns"},
    ),
    Check(
        "every constraint is enforced and validated",
        query("""
            SELECT format('%s of %s is %s', conname,
                          coalesce(nullif(conrelid, 0)::regclass::text, contypid::regtype::text),
                          CASE WHEN conenforced THEN 'NOT VALID' ELSE 'NOT ENFORCED' END)
            FROM pg_constraint
            WHERE connamespace IN ('shop'::regnamespace, 'api'::regnamespace) AND NOT (convalidated AND conenforced)
        """),
        faults={
            "ck_coupons_code_short of shop.coupons is NOT VALID": """
                ALTER TABLE shop.coupons ADD CONSTRAINT ck_coupons_code_short CHECK (char_length(code) < 30) NOT VALID
            """,
            "ck_coupons_code_short of shop.coupons is NOT ENFORCED": """
                ALTER TABLE shop.coupons
                    ADD CONSTRAINT ck_coupons_code_short CHECK (char_length(code) < 30) NOT ENFORCED
            """,
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
        "every foreign key is served by an index, or says why not",
        query("""
            SELECT format('%s of %s is served by no index, and no comment on it begins with "No index: "',
                          o.conname, t.name)
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
            "fk_warehouses_country of shop.warehouses": """
                COMMENT ON CONSTRAINT fk_warehouses_country ON shop.warehouses IS 'No index: '
            """,
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
        "no index repeats the beginning of another",
        query("""
            SELECT format('%s is the beginning of %s', a.indexrelid::regclass, b.indexrelid::regclass)
            FROM tables AS t
                 JOIN pg_index AS a ON a.indrelid = t.oid JOIN pg_class AS x ON x.oid = a.indexrelid
                 JOIN pg_index AS b ON b.indrelid = t.oid JOIN pg_class AS y ON y.oid = b.indexrelid
            WHERE a.indexrelid <> b.indexrelid AND NOT a.indisunique AND NOT a.indisexclusion
              AND x.relam = y.relam AND x.relam = (SELECT oid FROM pg_am WHERE amname = 'btree')
              AND a.indexprs IS NULL AND a.indnkeyatts <= b.indnkeyatts
              AND (a.indkey::int2[])[0:a.indnkeyatts - 1] = (b.indkey::int2[])[0:a.indnkeyatts - 1]
              AND (a.indoption::int2[])[0:a.indnkeyatts - 1] = (b.indoption::int2[])[0:a.indnkeyatts - 1]
              AND (b.indpred IS NULL AND a.indpred IS NULL
                   OR pg_get_expr(a.indpred, t.oid) = pg_get_expr(b.indpred, t.oid))
        """),
        faults={
            "shop.ix_orders_placed_at_alone is the beginning of shop.ix_orders_placed_at": """
                CREATE INDEX ix_orders_placed_at_alone ON shop.orders (placed_at DESC)
            """
        },
    ),
    Check(
        "tables with counters leave room on each page for the new versions of their rows",
        query("""
            SELECT format('%s has counters (%s) and no fillfactor', t.name,
                          string_agg(c.bare_name, ', ' ORDER BY c.attnum))
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
            "shop.ix_orders_payment_status of orders depends on captured_minor": """
                CREATE INDEX ix_orders_payment_status ON shop.orders (payment_status)
            """,
            "shop.ix_coupons_unused of coupons depends on times_used": """
                CREATE INDEX ix_coupons_unused ON shop.coupons (code) WHERE times_used = 0
            """,
        },
    ),
)
