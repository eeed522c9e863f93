-- Stock, for staff. All functions need shop.actor (SH109): what people move by hand is audited. Errors, 4xx:
--   SH401  the adjustment would take units that orders were promised (DETAIL: the orders, newest first)

CREATE FUNCTION shop.require_stock_key(wanted_variant_id bigint, wanted_warehouse_id bigint)
RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, shop, pg_temp
AS $$
BEGIN
    IF NOT EXISTS (SELECT FROM shop.product_variants WHERE variant_id = wanted_variant_id) THEN
        PERFORM shop.refuse_missing('variant', wanted_variant_id::text);
    END IF;
    IF NOT EXISTS (SELECT FROM shop.warehouses WHERE warehouse_id = wanted_warehouse_id) THEN
        PERFORM shop.refuse_missing('warehouse', wanted_warehouse_id::text);
    END IF;
END
$$;
COMMENT ON FUNCTION shop.require_stock_key(bigint, bigint) IS 'Refuses a variant or warehouse that does not exist (SH005).';

CREATE FUNCTION shop.require_stock_limit(
    wanted_variant_id bigint, wanted_warehouse_id bigint, added integer, argument text)
RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, shop, pg_temp
AS $$
BEGIN
    PERFORM shop.require(
        (SELECT coalesce(sum(on_hand), 0) + added <= 1000000000 FROM shop.stock_levels
         WHERE variant_id = wanted_variant_id AND warehouse_id = wanted_warehouse_id),
        argument, 'no more than 1000000000 units on hand in all');
END
$$;
COMMENT ON FUNCTION shop.require_stock_limit(bigint, bigint, integer, text) IS
    'Refuses more units than a stock level can count (SH001).';

CREATE FUNCTION api.stock_of(variant_id bigint)
RETURNS TABLE (on_hand bigint, reserved bigint, available bigint)
LANGUAGE sql STABLE
SECURITY DEFINER
SET search_path = pg_catalog, shop, pg_temp
AS $$
    SELECT coalesce(sum(level.on_hand), 0), coalesce(sum(level.reserved), 0),
           coalesce(sum(level.on_hand - level.reserved) FILTER (WHERE warehouse.is_active), 0)
    FROM shop.stock_levels AS level
    JOIN shop.warehouses AS warehouse USING (warehouse_id)
    WHERE level.variant_id = stock_of.variant_id
$$;
COMMENT ON FUNCTION api.stock_of(bigint) IS
    'Units of a variant over all warehouses and slots: on hand, promised, and available (of active warehouses). 0 for an'
    ' unknown variant.';

CREATE FUNCTION api.receive_stock(variant_id bigint, warehouse_id bigint, quantity integer, reason text DEFAULT NULL)
RETURNS integer
LANGUAGE plpgsql
SECURITY DEFINER
SET search_path = pg_catalog, shop, pg_temp
AS $$
#variable_conflict use_column
DECLARE
    target smallint;
    level_after integer;
BEGIN
    PERFORM shop.require_read_committed();
    PERFORM shop.require(quantity BETWEEN 1 AND 1000000, 'quantity', '1 to 1000000 units');
    PERFORM shop.require(coalesce(btrim(reason) <> '' AND char_length(reason) <= 500, true), 'reason',
        'NULL, or 1 to 500 characters');
    PERFORM shop.require_stock_key(receive_stock.variant_id, receive_stock.warehouse_id);
    PERFORM shop.require_stock_limit(receive_stock.variant_id, receive_stock.warehouse_id, quantity, 'quantity');

    INSERT INTO shop.stock_levels (variant_id, warehouse_id)
    VALUES (receive_stock.variant_id, receive_stock.warehouse_id)
    ON CONFLICT DO NOTHING;
    -- Of a split variant, the emptiest slot is filled.
    SELECT level.slot INTO target
    FROM shop.stock_levels AS level
    WHERE level.variant_id = receive_stock.variant_id AND level.warehouse_id = receive_stock.warehouse_id
    ORDER BY level.on_hand - level.reserved, level.slot
    LIMIT 1;
    INSERT INTO shop.stock_movements (variant_id, warehouse_id, slot, kind, on_hand_delta, reason)
    VALUES (receive_stock.variant_id, receive_stock.warehouse_id, target, 'receipt', quantity, receive_stock.reason);
    SELECT sum(level.on_hand) INTO level_after
    FROM shop.stock_levels AS level
    WHERE level.variant_id = receive_stock.variant_id AND level.warehouse_id = receive_stock.warehouse_id;
    RETURN level_after;
END
$$;
COMMENT ON FUNCTION api.receive_stock(bigint, bigint, integer, text) IS
    'Books goods in; returns the units on hand in that warehouse. Not safe to repeat: each call books again. Locks: the'
    ' stock. Errors: SH001, SH002, SH005, SH109.';

CREATE FUNCTION api.adjust_stock(
    variant_id bigint, warehouse_id bigint, delta integer, reason text, p_release boolean DEFAULT false)
RETURNS integer
LANGUAGE plpgsql
SECURITY DEFINER
SET search_path = pg_catalog, shop, pg_temp
AS $$
#variable_conflict use_column
DECLARE
    free integer;
    held integer;
    missing integer;
    level_after integer;
    locked_orders uuid[] := '{}';
BEGIN
    PERFORM shop.require_read_committed();
    PERFORM shop.require(delta BETWEEN -1000000 AND 1000000 AND delta <> 0, 'delta', '-1000000 to 1000000 units, not 0');
    PERFORM shop.require(btrim(reason) <> '' AND char_length(reason) <= 500, 'reason', '1 to 500 characters');
    PERFORM shop.require(p_release IS NOT NULL, 'p_release', 'true or false');
    PERFORM shop.require_stock_key(adjust_stock.variant_id, adjust_stock.warehouse_id);

    IF p_release AND delta < 0 THEN
        -- Orders come before stock in the order of locks: those that may lose units are locked first.
        SELECT array_agg(order_id) INTO locked_orders
        FROM (
            SELECT order_id FROM shop.orders
            WHERE order_id IN (
                SELECT a.order_id FROM shop.order_allocations AS a
                WHERE a.variant_id = adjust_stock.variant_id AND a.warehouse_id = adjust_stock.warehouse_id
                  AND a.quantity > a.released_quantity + a.shipped_quantity)
            ORDER BY order_id FOR NO KEY UPDATE
        ) AS held_orders;
    END IF;
    SELECT sum(on_hand - reserved), sum(on_hand) INTO free, held
    FROM (
        SELECT level.on_hand, level.reserved FROM shop.stock_levels AS level
        WHERE level.variant_id = adjust_stock.variant_id AND level.warehouse_id = adjust_stock.warehouse_id
        ORDER BY level.slot FOR NO KEY UPDATE
    ) AS locked;
    PERFORM shop.require(coalesce(held, 0) + delta >= 0, 'delta', format('at most the %s units on hand', coalesce(held, 0)));
    missing := greatest(-delta - coalesce(free, 0), 0);
    IF missing > 0 AND p_release THEN
        -- Orders that were placed while the stock was waited for: locked now if nobody holds them, else left alone. Waiting
        -- for one while holding stock could deadlock with its cancellation.
        SELECT locked_orders || array_agg(order_id) INTO locked_orders
        FROM (
            SELECT order_id FROM shop.orders
            WHERE order_id IN (
                SELECT a.order_id FROM shop.order_allocations AS a
                WHERE a.variant_id = adjust_stock.variant_id AND a.warehouse_id = adjust_stock.warehouse_id
                  AND a.quantity > a.released_quantity + a.shipped_quantity)
              AND order_id <> ALL (coalesce(locked_orders, '{}'))
            FOR NO KEY UPDATE SKIP LOCKED
        ) AS late_orders;
        SELECT missing - coalesce(sum(a.quantity - a.released_quantity - a.shipped_quantity), 0) INTO held
        FROM shop.order_allocations AS a
        WHERE a.variant_id = adjust_stock.variant_id AND a.warehouse_id = adjust_stock.warehouse_id
          AND a.order_id = ANY (locked_orders);
        IF held > 0 THEN
            RAISE EXCEPTION USING
                ERRCODE = 'SH401',
                MESSAGE = format('%s of the units are promised to orders that are being worked on', held),
                HINT = 'Call again.',
                DETAIL = jsonb_build_object('missing', held, 'orders', '[]'::jsonb);
        END IF;
    END IF;

    IF missing > 0 AND NOT p_release THEN
        RAISE EXCEPTION USING
            ERRCODE = 'SH401',
            MESSAGE = format('%s of the units are promised to orders', missing),
            HINT = 'Call again with p_release := true to take them from the newest orders, or adjust by less.',
            DETAIL = (
                SELECT jsonb_build_object('missing', missing, 'orders', jsonb_agg(o.order_number ORDER BY o.placed_at DESC))
                FROM shop.orders AS o
                WHERE o.order_id IN (
                    SELECT a.order_id FROM shop.order_allocations AS a
                    WHERE a.variant_id = adjust_stock.variant_id AND a.warehouse_id = adjust_stock.warehouse_id
                      AND a.quantity > a.released_quantity + a.shipped_quantity));
    END IF;
    IF missing > 0 THEN
        UPDATE shop.order_allocations AS allocation
        SET released_quantity = allocation.released_quantity + taken.units
        FROM (
            SELECT a.order_id, a.line_number, a.slot,
                   least(a.open, missing - (running - a.open)) AS units
            FROM (
                SELECT a.order_id, a.line_number, a.slot, a.quantity - a.released_quantity - a.shipped_quantity AS open,
                       sum(a.quantity - a.released_quantity - a.shipped_quantity)
                           OVER (ORDER BY o.placed_at DESC, a.order_id DESC, a.line_number, a.slot) AS running
                FROM shop.order_allocations AS a
                JOIN shop.orders AS o USING (order_id)
                WHERE a.variant_id = adjust_stock.variant_id AND a.warehouse_id = adjust_stock.warehouse_id
                  AND a.quantity > a.released_quantity + a.shipped_quantity AND a.order_id = ANY (locked_orders)
            ) AS a
            WHERE running - a.open < missing
        ) AS taken
        WHERE allocation.order_id = taken.order_id AND allocation.line_number = taken.line_number
          AND allocation.warehouse_id = adjust_stock.warehouse_id AND allocation.slot = taken.slot;
    END IF;

    IF delta > 0 THEN
        PERFORM shop.require_stock_limit(adjust_stock.variant_id, adjust_stock.warehouse_id, delta, 'delta');
        INSERT INTO shop.stock_levels (variant_id, warehouse_id)
        VALUES (adjust_stock.variant_id, adjust_stock.warehouse_id)
        ON CONFLICT DO NOTHING;
        INSERT INTO shop.stock_movements (variant_id, warehouse_id, kind, on_hand_delta, reason)
        VALUES (adjust_stock.variant_id, adjust_stock.warehouse_id, 'adjustment', delta, adjust_stock.reason);
    ELSE
        INSERT INTO shop.stock_movements (variant_id, warehouse_id, slot, kind, on_hand_delta, reason)
        SELECT adjust_stock.variant_id, adjust_stock.warehouse_id, slot, 'adjustment',
               -least(open, -delta - (running - open)), adjust_stock.reason
        FROM (
            SELECT level.slot, level.on_hand - level.reserved AS open,
                   sum(level.on_hand - level.reserved) OVER (ORDER BY level.slot) AS running
            FROM shop.stock_levels AS level
            WHERE level.variant_id = adjust_stock.variant_id AND level.warehouse_id = adjust_stock.warehouse_id
              AND level.on_hand > level.reserved
        ) AS slots
        WHERE running - open < -delta;
    END IF;
    SELECT sum(level.on_hand) INTO level_after
    FROM shop.stock_levels AS level
    WHERE level.variant_id = adjust_stock.variant_id AND level.warehouse_id = adjust_stock.warehouse_id;
    RETURN level_after;
END
$$;
COMMENT ON FUNCTION api.adjust_stock(bigint, bigint, integer, text, boolean) IS
    'Corrects stock after a count, a loss or a find; returns the units on hand in that warehouse. Units promised to orders'
    ' are taken only with p_release, from the newest orders, whose lines are then short (allocated below open). Not safe to'
    ' repeat. Locks: orders by key, stock by key. Errors: SH001, SH002, SH005, SH109, SH401.';

CREATE FUNCTION api.split_stock(variant_id bigint, warehouse_id bigint, slots integer)
RETURNS integer
LANGUAGE plpgsql
SECURITY DEFINER
SET search_path = pg_catalog, shop, pg_temp
AS $$
#variable_conflict use_column
DECLARE
    free integer;
BEGIN
    PERFORM shop.require_read_committed();
    PERFORM shop.require(slots BETWEEN 1 AND 256, 'slots', '1 to 256');
    PERFORM shop.require_stock_key(split_stock.variant_id, split_stock.warehouse_id);
    -- Waits for those who are buying the variant, and holds the others back until the slots are there to be seen.
    PERFORM pg_advisory_xact_lock(shop.slots_gate(split_stock.variant_id));
    INSERT INTO shop.stock_levels (variant_id, warehouse_id, slot)
    SELECT split_stock.variant_id, split_stock.warehouse_id, n FROM generate_series(0, slots - 1) AS n
    ON CONFLICT DO NOTHING;

    SELECT sum(on_hand - reserved) INTO free
    FROM (
        SELECT level.on_hand, level.reserved FROM shop.stock_levels AS level
        WHERE level.variant_id = split_stock.variant_id AND level.warehouse_id = split_stock.warehouse_id
        ORDER BY level.slot FOR NO KEY UPDATE
    ) AS locked;
    -- What is reserved stays where it is; what is free is spread evenly over the first slots, all else is emptied.
    INSERT INTO shop.stock_movements (variant_id, warehouse_id, slot, kind, on_hand_delta, reason)
    SELECT split_stock.variant_id, split_stock.warehouse_id, slot, 'transfer', delta, format('split over %s slots', slots)
    FROM (
        SELECT level.slot,
               CASE WHEN level.slot < slots THEN free / slots + (level.slot < free % slots)::integer ELSE 0 END
                   - (level.on_hand - level.reserved) AS delta
        FROM shop.stock_levels AS level
        WHERE level.variant_id = split_stock.variant_id AND level.warehouse_id = split_stock.warehouse_id
    ) AS wanted
    WHERE delta <> 0
    ORDER BY slot;
    RETURN free;
END
$$;
COMMENT ON FUNCTION api.split_stock(bigint, bigint, integer) IS
    'Spreads the free units of a hot product over slots, so that its buyers do not queue behind one row; 1 puts them'
    ' together again. Returns the free units. Safe to repeat. One variant a transaction. Locks: the gate of its slots, its stock by key.'
    ' Errors: SH001, SH002, SH005, SH109.';

GRANT EXECUTE ON FUNCTION api.stock_of(bigint) TO shop_app, shop_storefront, shop_backoffice;
GRANT EXECUTE ON FUNCTION
    api.receive_stock(bigint, bigint, integer, text), api.adjust_stock(bigint, bigint, integer, text, boolean),
    api.split_stock(bigint, bigint, integer)
TO shop_backoffice, shop_app;
