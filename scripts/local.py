#!/usr/bin/env python3
"""One command gives a running, migrated, seeded and verified e-commerce database on this machine.

    python3 scripts/local.py          start it, and connect with the line that is printed at the end
    python3 scripts/local.py test     run all tests against it; --full runs the long proofs of Terraform whole

It needs Python 3.11 and nothing else: what is missing goes into .venv at the repository's root, the
database into the user's state directory. Every command can be interrupted at any moment and run again. Only
the embedded server is touched, whatever scripts/.env says.
"""

import sys

# Before anything that an older Python cannot read; this file keeps to what Python 3.6 can parse.
if sys.version_info < (3, 11):  # noqa: UP036
    sys.exit(
        "error: scripts/local.py needs Python 3.11 or newer, and this is " + sys.version.split()[0] + ". "
        "Install one from your system's packages or python.org, and run: python3.11 scripts/local.py"
    )
if sys.platform == "win32":
    sys.exit("error: scripts/local.py runs on Linux and macOS; on Windows use WSL (wsl --install)")

import argparse
import os
import signal
import subprocess
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from ecommerce_dms import console, virtual_environment
from ecommerce_dms.embedded import EmbeddedServer

SCRIPTS = Path(__file__).resolve().parent
ROOT = SCRIPTS.parent

# Their arguments are for the program that they run.
_PASSED_ON = ("psql", "test")


class StepFailed(console.UserError):
    """A program that was run for a step failed, and has said why itself."""


def main(argv: list[str] | None = None) -> int | None:
    """Runs one sub-command; see the module's docstring."""
    argv = sys.argv[1:] if argv is None else argv
    if argv and argv[0] in _PASSED_ON:
        return {"psql": psql, "test": test}[argv[0]](argv[1:])
    arguments = _parser().parse_args(argv)
    return {"up": up, "down": down, "status": status, "reset": reset}[arguments.command or "up"](arguments)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="local.py", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    commands = parser.add_subparsers(dest="command", metavar="COMMAND")
    commands.add_parser("up", help="start, upgrade, seed if empty, verify (the default)")
    commands.add_parser("down", help="stop the server; the data stay")
    commands.add_parser("status", help="say whether it runs, and where its files are")
    commands.add_parser("psql", help="open psql on it; arguments are psql's", add_help=False)
    commands.add_parser("test", help="run the tests on it; arguments are pytest's", add_help=False)
    commands.add_parser("reset", help="remove the database and all its data").add_argument(
        "--yes", action="store_true", help="do not ask"
    )
    return parser


def up(_arguments: argparse.Namespace) -> int:
    """Start, upgrade to head, seed if empty, verify, print a summary."""
    virtual_environment.enter()
    server = _start()
    with server.turn() as turn:
        _fill(turn)
        violations = _verify()
    print(f"\nconnect:  {server.connection_line()}")
    print("tests:    python3 scripts/local.py test\nstop:     python3 scripts/local.py down")
    return console.FAILED if violations else 0


def down(_arguments: argparse.Namespace) -> None:
    """Stop the server."""
    print("stopped" if EmbeddedServer.default().stop() else "it was not running")


def status(_arguments: argparse.Namespace) -> None:
    """Print what is known about the server. Changes nothing."""
    server = EmbeddedServer.default()
    found = server.status()
    print(f"server:   {found.name}" + (f" (process {found.pid}, port {found.port})" if found.pid else ""))
    print(f"data:     {found.data}\nlog:      {found.log}")
    if found.name == "running":
        print(f"connect:  {server.connection_line()}")
    else:
        print("start:    python3 scripts/local.py")


def psql(arguments: list[str]) -> None:
    """Become psql."""
    virtual_environment.enter()
    server = _start()
    command = [*server.psql_command(), *arguments]
    # The user's PG* variables are for other servers; PGSSLMODE for one would keep psql from this one.
    others = {key: value for key, value in os.environ.items() if not key.startswith("PG")}
    os.execve(command[0], command, {**others, **server.psql_environment()})  # noqa: S606


def test(arguments: list[str]) -> None:
    """Become pytest, on a database that is up to date and holds data: test_db.py validates what it finds there.

    The tests' own packages are installed as well, an emulated AWS among them.
    """
    virtual_environment.enter(virtual_environment.REQUIREMENTS_OF_TESTS)
    with _start().turn() as turn:
        _fill(turn)
    # Paths that the caller means are relative to where the caller is.
    absolute = [os.path.abspath(each) if _is_path(each) else each for each in arguments]  # noqa: PTH100
    os.chdir(SCRIPTS)
    os.execve(sys.executable, [sys.executable, "-m", "pytest", *absolute], _environment())  # noqa: S606


def _is_path(argument: str) -> bool:
    return Path(argument.split("::")[0]).exists()


def reset(arguments: argparse.Namespace) -> None:
    """Remove the server with all its data, after asking."""
    server = EmbeddedServer.default()
    if server.status().name == "absent":
        print("there is no database to remove")
        return
    if not arguments.yes:
        _confirm(f"Remove the database in {server.home} and all its data? Type yes: ")
    server.destroy()
    print("removed; python3 scripts/local.py makes a new one")


def _confirm(question: str) -> None:
    if not sys.stdin.isatty():
        raise console.UsageError("reset removes all data: confirm with --yes")
    if input(question).strip() != "yes":
        raise console.UserError("nothing was removed")


def _start() -> EmbeddedServer:
    console.say("the embedded PostgreSQL 18 (local.py uses no other)")
    server = EmbeddedServer.default()
    server.start()
    return server


def _environment() -> dict[str, str]:
    from ecommerce_dms.settings import embedded_environment

    return embedded_environment()


def _run(turn: int, title: str, *command: str) -> None:
    """Runs a program on the embedded server, which keeps the turn should this one be killed alone."""
    with console.step(title), _interrupts_held() as let_go:
        process = subprocess.Popen(
            [sys.executable, *command],
            env=_environment(),
            cwd=ROOT,
            pass_fds=(turn,),
            # Ctrl-C comes to this program alone, which ends that one without a traceback of its own.
            start_new_session=True,
        )
        try:
            let_go()
            failed = process.wait() != 0
        except BaseException:
            process.kill()
            process.wait()
            raise
        if failed:
            raise StepFailed(f"{title} failed; the lines above say why")


@contextmanager
def _interrupts_held() -> Iterator[Callable[[], None]]:
    """Lets a Ctrl-C wait until the yielded function is called.

    One that came while a program is being started would leave that program running: nobody holds its handle yet.
    """
    came: list[int] = []
    ordinary = signal.signal(signal.SIGINT, lambda number, _frame: came.append(number))

    def let_go() -> None:
        signal.signal(signal.SIGINT, ordinary)
        if came:
            raise KeyboardInterrupt

    try:
        yield let_go
    finally:
        signal.signal(signal.SIGINT, ordinary)


def _fill(turn: int) -> None:
    """What makes the server a shop: the schema at head, and sample data if it holds none."""
    _upgrade(turn)
    _seed_if_empty(turn)


def _upgrade(turn: int) -> None:
    ini = str(ROOT / "schema/alembic.ini")
    _run(turn, "upgrading the schema", "-m", "alembic", "-c", ini, "upgrade", "head")


def _seed_if_empty(turn: int) -> None:
    """A loader that was killed has left nothing, since it loads in one transaction."""
    if not _query("SELECT EXISTS (SELECT FROM shop.products) OR EXISTS (SELECT FROM shop.orders)")[0][0]:
        _run(turn, "loading sample data", str(SCRIPTS / "data_loader.py"))


def _verify() -> int:
    """Prints one line per invariant; returns the number of violations."""
    with console.step("verifying what is stored"):
        rows = _query("SELECT invariant, examined, violations, example FROM api.verify_integrity() ORDER BY invariant")
    width = max(len(row[0]) for row in rows)
    for invariant, examined, violations, example in rows:
        verdict = f"VIOLATED {violations} times, e.g. {example}" if violations else "ok"
        print(f"{invariant:{width}}  {examined:>9,}  {verdict}")
    total = sum(row[2] for row in rows)
    print(f"{len(rows)} invariants, {sum(row[1] for row in rows):,} rows examined, {total} violations")
    return total


def _query(sql: str) -> list[tuple]:
    from ecommerce_dms.connection import connect
    from ecommerce_dms.settings import load_settings

    settings = load_settings(environ=_environment())
    with closing(connect(settings, role="shop_owner")) as connection, connection.cursor() as cursor:
        cursor.execute(sql)
        return cursor.fetchall()


if __name__ == "__main__":
    raise SystemExit(console.run(main))
