"""Writers that use the shop as applications do, and keep their own books of what was acknowledged.

A write carries a key that the writer made. When the connection breaks before the answer, nobody knows whether the write
happened: the writer repeats it, with the same key, until it is answered. What was answered is never repeated, so that
whatever of it is missing later was lost.
"""

from __future__ import annotations

import datetime as dt
import random
import threading
import time
from collections.abc import Callable, Iterable
from contextlib import closing
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import psycopg2

from ecommerce_dms.connection_errors import ConnectionFailed
from ecommerce_dms.sample_data.randomness import uuid7

Connect = Callable[[], Any]

_RANDOM = random.SystemRandom()
_PAUSE_SECONDS = 0.02
_PATIENCE_SECONDS = 600

# What a failing or stopping server says, beside a broken connection: shutdown, crash, start, read-only standby, no room.
_PASSING = ("57P01", "57P02", "57P03", "25006", "53300", "40001", "40P01", "08006", "08001", "08003", "08004")


def client_key() -> str:
    """A UUIDv7, as clients of the shop make them before they ask the database anything."""
    return uuid7(_RANDOM, dt.datetime.now(dt.UTC))


@dataclass(frozen=True)
class Basket:
    """What the writers of orders buy: a variant of which there is enough, delivered to where there is a rate."""

    variant_id: int
    currency: str
    country: str
    region: str | None
    shipping_method: str


class CartWriter:
    """Makes an empty cart: the smallest write of the contract. It expires, and api.purge() lets it go."""

    table, key_column = "shop.carts", "cart_id"

    def __init__(self, currency: str = "EUR") -> None:
        self._currency = currency

    def write(self, cursor: Any, key: str) -> None:
        """Makes the cart with this key, or finds that it is there."""
        cursor.execute("SELECT api.create_cart(cart_id => %s, currency => %s)", (key, self._currency))


class OrderWriter:
    """Places an order of one unit: cart, quote, checkout. The order's key is the write's."""

    table, key_column = "shop.orders", "order_id"

    def __init__(self, basket: Basket) -> None:
        self._basket = basket
        self._carts: dict[str, tuple[str, int]] = {}

    def write(self, cursor: Any, key: str) -> None:
        """Places the order with this key, or finds that it is there. A repetition sends what was sent before."""
        basket = self._basket
        if key not in self._carts:
            cart = client_key()
            self._make_cart(cursor, cart)
            cursor.execute(
                "SELECT api.quote_cart(%s, %s, %s, %s)",
                (cart, basket.country, basket.region, basket.shipping_method),
            )
            self._carts[key] = (cart, cursor.fetchone()[0]["total_minor"])
        cart, total = self._carts[key]
        # After an asynchronous failover the cart itself may be among what was lost.
        self._make_cart(cursor, cart)
        address = ("Drill", None, "1 Drill Street", None, "Drilltown", basket.region, "12345", basket.country, None)
        cursor.execute(
            "SELECT * FROM api.place_order(%s, %s, 'drill@example.com', NULL, %s::api.address, %s::api.address, %s, %s)",
            (key, cart, address, address, basket.shipping_method, total),
        )
        del self._carts[key]

    def _make_cart(self, cursor: Any, cart: str) -> None:
        basket = self._basket
        cursor.execute("SELECT status FROM shop.carts WHERE cart_id = %s", (cart,))
        if cursor.fetchone() is None:
            cursor.execute(
                "SELECT api.create_cart(cart_id => %s, currency => %s, variant_ids => ARRAY[%s]::bigint[],"
                " quantities => ARRAY[1])",
                (cart, basket.currency, basket.variant_id),
            )


@dataclass
class _Book:
    """What one writer was told. `moments`: monotonic seconds of each acknowledgement."""

    keys: list[str] = field(default_factory=list)
    moments: list[float] = field(default_factory=list)
    repeated: int = 0
    error: BaseException | None = None


class Load:
    """Writers at work, each with a connection of its own, until `stop`. `connect` may lead elsewhere each time."""

    def __init__(self, connect: Connect, make_writer: Callable[[], Any], writers: int) -> None:
        self._connect = connect
        self._books = [_Book() for _ in range(writers)]
        self._gates = [threading.Lock() for _ in range(writers)]
        self._ending = threading.Event()
        self._threads = [
            threading.Thread(target=self._work, args=(make_writer(), book, gate), daemon=True)
            for book, gate in zip(self._books, self._gates, strict=True)
        ]

    def start(self) -> Load:
        """Sets them to work. Raises what `connect` does when it cannot be done at all."""
        self._connect().close()
        for thread in self._threads:
            thread.start()
        return self

    def stop(self) -> None:
        """Lets each finish what it is at. Raises the first error that was not the server's absence."""
        self._ending.set()
        for thread in self._threads:
            thread.join(_PATIENCE_SECONDS)
        self._raise_error()

    def pause(self) -> None:
        """Returns when no write is under way; none begins before `resume`."""
        for gate in self._gates:
            gate.acquire()

    def resume(self) -> None:
        """Lets them go on."""
        for gate in self._gates:
            gate.release()

    def acknowledged(self) -> list[str]:
        """The keys of all writes that were answered so far."""
        return [key for book in self._books for key in list(book.keys)]

    @property
    def repeated(self) -> int:
        """How many writes had to be sent again, since nobody knew what had become of them."""
        return sum(book.repeated for book in self._books)

    def await_writes(self, more: int) -> None:
        """Returns when every writer has been answered so many times more. Raises TimeoutError."""
        goals = [len(book.keys) + more for book in self._books]
        deadline = time.monotonic() + _PATIENCE_SECONDS
        while any(len(book.keys) < goal for book, goal in zip(self._books, goals, strict=True)):
            self._raise_error()
            if time.monotonic() > deadline:
                raise TimeoutError(f"the writers were not answered in {_PATIENCE_SECONDS} s")
            time.sleep(_PAUSE_SECONDS)

    def longest_silence(self) -> float:
        """Seconds of the longest time without any acknowledgement, from the first to the last one."""
        return longest_gap(moment for book in self._books for moment in list(book.moments))

    def _raise_error(self) -> None:
        for book in self._books:
            if book.error:
                raise book.error

    def _work(self, writer: Any, book: _Book, gate: threading.Lock) -> None:
        try:
            key = None
            while not self._ending.is_set():
                with suppress_absence(), closing(self._connect()) as connection:
                    connection.autocommit = True
                    with connection.cursor() as cursor:
                        while not self._ending.is_set():
                            with gate:
                                if key is None:
                                    key = client_key()
                                else:
                                    book.repeated += 1
                                writer.write(cursor, key)
                                book.keys.append(key)
                                book.moments.append(time.monotonic())
                                key = None
                            time.sleep(0)  # A gate that is wanted elsewhere is given away.
                if not self._ending.is_set():
                    time.sleep(_PAUSE_SECONDS)
        except BaseException as error:  # Handed to whoever waits for this thread.
            book.error = error


class suppress_absence:  # noqa: N801 (used as contextlib.suppress is)
    """Swallows what a server says or does that goes away, is away, or comes back."""

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: object, error: BaseException | None, _trace: object) -> bool:
        if isinstance(error, psycopg2.OperationalError | psycopg2.InterfaceError | ConnectionFailed):
            return True
        return isinstance(error, psycopg2.Error) and error.pgcode in _PASSING


def longest_gap(moments: Iterable[float]) -> float:
    """The longest distance between two neighbours; 0 for fewer than two."""
    ordered = sorted(moments)
    return max((later - earlier for earlier, later in pairwise(ordered)), default=0.0)


def missing(cursor: Any, writer: Any, keys: list[str]) -> list[str]:
    """Which of these keys the database does not hold."""
    cursor.execute(
        f"SELECT wanted::text FROM unnest(%s::uuid[]) AS wanted"  # noqa: S608 (names of ours)
        f" WHERE NOT EXISTS (SELECT FROM {writer.table} WHERE {writer.key_column} = wanted)",
        (keys,),
    )
    return [key for (key,) in cursor.fetchall()]
