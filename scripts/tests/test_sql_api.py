"""docs/sql_api.md: up to date, complete, and true: every example runs, every code has a meaning and somebody who raises it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace

import dump_api
import pytest
from ecommerce_dms import api_reference, migrations
from ecommerce_dms.api_reference import Reference
from ecommerce_dms.connection import connect
from ecommerce_dms.console import UserError
from ecommerce_dms.roles import OWNER
from ecommerce_dms.scratch import scratch_database
from ecommerce_dms.settings import Settings

PASSWORD = "only-for-tests"


@pytest.fixture(scope="module")
def template(master: Settings) -> Iterator[Settings]:
    with scratch_database(master) as settings:
        migrations.upgrade(settings, environment="test")
        yield settings


@pytest.fixture
def database(master: Settings, template: Settings) -> Iterator[Settings]:
    with scratch_database(master, template=template) as settings:
        yield settings


@pytest.fixture(scope="module")
def reference(template: Settings) -> Reference:
    return api_reference.read(template)


@pytest.fixture(scope="module")
def page() -> str:
    return (dump_api.DOCS / "sql_api.md").read_text(encoding="utf-8")


def test_both_pages_are_up_to_date(master: Settings) -> None:
    for name, wanted in dump_api.pages(master).items():
        assert (dump_api.DOCS / name).read_text(encoding="utf-8") == wanted, "run scripts/dump_api.py"


def test_every_example_runs(database: Settings) -> None:
    api_reference.run_stories(database)
    with closing(connect(database, role=OWNER)) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT invariant, example FROM api.verify_integrity() WHERE violations > 0")
        assert cursor.fetchall() == []


def test_the_worked_example_prints_what_the_page_shows_to_an_application_without_other_rights(
    master: Settings, database: Settings
) -> None:
    with closing(connect(master)) as connection:
        connection.autocommit = True
        connection.cursor().execute(f"CREATE ROLE example_tester LOGIN PASSWORD '{PASSWORD}' IN ROLE shop_app")
        try:
            application = replace(database, user="example_tester", password=PASSWORD)
            printed = api_reference.run_worked_example(application, owner=database)
        finally:
            connection.cursor().execute("DROP ROLE example_tester")
    page = (dump_api.DOCS / "worked_example.md").read_text(encoding="utf-8")
    assert page == api_reference.worked_example_md(printed)
    assert page != api_reference.worked_example_md(printed.replace("10455", "10456"))


def test_every_function_has_a_promise_an_example_and_somebody_who_may_call_it(reference: Reference) -> None:
    assert [name for name, function in reference.functions.items() if not function.promise] == []
    assert sorted(reference.functions.keys() - reference.examples.keys()) == []
    assert sorted(reference.examples.keys() - reference.functions.keys()) == []
    assert [name for name, function in reference.functions.items() if not function.executed_by] == []


def test_every_example_calls_the_function_that_it_is_about(reference: Reference) -> None:
    examples = [example for each in reference.examples.values() for example in each]
    assert [example.function for example in examples if f"{example.function}(" not in example.sql] == []


def test_every_function_is_written_down_with_all_its_arguments(reference: Reference, page: str) -> None:
    for function in reference.functions.values():
        assert f"\n### {function.name}\n" in page
        arguments = re.findall(r"(?:^|, )\"?(\w+)\"? [a-z]", function.arguments)
        assert [name for name in arguments if name not in function.signature] == []


def test_every_code_that_is_raised_or_promised_has_a_meaning(template: Settings, reference: Reference) -> None:
    raised = raised_in(template)
    promised = {code for function in reference.functions.values() for code in function.codes}
    assert sorted((raised | promised) - reference.codes.keys()) == []
    assert sorted(reference.codes.keys() - raised) == [], "meanings of codes that nothing raises"


def test_a_function_promises_the_codes_that_it_and_what_it_calls_can_raise(
    template: Settings, reference: Reference
) -> None:
    """All but those of guards (1xx), which any write can meet, and which say so by the name of a trigger."""
    bodies = bodies_in(template)
    for name, function in reference.functions.items():
        reached = {
            code for called in reachable(name, bodies) for code in re.findall(r"\bSH[02-9]\d\d\b", bodies[called])
        }
        promised = {code for code in function.codes if not code.startswith("SH1")}
        assert (name, sorted(promised)) == (name, sorted(reached))


def bodies_in(settings: Settings) -> dict[str, str]:
    """Source by name, of all functions but triggers."""
    with closing(connect(settings, role=OWNER)) as connection, connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT pronamespace::regnamespace || '.' || proname, string_agg(coalesce(pg_get_functiondef(oid), ''), ' ')
            FROM pg_proc WHERE pronamespace IN ('api'::regnamespace, 'shop'::regnamespace)
              AND prorettype <> 'trigger'::regtype AND prokind = 'f'
            GROUP BY 1
            """
        )
        return dict(cursor.fetchall())


def reachable(name: str, bodies: dict[str, str]) -> set[str]:
    """The function, and all that it calls, directly or not."""
    found, waiting = {name}, [name]
    while waiting:
        called = set(re.findall(r"\b(?:shop|api)[.][a-z_]+(?=\()", bodies[waiting.pop()])) & bodies.keys() - found
        found |= called
        waiting += called
    return found


def raised_in(settings: Settings) -> set[str]:
    """SQLSTATEs of class SH in the bodies of functions and the arguments of triggers."""
    with closing(connect(settings, role=OWNER)) as connection, connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT coalesce(prosrc, '') FROM pg_proc WHERE pronamespace IN ('api'::regnamespace, 'shop'::regnamespace)
            UNION ALL
            SELECT pg_get_triggerdef(oid) FROM pg_trigger WHERE NOT tgisinternal
            """
        )
        return {code for (text,) in cursor.fetchall() for code in re.findall(r"\bSH\d{3}\b", text)}


def test_what_is_stale_is_told_with_the_difference(embedded_settings: Settings, tmp_path, monkeypatch, capsys) -> None:
    stale = tmp_path / "sql_api.md"
    stale.write_text("# The SQL API\n")
    monkeypatch.setattr(dump_api, "DOCS", tmp_path)
    monkeypatch.setattr(dump_api, "load_settings", lambda _arguments: embedded_settings)
    assert dump_api.main(["--check"]) == 1
    assert "+### api.place_order" in capsys.readouterr().out
    assert stale.read_text() == "# The SQL API\n"
    assert dump_api.main([]) == 0
    assert dump_api.main(["--check"]) == 0


def test_an_example_that_fails_is_named_with_its_line(database: Settings, tmp_path) -> None:
    broken = tmp_path / "broken.sql"
    broken.write_text("SELECT 1;\nSELECT api.cancel_order(uuidv7(), 'no_need');\n")
    with pytest.raises(UserError, match=r"broken\.sql:2: ERROR: +there is no order") as error:
        api_reference.psql(database, broken)
    assert database.password not in str(error.value)


def test_ranges_of_codes_are_written_out() -> None:
    function = api_reference.Function("api.f", "", "void", "Does. Errors: SH001 to SH003, SH101.", ())
    assert function.codes == ["SH001", "SH002", "SH003", "SH101"]


def test_a_revision_without_a_chapter_is_refused(tmp_path, monkeypatch) -> None:
    (tmp_path / "0099_contract_gifts.sql").write_text("CREATE FUNCTION api.wrap(order_id uuid)\nRETURNS void\n")
    monkeypatch.setattr(api_reference, "VERSIONS", tmp_path)
    with pytest.raises(UserError, match=r"0099_contract_gifts\.sql makes api\.wrap"):
        api_reference.chapter_of_functions()
