-- Attacks on accounts: one account for a mailbox, secrets that are no secrets, defaults that contradict each other.

-- attack: email_in_other_letters
-- rule: one account for a mailbox, in whatever letters it is written
-- hostile: 8
-- guard: index shop.customers uq_customers_email_normalized
-- refused: 23505 uq_customers_email_normalized
-- invariant: none: two accounts look like two customers
INSERT INTO shop.customers (email, full_name) VALUES ('AOIFE@example.ORG', 'Not Aoife');

-- attack: email_taken_by_change
-- rule: one account for a mailbox, also after a change
-- guard: index shop.customers uq_customers_email_normalized
-- refused: 23505 uq_customers_email_normalized
-- invariant: none: two accounts look like two customers
UPDATE shop.customers SET email = 'Aoife@Example.Org' WHERE customer_id = '01990000-0000-7000-8000-00000000c002';

-- attack: customer_is_deleted
-- rule: customers are erased by pseudonymising, never deleted
-- guard: trigger shop.customers customers_are_kept
-- refused: SH101 customers_are_kept
-- invariant: none: nothing refers to the customer, or the foreign keys would refuse
DELETE FROM shop.customers WHERE customer_id = '01990000-0000-7000-8000-00000000c004';

-- attack: personal_column_is_forgotten
-- rule: which columns are personal is part of the schema
-- guard: trigger shop.pii_columns pii_columns_are_schema
-- refused: SH102 pii_columns_are_schema
-- invariant: none: the list is what says which columns are personal
DELETE FROM shop.pii_columns WHERE table_name = 'customers' AND column_name = 'email';

-- attack: erased_customer_comes_back
-- rule: an erased customer stays erased
-- guard: trigger shop.customers customers_stay_erased
-- refused: SH102 customers_stay_erased
-- invariant: none: an account that lives looks like one that always did
UPDATE shop.customers SET status = 'active', erased_at = NULL, email = 'ciara@example.org' WHERE customer_id = '01990000-0000-7000-8000-00000000c004';

-- attack: erased_customer_gets_a_name
-- rule: nothing personal is written to an erased customer
-- guard: trigger shop.customers customers_stay_erased
-- refused: SH102 customers_stay_erased
-- invariant: none: the database cannot tell a name from the word erased
UPDATE shop.customers SET full_name = 'Ciara Egan' WHERE customer_id = '01990000-0000-7000-8000-00000000c004';

-- attack: erased_without_a_moment
-- rule: a customer is erased exactly when there is a moment of erasure
-- guard: constraint shop.customers ck_customers_erased_at_matches_status
-- refused: 23514 ck_customers_erased_at_matches_status
-- invariant: none: the constraint is the rule
UPDATE shop.customers SET status = 'erased' WHERE customer_id = '01990000-0000-7000-8000-00000000c001';

-- attack: customer_changed_before_registering
-- rule: nothing changes before it exists
-- guard: trigger shop.customers customers_register_now
-- guard: constraint shop.customers ck_customers_updated_after_created
-- refused: SH103 customers_register_now
-- invariant: none: the constraint is the rule
INSERT INTO shop.customers (email, full_name, created_at, updated_at)
VALUES ('new@example.org', 'New', now(), now() - interval '1 day');

-- attack: customer_for_ten_years
-- rule: an account is as old as the server says
-- guard: trigger shop.customers customers_register_now
-- refused: SH103 customers_register_now
-- invariant: none: another moment is a moment too
INSERT INTO shop.customers (email, full_name, created_at) VALUES ('new@example.org', 'New', now() - interval '10 years');

-- attack: customer_grows_older
-- rule: an account is as old as the server says
-- guard: trigger shop.customers customers_registered_once
-- refused: SH102 customers_registered_once
-- invariant: none: another moment is a moment too
UPDATE shop.customers SET created_at = created_at - interval '10 years' WHERE email = 'donal@example.org';

-- upkeep: customer_knows_when_it_changed
-- rule: updated_at is the moment of the change, whatever the client says
-- guard: trigger shop.customers customers_touch
-- holds: (SELECT updated_at = now() FROM shop.customers WHERE email = 'donal@example.org')
UPDATE shop.customers SET phone = '+353 1 000', updated_at = created_at WHERE email = 'donal@example.org';

-- upkeep: new_customer_is_audited
-- rule: whoever made or changed a customer is in the audit log
-- guard: trigger shop.customers customers_audit
-- invariant: audited_rows_have_entries
INSERT INTO shop.customers (email, full_name) VALUES ('new@example.org', 'New');

-- attack: customer_changed_by_nobody
-- rule: whoever changes a customer says who they are
-- guard: trigger shop.customers customers_audit
-- refused: SH109 customers_audit
-- invariant: none: the invariant knows that a customer has an entry, not that each change has
SET LOCAL shop.actor = '';
UPDATE shop.customers SET is_tax_exempt = true WHERE customer_id = '01990000-0000-7000-8000-00000000c001';

-- attack: password_in_plain
-- rule: no password is ever stored, only a salted hash in PHC format
-- guard: constraint shop.customer_credentials ck_customer_credentials_password_hash_is_phc
-- refused: 23514 ck_customer_credentials_password_hash_is_phc
-- invariant: none: the constraint is the rule
INSERT INTO shop.customer_credentials (customer_id, password_hash) VALUES ('01990000-0000-7000-8000-00000000c002', 'correct horse battery staple');

-- attack: password_goes_to_another_customer
-- rule: a password stays with the customer who set it
-- guard: trigger shop.customer_credentials customer_credentials_stay_with_their_customer
-- refused: SH102 customer_credentials_stay_with_their_customer
-- invariant: none: a password of the one looks like a password of the other
UPDATE shop.customer_credentials SET customer_id = '01990000-0000-7000-8000-00000000c005' WHERE customer_id = '01990000-0000-7000-8000-00000000c001';

-- attack: address_goes_to_another_customer
-- rule: an address stays in the book of its customer
-- guard: trigger shop.addresses addresses_stay_with_their_customer
-- refused: SH102 addresses_stay_with_their_customer
-- invariant: none: an address of the one looks like an address of the other
UPDATE shop.addresses SET customer_id = '01990000-0000-7000-8000-00000000c002' WHERE address_id = '01990000-0000-7000-8000-00000000ad02';

-- attack: address_from_last_year
-- rule: an address is added at the server's moment
-- guard: trigger shop.addresses addresses_are_added_now
-- refused: SH103 addresses_are_added_now
-- invariant: none: another moment is a moment too
INSERT INTO shop.addresses (customer_id, recipient, line1, city, country, created_at)
VALUES ('01990000-0000-7000-8000-00000000c001', 'Aoife', '1 Quay', 'Galway', 'IE', now() - interval '1 year');

-- attack: session_opened_last_year
-- rule: a session is opened at the server's moment
-- guard: trigger shop.login_sessions login_sessions_open_now
-- refused: SH103 login_sessions_open_now
-- invariant: none: another moment is a moment too
INSERT INTO shop.login_sessions (customer_id, token_digest, created_at, expires_at)
VALUES ('01990000-0000-7000-8000-00000000c002', sha256('another'), now() - interval '1 year', now() + interval '1 day');

-- attack: session_seen_tomorrow
-- rule: a session is first seen when it is opened
-- guard: trigger shop.login_sessions login_sessions_open_now
-- refused: SH103 login_sessions_open_now
-- invariant: none: another moment is a moment too
INSERT INTO shop.login_sessions (customer_id, token_digest, last_seen_at, expires_at)
VALUES ('01990000-0000-7000-8000-00000000c002', sha256('another'), now() + interval '1 day', now() + interval '1 day');

-- attack: session_ends_before_it_begins
-- rule: a session ends after it began
-- guard: constraint shop.login_sessions ck_login_sessions_expires_after_created
-- refused: 23514 ck_login_sessions_expires_after_created
-- invariant: none: the constraint is the rule
UPDATE shop.login_sessions SET expires_at = created_at WHERE login_session_id = '01990000-0000-7000-8000-000000005e01';

-- attack: session_revoked_before_it_began
-- rule: a session is revoked after it began
-- guard: constraint shop.login_sessions ck_login_sessions_revoked_after_created
-- refused: 23514 ck_login_sessions_revoked_after_created
-- invariant: none: the constraint is the rule
UPDATE shop.login_sessions SET revoked_at = created_at - interval '1 second' WHERE login_session_id = '01990000-0000-7000-8000-000000005e01';

-- attack: revoked_session_opens_again
-- rule: a revoked session stays revoked
-- guard: trigger shop.login_sessions login_sessions_stay_revoked
-- refused: SH102 login_sessions_stay_revoked
-- invariant: none: a session that was never revoked looks the same
UPDATE shop.login_sessions SET revoked_at = NULL WHERE login_session_id = '01990000-0000-7000-8000-000000005e02';

-- attack: session_goes_to_another_customer
-- rule: a session stays with who opened it
-- guard: trigger shop.login_sessions login_sessions_facts_are_immutable
-- refused: SH102 login_sessions_facts_are_immutable
-- invariant: none: a session of the one looks like a session of the other
UPDATE shop.login_sessions SET customer_id = '01990000-0000-7000-8000-00000000c002' WHERE login_session_id = '01990000-0000-7000-8000-000000005e01';

-- attack: session_seen_before_it_began
-- rule: a session is used after it began
-- guard: constraint shop.login_sessions ck_login_sessions_seen_after_created
-- refused: 23514 ck_login_sessions_seen_after_created
-- invariant: none: the constraint is the rule
UPDATE shop.login_sessions SET last_seen_at = created_at - interval '1 second' WHERE login_session_id = '01990000-0000-7000-8000-000000005e01';

-- attack: two_sessions_with_one_token
-- rule: a token opens one session
-- guard: index shop.login_sessions uq_login_sessions_token_digest
-- refused: 23505 uq_login_sessions_token_digest
-- invariant: none: the index is the rule
INSERT INTO shop.login_sessions (customer_id, token_digest, expires_at) VALUES ('01990000-0000-7000-8000-00000000c002', sha256('open'), now() + interval '1 day');

-- attack: token_valid_before_it_was_sent
-- rule: a token expires after it was issued
-- guard: constraint shop.account_tokens ck_account_tokens_expires_after_created
-- refused: 23514 ck_account_tokens_expires_after_created
-- invariant: none: the constraint is the rule
INSERT INTO shop.account_tokens (customer_id, purpose, token_digest, expires_at)
VALUES ('01990000-0000-7000-8000-00000000c002', 'password_reset', sha256('new'), now() - interval '1 hour');

-- attack: token_issued_next_year
-- rule: a token is issued at the server's moment
-- guard: trigger shop.account_tokens account_tokens_are_issued_now
-- refused: SH103 account_tokens_are_issued_now
-- invariant: none: another moment is a moment too
INSERT INTO shop.account_tokens (customer_id, purpose, token_digest, created_at, expires_at)
VALUES ('01990000-0000-7000-8000-00000000c002', 'email_verification', sha256('early'), now() + interval '1 year', now() + interval '2 years');

-- attack: token_issued_used
-- rule: a token is unused when it is issued
-- guard: trigger shop.account_tokens account_tokens_are_issued_now
-- refused: SH103 account_tokens_are_issued_now
-- invariant: none: a token that was used looks the same
INSERT INTO shop.account_tokens (customer_id, purpose, token_digest, expires_at, used_at)
VALUES ('01990000-0000-7000-8000-00000000c002', 'email_verification', sha256('spent'), now() + interval '1 day', now());

-- attack: token_lives_longer
-- rule: a token stays what it was issued as
-- guard: trigger shop.account_tokens account_tokens_facts_are_immutable
-- refused: SH102 account_tokens_facts_are_immutable
-- invariant: none: another moment is a moment too
UPDATE shop.account_tokens SET expires_at = expires_at + interval '1 year' WHERE account_token_id = '01990000-0000-7000-8000-000000007002';

-- attack: token_goes_to_another_customer
-- rule: a token stays what it was issued as
-- guard: trigger shop.account_tokens account_tokens_facts_are_immutable
-- refused: SH102 account_tokens_facts_are_immutable
-- invariant: none: a token of the one looks like a token of the other
UPDATE shop.account_tokens SET customer_id = '01990000-0000-7000-8000-00000000c002' WHERE account_token_id = '01990000-0000-7000-8000-000000007002';

-- attack: token_is_used_again
-- rule: a one-time token is used once
-- guard: trigger shop.account_tokens account_tokens_are_used_once
-- refused: SH102 account_tokens_are_used_once
-- invariant: none: a token that was never used looks the same
UPDATE shop.account_tokens SET used_at = NULL WHERE account_token_id = '01990000-0000-7000-8000-000000007001';

-- attack: expired_token_is_used
-- rule: a token is used while it is valid
-- guard: constraint shop.account_tokens ck_account_tokens_used_while_valid
-- refused: 23514 ck_account_tokens_used_while_valid
-- invariant: none: the constraint is the rule
UPDATE shop.account_tokens SET used_at = expires_at + interval '1 second' WHERE account_token_id = '01990000-0000-7000-8000-000000007002';

-- attack: second_open_reset_token
-- rule: one open token for a customer and a purpose
-- guard: index shop.account_tokens uq_account_tokens_open
-- refused: 23505 uq_account_tokens_open
-- invariant: none: the index is the rule
INSERT INTO shop.account_tokens (customer_id, purpose, token_digest, expires_at)
VALUES ('01990000-0000-7000-8000-00000000c001', 'password_reset', sha256('other'), now() + interval '1 hour');

-- attack: second_default_address
-- rule: one default address of each kind
-- hostile: 9
-- guard: index shop.addresses uq_addresses_default_shipping
-- refused: 23505 uq_addresses_default_shipping
-- invariant: none: the index is the rule
UPDATE shop.addresses SET is_default_shipping = true WHERE address_id = '01990000-0000-7000-8000-00000000ad02';

-- attack: second_default_billing_address
-- rule: one default address of each kind
-- guard: index shop.addresses uq_addresses_default_billing
-- refused: 23505 uq_addresses_default_billing
-- invariant: none: the index is the rule
UPDATE shop.addresses SET is_default_billing = true WHERE address_id = '01990000-0000-7000-8000-00000000ad02';

-- attack: archived_address_is_the_default
-- rule: an address that was removed is no default
-- guard: constraint shop.addresses ck_addresses_archived_is_no_default
-- refused: 23514 ck_addresses_archived_is_no_default
-- invariant: none: the constraint is the rule
UPDATE shop.addresses SET archived_at = now() WHERE address_id = '01990000-0000-7000-8000-00000000ad01';

-- attack: address_archived_before_it_was_added
-- rule: nothing is archived before it exists
-- guard: constraint shop.addresses ck_addresses_archived_after_created
-- refused: 23514 ck_addresses_archived_after_created
-- invariant: none: the constraint is the rule
UPDATE shop.addresses SET archived_at = created_at - interval '1 second' WHERE address_id = '01990000-0000-7000-8000-00000000ad02';

-- Erasure ----------------------------------------------------------------------------------------------------------------

-- attack: erased_customer_gets_a_password
-- rule: nothing personal is added to a customer who was erased
-- guard: trigger shop.customer_credentials customer_credentials_are_of_a_customer
-- refused: SH005 customer_credentials_are_of_a_customer
-- invariant: erased_customers_left_nothing
INSERT INTO shop.customer_credentials (customer_id, password_hash)
VALUES ('01990000-0000-7000-8000-00000000c004',
    '$argon2id$v=19$m=65536,t=3,p=4$c29tZXNhbHRzb21lc2FsdA$RdescudvJCsgt3ub+b2dWRWJTmaaJObGv3RdescudvJ');

-- attack: erased_customer_logs_in
-- rule: nothing personal is added to a customer who was erased
-- guard: trigger shop.login_sessions login_sessions_are_of_a_customer
-- refused: SH005 login_sessions_are_of_a_customer
-- invariant: erased_customers_left_nothing
INSERT INTO shop.login_sessions (customer_id, token_digest, ip_address, expires_at)
VALUES ('01990000-0000-7000-8000-00000000c004', sha256('late'), '192.0.2.1', now() + interval '1 day');

-- attack: erased_customer_gets_an_address
-- rule: nothing personal is added to a customer who was erased
-- guard: trigger shop.addresses addresses_are_of_a_customer
-- refused: SH005 addresses_are_of_a_customer
-- invariant: erased_customers_left_nothing
INSERT INTO shop.addresses (customer_id, recipient, line1, city, country)
VALUES ('01990000-0000-7000-8000-00000000c004', 'Ciara Egan', '4 Strand', 'Galway', 'IE');

-- upkeep: attempt_of_an_erased_customer_is_a_strangers
-- rule: an attempt to log in that was under way while its customer was erased is not about that customer
-- guard: trigger shop.login_attempts login_attempts_are_of_a_customer
-- invariant: erased_customers_left_nothing
INSERT INTO shop.login_attempts (email_digest, customer_id, succeeded)
VALUES (sha256('ciara@example.org'), '01990000-0000-7000-8000-00000000c004', false);

-- upkeep: erased_contact_is_audited
-- rule: whoever erases the contact of an order is in the audit log
-- guard: trigger shop.orders orders_audit
-- holds: (SELECT actor = 'attacker' AND changes ? 'contact_email' FROM shop.audit_log WHERE table_name = 'orders' AND row_key = '01990000-0000-7000-8000-00000000d004')
UPDATE shop.orders SET contact_email = shop.erased_email(order_id) WHERE order_id = '01990000-0000-7000-8000-00000000d004';

-- upkeep: erased_address_is_audited
-- rule: whoever erases the address of an order is in the audit log, and what they erased is not
-- guard: trigger shop.order_addresses order_addresses_audit
-- holds: (SELECT count(*) = 2 AND bool_and(actor = 'attacker' AND changes -> 'recipient' = 'true') FROM shop.audit_log WHERE table_name = 'order_addresses' AND row_key LIKE '01990000-0000-7000-8000-00000000d004,%')
UPDATE shop.order_addresses
SET recipient = 'erased', company = NULL, line1 = 'erased', line2 = NULL, city = 'erased', postal_code = NULL, phone = NULL
WHERE order_id = '01990000-0000-7000-8000-00000000d004';

-- upkeep: erased_buyer_is_audited
-- rule: whoever erases the buyer of an invoice is in the audit log, and what they erased is not
-- guard: trigger shop.invoices invoices_audit
-- holds: (SELECT actor = 'attacker' AND changes -> 'buyer_name' = 'true' FROM shop.audit_log WHERE table_name = 'invoices' AND row_key = '1')
UPDATE shop.invoices SET buyer_name = 'erased', buyer_address = 'erased', buyer_tax_number = NULL WHERE invoice_id = 1;

-- upkeep: erased_words_of_a_return_are_audited
-- rule: whoever erases what a customer said is in the audit log, and what they erased is not
-- guard: trigger shop.returns returns_audit
-- holds: (SELECT actor = 'attacker' AND changes = '{"reason": true}' FROM shop.audit_log WHERE table_name = 'returns' AND row_key = '01990000-0000-7000-8000-000000004e01')
UPDATE shop.returns SET reason = 'erased' WHERE return_id = '01990000-0000-7000-8000-000000004e01';
