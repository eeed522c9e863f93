DROP FUNCTION shop.invariant_stock_levels_equal_movements();
DROP FUNCTION shop.apply_stock_movements();
