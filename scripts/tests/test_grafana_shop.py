"""The shop's dashboard: every SQL panel is run as shop_monitor on a seeded database and returns rows; the log panel finds what
a real server logs."""

from __future__ import annotations

import datetime as dt
import json
import re
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import contract_shop
import psycopg2
import pytest
from conftest import as_environment
from ecommerce_dms import migrations
from ecommerce_dms.connection import connect
from ecommerce_dms.embedded import EmbeddedServer
from ecommerce_dms.scratch import scratch_database
from ecommerce_dms.settings import Settings, load_settings
from health_shop import healthy_template, run, watcher

GRAFANA = Path(__file__).resolve().parents[2] / "monitoring" / "grafana"
DASHBOARD = json.loads((GRAFANA / "dashboards" / "shop.json").read_text(encoding="utf-8"))
PANELS = [panel for panel in DASHBOARD["panels"] if panel["type"] != "row"]
SQL_PANELS = {panel["title"]: panel["targets"][0] for panel in PANELS if "rawSql" in panel["targets"][0]}
(LOG_PANEL,) = [panel for panel in PANELS if panel["title"] not in SQL_PANELS]

# What the dashboard has to show, and the panel that does.
SHOWN = {
    "orders per minute": "Orders per minute",
    "refused checkouts by code": "Refused calls by code",
    "stock-outs": "Stock-outs",
    "unpaid orders": "Unpaid orders",
    "payment exceptions": "Payment exceptions",
    "outbox lag": "Outbox lag",
    "slowest statements": "Slowest statements",
}


@pytest.fixture(scope="module")
def template(master: Settings) -> Iterator[Settings]:
    with healthy_template(master) as settings:
        yield settings


@pytest.fixture(scope="module")
def database(master: Settings, template: Settings) -> Iterator[Settings]:
    """A copy for tests that only read."""
    with scratch_database(master, template=template) as settings:
        yield settings


@pytest.fixture(scope="module")
def monitor(master: Settings) -> Iterator[tuple[str, str]]:
    with watcher(master) as credentials:
        yield credentials


def expanded(sql: str, since: dt.datetime, until: dt.datetime, interval: dt.timedelta) -> str:
    """As Grafana's PostgreSQL data source sends it. Raises AssertionError for a macro or variable that is left."""
    variables = {each["name"]: each.get("current", {}).get("value", "") for each in DASHBOARD["templating"]["list"]}
    for macro, value in {
        "$__timeFrom()": f"'{since:%Y-%m-%dT%H:%M:%SZ}'",
        "$__timeTo()": f"'{until:%Y-%m-%dT%H:%M:%SZ}'",
        "$__interval_ms": str(int(interval.total_seconds() * 1000)),
        **{f"${name}": value for name, value in variables.items()},
    }.items():
        sql = sql.replace(macro, value)
    assert "$" not in sql, sql
    return sql


def shown(
    database: Settings, monitor: tuple[str, str], title: str, since: dt.datetime | None = None, days: float = 0.25
) -> list[dict[str, Any]]:  # fmt: skip
    """The rows of a panel."""
    until = (since or dt.datetime.now(dt.UTC)) + dt.timedelta(days=days if since else 0)
    since = since or until - dt.timedelta(days=days)
    user, password = monitor
    with closing(connect(replace(database, user=user, password=password))) as connection, connection.cursor() as cursor:
        cursor.execute(expanded(SQL_PANELS[title]["rawSql"], since, until, (until - since) / 1000))
        names = [column.name for column in cursor.description]
        return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]


def test_the_dashboard_shows_what_it_is_for() -> None:
    assert set(SHOWN.values()) <= {panel["title"] for panel in PANELS}


@pytest.mark.parametrize("days", [0.25, 30, 365])
@pytest.mark.parametrize("title", sorted(SQL_PANELS))
def test_every_sql_panel_returns_rows_to_a_monitor(
    title: str, days: float, database: Settings, monitor: tuple[str, str]
) -> None:
    rows = shown(database, monitor, title, days=days)
    assert rows
    if SQL_PANELS[title]["format"] == "time_series":
        assert all(row["time"].tzinfo for row in rows)
        assert len(rows) < 5000


def test_orders_are_counted_in_their_minute_and_none_is_left_out(database: Settings, monitor: tuple[str, str]) -> None:
    since = dt.datetime(2025, 12, 20, tzinfo=dt.UTC)
    range_of_days = "placed_at >= '2025-12-20Z' AND placed_at < '2025-12-30Z'"
    ((expected,),) = run(database, f"SELECT count(*) FROM shop.orders WHERE {range_of_days}")
    rows = shown(database, monitor, "Orders per minute", since, days=10)
    (total,) = shown(database, monitor, "Orders in the range", since, days=10)
    assert expected > 0 and total["orders"] == expected
    minutes = (rows[1]["time"] - rows[0]["time"]).total_seconds() / 60
    assert round(sum(float(row["orders per minute"]) for row in rows) * minutes) == expected


def test_stock_outs_are_counted(template: Settings, monitor: tuple[str, str], master: Settings) -> None:
    with scratch_database(master, template=template) as database:
        (before,) = shown(database, monitor, "Stock-outs")
        run(database, "UPDATE shop.warehouses SET is_active = false")
        (after,) = shown(database, monitor, "Stock-outs")
    assert after["sold out"] > before["sold out"]


def test_statements_are_shown_or_the_way_to_get_them(
    template: Settings, monitor: tuple[str, str], master: Settings
) -> None:
    with scratch_database(master, template=template) as database:
        (missing,) = shown(database, monitor, "Slowest statements")
        assert "CREATE EXTENSION pg_stat_statements" in missing["statement"]
        # The embedded server has no such extension: a view with its columns stands in for it.
        run(
            database,
            "CREATE SCHEMA extensions",
            """CREATE VIEW extensions.pg_stat_statements AS
               SELECT oid AS dbid, 'SELECT  $1'::text AS query, 3::bigint AS calls, 6.5::double precision AS total_exec_time,
                      2.1::double precision AS mean_exec_time, 9::bigint AS rows
               FROM pg_database WHERE datname = current_database()""",
            "GRANT SELECT ON extensions.pg_stat_statements TO PUBLIC",
            role=None,
        )
        (closed,) = shown(database, monitor, "Slowest statements")
        assert "GRANT USAGE ON SCHEMA extensions TO shop_monitor" in closed["statement"]
        run(database, "GRANT USAGE ON SCHEMA extensions TO shop_monitor", role=None)
        (found,) = shown(database, monitor, "Slowest statements")
    assert (found["statement"], found["calls"], float(found["total"]), found["rows"]) == ("SELECT $1", 3, 6.5, 9)


# The log ------------------------------------------------------------------------------------------------------------------


def test_refusals_are_found_in_a_real_servers_log(tmp_path: Path) -> None:
    (target,) = LOG_PANEL["targets"]
    line = re.compile(re.search(r"parse @message /(.+)/", target["expression"])[1].replace("(?<", "(?P<"))
    assert re.search(r"like /(.+)/", target["expression"])[1] == line.pattern.replace(
        "(?P<code>SH[0-9]{3})", "SH[0-9]{3}"
    )
    server = EmbeddedServer(tmp_path / "verbose", {"log_error_verbosity": "verbose"})
    try:
        server.start()
        settings = load_settings(environ=as_environment(server.connection_parameters()))
        migrations.upgrade(settings, environment="test")
        with (
            contract_shop.app_login(settings) as credentials,
            closing(contract_shop.Shop(settings, *credentials)) as shop,
        ):
            cart = shop.cart({shop.variant(stock=1): 2})
            with pytest.raises(psycopg2.Error) as refused:
                contract_shop.place(shop.app, cart, 2499)
        logged = (server.home / "server.log").read_text(encoding="utf-8")
    finally:
        server.destroy()
    assert refused.value.pgcode in [found["code"] for found in line.finditer(logged)]


def test_the_servers_on_aws_write_the_code_into_their_log() -> None:
    parameters = (GRAFANA.parents[1] / "terraform" / "parameters.tf").read_text(encoding="utf-8")
    assert re.search(r'"log_error_verbosity"\s*=\s*\{ value = "verbose"', parameters)


# The files ----------------------------------------------------------------------------------------------------------------


def test_every_panel_has_a_number_and_a_place_of_its_own_and_a_data_source_that_can_be_chosen() -> None:
    every = DASHBOARD["panels"]
    assert len({panel["id"] for panel in every}) == len(every)
    cells = [
        (x, y)
        for panel in every
        for x in range(panel["gridPos"]["x"], panel["gridPos"]["x"] + panel["gridPos"]["w"])
        for y in range(panel["gridPos"]["y"], panel["gridPos"]["y"] + panel["gridPos"]["h"])
    ]
    assert len(set(cells)) == len(cells) and max(x for x, _ in cells) < 24
    chosen = {f"${{{each['name']}}}" for each in DASHBOARD["templating"]["list"] if each["type"] == "datasource"}
    assert {panel["datasource"]["uid"] for panel in PANELS} == chosen


def test_runbooks_that_panels_name_exist() -> None:
    named = re.findall(r"Runbook: ([a-z-]+)", json.dumps(DASHBOARD))
    assert named
    assert [name for name in named if not (GRAFANA.parents[1] / "docs" / "runbooks" / f"{name}.md").exists()] == []


def test_the_data_source_verifies_the_server_and_holds_no_secret() -> None:
    text = (GRAFANA / "provisioning" / "datasources" / "shop.yml").read_text(encoding="utf-8")
    assert "sslmode: verify-full" in text
    assert re.findall(r"(?:user|password|url): (.+)", text) == [
        "$SHOP_DB_HOST:$SHOP_DB_PORT",
        "$SHOP_DB_USER",
        "$SHOP_DB_PASSWORD",
    ]


def test_nobody_but_the_owner_and_staff_may_ask_for_counts(database: Settings, master: Settings) -> None:
    with (
        watcher(master, "shop_app") as (user, password),
        closing(connect(replace(database, user=user, password=password))) as connection,
        connection.cursor() as cursor,
        pytest.raises(psycopg2.errors.InsufficientPrivilege),
    ):
        cursor.execute("SELECT * FROM api.shop_health()")
