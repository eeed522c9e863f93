"""Payments: events fold to the same state however they come, and the books follow."""

import datetime as dt
import json
import re

import psycopg2
import pytest
from contract_shop import callers, errors_of, shuffled, tell, together, uuid7

HAPPENED = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)


def start(shop, order, amount=None):
    payment = uuid7()
    shop.app.call(
        "start_payment", payment_id=payment, order_id=order, provider="stripe", method="card", amount_minor=amount
    )
    return payment


def story(shop):
    """Orders with payments of every fate, and the events that tell it, each a tuple for tell()."""
    variant = shop.variant(stock=1000)
    events = []
    orders = [shop.order({variant: 2}) for _ in range(8)]  # 24.99 each
    whole = [start(shop, order) for order in orders[:6]]
    events += [(whole[0], "authorized", 2499), (whole[0], "captured", 1000), (whole[0], "captured", 1499)]
    events += [(whole[1], "captured", 2499), (whole[1], "refunded", 500), (whole[1], "refunded", 700)]
    events += [(whole[2], "captured", 2499), (whole[2], "captured", 1), (whole[2], "refunded", 2600)]
    events += [(whole[3], "captured", 2499), (whole[3], "dispute_opened", 2499), (whole[3], "dispute_lost", 0)]
    events += [(whole[4], "captured", 2499, "USD"), (whole[4], "authorized", 2499)]
    events += [(whole[5], "authorized", 2499), (whole[5], "captured", 2499), (None, "captured", 123)]
    first = start(shop, orders[6])
    tell(shop.app, first, "failed")
    events += [(start(shop, orders[6]), "captured", 2499), (first, "failed", 0)]
    halves = [start(shop, orders[7], amount) for amount in (1000, 1499)]
    events += [(halves[0], "captured", 1000), (halves[1], "captured", 1499), (halves[1], "refunded", 99)]
    disputed = [start(shop, shop.order({variant: 2})) for _ in range(6)]
    events += [(payment, "captured", 2499) for payment in disputed]
    for payment, verdicts in zip(disputed, VERDICTS, strict=True):
        events.append((payment, "dispute_opened", 2499))
        events += [(payment, f"dispute_{verdict}", amount) for verdict, amount in verdicts]
    # Two disputes of one payment, and verdicts on what is no order's.
    events += [(disputed[5], "dispute_opened", 500, "EUR", "dp_2"), (disputed[5], "dispute_lost", 500, "EUR", "dp_2")]
    events += [(disputed[5], "dispute_lost", 7, "USD"), (None, "dispute_lost", 11), (None, "dispute_won", 11)]
    return [(event, number) for number, event in enumerate(events)]


# What became of a dispute, in the order in which it happened: verdicts and what they say is lost or won.
VERDICTS = (
    (("won", 2499),),
    (("lost", 2499),),
    (("lost", 1000),),
    (("lost", 2499), ("won", 2499)),
    (("won", 0), ("lost", 0)),
    (("lost", 1999), ("won", 0), ("lost", 1499)),
)


def deliver(caller, events):
    for (payment, kind, amount, *about), number in events:
        currency, dispute, *_ = (*about, *("EUR", None)[len(about) :])
        tell(
            caller,
            payment,
            kind,
            amount,
            currency,
            event=f"evt_{number}",
            # Each happened after those before it in the story, whatever the order in which they are delivered.
            occurred_at=HAPPENED + dt.timedelta(minutes=number),
            dispute_reference=dispute,
        )


def state(shop):
    """All that the events decide, without the keys and moments that differ between two databases or deliveries."""
    return (
        shop.owner.query(
            "SELECT order_number, status, payment_status, intended_minor, authorized_minor, captured_minor, refunded_minor"
            " FROM shop.orders ORDER BY 1"
        ),
        shop.owner.query(
            "SELECT o.order_number, p.amount_minor, p.state, p.authorized_minor, p.captured_minor, p.refunded_minor, p.closed_at IS NULL"
            " FROM shop.payments AS p JOIN shop.orders AS o USING (order_id) ORDER BY p.created_at"
        ),
        shop.owner.query(
            "SELECT o.order_number, e.kind, e.amount_minor, e.currency FROM shop.payment_exceptions AS e"
            " LEFT JOIN shop.payments USING (payment_id) LEFT JOIN shop.orders AS o USING (order_id)"
            " WHERE e.resolved_at IS NULL ORDER BY 1, 2, 3"
        ),
        shop.balances(),
        shop.owner.query(
            "SELECT o.order_number, account, sum(amount_minor) FROM shop.journal_lines JOIN shop.journals USING (journal_id)"
            " LEFT JOIN shop.orders AS o USING (order_id) GROUP BY 1, 2 HAVING sum(amount_minor) <> 0 ORDER BY 1, 2"
        ),
    )


@pytest.fixture(scope="module")
def clean_state(copy_of, scratch_template, app_credentials):
    from contract_shop import Shop

    with copy_of(scratch_template) as settings:
        shop = Shop(settings, *app_credentials)
        deliver(shop.app, story(shop))
        found = state(shop)
        shop.close()
    return found


@pytest.mark.parametrize("seed", range(10))
def test_200_shuffled_deliveries_make_the_state_of_one_clean_delivery(shop, clean_state, seed):
    events = story(shop)
    deliver(shop.app, shuffled(events, seed))
    for again in range(20):
        deliver(shop.app, shuffled(events, seed * 20 + again))
    assert state(shop) == clean_state


def test_concurrent_deliveries_of_one_stream_make_the_same_state(shop, clean_state):
    events = story(shop)
    with callers(shop, 8) as made:
        results = together(lambda i=i: deliver(made[i], shuffled(events, i)) for i in range(8))
    assert errors_of(results) == []
    assert state(shop) == clean_state


def test_one_event_that_comes_from_16_connections_counts_once(shop):
    payment = start(shop, shop.order({shop.variant(stock=1): 1}))
    with callers(shop, 16) as made:
        results = together(lambda i=i: tell(made[i], payment, "captured", 1499, event="once") for i in range(16))
    assert sorted(results) == ["applied"] + ["duplicate"] * 15
    assert shop.balances() == {
        ("provider_clearing", "EUR"): 1499,
        ("revenue", "EUR"): -840,
        ("shipping_revenue", "EUR"): -419,
        ("tax_payable", "EUR"): -240,
    }


def test_receivable_is_nought_when_all_is_paid_cancelled_returned_and_refunded(shop):
    books, food = shop.variant(stock=50, EUR=1999), shop.variant(stock=50, tax_class="reduced", EUR=333)
    shop.coupon("THIRD", rate=0.333333)
    cancelled = shop.order({books: 3, food: 7}, coupon="THIRD")
    payment = shop.paid(cancelled)
    for number in (1, 2):
        shop.app.call(
            "cancel_items",
            order_id=cancelled,
            cancellation_id=uuid7(),
            line_numbers=[number],
            quantities=[1],
            reason="no_need",
        )
    shop.app.call("cancel_order", order_id=cancelled, reason="no_need")
    total = shop.owner.value("SELECT total_minor FROM shop.orders WHERE order_id = %s", (cancelled,))
    refund(shop, payment, total)

    returned = shop.order({books: 3, food: 7}, coupon="THIRD")
    payment = shop.paid(returned)
    shop.app.call(
        "ship",
        shipment_id=uuid7(),
        order_id=returned,
        warehouse_id=shop.warehouses[0],
        carrier="Post",
        tracking_number=None,
    )
    for lines, units in (([1, 2], [1, 3]), ([1, 2], [2, 4])):
        back = uuid7()
        shop.app.call(
            "request_return", return_id=back, order_id=returned, line_numbers=lines, quantities=units, reason="no_need"
        )
        worth = shop.app.call(
            "receive_return",
            return_id=back,
            line_numbers=lines,
            restocked=units,
            written_off=[0, 0],
            warehouse_id=shop.warehouses[1],
        )
        refund(shop, payment, worth, back)
    balances = shop.balances()
    assert ("receivable", "EUR") not in balances
    # Goods and their tax are given back to the cent; the delivery that took place stays.
    assert balances == {
        ("provider_clearing", "EUR"): 499,
        ("shipping_revenue", "EUR"): -419,
        ("tax_payable", "EUR"): -80,
    }


def refund(shop, payment, amount, return_id=None):
    key = uuid7()
    shop.app.call(
        "request_refund", refund_id=key, payment_id=payment, amount_minor=amount, reason="Back", return_id=return_id
    )
    assert tell(shop.app, payment, "refunded", amount, refund_id=key) == "applied"
    assert shop.owner.value("SELECT state FROM shop.refunds WHERE refund_id = %s", (key,)) == "succeeded"
    return key


def test_partial_captures_up_to_the_authorization(shop):
    order = shop.order({shop.variant(stock=1): 1})
    payment = start(shop, order)
    assert tell(shop.app, payment, "authorized", 1499) == "applied"
    assert shop.status(order) == "confirmed"
    assert tell(shop.app, payment, "captured", 1000) == "applied"
    assert shop.app.call("order_details", order_id=order)["payment_status"] == "partial"
    assert tell(shop.app, payment, "captured", 499) == "applied"
    assert tell(shop.app, payment, "captured", 1) == "exception"
    assert shop.balances()["suspense", "EUR"] == -1


def test_a_refund_never_exceeds_what_was_captured_or_came_back(shop):
    order = shop.order({shop.variant(stock=5): 2})
    payment = shop.paid(order)
    shop.app.call(
        "ship",
        shipment_id=uuid7(),
        order_id=order,
        warehouse_id=shop.warehouses[0],
        carrier="Post",
        tracking_number=None,
    )
    back = uuid7()
    shop.app.call("request_return", return_id=back, order_id=order, line_numbers=[1], quantities=[1], reason="no_need")
    request = {"payment_id": payment, "reason": "Back"}
    assert (
        shop.app.refused("request_refund", refund_id=uuid7(), amount_minor=1, return_id=back, **request).pgcode
        == "SH502"
    )
    shop.app.call(
        "receive_return",
        return_id=back,
        line_numbers=[1],
        restocked=[0],
        written_off=[1],
        warehouse_id=shop.warehouses[0],
    )
    assert (
        shop.app.refused("request_refund", refund_id=uuid7(), amount_minor=1001, return_id=back, **request).pgcode
        == "SH502"
    )
    with callers(shop, 8) as made:
        results = together(
            lambda i=i: made[i].call("request_refund", refund_id=uuid7(), amount_minor=600, **request) for i in range(8)
        )
    assert sorted(errors_of(results)) == ["SH502"] * 4


def test_a_refund_that_failed_can_be_requested_again(shop):
    payment = shop.paid(shop.order({shop.variant(stock=1): 1}))
    first = uuid7()
    request = {"payment_id": payment, "amount_minor": 1499, "reason": "Back"}
    shop.app.call("request_refund", refund_id=first, **request)
    assert shop.app.refused("request_refund", refund_id=uuid7(), **request).pgcode == "SH502"
    assert [shop.app.call("fail_refund", refund_id=first) for _ in range(2)] == ["failed", "failed"]
    refund(shop, payment, 1499)


def test_failure_and_retry_with_another_method(shop):
    order = shop.order({shop.variant(stock=1): 1})
    first = start(shop, order)
    assert (
        shop.app.refused("start_payment", payment_id=uuid7(), order_id=order, provider="stripe", method="card").pgcode
        == "SH501"
    )
    assert tell(shop.app, first, "failed") == "applied"
    assert shop.status(order) == "pending"
    shop.paid(order)
    assert shop.status(order) == "confirmed"


def test_a_void_after_the_order_was_confirmed_is_an_exception_that_somebody_resolves(shop):
    order = shop.order({shop.variant(stock=1): 1})
    payment = start(shop, order)
    tell(shop.app, payment, "authorized", 1499)
    assert tell(shop.app, payment, "voided") == "exception"
    assert shop.status(order) == "confirmed"
    ((key, kind),) = shop.owner.query(
        "SELECT payment_exception_id, kind FROM shop.payment_exceptions WHERE resolved_at IS NULL"
    )
    assert kind == "authorization_lost"
    resolve = {"payment_exception_id": key, "resolution": "Paid by invoice"}
    assert shop.app.call("resolve_payment_exception", **resolve) == shop.app.call(
        "resolve_payment_exception", **resolve
    )
    assert shop.app.refused("resolve_payment_exception", payment_exception_id=key, resolution="Other").pgcode == "SH503"


@pytest.mark.parametrize(
    ("kind", "amount", "currency", "known", "exception"),
    [
        ("captured", 5, "EUR", False, "unknown_payment"),
        ("captured", 1499, "USD", True, "other_currency"),
        ("dispute_opened", 1499, "EUR", True, "dispute"),
        ("refunded", 5, "EUR", True, "over_refund"),
        ("captured", 1500, "EUR", True, "over_capture"),
    ],
)
def test_what_breaks_a_rule_is_stored_and_listed(shop, kind, amount, currency, known, exception):
    payment = start(shop, shop.order({shop.variant(stock=1): 1}))
    assert tell(shop.app, payment if known else uuid7(), kind, amount, currency) == "exception"
    assert shop.owner.query("SELECT kind FROM shop.payment_exceptions") == [(exception,)]
    assert shop.owner.value("SELECT count(*) FROM shop.payment_events") == 1


def lost(shop, order):
    """What the books say that an order's customer owes again, and what the provider took for it."""
    return tuple(
        int(
            shop.owner.value(
                "SELECT coalesce(sum(amount_minor), 0) FROM shop.journals JOIN shop.journal_lines USING (journal_id)"
                " WHERE order_id = %s AND kind = 'dispute' AND account = %s",
                (order, account),
            )
        )
        for account in ("receivable", "provider_clearing")
    )


def test_a_lost_dispute_is_booked_once_and_booked_back_when_it_is_won_after_all(shop):
    order = shop.order({shop.variant(stock=1): 1})
    payment = shop.paid(order)
    tell(shop.app, payment, "dispute_opened", 1499)
    assert lost(shop, order) == (0, 0)
    for _ in range(2):
        tell(shop.app, payment, "dispute_lost", 0, event="verdict")
        assert lost(shop, order) == (1499, -1499)
    assert shop.balances()["receivable", "EUR"] == 1499
    tell(shop.app, payment, "dispute_won", 0)
    assert lost(shop, order) == (0, 0)
    assert shop.violations() == []


def test_a_verdict_that_comes_late_changes_nothing(shop):
    order = shop.order({shop.variant(stock=1): 1})
    payment = shop.paid(order)
    tell(shop.app, payment, "dispute_won", 0, occurred_at=HAPPENED + dt.timedelta(days=2))
    tell(shop.app, payment, "dispute_lost", 1499, occurred_at=HAPPENED + dt.timedelta(days=1))
    assert lost(shop, order) == (0, 0)


def test_what_a_verdict_is_about_may_come_after_it(shop):
    order = shop.order({shop.variant(stock=1): 1})
    payment = shop.paid(order)
    tell(shop.app, payment, "dispute_lost", 0)
    assert lost(shop, order) == (0, 0)
    tell(shop.app, payment, "dispute_opened", 800)
    assert lost(shop, order) == (800, -800)


def test_what_a_bank_took_back_is_not_refunded_again(shop):
    order = shop.order({shop.variant(stock=1): 1})
    payment = shop.paid(order)
    tell(shop.app, payment, "dispute_lost", 1000)
    request = {"refund_id": uuid7(), "payment_id": payment, "reason": "Back"}
    error = shop.app.refused("request_refund", amount_minor=500, **request)
    assert (error.pgcode, json.loads(error.diag.message_detail)) == ("SH502", {"refundable_minor": 499})
    shop.app.call("request_refund", amount_minor=499, **request)


def test_only_a_dispute_has_the_reference_of_one(shop):
    payment = start(shop, shop.order({shop.variant(stock=1): 1}))
    for event in (
        {"kind": "captured", "dispute_reference": "dp_1"},
        {"kind": "dispute_lost", "dispute_reference": " "},
    ):
        arguments = {"provider": "stripe", "provider_event_id": uuid7(), "payment_id": payment, "amount_minor": 1}
        error = shop.app.refused("record_payment_event", **arguments, **event, currency="EUR", occurred_at=HAPPENED)
        assert error.pgcode == "SH001"


def test_payments_open_together_never_exceed_what_is_owed(shop):
    order = shop.order({shop.variant(stock=1): 1})
    with callers(shop, 8) as made:
        results = together(
            lambda i=i: made[i].call(
                "start_payment", payment_id=uuid7(), order_id=order, provider="stripe", method="card", amount_minor=500
            )
            for i in range(8)
        )
    assert sorted(errors_of(results)) == ["SH501"] * 6


def test_one_key_of_a_payment_serves_one_order_when_two_race(shop):
    orders = [shop.order({shop.variant(stock=1): 1}) for _ in range(8)]
    key = uuid7()
    with callers(shop, 8) as made:
        results = together(
            lambda i=i: made[i].call(
                "start_payment", payment_id=key, order_id=orders[i], provider="stripe", method="card"
            )
            for i in range(8)
        )
    assert errors_of(results) == ["SH004"] * 7


def test_a_reference_that_two_payments_claim_at_once_loses_no_money(shop):
    payments = [start(shop, shop.order({shop.variant(stock=1): 1})) for _ in range(8)]
    with callers(shop, 8) as made:
        results = together(
            lambda i=i: tell(made[i], payments[i], "captured", 1499, provider_reference="pi_1") for i in range(8)
        )
    assert results == ["applied"] * 8


def test_an_order_that_is_paid_for_once_a_part_is_cancelled_is_confirmed(shop):
    order = shop.order({shop.variant(stock=5): 2})
    payment = start(shop, order, 1499)
    tell(shop.app, payment, "captured", 1499)
    assert shop.status(order) == "pending"
    shop.app.call(
        "cancel_items", order_id=order, cancellation_id=uuid7(), line_numbers=[1], quantities=[1], reason="no_need"
    )
    assert shop.status(order) == "confirmed"
    assert ("receivable", "EUR") not in shop.balances()


def test_invoices_are_numbered_without_a_gap_whoever_issues_them(shop):
    variant = shop.variant(stock=100)
    orders = [shop.order({variant: 1}) for _ in range(24)]
    for order in orders[:20]:
        shop.paid(order)
    with callers(shop, 48) as made:
        results = together(lambda i=i: made[i].rows("issue_invoice", order_id=orders[i // 2])[0][:2] for i in range(48))
    assert errors_of(results) == ["SH306"] * 8
    issued = sorted(set(results[:40]))
    assert [number for _, number in issued] == list(range(1, 21))
    assert all(re.fullmatch(r"INV-\d{4}", series) for series, _ in issued)


def test_an_invoice_bills_the_tax_of_what_was_not_cancelled(shop):
    dear, food = shop.variant(stock=5, EUR=1190), shop.variant(stock=5, tax_class="reduced", EUR=1070)
    order = shop.order({dear: 1, food: 1})
    shop.paid(order)
    shop.app.call(
        "cancel_items", order_id=order, cancellation_id=uuid7(), line_numbers=[1], quantities=[1], reason="no_need"
    )
    shop.app.rows("issue_invoice", order_id=order)
    assert shop.owner.query("SELECT total_minor, tax_minor FROM shop.invoices") == [(1070 + 499, 70 + 80)]


def test_of_a_providers_message_only_codes_under_listed_keys_are_kept(shop):
    payment = start(shop, shop.order({shop.variant(stock=1): 1}))
    message = {
        "object": "charge", "network": "visa", "livemode": True, "fee_minor": 31, "wallet": None,
        "reason": "Aoife Byrne did not answer", "outcome": {"name": "Aoife"}, "decline_code": ["Aoife"],
        "billing_details": {"name": "Aoife Byrne", "email": "aoife@example.org"}, "receipt_email": "aoife@example.org",
    }  # fmt: skip
    assert tell(shop.app, payment, "authorized", 1499, payload=json.dumps(message)) == "applied"
    kept = {"object": "charge", "network": "visa", "livemode": True, "fee_minor": 31, "wallet": None}
    assert shop.owner.value("SELECT payload FROM shop.payment_events") == kept


def test_no_name_reaches_the_inbox_past_the_function(shop):
    payment = start(shop, shop.order({shop.variant(stock=1): 1}))
    for payload, guard in (
        ({"receipt_email": "x"}, "ck_payment_events_payload_keys"),
        ({"reason": "Aoife Byrne"}, "ck_payment_events_payload_values_are_codes"),
        ({"reason": {"name": "x"}}, "ck_payment_events_payload_values_are_codes"),
    ):
        with pytest.raises(psycopg2.errors.CheckViolation) as refused:
            shop.owner.query(
                "INSERT INTO shop.payment_events"
                " (provider, provider_event_id, payment_id, kind, amount_minor, currency, occurred_at, payload)"
                " VALUES ('stripe', 'evt', %s, 'authorized', 1, 'EUR', now(), %s)",
                (payment, json.dumps(payload)),
            )
        assert refused.value.diag.constraint_name == guard


# Credit notes -----------------------------------------------------------------------------------------------------------


def credit(caller, order, key=None):
    return caller.rows("issue_credit_note", order_id=order, refund_id=key)


def test_a_credit_note_documents_a_refund_once_and_numbers_have_no_gap(shop):
    variant = shop.variant(stock=100)
    refunds = {}
    for _ in range(12):
        order = shop.order({variant: 1})
        payment = shop.paid(order)
        shop.app.rows("issue_invoice", order_id=order)
        refunds[order] = refund(shop, payment, 100)
    orders = list(refunds)
    with callers(shop, 24) as made:
        results = together(lambda i=i: credit(made[i], orders[i // 2], refunds[orders[i // 2]])[0] for i in range(24))
    assert errors_of(results) == []
    assert sorted({number for _, number, *_ in results}) == list(range(1, 13))
    assert {(series[:3], amount) for series, _, _, amount in results} == {("CN-", 100)}
    assert shop.owner.query("SELECT DISTINCT credited_minor FROM shop.invoices") == [(100,)]


def test_a_credit_note_needs_an_invoice_and_money_that_went_back(shop):
    variant = shop.variant(stock=9)
    order, other = shop.order({variant: 1}), shop.order({variant: 1})
    payment = shop.paid(order)
    done = refund(shop, payment, 100)
    assert shop.app.refused("issue_credit_note", order_id=order, refund_id=done).pgcode == "SH504"
    shop.app.rows("issue_invoice", order_id=order)
    waiting = uuid7()
    shop.app.call("request_refund", refund_id=waiting, payment_id=payment, amount_minor=100, reason="Back")
    assert shop.app.refused("issue_credit_note", order_id=order, refund_id=waiting).pgcode == "SH504"
    assert shop.app.refused("issue_credit_note", order_id=other, refund_id=done).pgcode == "SH005"
    assert shop.app.refused("issue_credit_note", order_id=order).pgcode == "SH306"
    assert len(credit(shop.app, order, done)) == 1


def test_what_is_given_on_top_of_returns_and_cancellations_comes_off_the_revenue(shop):
    order = shop.order({shop.variant(stock=5, EUR=1190): 2})
    payment = shop.paid(order)
    shop.app.rows("issue_invoice", order_id=order)
    shop.app.call("cancel_items", order_id=order, cancellation_id=uuid7(), line_numbers=[1], quantities=[1],
                  reason="out_of_stock")  # fmt: skip
    cancelled = refund(shop, payment, 1190)
    before = shop.balances()
    credit(shop.app, order, cancelled)
    assert shop.balances() == before, "the cancellation is in the books already"
    goodwill = refund(shop, payment, 238)
    assert shop.balances()["receivable", "EUR"] == 238
    for _ in range(2):
        credit(shop.app, order, goodwill)
        after = shop.balances()
        assert ("receivable", "EUR") not in after
        assert before["revenue", "EUR"] - after["revenue", "EUR"] == -200
        assert before["tax_payable", "EUR"] - after["tax_payable", "EUR"] == -38


def test_the_invoice_of_a_cancelled_order_is_credited_to_its_end_and_not_beyond(shop):
    order = shop.order({shop.variant(stock=5): 1})
    payment = shop.paid(order)
    shop.app.rows("issue_invoice", order_id=order)
    first = refund(shop, payment, 499)
    credit(shop.app, order, first)
    shop.app.call("cancel_order", order_id=order, reason="customer_request")
    assert [credit(shop.app, order)[0][3] for _ in range(2)] == [1000, 1000]
    rest = refund(shop, payment, 1000)
    refused = shop.app.refused("issue_credit_note", order_id=order, refund_id=rest)
    assert (refused.pgcode, json.loads(refused.diag.message_detail)) == ("SH505", {"creditable_minor": 0})
