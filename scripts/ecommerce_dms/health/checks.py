"""The checks, read from monitoring/checks: each file is a header and one query.

The header's lines are `-- key: value`: check (its name), severity (the rule, in words), meaning, runbook, and where they
apply requires (what must be there, from REQUIREMENTS) and setting (a threshold, `name = default`). The query returns a row
for each fault and none on a healthy database: severity, subject, value, unit, message.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from ecommerce_dms.console import UsageError

ROOT = Path(__file__).resolve().parents[3]
FOLDER = ROOT / "monitoring" / "checks"

# What a check may need, and what is said where it is missing.
REQUIREMENTS = {
    "shop": "the functions of schema api that count: log in as a member of shop_monitor",
    "statistics": "statistics of the server and counts of the shop at once: log in as a member of shop_monitor",
    "primary": "counters that only the primary keeps: this is a replica",
    "wal": "PostgreSQL's own replication, which Aurora does not use",
    "storage": "the size of the disk, which the server does not know: --storage-gib",
    "certificate": "a server certificate that can be verified",
    "integrity": "--integrity: it reads every row",
}
_HEADER = re.compile(r"^-- (check|severity|meaning|runbook|requires|setting): (.+)$", re.MULTILINE)


@dataclass(frozen=True)
class Check:
    """One check. `settings`: thresholds by name, which the query reads as health.<name>."""

    name: str
    severity: str
    meaning: str
    runbook: str
    requires: tuple[str, ...]
    settings: dict[str, str]
    query: str


def read(folder: Path = FOLDER) -> list[Check]:
    """All checks, by name; `integrity` last, since it takes longest.

    Raises ValueError for a header that is not whole.
    """
    checks = [parse(path.read_text(encoding="utf-8"), path.stem) for path in sorted(folder.glob("*.sql"))]
    return sorted(checks, key=lambda check: ("integrity" in check.requires, check.name))


def parse(text: str, name: str) -> Check:
    """The check that a file of this name holds."""
    pairs = _HEADER.findall(text)
    header = {key: value.strip() for key, value in pairs if key != "setting"}
    missing = {"check", "severity", "meaning", "runbook"} - header.keys()
    if missing or header["check"] != name:
        raise ValueError(f"{name}.sql: its header lacks {', '.join(sorted(missing)) or f'the line -- check: {name}'}")
    requires = tuple(filter(None, re.split(r",\s*", header.get("requires", ""))))
    if unknown := set(requires) - REQUIREMENTS.keys():
        raise ValueError(f"{name}.sql requires {', '.join(sorted(unknown))}, which is not in REQUIREMENTS")
    settings = dict(re.split(r"\s*=\s*", value, maxsplit=1) for key, value in pairs if key == "setting")
    return Check(name, header["severity"], header["meaning"], header["runbook"], requires, settings, text)


def chosen(checks: list[Check], names: list[str] | None) -> list[Check]:
    """Those with these names, or all. Raises UsageError for a name that there is not."""
    known = {check.name for check in checks}
    if unknown := [name for name in names or [] if name not in known]:
        raise UsageError(f"there is no check {', '.join(unknown)}. Checks: {', '.join(sorted(known))}")
    return [check for check in checks if not names or check.name in names]


def thresholds(checks: list[Check], changed: dict[str, str]) -> dict[str, str]:
    """All thresholds with their defaults, some of them changed. Raises UsageError for one that there is not."""
    settings = {name: value for check in checks for name, value in check.settings.items()}
    for name, value in changed.items():
        if name not in settings:
            raise UsageError(f"there is no threshold {name}. Thresholds: {', '.join(sorted(settings))}")
        if not re.fullmatch(r"\d+(\.\d+)?", value):
            raise UsageError(f"{name} = {value!r} is no number")
    return settings | changed
