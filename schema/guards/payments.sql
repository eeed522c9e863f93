-- Attacks on payments: totals follow from events, and no more goes back than came in.

-- Payments -------------------------------------------------------------------------------------------------------------

-- attack: payment_starts_captured
-- rule: a payment starts with nothing authorized
-- guard: trigger shop.payments payments_start_at_rest
-- refused: SH103 payments_start_at_rest
-- invariant: payment_sums_equal_events
-- after: d001_unpaid
INSERT INTO shop.payments (order_id, currency, provider, method, amount_minor, authorized_minor, captured_minor)
VALUES ('01990000-0000-7000-8000-00000000d001', 'EUR', 'stripe', 'card', 100, 100, 100);

-- given: d001_unpaid
INSERT INTO shop.payment_events (provider, provider_event_id, payment_id, kind, currency, occurred_at)
VALUES ('stripe', 'evt_f1', '01990000-0000-7000-8000-000000009a01', 'failed', 'EUR', now());

-- attack: payment_starts_closed
-- rule: a payment starts open
-- guard: trigger shop.payments payments_start_at_rest
-- refused: SH103 payments_start_at_rest
-- invariant: payment_sums_equal_events
-- after: d001_unpaid
INSERT INTO shop.payments (order_id, currency, provider, method, amount_minor, closed_at)
VALUES ('01990000-0000-7000-8000-00000000d001', 'EUR', 'stripe', 'card', 100, now());

-- attack: payments_beyond_the_total
-- rule: payments that are open at the same time are no more than is owed (Saleor 14926: customer pays twice)
-- guard: trigger shop.payments payments_count_on_order
-- refused: 23514 ck_orders_intended_within_total
-- invariant: order_sums_equal_payments
INSERT INTO shop.payments (order_id, currency, provider, method, amount_minor) VALUES ('01990000-0000-7000-8000-00000000d001', 'EUR', 'stripe', 'card', 1);

-- attack: more_intended_than_the_order_costs
-- rule: what is under way for an order is no more than it costs
-- guard: trigger shop.orders orders_counters_are_kept
-- guard: constraint shop.orders ck_orders_intended_within_total
-- refused: SH103 orders_counters_are_kept
-- invariant: order_sums_equal_payments
UPDATE shop.orders SET intended_minor = total_minor + 1 WHERE order_id = '01990000-0000-7000-8000-00000000d001';

-- attack: payment_for_an_order_that_is_over
-- rule: nobody pays for what is gone
-- guard: trigger shop.payments payments_count_on_order
-- refused: SH111 payments_count_on_order
-- invariant: order_sums_equal_payments
INSERT INTO shop.payments (order_id, currency, provider, method, amount_minor) VALUES ('01990000-0000-7000-8000-00000000d005', 'EUR', 'stripe', 'card', 100);

-- given: d001_one_unit_cancelled
UPDATE shop.order_allocations SET released_quantity = 1 WHERE (order_id, line_number, warehouse_id, slot) = (
    SELECT order_id, line_number, warehouse_id, slot FROM shop.order_allocations
    WHERE order_id = '01990000-0000-7000-8000-00000000d001' ORDER BY line_number, warehouse_id, slot LIMIT 1);
INSERT INTO shop.order_item_cancellations (order_id, line_number, quantity, reason)
SELECT order_id, line_number, 1, 'customer_request' FROM shop.order_allocations
WHERE order_id = '01990000-0000-7000-8000-00000000d001' AND released_quantity = 1;

-- attack: payment_for_what_was_cancelled
-- rule: nobody pays for what was cancelled
-- guard: trigger shop.payments payments_count_on_order
-- refused: SH111 payments_count_on_order
-- invariant: order_sums_equal_payments
-- after: d001_unpaid
-- after: d001_one_unit_cancelled
INSERT INTO shop.payments (order_id, currency, provider, method, amount_minor) VALUES ('01990000-0000-7000-8000-00000000d001', 'EUR', 'stripe', 'card', 6485);

-- given: d001_captured_in_part_and_voided
INSERT INTO shop.payment_events (provider, provider_event_id, payment_id, kind, amount_minor, currency, occurred_at)
VALUES ('stripe', 'evt_p1', '01990000-0000-7000-8000-000000009a01', 'captured', 1000, 'EUR', now()),
       ('stripe', 'evt_p2', '01990000-0000-7000-8000-000000009a01', 'voided', 0, 'EUR', now());

-- attack: payment_after_a_part_was_captured_and_the_rest_voided
-- rule: what a closed payment captured is not paid again
-- guard: trigger shop.payments payments_count_on_order
-- refused: SH111 payments_count_on_order
-- invariant: order_sums_equal_payments
-- after: d001_captured_in_part_and_voided
INSERT INTO shop.payments (order_id, currency, provider, method, amount_minor) VALUES ('01990000-0000-7000-8000-00000000d001', 'EUR', 'stripe', 'card', 6485);

-- attack: payment_of_next_year
-- rule: a payment starts at the server's moment
-- guard: trigger shop.payments payments_start_at_rest
-- refused: SH103 payments_start_at_rest
-- invariant: none: the moment is all that would be wrong
-- after: d001_unpaid
INSERT INTO shop.payments (order_id, currency, provider, method, amount_minor, created_at) VALUES ('01990000-0000-7000-8000-00000000d001', 'EUR', 'stripe', 'card', 100, now() + interval '1 year');

-- given: d003_refunded_unasked
INSERT INTO shop.payment_events (provider, provider_event_id, payment_id, kind, amount_minor, currency, occurred_at)
SELECT provider, 'evt_unasked', payment_id, 'refunded', captured_minor, currency, now()
FROM shop.payments WHERE payment_id = '01990000-0000-7000-8000-000000009a03';

-- attack: refund_of_what_the_provider_refunded
-- rule: money that the provider gave back is not given back again
-- guard: trigger shop.refunds refunds_count
-- refused: SH111 refunds_count
-- invariant: refund_requests_equal_refunds
-- after: d003_refunded_unasked
INSERT INTO shop.refunds (payment_id, order_id, currency, amount_minor, reason) VALUES ('01990000-0000-7000-8000-000000009a03', '01990000-0000-7000-8000-00000000d003', 'EUR', 100, 'Goodwill');

-- attack: payment_in_another_currency
-- rule: an order is paid in its currency
-- guard: constraint shop.payments fk_payments_order_id_currency
-- refused: 23503 fk_payments_order_id_currency
-- invariant: none: the constraint is the rule
-- after: d001_unpaid
INSERT INTO shop.payments (order_id, currency, provider, method, amount_minor) VALUES ('01990000-0000-7000-8000-00000000d001', 'USD', 'stripe', 'card', 100);

-- attack: same_provider_reference_twice
-- rule: one payment at the provider is one payment here
-- hostile: 21
-- guard: constraint shop.payments uq_payments_provider_provider_reference
-- refused: 23505 uq_payments_provider_provider_reference
-- invariant: none: the constraint is the rule
-- after: d001_unpaid
INSERT INTO shop.payments (order_id, currency, provider, provider_reference, method, amount_minor)
VALUES ('01990000-0000-7000-8000-00000000d001', 'EUR', 'stripe', 'pi_9a04', 'card', 100);

-- attack: payment_gets_another_amount
-- rule: what a payment is for does not change
-- guard: trigger shop.payments payments_facts_are_immutable
-- refused: SH102 payments_facts_are_immutable
-- invariant: none: another amount is an amount too, and the order counts it
UPDATE shop.payments SET amount_minor = 6000 WHERE payment_id = '01990000-0000-7000-8000-000000009a01';

-- attack: payment_moves_to_another_order
-- rule: what a payment is for does not change
-- guard: trigger shop.payments payments_facts_are_immutable
-- refused: SH102 payments_facts_are_immutable
-- invariant: order_sums_equal_payments
UPDATE shop.payments SET order_id = '01990000-0000-7000-8000-00000000d003' WHERE payment_id = '01990000-0000-7000-8000-000000009a01';

-- attack: payment_changes_its_reference
-- rule: the provider's reference is set once
-- guard: trigger shop.payments payments_reference_is_final
-- refused: SH102 payments_reference_is_final
-- invariant: none: another reference is a reference too
UPDATE shop.payments SET provider_reference = 'pi_other' WHERE payment_id = '01990000-0000-7000-8000-000000009a01';

-- attack: payment_captured_by_decree
-- rule: the totals of a payment follow from its events
-- guard: trigger shop.payments payments_sums_are_kept
-- refused: SH103 payments_sums_are_kept
-- invariant: payment_sums_equal_events
UPDATE shop.payments SET authorized_minor = amount_minor, captured_minor = amount_minor WHERE payment_id = '01990000-0000-7000-8000-000000009a01';

-- attack: payment_closed_by_decree
-- rule: the totals of a payment follow from its events
-- guard: trigger shop.payments payments_sums_are_kept
-- refused: SH103 payments_sums_are_kept
-- invariant: payment_sums_equal_events
UPDATE shop.payments SET closed_at = now() WHERE payment_id = '01990000-0000-7000-8000-000000009a01';

-- attack: authorized_above_the_payment
-- rule: no more is authorized than the payment is for
-- guard: trigger shop.payments payments_sums_are_kept
-- guard: constraint shop.payments ck_payments_authorized_within_amount
-- refused: SH103 payments_sums_are_kept
-- invariant: payment_sums_equal_events
UPDATE shop.payments SET authorized_minor = amount_minor + 1 WHERE payment_id = '01990000-0000-7000-8000-000000009a01';

-- attack: captured_above_the_authorization
-- rule: no more is captured than authorized
-- guard: trigger shop.payments payments_sums_are_kept
-- guard: constraint shop.payments ck_payments_captured_within_authorized
-- guard: constraint shop.orders ck_orders_captured_within_authorized
-- refused: SH103 payments_sums_are_kept
-- invariant: payment_sums_equal_events
UPDATE shop.payments SET captured_minor = 1 WHERE payment_id = '01990000-0000-7000-8000-000000009a01';

-- attack: refunded_above_the_capture
-- rule: no more is refunded than captured
-- guard: trigger shop.payments payments_sums_are_kept
-- guard: constraint shop.payments ck_payments_refunded_within_captured
-- guard: constraint shop.orders ck_orders_refunded_within_captured
-- refused: SH103 payments_sums_are_kept
-- invariant: payment_sums_equal_events
UPDATE shop.payments SET refunded_minor = 1 WHERE payment_id = '01990000-0000-7000-8000-000000009a01';

-- attack: payment_closed_before_it_was_opened
-- rule: a payment is closed after it was opened
-- guard: trigger shop.payments payments_sums_are_kept
-- guard: constraint shop.payments ck_payments_closed_after_created
-- refused: SH103 payments_sums_are_kept
-- invariant: payment_sums_equal_events
UPDATE shop.payments SET closed_at = created_at - interval '1 second' WHERE payment_id = '01990000-0000-7000-8000-000000009a01';

-- attack: payment_is_deleted
-- rule: payments are kept
-- guard: trigger shop.payments payments_are_kept
-- refused: SH101 payments_are_kept
-- invariant: order_sums_equal_payments
DELETE FROM shop.payments WHERE payment_id = '01990000-0000-7000-8000-000000009a01';

-- upkeep: payment_counts_on_its_order
-- rule: a new payment counts as intended
-- guard: trigger shop.payments payments_count_on_order
-- invariant: order_sums_equal_payments
-- after: d001_unpaid
INSERT INTO shop.payments (order_id, currency, provider, method, amount_minor) VALUES ('01990000-0000-7000-8000-00000000d001', 'EUR', 'stripe', 'card', 100);

-- upkeep: payment_changes_count_on_the_order
-- rule: what happens to a payment counts on its order
-- guard: trigger shop.payments payments_changes_count_on_order
-- invariant: order_sums_equal_payments
INSERT INTO shop.payment_events (provider, provider_event_id, payment_id, kind, amount_minor, currency, occurred_at)
VALUES ('stripe', 'evt_a1', '01990000-0000-7000-8000-000000009a01', 'authorized', 6485, 'EUR', now());

-- Events ---------------------------------------------------------------------------------------------------------------

-- attack: event_is_delivered_twice
-- rule: an event is counted once (Pinelab 620: a webhook settled three times)
-- hostile: 22
-- guard: constraint shop.payment_events uq_payment_events_provider_provider_event_id
-- refused: 23505 uq_payment_events_provider_provider_event_id
-- invariant: none: the constraint is the rule; the totals are the sum of both
INSERT INTO shop.payment_events (provider, provider_event_id, payment_id, kind, amount_minor, currency, occurred_at)
VALUES ('stripe', 'evt_7', '01990000-0000-7000-8000-000000009a04', 'refunded', 100, 'USD', now());

-- attack: event_of_another_provider
-- rule: an event counts on a payment of the provider that sent it
-- guard: constraint shop.payment_events fk_payment_events_payment_id_provider
-- refused: 23503 fk_payment_events_payment_id_provider
-- invariant: none: the constraint is the rule; the totals are the sum of all events
INSERT INTO shop.payment_events (provider, provider_event_id, payment_id, kind, amount_minor, currency, occurred_at)
VALUES ('stripe_eu', 'evt_1', '01990000-0000-7000-8000-000000009a01', 'captured', 100, 'EUR', now());

-- attack: event_of_yesterday_arrived_then
-- rule: the moment of arrival is the server's
-- guard: trigger shop.payment_events payment_events_arrive_now
-- refused: SH103 payment_events_arrive_now
-- invariant: none: another moment is a moment too
INSERT INTO shop.payment_events (provider, provider_event_id, payment_id, kind, amount_minor, currency, occurred_at, received_at)
VALUES ('stripe', 'evt_x', '01990000-0000-7000-8000-000000009a01', 'authorized', 100, 'EUR', now(), now() - interval '1 day');

-- attack: event_is_changed
-- rule: payment events are append-only
-- guard: trigger shop.payment_events payment_events_are_append_only
-- refused: SH101 payment_events_are_append_only
-- invariant: payment_sums_equal_events
UPDATE shop.payment_events SET amount_minor = 1 WHERE provider_event_id = 'evt_3';

-- attack: event_moves_to_another_payment
-- rule: payment events are append-only
-- guard: trigger shop.payment_events payment_events_are_append_only
-- refused: SH101 payment_events_are_append_only
-- invariant: payment_sums_equal_events
UPDATE shop.payment_events SET payment_id = '01990000-0000-7000-8000-000000009a01' WHERE provider_event_id = 'evt_1';

-- attack: event_is_deleted
-- rule: payment events are append-only
-- guard: trigger shop.payment_events payment_events_are_append_only
-- refused: SH101 payment_events_are_append_only
-- invariant: payment_sums_equal_events
DELETE FROM shop.payment_events WHERE provider_event_id = 'evt_1';

-- attack: capture_of_nothing
-- rule: money that moves is an amount
-- guard: constraint shop.payment_events ck_payment_events_money_moves_an_amount
-- refused: 23514 ck_payment_events_money_moves_an_amount
-- invariant: none: the constraint is the rule
INSERT INTO shop.payment_events (provider, provider_event_id, payment_id, kind, currency, occurred_at)
VALUES ('stripe', 'evt_x', '01990000-0000-7000-8000-000000009a01', 'captured', 'EUR', now());

-- attack: capture_of_a_dispute
-- rule: only a dispute has the reference of one
-- guard: constraint shop.payment_events ck_payment_events_dispute_reference_of_disputes
-- refused: 23514 ck_payment_events_dispute_reference_of_disputes
-- invariant: none: the constraint is the rule
INSERT INTO shop.payment_events
    (provider, provider_event_id, payment_id, kind, amount_minor, currency, dispute_reference, occurred_at)
VALUES ('stripe', 'evt_x', '01990000-0000-7000-8000-000000009a01', 'captured', 1, 'EUR', 'dp_1', now());

-- upkeep: event_is_folded
-- rule: the totals of a payment are the fold of its events
-- guard: trigger shop.payment_events payment_events_apply
-- invariant: payment_sums_equal_events
INSERT INTO shop.payment_events (provider, provider_event_id, payment_id, kind, amount_minor, currency, occurred_at)
VALUES ('stripe', 'evt_a1', '01990000-0000-7000-8000-000000009a01', 'authorized', 6485, 'EUR', now());

-- upkeep: exceptional_event_is_listed
-- rule: money that moved against a rule is listed
-- guard: trigger shop.payment_events payment_events_apply
-- invariant: exceptional_events_are_listed
INSERT INTO shop.payment_events (provider, provider_event_id, payment_id, kind, amount_minor, currency, occurred_at)
VALUES ('stripe', 'evt_a1', '01990000-0000-7000-8000-000000009a01', 'captured', 100, 'JPY', now());

-- Exceptions -----------------------------------------------------------------------------------------------------------

-- attack: exception_is_made_up
-- rule: exceptions are raised by events alone
-- guard: trigger shop.payment_exceptions payment_exceptions_are_raised_by_events
-- refused: SH103 payment_exceptions_are_raised_by_events
-- invariant: none: the list may be longer than need be, never shorter
INSERT INTO shop.payment_exceptions (payment_event_id, payment_id, kind, amount_minor, currency)
SELECT payment_event_id, payment_id, 'over_capture', 5, 'EUR' FROM shop.payment_events WHERE provider_event_id = 'evt_1';

-- attack: exception_is_about_something_else
-- rule: what an exception is about does not change
-- guard: trigger shop.payment_exceptions payment_exceptions_facts_are_immutable
-- refused: SH102 payment_exceptions_facts_are_immutable
-- invariant: none: the exception of an event that came too late depends on when it came
UPDATE shop.payment_exceptions SET kind = 'over_refund' WHERE kind = 'after_end';

-- attack: exception_shrinks
-- rule: the amount of an exception follows from events
-- guard: trigger shop.payment_exceptions payment_exceptions_amount_is_kept
-- refused: SH103 payment_exceptions_amount_is_kept
-- invariant: none: the amount that was in question is not kept elsewhere
UPDATE shop.payment_exceptions SET amount_minor = 0 WHERE kind = 'after_end';

-- attack: resolved_exception_is_resolved_again
-- rule: what was resolved stays as it was resolved
-- guard: trigger shop.payment_exceptions payment_exceptions_stay_resolved
-- refused: SH102 payment_exceptions_stay_resolved
-- invariant: none: another resolution is one too
UPDATE shop.payment_exceptions SET resolution = 'Kept.' WHERE kind = 'unknown_payment';

-- attack: exception_resolved_by_nobody
-- rule: a resolution says when, what and who
-- guard: constraint shop.payment_exceptions ck_payment_exceptions_resolution_is_whole
-- refused: 23514 ck_payment_exceptions_resolution_is_whole
-- invariant: none: the constraint is the rule
UPDATE shop.payment_exceptions SET resolved_at = now(), resolution = 'Kept.' WHERE kind = 'after_end';

-- attack: exception_resolved_before_it_was_raised
-- rule: an exception is resolved after it was raised
-- guard: constraint shop.payment_exceptions ck_payment_exceptions_resolved_after_raised
-- refused: 23514 ck_payment_exceptions_resolved_after_raised
-- invariant: none: the constraint is the rule
UPDATE shop.payment_exceptions SET resolved_at = raised_at - interval '1 second', resolution = 'Kept.', resolved_by = 'staff:1'
WHERE kind = 'after_end';

-- attack: exception_is_deleted
-- rule: exceptions are kept
-- guard: trigger shop.payment_exceptions payment_exceptions_are_kept
-- refused: SH101 payment_exceptions_are_kept
-- invariant: exceptional_events_are_listed
DELETE FROM shop.payment_exceptions;

-- Refunds --------------------------------------------------------------------------------------------------------------

-- attack: refund_above_capture
-- rule: pending and succeeded refunds are no more than what was captured (Kill Bill 334)
-- hostile: 23
-- guard: constraint shop.payments ck_payments_refund_requests_within_captured
-- depends: trigger shop.refunds refunds_count
-- refused: 23514 ck_payments_refund_requests_within_captured
-- invariant: none: the constraint is the rule; counters and rows agree
INSERT INTO shop.refunds (payment_id, order_id, currency, amount_minor, reason) VALUES ('01990000-0000-7000-8000-000000009a03', '01990000-0000-7000-8000-00000000d003', 'EUR', 5296, 'Too much');

-- attack: refund_of_what_was_only_authorized
-- rule: only what was captured is refunded (Solidus 2926)
-- guard: constraint shop.payments ck_payments_refund_requests_within_captured
-- refused: 23514 ck_payments_refund_requests_within_captured
-- invariant: none: the constraint is the rule; counters and rows agree
INSERT INTO shop.refunds (payment_id, order_id, currency, amount_minor, reason) VALUES ('01990000-0000-7000-8000-000000009a02', '01990000-0000-7000-8000-00000000d002', 'EUR', 1, 'Early');

-- attack: refund_above_what_came_back
-- rule: refunds for a return are no more than the value of what came back (Spree PR 14678)
-- guard: constraint shop.returns ck_returns_refunds_within_refundable
-- refused: 23514 ck_returns_refunds_within_refundable
-- invariant: none: the constraint is the rule; counters and rows agree
INSERT INTO shop.refunds (payment_id, order_id, currency, return_id, amount_minor, reason)
VALUES ('01990000-0000-7000-8000-000000009a04', '01990000-0000-7000-8000-00000000d004', 'USD', '01990000-0000-7000-8000-000000004e01', 1, 'More');

-- attack: refund_for_a_return_that_never_came
-- rule: refunds for a return are no more than the value of what came back
-- guard: constraint shop.returns ck_returns_refunds_within_refundable
-- refused: 23514 ck_returns_refunds_within_refundable
-- invariant: none: the constraint is the rule; counters and rows agree
INSERT INTO shop.refunds (payment_id, order_id, currency, return_id, amount_minor, reason)
VALUES ('01990000-0000-7000-8000-000000009a04', '01990000-0000-7000-8000-00000000d004', 'USD', '01990000-0000-7000-8000-000000004e02', 1, 'Early');

-- attack: refund_in_another_currency
-- rule: a payment is refunded in its currency
-- guard: constraint shop.refunds fk_refunds_payment_id_order_id_currency
-- refused: 23503 fk_refunds_payment_id_order_id_currency
-- invariant: none: the constraint is the rule
INSERT INTO shop.refunds (payment_id, order_id, currency, amount_minor, reason) VALUES ('01990000-0000-7000-8000-000000009a03', '01990000-0000-7000-8000-00000000d003', 'USD', 100, 'Mixed');

-- attack: refund_for_the_return_of_another_order
-- rule: payment and return of a refund belong to the same order
-- guard: constraint shop.refunds fk_refunds_order_id_return_id
-- guard: constraint shop.returns ck_returns_refunds_within_refundable
-- refused: 23503 fk_refunds_order_id_return_id
-- invariant: none: the constraints are the rule; counters and rows agree
INSERT INTO shop.refunds (payment_id, order_id, currency, return_id, amount_minor, reason)
VALUES ('01990000-0000-7000-8000-000000009a03', '01990000-0000-7000-8000-00000000d003', 'EUR', '01990000-0000-7000-8000-000000004e02', 1, 'Mixed');

-- attack: refund_starts_succeeded
-- rule: a refund starts pending
-- guard: trigger shop.refunds refunds_start_pending
-- refused: SH103 refunds_start_pending
-- invariant: none: a refund that succeeded looks like any other
INSERT INTO shop.refunds (payment_id, order_id, currency, amount_minor, reason, state, settled_at)
VALUES ('01990000-0000-7000-8000-000000009a03', '01990000-0000-7000-8000-00000000d003', 'EUR', 100, 'Quick', 'succeeded', now());

-- attack: refund_of_next_year
-- rule: a refund is requested now, or it could never be settled
-- guard: trigger shop.refunds refunds_start_pending
-- refused: SH103 refunds_start_pending
-- invariant: none: a moment says nothing about the money
INSERT INTO shop.refunds (payment_id, order_id, currency, amount_minor, reason, requested_at)
VALUES ('01990000-0000-7000-8000-000000009a03', '01990000-0000-7000-8000-00000000d003', 'EUR', 100, 'Later', now() + interval '1 year');

-- attack: refund_grows
-- rule: what a refund is for does not change
-- guard: trigger shop.refunds refunds_facts_are_immutable
-- refused: SH102 refunds_facts_are_immutable
-- invariant: refund_requests_equal_refunds
UPDATE shop.refunds SET amount_minor = 5412 WHERE refund_id = '01990000-0000-7000-8000-00000000ef01';

-- attack: failed_refund_succeeds
-- rule: a refund is settled once; a failed one no longer counts
-- guard: trigger shop.refunds refunds_settle_once
-- refused: SH105 refunds_settle_once
-- invariant: refund_requests_equal_refunds
UPDATE shop.refunds SET state = 'succeeded' WHERE refund_id = '01990000-0000-7000-8000-00000000ef00';

-- attack: succeeded_refund_fails
-- rule: a refund is settled once
-- guard: trigger shop.refunds refunds_settle_once
-- refused: SH105 refunds_settle_once
-- invariant: refund_requests_equal_refunds
UPDATE shop.refunds SET state = 'failed' WHERE refund_id = '01990000-0000-7000-8000-00000000ef01';

-- attack: refund_settled_without_a_moment
-- rule: a refund is settled exactly when there is a moment of settlement
-- guard: constraint shop.refunds ck_refunds_settled_at_matches_state
-- refused: 23514 ck_refunds_settled_at_matches_state
-- invariant: none: the constraint is the rule
-- after: pending_refund
UPDATE shop.refunds SET state = 'succeeded' WHERE refund_id = '01990000-0000-7000-8000-00000000efb1';

-- given: pending_refund
INSERT INTO shop.refunds (refund_id, payment_id, order_id, currency, amount_minor, reason)
VALUES ('01990000-0000-7000-8000-00000000efb1', '01990000-0000-7000-8000-000000009a03', '01990000-0000-7000-8000-00000000d003', 'EUR', 100, 'Goodwill');

-- attack: refund_settled_before_it_was_requested
-- rule: a refund is settled after it was requested
-- guard: constraint shop.refunds ck_refunds_settled_after_requested
-- refused: 23514 ck_refunds_settled_after_requested
-- invariant: none: the constraint is the rule
-- after: pending_refund
UPDATE shop.refunds SET state = 'succeeded', settled_at = requested_at - interval '1 second' WHERE refund_id = '01990000-0000-7000-8000-00000000efb1';

-- attack: settlement_of_a_refund_changes
-- rule: a refund is settled once
-- guard: trigger shop.refunds refunds_settlement_is_final
-- refused: SH102 refunds_settlement_is_final
-- invariant: none: another moment is a moment too
UPDATE shop.refunds SET settled_at = settled_at + interval '1 day' WHERE refund_id = '01990000-0000-7000-8000-00000000ef01';

-- attack: refund_is_deleted
-- rule: refunds are kept
-- guard: trigger shop.refunds refunds_are_kept
-- refused: SH101 refunds_are_kept
-- invariant: refund_requests_equal_refunds
-- after: pending_refund
DELETE FROM shop.refunds WHERE refund_id = '01990000-0000-7000-8000-00000000efb1';

-- attack: requested_refunds_are_written
-- rule: what is requested of a payment is the sum of its refunds
-- guard: trigger shop.payments payments_sums_are_kept
-- refused: SH103 payments_sums_are_kept
-- invariant: refund_requests_equal_refunds
UPDATE shop.payments SET refund_requested_minor = 0 WHERE payment_id = '01990000-0000-7000-8000-000000009a04';

-- upkeep: refund_counts
-- rule: a refund counts on its payment and its return
-- guard: trigger shop.refunds refunds_count
-- invariant: refund_requests_equal_refunds
INSERT INTO shop.refunds (payment_id, order_id, currency, amount_minor, reason) VALUES ('01990000-0000-7000-8000-000000009a03', '01990000-0000-7000-8000-00000000d003', 'EUR', 100, 'Goodwill');

-- upkeep: failed_refund_counts_no_more
-- rule: a refund that failed no longer counts
-- guard: trigger shop.refunds refunds_uncount
-- invariant: refund_requests_equal_refunds
-- after: pending_refund
UPDATE shop.refunds SET state = 'failed', settled_at = now() WHERE refund_id = '01990000-0000-7000-8000-00000000efb1';
