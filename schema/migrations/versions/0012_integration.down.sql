DROP TRIGGER stock_movements_audit ON shop.stock_movements;
DROP TRIGGER customers_audit ON shop.customers;
DROP TRIGGER coupons_audit ON shop.coupons;
DROP TRIGGER variant_prices_audit ON shop.variant_prices;
DROP FUNCTION shop.invariant_audited_rows_have_entries();
DROP FUNCTION shop.audit();
DROP FUNCTION shop.invariant_outbox_sequences_have_no_gap();
DROP FUNCTION shop.number_outbox_event();
