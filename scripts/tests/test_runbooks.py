"""docs/runbooks/: a page for each alarm and an alarm for each such page, and commands that work.

SQL is run on a database at head by a login that may do what `shop_monitor` may. AWS commands are held against boto3's own
description of each service: that the operation and its options exist, not what it answers.
"""

from __future__ import annotations

import re
import shlex
import shutil
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import botocore.session
import psycopg2
import pytest
from botocore import xform_name
from ecommerce_dms import migrations
from ecommerce_dms.connection import connect
from ecommerce_dms.scratch import scratch_database

ROOT = Path(__file__).resolve().parents[2]
RUNBOOKS = ROOT / "docs" / "runbooks"
INDEX = RUNBOOKS / "README.md"
ALARMS = ROOT / "monitoring" / "alarms.tf"
THRESHOLDS = ROOT / "monitoring" / "thresholds.tf"

SECTIONS = ["What it means", "See it", "What to do", "Over when"]

# Options of the `aws` command itself.
GLOBAL_OPTIONS = {"--query", "--output", "--region", "--profile"}


def alarm_rows() -> dict[str, tuple[str, str]]:
    """Key of each row of alarms.tf → its severity and metric."""
    found = re.findall(
        r'^    ([a-z][a-z-]+) = \{\n +severity *= "(\w+)", metric *= "([^"]+)"', ALARMS.read_text(), re.M
    )
    return {key: (severity, metric) for key, severity, metric in found}


def alarm_pages() -> dict[str, Path]:
    """Pages of alarms; others, of checks and operations, do not begin so."""
    return {
        path.stem: path
        for path in RUNBOOKS.glob("*.md")
        if path != INDEX and path.read_text().split("\n")[2].startswith("Alarm · ")
    }


def blocks(language: str) -> list[tuple[str, str]]:
    """Page and content of each fenced block of that language."""
    return [
        (f"{path.stem}-{number}", re.sub(r"^ +", "", block, flags=re.M) if language == "sh" else block)
        for path in sorted(RUNBOOKS.glob("*.md"))
        for number, block in enumerate(re.findall(rf"^ *```{language}\n(.*?)^ *```$", path.read_text(), re.M | re.S), 1)
    ]


def test_every_alarm_has_its_page_and_every_alarm_page_its_alarm() -> None:
    assert len(alarm_rows()) == ALARMS.read_text().count("severity = ")
    assert sorted(alarm_pages()) == sorted(alarm_rows())


def test_a_page_says_what_its_row_says() -> None:
    wrong = {}
    for key, (severity, metric) in alarm_rows().items():
        lines = alarm_pages()[key].read_text().split("\n")
        said = re.match(r"Alarm · (\w+) · .*?`([^`]+)`", lines[2]) or re.match(
            r"Alarm · (\w+) · no `([^`]+)`", lines[2]
        )
        if lines[0] != f"# {key}" or not said or said.groups() != (severity, metric):
            wrong[key] = lines[:3]
    assert wrong == {}


def figures(key: str) -> set[float]:
    """What a page may say of its alarm: limits as they are, as shares in per cent, in ms, MiB, millions, billions; minutes."""
    row = re.search(rf"^    {key} = \{{\n(.*?)^    \}}", ALARMS.read_text(), re.M | re.S)[1]
    limits = re.findall(r"(?:rds|aurora) = ([\d.]+)", re.search(r"limit\s*=\s*\{(.*?)\}", row)[1])
    if 'of = "storage_reserve"' in row:
        limits += re.findall(r"storage_share = .* \? ([\d.]+) : ([\d.]+)", THRESHOLDS.read_text())[0]
    period, points = re.search(r"period\s*=\s*(\S+),\s*points\s*=\s*(\d+)", row).groups()
    minutes = {int(period) * int(points) / 60} if period.isdigit() else set()
    return minutes | {
        round(float(limit) * unit, 6) for limit in limits for unit in (1, 100, 1000, 2**-20, 1e-6, 1e-9, 1 / 60)
    }


def wrong_figures() -> dict[str, list[float]]:
    """By alarm, the numbers in the line about it that its row does not have."""
    found = {}
    for key in alarm_rows():
        line = re.sub(r"`[^`]*`|\d+xlarge", "", alarm_pages()[key].read_text().split("\n")[2])
        said = [float(number) for number in re.findall(r"(?<![\w.−])\d+(?!\w)", line)]
        found[key] = [number for number in said if number not in figures(key)]
    return {key: numbers for key, numbers in found.items() if numbers}


def test_limits_and_minutes_of_a_page_are_those_of_its_row() -> None:
    assert wrong_figures() == {}


def test_the_index_says_of_an_alarm_what_its_page_says() -> None:
    index = INDEX.read_text()
    for key, page in alarm_pages().items():
        line = page.read_text().split("\n")[2].split(" · ", 2)[2]
        assert f"| [{key}]({key}.md) | {line} |\n" in index


@pytest.mark.parametrize("key", sorted(alarm_rows()))
def test_a_page_says_what_it_means_how_to_see_it_what_to_do_and_when_it_is_over(key: str) -> None:
    text = alarm_pages()[key].read_text()
    assert re.findall(r"^## (.+)$", text, re.M) == SECTIONS
    assert "```" in text.split("## See it")[1].split("## What to do")[0], "a command to see it with"


def test_the_index_lists_every_alarm_under_its_severity() -> None:
    index = INDEX.read_text()
    for severity, heading in (("page", "## Alarms that page"), ("notify", "## Alarms that notify")):
        section = index.split(heading)[1].split("\n## ")[0]
        listed = re.findall(r"^\| \[([a-z-]+)\]\(\1\.md\) \|", section, re.M)
        assert listed == sorted(key for key, (whom, _) in alarm_rows().items() if whom == severity)


def test_the_index_lists_every_page_once() -> None:
    listed = re.findall(r"^\| \[([a-z-]+)\]\(\1\.md\) \|", INDEX.read_text(), re.M)
    assert sorted(listed) == sorted(path.stem for path in RUNBOOKS.glob("*.md") if path != INDEX)


def test_the_index_says_of_a_check_or_an_operation_what_its_page_says() -> None:
    index = INDEX.read_text()
    for kind, heading in (("Check", "## Checks"), ("Operation", "## Operations")):
        rows = re.findall(r"^\| \[([a-z-]+)\]\(\1\.md\) \| (.+) \|$", index.split(heading)[1].split("\n## ")[0], re.M)
        assert rows == sorted(rows)
        assert len(rows) > 10
        for page, said in rows:
            assert (RUNBOOKS / f"{page}.md").read_text().split("\n")[2] == f"{kind} · {said}"


# --- Commands ---------------------------------------------------------------------------------------------------------------


def aws_commands() -> Iterator[tuple[str, list[str]]]:
    """Page and words of each `aws …` command, in blocks and in running text."""
    inline = [
        (path.stem, command)
        for path in sorted(RUNBOOKS.glob("*.md"))
        for command in re.findall(r"`(aws [^`\n]+)`", path.read_text())
    ]
    scripts = [
        (page, command)
        for page, block in blocks("sh")
        for command in re.findall(r"(?:^|\()(aws [^\n]+)", block.replace("\\\n", " "), re.M)
    ]
    for page, command in inline + scripts:
        # $(date …) and the bracket that closes a $(aws …) are the shell's.
        plain = re.sub(r'"?\$\(date[^)]*\)"?', "TIME", command)
        yield page, shlex.split(plain[:-1] if plain.count(")") > plain.count("(") else plain)


@pytest.mark.parametrize("page, words", list(aws_commands()), ids=lambda value: value if isinstance(value, str) else "")
def test_an_aws_command_names_an_operation_and_options_that_exist(page: str, words: list[str]) -> None:
    _, service, operation, *options = words
    model = botocore.session.get_session().get_service_model(service)
    operations = {xform_name(name, "-"): name for name in model.operation_names}
    assert operation in operations, words
    shape = model.operation_model(operations[operation]).input_shape
    known = {f"--{xform_name(member, '-')}" for member in shape.members}
    known |= {
        f"--no-{xform_name(name, '-')}" for name, member in shape.members.items() if member.type_name == "boolean"
    }
    used = {word for word in options if word.startswith("--")}
    assert used - GLOBAL_OPTIONS - known == set()
    required = {f"--{xform_name(member, '-')}" for member in shape.required_members}
    assert required - used == set()


@pytest.fixture(scope="module")
def monitor(master, superuser):
    """A session on a database at head that may do what members of shop_monitor may."""
    with scratch_database(master) as settings:
        migrations.upgrade(settings, environment="test")
        with closing(connect(replace(superuser, dbname=settings.dbname))) as session:
            session.autocommit = True
            session.cursor().execute("SET ROLE shop_monitor")
            yield session


@pytest.mark.parametrize(
    "page, sql", blocks("sql"), ids=lambda value: value if re.fullmatch(r"[a-z-]+\d", value) else ""
)
def test_sql_of_a_page_runs(page: str, sql: str, monitor) -> None:
    first = sql.strip().split("\n")[0]
    if first == "-- needs pg_stat_statements":
        pytest.skip("a setting of the server on AWS; the embedded one has no extensions")
    cursor = monitor.cursor()
    for statement in filter(None, (part.strip() for part in sql.split(";"))):
        if first in ("-- ends sessions", "-- changes the server"):  # of others: understood, not done
            cursor.execute("RESET ROLE")
            plain = statement.removeprefix(first).strip()
            cursor.execute(plain if plain.startswith("VACUUM") else f"EXPLAIN {plain}")
            cursor.execute("SET ROLE shop_monitor")
        else:
            cursor.execute(statement)
            cursor.fetchall()


# --- The checks themselves --------------------------------------------------------------------------------------------------


@pytest.fixture
def copied_pages(tmp_path, monkeypatch) -> Path:
    """The pages in a folder of the test's, which the checks above look at from now on."""
    folder = tmp_path / "runbooks"
    shutil.copytree(RUNBOOKS, folder)
    monkeypatch.setattr(f"{__name__}.RUNBOOKS", folder)
    monkeypatch.setattr(f"{__name__}.INDEX", folder / "README.md")
    return folder


def change(page: Path, old: str, new: str) -> None:
    """Plants a mistake."""
    text = page.read_text()
    assert old in text
    page.write_text(text.replace(old, new, 1))


def test_a_changed_metric_heading_or_page_is_noticed(copied_pages: Path) -> None:
    change(copied_pages / "memory-low.md", "`FreeableMemory`", "`FreeMemory`")
    with pytest.raises(AssertionError, match="memory-low"):
        test_a_page_says_what_its_row_says()
    change(copied_pages / "cpu-high.md", "above 90 %", "above 80 %")
    change(copied_pages / "disk-io-credits-low.md", "for 15 minutes", "for 5 minutes")
    assert wrong_figures() == {"cpu-high": [80], "disk-io-credits-low": [5]}
    with pytest.raises(AssertionError):
        test_the_index_says_of_an_alarm_what_its_page_says()
    change(copied_pages / "deadlocks.md", "## Over when", "## Afterwards")
    with pytest.raises(AssertionError):
        test_a_page_says_what_it_means_how_to_see_it_what_to_do_and_when_it_is_over("deadlocks")
    (copied_pages / "swap-used.md").unlink()
    with pytest.raises(AssertionError):
        test_every_alarm_has_its_page_and_every_alarm_page_its_alarm()


def test_a_command_or_statement_that_does_not_exist_is_noticed(copied_pages: Path, monitor) -> None:
    change(copied_pages / "README.md", "describe-alarms", "describe-alarm")
    page, words = next(found for found in aws_commands() if "describe-alarm" in found[1])
    with pytest.raises(AssertionError):
        test_an_aws_command_names_an_operation_and_options_that_exist(page, words)
    page, _ = blocks("sql")[0]
    with pytest.raises(psycopg2.errors.UndefinedTable):
        test_sql_of_a_page_runs(page, "SELECT * FROM pg_stat_activities", monitor)
