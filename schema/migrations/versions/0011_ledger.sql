-- The books. An entry is written once and sums to zero; a document number is given once and leaves no gap.

INSERT INTO shop.ledger_accounts (account, meaning) VALUES
    ('receivable', 'What customers owe, or are owed. Debit: sold, refunded, or taken back by their bank in a dispute; credit: paid, cancelled or returned.'),
    ('provider_clearing', 'Money at the payment providers. Debit: captured; credit: refunded or paid out.'),
    ('revenue', 'Goods sold, without tax. Credit: sold; debit: cancelled or returned.'),
    ('shipping_revenue', 'Delivery charged, without tax. Credit: charged; debit: given back.'),
    ('tax_payable', 'Tax owed to the authorities. Credit: charged; debit: given back.'),
    ('suspense', 'Money that moved and belongs to no order yet. Credit: came in; debit: cleared.');

-- Journal --------------------------------------------------------------------------------------------------------------

CREATE TRIGGER journals_are_append_only
    BEFORE UPDATE OR DELETE OR TRUNCATE ON shop.journals
    FOR EACH STATEMENT
    EXECUTE FUNCTION shop.refuse('SH101', 'the journal is append-only', 'Post an entry that reverses it.');
CREATE TRIGGER journals_are_posted_now
    BEFORE INSERT ON shop.journals
    FOR EACH ROW WHEN (NEW.posted_at IS DISTINCT FROM now())
    EXECUTE FUNCTION shop.refuse('SH103', 'the moment of an entry is the server''s', 'Leave posted_at out.');
CREATE TRIGGER journal_lines_are_append_only
    BEFORE UPDATE OR DELETE OR TRUNCATE ON shop.journal_lines
    FOR EACH STATEMENT
    EXECUTE FUNCTION shop.refuse('SH101', 'the journal is append-only', 'Post an entry that reverses it.');

-- All lines of an entry arrive in one statement: the count in the header refuses any that comes later, even a pair that
-- sums to zero.
CREATE FUNCTION shop.balance_journal() RETURNS trigger
LANGUAGE plpgsql
SET search_path = pg_catalog, shop, pg_temp
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

CREATE TRIGGER journal_lines_balance
    AFTER INSERT ON shop.journal_lines
    REFERENCING NEW TABLE AS added
    FOR EACH STATEMENT EXECUTE FUNCTION shop.balance_journal();

CREATE FUNCTION shop.require_whole_journal() RETURNS trigger
LANGUAGE plpgsql
SET search_path = pg_catalog, shop, pg_temp
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

CREATE CONSTRAINT TRIGGER journals_are_whole
    AFTER INSERT ON shop.journals
    DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW EXECUTE FUNCTION shop.require_whole_journal();

CREATE FUNCTION shop.invariant_journals_balance()
RETURNS TABLE (examined bigint, violations bigint, example text)
LANGUAGE sql STABLE
SET search_path = pg_catalog, shop, pg_temp
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

-- Documents ------------------------------------------------------------------------------------------------------------

CREATE TRIGGER document_series_start_at_zero
    BEFORE INSERT ON shop.document_series
    FOR EACH ROW WHEN (NEW.last_number <> 0)
    EXECUTE FUNCTION shop.refuse('SH103', 'a series starts at 0', 'Leave last_number out.');
CREATE TRIGGER document_series_count_documents
    BEFORE UPDATE ON shop.document_series
    FOR EACH STATEMENT EXECUTE FUNCTION shop.refuse_direct_write('Insert the document; its number follows.');
CREATE TRIGGER document_series_are_kept
    BEFORE DELETE ON shop.document_series
    FOR EACH STATEMENT
    EXECUTE FUNCTION shop.refuse('SH101', 'series of documents are kept', 'Open another series.');

-- The row lock on the series lasts until commit: the next number is only given once this one is certain. A sequence would
-- be faster and would leave gaps, which tax law does not allow. The number is looked up before the insert and counted
-- after it, so that an insert that is skipped (ON CONFLICT DO NOTHING) leaves no gap either; several documents of one
-- statement see each other here.
CREATE FUNCTION shop.number_document() RETURNS trigger
LANGUAGE plpgsql
SET search_path = pg_catalog, shop, pg_temp
AS $$
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
$$;
COMMENT ON FUNCTION shop.number_document() IS 'Trigger: gives a document the next number of its series, without gaps.';

CREATE FUNCTION shop.count_document() RETURNS trigger
LANGUAGE plpgsql
SET search_path = pg_catalog, shop, pg_temp
AS $$
BEGIN
    UPDATE shop.document_series SET last_number = greatest(last_number, NEW.number) WHERE series = NEW.series;
    RETURN NULL;
END
$$;
COMMENT ON FUNCTION shop.count_document() IS 'Trigger: a document that was stored counts in its series.';

CREATE TRIGGER invoices_are_numbered
    BEFORE INSERT ON shop.invoices
    FOR EACH ROW EXECUTE FUNCTION shop.number_document();
CREATE TRIGGER invoices_count_in_series
    AFTER INSERT ON shop.invoices
    FOR EACH ROW EXECUTE FUNCTION shop.count_document();
CREATE TRIGGER invoices_are_issued_now
    BEFORE INSERT ON shop.invoices
    FOR EACH ROW WHEN (NEW.issued_at IS DISTINCT FROM now())
    EXECUTE FUNCTION shop.refuse('SH103', 'the date of an invoice is the server''s', 'Leave issued_at out.');

-- What is billed is what was sold and not cancelled by then.
CREATE FUNCTION shop.compare_invoice_with_order() RETURNS trigger
LANGUAGE plpgsql
SET search_path = pg_catalog, shop, pg_temp
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

CREATE TRIGGER invoices_bill_their_order
    AFTER INSERT ON shop.invoices
    FOR EACH ROW EXECUTE FUNCTION shop.compare_invoice_with_order();
CREATE TRIGGER invoices_start_uncredited
    BEFORE INSERT ON shop.invoices
    FOR EACH ROW WHEN (NEW.credited_minor <> 0)
    EXECUTE FUNCTION shop.refuse('SH103', 'an invoice starts uncredited', 'Insert a credit note.');
CREATE TRIGGER invoices_facts_are_immutable
    BEFORE UPDATE OF invoice_id, series, number, order_id, currency, total_minor, tax_minor, issued_at ON shop.invoices
    FOR EACH STATEMENT
    EXECUTE FUNCTION shop.refuse('SH102', 'an invoice does not change', 'Issue a credit note.');
CREATE TRIGGER invoices_credits_are_kept
    BEFORE UPDATE OF credited_minor ON shop.invoices
    FOR EACH STATEMENT EXECUTE FUNCTION shop.refuse_direct_write('Insert a credit note.');
CREATE TRIGGER invoices_buyer_is_only_erased
    BEFORE UPDATE OF buyer_name, buyer_address, buyer_tax_number ON shop.invoices
    FOR EACH ROW WHEN (NOT (NEW.buyer_name = 'erased' AND NEW.buyer_address = 'erased' AND NEW.buyer_tax_number IS NULL))
    EXECUTE FUNCTION shop.refuse('SH102', 'the buyer of an invoice does not change, it can only be erased',
        'Erase with the word erased, and the tax number with NULL.');
CREATE TRIGGER invoices_are_kept
    BEFORE DELETE ON shop.invoices
    FOR EACH STATEMENT
    EXECUTE FUNCTION shop.refuse('SH101', 'invoices are kept', 'Issue a credit note.');
CREATE TRIGGER credit_notes_are_numbered
    BEFORE INSERT ON shop.credit_notes
    FOR EACH ROW EXECUTE FUNCTION shop.number_document();
CREATE TRIGGER credit_notes_count_in_series
    AFTER INSERT ON shop.credit_notes
    FOR EACH ROW EXECUTE FUNCTION shop.count_document();
CREATE TRIGGER credit_notes_are_issued_now
    BEFORE INSERT ON shop.credit_notes
    FOR EACH ROW WHEN (NEW.issued_at IS DISTINCT FROM now())
    EXECUTE FUNCTION shop.refuse('SH103', 'the date of a credit note is the server''s', 'Leave issued_at out.');
CREATE TRIGGER credit_notes_are_append_only
    BEFORE UPDATE OR DELETE OR TRUNCATE ON shop.credit_notes
    FOR EACH STATEMENT
    EXECUTE FUNCTION shop.refuse('SH101', 'credit notes are append-only', 'Issue another document.');

CREATE FUNCTION shop.count_credit_note() RETURNS trigger
LANGUAGE plpgsql
SET search_path = pg_catalog, shop, pg_temp
AS $$
BEGIN
    UPDATE shop.invoices SET credited_minor = credited_minor + NEW.amount_minor WHERE invoice_id = NEW.invoice_id;
    RETURN NULL;
END
$$;
COMMENT ON FUNCTION shop.count_credit_note() IS 'Trigger: a credit note counts on its invoice, whose CHECK limits it.';

CREATE TRIGGER credit_notes_count
    AFTER INSERT ON shop.credit_notes
    FOR EACH ROW EXECUTE FUNCTION shop.count_credit_note();

CREATE FUNCTION shop.invariant_document_numbers_have_no_gap()
RETURNS TABLE (examined bigint, violations bigint, example text)
LANGUAGE sql STABLE
SET search_path = pg_catalog, shop, pg_temp
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
COMMENT ON FUNCTION shop.invariant_document_numbers_have_no_gap() IS
    'Numbers of invoices and credit notes run from 1 to the last of their series without a gap.';

CREATE FUNCTION shop.invariant_invoice_credits_equal_notes()
RETURNS TABLE (examined bigint, violations bigint, example text)
LANGUAGE sql STABLE
SET search_path = pg_catalog, shop, pg_temp
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

INSERT INTO shop.pii_columns (table_name, column_name, erase, reason) VALUES
    ('invoices', 'buyer_name', 'after_retention', 'Tax law asks for the buyer on every invoice.'),
    ('invoices', 'buyer_address', 'after_retention', 'As buyer_name.'),
    ('invoices', 'buyer_tax_number', 'after_retention', 'As buyer_name.');

CREATE FUNCTION shop.invariant_invoices_bill_their_orders()
RETURNS TABLE (examined bigint, violations bigint, example text)
LANGUAGE sql STABLE
SET search_path = pg_catalog, shop, pg_temp
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
COMMENT ON FUNCTION shop.invariant_invoices_bill_their_orders() IS
    'An invoice is for no more than its order cost, and for no less than what of it was not cancelled.';

-- Why these foreign keys have no index of their own --------------------------------------------------------------------

COMMENT ON CONSTRAINT fk_journals_currency ON shop.journals IS
    'No index: currencies are never deleted or renumbered, and no hot read starts from one.';
COMMENT ON CONSTRAINT fk_journal_lines_journal_id_currency ON shop.journal_lines IS
    'No index: the primary key begins with journal_id, which is all a check needs.';
COMMENT ON CONSTRAINT fk_invoices_order_id_currency ON shop.invoices IS
    'No index: the unique key of orders begins with order_id, which is all a check needs.';

COMMENT ON TYPE shop.journal_kind IS 'What a journal entry records.';

CALL shop.refuse_truncate_of('ledger_accounts', 'document_series', 'invoices');
