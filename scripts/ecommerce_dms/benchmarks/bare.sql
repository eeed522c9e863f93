-- The rows of one order, written by one statement into copies of the tables that have the same columns and indexes, and no
-- constraint but NOT NULL, no foreign key and no trigger. Nothing is looked up: it is what writing costs.
WITH key AS MATERIALIZED (
    SELECT uuidv7() AS cart_id, uuidv7() AS order_id
), line AS MATERIALIZED (
    SELECT number::smallint AS line_number, variant_id FROM unnest(:variants) WITH ORDINALITY AS l (variant_id, number)
), cart AS (
    INSERT INTO bare.carts (cart_id, currency, status, expires_at)
    SELECT cart_id, 'EUR', 'converted', now() + interval '30 days' FROM key
), cart_item AS (
    INSERT INTO bare.cart_items (cart_id, variant_id, quantity) SELECT cart_id, variant_id, 1 FROM key, line
), header AS (
    INSERT INTO bare.orders
        (order_id, cart_id, request_digest, contact_email, currency, country, prices_include_tax, is_tax_exempt,
         shipping_method_id, shipping_method_name, line_count, unit_count, subtotal_minor, discount_minor, shipping_minor,
         shipping_tax_minor, shipping_tax_count, tax_minor, total_minor, expires_at)
    SELECT order_id, cart_id, decode(repeat('ab', 32), 'hex'), 'ada@example.com', 'EUR', 'DE', true, false, 1,
           'Standard delivery', :lines, :lines, :lines * 1000, 0, :total - :lines * 1000, 0, 1, :lines * 160, :total,
           now() + interval '1 hour'
    FROM key
), item AS (
    INSERT INTO bare.order_items
        (order_id, line_number, variant_id, currency, sku, product_name, variant_name, tax_class, prices_include_tax,
         quantity, unit_price_minor, subtotal_minor, discount_minor, tax_minor, tax_count, total_minor, allocated_quantity)
    SELECT order_id, line_number, variant_id, 'EUR', 'BENCHMARK-0001', 'Benchmark article 1', 'One', 'standard', true, 1,
           1000, 1000, 0, 160, 1, 1000, 1
    FROM key, line
), tax AS (
    INSERT INTO bare.order_item_taxes (order_id, line_number, jurisdiction, rate, base_minor, tax_minor)
    SELECT order_id, line_number, 'VAT DE', 0.19, 840, 160 FROM key, line
), shipping_tax AS (
    INSERT INTO bare.order_shipping_taxes (order_id, jurisdiction, rate, base_minor, tax_minor)
    SELECT order_id, 'VAT DE', 0.19, 0, 0 FROM key
), address AS (
    INSERT INTO bare.order_addresses (order_id, kind, recipient, line1, city, postal_code, country)
    SELECT order_id, kind, 'Ada Example', '1 Main Street', 'Springfield', '12345', 'DE'
    FROM key, unnest('{shipping,billing}'::shop.address_kind[]) AS kind
), allocation AS (
    INSERT INTO bare.order_allocations (order_id, line_number, warehouse_id, slot, variant_id, quantity)
    SELECT order_id, line_number, :warehouse, 0, variant_id, 1 FROM key, line
), movement AS (
    INSERT INTO bare.stock_movements (variant_id, warehouse_id, slot, kind, reserved_delta, order_id, line_number)
    SELECT variant_id, :warehouse, 0, 'reservation', 1, order_id, line_number FROM key, line ORDER BY variant_id
), level AS (
    -- The one thing that is done for order's sake: rows are locked by key, or the statement would deadlock with itself.
    UPDATE bare.stock_levels AS level SET reserved = level.reserved + 1
    FROM (
        SELECT variant_id, warehouse_id, slot FROM bare.stock_levels
        WHERE variant_id = ANY (ARRAY(SELECT variant_id FROM line)) AND warehouse_id = :warehouse AND slot = 0
        ORDER BY variant_id FOR NO KEY UPDATE
    ) AS locked
    WHERE (level.variant_id, level.warehouse_id, level.slot) = (locked.variant_id, locked.warehouse_id, locked.slot)
), history AS (
    INSERT INTO bare.order_status_history (order_id, sequence, to_status) SELECT order_id, 1, 'pending' FROM key
)
INSERT INTO bare.outbox_events (aggregate_type, aggregate_id, sequence, event_type, payload)
SELECT 'order', order_id::text, 1, 'order.placed',
       jsonb_build_object('order_id', order_id, 'total_minor', :total::bigint, 'currency', 'EUR')
FROM key;
