-- Who sees whose rows. Three kinds of readers stand outside the owner's functions:
--
--   shop_storefront   reads the views api.my_…, which run with the caller's own rights (security_invoker): the columns granted
--                     below, of the rows that row-level security leaves, which are those of shop.customer_id
--   shop_analyst      reads the views api.report_…, which run with the owner's rights and hold no personal column
--   shop_app,         read tables as before, all rows of them
--   shop_backoffice
--
-- Row-level security is enabled and never forced: forced, the owner's functions, COPY and pg_dump would see nothing, and a
-- proof of consistency would pass by looking at no row. It guards against an application's mistake, not against SQL that
-- somebody smuggled in: whoever can run SQL can set the setting.

-- The customer's rows ----------------------------------------------------------------------------------------------------

-- A table of the list, and which of its rows belong to the customer that %1$s or %3$s stands for. What has a customer of its own
-- compares with the setting (%3$s): an index is asked for it once, the planner knows how many rows that customer has, and
-- there is no plan within the plan to be set up and torn down for each page of a history. Children ask for their parent by
-- its key, row by row, with the setting in a subselect (%1$s), so that it is read once for a statement; the planner chooses
-- between probing and hashing.
DO $policies$
DECLARE
    setting constant text := 'nullif(current_setting(''shop.customer_id'', true), '''')::uuid';
    acting_for constant text := format('(SELECT %s)', setting);
    of_order constant text :=
        'EXISTS (SELECT FROM shop.orders AS o WHERE o.order_id = %2$I.order_id AND o.customer_id = %1$s)';
    guarded record;
BEGIN
    FOR guarded IN
        SELECT * FROM (VALUES
            ('customers', 'customer_id = %3$s'),
            ('addresses', 'customer_id = %3$s'),
            ('carts', 'customer_id = %3$s'),
            ('cart_items', 'EXISTS (SELECT FROM shop.carts AS c WHERE c.cart_id = %2$I.cart_id AND c.customer_id = %1$s)'),
            ('orders', 'customer_id = %3$s'),
            ('order_items', of_order),
            ('order_item_taxes', of_order),
            ('order_shipping_taxes', of_order),
            ('order_addresses', of_order),
            ('order_allocations', of_order),
            ('order_item_cancellations', of_order),
            ('order_status_history', of_order),
            ('coupon_redemptions', of_order),
            ('shipments', of_order),
            ('shipment_items', of_order),
            ('returns', of_order),
            ('return_items', of_order),
            ('payments', of_order),
            ('refunds', of_order),
            ('invoices', of_order),
            ('credit_notes', of_order)
        ) AS t (table_name, condition)
    LOOP
        EXECUTE format('ALTER TABLE shop.%I ENABLE ROW LEVEL SECURITY', guarded.table_name);
        EXECUTE format(
            'CREATE POLICY own_rows ON shop.%I FOR SELECT TO shop_storefront USING (%s)',
            guarded.table_name, format(guarded.condition, acting_for, guarded.table_name, setting));
        EXECUTE format(
            'CREATE POLICY all_rows ON shop.%I FOR SELECT TO shop_app, shop_backoffice USING (true)', guarded.table_name);
    END LOOP;
END
$policies$;

-- Without a policy nobody but the owner sees a row, whatever is granted by mistake.
ALTER TABLE shop.customer_credentials ENABLE ROW LEVEL SECURITY;
ALTER TABLE shop.account_tokens ENABLE ROW LEVEL SECURITY;
ALTER TABLE shop.login_sessions ENABLE ROW LEVEL SECURITY;
ALTER TABLE shop.login_attempts ENABLE ROW LEVEL SECURITY;

-- What a storefront reads ------------------------------------------------------------------------------------------------

CREATE VIEW api.my_account WITH (security_invoker = true) AS
SELECT customer_id, email, full_name, phone, tax_number, is_tax_exempt, status::text AS status, email_verified_at,
       marketing_consent_at, created_at
FROM shop.customers;
COMMENT ON VIEW api.my_account IS 'The customer of shop.customer_id.';

CREATE VIEW api.my_addresses WITH (security_invoker = true) AS
SELECT address_id, recipient, company, line1, line2, city, region, postal_code, country, phone, is_default_shipping,
       is_default_billing, created_at
FROM shop.addresses
WHERE archived_at IS NULL;
COMMENT ON VIEW api.my_addresses IS 'The address book of the customer of shop.customer_id, without what was removed.';

CREATE VIEW api.my_cart WITH (security_invoker = true) AS
SELECT c.cart_id, c.currency, c.version, c.expires_at, i.variant_id, i.quantity, i.added_at
FROM shop.carts AS c
LEFT JOIN shop.cart_items AS i ON i.cart_id = c.cart_id
WHERE c.status = 'open' AND c.expires_at > now();
COMMENT ON VIEW api.my_cart IS 'The open cart of the customer of shop.customer_id, a row for each line.';

CREATE VIEW api.my_orders WITH (security_invoker = true) AS
SELECT order_id, order_number, placed_at, status::text AS status, payment_status::text AS payment_status,
       fulfilment_status::text AS fulfilment_status, currency, line_count, unit_count, subtotal_minor, discount_minor,
       shipping_minor, tax_minor, total_minor, cancelled_minor, refunded_minor, expires_at
FROM shop.orders;
COMMENT ON VIEW api.my_orders IS 'The orders of the customer of shop.customer_id.';

-- From the orders downwards, so that a customer's lines are found by key and not by looking through everybody's.
CREATE VIEW api.my_order_items WITH (security_invoker = true) AS
SELECT o.order_id, o.placed_at, i.line_number, i.variant_id, i.sku, i.product_name, i.variant_name, i.quantity, i.currency,
       i.unit_price_minor, i.discount_minor, i.tax_minor, i.total_minor, i.shipped_quantity, i.cancelled_quantity,
       i.returned_quantity
FROM shop.orders AS o
JOIN shop.order_items AS i ON i.order_id = o.order_id;
COMMENT ON VIEW api.my_order_items IS 'The lines of the orders of the customer of shop.customer_id.';

CREATE VIEW api.my_shipments WITH (security_invoker = true) AS
SELECT s.shipment_id, o.order_id, s.carrier, s.tracking_number, s.shipped_at, s.delivered_at
FROM shop.orders AS o
JOIN shop.shipments AS s ON s.order_id = o.order_id;
COMMENT ON VIEW api.my_shipments IS 'What was shipped to the customer of shop.customer_id.';

CREATE VIEW api.my_returns WITH (security_invoker = true) AS
SELECT r.return_id, o.order_id, r.status::text AS status, r.reason, r.refundable_minor, r.requested_at, r.received_at
FROM shop.orders AS o
JOIN shop.returns AS r ON r.order_id = o.order_id;
COMMENT ON VIEW api.my_returns IS 'What the customer of shop.customer_id sent back, or announced.';

CREATE VIEW api.my_invoices WITH (security_invoker = true) AS
SELECT i.series, i.number, o.order_id, i.currency, i.total_minor, i.tax_minor, i.credited_minor, i.issued_at
FROM shop.orders AS o
JOIN shop.invoices AS i ON i.order_id = o.order_id;
COMMENT ON VIEW api.my_invoices IS 'The invoices of the customer of shop.customer_id.';

-- What analysts read -----------------------------------------------------------------------------------------------------

-- Keys of customers and orders stay in, so that rows can be joined and counted; nothing that analysts see leads from a key to
-- a person. Free text that people write stays out.
CREATE VIEW api.report_customers AS
SELECT customer_id, status::text AS status, is_tax_exempt, email_verified_at IS NOT NULL AS is_verified,
       marketing_consent_at IS NOT NULL AS has_consented, created_at
FROM shop.customers;
COMMENT ON VIEW api.report_customers IS 'Customers by key, without who they are.';

CREATE VIEW api.report_orders AS
SELECT order_id, order_number, customer_id, placed_at, currency, country, prices_include_tax, is_tax_exempt,
       shipping_method_name, line_count, unit_count, subtotal_minor, discount_minor, shipping_minor, tax_minor, total_minor,
       captured_minor, refunded_minor, cancelled_minor, status::text AS status, payment_status::text AS payment_status,
       fulfilment_status::text AS fulfilment_status
FROM shop.orders;
COMMENT ON VIEW api.report_orders IS 'Orders, without who placed them.';

CREATE VIEW api.report_order_items AS
SELECT order_id, line_number, variant_id, sku, product_name, variant_name, tax_class, currency, quantity, unit_price_minor,
       subtotal_minor, discount_minor, tax_minor, total_minor, shipped_quantity, cancelled_quantity, returned_quantity
FROM shop.order_items;
COMMENT ON VIEW api.report_order_items IS 'Lines of orders.';

CREATE VIEW api.report_payments AS
SELECT payment_id, order_id, provider, method, currency, amount_minor, authorized_minor, captured_minor, refunded_minor,
       state::text AS state, created_at, closed_at
FROM shop.payments;
COMMENT ON VIEW api.report_payments IS 'Payments, without the provider''s own keys.';

CREATE VIEW api.report_returns AS
SELECT return_id, order_id, status::text AS status, refundable_minor, item_count, requested_at, received_at
FROM shop.returns;
COMMENT ON VIEW api.report_returns IS 'Returns, without the words of customers.';

CREATE VIEW api.report_ledger AS
SELECT j.journal_id, j.kind::text AS kind, j.order_id, j.posted_at, l.line_number, l.account, l.currency, l.amount_minor
FROM shop.journals AS j
JOIN shop.journal_lines AS l ON l.journal_id = j.journal_id;
COMMENT ON VIEW api.report_ledger IS 'The books: a row for each line of each journal, debit positive, credit negative.';

CREATE VIEW api.report_stock AS
SELECT v.variant_id, v.sku, p.name AS product_name, p.brand, p.status::text AS product_status, w.code AS warehouse,
       sum(s.on_hand)::bigint AS on_hand, sum(s.reserved)::bigint AS reserved
FROM shop.stock_levels AS s
JOIN shop.product_variants AS v ON v.variant_id = s.variant_id
JOIN shop.products AS p ON p.product_id = v.product_id
JOIN shop.warehouses AS w ON w.warehouse_id = s.warehouse_id
GROUP BY v.variant_id, p.product_id, w.warehouse_id;
COMMENT ON VIEW api.report_stock IS 'Stock of each variant in each warehouse, over all slots.';

-- Privileges -------------------------------------------------------------------------------------------------------------

-- Without USAGE on schema shop a storefront cannot name a table; the views need the columns all the same.
GRANT SELECT (customer_id, email, full_name, phone, tax_number, is_tax_exempt, status, email_verified_at,
              marketing_consent_at, created_at)
    ON shop.customers TO shop_storefront;
GRANT SELECT (address_id, customer_id, recipient, company, line1, line2, city, region, postal_code, country, phone,
              is_default_shipping, is_default_billing, created_at, archived_at)
    ON shop.addresses TO shop_storefront;
GRANT SELECT (cart_id, customer_id, currency, status, version, expires_at) ON shop.carts TO shop_storefront;
GRANT SELECT (cart_id, variant_id, quantity, added_at) ON shop.cart_items TO shop_storefront;
GRANT SELECT (order_id, order_number, customer_id, placed_at, status, payment_status, fulfilment_status, currency,
              line_count, unit_count, subtotal_minor, discount_minor, shipping_minor, tax_minor, total_minor,
              cancelled_minor, refunded_minor, expires_at)
    ON shop.orders TO shop_storefront;
GRANT SELECT (order_id, line_number, variant_id, sku, product_name, variant_name, quantity, currency, unit_price_minor,
              discount_minor, tax_minor, total_minor, shipped_quantity, cancelled_quantity, returned_quantity)
    ON shop.order_items TO shop_storefront;
GRANT SELECT (shipment_id, order_id, carrier, tracking_number, shipped_at, delivered_at)
    ON shop.shipments TO shop_storefront;
GRANT SELECT (return_id, order_id, status, reason, refundable_minor, requested_at, received_at)
    ON shop.returns TO shop_storefront;
GRANT SELECT (series, number, order_id, currency, total_minor, tax_minor, credited_minor, issued_at)
    ON shop.invoices TO shop_storefront;
GRANT SELECT ON
    api.my_account, api.my_addresses, api.my_cart, api.my_orders, api.my_order_items, api.my_shipments, api.my_returns,
    api.my_invoices
TO shop_storefront;

GRANT USAGE ON SCHEMA api TO shop_analyst;
GRANT SELECT ON
    api.report_customers, api.report_orders, api.report_order_items, api.report_payments, api.report_returns,
    api.report_ledger, api.report_stock
TO shop_analyst;

-- Staff do not need the digests that make a retry harmless.
REVOKE SELECT ON shop.orders FROM shop_backoffice;
GRANT SELECT (order_id, order_number, cart_id, customer_id, contact_email, contact_email_normalized, contact_phone, currency,
              country, prices_include_tax, is_tax_exempt, tax_number, shipping_method_id, shipping_method_name, line_count,
              unit_count, subtotal_minor, discount_minor, shipping_minor, shipping_tax_minor, shipping_tax_count, tax_minor,
              total_minor, status, intended_minor, authorized_minor, captured_minor, refunded_minor, cancelled_minor,
              shipped_units, cancelled_units, returned_units, payment_status, fulfilment_status, placed_at, expires_at)
    ON shop.orders TO shop_backoffice;

-- The nightly check of a live database: what the catalogue does not already tell everybody, and the proof of consistency.
GRANT USAGE ON SCHEMA shop, api TO shop_ci;
GRANT SELECT ON shop.deployment, shop.alembic_version, shop.pii_columns TO shop_ci;
GRANT EXECUTE ON FUNCTION api.verify_integrity() TO shop_ci;
