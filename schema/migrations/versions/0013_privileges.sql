-- The least each role needs. What is not granted here is not allowed, for PUBLIC has nothing.

-- The application reads what it shows and writes through functions. It never reads password hashes, tokens, the log-in
-- trail or the audit log.
GRANT USAGE ON SCHEMA shop, api TO shop_app, shop_backoffice, shop_monitor;
GRANT SELECT ON
    shop.currencies, shop.countries, shop.deployment,
    shop.categories, shop.products, shop.product_categories, shop.product_options, shop.product_variants,
    shop.variant_option_values, shop.product_media, shop.variant_prices,
    shop.warehouses, shop.stock_levels,
    shop.tax_classes, shop.tax_rates, shop.shipping_methods, shop.shipping_rates,
    shop.customers, shop.addresses, shop.carts, shop.cart_items, shop.coupons, shop.coupon_redemptions,
    shop.orders, shop.order_items, shop.order_item_taxes, shop.order_shipping_taxes, shop.order_addresses,
    shop.order_allocations, shop.order_item_cancellations, shop.order_transitions, shop.order_status_history,
    shop.shipments, shop.shipment_items, shop.returns, shop.return_items,
    shop.payments, shop.refunds, shop.invoices, shop.credit_notes
TO shop_app, shop_backoffice;

-- Staff also see stock movements, what payments went wrong, the books and the audit log.
GRANT SELECT ON
    shop.stock_movements, shop.payment_events, shop.payment_exceptions,
    shop.ledger_accounts, shop.journals, shop.journal_lines, shop.document_series, shop.audit_log, shop.pii_columns
TO shop_backoffice;

-- Monitoring runs the proof of consistency and sees counts, never rows.
GRANT EXECUTE ON FUNCTION api.verify_integrity() TO shop_monitor, shop_backoffice;
