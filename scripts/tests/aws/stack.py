"""Stacks for the tests: terraform/ with some variables, applied to the emulated AWS in the background."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import boto3

from .terraform_cli import MODULE, Finished, Running, Terraform

PASSWORD = "correct-horse-battery-staple"

USERNAME = "shop_master"

STACKS = {
    "rds": """
environment = "test"
access      = "leased_public"
storage     = { allocated_gib = 20, max_gib = 100 }
replicas    = { replica-1 = {} }
iam_logins  = ["shop_api"]
protection  = { deletion_protection = false, final_snapshot = true, secret_recovery_days = 0 }
""",
    "aurora": """
environment = "staging"
engine      = "aurora"
access      = "ssm"
database    = { instance_class = "db.serverless" }
replicas    = { replica-1 = { promotion_tier = 0, availability_zone = "b" } }
aurora      = { serverless = { min_acu = 0.5, max_acu = 8 } }
insights    = { mode = "advanced", retention_days = 465 }
iam_logins  = ["shop_api"]
protection  = { deletion_protection = false, final_snapshot = false, secret_recovery_days = 0 }
""",
}
PRODUCTION = (MODULE / "environments" / "production.tfvars").read_text()


class Stack:
    """One copy of the module: where it lives, what Terraform printed, and its state."""

    def __init__(
        self,
        folder: Path,
        endpoint: str,
        variables: str | None,
        *options: str,
        username: str = USERNAME,
        password: str = PASSWORD,
        finished: Finished | None = None,
    ) -> None:
        if variables is not None:
            (folder / "stack.auto.tfvars").write_text(variables)
        self.terraform = Terraform(folder, endpoint)
        self.endpoint = endpoint
        self.options, self.username, self.password = options, username, password
        self.applying: Running | None = None
        self.finished = finished  # Somebody else's apply, where it was not ours.

    def begin(self) -> None:
        """Begins to apply it, and does not wait."""
        self.applying = self.terraform.begin(
            "apply", "-auto-approve", "-input=false", "-no-color", "-parallelism=30", db_password=self.password
        )

    def applied(self) -> Finished:
        return self.finished or self.applying.finish(timeout=2400)

    def plan(self) -> dict[str, Any]:
        """What another apply would do."""
        plan = self.terraform.folder / "saved.tfplan"
        arguments = ("plan", "-input=false", "-no-color", f"-out={plan}", *self.options)
        self.terraform.succeed(*arguments, db_password=self.password)
        return json.loads(self.terraform.succeed("show", "-json", str(plan)).output)

    def destroy(self, *arguments: str) -> None:
        self.terraform.succeed(
            "destroy", "-auto-approve", "-input=false", "-no-color", "-parallelism=30", *arguments, timeout=2400
        )

    def outputs(self) -> dict[str, Any]:
        shown = json.loads(self.terraform.succeed("output", "-json").output)
        return {name: output["value"] for name, output in shown.items()}

    def client(self, service: str):
        return client(service, self.endpoint)


def client(service: str, endpoint: str, **options: Any):
    """A boto3 client of the emulated AWS."""
    return boto3.client(
        service,
        region_name="eu-west-1",
        endpoint_url=endpoint,
        aws_access_key_id="testing",
        aws_secret_access_key="testing",
        **options,
    )
