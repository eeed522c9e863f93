-- Guards that every later area uses, and the walker of the invariants.
--
-- Errors of the database's own rules have SQLSTATEs of class SH. 1xx are the schema's guards:
--   SH101  append-only: the row may not be changed or removed
--   SH102  immutable: the fact may not be changed
--   SH103  kept by trigger: the value may not be written directly
--   SH104  header and lines do not agree
--   SH105  the status may not move that way
--   SH106  the cart is not open
--   SH107  the category tree would have a cycle
--   SH108  the price is or was in force
--   SH109  nobody said who acts (setting shop.actor), or with more than 200 characters
--   SH110  the receipt was recorded already
--   SH111  the other rows that the change needs are not there yet, or do not fit
--   SH112  the coupon's limit per customer is reached
--   SH002  the transaction's isolation level is not READ COMMITTED
-- Each names the trigger in the error's constraint field, so that a program can branch on either.

-- Refuses whatever fired it. Arguments: SQLSTATE, the rule in words, the way out.
CREATE FUNCTION shop.refuse() RETURNS trigger
LANGUAGE plpgsql
SET search_path = pg_catalog, shop, pg_temp
AS $$
BEGIN
    RAISE EXCEPTION USING
        ERRCODE = TG_ARGV[0],
        MESSAGE = format('%s on shop.%s refused: %s', TG_OP, TG_TABLE_NAME, TG_ARGV[1]),
        HINT = TG_ARGV[2],
        SCHEMA = TG_TABLE_SCHEMA, TABLE = TG_TABLE_NAME, CONSTRAINT = TG_NAME;
END
$$;
COMMENT ON FUNCTION shop.refuse() IS
    'Trigger: refuses what fired it. Arguments: SQLSTATE, the rule in words, the way out.';

-- Refuses a statement that a client sent, and lets the same statement of another trigger pass: the depth is 1 when the
-- statement that fired this trigger stands outside any other trigger. Argument: the way out.
CREATE FUNCTION shop.refuse_direct_write() RETURNS trigger
LANGUAGE plpgsql
SET search_path = pg_catalog, shop, pg_temp
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
COMMENT ON FUNCTION shop.refuse_direct_write() IS
    'Trigger: refuses writes that come from a client and not from another trigger. Argument: the way out.';

-- A name that does not fit is refused and not cut: two names could then read the same.
CREATE FUNCTION shop.actor() RETURNS text
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, shop, pg_temp
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

CREATE FUNCTION shop.touch_updated_at() RETURNS trigger
LANGUAGE plpgsql
SET search_path = pg_catalog, shop, pg_temp
AS $$
BEGIN
    NEW.updated_at := greatest(now(), OLD.updated_at);
    RETURN NEW;
END
$$;
COMMENT ON FUNCTION shop.touch_updated_at() IS 'Trigger: keeps updated_at.';

-- TRUNCATE fires no row trigger: on any table here it would bypass counters, history and books.
CREATE PROCEDURE shop.refuse_truncate_of(VARIADIC table_names text[])
LANGUAGE plpgsql
SET search_path = pg_catalog, shop, pg_temp
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
COMMENT ON PROCEDURE shop.refuse_truncate_of(text[]) IS 'For migrations: makes TRUNCATE of the tables an error.';

-- Invariants -----------------------------------------------------------------------------------------------------------
--
-- Every rule that a trigger enforces exists twice: as the trigger, and as a function shop.invariant_<name>() that looks
-- at the data alone and returns one row: how many rows it examined, how many break the rule, and one of them in words.

CREATE FUNCTION api.verify_integrity()
RETURNS TABLE (invariant text, examined bigint, violations bigint, example text)
LANGUAGE plpgsql
-- STABLE functions read by the snapshot of the statement that calls them: all invariants see one moment, and a
-- concurrent checkout is no false alarm.
STABLE
SECURITY DEFINER
SET search_path = pg_catalog, shop, pg_temp
-- One processor, one process's memory, whatever the server grants to reports: customers buy meanwhile, and workers that join
-- by hash would each build the table of the other side anew.
SET max_parallel_workers_per_gather = 0
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
COMMENT ON FUNCTION api.verify_integrity() IS
    'Walks all invariants in one snapshot: name, rows examined, rows that break it, one of them in words. Changes nothing.';

-- Currencies -----------------------------------------------------------------------------------------------------------

CREATE TRIGGER currencies_exponent_is_immutable
    BEFORE UPDATE OF code, exponent ON shop.currencies
    FOR EACH STATEMENT
    EXECUTE FUNCTION shop.refuse('SH102', 'code and exponent give every stored amount its meaning',
        'A redenominated currency gets a code of its own, as ISO 4217 does.');

-- Deployment -----------------------------------------------------------------------------------------------------------

-- env.py passes the environment as a setting of its connection. A database of which nobody said what it is for is
-- production: the mistake then costs a sentence, not the data.
INSERT INTO shop.deployment (environment)
VALUES (coalesce(nullif(current_setting('shop.environment', true), ''), 'production'));

CREATE FUNCTION shop.keep_production() RETURNS trigger
LANGUAGE plpgsql
SET search_path = pg_catalog, shop, pg_temp
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

CREATE TRIGGER deployment_stays_production
    BEFORE UPDATE OF environment ON shop.deployment
    FOR EACH ROW WHEN (OLD.environment = 'production' AND NEW.environment <> 'production')
    EXECUTE FUNCTION shop.keep_production();

CREATE TRIGGER deployment_row_stays
    BEFORE DELETE ON shop.deployment
    FOR EACH STATEMENT
    EXECUTE FUNCTION shop.refuse('SH101', 'tools read from its row what they may do', 'Update the row instead.');

CREATE FUNCTION shop.invariant_deployment_is_one_row()
RETURNS TABLE (examined bigint, violations bigint, example text)
LANGUAGE sql STABLE
SET search_path = pg_catalog, shop, pg_temp
AS $$
    SELECT 1::bigint,
           (CASE count(*) WHEN 1 THEN 0 ELSE 1 END)::bigint,
           CASE count(*) WHEN 1 THEN NULL ELSE format('deployment has %s rows', count(*)) END
    FROM shop.deployment
$$;
COMMENT ON FUNCTION shop.invariant_deployment_is_one_row() IS 'Exactly one row says what kind of database this is.';

-- Why these foreign keys have no index of their own --------------------------------------------------------------------

COMMENT ON CONSTRAINT fk_countries_currency ON shop.countries IS
    'No index: currencies are never deleted or renumbered, and no hot read starts from one.';

CALL shop.refuse_truncate_of('currencies', 'countries', 'deployment');
