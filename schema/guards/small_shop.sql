-- A small but complete shop, written through the guarded path: every trigger and constraint is on. It is the proof that
-- legal work is accepted, and the ground on which the attacks beside it stand. Not for: sample data (data_loader.py).
--
-- It expects a database that was just upgraded and holds nothing, since it relies on the identity keys it gets, in the
-- order of the rows below. It is two transactions, of which the caller begins the first and commits the second. What customers make has fixed keys 01990000-0000-7000-8000-00000000….:
--
--   customers c001, c002, c003 (tax exempt), c004 (erased), c005 (never bought anything)
--   carts     ca01 … ca07 of the orders; ca08 open, of c005; ca09 open, a guest's; ca0a merged; ca0b expired
--   orders    d001 pending, two lines from two warehouses, a payment without events
--             d002 confirmed, authorized, coupon LIMITED (its only use)
--             d003 a guest's, confirmed, captured, partly shipped, partly cancelled, coupon PERSONAL
--             d004 completed, USD with taxes on top, two shipments, returns, refund, invoice, credit note, journal
--             d005 cancelled, coupon PERSONAL released, payment failed
--             d006 expired, and paid too late: an open exception
--             d007 confirmed and free of charge, tax exempt
--   payments  9a01 … 9a06 of the orders of the same number; shipments 5001 (d003), 5002, 5003 (d004)
--   returns   4e01 received and refunded, 4e02 requested, 4e03 cancelled (all d004); refund ef01

SET LOCAL shop.actor = 'staff:small-shop';

-- Pricing --------------------------------------------------------------------------------------------------------------

INSERT INTO shop.tax_rates (country, region, tax_class, jurisdiction, rate) VALUES
    ('IE', '', 'standard', 'VAT IE', 0.23), ('IE', '', 'reduced', 'VAT IE', 0.09), ('IE', '', 'shipping', 'VAT IE', 0.23),
    ('US', 'CA', 'standard', 'California', 0.0725), ('US', 'CA', 'standard', 'Marin County', 0.01),
    ('US', 'CA', 'shipping', 'California', 0.0725), ('US', 'CA', 'shipping', 'Marin County', 0.01);
INSERT INTO shop.shipping_methods (code, name, carrier, min_days, max_days) VALUES ('standard', 'Standard', 'An Post', 1, 5);
INSERT INTO shop.shipping_rates (shipping_method_id, country, currency, minimum_subtotal_minor, price_minor) VALUES
    (1, 'IE', 'EUR', 0, 615), (1, 'IE', 'EUR', 6000, 0), (1, 'US', 'USD', 0, 500);

-- Catalogue ------------------------------------------------------------------------------------------------------------

-- 1 clothing > 2 tops > 3 shirts; 4 books; 5 media > 6 print
INSERT INTO shop.categories (parent_id, slug, name) VALUES
    (NULL, 'clothing', 'Clothing'), (1, 'tops', 'Tops'), (2, 'shirts', 'Shirts'), (NULL, 'books', 'Books'),
    (NULL, 'media', 'Media'), (5, 'print', 'Print');
-- A subtree changes place: 3 shirts goes with 2 tops below 5 media, and back.
UPDATE shop.categories SET parent_id = 5 WHERE category_id = 2;
UPDATE shop.categories SET parent_id = 1 WHERE category_id = 2;

INSERT INTO shop.products (slug, name, brand, tax_class, status) VALUES
    ('plain-shirt', 'Plain shirt', 'Clery', 'standard', 'active'),
    ('seamus-heaney-poems', 'Poems', NULL, 'reduced', 'active'),
    ('sticker', 'Sticker', NULL, 'standard', 'active'),
    ('poster', 'Poster', NULL, 'standard', 'draft');
INSERT INTO shop.product_categories (product_id, category_id, is_main) VALUES
    (1, 3, true), (1, 1, false), (2, 4, true), (3, 6, true);
INSERT INTO shop.product_options (product_id, name, position) VALUES (1, 'Colour', 1), (1, 'Size', 2), (2, 'Binding', 1);
-- Variant 6 had the SKU and the options of variant 1 before it; variant 7 was never sold.
INSERT INTO shop.product_variants (product_id, sku, name, weight_grams, archived_at) VALUES
    (1, 'SHIRT-BLUE-M', 'Blue / M', 180, NULL), (1, 'SHIRT-BLUE-L', 'Blue / L', 190, NULL),
    (2, 'POEMS-HC', 'Hardback', 450, NULL), (3, 'STICKER', 'Sticker', 2, NULL),
    (1, 'SHIRT-RED-M', 'Red / M', 180, NULL), (1, 'SHIRT-BLUE-M', 'Blue / M', 185, now()),
    (4, 'POSTER', 'Poster', 90, NULL);
INSERT INTO shop.variant_option_values (variant_id, product_option_id, product_id, value) VALUES
    (1, 1, 1, 'Blue'), (1, 2, 1, 'M'), (2, 1, 1, 'Blue'), (2, 2, 1, 'L'), (3, 3, 2, 'Hardback'),
    (5, 1, 1, 'Red'), (5, 2, 1, 'M'), (6, 1, 1, 'blue'), (6, 2, 1, 'm');
UPDATE shop.variant_option_values SET value = 'Scarlet' WHERE variant_id = 5 AND product_option_id = 1;
DELETE FROM shop.variant_option_values WHERE variant_id = 3;
INSERT INTO shop.product_media (product_id, variant_id, url, alt_text, position) VALUES
    (1, NULL, 'https://media.example/shirt.jpg', 'A shirt', 1), (1, 1, 'https://media.example/blue.jpg', 'In blue', 2);
INSERT INTO shop.variant_prices (variant_id, currency, valid_from, amount_minor, compare_at_minor) VALUES
    (1, 'EUR', now(), 1230, 1500), (1, 'USD', now(), 1500, NULL), (1, 'EUR', now() + interval '30 days', 1300, NULL),
    (1, 'EUR', now() + interval '60 days', 1400, NULL), (2, 'EUR', now(), 2460, NULL), (3, 'EUR', now(), 1090, NULL),
    (4, 'EUR', now(), 0, NULL), (4, 'USD', now(), 0, NULL), (5, 'EUR', now(), 1230, NULL);
DELETE FROM shop.variant_prices WHERE valid_from = now() + interval '60 days';

-- Stock ----------------------------------------------------------------------------------------------------------------

INSERT INTO shop.warehouses (code, name, country, priority) VALUES ('DUB1', 'Dublin', 'IE', 1), ('RTM1', 'Rotterdam', 'NL', 2);
-- The stock of variant 1 in Dublin is spread over two slots; of variant 5 there is a single unit.
INSERT INTO shop.stock_levels (variant_id, warehouse_id, slot) VALUES
    (1, 1, 0), (1, 1, 1), (1, 2, 0), (2, 1, 0), (3, 1, 0), (3, 2, 0), (4, 1, 0), (5, 1, 0);
INSERT INTO shop.stock_movements (variant_id, warehouse_id, slot, kind, on_hand_delta) VALUES
    (1, 1, 0, 'receipt', 15), (1, 2, 0, 'receipt', 6), (2, 1, 0, 'receipt', 20), (3, 1, 0, 'receipt', 20),
    (3, 2, 0, 'receipt', 3), (4, 1, 0, 'receipt', 50), (5, 1, 0, 'receipt', 1);
INSERT INTO shop.stock_movements (variant_id, warehouse_id, slot, kind, on_hand_delta) VALUES
    (1, 1, 0, 'transfer', -5), (1, 1, 1, 'transfer', 5);
INSERT INTO shop.stock_movements (variant_id, warehouse_id, slot, kind, on_hand_delta, reason) VALUES
    (1, 2, 0, 'adjustment', -1, 'One was damp.');

-- Accounts -------------------------------------------------------------------------------------------------------------

INSERT INTO shop.customers (customer_id, email, full_name, is_tax_exempt) VALUES
    ('01990000-0000-7000-8000-00000000c001', 'Aoife@Example.org', 'Aoife Byrne', false),
    ('01990000-0000-7000-8000-00000000c002', 'brian@example.org', 'Brian Daly', false),
    ('01990000-0000-7000-8000-00000000c003', 'office@charity.example', 'A charity', true),
    ('01990000-0000-7000-8000-00000000c004', 'ciara@example.org', 'Ciara Egan', false),
    ('01990000-0000-7000-8000-00000000c005', 'donal@example.org', 'Dónal Fay', false);
INSERT INTO shop.customer_credentials (customer_id, password_hash) VALUES
    ('01990000-0000-7000-8000-00000000c001',
     '$argon2id$v=19$m=65536,t=3,p=4$c29tZXNhbHRzb21lc2FsdA$RdescudvJCsgt3ub+b2dWRWJTmaaJObGv3RdescudvJ');
INSERT INTO shop.login_attempts (email_digest, customer_id, succeeded) VALUES
    (sha256('aoife@example.org'), '01990000-0000-7000-8000-00000000c001', true);
INSERT INTO shop.login_sessions (login_session_id, customer_id, token_digest, expires_at) VALUES
    ('01990000-0000-7000-8000-000000005e01', '01990000-0000-7000-8000-00000000c001', sha256('open'), now() + interval '1 day'),
    ('01990000-0000-7000-8000-000000005e02', '01990000-0000-7000-8000-00000000c001', sha256('ended'), now() + interval '1 day');
UPDATE shop.login_sessions SET revoked_at = now() WHERE login_session_id = '01990000-0000-7000-8000-000000005e02';
INSERT INTO shop.account_tokens (account_token_id, customer_id, purpose, token_digest, expires_at) VALUES
    ('01990000-0000-7000-8000-000000007001', '01990000-0000-7000-8000-00000000c001', 'email_verification',
     sha256('used'), now() + interval '1 day'),
    ('01990000-0000-7000-8000-000000007002', '01990000-0000-7000-8000-00000000c001', 'password_reset',
     sha256('reset'), now() + interval '1 hour');
UPDATE shop.account_tokens SET used_at = now() WHERE account_token_id = '01990000-0000-7000-8000-000000007001';
INSERT INTO shop.addresses (address_id, customer_id, recipient, line1, city, country, is_default_shipping, is_default_billing)
VALUES
    ('01990000-0000-7000-8000-00000000ad01', '01990000-0000-7000-8000-00000000c001', 'Aoife Byrne', '1 Main Street',
     'Dublin', 'IE', true, true),
    ('01990000-0000-7000-8000-00000000ad02', '01990000-0000-7000-8000-00000000c001', 'Aoife Byrne', '2 Quay Road',
     'Cork', 'IE', false, false);
UPDATE shop.customers
SET email = 'erased-' || customer_id || '@erased.invalid', full_name = 'erased', status = 'erased', erased_at = now()
WHERE customer_id = '01990000-0000-7000-8000-00000000c004';

-- Carts ----------------------------------------------------------------------------------------------------------------

INSERT INTO shop.coupons (code, description, kind, rate, amount_minor, currency, usage_limit, per_customer_limit) VALUES
    ('LIMITED', 'A tenth off, once.', 'percent', 0.1, NULL, NULL, 1, NULL),
    ('PERSONAL', 'One euro off, once for each.', 'fixed', NULL, 100, 'EUR', NULL, 1);
INSERT INTO shop.carts (cart_id, customer_id, currency, coupon_id, expires_at) VALUES
    ('01990000-0000-7000-8000-00000000ca01', NULL, 'EUR', NULL, now() + interval '30 days'),
    ('01990000-0000-7000-8000-00000000ca02', '01990000-0000-7000-8000-00000000c002', 'EUR', 1, now() + interval '30 days'),
    ('01990000-0000-7000-8000-00000000ca03', NULL, 'EUR', 2, now() + interval '30 days'),
    ('01990000-0000-7000-8000-00000000ca04', '01990000-0000-7000-8000-00000000c001', 'USD', NULL, now() + interval '30 days'),
    ('01990000-0000-7000-8000-00000000ca06', NULL, 'EUR', NULL, now() + interval '30 days'),
    ('01990000-0000-7000-8000-00000000ca07', '01990000-0000-7000-8000-00000000c003', 'EUR', NULL, now() + interval '30 days'),
    ('01990000-0000-7000-8000-00000000ca08', '01990000-0000-7000-8000-00000000c005', 'EUR', NULL, now() + interval '30 days'),
    ('01990000-0000-7000-8000-00000000ca09', NULL, 'EUR', 2, now() + interval '30 days'),
    ('01990000-0000-7000-8000-00000000ca0a', NULL, 'EUR', NULL, now() + interval '30 days'),
    ('01990000-0000-7000-8000-00000000ca0b', NULL, 'EUR', NULL, now() + interval '30 days');
INSERT INTO shop.cart_items (cart_id, variant_id, quantity) VALUES
    ('01990000-0000-7000-8000-00000000ca01', 1, 3), ('01990000-0000-7000-8000-00000000ca01', 3, 2),
    ('01990000-0000-7000-8000-00000000ca02', 2, 2),
    ('01990000-0000-7000-8000-00000000ca03', 1, 3), ('01990000-0000-7000-8000-00000000ca03', 3, 1),
    ('01990000-0000-7000-8000-00000000ca04', 1, 3), ('01990000-0000-7000-8000-00000000ca04', 4, 2),
    ('01990000-0000-7000-8000-00000000ca06', 5, 1), ('01990000-0000-7000-8000-00000000ca07', 4, 1),
    ('01990000-0000-7000-8000-00000000ca08', 5, 1), ('01990000-0000-7000-8000-00000000ca09', 2, 1),
    ('01990000-0000-7000-8000-00000000ca0a', 2, 1), ('01990000-0000-7000-8000-00000000ca0b', 2, 1);
UPDATE shop.cart_items SET quantity = 2 WHERE cart_id = '01990000-0000-7000-8000-00000000ca08';
DELETE FROM shop.cart_items WHERE cart_id = '01990000-0000-7000-8000-00000000ca08' AND quantity = 1;
-- One guest's cart is merged into a customer's at log-in; another is given up.
UPDATE shop.carts SET status = 'merged', merged_into_cart_id = '01990000-0000-7000-8000-00000000ca08'
WHERE cart_id = '01990000-0000-7000-8000-00000000ca0a';
UPDATE shop.carts SET status = 'expired' WHERE cart_id = '01990000-0000-7000-8000-00000000ca0b';

-- Orders ---------------------------------------------------------------------------------------------------------------

-- Five orders in one statement each for headers, lines, taxes, addresses, as a batch would.
INSERT INTO shop.orders (
    order_id, cart_id, request_digest, customer_id, contact_email, currency, country, prices_include_tax, is_tax_exempt,
    shipping_method_id, shipping_method_name, line_count, unit_count, subtotal_minor, discount_minor, shipping_minor,
    shipping_tax_minor, shipping_tax_count, tax_minor, total_minor, expires_at)
VALUES
    ('01990000-0000-7000-8000-00000000d002', '01990000-0000-7000-8000-00000000ca02', sha256('d002'),
     '01990000-0000-7000-8000-00000000c002', 'brian@example.org', 'EUR', 'IE', true, false,
     1, 'Standard', 1, 2, 4920, 492, 0, 0, 0, 828, 4428, now() + interval '1 hour'),
    ('01990000-0000-7000-8000-00000000d003', '01990000-0000-7000-8000-00000000ca03', sha256('d003'),
     NULL, 'Guest@Example.net', 'EUR', 'IE', true, false,
     1, 'Standard', 2, 4, 4780, 100, 615, 115, 1, 879, 5295, now() + interval '1 hour'),
    ('01990000-0000-7000-8000-00000000d004', '01990000-0000-7000-8000-00000000ca04', sha256('d004'),
     '01990000-0000-7000-8000-00000000c001', 'aoife@example.org', 'USD', 'US', false, false,
     1, 'Standard', 2, 5, 4500, 0, 500, 41, 2, 412, 5412, now() + interval '1 hour'),
    ('01990000-0000-7000-8000-00000000d006', '01990000-0000-7000-8000-00000000ca06', sha256('d006'),
     NULL, 'late@example.net', 'EUR', 'IE', true, false,
     1, 'Standard', 1, 1, 1230, 0, 0, 0, 0, 230, 1230, now() + interval '1 microsecond'),
    ('01990000-0000-7000-8000-00000000d007', '01990000-0000-7000-8000-00000000ca07', sha256('d007'),
     '01990000-0000-7000-8000-00000000c003', 'office@charity.example', 'EUR', 'IE', true, true,
     1, 'Standard', 1, 1, 0, 0, 0, 0, 0, 0, 0, now() + interval '1 hour');
INSERT INTO shop.order_items (
    order_id, line_number, variant_id, currency, sku, product_name, variant_name, tax_class, prices_include_tax,
    quantity, unit_price_minor, subtotal_minor, discount_minor, tax_minor, tax_count, total_minor)
VALUES
    ('01990000-0000-7000-8000-00000000d002', 1, 2, 'EUR', 'SHIRT-BLUE-L', 'Plain shirt', 'Blue / L', 'standard', true,
     2, 2460, 4920, 492, 828, 1, 4428),
    ('01990000-0000-7000-8000-00000000d003', 1, 1, 'EUR', 'SHIRT-BLUE-M', 'Plain shirt', 'Blue / M', 'standard', true,
     3, 1230, 3690, 77, 676, 1, 3613),
    ('01990000-0000-7000-8000-00000000d003', 2, 3, 'EUR', 'POEMS-HC', 'Poems', 'Hardback', 'reduced', true,
     1, 1090, 1090, 23, 88, 1, 1067),
    ('01990000-0000-7000-8000-00000000d004', 1, 1, 'USD', 'SHIRT-BLUE-M', 'Plain shirt', 'Blue / M', 'standard', false,
     3, 1500, 4500, 0, 371, 2, 4871),
    ('01990000-0000-7000-8000-00000000d004', 2, 4, 'USD', 'STICKER', 'Sticker', 'Sticker', 'standard', false,
     2, 0, 0, 0, 0, 0, 0),
    ('01990000-0000-7000-8000-00000000d006', 1, 5, 'EUR', 'SHIRT-RED-M', 'Plain shirt', 'Red / M', 'standard', true,
     1, 1230, 1230, 0, 230, 1, 1230),
    ('01990000-0000-7000-8000-00000000d007', 1, 4, 'EUR', 'STICKER', 'Sticker', 'Sticker', 'standard', true,
     1, 0, 0, 0, 0, 0, 0);
INSERT INTO shop.order_item_taxes (order_id, line_number, jurisdiction, rate, base_minor, tax_minor) VALUES
    ('01990000-0000-7000-8000-00000000d002', 1, 'VAT IE', 0.23, 3600, 828),
    ('01990000-0000-7000-8000-00000000d003', 1, 'VAT IE', 0.23, 2937, 676),
    ('01990000-0000-7000-8000-00000000d003', 2, 'VAT IE', 0.09, 979, 88),
    ('01990000-0000-7000-8000-00000000d004', 1, 'California', 0.0725, 4500, 326),
    ('01990000-0000-7000-8000-00000000d004', 1, 'Marin County', 0.01, 4500, 45),
    ('01990000-0000-7000-8000-00000000d006', 1, 'VAT IE', 0.23, 1000, 230);
INSERT INTO shop.order_shipping_taxes (order_id, jurisdiction, rate, base_minor, tax_minor) VALUES
    ('01990000-0000-7000-8000-00000000d003', 'VAT IE', 0.23, 500, 115),
    ('01990000-0000-7000-8000-00000000d004', 'California', 0.0725, 500, 36),
    ('01990000-0000-7000-8000-00000000d004', 'Marin County', 0.01, 500, 5);
INSERT INTO shop.order_addresses (order_id, kind, recipient, line1, city, region, postal_code, country)
SELECT order_id, kind, 'A. Nonymous', '3 Long Lane', 'Sligo',
       CASE country WHEN 'US' THEN 'CA' END, CASE country WHEN 'US' THEN '94901' END, country
FROM shop.orders, unnest(enum_range(NULL::shop.address_kind)) AS kind;
INSERT INTO shop.coupon_redemptions (order_id, coupon_id, currency, discount_minor) VALUES
    ('01990000-0000-7000-8000-00000000d002', 1, 'EUR', 492), ('01990000-0000-7000-8000-00000000d003', 2, 'EUR', 100);
-- Nothing is missing from any of them.
SET CONSTRAINTS ALL IMMEDIATE;
SET CONSTRAINTS ALL DEFERRED;

-- Two more once their carts are free: a customer has one open cart at a time. The guest's ca01 is claimed at log-in.
UPDATE shop.carts SET customer_id = '01990000-0000-7000-8000-00000000c001'
WHERE cart_id = '01990000-0000-7000-8000-00000000ca01';
INSERT INTO shop.carts (cart_id, customer_id, currency, coupon_id, expires_at) VALUES
    ('01990000-0000-7000-8000-00000000ca05', '01990000-0000-7000-8000-00000000c002', 'EUR', 2, now() + interval '30 days');
INSERT INTO shop.cart_items (cart_id, variant_id, quantity) VALUES ('01990000-0000-7000-8000-00000000ca05', 2, 1);
INSERT INTO shop.orders (
    order_id, cart_id, request_digest, customer_id, contact_email, currency, country, prices_include_tax,
    shipping_method_id, shipping_method_name, line_count, unit_count, subtotal_minor, discount_minor, shipping_minor,
    shipping_tax_minor, shipping_tax_count, tax_minor, total_minor, expires_at)
VALUES
    ('01990000-0000-7000-8000-00000000d001', '01990000-0000-7000-8000-00000000ca01', sha256('d001'),
     '01990000-0000-7000-8000-00000000c001', 'aoife@example.org', 'EUR', 'IE', true,
     1, 'Standard', 2, 5, 5870, 0, 615, 115, 1, 985, 6485, now() + interval '1 hour'),
    ('01990000-0000-7000-8000-00000000d005', '01990000-0000-7000-8000-00000000ca05', sha256('d005'),
     '01990000-0000-7000-8000-00000000c002', 'brian@example.org', 'EUR', 'IE', true,
     1, 'Standard', 1, 1, 2460, 100, 0, 0, 0, 441, 2360, now() + interval '1 hour');
INSERT INTO shop.order_items (
    order_id, line_number, variant_id, currency, sku, product_name, variant_name, tax_class, prices_include_tax,
    quantity, unit_price_minor, subtotal_minor, discount_minor, tax_minor, tax_count, total_minor)
VALUES
    ('01990000-0000-7000-8000-00000000d001', 1, 1, 'EUR', 'SHIRT-BLUE-M', 'Plain shirt', 'Blue / M', 'standard', true,
     3, 1230, 3690, 0, 690, 1, 3690),
    ('01990000-0000-7000-8000-00000000d001', 2, 3, 'EUR', 'POEMS-HC', 'Poems', 'Hardback', 'reduced', true,
     2, 1090, 2180, 0, 180, 1, 2180),
    ('01990000-0000-7000-8000-00000000d005', 1, 2, 'EUR', 'SHIRT-BLUE-L', 'Plain shirt', 'Blue / L', 'standard', true,
     1, 2460, 2460, 100, 441, 1, 2360);
INSERT INTO shop.order_item_taxes (order_id, line_number, jurisdiction, rate, base_minor, tax_minor) VALUES
    ('01990000-0000-7000-8000-00000000d001', 1, 'VAT IE', 0.23, 3000, 690),
    ('01990000-0000-7000-8000-00000000d001', 2, 'VAT IE', 0.09, 2000, 180),
    ('01990000-0000-7000-8000-00000000d005', 1, 'VAT IE', 0.23, 1919, 441);
INSERT INTO shop.order_shipping_taxes (order_id, jurisdiction, rate, base_minor, tax_minor) VALUES
    ('01990000-0000-7000-8000-00000000d001', 'VAT IE', 0.23, 500, 115);
INSERT INTO shop.order_addresses (order_id, kind, recipient, line1, city, country)
SELECT order_id, kind, 'A. Nonymous', '3 Long Lane', 'Sligo', country
FROM shop.orders, unnest(enum_range(NULL::shop.address_kind)) AS kind
WHERE order_id IN ('01990000-0000-7000-8000-00000000d001', '01990000-0000-7000-8000-00000000d005');
INSERT INTO shop.coupon_redemptions (order_id, coupon_id, currency, discount_minor) VALUES
    ('01990000-0000-7000-8000-00000000d005', 2, 'EUR', 100);
SET CONSTRAINTS ALL IMMEDIATE;
SET CONSTRAINTS ALL DEFERRED;

-- Stock is promised, from two warehouses and two slots.
INSERT INTO shop.order_allocations (order_id, line_number, warehouse_id, slot, variant_id, quantity) VALUES
    ('01990000-0000-7000-8000-00000000d001', 1, 1, 0, 1, 2), ('01990000-0000-7000-8000-00000000d001', 1, 1, 1, 1, 1),
    ('01990000-0000-7000-8000-00000000d001', 2, 2, 0, 3, 2),
    ('01990000-0000-7000-8000-00000000d002', 1, 1, 0, 2, 2),
    ('01990000-0000-7000-8000-00000000d003', 1, 1, 0, 1, 2), ('01990000-0000-7000-8000-00000000d003', 1, 2, 0, 1, 1),
    ('01990000-0000-7000-8000-00000000d003', 2, 1, 0, 3, 1),
    ('01990000-0000-7000-8000-00000000d004', 1, 1, 0, 1, 1), ('01990000-0000-7000-8000-00000000d004', 1, 1, 1, 1, 1),
    ('01990000-0000-7000-8000-00000000d004', 1, 2, 0, 1, 1), ('01990000-0000-7000-8000-00000000d004', 2, 1, 0, 4, 2),
    ('01990000-0000-7000-8000-00000000d005', 1, 1, 0, 2, 1),
    ('01990000-0000-7000-8000-00000000d006', 1, 1, 0, 5, 1),
    ('01990000-0000-7000-8000-00000000d007', 1, 1, 0, 4, 1);

-- Payments -------------------------------------------------------------------------------------------------------------

INSERT INTO shop.payments (payment_id, order_id, currency, provider, method, amount_minor) VALUES
    ('01990000-0000-7000-8000-000000009a01', '01990000-0000-7000-8000-00000000d001', 'EUR', 'stripe', 'card', 6485),
    ('01990000-0000-7000-8000-000000009a02', '01990000-0000-7000-8000-00000000d002', 'EUR', 'stripe', 'card', 4428),
    ('01990000-0000-7000-8000-000000009a03', '01990000-0000-7000-8000-00000000d003', 'EUR', 'paypal', 'paypal', 5295),
    ('01990000-0000-7000-8000-000000009a04', '01990000-0000-7000-8000-00000000d004', 'USD', 'stripe', 'card', 5412),
    ('01990000-0000-7000-8000-000000009a05', '01990000-0000-7000-8000-00000000d005', 'EUR', 'stripe', 'card', 2360),
    ('01990000-0000-7000-8000-000000009a06', '01990000-0000-7000-8000-00000000d006', 'EUR', 'stripe', 'card', 1230);
UPDATE shop.payments SET provider_reference = 'pi_' || right(payment_id::text, 4);
INSERT INTO shop.payment_events (provider, provider_event_id, payment_id, kind, amount_minor, currency, occurred_at) VALUES
    ('stripe', 'evt_1', '01990000-0000-7000-8000-000000009a02', 'authorized', 4428, 'EUR', now()),
    -- Captured before it is authorized: events may come in any order.
    ('paypal', 'WH-1', '01990000-0000-7000-8000-000000009a03', 'captured', 5295, 'EUR', now()),
    ('paypal', 'WH-2', '01990000-0000-7000-8000-000000009a03', 'authorized', 5295, 'EUR', now()),
    ('stripe', 'evt_2', '01990000-0000-7000-8000-000000009a04', 'authorized', 5412, 'USD', now()),
    ('stripe', 'evt_3', '01990000-0000-7000-8000-000000009a04', 'captured', 5412, 'USD', now()),
    ('stripe', 'evt_4', '01990000-0000-7000-8000-000000009a05', 'failed', 0, 'EUR', now());
-- A second delivery of an event changes nothing.
INSERT INTO shop.payment_events (provider, provider_event_id, payment_id, kind, amount_minor, currency, occurred_at) VALUES
    ('stripe', 'evt_3', '01990000-0000-7000-8000-000000009a04', 'captured', 5412, 'USD', now())
ON CONFLICT (provider, provider_event_id) DO NOTHING;

-- The orders go their ways ---------------------------------------------------------------------------------------------

-- Each is a sale in the books from here on: that of d004 is journal entry 1; d007 cost nothing.
UPDATE shop.orders SET status = 'confirmed' WHERE order_id = '01990000-0000-7000-8000-00000000d004';
UPDATE shop.orders SET status = 'confirmed'
WHERE order_id IN ('01990000-0000-7000-8000-00000000d002', '01990000-0000-7000-8000-00000000d003',
    '01990000-0000-7000-8000-00000000d007');

-- d003: one unit is cancelled, one of the others leaves.
UPDATE shop.order_allocations SET released_quantity = 1
WHERE order_id = '01990000-0000-7000-8000-00000000d003' AND line_number = 1 AND warehouse_id = 2;
INSERT INTO shop.order_item_cancellations (order_id, line_number, quantity, reason) VALUES
    ('01990000-0000-7000-8000-00000000d003', 1, 1, 'customer_request');
INSERT INTO shop.shipments (shipment_id, order_id, warehouse_id, carrier, line_count) VALUES
    ('01990000-0000-7000-8000-000000005001', '01990000-0000-7000-8000-00000000d003', 1, 'An Post', 1);
INSERT INTO shop.shipment_items (shipment_id, line_number, slot, order_id, warehouse_id, quantity) VALUES
    ('01990000-0000-7000-8000-000000005001', 1, 0, '01990000-0000-7000-8000-00000000d003', 1, 1);

-- d004: everything leaves, in two parcels, and arrives.
INSERT INTO shop.shipments (shipment_id, order_id, warehouse_id, carrier, tracking_number, line_count) VALUES
    ('01990000-0000-7000-8000-000000005002', '01990000-0000-7000-8000-00000000d004', 1, 'An Post', 'IE1', 3),
    ('01990000-0000-7000-8000-000000005003', '01990000-0000-7000-8000-00000000d004', 2, 'PostNL', 'NL1', 1);
INSERT INTO shop.shipment_items (shipment_id, line_number, slot, order_id, warehouse_id, quantity) VALUES
    ('01990000-0000-7000-8000-000000005002', 1, 0, '01990000-0000-7000-8000-00000000d004', 1, 1),
    ('01990000-0000-7000-8000-000000005002', 1, 1, '01990000-0000-7000-8000-00000000d004', 1, 1),
    ('01990000-0000-7000-8000-000000005002', 2, 0, '01990000-0000-7000-8000-00000000d004', 1, 2),
    ('01990000-0000-7000-8000-000000005003', 1, 0, '01990000-0000-7000-8000-00000000d004', 2, 1);
UPDATE shop.orders SET status = 'completed' WHERE order_id = '01990000-0000-7000-8000-00000000d004';
UPDATE shop.shipments SET delivered_at = now() WHERE order_id = '01990000-0000-7000-8000-00000000d004';

-- d005 is cancelled: stock and coupon are free again.
UPDATE shop.order_allocations SET released_quantity = quantity WHERE order_id = '01990000-0000-7000-8000-00000000d005';
INSERT INTO shop.order_item_cancellations (order_id, line_number, quantity, reason) VALUES
    ('01990000-0000-7000-8000-00000000d005', 1, 1, 'customer_request');
UPDATE shop.orders SET status = 'cancelled' WHERE order_id = '01990000-0000-7000-8000-00000000d005';
UPDATE shop.coupon_redemptions SET released_at = now() WHERE order_id = '01990000-0000-7000-8000-00000000d005';

-- d006 expires once its time is over, which it is in the next transaction.
COMMIT;
BEGIN;
SET LOCAL shop.actor = 'staff:small-shop';
UPDATE shop.order_allocations SET released_quantity = quantity WHERE order_id = '01990000-0000-7000-8000-00000000d006';
INSERT INTO shop.order_item_cancellations (order_id, line_number, quantity, reason) VALUES
    ('01990000-0000-7000-8000-00000000d006', 1, 1, 'payment_expired');
UPDATE shop.orders SET status = 'expired' WHERE order_id = '01990000-0000-7000-8000-00000000d006';

-- Money for d006 arrives all the same, and money for nobody: both are kept and listed.
INSERT INTO shop.payment_events (provider, provider_event_id, payment_id, kind, amount_minor, currency, occurred_at) VALUES
    ('stripe', 'evt_5', '01990000-0000-7000-8000-000000009a06', 'captured', 1230, 'EUR', now()),
    ('stripe', 'evt_6', NULL, 'captured', 999, 'EUR', now());
UPDATE shop.payment_exceptions
SET resolved_at = now(), resolution = 'Belongs to the shop''s other account.', resolved_by = 'staff:7'
WHERE kind = 'unknown_payment';

-- Returns of d004: two shirts come back, one of them spoilt; another return waits; a third is called off.
INSERT INTO shop.returns (return_id, order_id, reason) VALUES
    ('01990000-0000-7000-8000-000000004e01', '01990000-0000-7000-8000-00000000d004', 'Too small'),
    ('01990000-0000-7000-8000-000000004e02', '01990000-0000-7000-8000-00000000d004', 'Wrong colour'),
    ('01990000-0000-7000-8000-000000004e03', '01990000-0000-7000-8000-00000000d004', 'Changed my mind');
INSERT INTO shop.return_items (return_id, line_number, order_id, quantity) VALUES
    ('01990000-0000-7000-8000-000000004e01', 1, '01990000-0000-7000-8000-00000000d004', 2),
    ('01990000-0000-7000-8000-000000004e02', 2, '01990000-0000-7000-8000-00000000d004', 1),
    ('01990000-0000-7000-8000-000000004e03', 1, '01990000-0000-7000-8000-00000000d004', 1);
UPDATE shop.return_items SET restocked_quantity = 1, written_off_quantity = 1, warehouse_id = 1, received_at = now()
WHERE return_id = '01990000-0000-7000-8000-000000004e01';
UPDATE shop.returns SET status = 'received', received_at = now() WHERE return_id = '01990000-0000-7000-8000-000000004e01';
UPDATE shop.returns SET status = 'cancelled' WHERE return_id = '01990000-0000-7000-8000-000000004e03';

-- The first refund fails, the second succeeds.
INSERT INTO shop.refunds (refund_id, payment_id, order_id, currency, return_id, amount_minor, reason) VALUES
    ('01990000-0000-7000-8000-00000000ef00', '01990000-0000-7000-8000-000000009a04', '01990000-0000-7000-8000-00000000d004',
     'USD', '01990000-0000-7000-8000-000000004e01', 3247, 'Return');
UPDATE shop.refunds SET state = 'failed', settled_at = now() WHERE refund_id = '01990000-0000-7000-8000-00000000ef00';
INSERT INTO shop.refunds (refund_id, payment_id, order_id, currency, return_id, amount_minor, reason) VALUES
    ('01990000-0000-7000-8000-00000000ef01', '01990000-0000-7000-8000-000000009a04', '01990000-0000-7000-8000-00000000d004',
     'USD', '01990000-0000-7000-8000-000000004e01', 3247, 'Return');
INSERT INTO shop.payment_events (provider, provider_event_id, payment_id, kind, amount_minor, currency, occurred_at) VALUES
    ('stripe', 'evt_7', '01990000-0000-7000-8000-000000009a04', 'refunded', 3247, 'USD', now());
UPDATE shop.refunds SET state = 'succeeded', settled_at = now() WHERE refund_id = '01990000-0000-7000-8000-00000000ef01';

-- Books ----------------------------------------------------------------------------------------------------------------

INSERT INTO shop.document_series (series) VALUES ('INV-2026'), ('CN-2026');
INSERT INTO shop.invoices (series, order_id, currency, buyer_name, buyer_address, total_minor, tax_minor) VALUES
    ('INV-2026', '01990000-0000-7000-8000-00000000d004', 'USD', 'Aoife Byrne', '3 Long Lane, Sligo', 5412, 412);
INSERT INTO shop.credit_notes (series, invoice_id, refund_id, order_id, currency, amount_minor, reason) VALUES
    ('CN-2026', 1, '01990000-0000-7000-8000-00000000ef01', '01990000-0000-7000-8000-00000000d004', 'USD', 3247, 'Return');

-- Sales, cancellations and returns stand in the books already; money that moved is posted by whoever records it.
SELECT shop.post_payment_event(
    event.payment_event_id, payment.order_id, event.currency, event.kind::text, event.amount_minor,
    CASE WHEN payment.order_id <> '01990000-0000-7000-8000-00000000d006' THEN event.amount_minor ELSE 0 END
        * CASE event.kind WHEN 'refunded' THEN -1 ELSE 1 END)
FROM shop.payment_events AS event
LEFT JOIN shop.payments AS payment USING (payment_id)
ORDER BY event.payment_event_id;

-- The buyer of d003 disputes a part of it, and wins.
INSERT INTO shop.payment_events
    (provider, provider_event_id, payment_id, kind, amount_minor, currency, dispute_reference, occurred_at)
VALUES ('paypal', 'WH-3', '01990000-0000-7000-8000-000000009a03', 'dispute_lost', 1000, 'EUR', 'PP-D-1', now());
SELECT shop.post_dispute(payment_event_id) FROM shop.payment_events WHERE provider_event_id = 'WH-3';

-- Outbox ---------------------------------------------------------------------------------------------------------------

INSERT INTO shop.outbox_events (outbox_event_id, aggregate_type, aggregate_id, event_type, payload) VALUES
    ('01990000-0000-7000-8000-00000000eb01', 'order', '01990000-0000-7000-8000-00000000d004', 'order.placed', '{"total_minor": 5412}'),
    ('01990000-0000-7000-8000-00000000eb02', 'order', '01990000-0000-7000-8000-00000000d004', 'order.confirmed', '{}'),
    ('01990000-0000-7000-8000-00000000eb03', 'order', '01990000-0000-7000-8000-00000000d004', 'order.completed', '{}'),
    ('01990000-0000-7000-8000-00000000eb04', 'order', '01990000-0000-7000-8000-00000000d001', 'order.placed', '{}');
UPDATE shop.outbox_events SET attempts = 1, published_at = now()
WHERE outbox_event_id IN ('01990000-0000-7000-8000-00000000eb01', '01990000-0000-7000-8000-00000000eb02');
