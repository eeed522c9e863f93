-- Carts are frozen once they are no longer open.

CREATE TRIGGER coupons_start_unused
    BEFORE INSERT ON shop.coupons
    FOR EACH ROW WHEN (NEW.times_used <> 0)
    EXECUTE FUNCTION shop.refuse('SH103', 'times_used starts at 0', 'Leave the column out.');
CREATE TRIGGER coupons_times_used_is_kept
    BEFORE UPDATE OF times_used ON shop.coupons
    FOR EACH STATEMENT EXECUTE FUNCTION shop.refuse_direct_write('Insert or release a coupon redemption.');

CREATE TRIGGER carts_touch
    BEFORE UPDATE ON shop.carts
    FOR EACH ROW EXECUTE FUNCTION shop.touch_updated_at();
CREATE TRIGGER carts_start_open
    BEFORE INSERT ON shop.carts
    FOR EACH ROW WHEN (NEW.status <> 'open' OR NEW.version <> 1)
    EXECUTE FUNCTION shop.refuse('SH106', 'a cart starts open, at version 1', 'Leave status and version out.');
CREATE TRIGGER carts_start_now
    BEFORE INSERT ON shop.carts
    FOR EACH ROW WHEN ((NEW.created_at, NEW.updated_at) IS DISTINCT FROM (now(), now()))
    EXECUTE FUNCTION shop.refuse('SH103', 'the moment a cart is made is the server''s', 'Leave created_at and updated_at out.');
CREATE TRIGGER carts_started_once
    BEFORE UPDATE OF cart_id, created_at ON shop.carts
    FOR EACH STATEMENT
    EXECUTE FUNCTION shop.refuse('SH102', 'key and age of a cart do not change', 'Make another cart.');
CREATE TRIGGER carts_version_is_kept
    BEFORE UPDATE OF version ON shop.carts
    FOR EACH STATEMENT EXECUTE FUNCTION shop.refuse_direct_write('Change cart_items; the version follows.');
CREATE TRIGGER carts_never_reopen
    BEFORE UPDATE OF status ON shop.carts
    FOR EACH ROW WHEN (OLD.status <> 'open' AND NEW.status <> OLD.status)
    EXECUTE FUNCTION shop.refuse('SH106', 'a cart that was closed stays closed', 'Make a new cart and copy the lines.');
CREATE TRIGGER carts_convert_by_order
    BEFORE UPDATE OF status ON shop.carts
    FOR EACH ROW WHEN (OLD.status = 'open' AND NEW.status = 'converted')
    EXECUTE FUNCTION shop.refuse_direct_write('Insert the order; its cart is converted with it.');
CREATE TRIGGER carts_content_is_frozen
    BEFORE UPDATE OF customer_id, currency, coupon_id, merged_into_cart_id ON shop.carts
    FOR EACH ROW WHEN (
        OLD.status <> 'open' AND (OLD.customer_id, OLD.currency, OLD.coupon_id, OLD.merged_into_cart_id)
            IS DISTINCT FROM (NEW.customer_id, NEW.currency, NEW.coupon_id, NEW.merged_into_cart_id))
    EXECUTE FUNCTION shop.refuse('SH106', 'a closed cart does not change', 'Make a new cart and copy the lines.');
CREATE TRIGGER carts_stay_with_their_customer
    BEFORE UPDATE OF customer_id ON shop.carts
    FOR EACH ROW WHEN (OLD.customer_id IS NOT NULL AND NEW.customer_id IS DISTINCT FROM OLD.customer_id)
    EXECUTE FUNCTION shop.refuse('SH102', 'a customer''s cart stays with the customer', 'Copy its lines to another cart.');

-- In this and every other trigger with a transition table, keys are handed to the big table as an array, and the first of
-- the rows that break a rule is found by min(), not by LIMIT: a LIMIT that is never reached makes the planner expect to
-- stop early, and it then reads the big table from one end to the other.

-- Raising the version locks the cart: this waits for a checkout that is converting it, and a checkout waits for this.
-- Either the line is in the order, or it is refused. A lock alone would not do: under REPEATABLE READ a checkout that waited
-- for it would go on with the lines it saw before; a row that has really changed is a serialization failure there.
-- A cart that this transaction made or changed already (it wrote the row's present version, and did so now) is locked and
-- changed for all others: its version is raised once a transaction, and that of a new cart not at all.
CREATE FUNCTION shop.count_cart_change() RETURNS trigger
LANGUAGE plpgsql
SET search_path = pg_catalog, shop, pg_temp
AS $$
DECLARE
    touched uuid[] := ARRAY(SELECT DISTINCT cart_id FROM changed);
    raised integer;
    closed text;
BEGIN
    -- INSERT … ON CONFLICT fires the triggers of both events, and one of them has nothing to say.
    IF touched = '{}' THEN
        RETURN NULL;
    END IF;
    -- One cart is locked by its UPDATE; several are locked in the order of their keys first, which an UPDATE does not keep.
    IF cardinality(touched) > 1 THEN
        PERFORM FROM shop.carts WHERE cart_id = ANY (touched) ORDER BY cart_id FOR NO KEY UPDATE;
    END IF;
    IF cardinality(touched) = 1 AND EXISTS (
        SELECT FROM shop.carts
        WHERE cart_id = touched[1] AND status = 'open'
          AND xmin = pg_current_xact_id()::xid AND updated_at >= now()
    ) THEN
        RETURN NULL;
    END IF;
    UPDATE shop.carts SET version = version + 1 WHERE cart_id = ANY (touched) AND status = 'open';
    GET DIAGNOSTICS raised = ROW_COUNT;
    IF raised = cardinality(touched) THEN
        RETURN NULL;
    END IF;

    SELECT min(format('cart %s is %s', cart_id, status)) INTO closed
    FROM shop.carts
    WHERE cart_id = ANY (touched) AND status <> 'open';
    IF closed IS NOT NULL THEN
        RAISE EXCEPTION USING
            ERRCODE = 'SH106',
            MESSAGE = format('%s: its lines no longer change', closed),
            HINT = 'Make a new cart and copy the lines.',
            SCHEMA = TG_TABLE_SCHEMA, TABLE = TG_TABLE_NAME, CONSTRAINT = TG_NAME;
    END IF;
    RETURN NULL;
END
$$;
COMMENT ON FUNCTION shop.count_cart_change() IS
    'Trigger: lines of a cart change only while it is open, and each transaction that changes them raises its version.';

CREATE TRIGGER cart_items_frozen_on_insert
    AFTER INSERT ON shop.cart_items
    REFERENCING NEW TABLE AS changed
    FOR EACH STATEMENT EXECUTE FUNCTION shop.count_cart_change();
CREATE TRIGGER cart_items_frozen_on_update
    AFTER UPDATE ON shop.cart_items
    REFERENCING NEW TABLE AS changed
    FOR EACH STATEMENT EXECUTE FUNCTION shop.count_cart_change();
CREATE TRIGGER cart_items_frozen_on_delete
    AFTER DELETE ON shop.cart_items
    REFERENCING OLD TABLE AS changed
    FOR EACH STATEMENT EXECUTE FUNCTION shop.count_cart_change();
CREATE TRIGGER cart_items_stay_in_their_cart
    BEFORE UPDATE OF cart_id, variant_id ON shop.cart_items
    FOR EACH STATEMENT
    EXECUTE FUNCTION shop.refuse('SH102', 'a line stays in its cart', 'Delete the line and insert another.');

-- Why these foreign keys have no index of their own --------------------------------------------------------------------

COMMENT ON CONSTRAINT fk_coupons_currency ON shop.coupons IS
    'No index: currencies are never deleted or renumbered, and no hot read starts from one.';
COMMENT ON CONSTRAINT fk_carts_currency ON shop.carts IS
    'No index: currencies are never deleted or renumbered, and no hot read starts from one.';

COMMENT ON TYPE shop.coupon_kind IS 'How a coupon takes off: a rate or an amount.';
COMMENT ON TYPE shop.cart_status IS 'Life of a cart: open, then converted, merged or expired for good.';

CALL shop.refuse_truncate_of('coupons', 'carts', 'cart_items');
