"""Coupons of both kinds with windows, minimums and limits, and which of them an order can use."""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from dataclasses import dataclass
from decimal import Decimal

from ecommerce_dms.sample_data import integration, markets, money
from ecommerce_dms.sample_data.plan import Plan
from ecommerce_dms.sample_data.season import is_black_friday
from ecommerce_dms.sample_data.timeline import Batch, Timeline

WELCOME, GIFT = "WELCOME10", "GIFT100"
_DAY = dt.timedelta(days=1)


@dataclass(slots=True)
class Coupon:
    """A coupon as orders need it. `given` counts every redemption, `used` those that were not released."""

    key: int
    base_code: str
    rate: int | None
    amount: int | None
    currency: str | None
    minimum: int
    starts: dt.datetime
    ends: dt.datetime | None
    limit: int | None
    per_customer: int | None
    given: int = 0
    used: int = 0

    def discount(self, subtotal: int) -> int:
        """What it takes off."""
        return money.share(subtotal, self.rate) if self.rate is not None else min(self.amount, subtotal)

    def fits(self, currency: str, subtotal: int, moment: dt.datetime) -> bool:
        """Whether it can be used. A released use is not given out again, so that a limit holds at every moment."""
        return (
            self.starts <= moment
            and (self.ends is None or moment < self.ends)
            and (self.currency is None or self.currency == currency)
            and subtotal >= self.minimum
            and self.discount(subtotal) > 0
            and (self.limit is None or self.given < self.limit)
        )


class Coupons:
    """All coupons of this load."""

    def __init__(self, plan: Plan, numbers: dict[str, int], batch: Batch, timeline: Timeline) -> None:
        """Writes them; a code that exists gets the coupon's key behind it."""
        self.all: list[Coupon] = []
        self._uses: dict[tuple[int, str], int] = defaultdict(int)
        for coupon, description, is_active, created in self._made(plan):
            numbers["coupons"] += 1
            coupon.key = numbers["coupons"]
            code = coupon.base_code
            code = f"{code}-{coupon.key}" if code in plan.present.coupons else code
            row = (
                coupon.key,
                code,
                description,
                "fixed" if coupon.rate is None else "percent",
                None if coupon.rate is None else Decimal(money.rate_text(coupon.rate)),
                coupon.amount,
                coupon.currency,
                coupon.minimum,
                coupon.starts,
                coupon.ends,
                coupon.limit,
                coupon.per_customer,
                is_active,
                created,
            )
            batch["coupons"].append(row)
            integration.audit_insert(
                timeline, "coupons", row, created, "staff:marketing", str(coupon.key), {"times_used": 0}
            )
            self.all.append(coupon)
        self._general = [c for c in self.all if c.base_code not in (WELCOME, GIFT, "SUMMER-OLD")]
        self._by_code = {c.base_code: c for c in self.all}

    @staticmethod
    def _made(plan: Plan) -> list[tuple[Coupon, str, bool, dt.datetime]]:
        start, end = plan.start, plan.as_of
        limit = max(plan.sizes.orders // 50, 5)

        def percent(code: str, rate: int, starts: dt.datetime, ends: dt.datetime | None, *limits: int | None) -> Coupon:
            return Coupon(0, code, rate, None, None, 0, starts, ends, *limits)

        made = [
            (percent(WELCOME, 100_000, start, None, None, 1), "A tenth off the first order of a new customer."),
            (percent(GIFT, 1_000_000, start, None, limit, None), "A voucher for goodwill: everything free."),
            (percent("SPRING15", 150_000, start + 90 * _DAY, start + 150 * _DAY, limit, None), "Spring sale."),
            (percent("LOYAL12", 125_000, start + 30 * _DAY, None, limit, 2), "For those who come again."),
            (percent("SUMMER-OLD", 200_000, start, start + 200 * _DAY, limit, None), "Switched off before its end."),
        ]
        for currency in markets.CURRENCIES:
            factor = markets.PRICE_FACTORS[currency]
            fixed = Coupon(
                0,
                f"FIVER-{currency}",
                None,
                500 * factor // 1000,
                currency,
                4_000 * factor // 1000,
                start,
                None,
                None,
                None,
            )
            made.append((fixed, f"Five euro off, as {currency}, from forty."))
        for day in (start + n * _DAY for n in range((end - start).days)):
            if is_black_friday(day):
                sale = percent(f"BLACKFRIDAY{day.year}", 200_000, day - _DAY, day + 4 * _DAY, limit, None)
                made.append((sale, "Black Friday."))
        return [(coupon, text, coupon.base_code != "SUMMER-OLD", coupon.starts - 2 * _DAY) for coupon, text in made]

    def named(self, base_code: str) -> Coupon:
        """The coupon of that name."""
        return self._by_code[base_code]

    def usable(self, email: str, currency: str, subtotal: int, moment: dt.datetime) -> tuple[list[Coupon], bool]:
        """Those that an order of this buyer can use, and whether they are those of a sale, which everybody prefers."""
        found = [
            c
            for c in self._general
            if c.fits(currency, subtotal, moment)
            and (c.per_customer is None or self._uses[c.key, email] < c.per_customer)
        ]
        sale = [c for c in found if c.ends is not None]
        return sale or found, bool(sale)

    def redeem(self, coupon: Coupon, email: str) -> None:
        """Counts a use. Uses by customer are kept only where a limit bounds their number."""
        coupon.given += 1
        coupon.used += 1
        if coupon.per_customer is not None and coupon.limit is not None:
            self._uses[coupon.key, email] += 1
