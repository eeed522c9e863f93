"""`EmbeddedServer`: one PostgreSQL 18 with its own directory, started and stopped by whoever needs it."""

from __future__ import annotations

import contextlib
import os
import shlex
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from ecommerce_dms import console
from ecommerce_dms.embedded import account, address, cluster, postmaster, program, state
from ecommerce_dms.embedded.errors import EmbeddedServerError, disk_is_full
from ecommerce_dms.embedded.home import Home, default_directory

_START_SECONDS = 120  # Enough for a crash recovery on a slow disk.
_STOP_SECONDS = 60
_PREDECESSOR_SECONDS = 10  # What the processes of a killed server may take to end,
_BURIAL_SECONDS = 2  # and the system to notice that the first of them has.

# Why a start fails that succeeds a moment later: another program was quicker to take the port, another
# start is under way, or processes of a killed server are not gone yet.
_PASSING_REASONS = ("could not bind", "lock file", "is still in use")
_PG_CTL_WORDS = ("pg_ctl:", "Examine the log output.")


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
            configuration: further server settings, e.g. {"log_statement": "all"}, for the starts made here.
        """
        self.directory = Path(directory).absolute()
        self._home = Home(self.directory)
        self._configuration = dict(configuration or {})

    @classmethod
    def default(cls) -> EmbeddedServer:
        """The user's own server, which all programs share: in ECOMMERCE_DMS_HOME or the state directory."""
        return cls(default_directory())

    @property
    def home(self) -> Path:
        """Where its files are."""
        return self._home.path

    def start(self) -> None:
        """Makes the server when there is none, starts it when it does not run, and returns when it is ready.

        Raises:
            EmbeddedServerError: it cannot run, and why.
        """
        if self._is_ready():
            return
        with self._home.exclusive() as lock:
            self._home.remove_leftovers()
            if not self._home.data.exists():
                with console.step("making a new PostgreSQL 18 data directory"):
                    self._create(lock)
            cluster.refuse_other_major(self._home.data)
            if not self._adopt():
                with console.step("starting PostgreSQL 18"):
                    self._launch()

    def stop(self) -> bool:
        """Ends all connections and shuts down cleanly; False when it did not run.

        Raises:
            EmbeddedServerError: it did not stop in time.
        """
        if postmaster.find(self._home.data) is None:
            return False
        with self._home.exclusive():
            return self._stop()

    @contextlib.contextmanager
    def turn(self) -> Iterator[int]:
        """One program at a time works on the database as a whole (upgrade, seed); others wait.

        Yields a descriptor to hand to child processes (`pass_fds`): the turn ends when its last holder does.
        """
        with state.locked(self._home.turn) as descriptor:
            yield descriptor

    def status(self) -> Status:
        """Whether it exists and runs. Changes nothing."""
        name, pid, port = "absent", None, None
        if self._home.data.exists():
            found = postmaster.find(self._home.data)
            name = "stopped" if found is None else "running" if found.is_ready else "starting"
            pid, port = (found.pid, found.port) if found else (None, None)
        return Status(name, pid, port, self._home.data, self._home.log)

    def destroy(self) -> None:
        """Stops the server and removes all that was made for it; killed halfway, it can be called again."""
        if not self.home.exists():
            return
        with self._home.exclusive():
            self._stop()
            self._home.remove_data()
            self._remove_distant_socket()
            self._home.remove_rest()
        self._home.remove_folder()

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
        password = self._state().superuser_password
        own = {"user": cluster.SUPERUSER, "password": password, "dbname": "postgres"}
        return {**self.connection_parameters(), **own}

    def psql_environment(self) -> dict[str, str]:
        """What psql needs beside `psql_command`: where the password is."""
        return {"PGPASSFILE": str(self._home.password_file)}

    def psql_command(self) -> list[str]:
        """psql, connected to the shop as the master. `psql_environment` says where the password is."""
        return [str(program.installed() / "bin/psql"), *self._psql_arguments()]

    def connection_line(self) -> str:
        """A line to paste into a shell, which shows no password."""
        psql = "psql" if shutil.which("psql") else self.psql_command()[0]
        assignment = f"PGPASSFILE={shlex.quote(str(self._home.password_file))}"
        return f"{assignment} {shlex.join([psql, *self._psql_arguments()])}"

    def _psql_arguments(self) -> list[str]:
        port = str(self._state().port)
        return ["-h", "127.0.0.1", "-p", port, "-U", cluster.MASTER, "-d", cluster.DATABASE]

    def _state(self) -> state.State:
        return state.read(self._home.state)

    def _is_ready(self) -> bool:
        """Whether it runs where we think it does."""
        found = postmaster.find(self._home.data)
        return found is not None and found.is_ready and found.port == self._state().port

    def _adopt(self) -> bool:
        """Whether a server runs already. Its starter may have been killed before noting its port."""
        found = postmaster.find(self._home.data)
        if found is None or not found.is_ready:
            return False
        self._remember(replace(self._state(), port=found.port))
        return True

    def _owner(self) -> account.Account | None:
        """As whom the server runs; None as ourselves."""
        return account.owner_of(self._home.data) if account.is_root() else None

    def _program(self) -> Path:
        return program.copied_into(self._home.program) if account.is_root() else program.installed()

    def _create(self, lock: int) -> None:
        """A data directory appears whole, under its final name, or not at all."""
        owner = account.initial() if account.is_root() else None
        fresh = state.new(address.free_port(), address.socket_folder(self.home))
        folder = self._home.fresh_folder("new-")
        verifier = folder / "verifier"
        state.write_private(verifier, cluster.scram_verifier(fresh.superuser_password) + "\n")
        # The folder last: once it is another user's, root must not touch names in it that may have become
        # links.
        for path in (verifier, folder) if owner else ():
            os.chown(path, *owner)

        # initdb holds the lock, too: when this program is killed alone, nobody else starts before initdb is
        # done.
        run = _runner(owner, pass_fds=(lock,))
        cluster.create(folder / "data", verifier, self._program(), fresh, run)
        if owner:
            account.hand_over(folder, account.private(self.home))
        state.write(self._home.state, fresh)
        (folder / "data").rename(self._home.data)
        folder.rmdir()
        self._home.sync()

    def _launch(self) -> None:
        deadline = time.monotonic() + _PREDECESSOR_SECONDS
        pg_ctl = self._program() / "bin/pg_ctl"
        while True:
            self._await_predecessor()
            if self._adopt():
                return
            self._configure()
            started, output = self._pg_ctl_start(pg_ctl)
            if started:
                return
            if not any(reason in output for reason in _PASSING_REASONS) or time.monotonic() > deadline:
                raise self._start_error(output)
            time.sleep(0.1)

    def _pg_ctl_start(self, pg_ctl: Path) -> tuple[bool, str]:
        """Whether it started, and what was written to the log meanwhile."""
        log = self._home.open_log()
        began = os.fstat(log).st_size
        try:
            # The server inherits the log, and so writes where only we can rename and remove. In a session
            # of its own, it does not get the Ctrl-C that is meant for us.
            done = _runner(self._owner(), stdout=log, stderr=log, start_new_session=True)(
                *(pg_ctl, "start", "-s", "-w", "-t", _START_SECONDS, "-D", self._home.data),
                *("-o", f"-c config_file={shlex.quote(str(self._home.configuration))}"),
            )
        finally:
            os.close(log)
        return done.returncode == 0, _from(self._home.log, began)

    def _start_error(self, output: str) -> EmbeddedServerError:
        if disk_is_full(output):
            return EmbeddedServerError(f"the disk of {self.home} is full: free some space and run this again.")
        lines = [line.strip() for line in output.splitlines()]
        reasons = [line for line in lines if line and not line.startswith(_PG_CTL_WORDS)]
        return EmbeddedServerError(
            f"the embedded server did not start: {' | '.join(reasons[-3:]) or 'it said nothing'}. "
            f"Its log: {self._home.log}"
        )

    def _await_predecessor(self) -> None:
        """One whose starter was killed may still be on its way up, and one that was killed on its way out."""
        data = self._home.data
        _wait(lambda: (found := postmaster.find(data)) is None or found.is_ready, _START_SECONDS)
        _wait(lambda: not postmaster.leaves_a_living_number(data), _BURIAL_SECONDS)
        postmaster.forget_reused_number(data)

    def _configure(self) -> None:
        """Writes what the server reads at its start, and what clients need to find it."""
        current = self._state()
        if not address.is_free(current.port):
            port = address.free_port()
            console.say(f"  port {current.port} is in use by another program; from now on it is {port}")
            current = replace(current, port=port)
        folder = address.made_socket_folder(Path(current.socket_directory), self.home, self._owner())
        current = replace(current, socket_directory=str(folder))
        self._remember(current)
        state.write_public(self._home.access_rules, cluster.access_rules_text())
        text = cluster.configuration_text(self.home, self._home.data, current, self._configuration)
        state.write_public(self._home.configuration, text)

    def _remove_distant_socket(self) -> None:
        with contextlib.suppress(EmbeddedServerError):  # A damaged state does not say where it is.
            folder = Path(self._state().socket_directory)
            if address.is_distant(folder, self.home):
                shutil.rmtree(folder, ignore_errors=True)

    def _remember(self, current: state.State) -> None:
        passwords = state.password_file_text(current, cluster.MASTER, current.master_password)
        state.write_private(self._home.password_file, passwords)
        state.write(self._home.state, current)

    def _stop(self) -> bool:
        found = postmaster.find(self._home.data)
        if found is None:
            return False
        # "Fast shutdown": connections are ended, transactions rolled back, all is written to disk.
        os.kill(found.pid, signal.SIGINT)
        if not _wait(lambda: postmaster.find(self._home.data) is None, _STOP_SECONDS):
            raise EmbeddedServerError(
                f"the embedded server, process {found.pid}, did not stop in {_STOP_SECONDS} s. "
                f"Its log: {self._home.log}"
            )
        return True


def _runner(owner: account.Account | None, **fixed: object) -> Callable[..., subprocess.CompletedProcess[str]]:
    """A function that runs the server's programs as `owner`, in a clean environment."""
    identity = owner.process_arguments() if owner else {}

    def run(*arguments: object, **options: object) -> subprocess.CompletedProcess[str]:
        settings = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **fixed, **options}
        if "input" not in settings:
            settings["stdin"] = subprocess.DEVNULL
        try:
            return subprocess.run(
                [str(argument) for argument in arguments],
                # PG* variables would reach the server's programs, and so would a locale that they do not
                # know.
                env={"PATH": os.defpath, "LC_ALL": "C", "TZ": "UTC"},
                cwd="/",
                umask=0o077,
                text=True,
                **identity,
                **settings,
            )
        except PermissionError as error:
            user = owner.uid if owner else os.geteuid()
            raise EmbeddedServerError(
                f"{arguments[0]} cannot be run as user {user}: {error.strerror}. Run this as an ordinary user."
            ) from None

    return run


def _wait(condition: Callable[[], bool], seconds: float) -> bool:
    """Whether the condition came true in time."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


def _from(file: Path, start: int) -> str:
    """The end of the file, from `start` on, and at most 8 kB of it."""
    with file.open("rb") as stream:
        stream.seek(max(start, file.stat().st_size - 8192))
        return stream.read().decode(errors="replace")
