-- The order of client_side.sql as most ORMs save a cart and an order unless told otherwise: an object a statement. What each
-- line needs is read when the line is looked at, and each line is saved for itself. Statements are prepared, to its favour.
BEGIN;
SELECT uuidv7() AS cart_id, uuidv7() AS order_id \gset
INSERT INTO client_side.carts (cart_id, currency, expires_at)
VALUES (:cart_id::uuid, 'EUR', now() + interval '30 days');
-- for each line
SELECT * FROM shop.product_variants WHERE variant_id = :variant ;
INSERT INTO client_side.cart_items (cart_id, variant_id, quantity) VALUES (:cart_id::uuid, :variant , 1);
-- end
SELECT * FROM client_side.carts WHERE cart_id = :cart_id::uuid FOR NO KEY UPDATE;
SELECT order_id FROM client_side.orders WHERE cart_id = :cart_id::uuid;
SELECT * FROM client_side.cart_items WHERE cart_id = :cart_id::uuid;
-- for each line
SELECT variant.*, product.* FROM shop.product_variants AS variant
JOIN shop.products AS product USING (product_id) WHERE variant.variant_id = :variant ;
SELECT amount_minor FROM shop.variant_prices
WHERE variant_id = :variant AND currency = 'EUR' AND valid_from <= now() ORDER BY valid_from DESC LIMIT 1;
-- end
SELECT * FROM shop.countries WHERE code = 'DE';
SELECT * FROM shop.shipping_methods WHERE code = 'standard' AND is_active;
SELECT price_minor FROM shop.shipping_rates WHERE shipping_method_id = 1 AND country = 'DE' AND currency = 'EUR'
    AND minimum_subtotal_minor <= :lines * 1000 ORDER BY minimum_subtotal_minor DESC LIMIT 1;
SELECT * FROM shop.tax_rates WHERE country = 'DE' AND region = '' AND valid_from <= now();
SELECT * FROM client_side.stock_levels WHERE variant_id = ANY (:variants)
ORDER BY variant_id, warehouse_id, slot FOR NO KEY UPDATE;
UPDATE client_side.carts SET status = 'converted', updated_at = now() WHERE cart_id = :cart_id::uuid;
INSERT INTO client_side.orders
    (order_id, cart_id, request_digest, contact_email, currency, country, prices_include_tax, is_tax_exempt,
     shipping_method_id, shipping_method_name, line_count, unit_count, subtotal_minor, discount_minor, shipping_minor,
     shipping_tax_minor, shipping_tax_count, tax_minor, total_minor, expires_at)
VALUES (:order_id::uuid, :cart_id::uuid, decode(repeat('ab', 32), 'hex'), 'ada@example.com', 'EUR', 'DE', true, false, 1,
    'Standard delivery', :lines, :lines, :lines * 1000, 0, :total - :lines * 1000, 0, 1, :lines * 160, :total,
    now() + interval '1 hour')
RETURNING order_number;
-- for each line
INSERT INTO client_side.order_items
    (order_id, line_number, variant_id, currency, sku, product_name, variant_name, tax_class, prices_include_tax,
     quantity, unit_price_minor, subtotal_minor, discount_minor, tax_minor, tax_count, total_minor, allocated_quantity)
VALUES (:order_id::uuid, :number , :variant , 'EUR', 'BENCHMARK-0001', 'Benchmark article 1', 'One', 'standard', true, 1,
    1000, 1000, 0, 160, 1, 1000, 1);
INSERT INTO client_side.order_item_taxes (order_id, line_number, jurisdiction, rate, base_minor, tax_minor)
VALUES (:order_id::uuid, :number , 'VAT DE', 0.19, 840, 160);
INSERT INTO client_side.order_allocations (order_id, line_number, warehouse_id, slot, variant_id, quantity)
VALUES (:order_id::uuid, :number , :warehouse, 0, :variant , 1);
INSERT INTO client_side.stock_movements (variant_id, warehouse_id, slot, kind, reserved_delta, order_id, line_number)
VALUES (:variant , :warehouse, 0, 'reservation', 1, :order_id::uuid, :number );
UPDATE client_side.stock_levels SET reserved = reserved + 1
WHERE variant_id = :variant AND warehouse_id = :warehouse AND slot = 0;
-- end
INSERT INTO client_side.order_shipping_taxes (order_id, jurisdiction, rate, base_minor, tax_minor)
VALUES (:order_id::uuid, 'VAT DE', 0.19, 0, 0);
INSERT INTO client_side.order_addresses (order_id, kind, recipient, line1, city, postal_code, country)
VALUES (:order_id::uuid, 'shipping', 'Ada Example', '1 Main Street', 'Springfield', '12345', 'DE');
INSERT INTO client_side.order_addresses (order_id, kind, recipient, line1, city, postal_code, country)
VALUES (:order_id::uuid, 'billing', 'Ada Example', '1 Main Street', 'Springfield', '12345', 'DE');
INSERT INTO client_side.order_status_history (order_id, sequence, to_status) VALUES (:order_id::uuid, 1, 'pending');
INSERT INTO client_side.outbox_events (aggregate_type, aggregate_id, sequence, event_type, payload)
VALUES ('order', :order_id::text, 1, 'order.placed',
    jsonb_build_object('order_id', :order_id::text, 'total_minor', :total::bigint, 'currency', 'EUR'));
COMMIT;
