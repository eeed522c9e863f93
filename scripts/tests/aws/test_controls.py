"""docs/controls.md: what it says that meets a control is there, and what is excused is excused in the code as well."""

from __future__ import annotations

import re

import pytest

from .terraform_cli import MODULE

ROOT = MODULE.parent
PAGE = ROOT / "docs" / "controls.md"
EXCEPTIONS = (ROOT / "scripts" / "tests" / "aws" / "checkov_exceptions.txt").read_text()

CODE = {path.name: path.read_text() for path in sorted(MODULE.glob("*.tf"))}
TERRAFORM = "\n".join(CODE.values())
MONITORING = "\n".join(path.read_text() for path in sorted((ROOT / "monitoring").glob("*.tf")))

CHECK = re.compile(r"CKV2?_AWS_\d+")


def rows() -> list[list[str]]:
    """The cells of every row of the page's tables, without their heads."""
    lines = [line for line in PAGE.read_text().splitlines() if line.startswith("| ")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines if "met by" not in line][1:]


def names() -> list[str]:
    """Everything between backticks in the last column."""
    return sorted({name for row in rows() for name in re.findall(r"`([^`]+)`", row[-1])})


def block(code: str, head: str) -> str | None:
    """A top-level block of HCL."""
    found = re.search(rf"^{re.escape(head)} \{{(.*?)^\}}|^{re.escape(head)} \{{\}}", code, re.M | re.S)
    return found[0] if found else None


def is_there(name: str) -> bool:
    """Whether the code has what the page calls by this name. A name of no known kind is not there."""
    kind, _, rest = name.partition(": ")
    if kind in ("refused", "accepted"):
        return f'\nrun "{rest}" {{' in (MODULE / "tests" / f"{kind}.tftest.hcl").read_text()
    if kind == "parameter":
        return f'"{rest}"' in CODE["parameters.tf"]
    if kind == "monitoring":
        # The module is optional; without it there is nothing to hold the page against.
        return not MONITORING or resource_is_there(MONITORING, rest)
    if re.fullmatch(r"[\w.]+\.(?:py|hcl|txt)", name):
        return any(ROOT.glob(f"scripts/**/{name}")) or (MODULE / "tests" / name).exists()
    if name.startswith("var."):
        return block(TERRAFORM, f'variable "{name.removeprefix("var.")}"') is not None
    return resource_is_there(TERRAFORM, name)


def resource_is_there(code: str, name: str) -> bool:
    kind = "resource"
    if name.startswith("data."):
        kind, name = "data", name.removeprefix("data.")
    parts = name.split(".")
    if len(parts) not in (2, 3):
        return False
    found = block(code, f'{kind} "{parts[0]}" "{parts[1]}"')
    return found is not None and (len(parts) == 2 or bool(re.search(rf"^  {parts[2]}\s*[={{]", found, re.M)))


def test_every_control_is_met_by_something_or_excused():
    assert len(rows()) >= 40
    empty = [row[0] for row in rows() if not re.search(r"`|Exception|Not offered|No snapshot", row[-1])]
    assert empty == []


@pytest.mark.parametrize("name", names())
def test_what_meets_a_control_exists(name):
    assert is_there(name), f"docs/controls.md names {name}"


@pytest.mark.parametrize(
    "name",
    ["aws_db_instance.secondary", "aws_db_instance.primary.storage_decrypted", "var.nothing", "refused: nothing",
     "parameter: nothing", "something", "data.aws_iam_policy_document.nothing", "nothing.py"],
)  # fmt: skip
def test_what_does_not_exist_is_noticed(name):
    assert not is_there(name)


def test_every_exception_in_the_code_is_on_the_page_and_none_stands_there_alone():
    in_code = set(CHECK.findall(" ".join(re.findall(r"#checkov:skip=(\w+):", TERRAFORM)) + EXCEPTIONS))
    page = PAGE.read_text()
    assert in_code - set(CHECK.findall(page)) == set()
    excused = {check for row in rows() for text in row[-1].split("Exception")[1:] for check in CHECK.findall(text)}
    assert excused - in_code == set()
