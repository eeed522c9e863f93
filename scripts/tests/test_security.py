"""What docs/security.md claims beside the matrix: a leaked .env of CI opens nothing, analysts see nobody, what is audited has an
actor, and reads of credentials leave a line. Not for: attempts between customers (test_cross_customer.py) and privileges one by
one (test_db.py)."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import contract_shop
import dump_security
import psycopg2
import pytest
from contract_shop import Shop, app_login, uuid7
from ecommerce_dms.connection import connect, connection_parameters
from ecommerce_dms.db_tests import privilege_matrix
from ecommerce_dms.embedded import EmbeddedServer
from ecommerce_dms.roles import OWNER, ROLES
from ecommerce_dms.scratch import scratch_database
from ecommerce_dms.settings import Settings

SCRIPTS = Path(__file__).parents[1]


@contextmanager
def logged_in(settings: Settings, group: str) -> Iterator[tuple[Any, dict[str, str]]]:
    """A connection of a member of the group, and its parameters."""
    with app_login(settings, group) as (user, password):
        parameters = connection_parameters(settings) | {"user": user, "password": password}
        with closing(psycopg2.connect(**parameters)) as connection:
            connection.autocommit = True
            yield connection, parameters


def refusal(connection: Any, statement: str) -> str:
    """The SQLSTATE with which it is refused; what it returns, if it is not."""
    try:
        with connection.cursor() as cursor:
            cursor.execute(statement)
            return f"accepted: {cursor.fetchmany(1) if cursor.description else cursor.statusmessage}"
    except psycopg2.Error as error:
        return error.pgcode


def read(settings: Settings, statement: str) -> list[tuple[Any, ...]]:
    with closing(connect(settings, role=OWNER)) as connection, connection.cursor() as cursor:
        cursor.execute(statement)
        return cursor.fetchall()


# A leaked .env of CI ----------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def ci(copy_of: Callable[[Settings], Any], filled_template: Settings) -> Iterator[tuple[Settings, Any, dict[str, str]]]:
    """A shop full of customers, and what somebody can do who found CI's credential for it."""
    with copy_of(filled_template) as settings, logged_in(settings, "shop_ci") as (connection, parameters):
        yield settings, connection, parameters


def test_a_leaked_env_of_ci_reads_no_credential_and_nothing_personal(ci: Any) -> None:
    settings, connection, _ = ci
    columns = read(
        settings,
        "SELECT relname, attname FROM pg_attribute JOIN pg_class AS c ON c.oid = attrelid WHERE attnum > 0"
        " AND NOT attisdropped AND relkind IN ('r', 'v') AND relnamespace IN ('shop'::regnamespace, 'api'::regnamespace)",
    )
    open_to_ci = set(privilege_matrix.READS["shop_ci"].split())
    tried = 0
    for table, column in columns:
        if table in open_to_ci:
            continue
        schema = "api" if table.startswith(("my_", "report_")) else "shop"
        assert refusal(connection, f"SELECT {column} FROM {schema}.{table}") == "42501", (table, column)
        tried += 1
    assert tried > 300
    personal = {table for (table,) in read(settings, "SELECT DISTINCT table_name FROM shop.pii_columns")}
    assert not personal & open_to_ci


# Ways out of a group, none of which any may take.
CLIMBS = (
    *(f"GRANT {role.name} TO CURRENT_USER" for role in ROLES),
    "SET SESSION AUTHORIZATION shop_owner",
    "SET session_replication_role = replica",
    "ALTER ROLE CURRENT_USER SET shop.customer_id = '01990000-0000-7000-8000-000000000001'",
    "CREATE ROLE intruder LOGIN SUPERUSER",
    "CREATE ROLE intruder LOGIN",
    "ALTER ROLE shop_master PASSWORD 'x'",
    "ALTER ROLE shop_ci LOGIN",
    "ALTER ROLE CURRENT_USER CREATEROLE",
    "ALTER ROLE CURRENT_USER BYPASSRLS",
    "DROP ROLE shop_app",
    "SELECT rolpassword FROM pg_authid",
    "SELECT * FROM pg_user_mapping",
    "SELECT * FROM pg_statistic",
    "SELECT pg_read_file('/etc/passwd')",
    "SELECT pg_ls_dir('.')",
    "COPY (SELECT 1) TO PROGRAM 'true'",
    "COPY (SELECT 1) TO '/tmp/loot'",
    "SELECT lo_import('/etc/passwd')",
    "CREATE TABLE public.loot (x text)",
    "CREATE TABLE api.loot (x text)",
    "CREATE TEMPORARY TABLE loot (x text)",
    "CREATE FUNCTION pg_temp.loot() RETURNS integer LANGUAGE sql AS 'SELECT 1'",
    "CREATE OPERATOR public.= (LEFTARG = uuid, RIGHTARG = text, FUNCTION = texteq)",
    "CREATE CAST (text AS integer) WITH INOUT",
    "CREATE SCHEMA loot",
    "CREATE EXTENSION dblink",
    "CREATE PUBLICATION loot FOR ALL TABLES",
    "SELECT pg_create_logical_replication_slot('loot', 'pgoutput')",
    "CREATE EVENT TRIGGER loot ON ddl_command_end EXECUTE FUNCTION shop.refuse()",
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'shop_master'",
    "SELECT pg_switch_wal()",
    "SELECT pg_stat_reset()",
    "SELECT shop.post_dispute(1)",
    "SELECT shop.tell_outbox('order', 'x', 'order.placed', '{}')",
    "SELECT nextval('shop.journals_journal_id_seq')",
    "TABLE shop.customer_credentials",
    "EXPLAIN TABLE shop.customer_credentials",
    "COPY shop.account_tokens TO STDOUT",
    "UPDATE shop.deployment SET environment = 'test'",
    "ALTER SYSTEM SET log_statement = 'none'",
)
# 28000, 0A000, 42809: not even a matter of rights.
NO = ("42501", "0LP01", "28000", "0A000", "42809")


@pytest.mark.parametrize(
    "statement",
    [
        *(f"SET ROLE {role.name}" for role in ROLES if role.name != "shop_ci"),
        *CLIMBS,
        "SELECT api.credential_for_login('a@b.example')",
        "SELECT api.purge()",
    ],
)
def test_a_leaked_env_of_ci_changes_no_role_and_no_thing(ci: Any, statement: str) -> None:
    assert refusal(ci[1], statement) in NO, statement


@pytest.mark.parametrize("group", ["shop_storefront", "shop_analyst", "shop_monitor", "shop_backoffice", "shop_app"])
def test_nobody_climbs_out_of_a_group(ci: Any, group: str) -> None:
    with logged_in(ci[0], group) as (connection, _):
        others = (f"SET ROLE {role.name}" for role in ROLES if role.name != group)
        said = {statement: refusal(connection, statement) for statement in (*others, *CLIMBS)}
    assert {statement: answer for statement, answer in said.items() if answer not in NO} == {}


@pytest.mark.parametrize("group", ["shop_storefront", "shop_analyst", "shop_monitor", "shop_ci"])
def test_statistics_of_the_planner_tell_no_value_of_a_table(ci: Any, group: str) -> None:
    # Most common values and histograms hold addresses and names; EXPLAIN of a view would estimate by them.
    with logged_in(ci[0], group) as (connection, _):
        shown = refusal(
            connection, "SELECT tablename FROM pg_stats WHERE schemaname = 'shop' AND tablename <> 'deployment'"
        )
    assert shown == "accepted: []"


def test_what_ci_is_there_for_works_with_that_env(ci: Any) -> None:
    settings, connection, parameters = ci
    assert refusal(connection, "SELECT invariant FROM api.verify_integrity()").startswith("accepted")
    environment = {
        **{key: value for key, value in os.environ.items() if not key.startswith(("DB_", "DATABASE_", "PG"))},
        "DB_HOST": parameters["host"], "DB_PORT": str(parameters["port"]), "DB_NAME": settings.dbname,
        "DB_USER": parameters["user"], "DB_PASSWORD": parameters["password"], "DB_SSLMODE": "disable",
    }  # fmt: skip
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-m", "target", "-rs", "test_db.py"],
        cwd=SCRIPTS, env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-3000:]
    # One check asks whether there are orders at all, which is a look at a table.
    skipped = [line for line in done.stdout.splitlines() if line.startswith("SKIPPED")]
    assert len(skipped) == 1 and "permission denied for table orders" in skipped[0], done.stdout[-3000:]


# Analysts ---------------------------------------------------------------------------------------------------------------


def test_no_personal_value_of_the_shop_stands_in_a_view_of_analysts(
    copy_of: Callable[[Settings], Any], filled_template: Settings
) -> None:
    with copy_of(filled_template) as settings, logged_in(settings, "shop_analyst") as (connection, _):
        personal = {
            str(value)
            for table, column in read(settings, "SELECT table_name, column_name FROM shop.pii_columns")
            for (value,) in read(settings, f"SELECT DISTINCT {column} FROM shop.{table} WHERE {column} IS NOT NULL")
            # Shorter ones, such as regions, are also codes of other things.
            if len(str(value)) > 4
        } - {"erased"}  # What erasure writes instead.
        assert len(personal) > 100
        for view in privilege_matrix.READS_VIEWS["shop_analyst"].split():
            with connection.cursor() as cursor:
                cursor.execute(f"SELECT * FROM api.{view}")
                shown = {value for row in cursor.fetchall() for value in row if isinstance(value, str)}
            assert shown, view
            assert shown & personal == set(), view


# Audit ------------------------------------------------------------------------------------------------------------------


def audited_calls(shop: Shop) -> dict[str, dict[str, Any]]:
    """For each function that says it wants an actor, arguments that it accepts."""
    variant, customer = shop.variant(stock=5), shop.customer()
    stock = {"variant_id": variant, "warehouse_id": shop.warehouses[0]}
    later = shop.owner.value("SELECT date_trunc('day', now()) + interval '1 year'")
    shop.app.call("set_price", variant_id=variant, currency="EUR", amount_minor=800, valid_from=later)
    return {
        "set_price": {"variant_id": variant, "currency": "EUR", "amount_minor": 700},
        "withdraw_price": {"variant_id": variant, "currency": "EUR", "valid_from": later},
        "receive_stock": {**stock, "quantity": 1},
        "adjust_stock": {**stock, "delta": -1, "reason": "Lost"},
        "split_stock": {**stock, "slots": 2},
        "resolve_payment_exception": {"payment_exception_id": 1, "resolution": "Fine"},
        "release_outbox": {"outbox_event_id": uuid7(), "decision": "skip", "reason": "Fine"},
        "erase_customer": {"customer_id": customer},
        "erase_customer_by_email": {"email": "somebody@example.com"},
        "erase_due": {},
    }


def test_every_function_that_changes_what_is_audited_wants_to_know_who_acts(shop: Shop) -> None:
    calls = audited_calls(shop)
    promised = {
        name
        for (name,) in shop.owner.query(
            "SELECT proname FROM pg_proc WHERE pronamespace = 'api'::regnamespace AND obj_description(oid, 'pg_proc') ~ 'SH109'"
        )
    }
    assert promised == set(calls)
    nobody = shop.caller()
    nobody.query("SET shop.actor = ''")
    for name, arguments in calls.items():
        assert (name, nobody.refused(name, **arguments).pgcode) == (name, "SH109")
    nobody.close()


def test_a_read_of_a_credential_leaves_a_line_in_the_log_even_when_it_is_rolled_back(
    master: Settings, scratch_on_master: Settings, embedded_server: EmbeddedServer
) -> None:
    with app_login(scratch_on_master) as credentials:
        shop = Shop(scratch_on_master, *credentials)
        key = shop.customer()
        log = Path(embedded_server.status().log)
        began = log.stat().st_size
        shop.app.connection.autocommit = False
        (row,) = shop.app.rows("credential_for_login", email=f"{key}@example.com")
        shop.app.connection.rollback()
        shop.app.rows("credential_for_login", email="unknown@example.com")
        shop.app.connection.rollback()
        lines = [line for line in log.read_bytes()[began:].decode().splitlines() if "credential read" in line]
        shop.close()
    assert row[:2] == (key, contract_shop.HASH)
    assert [line.partition("LOG:  ")[2] for line in lines] == [
        f"credential read: customer {key}, login {credentials[0]}, actor staff:test",
        f"credential read: customer unknown, login {credentials[0]}, actor staff:test",
    ]
    assert not any("example.com" in line or contract_shop.HASH in line for line in lines)


@pytest.fixture
def scratch_on_master(master: Settings) -> Iterator[Settings]:
    from ecommerce_dms import migrations

    with scratch_database(master) as settings:
        migrations.upgrade(settings, environment="test")
        yield settings


# The page ---------------------------------------------------------------------------------------------------------------


def test_the_page_is_up_to_date(master: Settings) -> None:
    present = dump_security.SECURITY_MD.read_text(encoding="utf-8")
    assert present == dump_security.security_md(master, present), "run scripts/dump_security.py"


def test_what_people_write_on_the_page_is_kept(master: Settings) -> None:
    parts = {"matrix": "M", "classification": "C"}
    page = "# A\n\n<!-- matrix: begin -->\nold\n<!-- matrix: end -->\n\nkept\n\n<!-- classification: begin -->\n<!-- classification: end -->\n"
    filled = dump_security.fill(page, parts)
    assert "old" not in filled and "kept" in filled
    assert dump_security.fill(filled, parts) == filled


def test_a_page_without_its_markers_is_refused() -> None:
    with pytest.raises(dump_security.UserError, match="matrix: begin"):
        dump_security.fill("# A\n", {"matrix": "M"})
