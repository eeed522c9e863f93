"""What the embedded server remembers between runs, in files that their owner alone may read."""

from __future__ import annotations

import fcntl
import json
import os
import secrets
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path

from ecommerce_dms import console
from ecommerce_dms.embedded.errors import EmbeddedServerError

# Longer than a new data directory or a crash recovery takes on a slow machine.
_LOCK_SECONDS = 180


@dataclass(frozen=True)
class State:
    """Port and passwords of one server."""

    port: int
    socket_directory: str
    superuser_password: str = field(repr=False)
    master_password: str = field(repr=False)


def new(port: int, socket_directory: Path) -> State:
    """A state with fresh passwords of 192 random bits, in letters that no file format has to escape."""
    return State(port, str(socket_directory), secrets.token_urlsafe(24), secrets.token_urlsafe(24))


def read(file: Path) -> State:
    """Reads what `write` wrote.

    Raises:
        EmbeddedServerError: it is missing or not whole.
    """
    try:
        return State(**json.loads(file.read_text()))
    except (FileNotFoundError, ValueError, TypeError):
        raise EmbeddedServerError(
            f"{file}, which holds the passwords of the embedded server, is missing or damaged. "
            "python3 scripts/local.py reset starts anew, and what is in its database is lost."
        ) from None


def write(file: Path, state: State) -> None:
    """Replaces the file in one step."""
    write_private(file, json.dumps(asdict(state), indent=2) + "\n")


def password_file_text(state: State, user: str, password: str) -> str:
    """libpq's password file: this password for this server alone, by address and by socket."""
    socket_directory = state.socket_directory.replace("\\", "\\\\").replace(":", "\\:")
    hosts = ("127.0.0.1", socket_directory)
    return "".join(f"{host}:{state.port}:*:{user}:{password}\n" for host in hosts)


def write_private(file: Path, text: str) -> None:
    """Writes a file that its owner alone may read, whole or not at all."""
    _replace(file, text, 0o600)


def write_public(file: Path, text: str) -> None:
    """The same for what the server's user has to read, too."""
    _replace(file, text, 0o644)


def _replace(file: Path, text: str, mode: int) -> None:
    descriptor, name = tempfile.mkstemp(prefix=f".{file.name}-", suffix="-tmp", dir=file.parent)
    temporary = Path(name)
    try:
        with os.fdopen(descriptor, "w") as stream:
            stream.write(text)
            stream.flush()
            os.fchmod(descriptor, mode)
            os.fsync(descriptor)
        temporary.replace(file)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


@contextmanager
def locked(file: Path) -> Iterator[int]:
    """Only one process at a time changes a server; others wait, and say so. Yields the lock's descriptor.

    The kernel drops the lock when the last holder dies: nothing is left to clean up.

    Raises:
        EmbeddedServerError: it was held for too long.
    """
    descriptor = _acquire(file)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def _acquire(file: Path) -> int:
    deadline, told = time.monotonic() + _LOCK_SECONDS, False
    while True:
        descriptor = os.open(file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)
        else:
            if _is_still(file, descriptor):
                return descriptor
            os.close(descriptor)
            continue
        if time.monotonic() > deadline:
            raise EmbeddedServerError(f"another program has held {file} for {_LOCK_SECONDS} s. Is it stopped?")
        if not told:
            console.say("waiting for another program that starts or stops this server …")
            told = True
        time.sleep(0.05)


def _is_still(file: Path, descriptor: int) -> bool:
    """Whoever held the lock before may have removed the file together with the server."""
    try:
        return os.path.samestat(file.stat(), os.fstat(descriptor))
    except FileNotFoundError:
        return False
