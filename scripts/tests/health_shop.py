"""A healthy shop for the tests of monitoring: seeded, its jobs done, its tables vacuumed; and a login that may only watch."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from typing import Any

import contract_shop
from ecommerce_dms import migrations
from ecommerce_dms.connection import connect
from ecommerce_dms.db_tests import sample
from ecommerce_dms.health import checks, examination
from ecommerce_dms.health.examination import Facts, Result
from ecommerce_dms.roles import OWNER
from ecommerce_dms.scratch import scratch_database
from ecommerce_dms.settings import Settings

# What the shop's own jobs do, and what people do with what was left to them.
JOBS = """
SELECT api.expire_unpaid_orders(10000);
UPDATE shop.outbox_events SET published_at = now(), parked_at = NULL, lease_token = NULL, leased_until = NULL
WHERE published_at IS NULL;
UPDATE shop.payment_exceptions SET resolved_at = now(), resolution = 'Refunded', resolved_by = 'staff:test'
WHERE resolved_at IS NULL;
"""


@contextmanager
def healthy_template(server: Settings) -> Iterator[Settings]:
    """A database to be copied, on the server of these settings."""
    with scratch_database(server) as settings:
        migrations.upgrade(settings, environment="test")
        sample.fill(settings)
        run(settings, "SET shop.actor = 'staff:test'", *filter(str.strip, JOBS.split(";")), "RESET shop.actor")
        run(settings, "VACUUM (ANALYZE) shop.orders", "ANALYZE")
        yield settings


def run(settings: Settings, *statements: str, role: str | None = OWNER) -> list[tuple[Any, ...]]:
    """Statements of the owner, each a transaction; returns the rows of the last one."""
    with closing(connect(settings, role=role)) as connection:
        connection.autocommit = True
        with connection.cursor() as cursor:
            for statement in statements:
                cursor.execute(statement)
            return cursor.fetchall() if cursor.description else []


@contextmanager
def watcher(server: Settings, group: str = "shop_monitor") -> Iterator[tuple[str, str]]:
    """A login that is a member of this group alone."""
    with contract_shop.app_login(server, group) as credentials:
        yield credentials


def examine(
    database: Settings, credentials: tuple[str, str], only: str | None = None, facts: Facts | None = None, **changed: Any
) -> list[Result]:  # fmt: skip
    """What the checks say to that login; thresholds as keywords."""
    every = checks.read()
    thresholds = checks.thresholds(every, {name: str(value) for name, value in changed.items()})
    user, password = credentials
    return examination.examine(
        replace(database, user=user, password=password),
        checks.chosen(every, [only] if only else None),
        thresholds,
        facts or Facts(),
    )
