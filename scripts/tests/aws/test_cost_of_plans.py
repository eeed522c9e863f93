"""The cost of what terraform/ plans now, not of what was once written down."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any

import cost_estimate
import pytest
from ecommerce_dms.aws.cost import estimate, managed_resources
from ecommerce_dms.aws.cost_cases import CASES, Case, cut, plan_of
from ecommerce_dms.aws.cost_of_resources import FREE, PRICED

from .cost_cases import planned
from .terraform_cli import Terraform, copy_of_module

PROGRAM = Path(__file__).parents[2] / "cost_estimate.py"

AURORA = Case(
    "Aurora, a tunnel and NAT in every zone",
    "production",
    """
    engine   = "aurora"
    access   = "ssm"
    storage  = {}
    database = { instance_class = "db.serverless" }
    replicas = { reader-1 = {} }
    network  = { nat = "per_az" }
    aurora   = { serverless = { min_acu = 0.5, max_acu = 8 } }
    """,
)


@pytest.fixture(scope="module")
def plan(initialised: Path, aws_endpoint: str, tmp_path_factory: pytest.TempPathFactory) -> Callable[[Case], Any]:
    """What Terraform plans for a case; each is planned once, in a folder of its own."""

    @cache
    def plan_once(case: Case) -> dict:
        folder = copy_of_module(tmp_path_factory.mktemp("case") / "terraform", initialised=initialised)
        return planned(Terraform(folder, aws_endpoint), case)

    return plan_once


@pytest.mark.parametrize("name", CASES)
def test_the_documented_cases_are_what_terraform_plans(name, plan) -> None:
    whole = plan(CASES[name])
    assert estimate(whole, 3).usd == estimate(cut(whole), 3).usd, (
        "cost_cases.VALUES_READ lacks something an estimate reads"
    )
    assert cut(whole) == plan_of(name), (
        "run `python -m tests.aws.cost_cases` in scripts/, then scripts/cost_estimate.py pages"
    )


@pytest.mark.parametrize("case", [CASES["test"], CASES["production"], AURORA], ids=lambda case: case.title)
def test_every_resource_of_a_plan_is_priced_free_or_listed(case, plan) -> None:
    result = estimate(plan(case), 3)
    resources = managed_resources(plan(case))
    assert len(resources) > 40
    unknown = {one["type"] for one in resources} - PRICED.keys() - FREE.keys()
    assert unknown == {one.type for one in result.not_priced if one.type in unknown}
    assert [one for one in result.not_priced if one.type in PRICED] == []
    assert result.usd > 0


def test_aurora_pays_no_machine_but_capacity_and_every_zone_its_nat(plan) -> None:
    items = estimate(plan(AURORA), 3).items
    whats = [item.what for item in items]
    assert whats.count("Aurora capacity (ACU)") == 2
    assert whats.count("NAT gateway") == 3
    assert whats.count("tunnel host t4g.nano") == 1
    assert whats.count("public IPv4 addresses") == 3  # of NAT; the tunnel host has none then


def test_the_program_reads_a_saved_plan_through_terraform(terraform, monkeypatch, capsys) -> None:
    whole = planned(terraform, CASES["test"])
    for name, value in terraform.environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(cost_estimate, "TERRAFORM", terraform.folder)
    assert cost_estimate.main(["--plan", str(terraform.folder / "case.tfplan"), "--json"]) == 0
    sums = {one["span"]: Decimal(one["usd"]) for one in json.loads(capsys.readouterr().out)["sums"]}
    assert sums["3 hours"] == round(estimate(whole, 3).usd, 6)


def test_without_a_state_the_program_says_what_else_to_give(terraform, monkeypatch) -> None:
    done = subprocess.run(
        [sys.executable, "-c", f"import cost_estimate; from pathlib import Path; from ecommerce_dms import console\n"
         f"cost_estimate.TERRAFORM = Path({str(terraform.folder)!r})\nraise SystemExit(console.run(lambda: cost_estimate.main([])))"],
        cwd=PROGRAM.parent, env=terraform.environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 1
    assert "no resources" in done.stderr
    assert "--case" in done.stderr
