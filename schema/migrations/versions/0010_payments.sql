-- Payments: totals are a fold over the set of events, so that events may come twice, late or in any order.

-- Payments -------------------------------------------------------------------------------------------------------------

CREATE TRIGGER payments_start_at_rest
    BEFORE INSERT ON shop.payments
    FOR EACH ROW WHEN (
        (NEW.authorized_minor, NEW.captured_minor, NEW.refunded_minor, NEW.refund_requested_minor) <> (0, 0, 0, 0)
        OR NEW.closed_at IS NOT NULL OR NEW.created_at IS DISTINCT FROM now())
    EXECUTE FUNCTION shop.refuse('SH103', 'a payment starts now, with nothing authorized',
        'Leave moments and sums out; insert payment events.');
CREATE TRIGGER payments_facts_are_immutable
    BEFORE UPDATE OF payment_id, order_id, currency, provider, method, amount_minor, created_at ON shop.payments
    FOR EACH STATEMENT
    EXECUTE FUNCTION shop.refuse('SH102', 'what a payment is for does not change', 'Start another payment.');
CREATE TRIGGER payments_reference_is_final
    BEFORE UPDATE OF provider_reference ON shop.payments
    FOR EACH ROW WHEN (
        OLD.provider_reference IS NOT NULL AND NEW.provider_reference IS DISTINCT FROM OLD.provider_reference)
    EXECUTE FUNCTION shop.refuse('SH102', 'the provider''s reference is set once', 'Start another payment.');
CREATE TRIGGER payments_sums_are_kept
    BEFORE UPDATE OF authorized_minor, captured_minor, refunded_minor, refund_requested_minor, closed_at ON shop.payments
    FOR EACH STATEMENT EXECUTE FUNCTION shop.refuse_direct_write('Insert payment events or refunds.');
CREATE TRIGGER payments_are_kept
    BEFORE DELETE ON shop.payments
    FOR EACH STATEMENT
    EXECUTE FUNCTION shop.refuse('SH101', 'payments are kept', 'Record an event of kind voided or refunded.');

-- The header's CHECK keeps payments that are open at the same time from exceeding what is owed.
CREATE FUNCTION shop.count_payment_on_order() RETURNS trigger
LANGUAGE plpgsql
SET search_path = pg_catalog, shop, pg_temp
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

CREATE FUNCTION shop.count_payment_change_on_order() RETURNS trigger
LANGUAGE plpgsql
SET search_path = pg_catalog, shop, pg_temp
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

CREATE TRIGGER payments_count_on_order
    AFTER INSERT ON shop.payments
    REFERENCING NEW TABLE AS added
    FOR EACH STATEMENT EXECUTE FUNCTION shop.count_payment_on_order();
CREATE TRIGGER payments_changes_count_on_order
    AFTER UPDATE ON shop.payments
    REFERENCING OLD TABLE AS before NEW TABLE AS after
    FOR EACH STATEMENT EXECUTE FUNCTION shop.count_payment_change_on_order();

CREATE FUNCTION shop.invariant_order_sums_equal_payments()
RETURNS TABLE (examined bigint, violations bigint, example text)
LANGUAGE sql STABLE
SET search_path = pg_catalog, shop, pg_temp
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
COMMENT ON FUNCTION shop.invariant_order_sums_equal_payments() IS
    'What an order counts as intended, authorized, captured and refunded is the sum of its payments.';

-- Events ---------------------------------------------------------------------------------------------------------------

CREATE TRIGGER payment_events_are_append_only
    BEFORE UPDATE OR DELETE OR TRUNCATE ON shop.payment_events
    FOR EACH STATEMENT
    EXECUTE FUNCTION shop.refuse('SH101', 'payment events are append-only', 'Record what happened next as another event.');

CREATE TRIGGER payment_events_arrive_now
    BEFORE INSERT ON shop.payment_events
    FOR EACH ROW WHEN (NEW.received_at IS DISTINCT FROM now())
    EXECUTE FUNCTION shop.refuse('SH103', 'the moment of arrival is the server''s',
        'Leave received_at out; occurred_at is the provider''s.');

-- What a payment's events add up to. Captures can arrive before their authorization, which they imply. Once voided or
-- failed, only what was captured still stands. Sums beyond the payment's amount, or refunds beyond what was captured, are
-- kept out of the totals and listed as exceptions.
CREATE FUNCTION shop.fold_payment_events(
    wanted_payment_id uuid,
    OUT authorized bigint, OUT captured bigint, OUT refunded bigint,
    OUT over_captured bigint, OUT over_refunded bigint, OUT closed_at timestamptz)
LANGUAGE sql STABLE
SET search_path = pg_catalog, shop, pg_temp
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
COMMENT ON FUNCTION shop.fold_payment_events(uuid) IS 'Totals of a payment by the set of its events.';

-- A dispute ends by the provider's latest verdict, which can turn a former one over; where two bear the same moment, the loss
-- counts. A verdict without an amount is about what was disputed.
CREATE FUNCTION shop.lost_in_disputes(wanted_payment_id uuid, wanted_currency text)
RETURNS bigint
LANGUAGE sql STABLE
SET search_path = pg_catalog, shop, pg_temp
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
COMMENT ON FUNCTION shop.lost_in_disputes(uuid, text) IS
    'What the customer''s bank took back of a payment, by the set of its events.';

-- Opens, grows or settles the one open exception of a kind that a payment can have; for over_payment, that its order can
-- have, since which of several payments was the one too many depends on the order in which events arrive.
CREATE FUNCTION shop.keep_payment_exception(
    event_id bigint, event_payment_id uuid, event_currency text, wanted_kind text, excess bigint)
RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, shop, pg_temp
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
COMMENT ON FUNCTION shop.keep_payment_exception(bigint, uuid, text, text, bigint) IS
    'Keeps the open exception of a kind in step with the payment: opened, grown, or settled.';

-- Never refuses: the money has moved. Locks in the order of every other writer: order, then payment.
CREATE FUNCTION shop.apply_payment_event() RETURNS trigger
LANGUAGE plpgsql
SET search_path = pg_catalog, shop, pg_temp
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
COMMENT ON FUNCTION shop.apply_payment_event() IS
    'Trigger: folds an event into its payment; what breaks a rule is listed in payment_exceptions.';

CREATE TRIGGER payment_events_apply
    AFTER INSERT ON shop.payment_events
    FOR EACH ROW EXECUTE FUNCTION shop.apply_payment_event();

CREATE FUNCTION shop.invariant_payment_sums_equal_events()
RETURNS TABLE (examined bigint, violations bigint, example text)
LANGUAGE sql STABLE
SET search_path = pg_catalog, shop, pg_temp
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
COMMENT ON FUNCTION shop.invariant_payment_sums_equal_events() IS
    'The totals of a payment are the fold over the set of its events.';

CREATE FUNCTION shop.invariant_exceptional_events_are_listed()
RETURNS TABLE (examined bigint, violations bigint, example text)
LANGUAGE sql STABLE
SET search_path = pg_catalog, shop, pg_temp
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
COMMENT ON FUNCTION shop.invariant_exceptional_events_are_listed() IS
    'Money that moved against a rule, or was taken back after it was relied on, is in payment_exceptions: none is lost.';

CREATE TRIGGER payment_exceptions_are_raised_by_events
    BEFORE INSERT ON shop.payment_exceptions
    FOR EACH STATEMENT EXECUTE FUNCTION shop.refuse_direct_write('Insert the payment event.');
CREATE TRIGGER payment_exceptions_facts_are_immutable
    BEFORE UPDATE OF payment_exception_id, payment_event_id, payment_id, kind, currency, raised_at
    ON shop.payment_exceptions
    FOR EACH STATEMENT
    EXECUTE FUNCTION shop.refuse('SH102', 'what an exception is about does not change', 'Resolve it.');
CREATE TRIGGER payment_exceptions_amount_is_kept
    BEFORE UPDATE OF amount_minor ON shop.payment_exceptions
    FOR EACH STATEMENT EXECUTE FUNCTION shop.refuse_direct_write('Insert the payment event.');
CREATE TRIGGER payment_exceptions_stay_resolved
    BEFORE UPDATE ON shop.payment_exceptions
    FOR EACH ROW WHEN (OLD.resolved_at IS NOT NULL)
    EXECUTE FUNCTION shop.refuse('SH102', 'the exception is resolved already', 'A new event raises a new one.');
CREATE TRIGGER payment_exceptions_are_kept
    BEFORE DELETE ON shop.payment_exceptions
    FOR EACH STATEMENT
    EXECUTE FUNCTION shop.refuse('SH101', 'exceptions are kept', 'Resolve them.');

-- Refunds --------------------------------------------------------------------------------------------------------------

CREATE TRIGGER refunds_start_pending
    BEFORE INSERT ON shop.refunds
    FOR EACH ROW WHEN (NEW.state <> 'pending' OR NEW.requested_at IS DISTINCT FROM now())
    EXECUTE FUNCTION shop.refuse('SH103', 'a refund starts now, pending', 'Leave requested_at out; update the state later.');
CREATE TRIGGER refunds_facts_are_immutable
    BEFORE UPDATE OF refund_id, payment_id, order_id, currency, return_id, amount_minor, reason, requested_at
    ON shop.refunds
    FOR EACH STATEMENT
    EXECUTE FUNCTION shop.refuse('SH102', 'what a refund is for does not change', 'Let it fail and request another.');
CREATE TRIGGER refunds_settle_once
    BEFORE UPDATE OF state ON shop.refunds
    FOR EACH ROW WHEN (OLD.state <> 'pending' AND NEW.state <> OLD.state)
    EXECUTE FUNCTION shop.refuse('SH105', 'a refund is settled once', 'Request another refund.');
CREATE TRIGGER refunds_settlement_is_final
    BEFORE UPDATE OF settled_at, provider_reference ON shop.refunds
    FOR EACH ROW WHEN (
        OLD.settled_at IS NOT NULL AND NEW.settled_at IS DISTINCT FROM OLD.settled_at
        OR OLD.provider_reference IS NOT NULL AND NEW.provider_reference IS DISTINCT FROM OLD.provider_reference)
    EXECUTE FUNCTION shop.refuse('SH102', 'settlement and reference of a refund are set once', 'Request another refund.');
CREATE TRIGGER refunds_are_kept
    BEFORE DELETE ON shop.refunds
    FOR EACH STATEMENT
    EXECUTE FUNCTION shop.refuse('SH101', 'refunds are kept', 'Set the state to failed.');

CREATE FUNCTION shop.count_refund() RETURNS trigger
LANGUAGE plpgsql
SET search_path = pg_catalog, shop, pg_temp
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
COMMENT ON FUNCTION shop.count_refund() IS
    'Trigger: a refund counts on payment and return while it is pending or succeeded; their CHECKs limit it.';

CREATE TRIGGER refunds_count
    AFTER INSERT ON shop.refunds
    FOR EACH ROW EXECUTE FUNCTION shop.count_refund();
CREATE TRIGGER refunds_uncount
    AFTER UPDATE OF state ON shop.refunds
    FOR EACH ROW WHEN (OLD.state = 'pending' AND NEW.state = 'failed')
    EXECUTE FUNCTION shop.count_refund();

CREATE FUNCTION shop.invariant_refund_requests_equal_refunds()
RETURNS TABLE (examined bigint, violations bigint, example text)
LANGUAGE sql STABLE
SET search_path = pg_catalog, shop, pg_temp
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
COMMENT ON FUNCTION shop.invariant_refund_requests_equal_refunds() IS
    'What payments and returns count as refunds is the sum of their refunds that did not fail.';

-- Why these foreign keys have no index of their own --------------------------------------------------------------------

COMMENT ON CONSTRAINT fk_payment_events_currency ON shop.payment_events IS
    'No index: currencies are never deleted or renumbered, and no hot read starts from one.';
COMMENT ON CONSTRAINT fk_payment_exceptions_currency ON shop.payment_exceptions IS
    'No index: currencies are never deleted or renumbered, and no hot read starts from one.';

COMMENT ON TYPE shop.payment_state IS 'How far a payment has come; generated.';
COMMENT ON TYPE shop.payment_event_kind IS 'What a provider says happened.';
COMMENT ON TYPE shop.payment_exception_kind IS 'Which rule an event broke.';
COMMENT ON TYPE shop.refund_state IS 'Life of a refund: pending, then succeeded or failed.';

CALL shop.refuse_truncate_of('payments', 'payment_exceptions', 'refunds');
