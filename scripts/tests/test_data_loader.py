"""The loader fills everything, breaks no rule, can be repeated to the byte, and does all of it or nothing.

Real servers, real databases, the program as its users run it. One load is shared by the tests that only read it.
"""

from __future__ import annotations

import base64
import datetime as dt
import hashlib
import os
import pty
import re
import signal
import subprocess
import sys
import termios
import uuid
from collections import Counter, defaultdict
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from ecommerce_dms import fingerprint, migrations
from ecommerce_dms.connection import connect
from ecommerce_dms.roles import OWNER
from ecommerce_dms.sample_data import accounts, markets, money, randomness, sizes, stream
from ecommerce_dms.sample_data.history import History
from ecommerce_dms.sample_data.plan import Plan, Present
from ecommerce_dms.sample_data.tables import COLUMNS, REFERENCE
from ecommerce_dms.scratch import scratch_database
from ecommerce_dms.settings import Settings
from tests.conftest import as_environment, until

LOADER = Path(__file__).parents[1] / "data_loader.py"
ORDERS, AS_OF = 150, "2025-06-30"
SMALL = ("--orders", str(ORDERS), "--as-of", AS_OF)
PREFIX = "loader_test"


# The program and the database ----------------------------------------------------------------------------------------


def environment(settings: Settings, **more: str) -> dict[str, str]:
    names = {"host": settings.host, "port": settings.port, "user": settings.user, "dbname": settings.dbname}
    # Whatever the tests themselves were told to connect to is none of the loader's business.
    others = {key: value for key, value in os.environ.items() if not key.startswith(("DB_", "DATABASE_"))}
    return {**others, **as_environment({**names, "password": settings.password}), **more}


def run(settings: Settings, *arguments: str, **more: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, LOADER, *arguments], env=environment(settings, **more), capture_output=True, text=True
    )


def load(settings: Settings, *arguments: str, **more: str) -> dict[str, str]:
    """Runs the loader, which must succeed; returns the checksum of each table."""
    done = run(settings, *(arguments or SMALL), "--checksums", **more)
    assert done.returncode == 0, done.stderr
    rows = [line.split() for line in done.stdout.splitlines()]
    return {row[0]: row[4] for row in rows if len(row) == 5 and row[0] in COLUMNS}


def query(settings: Settings, sql: str, *parameters: Any) -> list[tuple]:
    with closing(connect(settings, role=OWNER)) as connection, connection.cursor() as cursor:
        cursor.execute(sql, parameters or None)
        return cursor.fetchall()


def execute(settings: Settings, sql: str) -> None:
    with closing(connect(settings, role=OWNER)) as connection, connection.cursor() as cursor:
        cursor.execute(sql)
        connection.commit()


def counts(settings: Settings) -> dict[str, int]:
    parts = [f"SELECT '{table}', count(*) FROM shop.{table}" for table in (*COLUMNS, *REFERENCE)]
    return dict(query(settings, " UNION ALL ".join(parts)))


def state(settings: Settings) -> tuple:
    """All that a load can change: the schema, the rows, and where the sequences stand."""
    with closing(connect(settings)) as connection:
        schema = fingerprint.read(connection)
    sequences = query(
        settings, "SELECT sequencename, last_value FROM pg_sequences WHERE schemaname = 'shop' ORDER BY 1"
    )
    flags = query(settings, "SELECT environment, is_sample_data FROM shop.deployment")
    triggers = query(settings, "SELECT tgrelid::regclass::text, tgname, tgenabled FROM pg_trigger ORDER BY 1, 2")
    return schema, counts(settings), sequences, flags, triggers


def refused(done: subprocess.CompletedProcess[str], words: str) -> bool:
    """Whether it failed with one line that says so."""
    errors = [line for line in done.stderr.splitlines() if line.startswith("error: ")]
    return done.returncode == 1 and len(errors) == 1 and words in errors[0] and "Traceback" not in done.stderr


@pytest.fixture(scope="module")
def upgraded(master: Settings) -> Iterator[Settings]:
    """An empty shop, to make copies of."""
    with scratch_database(master, PREFIX) as settings:
        migrations.upgrade(settings, environment="test")
        yield settings


@pytest.fixture
def empty(master: Settings, upgraded: Settings) -> Iterator[Settings]:
    """An empty shop of the test's own."""
    with scratch_database(master, PREFIX, template=upgraded) as settings:
        yield settings


@pytest.fixture(scope="module")
def loaded(master: Settings, upgraded: Settings) -> Iterator[Settings]:
    """A loaded shop, for reading only; its checksums are in `checksums`."""
    with scratch_database(master, PREFIX, template=upgraded) as settings:
        load(settings)
        yield settings


@pytest.fixture
def own(master: Settings, loaded: Settings) -> Iterator[Settings]:
    """A copy of the loaded shop, for the test to change."""
    with scratch_database(master, PREFIX, template=loaded) as settings:
        yield settings


# Everything is there -------------------------------------------------------------------------------------------------


def test_every_table_is_filled(loaded: Settings) -> None:
    assert {table for table, rows in counts(loaded).items() if not rows} == set()


def test_the_loader_knows_every_table(loaded: Settings) -> None:
    tables = query(loaded, "SELECT relname FROM pg_class WHERE relnamespace = 'shop'::regnamespace AND relkind = 'r'")
    assert {name for (name,) in tables} == {*COLUMNS, *REFERENCE}


# (table, column): every value of the column's enum type must occur in it.
ENUMS = (
    ("orders", "status"),
    ("orders", "payment_status"),
    ("carts", "status"),
    ("products", "status"),
    ("customers", "status"),
    ("coupons", "kind"),
    ("product_media", "kind"),
    ("account_tokens", "purpose"),
    ("stock_movements", "kind"),
    ("returns", "status"),
    ("payments", "state"),
    ("payment_events", "kind"),
    ("payment_exceptions", "kind"),
    ("refunds", "state"),
    ("journals", "kind"),
)


@pytest.mark.parametrize(("table", "column"), ENUMS)
def test_every_kind_of_row_occurs(loaded: Settings, table: str, column: str) -> None:
    missing = query(
        loaded,
        f"SELECT value FROM unnest(enum_range(NULL::shop.{_type_of(loaded, table, column)})) AS value"
        f" EXCEPT SELECT {column} FROM shop.{table}",
    )
    assert missing == []


def _type_of(settings: Settings, table: str, column: str) -> str:
    sql = "SELECT udt_name FROM information_schema.columns WHERE (table_schema, table_name, column_name) = ('shop', %s, %s)"
    return query(settings, sql, table, column)[0][0]


# What a shop must show that has lived: each finds at least one row.
OCCURRENCES = {
    "price of the future": "SELECT FROM shop.variant_prices WHERE valid_from > %(as_of)s",
    "former price": "SELECT FROM shop.variant_prices WHERE compare_at_minor IS NOT NULL",
    "category of the third level": "SELECT FROM shop.categories WHERE cardinality(ancestry) = 2",
    "stock in slots": "SELECT FROM shop.stock_levels WHERE slot > 0 AND on_hand > 0",
    "reserved stock": "SELECT FROM shop.stock_levels WHERE reserved > 0",
    "line from two warehouses": (
        "SELECT FROM shop.order_allocations GROUP BY order_id, line_number HAVING count(DISTINCT warehouse_id) > 1"
    ),
    "guest's order": "SELECT FROM shop.orders WHERE customer_id IS NULL",
    "exempt business": "SELECT FROM shop.orders WHERE is_tax_exempt AND tax_number IS NOT NULL",
    "free order": "SELECT FROM shop.orders WHERE total_minor = 0 AND status = 'completed'",
    "line taxed by three": "SELECT FROM shop.order_item_taxes GROUP BY order_id, line_number HAVING count(*) = 3",
    "tax on top": "SELECT FROM shop.orders WHERE NOT prices_include_tax AND tax_minor > 0",
    "merged cart": "SELECT FROM shop.carts WHERE merged_into_cart_id IS NOT NULL",
    "customer's open cart": "SELECT FROM shop.carts WHERE status = 'open' AND customer_id IS NOT NULL",
    "partly shipped order": "SELECT FROM shop.orders WHERE fulfilment_status = 'partial'",
    "partly cancelled order": "SELECT FROM shop.orders WHERE cancelled_units > 0 AND status = 'completed'",
    "order in two parcels": "SELECT FROM shop.shipments GROUP BY order_id HAVING count(*) > 1",
    "parcel under way": "SELECT FROM shop.shipments WHERE delivered_at IS NULL",
    "written-off return": "SELECT FROM shop.return_items WHERE written_off_quantity > 0 AND restocked_quantity > 0",
    "second attempt": "SELECT FROM shop.payments GROUP BY order_id HAVING count(*) > 1",
    "partial capture": (
        "SELECT FROM shop.payment_events WHERE kind = 'captured' GROUP BY payment_id HAVING count(*) > 1"
    ),
    "released coupon": "SELECT FROM shop.coupon_redemptions WHERE released_at IS NOT NULL",
    "open exception": "SELECT FROM shop.payment_exceptions WHERE resolved_at IS NULL",
    "settled exception": "SELECT FROM shop.payment_exceptions WHERE resolved_at IS NOT NULL",
    "credit note without refund": "SELECT FROM shop.credit_notes WHERE refund_id IS NULL",
    "credit note of a refund": "SELECT FROM shop.credit_notes WHERE refund_id IS NOT NULL",
    "open outbox event": "SELECT FROM shop.outbox_events WHERE published_at IS NULL AND parked_at IS NULL",
    "parked outbox event": "SELECT FROM shop.outbox_events WHERE parked_at IS NOT NULL",
    "used token": "SELECT FROM shop.account_tokens WHERE used_at IS NOT NULL",
    "open token": "SELECT FROM shop.account_tokens WHERE used_at IS NULL",
    "locked account": "SELECT FROM shop.customer_credentials WHERE locked_until > %(as_of)s",
    "yen": "SELECT FROM shop.variant_prices WHERE currency = 'JPY'",
}


@pytest.mark.parametrize("what", OCCURRENCES)
def test_it_occurs(loaded: Settings, what: str) -> None:
    sql = OCCURRENCES[what].replace("%(as_of)s", f"timestamptz '{AS_OF}Z'")
    assert query(loaded, f"SELECT EXISTS ({sql})") == [(True,)]


# And breaks no rule --------------------------------------------------------------------------------------------------


def test_no_invariant_is_violated_and_none_is_vacuous(loaded: Settings) -> None:
    rows = query(loaded, "SELECT invariant, examined, violations FROM api.verify_integrity()")
    assert rows
    assert [row for row in rows if row[2] or not row[1]] == []


# What no constraint of the schema says about the past: each counts the rows that are wrong.
SENSE = {
    "an order line costs what was in force": """
        SELECT count(*) FROM shop.order_items AS line JOIN shop.orders USING (order_id)
        WHERE unit_price_minor IS DISTINCT FROM (
            SELECT amount_minor FROM shop.variant_prices AS price
            WHERE price.variant_id = line.variant_id AND price.currency = line.currency AND valid_from <= placed_at
            ORDER BY valid_from DESC LIMIT 1)""",
    "an order line is taxed at the rates in force": """
        SELECT count(*) FROM (SELECT order_id, line_number, jurisdiction, rate FROM shop.order_item_taxes) AS applied
        FULL JOIN (
            SELECT order_id, line_number, in_force.* FROM shop.order_items AS line
            JOIN shop.orders AS o USING (order_id)
            JOIN shop.order_addresses AS a USING (order_id)
            CROSS JOIN LATERAL (
                SELECT DISTINCT ON (jurisdiction) jurisdiction, rate FROM shop.tax_rates AS r
                WHERE r.country = o.country AND r.region IN ('', coalesce(a.region, ''))
                  AND r.tax_class = line.tax_class AND r.valid_from <= o.placed_at
                ORDER BY jurisdiction, valid_from DESC) AS in_force
            WHERE a.kind = 'shipping' AND NOT o.is_tax_exempt
        ) AS expected USING (order_id, line_number, jurisdiction)
        WHERE applied.rate IS DISTINCT FROM expected.rate""",
    "shipping costs what the highest reached minimum says": """
        SELECT count(*) FROM shop.orders AS o WHERE shipping_minor IS DISTINCT FROM (
            SELECT price_minor FROM shop.shipping_rates AS r
            WHERE (r.shipping_method_id, r.country, r.currency) = (o.shipping_method_id, o.country, o.currency)
              AND r.minimum_subtotal_minor <= o.subtotal_minor - o.discount_minor
            ORDER BY r.minimum_subtotal_minor DESC LIMIT 1)""",
    "stock was never promised beyond what was there": """
        SELECT count(*) FROM (
            SELECT sum(on_hand_delta) OVER running AS on_hand, sum(reserved_delta) OVER running AS reserved
            FROM shop.stock_movements
            WINDOW running AS (PARTITION BY variant_id, warehouse_id, slot ORDER BY stock_movement_id)) AS level
        WHERE reserved < 0 OR reserved > on_hand""",
    "movements are numbered as they happened": """
        SELECT count(*) FROM (
            SELECT moved_at, lag(moved_at) OVER (ORDER BY stock_movement_id) AS before FROM shop.stock_movements) AS m
        WHERE before > moved_at""",
    "invoices are numbered by date": """
        SELECT count(*) FROM (
            SELECT issued_at, lag(issued_at) OVER (PARTITION BY series ORDER BY number) AS before FROM shop.invoices) AS i
        WHERE before > issued_at OR before IS NOT NULL AND extract(year FROM before) <> extract(year FROM issued_at)""",
    "nobody ordered before registering": """
        SELECT count(*) FROM shop.orders JOIN shop.customers USING (customer_id) WHERE placed_at < created_at""",
    "nothing was sold before it existed": """
        SELECT count(*) FROM shop.order_items JOIN shop.orders USING (order_id)
        JOIN shop.product_variants USING (variant_id) WHERE placed_at < created_at""",
    "nothing left before the order was confirmed": """
        SELECT count(*) FROM shop.shipments JOIN shop.order_status_history AS h USING (order_id)
        WHERE h.to_status = 'confirmed' AND shipped_at < h.changed_at""",
    "a history goes forward": """
        SELECT count(*) FROM (
            SELECT changed_at, lag(changed_at) OVER (PARTITION BY order_id ORDER BY sequence) AS before
            FROM shop.order_status_history) AS h
        WHERE before > changed_at""",
    "keys carry the moment of their row": """
        SELECT count(*) FROM shop.orders
        WHERE abs(extract(epoch FROM uuid_extract_timestamp(order_id) - placed_at)) > 0.001""",
    "a finished order owes nothing but a lost dispute": """
        SELECT count(*) FROM (
            SELECT order_id FROM shop.journals JOIN shop.journal_lines USING (journal_id)
            JOIN shop.orders USING (order_id)
            WHERE account = 'receivable' AND status = 'completed' AND captured_minor >= total_minor - cancelled_minor
            GROUP BY order_id HAVING sum(amount_minor) > 0) AS owing
        WHERE NOT EXISTS (
            SELECT FROM shop.journals WHERE journals.order_id = owing.order_id AND kind = 'dispute')""",
    "nobody got back more than was taken off the sale": """
        SELECT count(*) FROM (
            SELECT order_id FROM shop.journals JOIN shop.journal_lines USING (journal_id)
            WHERE account = 'receivable' AND kind IN ('cancellation', 'return', 'correction', 'refund')
            GROUP BY order_id HAVING sum(amount_minor) > 0) AS overdrawn""",
    "nothing waits behind a parked event": """
        SELECT count(*) FROM shop.outbox_events AS parked JOIN shop.outbox_events AS later
          ON (later.aggregate_type, later.aggregate_id) = (parked.aggregate_type, parked.aggregate_id)
         AND later.sequence > parked.sequence
        WHERE parked.parked_at IS NOT NULL""",
}


@pytest.mark.parametrize("rule", SENSE)
def test_the_past_makes_sense(loaded: Settings, rule: str) -> None:
    assert query(loaded, SENSE[rule]) == [(0,)]


def test_nothing_has_happened_after_as_of(loaded: Settings) -> None:
    promised = {"expires_at", "locked_until", "valid_from", "ends_at"}
    columns = query(
        loaded,
        "SELECT table_name, column_name FROM information_schema.columns"
        " WHERE table_schema = 'shop' AND data_type LIKE 'timestamp%%' AND NOT table_name = ANY (%s)",
        list(REFERENCE),
    )
    late = [
        f"{table}.{column}"
        for table, column in columns
        if column not in promised and query(loaded, f"SELECT max({column}) > '{AS_OF}Z' FROM shop.{table}") == [(True,)]
    ]
    assert late == []


def test_audit_entries_are_what_the_trigger_would_write(own: Settings) -> None:
    execute(
        own,
        "SET shop.actor = 'staff:1';"
        "INSERT INTO shop.coupons (code, description, kind, rate) VALUES ('TRIGGER', 'x', 'percent', 0.1);"
        "INSERT INTO shop.customers (email, full_name) VALUES ('t@example.com', 't');"
        "INSERT INTO shop.variant_prices (variant_id, currency, valid_from, amount_minor)"
        " SELECT min(variant_id), 'CHF', now(), 1 FROM shop.product_variants;"
        "INSERT INTO shop.stock_movements (variant_id, warehouse_id, kind, on_hand_delta)"
        " SELECT min(variant_id), min(warehouse_id), 'receipt', 1 FROM shop.stock_levels",
    )
    shapes = query(
        own,
        "SELECT table_name, count(DISTINCT keys) FROM ("
        " SELECT table_name, (SELECT array_agg(k ORDER BY k) FROM jsonb_object_keys(changes) AS k)::text AS keys"
        " FROM shop.audit_log WHERE action = 'insert') AS shape GROUP BY table_name",
    )
    assert dict(shapes) == {"coupons": 1, "customers": 1, "variant_prices": 1, "stock_movements": 1}


# Nobody real is in it ------------------------------------------------------------------------------------------------


def test_addresses_of_all_kinds_are_nobodys(loaded: Settings) -> None:
    emails = query(loaded, "SELECT email FROM shop.customers UNION SELECT contact_email FROM shop.orders")
    for (email,) in emails:
        assert re.search(r"@(example\.(com|net|org)|erased\.invalid)$", email.lower()), email
    assert query(
        loaded, "SELECT count(*) FROM shop.product_media WHERE url NOT LIKE 'https://media.example.com/%'"
    ) == [(0,)]
    documentation = "'{192.0.2.0/24,198.51.100.0/24,203.0.113.0/24,2001:db8::/32}'::cidr[]"
    for table in ("login_attempts", "login_sessions"):
        assert query(loaded, f"SELECT count(*) FROM shop.{table} WHERE NOT ip_address << ANY ({documentation})") == [
            (0,)
        ]


def test_a_developer_can_log_in_with_the_demo_password(loaded: Settings) -> None:
    (stored,) = {row[0] for row in query(loaded, "SELECT password_hash FROM shop.customer_credentials")}
    salt, digest = (base64.b64decode(part + "=" * (-len(part) % 4)) for part in stored.split("$")[3:])
    assert hashlib.scrypt(accounts.DEMO_PASSWORD.encode(), salt=salt, n=2**14, r=8, p=5, dklen=32) == digest


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


# The parts that need no database -------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def history() -> dict[str, list[tuple]]:
    """The rows of a history of 3,000 orders, by table."""
    numbers = dict.fromkeys(COLUMNS, 0)
    included = {market.country: market.country not in ("US", "CA") for market in markets.MARKETS}
    as_of = dt.datetime(2025, 6, 30, tzinfo=dt.UTC)
    plan = Plan(1, as_of, sizes.sizes_for(3_000), Present(numbers, prices_include_tax=included))
    rows = defaultdict(list)
    for batch in History(plan).batches():
        for table, more in batch.items():
            rows[table] += more
    return rows


def column(rows: dict[str, list[tuple]], table: str, name: str) -> list:
    position = COLUMNS[table].index(name)
    return [row[position] for row in rows[table]]


def test_orders_are_as_the_assumptions_say(history: dict[str, list[tuple]]) -> None:
    customers = column(history, "orders", "customer_id")
    orders_by_customer = Counter(key for key in customers if key)
    repeating = sum(orders > 1 for orders in orders_by_customer.values()) / len(orders_by_customer)
    assert abs(repeating * 100 - sizes.REPEAT_BUYERS) < 8
    assert abs(customers.count(None) / len(customers) * 100 - sizes.GUESTS) < 5
    lines = column(history, "orders", "line_count")
    assert 1.8 < sum(lines) / len(lines) < 2.3
    statuses = Counter(column(history, "orders", "status"))
    assert statuses["completed"] / len(lines) > 0.9


def test_some_articles_are_wanted_far_more_than_others(history: dict[str, list[tuple]]) -> None:
    sold = Counter(column(history, "order_items", "variant_id")).most_common()
    best = sum(lines for _, lines in sold[: len(sold) // 5])
    assert 0.5 < best / len(history["order_items"]) < 0.75


def test_november_is_the_peak_of_the_year(history: dict[str, list[tuple]]) -> None:
    placed = column(history, "orders", "placed_at")
    by_month = Counter(moment.month for moment in placed if moment >= dt.datetime(2024, 6, 30, tzinfo=dt.UTC))
    assert by_month.most_common(1)[0][0] == 11
    assert by_month[11] > 1.4 * sum(by_month.values()) / 12


@pytest.mark.parametrize(
    ("amount", "weights", "parts"),
    [
        (100, [1, 1, 1], [34, 33, 33]),
        (5, [0, 10], [0, 5]),
        (0, [3, 4], [0, 0]),
        (7, [0, 0], [0, 0]),
        (2, [5, 1], [2, 0]),
    ],
)
def test_a_discount_is_split_by_largest_remainder(amount: int, weights: list[int], parts: list[int]) -> None:
    assert money.split(amount, weights) == parts


@pytest.mark.parametrize(("amount", "rate", "tax"), [(50, 10_000, 1), (49, 10_000, 0), (1999, 230_000, 460), (0, 1, 0)])
def test_taxes_are_rounded_half_away_from_zero(amount: int, rate: int, tax: int) -> None:
    assert money.share(amount, rate) == tax


def test_keys_are_uuids_of_version_7() -> None:
    moment = dt.datetime(2025, 6, 30, 12, 30, 15, 123_000, tzinfo=dt.UTC)
    key = uuid.UUID(randomness.uuid7(randomness.streams(1, 0)("test"), moment))
    assert (key.version, key.variant) == (7, uuid.RFC_4122)
    assert key.int >> 80 == 1_751_286_615_123


def test_text_survives_copy(loaded: Settings) -> None:
    texts = ["plain", "a\tb", "a\nb\r\n", "back\\slash", "\\N", "\\.", "", "東京都", "Crème brûlée — «½»", None]
    rows = [(i, text, {"text": text}, [1, 2], b"\x00\\\xff", i % 2 == 0) for i, text in enumerate(texts)]
    with closing(connect(loaded)) as connection, connection.cursor() as cursor:
        cursor.execute("CREATE TEMP TABLE t (i int, text text, json jsonb, numbers bigint[], bytes bytea, flag bool)")
        cursor.copy_expert("COPY t FROM STDIN", stream.RowStream(rows), size=7)
        cursor.execute("SELECT i, text, json, numbers, bytes, flag FROM t ORDER BY i")
        found = [(*row[:4], bytes(row[4]), row[5]) for row in cursor.fetchall()]
    assert found == rows
