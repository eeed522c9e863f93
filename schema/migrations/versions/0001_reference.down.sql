DROP FUNCTION shop.invariant_deployment_is_one_row();
DROP FUNCTION shop.keep_production();
DROP FUNCTION api.verify_integrity();
DROP PROCEDURE shop.refuse_truncate_of(text[]);
DROP FUNCTION shop.touch_updated_at();
DROP FUNCTION shop.actor();
DROP FUNCTION shop.refuse_direct_write();
DROP FUNCTION shop.refuse();
