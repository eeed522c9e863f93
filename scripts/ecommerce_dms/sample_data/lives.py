"""The life of an order, from the moment it is placed to its end, told by its story.

A life is told as it would go on for ever, and everything after the plan's `as_of` has not happened yet. That is how
orders come to be pending, on their way, or waiting for a refund: nobody decides it.
"""

from __future__ import annotations

import datetime as dt
import random

from ecommerce_dms.sample_data import fulfilment, integration, ledger, orders
from ecommerce_dms.sample_data.fulfilment import Return
from ecommerce_dms.sample_data.orders import Order
from ecommerce_dms.sample_data.payments import TRANSFER, Event, Payments
from ecommerce_dms.sample_data.randomness import days_later, hours_later, minutes_later
from ecommerce_dms.sample_data.stories import Story
from ecommerce_dms.sample_data.timeline import Ticket
from ecommerce_dms.sample_data.world import World

_STAFF = ("staff:3", "staff:4", "staff:8")


class Life:
    """One order's life. `live` tells it, and writes everything about the order."""

    def __init__(self, world: World, order: Order, story: Story, rng: random.Random) -> None:
        """The order has been composed, and its stock promised."""
        self._world, self._order, self._story, self._rng = world, order, story, rng
        self._as_of = world.plan.as_of
        self._payments = Payments(world, order, rng)
        self._confirmed: dt.datetime | None = None
        self._credits: list[tuple[int, str, dt.datetime, str | None]] = []
        self._return: Return | None = None

    def live(self) -> None:
        """Tells the story up to `as_of`, then writes the order as it is by then."""
        self._place()
        self._pay()
        if self._confirmed is None:
            self._end_unpaid()
        elif self._story.ending == "cancelled":
            self._cancel_all()
        else:
            self._fulfil()
        self._write()

    def _has_happened(self, moment: dt.datetime) -> bool:
        return moment <= self._as_of

    def _tell(self, moment: dt.datetime, event: str, **payload: object) -> None:
        self._order.happened.append((moment, event, payload))

    # Placed and paid ------------------------------------------------------------------------------------------------

    def _place(self) -> None:
        order = self._order
        order.move("pending", order.placed, order.buyer.actor)
        self._tell(order.placed, "order.placed", total_minor=order.total, currency=order.currency)
        for line in order.lines:
            for a in line.allocations:
                place = (line.variant.key, a.warehouse, a.slot)
                self._world.stock.move(place, "reservation", a.units, order.key, line.number, order.placed)

    def _pay(self) -> None:
        """Lets the buyer pay as the story says, and confirms the order when it is covered."""
        if self._order.total == 0:
            self._confirm(self._order.placed, "system")
            return
        first = self._order.placed + dt.timedelta(seconds=self._rng.randint(20, 180))
        covering = getattr(self, f"_pay_{self._story.payment}")(first)
        if covering:
            self._confirm(covering.received, f"provider:{self._payments.last.provider}")

    def _pay_at_once(self, moment: dt.datetime) -> Event | None:
        payment = self._payments.start(moment)
        return payment and self._payments.capture(payment, payment.amount, moment + dt.timedelta(seconds=8))

    def _pay_authorized(self, moment: dt.datetime) -> Event | None:
        payment = self._payments.start(moment)
        return payment and self._payments.record(
            payment, "authorized", payment.amount, moment + dt.timedelta(seconds=6)
        )

    def _pay_transfer(self, moment: dt.datetime) -> Event | None:
        payment = self._payments.start(moment, TRANSFER)
        arrives = days_later(self._rng, moment, 1, 4)
        return payment and self._payments.capture(payment, payment.amount, arrives)

    def _pay_failed(self, moment: dt.datetime) -> None:
        payment = self._payments.start(moment)
        if payment:
            self._payments.record(payment, "failed", 0, moment + dt.timedelta(seconds=15))

    def _pay_retried(self, moment: dt.datetime) -> Event | None:
        self._pay_failed(moment)
        return self._pay_at_once(minutes_later(self._rng, moment, 1, 12))

    def _pay_none(self, moment: dt.datetime) -> None:
        # Every other one has got as far as the provider's page.
        if self._rng.random() < 0.5:
            self._payments.start(moment)

    def _pay_late(self, moment: dt.datetime) -> None:
        self._payments.start(moment)

    def _pay_twice(self, moment: dt.datetime) -> Event | None:
        """The first attempt seems to fail, the buyer pays again, and then the first is captured after all."""
        payments = self._payments
        first = payments.start(moment)
        if not first or not payments.record(first, "failed", 0, moment + dt.timedelta(seconds=20)):
            return None
        covering = self._pay_at_once(minutes_later(self._rng, moment, 2, 8))
        again = covering and payments.capture(first, first.amount, hours_later(self._rng, moment, 0.5, 2), owed=0)
        if again:
            given_back = payments.refund(
                first, first.amount, hours_later(self._rng, again.received, 2, 30), "Paid twice", debited="suspense"
            )
            settled = given_back[2] if given_back else None
            payments.exception(
                again, first, "over_payment", first.amount, resolved=settled, resolution="Refunded the first payment."
            )
        return covering

    def _confirm(self, moment: dt.datetime, actor: str) -> None:
        self._confirmed = moment
        self._order.move("confirmed", moment, actor)
        self._tell(moment, "order.confirmed")
        self._world.ledger.sale(self._order, moment)

    # The end of what was not paid, or not wanted --------------------------------------------------------------------

    def _end_unpaid(self) -> None:
        order = self._order
        if self._story.ending == "cancelled":
            moment = hours_later(self._rng, order.placed, 0.2, 20)
            self._end("cancelled", "customer_request", moment, order.buyer.actor)
        elif self._story.ending == "expired":
            moment = minutes_later(self._rng, order.expires, 0.5, 6)
            if self._end("expired", "payment_expired", moment, "system") and self._story.payment == "late":
                self._take_late_money(moment)

    def _end(self, status: str, reason: str, moment: dt.datetime, actor: str) -> bool:
        """Ends the order without delivery, if that has happened: everything is cancelled and released."""
        if not self._has_happened(moment):
            return False
        order = self._order
        everything = [(line, line.quantity) for line in order.lines]
        fulfilment.cancel(self._world, order, everything, reason, moment, self._rng)
        order.move(status, moment, actor)
        self._tell(moment, f"order.{status}")
        if order.coupon:
            order.coupon_released = moment
            order.coupon.used -= 1
        return True

    def _take_late_money(self, ended: dt.datetime) -> None:
        payments = self._payments
        if not payments.all:
            return
        payment = payments.last
        event = payments.capture(payment, payment.amount, hours_later(self._rng, ended, 0.2, 5), owed=0)
        if event:
            asked = hours_later(self._rng, event.received, 3, 40)
            given_back = payments.refund(payment, payment.amount, asked, "Paid too late", debited="suspense")
            settled = given_back[2] if given_back else None
            payments.exception(
                event, payment, "after_end", payment.amount, resolved=settled, resolution="Refunded: order expired."
            )

    def _cancel_all(self) -> None:
        order, payments = self._order, self._payments
        moment = hours_later(self._rng, self._confirmed, 0.3, 9)
        if self._story.twist == "authorization_lost":
            moment = self._lose_authorization(moment)
        if not self._end("cancelled", "customer_request", moment, self._rng.choice(_STAFF)):
            return
        is_captured = payments.last.captured > 0
        text = f"Order {order.number} cancelled"
        self._world.ledger.take_back("cancellation", order, ledger.whole(order), text, moment)
        if is_captured:
            self._give_back(order.total, moment, "Order cancelled")
        else:
            self._credits.append((order.total, "Order cancelled before delivery", moment, None))
            if not payments.last.closed:
                payments.record(payments.last, "voided", 0, moment + dt.timedelta(seconds=5))

    def _lose_authorization(self, moment: dt.datetime) -> dt.datetime:
        """The provider takes back what it had promised; returns when staff will cancel the order for it."""
        payments, payment = self._payments, self._payments.last
        event = payments.record(payment, "failed", 0, moment)
        decided = hours_later(self._rng, moment, 1, 20)
        if event:
            text = "Order cancelled."
            payments.exception(event, payment, "authorization_lost", payment.amount, resolved=decided, resolution=text)
        return decided

    # Delivered ------------------------------------------------------------------------------------------------------

    def _fulfil(self) -> None:
        ready = self._cancel_a_unit() if self._story.cancels else self._confirmed
        arrivals = self._ship(ready)
        if arrivals:
            self._after_delivery(max(arrivals))
        self._twist()

    def _cancel_a_unit(self) -> dt.datetime:
        """One unit less, if that has happened; returns from when on the rest can leave."""
        order = self._order
        moment = hours_later(self._rng, self._confirmed, 0.2, 3)
        if not self._has_happened(moment) or order.units < 2:
            return moment
        line = max(order.lines, key=lambda each: each.quantity)
        reason = self._rng.choice(("customer_request", "out_of_stock"))
        fulfilment.cancel(self._world, order, [(line, 1)], reason, moment, self._rng)
        value, tax = line.value(1), line.tax_value(1)
        self._tell(moment, "order.items_cancelled", units=1)
        is_captured = self._payments.last.captured > 0
        text = f"A unit of order {order.number} cancelled"
        self._world.ledger.take_back("cancellation", order, ledger.part(value, tax), text, moment)
        if is_captured:
            self._give_back(value, moment, "Unit cancelled")
        elif value:
            self._credits.append((value, "Unit cancelled before delivery", moment, None))
        return moment

    def _ship(self, ready: dt.datetime) -> list[dt.datetime]:
        """Sends what can be sent; returns when each parcel arrived, or nothing unless all have."""
        order, story = self._order, self._story
        planned = fulfilment.parcels(order, ready, story.parcels, self._rng)
        if story.ending == "waiting":
            planned = planned[:1]
        arrivals = []
        for parcel in planned:
            if not self._has_happened(parcel.leaves):
                break
            arrivals.append(fulfilment.ship(self._world, order, parcel, story.ending != "lost", self._rng))
            self._tell(parcel.leaves, "order.shipped", warehouse_id=parcel.warehouse)
            if story.payment == "authorized":
                self._capture_shipped(parcel.leaves + dt.timedelta(seconds=40))
            if sum(line.shipped + line.cancelled for line in order.lines) == order.units:
                order.move("completed", parcel.leaves, self._rng.choice(_STAFF))
                self._tell(parcel.leaves, "order.completed")
        return arrivals if order.status == "completed" and None not in arrivals else []

    def _capture_shipped(self, moment: dt.datetime) -> None:
        """Captures what was shipped so far and not yet captured; shipping with the first, the remainder with the last."""
        order, payment = self._order, self._payments.last
        if sum(line.shipped for line in order.lines) + order.cancelled_units == order.units:
            due = order.total - order.cancelled_value
        else:
            due = sum(line.value(line.shipped) for line in order.lines) + order.shipping_total
        amount = due - payment.captured
        if amount <= 0:
            return
        extra = max(order.total // 10, 1) if self._story.twist == "over_capture" else 0
        event = self._payments.capture(payment, amount + extra, moment, owed=amount)
        if event and extra:
            resolved = days_later(self._rng, moment, 1, 4)
            text = "The provider took the excess back."
            self._payments.exception(event, payment, "over_capture", extra, resolved=resolved, resolution=text)
            if self._has_happened(resolved):
                amounts = {"suspense": extra, "provider_clearing": -extra}
                self._world.ledger.post("correction", order.key, order.currency, text, resolved, amounts)

    # Sent back ------------------------------------------------------------------------------------------------------

    def _after_delivery(self, delivered: dt.datetime) -> None:
        if self._story.returns:
            requested = days_later(self._rng, delivered, 1, 20)
            if self._has_happened(requested):
                self._send_back(requested)
        elif self._story.refund == "goodwill":
            self._be_generous(days_later(self._rng, delivered, 1, 15))

    def _send_back(self, requested: dt.datetime) -> None:
        story, rng = self._story, self._rng
        self._return = Return(self._world, self._order, requested, rng, story.returns == "written_off")
        self._tell(requested, "return.requested", return_id=self._return.key)
        moment = days_later(rng, requested, 3, 12)
        if story.returns == "announced" or not self._has_happened(moment):
            return
        if story.returns == "withdrawn":
            self._return.withdraw()
            return
        receipt = self._return.receive(moment)
        self._tell(moment, "return.received", return_id=self._return.key)
        given_back = ledger.part(receipt.value, receipt.tax)
        text = f"Return to order {self._order.number}"
        self._world.ledger.take_back("return", self._order, given_back, text, moment)
        asked = minutes_later(rng, moment, 1, 90)
        if story.refund == "failed_first":
            self._give_back(receipt.value, asked, "Return", "failed")
            asked = days_later(rng, asked, 3.1, 5)
        self._give_back(receipt.value, asked, "Return", "pending" if story.refund == "stuck" else "succeeded")

    def _be_generous(self, moment: dt.datetime) -> None:
        order = self._order
        amount = self._payments.last.captured // 10
        if amount and self._has_happened(moment):
            given_back = ledger.part(amount, order.tax * amount // order.total)
            text = f"Goodwill for order {order.number}"
            self._world.ledger.take_back("correction", order, given_back, text, moment)
            self._give_back(amount, moment, "Goodwill")

    def _give_back(self, amount: int, moment: dt.datetime, reason: str, outcome: str = "succeeded") -> None:
        """A refund of the last payment; a credit note documents it when it has succeeded."""
        sent_back = self._return if reason == "Return" else None
        refund = self._payments.refund(
            self._payments.last, amount, moment, reason, sent_back.key if sent_back else None, outcome
        )
        if not refund:
            return
        key, state, settled = refund
        if sent_back and state != "failed":
            sent_back.refund_requested += amount
        if settled:
            self._credits.append((amount, reason, settled, key))

    # What else goes wrong -------------------------------------------------------------------------------------------

    def _twist(self) -> None:
        twist = self._story.twist
        told = getattr(self, f"_twist_{twist}", None) if twist else None
        if told and self._order.status == "completed":
            told(days_later(self._rng, self._confirmed, 18, 45))

    def _twist_dispute_won(self, moment: dt.datetime) -> None:
        self._dispute(moment, "dispute_won", "Won: the provider gave the money back.")

    def _twist_dispute_lost(self, moment: dt.datetime) -> None:
        self._dispute(moment, "dispute_lost", "Lost: the claim goes to collection.")

    def _dispute(self, moment: dt.datetime, end: str, resolution: str) -> None:
        payments, payment = self._payments, self._payments.last
        dispute = f"dp_{payment.key.replace('-', '')}"
        opened = payments.record(payment, "dispute_opened", payment.captured, moment, dispute=dispute)
        if not opened:
            return
        end_moment = days_later(self._rng, moment, 20, 60)
        ended = payments.record(payment, end, payment.captured, end_moment, dispute=dispute)
        resolved = ended.received if ended else None
        payments.exception(opened, payment, "dispute", payment.captured, resolved=resolved, resolution=resolution)
        if ended and end == "dispute_lost":
            payments.lose(ended, payment.captured)

    def _twist_over_refund(self, moment: dt.datetime) -> None:
        """The provider reports a second refund, of the whole payment, that nobody asked for."""
        payments, payment = self._payments, self._payments.last
        before = payment.refunded
        event = before and payments.record(payment, "refunded", payment.captured, moment + dt.timedelta(days=20))
        if event:
            payments.exception(event, payment, "over_refund", before)
            amounts = {"suspense": event.amount, "provider_clearing": -event.amount}
            order = self._order
            text = f"Refunded without request, order {order.number}"
            self._world.ledger.post("refund", order.key, order.currency, text, event.received, amounts, event.ticket)

    def _twist_other_currency(self, moment: dt.datetime) -> None:
        payments, payment = self._payments, self._payments.last
        currency = "USD" if self._order.currency != "USD" else "EUR"
        event = payments.record(payment, "captured", payment.amount, moment, currency)
        if event:
            payments.exception(event, payment, "other_currency", payment.amount, currency)
            payments.suspend(event, currency)

    def _twist_unknown_payment(self, moment: dt.datetime) -> None:
        event = self._payments.record(None, "captured", self._order.total, moment)
        if event:
            self._payments.exception(event, None, "unknown_payment", event.amount)
            self._payments.suspend(event, self._order.currency)

    # Written --------------------------------------------------------------------------------------------------------

    def _write(self) -> None:
        world, order = self._world, self._order
        orders.write(order, self._payments.sums, world.batch)
        self._payments.write()
        if self._return:
            self._return.write()
        if self._confirmed:
            self._write_documents()
        parked = self._story.twist == "parked"
        integration.outbox(world.batch, self._rng, order.key, order.happened, self._as_of, parked)

    def _write_documents(self) -> None:
        books = self._world.ledger
        invoice: Ticket = books.invoice(self._order, self._confirmed, sum(credit[0] for credit in self._credits))
        for amount, reason, moment, refund in self._credits:
            books.credit_note(invoice, self._order, amount, reason, moment, refund)
