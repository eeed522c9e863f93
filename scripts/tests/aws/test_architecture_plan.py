"""What the architecture diagram takes for Terraform's configuration is what Terraform itself says; a plan can be drawn."""

from __future__ import annotations

from pathlib import Path

import draw_architecture
import pytest
from ecommerce_dms.diagrams import terraform_addresses

from .terraform_cli import Terraform


@pytest.mark.parametrize("environment", ["test", "production"])
def test_the_configuration_and_a_plan_of_it_are_read_right(
    terraform: Terraform, tmp_path: Path, environment: str
) -> None:
    saved = tmp_path / "saved"
    terraform.succeed("plan", "-input=false", f"-var-file=environments/{environment}.tfvars", f"-out={saved}")
    plan = tmp_path / "plan.json"
    plan.write_text(terraform.succeed("show", "-json", str(saved)).output)
    read = terraform_addresses.of_configuration(draw_architecture.TERRAFORM)
    assert read.addresses == terraform_addresses.configured_in_plan(plan)
    assert draw_architecture.main(["--plan", str(plan), "--output", str(tmp_path / "drawn")]) == 0
    picture = (tmp_path / "drawn" / "architecture.svg").read_text()
    assert "Primary" in picture
    assert ("Standby" in picture) == (environment == "production")
