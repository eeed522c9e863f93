"""What a load is to make, and what it finds there: all that its content depends on."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, field
from functools import cached_property

from ecommerce_dms.sample_data import randomness, sizes


@dataclass(frozen=True)
class Present:
    """What the database holds before the load. The numbers are those given last; an empty database has only defaults."""

    numbers: dict[str, int]
    customers: int = 0
    coupons: frozenset[str] = frozenset()
    categories: dict[str, int] = field(default_factory=dict)
    warehouses: dict[str, int] = field(default_factory=dict)
    tax_rates: tuple[tuple, ...] = ()
    shipping_methods: dict[str, tuple[int, str]] = field(default_factory=dict)
    shipping_rates: tuple[tuple, ...] = ()
    document_series: dict[str, int] = field(default_factory=dict)
    prices_include_tax: dict[str, bool] = field(default_factory=dict)


@dataclass(frozen=True)
class Plan:
    """A load: same plan, same content."""

    seed: int
    as_of: dt.datetime
    sizes: sizes.Sizes
    present: Present

    @cached_property
    def start(self) -> dt.datetime:
        """The first moment at which an order can be placed."""
        return self.as_of - dt.timedelta(days=sizes.DAYS)

    @cached_property
    def stream(self) -> randomness.Streams:
        """Makes the generator of (area, chunk). The keys in use tell this load from others into the same database."""
        return randomness.streams(self.seed, self.present.numbers["products"])
