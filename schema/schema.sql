-- The whole schema at revision 0013, to be read; scripts/dump_schema.py writes it from the migrations.
-- `cd schema && alembic upgrade head` makes the schema, scripts/bootstrap.py the roles named here.

CREATE SCHEMA api;

COMMENT ON SCHEMA api IS 'The public contract: functions and views that applications call.';

CREATE SCHEMA shop;

COMMENT ON SCHEMA shop IS 'Tables and their triggers. Written to by the functions of schema api alone.';

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

CREATE FUNCTION api.verify_integrity() RETURNS TABLE(invariant text, examined bigint, violations bigint, example text)
    LANGUAGE plpgsql STABLE SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'shop', 'pg_temp'
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
        -- Several payments, each within its amount, can still be more than the order costs.
        ('over_payment', greatest(o.captured_minor - o.total_minor, 0)),
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
    who text := nullif(current_setting('shop.actor', true), '');
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
    FROM (
        SELECT order_id, line_number, count(*) AS total, sum(tax_minor) AS tax
        FROM shop.order_item_taxes
        WHERE order_id = ANY (ARRAY(SELECT DISTINCT order_id FROM added))
        GROUP BY order_id, line_number
    ) AS stored
    RIGHT JOIN shop.order_items AS line USING (order_id, line_number)
    WHERE line.order_id = ANY (ARRAY(SELECT DISTINCT order_id FROM added))
      AND (line.tax_count, line.tax_minor) <> (coalesce(stored.total, 0), coalesce(stored.tax, 0));
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
    SELECT min(line.order_id::text) INTO wrong_order
    FROM (
        SELECT order_id, count(*) AS line_count, sum(quantity) AS unit_count, sum(subtotal_minor) AS subtotal,
               sum(discount_minor) AS discount, sum(tax_minor) AS tax,
               bool_and(prices_include_tax) AS all_include, bool_or(prices_include_tax) AS any_include
        FROM shop.order_items
        WHERE order_id = ANY (ARRAY(SELECT DISTINCT order_id FROM added))
        GROUP BY order_id
    ) AS line
    LEFT JOIN shop.orders AS header USING (order_id)
    WHERE (header.line_count, header.unit_count, header.subtotal_minor, header.discount_minor,
           header.tax_minor - header.shipping_tax_minor, header.prices_include_tax, header.prices_include_tax)
        IS DISTINCT FROM
          (line.line_count, line.unit_count, line.subtotal, line.discount, line.tax, line.all_include, line.any_include);
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
    SELECT min(stored.order_id::text) INTO wrong_order
    FROM (
        SELECT order_id, count(*) AS total, sum(tax_minor) AS tax
        FROM shop.order_shipping_taxes
        WHERE order_id = ANY (ARRAY(SELECT DISTINCT order_id FROM added))
        GROUP BY order_id
    ) AS stored
    LEFT JOIN shop.orders AS header USING (order_id)
    WHERE (header.shipping_tax_count, header.shipping_tax_minor) IS DISTINCT FROM (stored.total, stored.tax);
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
    closed text;
BEGIN
    PERFORM FROM shop.carts
    WHERE cart_id = ANY (ARRAY(SELECT DISTINCT cart_id FROM changed))
    ORDER BY cart_id
    FOR NO KEY UPDATE;
    UPDATE shop.carts SET version = version + 1
    WHERE cart_id = ANY (ARRAY(SELECT DISTINCT cart_id FROM changed)) AND status = 'open';

    SELECT min(format('cart %s is %s', cart_id, status)) INTO closed
    FROM shop.carts
    WHERE cart_id = ANY (ARRAY(SELECT DISTINCT cart_id FROM changed)) AND status <> 'open';
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

COMMENT ON FUNCTION shop.count_cart_change() IS 'Trigger: lines of a cart change only while it is open, and each change raises its version.';

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
    WHERE order_id = ANY (ARRAY(SELECT DISTINCT order_id FROM added)) AND status NOT IN ('pending', 'confirmed');
    IF ended IS NOT NULL THEN
        RAISE EXCEPTION USING
            ERRCODE = 'SH111',
            MESSAGE = format('%s: nothing is to be paid', ended),
            HINT = 'Place another order.',
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
           closed_at
    FROM (
        SELECT payment.amount_minor,
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
                   (array_agg(to_status ORDER BY sequence DESC))[1] AS last_status
            FROM (
                SELECT order_id, sequence, from_status, to_status,
                       lag(to_status) OVER steps AS previous_status, row_number() OVER steps AS position
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
        NEW.ancestry := ARRAY[NEW.parent_id]; -- The foreign key will say that the parent does not exist.
        RETURN NEW;
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
    )
    UPDATE shop.categories AS category
    SET ancestry = below.ancestry
    FROM below
    WHERE category.category_id = below.category_id;
    RETURN NULL;
END
$$;

COMMENT ON FUNCTION shop.move_category_subtree() IS 'Trigger: carries a move on to all categories below.';

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

CREATE FUNCTION shop.release_allocated_stock() RETURNS trigger
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'shop', 'pg_temp'
    AS $$
BEGIN
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
    SELECT CASE
        WHEN (SELECT count(*) FROM shop.order_items AS line WHERE line.order_id = NEW.order_id) <> NEW.line_count
            THEN 'its lines'
        WHEN (SELECT count(*) FROM shop.order_addresses AS a WHERE a.order_id = NEW.order_id) <> 2
            THEN 'its shipping and billing address'
        -- The rows that are there were compared when they came; what is left to see is whether all came.
        WHEN (SELECT count(*) FROM shop.order_item_taxes AS t WHERE t.order_id = NEW.order_id)
            <> (SELECT sum(line.tax_count) FROM shop.order_items AS line WHERE line.order_id = NEW.order_id)
            OR (SELECT coalesce(sum(tax_minor), 0) FROM shop.order_item_taxes AS t WHERE t.order_id = NEW.order_id)
            <> NEW.tax_minor - NEW.shipping_tax_minor
            THEN 'the taxes of its lines'
        WHEN (SELECT count(*) FROM shop.order_shipping_taxes AS t WHERE t.order_id = NEW.order_id)
            <> NEW.shipping_tax_count
            OR (SELECT coalesce(sum(tax_minor), 0) FROM shop.order_shipping_taxes AS t WHERE t.order_id = NEW.order_id)
            <> NEW.shipping_tax_minor
            THEN 'the taxes of its shipping'
        WHEN NEW.discount_minor <> coalesce(
            (SELECT discount_minor FROM shop.coupon_redemptions AS r WHERE r.order_id = NEW.order_id), 0)
            THEN 'the coupon redemption that explains its discount'
    END INTO missing;
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
BEGIN
    SELECT min(format('line %s of order %s', added.line_number, added.order_id)) INTO wrong
    FROM added
    JOIN shop.order_items AS line USING (order_id, line_number)
    WHERE line.variant_id <> added.variant_id;
    IF wrong IS NOT NULL THEN
        RAISE EXCEPTION USING
            ERRCODE = 'SH111',
            MESSAGE = format('%s sells another variant', wrong),
            HINT = 'Allocate stock of the line''s own variant.',
            SCHEMA = TG_TABLE_SCHEMA, TABLE = TG_TABLE_NAME, CONSTRAINT = TG_NAME;
    END IF;

    UPDATE shop.order_items AS line
    SET allocated_quantity = line.allocated_quantity + change.quantity
    FROM (
        SELECT order_id, line_number, sum(quantity)::integer AS quantity FROM added GROUP BY order_id, line_number
    ) AS change
    WHERE (line.order_id, line.line_number) = (change.order_id, change.line_number);

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

    UPDATE shop.order_allocations AS allocation
    SET shipped_quantity = allocation.shipped_quantity + change.quantity
    FROM (
        SELECT order_id, line_number, warehouse_id, slot, sum(quantity)::integer AS quantity
        FROM added GROUP BY order_id, line_number, warehouse_id, slot
    ) AS change
    WHERE (allocation.order_id, allocation.line_number, allocation.warehouse_id, allocation.slot)
        = (change.order_id, change.line_number, change.warehouse_id, change.slot);

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

CREATE FUNCTION shop.write_order_history() RETURNS trigger
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'shop', 'pg_temp'
    AS $$
BEGIN
    INSERT INTO shop.order_status_history (order_id, sequence, from_status, to_status, actor)
    SELECT NEW.order_id,
           CASE TG_OP WHEN 'INSERT' THEN 1 ELSE
               (SELECT max(sequence) + 1 FROM shop.order_status_history WHERE order_id = NEW.order_id)
           END,
           CASE TG_OP WHEN 'UPDATE' THEN OLD.status END,
           NEW.status,
           nullif(current_setting('shop.actor', true), '');
    RETURN NULL;
END
$$;

COMMENT ON FUNCTION shop.write_order_history() IS 'Trigger: every status of an order goes down in its history.';

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
    CONSTRAINT ck_addresses_city_length CHECK ((((char_length(city) >= 1) AND (char_length(city) <= 100)) AND (btrim(city) <> ''::text))),
    CONSTRAINT ck_addresses_company_length CHECK ((((char_length(company) >= 1) AND (char_length(company) <= 200)) AND (btrim(company) <> ''::text))),
    CONSTRAINT ck_addresses_line1_length CHECK ((((char_length(line1) >= 1) AND (char_length(line1) <= 200)) AND (btrim(line1) <> ''::text))),
    CONSTRAINT ck_addresses_line2_length CHECK ((((char_length(line2) >= 1) AND (char_length(line2) <= 200)) AND (btrim(line2) <> ''::text))),
    CONSTRAINT ck_addresses_phone_length CHECK ((((char_length(phone) >= 1) AND (char_length(phone) <= 40)) AND (btrim(phone) <> ''::text))),
    CONSTRAINT ck_addresses_postal_code_length CHECK ((((char_length(postal_code) >= 1) AND (char_length(postal_code) <= 20)) AND (btrim(postal_code) <> ''::text))),
    CONSTRAINT ck_addresses_recipient_length CHECK ((((char_length(recipient) >= 1) AND (char_length(recipient) <= 200)) AND (btrim(recipient) <> ''::text))),
    CONSTRAINT ck_addresses_region_length CHECK ((((char_length(region) >= 1) AND (char_length(region) <= 100)) AND (btrim(region) <> ''::text)))
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

CREATE TABLE shop.audit_log (
    occurred_at timestamp with time zone DEFAULT now() NOT NULL,
    audit_log_id bigint NOT NULL,
    actor text NOT NULL,
    action shop.audit_action NOT NULL,
    table_name text NOT NULL,
    row_key text NOT NULL,
    changes jsonb DEFAULT '{}'::jsonb NOT NULL,
    CONSTRAINT ck_audit_log_actor_length CHECK ((((char_length(actor) >= 1) AND (char_length(actor) <= 200)) AND (btrim(actor) <> ''::text))),
    CONSTRAINT ck_audit_log_changes_is_object CHECK ((jsonb_typeof(changes) = 'object'::text)),
    CONSTRAINT ck_audit_log_row_key_length CHECK ((((char_length(row_key) >= 1) AND (char_length(row_key) <= 200)) AND (btrim(row_key) <> ''::text))),
    CONSTRAINT ck_audit_log_table_name_length CHECK ((((char_length(table_name) >= 1) AND (char_length(table_name) <= 63)) AND (btrim(table_name) <> ''::text)))
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

COMMENT ON COLUMN shop.carts.version IS 'Raised by each change of its lines. Kept by trigger.';

COMMENT ON COLUMN shop.carts.created_at IS 'When it was created.';

COMMENT ON COLUMN shop.carts.updated_at IS 'When it last changed. Kept by trigger.';

COMMENT ON COLUMN shop.carts.expires_at IS 'When an open cart is given up.';

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
    CONSTRAINT ck_categories_name_length CHECK ((((char_length(name) >= 1) AND (char_length(name) <= 200)) AND (btrim(name) <> ''::text))),
    CONSTRAINT ck_categories_not_own_ancestor CHECK ((NOT (category_id = ANY (ancestry)))),
    CONSTRAINT ck_categories_not_own_parent CHECK ((parent_id <> category_id)),
    CONSTRAINT ck_categories_parent_ends_ancestry CHECK ((NOT (parent_id IS DISTINCT FROM ancestry[cardinality(ancestry)]))),
    CONSTRAINT ck_categories_position_not_negative CHECK (("position" >= 0)),
    CONSTRAINT ck_categories_slug_format CHECK ((slug ~ '^[a-z0-9]+(-[a-z0-9]+)*$'::text)),
    CONSTRAINT ck_categories_slug_length CHECK ((((char_length(slug) >= 1) AND (char_length(slug) <= 120)) AND (btrim(slug) <> ''::text))),
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
    CONSTRAINT ck_countries_name_length CHECK ((((char_length(name) >= 1) AND (char_length(name) <= 100)) AND (btrim(name) <> ''::text))),
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
    CONSTRAINT ck_coupons_description_length CHECK ((((char_length(description) >= 1) AND (char_length(description) <= 500)) AND (btrim(description) <> ''::text))),
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
    CONSTRAINT ck_credit_notes_reason_length CHECK ((((char_length(reason) >= 1) AND (char_length(reason) <= 500)) AND (btrim(reason) <> ''::text))),
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

COMMENT ON COLUMN shop.credit_notes.reason IS 'Why.';

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
    CONSTRAINT ck_currencies_name_length CHECK ((((char_length(name) >= 1) AND (char_length(name) <= 100)) AND (btrim(name) <> ''::text))),
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
    CONSTRAINT ck_customers_email_length CHECK ((((char_length(email) >= 1) AND (char_length(email) <= 254)) AND (btrim(email) <> ''::text))),
    CONSTRAINT ck_customers_erased_at_matches_status CHECK (((status = 'erased'::shop.customer_status) = (erased_at IS NOT NULL))),
    CONSTRAINT ck_customers_full_name_length CHECK ((((char_length(full_name) >= 1) AND (char_length(full_name) <= 200)) AND (btrim(full_name) <> ''::text))),
    CONSTRAINT ck_customers_phone_length CHECK ((((char_length(phone) >= 1) AND (char_length(phone) <= 40)) AND (btrim(phone) <> ''::text))),
    CONSTRAINT ck_customers_tax_number_length CHECK ((((char_length(tax_number) >= 1) AND (char_length(tax_number) <= 40)) AND (btrim(tax_number) <> ''::text))),
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
    CONSTRAINT ck_invoices_buyer_address_length CHECK ((((char_length(buyer_address) >= 1) AND (char_length(buyer_address) <= 1000)) AND (btrim(buyer_address) <> ''::text))),
    CONSTRAINT ck_invoices_buyer_name_length CHECK ((((char_length(buyer_name) >= 1) AND (char_length(buyer_name) <= 200)) AND (btrim(buyer_name) <> ''::text))),
    CONSTRAINT ck_invoices_buyer_tax_number_length CHECK ((((char_length(buyer_tax_number) >= 1) AND (char_length(buyer_tax_number) <= 40)) AND (btrim(buyer_tax_number) <> ''::text))),
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

ALTER TABLE shop.invoices ALTER COLUMN invoice_id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME shop.invoices_invoice_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

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
    CONSTRAINT ck_journals_description_length CHECK ((((char_length(description) >= 1) AND (char_length(description) <= 500)) AND (btrim(description) <> ''::text))),
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
    CONSTRAINT ck_ledger_accounts_meaning_length CHECK ((((char_length(meaning) >= 1) AND (char_length(meaning) <= 500)) AND (btrim(meaning) <> ''::text)))
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
    CONSTRAINT ck_login_sessions_user_agent_length CHECK ((((char_length(user_agent) >= 1) AND (char_length(user_agent) <= 500)) AND (btrim(user_agent) <> ''::text)))
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
    CONSTRAINT ck_order_addresses_city_length CHECK ((((char_length(city) >= 1) AND (char_length(city) <= 100)) AND (btrim(city) <> ''::text))),
    CONSTRAINT ck_order_addresses_company_length CHECK ((((char_length(company) >= 1) AND (char_length(company) <= 200)) AND (btrim(company) <> ''::text))),
    CONSTRAINT ck_order_addresses_line1_length CHECK ((((char_length(line1) >= 1) AND (char_length(line1) <= 200)) AND (btrim(line1) <> ''::text))),
    CONSTRAINT ck_order_addresses_line2_length CHECK ((((char_length(line2) >= 1) AND (char_length(line2) <= 200)) AND (btrim(line2) <> ''::text))),
    CONSTRAINT ck_order_addresses_phone_length CHECK ((((char_length(phone) >= 1) AND (char_length(phone) <= 40)) AND (btrim(phone) <> ''::text))),
    CONSTRAINT ck_order_addresses_postal_code_length CHECK ((((char_length(postal_code) >= 1) AND (char_length(postal_code) <= 20)) AND (btrim(postal_code) <> ''::text))),
    CONSTRAINT ck_order_addresses_recipient_length CHECK ((((char_length(recipient) >= 1) AND (char_length(recipient) <= 200)) AND (btrim(recipient) <> ''::text))),
    CONSTRAINT ck_order_addresses_region_length CHECK ((((char_length(region) >= 1) AND (char_length(region) <= 100)) AND (btrim(region) <> ''::text)))
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
    CONSTRAINT ck_order_item_cancellations_reason_length CHECK ((((char_length(reason) >= 1) AND (char_length(reason) <= 500)) AND (btrim(reason) <> ''::text)))
);

COMMENT ON TABLE shop.order_item_cancellations IS 'Cancelled units, line by line. Their stock must have been released before.';

COMMENT ON COLUMN shop.order_item_cancellations.order_id IS 'The order.';

COMMENT ON COLUMN shop.order_item_cancellations.line_number IS 'The line.';

COMMENT ON COLUMN shop.order_item_cancellations.cancellation_id IS 'Key of the request, the same on each line it touches.';

COMMENT ON COLUMN shop.order_item_cancellations.quantity IS 'Units cancelled.';

COMMENT ON COLUMN shop.order_item_cancellations.reason IS 'Why, such as customer_request, payment_expired or out_of_stock.';

COMMENT ON COLUMN shop.order_item_cancellations.cancelled_at IS 'When.';

CREATE TABLE shop.order_item_taxes (
    order_id uuid NOT NULL,
    line_number smallint NOT NULL,
    jurisdiction text NOT NULL,
    rate numeric(9,6) NOT NULL,
    base_minor bigint NOT NULL,
    tax_minor bigint NOT NULL,
    CONSTRAINT ck_order_item_taxes_base_minor_not_negative CHECK ((base_minor >= 0)),
    CONSTRAINT ck_order_item_taxes_jurisdiction_length CHECK ((((char_length(jurisdiction) >= 1) AND (char_length(jurisdiction) <= 100)) AND (btrim(jurisdiction) <> ''::text))),
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
    CONSTRAINT ck_order_items_product_name_length CHECK ((((char_length(product_name) >= 1) AND (char_length(product_name) <= 200)) AND (btrim(product_name) <> ''::text))),
    CONSTRAINT ck_order_items_quantity_range CHECK (((quantity >= 1) AND (quantity <= 999))),
    CONSTRAINT ck_order_items_returned_within_shipped CHECK (((returned_quantity >= 0) AND (returned_quantity <= shipped_quantity))),
    CONSTRAINT ck_order_items_shipped_within_allocated CHECK (((shipped_quantity >= 0) AND (shipped_quantity <= allocated_quantity))),
    CONSTRAINT ck_order_items_sku_length CHECK ((((char_length(sku) >= 1) AND (char_length(sku) <= 64)) AND (btrim(sku) <> ''::text))),
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
    CONSTRAINT ck_order_items_variant_name_length CHECK ((((char_length(variant_name) >= 1) AND (char_length(variant_name) <= 200)) AND (btrim(variant_name) <> ''::text)))
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

CREATE TABLE shop.order_shipping_taxes (
    order_id uuid NOT NULL,
    jurisdiction text NOT NULL,
    rate numeric(9,6) NOT NULL,
    base_minor bigint NOT NULL,
    tax_minor bigint NOT NULL,
    CONSTRAINT ck_order_shipping_taxes_base_minor_not_negative CHECK ((base_minor >= 0)),
    CONSTRAINT ck_order_shipping_taxes_jurisdiction_length CHECK ((((char_length(jurisdiction) >= 1) AND (char_length(jurisdiction) <= 100)) AND (btrim(jurisdiction) <> ''::text))),
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
    CONSTRAINT ck_order_status_history_actor_length CHECK ((((char_length(actor) >= 1) AND (char_length(actor) <= 200)) AND (btrim(actor) <> ''::text))),
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
    CONSTRAINT ck_order_transitions_meaning_length CHECK ((((char_length(meaning) >= 1) AND (char_length(meaning) <= 500)) AND (btrim(meaning) <> ''::text))),
    CONSTRAINT ck_order_transitions_moves CHECK ((from_status <> to_status))
);

COMMENT ON TABLE shop.order_transitions IS 'The legal moves of an order''s status; whatever is not listed is refused.';

COMMENT ON COLUMN shop.order_transitions.from_status IS 'Status before.';

COMMENT ON COLUMN shop.order_transitions.to_status IS 'Status after.';

COMMENT ON COLUMN shop.order_transitions.meaning IS 'What happened.';

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
    CONSTRAINT ck_orders_contact_email_length CHECK ((((char_length(contact_email) >= 1) AND (char_length(contact_email) <= 254)) AND (btrim(contact_email) <> ''::text))),
    CONSTRAINT ck_orders_contact_phone_length CHECK ((((char_length(contact_phone) >= 1) AND (char_length(contact_phone) <= 40)) AND (btrim(contact_phone) <> ''::text))),
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
    CONSTRAINT ck_orders_shipping_method_name_length CHECK ((((char_length(shipping_method_name) >= 1) AND (char_length(shipping_method_name) <= 100)) AND (btrim(shipping_method_name) <> ''::text))),
    CONSTRAINT ck_orders_shipping_minor_limit CHECK ((shipping_minor <= '1000000000000'::bigint)),
    CONSTRAINT ck_orders_shipping_minor_not_negative CHECK ((shipping_minor >= 0)),
    CONSTRAINT ck_orders_shipping_tax_count_not_negative CHECK ((shipping_tax_count >= 0)),
    CONSTRAINT ck_orders_shipping_tax_within_tax CHECK (((shipping_tax_minor >= 0) AND (shipping_tax_minor <= tax_minor))),
    CONSTRAINT ck_orders_subtotal_minor_limit CHECK ((subtotal_minor <= '1000000000000'::bigint)),
    CONSTRAINT ck_orders_subtotal_minor_not_negative CHECK ((subtotal_minor >= 0)),
    CONSTRAINT ck_orders_tax_number_length CHECK ((((char_length(tax_number) >= 1) AND (char_length(tax_number) <= 40)) AND (btrim(tax_number) <> ''::text))),
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
    CONSTRAINT ck_outbox_events_aggregate_id_length CHECK ((((char_length(aggregate_id) >= 1) AND (char_length(aggregate_id) <= 64)) AND (btrim(aggregate_id) <> ''::text))),
    CONSTRAINT ck_outbox_events_aggregate_type_format CHECK ((aggregate_type ~ '^[a-z][a-z_]{0,29}$'::text)),
    CONSTRAINT ck_outbox_events_attempts_not_negative CHECK ((attempts >= 0)),
    CONSTRAINT ck_outbox_events_event_type_format CHECK ((event_type ~ '^[a-z][a-z_]*[.][a-z][a-z_]*$'::text)),
    CONSTRAINT ck_outbox_events_event_type_length CHECK ((((char_length(event_type) >= 1) AND (char_length(event_type) <= 80)) AND (btrim(event_type) <> ''::text))),
    CONSTRAINT ck_outbox_events_last_error_length CHECK ((((char_length(last_error) >= 1) AND (char_length(last_error) <= 2000)) AND (btrim(last_error) <> ''::text))),
    CONSTRAINT ck_outbox_events_lease_is_whole CHECK (((lease_token IS NULL) = (leased_until IS NULL))),
    CONSTRAINT ck_outbox_events_outbox_event_id_is_uuidv7 CHECK ((uuid_extract_version(outbox_event_id) = 7)),
    CONSTRAINT ck_outbox_events_payload_is_object CHECK ((jsonb_typeof(payload) = 'object'::text)),
    CONSTRAINT ck_outbox_events_payload_limit CHECK ((pg_column_size(payload) <= 65536)),
    CONSTRAINT ck_outbox_events_published_or_parked CHECK (((published_at IS NULL) OR (parked_at IS NULL))),
    CONSTRAINT ck_outbox_events_sequence_positive CHECK ((sequence > 0))
)
WITH (fillfactor='80');

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
    payload jsonb DEFAULT '{}'::jsonb NOT NULL,
    occurred_at timestamp with time zone NOT NULL,
    received_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT ck_payment_events_amount_minor_limit CHECK ((amount_minor <= '1000000000000'::bigint)),
    CONSTRAINT ck_payment_events_amount_minor_not_negative CHECK ((amount_minor >= 0)),
    CONSTRAINT ck_payment_events_money_moves_an_amount CHECK (((amount_minor > 0) OR (kind <> ALL (ARRAY['authorized'::shop.payment_event_kind, 'captured'::shop.payment_event_kind, 'refunded'::shop.payment_event_kind])))),
    CONSTRAINT ck_payment_events_payload_is_object CHECK ((jsonb_typeof(payload) = 'object'::text)),
    CONSTRAINT ck_payment_events_payload_limit CHECK ((pg_column_size(payload) <= 8192)),
    CONSTRAINT ck_payment_events_provider_event_id_length CHECK ((((char_length(provider_event_id) >= 1) AND (char_length(provider_event_id) <= 200)) AND (btrim(provider_event_id) <> ''::text))),
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

COMMENT ON COLUMN shop.payment_events.payload IS 'Fields kept from the provider''s message; a short list without personal data.';

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
    CONSTRAINT ck_payment_exceptions_resolution_length CHECK ((((char_length(resolution) >= 1) AND (char_length(resolution) <= 1000)) AND (btrim(resolution) <> ''::text))),
    CONSTRAINT ck_payment_exceptions_resolved_after_raised CHECK ((resolved_at >= raised_at)),
    CONSTRAINT ck_payment_exceptions_resolved_by_length CHECK ((((char_length(resolved_by) >= 1) AND (char_length(resolved_by) <= 200)) AND (btrim(resolved_by) <> ''::text)))
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

COMMENT ON COLUMN shop.payment_exceptions.resolution IS 'What was done.';

COMMENT ON COLUMN shop.payment_exceptions.resolved_by IS 'Who settled it.';

ALTER TABLE shop.payment_exceptions ALTER COLUMN payment_exception_id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME shop.payment_exceptions_payment_exception_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

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
    CONSTRAINT ck_payments_method_length CHECK ((((char_length(method) >= 1) AND (char_length(method) <= 50)) AND (btrim(method) <> ''::text))),
    CONSTRAINT ck_payments_payment_id_is_uuidv7 CHECK ((uuid_extract_version(payment_id) = 7)),
    CONSTRAINT ck_payments_provider_format CHECK ((provider ~ '^[a-z][a-z0-9_]{1,29}$'::text)),
    CONSTRAINT ck_payments_provider_reference_length CHECK ((((char_length(provider_reference) >= 1) AND (char_length(provider_reference) <= 200)) AND (btrim(provider_reference) <> ''::text))),
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

CREATE TABLE shop.pii_columns (
    table_name text NOT NULL,
    column_name text NOT NULL,
    erase shop.erasure_moment NOT NULL,
    reason text NOT NULL,
    CONSTRAINT ck_pii_columns_column_name_length CHECK ((((char_length(column_name) >= 1) AND (char_length(column_name) <= 63)) AND (btrim(column_name) <> ''::text))),
    CONSTRAINT ck_pii_columns_reason_length CHECK ((((char_length(reason) >= 1) AND (char_length(reason) <= 500)) AND (btrim(reason) <> ''::text))),
    CONSTRAINT ck_pii_columns_table_name_length CHECK ((((char_length(table_name) >= 1) AND (char_length(table_name) <= 63)) AND (btrim(table_name) <> ''::text)))
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
    CONSTRAINT ck_product_media_alt_text_length CHECK (((char_length(alt_text) >= 0) AND (char_length(alt_text) <= 500))),
    CONSTRAINT ck_product_media_position_range CHECK ((("position" >= 1) AND ("position" <= 100))),
    CONSTRAINT ck_product_media_url_is_https CHECK ((url ~ '^https://[^[:space:]]+$'::text)),
    CONSTRAINT ck_product_media_url_length CHECK ((((char_length(url) >= 1) AND (char_length(url) <= 2000)) AND (btrim(url) <> ''::text)))
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
    CONSTRAINT ck_product_options_name_length CHECK ((((char_length(name) >= 1) AND (char_length(name) <= 60)) AND (btrim(name) <> ''::text))),
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
    CONSTRAINT ck_product_variants_name_length CHECK ((((char_length(name) >= 1) AND (char_length(name) <= 200)) AND (btrim(name) <> ''::text))),
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
    CONSTRAINT ck_products_brand_length CHECK ((((char_length(brand) >= 1) AND (char_length(brand) <= 100)) AND (btrim(brand) <> ''::text))),
    CONSTRAINT ck_products_description_length CHECK (((char_length(description) >= 0) AND (char_length(description) <= 20000))),
    CONSTRAINT ck_products_name_length CHECK ((((char_length(name) >= 1) AND (char_length(name) <= 200)) AND (btrim(name) <> ''::text))),
    CONSTRAINT ck_products_slug_format CHECK ((slug ~ '^[a-z0-9]+(-[a-z0-9]+)*$'::text)),
    CONSTRAINT ck_products_slug_length CHECK ((((char_length(slug) >= 1) AND (char_length(slug) <= 160)) AND (btrim(slug) <> ''::text))),
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
    CONSTRAINT ck_refunds_provider_reference_length CHECK ((((char_length(provider_reference) >= 1) AND (char_length(provider_reference) <= 200)) AND (btrim(provider_reference) <> ''::text))),
    CONSTRAINT ck_refunds_reason_length CHECK ((((char_length(reason) >= 1) AND (char_length(reason) <= 500)) AND (btrim(reason) <> ''::text))),
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

COMMENT ON COLUMN shop.refunds.reason IS 'Why.';

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
    CONSTRAINT ck_returns_reason_length CHECK ((((char_length(reason) >= 1) AND (char_length(reason) <= 500)) AND (btrim(reason) <> ''::text))),
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

COMMENT ON COLUMN shop.returns.reason IS 'What the customer said.';

COMMENT ON COLUMN shop.returns.refundable_minor IS 'Value of the units received, in the order''s minor unit. Kept by trigger.';

COMMENT ON COLUMN shop.returns.refund_requested_minor IS 'Refunds for it that are pending or succeeded. Kept by trigger.';

COMMENT ON COLUMN shop.returns.item_count IS 'Items announced. Kept by trigger.';

COMMENT ON COLUMN shop.returns.received_count IS 'Items received. Kept by trigger.';

COMMENT ON COLUMN shop.returns.requested_at IS 'When it was announced.';

COMMENT ON COLUMN shop.returns.received_at IS 'When the goods were inspected; NULL before.';

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

CREATE TABLE shop.shipments (
    shipment_id uuid DEFAULT uuidv7() NOT NULL,
    order_id uuid NOT NULL,
    warehouse_id bigint NOT NULL,
    carrier text NOT NULL,
    tracking_number text,
    line_count smallint NOT NULL,
    shipped_at timestamp with time zone DEFAULT now() NOT NULL,
    delivered_at timestamp with time zone,
    CONSTRAINT ck_shipments_carrier_length CHECK ((((char_length(carrier) >= 1) AND (char_length(carrier) <= 100)) AND (btrim(carrier) <> ''::text))),
    CONSTRAINT ck_shipments_delivered_after_shipped CHECK ((delivered_at >= shipped_at)),
    CONSTRAINT ck_shipments_line_count_range CHECK (((line_count >= 1) AND (line_count <= 200))),
    CONSTRAINT ck_shipments_shipment_id_is_uuidv7 CHECK ((uuid_extract_version(shipment_id) = 7)),
    CONSTRAINT ck_shipments_tracking_number_length CHECK ((((char_length(tracking_number) >= 1) AND (char_length(tracking_number) <= 100)) AND (btrim(tracking_number) <> ''::text)))
);

COMMENT ON TABLE shop.shipments IS 'Shipments. The client-made key makes a repeated posting one shipment.';

COMMENT ON COLUMN shop.shipments.shipment_id IS 'Key of the shipment, a UUIDv7 the client makes.';

COMMENT ON COLUMN shop.shipments.order_id IS 'The order.';

COMMENT ON COLUMN shop.shipments.warehouse_id IS 'Where it left from.';

COMMENT ON COLUMN shop.shipments.carrier IS 'Who carries it.';

COMMENT ON COLUMN shop.shipments.tracking_number IS 'The carrier''s number, if any.';

COMMENT ON COLUMN shop.shipments.line_count IS 'Number of its items.';

COMMENT ON COLUMN shop.shipments.shipped_at IS 'When it left.';

COMMENT ON COLUMN shop.shipments.delivered_at IS 'When it arrived; NULL while under way.';

CREATE TABLE shop.shipping_methods (
    shipping_method_id bigint NOT NULL,
    code text NOT NULL,
    name text NOT NULL,
    carrier text NOT NULL,
    tax_class text DEFAULT 'shipping'::text NOT NULL,
    min_days smallint NOT NULL,
    max_days smallint NOT NULL,
    is_active boolean DEFAULT true NOT NULL,
    CONSTRAINT ck_shipping_methods_carrier_length CHECK ((((char_length(carrier) >= 1) AND (char_length(carrier) <= 100)) AND (btrim(carrier) <> ''::text))),
    CONSTRAINT ck_shipping_methods_code_format CHECK ((code ~ '^[a-z][a-z0-9_]{1,29}$'::text)),
    CONSTRAINT ck_shipping_methods_days_range CHECK ((((min_days >= 0) AND (min_days <= max_days)) AND (max_days <= 90))),
    CONSTRAINT ck_shipping_methods_name_length CHECK ((((char_length(name) >= 1) AND (char_length(name) <= 100)) AND (btrim(name) <> ''::text)))
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
    CONSTRAINT ck_stock_movements_reason_length CHECK ((((char_length(reason) >= 1) AND (char_length(reason) <= 500)) AND (btrim(reason) <> ''::text)))
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
    CONSTRAINT ck_tax_classes_description_length CHECK ((((char_length(description) >= 1) AND (char_length(description) <= 500)) AND (btrim(description) <> ''::text))),
    CONSTRAINT ck_tax_classes_tax_class_format CHECK ((tax_class ~ '^[a-z][a-z_]{0,29}$'::text))
);

COMMENT ON TABLE shop.tax_classes IS 'Tax classes; rates are looked up by destination and class.';

COMMENT ON COLUMN shop.tax_classes.tax_class IS 'Key, such as standard or shipping.';

COMMENT ON COLUMN shop.tax_classes.description IS 'What belongs to it.';

CREATE TABLE shop.tax_rates (
    tax_rate_id bigint NOT NULL,
    country text NOT NULL,
    region text DEFAULT ''::text NOT NULL,
    tax_class text NOT NULL,
    jurisdiction text NOT NULL,
    rate numeric(9,6) NOT NULL,
    valid_from timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT ck_tax_rates_jurisdiction_length CHECK ((((char_length(jurisdiction) >= 1) AND (char_length(jurisdiction) <= 100)) AND (btrim(jurisdiction) <> ''::text))),
    CONSTRAINT ck_tax_rates_rate_range CHECK (((rate >= (0)::numeric) AND (rate <= (1)::numeric))),
    CONSTRAINT ck_tax_rates_region_length CHECK (((char_length(region) >= 0) AND (char_length(region) <= 100)))
);

COMMENT ON TABLE shop.tax_rates IS 'Tax rates by destination, class and moment. Orders keep copies of what was applied.';

COMMENT ON COLUMN shop.tax_rates.tax_rate_id IS 'Key of the rate.';

COMMENT ON COLUMN shop.tax_rates.country IS 'Country of destination.';

COMMENT ON COLUMN shop.tax_rates.region IS 'Region within it as in addresses; empty: the whole country.';

COMMENT ON COLUMN shop.tax_rates.tax_class IS 'Class of goods it applies to.';

COMMENT ON COLUMN shop.tax_rates.jurisdiction IS 'Who levies it, as printed on invoices, such as ''VAT IE''.';

COMMENT ON COLUMN shop.tax_rates.rate IS 'Fraction: 0.230000 where the tax is 23 percent.';

COMMENT ON COLUMN shop.tax_rates.valid_from IS 'The moment from which it holds, until the next one''s.';

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
    CONSTRAINT ck_variant_option_values_value_length CHECK ((((char_length(value) >= 1) AND (char_length(value) <= 100)) AND (btrim(value) <> ''::text)))
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
    CONSTRAINT ck_warehouses_name_length CHECK ((((char_length(name) >= 1) AND (char_length(name) <= 100)) AND (btrim(name) <> ''::text))),
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

CREATE TRIGGER account_tokens_are_used_once BEFORE UPDATE OF used_at ON shop.account_tokens FOR EACH ROW WHEN ((old.used_at IS NOT NULL)) EXECUTE FUNCTION shop.refuse('SH102', 'the token was used already', 'Issue another token.');

CREATE TRIGGER account_tokens_facts_are_immutable BEFORE UPDATE OF account_token_id, customer_id, purpose, token_digest, created_at, expires_at ON shop.account_tokens FOR EACH STATEMENT EXECUTE FUNCTION shop.refuse('SH102', 'a token stays what it was issued as', 'Issue another token.');

CREATE TRIGGER account_tokens_refuse_truncate BEFORE TRUNCATE ON shop.account_tokens FOR EACH STATEMENT EXECUTE FUNCTION shop.refuse('SH101', 'no table of the shop is truncated', 'Sample data are replaced by data_loader.py --replace; everything else is archived or purged.');

CREATE TRIGGER addresses_refuse_truncate BEFORE TRUNCATE ON shop.addresses FOR EACH STATEMENT EXECUTE FUNCTION shop.refuse('SH101', 'no table of the shop is truncated', 'Sample data are replaced by data_loader.py --replace; everything else is archived or purged.');

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

CREATE TRIGGER carts_start_open BEFORE INSERT ON shop.carts FOR EACH ROW WHEN (((new.status <> 'open'::shop.cart_status) OR (new.version <> 1))) EXECUTE FUNCTION shop.refuse('SH106', 'a cart starts open, at version 1', 'Leave status and version out.');

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

CREATE TRIGGER coupon_redemptions_start_unreleased BEFORE INSERT ON shop.coupon_redemptions FOR EACH ROW WHEN ((new.released_at IS NOT NULL)) EXECUTE FUNCTION shop.refuse('SH103', 'a redemption starts unreleased', 'Leave released_at out.');

CREATE TRIGGER coupon_redemptions_uncount AFTER UPDATE OF released_at ON shop.coupon_redemptions FOR EACH ROW WHEN (((old.released_at IS NULL) AND (new.released_at IS NOT NULL))) EXECUTE FUNCTION shop.uncount_redemption();

CREATE TRIGGER coupons_audit AFTER INSERT OR DELETE OR UPDATE OF code, description, kind, rate, amount_minor, currency, minimum_subtotal_minor, starts_at, ends_at, usage_limit, per_customer_limit, is_active ON shop.coupons FOR EACH ROW EXECUTE FUNCTION shop.audit('values', 'coupon_id');

CREATE TRIGGER coupons_customer_limit_covers_uses BEFORE UPDATE OF per_customer_limit ON shop.coupons FOR EACH ROW EXECUTE FUNCTION shop.check_customer_limit();

CREATE TRIGGER coupons_refuse_truncate BEFORE TRUNCATE ON shop.coupons FOR EACH STATEMENT EXECUTE FUNCTION shop.refuse('SH101', 'no table of the shop is truncated', 'Sample data are replaced by data_loader.py --replace; everything else is archived or purged.');

CREATE TRIGGER coupons_start_unused BEFORE INSERT ON shop.coupons FOR EACH ROW WHEN ((new.times_used <> 0)) EXECUTE FUNCTION shop.refuse('SH103', 'times_used starts at 0', 'Leave the column out.');

CREATE TRIGGER coupons_times_used_is_kept BEFORE UPDATE OF times_used ON shop.coupons FOR EACH STATEMENT EXECUTE FUNCTION shop.refuse_direct_write('Insert or release a coupon redemption.');

CREATE TRIGGER credit_notes_are_append_only BEFORE DELETE OR UPDATE OR TRUNCATE ON shop.credit_notes FOR EACH STATEMENT EXECUTE FUNCTION shop.refuse('SH101', 'credit notes are append-only', 'Issue another document.');

CREATE TRIGGER credit_notes_are_issued_now BEFORE INSERT ON shop.credit_notes FOR EACH ROW WHEN ((new.issued_at IS DISTINCT FROM now())) EXECUTE FUNCTION shop.refuse('SH103', 'the date of a credit note is the server''s', 'Leave issued_at out.');

CREATE TRIGGER credit_notes_are_numbered BEFORE INSERT ON shop.credit_notes FOR EACH ROW EXECUTE FUNCTION shop.number_document();

CREATE TRIGGER credit_notes_count AFTER INSERT ON shop.credit_notes FOR EACH ROW EXECUTE FUNCTION shop.count_credit_note();

CREATE TRIGGER credit_notes_count_in_series AFTER INSERT ON shop.credit_notes FOR EACH ROW EXECUTE FUNCTION shop.count_document();

CREATE TRIGGER currencies_exponent_is_immutable BEFORE UPDATE OF code, exponent ON shop.currencies FOR EACH STATEMENT EXECUTE FUNCTION shop.refuse('SH102', 'code and exponent give every stored amount its meaning', 'A redenominated currency gets a code of its own, as ISO 4217 does.');

CREATE TRIGGER currencies_refuse_truncate BEFORE TRUNCATE ON shop.currencies FOR EACH STATEMENT EXECUTE FUNCTION shop.refuse('SH101', 'no table of the shop is truncated', 'Sample data are replaced by data_loader.py --replace; everything else is archived or purged.');

CREATE TRIGGER customer_credentials_refuse_truncate BEFORE TRUNCATE ON shop.customer_credentials FOR EACH STATEMENT EXECUTE FUNCTION shop.refuse('SH101', 'no table of the shop is truncated', 'Sample data are replaced by data_loader.py --replace; everything else is archived or purged.');

CREATE TRIGGER customers_are_kept BEFORE DELETE ON shop.customers FOR EACH STATEMENT EXECUTE FUNCTION shop.refuse('SH101', 'customers are erased by pseudonymising, never deleted', 'Set status to erased and overwrite the personal columns.');

CREATE TRIGGER customers_audit AFTER INSERT OR UPDATE ON shop.customers FOR EACH ROW EXECUTE FUNCTION shop.audit('names', 'customer_id');

CREATE TRIGGER customers_refuse_truncate BEFORE TRUNCATE ON shop.customers FOR EACH STATEMENT EXECUTE FUNCTION shop.refuse('SH101', 'no table of the shop is truncated', 'Sample data are replaced by data_loader.py --replace; everything else is archived or purged.');

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

CREATE TRIGGER login_attempts_refuse_truncate BEFORE TRUNCATE ON shop.login_attempts FOR EACH STATEMENT EXECUTE FUNCTION shop.refuse('SH101', 'no table of the shop is truncated', 'Sample data are replaced by data_loader.py --replace; everything else is archived or purged.');

CREATE TRIGGER login_sessions_facts_are_immutable BEFORE UPDATE OF login_session_id, customer_id, token_digest, created_at ON shop.login_sessions FOR EACH STATEMENT EXECUTE FUNCTION shop.refuse('SH102', 'a session stays what it was opened as', 'Open another session.');

CREATE TRIGGER login_sessions_refuse_truncate BEFORE TRUNCATE ON shop.login_sessions FOR EACH STATEMENT EXECUTE FUNCTION shop.refuse('SH101', 'no table of the shop is truncated', 'Sample data are replaced by data_loader.py --replace; everything else is archived or purged.');

CREATE TRIGGER login_sessions_stay_revoked BEFORE UPDATE ON shop.login_sessions FOR EACH ROW WHEN (((old.revoked_at IS NOT NULL) AND ((new.revoked_at IS DISTINCT FROM old.revoked_at) OR (new.expires_at IS DISTINCT FROM old.expires_at)))) EXECUTE FUNCTION shop.refuse('SH102', 'a revoked session stays revoked', 'Open another session.');

CREATE TRIGGER order_addresses_are_kept BEFORE DELETE ON shop.order_addresses FOR EACH STATEMENT EXECUTE FUNCTION shop.refuse('SH101', 'addresses of orders are kept', 'Erase their personal columns.');

CREATE TRIGGER order_addresses_are_only_erased BEFORE UPDATE ON shop.order_addresses FOR EACH ROW WHEN ((NOT ((new.order_id = old.order_id) AND (new.kind = old.kind) AND (new.country = old.country) AND (NOT (new.region IS DISTINCT FROM old.region)) AND (new.recipient = 'erased'::text) AND (new.line1 = 'erased'::text) AND (new.city = 'erased'::text) AND (new.company IS NULL) AND (new.line2 IS NULL) AND (new.postal_code IS NULL) AND (new.phone IS NULL)))) EXECUTE FUNCTION shop.refuse('SH102', 'the address of an order does not change, it can only be erased', 'Erase recipient, line1 and city with the word erased, the other personal columns with NULL.');

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

CREATE TRIGGER order_items_start_at_rest BEFORE INSERT ON shop.order_items FOR EACH ROW WHEN (((new.allocated_quantity <> 0) OR (new.shipped_quantity <> 0) OR (new.cancelled_quantity <> 0) OR (new.returned_quantity <> 0))) EXECUTE FUNCTION shop.refuse('SH103', 'the counters of a line start at 0', 'Leave them out.');

CREATE TRIGGER order_shipping_taxes_add_up AFTER INSERT ON shop.order_shipping_taxes REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION shop.compare_order_with_shipping_taxes();

CREATE TRIGGER order_shipping_taxes_are_append_only BEFORE DELETE OR UPDATE OR TRUNCATE ON shop.order_shipping_taxes FOR EACH STATEMENT EXECUTE FUNCTION shop.refuse('SH101', 'taxes of orders are append-only', 'Issue a credit note.');

CREATE TRIGGER order_status_history_is_append_only BEFORE DELETE OR UPDATE OR TRUNCATE ON shop.order_status_history FOR EACH STATEMENT EXECUTE FUNCTION shop.refuse('SH101', 'the history of orders is append-only', 'Move the order on instead.');

CREATE TRIGGER order_status_history_is_written_by_trigger BEFORE INSERT ON shop.order_status_history FOR EACH STATEMENT EXECUTE FUNCTION shop.refuse_direct_write('Update orders.status; its history follows.');

CREATE TRIGGER order_transitions_are_schema BEFORE INSERT OR DELETE OR UPDATE ON shop.order_transitions FOR EACH STATEMENT EXECUTE FUNCTION shop.refuse('SH102', 'legal moves are part of the schema', 'Change them by a migration.');

CREATE TRIGGER order_transitions_refuse_truncate BEFORE TRUNCATE ON shop.order_transitions FOR EACH STATEMENT EXECUTE FUNCTION shop.refuse('SH101', 'no table of the shop is truncated', 'Sample data are replaced by data_loader.py --replace; everything else is archived or purged.');

CREATE TRIGGER orders_are_kept BEFORE DELETE ON shop.orders FOR EACH STATEMENT EXECUTE FUNCTION shop.refuse('SH101', 'orders are kept', 'Cancel the order.');

CREATE TRIGGER orders_are_placed_now BEFORE INSERT ON shop.orders FOR EACH ROW WHEN ((new.placed_at IS DISTINCT FROM now())) EXECUTE FUNCTION shop.refuse('SH103', 'the moment of an order is the server''s', 'Leave placed_at out.');

CREATE CONSTRAINT TRIGGER orders_are_whole AFTER INSERT ON shop.orders DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION shop.require_whole_order();

CREATE TRIGGER orders_contact_is_only_erased BEFORE UPDATE OF contact_email, contact_phone, tax_number ON shop.orders FOR EACH ROW WHEN ((((new.contact_email <> old.contact_email) AND (new.contact_email <> (('erased-'::text || old.order_id) || '@erased.invalid'::text))) OR ((new.contact_phone IS DISTINCT FROM old.contact_phone) AND (new.contact_phone IS NOT NULL)) OR ((new.tax_number IS DISTINCT FROM old.tax_number) AND (new.tax_number IS NOT NULL)))) EXECUTE FUNCTION shop.refuse('SH102', 'the contact of an order does not change, it can only be erased', 'Erase with erased-<order_id>@erased.invalid and NULL.');

CREATE TRIGGER orders_convert_their_cart AFTER INSERT ON shop.orders FOR EACH ROW EXECUTE FUNCTION shop.convert_cart();

CREATE TRIGGER orders_counters_are_kept BEFORE UPDATE OF intended_minor, authorized_minor, captured_minor, refunded_minor, cancelled_minor, shipped_units, cancelled_units, returned_units ON shop.orders FOR EACH STATEMENT EXECUTE FUNCTION shop.refuse_direct_write('Insert payment events, shipments, returns or cancellations.');

CREATE TRIGGER orders_facts_are_immutable BEFORE UPDATE OF order_id, order_number, cart_id, request_digest, customer_id, currency, country, prices_include_tax, is_tax_exempt, shipping_method_id, shipping_method_name, line_count, unit_count, subtotal_minor, discount_minor, shipping_minor, shipping_tax_minor, shipping_tax_count, tax_minor, total_minor, placed_at, expires_at ON shop.orders FOR EACH STATEMENT EXECUTE FUNCTION shop.refuse('SH102', 'what was agreed in an order does not change', 'Cancel quantities, refund, or place another order.');

CREATE TRIGGER orders_move_legally BEFORE UPDATE OF status ON shop.orders FOR EACH ROW WHEN ((old.status <> new.status)) EXECUTE FUNCTION shop.check_order_transition();

CREATE TRIGGER orders_refuse_truncate BEFORE TRUNCATE ON shop.orders FOR EACH STATEMENT EXECUTE FUNCTION shop.refuse('SH101', 'no table of the shop is truncated', 'Sample data are replaced by data_loader.py --replace; everything else is archived or purged.');

CREATE TRIGGER orders_start_at_rest BEFORE INSERT ON shop.orders FOR EACH ROW WHEN (((new.status <> 'pending'::shop.order_status) OR ((new.intended_minor <> 0) OR (new.authorized_minor <> 0) OR (new.captured_minor <> 0) OR (new.refunded_minor <> 0) OR (new.cancelled_minor <> 0)) OR ((new.shipped_units <> 0) OR (new.cancelled_units <> 0) OR (new.returned_units <> 0)))) EXECUTE FUNCTION shop.refuse('SH103', 'an order starts pending, with nothing paid, shipped or cancelled', 'Leave status and counters out; they follow from what is inserted later.');

CREATE TRIGGER orders_write_first_history AFTER INSERT ON shop.orders FOR EACH ROW EXECUTE FUNCTION shop.write_order_history();

CREATE TRIGGER orders_write_history AFTER UPDATE OF status ON shop.orders FOR EACH ROW WHEN ((old.status <> new.status)) EXECUTE FUNCTION shop.write_order_history();

CREATE TRIGGER outbox_events_are_kept_until_published BEFORE DELETE ON shop.outbox_events FOR EACH ROW WHEN ((old.published_at IS NULL)) EXECUTE FUNCTION shop.refuse('SH101', 'the event was not delivered yet', 'Publish it, then purge it.');

CREATE TRIGGER outbox_events_are_numbered BEFORE INSERT ON shop.outbox_events FOR EACH ROW EXECUTE FUNCTION shop.number_outbox_event();

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

CREATE TRIGGER payments_start_at_rest BEFORE INSERT ON shop.payments FOR EACH ROW WHEN ((((new.authorized_minor <> 0) OR (new.captured_minor <> 0) OR (new.refunded_minor <> 0) OR (new.refund_requested_minor <> 0)) OR (new.closed_at IS NOT NULL))) EXECUTE FUNCTION shop.refuse('SH103', 'a payment starts with nothing authorized', 'Insert payment events.');

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

CREATE TRIGGER refunds_start_pending BEFORE INSERT ON shop.refunds FOR EACH ROW WHEN ((new.state <> 'pending'::shop.refund_state)) EXECUTE FUNCTION shop.refuse('SH103', 'a refund starts pending', 'Insert it, then update its state.');

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

CREATE TRIGGER returns_end_once BEFORE UPDATE OF status, received_at ON shop.returns FOR EACH ROW WHEN (((old.status <> 'requested'::shop.return_status) AND ((old.status IS DISTINCT FROM new.status) OR (old.received_at IS DISTINCT FROM new.received_at)))) EXECUTE FUNCTION shop.refuse('SH105', 'a return is received or cancelled once', 'Announce another return.');

CREATE TRIGGER returns_facts_are_immutable BEFORE UPDATE OF return_id, order_id, reason, requested_at ON shop.returns FOR EACH STATEMENT EXECUTE FUNCTION shop.refuse('SH102', 'what a return was announced for does not change', 'Announce another return.');

CREATE TRIGGER returns_refuse_truncate BEFORE TRUNCATE ON shop.returns FOR EACH STATEMENT EXECUTE FUNCTION shop.refuse('SH101', 'no table of the shop is truncated', 'Sample data are replaced by data_loader.py --replace; everything else is archived or purged.');

CREATE TRIGGER returns_start_at_rest BEFORE INSERT ON shop.returns FOR EACH ROW WHEN (((new.status <> 'requested'::shop.return_status) OR ((new.refundable_minor <> 0) OR (new.refund_requested_minor <> 0) OR (new.item_count <> 0) OR (new.received_count <> 0)))) EXECUTE FUNCTION shop.refuse('SH103', 'a return starts requested, with nothing received', 'Leave status, sums and counts out.');

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

CREATE TRIGGER stock_movements_of_orders_follow_their_rows BEFORE INSERT ON shop.stock_movements FOR EACH ROW WHEN ((new.kind = ANY (ARRAY['reservation'::shop.stock_movement_kind, 'release'::shop.stock_movement_kind, 'shipment'::shop.stock_movement_kind, 'return'::shop.stock_movement_kind]))) EXECUTE FUNCTION shop.refuse_direct_write('Insert allocations, shipment items or receipts of returns.');

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

GRANT USAGE ON SCHEMA api TO shop_app;
GRANT USAGE ON SCHEMA api TO shop_backoffice;
GRANT USAGE ON SCHEMA api TO shop_monitor;

REVOKE USAGE ON SCHEMA public FROM PUBLIC;

GRANT USAGE ON SCHEMA shop TO shop_app;
GRANT USAGE ON SCHEMA shop TO shop_backoffice;
GRANT USAGE ON SCHEMA shop TO shop_monitor;

REVOKE ALL ON TYPE shop.account_token_purpose FROM PUBLIC;

REVOKE ALL ON TYPE shop.address_kind FROM PUBLIC;

REVOKE ALL ON TYPE shop.audit_action FROM PUBLIC;

REVOKE ALL ON TYPE shop.cart_status FROM PUBLIC;

REVOKE ALL ON TYPE shop.coupon_kind FROM PUBLIC;

REVOKE ALL ON TYPE shop.customer_status FROM PUBLIC;

REVOKE ALL ON TYPE shop.erasure_moment FROM PUBLIC;

REVOKE ALL ON TYPE shop.journal_kind FROM PUBLIC;

REVOKE ALL ON TYPE shop.media_kind FROM PUBLIC;

REVOKE ALL ON TYPE shop.order_fulfilment_status FROM PUBLIC;

REVOKE ALL ON TYPE shop.order_payment_status FROM PUBLIC;

REVOKE ALL ON TYPE shop.order_status FROM PUBLIC;

REVOKE ALL ON TYPE shop.payment_event_kind FROM PUBLIC;

REVOKE ALL ON TYPE shop.payment_exception_kind FROM PUBLIC;

REVOKE ALL ON TYPE shop.payment_state FROM PUBLIC;

REVOKE ALL ON TYPE shop.product_status FROM PUBLIC;

REVOKE ALL ON TYPE shop.refund_state FROM PUBLIC;

REVOKE ALL ON TYPE shop.return_status FROM PUBLIC;

REVOKE ALL ON TYPE shop.stock_movement_kind FROM PUBLIC;

REVOKE ALL ON FUNCTION api.verify_integrity() FROM PUBLIC;
GRANT ALL ON FUNCTION api.verify_integrity() TO shop_monitor;
GRANT ALL ON FUNCTION api.verify_integrity() TO shop_backoffice;

REVOKE ALL ON FUNCTION shop.apply_payment_event() FROM PUBLIC;

REVOKE ALL ON FUNCTION shop.apply_stock_movements() FROM PUBLIC;

REVOKE ALL ON FUNCTION shop.audit() FROM PUBLIC;

REVOKE ALL ON FUNCTION shop.balance_journal() FROM PUBLIC;

REVOKE ALL ON FUNCTION shop.check_customer_limit() FROM PUBLIC;

REVOKE ALL ON FUNCTION shop.check_order_transition() FROM PUBLIC;

REVOKE ALL ON FUNCTION shop.compare_invoice_with_order() FROM PUBLIC;

REVOKE ALL ON FUNCTION shop.compare_lines_with_taxes() FROM PUBLIC;

REVOKE ALL ON FUNCTION shop.compare_order_with_lines() FROM PUBLIC;

REVOKE ALL ON FUNCTION shop.compare_order_with_shipping_taxes() FROM PUBLIC;

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

REVOKE ALL ON FUNCTION shop.fold_payment_events(wanted_payment_id uuid, OUT authorized bigint, OUT captured bigint, OUT refunded bigint, OUT over_captured bigint, OUT over_refunded bigint, OUT closed_at timestamp with time zone) FROM PUBLIC;

REVOKE ALL ON FUNCTION shop.invariant_allocations_are_of_their_line() FROM PUBLIC;

REVOKE ALL ON FUNCTION shop.invariant_audited_rows_have_entries() FROM PUBLIC;

REVOKE ALL ON FUNCTION shop.invariant_carts_convert_with_orders() FROM PUBLIC;

REVOKE ALL ON FUNCTION shop.invariant_category_ancestry_follows_parents() FROM PUBLIC;

REVOKE ALL ON FUNCTION shop.invariant_coupon_uses_equal_redemptions() FROM PUBLIC;

REVOKE ALL ON FUNCTION shop.invariant_coupons_are_released_with_orders() FROM PUBLIC;

REVOKE ALL ON FUNCTION shop.invariant_coupons_keep_customer_limit() FROM PUBLIC;

REVOKE ALL ON FUNCTION shop.invariant_deployment_is_one_row() FROM PUBLIC;

REVOKE ALL ON FUNCTION shop.invariant_document_numbers_have_no_gap() FROM PUBLIC;

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

REVOKE ALL ON FUNCTION shop.keep_category_ancestry() FROM PUBLIC;

REVOKE ALL ON FUNCTION shop.keep_options_key() FROM PUBLIC;

REVOKE ALL ON FUNCTION shop.keep_outbox_tail() FROM PUBLIC;

REVOKE ALL ON FUNCTION shop.keep_payment_exception(event_id bigint, event_payment_id uuid, event_currency text, wanted_kind text, excess bigint) FROM PUBLIC;

REVOKE ALL ON FUNCTION shop.keep_production() FROM PUBLIC;

REVOKE ALL ON FUNCTION shop.move_category_subtree() FROM PUBLIC;

REVOKE ALL ON FUNCTION shop.number_document() FROM PUBLIC;

REVOKE ALL ON FUNCTION shop.number_outbox_event() FROM PUBLIC;

REVOKE ALL ON FUNCTION shop.receive_return_items() FROM PUBLIC;

REVOKE ALL ON FUNCTION shop.refuse() FROM PUBLIC;

REVOKE ALL ON FUNCTION shop.refuse_direct_write() FROM PUBLIC;

REVOKE ALL ON PROCEDURE shop.refuse_truncate_of(VARIADIC table_names text[]) FROM PUBLIC;

REVOKE ALL ON FUNCTION shop.release_allocated_stock() FROM PUBLIC;

REVOKE ALL ON FUNCTION shop.require_whole_journal() FROM PUBLIC;

REVOKE ALL ON FUNCTION shop.require_whole_order() FROM PUBLIC;

REVOKE ALL ON FUNCTION shop.require_whole_return() FROM PUBLIC;

REVOKE ALL ON FUNCTION shop.require_whole_shipment() FROM PUBLIC;

REVOKE ALL ON FUNCTION shop.reserve_allocated_stock() FROM PUBLIC;

REVOKE ALL ON FUNCTION shop.serialise_category_moves() FROM PUBLIC;

REVOKE ALL ON FUNCTION shop.ship_items() FROM PUBLIC;

REVOKE ALL ON FUNCTION shop.touch_updated_at() FROM PUBLIC;

REVOKE ALL ON FUNCTION shop.uncount_redemption() FROM PUBLIC;

REVOKE ALL ON FUNCTION shop.write_order_history() FROM PUBLIC;

GRANT SELECT ON TABLE shop.addresses TO shop_app;
GRANT SELECT ON TABLE shop.addresses TO shop_backoffice;

GRANT SELECT ON TABLE shop.audit_log TO shop_backoffice;

GRANT SELECT ON TABLE shop.cart_items TO shop_app;
GRANT SELECT ON TABLE shop.cart_items TO shop_backoffice;

GRANT SELECT ON TABLE shop.carts TO shop_app;
GRANT SELECT ON TABLE shop.carts TO shop_backoffice;

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

GRANT SELECT ON TABLE shop.customers TO shop_app;
GRANT SELECT ON TABLE shop.customers TO shop_backoffice;

GRANT SELECT ON TABLE shop.deployment TO shop_app;
GRANT SELECT ON TABLE shop.deployment TO shop_backoffice;

GRANT SELECT ON TABLE shop.document_series TO shop_backoffice;

GRANT SELECT ON TABLE shop.invoices TO shop_app;
GRANT SELECT ON TABLE shop.invoices TO shop_backoffice;

GRANT SELECT ON TABLE shop.journal_lines TO shop_backoffice;

GRANT SELECT ON TABLE shop.journals TO shop_backoffice;

GRANT SELECT ON TABLE shop.ledger_accounts TO shop_backoffice;

GRANT SELECT ON TABLE shop.order_addresses TO shop_app;
GRANT SELECT ON TABLE shop.order_addresses TO shop_backoffice;

GRANT SELECT ON TABLE shop.order_allocations TO shop_app;
GRANT SELECT ON TABLE shop.order_allocations TO shop_backoffice;

GRANT SELECT ON TABLE shop.order_item_cancellations TO shop_app;
GRANT SELECT ON TABLE shop.order_item_cancellations TO shop_backoffice;

GRANT SELECT ON TABLE shop.order_item_taxes TO shop_app;
GRANT SELECT ON TABLE shop.order_item_taxes TO shop_backoffice;

GRANT SELECT ON TABLE shop.order_items TO shop_app;
GRANT SELECT ON TABLE shop.order_items TO shop_backoffice;

GRANT SELECT ON TABLE shop.order_shipping_taxes TO shop_app;
GRANT SELECT ON TABLE shop.order_shipping_taxes TO shop_backoffice;

GRANT SELECT ON TABLE shop.order_status_history TO shop_app;
GRANT SELECT ON TABLE shop.order_status_history TO shop_backoffice;

GRANT SELECT ON TABLE shop.order_transitions TO shop_app;
GRANT SELECT ON TABLE shop.order_transitions TO shop_backoffice;

GRANT SELECT ON TABLE shop.orders TO shop_app;
GRANT SELECT ON TABLE shop.orders TO shop_backoffice;

GRANT SELECT ON TABLE shop.payment_events TO shop_backoffice;

GRANT SELECT ON TABLE shop.payment_exceptions TO shop_backoffice;

GRANT SELECT ON TABLE shop.payments TO shop_app;
GRANT SELECT ON TABLE shop.payments TO shop_backoffice;

GRANT SELECT ON TABLE shop.pii_columns TO shop_backoffice;

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

GRANT SELECT ON TABLE shop.returns TO shop_app;
GRANT SELECT ON TABLE shop.returns TO shop_backoffice;

GRANT SELECT ON TABLE shop.shipment_items TO shop_app;
GRANT SELECT ON TABLE shop.shipment_items TO shop_backoffice;

GRANT SELECT ON TABLE shop.shipments TO shop_app;
GRANT SELECT ON TABLE shop.shipments TO shop_backoffice;

GRANT SELECT ON TABLE shop.shipping_methods TO shop_app;
GRANT SELECT ON TABLE shop.shipping_methods TO shop_backoffice;

GRANT SELECT ON TABLE shop.shipping_rates TO shop_app;
GRANT SELECT ON TABLE shop.shipping_rates TO shop_backoffice;

GRANT SELECT ON TABLE shop.stock_levels TO shop_app;
GRANT SELECT ON TABLE shop.stock_levels TO shop_backoffice;

GRANT SELECT ON TABLE shop.stock_movements TO shop_backoffice;

GRANT SELECT ON TABLE shop.tax_classes TO shop_app;
GRANT SELECT ON TABLE shop.tax_classes TO shop_backoffice;

GRANT SELECT ON TABLE shop.tax_rates TO shop_app;
GRANT SELECT ON TABLE shop.tax_rates TO shop_backoffice;

GRANT SELECT ON TABLE shop.variant_option_values TO shop_app;
GRANT SELECT ON TABLE shop.variant_option_values TO shop_backoffice;

GRANT SELECT ON TABLE shop.variant_prices TO shop_app;
GRANT SELECT ON TABLE shop.variant_prices TO shop_backoffice;

GRANT SELECT ON TABLE shop.warehouses TO shop_app;
GRANT SELECT ON TABLE shop.warehouses TO shop_backoffice;

ALTER DEFAULT PRIVILEGES FOR ROLE shop_owner REVOKE ALL ON TYPES FROM PUBLIC;

ALTER DEFAULT PRIVILEGES FOR ROLE shop_owner REVOKE ALL ON FUNCTIONS FROM PUBLIC;

-- fingerprint: 5f9abcca7bba385c41465fcc93b56013243866adbe3f677469502d69e6366eee
