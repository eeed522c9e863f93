DELETE FROM shop.pii_columns WHERE table_name IN ('orders', 'order_addresses');
DROP TRIGGER coupons_customer_limit_covers_uses ON shop.coupons;
DROP FUNCTION shop.invariant_coupons_are_released_with_orders();
DROP FUNCTION shop.invariant_coupons_keep_customer_limit();
DROP FUNCTION shop.check_customer_limit();
DROP FUNCTION shop.coupon_uses_by_customer(bigint);
DROP FUNCTION shop.invariant_coupon_uses_equal_redemptions();
DROP FUNCTION shop.uncount_redemption();
DROP FUNCTION shop.count_redemption();
DROP FUNCTION shop.invariant_order_history_is_a_chain();
DROP FUNCTION shop.write_order_history();
DROP FUNCTION shop.check_order_transition();
DROP FUNCTION shop.invariant_line_counters_equal_allocations();
DROP FUNCTION shop.invariant_order_counters_equal_lines();
DROP FUNCTION shop.count_units_on_order();
DROP FUNCTION shop.count_cancellations();
DROP FUNCTION shop.invariant_allocations_are_of_their_line();
DROP FUNCTION shop.invariant_reserved_stock_equals_allocations();
DROP FUNCTION shop.release_allocated_stock();
DROP FUNCTION shop.reserve_allocated_stock();
DROP FUNCTION shop.invariant_orders_are_whole();
DROP FUNCTION shop.require_whole_order();
DROP FUNCTION shop.invariant_order_taxes_equal_rows();
DROP FUNCTION shop.compare_order_with_shipping_taxes();
DROP FUNCTION shop.compare_lines_with_taxes();
DROP FUNCTION shop.invariant_order_totals_equal_lines();
DROP FUNCTION shop.compare_order_with_lines();
DROP FUNCTION shop.invariant_carts_convert_with_orders();
DROP FUNCTION shop.convert_cart();

-- Movements that orders caused would refer to nothing: stock goes back to what it would be without any order.
ALTER TABLE shop.stock_movements DISABLE TRIGGER USER;
ALTER TABLE shop.stock_levels DISABLE TRIGGER USER;
ALTER TABLE shop.coupons DISABLE TRIGGER USER;
ALTER TABLE shop.carts DISABLE TRIGGER USER;
DELETE FROM shop.stock_movements WHERE order_id IS NOT NULL;
UPDATE shop.stock_levels AS level
SET reserved = 0,
    on_hand = coalesce((
        SELECT sum(on_hand_delta) FROM shop.stock_movements AS m
        WHERE (m.variant_id, m.warehouse_id, m.slot) = (level.variant_id, level.warehouse_id, level.slot)), 0);
UPDATE shop.coupons SET times_used = 0;
UPDATE shop.carts SET status = 'expired' WHERE status = 'converted';
SET CONSTRAINTS ALL IMMEDIATE;
ALTER TABLE shop.stock_movements ENABLE TRIGGER USER;
ALTER TABLE shop.stock_levels ENABLE TRIGGER USER;
ALTER TABLE shop.coupons ENABLE TRIGGER USER;
ALTER TABLE shop.carts ENABLE TRIGGER USER;
