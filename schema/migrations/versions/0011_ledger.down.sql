DELETE FROM shop.pii_columns WHERE table_name = 'invoices';
DROP FUNCTION shop.invariant_invoice_credits_equal_notes();
DROP FUNCTION shop.invariant_document_numbers_have_no_gap();
DROP FUNCTION shop.count_credit_note();
DROP FUNCTION shop.number_document();
DROP FUNCTION shop.invariant_journals_balance();
DROP FUNCTION shop.require_whole_journal();
DROP FUNCTION shop.balance_journal();
