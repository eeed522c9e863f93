"""Checkov on the plans of both environments: nothing in production, and only what is written down in test."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from .terraform_cli import Terraform, clean_environment

EXCEPTIONS = Path(__file__).with_name("checkov_exceptions.txt")
NEVER_SKIPPED = {"CKV_AWS_16", "CKV_AWS_17", "CKV_AWS_157", "CKV_AWS_293"}


def scan(terraform: Terraform, environment: str) -> dict:
    if not shutil.which("checkov"):
        pytest.skip("needs checkov on PATH, in an environment of its own: pipx install checkov==3.3.30")
    plan = terraform.folder / "saved.tfplan"
    terraform.succeed("plan", "-input=false", f"-var-file=environments/{environment}.tfvars", f"-out={plan}")
    document = terraform.folder / "plan.json"
    document.write_text(terraform.succeed("show", "-json", str(plan)).output)
    finished = subprocess.run(
        # Without the enrichment a plan knows no inline skips, and without the variable no value made by the apply.
        [
            "checkov",
            "-f",
            str(document),
            "--framework",
            "terraform_plan",
            "--repo-root-for-plan-enrichment",
            ".",
            "-o",
            "json",
        ],
        cwd=terraform.folder,
        env=clean_environment() | {"EVAL_TF_PLAN_AFTER_UNKNOWN": "1", "PATH": os.environ["PATH"]},
        capture_output=True,
        text=True,
        check=False,
    )
    return json.loads(finished.stdout)["results"]


def test_production_has_nothing_that_checkov_finds(terraform):
    results = scan(terraform, "production")
    assert [(found["check_id"], found["resource"]) for found in results["failed_checks"]] == []
    assert {skipped["check_id"] for skipped in results["skipped_checks"]} & NEVER_SKIPPED == set()
    assert len(results["passed_checks"]) > 80


def test_test_has_only_the_exceptions_that_are_written_down(terraform):
    results = scan(terraform, "test")
    found = {(one["check_id"], re.sub(r'\["[^"]*"\]$', "", one["resource"])) for one in results["failed_checks"]}
    rows = [line.split(maxsplit=2) for line in EXCEPTIONS.read_text().splitlines() if line and not line.startswith("#")]
    assert found == {(check, resource) for check, resource, _ in rows}
