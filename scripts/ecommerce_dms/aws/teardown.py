"""The phases of a destroy, each of which looks first what is left to do: interrupted, the next run goes on.

1 unlock     deletion protection off. RDS and the provider go by what was applied last, so this is an apply of
             its own, and its plan may change nothing else
2 snapshot   one of our own, waited for, in production or when asked for
3 keep key   key and alias out of the state where a snapshot or backup needs them. Before planning: afterwards the
             saved plan would be stale
4 destroy    plan, look at it, apply that plan
5 clean up   the stack's settings out of scripts/.env, and a report of what is still in the account
"""

from __future__ import annotations

import json
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from ecommerce_dms import console
from ecommerce_dms.aws import account, env_file, leftovers, plan_summary
from ecommerce_dms.aws.preflight import Ground
from ecommerce_dms.aws.stack import Stack, State
from ecommerce_dms.console import UserError, say

_SWITCHES = {"deletion_protection", "skip_final_snapshot", "final_snapshot_identifier", "delete_automated_backups"}
KEY_TYPES = ("aws_kms_key", "aws_kms_alias")
_NO_SNAPSHOT = ("failed", "restore-error", "inaccessible-encryption-credentials", "insufficient-capacity", "stopped")
_FRESH = timedelta(hours=1)  # An older snapshot of an interrupted run lacks what was written since.
_SNAPSHOT_HOURS = 6
_PAUSE = 15  # seconds


class PlanRefused(UserError):  # noqa: N818 (reads as a sentence where it is caught)
    """A plan would do more than it is for."""

    exit_code = 5


class NoSnapshot(UserError):  # noqa: N818
    """The database is in a state in which RDS takes no snapshot."""

    exit_code = 6


@dataclass
class Teardown:
    """One destroy. `with_snapshot`: our own; `without_any`: not even the final one of RDS."""

    stack: Stack
    ground: Ground
    with_snapshot: bool
    without_any: bool
    file: env_file.EnvFile
    pause: float = _PAUSE

    def phases(self) -> dict[str, Callable[[], None]]:
        """In this order."""
        return {
            "protection off": self.unlock,
            "snapshot": self.snapshot,
            "keep the key": self.keep_key,
            "destroy": self.destroy,
            "clean up": self.clean_up,
        }

    # --- 1 ------------------------------------------------------------------------------------------------------------

    def unlock(self) -> None:
        state = self.stack.state()
        if not state.databases():
            say("  the database is gone already")
            return
        with _saved() as file:
            found = plan_summary.changes(self.stack.plan(file, "-var=teardown=true", *self.options(state)))
            if not found:
                say("  it is off already")
                return
            refuse_more_than_switches(found, self.stack.var_file.name)
            for line in plan_summary.summary_lines(found):
                say(f"  {line}")
            self.stack.apply(file)

    def options(self, state: State) -> list[str]:
        """What every plan here is told: no new key in place of one that was kept, and no final snapshot if so asked."""
        options = []
        if self.ground.asked.kms_key_arn is None and not state.find("aws_kms_key"):
            key = key_of(state)
            options += [f"-var=encryption={json.dumps({'kms_key_arn': key})}"] if key else []
        if self.without_any:
            protection = {**self.ground.asked.protection, "deletion_protection": False, "final_snapshot": False}
            options.append(f"-var=protection={json.dumps(protection)}")
        return options

    # --- 2 ------------------------------------------------------------------------------------------------------------

    def snapshot(self) -> None:
        if not self.with_snapshot:
            say("  none of our own: " + ("--without-snapshot" if self.without_any else "not production, no --snapshot"))
            return
        database = Database(self.ground)
        if not database.wait_until_it_can_be_copied(self.pause):
            say("  the database is gone already")
            return
        name = database.snapshot_of_an_interrupted_run() or database.take_snapshot()
        database.wait_for_snapshot(name, self.pause)
        say(f"  {name} is complete")

    # --- 3 ------------------------------------------------------------------------------------------------------------

    def keep_key(self) -> None:
        state = self.stack.state()
        ours = [each["address"] for each in state.find(*KEY_TYPES)]
        if not state.find("aws_kms_key"):
            say("  the key is not in the state: it was kept already, or is not this stack's")
            if ours:
                self.stack.forget(ours)
            return
        key = key_of(state)
        reasons = self._what_needs_the_key(state, key)
        if not reasons:
            say("  nothing needs it afterwards: it goes with the stack")
            return
        say(f"  {key} is kept, for {', '.join(reasons)}; without it they cannot be read")
        self.stack.forget(ours)
        say("  it costs 1 USD a month until you schedule its deletion. To come back with it, in the var file:")
        say(f'    encryption = {{ kms_key_arn = "{key}" }}')
        say("  or let Terraform have it back as its own:")
        say(f"    terraform import 'aws_kms_key.main[0]' {key.split('/')[-1]}")
        for each in state.find("aws_kms_alias"):
            say(f"    terraform import 'aws_kms_alias.main[0]' {each['values']['name']}")

    def will_keep_key(self) -> bool:
        """Whether keep_key() is going to, as far as it can be said before the phases that come first."""
        state = self.ground.state
        if not state.find("aws_kms_key"):
            return False
        if self.without_any:  # The final snapshot is still on, and will be switched off.
            retained = any(each["values"].get("delete_automated_backups") is False for each in state.databases())
            return retained or bool(Database(self.ground).snapshots_under(key_of(state)))
        return self.with_snapshot or bool(self._what_needs_the_key(state, key_of(state)))

    def _what_needs_the_key(self, state: State, key: str) -> list[str]:
        databases = [each["values"] for each in state.databases()]
        reasons = []
        if any(not each.get("skip_final_snapshot") for each in databases):
            reasons.append("the final snapshot")
        if any(each.get("delete_automated_backups") is False for each in databases):
            reasons.append("the retained backups")
        return reasons + Database(self.ground).snapshots_under(key)

    # --- 4 ------------------------------------------------------------------------------------------------------------

    def destroy(self) -> None:
        state = self.stack.state()
        if not any(each["mode"] == "managed" for each in state.resources):
            say("  nothing is left to destroy")
            return
        keeps = bool(self._what_needs_the_key(state, key_of(state))) if state.find("aws_kms_key") else False
        with _saved() as file:
            found = plan_summary.changes(self.stack.plan(file, "-destroy", *self.options(state)))
            refuse_more_than_destroying(found, keeps_key=keeps)
            say(f"  {len(found)} resources; a database takes RDS 5 to 15 minutes")
            self.stack.apply(file)

    # --- 5 ------------------------------------------------------------------------------------------------------------

    def clean_up(self) -> None:
        if self.file.stack == self.ground.asked.identifier:
            env_file.clear(self.file)
            say(f"  {self.file.path}: the stack's settings are taken out; your own lines stay")


def refuse_more_than_switches(found: list[plan_summary.Change], var_file: str) -> None:
    """The apply before a destroy is nobody's way to slip in another change."""
    more = [
        f"{each.verb} {each.address} ({', '.join(sorted(each.attributes() - _SWITCHES)) or 'all of it'})"
        for each in found
        if each.verb != "change" or not each.attributes() <= _SWITCHES
    ]
    if more:
        raise PlanRefused(
            f"switching the protection off would also {'; '.join(more)}. Nothing was changed: {var_file} is not what was "
            "applied. Name the right one (--var-file), or apply it first (scripts/update_env_ci_and_start_tf.sh)."
        )


def refuse_more_than_destroying(found: list[plan_summary.Change], *, keeps_key: bool) -> None:
    """A destroy plan destroys, and leaves alone what is kept."""
    other = [f"{each.verb} {each.address}" for each in found if each.verb != "destroy"]
    kept = [f"destroy {each.address}" for each in found if keeps_key and each.type in KEY_TYPES]
    if other or kept:
        raise PlanRefused(f"the plan would {'; '.join([*other, *kept])}. Nothing was destroyed. Run this again.")


def key_of(state: State) -> str:
    """The ARN of the key that the data are encrypted with; empty when the state does not say it any more."""
    arns = [each["values"].get("arn") for each in state.find("aws_kms_key")]
    arns += [each["values"].get("kms_key_id") for each in state.databases()]
    return next(filter(None, arns), "") or state.outputs.get("kms_key_arn") or ""


def _saved() -> Any:
    """A file for a plan, in a folder of this user alone, gone afterwards."""
    return _SavedPlan()


class _SavedPlan:
    def __enter__(self) -> Path:
        self._folder = tempfile.TemporaryDirectory(prefix="ecommerce-dms-plan-")
        return Path(self._folder.name) / "destroy.tfplan"

    def __exit__(self, *_: object) -> None:
        self._folder.cleanup()


class Database:
    """The stack's instance or cluster as RDS has it, and its snapshots."""

    def __init__(self, ground: Ground) -> None:
        self._identifier = ground.asked.identifier
        self._rds = account.client(ground.aws, "rds")
        engine = ground.state.outputs.get("engine") or ("aurora" if ground.state.find("aws_rds_cluster") else "rds")
        self._is_cluster = engine == "aurora"
        self._kind = "DBCluster" if self._is_cluster else "DBInstance"
        self._snapshot = "DBClusterSnapshot" if self._is_cluster else "DBSnapshot"
        self._prefix = f"{self._identifier}-before-destroy-"

    def describe(self) -> dict[str, Any] | None:
        """What RDS says of it, or None when there is none."""
        operation = self._rds.describe_db_clusters if self._is_cluster else self._rds.describe_db_instances
        try:
            answer = account.ask(self._identifier, operation, **{f"{self._kind}Identifier": self._identifier})
        except account.AwsRefused as error:
            if "NotFound" in error.code:
                return None
            raise
        return answer[f"{self._kind}s"][0]

    def status(self) -> str:
        """available, creating, …; empty when there is none."""
        found = self.describe() or {}
        return found.get("Status" if self._is_cluster else "DBInstanceStatus", "")

    def made_at(self) -> datetime | None:
        """When it was made; None when there is none, or when RDS has not finished making it."""
        found = self.describe() or {}
        return found.get("ClusterCreateTime" if self._is_cluster else "InstanceCreateTime")

    def replicas(self) -> set[str]:
        """Its readers in RDS' eyes, whoever made them."""
        found = self.describe() or {}
        if self._is_cluster:
            return {each["DBInstanceIdentifier"] for each in found.get("DBClusterMembers", [])}
        return set(found.get("ReadReplicaDBInstanceIdentifiers", []))

    def wait_until_it_can_be_copied(self, pause: float) -> bool:
        """False when it is gone.

        Raises:
            NoSnapshot: it will not become available by waiting.
        """
        said = ""
        while (status := self.status()) not in ("available", "", "deleting"):
            refuse_status(self._identifier, status)
            if status != said:
                say(f"  waiting: {self._identifier} is {status}")
                said = status
            time.sleep(pause)
        return status == "available"

    def snapshot_of_an_interrupted_run(self) -> str:
        """The name of a fresh one that this program took of this very database; empty if there is none."""
        oldest = datetime.now(UTC) - _FRESH
        resource = self._resource_id(self.describe() or {})
        for each in self._snapshots():
            name = each[f"{self._snapshot}Identifier"]
            young = each.get("Status") == "creating" or each.get("SnapshotCreateTime", oldest) > oldest
            if name.startswith(self._prefix) and young and self._resource_id(each) == resource:
                say(f"  {name} was taken by an interrupted run, less than an hour ago")
                return name
        return ""

    def take_snapshot(self) -> str:
        """Starts one, under a name that nobody has. Returns the name."""
        name = f"{self._prefix}{datetime.now(UTC):%Y%m%d%H%M%S}"
        operation = self._rds.create_db_cluster_snapshot if self._is_cluster else self._rds.create_db_snapshot
        names = {f"{self._snapshot}Identifier": name, f"{self._kind}Identifier": self._identifier}
        found = self.describe() or {}
        tags = [each for each in found.get("TagList", []) if not each["Key"].startswith("aws:")]
        account.ask(f"snapshot {name}", operation, **names, Tags=tags)
        say(f"  taking {name}; minutes, or longer for a large database")
        return name

    def wait_for_snapshot(self, name: str, pause: float) -> None:
        """Until it is complete.

        Raises:
            NoSnapshot: it failed.
        """
        deadline = time.monotonic() + _SNAPSHOT_HOURS * 3600
        while True:
            found = next(each for each in self._snapshots() if each[f"{self._snapshot}Identifier"] == name)
            if found["Status"] == "available":
                return
            if found["Status"] == "failed" or time.monotonic() > deadline:
                raise NoSnapshot(f"snapshot {name} is {found['Status']}. Nothing was destroyed; run this again.")
            say(f"  {name}: {found.get('PercentProgress', 0)} %")
            time.sleep(pause)

    def snapshots_under(self, key: str) -> list[str]:
        """Manual ones that only this key opens, of whatever database."""
        return [
            each[f"{snapshot}Identifier"]
            for snapshot in ("DBSnapshot", "DBClusterSnapshot")
            for each in self._all_snapshots(snapshot)
            if each.get("KmsKeyId") == key
        ]

    def _snapshots(self) -> list[dict[str, Any]]:
        mine = f"{self._kind}Identifier"
        return [each for each in self._all_snapshots(self._snapshot) if each[mine] == self._identifier]

    def _all_snapshots(self, kind: str) -> list[dict[str, Any]]:
        operation = "describe_db_cluster_snapshots" if kind == "DBClusterSnapshot" else "describe_db_snapshots"
        pages = self._rds.get_paginator(operation).paginate(SnapshotType="manual")
        return account.ask("snapshots", lambda: [each for page in pages for each in page[f"{kind}s"]])

    def _resource_id(self, answer: dict[str, Any]) -> str:
        return answer.get("DbClusterResourceId" if self._is_cluster else "DbiResourceId", "")


def refuse_status(identifier: str, status: str) -> None:
    """Stops where waiting does not help."""
    if status in _NO_SNAPSHOT or status.startswith("incompatible-"):
        raise NoSnapshot(
            f"{identifier} is {status}: RDS takes no snapshot of it, neither ours nor a final one. Mend or start it "
            "first, or restore its latest automated backup and keep that; --without-snapshot goes on without one."
        )


def report(ground: Ground, key: str) -> list[str]:
    """Says what is still in the account. Returns what nobody kept on purpose, or could not be looked at."""
    project = ground.asked.identifier.removesuffix(f"-{ground.asked.environment}")
    place = leftovers.Place(ground.aws, ground.asked.identifier, project, ground.asked.environment, key)
    with console.step(f"looking for what is left of {ground.asked.identifier}"):
        found, failed = leftovers.look(place)
    for each in found:
        say(each.line())
    for each in failed:
        say(f"  could not look at {each}")
    if not found and not failed:
        say("  nothing is left")
    total = sum(each.usd_month or 0 for each in found)
    if total:
        say(f"  together {total:.2f} USD a month, as far as known")
    return [each.name for each in found if each.why == leftovers.LEFT] + failed
