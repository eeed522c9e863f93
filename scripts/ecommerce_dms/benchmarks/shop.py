"""`BenchmarkShop`: a server of the benchmark's own, with a loaded shop, articles that never sell out, and an application's login.

Durability is as in production: fsync, synchronous_commit and full_page_writes are on. Not for: the user's own server, which
is never touched; what is made here is removed at the end.
"""

from __future__ import annotations

import datetime as dt
import logging
import re
import secrets
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ecommerce_dms import console, migrations
from ecommerce_dms.benchmarks import growth
from ecommerce_dms.connection import connect
from ecommerce_dms.embedded import EmbeddedServer
from ecommerce_dms.roles import OWNER
from ecommerce_dms.sample_data import loading
from ecommerce_dms.settings import Settings, load_settings

HERE = Path(__file__).parent
ARTICLES = 1000
# A larger shop is loaded with so many orders, and multiplied.
MODELS = 100_000
APPLICATION = "benchmark_app"

# Half of a small instance's memory for the cache, and checkpoints as seldom as RDS has them by default.
CONFIGURATION = {
    "shared_buffers": "1GB",
    "effective_cache_size": "3GB",
    "max_connections": "120",
    "max_wal_size": "8GB",
    "checkpoint_timeout": "5min",
    # Nothing but the load may use the two cores; what bloats in a run is part of what the next one finds.
    "autovacuum": "off",
}

# The copies that `bare.sql` and `client_side.sql` write to.
_ORDER_TABLES = (
    "carts",
    "cart_items",
    "orders",
    "order_items",
    "order_item_taxes",
    "order_shipping_taxes",
    "order_addresses",
    "order_allocations",
    "stock_levels",
    "stock_movements",
    "order_status_history",
    "outbox_events",
)
_COPIES = {"bare": "EXCLUDING CONSTRAINTS", "client_side": "INCLUDING CONSTRAINTS"}


@dataclass(frozen=True)
class Integrity:
    """What verify_integrity said after the load."""

    seconds: float
    examined: int
    violations: tuple[str, ...]
    peak_mib: float | None = None  # The most private memory of the server process; None: unknown.


@dataclass
class BenchmarkShop:
    """A shop on a running server."""

    server: EmbeddedServer
    master: Settings
    superuser: Settings
    application: Settings
    warehouse: int = 0
    first_article: int = 0

    def execute(
        self, statement: str, parameters: Any = None, settings: Settings | None = None
    ) -> list[tuple[Any, ...]]:
        """Rows of a statement, by default as the superuser: the benchmark's own work, never what is measured."""
        with closing(connect(settings or self.superuser)) as connection:
            connection.autocommit = True
            with connection.cursor() as cursor:
                cursor.execute(statement, parameters)
                return cursor.fetchall() if cursor.description else []

    def add_articles(self) -> None:
        """Articles, prices and stock of articles.sql, written with every guard on."""
        self.execute((HERE / "articles.sql").read_text(encoding="utf-8"))
        ((self.first_article, last, count),) = self.execute(
            "SELECT min(variant_id), max(variant_id), count(*) FROM shop.product_variants WHERE sku ~ '^BENCHMARK-'"
        )
        if last - self.first_article + 1 != count:
            raise console.UserError(
                "the benchmark's articles have no contiguous keys: something else wrote to its server"
            )
        ((self.warehouse,),) = self.execute("SELECT warehouse_id FROM shop.warehouses ORDER BY priority LIMIT 1")

    def add_copies(self) -> None:
        """Schemas `bare` and `client_side`: the tables of an order without triggers, the latter with all constraints."""
        for schema, constraints in _COPIES.items():
            self.execute(f"CREATE SCHEMA {schema}")
            for table in _ORDER_TABLES:
                ((options,),) = self.execute(
                    "SELECT array_to_string(reloptions, ', ') FROM pg_class WHERE oid = %s::regclass",
                    (f"shop.{table}",),
                )
                storage = f"WITH ({options})" if options else ""
                self.execute(
                    f"CREATE TABLE {schema}.{table} (LIKE shop.{table} INCLUDING ALL {constraints}) {storage};"
                    f"GRANT SELECT, INSERT, UPDATE ON {schema}.{table} TO {APPLICATION}"
                )
            self.execute(f"INSERT INTO {schema}.stock_levels SELECT * FROM shop.stock_levels")  # noqa: S608
            self.execute(f"GRANT USAGE ON SCHEMA {schema} TO {APPLICATION}")
        for statement in self._foreign_keys_of_copies("client_side"):
            self.execute(statement)
        # The application of client_side.sql reads the catalogue itself.
        self.execute(
            f"GRANT USAGE ON SCHEMA shop TO {APPLICATION}; GRANT SELECT ON ALL TABLES IN SCHEMA shop TO {APPLICATION}"
        )

    def _foreign_keys_of_copies(self, schema: str) -> list[str]:
        found = self.execute(
            "SELECT c.relname, k.conname, r.relname, pg_get_constraintdef(k.oid)"
            " FROM pg_constraint AS k JOIN pg_class AS c ON c.oid = k.conrelid JOIN pg_class AS r ON r.oid = k.confrelid"
            " WHERE k.contype = 'f' AND c.relnamespace = 'shop'::regnamespace AND c.relname = ANY (%s)",
            (list(_ORDER_TABLES),),
        )
        return [
            f"ALTER TABLE {schema}.{table} ADD CONSTRAINT {name} "
            + (definition.replace(f"REFERENCES shop.{target}(", f"REFERENCES {schema}.{target}(")
               if target in _ORDER_TABLES else definition)
            for table, name, target, definition in found
        ]  # fmt: skip

    def settle(self) -> None:
        """Statistics and hint bits as autovacuum would have them, and no checkpoint pending."""
        self.execute("VACUUM (ANALYZE)")
        self.execute("CHECKPOINT")

    def deadlocks(self) -> int:
        """How many there were in this database since its beginning."""
        ((count,),) = self.execute("SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()")
        return count

    def verify(self) -> Integrity:
        """Runs verify_integrity and says how long it took."""
        with closing(connect(self.superuser)) as connection, connection.cursor() as cursor:
            memory = _Memory(connection.info.backend_pid)
            started = time.monotonic()
            with memory:
                cursor.execute("SELECT invariant, examined, violations, example FROM api.verify_integrity()")
            seconds, rows = time.monotonic() - started, cursor.fetchall()
        wrong = tuple(f"{name}: {count} violations, e.g. {example}" for name, _, count, example in rows if count)
        return Integrity(seconds, sum(row[1] for row in rows), wrong, memory.peak_mib)

    def seconds_of_invariants(self) -> dict[str, float]:
        """How long each invariant takes on its own, the slowest first."""
        found = {}
        for (name,) in self.execute(
            "SELECT proname FROM pg_proc"
            " WHERE pronamespace = 'shop'::regnamespace AND starts_with(proname, 'invariant_') ORDER BY proname"
        ):
            started = time.monotonic()
            # On one processor, as verify_integrity() does.
            self.execute(f"SET max_parallel_workers_per_gather = 0; SELECT * FROM shop.{name}()")  # noqa: S608
            found[name.removeprefix("invariant_")] = time.monotonic() - started
        return dict(sorted(found.items(), key=lambda one: -one[1]))


class _Memory:
    """The most private memory that a server process had, looked up ten times a second. None where there is no /proc."""

    def __init__(self, pid: int) -> None:
        self.peak_mib: float | None = None
        self._status = Path(f"/proc/{pid}/status")
        self._over = threading.Event()
        self._watch = threading.Thread(target=self._look, daemon=True)

    def __enter__(self) -> None:
        self._watch.start()

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._watch.join()

    def _look(self) -> None:
        while True:
            try:
                found = re.search(r"^RssAnon:\s+(\d+) kB", self._status.read_text(), re.MULTILINE)
            except OSError:
                return
            if found:
                self.peak_mib = max(self.peak_mib or 0, int(found[1]) / 1024)
            if self._over.wait(0.1):
                return


@contextmanager
def benchmark_shop(
    orders: int, configuration: dict[str, str] | None = None, *, articles: bool = True
) -> Iterator[BenchmarkShop]:
    """A shop with so many orders of history, on a server that is removed at the end.

    Above MODELS, `orders` is a multiple of it. `articles`: with those that never sell out.
    """
    with tempfile.TemporaryDirectory(prefix="ecommerce-dms-benchmark-") as folder:
        server = EmbeddedServer(Path(folder) / "server", {**CONFIGURATION, **(configuration or {})})
        try:
            server.start()
            shop = _filled(server, orders)
            if articles:
                shop.add_articles()
            yield shop
        finally:
            server.destroy()


def _filled(server: EmbeddedServer, orders: int) -> BenchmarkShop:
    password = secrets.token_hex(16)
    master = settings_of(server.connection_parameters())
    application = settings_of({**server.connection_parameters(), "user": APPLICATION, "password": password})
    superuser = settings_of({**server.superuser_parameters(), "dbname": server.connection_parameters()["dbname"]})
    logging.getLogger("alembic").setLevel(logging.WARNING)
    migrations.upgrade(master, environment="test")
    midnight = dt.datetime.now(dt.UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    models = min(orders, MODELS)
    with console.step(f"making a shop with {orders:,} orders"):
        loading.load(master, loading.Request(orders=models, seed=1, as_of=midnight, catalogue_for=orders))
        if orders > models:
            growth.multiply(master, orders // models)
    shop = BenchmarkShop(server, master, superuser, application)
    with closing(connect(master)) as connection, connection.cursor() as cursor:
        cursor.execute(f"CREATE ROLE {APPLICATION} LOGIN PASSWORD %s IN ROLE shop_app", (password,))
        connection.commit()
    return shop


def settings_of(parameters: dict[str, Any]) -> Settings:
    """A server that is given by its connection parameters, whatever the environment and scripts/.env say."""
    names = {"host": "DB_HOST", "port": "DB_PORT", "user": "DB_USER", "password": "DB_PASSWORD", "dbname": "DB_NAME"}
    return load_settings(environ={names[key]: str(value) for key, value in parameters.items()})


__all__ = ["APPLICATION", "ARTICLES", "HERE", "OWNER", "BenchmarkShop", "Integrity", "benchmark_shop", "settings_of"]
