"""Logins are made and rotated as scripts/db_roles.py says: repeatable, without a password in sight, and never locking out
whoever works. On real servers; Secrets Manager is emulated."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import db_roles
import psycopg2
import pytest
from conftest import as_environment
from contract_shop import Caller, Shop, place, uuid7
from ecommerce_dms import bootstrap, login_roles
from ecommerce_dms.connection import connect, connection_parameters
from ecommerce_dms.console import UsageError
from ecommerce_dms.embedded import EmbeddedServer
from ecommerce_dms.login_roles import LOGINS, LoginRefused
from ecommerce_dms.scratch import scratch_database
from ecommerce_dms.settings import Settings, load_settings

STACK = "shop-test"
ROLES = [role for login in LOGINS for auth in ("iam", "secret") for role in login_roles.roles_of(login, auth)]


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """A client of an emulated Secrets Manager, which programs of this process talk to as well."""
    moto = pytest.importorskip(
        "moto", reason="needs moto, an emulated AWS: pip install -r scripts/requirements-dev.txt"
    )
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    monkeypatch.setenv("AWS_REGION", "eu-central-1")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-central-1")
    with moto.mock_aws():
        yield login_roles.secrets_manager("eu-central-1")


@pytest.fixture
def prepared(master: Settings, monkeypatch: pytest.MonkeyPatch) -> Iterator[Settings]:
    """A database with groups; programs find it in the environment. Logins are gone afterwards."""
    with scratch_database(master) as settings:
        with closing(connect(settings)) as connection:
            bootstrap.apply(connection)
        # scripts/local.py test says so, and would lead the programs elsewhere.
        monkeypatch.delenv("DB_SERVER", raising=False)
        named = {key: getattr(settings, key) for key in ("host", "port", "user", "password", "dbname")}
        for name, value in as_environment(named).items():
            monkeypatch.setenv(name, value)
        try:
            yield settings
        finally:
            drop(settings, *ROLES, "till", "till_a", "till_b")


def drop(settings: Settings, *roles: str) -> None:
    run(settings, *(f"DROP ROLE IF EXISTS {role}" for role in roles))


def run(settings: Settings, *statements: str) -> list[tuple[Any, ...]]:
    with closing(connect(settings)) as connection, connection.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement)
        connection.commit()
        return cursor.fetchall() if cursor.description else []


def content(aws: Any, login: str) -> dict[str, str]:
    return json.loads(aws.get_secret_value(SecretId=f"{STACK}-login-{login}")["SecretString"])


def enter(settings: Settings, secret: dict[str, str]) -> str:
    """Who one is after logging in with what a secret says."""
    parameters = connection_parameters(settings) | {"user": secret["username"], "password": secret["password"]}
    with closing(psycopg2.connect(**parameters)) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT current_user")
        return cursor.fetchone()[0]


# Passwords --------------------------------------------------------------------------------------------------------------


def test_every_login_gets_a_pair_of_roles_a_group_and_a_secret_that_opens_the_door(
    prepared: Settings, aws: Any
) -> None:
    assert db_roles.main(["create", "--auth", "secret", "--stack", STACK]) == 0
    with closing(connect(prepared)) as connection:
        there = login_roles.present(connection)
    for login in LOGINS:
        for role in login_roles.roles_of(login, "secret"):
            assert (there[role].groups, there[role].powers) == ((login.group,), ())
        assert enter(prepared, content(aws, login.name.replace("_", "-"))) == f"{login.name}_a"


def test_repeating_it_changes_neither_roles_nor_secrets(
    prepared: Settings, aws: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["create", "shop_web", "--auth", "secret", "--stack", STACK]
    db_roles.main(arguments)
    before = content(aws, "shop-web")
    capsys.readouterr()
    assert db_roles.main(arguments) == 0
    assert content(aws, "shop-web") == before
    assert "shop_web: is there already." in capsys.readouterr().err


def test_every_login_but_deployments_has_limits_and_one_that_somebody_chose_stays(prepared: Settings, aws: Any) -> None:
    run(prepared, "CREATE ROLE shop_web_a LOGIN", "ALTER ROLE shop_web_a SET statement_timeout = '3s'")
    assert db_roles.main(["create", "--auth", "secret", "--stack", STACK]) == 0
    said = dict(run(prepared, "SELECT rolname::text, rolconfig FROM pg_roles WHERE rolconfig IS NOT NULL"))
    for login in LOGINS:
        for role in login_roles.roles_of(login, "secret"):
            limits = dict(login_roles.LIMITS.get(login.group, {}))
            limits |= {"statement_timeout": "3s"} if role == "shop_web_a" else {}
            assert sorted(said.get(role, [])) == sorted(f"{name}={value}" for name, value in limits.items()), role
    assert {login.group for login in LOGINS} - login_roles.LIMITS.keys() == {"shop_migrator"}
    with closing(connect(prepared)) as connection:
        parameters = connection_parameters(prepared) | dict(
            zip(("user", "password"), (content(aws, "shop-web")[key] for key in ("username", "password")), strict=True)
        )
        with closing(psycopg2.connect(**parameters)) as own, own.cursor() as cursor:
            cursor.execute("SHOW lock_timeout")
            assert cursor.fetchone() == ("5s",)
        connection.rollback()


def test_a_secret_that_no_longer_opens_the_door_is_mended(prepared: Settings, aws: Any) -> None:
    arguments = ["create", "shop_web", "--auth", "secret", "--stack", STACK]
    db_roles.main(arguments)
    run(prepared, "ALTER ROLE shop_web_a PASSWORD NULL")
    assert db_roles.main(arguments) == 0
    assert enter(prepared, content(aws, "shop-web")) == "shop_web_b"


def test_rotation_changes_sides_and_leaves_the_former_password_valid(prepared: Settings, aws: Any) -> None:
    db_roles.main(["create", "shop_web", "--auth", "secret", "--stack", STACK])
    seen = [content(aws, "shop-web")]
    for _ in range(3):
        assert db_roles.main(["rotate", "shop_web", "--stack", STACK]) == 0
        seen.append(content(aws, "shop-web"))
        assert [enter(prepared, each) for each in seen[-2:]] == [each["username"] for each in seen[-2:]]
    assert [each["username"] for each in seen] == ["shop_web_a", "shop_web_b"] * 2
    assert len({each["password"] for each in seen}) == 4
    with pytest.raises(psycopg2.OperationalError, match="password authentication failed"):
        enter(prepared, seen[0])


def test_the_secret_never_names_a_password_that_does_not_open_the_door(
    prepared: Settings, aws: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    db_roles.main(["create", "shop_web", "--auth", "secret", "--stack", STACK])
    before = content(aws, "shop-web")
    run(prepared, "ALTER ROLE shop_web_b NOLOGIN")
    with pytest.raises(LoginRefused, match=r"no pair of roles|cannot log in"):
        db_roles.main(["rotate", "shop_web", "--stack", STACK])
    assert content(aws, "shop-web") == before
    assert enter(prepared, before) == "shop_web_a"


@pytest.mark.parametrize("moment", ["_prove", "_write"])
def test_a_rotation_that_is_cut_off_leaves_what_the_secret_says_valid(
    prepared: Settings, aws: Any, monkeypatch: pytest.MonkeyPatch, moment: str
) -> None:
    db_roles.main(["create", "shop_web", "--auth", "secret", "--stack", STACK])

    def cut(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(login_roles, moment, cut)
        with pytest.raises(KeyboardInterrupt):
            db_roles.main(["rotate", "shop_web", "--stack", STACK])
    assert enter(prepared, content(aws, "shop-web")) == "shop_web_a"
    assert db_roles.main(["rotate", "shop_web", "--stack", STACK]) == 0
    assert enter(prepared, content(aws, "shop-web")) == "shop_web_b"


def test_two_rotations_of_one_login_do_not_meet(prepared: Settings, aws: Any) -> None:
    db_roles.main(["create", "shop_web", "--auth", "secret", "--stack", STACK])
    login = login_roles.known("shop_web", None)
    refused = pytest.raises(LoginRefused, match="another rotation of shop_web")
    with closing(connect(prepared)) as first, login_roles._alone(first, login), refused:
        db_roles.main(["rotate", "shop_web", "--stack", STACK])
    assert db_roles.main(["rotate", "shop_web", "--stack", STACK]) == 0


def test_no_password_is_in_the_servers_log_or_on_the_screen(
    prepared: Settings,
    aws: Any,
    superuser: Settings,
    embedded_server: EmbeddedServer,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def configure(*statements: str) -> None:
        with closing(connect(superuser)) as connection:
            connection.autocommit = True
            with connection.cursor() as cursor:
                for statement in (*statements, "SELECT pg_reload_conf()"):
                    cursor.execute(statement)

    configure("ALTER SYSTEM SET log_statement = 'all'")
    try:
        db_roles.main(["create", "shop_web", "--auth", "secret", "--stack", STACK])
        db_roles.main(["rotate", "shop_web", "--stack", STACK])
    finally:
        configure("ALTER SYSTEM RESET log_statement")
    log = Path(embedded_server.status().log).read_text(encoding="utf-8", errors="replace")
    assert re.search(r'ALTER ROLE "shop_web_b" PASSWORD \'SCRAM-SHA-256\$', log)
    printed = "".join(capsys.readouterr())
    for stage in ("AWSCURRENT", "AWSPREVIOUS"):
        secret = aws.get_secret_value(SecretId=f"{STACK}-login-shop-web", VersionStage=stage)["SecretString"]
        password = json.loads(secret)["password"]
        assert len(password) >= 40
        assert password not in log and password not in printed


# IAM --------------------------------------------------------------------------------------------------------------------


@pytest.fixture
def like_rds(embedded_own: EmbeddedServer) -> EmbeddedServer:
    """A server with a role rds_iam, whose members log in by token alone: here, by none."""
    embedded_own.start()
    administrator = load_settings(environ=as_environment(embedded_own.superuser_parameters()))
    run(administrator, "CREATE ROLE rds_iam")
    with closing(connect(administrator)) as connection:
        bootstrap.apply(connection)
    return embedded_own


def token_rule(server: EmbeddedServer) -> None:
    """Puts the rule of RDS before all others."""
    rules = server.home / "pg_hba.conf"
    rules.write_text("host all +rds_iam 127.0.0.1/32 reject\nlocal all +rds_iam reject\n" + rules.read_text())
    run(load_settings(environ=as_environment(server.superuser_parameters())), "SELECT pg_reload_conf()")


def test_a_login_by_token_holds_rds_iam_and_its_group_does_not(like_rds: EmbeddedServer) -> None:
    administrator = load_settings(environ=as_environment(like_rds.superuser_parameters()))
    with closing(connect(administrator)) as connection:
        for login in LOGINS:
            assert login_roles.ensure(connection, administrator, login, login_roles.default_auth(connection))
            assert login_roles.ensure(connection, administrator, login, "iam") == []
        there = login_roles.present(connection)
    assert all(there[login.name].has_iam and there[login.name].groups == (login.group,) for login in LOGINS)
    holders = run(
        administrator,
        "SELECT m.rolname, m.rolcanlogin FROM pg_auth_members AS a JOIN pg_roles AS m ON m.oid = a.member"
        " WHERE a.roleid = 'rds_iam'::regrole ORDER BY 1",
    )
    assert holders == sorted((login.name, True) for login in LOGINS)


def test_an_administrator_who_would_be_locked_out_gets_the_grant_taken_back(like_rds: EmbeddedServer) -> None:
    administrator = load_settings(environ=as_environment(like_rds.superuser_parameters()))
    master = load_settings(environ=as_environment(like_rds.connection_parameters()))
    # Whoever makes a role becomes a member of it, as the server does it by itself.
    run(administrator, "CREATE ROLE till LOGIN", "GRANT till TO shop_master WITH ADMIN TRUE, INHERIT FALSE, SET FALSE")
    token_rule(like_rds)
    connect(master).close()
    with closing(connect(administrator)) as connection, pytest.raises(LoginRefused, match="could not log in any more"):
        login_roles.ensure(connection, master, login_roles.known("till", "shop_ci"), "iam")
    assert run(administrator, "SELECT pg_has_role('till', 'rds_iam', 'MEMBER')") == [(False,)]
    connect(master).close()


def test_a_server_without_tokens_says_so(prepared: Settings) -> None:
    with pytest.raises(LoginRefused, match="enable IAM authentication"):
        db_roles.main(["create", "--auth", "iam"])


def test_whoever_may_become_the_owner_gets_no_password_where_tokens_work(like_rds: EmbeddedServer) -> None:
    administrator = load_settings(environ=as_environment(like_rds.superuser_parameters()))
    with (
        closing(connect(administrator)) as connection,
        pytest.raises(LoginRefused, match="no password that could leak"),
    ):
        login_roles.ensure(connection, administrator, login_roles.known("shop_deploy", None), "secret")


# Wrong use --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["create", "till"], "say its --group"),
        (["create", "till", "--group", "shop_owner"], "is none of"),
        (["create", "shop_app", "--group", "shop_app"], "is no name for a login"),
        (["create", "rds_till", "--group", "shop_app"], "is no name for a login"),
        (["create", "Till; DROP", "--group", "shop_app"], "is no name for a login"),
        (["create", "shop_web", "--group", "shop_app"], "is for shop_storefront"),
        (["create", "--group", "shop_app"], "--group is for a login that is named"),
        (["create", "--auth", "secret"], "say --stack NAME"),
        (["rotate", "--stack", STACK], "say which login"),
        (["rotate", "shop_web", "--auth", "iam", "--stack", STACK], "are not rotated"),
    ],
)
def test_wrong_use_is_explained(prepared: Settings, arguments: list[str], said: str) -> None:
    with pytest.raises(UsageError, match=re.escape(said)):
        db_roles.main(arguments)


@pytest.mark.parametrize(
    ("statement", "said"),
    [
        ("CREATE ROLE till_a LOGIN CREATEDB", "has more than shop_app: CREATEDB"),
        ("CREATE ROLE till_a LOGIN IN ROLE shop_backoffice", "has more than shop_app: shop_backoffice"),
        ("CREATE ROLE till_a", "exists and may not log in"),
    ],
)
def test_a_role_that_is_something_else_is_left_alone(prepared: Settings, aws: Any, statement: str, said: str) -> None:
    run(prepared, statement)
    with pytest.raises(LoginRefused, match=said):
        db_roles.main(["create", "till", "--group", "shop_app", "--auth", "secret", "--stack", STACK])
    assert run(prepared, "SELECT 1 FROM pg_roles WHERE rolname = 'till_b'") == []


def test_a_secret_of_somebody_else_is_not_overwritten(prepared: Settings, aws: Any) -> None:
    aws.create_secret(Name=f"{STACK}-login-till", SecretString="hidden-text")
    with pytest.raises(LoginRefused, match="was not written by this program") as refused:
        db_roles.main(["create", "till", "--group", "shop_app", "--auth", "secret", "--stack", STACK])
    assert "hidden-text" not in str(refused.value)


# The drill --------------------------------------------------------------------------------------------------------------


class Buyer(threading.Thread):
    """Buys until told to stop, on one connection or on a new one each time, by what it remembers of the secret.

    Only a refused log-in makes it ask for the secret again; any other error is a failure.
    """

    def __init__(self, shop: Shop, aws: Any, variant: int, stop: threading.Event, *, reconnects: bool) -> None:
        super().__init__(daemon=True)
        self.shop, self.aws, self.variant, self.stop_asked, self.reconnects = shop, aws, variant, stop, reconnects
        self.remembered = content(aws, "shop-service")
        self.bought, self.retried, self.failures = 0, 0, []

    def run(self) -> None:
        caller = self.log_in()
        try:
            while not self.stop_asked.is_set():
                if self.reconnects:
                    caller.close()
                    caller = self.log_in()
                cart = uuid7()
                caller.call("create_cart", cart_id=cart, currency="EUR", variant_ids=[self.variant], quantities=[1])
                place(caller, cart, 1499)
                self.bought += 1
        except Exception as error:
            self.failures.append(error)
        finally:
            with suppress(psycopg2.Error):
                caller.close()

    def log_in(self) -> Caller:
        for _ in range(3):
            parameters = connection_parameters(self.shop.settings) | {
                "user": self.remembered["username"], "password": self.remembered["password"]
            }  # fmt: skip
            try:
                return Caller(psycopg2.connect(**parameters))
            except psycopg2.OperationalError as error:
                if "password authentication failed" not in str(error):
                    raise
                self.retried += 1
                self.remembered = content(self.aws, "shop-service")
        raise AssertionError("the secret does not open the door")


def test_nothing_but_connects_is_retried_while_passwords_rotate_under_checkouts(
    shop: Shop, aws: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    login, settings = login_roles.known("shop_service", None), shop.settings
    variant, stop = shop.variant(stock=100_000), threading.Event()
    with closing(connect(settings)) as connection:
        try:
            login_roles.ensure(connection, settings, login, "secret")
            login_roles.rotate(connection, settings, login, STACK, aws)
            buyers = [Buyer(shop, aws, variant, stop, reconnects=reconnects) for reconnects in (False, True, True)]
            for buyer in buyers:
                buyer.start()
            try:
                for _ in range(4):
                    wait_for_purchases(buyers, 3)
                    login_roles.rotate(connection, settings, login, STACK, aws)
                wait_for_purchases(buyers, 3)
            finally:
                stop.set()
                for buyer in buyers:
                    buyer.join(60)
        finally:
            drop(settings, *login_roles.roles_of(login, "secret"))
    assert [failure for buyer in buyers for failure in buyer.failures] == []
    # Who stays connected notices nothing; who holds on to a password meets its end after two rotations, and asks again.
    assert buyers[0].retried == 0
    assert all(buyer.retried >= 1 for buyer in buyers[1:])
    placed = shop.owner.value("SELECT count(*) FROM shop.orders")
    assert placed == sum(buyer.bought for buyer in buyers)
    print(f"{placed} orders during 4 rotations, {sum(buyer.retried for buyer in buyers)} connects retried")


def wait_for_purchases(buyers: list[Buyer], number: int) -> None:
    """Returns when each buyer has bought that much more, or has failed."""
    before = [buyer.bought for buyer in buyers]
    done = threading.Event()
    while not done.wait(0.01):
        if all(buyer.bought >= had + number or buyer.failures for buyer, had in zip(buyers, before, strict=True)):
            done.set()
