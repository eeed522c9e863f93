#!/usr/bin/env python3
"""Writes the summary of a GitHub Actions job: how each step ended, or why there was nothing to do.

Reads STEPS, the job's `toJSON(steps)`; writes where GITHUB_STEP_SUMMARY says, or on standard output where it does not.
"""

import argparse
import json
import os
from pathlib import Path

from ecommerce_dms import console

EXAMPLES = """\
examples:
  STEPS='{"migrate": {"outcome": "success"}, "test": {"outcome": "failure"}}' python scripts/job_summary.py
  python scripts/job_summary.py --no-stack
"""

NO_STACK = """\
Nothing was done: this repository knows of no stack. `bash scripts/update_env_ci_and_start_tf.sh` makes one and sets the
variables (DB_HOST, AWS_REGION, …) that this workflow reads; `docs/ci.md` says what else it needs.
"""

NO_BACKEND = """\
Nothing was done: this repository knows of no S3 bucket for Terraform's state (variable TF_STATE_BUCKET), and a runner
forgets what it has made. `python scripts/state_bucket.py --help` makes one; `docs/ci.md` says what else is needed.
"""

# What a step's outcome means to the reader of a job that holds access to a database.
WORDS = {"success": "done", "failure": "**failed**", "cancelled": "cancelled", "skipped": "left out"}


def main(argv: list[str] | None = None) -> int:
    """Writes one summary. Always 0 where it could be written: the steps themselves decide the job."""
    arguments = _parser().parse_args(argv)
    if arguments.no_stack:
        text = NO_STACK
    elif arguments.no_backend:
        text = NO_BACKEND
    else:
        text = table(_steps(os.environ.get("STEPS", "")))
    _write(text)
    return 0


def table(steps: dict[str, dict]) -> str:
    """A Markdown table of the named steps, in the order in which they ran."""
    lines = [f"| {name} | {WORDS.get(step.get('outcome'), step.get('outcome'))} |\n" for name, step in steps.items()]
    warning = ""
    if steps.get("open", {}).get("outcome") == "success" and steps.get("close", {}).get("outcome") != "success":
        warning = "\n**Access may still be open.** It ends with its lease; `python scripts/runner_access.py sweep` ends it now.\n"
    return "| step | |\n|---|---|\n" + "".join(lines) + warning


def _steps(text: str) -> dict[str, dict]:
    try:
        steps = json.loads(text)
    except ValueError:
        steps = None
    if not isinstance(steps, dict) or not all(isinstance(step, dict) for step in steps.values()):
        raise console.UsageError(f"STEPS is {text[:80]!r}, and should be the job's toJSON(steps)")
    return steps


def _write(text: str) -> None:
    if os.environ.get("GITHUB_STEP_SUMMARY"):
        with Path(os.environ["GITHUB_STEP_SUMMARY"]).open("a", encoding="utf-8") as file:
            file.write(text)
    else:
        print(text, end="")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="job_summary.py",
        description=__doc__,
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    reasons = parser.add_mutually_exclusive_group()
    reasons.add_argument("--no-stack", action="store_true", help="say that no stack is configured")
    reasons.add_argument("--no-backend", action="store_true", help="say that no bucket for the state is configured")
    return parser


if __name__ == "__main__":
    raise SystemExit(console.run(main))
