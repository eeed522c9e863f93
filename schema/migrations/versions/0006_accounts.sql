-- Accounts, and the list of columns that hold personal data.

CREATE TRIGGER customers_touch
    BEFORE UPDATE ON shop.customers
    FOR EACH ROW EXECUTE FUNCTION shop.touch_updated_at();
CREATE TRIGGER customers_register_now
    BEFORE INSERT ON shop.customers
    FOR EACH ROW WHEN ((NEW.created_at, NEW.updated_at) IS DISTINCT FROM (now(), now()))
    EXECUTE FUNCTION shop.refuse('SH103', 'the moment an account is made is the server''s',
        'Leave created_at and updated_at out.');
CREATE TRIGGER customers_registered_once
    BEFORE UPDATE OF customer_id, created_at ON shop.customers
    FOR EACH STATEMENT
    EXECUTE FUNCTION shop.refuse('SH102', 'key and age of an account do not change', 'Leave customer_id and created_at alone.');
CREATE TRIGGER customers_stay_erased
    BEFORE UPDATE ON shop.customers
    FOR EACH ROW WHEN (OLD.status = 'erased')
    EXECUTE FUNCTION shop.refuse('SH102', 'an erased customer stays erased', 'A returning person registers again.');
CREATE TRIGGER customers_are_kept
    BEFORE DELETE ON shop.customers
    FOR EACH STATEMENT
    EXECUTE FUNCTION shop.refuse('SH101', 'customers are erased by pseudonymising, never deleted',
        'Set status to erased and overwrite the personal columns.');

CREATE TRIGGER customer_credentials_stay_with_their_customer
    BEFORE UPDATE OF customer_id ON shop.customer_credentials
    FOR EACH STATEMENT
    EXECUTE FUNCTION shop.refuse('SH102', 'a password stays its customer''s', 'Give the other customer a password of their own.');
CREATE TRIGGER addresses_are_added_now
    BEFORE INSERT ON shop.addresses
    FOR EACH ROW WHEN (NEW.created_at IS DISTINCT FROM now())
    EXECUTE FUNCTION shop.refuse('SH103', 'the moment an address is added is the server''s', 'Leave created_at out.');
CREATE TRIGGER addresses_stay_with_their_customer
    BEFORE UPDATE OF address_id, customer_id, created_at ON shop.addresses
    FOR EACH STATEMENT
    EXECUTE FUNCTION shop.refuse('SH102', 'an address stays in its customer''s book', 'Add it to the other customer''s book.');

CREATE TRIGGER login_sessions_open_now
    BEFORE INSERT ON shop.login_sessions
    FOR EACH ROW WHEN ((NEW.created_at, NEW.last_seen_at) IS DISTINCT FROM (now(), now()))
    EXECUTE FUNCTION shop.refuse('SH103', 'the moment a session is opened is the server''s',
        'Leave created_at and last_seen_at out.');
CREATE TRIGGER login_sessions_facts_are_immutable
    BEFORE UPDATE OF login_session_id, customer_id, token_digest, created_at ON shop.login_sessions
    FOR EACH STATEMENT
    EXECUTE FUNCTION shop.refuse('SH102', 'a session stays what it was opened as', 'Open another session.');
CREATE TRIGGER login_sessions_stay_revoked
    BEFORE UPDATE ON shop.login_sessions
    FOR EACH ROW WHEN (OLD.revoked_at IS NOT NULL AND (NEW.revoked_at, NEW.expires_at) IS DISTINCT FROM (OLD.revoked_at, OLD.expires_at))
    EXECUTE FUNCTION shop.refuse('SH102', 'a revoked session stays revoked', 'Open another session.');
CREATE TRIGGER account_tokens_are_issued_now
    BEFORE INSERT ON shop.account_tokens
    FOR EACH ROW WHEN (NEW.created_at IS DISTINCT FROM now() OR NEW.used_at IS NOT NULL)
    EXECUTE FUNCTION shop.refuse('SH103', 'a token is issued by the server''s clock, unused', 'Leave created_at and used_at out.');
CREATE TRIGGER account_tokens_facts_are_immutable
    BEFORE UPDATE OF account_token_id, customer_id, purpose, token_digest, created_at, expires_at ON shop.account_tokens
    FOR EACH STATEMENT
    EXECUTE FUNCTION shop.refuse('SH102', 'a token stays what it was issued as', 'Issue another token.');
CREATE TRIGGER account_tokens_are_used_once
    BEFORE UPDATE OF used_at ON shop.account_tokens
    FOR EACH ROW WHEN (OLD.used_at IS NOT NULL)
    EXECUTE FUNCTION shop.refuse('SH102', 'the token was used already', 'Issue another token.');

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

COMMENT ON TYPE shop.customer_status IS 'Life of an account: active, closed, erased.';
COMMENT ON TYPE shop.account_token_purpose IS 'What a one-time token is for.';
COMMENT ON TYPE shop.erasure_moment IS 'When a personal column is erased.';

CALL shop.refuse_truncate_of('customers', 'customer_credentials', 'login_attempts', 'login_sessions', 'account_tokens',
    'addresses', 'pii_columns');
