-- Attacks on orders: what was agreed does not change, sums and counts agree, stock and status follow.

-- given: cart_for_a_new_order
INSERT INTO shop.carts (cart_id, currency, expires_at) VALUES ('01990000-0000-7000-8000-00000000cb03', 'EUR', now() + interval '1 day');

-- given: new_header
-- An order of one poem at 1090 with VAT inside, shipping 615, and no coupon. Its lines follow in other blocks.
INSERT INTO shop.orders (
    order_id, cart_id, request_digest, contact_email, currency, country, prices_include_tax, shipping_method_id,
    shipping_method_name, line_count, unit_count, subtotal_minor, shipping_minor, shipping_tax_minor, shipping_tax_count,
    tax_minor, total_minor, expires_at)
VALUES ('01990000-0000-7000-8000-00000000db03', '01990000-0000-7000-8000-00000000cb03', sha256('db03'), 'new@example.net', 'EUR', 'IE', true, 1, 'Standard', 1, 1, 1090, 615, 115, 1,
    205, 1705, now() + interval '1 hour');

-- given: new_line
INSERT INTO shop.order_items (
    order_id, line_number, variant_id, currency, sku, product_name, variant_name, tax_class, prices_include_tax,
    quantity, unit_price_minor, subtotal_minor, tax_minor, tax_count, total_minor)
VALUES ('01990000-0000-7000-8000-00000000db03', 1, 3, 'EUR', 'POEMS-HC', 'Poems', 'Hardback', 'reduced', true, 1, 1090, 1090, 90, 1, 1090);

-- given: new_taxes
INSERT INTO shop.order_item_taxes (order_id, line_number, jurisdiction, rate, base_minor, tax_minor)
VALUES ('01990000-0000-7000-8000-00000000db03', 1, 'VAT IE', 0.09, 1000, 90);
INSERT INTO shop.order_shipping_taxes (order_id, jurisdiction, rate, base_minor, tax_minor)
VALUES ('01990000-0000-7000-8000-00000000db03', 'VAT IE', 0.23, 500, 115);

-- given: new_addresses
INSERT INTO shop.order_addresses (order_id, kind, recipient, line1, city, country)
SELECT '01990000-0000-7000-8000-00000000db03', kind, 'A. Nonymous', '3 Long Lane', 'Sligo', 'IE' FROM unnest(enum_range(NULL::shop.address_kind)) AS kind;

-- given: committed
SET CONSTRAINTS ALL IMMEDIATE;
SET CONSTRAINTS ALL DEFERRED;

-- given: coupon_used_twice
-- The coupon PERSONAL on a second order, of another guest: 1090 − 100 without VAT.
INSERT INTO shop.carts (cart_id, currency, coupon_id, expires_at) VALUES ('01990000-0000-7000-8000-00000000cb04', 'EUR', 2, now() + interval '1 day');
INSERT INTO shop.orders (
    order_id, cart_id, request_digest, contact_email, currency, country, prices_include_tax, shipping_method_id,
    shipping_method_name, line_count, unit_count, subtotal_minor, discount_minor, total_minor, expires_at)
VALUES ('01990000-0000-7000-8000-00000000db04', '01990000-0000-7000-8000-00000000cb04', sha256('db04'), 'other@example.net', 'EUR', 'IE', true, 1, 'Standard', 1, 1, 1090, 100, 990,
    now() + interval '1 hour');
INSERT INTO shop.order_items (
    order_id, line_number, variant_id, currency, sku, product_name, variant_name, tax_class, prices_include_tax,
    quantity, unit_price_minor, subtotal_minor, discount_minor, total_minor)
VALUES ('01990000-0000-7000-8000-00000000db04', 1, 3, 'EUR', 'POEMS-HC', 'Poems', 'Hardback', 'reduced', true, 1, 1090, 1090, 100, 990);
INSERT INTO shop.order_addresses (order_id, kind, recipient, line1, city, country)
SELECT '01990000-0000-7000-8000-00000000db04', kind, 'A. Nonymous', '3 Long Lane', 'Sligo', 'IE' FROM unnest(enum_range(NULL::shop.address_kind)) AS kind;
INSERT INTO shop.coupon_redemptions (order_id, coupon_id, currency, discount_minor) VALUES ('01990000-0000-7000-8000-00000000db04', 2, 'EUR', 100);

-- given: order_awaiting_its_redemption
-- As above, of the guest of d003, and without a redemption yet.
INSERT INTO shop.carts (cart_id, currency, coupon_id, expires_at) VALUES ('01990000-0000-7000-8000-00000000cb05', 'EUR', 2, now() + interval '1 day');
INSERT INTO shop.orders (
    order_id, cart_id, request_digest, contact_email, currency, country, prices_include_tax, shipping_method_id,
    shipping_method_name, line_count, unit_count, subtotal_minor, discount_minor, total_minor, expires_at)
VALUES ('01990000-0000-7000-8000-00000000db05', '01990000-0000-7000-8000-00000000cb05', sha256('db05'), 'GUEST@example.NET', 'EUR', 'IE', true, 1, 'Standard', 1, 1, 1090, 100, 990,
    now() + interval '1 hour');
INSERT INTO shop.order_items (
    order_id, line_number, variant_id, currency, sku, product_name, variant_name, tax_class, prices_include_tax,
    quantity, unit_price_minor, subtotal_minor, discount_minor, total_minor)
VALUES ('01990000-0000-7000-8000-00000000db05', 1, 3, 'EUR', 'POEMS-HC', 'Poems', 'Hardback', 'reduced', true, 1, 1090, 1090, 100, 990);
INSERT INTO shop.order_addresses (order_id, kind, recipient, line1, city, country)
SELECT '01990000-0000-7000-8000-00000000db05', kind, 'A. Nonymous', '3 Long Lane', 'Sligo', 'IE' FROM unnest(enum_range(NULL::shop.address_kind)) AS kind;

-- Header ---------------------------------------------------------------------------------------------------------------

-- attack: order_starts_confirmed
-- rule: an order starts pending, with nothing paid
-- guard: trigger shop.orders orders_start_at_rest
-- guard: constraint shop.order_status_history ck_order_status_history_starts_pending
-- refused: SH103 orders_start_at_rest
-- invariant: none: the history starts as the order does, and its constraint is the rule
-- after: cart_for_a_new_order
INSERT INTO shop.orders (
    order_id, cart_id, request_digest, contact_email, currency, country, prices_include_tax, shipping_method_id,
    shipping_method_name, line_count, unit_count, subtotal_minor, total_minor, expires_at, status)
VALUES ('01990000-0000-7000-8000-00000000db03', '01990000-0000-7000-8000-00000000cb03', sha256('db03'), 'new@example.net', 'EUR', 'IE', true, 1, 'Standard', 1, 1, 0, 0,
    now() + interval '1 hour', 'confirmed');
INSERT INTO shop.order_items (
    order_id, line_number, variant_id, currency, sku, product_name, variant_name, tax_class, prices_include_tax,
    quantity, unit_price_minor, subtotal_minor, total_minor)
VALUES ('01990000-0000-7000-8000-00000000db03', 1, 4, 'EUR', 'STICKER', 'Sticker', 'Sticker', 'standard', true, 1, 0, 0, 0);
INSERT INTO shop.order_addresses (order_id, kind, recipient, line1, city, country)
SELECT '01990000-0000-7000-8000-00000000db03', kind, 'A. Nonymous', '3 Long Lane', 'Sligo', 'IE' FROM unnest(enum_range(NULL::shop.address_kind)) AS kind;

-- attack: order_placed_yesterday
-- rule: the moment of an order is the server's
-- guard: trigger shop.orders orders_are_placed_now
-- refused: SH103 orders_are_placed_now
-- invariant: none: another moment is a moment too
-- after: cart_for_a_new_order
INSERT INTO shop.orders (
    order_id, cart_id, request_digest, contact_email, currency, country, prices_include_tax, shipping_method_id,
    shipping_method_name, line_count, unit_count, subtotal_minor, total_minor, placed_at, expires_at)
VALUES ('01990000-0000-7000-8000-00000000db03', '01990000-0000-7000-8000-00000000cb03', sha256('db03'), 'new@example.net', 'EUR', 'IE', true, 1, 'Standard', 1, 1, 0, 0,
    now() - interval '1 day', now() + interval '1 hour');
INSERT INTO shop.order_items (
    order_id, line_number, variant_id, currency, sku, product_name, variant_name, tax_class, prices_include_tax,
    quantity, unit_price_minor, subtotal_minor, total_minor)
VALUES ('01990000-0000-7000-8000-00000000db03', 1, 4, 'EUR', 'STICKER', 'Sticker', 'Sticker', 'standard', true, 1, 0, 0, 0);
INSERT INTO shop.order_addresses (order_id, kind, recipient, line1, city, country)
SELECT '01990000-0000-7000-8000-00000000db03', kind, 'A. Nonymous', '3 Long Lane', 'Sligo', 'IE' FROM unnest(enum_range(NULL::shop.address_kind)) AS kind;

-- attack: exempt_customer_pays_tax
-- rule: who is exempt pays no tax
-- guard: trigger shop.orders orders_facts_are_immutable
-- guard: constraint shop.orders ck_orders_exempt_pays_no_tax
-- refused: SH102 orders_facts_are_immutable
-- invariant: none: the constraint is the rule
UPDATE shop.orders SET is_tax_exempt = true WHERE order_id = '01990000-0000-7000-8000-00000000d001';

-- attack: order_starts_paid
-- rule: an order starts with nothing paid
-- guard: trigger shop.orders orders_start_at_rest
-- refused: SH103 orders_start_at_rest
-- invariant: order_sums_equal_payments
-- after: cart_for_a_new_order
WITH header AS (
    INSERT INTO shop.orders (
        order_id, cart_id, request_digest, contact_email, currency, country, prices_include_tax, shipping_method_id,
        shipping_method_name, line_count, unit_count, subtotal_minor, total_minor, expires_at, authorized_minor,
        captured_minor)
    VALUES ('01990000-0000-7000-8000-00000000db03', '01990000-0000-7000-8000-00000000cb03', sha256('db03'), 'new@example.net', 'EUR', 'IE', true, 1, 'Standard', 1, 1, 1090, 1090,
        now() + interval '1 hour', 1090, 1090)
), lines AS (
    INSERT INTO shop.order_items (
        order_id, line_number, variant_id, currency, sku, product_name, variant_name, tax_class, prices_include_tax,
        quantity, unit_price_minor, subtotal_minor, total_minor)
    VALUES ('01990000-0000-7000-8000-00000000db03', 1, 3, 'EUR', 'POEMS-HC', 'Poems', 'Hardback', 'reduced', true, 1, 1090, 1090, 1090)
)
INSERT INTO shop.order_addresses (order_id, kind, recipient, line1, city, country)
SELECT '01990000-0000-7000-8000-00000000db03', kind, 'A. Nonymous', '3 Long Lane', 'Sligo', 'IE' FROM unnest(enum_range(NULL::shop.address_kind)) AS kind;

-- attack: total_of_an_old_order_changes
-- rule: what was agreed in an order does not change
-- guard: trigger shop.orders orders_facts_are_immutable
-- refused: SH102 orders_facts_are_immutable
-- invariant: order_totals_equal_lines
UPDATE shop.orders SET shipping_minor = 0, subtotal_minor = total_minor WHERE order_id = '01990000-0000-7000-8000-00000000d001';

-- attack: total_does_not_add_up
-- rule: the total is what its parts make
-- guard: trigger shop.orders orders_facts_are_immutable
-- guard: constraint shop.orders ck_orders_total_adds_up
-- refused: SH102 orders_facts_are_immutable
-- invariant: none: the constraint is the rule
UPDATE shop.orders SET total_minor = total_minor + 1 WHERE order_id = '01990000-0000-7000-8000-00000000d001';

-- attack: new_order_does_not_add_up
-- rule: the total is what its parts make
-- guard: constraint shop.orders ck_orders_total_adds_up
-- refused: 23514 ck_orders_total_adds_up
-- invariant: none: the constraint is the rule
-- after: cart_for_a_new_order
WITH header AS (
    INSERT INTO shop.orders (
        order_id, cart_id, request_digest, contact_email, currency, country, prices_include_tax, shipping_method_id,
        shipping_method_name, line_count, unit_count, subtotal_minor, total_minor, expires_at)
    VALUES ('01990000-0000-7000-8000-00000000db03', '01990000-0000-7000-8000-00000000cb03', sha256('db03'), 'new@example.net', 'EUR', 'IE', true, 1, 'Standard', 1, 1, 1090, 1,
        now() + interval '1 hour')
), lines AS (
    INSERT INTO shop.order_items (
        order_id, line_number, variant_id, currency, sku, product_name, variant_name, tax_class, prices_include_tax,
        quantity, unit_price_minor, subtotal_minor, total_minor)
    VALUES ('01990000-0000-7000-8000-00000000db03', 1, 3, 'EUR', 'POEMS-HC', 'Poems', 'Hardback', 'reduced', true, 1, 1090, 1090, 1090)
)
INSERT INTO shop.order_addresses (order_id, kind, recipient, line1, city, country)
SELECT '01990000-0000-7000-8000-00000000db03', kind, 'A. Nonymous', '3 Long Lane', 'Sligo', 'IE' FROM unnest(enum_range(NULL::shop.address_kind)) AS kind;

-- attack: order_goes_to_another_customer
-- rule: what was agreed in an order does not change
-- guard: trigger shop.orders orders_facts_are_immutable
-- refused: SH102 orders_facts_are_immutable
-- invariant: carts_convert_with_orders
UPDATE shop.orders SET customer_id = '01990000-0000-7000-8000-00000000c005' WHERE order_id = '01990000-0000-7000-8000-00000000d004';

-- attack: order_takes_another_cart
-- rule: an order keeps its cart
-- guard: trigger shop.orders orders_facts_are_immutable
-- refused: SH102 orders_facts_are_immutable
-- invariant: carts_convert_with_orders
UPDATE shop.orders SET cart_id = '01990000-0000-7000-8000-00000000ca09' WHERE order_id = '01990000-0000-7000-8000-00000000d003';

-- attack: order_number_is_rewritten
-- rule: an order keeps its number
-- guard: trigger shop.orders orders_facts_are_immutable
-- refused: SH102 orders_facts_are_immutable
-- invariant: none: another number is a number too
UPDATE shop.orders SET order_number = DEFAULT WHERE order_id = '01990000-0000-7000-8000-00000000d001';

-- attack: unpaid_order_lives_longer
-- rule: the moment until which an order must be paid does not change
-- guard: trigger shop.orders orders_facts_are_immutable
-- refused: SH102 orders_facts_are_immutable
-- invariant: none: another moment is a moment too
UPDATE shop.orders SET expires_at = expires_at + interval '1 year' WHERE order_id = '01990000-0000-7000-8000-00000000d001';

-- attack: order_expires_before_it_is_placed
-- rule: an order expires after it was placed
-- guard: trigger shop.orders orders_facts_are_immutable
-- guard: constraint shop.orders ck_orders_expires_after_placed
-- refused: SH102 orders_facts_are_immutable
-- invariant: none: the constraint is the rule
UPDATE shop.orders SET expires_at = placed_at WHERE order_id = '01990000-0000-7000-8000-00000000d001';

-- attack: order_is_deleted
-- rule: orders are kept
-- guard: trigger shop.orders orders_are_kept
-- guard: constraint shop.order_items fk_order_items_order_id_currency
-- guard: constraint shop.order_addresses fk_order_addresses_order_id
-- guard: constraint shop.order_status_history fk_order_status_history_order_id
-- refused: SH101 orders_are_kept
-- invariant: carts_convert_with_orders
DELETE FROM shop.orders WHERE order_id = '01990000-0000-7000-8000-00000000d007';

-- attack: contact_of_an_order_changes
-- rule: the contact of an order does not change, it can only be erased
-- guard: trigger shop.orders orders_contact_is_only_erased
-- refused: SH102 orders_contact_is_only_erased
-- invariant: none: another address is an address too
UPDATE shop.orders SET contact_email = 'thief@example.net' WHERE order_id = '01990000-0000-7000-8000-00000000d003';

-- attack: contact_gets_a_telephone
-- rule: the contact of an order does not change, it can only be erased
-- guard: trigger shop.orders orders_contact_is_only_erased
-- refused: SH102 orders_contact_is_only_erased
-- invariant: none: another number is a number too
UPDATE shop.orders SET contact_phone = '+353 1 000' WHERE order_id = '01990000-0000-7000-8000-00000000d003';

-- attack: request_of_an_order_changes
-- rule: what was asked for is compared with every retry: it does not change, it can only be erased
-- guard: trigger shop.orders orders_contact_is_only_erased
-- refused: SH102 orders_contact_is_only_erased
-- invariant: none: another digest is a digest too
UPDATE shop.orders SET request_digest = sha256('another') WHERE order_id = '01990000-0000-7000-8000-00000000d003';

-- attack: two_orders_from_one_cart
-- rule: one cart makes one order (Magento 13952, WooCommerce 62659)
-- hostile: 12
-- guard: trigger shop.orders orders_convert_their_cart
-- guard: index shop.orders uq_orders_cart_id
-- refused: 23505 uq_orders_cart_id
-- invariant: none: without the unique key two orders of a cart look like two orders; the join counts the cart twice
INSERT INTO shop.orders (
    order_id, cart_id, request_digest, customer_id, contact_email, currency, country, prices_include_tax,
    shipping_method_id, shipping_method_name, line_count, unit_count, subtotal_minor, total_minor, expires_at)
VALUES ('01990000-0000-7000-8000-00000000db06', '01990000-0000-7000-8000-00000000ca07', sha256('db06'), '01990000-0000-7000-8000-00000000c003', 'office@charity.example', 'EUR', 'IE', true, 1, 'Standard', 1, 1, 0, 0,
    now() + interval '1 hour');
INSERT INTO shop.order_items (
    order_id, line_number, variant_id, currency, sku, product_name, variant_name, tax_class, prices_include_tax,
    quantity, unit_price_minor, subtotal_minor, total_minor)
VALUES ('01990000-0000-7000-8000-00000000db06', 1, 4, 'EUR', 'STICKER', 'Sticker', 'Sticker', 'standard', true, 1, 0, 0, 0);
INSERT INTO shop.order_addresses (order_id, kind, recipient, line1, city, country)
SELECT '01990000-0000-7000-8000-00000000db06', kind, 'A. Nonymous', '3 Long Lane', 'Sligo', 'IE' FROM unnest(enum_range(NULL::shop.address_kind)) AS kind;

-- attack: order_from_anothers_cart
-- rule: an order is made from a cart of the same customer
-- guard: trigger shop.orders orders_convert_their_cart
-- refused: SH106 orders_convert_their_cart
-- invariant: carts_convert_with_orders
INSERT INTO shop.orders (
    order_id, cart_id, request_digest, customer_id, contact_email, currency, country, prices_include_tax,
    shipping_method_id, shipping_method_name, line_count, unit_count, subtotal_minor, total_minor, expires_at)
VALUES ('01990000-0000-7000-8000-00000000db06', '01990000-0000-7000-8000-00000000ca08', sha256('db06'), '01990000-0000-7000-8000-00000000c003', 'office@charity.example', 'EUR', 'IE', true, 1, 'Standard', 1, 1, 0, 0,
    now() + interval '1 hour');
INSERT INTO shop.order_items (
    order_id, line_number, variant_id, currency, sku, product_name, variant_name, tax_class, prices_include_tax,
    quantity, unit_price_minor, subtotal_minor, total_minor)
VALUES ('01990000-0000-7000-8000-00000000db06', 1, 4, 'EUR', 'STICKER', 'Sticker', 'Sticker', 'standard', true, 1, 0, 0, 0);
INSERT INTO shop.order_addresses (order_id, kind, recipient, line1, city, country)
SELECT '01990000-0000-7000-8000-00000000db06', kind, 'A. Nonymous', '3 Long Lane', 'Sligo', 'IE' FROM unnest(enum_range(NULL::shop.address_kind)) AS kind;

-- upkeep: order_converts_its_cart
-- rule: the statement that makes an order freezes its cart
-- guard: trigger shop.orders orders_convert_their_cart
-- invariant: carts_convert_with_orders
-- after: cart_for_a_new_order
-- after: new_header
-- after: new_line
-- after: new_taxes
INSERT INTO shop.order_addresses (order_id, kind, recipient, line1, city, country)
SELECT '01990000-0000-7000-8000-00000000db03', kind, 'A. Nonymous', '3 Long Lane', 'Sligo', 'IE' FROM unnest(enum_range(NULL::shop.address_kind)) AS kind;

-- attack: discount_above_the_goods
-- rule: nobody is paid to take goods
-- guard: trigger shop.orders orders_facts_are_immutable
-- guard: constraint shop.orders ck_orders_discount_within_subtotal
-- refused: SH102 orders_facts_are_immutable
-- invariant: order_totals_equal_lines
-- after: cart_for_a_new_order
-- after: new_header
-- after: new_line
-- after: new_taxes
-- after: new_addresses
-- after: committed
UPDATE shop.orders SET discount_minor = subtotal_minor + 1, total_minor = shipping_minor - 1 WHERE order_id = '01990000-0000-7000-8000-00000000db03';

-- attack: shipping_tax_above_all_taxes
-- rule: the tax on shipping is a part of all taxes
-- guard: trigger shop.orders orders_facts_are_immutable
-- guard: constraint shop.orders ck_orders_shipping_tax_within_tax
-- refused: SH102 orders_facts_are_immutable
-- invariant: order_totals_equal_lines
UPDATE shop.orders SET shipping_tax_minor = tax_minor + 1 WHERE order_id = '01990000-0000-7000-8000-00000000d001';

-- attack: fewer_units_than_lines
-- rule: every line has a unit at least
-- guard: trigger shop.orders orders_facts_are_immutable
-- guard: constraint shop.orders ck_orders_unit_count_covers_lines
-- refused: SH102 orders_facts_are_immutable
-- invariant: order_totals_equal_lines
UPDATE shop.orders SET unit_count = 1 WHERE order_id = '01990000-0000-7000-8000-00000000d001';

-- Counters of the header -----------------------------------------------------------------------------------------------

-- attack: paid_by_decree
-- rule: what was paid follows from payment events alone
-- hostile: 13
-- guard: trigger shop.orders orders_counters_are_kept
-- guard: trigger shop.orders orders_move_legally
-- refused: SH103 orders_counters_are_kept
-- invariant: order_sums_equal_payments
UPDATE shop.orders SET authorized_minor = total_minor, captured_minor = total_minor, status = 'confirmed'
WHERE order_id = '01990000-0000-7000-8000-00000000d001';

-- attack: captured_above_authorized
-- rule: never more captured than authorized
-- guard: trigger shop.orders orders_counters_are_kept
-- guard: constraint shop.orders ck_orders_captured_within_authorized
-- refused: SH103 orders_counters_are_kept
-- invariant: order_sums_equal_payments
UPDATE shop.orders SET captured_minor = 1 WHERE order_id = '01990000-0000-7000-8000-00000000d001';

-- attack: refunded_above_captured
-- rule: never more refunded than captured
-- guard: trigger shop.orders orders_counters_are_kept
-- guard: constraint shop.orders ck_orders_refunded_within_captured
-- refused: SH103 orders_counters_are_kept
-- invariant: order_sums_equal_payments
UPDATE shop.orders SET refunded_minor = 1 WHERE order_id = '01990000-0000-7000-8000-00000000d001';

-- attack: intended_is_written
-- rule: what is intended is the sum of the open payments
-- guard: trigger shop.orders orders_counters_are_kept
-- refused: SH103 orders_counters_are_kept
-- invariant: order_sums_equal_payments
UPDATE shop.orders SET intended_minor = 0 WHERE order_id = '01990000-0000-7000-8000-00000000d001';

-- attack: shipped_units_are_written
-- rule: shipped units are the sum of the lines
-- guard: trigger shop.orders orders_counters_are_kept
-- refused: SH103 orders_counters_are_kept
-- invariant: order_counters_equal_lines
UPDATE shop.orders SET shipped_units = shipped_units + 1 WHERE order_id = '01990000-0000-7000-8000-00000000d003';

-- attack: shipped_units_above_ordered
-- rule: never more units shipped and cancelled than ordered
-- guard: trigger shop.orders orders_counters_are_kept
-- guard: constraint shop.orders ck_orders_units_within_ordered
-- refused: SH103 orders_counters_are_kept
-- invariant: order_counters_equal_lines
UPDATE shop.orders SET shipped_units = unit_count WHERE order_id = '01990000-0000-7000-8000-00000000d003';

-- attack: returned_units_above_shipped
-- rule: never more units returned than shipped
-- guard: trigger shop.orders orders_counters_are_kept
-- guard: constraint shop.orders ck_orders_returned_within_shipped
-- refused: SH103 orders_counters_are_kept
-- invariant: order_counters_equal_lines
UPDATE shop.orders SET returned_units = 2 WHERE order_id = '01990000-0000-7000-8000-00000000d003';

-- attack: cancelled_value_above_total
-- rule: no more is cancelled than was owed
-- guard: trigger shop.orders orders_counters_are_kept
-- guard: constraint shop.orders ck_orders_cancelled_within_total
-- refused: SH103 orders_counters_are_kept
-- invariant: order_counters_equal_lines
UPDATE shop.orders SET cancelled_minor = total_minor + 1 WHERE order_id = '01990000-0000-7000-8000-00000000d003';

-- attack: cancelled_value_is_written
-- rule: what is no longer owed is the value of the units cancelled
-- guard: trigger shop.orders orders_counters_are_kept
-- refused: SH103 orders_counters_are_kept
-- invariant: order_counters_equal_lines
UPDATE shop.orders SET cancelled_minor = total_minor WHERE order_id = '01990000-0000-7000-8000-00000000d003';

-- Status ---------------------------------------------------------------------------------------------------------------

-- attack: unpaid_order_is_confirmed
-- rule: confirmed means covered by an authorization, or nothing to pay
-- guard: trigger shop.orders orders_move_legally
-- refused: SH111 orders_move_legally
-- invariant: none: an authorization may also have been lost since, which payment_exceptions tell
UPDATE shop.orders SET status = 'confirmed' WHERE order_id = '01990000-0000-7000-8000-00000000d001';

-- attack: order_confirmed_by_a_voided_authorization
-- rule: an authorization that was voided covers nothing
-- guard: trigger shop.orders orders_move_legally
-- refused: SH111 orders_move_legally
-- invariant: none: as unpaid_order_is_confirmed
-- after: d001_authorized
-- after: d001_unpaid
UPDATE shop.orders SET status = 'confirmed' WHERE order_id = '01990000-0000-7000-8000-00000000d001';

-- given: d001_cancelled_in_full
UPDATE shop.order_allocations SET released_quantity = quantity WHERE order_id = '01990000-0000-7000-8000-00000000d001';
INSERT INTO shop.order_item_cancellations (order_id, line_number, quantity, reason)
SELECT order_id, line_number, quantity, 'payment_expired' FROM shop.order_items WHERE order_id = '01990000-0000-7000-8000-00000000d001';

-- attack: paid_order_expires
-- rule: only an unpaid order expires
-- guard: trigger shop.orders orders_move_legally
-- refused: SH111 orders_move_legally
-- invariant: none: the money may also have come since, which payment_exceptions tell
-- after: d001_authorized
-- after: d001_cancelled_in_full
UPDATE shop.orders SET status = 'expired' WHERE order_id = '01990000-0000-7000-8000-00000000d001';

-- attack: order_expires_before_its_time
-- rule: an order expires when its time is over
-- guard: trigger shop.orders orders_move_legally
-- refused: SH111 orders_move_legally
-- invariant: none: the history says when it expired, and is not compared with expires_at
-- after: d001_cancelled_in_full
UPDATE shop.orders SET status = 'expired' WHERE order_id = '01990000-0000-7000-8000-00000000d001';

-- attack: pending_order_is_completed
-- rule: an order moves only as order_transitions lists (in the spirit of the state "Banana")
-- hostile: 14
-- guard: trigger shop.orders orders_move_legally
-- guard: constraint shop.orders ck_orders_completed_is_fulfilled
-- guard: constraint shop.order_status_history fk_order_status_history_from_status_to_status
-- refused: SH105 orders_move_legally
-- invariant: none: the history is complete; its foreign key is what knows the legal moves
UPDATE shop.orders SET status = 'completed' WHERE order_id = '01990000-0000-7000-8000-00000000d001';

-- attack: confirmed_order_expires
-- rule: only an unpaid order expires
-- guard: trigger shop.orders orders_move_legally
-- guard: constraint shop.orders ck_orders_ended_is_cancelled
-- guard: constraint shop.order_status_history fk_order_status_history_from_status_to_status
-- refused: SH105 orders_move_legally
-- invariant: none: the history is complete; its foreign key is what knows the legal moves
UPDATE shop.orders SET status = 'expired' WHERE order_id = '01990000-0000-7000-8000-00000000d002';

-- attack: confirmed_order_is_pending_again
-- rule: an order moves only as order_transitions lists
-- guard: trigger shop.orders orders_move_legally
-- guard: constraint shop.order_status_history fk_order_status_history_from_status_to_status
-- refused: SH105 orders_move_legally
-- invariant: none: the history is complete; its foreign key is what knows the legal moves
UPDATE shop.orders SET status = 'pending' WHERE order_id = '01990000-0000-7000-8000-00000000d002';

-- attack: completed_order_is_cancelled
-- rule: what was delivered is returned, not cancelled
-- guard: trigger shop.orders orders_move_legally
-- guard: constraint shop.orders ck_orders_ended_is_cancelled
-- guard: constraint shop.orders ck_orders_shipped_is_confirmed
-- guard: constraint shop.order_status_history fk_order_status_history_from_status_to_status
-- refused: SH105 orders_move_legally
-- invariant: none: the history is complete; its foreign key is what knows the legal moves
UPDATE shop.orders SET status = 'cancelled' WHERE order_id = '01990000-0000-7000-8000-00000000d004';

-- attack: completed_order_is_confirmed_again
-- rule: an order moves only as order_transitions lists
-- guard: trigger shop.orders orders_move_legally
-- guard: constraint shop.order_status_history fk_order_status_history_from_status_to_status
-- refused: SH105 orders_move_legally
-- invariant: none: the history is complete; its foreign key is what knows the legal moves
UPDATE shop.orders SET status = 'confirmed' WHERE order_id = '01990000-0000-7000-8000-00000000d004';

-- attack: completed_order_is_pending_again
-- rule: an order moves only as order_transitions lists
-- guard: trigger shop.orders orders_move_legally
-- guard: constraint shop.orders ck_orders_shipped_is_confirmed
-- guard: constraint shop.order_status_history fk_order_status_history_from_status_to_status
-- refused: SH105 orders_move_legally
-- invariant: none: the history is complete; its foreign key is what knows the legal moves
UPDATE shop.orders SET status = 'pending' WHERE order_id = '01990000-0000-7000-8000-00000000d004';

-- attack: completed_order_expires
-- rule: an order moves only as order_transitions lists
-- guard: trigger shop.orders orders_move_legally
-- guard: constraint shop.orders ck_orders_ended_is_cancelled
-- guard: constraint shop.orders ck_orders_shipped_is_confirmed
-- guard: constraint shop.order_status_history fk_order_status_history_from_status_to_status
-- refused: SH105 orders_move_legally
-- invariant: none: the history is complete; its foreign key is what knows the legal moves
UPDATE shop.orders SET status = 'expired' WHERE order_id = '01990000-0000-7000-8000-00000000d004';

-- attack: cancelled_order_is_pending_again
-- rule: a cancelled order stays cancelled (Shopware 3730)
-- guard: trigger shop.orders orders_move_legally
-- guard: constraint shop.order_status_history fk_order_status_history_from_status_to_status
-- refused: SH105 orders_move_legally
-- invariant: none: the history is complete; its foreign key is what knows the legal moves
UPDATE shop.orders SET status = 'pending' WHERE order_id = '01990000-0000-7000-8000-00000000d005';

-- attack: cancelled_order_is_confirmed
-- rule: a cancelled order stays cancelled
-- guard: trigger shop.orders orders_move_legally
-- guard: constraint shop.order_status_history fk_order_status_history_from_status_to_status
-- refused: SH105 orders_move_legally
-- invariant: none: the history is complete; its foreign key is what knows the legal moves
UPDATE shop.orders SET status = 'confirmed' WHERE order_id = '01990000-0000-7000-8000-00000000d005';

-- attack: cancelled_order_is_completed
-- rule: a cancelled order stays cancelled
-- guard: trigger shop.orders orders_move_legally
-- guard: constraint shop.order_status_history fk_order_status_history_from_status_to_status
-- refused: SH105 orders_move_legally
-- invariant: none: the history is complete; its foreign key is what knows the legal moves
UPDATE shop.orders SET status = 'completed' WHERE order_id = '01990000-0000-7000-8000-00000000d005';

-- attack: cancelled_order_expires
-- rule: a cancelled order stays cancelled
-- guard: trigger shop.orders orders_move_legally
-- guard: constraint shop.order_status_history fk_order_status_history_from_status_to_status
-- refused: SH105 orders_move_legally
-- invariant: none: the history is complete; its foreign key is what knows the legal moves
UPDATE shop.orders SET status = 'expired' WHERE order_id = '01990000-0000-7000-8000-00000000d005';

-- attack: expired_order_is_pending_again
-- rule: an expired order stays expired; its stock is free
-- guard: trigger shop.orders orders_move_legally
-- guard: constraint shop.order_status_history fk_order_status_history_from_status_to_status
-- refused: SH105 orders_move_legally
-- invariant: none: the history is complete; its foreign key is what knows the legal moves
UPDATE shop.orders SET status = 'pending' WHERE order_id = '01990000-0000-7000-8000-00000000d006';

-- attack: expired_order_is_confirmed_by_late_money
-- rule: an expired order stays expired, even if it was paid since; its stock is free
-- guard: trigger shop.orders orders_move_legally
-- guard: constraint shop.order_status_history fk_order_status_history_from_status_to_status
-- refused: SH105 orders_move_legally
-- invariant: none: the history is complete; its foreign key is what knows the legal moves
UPDATE shop.orders SET status = 'confirmed' WHERE order_id = '01990000-0000-7000-8000-00000000d006';

-- attack: expired_order_is_completed
-- rule: an expired order stays expired
-- guard: trigger shop.orders orders_move_legally
-- guard: constraint shop.order_status_history fk_order_status_history_from_status_to_status
-- refused: SH105 orders_move_legally
-- invariant: none: the history is complete; its foreign key is what knows the legal moves
UPDATE shop.orders SET status = 'completed' WHERE order_id = '01990000-0000-7000-8000-00000000d006';

-- attack: expired_order_is_cancelled
-- rule: an expired order stays expired
-- guard: trigger shop.orders orders_move_legally
-- guard: constraint shop.order_status_history fk_order_status_history_from_status_to_status
-- refused: SH105 orders_move_legally
-- invariant: none: the history is complete; its foreign key is what knows the legal moves
UPDATE shop.orders SET status = 'cancelled' WHERE order_id = '01990000-0000-7000-8000-00000000d006';

-- attack: order_completed_before_all_is_shipped
-- rule: completed means that every unit was shipped or cancelled
-- guard: constraint shop.orders ck_orders_completed_is_fulfilled
-- refused: 23514 ck_orders_completed_is_fulfilled
-- invariant: none: the constraint is the rule
UPDATE shop.orders SET status = 'completed' WHERE order_id = '01990000-0000-7000-8000-00000000d003';

-- attack: order_cancelled_with_its_stock_held
-- rule: a cancelled order holds no stock
-- guard: constraint shop.orders ck_orders_ended_is_cancelled
-- refused: 23514 ck_orders_ended_is_cancelled
-- invariant: none: the constraint is the rule
UPDATE shop.orders SET status = 'cancelled' WHERE order_id = '01990000-0000-7000-8000-00000000d001';

-- attack: partly_shipped_order_is_cancelled
-- rule: what was shipped cannot be cancelled
-- guard: constraint shop.orders ck_orders_ended_is_cancelled
-- guard: constraint shop.orders ck_orders_shipped_is_confirmed
-- refused: 23514 ck_orders_ended_is_cancelled
-- invariant: none: the constraints are the rule
UPDATE shop.orders SET status = 'cancelled' WHERE order_id = '01990000-0000-7000-8000-00000000d003';

-- attack: history_is_written_by_hand
-- rule: the history of an order is written by its moves alone
-- guard: trigger shop.order_status_history order_status_history_is_written_by_trigger
-- refused: SH103 order_status_history_is_written_by_trigger
-- invariant: order_history_is_a_chain
INSERT INTO shop.order_status_history (order_id, sequence, from_status, to_status) VALUES ('01990000-0000-7000-8000-00000000d001', 2, 'pending', 'confirmed');

-- attack: history_starts_in_the_middle
-- rule: the history of an order starts with its placing
-- guard: trigger shop.order_status_history order_status_history_is_written_by_trigger
-- guard: constraint shop.order_status_history ck_order_status_history_first_has_no_from
-- refused: SH103 order_status_history_is_written_by_trigger
-- invariant: order_history_is_a_chain
INSERT INTO shop.order_status_history (order_id, sequence, from_status, to_status) VALUES ('01990000-0000-7000-8000-00000000d001', 2, NULL, 'confirmed');

-- attack: history_starts_paid
-- rule: the history of an order starts pending
-- guard: trigger shop.order_status_history order_status_history_is_append_only
-- guard: constraint shop.order_status_history ck_order_status_history_starts_pending
-- refused: SH101 order_status_history_is_append_only
-- invariant: order_history_is_a_chain
UPDATE shop.order_status_history SET to_status = 'confirmed' WHERE order_id = '01990000-0000-7000-8000-00000000d001' AND sequence = 1;

-- attack: history_is_changed
-- rule: the history of an order is append-only
-- guard: trigger shop.order_status_history order_status_history_is_append_only
-- refused: SH101 order_status_history_is_append_only
-- invariant: order_history_is_a_chain
UPDATE shop.order_status_history SET sequence = 7 WHERE order_id = '01990000-0000-7000-8000-00000000d002' AND sequence = 2;

-- attack: history_is_deleted
-- rule: the history of an order is append-only
-- guard: trigger shop.order_status_history order_status_history_is_append_only
-- refused: SH101 order_status_history_is_append_only
-- invariant: order_history_is_a_chain
DELETE FROM shop.order_status_history WHERE order_id = '01990000-0000-7000-8000-00000000d005';

-- upkeep: placing_is_history
-- rule: the history of an order begins with its placing
-- guard: trigger shop.orders orders_write_first_history
-- invariant: order_history_is_a_chain
-- after: cart_for_a_new_order
-- after: new_header
-- after: new_line
-- after: new_taxes
INSERT INTO shop.order_addresses (order_id, kind, recipient, line1, city, country)
SELECT '01990000-0000-7000-8000-00000000db03', kind, 'A. Nonymous', '3 Long Lane', 'Sligo', 'IE' FROM unnest(enum_range(NULL::shop.address_kind)) AS kind;

-- given: d001_authorized
INSERT INTO shop.payment_events (provider, provider_event_id, payment_id, kind, amount_minor, currency, occurred_at)
VALUES ('stripe', 'evt_a1', '01990000-0000-7000-8000-000000009a01', 'authorized', 6485, 'EUR', now());

-- upkeep: every_move_is_history
-- rule: every status an order had is in its history
-- guard: trigger shop.orders orders_write_history
-- invariant: order_history_is_a_chain
-- after: d001_authorized
UPDATE shop.orders SET status = 'confirmed' WHERE order_id = '01990000-0000-7000-8000-00000000d001';

-- attack: transition_to_itself
-- rule: a move changes the status
-- guard: trigger shop.order_transitions order_transitions_are_schema
-- guard: constraint shop.order_transitions ck_order_transitions_moves
-- refused: SH102 order_transitions_are_schema
-- invariant: none: the constraint is the rule
INSERT INTO shop.order_transitions (from_status, to_status, meaning) VALUES ('pending', 'pending', 'Nothing.');

-- attack: transition_back_to_pending
-- rule: which moves are legal is part of the schema
-- guard: trigger shop.order_transitions order_transitions_are_schema
-- refused: SH102 order_transitions_are_schema
-- invariant: none: the table is what says which moves are legal
INSERT INTO shop.order_transitions (from_status, to_status, meaning) VALUES ('completed', 'pending', 'Once more.');

-- attack: transition_is_removed
-- rule: which moves are legal is part of the schema
-- guard: trigger shop.order_transitions order_transitions_are_schema
-- refused: SH102 order_transitions_are_schema
-- invariant: none: the table is what says which moves are legal
DELETE FROM shop.order_transitions WHERE from_status = 'confirmed' AND to_status = 'cancelled';

-- Lines ----------------------------------------------------------------------------------------------------------------

-- attack: line_starts_cancelled
-- rule: the counters of a line start at 0
-- guard: trigger shop.order_items order_items_start_at_rest
-- refused: SH103 order_items_start_at_rest
-- invariant: line_counters_equal_allocations
-- after: cart_for_a_new_order
-- after: new_header
-- after: new_addresses
INSERT INTO shop.order_items (
    order_id, line_number, variant_id, currency, sku, product_name, variant_name, tax_class, prices_include_tax,
    quantity, unit_price_minor, subtotal_minor, tax_minor, tax_count, total_minor, cancelled_quantity)
VALUES ('01990000-0000-7000-8000-00000000db03', 1, 3, 'EUR', 'POEMS-HC', 'Poems', 'Hardback', 'reduced', true, 1, 1090, 1090, 90, 1, 1090, 1);
INSERT INTO shop.order_item_taxes (order_id, line_number, jurisdiction, rate, base_minor, tax_minor)
VALUES ('01990000-0000-7000-8000-00000000db03', 1, 'VAT IE', 0.09, 1000, 90);
INSERT INTO shop.order_shipping_taxes (order_id, jurisdiction, rate, base_minor, tax_minor)
VALUES ('01990000-0000-7000-8000-00000000db03', 'VAT IE', 0.23, 500, 115);

-- attack: line_announces_stock_that_is_not_its
-- rule: a line counts as allocated what lies ready for it
-- guard: trigger shop.orders orders_are_whole
-- refused: SH104 orders_are_whole
-- invariant: line_counters_equal_allocations
-- after: cart_for_a_new_order
-- after: new_header
-- after: new_addresses
INSERT INTO shop.order_items (
    order_id, line_number, variant_id, currency, sku, product_name, variant_name, tax_class, prices_include_tax,
    quantity, unit_price_minor, subtotal_minor, tax_minor, tax_count, total_minor, allocated_quantity)
VALUES ('01990000-0000-7000-8000-00000000db03', 1, 3, 'EUR', 'POEMS-HC', 'Poems', 'Hardback', 'reduced', true, 1, 1090, 1090, 90, 1, 1090, 1);
INSERT INTO shop.order_item_taxes (order_id, line_number, jurisdiction, rate, base_minor, tax_minor)
VALUES ('01990000-0000-7000-8000-00000000db03', 1, 'VAT IE', 0.09, 1000, 90);
INSERT INTO shop.order_shipping_taxes (order_id, jurisdiction, rate, base_minor, tax_minor)
VALUES ('01990000-0000-7000-8000-00000000db03', 'VAT IE', 0.23, 500, 115);

-- attack: old_order_line_changes
-- rule: what was sold does not change (PrestaShop 17978)
-- hostile: 15
-- guard: trigger shop.order_items order_items_facts_are_immutable
-- refused: SH102 order_items_facts_are_immutable
-- invariant: order_totals_equal_lines
UPDATE shop.order_items SET unit_price_minor = 1, subtotal_minor = quantity, tax_minor = 0, total_minor = quantity
WHERE order_id = '01990000-0000-7000-8000-00000000d001' AND line_number = 1;

-- attack: old_order_line_tells_another_name
-- rule: what was sold does not change
-- guard: trigger shop.order_items order_items_facts_are_immutable
-- refused: SH102 order_items_facts_are_immutable
-- invariant: none: another name is a name too
UPDATE shop.order_items SET product_name = 'Fancy shirt' WHERE order_id = '01990000-0000-7000-8000-00000000d004' AND line_number = 1;

-- attack: line_moves_to_another_order
-- rule: a line stays in its order
-- guard: trigger shop.order_items order_items_facts_are_immutable
-- refused: SH102 order_items_facts_are_immutable
-- invariant: order_totals_equal_lines
-- after: whole_new_order
UPDATE shop.order_items SET order_id = '01990000-0000-7000-8000-00000000d007', line_number = 2 WHERE order_id = '01990000-0000-7000-8000-00000000db02';

-- given: whole_new_order
INSERT INTO shop.carts (cart_id, currency, expires_at) VALUES ('01990000-0000-7000-8000-00000000cb02', 'EUR', now() + interval '1 day');
INSERT INTO shop.orders (
    order_id, cart_id, request_digest, contact_email, currency, country, prices_include_tax,
    shipping_method_id, shipping_method_name, line_count, unit_count, subtotal_minor, total_minor, expires_at)
VALUES ('01990000-0000-7000-8000-00000000db02', '01990000-0000-7000-8000-00000000cb02', sha256('db02'), 'new@example.net', 'EUR', 'IE', true,
    1, 'Standard', 1, 2, 2460, 2460, now() + interval '1 hour');
INSERT INTO shop.order_items (
    order_id, line_number, variant_id, currency, sku, product_name, variant_name, tax_class, prices_include_tax,
    quantity, unit_price_minor, subtotal_minor, total_minor)
VALUES ('01990000-0000-7000-8000-00000000db02', 1, 5, 'EUR', 'SHIRT-RED-M', 'Plain shirt', 'Red / M', 'standard', true, 2, 1230, 2460, 2460);
INSERT INTO shop.order_addresses (order_id, kind, recipient, line1, city, country)
SELECT '01990000-0000-7000-8000-00000000db02', kind, 'A. Nonymous', '3 Long Lane', 'Sligo', 'IE' FROM unnest(enum_range(NULL::shop.address_kind)) AS kind;
SET CONSTRAINTS ALL IMMEDIATE;
SET CONSTRAINTS ALL DEFERRED;

-- attack: order_line_is_deleted
-- rule: order lines are kept
-- guard: trigger shop.order_items order_items_are_kept
-- refused: SH101 order_items_are_kept
-- invariant: order_totals_equal_lines
-- after: whole_new_order
DELETE FROM shop.order_items WHERE order_id = '01990000-0000-7000-8000-00000000db02';

-- attack: order_line_is_deleted_beside_an_insert
-- rule: order lines are kept, also where another part of the statement writes one
-- guard: trigger shop.order_items order_items_are_kept
-- refused: SH101 order_items_are_kept
-- invariant: order_totals_equal_lines
-- after: whole_new_order
WITH removed AS (
    DELETE FROM shop.order_items WHERE order_id = '01990000-0000-7000-8000-00000000db02' RETURNING variant_id
)
INSERT INTO shop.stock_movements (variant_id, warehouse_id, kind, on_hand_delta)
SELECT variant_id, 1, 'receipt', 1 FROM removed;

-- attack: line_added_to_a_finished_order
-- rule: lines are never added later
-- guard: trigger shop.order_items order_items_add_up
-- refused: SH104 order_items_add_up
-- invariant: order_totals_equal_lines
INSERT INTO shop.order_items (
    order_id, line_number, variant_id, currency, sku, product_name, variant_name, tax_class, prices_include_tax,
    quantity, unit_price_minor, subtotal_minor, total_minor)
VALUES ('01990000-0000-7000-8000-00000000d004', 3, 3, 'USD', 'POEMS-HC', 'Poems', 'Hardback', 'reduced', false, 1, 1000, 1000, 1000);

-- attack: free_line_added_to_a_finished_order
-- rule: lines are never added later, not even free ones
-- guard: trigger shop.order_items order_items_add_up
-- refused: SH104 order_items_add_up
-- invariant: order_totals_equal_lines
INSERT INTO shop.order_items (
    order_id, line_number, variant_id, currency, sku, product_name, variant_name, tax_class, prices_include_tax,
    quantity, unit_price_minor, subtotal_minor, total_minor)
VALUES ('01990000-0000-7000-8000-00000000d007', 2, 4, 'EUR', 'STICKER', 'Sticker', 'Sticker', 'standard', true, 1, 0, 0, 0);

-- attack: lines_in_two_parts_of_a_statement
-- rule: all lines of an order arrive together; two INSERTs of one statement count as one
-- guard: trigger shop.order_items order_items_add_up
-- refused: SH104 order_items_add_up
-- invariant: order_totals_equal_lines
WITH free AS (
    INSERT INTO shop.order_items (
        order_id, line_number, variant_id, currency, sku, product_name, variant_name, tax_class, prices_include_tax,
        quantity, unit_price_minor, subtotal_minor, total_minor)
    VALUES ('01990000-0000-7000-8000-00000000d007', 2, 4, 'EUR', 'STICKER', 'Sticker', 'Sticker', 'standard', true, 1, 0, 0, 0)
)
INSERT INTO shop.order_items (
    order_id, line_number, variant_id, currency, sku, product_name, variant_name, tax_class, prices_include_tax,
    quantity, unit_price_minor, subtotal_minor, total_minor)
VALUES ('01990000-0000-7000-8000-00000000d001', 3, 4, 'EUR', 'STICKER', 'Sticker', 'Sticker', 'standard', true, 1, 0, 0, 0);

-- attack: line_for_a_missing_product
-- rule: what is sold exists
-- hostile: 16
-- guard: constraint shop.order_items fk_order_items_variant_id
-- refused: 23503 fk_order_items_variant_id
-- invariant: none: the constraint is the rule
-- after: cart_for_a_new_order
-- after: new_header
-- after: new_addresses
INSERT INTO shop.order_items (
    order_id, line_number, variant_id, currency, sku, product_name, variant_name, tax_class, prices_include_tax,
    quantity, unit_price_minor, subtotal_minor, tax_minor, tax_count, total_minor)
VALUES ('01990000-0000-7000-8000-00000000db03', 1, 4711, 'EUR', 'POEMS-HC', 'Poems', 'Hardback', 'reduced', true, 1, 1090, 1090, 90, 1, 1090);
INSERT INTO shop.order_item_taxes (order_id, line_number, jurisdiction, rate, base_minor, tax_minor)
VALUES ('01990000-0000-7000-8000-00000000db03', 1, 'VAT IE', 0.09, 1000, 90);
INSERT INTO shop.order_shipping_taxes (order_id, jurisdiction, rate, base_minor, tax_minor)
VALUES ('01990000-0000-7000-8000-00000000db03', 'VAT IE', 0.23, 500, 115);

-- attack: line_in_another_currency
-- rule: every amount of an order is in its currency
-- hostile: 17
-- guard: constraint shop.order_items fk_order_items_order_id_currency
-- refused: 23503 fk_order_items_order_id_currency
-- invariant: none: the constraint is the rule
-- after: cart_for_a_new_order
-- after: new_header
-- after: new_addresses
INSERT INTO shop.order_items (
    order_id, line_number, variant_id, currency, sku, product_name, variant_name, tax_class, prices_include_tax,
    quantity, unit_price_minor, subtotal_minor, tax_minor, tax_count, total_minor)
VALUES ('01990000-0000-7000-8000-00000000db03', 1, 3, 'USD', 'POEMS-HC', 'Poems', 'Hardback', 'reduced', true, 1, 1090, 1090, 90, 1, 1090);
INSERT INTO shop.order_item_taxes (order_id, line_number, jurisdiction, rate, base_minor, tax_minor)
VALUES ('01990000-0000-7000-8000-00000000db03', 1, 'VAT IE', 0.09, 1000, 90);
INSERT INTO shop.order_shipping_taxes (order_id, jurisdiction, rate, base_minor, tax_minor)
VALUES ('01990000-0000-7000-8000-00000000db03', 'VAT IE', 0.23, 500, 115);

-- attack: line_cheaper_than_its_price
-- rule: a line costs its price times its quantity
-- guard: constraint shop.order_items ck_order_items_subtotal_is_price_times_quantity
-- refused: 23514 ck_order_items_subtotal_is_price_times_quantity
-- invariant: none: the constraint is the rule
-- after: cart_for_a_new_order
-- after: new_header
-- after: new_addresses
INSERT INTO shop.order_items (
    order_id, line_number, variant_id, currency, sku, product_name, variant_name, tax_class, prices_include_tax,
    quantity, unit_price_minor, subtotal_minor, tax_minor, tax_count, total_minor)
VALUES ('01990000-0000-7000-8000-00000000db03', 1, 3, 'EUR', 'POEMS-HC', 'Poems', 'Hardback', 'reduced', true, 1, 9999, 1090, 90, 1, 1090);
INSERT INTO shop.order_item_taxes (order_id, line_number, jurisdiction, rate, base_minor, tax_minor)
VALUES ('01990000-0000-7000-8000-00000000db03', 1, 'VAT IE', 0.09, 1000, 90);
INSERT INTO shop.order_shipping_taxes (order_id, jurisdiction, rate, base_minor, tax_minor)
VALUES ('01990000-0000-7000-8000-00000000db03', 'VAT IE', 0.23, 500, 115);

-- attack: line_total_does_not_add_up
-- rule: a line's total is what its parts make
-- guard: constraint shop.order_items ck_order_items_total_adds_up
-- refused: 23514 ck_order_items_total_adds_up
-- invariant: none: the constraint is the rule
-- after: cart_for_a_new_order
-- after: new_header
-- after: new_addresses
INSERT INTO shop.order_items (
    order_id, line_number, variant_id, currency, sku, product_name, variant_name, tax_class, prices_include_tax,
    quantity, unit_price_minor, subtotal_minor, tax_minor, tax_count, total_minor)
VALUES ('01990000-0000-7000-8000-00000000db03', 1, 3, 'EUR', 'POEMS-HC', 'Poems', 'Hardback', 'reduced', true, 1, 1090, 1090, 90, 1, 1);
INSERT INTO shop.order_item_taxes (order_id, line_number, jurisdiction, rate, base_minor, tax_minor)
VALUES ('01990000-0000-7000-8000-00000000db03', 1, 'VAT IE', 0.09, 1000, 90);
INSERT INTO shop.order_shipping_taxes (order_id, jurisdiction, rate, base_minor, tax_minor)
VALUES ('01990000-0000-7000-8000-00000000db03', 'VAT IE', 0.23, 500, 115);

-- attack: line_discounted_below_zero
-- rule: no line is worth less than nothing
-- guard: trigger shop.order_items order_items_facts_are_immutable
-- guard: constraint shop.order_items ck_order_items_discount_within_subtotal
-- guard: constraint shop.order_items ck_order_items_included_tax_within_price
-- refused: SH102 order_items_facts_are_immutable
-- invariant: order_totals_equal_lines
UPDATE shop.order_items SET discount_minor = subtotal_minor + 1, total_minor = -1 WHERE order_id = '01990000-0000-7000-8000-00000000d007';

-- attack: tax_above_the_price_it_is_in
-- rule: a tax that is in the price is a part of it
-- guard: trigger shop.order_items order_items_facts_are_immutable
-- guard: constraint shop.order_items ck_order_items_included_tax_within_price
-- refused: SH102 order_items_facts_are_immutable
-- invariant: order_taxes_equal_rows
UPDATE shop.order_items SET tax_minor = subtotal_minor + 1 WHERE order_id = '01990000-0000-7000-8000-00000000d001';

-- attack: line_shipped_by_decree
-- rule: what a line counts as shipped follows from shipments
-- guard: trigger shop.order_items order_items_counters_are_kept
-- refused: SH103 order_items_counters_are_kept
-- invariant: line_counters_equal_allocations
UPDATE shop.order_items SET shipped_quantity = 2 WHERE order_id = '01990000-0000-7000-8000-00000000d003' AND line_number = 1;

-- attack: line_allocated_by_decree
-- rule: what a line counts as allocated follows from allocations
-- guard: trigger shop.order_items order_items_counters_are_kept
-- refused: SH103 order_items_counters_are_kept
-- invariant: line_counters_equal_allocations
UPDATE shop.order_items SET allocated_quantity = 0 WHERE order_id = '01990000-0000-7000-8000-00000000d001';

-- attack: line_returned_by_decree
-- rule: what a line counts as returned follows from receipts
-- guard: trigger shop.order_items order_items_counters_are_kept
-- refused: SH103 order_items_counters_are_kept
-- invariant: returned_quantities_equal_receipts
UPDATE shop.order_items SET returned_quantity = 3 WHERE order_id = '01990000-0000-7000-8000-00000000d004' AND line_number = 1;

-- upkeep: counters_of_lines_add_up
-- rule: units of lines count on their order
-- guard: trigger shop.order_items order_items_count_on_order
-- invariant: order_counters_equal_lines
UPDATE shop.order_allocations SET released_quantity = 1 WHERE order_id = '01990000-0000-7000-8000-00000000d001' AND line_number = 1 AND slot = 1;
INSERT INTO shop.order_item_cancellations (order_id, line_number, quantity, reason) VALUES ('01990000-0000-7000-8000-00000000d001', 1, 1, 'customer_request');

-- Taxes ----------------------------------------------------------------------------------------------------------------

-- attack: tax_row_is_changed
-- rule: taxes of orders are append-only
-- guard: trigger shop.order_item_taxes order_item_taxes_are_append_only
-- refused: SH101 order_item_taxes_are_append_only
-- invariant: order_taxes_equal_rows
UPDATE shop.order_item_taxes SET tax_minor = tax_minor - 1, base_minor = base_minor - 10 WHERE order_id = '01990000-0000-7000-8000-00000000d004';

-- attack: tax_row_is_deleted
-- rule: taxes of orders are append-only
-- guard: trigger shop.order_item_taxes order_item_taxes_are_append_only
-- refused: SH101 order_item_taxes_are_append_only
-- invariant: order_taxes_equal_rows
DELETE FROM shop.order_item_taxes WHERE order_id = '01990000-0000-7000-8000-00000000d004';

-- attack: shipping_tax_row_is_changed
-- rule: taxes of orders are append-only
-- guard: trigger shop.order_shipping_taxes order_shipping_taxes_are_append_only
-- refused: SH101 order_shipping_taxes_are_append_only
-- invariant: order_taxes_equal_rows
UPDATE shop.order_shipping_taxes SET tax_minor = tax_minor - 1, base_minor = base_minor - 10 WHERE order_id = '01990000-0000-7000-8000-00000000d004';

-- attack: shipping_tax_row_is_deleted
-- rule: taxes of orders are append-only
-- guard: trigger shop.order_shipping_taxes order_shipping_taxes_are_append_only
-- refused: SH101 order_shipping_taxes_are_append_only
-- invariant: order_taxes_equal_rows
DELETE FROM shop.order_shipping_taxes WHERE order_id = '01990000-0000-7000-8000-00000000d004';

-- attack: tax_added_to_a_finished_order
-- rule: taxes are never added later
-- guard: trigger shop.order_item_taxes order_item_taxes_add_up
-- refused: SH104 order_item_taxes_add_up
-- invariant: order_taxes_equal_rows
INSERT INTO shop.order_item_taxes (order_id, line_number, jurisdiction, rate, base_minor, tax_minor)
VALUES ('01990000-0000-7000-8000-00000000d004', 1, 'San Rafael', 0.01, 4500, 45);

-- attack: zero_tax_added_to_a_finished_order
-- rule: taxes are never added later, not even of nought
-- guard: trigger shop.order_item_taxes order_item_taxes_add_up
-- refused: SH104 order_item_taxes_add_up
-- invariant: order_taxes_equal_rows
INSERT INTO shop.order_item_taxes (order_id, line_number, jurisdiction, rate, base_minor, tax_minor)
VALUES ('01990000-0000-7000-8000-00000000d004', 2, 'California', 0, 0, 0);

-- attack: zero_tax_added_to_an_order_without_taxes
-- rule: taxes are never added later, not even of nought to an order without any
-- guard: trigger shop.order_item_taxes order_item_taxes_add_up
-- refused: SH104 order_item_taxes_add_up
-- invariant: order_taxes_equal_rows
INSERT INTO shop.order_item_taxes (order_id, line_number, jurisdiction, rate, base_minor, tax_minor)
VALUES ('01990000-0000-7000-8000-00000000d007', 1, 'VAT IE', 0, 500, 0);

-- attack: zero_shipping_tax_added_to_an_order_without_taxes
-- rule: taxes are never added later, not even of nought to an order without any
-- guard: trigger shop.order_shipping_taxes order_shipping_taxes_add_up
-- refused: SH104 order_shipping_taxes_add_up
-- invariant: order_taxes_equal_rows
INSERT INTO shop.order_shipping_taxes (order_id, jurisdiction, rate, base_minor, tax_minor)
VALUES ('01990000-0000-7000-8000-00000000d007', 'VAT IE', 0, 500, 0);

-- attack: shipping_tax_added_to_a_finished_order
-- rule: taxes are never added later
-- guard: trigger shop.order_shipping_taxes order_shipping_taxes_add_up
-- refused: SH104 order_shipping_taxes_add_up
-- invariant: order_taxes_equal_rows
INSERT INTO shop.order_shipping_taxes (order_id, jurisdiction, rate, base_minor, tax_minor)
VALUES ('01990000-0000-7000-8000-00000000d004', 'San Rafael', 0.01, 500, 5);

-- attack: zero_shipping_tax_added_to_a_finished_order
-- rule: taxes are never added later, not even of nought
-- guard: trigger shop.order_shipping_taxes order_shipping_taxes_add_up
-- refused: SH104 order_shipping_taxes_add_up
-- invariant: order_taxes_equal_rows
INSERT INTO shop.order_shipping_taxes (order_id, jurisdiction, rate, base_minor, tax_minor)
VALUES ('01990000-0000-7000-8000-00000000d004', 'San Rafael', 0, 0, 0);

-- attack: tax_that_is_not_its_rate
-- rule: a tax is its base times its rate, rounded
-- guard: constraint shop.order_item_taxes ck_order_item_taxes_tax_follows_rate
-- refused: 23514 ck_order_item_taxes_tax_follows_rate
-- invariant: none: the constraint is the rule
-- after: cart_for_a_new_order
-- after: new_header
-- after: new_line
-- after: new_addresses
INSERT INTO shop.order_shipping_taxes (order_id, jurisdiction, rate, base_minor, tax_minor)
VALUES ('01990000-0000-7000-8000-00000000db03', 'VAT IE', 0.23, 500, 115);
INSERT INTO shop.order_item_taxes (order_id, line_number, jurisdiction, rate, base_minor, tax_minor)
VALUES ('01990000-0000-7000-8000-00000000db03', 1, 'VAT IE', 0.23, 1000, 90);

-- attack: shipping_tax_that_is_not_its_rate
-- rule: a tax is its base times its rate, rounded
-- guard: constraint shop.order_shipping_taxes ck_order_shipping_taxes_tax_follows_rate
-- refused: 23514 ck_order_shipping_taxes_tax_follows_rate
-- invariant: none: the constraint is the rule
-- after: cart_for_a_new_order
-- after: new_header
-- after: new_line
-- after: new_addresses
INSERT INTO shop.order_item_taxes (order_id, line_number, jurisdiction, rate, base_minor, tax_minor)
VALUES ('01990000-0000-7000-8000-00000000db03', 1, 'VAT IE', 0.09, 1000, 90);
INSERT INTO shop.order_shipping_taxes (order_id, jurisdiction, rate, base_minor, tax_minor)
VALUES ('01990000-0000-7000-8000-00000000db03', 'VAT IE', 0.1, 500, 115);

-- Addresses ------------------------------------------------------------------------------------------------------------

-- attack: address_of_an_old_order_changes
-- rule: the address of an order does not change (PrestaShop 17978: editing an address book rewrote old orders)
-- guard: trigger shop.order_addresses order_addresses_are_only_erased
-- refused: SH102 order_addresses_are_only_erased
-- invariant: none: another address is an address too
UPDATE shop.order_addresses SET line1 = '99 Elsewhere' WHERE order_id = '01990000-0000-7000-8000-00000000d004' AND kind = 'shipping';

-- attack: erasure_that_moves_an_address_abroad
-- rule: erasing an address leaves its country, which decided the taxes
-- guard: trigger shop.order_addresses order_addresses_are_only_erased
-- refused: SH102 order_addresses_are_only_erased
-- invariant: none: another country is a country too
UPDATE shop.order_addresses
SET recipient = 'erased', line1 = 'erased', city = 'erased', postal_code = NULL, country = 'IE'
WHERE order_id = '01990000-0000-7000-8000-00000000d004';

-- attack: address_of_an_order_is_deleted
-- rule: addresses of orders are kept
-- guard: trigger shop.order_addresses order_addresses_are_kept
-- refused: SH101 order_addresses_are_kept
-- invariant: orders_are_whole
DELETE FROM shop.order_addresses WHERE order_id = '01990000-0000-7000-8000-00000000d004';

-- The whole order ------------------------------------------------------------------------------------------------------

-- attack: order_without_lines
-- rule: no order is committed without its lines
-- hostile: 18
-- guard: trigger shop.orders orders_are_whole
-- refused: SH104 orders_are_whole
-- invariant: order_totals_equal_lines
-- after: cart_for_a_new_order
-- after: new_header
INSERT INTO shop.order_addresses (order_id, kind, recipient, line1, city, country)
SELECT '01990000-0000-7000-8000-00000000db03', kind, 'A. Nonymous', '3 Long Lane', 'Sligo', 'IE' FROM unnest(enum_range(NULL::shop.address_kind)) AS kind;

-- attack: order_without_an_address
-- rule: no order is committed without its addresses
-- guard: trigger shop.orders orders_are_whole
-- refused: SH104 orders_are_whole
-- invariant: orders_are_whole
-- after: cart_for_a_new_order
-- after: new_header
-- after: new_line
-- after: new_taxes
INSERT INTO shop.order_addresses (order_id, kind, recipient, line1, city, country)
VALUES ('01990000-0000-7000-8000-00000000db03', 'billing', 'A. Nonymous', '3 Long Lane', 'Sligo', 'IE');

-- attack: order_without_its_taxes
-- rule: no order is committed without its taxes
-- guard: trigger shop.orders orders_are_whole
-- refused: SH104 orders_are_whole
-- invariant: order_taxes_equal_rows
-- after: cart_for_a_new_order
-- after: new_header
-- after: new_line
INSERT INTO shop.order_addresses (order_id, kind, recipient, line1, city, country)
SELECT '01990000-0000-7000-8000-00000000db03', kind, 'A. Nonymous', '3 Long Lane', 'Sligo', 'IE' FROM unnest(enum_range(NULL::shop.address_kind)) AS kind;

-- attack: lines_with_a_tax_of_no_rows
-- rule: no order is committed with a tax on a line that no row explains
-- guard: trigger shop.orders orders_are_whole
-- refused: SH104 orders_are_whole
-- invariant: order_taxes_equal_rows
-- after: cart_for_a_new_order
INSERT INTO shop.orders (
    order_id, cart_id, request_digest, contact_email, currency, country, prices_include_tax, shipping_method_id,
    shipping_method_name, line_count, unit_count, subtotal_minor, shipping_minor, shipping_tax_minor, shipping_tax_count,
    tax_minor, total_minor, expires_at)
VALUES ('01990000-0000-7000-8000-00000000db03', '01990000-0000-7000-8000-00000000cb03', sha256('db03'), 'new@example.net', 'EUR', 'IE', true, 1, 'Standard', 1, 1, 1090, 0, 0, 0,
    90, 1090, now() + interval '1 hour');
INSERT INTO shop.order_items (
    order_id, line_number, variant_id, currency, sku, product_name, variant_name, tax_class, prices_include_tax,
    quantity, unit_price_minor, subtotal_minor, tax_minor, tax_count, total_minor)
VALUES ('01990000-0000-7000-8000-00000000db03', 1, 3, 'EUR', 'POEMS-HC', 'Poems', 'Hardback', 'reduced', true, 1, 1090, 1090, 90, 0, 1090);
INSERT INTO shop.order_addresses (order_id, kind, recipient, line1, city, country)
SELECT '01990000-0000-7000-8000-00000000db03', kind, 'A. Nonymous', '3 Long Lane', 'Sligo', 'IE' FROM unnest(enum_range(NULL::shop.address_kind)) AS kind;

-- attack: shipping_with_a_tax_of_no_rows
-- rule: no order is committed with a tax on its shipping that no row explains
-- guard: trigger shop.orders orders_are_whole
-- refused: SH104 orders_are_whole
-- invariant: order_taxes_equal_rows
-- after: cart_for_a_new_order
INSERT INTO shop.orders (
    order_id, cart_id, request_digest, contact_email, currency, country, prices_include_tax, shipping_method_id,
    shipping_method_name, line_count, unit_count, subtotal_minor, shipping_minor, shipping_tax_minor, shipping_tax_count,
    tax_minor, total_minor, expires_at)
VALUES ('01990000-0000-7000-8000-00000000db03', '01990000-0000-7000-8000-00000000cb03', sha256('db03'), 'new@example.net', 'EUR', 'IE', true, 1, 'Standard', 1, 1, 1090, 615, 115, 0,
    115, 1705, now() + interval '1 hour');
INSERT INTO shop.order_items (
    order_id, line_number, variant_id, currency, sku, product_name, variant_name, tax_class, prices_include_tax,
    quantity, unit_price_minor, subtotal_minor, tax_minor, tax_count, total_minor)
VALUES ('01990000-0000-7000-8000-00000000db03', 1, 3, 'EUR', 'POEMS-HC', 'Poems', 'Hardback', 'reduced', true, 1, 1090, 1090, 0, 0, 1090);
INSERT INTO shop.order_addresses (order_id, kind, recipient, line1, city, country)
SELECT '01990000-0000-7000-8000-00000000db03', kind, 'A. Nonymous', '3 Long Lane', 'Sligo', 'IE' FROM unnest(enum_range(NULL::shop.address_kind)) AS kind;

-- attack: discount_that_no_coupon_explains
-- rule: no order is committed with a discount that its coupon does not explain
-- guard: trigger shop.orders orders_are_whole
-- refused: SH104 orders_are_whole
-- invariant: orders_are_whole
INSERT INTO shop.carts (cart_id, currency, expires_at) VALUES ('01990000-0000-7000-8000-00000000cb05', 'EUR', now() + interval '1 day');
INSERT INTO shop.orders (
    order_id, cart_id, request_digest, contact_email, currency, country, prices_include_tax, shipping_method_id,
    shipping_method_name, line_count, unit_count, subtotal_minor, discount_minor, total_minor, expires_at)
VALUES ('01990000-0000-7000-8000-00000000db05', '01990000-0000-7000-8000-00000000cb05', sha256('db05'), 'GUEST@example.NET', 'EUR', 'IE', true, 1, 'Standard', 1, 1, 1090, 100, 990,
    now() + interval '1 hour');
INSERT INTO shop.order_items (
    order_id, line_number, variant_id, currency, sku, product_name, variant_name, tax_class, prices_include_tax,
    quantity, unit_price_minor, subtotal_minor, discount_minor, total_minor)
VALUES ('01990000-0000-7000-8000-00000000db05', 1, 3, 'EUR', 'POEMS-HC', 'Poems', 'Hardback', 'reduced', true, 1, 1090, 1090, 100, 990);
INSERT INTO shop.order_addresses (order_id, kind, recipient, line1, city, country)
SELECT '01990000-0000-7000-8000-00000000db05', kind, 'A. Nonymous', '3 Long Lane', 'Sligo', 'IE' FROM unnest(enum_range(NULL::shop.address_kind)) AS kind;

-- Allocations ----------------------------------------------------------------------------------------------------------

-- attack: allocation_starts_shipped
-- rule: the counters of an allocation start at 0
-- guard: trigger shop.order_allocations order_allocations_start_at_rest
-- refused: SH103 order_allocations_start_at_rest
-- invariant: shipped_quantities_equal_items
-- after: whole_new_order
INSERT INTO shop.order_allocations (order_id, line_number, warehouse_id, variant_id, quantity, shipped_quantity)
VALUES ('01990000-0000-7000-8000-00000000db02', 1, 1, 5, 1, 1);

-- attack: allocation_of_another_variant
-- rule: a line is served with its own variant
-- guard: trigger shop.order_allocations order_allocations_reserve_stock
-- refused: SH111 order_allocations_reserve_stock
-- invariant: allocations_are_of_their_line
-- after: whole_new_order
INSERT INTO shop.order_allocations (order_id, line_number, warehouse_id, variant_id, quantity) VALUES ('01990000-0000-7000-8000-00000000db02', 1, 1, 4, 1);

-- attack: more_allocated_than_ordered
-- rule: a line is promised no more than it is for
-- guard: constraint shop.order_items ck_order_items_allocated_within_open
-- depends: trigger shop.order_allocations order_allocations_reserve_stock
-- refused: 23514 ck_order_items_allocated_within_open
-- invariant: none: the constraint is the rule; counters and rows agree
INSERT INTO shop.order_allocations (order_id, line_number, warehouse_id, variant_id, quantity) VALUES ('01990000-0000-7000-8000-00000000d001', 1, 2, 1, 1);

-- attack: stock_for_a_cancelled_order
-- rule: an order that ended holds no stock
-- guard: constraint shop.order_items ck_order_items_allocated_within_open
-- refused: 23514 ck_order_items_allocated_within_open
-- invariant: none: the constraint is the rule; counters and rows agree
-- after: stock_elsewhere
INSERT INTO shop.order_allocations (order_id, line_number, warehouse_id, variant_id, quantity) VALUES ('01990000-0000-7000-8000-00000000d005', 1, 2, 2, 1);

-- given: stock_elsewhere
INSERT INTO shop.stock_levels (variant_id, warehouse_id) VALUES (2, 2);
INSERT INTO shop.stock_movements (variant_id, warehouse_id, kind, on_hand_delta) VALUES (2, 2, 'receipt', 5);

-- attack: allocation_grows
-- rule: an allocation does not change
-- guard: trigger shop.order_allocations order_allocations_facts_are_immutable
-- refused: SH102 order_allocations_facts_are_immutable
-- invariant: reserved_stock_equals_allocations
UPDATE shop.order_allocations SET quantity = quantity + 1 WHERE order_id = '01990000-0000-7000-8000-00000000d001';

-- attack: allocation_moves_to_another_slot
-- rule: an allocation stays where it is
-- guard: trigger shop.order_allocations order_allocations_facts_are_immutable
-- refused: SH102 order_allocations_facts_are_immutable
-- invariant: reserved_stock_equals_allocations
UPDATE shop.order_allocations SET warehouse_id = 1 WHERE order_id = '01990000-0000-7000-8000-00000000d001' AND line_number = 2;

-- attack: allocation_shipped_by_decree
-- rule: what an allocation counts as shipped follows from shipments
-- guard: trigger shop.order_allocations order_allocations_shipped_is_kept
-- refused: SH103 order_allocations_shipped_is_kept
-- invariant: shipped_quantities_equal_items
UPDATE shop.order_allocations SET shipped_quantity = 1 WHERE order_id = '01990000-0000-7000-8000-00000000d002';

-- attack: released_units_are_taken_back
-- rule: released units are somebody else's by now
-- guard: trigger shop.order_allocations order_allocations_release_is_final
-- refused: SH102 order_allocations_release_is_final
-- invariant: none: with its movement the release is undone as if it had not been, or the constraint on stock movements refuses
-- guard: constraint shop.stock_movements ck_stock_movements_deltas_fit_kind
-- guard: constraint shop.order_items ck_order_items_allocated_within_open
UPDATE shop.order_allocations SET released_quantity = 0 WHERE order_id = '01990000-0000-7000-8000-00000000d003' AND warehouse_id = 2;

-- attack: more_released_than_held
-- rule: no more is released and shipped than was allocated
-- guard: constraint shop.order_allocations ck_order_allocations_used_within_quantity
-- guard: constraint shop.order_items ck_order_items_shipped_within_allocated
-- refused: 23514 ck_order_allocations_used_within_quantity
-- invariant: none: the constraints are the rule; counters and rows agree
UPDATE shop.order_allocations SET released_quantity = 2 WHERE order_id = '01990000-0000-7000-8000-00000000d003' AND line_number = 1 AND warehouse_id = 1;

-- attack: allocation_is_deleted
-- rule: allocations are kept
-- guard: trigger shop.order_allocations order_allocations_are_kept
-- refused: SH101 order_allocations_are_kept
-- invariant: reserved_stock_equals_allocations
DELETE FROM shop.order_allocations WHERE order_id = '01990000-0000-7000-8000-00000000d001';

-- upkeep: allocation_reserves_stock
-- rule: what is allocated is reserved
-- guard: trigger shop.order_allocations order_allocations_reserve_stock
-- invariant: reserved_stock_equals_allocations
-- after: whole_new_order
INSERT INTO shop.order_allocations (order_id, line_number, warehouse_id, variant_id, quantity) VALUES ('01990000-0000-7000-8000-00000000db02', 1, 1, 5, 1);

-- upkeep: release_frees_stock
-- rule: what is released is free
-- guard: trigger shop.order_allocations order_allocations_release_stock
-- invariant: reserved_stock_equals_allocations
UPDATE shop.order_allocations SET released_quantity = quantity WHERE order_id = '01990000-0000-7000-8000-00000000d001';

-- Cancellations --------------------------------------------------------------------------------------------------------

-- attack: cancellation_is_changed
-- rule: cancellations are append-only
-- guard: trigger shop.order_item_cancellations order_item_cancellations_are_append_only
-- refused: SH101 order_item_cancellations_are_append_only
-- invariant: line_counters_equal_allocations
UPDATE shop.order_item_cancellations SET quantity = 2 WHERE order_id = '01990000-0000-7000-8000-00000000d003';

-- attack: cancellation_is_deleted
-- rule: cancellations are append-only
-- guard: trigger shop.order_item_cancellations order_item_cancellations_are_append_only
-- refused: SH101 order_item_cancellations_are_append_only
-- invariant: line_counters_equal_allocations
DELETE FROM shop.order_item_cancellations WHERE order_id = '01990000-0000-7000-8000-00000000d003';

-- attack: cancellation_of_yesterday
-- rule: the moment of a cancellation is the server's
-- guard: trigger shop.order_item_cancellations order_item_cancellations_happen_now
-- refused: SH103 order_item_cancellations_happen_now
-- invariant: none: another moment is a moment too
-- after: whole_new_order
INSERT INTO shop.order_item_cancellations (order_id, line_number, quantity, reason, cancelled_at)
VALUES ('01990000-0000-7000-8000-00000000db02', 1, 1, 'customer_request', now() - interval '1 day');

-- attack: cancellation_of_what_is_held
-- rule: what is cancelled holds no stock
-- guard: constraint shop.order_items ck_order_items_allocated_within_open
-- depends: trigger shop.order_item_cancellations order_item_cancellations_count
-- refused: 23514 ck_order_items_allocated_within_open
-- invariant: none: the constraint is the rule; counters and rows agree
INSERT INTO shop.order_item_cancellations (order_id, line_number, quantity, reason) VALUES ('01990000-0000-7000-8000-00000000d001', 1, 1, 'customer_request');

-- upkeep: cancellations_count
-- rule: cancellations count on their line
-- guard: trigger shop.order_item_cancellations order_item_cancellations_count
-- invariant: line_counters_equal_allocations
-- after: whole_new_order
INSERT INTO shop.order_item_cancellations (order_id, line_number, quantity, reason) VALUES ('01990000-0000-7000-8000-00000000db02', 1, 1, 'customer_request');

-- Coupons --------------------------------------------------------------------------------------------------------------

-- attack: coupon_past_its_limit
-- rule: a coupon is never used more often than its limit (Saleor 544)
-- hostile: 19
-- guard: constraint shop.coupons ck_coupons_within_usage_limit
-- depends: trigger shop.coupon_redemptions coupon_redemptions_count
-- refused: 23514 ck_coupons_within_usage_limit
-- invariant: none: the constraint is the rule; times_used and redemptions agree
-- after: order_awaiting_its_redemption
INSERT INTO shop.coupon_redemptions (order_id, coupon_id, currency, discount_minor) VALUES ('01990000-0000-7000-8000-00000000db05', 1, 'EUR', 100);

-- attack: coupon_twice_by_one_customer
-- rule: a customer, or a guest's address in whatever letters, uses a coupon no more often than its limit (Oscar 2101)
-- guard: trigger shop.coupon_redemptions coupon_redemptions_count
-- refused: SH112 coupon_redemptions_count
-- invariant: coupons_keep_customer_limit
-- after: order_awaiting_its_redemption
INSERT INTO shop.coupon_redemptions (order_id, coupon_id, currency, discount_minor) VALUES ('01990000-0000-7000-8000-00000000db05', 2, 'EUR', 100);

-- attack: coupon_added_to_a_finished_order
-- rule: an order takes its coupon with it when it is placed, never later
-- guard: trigger shop.coupon_redemptions coupon_redemptions_count
-- refused: SH104 coupon_redemptions_count
-- invariant: orders_are_whole
INSERT INTO shop.coupon_redemptions (order_id, coupon_id, currency, discount_minor) VALUES ('01990000-0000-7000-8000-00000000d007', 2, 'EUR', 500);

-- attack: redemption_starts_released
-- rule: a redemption starts unreleased, or it would never count
-- guard: trigger shop.coupon_redemptions coupon_redemptions_start_unreleased
-- refused: SH103 coupon_redemptions_start_unreleased
-- invariant: coupon_uses_equal_redemptions
-- after: order_awaiting_its_redemption_of_a_stranger
INSERT INTO shop.coupon_redemptions (order_id, coupon_id, currency, discount_minor, released_at)
VALUES ('01990000-0000-7000-8000-00000000db04', 2, 'EUR', 100, now());

-- attack: redemption_of_next_year
-- rule: a coupon is redeemed now, or it could never be released
-- guard: trigger shop.coupon_redemptions coupon_redemptions_start_unreleased
-- refused: SH103 coupon_redemptions_start_unreleased
-- invariant: none: a moment says nothing about the count
-- after: order_awaiting_its_redemption_of_a_stranger
INSERT INTO shop.coupon_redemptions (order_id, coupon_id, currency, discount_minor, redeemed_at)
VALUES ('01990000-0000-7000-8000-00000000db04', 2, 'EUR', 100, now() + interval '1 year');

-- given: order_awaiting_its_redemption_of_a_stranger
INSERT INTO shop.carts (cart_id, currency, coupon_id, expires_at) VALUES ('01990000-0000-7000-8000-00000000cb04', 'EUR', 2, now() + interval '1 day');
INSERT INTO shop.orders (
    order_id, cart_id, request_digest, contact_email, currency, country, prices_include_tax, shipping_method_id,
    shipping_method_name, line_count, unit_count, subtotal_minor, discount_minor, total_minor, expires_at)
VALUES ('01990000-0000-7000-8000-00000000db04', '01990000-0000-7000-8000-00000000cb04', sha256('db04'), 'other@example.net', 'EUR', 'IE', true, 1, 'Standard', 1, 1, 1090, 100, 990,
    now() + interval '1 hour');
INSERT INTO shop.order_items (
    order_id, line_number, variant_id, currency, sku, product_name, variant_name, tax_class, prices_include_tax,
    quantity, unit_price_minor, subtotal_minor, discount_minor, total_minor)
VALUES ('01990000-0000-7000-8000-00000000db04', 1, 3, 'EUR', 'POEMS-HC', 'Poems', 'Hardback', 'reduced', true, 1, 1090, 1090, 100, 990);
INSERT INTO shop.order_addresses (order_id, kind, recipient, line1, city, country)
SELECT '01990000-0000-7000-8000-00000000db04', kind, 'A. Nonymous', '3 Long Lane', 'Sligo', 'IE' FROM unnest(enum_range(NULL::shop.address_kind)) AS kind;

-- attack: redemption_is_of_another_coupon
-- rule: a redemption does not change
-- guard: trigger shop.coupon_redemptions coupon_redemptions_facts_are_immutable
-- refused: SH102 coupon_redemptions_facts_are_immutable
-- invariant: coupon_uses_equal_redemptions
UPDATE shop.coupon_redemptions SET coupon_id = 2 WHERE order_id = '01990000-0000-7000-8000-00000000d002';

-- attack: released_redemption_counts_again
-- rule: a released redemption stays released
-- guard: trigger shop.coupon_redemptions coupon_redemptions_release_is_final
-- refused: SH102 coupon_redemptions_release_is_final
-- invariant: coupon_uses_equal_redemptions
UPDATE shop.coupon_redemptions SET released_at = NULL WHERE order_id = '01990000-0000-7000-8000-00000000d005';

-- attack: redemption_released_before_it_was_made
-- rule: a redemption is released after it was made
-- guard: constraint shop.coupon_redemptions ck_coupon_redemptions_released_after_redeemed
-- refused: 23514 ck_coupon_redemptions_released_after_redeemed
-- invariant: none: the constraint is the rule
-- after: coupon_of_an_ended_order
UPDATE shop.coupon_redemptions SET released_at = redeemed_at - interval '1 second' WHERE order_id = '01990000-0000-7000-8000-00000000db04';

-- given: coupon_of_an_ended_order
INSERT INTO shop.carts (cart_id, currency, coupon_id, expires_at) VALUES ('01990000-0000-7000-8000-00000000cb04', 'EUR', 2, now() + interval '1 day');
INSERT INTO shop.orders (
    order_id, cart_id, request_digest, contact_email, currency, country, prices_include_tax, shipping_method_id,
    shipping_method_name, line_count, unit_count, subtotal_minor, discount_minor, total_minor, expires_at)
VALUES ('01990000-0000-7000-8000-00000000db04', '01990000-0000-7000-8000-00000000cb04', sha256('db04'), 'other@example.net', 'EUR', 'IE', true, 1, 'Standard', 1, 1, 1090, 100, 990,
    now() + interval '1 hour');
INSERT INTO shop.order_items (
    order_id, line_number, variant_id, currency, sku, product_name, variant_name, tax_class, prices_include_tax,
    quantity, unit_price_minor, subtotal_minor, discount_minor, total_minor)
VALUES ('01990000-0000-7000-8000-00000000db04', 1, 3, 'EUR', 'POEMS-HC', 'Poems', 'Hardback', 'reduced', true, 1, 1090, 1090, 100, 990);
INSERT INTO shop.order_addresses (order_id, kind, recipient, line1, city, country)
SELECT '01990000-0000-7000-8000-00000000db04', kind, 'A. Nonymous', '3 Long Lane', 'Sligo', 'IE' FROM unnest(enum_range(NULL::shop.address_kind)) AS kind;
INSERT INTO shop.coupon_redemptions (order_id, coupon_id, currency, discount_minor) VALUES ('01990000-0000-7000-8000-00000000db04', 2, 'EUR', 100);
INSERT INTO shop.order_item_cancellations (order_id, line_number, quantity, reason) VALUES ('01990000-0000-7000-8000-00000000db04', 1, 1, 'customer_request');
UPDATE shop.orders SET status = 'cancelled' WHERE order_id = '01990000-0000-7000-8000-00000000db04';
SET CONSTRAINTS ALL IMMEDIATE;
SET CONSTRAINTS ALL DEFERRED;

-- attack: redemption_is_deleted
-- rule: redemptions are kept
-- guard: trigger shop.coupon_redemptions coupon_redemptions_are_kept
-- refused: SH101 coupon_redemptions_are_kept
-- invariant: coupon_uses_equal_redemptions
DELETE FROM shop.coupon_redemptions WHERE order_id = '01990000-0000-7000-8000-00000000d002';

-- attack: second_coupon_on_one_order
-- rule: an order uses one coupon
-- guard: constraint shop.coupon_redemptions pk_coupon_redemptions
-- refused: 23505 pk_coupon_redemptions
-- invariant: none: the constraint is the rule
-- after: coupon_used_twice
-- after: committed
-- after: third_coupon
INSERT INTO shop.coupon_redemptions (order_id, coupon_id, currency, discount_minor)
SELECT '01990000-0000-7000-8000-00000000db04', coupon_id, 'EUR', 100 FROM shop.coupons WHERE code = 'THIRD';

-- given: third_coupon
INSERT INTO shop.coupons (code, description, kind, rate) VALUES ('THIRD', 'A third coupon.', 'percent', 0.1);

-- attack: coupon_in_another_currency
-- rule: an amount of one currency is taken off no price in another
-- guard: trigger shop.coupon_redemptions coupon_redemptions_count
-- refused: SH104 coupon_redemptions_count
-- invariant: coupons_are_released_with_orders
-- after: order_awaiting_its_redemption
-- after: dollar_coupon
INSERT INTO shop.coupon_redemptions (order_id, coupon_id, currency, discount_minor)
SELECT '01990000-0000-7000-8000-00000000db05', coupon_id, 'EUR', 100 FROM shop.coupons WHERE code = 'DOLLAR';

-- given: dollar_coupon
INSERT INTO shop.coupons (code, description, kind, amount_minor, currency) VALUES ('DOLLAR', 'A dollar off.', 'fixed', 100, 'USD');

-- attack: coupon_given_back_by_a_living_order
-- rule: a use of a coupon is given back with its order, not before
-- guard: trigger shop.coupon_redemptions coupon_redemptions_uncount
-- refused: SH111 coupon_redemptions_uncount
-- invariant: coupons_are_released_with_orders
UPDATE shop.coupon_redemptions SET released_at = now() WHERE order_id = '01990000-0000-7000-8000-00000000d002';

-- attack: coupon_that_takes_nothing_off
-- rule: a coupon that takes nothing off is not used
-- guard: constraint shop.coupon_redemptions ck_coupon_redemptions_discount_minor_positive
-- refused: 23514 ck_coupon_redemptions_discount_minor_positive
-- invariant: none: the constraint is the rule
INSERT INTO shop.coupon_redemptions (order_id, coupon_id, currency, discount_minor) VALUES ('01990000-0000-7000-8000-00000000d001', 2, 'EUR', 0);

-- attack: customer_limit_below_its_uses
-- rule: a limit per customer is not lowered below what was used
-- guard: trigger shop.coupons coupons_customer_limit_covers_uses
-- refused: SH112 coupons_customer_limit_covers_uses
-- invariant: coupons_keep_customer_limit
-- after: coupon_without_customer_limit
-- after: order_awaiting_its_redemption
-- after: guest_uses_it_again
UPDATE shop.coupons SET per_customer_limit = 1 WHERE code = 'PERSONAL';

-- given: coupon_without_customer_limit
UPDATE shop.coupons SET per_customer_limit = NULL WHERE code = 'PERSONAL';

-- given: guest_uses_it_again
INSERT INTO shop.coupon_redemptions (order_id, coupon_id, currency, discount_minor) VALUES ('01990000-0000-7000-8000-00000000db05', 2, 'EUR', 100);

-- upkeep: redemption_counts
-- rule: a redemption counts against the limit of its coupon
-- guard: trigger shop.coupon_redemptions coupon_redemptions_count
-- invariant: coupon_uses_equal_redemptions
-- after: order_awaiting_its_redemption_of_a_stranger
INSERT INTO shop.coupon_redemptions (order_id, coupon_id, currency, discount_minor) VALUES ('01990000-0000-7000-8000-00000000db04', 2, 'EUR', 100);

-- upkeep: released_redemption_counts_no_more
-- rule: a released redemption no longer counts
-- guard: trigger shop.coupon_redemptions coupon_redemptions_uncount
-- invariant: coupon_uses_equal_redemptions
-- after: coupon_of_an_ended_order
UPDATE shop.coupon_redemptions SET released_at = now() WHERE order_id = '01990000-0000-7000-8000-00000000db04';

-- Books ----------------------------------------------------------------------------------------------------------------

-- upkeep: confirmed_order_is_a_sale
-- rule: an order that is confirmed stands in the books at that moment
-- guard: trigger shop.orders orders_post_to_the_books
-- invariant: orders_stand_in_the_books
INSERT INTO shop.payment_events (provider, provider_event_id, payment_id, kind, amount_minor, currency, occurred_at)
VALUES ('stripe', 'evt_sale', '01990000-0000-7000-8000-000000009a01', 'authorized', 6485, 'EUR', now());
UPDATE shop.orders SET status = 'confirmed' WHERE order_id = '01990000-0000-7000-8000-00000000d001';

-- upkeep: cancelled_unit_is_taken_back_in_the_books
-- rule: what is cancelled of a sale is taken back in the books: its price without tax, its tax, and the customer's debt
-- guard: trigger shop.orders orders_post_to_the_books
-- holds: (SELECT jsonb_object_agg(account, amount_minor) = '{"revenue": 1800, "tax_payable": 414, "receivable": -2214}' FROM shop.journals JOIN shop.journal_lines USING (journal_id) WHERE kind = 'cancellation' AND order_id = '01990000-0000-7000-8000-00000000d002')
UPDATE shop.order_allocations SET released_quantity = 1
WHERE order_id = '01990000-0000-7000-8000-00000000d002' AND line_number = 1 AND warehouse_id = 1;
INSERT INTO shop.order_item_cancellations (order_id, line_number, quantity, reason) VALUES
    ('01990000-0000-7000-8000-00000000d002', 1, 1, 'out_of_stock');
