-- What monitoring/checks/*.sql and the dashboards ask. shop_monitor reads no table: these functions answer with counts,
-- ages and sizes. Each part of shop_health() is served by a partial index, so that it is as fast on a million orders.

CREATE FUNCTION api.shop_health()
RETURNS TABLE (measure text, amount bigint, oldest timestamptz)
LANGUAGE sql
STABLE
SECURITY DEFINER
SET search_path = pg_catalog, shop, pg_temp
AS $$
    SELECT 'outbox_open', count(*), min(created_at)
    FROM shop.outbox_events WHERE published_at IS NULL AND parked_at IS NULL
    UNION ALL
    SELECT 'outbox_parked', count(*), min(parked_at)
    FROM shop.outbox_events WHERE parked_at IS NOT NULL
    UNION ALL
    SELECT 'payment_exceptions_open', count(*), min(raised_at)
    FROM shop.payment_exceptions WHERE resolved_at IS NULL
    UNION ALL
    SELECT 'orders_unpaid', count(*), min(placed_at)
    FROM shop.orders WHERE status = 'pending' AND expires_at > now()
    UNION ALL
    SELECT 'orders_overdue', count(*), min(expires_at)
    FROM shop.orders WHERE status = 'pending' AND expires_at <= now() AND authorized_minor = 0
    UNION ALL
    SELECT 'orders_partly_authorized', count(*), min(expires_at)
    FROM shop.orders WHERE status = 'pending' AND expires_at <= now() AND authorized_minor > 0
$$;
COMMENT ON FUNCTION api.shop_health() IS
    'What waits to be done in the shop: how many of each measure, and since when. Open and parked outbox events, open payment'
    ' exceptions, unpaid orders that may still be paid, overdue ones, and overdue ones of which a part is authorized.';

CREATE FUNCTION api.orders_per_minute(since timestamptz, until timestamptz DEFAULT now())
RETURNS TABLE (minute timestamptz, orders bigint)
LANGUAGE plpgsql
STABLE
SECURITY DEFINER
SET search_path = pg_catalog, shop, pg_temp
AS $$
BEGIN
    PERFORM shop.require(isfinite(since) AND isfinite(until), 'since', 'two moments');
    PERFORM shop.require(
        since <= until AND until - since <= interval '31 days', 'since', 'before until, and at most 31 days before it');
    RETURN QUERY
        SELECT date_trunc('minute', o.placed_at), count(*)
        FROM shop.orders AS o
        WHERE o.placed_at >= since AND o.placed_at < until
        GROUP BY 1
        ORDER BY 1;
END
$$;
COMMENT ON FUNCTION api.orders_per_minute(timestamptz, timestamptz) IS
    'Orders placed in each minute of at most 31 days; minutes without an order are left out. Errors: SH001.';

CREATE FUNCTION api.stock_outs()
RETURNS TABLE (on_sale bigint, sold_out bigint)
LANGUAGE sql
STABLE
SECURITY DEFINER
SET search_path = pg_catalog, shop, pg_temp
AS $$
    SELECT count(*), count(*) FILTER (WHERE coalesce(stock.free, 0) = 0)
    FROM shop.product_variants AS v
    JOIN shop.products AS p ON p.product_id = v.product_id AND p.status = 'active'
    LEFT JOIN (
        SELECT variant_id, sum(on_hand - reserved) AS free
        FROM shop.stock_levels JOIN shop.warehouses USING (warehouse_id)
        WHERE is_active
        GROUP BY variant_id
    ) AS stock ON stock.variant_id = v.variant_id
    WHERE v.archived_at IS NULL
$$;
COMMENT ON FUNCTION api.stock_outs() IS
    'How many variants of active products there are, and of how many no active warehouse has a free unit.';

-- pg_sequences hides the last value from whoever may not use the sequence.
CREATE FUNCTION api.sequence_usage()
RETURNS TABLE (sequence text, last_value bigint, limit_value bigint)
LANGUAGE sql
STABLE
SECURITY DEFINER
SET search_path = pg_catalog, shop, pg_temp
AS $$
    SELECT format('%s.%s', schemaname, sequencename), last_value, max_value
    FROM pg_sequences
    WHERE schemaname IN ('shop', 'api') AND NOT cycle AND increment_by > 0 AND last_value IS NOT NULL
$$;
COMMENT ON FUNCTION api.sequence_usage() IS 'The last value of each sequence that was used, and the greatest it may give.';

-- The usual estimate, from the average width of columns: https://wiki.postgresql.org/wiki/Show_database_bloat. pg_stats
-- shows widths only of what one may read. TOAST is left out; a few per cent either way mean nothing.
CREATE FUNCTION api.bloat_estimate()
RETURNS TABLE (relation text, kind text, bytes bigint, wasted_bytes bigint)
LANGUAGE sql
STABLE
SECURITY DEFINER
SET search_path = pg_catalog, shop, pg_temp
AS $$
    WITH setting AS (
        SELECT current_setting('block_size')::numeric AS page
    ),
    table_rows AS (
        SELECT c.oid, c.reltuples, c.relpages,
               coalesce((SELECT option_value::numeric FROM pg_options_to_table(c.reloptions)
                         WHERE option_name = 'fillfactor'), 100) / 100 AS fill,
               -- Row header with its bitmap of NULLs, the row itself aligned to 8 bytes, and a line pointer.
               24 + 8 * ceil(sum((1 - s.null_frac) * s.avg_width) / 8) + 4 AS row_bytes
        FROM pg_class AS c
        JOIN pg_stats AS s ON s.schemaname = c.relnamespace::regnamespace::text AND s.tablename = c.relname
        WHERE c.relnamespace = 'shop'::regnamespace AND c.relkind = 'r' AND c.reltuples > 0
        GROUP BY c.oid
    ),
    index_rows AS (
        SELECT c.oid, c.reltuples, c.relpages,
               coalesce((SELECT option_value::numeric FROM pg_options_to_table(c.reloptions)
                         WHERE option_name = 'fillfactor'), 90) / 100 AS fill,
               8 + 8 * ceil(sum((1 - s.null_frac) * s.avg_width) / 8) + 4 AS row_bytes
        FROM pg_index AS i
        JOIN pg_class AS c ON c.oid = i.indexrelid
        JOIN pg_class AS t ON t.oid = i.indrelid
        JOIN pg_attribute AS a ON a.attrelid = i.indexrelid
        -- A column's own statistics; those of an expression stand under the index.
        JOIN pg_stats AS s ON s.schemaname = t.relnamespace::regnamespace::text
             AND (s.tablename, s.attname) = (
                 CASE WHEN i.indkey[a.attnum - 1] = 0 THEN c.relname ELSE t.relname END,
                 CASE WHEN i.indkey[a.attnum - 1] = 0 THEN a.attname
                      ELSE (SELECT attname FROM pg_attribute WHERE attrelid = t.oid AND attnum = i.indkey[a.attnum - 1]) END)
        WHERE t.relnamespace = 'shop'::regnamespace AND c.reltuples > 0
          AND c.relam = (SELECT oid FROM pg_am WHERE amname = 'btree')
        GROUP BY c.oid, i.indnatts
        HAVING count(*) = i.indnatts
    ),
    estimated AS (
        SELECT oid, 'table' AS kind, relpages, ceil(reltuples * row_bytes / ((page - 24) * fill)) AS needed
        FROM table_rows, setting
        UNION ALL
        SELECT oid, 'index', relpages, 1 + ceil(reltuples * row_bytes / ((page - 40) * fill))
        FROM index_rows, setting
    )
    SELECT oid::regclass::text, kind, (relpages * page)::bigint, (greatest(relpages - needed, 0) * page)::bigint
    FROM estimated, setting
$$;
COMMENT ON FUNCTION api.bloat_estimate() IS
    'Bytes of each table and B-tree index as of the last ANALYZE, and an estimate of how many of them a rewrite would free.';

-- pg_stat_statements is an extension that a server may lack: then one row says so. With the caller's own rights: it takes
-- membership in pg_read_all_stats to see what others ran.
CREATE FUNCTION api.slowest_statements(most integer DEFAULT 20)
RETURNS TABLE (statement text, calls bigint, total_ms numeric, mean_ms numeric, rows bigint)
LANGUAGE plpgsql
STABLE
SET search_path = pg_catalog, shop, pg_temp
AS $$
DECLARE
    statistics regclass := (SELECT oid FROM pg_class WHERE relname = 'pg_stat_statements' AND relkind = 'v' LIMIT 1);
BEGIN
    IF statistics IS NULL THEN
        RETURN QUERY SELECT 'No statistics of statements: the master has to run CREATE EXTENSION pg_stat_statements',
            NULL::bigint, NULL::numeric, NULL::numeric, NULL::bigint;
        RETURN;
    END IF;
    BEGIN
        RETURN QUERY EXECUTE format(
            'SELECT left(regexp_replace(s.query, ''\s+'', '' '', ''g''), 200), s.calls, round(s.total_exec_time::numeric, 1),'
            ' round(s.mean_exec_time::numeric, 2), s.rows'
            ' FROM %s AS s WHERE s.dbid = (SELECT oid FROM pg_database WHERE datname = current_database())'
            ' ORDER BY s.total_exec_time DESC LIMIT $1', statistics) USING least(greatest(most, 1), 1000);
    EXCEPTION
        WHEN insufficient_privilege THEN
            RETURN QUERY SELECT format('No statistics of statements: the master has to GRANT USAGE ON SCHEMA %s TO shop_monitor',
                (SELECT relnamespace::regnamespace FROM pg_class WHERE oid = statistics)),
                NULL::bigint, NULL::numeric, NULL::numeric, NULL::bigint;
        WHEN object_not_in_prerequisite_state THEN
            RETURN QUERY SELECT 'No statistics of statements: shared_preload_libraries lacks pg_stat_statements',
                NULL::bigint, NULL::numeric, NULL::numeric, NULL::bigint;
    END;
END
$$;
COMMENT ON FUNCTION api.slowest_statements(integer) IS
    'The statements of this database that took most time in all, without their values; a row that says why where there are'
    ' none. At least 1, at most 1000.';

GRANT EXECUTE ON FUNCTION
    api.slowest_statements(integer), api.shop_health(), api.orders_per_minute(timestamptz, timestamptz), api.stock_outs(), api.sequence_usage(),
    api.bloat_estimate()
TO shop_monitor, shop_backoffice;
