"""Whether RDS knows the parameters that a plan sets, and applies them as the plan says: asked before the apply.

A static parameter with `apply_method = "immediate"` fails an apply that has already made half a stack.
"""

from __future__ import annotations

from typing import Any

from ecommerce_dms.aws import account

_GROUPS = {
    "aws_db_parameter_group": "describe_engine_default_parameters",
    "aws_rds_cluster_parameter_group": "describe_engine_default_cluster_parameters",
}


def mistakes(plan: dict[str, Any], rds: Any) -> list[str]:
    """Sentences about the parameter groups of a plan that RDS would refuse; empty when there is none.

    Raises:
        AwsRefused: RDS did not say what it knows.
    """
    found = []
    for each in plan.get("planned_values", {}).get("root_module", {}).get("resources", []):
        if each["type"] in _GROUPS:
            values = each["values"]
            known = _known(rds, _GROUPS[each["type"]], values["family"])
            found += [
                f"{each['address']}: {sentence}"
                for parameter in values.get("parameter") or []
                if (sentence := _mistake(parameter, values["family"], known))
            ]
    return found


def _mistake(parameter: dict[str, str], family: str, known: dict[str, dict[str, Any]]) -> str:
    name = parameter["name"]
    facts = known.get(name)
    if facts is None:
        return f"{family} has no parameter {name}. Take it out of terraform/parameters.tf."
    if not facts.get("IsModifiable", True):
        return f"{name} cannot be changed in {family}. Take it out of terraform/parameters.tf."
    if facts.get("ApplyType") == "static" and parameter.get("apply_method") == "immediate":
        return f'{name} is static in {family}: RDS changes it at a restart only. Set apply = "pending-reboot".'
    return ""


def _known(rds: Any, operation: str, family: str) -> dict[str, dict[str, Any]]:
    known, marker = {}, {}
    while True:
        answer = account.ask(
            f"the parameters of {family}", getattr(rds, operation), DBParameterGroupFamily=family, **marker
        )["EngineDefaults"]
        known |= {each["ParameterName"]: each for each in answer.get("Parameters", [])}
        if not answer.get("Marker"):
            return known
        marker = {"Marker": answer["Marker"]}
