"""Orders a second through the contract, beside the same rows without any check, with the declared constraints only, and beside
what an ORM sends.

Carts are created through the contract and counted in; cart and order are one transaction for all. They take turns, so that
what else the machine does falls on all.
"""

from __future__ import annotations

from dataclasses import dataclass

from ecommerce_dms import console
from ecommerce_dms.benchmarks import pgbench
from ecommerce_dms.benchmarks.report import Report, Table, machine, median
from ecommerce_dms.benchmarks.shop import ARTICLES, BenchmarkShop, benchmark_shop

WAYS = ("bare", "constrained", "client_side", "row_by_row", "order")
HEADINGS = (
    "lines", "clients", "bare/s", "constrained/s", "client-side/s", "row by row/s", "contract/s", "p95 ms",
    "÷ bare", "÷ constrained", "÷ client-side", "÷ row by row",
)  # fmt: skip


@dataclass(frozen=True)
class Request:
    """What to measure."""

    clients: tuple[int, ...]
    lines: tuple[int, ...]
    runs: int
    seconds: float
    orders: int


def measure(request: Request) -> Report:
    """Runs it all on a server of its own."""
    with benchmark_shop(request.orders) as shop:
        shop.add_copies()
        shop.settle()
        version = shop.execute("SHOW server_version")[0][0]
        report = Report(
            "checkout",
            f"{machine(version)} Orders a second, medians of {request.runs} runs of {request.seconds:g} s, in a shop with "
            f"{request.orders:,} orders, of {ARTICLES:,} articles chosen at random. Bare: the same rows of cart and order by one "
            "statement, no checks. Constrained: that statement into tables with the CHECKs and foreign keys of the schema, and "
            "nothing else: what declared constraints cost in any design. Client-side: the same logic as an application's "
            "statements into those tables, its rows inserted together. Row by row: likewise, as ORMs save objects unless told "
            "otherwise. Contract: create_cart and place_order. Each is one transaction.",
        )
        rows = []
        for lines in request.lines:
            for clients in request.clients:
                rows.append(_row(shop, lines, clients, request))
        report.paragraphs.append(Table(HEADINGS, rows).text())
        report.add_deadlocks(shop.deadlocks())
        report.add_integrity(shop.verify())
        return report


def _row(shop: BenchmarkShop, lines: int, clients: int, request: Request) -> tuple[str, ...]:
    scripts = {way: script(shop, way, lines) for way in WAYS}
    found: dict[str, list[pgbench.Measured]] = {way: [] for way in WAYS}
    with console.step(f"orders of {lines} lines by {clients} clients"):
        for _ in range(request.runs):
            for way in WAYS:
                found[way].append(pgbench.run(shop, [scripts[way]], clients, request.seconds))
    *others, contract = (median([run.per_second for run in found[way]]) for way in WAYS)
    slow = median([run.percentile(0.95) for run in found["order"]])
    return (
        str(lines), str(clients), *(f"{other:,.0f}" for other in others), f"{contract:,.0f}", f"{slow:.1f}",
        *(f"{contract / other:.2f}" for other in others),
    )  # fmt: skip


def script(shop: BenchmarkShop, way: str, lines: int) -> str:
    """What a client sends for an order of so many lines, each one unit of any article."""
    articles = pgbench.spread_articles(shop.first_article, lines)
    return pgbench.order_script(way, lines, shop.warehouse, total_minor(shop, lines), articles)


def total_minor(shop: BenchmarkShop, lines: int) -> int:
    """What such an order costs. The customer has seen it: it is asked once, and is no part of what is measured."""
    variants = [shop.first_article + line for line in range(lines)]
    ((cart,),) = shop.execute(
        "SELECT api.create_cart(uuidv7(), 'EUR', NULL, %s::bigint[], %s::integer[])",
        (variants, [1] * lines),
        shop.application,
    )
    ((quote,),) = shop.execute("SELECT api.quote_cart(%s::uuid, 'DE', NULL, 'standard')", (cart,), shop.application)
    return quote["total_minor"]
