"""Erasure: nothing personal is left of who asked, nothing at all after the retention, and the books stay whole."""

from __future__ import annotations

import hashlib
import os
import re
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing
from typing import Any

import psycopg2
import pytest
from ecommerce_dms import client_programs, migrations
from ecommerce_dms.connection import connect, connection_parameters
from ecommerce_dms.db_tests import sample
from ecommerce_dms.roles import OWNER
from ecommerce_dms.scratch import scratch_database
from ecommerce_dms.settings import Settings
from psycopg2.extensions import make_dsn
from tests.conftest import until

Shop = Callable[..., list[tuple]]

# Where a value may stand in any shop, whoever buys there: cities of warehouses, names in the catalogue. A value that is
# also in one of these says nothing about anybody.
PUBLIC_TABLES = ("countries", "currencies", "warehouses", "products", "product_variants", "tax_rates", "categories")

GUEST_AND_CUSTOMERS = """
    SELECT customer_id::text, NULL FROM shop.customers
    UNION ALL
    SELECT NULL, min(contact_email) FROM shop.orders WHERE customer_id IS NULL GROUP BY contact_email_normalized
"""


@pytest.fixture(scope="module")
def filled(master: Settings) -> Iterator[Settings]:
    """A sample shop, to be copied only. Without log-in attempts of strangers, whom nobody could ask to be erased: they go
    with api.purge() after 90 days."""
    with scratch_database(master) as settings:
        migrations.upgrade(settings, environment="test")
        sample.fill(settings)
        with closing(connect(settings, role=OWNER)) as connection:
            rows(connection, "DELETE FROM shop.login_attempts WHERE customer_id IS NULL")
            connection.commit()
        yield settings


@pytest.fixture
def database(master: Settings, filled: Settings) -> Iterator[Settings]:
    with scratch_database(master, template=filled) as settings:
        yield settings


@pytest.fixture
def session(database: Settings) -> Iterator[Callable[..., AbstractContextManager[Any]]]:
    """session(actor=…, customer=…): a connection of the owner's, in autocommit, closed with the test."""
    opened = []

    def open_session(actor: str = "staff:privacy", customer: str = "") -> Any:
        options = {"shop.actor": actor, "shop.customer_id": customer, "search_path": "pg_catalog"}
        connection = connect(database, role=OWNER, options={key: value for key, value in options.items() if value})
        connection.autocommit = True
        opened.append(connection)
        return connection

    yield open_session
    for connection in opened:
        connection.close()


@pytest.fixture
def shop(session: Callable[..., Any]) -> Shop:
    """shop(query, *parameters): the rows, asked as staff:privacy."""
    connection = session()
    return lambda query, *parameters: rows(connection, query, *parameters)


def rows(connection: Any, query: str, *parameters: Any) -> list[tuple]:
    with connection.cursor() as cursor:
        cursor.execute(query, parameters)
        return cursor.fetchall() if cursor.description else []


def refused(connection: Any, sqlstate: str, query: str, *parameters: Any) -> str:
    """The message; fails when the call is not refused with that SQLSTATE."""
    with pytest.raises(psycopg2.Error) as error:
        rows(connection, query, *parameters)
    assert error.value.pgcode == sqlstate, error.value
    return error.value.diag.message_primary


def buyer(shop: Shop, condition: str = "true") -> str:
    """A customer who has orders, addresses, a session and log-in attempts."""
    ((key,),) = shop(
        f"""
        SELECT customer_id::text FROM shop.customers AS c
        WHERE c.status = 'active' AND {condition}
          AND EXISTS (SELECT FROM shop.orders WHERE customer_id = c.customer_id)
          AND EXISTS (SELECT FROM shop.login_sessions WHERE customer_id = c.customer_id)
          AND EXISTS (SELECT FROM shop.addresses WHERE customer_id = c.customer_id)
        ORDER BY c.customer_id LIMIT 1
        """
    )
    return key


def guest(shop: Shop) -> str:
    ((email,),) = shop("SELECT contact_email FROM shop.orders WHERE customer_id IS NULL ORDER BY placed_at LIMIT 1")
    return email


def erase_everybody(shop: Shop) -> None:
    """Both phases, for all: as if every customer and guest had asked, and the retention of every order were over."""
    for customer_id, email in shop(GUEST_AND_CUSTOMERS):
        if customer_id:
            shop("SELECT api.erase_customer(%s)", customer_id)
        else:
            shop("SELECT api.erase_customer_by_email(%s)", email)
    while dict(shop("SELECT * FROM api.erase_due('0', 50)"))["orders"]:
        pass


def listed(shop: Shop) -> list[tuple[str, str]]:
    return shop("SELECT table_name, column_name FROM shop.pii_columns ORDER BY table_name, column_name")


def computed(shop: Shop) -> list[tuple[str, str]]:
    """Those of them that are generated."""
    return shop(
        "SELECT table_name, column_name FROM shop.pii_columns JOIN information_schema.columns AS found"
        " USING (table_name, column_name) WHERE found.table_schema = 'shop' AND found.is_generated = 'ALWAYS'"
    )


def held(shop: Shop, table: str, column: str) -> set[str]:
    """What the column holds of people, as it stands in a dump."""
    found = shop(f"SELECT DISTINCT format('%%s', {column}) FROM shop.{table} WHERE {column} IS NOT NULL")
    digest = r"\\x" + hashlib.sha256(b"erased").hexdigest()
    return {
        value for (value,) in found if not re.fullmatch(rf"erased(-[0-9a-f-]{{36}}@erased\.invalid)?|{digest}", value)
    }


def data_dump(settings: Settings) -> str:
    """pg_dump of all rows, in COPY's text format."""
    parameters = connection_parameters(settings)
    environment = os.environ | {"PGPASSWORD": parameters.pop("password", "")}
    command = [client_programs.find("pg_dump"), "--data-only", f"--role={OWNER}", f"--dbname={make_dsn(**parameters)}"]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout


def violations(shop: Shop) -> list[tuple]:
    return shop("SELECT invariant, example FROM api.verify_integrity() WHERE violations > 0")


# The list --------------------------------------------------------------------------------------------------------------


def test_every_listed_column_is_erased(shop: Shop) -> None:
    columns = listed(shop)
    empty = [column for column in columns if not held(shop, *column)]
    assert empty == [], "the sample shop holds nothing there, so that this test would prove nothing"
    erase_everybody(shop)
    assert {column: left for column in columns if (left := held(shop, *column))} == {}


def test_a_request_erases_all_columns_that_say_now_and_no_other(shop: Shop) -> None:
    later = [
        (table, column, held(shop, table, column))
        for table, column in shop(
            "SELECT table_name, column_name FROM shop.pii_columns WHERE erase = 'after_retention'"
        )
    ]
    for customer_id, email in shop(GUEST_AND_CUSTOMERS):
        shop("SELECT api.erase_customer(%s)", customer_id) if customer_id else shop(
            "SELECT api.erase_customer_by_email(%s)", email
        )
    for table, column in shop("SELECT table_name, column_name FROM shop.pii_columns WHERE erase = 'now'"):
        assert held(shop, table, column) == set(), f"{table}.{column}"
    for table, column, values in later:
        assert held(shop, table, column) == values, f"{table}.{column}"


def test_no_seeded_value_is_left_in_a_dump(database: Settings, shop: Shop) -> None:
    seeded = {value for column in listed(shop) for value in held(shop, *column)}
    public = data_dump_of(database, PUBLIC_TABLES)
    # Country and region of an order stay, since they decided its taxes; a postal code of digits alone may be any amount.
    kept = {region for (region,) in shop("SELECT DISTINCT region FROM shop.order_addresses")}
    personal = {value for value in seeded - kept if value not in public and not value.isdigit()}
    before = data_dump(database)
    assert len(personal) > 500
    # What is generated from another column is in no dump, and is made anew by a restore.
    generated = {value for column in computed(shop) for value in held(shop, *column)}
    assert {value for value in personal - generated if copied(value) not in before} == set(), (
        "not as it stands in a dump"
    )

    erase_everybody(shop)

    after = data_dump(database)
    fields = set(re.split(r"[\t\n]", after))
    left = {value for value in personal if copied(value) in fields or (telling(value) and copied(value) in after)}
    assert left == set()


def data_dump_of(settings: Settings, tables: tuple[str, ...]) -> str:
    with closing(connect(settings, role=OWNER)) as connection:
        return "\n".join(
            str(value) for table in tables for row in rows(connection, f"SELECT * FROM shop.{table}") for value in row
        )


def copied(value: str) -> str:
    """As COPY writes it."""
    return value.replace("\\", "\\\\").replace("\t", "\\t").replace("\n", "\\n")


def telling(value: str) -> bool:
    """Whether it cannot stand in the middle of a key or a word by chance, as a short name can."""
    return len(value) >= 6


# On request ---------------------------------------------------------------------------------------------------------------


def test_it_says_how_much_it_erased_and_a_repetition_erases_nothing(shop: Shop) -> None:
    key = buyer(shop)
    first = dict(shop("SELECT * FROM api.erase_customer(%s)", key))
    assert first["customers"] == first["customer_credentials"] == 1
    assert min(first[name] for name in ("orders", "login_sessions", "addresses", "account_tokens")) >= 1
    assert set(dict(shop("SELECT * FROM api.erase_customer(%s)", key)).values()) == {0}


def test_others_are_not_touched(shop: Shop) -> None:
    def others() -> list[tuple]:
        return shop("SELECT c::text FROM shop.customers AS c WHERE customer_id <> %s ORDER BY 1", key) + shop(
            "SELECT o::text FROM shop.orders AS o WHERE customer_id IS DISTINCT FROM %s ORDER BY 1", key
        )

    key = buyer(shop)
    before = others()
    shop("SELECT api.erase_customer(%s)", key)
    assert others() == before


def test_an_address_is_found_in_any_case_and_erases_the_orders_of_its_guest(shop: Shop) -> None:
    email = guest(shop)
    erased = dict(shop("SELECT * FROM api.erase_customer_by_email(%s)", email.upper()))
    assert erased["orders"] >= 1
    assert shop("SELECT 1 FROM shop.orders WHERE contact_email_normalized = lower(%s)", email) == []
    assert set(dict(shop("SELECT * FROM api.erase_customer_by_email(%s)", email)).values()) == {0}


def test_by_email_erases_the_account_with_the_orders(shop: Shop) -> None:
    key = buyer(shop)
    ((email,),) = shop("SELECT email FROM shop.customers WHERE customer_id = %s", key)
    shop("SELECT api.erase_customer_by_email(%s)", email)
    assert shop("SELECT status::text FROM shop.customers WHERE customer_id = %s", key) == [("erased",)]


@pytest.mark.parametrize(("verified", "left"), [("now()", 0), ("NULL", 1)])
def test_orders_as_a_guest_are_the_customers_only_if_the_address_was_verified(
    shop: Shop, verified: str, left: int
) -> None:
    key, email = buyer(shop), guest(shop)
    shop(f"UPDATE shop.customers SET email = %s, email_verified_at = {verified} WHERE customer_id = %s", email, key)
    shop("SELECT api.erase_customer(%s)", key)
    found = shop("SELECT count(*) > 0 FROM shop.orders WHERE contact_email_normalized = lower(%s)", email)
    assert found == [(bool(left),)]


def test_an_erased_customer_cannot_come_back_and_the_address_can_register_again(shop: Shop) -> None:
    key = buyer(shop)
    ((email,),) = shop("SELECT email FROM shop.customers WHERE customer_id = %s", key)
    shop("SELECT api.erase_customer(%s)", key)
    assert shop("SELECT customer_id FROM api.credential_for_login(%s)", email) == [(None,)]
    hashed = "$argon2id$v=19$m=65536,t=3,p=4$c29tZXNhbHRzb21lc2FsdA$RdescudvJCsgt3ub+b2dWRWJTmaaJObGv3RdescudvJ"
    assert shop("SELECT api.register_customer(uuidv7(), %s, 'Anna', %s) <> %s", email, hashed, key) == [(True,)]


def test_every_erasure_is_in_the_audit_log_by_column_and_without_values(shop: Shop) -> None:
    key = buyer(shop)
    shop("SELECT api.erase_customer(%s)", key)
    entries = shop(
        "SELECT table_name, row_key, changes FROM shop.audit_log WHERE actor = 'staff:privacy' AND action = 'update'"
    )
    assert {table for table, _, _ in entries} == {"customers", "orders"}
    assert all(set(changes.values()) == {True} for _, _, changes in entries)
    ((changed,),) = [(changes.keys(),) for table, row_key, changes in entries if (table, row_key) == ("customers", key)]
    assert {"email", "full_name", "status", "erased_at"} <= changed


def test_other_systems_are_told(shop: Shop) -> None:
    key = buyer(shop)
    orders = dict(shop("SELECT * FROM api.erase_customer(%s)", key))["orders"]
    events = shop("SELECT event_type, payload FROM shop.outbox_events WHERE event_type ~ 'erased$'")
    assert [payload for event, payload in events if event == "customer.erased"] == [{"customer_id": key}]
    assert len([event for event, _ in events if event == "order.contact_erased"]) == orders


def test_customers_erase_themselves_and_nobody_else(session: Callable[..., Any], shop: Shop) -> None:
    key, other = buyer(shop), buyer(shop, "customer_id <> (SELECT min(customer_id::text)::uuid FROM shop.customers)")
    other = other if other != key else buyer(shop, f"customer_id <> '{key}'")
    themself = session(actor="", customer=key)
    refused(themself, "SH003", "SELECT api.erase_customer(%s)", other)
    rows(themself, "SELECT api.erase_customer(%s)", key)
    assert shop("SELECT DISTINCT actor FROM shop.audit_log WHERE row_key = %s AND changes ? 'erased_at'", key) == [
        (f"customer:{key}",)
    ]


@pytest.mark.parametrize(
    ("sqlstate", "call"),
    [
        ("SH001", "api.erase_customer(NULL)"),
        ("SH005", "api.erase_customer(uuidv7())"),
        ("SH001", "api.erase_customer_by_email(NULL)"),
        ("SH001", "api.erase_customer_by_email('nobody')"),
        ("SH001", "api.erase_customer_by_email(repeat('a', 1000000) || '@example.org')"),
        ("SH001", "api.erase_due(NULL)"),
        ("SH001", "api.erase_due('-1 day')"),
        ("SH001", "api.erase_due('infinity')"),
        ("SH001", "api.erase_due('10 years', 0)"),
        ("SH001", "api.erase_due('10 years', NULL)"),
    ],
)
def test_bad_arguments_are_refused_by_name(shop: Shop, session: Callable[..., Any], sqlstate: str, call: str) -> None:
    refused(session(), sqlstate, f"SELECT {call}")


@pytest.mark.parametrize("call", ["erase_customer(uuidv7())", "erase_customer_by_email('a@b.example')", "erase_due()"])
def test_nobody_erases_unnamed_or_in_an_old_snapshot(session: Callable[..., Any], call: str) -> None:
    refused(session(actor=""), "SH109", f"SELECT api.{call}")
    connection = session()
    connection.set_session(isolation_level="REPEATABLE READ")
    refused(connection, "SH002", f"SELECT api.{call}")


def test_the_books_and_every_invariant_stay_whole(shop: Shop) -> None:
    sums = "SELECT account, currency, sum(amount_minor) FROM shop.journal_lines GROUP BY 1, 2 ORDER BY 1, 2"
    before = shop(sums)
    erase_everybody(shop)
    assert shop(sums) == before
    assert violations(shop) == []


def test_the_invariant_finds_what_was_left(shop: Shop) -> None:
    key = buyer(shop)
    shop("SELECT api.erase_customer(%s)", key)
    shop("ALTER TABLE shop.addresses DISABLE TRIGGER USER")
    shop("UPDATE shop.addresses SET city = 'Cork' WHERE customer_id = %s", key)
    assert [name for name, _ in violations(shop)] == ["erased_customers_left_nothing"]


# At the same moment -------------------------------------------------------------------------------------------------------


def waiting(shop: Shop) -> bool:
    return bool(shop("SELECT 1 FROM pg_locks WHERE NOT granted"))


def in_background(call: Callable[[], Any]) -> tuple[threading.Thread, list]:
    outcome: list = []

    def run() -> None:
        try:
            outcome.append(call())
        except psycopg2.Error as error:
            outcome.append(error.pgcode)

    thread = threading.Thread(target=run)
    thread.start()
    return thread, outcome


@pytest.mark.parametrize(
    "late",
    [
        "api.add_address(uuidv7(), %(key)s, ROW('Anna', NULL, '1 Late Lane', NULL, 'Cork', NULL, NULL, 'IE', NULL))",
        "api.open_session(uuidv7(), %(key)s, sha256('late'), '1 day', '192.0.2.77', 'late')",
        "api.create_cart(uuidv7(), 'EUR', %(key)s)",
    ],
    ids=["address", "session", "cart"],
)
def test_what_comes_during_an_erasure_waits_and_is_refused(shop: Shop, session: Callable[..., Any], late: str) -> None:
    key = buyer(shop)
    eraser, latecomer = session(), session()
    eraser.autocommit = False
    rows(eraser, "SELECT api.erase_customer(%s)", key)
    thread, outcome = in_background(lambda: rows(latecomer, "SELECT " + late.replace("%(key)s", f"'{key}'")))
    until(lambda: outcome or waiting(shop), "the latecomer to wait")
    assert outcome == []
    eraser.commit()
    thread.join(30)
    assert outcome == ["SH005"]
    assert violations(shop) == []


def test_a_checkout_that_was_first_is_erased_too(shop: Shop, session: Callable[..., Any]) -> None:
    key = buyer(shop, "NOT EXISTS (SELECT FROM shop.carts WHERE customer_id = c.customer_id AND status = 'open')")
    ((variant, method),) = shop(
        """
        SELECT v.variant_id, m.code
        FROM shop.product_variants AS v
        JOIN shop.products AS p ON p.product_id = v.product_id AND p.status = 'active'
        JOIN shop.variant_prices AS price ON price.variant_id = v.variant_id AND price.currency = 'EUR'
        CROSS JOIN LATERAL api.stock_of(v.variant_id) AS stock
        CROSS JOIN shop.shipping_methods AS m
        JOIN shop.shipping_rates AS r ON r.shipping_method_id = m.shipping_method_id AND (r.country, r.currency) = ('IE', 'EUR')
        WHERE v.archived_at IS NULL AND price.valid_from <= now() AND stock.available > 0 AND m.is_active
        ORDER BY v.variant_id, m.code LIMIT 1
        """
    )
    ((cart,),) = shop("SELECT api.create_cart(uuidv7(), 'EUR', %s, ARRAY[%s]::bigint[], ARRAY[1])::text", key, variant)
    ((total,),) = shop("SELECT api.quote_cart(%s, 'IE', NULL, %s) ->> 'total_minor'", cart, method)
    checkout, eraser = session(), session()
    checkout.autocommit = False
    place = "ROW('Anna Late', NULL, '1 Late Lane', NULL, 'Cork', NULL, NULL, 'IE', NULL)::api.address"
    rows(
        checkout,
        f"SELECT api.place_order(uuidv7(), %s, 'late@example.org', NULL, {place}, {place}, %s, %s)",
        *(cart, method, total),
    )
    thread, outcome = in_background(lambda: rows(eraser, "SELECT * FROM api.erase_customer(%s)", key))
    until(lambda: outcome or waiting(shop), "the erasure to wait")
    assert outcome == []
    checkout.commit()
    thread.join(30)
    assert isinstance(outcome[0], list)
    assert shop("SELECT 1 FROM shop.orders WHERE contact_email = 'late@example.org'") == []
    assert violations(shop) == []


# After retention ----------------------------------------------------------------------------------------------------------


def test_orders_younger_than_the_retention_are_kept(shop: Shop) -> None:
    assert set(dict(shop("SELECT * FROM api.erase_due('10 years')")).values()) == {0}
    # The sample shop has two years, up to the first day of 2026.
    ((due, kept),) = shop(
        """
        SELECT count(*) FILTER (WHERE last <= now() - age), count(*) FILTER (WHERE last > now() - age)
        FROM (SELECT now() - '2025-01-01' AS age) AS age, (
            SELECT greatest(o.placed_at, max(i.issued_at), max(n.issued_at)) AS last
            FROM shop.orders AS o LEFT JOIN shop.invoices AS i USING (order_id)
            LEFT JOIN shop.credit_notes AS n USING (invoice_id) GROUP BY o.order_id
        ) AS orders
        """
    )
    assert due > 10
    assert kept > 10
    erased = dict(shop("SELECT * FROM api.erase_due(now() - '2025-01-01', 100000)"))
    assert erased["orders"] == due
    assert erased["order_addresses"] == 2 * due


def test_an_order_is_kept_as_long_as_its_last_credit_note(shop: Shop) -> None:
    ((key,),) = shop("SELECT order_id::text FROM shop.credit_notes ORDER BY issued_at LIMIT 1")
    shop("ALTER TABLE shop.credit_notes DISABLE TRIGGER USER")
    shop("UPDATE shop.credit_notes SET issued_at = now() WHERE order_id = %s", key)
    ((age,),) = shop("SELECT (now() - '2026-01-02')::text")
    shop("SELECT api.erase_due(%s::interval, 100000)", age)
    assert shop("SELECT 1 FROM shop.order_addresses WHERE order_id = %s AND recipient = 'erased'", key) == []
    ((left,),) = shop("SELECT count(DISTINCT order_id) FROM shop.order_addresses WHERE recipient <> 'erased'")
    assert left == 1


def test_production_refuses_a_retention_under_a_year(shop: Shop) -> None:
    shop("UPDATE shop.deployment SET is_sample_data = false, environment = 'production'")
    with pytest.raises(psycopg2.Error, match="a year or more in production") as error:
        shop("SELECT api.erase_due('10')")
    assert error.value.pgcode == "SH001"
    shop("SELECT api.erase_due('1 year', 1)")


def test_two_jobs_share_the_orders_that_are_due(shop: Shop, session: Callable[..., Any]) -> None:
    first, second = session(), session()
    first.autocommit = False
    assert dict(rows(first, "SELECT * FROM api.erase_due('0', 20)"))["orders"] == 20
    assert dict(rows(second, "SELECT * FROM api.erase_due('0', 20)"))["orders"] == 20
    first.commit()
    assert shop("SELECT count(*) FROM shop.outbox_events WHERE event_type = 'order.erased'") == [(40,)]


def test_the_application_and_staff_may_erase_and_nobody_else(shop: Shop) -> None:
    granted = shop(
        """
        SELECT DISTINCT acl.grantee::regrole::text
        FROM pg_proc, aclexplode(proacl) AS acl
        WHERE proname ~ '^erase_' AND pronamespace = 'api'::regnamespace AND acl.grantee <> proowner
        ORDER BY 1
        """
    )
    assert granted == [("shop_app",), ("shop_backoffice",)]
