"""Which role may do what to which object: the whole matrix, as data. What does not stand here is not allowed.

A grant in a migration without its line here fails the check in privileges.py, and so do a line without its grant and a table
that nobody classified. Rights of the owner do not stand here: it has all of them. docs/security.md shows the matrix as tables
(security_page.py). Whose rows a role sees of a table that it may read is a matter of row-level security, and stands at ROW_SECURITY.
"""

from __future__ import annotations

from typing import Any

from ecommerce_dms.db_tests.check import rows

# What each table holds. The class decides who may ever be granted what, and whether row-level security is on:
#
#   secret      what opens accounts; the owner's functions alone read it, and no role is granted a column
#   personal    columns of pii_columns, of one customer each; row-level security
#   customer    of one customer each, without personal columns; row-level security
#   business    what happens in the shop, of nobody in particular or not for customers to see
#   public      what every visitor may know
#   internal    the schema's own book-keeping
CLASSES = {
    "secret": "customer_credentials account_tokens login_sessions login_attempts",
    "personal": "customers addresses orders order_addresses returns invoices",
    "customer": """
        carts cart_items order_items order_item_taxes order_shipping_taxes order_allocations order_item_cancellations
        order_status_history coupon_redemptions shipments shipment_items return_items payments refunds credit_notes
    """,
    "business": """
        coupons stock_levels stock_movements payment_events payment_exceptions ledger_accounts journals journal_lines
        document_series audit_log outbox_events
    """,
    "public": """
        currencies countries categories products product_categories product_options product_variants variant_option_values
        product_media variant_prices warehouses tax_classes tax_rates shipping_methods shipping_rates
    """,
    "internal": "deployment order_transitions pii_columns alembic_version",
}

# Tables of these classes have row-level security: enabled, never forced. Secret ones have no policy, so that nobody but the
# owner sees a row even after a mistaken grant.
ROW_SECURITY = {
    "secret": {},
    "personal": {"own_rows": "shop_storefront", "all_rows": "shop_app shop_backoffice"},
    "customer": {"own_rows": "shop_storefront", "all_rows": "shop_app shop_backoffice"},
}

# What applications and staff show. Password hashes, tokens and the trail of log-ins are in no list.
_SHOWN = """
    currencies countries deployment
    categories products product_categories product_options product_variants variant_option_values product_media
    variant_prices
    warehouses stock_levels
    tax_classes tax_rates shipping_methods shipping_rates
    customers addresses carts cart_items coupons coupon_redemptions
    order_items order_item_taxes order_shipping_taxes order_addresses order_allocations order_item_cancellations
    order_transitions order_status_history
    shipments shipment_items returns return_items
    payments refunds invoices credit_notes
"""
_FOR_STAFF = """
    stock_movements payment_events payment_exceptions ledger_accounts journals journal_lines document_series audit_log
    pii_columns
"""
READS = {
    "shop_app": _SHOWN + "orders",
    "shop_backoffice": _SHOWN + _FOR_STAFF,
    "shop_ci": "deployment alembic_version pii_columns",
}

# Where a role reads some columns of a table and not the others.
READS_COLUMNS = {
    # What the views api.my_… need: they run with the caller's own rights.
    "shop_storefront": {
        "customers": """
            customer_id email full_name phone tax_number is_tax_exempt status email_verified_at marketing_consent_at created_at
        """,
        "addresses": """
            address_id customer_id recipient company line1 line2 city region postal_code country phone is_default_shipping
            is_default_billing created_at archived_at
        """,
        "carts": "cart_id customer_id currency status version expires_at",
        "cart_items": "cart_id variant_id quantity added_at",
        "orders": """
            order_id order_number customer_id placed_at status payment_status fulfilment_status currency line_count unit_count
            subtotal_minor discount_minor shipping_minor tax_minor total_minor cancelled_minor refunded_minor expires_at
        """,
        "order_items": """
            order_id line_number variant_id sku product_name variant_name quantity currency unit_price_minor discount_minor
            tax_minor total_minor shipped_quantity cancelled_quantity returned_quantity
        """,
        "shipments": "shipment_id order_id carrier tracking_number shipped_at delivered_at",
        "returns": "return_id order_id status reason refundable_minor requested_at received_at",
        "invoices": "series number order_id currency total_minor tax_minor credited_minor issued_at",
    },
    # All but request_digest.
    "shop_backoffice": {
        "orders": """
            order_id order_number cart_id customer_id contact_email contact_email_normalized contact_phone currency country
            prices_include_tax is_tax_exempt tax_number shipping_method_id shipping_method_name line_count unit_count
            subtotal_minor discount_minor shipping_minor shipping_tax_minor shipping_tax_count tax_minor total_minor status
            intended_minor authorized_minor captured_minor refunded_minor cancelled_minor shipped_units cancelled_units
            returned_units payment_status fulfilment_status placed_at expires_at
        """,
    },
}

READS_VIEWS = {
    "shop_storefront": """
        my_account my_addresses my_cart my_orders my_order_items my_shipments my_returns my_invoices
    """,
    "shop_analyst": """
        report_customers report_orders report_order_items report_payments report_returns report_ledger report_stock
    """,
}

_BY_BUYERS = """
    search_products category_tree stock_of
    create_cart set_cart_items set_cart_item apply_coupon remove_coupon merge_carts copy_cart quote_cart
    place_order start_payment cancel_order request_return order_history order_details
"""
_ADDRESS_BOOK = "add_address set_default_address"
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
_MEASURES = "verify_integrity shop_health orders_per_minute stock_outs sequence_usage bloat_estimate slowest_statements"
EXECUTES = {
    "shop_app": _BY_BUYERS + _ADDRESS_BOOK + _BY_STAFF + _BY_THE_APPLICATION,
    "shop_storefront": _BY_BUYERS + _ADDRESS_BOOK,
    "shop_backoffice": _BY_BUYERS + _BY_STAFF + _MEASURES,
    "shop_monitor": _MEASURES,
    "shop_ci": "verify_integrity",
}

USES_SCHEMAS = {
    "shop_app": "shop api",
    # Without schema shop they cannot name a table, only what stands in api.
    "shop_storefront": "api",
    "shop_backoffice": "shop api",
    "shop_analyst": "api",
    "shop_monitor": "shop api",
    "shop_ci": "shop api",
}
USES_TYPES = dict.fromkeys(("shop_app", "shop_storefront", "shop_backoffice"), "api.address")
CONNECTS = "shop_migrator shop_app shop_storefront shop_backoffice shop_analyst shop_monitor shop_ci"


def class_of_tables() -> dict[str, str]:
    """Class by table."""
    return {table: name for name, tables in CLASSES.items() for table in tables.split()}


def expected() -> set[tuple[str, str, str, str]]:
    """(role, kind, object, privilege) of every right that somebody has."""
    lists = (
        (READS, "table", "shop.", "SELECT"),
        (READS_VIEWS, "table", "api.", "SELECT"),
        (EXECUTES, "function", "api.", "EXECUTE"),
        (USES_SCHEMAS, "schema", "", "USAGE"),
        (USES_TYPES, "type", "", "USAGE"),
        (dict.fromkeys(CONNECTS.split(), "the database"), "database", "", "CONNECT"),
    )
    whole = {
        (role, kind, prefix + name, privilege)
        for roles, kind, prefix, privilege in lists
        for role, names in roles.items()
        for name in ([names] if kind == "database" else names.split())
    }
    parts = {
        (role, "column", f"shop.{table}.{column}", "SELECT")
        for role, tables in READS_COLUMNS.items()
        for table, columns in tables.items()
        for column in columns.split()
    }
    return whole | parts


def actual(connection: Any, roles: list[str]) -> set[tuple[str, str, str, str]]:
    """The same of a database, by asking about each role, each object and each privilege there is."""
    return set(rows(connection, _EVERY_RIGHT, {"roles": roles}))


def misclassified(connection: Any) -> list[str]:
    """A sentence for each table that nobody classified, that is classified twice or that is not there."""
    classified = [table for tables in CLASSES.values() for table in tables.split()]
    there = {name for (name,) in rows(connection, _TABLES)}
    return (
        [
            f"shop.{table} has no class: say in privilege_matrix.py what it holds"
            for table in sorted(there - {*classified})
        ]
        + [f"shop.{table} has a class and does not exist" for table in sorted({*classified} - there)]
        + [f"shop.{table} has two classes" for table in sorted({t for t in classified if classified.count(t) > 1})]
    )


def row_security(connection: Any) -> list[str]:
    """A sentence for each table whose row-level security is not the one of its class."""
    classes = class_of_tables()
    found = {name: (enabled, forced, policies) for name, enabled, forced, policies in rows(connection, _ROW_SECURITY)}
    sentences = []
    for table, (enabled, forced, policies) in sorted(found.items()):
        wanted = ROW_SECURITY.get(classes.get(table, ""))
        expected_policies = {
            name: [sorted(roles.split()), "r", True] for name, roles in (wanted or {}).items()
        }  # For SELECT, permissive.
        if enabled != (wanted is not None):
            sentences.append(
                f"shop.{table} is {classes.get(table)}: row-level security is {'on' if enabled else 'off'}"
            )
        if forced:
            sentences.append(f"shop.{table} forces row-level security: the owner's functions would see nothing")
        if policies != expected_policies:
            sentences.append(f"shop.{table} has policies {policies}, not {expected_policies}")
    return sentences


def deviations(connection: Any, roles: list[str]) -> list[str]:
    """A sentence for each right that is there and should not be, and the other way round."""
    wanted, found = expected(), actual(connection, roles)
    return [f"{role} has {privilege} on {kind} {name}" for role, kind, name, privilege in sorted(found - wanted)] + [
        f"{role} lacks {privilege} on {kind} {name}" for role, kind, name, privilege in sorted(wanted - found)
    ]


_TABLES = """
SELECT relname::text FROM pg_class
WHERE relnamespace = 'shop'::regnamespace AND relkind IN ('r', 'p', 'f') AND NOT relispartition
"""
_ROW_SECURITY = """
SELECT relname::text, relrowsecurity, relforcerowsecurity,
       coalesce((SELECT jsonb_object_agg(
                            polname,
                            jsonb_build_array(
                                ARRAY(SELECT CASE r WHEN 0 THEN 'PUBLIC' ELSE pg_get_userbyid(r) END
                                      FROM unnest(polroles) AS r ORDER BY 1), polcmd, polpermissive))
                 FROM pg_policy WHERE polrelid = c.oid), '{}')
FROM pg_class AS c
WHERE relnamespace = 'shop'::regnamespace AND relkind IN ('r', 'p', 'f')
"""
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
     LEFT JOIN pg_class AS c ON c.oid = typrelid
WHERE nspname IN ('shop', 'api') AND (typtype IN ('e', 'd', 'r') OR relkind = 'c')
  AND has_type_privilege(role.oid, t.oid, 'USAGE')
UNION ALL
SELECT role.name, 'database', 'the database', privilege
FROM role, unnest('{CONNECT,CREATE,TEMPORARY}'::text[]) AS privilege
WHERE has_database_privilege(role.oid, current_database(), privilege)
UNION ALL
-- What comes into being later would be granted by itself.
SELECT role.name, 'default privilege', format('%%s in %%s', defaclobjtype, coalesce(nspname, 'any schema')), privilege_type
FROM role, pg_default_acl AS d LEFT JOIN pg_namespace AS n ON n.oid = defaclnamespace, aclexplode(defaclacl) AS a
WHERE a.grantee = role.oid AND (pg_get_userbyid(defaclrole) = 'shop_owner' OR nspname IN ('shop', 'api'))
"""
