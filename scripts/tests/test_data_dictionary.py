"""docs/data_dictionary.md: up to date, complete, linked, and true about who writes what."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import closing

import dump_dictionary
import pytest
from ecommerce_dms import data_dictionary, migrations
from ecommerce_dms.connection import connect
from ecommerce_dms.data_dictionary import Dictionary
from ecommerce_dms.diagrams.catalog import Check, Column, ForeignKey, Index, Table
from ecommerce_dms.roles import OWNER
from ecommerce_dms.scratch import scratch_database
from ecommerce_dms.settings import Settings


@pytest.fixture(scope="module")
def template(master: Settings) -> Iterator[Settings]:
    with scratch_database(master) as settings:
        migrations.upgrade(settings, environment="test")
        yield settings


@pytest.fixture(scope="module")
def dictionary(template: Settings) -> Dictionary:
    return data_dictionary.read(template)


@pytest.fixture(scope="module")
def page() -> str:
    return dump_dictionary.DATA_DICTIONARY_MD.read_text(encoding="utf-8")


def test_the_page_is_up_to_date(dictionary: Dictionary, page: str) -> None:
    assert page == data_dictionary.markdown(dictionary), "run scripts/dump_dictionary.py"


def test_every_table_column_rule_index_and_trigger_is_on_it(template: Settings, page: str) -> None:
    with closing(connect(template, role=OWNER)) as connection, connection.cursor() as cursor:
        cursor.execute(
            "SELECT table_name, column_name FROM information_schema.columns JOIN information_schema.tables"
            " USING (table_schema, table_name)"
            " WHERE table_schema = 'shop' AND table_type = 'BASE TABLE' AND table_name <> 'alembic_version'"
        )
        columns = cursor.fetchall()
        cursor.execute(
            "SELECT tgname FROM pg_trigger WHERE NOT tgisinternal AND tgrelid::regclass::text LIKE 'shop.%'"
            " UNION ALL SELECT indexname FROM pg_indexes WHERE schemaname = 'shop' AND tablename <> 'alembic_version'"
        )
        names = [name for (name,) in cursor.fetchall()]
    sections = sections_of(page)
    assert {table for table, _ in columns} == sections.keys()
    assert [pair for pair in columns if f"| `{pair[1]}` |" not in sections[pair[0]].replace("**", "")] == []
    assert [name for name in names if f"- `{name}`" not in page] == []


def sections_of(page: str) -> dict[str, str]:
    parts = re.split(r"^### (\w+)$", page, flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


def test_every_rule_that_is_no_index_is_on_it_too(dictionary: Dictionary, page: str) -> None:
    sections = sections_of(page)
    for table in dictionary.catalog.tables.values():
        for check in table.checks:
            length, floor = data_dictionary._length_of(check), data_dictionary._floor_of(check)
            said = length or (f"`{floor}`" if floor else data_dictionary.claim_of(table.name, check.name))
            assert said in sections[table.name], check.name
        for key in table.foreign_keys:
            assert f"→ [{key.target}](#{key.target})" in sections[table.name]


def test_every_link_within_it_and_to_the_functions_has_a_target(page: str) -> None:
    api_page = (dump_dictionary.DATA_DICTIONARY_MD.parent / "sql_api.md").read_text(encoding="utf-8")
    own, theirs = anchors(page), anchors(api_page)
    assert len(own) == len(set(own)), "two headings with the same anchor"
    assert sorted(set(re.findall(r"\]\(#([^)]+)\)", page)) - set(own)) == []
    assert sorted(set(re.findall(r"\]\(sql_api\.md#([^)]+)\)", page)) - set(theirs)) == []


def anchors(page: str) -> list[str]:
    """The anchors that GitHub gives to headings."""
    titles = re.findall(
        r"^#{1,6} (.*)$", re.sub(r"^```.*?^```", "", page, flags=re.MULTILINE | re.DOTALL), re.MULTILINE
    )
    return [re.sub(r"[^\w\- ]", "", title).lower().replace(" ", "-") for title in titles]


def test_personal_data_are_marked_as_the_database_lists_them(template: Settings, page: str) -> None:
    with closing(connect(template, role=OWNER)) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT table_name, column_name, erase::text FROM shop.pii_columns")
        listed = {(table, column): erase.replace("_", " ") for table, column, erase in cursor.fetchall()}
    shown = {
        (table, found.group(1)): found.group(2)
        for table, section in sections_of(page).items()
        for found in re.finditer(r"^\| \**`(\w+)`\** (?:\|[^|]*){4}\| (now|after retention) \|", section, re.MULTILINE)
    }
    assert shown == listed


def test_those_who_write_a_table_are_found_through_functions_and_triggers(dictionary: Dictionary) -> None:
    writers = data_dictionary.writers_of(dictionary)
    assert "api.place_order" in writers["orders"]["functions"]
    assert "api.record_payment_event" in writers["payment_events"]["functions"]
    assert "orders" in writers["order_status_history"]["triggers"]
    assert "order_allocations" in writers["stock_levels"]["triggers"] + writers["stock_movements"]["triggers"]
    assert "order_transitions" not in writers


def test_a_comment_about_a_write_is_no_write() -> None:
    body = data_dictionary._without_comments("-- never UPDATE shop.orders\nDELETE FROM shop.carts;")
    assert data_dictionary._tables_written(body) == {"carts"}


@pytest.mark.parametrize(
    ("column", "unit"),
    [
        (Column("total_minor", "bigint", False), "minor"),
        (Column("placed_at", "timestamptz", False), "moment"),
        (Column("weight_grams", "integer", False), "gram"),
        (Column("quantity", "smallint", False), "unit of goods"),
        (Column("rate", "numeric(9,6)", False), "fraction of 1"),
        (Column("order_id", "uuid", False), ""),
        (Column("customer_limit", "text", False), ""),
    ],
)
def test_units_follow_from_names_and_types(column: Column, unit: str) -> None:
    assert data_dictionary.unit_of(column) == unit


def test_a_partial_index_serves_a_foreign_key_only_if_it_leaves_out_nothing_but_null() -> None:
    key = ForeignKey("fk", "t", ("a", "b"), "parent", ("a", "b"))
    table = Table(
        "t", "", tuple(Column(name, "int", True) for name in ("a", "b", "c")), foreign_keys=(key,)
    )  # fmt: skip
    whole = Index("i", "btree", False, False, ("b", "a", "c"))
    null_left_out = Index("i", "btree", False, False, ("a", "b"), condition="a IS NOT NULL")
    something_left_out = Index("i", "btree", False, False, ("a", "b"), condition="c > 0")
    assert data_dictionary.serves(table, whole) == "the foreign key to parent"
    assert data_dictionary.serves(table, null_left_out) == "the foreign key to parent"
    assert data_dictionary.serves(table, something_left_out) == "reads by `a`, `b`"


def test_a_pipe_or_a_tag_in_a_comment_breaks_no_table() -> None:
    assert data_dictionary._cell(data_dictionary._text("a | b <c> *d*")) == r"a \| b \<c\> \*d\*"


def test_a_check_is_told_by_the_claim_in_its_name() -> None:
    check = Check("ck_orders_expires_after_placed", "CHECK (expires_at > placed_at)")
    assert data_dictionary._check(Table("orders", "", ()), check) == "Expires after placed: `expires_at > placed_at`."


def test_what_is_stale_is_told_with_the_difference(embedded_settings: Settings, tmp_path, monkeypatch, capsys) -> None:
    stale = tmp_path / "data_dictionary.md"
    stale.write_text("# Data dictionary\n")
    monkeypatch.setattr(dump_dictionary, "DATA_DICTIONARY_MD", stale)
    monkeypatch.setattr(dump_dictionary, "load_settings", lambda _arguments: embedded_settings)
    assert dump_dictionary.main(["--check"]) == 1
    assert "+### orders" in capsys.readouterr().out
    assert stale.read_text() == "# Data dictionary\n"
    assert dump_dictionary.main([]) == 0
    assert dump_dictionary.main(["--check"]) == 0
