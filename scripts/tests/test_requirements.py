"""docs/requirements.md: what it names exists, and no module of tests is without a requirement that it shows."""

from __future__ import annotations

import re

import pytest
from pages import ROOT
from test_invariants import names_of_tests

PAGE = (ROOT / "docs" / "requirements.md").read_text(encoding="utf-8")
FOLDERS = (
    "scripts/tests",
    "scripts/tests/aws",
    "scripts/ecommerce_dms/db_tests",
    "terraform/tests",
    "monitoring/tests",
)


def modules() -> set[str]:
    """Files of tests and of checks, by name."""
    found = {path.name for folder in FOLDERS[:2] for path in (ROOT / folder).glob("test_*.py")}
    found |= {path.name for path in (ROOT / FOLDERS[2]).glob("*.py") if path.name != "__init__.py"}
    return found | {path.name for folder in FOLDERS[3:] for path in (ROOT / folder).glob("*.tftest.hcl")}


def rows() -> dict[str, list[str]]:
    """The cells of each requirement by its number."""
    cells = [
        [cell.strip() for cell in line.strip("|").split("|")] for line in PAGE.splitlines() if line.startswith("| ")
    ]
    return {row[0]: row[1:] for row in cells if re.fullmatch(r"[FN]\d+", row[0])}


def named() -> set[str]:
    """Everything between backticks in the last column."""
    return {name for row in rows().values() for name in re.findall(r"`([^`]+)`", row[-1])}


def test_requirements_are_numbered_without_a_gap_and_each_is_met_and_shown() -> None:
    for kind, least in (("F", 11), ("N", 16)):
        numbers = [int(number[1:]) for number in rows() if number[0] == kind]
        assert numbers == list(range(1, len(numbers) + 1)) and len(numbers) >= least
    for number, (_, met, shown) in rows().items():
        assert "](" in met, f"{number} is met by nothing"
        assert "`" in shown, f"{number} is shown by nothing"


@pytest.mark.parametrize("name", sorted(named()))
def test_what_shows_a_requirement_exists(name: str) -> None:
    assert name in (names_of_tests() if "::" in name else modules())


def test_every_module_of_tests_shows_a_requirement() -> None:
    assert sorted(modules() - {name.split("::")[0] for name in named()}) == [], (
        "say in docs/requirements.md what it shows"
    )


def test_every_program_and_every_folder_of_the_product_meets_a_requirement() -> None:
    met = " ".join(row[1] for row in rows().values())
    for part in (
        "terraform/",
        "monitoring/",
        "schema/models/",
        "schema/migrations",
        "data_loader.py",
        "test_db.py",
        "local.py",
    ):
        assert part in met
