"""Makes the roles and schemas that the migrations need, and closes the database to everybody else.

`alembic upgrade head` does the same by itself where it may. This is for a look before (--print-sql), and for
an administrator who prepares a database in which somebody else will migrate.
"""

import argparse
from contextlib import closing

from ecommerce_dms import bootstrap, console
from ecommerce_dms.connection import connect
from ecommerce_dms.settings import add_connection_arguments, load_settings

EXAMPLES = """\
examples:
  python3 scripts/bootstrap.py                  prepare the configured database; repeating it changes nothing
  python3 scripts/bootstrap.py --print-sql      only print what that would run, for an administrator's psql
  python3 scripts/bootstrap.py --check          exit with 1, naming what is missing, unless all is prepared
"""


def main(argv: list[str] | None = None) -> int:
    """Prepare the database, or say what is missing. Returns the exit code."""
    arguments = _parser().parse_args(argv)
    settings = load_settings(arguments)
    console.say(f"Server: {settings.describe()}")
    with closing(connect(settings)) as connection:
        if arguments.check:
            return _check(bootstrap.missing(connection))
        if arguments.print_sql:
            print(bootstrap.preview(connection), end="")
            return 0
        return _prepare(connection)


def _check(missing: list[str]) -> int:
    for sentence in missing:
        console.say(f"missing: {sentence}")
    return 1 if missing else 0


def _prepare(connection) -> int:
    try:
        steps = bootstrap.apply(connection)
    except bootstrap.BootstrapRefused as refused:
        print(refused.sql, end="")
        raise
    for step in steps:
        console.say(f"Preparing the database: {step.missing}.")
    console.say("The database is prepared." if steps else "The database was prepared already.")
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        description=__doc__, epilog=EXAMPLES, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--print-sql", action="store_true", help="print the missing SQL and change nothing")
    what.add_argument("--check", action="store_true", help="change nothing; exit with 1 if something is missing")
    add_connection_arguments(parser)
    return parser


if __name__ == "__main__":
    raise SystemExit(console.run(main))
