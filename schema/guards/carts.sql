-- Attacks on carts and coupons: what was checked out does not change, and no coupon is used more often than it may be.

-- Carts ----------------------------------------------------------------------------------------------------------------

-- attack: cart_starts_converted
-- rule: a cart starts open
-- guard: trigger shop.carts carts_start_open
-- refused: SH106 carts_start_open
-- invariant: carts_convert_with_orders
INSERT INTO shop.carts (currency, status, expires_at) VALUES ('EUR', 'converted', now() + interval '1 day');

-- attack: cart_is_converted_without_an_order
-- rule: a cart is converted by its order alone
-- guard: trigger shop.carts carts_convert_by_order
-- refused: SH103 carts_convert_by_order
-- invariant: carts_convert_with_orders
UPDATE shop.carts SET status = 'converted' WHERE cart_id = '01990000-0000-7000-8000-00000000ca09';

-- attack: converted_cart_opens_again
-- rule: a cart that was closed stays closed
-- guard: trigger shop.carts carts_never_reopen
-- refused: SH106 carts_never_reopen
-- invariant: carts_convert_with_orders
UPDATE shop.carts SET status = 'open' WHERE cart_id = '01990000-0000-7000-8000-00000000ca03';

-- attack: currency_of_a_converted_cart_changes
-- rule: a closed cart does not change
-- guard: trigger shop.carts carts_content_is_frozen
-- refused: SH106 carts_content_is_frozen
-- invariant: carts_convert_with_orders
UPDATE shop.carts SET currency = 'USD' WHERE cart_id = '01990000-0000-7000-8000-00000000ca03';

-- attack: converted_cart_is_claimed
-- rule: a closed cart does not change hands
-- guard: trigger shop.carts carts_content_is_frozen
-- refused: SH106 carts_content_is_frozen
-- invariant: carts_convert_with_orders
UPDATE shop.carts SET customer_id = '01990000-0000-7000-8000-00000000c005' WHERE cart_id = '01990000-0000-7000-8000-00000000ca03';

-- attack: cart_goes_to_another_customer
-- rule: a customer's cart stays with the customer
-- guard: trigger shop.carts carts_stay_with_their_customer
-- refused: SH102 carts_stay_with_their_customer
-- invariant: none: a cart of the one looks like a cart of the other
UPDATE shop.carts SET customer_id = '01990000-0000-7000-8000-00000000c001' WHERE cart_id = '01990000-0000-7000-8000-00000000ca08';

-- attack: merged_cart_went_elsewhere
-- rule: a closed cart does not change
-- guard: trigger shop.carts carts_content_is_frozen
-- refused: SH106 carts_content_is_frozen
-- invariant: none: another cart is a cart too
UPDATE shop.carts SET merged_into_cart_id = '01990000-0000-7000-8000-00000000ca09' WHERE cart_id = '01990000-0000-7000-8000-00000000ca0a';

-- attack: cart_of_last_year
-- rule: a cart is made at the server's moment
-- guard: trigger shop.carts carts_start_now
-- refused: SH103 carts_start_now
-- invariant: none: another moment is a moment too
INSERT INTO shop.carts (currency, created_at, expires_at) VALUES ('EUR', now() - interval '1 year', now() + interval '1 day');

-- attack: cart_changed_tomorrow
-- rule: a cart is made at the server's moment
-- guard: trigger shop.carts carts_start_now
-- refused: SH103 carts_start_now
-- invariant: none: another moment is a moment too
INSERT INTO shop.carts (currency, updated_at, expires_at) VALUES ('EUR', now() + interval '1 day', now() + interval '2 days');

-- attack: cart_grows_older
-- rule: a cart is as old as the server says
-- guard: trigger shop.carts carts_started_once
-- refused: SH102 carts_started_once
-- invariant: none: another moment is a moment too
UPDATE shop.carts SET created_at = created_at - interval '1 year' WHERE cart_id = '01990000-0000-7000-8000-00000000ca09';

-- attack: cart_version_is_written
-- rule: the version of a cart is raised by each change of its lines
-- guard: trigger shop.carts carts_version_is_kept
-- refused: SH103 carts_version_is_kept
-- invariant: none: the version counts changes, which leave no row each
UPDATE shop.carts SET version = 1 WHERE cart_id = '01990000-0000-7000-8000-00000000ca09';

-- upkeep: cart_version_is_raised
-- rule: the version of a cart is raised by each change of its lines, so that a checkout that read them before fails
-- guard: trigger shop.cart_items cart_items_frozen_on_insert
-- holds: (SELECT version = 3 FROM shop.carts WHERE cart_id = '01990000-0000-7000-8000-00000000ca09')
INSERT INTO shop.cart_items (cart_id, variant_id, quantity) VALUES ('01990000-0000-7000-8000-00000000ca09', 1, 1);

-- attack: second_open_cart
-- rule: a customer has one open cart
-- guard: index shop.carts uq_carts_open_per_customer
-- refused: 23505 uq_carts_open_per_customer
-- invariant: none: the index is the rule
INSERT INTO shop.carts (customer_id, currency, expires_at) VALUES ('01990000-0000-7000-8000-00000000c005', 'EUR', now() + interval '1 day');

-- attack: line_added_to_a_converted_cart
-- rule: a cart is frozen once it was converted (Spree 11286: wrong total paid)
-- hostile: 10
-- guard: trigger shop.cart_items cart_items_frozen_on_insert
-- refused: SH106 cart_items_frozen_on_insert
-- invariant: none: checkout copied the lines; the cart is not compared with them
INSERT INTO shop.cart_items (cart_id, variant_id, quantity) VALUES ('01990000-0000-7000-8000-00000000ca01', 2, 1);

-- attack: line_of_a_converted_cart_changes
-- rule: a cart is frozen once it was converted
-- guard: trigger shop.cart_items cart_items_frozen_on_update
-- refused: SH106 cart_items_frozen_on_update
-- invariant: none: checkout copied the lines; the cart is not compared with them
UPDATE shop.cart_items SET quantity = 9 WHERE cart_id = '01990000-0000-7000-8000-00000000ca01';

-- attack: line_of_a_converted_cart_is_removed
-- rule: a cart is frozen once it was converted
-- guard: trigger shop.cart_items cart_items_frozen_on_delete
-- refused: SH106 cart_items_frozen_on_delete
-- invariant: none: checkout copied the lines; the cart is not compared with them
DELETE FROM shop.cart_items WHERE cart_id = '01990000-0000-7000-8000-00000000ca01';

-- attack: line_of_a_converted_cart_by_upsert
-- rule: a cart is frozen once it was converted, by no kind of statement does it change
-- guard: trigger shop.cart_items cart_items_frozen_on_insert
-- guard: trigger shop.cart_items cart_items_frozen_on_update
-- refused: SH106 cart_items_frozen_on_update
-- invariant: none: checkout copied the lines; the cart is not compared with them
INSERT INTO shop.cart_items (cart_id, variant_id, quantity) VALUES ('01990000-0000-7000-8000-00000000ca01', 1, 9), ('01990000-0000-7000-8000-00000000ca01', 2, 1)
ON CONFLICT (cart_id, variant_id) DO UPDATE SET quantity = excluded.quantity;

-- attack: line_moves_into_a_converted_cart
-- rule: a line stays in its cart
-- guard: trigger shop.cart_items cart_items_stay_in_their_cart
-- guard: trigger shop.cart_items cart_items_frozen_on_update
-- refused: SH102 cart_items_stay_in_their_cart
-- invariant: none: checkout copied the lines; the cart is not compared with them
UPDATE shop.cart_items SET cart_id = '01990000-0000-7000-8000-00000000ca01' WHERE cart_id = '01990000-0000-7000-8000-00000000ca09';

-- attack: line_moves_out_of_a_converted_cart
-- rule: a line stays in its cart
-- guard: trigger shop.cart_items cart_items_stay_in_their_cart
-- refused: SH102 cart_items_stay_in_their_cart
-- invariant: none: checkout copied the lines; the cart is not compared with them
UPDATE shop.cart_items SET cart_id = '01990000-0000-7000-8000-00000000ca09' WHERE cart_id = '01990000-0000-7000-8000-00000000ca01';

-- attack: negative_quantity_as_a_discount
-- rule: a cart holds 1 to 999 of a thing (Medusa 13504: a negative quantity lowered the total)
-- hostile: 11
-- guard: constraint shop.cart_items ck_cart_items_quantity_range
-- refused: 23514 ck_cart_items_quantity_range
-- invariant: none: the constraint is the rule
INSERT INTO shop.cart_items (cart_id, variant_id, quantity) VALUES ('01990000-0000-7000-8000-00000000ca09', 1, -3);

-- attack: cart_expires_before_it_is_made
-- rule: a cart expires after it was made
-- guard: constraint shop.carts ck_carts_expires_after_created
-- refused: 23514 ck_carts_expires_after_created
-- invariant: none: the constraint is the rule
UPDATE shop.carts SET expires_at = created_at WHERE cart_id = '01990000-0000-7000-8000-00000000ca09';

-- attack: cart_changed_before_it_was_made
-- rule: nothing changes before it exists
-- guard: trigger shop.carts carts_start_now
-- guard: constraint shop.carts ck_carts_updated_after_created
-- refused: SH103 carts_start_now
-- invariant: none: the constraint is the rule
INSERT INTO shop.carts (currency, expires_at, created_at, updated_at)
VALUES ('EUR', now() + interval '1 day', now(), now() - interval '1 day');

-- attack: cart_merged_into_nothing
-- rule: a merged cart names the cart it went into
-- guard: constraint shop.carts ck_carts_merged_into_matches_status
-- refused: 23514 ck_carts_merged_into_matches_status
-- invariant: none: the constraint is the rule
UPDATE shop.carts SET status = 'merged' WHERE cart_id = '01990000-0000-7000-8000-00000000ca09';

-- attack: cart_merged_into_itself
-- rule: a cart is merged into another one
-- guard: constraint shop.carts ck_carts_not_merged_into_itself
-- refused: 23514 ck_carts_not_merged_into_itself
-- invariant: none: the constraint is the rule
UPDATE shop.carts SET status = 'merged', merged_into_cart_id = cart_id WHERE cart_id = '01990000-0000-7000-8000-00000000ca09';

-- upkeep: cart_knows_when_it_changed
-- rule: updated_at is the moment of the change, whatever the client says
-- guard: trigger shop.carts carts_touch
-- holds: (SELECT updated_at = now() FROM shop.carts WHERE cart_id = '01990000-0000-7000-8000-00000000ca09')
UPDATE shop.carts SET updated_at = created_at WHERE cart_id = '01990000-0000-7000-8000-00000000ca09';

-- Coupons --------------------------------------------------------------------------------------------------------------

-- attack: coupon_starts_used
-- rule: times_used is the number of redemptions
-- guard: trigger shop.coupons coupons_start_unused
-- refused: SH103 coupons_start_unused
-- invariant: coupon_uses_equal_redemptions
INSERT INTO shop.coupons (code, description, kind, rate, times_used) VALUES ('NEW', 'New', 'percent', 0.1, 5);

-- attack: coupon_uses_are_written
-- rule: times_used is the number of redemptions
-- guard: trigger shop.coupons coupons_times_used_is_kept
-- refused: SH103 coupons_times_used_is_kept
-- invariant: coupon_uses_equal_redemptions
UPDATE shop.coupons SET times_used = 0 WHERE code = 'LIMITED';

-- attack: coupon_limit_below_its_uses
-- rule: a coupon is never used more often than its limit
-- guard: constraint shop.coupons ck_coupons_within_usage_limit
-- refused: 23514 ck_coupons_within_usage_limit
-- invariant: none: the constraint is the rule
-- after: coupon_used_twice
UPDATE shop.coupons SET usage_limit = 1 WHERE code = 'PERSONAL';

-- attack: coupon_in_use_changes_its_currency
-- rule: a coupon stays what it was used as
-- guard: trigger shop.coupons coupons_terms_stay_once_used
-- refused: SH102 coupons_terms_stay_once_used
-- invariant: coupons_are_released_with_orders
UPDATE shop.coupons SET currency = 'USD' WHERE code = 'PERSONAL';

-- attack: coupon_in_use_changes_its_code
-- rule: a coupon stays what it was used as
-- guard: trigger shop.coupons coupons_terms_stay_once_used
-- refused: SH102 coupons_terms_stay_once_used
-- invariant: none: the orders keep what it took off then
UPDATE shop.coupons SET code = 'RENAMED' WHERE code = 'PERSONAL';

-- attack: coupon_of_no_value
-- rule: a coupon takes off a rate or an amount, as its kind says
-- guard: constraint shop.coupons ck_coupons_value_fits_kind
-- refused: 23514 ck_coupons_value_fits_kind
-- invariant: none: the constraint is the rule
INSERT INTO shop.coupons (code, description, kind, rate, amount_minor, currency)
VALUES ('NEW', 'New', 'fixed', 0.1, NULL, 'EUR');

-- attack: coupon_that_pays_the_customer
-- rule: a coupon takes off no more than all
-- guard: constraint shop.coupons ck_coupons_value_fits_kind
-- refused: 23514 ck_coupons_value_fits_kind
-- invariant: none: the constraint is the rule
INSERT INTO shop.coupons (code, description, kind, rate) VALUES ('NEW', 'New', 'percent', 1.5);

-- attack: coupon_minimum_in_no_currency
-- rule: a minimum is an amount of a currency
-- guard: constraint shop.coupons ck_coupons_minimum_has_currency
-- refused: 23514 ck_coupons_minimum_has_currency
-- invariant: none: the constraint is the rule
UPDATE shop.coupons SET minimum_subtotal_minor = 1000 WHERE code = 'LIMITED';

-- attack: coupon_ends_before_it_starts
-- rule: a coupon ends after it starts
-- guard: constraint shop.coupons ck_coupons_ends_after_start
-- refused: 23514 ck_coupons_ends_after_start
-- invariant: none: the constraint is the rule
UPDATE shop.coupons SET ends_at = starts_at WHERE code = 'LIMITED';

-- upkeep: coupon_is_audited
-- rule: who made a coupon is in the audit log
-- guard: trigger shop.coupons coupons_audit
-- invariant: audited_rows_have_entries
INSERT INTO shop.coupons (code, description, kind, rate) VALUES ('NEW', 'New', 'percent', 0.1);

-- attack: coupon_changed_by_nobody
-- rule: whoever changes a coupon says who they are
-- guard: trigger shop.coupons coupons_audit
-- refused: SH109 coupons_audit
-- invariant: none: the invariant knows that a coupon has an entry, not that each change has
SET LOCAL shop.actor = '';
UPDATE shop.coupons SET usage_limit = 1000 WHERE code = 'LIMITED';
