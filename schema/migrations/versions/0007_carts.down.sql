DROP FUNCTION shop.count_cart_change();
