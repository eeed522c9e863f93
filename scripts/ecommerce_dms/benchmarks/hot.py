"""All clients buy one product: with its stock in one row, with its stock in slots, and beside products chosen at random.

Each with and without a synchronous standby: a row lock is held until the standby has confirmed the commit, so a queue before
one row is what Multi-AZ makes longer. Carts that hold the hot product among others are mixed in, to see whether anybody
deadlocks.
"""

from __future__ import annotations

from contextlib import nullcontext
from dataclasses import dataclass

from ecommerce_dms import console
from ecommerce_dms.benchmarks import checkout, pgbench
from ecommerce_dms.benchmarks.report import Report, Table, machine, median
from ecommerce_dms.benchmarks.shop import ARTICLES, BenchmarkShop, benchmark_shop
from ecommerce_dms.benchmarks.standby import synchronous_standby

MIXED_LINES = 5


@dataclass(frozen=True)
class Request:
    """What to measure."""

    clients: int
    runs: int
    seconds: float
    orders: int
    slots: int


def measure(request: Request) -> Report:
    """Runs it all on a server of its own."""
    with benchmark_shop(request.orders) as shop:
        _split(shop, request.slots)
        shop.settle()
        version = shop.execute("SHOW server_version")[0][0]
        report = Report(
            "hot",
            f"{machine(version)} Orders a second by {request.clients} clients, medians of {request.runs} runs of "
            f"{request.seconds:g} s; one line each, but for the mixed carts of {MIXED_LINES}. Split: over {request.slots} slots.",
        )
        rows = []
        for title, standby in (("none", nullcontext()), ("synchronous", synchronous_standby(shop))):
            with standby:
                rows.append((title, *_row(shop, request)))
        columns = ("standby", "uniform/s", "one row/s", "slots/s", "mixed/s", "one row ÷ uniform", "slots ÷ uniform")
        report.paragraphs.append(Table(columns, rows).text())
        report.add_deadlocks(shop.deadlocks())
        report.add_integrity(shop.verify())
        return report


def _split(shop: BenchmarkShop, slots: int) -> None:
    """The second article's stock over slots; the first one's stays in one row."""
    shop.execute("SET shop.actor = 'job:benchmark'; SELECT api.split_stock(%s, %s, %s)",
                 (shop.first_article + 1, shop.warehouse, slots))  # fmt: skip


def _row(shop: BenchmarkShop, request: Request) -> tuple[str, ...]:
    first = shop.first_article
    scripts = {
        # Not the two hot ones: the uniform buyers meet nobody.
        "uniform": _script(shop, 1, f"{first + 2} + random(0, {ARTICLES - 3})"),
        "one row": _script(shop, 1, f"{first}"),
        "slots": _script(shop, 1, f"{first + 1}"),
        # Lines 0 and 1 are the hot products or, as often, their neighbours.
        "mixed": _script(shop, MIXED_LINES, f"{first} + {{line}} + {MIXED_LINES} * random(0, 1)"),
    }
    found: dict[str, list[float]] = {name: [] for name in scripts}
    with console.step(f"{', '.join(scripts)}: {request.clients} clients"):
        for _ in range(request.runs):
            for name, script in scripts.items():
                found[name].append(pgbench.run(shop, [script], request.clients, request.seconds).per_second)
    uniform, one_row, slots, mixed = (median(found[name]) for name in scripts)
    rates = (f"{uniform:,.0f}", f"{one_row:,.0f}", f"{slots:,.0f}", f"{mixed:,.0f}")
    return (*rates, f"{one_row / uniform:.2f}", f"{slots / uniform:.2f}")


def _script(shop: BenchmarkShop, lines: int, articles: str) -> str:
    return pgbench.order_script("order", lines, shop.warehouse, checkout.total_minor(shop, lines), articles)
