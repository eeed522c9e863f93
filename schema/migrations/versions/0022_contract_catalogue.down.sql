DROP FUNCTION api.withdraw_price(bigint, text, timestamptz);
DROP FUNCTION api.set_price(bigint, text, bigint, timestamptz, bigint);
DROP FUNCTION api.category_tree(bigint);
DROP FUNCTION api.search_products(text, bigint, text, bigint, bigint, bigint, integer);
DROP FUNCTION shop.price_of(bigint, text);
