"""Where the server listens: a port on 127.0.0.1 and a socket's folder, both out of everybody's way."""

from __future__ import annotations

import os
import random
import socket
import tempfile
from pathlib import Path

from ecommerce_dms.embedded.account import Account
from ecommerce_dms.embedded.errors import EmbeddedServerError

# Below the ports that systems hand out for outgoing connections, one of which might be in the way at the
# next start.
_PORTS = range(15432, 20000)

# A socket's path may have 108 bytes on Linux and 104 on macOS, its end included.
_SOCKET_FOLDER_BYTES = 103 - len("/.s.PGSQL.65535")
_DISTANT_PREFIX = "ecommerce-dms-"


def free_port() -> int:
    """The first port of our range if it is free, so that most people have the same; otherwise any of them.

    Raises:
        EmbeddedServerError: hundreds were tried.
    """
    for port in [_PORTS[0], *random.SystemRandom().sample(_PORTS, 300)]:
        if is_free(port):
            return port
    raise EmbeddedServerError(f"no free port between {_PORTS[0]} and {_PORTS[-1]} on 127.0.0.1.")


def is_free(port: int) -> bool:
    """Whether a server could listen there now."""
    with socket.socket() as probe:
        # As PostgreSQL does: a port that was in use a moment ago is free.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True


def socket_folder(home: Path) -> Path:
    """A folder name inside `home`, or where that is too long, a new random one in the temporary folder."""
    inside = home / "socket"
    if len(os.fsencode(inside)) <= _SOCKET_FOLDER_BYTES:
        return inside
    return Path(tempfile.gettempdir()) / f"{_DISTANT_PREFIX}{random.SystemRandom().getrandbits(64):016x}"


def is_distant(folder: Path, home: Path) -> bool:
    """Whether `socket_folder` put it outside."""
    return folder.parent != home and folder.name.startswith(_DISTANT_PREFIX)


def made_socket_folder(folder: Path, home: Path, owner: Account | None) -> Path:
    """Makes this folder for `owner` (None: ourselves) alone, or else another one; returns which."""
    if not is_distant(folder, home):
        # Nobody else can make anything in the home, so what a killed run left there is only completed.
        folder.mkdir(mode=0o700, exist_ok=True)
        if owner:
            os.chown(folder, *owner)
        return folder
    while not _is_private(folder):
        folder = socket_folder(home)
    return folder


def _is_private(folder: Path) -> bool:
    """Makes the folder if need be; False when somebody else has put something there, whatever it is."""
    try:
        folder.mkdir(mode=0o700)
    except FileExistsError:
        found = folder.lstat()
        is_ours = found.st_uid == os.geteuid() and not found.st_mode & 0o077
        return is_ours and folder.is_dir() and not folder.is_symlink()
    return True
