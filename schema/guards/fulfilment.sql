-- Attacks on fulfilment: goods leave once, and come back once.

-- Shipments ------------------------------------------------------------------------------------------------------------

-- given: d002_captured
INSERT INTO shop.payment_events (provider, provider_event_id, payment_id, kind, amount_minor, currency, occurred_at)
VALUES ('stripe', 'evt_c2', '01990000-0000-7000-8000-000000009a02', 'captured', 4428, 'EUR', now());

-- attack: more_shipped_than_ordered
-- rule: no unit leaves twice (Magento PR 2420)
-- hostile: 20
-- guard: constraint shop.order_allocations ck_order_allocations_used_within_quantity
-- guard: constraint shop.order_items ck_order_items_shipped_within_allocated
-- guard: constraint shop.orders ck_orders_units_within_ordered
-- guard: constraint shop.stock_levels ck_stock_levels_reserved_within_on_hand
-- refused: 23514 ck_order_allocations_used_within_quantity
-- invariant: none: the constraints are the rule; counters and rows agree
INSERT INTO shop.shipments (shipment_id, order_id, warehouse_id, carrier, line_count) VALUES ('01990000-0000-7000-8000-000000005b01', '01990000-0000-7000-8000-00000000d002', 1, 'An Post', 1);
INSERT INTO shop.shipment_items (shipment_id, line_number, order_id, warehouse_id, quantity) VALUES ('01990000-0000-7000-8000-000000005b01', 1, '01990000-0000-7000-8000-00000000d002', 1, 3);

-- attack: more_shipped_than_the_slot_holds
-- rule: no more leaves a slot than was allocated from it
-- guard: constraint shop.order_allocations ck_order_allocations_used_within_quantity
-- guard: constraint shop.stock_levels ck_stock_levels_reserved_within_on_hand
-- refused: 23514 ck_order_allocations_used_within_quantity
-- invariant: none: the constraint is the rule; counters and rows agree
-- after: d001_authorized
-- after: d001_confirmed
INSERT INTO shop.shipments (shipment_id, order_id, warehouse_id, carrier, line_count) VALUES ('01990000-0000-7000-8000-000000005b01', '01990000-0000-7000-8000-00000000d001', 1, 'An Post', 1);
INSERT INTO shop.shipment_items (shipment_id, line_number, slot, order_id, warehouse_id, quantity) VALUES
    ('01990000-0000-7000-8000-000000005b01', 1, 1, '01990000-0000-7000-8000-00000000d001', 1, 2);

-- given: d001_confirmed
UPDATE shop.orders SET status = 'confirmed' WHERE order_id = '01990000-0000-7000-8000-00000000d001';

-- given: d002_voided
INSERT INTO shop.payment_events (provider, provider_event_id, payment_id, kind, currency, occurred_at)
VALUES ('stripe', 'evt_v2', '01990000-0000-7000-8000-000000009a02', 'voided', 'EUR', now());

-- attack: goods_leave_after_the_authorization_was_voided
-- rule: nothing leaves that is no longer paid for
-- guard: trigger shop.shipment_items shipment_items_ship
-- refused: SH111 shipment_items_ship
-- invariant: shipped_quantities_equal_items
-- after: d002_voided
WITH parcel AS (
    INSERT INTO shop.shipments (shipment_id, order_id, warehouse_id, carrier, line_count)
    SELECT '01990000-0000-7000-8000-000000005b02', order_id, warehouse_id, 'An Post', 1
    FROM shop.order_allocations WHERE order_id = '01990000-0000-7000-8000-00000000d002' ORDER BY line_number, warehouse_id, slot LIMIT 1
    RETURNING shipment_id
)
INSERT INTO shop.shipment_items (shipment_id, order_id, warehouse_id, line_number, slot, quantity)
SELECT parcel.shipment_id, allocation.order_id, warehouse_id, line_number, slot, 1
FROM parcel, shop.order_allocations AS allocation
WHERE allocation.order_id = '01990000-0000-7000-8000-00000000d002' ORDER BY line_number, warehouse_id, slot LIMIT 1;

-- attack: unpaid_order_is_shipped
-- rule: only what was confirmed leaves
-- guard: constraint shop.orders ck_orders_shipped_is_confirmed
-- depends: trigger shop.shipment_items shipment_items_ship
-- depends: trigger shop.order_items order_items_count_on_order
-- refused: 23514 ck_orders_shipped_is_confirmed
-- invariant: none: the constraint is the rule; counters and rows agree
WITH parcel AS (
    INSERT INTO shop.shipments (shipment_id, order_id, warehouse_id, carrier, line_count) VALUES ('01990000-0000-7000-8000-000000005b01', '01990000-0000-7000-8000-00000000d001', 1, 'An Post', 1)
)
INSERT INTO shop.shipment_items (shipment_id, line_number, order_id, warehouse_id, quantity) VALUES ('01990000-0000-7000-8000-000000005b01', 1, '01990000-0000-7000-8000-00000000d001', 1, 1);

-- attack: parcel_from_another_warehouse
-- rule: what leaves in a parcel was allocated from its warehouse
-- guard: constraint shop.shipment_items fk_shipment_items_order_id_line_number_warehouse_id_slot
-- refused: 23503 fk_shipment_items_order_id_line_number_warehouse_id_slot
-- invariant: line_counters_equal_allocations
INSERT INTO shop.shipments (shipment_id, order_id, warehouse_id, carrier, line_count) VALUES ('01990000-0000-7000-8000-000000005b01', '01990000-0000-7000-8000-00000000d002', 2, 'An Post', 1);
INSERT INTO shop.shipment_items (shipment_id, line_number, order_id, warehouse_id, quantity) VALUES ('01990000-0000-7000-8000-000000005b01', 1, '01990000-0000-7000-8000-00000000d002', 2, 1);

-- attack: parcel_with_goods_of_another_order
-- rule: a parcel holds goods of its order
-- guard: constraint shop.shipment_items fk_shipment_items_shipment_id_order_id_warehouse_id
-- refused: 23503 fk_shipment_items_shipment_id_order_id_warehouse_id
-- invariant: none: the constraint is the rule
INSERT INTO shop.shipments (shipment_id, order_id, warehouse_id, carrier, line_count) VALUES ('01990000-0000-7000-8000-000000005b01', '01990000-0000-7000-8000-00000000d003', 1, 'An Post', 1);
INSERT INTO shop.shipment_items (shipment_id, line_number, order_id, warehouse_id, quantity) VALUES ('01990000-0000-7000-8000-000000005b01', 1, '01990000-0000-7000-8000-00000000d002', 1, 1);

-- attack: item_added_to_a_parcel_that_left
-- rule: what was shipped stays as it was
-- guard: trigger shop.shipment_items shipment_items_ship
-- refused: SH104 shipment_items_ship
-- invariant: shipments_equal_items
INSERT INTO shop.shipment_items (shipment_id, line_number, order_id, warehouse_id, quantity) VALUES ('01990000-0000-7000-8000-000000005001', 2, '01990000-0000-7000-8000-00000000d003', 1, 1);

-- attack: item_of_a_parcel_changes
-- rule: what was shipped stays as it was
-- guard: trigger shop.shipment_items shipment_items_are_append_only
-- refused: SH101 shipment_items_are_append_only
-- invariant: shipped_quantities_equal_items
UPDATE shop.shipment_items SET quantity = 2 WHERE shipment_id = '01990000-0000-7000-8000-000000005001';

-- attack: item_of_a_parcel_is_deleted
-- rule: what was shipped stays as it was
-- guard: trigger shop.shipment_items shipment_items_are_append_only
-- refused: SH101 shipment_items_are_append_only
-- invariant: shipments_equal_items
DELETE FROM shop.shipment_items WHERE shipment_id = '01990000-0000-7000-8000-000000005001';

-- attack: parcel_without_items
-- rule: no shipment is committed without its items
-- guard: trigger shop.shipments shipments_are_whole
-- refused: SH104 shipments_are_whole
-- invariant: shipments_equal_items
INSERT INTO shop.shipments (shipment_id, order_id, warehouse_id, carrier, line_count) VALUES ('01990000-0000-7000-8000-000000005b01', '01990000-0000-7000-8000-00000000d002', 1, 'An Post', 1);

-- attack: parcel_left_yesterday
-- rule: the moment of a shipment is the server's
-- guard: trigger shop.shipments shipments_leave_now
-- refused: SH103 shipments_leave_now
-- invariant: none: another moment is a moment too
WITH parcel AS (
    INSERT INTO shop.shipments (shipment_id, order_id, warehouse_id, carrier, line_count, shipped_at)
    VALUES ('01990000-0000-7000-8000-000000005b01', '01990000-0000-7000-8000-00000000d002', 1, 'An Post', 1, now() - interval '1 day')
)
INSERT INTO shop.shipment_items (shipment_id, line_number, order_id, warehouse_id, quantity) VALUES ('01990000-0000-7000-8000-000000005b01', 1, '01990000-0000-7000-8000-00000000d002', 1, 1);

-- attack: parcel_changes_after_it_left
-- rule: a shipment that left does not change
-- guard: trigger shop.shipments shipments_facts_are_immutable
-- refused: SH102 shipments_facts_are_immutable
-- invariant: shipments_equal_items
UPDATE shop.shipments SET line_count = 2 WHERE shipment_id = '01990000-0000-7000-8000-000000005001';

-- attack: parcel_is_delivered_again
-- rule: a delivery is recorded once
-- guard: trigger shop.shipments shipments_delivery_is_final
-- refused: SH102 shipments_delivery_is_final
-- invariant: none: another moment is a moment too
UPDATE shop.shipments SET delivered_at = now() + interval '1 day' WHERE shipment_id = '01990000-0000-7000-8000-000000005002';

-- attack: parcel_is_under_way_again
-- rule: a delivery is recorded once
-- guard: trigger shop.shipments shipments_delivery_is_final
-- refused: SH102 shipments_delivery_is_final
-- invariant: none: a parcel under way looks like any other
UPDATE shop.shipments SET delivered_at = NULL WHERE shipment_id = '01990000-0000-7000-8000-000000005002';

-- attack: parcel_delivered_before_it_left
-- rule: a parcel arrives after it left
-- guard: constraint shop.shipments ck_shipments_delivered_after_shipped
-- refused: 23514 ck_shipments_delivered_after_shipped
-- invariant: none: the constraint is the rule
UPDATE shop.shipments SET delivered_at = shipped_at - interval '1 second' WHERE shipment_id = '01990000-0000-7000-8000-000000005001';

-- attack: parcel_is_deleted
-- rule: shipments are kept
-- guard: trigger shop.shipments shipments_are_kept
-- guard: constraint shop.shipment_items fk_shipment_items_shipment_id_order_id_warehouse_id
-- refused: SH101 shipments_are_kept
-- invariant: none: without its foreign key the items point to nothing, and still explain the counters
DELETE FROM shop.shipments WHERE shipment_id = '01990000-0000-7000-8000-000000005001';

-- upkeep: shipping_counts
-- rule: what is shipped counts on line, allocation and stock
-- guard: trigger shop.shipment_items shipment_items_ship
-- invariant: shipped_quantities_equal_items
INSERT INTO shop.shipments (shipment_id, order_id, warehouse_id, carrier, line_count) VALUES ('01990000-0000-7000-8000-000000005b01', '01990000-0000-7000-8000-00000000d002', 1, 'An Post', 1);
INSERT INTO shop.shipment_items (shipment_id, line_number, order_id, warehouse_id, quantity) VALUES ('01990000-0000-7000-8000-000000005b01', 1, '01990000-0000-7000-8000-00000000d002', 1, 2);

-- Returns --------------------------------------------------------------------------------------------------------------

-- given: new_return
INSERT INTO shop.returns (return_id, order_id, reason) VALUES ('01990000-0000-7000-8000-000000004eb1', '01990000-0000-7000-8000-00000000d004', 'Too large');

-- given: new_return_of_all
INSERT INTO shop.return_items (return_id, line_number, order_id, quantity) VALUES ('01990000-0000-7000-8000-000000004eb1', 1, '01990000-0000-7000-8000-00000000d004', 3);

-- attack: return_starts_received
-- rule: a return starts requested, with nothing received
-- guard: trigger shop.returns returns_start_at_rest
-- refused: SH103 returns_start_at_rest
-- invariant: returns_follow_their_items
WITH header AS (
    INSERT INTO shop.returns (return_id, order_id, reason, refundable_minor) VALUES ('01990000-0000-7000-8000-000000004eb1', '01990000-0000-7000-8000-00000000d004', 'Too large', 5000)
)
INSERT INTO shop.return_items (return_id, line_number, order_id, quantity) VALUES ('01990000-0000-7000-8000-000000004eb1', 1, '01990000-0000-7000-8000-00000000d004', 1);

-- attack: return_of_next_year
-- rule: a return is announced now, or it could never be received
-- guard: trigger shop.returns returns_start_at_rest
-- refused: SH103 returns_start_at_rest
-- invariant: none: a moment says nothing about the goods
WITH header AS (
    INSERT INTO shop.returns (return_id, order_id, reason, requested_at) VALUES ('01990000-0000-7000-8000-000000004eb1', '01990000-0000-7000-8000-00000000d004', 'Later', now() + interval '1 year')
)
INSERT INTO shop.return_items (return_id, line_number, order_id, quantity) VALUES ('01990000-0000-7000-8000-000000004eb1', 1, '01990000-0000-7000-8000-00000000d004', 1);

-- attack: refundable_is_written
-- rule: what may be refunded is the value of what came back
-- guard: trigger shop.returns returns_sums_are_kept
-- refused: SH103 returns_sums_are_kept
-- invariant: returns_follow_their_items
UPDATE shop.returns SET refundable_minor = 5412 WHERE return_id = '01990000-0000-7000-8000-000000004e01';

-- attack: refund_requests_of_a_return_are_written
-- rule: what was refunded for a return is the sum of its refunds
-- guard: trigger shop.returns returns_sums_are_kept
-- refused: SH103 returns_sums_are_kept
-- invariant: refund_requests_equal_refunds
UPDATE shop.returns SET refund_requested_minor = 0 WHERE return_id = '01990000-0000-7000-8000-000000004e01';

-- attack: return_goes_to_another_order
-- rule: a return stays with its order
-- guard: trigger shop.returns returns_facts_are_immutable
-- refused: SH102 returns_facts_are_immutable
-- invariant: none: a return without items of another order looks like one of that order
-- after: new_return
UPDATE shop.returns SET order_id = '01990000-0000-7000-8000-00000000d003' WHERE return_id = '01990000-0000-7000-8000-000000004eb1';
INSERT INTO shop.return_items (return_id, line_number, order_id, quantity) VALUES ('01990000-0000-7000-8000-000000004eb1', 1, '01990000-0000-7000-8000-00000000d003', 1);

-- attack: return_is_deleted
-- rule: returns are kept
-- guard: trigger shop.returns returns_are_kept
-- guard: constraint shop.return_items fk_return_items_order_id_return_id
-- refused: SH101 returns_are_kept
-- invariant: none: without its foreign key the item points to nothing; nothing was received
DELETE FROM shop.returns WHERE return_id = '01990000-0000-7000-8000-000000004e02';

-- attack: received_before_its_items_are
-- rule: a return is received when all its items are
-- guard: constraint shop.returns ck_returns_received_is_complete
-- refused: 23514 ck_returns_received_is_complete
-- invariant: none: the constraint is the rule; counters and rows agree
-- after: new_return
-- after: new_return_of_all
UPDATE shop.returns SET status = 'received', received_at = now() WHERE return_id = '01990000-0000-7000-8000-000000004eb1';

-- attack: partly_received_return_is_cancelled
-- rule: a return is cancelled while nothing of it was received
-- guard: constraint shop.returns ck_returns_cancelled_is_unreceived
-- refused: 23514 ck_returns_cancelled_is_unreceived
-- invariant: none: the constraint is the rule; counters and rows agree
UPDATE shop.return_items SET written_off_quantity = 1, received_at = now() WHERE return_id = '01990000-0000-7000-8000-000000004e02';
UPDATE shop.returns SET status = 'cancelled' WHERE return_id = '01990000-0000-7000-8000-000000004e02';

-- attack: counts_of_a_return_are_written
-- rule: what was announced and received follows from the items
-- guard: trigger shop.returns returns_sums_are_kept
-- guard: constraint shop.returns ck_returns_received_within_items
-- refused: SH103 returns_sums_are_kept
-- invariant: returns_follow_their_items
UPDATE shop.returns SET received_count = 2 WHERE return_id = '01990000-0000-7000-8000-000000004e02';

-- attack: return_without_items
-- rule: no return is committed without items
-- guard: trigger shop.returns returns_are_whole
-- refused: SH104 returns_are_whole
-- invariant: returns_follow_their_items
INSERT INTO shop.returns (return_id, order_id, reason) VALUES ('01990000-0000-7000-8000-000000004eb1', '01990000-0000-7000-8000-00000000d004', 'Nothing');

-- attack: item_of_a_cancelled_return_is_received
-- rule: items are received while the return is requested
-- guard: trigger shop.return_items return_items_count_received
-- refused: SH111 return_items_count_received
-- invariant: returns_follow_their_items
UPDATE shop.return_items SET written_off_quantity = 1, received_at = now() WHERE return_id = '01990000-0000-7000-8000-000000004e03';

-- upkeep: items_of_a_return_are_counted
-- rule: items count on their return when they are announced
-- guard: trigger shop.return_items return_items_count_announced
-- invariant: returns_follow_their_items
INSERT INTO shop.return_items (return_id, line_number, order_id, quantity) VALUES ('01990000-0000-7000-8000-000000004e02', 1, '01990000-0000-7000-8000-00000000d004', 1);

-- upkeep: receipts_of_a_return_are_counted
-- rule: items count on their return when they are received
-- guard: trigger shop.return_items return_items_count_received
-- invariant: returns_follow_their_items
UPDATE shop.return_items SET written_off_quantity = 1, received_at = now() WHERE return_id = '01990000-0000-7000-8000-000000004e02';

-- attack: received_return_is_cancelled
-- rule: a return ends once
-- guard: trigger shop.returns returns_end_once
-- guard: constraint shop.returns ck_returns_cancelled_is_unreceived
-- refused: SH105 returns_end_once
-- invariant: none: the guards are the rule; counters and rows agree
UPDATE shop.returns SET status = 'cancelled', received_at = NULL WHERE return_id = '01990000-0000-7000-8000-000000004e01';

-- attack: cancelled_return_is_requested_again
-- rule: a return ends once
-- guard: trigger shop.returns returns_end_once
-- refused: SH105 returns_end_once
-- invariant: none: a return that waits looks like any other
UPDATE shop.returns SET status = 'requested' WHERE return_id = '01990000-0000-7000-8000-000000004e03';

-- attack: received_without_a_moment
-- rule: a return is received exactly when there is a moment of receipt
-- guard: constraint shop.returns ck_returns_received_at_matches_status
-- refused: 23514 ck_returns_received_at_matches_status
-- invariant: none: the constraint is the rule
UPDATE shop.returns SET received_at = now() WHERE return_id = '01990000-0000-7000-8000-000000004e02';

-- attack: received_before_it_was_requested
-- rule: a return is received after it was requested
-- guard: constraint shop.returns ck_returns_received_after_requested
-- refused: 23514 ck_returns_received_after_requested
-- invariant: none: the constraint is the rule
UPDATE shop.return_items SET written_off_quantity = 1, received_at = now() WHERE return_id = '01990000-0000-7000-8000-000000004e02';
UPDATE shop.returns SET status = 'received', received_at = requested_at - interval '1 second' WHERE return_id = '01990000-0000-7000-8000-000000004e02';

-- attack: item_added_to_a_received_return
-- rule: items are announced while the return is requested
-- guard: trigger shop.return_items return_items_count_announced
-- refused: SH111 return_items_count_announced
-- invariant: returns_follow_their_items
INSERT INTO shop.return_items (return_id, line_number, order_id, quantity) VALUES ('01990000-0000-7000-8000-000000004e01', 2, '01990000-0000-7000-8000-00000000d004', 1);

-- attack: item_starts_received
-- rule: an item is announced before it is received, or its receipt would not count
-- guard: trigger shop.return_items return_items_start_unreceived
-- refused: SH103 return_items_start_unreceived
-- invariant: returned_quantities_equal_receipts
INSERT INTO shop.return_items (return_id, line_number, order_id, quantity, written_off_quantity, received_at)
VALUES ('01990000-0000-7000-8000-000000004e02', 1, '01990000-0000-7000-8000-00000000d004', 1, 1, now());

-- attack: announced_quantity_grows
-- rule: what was announced does not change
-- guard: trigger shop.return_items return_items_facts_are_immutable
-- refused: SH102 return_items_facts_are_immutable
-- invariant: none: another number is a number too
UPDATE shop.return_items SET quantity = 2 WHERE return_id = '01990000-0000-7000-8000-000000004e02';

-- attack: receipt_is_recorded_again
-- rule: a receipt is counted once
-- guard: trigger shop.return_items return_items_are_received_once
-- refused: SH110 return_items_are_received_once
-- invariant: returned_stock_equals_receipts
UPDATE shop.return_items SET restocked_quantity = 2, written_off_quantity = 0, received_at = now() WHERE return_id = '01990000-0000-7000-8000-000000004e01';

-- attack: receipt_is_taken_back
-- rule: a receipt is counted once
-- guard: trigger shop.return_items return_items_are_received_once
-- refused: SH110 return_items_are_received_once
-- invariant: returned_quantities_equal_receipts
UPDATE shop.return_items SET restocked_quantity = 0, written_off_quantity = 0, received_at = NULL WHERE return_id = '01990000-0000-7000-8000-000000004e01';

-- attack: return_item_is_deleted
-- rule: returned items are kept
-- guard: trigger shop.return_items return_items_are_kept
-- refused: SH101 return_items_are_kept
-- invariant: returned_quantities_equal_receipts
DELETE FROM shop.return_items WHERE return_id = '01990000-0000-7000-8000-000000004e01';

-- attack: more_returned_than_shipped
-- rule: no more comes back than left
-- guard: constraint shop.order_items ck_order_items_returned_within_shipped
-- refused: 23514 ck_order_items_returned_within_shipped
-- invariant: none: the constraint is the rule; counters and rows agree
-- after: new_return
-- after: new_return_of_all
UPDATE shop.return_items SET written_off_quantity = 3, received_at = now() WHERE return_id = '01990000-0000-7000-8000-000000004eb1';

-- attack: more_received_than_announced
-- rule: no more is received than was announced
-- guard: constraint shop.return_items ck_return_items_received_within_announced
-- refused: 23514 ck_return_items_received_within_announced
-- invariant: none: the constraint is the rule
UPDATE shop.return_items SET written_off_quantity = 2, received_at = now() WHERE return_id = '01990000-0000-7000-8000-000000004e02';

-- attack: counted_but_not_received
-- rule: what is counted was received
-- guard: constraint shop.return_items ck_return_items_counted_when_received
-- refused: 23514 ck_return_items_counted_when_received
-- invariant: returned_quantities_equal_receipts
UPDATE shop.return_items SET written_off_quantity = 1 WHERE return_id = '01990000-0000-7000-8000-000000004e02';

-- attack: restocked_nowhere
-- rule: what is restocked lies in a warehouse
-- guard: constraint shop.return_items ck_return_items_restocked_somewhere
-- guard: trigger shop.return_items return_items_receive
-- refused: 23514 ck_return_items_restocked_somewhere
-- invariant: returned_stock_equals_receipts
UPDATE shop.return_items SET restocked_quantity = 1, received_at = now() WHERE return_id = '01990000-0000-7000-8000-000000004e02';

-- upkeep: receipt_counts
-- rule: a receipt counts on its line, sets what may be refunded, and puts restocked units back
-- guard: trigger shop.return_items return_items_receive
-- invariant: returned_quantities_equal_receipts
UPDATE shop.return_items SET restocked_quantity = 1, warehouse_id = 2, received_at = now() WHERE return_id = '01990000-0000-7000-8000-000000004e02';

-- attack: return_of_goods_that_never_left
-- rule: no more comes back than left
-- guard: constraint shop.order_items ck_order_items_returned_within_shipped
-- guard: constraint shop.orders ck_orders_returned_within_shipped
-- depends: trigger shop.return_items return_items_receive
-- refused: 23514 ck_order_items_returned_within_shipped
-- invariant: none: the constraints are the rule; counters and rows agree
-- after: return_of_what_never_left
UPDATE shop.return_items SET written_off_quantity = 1, received_at = now() WHERE return_id = '01990000-0000-7000-8000-000000004eb1';

-- given: return_of_what_never_left
INSERT INTO shop.returns (return_id, order_id, reason) VALUES ('01990000-0000-7000-8000-000000004eb1', '01990000-0000-7000-8000-00000000d001', 'Never came');
INSERT INTO shop.return_items (return_id, line_number, order_id, quantity) VALUES ('01990000-0000-7000-8000-000000004eb1', 1, '01990000-0000-7000-8000-00000000d001', 1);

-- attack: words_of_a_return_change
-- rule: what a customer said does not change, it can only be erased
-- guard: trigger shop.returns returns_reason_is_only_erased
-- refused: SH102 returns_reason_is_only_erased
-- invariant: none: other words are words too
UPDATE shop.returns SET reason = 'I broke it' WHERE return_id = '01990000-0000-7000-8000-000000004e01';
