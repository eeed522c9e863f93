"""Failover on this machine: the primary of two real servers is killed without warning, and its standby promoted.

With a synchronous standby nothing that was acknowledged may be missing. With an asynchronous one the drill cuts the stream
first and goes on writing, so that there is a loss to be found: a drill that reported none then could not find any.
"""

from __future__ import annotations

import os
import signal
from contextlib import closing
from dataclasses import dataclass

from ecommerce_dms import console
from ecommerce_dms.drills import local
from ecommerce_dms.drills.local import Workshop, rows, superuser_of, wait_for
from ecommerce_dms.drills.writers import Load, OrderWriter, missing
from ecommerce_dms.embedded import EmbeddedServer, copies, postmaster

# Written by each writer before the kill, while the stream is cut, and after the promotion.
_WRITES = 10


@dataclass(frozen=True)
class Round:
    """What one failover cost."""

    acknowledged: int
    lost: int
    repeated: int
    seconds_without_writes: float
    violations: tuple[str, ...]


def drill(rounds: int, orders: int, synchronous: bool, writers: int = 4) -> list[Round]:
    """Makes a shop and fails it over so many times; each time the promoted server is the next primary."""
    with local.workshop() as bench:
        primary = bench.keep(EmbeddedServer(bench.folder / "server-0"))
        primary.start()
        basket = local.make_shop(bench, primary, orders)
        done = []
        for number in range(1, rounds + 1):
            standby = _standby(bench, primary, number, synchronous)
            with console.step(f"failover {number} of {rounds}"):
                done.append(_round(bench, primary, standby, lambda: OrderWriter(basket), writers, synchronous))
            primary.destroy()
            primary = standby
        return done


def _standby(bench: Workshop, primary: EmbeddedServer, number: int, synchronous: bool) -> EmbeddedServer:
    """A standby that streams; with `synchronous`, the primary waits for it from now on."""
    backup = bench.folder / f"backup-{number}"
    with console.step("copying the primary to a new standby"):
        copies.base_backup(primary, backup)
        standby = bench.keep(copies.standby(primary, bench.folder / f"server-{number}", backup))
        standby.start()
    admin = superuser_of(primary)
    if synchronous:
        # After the copy: a promoted server that waits for a standby it has not got would not take a single order.
        rows(admin, "ALTER SYSTEM SET synchronous_standby_names = '*'")
        rows(admin, "SELECT pg_reload_conf()")
    wanted = "sync" if synchronous else "async"
    state = "SELECT sync_state FROM pg_stat_replication WHERE state = 'streaming'"
    wait_for(lambda: rows(admin, state) == [(wanted,)], f"a standby that streams ({wanted})")
    return standby


def _round(
    bench: Workshop, primary: EmbeddedServer, standby: EmbeddedServer, make_writer, writers: int, synchronous: bool
) -> Round:  # fmt: skip
    where = {"server": primary}
    load = Load(local.to(bench, where), make_writer, writers).start()
    try:
        load.await_writes(_WRITES)
        if not synchronous:
            _cut_the_stream(primary, standby)
            load.await_writes(_WRITES)
        acknowledged = _kill(primary, load)
        _promote(standby)
        with closing(bench.application(standby)) as connection, connection.cursor() as cursor:
            # Before a writer may come: none repeats what was acknowledged, but nothing may be in doubt here.
            lost = missing(cursor, make_writer(), acknowledged)
        where["server"] = standby
        load.await_writes(_WRITES)
    finally:
        where["server"] = standby
        load.stop()
    broken = tuple(f"{name}: {count}, such as {example}" for name, count, example in local.violations(standby))
    return Round(len(acknowledged), len(lost), load.repeated, load.longest_silence(), broken)


def _cut_the_stream(primary: EmbeddedServer, standby: EmbeddedServer) -> None:
    rows(superuser_of(standby), "ALTER SYSTEM SET primary_conninfo = ''")
    rows(superuser_of(standby), "SELECT pg_reload_conf()")
    wait_for(
        lambda: rows(superuser_of(primary), "SELECT count(*) FROM pg_stat_replication") == [(0,)],
        "the standby to be cut off",
    )


def _kill(primary: EmbeddedServer, load: Load) -> list[str]:
    """SIGKILL, without any chance to say goodbye; returns what had been acknowledged when the last session was gone."""
    pids = [pid for (pid,) in rows(superuser_of(primary), "SELECT pid FROM pg_stat_activity")]
    pid = primary.status().pid
    os.kill(pid, signal.SIGKILL)
    # Sessions notice that their server is gone when they wait for the next statement; until then one may still answer.
    wait_for(lambda: not any(_lives(each) for each in [pid, *pids]), "the processes of the primary to end")
    # An answer that was on its way is in the writers' books once none of them is at a write.
    load.pause()
    acknowledged = load.acknowledged()
    load.resume()
    return acknowledged


def _promote(standby: EmbeddedServer) -> None:
    rows(superuser_of(standby), "SELECT pg_promote(true, 60)")
    wait_for(lambda: rows(superuser_of(standby), "SELECT pg_is_in_recovery()") == [(False,)], "the promotion")
    # What cut the stream would be copied to the next standby.
    rows(superuser_of(standby), "ALTER SYSTEM RESET primary_conninfo")


def _lives(pid: int) -> bool:
    if not postmaster.exists(pid):
        return False
    try:
        # A process that nobody has taken note of has ended all the same.
        with open(f"/proc/{pid}/stat") as stat:  # noqa: PTH123 (may vanish at any moment)
            return stat.read().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return os.path.isdir("/proc/self") is False  # noqa: PTH112
