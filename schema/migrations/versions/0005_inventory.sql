-- Stock: the level is the sum of the movements, and a CHECK on it sees every sum before it is committed.

CREATE TRIGGER stock_levels_start_empty
    BEFORE INSERT ON shop.stock_levels
    FOR EACH ROW WHEN (NEW.on_hand <> 0 OR NEW.reserved <> 0)
    EXECUTE FUNCTION shop.refuse('SH103', 'a stock level starts empty', 'Insert a stock movement of kind receipt.');
CREATE TRIGGER stock_levels_follow_movements
    BEFORE UPDATE OR DELETE ON shop.stock_levels
    FOR EACH STATEMENT EXECUTE FUNCTION shop.refuse_direct_write('Insert into stock_movements; the level follows.');

CREATE TRIGGER stock_movements_are_append_only
    BEFORE UPDATE OR DELETE OR TRUNCATE ON shop.stock_movements
    FOR EACH STATEMENT
    EXECUTE FUNCTION shop.refuse('SH101', 'stock movements are append-only', 'Insert a movement that corrects it.');

-- What orders do to stock is told by their own rows; a movement written by hand would promise units to nobody.
CREATE TRIGGER stock_movements_of_orders_follow_their_rows
    BEFORE INSERT ON shop.stock_movements
    FOR EACH ROW WHEN (pg_trigger_depth() = 0 AND NEW.kind IN ('reservation', 'release', 'shipment', 'return'))
    EXECUTE FUNCTION shop.refuse_direct_write('Insert allocations, shipment items or receipts of returns.');

CREATE TRIGGER stock_movements_happen_now
    BEFORE INSERT ON shop.stock_movements
    FOR EACH ROW WHEN (NEW.moved_at IS DISTINCT FROM now())
    EXECUTE FUNCTION shop.refuse('SH103', 'the moment of a movement is the server''s', 'Leave moved_at out.');

-- Rows are locked by (variant, warehouse, slot) before any is changed, so that two statements over the same stock queue
-- instead of deadlocking. Concurrent sums are safe: an UPDATE that waited adds to what the other left.
CREATE FUNCTION shop.apply_stock_movements() RETURNS trigger
LANGUAGE plpgsql
SET search_path = pg_catalog, shop, pg_temp
AS $$
DECLARE
    unbalanced text;
BEGIN
    SELECT min(format('variant %s by %s', variant_id, balance)) INTO unbalanced
    FROM (
        SELECT variant_id, sum(on_hand_delta) AS balance FROM moved WHERE kind = 'transfer' GROUP BY variant_id
    ) AS transfer
    WHERE balance <> 0;
    IF unbalanced IS NOT NULL THEN
        RAISE EXCEPTION USING
            ERRCODE = 'SH104',
            MESSAGE = format('the transfers change the stock of %s', unbalanced),
            HINT = 'Insert both sides of a transfer in one statement; what is lost or found is an adjustment.',
            SCHEMA = TG_TABLE_SCHEMA, TABLE = TG_TABLE_NAME, CONSTRAINT = TG_NAME;
    END IF;

    WITH change AS (
        SELECT variant_id, warehouse_id, slot,
               sum(on_hand_delta)::integer AS on_hand, sum(reserved_delta)::integer AS reserved
        FROM moved
        GROUP BY variant_id, warehouse_id, slot
    ), locked AS MATERIALIZED (
        SELECT level.variant_id, level.warehouse_id, level.slot, change.on_hand, change.reserved
        FROM shop.stock_levels AS level
        JOIN change USING (variant_id, warehouse_id, slot)
        ORDER BY level.variant_id, level.warehouse_id, level.slot
        FOR NO KEY UPDATE OF level
    )
    UPDATE shop.stock_levels AS level
    SET on_hand = level.on_hand + locked.on_hand,
        reserved = level.reserved + locked.reserved
    FROM locked
    WHERE level.variant_id = locked.variant_id
      AND level.warehouse_id = locked.warehouse_id
      AND level.slot = locked.slot;
    RETURN NULL;
END
$$;
COMMENT ON FUNCTION shop.apply_stock_movements() IS
    'Trigger: adds the movements of one statement to the levels; transfers must balance.';

CREATE TRIGGER stock_movements_change_levels
    AFTER INSERT ON shop.stock_movements
    REFERENCING NEW TABLE AS moved
    FOR EACH STATEMENT EXECUTE FUNCTION shop.apply_stock_movements();

CREATE FUNCTION shop.invariant_stock_levels_equal_movements()
RETURNS TABLE (examined bigint, violations bigint, example text)
LANGUAGE sql STABLE
SET search_path = pg_catalog, shop, pg_temp
AS $$
    SELECT count(*),
           count(*) FILTER (WHERE wrong),
           min(format('variant %s, warehouse %s, slot %s: level %s/%s, movements %s/%s', variant_id, warehouse_id, slot,
               level.on_hand, level.reserved, moved.on_hand, moved.reserved)) FILTER (WHERE wrong)
    FROM shop.stock_levels AS level
    FULL JOIN (
        SELECT variant_id, warehouse_id, slot, sum(on_hand_delta) AS on_hand, sum(reserved_delta) AS reserved
        FROM shop.stock_movements
        GROUP BY variant_id, warehouse_id, slot
    ) AS moved USING (variant_id, warehouse_id, slot)
    CROSS JOIN LATERAL (
        SELECT (coalesce(level.on_hand, -1), coalesce(level.reserved, -1))
               IS DISTINCT FROM (coalesce(moved.on_hand, 0), coalesce(moved.reserved, 0)) AS wrong
    ) AS compared
$$;
COMMENT ON FUNCTION shop.invariant_stock_levels_equal_movements() IS 'Stock levels are the sums of their movements.';

-- Why these foreign keys have no index of their own --------------------------------------------------------------------

COMMENT ON CONSTRAINT fk_warehouses_country ON shop.warehouses IS
    'No index: countries are never deleted or renumbered, and no hot read starts from one.';

CREATE FUNCTION shop.invariant_stock_transfers_balance()
RETURNS TABLE (examined bigint, violations bigint, example text)
LANGUAGE sql STABLE
SET search_path = pg_catalog, shop, pg_temp
AS $$
    SELECT count(*), count(*) FILTER (WHERE balance <> 0),
           min(format('variant %s: transfers sum to %s', variant_id, balance)) FILTER (WHERE balance <> 0)
    FROM (
        SELECT variant_id, sum(on_hand_delta) AS balance
        FROM shop.stock_movements WHERE kind = 'transfer' GROUP BY variant_id
    ) AS transfer
$$;
COMMENT ON FUNCTION shop.invariant_stock_transfers_balance() IS
    'Transfers move stock between places; over all places they sum to zero.';

COMMENT ON TYPE shop.stock_movement_kind IS 'Why stock moved; a CHECK says which numbers each kind may move.';

CALL shop.refuse_truncate_of('warehouses', 'stock_levels');
