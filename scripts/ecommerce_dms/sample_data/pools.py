"""Names and words from Faker, drawn once. Everything else combines them with `random.Random`, a hundred times faster.

Two names drawn from pools of two hundred are forty thousand people, and uniqueness comes from counters.
"""

from __future__ import annotations

import random
import string
import unicodedata
from dataclasses import dataclass

from faker import Faker

from ecommerce_dms.sample_data.markets import MARKETS, Market, Place

_NAMES = 200
_PROVIDERS = ["faker.providers.person", "faker.providers.address", "faker.providers.lorem"]


@dataclass(frozen=True)
class LocalPool:
    """Names of people and streets of one country."""

    first: tuple[str, ...]
    last: tuple[str, ...]
    streets: tuple[str, ...]


@dataclass(frozen=True)
class Pools:
    """Everything that is drawn from Faker."""

    local: dict[str, LocalPool]
    series: tuple[str, ...]
    brands: tuple[str, ...]
    sentences: tuple[str, ...]


def fill(seed: int) -> Pools:
    """All pools, the same for the same seed and version of Faker."""
    english = _faker("en_GB", seed)
    surnames = [english.last_name() for _ in range(40)]
    return Pools(
        local={market.country: _local(_faker(market.locale, seed)) for market in MARKETS},
        series=tuple(dict.fromkeys(english.first_name() for _ in range(400))),
        brands=tuple(dict.fromkeys(f"{name} & Daughters" for name in surnames)),
        sentences=tuple(english.sentence(nb_words=9) for _ in range(200)),
    )


def _faker(locale: str, seed: int) -> Faker:
    # Without weights Faker draws four times as fast; popularity of names is no claim of these data.
    faker = Faker(locale, use_weighting=False, providers=_PROVIDERS)
    faker.seed_instance(seed)
    return faker


def _local(faker: Faker) -> LocalPool:
    street = faker.town if hasattr(faker, "town") else faker.street_name
    return LocalPool(
        first=tuple(faker.first_name() for _ in range(_NAMES)),
        last=tuple(faker.last_name() for _ in range(_NAMES)),
        streets=tuple(street() for _ in range(_NAMES)),
    )


@dataclass(frozen=True, slots=True)
class Person:
    """Someone with a name and a place to live."""

    name: str
    mailbox: str
    market: Market
    place: Place
    phone: str | None


def person(pools: Pools, market: Market, rng: random.Random) -> Person:
    """A person of that country; `mailbox` is the name in ASCII, for an address that a counter makes unique."""
    local = pools.local[market.country]
    first, last = rng.choice(local.first), rng.choice(local.last)
    place = market.places[min(int(rng.expovariate(1.1)), len(market.places) - 1)]
    phone = digits(market.phone, rng) if market.phone and rng.random() < 0.7 else None
    name = f"{last} {first}" if market.country == "JP" else f"{first} {last}"
    return Person(name, _ascii(f"{first}.{last}"), market, place, phone)


def postal_address(pools: Pools, who: Person, rng: random.Random, company: str | None = None) -> tuple:
    """The columns of a postal address, in the order of tables.py, in the shape that the country uses."""
    street = rng.choice(pools.local[who.market.country].streets)
    line1 = who.market.line1.format(street=street, number=rng.randint(1, 180))
    line2 = f"Flat {rng.randint(1, 40)}" if who.market.country in ("GB", "IE") and rng.random() < 0.2 else None
    code = digits(who.place.postal_code, rng)
    return (who.name, company, line1, line2, who.place.city, who.place.region, code, who.market.country, who.phone)


def digits(pattern: str, rng: random.Random) -> str:
    """The pattern with a digit for each # and a letter for each ?."""
    return "".join(
        str(rng.randrange(10)) if c == "#" else rng.choice(string.ascii_uppercase) if c == "?" else c for c in pattern
    )


def _ascii(text: str) -> str:
    plain = unicodedata.normalize("NFKD", text.lower()).encode("ascii", "ignore").decode()
    letters = "".join(c for c in plain if c in string.ascii_lowercase + ".")
    return letters.strip(".") or "customer"
