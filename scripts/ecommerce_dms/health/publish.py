"""Findings as CloudWatch custom metrics, for which monitoring/ makes the alarms.

Namespace EcommerceDMS/Health. `Severity`, by DBInstanceIdentifier and Check: 0 ok, 1 warning, 2 critical. A check that was
left out or failed publishes nothing: 0 would say that all is well. `Heartbeat`, by DBInstanceIdentifier: 1 for each
examination; an alarm that takes missing data for a breach tells when nobody looks any more.
"""

from __future__ import annotations

from typing import Any

from ecommerce_dms.console import UsageError
from ecommerce_dms.health.examination import SEVERITIES, Result
from ecommerce_dms.settings import Settings

NAMESPACE = "EcommerceDMS/Health"
SEVERITY = "Severity"
HEARTBEAT = "Heartbeat"

_METRICS_PER_CALL = 1000  # PutMetricData's own limit.
_RDS_DOMAIN = ".rds.amazonaws.com"


def identifier(settings: Settings, given: str | None) -> str:
    """The instance's identifier: as said, or the first part of its host name at RDS.

    Raises UsageError where it cannot be told.
    """
    if given:
        return given
    labels = settings.host.split(".")
    if settings.host.endswith(_RDS_DOMAIN) and not labels[1].startswith("cluster-"):
        return labels[0]
    raise UsageError(
        f"which instance is {settings.host or 'the embedded server'} in CloudWatch? "
        "Say --instance IDENTIFIER (terraform output identifier)"
    )


def metrics(results: list[Result], instance: str) -> list[dict[str, Any]]:
    """The data of PutMetricData."""
    of_instance = {"Name": "DBInstanceIdentifier", "Value": instance}
    severities = [
        {
            "MetricName": SEVERITY,
            "Dimensions": [of_instance, {"Name": "Check", "Value": result.check.name}],
            "Value": float(SEVERITIES.index(result.severity)),
            "Unit": "None",
        }
        for result in results
        if result.severity is not None
    ]
    return [*severities, {"MetricName": HEARTBEAT, "Dimensions": [of_instance], "Value": 1.0, "Unit": "Count"}]


def publish(cloudwatch: Any, results: list[Result], instance: str) -> int:
    """Sends them; returns how many."""
    data = metrics(results, instance)
    for start in range(0, len(data), _METRICS_PER_CALL):
        cloudwatch.put_metric_data(Namespace=NAMESPACE, MetricData=data[start : start + _METRICS_PER_CALL])
    return len(data)
