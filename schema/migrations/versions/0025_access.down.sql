REVOKE SELECT ON shop.deployment, shop.alembic_version, shop.pii_columns FROM shop_ci;
REVOKE EXECUTE ON FUNCTION api.verify_integrity() FROM shop_ci;
REVOKE USAGE ON SCHEMA shop, api FROM shop_ci;
-- REVOKE of a table takes the privileges on its columns with it.
REVOKE SELECT ON shop.orders FROM shop_backoffice;
GRANT SELECT ON shop.orders TO shop_backoffice;
REVOKE USAGE ON SCHEMA api FROM shop_analyst;
REVOKE SELECT ON
    shop.customers, shop.addresses, shop.carts, shop.cart_items, shop.orders, shop.order_items, shop.shipments, shop.returns,
    shop.invoices
FROM shop_storefront;

DROP VIEW
    api.report_customers, api.report_orders, api.report_order_items, api.report_payments, api.report_returns,
    api.report_ledger, api.report_stock;
DROP VIEW
    api.my_account, api.my_addresses, api.my_cart, api.my_orders, api.my_order_items, api.my_shipments, api.my_returns,
    api.my_invoices;

DO $policies$
DECLARE
    guarded record;
BEGIN
    FOR guarded IN
        SELECT polname, polrelid::regclass AS relation FROM pg_policy WHERE polname IN ('own_rows', 'all_rows')
    LOOP
        EXECUTE format('DROP POLICY %I ON %s', guarded.polname, guarded.relation);
    END LOOP;
    FOR guarded IN
        SELECT oid::regclass AS relation FROM pg_class WHERE relnamespace = 'shop'::regnamespace AND relrowsecurity
    LOOP
        EXECUTE format('ALTER TABLE %s DISABLE ROW LEVEL SECURITY', guarded.relation);
    END LOOP;
END
$policies$;
