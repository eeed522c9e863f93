-- Attacks on stock: the level is the sum of its movements, and never more is promised than there is.

-- attack: reserved_above_stock
-- rule: never more units promised than there are
-- hostile: 6
-- guard: constraint shop.stock_levels ck_stock_levels_reserved_within_on_hand
-- depends: trigger shop.order_allocations order_allocations_reserve_stock
-- depends: trigger shop.stock_movements stock_movements_change_levels
-- refused: 23514 ck_stock_levels_reserved_within_on_hand
-- invariant: none: the constraint is the rule; level and allocations agree with each other
-- after: order_of_two
INSERT INTO shop.order_allocations (order_id, line_number, warehouse_id, variant_id, quantity) VALUES ('01990000-0000-7000-8000-00000000db02', 1, 1, 5, 2);

-- given: order_of_two
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
SELECT '01990000-0000-7000-8000-00000000db02', kind, 'A. Nonymous', '3 Long Lane', 'Sligo', 'IE'
FROM unnest(enum_range(NULL::shop.address_kind)) AS kind;
SET CONSTRAINTS ALL IMMEDIATE;
SET CONSTRAINTS ALL DEFERRED;

-- attack: stock_below_zero
-- rule: no level goes below zero
-- guard: constraint shop.stock_levels ck_stock_levels_reserved_within_on_hand
-- refused: 23514 ck_stock_levels_reserved_within_on_hand
-- invariant: none: the constraint is the rule; level and allocations agree with each other
INSERT INTO shop.stock_movements (variant_id, warehouse_id, kind, on_hand_delta, reason) VALUES
    (5, 1, 'adjustment', -2, 'Lost.');

-- attack: stock_level_starts_filled
-- rule: a level starts empty; what fills it is a movement
-- guard: trigger shop.stock_levels stock_levels_start_empty
-- refused: SH103 stock_levels_start_empty
-- invariant: stock_levels_equal_movements
INSERT INTO shop.stock_levels (variant_id, warehouse_id, on_hand) VALUES (7, 1, 100);

-- attack: stock_level_is_written
-- rule: levels change by movements alone
-- guard: trigger shop.stock_levels stock_levels_follow_movements
-- refused: SH103 stock_levels_follow_movements
-- invariant: stock_levels_equal_movements
UPDATE shop.stock_levels SET on_hand = on_hand + 1;

-- attack: stock_level_is_written_by_upsert
-- rule: levels change by movements alone, by no kind of statement
-- guard: trigger shop.stock_levels stock_levels_follow_movements
-- refused: SH103 stock_levels_follow_movements
-- invariant: stock_levels_equal_movements
INSERT INTO shop.stock_levels (variant_id, warehouse_id) VALUES (5, 1)
ON CONFLICT (variant_id, warehouse_id, slot) DO UPDATE SET on_hand = 100;

-- attack: stock_level_is_written_by_merge
-- rule: levels change by movements alone, by no kind of statement
-- guard: trigger shop.stock_levels stock_levels_follow_movements
-- refused: SH103 stock_levels_follow_movements
-- invariant: stock_levels_equal_movements
MERGE INTO shop.stock_levels AS level USING (VALUES (5)) AS more (variant_id) ON level.variant_id = more.variant_id
WHEN MATCHED THEN UPDATE SET on_hand = 100;

-- attack: stock_level_is_written_beside_a_movement
-- rule: levels change by movements alone, also where another part of the statement writes one
-- guard: trigger shop.stock_levels stock_levels_follow_movements
-- refused: SH103 stock_levels_follow_movements
-- invariant: stock_levels_equal_movements
WITH movement AS (
    INSERT INTO shop.stock_movements (variant_id, warehouse_id, kind, on_hand_delta) VALUES (4, 1, 'receipt', 1)
)
UPDATE shop.stock_levels SET on_hand = 100 WHERE variant_id = 5;

-- attack: stock_level_is_moved
-- rule: a level stays the one of its variant, warehouse and slot
-- guard: trigger shop.stock_levels stock_levels_follow_movements
-- refused: SH103 stock_levels_follow_movements
-- invariant: none: an empty level of another slot looks like any other
-- after: empty_level
UPDATE shop.stock_levels SET slot = 2 WHERE variant_id = 7;

-- given: empty_level
INSERT INTO shop.stock_levels (variant_id, warehouse_id) VALUES (7, 1);

-- attack: stock_level_is_deleted
-- rule: levels are kept
-- guard: trigger shop.stock_levels stock_levels_follow_movements
-- refused: SH103 stock_levels_follow_movements
-- invariant: none: an empty level without movements leaves no trace
-- after: empty_level
DELETE FROM shop.stock_levels WHERE variant_id = 7;

-- attack: stock_movement_is_changed
-- rule: movements are append-only
-- guard: trigger shop.stock_movements stock_movements_are_append_only
-- refused: SH101 stock_movements_are_append_only
-- invariant: stock_levels_equal_movements
UPDATE shop.stock_movements SET on_hand_delta = 99 WHERE kind = 'receipt';

-- attack: stock_movement_is_deleted
-- rule: movements are append-only
-- hostile: 7
-- guard: trigger shop.stock_movements stock_movements_are_append_only
-- refused: SH101 stock_movements_are_append_only
-- invariant: stock_levels_equal_movements
DELETE FROM shop.stock_movements WHERE kind = 'receipt';

-- attack: receipt_that_takes_away
-- rule: each kind of movement moves what it says, and in that direction
-- guard: constraint shop.stock_movements ck_stock_movements_deltas_fit_kind
-- refused: 23514 ck_stock_movements_deltas_fit_kind
-- invariant: none: the constraint is the rule
INSERT INTO shop.stock_movements (variant_id, warehouse_id, kind, on_hand_delta) VALUES (4, 1, 'receipt', -5);

-- attack: receipt_that_promises
-- rule: receipts promise nothing
-- guard: constraint shop.stock_movements ck_stock_movements_deltas_fit_kind
-- refused: 23514 ck_stock_movements_deltas_fit_kind
-- invariant: reserved_stock_equals_allocations
INSERT INTO shop.stock_movements (variant_id, warehouse_id, kind, on_hand_delta, reserved_delta)
VALUES (4, 1, 'receipt', 5, 5);

-- attack: receipt_for_an_order
-- rule: only what orders move names an order
-- guard: constraint shop.stock_movements ck_stock_movements_order_line_fits_kind
-- refused: 23514 ck_stock_movements_order_line_fits_kind
-- invariant: none: the constraint is the rule
INSERT INTO shop.stock_movements (variant_id, warehouse_id, kind, on_hand_delta, order_id, line_number)
VALUES (4, 1, 'receipt', 5, '01990000-0000-7000-8000-00000000d004', 2);

-- attack: half_an_order_line
-- rule: an order is named with its line, or not at all: a key with a NULL in it would refer to nothing
-- guard: constraint shop.stock_movements ck_stock_movements_order_line_fits_kind
-- refused: 23514 ck_stock_movements_order_line_fits_kind
-- invariant: none: the constraint is the rule
INSERT INTO shop.stock_movements (variant_id, warehouse_id, kind, on_hand_delta, line_number)
VALUES (4, 1, 'receipt', 5, 2);

-- attack: adjustment_without_a_reason
-- rule: whoever adjusts stock says why
-- guard: constraint shop.stock_movements ck_stock_movements_adjustment_has_reason
-- refused: 23514 ck_stock_movements_adjustment_has_reason
-- invariant: none: the constraint is the rule
INSERT INTO shop.stock_movements (variant_id, warehouse_id, kind, on_hand_delta) VALUES (4, 1, 'adjustment', 5);

-- attack: reservation_by_hand
-- rule: what orders do to stock is told by their own rows
-- guard: trigger shop.stock_movements stock_movements_of_orders_follow_their_rows
-- refused: SH103 stock_movements_of_orders_follow_their_rows
-- invariant: reserved_stock_equals_allocations
INSERT INTO shop.stock_movements (variant_id, warehouse_id, kind, reserved_delta, order_id, line_number)
VALUES (1, 1, 'reservation', 1, '01990000-0000-7000-8000-00000000d001', 1);

-- attack: release_by_hand
-- rule: what orders do to stock is told by their own rows
-- guard: trigger shop.stock_movements stock_movements_of_orders_follow_their_rows
-- refused: SH103 stock_movements_of_orders_follow_their_rows
-- invariant: reserved_stock_equals_allocations
INSERT INTO shop.stock_movements (variant_id, warehouse_id, kind, reserved_delta, order_id, line_number)
VALUES (1, 1, 'release', -1, '01990000-0000-7000-8000-00000000d001', 1);

-- attack: shipment_by_hand
-- rule: what orders do to stock is told by their own rows
-- guard: trigger shop.stock_movements stock_movements_of_orders_follow_their_rows
-- refused: SH103 stock_movements_of_orders_follow_their_rows
-- invariant: reserved_stock_equals_allocations
INSERT INTO shop.stock_movements (variant_id, warehouse_id, kind, on_hand_delta, reserved_delta, order_id, line_number)
VALUES (1, 1, 'shipment', -1, -1, '01990000-0000-7000-8000-00000000d001', 1);

-- attack: return_by_hand
-- rule: what orders do to stock is told by their own rows
-- guard: trigger shop.stock_movements stock_movements_of_orders_follow_their_rows
-- refused: SH103 stock_movements_of_orders_follow_their_rows
-- invariant: returned_stock_equals_receipts
INSERT INTO shop.stock_movements (variant_id, warehouse_id, kind, on_hand_delta, order_id, line_number)
VALUES (1, 1, 'return', 1, '01990000-0000-7000-8000-00000000d004', 1);

-- attack: movement_of_a_level_that_is_not
-- rule: a movement moves a level that exists
-- guard: constraint shop.stock_movements fk_stock_movements_variant_id_warehouse_id_slot
-- refused: 23503 fk_stock_movements_variant_id_warehouse_id_slot
-- invariant: stock_levels_equal_movements
INSERT INTO shop.stock_movements (variant_id, warehouse_id, slot, kind, on_hand_delta) VALUES (4, 2, 9, 'receipt', 5);

-- attack: movement_of_yesterday
-- rule: the moment of a movement is the server's
-- guard: trigger shop.stock_movements stock_movements_happen_now
-- refused: SH103 stock_movements_happen_now
-- invariant: none: another moment is a moment too
INSERT INTO shop.stock_movements (variant_id, warehouse_id, kind, on_hand_delta, moved_at)
VALUES (4, 1, 'receipt', 5, now() - interval '1 day');

-- attack: transfer_from_nowhere
-- rule: transfers move stock between places and make none
-- guard: trigger shop.stock_movements stock_movements_change_levels
-- refused: SH104 stock_movements_change_levels
-- invariant: stock_transfers_balance
INSERT INTO shop.stock_movements (variant_id, warehouse_id, kind, on_hand_delta) VALUES (1, 1, 'transfer', 1000);

-- attack: transfer_from_another_variant
-- rule: transfers move stock between places, not between variants
-- guard: trigger shop.stock_movements stock_movements_change_levels
-- refused: SH104 stock_movements_change_levels
-- invariant: stock_transfers_balance
INSERT INTO shop.stock_movements (variant_id, warehouse_id, kind, on_hand_delta) VALUES (1, 1, 'transfer', 5), (4, 1, 'transfer', -5);

-- attack: transfer_that_breaks_a_promise
-- rule: transfers promise nothing and take no promise back
-- guard: constraint shop.stock_movements ck_stock_movements_deltas_fit_kind
-- refused: 23514 ck_stock_movements_deltas_fit_kind
-- invariant: reserved_stock_equals_allocations
INSERT INTO shop.stock_movements (variant_id, warehouse_id, slot, kind, on_hand_delta, reserved_delta) VALUES
    (1, 1, 0, 'transfer', 1, -1), (1, 1, 1, 'transfer', -1, 0);

-- upkeep: stock_follows_movements
-- rule: the level is the sum of its movements
-- guard: trigger shop.stock_movements stock_movements_change_levels
-- invariant: stock_levels_equal_movements
INSERT INTO shop.stock_movements (variant_id, warehouse_id, kind, on_hand_delta) VALUES (4, 1, 'receipt', 5), (4, 1, 'receipt', 6);

-- upkeep: stock_follows_movements_of_two_parts
-- rule: two INSERTs of one statement are both counted, once
-- guard: trigger shop.stock_movements stock_movements_change_levels
-- invariant: stock_levels_equal_movements
WITH part AS (
    INSERT INTO shop.stock_movements (variant_id, warehouse_id, kind, on_hand_delta) VALUES (4, 1, 'receipt', 5)
)
INSERT INTO shop.stock_movements (variant_id, warehouse_id, kind, on_hand_delta) VALUES (4, 1, 'receipt', 6);

-- upkeep: stock_moved_by_hand_is_audited
-- rule: who moved stock by hand is in the audit log
-- guard: trigger shop.stock_movements stock_movements_audit
-- invariant: audited_rows_have_entries
INSERT INTO shop.stock_movements (variant_id, warehouse_id, kind, on_hand_delta, reason) VALUES
    (4, 1, 'adjustment', -1, 'Torn.');

-- attack: stock_moved_by_nobody
-- rule: whoever moves stock says who they are
-- guard: trigger shop.stock_movements stock_movements_audit
-- refused: SH109 stock_movements_audit
-- invariant: audited_rows_have_entries
SET LOCAL shop.actor = '';
INSERT INTO shop.stock_movements (variant_id, warehouse_id, kind, on_hand_delta) VALUES (4, 1, 'receipt', 5);
