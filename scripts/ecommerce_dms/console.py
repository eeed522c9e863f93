"""How every program here talks to the person who runs it: one line per event, on standard error.

Standard output is for results alone, so that it can be piped. Standard library only: scripts/local.py uses
this before anything is installed.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

FAILED = 1
WRONG_USAGE = 2
INTERRUPTED = 130  # 128 + SIGINT, what a shell reports.


class UserError(Exception):
    """A failure that a sentence explains: printed as one line, without traceback, and never with a secret."""

    exit_code = FAILED


class UsageError(UserError):
    """The program was called wrongly."""

    exit_code = WRONG_USAGE


def say(text: str) -> None:
    """Prints one line on standard error, at once."""
    print(text, file=sys.stderr, flush=True)


def announce(settings: Any) -> None:
    """Every program's first line: which server it talks to, from `Settings.describe`."""
    say(settings.describe())


@contextmanager
def step(title: str) -> Iterator[None]:
    """Says what starts now, and how long it took: nobody waits before a silent screen."""
    say(f"{title} …")
    started = time.monotonic()
    yield
    say(f"  done in {time.monotonic() - started:.1f} s")


def run(main: Callable[[], int | None]) -> int:
    """Runs a program's `main` and returns its exit code: 0 done, 1 failed, 2 wrong usage, 130 interrupted.

    Errors that nobody declared keep their traceback: they are ours to fix.
    """
    try:
        return main() or 0
    except UserError as error:
        say(f"error: {' '.join(str(error).split())}")
        return error.exit_code
    except KeyboardInterrupt:
        say("interrupted")
        return INTERRUPTED
    except BrokenPipeError:
        # The reader (`| head`) has gone. Python would complain again when it flushes at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return FAILED
