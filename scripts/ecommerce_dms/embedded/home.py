"""The folder of one embedded server: what lies where in it, and what of it can be removed when."""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ecommerce_dms.embedded import account, state
from ecommerce_dms.embedded.errors import EmbeddedServerError, from_os_error

_LOG_BYTES = 10_000_000

# Made anew, or worthless, at every start.
_FOLDERS = ("socket", "program")
_FILES = (
    "pgpass",
    "server.log",
    "server.log.1",
    "postgresql.conf",
    "pg_hba.conf",
    "server.json",
    "turn",
    "lock",
)
_LEFTOVERS = ("new-*", "old-*", ".*-tmp")


class Home:
    """Paths in the folder, which need not exist yet."""

    def __init__(self, directory: Path) -> None:
        self.path = account.home_for(directory) if account.is_root() else directory
        self.data = self.path / "data"
        self.log = self.path / "server.log"
        self.password_file = self.path / "pgpass"
        self.configuration = self.path / "postgresql.conf"
        self.access_rules = self.path / "pg_hba.conf"
        self.state = self.path / "server.json"
        self.program = self.path / "program"
        self.turn = self.path / "turn"

    @contextmanager
    def exclusive(self) -> Iterator[int]:
        """Makes the folder and takes its lock; the operating system's refusals become sentences.

        Yields the lock's descriptor.

        Raises:
            EmbeddedServerError: the folder cannot be used.
        """
        try:
            if account.is_root():
                account.make_home(self.path)
            else:
                self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
            with state.locked(self.path / "lock") as lock:
                yield lock
        except OSError as error:
            raise from_os_error(error, f"the embedded server in {self.path}") from None

    def fresh_folder(self, prefix: str) -> Path:
        """A new folder for something that is not whole yet (new-) or not whole any more (old-)."""
        return Path(tempfile.mkdtemp(prefix=prefix, dir=self.path))

    def remove_leftovers(self) -> None:
        """What killed runs left behind."""
        for pattern in _LEFTOVERS:
            for leftover in self.path.glob(pattern):
                if leftover.is_dir() and not leftover.is_symlink():
                    shutil.rmtree(leftover)
                else:
                    leftover.unlink()

    def remove_data(self) -> None:
        """In one step out of the way, then removed: what is half removed is never started again."""
        if self.data.exists():
            self.data.rename(self.fresh_folder("old-") / "data")
        self.remove_leftovers()

    def remove_rest(self) -> None:
        """All that was made here. What is not ours stays, and then the folder, too."""
        for name in _FOLDERS:
            shutil.rmtree(self.path / name, ignore_errors=True)
        for name in _FILES:
            (self.path / name).unlink(missing_ok=True)

    def remove_folder(self) -> None:
        """The folder, and the one that root's servers share, as far as they are empty."""
        for folder in (self.path, *([self.path.parent] if account.is_root() else [])):
            try:
                folder.rmdir()
            except OSError:
                return

    def open_log(self) -> int:
        """A descriptor to append to the log, which only its owner can read; the last 10 MB or so are kept."""
        if self.log.exists() and self.log.stat().st_size > _LOG_BYTES:
            self.log.replace(self.log.with_name("server.log.1"))
        return os.open(self.log, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)

    def sync(self) -> None:
        """Makes a rename in the folder survive a power failure."""
        descriptor = os.open(self.path, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def default_directory() -> Path:
    """ECOMMERCE_DMS_HOME, or the user's own state directory by the platform's convention.

    Raises:
        EmbeddedServerError: there is none.
    """
    chosen = os.environ.get("ECOMMERCE_DMS_HOME")
    if chosen:
        directory = Path(chosen).expanduser()
        if not directory.is_absolute():
            raise EmbeddedServerError(f"ECOMMERCE_DMS_HOME is {chosen!r}: it must be an absolute path.")
        return directory
    try:
        user = Path.home()
    except RuntimeError:
        raise EmbeddedServerError("this user has no home directory: set ECOMMERCE_DMS_HOME to a folder.") from None
    if sys.platform == "darwin":
        return user / "Library/Application Support/ecommerce-dms"
    # A relative XDG path is to be ignored (XDG Base Directory Specification).
    configured = os.environ.get("XDG_STATE_HOME", "")
    base = Path(configured) if configured.startswith("/") else user / ".local/state"
    return base / "ecommerce-dms"
