"""Carts: edits that meet are both there, and a guest's cart finds its customer."""

import json

import pytest
from contract_shop import callers, errors_of, place, together, uuid7


def lines(shop, cart):
    return dict(shop.owner.query("SELECT variant_id, quantity FROM shop.cart_items WHERE cart_id = %s", (cart,)))


def test_edits_from_16_connections_are_all_in_the_cart(shop):
    variants = [shop.variant(stock=9) for _ in range(16)]
    cart = shop.cart({})
    with callers(shop, 16) as made:
        results = together(
            lambda i=i: made[i].call("set_cart_item", cart_id=cart, variant_id=variants[i], quantity=2)
            for i in range(16)
        )
    assert sorted(results) == list(range(2, 18))
    assert lines(shop, cart) == dict.fromkeys(variants, 2)


def test_a_transaction_raises_the_version_of_a_cart_once_and_that_of_its_own_cart_not_at_all(shop):
    variants = [shop.variant(stock=9) for _ in range(3)]
    cart = shop.cart({variants[0]: 1})
    assert shop.owner.query("SELECT version FROM shop.carts WHERE cart_id = %s", (cart,)) == [(1,)]
    shop.app.connection.autocommit = False
    raised = [shop.app.call("set_cart_item", cart_id=cart, variant_id=v, quantity=2) for v in variants]
    shop.app.connection.commit()
    shop.app.connection.autocommit = True
    assert raised == [2, 2, 2]
    assert shop.app.call("set_cart_item", cart_id=cart, variant_id=variants[0], quantity=3) == 3


def test_a_quantity_of_0_removes_and_none_can_be_negative(shop):
    variant = shop.variant(stock=9)
    cart = shop.cart({variant: 2})
    assert shop.app.refused("set_cart_item", cart_id=cart, variant_id=variant, quantity=-1).pgcode == "SH001"
    shop.app.call("set_cart_item", cart_id=cart, variant_id=variant, quantity=0)
    assert lines(shop, cart) == {}


def test_a_customer_has_one_open_cart_when_two_are_made_at_once(shop):
    customer = shop.customer()
    with callers(shop, 8) as made:
        results = together(
            lambda i=i: made[i].call("create_cart", cart_id=uuid7(), currency="EUR", customer_id=customer)
            for i in range(8)
        )
    assert errors_of(results) == ["SH205"] * 7


def test_a_guests_cart_merges_once_with_the_larger_quantities(shop):
    one, two, dollars = shop.variant(stock=9), shop.variant(stock=9), shop.variant(stock=9, USD=100)
    customer = shop.customer()
    mine, guest = shop.cart({one: 5}, customer=customer), shop.cart({one: 3, two: 1})
    foreign = shop.cart({dollars: 1}, "USD")
    with callers(shop, 8) as made:
        results = together(
            lambda i=i: made[i].call("merge_carts", guest_cart_id=(guest, foreign)[i % 2], customer_id=customer)
            for i in range(8)
        )
    assert results == [mine] * 8
    assert lines(shop, mine) == {one: 5, two: 1}


@pytest.mark.parametrize("had_a_cart", [True, False], ids=["into another cart", "by becoming the customer's"])
def test_a_merge_that_is_retried_answers_with_the_cart_only_while_it_is_open(shop, had_a_cart):
    customer, variant = shop.customer(), shop.variant(stock=9)
    mine = shop.cart({variant: 1}, customer=customer) if had_a_cart else None
    guest = shop.cart({variant: 1})
    merge = {"guest_cart_id": guest, "customer_id": customer}
    merged = shop.app.call("merge_carts", **merge)
    assert merged == (mine or guest) == shop.app.call("merge_carts", **merge)

    place(shop.app, merged, shop.quote(merged)["total_minor"])
    error = shop.app.refused("merge_carts", **merge)
    assert error.pgcode == "SH206"
    answer = {"cart_id": merged, "status": "converted", "open_cart_id": None}
    assert json.loads(error.diag.message_detail) == answer
    later = shop.cart({variant: 1}, customer=customer)
    error = shop.app.refused("merge_carts", **merge)
    assert json.loads(error.diag.message_detail) == answer | {"open_cart_id": later}
    assert lines(shop, later) == {variant: 1}


def test_a_merge_that_would_be_too_long_is_refused_by_name(shop):
    variants = [shop.variant() for _ in range(202)]
    customer = shop.customer()
    shop.cart(dict.fromkeys(variants[:101], 1), customer=customer)
    guest = shop.cart(dict.fromkeys(variants[101:], 1))
    assert shop.app.refused("merge_carts", guest_cart_id=guest, customer_id=customer).pgcode == "SH203"


def test_two_customers_who_claim_one_guests_cart_do_not_share_it(shop):
    guest, customers = shop.cart({shop.variant(stock=9): 1}), [shop.customer() for _ in range(6)]
    with callers(shop, 6) as made:
        results = together(
            lambda i=i: made[i].call("merge_carts", guest_cart_id=guest, customer_id=customers[i]) for i in range(6)
        )
    assert sorted(errors_of(results)) == ["SH004"] * 5


def test_a_copy_starts_again_after_an_order_expired_and_a_retry_brings_nothing_back(shop):
    variant, other = shop.variant(stock=9), shop.variant(stock=9)
    cart, copy = shop.cart({variant: 1, other: 1}), uuid7()
    order = place(shop.app, cart, 2499)
    shop.elapse(order)
    assert shop.app.call("expire_unpaid_orders") == 1
    assert shop.app.refused("set_cart_item", cart_id=cart, variant_id=variant, quantity=2).pgcode == "SH201"
    shop.app.call("copy_cart", from_cart_id=cart, cart_id=copy)
    shop.app.call("set_cart_item", cart_id=copy, variant_id=other, quantity=0)
    shop.app.call("copy_cart", from_cart_id=cart, cart_id=copy)
    assert lines(shop, copy) == {variant: 1}
    place(shop.app, copy, 1499)
