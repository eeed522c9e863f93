#!/usr/bin/env python3
"""Every check that reads the code and runs none of it: Python, Terraform, workflows, migrations.

Not for what needs a server or an emulator: those are the tests (scripts/local.py test).
"""

import argparse
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from ecommerce_dms import console

SCRIPTS = Path(__file__).resolve().parent
ROOT = SCRIPTS.parent
WORKFLOWS = ROOT / ".github" / "workflows"

EXAMPLES = """\
examples:
  python3 scripts/lint.py                all of it; exit code 1 if one finds something
  python3 scripts/lint.py ruff format    only these
  python3 scripts/lint.py --fix          let ruff and terraform put right what they can

The tools come with scripts/requirements-dev.txt; terraform is skipped, and said so, where it is not installed.
"""


@dataclass(frozen=True)
class Linter:
    """A tool that looks, and how it is called; `fix` where it can put right what it finds."""

    name: str
    tool: str
    arguments: Callable[[], list[str]]
    fix: Callable[[], list[str]] | None = None
    optional: bool = False


_RUFF = ["--config", str(SCRIPTS / "ruff.toml"), "."]

LINTERS = (
    Linter("ruff", "ruff", lambda: ["check", *_RUFF], lambda: ["check", "--fix", *_RUFF]),
    Linter("format", "ruff", lambda: ["format", "--check", *_RUFF], lambda: ["format", *_RUFF]),
    Linter(
        "terraform",
        "terraform",
        lambda: ["fmt", "-check", "-diff", "-recursive"],
        lambda: ["fmt", "-recursive"],
        optional=True,
    ),
    # Offline: what an action's tag points to today is nothing that a commit here can change.
    Linter("zizmor", "zizmor", lambda: ["--persona", "pedantic", "--offline", "--no-progress", str(ROOT / ".github")]),
    Linter(
        "workflows",
        "check-jsonschema",
        lambda: ["--builtin-schema", "vendor.github-workflows", *map(str, sorted(WORKFLOWS.glob("*.yml")))],
    ),
    Linter(
        "dependabot",
        "check-jsonschema",
        lambda: ["--builtin-schema", "vendor.dependabot", str(ROOT / ".github" / "dependabot.yml")],
    ),
)

MIGRATIONS = "migrations"
NAMES = (*(linter.name for linter in LINTERS), MIGRATIONS)


def main(argv: list[str] | None = None) -> int:
    """Runs the linters asked for. Returns 1 when one found something, else 0."""
    arguments = _parser().parse_args(argv)
    wanted = arguments.linter or NAMES
    unknown = sorted(set(wanted) - set(NAMES))
    if unknown:
        raise console.UsageError(f"there is no linter {unknown[0]!r}; there are {', '.join(NAMES)}")
    failed = [linter.name for linter in LINTERS if linter.name in wanted and not _passes(linter, arguments.fix)]
    if MIGRATIONS in wanted and not _migrations_pass():
        failed.append(MIGRATIONS)
    console.say(f"found something: {', '.join(failed)}" if failed else "Nothing found.")
    return console.FAILED if failed else 0


def _passes(linter: Linter, fix: bool) -> bool:
    program = tool(linter.tool)
    if program is None and linter.optional:
        console.say(f"{linter.name}: left out, because {linter.tool} is not installed")
        return True
    arguments = linter.fix() if fix and linter.fix else linter.arguments()
    console.say(f"{linter.name} …")
    return subprocess.run([_required(linter.tool), *arguments], cwd=ROOT).returncode == 0


def _migrations_pass() -> bool:
    from ecommerce_dms import migration_lint  # Alembic is not needed for the others.

    console.say(f"{MIGRATIONS} …")
    found = migration_lint.findings(_required("squawk"))
    for finding in found:
        print(finding)
    return not found


def tool(name: str) -> str | None:
    """The program of this environment, or of the PATH; None where there is neither."""
    beside = Path(sys.executable).parent / name
    return str(beside) if beside.exists() else shutil.which(name)


def _required(name: str) -> str:
    found = tool(name)
    if found is None:
        raise console.UserError(f"{name} is not installed: pip install -r scripts/requirements-dev.txt")
    return found


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="lint.py", description=__doc__, epilog=EXAMPLES, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("linter", nargs="*", metavar="LINTER", help=f"{', '.join(NAMES)} (default: all)")
    parser.add_argument("--fix", action="store_true", help="put right what can be")
    return parser


if __name__ == "__main__":
    raise SystemExit(console.run(main))
