"""What of a stack is still in the account, and what it costs there: found by name and by tag, after a destroy.

Each look is one row of `LOOKS`. A look that AWS refuses is reported as not done, never as nothing found.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from ecommerce_dms.aws import account
from ecommerce_dms.aws.cost_kept import kept_costs

KEPT, PENDING, LEFT = "kept", "pending deletion", "left over"


@dataclass(frozen=True)
class Leftover:
    """One thing: `why` it is there (KEPT on purpose, PENDING, or LEFT), and how to remove it."""

    kind: str
    name: str
    why: str
    usd_month: float | None
    way: str = ""

    def line(self) -> str:
        price = "cost unknown" if self.usd_month is None else f"{self.usd_month:.2f} USD a month"
        return f"  {self.why}: {self.kind} {self.name}, {price}" + (f"; remove it with: {self.way}" if self.way else "")


@dataclass(frozen=True)
class Place:
    """Where to look: the stack's name, and the tags that all of it carries."""

    aws: Any
    identifier: str
    project: str
    environment: str
    key_arn: str = ""

    def client(self, service: str) -> Any:
        return account.client(self.aws, service)

    def tag_filters(self) -> list[dict[str, Any]]:
        """For EC2's describe calls."""
        tags = {"Project": self.project, "Environment": self.environment}
        return [{"Name": f"tag:{key}", "Values": [value]} for key, value in tags.items()]

    def owns(self, tags: Iterable[dict[str, str]]) -> bool:
        """Whether these tags are this stack's."""
        have = {tag.get("Key", tag.get("TagKey")): tag.get("Value", tag.get("TagValue")) for tag in tags}
        return (have.get("Project"), have.get("Environment")) == (self.project, self.environment)


def _monthly(**kept: Any) -> float:
    """What keeping that costs, as cost_kept.py says."""
    return float(sum(item.usd_per_month for item in kept_costs(**kept)))


def look(place: Place) -> tuple[list[Leftover], list[str]]:
    """What was found, and sentences about what could not be looked at."""
    found, failed = [], []
    for kind, finder in LOOKS.items():
        try:
            found += list(finder(place))
        except account.AwsRefused as error:
            failed.append(f"{kind}: {error}")
    return found, failed


def _databases(place: Place) -> Iterator[Leftover]:
    rds = place.client("rds")
    for each in _pages(rds, "describe_db_instances", "DBInstances"):
        if place.owns(each.get("TagList", [])) or each["DBInstanceIdentifier"] == place.identifier:
            name = each["DBInstanceIdentifier"]
            yield Leftover(
                "database instance", name, LEFT, None, f"aws rds delete-db-instance --db-instance-identifier {name}"
            )
    for each in _pages(rds, "describe_db_clusters", "DBClusters"):
        if each["DBClusterIdentifier"] == place.identifier:
            yield Leftover("database cluster", place.identifier, LEFT, None)


def _snapshots(place: Place) -> Iterator[Leftover]:
    rds = place.client("rds")
    for each in _pages(rds, "describe_db_snapshots", "DBSnapshots", SnapshotType="manual"):
        if each["DBInstanceIdentifier"] == place.identifier:
            name = each["DBSnapshotIdentifier"]
            yield Leftover("snapshot", name, KEPT, _monthly(snapshot_gib=each.get("AllocatedStorage", 0)),
                           f"aws rds delete-db-snapshot --db-snapshot-identifier {name}")  # fmt: skip
    for each in _pages(rds, "describe_db_cluster_snapshots", "DBClusterSnapshots", SnapshotType="manual"):
        if each["DBClusterIdentifier"] == place.identifier:
            name = each["DBClusterSnapshotIdentifier"]
            yield Leftover("cluster snapshot", name, KEPT, None,
                           f"aws rds delete-db-cluster-snapshot --db-cluster-snapshot-identifier {name}")  # fmt: skip


def _retained_backups(place: Place) -> Iterator[Leftover]:
    rds = place.client("rds")
    for each in _pages(rds, "describe_db_instance_automated_backups", "DBInstanceAutomatedBackups"):
        if each.get("DBInstanceIdentifier") == place.identifier and each.get("Status") == "retained":
            arn = each.get("DbiResourceId", "")
            yield Leftover("retained automated backups of", place.identifier, KEPT, _monthly(snapshot_gib=each.get("AllocatedStorage", 0)),
                           f"aws rds delete-db-instance-automated-backup --dbi-resource-id {arn}")  # fmt: skip


def _log_groups(place: Place) -> Iterator[Leftover]:
    logs = place.client("logs")
    for owner in ("rds/instance", "rds/cluster", "vpc"):
        prefix = f"/aws/{owner}/{place.identifier}"
        for each in _pages(logs, "describe_log_groups", "logGroups", logGroupNamePrefix=prefix):
            rest = each["logGroupName"].removeprefix(prefix)
            if rest.startswith("/"):  # shop-test-2 begins like shop-test and is another stack.
                usd = _monthly(log_gib=each.get("storedBytes", 0) / 2**30)
                yield Leftover("log group", each["logGroupName"], LEFT, usd,
                               f"aws logs delete-log-group --log-group-name {each['logGroupName']}")  # fmt: skip


def _secrets(place: Place) -> Iterator[Leftover]:
    client = place.client("secretsmanager")
    for each in _pages(client, "list_secrets", "SecretList", IncludePlannedDeletion=True):
        if place.owns(each.get("Tags", [])):
            pending = "DeletedDate" in each
            way = "" if pending else f"aws secretsmanager delete-secret --secret-id {each['ARN']}"
            yield Leftover(
                "secret", each["Name"], PENDING if pending else LEFT, 0 if pending else _monthly(secrets=1), way
            )


def _keys(place: Place) -> Iterator[Leftover]:
    kms = place.client("kms")
    tags = [{"Key": "Project", "Values": [place.project]}, {"Key": "Environment", "Values": [place.environment]}]
    tagging = place.client("resourcegroupstaggingapi")
    tagged = _pages(
        tagging, "get_resources", "ResourceTagMappingList", TagFilters=tags, ResourceTypeFilters=["kms:key"]
    )
    arns = {each["ResourceARN"] for each in tagged} | ({place.key_arn} if place.key_arn else set())
    for arn in sorted(arns):
        key = account.ask(f"key {arn}", kms.describe_key, KeyId=arn)["KeyMetadata"]
        if key["KeyState"] == "PendingDeletion":
            yield Leftover(
                "key",
                arn,
                f"{PENDING} until {key['DeletionDate']:%Y-%m-%d}",
                0,
            )
        else:
            yield Leftover("key", arn, KEPT, _monthly(keys=1))


def _addresses(place: Place) -> Iterator[Leftover]:
    client = place.client("ec2")
    answer = account.ask("addresses", client.describe_addresses, Filters=place.tag_filters())
    for each in answer["Addresses"]:
        yield Leftover("public address", each["PublicIp"], LEFT, _monthly(addresses=1),
                       f"aws ec2 release-address --allocation-id {each['AllocationId']}")  # fmt: skip


def _gateways(place: Place) -> Iterator[Leftover]:
    for each in _pages(place.client("ec2"), "describe_nat_gateways", "NatGateways", Filters=place.tag_filters()):
        if each["State"] not in ("deleting", "deleted"):
            yield Leftover("NAT gateway", each["NatGatewayId"], LEFT, _monthly(nat_gateways=1),
                           f"aws ec2 delete-nat-gateway --nat-gateway-id {each['NatGatewayId']}")  # fmt: skip


def _network(place: Place) -> Iterator[Leftover]:
    """A VPC that is still there, and what keeps it: interfaces, and rules lent to CI runners."""
    client = place.client("ec2")
    for vpc in _pages(client, "describe_vpcs", "Vpcs", Filters=place.tag_filters()):
        inside = [{"Name": "vpc-id", "Values": [vpc["VpcId"]]}]
        yield Leftover("VPC", vpc["VpcId"], LEFT, 0, "this script, once more")
        for each in _pages(client, "describe_network_interfaces", "NetworkInterfaces", Filters=inside):
            yield Leftover("network interface", f"{each['NetworkInterfaceId']} ({each.get('Description')})", LEFT, 0)
    lent = [{"Name": "tag:Purpose", "Values": ["runner-lease"]}]
    groups = {
        each["GroupId"]
        for each in _pages(client, "describe_security_groups", "SecurityGroups", Filters=place.tag_filters())
    }
    for each in _pages(client, "describe_security_group_rules", "SecurityGroupRules", Filters=lent):
        if each["GroupId"] in groups:
            yield Leftover("rule lent to a runner", each["SecurityGroupRuleId"], LEFT, 0)


def _schedules(place: Place) -> Iterator[Leftover]:
    for each in _pages(place.client("scheduler"), "list_schedules", "Schedules", NamePrefix=place.identifier):
        yield Leftover("schedule", each["Name"], LEFT, 0, f"aws scheduler delete-schedule --name {each['Name']}")


LOOKS: dict[str, Callable[[Place], Iterator[Leftover]]] = {
    "databases": _databases,
    "snapshots": _snapshots,
    "retained backups": _retained_backups,
    "log groups": _log_groups,
    "secrets": _secrets,
    "keys": _keys,
    "public addresses": _addresses,
    "NAT gateways": _gateways,
    "network": _network,
    "schedules": _schedules,
}


def _pages(client: Any, operation: str, key: str, **arguments: Any) -> list[dict[str, Any]]:
    """All pages of an answer. An operation without paginator answers in one."""

    def ask() -> list[dict[str, Any]]:
        if client.can_paginate(operation):
            return [
                each for page in client.get_paginator(operation).paginate(**arguments) for each in page.get(key, [])
            ]
        return getattr(client, operation)(**arguments).get(key, [])

    return account.ask(operation.replace("_", " "), ask)
