"""Every function against bad arguments of the declared types: an error of class SH by name, and nothing changed."""

import datetime as dt
import random

import psycopg2
import pytest
from contract_shop import ADDRESS, Shop, app_login, tell, uuid7

LONG = "x" * 1_000_000
INJECTION = "'; DROP TABLE shop.orders; --"
CORPUS = {
    "text": [None, "", " ", "\n", "x", LONG, INJECTION, "EUR", "DE", "stripe", "captured", "\u202e", "a@b", "A@b.c\n", "%s%n", "\\", "🙂" * 300],
    "bigint": [None, -1, 0, 1, 2**31, 2**63 - 1, -(2**63), 10**12 + 1],
    "integer": [None, -1, 0, 1, 1000, 2**31 - 1, -(2**31)],
    "smallint": [None, -1, 0, 1, 2**15 - 1],
    "boolean": [None, True, False],
    "uuid": [None, "00000000-0000-0000-0000-000000000000", "ffffffff-ffff-ffff-ffff-ffffffffffff", "KNOWN", "V4", "V7"],
    "bytea": [None, b"", b"x", b"x" * 32, b"x" * 1_000_000],
    "jsonb": [None, "null", "[]", "1", '"text"', '{"a": "' + "y" * 100_000 + '"}', "{}", '{"a": {"b": [null]}}'],
    "interval": [None, "0", "-1 day", "1 microsecond", "1000000 years", "1 day", "infinity"],
    "timestamp with time zone": [None, "-infinity", "infinity", "0001-01-01 BC", "294000-01-01", "2026-01-01"],
    "inet": [None, "::1", "10.0.0.0/8"],
    "bigint[]": [None, [], [None], [-1], [1, 1], [1, None], list(range(1, 301)), [2**63 - 1], [1], [[1, 2], [3, 4]]],
    "integer[]": [None, [], [None], [-1], [0], [1], [1000], [1, 1], [2**31 - 1], [[1, 2], [3, 4]], [1] * 300],
    "smallint[]": [None, [], [None], [-1], [0], [1], [1, 1], [1, None], [32767], [1] * 300],
    "api.address": [
        None,
        (None,) * 9,
        ("",) * 9,
        (LONG,) * 9,
        (INJECTION,) * 9,
        ADDRESS,
        (*ADDRESS[:7], "XX", None),
        (*ADDRESS[:5], LONG, *ADDRESS[6:]),
    ],
}  # fmt: skip

# Their work is to change many rows, and any batch that is in range is no bad argument.
NEVER_BAD = {"purge", "expire_unpaid_orders", "claim_outbox", "verify_integrity"}

# For shop_monitor, which this login is not; test_health_check.py gives them bad arguments.
WATCHING = {
    "shop_health", "orders_per_minute", "stock_outs", "sequence_usage", "bloat_estimate", "slowest_statements",
}  # fmt: skip


@pytest.fixture(scope="module")
def busy(shared_scratch, app_credentials):
    """A shop with one row at least of what functions ask for; tests of this module leave it as it is."""
    shop = Shop(shared_scratch, *app_credentials)
    variant = shop.variant(stock=10)
    customer = shop.customer()
    order = shop.order({variant: 2}, customer=customer)
    payment = shop.paid(order)
    shipment, back = uuid7(), uuid7()
    shop.app.call("ship", shipment_id=shipment, order_id=order, warehouse_id=1, carrier="Post", tracking_number=None)
    shop.app.call("request_return", return_id=back, order_id=order, line_numbers=[1], quantities=[1], reason="no_need")
    refund = uuid7()
    shop.app.call("request_refund", refund_id=refund, payment_id=payment, amount_minor=1, reason="no_need")
    tell(shop.app, payment, "captured", 5)
    shop.known = {
        "customer_id": customer, "order_id": order, "payment_id": payment, "shipment_id": shipment, "return_id": back,
        "refund_id": refund, "cart_id": shop.cart({variant: 1}), "variant_id": variant,
    }  # fmt: skip
    yield shop
    shop.close()


def functions(shop):
    """Arguments by name of every function of which some argument can be bad."""
    return {name: arguments for name, arguments in shop.app.arguments.items() if name not in NEVER_BAD | WATCHING}


def contents(caller):
    """Row count and checksum of every table."""
    tables = caller.query(
        "SELECT relname FROM pg_class WHERE relkind = 'r' AND relnamespace = 'shop'::regnamespace ORDER BY 1"
    )
    return {
        table: caller.query(f"SELECT count(*), sum(hashtextextended(t::text, 0)) FROM shop.{table} AS t")[0]
        for (table,) in tables
    }


def pick(chance, name, kind, known):
    value = chance.choice(CORPUS[kind])
    if value == "KNOWN":
        return known.get(name) or chance.choice([key for key in known.values() if isinstance(key, str)])
    if value == "V4":
        return "3f333df6-90a4-4fda-8dd3-9485d27cee36"
    return uuid7() if value == "V7" else value


def test_the_corpus_covers_every_declared_type(busy):
    types = {kind for arguments in busy.app.arguments.values() for kind in arguments.values()}
    assert types <= set(CORPUS)


@pytest.mark.parametrize("seed", range(6))
def test_bad_arguments_end_in_a_named_error_and_change_nothing(busy, seed):
    chance = random.Random(seed)  # noqa: S311
    caller = busy.caller()
    caller.connection.autocommit = False
    caller.query("SET CONSTRAINTS ALL IMMEDIATE")
    caller.connection.commit()
    before = contents(busy.owner)
    wrong = []
    for name, arguments in sorted(functions(busy).items()):
        for _ in range(40):
            given = {key: pick(chance, key, kind, busy.known) for key, kind in arguments.items()}
            try:
                caller.rows(name, **given)
                # Deferred triggers speak at commit: let them, and undo what was no bad argument after all.
                caller.query("SET CONSTRAINTS ALL IMMEDIATE")
            except psycopg2.Error as error:
                if not (error.pgcode or "").startswith("SH") or len(str(error)) > 5000 or not error.diag.message_hint:
                    wrong.append((name, {k: str(v)[:60] for k, v in given.items()}, error.pgcode, str(error)[:300]))
            caller.connection.rollback()
    caller.close()
    assert not wrong, "\n".join(map(str, wrong))
    assert contents(busy.owner) == before


def nearly_right(busy):
    """For each function, arguments that it accepts; one of them is then replaced."""
    known, now = busy.known, dt.datetime.now(dt.UTC)
    one, key = {"line_numbers": [1], "quantities": [1]}, uuid7()
    return {
        "create_cart": {"cart_id": key, "currency": "EUR", "customer_id": None, "variant_ids": [known["variant_id"]], "quantities": [1]},
        "set_cart_items": {"cart_id": known["cart_id"], "variant_ids": [known["variant_id"]], "quantities": [1]},
        "set_cart_item": {"cart_id": known["cart_id"], "variant_id": known["variant_id"], "quantity": 2},
        "merge_carts": {"guest_cart_id": known["cart_id"], "customer_id": known["customer_id"]},
        "copy_cart": {"from_cart_id": known["cart_id"], "cart_id": key},
        "quote_cart": {"cart_id": known["cart_id"], "country": "DE", "region": None, "shipping_method": "standard"},
        "place_order": {
            "order_id": key, "cart_id": known["cart_id"], "contact_email": "a@b.cd", "contact_phone": None, "shipping": ADDRESS,
            "billing": ADDRESS, "shipping_method": "standard", "expected_total_minor": 1499,
        },
        "stock_of": {"variant_id": known["variant_id"]},
        "receive_stock": {"variant_id": known["variant_id"], "warehouse_id": 1, "quantity": 1, "reason": "Found"},
        "adjust_stock": {"variant_id": known["variant_id"], "warehouse_id": 1, "delta": -1, "reason": "Lost", "p_release": True},
        "split_stock": {"variant_id": known["variant_id"], "warehouse_id": 1, "slots": 2},
        "request_return": {"return_id": key, "order_id": known["order_id"], "reason": "no_need", **one},
        "receive_return": {"return_id": known["return_id"], "line_numbers": [1], "restocked": [1], "written_off": [0], "warehouse_id": 1},
        "deliver": {"shipment_id": known["shipment_id"]},
        "order_history": {"customer_id": known["customer_id"], "before_placed_at": now, "before_order_id": known["order_id"], "page": 5},
        "order_details": {"order_id": known["order_id"]},
        "record_payment_event": {
            "provider": "stripe", "provider_event_id": key, "payment_id": known["payment_id"], "kind": "captured", "amount_minor": 1,
            "currency": "EUR", "occurred_at": now, "provider_reference": "pi", "payload": "{}", "refund_id": None,
        },
        "request_refund": {"refund_id": key, "payment_id": known["payment_id"], "amount_minor": 1, "reason": "no_need", "return_id": None},
        "fail_refund": {"refund_id": known["refund_id"]},
        "resolve_payment_exception": {"payment_exception_id": 1, "resolution": "Fine"},
        "issue_invoice": {"order_id": known["order_id"]},
        "parked_events": {"page": 5},
        "register_customer": {"customer_id": key, "email": "new@example.com", "full_name": "N", "password_hash": "$2b$12$" + "a" * 53, "phone": None},
        "credential_for_login": {"email": "new@example.com"},
        "record_login_attempt": {"email": "new@example.com", "succeeded": False, "ip_address": None},
        "open_session": {"login_session_id": key, "customer_id": known["customer_id"], "token_digest": b"q" * 32, "lifetime": "1 day", "ip_address": None, "user_agent": "x"},
        "change_password": {"customer_id": known["customer_id"], "password_hash": "$2b$12$" + "a" * 53},
        "issue_token": {"email": "new@example.com", "purpose": "password_reset", "token_digest": b"z" * 32, "lifetime": "1 hour"},
        "add_address": {"address_id": key, "customer_id": known["customer_id"], "address": ADDRESS},
        "search_products": {"query": "x", "category_id": None, "currency": "EUR", "min_price_minor": 0, "max_price_minor": 5, "after_product_id": None, "page": 5},
        "category_tree": {"top_id": None},
        "set_price": {"variant_id": known["variant_id"], "currency": "EUR", "amount_minor": 5, "valid_from": None, "compare_at_minor": None},
    }  # fmt: skip


def test_one_bad_argument_among_good_ones_ends_in_a_named_error(busy):
    caller = busy.caller()
    caller.connection.autocommit = False
    before, wrong = contents(busy.owner), []
    chance = random.Random(1)  # noqa: S311
    for name, good in nearly_right(busy).items():
        for key, kind in caller.arguments[name].items():
            for value in CORPUS[kind]:
                if value in ("KNOWN", "V4", "V7"):
                    value = pick(chance, key, "uuid", busy.known)
                try:
                    caller.rows(name, **good | {key: value})
                    caller.query("SET CONSTRAINTS ALL IMMEDIATE")
                except psycopg2.Error as error:
                    if (
                        not (error.pgcode or "").startswith("SH")
                        or len(str(error)) > 5000
                        or not error.diag.message_hint
                    ):
                        wrong.append((name, key, str(value)[:60], error.pgcode, str(error)[:300]))
                caller.connection.rollback()
    caller.close()
    assert not wrong, "\n".join(map(str, wrong))
    assert contents(busy.owner) == before


def test_good_arguments_are_accepted(busy):
    """Without this the test above could pass by refusing everything."""
    caller = busy.caller()
    caller.connection.autocommit = False
    for name, good in nearly_right(busy).items():
        caller.rows(name, **good)
        caller.connection.rollback()
    caller.close()


@pytest.mark.parametrize("level", ["REPEATABLE READ", "SERIALIZABLE"])
def test_writers_refuse_another_isolation_level_before_anything_else(busy, level):
    writers = {name for (name,) in busy.owner.query(
        "SELECT proname FROM pg_proc WHERE pronamespace = 'api'::regnamespace AND provolatile = 'v'"
    )}  # fmt: skip
    caller = busy.caller()
    caller.connection.autocommit = False
    for name in sorted(writers - {"credential_for_login"}):
        caller.query(f"SET TRANSACTION ISOLATION LEVEL {level}")
        error = caller.refused(name, **dict.fromkeys(caller.arguments[name]))
        assert (name, error.pgcode) == (name, "SH002")
        caller.connection.rollback()
    caller.close()


def of_another_customer(busy):
    known, key = busy.known, uuid7()
    return [
        ("create_cart", {"cart_id": key, "currency": "EUR", "customer_id": known["customer_id"]}),
        ("merge_carts", {"guest_cart_id": known["cart_id"], "customer_id": known["customer_id"]}),
        ("copy_cart", {"from_cart_id": "THEIRS", "cart_id": key}),
        ("set_cart_item", {"cart_id": "THEIRS", "variant_id": 1, "quantity": 1}),
        ("apply_coupon", {"cart_id": "THEIRS", "code": "X"}),
        ("remove_coupon", {"cart_id": "THEIRS"}),
        ("quote_cart", {"cart_id": "THEIRS", "country": "DE", "region": None, "shipping_method": "standard"}),
        ("cancel_order", {"order_id": known["order_id"], "reason": "mine"}),
        (
            "request_return",
            {"return_id": key, "order_id": known["order_id"], "line_numbers": [1], "quantities": [1], "reason": "mine"},
        ),
        ("order_history", {"customer_id": known["customer_id"]}),
        ("order_details", {"order_id": known["order_id"]}),
        ("start_payment", {"payment_id": key, "order_id": known["order_id"], "provider": "stripe", "method": "card"}),
        ("add_address", {"address_id": key, "customer_id": known["customer_id"], "address": ADDRESS}),
    ]


@pytest.mark.parametrize("acting_for", ["", "01900000-0000-7000-8000-000000000001", "nonsense"])
def test_a_storefront_reaches_nothing_of_another_customer(busy, acting_for):
    theirs = busy.owner.value("SELECT cart_id FROM shop.carts WHERE customer_id = %s", (busy.known["customer_id"],))
    with app_login(busy.settings, "shop_storefront") as (login, password):
        other = Shop.__new__(Shop)
        other.settings, other.password = busy.settings, password
        caller = other.caller(login)
        try:
            caller.query("SELECT set_config('shop.customer_id', %s, false)", (acting_for,))
            for name, arguments in of_another_customer(busy):
                given = {key: theirs if value == "THEIRS" else value for key, value in arguments.items()}
                assert (name, caller.refused(name, **given).pgcode) == (name, "SH003")
        finally:
            caller.close()


@pytest.mark.parametrize("group", ["shop_app", "shop_storefront", "shop_backoffice"])
def test_a_login_executes_what_it_is_granted_and_writes_no_table(busy, group):
    with app_login(busy.settings, group) as (login, password):
        other = Shop.__new__(Shop)
        other.settings, other.password = busy.settings, password
        caller = other.caller(login)
        caller.connection.autocommit = False
        try:
            executable = set(caller.query(
                "SELECT proname, pronamespace::regnamespace::text FROM pg_proc"
                " WHERE pronamespace IN (SELECT oid FROM pg_namespace WHERE nspname IN ('api', 'shop'))"
                " AND has_function_privilege(oid, 'EXECUTE')"
            ))  # fmt: skip
            assert {schema for _, schema in executable} == {"api"}
            for name, arguments in caller.arguments.items():
                error = None
                try:
                    caller.rows(name, **(nearly_right(busy).get(name) or dict.fromkeys(arguments)))
                except psycopg2.Error as caught:
                    error = caught.pgcode
                caller.connection.rollback()
                if (name, "api") in executable:
                    assert error is None or error.startswith("SH"), f"{name}: {error}"
                else:
                    assert error == "42501", f"{name}: {error}"
            for (table,) in busy.owner.query(
                "SELECT relname FROM pg_class WHERE relkind IN ('r', 'v') AND relnamespace = 'shop'::regnamespace"
            ):
                for right in ("INSERT", "UPDATE", "DELETE", "TRUNCATE", "REFERENCES", "TRIGGER"):
                    assert not busy.owner.value(
                        "SELECT has_table_privilege(%s, %s, %s)", (login, f"shop.{table}", right)
                    )
                if group == "shop_storefront":
                    assert not busy.owner.value(
                        "SELECT has_table_privilege(%s, %s, 'SELECT')", (login, f"shop.{table}")
                    )
        finally:
            caller.close()


def test_nothing_of_this_broke_an_invariant(busy):
    assert busy.violations() == []
