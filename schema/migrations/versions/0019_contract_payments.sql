-- Payments. Errors, 5xx:
--   SH501  more than is owed (DETAIL: what is still to be paid)
--   SH502  more than may be refunded (DETAIL: what may)
--   SH503  the exception is resolved already
--   SH504  there is nothing to credit: no invoice, or a refund that did not succeed
--   SH505  more than is left of the invoice (DETAIL: what is)
--
-- The books, by event. `receivable` is the customer's account: debit what is sold, credit what is paid, cancelled or
-- returned, debit what is paid back; when all is done it stands at nought.
--   sale           receivable            to revenue, shipping_revenue, tax_payable      when the order is confirmed
--   cancellation   revenue, tax_payable  to receivable                                   when units of it are cancelled
--   return         revenue, tax_payable  to receivable                                   when goods are received back
--   capture        provider_clearing     to receivable; what nobody owes to suspense
--   refund         receivable            to provider_clearing; what nobody asked for from suspense
--   dispute        receivable            to provider_clearing when it is lost, and back when the verdict is turned over;
--                  what belongs to no order from suspense

-- An entry from arrays of accounts and amounts (debit positive); amounts of 0 are left out, and so is an entry of nothing.
CREATE FUNCTION shop.post_journal(
    wanted_kind shop.journal_kind, about_order uuid, about_event bigint, wanted_currency text, words text,
    accounts text[], amounts bigint[])
RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, shop, pg_temp
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
COMMENT ON FUNCTION shop.post_journal(shop.journal_kind, uuid, bigint, text, text, text[], bigint[]) IS
    'Posts one journal entry; amounts are debit positive and sum to zero.';

CREATE FUNCTION shop.post_sale(header shop.orders)
RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, shop, pg_temp
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
COMMENT ON FUNCTION shop.post_sale(shop.orders) IS 'Posts the sale of an order that is confirmed.';

-- What was cancelled or returned of an order so far, without tax, and its tax: each line's running quantity, rounded down,
-- so that the parts sum to the line exactly. Delivery is given back only with an order that is cancelled altogether.
CREATE FUNCTION shop.taken_back(
    header shop.orders, wanted_kind shop.journal_kind, OUT goods bigint, OUT delivery bigint, OUT tax bigint)
LANGUAGE sql STABLE
SET search_path = pg_catalog, shop, pg_temp
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
COMMENT ON FUNCTION shop.taken_back(shop.orders, shop.journal_kind) IS
    'What was cancelled or returned of an order so far, in parts: goods and delivery without tax, and the tax.';

-- Posts what was taken back since the last entry of that kind.
CREATE FUNCTION shop.post_taken_back(wanted_kind shop.journal_kind, header shop.orders)
RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, shop, pg_temp
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
COMMENT ON FUNCTION shop.post_taken_back(shop.journal_kind, shop.orders) IS
    'Posts what cancellations or returns took off an order since the last entry.';

CREATE FUNCTION shop.post_order_moves() RETURNS trigger
LANGUAGE plpgsql
SET search_path = pg_catalog, shop, pg_temp
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
COMMENT ON FUNCTION shop.post_order_moves() IS
    'Trigger: a confirmed order is a sale; what is cancelled or comes back of it is taken back.';

CREATE TRIGGER orders_post_to_the_books
    AFTER UPDATE OF status, cancelled_minor, returned_units ON shop.orders
    FOR EACH ROW WHEN (
        OLD.status <> NEW.status OR OLD.cancelled_minor <> NEW.cancelled_minor OR OLD.returned_units <> NEW.returned_units)
    EXECUTE FUNCTION shop.post_order_moves();

CREATE FUNCTION shop.invariant_orders_stand_in_the_books()
RETURNS TABLE (examined bigint, violations bigint, example text)
LANGUAGE sql STABLE
SET search_path = pg_catalog, shop, pg_temp
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
COMMENT ON FUNCTION shop.invariant_orders_stand_in_the_books() IS
    'A confirmed order is one sale of its total in the books, less what of it was cancelled and what came back.';

CREATE FUNCTION api.start_payment(
    payment_id uuid, order_id uuid, provider text, method text, amount_minor bigint DEFAULT NULL)
RETURNS bigint
LANGUAGE plpgsql
SECURITY DEFINER
SET search_path = pg_catalog, shop, pg_temp
AS $$
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
$$;
COMMENT ON FUNCTION api.start_payment(uuid, uuid, text, text, bigint) IS
    'Writes down a payment before the provider is called: its key is the idempotency key to send. Returns the amount to'
    ' charge. Payments that are open together never exceed what is owed. Safe to repeat. Locks: order. Errors: SH001 to'
    ' SH005, SH306, SH501.';

-- Keys and values that the CHECKs of payment_events allow; the message may hold names, addresses and cards beside them.
CREATE FUNCTION shop.kept_of_payload(message jsonb) RETURNS jsonb LANGUAGE sql IMMUTABLE
SET search_path = pg_catalog, shop, pg_temp
RETURN (
    SELECT coalesce(jsonb_object_agg(key, value), '{}') FROM jsonb_each(message)
    WHERE key IN ('object', 'network', 'wallet', 'funding', 'outcome', 'reason', 'decline_code', 'risk_level', 'livemode',
                  'api_version', 'attempt', 'fee_minor', 'settles_on')
      AND CASE jsonb_typeof(value)
          WHEN 'object' THEN false WHEN 'array' THEN false
          WHEN 'string' THEN value #>> '{}' ~ '^[A-Za-z0-9_.:-]{1,64}$'
          -- A number has no end in JSON, and one that is too long to be stored must not cost the event.
          WHEN 'number' THEN char_length(value #>> '{}') <= 30
          ELSE true END);
COMMENT ON FUNCTION shop.kept_of_payload(jsonb) IS
    'What of a provider''s message is kept: codes, numbers and flags under listed keys; nothing that names a person.';

-- The webhook inbox. Whatever comes is stored once; the triggers fold it into the payment and list what breaks a rule.
CREATE FUNCTION api.record_payment_event(
    provider text, provider_event_id text, payment_id uuid, kind text, amount_minor bigint, currency text,
    occurred_at timestamptz, provider_reference text DEFAULT NULL, payload jsonb DEFAULT '{}', refund_id uuid DEFAULT NULL,
    dispute_reference text DEFAULT NULL)
RETURNS text
LANGUAGE plpgsql
SECURITY DEFINER
SET search_path = pg_catalog, shop, pg_temp
AS $$
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
$$;
COMMENT ON FUNCTION api.record_payment_event(text, text, uuid, text, bigint, text, timestamptz, text, jsonb, uuid, text) IS
    'Records what a payment provider says: applied, duplicate (the event was recorded before), or exception (it is stored,'
    ' and listed in payment_exceptions for somebody to decide). Events may come twice, late, or in any order. Confirms the'
    ' order once it is covered. A dispute that is lost is booked, and booked back when a later verdict turns it over; say which'
    ' by dispute_reference where a payment can have several. Of the payload only codes under listed keys are kept, so the'
    ' provider''s whole message may be given. Locks: order, payment. Errors: SH001, SH002.';

-- What of it counts for the order goes to its customer's account (paid positive), the rest to suspense.
CREATE FUNCTION shop.post_payment_event(
    event_id bigint, about_order uuid, event_currency text, kind text, amount bigint, to_customer bigint)
RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, shop, pg_temp
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
COMMENT ON FUNCTION shop.post_payment_event(bigint, uuid, text, text, bigint, bigint) IS
    'Posts money that moved: what counts to the customer''s account, the rest to suspense.';

-- Books what is lost in the disputes of an event's payment and not booked yet, or no longer lost. What belongs to no order stays
-- one event's matter: nobody knows which other event it would be about.
CREATE FUNCTION shop.post_dispute(event_id bigint)
RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, shop, pg_temp
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
COMMENT ON FUNCTION shop.post_dispute(bigint) IS
    'Keeps what the books say was lost in the disputes of an event''s payment in step with its events.';

CREATE FUNCTION shop.invariant_disputes_stand_in_the_books()
RETURNS TABLE (examined bigint, violations bigint, example text)
LANGUAGE sql STABLE
SET search_path = pg_catalog, shop, pg_temp
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
COMMENT ON FUNCTION shop.invariant_disputes_stand_in_the_books() IS
    'What was lost in disputes, by the last verdict of each, is in the books.';

CREATE FUNCTION api.request_refund(
    refund_id uuid, payment_id uuid, amount_minor bigint, reason text, return_id uuid DEFAULT NULL)
RETURNS text
LANGUAGE plpgsql
SECURITY DEFINER
SET search_path = pg_catalog, shop, pg_temp
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
COMMENT ON FUNCTION api.request_refund(uuid, uuid, bigint, text, uuid) IS
    'Writes down a refund before the provider is called; its key is the idempotency key to send. Returns its state. It'
    ' succeeds when record_payment_event hears of it (refund_id). Safe to repeat. Locks: order, payment. Errors: SH001 to'
    ' SH005, SH502.';

CREATE FUNCTION api.fail_refund(refund_id uuid)
RETURNS text
LANGUAGE plpgsql
SECURITY DEFINER
SET search_path = pg_catalog, shop, pg_temp
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
COMMENT ON FUNCTION api.fail_refund(uuid) IS
    'Records that the provider refused a refund; its amount may be requested again, with another key. Returns the state: one'
    ' that succeeded stays so. Safe to repeat. Locks: order, payment. Errors: SH002, SH003, SH005.';

CREATE FUNCTION api.resolve_payment_exception(payment_exception_id bigint, resolution text)
RETURNS timestamptz
LANGUAGE plpgsql
SECURITY DEFINER
SET search_path = pg_catalog, shop, pg_temp
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
COMMENT ON FUNCTION api.resolve_payment_exception(bigint, text) IS
    'Records what was decided about money that broke a rule, and by whom (shop.actor). Safe to repeat. Locks: the exception.'
    ' Errors: SH001, SH002, SH005, SH109, SH503.';

CREATE FUNCTION api.issue_invoice(order_id uuid)
RETURNS TABLE (series text, number bigint, issued_at timestamptz, total_minor bigint)
LANGUAGE plpgsql
SECURITY DEFINER
SET search_path = pg_catalog, shop, pg_temp
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
COMMENT ON FUNCTION api.issue_invoice(uuid) IS
    'Issues the invoice of a confirmed order, with the next number of the year''s series, or returns the one there is. Locks:'
    ' order, series. Errors: SH002, SH003, SH005, SH306.';

-- What was given back beyond what the customer was owed: more than was paid too much after cancellations, and more than
-- what came back is worth. Goods were sold for less than the order says, and the books are corrected by that.
CREATE FUNCTION shop.given_back_beyond_owed(header shop.orders)
RETURNS bigint
LANGUAGE sql STABLE
SET search_path = pg_catalog, shop, pg_temp
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
COMMENT ON FUNCTION shop.given_back_beyond_owed(shop.orders) IS
    'What was refunded of an order beyond cancellations and returns, and is not corrected in the books yet.';

CREATE FUNCTION api.issue_credit_note(order_id uuid, refund_id uuid DEFAULT NULL)
RETURNS TABLE (series text, number bigint, issued_at timestamptz, amount_minor bigint)
LANGUAGE plpgsql
SECURITY DEFINER
SET search_path = pg_catalog, shop, pg_temp
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
COMMENT ON FUNCTION api.issue_credit_note(uuid, uuid) IS
    'Issues the credit note of a refund that succeeded, or, without a refund, of what is left of the invoice of a cancelled'
    ' order; the next number of the year''s series, or the note there is. What is given beyond cancellations and returns is'
    ' taken off the revenue. Safe to repeat. Locks: order, series. Errors: SH002, SH003, SH005, SH306, SH504, SH505.';

GRANT EXECUTE ON FUNCTION api.start_payment(uuid, uuid, text, text, bigint)
TO shop_app, shop_storefront, shop_backoffice;
GRANT EXECUTE ON FUNCTION
    api.record_payment_event(text, text, uuid, text, bigint, text, timestamptz, text, jsonb, uuid, text),
    api.request_refund(uuid, uuid, bigint, text, uuid), api.fail_refund(uuid),
    api.resolve_payment_exception(bigint, text), api.issue_invoice(uuid), api.issue_credit_note(uuid, uuid)
TO shop_app, shop_backoffice;
