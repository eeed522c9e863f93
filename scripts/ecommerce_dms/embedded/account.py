"""When root runs the embedded server: as whom, and where that user can reach its files.

PostgreSQL refuses to run as root, and root's HOME and clone are often closed to everybody else. So
everything lies in a directory of its own below /var/lib (or the next place that fits), the server's files
are copied there, and the server runs under a user number that nobody else has. No system user is added and
no folder's permissions are changed but those that were made here. For everybody but root this module does
nothing.
"""

from __future__ import annotations

import grp
import hashlib
import os
import pwd
import stat
from pathlib import Path
from typing import NamedTuple

from ecommerce_dms.embedded.errors import EmbeddedServerError

# /var/tmp comes last: systemd cleans it of what has not been used for a month.
_BASES = ("/var/lib", "/srv", "/opt", "/var/tmp")  # noqa: S108 – checked below for owner, mode and symlinks.
_FOLDER = "ecommerce-dms"

# Neither distributions nor systemd assign these (systemd.io/UIDS-GIDS), and rootless containers map them.
_USER_NUMBERS = range(60706, 61184)


_NOEXEC = getattr(os, "ST_NOEXEC", 0)  # Python knows it on Linux.


class Account(NamedTuple):
    """A user and group number to run a process as."""

    uid: int
    gid: int

    def process_arguments(self) -> dict[str, object]:
        """For subprocess: the identity, without root's supplementary groups."""
        return {"user": self.uid, "group": self.gid, "extra_groups": []}


def is_root() -> bool:
    """Whether another account is needed at all."""
    return os.geteuid() == 0


def home_for(directory: Path) -> Path:
    """Where root's server for `directory` lives: a path in root's hands that other users can pass through.

    It is derived from `directory`, so that two HOMEs never share a server. Nothing is made yet.

    Raises:
        EmbeddedServerError: no place fits.
    """
    for base in map(Path, _BASES):
        if _fits(base):
            return base / _FOLDER / _key(directory)
    raise EmbeddedServerError(
        f"none of {', '.join(_BASES)} can hold the embedded server's files: a real folder that all users may "
        "pass through and run programs from is needed. Run this as an ordinary user instead."
    )


def make_home(home: Path) -> None:
    """Makes the home and the folder above it: root's own, passable, and not readable as a list.

    Raises:
        EmbeddedServerError: somebody else made one of them first.
    """
    for folder, mode in ((home.parent, 0o755), (home, 0o711)):
        try:
            folder.mkdir()
            folder.chmod(mode)  # Independent of the umask.
        except FileExistsError:
            _refuse_foreign(folder)


def initial() -> Account:
    """Who runs initdb, which wants a user with a name; the files are handed on to `private` afterwards."""
    try:
        nobody = pwd.getpwnam("nobody")
    except KeyError:
        raise EmbeddedServerError(
            "root cannot run PostgreSQL, and this system has no user nobody. Run this as an ordinary user."
        ) from None
    return Account(nobody.pw_uid, nobody.pw_gid)


def private(home: Path) -> Account:
    """A user number of this home alone; nobody's is shared by programs that could then read the data."""
    neighbours = {data.stat().st_uid for data in home.parent.glob("*/data")}
    start = int(_key(home), 16) % len(_USER_NUMBERS)
    for offset in range(len(_USER_NUMBERS)):
        number = _USER_NUMBERS[(start + offset) % len(_USER_NUMBERS)]
        if number not in neighbours and not _is_taken(number):
            return Account(number, number)
    return initial()


def owner_of(path: Path) -> Account:
    """Who owns this, and therefore runs the server on it.

    Raises:
        EmbeddedServerError: root does, as whom PostgreSQL does not run.
    """
    found = path.stat()
    if found.st_uid == 0:
        raise EmbeddedServerError(f"{path} belongs to root, as whom PostgreSQL does not run: it was not made here.")
    return Account(found.st_uid, found.st_gid)


def hand_over(folder: Path, account: Account) -> Account:
    """Gives a folder and all in it to `account`, or leaves it where the system knows no such number."""
    try:
        # The folder first: from then on its former owner cannot get at what is inside.
        os.chown(folder, *account)
    except OSError:
        return owner_of(folder)
    for parent, folders, files in os.walk(folder):
        for name in (*folders, *files):
            path = os.path.join(parent, name)  # noqa: PTH118 – lchown, so that a symlink leads nowhere else.
            os.lchown(path, *account)
    return account


def _key(path: Path) -> str:
    return hashlib.sha256(os.fsencode(path.resolve())).hexdigest()[:12]


def _is_taken(number: int) -> bool:
    for look_up in (pwd.getpwuid, grp.getgrgid):
        try:
            look_up(number)
        except KeyError:
            continue
        return True
    return False


def _fits(base: Path) -> bool:
    """A real folder that everybody may pass through, only root can replace, and programs may run from."""
    if base.is_symlink() or not base.is_dir() or os.statvfs(base).f_flag & _NOEXEC:
        return False
    for folder in (base, *base.parents):
        found = folder.stat()
        replaceable = found.st_mode & 0o022 and not found.st_mode & stat.S_ISVTX
        if found.st_uid != 0 or replaceable or not found.st_mode & 0o001:
            return False
    return os.access(base, os.W_OK)


def _refuse_foreign(folder: Path) -> None:
    """In a place where everybody may make folders, one of this name may be somebody's trap."""
    found = folder.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != 0 or found.st_mode & 0o022:
        raise EmbeddedServerError(
            f"{folder} is not a folder of root's alone, so nothing is put there. Remove it, or run this as "
            "an ordinary user."
        )
