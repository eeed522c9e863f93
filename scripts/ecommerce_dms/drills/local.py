"""A shop of its own on servers of its own: what the drills on this machine break and restore. Nothing else is touched."""

from __future__ import annotations

import datetime as dt
import secrets
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg2

from ecommerce_dms import console, migrations
from ecommerce_dms.connection import connect, connection_parameters
from ecommerce_dms.drills.writers import Basket, Connect
from ecommerce_dms.embedded import EmbeddedServer
from ecommerce_dms.roles import OWNER
from ecommerce_dms.sample_data import loading
from ecommerce_dms.settings import Settings, load_settings

LOGIN = "drill_app"

_PATIENCE_SECONDS = 120


@dataclass(frozen=True)
class Workshop:
    """Where the drill's servers live. Each is destroyed at the end, whatever happened."""

    folder: Path
    login_password: str
    _stack: ExitStack

    def keep(self, server: EmbeddedServer) -> EmbeddedServer:
        """Has this server destroyed at the end."""
        self._stack.callback(server.destroy)
        return server

    def application(self, server: EmbeddedServer) -> Any:
        """A new connection to a server as the application, which may do what shop_app may."""
        parameters = connection_parameters(settings_of(server), options={"shop.actor": "job:drill"})
        return psycopg2.connect(**parameters | {"user": LOGIN, "password": self.login_password})


@contextmanager
def workshop() -> Iterator[Workshop]:
    """A folder for servers; empty and gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="ecommerce-dms-drill-") as folder, ExitStack() as stack:
        yield Workshop(Path(folder), secrets.token_urlsafe(18), stack)


def settings_of(server: EmbeddedServer) -> Settings:
    """A server of the drill as if it were any other, by host, port and password, as its master."""
    return _settings(server.connection_parameters())


def superuser_of(server: EmbeddedServer) -> Settings:
    """The same as its superuser, for what RDS does for its customers."""
    return _settings(server.superuser_parameters())


def make_shop(bench: Workshop, server: EmbeddedServer, orders: int) -> Basket:
    """Migrates and seeds a started server and makes the application's login; returns what its writers can buy."""
    settings = settings_of(server)
    with console.step(f"making a shop of {orders:,} orders"):
        migrations.upgrade(settings, environment="test")
        loading.load(settings, loading.Request(orders=orders, seed=1, as_of=_midnight()))
    with closing(connect(settings)) as connection, connection.cursor() as cursor:
        cursor.execute(f"CREATE ROLE {LOGIN} LOGIN PASSWORD %s IN ROLE shop_app", (bench.login_password,))
        connection.commit()
    with closing(bench.application(server)) as connection, connection.cursor() as cursor:
        basket = _basket(cursor)
        connection.commit()
    return basket


def _basket(cursor: Any) -> Basket:
    """The first destination for which checkout has a price and a rate; with stock for a long drill."""
    cursor.execute(
        """
        SELECT v.variant_id, r.currency, r.country, t.region, m.code, w.warehouse_id
        FROM shop.shipping_rates AS r
        JOIN shop.shipping_methods AS m ON m.shipping_method_id = r.shipping_method_id AND m.is_active
        JOIN LATERAL (SELECT nullif(region, '') AS region FROM shop.tax_rates
                      WHERE country = r.country AND valid_from <= now() ORDER BY region LIMIT 1) AS t ON true
        JOIN LATERAL (SELECT p.variant_id FROM shop.variant_prices AS p
                      JOIN shop.product_variants AS v ON v.variant_id = p.variant_id AND v.archived_at IS NULL
                      JOIN shop.products AS o ON o.product_id = v.product_id AND o.status = 'active'
                      WHERE p.currency = r.currency AND p.valid_from <= now() LIMIT 1) AS v ON true
        CROSS JOIN LATERAL (SELECT warehouse_id FROM shop.warehouses WHERE is_active ORDER BY priority LIMIT 1) AS w
        ORDER BY r.currency = 'EUR' DESC, r.country, m.code
        LIMIT 1
        """
    )
    variant, currency, country, region, method, warehouse = cursor.fetchone()
    cursor.execute("SELECT api.receive_stock(%s, %s, 1000000)", (variant, warehouse))
    # Spread over slots, so that the writers do not queue for one row.
    cursor.execute("SELECT api.split_stock(%s, %s, 8)", (variant, warehouse))
    return Basket(variant, currency, country, region, method)


def rows(settings: Settings, statement: str, parameters: Any = None, role: str | None = None) -> list[tuple[Any, ...]]:
    """The rows of one statement in a transaction of its own."""
    with closing(connect(settings, role=role)) as connection:
        connection.autocommit = True
        with connection.cursor() as cursor:
            cursor.execute(statement, parameters)
            return cursor.fetchall() if cursor.description else []


def violations(server: EmbeddedServer) -> list[tuple[Any, ...]]:
    """What verify_integrity() finds wrong."""
    query = "SELECT invariant, violations, example FROM api.verify_integrity() WHERE violations > 0"
    return rows(settings_of(server), query, role=OWNER)


def wait_for(condition: Callable[[], bool], what: str) -> None:
    """Returns as soon as the condition holds. Raises TimeoutError."""
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError(f"waited {_PATIENCE_SECONDS} s in vain for {what}")
        time.sleep(0.02)


def to(bench: Workshop, where: dict[str, EmbeddedServer]) -> Connect:
    """Connects the application to where["server"], whichever that is at the moment."""
    return lambda: bench.application(where["server"])


def _settings(parameters: dict[str, str | int]) -> Settings:
    names = {"host": "DB_HOST", "port": "DB_PORT", "user": "DB_USER", "password": "DB_PASSWORD", "dbname": "DB_NAME"}
    return load_settings(environ={names[key]: str(value) for key, value in parameters.items()})


def _midnight() -> dt.datetime:
    return dt.datetime.now(dt.UTC).replace(hour=0, minute=0, second=0, microsecond=0)
