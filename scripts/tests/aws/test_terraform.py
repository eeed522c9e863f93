"""terraform/ without applying it: form, what is refused and with which words, what is accepted, both environments.

Each refused input is a plan of its own, seconds long. Without --full every eighth row of the table is tried, the same
ones each time; --full tries all of them, and then knows that no guard is without an input that reaches it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import pytest

from .terraform_cli import MODULE, Terraform, copy_of_module

REFUSED = MODULE / "tests" / "refused.tftest.hcl"
ENVIRONMENTS = sorted((MODULE / "environments").glob("*.tfvars"))


@dataclass(frozen=True)
class Refusal:
    """One run of refused.tftest.hcl: `hcl` without its `expect_failures`, the guard's address, words of its sentence."""

    name: str
    says: str
    guard: str
    without_guards: str | None
    hcl: str


def read_refusals() -> list[Refusal]:
    """The table in refused.tftest.hcl.

    A second comment, `# without it:`, says why an input stays impossible with all guards taken away, and how
    Terraform or the provider then puts it.
    """
    pattern = re.compile(
        r'^# says: (?P<says>[^\n]+)\n(?:# without it: (?P<without>[^\n]+)\n)?run "(?P<name>\w+)" \{\n(?P<body>.*?)^\}',
        re.M | re.S,
    )
    refusals = []
    for match in pattern.finditer(REFUSED.read_text()):
        guard = re.search(r"expect_failures = \[(.+?)\]", match["body"])[1]
        body = re.sub(r"^  expect_failures = .*\n", "", match["body"], flags=re.M)
        refusals.append(
            Refusal(match["name"], match["says"], guard, match["without"], f'run "{match["name"]}" {{\n{body}}}\n')
        )
    return refusals


def some_of(refusals: list[Refusal], full: bool) -> list[Refusal]:
    return refusals if full else refusals[::8]


def in_one_line(text: str) -> str:
    return " ".join(text.split())


def run_each_alone(terraform: Terraform, refusals: list[Refusal]) -> dict[str, list[dict]]:
    """Runs every refusal in a test file of its own (an error skips the rest of a file): name → its diagnostics."""
    head = 'variables {\n  environment = "test"\n}\n\n'
    for file in (terraform.folder / "tests").iterdir():
        file.unlink()
    for refusal in refusals:
        (terraform.folder / "tests" / f"{refusal.name}.tftest.hcl").write_text(head + refusal.hcl)

    found: dict[str, list[dict]] = {refusal.name: [] for refusal in refusals}
    finished = terraform.run("test", "-json", timeout=1800)
    ran = set()
    for message in finished.messages():
        name = message.get("@testrun")
        if message.get("type") == "test_run" and message["test_run"].get("status") in ("pass", "fail", "error"):
            ran.add(name)
        if message.get("type") == "diagnostic" and name in found:
            found[name].append(message["diagnostic"])
    assert ran == set(found), f"did not run: {sorted(set(found) - ran)}\n{finished.output[-2000:]}"
    return found


def test_is_formatted_as_terraform_does(terraform_binary):
    assert Terraform(MODULE, None).run("fmt", "-check", "-recursive", "-diff").output == ""


def test_is_valid_without_a_warning(terraform):
    assert terraform.succeed("validate", "-json").output.count('"diagnostics": []') == 1


def test_lock_file_covers_every_platform_people_use():
    locked = (MODULE / ".terraform.lock.hcl").read_text()
    assert locked.count('"zh:') == 15
    assert 'version     = "5.100.0"' in locked


@pytest.mark.parametrize("variables", ENVIRONMENTS, ids=lambda path: path.stem)
def test_an_environment_plans_with_nothing_but_its_file_and_without_a_warning(terraform, variables):
    finished = terraform.succeed("plan", "-json", "-input=false", f"-var-file=environments/{variables.name}")
    assert finished.diagnostics() == []


def test_what_should_be_accepted_is_and_gives_what_it_should(terraform):
    terraform.succeed("test", "-no-color", "-filter=tests/accepted.tftest.hcl", timeout=900)


def test_a_wrong_input_is_refused_by_its_guard_with_a_sentence_that_names_the_fix(terraform, full):
    table = read_refusals()
    assert len(table) >= 40
    assert len(table) == REFUSED.read_text().count("\nrun "), "a run without the comment `# says:`"

    refusals = some_of(table, full)
    found = run_each_alone(terraform, refusals)
    guards = all_guards()
    wrong = []
    for refusal in refusals:
        by_guard = [one for one in found[refusal.name] if guards.get(place_of(one)) == refusal.guard]
        if not any(refusal.says in in_one_line(diagnostic["detail"]) for diagnostic in by_guard):
            said = [in_one_line(diagnostic["detail"]) for diagnostic in found[refusal.name]]
            wrong.append(f"{refusal.name}: {refusal.guard} does not say {refusal.says!r}; there is {said}")
    assert not wrong, "\n".join(wrong)

    fired = {place_of(diagnostic) for diagnostics in found.values() for diagnostic in diagnostics}
    silent = {place: guard for place, guard in guards.items() if not guard.startswith("aws_") and place not in fired}
    assert not (silent and full), "guards that no input of refused.tftest.hcl reaches"


def all_guards() -> dict[str, str]:
    """Where each guard stands → the address it belongs to: file:line of a validation, or of another guard's condition."""
    guards = {}
    for path in MODULE.glob("*.tf"):
        address = ""
        for number, line in enumerate(path.read_text().splitlines(), start=1):
            if block := re.match(r'(variable|resource|data) "(\w+)"(?: "(\w+)")? \{', line):
                kind, first, second = block.groups()
                address = {
                    "variable": f"var.{first}",
                    "resource": f"{first}.{second}",
                    "data": f"data.{first}.{second}",
                }[kind]
            if line.strip() == "validation {":
                guards[f"{path.name}:{number}"] = address
            if line.strip() in ("precondition {", "postcondition {"):
                guards[f"{path.name}:{number + 1}"] = address
    return guards


def place_of(diagnostic: dict) -> str:
    """The place of the guard that a diagnostic comes from, as `all_guards` counts."""
    if rule := re.search(r"validation rule at (\S+?:\d+),", in_one_line(diagnostic["detail"])):
        return rule[1]
    where = diagnostic.get("range") or {}
    return f"{where.get('filename')}:{where.get('start', {}).get('line')}"


def test_a_refused_input_is_accepted_once_the_guards_are_gone(terraform, full):
    """Else a run would pass because something else refuses its input, and the guard would never have been tested."""
    # The monitoring module's, too, which sees the same input.
    for file in (*terraform.folder.glob("*.tf"), *(terraform.folder.parent / "monitoring").glob("*.tf")):
        file.write_text(without_guards(file.read_text()))
    refusals = some_of(read_refusals(), full)
    found = run_each_alone(terraform, refusals)

    wrong = []
    for refusal in refusals:
        errors = [in_one_line(f"{d['summary']} {d['detail']}") for d in found[refusal.name] if d["severity"] == "error"]
        if refusal.without_guards is None and errors:
            wrong.append(f"{refusal.name}: still refused: {errors}")
        if refusal.without_guards is not None and not any(refusal.without_guards in error for error in errors):
            wrong.append(f"{refusal.name}: does not say {refusal.without_guards!r} any more, but {errors}")
    assert not wrong, "\n".join(wrong)


def without_guards(hcl: str) -> str:
    """The same file without any validation, precondition or postcondition. Relies on `terraform fmt`'s indentation."""
    return re.sub(r"^( +)(?:validation|precondition|postcondition) \{\n.*?^\1\}\n", "", hcl, flags=re.M | re.S)


def test_taking_the_guards_out_takes_all_of_them(tmp_path):
    text = "".join(path.read_text() for path in copy_of_module(tmp_path / "module").glob("*.tf"))
    assert not re.search(r"\b(validation|precondition|postcondition) \{", without_guards(text))
    assert without_guards(text).count("{") == without_guards(text).count("}")


def test_guards_stop_an_apply_and_never_a_destroy(terraform):
    unprotected = (
        "-input=false",
        "-no-color",
        "-var=environment=production",
        "-var=protection={deletion_protection=false}",
    )
    refused = terraform.run("plan", *unprotected)
    assert refused.code == 1
    assert "protection.deletion_protection is false in production" in in_one_line(refused.output)
    terraform.succeed("plan", "-destroy", *unprotected)


def test_a_password_is_in_no_plan(terraform, tmp_path):
    password = "correct-horse-battery-staple"
    plan = tmp_path / "saved.tfplan"
    planned = terraform.succeed(
        "plan", "-no-color", "-var-file=environments/test.tfvars", f"-out={plan}", db_password=password
    )
    shown = terraform.succeed("show", "-json", str(plan))
    assert password not in planned.output
    assert password not in shown.output
    assert password.encode() not in Path(plan).read_bytes()
