"""Whether the server process of a data directory lives, from the postmaster.pid that it keeps there."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple


class Postmaster(NamedTuple):
    """A living server process."""

    pid: int
    port: int
    is_ready: bool


def find(data: Path) -> Postmaster | None:
    """The living server process of this data directory, or None."""
    lines = _lines(data)
    pid = _pid(lines)
    if pid is None or not _serves(pid, data):
        return None
    # Line 4 is the port, line 8 starting, stopping, ready or standby (src/include/utils/pidfile.h). The
    # file grows while the server starts.
    lines += [""] * (8 - len(lines))
    port = int(lines[3]) if lines[3].isdecimal() else 0
    # A standby that answers queries is as ready as it will be.
    return Postmaster(pid, port, port > 0 and lines[7].strip() in ("ready", "standby"))


def leaves_a_living_number(data: Path) -> bool:
    """Whether a stale postmaster.pid has the number of a process that exists, but serves something else.

    It may be the killed server itself, for the moment until its parent has taken note of its end.
    """
    pid = _pid(_lines(data))
    return pid is not None and exists(pid) and not _serves(pid, data)


def forget_reused_number(data: Path) -> None:
    """Makes a stale postmaster.pid harmless whose process number now belongs to something else.

    After a reboot that is common, and PostgreSQL would refuse to start: it sees that the process lives, not
    what it is. The number is replaced by a dead one and the file stays, because PostgreSQL finds there
    which shared memory must not be in use any more before it starts.
    """
    if not leaves_a_living_number(data):
        return
    text = "\n".join([str(_dead_number()), *_lines(data)[1:]]) + "\n"
    # The folder is the server's: if that is ever taken over, root must not be led to another file.
    descriptor = os.open(data / "postmaster.pid", os.O_WRONLY | os.O_TRUNC | os.O_NOFOLLOW)
    with os.fdopen(descriptor, "w") as stream:
        stream.write(text)


def _lines(data: Path) -> list[str]:
    try:
        return (data / "postmaster.pid").read_text().splitlines()
    except FileNotFoundError:
        return []


def _pid(lines: list[str]) -> int | None:
    text = lines[0].strip() if lines else ""
    return int(text) if text.isdecimal() else None


def exists(pid: int) -> bool:
    """Whether there is a process of that id, whoever's it is."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _serves(pid: int, data: Path) -> bool:
    """Whether the process is a server with this data directory. A zombie, without arguments, is none."""
    return f"-D\0{data}\0" in _command_line(pid)


def _command_line(pid: int) -> str:
    """The arguments of a process, each ended by NUL; empty when it is gone."""
    if sys.platform == "linux":
        try:
            return os.fsdecode(Path(f"/proc/{pid}/cmdline").read_bytes())
        except OSError:
            return ""
    shown = subprocess.run(["ps", "-ww", "-o", "command=", "-p", str(pid)], capture_output=True, text=True)
    return shown.stdout.strip().replace(" ", "\0") + "\0"


def _dead_number() -> int:
    """A process number that was in use a moment ago and is not any more."""
    with subprocess.Popen([sys.executable, "-c", ""]) as process:
        process.wait()
    return process.pid
