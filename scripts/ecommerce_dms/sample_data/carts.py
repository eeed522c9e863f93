"""Carts: those that became orders, guests' carts that were merged at log-in, and those that nobody came back to."""

from __future__ import annotations

import datetime as dt
import random

from ecommerce_dms.sample_data import markets, sizes
from ecommerce_dms.sample_data.catalogue import Variant
from ecommerce_dms.sample_data.coupons import Coupon
from ecommerce_dms.sample_data.randomness import Weighted, days_later, minutes_later, uuid7
from ecommerce_dms.sample_data.timeline import Batch

_MARKETS = Weighted((market, market.share) for market in markets.MARKETS)
_UNITS = Weighted(sizes.UNITS_PER_LINE)


def converted(
    batch: Batch,
    rng: random.Random,
    customer: tuple[str, dt.datetime] | None,
    currency: str,
    coupon: Coupon | None,
    items: list[tuple[int, int]],
    placed: dt.datetime,
    is_merged: bool,
) -> str:
    """Writes the cart of an order that is placed at `placed` with these (variant, units); returns its key.

    `customer` is the key of an account and when it was made. With `is_merged`, the customer filled a guest's cart first
    and logged in then.
    """
    created = minutes_later(rng, placed, -90, -4)
    if rng.random() < 0.2:
        created = days_later(rng, placed, -9, -0.5)
    if customer:
        created = max(created, customer[1])
    key = uuid7(rng, created)
    batch["carts"].append(
        (
            key,
            customer[0] if customer else None,
            currency,
            "converted",
            coupon.key if coupon else None,
            None,
            1 + len(items),
            created,
            placed,
            created + sizes.CART_LIFETIME,
        )
    )
    _write_items(batch, rng, key, items, created, placed)
    if is_merged:
        _merge(batch, rng, key, currency, items, created)
    return key


def _merge(
    batch: Batch, rng: random.Random, into: str, currency: str, items: list[tuple[int, int]], merged: dt.datetime
) -> None:
    begun = minutes_later(rng, merged, -60, -5)
    key = uuid7(rng, begun)
    row = (key, None, currency, "merged", None, into, 2, begun, merged, begun + sizes.CART_LIFETIME)
    batch["carts"].append(row)
    _write_items(batch, rng, key, items[:1], begun, merged)


def abandoned(
    batch: Batch,
    rng: random.Random,
    customer: tuple[str, str, dt.datetime] | None,
    variants: list[Variant],
    created: dt.datetime,
    as_of: dt.datetime,
) -> None:
    """Writes a cart that nobody checked out: expired, or still open. `customer` is key, currency, when registered."""
    currency = customer[1] if customer else _MARKETS.pick(rng).currency
    created = max(created, customer[2]) if customer else created
    touched = min(minutes_later(rng, created, 1, 600), as_of)
    expires = created + sizes.CART_LIFETIME
    status = "expired" if expires <= as_of else "open"
    key = uuid7(rng, created)
    updated = expires if status == "expired" else touched
    items = [(variant.key, _UNITS.pick(rng)) for variant in variants]
    row = (
        key,
        customer[0] if customer else None,
        currency,
        status,
        None,
        None,
        1 + len(items),
        created,
        updated,
        expires,
    )
    batch["carts"].append(row)
    _write_items(batch, rng, key, items, created, touched)


def _write_items(
    batch: Batch,
    rng: random.Random,
    cart: str,
    items: list[tuple[int, int]],
    first: dt.datetime,
    last: dt.datetime,
) -> None:
    for variant, units in items:
        batch["cart_items"].append((cart, variant, units, first + rng.random() * (last - first)))
