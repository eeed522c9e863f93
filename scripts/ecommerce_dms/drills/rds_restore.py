"""Restores a snapshot or a moment of an RDS instance to a temporary one, examines that, and deletes it.

Nothing here can delete the source. What may be deleted has a name that only this drill gives, the tag that it gave it when
it made it, an id that is not the source's, and no replica. What an interrupted run left is found by the same signs.
"""

from __future__ import annotations

import datetime as dt
import json
import re
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from ecommerce_dms import console
from ecommerce_dms.connection import connect
from ecommerce_dms.console import UsageError
from ecommerce_dms.drills import point_in_time, rds
from ecommerce_dms.drills.point_in_time import Moment
from ecommerce_dms.drills.rds import Aws, DrillRefused
from ecommerce_dms.roles import OWNER
from ecommerce_dms.settings import Settings

PREFIX = "restore-drill-"
TAG_RUN = "ecommerce-dms:restore-drill"
TAG_SOURCE = "ecommerce-dms:restore-drill-of"

_NAME = re.compile(rf"^{PREFIX}\d{{14}}-[a-z0-9-]{{1,35}}$")
_SECONDS_TO_RESTORE = 4 * 3600
_ABANDONED_AFTER = dt.timedelta(hours=12)


@dataclass(frozen=True)
class Examined:
    """What was found in the restored instance. `problems`: nothing when the drill passed."""

    identifier: str
    restored_from: str
    age_seconds: float
    restore_seconds: float
    orders: int
    problems: tuple[str, ...]


@dataclass(frozen=True)
class Wish:
    """What to restore: a snapshot's identifier, a moment, or by default the newest automatic or manual snapshot."""

    snapshot: str | None = None
    moment: dt.datetime | None = None
    instance_class: str | None = None


def drill(
    aws: Aws, source: str, settings: Settings, wish: Wish, expected: Moment | None, through: str | None, poll_seconds: float = 15
) -> Examined:  # fmt: skip
    """Restores, examines, publishes and deletes. Raises DrillRefused, or what RDS or the database says."""
    described = rds.instance(aws, source)
    rds.refuse_cluster(described)
    clean(aws, described, _ABANDONED_AFTER)
    origin, as_of, restore = _plan(aws, described, wish)
    identifier = name_for(source, dt.datetime.now(dt.UTC))
    started = time.monotonic()
    with console.step(f"restoring {origin} to {identifier}"):
        restore(identifier)
    try:
        with console.step("waiting until it is available"):
            made = _await_available(aws, identifier, poll_seconds)
        seconds = time.monotonic() - started
        with console.step("examining it, without writing"):
            orders, problems = examine(rds.at(settings, made, through), expected)
    finally:
        with console.step(f"deleting {identifier}"):
            delete(aws, described, identifier)
    age = (dt.datetime.now(dt.UTC) - as_of).total_seconds()
    examined = Examined(identifier, origin, age, seconds, orders, tuple(problems))
    rds.publish(
        aws,
        source,
        {
            "RestoreSeconds": (examined.restore_seconds, "Seconds"),
            "RestoredDataAgeSeconds": (examined.age_seconds, "Seconds"),
            "RestoreProblems": (float(len(problems)), "Count"),
        },
    )
    return examined


def name_for(source: str, now: dt.datetime) -> str:
    """The temporary instance's identifier: at most 63 characters, without a hyphen at the end."""
    return f"{PREFIX}{now:%Y%m%d%H%M%S}-{source[:34]}".rstrip("-")


# Restoring --------------------------------------------------------------------------------------------------------------


def _plan(aws: Aws, described: dict[str, Any], wish: Wish) -> tuple[str, dt.datetime, Any]:
    """In words what is restored, as of when, and the call that does it."""
    source = described["DBInstanceIdentifier"]
    settings = _same_as(described, wish.instance_class)
    if wish.moment:
        latest = described.get("LatestRestorableTime")
        if latest and wish.moment > latest:
            raise UsageError(
                f"{wish.moment:%Y-%m-%dT%H:%M:%SZ} is after what can be restored, {latest:%Y-%m-%dT%H:%M:%SZ}"
            )
        return (
            f"{source} as of {wish.moment:%Y-%m-%dT%H:%M:%SZ}",
            wish.moment,
            lambda identifier: aws.rds.restore_db_instance_to_point_in_time(
                SourceDBInstanceIdentifier=source, TargetDBInstanceIdentifier=identifier, RestoreTime=wish.moment,
                Tags=_tags(identifier, source), **settings,
            ),
        )  # fmt: skip
    snapshot = _snapshot(aws, source, wish.snapshot)
    name = snapshot["DBSnapshotIdentifier"]
    return (
        f"snapshot {name}",
        snapshot["SnapshotCreateTime"],
        lambda identifier: aws.rds.restore_db_instance_from_db_snapshot(
            DBInstanceIdentifier=identifier, DBSnapshotIdentifier=name, Tags=_tags(identifier, source), **settings
        ),
    )


def _snapshot(aws: Aws, source: str, wanted: str | None) -> dict[str, Any]:
    """The wanted or the newest finished snapshot of the source."""
    pages = aws.rds.get_paginator("describe_db_snapshots").paginate(DBInstanceIdentifier=source)
    finished = [
        snapshot
        for page in pages
        for snapshot in page["DBSnapshots"]
        if snapshot["Status"] == "available" and wanted in (None, snapshot["DBSnapshotIdentifier"])
    ]
    if not finished:
        raise DrillRefused(
            f"{source} has no finished snapshot{f' {wanted}' if wanted else ''}: that is a finding by itself"
        )
    return max(finished, key=lambda snapshot: snapshot["SnapshotCreateTime"])


def _same_as(described: dict[str, Any], instance_class: str | None) -> dict[str, Any]:
    """Where and how the temporary instance runs: beside its source, alone, and free to be deleted."""
    groups = [group["VpcSecurityGroupId"] for group in described.get("VpcSecurityGroups", [])]
    settings = {
        "DBInstanceClass": instance_class or described["DBInstanceClass"],
        "DBSubnetGroupName": described.get("DBSubnetGroup", {}).get("DBSubnetGroupName"),
        "VpcSecurityGroupIds": groups or None,
        "DBParameterGroupName": next(
            (group["DBParameterGroupName"] for group in described.get("DBParameterGroups", [])), None
        ),
        "PubliclyAccessible": bool(described.get("PubliclyAccessible")),
        "EnableIAMDatabaseAuthentication": bool(described.get("IAMDatabaseAuthenticationEnabled")),
        "MultiAZ": False,
        "AutoMinorVersionUpgrade": False,
        "DeletionProtection": False,
    }
    return {key: value for key, value in settings.items() if value is not None}


def _tags(identifier: str, source: str) -> list[dict[str, str]]:
    """With the call that makes it: an instance without them is never deleted."""
    return [{"Key": TAG_RUN, "Value": identifier}, {"Key": TAG_SOURCE, "Value": source}]


def _await_available(aws: Aws, identifier: str, poll_seconds: float) -> dict[str, Any]:
    deadline = time.monotonic() + _SECONDS_TO_RESTORE
    while (made := rds.instance(aws, identifier))["DBInstanceStatus"] != "available":
        if time.monotonic() > deadline:
            raise DrillRefused(
                f"{identifier} is still {made['DBInstanceStatus']} after {_SECONDS_TO_RESTORE // 3600} hours"
            )
        time.sleep(poll_seconds)
    return made


# Examining --------------------------------------------------------------------------------------------------------------


def examine(settings: Settings, expected: Moment | None) -> tuple[int, list[str]]:
    """How many orders there are, and all that is wrong: invariants, and tables that differ from what was expected."""
    problems = []
    options = {"default_transaction_read_only": "on"}
    with closing(connect(settings, role=OWNER, options=options)) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT invariant, violations, example FROM api.verify_integrity() WHERE violations > 0")
        problems += [f"{name}: {count} rows, such as {example}" for name, count, example in cursor.fetchall()]
    found = point_in_time.snapshot(settings)
    if not found.orders:
        problems.append("there are no orders")
    if expected:
        problems += [f"{table} differs from what was expected" for table in point_in_time.differences(expected, found)]
    return found.orders, problems


def remember(settings: Settings, file: Path) -> Moment:
    """Writes the checksums of the source as it is, for a later --expect. Quiet it first: a moment has no width."""
    moment = point_in_time.snapshot(settings)
    file.write_text(json.dumps(asdict(moment), indent=2) + "\n", encoding="utf-8")
    return moment


def remembered(file: Path) -> Moment:
    """What `remember` wrote. Raises UsageError where it is something else."""
    try:
        return Moment(**json.loads(file.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError) as error:
        raise UsageError(
            f"{file} holds no remembered moment ({error}): make one with restore_drill.py remember"
        ) from None


# Deleting ---------------------------------------------------------------------------------------------------------------


def delete(aws: Aws, source: dict[str, Any], identifier: str) -> None:
    """Deletes a temporary instance, without a snapshot of it. Raises DrillRefused for any other instance."""
    doomed = rds.instance(aws, identifier)
    refuse_to_delete(source, doomed)
    if doomed["DBInstanceStatus"] != "deleting":
        aws.rds.delete_db_instance(DBInstanceIdentifier=identifier, SkipFinalSnapshot=True, DeleteAutomatedBackups=True)


def refuse_to_delete(source: dict[str, Any], doomed: dict[str, Any]) -> None:
    """Raises DrillRefused unless every sign says that a drill of this source made it."""
    identifier, tags = doomed["DBInstanceIdentifier"], rds.tags_of(doomed)
    signs = {
        "its name is not one that this drill gives": bool(_NAME.match(identifier)),
        "it has not the tag of the drill that made it": tags.get(TAG_RUN) == identifier,
        "it was made from another source": tags.get(TAG_SOURCE) == source["DBInstanceIdentifier"],
        "it is the source": identifier != source["DBInstanceIdentifier"],
        "it has the id of the source": doomed["DbiResourceId"] != source["DbiResourceId"],
        "it is a replica": not doomed.get("ReadReplicaSourceDBInstanceIdentifier"),
        "it has replicas": not doomed.get("ReadReplicaDBInstanceIdentifiers"),
        "it is protected against deletion": not doomed.get("DeletionProtection"),
    }
    for objection, holds in signs.items():
        if not holds:
            raise DrillRefused(f"{identifier} is not deleted: {objection}. See to it by hand")


def leftovers(aws: Aws, source: dict[str, Any], older_than: dt.timedelta) -> Iterator[str]:
    """Temporary instances that interrupted drills of this source left behind."""
    for page in aws.rds.get_paginator("describe_db_instances").paginate():
        for found in page["DBInstances"]:
            if rds.tags_of(found).get(TAG_SOURCE) == source["DBInstanceIdentifier"] and _is_old(found, older_than):
                yield found["DBInstanceIdentifier"]


def clean(aws: Aws, source: dict[str, Any], older_than: dt.timedelta) -> list[str]:
    """Deletes them; returns which. One that only looks like one is named and left."""
    deleted = []
    for identifier in list(leftovers(aws, source, older_than)):
        try:
            delete(aws, source, identifier)
        except DrillRefused as objection:
            console.say(str(objection))
            continue
        console.say(f"deleted {identifier}, left by an interrupted drill")
        deleted.append(identifier)
    return deleted


def _is_old(found: dict[str, Any], age: dt.timedelta) -> bool:
    """By the moment in its name, since RDS knows no creation time of one that is not finished."""
    name = found["DBInstanceIdentifier"]
    if not _NAME.match(name):
        return True  # Tagged, but not named by the drill: `delete` refuses it, and says so.
    made = dt.datetime.strptime(name[len(PREFIX) :][:14], "%Y%m%d%H%M%S").replace(tzinfo=dt.UTC)
    return dt.datetime.now(dt.UTC) - made >= age
