"""What stays after a destroy, and what a month of it costs: snapshots, the key they need, logs, and what was forgotten.

kept_costs(...)             by what was counted, for the destroyer's report
kept_after_destroy(plan)    by the protection that a plan or a state asks for, before anything is destroyed
"""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from typing import Any

from ecommerce_dms.aws.cost import managed_resources, money
from ecommerce_dms.aws.cost_assumptions import Assumptions
from ecommerce_dms.aws.cost_of_resources import HOURS_PER_MONTH, OS_METRICS_RETENTION_DAYS, Item
from ecommerce_dms.aws.prices import PriceTable, price_table


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
