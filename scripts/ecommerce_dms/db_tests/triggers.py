"""Triggers and functions: all of them fire, nothing escapes them, and no caller bends what they see."""

from __future__ import annotations

from typing import Any

from ecommerce_dms.db_tests.check import Check, query, rows

# Columns of tables with a trigger <table>_facts_are_immutable that may change all the same, and by what rule.
# Whoever adds a column decides: it is listed in the trigger, kept by another, or named here.
MUTABLE = {
    "account_tokens.used_at": "set once",
    "coupon_redemptions.released_at": "set once, when the order ends unpaid or cancelled",
    "invoices.buyer_name": "erased when the law no longer asks for it, and changed in no other way",
    "invoices.buyer_address": "erased when the law no longer asks for it, and changed in no other way",
    "invoices.buyer_tax_number": "erased when the law no longer asks for it, and changed in no other way",
    "login_sessions.expires_at": "a session that is used lives longer",
    "login_sessions.ip_address": "where the session was used last; erased later",
    "login_sessions.last_seen_at": "when the session was used last",
    "login_sessions.revoked_at": "set once",
    "login_sessions.user_agent": "where the session was used last; erased later",
    "order_allocations.released_quantity": "only grows, when units are not shipped after all",
    "orders.contact_email": "erased, and changed in no other way",
    "orders.contact_phone": "erased, and changed in no other way",
    "orders.request_digest": "erased with what it is a digest of, and changed in no other way",
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
    "returns.reason": "erased, and changed in no other way",
    "returns.status": "moves as check_return_move allows",
    "returns.received_at": "set when the parcel is received",
    "shipments.tracking_number": "carriers hand it out late, and correct it",
    "shipments.delivered_at": "set once, when the parcel arrives",
}


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
            "orders.tax_number stands in MUTABLE and cannot be changed": """
                ALTER TABLE shop.orders DROP tax_number CASCADE
            """,
        },
    ),
    Check(
        "functions see the schemas they were written for, whatever the caller's search_path",
        query("""
            SELECT format('%s has %s', name, coalesce(array_to_string(proconfig, ' '), 'no settings')) FROM functions
            WHERE prokind <> 'a' AND NOT coalesce(proconfig @> ARRAY['search_path=pg_catalog, shop, pg_temp'], false)
              -- The names in an expression (RETURN …) were bound when it was made, and a setting would keep it from being put
              -- where it is called.
              AND (prosqlbody IS NULL OR proconfig IS NOT NULL OR prosecdef)
        """),
        faults={
            "shop.refuse() has search_path=shop": "ALTER FUNCTION shop.refuse() SET search_path = shop",
            "shop.unbound() has no settings": """
                CREATE FUNCTION shop.unbound() RETURNS integer LANGUAGE sql AS 'SELECT 1'
            """,
        },
    ),
)
