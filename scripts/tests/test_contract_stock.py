"""Stock under contention: not one unit more than there is, not one unit less, and "sold out" only when it is true."""

import random

import psycopg2
import pytest
from contract_shop import callers, errors_of, place, tell, together, uuid7

BUYERS = 64
STOCK = 50


def race(shop, variant, quantities, coupon=None, beside=(), shipping=499):
    """All buyers order at once, each a cart of its own, while the jobs beside run; returns the buyers' results."""
    carts = [shop.cart({variant: quantity}, coupon=coupon) for quantity in quantities]
    totals = [shop.quote(cart)["total_minor"] for cart in carts]
    with callers(shop, len(carts) + len(beside)) as made:
        jobs = [lambda i=i: place(made[i], carts[i], totals[i]) for i in range(len(carts))]
        jobs += [
            lambda job=job, caller=caller: job(caller) for job, caller in zip(beside, made[len(carts) :], strict=True)
        ]
        results = together(jobs)
    assert errors_of(results[len(carts) :]) == []
    return results[: len(carts)]


def sold_units(results, quantities):
    return sum(quantity for result, quantity in zip(results, quantities, strict=True) if isinstance(result, str))


@pytest.mark.parametrize("slots", [0, 1, 4, 16, 60])
@pytest.mark.parametrize("seed", [1, 2])
def test_64_buyers_of_50_units_get_50_units_or_the_truth(shop, slots, seed):
    variant = shop.variant(stock=STOCK)
    if slots:
        shop.app.call("split_stock", variant_id=variant, warehouse_id=shop.warehouses[0], slots=slots)
    chance = random.Random(seed)  # noqa: S311
    quantities = [chance.randint(1, 3) for _ in range(BUYERS)]

    results = race(shop, variant, quantities)

    assert set(errors_of(results)) == {"SH303"}
    left = shop.free(variant)
    assert sold_units(results, quantities) + left == STOCK
    # Who was refused could not be served by what is left at the end: it only ever became less.
    assert all(quantity > left for quantity, r in zip(quantities, results, strict=True) if not isinstance(r, str))


@pytest.mark.parametrize("slots", [0, 8])
def test_single_units_sell_out_exactly(shop, slots):
    variant = shop.variant(stock=[30, 20])
    if slots:
        for warehouse in shop.warehouses:
            shop.app.call("split_stock", variant_id=variant, warehouse_id=warehouse, slots=slots)
    results = race(shop, variant, [1] * BUYERS)
    assert errors_of(results) == ["SH303"] * (BUYERS - STOCK)
    assert shop.free(variant) == 0


@pytest.mark.parametrize("slots", [0, 8])
def test_a_coupon_for_10_is_used_10_times_by_64_buyers(shop, slots):
    coupon = shop.coupon("FIRST10", rate=0.1, usage_limit=10)
    variant = shop.variant(stock=STOCK)
    if slots:
        shop.app.call("split_stock", variant_id=variant, warehouse_id=shop.warehouses[0], slots=slots)
    results = race(shop, variant, [1] * BUYERS, coupon="FIRST10")
    assert errors_of(results) == ["SH302"] * (BUYERS - 10)
    assert shop.owner.value("SELECT times_used FROM shop.coupons WHERE coupon_id = %s", (coupon,)) == 10
    assert shop.free(variant) == STOCK - 10


@pytest.mark.parametrize("slots", [0, 8])
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_buyers_cancels_and_expiries_meet_without_a_deadlock(shop, slots, seed):
    shop.coupon("MANY", rate=0.1, usage_limit=40)
    variants = [shop.variant(stock=STOCK) for _ in range(3)]
    if slots:
        for variant in variants:
            shop.app.call("split_stock", variant_id=variant, warehouse_id=shop.warehouses[0], slots=slots)
    chance = random.Random(seed)  # noqa: S311

    def some_lines():
        return {variant: chance.randint(1, 3) for variant in chance.sample(variants, chance.randint(1, 3))}

    earlier = [shop.order(some_lines(), coupon=chance.choice([None, "MANY"])) for _ in range(24)]
    for order in earlier[:12]:
        shop.elapse(order)
    carts = [shop.cart(some_lines(), coupon=chance.choice([None, "MANY"])) for _ in range(40)]
    totals = [shop.quote(cart)["total_minor"] for cart in carts]
    with callers(shop, 60) as made:
        jobs = [lambda i=i: place(made[i], carts[i], totals[i]) for i in range(40)]
        jobs += [
            lambda i=i: made[40 + i].call("cancel_order", order_id=earlier[12 + i], reason="no_need") for i in range(12)
        ]
        jobs += [lambda i=i: made[52 + i].call("expire_unpaid_orders", batch=5) for i in range(6)]
        jobs += [
            lambda i=i: made[58 + i].call(
                "split_stock", variant_id=variants[i], warehouse_id=shop.warehouses[0], slots=12
            )
            for i in range(2)
        ]
        results = together(jobs)
    assert set(errors_of(results)) <= {"SH303", "SH302"}
    while shop.app.call("expire_unpaid_orders"):
        pass
    assert [shop.status(order) for order in earlier] == ["expired"] * 12 + ["cancelled"] * 12
    for variant in variants:
        sold = shop.owner.value(
            "SELECT coalesce(sum(quantity - cancelled_quantity), 0) FROM shop.order_items WHERE variant_id = %s",
            (variant,),
        )
        assert sold + shop.free(variant) == STOCK


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_64_buyers_of_50_units_and_10_coupons_while_others_cancel_and_expire(shop, seed):
    """Units and coupons that come back meanwhile are sold again, and none of either more than there is."""
    coupon = shop.coupon("FIRST10", rate=0.1, usage_limit=10)
    variant = shop.variant(stock=STOCK)
    chance = random.Random(seed)  # noqa: S311
    earlier = [shop.order({variant: chance.randint(1, 3)}, coupon=chance.choice([None, "FIRST10"])) for _ in range(8)]
    for order in earlier[:4]:
        shop.elapse(order)
    quantities = [chance.randint(1, 3) for _ in range(BUYERS)]
    # The limit counts at checkout: a cart may carry a coupon that is used up by then.
    carts = [shop.cart({variant: units}, coupon=chance.choice([None, "FIRST10"])) for units in quantities]
    totals = [shop.quote(cart)["total_minor"] for cart in carts]
    with callers(shop, BUYERS + 6) as made:
        jobs = [lambda i=i: place(made[i], carts[i], totals[i]) for i in range(BUYERS)]
        jobs += [
            lambda i=i: made[BUYERS + i].call("cancel_order", order_id=earlier[4 + i], reason="customer_request")
            for i in range(4)
        ]
        jobs += [lambda i=i: made[BUYERS + 4 + i].call("expire_unpaid_orders", batch=3) for i in range(2)]
        results = together(jobs)

    assert set(errors_of(results[:BUYERS])) <= {"SH302", "SH303"}
    assert errors_of(results[BUYERS:]) == []
    while shop.app.call("expire_unpaid_orders"):
        pass
    assert sold_units(results[:BUYERS], quantities) + shop.free(variant) == STOCK
    used, counted = shop.owner.query(
        "SELECT times_used, (SELECT count(*) FROM shop.coupon_redemptions WHERE coupon_id = c.coupon_id AND released_at IS NULL)"
        " FROM shop.coupons AS c WHERE coupon_id = %s",
        (coupon,),
    )[0]
    assert used == counted <= 10


def test_batches_of_expiries_and_buyers_of_the_same_goods_in_either_order_do_not_deadlock(shop):
    variants = [shop.variant(stock=1000) for _ in range(8)]
    for variant in reversed(variants):
        for _ in range(3):
            shop.elapse(shop.order({variant: 1}))
    carts = [shop.cart(dict.fromkeys(variants, 1)) for _ in range(24)]
    with callers(shop, 28) as made:
        jobs = [lambda i=i: place(made[i], carts[i], 8000 + 499) for i in range(24)]
        jobs += [lambda i=i: made[24 + i].call("expire_unpaid_orders", batch=8) for i in range(4)]
        assert errors_of(together(jobs)) == []


@pytest.mark.parametrize("seed", range(3))
def test_stock_that_is_split_while_it_is_bought_is_never_sold_out_in_between(shop, seed):
    variant = shop.variant(stock=400)
    others = [shop.variant(stock=400) for _ in range(3)]
    chance = random.Random(seed)  # noqa: S311
    lines = [{variant: 10, chance.choice(others): 1} for _ in range(32)]
    carts = [shop.cart(one) for one in lines]
    totals = [shop.quote(cart)["total_minor"] for cart in carts]

    def resplit(caller):
        for slots in (1, 8, 2, 16, 1):
            caller.call("split_stock", variant_id=variant, warehouse_id=shop.warehouses[0], slots=slots)

    with callers(shop, 33) as made:
        jobs = [lambda i=i: place(made[i], carts[i], totals[i]) for i in range(32)]
        results = together([*jobs, lambda: resplit(made[32])])
    assert errors_of(results) == []
    assert shop.free(variant) == 80


def test_an_order_of_200_lines_takes_no_more_room_for_locks_than_its_connection_has(shop):
    # A gate for each line would be 200, and 88 such orders at once were "out of shared memory".
    cart = shop.cart({shop.variant(stock=1): 1 for _ in range(200)})
    total = shop.quote(cart)["total_minor"]
    shop.app.query("BEGIN")
    place(shop.app, cart, total)
    held, gates, room = shop.app.query(
        "SELECT count(*), count(*) FILTER (WHERE locktype = 'advisory'), current_setting('max_locks_per_transaction')::bigint"
        " FROM pg_locks WHERE pid = pg_backend_pid() AND NOT fastpath"
    )[0]
    shop.app.query("COMMIT")
    assert gates == 16
    assert held <= room


def test_goods_received_while_they_are_bought_are_counted_once(shop):
    variant = shop.variant(stock=10)

    def receive(caller):
        for _ in range(10):
            caller.call("receive_stock", variant_id=variant, warehouse_id=shop.warehouses[0], quantity=1)

    results = race(shop, variant, [1] * 30, beside=[receive, receive])
    assert set(errors_of(results)) <= {"SH303"}
    assert sold_units(results, [1] * 30) + shop.free(variant) == 30


def test_split_stock_spreads_what_is_free_and_one_slot_puts_it_together(shop):
    variant = shop.variant(stock=10)
    shop.order({variant: 3})
    for slots, wanted in ((4, [5, 2, 2, 1]), (1, [10, 0, 0, 0])):
        assert shop.app.call("split_stock", variant_id=variant, warehouse_id=shop.warehouses[0], slots=slots) == 7
        assert shop.owner.query("SELECT on_hand FROM shop.stock_levels ORDER BY slot") == [(units,) for units in wanted]
        assert shop.app.rows("stock_of", variant_id=variant) == [(10, 3, 7)]


def test_a_line_larger_than_any_slot_is_served_from_several(shop):
    variant = shop.variant(stock=10)
    shop.app.call("split_stock", variant_id=variant, warehouse_id=shop.warehouses[0], slots=5)
    shop.order({variant: 9})
    assert shop.free(variant) == 1


def test_promised_units_are_not_adjusted_away(shop):
    variant = shop.variant(stock=10)
    first, second = shop.order({variant: 4}), shop.order({variant: 4})
    adjustment = {"variant_id": variant, "warehouse_id": shop.warehouses[0], "delta": -5, "reason": "Flood"}
    refused = shop.app.refused("adjust_stock", **adjustment)
    numbers = [
        shop.owner.value("SELECT order_number FROM shop.orders WHERE order_id = %s", (order,))
        for order in (second, first)
    ]
    assert (refused.pgcode, refused.diag.message_detail) == (
        "SH401",
        f'{{"orders": [{numbers[0]}, {numbers[1]}], "missing": 3}}',
    )

    assert shop.app.call("adjust_stock", **adjustment, p_release=True) == 5
    assert shop.owner.query("SELECT order_id, allocated_quantity FROM shop.order_items ORDER BY 2") == [
        (second, 1),
        (first, 4),
    ]


def test_adjusting_while_orders_are_placed_and_cancelled_neither_deadlocks_nor_oversells(shop):
    variant = shop.variant(stock=100)
    orders = [shop.order({variant: 2}) for _ in range(20)]
    carts = [shop.cart({variant: 2}) for _ in range(20)]

    def adjust(caller):
        for _ in range(5):
            try:
                caller.call(
                    "adjust_stock",
                    variant_id=variant,
                    warehouse_id=shop.warehouses[0],
                    delta=-15,
                    reason="Lost",
                    p_release=True,
                )
            except psycopg2.Error as error:
                if error.pgcode != "SH401":
                    raise

    with callers(shop, 42) as made:
        jobs = [lambda i=i: place(made[i], carts[i], 2499) for i in range(20)]
        jobs += [lambda i=i: made[20 + i].call("cancel_order", order_id=orders[i], reason="no_need") for i in range(20)]
        results = together([*jobs, lambda: adjust(made[40]), lambda: adjust(made[41])])
    assert set(errors_of(results)) <= {"SH303", "SH001"}


def test_expiry_and_webhook_at_the_same_moment_leave_one_winner(shop):
    variant = shop.variant(stock=100)
    orders = [shop.order({variant: 1}) for _ in range(24)]
    payments = [uuid7() for _ in orders]
    for order, payment in zip(orders, payments, strict=True):
        shop.app.call("start_payment", payment_id=payment, order_id=order, provider="stripe", method="card")
        shop.elapse(order)
    with callers(shop, 32) as made:
        jobs = [lambda i=i: tell(made[i], payments[i], "captured", 1499) for i in range(24)]
        jobs += [lambda i=i: made[24 + i].call("expire_unpaid_orders", batch=3) for i in range(8)]
        results = together(jobs)
    assert errors_of(results) == []
    shop.app.call("expire_unpaid_orders")
    for order, answer in zip(orders, results, strict=False):
        kinds = shop.owner.query(
            "SELECT e.kind FROM shop.payment_exceptions AS e JOIN shop.payments USING (payment_id) WHERE order_id = %s",
            (order,),
        )
        assert (shop.status(order), answer, kinds) in [
            ("confirmed", "applied", []),
            ("expired", "exception", [("after_end",)]),
        ]
    confirmed = sum(shop.status(order) == "confirmed" for order in orders)
    assert shop.free(variant) == 100 - confirmed
    # Not a cent is lost: what was captured for an expired order is what the shop owes its customer.
    assert shop.balances().get(("receivable", "EUR"), 0) == -1499 * (24 - confirmed)


@pytest.mark.parametrize("seed", range(3))
def test_cart_edits_during_checkout_are_in_the_order_or_refused(shop, seed):
    variant, other = shop.variant(stock=1000), shop.variant(stock=1000)
    carts = [shop.cart({variant: 1}) for _ in range(12)]
    with callers(shop, 24) as made:
        jobs = [lambda i=i: place(made[i], carts[i], 1499) for i in range(12)]
        jobs += [
            lambda i=i: made[12 + i].call("set_cart_item", cart_id=carts[i], variant_id=other, quantity=1)
            for i in range(12)
        ]
        random.Random(seed).shuffle(jobs)  # noqa: S311
        results = together(jobs)
    # Either the edit came first and the total was not what the customer saw, or the order did and the cart was closed.
    assert sorted(set(errors_of(results)) | {"SH201", "SH301"}) == ["SH201", "SH301"]
    assert len(errors_of(results)) == 12
    for cart in carts:
        lines = shop.owner.value("SELECT count(*) FROM shop.cart_items WHERE cart_id = %s", (cart,))
        ordered = shop.owner.query(
            "SELECT count(*) FROM shop.orders JOIN shop.order_items USING (order_id) WHERE cart_id = %s GROUP BY order_id",
            (cart,),
        )
        assert (lines, ordered) in [(1, [(1,)]), (2, [])]
