-- Fulfilment: goods leave once, and come back once.

-- Shipments ------------------------------------------------------------------------------------------------------------

CREATE TRIGGER shipments_facts_are_immutable
    BEFORE UPDATE OF shipment_id, order_id, warehouse_id, carrier, line_count, shipped_at ON shop.shipments
    FOR EACH STATEMENT
    EXECUTE FUNCTION shop.refuse('SH102', 'a shipment that left does not change', 'Record a return.');
CREATE TRIGGER shipments_leave_now
    BEFORE INSERT ON shop.shipments
    FOR EACH ROW WHEN (NEW.shipped_at IS DISTINCT FROM now())
    EXECUTE FUNCTION shop.refuse('SH103', 'the moment of a shipment is the server''s', 'Leave shipped_at out.');
CREATE TRIGGER shipments_delivery_is_final
    BEFORE UPDATE OF delivered_at ON shop.shipments
    FOR EACH ROW WHEN (OLD.delivered_at IS NOT NULL AND NEW.delivered_at IS DISTINCT FROM OLD.delivered_at)
    EXECUTE FUNCTION shop.refuse('SH102', 'the delivery was recorded already', 'Record a return.');
CREATE TRIGGER shipments_are_kept
    BEFORE DELETE ON shop.shipments
    FOR EACH STATEMENT
    EXECUTE FUNCTION shop.refuse('SH101', 'shipments are kept', 'Record a return.');
CREATE TRIGGER shipment_items_are_append_only
    BEFORE UPDATE OR DELETE OR TRUNCATE ON shop.shipment_items
    FOR EACH STATEMENT
    EXECUTE FUNCTION shop.refuse('SH101', 'what was shipped stays shipped', 'Record a return.');

-- Allocation, line and order before stock, as when stock is released: two of these cannot deadlock, and the CHECKs of the
-- header (confirmed, not more than ordered) speak before any stock is touched.
CREATE FUNCTION shop.ship_items() RETURNS trigger
LANGUAGE plpgsql
SET search_path = pg_catalog, shop, pg_temp
AS $$
DECLARE
    wrong_shipment text;
    unpaid text;
BEGIN
    SELECT min(arrived.shipment_id::text) INTO wrong_shipment
    FROM (SELECT shipment_id, count(*) AS total FROM added GROUP BY shipment_id) AS arrived
    LEFT JOIN shop.shipments AS header USING (shipment_id)
    WHERE arrived.total IS DISTINCT FROM header.line_count::bigint
       OR arrived.total <> (SELECT count(*) FROM shop.shipment_items AS stored WHERE stored.shipment_id = arrived.shipment_id);
    IF wrong_shipment IS NOT NULL THEN
        RAISE EXCEPTION USING
            ERRCODE = 'SH104',
            MESSAGE = format('the items of shipment %s are not those of its header', wrong_shipment),
            HINT = 'Insert the header, then all items in one statement; another parcel is another shipment.',
            SCHEMA = TG_TABLE_SCHEMA, TABLE = TG_TABLE_NAME, CONSTRAINT = TG_NAME;
    END IF;

    SELECT min(format('order %s', header.order_id)) INTO unpaid
    FROM shop.orders AS header
    WHERE header.order_id = ANY (ARRAY(SELECT DISTINCT order_id FROM added))
      AND header.status = 'confirmed' AND header.authorized_minor < header.total_minor - header.cancelled_minor;
    IF unpaid IS NOT NULL THEN
        RAISE EXCEPTION USING
            ERRCODE = 'SH111',
            MESSAGE = format('%s is no longer paid for: its authorization was taken back', unpaid),
            HINT = 'Have it paid anew (payment_exceptions lists it), or cancel it.',
            SCHEMA = TG_TABLE_SCHEMA, TABLE = TG_TABLE_NAME, CONSTRAINT = TG_NAME;
    END IF;

    PERFORM FROM shop.order_allocations
    WHERE order_id = ANY (ARRAY(SELECT DISTINCT order_id FROM added))
      AND (order_id, line_number, warehouse_id, slot) IN (SELECT order_id, line_number, warehouse_id, slot FROM added)
    ORDER BY order_id, line_number, warehouse_id, slot
    FOR NO KEY UPDATE;
    UPDATE shop.order_allocations AS allocation
    SET shipped_quantity = allocation.shipped_quantity + change.quantity
    FROM (
        SELECT order_id, line_number, warehouse_id, slot, sum(quantity)::integer AS quantity
        FROM added GROUP BY order_id, line_number, warehouse_id, slot
    ) AS change
    WHERE (allocation.order_id, allocation.line_number, allocation.warehouse_id, allocation.slot)
        = (change.order_id, change.line_number, change.warehouse_id, change.slot);

    PERFORM FROM shop.order_items
    WHERE order_id = ANY (ARRAY(SELECT DISTINCT order_id FROM added))
      AND (order_id, line_number) IN (SELECT order_id, line_number FROM added)
    ORDER BY order_id, line_number
    FOR NO KEY UPDATE;
    UPDATE shop.order_items AS line
    SET shipped_quantity = line.shipped_quantity + change.quantity
    FROM (
        SELECT order_id, line_number, sum(quantity)::integer AS quantity FROM added GROUP BY order_id, line_number
    ) AS change
    WHERE (line.order_id, line.line_number) = (change.order_id, change.line_number);

    INSERT INTO shop.stock_movements
        (variant_id, warehouse_id, slot, kind, on_hand_delta, reserved_delta, order_id, line_number)
    SELECT allocation.variant_id, added.warehouse_id, added.slot, 'shipment', -added.quantity, -added.quantity,
           added.order_id, added.line_number
    FROM added
    JOIN shop.order_allocations AS allocation USING (order_id, line_number, warehouse_id, slot)
    ORDER BY allocation.variant_id, added.warehouse_id, added.slot;
    RETURN NULL;
END
$$;
COMMENT ON FUNCTION shop.ship_items() IS 'Trigger: shipped items count on line and allocation, and leave the stock.';

CREATE TRIGGER shipment_items_ship
    AFTER INSERT ON shop.shipment_items
    REFERENCING NEW TABLE AS added
    FOR EACH STATEMENT EXECUTE FUNCTION shop.ship_items();

CREATE FUNCTION shop.require_whole_shipment() RETURNS trigger
LANGUAGE plpgsql
SET search_path = pg_catalog, shop, pg_temp
AS $$
BEGIN
    IF (SELECT count(*) FROM shop.shipment_items AS item WHERE item.shipment_id = NEW.shipment_id) <> NEW.line_count THEN
        RAISE EXCEPTION USING
            ERRCODE = 'SH104',
            MESSAGE = format('shipment %s lacks its items', NEW.shipment_id),
            HINT = 'Insert header and items in one transaction.',
            SCHEMA = TG_TABLE_SCHEMA, TABLE = TG_TABLE_NAME, CONSTRAINT = TG_NAME;
    END IF;
    RETURN NULL;
END
$$;
COMMENT ON FUNCTION shop.require_whole_shipment() IS 'Trigger, deferred: no shipment is committed without its items.';

CREATE CONSTRAINT TRIGGER shipments_are_whole
    AFTER INSERT ON shop.shipments
    DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW EXECUTE FUNCTION shop.require_whole_shipment();

CREATE FUNCTION shop.invariant_shipments_equal_items()
RETURNS TABLE (examined bigint, violations bigint, example text)
LANGUAGE sql STABLE
SET search_path = pg_catalog, shop, pg_temp
AS $$
    SELECT count(*), count(*) FILTER (WHERE wrong), min(format('shipment %s', shipment_id)) FILTER (WHERE wrong)
    FROM (
        SELECT shipment_id, header.line_count <> coalesce(item.total, 0) AS wrong
        FROM shop.shipments AS header
        LEFT JOIN (
            SELECT shipment_id, count(*) AS total FROM shop.shipment_items GROUP BY shipment_id
        ) AS item USING (shipment_id)
    ) AS checked
$$;
COMMENT ON FUNCTION shop.invariant_shipments_equal_items() IS 'Every shipment has as many items as its header says.';

CREATE FUNCTION shop.invariant_shipped_quantities_equal_items()
RETURNS TABLE (examined bigint, violations bigint, example text)
LANGUAGE sql STABLE
SET search_path = pg_catalog, shop, pg_temp
AS $$
    SELECT count(*), count(*) FILTER (WHERE wrong),
           min(format('order %s line %s', order_id, line_number)) FILTER (WHERE wrong)
    FROM (
        SELECT order_id, line_number, allocation.shipped_quantity <> coalesce(item.units, 0) AS wrong
        FROM shop.order_allocations AS allocation
        LEFT JOIN (
            SELECT order_id, line_number, warehouse_id, slot, sum(quantity) AS units
            FROM shop.shipment_items GROUP BY order_id, line_number, warehouse_id, slot
        ) AS item USING (order_id, line_number, warehouse_id, slot)
    ) AS checked
$$;
COMMENT ON FUNCTION shop.invariant_shipped_quantities_equal_items() IS
    'What an allocation counts as shipped is the sum of its shipment items.';

-- Returns --------------------------------------------------------------------------------------------------------------

CREATE TRIGGER returns_start_at_rest
    BEFORE INSERT ON shop.returns
    FOR EACH ROW WHEN (
        NEW.status <> 'requested'
        OR (NEW.refundable_minor, NEW.refund_requested_minor, NEW.item_count, NEW.received_count) <> (0, 0, 0, 0)
        OR NEW.requested_at IS DISTINCT FROM now())
    EXECUTE FUNCTION shop.refuse('SH103', 'a return starts requested now, with nothing received',
        'Leave status, sums, counts and requested_at out.');
CREATE TRIGGER returns_facts_are_immutable
    BEFORE UPDATE OF return_id, order_id, requested_at ON shop.returns
    FOR EACH STATEMENT
    EXECUTE FUNCTION shop.refuse('SH102', 'what a return was announced for does not change', 'Announce another return.');
CREATE TRIGGER returns_reason_is_only_erased
    BEFORE UPDATE OF reason ON shop.returns
    FOR EACH ROW WHEN (NEW.reason <> 'erased')
    EXECUTE FUNCTION shop.refuse('SH102', 'what the customer said does not change, it can only be erased',
        'Erase with the word erased.');
CREATE TRIGGER returns_sums_are_kept
    BEFORE UPDATE OF refundable_minor, refund_requested_minor, item_count, received_count ON shop.returns
    FOR EACH STATEMENT EXECUTE FUNCTION shop.refuse_direct_write('Record receipts in return_items, and insert refunds.');
CREATE TRIGGER returns_end_once
    BEFORE UPDATE OF status, received_at ON shop.returns
    FOR EACH ROW WHEN (
        OLD.status <> 'requested' AND (OLD.status, OLD.received_at) IS DISTINCT FROM (NEW.status, NEW.received_at))
    EXECUTE FUNCTION shop.refuse('SH105', 'a return is received or cancelled once', 'Announce another return.');
CREATE TRIGGER returns_are_kept
    BEFORE DELETE ON shop.returns
    FOR EACH STATEMENT
    EXECUTE FUNCTION shop.refuse('SH101', 'returns are kept', 'Set the status to cancelled.');

-- Items are counted on the header, whose CHECKs tie its status to them. The header is really changed, so that a
-- transaction that read it before fails instead of going by what it saw.
CREATE FUNCTION shop.count_return_items() RETURNS trigger
LANGUAGE plpgsql
SET search_path = pg_catalog, shop, pg_temp
AS $$
DECLARE
    announced integer := CASE TG_OP WHEN 'INSERT' THEN 1 ELSE 0 END;
BEGIN
    UPDATE shop.returns AS header
    SET item_count = header.item_count + announced,
        received_count = header.received_count + 1 - announced
    WHERE header.return_id = NEW.return_id AND header.status = 'requested';
    IF NOT FOUND THEN
        RAISE EXCEPTION USING
            ERRCODE = 'SH111',
            MESSAGE = format('return %s is no longer open', NEW.return_id),
            HINT = 'Announce another return.',
            SCHEMA = TG_TABLE_SCHEMA, TABLE = TG_TABLE_NAME, CONSTRAINT = TG_NAME;
    END IF;
    RETURN NULL;
END
$$;
COMMENT ON FUNCTION shop.count_return_items() IS
    'Trigger: items are announced and received only while the return is requested, and count on it.';

CREATE TRIGGER return_items_count_announced
    AFTER INSERT ON shop.return_items
    FOR EACH ROW EXECUTE FUNCTION shop.count_return_items();
CREATE TRIGGER return_items_count_received
    AFTER UPDATE OF received_at ON shop.return_items
    FOR EACH ROW WHEN (OLD.received_at IS NULL AND NEW.received_at IS NOT NULL)
    EXECUTE FUNCTION shop.count_return_items();

CREATE FUNCTION shop.require_whole_return() RETURNS trigger
LANGUAGE plpgsql
SET search_path = pg_catalog, shop, pg_temp
AS $$
BEGIN
    IF (SELECT item_count FROM shop.returns WHERE return_id = NEW.return_id) = 0 THEN
        RAISE EXCEPTION USING
            ERRCODE = 'SH104',
            MESSAGE = format('return %s lacks its items', NEW.return_id),
            HINT = 'Insert header and items in one transaction.',
            SCHEMA = TG_TABLE_SCHEMA, TABLE = TG_TABLE_NAME, CONSTRAINT = TG_NAME;
    END IF;
    RETURN NULL;
END
$$;
COMMENT ON FUNCTION shop.require_whole_return() IS 'Trigger, deferred: no return is committed without items.';

CREATE CONSTRAINT TRIGGER returns_are_whole
    AFTER INSERT ON shop.returns
    DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW EXECUTE FUNCTION shop.require_whole_return();

CREATE TRIGGER return_items_start_unreceived
    BEFORE INSERT ON shop.return_items
    FOR EACH ROW WHEN (NEW.received_at IS NOT NULL)
    EXECUTE FUNCTION shop.refuse('SH103', 'an item is announced before it is received', 'Insert it, then update it.');
CREATE TRIGGER return_items_facts_are_immutable
    BEFORE UPDATE OF return_id, line_number, order_id, quantity ON shop.return_items
    FOR EACH STATEMENT
    EXECUTE FUNCTION shop.refuse('SH102', 'what was announced does not change', 'Announce another return.');
CREATE TRIGGER return_items_are_received_once
    BEFORE UPDATE ON shop.return_items
    FOR EACH ROW WHEN (OLD.received_at IS NOT NULL)
    EXECUTE FUNCTION shop.refuse('SH110', 'the receipt was recorded already', 'Correct stock by an adjustment.');
CREATE TRIGGER return_items_are_kept
    BEFORE DELETE ON shop.return_items
    FOR EACH STATEMENT
    EXECUTE FUNCTION shop.refuse('SH101', 'returned items are kept', 'Cancel the return.');

-- The value received is taken on the line's running returned quantity, rounded down, so that all returns of a line
-- together are worth exactly the line. The line is read under its lock.
CREATE FUNCTION shop.receive_return_items() RETURNS trigger
LANGUAGE plpgsql
SET search_path = pg_catalog, shop, pg_temp
AS $$
BEGIN
    WITH received AS (
        SELECT after.return_id, after.order_id, after.line_number,
               after.restocked_quantity + after.written_off_quantity AS units
        FROM after
        JOIN before USING (return_id, line_number)
        WHERE before.received_at IS NULL AND after.received_at IS NOT NULL
    ), line AS MATERIALIZED (
        SELECT order_id, line_number, total_minor, quantity, returned_quantity
        FROM shop.order_items
        WHERE order_id = ANY (ARRAY(SELECT order_id FROM received))
          AND (order_id, line_number) IN (SELECT order_id, line_number FROM received)
        ORDER BY order_id, line_number
        FOR NO KEY UPDATE
    ), valued AS (
        SELECT received.return_id,
               sum(received.units) OVER running AS units_after,
               coalesce(sum(received.units) OVER (running ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING), 0)
                   AS units_before,
               line.total_minor, line.quantity, line.returned_quantity
        FROM received
        JOIN line USING (order_id, line_number)
        WINDOW running AS (PARTITION BY received.order_id, received.line_number ORDER BY received.return_id)
    )
    UPDATE shop.returns AS header
    SET refundable_minor = header.refundable_minor + value.minor
    FROM (
        SELECT return_id,
               sum(div(total_minor::numeric * (returned_quantity + units_after), quantity)
                   - div(total_minor::numeric * (returned_quantity + units_before), quantity))::bigint AS minor
        FROM valued
        GROUP BY return_id
    ) AS value
    WHERE header.return_id = value.return_id;

    UPDATE shop.order_items AS line
    SET returned_quantity = line.returned_quantity + change.units
    FROM (
        SELECT after.order_id, after.line_number,
               sum(after.restocked_quantity + after.written_off_quantity)::integer AS units
        FROM after
        JOIN before USING (return_id, line_number)
        WHERE before.received_at IS NULL AND after.received_at IS NOT NULL
        GROUP BY after.order_id, after.line_number
    ) AS change
    WHERE (line.order_id, line.line_number) = (change.order_id, change.line_number);

    -- A variant may come back to a warehouse that never held it.
    INSERT INTO shop.stock_levels (variant_id, warehouse_id, slot)
    SELECT DISTINCT line.variant_id, after.warehouse_id, 0
    FROM after
    JOIN before USING (return_id, line_number)
    JOIN shop.order_items AS line ON (line.order_id, line.line_number) = (after.order_id, after.line_number)
    WHERE before.received_at IS NULL AND after.received_at IS NOT NULL AND after.restocked_quantity > 0
    ORDER BY 1, 2
    ON CONFLICT DO NOTHING;

    INSERT INTO shop.stock_movements (variant_id, warehouse_id, kind, on_hand_delta, order_id, line_number)
    SELECT line.variant_id, after.warehouse_id, 'return', after.restocked_quantity, after.order_id, after.line_number
    FROM after
    JOIN before USING (return_id, line_number)
    JOIN shop.order_items AS line ON (line.order_id, line.line_number) = (after.order_id, after.line_number)
    WHERE before.received_at IS NULL AND after.received_at IS NOT NULL AND after.restocked_quantity > 0
    ORDER BY line.variant_id, after.warehouse_id;
    RETURN NULL;
END
$$;
COMMENT ON FUNCTION shop.receive_return_items() IS
    'Trigger: a receipt counts on its line, sets what may be refunded, and puts restocked units back.';

CREATE TRIGGER return_items_receive
    AFTER UPDATE ON shop.return_items
    REFERENCING OLD TABLE AS before NEW TABLE AS after
    FOR EACH STATEMENT EXECUTE FUNCTION shop.receive_return_items();

CREATE FUNCTION shop.invariant_returned_quantities_equal_receipts()
RETURNS TABLE (examined bigint, violations bigint, example text)
LANGUAGE sql STABLE
SET search_path = pg_catalog, shop, pg_temp
AS $$
    SELECT count(*), count(*) FILTER (WHERE wrong),
           min(format('order %s line %s', order_id, line_number)) FILTER (WHERE wrong)
    FROM (
        SELECT order_id, line_number, line.returned_quantity <> coalesce(receipt.units, 0) AS wrong
        FROM shop.order_items AS line
        LEFT JOIN (
            SELECT order_id, line_number, sum(restocked_quantity + written_off_quantity) AS units
            FROM shop.return_items GROUP BY order_id, line_number
        ) AS receipt USING (order_id, line_number)
    ) AS checked
$$;
COMMENT ON FUNCTION shop.invariant_returned_quantities_equal_receipts() IS
    'What a line counts as returned is the sum of its receipts: each is counted once.';

CREATE FUNCTION shop.invariant_returned_stock_equals_receipts()
RETURNS TABLE (examined bigint, violations bigint, example text)
LANGUAGE sql STABLE
SET search_path = pg_catalog, shop, pg_temp
AS $$
    SELECT count(*), count(*) FILTER (WHERE wrong),
           min(format('order %s line %s', order_id, line_number)) FILTER (WHERE wrong)
    FROM (
        SELECT order_id, line_number, coalesce(receipt.units, 0) <> coalesce(moved.units, 0) AS wrong
        FROM (
            SELECT order_id, line_number, sum(restocked_quantity) AS units
            FROM shop.return_items GROUP BY order_id, line_number
        ) AS receipt
        FULL JOIN (
            SELECT order_id, line_number, sum(on_hand_delta) AS units
            FROM shop.stock_movements WHERE kind = 'return' GROUP BY order_id, line_number
        ) AS moved USING (order_id, line_number)
    ) AS checked
$$;
COMMENT ON FUNCTION shop.invariant_returned_stock_equals_receipts() IS
    'Units that came back into stock are those that receipts restocked.';

CREATE FUNCTION shop.invariant_returns_follow_their_items()
RETURNS TABLE (examined bigint, violations bigint, example text)
LANGUAGE sql STABLE
SET search_path = pg_catalog, shop, pg_temp
AS $$
    WITH by_return AS (
        SELECT return_id, header.order_id, header.status, header.refundable_minor, header.item_count,
               header.received_count, count(item.line_number) AS items, count(item.received_at) AS received
        FROM shop.returns AS header
        LEFT JOIN shop.return_items AS item USING (return_id)
        GROUP BY return_id
    ), by_order AS (
        -- Per order, all returns together are worth what its returned units are worth.
        SELECT order_id, sum(div(total_minor::numeric * returned_quantity, quantity)) AS value
        FROM shop.order_items
        WHERE returned_quantity > 0
        GROUP BY order_id
    ), checked AS (
        SELECT by_return.return_id,
               items = 0
               OR (item_count, received_count) <> (items, received)
               OR sum(refundable_minor) OVER (PARTITION BY order_id) <> coalesce(by_order.value, 0) AS wrong
        FROM by_return
        LEFT JOIN by_order USING (order_id)
    )
    SELECT count(*), count(*) FILTER (WHERE wrong), min(format('return %s', return_id)) FILTER (WHERE wrong)
    FROM checked
$$;
COMMENT ON FUNCTION shop.invariant_returns_follow_their_items() IS
    'A return has items, counts what was announced and received, and may be refunded for the value received.';

-- Why these foreign keys have no index of their own --------------------------------------------------------------------

COMMENT ON CONSTRAINT fk_shipment_items_shipment_id_order_id_warehouse_id ON shop.shipment_items IS
    'No index: the primary key begins with shipment_id, which is all a check needs.';

COMMENT ON TYPE shop.return_status IS 'Life of a return: requested, then received or cancelled.';

INSERT INTO shop.pii_columns (table_name, column_name, erase, reason) VALUES
    ('returns', 'reason', 'after_retention', 'Says why goods came back and money went; customers may name themselves in it.');

CALL shop.refuse_truncate_of('shipments', 'returns', 'return_items');
