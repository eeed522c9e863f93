-- Attacks on the books: an entry balances and stays, a document keeps its number.

-- Journal --------------------------------------------------------------------------------------------------------------

-- attack: journal_is_changed
-- rule: the journal is append-only
-- guard: trigger shop.journals journals_are_append_only
-- refused: SH101 journals_are_append_only
-- invariant: journals_balance
UPDATE shop.journals SET line_count = 5 WHERE journal_id = 1;

-- attack: lost_dispute_becomes_a_correction
-- rule: the journal is append-only, and what was lost in a dispute stands in it
-- guard: trigger shop.journals journals_are_append_only
-- refused: SH101 journals_are_append_only
-- invariant: disputes_stand_in_the_books
UPDATE shop.journals SET kind = 'correction' WHERE kind = 'dispute';

-- attack: journal_is_deleted
-- rule: the journal is append-only
-- guard: trigger shop.journals journals_are_append_only
-- guard: constraint shop.journal_lines fk_journal_lines_journal_id_currency
-- refused: SH101 journals_are_append_only
-- invariant: none: without its foreign key the lines belong to nothing, and each other entry balances
DELETE FROM shop.journals WHERE journal_id = 1;

-- attack: journal_line_is_changed
-- rule: the journal is append-only
-- guard: trigger shop.journal_lines journal_lines_are_append_only
-- refused: SH101 journal_lines_are_append_only
-- invariant: journals_balance
UPDATE shop.journal_lines SET amount_minor = amount_minor + 1 WHERE journal_id = 1 AND line_number = 1;

-- attack: journal_line_is_deleted
-- rule: the journal is append-only: no ledger row disappears
-- guard: trigger shop.journal_lines journal_lines_are_append_only
-- refused: SH101 journal_lines_are_append_only
-- invariant: journals_balance
DELETE FROM shop.journal_lines WHERE journal_id = 4;

-- attack: journal_line_is_deleted_by_merge
-- rule: the journal is append-only, for every kind of statement
-- guard: trigger shop.journal_lines journal_lines_are_append_only
-- refused: SH101 journal_lines_are_append_only
-- invariant: journals_balance
MERGE INTO shop.journal_lines AS line USING (VALUES (4)) AS entry (journal_id) ON line.journal_id = entry.journal_id
WHEN MATCHED THEN DELETE;

-- given: new_journal
INSERT INTO shop.journals (kind, currency, line_count, description) VALUES ('correction', 'USD', 2, 'By hand');

-- attack: journal_does_not_balance
-- rule: every entry sums to zero
-- guard: trigger shop.journal_lines journal_lines_balance
-- refused: SH104 journal_lines_balance
-- invariant: journals_balance
-- after: new_journal
INSERT INTO shop.journal_lines (journal_id, line_number, account, currency, amount_minor)
SELECT journal_id, number, account, 'USD', amount
FROM (SELECT max(journal_id) AS journal_id FROM shop.journals) AS entry,
    (VALUES (1, 'receivable', 100), (2, 'revenue', -99)) AS line (number, account, amount);

-- attack: journal_in_two_statements
-- rule: all lines of an entry arrive in one statement
-- guard: trigger shop.journal_lines journal_lines_balance
-- guard: trigger shop.journals journals_are_whole
-- refused: SH104 journal_lines_balance
-- invariant: journals_balance
-- after: new_journal
INSERT INTO shop.journal_lines (journal_id, line_number, account, currency, amount_minor)
SELECT max(journal_id), 1, 'receivable', 'USD', 100 FROM shop.journals;

-- attack: pair_added_to_an_old_journal
-- rule: lines are never added later, not even a pair that balances
-- guard: trigger shop.journal_lines journal_lines_balance
-- refused: SH104 journal_lines_balance
-- invariant: journals_balance
INSERT INTO shop.journal_lines (journal_id, line_number, account, currency, amount_minor)
VALUES (1, 5, 'revenue', 'USD', 5000), (1, 6, 'suspense', 'USD', -5000);

-- attack: pair_of_parts_added_to_an_old_journal
-- rule: lines are never added later, not by two INSERTs of one statement either
-- guard: trigger shop.journal_lines journal_lines_balance
-- refused: SH104 journal_lines_balance
-- invariant: journals_balance
WITH debit AS (
    INSERT INTO shop.journal_lines (journal_id, line_number, account, currency, amount_minor) VALUES (1, 5, 'revenue', 'USD', 5)
)
INSERT INTO shop.journal_lines (journal_id, line_number, account, currency, amount_minor) VALUES (1, 6, 'suspense', 'USD', -5);

-- attack: nought_added_to_an_old_journal
-- rule: a line is an amount; lines are never added later
-- guard: trigger shop.journal_lines journal_lines_balance
-- guard: constraint shop.journal_lines ck_journal_lines_amount_minor_not_zero
-- refused: 23514 ck_journal_lines_amount_minor_not_zero
-- invariant: journals_balance
INSERT INTO shop.journal_lines (journal_id, line_number, account, currency, amount_minor) VALUES (1, 5, 'revenue', 'USD', 0);

-- attack: journal_of_last_year
-- rule: the moment of an entry is the server's
-- guard: trigger shop.journals journals_are_posted_now
-- refused: SH103 journals_are_posted_now
-- invariant: none: another moment is a moment too
WITH entry AS (
    INSERT INTO shop.journals (kind, currency, line_count, description, posted_at)
    VALUES ('correction', 'USD', 2, 'By hand', now() - interval '1 year') RETURNING journal_id
)
INSERT INTO shop.journal_lines (journal_id, line_number, account, currency, amount_minor)
SELECT journal_id, number, account, 'USD', amount
FROM entry, (VALUES (1, 'receivable', 100), (2, 'revenue', -100)) AS line (number, account, amount);

-- attack: journal_in_another_currency_than_its_order
-- rule: an entry about an order is in its currency
-- guard: constraint shop.journals fk_journals_order_id_currency
-- refused: 23503 fk_journals_order_id_currency
-- invariant: none: the constraint is the rule
WITH entry AS (
    INSERT INTO shop.journals (kind, order_id, currency, line_count, description)
    VALUES ('correction', '01990000-0000-7000-8000-00000000d004', 'JPY', 2, 'By hand') RETURNING journal_id
)
INSERT INTO shop.journal_lines (journal_id, line_number, account, currency, amount_minor)
SELECT journal_id, number, account, 'JPY', amount
FROM entry, (VALUES (1, 'receivable', 100), (2, 'revenue', -100)) AS line (number, account, amount);

-- attack: journal_without_lines
-- rule: no entry is committed without its lines
-- guard: trigger shop.journals journals_are_whole
-- refused: SH104 journals_are_whole
-- invariant: journals_balance
INSERT INTO shop.journals (kind, currency, line_count, description) VALUES ('correction', 'USD', 2, 'By hand');

-- attack: journal_of_two_currencies
-- rule: an entry is in one currency
-- guard: constraint shop.journal_lines fk_journal_lines_journal_id_currency
-- refused: 23503 fk_journal_lines_journal_id_currency
-- invariant: none: the constraint is the rule; the numbers sum to zero
-- after: new_journal
INSERT INTO shop.journal_lines (journal_id, line_number, account, currency, amount_minor)
SELECT journal_id, number, account, currency, amount
FROM (SELECT max(journal_id) AS journal_id FROM shop.journals) AS entry,
    (VALUES (1, 'receivable', 'USD', 100), (2, 'revenue', 'JPY', -100)) AS line (number, account, currency, amount);

-- attack: sale_is_posted_twice
-- rule: an order is sold once
-- guard: index shop.journals uq_journals_sale_per_order
-- refused: 23505 uq_journals_sale_per_order
-- invariant: none: the index is the rule
WITH entry AS (
    INSERT INTO shop.journals (kind, order_id, currency, line_count, description)
    VALUES ('sale', '01990000-0000-7000-8000-00000000d004', 'USD', 2, 'Again') RETURNING journal_id
)
INSERT INTO shop.journal_lines (journal_id, line_number, account, currency, amount_minor)
SELECT journal_id, number, account, 'USD', amount
FROM entry, (VALUES (1, 'receivable', 100), (2, 'revenue', -100)) AS line (number, account, amount);

-- attack: event_is_posted_twice
-- rule: a money event is posted once
-- guard: index shop.journals uq_journals_payment_event_id
-- refused: 23505 uq_journals_payment_event_id
-- invariant: none: the index is the rule
WITH entry AS (
    INSERT INTO shop.journals (kind, order_id, payment_event_id, currency, line_count, description)
    SELECT kind, order_id, payment_event_id, currency, line_count, description FROM shop.journals WHERE kind = 'capture' AND order_id = '01990000-0000-7000-8000-00000000d004'
    RETURNING journal_id
)
INSERT INTO shop.journal_lines (journal_id, line_number, account, currency, amount_minor)
SELECT journal_id, number, account, 'USD', amount
FROM entry, (VALUES (1, 'receivable', 100), (2, 'revenue', -100)) AS line (number, account, amount);

-- Documents ------------------------------------------------------------------------------------------------------------

-- attack: series_starts_in_the_middle
-- rule: numbers run from 1
-- guard: trigger shop.document_series document_series_start_at_zero
-- refused: SH103 document_series_start_at_zero
-- invariant: document_numbers_have_no_gap
INSERT INTO shop.document_series (series, last_number) VALUES ('INV-2027', 41);

-- attack: series_jumps
-- rule: numbers are given one after the other
-- guard: trigger shop.document_series document_series_count_documents
-- refused: SH103 document_series_count_documents
-- invariant: document_numbers_have_no_gap
UPDATE shop.document_series SET last_number = 41 WHERE series = 'INV-2026';

-- attack: series_is_renamed
-- rule: a series keeps its name
-- guard: trigger shop.document_series document_series_count_documents
-- refused: SH103 document_series_count_documents
-- invariant: none: a series without documents looks like a new one
-- after: new_series
UPDATE shop.document_series SET series = 'INV-2028' WHERE series = 'INV-2027';

-- given: new_series
INSERT INTO shop.document_series (series) VALUES ('INV-2027');

-- attack: series_is_deleted
-- rule: series are kept
-- guard: trigger shop.document_series document_series_are_kept
-- refused: SH101 document_series_are_kept
-- invariant: none: a series without documents leaves no trace
-- after: new_series
DELETE FROM shop.document_series WHERE series = 'INV-2027';

-- attack: invoice_number_of_the_clients_choice
-- rule: numbers are given by the series
-- guard: trigger shop.invoices invoices_are_numbered
-- refused: SH103 invoices_are_numbered
-- invariant: document_numbers_have_no_gap
INSERT INTO shop.invoices (series, number, order_id, currency, buyer_name, buyer_address, total_minor, tax_minor)
VALUES ('INV-2026', 99, '01990000-0000-7000-8000-00000000d003', 'EUR', 'A guest', 'Sligo', 4091, 676);

-- attack: credit_note_number_of_the_clients_choice
-- rule: numbers are given by the series
-- guard: trigger shop.credit_notes credit_notes_are_numbered
-- refused: SH103 credit_notes_are_numbered
-- invariant: document_numbers_have_no_gap
INSERT INTO shop.credit_notes (series, number, invoice_id, order_id, currency, amount_minor, reason)
VALUES ('CN-2026', 99, 1, '01990000-0000-7000-8000-00000000d004', 'USD', 100, 'Goodwill');

-- attack: invoice_starts_credited
-- rule: what was credited is the sum of the credit notes
-- guard: trigger shop.invoices invoices_start_uncredited
-- refused: SH103 invoices_start_uncredited
-- invariant: invoice_credits_equal_notes
INSERT INTO shop.invoices (series, order_id, currency, buyer_name, buyer_address, total_minor, tax_minor, credited_minor)
VALUES ('INV-2026', '01990000-0000-7000-8000-00000000d003', 'EUR', 'A guest', 'Sligo', 4091, 676, 100);

-- attack: second_invoice_for_one_order
-- rule: an order has one invoice
-- guard: constraint shop.invoices uq_invoices_order_id
-- refused: 23505 uq_invoices_order_id
-- invariant: none: the constraint is the rule
INSERT INTO shop.invoices (series, order_id, currency, buyer_name, buyer_address, total_minor, tax_minor)
VALUES ('INV-2026', '01990000-0000-7000-8000-00000000d004', 'USD', 'Aoife Byrne', 'Sligo', 5412, 412);

-- attack: invoice_in_another_currency
-- rule: an invoice is in the currency of its order
-- guard: constraint shop.invoices fk_invoices_order_id_currency
-- refused: 23503 fk_invoices_order_id_currency
-- invariant: none: the constraint is the rule
INSERT INTO shop.invoices (series, order_id, currency, buyer_name, buyer_address, total_minor, tax_minor)
VALUES ('INV-2026', '01990000-0000-7000-8000-00000000d003', 'USD', 'A guest', 'Sligo', 4091, 676);

-- attack: invoice_over_another_amount
-- rule: an invoice is for what its order costs
-- guard: trigger shop.invoices invoices_bill_their_order
-- refused: SH104 invoices_bill_their_order
-- invariant: invoices_bill_their_orders
INSERT INTO shop.invoices (series, order_id, currency, buyer_name, buyer_address, total_minor, tax_minor)
VALUES ('INV-2026', '01990000-0000-7000-8000-00000000d003', 'EUR', 'A guest', 'Sligo', 1, 0);

-- attack: invoice_for_an_order_that_never_was_paid
-- rule: only what was confirmed is billed
-- guard: trigger shop.invoices invoices_bill_their_order
-- refused: SH104 invoices_bill_their_order
-- invariant: none: an order that is pending may have been confirmed when it was billed, as far as the amounts tell
INSERT INTO shop.invoices (series, order_id, currency, buyer_name, buyer_address, total_minor, tax_minor)
VALUES ('INV-2026', '01990000-0000-7000-8000-00000000d001', 'EUR', 'Aoife Byrne', 'Sligo', 6485, 985);

-- attack: invoice_of_last_year
-- rule: the date of an invoice is the server's
-- guard: trigger shop.invoices invoices_are_issued_now
-- refused: SH103 invoices_are_issued_now
-- invariant: none: another moment is a moment too
INSERT INTO shop.invoices (series, order_id, currency, buyer_name, buyer_address, total_minor, tax_minor, issued_at)
VALUES ('INV-2026', '01990000-0000-7000-8000-00000000d003', 'EUR', 'A guest', 'Sligo', 4091, 676, now() - interval '1 year');

-- attack: credit_note_of_last_year
-- rule: the date of a credit note is the server's
-- guard: trigger shop.credit_notes credit_notes_are_issued_now
-- refused: SH103 credit_notes_are_issued_now
-- invariant: none: another moment is a moment too
INSERT INTO shop.credit_notes (series, invoice_id, order_id, currency, amount_minor, reason, issued_at)
VALUES ('CN-2026', 1, '01990000-0000-7000-8000-00000000d004', 'USD', 100, 'Goodwill', now() - interval '1 year');

-- attack: credit_note_for_the_refund_of_another_order
-- rule: invoice and refund of a credit note belong to the same order
-- guard: constraint shop.credit_notes fk_credit_notes_refund_id_order_id_currency
-- refused: 23503 fk_credit_notes_refund_id_order_id_currency
-- invariant: none: the constraint is the rule
-- after: pending_refund
INSERT INTO shop.invoices (series, order_id, currency, buyer_name, buyer_address, total_minor, tax_minor)
VALUES ('INV-2026', '01990000-0000-7000-8000-00000000d002', 'EUR', 'Brian Daly', 'Sligo', 4428, 828);
INSERT INTO shop.credit_notes (series, invoice_id, refund_id, order_id, currency, amount_minor, reason)
SELECT 'CN-2026', max(invoice_id), '01990000-0000-7000-8000-00000000efb1', '01990000-0000-7000-8000-00000000d002', 'EUR', 100, 'Mixed' FROM shop.invoices;

-- upkeep: skipped_invoice_takes_no_number
-- rule: an invoice that is there already, and so is skipped, leaves no gap
-- guard: constraint shop.invoices uq_invoices_order_id
-- holds: (SELECT last_number = 2 FROM shop.document_series WHERE series = 'INV-2026')
INSERT INTO shop.invoices (series, order_id, currency, buyer_name, buyer_address, total_minor, tax_minor) VALUES
    ('INV-2026', '01990000-0000-7000-8000-00000000d004', 'USD', 'Aoife Byrne', 'Sligo', 5412, 412), ('INV-2026', '01990000-0000-7000-8000-00000000d003', 'EUR', 'A guest', 'Sligo', 4091, 676)
ON CONFLICT (order_id) DO NOTHING;

-- upkeep: invoices_of_one_statement_are_numbered_in_a_row
-- rule: several documents of one statement get numbers one after the other
-- guard: trigger shop.invoices invoices_count_in_series
-- invariant: document_numbers_have_no_gap
INSERT INTO shop.invoices (series, order_id, currency, buyer_name, buyer_address, total_minor, tax_minor) VALUES
    ('INV-2026', '01990000-0000-7000-8000-00000000d002', 'EUR', 'Brian Daly', 'Sligo', 4428, 828), ('INV-2026', '01990000-0000-7000-8000-00000000d003', 'EUR', 'A guest', 'Sligo', 4091, 676);

-- upkeep: credit_notes_count_in_their_series
-- rule: documents are numbered without gaps
-- guard: trigger shop.credit_notes credit_notes_count_in_series
-- invariant: document_numbers_have_no_gap
INSERT INTO shop.credit_notes (series, invoice_id, order_id, currency, amount_minor, reason)
VALUES ('CN-2026', 1, '01990000-0000-7000-8000-00000000d004', 'USD', 100, 'Goodwill'), ('CN-2026', 1, '01990000-0000-7000-8000-00000000d004', 'USD', 100, 'More goodwill');

-- attack: invoice_is_changed
-- rule: an invoice does not change
-- guard: trigger shop.invoices invoices_facts_are_immutable
-- refused: SH102 invoices_facts_are_immutable
-- invariant: document_numbers_have_no_gap
UPDATE shop.invoices SET number = 7 WHERE invoice_id = 1;

-- attack: invoice_moves_to_last_year
-- rule: an invoice does not change
-- guard: trigger shop.invoices invoices_facts_are_immutable
-- refused: SH102 invoices_facts_are_immutable
-- invariant: none: another moment is a moment too
UPDATE shop.invoices SET issued_at = issued_at - interval '1 year' WHERE invoice_id = 1;

-- attack: credit_is_written
-- rule: what was credited is the sum of the credit notes
-- guard: trigger shop.invoices invoices_credits_are_kept
-- refused: SH103 invoices_credits_are_kept
-- invariant: invoice_credits_equal_notes
UPDATE shop.invoices SET credited_minor = 0 WHERE invoice_id = 1;

-- attack: buyer_of_an_invoice_changes
-- rule: the buyer of an invoice does not change, it can only be erased
-- guard: trigger shop.invoices invoices_buyer_is_only_erased
-- refused: SH102 invoices_buyer_is_only_erased
-- invariant: none: another buyer is a buyer too
UPDATE shop.invoices SET buyer_name = 'Somebody else' WHERE invoice_id = 1;

-- attack: invoice_is_deleted
-- rule: invoices are kept
-- guard: trigger shop.invoices invoices_are_kept
-- guard: constraint shop.credit_notes fk_credit_notes_invoice_id_order_id_currency
-- refused: SH101 invoices_are_kept
-- invariant: document_numbers_have_no_gap
DELETE FROM shop.invoices WHERE invoice_id = 1;

-- attack: credit_note_is_changed
-- rule: credit notes are append-only
-- guard: trigger shop.credit_notes credit_notes_are_append_only
-- refused: SH101 credit_notes_are_append_only
-- invariant: invoice_credits_equal_notes
UPDATE shop.credit_notes SET amount_minor = 1;

-- attack: credit_note_is_deleted
-- rule: credit notes are append-only
-- guard: trigger shop.credit_notes credit_notes_are_append_only
-- refused: SH101 credit_notes_are_append_only
-- invariant: invoice_credits_equal_notes
DELETE FROM shop.credit_notes;

-- attack: credit_above_the_invoice
-- rule: no more is credited than was invoiced
-- guard: constraint shop.invoices ck_invoices_credited_within_total
-- depends: trigger shop.credit_notes credit_notes_count
-- refused: 23514 ck_invoices_credited_within_total
-- invariant: none: the constraint is the rule; counter and rows agree
INSERT INTO shop.credit_notes (series, invoice_id, order_id, currency, amount_minor, reason)
VALUES ('CN-2026', 1, '01990000-0000-7000-8000-00000000d004', 'USD', 5412, 'All');

-- attack: refund_is_credited_twice
-- rule: a refund is documented once
-- guard: index shop.credit_notes uq_credit_notes_refund_id
-- refused: 23505 uq_credit_notes_refund_id
-- invariant: none: the index is the rule
INSERT INTO shop.credit_notes (series, invoice_id, refund_id, order_id, currency, amount_minor, reason)
VALUES ('CN-2026', 1, '01990000-0000-7000-8000-00000000ef01', '01990000-0000-7000-8000-00000000d004', 'USD', 100, 'Again');

-- attack: tax_above_the_invoice
-- rule: the tax is a part of the total
-- guard: constraint shop.invoices ck_invoices_tax_within_total
-- guard: trigger shop.invoices invoices_bill_their_order
-- refused: 23514 ck_invoices_tax_within_total
-- invariant: none: the constraint is the rule
INSERT INTO shop.invoices (series, order_id, currency, buyer_name, buyer_address, total_minor, tax_minor)
VALUES ('INV-2026', '01990000-0000-7000-8000-00000000d003', 'EUR', 'A guest', 'Sligo', 4091, 4092);

-- upkeep: invoice_gets_the_next_number
-- rule: documents are numbered without gaps
-- guard: trigger shop.invoices invoices_are_numbered
-- holds: (SELECT number = 2 FROM shop.invoices WHERE order_id = '01990000-0000-7000-8000-00000000d003')
INSERT INTO shop.invoices (series, order_id, currency, buyer_name, buyer_address, total_minor, tax_minor)
VALUES ('INV-2026', '01990000-0000-7000-8000-00000000d003', 'EUR', 'A guest', 'Sligo', 4091, 676);

-- upkeep: credit_note_gets_the_next_number
-- rule: documents are numbered without gaps
-- guard: trigger shop.credit_notes credit_notes_are_numbered
-- holds: (SELECT max(number) = 2 FROM shop.credit_notes)
INSERT INTO shop.credit_notes (series, invoice_id, order_id, currency, amount_minor, reason)
VALUES ('CN-2026', 1, '01990000-0000-7000-8000-00000000d004', 'USD', 100, 'Goodwill');

-- upkeep: credit_note_counts
-- rule: a credit note counts on its invoice
-- guard: trigger shop.credit_notes credit_notes_count
-- invariant: invoice_credits_equal_notes
INSERT INTO shop.credit_notes (series, invoice_id, order_id, currency, amount_minor, reason)
VALUES ('CN-2026', 1, '01990000-0000-7000-8000-00000000d004', 'USD', 100, 'Goodwill');
