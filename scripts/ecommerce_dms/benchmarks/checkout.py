"""Orders a second through the contract, beside the same rows without any check, and beside an ORM's statements.

Carts are created through the contract and counted in. The three take turns, so that what else the machine does falls on all.
"""

from __future__ import annotations

from dataclasses import dataclass

from ecommerce_dms import console
from ecommerce_dms.benchmarks import pgbench
from ecommerce_dms.benchmarks.report import Report, Table, machine, median
from ecommerce_dms.benchmarks.shop import ARTICLES, BenchmarkShop, benchmark_shop

WAYS = ("bare", "client_side", "order")
PRICE_MINOR = 1000


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
            "statement in one transaction, no checks, so that it commits once where the others commit twice. Client-side: the same logic as an ORM's statements, with the same constraints, and "
            "like the contract in two transactions, one for the cart.",
        )
        rows = []
        for lines in request.lines:
            for clients in request.clients:
                rows.append(_row(shop, lines, clients, request))
        report.paragraphs.append(
            Table(
                ("lines", "clients", "bare/s", "client-side/s", "contract/s", "p95 ms", "÷ bare", "÷ client-side"), rows
            ).text()
        )
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
    bare, client_side, contract = (median([run.per_second for run in found[way]]) for way in WAYS)
    slow = median([run.percentile(0.95) for run in found["order"]])
    return (
        str(lines), str(clients), f"{bare:,.0f}", f"{client_side:,.0f}", f"{contract:,.0f}", f"{slow:.1f}",
        f"{contract / bare:.2f}", f"{contract / client_side:.2f}",
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
