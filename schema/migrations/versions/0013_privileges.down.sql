REVOKE ALL ON ALL TABLES IN SCHEMA shop FROM shop_app, shop_backoffice, shop_monitor;
REVOKE ALL ON FUNCTION api.verify_integrity() FROM shop_monitor, shop_backoffice;
REVOKE USAGE ON SCHEMA shop, api FROM shop_app, shop_backoffice, shop_monitor;
