-- What every function of schema api says in the same words. SQLSTATEs of class SH, 0xx: the call itself.
--   SH001  an argument is missing, out of range, too long, or of the wrong form
--   SH002  the transaction's isolation level is not READ COMMITTED
--   SH003  the row belongs to another customer, or nobody said for which customer the call is
--   SH004  the key was used before, with other content
--   SH005  there is no such row
--
-- Functions are SECURITY DEFINER: they run as the owner, whatever the caller may do, and check what the caller asks for.
-- A row made in this transaction is no lock; all others are taken in one order, everywhere: customer, cart, order,
-- payment, coupon, stock by (variant, warehouse, slot).

CREATE FUNCTION shop.require(holds boolean, argument text, rule text)
RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, shop, pg_temp
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
COMMENT ON FUNCTION shop.require(boolean, text, text) IS 'Refuses a bad argument, by name and rule (SH001).';

-- PERFORM runs the executor, an expression without a table does not: it costs a tenth. What every checkout calls therefore
-- looks at all of its arguments in one CASE, which yields the name and the rule of the first that is bad, and what it
-- requires of its caller returns true, to be asked in an expression.
CREATE FUNCTION shop.require_none(bad_argument text[])
RETURNS boolean
LANGUAGE plpgsql
SET search_path = pg_catalog, shop, pg_temp
AS $$
BEGIN
    IF bad_argument IS NOT NULL THEN
        PERFORM shop.require(false, bad_argument[1], bad_argument[2]);
    END IF;
    RETURN true;
END
$$;
COMMENT ON FUNCTION shop.require_none(text[]) IS 'Refuses a bad argument, given as its name and rule (SH001); NULL: there is none.';

CREATE FUNCTION shop.refuse_missing(what text, key text)
RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, shop, pg_temp
AS $$
BEGIN
    RAISE EXCEPTION USING
        ERRCODE = 'SH005',
        MESSAGE = format('there is no %s %s', what, coalesce(key, 'NULL')),
        HINT = 'Check the key; nothing was changed.',
        DETAIL = jsonb_build_object('what', what, 'key', key);
END
$$;
COMMENT ON FUNCTION shop.refuse_missing(text, text) IS 'Says that a row is not there (SH005).';

CREATE FUNCTION shop.refuse_other_content(what text, key text)
RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, shop, pg_temp
AS $$
BEGIN
    RAISE EXCEPTION USING
        ERRCODE = 'SH004',
        MESSAGE = format('%s %s exists already, with other content', what, key),
        HINT = 'A retry carries the same key and the same content; another request carries a new key.',
        DETAIL = jsonb_build_object('what', what, 'key', key);
END
$$;
COMMENT ON FUNCTION shop.refuse_other_content(text, text) IS 'Refuses a key that was used for something else (SH004).';

-- Under a stricter level every statement of a function reads the same old snapshot: the counters would still refuse what
-- is wrong, but as a serialization failure of a checkout that could have been served.
CREATE FUNCTION shop.require_read_committed()
RETURNS boolean
LANGUAGE plpgsql
SET search_path = pg_catalog, shop, pg_temp
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

-- A storefront acts for one customer, named in shop.customer_id; the back office and jobs act for anybody. Guards against
-- an application's mistake, not against SQL that somebody smuggled in: whoever can run SQL can set the setting.
--
-- Functions of schema api run as the owner, whom row-level security does not concern: they ask here. Refused is whatever is
-- not known to be allowed: only logins of the application, of staff and of the owner act for anybody.
CREATE FUNCTION shop.refuse_unless_trusted()
RETURNS boolean
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, shop, pg_temp
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
COMMENT ON FUNCTION shop.refuse_unless_trusted() IS
    'Refuses (SH003) whoever acts for one customer, or is not known to act for anybody.';

-- An expression, so that PostgreSQL puts it where it is asked: what is their own costs a customer no call.
CREATE FUNCTION shop.require_own(owner_id uuid)
RETURNS boolean
LANGUAGE sql STABLE
RETURN CASE
    WHEN owner_id IS NULL OR lower(current_setting('shop.customer_id', true)) = owner_id::text THEN true
    ELSE shop.refuse_unless_trusted()
END;
COMMENT ON FUNCTION shop.require_own(uuid) IS 'Refuses a row of another customer (SH003). NULL: a guest''s, known by its key.';

-- The caller holds the lock of the aggregate: its events are numbered one after the other.
CREATE FUNCTION shop.tell_outbox(aggregate text, key text, event text, payload jsonb)
RETURNS void
LANGUAGE sql
SET search_path = pg_catalog, shop, pg_temp
AS $$
    INSERT INTO shop.outbox_events (aggregate_type, aggregate_id, event_type, payload)
    VALUES (aggregate, key, event, payload)
$$;
COMMENT ON FUNCTION shop.tell_outbox(text, text, text, jsonb) IS 'Writes an event in the transaction of its change.';

CREATE FUNCTION shop.require_actor()
RETURNS text
LANGUAGE plpgsql
SET search_path = pg_catalog, shop, pg_temp
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
