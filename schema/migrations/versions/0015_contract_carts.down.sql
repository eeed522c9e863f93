DROP FUNCTION api.copy_cart(uuid, uuid);
DROP FUNCTION api.merge_carts(uuid, uuid);
DROP FUNCTION api.remove_coupon(uuid);
DROP FUNCTION api.apply_coupon(uuid, text);
DROP FUNCTION api.set_cart_item(uuid, bigint, integer);
DROP FUNCTION api.create_cart(uuid, text, uuid, bigint[], integer[]);
DROP FUNCTION api.set_cart_items(uuid, bigint[], integer[]);
DROP FUNCTION shop.lock_open_cart(uuid);
DROP FUNCTION shop.cart_lifetime();
