"""README.md: its commands exist, what it prints is what is printed, and what it counts is what there is.

The commands for AWS are run by aws/test_walk.py, the first command and its output by test_local.py, with `is_shown` from here.
"""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest
from ecommerce_dms.connection import connect
from ecommerce_dms.roles import OWNER
from ecommerce_dms.settings import Settings
from pages import ROOT, marked
from test_invariants import names_of_tests, rows_of_document

PAGE = (ROOT / "README.md").read_text(encoding="utf-8")
OUTPUTS = marked(PAGE, "output of")

# What people bring: nothing of this repository answers for it.
TOOLS = {"pip", "cp", "cd", "alembic", "pytest", "terraform"}
FILES_THAT_COMMANDS_MAKE = {"scripts/.env"}


def commands(page: str) -> list[str]:
    """Every command of the page's sh blocks, and every code span that calls a program, without comments."""
    lines = [line for block in re.findall(r"^```sh\n(.*?)^```", page, re.M | re.S) for line in block.splitlines()]
    spans = re.findall(
        r"`((?:python3? |bash )?scripts/\w+\.(?:py|sh)[^`]*)`", re.sub(r"^```.*?^```", "", page, flags=re.M | re.S)
    )
    return [part.strip() for line in [*lines, *spans] for part in line.split("#")[0].split("&&") if part.strip()]


def wrong_in(command: str, folder: Path = ROOT) -> list[str]:
    """What of a command there is not: its program, a file that it names, an option, a sub-command."""
    words = shlex.split(command)
    program, rest = words[0], words[1:]
    if program in ("python", "python3", "bash") and rest:
        program, rest = rest[0], rest[1:]
    if program in TOOLS:
        names = [word.partition("=")[2] or word for word in rest if "/" in word]
        return [f"{name}: no such file" for name in names if name not in FILES_THAT_COMMANDS_MAKE and not exists(name)]
    if not (folder / program).is_file():
        return [f"{program}: no such program"]
    if program.endswith(".py"):
        said = _help(folder / program)
        found = [
            f"{option}: no option of {program}" for option in rest if re.match(r"--\w", option) and option not in said
        ]
        sub = rest[0] if rest and re.fullmatch(r"[a-z]+", rest[0]) else ""
        return found + (
            [f"{sub}: no command of {program}"]
            if sub and not re.search(rf"^\s+{sub}\b|[{{,]{sub}[,}}]", said, re.M)
            else []
        )
    return []


def exists(name: str) -> bool:
    """Whether a path of a command is there, from the root or from terraform/."""
    return any((folder / name).exists() for folder in (ROOT, ROOT / "terraform"))


def _help(program: Path) -> str:
    return subprocess.run([sys.executable, program, "--help"], capture_output=True, text=True, check=True).stdout


def is_shown(block: str, output: str) -> bool:
    """Whether the lines of the block are lines of the output, in this order.

    Numbers may differ, … inside a line and lines `[…]` stand for anything, and lines may be missing between two of the block.
    """
    said = iter(line.rstrip() for line in output.splitlines())
    wanted = [line.rstrip() for line in block.splitlines() if line.strip() and line.strip() != "[…]"]
    return bool(wanted) and all(any(_pattern(line).fullmatch(other) for other in said) for line in wanted)


def _pattern(line: str) -> re.Pattern[str]:
    """A line in which numbers, the blanks beside them, the length of a rule of ===, and what … stands for may differ."""
    text = re.sub("={3,}", "=+", re.escape(line).replace("…", ".*?"))
    text = re.sub(r"\d(?:\d|,)*", r"[\\d,]+", re.sub(r"(?:\\ )+", r" +", text))
    return re.compile(text)


@pytest.mark.parametrize("command", commands(PAGE))
def test_a_command_of_the_page_can_be_called_so(command: str) -> None:
    assert wrong_in(command) == []


@pytest.mark.parametrize(
    "planted",
    [
        "python3 scripts/locale.py",
        "python3 scripts/local.py tests",
        "bash scripts/start.sh",
        "terraform apply -var-file=environments/staging.tfvars",
        "pytest scripts/test_database.py",
        "python3 scripts/cost_estimate.py --hour-s 8",
        "`scripts/runner_access.py opens`",
    ],
)
def test_a_command_that_cannot_be_called_so_is_noticed(planted: str) -> None:
    page = planted if planted.startswith("`") else f"```sh\n{planted}   # a comment\n```\n"
    assert [problem for command in commands(page) for problem in wrong_in(command)]


def test_the_way_on_aws_is_the_one_that_is_walked() -> None:
    folder = ROOT / "scripts" / "tests" / "aws"
    walked = "".join((folder / name).read_text(encoding="utf-8") for name in ("test_walk.py", "walk.py"))
    for step in (
        "update_env_ci_and_start_tf.sh",
        "data_loader.py",
        "test_db.py",
        "terraform_safe_destroyer.sh",
        "alembic",
    ):
        assert step in walked and step in PAGE


def test_a_bug_is_refused_by_a_test_that_there_is_and_all_of_them_stand_in_the_document() -> None:
    named = re.findall(r"\[`(test_\w+\.py::\w+)`\]\((scripts/tests/[\w/.]+)\)", PAGE)
    assert len(named) >= 10
    assert sorted({name for name, _ in named} - names_of_tests()) == []
    assert [name for name, path in named if Path(path).name != name.split("::")[0]] == []
    assert "All forty-seven" in PAGE and len(rows_of_document()) == 47


def test_this_database_is_counted_as_its_catalogue_says(shared_scratch: Settings) -> None:
    with closing(connect(shared_scratch, role=OWNER)) as connection, connection.cursor() as cursor:
        cursor.execute(
            """
            WITH tables AS (SELECT oid FROM pg_class WHERE relnamespace = 'shop'::regnamespace AND relkind = 'r'
                            AND relname <> 'alembic_version'),
                 money AS (SELECT attrelid, attnum FROM pg_attribute JOIN tables ON oid = attrelid
                           WHERE attname LIKE '%\\_minor' AND NOT attisdropped),
                 rules AS (SELECT contype, conrelid, conkey FROM pg_constraint JOIN tables ON tables.oid = conrelid)
            SELECT (SELECT count(*) FROM tables), (SELECT count(*) FROM rules WHERE contype = 'f'),
                   (SELECT count(*) FROM rules WHERE contype = 'c'),
                   (SELECT count(*) FROM money WHERE EXISTS (SELECT FROM rules WHERE contype = 'c' AND conrelid = attrelid
                                                             AND attnum = ANY (conkey))),
                   (SELECT count(*) FROM money),
                   (SELECT count(*) FROM pg_trigger JOIN tables ON tables.oid = tgrelid WHERE NOT tgisinternal)
            """
        )
        tables, keys, checks, guarded, money, triggers = cursor.fetchone()
    assert f"| this one | {tables} | {keys} | {checks} | {guarded} of {money} | {triggers} |" in PAGE


def test_the_areas_of_the_diagram_are_as_many_as_the_page_says() -> None:
    assert "one of eleven areas" in PAGE and len(list((ROOT / "diagrams").glob("erd-*.svg"))) == 11


def test_what_is_shown_must_have_been_printed() -> None:
    output = "making …\nstep 1 of 2\n34 invariants,  309,643 rows examined, 0 violations\nconnect:  PGPASSFILE=/a/b psql -p 1\n"
    assert is_shown(
        "making …\n[…]\n35 invariants, 9 rows examined, 0 violations\n\nconnect:  PGPASSFILE=… psql -p 7\n", output
    )
    for planted in (
        "",
        "making a …\n",
        "step 1 of 2\nmaking …\n",
        "34 invariants, 309,643 rows examined, no violations\n",
    ):
        assert not is_shown(planted, output)


def test_every_output_of_the_page_is_compared_somewhere() -> None:
    assert OUTPUTS.keys() == {"local.py", "psql", "local.py-test"}
    compared = (ROOT / "scripts" / "tests" / "test_local.py").read_text(encoding="utf-8")
    assert [name for name in OUTPUTS if f'OUTPUTS["{name}"]' not in compared] == []


def test_there_are_about_as_many_tests_as_the_page_says() -> None:
    """Each new test need not change the page, but the page may not boast."""
    said = int(re.search(r"^collected (\d+) items$", OUTPUTS["local.py-test"], re.M)[1])
    listed = subprocess.run(
        [sys.executable, "-m", "pytest", "--collect-only", "-q", "-p", "no:cacheprovider"],
        cwd=ROOT / "scripts",
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    found = int(re.search(r"^(\d+) tests collected", listed, re.M)[1])
    assert 0.9 * found <= said <= 1.02 * found, f"the page says {said}, there are {found}"
