"""What AWS does and moto 5.2.5 does not, as far as Terraform's provider notices. Imported by emulator.py alone.

Each function closes one gap by wrapping moto's own; a gap that moto closes in a later version can go from here. Without
them the second plan is not empty, or one instance is taken for another.
"""

from __future__ import annotations

import functools
import hashlib
import threading
from typing import Any

from moto.core.exceptions import JsonRESTError
from moto.core.responses import ActionResult, BaseResponse
from moto.ec2.exceptions import EC2ClientError
from moto.ec2.models.instances import Instance
from moto.ec2.models.security_groups import SecurityGroupRule
from moto.ec2.responses.tags import TagResponse
from moto.iam.access_control import IAMPolicyStatement, PermissionResult
from moto.rds.models import DBCluster, DBInstance, RDSBackend
from moto.rds.responses import RDSResponse
from moto.ssm.responses import SimpleSystemManagerResponse

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


# What RDS for PostgreSQL 18 knows, as far as terraform/parameters.tf sets it: these are static, the others dynamic.
STATIC_PARAMETERS = ("shared_preload_libraries",)
DYNAMIC_PARAMETERS = (
    "rds.force_ssl", "pg_stat_statements.track", "auto_explain.log_min_duration", "auto_explain.log_format",
    "track_io_timing", "log_statement", "log_min_duration_statement", "log_connections", "log_disconnections",
    "log_lock_waits", "log_error_verbosity", "log_temp_files", "log_autovacuum_min_duration",
    "rds.force_autovacuum_logging_level", "log_parameter_max_length", "log_parameter_max_length_on_error",
    "idle_in_transaction_session_timeout", "max_slot_wal_keep_size",
)  # fmt: skip


def describe_engine_default_parameters(self: RDSResponse) -> ActionResult:
    """Moto has no such action. It answers in two pages here, as RDS does in several."""
    family, second = self._get_param("DBParameterGroupFamily"), bool(self._get_param("Marker"))
    kind, names = ("dynamic", DYNAMIC_PARAMETERS) if second else ("static", STATIC_PARAMETERS)
    parameters = [{"ParameterName": name, "ApplyType": kind, "IsModifiable": True} for name in names]
    marker = {} if second else {"Marker": "second"}
    return ActionResult({"EngineDefaults": {"DBParameterGroupFamily": family, "Parameters": parameters, **marker}})


RDSResponse.describe_engine_default_parameters = describe_engine_default_parameters
RDSResponse.describe_engine_default_cluster_parameters = describe_engine_default_parameters


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


def start_session(self: SimpleSystemManagerResponse) -> ActionResult:
    """Moto has no Session Manager. A session here is its name and a token; a stand-in for the plugin carries the bytes."""
    target = self._get_param("Target")
    if target == "i-0000000000000dead":
        raise JsonRESTError("TargetNotConnected", f"{target} is not connected.")
    return ActionResult(
        {"SessionId": f"tester-{target}", "TokenValue": "a-session-token", "StreamUrl": "wss://nowhere"}
    )


def terminate_session(self: SimpleSystemManagerResponse) -> ActionResult:
    return ActionResult({"SessionId": self._get_param("SessionId")})


SimpleSystemManagerResponse.start_session = start_session
SimpleSystemManagerResponse.terminate_session = terminate_session


def described(rule: SecurityGroupRule) -> str | None:
    """Moto knows the description of a rule for addresses, and forgets that of one for another group."""
    return rule.ip_range.get("Description") or rule.source_group.get("Description")


SecurityGroupRule.description = property(described)


@wrapping(IAMPolicyStatement, "is_action_permitted")
def plain_connections_count_as_tls(original, self, *args, **kwargs):
    """Moto knows no such condition and denies everything; here every connection is plain, and stays on loopback."""
    if "aws:SecureTransport" in str(self._statement.get("Condition")):
        return PermissionResult.NEUTRAL
    return original(self, *args, **kwargs)


ONE_AT_A_TIME = threading.RLock()


@wrapping(BaseResponse, "call_action")
def a_call_is_done_whole(original, self):
    """AWS decides about each call on its own. Moto's threads would both find a rule missing, and make it twice."""
    if self.service_name not in ("ec2", "scheduler"):
        return original(self)
    with ONE_AT_A_TIME:
        return original(self)


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
