"""Two connections that want the same thing at once: one gets it, and without the guard both would.

Each race is played twice at READ COMMITTED and at REPEATABLE READ. The first connection does its part and does not commit;
the second starts, having taken its snapshot before, and waits for the first, which is seen in pg_blocking_pids; then the
first commits. So the order of events is always the same, and nothing sleeps. At the end there are rushes: many
connections that start together behind a barrier, where the order is the server's.

Every race has a database of its own, a copy of the small shop, since its parts are committed.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from typing import Any

import psycopg2
import pytest
from psycopg2.extensions import ISOLATION_LEVEL_READ_COMMITTED, ISOLATION_LEVEL_REPEATABLE_READ

from ecommerce_dms.connection import connect
from ecommerce_dms.db_tests.guards import COMMIT, PROOF
from ecommerce_dms.guards import Guard
from ecommerce_dms.roles import OWNER
from ecommerce_dms.settings import Settings

SERIALIZATION_FAILURE = "40001"
DEADLOCK = "40P01"
LEVELS = {"read committed": ISOLATION_LEVEL_READ_COMMITTED, "repeatable read": ISOLATION_LEVEL_REPEATABLE_READ}
# Longer than any wait here; a test that hangs ends with an error instead.
SESSION = {"shop.actor": "racer", "lock_timeout": "20s", "statement_timeout": "30s"}

KEY = "01990000-0000-7000-8000-00000000"


def key(suffix: str) -> str:
    """A key of the small shop, as an SQL literal."""
    return f"'{KEY}{suffix}'"


def order(number: str, *, email: str = "racer@example.net", cart: str = "", coupon: str = "") -> str:
    """SQL that places an order of one red shirt at 1230, or of one poem at 1090 less 100 with a coupon."""
    cart_key = key(cart or f"c{number[1:]}")
    make_cart = (
        ""
        if cart
        else f"INSERT INTO shop.carts (cart_id, currency, expires_at) VALUES ({cart_key}, 'EUR', now() + interval '1 day');"
    )
    variant, sku, price, discount = (3, "POEMS-HC", 1090, 100) if coupon else (5, "SHIRT-RED-M", 1230, 0)
    redemption = (
        "INSERT INTO shop.coupon_redemptions (order_id, coupon_id, currency, discount_minor)"
        f" SELECT {key(number)}, coupon_id, 'EUR', 100 FROM shop.coupons WHERE code = '{coupon}';"
        if coupon
        else ""
    )
    return f"""
        {make_cart}
        INSERT INTO shop.orders (
            order_id, cart_id, customer_id, request_digest, contact_email, currency, country, prices_include_tax,
            shipping_method_id, shipping_method_name, line_count, unit_count, subtotal_minor, discount_minor, total_minor,
            expires_at)
        SELECT {key(number)}, cart_id, customer_id, sha256('{number}'), '{email}', 'EUR', 'IE', true, 1, 'Standard', 1, 1,
            {price}, {discount}, {price - discount}, now() + interval '1 hour'
        FROM shop.carts WHERE cart_id = {cart_key};
        INSERT INTO shop.order_items (
            order_id, line_number, variant_id, currency, sku, product_name, variant_name, tax_class, prices_include_tax,
            quantity, unit_price_minor, subtotal_minor, discount_minor, total_minor)
        VALUES ({key(number)}, 1, {variant}, 'EUR', '{sku}', 'A product', 'A variant', 'standard', true, 1, {price}, {price},
            {discount}, {price - discount});
        INSERT INTO shop.order_addresses (order_id, kind, recipient, line1, city, country)
        SELECT {key(number)}, kind, 'A. Nonymous', '3 Long Lane', 'Sligo', 'IE'
        FROM unnest(enum_range(NULL::shop.address_kind)) AS kind;
        {redemption}
    """


def parcel(number: str) -> str:
    """SQL that ships the two units of d002."""
    return f"""
        INSERT INTO shop.shipments (shipment_id, order_id, warehouse_id, carrier, line_count)
        VALUES ({key(number)}, {key("d002")}, 1, 'An Post', 1);
        INSERT INTO shop.shipment_items (shipment_id, line_number, order_id, warehouse_id, quantity)
        VALUES ({key(number)}, 1, {key("d002")}, 1, 2);
    """


def allocation(number: str) -> str:
    """SQL that promises the one red shirt to an order."""
    return f"""
        INSERT INTO shop.order_allocations (order_id, line_number, warehouse_id, variant_id, quantity)
        VALUES ({key(number)}, 1, 1, 5, 1)
    """


def invoice(number: str, total: int, tax: int, *, own_number: bool = False) -> str:
    """SQL that bills an order; with `own_number` in the way in which applications number."""
    value = "(SELECT max(number) + 1 FROM shop.invoices)" if own_number else "NULL"
    return f"""
        INSERT INTO shop.invoices (series, number, order_id, currency, buyer_name, buyer_address, total_minor, tax_minor)
        VALUES ('INV-2026', {value}, {key(number)}, 'EUR', 'A buyer', 'Sligo', {total}, {tax})
    """


def event(event_id: str, kind: str, amount: int, *, payment: str = "9a01") -> str:
    """SQL that records an event of a payment."""
    return f"""
        INSERT INTO shop.payment_events
            (provider, provider_event_id, payment_id, kind, amount_minor, currency, occurred_at)
        VALUES ('stripe', '{event_id}', {key(payment)}, '{kind}', {amount}, 'EUR', now())
    """


def refund(amount: int) -> str:
    """SQL that asks for a part of the 5295 captured for d003 back."""
    return f"""
        INSERT INTO shop.refunds (payment_id, order_id, currency, amount_minor, reason)
        VALUES ({key("9a03")}, {key("d003")}, 'EUR', {amount}, 'Goodwill')
    """


PAYMENT_OF_D001 = f"""
    INSERT INTO shop.payments (order_id, currency, provider, method, amount_minor)
    VALUES ({key("d001")}, 'EUR', 'stripe', 'card', 6485)
"""
CANCEL_D001 = PROOF.givens["d001_cancelled_in_full"].sql


def trigger(table: str, name: str) -> Guard:
    return Guard("trigger", f"shop.{table}", name)


def constraint(table: str, name: str) -> Guard:
    return Guard("constraint", f"shop.{table}", name)


@dataclass(frozen=True)
class Race:
    """Two parts that must not both succeed.

    refused: what the second is told at READ COMMITTED; at REPEATABLE READ a serialization failure will do as well.
    guards: what prevents the harm, counters included; without them both parts succeed.
    harm: a condition that is true once both did.
    unguarded: other parts for the run without guards, where a guard also provides a value.
    levels: the isolation levels at which the race can be run at all.
    """

    name: str
    first: str
    second: str
    refused: tuple[str, str]
    guards: tuple[Guard, ...]
    harm: str
    setup: str = ""
    unguarded: tuple[str, str] | None = None
    levels: tuple[str, ...] = field(default=tuple(LEVELS))


RACES = (
    Race(
        "last_unit_is_allocated_twice",
        setup=order("d101") + order("d102"),
        first=allocation("d101"),
        second=allocation("d102"),
        refused=("23514", "ck_stock_levels_reserved_within_on_hand"),
        guards=(
            constraint("stock_levels", "ck_stock_levels_reserved_within_on_hand"),
            trigger("order_allocations", "order_allocations_reserve_stock"),
        ),
        harm="(SELECT sum(quantity - released_quantity) > 1 FROM shop.order_allocations WHERE variant_id = 5)",
    ),
    Race(
        "allocation_is_shipped_twice",
        first=parcel("5b01"),
        second=parcel("5b02"),
        refused=("23514", "ck_order_allocations_used_within_quantity"),
        guards=(
            constraint("order_allocations", "ck_order_allocations_used_within_quantity"),
            constraint("order_items", "ck_order_items_shipped_within_allocated"),
            constraint("orders", "ck_orders_units_within_ordered"),
            constraint("stock_levels", "ck_stock_levels_reserved_within_on_hand"),
            trigger("shipment_items", "shipment_items_ship"),
        ),
        harm=f"(SELECT sum(quantity) > 2 FROM shop.shipment_items WHERE order_id = {key('d002')})",
    ),
    Race(
        "allocation_is_shipped_and_released",
        first=parcel("5b01"),
        second=f"UPDATE shop.order_allocations SET released_quantity = 2 WHERE order_id = {key('d002')}",
        refused=("23514", "ck_order_allocations_used_within_quantity"),
        guards=(
            constraint("order_allocations", "ck_order_allocations_used_within_quantity"),
            constraint("order_items", "ck_order_items_shipped_within_allocated"),
            constraint("stock_levels", "ck_stock_levels_reserved_within_on_hand"),
            trigger("shipment_items", "shipment_items_ship"),
        ),
        harm=f"""(SELECT sum(item.quantity) + min(allocation.released_quantity) > 2
                  FROM shop.shipment_items AS item
                  JOIN shop.order_allocations AS allocation USING (order_id, line_number)
                  WHERE order_id = {key("d002")})""",
    ),
    Race(
        "two_refunds_exceed_the_capture",
        first=refund(3000),
        second=refund(3000),
        refused=("23514", "ck_payments_refund_requests_within_captured"),
        guards=(
            constraint("payments", "ck_payments_refund_requests_within_captured"),
            trigger("refunds", "refunds_count"),
        ),
        harm=f"(SELECT sum(amount_minor) > 5295 FROM shop.refunds WHERE payment_id = {key('9a03')})",
    ),
    Race(
        "coupon_is_used_past_its_limit",
        setup="INSERT INTO shop.coupons (code, description, kind, amount_minor, currency, usage_limit)"
        " VALUES ('ONCE', 'For one.', 'fixed', 100, 'EUR', 1)",
        first=order("d101", coupon="ONCE"),
        second=order("d102", coupon="ONCE", email="other@example.net"),
        refused=("23514", "ck_coupons_within_usage_limit"),
        guards=(
            constraint("coupons", "ck_coupons_within_usage_limit"),
            trigger("coupon_redemptions", "coupon_redemptions_count"),
        ),
        harm="(SELECT count(*) > 1 FROM shop.coupon_redemptions JOIN shop.coupons USING (coupon_id) WHERE code = 'ONCE')",
    ),
    Race(
        "coupon_is_used_twice_by_one_customer",
        setup="INSERT INTO shop.coupons (code, description, kind, amount_minor, currency, per_customer_limit)"
        " VALUES ('EACH', 'For each.', 'fixed', 100, 'EUR', 1)",
        first=order("d101", coupon="EACH"),
        second=order("d102", coupon="EACH", email="RACER@Example.net"),
        refused=("SH112", "coupon_redemptions_count"),
        guards=(trigger("coupon_redemptions", "coupon_redemptions_count"),),
        harm="(SELECT count(*) > 1 FROM shop.coupon_redemptions JOIN shop.coupons USING (coupon_id) WHERE code = 'EACH')",
    ),
    Race(
        "two_orders_from_one_cart",
        first=order("d101", cart="ca08"),
        second=order("d102", cart="ca08"),
        refused=("23505", "uq_orders_cart_id"),
        guards=(Guard("index", "shop.orders", "uq_orders_cart_id"), trigger("orders", "orders_convert_their_cart")),
        harm=f"(SELECT count(*) > 1 FROM shop.orders WHERE cart_id = {key('ca08')})",
    ),
    Race(
        "line_is_added_to_a_cart_that_is_converted",
        first=order("d101", cart="ca09"),
        second=f"INSERT INTO shop.cart_items (cart_id, variant_id, quantity) VALUES ({key('ca09')}, 1, 1)",
        refused=("SH106", "cart_items_frozen_on_insert"),
        guards=(trigger("cart_items", "cart_items_frozen_on_insert"),),
        harm=f"""(SELECT status = 'converted' FROM shop.carts WHERE cart_id = {key("ca09")})
                 AND EXISTS (SELECT FROM shop.cart_items WHERE cart_id = {key("ca09")} AND variant_id = 1)""",
    ),
    # At READ COMMITTED a checkout locks the cart and then reads its lines, so it sees the line that it waited for.
    Race(
        "cart_is_converted_that_got_a_line_meanwhile",
        first=f"INSERT INTO shop.cart_items (cart_id, variant_id, quantity) VALUES ({key('ca09')}, 1, 1)",
        second=order("d101", cart="ca09"),
        refused=("40001", ""),
        guards=(trigger("cart_items", "cart_items_frozen_on_insert"),),
        harm=f"""(SELECT status = 'converted' FROM shop.carts WHERE cart_id = {key("ca09")})
                 AND EXISTS (SELECT FROM shop.cart_items WHERE cart_id = {key("ca09")} AND variant_id = 1)""",
        levels=("repeatable read",),
    ),
    Race(
        "categories_move_below_each_other",
        first="UPDATE shop.categories SET parent_id = 4 WHERE category_id = 1",
        second="UPDATE shop.categories SET parent_id = 1 WHERE category_id = 4",
        refused=("SH107", "categories_keep_ancestry"),
        guards=(
            trigger("categories", "categories_keep_ancestry"),
            trigger("categories", "categories_move_subtree"),
            trigger("categories", "categories_moves_queue"),
            constraint("categories", "ck_categories_parent_ends_ancestry"),
        ),
        harm="(SELECT bool_and(parent_id IS NOT DISTINCT FROM 5 - category_id) FROM shop.categories WHERE category_id IN (1, 4))",
        levels=("read committed",),
    ),
    Race(
        "two_payments_exceed_the_total",
        setup=PROOF.givens["d001_unpaid"].sql,
        first=PAYMENT_OF_D001,
        second=PAYMENT_OF_D001,
        refused=("23514", "ck_orders_intended_within_total"),
        guards=(
            constraint("orders", "ck_orders_intended_within_total"),
            trigger("payments", "payments_count_on_order"),
        ),
        harm=f"""(SELECT sum(amount_minor) > 6485 FROM shop.payments
                  WHERE order_id = {key("d001")} AND closed_at IS NULL)""",
    ),
    Race(
        "event_is_delivered_twice_at_once",
        first=event("evt_r", "captured", 6485),
        second=event("evt_r", "captured", 6485),
        refused=("23505", "uq_payment_events_provider_provider_event_id"),
        guards=(
            constraint("payment_events", "uq_payment_events_provider_provider_event_id"),
            trigger("payment_events", "payment_events_apply"),
        ),
        harm="(SELECT count(*) > 1 FROM shop.payment_events WHERE provider_event_id = 'evt_r')",
    ),
    Race(
        "customer_gets_two_default_addresses",
        first=f"""INSERT INTO shop.addresses (customer_id, recipient, line1, city, country, is_default_shipping)
                  VALUES ({key("c002")}, 'Brian', '1 Street', 'Cork', 'IE', true)""",
        second=f"""INSERT INTO shop.addresses (customer_id, recipient, line1, city, country, is_default_shipping)
                   VALUES ({key("c002")}, 'Brian', '2 Street', 'Cork', 'IE', true)""",
        refused=("23505", "uq_addresses_default_shipping"),
        guards=(Guard("index", "shop.addresses", "uq_addresses_default_shipping"),),
        harm=f"(SELECT count(*) > 1 FROM shop.addresses WHERE customer_id = {key('c002')} AND is_default_shipping)",
    ),
    Race(
        "customer_gets_two_open_carts",
        first=f"INSERT INTO shop.carts (customer_id, currency, expires_at)"
        f" VALUES ({key('c002')}, 'EUR', now() + interval '1 day')",
        second=f"INSERT INTO shop.carts (customer_id, currency, expires_at)"
        f" VALUES ({key('c002')}, 'EUR', now() + interval '1 day')",
        refused=("23505", "uq_carts_open_per_customer"),
        guards=(Guard("index", "shop.carts", "uq_carts_open_per_customer"),),
        harm=f"(SELECT count(*) > 1 FROM shop.carts WHERE customer_id = {key('c002')} AND status = 'open')",
    ),
    Race(
        "item_is_announced_for_a_return_that_is_received",
        setup=f"UPDATE shop.return_items SET written_off_quantity = 1, received_at = now() WHERE return_id = {key('4e02')}",
        first=f"""INSERT INTO shop.return_items (return_id, line_number, order_id, quantity)
                  VALUES ({key("4e02")}, 1, {key("d004")}, 1)""",
        second=f"UPDATE shop.returns SET status = 'received', received_at = now() WHERE return_id = {key('4e02')}",
        refused=("23514", "ck_returns_received_is_complete"),
        guards=(
            constraint("returns", "ck_returns_received_is_complete"),
            trigger("return_items", "return_items_count_announced"),
        ),
        harm=f"""(SELECT status = 'received' FROM shop.returns WHERE return_id = {key("4e02")})
                 AND EXISTS (SELECT FROM shop.return_items WHERE return_id = {key("4e02")} AND received_at IS NULL)""",
    ),
    Race(
        "invoices_get_one_number",
        first=invoice("d002", 4428, 828),
        second=invoice("d003", 4091, 676),
        unguarded=(invoice("d002", 4428, 828, own_number=True), invoice("d003", 4091, 676, own_number=True)),
        # The second waits for the first and gets the next number; at REPEATABLE READ it has to start again.
        refused=("", ""),
        guards=(
            trigger("invoices", "invoices_are_numbered"),
            trigger("invoices", "invoices_count_in_series"),
            constraint("invoices", "uq_invoices_series_number"),
        ),
        harm="(SELECT count(*) <> count(DISTINCT number) OR count(*) <> max(number) FROM shop.invoices)",
    ),
    Race(
        "events_of_an_aggregate_get_one_number",
        first="INSERT INTO shop.outbox_events (aggregate_type, aggregate_id, event_type) VALUES ('a', 'b', 'a.first')",
        second="INSERT INTO shop.outbox_events (aggregate_type, aggregate_id, event_type) VALUES ('a', 'b', 'a.second')",
        refused=("23505", "uq_outbox_events_aggregate_type_aggregate_id_sequence"),
        guards=(constraint("outbox_events", "uq_outbox_events_aggregate_type_aggregate_id_sequence"),),
        harm="(SELECT count(*) > 1 FROM shop.outbox_events WHERE aggregate_id = 'b' AND sequence = 1)",
    ),
    Race(
        "one_mailbox_gets_two_accounts",
        first="INSERT INTO shop.customers (email, full_name) VALUES ('racer@example.org', 'One')",
        second="INSERT INTO shop.customers (email, full_name) VALUES ('Racer@Example.ORG', 'Two')",
        refused=("23505", "uq_customers_email_normalized"),
        guards=(Guard("index", "shop.customers", "uq_customers_email_normalized"),),
        harm="(SELECT count(*) > 1 FROM shop.customers WHERE email_normalized = 'racer@example.org')",
    ),
    Race(
        "one_moment_gets_two_prices",
        first="""INSERT INTO shop.variant_prices (variant_id, currency, valid_from, amount_minor)
                 VALUES (1, 'EUR', '2100-01-01', 100)""",
        second="""INSERT INTO shop.variant_prices (variant_id, currency, valid_from, amount_minor)
                  VALUES (1, 'EUR', '2100-01-01', 200)""",
        refused=("23505", "pk_variant_prices"),
        guards=(constraint("variant_prices", "pk_variant_prices"),),
        harm="(SELECT count(*) > 1 FROM shop.variant_prices WHERE variant_id = 1 AND valid_from = '2100-01-01')",
    ),
    Race(
        "stock_comes_for_a_variant_that_is_deleted",
        setup="""WITH product AS (
                     INSERT INTO shop.products (slug, name, tax_class) VALUES ('gone', 'Gone', 'standard') RETURNING product_id)
                 INSERT INTO shop.product_variants (product_id, sku, name, weight_grams)
                 SELECT product_id, 'GONE', 'Gone', 1 FROM product""",
        first="""INSERT INTO shop.stock_levels (variant_id, warehouse_id)
                 SELECT variant_id, 1 FROM shop.product_variants WHERE sku = 'GONE'""",
        second="DELETE FROM shop.product_variants WHERE sku = 'GONE'",
        refused=("23001", "fk_stock_levels_variant_id"),
        guards=(constraint("stock_levels", "fk_stock_levels_variant_id"),),
        harm="""EXISTS (SELECT FROM shop.stock_levels AS level
                        WHERE NOT EXISTS (SELECT FROM shop.product_variants AS v WHERE v.variant_id = level.variant_id))""",
    ),
    Race(
        "option_values_overtake_each_other",
        setup="INSERT INTO shop.product_options (product_id, name, position) VALUES (4, 'Paper', 1), (4, 'Size', 2)",
        first="""INSERT INTO shop.variant_option_values (variant_id, product_option_id, product_id, value)
                 SELECT 7, product_option_id, 4, 'Matt' FROM shop.product_options WHERE product_id = 4 AND name = 'Paper'""",
        second="""INSERT INTO shop.variant_option_values (variant_id, product_option_id, product_id, value)
                  SELECT 7, product_option_id, 4, 'A2' FROM shop.product_options WHERE product_id = 4 AND name = 'Size'""",
        # Both are legal: the second waits for the first and takes its value into the key.
        refused=("", ""),
        guards=(trigger("variant_option_values", "variant_option_values_keep_key_on_insert"),),
        harm="(SELECT violations > 0 FROM shop.invariant_options_key_matches_values())",
    ),
)


@dataclass
class Outcome:
    """What each part was told (None: it was committed), and whether the second had to wait for the first."""

    first: psycopg2.Error | None
    second: psycopg2.Error | None
    waited: bool

    def codes(self) -> list[str]:
        return [error.pgcode for error in (self.first, self.second) if error]


@contextmanager
def connected(settings: Settings, level: int = ISOLATION_LEVEL_READ_COMMITTED) -> Iterator[Any]:
    """A connection of the owner at an isolation level."""
    with closing(connect(settings, role=OWNER, options=SESSION)) as connection:
        connection.set_session(isolation_level=level)
        yield connection


def attempt(connection: Any, sql: str, *, end: bool = True) -> psycopg2.Error | None:
    """Run SQL; commit it with `end`. What refused it, if something did; the transaction is over then."""
    try:
        with connection.cursor() as cursor:
            cursor.execute(sql)
            cursor.execute(COMMIT)
        if end:
            connection.commit()
    except psycopg2.Error as error:
        connection.rollback()
        return error
    return None


def wait_for_block(watcher: Any, pid: int, over: threading.Event) -> bool:
    """Whether the backend waits for another before it is done. Polls the server, which knows."""
    while not over.wait(0.002):
        with watcher.cursor() as cursor:
            cursor.execute("SELECT cardinality(pg_blocking_pids(%s)) > 0", (pid,))
            if cursor.fetchone() == (True,):
                return True
    return False


def run(settings: Settings, level: str, first: str, second: str, *, roll_back_first: bool = False) -> Outcome:
    """Play the two parts: the first holds what it took until the second waits for it, or is done."""
    isolation = LEVELS[level]
    with connected(settings, isolation) as one, connected(settings, isolation) as two, connected(settings) as watcher:
        watcher.autocommit = True
        with two.cursor() as cursor:
            cursor.execute("SELECT count(*) FROM shop.orders")  # The snapshot is taken before the first has its way.
        outcome = Outcome(attempt(one, first, end=False), None, False)
        over = threading.Event()

        def play() -> None:
            outcome.second = attempt(two, second)
            over.set()

        thread = threading.Thread(target=play)
        thread.start()
        outcome.waited = wait_for_block(watcher, two.info.backend_pid, over)
        if roll_back_first:
            one.rollback()
        elif outcome.first is None:
            one.commit()
        thread.join()
    return outcome


def prepare(settings: Settings, sql: str, guards: tuple[Guard, ...] = ()) -> None:
    """Set the scene, and take guards away for good: the database is the test's own."""
    with connected(settings) as connection, connection.cursor() as cursor:
        if sql:
            cursor.execute(sql)
            cursor.execute(COMMIT)
        for guard in guards:
            cursor.execute(guard.removal())
        connection.commit()


def holds(settings: Settings, condition: str) -> bool:
    with connected(settings) as connection, connection.cursor() as cursor:
        cursor.execute(f"SELECT {condition}")
        return cursor.fetchone() == (True,)


def broken_invariants(settings: Settings) -> list[tuple]:
    with connected(settings) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT invariant, example FROM api.verify_integrity() WHERE violations > 0")
        return cursor.fetchall()


BY_LEVEL = [(race, level) for race in RACES for level in race.levels]


@pytest.mark.scratch
class TestRaces:
    """Two connections; the second waits for the first."""

    @pytest.fixture
    def shop(self, copy_of: Callable[[Settings], Any], small_shop: Settings) -> Iterator[Settings]:
        """A small shop for one race."""
        with copy_of(small_shop) as settings:
            yield settings

    @pytest.mark.parametrize(("race", "level"), BY_LEVEL, ids=lambda value: getattr(value, "name", value))
    def test_only_one_wins(self, race: Race, level: str, shop: Settings) -> None:
        prepare(shop, race.setup)
        outcome = run(shop, level, race.first, race.second)
        assert outcome.first is None, outcome.first
        assert outcome.waited, "the second did not wait for the first, so this was no race"
        told = (outcome.second.pgcode, outcome.second.diag.constraint_name or "") if outcome.second else ("", "")
        serialization = level == "repeatable read" and told[0] == SERIALIZATION_FAILURE
        assert told == race.refused or serialization, outcome.second
        assert not holds(shop, race.harm)
        assert broken_invariants(shop) == []

    @pytest.mark.parametrize(("race", "level"), BY_LEVEL, ids=lambda value: getattr(value, "name", value))
    def test_both_win_without_the_guard(self, race: Race, level: str, shop: Settings) -> None:
        """So the guard is what decides, and the harm is real."""
        prepare(shop, race.setup, race.guards)
        outcome = run(shop, level, *(race.unguarded or (race.first, race.second)))
        assert outcome.codes() == [], [outcome.first, outcome.second]
        assert holds(shop, race.harm)

    @pytest.mark.parametrize("level", LEVELS)
    def test_rolled_back_invoice_leaves_no_gap(self, level: str, shop: Settings) -> None:
        """The second waits until it is certain which number is free, and takes the one that was given back."""
        outcome = run(shop, level, invoice("d002", 4428, 828), invoice("d003", 4091, 676), roll_back_first=True)
        assert (outcome.waited, outcome.codes()) == (True, [])
        assert holds(shop, f"(SELECT number = 2 FROM shop.invoices WHERE order_id = {key('d003')})")
        assert broken_invariants(shop) == []

    @pytest.mark.parametrize("level", LEVELS)
    def test_second_delivery_of_an_event_is_skipped(self, level: str, shop: Settings) -> None:
        """ON CONFLICT DO NOTHING waits for the first delivery; nothing is counted twice."""
        delivery = event("evt_r", "captured", 6485) + " ON CONFLICT (provider, provider_event_id) DO NOTHING"
        outcome = run(shop, level, delivery, delivery)
        assert outcome.waited
        assert outcome.codes() in ([], [SERIALIZATION_FAILURE])
        assert holds(shop, f"(SELECT captured_minor = 6485 FROM shop.orders WHERE order_id = {key('d001')})")

    @pytest.mark.parametrize("level", LEVELS)
    def test_order_is_not_paid_for_and_expired(self, level: str, shop: Settings) -> None:
        """The money comes while the order expires: either it does not expire, or an exception is listed."""
        overdue = order("d101").replace("interval '1 hour'", "interval '1 microsecond'")
        payment = f"""
            INSERT INTO shop.payments (payment_id, order_id, currency, provider, method, amount_minor)
            VALUES ({key("9b01")}, {key("d101")}, 'EUR', 'stripe', 'card', 1230)
        """
        expire = f"""
            INSERT INTO shop.order_item_cancellations (order_id, line_number, quantity, reason)
            VALUES ({key("d101")}, 1, 1, 'payment_expired');
            UPDATE shop.orders SET status = 'expired' WHERE order_id = {key("d101")};
        """
        pay = event("evt_r", "captured", 1230, payment="9b01")
        prepare(shop, overdue + ";" + payment)
        outcome = run(shop, level, pay, expire)
        assert outcome.waited
        assert outcome.codes() in (["SH111"], [SERIALIZATION_FAILURE])

    @pytest.mark.parametrize("level", LEVELS)
    def test_money_that_comes_after_the_end_is_listed(self, level: str, shop: Settings) -> None:
        """The order expires first: the event waits, is stored all the same, and is listed as an exception."""
        end = CANCEL_D001 + f"UPDATE shop.orders SET status = 'cancelled' WHERE order_id = {key('d001')};"
        pay = event("evt_r", "captured", 6485)
        outcome = run(shop, level, end, pay)
        assert outcome.waited
        if outcome.codes() == [SERIALIZATION_FAILURE]:
            with connected(shop) as connection:
                assert attempt(connection, pay) is None
        else:
            assert outcome.codes() == []
        assert holds(
            shop,
            f"EXISTS (SELECT FROM shop.payment_exceptions WHERE payment_id = {key('9a01')} AND kind = 'after_end')",
        )
        assert broken_invariants(shop) == []

    def test_categories_are_not_moved_at_repeatable_read(self, shop: Settings) -> None:
        """Whoever moves one there may read a tree that another move has changed since."""
        with connected(shop, ISOLATION_LEVEL_REPEATABLE_READ) as connection:
            error = attempt(connection, "UPDATE shop.categories SET parent_id = 4 WHERE category_id = 1")
        assert error is not None
        assert (error.pgcode, error.diag.constraint_name) == ("SH002", "categories_moves_queue")


@pytest.mark.scratch
class TestNoDeadlock:
    """Writers that meet in opposite order queue; where they did not, the server would have to end one of them."""

    @pytest.fixture
    def shop(self, copy_of: Callable[[Settings], Any], small_shop: Settings) -> Iterator[Settings]:
        with copy_of(small_shop) as settings:
            yield settings

    CROSSING = (
        "UPDATE shop.categories SET parent_id = 4 WHERE category_id = 3",
        "UPDATE shop.categories SET parent_id = 4 WHERE category_id = 6",
    )

    def cross(self, shop: Settings) -> list[str]:
        """Two transactions move the same two categories in opposite order; the SQLSTATEs they get."""
        with connected(shop) as one, connected(shop) as two, connected(shop) as watcher:
            watcher.autocommit = True
            errors = [attempt(one, self.CROSSING[0], end=False)]
            over = threading.Event()

            def play() -> None:
                errors.append(attempt(two, ";".join(reversed(self.CROSSING))))
                over.set()

            thread = threading.Thread(target=play)
            thread.start()
            wait_for_block(watcher, two.info.backend_pid, over)
            errors.append(attempt(one, self.CROSSING[1]))
            thread.join()
        return [error.pgcode for error in errors if error]

    def test_moves_of_categories_queue(self, shop: Settings) -> None:
        assert self.cross(shop) == []

    def test_moves_of_categories_deadlock_without_their_queue(self, shop: Settings) -> None:
        prepare(
            shop,
            "",
            (
                trigger("categories", "categories_moves_queue"),
                trigger("categories", "categories_keep_ancestry"),
                constraint("categories", "ck_categories_parent_ends_ancestry"),
            ),
        )
        assert self.cross(shop) == [DEADLOCK]

    def test_shipping_and_releasing_take_locks_in_one_order(self, shop: Settings) -> None:
        """A third transaction holds the line until both wait, so that they meet whatever their speed."""
        release = f"UPDATE shop.order_allocations SET released_quantity = 2 WHERE order_id = {key('d002')}"
        errors: list[psycopg2.Error | None] = []
        with connected(shop) as holder, connected(shop) as watcher:
            watcher.autocommit = True
            with holder.cursor() as cursor:
                cursor.execute(f"SELECT FROM shop.order_items WHERE order_id = {key('d002')} FOR NO KEY UPDATE")
            threads = []
            for sql in (parcel("5b01"), release):
                over = threading.Event()
                thread = threading.Thread(target=self._play, args=(shop, sql, errors, over, ready := Backend()))
                thread.start()
                threads.append(thread)
                assert wait_for_block(watcher, ready.pid(), over)
            holder.rollback()
            for thread in threads:
                thread.join()
        assert sorted(error.pgcode if error else "" for error in errors) == ["", "23514"]

    @staticmethod
    def _play(
        shop: Settings, sql: str, errors: list[psycopg2.Error | None], over: threading.Event, backend: Backend
    ) -> None:
        with connected(shop) as connection:
            backend.set(connection.info.backend_pid)
            errors.append(attempt(connection, sql))
        over.set()


class Backend:
    """The process id of a connection that another thread makes."""

    def __init__(self) -> None:
        self._known = threading.Event()
        self._pid = 0

    def set(self, pid: int) -> None:
        self._pid = pid
        self._known.set()

    def pid(self) -> int:
        assert self._known.wait(20), "the connection was not made"
        return self._pid


@pytest.mark.scratch
class TestRushes:
    """Many connections that start together. Who wins is chance; how many win is not."""

    CONTENDERS = 8

    @pytest.fixture
    def shop(self, copy_of: Callable[[Settings], Any], small_shop: Settings) -> Iterator[Settings]:
        with copy_of(small_shop) as settings:
            yield settings

    def rush(self, shop: Settings, level: str, parts: list[str]) -> list[str]:
        """Play all parts at once, again after each serialization failure; the SQLSTATEs of those refused."""
        barrier = threading.Barrier(len(parts))
        refused: list[str] = []

        def play(sql: str) -> None:
            with connected(shop, LEVELS[level]) as connection:
                barrier.wait(20)
                while (error := attempt(connection, sql)) and error.pgcode == SERIALIZATION_FAILURE:
                    pass
                if error:
                    refused.append(error.pgcode)

        threads = [threading.Thread(target=play, args=(sql,)) for sql in parts]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return refused

    @pytest.mark.parametrize("level", LEVELS)
    def test_three_units_go_to_three_buyers(self, level: str, shop: Settings) -> None:
        numbers = [f"d1{n:02x}" for n in range(self.CONTENDERS)]
        more = "INSERT INTO shop.stock_movements (variant_id, warehouse_id, kind, on_hand_delta) VALUES (5, 1, 'receipt', 2);"
        prepare(shop, more + "".join(order(number) for number in numbers))
        refused = self.rush(shop, level, [allocation(number) for number in numbers])
        assert refused == ["23514"] * (self.CONTENDERS - 3)
        assert broken_invariants(shop) == []

    @pytest.mark.parametrize("level", LEVELS)
    def test_one_statement_does_not_promise_the_last_unit_twice(self, level: str, shop: Settings) -> None:
        """Each row of it sees what the rows before it took."""
        prepare(shop, order("d101") + order("d102"))
        both = f"{allocation('d101')}, ({key('d102')}, 1, 1, 5, 1)"
        assert self.rush(shop, level, [both]) == ["23514"]
        assert self.rush(shop, level, [allocation("d101")]) == []
        assert broken_invariants(shop) == []

    @pytest.mark.parametrize("level", LEVELS)
    def test_coupon_for_three_is_used_three_times(self, level: str, shop: Settings) -> None:
        coupon = (
            "INSERT INTO shop.coupons (code, description, kind, amount_minor, currency, usage_limit)"
            " VALUES ('THREE', 'For three.', 'fixed', 100, 'EUR', 3)"
        )
        prepare(shop, coupon)
        parts = [order(f"d1{n:02x}", coupon="THREE", email=f"r{n}@example.net") for n in range(self.CONTENDERS)]
        assert self.rush(shop, level, parts) == ["23514"] * (self.CONTENDERS - 3)
        assert broken_invariants(shop) == []

    @pytest.mark.parametrize("level", LEVELS)
    def test_one_cart_makes_one_order(self, level: str, shop: Settings) -> None:
        parts = [order(f"d1{n:02x}", cart="ca08") for n in range(self.CONTENDERS)]
        refused = self.rush(shop, level, parts)
        assert len(refused) == self.CONTENDERS - 1
        assert set(refused) <= {"23505", "SH106"}
        assert broken_invariants(shop) == []

    @pytest.mark.parametrize("level", LEVELS)
    def test_refunds_share_the_capture(self, level: str, shop: Settings) -> None:
        """5295 were captured: five refunds of 1000 fit, three do not."""
        refused = self.rush(shop, level, [refund(1000)] * self.CONTENDERS)
        assert refused == ["23514"] * (self.CONTENDERS - 5)
        assert broken_invariants(shop) == []

    @pytest.mark.parametrize("level", LEVELS)
    def test_credit_notes_are_numbered_without_a_gap(self, level: str, shop: Settings) -> None:
        """Every other one fails after it was given a number."""
        note = f"""
            INSERT INTO shop.credit_notes (series, invoice_id, order_id, currency, amount_minor, reason)
            VALUES ('CN-2026', 1, {key("d004")}, 'USD', 10, 'Goodwill');
        """
        fail = "SELECT 1 / 0;"
        refused = self.rush(shop, level, [note + fail * (n % 2) for n in range(self.CONTENDERS)])
        assert refused == ["22012"] * (self.CONTENDERS // 2)
        assert holds(shop, "(SELECT array_agg(number ORDER BY number) = '{1,2,3,4,5}' FROM shop.credit_notes)")
        assert broken_invariants(shop) == []
