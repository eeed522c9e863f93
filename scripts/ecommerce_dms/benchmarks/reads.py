"""What a page costs, in a small shop and in a large one: latency, and the buffers that PostgreSQL looks at.

Buffers say how a read grows, whatever else the machine does. They are those of EXPLAIN (ANALYZE, BUFFERS), which counts what
the statements inside a function touch. No read may scan a large table from end to end; that is a failure. A page of both
shops shows as many things: else the larger one would be charged for having more to show.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from contextlib import ExitStack, closing
from dataclasses import dataclass
from typing import Any

from ecommerce_dms import console
from ecommerce_dms.benchmarks import pgbench
from ecommerce_dms.benchmarks.report import Report, Table, machine, median
from ecommerce_dms.benchmarks.shop import MODELS, BenchmarkShop, benchmark_shop
from ecommerce_dms.connection import connect

# PostgreSQL plans a statement anew for its first five executions; what counts is what comes after.
WARM_UP = 8
KEYS = 50
LARGE_ROWS = 5000
MOST_GROWTH = 1.3
TURNS, BLOCK = 25, 100


@dataclass(frozen=True)
class Read:
    """A page: what an application sends, and keys to send it with. `{0}`, `{1}` are the columns of a key."""

    name: str
    statement: str
    keys: str


# Keys are taken from all over the shop, by their hash, so that both sizes are asked for the same kind of things.
READS = (
    Read(
        "product page",
        "SELECT product.*, variant.variant_id, variant.sku, variant.name AS variant_name, price.amount_minor,"
        " (SELECT sum(on_hand - reserved) FROM shop.stock_levels AS level WHERE level.variant_id = variant.variant_id) AS free,"
        " (SELECT array_agg(url ORDER BY position) FROM shop.product_media AS m WHERE m.product_id = product.product_id) AS media"
        " FROM shop.products AS product JOIN shop.product_variants AS variant USING (product_id)"
        " LEFT JOIN LATERAL (SELECT amount_minor FROM shop.variant_prices AS p WHERE p.variant_id = variant.variant_id"
        " AND p.currency = 'EUR' AND p.valid_from <= now() ORDER BY p.valid_from DESC LIMIT 1) AS price ON true"
        # An archived product's slug is free for another.
        " WHERE product.slug = '{0}' AND product.archived_at IS NULL AND variant.archived_at IS NULL",
        "SELECT slug FROM shop.products WHERE status = 'active' ORDER BY hashtext(slug)",
    ),
    Read(
        "category page",
        "SELECT * FROM api.search_products(NULL, {0}, 'EUR', page => 24)",
        # With all that is in the categories below; the fullest first, where there is no full page.
        "SELECT category_id FROM shop.categories WHERE archived_at IS NULL"
        " AND EXISTS (SELECT FROM shop.categories AS c WHERE c.parent_id = categories.category_id)"
        " AND EXISTS (SELECT FROM api.search_products(NULL, category_id, 'EUR'))"
        " ORDER BY (SELECT count(*) FROM api.search_products(NULL, category_id, 'EUR', page => 24)) DESC, hashint8(category_id)",
    ),
    Read(
        "search",
        "SELECT * FROM api.search_products('{0}', NULL, 'EUR', page => 8)",
        "SELECT word FROM (SELECT DISTINCT word FROM shop.products,"
        " regexp_split_to_table(lower(name), '[^a-z]+') AS word WHERE char_length(word) > 3 AND status = 'active') AS w"
        " WHERE EXISTS (SELECT FROM api.search_products(word, NULL, 'EUR'))"
        " ORDER BY (SELECT count(*) FROM api.search_products(word, NULL, 'EUR', page => 8)) DESC, hashtext(word)",
    ),
    Read(
        "order history",
        "SELECT * FROM api.order_history('{0}')",
        "SELECT DISTINCT ON (hashtext(customer_id::text)) customer_id FROM shop.orders WHERE customer_id IS NOT NULL"
        " ORDER BY hashtext(customer_id::text)",
    ),
    Read(
        "order details",
        "SELECT api.order_details('{0}')",
        "SELECT order_id FROM shop.orders ORDER BY hashtext(order_id::text)",
    ),
    Read(
        "back-office order list",
        "SELECT order_id, order_number, placed_at, status, payment_status, fulfilment_status, contact_email, currency,"
        " total_minor FROM shop.orders WHERE (placed_at, order_id) < ('{0}', '{1}')"
        " ORDER BY placed_at DESC, order_id DESC LIMIT 50",
        "SELECT placed_at, order_id FROM shop.orders ORDER BY hashtext(order_id::text)",
    ),
)


@dataclass(frozen=True)
class Request:
    """What to measure."""

    clients: int
    runs: int
    seconds: float
    orders: tuple[int, ...]


@dataclass(frozen=True)
class Cost:
    """Of one read in one shop."""

    p50_ms: float
    p95_ms: float
    buffers: float
    searches: float  # Descents of an index.


def measure(request: Request) -> Report:
    """Measures all reads in a shop of each size, one after the other."""
    report = Report("reads", "")
    sizes = request.orders
    found: list[dict[str, Cost]] = []
    shops: list[str] = []
    scans: list[str] = []
    for orders in sizes:
        with benchmark_shop(orders, _UNWRITTEN, articles=False) as shop:
            shop.settle()
            report.parameters = report.parameters or _parameters(shop, request)
            shops.append(_described(shop))
            found.append(_costs(shop, request, scans))
            policies = _policies(shop)
            with console.step("verifying every invariant"):
                report.add_integrity(shop.verify(), f"verify_integrity() at {orders:,} orders")
                slowest = shop.seconds_of_invariants()
    small, large = found
    rows = [
        (
            read.name,
            *(f"{cost[read.name].p50_ms:.2f} / {cost[read.name].p95_ms:.2f}" for cost in found),
            *(f"{cost[read.name].buffers:,.1f}" for cost in found),
            f"{large[read.name].buffers / small[read.name].buffers:.2f}",
            f"{large[read.name].searches:,.1f}",
        )
        for read in READS
    ]
    columns = (
        "read",
        *(f"p50 / p95 ms, {n:,}" for n in sizes),
        *(f"buffers, {n:,}" for n in sizes),
        "growth",
        "index searches",
    )
    above = [
        f"{name} (by {(large[name].buffers - small[name].buffers) / max(large[name].searches, 1):.2f} for each search)"
        for name in (read.name for read in READS)
        if large[name].buffers > MOST_GROWTH * small[name].buffers
    ]
    report.paragraphs = [
        f"{' '.join(shops)} {_HOW}",
        Table(columns, rows).text(),
        f"Buffers grow by more than {MOST_GROWTH}: {', '.join(above) or 'none'}. One more for each search is the depth of the"
        " index, which grows with the logarithm of its rows: by a page for a hundred times as many. Sequential scans of a table of"
        f" {LARGE_ROWS:,} rows or more: {', '.join(scans) or 'none'}. Buffers, growth and scans do not depend on"
        " what else the machine does; times do.",
        f"What row-level security costs an order history, at {sizes[-1]:,} orders, on one connection, by turns, in the"
        f" quietest of {TURNS} blocks of {BLOCK}:",
        policies.text(),
        *report.paragraphs,
        "The slowest invariants, each on its own: "
        + ", ".join(f"{name} {seconds:.1f} s" for name, seconds in list(slowest.items())[:5])
        + ".",
    ]
    report.failures += scans
    return report


# Nothing is written to this server but the shop that is to be read; durability is the same.
_UNWRITTEN = {"wal_level": "minimal", "max_wal_senders": "0"}

_HOW = (
    f"Up to {MODELS:,} orders are the loader's; a larger shop is one of so many, in the catalogue of the large one, in which each"
    " customer and each order has twins under keys of their own. Pages of a category show 24 products, of a search 8, and the"
    f" {KEYS} keys are of things that fill the page, where there are enough: so both shops show as much."
)


def _described(shop: BenchmarkShop) -> str:
    ((orders, customers, products, lines),) = shop.execute(
        "SELECT (SELECT count(*) FROM shop.orders), (SELECT count(*) FROM shop.customers),"
        " (SELECT count(*) FROM shop.products), (SELECT count(*) FROM shop.order_items)"
    )
    return f"{orders:,} orders: {lines:,} lines, {customers:,} customers, {products:,} products."


def _parameters(shop: BenchmarkShop, request: Request) -> str:
    version = shop.execute("SHOW server_version")[0][0]
    return (
        f"{machine(version)} {request.clients} clients; p50 and p95 are medians of {request.runs} runs of "
        f"{request.seconds:g} s, buffers the mean of a call over {KEYS} keys."
    )


def _costs(shop: BenchmarkShop, request: Request, scans: list[str]) -> dict[str, Cost]:
    costs = {}
    for read in READS:
        statements = _statements(shop, read)
        with console.step(read.name):
            before = _scans_of_large_tables(shop)
            buffers, searches = _buffers(shop, statements)
            runs = [
                pgbench.run(shop, [f"{text};\n" for text in statements], request.clients, request.seconds)
                for _ in range(request.runs)
            ]
            after = _scans_of_large_tables(shop)
        costs[read.name] = Cost(
            median([run.percentile(0.5) for run in runs]),
            median([run.percentile(0.95) for run in runs]),
            buffers,
            searches,
        )
        scans += [f"{read.name}: scans {name}" for name, count in before.items() if after[name] > count]
    return costs


def _statements(shop: BenchmarkShop, read: Read) -> list[str]:
    keys = shop.execute(f"{read.keys} LIMIT {KEYS}")
    if not keys:
        raise console.UserError(f"the shop has nothing to read for the {read.name}")
    return [read.statement.format(*key) for key in keys]


def _buffers(shop: BenchmarkShop, statements: list[str]) -> tuple[float, float]:
    """Of a call, in one warm session of the application: the mean of shared buffers hit and read, and of index searches."""
    with closing(connect(shop.application)) as connection, connection.cursor() as cursor:
        connection.autocommit = True
        for text in statements[:WARM_UP] * (WARM_UP // len(statements[:WARM_UP]) + 1):
            cursor.execute(text)
        cursor.execute("SELECT pg_stat_force_next_flush()")
        cursor.execute("SELECT 1")
        before = _searches(shop)
        explain: Callable[[str], Any] = lambda text: f"EXPLAIN (ANALYZE, BUFFERS, TIMING off, FORMAT json) {text}"  # noqa: E731
        total = 0
        for text in statements:
            cursor.execute(explain(text))
            ((document,),) = cursor.fetchall()
            plan = document[0]["Plan"]
            total += plan["Shared Hit Blocks"] + plan["Shared Read Blocks"]
        cursor.execute("SELECT pg_stat_force_next_flush()")
        cursor.execute("SELECT 1")
    return total / len(statements), (_searches(shop) - before) / len(statements)


def _searches(shop: BenchmarkShop) -> int:
    """Descents of the shop's indexes so far. The catalogue's are not what a page costs: sessions remember it."""
    ((count,),) = shop.execute("SELECT sum(idx_scan)::bigint FROM pg_stat_user_indexes WHERE schemaname = 'shop'")
    return count


_HISTORY = (
    "SELECT order_id, order_number, placed_at, status::text, payment_status::text, fulfilment_status::text, line_count,"
    " total_minor, currency FROM {0} ORDER BY placed_at DESC, order_id DESC LIMIT 20"
)


def _policies(shop: BenchmarkShop) -> Table:
    """One page of history, read without and with policies and ownership checks, by turns, as a prepared statement."""
    ((customer,),) = shop.execute(
        "SELECT customer_id FROM shop.orders WHERE customer_id IS NOT NULL GROUP BY 1 ORDER BY count(*) DESC, 1 LIMIT 1"
    )
    plain, view = _HISTORY.format(f"shop.orders WHERE customer_id = '{customer}'"), _HISTORY.format("api.my_orders")
    function = f"SELECT * FROM api.order_history('{customer}')"  # noqa: S608 (a key that the shop just gave)
    unguarded = function.replace("api.order_history", "api.unguarded_history")
    ((definition,),) = shop.execute("SELECT pg_get_functiondef('api.order_history'::regproc)")
    bare, guards = re.subn(r"\n *may_proceed := shop\.require_own\([^\n]*;", "", definition)
    if guards != 1:
        raise console.UserError(
            "api.order_history no longer asks as it did: say in benchmarks/reads.py what to leave out"
        )
    bare = bare.replace("order_history", "unguarded_history")
    # Of the same owner: a superuser's function would not be asked for a privilege either.
    shop.execute(
        f"{bare}; ALTER FUNCTION api.unguarded_history OWNER TO shop_owner;"
        " GRANT EXECUTE ON FUNCTION api.unguarded_history TO shop_storefront"
    )
    # Each with what it is compared to.
    ways = {
        "the owner, whom no policy concerns": ("shop_owner", plain, ""),
        "the application, which sees all rows": ("shop_app", plain, "the owner, whom no policy concerns"),
        "a storefront, by its policy: api.my_orders": ("shop_storefront", view, "the owner, whom no policy concerns"),
        "a storefront, by a function that asks nobody": ("shop_storefront", unguarded, ""),
        "a storefront, by api.order_history": (
            "shop_storefront", function, "a storefront, by a function that asks nobody"
        ),
    }  # fmt: skip
    times: dict[str, list[float]] = {way: [] for way in ways}
    buffers = {}
    with ExitStack() as stack:
        cursors = {}
        for way, (role, statement, _) in ways.items():
            connection = stack.enter_context(closing(connect(shop.superuser, role=role)))
            connection.autocommit = True
            cursor = cursors[way] = connection.cursor()
            cursor.execute("SELECT set_config('shop.customer_id', %s, false)", (customer,))
            cursor.execute(f"PREPARE history AS {statement}")
            for _ in range(WARM_UP):
                cursor.execute("EXECUTE history")
            cursor.execute("EXPLAIN (ANALYZE, BUFFERS, TIMING off, FORMAT json) EXECUTE history")
            buffers[way] = cursor.fetchone()[0][0]["Plan"]["Shared Hit Blocks"]
        # By turns, so that all meet the same noise; in blocks, so that none pays for another's caches; in another order each
        # time, so that none is always the first.
        order = list(cursors)
        for turn in range(TURNS):
            for way in order[turn % len(order) :] + order[: turn % len(order)]:
                block = []
                for _ in range(BLOCK):
                    started = time.perf_counter()
                    cursors[way].execute("EXECUTE history")
                    block.append(time.perf_counter() - started)
                times[way].append(median(block))
    # The quietest block: what else the machine does only ever adds.
    best = {way: min(blocks) for way, blocks in times.items()}
    rows = [
        (
            way,
            f"{best[way] * 1000:.3f}",
            f"{100 * best[way] / best[base] - 100:+.0f} %" if base else "",
            str(buffers[way]),
        )
        for way, (_, _, base) in ways.items()
    ]
    return Table(("read by", "ms", "more", "buffers"), rows)


def _scans_of_large_tables(shop: BenchmarkShop) -> dict[str, int]:
    """Sequential scans so far, by table."""
    return dict(
        shop.execute(
            "SELECT c.oid::regclass::text, s.seq_scan FROM pg_stat_user_tables AS s JOIN pg_class AS c ON c.oid = s.relid"
            " WHERE s.schemaname = 'shop' AND c.reltuples >= %s",
            (LARGE_ROWS,),
        )
    )
