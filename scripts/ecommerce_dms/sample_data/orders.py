"""What an order contains: its lines, prices, discount, shipping and taxes, and how its rows are written.

An `Order` is composed when it is placed; lives.py then lets it live, and what that changes are the counters here.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import random
from dataclasses import dataclass, field

from ecommerce_dms.sample_data import money, taxes
from ecommerce_dms.sample_data.accounts import Customer
from ecommerce_dms.sample_data.catalogue import Variant
from ecommerce_dms.sample_data.coupons import Coupon
from ecommerce_dms.sample_data.pools import Person
from ecommerce_dms.sample_data.timeline import Batch


@dataclass(slots=True)
class Allocation:
    """Units of a line in one place."""

    warehouse: int
    slot: int
    units: int
    released: int = 0
    shipped: int = 0

    @property
    def waiting(self) -> int:
        """Units that still lie there for the order."""
        return self.units - self.released - self.shipped


@dataclass(slots=True)
class Line:
    """A line with its counters."""

    number: int
    variant: Variant
    quantity: int
    price: int
    discount: int = 0
    taxes: list[tuple] = field(default_factory=list)
    tax: int = 0
    total: int = 0
    allocations: list[Allocation] = field(default_factory=list)
    shipped: int = 0
    cancelled: int = 0
    returned: int = 0

    @property
    def subtotal(self) -> int:
        """Price times quantity."""
        return self.price * self.quantity

    def value(self, units: int) -> int:
        """What the first `units` of the line are worth, rounded down, as the schema's triggers count."""
        return self.total * units // self.quantity

    def tax_value(self, units: int) -> int:
        """The tax within `value`."""
        return self.tax * units // self.quantity


@dataclass(slots=True)
class Buyer:
    """Who orders: a customer, or a guest."""

    who: Person
    email: str
    shipping: tuple
    billing: tuple
    customer: Customer | None = None

    @property
    def is_exempt(self) -> bool:
        """Whether no tax is charged."""
        return self.customer is not None and self.customer.is_exempt

    @property
    def tax_number(self) -> str | None:
        """The tax number of a business."""
        return self.customer.tax_number if self.customer else None

    @property
    def key(self) -> str | None:
        """The customer's key."""
        return self.customer.key if self.customer else None

    @property
    def actor(self) -> str:
        """Who acts, as in shop.actor."""
        return f"customer:{self.customer.key}" if self.customer else "guest"


@dataclass(slots=True)
class Order:
    """An order with its counters."""

    key: str
    number: int
    cart: str
    buyer: Buyer
    placed: dt.datetime
    expires: dt.datetime
    prices_include_tax: bool
    method: tuple[int, str, str]
    lines: list[Line]
    coupon: Coupon | None = None
    coupon_released: dt.datetime | None = None
    shipping: int = 0
    shipping_taxes: list[tuple] = field(default_factory=list)
    # Sums that never change once the order is priced.
    units: int = 0
    shipping_tax: int = 0
    shipping_total: int = 0
    tax: int = 0
    total: int = 0
    status: str = "pending"
    history: list[tuple] = field(default_factory=list)
    happened: list[tuple[dt.datetime, str, dict]] = field(default_factory=list)

    @property
    def currency(self) -> str:
        """The currency of the buyer's country."""
        return self.buyer.who.market.currency

    @property
    def country(self) -> str:
        """Where it goes."""
        return self.buyer.who.market.country

    @property
    def cancelled_units(self) -> int:
        """Units that will not be delivered."""
        return sum(line.cancelled for line in self.lines)

    @property
    def cancelled_value(self) -> int:
        """What is no longer owed: all of it, shipping included, once every unit is cancelled."""
        if self.cancelled_units == self.units:
            return self.total
        return sum(line.value(line.cancelled) for line in self.lines)

    def move(self, status: str, moment: dt.datetime, actor: str) -> None:
        """Changes the status and writes it down."""
        before = self.status if self.history else None
        self.history.append((self.key, len(self.history) + 1, before, status, actor, moment))
        self.status = status


def price(
    order: Order, rates: taxes.Taxes, shipping: taxes.Shipping, coupon: Coupon | None, moment: dt.datetime
) -> None:
    """Works out discount, shipping and taxes of a new order, exactly as the schema's checks ask."""
    lines = order.lines
    subtotal = sum(line.subtotal for line in lines)
    order.coupon = coupon
    discount = coupon.discount(subtotal) if coupon else 0
    for line, part in zip(lines, money.split(discount, [line.subtotal for line in lines]), strict=True):
        line.discount = part
        net = line.subtotal - part
        line.taxes = _taxes(order, rates, line.variant.tax_class, net, moment)
        line.tax = sum(tax for *_, tax in line.taxes)
        line.total = net if order.prices_include_tax else net + line.tax
    order.shipping = shipping.charge(order.method[0], order.country, order.currency, subtotal - discount)
    if order.shipping:
        order.shipping_taxes = _taxes(order, rates, "shipping", order.shipping, moment)
    order.units = sum(line.quantity for line in lines)
    order.shipping_tax = sum(tax for *_, tax in order.shipping_taxes)
    order.shipping_total = order.shipping + (0 if order.prices_include_tax else order.shipping_tax)
    order.tax = sum(line.tax for line in lines) + order.shipping_tax
    order.total = sum(line.total for line in lines) + order.shipping_total


def _taxes(order: Order, rates: taxes.Taxes, tax_class: str, amount: int, moment: dt.datetime) -> list[tuple]:
    if order.buyer.is_exempt:
        return []
    in_force = rates.in_force(order.country, order.buyer.who.place.region, tax_class, moment)
    return taxes.apply(amount, in_force, order.prices_include_tax)


def write(order: Order, sums: tuple[int, int, int, int], batch: Batch) -> None:
    """Writes the order's own rows. `sums` are intended, authorized, captured and refunded over its payments."""
    lines, buyer = order.lines, order.buyer
    digest = hashlib.sha256(f"{order.key}/{order.cart}/{order.total}".encode()).digest()
    batch["orders"].append(
        (
            order.key,
            order.number,
            order.cart,
            digest,
            buyer.key,
            buyer.email,
            buyer.who.phone,
            order.currency,
            order.country,
            order.prices_include_tax,
            buyer.is_exempt,
            buyer.tax_number,
            order.method[0],
            order.method[1],
            len(lines),
            order.units,
            sum(line.subtotal for line in lines),
            sum(line.discount for line in lines),
            order.shipping,
            order.shipping_tax,
            len(order.shipping_taxes),
            order.tax,
            order.total,
            order.status,
            *sums,
            order.cancelled_value,
            sum(line.shipped for line in lines),
            order.cancelled_units,
            sum(line.returned for line in lines),
            order.placed,
            order.expires,
        )
    )
    for line in lines:
        _write_line(order, line, batch)
    for jurisdiction, rate, base, tax in order.shipping_taxes:
        batch["order_shipping_taxes"].append((order.key, jurisdiction, rate, base, tax))
    batch["order_addresses"].append((order.key, "shipping", *buyer.shipping))
    batch["order_addresses"].append((order.key, "billing", *buyer.billing))
    batch["order_status_history"].extend(order.history)
    if order.coupon:
        taken = sum(line.discount for line in lines)
        batch["coupon_redemptions"].append(
            (order.key, order.coupon.key, order.currency, taken, order.placed, order.coupon_released)
        )


def _write_line(order: Order, line: Line, batch: Batch) -> None:
    variant = line.variant
    held = sum(a.units - a.released for a in line.allocations)
    batch["order_items"].append(
        (
            order.key,
            line.number,
            variant.key,
            order.currency,
            variant.sku,
            variant.product_name,
            variant.name,
            variant.tax_class,
            order.prices_include_tax,
            line.quantity,
            line.price,
            line.subtotal,
            line.discount,
            line.tax,
            len(line.taxes),
            line.total,
            held,
            line.shipped,
            line.cancelled,
            line.returned,
        )
    )
    for tax in line.taxes:
        batch["order_item_taxes"].append((order.key, line.number, *tax))
    for a in line.allocations:
        batch["order_allocations"].append(
            (order.key, line.number, a.warehouse, a.slot, variant.key, a.units, a.released, a.shipped)
        )


def choose_method(rng: random.Random) -> str:
    """The code of the shipping method that a buyer picks."""
    chance = rng.random()
    return "express" if chance < 0.15 else "pickup" if chance < 0.25 else "standard"
