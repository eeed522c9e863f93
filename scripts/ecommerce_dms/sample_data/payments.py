"""Payments of one order: attempts, the provider's events, exceptions and refunds.

Everything is recorded only if it happened by the plan's `as_of`; `record` and `refund` say so by what they return. The
totals are the fold over the events that the schema's trigger makes.
"""

from __future__ import annotations

import datetime as dt
import random
from dataclasses import dataclass, field

from ecommerce_dms.sample_data.orders import Order
from ecommerce_dms.sample_data.randomness import Weighted, days_later, uuid7
from ecommerce_dms.sample_data.timeline import Ticket
from ecommerce_dms.sample_data.world import World

# (method, provider, percent). Olist: cards 74 %, bank slips 19 %.
METHODS = Weighted(
    (
        (("card", "stripe"), 62),
        (("apple_pay", "stripe"), 8),
        (("paypal", "paypal"), 20),
        (("klarna", "adyen"), 10),
    )
)
TRANSFER = ("bank_transfer", "stripe")
_NETWORKS = ("visa", "mastercard", "amex")
_CLOSING = ("voided", "failed")


@dataclass(slots=True)
class Event:
    """What a provider said."""

    ticket: Ticket
    kind: str
    amount: int
    received: dt.datetime
    counts: bool  # Whether it is in the payment's currency.


@dataclass(slots=True)
class Payment:
    """An attempt to pay."""

    key: str
    method: str
    provider: str
    amount: int
    created: dt.datetime
    events: list[Event] = field(default_factory=list)
    refund_requested: int = 0

    def sum(self, kind: str) -> int:
        """Sum of its events of a kind."""
        return sum(e.amount for e in self.events if e.kind == kind and e.counts)

    @property
    def captured(self) -> int:
        """What counts as captured: never more than the payment is for."""
        return min(self.sum("captured"), self.amount)

    @property
    def authorized(self) -> int:
        """What counts as authorized: a capture implies it, and once closed only what was captured still stands."""
        return self.captured if self.closed else min(max(self.sum("authorized"), self.sum("captured")), self.amount)

    @property
    def refunded(self) -> int:
        """What counts as refunded."""
        return min(self.sum("refunded"), self.sum("captured"), self.amount)

    @property
    def closed(self) -> dt.datetime | None:
        """When it was voided or failed."""
        ended = [e.received for e in self.events if e.kind in _CLOSING and e.counts]
        return max(min(ended), self.created) if ended else None


class Payments:
    """All payments of an order."""

    def __init__(self, world: World, order: Order, rng: random.Random) -> None:
        """An order without any payment yet."""
        self.all: list[Payment] = []
        self._world, self._order, self._rng = world, order, rng
        self._as_of = world.plan.as_of

    @property
    def last(self) -> Payment:
        """The payment started last."""
        return self.all[-1]

    @property
    def sums(self) -> tuple[int, int, int, int]:
        """Intended, authorized, captured and refunded, as the order counts them."""
        return (
            sum(p.amount for p in self.all if not p.closed),
            sum(p.authorized for p in self.all),
            sum(p.captured for p in self.all),
            sum(p.refunded for p in self.all),
        )

    # Attempts and events --------------------------------------------------------------------------------------------

    def start(self, moment: dt.datetime, method: tuple[str, str] | None = None) -> Payment | None:
        """An attempt to pay the whole order."""
        if moment > self._as_of:
            return None
        name, provider = method or METHODS.pick(self._rng)
        payment = Payment(uuid7(self._rng, moment), name, provider, self._order.total, moment)
        self.all.append(payment)
        return payment

    def record(
        self,
        payment: Payment | None,
        kind: str,
        amount: int,
        moment: dt.datetime,
        currency: str | None = None,
        dispute: str | None = None,
    ) -> Event | None:
        """An event of a payment, or of one that nobody knows (None); of one of its disputes, by the provider's id."""
        received = moment + dt.timedelta(milliseconds=self._rng.randint(300, 4_000))
        if received > self._as_of:
            return None
        ticket = Ticket("payment_events")
        provider = payment.provider if payment else "stripe"
        reference = f"evt_{self._rng.getrandbits(32):08x}{uuid7(self._rng, received).replace('-', '')}"
        payload = {"object": "charge"} if not payment or payment.method != "card" else self._card()
        own = self._order.currency
        row = (
            ticket,
            provider,
            reference,
            payment.key if payment else None,
            kind,
            amount,
            currency or own,
            dispute,
            payload,
            moment,
            received,
        )
        self._world.timeline.at(received, (ticket,), [("payment_events", row)])
        event = Event(ticket, kind, amount, received, currency in (None, own))
        if payment:
            payment.events.append(event)
        return event

    def _card(self) -> dict:
        return {"object": "charge", "network": self._rng.choice(_NETWORKS), "wallet": None}

    def capture(self, payment: Payment, amount: int, moment: dt.datetime, owed: int | None = None) -> Event | None:
        """A capture, posted to the books; what is captured beyond `owed` (default: all is owed) goes to suspense."""
        event = self.record(payment, "captured", amount, moment)
        if event:
            owed = amount if owed is None else owed
            amounts = {"provider_clearing": amount, "receivable": -owed, "suspense": owed - amount}
            self._post("capture", "Captured", event, amounts)
            self._order.happened.append((event.received, "payment.captured", {"amount_minor": amount}))
        return event

    def _post(self, kind: str, words: str, event: Event, amounts: dict) -> None:
        order = self._order
        text = f"{words}, order {order.number}"
        self._world.ledger.post(kind, order.key, order.currency, text, event.received, amounts, event.ticket)

    def lose(self, event: Event, amount: int) -> None:
        """Books a lost dispute: the provider took the money back, and the claim is open again."""
        self._post("dispute", "Dispute lost", event, {"receivable": amount, "provider_clearing": -amount})

    def suspend(self, event: Event, currency: str) -> None:
        """Books money that belongs to no order, or to one of another currency."""
        amounts = {"provider_clearing": event.amount, "suspense": -event.amount}
        text = "Captured for nothing that is known"
        self._world.ledger.post("capture", None, currency, text, event.received, amounts, event.ticket)

    # Exceptions -----------------------------------------------------------------------------------------------------

    def exception(
        self,
        event: Event,
        payment: Payment | None,
        kind: str,
        amount: int,
        currency: str | None = None,
        resolved: dt.datetime | None = None,
        resolution: str | None = None,
    ) -> None:
        """Lists an event that broke a rule; settled if `resolved` has passed."""
        ticket = Ticket("payment_exceptions")
        if resolved is None or resolved > self._as_of:
            resolved = resolution = None
        row = (
            ticket,
            event.ticket,
            payment.key if payment else None,
            kind,
            amount,
            currency or self._order.currency,
            event.received,
            resolved,
            resolution,
            "staff:payments" if resolved else None,
        )
        self._world.timeline.at(event.received, (ticket,), [("payment_exceptions", row)])

    # Refunds --------------------------------------------------------------------------------------------------------

    def refund(
        self,
        payment: Payment,
        amount: int,
        moment: dt.datetime,
        reason: str,
        return_id: str | None = None,
        outcome: str = "succeeded",
        debited: str = "receivable",
    ) -> tuple[str, str, dt.datetime | None] | None:
        """Asks for a refund that will succeed, fail, or stay pending; returns its key, state, and when it succeeded.

        None: it was not asked for yet.
        """
        if moment > self._as_of or amount <= 0:
            return None
        rng = self._rng
        key = uuid7(rng, moment)
        settled = days_later(rng, moment, 0.1, 3) if outcome != "pending" else None
        event = None
        if settled and outcome == "succeeded":
            event = self.record(payment, "refunded", amount, settled)
            settled = event.received if event else None
        if settled and settled > self._as_of:
            settled = None
        state = outcome if settled else "pending"
        if state != "failed":
            payment.refund_requested += amount
        if event:
            self._post("refund", "Refunded", event, {debited: amount, "provider_clearing": -amount})
            self._order.happened.append((settled, "refund.succeeded", {"amount_minor": amount}))
        reference = f"re_{key.replace('-', '')}" if state != "pending" else None
        self._world.batch["refunds"].append(
            (
                key,
                payment.key,
                self._order.key,
                self._order.currency,
                return_id,
                amount,
                reason,
                state,
                reference,
                moment,
                settled,
            )
        )
        return key, state, settled if state == "succeeded" else None

    def write(self) -> None:
        """Writes the payments with their totals."""
        for p in self.all:
            reference = f"{p.provider[:2]}_{p.key.replace('-', '')}" if p.events else None
            self._world.batch["payments"].append(
                (
                    p.key,
                    self._order.key,
                    self._order.currency,
                    p.provider,
                    reference,
                    p.method,
                    p.amount,
                    p.authorized,
                    p.captured,
                    p.refunded,
                    p.refund_requested,
                    p.closed,
                    p.created,
                )
            )
