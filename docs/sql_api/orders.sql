SET shop.actor = 'staff:7';

-- api.quote_cart: What checkout will charge, before anybody commits to it.
SELECT quote ->> 'subtotal_minor' AS goods, quote ->> 'shipping_minor' AS shipping, quote ->> 'total_minor' AS total
FROM api.quote_cart('01990000-0000-7000-8000-00000000ca01', 'IE', NULL, 'standard') AS quote;

-- api.place_order: At the total that Anna saw; another one is refused (SH301). The stock is hers for an hour.
SELECT order_number, total_minor, status
FROM api.place_order(
    '01990000-0000-7000-8000-00000000d001', '01990000-0000-7000-8000-00000000ca01', 'anna@example.org', '+353 1 555 0100',
    shipping => ROW('Anna Byrne', NULL, '1 Main Street', NULL, 'Dublin', NULL, 'D01 X2Y3', 'IE', NULL),
    billing => ROW('Anna Byrne', NULL, '1 Main Street', NULL, 'Dublin', NULL, 'D01 X2Y3', 'IE', NULL),
    shipping_method => 'standard', expected_total_minor => 10455);

-- api.start_payment: Before the provider is called. The key goes along as its idempotency key; the answer is what to charge.
SELECT api.start_payment('01990000-0000-7000-8000-000000009a01', '01990000-0000-7000-8000-00000000d001', 'stripe', 'card');

-- api.record_payment_event: The provider's webhook. However often and in whatever order events come, the result is the same.
SELECT api.record_payment_event(
    'stripe', 'evt_1', '01990000-0000-7000-8000-000000009a01', 'captured', 10455, 'EUR', now(), 'pi_1');

-- api.cancel_items: One of the two shirts is not wanted after all; a refund is requested apart.
SELECT api.cancel_items(
    '01990000-0000-7000-8000-00000000d001', '01990000-0000-7000-8000-0000000000c1', '{1}', '{1}', 'customer_request');

-- api.issue_invoice: The next number of the year's series, or the invoice there is.
SELECT number, total_minor FROM api.issue_invoice('01990000-0000-7000-8000-00000000d001');

-- api.ship: All that lies ready in the warehouse; or name lines and quantities.
SELECT api.ship(
    '01990000-0000-7000-8000-000000005001', '01990000-0000-7000-8000-00000000d001', warehouse_id => 1,
    carrier => 'An Post', tracking_number => 'CE123456785IE');

-- api.deliver: The carrier says that it arrived.
SELECT api.deliver('01990000-0000-7000-8000-000000005001') IS NOT NULL AS delivered;

-- api.request_return: It does not fit.
SELECT api.request_return(
    '01990000-0000-7000-8000-000000004e01', '01990000-0000-7000-8000-00000000d001', '{1}', '{1}', 'Too small');

-- api.receive_return: It is as new and goes back on the shelf; the answer is what may be refunded for it.
SELECT api.receive_return(
    '01990000-0000-7000-8000-000000004e01', '{1}', restocked => '{1}', written_off => '{0}', warehouse_id => 1);

SELECT api.request_refund(
    '01990000-0000-7000-8000-00000000ef00', '01990000-0000-7000-8000-000000009a01', 4920, 'Returned',
    return_id => '01990000-0000-7000-8000-000000004e01');

-- api.fail_refund: The provider refused it; what it was for may be refunded again, under a new key.
SELECT api.fail_refund('01990000-0000-7000-8000-00000000ef00');

-- api.request_refund: Before the provider is called, as with payments. It succeeds when its event is recorded.
SELECT api.request_refund(
    '01990000-0000-7000-8000-00000000ef01', '01990000-0000-7000-8000-000000009a01', 4920, 'Returned',
    return_id => '01990000-0000-7000-8000-000000004e01');

SELECT api.record_payment_event(
    'stripe', 'evt_refund', '01990000-0000-7000-8000-000000009a01', 'refunded', 4920, 'EUR', now(),
    refund_id => '01990000-0000-7000-8000-00000000ef01');

-- api.issue_credit_note: The money went back, and the invoice is corrected by as much.
SELECT number, amount_minor
FROM api.issue_credit_note('01990000-0000-7000-8000-00000000d001', '01990000-0000-7000-8000-00000000ef01');

-- api.order_history: The account page, 20 orders at a time; the next page begins before the last row of this one.
SELECT order_number, status, payment_status, fulfilment_status
FROM api.order_history('01990000-0000-7000-8000-000000000c01', page => 20);

-- api.order_details: One order as one document.
SELECT details ->> 'status' AS status, jsonb_array_length(details -> 'lines') AS lines
FROM api.order_details('01990000-0000-7000-8000-00000000d001') AS details;

-- api.copy_cart: Buy it again: a new cart with the lines that can still be bought.
SELECT api.copy_cart('01990000-0000-7000-8000-00000000ca01', '01990000-0000-7000-8000-00000000ca02');

SELECT status
FROM api.place_order(
    '01990000-0000-7000-8000-00000000d002', '01990000-0000-7000-8000-00000000ca02', 'anna@example.org', NULL,
    shipping => ROW('Anna Byrne', NULL, '1 Main Street', NULL, 'Dublin', NULL, 'D01 X2Y3', 'IE', NULL),
    billing => ROW('Anna Byrne', NULL, '1 Main Street', NULL, 'Dublin', NULL, 'D01 X2Y3', 'IE', NULL),
    shipping_method => 'standard', expected_total_minor => 10455);

-- api.cancel_order: Nothing was shipped yet: its stock and its coupon are free again.
SELECT api.cancel_order('01990000-0000-7000-8000-00000000d002', 'customer_request');

-- api.expire_unpaid_orders: A job, every minute.
SELECT api.expire_unpaid_orders(batch => 500);

SELECT api.record_payment_event('stripe', 'evt_2', NULL, 'captured', 500, 'EUR', now(), 'pi_unknown');

-- api.resolve_payment_exception: Money came for a payment that nobody knows. Somebody (shop.actor) has looked into it.
SELECT api.resolve_payment_exception(1, 'Belongs to the shop''s other account.') IS NOT NULL AS resolved;
