"""The stacks whose cost the documentation shows, as plans cut down to what an estimate reads.

They are committed (cost_cases.json), so that the tables of README.md and docs/cost.md are made and checked without
Terraform and without AWS. `python -m tests.aws.cost_cases` in scripts/ plans them anew against the emulated AWS, and a
test fails when terraform/ makes something else.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ecommerce_dms.aws.cost import managed_resources, region_of
from ecommerce_dms.aws.cost_of_resources import FREE
from ecommerce_dms.console import UsageError

CASES_JSON = Path(__file__).with_name("cost_cases.json")

# What an estimate looks at. A test compares the estimate of a whole plan with that of its cut.
VALUES_READ = (
    "allocated_storage", "associate_public_ip_address", "backup_retention_period", "cluster_identifier",
    "database_insights_mode", "delete_automated_backups", "ebs_block_device", "enabled_cloudwatch_logs_exports", "engine",
    "identifier", "instance_class", "instance_type", "iops", "metric_query", "monitoring_interval", "multi_az", "name",
    "performance_insights_retention_period", "protocol", "publicly_accessible", "replicate_source_db",
    "retention_in_days", "root_block_device", "serverlessv2_scaling_configuration", "skip_final_snapshot",
    "storage_throughput", "storage_type",
)  # fmt: skip


@dataclass(frozen=True)
class Case:
    """One stack: what it is called on a page, and the variables that make it."""

    title: str
    environment: str  # terraform/environments/<environment>.tfvars
    variables: str  # what is different from that, as in a .tfvars file


_USERS = 'database = { instance_class = "db.t3.medium", multi_az = true }\n'

CASES: dict[str, Case] = {
    "t3": Case("Multi-AZ db.t3.medium", "test", _USERS),
    "t3-nat": Case("the same with one NAT gateway", "test", _USERS + 'network = { nat = "single" }\n'),
    "test": Case("environments/test.tfvars", "test", ""),
    "production": Case("environments/production.tfvars", "production", ""),
}


def plan_of(name: str) -> dict[str, Any]:
    """The committed plan of a case, cut down. Raises UsageError for a name that is none."""
    if name not in CASES:
        raise UsageError(f"there is no case {name}. There are: {', '.join(CASES)}.")
    return json.loads(CASES_JSON.read_text(encoding="utf-8"))[name]


def cut(plan: dict[str, Any]) -> dict[str, Any]:
    """What an estimate reads of a plan or state, and nothing else: no address of an account, no policy, no name of a key."""
    return {
        "format_version": plan["format_version"],
        "variables": {"region": {"value": region_of(plan)}},
        "planned_values": {"root_module": {"resources": [_cut_resource(one) for one in managed_resources(plan)]}},
    }


def _cut_resource(resource: dict[str, Any]) -> dict[str, Any]:
    read = () if resource["type"] in FREE else VALUES_READ
    values = {name: resource["values"][name] for name in read if resource["values"].get(name) not in (None, [])}
    return {"address": resource["address"], "mode": "managed", "type": resource["type"], "values": values}
