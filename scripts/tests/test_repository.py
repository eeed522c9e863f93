"""Rules of the repository itself, as code: what lies where, what is pinned, and that what is written can be run."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import dump_commands
import pytest

ROOT = Path(__file__).resolve().parents[2]
VERSIONS = ROOT / "schema" / "migrations" / "versions"

TOP_LEVEL = {"README.md", "LICENSE", "terraform", "scripts", "schema", "monitoring", "diagrams", "docs"}

# Folders that exist on one machine only; /home/me is everybody's.
MACHINE_PATH = re.compile(r"(?<![\w.])/(root|work|home/(?!me\b)\w+|Users/\w+|tmp/\w+)/[\w.]")


@pytest.fixture(scope="module")
def tracked_files() -> list[Path]:
    """The files of the repository, as git knows them; not what tools and people leave beside them."""
    command = ["git", "ls-files", "--cached"]
    try:
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError) as error:
        pytest.skip(f"git does not list the files: {getattr(error, 'stderr', '') or error}")
    return [ROOT / line for line in done.stdout.splitlines() if (ROOT / line).is_file()]


def text_of(path: Path) -> str:
    """Its content, or nothing where it is no text."""
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        return ""


def test_the_top_level_holds_what_was_agreed(tracked_files: list[Path]) -> None:
    entries = {path.relative_to(ROOT).parts[0] for path in tracked_files}
    assert {entry for entry in entries if not entry.startswith(".")} - TOP_LEVEL == set()


def test_no_file_names_a_folder_of_somebodys_machine(tracked_files: list[Path]) -> None:
    found = [
        f"{path.relative_to(ROOT)}:{number}: {line.strip()}"
        for path in tracked_files
        for number, line in enumerate(text_of(path).splitlines(), 1)
        if MACHINE_PATH.search(line)
    ]
    assert found == []


@pytest.mark.parametrize("path", sorted((ROOT / "scripts").glob("requirements*.txt")), ids=lambda path: path.name)
def test_requirements_are_pinned_exactly(path: Path) -> None:
    lines = [line.split("#")[0].strip() for line in text_of(path).splitlines()]
    loose = [
        line
        for line in lines
        if line
        and not re.fullmatch(r"[A-Za-z0-9._-]+(\[[a-z0-9,_-]+\])?==[0-9][0-9a-z.]*|-r requirements[a-z-]*\.txt", line)
    ]
    assert loose == []


def test_every_revision_has_the_sql_that_it_runs() -> None:
    missing = []
    for revision in VERSIONS.glob("*.py"):
        for suffix in re.findall(r'run_sql_beside\(__file__(?:, "([^"]+)")?\)', text_of(revision)):
            if not revision.with_suffix(suffix or ".sql").exists():
                missing.append(revision.with_suffix(suffix or ".sql").name)
    assert missing == []


def test_the_programs_that_the_readme_names_exist() -> None:
    named = set(re.findall(r"\bscripts/(\w+\.py)\b", text_of(ROOT / "README.md")))
    assert named
    assert {name for name in named if not (ROOT / "scripts" / name).exists()} == set()


@pytest.mark.parametrize("program", dump_commands.programs(), ids=lambda path: path.name)
def test_every_program_says_what_it_is_for(program: Path) -> None:
    assert dump_commands.help_of(program).startswith(f"usage: {program.name}")


def test_the_page_of_commands_is_up_to_date() -> None:
    assert text_of(dump_commands.COMMANDS_MD) == dump_commands.commands_md(), "run scripts/dump_commands.py"
