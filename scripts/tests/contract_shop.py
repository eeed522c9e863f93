"""A small shop for the tests of schema api, built through its functions, and callers that talk to it as applications do.

What no function makes (products, warehouses, rates, coupons) the owner inserts; prices and stock come through the contract.
"""

from __future__ import annotations

import datetime as dt
import os
import random
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import closing, contextmanager
from typing import Any

import psycopg2
from ecommerce_dms.connection import connect, connection_parameters
from ecommerce_dms.roles import OWNER
from ecommerce_dms.settings import Settings
from psycopg2 import extensions

ADDRESS = ("Ada Example", None, "1 Main Street", None, "Springfield", None, "12345", "DE", None)
EMAIL = "ada@example.com"
HASH = "$argon2id$v=19$m=65536,t=3,p=4$" + "c" * 22 + "$" + "d" * 43
LONG_AGO = "2000-01-01"

# Destinations that differ in what checkout does: tax inside or on top, one tax or several, digits of the currency.
MARKETS = (
    ("DE", None, "EUR"),
    ("IE", None, "EUR"),
    ("US", "CA", "USD"),
    ("US", "OR", "USD"),
    ("CA", "BC", "CAD"),
    ("JP", None, "JPY"),
    ("KW", None, "KWD"),
)

RATES = (
    ("DE", "", "standard", "VAT DE", 0.19),
    ("DE", "", "reduced", "VAT DE", 0.07),
    ("DE", "", "zero", "VAT DE", 0),
    ("DE", "", "shipping", "VAT DE", 0.19),
    ("IE", "", "standard", "VAT IE", 0.23),
    ("US", "CA", "standard", "California", 0.0725),
    ("US", "CA", "standard", "Los Angeles County", 0.0225),
    ("US", "CA", "reduced", "California", 0.0725),
    ("CA", "", "standard", "GST", 0.05),
    ("CA", "BC", "standard", "PST BC", 0.07),
    ("CA", "", "shipping", "GST", 0.05),
    ("JP", "", "standard", "National", 0.078),
    ("JP", "", "standard", "Local", 0.022),
    ("JP", "", "reduced", "National", 0.08),
)


def uuid7() -> str:
    """A UUIDv7 as a client makes it, before it asks the database anything."""
    value = (int(time.time() * 1000) << 80) | int.from_bytes(os.urandom(10), "big")
    value = (value & ~(0xF << 76)) | (0x7 << 76)
    value = (value & ~(0x3 << 62)) | (0x2 << 62)
    text = f"{value:032x}"
    return "-".join((text[:8], text[8:12], text[12:16], text[16:20], text[20:]))


class Caller:
    """One connection, in autocommit: each call of a function is one transaction, as applications use the contract."""

    def __init__(self, connection: Any) -> None:
        self.connection = connection
        self.connection.autocommit = True
        self.cursor = connection.cursor()
        self.cursor.execute(
            """SELECT p.proname, coalesce(p.proargnames[1:p.pronargs], '{}'),
                      ARRAY(SELECT format_type(t, NULL) FROM unnest(p.proargtypes) WITH ORDINALITY AS a (t, n) ORDER BY n)
               FROM pg_proc AS p WHERE p.pronamespace = 'api'::regnamespace"""
        )
        self.arguments = {name: dict(zip(names, types, strict=True)) for name, names, types in self.cursor.fetchall()}

    def rows(self, function: str, **arguments: Any) -> list[tuple[Any, ...]]:
        """All rows of an api function called with named arguments, cast to the declared types."""
        types = self.arguments[function]
        named = ", ".join(f"{name} => CAST(%s AS {types[name]})" for name in arguments)
        self.cursor.execute(f"SELECT * FROM api.{function}({named})", list(arguments.values()))
        return self.cursor.fetchall()

    def call(self, function: str, **arguments: Any) -> Any:
        """The first value that an api function returns."""
        rows = self.rows(function, **arguments)
        return rows[0][0] if rows else None

    def refused(self, function: str, **arguments: Any) -> psycopg2.Error:
        """The error that a call must end in."""
        try:
            rows = self.rows(function, **arguments)
        except psycopg2.Error as error:
            return error
        raise AssertionError(f"{function} was not refused: {rows}")

    def query(self, statement: str, parameters: Sequence[Any] | None = None) -> list[tuple[Any, ...]]:
        """Rows of a statement of the test's own."""
        self.cursor.execute(statement, parameters)
        return self.cursor.fetchall() if self.cursor.description else []

    def value(self, statement: str, parameters: Sequence[Any] | None = None) -> Any:
        """The first value of a statement of the test's own."""
        return self.query(statement, parameters)[0][0]

    def close(self) -> None:
        self.connection.close()


class Shop:
    """A shop in a scratch database. `app` calls as the application's login, `owner` sees and does everything."""

    def __init__(self, settings: Settings, login: str, password: str) -> None:
        self.settings = settings
        self.login, self.password = login, password
        self.owner = Caller(connect(settings, role=OWNER, options={"search_path": "pg_catalog"}))
        self.owner.query("SET shop.actor = 'staff:test'")
        self.app = self.caller()
        self._reference()

    def caller(self, login: str | None = None) -> Caller:
        """Another connection of the application, or of another login with the same password."""
        parameters = connection_parameters(self.settings, options={"shop.actor": "staff:test"})
        parameters |= {"user": login or self.login, "password": self.password}
        return Caller(psycopg2.connect(**parameters))

    def close(self) -> None:
        self.app.close()
        self.owner.close()

    def _reference(self) -> None:
        owner = self.owner
        self.warehouses = [
            owner.value(
                "INSERT INTO shop.warehouses (code, name, country, priority) VALUES (%s, %s, 'DE', %s)"
                " RETURNING warehouse_id",
                (code, code, priority),
            )
            for code, priority in (("FIRST", 1), ("SECOND", 2))
        ]
        for rate in RATES:
            owner.query(
                "INSERT INTO shop.tax_rates (country, region, tax_class, jurisdiction, rate, valid_from)"
                f" VALUES (%s, %s, %s, %s, %s, '{LONG_AGO}')",
                rate,
            )
        method = owner.value(
            "INSERT INTO shop.shipping_methods (code, name, carrier, min_days, max_days)"
            " VALUES ('standard', 'Standard', 'Post', 1, 3) RETURNING shipping_method_id"
        )
        for country, currency in {(country, currency) for country, _, currency in MARKETS}:
            owner.query(
                "INSERT INTO shop.shipping_rates (shipping_method_id, country, currency, minimum_subtotal_minor, price_minor)"
                " VALUES (%s, %s, %s, 0, 499), (%s, %s, %s, 10000, 0)",
                (method, country, currency) * 2,
            )

    def variant(self, stock: int | Sequence[int] = 0, tax_class: str = "standard", **prices: int) -> int:
        """A variant on sale, with stock in the first warehouse (or in each) and prices by currency (default 10.00 EUR)."""
        owner, tag = self.owner, os.urandom(5).hex()
        product = owner.value(
            "INSERT INTO shop.products (slug, name, tax_class, status) VALUES (%s, %s, %s, 'active') RETURNING product_id",
            (tag, f"Product {tag}", tax_class),
        )
        variant = owner.value(
            "INSERT INTO shop.product_variants (product_id, sku, name, weight_grams) VALUES (%s, %s, 'One', 1) RETURNING variant_id",
            (product, tag.upper()),
        )
        for currency, amount in (prices or {"EUR": 1000}).items():
            self.app.call("set_price", variant_id=variant, currency=currency, amount_minor=amount)
        for warehouse, units in zip(self.warehouses, [stock] if isinstance(stock, int) else stock, strict=False):
            if units:
                self.app.call("receive_stock", variant_id=variant, warehouse_id=warehouse, quantity=units)
        return variant

    def coupon(self, code: str, **columns: Any) -> int:
        """A coupon that is valid now."""
        columns = {"code": code, "description": "Test", "starts_at": LONG_AGO} | columns
        columns.setdefault("kind", "percent" if "rate" in columns else "fixed")
        return self.owner.value(
            f"INSERT INTO shop.coupons ({', '.join(columns)}) VALUES ({', '.join(['%s'] * len(columns))}) RETURNING coupon_id",
            list(columns.values()),
        )

    def customer(self, **columns: Any) -> str:
        """A registered customer; columns are set by the owner afterwards."""
        key = uuid7()
        self.app.call(
            "register_customer", customer_id=key, email=f"{key}@example.com", full_name="Ada", password_hash=HASH
        )
        for column, value in columns.items():
            self.owner.query(f"UPDATE shop.customers SET {column} = %s WHERE customer_id = %s", (value, key))
        return key

    def cart(
        self, lines: dict[int, int], currency: str = "EUR", customer: str | None = None, coupon: str | None = None
    ) -> str:
        """An open cart with these quantities by variant."""
        key = uuid7()
        self.app.call(
            "create_cart",
            cart_id=key,
            currency=currency,
            customer_id=customer,
            variant_ids=list(lines),
            quantities=list(lines.values()),
        )
        if coupon:
            self.app.call("apply_coupon", cart_id=key, code=coupon)
        return key

    def quote(self, cart: str, country: str = "DE", region: str | None = None) -> dict[str, Any]:
        return self.app.call("quote_cart", cart_id=cart, country=country, region=region, shipping_method="standard")

    def order(self, lines: dict[int, int], country: str = "DE", region: str | None = None, **cart: Any) -> str:
        """An order of a new cart, at what it is quoted."""
        key = self.cart(lines, **cart)
        return place(self.app, key, self.quote(key, country, region)["total_minor"], country, region)

    def paid(self, order: str, **details: Any) -> str:
        """Pays what is owed by one payment that is captured at once; returns its key."""
        payment = uuid7()
        amount = self.app.call("start_payment", payment_id=payment, order_id=order, provider="stripe", method="card")
        currency = self.owner.value("SELECT currency FROM shop.orders WHERE order_id = %s", (order,))
        assert tell(self.app, payment, "captured", amount, currency, **details) == "applied"
        return payment

    def status(self, order: str) -> str:
        return self.owner.value("SELECT status FROM shop.orders WHERE order_id = %s", (order,))

    def elapse(self, order: str) -> None:
        """Lets the time to pay an order run out, which no login of a shop can."""
        self.owner.query("ALTER TABLE shop.orders DISABLE TRIGGER orders_facts_are_immutable")
        self.owner.query(
            "UPDATE shop.orders SET expires_at = placed_at + interval '1 microsecond' WHERE order_id = %s", (order,)
        )
        self.owner.query("ALTER TABLE shop.orders ENABLE TRIGGER orders_facts_are_immutable")

    def balances(self) -> dict[tuple[str, str], int]:
        """Balance of each account by currency, accounts at nought left out."""
        return {
            (account, currency): int(balance)
            for account, currency, balance in self.owner.query(
                "SELECT account, currency, sum(amount_minor) FROM shop.journal_lines GROUP BY 1, 2 HAVING sum(amount_minor) <> 0"
            )
        }

    def free(self, variant: int) -> int:
        """Units of a variant that nobody was promised."""
        return self.app.rows("stock_of", variant_id=variant)[0][2]

    def violations(self) -> list[tuple[Any, ...]]:
        """What verify_integrity finds wrong."""
        return self.owner.query(
            "SELECT invariant, violations, example FROM api.verify_integrity() WHERE violations <> 0"
        )


def address(country: str = "DE", region: str | None = None, **changed: Any) -> tuple[Any, ...]:
    names = ("recipient", "company", "line1", "line2", "city", "region", "postal_code", "country", "phone")
    return tuple((dict(zip(names, ADDRESS, strict=True)) | {"country": country, "region": region} | changed).values())


def place(
    caller: Caller, cart: str, total: int, country: str = "DE", region: str | None = None, order: str | None = None,
    email: str = EMAIL,
) -> str:  # fmt: skip
    """Places the order of a cart and returns its key."""
    order = order or uuid7()
    caller.rows(
        "place_order",
        order_id=order,
        cart_id=cart,
        contact_email=email,
        contact_phone=None,
        shipping=address(country, region),
        billing=address(country, region),
        shipping_method="standard",
        expected_total_minor=total,
    )
    return order


def tell(
    caller: Caller,
    payment: str | None,
    kind: str,
    amount: int = 0,
    currency: str = "EUR",
    event: str | None = None,
    occurred_at: dt.datetime | None = None,
    **more: Any,
) -> str:
    """Delivers a payment event, of now if nothing is said; returns what was made of it."""
    return caller.call(
        "record_payment_event",
        provider="stripe",
        provider_event_id=event or uuid7(),
        payment_id=payment,
        kind=kind,
        amount_minor=amount,
        currency=currency,
        occurred_at=occurred_at or dt.datetime.now(dt.UTC),
        **more,
    )


@contextmanager
def callers(shop: Shop, number: int):
    """That many connections of the application."""
    made = [shop.caller() for _ in range(number)]
    try:
        yield made
    finally:
        for one in made:
            one.close()


def together(jobs: Iterable[Callable[[], Any]]) -> list[Any]:
    """Runs all jobs at once, each in its thread, started by one barrier; returns results or psycopg2 errors in order."""
    jobs = list(jobs)
    barrier = threading.Barrier(len(jobs))
    results: list[Any] = [None] * len(jobs)

    def run(index: int) -> None:
        barrier.wait(60)
        try:
            results[index] = jobs[index]()
        except Exception as error:  # Handed to the test, which says which errors it expects.
            results[index] = error

    threads = [threading.Thread(target=run, args=(index,), daemon=True) for index in range(len(jobs))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(600)
        assert not thread.is_alive(), "a call hangs"
    return results


def errors_of(results: Iterable[Any]) -> list[str]:
    """SQLSTATEs of the results that are errors; anything that is no database error is raised."""
    states = []
    for result in results:
        if isinstance(result, psycopg2.Error):
            states.append(result.pgcode)
        elif isinstance(result, Exception):
            raise result
    return states


@contextmanager
def app_login(settings: Settings, group: str = "shop_app"):
    """A login that is a member of one group and of nothing else; yields its name and password."""
    name, password = f"contract_{os.urandom(4).hex()}", os.urandom(12).hex()
    with closing(connect(settings)) as connection:
        connection.autocommit = True
        with connection.cursor() as cursor:
            cursor.execute(f"CREATE ROLE {name} LOGIN PASSWORD '{password}' IN ROLE {group}")
            # Its backends may still be ending when its database is dropped; then the user of the tests must be allowed to end
            # them by force.
            cursor.execute(f"GRANT {name} TO CURRENT_USER WITH INHERIT TRUE")
            try:
                yield name, password
            finally:
                cursor.execute(f"DROP ROLE {name}")


def shuffled(items: Iterable[Any], seed: int) -> list[Any]:
    items = list(items)
    random.Random(seed).shuffle(items)  # noqa: S311
    return items


extensions.register_type(extensions.new_type((2950,), "UUID", lambda value, _: value))
