"""Which role may do what to which object: the whole matrix, as data. What does not stand here is not allowed.

A grant in a migration without its line here fails the check in privileges.py, and so does a line without its grant. Rights
of the owner do not stand here: it has all of them.
"""

from __future__ import annotations

from typing import Any

from ecommerce_dms.db_tests.check import rows

# What applications and staff show. Password hashes, tokens and the trail of log-ins are in no list.
_SHOWN = """
    currencies countries deployment
    categories products product_categories product_options product_variants variant_option_values product_media
    variant_prices
    warehouses stock_levels
    tax_classes tax_rates shipping_methods shipping_rates
    customers addresses carts cart_items coupons coupon_redemptions
    orders order_items order_item_taxes order_shipping_taxes order_addresses order_allocations order_item_cancellations
    order_transitions order_status_history
    shipments shipment_items returns return_items
    payments refunds invoices credit_notes
"""
_FOR_STAFF = """
    stock_movements payment_events payment_exceptions ledger_accounts journals journal_lines document_series audit_log
    pii_columns
"""
READS = {
    "shop_app": _SHOWN,
    "shop_backoffice": _SHOWN + _FOR_STAFF,
}

_BY_BUYERS = """
    search_products category_tree stock_of
    create_cart set_cart_items set_cart_item apply_coupon remove_coupon merge_carts copy_cart quote_cart
    place_order start_payment cancel_order request_return order_history order_details
"""
_ADDRESS_BOOK = "add_address set_default_address"
_BY_WATCHERS = """
    verify_integrity shop_health orders_per_minute stock_outs sequence_usage bloat_estimate slowest_statements
"""
_BY_STAFF = """
    set_price withdraw_price receive_stock adjust_stock split_stock
    cancel_items expire_unpaid_orders ship deliver receive_return
    record_payment_event request_refund fail_refund resolve_payment_exception issue_invoice issue_credit_note
    erase_customer erase_customer_by_email erase_due purge parked_events release_outbox
"""
_BY_THE_APPLICATION = """
    register_customer credential_for_login record_login_attempt open_session resume_session close_session change_password
    issue_token use_token claim_outbox ack_outbox
"""
EXECUTES = {
    "shop_app": _BY_BUYERS + _ADDRESS_BOOK + _BY_STAFF + _BY_THE_APPLICATION,
    "shop_storefront": _BY_BUYERS + _ADDRESS_BOOK,
    "shop_backoffice": _BY_BUYERS + _BY_STAFF + _BY_WATCHERS,
    "shop_monitor": _BY_WATCHERS,
}

USES_SCHEMAS = {
    "shop_app": "shop api",
    "shop_storefront": "api",
    "shop_backoffice": "shop api",
    "shop_monitor": "shop api",
}
USES_TYPES: dict[str, str] = {}


def expected() -> set[tuple[str, str, str, str]]:
    """(role, kind, object, privilege) of every right that somebody has."""
    lists = (
        (READS, "table", "shop.", "SELECT"),
        (EXECUTES, "function", "api.", "EXECUTE"),
        (USES_SCHEMAS, "schema", "", "USAGE"),
        (USES_TYPES, "type", "", "USAGE"),
    )
    return {
        (role, kind, prefix + name, privilege)
        for roles, kind, prefix, privilege in lists
        for role, names in roles.items()
        for name in names.split()
    }


def actual(connection: Any, roles: list[str]) -> set[tuple[str, str, str, str]]:
    """The same of a database, by asking about each role, each object and each privilege there is."""
    return set(rows(connection, _EVERY_RIGHT, {"roles": roles}))


def deviations(connection: Any, roles: list[str]) -> list[str]:
    """A sentence for each right that is there and should not be, and the other way round."""
    wanted, found = expected(), actual(connection, roles)
    return [f"{role} has {privilege} on {kind} {name}" for role, kind, name, privilege in sorted(found - wanted)] + [
        f"{role} lacks {privilege} on {kind} {name}" for role, kind, name, privilege in sorted(wanted - found)
    ]


_EVERY_RIGHT = """
WITH role AS (
    SELECT rolname::text AS name, oid FROM pg_roles WHERE rolname = ANY (%(roles)s)
), relation AS (
    SELECT c.oid, format('%%s.%%s', nspname, relname) AS name, relkind
    FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = relnamespace WHERE nspname IN ('shop', 'api')
)
SELECT role.name, 'table', relation.name, privilege
FROM role, relation,
     unnest('{SELECT,INSERT,UPDATE,DELETE,TRUNCATE,REFERENCES,TRIGGER,MAINTAIN}'::text[]) AS privilege
WHERE relkind IN ('r', 'p', 'v', 'm', 'f') AND has_table_privilege(role.oid, relation.oid, privilege)
UNION ALL
SELECT role.name, 'column', format('%%s.%%s', relation.name, attname), privilege
FROM role, relation JOIN pg_attribute ON attrelid = relation.oid AND attnum > 0 AND NOT attisdropped,
     unnest('{SELECT,INSERT,UPDATE,REFERENCES}'::text[]) AS privilege
WHERE relkind IN ('r', 'p', 'v', 'm', 'f') AND has_column_privilege(role.oid, attrelid, attnum, privilege)
  AND NOT has_table_privilege(role.oid, relation.oid, privilege)
UNION ALL
SELECT role.name, 'sequence', relation.name, privilege
FROM role, relation, unnest('{SELECT,UPDATE,USAGE}'::text[]) AS privilege
WHERE relkind = 'S' AND has_sequence_privilege(role.oid, relation.oid, privilege)
UNION ALL
SELECT role.name, 'function', format('%%s.%%s', nspname, proname), 'EXECUTE'
FROM role, pg_proc AS f JOIN pg_namespace AS n ON n.oid = pronamespace
WHERE nspname IN ('shop', 'api') AND has_function_privilege(role.oid, f.oid, 'EXECUTE')
UNION ALL
SELECT role.name, 'schema', nspname::text, privilege
FROM role, pg_namespace AS n, unnest('{USAGE,CREATE}'::text[]) AS privilege
WHERE nspname IN ('shop', 'api', 'public') AND has_schema_privilege(role.oid, n.oid, privilege)
UNION ALL
SELECT role.name, 'type', format('%%s.%%s', nspname, typname), 'USAGE'
FROM role, pg_type AS t JOIN pg_namespace AS n ON n.oid = typnamespace
WHERE nspname IN ('shop', 'api') AND typtype IN ('e', 'd') AND has_type_privilege(role.oid, t.oid, 'USAGE')
"""
