-- The whole schema at revision 0025, to be read; scripts/dump_schema.py writes it from the migrations.
-- `cd schema && alembic upgrade head` makes the schema, scripts/bootstrap.py the roles named here.

CREATE SCHEMA api;

COMMENT ON SCHEMA api IS 'The public contract: functions and views that applications call.';

CREATE SCHEMA shop;

COMMENT ON SCHEMA shop IS 'Tables and their triggers. Written to by the functions of schema api alone.';

CREATE TYPE api.address AS (
	recipient text,
	company text,
	line1 text,
	line2 text,
	city text,
	region text,
	postal_code text,
	country text,
	phone text
);

COMMENT ON TYPE api.address IS 'A postal address, as columns of addresses and order_addresses.';

CREATE TYPE shop.account_token_purpose AS ENUM (
    'email_verification',
    'password_reset'
);

COMMENT ON TYPE shop.account_token_purpose IS 'What a one-time token is for.';

CREATE TYPE shop.address_kind AS ENUM (
    'shipping',
    'billing'
);

COMMENT ON TYPE shop.address_kind IS 'What an address of an order is for.';

CREATE TYPE shop.audit_action AS ENUM (
    'insert',
    'update',
    'delete'
);

COMMENT ON TYPE shop.audit_action IS 'What was done to an audited row.';

CREATE TYPE shop.cart_status AS ENUM (
    'open',
    'converted',
    'merged',
    'expired'
);

COMMENT ON TYPE shop.cart_status IS 'Life of a cart: open, then converted, merged or expired for good.';

CREATE TYPE shop.coupon_kind AS ENUM (
    'percent',
    'fixed'
);

COMMENT ON TYPE shop.coupon_kind IS 'How a coupon takes off: a rate or an amount.';

CREATE TYPE shop.customer_status AS ENUM (
    'active',
    'closed',
    'erased'
);

COMMENT ON TYPE shop.customer_status IS 'Life of an account: active, closed, erased.';

CREATE TYPE shop.erasure_moment AS ENUM (
    'now',
    'after_retention'
);

COMMENT ON TYPE shop.erasure_moment IS 'When a personal column is erased.';

CREATE TYPE shop.journal_kind AS ENUM (
    'sale',
    'cancellation',
    'capture',
    'refund',
    'return',
    'dispute',
    'correction'
);

COMMENT ON TYPE shop.journal_kind IS 'What a journal entry records.';

CREATE TYPE shop.media_kind AS ENUM (
    'image',
    'video'
);

COMMENT ON TYPE shop.media_kind IS 'What a medium is.';

CREATE TYPE shop.offered_stock AS (
	variant_id bigint,
	warehouse_id bigint,
	slot smallint,
	free integer,
	priority smallint
);

COMMENT ON TYPE shop.offered_stock IS 'A locked stock level that checkout may take from.';

CREATE TYPE shop.order_fulfilment_status AS ENUM (
    'none',
    'partial',
    'full',
    'returned'
);

COMMENT ON TYPE shop.order_fulfilment_status IS 'How far an order is delivered; generated.';

CREATE TYPE shop.order_payment_status AS ENUM (
    'none',
    'authorized',
    'partial',
    'full',
    'refunded'
);

COMMENT ON TYPE shop.order_payment_status IS 'How far an order is paid; generated.';

CREATE TYPE shop.order_status AS ENUM (
    'pending',
    'confirmed',
    'completed',
    'cancelled',
    'expired'
);

COMMENT ON TYPE shop.order_status IS 'Life of an order; order_transitions lists the legal moves.';

CREATE TYPE shop.payment_event_kind AS ENUM (
    'authorized',
    'captured',
    'voided',
    'failed',
    'refunded',
    'dispute_opened',
    'dispute_won',
    'dispute_lost'
);

COMMENT ON TYPE shop.payment_event_kind IS 'What a provider says happened.';

CREATE TYPE shop.payment_exception_kind AS ENUM (
    'unknown_payment',
    'other_currency',
    'over_capture',
    'over_refund',
    'after_end',
    'over_payment',
    'authorization_lost',
    'dispute'
);

COMMENT ON TYPE shop.payment_exception_kind IS 'Which rule an event broke.';

CREATE TYPE shop.payment_state AS ENUM (
    'pending',
    'authorized',
    'captured',
    'closed'
);

COMMENT ON TYPE shop.payment_state IS 'How far a payment has come; generated.';

CREATE TYPE shop.priced_line AS (
	line_number smallint,
	variant_id bigint,
	sku text,
	product_name text,
	variant_name text,
	tax_class text,
	quantity smallint,
	unit_price_minor bigint,
	subtotal_minor bigint,
	discount_minor bigint,
	tax_minor bigint,
	total_minor bigint,
	tax_count smallint
);

COMMENT ON TYPE shop.priced_line IS 'A cart line as checkout charges it.';

CREATE TYPE shop.priced_tax AS (
	line_number smallint,
	jurisdiction text,
	rate numeric,
	base_minor bigint,
	tax_minor bigint
);

COMMENT ON TYPE shop.priced_tax IS 'A tax as checkout charges it; line 0 is shipping.';

CREATE TYPE shop.priced_cart AS (
	currency text,
	country text,
	prices_include_tax boolean,
	is_tax_exempt boolean,
	tax_number text,
	shipping_method_id bigint,
	shipping_method_name text,
	coupon_id bigint,
	line_count smallint,
	unit_count integer,
	subtotal_minor bigint,
	discount_minor bigint,
	shipping_minor bigint,
	shipping_tax_minor bigint,
	shipping_tax_count smallint,
	tax_minor bigint,
	total_minor bigint,
	lines shop.priced_line[],
	taxes shop.priced_tax[]
);

COMMENT ON TYPE shop.priced_cart IS 'All that checkout charges for a cart.';

CREATE TYPE shop.product_status AS ENUM (
    'draft',
    'active',
    'archived'
);

COMMENT ON TYPE shop.product_status IS 'Life of a product: draft, active (on sale), archived.';

CREATE TYPE shop.refund_state AS ENUM (
    'pending',
    'succeeded',
    'failed'
);

COMMENT ON TYPE shop.refund_state IS 'Life of a refund: pending, then succeeded or failed.';

CREATE TYPE shop.return_status AS ENUM (
    'requested',
    'received',
    'cancelled'
);

COMMENT ON TYPE shop.return_status IS 'Life of a return: requested, then received or cancelled.';

CREATE TYPE shop.stock_movement_kind AS ENUM (
    'receipt',
    'reservation',
    'release',
    'shipment',
    'return',
    'adjustment',
    'transfer'
);

COMMENT ON TYPE shop.stock_movement_kind IS 'Why stock moved; a CHECK says which numbers each kind may move.';

CREATE FUNCTION api.ack_outbox(created_at timestamp with time zone, outbox_event_id uuid, lease_token uuid, error text DEFAULT NULL::text) RETURNS text
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'shop', 'pg_temp'
    AS $$
#variable_conflict use_column
DECLARE
    event shop.outbox_events;
BEGIN
    PERFORM shop.require_read_committed();
    SELECT * INTO event FROM shop.outbox_events AS e
    WHERE e.created_at = ack_outbox.created_at AND e.outbox_event_id = ack_outbox.outbox_event_id FOR NO KEY UPDATE;
    IF event.outbox_event_id IS NULL THEN
        PERFORM shop.refuse_missing('outbox event', ack_outbox.outbox_event_id::text);
    END IF;
    IF event.published_at IS NOT NULL THEN
        RETURN 'published';
    END IF;
    IF event.lease_token IS DISTINCT FROM ack_outbox.lease_token OR ack_outbox.lease_token IS NULL THEN
        RAISE EXCEPTION USING
            ERRCODE = 'SH701',
            MESSAGE = 'the lease on this event is over',
            HINT = 'Another worker may have it by now; claim again. Consumers must bear a second delivery.';
    END IF;
    IF error IS NULL THEN
        UPDATE shop.outbox_events AS e SET published_at = now(), lease_token = NULL, leased_until = NULL, last_error = NULL
        WHERE e.created_at = event.created_at AND e.outbox_event_id = event.outbox_event_id;
        RETURN 'published';
    END IF;
    -- Ten attempts, each after twice the pause; then somebody has to look.
    UPDATE shop.outbox_events AS e
    SET last_error = coalesce(nullif(btrim(left(ack_outbox.error, 2000)), ''), 'unknown'),
        parked_at = CASE WHEN event.attempts >= 10 THEN now() END,
        lease_token = CASE WHEN event.attempts < 10 THEN gen_random_uuid() END,
        leased_until = CASE WHEN event.attempts < 10
            THEN now() + least(interval '1 second' * 2 ^ event.attempts, interval '10 minutes') END
    WHERE e.created_at = event.created_at AND e.outbox_event_id = event.outbox_event_id;
    RETURN CASE WHEN event.attempts >= 10 THEN 'parked' ELSE 'retry' END;
END
$$;

COMMENT ON FUNCTION api.ack_outbox(created_at timestamp with time zone, outbox_event_id uuid, lease_token uuid, error text) IS 'Tells how a delivery went: published, retry (after a pause that doubles), or parked after ten attempts; a parked event holds back its aggregate until release_outbox() decides. Locks: the event. Errors: SH002, SH005, SH701.';

CREATE FUNCTION api.add_address(address_id uuid, customer_id uuid, address api.address) RETURNS uuid
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'shop', 'pg_temp'
    AS $$
#variable_conflict use_column
BEGIN
    PERFORM shop.require_read_committed();
    PERFORM shop.require(uuid_extract_version(add_address.address_id) = 7, 'address_id', 'a UUIDv7 that the client makes');
    PERFORM shop.require_address('address', address);
    PERFORM shop.require_own(add_address.customer_id);
    IF NOT EXISTS (SELECT FROM shop.customers AS c WHERE c.customer_id = add_address.customer_id AND c.status = 'active') THEN
        PERFORM shop.refuse_missing('active customer', add_address.customer_id::text);
    END IF;
    INSERT INTO shop.addresses
        (address_id, customer_id, recipient, company, line1, line2, city, region, postal_code, country, phone)
    SELECT add_address.address_id, add_address.customer_id, (address).recipient, (address).company, (address).line1,
           (address).line2, (address).city, (address).region, (address).postal_code, (address).country, (address).phone
    ON CONFLICT (address_id) DO NOTHING;
    IF NOT EXISTS (
        SELECT FROM shop.addresses AS a
        WHERE a.address_id = add_address.address_id AND a.customer_id = add_address.customer_id
          AND (a.recipient, a.company, a.line1, a.line2, a.city, a.region, a.postal_code, a.country, a.phone)
              IS NOT DISTINCT FROM ((address).recipient, (address).company, (address).line1, (address).line2,
                  (address).city, (address).region, (address).postal_code, (address).country, (address).phone)
    ) THEN
        PERFORM shop.refuse_other_content('address', add_address.address_id::text);
    END IF;
    RETURN add_address.address_id;
END
$$;

COMMENT ON FUNCTION api.add_address(address_id uuid, customer_id uuid, address api.address) IS 'Adds an address to a customer''s book. Safe to repeat with the same key. Locks: none. Errors: SH001 to SH005.';

CREATE FUNCTION api.adjust_stock(variant_id bigint, warehouse_id bigint, delta integer, reason text, p_release boolean DEFAULT false) RETURNS integer
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'shop', 'pg_temp'
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

COMMENT ON FUNCTION api.adjust_stock(variant_id bigint, warehouse_id bigint, delta integer, reason text, p_release boolean) IS 'Corrects stock after a count, a loss or a find; returns the units on hand in that warehouse. Units promised to orders are taken only with p_release, from the newest orders, whose lines are then short (allocated below open). Not safe to repeat. Locks: orders by key, stock by key. Errors: SH001, SH002, SH005, SH109, SH401.';

CREATE FUNCTION api.apply_coupon(cart_id uuid, code text) RETURNS bigint
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'shop', 'pg_temp'
    AS $$
#variable_conflict use_column
DECLARE
    cart shop.carts;
    found_id bigint;
    new_version bigint;
BEGIN
    PERFORM shop.require_read_committed();
    PERFORM shop.require(char_length(apply_coupon.code) BETWEEN 1 AND 40, 'code', '1 to 40 characters');
    cart := shop.lock_cart(apply_coupon.cart_id);
    PERFORM shop.require_open(cart);
    SELECT coupon_id INTO found_id FROM shop.coupons
    WHERE code = upper(btrim(apply_coupon.code)) AND is_active
      AND starts_at <= now() AND coalesce(ends_at > now(), true)
      AND (currency IS NULL OR currency = cart.currency)
      AND coalesce(times_used < usage_limit, true);
    IF NOT FOUND THEN
        RAISE EXCEPTION USING
            ERRCODE = 'SH204',
            MESSAGE = 'the coupon is not valid for this cart',
            HINT = 'Check the code, its period and its currency.';
    END IF;
    UPDATE shop.carts AS c SET coupon_id = found_id
    WHERE c.cart_id = cart.cart_id
    RETURNING c.version INTO new_version;
    RETURN new_version;
END
$$;

COMMENT ON FUNCTION api.apply_coupon(cart_id uuid, code text) IS 'Puts a coupon on a cart; checkout decides again, under the coupon''s lock. One answer for unknown and unusable codes, so that codes cannot be told apart by trying. Locks: cart. Errors: SH001, SH002, SH003, SH005, SH201, SH204.';

CREATE FUNCTION api.bloat_estimate() RETURNS TABLE(relation text, kind text, bytes bigint, wasted_bytes bigint)
    LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'shop', 'pg_temp'
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

COMMENT ON FUNCTION api.bloat_estimate() IS 'Bytes of each table and B-tree index as of the last ANALYZE, and an estimate of how many of them a rewrite would free.';

CREATE FUNCTION api.cancel_items(order_id uuid, cancellation_id uuid, line_numbers smallint[], quantities integer[], reason text) RETURNS bigint
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'shop', 'pg_temp'
    AS $_$
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
$_$;

COMMENT ON FUNCTION api.cancel_items(order_id uuid, cancellation_id uuid, line_numbers smallint[], quantities integer[], reason text) IS 'Cancels units of lines that were not shipped; returns the value cancelled so far, in the order''s minor unit. Safe to repeat with the same key. Locks: order, stock. Errors: SH001 to SH005, SH306, SH307.';

CREATE FUNCTION api.cancel_order(order_id uuid, reason text) RETURNS text
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'shop', 'pg_temp'
    AS $_$
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
$_$;

COMMENT ON FUNCTION api.cancel_order(order_id uuid, reason text) IS 'Cancels an order of which nothing was shipped: frees its stock and its coupon. The reason is a code, no words. Money that was captured is refunded by request_refund. Safe to repeat. Locks: order, coupon, stock. Errors: SH001, SH002, SH003, SH005, SH306.';

CREATE FUNCTION api.category_tree(top_id bigint DEFAULT NULL::bigint) RETURNS TABLE(category_id bigint, parent_id bigint, depth integer, slug text, name text, "position" integer)
    LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'shop', 'pg_temp'
    AS $$
    SELECT category_id, parent_id, cardinality(ancestry), slug, name, position
    FROM shop.categories
    WHERE archived_at IS NULL
      AND (top_id IS NULL OR category_id = top_id OR ancestry @> ARRAY[top_id])
    ORDER BY ancestry || category_id
$$;

COMMENT ON FUNCTION api.category_tree(top_id bigint) IS 'Live categories, all or below one, parents before children. depth is 0 at the top. No row for an unknown category.';

CREATE FUNCTION api.change_password(customer_id uuid, password_hash text) RETURNS integer
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'shop', 'pg_temp'
    AS $$
#variable_conflict use_column
DECLARE
    ended integer;
BEGIN
    PERFORM shop.require_read_committed();
    PERFORM shop.require_password_hash(change_password.password_hash);
    PERFORM shop.require_own(change_password.customer_id);
    PERFORM FROM shop.customers AS c WHERE c.customer_id = change_password.customer_id FOR NO KEY UPDATE;
    UPDATE shop.customer_credentials AS k
    SET password_hash = change_password.password_hash, changed_at = now(), failed_attempts = 0, locked_until = NULL
    WHERE k.customer_id = change_password.customer_id;
    IF NOT FOUND THEN
        PERFORM shop.refuse_missing('credential of customer', change_password.customer_id::text);
    END IF;
    -- Who may set a password is let in: failures of whoever guessed the old one lock nobody out any more.
    INSERT INTO shop.login_attempts (email_digest, customer_id, succeeded)
    SELECT sha256(convert_to(c.email_normalized, 'UTF8')), c.customer_id, true
    FROM shop.customers AS c
    WHERE c.customer_id = change_password.customer_id;
    -- A link that was sent before does not set yet another one.
    DELETE FROM shop.account_tokens AS t
    WHERE t.customer_id = change_password.customer_id AND t.purpose = 'password_reset' AND t.used_at IS NULL;
    -- A session can have been opened, and this call have waited for it, by a transaction that began after this one.
    UPDATE shop.login_sessions AS s SET revoked_at = greatest(now(), s.created_at)
    WHERE s.customer_id = change_password.customer_id AND s.revoked_at IS NULL;
    GET DIAGNOSTICS ended = ROW_COUNT;
    RETURN ended;
END
$$;

COMMENT ON FUNCTION api.change_password(customer_id uuid, password_hash text) IS 'Sets a new password hash, ends all sessions and the lock-out of the customer and withdraws open links to reset it; returns how many sessions ended. Locks: customer, credential, sessions. Errors: SH001, SH002, SH003, SH005.';

CREATE FUNCTION api.claim_outbox(batch integer DEFAULT 100, lease interval DEFAULT '00:00:30'::interval) RETURNS TABLE(outbox_event_id uuid, created_at timestamp with time zone, aggregate_type text, aggregate_id text, sequence bigint, event_type text, payload jsonb, attempts integer, lease_token uuid)
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'shop', 'pg_temp'
    AS $$
#variable_conflict use_column
DECLARE
    token uuid := gen_random_uuid();
BEGIN
    PERFORM shop.require_read_committed();
    PERFORM shop.require(batch BETWEEN 1 AND 1000, 'batch', '1 to 1000 events');
    PERFORM shop.require(lease BETWEEN interval '1 second' AND interval '1 hour', 'lease', '1 second to 1 hour');
    RETURN QUERY
    WITH first_open AS MATERIALIZED (
        SELECT e.created_at, e.outbox_event_id
        FROM shop.outbox_events AS e
        WHERE e.published_at IS NULL AND e.parked_at IS NULL
          AND coalesce(e.leased_until <= now(), true)
          AND NOT EXISTS (
              SELECT FROM shop.outbox_events AS earlier
              WHERE earlier.aggregate_type = e.aggregate_type AND earlier.aggregate_id = e.aggregate_id
                AND earlier.sequence < e.sequence AND earlier.published_at IS NULL)
        ORDER BY e.created_at, e.outbox_event_id
        LIMIT batch
        FOR NO KEY UPDATE OF e SKIP LOCKED
    )
    UPDATE shop.outbox_events AS event
    SET lease_token = token, leased_until = now() + lease, attempts = event.attempts + 1
    FROM first_open
    WHERE event.created_at = first_open.created_at AND event.outbox_event_id = first_open.outbox_event_id
    RETURNING event.outbox_event_id, event.created_at, event.aggregate_type, event.aggregate_id, event.sequence,
              event.event_type, event.payload, event.attempts, event.lease_token;
END
$$;

COMMENT ON FUNCTION api.claim_outbox(batch integer, lease interval) IS 'Leases events to a worker: of each aggregate the first that is not published, and none while an earlier one is open or parked. Deliver them, then ack_outbox with the token; a lease that runs out offers them again. Locks: events (skipping locked ones). Errors: SH001, SH002.';

CREATE FUNCTION api.close_session(token_digest bytea) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'shop', 'pg_temp'
    AS $$
#variable_conflict use_column
BEGIN
    PERFORM shop.require_read_committed();
    PERFORM shop.require_digest(close_session.token_digest);
    UPDATE shop.login_sessions AS s SET revoked_at = greatest(now(), s.created_at)
    WHERE s.token_digest = close_session.token_digest AND s.revoked_at IS NULL;
END
$$;

COMMENT ON FUNCTION api.close_session(token_digest bytea) IS 'Ends a session. Safe to repeat, and silent about tokens that open none. Locks: the session. Errors: SH001, SH002.';

CREATE FUNCTION api.copy_cart(from_cart_id uuid, cart_id uuid) RETURNS uuid
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'shop', 'pg_temp'
    AS $$
#variable_conflict use_column
DECLARE
    source shop.carts;
    made uuid;
BEGIN
    PERFORM shop.require_read_committed();
    SELECT * INTO source FROM shop.carts AS c WHERE c.cart_id = copy_cart.from_cart_id;
    IF NOT FOUND THEN
        PERFORM shop.refuse_missing('cart', copy_cart.from_cart_id::text);
    END IF;
    PERFORM shop.require_own(source.customer_id);
    made := api.create_cart(copy_cart.cart_id, source.currency, source.customer_id);
    -- What can no longer be bought stays behind. Only into a cart that nobody touched yet: a retry must not bring back what
    -- the customer took out meanwhile.
    INSERT INTO shop.cart_items (cart_id, variant_id, quantity)
    SELECT made, item.variant_id, item.quantity
    FROM shop.cart_items AS item
    WHERE item.cart_id = source.cart_id AND shop.is_sellable(item.variant_id, source.currency)
      AND EXISTS (SELECT FROM shop.carts AS c WHERE c.cart_id = made AND c.version = 1 AND c.status = 'open')
    ORDER BY item.variant_id
    ON CONFLICT DO NOTHING;
    RETURN made;
END
$$;

COMMENT ON FUNCTION api.copy_cart(from_cart_id uuid, cart_id uuid) IS 'Starts again from a cart that is closed (its order expired): a new open cart with the lines that can still be bought. Safe to repeat with the same new key. Locks: customer. Errors: SH001 to SH005, SH202, SH205.';

CREATE FUNCTION api.create_cart(cart_id uuid, currency text, customer_id uuid DEFAULT NULL::uuid, variant_ids bigint[] DEFAULT '{}'::bigint[], quantities integer[] DEFAULT '{}'::integer[]) RETURNS uuid
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'shop', 'pg_temp'
    SET plan_cache_mode TO 'force_generic_plan'
    AS $$
#variable_conflict use_column
DECLARE
    existing shop.carts;
    may_proceed boolean := shop.require_read_committed();
BEGIN
    may_proceed := shop.require_none(CASE
        WHEN (uuid_extract_version(create_cart.cart_id) = 7) IS NOT TRUE
            THEN ARRAY['cart_id', 'a UUIDv7 that the client makes']
        WHEN NOT EXISTS (SELECT FROM shop.currencies WHERE code = create_cart.currency)
            THEN ARRAY['currency', 'an ISO 4217 code']
        WHEN coalesce(cardinality(variant_ids), 0) = 0 AND coalesce(cardinality(quantities), 0) <> 0
            THEN ARRAY['quantities', 'as many as variant_ids']
    END);
    IF cardinality(variant_ids) > 0 THEN
        may_proceed := shop.require_cart_lines(variant_ids, quantities, create_cart.currency);
    END IF;
    may_proceed := shop.require_own(create_cart.customer_id);
    IF create_cart.customer_id IS NOT NULL THEN
        PERFORM FROM shop.customers AS c
        WHERE c.customer_id = create_cart.customer_id AND c.status = 'active' FOR NO KEY UPDATE;
        IF NOT FOUND THEN
            PERFORM shop.refuse_missing('active customer', create_cart.customer_id::text);
        END IF;
    END IF;

    -- An open cart that ran out makes room for the new one.
    IF create_cart.customer_id IS NOT NULL THEN
        UPDATE shop.carts AS c SET status = 'expired'
        WHERE c.customer_id = create_cart.customer_id AND c.status = 'open' AND c.expires_at <= now();
    END IF;

    INSERT INTO shop.carts AS c (cart_id, customer_id, currency, expires_at)
    VALUES (create_cart.cart_id, create_cart.customer_id, create_cart.currency, now() + shop.cart_lifetime())
    ON CONFLICT DO NOTHING;
    IF NOT FOUND THEN
        SELECT * INTO existing FROM shop.carts AS c WHERE c.cart_id = create_cart.cart_id;
        IF NOT FOUND THEN
            RAISE EXCEPTION USING
                ERRCODE = 'SH205',
                MESSAGE = format('customer %s has another open cart', create_cart.customer_id),
                HINT = 'Use that cart; merge_carts moves the lines of a guest''s cart into it.',
                DETAIL = (SELECT jsonb_build_object('cart_id', c.cart_id) FROM shop.carts AS c
                          WHERE c.customer_id = create_cart.customer_id AND c.status = 'open');
        END IF;
        may_proceed := shop.require_own(existing.customer_id);
        -- A guest's cart that was taken over at log-in is still the one the retry means.
        IF existing.currency <> create_cart.currency
           OR existing.customer_id IS DISTINCT FROM coalesce(create_cart.customer_id, existing.customer_id) THEN
            PERFORM shop.refuse_other_content('cart', create_cart.cart_id::text);
        END IF;
        RETURN create_cart.cart_id;
    END IF;

    IF cardinality(variant_ids) > 0 THEN
        INSERT INTO shop.cart_items (cart_id, variant_id, quantity)
        SELECT create_cart.cart_id, wanted.variant_id, wanted.quantity
        FROM unnest(variant_ids, quantities) AS wanted (variant_id, quantity)
        WHERE wanted.quantity > 0
        ORDER BY wanted.variant_id;
    END IF;
    RETURN create_cart.cart_id;
END
$$;

COMMENT ON FUNCTION api.create_cart(cart_id uuid, currency text, customer_id uuid, variant_ids bigint[], quantities integer[]) IS 'Creates a cart, for a guest or a customer, with its first lines if there are any. Safe to repeat with the same key. Locks: customer. Errors: SH001, SH002, SH003, SH004, SH005, SH202, SH205.';

CREATE FUNCTION api.credential_for_login(email text) RETURNS TABLE(customer_id uuid, password_hash text, locked_until timestamp with time zone)
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'shop', 'pg_temp'
    AS $$
#variable_conflict use_column
DECLARE
    address text;
    known uuid;
    decoy text := shop.decoy_hash(); -- For known addresses too: it takes its time.
BEGIN
    PERFORM shop.require_email(credential_for_login.email);
    address := shop.normalized_email(credential_for_login.email);
    SELECT c.customer_id INTO known
    FROM shop.customers AS c WHERE c.email_normalized = address AND c.status = 'active';
    RAISE LOG 'credential read: customer %, login %, actor %',
        coalesce(known::text, 'unknown'), session_user, coalesce(shop.actor(), 'not named');
    RETURN QUERY
    SELECT known,
           coalesce(k.password_hash, decoy),
           greatest(k.locked_until, shop.locked_until(sha256(convert_to(address, 'UTF8'))))
    FROM (SELECT known AS customer_id) AS wanted
    LEFT JOIN shop.customer_credentials AS k ON k.customer_id = wanted.customer_id;
END
$$;

COMMENT ON FUNCTION api.credential_for_login(email text) IS 'What to verify a password against: the hash and how long the address is locked out. Unknown addresses get a hash that no password matches and that costs as much to verify, and the same lock-out. Each call leaves a line in the server''s log, without the address. Never log the result. Errors: SH001.';

CREATE FUNCTION api.deliver(shipment_id uuid) RETURNS timestamp with time zone
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'shop', 'pg_temp'
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

COMMENT ON FUNCTION api.deliver(shipment_id uuid) IS 'Records that a shipment arrived; returns when. Safe to repeat. Locks: order, shipment. Errors: SH002, SH003, SH005.';

CREATE FUNCTION api.erase_customer(customer_id uuid) RETURNS TABLE(what text, erased bigint)
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'shop', 'pg_temp'
    AS $$
#variable_conflict use_column
DECLARE
    customer shop.customers;
BEGIN
    PERFORM shop.require_read_committed();
    PERFORM shop.require(erase_customer.customer_id IS NOT NULL, 'customer_id', 'a customer');
    PERFORM shop.require_own(erase_customer.customer_id);
    IF nullif(current_setting('shop.customer_id', true), '') IS NOT NULL THEN
        PERFORM shop.act_as_customer(erase_customer.customer_id);
    END IF;
    PERFORM shop.require_actor();
    SELECT * INTO customer FROM shop.customers AS c
    WHERE c.customer_id = erase_customer.customer_id FOR NO KEY UPDATE;
    IF NOT FOUND THEN
        PERFORM shop.refuse_missing('customer', erase_customer.customer_id::text);
    END IF;
    -- An address that nobody proved may be another person's, with orders of their own.
    RETURN QUERY SELECT * FROM shop.erase_now(
        customer.customer_id, customer.email_normalized, customer.email_verified_at IS NOT NULL);
END
$$;

COMMENT ON FUNCTION api.erase_customer(customer_id uuid) IS 'Erases a customer on request: account, address book, log-ins, and the contact of all orders, also of those placed as a guest if the account''s address was verified. Invoices and addresses of orders stay until erase_due; orders under way still arrive, but nobody can be written to about them. Returns rows by table; safe to repeat. Needs shop.actor, unless shop.customer_id says that it is the customer''s own wish. Locks: customer, cart, orders by key. Errors: SH001, SH002, SH003, SH005, SH109.';

CREATE FUNCTION api.erase_customer_by_email(email text) RETURNS TABLE(what text, erased bigint)
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'shop', 'pg_temp'
    AS $$
#variable_conflict use_column
DECLARE
    address text;
    known uuid;
BEGIN
    PERFORM shop.require_read_committed();
    PERFORM shop.require_email(erase_customer_by_email.email);
    PERFORM shop.require_actor();
    address := shop.normalized_email(erase_customer_by_email.email);
    SELECT c.customer_id INTO known FROM shop.customers AS c WHERE c.email_normalized = address FOR NO KEY UPDATE;
    PERFORM shop.require_own(known);
    RETURN QUERY SELECT * FROM shop.erase_now(known, address, true);
END
$$;

COMMENT ON FUNCTION api.erase_customer_by_email(email text) IS 'Erases whoever has an e-mail address, on request: the contact of every order placed with it, by guests too, and the account if there is one, as erase_customer does. First make sure that the request comes from the address. Returns rows by table, all 0 where nothing is found; safe to repeat. Locks: customer, cart, orders by key. Errors: SH001, SH002, SH003, SH109.';

CREATE FUNCTION api.erase_due(retention interval DEFAULT '10 years'::interval, batch integer DEFAULT 1000) RETURNS TABLE(what text, erased bigint)
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'shop', 'pg_temp'
    AS $$
#variable_conflict use_column
DECLARE
    due uuid[];
BEGIN
    PERFORM shop.require_read_committed();
    PERFORM shop.require(retention BETWEEN interval '0' AND interval '100 years', 'retention', '0 to 100 years');
    -- interval '10' is ten seconds, and what is erased is gone.
    PERFORM shop.require(
        retention >= interval '1 year' OR (SELECT environment <> 'production' FROM shop.deployment),
        'retention', 'a year or more in production');
    PERFORM shop.require(batch BETWEEN 1 AND 100000, 'batch', '1 to 100000 orders');
    PERFORM shop.require_actor();

    -- The last document of an order counts, not the order: a credit note of this year is kept as long as one.
    SELECT array_agg(order_id) INTO due
    FROM (
        SELECT header.order_id FROM shop.orders AS header
        WHERE header.placed_at <= now() - retention
          AND NOT EXISTS (
              SELECT FROM shop.invoices AS invoice
              LEFT JOIN shop.credit_notes AS note USING (invoice_id)
              WHERE invoice.order_id = header.order_id
                AND greatest(invoice.issued_at, note.issued_at) > now() - retention)
          AND (header.contact_email <> shop.erased_email(header.order_id)
               OR header.contact_phone IS NOT NULL OR header.tax_number IS NOT NULL
               OR header.request_digest <> sha256('erased')
               OR EXISTS (
                   SELECT FROM shop.order_addresses AS place
                   WHERE place.order_id = header.order_id
                     AND ((place.recipient, place.line1, place.city) <> ('erased', 'erased', 'erased')
                          OR (place.company, place.line2, place.postal_code, place.phone)
                              IS DISTINCT FROM (NULL, NULL, NULL, NULL)))
               OR EXISTS (
                   SELECT FROM shop.returns AS sent_back
                   WHERE sent_back.order_id = header.order_id AND sent_back.reason <> 'erased')
               OR EXISTS (
                   SELECT FROM shop.invoices AS invoice
                   WHERE invoice.order_id = header.order_id
                     AND ((invoice.buyer_name, invoice.buyer_address) <> ('erased', 'erased')
                          OR invoice.buyer_tax_number IS NOT NULL)))
        ORDER BY header.placed_at, header.order_id
        LIMIT batch
        FOR NO KEY UPDATE OF header SKIP LOCKED
    ) AS locked;

    UPDATE shop.orders
    SET contact_email = shop.erased_email(order_id), contact_phone = NULL, tax_number = NULL, request_digest = sha256('erased')
    WHERE order_id = ANY (due);
    INSERT INTO shop.outbox_events (aggregate_type, aggregate_id, event_type, payload)
    SELECT 'order', key, 'order.erased', jsonb_build_object('order_id', key) FROM unnest(due) AS key;
    RETURN QUERY SELECT 'orders', coalesce(cardinality(due), 0)::bigint;
    RETURN QUERY WITH gone AS (
        UPDATE shop.order_addresses
        SET recipient = 'erased', company = NULL, line1 = 'erased', line2 = NULL, city = 'erased', postal_code = NULL,
            phone = NULL
        WHERE order_id = ANY (due) RETURNING 1
    ) SELECT 'order_addresses', count(*) FROM gone;
    RETURN QUERY WITH gone AS (
        UPDATE shop.returns SET reason = 'erased' WHERE order_id = ANY (due) AND reason <> 'erased' RETURNING 1
    ) SELECT 'returns', count(*) FROM gone;
    RETURN QUERY WITH gone AS (
        UPDATE shop.invoices SET buyer_name = 'erased', buyer_address = 'erased', buyer_tax_number = NULL
        WHERE order_id = ANY (due) RETURNING 1
    ) SELECT 'invoices', count(*) FROM gone;
END
$$;

COMMENT ON FUNCTION api.erase_due(retention interval, batch integer) IS 'Erases all personal data of orders whose last document is older than the retention, oldest first, at most a batch of orders; returns rows by table. Call it nightly, and until it says 0 orders. Whoever runs a shop decides how long the law wants documents kept. Locks: orders (skipping locked ones). Errors: SH001, SH002, SH109.';

CREATE FUNCTION api.expire_unpaid_orders(batch integer DEFAULT 100) RETURNS integer
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'shop', 'pg_temp'
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

COMMENT ON FUNCTION api.expire_unpaid_orders(batch integer) IS 'Expires orders that were not paid in time, oldest first, and frees their stock; returns how many. Run it every minute. Locks: orders (skipping locked ones), coupon, stock. Errors: SH001, SH002.';

CREATE FUNCTION api.fail_refund(refund_id uuid) RETURNS text
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'shop', 'pg_temp'
    AS $$
#variable_conflict use_column
DECLARE
    refund shop.refunds;
BEGIN
    PERFORM shop.require_read_committed();
    SELECT * INTO refund FROM shop.refunds AS r WHERE r.refund_id = fail_refund.refund_id;
    IF NOT FOUND THEN
        PERFORM shop.refuse_missing('refund', fail_refund.refund_id::text);
    END IF;
    PERFORM shop.lock_order(refund.order_id);
    UPDATE shop.refunds AS r SET state = 'failed', settled_at = now()
    WHERE r.refund_id = fail_refund.refund_id AND r.state = 'pending';
    IF FOUND THEN
        PERFORM shop.tell_outbox('order', refund.order_id::text, 'order.refund_failed',
            jsonb_build_object('order_id', refund.order_id, 'refund_id', refund.refund_id));
    END IF;
    RETURN (SELECT r.state FROM shop.refunds AS r WHERE r.refund_id = fail_refund.refund_id);
END
$$;

COMMENT ON FUNCTION api.fail_refund(refund_id uuid) IS 'Records that the provider refused a refund; its amount may be requested again, with another key. Returns the state: one that succeeded stays so. Safe to repeat. Locks: order, payment. Errors: SH002, SH003, SH005.';

CREATE FUNCTION api.issue_credit_note(order_id uuid, refund_id uuid DEFAULT NULL::uuid) RETURNS TABLE(series text, number bigint, issued_at timestamp with time zone, amount_minor bigint)
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'shop', 'pg_temp'
    AS $$
#variable_conflict use_column
DECLARE
    header shop.orders;
    bill shop.invoices;
    refund shop.refunds;
    amount bigint;
    given bigint;
    given_tax bigint;
    year_series text := 'CN-' || to_char(now() AT TIME ZONE 'UTC', 'YYYY');
BEGIN
    PERFORM shop.require_read_committed();
    header := shop.lock_order(issue_credit_note.order_id);
    SELECT * INTO bill FROM shop.invoices AS i WHERE i.order_id = header.order_id;
    IF issue_credit_note.refund_id IS NOT NULL THEN
        SELECT * INTO refund FROM shop.refunds AS r
        WHERE r.refund_id = issue_credit_note.refund_id AND r.order_id = header.order_id;
        IF NOT FOUND THEN
            PERFORM shop.refuse_missing('refund of that order', issue_credit_note.refund_id::text);
        END IF;
    ELSIF header.status <> 'cancelled' THEN
        PERFORM shop.refuse_order_status(header, 'credited without a refund');
    END IF;
    IF bill.invoice_id IS NULL OR refund.state <> 'succeeded' THEN
        RAISE EXCEPTION USING
            ERRCODE = 'SH504',
            MESSAGE = CASE WHEN bill.invoice_id IS NULL THEN format('order %s has no invoice', header.order_number)
                      ELSE format('refund %s is %s', refund.refund_id, refund.state) END,
            HINT = 'A credit note corrects an invoice, once the money went back or the order was cancelled.';
    END IF;

    amount := coalesce(refund.amount_minor, bill.total_minor - bill.credited_minor);
    IF amount > 0 AND NOT EXISTS (
        SELECT FROM shop.credit_notes AS n WHERE n.order_id = header.order_id AND n.refund_id = refund.refund_id
    ) THEN
        IF amount > bill.total_minor - bill.credited_minor THEN
            RAISE EXCEPTION USING
                ERRCODE = 'SH505',
                MESSAGE = format('%s is left of invoice %s-%s', bill.total_minor - bill.credited_minor, bill.series, bill.number),
                HINT = 'More was given back than was billed and not yet credited; that needs no credit note.',
                DETAIL = jsonb_build_object('creditable_minor', bill.total_minor - bill.credited_minor);
        END IF;
        INSERT INTO shop.document_series (series) VALUES (year_series) ON CONFLICT DO NOTHING;
        INSERT INTO shop.credit_notes (series, invoice_id, refund_id, order_id, currency, amount_minor, reason)
        VALUES (year_series, bill.invoice_id, refund.refund_id, header.order_id, header.currency, amount,
                CASE WHEN refund.refund_id IS NULL THEN 'Cancellation' WHEN refund.return_id IS NULL THEN 'Refund'
                     ELSE 'Return' END);
        -- Cancellations and returns stand in the books already; what is given on top of them does not.
        given := CASE WHEN refund.refund_id IS NULL THEN 0 ELSE least(amount, shop.given_back_beyond_owed(header)) END;
        given_tax := CASE WHEN given > 0 THEN div(header.tax_minor::numeric * given, header.total_minor) ELSE 0 END;
        PERFORM shop.post_journal('correction', header.order_id, NULL, header.currency,
            format('Credit for order %s', header.order_number),
            ARRAY['revenue', 'tax_payable', 'receivable'], ARRAY[given - given_tax, given_tax, -given]);
    END IF;
    RETURN QUERY SELECT n.series, n.number, n.issued_at, n.amount_minor FROM shop.credit_notes AS n
    WHERE n.order_id = header.order_id AND n.refund_id IS NOT DISTINCT FROM refund.refund_id;
END
$$;

COMMENT ON FUNCTION api.issue_credit_note(order_id uuid, refund_id uuid) IS 'Issues the credit note of a refund that succeeded, or, without a refund, of what is left of the invoice of a cancelled order; the next number of the year''s series, or the note there is. What is given beyond cancellations and returns is taken off the revenue. Safe to repeat. Locks: order, series. Errors: SH002, SH003, SH005, SH306, SH504, SH505.';

CREATE FUNCTION api.issue_invoice(order_id uuid) RETURNS TABLE(series text, number bigint, issued_at timestamp with time zone, total_minor bigint)
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'shop', 'pg_temp'
    AS $$
#variable_conflict use_column
DECLARE
    header shop.orders;
    buyer shop.order_addresses;
    year_series text := 'INV-' || to_char(now() AT TIME ZONE 'UTC', 'YYYY');
BEGIN
    PERFORM shop.require_read_committed();
    header := shop.lock_order(issue_invoice.order_id);
    IF NOT EXISTS (SELECT FROM shop.invoices AS i WHERE i.order_id = header.order_id) THEN
        IF header.status NOT IN ('confirmed', 'completed') THEN
            PERFORM shop.refuse_order_status(header, 'billed');
        END IF;
        SELECT * INTO buyer FROM shop.order_addresses AS a WHERE a.order_id = header.order_id AND a.kind = 'billing';
        INSERT INTO shop.document_series (series) VALUES (year_series) ON CONFLICT DO NOTHING;
        INSERT INTO shop.invoices
            (series, order_id, currency, buyer_name, buyer_address, buyer_tax_number, total_minor, tax_minor)
        VALUES
            (year_series, header.order_id, header.currency, coalesce(buyer.company, buyer.recipient),
             concat_ws(', ', buyer.recipient, buyer.line1, buyer.line2, buyer.postal_code, buyer.city, buyer.region,
                       buyer.country),
             header.tax_number, header.total_minor - header.cancelled_minor,
             header.tax_minor - (SELECT back.tax FROM shop.taken_back(header, 'cancellation') AS back));
    END IF;
    RETURN QUERY SELECT i.series, i.number, i.issued_at, i.total_minor FROM shop.invoices AS i
    WHERE i.order_id = header.order_id;
END
$$;

COMMENT ON FUNCTION api.issue_invoice(order_id uuid) IS 'Issues the invoice of a confirmed order, with the next number of the year''s series, or returns the one there is. Locks: order, series. Errors: SH002, SH003, SH005, SH306.';

CREATE FUNCTION api.issue_token(email text, purpose text, token_digest bytea, lifetime interval DEFAULT '01:00:00'::interval) RETURNS boolean
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'shop', 'pg_temp'
    AS $$
#variable_conflict use_column
DECLARE
    known uuid;
BEGIN
    PERFORM shop.require_read_committed();
    PERFORM shop.require_email(issue_token.email);
    PERFORM shop.require_digest(issue_token.token_digest);
    PERFORM shop.require(purpose IN ('email_verification', 'password_reset'), 'purpose', 'email_verification or password_reset');
    PERFORM shop.require(lifetime BETWEEN interval '1 minute' AND interval '7 days', 'lifetime', '1 minute to 7 days');
    SELECT c.customer_id INTO known FROM shop.customers AS c
    WHERE c.email_normalized = shop.normalized_email(issue_token.email) AND c.status = 'active'
    FOR NO KEY UPDATE;
    IF NOT FOUND THEN
        RETURN false;
    END IF;
    -- A new token takes the place of the one that was sent before.
    DELETE FROM shop.account_tokens AS t
    WHERE t.customer_id = known AND t.purpose = issue_token.purpose::shop.account_token_purpose AND t.used_at IS NULL;
    INSERT INTO shop.account_tokens (customer_id, purpose, token_digest, expires_at)
    VALUES (known, issue_token.purpose::shop.account_token_purpose, issue_token.token_digest, now() + lifetime)
    ON CONFLICT DO NOTHING;
    IF NOT FOUND THEN
        PERFORM shop.refuse_other_content('token', encode(issue_token.token_digest, 'hex'));
    END IF;
    RETURN true;
END
$$;

COMMENT ON FUNCTION api.issue_token(email text, purpose text, token_digest bytea, lifetime interval) IS 'Stores the SHA-256 of a one-time token for an address; the one before it no longer works. Whether the address has an account (true) decides only whether to send the mail: tell the visitor the same either way. Locks: customer. Errors: SH001, SH002, SH004.';

CREATE FUNCTION api.merge_carts(guest_cart_id uuid, customer_id uuid) RETURNS uuid
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'shop', 'pg_temp'
    AS $$
#variable_conflict use_column
DECLARE
    guest shop.carts;
    mine shop.carts;
BEGIN
    PERFORM shop.require_read_committed();
    PERFORM shop.require(merge_carts.customer_id IS NOT NULL, 'customer_id', 'the customer who logged in');
    PERFORM shop.require_own(merge_carts.customer_id);
    PERFORM FROM shop.customers AS c
    WHERE c.customer_id = merge_carts.customer_id AND c.status = 'active' FOR NO KEY UPDATE;
    IF NOT FOUND THEN
        PERFORM shop.refuse_missing('active customer', merge_carts.customer_id::text);
    END IF;

    -- Both carts in the order of their keys; the customer's lock above keeps a second merge of theirs out.
    PERFORM FROM shop.carts AS c
    WHERE c.cart_id = merge_carts.guest_cart_id OR (c.customer_id = merge_carts.customer_id AND c.status = 'open')
    ORDER BY c.cart_id FOR NO KEY UPDATE;
    SELECT * INTO guest FROM shop.carts AS c WHERE c.cart_id = merge_carts.guest_cart_id;
    IF NOT FOUND THEN
        PERFORM shop.refuse_missing('cart', merge_carts.guest_cart_id::text);
    END IF;
    -- A retry: the cart of the first answer, if one can still go on with it. A retry that comes late must not hand out the cart
    -- of an order; it says so, and what the customer has open now.
    SELECT * INTO mine FROM shop.carts AS c
    WHERE c.customer_id = merge_carts.customer_id
      AND c.cart_id = CASE guest.status WHEN 'merged' THEN guest.merged_into_cart_id ELSE guest.cart_id END;
    IF FOUND THEN
        IF mine.status = 'open' AND mine.expires_at > now() THEN
            RETURN mine.cart_id;
        END IF;
        RAISE EXCEPTION USING
            ERRCODE = 'SH206',
            MESSAGE = format('the cart went into cart %s, which is %s', mine.cart_id,
                CASE mine.status WHEN 'open' THEN 'expired' ELSE mine.status::text END),
            HINT = 'It was merged before. Go on with open_cart_id, or make a new cart where it is null.',
            DETAIL = jsonb_build_object('cart_id', mine.cart_id, 'status', mine.status, 'open_cart_id', (
                SELECT c.cart_id FROM shop.carts AS c
                WHERE c.customer_id = merge_carts.customer_id AND c.status = 'open' AND c.expires_at > now()));
    END IF;
    IF guest.customer_id IS NOT NULL THEN
        PERFORM shop.require_own(guest.customer_id);
        PERFORM shop.refuse_other_content('cart', guest.cart_id::text);
    END IF;
    PERFORM shop.require_open(guest);

    UPDATE shop.carts AS c SET status = 'expired'
    WHERE c.customer_id = merge_carts.customer_id AND c.status = 'open' AND c.expires_at <= now();
    SELECT * INTO mine FROM shop.carts AS c WHERE c.customer_id = merge_carts.customer_id AND c.status = 'open';
    IF NOT FOUND THEN
        UPDATE shop.carts AS c SET customer_id = merge_carts.customer_id
        WHERE c.cart_id = guest.cart_id;
        RETURN guest.cart_id;
    END IF;

    -- The larger of two quantities: nobody who logs in twice finds twice the goods in the cart. What the customer's cart
    -- could not sell, in its own currency, stays behind, and so does a coupon of another currency: they would block it.
    INSERT INTO shop.cart_items AS item (cart_id, variant_id, quantity)
    SELECT mine.cart_id, theirs.variant_id, theirs.quantity
    FROM shop.cart_items AS theirs
    WHERE theirs.cart_id = guest.cart_id AND shop.is_sellable(theirs.variant_id, mine.currency)
    ORDER BY theirs.variant_id
    ON CONFLICT (cart_id, variant_id) DO UPDATE SET quantity = greatest(item.quantity, excluded.quantity);
    PERFORM shop.require_line_limit(mine.cart_id);
    UPDATE shop.carts AS c SET status = 'merged', merged_into_cart_id = mine.cart_id WHERE c.cart_id = guest.cart_id;
    UPDATE shop.carts AS c
    SET expires_at = now() + shop.cart_lifetime(),
        coupon_id = coalesce(c.coupon_id, (
            SELECT k.coupon_id FROM shop.coupons AS k
            WHERE k.coupon_id = guest.coupon_id AND coalesce(k.currency = mine.currency, true)))
    WHERE c.cart_id = mine.cart_id;
    RETURN mine.cart_id;
END
$$;

COMMENT ON FUNCTION api.merge_carts(guest_cart_id uuid, customer_id uuid) IS 'At log-in: moves a guest''s cart into the customer''s, or makes it the customer''s. Returns the cart to go on with. Safe to repeat: the same cart as long as it is open, SH206 once it was ordered, merged or ran out. Locks: customer, carts by key. Errors: SH001, SH002, SH003, SH004, SH005, SH201, SH203, SH206.';

CREATE FUNCTION api.open_session(login_session_id uuid, customer_id uuid, token_digest bytea, lifetime interval DEFAULT '30 days'::interval, ip_address inet DEFAULT NULL::inet, user_agent text DEFAULT NULL::text) RETURNS timestamp with time zone
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'shop', 'pg_temp'
    AS $$
#variable_conflict use_column
DECLARE
    existing shop.login_sessions;
BEGIN
    PERFORM shop.require_read_committed();
    PERFORM shop.require(uuid_extract_version(open_session.login_session_id) = 7, 'login_session_id', 'a UUIDv7 that the client makes');
    PERFORM shop.require_digest(open_session.token_digest);
    PERFORM shop.require(lifetime BETWEEN interval '1 minute' AND interval '1 year', 'lifetime', '1 minute to 1 year');
    PERFORM shop.require_own(open_session.customer_id);
    IF NOT EXISTS (SELECT FROM shop.customers AS c WHERE c.customer_id = open_session.customer_id AND c.status = 'active') THEN
        PERFORM shop.refuse_missing('active customer', open_session.customer_id::text);
    END IF;
    INSERT INTO shop.login_sessions (login_session_id, customer_id, token_digest, ip_address, user_agent, expires_at)
    VALUES (open_session.login_session_id, open_session.customer_id, open_session.token_digest, open_session.ip_address,
            nullif(btrim(left(open_session.user_agent, 500)), ''), now() + lifetime)
    ON CONFLICT DO NOTHING;
    SELECT * INTO existing FROM shop.login_sessions AS s WHERE s.login_session_id = open_session.login_session_id;
    IF (existing.customer_id, existing.token_digest) IS DISTINCT FROM (open_session.customer_id, open_session.token_digest) THEN
        PERFORM shop.refuse_other_content('session or token', open_session.login_session_id::text);
    END IF;
    RETURN existing.expires_at;
END
$$;

COMMENT ON FUNCTION api.open_session(login_session_id uuid, customer_id uuid, token_digest bytea, lifetime interval, ip_address inet, user_agent text) IS 'Opens a session for a customer who has logged in; the token itself never comes here. Returns when it ends. Safe to repeat. Locks: none. Errors: SH001 to SH005.';

CREATE FUNCTION api.order_details(order_id uuid) RETURNS jsonb
    LANGUAGE plpgsql STABLE SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'shop', 'pg_temp'
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

COMMENT ON FUNCTION api.order_details(order_id uuid) IS 'An order with its lines, taxes, addresses, history, shipments, returns and payments, as one document. Errors: SH003, SH005.';

CREATE FUNCTION api.order_history(customer_id uuid, before_placed_at timestamp with time zone DEFAULT NULL::timestamp with time zone, before_order_id uuid DEFAULT NULL::uuid, page integer DEFAULT 20) RETURNS TABLE(order_id uuid, order_number bigint, placed_at timestamp with time zone, status text, payment_status text, fulfilment_status text, line_count smallint, total_minor bigint, currency text)
    LANGUAGE plpgsql STABLE SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'shop', 'pg_temp'
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

COMMENT ON FUNCTION api.order_history(customer_id uuid, before_placed_at timestamp with time zone, before_order_id uuid, page integer) IS 'A customer''s orders, newest first, a page at a time: give placed_at and order_id of the last row for the next page. Errors: SH001, SH003.';

CREATE FUNCTION api.orders_per_minute(since timestamp with time zone, until timestamp with time zone DEFAULT now()) RETURNS TABLE(minute timestamp with time zone, orders bigint)
    LANGUAGE plpgsql STABLE SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'shop', 'pg_temp'
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

COMMENT ON FUNCTION api.orders_per_minute(since timestamp with time zone, until timestamp with time zone) IS 'Orders placed in each minute of at most 31 days; minutes without an order are left out. Errors: SH001.';

CREATE FUNCTION api.parked_events(page integer DEFAULT 100) RETURNS TABLE(outbox_event_id uuid, event_type text, aggregate_type text, aggregate_id text, sequence bigint, parked_at timestamp with time zone, attempts integer, last_error text, held_back bigint)
    LANGUAGE plpgsql STABLE SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'shop', 'pg_temp'
    AS $$
#variable_conflict use_column
BEGIN
    PERFORM shop.require(page BETWEEN 1 AND 1000, 'page', '1 to 1000 events');
    RETURN QUERY
    SELECT e.outbox_event_id, e.event_type, e.aggregate_type, e.aggregate_id, e.sequence, e.parked_at, e.attempts, e.last_error,
           (SELECT count(*) FROM shop.outbox_events AS later
            WHERE later.aggregate_type = e.aggregate_type AND later.aggregate_id = e.aggregate_id
              AND later.sequence > e.sequence)
    FROM shop.outbox_events AS e
    WHERE e.parked_at IS NOT NULL
    ORDER BY e.parked_at, e.outbox_event_id
    LIMIT page;
END
$$;

COMMENT ON FUNCTION api.parked_events(page integer) IS 'Events that were set aside after ten attempts, longest first, with what the last delivery said and how many later events wait behind each. Decide by release_outbox(). Errors: SH001.';

CREATE FUNCTION api.place_order(order_id uuid, cart_id uuid, contact_email text, contact_phone text, shipping api.address, billing api.address, shipping_method text, expected_total_minor bigint) RETURNS TABLE(order_number bigint, total_minor bigint, currency text, status text, expires_at timestamp with time zone)
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'shop', 'pg_temp'
    SET plan_cache_mode TO 'force_generic_plan'
    AS $_$
#variable_conflict use_column
DECLARE
    cart shop.carts;
    priced shop.priced_cart;
    existing record;
    number_given bigint;
    -- The request as one text: a retry has the same digest.
    digest bytea := sha256(convert_to(jsonb_build_array(
        place_order.order_id, place_order.cart_id, contact_email, contact_phone, shipping, billing, shipping_method,
        expected_total_minor)::text, 'UTF8'));
    may_proceed boolean := shop.require_read_committed();
BEGIN
    may_proceed := shop.require_none(coalesce(
        CASE
            WHEN (uuid_extract_version(place_order.order_id) = 7) IS NOT TRUE
                THEN ARRAY['order_id', 'a UUIDv7 that the client makes']
            WHEN (char_length(contact_email) <= 254
                  AND contact_email ~ '^[^@[:space:]]+@[^@[:space:]]+[.][^@[:space:].]+$') IS NOT TRUE
                THEN ARRAY['contact_email', 'an e-mail address']
            WHEN btrim(contact_phone) = '' OR char_length(contact_phone) > 40
                THEN ARRAY['contact_phone', 'NULL, or 1 to 40 characters']
            WHEN (expected_total_minor >= 0) IS NOT TRUE
                THEN ARRAY['expected_total_minor', 'the total that the customer saw']
        END,
        shop.bad_part_of_address('shipping', shipping),
        shop.bad_part_of_address('billing', billing)));
    may_proceed := shop.require_none(CASE
        WHEN NOT EXISTS (SELECT FROM shop.countries WHERE code = shipping.country)
            THEN ARRAY['shipping.country', 'an ISO 3166-1 alpha-2 code']
        WHEN NOT EXISTS (SELECT FROM shop.countries WHERE code = billing.country)
            THEN ARRAY['billing.country', 'an ISO 3166-1 alpha-2 code']
    END);

    cart := shop.lock_cart(place_order.cart_id);
    SELECT o.order_number, o.total_minor, o.currency, o.status, o.expires_at, o.request_digest
    INTO existing
    FROM shop.orders AS o
    WHERE o.cart_id = place_order.cart_id OR o.order_id = place_order.order_id;
    IF FOUND THEN
        IF existing.request_digest <> digest THEN
            PERFORM shop.refuse_other_content('the order of cart', place_order.cart_id::text);
        END IF;
        RETURN QUERY SELECT existing.order_number, existing.total_minor, existing.currency, existing.status::text,
                            existing.expires_at;
        RETURN;
    END IF;
    may_proceed := shop.require_open(cart);

    priced := shop.price_cart(cart, shipping.country, shipping.region, shipping_method);
    IF priced.total_minor <> expected_total_minor THEN
        RAISE EXCEPTION USING
            ERRCODE = 'SH301',
            MESSAGE = format('the total is %s, not %s', priced.total_minor, expected_total_minor),
            HINT = 'Show the customer the new total (quote_cart), and call again with it.',
            DETAIL = jsonb_build_object('total_minor', priced.total_minor);
    END IF;

    INSERT INTO shop.orders
        (order_id, cart_id, request_digest, customer_id, contact_email, contact_phone, currency, country,
         prices_include_tax, is_tax_exempt, tax_number, shipping_method_id, shipping_method_name, line_count, unit_count,
         subtotal_minor, discount_minor, shipping_minor, shipping_tax_minor, shipping_tax_count, tax_minor, total_minor, expires_at)
    VALUES
        (place_order.order_id, place_order.cart_id, digest, cart.customer_id, contact_email, contact_phone, priced.currency,
         priced.country, priced.prices_include_tax, priced.is_tax_exempt, priced.tax_number, priced.shipping_method_id,
         priced.shipping_method_name, priced.line_count, priced.unit_count, priced.subtotal_minor, priced.discount_minor,
         priced.shipping_minor, priced.shipping_tax_minor, priced.shipping_tax_count, priced.tax_minor,
         priced.total_minor,
         now() + shop.payment_deadline())
    -- By any unique index: with order_id named, a race would end in the error of the other one that begins with it. Cart and
    -- number cannot be what conflicts: the cart is locked and has no order, the number comes from a sequence.
    ON CONFLICT DO NOTHING
    RETURNING orders.order_number INTO number_given;
    IF number_given IS NULL THEN
        -- Another cart is being ordered with the same key at this very moment.
        PERFORM shop.refuse_other_content('order', place_order.order_id::text);
    END IF;
    -- All of every line is allocated below, or there is no order: the lines announce it.
    INSERT INTO shop.order_items
        (order_id, line_number, variant_id, currency, sku, product_name, variant_name, tax_class, prices_include_tax,
         quantity, unit_price_minor, subtotal_minor, discount_minor, tax_minor, tax_count, total_minor, allocated_quantity)
    SELECT place_order.order_id, line.line_number, line.variant_id, priced.currency, line.sku, line.product_name,
           line.variant_name, line.tax_class, priced.prices_include_tax, line.quantity, line.unit_price_minor,
           line.subtotal_minor, line.discount_minor, line.tax_minor, line.tax_count, line.total_minor, line.quantity
    FROM unnest(priced.lines) AS line;
    INSERT INTO shop.order_item_taxes (order_id, line_number, jurisdiction, rate, base_minor, tax_minor)
    SELECT place_order.order_id, tax.* FROM unnest(priced.taxes) AS tax WHERE tax.line_number > 0;
    INSERT INTO shop.order_shipping_taxes (order_id, jurisdiction, rate, base_minor, tax_minor)
    SELECT place_order.order_id, tax.jurisdiction, tax.rate, tax.base_minor, tax.tax_minor
    FROM unnest(priced.taxes) AS tax WHERE tax.line_number = 0;
    INSERT INTO shop.order_addresses
        (order_id, kind, recipient, company, line1, line2, city, region, postal_code, country, phone)
    VALUES
        (place_order.order_id, 'shipping', shipping.recipient, shipping.company, shipping.line1, shipping.line2, shipping.city,
         shipping.region, shipping.postal_code, shipping.country, shipping.phone),
        (place_order.order_id, 'billing', billing.recipient, billing.company, billing.line1, billing.line2, billing.city,
         billing.region, billing.postal_code, billing.country, billing.phone);

    -- A coupon that takes nothing off is not used.
    IF priced.discount_minor > 0 THEN
        -- The coupon was read without its lock; under it, another checkout may have taken the last use.
        PERFORM FROM shop.coupons AS c
        WHERE c.coupon_id = priced.coupon_id AND c.is_active AND coalesce(c.times_used < c.usage_limit, true)
        FOR NO KEY UPDATE;
        IF NOT FOUND THEN
            RAISE EXCEPTION USING
                ERRCODE = 'SH302',
                MESSAGE = 'the coupon was used up meanwhile',
                HINT = 'Remove it with remove_coupon, and show the customer the new total.';
        END IF;
        INSERT INTO shop.coupon_redemptions (order_id, coupon_id, currency, discount_minor)
        VALUES (place_order.order_id, priced.coupon_id, priced.currency, priced.discount_minor);
    END IF;

    may_proceed := shop.allocate_order(place_order.order_id, priced.lines);

    INSERT INTO shop.outbox_events (aggregate_type, aggregate_id, event_type, payload)
    VALUES ('order', place_order.order_id::text, 'order.placed', jsonb_build_object(
        'order_id', place_order.order_id, 'total_minor', priced.total_minor, 'currency', priced.currency));
    IF priced.total_minor = 0 THEN
        PERFORM shop.confirm_if_covered(place_order.order_id);
    END IF;
    RETURN QUERY SELECT number_given, priced.total_minor, priced.currency,
                        CASE priced.total_minor WHEN 0 THEN 'confirmed' ELSE 'pending' END, now() + shop.payment_deadline();
END
$_$;

COMMENT ON FUNCTION api.place_order(order_id uuid, cart_id uuid, contact_email text, contact_phone text, shipping api.address, billing api.address, shipping_method text, expected_total_minor bigint) IS 'Places the order of a cart: reprices, refuses a total that the customer did not see, reserves the stock of all lines or of none, copies prices, taxes and addresses. The same call again returns the same order. An order without payment expires. Locks: cart, coupon, stock by key. Errors: SH001 to SH005, SH112, SH201, SH202, SH301 to SH305, SH308.';

CREATE FUNCTION api.purge(batch integer DEFAULT 10000) RETURNS TABLE(what text, removed bigint)
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'shop', 'pg_temp'
    AS $$
#variable_conflict use_column
BEGIN
    PERFORM shop.require_read_committed();
    PERFORM shop.require(batch BETWEEN 1 AND 1000000, 'batch', '1 to 1000000 rows of each kind');
    PERFORM set_config('shop.purging', 'on', true);

    RETURN QUERY WITH gone AS (
        DELETE FROM shop.login_attempts WHERE login_attempt_id IN (
            SELECT login_attempt_id FROM shop.login_attempts WHERE attempted_at < now() - interval '90 days'
            ORDER BY attempted_at LIMIT batch FOR UPDATE SKIP LOCKED) RETURNING 1
    ) SELECT 'login_attempts', count(*) FROM gone;
    RETURN QUERY WITH gone AS (
        DELETE FROM shop.login_sessions WHERE login_session_id IN (
            SELECT login_session_id FROM shop.login_sessions WHERE expires_at < now() - interval '30 days'
            ORDER BY expires_at LIMIT batch FOR UPDATE SKIP LOCKED) RETURNING 1
    ) SELECT 'login_sessions', count(*) FROM gone;
    RETURN QUERY WITH gone AS (
        DELETE FROM shop.account_tokens WHERE account_token_id IN (
            SELECT account_token_id FROM shop.account_tokens WHERE expires_at < now() - interval '30 days'
            ORDER BY expires_at LIMIT batch FOR UPDATE SKIP LOCKED) RETURNING 1
    ) SELECT 'account_tokens', count(*) FROM gone;
    RETURN QUERY WITH gone AS (
        UPDATE shop.carts SET status = 'expired' WHERE cart_id IN (
            SELECT cart_id FROM shop.carts WHERE status = 'open' AND expires_at < now()
            ORDER BY expires_at LIMIT batch FOR NO KEY UPDATE SKIP LOCKED) RETURNING 1
    ) SELECT 'carts expired', count(*) FROM gone;
    -- From the front of each aggregate, and never its last event: the next is numbered by it.
    RETURN QUERY WITH gone AS (
        DELETE FROM shop.outbox_events AS e USING (
            SELECT created_at, outbox_event_id FROM shop.outbox_events AS old
            WHERE published_at < now() - interval '30 days'
              AND EXISTS (
                  SELECT FROM shop.outbox_events AS later
                  WHERE later.aggregate_type = old.aggregate_type AND later.aggregate_id = old.aggregate_id
                    AND later.sequence > old.sequence)
              AND NOT EXISTS (
                  SELECT FROM shop.outbox_events AS earlier
                  WHERE earlier.aggregate_type = old.aggregate_type AND earlier.aggregate_id = old.aggregate_id
                    AND earlier.sequence < old.sequence
                    AND coalesce(earlier.published_at >= now() - interval '30 days', true))
            ORDER BY aggregate_type, aggregate_id, sequence LIMIT batch
        ) AS old
        WHERE (e.created_at, e.outbox_event_id) = (old.created_at, old.outbox_event_id) RETURNING 1
    ) SELECT 'outbox_events', count(*) FROM gone;
    RETURN QUERY WITH gone AS (
        DELETE FROM shop.audit_log WHERE (occurred_at, audit_log_id) IN (
            SELECT occurred_at, audit_log_id FROM shop.audit_log WHERE occurred_at < now() - interval '2 years'
            ORDER BY occurred_at, audit_log_id LIMIT batch) RETURNING 1
    ) SELECT 'audit_log', count(*) FROM gone;
    PERFORM set_config('shop.purging', '', true);
END
$$;

COMMENT ON FUNCTION api.purge(batch integer) IS 'Retention, at most a batch of each kind: log-in attempts after 90 days, sessions and tokens 30 days after they end, published events after 30 days, audit entries after 2 years; open carts past their time expire. Run it nightly. Errors: SH001, SH002.';

CREATE FUNCTION api.quote_cart(cart_id uuid, country text, region text, shipping_method text) RETURNS jsonb
    LANGUAGE plpgsql STABLE SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'shop', 'pg_temp'
    SET plan_cache_mode TO 'force_generic_plan'
    AS $$
#variable_conflict use_column
DECLARE
    cart shop.carts;
BEGIN
    SELECT * INTO cart FROM shop.carts AS c WHERE c.cart_id = quote_cart.cart_id;
    IF NOT FOUND THEN
        PERFORM shop.refuse_missing('cart', quote_cart.cart_id::text);
    END IF;
    PERFORM shop.require_own(cart.customer_id);
    RETURN to_jsonb(shop.price_cart(cart, quote_cart.country, quote_cart.region, quote_cart.shipping_method))
        - ARRAY['shipping_method_id', 'coupon_id', 'tax_number'];
END
$$;

COMMENT ON FUNCTION api.quote_cart(cart_id uuid, country text, region text, shipping_method text) IS 'What place_order will charge for the cart, line by line, tax by tax (line 0 is shipping). Locks nothing, reserves nothing. Errors: SH001, SH003, SH005, SH202, SH302, SH304, SH305, SH308.';

CREATE FUNCTION api.receive_return(return_id uuid, line_numbers smallint[], restocked integer[], written_off integer[], warehouse_id bigint) RETURNS bigint
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'shop', 'pg_temp'
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

COMMENT ON FUNCTION api.receive_return(return_id uuid, line_numbers smallint[], restocked integer[], written_off integer[], warehouse_id bigint) IS 'Records the inspection of a return: what goes back into stock and what is written off. Returns what may be refunded for it. Safe to repeat: the first receipt stands. Locks: order, return, stock. Errors: SH001, SH002, SH003, SH005.';

CREATE FUNCTION api.receive_stock(variant_id bigint, warehouse_id bigint, quantity integer, reason text DEFAULT NULL::text) RETURNS integer
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'shop', 'pg_temp'
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

COMMENT ON FUNCTION api.receive_stock(variant_id bigint, warehouse_id bigint, quantity integer, reason text) IS 'Books goods in; returns the units on hand in that warehouse. Not safe to repeat: each call books again. Locks: the stock. Errors: SH001, SH002, SH005, SH109.';

CREATE FUNCTION api.record_login_attempt(email text, succeeded boolean, ip_address inet DEFAULT NULL::inet) RETURNS timestamp with time zone
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'shop', 'pg_temp'
    AS $$
#variable_conflict use_column
DECLARE
    digest bytea;
    known uuid;
    locked timestamptz;
BEGIN
    PERFORM shop.require_read_committed();
    PERFORM shop.require_email(record_login_attempt.email);
    PERFORM shop.require(record_login_attempt.succeeded IS NOT NULL, 'succeeded', 'true or false');
    digest := sha256(convert_to(shop.normalized_email(record_login_attempt.email), 'UTF8'));
    -- One after the other: of many that were verified at the same moment, those that come after the lock-out began do
    -- not get in.
    PERFORM pg_advisory_xact_lock(shop.login_gate(digest));
    locked := shop.locked_until(digest);
    IF record_login_attempt.succeeded AND locked > clock_timestamp() THEN
        RETURN locked; -- The right password does not end a lock-out: whoever tries thousands at once would find it.
    END IF;
    SELECT c.customer_id INTO known FROM shop.customers AS c
    WHERE c.email_normalized = shop.normalized_email(record_login_attempt.email) AND c.status = 'active';
    INSERT INTO shop.login_attempts (email_digest, customer_id, succeeded, ip_address)
    VALUES (digest, known, record_login_attempt.succeeded, record_login_attempt.ip_address);
    locked := shop.locked_until(digest);
    UPDATE shop.customer_credentials AS k
    SET failed_attempts = CASE WHEN record_login_attempt.succeeded THEN 0 ELSE k.failed_attempts + 1 END,
        locked_until = locked
    WHERE k.customer_id = known;
    RETURN locked;
END
$$;

COMMENT ON FUNCTION api.record_login_attempt(email text, succeeded boolean, ip_address inet) IS 'Records a log-in that succeeded or failed; returns until when the address is locked out, if it is. Open a session only when it returns NULL: during a lock-out the right password is neither recorded nor let in, however many were tried at the same moment. Locks: the gate of the address, credential. Errors: SH001, SH002.';

CREATE FUNCTION api.record_payment_event(provider text, provider_event_id text, payment_id uuid, kind text, amount_minor bigint, currency text, occurred_at timestamp with time zone, provider_reference text DEFAULT NULL::text, payload jsonb DEFAULT '{}'::jsonb, refund_id uuid DEFAULT NULL::uuid, dispute_reference text DEFAULT NULL::text) RETURNS text
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'shop', 'pg_temp'
    AS $_$
#variable_conflict use_column
DECLARE
    known shop.payments;
    before shop.payments;
    after shop.payments;
    header shop.orders;
    event_id bigint;
    amount bigint := coalesce(record_payment_event.amount_minor, 0);
BEGIN
    PERFORM shop.require_read_committed();
    PERFORM shop.require(provider ~ '^[a-z][a-z0-9_]{1,29}$', 'provider', 'a short name such as stripe');
    PERFORM shop.require(btrim(provider_event_id) <> '' AND char_length(provider_event_id) <= 200,
        'provider_event_id', '1 to 200 characters');
    PERFORM shop.require(kind = ANY (enum_range(NULL::shop.payment_event_kind)::text[]), 'kind',
        array_to_string(enum_range(NULL::shop.payment_event_kind), ', '));
    PERFORM shop.require(amount BETWEEN 0 AND 1000000000000, 'amount_minor', '0 to 1000000000000');
    PERFORM shop.require(amount > 0 OR kind NOT IN ('authorized', 'captured', 'refunded'), 'amount_minor',
        'more than 0 where money moves');
    PERFORM shop.require(EXISTS (SELECT FROM shop.currencies WHERE code = record_payment_event.currency), 'currency',
        'an ISO 4217 code');
    PERFORM shop.require(occurred_at > timestamptz '1970-01-01 00:00:00+00' AND occurred_at < now() + interval '1 day',
        'occurred_at', 'the provider''s moment, no more than a day ahead of this server''s');
    PERFORM shop.require(coalesce(btrim(provider_reference) <> '' AND char_length(provider_reference) <= 200, true),
        'provider_reference', 'NULL, or 1 to 200 characters');
    PERFORM shop.require(
        dispute_reference IS NULL
        OR btrim(dispute_reference) <> '' AND char_length(dispute_reference) <= 200 AND starts_with(kind, 'dispute_'),
        'dispute_reference', 'NULL, or 1 to 200 characters where kind is that of a dispute');
    PERFORM shop.require(jsonb_typeof(payload) = 'object' AND pg_column_size(payload) <= 65536, 'payload',
        'an object of at most 64 kB');

    -- By our key, else by the provider's.
    SELECT * INTO known FROM shop.payments AS p
    WHERE p.provider = record_payment_event.provider
      AND (p.payment_id = record_payment_event.payment_id
           OR record_payment_event.payment_id IS NULL AND p.provider_reference = record_payment_event.provider_reference);
    IF known.payment_id IS NOT NULL THEN
        SELECT * INTO header FROM shop.orders AS o WHERE o.order_id = known.order_id FOR NO KEY UPDATE;
        SELECT * INTO before FROM shop.payments AS p WHERE p.payment_id = known.payment_id FOR NO KEY UPDATE;
        IF before.provider_reference IS NULL AND record_payment_event.provider_reference IS NOT NULL THEN
            BEGIN
                UPDATE shop.payments AS p SET provider_reference = record_payment_event.provider_reference
                WHERE p.payment_id = known.payment_id;
            EXCEPTION WHEN unique_violation THEN
                NULL; -- Another payment has it. The money moved all the same, and our own key says for what.
            END;
        END IF;
    END IF;

    INSERT INTO shop.payment_events
        (provider, provider_event_id, payment_id, kind, amount_minor, currency, dispute_reference, payload, occurred_at)
    VALUES
        (record_payment_event.provider, record_payment_event.provider_event_id, known.payment_id,
         record_payment_event.kind::shop.payment_event_kind, amount, record_payment_event.currency,
         record_payment_event.dispute_reference, shop.kept_of_payload(payload), occurred_at)
    ON CONFLICT (provider, provider_event_id) DO NOTHING
    RETURNING payment_event_id INTO event_id;
    IF event_id IS NULL THEN
        RETURN 'duplicate';
    END IF;
    IF known.payment_id IS NULL THEN
        PERFORM shop.post_payment_event(event_id, NULL, record_payment_event.currency, record_payment_event.kind, amount, 0);
        PERFORM shop.post_dispute(event_id);
        RETURN 'exception';
    END IF;

    SELECT * INTO after FROM shop.payments AS p WHERE p.payment_id = known.payment_id;
    -- By the totals and not by the event: it may let an earlier one count at last, a refund that came before its capture.
    PERFORM shop.post_payment_event(
        event_id, header.order_id, record_payment_event.currency, record_payment_event.kind, amount,
        after.captured_minor - before.captured_minor - after.refunded_minor + before.refunded_minor);
    PERFORM shop.post_dispute(event_id);
    IF record_payment_event.kind = 'refunded' THEN
        UPDATE shop.refunds AS r SET state = 'succeeded', settled_at = now()
        WHERE r.refund_id = record_payment_event.refund_id AND r.payment_id = known.payment_id AND r.state = 'pending'
          AND r.amount_minor = amount;
    END IF;

    PERFORM shop.confirm_if_covered(header.order_id);
    IF EXISTS (SELECT FROM shop.payment_exceptions AS e WHERE e.payment_event_id = event_id AND e.resolved_at IS NULL) THEN
        RETURN 'exception';
    END IF;
    RETURN 'applied';
END
$_$;

COMMENT ON FUNCTION api.record_payment_event(provider text, provider_event_id text, payment_id uuid, kind text, amount_minor bigint, currency text, occurred_at timestamp with time zone, provider_reference text, payload jsonb, refund_id uuid, dispute_reference text) IS 'Records what a payment provider says: applied, duplicate (the event was recorded before), or exception (it is stored, and listed in payment_exceptions for somebody to decide). Events may come twice, late, or in any order. Confirms the order once it is covered. A dispute that is lost is booked, and booked back when a later verdict turns it over; say which by dispute_reference where a payment can have several. Of the payload only codes under listed keys are kept, so the provider''s whole message may be given. Locks: order, payment. Errors: SH001, SH002.';

CREATE FUNCTION api.register_customer(customer_id uuid, email text, full_name text, password_hash text, phone text DEFAULT NULL::text) RETURNS uuid
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'shop', 'pg_temp'
    AS $$
#variable_conflict use_column
BEGIN
    PERFORM shop.require_read_committed();
    PERFORM shop.require(uuid_extract_version(register_customer.customer_id) = 7, 'customer_id', 'a UUIDv7 that the client makes');
    PERFORM shop.require_email(register_customer.email);
    PERFORM shop.require(btrim(full_name) <> '' AND char_length(full_name) <= 200, 'full_name', '1 to 200 characters');
    PERFORM shop.require(coalesce(btrim(phone) <> '' AND char_length(phone) <= 40, true), 'phone', 'NULL, or 1 to 40 characters');
    PERFORM shop.require_password_hash(register_customer.password_hash);
    PERFORM shop.act_as_customer(register_customer.customer_id);

    INSERT INTO shop.customers (customer_id, email, full_name, phone)
    VALUES (register_customer.customer_id, register_customer.email, register_customer.full_name, register_customer.phone)
    ON CONFLICT DO NOTHING;
    IF FOUND THEN
        INSERT INTO shop.customer_credentials (customer_id, password_hash)
        VALUES (register_customer.customer_id, register_customer.password_hash);
        PERFORM shop.tell_outbox('customer', register_customer.customer_id::text, 'customer.registered',
            jsonb_build_object('customer_id', register_customer.customer_id));
        RETURN register_customer.customer_id;
    END IF;
    IF EXISTS (
        SELECT FROM shop.customers AS c
        WHERE c.customer_id = register_customer.customer_id AND c.full_name = register_customer.full_name
          AND c.email_normalized = shop.normalized_email(register_customer.email)
    ) THEN
        RETURN register_customer.customer_id; -- A retry; the password of the first call stands.
    END IF;
    IF EXISTS (SELECT FROM shop.customers AS c WHERE c.customer_id = register_customer.customer_id) THEN
        PERFORM shop.refuse_other_content('customer', register_customer.customer_id::text);
    END IF;
    RAISE EXCEPTION USING
        ERRCODE = 'SH601',
        MESSAGE = 'there is an account with this e-mail address',
        HINT = 'Tell the visitor only that a message was sent to the address, and offer to reset the password in it.';
END
$$;

COMMENT ON FUNCTION api.register_customer(customer_id uuid, email text, full_name text, password_hash text, phone text) IS 'Opens an account; addresses are compared without case. Safe to repeat with the same key. Locks: none that wait but for another registration of the same address. Errors: SH001, SH002, SH004, SH601.';

CREATE FUNCTION api.release_outbox(outbox_event_id uuid, decision text, reason text) RETURNS text
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'shop', 'pg_temp'
    AS $$
#variable_conflict use_column
DECLARE
    event shop.outbox_events;
    decided text := format('%s by %s: %s', decision, shop.actor(), reason);
BEGIN
    PERFORM shop.require_read_committed();
    PERFORM shop.require(decision IN ('requeue', 'skip'), 'decision', 'requeue or skip');
    PERFORM shop.require(btrim(reason) <> '' AND char_length(reason) <= 500, 'reason', '1 to 500 characters');
    PERFORM shop.require_actor();
    SELECT * INTO event FROM shop.outbox_events AS e
    WHERE e.outbox_event_id = release_outbox.outbox_event_id AND e.parked_at IS NOT NULL FOR NO KEY UPDATE;
    IF NOT FOUND THEN
        -- A retry or a mistake. The primary key begins with the time, and so does the event's own key (UUIDv7): it was made
        -- in the transaction that began at created_at.
        SELECT * INTO event FROM shop.outbox_events AS e
        WHERE e.outbox_event_id = release_outbox.outbox_event_id
          AND e.created_at BETWEEN uuid_extract_timestamp(release_outbox.outbox_event_id) - interval '1 day'
                               AND uuid_extract_timestamp(release_outbox.outbox_event_id) + interval '1 hour'
        FOR NO KEY UPDATE;
    END IF;
    IF event.outbox_event_id IS NULL THEN
        PERFORM shop.refuse_missing('outbox event', release_outbox.outbox_event_id::text);
    END IF;
    IF event.parked_at IS NULL AND event.last_error IS DISTINCT FROM decided THEN
        RAISE EXCEPTION USING
            ERRCODE = 'SH702',
            MESSAGE = format('event %s is not parked', event.outbox_event_id),
            HINT = 'parked_events() lists those that are.',
            DETAIL = jsonb_build_object('published_at', event.published_at, 'attempts', event.attempts);
    END IF;
    IF event.parked_at IS NOT NULL THEN
        UPDATE shop.outbox_events AS e
        SET parked_at = NULL, last_error = decided,
            attempts = CASE decision WHEN 'requeue' THEN 0 ELSE e.attempts END,
            published_at = CASE decision WHEN 'skip' THEN now() END
        WHERE e.created_at = event.created_at AND e.outbox_event_id = event.outbox_event_id;
    END IF;
    RETURN CASE decision WHEN 'skip' THEN 'skipped' ELSE 'requeued' END;
END
$$;

COMMENT ON FUNCTION api.release_outbox(outbox_event_id uuid, decision text, reason text) IS 'Decides about a parked event: requeue (it is offered again, with ten new attempts) or skip (it counts as delivered, and the next of its aggregate is offered). Audited with who and why. Safe to repeat. Locks: the event. Errors: SH001, SH002, SH005, SH109, SH702.';

CREATE FUNCTION api.remove_coupon(cart_id uuid) RETURNS bigint
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'shop', 'pg_temp'
    AS $$
#variable_conflict use_column
DECLARE
    cart shop.carts;
    new_version bigint;
BEGIN
    PERFORM shop.require_read_committed();
    cart := shop.lock_cart(remove_coupon.cart_id);
    PERFORM shop.require_open(cart);
    UPDATE shop.carts AS c SET coupon_id = NULL
    WHERE c.cart_id = cart.cart_id
    RETURNING c.version INTO new_version;
    RETURN new_version;
END
$$;

COMMENT ON FUNCTION api.remove_coupon(cart_id uuid) IS 'Takes the coupon off a cart. Locks: cart. Errors: SH002, SH003, SH005, SH201.';

CREATE FUNCTION api.request_refund(refund_id uuid, payment_id uuid, amount_minor bigint, reason text, return_id uuid DEFAULT NULL::uuid) RETURNS text
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'shop', 'pg_temp'
    AS $$
#variable_conflict use_column
DECLARE
    payment shop.payments;
    existing shop.refunds;
    allowed bigint;
BEGIN
    PERFORM shop.require_read_committed();
    PERFORM shop.require(uuid_extract_version(request_refund.refund_id) = 7, 'refund_id', 'a UUIDv7 that the client makes');
    PERFORM shop.require(amount_minor > 0, 'amount_minor', 'more than 0');
    PERFORM shop.require(btrim(reason) <> '' AND char_length(reason) <= 500, 'reason', '1 to 500 characters');
    SELECT * INTO payment FROM shop.payments AS p WHERE p.payment_id = request_refund.payment_id;
    IF NOT FOUND THEN
        PERFORM shop.refuse_missing('payment', request_refund.payment_id::text);
    END IF;
    PERFORM shop.lock_order(payment.order_id);
    SELECT * INTO existing FROM shop.refunds AS r WHERE r.refund_id = request_refund.refund_id;
    IF FOUND THEN
        IF (existing.payment_id, existing.amount_minor) <> (request_refund.payment_id, request_refund.amount_minor)
           OR existing.return_id IS DISTINCT FROM request_refund.return_id THEN
            PERFORM shop.refuse_other_content('refund', request_refund.refund_id::text);
        END IF;
        RETURN existing.state;
    END IF;
    IF request_refund.return_id IS NOT NULL AND NOT EXISTS (
        SELECT FROM shop.returns AS r WHERE r.return_id = request_refund.return_id AND r.order_id = payment.order_id
    ) THEN
        PERFORM shop.refuse_missing('return of that order', request_refund.return_id::text);
    END IF;
    SELECT * INTO payment FROM shop.payments AS p WHERE p.payment_id = request_refund.payment_id FOR NO KEY UPDATE;
    allowed := least(
        -- Who won a dispute has the money back already.
        greatest(payment.captured_minor - greatest(payment.refund_requested_minor, payment.refunded_minor)
                 - shop.lost_in_disputes(payment.payment_id, payment.currency), 0),
        (SELECT r.refundable_minor - r.refund_requested_minor FROM shop.returns AS r
         WHERE r.return_id = request_refund.return_id));
    IF request_refund.amount_minor > allowed THEN
        RAISE EXCEPTION USING
            ERRCODE = 'SH502',
            MESSAGE = format('at most %s may be refunded', allowed),
            HINT = 'What was captured, less refunds under way and lost disputes; for a return, the value received.',
            DETAIL = jsonb_build_object('refundable_minor', allowed);
    END IF;
    INSERT INTO shop.refunds (refund_id, payment_id, order_id, currency, return_id, amount_minor, reason)
    VALUES (request_refund.refund_id, payment.payment_id, payment.order_id, payment.currency, request_refund.return_id,
            request_refund.amount_minor, request_refund.reason)
    ON CONFLICT DO NOTHING;
    IF NOT FOUND THEN
        PERFORM shop.refuse_other_content('refund', request_refund.refund_id::text);
    END IF;
    PERFORM shop.tell_outbox('order', payment.order_id::text, 'order.refund_requested',
        jsonb_build_object('order_id', payment.order_id, 'refund_id', request_refund.refund_id,
                           'amount_minor', request_refund.amount_minor));
    RETURN 'pending';
END
$$;

COMMENT ON FUNCTION api.request_refund(refund_id uuid, payment_id uuid, amount_minor bigint, reason text, return_id uuid) IS 'Writes down a refund before the provider is called; its key is the idempotency key to send. Returns its state. It succeeds when record_payment_event hears of it (refund_id). Safe to repeat. Locks: order, payment. Errors: SH001 to SH005, SH502.';

CREATE FUNCTION api.request_return(return_id uuid, order_id uuid, line_numbers smallint[], quantities integer[], reason text) RETURNS uuid
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'shop', 'pg_temp'
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

COMMENT ON FUNCTION api.request_return(return_id uuid, order_id uuid, line_numbers smallint[], quantities integer[], reason text) IS 'Announces goods that come back. Safe to repeat with the same key. Locks: order. Errors: SH001 to SH005, SH307.';

CREATE FUNCTION api.resolve_payment_exception(payment_exception_id bigint, resolution text) RETURNS timestamp with time zone
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'shop', 'pg_temp'
    AS $$
#variable_conflict use_column
DECLARE
    who text;
    found shop.payment_exceptions;
BEGIN
    PERFORM shop.require_read_committed();
    PERFORM shop.require(btrim(resolution) <> '' AND char_length(resolution) <= 1000, 'resolution', '1 to 1000 characters');
    who := shop.require_actor();
    SELECT * INTO found FROM shop.payment_exceptions AS e
    WHERE e.payment_exception_id = resolve_payment_exception.payment_exception_id FOR NO KEY UPDATE;
    IF found.payment_exception_id IS NULL THEN
        PERFORM shop.refuse_missing('payment exception', resolve_payment_exception.payment_exception_id::text);
    END IF;
    IF found.resolved_at IS NOT NULL THEN
        IF (found.resolution, found.resolved_by) = (resolve_payment_exception.resolution, who) THEN
            RETURN found.resolved_at; -- A retry.
        END IF;
        RAISE EXCEPTION USING
            ERRCODE = 'SH503',
            MESSAGE = format('%s resolved it: %s', found.resolved_by, found.resolution),
            HINT = 'A new event raises a new exception.';
    END IF;
    UPDATE shop.payment_exceptions AS e
    SET resolved_at = now(), resolution = resolve_payment_exception.resolution, resolved_by = who
    WHERE e.payment_exception_id = resolve_payment_exception.payment_exception_id;
    RETURN now();
END
$$;

COMMENT ON FUNCTION api.resolve_payment_exception(payment_exception_id bigint, resolution text) IS 'Records what was decided about money that broke a rule, and by whom (shop.actor). Safe to repeat. Locks: the exception. Errors: SH001, SH002, SH005, SH109, SH503.';

CREATE FUNCTION api.resume_session(token_digest bytea) RETURNS TABLE(login_session_id uuid, customer_id uuid, expires_at timestamp with time zone)
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'shop', 'pg_temp'
    AS $$
#variable_conflict use_column
DECLARE
    live shop.login_sessions;
BEGIN
    PERFORM shop.require_read_committed();
    PERFORM shop.require_digest(resume_session.token_digest);
    SELECT s.* INTO live FROM shop.login_sessions AS s
    JOIN shop.customers AS c USING (customer_id)
    WHERE s.token_digest = resume_session.token_digest AND s.revoked_at IS NULL AND s.expires_at > now()
      AND c.status = 'active';
    IF live.login_session_id IS NULL THEN
        RAISE EXCEPTION USING
            ERRCODE = 'SH602', MESSAGE = 'there is no such session (any more)', HINT = 'Have the customer log in again.';
    END IF;
    -- Written once an hour, not at every page.
    UPDATE shop.login_sessions AS s SET last_seen_at = now()
    WHERE s.login_session_id = live.login_session_id AND s.last_seen_at < now() - interval '1 hour';
    RETURN QUERY SELECT live.login_session_id, live.customer_id, live.expires_at;
END
$$;

COMMENT ON FUNCTION api.resume_session(token_digest bytea) IS 'Whose session a token opens, by its SHA-256. Locks: the session, at most once an hour. Errors: SH001, SH002, SH602.';

CREATE FUNCTION api.search_products(query text, category_id bigint, currency text, min_price_minor bigint DEFAULT NULL::bigint, max_price_minor bigint DEFAULT NULL::bigint, after_product_id bigint DEFAULT NULL::bigint, page integer DEFAULT 24) RETURNS TABLE(product_id bigint, slug text, name text, brand text, from_price_minor bigint, url text)
    LANGUAGE plpgsql STABLE SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'shop', 'pg_temp'
    AS $_$
#variable_conflict use_column
DECLARE
    words tsquery;
    below bigint[];
    cursor bigint := coalesce(after_product_id, 9223372036854775807);
    candidates bigint[];
    batch integer := page;
    missing integer := page;
    found integer;
BEGIN
    PERFORM shop.require(coalesce(char_length(query) <= 200, true), 'query', 'NULL, or at most 200 characters');
    PERFORM shop.require(EXISTS (SELECT FROM shop.currencies WHERE code = search_products.currency), 'currency', 'an ISO 4217 code');
    PERFORM shop.require(coalesce(min_price_minor >= 0, true), 'min_price_minor', 'NULL, or 0 and more');
    PERFORM shop.require(coalesce(max_price_minor >= coalesce(min_price_minor, 0), true), 'max_price_minor',
        'NULL, or no less than min_price_minor');
    PERFORM shop.require(page BETWEEN 1 AND 100, 'page', '1 to 100 products');
    BEGIN
        words := websearch_to_tsquery('english', nullif(btrim(query), ''));
    EXCEPTION WHEN internal_error THEN
        words := plainto_tsquery('english', query); -- Dozens of minus signs are more than its stack holds.
    END;
    IF search_products.category_id IS NOT NULL THEN
        below := ARRAY(
            SELECT category.category_id FROM shop.categories AS category
            WHERE category.archived_at IS NULL
              AND (category.category_id = search_products.category_id
                   OR category.ancestry @> ARRAY[search_products.category_id]));
    END IF;

    -- Newest first by key, which is also the cursor: the next page begins after the last key of this one. Keys come in
    -- batches, and only what may stand on this page is priced: a page costs the same in a catalogue of any size.
    LOOP
        IF words IS NULL AND below IS NOT NULL THEN
            -- The newest of each category, from its index; the newest of those are the newest of all.
            candidates := ARRAY(
                SELECT DISTINCT newest.product_id
                FROM unnest(below) AS category (category_id)
                CROSS JOIN LATERAL (
                    SELECT placed.product_id FROM shop.product_categories AS placed
                    WHERE placed.category_id = category.category_id AND placed.product_id < cursor
                    ORDER BY placed.product_id DESC
                    LIMIT batch
                ) AS newest
                ORDER BY newest.product_id DESC
                LIMIT batch);
        ELSE
            -- Planned anew for these words: what all products say is found soonest among the newest, what few say by its
            -- index.
            EXECUTE format(
                'SELECT ARRAY(
                     SELECT product.product_id FROM shop.products AS product
                     WHERE product.status = ''active'' AND product.product_id < $1 %s %s
                     ORDER BY product.product_id DESC
                     LIMIT $4)',
                CASE WHEN words IS NOT NULL THEN 'AND product.search @@ $2' END,
                CASE WHEN below IS NOT NULL THEN
                    'AND EXISTS (SELECT FROM shop.product_categories AS placed
                                 WHERE placed.product_id = product.product_id AND placed.category_id = ANY ($3))' END)
            INTO candidates USING cursor, words, below, batch;
        END IF;
        EXIT WHEN candidates = '{}';

        RETURN QUERY
        SELECT product.product_id, product.slug, product.name, product.brand, priced.minimum, media.url
        FROM shop.products AS product
        CROSS JOIN LATERAL (
            SELECT min(shop.price_of(variant.variant_id, search_products.currency)) AS minimum
            FROM shop.product_variants AS variant
            WHERE variant.product_id = product.product_id AND variant.archived_at IS NULL
        ) AS priced
        LEFT JOIN LATERAL (
            SELECT m.url FROM shop.product_media AS m
            WHERE m.product_id = product.product_id ORDER BY m.position LIMIT 1
        ) AS media ON true
        WHERE product.product_id = ANY (candidates) AND product.status = 'active'
          AND priced.minimum IS NOT NULL
          AND (min_price_minor IS NULL OR priced.minimum >= min_price_minor)
          AND (max_price_minor IS NULL OR priced.minimum <= max_price_minor)
        ORDER BY product.product_id DESC
        LIMIT missing;
        GET DIAGNOSTICS found = ROW_COUNT;
        missing := missing - found;
        EXIT WHEN missing = 0 OR cardinality(candidates) < batch;
        cursor := candidates[cardinality(candidates)];
        -- As many as will fill the page, if as few are left over as before: a narrow range of prices leaves most over.
        batch := least(CASE found WHEN 0 THEN batch * 2 ELSE missing * batch / found + 2 END, 1000);
    END LOOP;
END
$_$;

COMMENT ON FUNCTION api.search_products(query text, category_id bigint, currency text, min_price_minor bigint, max_price_minor bigint, after_product_id bigint, page integer) IS 'Active products by words (as in a web search), category with all below it, and price range, newest first, a page at a time: give the last product_id for the next page. from_price_minor is the lowest price in force. Errors: SH001.';

CREATE FUNCTION api.sequence_usage() RETURNS TABLE(sequence text, last_value bigint, limit_value bigint)
    LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'shop', 'pg_temp'
    AS $$
    SELECT format('%s.%s', schemaname, sequencename), last_value, max_value
    FROM pg_sequences
    WHERE schemaname IN ('shop', 'api') AND NOT cycle AND increment_by > 0 AND last_value IS NOT NULL
$$;

COMMENT ON FUNCTION api.sequence_usage() IS 'The last value of each sequence that was used, and the greatest it may give.';

CREATE FUNCTION api.set_cart_items(cart_id uuid, variant_ids bigint[], quantities integer[]) RETURNS bigint
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'shop', 'pg_temp'
    SET plan_cache_mode TO 'force_generic_plan'
    AS $$
#variable_conflict use_column
DECLARE
    cart shop.carts;
    new_version bigint;
    may_proceed boolean := shop.require_read_committed();
BEGIN
    cart := shop.lock_cart(set_cart_items.cart_id);
    may_proceed := shop.require_cart_lines(variant_ids, quantities, cart.currency) AND shop.require_open(cart);

    IF 0 = ANY (quantities) THEN
        DELETE FROM shop.cart_items AS item
        USING unnest(variant_ids, quantities) AS wanted (variant_id, quantity)
        WHERE item.cart_id = cart.cart_id AND item.variant_id = wanted.variant_id AND wanted.quantity = 0;
    END IF;

    INSERT INTO shop.cart_items AS item (cart_id, variant_id, quantity)
    SELECT cart.cart_id, wanted.variant_id, wanted.quantity
    FROM unnest(variant_ids, quantities) AS wanted (variant_id, quantity)
    WHERE wanted.quantity > 0
    ORDER BY wanted.variant_id
    ON CONFLICT (cart_id, variant_id) DO UPDATE SET quantity = excluded.quantity
    WHERE item.quantity <> excluded.quantity;

    PERFORM shop.require_line_limit(cart.cart_id);

    UPDATE shop.carts AS c SET expires_at = now() + shop.cart_lifetime()
    WHERE c.cart_id = cart.cart_id
    RETURNING c.version INTO new_version;
    RETURN new_version;
END
$$;

COMMENT ON FUNCTION api.set_cart_items(cart_id uuid, variant_ids bigint[], quantities integer[]) IS 'Sets the quantities of variants in a cart; 0 removes. Returns the cart''s new version. Repeating it changes nothing but the version. Locks: cart. Errors: SH001, SH002, SH003, SH005, SH201, SH202, SH203.';

CREATE FUNCTION api.set_cart_item(cart_id uuid, variant_id bigint, quantity integer) RETURNS bigint
    LANGUAGE sql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'shop', 'pg_temp'
    RETURN api.set_cart_items(cart_id, ARRAY[variant_id], ARRAY[quantity]);

COMMENT ON FUNCTION api.set_cart_item(cart_id uuid, variant_id bigint, quantity integer) IS 'set_cart_items for one variant. Locks: cart. Errors: SH001, SH002, SH003, SH005, SH201, SH202, SH203.';

CREATE FUNCTION api.set_default_address(address_id uuid, kind text) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'shop', 'pg_temp'
    AS $$
#variable_conflict use_column
DECLARE
    chosen shop.addresses;
BEGIN
    PERFORM shop.require_read_committed();
    PERFORM shop.require(kind IN ('shipping', 'billing'), 'kind', 'shipping or billing');
    SELECT * INTO chosen FROM shop.addresses AS a
    WHERE a.address_id = set_default_address.address_id AND a.archived_at IS NULL;
    IF NOT FOUND THEN
        PERFORM shop.refuse_missing('address', set_default_address.address_id::text);
    END IF;
    PERFORM shop.require_own(chosen.customer_id);
    -- The customer's lock lets two choices at once follow each other.
    PERFORM FROM shop.customers AS c WHERE c.customer_id = chosen.customer_id FOR NO KEY UPDATE;
    IF kind = 'shipping' THEN
        UPDATE shop.addresses AS a SET is_default_shipping = false
        WHERE a.customer_id = chosen.customer_id AND a.is_default_shipping AND a.address_id <> chosen.address_id;
        UPDATE shop.addresses AS a SET is_default_shipping = true WHERE a.address_id = chosen.address_id;
    ELSE
        UPDATE shop.addresses AS a SET is_default_billing = false
        WHERE a.customer_id = chosen.customer_id AND a.is_default_billing AND a.address_id <> chosen.address_id;
        UPDATE shop.addresses AS a SET is_default_billing = true WHERE a.address_id = chosen.address_id;
    END IF;
END
$$;

COMMENT ON FUNCTION api.set_default_address(address_id uuid, kind text) IS 'Makes an address the customer''s default for shipping or billing, instead of the one before. Safe to repeat. Locks: customer. Errors: SH001, SH002, SH003, SH005.';

CREATE FUNCTION api.set_price(variant_id bigint, currency text, amount_minor bigint, valid_from timestamp with time zone DEFAULT NULL::timestamp with time zone, compare_at_minor bigint DEFAULT NULL::bigint) RETURNS timestamp with time zone
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'shop', 'pg_temp'
    AS $$
#variable_conflict use_column
DECLARE
    starts timestamptz := coalesce(set_price.valid_from, now());
BEGIN
    PERFORM shop.require_read_committed();
    PERFORM shop.require(EXISTS (SELECT FROM shop.currencies WHERE code = set_price.currency), 'currency', 'an ISO 4217 code');
    PERFORM shop.require(amount_minor BETWEEN 0 AND 1000000000000, 'amount_minor', '0 to 1000000000000');
    PERFORM shop.require(coalesce(compare_at_minor > amount_minor AND compare_at_minor <= 1000000000000, true),
        'compare_at_minor', 'NULL, or more than amount_minor');
    IF NOT EXISTS (SELECT FROM shop.product_variants AS v WHERE v.variant_id = set_price.variant_id AND v.archived_at IS NULL) THEN
        PERFORM shop.refuse_missing('live variant', set_price.variant_id::text);
    END IF;
    IF EXISTS (
        SELECT FROM shop.variant_prices AS p
        WHERE p.variant_id = set_price.variant_id AND p.currency = set_price.currency AND p.valid_from = starts
          AND p.amount_minor = set_price.amount_minor AND p.compare_at_minor IS NOT DISTINCT FROM set_price.compare_at_minor
    ) THEN
        RETURN starts; -- A retry, perhaps after that moment has come.
    END IF;
    PERFORM shop.require(starts >= now() AND starts < now() + interval '5 years', 'valid_from', 'NULL for now, or within 5 years');
    INSERT INTO shop.variant_prices (variant_id, currency, valid_from, amount_minor, compare_at_minor)
    VALUES (set_price.variant_id, set_price.currency, starts, set_price.amount_minor, set_price.compare_at_minor)
    ON CONFLICT DO NOTHING;
    IF NOT FOUND AND NOT EXISTS (
        SELECT FROM shop.variant_prices AS p
        WHERE p.variant_id = set_price.variant_id AND p.currency = set_price.currency AND p.valid_from = starts
          AND p.amount_minor = set_price.amount_minor
          AND p.compare_at_minor IS NOT DISTINCT FROM set_price.compare_at_minor
    ) THEN
        PERFORM shop.refuse_other_content('a price of that moment for variant', set_price.variant_id::text);
    END IF;
    RETURN starts;
END
$$;

COMMENT ON FUNCTION api.set_price(variant_id bigint, currency text, amount_minor bigint, valid_from timestamp with time zone, compare_at_minor bigint) IS 'Sets a price from now or a later moment on; returns that moment. The price before it stays in the history. Locks: none. Errors: SH001, SH002, SH004, SH005, SH109.';

CREATE FUNCTION api.ship(shipment_id uuid, order_id uuid, warehouse_id bigint, carrier text, tracking_number text, line_numbers smallint[] DEFAULT NULL::smallint[], quantities integer[] DEFAULT NULL::integer[]) RETURNS integer
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'shop', 'pg_temp'
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

COMMENT ON FUNCTION api.ship(shipment_id uuid, order_id uuid, warehouse_id bigint, carrier text, tracking_number text, line_numbers smallint[], quantities integer[]) IS 'Ships units of a confirmed order from one warehouse: those named, or all that lie ready there. Returns the units; the order completes with its last one. Safe to repeat with the same key. Nothing leaves once the authorization behind the order was taken back (SH111). Locks: order, stock. Errors: SH001 to SH005, SH111, SH306, SH307.';

CREATE FUNCTION api.shop_health() RETURNS TABLE(measure text, amount bigint, oldest timestamp with time zone)
    LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'shop', 'pg_temp'
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

COMMENT ON FUNCTION api.shop_health() IS 'What waits to be done in the shop: how many of each measure, and since when. Open and parked outbox events, open payment exceptions, unpaid orders that may still be paid, overdue ones, and overdue ones of which a part is authorized.';

CREATE FUNCTION api.slowest_statements(most integer DEFAULT 20) RETURNS TABLE(statement text, calls bigint, total_ms numeric, mean_ms numeric, rows bigint)
    LANGUAGE plpgsql STABLE
    SET search_path TO 'pg_catalog', 'shop', 'pg_temp'
    AS $_$
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
$_$;

COMMENT ON FUNCTION api.slowest_statements(most integer) IS 'The statements of this database that took most time in all, without their values; a row that says why where there are none. At least 1, at most 1000.';

CREATE FUNCTION api.split_stock(variant_id bigint, warehouse_id bigint, slots integer) RETURNS integer
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'shop', 'pg_temp'
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

COMMENT ON FUNCTION api.split_stock(variant_id bigint, warehouse_id bigint, slots integer) IS 'Spreads the free units of a hot product over slots, so that its buyers do not queue behind one row; 1 puts them together again. Returns the free units. Safe to repeat. One variant a transaction. Locks: the gate of its slots, its stock by key. Errors: SH001, SH002, SH005, SH109.';

CREATE FUNCTION api.start_payment(payment_id uuid, order_id uuid, provider text, method text, amount_minor bigint DEFAULT NULL::bigint) RETURNS bigint
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'shop', 'pg_temp'
    AS $_$
#variable_conflict use_column
DECLARE
    header shop.orders;
    existing shop.payments;
    owed bigint;
BEGIN
    PERFORM shop.require_read_committed();
    PERFORM shop.require(uuid_extract_version(start_payment.payment_id) = 7, 'payment_id', 'a UUIDv7 that the client makes');
    PERFORM shop.require(provider ~ '^[a-z][a-z0-9_]{1,29}$', 'provider', 'a short name such as stripe');
    PERFORM shop.require(btrim(method) <> '' AND char_length(method) <= 50, 'method', '1 to 50 characters');
    PERFORM shop.require(coalesce(amount_minor > 0, true), 'amount_minor', 'NULL for all that is owed, or more than 0');
    header := shop.lock_order(start_payment.order_id);
    SELECT * INTO existing FROM shop.payments AS p WHERE p.payment_id = start_payment.payment_id;
    IF FOUND THEN
        IF (existing.order_id, existing.provider, existing.method) <> (header.order_id, start_payment.provider, start_payment.method)
           OR existing.amount_minor <> coalesce(start_payment.amount_minor, existing.amount_minor) THEN
            PERFORM shop.refuse_other_content('payment', start_payment.payment_id::text);
        END IF;
        RETURN existing.amount_minor;
    END IF;
    IF header.status NOT IN ('pending', 'confirmed') THEN
        PERFORM shop.refuse_order_status(header, 'paid');
    ELSIF header.status = 'pending' AND header.expires_at <= now() AND header.authorized_minor = 0 THEN
        -- The next run of expire_unpaid_orders takes its stock; nobody is charged for what is about to go.
        PERFORM shop.refuse_order_status(header, 'paid: its time is over');
    END IF;
    -- What a payment captured before it was closed is paid, though nothing more is intended by it.
    owed := header.total_minor - header.cancelled_minor - header.intended_minor - (
        SELECT coalesce(sum(p.captured_minor), 0)::bigint FROM shop.payments AS p
        WHERE p.order_id = header.order_id AND p.closed_at IS NOT NULL);
    IF owed <= 0 OR start_payment.amount_minor > owed THEN
        RAISE EXCEPTION USING
            ERRCODE = 'SH501',
            MESSAGE = format('%s is still to be paid of order %s', greatest(owed, 0), header.order_number),
            HINT = 'Another payment is under way; wait for it, or have it voided first.',
            DETAIL = jsonb_build_object('owed_minor', greatest(owed, 0));
    END IF;
    INSERT INTO shop.payments (payment_id, order_id, currency, provider, method, amount_minor)
    VALUES (start_payment.payment_id, header.order_id, header.currency, start_payment.provider, start_payment.method,
            coalesce(start_payment.amount_minor, owed))
    ON CONFLICT DO NOTHING;
    IF NOT FOUND THEN
        PERFORM shop.refuse_other_content('payment', start_payment.payment_id::text);
    END IF;
    RETURN coalesce(start_payment.amount_minor, owed);
END
$_$;

COMMENT ON FUNCTION api.start_payment(payment_id uuid, order_id uuid, provider text, method text, amount_minor bigint) IS 'Writes down a payment before the provider is called: its key is the idempotency key to send. Returns the amount to charge. Payments that are open together never exceed what is owed. Safe to repeat. Locks: order. Errors: SH001 to SH005, SH306, SH501.';

CREATE FUNCTION api.stock_of(variant_id bigint) RETURNS TABLE(on_hand bigint, reserved bigint, available bigint)
    LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'shop', 'pg_temp'
    AS $$
    SELECT coalesce(sum(level.on_hand), 0), coalesce(sum(level.reserved), 0),
           coalesce(sum(level.on_hand - level.reserved) FILTER (WHERE warehouse.is_active), 0)
    FROM shop.stock_levels AS level
    JOIN shop.warehouses AS warehouse USING (warehouse_id)
    WHERE level.variant_id = stock_of.variant_id
$$;

COMMENT ON FUNCTION api.stock_of(variant_id bigint) IS 'Units of a variant over all warehouses and slots: on hand, promised, and available (of active warehouses). 0 for an unknown variant.';

CREATE FUNCTION api.stock_outs() RETURNS TABLE(on_sale bigint, sold_out bigint)
    LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'shop', 'pg_temp'
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

COMMENT ON FUNCTION api.stock_outs() IS 'How many variants of active products there are, and of how many no active warehouse has a free unit.';

CREATE FUNCTION api.use_token(token_digest bytea, purpose text) RETURNS uuid
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'shop', 'pg_temp'
    AS $$
#variable_conflict use_column
DECLARE
    owner_id uuid;
BEGIN
    PERFORM shop.require_read_committed();
    PERFORM shop.require_digest(use_token.token_digest);
    PERFORM shop.require(purpose IN ('email_verification', 'password_reset'), 'purpose', 'email_verification or password_reset');
    -- The customer first, as issue_token does, which takes an older token away under that lock.
    PERFORM FROM shop.customers AS c
    WHERE c.customer_id = (SELECT t.customer_id FROM shop.account_tokens AS t WHERE t.token_digest = use_token.token_digest)
      AND c.status = 'active'
    FOR NO KEY UPDATE;
    IF FOUND THEN
        UPDATE shop.account_tokens AS t SET used_at = now()
        WHERE t.token_digest = use_token.token_digest AND t.purpose = use_token.purpose::shop.account_token_purpose
          AND t.used_at IS NULL AND t.expires_at > now()
        RETURNING t.customer_id INTO owner_id;
    END IF;
    IF owner_id IS NULL THEN
        RAISE EXCEPTION USING
            ERRCODE = 'SH602', MESSAGE = 'the token is unknown, expired or used', HINT = 'Have another one sent.';
    END IF;
    PERFORM shop.act_as_customer(owner_id);
    UPDATE shop.customers AS c SET email_verified_at = coalesce(c.email_verified_at, now())
    WHERE c.customer_id = owner_id AND c.email_verified_at IS NULL;
    RETURN owner_id;
END
$$;

COMMENT ON FUNCTION api.use_token(token_digest bytea, purpose text) IS 'Uses a one-time token; returns whose it was. Either purpose proves the address. Works once. Locks: customer, token. Errors: SH001, SH002, SH602.';

CREATE FUNCTION api.verify_integrity() RETURNS TABLE(invariant text, examined bigint, violations bigint, example text)
    LANGUAGE plpgsql STABLE SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'shop', 'pg_temp'
    SET max_parallel_workers_per_gather TO '0'
    AS $$
DECLARE
    function_name name;
BEGIN
    FOR function_name IN
        SELECT proname FROM pg_proc
        WHERE pronamespace = 'shop'::regnamespace AND starts_with(proname, 'invariant_')
        ORDER BY proname
    LOOP
        RETURN QUERY EXECUTE format(
            'SELECT %L::text, i.examined, i.violations, i.example FROM shop.%I() AS i',
            substr(function_name, length('invariant_') + 1), function_name);
    END LOOP;
END
$$;

COMMENT ON FUNCTION api.verify_integrity() IS 'Walks all invariants in one snapshot: name, rows examined, rows that break it, one of them in words. Changes nothing.';

CREATE FUNCTION api.withdraw_price(variant_id bigint, currency text, valid_from timestamp with time zone) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'shop', 'pg_temp'
    AS $$
#variable_conflict use_column
BEGIN
    PERFORM shop.require_read_committed();
    PERFORM shop.require(EXISTS (SELECT FROM shop.currencies WHERE code = withdraw_price.currency), 'currency', 'an ISO 4217 code');
    DELETE FROM shop.variant_prices AS p
    WHERE p.variant_id = withdraw_price.variant_id AND p.currency = withdraw_price.currency
      AND p.valid_from = withdraw_price.valid_from AND p.valid_from > clock_timestamp();
    IF NOT FOUND THEN
        RAISE EXCEPTION USING
            ERRCODE = 'SH801',
            MESSAGE = format('variant %s has no %s price still to come at %s', withdraw_price.variant_id,
                withdraw_price.currency, withdraw_price.valid_from),
            HINT = 'A price in force is not withdrawn; set_price replaces it from now on.';
    END IF;
END
$$;

COMMENT ON FUNCTION api.withdraw_price(variant_id bigint, currency text, valid_from timestamp with time zone) IS 'Withdraws a price that is not in force yet; the audit log keeps it. Locks: the price. Errors: SH001, SH002, SH109, SH801.';

CREATE FUNCTION shop.act_as_customer(wanted uuid) RETURNS void
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'shop', 'pg_temp'
    AS $$
BEGIN
    IF shop.actor() IS NULL THEN
        PERFORM set_config('shop.actor', 'customer:' || wanted, true);
    END IF;
END
$$;

COMMENT ON FUNCTION shop.act_as_customer(wanted uuid) IS 'Names the customer as actor of this transaction, unless one is named.';

CREATE FUNCTION shop.actor() RETURNS text
    LANGUAGE plpgsql STABLE
    SET search_path TO 'pg_catalog', 'shop', 'pg_temp'
    AS $$
DECLARE
    who text := nullif(btrim(current_setting('shop.actor', true)), '');
BEGIN
    IF char_length(who) > 200 THEN
        RAISE EXCEPTION USING
            ERRCODE = 'SH109',
            MESSAGE = format('shop.actor has %s characters', char_length(who)),
            HINT = 'Name who acts in 200 characters at most: SET LOCAL shop.actor = ''staff:42''.';
    END IF;
    RETURN who;
END
$$;

COMMENT ON FUNCTION shop.actor() IS 'Who acts, from the setting shop.actor; NULL where nobody said. Refuses over 200 characters.';

CREATE FUNCTION shop.allocate_order(placed_order_id uuid, lines shop.priced_line[]) RETURNS boolean
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'shop', 'pg_temp'
    AS $$
DECLARE
    split bigint[];
    short jsonb;
BEGIN
    PERFORM pg_advisory_xact_lock_shared(gate)
    FROM (SELECT DISTINCT shop.slots_gate(variant_id) AS gate FROM unnest(lines) ORDER BY gate) AS bought;
    -- A statement of its own: it sees what was committed before the gates opened.
    SELECT array_agg(DISTINCT level.variant_id) INTO split
    FROM shop.stock_levels AS level
    WHERE level.variant_id = ANY (ARRAY(SELECT variant_id FROM unnest(lines))) AND level.slot > 0;

    IF split IS NOT NULL THEN
        BEGIN
            IF shop.insert_allocations(placed_order_id, lines, split) IS NULL THEN
                RETURN true;
            END IF;
            RAISE EXCEPTION USING ERRCODE = 'SH303', MESSAGE = 'gives back the locks of the first try';
        EXCEPTION WHEN SQLSTATE 'SH303' THEN
            NULL;
        END;
    END IF;
    short := shop.insert_allocations(placed_order_id, lines, '{}');
    IF short IS NOT NULL THEN
        RAISE EXCEPTION USING
            ERRCODE = 'SH303',
            MESSAGE = 'not enough in stock',
            HINT = 'Lower the quantities of the lines that DETAIL lists; nothing was reserved.',
            DETAIL = jsonb_build_object('short', short);
    END IF;
    RETURN true;
END
$$;

COMMENT ON FUNCTION shop.allocate_order(placed_order_id uuid, lines shop.priced_line[]) IS 'Allocates stock to an order: without waiting where stock is split over slots, else under locks in key order.';

CREATE FUNCTION shop.apply_payment_event() RETURNS trigger
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'shop', 'pg_temp'
    AS $$
DECLARE
    payment shop.payments;
    header shop.orders;
    totals record;
    lone_kind shop.payment_exception_kind;
BEGIN
    SELECT * INTO header FROM shop.orders
    WHERE order_id = (SELECT order_id FROM shop.payments WHERE payment_id = NEW.payment_id)
    FOR NO KEY UPDATE;
    SELECT * INTO payment FROM shop.payments WHERE payment_id = NEW.payment_id FOR NO KEY UPDATE;

    lone_kind := CASE
        WHEN NEW.payment_id IS NULL THEN 'unknown_payment'
        WHEN NEW.currency <> payment.currency THEN 'other_currency'
        WHEN NEW.kind = 'dispute_opened' THEN 'dispute'
        WHEN NEW.kind IN ('authorized', 'captured') AND header.status IN ('cancelled', 'expired') THEN 'after_end'
    END;
    IF lone_kind IS NOT NULL THEN
        INSERT INTO shop.payment_exceptions (payment_event_id, payment_id, kind, amount_minor, currency)
        VALUES (NEW.payment_event_id, NEW.payment_id, lone_kind, NEW.amount_minor, NEW.currency);
    END IF;
    IF NEW.payment_id IS NULL OR NEW.currency <> payment.currency THEN
        RETURN NULL;
    END IF;

    SELECT * INTO totals FROM shop.fold_payment_events(NEW.payment_id);
    UPDATE shop.payments AS p
    SET authorized_minor = totals.authorized, captured_minor = totals.captured, refunded_minor = totals.refunded,
        closed_at = totals.closed_at
    WHERE p.payment_id = NEW.payment_id;

    PERFORM shop.keep_payment_exception(NEW.payment_event_id, NEW.payment_id, NEW.currency, excess.kind, excess.minor)
    FROM shop.orders AS o
    CROSS JOIN LATERAL (VALUES
        ('over_capture', totals.over_captured),
        ('over_refund', totals.over_refunded),
        -- Several payments, each within its amount, can still be more than the order costs; and so can one, when a part was
        -- cancelled before its money came and nobody asked to give it back.
        ('over_payment', greatest(
            o.captured_minor - o.total_minor,
            CASE WHEN o.status IN ('pending', 'confirmed', 'completed')
            THEN o.captured_minor - (o.total_minor - o.cancelled_minor) - (
                SELECT sum(greatest(p.refunded_minor, p.refund_requested_minor))::bigint FROM shop.payments AS p
                WHERE p.order_id = o.order_id)
            ELSE 0 END,
            0)),
        -- The order was confirmed by money that is no longer promised.
        ('authorization_lost', CASE
            WHEN o.status IN ('confirmed', 'completed') AND totals.closed_at IS NOT NULL
            THEN greatest(o.total_minor - o.cancelled_minor - o.authorized_minor, 0) ELSE 0 END)
    ) AS excess (kind, minor)
    WHERE o.order_id = header.order_id;
    RETURN NULL;
END
$$;

COMMENT ON FUNCTION shop.apply_payment_event() IS 'Trigger: folds an event into its payment; what breaks a rule is listed in payment_exceptions.';

CREATE FUNCTION shop.apply_stock_movements() RETURNS trigger
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'shop', 'pg_temp'
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

COMMENT ON FUNCTION shop.apply_stock_movements() IS 'Trigger: adds the movements of one statement to the levels; transfers must balance.';

CREATE FUNCTION shop.audit() RETURNS trigger
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'shop', 'pg_temp'
    SET "TimeZone" TO 'UTC'
    AS $$
DECLARE
    who text := shop.actor();
    old_row jsonb := CASE WHEN TG_OP <> 'INSERT' THEN to_jsonb(OLD) ELSE '{}' END;
    new_row jsonb := CASE WHEN TG_OP <> 'DELETE' THEN to_jsonb(NEW) ELSE '{}' END;
    changes jsonb;
BEGIN
    IF who IS NULL THEN
        RAISE EXCEPTION USING
            ERRCODE = 'SH109',
            MESSAGE = format('%s on shop.%s needs an actor', TG_OP, TG_TABLE_NAME),
            HINT = 'Say who acts first: SET LOCAL shop.actor = ''staff:42''.',
            SCHEMA = TG_TABLE_SCHEMA, TABLE = TG_TABLE_NAME, CONSTRAINT = TG_NAME;
    END IF;

    SELECT jsonb_object_agg(
               key,
               CASE TG_ARGV[0] WHEN 'values' THEN jsonb_build_array(old_row -> key, new_row -> key) ELSE 'true' END)
    INTO changes
    FROM jsonb_object_keys(old_row || new_row) AS key
    WHERE old_row -> key IS DISTINCT FROM new_row -> key AND key <> 'updated_at';

    IF changes IS NOT NULL THEN
        INSERT INTO shop.audit_log (actor, action, table_name, row_key, changes)
        SELECT who, lower(TG_OP)::shop.audit_action, TG_TABLE_NAME,
               string_agg((old_row || new_row) ->> part, ',' ORDER BY position), changes
        FROM unnest(TG_ARGV[1:]) WITH ORDINALITY AS key (part, position);
    END IF;
    RETURN NULL;
END
$$;

COMMENT ON FUNCTION shop.audit() IS 'Trigger: writes who changed what to the audit log. Arguments: values or names, then the columns of the key.';

CREATE FUNCTION shop.bad_part_of_address(argument text, address api.address) RETURNS text[]
    LANGUAGE plpgsql IMMUTABLE
    SET search_path TO 'pg_catalog', 'shop', 'pg_temp'
    AS $$
BEGIN
    RETURN CASE
        WHEN (btrim(address.recipient) <> '' AND char_length(address.recipient) <= 200) IS NOT TRUE
            THEN ARRAY[argument || '.recipient', '1 to 200 characters']
        WHEN (btrim(address.line1) <> '' AND char_length(address.line1) <= 200) IS NOT TRUE
            THEN ARRAY[argument || '.line1', '1 to 200 characters']
        WHEN (btrim(address.city) <> '' AND char_length(address.city) <= 100) IS NOT TRUE
            THEN ARRAY[argument || '.city', '1 to 100 characters']
        WHEN btrim(address.company) = '' OR char_length(address.company) > 200
            THEN ARRAY[argument || '.company', 'NULL, or 1 to 200 characters']
        WHEN btrim(address.line2) = '' OR char_length(address.line2) > 200
            THEN ARRAY[argument || '.line2', 'NULL, or 1 to 200 characters']
        WHEN btrim(address.region) = '' OR char_length(address.region) > 100
            THEN ARRAY[argument || '.region', 'NULL, or 1 to 100 characters']
        WHEN btrim(address.postal_code) = '' OR char_length(address.postal_code) > 20
            THEN ARRAY[argument || '.postal_code', 'NULL, or 1 to 20 characters']
        WHEN btrim(address.phone) = '' OR char_length(address.phone) > 40
            THEN ARRAY[argument || '.phone', 'NULL, or 1 to 40 characters']
    END;
END
$$;

COMMENT ON FUNCTION shop.bad_part_of_address(argument text, address api.address) IS 'Name and rule of what order_addresses could not hold of an address, but for its country; NULL: nothing.';

CREATE FUNCTION shop.balance_journal() RETURNS trigger
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'shop', 'pg_temp'
    AS $$
DECLARE
    wrong text;
BEGIN
    SELECT min(format('entry %s (balance %s)', arrived.journal_id, arrived.balance)) INTO wrong
    FROM (
        SELECT journal_id, count(*) AS total, sum(amount_minor) AS balance FROM added GROUP BY journal_id
    ) AS arrived
    LEFT JOIN shop.journals AS header USING (journal_id)
    WHERE arrived.balance <> 0
       OR arrived.total IS DISTINCT FROM header.line_count::bigint
       OR arrived.total <> (SELECT count(*) FROM shop.journal_lines AS stored WHERE stored.journal_id = arrived.journal_id);
    IF wrong IS NOT NULL THEN
        RAISE EXCEPTION USING
            ERRCODE = 'SH104',
            MESSAGE = format('the lines of journal %s do not balance or are not those of its header', wrong),
            HINT = 'Insert the header, then all lines in one statement; debits and credits sum to 0.',
            SCHEMA = TG_TABLE_SCHEMA, TABLE = TG_TABLE_NAME, CONSTRAINT = TG_NAME;
    END IF;
    RETURN NULL;
END
$$;

COMMENT ON FUNCTION shop.balance_journal() IS 'Trigger: lines of an entry sum to zero, in one statement.';

CREATE TABLE shop.orders (
    order_id uuid DEFAULT uuidv7() NOT NULL,
    order_number bigint NOT NULL,
    cart_id uuid NOT NULL,
    request_digest bytea NOT NULL,
    customer_id uuid,
    contact_email text NOT NULL,
    contact_email_normalized text GENERATED ALWAYS AS (lower((NORMALIZE(contact_email, NFC) COLLATE pg_unicode_fast))) STORED NOT NULL,
    contact_phone text,
    currency text NOT NULL,
    country text NOT NULL,
    prices_include_tax boolean NOT NULL,
    is_tax_exempt boolean DEFAULT false NOT NULL,
    tax_number text,
    shipping_method_id bigint NOT NULL,
    shipping_method_name text NOT NULL,
    line_count smallint NOT NULL,
    unit_count integer NOT NULL,
    subtotal_minor bigint NOT NULL,
    discount_minor bigint DEFAULT 0 NOT NULL,
    shipping_minor bigint DEFAULT 0 NOT NULL,
    shipping_tax_minor bigint DEFAULT 0 NOT NULL,
    shipping_tax_count smallint DEFAULT 0 NOT NULL,
    tax_minor bigint DEFAULT 0 NOT NULL,
    total_minor bigint NOT NULL,
    status shop.order_status DEFAULT 'pending'::shop.order_status NOT NULL,
    intended_minor bigint DEFAULT 0 NOT NULL,
    authorized_minor bigint DEFAULT 0 NOT NULL,
    captured_minor bigint DEFAULT 0 NOT NULL,
    refunded_minor bigint DEFAULT 0 NOT NULL,
    cancelled_minor bigint DEFAULT 0 NOT NULL,
    shipped_units integer DEFAULT 0 NOT NULL,
    cancelled_units integer DEFAULT 0 NOT NULL,
    returned_units integer DEFAULT 0 NOT NULL,
    payment_status shop.order_payment_status GENERATED ALWAYS AS (
CASE
    WHEN ((captured_minor > 0) AND (refunded_minor = captured_minor)) THEN 'refunded'::shop.order_payment_status
    WHEN ((captured_minor = 0) AND (total_minor > 0) AND (authorized_minor > 0)) THEN 'authorized'::shop.order_payment_status
    WHEN ((captured_minor = 0) AND (total_minor > 0)) THEN 'none'::shop.order_payment_status
    WHEN (captured_minor >= (total_minor - cancelled_minor)) THEN 'full'::shop.order_payment_status
    ELSE 'partial'::shop.order_payment_status
END) STORED NOT NULL,
    fulfilment_status shop.order_fulfilment_status GENERATED ALWAYS AS (
CASE
    WHEN (shipped_units = 0) THEN 'none'::shop.order_fulfilment_status
    WHEN (returned_units = shipped_units) THEN 'returned'::shop.order_fulfilment_status
    WHEN ((shipped_units + cancelled_units) = unit_count) THEN 'full'::shop.order_fulfilment_status
    ELSE 'partial'::shop.order_fulfilment_status
END) STORED NOT NULL,
    placed_at timestamp with time zone DEFAULT now() NOT NULL,
    expires_at timestamp with time zone NOT NULL,
    CONSTRAINT ck_orders_cancelled_units_not_negative CHECK ((cancelled_units >= 0)),
    CONSTRAINT ck_orders_cancelled_within_total CHECK (((cancelled_minor >= 0) AND (cancelled_minor <= total_minor))),
    CONSTRAINT ck_orders_captured_within_authorized CHECK (((captured_minor >= 0) AND (captured_minor <= authorized_minor))),
    CONSTRAINT ck_orders_completed_is_fulfilled CHECK (((status <> 'completed'::shop.order_status) OR ((shipped_units + cancelled_units) = unit_count))),
    CONSTRAINT ck_orders_contact_email_format CHECK ((contact_email ~ '^[^@[:space:]]+@[^@[:space:]]+[.][^@[:space:].]+$'::text)),
    CONSTRAINT ck_orders_contact_email_length CHECK (((btrim(contact_email) <> ''::text) AND (char_length(contact_email) <= 254))),
    CONSTRAINT ck_orders_contact_phone_length CHECK (((btrim(contact_phone) <> ''::text) AND (char_length(contact_phone) <= 40))),
    CONSTRAINT ck_orders_discount_within_subtotal CHECK (((discount_minor >= 0) AND (discount_minor <= subtotal_minor))),
    CONSTRAINT ck_orders_ended_is_cancelled CHECK (((status <> ALL (ARRAY['cancelled'::shop.order_status, 'expired'::shop.order_status])) OR (cancelled_units = unit_count))),
    CONSTRAINT ck_orders_exempt_pays_no_tax CHECK (((NOT is_tax_exempt) OR (tax_minor = 0))),
    CONSTRAINT ck_orders_expires_after_placed CHECK ((expires_at > placed_at)),
    CONSTRAINT ck_orders_intended_within_total CHECK (((intended_minor >= 0) AND (intended_minor <= total_minor))),
    CONSTRAINT ck_orders_line_count_range CHECK (((line_count >= 1) AND (line_count <= 200))),
    CONSTRAINT ck_orders_order_id_is_uuidv7 CHECK ((uuid_extract_version(order_id) = 7)),
    CONSTRAINT ck_orders_refunded_within_captured CHECK (((refunded_minor >= 0) AND (refunded_minor <= captured_minor))),
    CONSTRAINT ck_orders_request_digest_is_sha256 CHECK ((octet_length(request_digest) = 32)),
    CONSTRAINT ck_orders_returned_within_shipped CHECK (((returned_units >= 0) AND (returned_units <= shipped_units))),
    CONSTRAINT ck_orders_shipped_is_confirmed CHECK (((shipped_units = 0) OR (status = ANY (ARRAY['confirmed'::shop.order_status, 'completed'::shop.order_status])))),
    CONSTRAINT ck_orders_shipped_units_not_negative CHECK ((shipped_units >= 0)),
    CONSTRAINT ck_orders_shipping_method_name_length CHECK (((btrim(shipping_method_name) <> ''::text) AND (char_length(shipping_method_name) <= 100))),
    CONSTRAINT ck_orders_shipping_minor_limit CHECK ((shipping_minor <= '1000000000000'::bigint)),
    CONSTRAINT ck_orders_shipping_minor_not_negative CHECK ((shipping_minor >= 0)),
    CONSTRAINT ck_orders_shipping_tax_count_not_negative CHECK ((shipping_tax_count >= 0)),
    CONSTRAINT ck_orders_shipping_tax_within_tax CHECK (((shipping_tax_minor >= 0) AND (shipping_tax_minor <= tax_minor))),
    CONSTRAINT ck_orders_subtotal_minor_limit CHECK ((subtotal_minor <= '1000000000000'::bigint)),
    CONSTRAINT ck_orders_subtotal_minor_not_negative CHECK ((subtotal_minor >= 0)),
    CONSTRAINT ck_orders_tax_number_length CHECK (((btrim(tax_number) <> ''::text) AND (char_length(tax_number) <= 40))),
    CONSTRAINT ck_orders_total_adds_up CHECK ((total_minor = (((subtotal_minor - discount_minor) + shipping_minor) +
CASE
    WHEN prices_include_tax THEN (0)::bigint
    ELSE tax_minor
END))),
    CONSTRAINT ck_orders_unit_count_covers_lines CHECK ((unit_count >= line_count)),
    CONSTRAINT ck_orders_units_within_ordered CHECK (((shipped_units + cancelled_units) <= unit_count))
)
WITH (fillfactor='70');

COMMENT ON TABLE shop.orders IS 'Orders. Placing one is the reservation of its stock; one cart makes at most one order.';

COMMENT ON COLUMN shop.orders.order_id IS 'Key of the order, a UUIDv7 the client makes, so that a retry is harmless.';

COMMENT ON COLUMN shop.orders.order_number IS 'Number for people, from a sequence: unique and ascending, with gaps where a checkout was refused.';

COMMENT ON COLUMN shop.orders.cart_id IS 'The cart it was made from. Unique: a double submit is one order.';

COMMENT ON COLUMN shop.orders.request_digest IS 'SHA-256 of the request: the same key with other content is refused.';

COMMENT ON COLUMN shop.orders.customer_id IS 'The customer; NULL for a guest.';

COMMENT ON COLUMN shop.orders.contact_email IS 'Where messages about the order go.';

COMMENT ON COLUMN shop.orders.contact_email_normalized IS 'The address in NFC and lower case, to find a guest''s orders. Generated.';

COMMENT ON COLUMN shop.orders.contact_phone IS 'Telephone for questions about the order.';

COMMENT ON COLUMN shop.orders.currency IS 'Currency of every amount of the order.';

COMMENT ON COLUMN shop.orders.country IS 'Country of destination, which decides the taxes.';

COMMENT ON COLUMN shop.orders.prices_include_tax IS 'Copied from the country: whether prices contained the tax.';

COMMENT ON COLUMN shop.orders.is_tax_exempt IS 'Copied from the customer: no tax was charged.';

COMMENT ON COLUMN shop.orders.tax_number IS 'Copied from the customer: tax number of a business.';

COMMENT ON COLUMN shop.orders.shipping_method_id IS 'How it is delivered.';

COMMENT ON COLUMN shop.orders.shipping_method_name IS 'Copied from the method.';

COMMENT ON COLUMN shop.orders.line_count IS 'Number of its lines.';

COMMENT ON COLUMN shop.orders.unit_count IS 'Units over all lines.';

COMMENT ON COLUMN shop.orders.subtotal_minor IS 'Sum of the lines before discount, in the minor unit.';

COMMENT ON COLUMN shop.orders.discount_minor IS 'Discount over all lines, in the minor unit.';

COMMENT ON COLUMN shop.orders.shipping_minor IS 'Shipping charge, in the minor unit.';

COMMENT ON COLUMN shop.orders.shipping_tax_minor IS 'Tax on shipping; part of tax_minor.';

COMMENT ON COLUMN shop.orders.shipping_tax_count IS 'Number of its shipping tax rows.';

COMMENT ON COLUMN shop.orders.tax_minor IS 'All taxes; inside the prices or on top, as prices_include_tax says.';

COMMENT ON COLUMN shop.orders.total_minor IS 'What the customer owes, in the minor unit.';

COMMENT ON COLUMN shop.orders.status IS 'pending, confirmed, completed, cancelled or expired; moves only as order_transitions lists.';

COMMENT ON COLUMN shop.orders.intended_minor IS 'Sum of its payments that are not closed. Kept by trigger.';

COMMENT ON COLUMN shop.orders.authorized_minor IS 'Sum authorized over its payments. Kept by trigger.';

COMMENT ON COLUMN shop.orders.captured_minor IS 'Sum captured over its payments. Kept by trigger.';

COMMENT ON COLUMN shop.orders.refunded_minor IS 'Sum refunded over its payments. Kept by trigger.';

COMMENT ON COLUMN shop.orders.cancelled_minor IS 'Value of what was cancelled, so no longer owed. Kept by trigger.';

COMMENT ON COLUMN shop.orders.shipped_units IS 'Units shipped. Kept by trigger.';

COMMENT ON COLUMN shop.orders.cancelled_units IS 'Units cancelled. Kept by trigger.';

COMMENT ON COLUMN shop.orders.returned_units IS 'Units received back. Kept by trigger.';

COMMENT ON COLUMN shop.orders.payment_status IS 'none, authorized, partial, full or refunded. Generated from the counters.';

COMMENT ON COLUMN shop.orders.fulfilment_status IS 'none, partial, full or returned. Generated from the counters.';

COMMENT ON COLUMN shop.orders.placed_at IS 'When it was placed.';

COMMENT ON COLUMN shop.orders.expires_at IS 'Until when it must be paid; then it expires and frees its stock.';

CREATE FUNCTION shop.cancel_units(header shop.orders, key uuid, line_numbers smallint[], units integer[], why text) RETURNS void
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'shop', 'pg_temp'
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

COMMENT ON FUNCTION shop.cancel_units(header shop.orders, key uuid, line_numbers smallint[], units integer[], why text) IS 'Releases the stock of units of an order and counts them as cancelled.';

CREATE FUNCTION shop.cart_lifetime() RETURNS interval
    LANGUAGE sql IMMUTABLE
    RETURN '30 days'::interval;

COMMENT ON FUNCTION shop.cart_lifetime() IS 'How long an open cart lives after its last change.';

CREATE FUNCTION shop.check_coupon_terms() RETURNS trigger
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'shop', 'pg_temp'
    AS $$
BEGIN
    IF NEW.coupon_id <> OLD.coupon_id OR NEW.created_at <> OLD.created_at
       OR EXISTS (SELECT FROM shop.coupon_redemptions WHERE coupon_id = OLD.coupon_id) THEN
        RAISE EXCEPTION USING
            ERRCODE = 'SH102',
            MESSAGE = format('coupon %s stays what it was issued as', OLD.code),
            HINT = 'Switch it off (is_active) and issue another.',
            SCHEMA = TG_TABLE_SCHEMA, TABLE = TG_TABLE_NAME, CONSTRAINT = TG_NAME;
    END IF;
    RETURN NEW;
END
$$;

COMMENT ON FUNCTION shop.check_coupon_terms() IS 'Trigger: key and birth of a coupon never change, its code, value and currency not once it was used.';

CREATE FUNCTION shop.check_customer_limit() RETURNS trigger
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'shop', 'pg_temp'
    AS $$
DECLARE
    most bigint;
BEGIN
    SELECT max(uses) INTO most FROM shop.coupon_uses_by_customer(NEW.coupon_id);
    IF most > NEW.per_customer_limit THEN
        RAISE EXCEPTION USING
            ERRCODE = 'SH112',
            MESSAGE = format('a customer has used coupon %s %s times already', NEW.coupon_id, most),
            HINT = 'Switch the coupon off (is_active) and issue another.',
            SCHEMA = TG_TABLE_SCHEMA, TABLE = TG_TABLE_NAME, CONSTRAINT = TG_NAME;
    END IF;
    RETURN NEW;
END
$$;

COMMENT ON FUNCTION shop.check_customer_limit() IS 'Trigger: a limit per customer is not lowered below what was used.';

CREATE FUNCTION shop.check_order_transition() RETURNS trigger
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'shop', 'pg_temp'
    AS $$
DECLARE
    lacks text;
BEGIN
    IF NOT EXISTS (
        SELECT FROM shop.order_transitions WHERE from_status = OLD.status AND to_status = NEW.status
    ) THEN
        RAISE EXCEPTION USING
            ERRCODE = 'SH105',
            MESSAGE = format('order %s is %s and cannot become %s', OLD.order_id, OLD.status, NEW.status),
            HINT = 'The table order_transitions lists the legal moves.',
            SCHEMA = TG_TABLE_SCHEMA, TABLE = TG_TABLE_NAME, CONSTRAINT = TG_NAME;
    END IF;
    lacks := CASE
        WHEN NEW.status = 'confirmed' AND OLD.authorized_minor < OLD.total_minor - OLD.cancelled_minor
            THEN 'it is not paid for'
        WHEN NEW.status = 'expired' AND OLD.authorized_minor > 0 THEN 'it is paid for, at least in part'
        WHEN NEW.status = 'expired' AND OLD.expires_at > now() THEN 'its time is not over'
    END;
    IF lacks IS NOT NULL THEN
        RAISE EXCEPTION USING
            ERRCODE = 'SH111',
            MESSAGE = format('order %s cannot become %s: %s', OLD.order_id, NEW.status, lacks),
            HINT = 'Confirmed: authorized or captured in full, or free. Expired: past expires_at, and nothing authorized.',
            SCHEMA = TG_TABLE_SCHEMA, TABLE = TG_TABLE_NAME, CONSTRAINT = TG_NAME;
    END IF;
    RETURN NEW;
END
$$;

COMMENT ON FUNCTION shop.check_order_transition() IS 'Trigger: an order moves only as order_transitions lists, is confirmed when paid for and expires when it is not.';

CREATE FUNCTION shop.compare_invoice_with_order() RETURNS trigger
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'shop', 'pg_temp'
    AS $$
BEGIN
    PERFORM FROM shop.orders
    WHERE order_id = NEW.order_id AND status IN ('confirmed', 'completed')
      AND total_minor - cancelled_minor = NEW.total_minor AND tax_minor >= NEW.tax_minor
    FOR NO KEY UPDATE;
    IF NOT FOUND THEN
        RAISE EXCEPTION USING
            ERRCODE = 'SH104',
            MESSAGE = format('the invoice of order %s is not for what it costs', NEW.order_id),
            HINT = 'Bill a confirmed order: its total less what was cancelled.',
            SCHEMA = TG_TABLE_SCHEMA, TABLE = TG_TABLE_NAME, CONSTRAINT = TG_NAME;
    END IF;
    RETURN NULL;
END
$$;

COMMENT ON FUNCTION shop.compare_invoice_with_order() IS 'Trigger: an invoice is for what its order costs.';

CREATE FUNCTION shop.compare_lines_with_taxes() RETURNS trigger
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'shop', 'pg_temp'
    AS $$
DECLARE
    wrong_order text;
BEGIN
    SELECT min(line.order_id::text) INTO wrong_order
    FROM shop.order_items AS line
    WHERE line.order_id = ANY (ARRAY(SELECT order_id FROM added))
      AND (line.tax_count, line.tax_minor) <> (
              SELECT count(*), coalesce(sum(tax.tax_minor), 0) FROM shop.order_item_taxes AS tax
              WHERE tax.order_id = line.order_id AND tax.line_number = line.line_number);
    IF wrong_order IS NOT NULL THEN
        RAISE EXCEPTION USING
            ERRCODE = 'SH104',
            MESSAGE = format('the taxes of order %s do not add up to its lines', wrong_order),
            HINT = 'Insert all taxes of an order in one statement; they are never added later.',
            SCHEMA = TG_TABLE_SCHEMA, TABLE = TG_TABLE_NAME, CONSTRAINT = TG_NAME;
    END IF;
    RETURN NULL;
END
$$;

COMMENT ON FUNCTION shop.compare_lines_with_taxes() IS 'Trigger: taxes of a line sum to it, in one statement.';

CREATE FUNCTION shop.compare_order_with_lines() RETURNS trigger
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'shop', 'pg_temp'
    AS $$
DECLARE
    wrong_order text;
BEGIN
    SELECT min(header.order_id::text) INTO wrong_order
    FROM shop.orders AS header
    WHERE header.order_id = ANY (ARRAY(SELECT order_id FROM added))
      AND (header.line_count, header.unit_count, header.subtotal_minor, header.discount_minor,
           header.tax_minor - header.shipping_tax_minor, header.prices_include_tax, header.prices_include_tax) <> (
              SELECT count(*), sum(line.quantity), sum(line.subtotal_minor), sum(line.discount_minor), sum(line.tax_minor),
                     bool_and(line.prices_include_tax), bool_or(line.prices_include_tax)
              FROM shop.order_items AS line WHERE line.order_id = header.order_id);
    IF wrong_order IS NOT NULL THEN
        RAISE EXCEPTION USING
            ERRCODE = 'SH104',
            MESSAGE = format('the lines of order %s do not add up to its header', wrong_order),
            HINT = 'Insert the header, then all lines in one statement; lines are never added later.',
            SCHEMA = TG_TABLE_SCHEMA, TABLE = TG_TABLE_NAME, CONSTRAINT = TG_NAME;
    END IF;
    RETURN NULL;
END
$$;

COMMENT ON FUNCTION shop.compare_order_with_lines() IS 'Trigger: lines of an order sum to its header, in one statement.';

CREATE FUNCTION shop.compare_order_with_shipping_taxes() RETURNS trigger
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'shop', 'pg_temp'
    AS $$
DECLARE
    wrong_order text;
BEGIN
    SELECT min(header.order_id::text) INTO wrong_order
    FROM shop.orders AS header
    WHERE header.order_id = ANY (ARRAY(SELECT order_id FROM added))
      AND (header.shipping_tax_count, header.shipping_tax_minor) <> (
              SELECT count(*), sum(tax.tax_minor) FROM shop.order_shipping_taxes AS tax
              WHERE tax.order_id = header.order_id);
    IF wrong_order IS NOT NULL THEN
        RAISE EXCEPTION USING
            ERRCODE = 'SH104',
            MESSAGE = format('the shipping taxes of order %s do not add up to its header', wrong_order),
            HINT = 'Insert all shipping taxes of an order in one statement; they are never added later.',
            SCHEMA = TG_TABLE_SCHEMA, TABLE = TG_TABLE_NAME, CONSTRAINT = TG_NAME;
    END IF;
    RETURN NULL;
END
$$;

COMMENT ON FUNCTION shop.compare_order_with_shipping_taxes() IS 'Trigger: shipping taxes sum to the order''s.';

CREATE FUNCTION shop.confirm_if_covered(wanted uuid) RETURNS void
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'shop', 'pg_temp'
    AS $$
BEGIN
    UPDATE shop.orders SET status = 'confirmed'
    WHERE order_id = wanted AND status = 'pending' AND authorized_minor >= total_minor - cancelled_minor;
    IF FOUND THEN
        PERFORM shop.tell_outbox('order', wanted::text, 'order.confirmed', jsonb_build_object('order_id', wanted));
    END IF;
END
$$;

COMMENT ON FUNCTION shop.confirm_if_covered(wanted uuid) IS 'Confirms a pending order that is paid for, authorized in full, or free.';

CREATE FUNCTION shop.convert_cart() RETURNS trigger
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'shop', 'pg_temp'
    AS $$
BEGIN
    UPDATE shop.carts SET status = 'converted'
    WHERE cart_id = NEW.cart_id
      AND status = 'open'
      AND customer_id IS NOT DISTINCT FROM NEW.customer_id
      AND currency = NEW.currency;
    IF NOT FOUND AND EXISTS (SELECT FROM shop.carts WHERE cart_id = NEW.cart_id) THEN
        RAISE EXCEPTION USING
            ERRCODE = 'SH106',
            MESSAGE = format('cart %s is not open, or belongs to another customer or currency', NEW.cart_id),
            HINT = 'An order is made from an open cart of the same customer in the same currency.',
            SCHEMA = TG_TABLE_SCHEMA, TABLE = TG_TABLE_NAME, CONSTRAINT = TG_NAME;
    END IF;
    RETURN NULL;
END
$$;

COMMENT ON FUNCTION shop.convert_cart() IS 'Trigger: placing an order converts its cart.';

CREATE FUNCTION shop.count_cancellations() RETURNS trigger
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'shop', 'pg_temp'
    AS $$
BEGIN
    PERFORM FROM shop.order_items
    WHERE order_id = ANY (ARRAY(SELECT DISTINCT order_id FROM added))
      AND (order_id, line_number) IN (SELECT order_id, line_number FROM added)
    ORDER BY order_id, line_number
    FOR NO KEY UPDATE;
    UPDATE shop.order_items AS line
    SET cancelled_quantity = line.cancelled_quantity + change.quantity
    FROM (
        SELECT order_id, line_number, sum(quantity)::integer AS quantity FROM added GROUP BY order_id, line_number
    ) AS change
    WHERE (line.order_id, line.line_number) = (change.order_id, change.line_number);
    RETURN NULL;
END
$$;

COMMENT ON FUNCTION shop.count_cancellations() IS 'Trigger: cancellations count on their lines.';

CREATE FUNCTION shop.count_cart_change() RETURNS trigger
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'shop', 'pg_temp'
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

COMMENT ON FUNCTION shop.count_cart_change() IS 'Trigger: lines of a cart change only while it is open, and each transaction that changes them raises its version.';

CREATE FUNCTION shop.count_credit_note() RETURNS trigger
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'shop', 'pg_temp'
    AS $$
BEGIN
    UPDATE shop.invoices SET credited_minor = credited_minor + NEW.amount_minor WHERE invoice_id = NEW.invoice_id;
    RETURN NULL;
END
$$;

COMMENT ON FUNCTION shop.count_credit_note() IS 'Trigger: a credit note counts on its invoice, whose CHECK limits it.';

CREATE FUNCTION shop.count_document() RETURNS trigger
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'shop', 'pg_temp'
    AS $$
BEGIN
    UPDATE shop.document_series SET last_number = greatest(last_number, NEW.number) WHERE series = NEW.series;
    RETURN NULL;
END
$$;

COMMENT ON FUNCTION shop.count_document() IS 'Trigger: a document that was stored counts in its series.';

CREATE FUNCTION shop.count_payment_change_on_order() RETURNS trigger
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'shop', 'pg_temp'
    AS $$
BEGIN
    UPDATE shop.orders AS header
    SET intended_minor = header.intended_minor + change.intended,
        authorized_minor = header.authorized_minor + change.authorized,
        captured_minor = header.captured_minor + change.captured,
        refunded_minor = header.refunded_minor + change.refunded
    FROM (
        SELECT after.order_id,
               sum(CASE WHEN after.closed_at IS NULL THEN after.amount_minor ELSE 0 END
                   - CASE WHEN before.closed_at IS NULL THEN before.amount_minor ELSE 0 END)::bigint AS intended,
               sum(after.authorized_minor - before.authorized_minor)::bigint AS authorized,
               sum(after.captured_minor - before.captured_minor)::bigint AS captured,
               sum(after.refunded_minor - before.refunded_minor)::bigint AS refunded
        FROM after
        JOIN before USING (payment_id)
        GROUP BY after.order_id
    ) AS change
    WHERE header.order_id = change.order_id
      AND (change.intended, change.authorized, change.captured, change.refunded) <> (0, 0, 0, 0);
    RETURN NULL;
END
$$;

COMMENT ON FUNCTION shop.count_payment_change_on_order() IS 'Trigger: sums of payments add up on their order.';

CREATE FUNCTION shop.count_payment_on_order() RETURNS trigger
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'shop', 'pg_temp'
    AS $$
DECLARE
    ended text;
BEGIN
    UPDATE shop.orders AS header
    SET intended_minor = header.intended_minor + change.intended
    FROM (SELECT order_id, sum(amount_minor)::bigint AS intended FROM added GROUP BY order_id) AS change
    WHERE header.order_id = change.order_id;

    SELECT min(format('order %s is %s', order_id, status)) INTO ended
    FROM shop.orders
    WHERE order_id = ANY (ARRAY(SELECT DISTINCT order_id FROM added))
      AND (status NOT IN ('pending', 'confirmed')
           -- What was cancelled is no longer owed, and what a closed payment captured is paid.
           OR intended_minor + (
               SELECT coalesce(sum(closed.captured_minor), 0) FROM shop.payments AS closed
               WHERE closed.order_id = orders.order_id AND closed.closed_at IS NOT NULL
           ) > total_minor - cancelled_minor);
    IF ended IS NOT NULL THEN
        RAISE EXCEPTION USING
            ERRCODE = 'SH111',
            MESSAGE = format('%s: that much is not to be paid', ended),
            HINT = 'Pay what is owed of an order that is not over: its total less what was cancelled or is paid.',
            SCHEMA = TG_TABLE_SCHEMA, TABLE = TG_TABLE_NAME, CONSTRAINT = TG_NAME;
    END IF;
    RETURN NULL;
END
$$;

COMMENT ON FUNCTION shop.count_payment_on_order() IS 'Trigger: a payment is started for an order that is not over, and counts as intended on it.';

CREATE FUNCTION shop.count_redemption() RETURNS trigger
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'shop', 'pg_temp'
    AS $$
DECLARE
    per_customer integer;
    used integer;
BEGIN
    -- An order takes its coupon with it when it is placed, never later: the discount in its header says which it was.
    IF NOT EXISTS (
        SELECT FROM shop.orders AS header
        JOIN shop.coupons AS coupon ON coupon.coupon_id = NEW.coupon_id
        WHERE header.order_id = NEW.order_id AND header.discount_minor = NEW.discount_minor AND header.status = 'pending'
          AND coalesce(coupon.currency = header.currency, true)
    ) THEN
        RAISE EXCEPTION USING
            ERRCODE = 'SH104',
            MESSAGE = format('order %s was not placed with a discount of %s by coupon %s', NEW.order_id,
                NEW.discount_minor, NEW.coupon_id),
            HINT = 'Insert the redemption with its order; discount and currency are those of both.',
            SCHEMA = TG_TABLE_SCHEMA, TABLE = TG_TABLE_NAME, CONSTRAINT = TG_NAME;
    END IF;

    UPDATE shop.coupons SET times_used = times_used + 1
    WHERE coupon_id = NEW.coupon_id
    RETURNING per_customer_limit INTO per_customer;

    IF per_customer IS NOT NULL THEN
        SELECT count(*) INTO used
        FROM shop.orders AS mine
        JOIN shop.orders AS other
          ON other.customer_id = mine.customer_id OR other.contact_email_normalized = mine.contact_email_normalized
        JOIN shop.coupon_redemptions AS redemption ON redemption.order_id = other.order_id
        WHERE mine.order_id = NEW.order_id
          AND redemption.coupon_id = NEW.coupon_id
          AND redemption.released_at IS NULL;
        IF used > per_customer THEN
            RAISE EXCEPTION USING
                ERRCODE = 'SH112',
                MESSAGE = format('coupon %s may be used %s times by one customer', NEW.coupon_id, per_customer),
                HINT = 'Place the order without the coupon.',
                SCHEMA = TG_TABLE_SCHEMA, TABLE = TG_TABLE_NAME, CONSTRAINT = TG_NAME;
        END IF;
    END IF;
    RETURN NULL;
END
$$;

COMMENT ON FUNCTION shop.count_redemption() IS 'Trigger: a redemption counts against both limits of its coupon.';

CREATE FUNCTION shop.count_refund() RETURNS trigger
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'shop', 'pg_temp'
    AS $$
DECLARE
    amount bigint := CASE TG_OP WHEN 'INSERT' THEN NEW.amount_minor ELSE -NEW.amount_minor END;
BEGIN
    -- Money that the provider gave back without being asked stands in no request, and is gone all the same.
    IF TG_OP = 'INSERT' AND EXISTS (
        SELECT FROM (SELECT * FROM shop.payments WHERE payment_id = NEW.payment_id FOR NO KEY UPDATE) AS payment
        WHERE refunded_minor > refund_requested_minor AND amount > captured_minor - refunded_minor
    ) THEN
        RAISE EXCEPTION USING
            ERRCODE = 'SH111',
            MESSAGE = format('payment %s was refunded already, by its provider', NEW.payment_id),
            HINT = 'Request no more than is left of what was captured.',
            SCHEMA = TG_TABLE_SCHEMA, TABLE = TG_TABLE_NAME, CONSTRAINT = TG_NAME;
    END IF;
    UPDATE shop.returns SET refund_requested_minor = refund_requested_minor + amount
    WHERE return_id = NEW.return_id;
    UPDATE shop.payments SET refund_requested_minor = refund_requested_minor + amount
    WHERE payment_id = NEW.payment_id;
    RETURN NULL;
END
$$;

COMMENT ON FUNCTION shop.count_refund() IS 'Trigger: a refund counts on payment and return while it is pending or succeeded; their CHECKs limit it.';

CREATE FUNCTION shop.count_return_items() RETURNS trigger
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'shop', 'pg_temp'
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

COMMENT ON FUNCTION shop.count_return_items() IS 'Trigger: items are announced and received only while the return is requested, and count on it.';

CREATE FUNCTION shop.count_units_on_order() RETURNS trigger
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'shop', 'pg_temp'
    AS $$
BEGIN
    UPDATE shop.orders AS header
    SET shipped_units = header.shipped_units + change.shipped,
        cancelled_units = header.cancelled_units + change.cancelled,
        returned_units = header.returned_units + change.returned,
        cancelled_minor = CASE
            WHEN header.cancelled_units + change.cancelled = header.unit_count THEN header.total_minor
            ELSE header.cancelled_minor + change.cancelled_value
        END
    FROM (
        SELECT after.order_id,
               sum(after.shipped_quantity - before.shipped_quantity)::integer AS shipped,
               sum(after.cancelled_quantity - before.cancelled_quantity)::integer AS cancelled,
               sum(after.returned_quantity - before.returned_quantity)::integer AS returned,
               sum(div(after.total_minor::numeric * after.cancelled_quantity, after.quantity)
                   - div(before.total_minor::numeric * before.cancelled_quantity, before.quantity))::bigint
                   AS cancelled_value
        FROM after
        JOIN before USING (order_id, line_number)
        WHERE (after.shipped_quantity, after.cancelled_quantity, after.returned_quantity)
            <> (before.shipped_quantity, before.cancelled_quantity, before.returned_quantity)
        GROUP BY after.order_id
    ) AS change
    WHERE header.order_id = change.order_id;
    RETURN NULL;
END
$$;

COMMENT ON FUNCTION shop.count_units_on_order() IS 'Trigger: counters of lines add up on their order.';

CREATE FUNCTION shop.coupon_uses_by_customer(wanted_coupon_id bigint) RETURNS TABLE(uses bigint)
    LANGUAGE sql STABLE
    SET search_path TO 'pg_catalog', 'shop', 'pg_temp'
    AS $$
    SELECT count(*)
    FROM shop.coupon_redemptions
    JOIN shop.orders USING (order_id)
    WHERE coupon_id = wanted_coupon_id AND released_at IS NULL
    GROUP BY contact_email_normalized
    UNION ALL
    SELECT count(*)
    FROM shop.coupon_redemptions
    JOIN shop.orders USING (order_id)
    WHERE coupon_id = wanted_coupon_id AND released_at IS NULL AND customer_id IS NOT NULL
    GROUP BY customer_id
$$;

COMMENT ON FUNCTION shop.coupon_uses_by_customer(wanted_coupon_id bigint) IS 'How often each customer, and each e-mail address, used a coupon.';

CREATE FUNCTION shop.decoy_hash() RETURNS text
    LANGUAGE sql STABLE
    SET search_path TO 'pg_catalog', 'shop', 'pg_temp'
    AS $_$
    SELECT coalesce((
        SELECT costs || regexp_replace(substr(password_hash, char_length(costs) + 1), '[^$]', zero, 'g')
        FROM (
            SELECT password_hash, coalesce(bcrypt, substring(password_hash FROM '^(.*[$])[^$]+[$][^$]+$')) AS costs,
                   CASE WHEN bcrypt IS NULL THEN 'A' ELSE '.' END AS zero
            FROM shop.customer_credentials
            CROSS JOIN LATERAL (SELECT substring(password_hash FROM '^[$]2[aby][$][0-9]{2}[$]') AS bcrypt) AS kind
            ORDER BY customer_id DESC LIMIT 1
        ) AS newest
    ), '$scrypt$ln=17,r=8,p=1$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA')
$_$;

COMMENT ON FUNCTION shop.decoy_hash() IS 'What an unknown address is verified against: as costly as the newest account''s hash, and matched by no password.';

CREATE FUNCTION shop.end_order(header shop.orders, ended shop.order_status, why text) RETURNS void
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'shop', 'pg_temp'
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

COMMENT ON FUNCTION shop.end_order(header shop.orders, ended shop.order_status, why text) IS 'Cancels all units of an order, moves its status, gives its coupon back.';

CREATE FUNCTION shop.erase_now(who uuid, address text, is_theirs boolean) RETURNS TABLE(what text, erased bigint)
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'shop', 'pg_temp'
    AS $$
#variable_conflict use_column
DECLARE
    contacts uuid[];
BEGIN
    -- Customer, cart, order, as everywhere. A checkout that holds the cart is waited for, and its order found below; one
    -- that comes later finds the cart expired.
    PERFORM FROM shop.customers WHERE customer_id = who FOR NO KEY UPDATE;
    RETURN QUERY WITH gone AS (
        UPDATE shop.carts SET status = 'expired' WHERE customer_id = who AND status = 'open' RETURNING 1
    ) SELECT 'carts expired', count(*) FROM gone;

    SELECT array_agg(order_id) INTO contacts
    FROM (
        SELECT order_id FROM shop.orders
        WHERE order_id IN (
                  SELECT order_id FROM shop.orders WHERE customer_id = who
                  UNION
                  SELECT order_id FROM shop.orders WHERE contact_email_normalized = address AND is_theirs)
          AND (contact_email <> shop.erased_email(order_id) OR contact_phone IS NOT NULL)
        ORDER BY order_id
        FOR NO KEY UPDATE
    ) AS locked;
    UPDATE shop.orders SET contact_email = shop.erased_email(order_id), contact_phone = NULL
    WHERE order_id = ANY (contacts);
    INSERT INTO shop.outbox_events (aggregate_type, aggregate_id, event_type, payload)
    SELECT 'order', key, 'order.contact_erased', jsonb_build_object('order_id', key) FROM unnest(contacts) AS key;
    RETURN QUERY SELECT 'orders', coalesce(cardinality(contacts), 0)::bigint;

    RETURN QUERY WITH gone AS (
        DELETE FROM shop.customer_credentials WHERE customer_id = who RETURNING 1
    ) SELECT 'customer_credentials', count(*) FROM gone;
    RETURN QUERY WITH gone AS (
        DELETE FROM shop.login_sessions WHERE customer_id = who RETURNING 1
    ) SELECT 'login_sessions', count(*) FROM gone;
    RETURN QUERY WITH gone AS (
        DELETE FROM shop.account_tokens WHERE customer_id = who RETURNING 1
    ) SELECT 'account_tokens', count(*) FROM gone;
    RETURN QUERY WITH gone AS (
        DELETE FROM shop.login_attempts
        WHERE customer_id = who OR email_digest = sha256(convert_to(address, 'UTF8')) RETURNING 1
    ) SELECT 'login_attempts', count(*) FROM gone;
    RETURN QUERY WITH gone AS (
        UPDATE shop.addresses
        SET recipient = 'erased', company = NULL, line1 = 'erased', line2 = NULL, city = 'erased', region = NULL,
            postal_code = NULL, phone = NULL, is_default_shipping = false, is_default_billing = false,
            archived_at = coalesce(archived_at, greatest(now(), created_at))
        WHERE customer_id = who
          AND ((recipient, line1, city) <> ('erased', 'erased', 'erased')
               OR (company, line2, region, postal_code, phone) IS DISTINCT FROM (NULL, NULL, NULL, NULL, NULL)
               OR archived_at IS NULL)
        RETURNING 1
    ) SELECT 'addresses', count(*) FROM gone;

    RETURN QUERY WITH gone AS (
        UPDATE shop.customers
        SET email = shop.erased_email(customer_id), full_name = 'erased', phone = NULL, tax_number = NULL,
            email_verified_at = NULL, marketing_consent_at = NULL, status = 'erased', erased_at = now()
        WHERE customer_id = who AND status <> 'erased'
        RETURNING customer_id
    ), told AS (
        INSERT INTO shop.outbox_events (aggregate_type, aggregate_id, event_type, payload)
        SELECT 'customer', customer_id, 'customer.erased', jsonb_build_object('customer_id', customer_id) FROM gone
        RETURNING 1
    ) SELECT 'customers', count(*) FROM told;
END
$$;

COMMENT ON FUNCTION shop.erase_now(who uuid, address text, is_theirs boolean) IS 'Erases what pii_columns lists as now, of a customer and of the orders with an address, if it is known to be theirs.';

CREATE FUNCTION shop.erased_email(key uuid) RETURNS text
    LANGUAGE sql IMMUTABLE
    SET search_path TO 'pg_catalog', 'shop', 'pg_temp'
    RETURN (('erased-'::text || key) || '@erased.invalid'::text);

COMMENT ON FUNCTION shop.erased_email(key uuid) IS 'What takes the place of an e-mail address; no mail can be sent there.';

CREATE FUNCTION shop.fold_payment_events(wanted_payment_id uuid, OUT authorized bigint, OUT captured bigint, OUT refunded bigint, OUT over_captured bigint, OUT over_refunded bigint, OUT closed_at timestamp with time zone) RETURNS record
    LANGUAGE sql STABLE
    SET search_path TO 'pg_catalog', 'shop', 'pg_temp'
    AS $$
    SELECT CASE WHEN closed_at IS NULL THEN least(greatest(authorized, captured), amount_minor)
                ELSE least(captured, amount_minor) END,
           least(captured, amount_minor),
           least(refunded, captured, amount_minor),
           greatest(captured - amount_minor, 0),
           greatest(refunded - least(captured, amount_minor), 0),
           -- The transaction of an event can have begun before that of its payment.
           CASE WHEN closed_at IS NOT NULL THEN greatest(closed_at, created_at) END
    FROM (
        SELECT payment.amount_minor, payment.created_at,
               coalesce(sum(event.amount_minor) FILTER (WHERE event.kind = 'authorized'), 0)::bigint AS authorized,
               coalesce(sum(event.amount_minor) FILTER (WHERE event.kind = 'captured'), 0)::bigint AS captured,
               coalesce(sum(event.amount_minor) FILTER (WHERE event.kind = 'refunded'), 0)::bigint AS refunded,
               min(event.received_at) FILTER (WHERE event.kind IN ('voided', 'failed')) AS closed_at
        FROM shop.payments AS payment
        LEFT JOIN shop.payment_events AS event
          ON event.payment_id = payment.payment_id AND event.currency = payment.currency
        WHERE payment.payment_id = wanted_payment_id
        GROUP BY payment.payment_id
    ) AS totals
$$;

COMMENT ON FUNCTION shop.fold_payment_events(wanted_payment_id uuid, OUT authorized bigint, OUT captured bigint, OUT refunded bigint, OUT over_captured bigint, OUT over_refunded bigint, OUT closed_at timestamp with time zone) IS 'Totals of a payment by the set of its events.';

CREATE FUNCTION shop.given_back_beyond_owed(header shop.orders) RETURNS bigint
    LANGUAGE sql STABLE
    SET search_path TO 'pg_catalog', 'shop', 'pg_temp'
    AS $$
    SELECT greatest(
        (SELECT coalesce(sum(amount_minor), 0) FROM shop.refunds
         WHERE order_id = header.order_id AND state = 'succeeded')
        - greatest(header.captured_minor - (header.total_minor - header.cancelled_minor), 0)
        - (SELECT coalesce(sum(refundable_minor), 0) FROM shop.returns WHERE order_id = header.order_id)
        - (SELECT coalesce(sum(line.amount_minor), 0)
           FROM shop.journals AS entry
           JOIN shop.journal_lines AS line USING (journal_id)
           WHERE entry.order_id = header.order_id AND entry.kind = 'correction'
             AND line.account IN ('revenue', 'tax_payable')),
        0)::bigint
$$;

COMMENT ON FUNCTION shop.given_back_beyond_owed(header shop.orders) IS 'What was refunded of an order beyond cancellations and returns, and is not corrected in the books yet.';

CREATE FUNCTION shop.insert_allocations(placed_order_id uuid, lines shop.priced_line[], unwaited bigint[]) RETURNS jsonb
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'shop', 'pg_temp'
    AS $$
#variable_conflict use_column
DECLARE
    waited bigint[] := ARRAY(SELECT variant_id FROM unnest(lines) WHERE variant_id <> ALL (unwaited));
    offers shop.offered_stock[];
    offers_at_once shop.offered_stock[];
    short jsonb;
BEGIN
    IF unwaited <> '{}' THEN
        -- Whatever is waited for is locked by a statement of its own, before any slot is taken: no plan can take a slot first
        -- and then wait here.
        SELECT array_agg(ROW(level.variant_id, level.warehouse_id, level.slot, level.free, level.priority)::shop.offered_stock)
        INTO offers
        FROM (
            SELECT level.variant_id, level.warehouse_id, level.slot, level.on_hand - level.reserved AS free, warehouse.priority
            FROM shop.stock_levels AS level
            JOIN shop.warehouses AS warehouse USING (warehouse_id)
            WHERE level.variant_id = ANY (waited) AND warehouse.is_active
            ORDER BY level.variant_id, level.warehouse_id, level.slot
            FOR NO KEY UPDATE OF level
        ) AS level;
        waited := '{}';
        SELECT array_agg(ROW(picked.variant_id, picked.warehouse_id, picked.slot, picked.free, picked.priority)::shop.offered_stock)
        INTO offers_at_once
        FROM unnest(lines) AS line
        CROSS JOIN LATERAL (
            SELECT level.variant_id, level.warehouse_id, level.slot, level.on_hand - level.reserved AS free, warehouse.priority
            FROM shop.stock_levels AS level
            JOIN shop.warehouses AS warehouse USING (warehouse_id)
            WHERE level.variant_id = line.variant_id AND warehouse.is_active
              AND level.on_hand - level.reserved >= line.quantity
            ORDER BY warehouse.priority, warehouse.warehouse_id, random()
            LIMIT 1
            FOR NO KEY UPDATE OF level SKIP LOCKED
        ) AS picked
        WHERE line.variant_id = ANY (unwaited);
        offers := offers || offers_at_once;
    END IF;

    -- All of a line comes from the first places by priority that have some; nothing is inserted if any line is short.
    WITH locked AS MATERIALIZED (
        SELECT level.variant_id, level.warehouse_id, level.slot, level.on_hand - level.reserved AS free, warehouse.priority
        FROM shop.stock_levels AS level
        JOIN shop.warehouses AS warehouse USING (warehouse_id)
        WHERE level.variant_id = ANY (waited) AND warehouse.is_active
        ORDER BY level.variant_id, level.warehouse_id, level.slot
        FOR NO KEY UPDATE OF level
    ), offered AS MATERIALIZED (
        SELECT line.line_number, line.variant_id, line.quantity, place.warehouse_id, place.slot, place.free,
               sum(place.free) OVER (
                   PARTITION BY line.line_number ORDER BY place.priority, place.warehouse_id, place.slot) AS running
        FROM unnest(lines) AS line
        LEFT JOIN (
            SELECT * FROM locked
            UNION ALL
            SELECT * FROM unnest(offers)
        ) AS place ON place.variant_id = line.variant_id AND place.free > 0
    ), lacking AS MATERIALIZED (
        SELECT line_number, variant_id, quantity, coalesce(max(running), 0) AS available
        FROM offered
        GROUP BY line_number, variant_id, quantity
        HAVING coalesce(max(running), 0) < quantity
    ), inserted AS (
        INSERT INTO shop.order_allocations (order_id, line_number, variant_id, warehouse_id, slot, quantity)
        SELECT placed_order_id, line_number, variant_id, warehouse_id, slot, least(free, quantity - (running - free))
        FROM offered
        WHERE running - free < quantity AND NOT EXISTS (SELECT FROM lacking)
        ORDER BY variant_id, warehouse_id, slot
    )
    SELECT jsonb_agg(jsonb_build_object('variant_id', variant_id, 'wanted', quantity, 'available', available)
                     ORDER BY line_number)
    INTO short
    FROM lacking;
    RETURN short;
END
$$;

COMMENT ON FUNCTION shop.insert_allocations(placed_order_id uuid, lines shop.priced_line[], unwaited bigint[]) IS 'Allocates stock to all lines of an order; NULL, or to none and returns those that are short.';

CREATE FUNCTION shop.invariant_allocations_are_of_their_line() RETURNS TABLE(examined bigint, violations bigint, example text)
    LANGUAGE sql STABLE
    SET search_path TO 'pg_catalog', 'shop', 'pg_temp'
    AS $$
    SELECT count(*), count(*) FILTER (WHERE line.variant_id <> allocation.variant_id),
           min(format('order %s line %s', order_id, line_number)) FILTER (WHERE line.variant_id <> allocation.variant_id)
    FROM shop.order_allocations AS allocation
    JOIN shop.order_items AS line USING (order_id, line_number)
$$;

COMMENT ON FUNCTION shop.invariant_allocations_are_of_their_line() IS 'A line is served with its own variant.';

CREATE FUNCTION shop.invariant_audited_rows_have_entries() RETURNS TABLE(examined bigint, violations bigint, example text)
    LANGUAGE sql STABLE
    SET search_path TO 'pg_catalog', 'shop', 'pg_temp'
    AS $$
    -- Only what is younger than the oldest entry: retention removes entries, and the first revisions had none.
    WITH horizon AS (SELECT min(occurred_at) AS since FROM shop.audit_log), checked AS (
        SELECT format('coupon %s', coupon_id) AS what,
               EXISTS (
                   SELECT FROM shop.audit_log WHERE table_name = 'coupons' AND row_key = coupon_id::text
               ) AS listed
        FROM shop.coupons, horizon WHERE created_at >= since
        UNION ALL
        SELECT format('customer %s', customer_id),
               EXISTS (
                   SELECT FROM shop.audit_log WHERE table_name = 'customers' AND row_key = customer_id::text)
        FROM shop.customers, horizon WHERE created_at >= since
        UNION ALL
        SELECT format('stock movement %s', stock_movement_id),
               EXISTS (
                   SELECT FROM shop.audit_log
                   WHERE table_name = 'stock_movements' AND row_key = stock_movement_id::text)
        FROM shop.stock_movements, horizon
        WHERE moved_at >= since AND kind IN ('receipt', 'adjustment', 'transfer')
    )
    SELECT count(*), count(*) FILTER (WHERE NOT listed), min(what) FILTER (WHERE NOT listed) FROM checked
$$;

COMMENT ON FUNCTION shop.invariant_audited_rows_have_entries() IS 'Every coupon, customer and manual stock movement since the oldest entry is in the audit log.';

CREATE FUNCTION shop.invariant_carts_convert_with_orders() RETURNS TABLE(examined bigint, violations bigint, example text)
    LANGUAGE sql STABLE
    SET search_path TO 'pg_catalog', 'shop', 'pg_temp'
    AS $$
    SELECT count(*), count(*) FILTER (WHERE wrong),
           min(format('cart %s is %s', cart_id, status)) FILTER (WHERE wrong)
    FROM (
        SELECT cart.cart_id, cart.status,
               (cart.status = 'converted') <> (orders.order_id IS NOT NULL)
               OR orders.customer_id IS DISTINCT FROM cart.customer_id AND orders.order_id IS NOT NULL
               OR orders.currency <> cart.currency AS wrong
        FROM shop.carts AS cart
        LEFT JOIN shop.orders USING (cart_id)
    ) AS checked
$$;

COMMENT ON FUNCTION shop.invariant_carts_convert_with_orders() IS 'A cart is converted exactly when it has an order, of the same customer and currency.';

CREATE FUNCTION shop.invariant_category_ancestry_follows_parents() RETURNS TABLE(examined bigint, violations bigint, example text)
    LANGUAGE sql STABLE
    SET search_path TO 'pg_catalog', 'shop', 'pg_temp'
    AS $$
    SELECT count(*),
           count(*) FILTER (WHERE wrong),
           min(format('category %s has ancestry %s', category_id, ancestry)) FILTER (WHERE wrong)
    FROM (
        SELECT child.category_id, child.ancestry,
               child.ancestry <> CASE
                   WHEN parent.category_id IS NULL THEN '{}' ELSE parent.ancestry || parent.category_id
               END AS wrong
        FROM shop.categories AS child
        LEFT JOIN shop.categories AS parent ON parent.category_id = child.parent_id
    ) AS checked
$$;

COMMENT ON FUNCTION shop.invariant_category_ancestry_follows_parents() IS 'The ancestry of a category is its parent''s ancestry and its parent. Since it is finite, there is no cycle.';

CREATE FUNCTION shop.invariant_coupon_uses_equal_redemptions() RETURNS TABLE(examined bigint, violations bigint, example text)
    LANGUAGE sql STABLE
    SET search_path TO 'pg_catalog', 'shop', 'pg_temp'
    AS $$
    SELECT count(*), count(*) FILTER (WHERE wrong),
           min(format('coupon %s: times_used %s, redemptions %s', code, times_used, uses)) FILTER (WHERE wrong)
    FROM (
        SELECT code, times_used, coalesce(redemption.uses, 0) AS uses,
               times_used <> coalesce(redemption.uses, 0) AS wrong
        FROM shop.coupons
        LEFT JOIN (
            SELECT coupon_id, count(*) AS uses FROM shop.coupon_redemptions WHERE released_at IS NULL GROUP BY coupon_id
        ) AS redemption USING (coupon_id)
    ) AS checked
$$;

COMMENT ON FUNCTION shop.invariant_coupon_uses_equal_redemptions() IS 'A coupon''s times_used is the number of its redemptions that were not released.';

CREATE FUNCTION shop.invariant_coupons_are_released_with_orders() RETURNS TABLE(examined bigint, violations bigint, example text)
    LANGUAGE sql STABLE
    SET search_path TO 'pg_catalog', 'shop', 'pg_temp'
    AS $$
    SELECT count(*), count(*) FILTER (WHERE wrong), min(format('order %s', order_id)) FILTER (WHERE wrong)
    FROM (
        SELECT order_id, released_at IS NOT NULL AND header.status NOT IN ('cancelled', 'expired')
               OR coupon.currency <> header.currency AS wrong
        FROM shop.coupon_redemptions
        JOIN shop.orders AS header USING (order_id)
        JOIN shop.coupons AS coupon USING (coupon_id)
    ) AS checked
$$;

COMMENT ON FUNCTION shop.invariant_coupons_are_released_with_orders() IS 'A use of a coupon is given back only with its order, and is in the coupon''s currency if it has one.';

CREATE FUNCTION shop.invariant_coupons_keep_customer_limit() RETURNS TABLE(examined bigint, violations bigint, example text)
    LANGUAGE sql STABLE
    SET search_path TO 'pg_catalog', 'shop', 'pg_temp'
    AS $$
    SELECT count(*), count(*) FILTER (WHERE uses > per_customer_limit),
           min(format('coupon %s used %s times by one customer', code, uses)) FILTER (WHERE uses > per_customer_limit)
    FROM shop.coupons
    CROSS JOIN LATERAL shop.coupon_uses_by_customer(coupon_id)
    WHERE per_customer_limit IS NOT NULL
$$;

COMMENT ON FUNCTION shop.invariant_coupons_keep_customer_limit() IS 'No customer, and no e-mail address, used a coupon more often than its limit per customer.';

CREATE FUNCTION shop.invariant_deployment_is_one_row() RETURNS TABLE(examined bigint, violations bigint, example text)
    LANGUAGE sql STABLE
    SET search_path TO 'pg_catalog', 'shop', 'pg_temp'
    AS $$
    SELECT 1::bigint,
           (CASE count(*) WHEN 1 THEN 0 ELSE 1 END)::bigint,
           CASE count(*) WHEN 1 THEN NULL ELSE format('deployment has %s rows', count(*)) END
    FROM shop.deployment
$$;

COMMENT ON FUNCTION shop.invariant_deployment_is_one_row() IS 'Exactly one row says what kind of database this is.';

CREATE FUNCTION shop.invariant_disputes_stand_in_the_books() RETURNS TABLE(examined bigint, violations bigint, example text)
    LANGUAGE sql STABLE
    SET search_path TO 'pg_catalog', 'shop', 'pg_temp'
    AS $$
    WITH verdicts AS (
        -- The last verdict of each dispute; an event of no known payment is one by itself.
        SELECT DISTINCT ON (whose, currency, reference) whose, payment_event_id, currency, kind, amount_minor, claimed
        FROM (
            SELECT coalesce(payment_id::text, format('event %s', payment_event_id)) AS whose, payment_event_id, currency,
                   coalesce(dispute_reference, '') AS reference, kind, amount_minor, occurred_at,
                   max(CASE WHEN kind = 'dispute_opened' AND payment_id IS NOT NULL THEN amount_minor ELSE 0 END)
                       OVER (PARTITION BY payment_id, currency, dispute_reference) AS claimed
            FROM shop.payment_events
            WHERE kind IN ('dispute_opened', 'dispute_won', 'dispute_lost')
        ) AS event
        ORDER BY whose, currency, reference, kind = 'dispute_opened', occurred_at DESC, kind DESC, amount_minor DESC
    ), lost AS (
        SELECT whose, currency,
               sum(CASE WHEN kind = 'dispute_lost' THEN coalesce(nullif(amount_minor, 0), claimed) ELSE 0 END) AS amount
        FROM verdicts
        GROUP BY whose, currency
    ), booked AS (
        SELECT coalesce(told.payment_id::text, format('event %s', told.payment_event_id)) AS whose, told.currency,
               -sum(line.amount_minor) FILTER (WHERE line.account = 'provider_clearing') AS amount
        FROM shop.journals AS entry
        JOIN shop.journal_lines AS line USING (journal_id)
        JOIN shop.payment_events AS told ON told.payment_event_id = entry.payment_event_id
        WHERE entry.kind = 'dispute'
        GROUP BY 1, 2
    )
    SELECT count(*), count(*) FILTER (WHERE wrong), min(format('disputes of payment %s', whose)) FILTER (WHERE wrong)
    FROM (
        SELECT whose, coalesce(lost.amount, 0) <> coalesce(booked.amount, 0) AS wrong
        FROM lost FULL JOIN booked USING (whose, currency)
    ) AS checked
$$;

COMMENT ON FUNCTION shop.invariant_disputes_stand_in_the_books() IS 'What was lost in disputes, by the last verdict of each, is in the books.';

CREATE FUNCTION shop.invariant_document_numbers_have_no_gap() RETURNS TABLE(examined bigint, violations bigint, example text)
    LANGUAGE sql STABLE
    SET search_path TO 'pg_catalog', 'shop', 'pg_temp'
    AS $$
    SELECT coalesce(sum(last_number), 0)::bigint,
           count(*) FILTER (WHERE wrong),
           min(format('series %s: last number %s, %s documents, highest %s', series, last_number, total, highest))
               FILTER (WHERE wrong)
    FROM (
        SELECT series, last_number, coalesce(document.total, 0) AS total, coalesce(document.highest, 0) AS highest,
               (last_number, last_number) <> (coalesce(document.total, 0), coalesce(document.highest, 0)) AS wrong
        FROM shop.document_series
        LEFT JOIN (
            SELECT series, count(*) AS total, max(number) AS highest
            FROM (
                SELECT series, number FROM shop.invoices UNION ALL SELECT series, number FROM shop.credit_notes
            ) AS numbered
            GROUP BY series
        ) AS document USING (series)
    ) AS checked
$$;

COMMENT ON FUNCTION shop.invariant_document_numbers_have_no_gap() IS 'Numbers of invoices and credit notes run from 1 to the last of their series without a gap.';

CREATE FUNCTION shop.invariant_erased_customers_left_nothing() RETURNS TABLE(examined bigint, violations bigint, example text)
    LANGUAGE plpgsql STABLE
    SET search_path TO 'pg_catalog', 'shop', 'pg_temp'
    AS $_$
DECLARE
    listed record;
    found_rows bigint;
    found_example text;
BEGIN
    SELECT count(*) INTO examined FROM shop.customers;
    violations := 0;
    FOR listed IN
        SELECT table_name,
               string_agg(format('coalesce(held.%I::text, ''erased'') !~ ''^erased(-[0-9a-f-]{36}@erased[.]invalid)?$''',
                   column_name), ' OR ' ORDER BY column_name) AS is_personal
        FROM shop.pii_columns WHERE erase = 'now' GROUP BY table_name ORDER BY table_name
    LOOP
        EXECUTE format(
            'SELECT count(*), min(format(''%%s of erased customer %%s'', %L, customer_id))
             FROM shop.customers AS gone JOIN shop.%I AS held USING (customer_id)
             WHERE gone.status = ''erased'' AND (%s)',
            listed.table_name, listed.table_name, listed.is_personal)
        INTO found_rows, found_example;
        violations := violations + found_rows;
        example := coalesce(example, found_example);
    END LOOP;
    RETURN NEXT;
END
$_$;

COMMENT ON FUNCTION shop.invariant_erased_customers_left_nothing() IS 'Of an erased customer no column holds anything that pii_columns says is erased at once.';

CREATE FUNCTION shop.invariant_exceptional_events_are_listed() RETURNS TABLE(examined bigint, violations bigint, example text)
    LANGUAGE sql STABLE
    SET search_path TO 'pg_catalog', 'shop', 'pg_temp'
    AS $$
    WITH exceptional AS (
        -- By the event alone.
        SELECT format('payment event %s', payment_event_id) AS what,
               EXISTS (
                   SELECT FROM shop.payment_exceptions AS e WHERE e.payment_event_id = event.payment_event_id
               ) AS listed
        FROM shop.payment_events AS event
        LEFT JOIN shop.payments AS payment USING (payment_id)
        WHERE event.payment_id IS NULL OR event.currency <> payment.currency OR event.kind = 'dispute_opened'
        UNION ALL
        -- By the sum over a payment.
        SELECT format('payment %s', payment.payment_id),
               EXISTS (
                   SELECT FROM shop.payment_exceptions AS e
                   WHERE e.payment_id = payment.payment_id
                     AND e.kind = CASE WHEN event.captured > payment.amount_minor THEN 'over_capture' ELSE 'over_refund' END
                         ::shop.payment_exception_kind)
        FROM shop.payments AS payment
        JOIN (
            SELECT payment_id, currency,
                   coalesce(sum(amount_minor) FILTER (WHERE kind = 'captured'), 0) AS captured,
                   coalesce(sum(amount_minor) FILTER (WHERE kind = 'refunded'), 0) AS refunded
            FROM shop.payment_events
            WHERE kind IN ('captured', 'refunded')
            GROUP BY payment_id, currency
        ) AS event USING (payment_id, currency)
        WHERE event.captured > payment.amount_minor OR event.refunded > least(event.captured, payment.amount_minor)
        UNION ALL
        -- By the sum over an order.
        SELECT format('order %s', order_id),
               EXISTS (
                   SELECT FROM shop.payment_exceptions AS e
                   JOIN shop.payments AS payment USING (payment_id)
                   WHERE payment.order_id = header.order_id AND e.kind = 'over_payment')
        FROM shop.orders AS header
        WHERE header.captured_minor > header.total_minor
        UNION ALL
        SELECT format('order %s', order_id),
               EXISTS (
                   SELECT FROM shop.payment_exceptions AS e
                   JOIN shop.payments AS payment USING (payment_id)
                   WHERE payment.order_id = header.order_id AND e.kind IN ('authorization_lost', 'after_end'))
        FROM shop.orders AS header
        WHERE status IN ('confirmed', 'completed') AND authorized_minor < total_minor - cancelled_minor
           OR status = 'expired' AND authorized_minor > 0
    )
    SELECT count(*), count(*) FILTER (WHERE NOT listed), min(what) FILTER (WHERE NOT listed) FROM exceptional
$$;

COMMENT ON FUNCTION shop.invariant_exceptional_events_are_listed() IS 'Money that moved against a rule, or was taken back after it was relied on, is in payment_exceptions: none is lost.';

CREATE FUNCTION shop.invariant_invoice_credits_equal_notes() RETURNS TABLE(examined bigint, violations bigint, example text)
    LANGUAGE sql STABLE
    SET search_path TO 'pg_catalog', 'shop', 'pg_temp'
    AS $$
    SELECT count(*), count(*) FILTER (WHERE wrong), min(format('invoice %s', invoice_id)) FILTER (WHERE wrong)
    FROM (
        SELECT invoice_id, invoice.credited_minor <> coalesce(note.amount, 0) AS wrong
        FROM shop.invoices AS invoice
        LEFT JOIN (
            SELECT invoice_id, sum(amount_minor) AS amount FROM shop.credit_notes GROUP BY invoice_id
        ) AS note USING (invoice_id)
    ) AS checked
$$;

COMMENT ON FUNCTION shop.invariant_invoice_credits_equal_notes() IS 'An invoice is credited by its credit notes alone.';

CREATE FUNCTION shop.invariant_invoices_bill_their_orders() RETURNS TABLE(examined bigint, violations bigint, example text)
    LANGUAGE sql STABLE
    SET search_path TO 'pg_catalog', 'shop', 'pg_temp'
    AS $$
    -- What is cancelled after the invoice is credited, so the invoice lies between what is owed now and the whole.
    SELECT count(*), count(*) FILTER (WHERE wrong), min(format('invoice %s', invoice_id)) FILTER (WHERE wrong)
    FROM (
        SELECT invoice_id,
               invoice.total_minor NOT BETWEEN header.total_minor - header.cancelled_minor AND header.total_minor
               OR invoice.tax_minor > header.tax_minor AS wrong
        FROM shop.invoices AS invoice
        JOIN shop.orders AS header USING (order_id)
    ) AS checked
$$;

COMMENT ON FUNCTION shop.invariant_invoices_bill_their_orders() IS 'An invoice is for no more than its order cost, and for no less than what of it was not cancelled.';

CREATE FUNCTION shop.invariant_journals_balance() RETURNS TABLE(examined bigint, violations bigint, example text)
    LANGUAGE sql STABLE
    SET search_path TO 'pg_catalog', 'shop', 'pg_temp'
    AS $$
    SELECT count(*), count(*) FILTER (WHERE wrong), min(format('journal entry %s', journal_id)) FILTER (WHERE wrong)
    FROM (
        SELECT journal_id,
               coalesce(line.balance, 1) <> 0 OR coalesce(line.total, 0) <> header.line_count AS wrong
        FROM shop.journals AS header
        LEFT JOIN (
            SELECT journal_id, sum(amount_minor) AS balance, count(*) AS total
            FROM shop.journal_lines GROUP BY journal_id
        ) AS line USING (journal_id)
    ) AS checked
$$;

COMMENT ON FUNCTION shop.invariant_journals_balance() IS 'Every journal entry has its lines, and they sum to zero.';

CREATE FUNCTION shop.invariant_line_counters_equal_allocations() RETURNS TABLE(examined bigint, violations bigint, example text)
    LANGUAGE sql STABLE
    SET search_path TO 'pg_catalog', 'shop', 'pg_temp'
    AS $$
    SELECT count(*), count(*) FILTER (WHERE wrong),
           min(format('order %s line %s', order_id, line_number)) FILTER (WHERE wrong)
    FROM (
        SELECT order_id, line_number,
               (line.allocated_quantity, line.shipped_quantity, line.cancelled_quantity)
               <> (coalesce(allocation.held, 0), coalesce(allocation.shipped, 0), coalesce(cancellation.units, 0)) AS wrong
        FROM shop.order_items AS line
        LEFT JOIN (
            SELECT order_id, line_number, sum(quantity - released_quantity) AS held, sum(shipped_quantity) AS shipped
            FROM shop.order_allocations GROUP BY order_id, line_number
        ) AS allocation USING (order_id, line_number)
        LEFT JOIN (
            SELECT order_id, line_number, sum(quantity) AS units
            FROM shop.order_item_cancellations GROUP BY order_id, line_number
        ) AS cancellation USING (order_id, line_number)
    ) AS checked
$$;

COMMENT ON FUNCTION shop.invariant_line_counters_equal_allocations() IS 'What a line counts as allocated, shipped and cancelled is the sum of its allocations and cancellations.';

CREATE FUNCTION shop.invariant_options_key_matches_values() RETURNS TABLE(examined bigint, violations bigint, example text)
    LANGUAGE sql STABLE
    SET search_path TO 'pg_catalog', 'shop', 'pg_temp'
    AS $$
    SELECT count(*),
           count(*) FILTER (WHERE wrong),
           min(format('variant %s has options_key %s', variant_id, options_key)) FILTER (WHERE wrong)
    FROM (
        SELECT variant.variant_id, variant.options_key,
               variant.options_key <> coalesce(
                   jsonb_object_agg(v.product_option_id, lower(v.value COLLATE pg_unicode_fast))
                       FILTER (WHERE v.variant_id IS NOT NULL)::text, '{}') AS wrong
        FROM shop.product_variants AS variant
        LEFT JOIN shop.variant_option_values AS v USING (variant_id)
        GROUP BY variant.variant_id
    ) AS checked
$$;

COMMENT ON FUNCTION shop.invariant_options_key_matches_values() IS 'The key that makes combinations unique is the canonical form of the variant''s option values.';

CREATE FUNCTION shop.invariant_order_counters_equal_lines() RETURNS TABLE(examined bigint, violations bigint, example text)
    LANGUAGE sql STABLE
    SET search_path TO 'pg_catalog', 'shop', 'pg_temp'
    AS $$
    SELECT count(*), count(*) FILTER (WHERE wrong), min(format('order %s', order_id)) FILTER (WHERE wrong)
    FROM (
        SELECT header.order_id,
               (header.shipped_units, header.cancelled_units, header.returned_units)
                   IS DISTINCT FROM (line.shipped, line.cancelled, line.returned)
               OR header.cancelled_minor IS DISTINCT FROM CASE
                   WHEN header.cancelled_units = header.unit_count THEN header.total_minor ELSE line.cancelled_value
               END AS wrong
        FROM shop.orders AS header
        LEFT JOIN (
            SELECT order_id, sum(shipped_quantity) AS shipped, sum(cancelled_quantity) AS cancelled,
                   sum(returned_quantity) AS returned,
                   sum(div(total_minor::numeric * cancelled_quantity, quantity)) AS cancelled_value
            FROM shop.order_items
            GROUP BY order_id
        ) AS line USING (order_id)
    ) AS checked
$$;

COMMENT ON FUNCTION shop.invariant_order_counters_equal_lines() IS 'Units and value that an order counts as shipped, cancelled or returned are those of its lines.';

CREATE FUNCTION shop.invariant_order_history_is_a_chain() RETURNS TABLE(examined bigint, violations bigint, example text)
    LANGUAGE sql STABLE
    SET search_path TO 'pg_catalog', 'shop', 'pg_temp'
    AS $$
    SELECT count(*), count(*) FILTER (WHERE wrong), min(format('order %s', order_id)) FILTER (WHERE wrong)
    FROM (
        SELECT header.order_id,
               history.order_id IS NULL OR history.broken OR history.last_status <> header.status AS wrong
        FROM shop.orders AS header
        LEFT JOIN (
            SELECT order_id,
                   bool_or(from_status IS DISTINCT FROM previous_status OR sequence <> position) AS broken,
                   min(to_status) FILTER (WHERE is_last) AS last_status
            FROM (
                SELECT order_id, sequence, from_status, to_status,
                       lag(to_status) OVER steps AS previous_status, row_number() OVER steps AS position,
                       lead(sequence) OVER steps IS NULL AS is_last
                FROM shop.order_status_history
                WINDOW steps AS (PARTITION BY order_id ORDER BY sequence)
            ) AS step
            GROUP BY order_id
        ) AS history USING (order_id)
    ) AS checked
$$;

COMMENT ON FUNCTION shop.invariant_order_history_is_a_chain() IS 'The history of an order is a chain of legal moves without gaps that ends at its present status.';

CREATE FUNCTION shop.invariant_order_sums_equal_payments() RETURNS TABLE(examined bigint, violations bigint, example text)
    LANGUAGE sql STABLE
    SET search_path TO 'pg_catalog', 'shop', 'pg_temp'
    AS $$
    SELECT count(*), count(*) FILTER (WHERE wrong), min(format('order %s', order_id)) FILTER (WHERE wrong)
    FROM (
        SELECT order_id,
               (header.intended_minor, header.authorized_minor, header.captured_minor, header.refunded_minor)
               <> (coalesce(paid.intended, 0), coalesce(paid.authorized, 0), coalesce(paid.captured, 0),
                   coalesce(paid.refunded, 0)) AS wrong
        FROM shop.orders AS header
        LEFT JOIN (
            SELECT order_id, sum(amount_minor) FILTER (WHERE closed_at IS NULL) AS intended,
                   sum(authorized_minor) AS authorized, sum(captured_minor) AS captured, sum(refunded_minor) AS refunded
            FROM shop.payments
            GROUP BY order_id
        ) AS paid USING (order_id)
    ) AS checked
$$;

COMMENT ON FUNCTION shop.invariant_order_sums_equal_payments() IS 'What an order counts as intended, authorized, captured and refunded is the sum of its payments.';

CREATE FUNCTION shop.invariant_order_taxes_equal_rows() RETURNS TABLE(examined bigint, violations bigint, example text)
    LANGUAGE sql STABLE
    SET search_path TO 'pg_catalog', 'shop', 'pg_temp'
    AS $$
    SELECT count(*), count(*) FILTER (WHERE wrong), min(format('order %s line %s', order_id, line_number)) FILTER (WHERE wrong)
    FROM (
        SELECT order_id, line_number,
               (line.tax_count, line.tax_minor) <> (coalesce(taxed.total, 0), coalesce(taxed.tax, 0)) AS wrong
        FROM shop.order_items AS line
        LEFT JOIN (
            SELECT order_id, line_number, count(*) AS total, sum(tax_minor) AS tax
            FROM shop.order_item_taxes GROUP BY order_id, line_number
        ) AS taxed USING (order_id, line_number)
        UNION ALL
        SELECT order_id, NULL,
               (header.shipping_tax_count, header.shipping_tax_minor) <> (coalesce(taxed.total, 0), coalesce(taxed.tax, 0))
        FROM shop.orders AS header
        LEFT JOIN (
            SELECT order_id, count(*) AS total, sum(tax_minor) AS tax FROM shop.order_shipping_taxes GROUP BY order_id
        ) AS taxed USING (order_id)
    ) AS checked
$$;

COMMENT ON FUNCTION shop.invariant_order_taxes_equal_rows() IS 'The tax of each line, and of each order''s shipping, is the sum of its tax rows, all of them.';

CREATE FUNCTION shop.invariant_order_totals_equal_lines() RETURNS TABLE(examined bigint, violations bigint, example text)
    LANGUAGE sql STABLE
    SET search_path TO 'pg_catalog', 'shop', 'pg_temp'
    AS $$
    SELECT count(*), count(*) FILTER (WHERE wrong), min(format('order %s', order_id)) FILTER (WHERE wrong)
    FROM (
        SELECT header.order_id,
               (header.line_count, header.unit_count, header.subtotal_minor, header.discount_minor,
                header.tax_minor - header.shipping_tax_minor, header.prices_include_tax, header.prices_include_tax)
               IS DISTINCT FROM
               (line.line_count, line.unit_count, line.subtotal, line.discount, line.tax, line.all_include,
                line.any_include) AS wrong
        FROM shop.orders AS header
        LEFT JOIN (
            SELECT order_id, count(*) AS line_count, sum(quantity) AS unit_count, sum(subtotal_minor) AS subtotal,
                   sum(discount_minor) AS discount, sum(tax_minor) AS tax,
                   bool_and(prices_include_tax) AS all_include, bool_or(prices_include_tax) AS any_include
            FROM shop.order_items
            GROUP BY order_id
        ) AS line USING (order_id)
    ) AS checked
$$;

COMMENT ON FUNCTION shop.invariant_order_totals_equal_lines() IS 'Every order''s sums and counts are those of its lines.';

CREATE FUNCTION shop.invariant_orders_are_whole() RETURNS TABLE(examined bigint, violations bigint, example text)
    LANGUAGE sql STABLE
    SET search_path TO 'pg_catalog', 'shop', 'pg_temp'
    AS $$
    SELECT count(*), count(*) FILTER (WHERE wrong), min(format('order %s', order_id)) FILTER (WHERE wrong)
    FROM (
        SELECT header.order_id,
               coalesce(address.total, 0) <> 2
               OR header.discount_minor <> coalesce(redemption.discount_minor, 0) AS wrong
        FROM shop.orders AS header
        LEFT JOIN (
            SELECT order_id, count(*) AS total FROM shop.order_addresses GROUP BY order_id
        ) AS address USING (order_id)
        LEFT JOIN shop.coupon_redemptions AS redemption USING (order_id)
    ) AS checked
$$;

COMMENT ON FUNCTION shop.invariant_orders_are_whole() IS 'Every order has both addresses, and its discount is explained by its coupon.';

CREATE FUNCTION shop.invariant_orders_stand_in_the_books() RETURNS TABLE(examined bigint, violations bigint, example text)
    LANGUAGE sql STABLE
    SET search_path TO 'pg_catalog', 'shop', 'pg_temp'
    AS $$
    SELECT count(*), count(*) FILTER (WHERE wrong), min(format('order %s', order_id)) FILTER (WHERE wrong)
    FROM (
        SELECT order_id,
               CASE WHEN coalesce(booked.sales, 0) = 0
                   THEN header.total_minor > 0 AND header.status IN ('confirmed', 'completed')
                        OR (booked.cancelled, booked.returned) <> (0, 0)
                   ELSE (booked.sales, booked.sold, booked.cancelled, booked.returned)
                        <> (1, header.total_minor, header.cancelled_minor, coalesce(sent_back.worth, 0)) END AS wrong
        FROM shop.orders AS header
        LEFT JOIN (
            SELECT entry.order_id,
                   count(*) FILTER (WHERE entry.kind = 'sale') AS sales,
                   coalesce(sum(line.amount_minor) FILTER (WHERE entry.kind = 'sale'), 0) AS sold,
                   coalesce(-sum(line.amount_minor) FILTER (WHERE entry.kind = 'cancellation'), 0) AS cancelled,
                   coalesce(-sum(line.amount_minor) FILTER (WHERE entry.kind = 'return'), 0) AS returned
            FROM shop.journals AS entry
            JOIN shop.journal_lines AS line USING (journal_id)
            WHERE line.account = 'receivable' AND entry.kind IN ('sale', 'cancellation', 'return')
            GROUP BY entry.order_id
        ) AS booked USING (order_id)
        LEFT JOIN (
            SELECT order_id, sum(refundable_minor) AS worth FROM shop.returns GROUP BY order_id
        ) AS sent_back USING (order_id)
    ) AS checked
$$;

COMMENT ON FUNCTION shop.invariant_orders_stand_in_the_books() IS 'A confirmed order is one sale of its total in the books, less what of it was cancelled and what came back.';

CREATE FUNCTION shop.invariant_outbox_sequences_have_no_gap() RETURNS TABLE(examined bigint, violations bigint, example text)
    LANGUAGE sql STABLE
    SET search_path TO 'pg_catalog', 'shop', 'pg_temp'
    AS $$
    -- Published events are purged, oldest first: what is left of an aggregate is a run without holes.
    SELECT coalesce(sum(total), 0)::bigint, count(*) FILTER (WHERE wrong),
           min(format('%s %s', aggregate_type, aggregate_id)) FILTER (WHERE wrong)
    FROM (
        SELECT aggregate_type, aggregate_id, count(*) AS total,
               max(sequence) - min(sequence) + 1 <> count(*) AS wrong
        FROM shop.outbox_events
        GROUP BY aggregate_type, aggregate_id
    ) AS checked
$$;

COMMENT ON FUNCTION shop.invariant_outbox_sequences_have_no_gap() IS 'The events of an aggregate are numbered without a hole: no consumer waits for one that never comes.';

CREATE FUNCTION shop.invariant_payment_sums_equal_events() RETURNS TABLE(examined bigint, violations bigint, example text)
    LANGUAGE sql STABLE
    SET search_path TO 'pg_catalog', 'shop', 'pg_temp'
    AS $$
    SELECT count(*), count(*) FILTER (WHERE wrong), min(format('payment %s', payment_id)) FILTER (WHERE wrong)
    FROM (
        SELECT payment_id,
               (payment.authorized_minor, payment.captured_minor, payment.refunded_minor)
               <> (CASE WHEN coalesce(event.closed, false) THEN least(coalesce(event.captured, 0), payment.amount_minor)
                   ELSE least(greatest(coalesce(event.authorized, 0), coalesce(event.captured, 0)), payment.amount_minor)
                   END,
                   least(coalesce(event.captured, 0), payment.amount_minor),
                   least(coalesce(event.refunded, 0), coalesce(event.captured, 0), payment.amount_minor))
               OR (payment.closed_at IS NULL) = coalesce(event.closed, false) AS wrong
        FROM shop.payments AS payment
        LEFT JOIN (
            SELECT payment_id, currency,
                   sum(amount_minor) FILTER (WHERE kind = 'authorized') AS authorized,
                   sum(amount_minor) FILTER (WHERE kind = 'captured') AS captured,
                   sum(amount_minor) FILTER (WHERE kind = 'refunded') AS refunded,
                   bool_or(kind IN ('voided', 'failed')) AS closed
            FROM shop.payment_events
            GROUP BY payment_id, currency
        ) AS event USING (payment_id, currency)
    ) AS checked
$$;

COMMENT ON FUNCTION shop.invariant_payment_sums_equal_events() IS 'The totals of a payment are the fold over the set of its events.';

CREATE FUNCTION shop.invariant_refund_requests_equal_refunds() RETURNS TABLE(examined bigint, violations bigint, example text)
    LANGUAGE sql STABLE
    SET search_path TO 'pg_catalog', 'shop', 'pg_temp'
    AS $$
    SELECT count(*), count(*) FILTER (WHERE wrong), min(what) FILTER (WHERE wrong)
    FROM (
        SELECT format('payment %s', payment_id) AS what,
               payment.refund_requested_minor <> coalesce(refund.amount, 0) AS wrong
        FROM shop.payments AS payment
        LEFT JOIN (
            SELECT payment_id, sum(amount_minor) AS amount FROM shop.refunds WHERE state <> 'failed' GROUP BY payment_id
        ) AS refund USING (payment_id)
        UNION ALL
        SELECT format('return %s', return_id), header.refund_requested_minor <> coalesce(refund.amount, 0)
        FROM shop.returns AS header
        LEFT JOIN (
            SELECT return_id, sum(amount_minor) AS amount FROM shop.refunds WHERE state <> 'failed' GROUP BY return_id
        ) AS refund USING (return_id)
    ) AS checked
$$;

COMMENT ON FUNCTION shop.invariant_refund_requests_equal_refunds() IS 'What payments and returns count as refunds is the sum of their refunds that did not fail.';

CREATE FUNCTION shop.invariant_reserved_stock_equals_allocations() RETURNS TABLE(examined bigint, violations bigint, example text)
    LANGUAGE sql STABLE
    SET search_path TO 'pg_catalog', 'shop', 'pg_temp'
    AS $$
    SELECT count(*), count(*) FILTER (WHERE wrong),
           min(format('variant %s, warehouse %s, slot %s: reserved %s, allocated %s', variant_id, warehouse_id, slot,
               reserved, allocated)) FILTER (WHERE wrong)
    FROM (
        SELECT variant_id, warehouse_id, slot, level.reserved, coalesce(allocation.units, 0) AS allocated,
               level.reserved <> coalesce(allocation.units, 0) AS wrong
        FROM shop.stock_levels AS level
        LEFT JOIN (
            SELECT variant_id, warehouse_id, slot, sum(quantity - released_quantity - shipped_quantity) AS units
            FROM shop.order_allocations
            GROUP BY variant_id, warehouse_id, slot
        ) AS allocation USING (variant_id, warehouse_id, slot)
    ) AS checked
$$;

COMMENT ON FUNCTION shop.invariant_reserved_stock_equals_allocations() IS 'Reserved stock is what allocations hold: no unit is promised to nobody, or twice.';

CREATE FUNCTION shop.invariant_returned_quantities_equal_receipts() RETURNS TABLE(examined bigint, violations bigint, example text)
    LANGUAGE sql STABLE
    SET search_path TO 'pg_catalog', 'shop', 'pg_temp'
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

COMMENT ON FUNCTION shop.invariant_returned_quantities_equal_receipts() IS 'What a line counts as returned is the sum of its receipts: each is counted once.';

CREATE FUNCTION shop.invariant_returned_stock_equals_receipts() RETURNS TABLE(examined bigint, violations bigint, example text)
    LANGUAGE sql STABLE
    SET search_path TO 'pg_catalog', 'shop', 'pg_temp'
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

COMMENT ON FUNCTION shop.invariant_returned_stock_equals_receipts() IS 'Units that came back into stock are those that receipts restocked.';

CREATE FUNCTION shop.invariant_returns_follow_their_items() RETURNS TABLE(examined bigint, violations bigint, example text)
    LANGUAGE sql STABLE
    SET search_path TO 'pg_catalog', 'shop', 'pg_temp'
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

COMMENT ON FUNCTION shop.invariant_returns_follow_their_items() IS 'A return has items, counts what was announced and received, and may be refunded for the value received.';

CREATE FUNCTION shop.invariant_shipments_equal_items() RETURNS TABLE(examined bigint, violations bigint, example text)
    LANGUAGE sql STABLE
    SET search_path TO 'pg_catalog', 'shop', 'pg_temp'
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

CREATE FUNCTION shop.invariant_shipped_quantities_equal_items() RETURNS TABLE(examined bigint, violations bigint, example text)
    LANGUAGE sql STABLE
    SET search_path TO 'pg_catalog', 'shop', 'pg_temp'
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

COMMENT ON FUNCTION shop.invariant_shipped_quantities_equal_items() IS 'What an allocation counts as shipped is the sum of its shipment items.';

CREATE FUNCTION shop.invariant_stock_levels_equal_movements() RETURNS TABLE(examined bigint, violations bigint, example text)
    LANGUAGE sql STABLE
    SET search_path TO 'pg_catalog', 'shop', 'pg_temp'
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

CREATE FUNCTION shop.invariant_stock_transfers_balance() RETURNS TABLE(examined bigint, violations bigint, example text)
    LANGUAGE sql STABLE
    SET search_path TO 'pg_catalog', 'shop', 'pg_temp'
    AS $$
    SELECT count(*), count(*) FILTER (WHERE balance <> 0),
           min(format('variant %s: transfers sum to %s', variant_id, balance)) FILTER (WHERE balance <> 0)
    FROM (
        SELECT variant_id, sum(on_hand_delta) AS balance
        FROM shop.stock_movements WHERE kind = 'transfer' GROUP BY variant_id
    ) AS transfer
$$;

COMMENT ON FUNCTION shop.invariant_stock_transfers_balance() IS 'Transfers move stock between places; over all places they sum to zero.';

CREATE FUNCTION shop.is_sellable(wanted_variant_id bigint, wanted_currency text) RETURNS boolean
    LANGUAGE sql STABLE
    SET search_path TO 'pg_catalog', 'shop', 'pg_temp'
    AS $$
    SELECT EXISTS (
        SELECT FROM shop.product_variants AS variant
        JOIN shop.products AS product USING (product_id)
        WHERE variant.variant_id = wanted_variant_id AND variant.archived_at IS NULL AND product.status = 'active'
          AND EXISTS (
              SELECT FROM shop.variant_prices AS price
              WHERE price.variant_id = wanted_variant_id AND price.currency = wanted_currency
                AND price.valid_from <= now()))
$$;

COMMENT ON FUNCTION shop.is_sellable(wanted_variant_id bigint, wanted_currency text) IS 'Whether a variant can be bought now, in that currency.';

CREATE FUNCTION shop.keep_category_ancestry() RETURNS trigger
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'shop', 'pg_temp'
    AS $$
BEGIN
    IF TG_OP = 'UPDATE' AND NEW.parent_id IS NOT DISTINCT FROM OLD.parent_id THEN
        IF NEW.ancestry IS DISTINCT FROM OLD.ancestry AND pg_trigger_depth() < 2 THEN
            RAISE EXCEPTION USING
                ERRCODE = 'SH103',
                MESSAGE = format('the ancestry of category %s is kept by trigger', NEW.category_id),
                HINT = 'Set parent_id; the ancestry of the whole subtree follows.',
                SCHEMA = TG_TABLE_SCHEMA, TABLE = TG_TABLE_NAME, CONSTRAINT = TG_NAME;
        END IF;
        RETURN NEW;
    END IF;

    IF NEW.parent_id IS NULL THEN
        NEW.ancestry := '{}';
        RETURN NEW;
    END IF;

    SELECT ancestry || category_id INTO NEW.ancestry
    FROM shop.categories WHERE category_id = NEW.parent_id
    FOR NO KEY UPDATE;
    IF NOT FOUND THEN
        -- Not left to the foreign key, which looks when the statement ends: by then three rows of it could name each other.
        RAISE EXCEPTION USING
            ERRCODE = 'SH111',
            MESSAGE = format('there is no category %s to put this one below', NEW.parent_id),
            HINT = 'Insert parents first, in a statement of their own.',
            SCHEMA = TG_TABLE_SCHEMA, TABLE = TG_TABLE_NAME, CONSTRAINT = TG_NAME;
    END IF;
    PERFORM FROM shop.categories WHERE category_id = ANY (NEW.ancestry) ORDER BY category_id FOR NO KEY UPDATE;

    IF NEW.category_id = ANY (NEW.ancestry) THEN
        RAISE EXCEPTION USING
            ERRCODE = 'SH107',
            MESSAGE = format('category %s cannot stand below %s, which stands below it', NEW.category_id, NEW.parent_id),
            HINT = 'Choose a parent outside the subtree that is moved.',
            SCHEMA = TG_TABLE_SCHEMA, TABLE = TG_TABLE_NAME, CONSTRAINT = TG_NAME;
    END IF;
    RETURN NEW;
END
$$;

COMMENT ON FUNCTION shop.keep_category_ancestry() IS 'Trigger: computes ancestry from the parent, refuses cycles.';

CREATE FUNCTION shop.keep_options_key() RETURNS trigger
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'shop', 'pg_temp'
    AS $$
BEGIN
    -- Locked by a statement of its own, so that the next one sees what others have committed before they let go.
    PERFORM FROM shop.product_variants
    WHERE variant_id = ANY (ARRAY(SELECT DISTINCT variant_id FROM changed))
    ORDER BY variant_id
    FOR NO KEY UPDATE;
    UPDATE shop.product_variants AS variant
    SET options_key = coalesce((
            SELECT jsonb_object_agg(v.product_option_id, lower(v.value COLLATE pg_unicode_fast))::text
            FROM shop.variant_option_values AS v
            WHERE v.variant_id = variant.variant_id
        ), '{}')
    WHERE variant.variant_id = ANY (ARRAY(SELECT DISTINCT variant_id FROM changed));
    RETURN NULL;
END
$$;

COMMENT ON FUNCTION shop.keep_options_key() IS 'Trigger: writes the canonical form of a variant''s options.';

CREATE FUNCTION shop.keep_outbox_tail() RETURNS trigger
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'shop', 'pg_temp'
    AS $$
DECLARE
    broken text;
BEGIN
    SELECT min(format('%s %s', gone.aggregate_type, gone.aggregate_id)) INTO broken
    FROM (
        SELECT aggregate_type, aggregate_id, max(sequence) AS last FROM removed GROUP BY aggregate_type, aggregate_id
    ) AS gone
    LEFT JOIN LATERAL (
        SELECT min(sequence) AS first FROM shop.outbox_events AS left_over
        WHERE left_over.aggregate_type = gone.aggregate_type AND left_over.aggregate_id = gone.aggregate_id
    ) AS left_over ON true
    WHERE coalesce(left_over.first, 0) <= gone.last;
    IF broken IS NOT NULL THEN
        RAISE EXCEPTION USING
            ERRCODE = 'SH101',
            MESSAGE = format('the events of %s are removed from the front, and never all of them', broken),
            HINT = 'Leave the last event of each aggregate.',
            SCHEMA = TG_TABLE_SCHEMA, TABLE = TG_TABLE_NAME, CONSTRAINT = TG_NAME;
    END IF;
    RETURN NULL;
END
$$;

COMMENT ON FUNCTION shop.keep_outbox_tail() IS 'Trigger: retention leaves the last event of each aggregate.';

CREATE FUNCTION shop.keep_payment_exception(event_id bigint, event_payment_id uuid, event_currency text, wanted_kind text, excess bigint) RETURNS void
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'shop', 'pg_temp'
    AS $$
DECLARE
    payment_ids uuid[] := CASE wanted_kind
        WHEN 'over_payment' THEN ARRAY(
            SELECT sibling.payment_id FROM shop.payments AS sibling
            JOIN shop.payments AS payment USING (order_id)
            WHERE payment.payment_id = event_payment_id)
        ELSE ARRAY[event_payment_id]
    END;
BEGIN
    UPDATE shop.payment_exceptions AS e
    SET amount_minor = CASE WHEN excess > 0 THEN excess ELSE e.amount_minor END,
        resolved_at = CASE WHEN excess > 0 THEN NULL ELSE greatest(now(), e.raised_at) END,
        resolution = CASE WHEN excess > 0 THEN NULL ELSE 'Settled by a later event.' END,
        resolved_by = CASE WHEN excess > 0 THEN NULL ELSE 'system' END
    WHERE e.payment_id = ANY (payment_ids) AND e.kind = wanted_kind::shop.payment_exception_kind
      AND e.resolved_at IS NULL;
    IF NOT FOUND AND excess > 0 AND NOT EXISTS (
        -- What somebody settled stays settled until more comes in.
        SELECT FROM shop.payment_exceptions AS e
        WHERE e.payment_id = ANY (payment_ids) AND e.kind = wanted_kind::shop.payment_exception_kind
          AND e.amount_minor >= excess AND e.resolved_by <> 'system'
    ) THEN
        INSERT INTO shop.payment_exceptions (payment_event_id, payment_id, kind, amount_minor, currency)
        VALUES (event_id, event_payment_id, wanted_kind::shop.payment_exception_kind, excess, event_currency);
    END IF;
END
$$;

COMMENT ON FUNCTION shop.keep_payment_exception(event_id bigint, event_payment_id uuid, event_currency text, wanted_kind text, excess bigint) IS 'Keeps the open exception of a kind in step with the payment: opened, grown, or settled.';

CREATE FUNCTION shop.keep_production() RETURNS trigger
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'shop', 'pg_temp'
    AS $$
DECLARE
    has_orders boolean := false;
BEGIN
    -- At the first revisions there is no table of orders yet.
    IF to_regclass('shop.orders') IS NOT NULL THEN
        EXECUTE 'SELECT EXISTS (SELECT FROM shop.orders)' INTO has_orders;
    END IF;
    IF has_orders THEN
        RAISE EXCEPTION USING
            ERRCODE = 'SH102',
            MESSAGE = 'a production database that holds orders stays production',
            HINT = 'Restore a copy, erase its personal data, and mark that one.',
            SCHEMA = TG_TABLE_SCHEMA, TABLE = TG_TABLE_NAME, CONSTRAINT = TG_NAME;
    END IF;
    RETURN NEW;
END
$$;

COMMENT ON FUNCTION shop.keep_production() IS 'Trigger: a production database with orders is never declared something else.';

CREATE FUNCTION shop.kept_of_payload(message jsonb) RETURNS jsonb
    LANGUAGE sql IMMUTABLE
    SET search_path TO 'pg_catalog', 'shop', 'pg_temp'
    RETURN (SELECT COALESCE(jsonb_object_agg(jsonb_each.key, jsonb_each.value), '{}'::jsonb) AS "coalesce" FROM jsonb_each(kept_of_payload.message) jsonb_each(key, value) WHERE ((jsonb_each.key = ANY (ARRAY['object'::text, 'network'::text, 'wallet'::text, 'funding'::text, 'outcome'::text, 'reason'::text, 'decline_code'::text, 'risk_level'::text, 'livemode'::text, 'api_version'::text, 'attempt'::text, 'fee_minor'::text, 'settles_on'::text])) AND CASE jsonb_typeof(jsonb_each.value) WHEN 'object'::text THEN false WHEN 'array'::text THEN false WHEN 'string'::text THEN ((jsonb_each.value #>> '{}'::text[]) ~ '^[A-Za-z0-9_.:-]{1,64}$'::text) WHEN 'number'::text THEN (char_length((jsonb_each.value #>> '{}'::text[])) <= 30) ELSE true END));

COMMENT ON FUNCTION shop.kept_of_payload(message jsonb) IS 'What of a provider''s message is kept: codes, numbers and flags under listed keys; nothing that names a person.';

CREATE TABLE shop.carts (
    cart_id uuid DEFAULT uuidv7() NOT NULL,
    customer_id uuid,
    currency text NOT NULL,
    status shop.cart_status DEFAULT 'open'::shop.cart_status NOT NULL,
    coupon_id bigint,
    merged_into_cart_id uuid,
    version bigint DEFAULT 1 NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    updated_at timestamp with time zone DEFAULT now() NOT NULL,
    expires_at timestamp with time zone NOT NULL,
    CONSTRAINT ck_carts_cart_id_is_uuidv7 CHECK ((uuid_extract_version(cart_id) = 7)),
    CONSTRAINT ck_carts_expires_after_created CHECK ((expires_at > created_at)),
    CONSTRAINT ck_carts_merged_into_matches_status CHECK (((status = 'merged'::shop.cart_status) = (merged_into_cart_id IS NOT NULL))),
    CONSTRAINT ck_carts_not_merged_into_itself CHECK ((merged_into_cart_id <> cart_id)),
    CONSTRAINT ck_carts_updated_after_created CHECK ((updated_at >= created_at)),
    CONSTRAINT ck_carts_version_positive CHECK ((version > 0))
)
WITH (fillfactor='80');

COMMENT ON TABLE shop.carts IS 'Carts of customers and guests. A customer has one open cart at a time.';

COMMENT ON COLUMN shop.carts.cart_id IS 'Key of the cart, a UUIDv7 the client may make; a guest''s only handle to it.';

COMMENT ON COLUMN shop.carts.customer_id IS 'Whose cart; NULL for a guest.';

COMMENT ON COLUMN shop.carts.currency IS 'Currency the cart is priced in.';

COMMENT ON COLUMN shop.carts.status IS 'open, converted to an order, merged, expired.';

COMMENT ON COLUMN shop.carts.coupon_id IS 'Coupon to be applied at checkout.';

COMMENT ON COLUMN shop.carts.merged_into_cart_id IS 'The cart this one was merged into at log-in.';

COMMENT ON COLUMN shop.carts.version IS 'Raised once by each transaction that changes its lines. Kept by trigger.';

COMMENT ON COLUMN shop.carts.created_at IS 'When it was created.';

COMMENT ON COLUMN shop.carts.updated_at IS 'When it last changed. Kept by trigger.';

COMMENT ON COLUMN shop.carts.expires_at IS 'When an open cart is given up.';

CREATE FUNCTION shop.lock_cart(wanted uuid) RETURNS shop.carts
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'shop', 'pg_temp'
    AS $$
DECLARE
    cart shop.carts;
    is_own boolean;
BEGIN
    SELECT * INTO cart FROM shop.carts WHERE carts.cart_id = wanted FOR NO KEY UPDATE;
    IF NOT FOUND THEN
        PERFORM shop.refuse_missing('cart', wanted::text);
    END IF;
    is_own := shop.require_own(cart.customer_id);
    RETURN cart;
END
$$;

COMMENT ON FUNCTION shop.lock_cart(wanted uuid) IS 'The cart under its lock, if it is the caller''s.';

CREATE FUNCTION shop.lock_order(wanted uuid) RETURNS shop.orders
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'shop', 'pg_temp'
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

COMMENT ON FUNCTION shop.lock_order(wanted uuid) IS 'The order under its lock, if it is the caller''s.';

CREATE FUNCTION shop.locked_until(digest bytea) RETURNS timestamp with time zone
    LANGUAGE sql STABLE
    SET search_path TO 'pg_catalog', 'shop', 'pg_temp'
    AS $$
    SELECT CASE WHEN count(*) >= 5
           THEN max(attempted_at) + least(interval '30 seconds' * (2 ^ least(count(*) - 5, 12)), interval '1 day') END
    FROM shop.login_attempts AS attempt
    WHERE email_digest = digest AND NOT succeeded AND attempted_at > now() - interval '1 day'
      AND attempted_at > coalesce((
          SELECT max(attempted_at) FROM shop.login_attempts
          WHERE email_digest = digest AND succeeded AND attempted_at > now() - interval '1 day'), '-infinity')
$$;

COMMENT ON FUNCTION shop.locked_until(digest bytea) IS 'Until when log-ins with an address are locked out; NULL: they are not.';

CREATE FUNCTION shop.login_gate(digest bytea) RETURNS bigint
    LANGUAGE sql IMMUTABLE
    SET search_path TO 'pg_catalog', 'shop', 'pg_temp'
    RETURN hashint8extended(((('x'::text || encode(SUBSTRING(digest FROM 1 FOR 8), 'hex'::text)))::bit(64))::bigint, (20260102)::bigint);

COMMENT ON FUNCTION shop.login_gate(digest bytea) IS 'Key of the advisory lock under which log-ins with an address are counted.';

CREATE FUNCTION shop.lost_in_disputes(wanted_payment_id uuid, wanted_currency text) RETURNS bigint
    LANGUAGE sql STABLE
    SET search_path TO 'pg_catalog', 'shop', 'pg_temp'
    AS $$
    SELECT coalesce(sum(coalesce(nullif(verdict.amount_minor, 0), dispute.claimed)), 0)::bigint
    FROM (
        SELECT coalesce(dispute_reference, '') AS reference,
               coalesce(max(amount_minor) FILTER (WHERE kind = 'dispute_opened'), 0) AS claimed
        FROM shop.payment_events
        WHERE payment_id = wanted_payment_id AND currency = wanted_currency
          AND kind IN ('dispute_opened', 'dispute_won', 'dispute_lost')
        GROUP BY coalesce(dispute_reference, '')
    ) AS dispute
    CROSS JOIN LATERAL (
        SELECT event.kind, event.amount_minor
        FROM shop.payment_events AS event
        WHERE event.payment_id = wanted_payment_id AND event.currency = wanted_currency
          AND event.kind IN ('dispute_won', 'dispute_lost') AND coalesce(event.dispute_reference, '') = dispute.reference
        ORDER BY event.occurred_at DESC, event.kind DESC, event.amount_minor DESC
        LIMIT 1
    ) AS verdict
    WHERE verdict.kind = 'dispute_lost'
$$;

COMMENT ON FUNCTION shop.lost_in_disputes(wanted_payment_id uuid, wanted_currency text) IS 'What the customer''s bank took back of a payment, by the set of its events.';

CREATE FUNCTION shop.move_category_subtree() RETURNS trigger
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'shop', 'pg_temp'
    AS $$
BEGIN
    WITH RECURSIVE below AS (
        SELECT child.category_id, moved.ancestry || moved.category_id AS ancestry
        FROM shop.categories AS moved
        JOIN shop.categories AS child ON child.parent_id = moved.category_id
        WHERE moved.category_id = NEW.category_id
        UNION ALL
        SELECT child.category_id, below.ancestry || below.category_id
        FROM below
        JOIN shop.categories AS child ON child.parent_id = below.category_id
    ) CYCLE category_id SET is_cycle USING walked
    UPDATE shop.categories AS category
    SET ancestry = below.ancestry
    FROM below
    WHERE category.category_id = below.category_id AND NOT below.is_cycle;
    RETURN NULL;
END
$$;

COMMENT ON FUNCTION shop.move_category_subtree() IS 'Trigger: carries a move on to all categories below.';

CREATE FUNCTION shop.normalized_email(email text) RETURNS text
    LANGUAGE sql IMMUTABLE
    SET search_path TO 'pg_catalog', 'shop', 'pg_temp'
    RETURN lower((NORMALIZE(email, NFC) COLLATE pg_unicode_fast));

COMMENT ON FUNCTION shop.normalized_email(email text) IS 'The form in which addresses are compared.';

CREATE FUNCTION shop.number_document() RETURNS trigger
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'shop', 'pg_temp'
    AS $_$
DECLARE
    last_stored bigint;
BEGIN
    IF NEW.number IS NOT NULL THEN
        RAISE EXCEPTION USING
            ERRCODE = 'SH103',
            MESSAGE = format('document number %s of series %s was given by the client', NEW.number, NEW.series),
            HINT = 'Leave the number out; it is given without gaps.',
            SCHEMA = TG_TABLE_SCHEMA, TABLE = TG_TABLE_NAME, CONSTRAINT = TG_NAME;
    END IF;
    SELECT last_number INTO NEW.number FROM shop.document_series WHERE series = NEW.series FOR NO KEY UPDATE;
    IF NOT FOUND THEN
        RAISE EXCEPTION USING
            ERRCODE = 'SH111',
            MESSAGE = format('there is no document series %s', NEW.series),
            HINT = 'Insert it into document_series first.',
            SCHEMA = TG_TABLE_SCHEMA, TABLE = TG_TABLE_NAME, CONSTRAINT = TG_NAME;
    END IF;
    EXECUTE format('SELECT max(number) FROM shop.%I WHERE series = $1', TG_TABLE_NAME) INTO last_stored USING NEW.series;
    NEW.number := greatest(NEW.number, last_stored) + 1;
    RETURN NEW;
END
$_$;

COMMENT ON FUNCTION shop.number_document() IS 'Trigger: gives a document the next number of its series, without gaps.';

CREATE FUNCTION shop.number_outbox_event() RETURNS trigger
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'shop', 'pg_temp'
    AS $$
BEGIN
    IF NEW.sequence IS NOT NULL THEN
        RAISE EXCEPTION USING
            ERRCODE = 'SH103',
            MESSAGE = format('sequence %s of %s %s was given by the client', NEW.sequence, NEW.aggregate_type, NEW.aggregate_id),
            HINT = 'Leave the sequence out; it is given without gaps.',
            SCHEMA = TG_TABLE_SCHEMA, TABLE = TG_TABLE_NAME, CONSTRAINT = TG_NAME;
    END IF;
    SELECT coalesce(max(sequence), 0) + 1 INTO NEW.sequence
    FROM shop.outbox_events
    WHERE aggregate_type = NEW.aggregate_type AND aggregate_id = NEW.aggregate_id;
    RETURN NEW;
END
$$;

COMMENT ON FUNCTION shop.number_outbox_event() IS 'Trigger: numbers the events of an aggregate 1, 2, 3, …';

CREATE FUNCTION shop.payment_deadline() RETURNS interval
    LANGUAGE sql IMMUTABLE
    RETURN '01:00:00'::interval;

COMMENT ON FUNCTION shop.payment_deadline() IS 'How long an unpaid order keeps its stock.';

CREATE FUNCTION shop.pick_shipment(wanted_order_id uuid, wanted_warehouse_id bigint, line_numbers smallint[], quantities integer[]) RETURNS TABLE(line_number smallint, slot smallint, units smallint)
    LANGUAGE sql STABLE
    SET search_path TO 'pg_catalog', 'shop', 'pg_temp'
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

COMMENT ON FUNCTION shop.pick_shipment(wanted_order_id uuid, wanted_warehouse_id bigint, line_numbers smallint[], quantities integer[]) IS 'Units of an order that lie ready in a warehouse, by line and slot.';

CREATE FUNCTION shop.post_dispute(event_id bigint) RETURNS void
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'shop', 'pg_temp'
    AS $$
DECLARE
    event shop.payment_events;
    about_order uuid;
    lost bigint;
BEGIN
    SELECT * INTO event FROM shop.payment_events WHERE payment_event_id = event_id;
    IF event.kind NOT IN ('dispute_opened', 'dispute_won', 'dispute_lost') THEN
        RETURN;
    END IF;
    IF event.payment_id IS NULL THEN
        lost := CASE event.kind WHEN 'dispute_lost' THEN event.amount_minor ELSE 0 END;
    ELSE
        SELECT order_id INTO about_order FROM shop.payments
        WHERE payment_id = event.payment_id AND currency = event.currency;
        lost := shop.lost_in_disputes(event.payment_id, event.currency) + (
            SELECT coalesce(sum(line.amount_minor), 0)
            FROM shop.payment_events AS told
            JOIN shop.journals AS entry ON entry.payment_event_id = told.payment_event_id AND entry.kind = 'dispute'
            JOIN shop.journal_lines AS line ON line.journal_id = entry.journal_id AND line.account = 'provider_clearing'
            WHERE told.payment_id = event.payment_id AND told.currency = event.currency);
    END IF;
    PERFORM shop.post_journal('dispute', about_order, event_id, event.currency, format('Provider event %s', event_id),
        ARRAY['provider_clearing', CASE WHEN about_order IS NULL THEN 'suspense' ELSE 'receivable' END],
        ARRAY[-lost, lost]);
END
$$;

COMMENT ON FUNCTION shop.post_dispute(event_id bigint) IS 'Keeps what the books say was lost in the disputes of an event''s payment in step with its events.';

CREATE FUNCTION shop.post_journal(wanted_kind shop.journal_kind, about_order uuid, about_event bigint, wanted_currency text, words text, accounts text[], amounts bigint[]) RETURNS void
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'shop', 'pg_temp'
    AS $$
DECLARE
    entry bigint;
    lines integer := (SELECT count(*) FROM unnest(amounts) AS amount WHERE amount <> 0);
BEGIN
    IF lines = 0 THEN
        RETURN;
    END IF;
    INSERT INTO shop.journals (kind, order_id, payment_event_id, currency, line_count, description)
    VALUES (wanted_kind, about_order, about_event, wanted_currency, lines, words)
    RETURNING journal_id INTO entry;
    INSERT INTO shop.journal_lines (journal_id, line_number, account, currency, amount_minor)
    SELECT entry, row_number() OVER (ORDER BY position), account, wanted_currency, amount
    FROM unnest(accounts, amounts) WITH ORDINALITY AS line (account, amount, position)
    WHERE amount <> 0;
END
$$;

COMMENT ON FUNCTION shop.post_journal(wanted_kind shop.journal_kind, about_order uuid, about_event bigint, wanted_currency text, words text, accounts text[], amounts bigint[]) IS 'Posts one journal entry; amounts are debit positive and sum to zero.';

CREATE FUNCTION shop.post_order_moves() RETURNS trigger
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'shop', 'pg_temp'
    AS $$
BEGIN
    IF NEW.status = 'confirmed' AND OLD.status = 'pending' THEN
        PERFORM shop.post_sale(NEW);
    ELSIF NEW.cancelled_minor > OLD.cancelled_minor
        AND EXISTS (SELECT FROM shop.journals WHERE order_id = NEW.order_id AND kind = 'sale') THEN
        PERFORM shop.post_taken_back('cancellation', NEW);
    END IF;
    IF NEW.returned_units > OLD.returned_units THEN
        PERFORM shop.post_taken_back('return', NEW);
    END IF;
    RETURN NULL;
END
$$;

COMMENT ON FUNCTION shop.post_order_moves() IS 'Trigger: a confirmed order is a sale; what is cancelled or comes back of it is taken back.';

CREATE FUNCTION shop.post_payment_event(event_id bigint, about_order uuid, event_currency text, kind text, amount bigint, to_customer bigint) RETURNS void
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'shop', 'pg_temp'
    AS $$
DECLARE
    sign integer := CASE kind WHEN 'captured' THEN 1 WHEN 'refunded' THEN -1 ELSE 0 END;
BEGIN
    IF sign = 0 THEN
        RETURN;
    END IF;
    PERFORM shop.post_journal(
        CASE kind WHEN 'captured' THEN 'capture' ELSE 'refund' END::shop.journal_kind,
        CASE WHEN event_currency = (SELECT currency FROM shop.orders WHERE order_id = about_order) THEN about_order END,
        event_id, event_currency, format('Provider event %s', event_id),
        ARRAY['provider_clearing', 'receivable', 'suspense'],
        ARRAY[amount * sign, -to_customer, to_customer - amount * sign]);
END
$$;

COMMENT ON FUNCTION shop.post_payment_event(event_id bigint, about_order uuid, event_currency text, kind text, amount bigint, to_customer bigint) IS 'Posts money that moved: what counts to the customer''s account, the rest to suspense.';

CREATE FUNCTION shop.post_sale(header shop.orders) RETURNS void
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'shop', 'pg_temp'
    AS $$
DECLARE
    included bigint := CASE WHEN header.prices_include_tax THEN 1 ELSE 0 END;
    goods bigint := header.subtotal_minor - header.discount_minor
        - included * (header.tax_minor - header.shipping_tax_minor);
    delivery bigint := header.shipping_minor - included * header.shipping_tax_minor;
BEGIN
    PERFORM shop.post_journal('sale', header.order_id, NULL, header.currency, format('Order %s', header.order_number),
        ARRAY['receivable', 'revenue', 'shipping_revenue', 'tax_payable'],
        ARRAY[header.total_minor, -goods, -delivery, -header.tax_minor]);
    -- What was cancelled while the order was not paid was sold and taken back at once.
    PERFORM shop.post_taken_back('cancellation', header);
END
$$;

COMMENT ON FUNCTION shop.post_sale(header shop.orders) IS 'Posts the sale of an order that is confirmed.';

CREATE FUNCTION shop.post_taken_back(wanted_kind shop.journal_kind, header shop.orders) RETURNS void
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'shop', 'pg_temp'
    AS $$
DECLARE
    goods bigint;
    delivery bigint;
    tax bigint;
BEGIN
    SELECT now_back.goods - posted.goods, now_back.delivery - posted.delivery, now_back.tax - posted.tax
    INTO goods, delivery, tax
    FROM shop.taken_back(header, wanted_kind) AS now_back
    CROSS JOIN (
        SELECT coalesce(sum(line.amount_minor) FILTER (WHERE line.account = 'revenue'), 0)::bigint AS goods,
               coalesce(sum(line.amount_minor) FILTER (WHERE line.account = 'shipping_revenue'), 0)::bigint AS delivery,
               coalesce(sum(line.amount_minor) FILTER (WHERE line.account = 'tax_payable'), 0)::bigint AS tax
        FROM shop.journals AS entry
        JOIN shop.journal_lines AS line USING (journal_id)
        WHERE entry.order_id = header.order_id AND entry.kind = wanted_kind
    ) AS posted;
    PERFORM shop.post_journal(wanted_kind, header.order_id, NULL, header.currency,
        format('%s of order %s', initcap(wanted_kind::text), header.order_number),
        ARRAY['revenue', 'shipping_revenue', 'tax_payable', 'receivable'],
        ARRAY[goods, delivery, tax, -goods - delivery - tax]);
END
$$;

COMMENT ON FUNCTION shop.post_taken_back(wanted_kind shop.journal_kind, header shop.orders) IS 'Posts what cancellations or returns took off an order since the last entry.';

CREATE FUNCTION shop.price_cart(cart shop.carts, country text, region text, method_code text) RETURNS shop.priced_cart
    LANGUAGE plpgsql STABLE
    SET search_path TO 'pg_catalog', 'shop', 'pg_temp'
    AS $$
#variable_conflict use_column
DECLARE
    priced shop.priced_cart;
    coupon shop.coupons;
    shipping_tax_class text;
    unsellable bigint[];
    is_sound boolean;
    needs_region boolean;
    price_contains_tax boolean;
    takes_tax_out boolean;
BEGIN
    priced.currency := cart.currency;
    priced.country := price_cart.country;
    SELECT land.prices_include_tax, m.shipping_method_id, m.name, m.tax_class, coalesce(c.is_tax_exempt, false), c.tax_number,
           CASE WHEN coalesce(btrim(price_cart.region), '') = '' THEN EXISTS (
               SELECT FROM shop.tax_rates AS r
               WHERE r.country = price_cart.country AND r.region > '' AND r.valid_from <= now()) END
    INTO price_contains_tax, priced.shipping_method_id, priced.shipping_method_name, shipping_tax_class,
         priced.is_tax_exempt, priced.tax_number, needs_region
    FROM shop.countries AS land
    LEFT JOIN shop.shipping_methods AS m ON m.code = price_cart.method_code AND m.is_active
    LEFT JOIN shop.customers AS c ON c.customer_id = cart.customer_id
    WHERE land.code = price_cart.country;
    is_sound := shop.require_none(CASE
        WHEN NOT FOUND THEN ARRAY['country', 'an ISO 3166-1 alpha-2 code']
        WHEN priced.shipping_method_id IS NULL THEN ARRAY['shipping_method', 'the code of an active method']
        -- Left out, it would cost nothing.
        WHEN needs_region
            THEN ARRAY['region', format('the region within %s: taxes differ by it', price_cart.country)]
    END);
    -- Who is exempt pays the price without the tax that it contains, so the order's prices contain none.
    priced.prices_include_tax := price_contains_tax AND NOT priced.is_tax_exempt;
    takes_tax_out := price_contains_tax AND priced.is_tax_exempt;

    SELECT count(*), sum(quantity), sum(unit_price_minor * quantity), array_agg(variant_id) FILTER (WHERE NOT sellable),
           array_agg(ROW(line_number, variant_id, sku, product_name, variant_name, tax_class, quantity, unit_price_minor,
                         unit_price_minor * quantity, 0, 0, 0, 0)::shop.priced_line ORDER BY line_number)
    INTO priced.line_count, priced.unit_count, priced.subtotal_minor, unsellable, priced.lines
    FROM (
        SELECT row_number() OVER (ORDER BY item.added_at, item.variant_id)::smallint AS line_number,
               item.variant_id, variant.sku, product.name AS product_name, variant.name AS variant_name,
               product.tax_class, item.quantity,
               variant.archived_at IS NULL AND product.status = 'active' AND price.amount_minor IS NOT NULL AS sellable,
               CASE WHEN takes_tax_out
                    THEN shop.without_tax(price.amount_minor, price_cart.country, price_cart.region, product.tax_class)
                    ELSE price.amount_minor END AS unit_price_minor
        FROM shop.cart_items AS item
        JOIN shop.product_variants AS variant USING (variant_id)
        JOIN shop.products AS product USING (product_id)
        LEFT JOIN LATERAL (
            SELECT amount_minor FROM shop.variant_prices AS p
            WHERE p.variant_id = item.variant_id AND p.currency = cart.currency AND p.valid_from <= now()
            ORDER BY p.valid_from DESC
            LIMIT 1
        ) AS price ON true
        WHERE item.cart_id = cart.cart_id
    ) AS line;
    IF priced.line_count = 0 THEN
        RAISE EXCEPTION USING
            ERRCODE = 'SH305', MESSAGE = format('cart %s is empty', cart.cart_id), HINT = 'Put something in first.';
    END IF;
    IF unsellable IS NOT NULL THEN
        RAISE EXCEPTION USING
            ERRCODE = 'SH202',
            MESSAGE = format('%s cannot be bought in %s', array_to_string(unsellable, ', '), cart.currency),
            HINT = 'Remove these variants from the cart.',
            DETAIL = jsonb_build_object('variant_ids', unsellable);
    END IF;
    IF priced.subtotal_minor > 1000000000000 THEN
        RAISE EXCEPTION USING
            ERRCODE = 'SH308',
            MESSAGE = format('cart %s is worth %s, and an order at most 1000000000000', cart.cart_id, priced.subtotal_minor),
            HINT = 'Order in several carts.',
            DETAIL = jsonb_build_object('subtotal_minor', priced.subtotal_minor);
    END IF;

    priced.discount_minor := 0;
    IF cart.coupon_id IS NOT NULL THEN
        SELECT * INTO coupon FROM shop.coupons AS c WHERE c.coupon_id = cart.coupon_id;
        IF NOT (coupon.is_active AND coupon.starts_at <= now() AND coalesce(coupon.ends_at > now(), true)
                AND coalesce(coupon.currency = cart.currency, true)
                AND coupon.minimum_subtotal_minor <= priced.subtotal_minor
                AND coalesce(coupon.times_used < coupon.usage_limit, true)) THEN
            RAISE EXCEPTION USING
                ERRCODE = 'SH302',
                MESSAGE = format('coupon %s does not apply to this cart', coupon.code),
                HINT = 'Remove it with remove_coupon, or reach its minimum.',
                DETAIL = jsonb_build_object('code', coupon.code, 'minimum_subtotal_minor', coupon.minimum_subtotal_minor);
        END IF;
        priced.coupon_id := coupon.coupon_id;
        priced.discount_minor := CASE coupon.kind
            WHEN 'percent' THEN round(priced.subtotal_minor * coupon.rate)
            ELSE least(coupon.amount_minor, priced.subtotal_minor)
        END;
    END IF;

    SELECT price_minor INTO priced.shipping_minor
    FROM shop.shipping_rates AS r
    WHERE r.shipping_method_id = priced.shipping_method_id AND r.country = price_cart.country
      AND r.currency = cart.currency AND r.minimum_subtotal_minor <= priced.subtotal_minor - priced.discount_minor
    ORDER BY r.minimum_subtotal_minor DESC
    LIMIT 1;
    IF NOT FOUND THEN
        RAISE EXCEPTION USING
            ERRCODE = 'SH304',
            MESSAGE = format('%s does not deliver to %s for %s', price_cart.method_code, price_cart.country, cart.currency),
            HINT = 'Choose another shipping method.';
    END IF;
    IF takes_tax_out THEN
        priced.shipping_minor := shop.without_tax(
            priced.shipping_minor, price_cart.country, price_cart.region, shipping_tax_class);
    END IF;

    -- The discount is split by largest remainder: every line gets its share rounded down, and the units that are left go to
    -- the lines that lost most by rounding, so that the parts sum to it exactly.
    IF priced.discount_minor > 0 THEN
        WITH floored AS (
            SELECT line.*,
                   div(priced.discount_minor::numeric * line.subtotal_minor, priced.subtotal_minor)::bigint AS share,
                   (priced.discount_minor::numeric * line.subtotal_minor) % priced.subtotal_minor AS fraction
            FROM unnest(priced.lines) AS line
        ), discounted AS (
            SELECT floored.*,
                   share + (row_number() OVER (ORDER BY fraction DESC, line_number)
                            <= priced.discount_minor - sum(share) OVER ())::integer AS discount
            FROM floored
        )
        SELECT array_agg(ROW(line_number, variant_id, sku, product_name, variant_name, tax_class, quantity, unit_price_minor,
                             subtotal_minor, discount, 0, 0, 0)::shop.priced_line ORDER BY line_number)
        INTO priced.lines
        FROM discounted;
    END IF;

    -- Where prices contain tax an amount is split so that base and taxes are the amount again; otherwise each tax comes on
    -- top. Line 0 is shipping.
    WITH levied AS MATERIALIZED (
        SELECT tax.*, sum(tax_minor) OVER (PARTITION BY line_number) AS taxes_of_line
        FROM (
            SELECT amount.line_number, rates.jurisdiction, rates.rate, amount.minor,
                   round(amount.minor * rates.rate
                         / CASE WHEN priced.prices_include_tax THEN 1 + rates.all_rates ELSE 1 END)::bigint AS tax_minor
            FROM (
                SELECT line_number, subtotal_minor - discount_minor AS minor, tax_class FROM unnest(priced.lines)
                UNION ALL
                SELECT 0, priced.shipping_minor, shipping_tax_class
            ) AS amount
            JOIN shop.tax_rates_at(price_cart.country, price_cart.region, now()) AS rates USING (tax_class)
            WHERE NOT priced.is_tax_exempt
        ) AS tax
    )
    SELECT (SELECT array_agg(ROW(line.line_number, line.variant_id, line.sku, line.product_name, line.variant_name,
                                 line.tax_class, line.quantity, line.unit_price_minor, line.subtotal_minor,
                                 line.discount_minor, coalesce(t.minor, 0),
                                 line.subtotal_minor - line.discount_minor
                                     + CASE WHEN priced.prices_include_tax THEN 0 ELSE coalesce(t.minor, 0) END,
                                 coalesce(t.total, 0))::shop.priced_line ORDER BY line.line_number)
            FROM unnest(priced.lines) AS line
            LEFT JOIN (
                SELECT line_number, sum(tax_minor)::bigint AS minor, count(*)::smallint AS total FROM levied GROUP BY line_number
            ) AS t ON t.line_number = line.line_number),
           array_agg(ROW(line_number, jurisdiction, rate,
                         minor - CASE WHEN priced.prices_include_tax THEN taxes_of_line ELSE 0 END,
                         tax_minor)::shop.priced_tax ORDER BY line_number, jurisdiction),
           coalesce(sum(tax_minor) FILTER (WHERE line_number = 0), 0), count(*) FILTER (WHERE line_number = 0),
           coalesce(sum(tax_minor), 0)
    INTO priced.lines, priced.taxes, priced.shipping_tax_minor, priced.shipping_tax_count, priced.tax_minor
    FROM levied;
    priced.taxes := coalesce(priced.taxes, '{}');
    priced.total_minor := priced.subtotal_minor - priced.discount_minor + priced.shipping_minor
        + CASE WHEN priced.prices_include_tax THEN 0 ELSE priced.tax_minor END;
    -- With taxes and delivery: no payment and no event may be for more.
    IF priced.total_minor > 1000000000000 THEN
        RAISE EXCEPTION USING
            ERRCODE = 'SH308',
            MESSAGE = format('cart %s costs %s, and an order at most 1000000000000', cart.cart_id, priced.total_minor),
            HINT = 'Order in several carts.',
            DETAIL = jsonb_build_object('total_minor', priced.total_minor);
    END IF;
    RETURN priced;
END
$$;

COMMENT ON FUNCTION shop.price_cart(cart shop.carts, country text, region text, method_code text) IS 'What checkout charges for a cart: prices in force, coupon, shipping and taxes, line by line.';

CREATE FUNCTION shop.price_of(wanted_variant_id bigint, wanted_currency text) RETURNS bigint
    LANGUAGE sql STABLE
    SET search_path TO 'pg_catalog', 'shop', 'pg_temp'
    AS $$
    SELECT amount_minor FROM shop.variant_prices
    WHERE variant_id = wanted_variant_id AND currency = wanted_currency AND valid_from <= now()
    ORDER BY valid_from DESC
    LIMIT 1
$$;

COMMENT ON FUNCTION shop.price_of(wanted_variant_id bigint, wanted_currency text) IS 'The price of a variant in force now, in the minor unit; NULL: none.';

CREATE FUNCTION shop.receive_return_items() RETURNS trigger
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'shop', 'pg_temp'
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

COMMENT ON FUNCTION shop.receive_return_items() IS 'Trigger: a receipt counts on its line, sets what may be refunded, and puts restocked units back.';

CREATE FUNCTION shop.refuse() RETURNS trigger
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'shop', 'pg_temp'
    AS $$
BEGIN
    RAISE EXCEPTION USING
        ERRCODE = TG_ARGV[0],
        MESSAGE = format('%s on shop.%s refused: %s', TG_OP, TG_TABLE_NAME, TG_ARGV[1]),
        HINT = TG_ARGV[2],
        SCHEMA = TG_TABLE_SCHEMA, TABLE = TG_TABLE_NAME, CONSTRAINT = TG_NAME;
END
$$;

COMMENT ON FUNCTION shop.refuse() IS 'Trigger: refuses what fired it. Arguments: SQLSTATE, the rule in words, the way out.';

CREATE FUNCTION shop.refuse_direct_write() RETURNS trigger
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'shop', 'pg_temp'
    AS $$
BEGIN
    IF pg_trigger_depth() < 2 THEN
        RAISE EXCEPTION USING
            ERRCODE = 'SH103',
            MESSAGE = format('%s on shop.%s refused: it is kept by trigger', TG_OP, TG_TABLE_NAME),
            HINT = TG_ARGV[0],
            SCHEMA = TG_TABLE_SCHEMA, TABLE = TG_TABLE_NAME, CONSTRAINT = TG_NAME;
    END IF;
    RETURN CASE WHEN TG_LEVEL = 'ROW' THEN NEW END;
END
$$;

COMMENT ON FUNCTION shop.refuse_direct_write() IS 'Trigger: refuses writes that come from a client and not from another trigger. Argument: the way out.';

CREATE FUNCTION shop.refuse_for_erased() RETURNS trigger
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'shop', 'pg_temp'
    AS $$
DECLARE
    found_status shop.customer_status;
BEGIN
    SELECT status INTO found_status FROM shop.customers WHERE customer_id = NEW.customer_id FOR SHARE;
    IF found_status = 'erased' THEN
        IF TG_TABLE_NAME = 'login_attempts' THEN
            NEW.customer_id := NULL; -- By now nobody has the address: an attempt like any other stranger's.
        ELSE
            RAISE EXCEPTION USING
                ERRCODE = 'SH005',
                MESSAGE = format('there is no active customer %s', NEW.customer_id),
                HINT = 'The customer was erased; nothing was changed.',
                DETAIL = jsonb_build_object('what', 'active customer', 'key', NEW.customer_id),
                SCHEMA = TG_TABLE_SCHEMA, TABLE = TG_TABLE_NAME, CONSTRAINT = TG_NAME;
        END IF;
    END IF;
    RETURN NEW;
END
$$;

COMMENT ON FUNCTION shop.refuse_for_erased() IS 'Trigger: nothing personal is added to a customer who was erased (SH005).';

CREATE FUNCTION shop.refuse_missing(what text, key text) RETURNS void
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'shop', 'pg_temp'
    AS $$
BEGIN
    RAISE EXCEPTION USING
        ERRCODE = 'SH005',
        MESSAGE = format('there is no %s %s', what, coalesce(key, 'NULL')),
        HINT = 'Check the key; nothing was changed.',
        DETAIL = jsonb_build_object('what', what, 'key', key);
END
$$;

COMMENT ON FUNCTION shop.refuse_missing(what text, key text) IS 'Says that a row is not there (SH005).';

CREATE FUNCTION shop.refuse_order_status(header shop.orders, wanted text) RETURNS void
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'shop', 'pg_temp'
    AS $$
BEGIN
    RAISE EXCEPTION USING
        ERRCODE = 'SH306',
        MESSAGE = format('order %s is %s: it cannot be %s', header.order_number, header.status, wanted),
        HINT = 'Read the order again; its status has moved on.',
        DETAIL = jsonb_build_object('order_id', header.order_id, 'status', header.status);
END
$$;

COMMENT ON FUNCTION shop.refuse_order_status(header shop.orders, wanted text) IS 'Says that an order is past what was asked (SH306).';

CREATE FUNCTION shop.refuse_other_content(what text, key text) RETURNS void
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'shop', 'pg_temp'
    AS $$
BEGIN
    RAISE EXCEPTION USING
        ERRCODE = 'SH004',
        MESSAGE = format('%s %s exists already, with other content', what, key),
        HINT = 'A retry carries the same key and the same content; another request carries a new key.',
        DETAIL = jsonb_build_object('what', what, 'key', key);
END
$$;

COMMENT ON FUNCTION shop.refuse_other_content(what text, key text) IS 'Refuses a key that was used for something else (SH004).';

CREATE PROCEDURE shop.refuse_truncate_of(VARIADIC table_names text[])
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'shop', 'pg_temp'
    AS $$
DECLARE
    table_name text;
BEGIN
    FOREACH table_name IN ARRAY table_names LOOP
        EXECUTE format(
            'CREATE TRIGGER %I BEFORE TRUNCATE ON shop.%I FOR EACH STATEMENT EXECUTE FUNCTION shop.refuse(%L, %L, %L)',
            table_name || '_refuse_truncate', table_name,
            'SH101', 'no table of the shop is truncated',
            'Sample data are replaced by data_loader.py --replace; everything else is archived or purged.');
    END LOOP;
END
$$;

COMMENT ON PROCEDURE shop.refuse_truncate_of(VARIADIC table_names text[]) IS 'For migrations: makes TRUNCATE of the tables an error.';

CREATE FUNCTION shop.refuse_unless_trusted() RETURNS boolean
    LANGUAGE plpgsql STABLE
    SET search_path TO 'pg_catalog', 'shop', 'pg_temp'
    AS $$
DECLARE
    -- Within the owner's functions current_user is the owner. Who called is whoever logged in, or became by SET ROLE.
    caller name := coalesce(nullif(current_setting('role'), 'none'), session_user);
BEGIN
    IF nullif(current_setting('shop.customer_id', true), '') IS NULL THEN
        IF NOT pg_has_role(caller, 'shop_storefront', 'USAGE') THEN
            IF pg_has_role(caller, 'shop_app', 'USAGE') OR pg_has_role(caller, 'shop_backoffice', 'USAGE')
               OR pg_has_role(caller, 'shop_owner', 'USAGE') THEN
                RETURN true;
            END IF;
        -- A superuser is a member of everything. Last, because it reads a table.
        ELSIF (SELECT rolsuper FROM pg_roles WHERE rolname = caller) THEN
            RETURN true;
        END IF;
    END IF;
    RAISE EXCEPTION USING
        ERRCODE = 'SH003',
        MESSAGE = 'it belongs to another customer',
        HINT = 'Set shop.customer_id to the customer who is logged in, for this transaction.';
END
$$;

COMMENT ON FUNCTION shop.refuse_unless_trusted() IS 'Refuses (SH003) whoever acts for one customer, or is not known to act for anybody.';

CREATE FUNCTION shop.release_allocated_stock() RETURNS trigger
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'shop', 'pg_temp'
    AS $$
BEGIN
    PERFORM FROM shop.order_items
    WHERE order_id = ANY (ARRAY(SELECT DISTINCT order_id FROM after))
      AND (order_id, line_number) IN (SELECT order_id, line_number FROM after)
    ORDER BY order_id, line_number
    FOR NO KEY UPDATE;
    UPDATE shop.order_items AS line
    SET allocated_quantity = line.allocated_quantity - change.quantity
    FROM (
        SELECT after.order_id, after.line_number,
               sum(after.released_quantity - before.released_quantity)::integer AS quantity
        FROM after
        JOIN before USING (order_id, line_number, warehouse_id, slot)
        WHERE after.released_quantity <> before.released_quantity
        GROUP BY after.order_id, after.line_number
    ) AS change
    WHERE (line.order_id, line.line_number) = (change.order_id, change.line_number);

    INSERT INTO shop.stock_movements (variant_id, warehouse_id, slot, kind, reserved_delta, order_id, line_number)
    SELECT after.variant_id, after.warehouse_id, after.slot, 'release',
           before.released_quantity - after.released_quantity, after.order_id, after.line_number
    FROM after
    JOIN before USING (order_id, line_number, warehouse_id, slot)
    WHERE after.released_quantity <> before.released_quantity
    ORDER BY after.variant_id, after.warehouse_id, after.slot;
    RETURN NULL;
END
$$;

COMMENT ON FUNCTION shop.release_allocated_stock() IS 'Trigger: releasing an allocation frees its stock by a movement.';

CREATE FUNCTION shop.require(holds boolean, argument text, rule text) RETURNS void
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'shop', 'pg_temp'
    AS $$
BEGIN
    IF holds IS NOT TRUE THEN
        RAISE EXCEPTION USING
            ERRCODE = 'SH001',
            MESSAGE = format('%s: %s', argument, rule),
            HINT = 'Correct the argument and call again; nothing was changed.',
            DETAIL = jsonb_build_object('argument', argument);
    END IF;
END
$$;

COMMENT ON FUNCTION shop.require(holds boolean, argument text, rule text) IS 'Refuses a bad argument, by name and rule (SH001).';

CREATE FUNCTION shop.require_actor() RETURNS text
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'shop', 'pg_temp'
    AS $$
DECLARE
    who text := shop.actor();
BEGIN
    IF who IS NULL THEN
        RAISE EXCEPTION USING
            ERRCODE = 'SH109',
            MESSAGE = 'nobody said who acts',
            HINT = 'Say who acts first: SET LOCAL shop.actor = ''staff:42''.';
    END IF;
    RETURN who;
END
$$;

COMMENT ON FUNCTION shop.require_actor() IS 'Who acts; refuses what is audited while nobody is named (SH109).';

CREATE FUNCTION shop.require_address(argument text, address api.address) RETURNS boolean
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'shop', 'pg_temp'
    AS $$
BEGIN
    RETURN shop.require_none(coalesce(
        shop.bad_part_of_address(argument, address),
        CASE WHEN NOT EXISTS (SELECT FROM shop.countries WHERE code = address.country)
             THEN ARRAY[argument || '.country', 'an ISO 3166-1 alpha-2 code'] END));
END
$$;

COMMENT ON FUNCTION shop.require_address(argument text, address api.address) IS 'Refuses an address that order_addresses could not hold.';

CREATE FUNCTION shop.require_cart_lines(variant_ids bigint[], quantities integer[], currency text) RETURNS boolean
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'shop', 'pg_temp'
    AS $$
DECLARE
    is_sound boolean := shop.require_none(CASE
        WHEN (cardinality(variant_ids) BETWEEN 1 AND 200) IS NOT TRUE
            THEN ARRAY['variant_ids', '1 to 200 keys of variants']
        WHEN (cardinality(quantities) = cardinality(variant_ids)) IS NOT TRUE
            THEN ARRAY['quantities', 'as many as variant_ids']
        WHEN (0 <= ALL (quantities) AND 999 >= ALL (quantities)) IS NOT TRUE
            THEN ARRAY['quantities', '0 (remove) to 999 units']
    END);
    each_once boolean;
    unsellable bigint[];
BEGIN
    -- Set-based, unlike is_sellable: a checkout of ten lines asks once.
    SELECT count(DISTINCT wanted.variant_id) = count(*),
           array_agg(wanted.variant_id ORDER BY wanted.variant_id) FILTER (WHERE wanted.quantity > 0 AND NOT (
               variant.archived_at IS NULL AND product.status IS NOT DISTINCT FROM 'active' AND EXISTS (
                   SELECT FROM shop.variant_prices AS price
                   WHERE price.variant_id = wanted.variant_id AND price.currency = require_cart_lines.currency
                     AND price.valid_from <= now())))
    INTO each_once, unsellable
    FROM unnest(variant_ids, quantities) AS wanted (variant_id, quantity)
    LEFT JOIN shop.product_variants AS variant ON variant.variant_id = wanted.variant_id
    LEFT JOIN shop.products AS product ON product.product_id = variant.product_id;
    IF NOT each_once THEN
        PERFORM shop.require(false, 'variant_ids', 'each variant once');
    ELSIF unsellable IS NOT NULL THEN
        RAISE EXCEPTION USING
            ERRCODE = 'SH202',
            MESSAGE = format('%s cannot be bought in %s', array_to_string(unsellable, ', '), currency),
            HINT = 'Leave these variants out.',
            DETAIL = jsonb_build_object('variant_ids', unsellable);
    END IF;
    RETURN true;
END
$$;

COMMENT ON FUNCTION shop.require_cart_lines(variant_ids bigint[], quantities integer[], currency text) IS 'Refuses lines that a cart cannot have: bad quantities (SH001), or what cannot be bought (SH202).';

CREATE FUNCTION shop.require_digest(digest bytea) RETURNS void
    LANGUAGE sql
    SET search_path TO 'pg_catalog', 'shop', 'pg_temp'
    RETURN shop.require((octet_length(digest) = 32), 'token_digest'::text, 'the SHA-256 of the token, 32 bytes'::text);

COMMENT ON FUNCTION shop.require_digest(digest bytea) IS 'Refuses what is no SHA-256 (SH001).';

CREATE FUNCTION shop.require_email(email text) RETURNS void
    LANGUAGE sql
    SET search_path TO 'pg_catalog', 'shop', 'pg_temp'
    RETURN shop.require(((char_length(email) <= 254) AND (email ~ '^[^@[:space:]]+@[^@[:space:]]+[.][^@[:space:].]+$'::text)), 'email'::text, 'an e-mail address'::text);

COMMENT ON FUNCTION shop.require_email(email text) IS 'Refuses what cannot be an e-mail address (SH001).';

CREATE FUNCTION shop.require_line_limit(cart_id uuid) RETURNS void
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'shop', 'pg_temp'
    AS $$
BEGIN
    IF (SELECT count(*) FROM shop.cart_items AS item WHERE item.cart_id = require_line_limit.cart_id) > 200 THEN
        RAISE EXCEPTION USING
            ERRCODE = 'SH203',
            MESSAGE = format('cart %s would have more than 200 lines', cart_id),
            HINT = 'Take lines out first, or order in several carts.';
    END IF;
END
$$;

COMMENT ON FUNCTION shop.require_line_limit(cart_id uuid) IS 'Refuses a cart with more lines than an order may have (SH203).';

CREATE FUNCTION shop.require_none(bad_argument text[]) RETURNS boolean
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'shop', 'pg_temp'
    AS $$
BEGIN
    IF bad_argument IS NOT NULL THEN
        PERFORM shop.require(false, bad_argument[1], bad_argument[2]);
    END IF;
    RETURN true;
END
$$;

COMMENT ON FUNCTION shop.require_none(bad_argument text[]) IS 'Refuses a bad argument, given as its name and rule (SH001); NULL: there is none.';

CREATE FUNCTION shop.require_open(cart shop.carts) RETURNS boolean
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'shop', 'pg_temp'
    AS $$
BEGIN
    IF cart.status <> 'open' OR cart.expires_at <= now() THEN
        RAISE EXCEPTION USING
            ERRCODE = 'SH201',
            MESSAGE = format('cart %s is %s', cart.cart_id,
                CASE cart.status WHEN 'open' THEN 'expired' ELSE cart.status::text END),
            HINT = 'Copy it into a new cart with copy_cart.',
            DETAIL = jsonb_build_object('cart_id', cart.cart_id, 'status', cart.status);
    END IF;
    RETURN true;
END
$$;

COMMENT ON FUNCTION shop.require_open(cart shop.carts) IS 'Refuses a cart that was closed or has run out (SH201).';

CREATE FUNCTION shop.require_own(owner_id uuid) RETURNS boolean
    LANGUAGE sql STABLE
    RETURN CASE WHEN ((owner_id IS NULL) OR (lower(current_setting('shop.customer_id'::text, true)) = (owner_id)::text)) THEN true ELSE shop.refuse_unless_trusted() END;

COMMENT ON FUNCTION shop.require_own(owner_id uuid) IS 'Refuses a row of another customer (SH003). NULL: a guest''s, known by its key.';

CREATE FUNCTION shop.require_password_hash(password_hash text) RETURNS void
    LANGUAGE sql
    SET search_path TO 'pg_catalog', 'shop', 'pg_temp'
    RETURN shop.require(((char_length(password_hash) <= 512) AND ((password_hash ~ '^[$](argon2id|scrypt|pbkdf2-sha256|pbkdf2-sha512)[$]([a-z0-9]+=[a-zA-Z0-9/+.,=-]+[$])*[a-zA-Z0-9/+.-]{16,}[$][a-zA-Z0-9/+.-]{32,}$'::text) OR (password_hash ~ '^[$]2[aby][$][0-9]{2}[$][./A-Za-z0-9]{53}$'::text))), 'password_hash'::text, 'a PHC string of argon2id, scrypt or pbkdf2, or a bcrypt hash; never a password'::text);

COMMENT ON FUNCTION shop.require_password_hash(password_hash text) IS 'Refuses what is no password hash (SH001).';

CREATE FUNCTION shop.require_read_committed() RETURNS boolean
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'shop', 'pg_temp'
    AS $$
BEGIN
    IF current_setting('transaction_isolation') <> 'read committed' THEN
        RAISE EXCEPTION USING
            ERRCODE = 'SH002',
            MESSAGE = format('the transaction is %s', current_setting('transaction_isolation')),
            HINT = 'Call it in a transaction of level READ COMMITTED, the default.';
    END IF;
    RETURN true;
END
$$;

COMMENT ON FUNCTION shop.require_read_committed() IS 'Refuses any other isolation level (SH002).';

CREATE FUNCTION shop.require_stock_key(wanted_variant_id bigint, wanted_warehouse_id bigint) RETURNS void
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'shop', 'pg_temp'
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

COMMENT ON FUNCTION shop.require_stock_key(wanted_variant_id bigint, wanted_warehouse_id bigint) IS 'Refuses a variant or warehouse that does not exist (SH005).';

CREATE FUNCTION shop.require_stock_limit(wanted_variant_id bigint, wanted_warehouse_id bigint, added integer, argument text) RETURNS void
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'shop', 'pg_temp'
    AS $$
BEGIN
    PERFORM shop.require(
        (SELECT coalesce(sum(on_hand), 0) + added <= 1000000000 FROM shop.stock_levels
         WHERE variant_id = wanted_variant_id AND warehouse_id = wanted_warehouse_id),
        argument, 'no more than 1000000000 units on hand in all');
END
$$;

COMMENT ON FUNCTION shop.require_stock_limit(wanted_variant_id bigint, wanted_warehouse_id bigint, added integer, argument text) IS 'Refuses more units than a stock level can count (SH001).';

CREATE FUNCTION shop.require_whole_journal() RETURNS trigger
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'shop', 'pg_temp'
    AS $$
BEGIN
    IF (SELECT count(*) FROM shop.journal_lines AS line WHERE line.journal_id = NEW.journal_id) <> NEW.line_count THEN
        RAISE EXCEPTION USING
            ERRCODE = 'SH104',
            MESSAGE = format('journal entry %s lacks its lines', NEW.journal_id),
            HINT = 'Insert header and lines in one transaction.',
            SCHEMA = TG_TABLE_SCHEMA, TABLE = TG_TABLE_NAME, CONSTRAINT = TG_NAME;
    END IF;
    RETURN NULL;
END
$$;

COMMENT ON FUNCTION shop.require_whole_journal() IS 'Trigger, deferred: no entry is committed without its lines.';

CREATE FUNCTION shop.require_whole_order() RETURNS trigger
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'shop', 'pg_temp'
    AS $$
DECLARE
    missing text;
BEGIN
    -- The rows that are there were compared when they came; what is left to see is whether all came.
    SELECT CASE
        WHEN line.total <> NEW.line_count THEN 'its lines'
        WHEN 2 <> (SELECT count(*) FROM shop.order_addresses WHERE order_id = NEW.order_id)
            THEN 'its shipping and billing address'
        WHEN line.taxes <> (SELECT count(*) FROM shop.order_item_taxes WHERE order_id = NEW.order_id)
            OR line.taxes = 0 AND line.tax_minor <> 0 THEN 'the taxes of its lines'
        WHEN NEW.shipping_tax_count <> (SELECT count(*) FROM shop.order_shipping_taxes WHERE order_id = NEW.order_id)
            OR NEW.shipping_tax_count = 0 AND NEW.shipping_tax_minor <> 0 THEN 'the taxes of its shipping'
        WHEN line.allocated <> (SELECT coalesce(sum(quantity - released_quantity), 0)
                                FROM shop.order_allocations WHERE order_id = NEW.order_id)
            THEN 'the allocations that its lines announce'
    END INTO missing
    FROM (SELECT count(*) AS total, sum(tax_count) AS taxes, sum(tax_minor) AS tax_minor, sum(allocated_quantity) AS allocated
          FROM shop.order_items WHERE order_id = NEW.order_id) AS line;
    IF missing IS NULL AND NEW.discount_minor > 0 AND NEW.discount_minor IS DISTINCT FROM (
        SELECT sum(discount_minor) FROM shop.coupon_redemptions WHERE order_id = NEW.order_id
    ) THEN
        missing := 'the coupon redemption that explains its discount';
    END IF;
    IF missing IS NOT NULL THEN
        RAISE EXCEPTION USING
            ERRCODE = 'SH104',
            MESSAGE = format('order %s lacks %s', NEW.order_id, missing),
            HINT = 'Insert the whole order in one transaction.',
            SCHEMA = TG_TABLE_SCHEMA, TABLE = TG_TABLE_NAME, CONSTRAINT = TG_NAME;
    END IF;
    RETURN NULL;
END
$$;

COMMENT ON FUNCTION shop.require_whole_order() IS 'Trigger, deferred: no order is committed without its parts.';

CREATE FUNCTION shop.require_whole_return() RETURNS trigger
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'shop', 'pg_temp'
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

CREATE FUNCTION shop.require_whole_shipment() RETURNS trigger
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'shop', 'pg_temp'
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

CREATE FUNCTION shop.reserve_allocated_stock() RETURNS trigger
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'shop', 'pg_temp'
    AS $$
DECLARE
    wrong text;
    all_announced boolean;
BEGIN
    SELECT min(format('line %s of order %s', line.line_number, line.order_id)) FILTER (WHERE held.is_of_other_variant),
           bool_and(line.allocated_quantity = held.units)
    INTO wrong, all_announced
    FROM shop.order_items AS line
    JOIN LATERAL (
        SELECT sum(quantity - released_quantity) AS units, bool_or(variant_id <> line.variant_id) AS is_of_other_variant
        FROM shop.order_allocations
        WHERE order_id = line.order_id AND line_number = line.line_number
    ) AS held ON true
    WHERE line.order_id = ANY (ARRAY(SELECT DISTINCT order_id FROM added));
    IF wrong IS NOT NULL THEN
        RAISE EXCEPTION USING
            ERRCODE = 'SH111',
            MESSAGE = format('%s sells another variant', wrong),
            HINT = 'Allocate stock of the line''s own variant.',
            SCHEMA = TG_TABLE_SCHEMA, TABLE = TG_TABLE_NAME, CONSTRAINT = TG_NAME;
    END IF;

    IF NOT all_announced THEN
        -- Locked in the order of their keys, as by every trigger that counts on lines: an UPDATE alone takes them in any.
        PERFORM FROM shop.order_items
        WHERE order_id = ANY (ARRAY(SELECT DISTINCT order_id FROM added))
          AND (order_id, line_number) IN (SELECT order_id, line_number FROM added)
        ORDER BY order_id, line_number
        FOR NO KEY UPDATE;
        UPDATE shop.order_items AS line
        SET allocated_quantity = line.allocated_quantity + change.quantity
        FROM (
            SELECT order_id, line_number, sum(quantity)::integer AS quantity FROM added GROUP BY order_id, line_number
        ) AS change
        WHERE (line.order_id, line.line_number) = (change.order_id, change.line_number)
          AND line.allocated_quantity <> (
              SELECT sum(held.quantity - held.released_quantity) FROM shop.order_allocations AS held
              WHERE (held.order_id, held.line_number) = (line.order_id, line.line_number));
    END IF;

    INSERT INTO shop.stock_movements (variant_id, warehouse_id, slot, kind, reserved_delta, order_id, line_number)
    SELECT variant_id, warehouse_id, slot, 'reservation', quantity, order_id, line_number
    FROM added
    ORDER BY variant_id, warehouse_id, slot;
    RETURN NULL;
END
$$;

COMMENT ON FUNCTION shop.reserve_allocated_stock() IS 'Trigger: an allocation reserves its stock by a movement.';

CREATE FUNCTION shop.serialise_category_moves() RETURNS trigger
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'shop', 'pg_temp'
    AS $$
BEGIN
    IF current_setting('transaction_isolation') <> 'read committed' THEN
        RAISE EXCEPTION USING
            ERRCODE = 'SH002',
            MESSAGE = format('categories are not moved in a transaction that is %s',
                current_setting('transaction_isolation')),
            HINT = 'Move them in a transaction of level READ COMMITTED, the default.',
            SCHEMA = TG_TABLE_SCHEMA, TABLE = TG_TABLE_NAME, CONSTRAINT = TG_NAME;
    END IF;
    PERFORM pg_advisory_xact_lock('shop.categories'::regclass::oid::bigint);
    RETURN NULL;
END
$$;

COMMENT ON FUNCTION shop.serialise_category_moves() IS 'Trigger: one move of categories at a time, at READ COMMITTED.';

CREATE FUNCTION shop.ship_items() RETURNS trigger
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'shop', 'pg_temp'
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

CREATE FUNCTION shop.slots_gate(variant_id bigint) RETURNS bigint
    LANGUAGE sql IMMUTABLE
    RETURN hashint8extended((variant_id % (16)::bigint), (20260101)::bigint);

COMMENT ON FUNCTION shop.slots_gate(variant_id bigint) IS 'Key of the advisory lock that buyers of a variant share, and split_stock takes: one of 16.';

CREATE FUNCTION shop.taken_back(header shop.orders, wanted_kind shop.journal_kind, OUT goods bigint, OUT delivery bigint, OUT tax bigint) RETURNS record
    LANGUAGE sql STABLE
    SET search_path TO 'pg_catalog', 'shop', 'pg_temp'
    AS $$
    SELECT CASE WHEN whole THEN header.total_minor - header.tax_minor - sent ELSE line.total - line.tax END,
           CASE WHEN whole THEN sent ELSE 0 END,
           CASE WHEN whole THEN header.tax_minor ELSE line.tax END
    FROM (
        SELECT wanted_kind = 'cancellation' AND header.cancelled_units = header.unit_count AS whole,
               header.shipping_minor - CASE WHEN header.prices_include_tax THEN header.shipping_tax_minor ELSE 0 END AS sent
    ) AS of_order
    CROSS JOIN (
        SELECT coalesce(sum(div(total_minor::numeric * units, quantity)), 0)::bigint AS total,
               coalesce(sum(div(tax_minor::numeric * units, quantity)), 0)::bigint AS tax
        FROM shop.order_items
        CROSS JOIN LATERAL (
            SELECT CASE wanted_kind WHEN 'cancellation' THEN cancelled_quantity ELSE returned_quantity END AS units
        ) AS taken
        WHERE order_id = header.order_id
    ) AS line
$$;

COMMENT ON FUNCTION shop.taken_back(header shop.orders, wanted_kind shop.journal_kind, OUT goods bigint, OUT delivery bigint, OUT tax bigint) IS 'What was cancelled or returned of an order so far, in parts: goods and delivery without tax, and the tax.';

CREATE TABLE shop.tax_rates (
    tax_rate_id bigint NOT NULL,
    country text NOT NULL,
    region text DEFAULT ''::text NOT NULL,
    tax_class text NOT NULL,
    jurisdiction text NOT NULL,
    rate numeric(9,6) NOT NULL,
    valid_from timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT ck_tax_rates_jurisdiction_length CHECK (((btrim(jurisdiction) <> ''::text) AND (char_length(jurisdiction) <= 100))),
    CONSTRAINT ck_tax_rates_rate_range CHECK (((rate >= (0)::numeric) AND (rate <= (1)::numeric))),
    CONSTRAINT ck_tax_rates_region_length CHECK ((char_length(region) <= 100))
);

COMMENT ON TABLE shop.tax_rates IS 'Tax rates by destination, class and moment. Orders keep copies of what was applied.';

COMMENT ON COLUMN shop.tax_rates.tax_rate_id IS 'Key of the rate.';

COMMENT ON COLUMN shop.tax_rates.country IS 'Country of destination.';

COMMENT ON COLUMN shop.tax_rates.region IS 'Region within it as in addresses; empty: the whole country.';

COMMENT ON COLUMN shop.tax_rates.tax_class IS 'Class of goods it applies to.';

COMMENT ON COLUMN shop.tax_rates.jurisdiction IS 'Who levies it, as printed on invoices, such as ''VAT IE''.';

COMMENT ON COLUMN shop.tax_rates.rate IS 'Fraction: 0.230000 where the tax is 23 percent.';

COMMENT ON COLUMN shop.tax_rates.valid_from IS 'The moment from which it holds, until the next one''s.';

CREATE FUNCTION shop.tax_rates_at(country text, region text, at timestamp with time zone) RETURNS TABLE(tax_class text, jurisdiction text, rate numeric, all_rates numeric)
    LANGUAGE sql STABLE ROWS 4
    BEGIN ATOMIC
 SELECT levied.tax_class,
     levied.jurisdiction,
     levied.rate,
     sum(levied.rate) OVER (PARTITION BY levied.tax_class) AS sum
    FROM ( SELECT DISTINCT ON (r.tax_class, r.jurisdiction) r.tax_class,
             r.jurisdiction,
             r.rate
            FROM shop.tax_rates r
           WHERE ((r.country = tax_rates_at.country) AND (r.region = ANY (ARRAY[''::text, COALESCE(btrim(tax_rates_at.region), ''::text), upper(COALESCE(btrim(tax_rates_at.region), ''::text))])) AND (r.valid_from <= tax_rates_at.at))
           ORDER BY r.tax_class, r.jurisdiction, r.region DESC, r.valid_from DESC) levied;
END;

COMMENT ON FUNCTION shop.tax_rates_at(country text, region text, at timestamp with time zone) IS 'Tax rates of a destination at a moment, one row a class and jurisdiction.';

CREATE FUNCTION shop.tell_outbox(aggregate text, key text, event text, payload jsonb) RETURNS void
    LANGUAGE sql
    SET search_path TO 'pg_catalog', 'shop', 'pg_temp'
    AS $$
    INSERT INTO shop.outbox_events (aggregate_type, aggregate_id, event_type, payload)
    VALUES (aggregate, key, event, payload)
$$;

COMMENT ON FUNCTION shop.tell_outbox(aggregate text, key text, event text, payload jsonb) IS 'Writes an event in the transaction of its change.';

CREATE FUNCTION shop.touch_updated_at() RETURNS trigger
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'shop', 'pg_temp'
    AS $$
BEGIN
    NEW.updated_at := greatest(now(), OLD.updated_at);
    RETURN NEW;
END
$$;

COMMENT ON FUNCTION shop.touch_updated_at() IS 'Trigger: keeps updated_at.';

CREATE FUNCTION shop.uncount_redemption() RETURNS trigger
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'shop', 'pg_temp'
    AS $$
BEGIN
    PERFORM FROM shop.orders WHERE order_id = NEW.order_id AND status IN ('cancelled', 'expired');
    IF NOT FOUND THEN
        RAISE EXCEPTION USING
            ERRCODE = 'SH111',
            MESSAGE = format('order %s still has the discount of its coupon', NEW.order_id),
            HINT = 'A coupon is given back when its order was cancelled or expired.',
            SCHEMA = TG_TABLE_SCHEMA, TABLE = TG_TABLE_NAME, CONSTRAINT = TG_NAME;
    END IF;
    UPDATE shop.coupons SET times_used = times_used - 1 WHERE coupon_id = NEW.coupon_id;
    RETURN NULL;
END
$$;

COMMENT ON FUNCTION shop.uncount_redemption() IS 'Trigger: a redemption is released with its order, and no longer counts.';

CREATE FUNCTION shop.without_tax(amount_minor bigint, country text, region text, tax_class text) RETURNS bigint
    LANGUAGE sql STABLE
    SET search_path TO 'pg_catalog', 'shop', 'pg_temp'
    AS $$
    SELECT amount_minor - coalesce(sum(round(amount_minor * levied.rate / (1 + levied.all_rates))), 0)::bigint
    FROM shop.tax_rates_at(country, region, now()) AS levied
    WHERE levied.tax_class = without_tax.tax_class
$$;

COMMENT ON FUNCTION shop.without_tax(amount_minor bigint, country text, region text, tax_class text) IS 'An amount without the taxes that it contains, at a destination, now.';

CREATE FUNCTION shop.write_order_history() RETURNS trigger
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'shop', 'pg_temp'
    AS $$
BEGIN
    IF TG_OP = 'INSERT' THEN
        INSERT INTO shop.order_status_history (order_id, sequence, to_status, actor)
        VALUES (NEW.order_id, 1, NEW.status, shop.actor());
    ELSE
        INSERT INTO shop.order_status_history (order_id, sequence, from_status, to_status, actor)
        SELECT NEW.order_id, max(sequence) + 1, OLD.status, NEW.status, shop.actor()
        FROM shop.order_status_history
        WHERE order_id = NEW.order_id;
    END IF;
    RETURN NULL;
END
$$;

COMMENT ON FUNCTION shop.write_order_history() IS 'Trigger: every status of an order goes down in its history.';

CREATE TABLE shop.customers (
    customer_id uuid DEFAULT uuidv7() NOT NULL,
    email text NOT NULL,
    email_normalized text GENERATED ALWAYS AS (lower((NORMALIZE(email, NFC) COLLATE pg_unicode_fast))) STORED NOT NULL,
    full_name text NOT NULL,
    phone text,
    tax_number text,
    is_tax_exempt boolean DEFAULT false NOT NULL,
    status shop.customer_status DEFAULT 'active'::shop.customer_status NOT NULL,
    email_verified_at timestamp with time zone,
    marketing_consent_at timestamp with time zone,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    updated_at timestamp with time zone DEFAULT now() NOT NULL,
    erased_at timestamp with time zone,
    CONSTRAINT ck_customers_customer_id_is_uuidv7 CHECK ((uuid_extract_version(customer_id) = 7)),
    CONSTRAINT ck_customers_email_format CHECK ((email ~ '^[^@[:space:]]+@[^@[:space:]]+[.][^@[:space:].]+$'::text)),
    CONSTRAINT ck_customers_email_length CHECK (((btrim(email) <> ''::text) AND (char_length(email) <= 254))),
    CONSTRAINT ck_customers_erased_at_matches_status CHECK (((status = 'erased'::shop.customer_status) = (erased_at IS NOT NULL))),
    CONSTRAINT ck_customers_full_name_length CHECK (((btrim(full_name) <> ''::text) AND (char_length(full_name) <= 200))),
    CONSTRAINT ck_customers_phone_length CHECK (((btrim(phone) <> ''::text) AND (char_length(phone) <= 40))),
    CONSTRAINT ck_customers_tax_number_length CHECK (((btrim(tax_number) <> ''::text) AND (char_length(tax_number) <= 40))),
    CONSTRAINT ck_customers_updated_after_created CHECK ((updated_at >= created_at))
);

COMMENT ON TABLE shop.customers IS 'Customers with an account. Guests are known by their orders only.';

COMMENT ON COLUMN shop.customers.customer_id IS 'Key of the customer, a UUIDv7 the client may make.';

COMMENT ON COLUMN shop.customers.email IS 'E-mail address as the customer wrote it.';

COMMENT ON COLUMN shop.customers.email_normalized IS 'The address in NFC and lower case: what UNIQUE and log-in compare. Generated.';

COMMENT ON COLUMN shop.customers.full_name IS 'Name, in one piece: the world''s names do not split into two.';

COMMENT ON COLUMN shop.customers.phone IS 'Telephone number, if given.';

COMMENT ON COLUMN shop.customers.tax_number IS 'VAT or other tax number of a business.';

COMMENT ON COLUMN shop.customers.is_tax_exempt IS 'No tax is charged. Snapshotted on each order.';

COMMENT ON COLUMN shop.customers.status IS 'active, closed or erased.';

COMMENT ON COLUMN shop.customers.email_verified_at IS 'When the address was proven to be theirs.';

COMMENT ON COLUMN shop.customers.marketing_consent_at IS 'When they agreed to marketing; NULL: they did not.';

COMMENT ON COLUMN shop.customers.created_at IS 'When the account was made.';

COMMENT ON COLUMN shop.customers.updated_at IS 'When the row last changed. Kept by trigger.';

COMMENT ON COLUMN shop.customers.erased_at IS 'When the personal data were erased on request.';

CREATE VIEW api.my_account WITH (security_invoker='true') AS
 SELECT customer_id,
    email,
    full_name,
    phone,
    tax_number,
    is_tax_exempt,
    (status)::text AS status,
    email_verified_at,
    marketing_consent_at,
    created_at
   FROM shop.customers;

COMMENT ON VIEW api.my_account IS 'The customer of shop.customer_id.';

CREATE TABLE shop.addresses (
    address_id uuid DEFAULT uuidv7() NOT NULL,
    customer_id uuid NOT NULL,
    recipient text NOT NULL,
    company text,
    line1 text NOT NULL,
    line2 text,
    city text NOT NULL,
    region text,
    postal_code text,
    country text NOT NULL,
    phone text,
    is_default_shipping boolean DEFAULT false NOT NULL,
    is_default_billing boolean DEFAULT false NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    archived_at timestamp with time zone,
    CONSTRAINT ck_addresses_address_id_is_uuidv7 CHECK ((uuid_extract_version(address_id) = 7)),
    CONSTRAINT ck_addresses_archived_after_created CHECK ((archived_at >= created_at)),
    CONSTRAINT ck_addresses_archived_is_no_default CHECK (((archived_at IS NULL) OR (NOT (is_default_shipping OR is_default_billing)))),
    CONSTRAINT ck_addresses_city_length CHECK (((btrim(city) <> ''::text) AND (char_length(city) <= 100))),
    CONSTRAINT ck_addresses_company_length CHECK (((btrim(company) <> ''::text) AND (char_length(company) <= 200))),
    CONSTRAINT ck_addresses_line1_length CHECK (((btrim(line1) <> ''::text) AND (char_length(line1) <= 200))),
    CONSTRAINT ck_addresses_line2_length CHECK (((btrim(line2) <> ''::text) AND (char_length(line2) <= 200))),
    CONSTRAINT ck_addresses_phone_length CHECK (((btrim(phone) <> ''::text) AND (char_length(phone) <= 40))),
    CONSTRAINT ck_addresses_postal_code_length CHECK (((btrim(postal_code) <> ''::text) AND (char_length(postal_code) <= 20))),
    CONSTRAINT ck_addresses_recipient_length CHECK (((btrim(recipient) <> ''::text) AND (char_length(recipient) <= 200))),
    CONSTRAINT ck_addresses_region_length CHECK (((btrim(region) <> ''::text) AND (char_length(region) <= 100)))
);

COMMENT ON TABLE shop.addresses IS 'Address books. At most one default of each kind per customer.';

COMMENT ON COLUMN shop.addresses.address_id IS 'Key of the address, a UUIDv7 the client may make.';

COMMENT ON COLUMN shop.addresses.customer_id IS 'Whose address it is.';

COMMENT ON COLUMN shop.addresses.recipient IS 'Who receives there.';

COMMENT ON COLUMN shop.addresses.company IS 'Company, if any.';

COMMENT ON COLUMN shop.addresses.line1 IS 'Street and number, or what is used instead.';

COMMENT ON COLUMN shop.addresses.line2 IS 'Flat, floor, building.';

COMMENT ON COLUMN shop.addresses.city IS 'City or town.';

COMMENT ON COLUMN shop.addresses.region IS 'State, province or county where the country uses one; ISO 3166-2 suffix such as CA.';

COMMENT ON COLUMN shop.addresses.postal_code IS 'Postal code; NULL where the country has none.';

COMMENT ON COLUMN shop.addresses.country IS 'Country.';

COMMENT ON COLUMN shop.addresses.phone IS 'Telephone for the carrier.';

COMMENT ON COLUMN shop.addresses.is_default_shipping IS 'Offered first for deliveries.';

COMMENT ON COLUMN shop.addresses.is_default_billing IS 'Offered first for invoices.';

COMMENT ON COLUMN shop.addresses.created_at IS 'When it was added.';

COMMENT ON COLUMN shop.addresses.archived_at IS 'When it was removed from the book.';

CREATE VIEW api.my_addresses WITH (security_invoker='true') AS
 SELECT address_id,
    recipient,
    company,
    line1,
    line2,
    city,
    region,
    postal_code,
    country,
    phone,
    is_default_shipping,
    is_default_billing,
    created_at
   FROM shop.addresses
  WHERE (archived_at IS NULL);

COMMENT ON VIEW api.my_addresses IS 'The address book of the customer of shop.customer_id, without what was removed.';

CREATE TABLE shop.cart_items (
    cart_id uuid NOT NULL,
    variant_id bigint NOT NULL,
    quantity smallint NOT NULL,
    added_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT ck_cart_items_quantity_range CHECK (((quantity >= 1) AND (quantity <= 999)))
);

COMMENT ON TABLE shop.cart_items IS 'Lines of carts, frozen once the cart is no longer open.';

COMMENT ON COLUMN shop.cart_items.cart_id IS 'The cart.';

COMMENT ON COLUMN shop.cart_items.variant_id IS 'The variant.';

COMMENT ON COLUMN shop.cart_items.quantity IS 'Units, 1 to 999.';

COMMENT ON COLUMN shop.cart_items.added_at IS 'When the variant was put in.';

CREATE VIEW api.my_cart WITH (security_invoker='true') AS
 SELECT c.cart_id,
    c.currency,
    c.version,
    c.expires_at,
    i.variant_id,
    i.quantity,
    i.added_at
   FROM (shop.carts c
     LEFT JOIN shop.cart_items i ON ((i.cart_id = c.cart_id)))
  WHERE ((c.status = 'open'::shop.cart_status) AND (c.expires_at > now()));

COMMENT ON VIEW api.my_cart IS 'The open cart of the customer of shop.customer_id, a row for each line.';

CREATE TABLE shop.invoices (
    invoice_id bigint NOT NULL,
    series text NOT NULL,
    number bigint NOT NULL,
    order_id uuid NOT NULL,
    currency text NOT NULL,
    buyer_name text NOT NULL,
    buyer_address text NOT NULL,
    buyer_tax_number text,
    total_minor bigint NOT NULL,
    tax_minor bigint NOT NULL,
    credited_minor bigint DEFAULT 0 NOT NULL,
    issued_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT ck_invoices_buyer_address_length CHECK (((btrim(buyer_address) <> ''::text) AND (char_length(buyer_address) <= 1000))),
    CONSTRAINT ck_invoices_buyer_name_length CHECK (((btrim(buyer_name) <> ''::text) AND (char_length(buyer_name) <= 200))),
    CONSTRAINT ck_invoices_buyer_tax_number_length CHECK (((btrim(buyer_tax_number) <> ''::text) AND (char_length(buyer_tax_number) <= 40))),
    CONSTRAINT ck_invoices_credited_within_total CHECK (((credited_minor >= 0) AND (credited_minor <= total_minor))),
    CONSTRAINT ck_invoices_number_positive CHECK ((number > 0)),
    CONSTRAINT ck_invoices_series_is_for_invoices CHECK (starts_with(series, 'INV-'::text)),
    CONSTRAINT ck_invoices_tax_within_total CHECK (((tax_minor >= 0) AND (tax_minor <= total_minor))),
    CONSTRAINT ck_invoices_total_minor_not_negative CHECK ((total_minor >= 0))
)
WITH (fillfactor='90');

COMMENT ON TABLE shop.invoices IS 'Invoices, numbered without gaps per series, one per order. Corrected by credit notes only.';

COMMENT ON COLUMN shop.invoices.invoice_id IS 'Key of the invoice.';

COMMENT ON COLUMN shop.invoices.series IS 'The series its number belongs to.';

COMMENT ON COLUMN shop.invoices.number IS 'Number in the series. Given by trigger.';

COMMENT ON COLUMN shop.invoices.order_id IS 'The order.';

COMMENT ON COLUMN shop.invoices.currency IS 'Currency of the order, tied to it by the foreign key.';

COMMENT ON COLUMN shop.invoices.buyer_name IS 'Who is billed; kept as long as tax law asks.';

COMMENT ON COLUMN shop.invoices.buyer_address IS 'Billing address in one text; kept as long as tax law asks.';

COMMENT ON COLUMN shop.invoices.buyer_tax_number IS 'Tax number of a business; kept likewise.';

COMMENT ON COLUMN shop.invoices.total_minor IS 'Amount of the invoice with tax, in the minor unit.';

COMMENT ON COLUMN shop.invoices.tax_minor IS 'Tax within it, in the minor unit.';

COMMENT ON COLUMN shop.invoices.credited_minor IS 'Sum of its credit notes. Kept by trigger.';

COMMENT ON COLUMN shop.invoices.issued_at IS 'Date of the invoice.';

CREATE VIEW api.my_invoices WITH (security_invoker='true') AS
 SELECT i.series,
    i.number,
    o.order_id,
    i.currency,
    i.total_minor,
    i.tax_minor,
    i.credited_minor,
    i.issued_at
   FROM (shop.orders o
     JOIN shop.invoices i ON ((i.order_id = o.order_id)));

COMMENT ON VIEW api.my_invoices IS 'The invoices of the customer of shop.customer_id.';

CREATE TABLE shop.order_items (
    order_id uuid NOT NULL,
    line_number smallint NOT NULL,
    variant_id bigint NOT NULL,
    currency text NOT NULL,
    sku text NOT NULL,
    product_name text NOT NULL,
    variant_name text NOT NULL,
    tax_class text NOT NULL,
    prices_include_tax boolean NOT NULL,
    quantity smallint NOT NULL,
    unit_price_minor bigint NOT NULL,
    subtotal_minor bigint NOT NULL,
    discount_minor bigint DEFAULT 0 NOT NULL,
    tax_minor bigint DEFAULT 0 NOT NULL,
    tax_count smallint DEFAULT 0 NOT NULL,
    total_minor bigint NOT NULL,
    allocated_quantity smallint DEFAULT 0 NOT NULL,
    shipped_quantity smallint DEFAULT 0 NOT NULL,
    cancelled_quantity smallint DEFAULT 0 NOT NULL,
    returned_quantity smallint DEFAULT 0 NOT NULL,
    CONSTRAINT ck_order_items_allocated_quantity_not_negative CHECK ((allocated_quantity >= 0)),
    CONSTRAINT ck_order_items_allocated_within_open CHECK (((allocated_quantity + cancelled_quantity) <= quantity)),
    CONSTRAINT ck_order_items_cancelled_quantity_not_negative CHECK ((cancelled_quantity >= 0)),
    CONSTRAINT ck_order_items_discount_within_subtotal CHECK (((discount_minor >= 0) AND (discount_minor <= subtotal_minor))),
    CONSTRAINT ck_order_items_included_tax_within_price CHECK (((NOT prices_include_tax) OR (tax_minor <= (subtotal_minor - discount_minor)))),
    CONSTRAINT ck_order_items_line_number_range CHECK (((line_number >= 1) AND (line_number <= 200))),
    CONSTRAINT ck_order_items_product_name_length CHECK (((btrim(product_name) <> ''::text) AND (char_length(product_name) <= 200))),
    CONSTRAINT ck_order_items_quantity_range CHECK (((quantity >= 1) AND (quantity <= 999))),
    CONSTRAINT ck_order_items_returned_within_shipped CHECK (((returned_quantity >= 0) AND (returned_quantity <= shipped_quantity))),
    CONSTRAINT ck_order_items_shipped_within_allocated CHECK (((shipped_quantity >= 0) AND (shipped_quantity <= allocated_quantity))),
    CONSTRAINT ck_order_items_sku_length CHECK (((btrim(sku) <> ''::text) AND (char_length(sku) <= 64))),
    CONSTRAINT ck_order_items_subtotal_is_price_times_quantity CHECK ((subtotal_minor = (unit_price_minor * quantity))),
    CONSTRAINT ck_order_items_tax_count_not_negative CHECK ((tax_count >= 0)),
    CONSTRAINT ck_order_items_tax_minor_not_negative CHECK ((tax_minor >= 0)),
    CONSTRAINT ck_order_items_total_adds_up CHECK ((total_minor = ((subtotal_minor - discount_minor) +
CASE
    WHEN prices_include_tax THEN (0)::bigint
    ELSE tax_minor
END))),
    CONSTRAINT ck_order_items_unit_price_minor_limit CHECK ((unit_price_minor <= '1000000000000'::bigint)),
    CONSTRAINT ck_order_items_unit_price_minor_not_negative CHECK ((unit_price_minor >= 0)),
    CONSTRAINT ck_order_items_variant_name_length CHECK (((btrim(variant_name) <> ''::text) AND (char_length(variant_name) <= 200)))
)
WITH (fillfactor='80');

COMMENT ON TABLE shop.order_items IS 'Lines of orders: copies that no later edit changes. All lines of an order arrive in one statement.';

COMMENT ON COLUMN shop.order_items.order_id IS 'The order.';

COMMENT ON COLUMN shop.order_items.line_number IS 'Number of the line, from 1.';

COMMENT ON COLUMN shop.order_items.variant_id IS 'The variant sold.';

COMMENT ON COLUMN shop.order_items.currency IS 'Currency of the order, tied to it by the foreign key.';

COMMENT ON COLUMN shop.order_items.sku IS 'Copied from the variant.';

COMMENT ON COLUMN shop.order_items.product_name IS 'Copied from the product.';

COMMENT ON COLUMN shop.order_items.variant_name IS 'Copied from the variant.';

COMMENT ON COLUMN shop.order_items.tax_class IS 'Copied from the product.';

COMMENT ON COLUMN shop.order_items.prices_include_tax IS 'Copied from the order.';

COMMENT ON COLUMN shop.order_items.quantity IS 'Units ordered, 1 to 999.';

COMMENT ON COLUMN shop.order_items.unit_price_minor IS 'Price of one unit when the order was placed, in the minor unit.';

COMMENT ON COLUMN shop.order_items.subtotal_minor IS 'Price times quantity, in the minor unit.';

COMMENT ON COLUMN shop.order_items.discount_minor IS 'The line''s share of the discount (largest remainder).';

COMMENT ON COLUMN shop.order_items.tax_minor IS 'Sum of the line''s taxes, in the minor unit.';

COMMENT ON COLUMN shop.order_items.tax_count IS 'Number of its tax rows.';

COMMENT ON COLUMN shop.order_items.total_minor IS 'What the line costs in all, in the minor unit.';

COMMENT ON COLUMN shop.order_items.allocated_quantity IS 'Units with stock behind them, shipped ones included. Kept by trigger.';

COMMENT ON COLUMN shop.order_items.shipped_quantity IS 'Units shipped. Kept by trigger.';

COMMENT ON COLUMN shop.order_items.cancelled_quantity IS 'Units cancelled. Kept by trigger.';

COMMENT ON COLUMN shop.order_items.returned_quantity IS 'Units received back. Kept by trigger.';

CREATE VIEW api.my_order_items WITH (security_invoker='true') AS
 SELECT o.order_id,
    o.placed_at,
    i.line_number,
    i.variant_id,
    i.sku,
    i.product_name,
    i.variant_name,
    i.quantity,
    i.currency,
    i.unit_price_minor,
    i.discount_minor,
    i.tax_minor,
    i.total_minor,
    i.shipped_quantity,
    i.cancelled_quantity,
    i.returned_quantity
   FROM (shop.orders o
     JOIN shop.order_items i ON ((i.order_id = o.order_id)));

COMMENT ON VIEW api.my_order_items IS 'The lines of the orders of the customer of shop.customer_id.';

CREATE VIEW api.my_orders WITH (security_invoker='true') AS
 SELECT order_id,
    order_number,
    placed_at,
    (status)::text AS status,
    (payment_status)::text AS payment_status,
    (fulfilment_status)::text AS fulfilment_status,
    currency,
    line_count,
    unit_count,
    subtotal_minor,
    discount_minor,
    shipping_minor,
    tax_minor,
    total_minor,
    cancelled_minor,
    refunded_minor,
    expires_at
   FROM shop.orders;

COMMENT ON VIEW api.my_orders IS 'The orders of the customer of shop.customer_id.';

CREATE TABLE shop.returns (
    return_id uuid DEFAULT uuidv7() NOT NULL,
    order_id uuid NOT NULL,
    status shop.return_status DEFAULT 'requested'::shop.return_status NOT NULL,
    reason text NOT NULL,
    refundable_minor bigint DEFAULT 0 NOT NULL,
    refund_requested_minor bigint DEFAULT 0 NOT NULL,
    item_count smallint DEFAULT 0 NOT NULL,
    received_count smallint DEFAULT 0 NOT NULL,
    requested_at timestamp with time zone DEFAULT now() NOT NULL,
    received_at timestamp with time zone,
    CONSTRAINT ck_returns_cancelled_is_unreceived CHECK (((status <> 'cancelled'::shop.return_status) OR (received_count = 0))),
    CONSTRAINT ck_returns_reason_length CHECK (((btrim(reason) <> ''::text) AND (char_length(reason) <= 500))),
    CONSTRAINT ck_returns_received_after_requested CHECK ((received_at >= requested_at)),
    CONSTRAINT ck_returns_received_at_matches_status CHECK (((status = 'received'::shop.return_status) = (received_at IS NOT NULL))),
    CONSTRAINT ck_returns_received_is_complete CHECK (((status <> 'received'::shop.return_status) OR (received_count = item_count))),
    CONSTRAINT ck_returns_received_within_items CHECK (((received_count >= 0) AND (received_count <= item_count))),
    CONSTRAINT ck_returns_refundable_minor_not_negative CHECK ((refundable_minor >= 0)),
    CONSTRAINT ck_returns_refunds_within_refundable CHECK (((refund_requested_minor >= 0) AND (refund_requested_minor <= refundable_minor))),
    CONSTRAINT ck_returns_return_id_is_uuidv7 CHECK ((uuid_extract_version(return_id) = 7))
)
WITH (fillfactor='80');

COMMENT ON TABLE shop.returns IS 'Returns. What may be refunded for one is the value of the units received.';

COMMENT ON COLUMN shop.returns.return_id IS 'Key of the return, a UUIDv7 the client makes.';

COMMENT ON COLUMN shop.returns.order_id IS 'The order.';

COMMENT ON COLUMN shop.returns.status IS 'requested, received or cancelled.';

COMMENT ON COLUMN shop.returns.reason IS 'What the customer said; erased with the order''s addresses.';

COMMENT ON COLUMN shop.returns.refundable_minor IS 'Value of the units received, in the order''s minor unit. Kept by trigger.';

COMMENT ON COLUMN shop.returns.refund_requested_minor IS 'Refunds for it that are pending or succeeded. Kept by trigger.';

COMMENT ON COLUMN shop.returns.item_count IS 'Items announced. Kept by trigger.';

COMMENT ON COLUMN shop.returns.received_count IS 'Items received. Kept by trigger.';

COMMENT ON COLUMN shop.returns.requested_at IS 'When it was announced.';

COMMENT ON COLUMN shop.returns.received_at IS 'When the goods were inspected; NULL before.';

CREATE VIEW api.my_returns WITH (security_invoker='true') AS
 SELECT r.return_id,
    o.order_id,
    (r.status)::text AS status,
    r.reason,
    r.refundable_minor,
    r.requested_at,
    r.received_at
   FROM (shop.orders o
     JOIN shop.returns r ON ((r.order_id = o.order_id)));

COMMENT ON VIEW api.my_returns IS 'What the customer of shop.customer_id sent back, or announced.';

CREATE TABLE shop.shipments (
    shipment_id uuid DEFAULT uuidv7() NOT NULL,
    order_id uuid NOT NULL,
    warehouse_id bigint NOT NULL,
    carrier text NOT NULL,
    tracking_number text,
    line_count integer NOT NULL,
    shipped_at timestamp with time zone DEFAULT now() NOT NULL,
    delivered_at timestamp with time zone,
    CONSTRAINT ck_shipments_carrier_length CHECK (((btrim(carrier) <> ''::text) AND (char_length(carrier) <= 100))),
    CONSTRAINT ck_shipments_delivered_after_shipped CHECK ((delivered_at >= shipped_at)),
    CONSTRAINT ck_shipments_line_count_range CHECK (((line_count >= 1) AND (line_count <= 51200))),
    CONSTRAINT ck_shipments_shipment_id_is_uuidv7 CHECK ((uuid_extract_version(shipment_id) = 7)),
    CONSTRAINT ck_shipments_tracking_number_length CHECK (((btrim(tracking_number) <> ''::text) AND (char_length(tracking_number) <= 100)))
);

COMMENT ON TABLE shop.shipments IS 'Shipments. The client-made key makes a repeated posting one shipment.';

COMMENT ON COLUMN shop.shipments.shipment_id IS 'Key of the shipment, a UUIDv7 the client makes.';

COMMENT ON COLUMN shop.shipments.order_id IS 'The order.';

COMMENT ON COLUMN shop.shipments.warehouse_id IS 'Where it left from.';

COMMENT ON COLUMN shop.shipments.carrier IS 'Who carries it.';

COMMENT ON COLUMN shop.shipments.tracking_number IS 'The carrier''s number, if any; no personal data belongs here.';

COMMENT ON COLUMN shop.shipments.line_count IS 'Number of its items, one for each line and slot.';

COMMENT ON COLUMN shop.shipments.shipped_at IS 'When it left.';

COMMENT ON COLUMN shop.shipments.delivered_at IS 'When it arrived; NULL while under way.';

CREATE VIEW api.my_shipments WITH (security_invoker='true') AS
 SELECT s.shipment_id,
    o.order_id,
    s.carrier,
    s.tracking_number,
    s.shipped_at,
    s.delivered_at
   FROM (shop.orders o
     JOIN shop.shipments s ON ((s.order_id = o.order_id)));

COMMENT ON VIEW api.my_shipments IS 'What was shipped to the customer of shop.customer_id.';

CREATE VIEW api.report_customers AS
 SELECT customer_id,
    (status)::text AS status,
    is_tax_exempt,
    (email_verified_at IS NOT NULL) AS is_verified,
    (marketing_consent_at IS NOT NULL) AS has_consented,
    created_at
   FROM shop.customers;

COMMENT ON VIEW api.report_customers IS 'Customers by key, without who they are.';

CREATE TABLE shop.journal_lines (
    journal_id bigint NOT NULL,
    line_number smallint NOT NULL,
    account text NOT NULL,
    currency text NOT NULL,
    amount_minor bigint NOT NULL,
    CONSTRAINT ck_journal_lines_amount_minor_not_zero CHECK ((amount_minor <> 0)),
    CONSTRAINT ck_journal_lines_line_number_range CHECK (((line_number >= 1) AND (line_number <= 50)))
);

COMMENT ON TABLE shop.journal_lines IS 'Lines of the journal: debit positive, credit negative. Append-only; every entry sums to zero.';

COMMENT ON COLUMN shop.journal_lines.journal_id IS 'The entry.';

COMMENT ON COLUMN shop.journal_lines.line_number IS 'Number of the line, from 1.';

COMMENT ON COLUMN shop.journal_lines.account IS 'The account.';

COMMENT ON COLUMN shop.journal_lines.currency IS 'Currency of the entry, tied to it by the foreign key.';

COMMENT ON COLUMN shop.journal_lines.amount_minor IS 'Debit positive, credit negative, in the minor unit.';

CREATE TABLE shop.journals (
    journal_id bigint NOT NULL,
    kind shop.journal_kind NOT NULL,
    order_id uuid,
    payment_event_id bigint,
    currency text NOT NULL,
    line_count smallint NOT NULL,
    description text NOT NULL,
    posted_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT ck_journals_description_length CHECK (((btrim(description) <> ''::text) AND (char_length(description) <= 500))),
    CONSTRAINT ck_journals_line_count_range CHECK (((line_count >= 2) AND (line_count <= 50)))
);

COMMENT ON TABLE shop.journals IS 'Journal entries (double entry), one per money event. Append-only; lines arrive in one statement.';

COMMENT ON COLUMN shop.journals.journal_id IS 'Key of the entry, ascending.';

COMMENT ON COLUMN shop.journals.kind IS 'What was recorded.';

COMMENT ON COLUMN shop.journals.order_id IS 'The order it is about; NULL where none is known.';

COMMENT ON COLUMN shop.journals.payment_event_id IS 'The event that caused it, if one did.';

COMMENT ON COLUMN shop.journals.currency IS 'Currency of all its lines.';

COMMENT ON COLUMN shop.journals.line_count IS 'Number of its lines.';

COMMENT ON COLUMN shop.journals.description IS 'What happened, in words.';

COMMENT ON COLUMN shop.journals.posted_at IS 'When it was recorded.';

CREATE VIEW api.report_ledger AS
 SELECT j.journal_id,
    (j.kind)::text AS kind,
    j.order_id,
    j.posted_at,
    l.line_number,
    l.account,
    l.currency,
    l.amount_minor
   FROM (shop.journals j
     JOIN shop.journal_lines l ON ((l.journal_id = j.journal_id)));

COMMENT ON VIEW api.report_ledger IS 'The books: a row for each line of each journal, debit positive, credit negative.';

CREATE VIEW api.report_order_items AS
 SELECT order_id,
    line_number,
    variant_id,
    sku,
    product_name,
    variant_name,
    tax_class,
    currency,
    quantity,
    unit_price_minor,
    subtotal_minor,
    discount_minor,
    tax_minor,
    total_minor,
    shipped_quantity,
    cancelled_quantity,
    returned_quantity
   FROM shop.order_items;

COMMENT ON VIEW api.report_order_items IS 'Lines of orders.';

CREATE VIEW api.report_orders AS
 SELECT order_id,
    order_number,
    customer_id,
    placed_at,
    currency,
    country,
    prices_include_tax,
    is_tax_exempt,
    shipping_method_name,
    line_count,
    unit_count,
    subtotal_minor,
    discount_minor,
    shipping_minor,
    tax_minor,
    total_minor,
    captured_minor,
    refunded_minor,
    cancelled_minor,
    (status)::text AS status,
    (payment_status)::text AS payment_status,
    (fulfilment_status)::text AS fulfilment_status
   FROM shop.orders;

COMMENT ON VIEW api.report_orders IS 'Orders, without who placed them.';

CREATE TABLE shop.payments (
    payment_id uuid DEFAULT uuidv7() NOT NULL,
    order_id uuid NOT NULL,
    currency text NOT NULL,
    provider text NOT NULL,
    provider_reference text,
    method text NOT NULL,
    amount_minor bigint NOT NULL,
    authorized_minor bigint DEFAULT 0 NOT NULL,
    captured_minor bigint DEFAULT 0 NOT NULL,
    refunded_minor bigint DEFAULT 0 NOT NULL,
    refund_requested_minor bigint DEFAULT 0 NOT NULL,
    closed_at timestamp with time zone,
    state shop.payment_state GENERATED ALWAYS AS (
CASE
    WHEN (captured_minor > 0) THEN 'captured'::shop.payment_state
    WHEN (closed_at IS NOT NULL) THEN 'closed'::shop.payment_state
    WHEN (authorized_minor > 0) THEN 'authorized'::shop.payment_state
    ELSE 'pending'::shop.payment_state
END) STORED NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT ck_payments_amount_minor_limit CHECK ((amount_minor <= '1000000000000'::bigint)),
    CONSTRAINT ck_payments_amount_minor_positive CHECK ((amount_minor > 0)),
    CONSTRAINT ck_payments_authorized_within_amount CHECK (((authorized_minor >= 0) AND (authorized_minor <= amount_minor))),
    CONSTRAINT ck_payments_captured_within_authorized CHECK (((captured_minor >= 0) AND (captured_minor <= authorized_minor))),
    CONSTRAINT ck_payments_closed_after_created CHECK ((closed_at >= created_at)),
    CONSTRAINT ck_payments_method_length CHECK (((btrim(method) <> ''::text) AND (char_length(method) <= 50))),
    CONSTRAINT ck_payments_payment_id_is_uuidv7 CHECK ((uuid_extract_version(payment_id) = 7)),
    CONSTRAINT ck_payments_provider_format CHECK ((provider ~ '^[a-z][a-z0-9_]{1,29}$'::text)),
    CONSTRAINT ck_payments_provider_reference_length CHECK (((btrim(provider_reference) <> ''::text) AND (char_length(provider_reference) <= 200))),
    CONSTRAINT ck_payments_refund_requests_within_captured CHECK (((refund_requested_minor >= 0) AND (refund_requested_minor <= captured_minor))),
    CONSTRAINT ck_payments_refunded_within_captured CHECK (((refunded_minor >= 0) AND (refunded_minor <= captured_minor)))
)
WITH (fillfactor='70');

COMMENT ON TABLE shop.payments IS 'Payment attempts. The row is written before the provider is called; its key is the idempotency key.';

COMMENT ON COLUMN shop.payments.payment_id IS 'Key of the attempt, a UUIDv7 the client makes and sends to the provider.';

COMMENT ON COLUMN shop.payments.order_id IS 'The order it pays for.';

COMMENT ON COLUMN shop.payments.currency IS 'Currency of the order, tied to it by the foreign key.';

COMMENT ON COLUMN shop.payments.provider IS 'Payment service provider, such as stripe.';

COMMENT ON COLUMN shop.payments.provider_reference IS 'The provider''s own id, once known; unique with the provider.';

COMMENT ON COLUMN shop.payments.method IS 'How: card, sepa_debit, paypal, … Never a card number.';

COMMENT ON COLUMN shop.payments.amount_minor IS 'What the attempt is for, in the minor unit.';

COMMENT ON COLUMN shop.payments.authorized_minor IS 'The greater of authorized and captured; once closed, what was captured. Kept by trigger.';

COMMENT ON COLUMN shop.payments.captured_minor IS 'Captured by its events. Kept by trigger.';

COMMENT ON COLUMN shop.payments.refunded_minor IS 'Refunded by its events. Kept by trigger.';

COMMENT ON COLUMN shop.payments.refund_requested_minor IS 'Refunds pending or succeeded. Kept by trigger.';

COMMENT ON COLUMN shop.payments.closed_at IS 'When it was voided or failed: it no longer counts as a way to pay the order. Kept by trigger.';

COMMENT ON COLUMN shop.payments.state IS 'pending, authorized, captured or closed. Generated.';

COMMENT ON COLUMN shop.payments.created_at IS 'When the attempt was started.';

CREATE VIEW api.report_payments AS
 SELECT payment_id,
    order_id,
    provider,
    method,
    currency,
    amount_minor,
    authorized_minor,
    captured_minor,
    refunded_minor,
    (state)::text AS state,
    created_at,
    closed_at
   FROM shop.payments;

COMMENT ON VIEW api.report_payments IS 'Payments, without the provider''s own keys.';

CREATE VIEW api.report_returns AS
 SELECT return_id,
    order_id,
    (status)::text AS status,
    refundable_minor,
    item_count,
    requested_at,
    received_at
   FROM shop.returns;

COMMENT ON VIEW api.report_returns IS 'Returns, without the words of customers.';

CREATE VIEW api.report_stock AS
SELECT
    NULL::bigint AS variant_id,
    NULL::text AS sku,
    NULL::text AS product_name,
    NULL::text AS brand,
    NULL::text AS product_status,
    NULL::text AS warehouse,
    NULL::bigint AS on_hand,
    NULL::bigint AS reserved;

COMMENT ON VIEW api.report_stock IS 'Stock of each variant in each warehouse, over all slots.';

CREATE TABLE shop.account_tokens (
    account_token_id uuid DEFAULT uuidv7() NOT NULL,
    customer_id uuid NOT NULL,
    purpose shop.account_token_purpose NOT NULL,
    token_digest bytea NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    expires_at timestamp with time zone NOT NULL,
    used_at timestamp with time zone,
    CONSTRAINT ck_account_tokens_account_token_id_is_uuidv7 CHECK ((uuid_extract_version(account_token_id) = 7)),
    CONSTRAINT ck_account_tokens_expires_after_created CHECK ((expires_at > created_at)),
    CONSTRAINT ck_account_tokens_token_digest_is_sha256 CHECK ((octet_length(token_digest) = 32)),
    CONSTRAINT ck_account_tokens_used_while_valid CHECK (((used_at >= created_at) AND (used_at <= expires_at)))
);

COMMENT ON TABLE shop.account_tokens IS 'One-time tokens; only their SHA-256 is stored, and one per customer and purpose is open.';

COMMENT ON COLUMN shop.account_tokens.account_token_id IS 'Key of the row; not the token.';

COMMENT ON COLUMN shop.account_tokens.customer_id IS 'Whom it was sent to.';

COMMENT ON COLUMN shop.account_tokens.purpose IS 'email_verification or password_reset.';

COMMENT ON COLUMN shop.account_tokens.token_digest IS 'SHA-256 of the token.';

COMMENT ON COLUMN shop.account_tokens.created_at IS 'When it was issued.';

COMMENT ON COLUMN shop.account_tokens.expires_at IS 'Until when it can be used.';

COMMENT ON COLUMN shop.account_tokens.used_at IS 'When it was used; NULL while open.';

CREATE TABLE shop.audit_log (
    occurred_at timestamp with time zone DEFAULT now() NOT NULL,
    audit_log_id bigint NOT NULL,
    actor text NOT NULL,
    action shop.audit_action NOT NULL,
    table_name text NOT NULL,
    row_key text NOT NULL,
    changes jsonb DEFAULT '{}'::jsonb NOT NULL,
    CONSTRAINT ck_audit_log_actor_length CHECK (((btrim(actor) <> ''::text) AND (char_length(actor) <= 200))),
    CONSTRAINT ck_audit_log_changes_is_object CHECK ((jsonb_typeof(changes) = 'object'::text)),
    CONSTRAINT ck_audit_log_row_key_length CHECK (((btrim(row_key) <> ''::text) AND (char_length(row_key) <= 200))),
    CONSTRAINT ck_audit_log_table_name_length CHECK (((btrim(table_name) <> ''::text) AND (char_length(table_name) <= 63)))
);

COMMENT ON TABLE shop.audit_log IS 'Audit trail, append-only. For personal data only the names of the changed columns. The key begins with the time, so that the table can be partitioned later.';

COMMENT ON COLUMN shop.audit_log.occurred_at IS 'When.';

COMMENT ON COLUMN shop.audit_log.audit_log_id IS 'Ascending number that tells rows of one moment apart.';

COMMENT ON COLUMN shop.audit_log.actor IS 'Who, from the setting shop.actor, such as staff:42 or customer:….';

COMMENT ON COLUMN shop.audit_log.action IS 'insert, update or delete.';

COMMENT ON COLUMN shop.audit_log.table_name IS 'Table of the schema shop.';

COMMENT ON COLUMN shop.audit_log.row_key IS 'Key of the row, its parts joined by commas.';

COMMENT ON COLUMN shop.audit_log.changes IS 'By column: [before, after]; true alone where the values are personal.';

ALTER TABLE shop.audit_log ALTER COLUMN audit_log_id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME shop.audit_log_audit_log_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE shop.categories (
    category_id bigint NOT NULL,
    parent_id bigint,
    ancestry bigint[] DEFAULT '{}'::bigint[] NOT NULL,
    slug text NOT NULL,
    name text NOT NULL,
    description text DEFAULT ''::text NOT NULL,
    "position" integer DEFAULT 0 NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    updated_at timestamp with time zone DEFAULT now() NOT NULL,
    archived_at timestamp with time zone,
    CONSTRAINT ck_categories_archived_after_created CHECK ((archived_at >= created_at)),
    CONSTRAINT ck_categories_depth_limit CHECK ((cardinality(ancestry) <= 15)),
    CONSTRAINT ck_categories_name_length CHECK (((btrim(name) <> ''::text) AND (char_length(name) <= 200))),
    CONSTRAINT ck_categories_not_own_ancestor CHECK ((NOT (category_id = ANY (ancestry)))),
    CONSTRAINT ck_categories_not_own_parent CHECK ((parent_id <> category_id)),
    CONSTRAINT ck_categories_parent_ends_ancestry CHECK ((NOT (parent_id IS DISTINCT FROM ancestry[cardinality(ancestry)]))),
    CONSTRAINT ck_categories_position_not_negative CHECK (("position" >= 0)),
    CONSTRAINT ck_categories_slug_format CHECK ((slug ~ '^[a-z0-9]+(-[a-z0-9]+)*$'::text)),
    CONSTRAINT ck_categories_slug_length CHECK (((btrim(slug) <> ''::text) AND (char_length(slug) <= 120))),
    CONSTRAINT ck_categories_updated_after_created CHECK ((updated_at >= created_at))
);

COMMENT ON TABLE shop.categories IS 'Tree of categories. A move updates the ancestry of the whole subtree; a cycle is refused.';

COMMENT ON COLUMN shop.categories.category_id IS 'Key of the category.';

COMMENT ON COLUMN shop.categories.parent_id IS 'The category directly above; NULL at the top.';

COMMENT ON COLUMN shop.categories.ancestry IS 'Keys of all categories above, from the top down to the parent. Kept by trigger.';

COMMENT ON COLUMN shop.categories.slug IS 'Name in URLs: lower-case words joined by hyphens; unique among live categories.';

COMMENT ON COLUMN shop.categories.name IS 'Name shown to customers.';

COMMENT ON COLUMN shop.categories.description IS 'Text shown above the category''s products.';

COMMENT ON COLUMN shop.categories."position" IS 'Order among its siblings, ascending.';

COMMENT ON COLUMN shop.categories.created_at IS 'When the category was created.';

COMMENT ON COLUMN shop.categories.updated_at IS 'When the row last changed. Kept by trigger.';

COMMENT ON COLUMN shop.categories.archived_at IS 'When it was taken out of the shop; NULL while live.';

ALTER TABLE shop.categories ALTER COLUMN category_id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME shop.categories_category_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE shop.countries (
    code text NOT NULL,
    alpha3 text NOT NULL,
    numeric_code text NOT NULL,
    name text NOT NULL,
    currency text,
    prices_include_tax boolean DEFAULT true NOT NULL,
    CONSTRAINT ck_countries_alpha3_is_iso_3166 CHECK ((alpha3 ~ '^[A-Z]{3}$'::text)),
    CONSTRAINT ck_countries_code_is_iso_3166 CHECK ((code ~ '^[A-Z]{2}$'::text)),
    CONSTRAINT ck_countries_name_length CHECK (((btrim(name) <> ''::text) AND (char_length(name) <= 100))),
    CONSTRAINT ck_countries_numeric_code_is_iso_3166 CHECK ((numeric_code ~ '^[0-9]{3}$'::text))
);

COMMENT ON TABLE shop.countries IS 'ISO 3166-1 countries, with the rule by which prices include tax there.';

COMMENT ON COLUMN shop.countries.code IS 'ISO 3166-1 alpha-2 code, such as IE.';

COMMENT ON COLUMN shop.countries.alpha3 IS 'ISO 3166-1 alpha-3 code.';

COMMENT ON COLUMN shop.countries.numeric_code IS 'ISO 3166-1 numeric code, three digits.';

COMMENT ON COLUMN shop.countries.name IS 'English short name.';

COMMENT ON COLUMN shop.countries.currency IS 'Currency in general use there; NULL where there is none (Antarctica).';

COMMENT ON COLUMN shop.countries.prices_include_tax IS 'Whether catalogue prices shown to buyers there contain the tax. Snapshotted on each order.';

CREATE TABLE shop.coupon_redemptions (
    order_id uuid NOT NULL,
    coupon_id bigint NOT NULL,
    currency text NOT NULL,
    discount_minor bigint NOT NULL,
    redeemed_at timestamp with time zone DEFAULT now() NOT NULL,
    released_at timestamp with time zone,
    CONSTRAINT ck_coupon_redemptions_discount_minor_positive CHECK ((discount_minor > 0)),
    CONSTRAINT ck_coupon_redemptions_released_after_redeemed CHECK ((released_at >= redeemed_at))
);

COMMENT ON TABLE shop.coupon_redemptions IS 'Which order used which coupon: one per order, counted against the coupon''s limits until released.';

COMMENT ON COLUMN shop.coupon_redemptions.order_id IS 'The order; one coupon each.';

COMMENT ON COLUMN shop.coupon_redemptions.coupon_id IS 'The coupon.';

COMMENT ON COLUMN shop.coupon_redemptions.currency IS 'Currency of the order, tied to it by the foreign key.';

COMMENT ON COLUMN shop.coupon_redemptions.discount_minor IS 'What it took off, in the minor unit.';

COMMENT ON COLUMN shop.coupon_redemptions.redeemed_at IS 'When.';

COMMENT ON COLUMN shop.coupon_redemptions.released_at IS 'When the use was given back; NULL while it counts.';

CREATE TABLE shop.coupons (
    coupon_id bigint NOT NULL,
    code text NOT NULL,
    description text NOT NULL,
    kind shop.coupon_kind NOT NULL,
    rate numeric(9,6),
    amount_minor bigint,
    currency text,
    minimum_subtotal_minor bigint DEFAULT 0 NOT NULL,
    starts_at timestamp with time zone DEFAULT now() NOT NULL,
    ends_at timestamp with time zone,
    usage_limit integer,
    per_customer_limit integer,
    times_used integer DEFAULT 0 NOT NULL,
    is_active boolean DEFAULT true NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT ck_coupons_amount_minor_limit CHECK ((amount_minor <= '1000000000000'::bigint)),
    CONSTRAINT ck_coupons_code_format CHECK ((code ~ '^[A-Z0-9][A-Z0-9-]{2,39}$'::text)),
    CONSTRAINT ck_coupons_description_length CHECK (((btrim(description) <> ''::text) AND (char_length(description) <= 500))),
    CONSTRAINT ck_coupons_ends_after_start CHECK ((ends_at > starts_at)),
    CONSTRAINT ck_coupons_minimum_has_currency CHECK (((minimum_subtotal_minor = 0) OR (currency IS NOT NULL))),
    CONSTRAINT ck_coupons_minimum_subtotal_minor_limit CHECK ((minimum_subtotal_minor <= '1000000000000'::bigint)),
    CONSTRAINT ck_coupons_minimum_subtotal_minor_not_negative CHECK ((minimum_subtotal_minor >= 0)),
    CONSTRAINT ck_coupons_per_customer_limit_positive CHECK ((per_customer_limit > 0)),
    CONSTRAINT ck_coupons_times_used_not_negative CHECK ((times_used >= 0)),
    CONSTRAINT ck_coupons_usage_limit_positive CHECK ((usage_limit > 0)),
    CONSTRAINT ck_coupons_value_fits_kind CHECK (
CASE kind
    WHEN 'percent'::shop.coupon_kind THEN ((rate > (0)::numeric) AND (rate <= (1)::numeric) AND (rate IS NOT NULL) AND (amount_minor IS NULL))
    WHEN 'fixed'::shop.coupon_kind THEN ((amount_minor > 0) AND (amount_minor IS NOT NULL) AND (rate IS NULL) AND (currency IS NOT NULL))
    ELSE NULL::boolean
END),
    CONSTRAINT ck_coupons_within_usage_limit CHECK ((times_used <= usage_limit))
)
WITH (fillfactor='70');

COMMENT ON TABLE shop.coupons IS 'Coupons. times_used counts redemptions that were not released; it never passes the limit.';

COMMENT ON COLUMN shop.coupons.coupon_id IS 'Key of the coupon.';

COMMENT ON COLUMN shop.coupons.code IS 'What the customer types, upper case; unique for ever.';

COMMENT ON COLUMN shop.coupons.description IS 'What it is for, for staff.';

COMMENT ON COLUMN shop.coupons.kind IS 'percent of the lines, or a fixed amount.';

COMMENT ON COLUMN shop.coupons.rate IS 'Fraction taken off, 0.100000 for a tenth; percent only.';

COMMENT ON COLUMN shop.coupons.amount_minor IS 'Amount taken off, in the minor unit; fixed only.';

COMMENT ON COLUMN shop.coupons.currency IS 'Currency of amount and minimum; NULL for a rate in any currency.';

COMMENT ON COLUMN shop.coupons.minimum_subtotal_minor IS 'Smallest subtotal it applies to, in the minor unit.';

COMMENT ON COLUMN shop.coupons.starts_at IS 'First moment it is valid.';

COMMENT ON COLUMN shop.coupons.ends_at IS 'First moment it is no longer valid; NULL: open end.';

COMMENT ON COLUMN shop.coupons.usage_limit IS 'Most redemptions in all; NULL: no limit.';

COMMENT ON COLUMN shop.coupons.per_customer_limit IS 'Most redemptions by one customer, or by one e-mail address for guests; NULL: no limit.';

COMMENT ON COLUMN shop.coupons.times_used IS 'Redemptions not released. Kept by trigger.';

COMMENT ON COLUMN shop.coupons.is_active IS 'False: switched off by staff.';

COMMENT ON COLUMN shop.coupons.created_at IS 'When it was created.';

ALTER TABLE shop.coupons ALTER COLUMN coupon_id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME shop.coupons_coupon_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE shop.credit_notes (
    credit_note_id bigint NOT NULL,
    series text NOT NULL,
    number bigint NOT NULL,
    invoice_id bigint NOT NULL,
    refund_id uuid,
    order_id uuid NOT NULL,
    currency text NOT NULL,
    amount_minor bigint NOT NULL,
    reason text NOT NULL,
    issued_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT ck_credit_notes_amount_minor_positive CHECK ((amount_minor > 0)),
    CONSTRAINT ck_credit_notes_number_positive CHECK ((number > 0)),
    CONSTRAINT ck_credit_notes_reason_length CHECK (((btrim(reason) <> ''::text) AND (char_length(reason) <= 500))),
    CONSTRAINT ck_credit_notes_series_is_for_credit_notes CHECK (starts_with(series, 'CN-'::text))
);

COMMENT ON TABLE shop.credit_notes IS 'Credit notes, numbered without gaps per series; together never more than their invoice.';

COMMENT ON COLUMN shop.credit_notes.credit_note_id IS 'Key of the credit note.';

COMMENT ON COLUMN shop.credit_notes.series IS 'The series its number belongs to.';

COMMENT ON COLUMN shop.credit_notes.number IS 'Number in the series. Given by trigger.';

COMMENT ON COLUMN shop.credit_notes.invoice_id IS 'The invoice it corrects.';

COMMENT ON COLUMN shop.credit_notes.refund_id IS 'The refund it documents, if one.';

COMMENT ON COLUMN shop.credit_notes.order_id IS 'The order of invoice and refund.';

COMMENT ON COLUMN shop.credit_notes.currency IS 'Currency of the invoice, tied to it by the foreign key.';

COMMENT ON COLUMN shop.credit_notes.amount_minor IS 'Amount credited with tax, in the minor unit.';

COMMENT ON COLUMN shop.credit_notes.reason IS 'Why; no personal data belongs here.';

COMMENT ON COLUMN shop.credit_notes.issued_at IS 'Date of the credit note.';

ALTER TABLE shop.credit_notes ALTER COLUMN credit_note_id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME shop.credit_notes_credit_note_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE shop.currencies (
    code text NOT NULL,
    numeric_code text NOT NULL,
    name text NOT NULL,
    exponent smallint NOT NULL,
    CONSTRAINT ck_currencies_code_is_iso_4217 CHECK ((code ~ '^[A-Z]{3}$'::text)),
    CONSTRAINT ck_currencies_exponent_range CHECK (((exponent >= 0) AND (exponent <= 4))),
    CONSTRAINT ck_currencies_name_length CHECK (((btrim(name) <> ''::text) AND (char_length(name) <= 100))),
    CONSTRAINT ck_currencies_numeric_code_is_iso_4217 CHECK ((numeric_code ~ '^[0-9]{3}$'::text))
);

COMMENT ON TABLE shop.currencies IS 'ISO 4217 currencies. Amounts everywhere are integers in the currency''s minor unit.';

COMMENT ON COLUMN shop.currencies.code IS 'ISO 4217 alphabetic code, such as EUR.';

COMMENT ON COLUMN shop.currencies.numeric_code IS 'ISO 4217 numeric code, three digits.';

COMMENT ON COLUMN shop.currencies.name IS 'English name of the currency.';

COMMENT ON COLUMN shop.currencies.exponent IS 'Decimal places of the minor unit (ISO 4217): 2 for EUR, 0 for JPY, 3 for KWD. Immutable.';

CREATE TABLE shop.customer_credentials (
    customer_id uuid NOT NULL,
    password_hash text NOT NULL,
    failed_attempts integer DEFAULT 0 NOT NULL,
    locked_until timestamp with time zone,
    changed_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT ck_customer_credentials_failed_attempts_not_negative CHECK ((failed_attempts >= 0)),
    CONSTRAINT ck_customer_credentials_password_hash_is_phc CHECK (((password_hash ~ '^[$](argon2id|scrypt|pbkdf2-sha256|pbkdf2-sha512)[$]([a-z0-9]+=[a-zA-Z0-9/+.,=-]+[$])*[a-zA-Z0-9/+.-]{16,}[$][a-zA-Z0-9/+.-]{32,}$'::text) OR (password_hash ~ '^[$]2[aby][$][0-9]{2}[$][./A-Za-z0-9]{53}$'::text))),
    CONSTRAINT ck_customer_credentials_password_hash_limit CHECK ((char_length(password_hash) <= 512))
);

COMMENT ON TABLE shop.customer_credentials IS 'Password hashes in PHC string format (argon2id, scrypt, pbkdf2) or bcrypt''s. Never a password.';

COMMENT ON COLUMN shop.customer_credentials.customer_id IS 'The customer.';

COMMENT ON COLUMN shop.customer_credentials.password_hash IS 'PHC string with algorithm, parameters, salt and hash.';

COMMENT ON COLUMN shop.customer_credentials.failed_attempts IS 'Failed log-ins since the last success.';

COMMENT ON COLUMN shop.customer_credentials.locked_until IS 'No log-in is answered before this moment.';

COMMENT ON COLUMN shop.customer_credentials.changed_at IS 'When the password was last set.';

CREATE TABLE shop.deployment (
    is_only_row boolean DEFAULT true NOT NULL,
    environment text NOT NULL,
    is_sample_data boolean DEFAULT false NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT ck_deployment_environment_known CHECK ((environment = ANY (ARRAY['local'::text, 'test'::text, 'staging'::text, 'production'::text]))),
    CONSTRAINT ck_deployment_no_samples_in_production CHECK ((NOT (is_sample_data AND (environment = 'production'::text)))),
    CONSTRAINT ck_deployment_one_row CHECK (is_only_row)
);

COMMENT ON TABLE shop.deployment IS 'One row: the environment this database serves, and whether its content is generated sample data.';

COMMENT ON COLUMN shop.deployment.is_only_row IS 'Always true: keeps the table to one row.';

COMMENT ON COLUMN shop.deployment.environment IS 'local, test, staging or production. Tools refuse to seed, replace or downgrade production.';

COMMENT ON COLUMN shop.deployment.is_sample_data IS 'True once the data loader filled this database; only then may its content be replaced.';

COMMENT ON COLUMN shop.deployment.created_at IS 'When the first migration ran.';

CREATE TABLE shop.document_series (
    series text NOT NULL,
    last_number bigint DEFAULT 0 NOT NULL,
    CONSTRAINT ck_document_series_last_number_not_negative CHECK ((last_number >= 0)),
    CONSTRAINT ck_document_series_series_format CHECK ((series ~ '^(INV|CN)-[A-Z0-9-]{1,20}$'::text))
)
WITH (fillfactor='50');

COMMENT ON TABLE shop.document_series IS 'Series of invoice and credit-note numbers. A number is given under the row''s lock, so no gap can arise.';

COMMENT ON COLUMN shop.document_series.series IS 'Such as INV-2026 or CN-2026.';

COMMENT ON COLUMN shop.document_series.last_number IS 'The number given last. Kept by trigger.';

ALTER TABLE shop.invoices ALTER COLUMN invoice_id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME shop.invoices_invoice_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

ALTER TABLE shop.journals ALTER COLUMN journal_id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME shop.journals_journal_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE shop.ledger_accounts (
    account text NOT NULL,
    meaning text NOT NULL,
    CONSTRAINT ck_ledger_accounts_account_format CHECK ((account ~ '^[a-z][a-z_]{0,29}$'::text)),
    CONSTRAINT ck_ledger_accounts_meaning_length CHECK (((btrim(meaning) <> ''::text) AND (char_length(meaning) <= 500)))
);

COMMENT ON TABLE shop.ledger_accounts IS 'Chart of accounts of the journal.';

COMMENT ON COLUMN shop.ledger_accounts.account IS 'Key, such as receivable.';

COMMENT ON COLUMN shop.ledger_accounts.meaning IS 'What a debit and a credit on it mean.';

CREATE TABLE shop.login_attempts (
    login_attempt_id bigint NOT NULL,
    email_digest bytea NOT NULL,
    customer_id uuid,
    succeeded boolean NOT NULL,
    ip_address inet,
    attempted_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT ck_login_attempts_email_digest_is_sha256 CHECK ((octet_length(email_digest) = 32))
);

COMMENT ON TABLE shop.login_attempts IS 'Attempts to log in, for known and unknown addresses alike.';

COMMENT ON COLUMN shop.login_attempts.login_attempt_id IS 'Key of the attempt, ascending.';

COMMENT ON COLUMN shop.login_attempts.email_digest IS 'SHA-256 of the normalised address: an unknown address is not stored.';

COMMENT ON COLUMN shop.login_attempts.customer_id IS 'The customer, if the address is known.';

COMMENT ON COLUMN shop.login_attempts.succeeded IS 'Whether the password was right.';

COMMENT ON COLUMN shop.login_attempts.ip_address IS 'Where it came from.';

COMMENT ON COLUMN shop.login_attempts.attempted_at IS 'When.';

ALTER TABLE shop.login_attempts ALTER COLUMN login_attempt_id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME shop.login_attempts_login_attempt_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE shop.login_sessions (
    login_session_id uuid DEFAULT uuidv7() NOT NULL,
    customer_id uuid NOT NULL,
    token_digest bytea NOT NULL,
    ip_address inet,
    user_agent text,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    last_seen_at timestamp with time zone DEFAULT now() NOT NULL,
    expires_at timestamp with time zone NOT NULL,
    revoked_at timestamp with time zone,
    CONSTRAINT ck_login_sessions_expires_after_created CHECK ((expires_at > created_at)),
    CONSTRAINT ck_login_sessions_login_session_id_is_uuidv7 CHECK ((uuid_extract_version(login_session_id) = 7)),
    CONSTRAINT ck_login_sessions_revoked_after_created CHECK ((revoked_at >= created_at)),
    CONSTRAINT ck_login_sessions_seen_after_created CHECK ((last_seen_at >= created_at)),
    CONSTRAINT ck_login_sessions_token_digest_is_sha256 CHECK ((octet_length(token_digest) = 32)),
    CONSTRAINT ck_login_sessions_user_agent_length CHECK (((btrim(user_agent) <> ''::text) AND (char_length(user_agent) <= 500)))
);

COMMENT ON TABLE shop.login_sessions IS 'Log-in sessions. Only the SHA-256 of the token is stored: a leaked dump opens no session.';

COMMENT ON COLUMN shop.login_sessions.login_session_id IS 'Key of the session; not the token.';

COMMENT ON COLUMN shop.login_sessions.customer_id IS 'Who is logged in.';

COMMENT ON COLUMN shop.login_sessions.token_digest IS 'SHA-256 of the session token.';

COMMENT ON COLUMN shop.login_sessions.ip_address IS 'Where the session was opened from.';

COMMENT ON COLUMN shop.login_sessions.user_agent IS 'Browser or program that opened it.';

COMMENT ON COLUMN shop.login_sessions.created_at IS 'When it was opened.';

COMMENT ON COLUMN shop.login_sessions.last_seen_at IS 'When it was last used.';

COMMENT ON COLUMN shop.login_sessions.expires_at IS 'When it ends by itself.';

COMMENT ON COLUMN shop.login_sessions.revoked_at IS 'When it was ended early.';

CREATE TABLE shop.order_addresses (
    order_id uuid NOT NULL,
    kind shop.address_kind NOT NULL,
    recipient text NOT NULL,
    company text,
    line1 text NOT NULL,
    line2 text,
    city text NOT NULL,
    region text,
    postal_code text,
    country text NOT NULL,
    phone text,
    CONSTRAINT ck_order_addresses_city_length CHECK (((btrim(city) <> ''::text) AND (char_length(city) <= 100))),
    CONSTRAINT ck_order_addresses_company_length CHECK (((btrim(company) <> ''::text) AND (char_length(company) <= 200))),
    CONSTRAINT ck_order_addresses_line1_length CHECK (((btrim(line1) <> ''::text) AND (char_length(line1) <= 200))),
    CONSTRAINT ck_order_addresses_line2_length CHECK (((btrim(line2) <> ''::text) AND (char_length(line2) <= 200))),
    CONSTRAINT ck_order_addresses_phone_length CHECK (((btrim(phone) <> ''::text) AND (char_length(phone) <= 40))),
    CONSTRAINT ck_order_addresses_postal_code_length CHECK (((btrim(postal_code) <> ''::text) AND (char_length(postal_code) <= 20))),
    CONSTRAINT ck_order_addresses_recipient_length CHECK (((btrim(recipient) <> ''::text) AND (char_length(recipient) <= 200))),
    CONSTRAINT ck_order_addresses_region_length CHECK (((btrim(region) <> ''::text) AND (char_length(region) <= 100)))
);

COMMENT ON TABLE shop.order_addresses IS 'Shipping and billing address of each order, copied: editing an address book changes no order.';

COMMENT ON COLUMN shop.order_addresses.order_id IS 'The order.';

COMMENT ON COLUMN shop.order_addresses.kind IS 'shipping or billing.';

COMMENT ON COLUMN shop.order_addresses.recipient IS 'Who receives there.';

COMMENT ON COLUMN shop.order_addresses.company IS 'Company, if any.';

COMMENT ON COLUMN shop.order_addresses.line1 IS 'Street and number, or what is used instead.';

COMMENT ON COLUMN shop.order_addresses.line2 IS 'Flat, floor, building.';

COMMENT ON COLUMN shop.order_addresses.city IS 'City or town.';

COMMENT ON COLUMN shop.order_addresses.region IS 'State, province or county where the country uses one.';

COMMENT ON COLUMN shop.order_addresses.postal_code IS 'Postal code; NULL where the country has none.';

COMMENT ON COLUMN shop.order_addresses.country IS 'Country.';

COMMENT ON COLUMN shop.order_addresses.phone IS 'Telephone for the carrier.';

CREATE TABLE shop.order_allocations (
    order_id uuid NOT NULL,
    line_number smallint NOT NULL,
    warehouse_id bigint NOT NULL,
    slot smallint DEFAULT 0 NOT NULL,
    variant_id bigint NOT NULL,
    quantity smallint NOT NULL,
    released_quantity smallint DEFAULT 0 NOT NULL,
    shipped_quantity smallint DEFAULT 0 NOT NULL,
    CONSTRAINT ck_order_allocations_quantity_positive CHECK ((quantity > 0)),
    CONSTRAINT ck_order_allocations_released_quantity_not_negative CHECK ((released_quantity >= 0)),
    CONSTRAINT ck_order_allocations_shipped_quantity_not_negative CHECK ((shipped_quantity >= 0)),
    CONSTRAINT ck_order_allocations_used_within_quantity CHECK (((released_quantity + shipped_quantity) <= quantity))
)
WITH (fillfactor='80');

COMMENT ON TABLE shop.order_allocations IS 'Where the units of each line come from. Its rows and the reserved stock are always equal.';

COMMENT ON COLUMN shop.order_allocations.order_id IS 'The order.';

COMMENT ON COLUMN shop.order_allocations.line_number IS 'The line.';

COMMENT ON COLUMN shop.order_allocations.warehouse_id IS 'The warehouse.';

COMMENT ON COLUMN shop.order_allocations.slot IS 'The slot of the stock level.';

COMMENT ON COLUMN shop.order_allocations.variant_id IS 'The variant of the line.';

COMMENT ON COLUMN shop.order_allocations.quantity IS 'Units reserved at first.';

COMMENT ON COLUMN shop.order_allocations.released_quantity IS 'Units given back to stock before shipping. Raising it writes the movement.';

COMMENT ON COLUMN shop.order_allocations.shipped_quantity IS 'Units shipped. Kept by trigger.';

CREATE TABLE shop.order_item_cancellations (
    order_id uuid NOT NULL,
    line_number smallint NOT NULL,
    cancellation_id uuid DEFAULT uuidv7() NOT NULL,
    quantity smallint NOT NULL,
    reason text NOT NULL,
    cancelled_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT ck_order_item_cancellations_cancellation_id_is_uuidv7 CHECK ((uuid_extract_version(cancellation_id) = 7)),
    CONSTRAINT ck_order_item_cancellations_quantity_positive CHECK ((quantity > 0)),
    CONSTRAINT ck_order_item_cancellations_reason_format CHECK ((reason ~ '^[a-z][a-z0-9_]{1,49}$'::text))
);

COMMENT ON TABLE shop.order_item_cancellations IS 'Cancelled units, line by line. Their stock must have been released before.';

COMMENT ON COLUMN shop.order_item_cancellations.order_id IS 'The order.';

COMMENT ON COLUMN shop.order_item_cancellations.line_number IS 'The line.';

COMMENT ON COLUMN shop.order_item_cancellations.cancellation_id IS 'Key of the request, the same on each line it touches.';

COMMENT ON COLUMN shop.order_item_cancellations.quantity IS 'Units cancelled.';

COMMENT ON COLUMN shop.order_item_cancellations.reason IS 'A code for why, such as customer_request, payment_expired or out_of_stock.';

COMMENT ON COLUMN shop.order_item_cancellations.cancelled_at IS 'When.';

CREATE TABLE shop.order_item_taxes (
    order_id uuid NOT NULL,
    line_number smallint NOT NULL,
    jurisdiction text NOT NULL,
    rate numeric(9,6) NOT NULL,
    base_minor bigint NOT NULL,
    tax_minor bigint NOT NULL,
    CONSTRAINT ck_order_item_taxes_base_minor_not_negative CHECK ((base_minor >= 0)),
    CONSTRAINT ck_order_item_taxes_jurisdiction_length CHECK (((btrim(jurisdiction) <> ''::text) AND (char_length(jurisdiction) <= 100))),
    CONSTRAINT ck_order_item_taxes_rate_range CHECK (((rate >= (0)::numeric) AND (rate <= (1)::numeric))),
    CONSTRAINT ck_order_item_taxes_tax_follows_rate CHECK ((abs(((tax_minor)::numeric - ((base_minor)::numeric * rate))) <= (1)::numeric)),
    CONSTRAINT ck_order_item_taxes_tax_minor_not_negative CHECK ((tax_minor >= 0))
);

COMMENT ON TABLE shop.order_item_taxes IS 'Taxes of order lines, in the order''s currency; they add up to the line''s tax.';

COMMENT ON COLUMN shop.order_item_taxes.order_id IS 'The order.';

COMMENT ON COLUMN shop.order_item_taxes.line_number IS 'The line.';

COMMENT ON COLUMN shop.order_item_taxes.jurisdiction IS 'Who levies it. Copied from the rate.';

COMMENT ON COLUMN shop.order_item_taxes.rate IS 'Fraction applied. Copied from the rate.';

COMMENT ON COLUMN shop.order_item_taxes.base_minor IS 'Amount taxed, without tax, in the minor unit.';

COMMENT ON COLUMN shop.order_item_taxes.tax_minor IS 'The tax, in the minor unit.';

CREATE TABLE shop.order_shipping_taxes (
    order_id uuid NOT NULL,
    jurisdiction text NOT NULL,
    rate numeric(9,6) NOT NULL,
    base_minor bigint NOT NULL,
    tax_minor bigint NOT NULL,
    CONSTRAINT ck_order_shipping_taxes_base_minor_not_negative CHECK ((base_minor >= 0)),
    CONSTRAINT ck_order_shipping_taxes_jurisdiction_length CHECK (((btrim(jurisdiction) <> ''::text) AND (char_length(jurisdiction) <= 100))),
    CONSTRAINT ck_order_shipping_taxes_rate_range CHECK (((rate >= (0)::numeric) AND (rate <= (1)::numeric))),
    CONSTRAINT ck_order_shipping_taxes_tax_follows_rate CHECK ((abs(((tax_minor)::numeric - ((base_minor)::numeric * rate))) <= (1)::numeric)),
    CONSTRAINT ck_order_shipping_taxes_tax_minor_not_negative CHECK ((tax_minor >= 0))
);

COMMENT ON TABLE shop.order_shipping_taxes IS 'Taxes of shipping charges, in the order''s currency; they add up to the order''s shipping tax.';

COMMENT ON COLUMN shop.order_shipping_taxes.order_id IS 'The order.';

COMMENT ON COLUMN shop.order_shipping_taxes.jurisdiction IS 'Who levies it. Copied from the rate.';

COMMENT ON COLUMN shop.order_shipping_taxes.rate IS 'Fraction applied. Copied from the rate.';

COMMENT ON COLUMN shop.order_shipping_taxes.base_minor IS 'Amount taxed, without tax, in the minor unit.';

COMMENT ON COLUMN shop.order_shipping_taxes.tax_minor IS 'The tax, in the minor unit.';

CREATE TABLE shop.order_status_history (
    order_id uuid NOT NULL,
    sequence smallint NOT NULL,
    from_status shop.order_status,
    to_status shop.order_status NOT NULL,
    actor text,
    changed_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT ck_order_status_history_actor_length CHECK (((btrim(actor) <> ''::text) AND (char_length(actor) <= 200))),
    CONSTRAINT ck_order_status_history_first_has_no_from CHECK (((from_status IS NULL) = (sequence = 1))),
    CONSTRAINT ck_order_status_history_starts_pending CHECK (((sequence > 1) OR (to_status = 'pending'::shop.order_status)))
);

COMMENT ON TABLE shop.order_status_history IS 'Every status an order had, in sequence. Append-only; only the trigger on orders writes it.';

COMMENT ON COLUMN shop.order_status_history.order_id IS 'The order.';

COMMENT ON COLUMN shop.order_status_history.sequence IS '1 for the placing, then ascending.';

COMMENT ON COLUMN shop.order_status_history.from_status IS 'Status before; NULL when it was placed.';

COMMENT ON COLUMN shop.order_status_history.to_status IS 'Status after.';

COMMENT ON COLUMN shop.order_status_history.actor IS 'Who or what moved it (shop.actor), if known.';

COMMENT ON COLUMN shop.order_status_history.changed_at IS 'When.';

CREATE TABLE shop.order_transitions (
    from_status shop.order_status NOT NULL,
    to_status shop.order_status NOT NULL,
    meaning text NOT NULL,
    CONSTRAINT ck_order_transitions_meaning_length CHECK (((btrim(meaning) <> ''::text) AND (char_length(meaning) <= 500))),
    CONSTRAINT ck_order_transitions_moves CHECK ((from_status <> to_status))
);

COMMENT ON TABLE shop.order_transitions IS 'The legal moves of an order''s status; whatever is not listed is refused.';

COMMENT ON COLUMN shop.order_transitions.from_status IS 'Status before.';

COMMENT ON COLUMN shop.order_transitions.to_status IS 'Status after.';

COMMENT ON COLUMN shop.order_transitions.meaning IS 'What happened.';

ALTER TABLE shop.orders ALTER COLUMN order_number ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME shop.orders_order_number_seq
    START WITH 100001
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE shop.outbox_events (
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    outbox_event_id uuid DEFAULT uuidv7() NOT NULL,
    aggregate_type text NOT NULL,
    aggregate_id text NOT NULL,
    sequence bigint NOT NULL,
    event_type text NOT NULL,
    payload jsonb DEFAULT '{}'::jsonb NOT NULL,
    attempts integer DEFAULT 0 NOT NULL,
    lease_token uuid,
    leased_until timestamp with time zone,
    published_at timestamp with time zone,
    parked_at timestamp with time zone,
    last_error text,
    CONSTRAINT ck_outbox_events_aggregate_id_length CHECK (((btrim(aggregate_id) <> ''::text) AND (char_length(aggregate_id) <= 64))),
    CONSTRAINT ck_outbox_events_aggregate_type_format CHECK ((aggregate_type ~ '^[a-z][a-z_]{0,29}$'::text)),
    CONSTRAINT ck_outbox_events_attempts_not_negative CHECK ((attempts >= 0)),
    CONSTRAINT ck_outbox_events_event_type_format CHECK ((event_type ~ '^[a-z][a-z_]*[.][a-z][a-z_]*$'::text)),
    CONSTRAINT ck_outbox_events_event_type_length CHECK (((btrim(event_type) <> ''::text) AND (char_length(event_type) <= 80))),
    CONSTRAINT ck_outbox_events_last_error_length CHECK (((btrim(last_error) <> ''::text) AND (char_length(last_error) <= 2000))),
    CONSTRAINT ck_outbox_events_lease_is_whole CHECK (((lease_token IS NULL) = (leased_until IS NULL))),
    CONSTRAINT ck_outbox_events_outbox_event_id_is_uuidv7 CHECK ((uuid_extract_version(outbox_event_id) = 7)),
    CONSTRAINT ck_outbox_events_payload_is_object CHECK ((jsonb_typeof(payload) = 'object'::text)),
    CONSTRAINT ck_outbox_events_payload_limit CHECK ((pg_column_size(payload) <= 65536)),
    CONSTRAINT ck_outbox_events_published_or_parked CHECK (((published_at IS NULL) OR (parked_at IS NULL))),
    CONSTRAINT ck_outbox_events_sequence_positive CHECK ((sequence > 0))
)
WITH (fillfactor='80', autovacuum_vacuum_scale_factor='0.01', autovacuum_vacuum_threshold='1000');

COMMENT ON TABLE shop.outbox_events IS 'Transactional outbox: delivered at least once, in sequence per aggregate. The key begins with the time, so that the table can be partitioned later.';

COMMENT ON COLUMN shop.outbox_events.created_at IS 'When the change was made.';

COMMENT ON COLUMN shop.outbox_events.outbox_event_id IS 'Key of the event, for the consumer''s dedupe.';

COMMENT ON COLUMN shop.outbox_events.aggregate_type IS 'What kind of thing changed, such as order.';

COMMENT ON COLUMN shop.outbox_events.aggregate_id IS 'Key of that thing.';

COMMENT ON COLUMN shop.outbox_events.sequence IS '1, 2, 3, … within the aggregate. Given by trigger.';

COMMENT ON COLUMN shop.outbox_events.event_type IS 'What happened, such as order.confirmed.';

COMMENT ON COLUMN shop.outbox_events.payload IS 'Keys and amounts; never personal data.';

COMMENT ON COLUMN shop.outbox_events.attempts IS 'Deliveries tried so far.';

COMMENT ON COLUMN shop.outbox_events.lease_token IS 'Token of the worker that holds it.';

COMMENT ON COLUMN shop.outbox_events.leased_until IS 'Until when that worker holds it.';

COMMENT ON COLUMN shop.outbox_events.published_at IS 'When it was delivered.';

COMMENT ON COLUMN shop.outbox_events.parked_at IS 'When it was set aside after too many attempts.';

COMMENT ON COLUMN shop.outbox_events.last_error IS 'What the last failed delivery said.';

CREATE TABLE shop.payment_events (
    payment_event_id bigint NOT NULL,
    provider text NOT NULL,
    provider_event_id text NOT NULL,
    payment_id uuid,
    kind shop.payment_event_kind NOT NULL,
    amount_minor bigint DEFAULT 0 NOT NULL,
    currency text NOT NULL,
    dispute_reference text,
    payload jsonb DEFAULT '{}'::jsonb NOT NULL,
    occurred_at timestamp with time zone NOT NULL,
    received_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT ck_payment_events_amount_minor_limit CHECK ((amount_minor <= '1000000000000'::bigint)),
    CONSTRAINT ck_payment_events_amount_minor_not_negative CHECK ((amount_minor >= 0)),
    CONSTRAINT ck_payment_events_dispute_reference_length CHECK (((btrim(dispute_reference) <> ''::text) AND (char_length(dispute_reference) <= 200))),
    CONSTRAINT ck_payment_events_dispute_reference_of_disputes CHECK (((dispute_reference IS NULL) OR (kind = ANY (ARRAY['dispute_opened'::shop.payment_event_kind, 'dispute_won'::shop.payment_event_kind, 'dispute_lost'::shop.payment_event_kind])))),
    CONSTRAINT ck_payment_events_money_moves_an_amount CHECK (((amount_minor > 0) OR (kind <> ALL (ARRAY['authorized'::shop.payment_event_kind, 'captured'::shop.payment_event_kind, 'refunded'::shop.payment_event_kind])))),
    CONSTRAINT ck_payment_events_payload_is_object CHECK ((jsonb_typeof(payload) = 'object'::text)),
    CONSTRAINT ck_payment_events_payload_keys CHECK (((payload - ARRAY['object'::text, 'network'::text, 'wallet'::text, 'funding'::text, 'outcome'::text, 'reason'::text, 'decline_code'::text, 'risk_level'::text, 'livemode'::text, 'api_version'::text, 'attempt'::text, 'fee_minor'::text, 'settles_on'::text]) = '{}'::jsonb)),
    CONSTRAINT ck_payment_events_payload_limit CHECK ((pg_column_size(payload) <= 8192)),
    CONSTRAINT ck_payment_events_payload_values_are_codes CHECK ((NOT jsonb_path_exists(payload, 'strict $.*?((@.type() == "object" || @.type() == "array") || @.type() == "string" && !(@ like_regex "^[A-Za-z0-9_.:-]{1,64}$"))'::jsonpath))),
    CONSTRAINT ck_payment_events_provider_event_id_length CHECK (((btrim(provider_event_id) <> ''::text) AND (char_length(provider_event_id) <= 200))),
    CONSTRAINT ck_payment_events_provider_format CHECK ((provider ~ '^[a-z][a-z0-9_]{1,29}$'::text))
);

COMMENT ON TABLE shop.payment_events IS 'The webhook inbox, append-only. A second delivery of an event is refused by its unique key; a payment''s totals are a fold over the set of its events, so their order does not matter.';

COMMENT ON COLUMN shop.payment_events.payment_event_id IS 'Key of the event, in order of arrival.';

COMMENT ON COLUMN shop.payment_events.provider IS 'Who sent it.';

COMMENT ON COLUMN shop.payment_events.provider_event_id IS 'The provider''s id of the event; unique with the provider.';

COMMENT ON COLUMN shop.payment_events.payment_id IS 'The payment it is about; NULL if unknown.';

COMMENT ON COLUMN shop.payment_events.kind IS 'What happened.';

COMMENT ON COLUMN shop.payment_events.amount_minor IS 'Amount it is about, in the minor unit of its currency; 0 where it has none.';

COMMENT ON COLUMN shop.payment_events.currency IS 'Currency it is in, as the provider says.';

COMMENT ON COLUMN shop.payment_events.dispute_reference IS 'The provider''s id of the dispute: tells two disputes of one payment apart. NULL where it sends none.';

COMMENT ON COLUMN shop.payment_events.payload IS 'What of the provider''s message is kept: codes under listed keys, which hold no personal data.';

COMMENT ON COLUMN shop.payment_events.occurred_at IS 'When it happened, as the provider says.';

COMMENT ON COLUMN shop.payment_events.received_at IS 'When it arrived here.';

ALTER TABLE shop.payment_events ALTER COLUMN payment_event_id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME shop.payment_events_payment_event_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE shop.payment_exceptions (
    payment_exception_id bigint NOT NULL,
    payment_event_id bigint NOT NULL,
    payment_id uuid,
    kind shop.payment_exception_kind NOT NULL,
    amount_minor bigint NOT NULL,
    currency text NOT NULL,
    raised_at timestamp with time zone DEFAULT now() NOT NULL,
    resolved_at timestamp with time zone,
    resolution text,
    resolved_by text,
    CONSTRAINT ck_payment_exceptions_amount_minor_not_negative CHECK ((amount_minor >= 0)),
    CONSTRAINT ck_payment_exceptions_resolution_is_whole CHECK ((((resolved_at IS NULL) = (resolution IS NULL)) AND ((resolved_at IS NULL) = (resolved_by IS NULL)))),
    CONSTRAINT ck_payment_exceptions_resolution_length CHECK (((btrim(resolution) <> ''::text) AND (char_length(resolution) <= 1000))),
    CONSTRAINT ck_payment_exceptions_resolved_after_raised CHECK ((resolved_at >= raised_at)),
    CONSTRAINT ck_payment_exceptions_resolved_by_length CHECK (((btrim(resolved_by) <> ''::text) AND (char_length(resolved_by) <= 200)))
);

COMMENT ON TABLE shop.payment_exceptions IS 'Events that broke a rule: real money, so stored and listed until somebody resolves it.';

COMMENT ON COLUMN shop.payment_exceptions.payment_exception_id IS 'Key of the exception.';

COMMENT ON COLUMN shop.payment_exceptions.payment_event_id IS 'The event that raised it.';

COMMENT ON COLUMN shop.payment_exceptions.payment_id IS 'The payment, if known.';

COMMENT ON COLUMN shop.payment_exceptions.kind IS 'Which rule it broke.';

COMMENT ON COLUMN shop.payment_exceptions.amount_minor IS 'The amount in question, in the minor unit.';

COMMENT ON COLUMN shop.payment_exceptions.currency IS 'Currency of the amount.';

COMMENT ON COLUMN shop.payment_exceptions.raised_at IS 'When.';

COMMENT ON COLUMN shop.payment_exceptions.resolved_at IS 'When it was settled; NULL while open.';

COMMENT ON COLUMN shop.payment_exceptions.resolution IS 'What was done; no personal data belongs here.';

COMMENT ON COLUMN shop.payment_exceptions.resolved_by IS 'Who settled it.';

ALTER TABLE shop.payment_exceptions ALTER COLUMN payment_exception_id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME shop.payment_exceptions_payment_exception_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE shop.pii_columns (
    table_name text NOT NULL,
    column_name text NOT NULL,
    erase shop.erasure_moment NOT NULL,
    reason text NOT NULL,
    CONSTRAINT ck_pii_columns_column_name_length CHECK (((btrim(column_name) <> ''::text) AND (char_length(column_name) <= 63))),
    CONSTRAINT ck_pii_columns_reason_length CHECK (((btrim(reason) <> ''::text) AND (char_length(reason) <= 500))),
    CONSTRAINT ck_pii_columns_table_name_length CHECK (((btrim(table_name) <> ''::text) AND (char_length(table_name) <= 63)))
);

COMMENT ON TABLE shop.pii_columns IS 'Columns with personal data: what erase_customer and erase_due walk, and what analysts never see.';

COMMENT ON COLUMN shop.pii_columns.table_name IS 'Table in the schema shop.';

COMMENT ON COLUMN shop.pii_columns.column_name IS 'Column of that table.';

COMMENT ON COLUMN shop.pii_columns.erase IS 'now: on the customer''s request; after_retention: when tax law no longer asks for it.';

COMMENT ON COLUMN shop.pii_columns.reason IS 'Why it is held, and why it is erased at that moment.';

CREATE TABLE shop.product_categories (
    product_id bigint NOT NULL,
    category_id bigint NOT NULL,
    is_main boolean DEFAULT false NOT NULL
);

COMMENT ON TABLE shop.product_categories IS 'Which products stand in which categories.';

COMMENT ON COLUMN shop.product_categories.product_id IS 'The product.';

COMMENT ON COLUMN shop.product_categories.category_id IS 'The category.';

COMMENT ON COLUMN shop.product_categories.is_main IS 'The category its breadcrumb shows; at most one per product.';

CREATE TABLE shop.product_media (
    product_media_id bigint NOT NULL,
    product_id bigint NOT NULL,
    variant_id bigint,
    kind shop.media_kind DEFAULT 'image'::shop.media_kind NOT NULL,
    url text NOT NULL,
    alt_text text DEFAULT ''::text NOT NULL,
    "position" smallint NOT NULL,
    CONSTRAINT ck_product_media_alt_text_length CHECK ((char_length(alt_text) <= 500)),
    CONSTRAINT ck_product_media_position_range CHECK ((("position" >= 1) AND ("position" <= 100))),
    CONSTRAINT ck_product_media_url_is_https CHECK ((url ~ '^https://[^[:space:]]+$'::text)),
    CONSTRAINT ck_product_media_url_length CHECK (((btrim(url) <> ''::text) AND (char_length(url) <= 2000)))
);

COMMENT ON TABLE shop.product_media IS 'Media of products. The files live elsewhere; here are their addresses.';

COMMENT ON COLUMN shop.product_media.product_media_id IS 'Key of the medium.';

COMMENT ON COLUMN shop.product_media.product_id IS 'The product it shows.';

COMMENT ON COLUMN shop.product_media.variant_id IS 'The variant it shows, of the same product; NULL when it shows the product as such.';

COMMENT ON COLUMN shop.product_media.kind IS 'image or video.';

COMMENT ON COLUMN shop.product_media.url IS 'Address of the file, https only.';

COMMENT ON COLUMN shop.product_media.alt_text IS 'What it shows, for people who cannot see it.';

COMMENT ON COLUMN shop.product_media."position" IS 'Order of display, 1 to 100.';

ALTER TABLE shop.product_media ALTER COLUMN product_media_id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME shop.product_media_product_media_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE shop.product_options (
    product_option_id bigint NOT NULL,
    product_id bigint NOT NULL,
    name text NOT NULL,
    "position" smallint NOT NULL,
    CONSTRAINT ck_product_options_name_length CHECK (((btrim(name) <> ''::text) AND (char_length(name) <= 60))),
    CONSTRAINT ck_product_options_position_range CHECK ((("position" >= 1) AND ("position" <= 5)))
);

COMMENT ON TABLE shop.product_options IS 'Options of a product (colour, size, …), at most five.';

COMMENT ON COLUMN shop.product_options.product_option_id IS 'Key of the option.';

COMMENT ON COLUMN shop.product_options.product_id IS 'The product it belongs to.';

COMMENT ON COLUMN shop.product_options.name IS 'Name shown to customers; unique within the product without regard to case.';

COMMENT ON COLUMN shop.product_options."position" IS 'Order of display, 1 to 5.';

ALTER TABLE shop.product_options ALTER COLUMN product_option_id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME shop.product_options_product_option_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE shop.product_variants (
    variant_id bigint NOT NULL,
    product_id bigint NOT NULL,
    sku text NOT NULL,
    gtin text,
    name text NOT NULL,
    options_key text DEFAULT '{}'::text NOT NULL,
    weight_grams integer DEFAULT 0 NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    archived_at timestamp with time zone,
    CONSTRAINT ck_product_variants_archived_after_created CHECK ((archived_at >= created_at)),
    CONSTRAINT ck_product_variants_gtin_format CHECK ((gtin ~ '^([0-9]{8}|[0-9]{12,14})$'::text)),
    CONSTRAINT ck_product_variants_name_length CHECK (((btrim(name) <> ''::text) AND (char_length(name) <= 200))),
    CONSTRAINT ck_product_variants_sku_format CHECK ((sku ~ '^[A-Z0-9][A-Z0-9._-]{0,63}$'::text)),
    CONSTRAINT ck_product_variants_weight_grams_range CHECK (((weight_grams >= 0) AND (weight_grams <= 1000000)))
);

COMMENT ON TABLE shop.product_variants IS 'Variants (SKUs): what is priced, stocked and sold.';

COMMENT ON COLUMN shop.product_variants.variant_id IS 'Key of the variant.';

COMMENT ON COLUMN shop.product_variants.product_id IS 'The product it is a variant of.';

COMMENT ON COLUMN shop.product_variants.sku IS 'Stock keeping unit, upper case; unique among variants that are not archived.';

COMMENT ON COLUMN shop.product_variants.gtin IS 'GS1 barcode number of 8, 12, 13 or 14 digits, if any.';

COMMENT ON COLUMN shop.product_variants.name IS 'What tells it from its siblings, such as ''Blue / M''.';

COMMENT ON COLUMN shop.product_variants.options_key IS 'Canonical form of its option values (JSON by option key, case-folded). Kept by trigger.';

COMMENT ON COLUMN shop.product_variants.weight_grams IS 'Shipping weight in grams.';

COMMENT ON COLUMN shop.product_variants.created_at IS 'When the variant was created.';

COMMENT ON COLUMN shop.product_variants.archived_at IS 'When it was taken off sale for good; NULL while live.';

ALTER TABLE shop.product_variants ALTER COLUMN variant_id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME shop.product_variants_variant_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE shop.products (
    product_id bigint NOT NULL,
    slug text NOT NULL,
    name text NOT NULL,
    brand text,
    description text DEFAULT ''::text NOT NULL,
    tax_class text DEFAULT 'standard'::text NOT NULL,
    status shop.product_status DEFAULT 'draft'::shop.product_status NOT NULL,
    search tsvector GENERATED ALWAYS AS (((setweight(to_tsvector('english'::regconfig, name), 'A'::"char") || setweight(to_tsvector('english'::regconfig, COALESCE(brand, ''::text)), 'B'::"char")) || setweight(to_tsvector('english'::regconfig, description), 'C'::"char"))) STORED NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    updated_at timestamp with time zone DEFAULT now() NOT NULL,
    archived_at timestamp with time zone,
    CONSTRAINT ck_products_archived_at_matches_status CHECK (((status = 'archived'::shop.product_status) = (archived_at IS NOT NULL))),
    CONSTRAINT ck_products_brand_length CHECK (((btrim(brand) <> ''::text) AND (char_length(brand) <= 100))),
    CONSTRAINT ck_products_description_length CHECK ((char_length(description) <= 20000)),
    CONSTRAINT ck_products_name_length CHECK (((btrim(name) <> ''::text) AND (char_length(name) <= 200))),
    CONSTRAINT ck_products_slug_format CHECK ((slug ~ '^[a-z0-9]+(-[a-z0-9]+)*$'::text)),
    CONSTRAINT ck_products_slug_length CHECK (((btrim(slug) <> ''::text) AND (char_length(slug) <= 160))),
    CONSTRAINT ck_products_updated_after_created CHECK ((updated_at >= created_at))
);

COMMENT ON TABLE shop.products IS 'Products. Archived, never deleted, once history refers to them.';

COMMENT ON COLUMN shop.products.product_id IS 'Key of the product.';

COMMENT ON COLUMN shop.products.slug IS 'Name in URLs; unique among products that are not archived.';

COMMENT ON COLUMN shop.products.name IS 'Name shown to customers. Order lines keep their own copy.';

COMMENT ON COLUMN shop.products.brand IS 'Brand or maker, where there is one.';

COMMENT ON COLUMN shop.products.description IS 'Text of the product page, plain text.';

COMMENT ON COLUMN shop.products.tax_class IS 'Tax class of all variants; picks the rates at checkout.';

COMMENT ON COLUMN shop.products.status IS 'draft, active (on sale) or archived.';

COMMENT ON COLUMN shop.products.search IS 'Full-text document: name (weight A), brand (B), description (C). Generated.';

COMMENT ON COLUMN shop.products.created_at IS 'When the product was created.';

COMMENT ON COLUMN shop.products.updated_at IS 'When the row last changed. Kept by trigger.';

COMMENT ON COLUMN shop.products.archived_at IS 'When it was archived; NULL before.';

ALTER TABLE shop.products ALTER COLUMN product_id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME shop.products_product_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE shop.refunds (
    refund_id uuid DEFAULT uuidv7() NOT NULL,
    payment_id uuid NOT NULL,
    order_id uuid NOT NULL,
    currency text NOT NULL,
    return_id uuid,
    amount_minor bigint NOT NULL,
    reason text NOT NULL,
    state shop.refund_state DEFAULT 'pending'::shop.refund_state NOT NULL,
    provider_reference text,
    requested_at timestamp with time zone DEFAULT now() NOT NULL,
    settled_at timestamp with time zone,
    CONSTRAINT ck_refunds_amount_minor_positive CHECK ((amount_minor > 0)),
    CONSTRAINT ck_refunds_provider_reference_length CHECK (((btrim(provider_reference) <> ''::text) AND (char_length(provider_reference) <= 200))),
    CONSTRAINT ck_refunds_reason_length CHECK (((btrim(reason) <> ''::text) AND (char_length(reason) <= 500))),
    CONSTRAINT ck_refunds_refund_id_is_uuidv7 CHECK ((uuid_extract_version(refund_id) = 7)),
    CONSTRAINT ck_refunds_settled_after_requested CHECK ((settled_at >= requested_at)),
    CONSTRAINT ck_refunds_settled_at_matches_state CHECK (((state = 'pending'::shop.refund_state) = (settled_at IS NULL)))
);

COMMENT ON TABLE shop.refunds IS 'Refunds. Pending and succeeded ones together never exceed what was captured.';

COMMENT ON COLUMN shop.refunds.refund_id IS 'Key of the refund, a UUIDv7 the client makes: its idempotency key.';

COMMENT ON COLUMN shop.refunds.payment_id IS 'The payment that is refunded.';

COMMENT ON COLUMN shop.refunds.order_id IS 'The order of payment and return.';

COMMENT ON COLUMN shop.refunds.currency IS 'Currency of the payment, tied to it by the foreign key.';

COMMENT ON COLUMN shop.refunds.return_id IS 'The return it settles; NULL where goods stay.';

COMMENT ON COLUMN shop.refunds.amount_minor IS 'What is given back, in the minor unit.';

COMMENT ON COLUMN shop.refunds.reason IS 'Why, in the words of staff; no personal data belongs here.';

COMMENT ON COLUMN shop.refunds.state IS 'pending, succeeded or failed.';

COMMENT ON COLUMN shop.refunds.provider_reference IS 'The provider''s own id, once known.';

COMMENT ON COLUMN shop.refunds.requested_at IS 'When it was asked for.';

COMMENT ON COLUMN shop.refunds.settled_at IS 'When it succeeded or failed.';

CREATE TABLE shop.return_items (
    return_id uuid NOT NULL,
    line_number smallint NOT NULL,
    order_id uuid NOT NULL,
    quantity smallint NOT NULL,
    restocked_quantity smallint DEFAULT 0 NOT NULL,
    written_off_quantity smallint DEFAULT 0 NOT NULL,
    warehouse_id bigint,
    received_at timestamp with time zone,
    CONSTRAINT ck_return_items_counted_when_received CHECK (((received_at IS NOT NULL) OR ((restocked_quantity = 0) AND (written_off_quantity = 0)))),
    CONSTRAINT ck_return_items_quantity_positive CHECK ((quantity > 0)),
    CONSTRAINT ck_return_items_received_within_announced CHECK (((restocked_quantity + written_off_quantity) <= quantity)),
    CONSTRAINT ck_return_items_restocked_quantity_not_negative CHECK ((restocked_quantity >= 0)),
    CONSTRAINT ck_return_items_restocked_somewhere CHECK (((warehouse_id IS NOT NULL) OR (restocked_quantity = 0))),
    CONSTRAINT ck_return_items_written_off_quantity_not_negative CHECK ((written_off_quantity >= 0))
);

COMMENT ON TABLE shop.return_items IS 'Content of returns: what was announced, and what inspection restocked or wrote off.';

COMMENT ON COLUMN shop.return_items.return_id IS 'The return.';

COMMENT ON COLUMN shop.return_items.line_number IS 'The line of the order.';

COMMENT ON COLUMN shop.return_items.order_id IS 'The order of return and line.';

COMMENT ON COLUMN shop.return_items.quantity IS 'Units announced.';

COMMENT ON COLUMN shop.return_items.restocked_quantity IS 'Units received and put back into stock.';

COMMENT ON COLUMN shop.return_items.written_off_quantity IS 'Units received that cannot be sold again.';

COMMENT ON COLUMN shop.return_items.warehouse_id IS 'Where units were restocked.';

COMMENT ON COLUMN shop.return_items.received_at IS 'When this line was received; set once.';

CREATE TABLE shop.shipment_items (
    shipment_id uuid NOT NULL,
    line_number smallint NOT NULL,
    slot smallint DEFAULT 0 NOT NULL,
    order_id uuid NOT NULL,
    warehouse_id bigint NOT NULL,
    quantity smallint NOT NULL,
    CONSTRAINT ck_shipment_items_quantity_positive CHECK ((quantity > 0))
);

COMMENT ON TABLE shop.shipment_items IS 'Content of shipments. All items of a shipment arrive in one statement; shipped once is shipped.';

COMMENT ON COLUMN shop.shipment_items.shipment_id IS 'The shipment.';

COMMENT ON COLUMN shop.shipment_items.line_number IS 'The line of the order.';

COMMENT ON COLUMN shop.shipment_items.slot IS 'The slot it was taken from.';

COMMENT ON COLUMN shop.shipment_items.order_id IS 'The order of shipment and line.';

COMMENT ON COLUMN shop.shipment_items.warehouse_id IS 'The warehouse of both.';

COMMENT ON COLUMN shop.shipment_items.quantity IS 'Units shipped.';

CREATE TABLE shop.shipping_methods (
    shipping_method_id bigint NOT NULL,
    code text NOT NULL,
    name text NOT NULL,
    carrier text NOT NULL,
    tax_class text DEFAULT 'shipping'::text NOT NULL,
    min_days smallint NOT NULL,
    max_days smallint NOT NULL,
    is_active boolean DEFAULT true NOT NULL,
    CONSTRAINT ck_shipping_methods_carrier_length CHECK (((btrim(carrier) <> ''::text) AND (char_length(carrier) <= 100))),
    CONSTRAINT ck_shipping_methods_code_format CHECK ((code ~ '^[a-z][a-z0-9_]{1,29}$'::text)),
    CONSTRAINT ck_shipping_methods_days_range CHECK ((((min_days >= 0) AND (min_days <= max_days)) AND (max_days <= 90))),
    CONSTRAINT ck_shipping_methods_name_length CHECK (((btrim(name) <> ''::text) AND (char_length(name) <= 100)))
);

COMMENT ON TABLE shop.shipping_methods IS 'Shipping methods offered at checkout.';

COMMENT ON COLUMN shop.shipping_methods.shipping_method_id IS 'Key of the method.';

COMMENT ON COLUMN shop.shipping_methods.code IS 'Key for programs, such as standard.';

COMMENT ON COLUMN shop.shipping_methods.name IS 'Name shown to customers. Orders keep a copy.';

COMMENT ON COLUMN shop.shipping_methods.carrier IS 'Who carries it.';

COMMENT ON COLUMN shop.shipping_methods.tax_class IS 'Tax class of the shipping charge.';

COMMENT ON COLUMN shop.shipping_methods.min_days IS 'Shortest delivery time in days.';

COMMENT ON COLUMN shop.shipping_methods.max_days IS 'Longest delivery time in days.';

COMMENT ON COLUMN shop.shipping_methods.is_active IS 'Whether it is offered.';

ALTER TABLE shop.shipping_methods ALTER COLUMN shipping_method_id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME shop.shipping_methods_shipping_method_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE shop.shipping_rates (
    shipping_rate_id bigint NOT NULL,
    shipping_method_id bigint NOT NULL,
    country text NOT NULL,
    currency text NOT NULL,
    minimum_subtotal_minor bigint DEFAULT 0 NOT NULL,
    price_minor bigint NOT NULL,
    CONSTRAINT ck_shipping_rates_minimum_subtotal_minor_limit CHECK ((minimum_subtotal_minor <= '1000000000000'::bigint)),
    CONSTRAINT ck_shipping_rates_minimum_subtotal_minor_not_negative CHECK ((minimum_subtotal_minor >= 0)),
    CONSTRAINT ck_shipping_rates_price_minor_limit CHECK ((price_minor <= '1000000000000'::bigint)),
    CONSTRAINT ck_shipping_rates_price_minor_not_negative CHECK ((price_minor >= 0))
);

COMMENT ON TABLE shop.shipping_rates IS 'Shipping rates: the row with the highest minimum that the subtotal reaches applies.';

COMMENT ON COLUMN shop.shipping_rates.shipping_rate_id IS 'Key of the rate.';

COMMENT ON COLUMN shop.shipping_rates.shipping_method_id IS 'The method.';

COMMENT ON COLUMN shop.shipping_rates.country IS 'Country of destination.';

COMMENT ON COLUMN shop.shipping_rates.currency IS 'Currency of minimum and price.';

COMMENT ON COLUMN shop.shipping_rates.minimum_subtotal_minor IS 'Subtotal after discount from which it holds, minor unit.';

COMMENT ON COLUMN shop.shipping_rates.price_minor IS 'Charge in the minor unit; with or without tax as the country says.';

ALTER TABLE shop.shipping_rates ALTER COLUMN shipping_rate_id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME shop.shipping_rates_shipping_rate_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE shop.stock_levels (
    variant_id bigint NOT NULL,
    warehouse_id bigint NOT NULL,
    slot smallint DEFAULT 0 NOT NULL,
    on_hand integer DEFAULT 0 NOT NULL,
    reserved integer DEFAULT 0 NOT NULL,
    CONSTRAINT ck_stock_levels_reserved_within_on_hand CHECK (((reserved >= 0) AND (reserved <= on_hand))),
    CONSTRAINT ck_stock_levels_slot_not_negative CHECK ((slot >= 0))
)
WITH (fillfactor='70');

COMMENT ON TABLE shop.stock_levels IS 'Stock by variant, warehouse and slot: always the sum of its movements, which alone may change it. A hot product is spread over several slots, so that buyers do not queue behind one row.';

COMMENT ON COLUMN shop.stock_levels.variant_id IS 'The variant.';

COMMENT ON COLUMN shop.stock_levels.warehouse_id IS 'The warehouse.';

COMMENT ON COLUMN shop.stock_levels.slot IS '0 unless the stock is split over slots.';

COMMENT ON COLUMN shop.stock_levels.on_hand IS 'Units physically there. Kept by trigger.';

COMMENT ON COLUMN shop.stock_levels.reserved IS 'Units promised to orders. Kept by trigger.';

CREATE TABLE shop.stock_movements (
    stock_movement_id bigint NOT NULL,
    variant_id bigint NOT NULL,
    warehouse_id bigint NOT NULL,
    slot smallint DEFAULT 0 NOT NULL,
    kind shop.stock_movement_kind NOT NULL,
    on_hand_delta integer DEFAULT 0 NOT NULL,
    reserved_delta integer DEFAULT 0 NOT NULL,
    order_id uuid,
    line_number smallint,
    reason text,
    moved_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT ck_stock_movements_adjustment_has_reason CHECK (((reason IS NOT NULL) OR (kind <> 'adjustment'::shop.stock_movement_kind))),
    CONSTRAINT ck_stock_movements_deltas_fit_kind CHECK (
CASE kind
    WHEN 'receipt'::shop.stock_movement_kind THEN ((on_hand_delta > 0) AND (reserved_delta = 0))
    WHEN 'reservation'::shop.stock_movement_kind THEN ((on_hand_delta = 0) AND (reserved_delta > 0))
    WHEN 'release'::shop.stock_movement_kind THEN ((on_hand_delta = 0) AND (reserved_delta < 0))
    WHEN 'shipment'::shop.stock_movement_kind THEN ((on_hand_delta < 0) AND (reserved_delta = on_hand_delta))
    WHEN 'return'::shop.stock_movement_kind THEN ((on_hand_delta > 0) AND (reserved_delta = 0))
    WHEN 'adjustment'::shop.stock_movement_kind THEN ((on_hand_delta <> 0) AND (reserved_delta = 0))
    WHEN 'transfer'::shop.stock_movement_kind THEN ((on_hand_delta <> 0) AND (reserved_delta = 0))
    ELSE NULL::boolean
END),
    CONSTRAINT ck_stock_movements_order_line_fits_kind CHECK ((((order_id IS NULL) = (line_number IS NULL)) AND ((order_id IS NOT NULL) = (kind = ANY (ARRAY['reservation'::shop.stock_movement_kind, 'release'::shop.stock_movement_kind, 'shipment'::shop.stock_movement_kind, 'return'::shop.stock_movement_kind]))))),
    CONSTRAINT ck_stock_movements_reason_length CHECK (((btrim(reason) <> ''::text) AND (char_length(reason) <= 500)))
);

COMMENT ON TABLE shop.stock_movements IS 'Every change of stock, append-only. Stock levels are the sum of these rows.';

COMMENT ON COLUMN shop.stock_movements.stock_movement_id IS 'Key of the movement, ascending.';

COMMENT ON COLUMN shop.stock_movements.variant_id IS 'The variant.';

COMMENT ON COLUMN shop.stock_movements.warehouse_id IS 'The warehouse.';

COMMENT ON COLUMN shop.stock_movements.slot IS 'The slot, 0 unless the stock is split.';

COMMENT ON COLUMN shop.stock_movements.kind IS 'receipt, reservation, release, shipment, return, adjustment, or transfer between slots.';

COMMENT ON COLUMN shop.stock_movements.on_hand_delta IS 'Change of the units on hand.';

COMMENT ON COLUMN shop.stock_movements.reserved_delta IS 'Change of the units reserved.';

COMMENT ON COLUMN shop.stock_movements.order_id IS 'The order that caused it, if one did.';

COMMENT ON COLUMN shop.stock_movements.line_number IS 'The line of that order.';

COMMENT ON COLUMN shop.stock_movements.reason IS 'Why, in words; required for adjustments.';

COMMENT ON COLUMN shop.stock_movements.moved_at IS 'When it happened.';

ALTER TABLE shop.stock_movements ALTER COLUMN stock_movement_id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME shop.stock_movements_stock_movement_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE shop.tax_classes (
    tax_class text NOT NULL,
    description text NOT NULL,
    CONSTRAINT ck_tax_classes_description_length CHECK (((btrim(description) <> ''::text) AND (char_length(description) <= 500))),
    CONSTRAINT ck_tax_classes_tax_class_format CHECK ((tax_class ~ '^[a-z][a-z_]{0,29}$'::text))
);

COMMENT ON TABLE shop.tax_classes IS 'Tax classes; rates are looked up by destination and class.';

COMMENT ON COLUMN shop.tax_classes.tax_class IS 'Key, such as standard or shipping.';

COMMENT ON COLUMN shop.tax_classes.description IS 'What belongs to it.';

ALTER TABLE shop.tax_rates ALTER COLUMN tax_rate_id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME shop.tax_rates_tax_rate_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE shop.variant_option_values (
    variant_id bigint NOT NULL,
    product_option_id bigint NOT NULL,
    product_id bigint NOT NULL,
    value text NOT NULL,
    CONSTRAINT ck_variant_option_values_value_length CHECK (((btrim(value) <> ''::text) AND (char_length(value) <= 100)))
);

COMMENT ON TABLE shop.variant_option_values IS 'Option values of a variant. Both ends belong to the same product, by two composite keys.';

COMMENT ON COLUMN shop.variant_option_values.variant_id IS 'The variant.';

COMMENT ON COLUMN shop.variant_option_values.product_option_id IS 'The option.';

COMMENT ON COLUMN shop.variant_option_values.product_id IS 'The product of both, so that the database can compare them.';

COMMENT ON COLUMN shop.variant_option_values.value IS 'The value, such as ''Blue''.';

CREATE TABLE shop.variant_prices (
    variant_id bigint NOT NULL,
    currency text NOT NULL,
    valid_from timestamp with time zone NOT NULL,
    amount_minor bigint NOT NULL,
    compare_at_minor bigint,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT ck_variant_prices_amount_minor_limit CHECK ((amount_minor <= '1000000000000'::bigint)),
    CONSTRAINT ck_variant_prices_amount_minor_not_negative CHECK ((amount_minor >= 0)),
    CONSTRAINT ck_variant_prices_compare_at_above_amount CHECK ((compare_at_minor > amount_minor)),
    CONSTRAINT ck_variant_prices_compare_at_minor_limit CHECK ((compare_at_minor <= '1000000000000'::bigint)),
    CONSTRAINT ck_variant_prices_not_backdated CHECK ((valid_from >= created_at))
);

COMMENT ON TABLE shop.variant_prices IS 'Prices by variant, currency and moment. Appended only: periods cannot overlap, a price that is or was in force never changes, a future one may be withdrawn.';

COMMENT ON COLUMN shop.variant_prices.variant_id IS 'The variant.';

COMMENT ON COLUMN shop.variant_prices.currency IS 'Currency of the price.';

COMMENT ON COLUMN shop.variant_prices.valid_from IS 'The moment from which it holds, until the next one''s.';

COMMENT ON COLUMN shop.variant_prices.amount_minor IS 'Price of one unit, in the minor unit; with or without tax as the country says.';

COMMENT ON COLUMN shop.variant_prices.compare_at_minor IS 'Former price shown struck through, in the minor unit.';

COMMENT ON COLUMN shop.variant_prices.created_at IS 'When it was entered, by the server''s clock.';

CREATE TABLE shop.warehouses (
    warehouse_id bigint NOT NULL,
    code text NOT NULL,
    name text NOT NULL,
    country text NOT NULL,
    priority smallint DEFAULT 100 NOT NULL,
    is_active boolean DEFAULT true NOT NULL,
    CONSTRAINT ck_warehouses_code_format CHECK ((code ~ '^[A-Z0-9][A-Z0-9-]{0,15}$'::text)),
    CONSTRAINT ck_warehouses_name_length CHECK (((btrim(name) <> ''::text) AND (char_length(name) <= 100))),
    CONSTRAINT ck_warehouses_priority_range CHECK (((priority >= 1) AND (priority <= 1000)))
);

COMMENT ON TABLE shop.warehouses IS 'Warehouses. Stock is reserved by priority, lowest number first.';

COMMENT ON COLUMN shop.warehouses.warehouse_id IS 'Key of the warehouse.';

COMMENT ON COLUMN shop.warehouses.code IS 'Short code staff use, such as DUB1.';

COMMENT ON COLUMN shop.warehouses.name IS 'Name of the place.';

COMMENT ON COLUMN shop.warehouses.country IS 'Country it stands in.';

COMMENT ON COLUMN shop.warehouses.priority IS 'Order in which stock is taken, lowest first.';

COMMENT ON COLUMN shop.warehouses.is_active IS 'Whether new orders may be served from it.';

ALTER TABLE shop.warehouses ALTER COLUMN warehouse_id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME shop.warehouses_warehouse_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

ALTER TABLE ONLY shop.product_variants
    ADD CONSTRAINT ex_product_variants_one_per_combination EXCLUDE USING btree (product_id WITH =, options_key WITH =) WHERE ((archived_at IS NULL)) DEFERRABLE INITIALLY DEFERRED;

ALTER TABLE ONLY shop.account_tokens
    ADD CONSTRAINT pk_account_tokens PRIMARY KEY (account_token_id);

ALTER TABLE ONLY shop.addresses
    ADD CONSTRAINT pk_addresses PRIMARY KEY (address_id);

ALTER TABLE ONLY shop.audit_log
    ADD CONSTRAINT pk_audit_log PRIMARY KEY (occurred_at, audit_log_id);

ALTER TABLE ONLY shop.cart_items
    ADD CONSTRAINT pk_cart_items PRIMARY KEY (cart_id, variant_id);

ALTER TABLE ONLY shop.carts
    ADD CONSTRAINT pk_carts PRIMARY KEY (cart_id);

ALTER TABLE ONLY shop.categories
    ADD CONSTRAINT pk_categories PRIMARY KEY (category_id);

ALTER TABLE ONLY shop.countries
    ADD CONSTRAINT pk_countries PRIMARY KEY (code);

ALTER TABLE ONLY shop.coupon_redemptions
    ADD CONSTRAINT pk_coupon_redemptions PRIMARY KEY (order_id);

ALTER TABLE ONLY shop.coupons
    ADD CONSTRAINT pk_coupons PRIMARY KEY (coupon_id);

ALTER TABLE ONLY shop.credit_notes
    ADD CONSTRAINT pk_credit_notes PRIMARY KEY (credit_note_id);

ALTER TABLE ONLY shop.currencies
    ADD CONSTRAINT pk_currencies PRIMARY KEY (code);

ALTER TABLE ONLY shop.customer_credentials
    ADD CONSTRAINT pk_customer_credentials PRIMARY KEY (customer_id);

ALTER TABLE ONLY shop.customers
    ADD CONSTRAINT pk_customers PRIMARY KEY (customer_id);

ALTER TABLE ONLY shop.deployment
    ADD CONSTRAINT pk_deployment PRIMARY KEY (is_only_row);

ALTER TABLE ONLY shop.document_series
    ADD CONSTRAINT pk_document_series PRIMARY KEY (series);

ALTER TABLE ONLY shop.invoices
    ADD CONSTRAINT pk_invoices PRIMARY KEY (invoice_id);

ALTER TABLE ONLY shop.journal_lines
    ADD CONSTRAINT pk_journal_lines PRIMARY KEY (journal_id, line_number);

ALTER TABLE ONLY shop.journals
    ADD CONSTRAINT pk_journals PRIMARY KEY (journal_id);

ALTER TABLE ONLY shop.ledger_accounts
    ADD CONSTRAINT pk_ledger_accounts PRIMARY KEY (account);

ALTER TABLE ONLY shop.login_attempts
    ADD CONSTRAINT pk_login_attempts PRIMARY KEY (login_attempt_id);

ALTER TABLE ONLY shop.login_sessions
    ADD CONSTRAINT pk_login_sessions PRIMARY KEY (login_session_id);

ALTER TABLE ONLY shop.order_addresses
    ADD CONSTRAINT pk_order_addresses PRIMARY KEY (order_id, kind);

ALTER TABLE ONLY shop.order_allocations
    ADD CONSTRAINT pk_order_allocations PRIMARY KEY (order_id, line_number, warehouse_id, slot);

ALTER TABLE ONLY shop.order_item_cancellations
    ADD CONSTRAINT pk_order_item_cancellations PRIMARY KEY (order_id, line_number, cancellation_id);

ALTER TABLE ONLY shop.order_item_taxes
    ADD CONSTRAINT pk_order_item_taxes PRIMARY KEY (order_id, line_number, jurisdiction);

ALTER TABLE ONLY shop.order_items
    ADD CONSTRAINT pk_order_items PRIMARY KEY (order_id, line_number);

ALTER TABLE ONLY shop.order_shipping_taxes
    ADD CONSTRAINT pk_order_shipping_taxes PRIMARY KEY (order_id, jurisdiction);

ALTER TABLE ONLY shop.order_status_history
    ADD CONSTRAINT pk_order_status_history PRIMARY KEY (order_id, sequence);

ALTER TABLE ONLY shop.order_transitions
    ADD CONSTRAINT pk_order_transitions PRIMARY KEY (from_status, to_status);

ALTER TABLE ONLY shop.orders
    ADD CONSTRAINT pk_orders PRIMARY KEY (order_id);

ALTER TABLE ONLY shop.outbox_events
    ADD CONSTRAINT pk_outbox_events PRIMARY KEY (created_at, outbox_event_id);

ALTER TABLE ONLY shop.payment_events
    ADD CONSTRAINT pk_payment_events PRIMARY KEY (payment_event_id);

ALTER TABLE ONLY shop.payment_exceptions
    ADD CONSTRAINT pk_payment_exceptions PRIMARY KEY (payment_exception_id);

ALTER TABLE ONLY shop.payments
    ADD CONSTRAINT pk_payments PRIMARY KEY (payment_id);

ALTER TABLE ONLY shop.pii_columns
    ADD CONSTRAINT pk_pii_columns PRIMARY KEY (table_name, column_name);

ALTER TABLE ONLY shop.product_categories
    ADD CONSTRAINT pk_product_categories PRIMARY KEY (product_id, category_id);

ALTER TABLE ONLY shop.product_media
    ADD CONSTRAINT pk_product_media PRIMARY KEY (product_media_id);

ALTER TABLE ONLY shop.product_options
    ADD CONSTRAINT pk_product_options PRIMARY KEY (product_option_id);

ALTER TABLE ONLY shop.product_variants
    ADD CONSTRAINT pk_product_variants PRIMARY KEY (variant_id);

ALTER TABLE ONLY shop.products
    ADD CONSTRAINT pk_products PRIMARY KEY (product_id);

ALTER TABLE ONLY shop.refunds
    ADD CONSTRAINT pk_refunds PRIMARY KEY (refund_id);

ALTER TABLE ONLY shop.return_items
    ADD CONSTRAINT pk_return_items PRIMARY KEY (return_id, line_number);

ALTER TABLE ONLY shop.returns
    ADD CONSTRAINT pk_returns PRIMARY KEY (return_id);

ALTER TABLE ONLY shop.shipment_items
    ADD CONSTRAINT pk_shipment_items PRIMARY KEY (shipment_id, line_number, slot);

ALTER TABLE ONLY shop.shipments
    ADD CONSTRAINT pk_shipments PRIMARY KEY (shipment_id);

ALTER TABLE ONLY shop.shipping_methods
    ADD CONSTRAINT pk_shipping_methods PRIMARY KEY (shipping_method_id);

ALTER TABLE ONLY shop.shipping_rates
    ADD CONSTRAINT pk_shipping_rates PRIMARY KEY (shipping_rate_id);

ALTER TABLE ONLY shop.stock_levels
    ADD CONSTRAINT pk_stock_levels PRIMARY KEY (variant_id, warehouse_id, slot);

ALTER TABLE ONLY shop.stock_movements
    ADD CONSTRAINT pk_stock_movements PRIMARY KEY (stock_movement_id);

ALTER TABLE ONLY shop.tax_classes
    ADD CONSTRAINT pk_tax_classes PRIMARY KEY (tax_class);

ALTER TABLE ONLY shop.tax_rates
    ADD CONSTRAINT pk_tax_rates PRIMARY KEY (tax_rate_id);

ALTER TABLE ONLY shop.variant_option_values
    ADD CONSTRAINT pk_variant_option_values PRIMARY KEY (variant_id, product_option_id);

ALTER TABLE ONLY shop.variant_prices
    ADD CONSTRAINT pk_variant_prices PRIMARY KEY (variant_id, currency, valid_from);

ALTER TABLE ONLY shop.warehouses
    ADD CONSTRAINT pk_warehouses PRIMARY KEY (warehouse_id);

ALTER TABLE ONLY shop.credit_notes
    ADD CONSTRAINT uq_credit_notes_series_number UNIQUE (series, number);

ALTER TABLE ONLY shop.invoices
    ADD CONSTRAINT uq_invoices_invoice_id_order_id_currency UNIQUE (invoice_id, order_id, currency);

ALTER TABLE ONLY shop.invoices
    ADD CONSTRAINT uq_invoices_order_id UNIQUE (order_id);

ALTER TABLE ONLY shop.invoices
    ADD CONSTRAINT uq_invoices_series_number UNIQUE (series, number);

ALTER TABLE ONLY shop.journals
    ADD CONSTRAINT uq_journals_journal_id_currency UNIQUE (journal_id, currency);

ALTER TABLE ONLY shop.orders
    ADD CONSTRAINT uq_orders_order_id_currency UNIQUE (order_id, currency);

ALTER TABLE ONLY shop.outbox_events
    ADD CONSTRAINT uq_outbox_events_aggregate_type_aggregate_id_sequence UNIQUE (aggregate_type, aggregate_id, sequence);

ALTER TABLE ONLY shop.payment_events
    ADD CONSTRAINT uq_payment_events_provider_provider_event_id UNIQUE (provider, provider_event_id);

ALTER TABLE ONLY shop.payment_exceptions
    ADD CONSTRAINT uq_payment_exceptions_payment_event_id_kind UNIQUE (payment_event_id, kind);

ALTER TABLE ONLY shop.payments
    ADD CONSTRAINT uq_payments_payment_id_order_id_currency UNIQUE (payment_id, order_id, currency);

ALTER TABLE ONLY shop.payments
    ADD CONSTRAINT uq_payments_payment_id_provider UNIQUE (payment_id, provider);

ALTER TABLE ONLY shop.payments
    ADD CONSTRAINT uq_payments_provider_provider_reference UNIQUE (provider, provider_reference);

ALTER TABLE ONLY shop.refunds
    ADD CONSTRAINT uq_refunds_refund_id_order_id_currency UNIQUE (refund_id, order_id, currency);

ALTER TABLE ONLY shop.returns
    ADD CONSTRAINT uq_returns_order_id_return_id UNIQUE (order_id, return_id);

ALTER TABLE ONLY shop.shipments
    ADD CONSTRAINT uq_shipments_shipment_id_order_id_warehouse_id UNIQUE (shipment_id, order_id, warehouse_id);

CREATE INDEX ix_account_tokens_customer_id ON shop.account_tokens USING btree (customer_id);

CREATE INDEX ix_account_tokens_expires_at ON shop.account_tokens USING btree (expires_at);

CREATE INDEX ix_addresses_customer_id ON shop.addresses USING btree (customer_id);

CREATE INDEX ix_audit_log_row ON shop.audit_log USING btree (table_name, row_key, occurred_at);

CREATE INDEX ix_cart_items_variant_id ON shop.cart_items USING btree (variant_id);

CREATE INDEX ix_carts_coupon_id ON shop.carts USING btree (coupon_id) WHERE (coupon_id IS NOT NULL);

CREATE INDEX ix_carts_customer_id ON shop.carts USING btree (customer_id) WHERE (customer_id IS NOT NULL);

CREATE INDEX ix_carts_expires_at ON shop.carts USING btree (expires_at) WHERE (status = 'open'::shop.cart_status);

CREATE INDEX ix_carts_merged_into_cart_id ON shop.carts USING btree (merged_into_cart_id) WHERE (merged_into_cart_id IS NOT NULL);

CREATE INDEX ix_categories_ancestry ON shop.categories USING gin (ancestry);

CREATE INDEX ix_categories_parent_id ON shop.categories USING btree (parent_id, "position", category_id);

CREATE INDEX ix_coupon_redemptions_coupon_id ON shop.coupon_redemptions USING btree (coupon_id, order_id);

CREATE INDEX ix_credit_notes_invoice_id ON shop.credit_notes USING btree (invoice_id, order_id, currency);

CREATE INDEX ix_journal_lines_account ON shop.journal_lines USING btree (account, currency, journal_id);

CREATE INDEX ix_journals_order_id ON shop.journals USING btree (order_id, currency);

CREATE INDEX ix_login_attempts_attempted_at ON shop.login_attempts USING btree (attempted_at);

CREATE INDEX ix_login_attempts_customer_id ON shop.login_attempts USING btree (customer_id, attempted_at) WHERE (customer_id IS NOT NULL);

CREATE INDEX ix_login_attempts_email_digest ON shop.login_attempts USING btree (email_digest, attempted_at);

CREATE INDEX ix_login_sessions_customer_id ON shop.login_sessions USING btree (customer_id);

CREATE INDEX ix_login_sessions_expires_at ON shop.login_sessions USING btree (expires_at);

CREATE INDEX ix_order_allocations_stock ON shop.order_allocations USING btree (variant_id, warehouse_id, slot);

CREATE INDEX ix_order_items_variant_id ON shop.order_items USING btree (variant_id);

CREATE INDEX ix_orders_contact_email_normalized ON shop.orders USING btree (contact_email_normalized);

CREATE INDEX ix_orders_customer_id ON shop.orders USING btree (customer_id, placed_at DESC, order_id DESC) WHERE (customer_id IS NOT NULL);

CREATE INDEX ix_orders_placed_at ON shop.orders USING btree (placed_at DESC, order_id DESC);

CREATE INDEX ix_orders_unpaid_expires_at ON shop.orders USING btree (expires_at, order_id) WHERE (status = 'pending'::shop.order_status);

CREATE INDEX ix_outbox_events_parked ON shop.outbox_events USING btree (outbox_event_id) WHERE (parked_at IS NOT NULL);

CREATE INDEX ix_outbox_events_unpublished ON shop.outbox_events USING btree (created_at, outbox_event_id) WHERE ((published_at IS NULL) AND (parked_at IS NULL));

CREATE INDEX ix_payment_events_payment_id ON shop.payment_events USING btree (payment_id, provider) WHERE (payment_id IS NOT NULL);

CREATE INDEX ix_payment_exceptions_open ON shop.payment_exceptions USING btree (raised_at) WHERE (resolved_at IS NULL);

CREATE INDEX ix_payment_exceptions_payment_id ON shop.payment_exceptions USING btree (payment_id) WHERE (payment_id IS NOT NULL);

CREATE INDEX ix_payments_order_id ON shop.payments USING btree (order_id, currency);

CREATE INDEX ix_product_categories_category_id ON shop.product_categories USING btree (category_id, product_id);

CREATE INDEX ix_product_media_product_id_variant_id ON shop.product_media USING btree (product_id, variant_id) WHERE (variant_id IS NOT NULL);

CREATE INDEX ix_products_search ON shop.products USING gin (search);

CREATE INDEX ix_refunds_payment_id ON shop.refunds USING btree (payment_id, order_id, currency);

CREATE INDEX ix_refunds_return_id ON shop.refunds USING btree (order_id, return_id) WHERE (return_id IS NOT NULL);

CREATE INDEX ix_return_items_order_id ON shop.return_items USING btree (order_id, line_number);

CREATE INDEX ix_return_items_return ON shop.return_items USING btree (order_id, return_id);

CREATE INDEX ix_return_items_warehouse_id ON shop.return_items USING btree (warehouse_id) WHERE (warehouse_id IS NOT NULL);

CREATE INDEX ix_shipment_items_order_id ON shop.shipment_items USING btree (order_id, line_number, warehouse_id, slot);

CREATE INDEX ix_shipments_order_id ON shop.shipments USING btree (order_id);

CREATE INDEX ix_shipments_warehouse_id ON shop.shipments USING btree (warehouse_id);

CREATE INDEX ix_stock_levels_warehouse_id ON shop.stock_levels USING btree (warehouse_id);

CREATE INDEX ix_stock_movements_stock ON shop.stock_movements USING btree (variant_id, warehouse_id, slot, stock_movement_id);

CREATE INDEX ix_variant_option_values_product_option ON shop.variant_option_values USING btree (product_id, product_option_id);

CREATE INDEX ix_variant_option_values_product_variant ON shop.variant_option_values USING btree (product_id, variant_id);

CREATE UNIQUE INDEX uq_account_tokens_open ON shop.account_tokens USING btree (customer_id, purpose) WHERE (used_at IS NULL);

CREATE UNIQUE INDEX uq_account_tokens_token_digest ON shop.account_tokens USING btree (token_digest);

CREATE UNIQUE INDEX uq_addresses_default_billing ON shop.addresses USING btree (customer_id) WHERE is_default_billing;

CREATE UNIQUE INDEX uq_addresses_default_shipping ON shop.addresses USING btree (customer_id) WHERE is_default_shipping;

CREATE UNIQUE INDEX uq_carts_open_per_customer ON shop.carts USING btree (customer_id) WHERE (status = 'open'::shop.cart_status);

CREATE UNIQUE INDEX uq_categories_slug ON shop.categories USING btree (slug) WHERE (archived_at IS NULL);

CREATE UNIQUE INDEX uq_countries_alpha3 ON shop.countries USING btree (alpha3);

CREATE UNIQUE INDEX uq_countries_numeric_code ON shop.countries USING btree (numeric_code);

CREATE UNIQUE INDEX uq_coupons_code ON shop.coupons USING btree (code);

CREATE UNIQUE INDEX uq_credit_notes_refund_id ON shop.credit_notes USING btree (refund_id, order_id, currency) WHERE (refund_id IS NOT NULL);

CREATE UNIQUE INDEX uq_currencies_numeric_code ON shop.currencies USING btree (numeric_code);

CREATE UNIQUE INDEX uq_customers_email_normalized ON shop.customers USING btree (email_normalized);

CREATE UNIQUE INDEX uq_journals_payment_event_id ON shop.journals USING btree (payment_event_id) WHERE (payment_event_id IS NOT NULL);

CREATE UNIQUE INDEX uq_journals_sale_per_order ON shop.journals USING btree (order_id) WHERE (kind = 'sale'::shop.journal_kind);

CREATE UNIQUE INDEX uq_login_sessions_token_digest ON shop.login_sessions USING btree (token_digest);

CREATE UNIQUE INDEX uq_orders_cart_id ON shop.orders USING btree (cart_id);

CREATE UNIQUE INDEX uq_orders_order_number ON shop.orders USING btree (order_number);

CREATE UNIQUE INDEX uq_product_categories_main ON shop.product_categories USING btree (product_id) WHERE is_main;

CREATE UNIQUE INDEX uq_product_media_product_id_position ON shop.product_media USING btree (product_id, "position");

CREATE UNIQUE INDEX uq_product_options_product_id_name ON shop.product_options USING btree (product_id, lower((name COLLATE pg_unicode_fast)));

CREATE UNIQUE INDEX uq_product_options_product_id_position ON shop.product_options USING btree (product_id, "position");

CREATE UNIQUE INDEX uq_product_options_product_id_product_option_id ON shop.product_options USING btree (product_id, product_option_id);

CREATE UNIQUE INDEX uq_product_variants_product_id_variant_id ON shop.product_variants USING btree (product_id, variant_id);

CREATE UNIQUE INDEX uq_product_variants_sku ON shop.product_variants USING btree (sku) WHERE (archived_at IS NULL);

CREATE UNIQUE INDEX uq_products_slug ON shop.products USING btree (slug) WHERE (archived_at IS NULL);

CREATE UNIQUE INDEX uq_shipping_methods_code ON shop.shipping_methods USING btree (code);

CREATE UNIQUE INDEX uq_shipping_rates_destination ON shop.shipping_rates USING btree (shipping_method_id, country, currency, minimum_subtotal_minor);

CREATE UNIQUE INDEX uq_tax_rates_destination ON shop.tax_rates USING btree (country, region, tax_class, jurisdiction, valid_from);

CREATE UNIQUE INDEX uq_warehouses_code ON shop.warehouses USING btree (code);

CREATE OR REPLACE VIEW api.report_stock AS
 SELECT v.variant_id,
    v.sku,
    p.name AS product_name,
    p.brand,
    (p.status)::text AS product_status,
    w.code AS warehouse,
    sum(s.on_hand) AS on_hand,
    sum(s.reserved) AS reserved
   FROM (((shop.stock_levels s
     JOIN shop.product_variants v ON ((v.variant_id = s.variant_id)))
     JOIN shop.products p ON ((p.product_id = v.product_id)))
     JOIN shop.warehouses w ON ((w.warehouse_id = s.warehouse_id)))
  GROUP BY v.variant_id, p.product_id, w.warehouse_id;

CREATE TRIGGER account_tokens_are_issued_now BEFORE INSERT ON shop.account_tokens FOR EACH ROW WHEN (((new.created_at IS DISTINCT FROM now()) OR (new.used_at IS NOT NULL))) EXECUTE FUNCTION shop.refuse('SH103', 'a token is issued by the server''s clock, unused', 'Leave created_at and used_at out.');

CREATE TRIGGER account_tokens_are_used_once BEFORE UPDATE OF used_at ON shop.account_tokens FOR EACH ROW WHEN ((old.used_at IS NOT NULL)) EXECUTE FUNCTION shop.refuse('SH102', 'the token was used already', 'Issue another token.');

CREATE TRIGGER account_tokens_facts_are_immutable BEFORE UPDATE OF account_token_id, customer_id, purpose, token_digest, created_at, expires_at ON shop.account_tokens FOR EACH STATEMENT EXECUTE FUNCTION shop.refuse('SH102', 'a token stays what it was issued as', 'Issue another token.');

CREATE TRIGGER account_tokens_refuse_truncate BEFORE TRUNCATE ON shop.account_tokens FOR EACH STATEMENT EXECUTE FUNCTION shop.refuse('SH101', 'no table of the shop is truncated', 'Sample data are replaced by data_loader.py --replace; everything else is archived or purged.');

CREATE TRIGGER addresses_are_added_now BEFORE INSERT ON shop.addresses FOR EACH ROW WHEN ((new.created_at IS DISTINCT FROM now())) EXECUTE FUNCTION shop.refuse('SH103', 'the moment an address is added is the server''s', 'Leave created_at out.');

CREATE TRIGGER addresses_are_of_a_customer BEFORE INSERT ON shop.addresses FOR EACH ROW EXECUTE FUNCTION shop.refuse_for_erased();

CREATE TRIGGER addresses_refuse_truncate BEFORE TRUNCATE ON shop.addresses FOR EACH STATEMENT EXECUTE FUNCTION shop.refuse('SH101', 'no table of the shop is truncated', 'Sample data are replaced by data_loader.py --replace; everything else is archived or purged.');

CREATE TRIGGER addresses_stay_with_their_customer BEFORE UPDATE OF address_id, customer_id, created_at ON shop.addresses FOR EACH STATEMENT EXECUTE FUNCTION shop.refuse('SH102', 'an address stays in its customer''s book', 'Add it to the other customer''s book.');

CREATE TRIGGER audit_log_is_append_only BEFORE UPDATE OR TRUNCATE ON shop.audit_log FOR EACH STATEMENT EXECUTE FUNCTION shop.refuse('SH101', 'the audit log is append-only', 'There is no way to change it.');

CREATE TRIGGER audit_log_is_only_purged BEFORE DELETE ON shop.audit_log FOR EACH ROW WHEN (((current_setting('shop.purging'::text, true) IS DISTINCT FROM 'on'::text) OR (old.occurred_at > (now() - '1 year'::interval)))) EXECUTE FUNCTION shop.refuse('SH101', 'the audit log is append-only', 'Retention removes what is over a year old.');

CREATE TRIGGER audit_log_is_written_by_trigger BEFORE INSERT ON shop.audit_log FOR EACH STATEMENT EXECUTE FUNCTION shop.refuse_direct_write('Change the audited row; the entry follows.');

CREATE TRIGGER cart_items_frozen_on_delete AFTER DELETE ON shop.cart_items REFERENCING OLD TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION shop.count_cart_change();

CREATE TRIGGER cart_items_frozen_on_insert AFTER INSERT ON shop.cart_items REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION shop.count_cart_change();

CREATE TRIGGER cart_items_frozen_on_update AFTER UPDATE ON shop.cart_items REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION shop.count_cart_change();

CREATE TRIGGER cart_items_refuse_truncate BEFORE TRUNCATE ON shop.cart_items FOR EACH STATEMENT EXECUTE FUNCTION shop.refuse('SH101', 'no table of the shop is truncated', 'Sample data are replaced by data_loader.py --replace; everything else is archived or purged.');

CREATE TRIGGER cart_items_stay_in_their_cart BEFORE UPDATE OF cart_id, variant_id ON shop.cart_items FOR EACH STATEMENT EXECUTE FUNCTION shop.refuse('SH102', 'a line stays in its cart', 'Delete the line and insert another.');

CREATE TRIGGER carts_content_is_frozen BEFORE UPDATE OF customer_id, currency, coupon_id, merged_into_cart_id ON shop.carts FOR EACH ROW WHEN (((old.status <> 'open'::shop.cart_status) AND ((((old.customer_id IS DISTINCT FROM new.customer_id) OR (old.currency IS DISTINCT FROM new.currency)) OR (old.coupon_id IS DISTINCT FROM new.coupon_id)) OR (old.merged_into_cart_id IS DISTINCT FROM new.merged_into_cart_id)))) EXECUTE FUNCTION shop.refuse('SH106', 'a closed cart does not change', 'Make a new cart and copy the lines.');

CREATE TRIGGER carts_convert_by_order BEFORE UPDATE OF status ON shop.carts FOR EACH ROW WHEN (((old.status = 'open'::shop.cart_status) AND (new.status = 'converted'::shop.cart_status))) EXECUTE FUNCTION shop.refuse_direct_write('Insert the order; its cart is converted with it.');

CREATE TRIGGER carts_never_reopen BEFORE UPDATE OF status ON shop.carts FOR EACH ROW WHEN (((old.status <> 'open'::shop.cart_status) AND (new.status <> old.status))) EXECUTE FUNCTION shop.refuse('SH106', 'a cart that was closed stays closed', 'Make a new cart and copy the lines.');

CREATE TRIGGER carts_refuse_truncate BEFORE TRUNCATE ON shop.carts FOR EACH STATEMENT EXECUTE FUNCTION shop.refuse('SH101', 'no table of the shop is truncated', 'Sample data are replaced by data_loader.py --replace; everything else is archived or purged.');

CREATE TRIGGER carts_start_now BEFORE INSERT ON shop.carts FOR EACH ROW WHEN (((new.created_at IS DISTINCT FROM now()) OR (new.updated_at IS DISTINCT FROM now()))) EXECUTE FUNCTION shop.refuse('SH103', 'the moment a cart is made is the server''s', 'Leave created_at and updated_at out.');

CREATE TRIGGER carts_start_open BEFORE INSERT ON shop.carts FOR EACH ROW WHEN (((new.status <> 'open'::shop.cart_status) OR (new.version <> 1))) EXECUTE FUNCTION shop.refuse('SH106', 'a cart starts open, at version 1', 'Leave status and version out.');

CREATE TRIGGER carts_started_once BEFORE UPDATE OF cart_id, created_at ON shop.carts FOR EACH STATEMENT EXECUTE FUNCTION shop.refuse('SH102', 'key and age of a cart do not change', 'Make another cart.');

CREATE TRIGGER carts_stay_with_their_customer BEFORE UPDATE OF customer_id ON shop.carts FOR EACH ROW WHEN (((old.customer_id IS NOT NULL) AND (new.customer_id IS DISTINCT FROM old.customer_id))) EXECUTE FUNCTION shop.refuse('SH102', 'a customer''s cart stays with the customer', 'Copy its lines to another cart.');

CREATE TRIGGER carts_touch BEFORE UPDATE ON shop.carts FOR EACH ROW EXECUTE FUNCTION shop.touch_updated_at();

CREATE TRIGGER carts_version_is_kept BEFORE UPDATE OF version ON shop.carts FOR EACH STATEMENT EXECUTE FUNCTION shop.refuse_direct_write('Change cart_items; the version follows.');

CREATE TRIGGER categories_keep_ancestry BEFORE INSERT OR UPDATE OF parent_id, ancestry ON shop.categories FOR EACH ROW EXECUTE FUNCTION shop.keep_category_ancestry();

CREATE TRIGGER categories_move_subtree AFTER UPDATE OF parent_id ON shop.categories FOR EACH ROW WHEN ((old.parent_id IS DISTINCT FROM new.parent_id)) EXECUTE FUNCTION shop.move_category_subtree();

CREATE TRIGGER categories_moves_queue BEFORE UPDATE OF parent_id ON shop.categories FOR EACH STATEMENT EXECUTE FUNCTION shop.serialise_category_moves();

CREATE TRIGGER categories_refuse_truncate BEFORE TRUNCATE ON shop.categories FOR EACH STATEMENT EXECUTE FUNCTION shop.refuse('SH101', 'no table of the shop is truncated', 'Sample data are replaced by data_loader.py --replace; everything else is archived or purged.');

CREATE TRIGGER categories_touch BEFORE UPDATE ON shop.categories FOR EACH ROW EXECUTE FUNCTION shop.touch_updated_at();

CREATE TRIGGER countries_refuse_truncate BEFORE TRUNCATE ON shop.countries FOR EACH STATEMENT EXECUTE FUNCTION shop.refuse('SH101', 'no table of the shop is truncated', 'Sample data are replaced by data_loader.py --replace; everything else is archived or purged.');

CREATE TRIGGER coupon_redemptions_are_kept BEFORE DELETE ON shop.coupon_redemptions FOR EACH STATEMENT EXECUTE FUNCTION shop.refuse('SH101', 'redemptions are kept', 'Release them.');

CREATE TRIGGER coupon_redemptions_count AFTER INSERT ON shop.coupon_redemptions FOR EACH ROW EXECUTE FUNCTION shop.count_redemption();

CREATE TRIGGER coupon_redemptions_facts_are_immutable BEFORE UPDATE OF order_id, coupon_id, currency, discount_minor, redeemed_at ON shop.coupon_redemptions FOR EACH STATEMENT EXECUTE FUNCTION shop.refuse('SH102', 'a redemption does not change', 'Release it.');

CREATE TRIGGER coupon_redemptions_refuse_truncate BEFORE TRUNCATE ON shop.coupon_redemptions FOR EACH STATEMENT EXECUTE FUNCTION shop.refuse('SH101', 'no table of the shop is truncated', 'Sample data are replaced by data_loader.py --replace; everything else is archived or purged.');

CREATE TRIGGER coupon_redemptions_release_is_final BEFORE UPDATE OF released_at ON shop.coupon_redemptions FOR EACH ROW WHEN ((old.released_at IS NOT NULL)) EXECUTE FUNCTION shop.refuse('SH102', 'a released redemption stays released', 'Use the coupon on another order.');

CREATE TRIGGER coupon_redemptions_start_unreleased BEFORE INSERT ON shop.coupon_redemptions FOR EACH ROW WHEN (((new.released_at IS NOT NULL) OR (new.redeemed_at IS DISTINCT FROM now()))) EXECUTE FUNCTION shop.refuse('SH103', 'a redemption starts now, unreleased', 'Leave redeemed_at and released_at out.');

CREATE TRIGGER coupon_redemptions_uncount AFTER UPDATE OF released_at ON shop.coupon_redemptions FOR EACH ROW WHEN (((old.released_at IS NULL) AND (new.released_at IS NOT NULL))) EXECUTE FUNCTION shop.uncount_redemption();

CREATE TRIGGER coupons_audit AFTER INSERT OR DELETE OR UPDATE OF code, description, kind, rate, amount_minor, currency, minimum_subtotal_minor, starts_at, ends_at, usage_limit, per_customer_limit, is_active ON shop.coupons FOR EACH ROW EXECUTE FUNCTION shop.audit('values', 'coupon_id');

CREATE TRIGGER coupons_customer_limit_covers_uses BEFORE UPDATE OF per_customer_limit ON shop.coupons FOR EACH ROW EXECUTE FUNCTION shop.check_customer_limit();

CREATE TRIGGER coupons_refuse_truncate BEFORE TRUNCATE ON shop.coupons FOR EACH STATEMENT EXECUTE FUNCTION shop.refuse('SH101', 'no table of the shop is truncated', 'Sample data are replaced by data_loader.py --replace; everything else is archived or purged.');

CREATE TRIGGER coupons_start_unused BEFORE INSERT ON shop.coupons FOR EACH ROW WHEN ((new.times_used <> 0)) EXECUTE FUNCTION shop.refuse('SH103', 'times_used starts at 0', 'Leave the column out.');

CREATE TRIGGER coupons_terms_stay_once_used BEFORE UPDATE OF coupon_id, created_at, code, kind, rate, amount_minor, currency ON shop.coupons FOR EACH ROW EXECUTE FUNCTION shop.check_coupon_terms();

CREATE TRIGGER coupons_times_used_is_kept BEFORE UPDATE OF times_used ON shop.coupons FOR EACH STATEMENT EXECUTE FUNCTION shop.refuse_direct_write('Insert or release a coupon redemption.');

CREATE TRIGGER credit_notes_are_append_only BEFORE DELETE OR UPDATE OR TRUNCATE ON shop.credit_notes FOR EACH STATEMENT EXECUTE FUNCTION shop.refuse('SH101', 'credit notes are append-only', 'Issue another document.');

CREATE TRIGGER credit_notes_are_issued_now BEFORE INSERT ON shop.credit_notes FOR EACH ROW WHEN ((new.issued_at IS DISTINCT FROM now())) EXECUTE FUNCTION shop.refuse('SH103', 'the date of a credit note is the server''s', 'Leave issued_at out.');

CREATE TRIGGER credit_notes_are_numbered BEFORE INSERT ON shop.credit_notes FOR EACH ROW EXECUTE FUNCTION shop.number_document();

CREATE TRIGGER credit_notes_count AFTER INSERT ON shop.credit_notes FOR EACH ROW EXECUTE FUNCTION shop.count_credit_note();

CREATE TRIGGER credit_notes_count_in_series AFTER INSERT ON shop.credit_notes FOR EACH ROW EXECUTE FUNCTION shop.count_document();

CREATE TRIGGER currencies_exponent_is_immutable BEFORE UPDATE OF code, exponent ON shop.currencies FOR EACH STATEMENT EXECUTE FUNCTION shop.refuse('SH102', 'code and exponent give every stored amount its meaning', 'A redenominated currency gets a code of its own, as ISO 4217 does.');

CREATE TRIGGER currencies_refuse_truncate BEFORE TRUNCATE ON shop.currencies FOR EACH STATEMENT EXECUTE FUNCTION shop.refuse('SH101', 'no table of the shop is truncated', 'Sample data are replaced by data_loader.py --replace; everything else is archived or purged.');

CREATE TRIGGER customer_credentials_are_of_a_customer BEFORE INSERT ON shop.customer_credentials FOR EACH ROW EXECUTE FUNCTION shop.refuse_for_erased();

CREATE TRIGGER customer_credentials_refuse_truncate BEFORE TRUNCATE ON shop.customer_credentials FOR EACH STATEMENT EXECUTE FUNCTION shop.refuse('SH101', 'no table of the shop is truncated', 'Sample data are replaced by data_loader.py --replace; everything else is archived or purged.');

CREATE TRIGGER customer_credentials_stay_with_their_customer BEFORE UPDATE OF customer_id ON shop.customer_credentials FOR EACH STATEMENT EXECUTE FUNCTION shop.refuse('SH102', 'a password stays its customer''s', 'Give the other customer a password of their own.');

CREATE TRIGGER customers_are_kept BEFORE DELETE ON shop.customers FOR EACH STATEMENT EXECUTE FUNCTION shop.refuse('SH101', 'customers are erased by pseudonymising, never deleted', 'Set status to erased and overwrite the personal columns.');

CREATE TRIGGER customers_audit AFTER INSERT OR UPDATE ON shop.customers FOR EACH ROW EXECUTE FUNCTION shop.audit('names', 'customer_id');

CREATE TRIGGER customers_refuse_truncate BEFORE TRUNCATE ON shop.customers FOR EACH STATEMENT EXECUTE FUNCTION shop.refuse('SH101', 'no table of the shop is truncated', 'Sample data are replaced by data_loader.py --replace; everything else is archived or purged.');

CREATE TRIGGER customers_register_now BEFORE INSERT ON shop.customers FOR EACH ROW WHEN (((new.created_at IS DISTINCT FROM now()) OR (new.updated_at IS DISTINCT FROM now()))) EXECUTE FUNCTION shop.refuse('SH103', 'the moment an account is made is the server''s', 'Leave created_at and updated_at out.');

CREATE TRIGGER customers_registered_once BEFORE UPDATE OF customer_id, created_at ON shop.customers FOR EACH STATEMENT EXECUTE FUNCTION shop.refuse('SH102', 'key and age of an account do not change', 'Leave customer_id and created_at alone.');

CREATE TRIGGER customers_stay_erased BEFORE UPDATE ON shop.customers FOR EACH ROW WHEN ((old.status = 'erased'::shop.customer_status)) EXECUTE FUNCTION shop.refuse('SH102', 'an erased customer stays erased', 'A returning person registers again.');

CREATE TRIGGER customers_touch BEFORE UPDATE ON shop.customers FOR EACH ROW EXECUTE FUNCTION shop.touch_updated_at();

CREATE TRIGGER deployment_refuse_truncate BEFORE TRUNCATE ON shop.deployment FOR EACH STATEMENT EXECUTE FUNCTION shop.refuse('SH101', 'no table of the shop is truncated', 'Sample data are replaced by data_loader.py --replace; everything else is archived or purged.');

CREATE TRIGGER deployment_row_stays BEFORE DELETE ON shop.deployment FOR EACH STATEMENT EXECUTE FUNCTION shop.refuse('SH101', 'tools read from its row what they may do', 'Update the row instead.');

CREATE TRIGGER deployment_stays_production BEFORE UPDATE OF environment ON shop.deployment FOR EACH ROW WHEN (((old.environment = 'production'::text) AND (new.environment <> 'production'::text))) EXECUTE FUNCTION shop.keep_production();

CREATE TRIGGER document_series_are_kept BEFORE DELETE ON shop.document_series FOR EACH STATEMENT EXECUTE FUNCTION shop.refuse('SH101', 'series of documents are kept', 'Open another series.');

CREATE TRIGGER document_series_count_documents BEFORE UPDATE ON shop.document_series FOR EACH STATEMENT EXECUTE FUNCTION shop.refuse_direct_write('Insert the document; its number follows.');

CREATE TRIGGER document_series_refuse_truncate BEFORE TRUNCATE ON shop.document_series FOR EACH STATEMENT EXECUTE FUNCTION shop.refuse('SH101', 'no table of the shop is truncated', 'Sample data are replaced by data_loader.py --replace; everything else is archived or purged.');

CREATE TRIGGER document_series_start_at_zero BEFORE INSERT ON shop.document_series FOR EACH ROW WHEN ((new.last_number <> 0)) EXECUTE FUNCTION shop.refuse('SH103', 'a series starts at 0', 'Leave last_number out.');

CREATE TRIGGER invoices_are_issued_now BEFORE INSERT ON shop.invoices FOR EACH ROW WHEN ((new.issued_at IS DISTINCT FROM now())) EXECUTE FUNCTION shop.refuse('SH103', 'the date of an invoice is the server''s', 'Leave issued_at out.');

CREATE TRIGGER invoices_are_kept BEFORE DELETE ON shop.invoices FOR EACH STATEMENT EXECUTE FUNCTION shop.refuse('SH101', 'invoices are kept', 'Issue a credit note.');

CREATE TRIGGER invoices_are_numbered BEFORE INSERT ON shop.invoices FOR EACH ROW EXECUTE FUNCTION shop.number_document();

CREATE TRIGGER invoices_audit AFTER UPDATE OF buyer_name, buyer_address, buyer_tax_number ON shop.invoices FOR EACH ROW EXECUTE FUNCTION shop.audit('names', 'invoice_id');

CREATE TRIGGER invoices_bill_their_order AFTER INSERT ON shop.invoices FOR EACH ROW EXECUTE FUNCTION shop.compare_invoice_with_order();

CREATE TRIGGER invoices_buyer_is_only_erased BEFORE UPDATE OF buyer_name, buyer_address, buyer_tax_number ON shop.invoices FOR EACH ROW WHEN ((NOT ((new.buyer_name = 'erased'::text) AND (new.buyer_address = 'erased'::text) AND (new.buyer_tax_number IS NULL)))) EXECUTE FUNCTION shop.refuse('SH102', 'the buyer of an invoice does not change, it can only be erased', 'Erase with the word erased, and the tax number with NULL.');

CREATE TRIGGER invoices_count_in_series AFTER INSERT ON shop.invoices FOR EACH ROW EXECUTE FUNCTION shop.count_document();

CREATE TRIGGER invoices_credits_are_kept BEFORE UPDATE OF credited_minor ON shop.invoices FOR EACH STATEMENT EXECUTE FUNCTION shop.refuse_direct_write('Insert a credit note.');

CREATE TRIGGER invoices_facts_are_immutable BEFORE UPDATE OF invoice_id, series, number, order_id, currency, total_minor, tax_minor, issued_at ON shop.invoices FOR EACH STATEMENT EXECUTE FUNCTION shop.refuse('SH102', 'an invoice does not change', 'Issue a credit note.');

CREATE TRIGGER invoices_refuse_truncate BEFORE TRUNCATE ON shop.invoices FOR EACH STATEMENT EXECUTE FUNCTION shop.refuse('SH101', 'no table of the shop is truncated', 'Sample data are replaced by data_loader.py --replace; everything else is archived or purged.');

CREATE TRIGGER invoices_start_uncredited BEFORE INSERT ON shop.invoices FOR EACH ROW WHEN ((new.credited_minor <> 0)) EXECUTE FUNCTION shop.refuse('SH103', 'an invoice starts uncredited', 'Insert a credit note.');

CREATE TRIGGER journal_lines_are_append_only BEFORE DELETE OR UPDATE OR TRUNCATE ON shop.journal_lines FOR EACH STATEMENT EXECUTE FUNCTION shop.refuse('SH101', 'the journal is append-only', 'Post an entry that reverses it.');

CREATE TRIGGER journal_lines_balance AFTER INSERT ON shop.journal_lines REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION shop.balance_journal();

CREATE TRIGGER journals_are_append_only BEFORE DELETE OR UPDATE OR TRUNCATE ON shop.journals FOR EACH STATEMENT EXECUTE FUNCTION shop.refuse('SH101', 'the journal is append-only', 'Post an entry that reverses it.');

CREATE TRIGGER journals_are_posted_now BEFORE INSERT ON shop.journals FOR EACH ROW WHEN ((new.posted_at IS DISTINCT FROM now())) EXECUTE FUNCTION shop.refuse('SH103', 'the moment of an entry is the server''s', 'Leave posted_at out.');

CREATE CONSTRAINT TRIGGER journals_are_whole AFTER INSERT ON shop.journals DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION shop.require_whole_journal();

CREATE TRIGGER ledger_accounts_refuse_truncate BEFORE TRUNCATE ON shop.ledger_accounts FOR EACH STATEMENT EXECUTE FUNCTION shop.refuse('SH101', 'no table of the shop is truncated', 'Sample data are replaced by data_loader.py --replace; everything else is archived or purged.');

CREATE TRIGGER login_attempts_are_of_a_customer BEFORE INSERT ON shop.login_attempts FOR EACH ROW WHEN ((new.customer_id IS NOT NULL)) EXECUTE FUNCTION shop.refuse_for_erased();

CREATE TRIGGER login_attempts_refuse_truncate BEFORE TRUNCATE ON shop.login_attempts FOR EACH STATEMENT EXECUTE FUNCTION shop.refuse('SH101', 'no table of the shop is truncated', 'Sample data are replaced by data_loader.py --replace; everything else is archived or purged.');

CREATE TRIGGER login_sessions_are_of_a_customer BEFORE INSERT ON shop.login_sessions FOR EACH ROW EXECUTE FUNCTION shop.refuse_for_erased();

CREATE TRIGGER login_sessions_facts_are_immutable BEFORE UPDATE OF login_session_id, customer_id, token_digest, created_at ON shop.login_sessions FOR EACH STATEMENT EXECUTE FUNCTION shop.refuse('SH102', 'a session stays what it was opened as', 'Open another session.');

CREATE TRIGGER login_sessions_open_now BEFORE INSERT ON shop.login_sessions FOR EACH ROW WHEN (((new.created_at IS DISTINCT FROM now()) OR (new.last_seen_at IS DISTINCT FROM now()))) EXECUTE FUNCTION shop.refuse('SH103', 'the moment a session is opened is the server''s', 'Leave created_at and last_seen_at out.');

CREATE TRIGGER login_sessions_refuse_truncate BEFORE TRUNCATE ON shop.login_sessions FOR EACH STATEMENT EXECUTE FUNCTION shop.refuse('SH101', 'no table of the shop is truncated', 'Sample data are replaced by data_loader.py --replace; everything else is archived or purged.');

CREATE TRIGGER login_sessions_stay_revoked BEFORE UPDATE ON shop.login_sessions FOR EACH ROW WHEN (((old.revoked_at IS NOT NULL) AND ((new.revoked_at IS DISTINCT FROM old.revoked_at) OR (new.expires_at IS DISTINCT FROM old.expires_at)))) EXECUTE FUNCTION shop.refuse('SH102', 'a revoked session stays revoked', 'Open another session.');

CREATE TRIGGER order_addresses_are_kept BEFORE DELETE ON shop.order_addresses FOR EACH STATEMENT EXECUTE FUNCTION shop.refuse('SH101', 'addresses of orders are kept', 'Erase their personal columns.');

CREATE TRIGGER order_addresses_are_only_erased BEFORE UPDATE ON shop.order_addresses FOR EACH ROW WHEN ((NOT ((new.order_id = old.order_id) AND (new.kind = old.kind) AND (new.country = old.country) AND (NOT (new.region IS DISTINCT FROM old.region)) AND (new.recipient = 'erased'::text) AND (new.line1 = 'erased'::text) AND (new.city = 'erased'::text) AND (new.company IS NULL) AND (new.line2 IS NULL) AND (new.postal_code IS NULL) AND (new.phone IS NULL)))) EXECUTE FUNCTION shop.refuse('SH102', 'the address of an order does not change, it can only be erased', 'Erase recipient, line1 and city with the word erased, the other personal columns with NULL.');

CREATE TRIGGER order_addresses_audit AFTER UPDATE ON shop.order_addresses FOR EACH ROW EXECUTE FUNCTION shop.audit('names', 'order_id', 'kind');

CREATE TRIGGER order_addresses_refuse_truncate BEFORE TRUNCATE ON shop.order_addresses FOR EACH STATEMENT EXECUTE FUNCTION shop.refuse('SH101', 'no table of the shop is truncated', 'Sample data are replaced by data_loader.py --replace; everything else is archived or purged.');

CREATE TRIGGER order_allocations_are_kept BEFORE DELETE ON shop.order_allocations FOR EACH STATEMENT EXECUTE FUNCTION shop.refuse('SH101', 'allocations are kept', 'Release them.');

CREATE TRIGGER order_allocations_facts_are_immutable BEFORE UPDATE OF order_id, line_number, warehouse_id, slot, variant_id, quantity ON shop.order_allocations FOR EACH STATEMENT EXECUTE FUNCTION shop.refuse('SH102', 'an allocation does not change', 'Release it and allocate anew.');

CREATE TRIGGER order_allocations_refuse_truncate BEFORE TRUNCATE ON shop.order_allocations FOR EACH STATEMENT EXECUTE FUNCTION shop.refuse('SH101', 'no table of the shop is truncated', 'Sample data are replaced by data_loader.py --replace; everything else is archived or purged.');

CREATE TRIGGER order_allocations_release_is_final BEFORE UPDATE OF released_quantity ON shop.order_allocations FOR EACH ROW WHEN ((new.released_quantity < old.released_quantity)) EXECUTE FUNCTION shop.refuse('SH102', 'released units are not taken back', 'Allocate anew.');

CREATE TRIGGER order_allocations_release_stock AFTER UPDATE ON shop.order_allocations REFERENCING OLD TABLE AS before NEW TABLE AS after FOR EACH STATEMENT EXECUTE FUNCTION shop.release_allocated_stock();

CREATE TRIGGER order_allocations_reserve_stock AFTER INSERT ON shop.order_allocations REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION shop.reserve_allocated_stock();

CREATE TRIGGER order_allocations_shipped_is_kept BEFORE UPDATE OF shipped_quantity ON shop.order_allocations FOR EACH STATEMENT EXECUTE FUNCTION shop.refuse_direct_write('Insert shipment items.');

CREATE TRIGGER order_allocations_start_at_rest BEFORE INSERT ON shop.order_allocations FOR EACH ROW WHEN (((new.released_quantity <> 0) OR (new.shipped_quantity <> 0))) EXECUTE FUNCTION shop.refuse('SH103', 'the counters of an allocation start at 0', 'Leave them out.');

CREATE TRIGGER order_item_cancellations_are_append_only BEFORE DELETE OR UPDATE OR TRUNCATE ON shop.order_item_cancellations FOR EACH STATEMENT EXECUTE FUNCTION shop.refuse('SH101', 'cancellations are append-only', 'Place another order.');

CREATE TRIGGER order_item_cancellations_count AFTER INSERT ON shop.order_item_cancellations REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION shop.count_cancellations();

CREATE TRIGGER order_item_cancellations_happen_now BEFORE INSERT ON shop.order_item_cancellations FOR EACH ROW WHEN ((new.cancelled_at IS DISTINCT FROM now())) EXECUTE FUNCTION shop.refuse('SH103', 'the moment of a cancellation is the server''s', 'Leave cancelled_at out.');

CREATE TRIGGER order_item_taxes_add_up AFTER INSERT ON shop.order_item_taxes REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION shop.compare_lines_with_taxes();

CREATE TRIGGER order_item_taxes_are_append_only BEFORE DELETE OR UPDATE OR TRUNCATE ON shop.order_item_taxes FOR EACH STATEMENT EXECUTE FUNCTION shop.refuse('SH101', 'taxes of orders are append-only', 'Issue a credit note.');

CREATE TRIGGER order_items_add_up AFTER INSERT ON shop.order_items REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION shop.compare_order_with_lines();

CREATE TRIGGER order_items_are_kept BEFORE DELETE ON shop.order_items FOR EACH STATEMENT EXECUTE FUNCTION shop.refuse('SH101', 'order lines are kept', 'Cancel their quantity.');

CREATE TRIGGER order_items_count_on_order AFTER UPDATE ON shop.order_items REFERENCING OLD TABLE AS before NEW TABLE AS after FOR EACH STATEMENT EXECUTE FUNCTION shop.count_units_on_order();

CREATE TRIGGER order_items_counters_are_kept BEFORE UPDATE OF allocated_quantity, shipped_quantity, cancelled_quantity, returned_quantity ON shop.order_items FOR EACH STATEMENT EXECUTE FUNCTION shop.refuse_direct_write('Insert allocations, shipments, cancellations or returns.');

CREATE TRIGGER order_items_facts_are_immutable BEFORE UPDATE OF order_id, line_number, variant_id, currency, sku, product_name, variant_name, tax_class, prices_include_tax, quantity, unit_price_minor, subtotal_minor, discount_minor, tax_minor, tax_count, total_minor ON shop.order_items FOR EACH STATEMENT EXECUTE FUNCTION shop.refuse('SH102', 'what was sold does not change', 'Cancel quantities, or place another order.');

CREATE TRIGGER order_items_refuse_truncate BEFORE TRUNCATE ON shop.order_items FOR EACH STATEMENT EXECUTE FUNCTION shop.refuse('SH101', 'no table of the shop is truncated', 'Sample data are replaced by data_loader.py --replace; everything else is archived or purged.');

CREATE TRIGGER order_items_start_at_rest BEFORE INSERT ON shop.order_items FOR EACH ROW WHEN (((new.shipped_quantity <> 0) OR (new.cancelled_quantity <> 0) OR (new.returned_quantity <> 0))) EXECUTE FUNCTION shop.refuse('SH103', 'the counters of a line start at 0', 'Leave them out.');

CREATE TRIGGER order_shipping_taxes_add_up AFTER INSERT ON shop.order_shipping_taxes REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION shop.compare_order_with_shipping_taxes();

CREATE TRIGGER order_shipping_taxes_are_append_only BEFORE DELETE OR UPDATE OR TRUNCATE ON shop.order_shipping_taxes FOR EACH STATEMENT EXECUTE FUNCTION shop.refuse('SH101', 'taxes of orders are append-only', 'Issue a credit note.');

CREATE TRIGGER order_status_history_is_append_only BEFORE DELETE OR UPDATE OR TRUNCATE ON shop.order_status_history FOR EACH STATEMENT EXECUTE FUNCTION shop.refuse('SH101', 'the history of orders is append-only', 'Move the order on instead.');

CREATE TRIGGER order_status_history_is_written_by_trigger BEFORE INSERT ON shop.order_status_history FOR EACH STATEMENT EXECUTE FUNCTION shop.refuse_direct_write('Update orders.status; its history follows.');

CREATE TRIGGER order_transitions_are_schema BEFORE INSERT OR DELETE OR UPDATE ON shop.order_transitions FOR EACH STATEMENT EXECUTE FUNCTION shop.refuse('SH102', 'legal moves are part of the schema', 'Change them by a migration.');

CREATE TRIGGER order_transitions_refuse_truncate BEFORE TRUNCATE ON shop.order_transitions FOR EACH STATEMENT EXECUTE FUNCTION shop.refuse('SH101', 'no table of the shop is truncated', 'Sample data are replaced by data_loader.py --replace; everything else is archived or purged.');

CREATE TRIGGER orders_are_kept BEFORE DELETE ON shop.orders FOR EACH STATEMENT EXECUTE FUNCTION shop.refuse('SH101', 'orders are kept', 'Cancel the order.');

CREATE TRIGGER orders_are_placed_now BEFORE INSERT ON shop.orders FOR EACH ROW WHEN ((new.placed_at IS DISTINCT FROM now())) EXECUTE FUNCTION shop.refuse('SH103', 'the moment of an order is the server''s', 'Leave placed_at out.');

CREATE CONSTRAINT TRIGGER orders_are_whole AFTER INSERT ON shop.orders DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION shop.require_whole_order();

CREATE TRIGGER orders_audit AFTER UPDATE OF contact_email, contact_phone, tax_number, request_digest ON shop.orders FOR EACH ROW EXECUTE FUNCTION shop.audit('names', 'order_id');

CREATE TRIGGER orders_contact_is_only_erased BEFORE UPDATE OF contact_email, contact_phone, tax_number, request_digest ON shop.orders FOR EACH ROW WHEN ((((new.contact_email <> old.contact_email) AND (new.contact_email <> (('erased-'::text || old.order_id) || '@erased.invalid'::text))) OR ((new.contact_phone IS DISTINCT FROM old.contact_phone) AND (new.contact_phone IS NOT NULL)) OR ((new.tax_number IS DISTINCT FROM old.tax_number) AND (new.tax_number IS NOT NULL)) OR ((new.request_digest <> old.request_digest) AND (new.request_digest <> sha256('\x657261736564'::bytea))))) EXECUTE FUNCTION shop.refuse('SH102', 'the contact of an order does not change, it can only be erased', 'Erase with erased-<order_id>@erased.invalid, NULL, and sha256(''erased'') for the digest of the request.');

CREATE TRIGGER orders_convert_their_cart AFTER INSERT ON shop.orders FOR EACH ROW EXECUTE FUNCTION shop.convert_cart();

CREATE TRIGGER orders_counters_are_kept BEFORE UPDATE OF intended_minor, authorized_minor, captured_minor, refunded_minor, cancelled_minor, shipped_units, cancelled_units, returned_units ON shop.orders FOR EACH STATEMENT EXECUTE FUNCTION shop.refuse_direct_write('Insert payment events, shipments, returns or cancellations.');

CREATE TRIGGER orders_facts_are_immutable BEFORE UPDATE OF order_id, order_number, cart_id, customer_id, currency, country, prices_include_tax, is_tax_exempt, shipping_method_id, shipping_method_name, line_count, unit_count, subtotal_minor, discount_minor, shipping_minor, shipping_tax_minor, shipping_tax_count, tax_minor, total_minor, placed_at, expires_at ON shop.orders FOR EACH STATEMENT EXECUTE FUNCTION shop.refuse('SH102', 'what was agreed in an order does not change', 'Cancel quantities, refund, or place another order.');

CREATE TRIGGER orders_move_legally BEFORE UPDATE OF status ON shop.orders FOR EACH ROW WHEN ((old.status <> new.status)) EXECUTE FUNCTION shop.check_order_transition();

CREATE TRIGGER orders_post_to_the_books AFTER UPDATE OF status, cancelled_minor, returned_units ON shop.orders FOR EACH ROW WHEN (((old.status <> new.status) OR (old.cancelled_minor <> new.cancelled_minor) OR (old.returned_units <> new.returned_units))) EXECUTE FUNCTION shop.post_order_moves();

CREATE TRIGGER orders_refuse_truncate BEFORE TRUNCATE ON shop.orders FOR EACH STATEMENT EXECUTE FUNCTION shop.refuse('SH101', 'no table of the shop is truncated', 'Sample data are replaced by data_loader.py --replace; everything else is archived or purged.');

CREATE TRIGGER orders_start_at_rest BEFORE INSERT ON shop.orders FOR EACH ROW WHEN (((new.status <> 'pending'::shop.order_status) OR ((new.intended_minor <> 0) OR (new.authorized_minor <> 0) OR (new.captured_minor <> 0) OR (new.refunded_minor <> 0) OR (new.cancelled_minor <> 0)) OR ((new.shipped_units <> 0) OR (new.cancelled_units <> 0) OR (new.returned_units <> 0)))) EXECUTE FUNCTION shop.refuse('SH103', 'an order starts pending, with nothing paid, shipped or cancelled', 'Leave status and counters out; they follow from what is inserted later.');

CREATE TRIGGER orders_write_first_history AFTER INSERT ON shop.orders FOR EACH ROW EXECUTE FUNCTION shop.write_order_history();

CREATE TRIGGER orders_write_history AFTER UPDATE OF status ON shop.orders FOR EACH ROW WHEN ((old.status <> new.status)) EXECUTE FUNCTION shop.write_order_history();

CREATE TRIGGER outbox_events_are_kept_until_published BEFORE DELETE ON shop.outbox_events FOR EACH ROW WHEN ((old.published_at IS NULL)) EXECUTE FUNCTION shop.refuse('SH101', 'the event was not delivered yet', 'Publish it, then purge it.');

CREATE TRIGGER outbox_events_are_numbered BEFORE INSERT ON shop.outbox_events FOR EACH ROW EXECUTE FUNCTION shop.number_outbox_event();

CREATE TRIGGER outbox_events_audit AFTER UPDATE OF parked_at ON shop.outbox_events FOR EACH ROW WHEN (((old.parked_at IS NOT NULL) AND (new.parked_at IS NULL))) EXECUTE FUNCTION shop.audit('values', 'outbox_event_id');

CREATE TRIGGER outbox_events_facts_are_immutable BEFORE UPDATE OF created_at, outbox_event_id, aggregate_type, aggregate_id, sequence, event_type, payload ON shop.outbox_events FOR EACH STATEMENT EXECUTE FUNCTION shop.refuse('SH102', 'what happened does not change', 'Write another event.');

CREATE TRIGGER outbox_events_happen_now BEFORE INSERT ON shop.outbox_events FOR EACH ROW WHEN ((new.created_at IS DISTINCT FROM now())) EXECUTE FUNCTION shop.refuse('SH103', 'the moment of an event is the server''s', 'Leave created_at out.');

CREATE TRIGGER outbox_events_keep_their_tail AFTER DELETE ON shop.outbox_events REFERENCING OLD TABLE AS removed FOR EACH STATEMENT EXECUTE FUNCTION shop.keep_outbox_tail();

CREATE TRIGGER outbox_events_publish_once BEFORE UPDATE OF published_at ON shop.outbox_events FOR EACH ROW WHEN (((old.published_at IS NOT NULL) AND (new.published_at IS DISTINCT FROM old.published_at))) EXECUTE FUNCTION shop.refuse('SH102', 'the event is published already', 'Write another event.');

CREATE TRIGGER outbox_events_refuse_truncate BEFORE TRUNCATE ON shop.outbox_events FOR EACH STATEMENT EXECUTE FUNCTION shop.refuse('SH101', 'no table of the shop is truncated', 'Sample data are replaced by data_loader.py --replace; everything else is archived or purged.');

CREATE TRIGGER payment_events_apply AFTER INSERT ON shop.payment_events FOR EACH ROW EXECUTE FUNCTION shop.apply_payment_event();

CREATE TRIGGER payment_events_are_append_only BEFORE DELETE OR UPDATE OR TRUNCATE ON shop.payment_events FOR EACH STATEMENT EXECUTE FUNCTION shop.refuse('SH101', 'payment events are append-only', 'Record what happened next as another event.');

CREATE TRIGGER payment_events_arrive_now BEFORE INSERT ON shop.payment_events FOR EACH ROW WHEN ((new.received_at IS DISTINCT FROM now())) EXECUTE FUNCTION shop.refuse('SH103', 'the moment of arrival is the server''s', 'Leave received_at out; occurred_at is the provider''s.');

CREATE TRIGGER payment_exceptions_amount_is_kept BEFORE UPDATE OF amount_minor ON shop.payment_exceptions FOR EACH STATEMENT EXECUTE FUNCTION shop.refuse_direct_write('Insert the payment event.');

CREATE TRIGGER payment_exceptions_are_kept BEFORE DELETE ON shop.payment_exceptions FOR EACH STATEMENT EXECUTE FUNCTION shop.refuse('SH101', 'exceptions are kept', 'Resolve them.');

CREATE TRIGGER payment_exceptions_are_raised_by_events BEFORE INSERT ON shop.payment_exceptions FOR EACH STATEMENT EXECUTE FUNCTION shop.refuse_direct_write('Insert the payment event.');

CREATE TRIGGER payment_exceptions_facts_are_immutable BEFORE UPDATE OF payment_exception_id, payment_event_id, payment_id, kind, currency, raised_at ON shop.payment_exceptions FOR EACH STATEMENT EXECUTE FUNCTION shop.refuse('SH102', 'what an exception is about does not change', 'Resolve it.');

CREATE TRIGGER payment_exceptions_refuse_truncate BEFORE TRUNCATE ON shop.payment_exceptions FOR EACH STATEMENT EXECUTE FUNCTION shop.refuse('SH101', 'no table of the shop is truncated', 'Sample data are replaced by data_loader.py --replace; everything else is archived or purged.');

CREATE TRIGGER payment_exceptions_stay_resolved BEFORE UPDATE ON shop.payment_exceptions FOR EACH ROW WHEN ((old.resolved_at IS NOT NULL)) EXECUTE FUNCTION shop.refuse('SH102', 'the exception is resolved already', 'A new event raises a new one.');

CREATE TRIGGER payments_are_kept BEFORE DELETE ON shop.payments FOR EACH STATEMENT EXECUTE FUNCTION shop.refuse('SH101', 'payments are kept', 'Record an event of kind voided or refunded.');

CREATE TRIGGER payments_changes_count_on_order AFTER UPDATE ON shop.payments REFERENCING OLD TABLE AS before NEW TABLE AS after FOR EACH STATEMENT EXECUTE FUNCTION shop.count_payment_change_on_order();

CREATE TRIGGER payments_count_on_order AFTER INSERT ON shop.payments REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION shop.count_payment_on_order();

CREATE TRIGGER payments_facts_are_immutable BEFORE UPDATE OF payment_id, order_id, currency, provider, method, amount_minor, created_at ON shop.payments FOR EACH STATEMENT EXECUTE FUNCTION shop.refuse('SH102', 'what a payment is for does not change', 'Start another payment.');

CREATE TRIGGER payments_reference_is_final BEFORE UPDATE OF provider_reference ON shop.payments FOR EACH ROW WHEN (((old.provider_reference IS NOT NULL) AND (new.provider_reference IS DISTINCT FROM old.provider_reference))) EXECUTE FUNCTION shop.refuse('SH102', 'the provider''s reference is set once', 'Start another payment.');

CREATE TRIGGER payments_refuse_truncate BEFORE TRUNCATE ON shop.payments FOR EACH STATEMENT EXECUTE FUNCTION shop.refuse('SH101', 'no table of the shop is truncated', 'Sample data are replaced by data_loader.py --replace; everything else is archived or purged.');

CREATE TRIGGER payments_start_at_rest BEFORE INSERT ON shop.payments FOR EACH ROW WHEN ((((new.authorized_minor <> 0) OR (new.captured_minor <> 0) OR (new.refunded_minor <> 0) OR (new.refund_requested_minor <> 0)) OR (new.closed_at IS NOT NULL) OR (new.created_at IS DISTINCT FROM now()))) EXECUTE FUNCTION shop.refuse('SH103', 'a payment starts now, with nothing authorized', 'Leave moments and sums out; insert payment events.');

CREATE TRIGGER payments_sums_are_kept BEFORE UPDATE OF authorized_minor, captured_minor, refunded_minor, refund_requested_minor, closed_at ON shop.payments FOR EACH STATEMENT EXECUTE FUNCTION shop.refuse_direct_write('Insert payment events or refunds.');

CREATE TRIGGER pii_columns_are_schema BEFORE INSERT OR DELETE OR UPDATE ON shop.pii_columns FOR EACH STATEMENT EXECUTE FUNCTION shop.refuse('SH102', 'the list of personal data is part of the schema', 'Change it by a migration.');

CREATE TRIGGER pii_columns_refuse_truncate BEFORE TRUNCATE ON shop.pii_columns FOR EACH STATEMENT EXECUTE FUNCTION shop.refuse('SH101', 'no table of the shop is truncated', 'Sample data are replaced by data_loader.py --replace; everything else is archived or purged.');

CREATE TRIGGER product_categories_refuse_truncate BEFORE TRUNCATE ON shop.product_categories FOR EACH STATEMENT EXECUTE FUNCTION shop.refuse('SH101', 'no table of the shop is truncated', 'Sample data are replaced by data_loader.py --replace; everything else is archived or purged.');

CREATE TRIGGER product_media_refuse_truncate BEFORE TRUNCATE ON shop.product_media FOR EACH STATEMENT EXECUTE FUNCTION shop.refuse('SH101', 'no table of the shop is truncated', 'Sample data are replaced by data_loader.py --replace; everything else is archived or purged.');

CREATE TRIGGER product_options_refuse_truncate BEFORE TRUNCATE ON shop.product_options FOR EACH STATEMENT EXECUTE FUNCTION shop.refuse('SH101', 'no table of the shop is truncated', 'Sample data are replaced by data_loader.py --replace; everything else is archived or purged.');

CREATE TRIGGER product_variants_options_key_is_kept BEFORE UPDATE OF options_key ON shop.product_variants FOR EACH STATEMENT EXECUTE FUNCTION shop.refuse_direct_write('Change variant_option_values; options_key follows.');

CREATE TRIGGER product_variants_refuse_truncate BEFORE TRUNCATE ON shop.product_variants FOR EACH STATEMENT EXECUTE FUNCTION shop.refuse('SH101', 'no table of the shop is truncated', 'Sample data are replaced by data_loader.py --replace; everything else is archived or purged.');

CREATE TRIGGER product_variants_start_without_options BEFORE INSERT ON shop.product_variants FOR EACH ROW WHEN ((new.options_key <> '{}'::text)) EXECUTE FUNCTION shop.refuse('SH103', 'options_key is kept by trigger', 'Insert into variant_option_values.');

CREATE TRIGGER product_variants_stay_with_their_product BEFORE UPDATE OF product_id ON shop.product_variants FOR EACH STATEMENT EXECUTE FUNCTION shop.refuse('SH102', 'a variant stays with its product', 'Archive the variant and add one to the other product.');

CREATE TRIGGER products_refuse_truncate BEFORE TRUNCATE ON shop.products FOR EACH STATEMENT EXECUTE FUNCTION shop.refuse('SH101', 'no table of the shop is truncated', 'Sample data are replaced by data_loader.py --replace; everything else is archived or purged.');

CREATE TRIGGER products_touch BEFORE UPDATE ON shop.products FOR EACH ROW EXECUTE FUNCTION shop.touch_updated_at();

CREATE TRIGGER refunds_are_kept BEFORE DELETE ON shop.refunds FOR EACH STATEMENT EXECUTE FUNCTION shop.refuse('SH101', 'refunds are kept', 'Set the state to failed.');

CREATE TRIGGER refunds_count AFTER INSERT ON shop.refunds FOR EACH ROW EXECUTE FUNCTION shop.count_refund();

CREATE TRIGGER refunds_facts_are_immutable BEFORE UPDATE OF refund_id, payment_id, order_id, currency, return_id, amount_minor, reason, requested_at ON shop.refunds FOR EACH STATEMENT EXECUTE FUNCTION shop.refuse('SH102', 'what a refund is for does not change', 'Let it fail and request another.');

CREATE TRIGGER refunds_refuse_truncate BEFORE TRUNCATE ON shop.refunds FOR EACH STATEMENT EXECUTE FUNCTION shop.refuse('SH101', 'no table of the shop is truncated', 'Sample data are replaced by data_loader.py --replace; everything else is archived or purged.');

CREATE TRIGGER refunds_settle_once BEFORE UPDATE OF state ON shop.refunds FOR EACH ROW WHEN (((old.state <> 'pending'::shop.refund_state) AND (new.state <> old.state))) EXECUTE FUNCTION shop.refuse('SH105', 'a refund is settled once', 'Request another refund.');

CREATE TRIGGER refunds_settlement_is_final BEFORE UPDATE OF settled_at, provider_reference ON shop.refunds FOR EACH ROW WHEN ((((old.settled_at IS NOT NULL) AND (new.settled_at IS DISTINCT FROM old.settled_at)) OR ((old.provider_reference IS NOT NULL) AND (new.provider_reference IS DISTINCT FROM old.provider_reference)))) EXECUTE FUNCTION shop.refuse('SH102', 'settlement and reference of a refund are set once', 'Request another refund.');

CREATE TRIGGER refunds_start_pending BEFORE INSERT ON shop.refunds FOR EACH ROW WHEN (((new.state <> 'pending'::shop.refund_state) OR (new.requested_at IS DISTINCT FROM now()))) EXECUTE FUNCTION shop.refuse('SH103', 'a refund starts now, pending', 'Leave requested_at out; update the state later.');

CREATE TRIGGER refunds_uncount AFTER UPDATE OF state ON shop.refunds FOR EACH ROW WHEN (((old.state = 'pending'::shop.refund_state) AND (new.state = 'failed'::shop.refund_state))) EXECUTE FUNCTION shop.count_refund();

CREATE TRIGGER return_items_are_kept BEFORE DELETE ON shop.return_items FOR EACH STATEMENT EXECUTE FUNCTION shop.refuse('SH101', 'returned items are kept', 'Cancel the return.');

CREATE TRIGGER return_items_are_received_once BEFORE UPDATE ON shop.return_items FOR EACH ROW WHEN ((old.received_at IS NOT NULL)) EXECUTE FUNCTION shop.refuse('SH110', 'the receipt was recorded already', 'Correct stock by an adjustment.');

CREATE TRIGGER return_items_count_announced AFTER INSERT ON shop.return_items FOR EACH ROW EXECUTE FUNCTION shop.count_return_items();

CREATE TRIGGER return_items_count_received AFTER UPDATE OF received_at ON shop.return_items FOR EACH ROW WHEN (((old.received_at IS NULL) AND (new.received_at IS NOT NULL))) EXECUTE FUNCTION shop.count_return_items();

CREATE TRIGGER return_items_facts_are_immutable BEFORE UPDATE OF return_id, line_number, order_id, quantity ON shop.return_items FOR EACH STATEMENT EXECUTE FUNCTION shop.refuse('SH102', 'what was announced does not change', 'Announce another return.');

CREATE TRIGGER return_items_receive AFTER UPDATE ON shop.return_items REFERENCING OLD TABLE AS before NEW TABLE AS after FOR EACH STATEMENT EXECUTE FUNCTION shop.receive_return_items();

CREATE TRIGGER return_items_refuse_truncate BEFORE TRUNCATE ON shop.return_items FOR EACH STATEMENT EXECUTE FUNCTION shop.refuse('SH101', 'no table of the shop is truncated', 'Sample data are replaced by data_loader.py --replace; everything else is archived or purged.');

CREATE TRIGGER return_items_start_unreceived BEFORE INSERT ON shop.return_items FOR EACH ROW WHEN ((new.received_at IS NOT NULL)) EXECUTE FUNCTION shop.refuse('SH103', 'an item is announced before it is received', 'Insert it, then update it.');

CREATE TRIGGER returns_are_kept BEFORE DELETE ON shop.returns FOR EACH STATEMENT EXECUTE FUNCTION shop.refuse('SH101', 'returns are kept', 'Set the status to cancelled.');

CREATE CONSTRAINT TRIGGER returns_are_whole AFTER INSERT ON shop.returns DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION shop.require_whole_return();

CREATE TRIGGER returns_audit AFTER UPDATE OF reason ON shop.returns FOR EACH ROW EXECUTE FUNCTION shop.audit('names', 'return_id');

CREATE TRIGGER returns_end_once BEFORE UPDATE OF status, received_at ON shop.returns FOR EACH ROW WHEN (((old.status <> 'requested'::shop.return_status) AND ((old.status IS DISTINCT FROM new.status) OR (old.received_at IS DISTINCT FROM new.received_at)))) EXECUTE FUNCTION shop.refuse('SH105', 'a return is received or cancelled once', 'Announce another return.');

CREATE TRIGGER returns_facts_are_immutable BEFORE UPDATE OF return_id, order_id, requested_at ON shop.returns FOR EACH STATEMENT EXECUTE FUNCTION shop.refuse('SH102', 'what a return was announced for does not change', 'Announce another return.');

CREATE TRIGGER returns_reason_is_only_erased BEFORE UPDATE OF reason ON shop.returns FOR EACH ROW WHEN ((new.reason <> 'erased'::text)) EXECUTE FUNCTION shop.refuse('SH102', 'what the customer said does not change, it can only be erased', 'Erase with the word erased.');

CREATE TRIGGER returns_refuse_truncate BEFORE TRUNCATE ON shop.returns FOR EACH STATEMENT EXECUTE FUNCTION shop.refuse('SH101', 'no table of the shop is truncated', 'Sample data are replaced by data_loader.py --replace; everything else is archived or purged.');

CREATE TRIGGER returns_start_at_rest BEFORE INSERT ON shop.returns FOR EACH ROW WHEN (((new.status <> 'requested'::shop.return_status) OR ((new.refundable_minor <> 0) OR (new.refund_requested_minor <> 0) OR (new.item_count <> 0) OR (new.received_count <> 0)) OR (new.requested_at IS DISTINCT FROM now()))) EXECUTE FUNCTION shop.refuse('SH103', 'a return starts requested now, with nothing received', 'Leave status, sums, counts and requested_at out.');

CREATE TRIGGER returns_sums_are_kept BEFORE UPDATE OF refundable_minor, refund_requested_minor, item_count, received_count ON shop.returns FOR EACH STATEMENT EXECUTE FUNCTION shop.refuse_direct_write('Record receipts in return_items, and insert refunds.');

CREATE TRIGGER shipment_items_are_append_only BEFORE DELETE OR UPDATE OR TRUNCATE ON shop.shipment_items FOR EACH STATEMENT EXECUTE FUNCTION shop.refuse('SH101', 'what was shipped stays shipped', 'Record a return.');

CREATE TRIGGER shipment_items_ship AFTER INSERT ON shop.shipment_items REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION shop.ship_items();

CREATE TRIGGER shipments_are_kept BEFORE DELETE ON shop.shipments FOR EACH STATEMENT EXECUTE FUNCTION shop.refuse('SH101', 'shipments are kept', 'Record a return.');

CREATE CONSTRAINT TRIGGER shipments_are_whole AFTER INSERT ON shop.shipments DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION shop.require_whole_shipment();

CREATE TRIGGER shipments_delivery_is_final BEFORE UPDATE OF delivered_at ON shop.shipments FOR EACH ROW WHEN (((old.delivered_at IS NOT NULL) AND (new.delivered_at IS DISTINCT FROM old.delivered_at))) EXECUTE FUNCTION shop.refuse('SH102', 'the delivery was recorded already', 'Record a return.');

CREATE TRIGGER shipments_facts_are_immutable BEFORE UPDATE OF shipment_id, order_id, warehouse_id, carrier, line_count, shipped_at ON shop.shipments FOR EACH STATEMENT EXECUTE FUNCTION shop.refuse('SH102', 'a shipment that left does not change', 'Record a return.');

CREATE TRIGGER shipments_leave_now BEFORE INSERT ON shop.shipments FOR EACH ROW WHEN ((new.shipped_at IS DISTINCT FROM now())) EXECUTE FUNCTION shop.refuse('SH103', 'the moment of a shipment is the server''s', 'Leave shipped_at out.');

CREATE TRIGGER shipments_refuse_truncate BEFORE TRUNCATE ON shop.shipments FOR EACH STATEMENT EXECUTE FUNCTION shop.refuse('SH101', 'no table of the shop is truncated', 'Sample data are replaced by data_loader.py --replace; everything else is archived or purged.');

CREATE TRIGGER shipping_methods_refuse_truncate BEFORE TRUNCATE ON shop.shipping_methods FOR EACH STATEMENT EXECUTE FUNCTION shop.refuse('SH101', 'no table of the shop is truncated', 'Sample data are replaced by data_loader.py --replace; everything else is archived or purged.');

CREATE TRIGGER shipping_rates_refuse_truncate BEFORE TRUNCATE ON shop.shipping_rates FOR EACH STATEMENT EXECUTE FUNCTION shop.refuse('SH101', 'no table of the shop is truncated', 'Sample data are replaced by data_loader.py --replace; everything else is archived or purged.');

CREATE TRIGGER stock_levels_follow_movements BEFORE DELETE OR UPDATE ON shop.stock_levels FOR EACH STATEMENT EXECUTE FUNCTION shop.refuse_direct_write('Insert into stock_movements; the level follows.');

CREATE TRIGGER stock_levels_refuse_truncate BEFORE TRUNCATE ON shop.stock_levels FOR EACH STATEMENT EXECUTE FUNCTION shop.refuse('SH101', 'no table of the shop is truncated', 'Sample data are replaced by data_loader.py --replace; everything else is archived or purged.');

CREATE TRIGGER stock_levels_start_empty BEFORE INSERT ON shop.stock_levels FOR EACH ROW WHEN (((new.on_hand <> 0) OR (new.reserved <> 0))) EXECUTE FUNCTION shop.refuse('SH103', 'a stock level starts empty', 'Insert a stock movement of kind receipt.');

CREATE TRIGGER stock_movements_are_append_only BEFORE DELETE OR UPDATE OR TRUNCATE ON shop.stock_movements FOR EACH STATEMENT EXECUTE FUNCTION shop.refuse('SH101', 'stock movements are append-only', 'Insert a movement that corrects it.');

CREATE TRIGGER stock_movements_audit AFTER INSERT ON shop.stock_movements FOR EACH ROW WHEN ((new.kind = ANY (ARRAY['receipt'::shop.stock_movement_kind, 'adjustment'::shop.stock_movement_kind, 'transfer'::shop.stock_movement_kind]))) EXECUTE FUNCTION shop.audit('values', 'stock_movement_id');

CREATE TRIGGER stock_movements_change_levels AFTER INSERT ON shop.stock_movements REFERENCING NEW TABLE AS moved FOR EACH STATEMENT EXECUTE FUNCTION shop.apply_stock_movements();

CREATE TRIGGER stock_movements_happen_now BEFORE INSERT ON shop.stock_movements FOR EACH ROW WHEN ((new.moved_at IS DISTINCT FROM now())) EXECUTE FUNCTION shop.refuse('SH103', 'the moment of a movement is the server''s', 'Leave moved_at out.');

CREATE TRIGGER stock_movements_of_orders_follow_their_rows BEFORE INSERT ON shop.stock_movements FOR EACH ROW WHEN (((pg_trigger_depth() = 0) AND (new.kind = ANY (ARRAY['reservation'::shop.stock_movement_kind, 'release'::shop.stock_movement_kind, 'shipment'::shop.stock_movement_kind, 'return'::shop.stock_movement_kind])))) EXECUTE FUNCTION shop.refuse_direct_write('Insert allocations, shipment items or receipts of returns.');

CREATE TRIGGER tax_classes_refuse_truncate BEFORE TRUNCATE ON shop.tax_classes FOR EACH STATEMENT EXECUTE FUNCTION shop.refuse('SH101', 'no table of the shop is truncated', 'Sample data are replaced by data_loader.py --replace; everything else is archived or purged.');

CREATE TRIGGER tax_rates_refuse_truncate BEFORE TRUNCATE ON shop.tax_rates FOR EACH STATEMENT EXECUTE FUNCTION shop.refuse('SH101', 'no table of the shop is truncated', 'Sample data are replaced by data_loader.py --replace; everything else is archived or purged.');

CREATE TRIGGER variant_option_values_keep_key_on_delete AFTER DELETE ON shop.variant_option_values REFERENCING OLD TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION shop.keep_options_key();

CREATE TRIGGER variant_option_values_keep_key_on_insert AFTER INSERT ON shop.variant_option_values REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION shop.keep_options_key();

CREATE TRIGGER variant_option_values_keep_key_on_update AFTER UPDATE ON shop.variant_option_values REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION shop.keep_options_key();

CREATE TRIGGER variant_option_values_refuse_truncate BEFORE TRUNCATE ON shop.variant_option_values FOR EACH STATEMENT EXECUTE FUNCTION shop.refuse('SH101', 'no table of the shop is truncated', 'Sample data are replaced by data_loader.py --replace; everything else is archived or purged.');

CREATE TRIGGER variant_option_values_stay_with_their_variant BEFORE UPDATE OF variant_id, product_option_id, product_id ON shop.variant_option_values FOR EACH STATEMENT EXECUTE FUNCTION shop.refuse('SH102', 'an option value stays with its variant', 'Delete the row and insert another.');

CREATE TRIGGER variant_prices_are_entered_now BEFORE INSERT ON shop.variant_prices FOR EACH ROW WHEN ((new.created_at IS DISTINCT FROM now())) EXECUTE FUNCTION shop.refuse('SH103', 'the moment of entry is the server''s', 'Leave created_at out.');

CREATE TRIGGER variant_prices_audit AFTER INSERT OR DELETE ON shop.variant_prices FOR EACH ROW EXECUTE FUNCTION shop.audit('values', 'variant_id', 'currency', 'valid_from');

CREATE TRIGGER variant_prices_in_force_stay BEFORE DELETE ON shop.variant_prices FOR EACH ROW WHEN ((old.valid_from <= clock_timestamp())) EXECUTE FUNCTION shop.refuse('SH108', 'the price is or was in force', 'Only a price of the future can be withdrawn; insert a new price instead.');

CREATE TRIGGER variant_prices_never_change BEFORE UPDATE ON shop.variant_prices FOR EACH STATEMENT EXECUTE FUNCTION shop.refuse('SH102', 'a price never changes', 'Insert a price that is valid from a later moment.');

CREATE TRIGGER variant_prices_refuse_truncate BEFORE TRUNCATE ON shop.variant_prices FOR EACH STATEMENT EXECUTE FUNCTION shop.refuse('SH101', 'no table of the shop is truncated', 'Sample data are replaced by data_loader.py --replace; everything else is archived or purged.');

CREATE TRIGGER warehouses_refuse_truncate BEFORE TRUNCATE ON shop.warehouses FOR EACH STATEMENT EXECUTE FUNCTION shop.refuse('SH101', 'no table of the shop is truncated', 'Sample data are replaced by data_loader.py --replace; everything else is archived or purged.');

ALTER TABLE ONLY shop.account_tokens
    ADD CONSTRAINT fk_account_tokens_customer_id FOREIGN KEY (customer_id) REFERENCES shop.customers(customer_id) ON DELETE RESTRICT;

ALTER TABLE ONLY shop.addresses
    ADD CONSTRAINT fk_addresses_country FOREIGN KEY (country) REFERENCES shop.countries(code) ON DELETE RESTRICT;

COMMENT ON CONSTRAINT fk_addresses_country ON shop.addresses IS 'No index: countries are never deleted or renumbered, and no hot read starts from one.';

ALTER TABLE ONLY shop.addresses
    ADD CONSTRAINT fk_addresses_customer_id FOREIGN KEY (customer_id) REFERENCES shop.customers(customer_id) ON DELETE RESTRICT;

ALTER TABLE ONLY shop.cart_items
    ADD CONSTRAINT fk_cart_items_cart_id FOREIGN KEY (cart_id) REFERENCES shop.carts(cart_id) ON DELETE RESTRICT;

ALTER TABLE ONLY shop.cart_items
    ADD CONSTRAINT fk_cart_items_variant_id FOREIGN KEY (variant_id) REFERENCES shop.product_variants(variant_id) ON DELETE RESTRICT;

ALTER TABLE ONLY shop.carts
    ADD CONSTRAINT fk_carts_coupon_id FOREIGN KEY (coupon_id) REFERENCES shop.coupons(coupon_id) ON DELETE RESTRICT;

ALTER TABLE ONLY shop.carts
    ADD CONSTRAINT fk_carts_currency FOREIGN KEY (currency) REFERENCES shop.currencies(code) ON DELETE RESTRICT;

COMMENT ON CONSTRAINT fk_carts_currency ON shop.carts IS 'No index: currencies are never deleted or renumbered, and no hot read starts from one.';

ALTER TABLE ONLY shop.carts
    ADD CONSTRAINT fk_carts_customer_id FOREIGN KEY (customer_id) REFERENCES shop.customers(customer_id) ON DELETE RESTRICT;

ALTER TABLE ONLY shop.carts
    ADD CONSTRAINT fk_carts_merged_into_cart_id FOREIGN KEY (merged_into_cart_id) REFERENCES shop.carts(cart_id) ON DELETE RESTRICT;

ALTER TABLE ONLY shop.categories
    ADD CONSTRAINT fk_categories_parent_id FOREIGN KEY (parent_id) REFERENCES shop.categories(category_id) ON DELETE RESTRICT;

ALTER TABLE ONLY shop.countries
    ADD CONSTRAINT fk_countries_currency FOREIGN KEY (currency) REFERENCES shop.currencies(code) ON DELETE RESTRICT;

COMMENT ON CONSTRAINT fk_countries_currency ON shop.countries IS 'No index: currencies are never deleted or renumbered, and no hot read starts from one.';

ALTER TABLE ONLY shop.coupon_redemptions
    ADD CONSTRAINT fk_coupon_redemptions_coupon_id FOREIGN KEY (coupon_id) REFERENCES shop.coupons(coupon_id) ON DELETE RESTRICT;

ALTER TABLE ONLY shop.coupon_redemptions
    ADD CONSTRAINT fk_coupon_redemptions_order_id_currency FOREIGN KEY (order_id, currency) REFERENCES shop.orders(order_id, currency) ON DELETE RESTRICT;

COMMENT ON CONSTRAINT fk_coupon_redemptions_order_id_currency ON shop.coupon_redemptions IS 'No index: the primary key begins with order_id, which is all a check needs.';

ALTER TABLE ONLY shop.coupons
    ADD CONSTRAINT fk_coupons_currency FOREIGN KEY (currency) REFERENCES shop.currencies(code) ON DELETE RESTRICT;

COMMENT ON CONSTRAINT fk_coupons_currency ON shop.coupons IS 'No index: currencies are never deleted or renumbered, and no hot read starts from one.';

ALTER TABLE ONLY shop.credit_notes
    ADD CONSTRAINT fk_credit_notes_invoice_id_order_id_currency FOREIGN KEY (invoice_id, order_id, currency) REFERENCES shop.invoices(invoice_id, order_id, currency) ON DELETE RESTRICT;

ALTER TABLE ONLY shop.credit_notes
    ADD CONSTRAINT fk_credit_notes_refund_id_order_id_currency FOREIGN KEY (refund_id, order_id, currency) REFERENCES shop.refunds(refund_id, order_id, currency) ON DELETE RESTRICT;

ALTER TABLE ONLY shop.credit_notes
    ADD CONSTRAINT fk_credit_notes_series FOREIGN KEY (series) REFERENCES shop.document_series(series) ON DELETE RESTRICT;

ALTER TABLE ONLY shop.customer_credentials
    ADD CONSTRAINT fk_customer_credentials_customer_id FOREIGN KEY (customer_id) REFERENCES shop.customers(customer_id) ON DELETE RESTRICT;

ALTER TABLE ONLY shop.invoices
    ADD CONSTRAINT fk_invoices_order_id_currency FOREIGN KEY (order_id, currency) REFERENCES shop.orders(order_id, currency) ON DELETE RESTRICT;

COMMENT ON CONSTRAINT fk_invoices_order_id_currency ON shop.invoices IS 'No index: the unique key of orders begins with order_id, which is all a check needs.';

ALTER TABLE ONLY shop.invoices
    ADD CONSTRAINT fk_invoices_series FOREIGN KEY (series) REFERENCES shop.document_series(series) ON DELETE RESTRICT;

ALTER TABLE ONLY shop.journal_lines
    ADD CONSTRAINT fk_journal_lines_account FOREIGN KEY (account) REFERENCES shop.ledger_accounts(account) ON DELETE RESTRICT;

ALTER TABLE ONLY shop.journal_lines
    ADD CONSTRAINT fk_journal_lines_journal_id_currency FOREIGN KEY (journal_id, currency) REFERENCES shop.journals(journal_id, currency) ON DELETE RESTRICT;

COMMENT ON CONSTRAINT fk_journal_lines_journal_id_currency ON shop.journal_lines IS 'No index: the primary key begins with journal_id, which is all a check needs.';

ALTER TABLE ONLY shop.journals
    ADD CONSTRAINT fk_journals_currency FOREIGN KEY (currency) REFERENCES shop.currencies(code) ON DELETE RESTRICT;

COMMENT ON CONSTRAINT fk_journals_currency ON shop.journals IS 'No index: currencies are never deleted or renumbered, and no hot read starts from one.';

ALTER TABLE ONLY shop.journals
    ADD CONSTRAINT fk_journals_order_id_currency FOREIGN KEY (order_id, currency) REFERENCES shop.orders(order_id, currency) ON DELETE RESTRICT;

ALTER TABLE ONLY shop.journals
    ADD CONSTRAINT fk_journals_payment_event_id FOREIGN KEY (payment_event_id) REFERENCES shop.payment_events(payment_event_id) ON DELETE RESTRICT;

ALTER TABLE ONLY shop.login_attempts
    ADD CONSTRAINT fk_login_attempts_customer_id FOREIGN KEY (customer_id) REFERENCES shop.customers(customer_id) ON DELETE RESTRICT;

ALTER TABLE ONLY shop.login_sessions
    ADD CONSTRAINT fk_login_sessions_customer_id FOREIGN KEY (customer_id) REFERENCES shop.customers(customer_id) ON DELETE RESTRICT;

ALTER TABLE ONLY shop.order_addresses
    ADD CONSTRAINT fk_order_addresses_country FOREIGN KEY (country) REFERENCES shop.countries(code) ON DELETE RESTRICT;

COMMENT ON CONSTRAINT fk_order_addresses_country ON shop.order_addresses IS 'No index: countries are never deleted or renumbered, and no hot read starts from one.';

ALTER TABLE ONLY shop.order_addresses
    ADD CONSTRAINT fk_order_addresses_order_id FOREIGN KEY (order_id) REFERENCES shop.orders(order_id) ON DELETE RESTRICT;

ALTER TABLE ONLY shop.order_allocations
    ADD CONSTRAINT fk_order_allocations_order_id_line_number FOREIGN KEY (order_id, line_number) REFERENCES shop.order_items(order_id, line_number) ON DELETE RESTRICT;

ALTER TABLE ONLY shop.order_allocations
    ADD CONSTRAINT fk_order_allocations_variant_id_warehouse_id_slot FOREIGN KEY (variant_id, warehouse_id, slot) REFERENCES shop.stock_levels(variant_id, warehouse_id, slot) ON DELETE RESTRICT;

ALTER TABLE ONLY shop.order_item_cancellations
    ADD CONSTRAINT fk_order_item_cancellations_order_id_line_number FOREIGN KEY (order_id, line_number) REFERENCES shop.order_items(order_id, line_number) ON DELETE RESTRICT;

ALTER TABLE ONLY shop.order_item_taxes
    ADD CONSTRAINT fk_order_item_taxes_order_id_line_number FOREIGN KEY (order_id, line_number) REFERENCES shop.order_items(order_id, line_number) ON DELETE RESTRICT;

ALTER TABLE ONLY shop.order_items
    ADD CONSTRAINT fk_order_items_order_id_currency FOREIGN KEY (order_id, currency) REFERENCES shop.orders(order_id, currency) ON DELETE RESTRICT;

COMMENT ON CONSTRAINT fk_order_items_order_id_currency ON shop.order_items IS 'No index: the primary key begins with order_id, which is all a check needs.';

ALTER TABLE ONLY shop.order_items
    ADD CONSTRAINT fk_order_items_tax_class FOREIGN KEY (tax_class) REFERENCES shop.tax_classes(tax_class) ON DELETE RESTRICT;

COMMENT ON CONSTRAINT fk_order_items_tax_class ON shop.order_items IS 'No index: tax classes are never deleted or renumbered, and no hot read starts from one.';

ALTER TABLE ONLY shop.order_items
    ADD CONSTRAINT fk_order_items_variant_id FOREIGN KEY (variant_id) REFERENCES shop.product_variants(variant_id) ON DELETE RESTRICT;

ALTER TABLE ONLY shop.order_shipping_taxes
    ADD CONSTRAINT fk_order_shipping_taxes_order_id FOREIGN KEY (order_id) REFERENCES shop.orders(order_id) ON DELETE RESTRICT;

ALTER TABLE ONLY shop.order_status_history
    ADD CONSTRAINT fk_order_status_history_from_status_to_status FOREIGN KEY (from_status, to_status) REFERENCES shop.order_transitions(from_status, to_status) ON DELETE RESTRICT;

COMMENT ON CONSTRAINT fk_order_status_history_from_status_to_status ON shop.order_status_history IS 'No index: transitions are never deleted or renumbered, and no hot read starts from one.';

ALTER TABLE ONLY shop.order_status_history
    ADD CONSTRAINT fk_order_status_history_order_id FOREIGN KEY (order_id) REFERENCES shop.orders(order_id) ON DELETE RESTRICT;

ALTER TABLE ONLY shop.orders
    ADD CONSTRAINT fk_orders_cart_id FOREIGN KEY (cart_id) REFERENCES shop.carts(cart_id) ON DELETE RESTRICT;

ALTER TABLE ONLY shop.orders
    ADD CONSTRAINT fk_orders_country FOREIGN KEY (country) REFERENCES shop.countries(code) ON DELETE RESTRICT;

COMMENT ON CONSTRAINT fk_orders_country ON shop.orders IS 'No index: countries are never deleted or renumbered, and no hot read starts from one.';

ALTER TABLE ONLY shop.orders
    ADD CONSTRAINT fk_orders_currency FOREIGN KEY (currency) REFERENCES shop.currencies(code) ON DELETE RESTRICT;

COMMENT ON CONSTRAINT fk_orders_currency ON shop.orders IS 'No index: currencies are never deleted or renumbered, and no hot read starts from one.';

ALTER TABLE ONLY shop.orders
    ADD CONSTRAINT fk_orders_customer_id FOREIGN KEY (customer_id) REFERENCES shop.customers(customer_id) ON DELETE RESTRICT;

ALTER TABLE ONLY shop.orders
    ADD CONSTRAINT fk_orders_shipping_method_id FOREIGN KEY (shipping_method_id) REFERENCES shop.shipping_methods(shipping_method_id) ON DELETE RESTRICT;

COMMENT ON CONSTRAINT fk_orders_shipping_method_id ON shop.orders IS 'No index: shipping methods are never deleted or renumbered, and no hot read starts from one.';

ALTER TABLE ONLY shop.payment_events
    ADD CONSTRAINT fk_payment_events_currency FOREIGN KEY (currency) REFERENCES shop.currencies(code) ON DELETE RESTRICT;

COMMENT ON CONSTRAINT fk_payment_events_currency ON shop.payment_events IS 'No index: currencies are never deleted or renumbered, and no hot read starts from one.';

ALTER TABLE ONLY shop.payment_events
    ADD CONSTRAINT fk_payment_events_payment_id_provider FOREIGN KEY (payment_id, provider) REFERENCES shop.payments(payment_id, provider) ON DELETE RESTRICT;

ALTER TABLE ONLY shop.payment_exceptions
    ADD CONSTRAINT fk_payment_exceptions_currency FOREIGN KEY (currency) REFERENCES shop.currencies(code) ON DELETE RESTRICT;

COMMENT ON CONSTRAINT fk_payment_exceptions_currency ON shop.payment_exceptions IS 'No index: currencies are never deleted or renumbered, and no hot read starts from one.';

ALTER TABLE ONLY shop.payment_exceptions
    ADD CONSTRAINT fk_payment_exceptions_payment_event_id FOREIGN KEY (payment_event_id) REFERENCES shop.payment_events(payment_event_id) ON DELETE RESTRICT;

ALTER TABLE ONLY shop.payment_exceptions
    ADD CONSTRAINT fk_payment_exceptions_payment_id FOREIGN KEY (payment_id) REFERENCES shop.payments(payment_id) ON DELETE RESTRICT;

ALTER TABLE ONLY shop.payments
    ADD CONSTRAINT fk_payments_order_id_currency FOREIGN KEY (order_id, currency) REFERENCES shop.orders(order_id, currency) ON DELETE RESTRICT;

ALTER TABLE ONLY shop.product_categories
    ADD CONSTRAINT fk_product_categories_category_id FOREIGN KEY (category_id) REFERENCES shop.categories(category_id) ON DELETE RESTRICT;

ALTER TABLE ONLY shop.product_categories
    ADD CONSTRAINT fk_product_categories_product_id FOREIGN KEY (product_id) REFERENCES shop.products(product_id) ON DELETE RESTRICT;

ALTER TABLE ONLY shop.product_media
    ADD CONSTRAINT fk_product_media_product_id FOREIGN KEY (product_id) REFERENCES shop.products(product_id) ON DELETE RESTRICT;

ALTER TABLE ONLY shop.product_media
    ADD CONSTRAINT fk_product_media_product_id_variant_id FOREIGN KEY (product_id, variant_id) REFERENCES shop.product_variants(product_id, variant_id) ON DELETE RESTRICT;

ALTER TABLE ONLY shop.product_options
    ADD CONSTRAINT fk_product_options_product_id FOREIGN KEY (product_id) REFERENCES shop.products(product_id) ON DELETE RESTRICT;

ALTER TABLE ONLY shop.product_variants
    ADD CONSTRAINT fk_product_variants_product_id FOREIGN KEY (product_id) REFERENCES shop.products(product_id) ON DELETE RESTRICT;

ALTER TABLE ONLY shop.products
    ADD CONSTRAINT fk_products_tax_class FOREIGN KEY (tax_class) REFERENCES shop.tax_classes(tax_class) ON DELETE RESTRICT;

COMMENT ON CONSTRAINT fk_products_tax_class ON shop.products IS 'No index: tax classes are never deleted or renumbered, and no hot read starts from one.';

ALTER TABLE ONLY shop.refunds
    ADD CONSTRAINT fk_refunds_order_id_return_id FOREIGN KEY (order_id, return_id) REFERENCES shop.returns(order_id, return_id) ON DELETE RESTRICT;

ALTER TABLE ONLY shop.refunds
    ADD CONSTRAINT fk_refunds_payment_id_order_id_currency FOREIGN KEY (payment_id, order_id, currency) REFERENCES shop.payments(payment_id, order_id, currency) ON DELETE RESTRICT;

ALTER TABLE ONLY shop.return_items
    ADD CONSTRAINT fk_return_items_order_id_line_number FOREIGN KEY (order_id, line_number) REFERENCES shop.order_items(order_id, line_number) ON DELETE RESTRICT;

ALTER TABLE ONLY shop.return_items
    ADD CONSTRAINT fk_return_items_order_id_return_id FOREIGN KEY (order_id, return_id) REFERENCES shop.returns(order_id, return_id) ON DELETE RESTRICT;

ALTER TABLE ONLY shop.return_items
    ADD CONSTRAINT fk_return_items_warehouse_id FOREIGN KEY (warehouse_id) REFERENCES shop.warehouses(warehouse_id) ON DELETE RESTRICT;

ALTER TABLE ONLY shop.returns
    ADD CONSTRAINT fk_returns_order_id FOREIGN KEY (order_id) REFERENCES shop.orders(order_id) ON DELETE RESTRICT;

ALTER TABLE ONLY shop.shipment_items
    ADD CONSTRAINT fk_shipment_items_order_id_line_number_warehouse_id_slot FOREIGN KEY (order_id, line_number, warehouse_id, slot) REFERENCES shop.order_allocations(order_id, line_number, warehouse_id, slot) ON DELETE RESTRICT;

ALTER TABLE ONLY shop.shipment_items
    ADD CONSTRAINT fk_shipment_items_shipment_id_order_id_warehouse_id FOREIGN KEY (shipment_id, order_id, warehouse_id) REFERENCES shop.shipments(shipment_id, order_id, warehouse_id) ON DELETE RESTRICT;

COMMENT ON CONSTRAINT fk_shipment_items_shipment_id_order_id_warehouse_id ON shop.shipment_items IS 'No index: the primary key begins with shipment_id, which is all a check needs.';

ALTER TABLE ONLY shop.shipments
    ADD CONSTRAINT fk_shipments_order_id FOREIGN KEY (order_id) REFERENCES shop.orders(order_id) ON DELETE RESTRICT;

ALTER TABLE ONLY shop.shipments
    ADD CONSTRAINT fk_shipments_warehouse_id FOREIGN KEY (warehouse_id) REFERENCES shop.warehouses(warehouse_id) ON DELETE RESTRICT;

ALTER TABLE ONLY shop.shipping_methods
    ADD CONSTRAINT fk_shipping_methods_tax_class FOREIGN KEY (tax_class) REFERENCES shop.tax_classes(tax_class) ON DELETE RESTRICT;

COMMENT ON CONSTRAINT fk_shipping_methods_tax_class ON shop.shipping_methods IS 'No index: tax classes are never deleted or renumbered, and no hot read starts from one.';

ALTER TABLE ONLY shop.shipping_rates
    ADD CONSTRAINT fk_shipping_rates_country FOREIGN KEY (country) REFERENCES shop.countries(code) ON DELETE RESTRICT;

COMMENT ON CONSTRAINT fk_shipping_rates_country ON shop.shipping_rates IS 'No index: countries are never deleted or renumbered, and no hot read starts from one.';

ALTER TABLE ONLY shop.shipping_rates
    ADD CONSTRAINT fk_shipping_rates_currency FOREIGN KEY (currency) REFERENCES shop.currencies(code) ON DELETE RESTRICT;

COMMENT ON CONSTRAINT fk_shipping_rates_currency ON shop.shipping_rates IS 'No index: currencies are never deleted or renumbered, and no hot read starts from one.';

ALTER TABLE ONLY shop.shipping_rates
    ADD CONSTRAINT fk_shipping_rates_shipping_method_id FOREIGN KEY (shipping_method_id) REFERENCES shop.shipping_methods(shipping_method_id) ON DELETE RESTRICT;

ALTER TABLE ONLY shop.stock_levels
    ADD CONSTRAINT fk_stock_levels_variant_id FOREIGN KEY (variant_id) REFERENCES shop.product_variants(variant_id) ON DELETE RESTRICT;

ALTER TABLE ONLY shop.stock_levels
    ADD CONSTRAINT fk_stock_levels_warehouse_id FOREIGN KEY (warehouse_id) REFERENCES shop.warehouses(warehouse_id) ON DELETE RESTRICT;

ALTER TABLE ONLY shop.stock_movements
    ADD CONSTRAINT fk_stock_movements_order_id_line_number FOREIGN KEY (order_id, line_number) REFERENCES shop.order_items(order_id, line_number) ON DELETE RESTRICT;

COMMENT ON CONSTRAINT fk_stock_movements_order_id_line_number ON shop.stock_movements IS 'No index: order lines are never deleted or renumbered, and no hot read starts from one.';

ALTER TABLE ONLY shop.stock_movements
    ADD CONSTRAINT fk_stock_movements_variant_id_warehouse_id_slot FOREIGN KEY (variant_id, warehouse_id, slot) REFERENCES shop.stock_levels(variant_id, warehouse_id, slot) ON DELETE RESTRICT;

ALTER TABLE ONLY shop.tax_rates
    ADD CONSTRAINT fk_tax_rates_country FOREIGN KEY (country) REFERENCES shop.countries(code) ON DELETE RESTRICT;

ALTER TABLE ONLY shop.tax_rates
    ADD CONSTRAINT fk_tax_rates_tax_class FOREIGN KEY (tax_class) REFERENCES shop.tax_classes(tax_class) ON DELETE RESTRICT;

COMMENT ON CONSTRAINT fk_tax_rates_tax_class ON shop.tax_rates IS 'No index: tax classes are never deleted or renumbered, and no hot read starts from one.';

ALTER TABLE ONLY shop.variant_option_values
    ADD CONSTRAINT fk_variant_option_values_product_id_product_option_id FOREIGN KEY (product_id, product_option_id) REFERENCES shop.product_options(product_id, product_option_id) ON DELETE RESTRICT;

ALTER TABLE ONLY shop.variant_option_values
    ADD CONSTRAINT fk_variant_option_values_product_id_variant_id FOREIGN KEY (product_id, variant_id) REFERENCES shop.product_variants(product_id, variant_id) ON DELETE RESTRICT;

ALTER TABLE ONLY shop.variant_prices
    ADD CONSTRAINT fk_variant_prices_currency FOREIGN KEY (currency) REFERENCES shop.currencies(code) ON DELETE RESTRICT;

COMMENT ON CONSTRAINT fk_variant_prices_currency ON shop.variant_prices IS 'No index: currencies are never deleted or renumbered, and no hot read starts from one.';

ALTER TABLE ONLY shop.variant_prices
    ADD CONSTRAINT fk_variant_prices_variant_id FOREIGN KEY (variant_id) REFERENCES shop.product_variants(variant_id) ON DELETE RESTRICT;

ALTER TABLE ONLY shop.warehouses
    ADD CONSTRAINT fk_warehouses_country FOREIGN KEY (country) REFERENCES shop.countries(code) ON DELETE RESTRICT;

COMMENT ON CONSTRAINT fk_warehouses_country ON shop.warehouses IS 'No index: countries are never deleted or renumbered, and no hot read starts from one.';

ALTER TABLE shop.account_tokens ENABLE ROW LEVEL SECURITY;

ALTER TABLE shop.addresses ENABLE ROW LEVEL SECURITY;

CREATE POLICY all_rows ON shop.addresses FOR SELECT TO shop_app, shop_backoffice USING (true);

CREATE POLICY all_rows ON shop.cart_items FOR SELECT TO shop_app, shop_backoffice USING (true);

CREATE POLICY all_rows ON shop.carts FOR SELECT TO shop_app, shop_backoffice USING (true);

CREATE POLICY all_rows ON shop.coupon_redemptions FOR SELECT TO shop_app, shop_backoffice USING (true);

CREATE POLICY all_rows ON shop.credit_notes FOR SELECT TO shop_app, shop_backoffice USING (true);

CREATE POLICY all_rows ON shop.customers FOR SELECT TO shop_app, shop_backoffice USING (true);

CREATE POLICY all_rows ON shop.invoices FOR SELECT TO shop_app, shop_backoffice USING (true);

CREATE POLICY all_rows ON shop.order_addresses FOR SELECT TO shop_app, shop_backoffice USING (true);

CREATE POLICY all_rows ON shop.order_allocations FOR SELECT TO shop_app, shop_backoffice USING (true);

CREATE POLICY all_rows ON shop.order_item_cancellations FOR SELECT TO shop_app, shop_backoffice USING (true);

CREATE POLICY all_rows ON shop.order_item_taxes FOR SELECT TO shop_app, shop_backoffice USING (true);

CREATE POLICY all_rows ON shop.order_items FOR SELECT TO shop_app, shop_backoffice USING (true);

CREATE POLICY all_rows ON shop.order_shipping_taxes FOR SELECT TO shop_app, shop_backoffice USING (true);

CREATE POLICY all_rows ON shop.order_status_history FOR SELECT TO shop_app, shop_backoffice USING (true);

CREATE POLICY all_rows ON shop.orders FOR SELECT TO shop_app, shop_backoffice USING (true);

CREATE POLICY all_rows ON shop.payments FOR SELECT TO shop_app, shop_backoffice USING (true);

CREATE POLICY all_rows ON shop.refunds FOR SELECT TO shop_app, shop_backoffice USING (true);

CREATE POLICY all_rows ON shop.return_items FOR SELECT TO shop_app, shop_backoffice USING (true);

CREATE POLICY all_rows ON shop.returns FOR SELECT TO shop_app, shop_backoffice USING (true);

CREATE POLICY all_rows ON shop.shipment_items FOR SELECT TO shop_app, shop_backoffice USING (true);

CREATE POLICY all_rows ON shop.shipments FOR SELECT TO shop_app, shop_backoffice USING (true);

ALTER TABLE shop.cart_items ENABLE ROW LEVEL SECURITY;

ALTER TABLE shop.carts ENABLE ROW LEVEL SECURITY;

ALTER TABLE shop.coupon_redemptions ENABLE ROW LEVEL SECURITY;

ALTER TABLE shop.credit_notes ENABLE ROW LEVEL SECURITY;

ALTER TABLE shop.customer_credentials ENABLE ROW LEVEL SECURITY;

ALTER TABLE shop.customers ENABLE ROW LEVEL SECURITY;

ALTER TABLE shop.invoices ENABLE ROW LEVEL SECURITY;

ALTER TABLE shop.login_attempts ENABLE ROW LEVEL SECURITY;

ALTER TABLE shop.login_sessions ENABLE ROW LEVEL SECURITY;

ALTER TABLE shop.order_addresses ENABLE ROW LEVEL SECURITY;

ALTER TABLE shop.order_allocations ENABLE ROW LEVEL SECURITY;

ALTER TABLE shop.order_item_cancellations ENABLE ROW LEVEL SECURITY;

ALTER TABLE shop.order_item_taxes ENABLE ROW LEVEL SECURITY;

ALTER TABLE shop.order_items ENABLE ROW LEVEL SECURITY;

ALTER TABLE shop.order_shipping_taxes ENABLE ROW LEVEL SECURITY;

ALTER TABLE shop.order_status_history ENABLE ROW LEVEL SECURITY;

ALTER TABLE shop.orders ENABLE ROW LEVEL SECURITY;

CREATE POLICY own_rows ON shop.addresses FOR SELECT TO shop_storefront USING ((customer_id = (NULLIF(current_setting('shop.customer_id'::text, true), ''::text))::uuid));

CREATE POLICY own_rows ON shop.cart_items FOR SELECT TO shop_storefront USING ((EXISTS ( SELECT
   FROM shop.carts c
  WHERE ((c.cart_id = cart_items.cart_id) AND (c.customer_id = ( SELECT (NULLIF(current_setting('shop.customer_id'::text, true), ''::text))::uuid AS "nullif"))))));

CREATE POLICY own_rows ON shop.carts FOR SELECT TO shop_storefront USING ((customer_id = (NULLIF(current_setting('shop.customer_id'::text, true), ''::text))::uuid));

CREATE POLICY own_rows ON shop.coupon_redemptions FOR SELECT TO shop_storefront USING ((EXISTS ( SELECT
   FROM shop.orders o
  WHERE ((o.order_id = coupon_redemptions.order_id) AND (o.customer_id = ( SELECT (NULLIF(current_setting('shop.customer_id'::text, true), ''::text))::uuid AS "nullif"))))));

CREATE POLICY own_rows ON shop.credit_notes FOR SELECT TO shop_storefront USING ((EXISTS ( SELECT
   FROM shop.orders o
  WHERE ((o.order_id = credit_notes.order_id) AND (o.customer_id = ( SELECT (NULLIF(current_setting('shop.customer_id'::text, true), ''::text))::uuid AS "nullif"))))));

CREATE POLICY own_rows ON shop.customers FOR SELECT TO shop_storefront USING ((customer_id = (NULLIF(current_setting('shop.customer_id'::text, true), ''::text))::uuid));

CREATE POLICY own_rows ON shop.invoices FOR SELECT TO shop_storefront USING ((EXISTS ( SELECT
   FROM shop.orders o
  WHERE ((o.order_id = invoices.order_id) AND (o.customer_id = ( SELECT (NULLIF(current_setting('shop.customer_id'::text, true), ''::text))::uuid AS "nullif"))))));

CREATE POLICY own_rows ON shop.order_addresses FOR SELECT TO shop_storefront USING ((EXISTS ( SELECT
   FROM shop.orders o
  WHERE ((o.order_id = order_addresses.order_id) AND (o.customer_id = ( SELECT (NULLIF(current_setting('shop.customer_id'::text, true), ''::text))::uuid AS "nullif"))))));

CREATE POLICY own_rows ON shop.order_allocations FOR SELECT TO shop_storefront USING ((EXISTS ( SELECT
   FROM shop.orders o
  WHERE ((o.order_id = order_allocations.order_id) AND (o.customer_id = ( SELECT (NULLIF(current_setting('shop.customer_id'::text, true), ''::text))::uuid AS "nullif"))))));

CREATE POLICY own_rows ON shop.order_item_cancellations FOR SELECT TO shop_storefront USING ((EXISTS ( SELECT
   FROM shop.orders o
  WHERE ((o.order_id = order_item_cancellations.order_id) AND (o.customer_id = ( SELECT (NULLIF(current_setting('shop.customer_id'::text, true), ''::text))::uuid AS "nullif"))))));

CREATE POLICY own_rows ON shop.order_item_taxes FOR SELECT TO shop_storefront USING ((EXISTS ( SELECT
   FROM shop.orders o
  WHERE ((o.order_id = order_item_taxes.order_id) AND (o.customer_id = ( SELECT (NULLIF(current_setting('shop.customer_id'::text, true), ''::text))::uuid AS "nullif"))))));

CREATE POLICY own_rows ON shop.order_items FOR SELECT TO shop_storefront USING ((EXISTS ( SELECT
   FROM shop.orders o
  WHERE ((o.order_id = order_items.order_id) AND (o.customer_id = ( SELECT (NULLIF(current_setting('shop.customer_id'::text, true), ''::text))::uuid AS "nullif"))))));

CREATE POLICY own_rows ON shop.order_shipping_taxes FOR SELECT TO shop_storefront USING ((EXISTS ( SELECT
   FROM shop.orders o
  WHERE ((o.order_id = order_shipping_taxes.order_id) AND (o.customer_id = ( SELECT (NULLIF(current_setting('shop.customer_id'::text, true), ''::text))::uuid AS "nullif"))))));

CREATE POLICY own_rows ON shop.order_status_history FOR SELECT TO shop_storefront USING ((EXISTS ( SELECT
   FROM shop.orders o
  WHERE ((o.order_id = order_status_history.order_id) AND (o.customer_id = ( SELECT (NULLIF(current_setting('shop.customer_id'::text, true), ''::text))::uuid AS "nullif"))))));

CREATE POLICY own_rows ON shop.orders FOR SELECT TO shop_storefront USING ((customer_id = (NULLIF(current_setting('shop.customer_id'::text, true), ''::text))::uuid));

CREATE POLICY own_rows ON shop.payments FOR SELECT TO shop_storefront USING ((EXISTS ( SELECT
   FROM shop.orders o
  WHERE ((o.order_id = payments.order_id) AND (o.customer_id = ( SELECT (NULLIF(current_setting('shop.customer_id'::text, true), ''::text))::uuid AS "nullif"))))));

CREATE POLICY own_rows ON shop.refunds FOR SELECT TO shop_storefront USING ((EXISTS ( SELECT
   FROM shop.orders o
  WHERE ((o.order_id = refunds.order_id) AND (o.customer_id = ( SELECT (NULLIF(current_setting('shop.customer_id'::text, true), ''::text))::uuid AS "nullif"))))));

CREATE POLICY own_rows ON shop.return_items FOR SELECT TO shop_storefront USING ((EXISTS ( SELECT
   FROM shop.orders o
  WHERE ((o.order_id = return_items.order_id) AND (o.customer_id = ( SELECT (NULLIF(current_setting('shop.customer_id'::text, true), ''::text))::uuid AS "nullif"))))));

CREATE POLICY own_rows ON shop.returns FOR SELECT TO shop_storefront USING ((EXISTS ( SELECT
   FROM shop.orders o
  WHERE ((o.order_id = returns.order_id) AND (o.customer_id = ( SELECT (NULLIF(current_setting('shop.customer_id'::text, true), ''::text))::uuid AS "nullif"))))));

CREATE POLICY own_rows ON shop.shipment_items FOR SELECT TO shop_storefront USING ((EXISTS ( SELECT
   FROM shop.orders o
  WHERE ((o.order_id = shipment_items.order_id) AND (o.customer_id = ( SELECT (NULLIF(current_setting('shop.customer_id'::text, true), ''::text))::uuid AS "nullif"))))));

CREATE POLICY own_rows ON shop.shipments FOR SELECT TO shop_storefront USING ((EXISTS ( SELECT
   FROM shop.orders o
  WHERE ((o.order_id = shipments.order_id) AND (o.customer_id = ( SELECT (NULLIF(current_setting('shop.customer_id'::text, true), ''::text))::uuid AS "nullif"))))));

ALTER TABLE shop.payments ENABLE ROW LEVEL SECURITY;

ALTER TABLE shop.refunds ENABLE ROW LEVEL SECURITY;

ALTER TABLE shop.return_items ENABLE ROW LEVEL SECURITY;

ALTER TABLE shop.returns ENABLE ROW LEVEL SECURITY;

ALTER TABLE shop.shipment_items ENABLE ROW LEVEL SECURITY;

ALTER TABLE shop.shipments ENABLE ROW LEVEL SECURITY;

GRANT USAGE ON SCHEMA api TO shop_app;
GRANT USAGE ON SCHEMA api TO shop_backoffice;
GRANT USAGE ON SCHEMA api TO shop_monitor;
GRANT USAGE ON SCHEMA api TO shop_storefront;
GRANT USAGE ON SCHEMA api TO shop_analyst;
GRANT USAGE ON SCHEMA api TO shop_ci;

REVOKE USAGE ON SCHEMA public FROM PUBLIC;

GRANT USAGE ON SCHEMA shop TO shop_app;
GRANT USAGE ON SCHEMA shop TO shop_backoffice;
GRANT USAGE ON SCHEMA shop TO shop_monitor;
GRANT USAGE ON SCHEMA shop TO shop_ci;

REVOKE ALL ON TYPE api.address FROM PUBLIC;
GRANT ALL ON TYPE api.address TO shop_app;
GRANT ALL ON TYPE api.address TO shop_storefront;
GRANT ALL ON TYPE api.address TO shop_backoffice;

REVOKE ALL ON TYPE shop.account_token_purpose FROM PUBLIC;

REVOKE ALL ON TYPE shop.address_kind FROM PUBLIC;

REVOKE ALL ON TYPE shop.audit_action FROM PUBLIC;

REVOKE ALL ON TYPE shop.cart_status FROM PUBLIC;

REVOKE ALL ON TYPE shop.coupon_kind FROM PUBLIC;

REVOKE ALL ON TYPE shop.customer_status FROM PUBLIC;

REVOKE ALL ON TYPE shop.erasure_moment FROM PUBLIC;

REVOKE ALL ON TYPE shop.journal_kind FROM PUBLIC;

REVOKE ALL ON TYPE shop.media_kind FROM PUBLIC;

REVOKE ALL ON TYPE shop.offered_stock FROM PUBLIC;

REVOKE ALL ON TYPE shop.order_fulfilment_status FROM PUBLIC;

REVOKE ALL ON TYPE shop.order_payment_status FROM PUBLIC;

REVOKE ALL ON TYPE shop.order_status FROM PUBLIC;

REVOKE ALL ON TYPE shop.payment_event_kind FROM PUBLIC;

REVOKE ALL ON TYPE shop.payment_exception_kind FROM PUBLIC;

REVOKE ALL ON TYPE shop.payment_state FROM PUBLIC;

REVOKE ALL ON TYPE shop.priced_line FROM PUBLIC;

REVOKE ALL ON TYPE shop.priced_tax FROM PUBLIC;

REVOKE ALL ON TYPE shop.priced_cart FROM PUBLIC;

REVOKE ALL ON TYPE shop.product_status FROM PUBLIC;

REVOKE ALL ON TYPE shop.refund_state FROM PUBLIC;

REVOKE ALL ON TYPE shop.return_status FROM PUBLIC;

REVOKE ALL ON TYPE shop.stock_movement_kind FROM PUBLIC;

REVOKE ALL ON FUNCTION api.ack_outbox(created_at timestamp with time zone, outbox_event_id uuid, lease_token uuid, error text) FROM PUBLIC;
GRANT ALL ON FUNCTION api.ack_outbox(created_at timestamp with time zone, outbox_event_id uuid, lease_token uuid, error text) TO shop_app;

REVOKE ALL ON FUNCTION api.add_address(address_id uuid, customer_id uuid, address api.address) FROM PUBLIC;
GRANT ALL ON FUNCTION api.add_address(address_id uuid, customer_id uuid, address api.address) TO shop_app;
GRANT ALL ON FUNCTION api.add_address(address_id uuid, customer_id uuid, address api.address) TO shop_storefront;

REVOKE ALL ON FUNCTION api.adjust_stock(variant_id bigint, warehouse_id bigint, delta integer, reason text, p_release boolean) FROM PUBLIC;
GRANT ALL ON FUNCTION api.adjust_stock(variant_id bigint, warehouse_id bigint, delta integer, reason text, p_release boolean) TO shop_backoffice;
GRANT ALL ON FUNCTION api.adjust_stock(variant_id bigint, warehouse_id bigint, delta integer, reason text, p_release boolean) TO shop_app;

REVOKE ALL ON FUNCTION api.apply_coupon(cart_id uuid, code text) FROM PUBLIC;
GRANT ALL ON FUNCTION api.apply_coupon(cart_id uuid, code text) TO shop_app;
GRANT ALL ON FUNCTION api.apply_coupon(cart_id uuid, code text) TO shop_storefront;
GRANT ALL ON FUNCTION api.apply_coupon(cart_id uuid, code text) TO shop_backoffice;

REVOKE ALL ON FUNCTION api.bloat_estimate() FROM PUBLIC;
GRANT ALL ON FUNCTION api.bloat_estimate() TO shop_monitor;
GRANT ALL ON FUNCTION api.bloat_estimate() TO shop_backoffice;

REVOKE ALL ON FUNCTION api.cancel_items(order_id uuid, cancellation_id uuid, line_numbers smallint[], quantities integer[], reason text) FROM PUBLIC;
GRANT ALL ON FUNCTION api.cancel_items(order_id uuid, cancellation_id uuid, line_numbers smallint[], quantities integer[], reason text) TO shop_app;
GRANT ALL ON FUNCTION api.cancel_items(order_id uuid, cancellation_id uuid, line_numbers smallint[], quantities integer[], reason text) TO shop_backoffice;

REVOKE ALL ON FUNCTION api.cancel_order(order_id uuid, reason text) FROM PUBLIC;
GRANT ALL ON FUNCTION api.cancel_order(order_id uuid, reason text) TO shop_app;
GRANT ALL ON FUNCTION api.cancel_order(order_id uuid, reason text) TO shop_storefront;
GRANT ALL ON FUNCTION api.cancel_order(order_id uuid, reason text) TO shop_backoffice;

REVOKE ALL ON FUNCTION api.category_tree(top_id bigint) FROM PUBLIC;
GRANT ALL ON FUNCTION api.category_tree(top_id bigint) TO shop_app;
GRANT ALL ON FUNCTION api.category_tree(top_id bigint) TO shop_storefront;
GRANT ALL ON FUNCTION api.category_tree(top_id bigint) TO shop_backoffice;

REVOKE ALL ON FUNCTION api.change_password(customer_id uuid, password_hash text) FROM PUBLIC;
GRANT ALL ON FUNCTION api.change_password(customer_id uuid, password_hash text) TO shop_app;

REVOKE ALL ON FUNCTION api.claim_outbox(batch integer, lease interval) FROM PUBLIC;
GRANT ALL ON FUNCTION api.claim_outbox(batch integer, lease interval) TO shop_app;

REVOKE ALL ON FUNCTION api.close_session(token_digest bytea) FROM PUBLIC;
GRANT ALL ON FUNCTION api.close_session(token_digest bytea) TO shop_app;

REVOKE ALL ON FUNCTION api.copy_cart(from_cart_id uuid, cart_id uuid) FROM PUBLIC;
GRANT ALL ON FUNCTION api.copy_cart(from_cart_id uuid, cart_id uuid) TO shop_app;
GRANT ALL ON FUNCTION api.copy_cart(from_cart_id uuid, cart_id uuid) TO shop_storefront;
GRANT ALL ON FUNCTION api.copy_cart(from_cart_id uuid, cart_id uuid) TO shop_backoffice;

REVOKE ALL ON FUNCTION api.create_cart(cart_id uuid, currency text, customer_id uuid, variant_ids bigint[], quantities integer[]) FROM PUBLIC;
GRANT ALL ON FUNCTION api.create_cart(cart_id uuid, currency text, customer_id uuid, variant_ids bigint[], quantities integer[]) TO shop_app;
GRANT ALL ON FUNCTION api.create_cart(cart_id uuid, currency text, customer_id uuid, variant_ids bigint[], quantities integer[]) TO shop_storefront;
GRANT ALL ON FUNCTION api.create_cart(cart_id uuid, currency text, customer_id uuid, variant_ids bigint[], quantities integer[]) TO shop_backoffice;

REVOKE ALL ON FUNCTION api.credential_for_login(email text) FROM PUBLIC;
GRANT ALL ON FUNCTION api.credential_for_login(email text) TO shop_app;

REVOKE ALL ON FUNCTION api.deliver(shipment_id uuid) FROM PUBLIC;
GRANT ALL ON FUNCTION api.deliver(shipment_id uuid) TO shop_app;
GRANT ALL ON FUNCTION api.deliver(shipment_id uuid) TO shop_backoffice;

REVOKE ALL ON FUNCTION api.erase_customer(customer_id uuid) FROM PUBLIC;
GRANT ALL ON FUNCTION api.erase_customer(customer_id uuid) TO shop_app;
GRANT ALL ON FUNCTION api.erase_customer(customer_id uuid) TO shop_backoffice;

REVOKE ALL ON FUNCTION api.erase_customer_by_email(email text) FROM PUBLIC;
GRANT ALL ON FUNCTION api.erase_customer_by_email(email text) TO shop_app;
GRANT ALL ON FUNCTION api.erase_customer_by_email(email text) TO shop_backoffice;

REVOKE ALL ON FUNCTION api.erase_due(retention interval, batch integer) FROM PUBLIC;
GRANT ALL ON FUNCTION api.erase_due(retention interval, batch integer) TO shop_app;
GRANT ALL ON FUNCTION api.erase_due(retention interval, batch integer) TO shop_backoffice;

REVOKE ALL ON FUNCTION api.expire_unpaid_orders(batch integer) FROM PUBLIC;
GRANT ALL ON FUNCTION api.expire_unpaid_orders(batch integer) TO shop_app;
GRANT ALL ON FUNCTION api.expire_unpaid_orders(batch integer) TO shop_backoffice;

REVOKE ALL ON FUNCTION api.fail_refund(refund_id uuid) FROM PUBLIC;
GRANT ALL ON FUNCTION api.fail_refund(refund_id uuid) TO shop_app;
GRANT ALL ON FUNCTION api.fail_refund(refund_id uuid) TO shop_backoffice;

REVOKE ALL ON FUNCTION api.issue_credit_note(order_id uuid, refund_id uuid) FROM PUBLIC;
GRANT ALL ON FUNCTION api.issue_credit_note(order_id uuid, refund_id uuid) TO shop_app;
GRANT ALL ON FUNCTION api.issue_credit_note(order_id uuid, refund_id uuid) TO shop_backoffice;

REVOKE ALL ON FUNCTION api.issue_invoice(order_id uuid) FROM PUBLIC;
GRANT ALL ON FUNCTION api.issue_invoice(order_id uuid) TO shop_app;
GRANT ALL ON FUNCTION api.issue_invoice(order_id uuid) TO shop_backoffice;

REVOKE ALL ON FUNCTION api.issue_token(email text, purpose text, token_digest bytea, lifetime interval) FROM PUBLIC;
GRANT ALL ON FUNCTION api.issue_token(email text, purpose text, token_digest bytea, lifetime interval) TO shop_app;

REVOKE ALL ON FUNCTION api.merge_carts(guest_cart_id uuid, customer_id uuid) FROM PUBLIC;
GRANT ALL ON FUNCTION api.merge_carts(guest_cart_id uuid, customer_id uuid) TO shop_app;
GRANT ALL ON FUNCTION api.merge_carts(guest_cart_id uuid, customer_id uuid) TO shop_storefront;
GRANT ALL ON FUNCTION api.merge_carts(guest_cart_id uuid, customer_id uuid) TO shop_backoffice;

REVOKE ALL ON FUNCTION api.open_session(login_session_id uuid, customer_id uuid, token_digest bytea, lifetime interval, ip_address inet, user_agent text) FROM PUBLIC;
GRANT ALL ON FUNCTION api.open_session(login_session_id uuid, customer_id uuid, token_digest bytea, lifetime interval, ip_address inet, user_agent text) TO shop_app;

REVOKE ALL ON FUNCTION api.order_details(order_id uuid) FROM PUBLIC;
GRANT ALL ON FUNCTION api.order_details(order_id uuid) TO shop_app;
GRANT ALL ON FUNCTION api.order_details(order_id uuid) TO shop_storefront;
GRANT ALL ON FUNCTION api.order_details(order_id uuid) TO shop_backoffice;

REVOKE ALL ON FUNCTION api.order_history(customer_id uuid, before_placed_at timestamp with time zone, before_order_id uuid, page integer) FROM PUBLIC;
GRANT ALL ON FUNCTION api.order_history(customer_id uuid, before_placed_at timestamp with time zone, before_order_id uuid, page integer) TO shop_app;
GRANT ALL ON FUNCTION api.order_history(customer_id uuid, before_placed_at timestamp with time zone, before_order_id uuid, page integer) TO shop_storefront;
GRANT ALL ON FUNCTION api.order_history(customer_id uuid, before_placed_at timestamp with time zone, before_order_id uuid, page integer) TO shop_backoffice;

REVOKE ALL ON FUNCTION api.orders_per_minute(since timestamp with time zone, until timestamp with time zone) FROM PUBLIC;
GRANT ALL ON FUNCTION api.orders_per_minute(since timestamp with time zone, until timestamp with time zone) TO shop_monitor;
GRANT ALL ON FUNCTION api.orders_per_minute(since timestamp with time zone, until timestamp with time zone) TO shop_backoffice;

REVOKE ALL ON FUNCTION api.parked_events(page integer) FROM PUBLIC;
GRANT ALL ON FUNCTION api.parked_events(page integer) TO shop_app;
GRANT ALL ON FUNCTION api.parked_events(page integer) TO shop_backoffice;

REVOKE ALL ON FUNCTION api.place_order(order_id uuid, cart_id uuid, contact_email text, contact_phone text, shipping api.address, billing api.address, shipping_method text, expected_total_minor bigint) FROM PUBLIC;
GRANT ALL ON FUNCTION api.place_order(order_id uuid, cart_id uuid, contact_email text, contact_phone text, shipping api.address, billing api.address, shipping_method text, expected_total_minor bigint) TO shop_app;
GRANT ALL ON FUNCTION api.place_order(order_id uuid, cart_id uuid, contact_email text, contact_phone text, shipping api.address, billing api.address, shipping_method text, expected_total_minor bigint) TO shop_storefront;
GRANT ALL ON FUNCTION api.place_order(order_id uuid, cart_id uuid, contact_email text, contact_phone text, shipping api.address, billing api.address, shipping_method text, expected_total_minor bigint) TO shop_backoffice;

REVOKE ALL ON FUNCTION api.purge(batch integer) FROM PUBLIC;
GRANT ALL ON FUNCTION api.purge(batch integer) TO shop_app;
GRANT ALL ON FUNCTION api.purge(batch integer) TO shop_backoffice;

REVOKE ALL ON FUNCTION api.quote_cart(cart_id uuid, country text, region text, shipping_method text) FROM PUBLIC;
GRANT ALL ON FUNCTION api.quote_cart(cart_id uuid, country text, region text, shipping_method text) TO shop_app;
GRANT ALL ON FUNCTION api.quote_cart(cart_id uuid, country text, region text, shipping_method text) TO shop_storefront;
GRANT ALL ON FUNCTION api.quote_cart(cart_id uuid, country text, region text, shipping_method text) TO shop_backoffice;

REVOKE ALL ON FUNCTION api.receive_return(return_id uuid, line_numbers smallint[], restocked integer[], written_off integer[], warehouse_id bigint) FROM PUBLIC;
GRANT ALL ON FUNCTION api.receive_return(return_id uuid, line_numbers smallint[], restocked integer[], written_off integer[], warehouse_id bigint) TO shop_app;
GRANT ALL ON FUNCTION api.receive_return(return_id uuid, line_numbers smallint[], restocked integer[], written_off integer[], warehouse_id bigint) TO shop_backoffice;

REVOKE ALL ON FUNCTION api.receive_stock(variant_id bigint, warehouse_id bigint, quantity integer, reason text) FROM PUBLIC;
GRANT ALL ON FUNCTION api.receive_stock(variant_id bigint, warehouse_id bigint, quantity integer, reason text) TO shop_backoffice;
GRANT ALL ON FUNCTION api.receive_stock(variant_id bigint, warehouse_id bigint, quantity integer, reason text) TO shop_app;

REVOKE ALL ON FUNCTION api.record_login_attempt(email text, succeeded boolean, ip_address inet) FROM PUBLIC;
GRANT ALL ON FUNCTION api.record_login_attempt(email text, succeeded boolean, ip_address inet) TO shop_app;

REVOKE ALL ON FUNCTION api.record_payment_event(provider text, provider_event_id text, payment_id uuid, kind text, amount_minor bigint, currency text, occurred_at timestamp with time zone, provider_reference text, payload jsonb, refund_id uuid, dispute_reference text) FROM PUBLIC;
GRANT ALL ON FUNCTION api.record_payment_event(provider text, provider_event_id text, payment_id uuid, kind text, amount_minor bigint, currency text, occurred_at timestamp with time zone, provider_reference text, payload jsonb, refund_id uuid, dispute_reference text) TO shop_app;
GRANT ALL ON FUNCTION api.record_payment_event(provider text, provider_event_id text, payment_id uuid, kind text, amount_minor bigint, currency text, occurred_at timestamp with time zone, provider_reference text, payload jsonb, refund_id uuid, dispute_reference text) TO shop_backoffice;

REVOKE ALL ON FUNCTION api.register_customer(customer_id uuid, email text, full_name text, password_hash text, phone text) FROM PUBLIC;
GRANT ALL ON FUNCTION api.register_customer(customer_id uuid, email text, full_name text, password_hash text, phone text) TO shop_app;

REVOKE ALL ON FUNCTION api.release_outbox(outbox_event_id uuid, decision text, reason text) FROM PUBLIC;
GRANT ALL ON FUNCTION api.release_outbox(outbox_event_id uuid, decision text, reason text) TO shop_app;
GRANT ALL ON FUNCTION api.release_outbox(outbox_event_id uuid, decision text, reason text) TO shop_backoffice;

REVOKE ALL ON FUNCTION api.remove_coupon(cart_id uuid) FROM PUBLIC;
GRANT ALL ON FUNCTION api.remove_coupon(cart_id uuid) TO shop_app;
GRANT ALL ON FUNCTION api.remove_coupon(cart_id uuid) TO shop_storefront;
GRANT ALL ON FUNCTION api.remove_coupon(cart_id uuid) TO shop_backoffice;

REVOKE ALL ON FUNCTION api.request_refund(refund_id uuid, payment_id uuid, amount_minor bigint, reason text, return_id uuid) FROM PUBLIC;
GRANT ALL ON FUNCTION api.request_refund(refund_id uuid, payment_id uuid, amount_minor bigint, reason text, return_id uuid) TO shop_app;
GRANT ALL ON FUNCTION api.request_refund(refund_id uuid, payment_id uuid, amount_minor bigint, reason text, return_id uuid) TO shop_backoffice;

REVOKE ALL ON FUNCTION api.request_return(return_id uuid, order_id uuid, line_numbers smallint[], quantities integer[], reason text) FROM PUBLIC;
GRANT ALL ON FUNCTION api.request_return(return_id uuid, order_id uuid, line_numbers smallint[], quantities integer[], reason text) TO shop_app;
GRANT ALL ON FUNCTION api.request_return(return_id uuid, order_id uuid, line_numbers smallint[], quantities integer[], reason text) TO shop_storefront;
GRANT ALL ON FUNCTION api.request_return(return_id uuid, order_id uuid, line_numbers smallint[], quantities integer[], reason text) TO shop_backoffice;

REVOKE ALL ON FUNCTION api.resolve_payment_exception(payment_exception_id bigint, resolution text) FROM PUBLIC;
GRANT ALL ON FUNCTION api.resolve_payment_exception(payment_exception_id bigint, resolution text) TO shop_app;
GRANT ALL ON FUNCTION api.resolve_payment_exception(payment_exception_id bigint, resolution text) TO shop_backoffice;

REVOKE ALL ON FUNCTION api.resume_session(token_digest bytea) FROM PUBLIC;
GRANT ALL ON FUNCTION api.resume_session(token_digest bytea) TO shop_app;

REVOKE ALL ON FUNCTION api.search_products(query text, category_id bigint, currency text, min_price_minor bigint, max_price_minor bigint, after_product_id bigint, page integer) FROM PUBLIC;
GRANT ALL ON FUNCTION api.search_products(query text, category_id bigint, currency text, min_price_minor bigint, max_price_minor bigint, after_product_id bigint, page integer) TO shop_app;
GRANT ALL ON FUNCTION api.search_products(query text, category_id bigint, currency text, min_price_minor bigint, max_price_minor bigint, after_product_id bigint, page integer) TO shop_storefront;
GRANT ALL ON FUNCTION api.search_products(query text, category_id bigint, currency text, min_price_minor bigint, max_price_minor bigint, after_product_id bigint, page integer) TO shop_backoffice;

REVOKE ALL ON FUNCTION api.sequence_usage() FROM PUBLIC;
GRANT ALL ON FUNCTION api.sequence_usage() TO shop_monitor;
GRANT ALL ON FUNCTION api.sequence_usage() TO shop_backoffice;

REVOKE ALL ON FUNCTION api.set_cart_items(cart_id uuid, variant_ids bigint[], quantities integer[]) FROM PUBLIC;
GRANT ALL ON FUNCTION api.set_cart_items(cart_id uuid, variant_ids bigint[], quantities integer[]) TO shop_app;
GRANT ALL ON FUNCTION api.set_cart_items(cart_id uuid, variant_ids bigint[], quantities integer[]) TO shop_storefront;
GRANT ALL ON FUNCTION api.set_cart_items(cart_id uuid, variant_ids bigint[], quantities integer[]) TO shop_backoffice;

REVOKE ALL ON FUNCTION api.set_cart_item(cart_id uuid, variant_id bigint, quantity integer) FROM PUBLIC;
GRANT ALL ON FUNCTION api.set_cart_item(cart_id uuid, variant_id bigint, quantity integer) TO shop_app;
GRANT ALL ON FUNCTION api.set_cart_item(cart_id uuid, variant_id bigint, quantity integer) TO shop_storefront;
GRANT ALL ON FUNCTION api.set_cart_item(cart_id uuid, variant_id bigint, quantity integer) TO shop_backoffice;

REVOKE ALL ON FUNCTION api.set_default_address(address_id uuid, kind text) FROM PUBLIC;
GRANT ALL ON FUNCTION api.set_default_address(address_id uuid, kind text) TO shop_app;
GRANT ALL ON FUNCTION api.set_default_address(address_id uuid, kind text) TO shop_storefront;

REVOKE ALL ON FUNCTION api.set_price(variant_id bigint, currency text, amount_minor bigint, valid_from timestamp with time zone, compare_at_minor bigint) FROM PUBLIC;
GRANT ALL ON FUNCTION api.set_price(variant_id bigint, currency text, amount_minor bigint, valid_from timestamp with time zone, compare_at_minor bigint) TO shop_backoffice;
GRANT ALL ON FUNCTION api.set_price(variant_id bigint, currency text, amount_minor bigint, valid_from timestamp with time zone, compare_at_minor bigint) TO shop_app;

REVOKE ALL ON FUNCTION api.ship(shipment_id uuid, order_id uuid, warehouse_id bigint, carrier text, tracking_number text, line_numbers smallint[], quantities integer[]) FROM PUBLIC;
GRANT ALL ON FUNCTION api.ship(shipment_id uuid, order_id uuid, warehouse_id bigint, carrier text, tracking_number text, line_numbers smallint[], quantities integer[]) TO shop_app;
GRANT ALL ON FUNCTION api.ship(shipment_id uuid, order_id uuid, warehouse_id bigint, carrier text, tracking_number text, line_numbers smallint[], quantities integer[]) TO shop_backoffice;

REVOKE ALL ON FUNCTION api.shop_health() FROM PUBLIC;
GRANT ALL ON FUNCTION api.shop_health() TO shop_monitor;
GRANT ALL ON FUNCTION api.shop_health() TO shop_backoffice;

REVOKE ALL ON FUNCTION api.slowest_statements(most integer) FROM PUBLIC;
GRANT ALL ON FUNCTION api.slowest_statements(most integer) TO shop_monitor;
GRANT ALL ON FUNCTION api.slowest_statements(most integer) TO shop_backoffice;

REVOKE ALL ON FUNCTION api.split_stock(variant_id bigint, warehouse_id bigint, slots integer) FROM PUBLIC;
GRANT ALL ON FUNCTION api.split_stock(variant_id bigint, warehouse_id bigint, slots integer) TO shop_backoffice;
GRANT ALL ON FUNCTION api.split_stock(variant_id bigint, warehouse_id bigint, slots integer) TO shop_app;

REVOKE ALL ON FUNCTION api.start_payment(payment_id uuid, order_id uuid, provider text, method text, amount_minor bigint) FROM PUBLIC;
GRANT ALL ON FUNCTION api.start_payment(payment_id uuid, order_id uuid, provider text, method text, amount_minor bigint) TO shop_app;
GRANT ALL ON FUNCTION api.start_payment(payment_id uuid, order_id uuid, provider text, method text, amount_minor bigint) TO shop_storefront;
GRANT ALL ON FUNCTION api.start_payment(payment_id uuid, order_id uuid, provider text, method text, amount_minor bigint) TO shop_backoffice;

REVOKE ALL ON FUNCTION api.stock_of(variant_id bigint) FROM PUBLIC;
GRANT ALL ON FUNCTION api.stock_of(variant_id bigint) TO shop_app;
GRANT ALL ON FUNCTION api.stock_of(variant_id bigint) TO shop_storefront;
GRANT ALL ON FUNCTION api.stock_of(variant_id bigint) TO shop_backoffice;

REVOKE ALL ON FUNCTION api.stock_outs() FROM PUBLIC;
GRANT ALL ON FUNCTION api.stock_outs() TO shop_monitor;
GRANT ALL ON FUNCTION api.stock_outs() TO shop_backoffice;

REVOKE ALL ON FUNCTION api.use_token(token_digest bytea, purpose text) FROM PUBLIC;
GRANT ALL ON FUNCTION api.use_token(token_digest bytea, purpose text) TO shop_app;

REVOKE ALL ON FUNCTION api.verify_integrity() FROM PUBLIC;
GRANT ALL ON FUNCTION api.verify_integrity() TO shop_monitor;
GRANT ALL ON FUNCTION api.verify_integrity() TO shop_backoffice;
GRANT ALL ON FUNCTION api.verify_integrity() TO shop_ci;

REVOKE ALL ON FUNCTION api.withdraw_price(variant_id bigint, currency text, valid_from timestamp with time zone) FROM PUBLIC;
GRANT ALL ON FUNCTION api.withdraw_price(variant_id bigint, currency text, valid_from timestamp with time zone) TO shop_backoffice;
GRANT ALL ON FUNCTION api.withdraw_price(variant_id bigint, currency text, valid_from timestamp with time zone) TO shop_app;

REVOKE ALL ON FUNCTION shop.act_as_customer(wanted uuid) FROM PUBLIC;

REVOKE ALL ON FUNCTION shop.actor() FROM PUBLIC;

REVOKE ALL ON FUNCTION shop.allocate_order(placed_order_id uuid, lines shop.priced_line[]) FROM PUBLIC;

REVOKE ALL ON FUNCTION shop.apply_payment_event() FROM PUBLIC;

REVOKE ALL ON FUNCTION shop.apply_stock_movements() FROM PUBLIC;

REVOKE ALL ON FUNCTION shop.audit() FROM PUBLIC;

REVOKE ALL ON FUNCTION shop.bad_part_of_address(argument text, address api.address) FROM PUBLIC;

REVOKE ALL ON FUNCTION shop.balance_journal() FROM PUBLIC;

GRANT SELECT ON TABLE shop.orders TO shop_app;

GRANT SELECT(order_id) ON TABLE shop.orders TO shop_storefront;
GRANT SELECT(order_id) ON TABLE shop.orders TO shop_backoffice;

GRANT SELECT(order_number) ON TABLE shop.orders TO shop_storefront;
GRANT SELECT(order_number) ON TABLE shop.orders TO shop_backoffice;

GRANT SELECT(cart_id) ON TABLE shop.orders TO shop_backoffice;

GRANT SELECT(customer_id) ON TABLE shop.orders TO shop_storefront;
GRANT SELECT(customer_id) ON TABLE shop.orders TO shop_backoffice;

GRANT SELECT(contact_email) ON TABLE shop.orders TO shop_backoffice;

GRANT SELECT(contact_email_normalized) ON TABLE shop.orders TO shop_backoffice;

GRANT SELECT(contact_phone) ON TABLE shop.orders TO shop_backoffice;

GRANT SELECT(currency) ON TABLE shop.orders TO shop_storefront;
GRANT SELECT(currency) ON TABLE shop.orders TO shop_backoffice;

GRANT SELECT(country) ON TABLE shop.orders TO shop_backoffice;

GRANT SELECT(prices_include_tax) ON TABLE shop.orders TO shop_backoffice;

GRANT SELECT(is_tax_exempt) ON TABLE shop.orders TO shop_backoffice;

GRANT SELECT(tax_number) ON TABLE shop.orders TO shop_backoffice;

GRANT SELECT(shipping_method_id) ON TABLE shop.orders TO shop_backoffice;

GRANT SELECT(shipping_method_name) ON TABLE shop.orders TO shop_backoffice;

GRANT SELECT(line_count) ON TABLE shop.orders TO shop_storefront;
GRANT SELECT(line_count) ON TABLE shop.orders TO shop_backoffice;

GRANT SELECT(unit_count) ON TABLE shop.orders TO shop_storefront;
GRANT SELECT(unit_count) ON TABLE shop.orders TO shop_backoffice;

GRANT SELECT(subtotal_minor) ON TABLE shop.orders TO shop_storefront;
GRANT SELECT(subtotal_minor) ON TABLE shop.orders TO shop_backoffice;

GRANT SELECT(discount_minor) ON TABLE shop.orders TO shop_storefront;
GRANT SELECT(discount_minor) ON TABLE shop.orders TO shop_backoffice;

GRANT SELECT(shipping_minor) ON TABLE shop.orders TO shop_storefront;
GRANT SELECT(shipping_minor) ON TABLE shop.orders TO shop_backoffice;

GRANT SELECT(shipping_tax_minor) ON TABLE shop.orders TO shop_backoffice;

GRANT SELECT(shipping_tax_count) ON TABLE shop.orders TO shop_backoffice;

GRANT SELECT(tax_minor) ON TABLE shop.orders TO shop_storefront;
GRANT SELECT(tax_minor) ON TABLE shop.orders TO shop_backoffice;

GRANT SELECT(total_minor) ON TABLE shop.orders TO shop_storefront;
GRANT SELECT(total_minor) ON TABLE shop.orders TO shop_backoffice;

GRANT SELECT(status) ON TABLE shop.orders TO shop_storefront;
GRANT SELECT(status) ON TABLE shop.orders TO shop_backoffice;

GRANT SELECT(intended_minor) ON TABLE shop.orders TO shop_backoffice;

GRANT SELECT(authorized_minor) ON TABLE shop.orders TO shop_backoffice;

GRANT SELECT(captured_minor) ON TABLE shop.orders TO shop_backoffice;

GRANT SELECT(refunded_minor) ON TABLE shop.orders TO shop_storefront;
GRANT SELECT(refunded_minor) ON TABLE shop.orders TO shop_backoffice;

GRANT SELECT(cancelled_minor) ON TABLE shop.orders TO shop_storefront;
GRANT SELECT(cancelled_minor) ON TABLE shop.orders TO shop_backoffice;

GRANT SELECT(shipped_units) ON TABLE shop.orders TO shop_backoffice;

GRANT SELECT(cancelled_units) ON TABLE shop.orders TO shop_backoffice;

GRANT SELECT(returned_units) ON TABLE shop.orders TO shop_backoffice;

GRANT SELECT(payment_status) ON TABLE shop.orders TO shop_storefront;
GRANT SELECT(payment_status) ON TABLE shop.orders TO shop_backoffice;

GRANT SELECT(fulfilment_status) ON TABLE shop.orders TO shop_storefront;
GRANT SELECT(fulfilment_status) ON TABLE shop.orders TO shop_backoffice;

GRANT SELECT(placed_at) ON TABLE shop.orders TO shop_storefront;
GRANT SELECT(placed_at) ON TABLE shop.orders TO shop_backoffice;

GRANT SELECT(expires_at) ON TABLE shop.orders TO shop_storefront;
GRANT SELECT(expires_at) ON TABLE shop.orders TO shop_backoffice;

REVOKE ALL ON FUNCTION shop.cancel_units(header shop.orders, key uuid, line_numbers smallint[], units integer[], why text) FROM PUBLIC;

REVOKE ALL ON FUNCTION shop.cart_lifetime() FROM PUBLIC;

REVOKE ALL ON FUNCTION shop.check_coupon_terms() FROM PUBLIC;

REVOKE ALL ON FUNCTION shop.check_customer_limit() FROM PUBLIC;

REVOKE ALL ON FUNCTION shop.check_order_transition() FROM PUBLIC;

REVOKE ALL ON FUNCTION shop.compare_invoice_with_order() FROM PUBLIC;

REVOKE ALL ON FUNCTION shop.compare_lines_with_taxes() FROM PUBLIC;

REVOKE ALL ON FUNCTION shop.compare_order_with_lines() FROM PUBLIC;

REVOKE ALL ON FUNCTION shop.compare_order_with_shipping_taxes() FROM PUBLIC;

REVOKE ALL ON FUNCTION shop.confirm_if_covered(wanted uuid) FROM PUBLIC;

REVOKE ALL ON FUNCTION shop.convert_cart() FROM PUBLIC;

REVOKE ALL ON FUNCTION shop.count_cancellations() FROM PUBLIC;

REVOKE ALL ON FUNCTION shop.count_cart_change() FROM PUBLIC;

REVOKE ALL ON FUNCTION shop.count_credit_note() FROM PUBLIC;

REVOKE ALL ON FUNCTION shop.count_document() FROM PUBLIC;

REVOKE ALL ON FUNCTION shop.count_payment_change_on_order() FROM PUBLIC;

REVOKE ALL ON FUNCTION shop.count_payment_on_order() FROM PUBLIC;

REVOKE ALL ON FUNCTION shop.count_redemption() FROM PUBLIC;

REVOKE ALL ON FUNCTION shop.count_refund() FROM PUBLIC;

REVOKE ALL ON FUNCTION shop.count_return_items() FROM PUBLIC;

REVOKE ALL ON FUNCTION shop.count_units_on_order() FROM PUBLIC;

REVOKE ALL ON FUNCTION shop.coupon_uses_by_customer(wanted_coupon_id bigint) FROM PUBLIC;

REVOKE ALL ON FUNCTION shop.decoy_hash() FROM PUBLIC;

REVOKE ALL ON FUNCTION shop.end_order(header shop.orders, ended shop.order_status, why text) FROM PUBLIC;

REVOKE ALL ON FUNCTION shop.erase_now(who uuid, address text, is_theirs boolean) FROM PUBLIC;

REVOKE ALL ON FUNCTION shop.erased_email(key uuid) FROM PUBLIC;

REVOKE ALL ON FUNCTION shop.fold_payment_events(wanted_payment_id uuid, OUT authorized bigint, OUT captured bigint, OUT refunded bigint, OUT over_captured bigint, OUT over_refunded bigint, OUT closed_at timestamp with time zone) FROM PUBLIC;

REVOKE ALL ON FUNCTION shop.given_back_beyond_owed(header shop.orders) FROM PUBLIC;

REVOKE ALL ON FUNCTION shop.insert_allocations(placed_order_id uuid, lines shop.priced_line[], unwaited bigint[]) FROM PUBLIC;

REVOKE ALL ON FUNCTION shop.invariant_allocations_are_of_their_line() FROM PUBLIC;

REVOKE ALL ON FUNCTION shop.invariant_audited_rows_have_entries() FROM PUBLIC;

REVOKE ALL ON FUNCTION shop.invariant_carts_convert_with_orders() FROM PUBLIC;

REVOKE ALL ON FUNCTION shop.invariant_category_ancestry_follows_parents() FROM PUBLIC;

REVOKE ALL ON FUNCTION shop.invariant_coupon_uses_equal_redemptions() FROM PUBLIC;

REVOKE ALL ON FUNCTION shop.invariant_coupons_are_released_with_orders() FROM PUBLIC;

REVOKE ALL ON FUNCTION shop.invariant_coupons_keep_customer_limit() FROM PUBLIC;

REVOKE ALL ON FUNCTION shop.invariant_deployment_is_one_row() FROM PUBLIC;

REVOKE ALL ON FUNCTION shop.invariant_disputes_stand_in_the_books() FROM PUBLIC;

REVOKE ALL ON FUNCTION shop.invariant_document_numbers_have_no_gap() FROM PUBLIC;

REVOKE ALL ON FUNCTION shop.invariant_erased_customers_left_nothing() FROM PUBLIC;

REVOKE ALL ON FUNCTION shop.invariant_exceptional_events_are_listed() FROM PUBLIC;

REVOKE ALL ON FUNCTION shop.invariant_invoice_credits_equal_notes() FROM PUBLIC;

REVOKE ALL ON FUNCTION shop.invariant_invoices_bill_their_orders() FROM PUBLIC;

REVOKE ALL ON FUNCTION shop.invariant_journals_balance() FROM PUBLIC;

REVOKE ALL ON FUNCTION shop.invariant_line_counters_equal_allocations() FROM PUBLIC;

REVOKE ALL ON FUNCTION shop.invariant_options_key_matches_values() FROM PUBLIC;

REVOKE ALL ON FUNCTION shop.invariant_order_counters_equal_lines() FROM PUBLIC;

REVOKE ALL ON FUNCTION shop.invariant_order_history_is_a_chain() FROM PUBLIC;

REVOKE ALL ON FUNCTION shop.invariant_order_sums_equal_payments() FROM PUBLIC;

REVOKE ALL ON FUNCTION shop.invariant_order_taxes_equal_rows() FROM PUBLIC;

REVOKE ALL ON FUNCTION shop.invariant_order_totals_equal_lines() FROM PUBLIC;

REVOKE ALL ON FUNCTION shop.invariant_orders_are_whole() FROM PUBLIC;

REVOKE ALL ON FUNCTION shop.invariant_orders_stand_in_the_books() FROM PUBLIC;

REVOKE ALL ON FUNCTION shop.invariant_outbox_sequences_have_no_gap() FROM PUBLIC;

REVOKE ALL ON FUNCTION shop.invariant_payment_sums_equal_events() FROM PUBLIC;

REVOKE ALL ON FUNCTION shop.invariant_refund_requests_equal_refunds() FROM PUBLIC;

REVOKE ALL ON FUNCTION shop.invariant_reserved_stock_equals_allocations() FROM PUBLIC;

REVOKE ALL ON FUNCTION shop.invariant_returned_quantities_equal_receipts() FROM PUBLIC;

REVOKE ALL ON FUNCTION shop.invariant_returned_stock_equals_receipts() FROM PUBLIC;

REVOKE ALL ON FUNCTION shop.invariant_returns_follow_their_items() FROM PUBLIC;

REVOKE ALL ON FUNCTION shop.invariant_shipments_equal_items() FROM PUBLIC;

REVOKE ALL ON FUNCTION shop.invariant_shipped_quantities_equal_items() FROM PUBLIC;

REVOKE ALL ON FUNCTION shop.invariant_stock_levels_equal_movements() FROM PUBLIC;

REVOKE ALL ON FUNCTION shop.invariant_stock_transfers_balance() FROM PUBLIC;

REVOKE ALL ON FUNCTION shop.is_sellable(wanted_variant_id bigint, wanted_currency text) FROM PUBLIC;

REVOKE ALL ON FUNCTION shop.keep_category_ancestry() FROM PUBLIC;

REVOKE ALL ON FUNCTION shop.keep_options_key() FROM PUBLIC;

REVOKE ALL ON FUNCTION shop.keep_outbox_tail() FROM PUBLIC;

REVOKE ALL ON FUNCTION shop.keep_payment_exception(event_id bigint, event_payment_id uuid, event_currency text, wanted_kind text, excess bigint) FROM PUBLIC;

REVOKE ALL ON FUNCTION shop.keep_production() FROM PUBLIC;

REVOKE ALL ON FUNCTION shop.kept_of_payload(message jsonb) FROM PUBLIC;

GRANT SELECT ON TABLE shop.carts TO shop_app;
GRANT SELECT ON TABLE shop.carts TO shop_backoffice;

GRANT SELECT(cart_id) ON TABLE shop.carts TO shop_storefront;

GRANT SELECT(customer_id) ON TABLE shop.carts TO shop_storefront;

GRANT SELECT(currency) ON TABLE shop.carts TO shop_storefront;

GRANT SELECT(status) ON TABLE shop.carts TO shop_storefront;

GRANT SELECT(version) ON TABLE shop.carts TO shop_storefront;

GRANT SELECT(expires_at) ON TABLE shop.carts TO shop_storefront;

REVOKE ALL ON FUNCTION shop.lock_cart(wanted uuid) FROM PUBLIC;

REVOKE ALL ON FUNCTION shop.lock_order(wanted uuid) FROM PUBLIC;

REVOKE ALL ON FUNCTION shop.locked_until(digest bytea) FROM PUBLIC;

REVOKE ALL ON FUNCTION shop.login_gate(digest bytea) FROM PUBLIC;

REVOKE ALL ON FUNCTION shop.lost_in_disputes(wanted_payment_id uuid, wanted_currency text) FROM PUBLIC;

REVOKE ALL ON FUNCTION shop.move_category_subtree() FROM PUBLIC;

REVOKE ALL ON FUNCTION shop.normalized_email(email text) FROM PUBLIC;

REVOKE ALL ON FUNCTION shop.number_document() FROM PUBLIC;

REVOKE ALL ON FUNCTION shop.number_outbox_event() FROM PUBLIC;

REVOKE ALL ON FUNCTION shop.payment_deadline() FROM PUBLIC;

REVOKE ALL ON FUNCTION shop.pick_shipment(wanted_order_id uuid, wanted_warehouse_id bigint, line_numbers smallint[], quantities integer[]) FROM PUBLIC;

REVOKE ALL ON FUNCTION shop.post_dispute(event_id bigint) FROM PUBLIC;

REVOKE ALL ON FUNCTION shop.post_journal(wanted_kind shop.journal_kind, about_order uuid, about_event bigint, wanted_currency text, words text, accounts text[], amounts bigint[]) FROM PUBLIC;

REVOKE ALL ON FUNCTION shop.post_order_moves() FROM PUBLIC;

REVOKE ALL ON FUNCTION shop.post_payment_event(event_id bigint, about_order uuid, event_currency text, kind text, amount bigint, to_customer bigint) FROM PUBLIC;

REVOKE ALL ON FUNCTION shop.post_sale(header shop.orders) FROM PUBLIC;

REVOKE ALL ON FUNCTION shop.post_taken_back(wanted_kind shop.journal_kind, header shop.orders) FROM PUBLIC;

REVOKE ALL ON FUNCTION shop.price_cart(cart shop.carts, country text, region text, method_code text) FROM PUBLIC;

REVOKE ALL ON FUNCTION shop.price_of(wanted_variant_id bigint, wanted_currency text) FROM PUBLIC;

REVOKE ALL ON FUNCTION shop.receive_return_items() FROM PUBLIC;

REVOKE ALL ON FUNCTION shop.refuse() FROM PUBLIC;

REVOKE ALL ON FUNCTION shop.refuse_direct_write() FROM PUBLIC;

REVOKE ALL ON FUNCTION shop.refuse_for_erased() FROM PUBLIC;

REVOKE ALL ON FUNCTION shop.refuse_missing(what text, key text) FROM PUBLIC;

REVOKE ALL ON FUNCTION shop.refuse_order_status(header shop.orders, wanted text) FROM PUBLIC;

REVOKE ALL ON FUNCTION shop.refuse_other_content(what text, key text) FROM PUBLIC;

REVOKE ALL ON PROCEDURE shop.refuse_truncate_of(VARIADIC table_names text[]) FROM PUBLIC;

REVOKE ALL ON FUNCTION shop.refuse_unless_trusted() FROM PUBLIC;

REVOKE ALL ON FUNCTION shop.release_allocated_stock() FROM PUBLIC;

REVOKE ALL ON FUNCTION shop.require(holds boolean, argument text, rule text) FROM PUBLIC;

REVOKE ALL ON FUNCTION shop.require_actor() FROM PUBLIC;

REVOKE ALL ON FUNCTION shop.require_address(argument text, address api.address) FROM PUBLIC;

REVOKE ALL ON FUNCTION shop.require_cart_lines(variant_ids bigint[], quantities integer[], currency text) FROM PUBLIC;

REVOKE ALL ON FUNCTION shop.require_digest(digest bytea) FROM PUBLIC;

REVOKE ALL ON FUNCTION shop.require_email(email text) FROM PUBLIC;

REVOKE ALL ON FUNCTION shop.require_line_limit(cart_id uuid) FROM PUBLIC;

REVOKE ALL ON FUNCTION shop.require_none(bad_argument text[]) FROM PUBLIC;

REVOKE ALL ON FUNCTION shop.require_open(cart shop.carts) FROM PUBLIC;

REVOKE ALL ON FUNCTION shop.require_own(owner_id uuid) FROM PUBLIC;

REVOKE ALL ON FUNCTION shop.require_password_hash(password_hash text) FROM PUBLIC;

REVOKE ALL ON FUNCTION shop.require_read_committed() FROM PUBLIC;

REVOKE ALL ON FUNCTION shop.require_stock_key(wanted_variant_id bigint, wanted_warehouse_id bigint) FROM PUBLIC;

REVOKE ALL ON FUNCTION shop.require_stock_limit(wanted_variant_id bigint, wanted_warehouse_id bigint, added integer, argument text) FROM PUBLIC;

REVOKE ALL ON FUNCTION shop.require_whole_journal() FROM PUBLIC;

REVOKE ALL ON FUNCTION shop.require_whole_order() FROM PUBLIC;

REVOKE ALL ON FUNCTION shop.require_whole_return() FROM PUBLIC;

REVOKE ALL ON FUNCTION shop.require_whole_shipment() FROM PUBLIC;

REVOKE ALL ON FUNCTION shop.reserve_allocated_stock() FROM PUBLIC;

REVOKE ALL ON FUNCTION shop.serialise_category_moves() FROM PUBLIC;

REVOKE ALL ON FUNCTION shop.ship_items() FROM PUBLIC;

REVOKE ALL ON FUNCTION shop.slots_gate(variant_id bigint) FROM PUBLIC;

REVOKE ALL ON FUNCTION shop.taken_back(header shop.orders, wanted_kind shop.journal_kind, OUT goods bigint, OUT delivery bigint, OUT tax bigint) FROM PUBLIC;

GRANT SELECT ON TABLE shop.tax_rates TO shop_app;
GRANT SELECT ON TABLE shop.tax_rates TO shop_backoffice;

REVOKE ALL ON FUNCTION shop.tax_rates_at(country text, region text, at timestamp with time zone) FROM PUBLIC;

REVOKE ALL ON FUNCTION shop.tell_outbox(aggregate text, key text, event text, payload jsonb) FROM PUBLIC;

REVOKE ALL ON FUNCTION shop.touch_updated_at() FROM PUBLIC;

REVOKE ALL ON FUNCTION shop.uncount_redemption() FROM PUBLIC;

REVOKE ALL ON FUNCTION shop.without_tax(amount_minor bigint, country text, region text, tax_class text) FROM PUBLIC;

REVOKE ALL ON FUNCTION shop.write_order_history() FROM PUBLIC;

GRANT SELECT ON TABLE shop.customers TO shop_app;
GRANT SELECT ON TABLE shop.customers TO shop_backoffice;

GRANT SELECT(customer_id) ON TABLE shop.customers TO shop_storefront;

GRANT SELECT(email) ON TABLE shop.customers TO shop_storefront;

GRANT SELECT(full_name) ON TABLE shop.customers TO shop_storefront;

GRANT SELECT(phone) ON TABLE shop.customers TO shop_storefront;

GRANT SELECT(tax_number) ON TABLE shop.customers TO shop_storefront;

GRANT SELECT(is_tax_exempt) ON TABLE shop.customers TO shop_storefront;

GRANT SELECT(status) ON TABLE shop.customers TO shop_storefront;

GRANT SELECT(email_verified_at) ON TABLE shop.customers TO shop_storefront;

GRANT SELECT(marketing_consent_at) ON TABLE shop.customers TO shop_storefront;

GRANT SELECT(created_at) ON TABLE shop.customers TO shop_storefront;

GRANT SELECT ON TABLE api.my_account TO shop_storefront;

GRANT SELECT ON TABLE shop.addresses TO shop_app;
GRANT SELECT ON TABLE shop.addresses TO shop_backoffice;

GRANT SELECT(address_id) ON TABLE shop.addresses TO shop_storefront;

GRANT SELECT(customer_id) ON TABLE shop.addresses TO shop_storefront;

GRANT SELECT(recipient) ON TABLE shop.addresses TO shop_storefront;

GRANT SELECT(company) ON TABLE shop.addresses TO shop_storefront;

GRANT SELECT(line1) ON TABLE shop.addresses TO shop_storefront;

GRANT SELECT(line2) ON TABLE shop.addresses TO shop_storefront;

GRANT SELECT(city) ON TABLE shop.addresses TO shop_storefront;

GRANT SELECT(region) ON TABLE shop.addresses TO shop_storefront;

GRANT SELECT(postal_code) ON TABLE shop.addresses TO shop_storefront;

GRANT SELECT(country) ON TABLE shop.addresses TO shop_storefront;

GRANT SELECT(phone) ON TABLE shop.addresses TO shop_storefront;

GRANT SELECT(is_default_shipping) ON TABLE shop.addresses TO shop_storefront;

GRANT SELECT(is_default_billing) ON TABLE shop.addresses TO shop_storefront;

GRANT SELECT(created_at) ON TABLE shop.addresses TO shop_storefront;

GRANT SELECT(archived_at) ON TABLE shop.addresses TO shop_storefront;

GRANT SELECT ON TABLE api.my_addresses TO shop_storefront;

GRANT SELECT ON TABLE shop.cart_items TO shop_app;
GRANT SELECT ON TABLE shop.cart_items TO shop_backoffice;

GRANT SELECT(cart_id) ON TABLE shop.cart_items TO shop_storefront;

GRANT SELECT(variant_id) ON TABLE shop.cart_items TO shop_storefront;

GRANT SELECT(quantity) ON TABLE shop.cart_items TO shop_storefront;

GRANT SELECT(added_at) ON TABLE shop.cart_items TO shop_storefront;

GRANT SELECT ON TABLE api.my_cart TO shop_storefront;

GRANT SELECT ON TABLE shop.invoices TO shop_app;
GRANT SELECT ON TABLE shop.invoices TO shop_backoffice;

GRANT SELECT(series) ON TABLE shop.invoices TO shop_storefront;

GRANT SELECT(number) ON TABLE shop.invoices TO shop_storefront;

GRANT SELECT(order_id) ON TABLE shop.invoices TO shop_storefront;

GRANT SELECT(currency) ON TABLE shop.invoices TO shop_storefront;

GRANT SELECT(total_minor) ON TABLE shop.invoices TO shop_storefront;

GRANT SELECT(tax_minor) ON TABLE shop.invoices TO shop_storefront;

GRANT SELECT(credited_minor) ON TABLE shop.invoices TO shop_storefront;

GRANT SELECT(issued_at) ON TABLE shop.invoices TO shop_storefront;

GRANT SELECT ON TABLE api.my_invoices TO shop_storefront;

GRANT SELECT ON TABLE shop.order_items TO shop_app;
GRANT SELECT ON TABLE shop.order_items TO shop_backoffice;

GRANT SELECT(order_id) ON TABLE shop.order_items TO shop_storefront;

GRANT SELECT(line_number) ON TABLE shop.order_items TO shop_storefront;

GRANT SELECT(variant_id) ON TABLE shop.order_items TO shop_storefront;

GRANT SELECT(currency) ON TABLE shop.order_items TO shop_storefront;

GRANT SELECT(sku) ON TABLE shop.order_items TO shop_storefront;

GRANT SELECT(product_name) ON TABLE shop.order_items TO shop_storefront;

GRANT SELECT(variant_name) ON TABLE shop.order_items TO shop_storefront;

GRANT SELECT(quantity) ON TABLE shop.order_items TO shop_storefront;

GRANT SELECT(unit_price_minor) ON TABLE shop.order_items TO shop_storefront;

GRANT SELECT(discount_minor) ON TABLE shop.order_items TO shop_storefront;

GRANT SELECT(tax_minor) ON TABLE shop.order_items TO shop_storefront;

GRANT SELECT(total_minor) ON TABLE shop.order_items TO shop_storefront;

GRANT SELECT(shipped_quantity) ON TABLE shop.order_items TO shop_storefront;

GRANT SELECT(cancelled_quantity) ON TABLE shop.order_items TO shop_storefront;

GRANT SELECT(returned_quantity) ON TABLE shop.order_items TO shop_storefront;

GRANT SELECT ON TABLE api.my_order_items TO shop_storefront;

GRANT SELECT ON TABLE api.my_orders TO shop_storefront;

GRANT SELECT ON TABLE shop.returns TO shop_app;
GRANT SELECT ON TABLE shop.returns TO shop_backoffice;

GRANT SELECT(return_id) ON TABLE shop.returns TO shop_storefront;

GRANT SELECT(order_id) ON TABLE shop.returns TO shop_storefront;

GRANT SELECT(status) ON TABLE shop.returns TO shop_storefront;

GRANT SELECT(reason) ON TABLE shop.returns TO shop_storefront;

GRANT SELECT(refundable_minor) ON TABLE shop.returns TO shop_storefront;

GRANT SELECT(requested_at) ON TABLE shop.returns TO shop_storefront;

GRANT SELECT(received_at) ON TABLE shop.returns TO shop_storefront;

GRANT SELECT ON TABLE api.my_returns TO shop_storefront;

GRANT SELECT ON TABLE shop.shipments TO shop_app;
GRANT SELECT ON TABLE shop.shipments TO shop_backoffice;

GRANT SELECT(shipment_id) ON TABLE shop.shipments TO shop_storefront;

GRANT SELECT(order_id) ON TABLE shop.shipments TO shop_storefront;

GRANT SELECT(carrier) ON TABLE shop.shipments TO shop_storefront;

GRANT SELECT(tracking_number) ON TABLE shop.shipments TO shop_storefront;

GRANT SELECT(shipped_at) ON TABLE shop.shipments TO shop_storefront;

GRANT SELECT(delivered_at) ON TABLE shop.shipments TO shop_storefront;

GRANT SELECT ON TABLE api.my_shipments TO shop_storefront;

GRANT SELECT ON TABLE api.report_customers TO shop_analyst;

GRANT SELECT ON TABLE shop.journal_lines TO shop_backoffice;

GRANT SELECT ON TABLE shop.journals TO shop_backoffice;

GRANT SELECT ON TABLE api.report_ledger TO shop_analyst;

GRANT SELECT ON TABLE api.report_order_items TO shop_analyst;

GRANT SELECT ON TABLE api.report_orders TO shop_analyst;

GRANT SELECT ON TABLE shop.payments TO shop_app;
GRANT SELECT ON TABLE shop.payments TO shop_backoffice;

GRANT SELECT ON TABLE api.report_payments TO shop_analyst;

GRANT SELECT ON TABLE api.report_returns TO shop_analyst;

GRANT SELECT ON TABLE api.report_stock TO shop_analyst;

GRANT SELECT ON TABLE shop.audit_log TO shop_backoffice;

GRANT SELECT ON TABLE shop.categories TO shop_app;
GRANT SELECT ON TABLE shop.categories TO shop_backoffice;

GRANT SELECT ON TABLE shop.countries TO shop_app;
GRANT SELECT ON TABLE shop.countries TO shop_backoffice;

GRANT SELECT ON TABLE shop.coupon_redemptions TO shop_app;
GRANT SELECT ON TABLE shop.coupon_redemptions TO shop_backoffice;

GRANT SELECT ON TABLE shop.coupons TO shop_app;
GRANT SELECT ON TABLE shop.coupons TO shop_backoffice;

GRANT SELECT ON TABLE shop.credit_notes TO shop_app;
GRANT SELECT ON TABLE shop.credit_notes TO shop_backoffice;

GRANT SELECT ON TABLE shop.currencies TO shop_app;
GRANT SELECT ON TABLE shop.currencies TO shop_backoffice;

GRANT SELECT ON TABLE shop.deployment TO shop_app;
GRANT SELECT ON TABLE shop.deployment TO shop_backoffice;
GRANT SELECT ON TABLE shop.deployment TO shop_ci;

GRANT SELECT ON TABLE shop.document_series TO shop_backoffice;

GRANT SELECT ON TABLE shop.ledger_accounts TO shop_backoffice;

GRANT SELECT ON TABLE shop.order_addresses TO shop_app;
GRANT SELECT ON TABLE shop.order_addresses TO shop_backoffice;

GRANT SELECT ON TABLE shop.order_allocations TO shop_app;
GRANT SELECT ON TABLE shop.order_allocations TO shop_backoffice;

GRANT SELECT ON TABLE shop.order_item_cancellations TO shop_app;
GRANT SELECT ON TABLE shop.order_item_cancellations TO shop_backoffice;

GRANT SELECT ON TABLE shop.order_item_taxes TO shop_app;
GRANT SELECT ON TABLE shop.order_item_taxes TO shop_backoffice;

GRANT SELECT ON TABLE shop.order_shipping_taxes TO shop_app;
GRANT SELECT ON TABLE shop.order_shipping_taxes TO shop_backoffice;

GRANT SELECT ON TABLE shop.order_status_history TO shop_app;
GRANT SELECT ON TABLE shop.order_status_history TO shop_backoffice;

GRANT SELECT ON TABLE shop.order_transitions TO shop_app;
GRANT SELECT ON TABLE shop.order_transitions TO shop_backoffice;

GRANT SELECT ON TABLE shop.payment_events TO shop_backoffice;

GRANT SELECT ON TABLE shop.payment_exceptions TO shop_backoffice;

GRANT SELECT ON TABLE shop.pii_columns TO shop_backoffice;
GRANT SELECT ON TABLE shop.pii_columns TO shop_ci;

GRANT SELECT ON TABLE shop.product_categories TO shop_app;
GRANT SELECT ON TABLE shop.product_categories TO shop_backoffice;

GRANT SELECT ON TABLE shop.product_media TO shop_app;
GRANT SELECT ON TABLE shop.product_media TO shop_backoffice;

GRANT SELECT ON TABLE shop.product_options TO shop_app;
GRANT SELECT ON TABLE shop.product_options TO shop_backoffice;

GRANT SELECT ON TABLE shop.product_variants TO shop_app;
GRANT SELECT ON TABLE shop.product_variants TO shop_backoffice;

GRANT SELECT ON TABLE shop.products TO shop_app;
GRANT SELECT ON TABLE shop.products TO shop_backoffice;

GRANT SELECT ON TABLE shop.refunds TO shop_app;
GRANT SELECT ON TABLE shop.refunds TO shop_backoffice;

GRANT SELECT ON TABLE shop.return_items TO shop_app;
GRANT SELECT ON TABLE shop.return_items TO shop_backoffice;

GRANT SELECT ON TABLE shop.shipment_items TO shop_app;
GRANT SELECT ON TABLE shop.shipment_items TO shop_backoffice;

GRANT SELECT ON TABLE shop.shipping_methods TO shop_app;
GRANT SELECT ON TABLE shop.shipping_methods TO shop_backoffice;

GRANT SELECT ON TABLE shop.shipping_rates TO shop_app;
GRANT SELECT ON TABLE shop.shipping_rates TO shop_backoffice;

GRANT SELECT ON TABLE shop.stock_levels TO shop_app;
GRANT SELECT ON TABLE shop.stock_levels TO shop_backoffice;

GRANT SELECT ON TABLE shop.stock_movements TO shop_backoffice;

GRANT SELECT ON TABLE shop.tax_classes TO shop_app;
GRANT SELECT ON TABLE shop.tax_classes TO shop_backoffice;

GRANT SELECT ON TABLE shop.variant_option_values TO shop_app;
GRANT SELECT ON TABLE shop.variant_option_values TO shop_backoffice;

GRANT SELECT ON TABLE shop.variant_prices TO shop_app;
GRANT SELECT ON TABLE shop.variant_prices TO shop_backoffice;

GRANT SELECT ON TABLE shop.warehouses TO shop_app;
GRANT SELECT ON TABLE shop.warehouses TO shop_backoffice;

ALTER DEFAULT PRIVILEGES FOR ROLE shop_owner REVOKE ALL ON TYPES FROM PUBLIC;

ALTER DEFAULT PRIVILEGES FOR ROLE shop_owner REVOKE ALL ON FUNCTIONS FROM PUBLIC;

-- fingerprint: 26d32fb521529b205194c960705227dbba177fec3918b1cf1a03f5e4fecab173
