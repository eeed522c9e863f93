"""How the lives of orders go: each kind of life, and how many in ten thousand there are of it. Data only.

Olist delivered 97.0 % of its orders, cancelled 0.6 % and had 3 % with more than one payment; fashion returns far more
than the 5 % here. What the tables of the schema are for occurs at least once in any load, however rare it is.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Story:
    """One kind of life.

    payment: at_once (captured immediately), authorized (captured when goods leave), retried (another method after a
    failure), transfer (some days later), none, failed, late (captured after the order expired), twice (both attempts
    captured), free.
    ending: delivered, waiting (a second parcel has not left), lost (never arrived), cancelled or expired.
    cancels: a unit is cancelled before it leaves.
    returns: restocked, written_off, announced (never sent), withdrawn.
    refund: settled, failed_first, stuck (no answer), goodwill.
    twist: what else goes wrong.
    """

    name: str
    weight: int
    payment: str = "at_once"
    ending: str = "delivered"
    parcels: int = 1
    cancels: bool = False
    returns: str | None = None
    refund: str = "settled"
    twist: str | None = None
    coupon: str | None = None
    least_units: int = 1


STORIES = (
    Story("paid at once", 3_830),
    Story("captured at shipment", 3_700, payment="authorized"),
    Story("in two parcels", 330, payment="authorized", parcels=2, least_units=3),
    Story("paid at the second attempt", 420, payment="retried"),
    Story("paid by bank transfer", 350, payment="transfer"),
    Story("returned and restocked", 330, returns="restocked"),
    Story("returned and written off in part", 120, payment="authorized", returns="written_off", least_units=2),
    Story("return announced, never sent", 40, returns="announced"),
    Story("return withdrawn", 40, returns="withdrawn"),
    Story("refund failed at first", 20, returns="restocked", refund="failed_first"),
    Story("refund without answer", 10, returns="restocked", refund="stuck"),
    Story("goodwill", 80, refund="goodwill"),
    Story("a unit cancelled after payment", 60, cancels=True, least_units=2),
    Story("a unit cancelled before capture", 110, payment="authorized", cancels=True, least_units=2),
    Story("second parcel waits", 20, payment="authorized", ending="waiting", parcels=2, least_units=3),
    Story("parcel lost", 30, ending="lost"),
    Story("cancelled before payment", 80, payment="none", ending="cancelled"),
    Story("cancelled, authorization voided", 110, payment="authorized", ending="cancelled"),
    Story("cancelled, refunded", 70, ending="cancelled"),
    Story("authorization lost", 6, payment="authorized", ending="cancelled", twist="authorization_lost"),
    Story("never paid", 130, payment="none", ending="expired"),
    Story("payment failed", 60, payment="failed", ending="expired"),
    Story("voucher for everything", 10, payment="free", coupon="GIFT100"),
    Story("bulk order from two warehouses", 10, payment="transfer", twist="bulk"),
    Story("event cannot be published", 2, twist="parked"),
    Story("dispute won", 12, twist="dispute_won"),
    Story("dispute lost", 10, twist="dispute_lost"),
    Story("captured too much", 6, payment="authorized", twist="over_capture"),
    Story("refunded twice", 4, returns="restocked", twist="over_refund"),
    Story("captured after the end", 5, payment="late", ending="expired"),
    Story("both attempts captured", 5, payment="twice"),
    Story("event in another currency", 4, twist="other_currency"),
    Story("event of an unknown payment", 4, twist="unknown_payment"),
)

# Who is under way at the end, from the last order backwards. sizes.ORDERS_OF_THE_LAST_DAY is their number.
LAST_DAY = (
    "never paid",
    "paid by bank transfer",
    "captured at shipment",
    "paid at once",
    "captured at shipment",
    "never paid",
    "in two parcels",
    "event cannot be published",
)


def named(name: str) -> Story:
    """The story of that name."""
    return next(story for story in STORIES if story.name == name)
