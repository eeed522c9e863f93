"""Orders after checkout: partial shipments, cancellations, returns; each counted once, whoever repeats it."""

import pytest
from contract_shop import callers, errors_of, together, uuid7


def ship(shop, order, caller=None, key=None, warehouse=0, **lines):
    return (caller or shop.app).call(
        "ship", shipment_id=key or uuid7(), order_id=order, warehouse_id=shop.warehouses[warehouse], carrier="Post",
        tracking_number=None, **lines,
    )  # fmt: skip


def paid_order(shop, lines):
    order = shop.order(lines)
    shop.paid(order)
    return order


def test_an_order_ships_in_parts_from_where_its_units_lie_and_completes_with_the_last(shop):
    order = paid_order(shop, {shop.variant(stock=[2, 5]): 4, shop.variant(stock=9): 3})
    assert ship(shop, order, line_numbers=[1, 2], quantities=[1, 2]) == 3
    assert shop.app.call("order_details", order_id=order)["fulfilment_status"] == "partial"
    assert ship(shop, order, warehouse=1) == 2
    assert ship(shop, order) == 2
    assert shop.status(order) == "completed"


def test_one_shipment_that_is_posted_by_8_connections_leaves_once(shop):
    order, key = paid_order(shop, {shop.variant(stock=9): 3}), uuid7()
    with callers(shop, 8) as made:
        results = together(lambda i=i: ship(shop, order, made[i], key) for i in range(8))
    assert results == [3] * 8
    refused = shop.app.refused(
        "ship", shipment_id=key, order_id=order, warehouse_id=1, carrier="Post", tracking_number=None,
        line_numbers=[1], quantities=[2],
    )  # fmt: skip
    assert refused.pgcode == "SH004"


def test_8_shipments_of_the_same_units_leave_once(shop):
    order = paid_order(shop, {shop.variant(stock=9): 3})
    with callers(shop, 8) as made:
        results = together(lambda i=i: ship(shop, order, made[i]) for i in range(8))
    assert sorted(errors_of(results)) == ["SH306"] * 7


def test_what_was_not_paid_or_was_cancelled_does_not_ship(shop):
    variant = shop.variant(stock=9)
    unpaid, cancelled = shop.order({variant: 1}), paid_order(shop, {variant: 1})
    shop.app.call("cancel_order", order_id=cancelled, reason="no_need")
    for order in (unpaid, cancelled):
        with pytest.raises(Exception) as refused:
            ship(shop, order)
        assert refused.value.pgcode == "SH306"


def test_cancelling_and_shipping_at_once_leave_one_winner(shop):
    variant = shop.variant(stock=100)
    orders = [paid_order(shop, {variant: 1}) for _ in range(12)]
    with callers(shop, 24) as made:
        results = together(
            [lambda i=i: ship(shop, orders[i], made[i]) for i in range(12)]
            + [lambda i=i: made[12 + i].call("cancel_order", order_id=orders[i], reason="no_need") for i in range(12)]
        )
    assert errors_of(results) == ["SH306"] * 12
    shipped = sum(shop.status(order) == "completed" for order in orders)
    assert shop.free(variant) == 100 - shipped


def test_cancelled_items_free_their_stock_once_and_the_rest_completes(shop):
    variant = shop.variant(stock=10)
    order, key = paid_order(shop, {variant: 3}), uuid7()
    cancel = {"order_id": order, "line_numbers": [1], "reason": "no_need"}
    assert [shop.app.call("cancel_items", cancellation_id=key, quantities=[1], **cancel) for _ in range(2)] == [
        1000,
        1000,
    ]
    assert shop.app.refused("cancel_items", cancellation_id=key, quantities=[2], **cancel).pgcode == "SH004"
    assert shop.app.refused("cancel_items", cancellation_id=uuid7(), quantities=[3], **cancel).pgcode == "SH307"
    assert shop.app.refused("cancel_items", cancellation_id=uuid7(), quantities=[2], **cancel).pgcode == "SH001"
    assert shop.free(variant) == 8
    ship(shop, order, line_numbers=[1], quantities=[1])
    shop.app.call("cancel_items", cancellation_id=uuid7(), quantities=[1], **cancel)
    assert shop.status(order) == "completed"
    assert shop.free(variant) == 9


def test_units_come_back_once_and_are_restocked_or_written_off(shop):
    variant = shop.variant(stock=10)
    order = paid_order(shop, {variant: 5})
    ship(shop, order)
    announce = {"order_id": order, "line_numbers": [1], "reason": "no_need"}
    back = uuid7()
    for _ in range(2):
        assert shop.app.call("request_return", return_id=back, quantities=[3], **announce) == back
    assert shop.app.refused("request_return", return_id=back, quantities=[2], **announce).pgcode == "SH004"
    assert shop.app.refused("request_return", return_id=uuid7(), quantities=[3], **announce).pgcode == "SH307"
    receipt = {"return_id": back, "written_off": [1], "warehouse_id": shop.warehouses[1]}
    doubled = receipt | {"line_numbers": [1, 1], "restocked": [1, 2], "written_off": [0, 0]}
    assert shop.app.refused("receive_return", **doubled).pgcode == "SH001"
    with callers(shop, 6) as made:
        results = together(
            lambda i=i: made[i].call("receive_return", line_numbers=[1], restocked=[2], **receipt) for i in range(6)
        )
    assert results == [3000] * 6
    assert shop.free(variant) == 7


def test_a_delivery_is_told_once_while_the_order_moves(shop):
    variant = shop.variant(stock=50)
    orders = [paid_order(shop, {variant: 3}) for _ in range(6)]
    keys = [uuid7() for _ in orders]
    for order, key in zip(orders, keys, strict=True):
        ship(shop, order, key=key, line_numbers=[1], quantities=[1])
    with callers(shop, 18) as made:
        results = together(
            [lambda i=i: made[i].call("deliver", shipment_id=keys[i % 6]) for i in range(12)]
            + [lambda i=i: ship(shop, orders[i], made[12 + i]) for i in range(6)]
        )
    assert errors_of(results) == []
    assert shop.owner.value("SELECT count(*) FROM shop.outbox_events WHERE event_type = 'order.delivered'") == 6


def test_history_pages_by_key_and_shows_each_order_once(shop):
    variant, customer = shop.variant(stock=50), shop.customer()
    orders = [shop.order({variant: 1}, customer=customer) for _ in range(7)]
    seen, cursor = [], {}
    while rows := shop.app.rows("order_history", customer_id=customer, page=3, **cursor):
        seen += [row[0] for row in rows]
        cursor = {"before_order_id": rows[-1][0], "before_placed_at": rows[-1][2]}
    assert seen == orders[::-1]


def test_an_order_from_more_slots_than_an_order_has_lines_ships_at_once(shop):
    variant = shop.variant(stock=256)
    shop.app.call("split_stock", variant_id=variant, warehouse_id=shop.warehouses[0], slots=256)
    order = paid_order(shop, {variant: 250})
    assert ship(shop, order) == 250
    assert shop.owner.value("SELECT line_count FROM shop.shipments WHERE order_id = %s", (order,)) == 250
    assert shop.status(order) == "completed"


def test_a_cancellation_is_told_by_a_code_and_in_no_words(shop):
    order = shop.order({shop.variant(stock=1): 1})
    refused = shop.app.refused("cancel_order", order_id=order, reason="Aoife Byrne, 3 Long Lane, is too ill")
    assert (refused.pgcode, refused.diag.message_primary.partition(":")[0]) == ("SH001", "reason")
    assert shop.app.call("cancel_order", order_id=order, reason="customer_request") == "cancelled"


def test_an_actor_of_200_characters_is_written_down_and_a_longer_one_refused_by_name(shop):
    variant = shop.variant(stock=2)
    orders = {None: shop.order({variant: 1}), "s" * 200: shop.order({variant: 1})}
    shop.app.query("SELECT set_config('shop.actor', %s, false)", ("s" * 201,))
    refused = shop.app.refused("cancel_order", order_id=orders[None], reason="customer_request")
    assert refused.pgcode == "SH109"
    assert "201 characters" in refused.diag.message_primary
    assert refused.diag.message_hint
    for actor, order in orders.items():
        shop.app.query("SELECT set_config('shop.actor', %s, false)", (actor or "  ",))
        shop.app.call("cancel_order", order_id=order, reason="customer_request")
        assert (
            shop.owner.value(
                "SELECT actor FROM shop.order_status_history WHERE order_id = %s AND to_status = 'cancelled'", (order,)
            )
            == actor
        )
