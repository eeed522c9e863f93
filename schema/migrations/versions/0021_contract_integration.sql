-- The outbox: events are delivered at least once, in sequence per aggregate, by any number of workers. Errors, 7xx:
--   SH701  the lease is over, or was never this worker's
--   SH702  the event is not parked

-- An event is offered only when no earlier one of its aggregate is open: leased elsewhere, waiting for its retry, or parked.
-- Two workers that claim at once skip each other's rows: the later event of an aggregate is not offered while the earlier one
-- is unpublished, whoever holds it.
CREATE FUNCTION api.claim_outbox(batch integer DEFAULT 100, lease interval DEFAULT '30 seconds')
RETURNS TABLE (
    outbox_event_id uuid, created_at timestamptz, aggregate_type text, aggregate_id text, sequence bigint,
    event_type text, payload jsonb, attempts integer, lease_token uuid)
LANGUAGE plpgsql
SECURITY DEFINER
SET search_path = pg_catalog, shop, pg_temp
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
COMMENT ON FUNCTION api.claim_outbox(integer, interval) IS
    'Leases events to a worker: of each aggregate the first that is not published, and none while an earlier one is open or'
    ' parked. Deliver them, then ack_outbox with the token; a lease that runs out offers them again. Locks: events (skipping'
    ' locked ones). Errors: SH001, SH002.';

CREATE FUNCTION api.ack_outbox(created_at timestamptz, outbox_event_id uuid, lease_token uuid, error text DEFAULT NULL)
RETURNS text
LANGUAGE plpgsql
SECURITY DEFINER
SET search_path = pg_catalog, shop, pg_temp
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
COMMENT ON FUNCTION api.ack_outbox(timestamptz, uuid, uuid, text) IS
    'Tells how a delivery went: published, retry (after a pause that doubles), or parked after ten attempts; a parked event'
    ' holds back its aggregate until release_outbox() decides. Locks: the event. Errors: SH002, SH005, SH701.';

-- Somebody decides: that is audited, with what was there before.
CREATE TRIGGER outbox_events_audit
    AFTER UPDATE OF parked_at ON shop.outbox_events
    FOR EACH ROW WHEN (OLD.parked_at IS NOT NULL AND NEW.parked_at IS NULL)
    EXECUTE FUNCTION shop.audit('values', 'outbox_event_id');

CREATE FUNCTION api.release_outbox(outbox_event_id uuid, decision text, reason text)
RETURNS text
LANGUAGE plpgsql
SECURITY DEFINER
SET search_path = pg_catalog, shop, pg_temp
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
COMMENT ON FUNCTION api.release_outbox(uuid, text, text) IS
    'Decides about a parked event: requeue (it is offered again, with ten new attempts) or skip (it counts as delivered, and'
    ' the next of its aggregate is offered). Audited with who and why. Safe to repeat. Locks: the event. Errors: SH001,'
    ' SH002, SH005, SH109, SH702.';

CREATE FUNCTION api.parked_events(page integer DEFAULT 100)
RETURNS TABLE (
    outbox_event_id uuid, event_type text, aggregate_type text, aggregate_id text, sequence bigint, parked_at timestamptz,
    attempts integer, last_error text, held_back bigint)
LANGUAGE plpgsql STABLE
SECURITY DEFINER
SET search_path = pg_catalog, shop, pg_temp
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
COMMENT ON FUNCTION api.parked_events(integer) IS
    'Events that were set aside after ten attempts, longest first, with what the last delivery said and how many later events'
    ' wait behind each. Decide by release_outbox(). Errors: SH001.';

GRANT EXECUTE ON FUNCTION
    api.claim_outbox(integer, interval), api.ack_outbox(timestamptz, uuid, uuid, text)
TO shop_app;
GRANT EXECUTE ON FUNCTION api.release_outbox(uuid, text, text), api.parked_events(integer) TO shop_app, shop_backoffice;

-- Retention. Each kind of row goes when nobody needs it any more; what history refers to stays. Rows that somebody holds are
-- left for the next night: waiting for them, one after the other, could deadlock with an erasure.
CREATE FUNCTION api.purge(batch integer DEFAULT 10000)
RETURNS TABLE (what text, removed bigint)
LANGUAGE plpgsql
SECURITY DEFINER
SET search_path = pg_catalog, shop, pg_temp
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
COMMENT ON FUNCTION api.purge(integer) IS
    'Retention, at most a batch of each kind: log-in attempts after 90 days, sessions and tokens 30 days after they end,'
    ' published events after 30 days, audit entries after 2 years; open carts past their time expire. Run it nightly.'
    ' Errors: SH001, SH002.';
GRANT EXECUTE ON FUNCTION api.purge(integer) TO shop_app, shop_backoffice;
