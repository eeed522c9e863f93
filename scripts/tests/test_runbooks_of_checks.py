"""docs/runbooks/check-*.md and operation-*.md: one page for each check, and SQL and local commands that work.

```sql blocks are run as a member of shop_monitor, ```sql owner blocks as shop_owner, on a database at head with a small shop.
Of ```sh blocks, the programs of this repository are asked whether they take these arguments, and AWS commands are held against
boto3's own description: what AWS answers is not tested here.
"""

from __future__ import annotations

import importlib
import re
import shlex
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import botocore.session
import pytest
from botocore import xform_name
from ecommerce_dms.connection import connect
from ecommerce_dms.health import checks
from ecommerce_dms.roles import OWNER
from ecommerce_dms.scratch import scratch_database
from ecommerce_dms.settings import Settings
from health_shop import healthy_template, watcher

ROOT = Path(__file__).resolve().parents[2]
RUNBOOKS = ROOT / "docs" / "runbooks"
PAGES = {path.stem: path.read_text(encoding="utf-8") for path in sorted(RUNBOOKS.glob("*.md"))}
MINE = {name: text for name, text in PAGES.items() if name.startswith(("check-", "operation-"))}
CHECKS = {check.name: check for check in checks.read()}

SECTIONS = ["What it means", "See it", "What to do", "Over when"]
OPERATIONS = {
    "failover",
    "point-in-time-restore",
    "minor-upgrade",
    "major-upgrade",
    "blue-green",
    "scaling-up",
    "storage-full",
    "credential-rotation",
    "key-compromise",
    "gdpr-erasure",
    "engine-change",
}
AWS_OPTIONS = {"--query", "--output", "--region"}


def blocks(info: str) -> list[tuple[str, str]]:
    """Page and content of each fenced block with this info string."""
    return [
        (name, re.sub(r"^ +", "", block, flags=re.MULTILINE))
        for name, text in MINE.items()
        for block in re.findall(rf"^ *```{info}\n(.*?)^ *```$", text, re.MULTILINE | re.DOTALL)
    ]


def statements(info: str) -> list[tuple[str, str]]:
    return [
        (name, statement.strip())
        for name, block in blocks(info)
        for statement in block.split(";\n")
        if statement.strip()
    ]


def commands(program: str) -> Iterator[tuple[str, list[str]]]:
    """Page and words of each command of a ```sh block that begins so."""
    for name, block in blocks("sh"):
        for line in block.splitlines():
            if line.startswith(f"{program} "):
                yield name, shlex.split(line)


def test_every_check_has_one_page_and_every_page_one_check() -> None:
    assert sorted(name for name in MINE if name.startswith("check-")) == sorted(f"check-{name}" for name in CHECKS)
    assert {check.runbook for check in CHECKS.values()} == {f"docs/runbooks/check-{name}.md" for name in CHECKS}


def test_every_operation_has_its_page() -> None:
    assert {name.removeprefix("operation-") for name in MINE if name.startswith("operation-")} == OPERATIONS


@pytest.mark.parametrize("name", sorted(CHECKS))
def test_the_page_of_a_check_says_what_its_header_says(name: str) -> None:
    lines = MINE[f"check-{name}"].splitlines()
    assert lines[0] == f"# check-{name}"
    assert lines[2] == f"Check · {CHECKS[name].severity}"
    assert CHECKS[name].meaning in lines[6]


@pytest.mark.parametrize("name", sorted(MINE))
def test_a_page_says_what_it_means_how_to_see_it_what_to_do_and_when_it_is_over(name: str) -> None:
    assert re.findall(r"^## (.+)$", MINE[name], re.MULTILINE) == SECTIONS
    assert "```" in MINE[name].split("## See it")[1].split("## What to do")[0], "a command to see it with"


# Commands that are run --------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def template(master: Settings) -> Iterator[Settings]:
    with healthy_template(master) as settings:
        yield settings


@pytest.fixture(scope="module")
def monitor(master: Settings) -> Iterator[tuple[str, str]]:
    with watcher(master) as credentials:
        yield credentials


def test_what_is_to_be_seen_a_monitor_can_see(template: Settings, monitor: tuple[str, str]) -> None:
    user, password = monitor
    failed = []
    with closing(connect(replace(template, user=user, password=password))) as connection, connection.cursor() as cursor:
        connection.autocommit = True
        for page, statement in statements("sql"):
            try:
                cursor.execute(statement)
                assert cursor.description, "it shows nothing"
            except Exception as error:
                failed.append(f"{page}: {statement[:60]} … {error}")
    assert failed == []
    assert len(statements("sql")) > 30


def test_what_is_to_be_done_the_owner_can_do(master: Settings, template: Settings) -> None:
    found = statements("sql owner")
    assert len(found) > 10
    for page, statement in found:
        if statement == "ANALYZE":
            continue  # The same as below, of 40 tables.
        with scratch_database(master, template=template) as own, closing(connect(own, role=OWNER)) as connection:
            connection.autocommit = True
            with connection.cursor() as cursor:
                cursor.execute("SET shop.actor = 'staff:test'")
                try:
                    cursor.execute(statement)
                except Exception as error:
                    pytest.fail(f"{page}: {statement}: {error}")


@pytest.mark.parametrize(("page", "words"), list(commands("python3")), ids=lambda value: str(value)[:60])
def test_a_program_takes_the_arguments_that_a_page_gives_it(page: str, words: list[str]) -> None:
    _, script, *arguments = words
    assert script.startswith("scripts/") and (ROOT / script).is_file(), page
    module = importlib.import_module(Path(script).stem)
    parsed = module._parser().parse_args(arguments)
    if "health_check" in script:
        assert checks.chosen(list(CHECKS.values()), parsed.only)


@pytest.mark.parametrize(("page", "words"), list(commands("aws")), ids=lambda value: str(value)[:60])
def test_an_aws_command_names_an_operation_and_options_that_exist(page: str, words: list[str]) -> None:
    _, service, operation, *options = words
    model = botocore.session.get_session().get_service_model(service)
    operations = {xform_name(name, "-"): name for name in model.operation_names}
    assert operation in operations, page
    shape = model.operation_model(operations[operation]).input_shape
    known = {f"--{xform_name(member, '-')}" for member in shape.members}
    known |= {f"--no-{xform_name(name, '-')}" for name, each in shape.members.items() if each.type_name == "boolean"}
    used = {word for word in options if word.startswith("--")}
    assert used - AWS_OPTIONS - known == set()
    assert {f"--{xform_name(member, '-')}" for member in shape.required_members} - used == set()


def test_functions_that_pages_speak_of_exist(template: Settings) -> None:
    named = {name for text in MINE.values() for name in re.findall(r"\bapi\.(\w+)\(", text)}
    with closing(connect(template, role=OWNER)) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT proname FROM pg_proc WHERE pronamespace = 'api'::regnamespace")
        there = {name for (name,) in cursor.fetchall()}
    assert named and named - there == set()
