"""The countries sold to: how many buyers, which currency, places with matching postal codes, telephone numbers, taxes.

Telephone numbers come from ranges that regulators keep free for fiction (FCC 555-01XX, Ofcom, ComReg, Bundesnetzagentur,
ARCEP); where a country has none, there is no number. Tax rates are the published standard rate, one reduced rate and
nought; the sales taxes of a US state are those of the one city that is delivered to there. They are good enough to
exercise the schema, and no tax advice.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

# In force before any order here: when a rate really began does not matter, except for changes within the history.
ALWAYS = dt.datetime(2005, 1, 1, tzinfo=dt.UTC)
EARLIEST_AS_OF = dt.datetime(2008, 1, 1, tzinfo=dt.UTC)


@dataclass(frozen=True, slots=True)
class Place:
    """A town. `#` in the postal code is a digit, `?` a letter."""

    city: str
    postal_code: str
    region: str | None = None


@dataclass(frozen=True, slots=True)
class Market:
    """A country sold to. `share` is its part of all buyers, in percent; `line1` is the shape of its addresses."""

    country: str
    currency: str
    share: int
    locale: str
    line1: str
    phone: str | None
    places: tuple[Place, ...]


MARKETS = (
    Market(
        "IE",
        "EUR",
        14,
        "en_IE",
        "{number} {street}",
        "+353 20 91# ####",
        (
            Place("Dublin", "D0# ???#", "Dublin"),
            Place("Cork", "T12 ???#", "Cork"),
            Place("Galway", "H91 ???#", "Galway"),
            Place("Limerick", "V94 ???#", "Limerick"),
        ),
    ),
    Market(
        "DE",
        "EUR",
        18,
        "de_DE",
        "{street} {number}",
        "+49 30 23125 ###",
        (
            Place("Berlin", "10###"),
            Place("Hamburg", "20###"),
            Place("München", "80###"),
            Place("Köln", "50###"),
            Place("Leipzig", "04###"),
        ),
    ),
    Market(
        "FR",
        "EUR",
        12,
        "fr_FR",
        "{number} {street}",
        "+33 1 99 00 ## ##",
        (Place("Paris", "750##"), Place("Lyon", "6900#"), Place("Nantes", "44000"), Place("Strasbourg", "67000")),
    ),
    Market(
        "NL",
        "EUR",
        5,
        "nl_NL",
        "{street} {number}",
        None,
        (Place("Amsterdam", "10## ??"), Place("Utrecht", "35## ??"), Place("Groningen", "97## ??")),
    ),
    Market(
        "ES",
        "EUR",
        5,
        "es_ES",
        "{street}, {number}",
        None,
        (
            Place("Madrid", "280##", "Madrid"),
            Place("Barcelona", "080##", "Barcelona"),
            Place("A Coruña", "150##", "A Coruña"),
        ),
    ),
    Market(
        "IT",
        "EUR",
        5,
        "it_IT",
        "{street}, {number}",
        None,
        (Place("Roma", "001##", "RM"), Place("Milano", "201##", "MI"), Place("Forlì", "4712#", "FC")),
    ),
    Market(
        "EE",
        "EUR",
        1,
        "et_EE",
        "{street} {number}",
        None,
        (Place("Tallinn", "101##"), Place("Tartu", "510##"), Place("Pärnu", "800##")),
    ),
    Market(
        "GB",
        "GBP",
        16,
        "en_GB",
        "{number} {street}",
        "+44 20 7946 0###",
        (
            Place("London", "SE## #??"),
            Place("Manchester", "M## #??"),
            Place("Leeds", "LS# #??"),
            Place("Edinburgh", "EH# #??"),
        ),
    ),
    Market(
        "US",
        "USD",
        14,
        "en_US",
        "{number} {street}",
        "+1 212 555 01##",
        (
            Place("Los Angeles", "900##", "CA"),
            Place("New York", "100##", "NY"),
            Place("Seattle", "981##", "WA"),
            Place("Austin", "787##", "TX"),
            Place("Portland", "972##", "OR"),
        ),
    ),
    Market(
        "CA",
        "CAD",
        6,
        "en_CA",
        "{number} {street}",
        "+1 604 555 01##",
        (
            Place("Vancouver", "V6B #?#", "BC"),
            Place("Toronto", "M5V #?#", "ON"),
            Place("Montréal", "H3B #?#", "QC"),
            Place("Calgary", "T2P #?#", "AB"),
        ),
    ),
    Market(
        "JP",
        "JPY",
        4,
        "ja_JP",
        "{street}{number}-{number}",
        None,
        (Place("新宿区", "160-00##", "東京都"), Place("大阪市北区", "530-00##", "大阪府")),
    ),
)

CURRENCIES = tuple(dict.fromkeys(market.currency for market in MARKETS))

# Prices in other currencies, in thousandths of the price in euro cents, per minor unit: shops set them by hand, so they
# are near the exchange rate of some year and do not follow it.
PRICE_FACTORS = {"EUR": 1000, "GBP": 880, "USD": 1100, "CAD": 1490, "JPY": 1620}

_STANDARD, _REDUCED, _ZERO, _SHIPPING = "standard", "reduced", "zero", "shipping"


def _vat(
    country: str, standard: int, reduced: int, valid_from: dt.datetime = ALWAYS, name: str = "VAT"
) -> tuple[tuple[str, str, str, str, int, dt.datetime], ...]:
    """Rates of a country with one value-added tax, in millionths."""
    rates = {_STANDARD: standard, _REDUCED: reduced, _ZERO: 0, _SHIPPING: standard}
    return tuple((country, "", tax_class, f"{name} {country}", rate, valid_from) for tax_class, rate in rates.items())


def _sales(
    country: str, region: str, jurisdiction: str, rate: int, *tax_classes: str
) -> tuple[tuple[str, str, str, str, int, dt.datetime], ...]:
    """One jurisdiction's rate, the same on several classes."""
    return tuple((country, region, tax_class, jurisdiction, rate, ALWAYS) for tax_class in tax_classes)


# (country, region, tax class, jurisdiction, rate in millionths, valid from). A region's rates come on top of those of
# the whole country. Oregon has none.
TAX_RATES = (
    *_vat("IE", 230_000, 135_000),
    *_vat("DE", 190_000, 70_000),
    *_vat("FR", 200_000, 55_000),
    *_vat("NL", 210_000, 90_000),
    *_vat("ES", 210_000, 100_000),
    *_vat("IT", 220_000, 100_000),
    # The one change of a rate that an order of the last years can meet: 20, 22, then 24 percent.
    *_vat("EE", 200_000, 90_000),
    *_vat("EE", 220_000, 90_000, dt.datetime(2023, 12, 31, 22, tzinfo=dt.UTC)),
    *_vat("EE", 240_000, 90_000, dt.datetime(2025, 6, 30, 21, tzinfo=dt.UTC)),
    *_vat("GB", 200_000, 50_000),
    *_vat("JP", 100_000, 80_000, name="Consumption tax"),
    *_sales("US", "CA", "California", 60_000, _STANDARD, _REDUCED),
    *_sales("US", "CA", "Los Angeles County", 12_500, _STANDARD, _REDUCED),
    *_sales("US", "CA", "Los Angeles districts", 25_000, _STANDARD, _REDUCED),
    *_sales("US", "NY", "New York State", 40_000, _STANDARD, _REDUCED, _SHIPPING),
    *_sales("US", "NY", "New York City", 45_000, _STANDARD, _REDUCED, _SHIPPING),
    *_sales("US", "NY", "Metropolitan Commuter District", 3_750, _STANDARD, _REDUCED, _SHIPPING),
    *_sales("US", "WA", "Washington", 65_000, _STANDARD, _REDUCED, _SHIPPING),
    *_sales("US", "WA", "Seattle", 38_500, _STANDARD, _REDUCED, _SHIPPING),
    *_sales("US", "TX", "Texas", 62_500, _STANDARD, _REDUCED, _SHIPPING),
    *_sales("US", "TX", "Austin", 10_000, _STANDARD, _REDUCED, _SHIPPING),
    *_sales("US", "TX", "Capital Metro", 10_000, _STANDARD, _REDUCED, _SHIPPING),
    *_sales("CA", "", "GST", 50_000, _STANDARD, _REDUCED, _SHIPPING),
    *_sales("CA", "BC", "PST BC", 70_000, _STANDARD),
    *_sales("CA", "ON", "HST ON, provincial part", 80_000, _STANDARD, _SHIPPING),
    *_sales("CA", "QC", "QST", 99_750, _STANDARD, _SHIPPING),
)

# (code, name, carrier, shortest and longest days, price in euro cents, free from this subtotal in euro cents or None).
SHIPPING_METHODS = (
    ("standard", "Standard delivery", "Postal service", 2, 6, 495, 6_000),
    ("express", "Express delivery", "Courier", 1, 2, 1_295, None),
    ("pickup", "Collection point", "Parcel shops", 2, 5, 0, None),
)
