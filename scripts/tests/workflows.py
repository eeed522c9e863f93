"""GitHub's workflows as data, and their steps as a runner would do them: what `run:` says, in order, with the job's `env`.

Actions of others (checkout, credentials) are left out; expressions are filled in for the few forms that stand there, and
any other is an error, so that no step is passed over silently.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / ".github" / "workflows"

_EXPRESSION = re.compile(r"\$\{\{\s*(.*?)\s*\}\}")


@dataclass(frozen=True)
class Ended:
    """How one `run:` ended."""

    command: str
    outcome: str
    output: str


def load(name: str) -> dict[str, Any]:
    """One workflow. YAML 1.1 reads its `on` as true."""
    return yaml.safe_load((FOLDER / name).read_text(encoding="utf-8"))


def runs(workflow: Mapping[str, Any]) -> list[str]:
    """Every `run:` of all jobs."""
    steps = [step for job in workflow["jobs"].values() for step in job["steps"]]
    return [step["run"] for step in steps if "run" in step]


def play(
    job: Mapping[str, Any], variables: Mapping[str, str], environment: Mapping[str, str], folder: Path
) -> list[Ended]:
    """Runs the steps of a job as GitHub does: after a failure, only those with `always()`.

    Args:
        job: one of a workflow's jobs.
        variables: what the repository's settings hold as `vars`.
        environment: the runner's own environment, to which the job's `env` is added.
        folder: the checkout.
    """
    filled = {name: _filled(str(value), variables, {}) for name, value in job.get("env", {}).items()}
    steps: dict[str, dict[str, str]] = {}
    ended: list[Ended] = []
    for step in job["steps"]:
        if "run" not in step:
            continue
        failed = any(each.outcome == "failure" for each in ended)
        if not _is_due(step.get("if", "success()"), failed, variables):
            outcome, output = "skipped", ""
        else:
            own = {name: _filled(str(value), variables, steps) for name, value in step.get("env", {}).items()}
            done = subprocess.run(
                ["bash", "--noprofile", "--norc", "-e", "-o", "pipefail", "-c", _filled(step["run"], variables, steps)],
                cwd=folder,
                env={**environment, **filled, **own},
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                check=False,
            )
            outcome, output = ("success" if done.returncode == 0 else "failure"), done.stdout
        ended.append(Ended(step["run"], outcome, output))
        if "id" in step:
            steps[step["id"]] = {"outcome": outcome}
    return ended


def _is_due(condition: str, failed: bool, variables: Mapping[str, str]) -> bool:
    """Whether a step runs. A condition without a status function holds only while nothing has failed."""
    parts = [part.strip() for part in condition.split("&&")]
    always = "always()" in parts
    truths = [_is_true(part, variables) for part in parts if part not in ("always()", "success()")]
    return (always or not failed) and all(truths)


def _is_true(part: str, variables: Mapping[str, str]) -> bool:
    if part == "inputs.sample_data || github.event_name == 'schedule'":
        return True
    if found := re.fullmatch(r"vars\.(\w+) != ''", part):
        return bool(variables.get(found[1]))
    raise ValueError(f"the tests do not know the condition {part!r}")


def _filled(text: str, variables: Mapping[str, str], steps: Mapping[str, Any]) -> str:
    def value(match: re.Match[str]) -> str:
        expression = match[1]
        if expression == "toJSON(steps)":
            return json.dumps(steps)
        if found := re.fullmatch(r"vars\.(\w+)(?: \|\| '([^']*)')?", expression):
            return variables.get(found[1]) or found[2] or ""
        raise ValueError(f"the tests do not know the expression {expression!r}")

    return _EXPRESSION.sub(value, text)


def runner_environment(**more: str) -> dict[str, str]:
    """This machine's, without what would lead to another server or account."""
    unwanted = ("AWS_", "DB_", "DATABASE_URL", "PG", "GITHUB_", "LEASE_", "TF_", "TUNNEL_")
    return {name: value for name, value in os.environ.items() if not name.startswith(unwanted)} | more
