"""What a bill depends on and no plan knows: load, traffic, logs. Each has a default and can be set by who estimates."""

from __future__ import annotations

from dataclasses import dataclass, field, fields, replace
from decimal import Decimal


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
