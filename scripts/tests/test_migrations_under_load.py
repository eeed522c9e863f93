"""Migrations while customers buy: no checkout fails, no order is lost, no table is rewritten.

The migrations are those of the repository since BASELINE, and the examples of docs/migrations.md on top of them. How long a
checkout had to wait is printed, not asserted: it is the machine's as much as the migration's.
"""

from __future__ import annotations

import logging
import re
import shutil
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path

import lint
import migration_examples
import psycopg2
import pytest
from checkout_load import Load, SeededShop, Waits, buying
from contract_shop import uuid7
from ecommerce_dms import migration_lint, migrations
from ecommerce_dms.connection import connect
from ecommerce_dms.roles import OWNER
from ecommerce_dms.settings import Settings

# The last revision of the first release: what came before it met no customer. (0025 locks two dozen tables at once, to put
# policies on all of them or on none: under this load it needed seven attempts, and no checkout failed.)
BASELINE = "0025"
# What a migration may cost a customer at most. Compared in words only.
TOLERABLE_SECONDS = 1.0

VERSIONS = Path(migrations.ALEMBIC_INI).parent / "migrations" / "versions"
EXAMPLES = migration_examples.read()


@pytest.fixture
def seeded(filled: Settings, app_credentials: tuple[str, str]) -> Iterator[SeededShop]:
    """A shop with sample data; after the test nothing in it may break an invariant."""
    shop = SeededShop(filled, *app_credentials)
    try:
        yield shop
        assert shop.violations() == []
    finally:
        shop.close()


@pytest.fixture
def history(tmp_path: Path) -> migration_examples.History:
    """The real revisions, in a folder where a test may add to them."""
    shutil.copytree(VERSIONS, tmp_path / "versions", ignore=shutil.ignore_patterns("__pycache__"))
    return migration_examples.History(tmp_path / "versions")


class Progress(logging.Handler):
    """What the machinery says: which revision began when, and what was tried again."""

    def __init__(self, on_retry=None) -> None:
        super().__init__()
        self.begun: list[tuple[str, float]] = []
        self.retries: list[str] = []
        self._on_retry = on_retry

    def emit(self, record: logging.LogRecord) -> None:
        said = record.getMessage()
        if step := re.match(r"upgrade \w* -> (\w+)", said):
            self.begun.append((step[1], time.monotonic()))
        elif "attempt" in said:
            self.retries.append(said)
            if self._on_retry:
                self._on_retry(len(self.retries))

    @contextmanager
    def watched(self) -> Iterator[None]:
        logger = logging.getLogger("alembic.shop.steps")
        level = logger.level
        logger.addHandler(self)
        logger.setLevel(logging.INFO)
        try:
            yield
        finally:
            logger.removeHandler(self)
            logger.setLevel(level)

    def revisions(self, end: float) -> list[tuple[str, float, float]]:
        """Revision, begin and end of each; one that was repeated begins with its last attempt."""
        ends = [begin for _, begin in self.begun[1:]] + [end]
        return [(revision, begin, end) for (revision, begin), end in zip(self.begun, ends, strict=True)]


def files_of_tables(settings: Settings) -> dict[str, int]:
    """The file of each table that is there. A rewritten table has another one."""
    with closing(connect(settings, role=OWNER)) as connection, connection.cursor() as cursor:
        cursor.execute(
            "SELECT oid::regclass::text, pg_relation_filenode(oid) FROM pg_class"
            " WHERE relnamespace = 'shop'::regnamespace AND relkind = 'r'"
        )
        return dict(cursor.fetchall())


def rewritten(before: dict[str, int], after: dict[str, int]) -> set[str]:
    """Tables that were there and lie in another file now."""
    return {table for table in before if table in after and before[table] != after[table]}


def orders_there(shop: SeededShop, load: Load) -> int:
    """How many of the acknowledged orders are there, paid."""
    keys = [checkout.order for checkout in load.done]
    return shop.owner.value(
        "SELECT count(*) FROM shop.orders WHERE order_id = ANY (%s::uuid[]) AND payment_status = 'full'", (keys,)
    )


def table_of(folder: Path, load: Load, progress: Progress, began: float, ended: float, waits: Waits) -> str:
    """What the migration cost the customers, for people."""
    names = {path.name[:4]: path.stem for path in folder.glob("*.py")}

    def longest(begin: float, end: float) -> str:
        under_way = load.between(begin, end)
        if not under_way:
            return "no checkout was under way"
        return f"longest checkout {max(one.seconds for one in under_way) * 1000:5.0f} ms"

    worst = max((one.longest_call for one in load.between(began, ended)), default=0.0)
    seen = (f"{table} ({mode}) {times}×" for (table, mode), times in waits.seen.items())
    lines = [
        "",
        f"{len(load.done)} checkouts, {len(load.between(began, ended))} of them during the migration,"
        f" {sum(one.retries for one in load.done)} calls tried again; revisions tried again: {len(progress.retries)}",
        f"  {'before':40} {longest(0, began)}",
        *(
            f"  {names[revision]:40} {longest(begin, end)}, the revision took {(end - begin) * 1000:5.0f} ms"
            for revision, begin, end in progress.revisions(ended)
        ),
        f"  longest single call during the migration: {worst * 1000:.0f} ms,"
        f" {'within' if worst <= TOLERABLE_SECONDS else 'MORE than'} the {TOLERABLE_SECONDS:g} s a customer may wait",
        f"  seen waiting for the migration: {', '.join(seen) or 'nobody'}",
    ]
    return "\n".join(lines)


def test_customers_buy_while_every_migration_since_the_baseline_and_every_example_runs(
    seeded: SeededShop, history: migration_examples.History, capsys: pytest.CaptureFixture[str]
) -> None:
    migrations.downgrade(seeded.settings, BASELINE)
    history.add(EXAMPLES)
    expected = migrations.revisions(history.folder)
    expected = expected[expected.index(BASELINE) + 1 :]
    files, progress, waits = files_of_tables(seeded.settings), Progress(), Waits(seeded)
    with buying(seeded) as load:
        with progress.watched(), waits.watched():
            began = time.monotonic()
            migrations.upgrade(seeded.settings, versions=history.folder)
            ended = time.monotonic()
        load.go_on(4)
    with capsys.disabled():
        print(table_of(history.folder, load, progress, began, ended, waits))
    assert list(dict.fromkeys(revision for revision, _ in progress.begun)) == expected
    assert migrations.current(seeded.settings) == expected[-1]
    assert load.between(began, ended), "nobody bought during the migration"
    assert orders_there(seeded, load) == len(load.done)
    assert rewritten(files, files_of_tables(seeded.settings)) == set()
    refuse_attacks_of_the_page(seeded)


def refuse_attacks_of_the_page(shop: SeededShop) -> None:
    """Each guard that the page shows refuses the attack that stands beside it."""
    attacks = migration_examples.attacks()
    assert attacks
    for attack in attacks:
        with pytest.raises(psycopg2.Error) as refused:
            shop.owner.query(attack.sql)
        assert (refused.value.pgcode, refused.value.diag.constraint_name) == (attack.sqlstate, attack.refused_by)


def test_a_lock_that_is_held_is_seen_as_a_wait_of_checkouts(
    seeded: SeededShop, history: migration_examples.History
) -> None:
    waits = Waits(seeded)
    history.add_python(
        'op.execute("LOCK TABLE shop.carts IN ACCESS EXCLUSIVE MODE")',
        'op.get_context().config.attributes["while_locked"]()',
    )
    with buying(seeded) as load:
        migrations.upgrade(seeded.settings, versions=history.folder, while_locked=waits.until_a_checkout_waits)
        load.go_on(4)
    assert {table for table, _ in waits.seen} == {"shop.carts"}
    assert orders_there(seeded, load) == len(load.done)


def test_a_migration_that_breaks_the_running_application_fails_its_checkouts(
    seeded: SeededShop, history: migration_examples.History
) -> None:
    history.add_python('op.execute("DROP FUNCTION api.quote_cart(uuid, text, text, text)")')
    with pytest.raises(AssertionError, match="checkouts failed") as failed, buying(seeded) as load:
        migrations.upgrade(seeded.settings, versions=history.folder)
        load.go_on(20)
    assert isinstance(failed.value.__cause__, psycopg2.errors.UndefinedFunction)


def test_an_order_that_is_lost_is_missed(seeded: SeededShop) -> None:
    with buying(seeded) as load:
        pass
    load.done.append(replace(load.done[0], order=uuid7()))
    assert orders_there(seeded, load) == len(load.done) - 1


def test_a_table_that_is_rewritten_is_found(seeded: SeededShop, history: migration_examples.History) -> None:
    files = files_of_tables(seeded.settings)
    history.add_python('op.execute("ALTER TABLE shop.carts ADD COLUMN drawn uuid DEFAULT uuidv4()")')
    migrations.upgrade(seeded.settings, versions=history.folder)
    assert rewritten(files, files_of_tables(seeded.settings)) == {"shop.carts"}


def test_a_migration_that_waits_for_a_long_report_gives_way_to_checkouts_and_comes_again(
    seeded: SeededShop, history: migration_examples.History
) -> None:
    waits = Waits(seeded)
    history.add_python('op.execute("ALTER TABLE shop.carts ADD COLUMN note text")')
    with closing(connect(seeded.settings, role=OWNER)) as report, buying(seeded) as load:
        report.cursor().execute("SELECT count(*) FROM shop.carts")

        def between_two_attempts(retries: int) -> None:
            # The report goes on, and so do the customers: the queue behind the migration is gone.
            load.go_on(4)
            if retries == 2:
                report.rollback()

        progress = Progress(between_two_attempts)
        with progress.watched(), waits.watched():
            migrations.upgrade(seeded.settings, versions=history.folder, lock_timeout="200ms", lock_pause_seconds=0.01)
        load.go_on(4)
    assert len(progress.retries) >= 2
    assert "shop.carts" in {table for table, _ in waits.seen}, "nobody queued behind the migration"
    assert migrations.current(seeded.settings) == migrations.head(history.folder)
    assert orders_there(seeded, load) == len(load.done)


def test_every_example_passes_the_linter_but_for_what_the_page_says_was_looked_at(
    history: migration_examples.History,
) -> None:
    squawk = lint.tool("squawk")
    if squawk is None:
        pytest.skip("squawk is not installed: pip install -r scripts/requirements-dev.txt")
    added = history.add(EXAMPLES)
    looked_at = {(added[example.name], rule) for example in EXAMPLES for rule in example.looked_at}
    found = {(one.revision, one.rule) for one in migration_lint.findings(squawk, history.folder)}
    assert found == looked_at
