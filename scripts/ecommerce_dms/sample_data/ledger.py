"""The books: journal entries that sum to zero, invoices, and credit notes, numbered in the order of their dates.

What is posted when:

    confirmed     receivable            to revenue, shipping_revenue, tax_payable
    captured      provider_clearing     to receivable; to suspense where no order is owed the money
    cancelled     revenue, tax_payable  to receivable
    returned      revenue, tax_payable  to receivable
    refunded      receivable            to provider_clearing
    dispute lost  receivable            to provider_clearing: the claim is open again
"""

from __future__ import annotations

import datetime as dt

from ecommerce_dms.sample_data.orders import Order
from ecommerce_dms.sample_data.timeline import Ticket, Timeline

Amounts = dict[str, int]


class Ledger:
    """Posts entries and documents. Debits are positive, credits negative, in the minor unit."""

    def __init__(self, timeline: Timeline) -> None:
        """Entries and documents get their numbers from the timeline."""
        self._timeline = timeline

    def post(
        self,
        kind: str,
        order_id: str | None,
        currency: str,
        description: str,
        moment: dt.datetime,
        amounts: Amounts,
        event: Ticket | None = None,
    ) -> None:
        """An entry over accounts; nothing is posted where nothing moved."""
        moved = [(account, amount) for account, amount in amounts.items() if amount]
        if not moved:
            return
        if sum(amount for _, amount in moved):
            raise AssertionError(f"{kind} of order {order_id} does not balance: {moved}")
        ticket = Ticket("journals")
        rows = [("journals", (ticket, kind, order_id, event, currency, len(moved), description, moment))]
        rows += [
            ("journal_lines", (ticket, position, account, currency, amount))
            for position, (account, amount) in enumerate(moved, start=1)
        ]
        self._timeline.at(moment, (ticket,), rows)

    def sale(self, order: Order, moment: dt.datetime) -> None:
        """The order is confirmed: it will be delivered, and is owed."""
        amounts = {"receivable": order.total, **{a: -amount for a, amount in whole(order).items()}}
        self.post("sale", order.key, order.currency, f"Order {order.number} confirmed", moment, amounts)

    def take_back(self, kind: str, order: Order, given_back: Amounts, description: str, moment: dt.datetime) -> None:
        """Reverses a part of the sale: debits what `given_back` says, credits the customer with the sum."""
        amounts = {**given_back, "receivable": -sum(given_back.values())}
        self.post(kind, order.key, order.currency, description, moment, amounts)

    def invoice(self, order: Order, moment: dt.datetime, credited: int) -> Ticket:
        """The order's invoice, with the sum of its credit notes; returns its key."""
        ticket, number = Ticket("invoices"), Ticket(f"INV-{moment.year}")
        recipient, company, line1, line2, city, region, code, country, _ = order.buyer.billing
        address = ", ".join(part for part in (line1, line2, city, region, code, country) if part)
        row = (
            ticket,
            number.series,
            number,
            order.key,
            order.currency,
            company or recipient,
            address,
            order.buyer.tax_number,
            order.total,
            order.tax,
            credited,
            moment,
        )
        self._timeline.at(moment, (ticket, number), [("invoices", row)])
        return ticket

    def credit_note(
        self, invoice: Ticket, order: Order, amount: int, reason: str, moment: dt.datetime, refund: str | None
    ) -> None:
        """A correction of the invoice."""
        ticket, number = Ticket("credit_notes"), Ticket(f"CN-{moment.year}")
        row = (ticket, number.series, number, invoice, refund, order.key, order.currency, amount, reason, moment)
        self._timeline.at(moment, (ticket, number), [("credit_notes", row)])


def whole(order: Order) -> Amounts:
    """What the sale of an order consists of."""
    return {
        "revenue": sum(line.total - line.tax for line in order.lines),
        "shipping_revenue": order.shipping_total - order.shipping_tax,
        "tax_payable": order.tax,
    }


def part(value: int, tax: int) -> Amounts:
    """What a part of the goods consists of: its value with tax, and the tax within it."""
    tax = min(tax, value)
    return {"revenue": value - tax, "tax_payable": tax}
