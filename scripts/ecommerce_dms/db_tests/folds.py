"""A payment's totals, and what is listed as an exception, depend on the set of its events alone.

Not on their order, and not on how often each is delivered: providers promise neither. Sets of up to five events are tried
in every order; larger ones in random orders, whose seed is printed with a failure.
"""

from __future__ import annotations

import itertools
import random
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from ecommerce_dms.db_tests.guards import COMMIT, OnSmallShop

KEY = "01990000-0000-7000-8000-00000000"
SHUFFLES = 60
MOST_IN_EVERY_ORDER = 5


@dataclass(frozen=True)
class Event:
    """What a provider says of a payment of the small shop, by the end of its key."""

    kind: str
    amount: int = 0
    currency: str = "EUR"
    payment: str = "9a01"

    def __str__(self) -> str:
        return f"{self.payment} {self.kind} {self.amount} {self.currency}"


@dataclass(frozen=True)
class History:
    """Events of one order, and what its payment `9a01` of 6485 EUR, or another, should come to.

    expected: authorized, captured, refunded on the order. open: exceptions that stay open, as kind and amount.
    """

    name: str
    events: tuple[Event, ...]
    expected: tuple[int, int, int]
    open: tuple[tuple[str, int], ...] = ()
    order: str = "d001"
    setup: str = ""


FULL = 6485
SECOND_PAYMENT = f"""
    INSERT INTO shop.payments (payment_id, order_id, currency, provider, method, amount_minor)
    VALUES ('{KEY}9b01', '{KEY}d001', 'EUR', 'stripe', 'card', {FULL});
"""
FIRST_FAILED = f"""
    INSERT INTO shop.payment_events (provider, provider_event_id, payment_id, kind, currency, occurred_at)
    VALUES ('stripe', 'before', '{KEY}9a01', 'failed', 'EUR', now());
"""

HISTORIES = (
    History(
        "authorized_and_captured",
        (Event("authorized", FULL), Event("captured", FULL)),
        (FULL, FULL, 0),
    ),
    History(
        "captured_in_parts",
        (Event("authorized", FULL), Event("captured", 3000), Event("captured", 3485)),
        (FULL, FULL, 0),
    ),
    History(
        "captured_in_part_and_refunded",
        (Event("authorized", FULL), Event("captured", 3000), Event("refunded", 500), Event("refunded", 700)),
        (FULL, 3000, 1200),
    ),
    History(
        "refunded_in_full",
        (Event("captured", FULL), Event("refunded", 2000), Event("refunded", 4485)),
        (FULL, FULL, FULL),
    ),
    History(
        "captured_too_much",
        (Event("authorized", FULL), Event("captured", FULL), Event("captured", 100), Event("captured", 15)),
        (FULL, FULL, 0),
        (("over_capture", 115),),
    ),
    History(
        "refunded_too_much",
        (Event("captured", 3000), Event("refunded", 2000), Event("refunded", 1500)),
        (3000, 3000, 3000),
        (("over_refund", 500),),
    ),
    History(
        "captured_and_refunded_too_much",
        (Event("captured", FULL), Event("captured", 600), Event("refunded", 7000), Event("authorized", FULL)),
        (FULL, FULL, FULL),
        (("over_capture", 600), ("over_refund", 7000 - FULL)),
    ),
    History(
        "voided",
        (Event("authorized", FULL), Event("voided")),
        (0, 0, 0),
    ),
    History(
        "voided_after_a_part_was_captured",
        (Event("authorized", FULL), Event("captured", 3000), Event("voided"), Event("refunded", 1000)),
        (3000, 3000, 1000),
    ),
    History(
        "failed_and_captured_all_the_same",
        (Event("failed"), Event("captured", FULL), Event("authorized", FULL)),
        (FULL, FULL, 0),
    ),
    History(
        "captured_in_another_currency",
        (
            Event("authorized", FULL),
            Event("captured", FULL),
            Event("captured", FULL, "USD"),
            Event("refunded", 9, "JPY"),
        ),
        (FULL, FULL, 0),
        (("other_currency", 9), ("other_currency", FULL)),
    ),
    History(
        "disputed",
        (Event("captured", FULL), Event("dispute_opened", FULL), Event("dispute_won", FULL)),
        (FULL, FULL, 0),
        (("dispute", FULL),),
    ),
    History(
        "everything_at_once",
        (
            Event("authorized", FULL),
            Event("captured", 4000),
            Event("captured", 3000),
            Event("refunded", 6500),
            Event("voided"),
        ),
        (FULL, FULL, FULL),
        (("over_capture", 515), ("over_refund", 15)),
    ),
    History(
        "authorization_of_a_confirmed_order_lost_and_captured_elsewhere",
        (
            Event("voided", payment="9a02"),
            Event("captured", 2000, payment="9a02"),
            Event("captured", 1000, payment="9a02"),
        ),
        (3000, 3000, 0),
        (("authorization_lost", 1428),),
        order="d002",
    ),
    History(
        "money_after_the_end",
        (
            Event("captured", 100, payment="9a05"),
            Event("authorized", 2360, payment="9a05"),
            Event("refunded", 100, payment="9a05"),
        ),
        (100, 100, 100),
        (("after_end", 100), ("after_end", 2360)),
        order="d005",
    ),
    History(
        "two_payments_are_one_too_many",
        (
            Event("captured", 5000),
            Event("captured", 2000, payment="9b01"),
            Event("captured", 1000, payment="9b01"),
            Event("authorized", FULL, payment="9b01"),
        ),
        (5000 + FULL, 8000, 0),
        (("over_payment", 8000 - FULL),),
        setup=FIRST_FAILED + SECOND_PAYMENT,
    ),
    History(
        "two_payments_with_everything",
        (
            Event("authorized", FULL, payment="9b01"),
            Event("captured", FULL, payment="9b01"),
            Event("captured", 4000),
            Event("captured", 3000),
            Event("refunded", 1000),
            Event("refunded", 500, payment="9b01"),
            Event("captured", 77, "USD"),
            Event("dispute_opened", 12, payment="9b01"),
            Event("voided", payment="9b01"),
        ),
        (2 * FULL, 2 * FULL, 1500),
        (("dispute", 12), ("other_currency", 77), ("over_capture", 515), ("over_payment", FULL)),
        setup=FIRST_FAILED + SECOND_PAYMENT,
    ),
)

# Amounts that tell which event counted: no two sums of them are alike.
LARGE = (
    *tuple(Event(kind, 3**n) for n, kind in enumerate(("captured", "refunded", "authorized") * 3)),
    Event("captured", FULL),
    Event("captured", 41, "USD"),
    Event("voided"),
)


def orders_of(history: History, seed: int) -> Iterator[tuple[Event, ...]]:
    """Every order of few events; random ones of many."""
    if len(history.events) <= MOST_IN_EVERY_ORDER:
        yield from itertools.permutations(history.events)
        return
    generator = random.Random(seed)  # noqa: S311 (no secret: which orders are tried)
    for _ in range(SHUFFLES):
        yield tuple(generator.sample(history.events, len(history.events)))


def deliveries(history: History, events: tuple[Event, ...], *, twice: bool) -> str:
    """SQL that records the events in this order; with `twice` each once more at once, and all of them at the end."""
    sequence = [event for event in events for _ in range(2)] + list(events) if twice else list(events)
    return "".join(
        f"""
        INSERT INTO shop.payment_events
            (provider, provider_event_id, payment_id, kind, amount_minor, currency, occurred_at)
        VALUES ('stripe', 'evt_fold_{history.events.index(event)}', '{KEY}{event.payment}', '{event.kind}', {event.amount},
            '{event.currency}', now())
        ON CONFLICT (provider, provider_event_id) DO NOTHING;
        """
        for event in sequence
    )


def state(cursor: Any, order: str) -> tuple[tuple[int, int, int], list[tuple], list[tuple[str, int]]]:
    """Sums of the order; totals of each of its payments; open exceptions. By the order, since which of two payments was
    the one too many is a matter of who comes last."""
    cursor.execute(
        "SELECT authorized_minor, captured_minor, refunded_minor FROM shop.orders WHERE order_id = %s", (KEY + order,)
    )
    sums = cursor.fetchone()
    cursor.execute(
        "SELECT payment_id, authorized_minor, captured_minor, refunded_minor, closed_at IS NULL, state::text"
        " FROM shop.payments WHERE order_id = %s ORDER BY payment_id",
        (KEY + order,),
    )
    payments = cursor.fetchall()
    cursor.execute(
        "SELECT e.kind::text, e.amount_minor, e.currency FROM shop.payment_exceptions AS e"
        " JOIN shop.payments USING (payment_id) WHERE order_id = %s AND resolved_at IS NULL ORDER BY 1, 2, 3",
        (KEY + order,),
    )
    return sums, payments, cursor.fetchall()


def outcomes(cursor: Any, history: History, seed: int) -> Iterator[tuple[tuple[Event, ...], bool, Any]]:
    """The state after each order of events, delivered once and several times."""
    if history.setup:
        cursor.execute(history.setup)
    for events in orders_of(history, seed):
        for twice in (False, True):
            cursor.execute("SAVEPOINT before")
            cursor.execute(deliveries(history, events, twice=twice))
            cursor.execute(COMMIT)
            yield events, twice, state(cursor, history.order)
            cursor.execute("ROLLBACK TO SAVEPOINT before")
            cursor.execute("RELEASE SAVEPOINT before")


@pytest.mark.scratch
class TestPaymentFold(OnSmallShop):
    """Events may come late, twice and in any order."""

    @pytest.mark.parametrize("history", HISTORIES, ids=lambda history: history.name)
    def test_order_and_number_of_deliveries_do_not_matter(self, history: History, attacker: Any) -> None:
        seed = random.SystemRandom().randrange(2**32)
        for events, twice, (sums, payments, exceptions) in outcomes(attacker, history, seed):
            told = f"seed {seed}, {'twice: ' if twice else ''}{', '.join(map(str, events))}"
            assert sums == history.expected, told
            assert [(kind, amount) for kind, amount, _ in exceptions] == sorted(history.open), told
            assert sum(payment[2] for payment in payments) == history.expected[1], told

    def test_many_events_come_to_the_same_in_every_order(self, attacker: Any) -> None:
        """Here nobody says what they come to, only that it is always the same."""
        seed = random.SystemRandom().randrange(2**32)
        first: Any = None
        for events, twice, found in outcomes(attacker, History("many", LARGE, (0, 0, 0)), seed):
            first = first or found
            assert found == first, f"seed {seed}, {'twice: ' if twice else ''}{', '.join(map(str, events))}"

    def test_invariants_hold_after_every_history(self, attacker: Any) -> None:
        for history in HISTORIES:
            attacker.execute("SAVEPOINT before")
            attacker.execute(history.setup + deliveries(history, history.events, twice=True))
            attacker.execute("SELECT invariant, example FROM api.verify_integrity() WHERE violations > 0")
            assert attacker.fetchall() == [], history.name
            attacker.execute("ROLLBACK TO SAVEPOINT before")
