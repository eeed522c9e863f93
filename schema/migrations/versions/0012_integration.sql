-- What leaves the database: events for other systems, and the trail for auditors.

-- Outbox ---------------------------------------------------------------------------------------------------------------

-- Whoever writes an event changes its aggregate in the same transaction and so holds its lock; should two writers meet
-- all the same, the unique key lets one of them win.
CREATE FUNCTION shop.number_outbox_event() RETURNS trigger
LANGUAGE plpgsql
SET search_path = pg_catalog, shop, pg_temp
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

CREATE TRIGGER outbox_events_are_numbered
    BEFORE INSERT ON shop.outbox_events
    FOR EACH ROW EXECUTE FUNCTION shop.number_outbox_event();
CREATE TRIGGER outbox_events_facts_are_immutable
    BEFORE UPDATE OF created_at, outbox_event_id, aggregate_type, aggregate_id, sequence, event_type, payload
    ON shop.outbox_events
    FOR EACH STATEMENT
    EXECUTE FUNCTION shop.refuse('SH102', 'what happened does not change', 'Write another event.');
CREATE TRIGGER outbox_events_publish_once
    BEFORE UPDATE OF published_at ON shop.outbox_events
    FOR EACH ROW WHEN (OLD.published_at IS NOT NULL AND NEW.published_at IS DISTINCT FROM OLD.published_at)
    EXECUTE FUNCTION shop.refuse('SH102', 'the event is published already', 'Write another event.');
CREATE TRIGGER outbox_events_are_kept_until_published
    BEFORE DELETE ON shop.outbox_events
    FOR EACH ROW WHEN (OLD.published_at IS NULL)
    EXECUTE FUNCTION shop.refuse('SH101', 'the event was not delivered yet', 'Publish it, then purge it.');

-- Retention removes events from the front of an aggregate and always leaves its last one, by which the next is numbered:
-- a sequence that began again at 1 would look to a consumer like events it has seen.
CREATE FUNCTION shop.keep_outbox_tail() RETURNS trigger
LANGUAGE plpgsql
SET search_path = pg_catalog, shop, pg_temp
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

CREATE TRIGGER outbox_events_keep_their_tail
    AFTER DELETE ON shop.outbox_events
    REFERENCING OLD TABLE AS removed
    FOR EACH STATEMENT EXECUTE FUNCTION shop.keep_outbox_tail();
CREATE TRIGGER outbox_events_happen_now
    BEFORE INSERT ON shop.outbox_events
    FOR EACH ROW WHEN (NEW.created_at IS DISTINCT FROM now())
    EXECUTE FUNCTION shop.refuse('SH103', 'the moment of an event is the server''s', 'Leave created_at out.');

CREATE FUNCTION shop.invariant_outbox_sequences_have_no_gap()
RETURNS TABLE (examined bigint, violations bigint, example text)
LANGUAGE sql STABLE
SET search_path = pg_catalog, shop, pg_temp
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
COMMENT ON FUNCTION shop.invariant_outbox_sequences_have_no_gap() IS
    'The events of an aggregate are numbered without a hole: no consumer waits for one that never comes.';

-- Audit ----------------------------------------------------------------------------------------------------------------

CREATE TRIGGER audit_log_is_written_by_trigger
    BEFORE INSERT ON shop.audit_log
    FOR EACH STATEMENT EXECUTE FUNCTION shop.refuse_direct_write('Change the audited row; the entry follows.');
CREATE TRIGGER audit_log_is_append_only
    BEFORE UPDATE OR TRUNCATE ON shop.audit_log
    FOR EACH STATEMENT
    EXECUTE FUNCTION shop.refuse('SH101', 'the audit log is append-only', 'There is no way to change it.');
-- The one bypass of an append-only table: retention. api.purge() sets shop.purging for its own transaction, and even then
-- nothing goes that is younger than a year.
CREATE TRIGGER audit_log_is_only_purged
    BEFORE DELETE ON shop.audit_log
    FOR EACH ROW WHEN (
        current_setting('shop.purging', true) IS DISTINCT FROM 'on' OR OLD.occurred_at > now() - interval '1 year')
    EXECUTE FUNCTION shop.refuse('SH101', 'the audit log is append-only', 'Retention removes what is over a year old.');

-- Arguments: how much goes into the log (values, or only the names of columns that hold personal data), then the columns
-- of the key.
CREATE FUNCTION shop.audit() RETURNS trigger
LANGUAGE plpgsql
SET search_path = pg_catalog, shop, pg_temp
-- Moments in keys and values read the same whatever the session's time zone.
SET timezone = 'UTC'
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
COMMENT ON FUNCTION shop.audit() IS
    'Trigger: writes who changed what to the audit log. Arguments: values or names, then the columns of the key.';

CREATE TRIGGER variant_prices_audit
    AFTER INSERT OR DELETE ON shop.variant_prices
    FOR EACH ROW EXECUTE FUNCTION shop.audit('values', 'variant_id', 'currency', 'valid_from');
-- Uses by checkouts are not audited: they stand in coupon_redemptions.
CREATE TRIGGER coupons_audit
    AFTER INSERT OR DELETE
    OR UPDATE OF code, description, kind, rate, amount_minor, currency, minimum_subtotal_minor, starts_at, ends_at,
        usage_limit, per_customer_limit, is_active
    ON shop.coupons
    FOR EACH ROW EXECUTE FUNCTION shop.audit('values', 'coupon_id');
CREATE TRIGGER customers_audit
    AFTER INSERT OR UPDATE ON shop.customers
    FOR EACH ROW EXECUTE FUNCTION shop.audit('names', 'customer_id');
-- What orders move is told by the order; what people move by hand is audited.
CREATE TRIGGER stock_movements_audit
    AFTER INSERT ON shop.stock_movements
    FOR EACH ROW WHEN (NEW.kind IN ('receipt', 'adjustment', 'transfer'))
    EXECUTE FUNCTION shop.audit('values', 'stock_movement_id');

CREATE FUNCTION shop.invariant_audited_rows_have_entries()
RETURNS TABLE (examined bigint, violations bigint, example text)
LANGUAGE sql STABLE
SET search_path = pg_catalog, shop, pg_temp
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
COMMENT ON FUNCTION shop.invariant_audited_rows_have_entries() IS
    'Every coupon, customer and manual stock movement since the oldest entry is in the audit log.';

-- Which columns are personal is part of the schema: a row taken away here would be data that is never erased.
CREATE TRIGGER pii_columns_are_schema
    BEFORE INSERT OR UPDATE OR DELETE ON shop.pii_columns
    FOR EACH STATEMENT
    EXECUTE FUNCTION shop.refuse('SH102', 'the list of personal data is part of the schema', 'Change it by a migration.');

COMMENT ON TYPE shop.audit_action IS 'What was done to an audited row.';

CALL shop.refuse_truncate_of('outbox_events');
