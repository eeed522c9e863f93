"""Failover of a Multi-AZ instance: a reboot with failover, measured by writers that go on making carts.

A cart of the contract is the smallest write that is harmless in production, too: it is nobody's, expires, and goes.
"""

from __future__ import annotations

import time
from contextlib import closing
from dataclasses import dataclass

from ecommerce_dms import console
from ecommerce_dms.connection import connect
from ecommerce_dms.drills import rds
from ecommerce_dms.drills.rds import Aws, DrillRefused
from ecommerce_dms.drills.writers import CartWriter, Load, missing
from ecommerce_dms.settings import Settings

_WRITES = 10
_SECONDS_FOR_A_FAILOVER = 900


@dataclass(frozen=True)
class Measured:
    """What the failover cost."""

    acknowledged: int
    lost: int
    repeated: int
    seconds_without_writes: float


def drill(aws: Aws, identifier: str, settings: Settings, confirmed: str, poll_seconds: float = 5) -> Measured:
    """Fails over and measures; publishes to CloudWatch. `settings` log in as a member of shop_app.

    Raises DrillRefused where nothing was done.
    """
    described = rds.instance(aws, identifier)
    rds.refuse_cluster(described)
    if not described.get("MultiAZ"):
        raise DrillRefused(f"{identifier} has no standby (Multi-AZ is off): a reboot would only interrupt it")
    if described["DBInstanceStatus"] != "available":
        raise DrillRefused(f"{identifier} is {described['DBInstanceStatus']}: wait until it is available")
    if confirmed != identifier:
        raise DrillRefused(f"the shop cannot write for a minute or two: say --confirm {identifier}")

    load = Load(lambda: connect(settings, application_name="ecommerce-dms drill"), CartWriter, writers=2).start()
    try:
        load.await_writes(_WRITES)
        with console.step(f"rebooting {identifier} with failover"):
            aws.rds.reboot_db_instance(DBInstanceIdentifier=identifier, ForceFailover=True)
            _await_available(aws, identifier, poll_seconds)
        load.await_writes(_WRITES)
    finally:
        load.stop()
    acknowledged = load.acknowledged()
    with closing(connect(settings)) as connection, connection.cursor() as cursor:
        lost = missing(cursor, CartWriter(), acknowledged)
    measured = Measured(len(acknowledged), len(lost), load.repeated, load.longest_silence())
    rds.publish(
        aws,
        identifier,
        {
            "FailoverSecondsWithoutWrites": (measured.seconds_without_writes, "Seconds"),
            "FailoverLostWrites": (float(measured.lost), "Count"),
        },
    )
    return measured


def _await_available(aws: Aws, identifier: str, poll_seconds: float) -> None:
    deadline = time.monotonic() + _SECONDS_FOR_A_FAILOVER
    while (status := rds.instance(aws, identifier)["DBInstanceStatus"]) != "available":
        if time.monotonic() > deadline:
            raise DrillRefused(
                f"{identifier} is still {status} after {_SECONDS_FOR_A_FAILOVER} s: see its events in RDS"
            )
        time.sleep(poll_seconds)
