"""scripts/runner_access.py as forty processes at once, some of them killed by SIGKILL while they make a call.

test_access_leases.py tries each boundary between two calls one by one, and the orders that hurt; here real programs of
many jobs meet, with their own start, sweep, TLS probe and waits.
"""

from __future__ import annotations

import ipaddress
import signal
import subprocess
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from ecommerce_dms.aws.access_leases import GRACE, Leases
from ecommerce_dms.aws.schedules import Timer

from .emulated_aws import emulated_aws
from .passage import Moment, Passage, passage
from .stack import client
from .workflow import RUNNER_ACCESS, certificate_of_nobody, settings_of_a_job

SHARED = ("8.8.4.4", "1.1.1.1", "9.9.9.9")

OPENING = [
    ("open", Moment(when, call))
    for call in ("AuthorizeSecurityGroupIngress", "CreateTags", "UpdateSchedule")
    for when in ("before", "after")
]
CLOSING = [
    ("close", Moment(when, call))
    for call in ("DeleteTags", "CreateTags", "RevokeSecurityGroupIngress", "DeleteSchedule")
    for when in ("before", "after")
]


@dataclass(frozen=True)
class Job:
    """`dies`: the command and the moment of its end. A keeper closes when all others are through."""

    name: str
    address: str
    dies: tuple[str, Moment] | None = None
    keeps: bool = False


def key_of(job: Job, command: str) -> str:
    """The access key of that process, by which `passage` knows it."""
    return f"{job.name}-{command}"


def crowd(size: int) -> list[Job]:
    """As many jobs. Those that die when they close have an address of their own, so that they come to the last steps."""
    dying = [Job(f"dies-{n}", SHARED[n % 3], end) for n, end in enumerate(OPENING)]
    dying += [Job(f"leaves-{n}", f"8.8.8.{n + 1}", end) for n, end in enumerate(CLOSING)]
    living = [Job(f"job-{n}", SHARED[n % 3], keeps=n % 2 == 0) for n in range(size - len(dying))]
    return sorted(dying + living, key=lambda job: job.name[::-1])


class Watch:
    """Looks on while jobs come and go: what a job with a lease has lost, and rules that are too wide."""

    def __init__(self, environment: dict[str, str], endpoint: str) -> None:
        group, schedules = environment["LEASE_SECURITY_GROUP_ID"], environment["LEASE_SCHEDULE_GROUP"]
        self.port = int(environment["DB_PORT"])
        self.timer = Timer(
            client("scheduler", endpoint),
            schedule_group=schedules,
            role_arn=environment["LEASE_SCHEDULE_ROLE_ARN"],
            security_group=group,
        )
        self.leases = Leases(client("ec2", endpoint), self.timer, group=group, port=self.port, settle=0)
        self.later = Leases(
            client("ec2", endpoint), self.timer, group=group, port=self.port, settle=0,
            now=lambda: datetime.now(UTC) + timedelta(hours=1) + 10 * GRACE,
        )  # fmt: skip
        self.wrong: list[str] = []
        self._holders: dict[str, dict[str, str]] = {}
        self._lock, self._stop = threading.Lock(), threading.Event()
        self._thread = threading.Thread(target=self._keep_looking, daemon=True)

    def __enter__(self) -> Watch:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def holds(self, name: str, printed: dict[str, str]) -> None:
        """From here it must not lose what `open` printed."""
        with self._lock:
            self._holders[name] = printed
        self.look()

    def lets_go(self, name: str) -> None:
        """Up to here it must not have lost it: a rule's id does not come back, nor does a lease."""
        self.look()
        with self._lock:
            del self._holders[name]

    def look(self) -> None:
        with self._lock:
            rules = {rule.id: rule for rule in self.leases.rules()}
            timers = {rule: self.timer.time_of(rule) for rule in {each["rule"] for each in self._holders.values()}}
            for name, printed in self._holders.items():
                rule, timer = rules.get(printed["rule"]), timers[printed["rule"]]
                if rule is None or rule.cidr != printed["cidr"] or rule.lease(name) is None:
                    self.wrong.append(f"{name} has lost {printed}")
                elif timer is None or timer < datetime.fromisoformat(printed["until"]):
                    self.wrong.append(f"{name} would be cut off at {timer}: {printed}")

    def check_call(self, call: str, parameters: dict[str, list[str]]) -> None:
        if call == "AuthorizeSecurityGroupIngress":
            asked = {name.split(".", 2)[-1]: value[0] for name, value in parameters.items()}
            network = ipaddress.ip_network(asked["IpRanges.1.CidrIp"])
            ports = (asked["FromPort"], asked["ToPort"])
            if network.prefixlen != 32 or not network.is_global or ports != (str(self.port),) * 2:
                self.wrong.append(f"asked for {network}, ports {ports}")

    def _keep_looking(self) -> None:
        while not self._stop.wait(0.2):
            self.look()


@dataclass
class Runners:
    """Runs jobs: each command is a process with an access key of its own."""

    environment: dict[str, str]
    way: Passage
    watch: Watch

    def run(self, job: Job, command: str, *arguments: str) -> tuple[int, str, str]:
        key = key_of(job, command)
        dies = job.dies and job.dies[0] == command
        announce = self.way.kill(key, job.dies[1]) if dies else None
        with subprocess.Popen(
            [*RUNNER_ACCESS, command, "--lease", job.name, *arguments],
            env=self.environment | {"AWS_ENDPOINT_URL": self.way.endpoint, "AWS_ACCESS_KEY_ID": key},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        ) as process:
            if announce:
                announce(process)
            try:
                printed, said = process.communicate(timeout=400)
            except BaseException:
                process.kill()
                raise
        return process.returncode, printed, said

    def open(self, job: Job) -> tuple[int, str]:
        """Its exit code, and what it said. From an exit with 0 on it is watched."""
        code, printed, said = self.run(job, "open", "--address", job.address, "--minutes", "60")
        if code == 0:
            self.watch.holds(job.name, dict(line.split("=", 1) for line in printed.splitlines()))
        return code, said

    def close(self, job: Job) -> tuple[int, str]:
        self.watch.lets_go(job.name)
        code, _, said = self.run(job, "close")
        return code, said


@pytest.fixture(scope="module")
def endpoint() -> Iterator[str]:
    """An emulated AWS for these tests alone, whose calls are many."""
    with emulated_aws() as address:
        yield address


@pytest.fixture
def runners(endpoint: str, tmp_path: Path) -> Iterator[Runners]:
    certificate = certificate_of_nobody(tmp_path / "both.pem")
    with (
        settings_of_a_job(endpoint, tmp_path, certificate) as environment,
        passage(endpoint) as way,
        Watch(environment, endpoint) as watch,
    ):
        way.on_call = watch.check_call
        yield Runners({key: value for key, value in environment.items() if not key.startswith("GITHUB_")}, way, watch)


def test_no_process_loses_access_while_others_open_close_and_are_killed(runners, full):
    jobs = crowd(40 if full else 20)
    start = threading.Barrier(len(jobs))
    ends: dict[str, list[tuple[int, str]]] = {job.name: [] for job in jobs}

    def come_and_go(job: Job) -> None:
        start.wait(60)
        ends[job.name].append(runners.open(job))
        if ends[job.name][0][0] == 0 and not job.keeps:
            ends[job.name].append(runners.close(job))

    with ThreadPoolExecutor(len(jobs)) as pool:
        list(pool.map(come_and_go, jobs))
        keepers = [job for job in jobs if job.keeps]
        ends |= dict(
            zip([job.name for job in keepers], pool.map(lambda job: [runners.close(job)], keepers), strict=True)
        )

    assert runners.watch.wrong == []
    killed = [job.name for job in jobs if ends[job.name][-1][0] == -signal.SIGKILL]
    failed = {job.name: ends[job.name] for job in jobs if job.name not in killed and ends[job.name][-1][0] != 0}
    assert failed == {}
    assert {job.name for job in jobs if job.dies in OPENING + CLOSING[:2]} <= set(killed)
    assert set(killed) <= {job.name for job in jobs if job.dies}

    runners.watch.later.sweep()
    assert runners.watch.leases.rules() == []


def test_a_process_that_opens_while_the_last_one_is_about_to_revoke_keeps_access(runners):
    """The closer has seen that nobody else holds the rule, and is slow with its next call; the opener returns meanwhile."""
    old, new = Job("old", SHARED[0]), Job("new", SHARED[0])
    assert runners.open(old)[0] == 0
    opening = runners.way.hold(key_of(new, "open"), Moment("before", "AuthorizeSecurityGroupIngress"))
    closing = runners.way.hold(key_of(old, "close"), Moment("before", "CreateTags"))
    with ThreadPoolExecutor(2) as pool:
        opened = pool.submit(runners.open, new)
        assert opening.reached.wait(60)
        closed = pool.submit(runners.close, old)
        assert closing.reached.wait(60)
        opening.go.set()
        assert opened.result(60)[0] == 0
        closing.go.set()
        assert closed.result(60)[0] == 0
    runners.watch.look()
    assert runners.watch.wrong == []
    assert runners.close(new)[0] == 0
    assert runners.watch.leases.rules() == []


@pytest.mark.parametrize("address", ["10.0.0.7", "8.8.8.0/24", "169.254.169.254"])
def test_a_process_lets_in_no_network_and_nothing_private(runners, address):
    code, said = runners.open(Job("wide", address))
    assert code == 1
    assert "Traceback" not in said
    assert (runners.watch.leases.rules(), runners.watch.wrong) == ([], [])


def test_the_watch_sees_what_is_taken_from_a_job(runners):
    job = Job("robbed", SHARED[0])
    assert runners.open(job)[0] == 0
    assert runners.watch.wrong == []
    (rule,) = runners.watch.leases.rules()
    runners.watch.leases._revoke(rule.id)
    runners.watch.lets_go(job.name)
    assert "robbed has lost" in runners.watch.wrong[-1]
