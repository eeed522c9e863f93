-- Attacks on the catalogue: the tree, the combinations of options, prices.

-- Categories -----------------------------------------------------------------------------------------------------------

-- attack: category_below_its_own_grandchild
-- rule: no category stands below itself
-- hostile: 1
-- guard: trigger shop.categories categories_keep_ancestry
-- guard: constraint shop.categories ck_categories_parent_ends_ancestry
-- guard: constraint shop.categories ck_categories_not_own_ancestor
-- refused: SH107 categories_keep_ancestry
-- invariant: category_ancestry_follows_parents
UPDATE shop.categories SET parent_id = 3 WHERE category_id = 1;

-- attack: category_is_its_own_parent
-- rule: no category stands below itself
-- guard: trigger shop.categories categories_keep_ancestry
-- guard: constraint shop.categories ck_categories_not_own_parent
-- guard: constraint shop.categories ck_categories_not_own_ancestor
-- guard: constraint shop.categories ck_categories_parent_ends_ancestry
-- refused: SH107 categories_keep_ancestry
-- invariant: category_ancestry_follows_parents
UPDATE shop.categories SET parent_id = 4 WHERE category_id = 4;

-- attack: two_categories_change_places_in_one_statement
-- rule: no cycle arises from two moves of one statement
-- guard: trigger shop.categories categories_keep_ancestry
-- guard: constraint shop.categories ck_categories_parent_ends_ancestry
-- guard: constraint shop.categories ck_categories_not_own_ancestor
-- refused: SH107 categories_keep_ancestry
-- invariant: category_ancestry_follows_parents
UPDATE shop.categories SET parent_id = CASE category_id WHEN 1 THEN 4 ELSE 1 END WHERE category_id IN (1, 4);

-- attack: ancestry_is_written
-- rule: the ancestry is kept by trigger alone
-- guard: trigger shop.categories categories_keep_ancestry
-- refused: SH103 categories_keep_ancestry
-- invariant: category_ancestry_follows_parents
UPDATE shop.categories SET ancestry = '{4,2}' WHERE category_id = 3;

-- attack: ancestry_is_written_beside_the_parent
-- rule: an ancestry that is written along with the parent counts for nothing
-- guard: trigger shop.categories categories_keep_ancestry
-- refused: SH103 categories_keep_ancestry
-- invariant: category_ancestry_follows_parents
UPDATE shop.categories SET parent_id = 2, ancestry = '{4,2}' WHERE category_id = 3;

-- attack: ancestry_names_the_category_itself
-- rule: no category is its own ancestor
-- guard: trigger shop.categories categories_keep_ancestry
-- guard: constraint shop.categories ck_categories_not_own_ancestor
-- refused: SH103 categories_keep_ancestry
-- invariant: category_ancestry_follows_parents
UPDATE shop.categories SET ancestry = '{3,2}' WHERE category_id = 3;

-- attack: ancestry_ends_at_another_parent
-- rule: the ancestry ends at the parent
-- guard: trigger shop.categories categories_keep_ancestry
-- guard: constraint shop.categories ck_categories_parent_ends_ancestry
-- refused: SH103 categories_keep_ancestry
-- invariant: category_ancestry_follows_parents
UPDATE shop.categories SET ancestry = '{1,4}' WHERE category_id = 3;

-- attack: categories_in_a_ring_in_one_insert
-- rule: no cycle arises from rows of one INSERT that name each other
-- guard: trigger shop.categories categories_keep_ancestry
-- guard: constraint shop.categories ck_categories_parent_ends_ancestry
-- refused: SH111 categories_keep_ancestry
-- invariant: category_ancestry_follows_parents
INSERT INTO shop.categories (category_id, parent_id, slug, name) OVERRIDING SYSTEM VALUE
VALUES (100, 101, 'a-ring', 'A'), (101, 102, 'b-ring', 'B'), (102, 100, 'c-ring', 'C');

-- attack: child_before_its_parent
-- rule: a category is put below one that is there
-- guard: trigger shop.categories categories_keep_ancestry
-- guard: constraint shop.categories ck_categories_parent_ends_ancestry
-- refused: SH111 categories_keep_ancestry
-- invariant: category_ancestry_follows_parents
INSERT INTO shop.categories (category_id, parent_id, slug, name) OVERRIDING SYSTEM VALUE
VALUES (100, 101, 'child', 'Child'), (101, 4, 'parent', 'Parent');

-- upkeep: ancestry_of_a_new_category
-- rule: a new category gets its ancestry from its parent, whatever the client says
-- guard: trigger shop.categories categories_keep_ancestry
-- holds: (SELECT ancestry = '{1,2,3}' FROM shop.categories WHERE slug = 'polo')
INSERT INTO shop.categories (parent_id, slug, name, ancestry) VALUES (3, 'polo', 'Polo', '{2,3}');

-- upkeep: subtree_moves_along
-- rule: a move carries the whole subtree
-- guard: trigger shop.categories categories_move_subtree
-- invariant: category_ancestry_follows_parents
UPDATE shop.categories SET parent_id = 6 WHERE category_id = 2;

-- upkeep: moves_of_categories_queue
-- rule: one move at a time, so that two of them cannot deadlock (concurrency.py shows that they would)
-- guard: trigger shop.categories categories_moves_queue
-- holds: EXISTS (SELECT FROM pg_locks WHERE locktype = 'advisory' AND pid = pg_backend_pid())
UPDATE shop.categories SET parent_id = 6 WHERE category_id = 2;

-- upkeep: category_knows_when_it_changed
-- rule: updated_at is the moment of the change, whatever the client says
-- guard: trigger shop.categories categories_touch
-- holds: (SELECT updated_at = now() FROM shop.categories WHERE category_id = 4)
UPDATE shop.categories SET name = 'All books', updated_at = now() + interval '1 year' WHERE category_id = 4;

-- upkeep: product_knows_when_it_changed
-- rule: updated_at is the moment of the change, whatever the client says
-- guard: trigger shop.products products_touch
-- holds: (SELECT updated_at = now() FROM shop.products WHERE product_id = 2)
UPDATE shop.products SET name = 'New poems', updated_at = created_at WHERE product_id = 2;

-- attack: category_changed_before_it_was_made
-- rule: nothing changes before it exists
-- guard: constraint shop.categories ck_categories_updated_after_created
-- refused: 23514 ck_categories_updated_after_created
-- invariant: none: the two moments contradict each other, and nothing is derived from them
INSERT INTO shop.categories (slug, name, created_at, updated_at) VALUES ('new', 'New', now(), now() - interval '1 day');

-- attack: category_archived_before_it_was_made
-- rule: nothing is archived before it exists
-- guard: constraint shop.categories ck_categories_archived_after_created
-- refused: 23514 ck_categories_archived_after_created
-- invariant: none: the two moments contradict each other, and nothing is derived from them
UPDATE shop.categories SET archived_at = created_at - interval '1 second' WHERE category_id = 4;

-- attack: category_with_products_is_deleted
-- rule: what products stand in is archived, never deleted
-- guard: constraint shop.product_categories fk_product_categories_category_id
-- refused: 23001 fk_product_categories_category_id
-- invariant: none: without its foreign key the row of product_categories points to nothing
DELETE FROM shop.categories WHERE category_id = 4;

-- Products and variants ------------------------------------------------------------------------------------------------

-- attack: product_changed_before_it_was_made
-- rule: nothing changes before it exists
-- guard: constraint shop.products ck_products_updated_after_created
-- refused: 23514 ck_products_updated_after_created
-- invariant: none: the two moments contradict each other, and nothing is derived from them
INSERT INTO shop.products (slug, name, created_at, updated_at) VALUES ('new', 'New', now(), now() - interval '1 day');

-- attack: product_on_sale_though_archived
-- rule: a product is archived exactly when it has a moment of archiving
-- guard: constraint shop.products ck_products_archived_at_matches_status
-- refused: 23514 ck_products_archived_at_matches_status
-- invariant: none: two columns contradict each other, and the constraint is the rule
UPDATE shop.products SET archived_at = now() WHERE product_id = 1;

-- attack: variant_archived_before_it_was_made
-- rule: nothing is archived before it exists
-- guard: constraint shop.product_variants ck_product_variants_archived_after_created
-- refused: 23514 ck_product_variants_archived_after_created
-- invariant: none: the two moments contradict each other, and nothing is derived from them
UPDATE shop.product_variants SET archived_at = created_at - interval '1 second' WHERE variant_id = 7;

-- attack: sold_variant_is_deleted
-- rule: a variant that history refers to is archived, never deleted (Vendure deletes the order lines with it)
-- hostile: 2
-- guard: constraint shop.order_items fk_order_items_variant_id
-- refused: 23001 fk_order_items_variant_id
-- invariant: none: without its foreign key the order line points to nothing, and other keys hold the variant still
-- after: variant_without_stock
DELETE FROM shop.product_variants WHERE sku = 'POSTER-XL';

-- given: variant_without_stock
INSERT INTO shop.product_variants (product_id, sku, name, options_key) VALUES (4, 'POSTER-XL', 'Large', '{}');
UPDATE shop.product_variants SET archived_at = now() WHERE sku = 'POSTER-XL';
INSERT INTO shop.carts (cart_id, currency, expires_at) VALUES ('01990000-0000-7000-8000-00000000cb01', 'EUR', now() + interval '1 day');
INSERT INTO shop.orders (
    order_id, cart_id, request_digest, contact_email, currency, country, prices_include_tax,
    shipping_method_id, shipping_method_name, line_count, unit_count, subtotal_minor, total_minor, expires_at)
VALUES ('01990000-0000-7000-8000-00000000db01', '01990000-0000-7000-8000-00000000cb01', sha256('db01'), 'new@example.net', 'EUR', 'IE', true,
    1, 'Standard', 1, 1, 0, 0, now() + interval '1 hour');
INSERT INTO shop.order_items (
    order_id, line_number, variant_id, currency, sku, product_name, variant_name, tax_class, prices_include_tax,
    quantity, unit_price_minor, subtotal_minor, total_minor)
SELECT '01990000-0000-7000-8000-00000000db01', 1, variant_id, 'EUR', 'POSTER-XL', 'Poster', 'Large', 'standard', true, 1, 0, 0, 0
FROM shop.product_variants WHERE sku = 'POSTER-XL';
INSERT INTO shop.order_addresses (order_id, kind, recipient, line1, city, country)
SELECT '01990000-0000-7000-8000-00000000db01', kind, 'A. Nonymous', '3 Long Lane', 'Sligo', 'IE'
FROM unnest(enum_range(NULL::shop.address_kind)) AS kind;
SET CONSTRAINTS ALL IMMEDIATE;
SET CONSTRAINTS ALL DEFERRED;

-- attack: second_variant_of_one_combination
-- rule: one variant per combination of options
-- guard: constraint shop.product_variants ex_product_variants_one_per_combination
-- depends: trigger shop.variant_option_values variant_option_values_keep_key_on_insert
-- refused: 23P01 ex_product_variants_one_per_combination
-- invariant: none: two variants with the same options look like two variants
INSERT INTO shop.product_variants (product_id, sku, name) VALUES (1, 'SHIRT-BLUE-M-2', 'Blue / M');
INSERT INTO shop.variant_option_values (variant_id, product_option_id, product_id, value)
SELECT variant_id, option, 1, value
FROM shop.product_variants, (VALUES (1, 'BLUE'), (2, 'm')) AS v (option, value)
WHERE sku = 'SHIRT-BLUE-M-2';

-- attack: option_changes_to_a_taken_combination
-- rule: one variant per combination of options, also when a value changes
-- guard: constraint shop.product_variants ex_product_variants_one_per_combination
-- refused: 23P01 ex_product_variants_one_per_combination
-- invariant: none: two variants with the same options look like two variants
UPDATE shop.variant_option_values SET value = 'M' WHERE variant_id = 2 AND product_option_id = 2;

-- attack: option_goes_and_leaves_a_taken_combination
-- rule: one variant per combination of options, also when a value is removed
-- guard: constraint shop.product_variants ex_product_variants_one_per_combination
-- refused: 23P01 ex_product_variants_one_per_combination
-- invariant: none: two variants with the same options look like two variants
DELETE FROM shop.variant_option_values WHERE product_option_id = 2;

-- attack: archived_variant_comes_back_beside_its_successor
-- rule: one live variant per SKU and per combination, also when one is un-archived
-- guard: index shop.product_variants uq_product_variants_sku
-- guard: constraint shop.product_variants ex_product_variants_one_per_combination
-- refused: 23505 uq_product_variants_sku
-- invariant: none: two variants of the same name look like two variants
UPDATE shop.product_variants SET archived_at = NULL WHERE variant_id = 6;

-- attack: options_key_of_a_new_variant_is_written
-- rule: options_key is kept by trigger alone
-- guard: trigger shop.product_variants product_variants_start_without_options
-- refused: SH103 product_variants_start_without_options
-- invariant: options_key_matches_values
INSERT INTO shop.product_variants (product_id, sku, name, options_key) VALUES (4, 'POSTER-2', 'Poster', '{"9": "x"}');

-- attack: options_key_is_written
-- rule: options_key is kept by trigger alone
-- guard: trigger shop.product_variants product_variants_options_key_is_kept
-- refused: SH103 product_variants_options_key_is_kept
-- invariant: options_key_matches_values
UPDATE shop.product_variants SET options_key = '{"2": "xs"}' WHERE variant_id = 2;

-- attack: variant_moves_to_another_product
-- rule: a variant stays with its product
-- guard: trigger shop.product_variants product_variants_stay_with_their_product
-- refused: SH102 product_variants_stay_with_their_product
-- invariant: none: the catalogue says the same as if the variant had always been there
UPDATE shop.product_variants SET product_id = 1 WHERE variant_id = 7;

-- attack: option_value_moves_to_another_variant
-- rule: an option value stays with its variant
-- guard: trigger shop.variant_option_values variant_option_values_stay_with_their_variant
-- guard: constraint shop.product_variants ex_product_variants_one_per_combination
-- refused: SH102 variant_option_values_stay_with_their_variant
-- invariant: options_key_matches_values
-- after: bare_variant
UPDATE shop.variant_option_values
SET variant_id = (SELECT variant_id FROM shop.product_variants WHERE sku = 'SHIRT-PLAIN')
WHERE variant_id = 2;

-- given: bare_variant
INSERT INTO shop.product_variants (product_id, sku, name) VALUES (1, 'SHIRT-PLAIN', 'Plain');

-- upkeep: options_key_on_insert
-- rule: options_key follows the values
-- guard: trigger shop.variant_option_values variant_option_values_keep_key_on_insert
-- invariant: options_key_matches_values
INSERT INTO shop.variant_option_values (variant_id, product_option_id, product_id, value) VALUES (3, 3, 2, 'Cloth');

-- upkeep: options_key_on_update
-- rule: options_key follows the values
-- guard: trigger shop.variant_option_values variant_option_values_keep_key_on_update
-- invariant: options_key_matches_values
UPDATE shop.variant_option_values SET value = 'XS' WHERE variant_id = 2 AND product_option_id = 2;

-- upkeep: options_key_on_delete
-- rule: options_key follows the values
-- guard: trigger shop.variant_option_values variant_option_values_keep_key_on_delete
-- invariant: options_key_matches_values
DELETE FROM shop.variant_option_values WHERE variant_id = 5 AND product_option_id = 2;

-- attack: option_value_of_another_product
-- rule: option and variant belong to the same product
-- guard: constraint shop.variant_option_values fk_variant_option_values_product_id_product_option_id
-- refused: 23503 fk_variant_option_values_product_id_product_option_id
-- invariant: none: the constraint is the rule
INSERT INTO shop.variant_option_values (variant_id, product_option_id, product_id, value) VALUES (7, 3, 4, 'Cloth');

-- Prices ---------------------------------------------------------------------------------------------------------------

-- attack: negative_price
-- rule: no price is below zero
-- hostile: 3
-- guard: constraint shop.variant_prices ck_variant_prices_amount_minor_not_negative
-- refused: 23514 ck_variant_prices_amount_minor_not_negative
-- invariant: none: the constraint is the rule
INSERT INTO shop.variant_prices (variant_id, currency, valid_from, amount_minor) VALUES (7, 'EUR', now(), -1);

-- attack: price_in_an_unknown_currency
-- rule: amounts are in currencies that exist
-- hostile: 4
-- guard: constraint shop.variant_prices fk_variant_prices_currency
-- refused: 23503 fk_variant_prices_currency
-- invariant: none: the constraint is the rule
INSERT INTO shop.variant_prices (variant_id, currency, valid_from, amount_minor) VALUES (7, 'ZZZ', now(), 100);

-- attack: price_struck_through_below_the_price
-- rule: the former price is above the price
-- guard: constraint shop.variant_prices ck_variant_prices_compare_at_above_amount
-- refused: 23514 ck_variant_prices_compare_at_above_amount
-- invariant: none: the constraint is the rule
INSERT INTO shop.variant_prices (variant_id, currency, valid_from, amount_minor, compare_at_minor)
VALUES (7, 'EUR', now(), 500, 400);

-- attack: price_of_yesterday
-- rule: no price begins before it is entered
-- guard: constraint shop.variant_prices ck_variant_prices_not_backdated
-- refused: 23514 ck_variant_prices_not_backdated
-- invariant: none: the constraint is the rule
INSERT INTO shop.variant_prices (variant_id, currency, valid_from, amount_minor)
VALUES (7, 'EUR', now() - interval '1 day', 1);

-- attack: price_entered_yesterday
-- rule: the server says when a price was entered
-- guard: trigger shop.variant_prices variant_prices_are_entered_now
-- refused: SH103 variant_prices_are_entered_now
-- invariant: none: the row claims to have been entered when it began
INSERT INTO shop.variant_prices (variant_id, currency, valid_from, amount_minor, created_at)
VALUES (7, 'EUR', now() - interval '1 day', 1, now() - interval '1 day');

-- attack: price_in_force_changes
-- rule: a price never changes
-- hostile: 5
-- guard: trigger shop.variant_prices variant_prices_never_change
-- refused: SH102 variant_prices_never_change
-- invariant: none: a changed price looks like any other
UPDATE shop.variant_prices SET amount_minor = 1 WHERE variant_id = 2;

-- attack: price_changes_by_merge
-- rule: a price never changes, by no kind of statement
-- guard: trigger shop.variant_prices variant_prices_never_change
-- refused: SH102 variant_prices_never_change
-- invariant: none: a changed price looks like any other
MERGE INTO shop.variant_prices AS price USING (VALUES (2)) AS cheap (variant_id) ON price.variant_id = cheap.variant_id
WHEN MATCHED THEN UPDATE SET amount_minor = 1;

-- attack: price_changes_by_upsert
-- rule: a price never changes, by no kind of statement
-- guard: trigger shop.variant_prices variant_prices_never_change
-- refused: SH102 variant_prices_never_change
-- invariant: none: a changed price looks like any other
INSERT INTO shop.variant_prices (variant_id, currency, valid_from, amount_minor)
SELECT variant_id, currency, valid_from, 1 FROM shop.variant_prices WHERE valid_from > now()
ON CONFLICT (variant_id, currency, valid_from) DO UPDATE SET amount_minor = excluded.amount_minor;

-- attack: price_in_force_is_removed
-- rule: only a price of the future can be withdrawn
-- guard: trigger shop.variant_prices variant_prices_in_force_stay
-- refused: SH108 variant_prices_in_force_stay
-- invariant: none: the audit log alone remembers the price
DELETE FROM shop.variant_prices WHERE variant_id = 2;

-- upkeep: price_is_audited
-- rule: who set a price is in the audit log
-- guard: trigger shop.variant_prices variant_prices_audit
-- holds: EXISTS (SELECT FROM shop.audit_log WHERE table_name = 'variant_prices' AND row_key LIKE '7,EUR,%' AND actor = 'attacker')
INSERT INTO shop.variant_prices (variant_id, currency, valid_from, amount_minor) VALUES (7, 'EUR', now(), 700);

-- attack: price_set_by_nobody
-- rule: whoever sets a price says who they are
-- guard: trigger shop.variant_prices variant_prices_audit
-- refused: SH109 variant_prices_audit
-- invariant: none: prices are not compared with the audit log
SET LOCAL shop.actor = '';
INSERT INTO shop.variant_prices (variant_id, currency, valid_from, amount_minor) VALUES (7, 'EUR', now(), 700);
