-- Erasure of personal data. pii_columns says which columns and when: `now` on the customer's request, `after_retention`
-- when tax law no longer asks for the order. Nothing that history refers to is deleted: names become the word erased,
-- addresses for mail erased-<key>@erased.invalid, all else NULL; what only served to log in is removed. Country and region
-- of an order stay: they decided its taxes. All of it needs shop.actor (SH109): erasures are audited, without values.
--
-- Other systems hold copies: customer.erased, order.contact_erased and order.erased in the outbox tell them to do the same.

CREATE FUNCTION shop.erased_email(key uuid) RETURNS text LANGUAGE sql IMMUTABLE
SET search_path = pg_catalog, shop, pg_temp
RETURN 'erased-' || key || '@erased.invalid';
COMMENT ON FUNCTION shop.erased_email(uuid) IS 'What takes the place of an e-mail address; no mail can be sent there.';

-- Audit ---------------------------------------------------------------------------------------------------------------

CREATE TRIGGER orders_audit
    AFTER UPDATE OF contact_email, contact_phone, tax_number, request_digest ON shop.orders
    FOR EACH ROW EXECUTE FUNCTION shop.audit('names', 'order_id');
CREATE TRIGGER order_addresses_audit
    AFTER UPDATE ON shop.order_addresses
    FOR EACH ROW EXECUTE FUNCTION shop.audit('names', 'order_id', 'kind');
CREATE TRIGGER invoices_audit
    AFTER UPDATE OF buyer_name, buyer_address, buyer_tax_number ON shop.invoices
    FOR EACH ROW EXECUTE FUNCTION shop.audit('names', 'invoice_id');
CREATE TRIGGER returns_audit
    AFTER UPDATE OF reason ON shop.returns
    FOR EACH ROW EXECUTE FUNCTION shop.audit('names', 'return_id');

-- What comes while its customer is erased -----------------------------------------------------------------------------

-- A function that found the customer active may write after the erasure has looked. The lock waits for an erasure that is
-- under way, and then sees what became of the customer; an erasure that comes later waits for this one, and sees the row.
CREATE FUNCTION shop.refuse_for_erased() RETURNS trigger
LANGUAGE plpgsql
SET search_path = pg_catalog, shop, pg_temp
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

CREATE TRIGGER customer_credentials_are_of_a_customer
    BEFORE INSERT ON shop.customer_credentials
    FOR EACH ROW EXECUTE FUNCTION shop.refuse_for_erased();
CREATE TRIGGER login_attempts_are_of_a_customer
    BEFORE INSERT ON shop.login_attempts
    FOR EACH ROW WHEN (NEW.customer_id IS NOT NULL) EXECUTE FUNCTION shop.refuse_for_erased();
CREATE TRIGGER login_sessions_are_of_a_customer
    BEFORE INSERT ON shop.login_sessions
    FOR EACH ROW EXECUTE FUNCTION shop.refuse_for_erased();
CREATE TRIGGER addresses_are_of_a_customer
    BEFORE INSERT ON shop.addresses
    FOR EACH ROW EXECUTE FUNCTION shop.refuse_for_erased();

-- It walks pii_columns: a column that is added to the list, and not to the functions below, shows here.
CREATE FUNCTION shop.invariant_erased_customers_left_nothing()
RETURNS TABLE (examined bigint, violations bigint, example text)
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, shop, pg_temp
AS $$
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
$$;
COMMENT ON FUNCTION shop.invariant_erased_customers_left_nothing() IS
    'Of an erased customer no column holds anything that pii_columns says is erased at once.';

-- On request ----------------------------------------------------------------------------------------------------------

-- A customer, an address, or both. An order of the customer's is found by either: somebody who has an account may have
-- bought as a guest before. What the tax office may ask for stays for erase_due.
CREATE FUNCTION shop.erase_now(who uuid, address text, is_theirs boolean)
RETURNS TABLE (what text, erased bigint)
LANGUAGE plpgsql
SET search_path = pg_catalog, shop, pg_temp
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
COMMENT ON FUNCTION shop.erase_now(uuid, text, boolean) IS
    'Erases what pii_columns lists as now, of a customer and of the orders with an address, if it is known to be theirs.';

CREATE FUNCTION api.erase_customer(customer_id uuid)
RETURNS TABLE (what text, erased bigint)
LANGUAGE plpgsql
SECURITY DEFINER
SET search_path = pg_catalog, shop, pg_temp
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
COMMENT ON FUNCTION api.erase_customer(uuid) IS
    'Erases a customer on request: account, address book, log-ins, and the contact of all orders, also of those placed as a'
    ' guest if the account''s address was verified. Invoices and addresses of orders stay until erase_due; orders under way'
    ' still arrive, but nobody can be written to about them. Returns rows by table; safe to repeat. Needs shop.actor, unless'
    ' shop.customer_id says that it is the customer''s own wish. Locks: customer, cart, orders by key. Errors: SH001, SH002,'
    ' SH003, SH005, SH109.';

CREATE FUNCTION api.erase_customer_by_email(email text)
RETURNS TABLE (what text, erased bigint)
LANGUAGE plpgsql
SECURITY DEFINER
SET search_path = pg_catalog, shop, pg_temp
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
COMMENT ON FUNCTION api.erase_customer_by_email(text) IS
    'Erases whoever has an e-mail address, on request: the contact of every order placed with it, by guests too, and the'
    ' account if there is one, as erase_customer does. First make sure that the request comes from the address. Returns rows'
    ' by table, all 0 where nothing is found; safe to repeat. Locks: customer, cart, orders by key. Errors: SH001, SH002,'
    ' SH003, SH109.';

-- After retention -----------------------------------------------------------------------------------------------------

-- All orders of that age, whoever placed them, and all that is personal of them: what was kept for the law alone has no
-- other reason to be kept, and what may be erased earlier on request is not kept longer because nobody asked.
CREATE FUNCTION api.erase_due(retention interval DEFAULT '10 years', batch integer DEFAULT 1000)
RETURNS TABLE (what text, erased bigint)
LANGUAGE plpgsql
SECURITY DEFINER
SET search_path = pg_catalog, shop, pg_temp
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
COMMENT ON FUNCTION api.erase_due(interval, integer) IS
    'Erases all personal data of orders whose last document is older than the retention, oldest first, at most a batch of'
    ' orders; returns rows by table. Call it nightly, and until it says 0 orders. Whoever runs a shop decides how long the law'
    ' wants documents kept. Locks: orders (skipping locked ones). Errors: SH001, SH002, SH109.';

GRANT EXECUTE ON FUNCTION
    api.erase_customer(uuid), api.erase_customer_by_email(text), api.erase_due(interval, integer)
TO shop_app, shop_backoffice;
