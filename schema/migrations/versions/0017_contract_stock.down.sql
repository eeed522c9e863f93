DROP FUNCTION api.split_stock(bigint, bigint, integer);
DROP FUNCTION api.adjust_stock(bigint, bigint, integer, text, boolean);
DROP FUNCTION api.receive_stock(bigint, bigint, integer, text);
DROP FUNCTION api.stock_of(bigint);
DROP FUNCTION shop.require_stock_limit(bigint, bigint, integer, text);
DROP FUNCTION shop.require_stock_key(bigint, bigint);
