"""Plans the stacks whose cost the documentation shows, against the emulated AWS, and writes them down.

cd scripts && python -m tests.aws.cost_cases      after a change of terraform/; then cost_estimate.py pages
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path

from ecommerce_dms.aws.cost_cases import CASES, CASES_JSON, Case, cut

from .terraform_cli import Terraform, copy_of_module

SCRIPTS = Path(__file__).parents[2]


def planned(terraform: Terraform, case: Case) -> dict:
    """The whole plan of a case, as `terraform show -json` prints it."""
    variables = terraform.folder / "case.tfvars"
    variables.write_text(case.variables)
    plan = terraform.folder / "case.tfplan"
    environment = f"-var-file=environments/{case.environment}.tfvars"
    terraform.succeed("plan", "-input=false", environment, f"-var-file={variables}", f"-out={plan}")
    return json.loads(terraform.succeed("show", "-json", str(plan)).output)


def main() -> int:
    emulator = subprocess.Popen(
        [sys.executable, "-m", "tests.aws.emulator"], cwd=SCRIPTS, stdout=subprocess.PIPE, text=True
    )
    try:
        endpoint = f"http://127.0.0.1:{emulator.stdout.readline().strip()}"
        with tempfile.TemporaryDirectory() as scratch:
            terraform = Terraform(copy_of_module(Path(scratch) / "terraform"), endpoint)
            terraform.succeed("init", "-input=false", "-lockfile=readonly", "-backend=false")
            documents = {name: cut(planned(terraform, case)) for name, case in CASES.items()}
    finally:
        emulator.terminate()
        emulator.wait(timeout=10)
    CASES_JSON.write_text(json.dumps(documents, indent=1) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
