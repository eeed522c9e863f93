"""Reads each revision's SQL for what would stop a busy shop: locks, rewrites, scans under a lock. By squawk.

Not for whether the SQL is right: the tests of the revisions run it. What squawk is told to leave out stands here,
each with its reason.
"""

from __future__ import annotations

import io
import json
import re
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

from alembic import command

from ecommerce_dms import migrations

# Rules that do not hold here, for any revision.
NOT_HERE = {
    "prefer-robust-stmts": "every revision is one transaction, so a failed one leaves nothing to run again over",
    "require-lock-timeout": "schema/alembic.ini sets it for every migrating session",
    "require-statement-timeout": "schema/alembic.ini sets it for every migrating session",
    "prefer-bigint-over-int": "a counter under a CHECK is as wide as its CHECK; keys are bigint or uuid",
    "prefer-bigint-over-smallint": "a counter under a CHECK is as wide as its CHECK; keys are bigint or uuid",
}

# Findings that were looked at: (revision, rule) → why it is safe there.
LOOKED_AT = {
    ("0008", "adding-foreign-key-constraint"): "part of the first release: the table holds no row yet",
    ("0008", "constraint-missing-not-valid"): "part of the first release: the table holds no row yet",
}

_REVISION = re.compile(r"^-- Running upgrade (\w*) -> (\w+)$", re.MULTILINE)


@dataclass(frozen=True)
class Finding:
    """One dangerous statement: the revision, squawk's rule, and what it says about it."""

    revision: str
    rule: str
    line: int
    text: str

    def __str__(self) -> str:
        return f"revision {self.revision}, line {self.line} of its SQL: {self.rule}: {self.text}"


def findings(squawk: str, versions: Path | None = None) -> list[Finding]:
    """What squawk finds in the SQL of all revisions, but for what is listed above. `squawk`: the program.

    Raises CommandError when alembic cannot write the SQL, RuntimeError when squawk fails.
    """
    return [found for found in _all(squawk, versions) if (found.revision, found.rule) not in LOOKED_AT]


def stale_exceptions(squawk: str) -> set[tuple[str, str]]:
    """Entries of LOOKED_AT that excuse nothing any more."""
    return set(LOOKED_AT) - {(found.revision, found.rule) for found in _all(squawk, None)}


def sql_by_revision(versions: Path | None = None) -> dict[str, str]:
    """What `alembic upgrade` would run, for each revision. Needs no server."""
    configuration = migrations.config(versions=versions)
    configuration.output_buffer = io.StringIO()
    command.upgrade(configuration, "head", sql=True)
    # [text before the first, down, up, text, down, up, text …]
    parts = _REVISION.split(configuration.output_buffer.getvalue())
    # Each revision's BEGIN stands before its line, at the end of the text of the one before.
    texts = (text.rstrip().removesuffix("BEGIN;") for text in parts[3::3])
    return {up: "BEGIN;\n" + text for up, text in zip(parts[2::3], texts, strict=True)}


def _all(squawk: str, versions: Path | None) -> list[Finding]:
    with tempfile.TemporaryDirectory() as folder:
        for revision, sql in sql_by_revision(versions).items():
            (Path(folder) / f"{revision}.sql").write_text(sql, encoding="utf-8")
        excluded = [f"--exclude={rule}" for rule in NOT_HERE]
        names = sorted(path.name for path in Path(folder).iterdir())
        done = subprocess.run(
            [squawk, "--pg-version", "18.0", *excluded, "--reporter", "json", *names],
            cwd=folder,
            capture_output=True,
            text=True,
        )
    try:
        reported = json.loads(done.stdout or "null")
    except ValueError:
        reported = None
    # Without a file to read, or with one that it cannot parse, it must not count as "nothing found".
    if not isinstance(reported, list) or not names or any(one["rule_name"] == "syntax-error" for one in reported):
        raise RuntimeError(f"squawk did not read the migrations: {(done.stderr or done.stdout).strip()[:500]}")
    return [Finding(Path(one["file"]).stem, one["rule_name"], one["line"], one["message"]) for one in reported]
