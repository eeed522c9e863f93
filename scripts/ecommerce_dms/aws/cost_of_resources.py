"""What each type of resource costs: one function for each, in PRICED; what is free, with the reason, in FREE.

A new type in terraform/ is a row in one of the two tables. A function reads the resource's values and adds lines to the
bill by the key of a price; cost.py makes the sum of them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from ecommerce_dms.aws.cost_assumptions import Assumptions
from ecommerce_dms.aws.prices import Price, PriceTable

HOURS_PER_MONTH = 730  # AWS's own convention: 8,760 hours a year by 12.

Resource = dict[str, Any]

# The share of each vCPU that a burstable class may use all day; above it, it costs CPU credits. T3 and T4g are the same.
# https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/burstable-credits-baseline-concepts.html
BASELINE_PERCENT = {"micro": 10, "small": 20, "medium": 20, "large": 30, "xlarge": 40, "2xlarge": 40}
VCPUS = {
    "nano": 2, "micro": 2, "small": 2, "medium": 2, "large": 2, "xlarge": 4, "2xlarge": 8, "4xlarge": 16, "8xlarge": 32,
    "12xlarge": 48, "16xlarge": 64, "24xlarge": 96,
}  # fmt: skip

# RDS writes them into the account's log group RDSOSMetrics, which it makes itself and keeps for as long.
# https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/USER_Monitoring.OS.html
OS_METRICS_RETENTION_DAYS = 30

# What gp3 of RDS includes: (IOPS, MiB/s) below 400 GiB and from there on. docs.aws.amazon.com, RDS, CHAP_Storage.
GP3_STRIPES_FROM_GIB = 400
GP3_INCLUDED = {False: (3000, 125), True: (12000, 500)}


@dataclass(frozen=True)
class Item:
    """One line of the bill. `usage` marks what follows from an assumption, not from the plan."""

    address: str
    what: str
    price: Price
    per_hour: Decimal  # units
    usage: bool = False

    @property
    def usd_per_hour(self) -> Decimal:
        return self.per_hour * self.price.usd

    def usd(self, hours: Decimal | float) -> Decimal:
        return self.usd_per_hour * Decimal(str(hours))

    @property
    def usd_per_month(self) -> Decimal:
        return self.usd(HOURS_PER_MONTH)


@dataclass(frozen=True)
class NotPriced:
    """A resource, or a part of one, whose cost is not in the sum, and why."""

    address: str
    type: str
    reason: str


class Bill:
    """One estimate while it is being made: lines are added to it, or skipped with a reason."""

    def __init__(self, resources: list[Resource], assumptions: Assumptions, table: PriceTable) -> None:
        self.resources = resources
        self.assumptions = assumptions
        self.table = table
        self.items: list[Item] = []
        self.skipped: list[NotPriced] = []

    def of(self, type_: str) -> list[Resource]:
        return [resource for resource in self.resources if resource["type"] == type_]

    def add(self, resource: Resource, what: str, key: str, per_hour: Any, *, usage: bool = False) -> None:
        """One item; an unknown price is listed as not priced."""
        price = self.table.find(key)
        if price is None:
            self.skip(resource, f"no price for {key}")
        else:
            self.items.append(Item(resource["address"], what, price, Decimal(str(per_hour)), usage))

    def monthly(self, resource: Resource, what: str, key: str, units: Any, *, usage: bool = False) -> None:
        self.add(resource, what, key, Decimal(str(units)) / HOURS_PER_MONTH, usage=usage)

    def daily(self, resource: Resource, what: str, key: str, units: Decimal, *, usage: bool = True) -> None:
        self.add(resource, what, key, units / 24, usage=usage)

    def skip(self, resource: Resource, reason: str) -> None:
        self.skipped.append(NotPriced(resource["address"], resource["type"], reason))


def _instance(bill: Bill, resource: Resource) -> None:
    values = resource["values"]
    copies = "multi" if values.get("multi_az") else "single"
    role = "replica" if values.get("replicate_source_db") else "database"
    engine = values.get("engine") or "postgres"
    if engine != "postgres":
        bill.skip(resource, f"no prices for engine {engine}")
        return
    instance_class = values["instance_class"]
    title = f"{role} {instance_class}" + (", Multi-AZ" if copies == "multi" else "")
    bill.add(resource, title, f"rds.{copies}.{instance_class}", 1)
    _storage(bill, resource, copies, role)
    _burst(bill, resource, instance_class)
    _insights(bill, resource, instance_class, values.get("database_insights_mode"))
    _operating_system_metrics(bill, resource)
    _logs_of(bill, resource)
    _public_endpoint(bill, resource)
    if role == "database":
        _backups(bill, resource)
        bill.daily(resource, "traffic between zones", "transfer.zones", 2 * bill.assumptions.zone_gib_per_day)


def _storage(bill: Bill, resource: Resource, copies: str, role: str) -> None:
    values = resource["values"]
    size = _allocated_gib(bill, resource)
    kind = values.get("storage_type") or "gp3"
    if size is None:
        bill.skip(resource, "the size of its storage is not in the plan")
        return
    bill.monthly(resource, f"{role} storage {kind}", f"rds.{copies}.{kind}", size)
    included_iops, included_throughput = GP3_INCLUDED[size >= GP3_STRIPES_FROM_GIB] if kind == "gp3" else (0, None)
    extra_iops = max(0, (values.get("iops") or included_iops) - included_iops)
    if extra_iops:
        bill.monthly(resource, f"{role} IOPS {kind}", f"rds.{copies}.{kind}-iops", extra_iops)
    if included_throughput is not None:
        extra_throughput = max(0, (values.get("storage_throughput") or included_throughput) - included_throughput)
        if extra_throughput:
            bill.monthly(resource, f"{role} throughput {kind}", f"rds.{copies}.{kind}-throughput", extra_throughput)


def _allocated_gib(bill: Bill, resource: Resource) -> int | None:
    """Its own size; a replica's is its source's until AWS has said it."""
    values = resource["values"]
    if values.get("allocated_storage"):
        return values["allocated_storage"]
    source = str(values.get("replicate_source_db") or "").rpartition(":")[2]
    sizes = [
        one["values"].get("allocated_storage")
        for one in bill.of("aws_db_instance")
        if source and one["values"].get("identifier") == source
    ]
    return sizes[0] if sizes else None


def _burst(bill: Bill, resource: Resource, instance_class: str, kind: str = "rds") -> None:
    """CPU credits: T3 and T4g of RDS are always unlimited, and what is used above the baseline is billed."""
    family, _, size = instance_class.removeprefix("db.").partition(".")
    if family not in ("t3", "t4g") or size not in BASELINE_PERCENT:
        return
    above = max(Decimal(0), bill.assumptions.cpu_percent - BASELINE_PERCENT[size]) / 100
    bill.add(resource, "CPU credits", f"{kind}.cpu-credit.{family}", above * VCPUS[size], usage=True)


def _insights(bill: Bill, resource: Resource, instance_class: str, mode: str | None) -> None:
    """Database Insights: standard with 7 days is free, advanced costs by vCPU or ACU."""
    days = resource["values"].get("performance_insights_retention_period") or 7
    if mode == "advanced":
        if instance_class == "db.serverless":
            acus = _average_acus(bill, _cluster_of(bill, resource))
            bill.add(resource, "Database Insights advanced", "insights.acu", acus, usage=True)
            return
        vcpus = VCPUS.get(instance_class.rpartition(".")[2])
        if vcpus is None:
            bill.skip(resource, f"Database Insights: how many vCPUs {instance_class} has is not known here")
            return
        bill.add(resource, "Database Insights advanced", "insights.vcpu", vcpus)
    elif days > 7:
        bill.skip(resource, f"Performance Insights for {days} days: its price by class is not in the table")


def _operating_system_metrics(bill: Bill, resource: Resource) -> None:
    interval = resource["values"].get("monitoring_interval") or 0
    if interval:
        per_day = bill.assumptions.os_metrics_gib_per_day * 60 / interval
        bill.daily(resource, "Enhanced Monitoring logs", "logs.ingested", per_day)
        stored = per_day * OS_METRICS_RETENTION_DAYS * bill.assumptions.log_compression
        bill.monthly(resource, "logs stored", "logs.stored", stored, usage=True)


def _logs_of(bill: Bill, resource: Resource) -> None:
    if resource["values"].get("enabled_cloudwatch_logs_exports"):
        bill.daily(resource, "database logs ingested", "logs.ingested", bill.assumptions.log_gib_per_day)


def _public_endpoint(bill: Bill, resource: Resource) -> None:
    """An address, its traffic, and the schedules that close each lease of it. A standby has an address of its own."""
    if not resource["values"].get("publicly_accessible"):
        return
    addresses = 2 if resource["values"].get("multi_az") else 1
    bill.add(resource, "public IPv4 addresses", "ipv4.hour", addresses)
    bill.daily(resource, "traffic to the internet", "transfer.internet", bill.assumptions.internet_gib_per_day)
    bill.daily(resource, "schedules that close leases", "scheduler", bill.assumptions.leases_per_day / 1_000_000)


def _backups(bill: Bill, resource: Resource) -> None:
    """One full copy and the changes of each day kept; free up to the size of the instance's storage."""
    days = resource["values"].get("backup_retention_period") or 0
    size = _allocated_gib(bill, resource) or 0
    kept = bill.assumptions.database_gib + days * bill.assumptions.changed_gib_per_day if days else Decimal(0)
    bill.monthly(resource, "backups above the free size", "rds.backup", max(Decimal(0), kept - size), usage=True)


def _cluster(bill: Bill, resource: Resource) -> None:
    values, assumed = resource["values"], bill.assumptions
    kind = _aurora_kind(resource)
    bill.monthly(resource, "Aurora storage", f"{kind}.storage", assumed.database_gib, usage=True)
    if kind == "aurora":
        bill.add(resource, "Aurora I/O", "aurora.io", assumed.aurora_io_per_second * 3600 / 1_000_000, usage=True)
    # A copy of the volume's own size is free, and so is a retention of one day; billed are the changes of all days kept.
    # https://docs.aws.amazon.com/AmazonRDS/latest/AuroraUserGuide/aurora-storage-backup.html
    days = values.get("backup_retention_period") or 1
    changed = days * assumed.changed_gib_per_day if days > 1 else 0
    bill.monthly(resource, "Aurora backups above the free size", "aurora.backup", changed, usage=True)
    bill.daily(resource, "traffic between zones", "transfer.zones", 2 * assumed.zone_gib_per_day)


def _cluster_instance(bill: Bill, resource: Resource) -> None:
    values = resource["values"]
    cluster = _cluster_of(bill, resource)
    kind = _aurora_kind(cluster)
    instance_class = values["instance_class"]
    if instance_class == "db.serverless":
        acus = _average_acus(bill, cluster)
        bill.add(resource, "Aurora capacity (ACU)", f"{kind}.acu", acus, usage=True)
    else:
        bill.add(resource, f"Aurora {instance_class}", f"{kind}.{instance_class}", 1)
        _burst(bill, resource, instance_class, kind)
    _insights(bill, resource, instance_class, ((cluster or resource)["values"]).get("database_insights_mode"))
    _operating_system_metrics(bill, resource)
    if cluster:
        _logs_of(
            bill,
            _with_values(
                resource, enabled_cloudwatch_logs_exports=cluster["values"].get("enabled_cloudwatch_logs_exports")
            ),
        )
    _public_endpoint(bill, resource)


def _with_values(resource: Resource, **values: Any) -> Resource:
    return {**resource, "values": {**resource["values"], **values}}


def _cluster_of(bill: Bill, resource: Resource) -> Resource | None:
    named = resource["values"].get("cluster_identifier")
    clusters = bill.of("aws_rds_cluster")
    return next((one for one in clusters if one["values"].get("cluster_identifier") == named), None)


def _aurora_kind(cluster: Resource | None) -> str:
    optimised = cluster is not None and cluster["values"].get("storage_type") == "aurora-iopt1"
    return "aurora-iopt" if optimised else "aurora"


def _average_acus(bill: Bill, cluster: Resource | None) -> Decimal:
    scaling = ((cluster or {}).get("values", {}).get("serverlessv2_scaling_configuration") or [{}])[0]
    least, most = (Decimal(str(scaling.get(name) or 0)) for name in ("min_capacity", "max_capacity"))
    return least + (most - least) * bill.assumptions.acu_share


def _host(bill: Bill, resource: Resource) -> None:
    values = resource["values"]
    bill.add(resource, f"tunnel host {values['instance_type']}", f"ec2.{values['instance_type']}", 1)
    for disk in [*values.get("root_block_device", []), *values.get("ebs_block_device", [])]:
        kind = disk.get("volume_type") or "gp3"
        bill.monthly(resource, f"tunnel host disk {kind}", f"ebs.{kind}", disk.get("volume_size") or 8)
    if values.get("associate_public_ip_address"):
        bill.add(resource, "public IPv4 addresses", "ipv4.hour", 1)


def _nat_gateway(bill: Bill, resource: Resource) -> None:
    bill.add(resource, "NAT gateway", "nat.hour", 1)
    bill.daily(resource, "traffic through NAT", "nat.gb", bill.assumptions.nat_gib_per_day)


def _address(bill: Bill, resource: Resource) -> None:
    bill.add(resource, "public IPv4 addresses", "ipv4.hour", 1)


def _key(bill: Bill, resource: Resource) -> None:
    bill.monthly(resource, "encryption key", "kms.key", 1)
    bill.add(resource, "KMS requests", "kms.requests", bill.assumptions.requests_per_hour / 10_000, usage=True)


def _secret(bill: Bill, resource: Resource) -> None:
    bill.monthly(resource, "secret", "secret.month", 1)
    bill.add(
        resource,
        "Secrets Manager requests",
        "secret.requests",
        bill.assumptions.requests_per_hour / 10_000,
        usage=True,
    )


def _log_group(bill: Bill, resource: Resource) -> None:
    """Storage of what is kept once the retention is full. Ingestion is counted where the logs come from."""
    assumed = bill.assumptions
    name = str(resource["values"].get("name") or "")
    per_day = assumed.flow_log_gib_per_day if name.endswith("/flow") else assumed.log_gib_per_day
    if name.endswith("/upgrade"):
        return  # written during an upgrade only
    days = resource["values"].get("retention_in_days") or 3653
    bill.monthly(resource, "logs stored", "logs.stored", per_day * days * assumed.log_compression, usage=True)


def _flow_log(bill: Bill, resource: Resource) -> None:
    bill.daily(resource, "flow logs ingested", "logs.flow-ingested", bill.assumptions.flow_log_gib_per_day)


def _alarm(bill: Bill, resource: Resource) -> None:
    """By metric: an alarm on a formula costs as many as it reads."""
    queries = resource["values"].get("metric_query") or []
    bill.monthly(resource, "alarms", "cloudwatch.alarm", max(1, sum(1 for query in queries if query.get("metric"))))


def _composite_alarm(bill: Bill, resource: Resource) -> None:
    bill.monthly(resource, "composite alarms", "cloudwatch.composite-alarm", 1)


def _dashboard(bill: Bill, resource: Resource) -> None:
    bill.monthly(resource, "dashboards", "cloudwatch.dashboard", 1)


def _metric_filter(bill: Bill, resource: Resource) -> None:
    bill.monthly(resource, "custom metrics", "cloudwatch.metric", 1)


def _subscription(bill: Bill, resource: Resource) -> None:
    if resource["values"].get("protocol") in ("email", "email-json"):
        bill.daily(resource, "notifications", "sns.email", bill.assumptions.emails_per_day / 100_000)
    else:
        bill.daily(resource, "notifications", "sns.requests", bill.assumptions.emails_per_day / 1_000_000)


def _schedule(bill: Bill, resource: Resource) -> None:
    bill.daily(resource, "schedules", "scheduler", Decimal(24) / 1_000_000)


def _snapshot(bill: Bill, resource: Resource) -> None:
    size = resource["values"].get("allocated_storage") or bill.assumptions.database_gib
    bill.monthly(resource, "snapshots", "rds.backup", size)


def _cluster_snapshot(bill: Bill, resource: Resource) -> None:
    size = resource["values"].get("allocated_storage") or bill.assumptions.database_gib
    bill.monthly(resource, "snapshots", "aurora.backup", size)


PRICED: dict[str, Callable[[Bill, Resource], None]] = {
    "aws_cloudwatch_composite_alarm": _composite_alarm,
    "aws_cloudwatch_dashboard": _dashboard,
    "aws_cloudwatch_log_group": _log_group,
    "aws_cloudwatch_log_metric_filter": _metric_filter,
    "aws_cloudwatch_metric_alarm": _alarm,
    "aws_db_cluster_snapshot": _cluster_snapshot,
    "aws_db_instance": _instance,
    "aws_db_snapshot": _snapshot,
    "aws_eip": _address,
    "aws_flow_log": _flow_log,
    "aws_instance": _host,
    "aws_kms_key": _key,
    "aws_nat_gateway": _nat_gateway,
    "aws_rds_cluster": _cluster,
    "aws_rds_cluster_instance": _cluster_instance,
    "aws_scheduler_schedule": _schedule,
    "aws_secretsmanager_secret": _secret,
    "aws_sns_topic_subscription": _subscription,
}

_NETWORK = "AWS charges traffic, addresses and gateways, not the parts of a VPC"
_IAM = "IAM is free of charge"
_SETTINGS = "a setting of the database"

FREE: dict[str, str] = {
    "aws_budgets_budget": "budgets without actions are free of charge",
    "aws_cloudwatch_log_resource_policy": "a setting of CloudWatch Logs",
    "aws_db_event_subscription": "its messages are paid as notifications of the topic",
    "aws_db_parameter_group": _SETTINGS,
    "aws_db_subnet_group": _SETTINGS,
    "aws_default_security_group": _NETWORK,
    "aws_iam_instance_profile": _IAM,
    "aws_iam_openid_connect_provider": _IAM,
    "aws_iam_policy": _IAM,
    "aws_iam_role": _IAM,
    "aws_iam_role_policy": _IAM,
    "aws_iam_role_policy_attachment": _IAM,
    "aws_internet_gateway": _NETWORK,
    "aws_kms_alias": "a name of the key",
    "aws_rds_cluster_parameter_group": _SETTINGS,
    "aws_route": _NETWORK,
    "aws_route_table": _NETWORK,
    "aws_route_table_association": _NETWORK,
    "aws_scheduler_schedule_group": "schedules are paid by their invocations",
    "aws_secretsmanager_secret_version": "paid with its secret",
    "aws_security_group": _NETWORK,
    "aws_sns_topic": "a topic is paid by its messages, counted at its subscriptions",
    "aws_sns_topic_policy": "a setting of the topic",
    "aws_subnet": _NETWORK,
    "aws_vpc": _NETWORK,
    "aws_vpc_security_group_egress_rule": _NETWORK,
    "aws_vpc_security_group_ingress_rule": _NETWORK,
    "terraform_data": "exists in Terraform's state only",
}
