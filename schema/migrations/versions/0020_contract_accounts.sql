-- Accounts. Passwords are hashed by the application (argon2id, scrypt, pbkdf2, bcrypt); the database keeps the hash where
-- only these functions reach it, and tokens only as SHA-256. Errors, 6xx:
--   SH601  the address has an account already
--   SH602  the session or token is unknown, expired, used or revoked
--
-- Answers about log-ins take the same path for known and unknown addresses: nobody learns here who has an account.

CREATE FUNCTION shop.normalized_email(email text) RETURNS text LANGUAGE sql IMMUTABLE
SET search_path = pg_catalog, shop, pg_temp
RETURN lower(normalize(email, NFC) COLLATE pg_unicode_fast);
COMMENT ON FUNCTION shop.normalized_email(text) IS 'The form in which addresses are compared.';

CREATE FUNCTION shop.require_email(email text) RETURNS void LANGUAGE sql
SET search_path = pg_catalog, shop, pg_temp
RETURN shop.require(char_length(email) <= 254 AND email ~ '^[^@[:space:]]+@[^@[:space:]]+[.][^@[:space:].]+$',
    'email', 'an e-mail address');
COMMENT ON FUNCTION shop.require_email(text) IS 'Refuses what cannot be an e-mail address (SH001).';

CREATE FUNCTION shop.require_digest(digest bytea) RETURNS void LANGUAGE sql
SET search_path = pg_catalog, shop, pg_temp
RETURN shop.require(octet_length(digest) = 32, 'token_digest', 'the SHA-256 of the token, 32 bytes');
COMMENT ON FUNCTION shop.require_digest(bytea) IS 'Refuses what is no SHA-256 (SH001).';

CREATE FUNCTION shop.require_password_hash(password_hash text) RETURNS void LANGUAGE sql
SET search_path = pg_catalog, shop, pg_temp
RETURN shop.require(
    char_length(password_hash) <= 512 AND (
        password_hash ~ '^[$](argon2id|scrypt|pbkdf2-sha256|pbkdf2-sha512)[$]([a-z0-9]+=[a-zA-Z0-9/+.,=-]+[$])*[a-zA-Z0-9/+.-]{16,}[$][a-zA-Z0-9/+.-]{32,}$'
        OR password_hash ~ '^[$]2[aby][$][0-9]{2}[$][./A-Za-z0-9]{53}$'),
    'password_hash', 'a PHC string of argon2id, scrypt or pbkdf2, or a bcrypt hash; never a password');
COMMENT ON FUNCTION shop.require_password_hash(text) IS 'Refuses what is no password hash (SH001).';

-- Changes of customers are audited; what customers do themselves they do in their own name.
CREATE FUNCTION shop.act_as_customer(wanted uuid) RETURNS void LANGUAGE plpgsql
SET search_path = pg_catalog, shop, pg_temp
AS $$
BEGIN
    IF shop.actor() IS NULL THEN
        PERFORM set_config('shop.actor', 'customer:' || wanted, true);
    END IF;
END
$$;
COMMENT ON FUNCTION shop.act_as_customer(uuid) IS 'Names the customer as actor of this transaction, unless one is named.';

CREATE FUNCTION api.register_customer(customer_id uuid, email text, full_name text, password_hash text, phone text DEFAULT NULL)
RETURNS uuid
LANGUAGE plpgsql
SECURITY DEFINER
SET search_path = pg_catalog, shop, pg_temp
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
COMMENT ON FUNCTION api.register_customer(uuid, text, text, text, text) IS
    'Opens an account; addresses are compared without case. Safe to repeat with the same key. Locks: none that wait but for'
    ' another registration of the same address. Errors: SH001, SH002, SH004, SH601.';

-- Verifying a password takes as long as its hash asks for, which an attacker can time. So the decoy asks for what the hash of the
-- newest account does: its algorithm, parameters and lengths, with a salt and a hash of zeros, which no password is known to give.
CREATE FUNCTION shop.decoy_hash()
RETURNS text
LANGUAGE sql STABLE
SET search_path = pg_catalog, shop, pg_temp
AS $$
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
$$;
COMMENT ON FUNCTION shop.decoy_hash() IS
    'What an unknown address is verified against: as costly as the newest account''s hash, and matched by no password.';

-- Always one row, in the same shape and with the same work, for known and unknown addresses: the application verifies the
-- password against the hash it gets (the decoy matches none), then calls record_login_attempt.
-- Reads go to the server's log and not to a table: a thief who rolls back leaves no row, but leaves a line. It holds no
-- address and no hash.
CREATE FUNCTION api.credential_for_login(email text)
RETURNS TABLE (customer_id uuid, password_hash text, locked_until timestamptz)
LANGUAGE plpgsql
SECURITY DEFINER
SET search_path = pg_catalog, shop, pg_temp
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
COMMENT ON FUNCTION api.credential_for_login(text) IS
    'What to verify a password against: the hash and how long the address is locked out. Unknown addresses get a hash that no'
    ' password matches and that costs as much to verify, and the same lock-out. Each call leaves a line in the server''s log,'
    ' without the address. Never log the result. Errors: SH001.';

-- Five failures in a row are free; from then on each doubles the wait, from 30 seconds to a day.
CREATE FUNCTION shop.locked_until(digest bytea)
RETURNS timestamptz
LANGUAGE sql STABLE
SET search_path = pg_catalog, shop, pg_temp
AS $$
    SELECT CASE WHEN count(*) >= 5
           THEN max(attempted_at) + least(interval '30 seconds' * (2 ^ least(count(*) - 5, 12)), interval '1 day') END
    FROM shop.login_attempts AS attempt
    WHERE email_digest = digest AND NOT succeeded AND attempted_at > now() - interval '1 day'
      AND attempted_at > coalesce((
          SELECT max(attempted_at) FROM shop.login_attempts
          WHERE email_digest = digest AND succeeded AND attempted_at > now() - interval '1 day'), '-infinity')
$$;
COMMENT ON FUNCTION shop.locked_until(bytea) IS 'Until when log-ins with an address are locked out; NULL: they are not.';

CREATE FUNCTION shop.login_gate(digest bytea) RETURNS bigint LANGUAGE sql IMMUTABLE
SET search_path = pg_catalog, shop, pg_temp
RETURN hashint8extended(('x' || encode(substring(digest FROM 1 FOR 8), 'hex'))::bit(64)::bigint, 20260102);
COMMENT ON FUNCTION shop.login_gate(bytea) IS 'Key of the advisory lock under which log-ins with an address are counted.';

CREATE FUNCTION api.record_login_attempt(email text, succeeded boolean, ip_address inet DEFAULT NULL)
RETURNS timestamptz
LANGUAGE plpgsql
SECURITY DEFINER
SET search_path = pg_catalog, shop, pg_temp
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
COMMENT ON FUNCTION api.record_login_attempt(text, boolean, inet) IS
    'Records a log-in that succeeded or failed; returns until when the address is locked out, if it is. Open a session only'
    ' when it returns NULL: during a lock-out the right password is neither recorded nor let in, however many were tried at'
    ' the same moment. Locks: the gate of the address, credential. Errors: SH001, SH002.';

CREATE FUNCTION api.open_session(
    login_session_id uuid, customer_id uuid, token_digest bytea, lifetime interval DEFAULT '30 days',
    ip_address inet DEFAULT NULL, user_agent text DEFAULT NULL)
RETURNS timestamptz
LANGUAGE plpgsql
SECURITY DEFINER
SET search_path = pg_catalog, shop, pg_temp
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
COMMENT ON FUNCTION api.open_session(uuid, uuid, bytea, interval, inet, text) IS
    'Opens a session for a customer who has logged in; the token itself never comes here. Returns when it ends. Safe to'
    ' repeat. Locks: none. Errors: SH001 to SH005.';

CREATE FUNCTION api.resume_session(token_digest bytea)
RETURNS TABLE (login_session_id uuid, customer_id uuid, expires_at timestamptz)
LANGUAGE plpgsql
SECURITY DEFINER
SET search_path = pg_catalog, shop, pg_temp
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
COMMENT ON FUNCTION api.resume_session(bytea) IS
    'Whose session a token opens, by its SHA-256. Locks: the session, at most once an hour. Errors: SH001, SH002, SH602.';

CREATE FUNCTION api.close_session(token_digest bytea)
RETURNS void
LANGUAGE plpgsql
SECURITY DEFINER
SET search_path = pg_catalog, shop, pg_temp
AS $$
#variable_conflict use_column
BEGIN
    PERFORM shop.require_read_committed();
    PERFORM shop.require_digest(close_session.token_digest);
    UPDATE shop.login_sessions AS s SET revoked_at = greatest(now(), s.created_at)
    WHERE s.token_digest = close_session.token_digest AND s.revoked_at IS NULL;
END
$$;
COMMENT ON FUNCTION api.close_session(bytea) IS
    'Ends a session. Safe to repeat, and silent about tokens that open none. Locks: the session. Errors: SH001, SH002.';

CREATE FUNCTION api.change_password(customer_id uuid, password_hash text)
RETURNS integer
LANGUAGE plpgsql
SECURITY DEFINER
SET search_path = pg_catalog, shop, pg_temp
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
COMMENT ON FUNCTION api.change_password(uuid, text) IS
    'Sets a new password hash, ends all sessions and the lock-out of the customer and withdraws open links to reset it;'
    ' returns how many sessions ended. Locks: customer, credential, sessions. Errors: SH001, SH002, SH003, SH005.';

CREATE FUNCTION api.issue_token(email text, purpose text, token_digest bytea, lifetime interval DEFAULT '1 hour')
RETURNS boolean
LANGUAGE plpgsql
SECURITY DEFINER
SET search_path = pg_catalog, shop, pg_temp
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
COMMENT ON FUNCTION api.issue_token(text, text, bytea, interval) IS
    'Stores the SHA-256 of a one-time token for an address; the one before it no longer works. Whether the address has an'
    ' account (true) decides only whether to send the mail: tell the visitor the same either way. Locks: customer. Errors:'
    ' SH001, SH002, SH004.';

CREATE FUNCTION api.use_token(token_digest bytea, purpose text)
RETURNS uuid
LANGUAGE plpgsql
SECURITY DEFINER
SET search_path = pg_catalog, shop, pg_temp
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
COMMENT ON FUNCTION api.use_token(bytea, text) IS
    'Uses a one-time token; returns whose it was. Either purpose proves the address. Works once. Locks: customer, token.'
    ' Errors: SH001, SH002, SH602.';

CREATE FUNCTION api.add_address(address_id uuid, customer_id uuid, address api.address)
RETURNS uuid
LANGUAGE plpgsql
SECURITY DEFINER
SET search_path = pg_catalog, shop, pg_temp
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
COMMENT ON FUNCTION api.add_address(uuid, uuid, api.address) IS
    'Adds an address to a customer''s book. Safe to repeat with the same key. Locks: none. Errors: SH001 to SH005.';

CREATE FUNCTION api.set_default_address(address_id uuid, kind text)
RETURNS void
LANGUAGE plpgsql
SECURITY DEFINER
SET search_path = pg_catalog, shop, pg_temp
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
COMMENT ON FUNCTION api.set_default_address(uuid, text) IS
    'Makes an address the customer''s default for shipping or billing, instead of the one before. Safe to repeat. Locks:'
    ' customer. Errors: SH001, SH002, SH003, SH005.';

GRANT EXECUTE ON FUNCTION
    api.register_customer(uuid, text, text, text, text), api.credential_for_login(text),
    api.record_login_attempt(text, boolean, inet), api.open_session(uuid, uuid, bytea, interval, inet, text),
    api.resume_session(bytea), api.close_session(bytea), api.change_password(uuid, text),
    api.issue_token(text, text, bytea, interval), api.use_token(bytea, text)
TO shop_app;
GRANT EXECUTE ON FUNCTION api.add_address(uuid, uuid, api.address), api.set_default_address(uuid, text)
TO shop_app, shop_storefront;
