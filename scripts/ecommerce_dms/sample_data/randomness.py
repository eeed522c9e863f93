"""Chance that can be repeated: one generator for each (seed, generation, area, chunk), and keys made from it.

No generator is shared between areas, so that a change of one area leaves the content of all others as it was, and
`hash()` is nowhere used, so that PYTHONHASHSEED has no influence.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import random
from bisect import bisect
from collections.abc import Callable, Iterable
from itertools import accumulate
from typing import Generic, TypeVar

Item = TypeVar("Item")
Streams = Callable[..., random.Random]

_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
_MILLISECOND = dt.timedelta(milliseconds=1)


def streams(seed: int, generation: int) -> Streams:
    """A function from (area, chunk) to the generator of that chunk.

    `generation` tells loads into one database apart: appending with the seed of the first load must not repeat its keys.
    """

    def stream(area: str, chunk: int = 0) -> random.Random:
        name = f"{seed}/{generation}/{area}/{chunk}".encode()
        return random.Random(int.from_bytes(hashlib.blake2b(name, digest_size=8).digest(), "big"))  # noqa: S311

    return stream


def uuid7(rng: random.Random, moment: dt.datetime) -> str:
    """A UUIDv7 (RFC 9562) as text: 48 bits of milliseconds, version, 12 random bits, variant, 62 random bits."""
    milliseconds = (moment - _EPOCH) // _MILLISECOND
    number = milliseconds << 80 | 7 << 76 | rng.getrandbits(12) << 64 | 2 << 62 | rng.getrandbits(62)
    text = f"{number:032x}"
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"


class Weighted(Generic[Item]):
    """Picks items by weight, in time proportional to the logarithm of their number."""

    def __init__(self, weighted: Iterable[tuple[Item, float]]) -> None:
        self._items, weights = zip(*weighted, strict=True)
        self._bounds = list(accumulate(weights))

    def pick(self, rng: random.Random) -> Item:
        """One of the items."""
        return self._items[bisect(self._bounds, rng.random() * self._bounds[-1])]


def minutes_later(rng: random.Random, moment: dt.datetime, least: float, most: float) -> dt.datetime:
    """A moment between `least` and `most` minutes later, to the millisecond."""
    return moment + dt.timedelta(milliseconds=int((least + rng.random() * (most - least)) * 60_000))


def hours_later(rng: random.Random, moment: dt.datetime, least: float, most: float) -> dt.datetime:
    """A moment between `least` and `most` hours later."""
    return minutes_later(rng, moment, least * 60, most * 60)


def days_later(rng: random.Random, moment: dt.datetime, least: float, most: float) -> dt.datetime:
    """A moment between `least` and `most` days later."""
    return minutes_later(rng, moment, least * 1440, most * 1440)
