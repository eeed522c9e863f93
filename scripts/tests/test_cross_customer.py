"""Nobody reaches another customer's rows: every caller, through every table, column, view and function, to read and to write.

The attempts are generated from the catalogue, so that a new table, view or function is tried without a line here. Two
customers, Ada and Bea, have lived the same life; each attempt is made with keys of Bea's by somebody who has no business with
her. It may end in an error, or in nothing of hers; neither an answer nor an error may tell what the caller did not say itself.
Three controls keep the proof honest: Ada sees her own rows on the same ways, and with a guard taken away attempts succeed.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field
from typing import Any

import psycopg2
import pytest
from contract_shop import HASH, Caller, Shop, address, app_login, uuid7
from ecommerce_dms.connection import connect, connection_parameters
from ecommerce_dms.db_tests import privilege_matrix
from ecommerce_dms.roles import OWNER
from ecommerce_dms.settings import Settings
from test_contract_arguments import nearly_right

# Who has no business with Bea: the group of the login, and the customer it acts for.
CALLERS = {
    "a storefront for Ada": ("shop_storefront", "ADA"),
    "a storefront for nobody": ("shop_storefront", ""),
    "a storefront for a stranger": ("shop_storefront", "01900000-0000-7000-8000-000000000001"),
    "a storefront for nonsense": ("shop_storefront", "nonsense"),
    "an analyst": ("shop_analyst", ""),
    "monitoring": ("shop_monitor", ""),
    "CI": ("shop_ci", ""),
    "a migrator before SET ROLE": ("shop_migrator", ""),
}
# They see every customer's rows, and write to none of them but through functions.
TRUSTED = {"the application": ("shop_app", ""), "staff": ("shop_backoffice", "")}

# The column by which a table's rows are somebody's.
_OWNED_BY = ("customer_id", "order_id", "cart_id", "payment_id", "journal_id", "row_key", "aggregate_id")


@dataclass
class Life:
    """What a customer has in the shop: keys by the name that functions give them, and rows by table."""

    name: str
    known: dict[str, Any] = field(default_factory=dict)
    rows: dict[str, tuple[str, list[Any]]] = field(default_factory=dict)
    marks: set[str] = field(default_factory=set)
    personal: set[str] = field(default_factory=set)


@dataclass(frozen=True)
class Attempt:
    """One statement, and what its caller knew before."""

    statement: str
    values: tuple[Any, ...] = ()

    def __str__(self) -> str:
        return f"{self.statement} {json.dumps(self.values, default=str)}"


def live(shop: Shop, name: str, variant: int) -> Life:
    """A customer who registered, logged in, bought, was delivered, sent back, was refunded, and has a cart again."""
    app, life = shop.app, Life(name)
    known = {each: uuid7() for each in (
        "customer_id", "address_id", "order_id", "payment_id", "shipment_id", "return_id", "refund_id", "login_session_id"
    )}  # fmt: skip
    email, where = (
        f"{name.lower()}@{name.lower()}.example",
        address(recipient=f"{name} Privatus", line1=f"{name} Lane 1"),
    )
    app.call("register_customer", customer_id=known["customer_id"], email=email, full_name=f"{name} Privatus",
             password_hash=HASH, phone=f"+49 {name}")  # fmt: skip
    app.call("add_address", address_id=known["address_id"], customer_id=known["customer_id"], address=where)
    app.call("open_session", login_session_id=known["login_session_id"], customer_id=known["customer_id"],
             token_digest=name.encode().ljust(32), lifetime="1 day")  # fmt: skip
    app.call("record_login_attempt", email=email, succeeded=True)
    app.call("issue_token", email=email, purpose="password_reset", token_digest=name.encode().rjust(32))
    cart = shop.cart({variant: 2}, customer=known["customer_id"], coupon="HELLO")
    app.rows("place_order", order_id=known["order_id"], cart_id=cart, contact_email=email, contact_phone=None, shipping=where,
             billing=where, shipping_method="standard", expected_total_minor=shop.quote(cart)["total_minor"])  # fmt: skip
    due = app.call(
        "start_payment", payment_id=known["payment_id"], order_id=known["order_id"], provider="stripe", method="card"
    )
    pay(app, known["payment_id"], "captured", due)
    app.call("ship", shipment_id=known["shipment_id"], order_id=known["order_id"], warehouse_id=1, carrier="Post",
             tracking_number=f"{name}-TRACK")  # fmt: skip
    app.call("request_return", return_id=known["return_id"], order_id=known["order_id"], line_numbers=[1], quantities=[1],
             reason=f"{name} says no")  # fmt: skip
    app.call(
        "receive_return", return_id=known["return_id"], line_numbers=[1], restocked=[1], written_off=[0], warehouse_id=1
    )
    app.call("issue_invoice", order_id=known["order_id"])
    app.call(
        "request_refund", refund_id=known["refund_id"], payment_id=known["payment_id"], amount_minor=1, reason="less"
    )
    pay(app, known["payment_id"], "refunded", 1, known["refund_id"])
    app.call("issue_credit_note", order_id=known["order_id"], refund_id=known["refund_id"])
    known["cart_id"] = shop.cart({variant: 1}, customer=known["customer_id"])
    life.known = known | {"variant_id": variant, "email": email}
    life.personal = {email, f"{name} Privatus", f"{name} Lane 1", f"+49 {name}", f"{name} says no"}
    return life


def pay(caller: Caller, payment: str, kind: str, amount: int, refund: str | None = None) -> None:
    """The provider says what happened."""
    done = caller.call("record_payment_event", provider="stripe", provider_event_id=uuid7(), payment_id=payment, kind=kind,
                       amount_minor=amount, currency="EUR", occurred_at="2026-01-01", refund_id=refund)  # fmt: skip
    assert done == "applied"


def take_stock(owner: Caller, life: Life) -> None:
    """Finds the customer's rows in every table, and what would give them away."""
    keys = {str(life.known["customer_id"])}
    columns: dict[str, dict[str, str]] = {}
    for table, column, kind in owner.query(
        "SELECT relname::text, attname::text, format_type(atttypid, NULL) FROM pg_attribute JOIN pg_class AS c ON c.oid = attrelid"
        " WHERE relnamespace = 'shop'::regnamespace AND relkind = 'r' AND attnum > 0 AND NOT attisdropped"
    ):
        columns.setdefault(table, {})[column] = kind
    for _ in range(4):  # From the customer to orders, to payments, to journals, to their lines.
        for table, kinds in columns.items():
            column = next((each for each in _OWNED_BY if each in kinds), None)
            if column is None:
                continue
            found = owner.query(
                f"SELECT to_jsonb(t) FROM shop.{table} AS t WHERE {column}::text = ANY (%s)", (sorted(keys),)
            )
            if found:
                life.rows[table] = (column, sorted({str(row[column]) for (row,) in found}))
            for (row,) in found:
                own = {str(row[each]) for each, kind in kinds.items() if kind == "uuid" and row[each]}
                keys |= own | ({str(row["journal_id"])} if table == "journals" else set())
    life.marks = {key for key in keys if len(key) == 36} | life.personal


class Mall(Shop):
    """A shop in which Ada and Bea have lived already."""

    def __init__(self, settings: Settings, lives: tuple[Life, Life]) -> None:
        self.settings = settings
        self.ada, self.bea = lives
        self.owner = Caller(connect(settings, role=OWNER, options={"search_path": "pg_catalog"}))
        self.arguments = self.owner.arguments


@pytest.fixture(scope="module")
def template(copy_of: Any, scratch_template: Any, app_credentials: tuple[str, str]) -> Iterator[tuple[Settings, Any]]:
    """The database and the two lives. To be copied only."""
    with copy_of(scratch_template) as settings:
        shop = Shop(settings, *app_credentials)
        variant = shop.variant(stock=100)
        shop.coupon("HELLO", rate=0.1, per_customer_limit=10)
        lives = live(shop, "Ada", variant), live(shop, "Bea", variant)
        for life in lives:
            take_stock(shop.owner, life)
        assert shop.violations() == []
        shop.close()
        yield settings, lives


@pytest.fixture(scope="module")
def mall(copy_of: Any, template: tuple[Settings, Any]) -> Iterator[Mall]:
    """The shop in which everything is tried. Ada's rows change; nobody's may break an invariant."""
    with copy_of(template[0]) as settings:
        mall = Mall(settings, template[1])
        yield mall
        assert mall.violations() == []
        mall.owner.close()


@pytest.fixture
def mall_with(copy_of: Any, template: tuple[Settings, Any]) -> Iterator[Callable[[str], Mall]]:
    """mall_with(statement): a copy of the shop in which the owner ran the statement."""
    with ExitStack() as stack:

        def make(statement: str) -> Mall:
            mall = Mall(stack.enter_context(copy_of(template[0])), template[1])
            stack.callback(mall.owner.close)
            mall.owner.query(statement)
            return mall

        yield make


@contextmanager
def calling(mall: Mall, group: str, acting_for: str) -> Iterator[Caller]:
    """A login of the group, which acts for that customer."""
    customer = mall.ada.known["customer_id"] if acting_for == "ADA" else acting_for
    with app_login(mall.settings, group) as credentials, closing(log_in(mall, *credentials)) as caller:
        caller.query("SELECT set_config('shop.customer_id', %s, false)", (customer,))
        yield caller


def log_in(mall: Mall, login: str, password: str) -> Caller:
    parameters = connection_parameters(mall.settings, options={"shop.actor": "staff:test"})
    return Caller(psycopg2.connect(**parameters | {"user": login, "password": password}))


# What is tried ----------------------------------------------------------------------------------------------------------


def on_tables(mall: Mall) -> list[Attempt]:
    """Reads of each table and column with rows of Bea's, whole and by key, and writes of every kind."""
    attempts = []
    for table, (column, keys) in sorted(mall.bea.rows.items()):
        where = f"WHERE {column}::text = ANY (%s)"
        names = [name for (name,) in mall.owner.query(
            "SELECT attname::text FROM pg_attribute WHERE attrelid = %s::regclass AND attnum > 0 AND NOT attisdropped",
            (f"shop.{table}",),
        )]  # fmt: skip
        attempts += [Attempt(f"SELECT {name} FROM shop.{table} {where}", (keys,)) for name in names]
        attempts += [
            Attempt(f"SELECT * FROM shop.{table}"),
            Attempt(f"SELECT 1 FROM shop.{table} {where}", (keys,)),
            Attempt(f"SELECT 1 FROM shop.{table} {where} FOR SHARE", (keys,)),
            *on_relation(f"shop.{table}", column, where, keys),
        ]
    return attempts


def on_relation(relation: str, column: str, where: str, keys: list[Any]) -> list[Attempt]:
    """Every kind of write, and what comes close to it."""
    return [
        Attempt(f"UPDATE {relation} SET {column} = {column} {where} RETURNING 1", (keys,)),
        Attempt(f"DELETE FROM {relation} {where} RETURNING 1", (keys,)),
        Attempt(f"INSERT INTO {relation} ({column}) SELECT {column} FROM {relation} {where} RETURNING 1", (keys,)),
        Attempt(f"MERGE INTO {relation} AS t USING (SELECT 1) AS s ON t.{column}::text = ANY (%s) WHEN MATCHED THEN DELETE",
                (keys,)),
        Attempt(f"TRUNCATE {relation}"),
        Attempt(f"DO $$ BEGIN LOCK TABLE {relation}; END $$"),
    ]  # fmt: skip


def views(mall: Mall) -> list[tuple[str, list[str]]]:
    """Every view with its columns."""
    return mall.owner.query(
        "SELECT c.oid::regclass::text, array_agg(attname::text ORDER BY attnum) FROM pg_class AS c"
        " JOIN pg_attribute ON attrelid = c.oid AND attnum > 0"
        " WHERE relkind IN ('v', 'm') AND relnamespace IN ('shop'::regnamespace, 'api'::regnamespace) GROUP BY c.oid ORDER BY 1"
    )


def on_views(mall: Mall) -> list[Attempt]:
    """Reads of each view, whole and by key, and writes to it."""
    attempts = []
    for view, columns in views(mall):
        attempts.append(Attempt(f"SELECT * FROM {view}"))
        for column in columns:
            where, keys = f"WHERE {column}::text = ANY (%s)", sorted(mall.bea.marks)
            attempts.append(Attempt(f"SELECT 1 FROM {view} {where}", (keys,)))
        attempts += on_relation(view, columns[0], f"WHERE {columns[0]}::text = ANY (%s)", sorted(mall.bea.marks))
    return attempts


def arguments_with(mall: Mall, known: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """For each function, arguments that it accepts from whoever the keys belong to."""
    stand_in = Shop.__new__(Shop)
    stand_in.known = known
    more = {
        "apply_coupon": {"cart_id": known["cart_id"], "code": "HELLO"},
        "remove_coupon": {"cart_id": known["cart_id"]},
        "cancel_order": {"order_id": known["order_id"], "reason": "no_need"},
        "set_default_address": {"address_id": known["address_id"], "kind": "shipping"},
        "erase_customer": {"customer_id": known["customer_id"]},
        "erase_customer_by_email": {"email": known["email"]},
        "credential_for_login": {"email": known["email"]},
        "cancel_items": {"order_id": known["order_id"], "cancellation_id": uuid7(), "line_numbers": [1], "quantities": [1], "reason": "x"},
        "ship": {"shipment_id": uuid7(), "order_id": known["order_id"], "warehouse_id": 1, "carrier": "x", "tracking_number": None},
        "start_payment": {"payment_id": uuid7(), "order_id": known["order_id"], "provider": "stripe", "method": "card"},
        "issue_credit_note": {"order_id": known["order_id"], "refund_id": known["refund_id"]},
        "order_history": {"customer_id": known["customer_id"]},
        "create_cart": {"cart_id": uuid7(), "currency": "EUR", "customer_id": known["customer_id"], "variant_ids": [], "quantities": []},
    }  # fmt: skip
    return {name: dict.fromkeys(names) for name, names in mall.arguments.items()} | nearly_right(stand_in) | more


def on_functions(mall: Mall) -> list[Attempt]:
    """Each function with Bea's keys, and where it takes several keys, with each mixture of Ada's and Bea's."""
    hers, mine = arguments_with(mall, mall.bea.known), arguments_with(mall, mall.ada.known)
    attempts = []
    for name, types in sorted(mall.arguments.items()):
        keys = [each for each in types if each in mall.bea.known or each in ("from_cart_id", "guest_cart_id", "email")]
        keys = [each for each in keys if each != "variant_id"]
        for owners in itertools.product((mall.bea, mall.ada), repeat=len(keys)):
            if mall.bea not in owners and keys:
                continue
            mixed = (mine if mall.ada in owners else hers)[name] | {
                each: life.known[each.removeprefix("from_").removeprefix("guest_")]
                for each, life in zip(keys, owners, strict=True)
            }
            named = ", ".join(f"{each} => CAST(%s AS {types[each]})" for each in mixed)
            attempts.append(Attempt(f"SELECT * FROM api.{name}({named})", tuple(mixed.values())))
        if "email" not in keys and not name.startswith(("order_history", "erase")):
            given = hers[name]
            named = ", ".join(f"{each} => CAST(%s AS {types[each]})" for each in given)
            attempts.append(Attempt(f"SELECT * FROM api.{name}({named})", tuple(given.values())))
    return attempts


# What came of it --------------------------------------------------------------------------------------------------------


def rows_of(mall: Mall, life: Life) -> dict[str, Any]:
    """The customer's rows as they are now."""
    return {
        table: mall.owner.query(
            f"SELECT count(*), sum(hashtextextended(t::text, 0)) FROM shop.{table} AS t WHERE {column}::text = ANY (%s)",
            (keys,),
        )
        for table, (column, keys) in life.rows.items()
    }


def breach(mall: Mall, caller: Caller, attempt: Attempt, marks: set[str], before: dict[str, Any]) -> str | None:
    """What the attempt got that it must not get."""
    said = {str(each) for value in attempt.values for each in (value if isinstance(value, list) else [value])}
    try:
        answer = caller.query(attempt.statement, attempt.values or None)
    except psycopg2.Error as error:
        told = f"{error} {error.diag.message_detail}"
        return next((f"{attempt}: its error tells {mark}" for mark in marks - said if mark in told), None)
    told = str(answer)
    by_key = "::text = ANY" in attempt.statement
    if by_key and answer:
        return f"{attempt}: {answer[:2]}"
    found = [mark for mark in marks - said if mark in told]
    if found:
        return f"{attempt}: tells {found[0]}"
    if not attempt.statement.startswith("SELECT * FROM shop.") and rows_of(mall, mall.bea) != before:
        return f"{attempt}: changed rows of Bea's"
    return None


def breaches(mall: Mall, caller: Caller, attempts: list[Attempt], marks: set[str]) -> list[str]:
    before = rows_of(mall, mall.bea)
    found = [breach(mall, caller, attempt, marks, before) for attempt in attempts]
    return [each for each in found if each]


def everything(mall: Mall) -> list[Attempt]:
    return on_tables(mall) + on_views(mall) + on_functions(mall)


# The proof --------------------------------------------------------------------------------------------------------------


def test_there_is_something_to_reach_in_every_table_of_customers(mall: Mall) -> None:
    classes = privilege_matrix.CLASSES
    of_customers = {*classes["secret"].split(), *classes["personal"].split(), *classes["customer"].split()}
    assert of_customers - {*mall.bea.rows} - {"order_item_cancellations"} == set()
    assert not mall.ada.marks & mall.bea.marks


@pytest.mark.parametrize("who", CALLERS)
def test_nothing_of_another_customer_is_seen_or_changed(mall: Mall, who: str) -> None:
    group, acting_for = CALLERS[who]
    # Analysts see rows by key; who they are about they never see.
    marks = mall.bea.personal if group == "shop_analyst" else mall.bea.marks
    attempts = everything(mall)
    if group == "shop_analyst":
        attempts = [each for each in attempts if not (each.statement.startswith("SELECT 1 FROM api.report_"))]
    print(f"{who}: {len(attempts)} attempts")
    assert len(attempts) >= 500
    with calling(mall, group, acting_for) as caller:
        assert breaches(mall, caller, attempts, marks) == []


@pytest.mark.parametrize("who", TRUSTED)
def test_who_sees_all_rows_writes_to_none(mall: Mall, who: str) -> None:
    writes = [each for each in on_tables(mall) + on_views(mall) if not each.statement.startswith("SELECT")]
    with calling(mall, *TRUSTED[who]) as caller:
        for attempt in writes:
            with pytest.raises(psycopg2.Error) as refused:
                caller.query(attempt.statement, attempt.values or None)
            # Some views refuse by their nature, before anybody's rights are asked for.
            assert refused.value.pgcode == "42501" or " api." in attempt.statement, str(attempt)


def test_secrets_of_log_in_are_seen_by_nobody_but_the_owner(mall: Mall) -> None:
    secret = [each for each in on_tables(mall) if any(f"shop.{t} " in f"{each.statement} " for t in privilege_matrix.CLASSES["secret"].split())]  # fmt: skip
    assert len(secret) > 50
    for group, acting_for in [*CALLERS.values(), *TRUSTED.values()]:
        with calling(mall, group, acting_for) as caller:
            for attempt in secret:
                with pytest.raises(psycopg2.errors.InsufficientPrivilege):
                    caller.query(attempt.statement, attempt.values or None)


def test_a_login_without_a_group_cannot_even_connect(mall: Mall) -> None:
    with app_login(mall.settings) as (login, password), closing(connect(mall.settings)) as master:
        with master.cursor() as cursor:
            cursor.execute(f"REVOKE shop_app FROM {login}")
            master.commit()
        with pytest.raises(psycopg2.OperationalError, match="permission denied for database"):
            log_in(mall, login, password)


# Controls ---------------------------------------------------------------------------------------------------------------


def test_a_storefront_sees_its_own_customers_rows_through_every_view(mall: Mall) -> None:
    with calling(mall, "shop_storefront", "ADA") as caller:
        for view, _ in views(mall):
            if ".my_" in view:
                told = str(caller.query(f"SELECT * FROM {view}"))
                assert any(mark in told for mark in mall.ada.marks), view


def test_a_storefront_may_do_for_its_own_customer_what_it_may_not_for_another(mall: Mall) -> None:
    done = set()
    with calling(mall, "shop_storefront", "ADA") as caller:
        caller.connection.autocommit = False
        for name, given in arguments_with(mall, mall.ada.known).items():
            if name not in privilege_matrix.EXECUTES["shop_storefront"].split():
                continue
            try:
                caller.rows(name, **given)
                done.add(name)
            except psycopg2.Error as error:
                assert error.pgcode != "SH003", name
            caller.connection.rollback()
    assert done >= {
        "set_cart_item", "set_cart_items", "apply_coupon", "remove_coupon", "quote_cart", "order_history", "order_details",
        "add_address", "set_default_address", "merge_carts",
    }  # fmt: skip


# Functions that a storefront may call, and that take a key of a customer's.
GUARDED = (
    "set_cart_item", "set_cart_items", "apply_coupon", "remove_coupon", "copy_cart", "quote_cart", "order_history",
    "order_details", "add_address", "set_default_address", "place_order",
)  # fmt: skip


def test_without_the_functions_guard_attempts_succeed(mall_with: Callable[[str], Mall]) -> None:
    found = ""
    # An order ends what can be done to its cart, so it is tried in a shop of its own.
    for ordering in (False, True):
        without = mall_with(
            "CREATE OR REPLACE FUNCTION shop.require_own(owner_id uuid) RETURNS boolean LANGUAGE sql AS 'SELECT true'"
        )
        attempts = [each for each in on_functions(without) if ("place_order" in each.statement) == ordering]
        with calling(without, "shop_storefront", "ADA") as caller:
            found += "\n".join(breaches(without, caller, attempts, without.bea.marks))
    assert [name for name in GUARDED if f"api.{name}(" not in found] == []


@pytest.mark.parametrize(
    "guard_off",
    [
        "DO $$ DECLARE t regclass; BEGIN FOR t IN SELECT oid FROM pg_class WHERE relrowsecurity"
        " LOOP EXECUTE format('ALTER TABLE %s DISABLE ROW LEVEL SECURITY', t); END LOOP; END $$",
        "DO $$ DECLARE v regclass; BEGIN FOR v IN SELECT oid FROM pg_class WHERE relname ~ '^my_' AND relkind = 'v'"
        " LOOP EXECUTE format('ALTER VIEW %s SET (security_invoker = false)', v); END LOOP; END $$",
    ],
    ids=["row-level security", "security_invoker"],
)
def test_without_it_every_view_of_a_storefront_shows_everybody(
    mall_with: Callable[[str], Mall], guard_off: str
) -> None:
    without = mall_with(guard_off)
    with calling(without, "shop_storefront", "ADA") as caller:
        found = "\n".join(breaches(without, caller, on_views(without), without.bea.marks))
    assert [view for view, _ in views(without) if ".my_" in view and f"FROM {view}" not in found] == []


def test_a_mistaken_grant_on_every_table_still_shows_only_own_rows(mall_with: Callable[[str], Mall]) -> None:
    granted = mall_with(
        "GRANT USAGE ON SCHEMA shop TO shop_storefront; GRANT SELECT ON ALL TABLES IN SCHEMA shop TO shop_storefront"
    )
    classes = privilege_matrix.CLASSES
    guarded = {*classes["secret"].split(), *classes["personal"].split(), *classes["customer"].split()}
    reads = [each for each in on_tables(granted) if each.statement.startswith("SELECT")]
    reads = [each for each in reads if each.statement.split("shop.")[1].split()[0] in guarded]
    with calling(granted, "shop_storefront", "ADA") as caller:
        assert breaches(granted, caller, reads, granted.bea.marks) == []
        seen = {table for table in guarded if caller.query(f"SELECT 1 FROM shop.{table} LIMIT 1")}
    assert seen == guarded - {*classes["secret"].split()} - {"order_item_cancellations"}
