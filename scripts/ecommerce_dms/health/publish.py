"""Findings as CloudWatch custom metrics, for which monitoring/ makes the alarms.

Namespace EcommerceDMS/Health. `Severity`, by DBInstanceIdentifier and Check: 0 ok, 1 warning, 2 critical. A check that was
left out or failed publishes nothing: 0 would say that all is well. Check = all is the worst of them, in which one that
failed counts as a warning: alarms watch it, and missing data of it tell that nobody looks any more. `Heartbeat`, by
DBInstanceIdentifier, is 1 for each examination. A partial one (--only) may say by Check = all that something is wrong, but
not that all is well, and is no heartbeat.
"""

from __future__ import annotations

from typing import Any

from ecommerce_dms.console import UsageError
from ecommerce_dms.health.examination import SEVERITIES, Result
from ecommerce_dms.settings import Settings

NAMESPACE = "EcommerceDMS/Health"
SEVERITY = "Severity"
HEARTBEAT = "Heartbeat"
ALL = "all"

_METRICS_PER_CALL = 1000  # PutMetricData's own limit.
_RDS_DOMAIN = ".rds.amazonaws.com"


def identifier(settings: Settings, given: str | None) -> str:
    """The identifier of the instance or the cluster: as said, or the first part of its host name at RDS.

    Raises UsageError where it cannot be told.
    """
    if given:
        return given
    labels = settings.host.split(".")
    if settings.host.endswith(_RDS_DOMAIN) and not labels[1].startswith(("cluster-custom-", "proxy-")):
        return labels[0]
    raise UsageError(
        f"which instance is {settings.host or 'the embedded server'} in CloudWatch? "
        "Say --instance IDENTIFIER (terraform output identifier)"
    )


def metrics(results: list[Result], instance: str, *, partial: bool = False) -> list[dict[str, Any]]:
    """The data of PutMetricData. `partial`: not all checks were asked for."""
    of_instance = {"Name": "DBInstanceIdentifier", "Value": instance}
    by_check = {r.check.name: SEVERITIES.index(r.severity) for r in results if r.severity is not None}
    failed = [SEVERITIES.index("warning") for result in results if result.failed]
    worst = max([*by_check.values(), *failed], default=0)
    if worst or not partial:
        by_check[ALL] = worst
    severities = [
        {
            "MetricName": SEVERITY,
            "Dimensions": [of_instance, {"Name": "Check", "Value": name}],
            "Value": float(severity),
            "Unit": "None",
        }
        for name, severity in by_check.items()
    ]
    heartbeat = {"MetricName": HEARTBEAT, "Dimensions": [of_instance], "Value": 1.0, "Unit": "Count"}
    return severities if partial else [*severities, heartbeat]


def publish(cloudwatch: Any, results: list[Result], instance: str, *, partial: bool = False) -> int:
    """Sends them; returns how many."""
    data = metrics(results, instance, partial=partial)
    for start in range(0, len(data), _METRICS_PER_CALL):
        cloudwatch.put_metric_data(Namespace=NAMESPACE, MetricData=data[start : start + _METRICS_PER_CALL])
    return len(data)
