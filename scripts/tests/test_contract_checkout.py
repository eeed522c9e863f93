"""Checkout: what is quoted is charged, once, and a retry is harmless."""

import json
import random

import pytest
from contract_shop import MARKETS, address, callers, errors_of, place, together, uuid7


@pytest.mark.parametrize("seed", range(4))
def test_quote_and_order_agree_to_the_minor_unit(shop, seed):
    chance = random.Random(seed)  # noqa: S311
    currencies = sorted({currency for _, _, currency in MARKETS})
    variants = [
        shop.variant(
            stock=100_000,
            tax_class=chance.choice(["standard", "reduced", "zero"]),
            **{currency: chance.choice([0, 1, 3, 333, 999, chance.randint(1, 10**6)]) for currency in currencies},
        )
        for _ in range(20)
    ]
    for index in range(5):
        shop.coupon(f"PERCENT{index}", rate=chance.choice([0.000001, 0.1, 0.333333, 0.5, 1]))
    for currency in currencies:
        shop.coupon(f"FIXED-{currency}", amount_minor=chance.choice([1, 7, 1000, 10**9]), currency=currency)
    exempt = shop.customer(is_tax_exempt=True, tax_number="DE123")
    plain = shop.customer()

    for _ in range(40):
        country, region, currency = chance.choice(MARKETS)
        lines = {
            variant: chance.choice([1, 2, 3, 7, 999]) for variant in chance.sample(variants, chance.randint(1, 20))
        }
        coupon = chance.choice([None, f"PERCENT{chance.randrange(5)}", f"FIXED-{currency}"])
        cart = shop.cart(lines, currency, chance.choice([None, None, exempt, plain]), coupon)
        quote = shop.quote(cart, country, region)
        order = place(shop.app, cart, quote["total_minor"], country, region)

        (header,) = shop.owner.query("SELECT to_jsonb(o) FROM shop.orders AS o WHERE order_id = %s", (order,))[0]
        for name in (
            "subtotal_minor",
            "discount_minor",
            "shipping_minor",
            "shipping_tax_minor",
            "tax_minor",
            "total_minor",
        ):
            assert header[name] == quote[name]
        stored = shop.owner.query(
            "SELECT line_number, variant_id, unit_price_minor, discount_minor, tax_minor, total_minor FROM shop.order_items"
            " WHERE order_id = %s ORDER BY 1",
            (order,),
        )
        assert stored == [
            tuple(line[name] for name in ("line_number", "variant_id", "unit_price_minor", "discount_minor", "tax_minor", "total_minor"))
            for line in quote["lines"]
        ]  # fmt: skip
        # The parts are the whole, and nobody but the country decides whether tax is inside.
        assert sum(line["discount_minor"] for line in quote["lines"]) == quote["discount_minor"]
        assert sum(tax["tax_minor"] for tax in quote["taxes"]) == quote["tax_minor"]
        assert quote["prices_include_tax"] == (country not in ("US", "CA") and not quote["is_tax_exempt"])
        for line in quote["lines"]:
            taxes = [tax for tax in quote["taxes"] if tax["line_number"] == line["line_number"]]
            net = line["subtotal_minor"] - line["discount_minor"]
            if quote["prices_include_tax"]:
                assert all(tax["base_minor"] + sum(other["tax_minor"] for other in taxes) == net for tax in taxes)
            else:
                assert all(tax["base_minor"] == net for tax in taxes)


def test_several_jurisdictions_tax_one_line_each_for_itself(shop):
    quote = shop.quote(shop.cart({shop.variant(stock=1, USD=1000): 1}, "USD"), "US", "CA")
    assert [(tax["jurisdiction"], tax["tax_minor"]) for tax in quote["taxes"]] == [
        ("California", 73),
        ("Los Angeles County", 23),
    ]
    assert quote["total_minor"] == 1000 + 96 + 499


def test_who_is_exempt_pays_the_price_without_the_tax_it_contains(shop):
    variant = shop.variant(stock=5, EUR=1190)
    quote = shop.quote(shop.cart({variant: 1}, customer=shop.customer(is_tax_exempt=True)))
    assert (quote["subtotal_minor"], quote["tax_minor"], quote["shipping_minor"]) == (1000, 0, 419)


def test_discounts_split_by_largest_remainder(shop):
    shop.coupon("TEN", amount_minor=10, currency="EUR")
    lines = {shop.variant(stock=1, EUR=100): 1 for _ in range(3)}
    quote = shop.quote(shop.cart(lines, coupon="TEN"))
    assert [line["discount_minor"] for line in quote["lines"]] == [4, 3, 3]


def test_currencies_without_and_with_three_digits_are_charged_in_their_own_units(shop):
    yen = shop.quote(shop.cart({shop.variant(stock=1, JPY=1100): 1}, "JPY"), "JP")
    assert (yen["tax_minor"], yen["total_minor"]) == (100, 1599)
    dinar = shop.quote(shop.cart({shop.variant(stock=1, KWD=12345): 1}, "KWD"), "KW")
    assert dinar["total_minor"] == 12345


def test_the_same_call_again_returns_the_same_order(shop):
    variant = shop.variant(stock=10)
    cart, order = shop.cart({variant: 2}), uuid7()
    first = place(shop.app, cart, 2499, order=order)
    assert place(shop.app, cart, 2499, order=order) == first
    assert shop.free(variant) == 8
    assert shop.owner.value("SELECT count(*) FROM shop.orders") == 1


@pytest.mark.parametrize("change", [{"email": "eve@example.com"}, {"total": 1}, {"region": "BY"}])
def test_the_same_key_with_other_content_is_refused(shop, change):
    cart, order = shop.cart({shop.variant(stock=10): 2}), uuid7()
    place(shop.app, cart, 2499, order=order)
    with pytest.raises(Exception) as refused:
        place(shop.app, cart, **({"total": 2499} | change), order=order)
    assert refused.value.pgcode == "SH004"


def test_one_cart_makes_one_order_when_two_keys_race(shop):
    variant = shop.variant(stock=100)
    carts = [shop.cart({variant: 1}) for _ in range(10)]
    with callers(shop, 20) as buyers:
        results = together(lambda i=i: place(buyers[i], carts[i // 2], 1499) for i in range(20))
    assert sorted(errors_of(results)) == ["SH004"] * 10
    assert shop.free(variant) == 90


def test_one_order_key_serves_one_cart_when_two_carts_race(shop):
    variant = shop.variant(stock=100)
    carts = [shop.cart({variant: 1}) for _ in range(20)]
    keys = [uuid7() for _ in range(10)]
    with callers(shop, 20) as buyers:
        results = together(lambda i=i: place(buyers[i], carts[i], 1499, order=keys[i // 2]) for i in range(20))
    assert sorted(errors_of(results)) == ["SH004"] * 10
    assert shop.free(variant) == 90


def test_one_retry_storm_is_one_order(shop):
    variant = shop.variant(stock=100)
    cart, order = shop.cart({variant: 3}), uuid7()
    with callers(shop, 16) as buyers:
        results = together(lambda i=i: place(buyers[i], cart, 3499, order=order) for i in range(16))
    assert set(results) == {order}
    assert shop.free(variant) == 97


def test_a_price_that_changed_meanwhile_is_shown_first(shop):
    variant = shop.variant(stock=10)
    cart = shop.cart({variant: 1})
    total = shop.quote(cart)["total_minor"]
    shop.app.call("set_price", variant_id=variant, currency="EUR", amount_minor=1200)
    with pytest.raises(Exception) as refused:
        place(shop.app, cart, total)
    assert refused.value.pgcode == "SH301"
    assert refused.value.diag.message_detail == '{"total_minor": 1699}'
    place(shop.app, cart, 1699)


def test_everything_short_is_listed_and_nothing_is_reserved(shop):
    plenty, short, none = shop.variant(stock=10), shop.variant(stock=[2, 1]), shop.variant()
    cart = shop.cart({plenty: 1, short: 5, none: 1})
    with pytest.raises(Exception) as refused:
        place(shop.app, cart, shop.quote(cart)["total_minor"])
    assert refused.value.pgcode == "SH303"
    assert json.loads(refused.value.diag.message_detail)["short"] == [
        {"variant_id": short, "wanted": 5, "available": 3},
        {"variant_id": none, "wanted": 1, "available": 0},
    ]
    assert [shop.free(v) for v in (plenty, short, none)] == [10, 3, 0]
    assert shop.owner.value("SELECT status FROM shop.carts WHERE cart_id = %s", (cart,)) == "open"


def test_a_line_is_served_from_several_warehouses_by_priority(shop):
    variant = shop.variant(stock=[2, 5])
    order = shop.order({variant: 4})
    assert shop.owner.query(
        "SELECT warehouse_id, quantity FROM shop.order_allocations WHERE order_id = %s ORDER BY 1", (order,)
    ) == [(shop.warehouses[0], 2), (shop.warehouses[1], 2)]


def test_a_closed_warehouse_serves_nobody(shop):
    variant = shop.variant(stock=[2, 5])
    shop.owner.query("UPDATE shop.warehouses SET is_active = false WHERE code = 'SECOND'")
    cart = shop.cart({variant: 3})
    with pytest.raises(Exception) as refused:
        place(shop.app, cart, shop.quote(cart)["total_minor"])
    assert refused.value.pgcode == "SH303"


def test_an_order_of_nothing_is_confirmed_and_told(shop):
    shop.coupon("ALL", rate=1)
    shop.owner.query("UPDATE shop.shipping_rates SET price_minor = 0")
    order = shop.order({shop.variant(stock=1): 1}, coupon="ALL")
    assert shop.status(order) == "confirmed"
    assert shop.owner.query(
        "SELECT event_type FROM shop.outbox_events WHERE aggregate_id = %s ORDER BY sequence", (order,)
    ) == [("order.placed",), ("order.confirmed",)]


def test_a_cart_worth_more_than_an_order_may_be_is_refused_by_name(shop):
    cart = shop.cart({shop.variant(stock=5, EUR=10**12): 2})
    assert (
        shop.app.refused("quote_cart", cart_id=cart, country="DE", region=None, shipping_method="standard").pgcode
        == "SH308"
    )


@pytest.mark.parametrize(
    ("columns", "code"),
    [
        ({"rate": 0.1, "ends_at": "2001-01-01"}, "SH204"),
        ({"rate": 0.1, "starts_at": "2100-01-01"}, "SH204"),
        ({"rate": 0.1, "is_active": False}, "SH204"),
        ({"amount_minor": 5, "currency": "USD"}, "SH204"),
        ({"rate": 0.1, "currency": "EUR", "minimum_subtotal_minor": 5000}, "SH302"),
    ],
)
def test_a_coupon_that_does_not_apply_is_refused(shop, columns, code):
    shop.coupon("NOT", **columns)
    cart = shop.cart({shop.variant(stock=1): 1})
    if code == "SH204":
        assert shop.app.refused("apply_coupon", cart_id=cart, code="not").pgcode == code
    else:
        shop.app.call("apply_coupon", cart_id=cart, code=" not ")
        assert (
            shop.app.refused("quote_cart", cart_id=cart, country="DE", region=None, shipping_method="standard").pgcode
            == code
        )


def test_a_coupon_is_used_once_by_one_person_with_or_without_an_account(shop):
    shop.coupon("ONCE", rate=0.1, per_customer_limit=1)
    variant = shop.variant(stock=10)
    carts = [shop.cart({variant: 1}, coupon="ONCE") for _ in range(6)]
    with callers(shop, 6) as buyers:
        results = together(
            lambda i=i: place(buyers[i], carts[i], 1399, email=["ada@example.com", "ADA@Example.com"][i % 2])
            for i in range(6)
        )
    assert sorted(errors_of(results)) == ["SH112"] * 5


def test_a_method_that_does_not_deliver_there_is_refused(shop):
    cart = shop.cart({shop.variant(stock=1): 1})
    assert (
        shop.app.refused("quote_cart", cart_id=cart, country="FR", region=None, shipping_method="standard").pgcode
        == "SH304"
    )
    assert (
        shop.app.refused("quote_cart", cart_id=cart, country="DE", region=None, shipping_method="drone").pgcode
        == "SH001"
    )


def test_an_edited_address_book_changes_no_order(shop):
    customer = shop.customer()
    key = uuid7()
    shop.app.call("add_address", address_id=key, customer_id=customer, address=address())
    order = shop.order({shop.variant(stock=1): 1}, customer=customer)
    shop.owner.query("UPDATE shop.addresses SET city = 'Elsewhere' WHERE address_id = %s", (key,))
    assert shop.app.call("order_details", order_id=order)["addresses"]["shipping"]["city"] == "Springfield"
