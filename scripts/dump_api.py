"""Writes docs/sql_api.md: every function of schema api, its promise, errors, privileges and examples.

It upgrades scratch databases on the configured server (default: the embedded one), asks their catalogue, runs the worked
example in one of them, and drops them.
"""

import argparse
import difflib
import sys
from pathlib import Path

from ecommerce_dms import api_reference, console, migrations
from ecommerce_dms.scratch import scratch_database
from ecommerce_dms.settings import Settings, add_connection_arguments, load_settings

SQL_API_MD = Path(__file__).resolve().parents[1] / "docs" / "sql_api.md"

EXAMPLES = """\
examples:
  python3 scripts/dump_api.py            write docs/sql_api.md, after each change of schema api or of its examples
  python3 scripts/dump_api.py --check    exit with 1 and show the difference if it is not up to date
"""


def main(argv: list[str] | None = None) -> int:
    """Write or check the file. Returns the exit code."""
    arguments = _parser().parse_args(argv)
    settings = load_settings(arguments)
    console.say(f"Server: {settings.describe()}")
    with console.step("Upgrading a scratch database, and running the examples in it"):
        wanted = sql_api_md(settings)
    if arguments.check:
        return _compare(SQL_API_MD.read_text(encoding="utf-8") if SQL_API_MD.exists() else "", wanted)
    SQL_API_MD.write_text(wanted, encoding="utf-8")
    console.say(f"Wrote {SQL_API_MD}.")
    return 0


def sql_api_md(settings: Settings) -> str:
    """The content that the file should have. Raises UserError when an example fails."""
    with scratch_database(settings) as template:
        migrations.upgrade(template, environment="test")
        with scratch_database(settings, template=template) as scratch:
            worked_example = api_reference.run_worked_example(scratch)
        with scratch_database(settings, template=template) as scratch:
            api_reference.run_stories(scratch)
        return api_reference.markdown(api_reference.read(template), worked_example)


def _compare(present: str, wanted: str) -> int:
    if present == wanted:
        console.say("docs/sql_api.md is up to date.")
        return 0
    sys.stdout.writelines(
        difflib.unified_diff(
            present.splitlines(keepends=True), wanted.splitlines(keepends=True), "docs/sql_api.md", "the database"
        )
    )
    console.say("docs/sql_api.md is not what the database says: run scripts/dump_api.py and commit it.")
    return 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        description=__doc__, epilog=EXAMPLES, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--check", action="store_true", help="compare, write nothing")
    add_connection_arguments(parser)
    return parser


if __name__ == "__main__":
    raise SystemExit(console.run(main))
