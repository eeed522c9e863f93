"""docs/operations.md: what it says of tables, extensions and parameters is what the catalogue and Terraform say."""

from __future__ import annotations

import re
from contextlib import closing

from ecommerce_dms.connection import connect
from ecommerce_dms.settings import Settings
from pages import ROOT

PAGE = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")


def answer(question: str) -> str:
    """The right cell of a row."""
    return re.search(rf"^\| {question} \| (.*) \|$", PAGE, re.M)[1]


def rows(settings: Settings, sql: str) -> list[tuple]:
    with closing(connect(settings)) as connection, connection.cursor() as cursor:
        cursor.execute(sql)
        return cursor.fetchall()


def test_fillfactors_and_settings_for_autovacuum_are_those_of_the_catalogue(
    shared_scratch: Settings,
) -> None:
    found = rows(
        shared_scratch,
        "SELECT relname, unnest(reloptions) FROM pg_class WHERE relnamespace = 'shop'::regnamespace AND relkind IN ('r', 'p')",
    )
    said = {(table, f"fillfactor={number}") for table, number in re.findall(r"`(\w+)` (\d+)", answer("fillfactor"))}
    vacuumed = answer("autovacuum of single tables")
    said |= {("outbox_events", setting) for setting in re.findall(r"`(autovacuum_\w+=[\d.]+)`", vacuumed)}
    assert said == set(found)
    assert "`outbox_events`" in vacuumed and "no other has a setting" in vacuumed


def test_there_are_no_partitions_and_no_extensions(shared_scratch: Settings) -> None:
    assert answer("partitions").startswith("none yet") and "no extension but `plpgsql`" in answer("what ran")
    assert rows(shared_scratch, "SELECT count(*) FROM pg_class WHERE relkind = 'p'") == [(0,)]
    assert rows(shared_scratch, "SELECT extname FROM pg_extension") == [("plpgsql",)]


def test_parameters_are_those_of_terraform() -> None:
    table = (ROOT / "terraform" / "parameters.tf").read_text(encoding="utf-8")
    set_there = dict(re.findall(r'^\s+"([\w.]+)"\s+= \{ value = "([^"]*)"', table, re.M))
    said = dict(re.findall(r"`([\w.]+) = (\w+)`", answer("parameters of the server")))
    assert len(said) == 4 and said.items() <= set_there.items()
    assert "statement_timeout" not in set_there
    assert [name for name in set_there if "autovacuum_vacuum" in name or name.endswith(("_mem", "_buffers"))] == []
    loaded = set_there["shared_preload_libraries"].split(",")
    assert [name for name in loaded if f"`{name}`" not in answer("what ran")] == []
    backups = re.search(
        r'variable "backup".*?retention_days\s+= optional\(number, (\d+)\)',
        (ROOT / "terraform" / "variables.tf").read_text(encoding="utf-8"),
        re.S,
    )
    assert f"{backups[1]} days unless" in answer("backups")


def test_a_master_may_give_a_login_its_timeouts(shared_scratch: Settings) -> None:
    block = re.search(r"^```sql\n(.*?)^```", PAGE, re.M | re.S)[1]
    with closing(connect(shared_scratch)) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT rolsuper FROM pg_roles WHERE rolname = current_user")
        assert cursor.fetchone() == (False,)
        cursor.execute("CREATE ROLE shop_of_a_test LOGIN IN ROLE shop_app")
        cursor.execute(block.replace("shop_service", "shop_of_a_test"))
        cursor.execute("SELECT rolconfig FROM pg_roles WHERE rolname = 'shop_of_a_test'")
        assert cursor.fetchone() == (["statement_timeout=10s", "lock_timeout=3s"],)
        connection.rollback()
