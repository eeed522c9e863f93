"""The price table: on-demand prices of AWS in one region, each with unit, source and whether somebody saw it there.

The table is prices.json, a dated file of the repository: an estimate must not depend on the network, and two people must
get the same number on the same day. `scripts/cost_estimate.py refresh` writes it anew from AWS (price_refresh.py).
"""

from __future__ import annotations

import datetime as dt
import json
from dataclasses import dataclass
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any

from ecommerce_dms.console import UserError

PRICES_JSON = Path(__file__).with_name("prices.json")

# AWS sells the sizes of a family in proportion (not those of the burstable ones), so one price gives the others.
SIZES = {
    "large": 1, "xlarge": 2, "2xlarge": 4, "4xlarge": 8, "8xlarge": 16, "12xlarge": 24, "16xlarge": 32, "24xlarge": 48,
}  # fmt: skip


@dataclass(frozen=True)
class Price:
    """USD for one unit. `verified` says whether a source gives it for this region; `evidence` says which one."""

    key: str
    usd: Decimal
    unit: str
    source: str
    verified: bool
    evidence: str = ""


@dataclass(frozen=True)
class PriceTable:
    """All prices, the region and the day they hold for, and what a euro was worth."""

    region: str
    as_of: dt.date
    prices: dict[str, Price]
    usd_per_eur: Decimal
    rate_date: dt.date
    rate_source: str

    def find(self, key: str) -> Price | None:
        """The price of a key; a larger size of a family by its `large` one, unverified; None if there is neither."""
        return self.prices.get(key) or self._by_proportion(key)

    def __getitem__(self, key: str) -> Price:
        return self.prices[key]

    def eur(self, usd: Decimal) -> Decimal:
        """Euros at the table's rate. AWS bills at a rate of its own."""
        return usd / self.usd_per_eur

    def _by_proportion(self, key: str) -> Price | None:
        family, _, size = key.rpartition(".")
        large = self.prices.get(f"{family}.large")
        if large is None or size not in SIZES or ".db.t" in family:
            return None
        evidence = f"{SIZES[size]} times {large.key}: sizes of a family are sold in proportion."
        return Price(key, large.usd * SIZES[size], large.unit, large.source, verified=False, evidence=evidence)


@cache
def price_table(path: Path = PRICES_JSON) -> PriceTable:
    """The table of a file. Raises UserError if the file is not one."""
    try:
        return read_table(json.loads(path.read_text(encoding="utf-8"), parse_float=Decimal))
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UserError(
            f"{path} is no price table ({error!r}): restore it, or run scripts/cost_estimate.py refresh."
        ) from error


def read_table(document: dict[str, Any]) -> PriceTable:
    """The table in what the file holds."""
    exchange = document["exchange"]
    prices = {
        key: Price(key, Decimal(row["usd"]), row["unit"], row["source"], bool(row["verified"]), row.get("evidence", ""))
        for key, row in document["prices"].items()
    }
    return PriceTable(
        region=document["region"],
        as_of=dt.date.fromisoformat(document["as_of"]),
        prices=prices,
        usd_per_eur=Decimal(exchange["usd_per_eur"]),
        rate_date=dt.date.fromisoformat(exchange["date"]),
        rate_source=exchange["source"],
    )
