"""Everything that the walk through the days carries with it."""

from __future__ import annotations

from dataclasses import dataclass

from ecommerce_dms.sample_data.accounts import Accounts
from ecommerce_dms.sample_data.catalogue import Variant
from ecommerce_dms.sample_data.coupons import Coupons
from ecommerce_dms.sample_data.inventory import Stock
from ecommerce_dms.sample_data.ledger import Ledger
from ecommerce_dms.sample_data.plan import Plan
from ecommerce_dms.sample_data.pools import Pools
from ecommerce_dms.sample_data.randomness import Weighted
from ecommerce_dms.sample_data.taxes import Shipping, Taxes
from ecommerce_dms.sample_data.timeline import Batch, Timeline


@dataclass(frozen=True)
class World:
    """The shop while its history is made. Nothing in it grows with the number of orders."""

    plan: Plan
    pools: Pools
    numbers: dict[str, int]
    batch: Batch
    timeline: Timeline
    taxes: Taxes
    shipping: Shipping
    stock: Stock
    coupons: Coupons
    accounts: Accounts
    ledger: Ledger
    variants: list[Variant]  # The most popular first.
    popularity: Weighted[int]  # Positions in `variants`.
