"""The sample data: every table and every kind of row, a past that makes sense, and the arithmetic behind it.

What the program does with them stands in test_data_loader.py.
"""

from __future__ import annotations

import base64
import datetime as dt
import hashlib
import re
import uuid
from collections import Counter, defaultdict
from collections.abc import Iterator
from contextlib import closing

import pytest
from ecommerce_dms.connection import connect
from ecommerce_dms.sample_data import accounts, markets, money, randomness, sizes, stream
from ecommerce_dms.sample_data.history import History
from ecommerce_dms.sample_data.plan import Plan, Present
from ecommerce_dms.sample_data.tables import COLUMNS, REFERENCE
from ecommerce_dms.scratch import scratch_database
from ecommerce_dms.settings import Settings
from loader_shop import AS_OF, PREFIX, counts, execute, loaded_database, query, upgraded_database


@pytest.fixture(scope="module")
def upgraded(master: Settings) -> Iterator[Settings]:
    """An empty shop, to make copies of."""
    with upgraded_database(master) as settings:
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
