"""Point-in-time restore on this machine: random moments of a shop under load, each restored and compared.

A base backup is taken, then the log is archived as it is written. At each moment no write is under way, so that what is
committed by then is the state; its checksums are read from a snapshot while the writers go on. Later the backup is rolled
forward to exactly that moment, on a server of its own, and every row of every table is compared by checksum.
"""

from __future__ import annotations

import os
import random
import shutil
import time
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from ecommerce_dms import console
from ecommerce_dms.connection import connect
from ecommerce_dms.drills import local
from ecommerce_dms.drills.local import Workshop, rows, settings_of, superuser_of, wait_for
from ecommerce_dms.drills.writers import Load, OrderWriter
from ecommerce_dms.embedded import EmbeddedServer, copies
from ecommerce_dms.roles import OWNER
from ecommerce_dms.sample_data import checksums
from ecommerce_dms.settings import Settings

_TABLES = """
SELECT relname FROM pg_class WHERE relnamespace = 'shop'::regnamespace AND relkind = 'r' ORDER BY relname
"""


@dataclass(frozen=True)
class Moment:
    """A moment of the source, and the checksum of each table at it."""

    at: str
    orders: int
    checksums: dict[str, str]


@dataclass(frozen=True)
class Restored:
    """What came of one moment. `different`: tables whose rows are not the same."""

    moment: Moment
    different: tuple[str, ...]
    violations: tuple[str, ...]
    seconds: float


def drill(moments: int, orders: int, seed: int, writers: int = 4) -> list[Restored]:
    """Makes a shop, remembers so many moments of it under load, and restores each."""
    with local.workshop() as bench:
        archive = bench.folder / "archive"
        source = _archiving_server(bench, archive)
        basket = local.make_shop(bench, source, orders)
        backup = bench.folder / "backup"
        with console.step("taking the base backup"):
            copies.base_backup(source, backup)
        with console.step(f"writing, and remembering {moments} moments"):
            remembered = _remember(bench, source, lambda: OrderWriter(basket), moments, random.Random(seed), writers)  # noqa: S311
            _await_archive(source)
        return [_restore(bench, source, backup, archive, moment, n) for n, moment in enumerate(remembered, 1)]


def snapshot(settings: Settings, pause=lambda: None, resume=lambda: None, role: str | None = OWNER) -> Moment:
    """The moment between `pause` and `resume`, with checksums; they are read after `resume`, of the same snapshot."""
    with closing(connect(settings, role=role)) as connection, connection.cursor() as cursor:
        connection.set_session(isolation_level="REPEATABLE READ", readonly=True)
        pause()
        try:
            # The first statement takes the snapshot. Its moment is between the last commit and the next.
            cursor.execute("SELECT count(*) FROM shop.orders")
            (orders,) = cursor.fetchone()
            cursor.execute("SELECT to_char(clock_timestamp() AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS.US+00')")
            (at,) = cursor.fetchone()
        finally:
            resume()
        cursor.execute(_TABLES)
        return Moment(at, orders, checksums.read(cursor, [name for (name,) in cursor.fetchall()]))


def differences(expected: Moment, actual: Moment) -> tuple[str, ...]:
    """Names of the tables that are not the same in both."""
    names = expected.checksums.keys() | actual.checksums.keys()
    return tuple(sorted(name for name in names if expected.checksums.get(name) != actual.checksums.get(name)))


def _archiving_server(bench: Workshop, archive: Path) -> EmbeddedServer:
    """A started server that copies each finished file of its log to a folder that only it can write to."""
    directory = bench.folder / "source"
    plain = bench.keep(EmbeddedServer(directory))
    plain.start()
    plain.stop()
    # Below the server's own home: the drill's folder is closed to the user number that root runs the server as.
    kept = plain.home / "archive"
    kept.mkdir(mode=0o700)
    owner = (plain.home / "data").stat()
    if owner.st_uid != os.geteuid():
        os.chown(kept, owner.st_uid, owner.st_gid)
    archive.symlink_to(kept)
    bench._stack.callback(plain.destroy)
    bench._stack.callback(shutil.rmtree, kept, ignore_errors=True)
    server = EmbeddedServer(
        directory,
        {"archive_mode": "on", "archive_command": f'test ! -f "{kept}/%f" && cp "%p" "{kept}/%f"'},
    )
    server.start()
    return server


def _remember(bench: Workshop, source: EmbeddedServer, make_writer, moments: int, rng: random.Random, writers: int):
    settings = settings_of(source)
    load = Load(local.to(bench, {"server": source}), make_writer, writers).start()
    remembered = []
    try:
        for _ in range(moments):
            load.await_writes(3)
            time.sleep(rng.uniform(0, 1))  # The moment is random; nothing waits for anything here.
            remembered.append(snapshot(settings, load.pause, load.resume))
        load.await_writes(3)  # So that there is a later transaction, at which the last recovery knows to stop.
    finally:
        load.stop()
    return remembered


def _await_archive(source: EmbeddedServer) -> None:
    admin = superuser_of(source)
    ((last,),) = rows(admin, "SELECT pg_walfile_name(pg_switch_wal())")
    wait_for(
        lambda: rows(admin, "SELECT coalesce(last_archived_wal >= %s, false) FROM pg_stat_archiver", (last,))[0][0],
        f"{last} in the archive",
    )


def _restore(
    bench: Workshop, source: EmbeddedServer, backup: Path, archive: Path, moment: Moment, number: int
) -> Restored:  # fmt: skip
    started = time.monotonic()
    with console.step(f"restoring {moment.at}, with {moment.orders:,} orders"):
        restored = bench.keep(
            copies.at_moment(source, bench.folder / f"restored-{number}", backup, archive.resolve(), moment.at)
        )
        restored.start()
        admin = superuser_of(restored)
        wait_for(lambda: rows(admin, "SELECT pg_is_in_recovery()") == [(False,)], "the end of recovery")
        seconds = time.monotonic() - started
        found = snapshot(settings_of(restored))
        broken = tuple(f"{name}: {count}, such as {example}" for name, count, example in local.violations(restored))
        restored.destroy()
    return Restored(moment, differences(moment, found), broken, seconds)
