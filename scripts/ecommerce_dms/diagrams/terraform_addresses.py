"""Which resources Terraform's configuration has, by address, and what a saved plan would make of them.

The configuration is read from its text, so that no Terraform is needed; a test compares the result with what Terraform
itself says in a plan.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ecommerce_dms.console import UserError


@dataclass(frozen=True)
class Resources:
    """Addresses without indexes (`aws_db_instance.replica`, `module.monitoring.aws_sns_topic.main`).

    `instances` are, for a plan, the values of each instance by its index ("" where it has none); empty for configuration.
    """

    addresses: frozenset[str]
    instances: dict[str, dict[str, dict[str, Any]]] = field(default_factory=dict)

    @property
    def is_plan(self) -> bool:
        return bool(self.instances)


def of_configuration(folder: Path) -> Resources:
    """All resources that the configuration in a folder, and the local modules it calls, can make."""
    return Resources(frozenset(_declared(folder, "")))


def _declared(folder: Path, prefix: str) -> set[str]:
    found = set()
    for path in sorted(folder.glob("*.tf")):
        text = path.read_text(encoding="utf-8")
        found |= {
            f"{prefix}{kind}.{name}" for kind, name in re.findall(r'^resource "(\w+)" "(\w+)"', text, re.MULTILINE)
        }
        for name, body in re.findall(r'^module "(\w+)" \{\n(.*?)^\}', text, re.MULTILINE | re.DOTALL):
            source = re.search(r'^\s*source\s*=\s*"(\.[^"]*)"', body, re.MULTILINE)
            if source:
                found |= _declared(folder / source.group(1), f"{prefix}module.{name}.")
    return found


def of_plan(path: Path) -> Resources:
    """What a plan makes, from `terraform show -json`. Raises UserError when the file is something else."""
    try:
        plan = json.loads(path.read_text(encoding="utf-8"))
        root = plan["planned_values"]["root_module"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UserError(
            f"{path} is no plan as JSON ({error}): terraform plan -out=saved, then terraform show -json saved > {path.name}"
        ) from None
    instances: dict[str, dict[str, dict[str, Any]]] = {}
    for resource in _planned(root):
        if resource["mode"] == "managed":
            address, index = _without_index(resource["address"])
            instances.setdefault(address, {})[index] = resource.get(
                "values", {}
            )  # terraform_data without input has none
    return Resources(frozenset(instances), instances)


def configured_in_plan(path: Path) -> frozenset[str]:
    """The addresses of the configuration as Terraform wrote them into a plan."""
    return frozenset(_configured(json.loads(path.read_text(encoding="utf-8"))["configuration"]["root_module"], ""))


def _configured(module: dict[str, Any], prefix: str) -> set[str]:
    found = {
        f"{prefix}{resource['address']}" for resource in module.get("resources", ()) if resource["mode"] == "managed"
    }
    for name, call in module.get("module_calls", {}).items():
        found |= _configured(call["module"], f"{prefix}module.{name}.")
    return found


def _planned(module: dict[str, Any]) -> list[dict[str, Any]]:
    found = list(module.get("resources", ()))
    for child in module.get("child_modules", ()):
        found += _planned(child)
    return found


def _without_index(address: str) -> tuple[str, str]:
    indexes = re.findall(r'\["?([^"\]]*)"?\]', address)
    return re.sub(r'\["?[^"\]]*"?\]', "", address), indexes[-1] if indexes else ""
