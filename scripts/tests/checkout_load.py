"""Customers who go on buying while a test does something to the database, and what it did to them.

Each worker is one connection that plays whole checkouts through schema api, from the cart to the payment, until it is told to
stop. What the database says may be tried again is tried again, as docs/sql_api.md tells applications; any other error ends
the worker, and the test. Not for measuring how many checkouts a server can take.
"""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from typing import Any, TypeVar

import psycopg2
from conftest import until
from contract_shop import Caller, Shop, place, tell, uuid7
from ecommerce_dms.connection import connect

APPLICATION = "checkout"
MAY_BE_TRIED_AGAIN = ("40001", "40P01")
T = TypeVar("T")

_WAITING = """
    SELECT DISTINCT coalesce(waited.relation::regclass::text, waited.locktype), waited.mode
    FROM pg_stat_activity AS buyer
    JOIN pg_locks AS waited ON waited.pid = buyer.pid AND NOT waited.granted
    WHERE buyer.datname = current_database() AND buyer.application_name = %s
      AND EXISTS (
          SELECT FROM pg_stat_activity AS migration
          WHERE migration.pid = ANY (pg_blocking_pids(buyer.pid)) AND migration.application_name = 'alembic')
"""


class SeededShop(Shop):
    """A shop over sample data: warehouses, taxes and shipping are those that are there."""

    def _reference(self) -> None:
        rows = self.owner.query("SELECT warehouse_id FROM shop.warehouses ORDER BY priority, warehouse_id")
        self.warehouses = [warehouse for (warehouse,) in rows]


@dataclass(frozen=True)
class Checkout:
    """An order that was acknowledged: when it began, how long it took, and its longest call, in seconds."""

    order: str
    began: float
    seconds: float
    longest_call: float
    retries: int


@dataclass
class Load:
    """What the workers have done so far."""

    done: list[Checkout] = field(default_factory=list)
    errors: list[Exception] = field(default_factory=list)

    def go_on(self, number: int = 1) -> None:
        """Returns when that many more checkouts have ended well."""
        wanted = len(self.done) + number
        until(lambda: self.errors or len(self.done) >= wanted, f"{number} more checkouts")
        self.refuse_errors()

    def refuse_errors(self) -> None:
        if self.errors:
            raise AssertionError(f"{len(self.errors)} checkouts failed") from self.errors[0]

    def between(self, begin: float, end: float) -> list[Checkout]:
        """The checkouts that were under way in that time."""
        return [one for one in self.done if one.began < end and one.began + one.seconds > begin]


@contextmanager
def buying(shop: Shop, workers: int = 4) -> Iterator[Load]:
    """Checkouts by that many connections, from before the block begins until it has ended."""
    variants = [shop.variant(stock=1_000_000) for _ in range(workers)]
    load, stop, barrier = Load(), threading.Event(), threading.Barrier(workers + 1)

    def work(number: int, caller: Caller) -> None:
        barrier.wait(60)
        try:
            for turn in itertools.count(number):
                if stop.is_set():
                    return
                load.done.append(_check_out(caller, variants[turn % workers]))
        except Exception as error:  # Handed to the test.
            load.errors.append(error)

    connections = [shop.caller() for _ in range(workers)]
    threads = [
        threading.Thread(target=work, args=(number, caller), daemon=True) for number, caller in enumerate(connections)
    ]
    try:
        for caller in connections:
            caller.query(f"SET application_name = '{APPLICATION}'")
        for thread in threads:
            thread.start()
        barrier.wait(60)
        load.go_on(workers)
        yield load
    finally:
        stop.set()
        for thread in threads:
            thread.join(60)
        for thread, caller in zip(threads, connections, strict=True):
            if thread.is_alive():
                load.errors.append(AssertionError("a checkout hangs"))
                caller.connection.cancel()
            else:
                caller.close()
    load.refuse_errors()


def _check_out(caller: Caller, variant: int) -> Checkout:
    """One customer, from an empty cart to a paid order."""
    cart, order, payment, event = (uuid7() for _ in range(4))
    took: list[float] = []
    retries = 0

    def call(what: Callable[[], T]) -> T:
        nonlocal retries
        begun = time.monotonic()
        try:
            while True:
                try:
                    return what()
                except psycopg2.Error as error:
                    if error.pgcode not in MAY_BE_TRIED_AGAIN:
                        raise
                    retries += 1
        finally:
            took.append(time.monotonic() - begun)

    began = time.monotonic()
    call(lambda: caller.call("create_cart", cart_id=cart, currency="EUR"))
    call(lambda: caller.call("set_cart_item", cart_id=cart, variant_id=variant, quantity=2))
    quote = {"cart_id": cart, "country": "DE", "region": None, "shipping_method": "standard"}
    total = call(lambda: caller.call("quote_cart", **quote))["total_minor"]
    call(lambda: place(caller, cart, total, order=order))
    payment_of = {"payment_id": payment, "order_id": order, "provider": "stripe", "method": "card"}
    amount = call(lambda: caller.call("start_payment", **payment_of))
    call(lambda: tell(caller, payment, "captured", amount, event=event))
    return Checkout(order, began, time.monotonic() - began, max(took), retries)


class Waits:
    """Sees which tables a checkout waits for because of a migration: (table, mode) → how often it was seen."""

    def __init__(self, shop: Shop) -> None:
        self.seen: dict[tuple[str, str], int] = {}
        self._settings = shop.settings

    def look(self, cursor: Any) -> bool:
        """Looks once; whether a checkout waits now."""
        cursor.execute(_WAITING, (APPLICATION,))
        rows = cursor.fetchall()
        for row in rows:
            self.seen[row] = self.seen.get(row, 0) + 1
        return bool(rows)

    def until_a_checkout_waits(self) -> None:
        with closing(connect(self._settings, options={"search_path": "pg_catalog"})) as connection:
            connection.autocommit = True
            with connection.cursor() as cursor:
                until(lambda: self.look(cursor), "a checkout that waits for the migration")

    @contextmanager
    def watched(self) -> Iterator[None]:
        """Looks again and again while the block runs."""
        stop = threading.Event()

        def watch() -> None:
            with closing(connect(self._settings, options={"search_path": "pg_catalog"})) as connection:
                connection.autocommit = True
                with connection.cursor() as cursor:
                    while not stop.wait(0.01):
                        self.look(cursor)

        thread = threading.Thread(target=watch, daemon=True)
        thread.start()
        try:
            yield
        finally:
            stop.set()
            thread.join(60)
