"""The outbox: at least once, in order per aggregate, whoever carries it."""

from collections import defaultdict

import pytest
from contract_shop import callers, together


def drain(caller, seen):
    """Claims and acknowledges until nothing is offered twice in a row; notes what it delivered."""
    idle = 0
    while idle < 3:
        events = caller.rows("claim_outbox", batch=7)
        idle = 0 if events else idle + 1
        for key, created, _, aggregate, sequence, *_, token in events:
            seen.append((aggregate, sequence))
            assert caller.call("ack_outbox", created_at=created, outbox_event_id=key, lease_token=token) == "published"


def filled(shop, orders=20):
    variant = shop.variant(stock=1000)
    for _ in range(orders):
        order = shop.order({variant: 3})
        shop.paid(order)
        shop.app.call("cancel_order", order_id=order, reason="no_need")


def ack(caller, event, **more):
    return caller.call("ack_outbox", created_at=event[1], outbox_event_id=event[0], lease_token=event[8], **more)


def test_several_workers_deliver_each_event_once_and_in_order(shop):
    filled(shop)
    delivered = []  # One list for all: append is atomic, so it is the order in which consumers saw them.
    with callers(shop, 6) as made:
        assert together(lambda i=i: drain(made[i], delivered) for i in range(6)) == [None] * 6
    drain(shop.app, delivered)
    by_aggregate = defaultdict(list)
    for aggregate, sequence in delivered:
        by_aggregate[aggregate].append(sequence)
    assert len(delivered) == shop.owner.value("SELECT count(*) FROM shop.outbox_events")
    assert all(sequences == list(range(1, len(sequences) + 1)) for sequences in by_aggregate.values())


def test_an_event_is_offered_again_when_its_lease_is_over_and_the_old_lease_is_worth_nothing(shop):
    filled(shop, 1)
    first = shop.app.rows("claim_outbox", batch=1)[0]
    assert shop.app.rows("claim_outbox") == []
    shop.owner.query(
        "UPDATE shop.outbox_events SET leased_until = now() - interval '1 second' WHERE leased_until IS NOT NULL"
    )
    again = shop.app.rows("claim_outbox")[0]
    assert (again[0], again[7]) == (first[0], 2)
    arguments = {"created_at": first[1], "outbox_event_id": first[0], "lease_token": first[8]}
    assert shop.app.refused("ack_outbox", **arguments).pgcode == "SH701"
    assert ack(shop.app, again) == "published"
    assert ack(shop.app, again) == "published"
    assert [event[4] for event in shop.app.rows("claim_outbox")] == [2]


def test_an_event_that_fails_ten_times_is_parked_and_holds_back_its_aggregate_alone(shop):
    filled(shop, 2)
    poison = None
    for attempt in range(1, 11):
        event = next(e for e in shop.app.rows("claim_outbox") if poison in (None, e[3]))
        poison = poison or event[3]
        assert ack(shop.app, event, error="No answer") == ("retry" if attempt < 10 else "parked")
        shop.owner.query("UPDATE shop.outbox_events SET leased_until = now() WHERE leased_until IS NOT NULL")
    delivered = []
    drain(shop.app, delivered)
    assert poison not in {aggregate for aggregate, _ in delivered}
    assert len(delivered) == 3


def test_purge_leaves_what_is_still_to_be_delivered_and_the_last_of_each_aggregate(shop):
    filled(shop, 2)
    drain(shop.app, [])
    filled(shop, 1)
    shop.owner.query("ALTER TABLE shop.outbox_events DISABLE TRIGGER USER")
    shop.owner.query(
        "UPDATE shop.outbox_events SET published_at = now() - interval '31 days' WHERE published_at IS NOT NULL"
    )
    shop.owner.query("ALTER TABLE shop.outbox_events ENABLE TRIGGER USER")
    assert dict(shop.app.rows("purge", batch=3))["outbox_events"] == 3
    assert dict(shop.app.rows("purge"))["outbox_events"] == 1
    assert shop.owner.query("SELECT published_at IS NULL, count(*) FROM shop.outbox_events GROUP BY 1 ORDER BY 1") == [
        (False, 2),
        (True, 3),
    ]


def parked(shop):
    """The key of an event that failed ten times, of an order with one more event behind it."""
    filled(shop, 1)
    for _ in range(10):
        (event,) = shop.app.rows("claim_outbox")
        state = ack(shop.app, event, error="HTTP 400")
        shop.owner.query("UPDATE shop.outbox_events SET leased_until = now() WHERE leased_until IS NOT NULL")
    assert state == "parked"
    return event[0]


def test_a_parked_event_is_listed_with_what_it_holds_back(shop):
    key = parked(shop)
    ((listed, event_type, _, _, sequence, since, attempts, error, held_back),) = shop.app.rows("parked_events")
    assert (listed, event_type, sequence, attempts, error, held_back) == (key, "order.placed", 1, 10, "HTTP 400", 2)
    assert since


@pytest.mark.parametrize(("decision", "answer", "delivered"), [("requeue", "requeued", [1, 2, 3]), ("skip", "skipped", [2, 3])])  # fmt: skip
def test_a_parked_event_is_offered_again_or_skipped_as_somebody_decides(shop, decision, answer, delivered):
    key = parked(shop)
    decided = {"outbox_event_id": key, "decision": decision, "reason": "The receiver is mended"}
    assert [shop.app.call("release_outbox", **decided) for _ in range(2)] == [answer] * 2
    assert shop.app.rows("parked_events") == []
    seen = []
    drain(shop.app, seen)
    assert [sequence for _, sequence in seen] == delivered
    assert shop.owner.query(
        "SELECT actor, changes -> 'last_error' ->> 1 FROM shop.audit_log WHERE table_name = 'outbox_events'"
    ) == [("staff:test", f"{decision} by staff:test: The receiver is mended")]
    refused = shop.app.refused("release_outbox", **decided | {"reason": "Once more"})
    assert refused.pgcode == "SH702"


def test_nobody_decides_about_a_parked_event_unnamed(shop):
    key = parked(shop)
    shop.app.query("SET shop.actor = ''")
    refused = shop.app.refused("release_outbox", outbox_event_id=key, decision="skip", reason="No")
    assert refused.pgcode == "SH109"
    assert len(shop.app.rows("parked_events")) == 1
