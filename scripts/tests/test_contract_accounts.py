"""Accounts: one per address, locked out when guessed at, and keys that open once."""

import hashlib

import pytest
from contract_shop import EMAIL, HASH, callers, errors_of, together, uuid7

OTHER_HASH = "$2b$12$" + "a" * 53


def digest(token):
    return hashlib.sha256(token.encode()).digest()


def register(caller, email=EMAIL, key=None):
    return caller.call(
        "register_customer", customer_id=key or uuid7(), email=email, full_name="Ada", password_hash=HASH
    )


def test_one_address_is_one_account_however_it_is_written(shop):
    spellings = ["Ada@Example.com", "ada@example.COM", "ADA@EXAMPLE.COM", "ada@example.com"] * 4
    with callers(shop, 16) as made:
        results = together(lambda i=i: register(made[i], spellings[i]) for i in range(16))
    assert errors_of(results) == ["SH601"] * 15
    assert shop.app.rows("credential_for_login", email="aDa@eXample.com")[0][1] == HASH


def test_a_repeated_registration_is_the_same_account(shop):
    key = uuid7()
    assert register(shop.app, key=key) == register(shop.app, key=key) == key
    assert (
        shop.app.refused(
            "register_customer", customer_id=key, email="b@example.com", full_name="B", password_hash=HASH
        ).pgcode
        == "SH004"
    )


@pytest.mark.parametrize("known", [True, False])
def test_failures_lock_known_and_unknown_addresses_out_alike(shop, known):
    if known:
        register(shop.app)
    locked = [shop.app.call("record_login_attempt", email=EMAIL, succeeded=False) for _ in range(7)]
    assert locked[:4] == [None] * 4
    waits = [(locked[n] - locked[4]).total_seconds() for n in (5, 6)]
    assert 30 <= waits[0] < 40
    assert 90 <= waits[1] < 100
    customer, password, until = shop.app.rows("credential_for_login", email=EMAIL.upper())[0]
    assert (customer is not None, until) == (known, locked[6])
    assert password.startswith("$argon2id$" if known else "$scrypt$")
    assert shop.app.call("record_login_attempt", email=EMAIL, succeeded=True) == locked[6]
    shop.owner.query("UPDATE shop.login_attempts SET attempted_at = attempted_at - interval '5 minutes'")
    assert shop.app.call("record_login_attempt", email=EMAIL, succeeded=True) is None
    assert shop.app.rows("credential_for_login", email=EMAIL)[0][2] is None


def test_a_session_lasts_until_it_is_closed_or_the_password_changes(shop):
    customer = shop.customer()
    for token in ("a", "b"):
        opened = {"login_session_id": uuid7(), "customer_id": customer, "token_digest": digest(token)}
        assert shop.app.call("open_session", **opened) == shop.app.call("open_session", **opened)
        assert shop.app.rows("resume_session", token_digest=digest(token))[0][1] == customer
    assert shop.app.refused("open_session", **opened | {"login_session_id": uuid7()}).pgcode == "SH004"
    for _ in range(2):
        shop.app.rows("close_session", token_digest=digest("a"))
    assert shop.app.refused("resume_session", token_digest=digest("a")).pgcode == "SH602"
    assert shop.app.call("change_password", customer_id=customer, password_hash=OTHER_HASH) == 1
    assert shop.app.refused("resume_session", token_digest=digest("b")).pgcode == "SH602"


def test_a_token_works_once_for_its_purpose_and_the_newest_alone(shop):
    customer = register(shop.app)
    issue = {"email": EMAIL, "purpose": "password_reset"}
    assert shop.app.call("issue_token", token_digest=digest("old"), **issue)
    assert shop.app.call("issue_token", token_digest=digest("new"), **issue)
    assert not shop.app.call(
        "issue_token", token_digest=digest("x"), email="nobody@example.com", purpose="password_reset"
    )
    for token, purpose in (("old", "password_reset"), ("new", "email_verification"), ("none", "password_reset")):
        assert shop.app.refused("use_token", token_digest=digest(token), purpose=purpose).pgcode == "SH602"
    with callers(shop, 8) as made:
        results = together(
            lambda i=i: made[i].call("use_token", token_digest=digest("new"), purpose="password_reset")
            for i in range(8)
        )
    assert errors_of(results) == ["SH602"] * 7
    assert customer in results
    assert shop.app.refused("issue_token", token_digest=digest("new"), **issue).pgcode == "SH004"


def test_a_changed_password_withdraws_the_link_that_was_sent_before(shop):
    customer = register(shop.app)
    shop.app.call("issue_token", email=EMAIL, purpose="password_reset", token_digest=digest("sent"))
    shop.app.call("change_password", customer_id=customer, password_hash=OTHER_HASH)
    assert shop.app.refused("use_token", token_digest=digest("sent"), purpose="password_reset").pgcode == "SH602"


def test_tokens_issued_and_used_at_once_do_not_deadlock(shop):
    register(shop.app)
    shop.app.call("issue_token", email=EMAIL, purpose="password_reset", token_digest=digest("0"))
    with callers(shop, 20) as made:
        results = together(
            [
                lambda i=i: made[i].call("use_token", token_digest=digest("0"), purpose="password_reset")
                for i in range(10)
            ]
            + [
                lambda i=i: made[10 + i].call(
                    "issue_token", email=EMAIL, purpose="password_reset", token_digest=digest(f"{i + 1}")
                )
                for i in range(10)
            ]
        )
    assert set(errors_of(results)) <= {"SH602"}


def test_one_default_address_of_each_kind_when_choices_race(shop):
    from contract_shop import ADDRESS

    customer = shop.customer()
    keys = [uuid7() for _ in range(8)]
    for key in keys:
        shop.app.call("add_address", address_id=key, customer_id=customer, address=ADDRESS)
    with callers(shop, 16) as made:
        results = together(
            lambda i=i: made[i].rows(
                "set_default_address", address_id=keys[i // 2], kind=("shipping", "billing")[i % 2]
            )
            for i in range(16)
        )
    assert errors_of(results) == []
    assert shop.owner.query(
        "SELECT count(*) FILTER (WHERE is_default_shipping), count(*) FILTER (WHERE is_default_billing) FROM shop.addresses"
    ) == [(1, 1)]
