"""The races: for each, two parts that want the same thing, of which one may succeed, and the guards without which both would.

concurrency.py plays them. The parts are SQL about the small shop of schema/guards/small_shop.sql.
"""

from __future__ import annotations

from dataclasses import dataclass

from ecommerce_dms.db_tests.guards import PROOF
from ecommerce_dms.guards import Guard

LEVELS = ("read committed", "repeatable read")

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
    levels: tuple[str, ...] = LEVELS


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
