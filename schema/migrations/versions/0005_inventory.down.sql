DROP FUNCTION shop.invariant_stock_transfers_balance();
DROP FUNCTION shop.invariant_stock_levels_equal_movements();
DROP FUNCTION shop.apply_stock_movements();
