"""Warehouses and stock: goods come in, are promised to orders by priority of the warehouse, and are counted.

Units are promised from what is surely there: what came in so far, less what was ever promised. Units that are released
or come back are on hand again, but nothing here counts on them; so at no moment of the history is more promised than
there is, in whatever order the parcels leave.
"""

from __future__ import annotations

import datetime as dt
import heapq
import random
from collections import defaultdict
from dataclasses import dataclass

from ecommerce_dms.sample_data import integration, sizes
from ecommerce_dms.sample_data.catalogue import Variant
from ecommerce_dms.sample_data.plan import Plan
from ecommerce_dms.sample_data.timeline import Batch, Ticket, Timeline

# (code, name, country, priority, in use, part of the first delivery in twelfths).
WAREHOUSES = (
    ("DUB1", "Dublin", "IE", 10, True, 6),
    ("RTM1", "Rotterdam", "NL", 20, True, 4),
    ("EWR1", "Newark", "US", 30, True, 2),
    ("MAN1", "Manchester (closed)", "GB", 90, False, 0),
)
STAFF = ("staff:warehouse-1", "staff:warehouse-2", "staff:warehouse-3")
_BATCHES_OF_TWO_YEARS = 5
_UNITS_PER_ORDER = 2.8
_LOST_AND_FOUND = ("Stocktaking: missing", "Damaged in the warehouse", "Stocktaking: found")

Place = tuple[int, int, int]  # (variant, warehouse, slot), the key of a stock level.


@dataclass(slots=True)
class Supply:
    """How a variant is supplied: the size of a delivery, what can be promised, and until when one is on its way."""

    variant: Variant
    places: list[Place]
    delivery: int
    awaited_until: dt.datetime | None = None


class Stock:
    """All stock, and the one way to move it."""

    def __init__(self, plan: Plan, numbers: dict[str, int], batch: Batch, timeline: Timeline) -> None:
        """Writes the warehouses that are missing."""
        self.levels: dict[Place, list[int]] = defaultdict(lambda: [0, 0])
        self._plan, self._timeline = plan, timeline
        self._free: dict[Place, int] = defaultdict(int)
        self._arrivals: list[tuple[dt.datetime, Place, int]] = []
        self._supplies: dict[int, Supply] = {}
        self.warehouses: list[int] = []
        for code, name, country, priority, in_use, _ in WAREHOUSES:
            key = plan.present.warehouses.get(code)
            if key is None:
                key = numbers["warehouses"] = numbers["warehouses"] + 1
                batch["warehouses"].append((key, code, name, country, priority, in_use))
            if in_use:
                self.warehouses.append(key)

    # Supply ---------------------------------------------------------------------------------------------------------

    def stock_up(self, variants: list[Variant], shares: list[float], batch: Batch) -> None:
        """Opens the levels of all variants, the most popular first, and receives the first deliveries.

        `shares` are the parts of all sold units that are expected of each variant.
        """
        units = self._plan.sizes.orders * _UNITS_PER_ORDER
        for rank, (variant, share) in enumerate(zip(variants, shares, strict=True)):
            delivery = min(max(int(units * share / _BATCHES_OF_TWO_YEARS), 12), 5_000)
            # The most wanted article is spread over slots, so that its buyers do not queue behind one row.
            slots = sizes.HOT_SLOTS if rank == 0 else 1
            places = [(variant.key, self.warehouses[0], slot) for slot in range(slots)]
            places += [(variant.key, warehouse, 0) for warehouse in self.warehouses[1:]]
            supply = self._supplies[variant.key] = Supply(variant, places, delivery * (2 if rank == 0 else 1))
            batch["stock_levels"].extend(places)
            at = variant.on_sale_from - dt.timedelta(hours=20)
            for number, (*_, part) in enumerate(WAREHOUSES[: len(self.warehouses)]):
                self._receive(supply, number, max(supply.delivery * part // 12, 1), at + dt.timedelta(minutes=number))

    def _receive(self, supply: Supply, warehouse: int, units: int, moment: dt.datetime) -> None:
        """A delivery; to the first warehouse of a variant with slots, it is spread over them a little later."""
        if moment > self._plan.as_of:
            return
        place = (supply.variant.key, self.warehouses[warehouse], 0)
        self._by_hand(place, "receipt", units, moment, None)
        slots = [p for p in supply.places if p[1] == place[1]]
        spread = moment + dt.timedelta(minutes=30)
        each = units // len(slots)
        kept = units
        if len(slots) > 1 and each and spread <= self._plan.as_of:
            for slot in slots[1:]:
                self._by_hand(place, "transfer", -each, spread, "Spread over slots")
                self._by_hand(slot, "transfer", each, spread, "Spread over slots")
                heapq.heappush(self._arrivals, (spread, slot, each))
                kept -= each
        heapq.heappush(self._arrivals, (moment, place, kept))

    def _by_hand(self, place: Place, kind: str, units: int, moment: dt.datetime, reason: str | None) -> None:
        """A movement that people make, and which is therefore audited."""
        ticket, row = self._move(place, kind, units, 0, None, None, reason, moment)
        actor = STAFF[place[1] % len(STAFF)]
        integration.audit_insert(self._timeline, "stock_movements", row, moment, actor, ticket)

    def _reorder(self, supply: Supply, moment: dt.datetime, rng: random.Random) -> None:
        """Orders a delivery when less than a third of one is left, to come in after a few days."""
        left = sum(self._free[place] for place in supply.places)
        if left * 3 > supply.delivery or (supply.awaited_until and supply.awaited_until > moment):
            return
        days = rng.randint(1, 3)
        arrives = moment.replace(hour=7, minute=rng.randrange(60), second=0, microsecond=0) + dt.timedelta(days=days)
        supply.awaited_until = arrives
        self._receive(supply, rng.randrange(2), supply.delivery, arrives)

    def _let_arrive(self, moment: dt.datetime) -> None:
        while self._arrivals and self._arrivals[0][0] <= moment:
            _, place, units = heapq.heappop(self._arrivals)
            self._free[place] += units

    # Orders ---------------------------------------------------------------------------------------------------------

    def available(self, variant: Variant, moment: dt.datetime, first_warehouse_only: bool = False) -> int:
        """Units that can be promised then."""
        self._let_arrive(moment)
        places = self._supplies[variant.key].places
        return sum(self._free[p] for p in places if not first_warehouse_only or p[1] == self.warehouses[0])

    def promise(self, variant: Variant, units: int, moment: dt.datetime, rng: random.Random) -> list[list[int]]:
        """Takes units, which must be available, by priority: [warehouse, slot, units] for each place they are in."""
        supply = self._supplies[variant.key]
        places = supply.places
        if len(places) > len(self.warehouses):
            # A buyer takes whichever slot nobody else holds.
            turn = rng.randrange(sizes.HOT_SLOTS)
            places = places[turn : sizes.HOT_SLOTS] + places[:turn] + places[sizes.HOT_SLOTS :]
        taken = []
        for place in places:
            part = min(units, self._free[place])
            if part > 0:
                self._free[place] -= part
                taken.append([place[1], place[2], part])
                units -= part
            if units == 0:
                break
        if units:
            raise AssertionError(f"variant {variant.key} was promised beyond its stock")
        self._reorder(supply, moment, rng)
        return taken

    def move(self, place: Place, kind: str, units: int, order_id: str, line_number: int, moment: dt.datetime) -> None:
        """A movement of an order: reservation, release, shipment or return of `units` (positive)."""
        on_hand = {"shipment": -units, "return": units}.get(kind, 0)
        reserved = {"reservation": units, "release": -units, "shipment": -units}.get(kind, 0)
        self._move(place, kind, on_hand, reserved, order_id, line_number, None, moment)

    def _move(
        self,
        place: Place,
        kind: str,
        on_hand: int,
        reserved: int,
        order_id: str | None,
        line_number: int | None,
        reason: str | None,
        moment: dt.datetime,
    ) -> tuple[Ticket, tuple]:
        level = self.levels[place]
        level[0] += on_hand
        level[1] += reserved
        ticket = Ticket("stock_movements")
        row = (ticket, *place, kind, on_hand, reserved, order_id, line_number, reason, moment)
        self._timeline.at(moment, (ticket,), [("stock_movements", row)])
        return ticket, row

    # Stocktaking ----------------------------------------------------------------------------------------------------

    def count(self, day: dt.datetime, number: int) -> None:
        """Once a week some levels are counted before the day begins, and corrected by a unit or two."""
        if number % 7:
            return
        rng = self._plan.stream("stocktaking", number)
        moment = day + dt.timedelta(seconds=rng.randrange(60))
        self._let_arrive(day)
        supplies = list(self._supplies.values())
        for supply in rng.sample(supplies, max(1, len(supplies) // 150)):
            place = supply.places[0]
            reason = rng.choice(_LOST_AND_FOUND)
            found = reason.endswith("found")
            units = 1 if found else -min(rng.randint(1, 2), self._free[place] // 3)
            if units and supply.variant.on_sale_from < moment:
                self._by_hand(place, "adjustment", units, moment, reason)
                self._free[place] += min(units, 0)
