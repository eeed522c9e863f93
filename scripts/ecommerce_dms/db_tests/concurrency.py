"""Two connections that want the same thing at once: one gets it, and without the guard both would.

Each race of races.py is played twice at READ COMMITTED and at REPEATABLE READ. The first connection does its part and does
not commit; the second starts, having taken its snapshot before, and waits for the first, which is seen in pg_blocking_pids;
then the first commits. So the order of events is always the same, and nothing sleeps. At the end there are rushes: many
connections that start together behind a barrier, where the order is the server's.

Every race has a database of its own, a copy of the small shop, since its parts are committed.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from typing import Any

import psycopg2
import pytest
from psycopg2.extensions import ISOLATION_LEVEL_READ_COMMITTED, ISOLATION_LEVEL_REPEATABLE_READ

from ecommerce_dms.connection import connect
from ecommerce_dms.db_tests import races
from ecommerce_dms.db_tests.guards import COMMIT
from ecommerce_dms.db_tests.races import (
    CANCEL_D001,
    RACES,
    Race,
    allocation,
    constraint,
    event,
    invoice,
    key,
    order,
    parcel,
    refund,
    trigger,
)
from ecommerce_dms.guards import Guard
from ecommerce_dms.roles import OWNER
from ecommerce_dms.settings import Settings

SERIALIZATION_FAILURE = "40001"
DEADLOCK = "40P01"
LEVELS = dict(zip(races.LEVELS, (ISOLATION_LEVEL_READ_COMMITTED, ISOLATION_LEVEL_REPEATABLE_READ), strict=True))
# Longer than any wait here; a test that hangs ends with an error instead.
SESSION = {"shop.actor": "racer", "lock_timeout": "20s", "statement_timeout": "30s"}


@dataclass
class Outcome:
    """What each part was told (None: it was committed), and whether the second had to wait for the first."""

    first: psycopg2.Error | None
    second: psycopg2.Error | None
    waited: bool

    def codes(self) -> list[str]:
        return [error.pgcode for error in (self.first, self.second) if error]


@contextmanager
def connected(settings: Settings, level: int = ISOLATION_LEVEL_READ_COMMITTED) -> Iterator[Any]:
    """A connection of the owner at an isolation level."""
    with closing(connect(settings, role=OWNER, options=SESSION)) as connection:
        connection.set_session(isolation_level=level)
        yield connection


def attempt(connection: Any, sql: str, *, end: bool = True) -> psycopg2.Error | None:
    """Run SQL; commit it with `end`. What refused it, if something did; the transaction is over then."""
    try:
        with connection.cursor() as cursor:
            cursor.execute(sql)
            cursor.execute(COMMIT)
        if end:
            connection.commit()
    except psycopg2.Error as error:
        connection.rollback()
        return error
    return None


def wait_for_block(watcher: Any, pid: int, over: threading.Event) -> bool:
    """Whether the backend waits for another before it is done. Polls the server, which knows."""
    while not over.wait(0.002):
        with watcher.cursor() as cursor:
            cursor.execute("SELECT cardinality(pg_blocking_pids(%s)) > 0", (pid,))
            if cursor.fetchone() == (True,):
                return True
    return False


def run(settings: Settings, level: str, first: str, second: str, *, roll_back_first: bool = False) -> Outcome:
    """Play the two parts: the first holds what it took until the second waits for it, or is done."""
    isolation = LEVELS[level]
    with connected(settings, isolation) as one, connected(settings, isolation) as two, connected(settings) as watcher:
        watcher.autocommit = True
        with two.cursor() as cursor:
            cursor.execute("SELECT count(*) FROM shop.orders")  # The snapshot is taken before the first has its way.
        outcome = Outcome(attempt(one, first, end=False), None, False)
        over = threading.Event()

        def play() -> None:
            outcome.second = attempt(two, second)
            over.set()

        thread = threading.Thread(target=play)
        thread.start()
        outcome.waited = wait_for_block(watcher, two.info.backend_pid, over)
        if roll_back_first:
            one.rollback()
        elif outcome.first is None:
            one.commit()
        thread.join()
    return outcome


def prepare(settings: Settings, sql: str, guards: tuple[Guard, ...] = ()) -> None:
    """Set the scene, and take guards away for good: the database is the test's own."""
    with connected(settings) as connection, connection.cursor() as cursor:
        if sql:
            cursor.execute(sql)
            cursor.execute(COMMIT)
        for guard in guards:
            cursor.execute(guard.removal())
        connection.commit()


def holds(settings: Settings, condition: str) -> bool:
    with connected(settings) as connection, connection.cursor() as cursor:
        cursor.execute(f"SELECT {condition}")
        return cursor.fetchone() == (True,)


def broken_invariants(settings: Settings) -> list[tuple]:
    with connected(settings) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT invariant, example FROM api.verify_integrity() WHERE violations > 0")
        return cursor.fetchall()


BY_LEVEL = [(race, level) for race in RACES for level in race.levels]


@pytest.mark.scratch
class TestRaces:
    """Two connections; the second waits for the first."""

    @pytest.fixture
    def shop(self, copy_of: Callable[[Settings], Any], small_shop: Settings) -> Iterator[Settings]:
        """A small shop for one race."""
        with copy_of(small_shop) as settings:
            yield settings

    @pytest.mark.parametrize(("race", "level"), BY_LEVEL, ids=lambda value: getattr(value, "name", value))
    def test_only_one_wins(self, race: Race, level: str, shop: Settings) -> None:
        prepare(shop, race.setup)
        outcome = run(shop, level, race.first, race.second)
        assert outcome.first is None, outcome.first
        assert outcome.waited, "the second did not wait for the first, so this was no race"
        told = (outcome.second.pgcode, outcome.second.diag.constraint_name or "") if outcome.second else ("", "")
        serialization = level == "repeatable read" and told[0] == SERIALIZATION_FAILURE
        assert told == race.refused or serialization, outcome.second
        assert not holds(shop, race.harm)
        assert broken_invariants(shop) == []

    @pytest.mark.parametrize(("race", "level"), BY_LEVEL, ids=lambda value: getattr(value, "name", value))
    def test_both_win_without_the_guard(self, race: Race, level: str, shop: Settings) -> None:
        """So the guard is what decides, and the harm is real."""
        prepare(shop, race.setup, race.guards)
        outcome = run(shop, level, *(race.unguarded or (race.first, race.second)))
        assert outcome.codes() == [], [outcome.first, outcome.second]
        assert holds(shop, race.harm)

    @pytest.mark.parametrize("level", LEVELS)
    def test_rolled_back_invoice_leaves_no_gap(self, level: str, shop: Settings) -> None:
        """The second waits until it is certain which number is free, and takes the one that was given back."""
        outcome = run(shop, level, invoice("d002", 4428, 828), invoice("d003", 4091, 676), roll_back_first=True)
        assert (outcome.waited, outcome.codes()) == (True, [])
        assert holds(shop, f"(SELECT number = 2 FROM shop.invoices WHERE order_id = {key('d003')})")
        assert broken_invariants(shop) == []

    @pytest.mark.parametrize("level", LEVELS)
    def test_second_delivery_of_an_event_is_skipped(self, level: str, shop: Settings) -> None:
        """ON CONFLICT DO NOTHING waits for the first delivery; nothing is counted twice."""
        delivery = event("evt_r", "captured", 6485) + " ON CONFLICT (provider, provider_event_id) DO NOTHING"
        outcome = run(shop, level, delivery, delivery)
        assert outcome.waited
        assert outcome.codes() in ([], [SERIALIZATION_FAILURE])
        assert holds(shop, f"(SELECT captured_minor = 6485 FROM shop.orders WHERE order_id = {key('d001')})")

    @pytest.mark.parametrize("level", LEVELS)
    def test_order_is_not_paid_for_and_expired(self, level: str, shop: Settings) -> None:
        """The money comes while the order expires: either it does not expire, or an exception is listed."""
        overdue = order("d101").replace("interval '1 hour'", "interval '1 microsecond'")
        payment = f"""
            INSERT INTO shop.payments (payment_id, order_id, currency, provider, method, amount_minor)
            VALUES ({key("9b01")}, {key("d101")}, 'EUR', 'stripe', 'card', 1230)
        """
        expire = f"""
            INSERT INTO shop.order_item_cancellations (order_id, line_number, quantity, reason)
            VALUES ({key("d101")}, 1, 1, 'payment_expired');
            UPDATE shop.orders SET status = 'expired' WHERE order_id = {key("d101")};
        """
        pay = event("evt_r", "captured", 1230, payment="9b01")
        prepare(shop, overdue + ";" + payment)
        outcome = run(shop, level, pay, expire)
        assert outcome.waited
        assert outcome.codes() in (["SH111"], [SERIALIZATION_FAILURE])

    @pytest.mark.parametrize("level", LEVELS)
    def test_money_that_comes_after_the_end_is_listed(self, level: str, shop: Settings) -> None:
        """The order expires first: the event waits, is stored all the same, and is listed as an exception."""
        end = CANCEL_D001 + f"UPDATE shop.orders SET status = 'cancelled' WHERE order_id = {key('d001')};"
        pay = event("evt_r", "captured", 6485)
        outcome = run(shop, level, end, pay)
        assert outcome.waited
        if outcome.codes() == [SERIALIZATION_FAILURE]:
            with connected(shop) as connection:
                assert attempt(connection, pay) is None
        else:
            assert outcome.codes() == []
        assert holds(
            shop,
            f"EXISTS (SELECT FROM shop.payment_exceptions WHERE payment_id = {key('9a01')} AND kind = 'after_end')",
        )
        assert broken_invariants(shop) == []

    def test_categories_are_not_moved_at_repeatable_read(self, shop: Settings) -> None:
        """Whoever moves one there may read a tree that another move has changed since."""
        with connected(shop, ISOLATION_LEVEL_REPEATABLE_READ) as connection:
            error = attempt(connection, "UPDATE shop.categories SET parent_id = 4 WHERE category_id = 1")
        assert error is not None
        assert (error.pgcode, error.diag.constraint_name) == ("SH002", "categories_moves_queue")


@pytest.mark.scratch
class TestNoDeadlock:
    """Writers that meet in opposite order queue; where they did not, the server would have to end one of them."""

    @pytest.fixture
    def shop(self, copy_of: Callable[[Settings], Any], small_shop: Settings) -> Iterator[Settings]:
        with copy_of(small_shop) as settings:
            yield settings

    CROSSING = (
        "UPDATE shop.categories SET parent_id = 4 WHERE category_id = 3",
        "UPDATE shop.categories SET parent_id = 4 WHERE category_id = 6",
    )

    def cross(self, shop: Settings) -> list[str]:
        """Two transactions move the same two categories in opposite order; the SQLSTATEs they get."""
        with connected(shop) as one, connected(shop) as two, connected(shop) as watcher:
            watcher.autocommit = True
            errors = [attempt(one, self.CROSSING[0], end=False)]
            over = threading.Event()

            def play() -> None:
                errors.append(attempt(two, ";".join(reversed(self.CROSSING))))
                over.set()

            thread = threading.Thread(target=play)
            thread.start()
            wait_for_block(watcher, two.info.backend_pid, over)
            errors.append(attempt(one, self.CROSSING[1]))
            thread.join()
        return [error.pgcode for error in errors if error]

    def test_moves_of_categories_queue(self, shop: Settings) -> None:
        assert self.cross(shop) == []

    def test_moves_of_categories_deadlock_without_their_queue(self, shop: Settings) -> None:
        prepare(
            shop,
            "",
            (
                trigger("categories", "categories_moves_queue"),
                trigger("categories", "categories_keep_ancestry"),
                constraint("categories", "ck_categories_parent_ends_ancestry"),
            ),
        )
        assert self.cross(shop) == [DEADLOCK]

    def test_shipping_and_releasing_take_locks_in_one_order(self, shop: Settings) -> None:
        """A third transaction holds the line until both wait, so that they meet whatever their speed."""
        release = f"UPDATE shop.order_allocations SET released_quantity = 2 WHERE order_id = {key('d002')}"
        errors: list[psycopg2.Error | None] = []
        with connected(shop) as holder, connected(shop) as watcher:
            watcher.autocommit = True
            with holder.cursor() as cursor:
                cursor.execute(f"SELECT FROM shop.order_items WHERE order_id = {key('d002')} FOR NO KEY UPDATE")
            threads = []
            for sql in (parcel("5b01"), release):
                over = threading.Event()
                thread = threading.Thread(target=self._play, args=(shop, sql, errors, over, ready := Backend()))
                thread.start()
                threads.append(thread)
                assert wait_for_block(watcher, ready.pid(), over)
            holder.rollback()
            for thread in threads:
                thread.join()
        assert sorted(error.pgcode if error else "" for error in errors) == ["", "23514"]

    @staticmethod
    def _play(
        shop: Settings, sql: str, errors: list[psycopg2.Error | None], over: threading.Event, backend: Backend
    ) -> None:
        with connected(shop) as connection:
            backend.set(connection.info.backend_pid)
            errors.append(attempt(connection, sql))
        over.set()


class Backend:
    """The process id of a connection that another thread makes."""

    def __init__(self) -> None:
        self._known = threading.Event()
        self._pid = 0

    def set(self, pid: int) -> None:
        self._pid = pid
        self._known.set()

    def pid(self) -> int:
        assert self._known.wait(20), "the connection was not made"
        return self._pid


@pytest.mark.scratch
class TestRushes:
    """Many connections that start together. Who wins is chance; how many win is not."""

    CONTENDERS = 8

    @pytest.fixture
    def shop(self, copy_of: Callable[[Settings], Any], small_shop: Settings) -> Iterator[Settings]:
        with copy_of(small_shop) as settings:
            yield settings

    def rush(self, shop: Settings, level: str, parts: list[str]) -> list[str]:
        """Play all parts at once, again after each serialization failure; the SQLSTATEs of those refused."""
        barrier = threading.Barrier(len(parts))
        refused: list[str] = []

        def play(sql: str) -> None:
            with connected(shop, LEVELS[level]) as connection:
                barrier.wait(20)
                while (error := attempt(connection, sql)) and error.pgcode == SERIALIZATION_FAILURE:
                    pass
                if error:
                    refused.append(error.pgcode)

        threads = [threading.Thread(target=play, args=(sql,)) for sql in parts]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return refused

    @pytest.mark.parametrize("level", LEVELS)
    def test_three_units_go_to_three_buyers(self, level: str, shop: Settings) -> None:
        numbers = [f"d1{n:02x}" for n in range(self.CONTENDERS)]
        more = "INSERT INTO shop.stock_movements (variant_id, warehouse_id, kind, on_hand_delta) VALUES (5, 1, 'receipt', 2);"
        prepare(shop, more + "".join(order(number) for number in numbers))
        refused = self.rush(shop, level, [allocation(number) for number in numbers])
        assert refused == ["23514"] * (self.CONTENDERS - 3)
        assert broken_invariants(shop) == []

    @pytest.mark.parametrize("level", LEVELS)
    def test_one_statement_does_not_promise_the_last_unit_twice(self, level: str, shop: Settings) -> None:
        """Each row of it sees what the rows before it took."""
        prepare(shop, order("d101") + order("d102"))
        both = f"{allocation('d101')}, ({key('d102')}, 1, 1, 5, 1)"
        assert self.rush(shop, level, [both]) == ["23514"]
        assert self.rush(shop, level, [allocation("d101")]) == []
        assert broken_invariants(shop) == []

    @pytest.mark.parametrize("level", LEVELS)
    def test_coupon_for_three_is_used_three_times(self, level: str, shop: Settings) -> None:
        coupon = (
            "INSERT INTO shop.coupons (code, description, kind, amount_minor, currency, usage_limit)"
            " VALUES ('THREE', 'For three.', 'fixed', 100, 'EUR', 3)"
        )
        prepare(shop, coupon)
        parts = [order(f"d1{n:02x}", coupon="THREE", email=f"r{n}@example.net") for n in range(self.CONTENDERS)]
        assert self.rush(shop, level, parts) == ["23514"] * (self.CONTENDERS - 3)
        assert broken_invariants(shop) == []

    @pytest.mark.parametrize("level", LEVELS)
    def test_one_cart_makes_one_order(self, level: str, shop: Settings) -> None:
        parts = [order(f"d1{n:02x}", cart="ca08") for n in range(self.CONTENDERS)]
        refused = self.rush(shop, level, parts)
        assert len(refused) == self.CONTENDERS - 1
        assert set(refused) <= {"23505", "SH106"}
        assert broken_invariants(shop) == []

    @pytest.mark.parametrize("level", LEVELS)
    def test_refunds_share_the_capture(self, level: str, shop: Settings) -> None:
        """5295 were captured: five refunds of 1000 fit, three do not."""
        refused = self.rush(shop, level, [refund(1000)] * self.CONTENDERS)
        assert refused == ["23514"] * (self.CONTENDERS - 5)
        assert broken_invariants(shop) == []

    @pytest.mark.parametrize("level", LEVELS)
    def test_credit_notes_are_numbered_without_a_gap(self, level: str, shop: Settings) -> None:
        """Every other one fails after it was given a number."""
        note = f"""
            INSERT INTO shop.credit_notes (series, invoice_id, order_id, currency, amount_minor, reason)
            VALUES ('CN-2026', 1, {key("d004")}, 'USD', 10, 'Goodwill');
        """
        fail = "SELECT 1 / 0;"
        refused = self.rush(shop, level, [note + fail * (n % 2) for n in range(self.CONTENDERS)])
        assert refused == ["22012"] * (self.CONTENDERS // 2)
        assert holds(shop, "(SELECT array_agg(number ORDER BY number) = '{1,2,3,4,5}' FROM shop.credit_notes)")
        assert broken_invariants(shop) == []
