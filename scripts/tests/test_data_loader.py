"""The loader fills everything, breaks no rule, can be repeated to the byte, and does all of it or nothing.

Real servers, real databases, the program as its users run it. One load is shared by the tests that only read it.
"""

from __future__ import annotations

import os
import pty
import signal
import subprocess
import sys
import termios
from collections.abc import Iterator
from contextlib import closing

import pytest
from ecommerce_dms import fingerprint
from ecommerce_dms.connection import connect
from ecommerce_dms.roles import OWNER
from ecommerce_dms.sample_data import sizes
from ecommerce_dms.sample_data.tables import COLUMNS
from ecommerce_dms.scratch import scratch_database
from ecommerce_dms.settings import Settings
from loader_shop import (
    AS_OF,
    LOADER,
    PREFIX,
    SMALL,
    counts,
    environment,
    execute,
    load,
    loaded_database,
    query,
    refused,
    run,
    state,
    upgraded_database,
)
from tests.conftest import until


@pytest.fixture(scope="module")
def upgraded(master: Settings) -> Iterator[Settings]:
    """An empty shop, to make copies of."""
    with upgraded_database(master) as settings:
        yield settings


@pytest.fixture
def empty(master: Settings, upgraded: Settings) -> Iterator[Settings]:
    """An empty shop of the test's own."""
    with scratch_database(master, PREFIX, template=upgraded) as settings:
        yield settings


@pytest.fixture(scope="module")
def loaded(master: Settings, upgraded: Settings) -> Iterator[Settings]:
    """A loaded shop, for reading only."""
    with loaded_database(master, upgraded) as settings:
        yield settings


@pytest.fixture
def own(master: Settings, loaded: Settings) -> Iterator[Settings]:
    """A copy of the loaded shop, for the test to change."""
    with scratch_database(master, PREFIX, template=loaded) as settings:
        yield settings


# It can be repeated --------------------------------------------------------------------------------------------------


def test_the_same_seed_gives_the_same_content_and_another_seed_does_not(empty: Settings) -> None:
    first = load(empty, *SMALL, PYTHONHASHSEED="1")
    assert set(first) == set(COLUMNS)
    assert load(empty, *SMALL, "--replace", PYTHONHASHSEED="2") == first
    other = load(empty, *SMALL, "--seed", "2", "--replace")
    assert [table for table in ("orders", "customers", "products", "payments") if other[table] == first[table]] == []


def test_replace_gives_what_an_empty_database_gives(loaded: Settings, own: Settings, empty: Settings) -> None:
    execute(own, "SELECT setval('shop.categories_category_id_seq', 5000)")
    assert load(own, *SMALL, "--replace") == load(empty)


def test_append_twice_goes_on_counting(own: Settings) -> None:
    before = counts(own)
    execute(own, "SET LOCAL shop.actor = 'test'; UPDATE shop.orders SET contact_phone = NULL WHERE customer_id IS NULL")
    untouched = query(own, "SELECT max(order_number), sum(hashtext(o::text)) FROM shop.orders AS o")
    load(own, "--orders", "60", "--as-of", AS_OF, "--append")
    load(own, "--orders", "400", "--as-of", AS_OF, "--append")
    after = counts(own)
    assert after["orders"] == before["orders"] + 460
    assert after["products"] > before["products"]
    # Categories, warehouses, taxes and methods are the shop's, and there once.
    for table in ("categories", "warehouses", "tax_rates", "shipping_methods", "shipping_rates"):
        assert after[table] == before[table], table
    ((last, _),) = untouched
    assert (
        query(
            own, "SELECT max(order_number), sum(hashtext(o::text)) FROM shop.orders AS o WHERE order_number <= %s", last
        )
        == untouched
    )
    assert all(not violations for _, _, violations, _ in query(own, "SELECT * FROM api.verify_integrity()"))


def test_every_next_key_is_free(own: Settings) -> None:
    identities = query(
        own,
        "SELECT table_name, column_name FROM information_schema.columns WHERE table_schema = 'shop' AND is_identity = 'YES'",
    )
    assert identities
    for table, column in identities:
        sql = f"SELECT nextval(pg_get_serial_sequence('shop.{table}', '{column}')) - max({column}) FROM shop.{table}"
        assert query(own, sql) == [(1,)], table


# All or nothing ------------------------------------------------------------------------------------------------------


def test_every_guard_is_back(loaded: Settings, upgraded: Settings) -> None:
    with closing(connect(loaded)) as one, closing(connect(upgraded)) as other:
        assert fingerprint.difference(fingerprint.read(other), fingerprint.read(one)) == []
    for wrong in (
        "SELECT tgname FROM pg_trigger WHERE tgenabled <> 'O'",
        "SELECT conname FROM pg_constraint WHERE NOT convalidated",
        "SELECT indexrelid::regclass FROM pg_index WHERE NOT indisvalid",
    ):
        assert query(loaded, wrong) == []


def test_an_append_to_a_larger_shop_also_puts_every_guard_back(own: Settings, upgraded: Settings) -> None:
    load(own, "--orders", "50", "--as-of", AS_OF, "--append")
    with closing(connect(own)) as one, closing(connect(upgraded)) as other:
        assert fingerprint.difference(fingerprint.read(other), fingerprint.read(one)) == []


def test_a_trigger_that_was_off_stays_off(own: Settings) -> None:
    execute(own, "ALTER TABLE shop.orders DISABLE TRIGGER orders_are_kept")
    load(own, "--orders", "50", "--as-of", AS_OF, "--append")
    off = query(own, "SELECT tgname, tgenabled FROM pg_trigger WHERE tgenabled <> 'O'")
    assert off == [("orders_are_kept", "D")]


@pytest.mark.parametrize("onto", ["--append", "--replace"])
def test_a_killed_load_leaves_no_trace(own: Settings, onto: str) -> None:
    before = state(own)
    process = subprocess.Popen(
        [sys.executable, LOADER, "--orders", "3000", "--as-of", AS_OF, onto],
        env=environment(own),
        stderr=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        text=True,
    )
    with process:
        assert process.stderr
        for line in process.stderr:
            if "of 3,000 orders" in line:
                process.send_signal(signal.SIGKILL)
                break
    assert process.returncode == -signal.SIGKILL
    sql = (
        "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'data_loader' AND datname = current_database()"
    )
    until(lambda: query(own, sql) == [(0,)], "the killed loader's session to end")
    assert state(own) == before


def test_a_load_that_breaks_a_rule_is_undone(empty: Settings) -> None:
    execute(
        empty,
        "CREATE FUNCTION shop.invariant_test() RETURNS TABLE (examined bigint, violations bigint, example text)"
        " LANGUAGE sql STABLE SET search_path = pg_catalog, shop, pg_temp"
        " AS 'SELECT count(*), count(*), min(order_number)::text FROM shop.orders'",
    )
    before = state(empty)
    done = run(empty, *SMALL)
    assert refused(done, "test: 150 violations, e.g. 100001")
    assert state(empty) == before


def test_production_is_refused(empty: Settings) -> None:
    execute(empty, "UPDATE shop.deployment SET environment = 'production'")
    before = state(empty)
    for onto in ((), ("--append",), ("--replace",)):
        assert refused(run(empty, *SMALL, *onto), "production")
    assert state(empty) == before


def test_a_database_with_data_is_refused_without_a_word_what_to_do_with_them(own: Settings) -> None:
    before = state(own)
    assert refused(run(own, *SMALL), "--append")
    assert state(own) == before


def test_data_that_the_loader_did_not_make_are_not_replaced(empty: Settings) -> None:
    execute(empty, "INSERT INTO shop.categories (slug, name) VALUES ('ours', 'Ours')")
    before = state(empty)
    assert refused(run(empty, *SMALL, "--replace"), "is_sample_data")
    assert state(empty) == before


def test_what_is_appended_to_own_data_does_not_make_them_sample_data(empty: Settings) -> None:
    execute(empty, "INSERT INTO shop.categories (slug, name) VALUES ('ours', 'Ours')")
    load(empty, *SMALL, "--append")
    assert query(empty, "SELECT is_sample_data FROM shop.deployment") == [(False,)]
    assert refused(run(empty, *SMALL, "--replace"), "is_sample_data")


def test_a_load_into_an_empty_database_makes_it_sample_data(loaded: Settings) -> None:
    assert query(loaded, "SELECT is_sample_data FROM shop.deployment") == [(True,)]


def test_a_database_in_use_is_left_alone(own: Settings) -> None:
    with closing(connect(own, role=OWNER)) as connection, connection.cursor() as cursor:
        cursor.execute("LOCK TABLE shop.orders IN ROW EXCLUSIVE MODE")
        assert refused(run(own, *SMALL, "--replace"), "other sessions")


def test_a_database_without_schema_says_what_to_do(master: Settings, upgraded: Settings) -> None:
    with scratch_database(master, PREFIX) as bare:
        assert refused(run(bare, *SMALL), "alembic upgrade head")


# As people use it ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "arguments",
    [
        ("--orders", "49"),
        ("--orders", "many"),
        ("--scale", "0"),
        ("--scale", "nan"),
        ("--orders", "100", "--scale", "2"),
        ("--append", "--replace"),
        ("--as-of", "yesterday"),
        ("--as-of", "2999-01-01"),
        ("--as-of", "1999-01-01"),
        ("--seed", "x"),
        ("--unknown",),
        ("unknown",),
    ],
    ids=" ".join,
)
def test_wrong_usage_is_explained(empty: Settings, arguments: tuple[str, ...]) -> None:
    done = run(empty, *arguments)
    assert done.returncode == 2
    assert "Traceback" not in done.stderr
    assert done.stderr.splitlines()[-1].startswith("data_loader.py: error: ")


def test_help_shows_examples() -> None:
    done = subprocess.run([sys.executable, LOADER, "--help"], capture_output=True, text=True)
    assert done.returncode == 0
    for option in ("--orders", "--scale", "--seed", "--as-of", "--append", "--replace", "--checksums", "examples:"):
        assert option in done.stdout


def test_it_runs_from_the_scripts_folder(empty: Settings) -> None:
    done = subprocess.run(
        [sys.executable, "data_loader.py", *SMALL],
        cwd=LOADER.parent,
        env=environment(empty),
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[0].split() == ["table", "rows", "rows/s", "seconds"]
    assert done.stdout.splitlines()[-1].startswith("everything")


def test_a_terminal_gets_a_bar(empty: Settings) -> None:
    reader, writer = pty.openpty()
    termios.tcsetwinsize(writer, (24, 100))
    with subprocess.Popen(
        [sys.executable, LOADER, *SMALL], env=environment(empty), stderr=writer, stdout=subprocess.DEVNULL
    ) as process:
        os.close(writer)
        shown = b""
        while block := _read(reader):
            shown += block
    os.close(reader)
    assert process.returncode == 0
    assert b"%|" in shown
    assert b" orders/s" in shown


def _read(reader: int) -> bytes:
    try:
        return os.read(reader, 4096)
    except OSError:  # What Linux says when the other end is closed.
        return b""


def test_memory_does_not_grow_with_the_orders(empty: Settings) -> None:
    few = _peak_megabytes(empty, 500)
    many = _peak_megabytes(empty, 5_000, "--replace")
    assert many < 200
    assert many < few * 1.5


def _peak_megabytes(settings: Settings, orders: int, *more: str) -> float:
    """The loader's own peak. Not getrusage's: a new program inherits that from the one that started it."""
    program = (
        "import pathlib, sys; sys.path.insert(0, sys.argv.pop(1)); import data_loader;"
        "assert data_loader.main(sys.argv[1:]) == 0;"
        "print(*[line for line in pathlib.Path('/proc/self/status').read_text().splitlines() if 'VmHWM' in line])"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, str(LOADER.parent), "--orders", str(orders), "--as-of", AS_OF, *more],
        env=environment(settings),
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return int(done.stdout.split()[-2]) / 1024


def test_the_sizes_are_those_that_are_promised() -> None:
    wanted = sizes.sizes_for(10_000)
    assert (wanted.orders, wanted.customers, wanted.products) == (10_000, 2_000, 500)
