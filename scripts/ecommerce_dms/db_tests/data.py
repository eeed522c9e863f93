"""What the rows must say. These checks read tables, as the owner where the user may become it."""

from __future__ import annotations

from typing import Any

from ecommerce_dms.db_tests.check import Check, query, rows


def broken_invariants(connection: Any) -> list[str]:
    """What api.verify_integrity() finds: each rule that a trigger keeps, asked of all rows."""
    return [
        f"{invariant}: {violations} of {examined} break it, such as {example}"
        for invariant, examined, violations, example in rows(connection, "SELECT * FROM api.verify_integrity()")
        if violations
    ]


def vacuous_invariants(connection: Any) -> list[str]:
    """Invariants that looked at no row although there must be some: a proof that saw nothing proves nothing."""
    examined = dict(rows(connection, "SELECT invariant, examined FROM api.verify_integrity()"))
    sample, orders = rows(
        connection, "SELECT (SELECT is_sample_data FROM shop.deployment), EXISTS (SELECT FROM shop.orders)"
    )[0]
    if sample:
        return [f"{invariant} examined no row of sample data" for invariant, count in examined.items() if not count]
    if orders and not examined.get("order_totals_equal_lines"):
        return ["order_totals_equal_lines examined no row, and there are orders"]
    return []


CHECKS = (
    Check(
        "no row breaks an invariant",
        broken_invariants,
        faults={
            "category_ancestry_follows_parents: 1 of 2": """
            ALTER TABLE shop.categories DISABLE TRIGGER USER;
            INSERT INTO shop.categories (slug, name) VALUES ('tents', 'Tents');
            INSERT INTO shop.categories (slug, name, parent_id, ancestry)
                SELECT 'domes', 'Dome tents', category_id, ARRAY[999, category_id] FROM shop.categories
        """
        },
    ),
    Check(
        "no invariant is proven by looking at nothing",
        vacuous_invariants,
        faults={
            "order_totals_equal_lines examined no row of sample data": "UPDATE shop.deployment SET is_sample_data = true"
        },
    ),
    Check(
        "the list of personal data names columns that exist, and all that look personal",
        query("""
            SELECT format('pii_columns lists %s.%s, which does not exist', p.table_name, p.column_name)
            FROM shop.pii_columns AS p
            WHERE NOT EXISTS (
                SELECT FROM columns AS c WHERE (c.table_name, c.bare_name) = (p.table_name, p.column_name))
            UNION ALL
            SELECT format('%s looks personal and is not in pii_columns', c.name) FROM columns AS c
            WHERE c.bare_name ~ '^(contact_|buyer_)?(e?mail|email_digest|full_name|name|phone|address|recipient|company'
                                '|line[12]|city|postal_code|ip_address|user_agent|password_hash|tax_number)$'
              AND c.table_name ~ '^(customer|login|account|address|order_address|orders$|invoice|payment)'
              AND c.attgenerated = '' AND NOT EXISTS (
                SELECT FROM shop.pii_columns AS p WHERE (p.table_name, p.column_name) = (c.table_name, c.bare_name))
        """),
        faults={
            "shop.customers.contact_phone looks personal": "ALTER TABLE shop.customers RENAME phone TO contact_phone",
            "pii_columns lists customers.full_name, which does not exist": """
                ALTER TABLE shop.customers RENAME full_name TO called
            """,
        },
    ),
)
