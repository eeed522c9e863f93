"""What a stack costs: from Terraform's plan or state, as `terraform show -json` prints it, and the price table.

Pure: nothing here runs Terraform, reads a file but the table, or asks AWS. What a bill depends on and no plan knows
(traffic, logs, load) is an assumption with a default, shown beside the result. A resource is priced (PRICED), free
(FREE, with the reason), or listed as not priced; nothing is left out in silence.

    estimate(plan, hours)      the cost of what a plan makes, or a state holds
    summary_lines(estimate)    the same for a screen, before somebody says yes
    kept_costs(...)            what a month costs of what a destroy leaves behind

On-demand prices without taxes, free tier, discounts and credits.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, fields, replace
from decimal import Decimal
from typing import Any

from ecommerce_dms.aws.prices import Price, PriceTable, price_table

HOURS_PER_MONTH = 730  # AWS's own convention: 8,760 hours a year by 12.
DAYS_PER_MONTH = Decimal(HOURS_PER_MONTH) / 24

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
class Assumptions:
    """What the bill depends on and a plan does not say. Each is a setting of scripts/cost_estimate.py."""

    database_gib: Decimal = field(default=Decimal(10), metadata={"help": "data stored, indexes included, in GiB"})
    changed_gib_per_day: Decimal = field(default=Decimal("0.5"), metadata={"help": "changed data and WAL, GiB a day"})
    cpu_percent: Decimal = field(
        default=Decimal(10), metadata={"help": "average load of every vCPU, in percent", "most": 100}
    )
    log_gib_per_day: Decimal = field(
        default=Decimal("0.05"), metadata={"help": "PostgreSQL's log, GiB a day and instance"}
    )
    flow_log_gib_per_day: Decimal = field(default=Decimal("0.02"), metadata={"help": "flow logs of the VPC, GiB a day"})
    os_metrics_gib_per_day: Decimal = field(
        default=Decimal("0.01"), metadata={"help": "Enhanced Monitoring at 60 seconds, GiB a day and instance"}
    )
    log_compression: Decimal = field(
        default=Decimal("0.15"), metadata={"help": "stored size of logs, as part of what came in", "most": 1}
    )
    internet_gib_per_day: Decimal = field(
        default=Decimal("0.1"), metadata={"help": "sent from public endpoints to the internet, GiB a day"}
    )
    nat_gib_per_day: Decimal = field(default=Decimal("0.2"), metadata={"help": "through each NAT gateway, GiB a day"})
    zone_gib_per_day: Decimal = field(
        default=Decimal("0.5"), metadata={"help": "between clients and database of different zones, GiB a day"}
    )
    acu_share: Decimal = field(
        default=Decimal("0.25"), metadata={"help": "average ACUs, as part of the way from least to most", "most": 1}
    )
    aurora_io_per_second: Decimal = field(default=Decimal(10), metadata={"help": "reads and writes of Aurora's volume"})
    requests_per_hour: Decimal = field(
        default=Decimal(100), metadata={"help": "calls of KMS and of Secrets Manager, each"}
    )
    emails_per_day: Decimal = field(
        default=Decimal(5), metadata={"help": "notifications by e-mail, to each subscriber"}
    )
    leases_per_day: Decimal = field(
        default=Decimal(10), metadata={"help": "openings of a public database, each a schedule"}
    )


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


@dataclass(frozen=True)
class Estimate:
    """The bill, and all that it leaves open."""

    hours: Decimal
    items: tuple[Item, ...]
    free: dict[str, str]  # type → reason, of the types that occur
    not_priced: tuple[NotPriced, ...]
    assumptions: Assumptions
    table: PriceTable
    region: str | None

    @property
    def usd_per_hour(self) -> Decimal:
        return sum((item.usd_per_hour for item in self.items), Decimal(0))

    @property
    def usd(self) -> Decimal:
        """For the hours that were asked for."""
        return self.usd_per_hour * self.hours

    @property
    def usd_per_month(self) -> Decimal:
        return self.usd_per_hour * HOURS_PER_MONTH

    @property
    def eur(self) -> Decimal:
        return self.table.eur(self.usd)

    @property
    def unverified(self) -> tuple[Price, ...]:
        """The prices in it that nobody saw for this region, each once."""
        return tuple({item.price.key: item.price for item in self.items if not item.price.verified}.values())


def estimate(
    plan: dict[str, Any],
    hours: Decimal | float,
    *,
    assumptions: Assumptions | None = None,
    table: PriceTable | None = None,
) -> Estimate:
    """What all resources of a plan (after it), or of a state, cost for `hours`.

    Takes the document of `terraform show -json`. Raises ValueError for anything else, and for hours below 0.
    """
    if Decimal(str(hours)) < 0:
        raise ValueError(f"hours is {hours}: give 0 or more")
    stack = _Stack(managed_resources(plan), assumptions or Assumptions(), table or price_table())
    for resource in stack.resources:
        price_it = PRICED.get(resource["type"])
        if price_it is not None:
            price_it(stack, resource)
        elif resource["type"] not in FREE:
            stack.skip(resource, "this type is not known here")
    types = {resource["type"] for resource in stack.resources}
    return Estimate(
        hours=Decimal(str(hours)),
        items=tuple(stack.items),
        free={type_: reason for type_, reason in FREE.items() if type_ in types},
        not_priced=tuple(stack.skipped),
        assumptions=stack.assumptions,
        table=stack.table,
        region=region_of(plan),
    )


def summary_lines(result: Estimate, *, most: int = 5) -> list[str]:
    """A few lines for a screen: the sum for an hour, the hours asked for and a month, what drives it, what is open."""
    table = result.table
    lines = [f"Cost (on demand, {table.region}, prices of {table.as_of}, 1 EUR = {table.usd_per_eur} USD):"]
    for label, hours in spans(result.hours):
        usd, digits = result.usd_per_hour * hours, digits_for(hours)
        lines.append(f"  {label:<10} {money(usd, digits):>10} USD {money(table.eur(usd), digits):>10} EUR")
    biggest = sorted(by_what(result.items).items(), key=lambda pair: -pair[1])[:most]
    lines += [f"    {money(usd * HOURS_PER_MONTH):>10} USD a month: {what}" for what, usd in biggest if usd > 0]
    if result.not_priced:
        lines.append(
            "  Not in it: " + ", ".join(sorted({f"{one.address} ({one.reason})" for one in result.not_priced}))
        )
    if result.region and result.region != table.region:
        lines.append(f"  The stack is in {result.region}, the prices are those of {table.region}: expect a difference.")
    if result.unverified:
        lines.append(f"  {len(result.unverified)} of the prices are not verified; scripts/cost_estimate.py lists them.")
    return lines


def kept_costs(
    *,
    snapshot_gib: Decimal | float = 0,
    aurora_snapshot_gib: Decimal | float = 0,
    keys: int = 0,
    keys_pending_deletion: int = 0,
    secrets: int = 0,
    log_gib: Decimal | float = 0,
    addresses: int = 0,
    nat_gateways: int = 0,
    alarms: int = 0,
    table: PriceTable | None = None,
) -> list[Item]:
    """What stays after a destroy, for `Item.usd_per_month`: one item for each kind that is there.

    Snapshots and retained backups count by their size: without an instance nothing of them is free. A key or secret that
    waits for its deletion is free. `log_gib` is what CloudWatch stores, which is less than what came in.
    """
    table = table or price_table()
    monthly = [
        ("snapshots and retained backups", "rds.backup", snapshot_gib),
        ("Aurora snapshots and retained backups", "aurora.backup", aurora_snapshot_gib),
        ("encryption key", "kms.key", keys),
        ("secret", "secret.month", secrets),
        ("stored logs", "logs.stored", log_gib),
        ("alarms", "cloudwatch.alarm", alarms),
    ]
    items = [Item("", what, table[key], Decimal(str(count)) / HOURS_PER_MONTH) for what, key, count in monthly if count]
    hourly = [("public IPv4 address", "ipv4.hour", addresses), ("NAT gateway", "nat.hour", nat_gateways)]
    items += [Item("", what, table[key], Decimal(count)) for what, key, count in hourly if count]
    if keys_pending_deletion:
        items.append(Item("", "encryption key pending deletion (free)", table["kms.key"], Decimal(0)))
    return items


def kept_lines(items: Iterable[Item], *, table: PriceTable | None = None) -> list[str]:
    """The same for a screen: a line for each kind, and the sum."""
    items, table = list(items), table or price_table()
    total = sum((item.usd_per_month for item in items), Decimal(0))
    lines = [f"  {money(item.usd_per_month):>10} USD a month: {item.what}" for item in items]
    return [*lines, f"  {money(total):>10} USD a month in all ({money(table.eur(total))} EUR)"]


def kept_after_destroy(
    document: dict[str, Any], *, assumptions: Assumptions | None = None, table: PriceTable | None = None
) -> list[Item]:
    """What a destroy of this plan or state leaves behind and a month of it costs, by the protection it asks for.

    A snapshot is worth nothing without its key, so the key is kept as long as one is; otherwise both key and secret only
    wait for their deletion.
    """
    assumed = assumptions or Assumptions()
    resources = managed_resources(document)
    sources = [one for one in resources if not one["values"].get("replicate_source_db")]
    instances = [one["values"] for one in sources if one["type"] == "aws_db_instance"]
    clusters = [one["values"] for one in sources if one["type"] == "aws_rds_cluster"]
    sizes = {"snapshot_gib": _kept_gib(instances, assumed), "aurora_snapshot_gib": _kept_gib(clusters, assumed)}
    keys = sum(1 for one in resources if one["type"] == "aws_kms_key")
    keeps = any(sizes.values())
    monitored = [one for one in resources if one["values"].get("monitoring_interval")]
    per_day = sum(assumed.os_metrics_gib_per_day * 60 / one["values"]["monitoring_interval"] for one in monitored)
    return kept_costs(
        **sizes,
        keys=keys if keeps else 0,
        keys_pending_deletion=0 if keeps else keys,
        log_gib=per_day * OS_METRICS_RETENTION_DAYS * assumed.log_compression,
        table=table,
    )


def _kept_gib(databases: list[dict[str, Any]], assumed: Assumptions) -> Decimal:
    """A final snapshot, and the automated backups unless they go with the database."""
    total = Decimal(0)
    for values in databases:
        days = values.get("backup_retention_period") or 0
        if not values.get("skip_final_snapshot"):
            total += assumed.database_gib
        if days and not values.get("delete_automated_backups", True):
            total += assumed.database_gib + days * assumed.changed_gib_per_day
    return total


# --- Reading Terraform ------------------------------------------------------------------------------------------------


def managed_resources(document: dict[str, Any]) -> list[Resource]:
    """The resources of a plan (as they will be) or a state, modules included, data sources not."""
    values = document.get("planned_values") if "planned_values" in document else document.get("values", {})
    if "format_version" not in document:
        raise ValueError("this is not what `terraform show -json` prints: it has no format_version")
    return list(_walk((values or {}).get("root_module") or {}))


def _walk(module: dict[str, Any]) -> Iterator[Resource]:
    yield from (resource for resource in module.get("resources", []) if resource.get("mode") == "managed")
    for child in module.get("child_modules", []):
        yield from _walk(child)


def region_of(document: dict[str, Any]) -> str | None:
    """The region, as the variable `region` of a plan or the output of a state says it."""
    variable = document.get("variables", {}).get("region", {}).get("value")
    values = document.get("planned_values") or document.get("values") or {}
    return variable or values.get("outputs", {}).get("region", {}).get("value")


def money(usd: Decimal, digits: int = 2) -> str:
    """With a fixed number of digits, and never 0.00 for something that costs."""
    least = Decimal(1).scaleb(-digits)
    return f"<{least}" if 0 < usd < least / 2 else f"{usd:,.{digits}f}"


def digits_for(hours: Decimal | float) -> int:
    """Cents for a month; for a few hours, what is below them, too."""
    return 2 if hours >= HOURS_PER_MONTH / 2 else 4


def spans(hours: Decimal) -> list[tuple[str, Decimal]]:
    """What every table shows: an hour, the hours asked for, a month."""
    asked = [] if hours in (1, HOURS_PER_MONTH) else [(f"{hours.normalize():f} hours", hours)]
    return [("an hour", Decimal(1)), *asked, ("a month", Decimal(HOURS_PER_MONTH))]


def by_what(items: Iterable[Item]) -> dict[str, Decimal]:
    """USD an hour by kind of cost, in the order of the plan."""
    sums: dict[str, Decimal] = {}
    for item in items:
        sums[item.what] = sums.get(item.what, Decimal(0)) + item.usd_per_hour
    return sums


class _Stack:
    """One estimate while it is being made."""

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


# --- What each type costs ---------------------------------------------------------------------------------------------


def _instance(stack: _Stack, resource: Resource) -> None:
    values = resource["values"]
    copies = "multi" if values.get("multi_az") else "single"
    role = "replica" if values.get("replicate_source_db") else "database"
    engine = values.get("engine") or "postgres"
    if engine != "postgres":
        stack.skip(resource, f"no prices for engine {engine}")
        return
    instance_class = values["instance_class"]
    title = f"{role} {instance_class}" + (", Multi-AZ" if copies == "multi" else "")
    stack.add(resource, title, f"rds.{copies}.{instance_class}", 1)
    _storage(stack, resource, copies, role)
    _burst(stack, resource, instance_class)
    _insights(stack, resource, instance_class, values.get("database_insights_mode"))
    _operating_system_metrics(stack, resource)
    _logs_of(stack, resource)
    _public_endpoint(stack, resource)
    if role == "database":
        _backups(stack, resource)
        stack.daily(resource, "traffic between zones", "transfer.zones", 2 * stack.assumptions.zone_gib_per_day)


def _storage(stack: _Stack, resource: Resource, copies: str, role: str) -> None:
    values = resource["values"]
    size = _allocated_gib(stack, resource)
    kind = values.get("storage_type") or "gp3"
    if size is None:
        stack.skip(resource, "the size of its storage is not in the plan")
        return
    stack.monthly(resource, f"{role} storage {kind}", f"rds.{copies}.{kind}", size)
    included_iops, included_throughput = GP3_INCLUDED[size >= GP3_STRIPES_FROM_GIB] if kind == "gp3" else (0, None)
    extra_iops = max(0, (values.get("iops") or included_iops) - included_iops)
    if extra_iops:
        stack.monthly(resource, f"{role} IOPS {kind}", f"rds.{copies}.{kind}-iops", extra_iops)
    if included_throughput is not None:
        extra_throughput = max(0, (values.get("storage_throughput") or included_throughput) - included_throughput)
        if extra_throughput:
            stack.monthly(resource, f"{role} throughput {kind}", f"rds.{copies}.{kind}-throughput", extra_throughput)


def _allocated_gib(stack: _Stack, resource: Resource) -> int | None:
    """Its own size; a replica's is its source's until AWS has said it."""
    values = resource["values"]
    if values.get("allocated_storage"):
        return values["allocated_storage"]
    source = str(values.get("replicate_source_db") or "").rpartition(":")[2]
    sizes = [
        one["values"].get("allocated_storage")
        for one in stack.of("aws_db_instance")
        if source and one["values"].get("identifier") == source
    ]
    return sizes[0] if sizes else None


def _burst(stack: _Stack, resource: Resource, instance_class: str, kind: str = "rds") -> None:
    """CPU credits: T3 and T4g of RDS are always unlimited, and what is used above the baseline is billed."""
    family, _, size = instance_class.removeprefix("db.").partition(".")
    if family not in ("t3", "t4g") or size not in BASELINE_PERCENT:
        return
    above = max(Decimal(0), stack.assumptions.cpu_percent - BASELINE_PERCENT[size]) / 100
    stack.add(resource, "CPU credits", f"{kind}.cpu-credit.{family}", above * VCPUS[size], usage=True)


def _insights(stack: _Stack, resource: Resource, instance_class: str, mode: str | None) -> None:
    """Database Insights: standard with 7 days is free, advanced costs by vCPU or ACU."""
    days = resource["values"].get("performance_insights_retention_period") or 7
    if mode == "advanced":
        if instance_class == "db.serverless":
            acus = _average_acus(stack, _cluster_of(stack, resource))
            stack.add(resource, "Database Insights advanced", "insights.acu", acus, usage=True)
            return
        vcpus = VCPUS.get(instance_class.rpartition(".")[2])
        if vcpus is None:
            stack.skip(resource, f"Database Insights: how many vCPUs {instance_class} has is not known here")
            return
        stack.add(resource, "Database Insights advanced", "insights.vcpu", vcpus)
    elif days > 7:
        stack.skip(resource, f"Performance Insights for {days} days: its price by class is not in the table")


def _operating_system_metrics(stack: _Stack, resource: Resource) -> None:
    interval = resource["values"].get("monitoring_interval") or 0
    if interval:
        per_day = stack.assumptions.os_metrics_gib_per_day * 60 / interval
        stack.daily(resource, "Enhanced Monitoring logs", "logs.ingested", per_day)
        stored = per_day * OS_METRICS_RETENTION_DAYS * stack.assumptions.log_compression
        stack.monthly(resource, "logs stored", "logs.stored", stored, usage=True)


def _logs_of(stack: _Stack, resource: Resource) -> None:
    if resource["values"].get("enabled_cloudwatch_logs_exports"):
        stack.daily(resource, "database logs ingested", "logs.ingested", stack.assumptions.log_gib_per_day)


def _public_endpoint(stack: _Stack, resource: Resource) -> None:
    """An address, its traffic, and the schedules that close each lease of it. A standby has an address of its own."""
    if not resource["values"].get("publicly_accessible"):
        return
    addresses = 2 if resource["values"].get("multi_az") else 1
    stack.add(resource, "public IPv4 addresses", "ipv4.hour", addresses)
    stack.daily(resource, "traffic to the internet", "transfer.internet", stack.assumptions.internet_gib_per_day)
    stack.daily(resource, "schedules that close leases", "scheduler", stack.assumptions.leases_per_day / 1_000_000)


def _backups(stack: _Stack, resource: Resource) -> None:
    """One full copy and the changes of each day kept; free up to the size of the instance's storage."""
    days = resource["values"].get("backup_retention_period") or 0
    size = _allocated_gib(stack, resource) or 0
    kept = stack.assumptions.database_gib + days * stack.assumptions.changed_gib_per_day if days else Decimal(0)
    stack.monthly(resource, "backups above the free size", "rds.backup", max(Decimal(0), kept - size), usage=True)


def _cluster(stack: _Stack, resource: Resource) -> None:
    values, assumed = resource["values"], stack.assumptions
    kind = _aurora_kind(resource)
    stack.monthly(resource, "Aurora storage", f"{kind}.storage", assumed.database_gib, usage=True)
    if kind == "aurora":
        stack.add(resource, "Aurora I/O", "aurora.io", assumed.aurora_io_per_second * 3600 / 1_000_000, usage=True)
    # A copy of the volume's own size is free, and so is a retention of one day; billed are the changes of all days kept.
    # https://docs.aws.amazon.com/AmazonRDS/latest/AuroraUserGuide/aurora-storage-backup.html
    days = values.get("backup_retention_period") or 1
    changed = days * assumed.changed_gib_per_day if days > 1 else 0
    stack.monthly(resource, "Aurora backups above the free size", "aurora.backup", changed, usage=True)
    stack.daily(resource, "traffic between zones", "transfer.zones", 2 * assumed.zone_gib_per_day)


def _cluster_instance(stack: _Stack, resource: Resource) -> None:
    values = resource["values"]
    cluster = _cluster_of(stack, resource)
    kind = _aurora_kind(cluster)
    instance_class = values["instance_class"]
    if instance_class == "db.serverless":
        acus = _average_acus(stack, cluster)
        stack.add(resource, "Aurora capacity (ACU)", f"{kind}.acu", acus, usage=True)
    else:
        stack.add(resource, f"Aurora {instance_class}", f"{kind}.{instance_class}", 1)
        _burst(stack, resource, instance_class, kind)
    _insights(stack, resource, instance_class, ((cluster or resource)["values"]).get("database_insights_mode"))
    _operating_system_metrics(stack, resource)
    if cluster:
        _logs_of(
            stack,
            _with_values(
                resource, enabled_cloudwatch_logs_exports=cluster["values"].get("enabled_cloudwatch_logs_exports")
            ),
        )
    _public_endpoint(stack, resource)


def _with_values(resource: Resource, **values: Any) -> Resource:
    return {**resource, "values": {**resource["values"], **values}}


def _cluster_of(stack: _Stack, resource: Resource) -> Resource | None:
    named = resource["values"].get("cluster_identifier")
    clusters = stack.of("aws_rds_cluster")
    return next((one for one in clusters if one["values"].get("cluster_identifier") == named), None)


def _aurora_kind(cluster: Resource | None) -> str:
    optimised = cluster is not None and cluster["values"].get("storage_type") == "aurora-iopt1"
    return "aurora-iopt" if optimised else "aurora"


def _average_acus(stack: _Stack, cluster: Resource | None) -> Decimal:
    scaling = ((cluster or {}).get("values", {}).get("serverlessv2_scaling_configuration") or [{}])[0]
    least, most = (Decimal(str(scaling.get(name) or 0)) for name in ("min_capacity", "max_capacity"))
    return least + (most - least) * stack.assumptions.acu_share


def _host(stack: _Stack, resource: Resource) -> None:
    values = resource["values"]
    stack.add(resource, f"tunnel host {values['instance_type']}", f"ec2.{values['instance_type']}", 1)
    for disk in [*values.get("root_block_device", []), *values.get("ebs_block_device", [])]:
        kind = disk.get("volume_type") or "gp3"
        stack.monthly(resource, f"tunnel host disk {kind}", f"ebs.{kind}", disk.get("volume_size") or 8)
    if values.get("associate_public_ip_address"):
        stack.add(resource, "public IPv4 addresses", "ipv4.hour", 1)


def _nat_gateway(stack: _Stack, resource: Resource) -> None:
    stack.add(resource, "NAT gateway", "nat.hour", 1)
    stack.daily(resource, "traffic through NAT", "nat.gb", stack.assumptions.nat_gib_per_day)


def _address(stack: _Stack, resource: Resource) -> None:
    stack.add(resource, "public IPv4 addresses", "ipv4.hour", 1)


def _key(stack: _Stack, resource: Resource) -> None:
    stack.monthly(resource, "encryption key", "kms.key", 1)
    stack.add(resource, "KMS requests", "kms.requests", stack.assumptions.requests_per_hour / 10_000, usage=True)


def _secret(stack: _Stack, resource: Resource) -> None:
    stack.monthly(resource, "secret", "secret.month", 1)
    stack.add(
        resource,
        "Secrets Manager requests",
        "secret.requests",
        stack.assumptions.requests_per_hour / 10_000,
        usage=True,
    )


def _log_group(stack: _Stack, resource: Resource) -> None:
    """Storage of what is kept once the retention is full. Ingestion is counted where the logs come from."""
    assumed = stack.assumptions
    name = str(resource["values"].get("name") or "")
    per_day = assumed.flow_log_gib_per_day if name.endswith("/flow") else assumed.log_gib_per_day
    if name.endswith("/upgrade"):
        return  # written during an upgrade only
    days = resource["values"].get("retention_in_days") or 3653
    stack.monthly(resource, "logs stored", "logs.stored", per_day * days * assumed.log_compression, usage=True)


def _flow_log(stack: _Stack, resource: Resource) -> None:
    stack.daily(resource, "flow logs ingested", "logs.flow-ingested", stack.assumptions.flow_log_gib_per_day)


def _alarm(stack: _Stack, resource: Resource) -> None:
    """By metric: an alarm on a formula costs as many as it reads."""
    queries = resource["values"].get("metric_query") or []
    stack.monthly(resource, "alarms", "cloudwatch.alarm", max(1, sum(1 for query in queries if query.get("metric"))))


def _composite_alarm(stack: _Stack, resource: Resource) -> None:
    stack.monthly(resource, "composite alarms", "cloudwatch.composite-alarm", 1)


def _dashboard(stack: _Stack, resource: Resource) -> None:
    stack.monthly(resource, "dashboards", "cloudwatch.dashboard", 1)


def _metric_filter(stack: _Stack, resource: Resource) -> None:
    stack.monthly(resource, "custom metrics", "cloudwatch.metric", 1)


def _subscription(stack: _Stack, resource: Resource) -> None:
    if resource["values"].get("protocol") in ("email", "email-json"):
        stack.daily(resource, "notifications", "sns.email", stack.assumptions.emails_per_day / 100_000)
    else:
        stack.daily(resource, "notifications", "sns.requests", stack.assumptions.emails_per_day / 1_000_000)


def _schedule(stack: _Stack, resource: Resource) -> None:
    stack.daily(resource, "schedules", "scheduler", Decimal(24) / 1_000_000)


def _snapshot(stack: _Stack, resource: Resource) -> None:
    size = resource["values"].get("allocated_storage") or stack.assumptions.database_gib
    stack.monthly(resource, "snapshots", "rds.backup", size)


def _cluster_snapshot(stack: _Stack, resource: Resource) -> None:
    size = resource["values"].get("allocated_storage") or stack.assumptions.database_gib
    stack.monthly(resource, "snapshots", "aurora.backup", size)


PRICED: dict[str, Callable[[_Stack, Resource], None]] = {
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


def assumption_fields() -> list[tuple[str, Decimal, str]]:
    """(name, default, what it is) of each assumption."""
    return [(one.name, one.default, one.metadata["help"]) for one in fields(Assumptions)]


def most_of_assumptions() -> dict[str, Decimal]:
    """The largest value that each assumption can have."""
    return {one.name: Decimal(one.metadata.get("most", "Infinity")) for one in fields(Assumptions)}


def assume(**values: Decimal | float | None) -> Assumptions:
    """The defaults with what is given and not None."""
    given = {name: Decimal(str(value)) for name, value in values.items() if value is not None}
    return replace(Assumptions(), **given)
