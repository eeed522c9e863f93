"""For each health check the fault that provokes it, made for real in a healthy shop.

    FAULTS[name](shop, superuser)   a context manager that stays in the fault; it yields what to examine with

A threshold is changed only where its default asks for hours or for gigabytes. test_health_check.py says what each is told.
"""

from __future__ import annotations

import datetime as dt
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from typing import Any

import pytest
from conftest import until
from contract_shop import Shop, app_login, tell, uuid7
from ecommerce_dms.connection import connect
from ecommerce_dms.health.examination import Facts
from ecommerce_dms.roles import OWNER
from ecommerce_dms.settings import Settings
from health_shop import run

SOON = (dt.datetime.now(dt.UTC) + dt.timedelta(days=3)).isoformat()
LATER = (dt.datetime.now(dt.UTC) + dt.timedelta(days=300)).isoformat()

EVENT = """
    INSERT INTO shop.outbox_events (aggregate_type, aggregate_id, event_type) VALUES ('order', 'test', 'order.placed')
"""

Fault = Callable[[Settings, Settings], Any]
FAULTS: dict[str, Fault] = {}


def fault(name: str) -> Callable[[Fault], Fault]:
    def register(function: Fault) -> Fault:
        FAULTS[name] = contextmanager(function)
        return function

    return register


@contextmanager
def session(settings: Settings, *statements: str, role: str | None = OWNER) -> Iterator[Any]:
    """A session in an open transaction, in which these statements were run."""
    with closing(connect(settings, role=role)) as connection, connection.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement)
        yield connection


@fault("cache-hit")
def _(shop, superuser):
    # Larger than a quarter of the buffers, it is read past them each time.
    run(shop, "CREATE TABLE shop.wide AS SELECT n, repeat('x', 1500) AS filler FROM generate_series(1, 60000) AS n")
    for _ in range(6):
        run(shop, "SELECT count(*) FROM shop.wide")
    yield {}


@fault("bloat")
def _(shop, superuser):
    run(
        shop,
        "CREATE TABLE shop.airy WITH (autovacuum_enabled = off) AS SELECT n, repeat('x', 1000) AS filler FROM generate_series(1, 50000) AS n",
        "DELETE FROM shop.airy WHERE n % 20 <> 0",
        "VACUUM (ANALYZE) shop.airy",
    )
    yield {}


@fault("unused-indexes")
def _(shop, superuser):
    run(shop, "CREATE INDEX ix_orders_nobody ON shop.orders (request_digest, contact_email)")
    yield {"unused_index_days": 0, "unused_index_least_megabytes": 0}


@fault("duplicate-indexes")
def _(shop, superuser):
    run(shop, "CREATE INDEX ix_orders_again ON shop.orders (placed_at DESC, order_id DESC)")
    yield {}


@fault("invalid-indexes")
def _(shop, superuser):
    with pytest.raises(Exception, match="could not create unique index"):
        run(shop, "CREATE UNIQUE INDEX CONCURRENTLY uq_orders_torn ON shop.orders (currency)")
    yield {}


@fault("sequences")
def _(shop, superuser):
    run(
        shop,
        "ALTER SEQUENCE shop.coupons_coupon_id_seq MAXVALUE 100000",
        "SELECT setval('shop.coupons_coupon_id_seq', 95000)",
    )
    yield {}


@fault("wraparound")
def _(shop, superuser):
    # Two thousand million transactions take weeks; some hundred are as real.
    run(shop, *["SELECT pg_current_xact_id()"] * 300)
    yield {"wraparound_warning": 100}


@fault("long-transactions")
def _(shop, superuser):
    with session(shop) as blocked, session(shop, "LOCK TABLE shop.carts") as holder:
        cancel = threading.Thread(target=_in_background, args=(blocked, "LOCK TABLE shop.carts"))
        cancel.start()
        until(lambda: _state(shop, blocked) == "active", "the session to run")
        yield {"long_transaction_warning_seconds": 0}
        holder.rollback()
        cancel.join()


@fault("idle-in-transaction")
def _(shop, superuser):
    with session(shop, "SELECT count(*) FROM shop.carts"):
        yield {"idle_transaction_warning_seconds": 0}


@fault("lock-trees")
def _(shop, superuser):
    with session(shop, "LOCK TABLE shop.carts") as holder, session(shop) as first, session(shop) as second:
        waiters = [
            threading.Thread(target=_in_background, args=(each, "LOCK TABLE shop.carts")) for each in (first, second)
        ]
        for waiter in waiters:
            waiter.start()
        waiting = "SELECT count(*) FROM pg_locks WHERE NOT granted AND waitstart IS NOT NULL AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
        until(lambda: run(shop, waiting) == [(2,)], "two sessions to wait")
        yield {"lock_wait_warning_seconds": 0}
        holder.rollback()
        for waiter, each in zip(waiters, (first, second), strict=True):
            del each
            waiter.join()


@fault("replication-slots")
def _(shop, superuser):
    run(superuser, "SELECT pg_create_physical_replication_slot('forgotten', true)", role=None)
    try:
        yield {}
    finally:
        run(superuser, "SELECT pg_drop_replication_slot('forgotten')", role=None)


@fault("missing-vacuum")
def _(shop, superuser):
    run(
        shop,
        "CREATE TABLE shop.churned WITH (autovacuum_enabled = off) AS SELECT n FROM generate_series(1, 60000) AS n",
        "DELETE FROM shop.churned WHERE n > 5000",
        "SELECT pg_stat_force_next_flush()",
    )
    _flushed(shop, "SELECT n_dead_tup > 50000 FROM pg_stat_user_tables WHERE relname = 'churned'")
    yield {}


@fault("missing-analyze")
def _(shop, superuser):
    run(
        shop,
        "CREATE TABLE shop.unknown WITH (autovacuum_enabled = off) AS SELECT n FROM generate_series(1, 30000) AS n",
    )
    _flushed(shop, "SELECT n_live_tup >= 30000 FROM pg_stat_user_tables WHERE relname = 'unknown'")
    yield {}


@fault("pending-restart")
def _(shop, superuser):
    run(superuser, "ALTER SYSTEM SET max_connections = 123", "SELECT pg_reload_conf()", role=None)
    try:
        pending = "SELECT count(*) FROM pg_settings WHERE pending_restart"
        until(lambda: run(shop, pending, role=None) == [(1,)], "the configuration to be read")
        yield {}
    finally:
        run(superuser, "ALTER SYSTEM RESET max_connections", "SELECT pg_reload_conf()", role=None)
        until(lambda: run(shop, pending, role=None) == [(0,)], "the configuration to be read")


@fault("storage-runway")
def _(shop, superuser):
    # The sample shop ended long ago; a shop that sells today grows.
    run(
        shop,
        "ALTER TABLE shop.orders DISABLE TRIGGER USER",
        "UPDATE shop.orders SET placed_at = now() - interval '1 day', expires_at = now() + interval '1 day' WHERE status = 'completed'",
        "ALTER TABLE shop.orders ENABLE TRIGGER USER",
        "ANALYZE shop.orders",
    )
    yield {"facts": Facts(storage_gib="1"), "runway_warning_days": 100000}


@fault("outbox-parked")
def _(shop, superuser):
    run(shop, EVENT, "UPDATE shop.outbox_events SET attempts = 10, parked_at = now() WHERE published_at IS NULL")
    yield {}


@fault("outbox-lag")
def _(shop, superuser):
    run(shop, EVENT)
    yield {"outbox_warning_seconds": 0}


@fault("payment-exceptions")
def _(shop, superuser):
    with application(shop, superuser) as built:
        assert tell(built.app, uuid7(), "captured", 1000) != "applied"  # For a payment that nobody knows.
        yield {}


@fault("partly-authorized-orders")
def _(shop, superuser):
    with application(shop, superuser) as built:
        order, payment = built.order({built.variant(stock=5): 2}), uuid7()
        built.app.call("start_payment", payment_id=payment, order_id=order, provider="stripe", method="card")
        tell(built.app, payment, "authorized", 100)
        built.elapse(order)
        yield {"partly_authorized_warning_seconds": 0}


@fault("overdue-orders")
def _(shop, superuser):
    with application(shop, superuser) as built:
        built.elapse(built.order({built.variant(stock=5): 2}))
        yield {"overdue_warning_seconds": 0}


@fault("certificate-expiry")
def _(shop, superuser):
    yield {"facts": Facts(certificate_valid_until=SOON, authority_valid_until=LATER)}


@fault("guards-off")
def _(shop, superuser):
    run(shop, "ALTER TABLE shop.stock_levels DISABLE TRIGGER USER")
    yield {}


@fault("integrity")
def _(shop, superuser):
    run(
        shop,
        "ALTER TABLE shop.stock_levels DISABLE TRIGGER USER",
        "UPDATE shop.stock_levels SET on_hand = on_hand + 1",
        "ALTER TABLE shop.stock_levels ENABLE TRIGGER USER",
    )
    yield {"facts": Facts(integrity=True)}


@contextmanager
def application(shop: Settings, superuser: Settings) -> Iterator[Shop]:
    """The contract's own test shop, beside the sample data."""
    with app_login(shop) as credentials:
        run(shop, "DELETE FROM shop.shipping_rates; DELETE FROM shop.tax_rates")
        run(shop, "UPDATE shop.shipping_methods SET code = 'was_' || code WHERE code = 'standard'")
        with closing(Shop(shop, *credentials)) as built:
            yield built


def _in_background(connection: Any, statement: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(statement)
    connection.rollback()


def _state(settings: Settings, connection: Any) -> str:
    return run(settings, f"SELECT state FROM pg_stat_activity WHERE pid = {connection.info.backend_pid}", role=None)[0][
        0
    ]


def _flushed(settings: Settings, question: str) -> None:
    until(lambda: run(settings, question) == [(True,)], "the statistics to be written")
