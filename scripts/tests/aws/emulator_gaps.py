"""What AWS does and moto 5.2.5 does not, as far as Terraform's provider notices. Imported by emulator.py alone.

Each function closes one gap by wrapping moto's own; a gap that moto closes in a later version can go from here. Without
them the second plan is not empty, or one instance is taken for another.
"""

from __future__ import annotations

import functools
import hashlib
from typing import Any

from moto.ec2.exceptions import EC2ClientError
from moto.ec2.models.instances import Instance
from moto.ec2.models.security_groups import SecurityGroupRule
from moto.ec2.responses.tags import TagResponse
from moto.rds.models import DBCluster, DBInstance, RDSBackend
from moto.rds.responses import RDSResponse

# The request's name of a setting → the answer's. Other names are the same in both.
RENAMED = {
    "enable_performance_insights": "performance_insights_enabled",
    "enable_cloudwatch_logs_exports": "enabled_cloudwatch_logs_exports",
}
INSIGHTS = (
    "database_insights_mode",
    "performance_insights_enabled",
    "performance_insights_kms_key_id",
    "performance_insights_retention_period",
)


def wrapping(owner: type, name: str):
    """Replaces `owner.name` by the decorated function, which gets moto's own as its first argument."""

    def replace(function):
        original = getattr(owner, name)

        @functools.wraps(original)
        def replacement(*args, **kwargs):
            return function(original, *args, **kwargs)

        setattr(owner, name, replacement)
        return function

    return replace


def keep_insights(resource: Any, request: dict[str, Any]) -> None:
    """Echoes Database Insights and Performance Insights settings, which moto drops."""
    for name, value in request.items():
        answer = RENAMED.get(name, name)
        if answer in INSIGHTS and value is not None:
            setattr(resource, answer, value)


@wrapping(DBInstance, "__init__")
def instance_has_its_own_resource_id(original, self, *args, **kwargs):
    """Moto gives every instance the same DbiResourceId, and the provider reads instances by it."""
    original(self, *args, **kwargs)
    self.dbi_resource_id = resource_id(self.db_instance_identifier)
    keep_insights(self, kwargs)


@wrapping(DBInstance, "update")
def update_keeps_insights(original, self, **kwargs):
    original(self, **kwargs)
    keep_insights(self, kwargs)


@wrapping(RDSBackend, "create_db_instance_read_replica")
def replica_is_an_instance_of_its_own(original, self, db_kwargs):
    """Moto's replica is a shallow copy of its source: same resource id, standby, backups and list of log exports."""
    exports = list(db_kwargs.get("enable_cloudwatch_logs_exports") or [])
    replica = original(self, db_kwargs)
    replica.dbi_resource_id = resource_id(replica.db_instance_identifier)
    replica.enabled_cloudwatch_logs_exports = exports
    replica.backup_retention_period = db_kwargs.get("backup_retention_period") or 0
    replica.multi_az = bool(db_kwargs.get("multi_az"))
    return replica


def resource_id(identifier: str) -> str:
    return "db-" + hashlib.sha256(identifier.encode()).hexdigest()[:26].upper()


@wrapping(DBCluster, "__init__")
def cluster_keeps_insights(original, self, *args, **kwargs):
    original(self, *args, **kwargs)
    keep_insights(self, kwargs)


@wrapping(RDSBackend, "modify_db_cluster")
def modified_cluster_keeps_insights(original, self, kwargs):
    answer = original(self, kwargs)
    identifier = kwargs.get("new_db_cluster_identifier") or answer.db_cluster_identifier
    keep_insights(self.clusters[identifier], kwargs)
    return answer


@wrapping(RDSResponse, "describe_db_parameters")
def parameters_say_who_set_them(original, self):
    """AWS marks what a user set with Source "user", and the provider looks at nothing else."""
    answer = original(self)
    answer.result["Parameters"] = [{**parameter, "Source": "user"} for parameter in answer.result["Parameters"]]
    return answer


@wrapping(RDSResponse, "describe_db_cluster_parameters")
def cluster_parameters_say_who_set_them(original, self):
    answer = original(self)
    answer.result["Parameters"] = [{**parameter, "Source": "user"} for parameter in answer.result["Parameters"]]
    return answer


@wrapping(TagResponse, "create_tags")
def a_missing_rule_takes_no_tags(original, self):
    """AWS answers InvalidSecurityGroupRuleId.NotFound; moto tags what does not exist, which hides races."""
    groups = self.ec2_backend.describe_security_groups()
    existing = {rule.id for group in groups for rule in group.ingress_rules + group.egress_rules}
    for identifier in self._get_param("Resources", []):
        if identifier.startswith("sgr-") and identifier not in existing:
            raise EC2ClientError(
                "InvalidSecurityGroupRuleId.NotFound", f"The security group rule ID '{identifier}' does not exist"
            )
    return original(self)


def described(rule: SecurityGroupRule) -> str | None:
    """Moto knows the description of a rule for addresses, and forgets that of one for another group."""
    return rule.ip_range.get("Description") or rule.source_group.get("Description")


SecurityGroupRule.description = property(described)


@wrapping(Instance, "__init__")
def instance_wears_the_groups_of_its_interface(original, self, *args, **kwargs):
    """Moto reports no group for an instance whose groups were asked for on its network interface."""
    original(self, *args, **kwargs)
    if not self.security_groups:
        self.security_groups = [group for interface in self.nics.values() for group in interface.group_set]


def scaling_configuration_info(cluster: DBCluster) -> dict[str, Any] | None:
    """Moto answers an empty one for clusters that have none, which is every one but Aurora Serverless v1."""
    return moto_scaling_configuration_info(cluster) if cluster.scaling_configuration else None


moto_scaling_configuration_info = DBCluster.scaling_configuration_info.fget
DBCluster.scaling_configuration_info = property(scaling_configuration_info)


@wrapping(RDSBackend, "restore_db_instance_to_point_in_time")
def what_was_restored_is_no_replica(original, self, source_db_identifier, target_db_identifier, overrides):
    """Moto takes the source of a restored moment for the primary of a replica."""
    restored = original(self, source_db_identifier, target_db_identifier, overrides)
    restored.source_db_instance_identifier = None
    return restored
