"""Categories, products, options, variants, media and prices: made once, before the first day, and kept in memory."""

from __future__ import annotations

import datetime as dt
import json
import random
import re
from bisect import bisect_right
from dataclasses import dataclass, field
from itertools import product as combinations

from ecommerce_dms.sample_data import assortment, integration, markets
from ecommerce_dms.sample_data.plan import Plan
from ecommerce_dms.sample_data.pools import Pools
from ecommerce_dms.sample_data.randomness import days_later, hours_later
from ecommerce_dms.sample_data.timeline import Batch, Timeline

_OPENING = dt.timedelta(days=60)
_STAFF = ("staff:2", "staff:5", "staff:7")


@dataclass(slots=True)
class Variant:
    """A variant as orders need it. `prices` maps a currency to moments and amounts, ascending."""

    key: int
    product_key: int
    sku: str
    name: str
    product_name: str
    tax_class: str
    on_sale_from: dt.datetime
    on_sale_until: dt.datetime | None
    prices: dict[str, tuple[list[dt.datetime], list[int]]] = field(default_factory=dict)

    def is_sold_at(self, moment: dt.datetime) -> bool:
        """Whether it could be bought then."""
        return self.on_sale_from <= moment and (self.on_sale_until is None or moment < self.on_sale_until)

    def price_at(self, currency: str, moment: dt.datetime) -> int:
        """The price in force, in the minor unit."""
        moments, amounts = self.prices[currency]
        return amounts[bisect_right(moments, moment) - 1]


class Catalogue:
    """Writes the whole catalogue into a batch; `variants` are those that are sold, in no particular order."""

    def __init__(
        self,
        plan: Plan,
        pools: Pools,
        numbers: dict[str, int],
        categories: dict[str, int],
        batch: Batch,
        timeline: Timeline,
    ) -> None:
        """`numbers` holds the highest key of each table; `categories` the live categories that exist, by slug."""
        self.variants: list[Variant] = []
        self._plan, self._pools = plan, pools
        self._numbers, self._batch, self._timeline = numbers, batch, timeline
        self._opening = plan.start - _OPENING
        self._shelves = self._categories(categories)
        for index in range(plan.sizes.products):
            self._product(index)

    def _next(self, table: str) -> int:
        self._numbers[table] += 1
        return self._numbers[table]

    # Categories: departments, sections, shelves ---------------------------------------------------------------------

    def _categories(self, existing: dict[str, int]) -> list[tuple[int, int, str, tuple]]:
        """Writes the tree; returns (key of the shelf, key of its section, what a product there is called, department)."""
        shelves = []
        for d, department in enumerate(assortment.DEPARTMENTS):
            top = self._category(existing, department[0], [], d)
            for s, (section, goods) in enumerate(department[5].items()):
                middle = self._category(existing, section, [top], s)
                for g, noun in enumerate(goods):
                    shelves.append(
                        (self._category(existing, _plural(noun), [top, middle], g), middle, noun, department)
                    )
        return shelves

    def _category(self, existing: dict[str, int], name: str, ancestry: list[int], position: int) -> int:
        slug = _slug(name)
        if slug in existing:
            return existing[slug]
        key = existing[slug] = self._next("categories")
        parent = ancestry[-1] if ancestry else None
        text = f"Everything that belongs under {name}."
        self._batch["categories"].append(
            (key, parent, ancestry, slug, name, text, position, self._opening, self._opening)
        )
        return key

    # Products and variants ------------------------------------------------------------------------------------------

    def _product(self, index: int) -> None:
        """One product with its options, variants, media and prices. The index decides what must occur for certain."""
        rng = self._plan.stream("product", index)
        key = self._next("products")
        shelf, section, noun, (_, tax_class, weights, price, options, _) = self._shelves[index % len(self._shelves)]
        name = f"{rng.choice(self._pools.series)} {noun}"
        slug = f"{_slug(name)}-{key}"
        # Four in five are there from the opening; the others come in the course of the two years.
        is_late = index % 5 == 4
        created = days_later(rng, self._opening, *((60, 600) if is_late else (0, 50)))
        archived = days_later(rng, self._plan.start, 500, 700) if index % 33 == 7 and not is_late else None
        status = "archived" if archived else "draft" if index % 40 == 11 else "active"
        brand = rng.choice(self._pools.brands) if rng.random() < 0.8 else None
        text = " ".join(rng.choices(self._pools.sentences, k=4))
        self._batch["products"].append(
            (key, slug, name, brand, text, tax_class, status, created, archived or created, archived)
        )
        self._batch["product_categories"].append((key, shelf, True))
        if index % 4 == 0:
            self._batch["product_categories"].append((key, section, False))
        made = self._variants(key, index, rng, options, weights, created)
        self._media(key, slug, name, made, rng)
        revisions = self._revisions(index, rng, created)
        for variant_key, values in made:
            variant_name = " / ".join(values) or "One size"
            ends = archived or (self._retired_at(rng) if variant_key == made[-1][0] and index % 50 == 8 else None)
            variant = Variant(
                variant_key, key, f"{noun[:3].upper()}-{variant_key:06d}", variant_name, name, tax_class, created, ends
            )
            self._write_variant(variant, values, weights, rng, created, None if archived else ends)
            self._prices(variant, price, revisions, rng)
            if status != "draft":
                # Goods must have come in before they can be sold.
                variant.on_sale_from = created + dt.timedelta(days=1)
                self.variants.append(variant)

    def _retired_at(self, rng: random.Random) -> dt.datetime:
        return days_later(rng, self._plan.start, 400, 700)

    def _variants(
        self, product: int, index: int, rng: random.Random, options: tuple, weights: tuple, created: dt.datetime
    ) -> list[tuple[int, tuple[str, ...]]]:
        """Writes the options of a product; returns (variant key, values) for one to five variants."""
        count = 1 + index % 5
        used = options[: 0 if count == 1 else 2 if count == 4 else 1]
        per_option = 2 if count == 4 else count
        values = [rng.sample(choices, min(per_option, len(choices))) for _, choices in used]
        self._option_keys = []
        for position, (name, _) in enumerate(used, start=1):
            option = self._next("product_options")
            self._option_keys.append(option)
            self._batch["product_options"].append((option, product, name, position))
        return [(self._next("product_variants"), chosen) for chosen in combinations(*values)]

    def _write_variant(
        self,
        variant: Variant,
        values: tuple[str, ...],
        weights: tuple[int, int],
        rng: random.Random,
        created: dt.datetime,
        archived: dt.datetime | None,
    ) -> None:
        chosen = list(zip(self._option_keys, values, strict=True))
        weight = rng.randint(*weights)
        self._batch["product_variants"].append(
            (
                variant.key,
                variant.product_key,
                variant.sku,
                gtin(variant.key) if variant.key % 4 else None,
                variant.name,
                options_key(chosen),
                weight,
                created,
                archived,
            )
        )
        for option, value in chosen:
            self._batch["variant_option_values"].append((variant.key, option, variant.product_key, value))

    def _media(self, product: int, slug: str, name: str, variants: list, rng: random.Random) -> None:
        """Two or three pictures, a film for some, and one picture of a variant where there are several."""
        shown = [(None, "image", "jpg", name)] * rng.randint(2, 3)
        if product % 12 == 0:
            shown.append((None, "video", "mp4", f"{name} in use"))
        if len(variants) > 1:
            key, values = variants[0]
            shown.append((key, "image", "jpg", f"{name}, {' / '.join(values)}"))
        for position, (variant, kind, suffix, text) in enumerate(shown, start=1):
            url = f"https://media.example.com/products/{slug}/{position}.{suffix}"
            self._batch["product_media"].append(
                (self._next("product_media"), product, variant, kind, url, text, position)
            )

    # Prices ---------------------------------------------------------------------------------------------------------

    def _revisions(self, index: int, rng: random.Random, created: dt.datetime) -> list[tuple]:
        """When the product's prices are set: (entered, valid from, percent of the first price, show the former price)."""
        moments = [(created, created, 100, False)]
        at = created
        for _ in range((0, 1, 1, 2)[index % 4]):
            at = days_later(rng, at, 60, 330)
            entered = hours_later(rng, at - dt.timedelta(days=7), 0, 160)
            percent = rng.choice((80, 85, 90, 105, 110))
            if at < self._plan.as_of:
                moments.append((max(entered, created), at, percent, percent < 100))
        if index % 25 == 3:
            # Entered already, not in force yet: the one kind of price that may still be withdrawn.
            entered = hours_later(rng, self._plan.as_of - dt.timedelta(days=6), 0, 120)
            starts = days_later(rng, self._plan.as_of, 5, 60).replace(hour=0, minute=0, second=0, microsecond=0)
            moments.append((max(entered, created), starts, rng.choice((90, 95, 108)), False))
        return moments

    def _prices(self, variant: Variant, typical: int, revisions: list[tuple], rng: random.Random) -> None:
        # Log-normal, as the order values of both data sets in sizes.py are.
        first = min(max(int(typical * rng.lognormvariate(0, 0.55)), 300), 90_000)
        actor = rng.choice(_STAFF)
        for currency in markets.CURRENCIES:
            moments, amounts = [], []
            for entered, valid_from, percent, was in revisions:
                amount = charming(first * percent * markets.PRICE_FACTORS[currency] // 100_000, currency)
                former = amounts[-1] if was and amounts and amounts[-1] > amount else None
                row = (variant.key, currency, valid_from, amount, former, entered)
                self._batch["variant_prices"].append(row)
                row_key = f"{variant.key},{currency},{valid_from.isoformat()}"
                integration.audit_insert(self._timeline, "variant_prices", row, entered, actor, row_key)
                moments.append(valid_from)
                amounts.append(amount)
            variant.prices[currency] = (moments, amounts)


def charming(amount: int, currency: str) -> int:
    """The price as shops write it: …,99, or in yen …80."""
    if currency == "JPY":
        return max(amount // 100 * 100 + 80, 180)
    return max(amount // 100 * 100 + 99, 199)


def options_key(chosen: list[tuple[int, str]]) -> str:
    """The canonical form that the schema's trigger writes: jsonb orders keys by length, then by bytes."""
    ordered = sorted(((str(option), value.lower()) for option, value in chosen), key=lambda kv: (len(kv[0]), kv[0]))
    return json.dumps(dict(ordered), ensure_ascii=False)


def gtin(number: int) -> str:
    """A GTIN-13 with a valid check digit in GS1's range for use within a company (prefix 2), so no real article's."""
    digits = f"2{number:011d}"
    odd_and_even = sum(int(d) * (1, 3)[i % 2] for i, d in enumerate(digits))
    return digits + str(-odd_and_even % 10)


def _slug(text: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")


def _plural(noun: str) -> str:
    if noun.endswith(("s", "Flour", "Cocoa", "Sugar", "Coffee", "Tea", "Honey", "Chutney", "Marmalade", "Cookware")):
        return noun
    if noun.endswith("y"):
        return noun[:-1] + "ies"
    return re.sub("fe?$", "ve", noun) + "s"
