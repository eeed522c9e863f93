"""A file that a program writes and that is committed: written anew, or compared with what is there."""

from __future__ import annotations

import argparse
import difflib
import sys
from pathlib import Path

from ecommerce_dms import console
from ecommerce_dms.settings import add_connection_arguments


def parser(description: str | None, examples: str) -> argparse.ArgumentParser:
    """The command line of a program that writes such a file from what a server has."""
    made = argparse.ArgumentParser(
        description=description, epilog=examples, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    made.add_argument("--check", action="store_true", help="compare, write nothing")
    add_connection_arguments(made)
    return made


def put(path: Path, wanted: str, *, check: bool, source: str, program: str) -> int:
    """Writes the file, or with `check` shows on standard output how it differs. Returns the program's exit code.

    `source` is what the content comes from, such as "the migrations"; `program` writes it.
    """
    if not check:
        path.write_text(wanted, encoding="utf-8")
        console.say(f"Wrote {path}.")
        return 0
    name = f"{path.parent.name}/{path.name}"
    present = path.read_text(encoding="utf-8") if path.exists() else ""
    if present == wanted:
        console.say(f"{name} is up to date.")
        return 0
    sys.stdout.writelines(
        difflib.unified_diff(present.splitlines(keepends=True), wanted.splitlines(keepends=True), name, source)
    )
    console.say(f"{name} is not what follows from {source}: run scripts/{program} and commit it.")
    return 1
