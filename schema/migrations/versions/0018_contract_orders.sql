-- Orders after checkout. Errors, 3xx continued:
--   SH306  the order is in a status that does not allow it
--   SH307  more units than are open, allocated or shipped (DETAIL: the lines)

-- The order under its lock, after the ownership check: the first step of whatever changes it.
CREATE FUNCTION shop.lock_order(wanted uuid)
RETURNS shop.orders
LANGUAGE plpgsql
SET search_path = pg_catalog, shop, pg_temp
AS $$
DECLARE
    header shop.orders;
BEGIN
    SELECT * INTO header FROM shop.orders WHERE orders.order_id = wanted FOR NO KEY UPDATE;
    IF NOT FOUND THEN
        PERFORM shop.refuse_missing('order', wanted::text);
    END IF;
    PERFORM shop.require_own(header.customer_id);
    RETURN header;
END
$$;
COMMENT ON FUNCTION shop.lock_order(uuid) IS 'The order under its lock, if it is the caller''s.';

CREATE FUNCTION shop.refuse_order_status(header shop.orders, wanted text)
RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, shop, pg_temp
AS $$
BEGIN
    RAISE EXCEPTION USING
        ERRCODE = 'SH306',
        MESSAGE = format('order %s is %s: it cannot be %s', header.order_number, header.status, wanted),
        HINT = 'Read the order again; its status has moved on.',
        DETAIL = jsonb_build_object('order_id', header.order_id, 'status', header.status);
END
$$;
COMMENT ON FUNCTION shop.refuse_order_status(shop.orders, text) IS 'Says that an order is past what was asked (SH306).';

-- Gives back what a cancellation takes: first units that lie allocated and unshipped, then counts it. The unallocated rest
-- of a short line needs no release.
CREATE FUNCTION shop.cancel_units(header shop.orders, key uuid, line_numbers smallint[], units integer[], why text)
RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, shop, pg_temp
AS $$
#variable_conflict use_column
BEGIN
    UPDATE shop.order_allocations AS allocation
    SET released_quantity = allocation.released_quantity + freed.units
    FROM (
        SELECT open.line_number, open.warehouse_id, open.slot, least(open.units, open.needed - (open.running - open.units)) AS units
        FROM (
            SELECT a.line_number, a.warehouse_id, a.slot, a.quantity - a.released_quantity - a.shipped_quantity AS units,
                   sum(a.quantity - a.released_quantity - a.shipped_quantity)
                       OVER (PARTITION BY a.line_number ORDER BY a.warehouse_id DESC, a.slot DESC) AS running,
                   -- Units without stock behind them go first; they cost nobody anything.
                   wanted.units - (line.quantity - line.cancelled_quantity - line.allocated_quantity) AS needed
            FROM unnest(line_numbers, cancel_units.units) AS wanted (line_number, units)
            JOIN shop.order_items AS line ON line.order_id = header.order_id AND line.line_number = wanted.line_number
            JOIN shop.order_allocations AS a ON a.order_id = line.order_id AND a.line_number = line.line_number
            WHERE a.quantity > a.released_quantity + a.shipped_quantity
        ) AS open
        WHERE open.running - open.units < open.needed
    ) AS freed
    WHERE allocation.order_id = header.order_id AND allocation.line_number = freed.line_number
      AND allocation.warehouse_id = freed.warehouse_id AND allocation.slot = freed.slot AND freed.units > 0;

    INSERT INTO shop.order_item_cancellations (order_id, line_number, cancellation_id, quantity, reason)
    SELECT header.order_id, line_number, key, wanted.units, why
    FROM unnest(line_numbers, cancel_units.units) AS wanted (line_number, units)
    WHERE wanted.units > 0;
END
$$;
COMMENT ON FUNCTION shop.cancel_units(shop.orders, uuid, smallint[], integer[], text) IS
    'Releases the stock of units of an order and counts them as cancelled.';

-- Everything that was not shipped, and the coupon with it.
CREATE FUNCTION shop.end_order(header shop.orders, ended shop.order_status, why text)
RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, shop, pg_temp
AS $$
#variable_conflict use_column
DECLARE
    line_numbers smallint[];
    units integer[];
BEGIN
    -- The coupon before the stock, as at checkout.
    PERFORM FROM shop.coupons AS c
    WHERE c.coupon_id = (
        SELECT r.coupon_id FROM shop.coupon_redemptions AS r WHERE r.order_id = header.order_id AND r.released_at IS NULL)
    FOR NO KEY UPDATE;
    SELECT array_agg(line_number ORDER BY line_number), array_agg(quantity - cancelled_quantity ORDER BY line_number)
    INTO line_numbers, units
    FROM shop.order_items WHERE order_id = header.order_id AND cancelled_quantity < quantity;
    IF line_numbers IS NOT NULL THEN
        PERFORM shop.cancel_units(header, uuidv7(), line_numbers, units, why);
    END IF;
    UPDATE shop.orders AS o SET status = ended WHERE o.order_id = header.order_id;
    UPDATE shop.coupon_redemptions AS r SET released_at = now()
    WHERE r.order_id = header.order_id AND r.released_at IS NULL;
    PERFORM shop.tell_outbox('order', header.order_id::text, 'order.' || ended,
        jsonb_build_object('order_id', header.order_id, 'reason', why));
END
$$;
COMMENT ON FUNCTION shop.end_order(shop.orders, shop.order_status, text) IS
    'Cancels all units of an order, moves its status, gives its coupon back.';

CREATE FUNCTION api.cancel_order(order_id uuid, reason text)
RETURNS text
LANGUAGE plpgsql
SECURITY DEFINER
SET search_path = pg_catalog, shop, pg_temp
AS $$
#variable_conflict use_column
DECLARE
    header shop.orders;
BEGIN
    PERFORM shop.require_read_committed();
    PERFORM shop.require(reason ~ '^[a-z][a-z0-9_]{1,49}$', 'reason', 'a code such as customer_request or out_of_stock');
    header := shop.lock_order(cancel_order.order_id);
    IF header.status = 'cancelled' THEN
        RETURN header.status; -- A retry.
    END IF;
    IF header.status NOT IN ('pending', 'confirmed') OR header.shipped_units > 0 THEN
        PERFORM shop.refuse_order_status(header, 'cancelled');
    END IF;
    PERFORM shop.end_order(header, 'cancelled', cancel_order.reason);
    RETURN 'cancelled';
END
$$;
COMMENT ON FUNCTION api.cancel_order(uuid, text) IS
    'Cancels an order of which nothing was shipped: frees its stock and its coupon. The reason is a code, no words. Money that was captured is refunded by'
    ' request_refund. Safe to repeat. Locks: order, coupon, stock. Errors: SH001, SH002, SH003, SH005, SH306.';

CREATE FUNCTION api.cancel_items(
    order_id uuid, cancellation_id uuid, line_numbers smallint[], quantities integer[], reason text)
RETURNS bigint
LANGUAGE plpgsql
SECURITY DEFINER
SET search_path = pg_catalog, shop, pg_temp
AS $$
#variable_conflict use_column
DECLARE
    header shop.orders;
    wrong jsonb;
BEGIN
    PERFORM shop.require_read_committed();
    PERFORM shop.require(uuid_extract_version(cancellation_id) = 7, 'cancellation_id', 'a UUIDv7 that the client makes');
    PERFORM shop.require(cardinality(line_numbers) BETWEEN 1 AND 200, 'line_numbers', '1 to 200 lines of the order');
    PERFORM shop.require(cardinality(quantities) = cardinality(line_numbers), 'quantities', 'as many as line_numbers');
    PERFORM shop.require(NOT EXISTS (SELECT FROM unnest(quantities) AS q WHERE q IS NULL OR q NOT BETWEEN 1 AND 999),
        'quantities', '1 to 999 units each');
    PERFORM shop.require((SELECT count(DISTINCT n) = count(*) FROM unnest(line_numbers) AS n), 'line_numbers', 'each line once');
    PERFORM shop.require(reason ~ '^[a-z][a-z0-9_]{1,49}$', 'reason', 'a code such as customer_request or out_of_stock');
    header := shop.lock_order(cancel_items.order_id);
    IF EXISTS (
        SELECT FROM shop.order_item_cancellations AS c
        WHERE c.order_id = header.order_id AND c.cancellation_id = cancel_items.cancellation_id
    ) THEN
        IF EXISTS (
            SELECT FROM unnest(line_numbers, quantities) AS w (line_number, quantity)
            FULL JOIN (
                SELECT line_number, quantity::integer AS quantity FROM shop.order_item_cancellations AS c
                WHERE c.order_id = header.order_id AND c.cancellation_id = cancel_items.cancellation_id
            ) AS stored USING (line_number, quantity)
            WHERE w.line_number IS NULL OR stored.line_number IS NULL
        ) THEN
            PERFORM shop.refuse_other_content('cancellation', cancel_items.cancellation_id::text);
        END IF;
        RETURN header.cancelled_minor;
    END IF;
    IF header.status NOT IN ('pending', 'confirmed') THEN
        PERFORM shop.refuse_order_status(header, 'cancelled in part');
    END IF;
    SELECT jsonb_agg(jsonb_build_object('line_number', wanted.line_number, 'wanted', wanted.quantity,
               'open', coalesce(line.quantity - line.cancelled_quantity - line.shipped_quantity, 0)))
    INTO wrong
    FROM unnest(line_numbers, quantities) AS wanted (line_number, quantity)
    LEFT JOIN shop.order_items AS line ON line.order_id = header.order_id AND line.line_number = wanted.line_number
    WHERE coalesce(line.quantity - line.cancelled_quantity - line.shipped_quantity, 0) < wanted.quantity;
    IF wrong IS NOT NULL THEN
        RAISE EXCEPTION USING
            ERRCODE = 'SH307',
            MESSAGE = 'fewer units are open than were to be cancelled',
            HINT = 'DETAIL lists the lines; shipped units come back as a return.',
            DETAIL = jsonb_build_object('lines', wrong);
    END IF;
    IF header.shipped_units = 0 AND header.cancelled_units + (SELECT sum(q) FROM unnest(quantities) AS q) = header.unit_count THEN
        PERFORM shop.require(false, 'quantities', 'not all that is left: that is cancel_order');
    END IF;
    PERFORM shop.cancel_units(header, cancel_items.cancellation_id, line_numbers, quantities, cancel_items.reason);
    PERFORM shop.tell_outbox('order', header.order_id::text, 'order.items_cancelled',
        jsonb_build_object('order_id', header.order_id, 'cancellation_id', cancel_items.cancellation_id));
    PERFORM shop.confirm_if_covered(header.order_id);
    UPDATE shop.orders AS o SET status = 'completed'
    WHERE o.order_id = header.order_id AND o.status = 'confirmed' AND o.shipped_units + o.cancelled_units = o.unit_count;
    RETURN (SELECT o.cancelled_minor FROM shop.orders AS o WHERE o.order_id = header.order_id);
END
$$;
COMMENT ON FUNCTION api.cancel_items(uuid, uuid, smallint[], integer[], text) IS
    'Cancels units of lines that were not shipped; returns the value cancelled so far, in the order''s minor unit. Safe to'
    ' repeat with the same key. Locks: order, stock. Errors: SH001 to SH005, SH306, SH307.';

CREATE FUNCTION api.expire_unpaid_orders(batch integer DEFAULT 100)
RETURNS integer
LANGUAGE plpgsql
SECURITY DEFINER
SET search_path = pg_catalog, shop, pg_temp
AS $$
#variable_conflict use_column
DECLARE
    headers shop.orders[];
    header shop.orders;
BEGIN
    PERFORM shop.require_read_committed();
    PERFORM shop.require(batch BETWEEN 1 AND 10000, 'batch', '1 to 10000 orders');
    -- An order whose payment is being recorded right now is locked by it: skipped here, and seen again by the next run.
    SELECT array_agg(due) INTO headers
    FROM (
        SELECT * FROM shop.orders
        WHERE status = 'pending' AND expires_at <= now() AND authorized_minor = 0
        ORDER BY expires_at, order_id
        LIMIT batch
        FOR NO KEY UPDATE SKIP LOCKED
    ) AS due;
    IF headers IS NULL THEN
        RETURN 0;
    END IF;
    -- Coupons and stock of all of them in key order, before the first is touched: one order after the other would lock in
    -- an order of its own, and meet a checkout that comes from the other side.
    PERFORM FROM shop.coupons AS c
    WHERE c.coupon_id IN (
        SELECT r.coupon_id FROM shop.coupon_redemptions AS r
        JOIN unnest(headers) AS due USING (order_id) WHERE r.released_at IS NULL)
    ORDER BY c.coupon_id FOR NO KEY UPDATE;
    PERFORM FROM shop.stock_levels AS level
    WHERE (level.variant_id, level.warehouse_id, level.slot) IN (
        SELECT a.variant_id, a.warehouse_id, a.slot FROM shop.order_allocations AS a
        JOIN unnest(headers) AS due USING (order_id)
        WHERE a.quantity > a.released_quantity + a.shipped_quantity)
    ORDER BY level.variant_id, level.warehouse_id, level.slot FOR NO KEY UPDATE;
    FOREACH header IN ARRAY headers LOOP
        PERFORM shop.end_order(header, 'expired', 'payment_expired');
    END LOOP;
    RETURN cardinality(headers);
END
$$;
COMMENT ON FUNCTION api.expire_unpaid_orders(integer) IS
    'Expires orders that were not paid in time, oldest first, and frees their stock; returns how many. Run it every minute.'
    ' Locks: orders (skipping locked ones), coupon, stock. Errors: SH001, SH002.';

-- Units of an order that lie ready in a warehouse, by line and slot: all of them, or no more than the quantities given.
CREATE FUNCTION shop.pick_shipment(
    wanted_order_id uuid, wanted_warehouse_id bigint, line_numbers smallint[], quantities integer[])
RETURNS TABLE (line_number smallint, slot smallint, units smallint)
LANGUAGE sql STABLE
SET search_path = pg_catalog, shop, pg_temp
AS $$
    SELECT line_number, slot, least(ready, wanted - (running - ready))::smallint
    FROM (
        SELECT a.line_number, a.slot, a.quantity - a.released_quantity - a.shipped_quantity AS ready,
               sum(a.quantity - a.released_quantity - a.shipped_quantity)
                   OVER (PARTITION BY a.line_number ORDER BY a.slot) AS running,
               coalesce(w.quantity, 32767) AS wanted
        FROM shop.order_allocations AS a
        LEFT JOIN unnest(line_numbers, quantities) AS w (line_number, quantity) USING (line_number)
        WHERE a.order_id = wanted_order_id AND a.warehouse_id = wanted_warehouse_id
          AND a.quantity > a.released_quantity + a.shipped_quantity
          AND (line_numbers IS NULL OR w.quantity IS NOT NULL)
    ) AS open
    WHERE running - ready < wanted
$$;
COMMENT ON FUNCTION shop.pick_shipment(uuid, bigint, smallint[], integer[]) IS
    'Units of an order that lie ready in a warehouse, by line and slot.';

CREATE FUNCTION api.ship(
    shipment_id uuid, order_id uuid, warehouse_id bigint, carrier text, tracking_number text,
    line_numbers smallint[] DEFAULT NULL, quantities integer[] DEFAULT NULL)
RETURNS integer
LANGUAGE plpgsql
SECURITY DEFINER
SET search_path = pg_catalog, shop, pg_temp
AS $$
#variable_conflict use_column
DECLARE
    header shop.orders;
    existing shop.shipments;
    items integer;
    wrong jsonb;
BEGIN
    PERFORM shop.require_read_committed();
    PERFORM shop.require(uuid_extract_version(ship.shipment_id) = 7, 'shipment_id', 'a UUIDv7 that the client makes');
    PERFORM shop.require(btrim(carrier) <> '' AND char_length(carrier) <= 100, 'carrier', '1 to 100 characters');
    PERFORM shop.require(coalesce(btrim(tracking_number) <> '' AND char_length(tracking_number) <= 100, true),
        'tracking_number', 'NULL, or 1 to 100 characters');
    PERFORM shop.require(line_numbers IS NULL OR cardinality(line_numbers) BETWEEN 1 AND 200,
        'line_numbers', 'NULL for all that is ready, or 1 to 200 lines');
    PERFORM shop.require(cardinality(quantities) IS NOT DISTINCT FROM cardinality(line_numbers), 'quantities', 'as many as line_numbers');
    PERFORM shop.require(NOT EXISTS (SELECT FROM unnest(quantities) AS q WHERE q IS NULL OR q NOT BETWEEN 1 AND 999),
        'quantities', '1 to 999 units each');
    PERFORM shop.require((SELECT count(DISTINCT n) = count(*) FROM unnest(line_numbers) AS n), 'line_numbers', 'each line once');
    header := shop.lock_order(ship.order_id);
    SELECT * INTO existing FROM shop.shipments AS s WHERE s.shipment_id = ship.shipment_id;
    IF FOUND THEN
        IF (existing.order_id, existing.warehouse_id, existing.carrier, existing.tracking_number)
               IS DISTINCT FROM (ship.order_id, ship.warehouse_id, ship.carrier, ship.tracking_number)
           OR line_numbers IS NOT NULL AND EXISTS (
               SELECT FROM unnest(line_numbers, quantities) AS w (line_number, quantity)
               FULL JOIN (
                   SELECT line_number, sum(quantity)::integer AS quantity FROM shop.shipment_items AS i
                   WHERE i.shipment_id = ship.shipment_id GROUP BY line_number
               ) AS stored USING (line_number, quantity)
               WHERE w.line_number IS NULL OR stored.line_number IS NULL
           ) THEN
            PERFORM shop.refuse_other_content('shipment', ship.shipment_id::text);
        END IF;
        RETURN (SELECT sum(i.quantity) FROM shop.shipment_items AS i WHERE i.shipment_id = ship.shipment_id);
    END IF;
    IF header.status <> 'confirmed' THEN
        PERFORM shop.refuse_order_status(header, 'shipped');
    END IF;

    SELECT jsonb_agg(jsonb_build_object('line_number', wanted.line_number, 'wanted', wanted.quantity,
               'ready', coalesce(ready.units, 0)))
    INTO wrong
    FROM unnest(line_numbers, quantities) AS wanted (line_number, quantity)
    LEFT JOIN (
        SELECT line_number, sum(units) AS units
        FROM shop.pick_shipment(ship.order_id, ship.warehouse_id, NULL, NULL) GROUP BY line_number
    ) AS ready USING (line_number)
    WHERE coalesce(ready.units, 0) < wanted.quantity;
    SELECT count(*) INTO items
    FROM shop.pick_shipment(ship.order_id, ship.warehouse_id, line_numbers, quantities);
    IF wrong IS NOT NULL OR items = 0 THEN
        RAISE EXCEPTION USING
            ERRCODE = 'SH307',
            MESSAGE = 'fewer units lie ready in that warehouse than were to be shipped',
            HINT = 'DETAIL lists the lines; ship what is ready, or from the other warehouse.',
            DETAIL = jsonb_build_object('lines', coalesce(wrong, '[]'));
    END IF;

    INSERT INTO shop.shipments (shipment_id, order_id, warehouse_id, carrier, tracking_number, line_count)
    VALUES (ship.shipment_id, ship.order_id, ship.warehouse_id, ship.carrier, ship.tracking_number, items)
    ON CONFLICT DO NOTHING;
    IF NOT FOUND THEN
        PERFORM shop.refuse_other_content('shipment', ship.shipment_id::text);
    END IF;
    INSERT INTO shop.shipment_items (shipment_id, order_id, warehouse_id, line_number, slot, quantity)
    SELECT ship.shipment_id, ship.order_id, ship.warehouse_id, line_number, slot, units
    FROM shop.pick_shipment(ship.order_id, ship.warehouse_id, line_numbers, quantities);
    PERFORM shop.tell_outbox('order', header.order_id::text, 'order.shipped',
        jsonb_build_object('order_id', header.order_id, 'shipment_id', ship.shipment_id));
    UPDATE shop.orders AS o SET status = 'completed'
    WHERE o.order_id = header.order_id AND o.shipped_units + o.cancelled_units = o.unit_count;
    RETURN (SELECT sum(i.quantity) FROM shop.shipment_items AS i WHERE i.shipment_id = ship.shipment_id);
END
$$;
COMMENT ON FUNCTION api.ship(uuid, uuid, bigint, text, text, smallint[], integer[]) IS
    'Ships units of a confirmed order from one warehouse: those named, or all that lie ready there. Returns the units; the'
    ' order completes with its last one. Safe to repeat with the same key. Nothing leaves once the authorization behind the'
    ' order was taken back (SH111). Locks: order, stock. Errors: SH001 to SH005, SH111, SH306, SH307.';

CREATE FUNCTION api.deliver(shipment_id uuid)
RETURNS timestamptz
LANGUAGE plpgsql
SECURITY DEFINER
SET search_path = pg_catalog, shop, pg_temp
AS $$
#variable_conflict use_column
DECLARE
    parcel shop.shipments;
BEGIN
    PERFORM shop.require_read_committed();
    SELECT * INTO parcel FROM shop.shipments AS s WHERE s.shipment_id = deliver.shipment_id;
    IF NOT FOUND THEN
        PERFORM shop.refuse_missing('shipment', deliver.shipment_id::text);
    END IF;
    PERFORM shop.lock_order(parcel.order_id);
    SELECT * INTO parcel FROM shop.shipments AS s WHERE s.shipment_id = deliver.shipment_id;
    IF parcel.delivered_at IS NULL THEN
        UPDATE shop.shipments AS s SET delivered_at = now() WHERE s.shipment_id = deliver.shipment_id;
        PERFORM shop.tell_outbox('order', parcel.order_id::text, 'order.delivered',
            jsonb_build_object('order_id', parcel.order_id, 'shipment_id', parcel.shipment_id));
    END IF;
    RETURN coalesce(parcel.delivered_at, now());
END
$$;
COMMENT ON FUNCTION api.deliver(uuid) IS
    'Records that a shipment arrived; returns when. Safe to repeat. Locks: order, shipment. Errors: SH002, SH003, SH005.';

CREATE FUNCTION api.request_return(
    return_id uuid, order_id uuid, line_numbers smallint[], quantities integer[], reason text)
RETURNS uuid
LANGUAGE plpgsql
SECURITY DEFINER
SET search_path = pg_catalog, shop, pg_temp
AS $$
#variable_conflict use_column
DECLARE
    header shop.orders;
    wrong jsonb;
BEGIN
    PERFORM shop.require_read_committed();
    PERFORM shop.require(uuid_extract_version(request_return.return_id) = 7, 'return_id', 'a UUIDv7 that the client makes');
    PERFORM shop.require(cardinality(line_numbers) BETWEEN 1 AND 200, 'line_numbers', '1 to 200 lines of the order');
    PERFORM shop.require(cardinality(quantities) = cardinality(line_numbers), 'quantities', 'as many as line_numbers');
    PERFORM shop.require(NOT EXISTS (SELECT FROM unnest(quantities) AS q WHERE q IS NULL OR q NOT BETWEEN 1 AND 999),
        'quantities', '1 to 999 units each');
    PERFORM shop.require((SELECT count(DISTINCT n) = count(*) FROM unnest(line_numbers) AS n), 'line_numbers', 'each line once');
    PERFORM shop.require(btrim(reason) <> '' AND char_length(reason) <= 500, 'reason', '1 to 500 characters');
    header := shop.lock_order(request_return.order_id);
    IF EXISTS (SELECT FROM shop.returns AS r WHERE r.return_id = request_return.return_id) THEN
        IF EXISTS (
            SELECT FROM unnest(line_numbers, quantities) AS w (line_number, quantity)
            FULL JOIN (
                SELECT line_number, quantity::integer AS quantity FROM shop.return_items AS i
                WHERE i.return_id = request_return.return_id AND i.order_id = header.order_id
            ) AS stored USING (line_number, quantity)
            WHERE w.line_number IS NULL OR stored.line_number IS NULL
        ) THEN
            PERFORM shop.refuse_other_content('return', request_return.return_id::text);
        END IF;
        RETURN request_return.return_id;
    END IF;
    -- What other open returns announced is spoken for.
    SELECT jsonb_agg(jsonb_build_object('line_number', wanted.line_number, 'wanted', wanted.quantity,
               'returnable', coalesce(line.shipped_quantity - line.returned_quantity, 0) - coalesce(announced.units, 0)))
    INTO wrong
    FROM unnest(line_numbers, quantities) AS wanted (line_number, quantity)
    LEFT JOIN shop.order_items AS line ON line.order_id = header.order_id AND line.line_number = wanted.line_number
    LEFT JOIN (
        SELECT item.line_number, sum(item.quantity) AS units
        FROM shop.return_items AS item
        JOIN shop.returns AS r USING (return_id)
        WHERE item.order_id = request_return.order_id AND r.status = 'requested' AND item.received_at IS NULL
        GROUP BY item.line_number
    ) AS announced ON announced.line_number = wanted.line_number
    WHERE coalesce(line.shipped_quantity - line.returned_quantity, 0) - coalesce(announced.units, 0) < wanted.quantity;
    IF wrong IS NOT NULL THEN
        RAISE EXCEPTION USING
            ERRCODE = 'SH307',
            MESSAGE = 'fewer units were shipped than are to come back',
            HINT = 'DETAIL lists the lines with what can still be returned.',
            DETAIL = jsonb_build_object('lines', wrong);
    END IF;
    INSERT INTO shop.returns (return_id, order_id, reason)
    VALUES (request_return.return_id, header.order_id, request_return.reason)
    ON CONFLICT DO NOTHING;
    IF NOT FOUND THEN
        PERFORM shop.refuse_other_content('return', request_return.return_id::text);
    END IF;
    INSERT INTO shop.return_items (return_id, line_number, order_id, quantity)
    SELECT request_return.return_id, wanted.line_number, header.order_id, wanted.quantity
    FROM unnest(line_numbers, quantities) AS wanted (line_number, quantity);
    PERFORM shop.tell_outbox('order', header.order_id::text, 'order.return_requested',
        jsonb_build_object('order_id', header.order_id, 'return_id', request_return.return_id));
    RETURN request_return.return_id;
END
$$;
COMMENT ON FUNCTION api.request_return(uuid, uuid, smallint[], integer[], text) IS
    'Announces goods that come back. Safe to repeat with the same key. Locks: order. Errors: SH001 to SH005, SH307.';

CREATE FUNCTION api.receive_return(
    return_id uuid, line_numbers smallint[], restocked integer[], written_off integer[], warehouse_id bigint)
RETURNS bigint
LANGUAGE plpgsql
SECURITY DEFINER
SET search_path = pg_catalog, shop, pg_temp
AS $$
#variable_conflict use_column
DECLARE
    goods shop.returns;
BEGIN
    PERFORM shop.require_read_committed();
    PERFORM shop.require(cardinality(line_numbers) BETWEEN 1 AND 200, 'line_numbers', '1 to 200 lines of the return');
    PERFORM shop.require(cardinality(restocked) = cardinality(line_numbers), 'restocked', 'as many as line_numbers');
    PERFORM shop.require(cardinality(written_off) = cardinality(line_numbers), 'written_off', 'as many as line_numbers');
    PERFORM shop.require(NOT EXISTS (
        SELECT FROM unnest(restocked || written_off) AS q WHERE q IS NULL OR q NOT BETWEEN 0 AND 999),
        'restocked and written_off', '0 to 999 units each');
    PERFORM shop.require((SELECT count(DISTINCT n) = count(*) FROM unnest(line_numbers) AS n), 'line_numbers', 'each line once');
    PERFORM shop.require(EXISTS (SELECT FROM shop.warehouses AS w WHERE w.warehouse_id = receive_return.warehouse_id),
        'warehouse_id', 'a warehouse');
    SELECT * INTO goods FROM shop.returns AS r WHERE r.return_id = receive_return.return_id;
    IF NOT FOUND THEN
        PERFORM shop.refuse_missing('return', receive_return.return_id::text);
    END IF;
    PERFORM shop.lock_order(goods.order_id);
    SELECT * INTO goods FROM shop.returns AS r WHERE r.return_id = receive_return.return_id FOR NO KEY UPDATE;
    IF goods.status = 'received' THEN
        RETURN goods.refundable_minor; -- A retry; the first receipt stands.
    END IF;
    PERFORM shop.require(
        NOT EXISTS (
            SELECT FROM unnest(line_numbers, restocked, written_off) AS got (line_number, kept, lost)
            FULL JOIN (SELECT line_number, quantity FROM shop.return_items AS i WHERE i.return_id = goods.return_id) AS item
                USING (line_number)
            WHERE item.quantity IS NULL OR got.kept IS NULL OR got.kept + got.lost > item.quantity),
        'line_numbers', 'every line of the return once, with no more units than were announced');
    UPDATE shop.return_items AS item
    SET restocked_quantity = got.kept, written_off_quantity = got.lost, received_at = now(),
        warehouse_id = CASE WHEN got.kept > 0 THEN receive_return.warehouse_id END
    FROM unnest(line_numbers, restocked, written_off) AS got (line_number, kept, lost)
    WHERE item.return_id = goods.return_id AND item.line_number = got.line_number;
    UPDATE shop.returns AS r SET status = 'received', received_at = now() WHERE r.return_id = goods.return_id;
    PERFORM shop.tell_outbox('order', goods.order_id::text, 'order.return_received',
        jsonb_build_object('order_id', goods.order_id, 'return_id', goods.return_id));
    RETURN (SELECT r.refundable_minor FROM shop.returns AS r WHERE r.return_id = goods.return_id);
END
$$;
COMMENT ON FUNCTION api.receive_return(uuid, smallint[], integer[], integer[], bigint) IS
    'Records the inspection of a return: what goes back into stock and what is written off. Returns what may be refunded for'
    ' it. Safe to repeat: the first receipt stands. Locks: order, return, stock. Errors: SH001, SH002, SH003, SH005.';

-- Keyset: the page after the last row of the one before, by (placed_at, order_id), never OFFSET.
CREATE FUNCTION api.order_history(
    customer_id uuid, before_placed_at timestamptz DEFAULT NULL, before_order_id uuid DEFAULT NULL, page integer DEFAULT 20)
RETURNS TABLE (
    order_id uuid, order_number bigint, placed_at timestamptz, status text, payment_status text, fulfilment_status text,
    line_count smallint, total_minor bigint, currency text)
LANGUAGE plpgsql STABLE
SECURITY DEFINER
SET search_path = pg_catalog, shop, pg_temp
AS $$
#variable_conflict use_column
DECLARE
    may_proceed boolean := shop.require_none(CASE
        WHEN order_history.customer_id IS NULL THEN ARRAY['customer_id', 'a customer']
        WHEN (page BETWEEN 1 AND 100) IS NOT TRUE THEN ARRAY['page', '1 to 100 orders']
        WHEN (before_placed_at IS NULL) <> (before_order_id IS NULL)
            THEN ARRAY['before_order_id', 'given together with before_placed_at']
    END);
BEGIN
    may_proceed := shop.require_own(order_history.customer_id);
    RETURN QUERY
    SELECT o.order_id, o.order_number, o.placed_at, o.status::text, o.payment_status::text, o.fulfilment_status::text,
           o.line_count, o.total_minor, o.currency
    FROM shop.orders AS o
    WHERE o.customer_id = order_history.customer_id
      AND (o.placed_at, o.order_id) < (coalesce(before_placed_at, 'infinity'), coalesce(before_order_id, 'ffffffff-ffff-ffff-ffff-ffffffffffff'))
    ORDER BY o.placed_at DESC, o.order_id DESC
    LIMIT page;
END
$$;
COMMENT ON FUNCTION api.order_history(uuid, timestamptz, uuid, integer) IS
    'A customer''s orders, newest first, a page at a time: give placed_at and order_id of the last row for the next page.'
    ' Errors: SH001, SH003.';

CREATE FUNCTION api.order_details(order_id uuid)
RETURNS jsonb
LANGUAGE plpgsql STABLE
SECURITY DEFINER
SET search_path = pg_catalog, shop, pg_temp
AS $$
#variable_conflict use_column
DECLARE
    header shop.orders;
    may_proceed boolean;
BEGIN
    SELECT * INTO header FROM shop.orders AS o WHERE o.order_id = order_details.order_id;
    IF NOT FOUND THEN
        PERFORM shop.refuse_missing('order', order_details.order_id::text);
    END IF;
    may_proceed := shop.require_own(header.customer_id);
    -- What the header counts none of is not looked for.
    RETURN to_jsonb(header) - ARRAY['request_digest', 'contact_email_normalized'] || jsonb_build_object(
        'lines', (SELECT jsonb_agg(to_jsonb(l) - ARRAY['order_id', 'currency'] ORDER BY l.line_number)
                  FROM shop.order_items AS l WHERE l.order_id = header.order_id),
        'taxes', (SELECT coalesce(jsonb_agg(to_jsonb(t) - 'order_id' ORDER BY t.line_number, t.jurisdiction), '[]')
                  FROM (SELECT * FROM shop.order_item_taxes AS t WHERE t.order_id = header.order_id
                        UNION ALL SELECT s.order_id, 0, s.jurisdiction, s.rate, s.base_minor, s.tax_minor
                        FROM shop.order_shipping_taxes AS s
                        WHERE s.order_id = header.order_id AND header.shipping_tax_count > 0) AS t),
        'addresses', (SELECT jsonb_object_agg(a.kind, to_jsonb(a) - ARRAY['order_id', 'kind'])
                      FROM shop.order_addresses AS a WHERE a.order_id = header.order_id),
        'history', (SELECT jsonb_agg(to_jsonb(h) - ARRAY['order_id', 'actor'] ORDER BY h.sequence)
                    FROM shop.order_status_history AS h WHERE h.order_id = header.order_id),
        'shipments', (SELECT coalesce(jsonb_agg(to_jsonb(s) - 'order_id' ORDER BY s.shipped_at, s.shipment_id), '[]')
                      FROM shop.shipments AS s WHERE s.order_id = header.order_id AND header.shipped_units > 0),
        'returns', (SELECT coalesce(jsonb_agg(to_jsonb(r) - 'order_id' ORDER BY r.requested_at, r.return_id), '[]')
                    FROM shop.returns AS r WHERE r.order_id = header.order_id AND header.shipped_units > 0),
        'payments', (SELECT coalesce(jsonb_agg(to_jsonb(p) - 'order_id' ORDER BY p.created_at, p.payment_id), '[]')
                     FROM shop.payments AS p WHERE p.order_id = header.order_id));
END
$$;
COMMENT ON FUNCTION api.order_details(uuid) IS
    'An order with its lines, taxes, addresses, history, shipments, returns and payments, as one document. Errors: SH003,'
    ' SH005.';

GRANT EXECUTE ON FUNCTION
    api.cancel_order(uuid, text), api.request_return(uuid, uuid, smallint[], integer[], text),
    api.order_history(uuid, timestamptz, uuid, integer), api.order_details(uuid)
TO shop_app, shop_storefront, shop_backoffice;
GRANT EXECUTE ON FUNCTION
    api.cancel_items(uuid, uuid, smallint[], integer[], text), api.expire_unpaid_orders(integer),
    api.ship(uuid, uuid, bigint, text, text, smallint[], integer[]), api.deliver(uuid),
    api.receive_return(uuid, smallint[], integer[], integer[], bigint)
TO shop_app, shop_backoffice;
