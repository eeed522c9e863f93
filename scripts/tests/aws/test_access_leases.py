"""Leases of the way in, against an emulated EC2 and EventBridge: many jobs at once, killed between any two calls.

A kill is an exception that nobody catches, raised before or after a call to AWS, so that nothing of the job runs after
it: what it wrote stays, and what it was going to do is never done.
"""

from __future__ import annotations

import ipaddress
import json
import random
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from botocore.config import Config
from botocore.exceptions import ClientError
from ecommerce_dms.aws.access_leases import GRACE, MOST_LEASES, SLACK, Leases, NotOpened
from ecommerce_dms.aws.permissions import AwsRefused
from ecommerce_dms.aws.public_address import NoPublicAddress
from ecommerce_dms.aws.schedules import Timer
from ecommerce_dms.console import UsageError

from .emulated_aws import emulated_aws
from .stack import client

PORT = 5432
ADDRESS = "8.8.4.4"
ROLE = "arn:aws:iam::123456789012:role/shop-test-lease-timer"
SCHEDULES = "shop-test-lease"
HOUR = timedelta(hours=1)


class Killed(BaseException):
    """The job's end, without any of its cleaning up."""


@pytest.fixture(scope="module")
def endpoint() -> Iterator[str]:
    """An emulated AWS for these tests alone, whose calls are many."""
    with emulated_aws() as address:
        client("scheduler", address).create_schedule_group(Name=SCHEDULES)
        yield address


@pytest.fixture
def group(endpoint: str) -> str:
    """A fresh security group without rules."""
    ec2 = client("ec2", endpoint)
    name = f"lease-{random.randrange(10**9)}"
    return ec2.create_security_group(GroupName=name, Description="leases")["GroupId"]


class Job:
    """A process that opens and closes, with clients of its own. `at_call` is told each call, before and after it."""

    def __init__(
        self,
        endpoint: str,
        group: str,
        at_call: Callable[[str, str], None] = lambda _when, _call: None,
        **options: Any,
    ) -> None:
        self.ec2, self.scheduler = (
            client(service, endpoint, config=Config(retries={"total_max_attempts": 1}, read_timeout=30))
            for service in ("ec2", "scheduler")
        )
        for one in (self.ec2, self.scheduler):
            one.meta.events.register("before-call", lambda model, **_: at_call("before", model.name))
            one.meta.events.register("after-call", lambda model, **_: at_call("after", model.name))
        self.timer = Timer(self.scheduler, schedule_group=SCHEDULES, role_arn=ROLE, security_group=group)
        self.leases = Leases(self.ec2, self.timer, group=group, port=PORT, **{"settle": 0, "patience": 6} | options)


@pytest.fixture
def job(endpoint: str, group: str) -> Job:
    return Job(endpoint, group)


def later(by: timedelta) -> Callable[[], datetime]:
    return lambda: datetime.now(UTC) + by


def killed_at(number: int) -> Callable[[str, str], None]:
    """Ends the job at that boundary between two of its calls."""
    count = iter(range(number))

    def at_call(_when: str, _call: str) -> None:
        if next(count, None) is None:
            raise Killed

    return at_call


# --- One job


def test_an_address_is_let_in_on_one_port_and_the_rule_goes_with_its_last_lease(job):
    opened = job.leases.open("a", ADDRESS, HOUR)
    [rule] = job.leases.rules()
    assert (rule.id, rule.cidr, rule.protocol, rule.ports) == (opened.rule, f"{ADDRESS}/32", "tcp", (PORT, PORT))
    assert rule.tags["Purpose"] == "runner-lease"
    assert job.leases.close("a") == [opened.rule]
    assert job.leases.rules() == []
    assert job.timer.time_of(opened.rule) is None
    assert job.leases.close("a") == []


def test_a_second_job_of_an_address_joins_its_rule_and_the_first_to_leave_leaves_it_open(job):
    first, second = job.leases.open("a", ADDRESS, HOUR), job.leases.open("b", ADDRESS, 2 * HOUR)
    assert first.rule == second.rule
    assert job.leases.close("a") == []
    assert [lease.name for lease in job.leases.rules()[0].leases] == ["b"]
    assert job.leases.close("b") == [first.rule]


def test_the_timer_stands_behind_the_latest_lease_whoever_came_last(job):
    for name, duration in (("a", HOUR), ("b", 2 * HOUR), ("c", HOUR)):
        opened = job.leases.open(name, ADDRESS, duration)
    latest = max(lease.until for lease in job.leases.rules()[0].leases)
    timer = job.timer.time_of(opened.rule)
    assert timedelta(0) <= timer - (latest + SLACK) <= timedelta(seconds=2)


def test_the_timer_revokes_by_the_rules_id_and_deletes_itself(job, endpoint):
    opened = job.leases.open("a", ADDRESS, HOUR)
    schedule = job.scheduler.get_schedule(GroupName=SCHEDULES, Name=f"{SCHEDULES}-{opened.rule}")
    assert schedule["ActionAfterCompletion"] == "DELETE"
    assert schedule["Target"]["Arn"] == "arn:aws:scheduler:::aws-sdk:ec2:revokeSecurityGroupIngress"
    assert schedule["Target"]["RoleArn"] == ROLE
    # What EventBridge would send is what EC2 takes.
    job.ec2.revoke_security_group_ingress(**json.loads(schedule["Target"]["Input"]))
    assert job.leases.rules() == []
    assert len(schedule["Name"]) <= 64


def test_a_lease_that_is_taken_twice_lasts_until_the_later_end(job):
    long = job.leases.open("a", ADDRESS, 2 * HOUR)
    assert job.leases.open("a", ADDRESS, HOUR) == long
    assert len(job.leases.rules()[0].leases) == 1


def test_a_sweep_takes_off_what_is_over_and_leaves_what_lasts(endpoint, group, job):
    short, long = job.leases.open("short", ADDRESS, HOUR), job.leases.open("long", "1.1.1.1", 3 * HOUR)
    future = Job(endpoint, group, now=later(HOUR + 2 * GRACE)).leases
    swept = future.sweep()
    assert (swept.revoked, swept.expired) == ([short.rule], ["short"])
    assert [rule.id for rule in future.rules()] == [long.rule]
    assert job.timer.time_of(short.rule) is None
    assert job.timer.time_of(long.rule) is not None


def test_a_sweep_leaves_a_lease_alone_for_the_minute_that_clocks_may_differ(endpoint, group, job):
    opened = job.leases.open("a", ADDRESS, HOUR)
    assert Job(endpoint, group, now=later(HOUR + GRACE / 2)).leases.sweep().revoked == []
    assert Job(endpoint, group, now=later(HOUR + 2 * GRACE)).leases.sweep().revoked == [opened.rule]


def test_a_rule_of_somebody_else_is_named_and_never_touched(job, group):
    permission = {"IpProtocol": "tcp", "FromPort": PORT, "ToPort": PORT, "IpRanges": [{"CidrIp": f"{ADDRESS}/32"}]}
    job.ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=[permission])
    [rule] = job.leases.sweep().foreign
    with pytest.raises(NotOpened, match=f"rule {rule.id} lets {ADDRESS}/32 in already"):
        job.leases.open("a", ADDRESS, HOUR)
    assert [found.id for found in job.leases.rules()] == [rule.id]


@pytest.mark.parametrize(
    "address",
    ["10.0.0.1", "192.168.1.1", "172.16.0.1", "127.0.0.1", "169.254.169.254", "100.64.0.1", "0.0.0.0", "224.0.0.1",
     "255.255.255.255", "2001:4860:4860::8888", "8.8.8.0/24", "8.8.8.8/32", "eight", ""],
)  # fmt: skip
def test_no_address_is_let_in_that_is_not_one_on_the_internet(job, address):
    with pytest.raises(NoPublicAddress):
        job.leases.open("a", address, HOUR)
    assert job.leases.rules() == []


@pytest.mark.parametrize("duration", [timedelta(0), timedelta(seconds=30), timedelta(hours=7), -HOUR])
def test_no_lease_is_given_for_no_time_or_a_day(job, duration):
    with pytest.raises(UsageError, match="1 to 360 minutes"):
        job.leases.open("a", ADDRESS, duration)


@pytest.mark.parametrize("name", ["", "a b", "a|b", "a:b", "x" * 101])
def test_a_name_that_no_tag_can_hold_is_refused(job, name):
    with pytest.raises(UsageError, match="no name for a lease"):
        job.leases.open(name, ADDRESS, HOUR)


def test_a_rule_that_is_full_is_refused_and_takes_who_has_a_lease_already(job):
    opened = job.leases.open("0", ADDRESS, HOUR)
    held = job.leases.rules()[0].lease("0").written
    more = [{"Key": f"lease:{number}", "Value": held} for number in range(1, MOST_LEASES)]
    job.ec2.create_tags(Resources=[opened.rule], Tags=more)
    with pytest.raises(NotOpened, match="has 40 leases, and a rule holds 40"):
        job.leases.open("new", ADDRESS, HOUR)
    assert job.leases.open("7", ADDRESS, HOUR).rule == opened.rule


# --- What AWS denies


def test_a_permission_that_is_missing_is_named_and_never_taken_for_done(endpoint, group):
    opened = Job(endpoint, group).leases.open("a", ADDRESS, HOUR)

    def deny(when: str, call: str) -> None:
        if (when, call) == ("before", "RevokeSecurityGroupIngress"):
            error = {"Code": "UnauthorizedOperation", "Message": "You are not authorized to perform this operation."}
            raise ClientError({"Error": error}, call)

    with pytest.raises(AwsRefused, match="denies ec2:RevokeSecurityGroupIngress"):
        Job(endpoint, group, deny).leases.close("a")
    assert [rule.id for rule in Job(endpoint, group).leases.rules()] == [opened.rule]


def test_the_action_that_a_message_names_is_the_one_that_is_missing(endpoint, group):
    def deny(when: str, call: str) -> None:
        if (when, call) == ("before", "AuthorizeSecurityGroupIngress"):
            message = "You are not authorized to perform: ec2:CreateTags on resource: arn:aws:ec2:…"
            raise ClientError({"Error": {"Code": "UnauthorizedOperation", "Message": message}}, call)

    with pytest.raises(AwsRefused, match=r"denies ec2:CreateTags \(during AuthorizeSecurityGroupIngress\)"):
        Job(endpoint, group, deny).leases.open("a", ADDRESS, HOUR)


def test_a_rule_that_somebody_revoked_meanwhile_counts_as_closed(endpoint, group):
    opened = Job(endpoint, group).leases.open("a", ADDRESS, HOUR)
    other = Job(endpoint, group)

    def interfere(when: str, call: str) -> None:
        if (when, call) == ("before", "RevokeSecurityGroupIngress"):
            other.ec2.revoke_security_group_ingress(GroupId=group, SecurityGroupRuleIds=[opened.rule])

    assert Job(endpoint, group, interfere).leases.close("a") == [opened.rule]


# --- Two jobs, in the orders that hurt


class Gate:
    """Stops a job before one of its calls until it is let go."""

    def __init__(self, call: str) -> None:
        self.call, self.reached, self.go = call, threading.Event(), threading.Event()

    def __call__(self, when: str, call: str) -> None:
        if (when, call) == ("before", self.call) and not self.reached.is_set():
            self.reached.set()
            assert self.go.wait(60)


def close_while_somebody_opens(endpoint: str, group: str) -> bool:
    """The last holder has seen no other lease and is about to mark; a job joins then. Does that one keep access?"""
    Job(endpoint, group).leases.open("old", ADDRESS, HOUR)
    gate = Gate("CreateTags")
    with ThreadPoolExecutor(1) as pool:
        closing = pool.submit(Job(endpoint, group, gate).leases.close, "old")
        assert gate.reached.wait(60)
        opened = Job(endpoint, group).leases.open("new", ADDRESS, HOUR)
        gate.go.set()
        closing.result(60)
    left = [rule for rule in Job(endpoint, group).leases.rules() if rule.lease("new")]
    return [rule.id for rule in left] == [opened.rule]


def test_who_joins_while_the_last_one_leaves_keeps_access(endpoint, group):
    assert close_while_somebody_opens(endpoint, group)


def test_without_reading_again_who_joins_would_lose_access(endpoint, group, monkeypatch):
    """The guard taken away: the closer revokes on what it saw before it marked."""

    def on_first_sight(self: Leases, rule: str) -> bool:
        if self._read(rule).live(self._now()):
            return False
        self._tag(rule, "closing:x", "now")
        self._revoke(rule)
        return True

    monkeypatch.setattr(Leases, "_close_if_unused", on_first_sight)
    assert not close_while_somebody_opens(endpoint, group)


def open_while_somebody_revokes(endpoint: str, group: str, *, mark_is_respected: bool = True) -> bool:
    """The closer has marked, read again and is about to revoke; a job joins then. Does that one have access in the end?"""
    Job(endpoint, group).leases.open("old", ADDRESS, HOUR)
    gate = Gate("RevokeSecurityGroupIngress")
    joined = threading.Event()

    def at_call(when: str, call: str) -> None:
        if (when, call) == ("after", "CreateTags"):
            joined.set()

    with ThreadPoolExecutor(2) as pool:
        closing = pool.submit(Job(endpoint, group, gate).leases.close, "old")
        assert gate.reached.wait(60)
        opening = pool.submit(Job(endpoint, group, at_call).leases.open, "new", ADDRESS, HOUR)
        assert joined.wait(60)
        if not mark_is_respected:
            opening.result(60)
        gate.go.set()
        closing.result(60)
        opened = opening.result(60)
    return any(rule.id == opened.rule and rule.lease("new") for rule in Job(endpoint, group).leases.rules())


def test_who_joins_a_rule_that_is_being_revoked_gets_another_one(endpoint, group):
    assert open_while_somebody_revokes(endpoint, group)


def test_without_respect_for_the_mark_the_opener_would_hold_nothing(endpoint, group, monkeypatch):
    monkeypatch.setattr(Leases, "_without_marks", Leases._read)
    assert not open_while_somebody_revokes(endpoint, group, mark_is_respected=False)


def timer_after_a_late_writer_was_killed(endpoint: str, group: str, *, others_are_awaited: bool = True) -> bool:
    """A job with a short lease reads, sleeps, a long one opens, the short one writes the timer and is killed."""
    Job(endpoint, group).leases.open("first", ADDRESS, HOUR)
    gate = Gate("UpdateSchedule")

    def at_call(when: str, call: str) -> None:
        gate(when, call)
        if (when, call) == ("after", "UpdateSchedule"):
            raise Killed

    with ThreadPoolExecutor(2) as pool:
        short = pool.submit(Job(endpoint, group, at_call).leases.open, "short", ADDRESS, HOUR)
        assert gate.reached.wait(60)
        set_once = threading.Event()
        at_set = lambda when, call: set_once.set() if (when, call) == ("after", "UpdateSchedule") else None  # noqa: E731
        long = pool.submit(Job(endpoint, group, at_set).leases.open, "long", ADDRESS, 3 * HOUR)
        assert set_once.wait(60)
        if not others_are_awaited:
            long.result(60)
        gate.go.set()
        with pytest.raises(Killed):
            short.result(60)
        opened = long.result(60)
    return Job(endpoint, group).timer.time_of(opened.rule) >= opened.until


def test_a_late_writer_of_the_timer_takes_no_time_from_others(endpoint, group):
    assert timer_after_a_late_writer_was_killed(endpoint, group)


def test_without_waiting_for_those_who_are_joining_a_late_writer_would_cut_a_job_off(endpoint, group, monkeypatch):
    monkeypatch.setattr(Leases, "_when_changed", lambda self, rule, _blocking: self._read(rule))
    assert not timer_after_a_late_writer_was_killed(endpoint, group, others_are_awaited=False)


# --- Many jobs


class Crowd:
    """Jobs that open, look, and close, some of them killed on the way; what went wrong for those who were not."""

    def __init__(self, endpoint: str, group: str, jobs: int, addresses: list[str], seed: int) -> None:
        self.endpoint, self.group = endpoint, group
        self.random = random.Random(seed)
        self.start = threading.Barrier(jobs)
        self.lost: list[str] = []
        self.killed: list[str] = []
        plans = [(f"job-{number}", self.random.choice(addresses), self._kill(number)) for number in range(jobs)]
        with ThreadPoolExecutor(jobs) as pool:
            list(pool.map(lambda plan: self.run(*plan), plans))

    def _kill(self, number: int) -> int | None:
        """The boundary at which this job dies: each third one, somewhere in its life."""
        return self.random.randrange(60) if number % 3 == 0 else None

    def run(self, name: str, address: str, kill: int | None) -> None:
        job = Job(self.endpoint, self.group, killed_at(kill) if kill is not None else lambda _when, _call: None)
        watch = Job(self.endpoint, self.group)
        self.start.wait(60)
        try:
            opened = job.leases.open(name, address, HOUR)
            for _ in range(3):
                held = [rule for rule in watch.leases.rules() if rule.id == opened.rule and rule.lease(name)]
                if not held or held[0].cidr != f"{address}/32":
                    self.lost.append(f"{name} lost {opened.rule}")
                timer = watch.timer.time_of(opened.rule)
                if timer is None or timer < opened.until:
                    self.lost.append(f"{name} until {opened.until} would be cut off at {timer}")
            job.leases.close(name)
        except Killed:
            self.killed.append(name)


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_no_job_of_forty_loses_access_while_others_open_close_and_die(endpoint, group, seed, full):
    if seed > 1 and not full:
        pytest.skip("one crowd is enough; --full sends more")
    before = set(timers(endpoint))
    crowd = Crowd(endpoint, group, jobs=40, addresses=[ADDRESS, "1.1.1.1", "9.9.9.9"], seed=seed)
    assert crowd.lost == []
    assert len(crowd.killed) >= 5
    for rule in Job(endpoint, group).leases.rules():
        assert ipaddress.ip_network(rule.cidr).prefixlen == 32
        assert ipaddress.ip_network(rule.cidr).is_global
        assert rule.ports == (PORT, PORT)
    future = Job(endpoint, group, now=later(HOUR + 10 * GRACE))
    future.leases.sweep()
    assert future.leases.rules() == []
    assert set(timers(endpoint)) - before == set()


def timers(endpoint: str) -> list[str]:
    return [found["Name"] for found in client("scheduler", endpoint).list_schedules(GroupName=SCHEDULES)["Schedules"]]


@pytest.mark.parametrize("what", ["open", "close", "sweep"])
def test_killed_between_any_two_calls_nothing_is_left_after_a_sweep_and_nobody_else_is_cut_off(
    endpoint, group, what, full
):
    """Each boundary in turn (each seventh without --full), beside a job that keeps its lease on the same address."""
    for number in range(0, 200, 1 if full else 7):
        keeper = Job(endpoint, group)
        kept = keeper.leases.open("keeper", ADDRESS, 3 * HOUR)
        if what != "open":
            keeper.leases.open("victim", "1.1.1.1", HOUR)
        victim = Job(endpoint, group, killed_at(number), patience=0.4)
        ended = False
        try:
            if what == "open":
                victim.leases.open("victim", ADDRESS, HOUR)
            elif what == "close":
                victim.leases.close("victim")
            else:
                victim.leases._now = later(2 * HOUR)
                victim.leases.sweep()
            ended = True
        except Killed:
            pass
        rule = next(rule for rule in keeper.leases.rules() if rule.id == kept.rule)
        assert rule.lease("keeper")
        assert keeper.timer.time_of(kept.rule) >= kept.until
        # Who comes next is not held up for ever by what the dead one left.
        Job(endpoint, group, patience=0.4).leases.open("next", ADDRESS, HOUR)
        Job(endpoint, group, now=later(10 * HOUR)).leases.sweep()
        assert keeper.leases.rules() == []
        if ended:
            break
    assert number >= 10, "it made fewer calls than it must"
    assert ended
