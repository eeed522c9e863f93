"""The outbox: at least once, in order per aggregate, whoever carries it."""

from collections import defaultdict

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
        shop.app.call("cancel_order", order_id=order, reason="No")


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
