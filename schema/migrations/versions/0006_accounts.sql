-- Accounts, and the list of columns that hold personal data.

CREATE TRIGGER customers_touch
    BEFORE UPDATE ON shop.customers
    FOR EACH ROW EXECUTE FUNCTION shop.touch_updated_at();
CREATE TRIGGER customers_stay_erased
    BEFORE UPDATE ON shop.customers
    FOR EACH ROW WHEN (OLD.status = 'erased')
    EXECUTE FUNCTION shop.refuse('SH102', 'an erased customer stays erased', 'A returning person registers again.');
CREATE TRIGGER customers_are_kept
    BEFORE DELETE ON shop.customers
    FOR EACH STATEMENT
    EXECUTE FUNCTION shop.refuse('SH101', 'customers are erased by pseudonymising, never deleted',
        'Set status to erased and overwrite the personal columns.');

INSERT INTO shop.pii_columns (table_name, column_name, erase, reason) VALUES
    ('customers', 'email', 'now', 'To log in and to be written to; nothing asks for it after the account ends.'),
    ('customers', 'full_name', 'now', 'To be addressed by; invoices keep their own copy.'),
    ('customers', 'phone', 'now', 'To be called about an order.'),
    ('customers', 'tax_number', 'now', 'Copied to orders and invoices, which keep it as long as the law asks.'),
    ('customer_credentials', 'password_hash', 'now', 'To log in.'),
    ('login_attempts', 'email_digest', 'now', 'Tells who tried to log in; a digest of an address can be guessed.'),
    ('login_attempts', 'ip_address', 'now', 'To find attacks.'),
    ('login_sessions', 'ip_address', 'now', 'To show customers where they are logged in.'),
    ('login_sessions', 'user_agent', 'now', 'To show customers where they are logged in.'),
    ('addresses', 'recipient', 'now', 'Address book; orders keep their own copy.'),
    ('addresses', 'company', 'now', 'Address book.'),
    ('addresses', 'line1', 'now', 'Address book.'),
    ('addresses', 'line2', 'now', 'Address book.'),
    ('addresses', 'city', 'now', 'Address book.'),
    ('addresses', 'region', 'now', 'Address book.'),
    ('addresses', 'postal_code', 'now', 'Address book.'),
    ('addresses', 'phone', 'now', 'Address book.');

-- Why these foreign keys have no index of their own --------------------------------------------------------------------

COMMENT ON CONSTRAINT fk_addresses_country ON shop.addresses IS
    'No index: countries are never deleted or renumbered, and no hot read starts from one.';

CALL shop.refuse_truncate_of('customers', 'customer_credentials', 'login_attempts', 'login_sessions', 'account_tokens',
    'addresses', 'pii_columns');
