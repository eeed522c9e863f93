"""What an intruder or an unlucky client tries through schema api: hostile values, replays, and what a person never does."""

import datetime as dt

import psycopg2
import pytest
from contract_shop import HASH, address, callers, errors_of, place, tell, together, uuid7
from psycopg2 import extensions

EMAIL = "ada@example.com"


def webhook(caller, payment, **changed):
    arguments = {
        "provider": "stripe",
        "provider_event_id": uuid7(),
        "payment_id": payment,
        "kind": "authorized",
        "amount_minor": 1,
        "currency": "EUR",
        "occurred_at": dt.datetime.now(dt.UTC),
    }
    return caller.call("record_payment_event", **arguments | changed)


def started(shop, order, **amount):
    payment = uuid7()
    shop.app.call("start_payment", payment_id=payment, order_id=order, provider="stripe", method="card", **amount)
    return payment


# Carts and checkout ------------------------------------------------------------------------------------------------------


def test_nobody_fills_or_names_the_cart_of_another_customer(shop):
    variant = shop.variant(stock=10)
    thief, victim = shop.customer(), shop.customer()
    cart = shop.cart({variant: 1}, customer=victim)
    empty = uuid7()
    shop.owner.query("UPDATE shop.carts SET status = 'expired' WHERE cart_id = %s", (cart,))
    shop.app.call("create_cart", cart_id=empty, currency="EUR", customer_id=victim)
    guests = shop.cart({variant: 9})

    shop.app.query(f"SET shop.customer_id = '{thief}'")
    assert shop.app.refused("copy_cart", from_cart_id=guests, cart_id=empty).pgcode == "SH003"
    assert shop.app.refused("create_cart", cart_id=empty, currency="EUR").pgcode == "SH003"
    assert shop.app.refused("merge_carts", guest_cart_id=empty, customer_id=thief).pgcode == "SH003"
    shop.app.query("RESET shop.customer_id")
    assert shop.owner.query("SELECT * FROM shop.cart_items WHERE cart_id = %s", (empty,)) == []


def test_taxes_of_a_region_are_paid_however_it_is_written_and_not_saved_by_leaving_it_out(shop):
    cart = shop.cart({shop.variant(stock=9, USD=1000): 1}, currency="USD")
    assert [shop.quote(cart, "US", region)["tax_minor"] for region in ("CA", "ca", " CA ")] == [73 + 23] * 3
    for region in (None, "", " "):
        refused = shop.app.refused("quote_cart", cart_id=cart, country="US", region=region, shipping_method="standard")
        assert (refused.pgcode, refused.diag.message_detail) == ("SH001", '{"argument": "region"}')


def test_taxes_do_not_lift_an_order_over_the_limit_of_its_payments(shop):
    variant = shop.variant(stock=5, USD=10**12)
    cart = shop.cart({variant: 1}, currency="USD")
    refused = shop.app.refused("quote_cart", cart_id=cart, country="US", region="CA", shipping_method="standard")
    assert (refused.pgcode, refused.diag.message_detail) == ("SH308", '{"total_minor": 1095000000000}')


def test_an_order_that_costs_nothing_runs_to_its_end_without_a_payment(shop):
    owner, app = shop.owner, shop.app
    owner.query(
        "INSERT INTO shop.shipping_methods (code, name, carrier, min_days, max_days) VALUES ('free', 'F', 'P', 1, 2)"
    )
    owner.query(
        "INSERT INTO shop.shipping_rates (shipping_method_id, country, currency, minimum_subtotal_minor, price_minor)"
        " SELECT shipping_method_id, 'DE', 'EUR', 0, 0 FROM shop.shipping_methods WHERE code = 'free'"
    )
    shop.coupon("ALLOFF", rate=1)
    order, shipment, back = uuid7(), uuid7(), uuid7()
    placed = app.rows(
        "place_order",
        order_id=order,
        cart_id=shop.cart({shop.variant(stock=3): 2, shop.variant(stock=3, EUR=0): 1}, coupon="ALLOFF"),
        contact_email=EMAIL,
        contact_phone=None,
        shipping=address(),
        billing=address(),
        shipping_method="free",
        expected_total_minor=0,
    )
    assert placed[0][1:4] == (0, "EUR", "confirmed")
    assert (
        app.refused("start_payment", payment_id=uuid7(), order_id=order, provider="stripe", method="card").pgcode
        == "SH501"
    )
    assert app.rows("issue_invoice", order_id=order)[0][3] == 0
    parcel = {"warehouse_id": shop.warehouses[0], "carrier": "Post", "tracking_number": None}
    assert app.call("ship", shipment_id=shipment, order_id=order, **parcel) == 3
    app.call("request_return", return_id=back, order_id=order, line_numbers=[1, 2], quantities=[1, 1], reason="x")
    receipt = {"return_id": back, "line_numbers": [1, 2], "written_off": [0, 1], "warehouse_id": shop.warehouses[0]}
    assert [app.call("receive_return", **receipt, restocked=[kept, 0]) for kept in (1, 0)] == [0, 0]
    assert shop.status(order) == "completed"


# Payments ----------------------------------------------------------------------------------------------------------------


def test_a_number_without_an_end_in_a_providers_message_does_not_cost_the_event(shop):
    payment = started(shop, shop.order({shop.variant(stock=1): 1}))
    for number in ("1" * 20_000, "1e60000", "-1e-9000"):
        assert webhook(shop.app, payment, payload=f'{{"fee_minor": {number}, "attempt": 2}}') == "applied"
    assert shop.owner.query("SELECT DISTINCT payload FROM shop.payment_events") == [({"attempt": 2},)]


def test_a_moment_that_cannot_be_is_refused_by_name(shop):
    payment = started(shop, shop.order({shop.variant(stock=1): 1}))
    in_two_days = dt.datetime.now(dt.UTC) + dt.timedelta(days=2)
    for moment in ("infinity", "-infinity", "0001-01-01 BC", "294276-12-31", in_two_days):
        with pytest.raises(psycopg2.Error, match="occurred_at") as refused:
            webhook(shop.app, payment, occurred_at=moment)
        assert refused.value.pgcode == "SH001"


def test_nobody_is_charged_for_an_order_whose_time_is_over(shop):
    order = shop.order({shop.variant(stock=1): 1})
    shop.elapse(order)
    refused = shop.app.refused("start_payment", payment_id=uuid7(), order_id=order, provider="stripe", method="card")
    assert refused.pgcode == "SH306"


def test_an_order_that_is_authorized_in_part_is_paid_to_its_end_or_cancelled(shop):
    """It never expires, since money is promised: whoever reads of it in the health check decides."""
    variant = shop.variant(stock=2)
    paid, given_up = (shop.order({variant: 1}) for _ in range(2))
    for order in (paid, given_up):
        tell(shop.app, started(shop, order, amount_minor=500), "authorized", 500)
        shop.elapse(order)
    assert shop.app.call("expire_unpaid_orders") == 0
    shop.paid(paid)
    assert shop.app.call("cancel_order", order_id=given_up, reason="not_paid_in_full") == "cancelled"
    assert (shop.status(paid), shop.free(variant)) == ("confirmed", 1)


@pytest.mark.parametrize("requested", [0, 1000])
def test_money_for_what_was_cancelled_meanwhile_is_listed_until_it_goes_back(shop, requested):
    order = shop.order({shop.variant(stock=2): 2})
    payment = started(shop, order)
    tell(shop.app, payment, "captured", 2000)
    shop.app.call(
        "cancel_items", order_id=order, cancellation_id=uuid7(), line_numbers=[1], quantities=[1], reason="no_need"
    )
    if requested:
        shop.app.call(
            "request_refund", refund_id=uuid7(), payment_id=payment, amount_minor=requested, reason="Cancelled"
        )

    tell(shop.app, payment, "captured", 499)

    opened = "SELECT kind, amount_minor FROM shop.payment_exceptions WHERE resolved_at IS NULL"
    assert shop.owner.query(opened) == ([] if requested else [("over_payment", 1000)])
    tell(shop.app, payment, "refunded", 1000)
    assert shop.owner.query(opened) == []


def test_what_a_closed_payment_captured_is_not_owed_again(shop):
    order = shop.order({shop.variant(stock=1): 1})
    payment = started(shop, order)
    tell(shop.app, payment, "captured", 500)
    tell(shop.app, payment, "voided")
    again = {"order_id": order, "provider": "stripe", "method": "card"}
    refused = shop.app.refused("start_payment", payment_id=uuid7(), **again, amount_minor=1000)
    assert (refused.pgcode, refused.diag.message_detail) == ("SH501", '{"owed_minor": 999}')
    assert shop.app.call("start_payment", payment_id=uuid7(), **again) == 999


def test_nothing_leaves_once_the_authorization_was_taken_back(shop):
    order = shop.order({shop.variant(stock=1): 1})
    payment = started(shop, order)
    tell(shop.app, payment, "authorized", 1499)
    tell(shop.app, payment, "voided")
    refused = shop.app.refused(
        "ship",
        shipment_id=uuid7(),
        order_id=order,
        warehouse_id=shop.warehouses[0],
        carrier="Post",
        tracking_number=None,
    )
    assert (shop.status(order), refused.pgcode) == ("confirmed", "SH111")


# Accounts ----------------------------------------------------------------------------------------------------------------


# Every setting that a session may change and that could bend what a function of the owner reads, writes or compares.
SETTINGS = {
    "search_path": "pg_temp, public",
    "row_security": "off",
    "standard_conforming_strings": "off",
    "escape_string_warning": "off",
    "backslash_quote": "on",
    "transform_null_equals": "on",
    "array_nulls": "off",
    "quote_all_identifiers": "on",
    "DateStyle": "German",
    "IntervalStyle": "sql_standard",
    "TimeZone": "Pacific/Kiritimati",
    "bytea_output": "escape",
    "extra_float_digits": "-15",
    "default_text_search_config": "pg_catalog.german",
    "plan_cache_mode": "force_custom_plan",
    "check_function_bodies": "off",
    "constraint_exclusion": "on",
    "enable_indexscan": "off",
}


def test_no_setting_of_a_session_bends_what_a_function_does(shop):
    customer, variant = shop.customer(), shop.variant(stock=9)
    cart = shop.cart({variant: 3}, customer=customer)
    hostile = shop.caller()
    # psycopg2 reads no moment but ISO's.
    extensions.register_type(extensions.new_type((1184,), "MOMENT", lambda value, _: value), hostile.connection)
    for name, value in SETTINGS.items():
        hostile.query("SELECT set_config(%s, %s, false)", (name, value))
    quoted = shop.quote(cart)
    assert hostile.call("quote_cart", cart_id=cart, country="DE", region=None, shipping_method="standard") == quoted
    order = place(shop.app, cart, quoted["total_minor"])
    # The same request, by its digest; and the same lock-out, session and page.
    assert place(hostile, cart, quoted["total_minor"], order=order) == order
    for caller in (shop.app, hostile) * 3:
        caller.call("record_login_attempt", email="Ada@example.com", succeeded=False)
    waits = [caller.rows("credential_for_login", email="ada@EXAMPLE.com") for caller in (shop.app, hostile)]
    assert waits[0][0][:2] == waits[1][0][:2]
    assert None not in (waits[0][0][2], waits[1][0][2])
    digest = b"d" * 32
    hostile.call("open_session", login_session_id=uuid7(), customer_id=customer, token_digest=digest)
    assert shop.app.rows("resume_session", token_digest=digest)[0][1] == customer
    found = [
        [row[0] for row in caller.rows("search_products", query="product", category_id=None, currency="EUR")]
        for caller in (shop.app, hostile)
    ]
    assert found[0] == found[1] != []
    payment = uuid7()
    hostile.call("start_payment", payment_id=payment, order_id=order, provider="stripe", method="card")
    assert tell(hostile, payment, "captured", quoted["total_minor"]) == "applied"
    invoices = [caller.rows("issue_invoice", order_id=order)[0][:2] for caller in (hostile, shop.app)]
    assert invoices[0] == invoices[1]
    hostile.close()
    assert shop.violations() == []


@pytest.mark.parametrize(
    ("known", "decoy"),
    [
        (HASH, "$argon2id$v=19$m=65536,t=3,p=4$" + "A" * 22 + "$" + "A" * 43),
        ("$scrypt$ln=14,r=8,p=5$" + "a" * 22 + "$" + "b" * 43, "$scrypt$ln=14,r=8,p=5$" + "A" * 22 + "$" + "A" * 43),
        ("$2b$12$" + "a" * 53, "$2b$12$" + "." * 53),
    ],
    ids=["argon2id", "scrypt", "bcrypt"],
)
def test_a_log_in_takes_no_longer_for_a_known_address_than_for_an_unknown_one(shop, known, decoy):
    # Whoever verifies spends what the hash asks for, and an attacker with a clock sees it.
    shop.customer()
    shop.app.call("change_password", customer_id=shop.customer(), password_hash=known)
    assert shop.app.rows("credential_for_login", email="nobody@example.com")[0][:2] == (None, decoy)


def test_of_passwords_that_are_tried_at_once_none_gets_in_after_the_fifth(shop):
    """The application verified them all before the first failure was written down; the right one comes last."""
    shop.app.call("register_customer", customer_id=uuid7(), email=EMAIL, full_name="Ada", password_hash=HASH)
    with callers(shop, 24) as made:
        wrong = together([
            lambda one=one: one.call("record_login_attempt", email=EMAIL, succeeded=False) for one in made
        ])  # fmt: skip
        assert errors_of(wrong) == []
        right = together([
            lambda one=one: one.call("record_login_attempt", email=EMAIL.upper(), succeeded=True) for one in made
        ])  # fmt: skip
    assert None not in right
    assert sorted(answer is None for answer in wrong) == [False] * 20 + [True] * 4
    assert shop.owner.query("SELECT 1 FROM shop.login_attempts WHERE succeeded") == []


def test_a_password_that_was_reset_ends_the_lock_out(shop):
    customer = uuid7()
    shop.app.call("register_customer", customer_id=customer, email=EMAIL, full_name="Ada", password_hash=HASH)
    for _ in range(9):
        shop.app.call("record_login_attempt", email=EMAIL, succeeded=False)
    assert shop.app.call("record_login_attempt", email=EMAIL, succeeded=True) is not None
    shop.app.call("change_password", customer_id=customer, password_hash=HASH)
    assert shop.app.rows("credential_for_login", email=EMAIL)[0][2] is None
    assert shop.app.call("record_login_attempt", email=EMAIL, succeeded=True) is None


def test_what_was_opened_while_an_account_was_locked_ends_with_it(shop):
    """Sessions and addresses can be younger than the transaction that ends them, if that one had to wait."""
    customer = uuid7()
    shop.app.call("register_customer", customer_id=customer, email=EMAIL, full_name="Ada", password_hash=HASH)
    with callers(shop, 2) as (early, other):
        for one in (early, other):
            one.query("BEGIN; SELECT now()")
            shop.app.call(
                "open_session", login_session_id=uuid7(), customer_id=customer, token_digest=uuid7().encode()[:32]
            )
            shop.app.call("add_address", address_id=uuid7(), customer_id=customer, address=address())
        assert early.call("change_password", customer_id=customer, password_hash=HASH) == 2
        early.query("COMMIT")
        assert dict(other.rows("erase_customer", customer_id=customer))["addresses"] == 2
        other.query("COMMIT")


# Reads -------------------------------------------------------------------------------------------------------------------


HOSTILE = ["-" * 200, "- " * 100, '-"' * 100, "a-" * 100, "'", "\\", "((((", "a & b | !c", "x:*", "the", "%", "or or", '"open', "🙂" * 200]  # fmt: skip


def test_no_words_of_a_search_end_in_an_internal_error(shop):
    shop.variant(stock=1)
    for words in HOSTILE:
        shop.app.rows("search_products", query=words, category_id=None, currency="EUR")


def test_a_forged_cursor_pages_through_nothing_else(shop):
    variant = shop.variant(stock=1)
    mine, other = shop.customer(), shop.customer()
    shop.order({variant: 1}, customer=other)
    for cursor in (-(2**63), -1, 0, 2**63 - 1):
        found = shop.app.rows("search_products", query=None, category_id=None, currency="EUR", after_product_id=cursor)
        assert len(found) == (cursor > 0)
    forged = {"before_placed_at": "infinity", "before_order_id": "ffffffff-ffff-ffff-ffff-ffffffffffff"}
    assert shop.app.rows("order_history", customer_id=mine, **forged) == []
