"""What a plan does, read from `terraform show -json`: which data it would destroy, and lines for the screen."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

# Whoever deletes one of these deletes data, or what opens them.
_DATA = {
    "aws_db_instance": "the database",
    "aws_rds_cluster": "the database",
    "aws_kms_key": "the key, without which no snapshot can be read",
    "aws_secretsmanager_secret": "the secret with the master password",
}

_NOTHING = (["no-op"], ["read"])


@dataclass(frozen=True)
class Change:
    """What a plan does to one resource. `verb` is add, change, replace, destroy or forget."""

    address: str
    type: str
    verb: str
    before: dict[str, Any]
    after: dict[str, Any]
    unknown: dict[str, Any]

    def attributes(self) -> set[str]:
        """The arguments that differ, those known only after the apply included."""
        names = self.before.keys() | self.after.keys()
        differing = {name for name in names if self.before.get(name) != self.after.get(name)}
        return differing | {name for name, unknown in self.unknown.items() if unknown}


def changes(plan: dict[str, Any]) -> list[Change]:
    """What is not left as it is."""
    return [
        Change(
            address=each["address"],
            type=each["type"],
            verb=_verb(each["change"]["actions"]),
            before=each["change"].get("before") or {},
            after=each["change"].get("after") or {},
            unknown=each["change"].get("after_unknown") or {},
        )
        for each in plan.get("resource_changes", [])
        if each.get("mode") != "data" and each["change"]["actions"] not in _NOTHING
    ]


def _verb(actions: list[str]) -> str:
    if len(actions) > 1:
        return "replace"
    return {"create": "add", "update": "change", "delete": "destroy"}.get(actions[0], actions[0])


def losses(found: Iterable[Change]) -> list[str]:
    """What the plan would delete or replace that cannot be had back: `address (what it is)`. No read replicas."""
    return [
        f"{each.address} ({_DATA[each.type]})"
        for each in found
        if each.type in _DATA and each.verb in ("destroy", "replace") and not each.before.get("replicate_source_db")
    ]


def summary_lines(found: list[Change]) -> list[str]:
    """The plan for the screen: what is new by type, what is changed or goes by address."""
    if not found:
        return ["Plan: nothing to change."]
    count = Counter(each.verb for each in found)
    words = {"add": "to add", "change": "to change", "replace": "to replace", "destroy": "to destroy"}
    lines = [f"Plan: {', '.join(f'{count[verb]} {text}' for verb, text in words.items() if count[verb])}."]
    lines += by_type(each for each in found if each.verb == "add")
    for each in found:
        if each.verb != "add":
            what = f": {', '.join(sorted(each.attributes()))}" if each.verb == "change" else ""
            lines.append(f"  {each.verb} {each.address}{what}")
    return lines


def by_type(found: Iterable[Change]) -> list[str]:
    """One line for each type of resource, the most numerous first."""
    count = Counter((each.verb, each.type) for each in found)
    rows = sorted(count.items(), key=lambda row: (-row[1], row[0]))
    return [f"  {verb} {number:3} {type_}" for (verb, type_), number in rows]
