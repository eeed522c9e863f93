"""The failover drill: a synchronous standby loses nothing, an asynchronous one loses and is caught, and lag is seen."""

from __future__ import annotations

from collections.abc import Iterator

import failover_drill
import pytest
from conftest import until
from ecommerce_dms import migrations
from ecommerce_dms.drills import local, writers
from ecommerce_dms.drills.local import rows, settings_of, superuser_of
from ecommerce_dms.embedded import EmbeddedServer, copies
from health_shop import examine, watcher


def drilled(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, list[list[str]]]:
    """The exit code, and the cells of each round."""
    code = failover_drill.main(["local", *arguments])
    return code, [line.split() for line in capsys.readouterr().out.splitlines()[1:]]


def test_a_synchronous_standby_loses_nothing_that_was_acknowledged(
    request: pytest.FixtureRequest, capsys: pytest.CaptureFixture[str]
) -> None:
    rounds = request.config.getoption("--rounds")
    code, printed = drilled(capsys, "--rounds", str(rounds))
    assert (code, len(printed)) == (0, rounds)
    for _, acknowledged, lost, _, seconds, violations in printed:
        assert (int(lost), int(violations)) == (0, 0)
        assert int(acknowledged) >= 40
        assert float(seconds) > 0


def test_an_asynchronous_standby_loses_and_the_drill_says_how_much(capsys: pytest.CaptureFixture[str]) -> None:
    code, ((_, acknowledged, lost, _, _, violations),) = drilled(capsys, "--asynchronous")
    assert code == 0
    # Each of four writers was answered ten times after the stream was cut.
    assert 40 <= int(lost) < int(acknowledged)
    assert int(violations) == 0


# What the drill's own verdict rests on ----------------------------------------------------------------------------------


def test_the_longest_silence_is_the_longest_gap_of_all_writers() -> None:
    assert writers.longest_gap([5.0, 1.0, 1.5, 4.0]) == 2.5
    assert writers.longest_gap([1.0]) == 0.0


def test_keys_are_of_version_7_and_differ() -> None:
    keys = {writers.client_key() for _ in range(1000)}
    assert len(keys) == 1000
    assert {key[14] for key in keys} == {"7"}


# Two servers ------------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def pair() -> Iterator[tuple[EmbeddedServer, EmbeddedServer]]:
    """A primary at head and a standby that streams."""
    with local.workshop() as bench:
        primary = bench.keep(EmbeddedServer(bench.folder / "primary"))
        primary.start()
        migrations.upgrade(settings_of(primary), environment="test")
        copies.base_backup(primary, bench.folder / "backup")
        standby = bench.keep(copies.standby(primary, bench.folder / "standby", bench.folder / "backup"))
        standby.start()
        streaming = "SELECT count(*) FROM pg_stat_replication WHERE state = 'streaming'"
        until(lambda: rows(superuser_of(primary), streaming) == [(1,)], "the standby to stream")
        yield primary, standby


def test_a_standby_is_running_and_can_be_stopped_and_started_again(pair: tuple[EmbeddedServer, EmbeddedServer]) -> None:
    _, standby = pair
    assert standby.status().name == "running"
    assert standby.stop()
    standby.start()
    assert rows(superuser_of(standby), "SELECT pg_is_in_recovery()") == [(True,)]


def test_lag_is_seen_on_the_primary_and_on_the_replica(pair: tuple[EmbeddedServer, EmbeddedServer]) -> None:
    primary, standby = pair
    caught_up = "SELECT coalesce(bool_and(replay_lsn >= pg_current_wal_lsn()), false) FROM pg_stat_replication"
    with watcher(settings_of(primary)) as monitor:

        def findings(server: EmbeddedServer):
            (result,) = examine(settings_of(server), monitor, "replication-lag", lag_warning_megabytes=0)
            assert not (result.failed or result.left_out)
            return result.findings

        until(lambda: rows(superuser_of(primary), caught_up) == [(True,)], "the standby to have replayed all")
        until(lambda: findings(primary) == findings(standby) == (), "silence")

        rows(superuser_of(standby), "SELECT pg_wal_replay_pause()")
        rows(superuser_of(primary), "SELECT pg_logical_emit_message(false, 'drill', repeat('x', 100000))")
        until(lambda: findings(primary), "the primary to see a replica that stands still")
        until(lambda: findings(standby), "the replica to see that it does")
        rows(superuser_of(standby), "SELECT pg_wal_replay_resume()")
        until(lambda: not findings(primary), "silence")


def test_a_replica_is_examined_without_what_only_a_primary_knows(pair: tuple[EmbeddedServer, EmbeddedServer]) -> None:
    primary, standby = pair
    with watcher(settings_of(primary)) as monitor:
        there = "SELECT count(*) FROM pg_roles WHERE rolname = %s"
        until(lambda: rows(settings_of(standby), there, (monitor[0],)) == [(1,)], "the login to arrive")
        results = {result.check.name: result for result in examine(settings_of(standby), monitor)}
    assert [(name, result.failed) for name, result in results.items() if result.failed] == []
    assert "replica" in results["missing-vacuum"].left_out
    assert results["outbox-lag"].severity == "ok"
