"""A second server that has every commit on disk before the client hears of it: what Multi-AZ costs.

Made by pg_basebackup from the benchmark's own server, on the same machine: it shares the disk and the cores, which RDS does
not, and there is no network between them, which RDS has.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ecommerce_dms import console
from ecommerce_dms.benchmarks.shop import BenchmarkShop
from ecommerce_dms.embedded import account, address, program

_SECONDS = 60


@contextmanager
def synchronous_standby(shop: BenchmarkShop) -> Iterator[None]:
    """While the block runs, commits wait for a standby."""
    home = shop.server.home
    data = home / "standby"
    with console.step("making a synchronous standby"):
        _allow_replication(shop, home / "pg_hba.conf")
        _back_up(shop, data)
        identity = _identity(data, home)
        pg_ctl = _pg_ctl(home)
        _check(
            [pg_ctl, "start", "-s", "-w", "-D", data, "-l", data / "log", "-o", _options(address.free_port())], identity
        )
    try:
        shop.execute("ALTER SYSTEM SET synchronous_standby_names = '*'")
        shop.execute("SELECT pg_reload_conf()")
        _await_sync(shop)
        yield
    finally:
        # First the primary, or it waits for ever for a standby that is gone.
        shop.execute("ALTER SYSTEM RESET synchronous_standby_names")
        shop.execute("SELECT pg_reload_conf()")
        _check([pg_ctl, "stop", "-s", "-w", "-m", "immediate", "-D", data], identity)
        shutil.rmtree(data)


def _allow_replication(shop: BenchmarkShop, rules: Path) -> None:
    """The embedded server writes its rules anew at each start, and "all" databases are not replication."""
    with rules.open("a", encoding="utf-8") as file:
        file.write("host    replication  all  127.0.0.1/32  scram-sha-256\n")
    shop.execute("SELECT pg_reload_conf()")


def _back_up(shop: BenchmarkShop, data: Path) -> None:
    # As the superuser: REPLICATION is not the master's, here as on RDS. The password goes by the environment.
    parameters = shop.server.superuser_parameters()
    done = subprocess.run(
        [program.installed() / "bin/pg_basebackup", "-D", data, "-R", "-X", "stream", "-c", "fast", "--no-sync"],
        env={
            "PATH": os.defpath,
            "PGHOST": str(parameters["host"]),
            "PGPORT": str(parameters["port"]),
            "PGUSER": str(parameters["user"]),
            "PGPASSWORD": str(parameters["password"]),
        },
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise console.UserError(f"pg_basebackup failed: {done.stderr.strip()[-300:]}")


def _identity(data: Path, home: Path) -> dict[str, object]:
    """As whom the standby runs: the primary's user, where that is not us."""
    if not account.is_root():
        return {}
    return account.hand_over(data, account.owner_of(home / "data")).process_arguments()


def _pg_ctl(home: Path) -> Path:
    installation = program.copied_into(home / "program") if account.is_root() else program.installed()
    return installation / "bin/pg_ctl"


def _options(port: int) -> str:
    # What must be no less than the primary's, and what keeps it from the primary's place.
    return f"-c port={port} -c listen_addresses=127.0.0.1 -c unix_socket_directories='' -c max_connections=120 -c shared_buffers=256MB"


def _await_sync(shop: BenchmarkShop) -> None:
    deadline = time.monotonic() + _SECONDS
    while shop.execute("SELECT count(*) FROM pg_stat_replication WHERE sync_state = 'sync'") == [(0,)]:
        if time.monotonic() > deadline:
            raise console.UserError(f"the standby did not catch up within {_SECONDS} s")
        time.sleep(0.1)


def _check(command: list[object], identity: dict[str, object]) -> None:
    # No pipes: the server would inherit and hold them.
    done = subprocess.run(
        [str(word) for word in command],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        cwd="/",
        umask=0o077,
        env={"PATH": os.defpath, "LC_ALL": "C", "TZ": "UTC"},
        check=False,
        **identity,
    )
    if done.returncode:
        raise console.UserError(f"the standby: pg_ctl {command[1]} failed with exit code {done.returncode}")
