"""What things are called: by the convention of models/base.py, which an error message then speaks."""

from __future__ import annotations

from ecommerce_dms.db_tests.check import Check, query

CHECKS = (
    Check(
        "names are lower case, and none was cut at the server's limit",
        query("""
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
        """),
        faults={
            'shop."Strays" is no plain name': 'CREATE TABLE shop."Strays" (stray_id bigint)',
            "may have been cut at 63 bytes": f"ALTER TABLE shop.coupons ADD CONSTRAINT ck_coupons_{'x' * 80} CHECK (true)",
        },
    ),
    Check(
        "constraints are called by their kind and table, foreign keys by their columns too",
        query("""
            SELECT format('%s of %s should begin with %s', o.conname, t.name, wanted)
            FROM pg_constraint AS o JOIN tables AS t ON t.oid = o.conrelid,
                 LATERAL (SELECT CASE o.contype WHEN 'p' THEN 'pk_' WHEN 'u' THEN 'uq_' WHEN 'x' THEN 'ex_'
                                                WHEN 'c' THEN 'ck_' WHEN 'f' THEN 'fk_' END || t.bare_name AS wanted)
            WHERE NOT starts_with(o.conname, wanted)
            UNION ALL
            SELECT format('%s of %s should be called %s', o.conname, t.name, wanted)
            FROM pg_constraint AS o JOIN tables AS t ON t.oid = o.conrelid,
                 LATERAL (SELECT format('fk_%s_%s', t.bare_name, string_agg(a.attname, '_' ORDER BY position)) AS wanted
                          FROM unnest(o.conkey) WITH ORDINALITY AS k (attnum, position)
                               JOIN pg_attribute AS a ON a.attrelid = t.oid AND a.attnum = k.attnum)
            WHERE o.contype = 'f' AND o.conname <> wanted AND octet_length(wanted) < 63
        """),
        faults={
            "is_short of shop.coupons should begin with ck_coupons": """
                ALTER TABLE shop.coupons ADD CONSTRAINT is_short CHECK (true)
            """,
            "fk_addresses_land of shop.addresses should be called fk_addresses_country": """
                ALTER TABLE shop.addresses RENAME CONSTRAINT fk_addresses_country TO fk_addresses_land
            """,
        },
    ),
    Check(
        "indexes and triggers are called by their table",
        query("""
            SELECT format('index %s of %s should begin with %s', c.relname, t.name, wanted)
            FROM pg_index AS i JOIN tables AS t ON t.oid = i.indrelid JOIN pg_class AS c ON c.oid = i.indexrelid,
                 LATERAL (SELECT CASE WHEN i.indisunique THEN 'uq_' ELSE 'ix_' END || t.bare_name || '_' AS wanted)
            WHERE NOT starts_with(c.relname, wanted) AND NOT EXISTS (SELECT FROM pg_constraint WHERE conindid = c.oid)
            UNION ALL
            SELECT format('trigger %s of %s should begin with %s_', g.tgname, t.name, t.bare_name)
            FROM pg_trigger AS g JOIN tables AS t ON t.oid = g.tgrelid
            WHERE NOT g.tgisinternal AND NOT starts_with(g.tgname, t.bare_name || '_')
        """),
        faults={
            "index coupons_kind of shop.coupons should begin with ix_coupons_": """
                CREATE INDEX coupons_kind ON shop.coupons (kind)
            """,
            "trigger stray of shop.coupons should begin with coupons_": """
                CREATE TRIGGER stray BEFORE INSERT ON shop.coupons EXECUTE FUNCTION shop.refuse()
            """,
        },
    ),
)
