"""Parcels and returns of one order: goods leave once, and come back once."""

from __future__ import annotations

import datetime as dt
import random
from dataclasses import dataclass

from ecommerce_dms.sample_data.orders import Allocation, Line, Order
from ecommerce_dms.sample_data.randomness import days_later, hours_later, uuid7
from ecommerce_dms.sample_data.world import World

_REASONS = ("Too small", "Too large", "Changed my mind", "Not as described", "Arrived damaged", "Arrived too late")
_DAYS_UNDER_WAY = {"Postal service": (1.5, 6), "Courier": (0.6, 2), "Parcel shops": (2, 5)}

Content = list[tuple[Line, Allocation, int]]


@dataclass(frozen=True, slots=True)
class Parcel:
    """What is to leave one warehouse at one time."""

    warehouse: int
    leaves: dt.datetime
    content: Content


def parcels(order: Order, ready: dt.datetime, waves: int, rng: random.Random) -> list[Parcel]:
    """The parcels in which an order leaves, in their order: one per warehouse, or per warehouse and wave."""
    pieces = [(line, a, a.waiting) for line in order.lines for a in line.allocations if a.waiting]
    planned = []
    at = ready
    for wave in _waves(pieces, waves):
        at = hours_later(rng, at, 3, 40) if wave is not None and at == ready else days_later(rng, at, 3, 8)
        for warehouse in dict.fromkeys(a.warehouse for _, a, _ in wave):
            leaves = hours_later(rng, at, 0, 8)
            planned.append(Parcel(warehouse, leaves, [piece for piece in wave if piece[1].warehouse == warehouse]))
    return sorted(planned, key=lambda parcel: parcel.leaves)


def _waves(pieces: Content, count: int) -> list[Content]:
    if count == 1:
        return [pieces]
    first, second = [], []
    room = -(-sum(units for *_, units in pieces) // 2)
    for line, allocation, units in pieces:
        now = min(units, room)
        room -= now
        if now:
            first.append((line, allocation, now))
        if units - now:
            second.append((line, allocation, units - now))
    return [wave for wave in (first, second) if wave]


def ship(world: World, order: Order, parcel: Parcel, arrives: bool, rng: random.Random) -> dt.datetime | None:
    """The parcel leaves: writes it and moves stock and counters. Returns when it arrived, if it has."""
    key = uuid7(rng, parcel.leaves)
    carrier = order.method[2]
    delivered = days_later(rng, parcel.leaves, *_DAYS_UNDER_WAY[carrier]) if arrives else None
    delivered = delivered if delivered and delivered <= world.plan.as_of else None
    tracking = f"{carrier[:2].upper()}{rng.randrange(10**10):010d}" if rng.random() < 0.95 else None
    world.batch["shipments"].append(
        (key, order.key, parcel.warehouse, carrier, tracking, len(parcel.content), parcel.leaves, delivered)
    )
    for line, allocation, units in parcel.content:
        allocation.shipped += units
        line.shipped += units
        world.batch["shipment_items"].append(
            (key, line.number, allocation.slot, order.key, allocation.warehouse, units)
        )
        place = (line.variant.key, allocation.warehouse, allocation.slot)
        world.stock.move(place, "shipment", units, order.key, line.number, parcel.leaves)
    return delivered


def release(world: World, order: Order, line: Line, units: int, moment: dt.datetime) -> None:
    """Gives promised units of a line back to stock, those of the last place first."""
    for allocation in reversed(line.allocations):
        freed = min(units, allocation.waiting)
        if freed:
            allocation.released += freed
            place = (line.variant.key, allocation.warehouse, allocation.slot)
            world.stock.move(place, "release", freed, order.key, line.number, moment)
            units -= freed


def cancel(
    world: World, order: Order, units: list[tuple[Line, int]], reason: str, moment: dt.datetime, rng: random.Random
) -> None:
    """Units that will not be delivered: their stock is released first."""
    request = uuid7(rng, moment)
    for line, quantity in units:
        release(world, order, line, quantity, moment)
        line.cancelled += quantity
        world.batch["order_item_cancellations"].append((order.key, line.number, request, quantity, reason, moment))


@dataclass(frozen=True, slots=True)
class Receipt:
    """A return that was received: its key, what may be refunded for it, and the tax within."""

    key: str
    moment: dt.datetime
    value: int
    tax: int


class Return:
    """Goods that come back; written at the end of the order's life, when the refunds for them are known."""

    def __init__(self, world: World, order: Order, requested: dt.datetime, rng: random.Random) -> None:
        """Some of what was shipped is announced."""
        self.key = uuid7(rng, requested)
        self.refund_requested = 0
        self.receipt: Receipt | None = None
        self._world, self._order, self._rng = world, order, rng
        self._requested = requested
        self._reason = rng.choice(_REASONS)
        self._status = "requested"
        lines = [line for line in order.lines if line.shipped]
        chosen = rng.sample(lines, rng.randint(1, min(2, len(lines))))
        self._items = [(line, line.shipped if rng.random() < 0.7 else 1) for line in chosen]
        self._received: dict[int, tuple[int, int, int | None]] = {}

    def withdraw(self) -> None:
        """The buyer keeps the goods."""
        self._status = "cancelled"

    def receive(self, moment: dt.datetime, write_off: bool) -> Receipt:
        """The goods are inspected; with `write_off` one unit of each line cannot be sold again."""
        self._status = "received"
        value = tax = 0
        for line, units in self._items:
            written_off = 1 if write_off else 0
            restocked = units - written_off
            warehouse = line.allocations[0].warehouse if restocked else None
            self._received[line.number] = (restocked, written_off, warehouse)
            if restocked:
                place = (line.variant.key, warehouse, 0)
                self._world.stock.move(place, "return", restocked, self._order.key, line.number, moment)
            value += line.value(line.returned + units) - line.value(line.returned)
            tax += line.tax_value(line.returned + units) - line.tax_value(line.returned)
            line.returned += units
        self.receipt = Receipt(self.key, moment, value, tax)
        return self.receipt

    def write(self) -> None:
        """Writes the return and its items."""
        batch, receipt, order = self._world.batch, self.receipt, self._order
        received = receipt.moment if receipt else None
        value = receipt.value if receipt else 0
        batch["returns"].append(
            (
                self.key,
                order.key,
                self._status,
                self._reason,
                value,
                self.refund_requested,
                len(self._items),
                len(self._received),
                self._requested,
                received,
            )
        )
        for line, units in self._items:
            restocked, written_off, warehouse = self._received.get(line.number, (0, 0, None))
            batch["return_items"].append(
                (self.key, line.number, order.key, units, restocked, written_off, warehouse, received)
            )
