DROP FUNCTION api.slowest_statements(integer);
DROP FUNCTION api.bloat_estimate();
DROP FUNCTION api.sequence_usage();
DROP FUNCTION api.stock_outs();
DROP FUNCTION api.orders_per_minute(timestamptz, timestamptz);
DROP FUNCTION api.shop_health();
