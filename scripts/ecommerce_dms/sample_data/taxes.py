"""Tax rates and shipping charges: which are in force, and what they come to."""

from __future__ import annotations

import datetime as dt
from bisect import bisect_right
from collections import defaultdict
from functools import cache

from ecommerce_dms.sample_data import markets, money
from ecommerce_dms.sample_data.plan import Plan
from ecommerce_dms.sample_data.timeline import Batch

Rate = tuple[str, int]


class Taxes:
    """Rates by destination, class and moment. A country that has rates already keeps them as they are."""

    def __init__(self, plan: Plan, numbers: dict[str, int], batch: Batch) -> None:
        """Writes the rates of countries that have none."""
        known = {rate[0] for rate in plan.present.tax_rates}
        added = tuple(rate for rate in markets.TAX_RATES if rate[0] not in known)
        for country, region, tax_class, jurisdiction, rate, valid_from in added:
            numbers["tax_rates"] += 1
            batch["tax_rates"].append(
                (
                    numbers["tax_rates"],
                    country,
                    region,
                    tax_class,
                    jurisdiction,
                    money.rate_text(rate),
                    valid_from,
                )
            )
        self._changes: dict[tuple, list[tuple[dt.datetime, int]]] = defaultdict(list)
        self._jurisdictions: dict[tuple[str, str, str], list[str]] = defaultdict(list)
        for country, region, tax_class, jurisdiction, rate, valid_from in (*plan.present.tax_rates, *added):
            destination = (country, region, tax_class)
            if jurisdiction not in self._jurisdictions[destination]:
                self._jurisdictions[destination].append(jurisdiction)
            self._changes[(*destination, jurisdiction)].append((valid_from, rate))
        for changes in self._changes.values():
            changes.sort()

    def in_force(self, country: str, region: str | None, tax_class: str, moment: dt.datetime) -> list[Rate]:
        """(jurisdiction, rate in millionths) of the whole country and of the region in it."""
        found = []
        for place in dict.fromkeys(("", region or "")):
            for jurisdiction in self._jurisdictions.get((country, place, tax_class), ()):
                changes = self._changes[(country, place, tax_class, jurisdiction)]
                position = bisect_right(changes, moment, key=lambda change: change[0])
                if position:
                    found.append((jurisdiction, changes[position - 1][1]))
        return found


def apply(amount: int, rates: list[Rate], included: bool) -> list[tuple[str, str, int, int]]:
    """(jurisdiction, rate as text, base, tax) for each rate on an amount that contains the taxes, or does not.

    Taxes that a price contains are rounded one by one; the base is what they leave over, the same for all.
    """
    if not included:
        return [(name, _text(rate), amount, money.share(amount, rate)) for name, rate in rates]
    whole = sum(rate for _, rate in rates)
    parts = [money.divide_rounded(amount * rate, money.MILLION + whole) for _, rate in rates]
    base = amount - sum(parts)
    return [(name, _text(rate), base, tax) for (name, rate), tax in zip(rates, parts, strict=True)]


_text = cache(money.rate_text)


class Shipping:
    """Methods and what they cost. A method that exists under the same code is used with the charges it has."""

    def __init__(self, plan: Plan, numbers: dict[str, int], batch: Batch) -> None:
        """Writes the methods and charges that are missing."""
        self._charges: dict[tuple[int, str, str], list[tuple[int, int]]] = defaultdict(list)
        for method, country, currency, minimum, price in plan.present.shipping_rates:
            self._charges[method, country, currency].append((minimum, price))
        self.methods: dict[str, tuple[int, str, str]] = {}
        for code, name, carrier, least, most, price, free_from in markets.SHIPPING_METHODS:
            key, name = plan.present.shipping_methods.get(code) or (None, name)
            if key is None:
                key = numbers["shipping_methods"] = numbers["shipping_methods"] + 1
                batch["shipping_methods"].append((key, code, name, carrier, "shipping", least, most, True))
            self.methods[code] = (key, name, carrier)
            for market in markets.MARKETS:
                self._add(key, market, price, free_from, numbers, batch)
        for charges in self._charges.values():
            charges.sort()

    def _add(
        self,
        method: int,
        market: markets.Market,
        price: int,
        free_from: int | None,
        numbers: dict[str, int],
        batch: Batch,
    ) -> None:
        destination = (method, market.country, market.currency)
        if destination in self._charges:
            return
        factor = markets.PRICE_FACTORS[market.currency]
        steps = [(0, price * factor // 1000)]
        if free_from is not None:
            steps.append((free_from * factor // 1000 // 500 * 500, 0))
        for minimum, charge in steps:
            numbers["shipping_rates"] += 1
            batch["shipping_rates"].append((numbers["shipping_rates"], *destination, minimum, charge))
            self._charges[destination].append((minimum, charge))

    def charge(self, method: int, country: str, currency: str, subtotal: int) -> int:
        """What it costs: the charge with the highest minimum that the subtotal after discount reaches."""
        charges = self._charges[method, country, currency]
        return charges[bisect_right(charges, subtotal, key=lambda charge: charge[0]) - 1][1]
