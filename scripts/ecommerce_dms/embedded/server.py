"""`EmbeddedServer`: one PostgreSQL 18 with its own directory, started and stopped by whoever needs it."""

from __future__ import annotations

import os
import random
import shlex
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from ecommerce_dms import console
from ecommerce_dms.embedded import account, cluster, postmaster, program, state
from ecommerce_dms.embedded.errors import EmbeddedServerError, disk_is_full, from_os_error

# Below the ports that systems hand out for outgoing connections, one of which might be in the way at the
# next start.
_PORTS = range(15432, 20000)

_START_SECONDS = 120  # A crash recovery on a slow disk; then the start counts as failed.
_STOP_SECONDS = 60
_PREDECESSOR_SECONDS = 10  # What a killed server's processes may take to be gone.

# Why a start fails that succeeds a moment later: another program was quicker to take the port, another
# start is under way, or processes of a killed server are not gone yet.
_PASSING_REASONS = ("could not bind", "lock file", "is still in use")
_PG_CTL_WORDS = ("pg_ctl:", "Examine the log output.")
_LOG_BYTES = 10_000_000

# A socket's path may have 108 bytes on Linux and 104 on macOS, its end included.
_SOCKET_PATH_BYTES = 103 - len("/.s.PGSQL.65535")


class Status(NamedTuple):
    """What `EmbeddedServer.status` found: `name` is absent, stopped, starting or running."""

    name: str
    pid: int | None
    port: int | None
    data: Path
    log: Path


class EmbeddedServer:
    """One server. Several may run side by side, each with a directory of its own."""

    def __init__(self, directory: Path, configuration: Mapping[str, str] | None = None) -> None:
        """Names a server; nothing is made or started yet.

        Args:
            directory: where it lives. For root that is only its name: see account.py.
            configuration: further server settings, e.g. {"log_statement": "all"}, for every start from here.
        """
        self.directory = Path(directory).absolute()
        self.home = account.home_for(self.directory) if account.is_root() else self.directory
        self.data = self.home / "data"
        self.log = self.home / "server.log"
        self.password_file = self.home / "pgpass"
        self._state_file = self.home / "server.json"
        self._configuration = dict(configuration or {})

    @classmethod
    def default(cls) -> EmbeddedServer:
        """The user's own server, which all programs share: in ECOMMERCE_DMS_HOME or the state directory."""
        return cls(_default_directory())

    def start(self) -> None:
        """Makes the server when there is none, starts it when it does not run, and returns when it is ready.

        Raises:
            EmbeddedServerError: it cannot run, and why.
        """
        if self._is_ready():
            return
        with self._exclusive() as lock:
            if self._is_ready():
                return
            self._remove_leftovers()
            if not self.data.exists():
                with console.step("making a new PostgreSQL 18 data directory"):
                    self._create(lock)
            cluster.refuse_other_major(self.data)
            with console.step("starting PostgreSQL 18"):
                self._launch()

    def stop(self) -> bool:
        """Ends all connections and shuts down cleanly; False when it did not run.

        Raises:
            EmbeddedServerError: it did not stop in time.
        """
        if not self.home.exists():
            return False
        with self._exclusive():
            return self._stop()

    def status(self) -> Status:
        """Whether it exists and runs. Changes nothing."""
        if not self.data.exists():
            return Status("absent", None, None, self.data, self.log)
        found = postmaster.find(self.data)
        if found is None:
            return Status("stopped", None, None, self.data, self.log)
        name = "running" if found.is_ready else "starting"
        return Status(name, found.pid, self._state().port, self.data, self.log)

    def destroy(self) -> None:
        """Stops the server and removes all that was made for it; killed halfway, it can be called again."""
        if not self.home.exists():
            return
        with self._exclusive():
            self._stop()
            if self.data.exists():
                # Out of the way in one step: what is half removed must never be started again.
                self.data.rename(self._fresh_folder("old-") / "data")
            self._remove_leftovers()
            if self._state_file.exists():
                self._remove_distant_socket()
            for name in ("socket", "program"):
                shutil.rmtree(self.home / name, ignore_errors=True)
            for name in (
                "server.json",
                "pgpass",
                "server.log",
                "server.log.1",
                "postgresql.conf",
                "pg_hba.conf",
                "lock",
            ):
                (self.home / name).unlink(missing_ok=True)
        for folder in (self.home, *([self.home.parent] if account.is_root() else [])):
            try:
                folder.rmdir()
            except OSError:
                return  # Somebody else's files, or a server that was started meanwhile.

    def connection_parameters(self) -> dict[str, str | int]:
        """Keyword arguments for a connection as the master, **the password included**."""
        current = self._state()
        return {
            "host": "127.0.0.1",
            "port": current.port,
            "user": cluster.MASTER,
            "password": current.master_password,
            "dbname": cluster.DATABASE,
        }

    def superuser_parameters(self) -> dict[str, str | int]:
        """The same for the superuser: for tests of what only an administrator can see."""
        own = {"user": cluster.SUPERUSER, "password": self._state().superuser_password, "dbname": "postgres"}
        return {**self.connection_parameters(), **own}

    def psql_environment(self) -> dict[str, str]:
        """What psql needs beside `psql_command`: where the password is."""
        return {"PGPASSFILE": str(self.password_file)}

    def psql_command(self) -> list[str]:
        """psql, connected to the shop as the master. `psql_environment` says where the password is."""
        return [str(program.installed() / "bin/psql"), *self._psql_arguments()]

    def connection_line(self) -> str:
        """A line to paste into a shell, which shows no password."""
        psql = "psql" if shutil.which("psql") else str(program.installed() / "bin/psql")
        return (
            f"PGPASSFILE={shlex.quote(str(self.password_file))} {shlex.join([psql, *self._psql_arguments()])}"
        )

    def _psql_arguments(self) -> list[str]:
        port = str(self._state().port)
        return ["-h", "127.0.0.1", "-p", port, "-U", cluster.MASTER, "-d", cluster.DATABASE]

    def _state(self) -> state.State:
        return state.read(self._state_file)

    def _is_ready(self) -> bool:
        found = postmaster.find(self.data)
        return found is not None and found.is_ready

    @contextmanager
    def _exclusive(self) -> Iterator[int]:
        """Makes the home, takes its lock, and turns the operating system's refusals into sentences."""
        try:
            if account.is_root():
                account.make_home(self.home)
            else:
                self.home.mkdir(mode=0o700, parents=True, exist_ok=True)
            with state.locked(self.home / "lock") as lock:
                yield lock
        except OSError as error:
            raise from_os_error(error, f"the embedded server in {self.home}") from None

    def _program(self) -> Path:
        if not account.is_root():
            return program.installed()
        folder = self.home / "program"
        folder.mkdir(exist_ok=True)
        folder.chmod(0o755)
        return program.copied_into(folder)

    def _run(
        self, owner: account.Account | None, *arguments: object, **options: object
    ) -> subprocess.CompletedProcess:
        """Runs one of the server's programs as `owner` (None: as ourselves), from a clean environment."""
        identity = owner.process_arguments() if owner else {}
        settings = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True, **options}
        if "input" not in settings:
            settings["stdin"] = subprocess.DEVNULL
        try:
            return subprocess.run(
                [str(argument) for argument in arguments],
                # PG* variables would reach the server's programs; so would a locale that it does not know.
                env={"PATH": os.defpath, "LC_ALL": "C", "TZ": "UTC"},
                cwd="/",
                umask=0o077,
                **identity,
                **settings,
            )
        except PermissionError as error:
            raise EmbeddedServerError(
                f"{arguments[0]} cannot be run as user {owner.uid if owner else os.geteuid()}: "
                f"{error.strerror}. Run this as an ordinary user."
            ) from None

    def _create(self, lock: int) -> None:
        """A data directory appears whole, under its final name, or not at all."""
        folder = self._fresh_folder("new-")
        owner = account.initial() if account.is_root() else None
        if owner:
            os.chown(folder, *owner)
        installation = self._program()
        fresh = state.new(_free_port(), self._socket_directory())

        def run(*arguments: object, **options: object) -> subprocess.CompletedProcess:
            # It keeps the lock: killed on its own, this program leaves nobody writing here unseen.
            return self._run(owner, *arguments, **options, pass_fds=(lock,))

        password_file = folder / "verifier"
        password_file.touch()
        if owner:
            os.chown(password_file, *owner)
        cluster.create(folder / "data", password_file, installation, fresh, run)
        if owner:
            account.hand_over(folder, account.private(self.home))
        state.write(self._state_file, fresh)
        (folder / "data").rename(self.data)
        folder.rmdir()
        _sync(self.home)

    def _launch(self) -> None:
        owner = account.owner_of(self.data) if account.is_root() else None
        installation = self._program()
        deadline = time.monotonic() + _PREDECESSOR_SECONDS
        while True:
            self._await_predecessor()
            if self._is_ready():
                return
            self._configure(owner)
            began = self._rotate_log()
            with self.log.open("ab") as log:
                started = self._run(
                    owner,
                    *(
                        installation / "bin/pg_ctl",
                        "start",
                        "-s",
                        "-w",
                        "-t",
                        _START_SECONDS,
                        "-D",
                        self.data,
                    ),
                    *("-o", f"-c config_file={shlex.quote(str(self.home / 'postgresql.conf'))}"),
                    # The server inherits them, and writes its log where only we may rename or remove it.
                    stdout=log,
                    stderr=log,
                    # The terminal's Ctrl-C is for us, not for the server.
                    start_new_session=True,
                )
            if started.returncode == 0:
                return
            output = _tail(self.log, began)
            if not any(reason in output for reason in _PASSING_REASONS) or time.monotonic() > deadline:
                raise self._start_error(output)
            time.sleep(0.1)

    def _start_error(self, output: str) -> EmbeddedServerError:
        if disk_is_full(output):
            return EmbeddedServerError(
                f"the disk of {self.home} is full: free some space and run this again."
            )
        lines = [line.strip() for line in output.splitlines()]
        reasons = [line for line in lines if line and not line.startswith(_PG_CTL_WORDS)]
        return EmbeddedServerError(
            f"the embedded server did not start: {' | '.join(reasons[-3:]) or 'it said nothing'}. "
            f"Its log: {self.log}"
        )

    def _await_predecessor(self) -> None:
        """One whose starter was killed may still be on its way up, and one that was killed on its way out."""
        deadline = time.monotonic() + _START_SECONDS
        while (found := postmaster.find(self.data)) and not found.is_ready and time.monotonic() < deadline:
            time.sleep(0.05)
        deadline = time.monotonic() + _PREDECESSOR_SECONDS
        while postmaster.leaves_a_living_number(self.data) and time.monotonic() < deadline:
            time.sleep(0.05)
        postmaster.forget_reused_number(self.data)

    def _configure(self, owner: account.Account | None) -> None:
        current = self._state()
        port, socket_directory = current.port, Path(current.socket_directory)
        if not _is_free(port):
            port = _free_port()
            console.say(f"  port {current.port} is in use by another program; from now on it is {port}")
        if not _make_socket_directory(socket_directory, owner):
            socket_directory = self._socket_directory()
            _make_socket_directory(socket_directory, owner)
        current = replace(current, port=port, socket_directory=str(socket_directory))
        state.write(self._state_file, current)
        state.write_private(
            self.password_file, state.password_file_text(current, cluster.MASTER, current.master_password)
        )
        state.write_public(self.home / "pg_hba.conf", cluster.access_rules_text())
        state.write_public(
            self.home / "postgresql.conf",
            cluster.configuration_text(self.home, self.data, current, self._configuration),
        )

    def _socket_directory(self) -> Path:
        """Below the home, or where that path is too long, at a random name in the temporary folder."""
        inside = self.home / "socket"
        if len(os.fsencode(inside)) <= _SOCKET_PATH_BYTES:
            return inside
        return Path(tempfile.gettempdir()) / f"ecommerce-dms-{random.SystemRandom().getrandbits(64):016x}"

    def _remove_distant_socket(self) -> None:
        """The socket's folder, when it is not in the home."""
        folder = Path(self._state().socket_directory)
        if folder.parent != self.home and folder.name.startswith("ecommerce-dms-"):
            shutil.rmtree(folder, ignore_errors=True)

    def _stop(self) -> bool:
        found = postmaster.find(self.data)
        if found is None:
            return False
        owner = account.owner_of(self.data) if account.is_root() else None
        stopped = self._run(
            owner,
            *(
                self._program() / "bin/pg_ctl",
                "stop",
                "-s",
                "-w",
                "-t",
                _STOP_SECONDS,
                "-m",
                "fast",
                "-D",
                self.data,
            ),
        )
        if stopped.returncode != 0 and postmaster.find(self.data):
            raise EmbeddedServerError(
                f"the embedded server, process {found.pid}, did not stop in {_STOP_SECONDS} s. "
                f"Its log: {self.log}"
            )
        return True

    def _fresh_folder(self, prefix: str) -> Path:
        return Path(tempfile.mkdtemp(prefix=prefix, dir=self.home))

    def _remove_leftovers(self) -> None:
        """What a killed run left behind: half-made and half-removed data directories."""
        for pattern in (
            "new-*",
            "old-*",
            ".server.json-*",
            ".pgpass-*",
            ".postgresql.conf-*",
            ".pg_hba.conf-*",
        ):
            for leftover in self.home.glob(pattern):
                if leftover.is_dir():
                    shutil.rmtree(leftover)
                else:
                    leftover.unlink()

    def _rotate_log(self) -> int:
        """Keeps the log and one older one; returns where the new lines begin, in bytes."""
        if not self.log.exists():
            return 0
        size = self.log.stat().st_size
        if size < _LOG_BYTES:
            return size
        self.log.replace(self.log.with_name("server.log.1"))
        return 0


def _default_directory() -> Path:
    chosen = os.environ.get("ECOMMERCE_DMS_HOME")
    if chosen:
        return Path(chosen).expanduser()
    try:
        user_home = Path.home()
    except RuntimeError:
        raise EmbeddedServerError(
            "this user has no home directory: set ECOMMERCE_DMS_HOME to a folder."
        ) from None
    if sys.platform == "darwin":
        return user_home / "Library/Application Support/ecommerce-dms"
    # A relative XDG path is to be ignored (XDG Base Directory Specification).
    configured = os.environ.get("XDG_STATE_HOME", "")
    base = Path(configured) if configured.startswith("/") else user_home / ".local/state"
    return base / "ecommerce-dms"


def _free_port() -> int:
    """The first one if it is free, so that most people have the same; otherwise any."""
    candidates = [_PORTS[0], *random.SystemRandom().sample(_PORTS, 200)]
    for port in candidates:
        if _is_free(port):
            return port
    raise EmbeddedServerError(f"no free port between {_PORTS[0]} and {_PORTS[-1]} on 127.0.0.1.")


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        # As PostgreSQL does: a port that was in use a moment ago is free.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True


def _make_socket_directory(folder: Path, owner: account.Account | None) -> bool:
    """Makes it, for its owner alone; False when somebody else has one of this name."""
    uid = owner.uid if owner else os.geteuid()
    try:
        folder.mkdir(mode=0o700)
        if owner:
            os.chown(folder, *owner)
    except FileExistsError:
        found = folder.lstat()
        return (
            folder.is_dir() and not folder.is_symlink() and found.st_uid == uid and not found.st_mode & 0o077
        )
    return True


def _tail(file: Path, start: int) -> str:
    with file.open("rb") as stream:
        stream.seek(max(start, file.stat().st_size - 8192))
        return stream.read().decode(errors="replace")


def _sync(folder: Path) -> None:
    """Makes a rename inside the folder survive a power failure."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
