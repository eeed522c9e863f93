"""The tables of README.md, docs/cost.md and docs/scaling.md, made from the committed cases and the price table.

Each stands between `<!-- cost NAME -->` and `<!-- end of cost NAME -->`; the text around it is written by people.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

from ecommerce_dms.aws import cost
from ecommerce_dms.aws.cost import Estimate, digits_for, money
from ecommerce_dms.aws.cost_assumptions import assumption_fields
from ecommerce_dms.aws.cost_cases import CASES, plan_of
from ecommerce_dms.aws.cost_kept import kept_after_destroy
from ecommerce_dms.aws.cost_of_resources import HOURS_PER_MONTH, PRICED
from ecommerce_dms.aws.prices import price_table

ROOT = Path(__file__).resolve().parents[3]
PAGES = (ROOT / "README.md", ROOT / "docs" / "cost.md", ROOT / "docs" / "scaling.md")

ORDERS_PER_SECOND = ("0.1", "1", "10", "100")  # over a whole month, nights among it
# docs/scaling.md says how it was measured; an order has two lines on average there.
GIB_PER_MILLION_ORDERS = Decimal("9.5")
HOURS = 3  # how long the example on the front page lives
MARKED = re.compile(r"(<!-- cost (?P<name>[a-z-]+) -->\n).*?(<!-- end of cost (?P=name) -->)", re.DOTALL)


def with_tables(text: str) -> str:
    """The page with its tables made anew. Raises KeyError for a marker that names no table."""
    return MARKED.sub(lambda found: f"{found[1]}{TABLES[found['name']]()}\n{found[3]}", text)


def estimate_of(name: str) -> Estimate:
    return cost.estimate(plan_of(name), HOURS)


def _short() -> str:
    rows = [[title, *_both(result.usd), money(result.usd_per_month)] for title, result in _users_two()]
    table = _table(["", f"{HOURS} hours, USD", f"{HOURS} hours, EUR", "a month, USD"], rows)
    return f"{table}\n\n{_trust(estimate_of('t3'))}"


def _trust(result: Estimate) -> str:
    """How far the sum rests on prices that nobody saw."""
    share = (
        sum((item.usd_per_hour for item in result.items if not item.price.verified), Decimal(0)) / result.usd_per_hour
    )
    day = f"Prices as of {result.table.as_of}, on demand, without taxes."
    if not share:
        return f"{day} Each was seen in a source for this region."
    instance = (
        ", the instance's among them" if not max(result.items, key=lambda one: one.usd_per_hour).price.verified else ""
    )
    return f"{day} {share:.0%} of the first sum rests on prices that are not verified for this region{instance}."


def _users_two() -> list[tuple[str, Estimate]]:
    return [(CASES[name].title, estimate_of(name)) for name in ("t3", "t3-nat")]


def _items() -> str:
    """The user's case by kind of cost, without and with NAT."""
    without, with_nat = (cost.by_what(result.items) for _, result in _users_two())
    rows = [
        [what, _hours(without.get(what, Decimal(0)) * HOURS), _hours(usd * HOURS), money(usd * HOURS_PER_MONTH)]
        for what, usd in sorted(with_nat.items(), key=lambda pair: -pair[1])
        if usd
    ]
    sums = [_hours(result.usd) for _, result in _users_two()]
    rows.append(["**sum**", f"**{sums[0]}**", f"**{sums[1]}**", f"**{money(estimate_of('t3-nat').usd_per_month)}**"])
    return _table(["USD", f"{HOURS} hours", f"{HOURS} hours, with NAT", "a month, with NAT"], rows)


def _readings() -> str:
    """Sums that one may have had in mind instead, from the same prices."""
    table = price_table()
    without, with_nat = (result.usd for _, result in _users_two())
    instance = table["rds.multi.db.t3.medium"].usd * HOURS
    replica = HOURS * (
        table["rds.single.db.t3.medium"].usd
        + table["rds.single.gp3"].usd * 20 / HOURS_PER_MONTH
        + table["ipv4.hour"].usd
    )
    rows = [
        ["the instance alone", instance],
        ["this stack", without],
        ["this stack with one NAT gateway", with_nat],
        ["this stack, the Multi-AZ price taken twice (it is the price of both copies already)", without + instance],
        ["this stack with one NAT gateway and one Single-AZ read replica", with_nat + replica],
        ["the same with 20 % of VAT", (with_nat + replica) * Decimal("1.2")],
    ]
    return _table([f"what one counts for {HOURS} hours", "USD", "EUR"], [[what, *_both(usd)] for what, usd in rows])


def _months() -> str:
    rows = []
    names = ("test", "production")
    sums = [cost.by_what(estimate_of(name).items) for name in names]
    for what in dict.fromkeys([*sums[1], *sums[0]]):
        usd = [money(one.get(what, Decimal(0)) * HOURS_PER_MONTH) for one in sums]
        if any(one.get(what) for one in sums):
            rows.append((max(one.get(what, Decimal(0)) for one in sums), [what, *usd]))
    body = [row for _, row in sorted(rows, key=lambda row: -row[0])]
    results = [estimate_of(name) for name in names]
    body.append(["**USD a month**", *(f"**{money(one.usd_per_month)}**" for one in results)])
    body.append(["**EUR a month**", *(f"**{money(one.table.eur(one.usd_per_month))}**" for one in results)])
    return _table(["USD a month", *names], body)


def usd_per_million_orders(usd_per_month: Decimal, orders_per_second: Decimal) -> Decimal:
    """What a million orders cost at this average over a month of 730 hours, when the stack costs so much a month.

    Raises ValueError where nothing is sold: no number of orders shares the bill then.
    """
    if orders_per_second <= 0:
        raise ValueError(f"orders per second: {orders_per_second} is not above 0")
    return usd_per_month / (orders_per_second * 3600 * HOURS_PER_MONTH) * 1_000_000


def _orders() -> str:
    names = ("test", "production")
    rows = []
    for rate in map(Decimal, ORDERS_PER_SECOND):
        costs = [money(usd_per_million_orders(estimate_of(name).usd_per_month, rate)) for name in names]
        rows.append([f"{rate:f}", f"{rate * 3600 * HOURS_PER_MONTH / 1_000_000:,.3f}", *costs])
    stays = money(GIB_PER_MILLION_ORDERS * price_table()["rds.multi.gp3"].usd)
    head = ["orders a second, on average", "million orders a month", *(f"{name}, USD per million" for name in names)]
    kept = f"A million orders more on the disk of both copies ({GIB_PER_MILLION_ORDERS} GiB): {stays} USD a month."
    return f"{_table(head, rows)}\n\n{kept}"


def _kept() -> str:
    rows = []
    for name in ("test", "production"):
        items = kept_after_destroy(plan_of(name))
        rows += [[name, item.what, f"{money(item.usd_per_month)}"] for item in items]
        rows.append([name, "**sum**", f"**{money(sum((item.usd_per_month for item in items), Decimal(0)))}**"])
    return _table(["after a destroy of", "what stays", "USD a month"], rows)


def _assumptions() -> str:
    rows = [[f"`{name}`", f"{default.normalize():f}", help_] for name, default, help_ in assumption_fields()]
    return _table(["assumption", "default", "meaning"], rows)


def _unverified() -> str:
    prices = {price.key: price for name in CASES for price in estimate_of(name).unverified}
    rows = [[f"`{one.key}`", f"{one.usd} USD per {one.unit}", one.evidence] for _, one in sorted(prices.items())]
    return _table(["price", "value", "why it is not verified"], rows)


def _types() -> str:
    """Every resource type of both environments, and what becomes of it."""
    rows: dict[str, list[str]] = {}
    for name in ("test", "production"):
        result = estimate_of(name)
        rows |= {type_: [f"`{type_}`", f"free: {reason}"] for type_, reason in result.free.items()}
        rows |= {one.type: [f"`{one.type}`", f"not priced: {one.reason}"] for one in result.not_priced}
    types = {one["type"] for name in ("test", "production") for one in cost.managed_resources(plan_of(name))}
    rows |= {type_: [f"`{type_}`", "priced"] for type_ in types & PRICED.keys() if type_ not in rows}
    return _table(["resource type", "in the estimate"], [rows[type_] for type_ in sorted(rows)])


def _basis() -> str:
    table = price_table()
    seen = sum(1 for price in table.prices.values() if price.verified)
    return (
        f"Prices of {table.region} as of {table.as_of}, {seen} of {len(table.prices)} verified. "
        f"1 EUR = {table.usd_per_eur} USD ([ECB]({table.rate_source}), {table.rate_date})."
    )


TABLES: dict[str, Callable[[], str]] = {
    "assumptions": _assumptions,
    "basis": _basis,
    "items": _items,
    "kept": _kept,
    "months": _months,
    "orders": _orders,
    "readings": _readings,
    "short": _short,
    "types": _types,
    "unverified": _unverified,
}


def _both(usd: Decimal) -> list[str]:
    return [_hours(usd), _hours(price_table().eur(usd))]


def _hours(amount: Decimal) -> str:
    return money(amount, digits_for(HOURS))


def _table(head: list[str], rows: list[list[str]]) -> str:
    """Markdown, numbers to the right: every column but the first and those that hold words."""
    numeric = [all(re.fullmatch(r"[*<\d.,]+", row[index]) for row in rows) for index in range(len(head))]
    rule = "|".join("---:" if is_number else "---" for is_number in numeric)
    return "\n".join(["| " + " | ".join(head) + " |", f"|{rule}|", *("| " + " | ".join(row) + " |" for row in rows)])
