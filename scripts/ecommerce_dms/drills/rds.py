"""What the drills on RDS share: the instance as it is, where to connect, and the refusals."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from ecommerce_dms.console import UsageError, UserError
from ecommerce_dms.settings import Settings

NAMESPACE = "EcommerceDMS/Drills"


class DrillRefused(UserError):  # noqa: N818 (it is a decision, not a fault)
    """The drill will not do that, and why."""


@dataclass(frozen=True)
class Aws:
    """The clients of one account and region."""

    rds: Any
    cloudwatch: Any
    sts: Any

    @property
    def account(self) -> str:
        """The number of the account that the credentials belong to."""
        return self.sts.get_caller_identity()["Account"]


def clients(region: str, endpoint: str | None = None) -> Aws:
    """Clients for a region, or those that the environment names when it is empty."""
    import boto3  # The local drills do not need it.

    made = (
        boto3.client(name, region_name=region or None, endpoint_url=endpoint) for name in ("rds", "cloudwatch", "sts")
    )
    return Aws(*made)


def instance(aws: Aws, identifier: str) -> dict[str, Any]:
    """What RDS says of an instance. Raises UsageError where there is none."""
    try:
        return aws.rds.describe_db_instances(DBInstanceIdentifier=identifier)["DBInstances"][0]
    except aws.rds.exceptions.DBInstanceNotFoundFault:
        raise UsageError(f"RDS has no instance {identifier} here: see aws rds describe-db-instances") from None


def tags_of(described: dict[str, Any]) -> dict[str, str]:
    """Tags by key."""
    return {tag["Key"]: tag["Value"] for tag in described.get("TagList", [])}


def require_account(aws: Aws, expected: str | None) -> None:
    """Refuses another account than the expected one."""
    if expected and aws.account != expected:
        raise DrillRefused(f"these credentials belong to account {aws.account}, not {expected}: choose another profile")


def refuse_cluster(described: dict[str, Any]) -> None:
    """Aurora has snapshots and failovers of clusters; the runbooks say how."""
    if described.get("DBClusterIdentifier"):
        raise DrillRefused(
            f"{described['DBInstanceIdentifier']} belongs to the Aurora cluster {described['DBClusterIdentifier']}: "
            "see docs/runbooks/operation-point-in-time-restore.md and operation-failover.md"
        )


def at(settings: Settings, described: dict[str, Any], through: str | None) -> Settings:
    """The settings with the instance's address; through a tunnel, at HOST:PORT, the certificate is checked all the same."""
    endpoint = described["Endpoint"]
    if not through:
        return replace(settings, embedded=False, host=endpoint["Address"], hostaddr="", port=endpoint["Port"])
    address, _, port = through.rpartition(":")
    if not port.isdecimal() or not address:
        raise UsageError(f"--through {through}: write HOST:PORT, as scripts/tunnel.py prints it")
    address = "127.0.0.1" if address == "localhost" else address
    return replace(settings, embedded=False, host=endpoint["Address"], hostaddr=address, port=int(port))


def publish(aws: Aws, identifier: str, values: dict[str, tuple[float, str]]) -> None:
    """Metrics of a drill: {name: (value, unit)}, by DBInstanceIdentifier."""
    aws.cloudwatch.put_metric_data(
        Namespace=NAMESPACE,
        MetricData=[
            {
                "MetricName": name,
                "Dimensions": [{"Name": "DBInstanceIdentifier", "Value": identifier}],
                "Value": value,
                "Unit": unit,
            }
            for name, (value, unit) in values.items()
        ],
    )
