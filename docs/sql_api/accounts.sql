-- api.register_customer: The application makes the key and hashes the password; a retry with the same key is harmless.
SELECT api.register_customer(
    '01990000-0000-7000-8000-000000000c01', 'Anna@Example.org', 'Anna Byrne',
    '$argon2id$v=19$m=65536,t=3,p=4$c29tZXNhbHRzb21lc2FsdA$RdescudvJCsgt3ub+b2dWRWJTmaaJObGv3RdescudvJ',
    phone => '+353 1 555 0100');

-- api.credential_for_login: Verify the password against the hash, unless locked_until is still to come; then say how it went.
SELECT customer_id, password_hash, locked_until FROM api.credential_for_login('anna@example.org');

-- api.record_login_attempt: The password was right. Five wrong ones in a row lock the address out for a while.
SELECT api.record_login_attempt('anna@example.org', succeeded => true, ip_address => '192.0.2.7');

-- api.open_session: The token goes into a cookie, only its SHA-256 comes here.
SELECT api.open_session(
    '01990000-0000-7000-8000-000000005e01', '01990000-0000-7000-8000-000000000c01',
    sha256('the session token'), lifetime => '30 days', ip_address => '192.0.2.7', user_agent => 'Firefox');

-- api.resume_session: Each request: whose cookie is it?
SELECT customer_id FROM api.resume_session(sha256('the session token'));

-- api.close_session: Log out.
SELECT api.close_session(sha256('the session token'));

-- api.issue_token: Send the mail if it says true, and tell the visitor the same either way.
SELECT api.issue_token('anna@example.org', 'password_reset', sha256('the token in the mail'), lifetime => '1 hour');

-- api.use_token: Anna has followed the link. It works once, and says whose it was.
SELECT api.use_token(sha256('the token in the mail'), 'password_reset');

-- api.change_password: With the new hash; all sessions of hers end.
SELECT api.change_password(
    '01990000-0000-7000-8000-000000000c01',
    '$argon2id$v=19$m=65536,t=3,p=4$YW5vdGhlcnNhbHR5c2FsdA$RdescudvJCsgt3ub+b2dWRWJTmaaJObGv3RdescudvJ');

-- api.add_address: On behalf of a customer: shop.customer_id says for whom this transaction acts.
BEGIN;
SET LOCAL shop.customer_id = '01990000-0000-7000-8000-000000000c01';
SELECT api.add_address(
    '01990000-0000-7000-8000-00000000ad01', '01990000-0000-7000-8000-000000000c01',
    ROW('Anna Byrne', NULL, '1 Main Street', NULL, 'Dublin', NULL, 'D01 X2Y3', 'IE', NULL));
COMMIT;

-- api.set_default_address: Offered first for deliveries from now on.
SELECT api.set_default_address('01990000-0000-7000-8000-00000000ad01', 'shipping');
