"""Servers made from a base backup of another embedded server: a standby, or a moment in its past. For the drills.

A copy has the passwords of its source, a port and a folder of its own, and, where root runs this, a user number of its own.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from ecommerce_dms import client_programs
from ecommerce_dms.embedded import account, address, cluster, state
from ecommerce_dms.embedded.errors import EmbeddedServerError
from ecommerce_dms.embedded.home import Home
from ecommerce_dms.embedded.server import EmbeddedServer

_PASSWORDS = "replication.pgpass"
_ARCHIVE = "archive"


def base_backup(source: EmbeddedServer, folder: Path) -> None:
    """Copies the data directory of a running server to `folder`, which is made, with the log that makes it consistent.

    Raises:
        EmbeddedServerError: it did not work, and why.
    """
    parameters = source.superuser_parameters()
    done = subprocess.run(
        [
            client_programs.find("pg_basebackup"),
            *("--host", str(parameters["host"]), "--port", str(parameters["port"]), "--username", cluster.SUPERUSER),
            *("--no-password", "--checkpoint=fast", "--wal-method=stream", "--pgdata", str(folder)),
        ],
        # Not in the arguments, which everybody can read.
        env={"PATH": os.defpath, "LC_ALL": "C", "PGPASSWORD": str(parameters["password"])},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise EmbeddedServerError(f"the base backup failed: {done.stderr.strip()}")


def standby(source: EmbeddedServer, directory: Path, backup: Path) -> EmbeddedServer:
    """A server, not started yet, that follows `source` from this backup of it on."""
    data = Home(directory).data
    parameters = source.superuser_parameters()
    link = {
        "host": parameters["host"],
        "port": parameters["port"],
        "user": cluster.SUPERUSER,
        "passfile": _item(data / _PASSWORDS),
        "application_name": "standby",
        "sslmode": "disable",
        "gssencmode": "disable",
    }
    settings = {"primary_conninfo": " ".join(f"{key}={value}" for key, value in link.items())}
    passwords = f"*:*:*:{cluster.SUPERUSER}:{parameters['password']}\n"
    return _placed(source, directory, backup, settings, "standby.signal", passwords=passwords)


def at_moment(source: EmbeddedServer, directory: Path, backup: Path, archive: Path, moment: str) -> EmbeddedServer:
    """A server, not started yet, that becomes what `source` was at `moment`, from the backup and the archived log."""
    data = Home(directory).data
    settings = {
        "restore_command": f'cp "{data / _ARCHIVE}/%f" "%p"',
        "recovery_target_time": moment,
        "recovery_target_action": "promote",
    }
    return _placed(source, directory, backup, settings, "recovery.signal", archive=archive)


def _placed(
    source: EmbeddedServer,
    directory: Path,
    backup: Path,
    configuration: Mapping[str, str],
    signal: str,
    passwords: str = "",
    archive: Path | None = None,
) -> EmbeddedServer:
    """The backup as the data directory of a server in `directory`; it appears whole or not at all."""
    home = Home(directory)
    with home.exclusive():
        if home.data.exists():
            raise EmbeddedServerError(f"{home.data} exists already: a copy goes to a folder of its own.")
        folder = home.fresh_folder("new-")
        shutil.copytree(backup, folder / "data", symlinks=True)
        (folder / "data" / signal).touch()
        if passwords:
            state.write_private(folder / "data" / _PASSWORDS, passwords)
        if archive:
            shutil.copytree(archive, folder / "data" / _ARCHIVE)
        fresh = replace(
            state.read(Home(source.directory).state),
            port=address.free_port(),
            socket_directory=str(address.socket_folder(home.path)),
        )
        if account.is_root():
            account.hand_over(folder, account.private(home.path))
        state.write(home.state, fresh)
        (folder / "data").rename(home.data)
        folder.rmdir()
        home.sync()
    # A source that archives must not be joined by its copies.
    return EmbeddedServer(directory, {"archive_mode": "off", **configuration})


def _item(path: Path) -> str:
    """A value in a connection string."""
    return "'" + str(path).replace("\\", "\\\\").replace("'", "\\'") + "'"
