"""Everything at once: what a shop does all day, by many connections on few rows, drawn from one seed.

No deadlock, no error but those that each function promises, and books, stock and counters that agree afterwards.
pytest --full goes on for minutes; the sample here is for every run.
"""

from __future__ import annotations

import collections
import random
import re
import time
from collections.abc import Callable
from typing import Any

import psycopg2
import pytest
from contract_shop import Caller, Shop, callers, place, tell, together, uuid7
from ecommerce_dms import api_reference

CONNECTIONS = 16
CALLS = 60  # of each connection, in the sample
SECONDS = 180  # with --full


class Clerk:
    """One connection with a chance of its own. Each deed is one call or a short run of them, on rows that all share."""

    def __init__(self, shop: Shop, caller: Caller, variants: list[int], board: dict[str, Any], seed: int) -> None:
        self.caller, self.variants, self.board = caller, variants, board
        self.warehouses, self.customers = shop.warehouses, board["customers"]
        self.chance = random.Random(seed)  # noqa: S311
        self.promised = {name.removeprefix("api."): f.codes for name, f in board["reference"].items()}
        self.met: collections.Counter[str] = collections.Counter()
        self.bad: list[str] = []

    DEEDS = (
        ("buy", 10), ("pay", 8), ("cancel", 3), ("cancel_some", 3), ("expire", 2), ("ship", 5), ("send_back", 3),
        ("receive", 3), ("refund", 3), ("split", 2), ("adjust", 3), ("stock_up", 3), ("merge", 3), ("edit", 4),
        ("reprice", 2), ("relay", 3), ("bill", 2), ("erase", 1), ("purge", 1), ("look", 2),
    )  # fmt: skip

    def do(self) -> None:
        names, weights = zip(*self.DEEDS, strict=True)
        name = self.chance.choices(names, weights)[0]
        try:
            getattr(self, name)()
            self.met["done"] += 1
        except psycopg2.Error as error:
            self.met[error.pgcode] += 1
            # The outermost function of the call stands last.
            called = re.findall(r"function api\.(\w+)\(", error.diag.context or "")
            if not called or error.pgcode not in self.promised[called[-1]]:
                self.bad.append(f"{name}: {error.pgcode} {error}")

    def some(self, kind: str) -> Any:
        """One of the rows that anybody made, a late one rather; None before the first."""
        return self.chance.choice(self.board[kind][-20:]) if self.board[kind] else None

    def lines(self) -> dict[int, int]:
        return {v: self.chance.randint(1, 4) for v in self.chance.sample(self.variants, self.chance.randint(1, 4))}

    def warehouse(self) -> int:
        return self.chance.choice(self.warehouses)

    def cart(self, customer: str | None) -> str:
        key, lines = uuid7(), self.lines()
        self.caller.call(
            "create_cart", cart_id=key, currency="EUR", customer_id=customer, variant_ids=list(lines),
            quantities=list(lines.values()),
        )  # fmt: skip
        self.board["carts"].append(key)
        if self.chance.random() < 0.4:
            self.caller.call("apply_coupon", cart_id=key, code="MANY")
        return key

    def buy(self) -> None:
        cart = self.some("carts") if self.chance.random() < 0.3 and self.board["carts"] else None
        cart = cart or self.cart(self.some("customers") if self.chance.random() < 0.3 else None)
        quote = self.caller.call("quote_cart", cart_id=cart, country="DE", region=None, shipping_method="standard")
        self.board["orders"].append(place(self.caller, cart, quote["total_minor"], email=f"{cart}@example.com"))

    def pay(self) -> None:
        if order := self.some("orders"):
            payment = uuid7()
            part = self.chance.choice([None, None, 100])
            due = self.caller.call(
                "start_payment", payment_id=payment, order_id=order, provider="stripe", method="card", amount_minor=part
            )
            self.board["payments"].append(payment)
            for kind in self.chance.sample(["authorized", "captured", "captured"], 2):
                tell(self.caller, payment, kind, due)
            if self.chance.random() < 0.1:
                tell(self.caller, self.some("payments"), self.chance.choice(["voided", "failed"]))

    def cancel(self) -> None:
        if order := self.some("orders"):
            self.caller.call("cancel_order", order_id=order, reason="no_need")

    def cancel_some(self) -> None:
        if order := self.some("orders"):
            self.caller.call(
                "cancel_items",
                order_id=order,
                cancellation_id=uuid7(),
                line_numbers=[1],
                quantities=[1],
                reason="no_need",
            )

    def expire(self) -> None:
        self.caller.call("expire_unpaid_orders", batch=self.chance.choice([1, 5, 50]))

    def ship(self) -> None:
        if order := self.some("orders"):
            shipment = uuid7()
            self.caller.call(
                "ship", shipment_id=shipment, order_id=order, warehouse_id=self.warehouse(), carrier="Post",
                tracking_number=None,
            )  # fmt: skip
            self.caller.call("deliver", shipment_id=shipment)

    def send_back(self) -> None:
        if order := self.some("orders"):
            back = uuid7()
            self.caller.call(
                "request_return", return_id=back, order_id=order, line_numbers=[1], quantities=[1], reason="no_need"
            )
            self.board["returns"].append(back)

    def receive(self) -> None:
        if back := self.some("returns"):
            self.caller.call(
                "receive_return", return_id=back, line_numbers=[1], restocked=[1], written_off=[0],
                warehouse_id=self.warehouse(),
            )  # fmt: skip

    def refund(self) -> None:
        if payment := self.some("payments"):
            refund = uuid7()
            self.caller.call("request_refund", refund_id=refund, payment_id=payment, amount_minor=50, reason="no_need")
            if self.chance.random() < 0.2:
                self.caller.call("fail_refund", refund_id=refund)
            else:
                tell(self.caller, payment, "refunded", 50, refund_id=refund)

    def split(self) -> None:
        self.caller.call(
            "split_stock", variant_id=self.chance.choice(self.variants), warehouse_id=self.warehouse(),
            slots=self.chance.choice([1, 2, 8]),
        )  # fmt: skip

    def adjust(self) -> None:
        self.caller.call(
            "adjust_stock", variant_id=self.chance.choice(self.variants), warehouse_id=self.warehouse(),
            delta=self.chance.choice([-20, -3, 3]), reason="Counted", p_release=self.chance.random() < 0.5,
        )  # fmt: skip

    def stock_up(self) -> None:
        self.caller.call(
            "receive_stock", variant_id=self.chance.choice(self.variants), warehouse_id=self.warehouse(), quantity=10
        )

    def merge(self) -> None:
        self.caller.call("merge_carts", guest_cart_id=self.some("carts") or uuid7(), customer_id=self.some("customers"))

    def edit(self) -> None:
        if cart := self.some("carts"):
            lines = {v: self.chance.randint(0, 3) for v in self.chance.sample(self.variants, 3)}
            self.caller.call("set_cart_items", cart_id=cart, variant_ids=list(lines), quantities=list(lines.values()))

    def reprice(self) -> None:
        self.caller.call(
            "set_price",
            variant_id=self.chance.choice(self.variants),
            currency="EUR",
            amount_minor=self.chance.randint(1, 3000),
        )

    def relay(self) -> None:
        for key, at, *_, token in self.caller.rows("claim_outbox", batch=20):
            self.caller.call("ack_outbox", created_at=at, outbox_event_id=key, lease_token=token)

    def bill(self) -> None:
        if order := self.some("orders"):
            self.caller.rows("issue_invoice", order_id=order)

    def erase(self) -> None:
        if len(self.customers) > 4:
            self.caller.rows("erase_customer", customer_id=self.customers.pop(0))

    def purge(self) -> None:
        self.caller.rows("purge", batch=10)

    def look(self) -> None:
        if order := self.some("orders"):
            self.caller.call("order_details", order_id=order)


@pytest.mark.parametrize("seed", [1])
def test_a_day_of_everything_at_once_has_no_deadlock_and_no_error_of_its_own(
    shop: Shop, seed: int, pytestconfig: pytest.Config
) -> None:
    shop.coupon("MANY", rate=0.1, usage_limit=200)
    variants = [shop.variant(stock=[200, 100]) for _ in range(8)]
    board: dict[str, Any] = collections.defaultdict(list)
    board["reference"] = api_reference.read(shop.settings).functions
    board["customers"] = [shop.customer() for _ in range(12)]
    ends = time.monotonic() + SECONDS

    def day(clerk: Clerk) -> Callable[[], None]:
        def run() -> None:
            if pytestconfig.getoption("full"):
                while time.monotonic() < ends:
                    clerk.do()
            else:
                for _ in range(CALLS):
                    clerk.do()

        return run

    # Some orders are past their time whenever somebody looks.
    due = [shop.order({variants[n % 8]: 1}) for n in range(40)]
    for order in due:
        shop.elapse(order)
    board["orders"].extend(due)
    with callers(shop, CONNECTIONS) as made:
        clerks = [Clerk(shop, caller, variants, board, seed * 1000 + n) for n, caller in enumerate(made)]
        results = together([day(clerk) for clerk in clerks])
    met = sum((clerk.met for clerk in clerks), collections.Counter())
    print(dict(met))

    assert [result for result in results if result is not None] == []
    assert [line for clerk in clerks for line in clerk.bad] == []
    assert met["done"] > CONNECTIONS * CALLS / 4, met
    # That books, counters and stock agree, the fixture asks verify_integrity() after the test.
