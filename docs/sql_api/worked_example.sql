-- A guest fills a cart: two shirts.
SELECT api.create_cart('01990000-0000-7000-8000-00000000ca01', 'EUR');
SELECT api.set_cart_item('01990000-0000-7000-8000-00000000ca01', 1, 2) AS cart_version;

-- Ireland's prices contain 23 % VAT. This is what the guest sees, and agrees to.
SELECT quote ->> 'subtotal_minor' AS goods, quote ->> 'shipping_minor' AS shipping,
       quote ->> 'tax_minor' AS tax_within, quote ->> 'total_minor' AS total
FROM api.quote_cart('01990000-0000-7000-8000-00000000ca01', 'IE', NULL, 'standard') AS quote;

-- The order at exactly that total. The call may be repeated: it is the same order.
SELECT order_number, total_minor, currency, status
FROM api.place_order(
    '01990000-0000-7000-8000-00000000d001', '01990000-0000-7000-8000-00000000ca01', 'guest@example.net', NULL,
    ROW('Aoife Daly', NULL, '2 Quay Road', NULL, 'Cork', NULL, 'T12 X2Y3', 'IE', NULL),
    ROW('Aoife Daly', NULL, '2 Quay Road', NULL, 'Cork', NULL, 'T12 X2Y3', 'IE', NULL),
    'standard', 10455);
SELECT on_hand, reserved, available FROM api.stock_of(1);

-- The payment is written down, the provider is called with its key, and answers by webhook, in the wrong order and twice.
SELECT api.start_payment(
    '01990000-0000-7000-8000-000000009a01', '01990000-0000-7000-8000-00000000d001', 'stripe', 'card') AS to_charge;
SELECT api.record_payment_event(
    'stripe', 'evt_2', '01990000-0000-7000-8000-000000009a01', 'captured', 10455, 'EUR', now(), 'pi_1');
SELECT api.record_payment_event(
    'stripe', 'evt_1', '01990000-0000-7000-8000-000000009a01', 'authorized', 10455, 'EUR', now(), 'pi_1');
SELECT api.record_payment_event(
    'stripe', 'evt_2', '01990000-0000-7000-8000-000000009a01', 'captured', 10455, 'EUR', now(), 'pi_1');

-- The order has moved on by itself. It is billed, shipped and delivered.
SELECT number, total_minor, issued_at IS NOT NULL AS issued FROM api.issue_invoice('01990000-0000-7000-8000-00000000d001');
SELECT api.ship(
    '01990000-0000-7000-8000-000000005001', '01990000-0000-7000-8000-00000000d001', 1, 'An Post', 'CE123456785IE') AS units;
SELECT api.deliver('01990000-0000-7000-8000-000000005001') IS NOT NULL AS delivered;

-- One shirt comes back, as new. What may be refunded for it follows from what was paid for it.
SELECT api.request_return(
    '01990000-0000-7000-8000-000000004e01', '01990000-0000-7000-8000-00000000d001', '{1}', '{1}', 'Too small') AS return_id;
SELECT api.receive_return('01990000-0000-7000-8000-000000004e01', '{1}', '{1}', '{0}', 1) AS refundable_minor;
SELECT api.request_refund(
    '01990000-0000-7000-8000-00000000ef01', '01990000-0000-7000-8000-000000009a01', 4920, 'Returned',
    '01990000-0000-7000-8000-000000004e01') AS refund;
SELECT api.record_payment_event(
    'stripe', 'evt_3', '01990000-0000-7000-8000-000000009a01', 'refunded', 4920, 'EUR', now(), 'pi_1',
    refund_id => '01990000-0000-7000-8000-00000000ef01');

-- The customer gets a credit note for it, numbered in a series of its own.
SELECT number, amount_minor
FROM api.issue_credit_note('01990000-0000-7000-8000-00000000d001', '01990000-0000-7000-8000-00000000ef01');

-- Where it stands now, and the stock with it.
SELECT details ->> 'status' AS status, details ->> 'fulfilment_status' AS fulfilment,
       details ->> 'captured_minor' AS captured, details ->> 'refunded_minor' AS refunded
FROM api.order_details('01990000-0000-7000-8000-00000000d001') AS details;
SELECT on_hand, reserved, available FROM api.stock_of(1);
