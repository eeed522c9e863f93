"""What the architecture diagram takes for Terraform's configuration is what Terraform itself says; a plan can be drawn."""

from __future__ import annotations

from pathlib import Path

import draw_architecture
from ecommerce_dms.diagrams import terraform_addresses

from .terraform_cli import Terraform


def test_the_configuration_and_a_plan_of_it_are_read_right(terraform: Terraform, tmp_path: Path) -> None:
    saved = tmp_path / "saved"
    terraform.succeed("plan", "-input=false", "-var-file=environments/test.tfvars", f"-out={saved}")
    plan = tmp_path / "plan.json"
    plan.write_text(terraform.succeed("show", "-json", str(saved)).output)
    read = terraform_addresses.of_configuration(draw_architecture.TERRAFORM)
    assert read.addresses == terraform_addresses.configured_in_plan(plan)
    assert draw_architecture.main(["--plan", str(plan), "--output", str(tmp_path / "drawn")]) == 0
    picture = (tmp_path / "drawn" / "architecture.svg").read_text()
    planned = terraform_addresses.of_plan(plan)
    (primary,) = planned.instances["aws_db_instance.primary"].values()
    assert primary["instance_class"] in picture
    assert ("Standby" in picture) == primary["multi_az"]
    for address, title in (("aws_internet_gateway.main", "Internet gateway"), ("aws_instance.tunnel", "Tunnel host")):
        assert (title in picture) == (address in planned.addresses)
