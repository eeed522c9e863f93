"""Leases of a way through the security group that Terraform leaves empty: one rule per address, shared by its jobs.

Jobs behind one NAT have one address, and AWS knows one rule for it. So a rule belongs to nobody: each job holds a lease on
it, a tag with the moment at which it ends, and whoever leaves last revokes the rule. AWS has no "revoke if no tag is
left", and jobs are killed between any two steps. What follows from that:

    opening   1. make the rule with the lease on it; if there is one, add the lease to that
              2. read again: a rule that is gone means starting over, a closing mark means waiting for its end
              3. set the rule's timer behind the latest lease; then wait for those who may still set it from an older view
    closing   1. remove the own lease; others left: done
              2. put a closing mark on the rule, wait, and read again: a lease is there now: take the mark back
              3. revoke, by the rule's id, never by its address

Opener and closer each write before they read, so at least one of them sees the other. A mark is a tag of its own, for two
closers would overwrite a common one. A mark whose owner was killed does not block for ever: its owner acts on it only
while it is fresh (`patience` / 3), others respect it three times as long. Moments are compared with `GRACE` between
clocks of different machines.

A lease says `joining` until its opener has set the timer, and then `held`. Two openers set the timer at the same time; the
later write might hold the earlier moment, and its writer might be killed before it notices. So each waits for those that
were joining when its own lease was written, and then looks at the timer.
"""

from __future__ import annotations

import ipaddress
import re
import secrets
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from botocore.exceptions import ClientError

from ecommerce_dms.aws import public_address
from ecommerce_dms.aws.permissions import AwsRefused, code_of, explained
from ecommerce_dms.aws.schedules import PRECISION, Timer
from ecommerce_dms.console import UsageError

PURPOSE = "runner-lease"  # iam.tf lets the lease role touch tags of rules with this Purpose only

MOST_LEASES = 40  # on one rule. AWS ends at 50 tags, and marks need room.
LONGEST = timedelta(hours=6)  # what a job on GitHub may take
SLACK = timedelta(minutes=10)  # from the end of the latest lease to the timer
GRACE = timedelta(minutes=1)  # between clocks of different machines

_LEASE = "lease:"
_CLOSING = "closing:"
_ATTEMPTS = 60
_GONE = ("InvalidSecurityGroupRuleId.NotFound", "InvalidPermission.NotFound")
_MOMENT = "%Y-%m-%dT%H:%M:%SZ"


class NotOpened(AwsRefused):
    """The address was not let in."""


class NotClosed(AwsRefused):
    """A rule is still there that should be gone."""


@dataclass(frozen=True)
class Lease:
    """One job's hold on a rule."""

    name: str
    until: datetime
    joining: bool
    written: str  # as it stands in the tag

    def lasts(self, now: datetime) -> bool:
        return now < self.until + GRACE


@dataclass(frozen=True)
class Rule:
    """An ingress rule of the group, as AWS describes it."""

    id: str
    cidr: str
    protocol: str
    ports: tuple[int, int]
    tags: Mapping[str, str]

    @property
    def ours(self) -> bool:
        return self.tags.get("Purpose") == PURPOSE

    @property
    def leases(self) -> list[Lease]:
        return [_read_lease(key, value) for key, value in sorted(self.tags.items()) if key.startswith(_LEASE)]

    @property
    def marks(self) -> dict[str, str]:
        """Who is about to revoke it: closing mark → since when."""
        return {key: value for key, value in self.tags.items() if key.startswith(_CLOSING)}

    def grants(self, cidr: str, port: int) -> bool:
        return (self.protocol, self.cidr, self.ports) == ("tcp", cidr, (port, port))

    def lease(self, name: str) -> Lease | None:
        return next((lease for lease in self.leases if lease.name == name), None)

    def live(self, now: datetime) -> list[Lease]:
        return [lease for lease in self.leases if lease.lasts(now)]


@dataclass(frozen=True)
class Opened:
    """An address that is let in."""

    rule: str
    cidr: str
    until: datetime


@dataclass(frozen=True)
class Swept:
    """What a sweep did: rules it revoked, leases it took off, and rules that it leaves because they are not ours."""

    revoked: list[str]
    expired: list[str]
    foreign: list[Rule]


class Leases:
    """The leases of one security group."""

    def __init__(
        self,
        ec2: Any,
        timer: Timer,
        *,
        group: str,
        port: int,
        settle: float = 3,
        patience: float = 45,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        wait: Callable[[float], None] = time.sleep,
    ) -> None:
        """
        Args:
            ec2: a boto3 client that gives up on a call before patience / 3 is over, and does not repeat a revoke.
            timer: the timers of the group's rules.
            group: the security group, which is to be empty but for leases.
            port: the one port that is opened.
            settle: seconds after which what was written is read everywhere.
            patience: seconds for which a closing mark and a joining lease are respected.
            now: the clock.
            wait: waits for so many seconds.
        """
        self._ec2, self._timer = ec2, timer
        self._group, self._port = group, port
        self._settle, self._patience = settle, patience
        self._now, self._wait = now, wait

    # --- What there is

    def rules(self) -> list[Rule]:
        """All ingress rules of the group, foreign ones among them."""
        with explained("ec2"):
            pages = self._ec2.get_paginator("describe_security_group_rules").paginate(
                Filters=[{"Name": "group-id", "Values": [self._group]}]
            )
            found = [rule for page in pages for rule in page["SecurityGroupRules"]]
        return [_read_rule(rule) for rule in found if not rule["IsEgress"]]

    def timer_of(self, rule: str) -> datetime | None:
        """When AWS revokes the rule by itself."""
        return self._timer.time_of(rule)

    # --- Opening

    def open(self, name: str, address: str, duration: timedelta) -> Opened:
        """Lets one address in until now + duration, and returns when nobody else can take that away any more.

        With a lease of that name on that address already, it lasts until the later of both moments.

        Raises:
            NotOpened: too many leases, a foreign rule, or others kept closing and opening all the time.
        """
        cidr = f"{public_address.checked(address)}/32"
        until = _whole_seconds(self._now() + _checked_duration(duration))
        for _ in range(_ATTEMPTS):
            joined = self._join(checked_name(name), cidr, until)
            if joined and self._hold(name, joined):
                return joined
        raise NotOpened(f"{cidr} was opened and closed {_ATTEMPTS} times by others meanwhile: run this again.")

    def _join(self, name: str, cidr: str, until: datetime) -> Opened | None:
        """Puts the lease on the rule, which is made if need be. Returns None to start over."""
        try:
            tags = [{"Key": "Purpose", "Value": PURPOSE}, {"Key": _LEASE + name, "Value": _joining(until)}]
            return Opened(self._authorize(cidr, tags), cidr, until)
        except _Duplicate:
            rule = next((each for each in self.rules() if each.grants(cidr, self._port)), None)
        if rule is None:
            return None
        if not rule.ours:
            raise NotOpened(
                f"rule {rule.id} lets {cidr} in already, and nothing here made it: it would stay. Revoke it "
                f"(aws ec2 revoke-security-group-ingress --group-id {self._group} --security-group-rule-ids {rule.id})."
            )
        if rule.lease(name) is None and len(rule.leases) >= MOST_LEASES:
            raise NotOpened(
                f"{cidr} has {len(rule.leases)} leases, and a rule holds {MOST_LEASES}: wait for a job behind that "
                "address to end, or run `runner_access.py sweep` if they are old."
            )
        own = rule.lease(name)
        until = max(until, own.until) if own else until
        return Opened(rule.id, cidr, until) if self._tag(rule.id, _LEASE + name, _joining(until)) else None

    def _hold(self, name: str, joined: Opened) -> bool:
        """From a lease that is written to one that lasts. False: start over."""
        view = self._without_marks(joined.rule)
        if view is None:
            return False
        others = {lease.name: lease.written for lease in view.leases if lease.joining and lease.name != name}
        before = self._timer.time_of(joined.rule)
        if not self._set_timer(name, joined):
            return False
        if before and before <= self._now() + PRECISION / 10:  # then it may be firing right now
            self._wait(max(0.0, (before + PRECISION - self._now()).total_seconds()))
        self._wait(self._settle)
        if not self._when_changed(
            joined.rule, lambda seen: {k: v for k, v in others.items() if _written(seen, k) == v}
        ):
            return False
        ends = self._timer.time_of(joined.rule)
        view = self._read(joined.rule)
        return bool(ends and ends >= joined.until and view and view.lease(name))

    def _set_timer(self, name: str, joined: Opened) -> bool:
        """Sets it behind the latest lease, from a view that is younger than others will wait. False: start over."""
        for _ in range(_ATTEMPTS):
            began = time.monotonic()
            if not self._tag(joined.rule, _LEASE + name, _joining(joined.until)):
                return False
            view = self._read(joined.rule)
            if view is None:
                return False
            latest = max([joined.until, *(lease.until for lease in view.leases)])
            if time.monotonic() - began < self._patience / 3:
                self._timer.set(joined.rule, latest + SLACK)
                return self._tag(joined.rule, _LEASE + name, f"{joined.until.strftime(_MOMENT)} held")
        raise NotOpened("AWS answers too slowly to open anything safely: run this again.")

    def _without_marks(self, rule: str) -> Rule | None:
        """The rule once nobody is about to revoke it; None if somebody did."""
        view = self._when_changed(rule, lambda seen: seen.marks)
        if view:
            self._untag(rule, view.marks)  # of somebody who was killed; the next one need not wait for it
        return view

    def _when_changed(self, rule: str, blocking: Callable[[Rule], Mapping[str, str]]) -> Rule | None:
        """Waits until nothing blocks, and returns the rule as it is then; None if it is gone.

        What stays the same for `patience` belongs to somebody who was killed, and blocks no longer.
        """
        since: dict[tuple[str, str], float] = {}
        while (seen := self._read(rule)) is not None:
            now = time.monotonic()
            since = {item: since.get(item, now) for item in blocking(seen).items()}
            if all(now - first >= self._patience for first in since.values()):
                return seen
            self._wait(min(1.0, self._patience / 20))
        return None

    # --- Closing

    def close(self, name: str, *, but: str = "") -> list[str]:
        """Takes the lease off every rule that has it, but one, and revokes those that nobody else holds.

        Returns the rules that are gone now. Nothing to close is no failure.

        Raises:
            NotClosed: a rule that should be gone is still there.
        """
        gone = []
        for rule in self.rules():
            if rule.ours and rule.id != but and rule.lease(checked_name(name)):
                self._untag(rule.id, {_LEASE + name: None})
                if self._close_if_unused(rule.id):
                    gone.append(rule.id)
        return gone

    def sweep(self) -> Swept:
        """Takes off what has expired, wherever it comes from, and revokes what is left without a lease."""
        revoked, expired, foreign = [], [], []
        for rule in self.rules():
            if not rule.ours:
                foreign.append(rule)
                continue
            over = [lease for lease in rule.leases if not lease.lasts(self._now())]
            stale = {mark: since for mark, since in rule.marks.items() if self._is_stale(since)}
            # By value, so that a lease that was renewed a moment ago stays.
            self._untag(rule.id, {_LEASE + lease.name: lease.written for lease in over} | stale)
            expired += [lease.name for lease in over]
            if self._close_if_unused(rule.id):
                revoked.append(rule.id)
        self._timer.delete_those_without(
            lambda: [rule.id for rule in self.rules()], self._now() - timedelta(seconds=2 * self._settle)
        )
        return Swept(revoked, expired, foreign)

    def _is_stale(self, since: str) -> bool:
        try:
            return self._now() > _moment(since) + GRACE + timedelta(seconds=self._patience)
        except ValueError:
            return True

    def _close_if_unused(self, rule: str) -> bool:
        """Revokes the rule unless somebody holds it. Returns whether it is gone."""
        mark = _CLOSING + secrets.token_hex(4)
        for _ in range(_ATTEMPTS):
            view = self._read(rule)
            if view is None:
                return True
            if view.live(self._now()):
                self._untag(rule, {mark: None} if mark in view.tags else {})
                return False
            began = time.monotonic()
            self._tag(rule, mark, self._now().strftime(_MOMENT_OF_MARK))
            self._wait(self._settle)
            view = self._read(rule)
            fresh = time.monotonic() - began < self._patience / 3
            if view is not None and not view.live(self._now()) and fresh:
                self._revoke(rule)
                return True
        raise NotClosed(
            f"rule {rule} could not be revoked: AWS answers too slowly. `runner_access.py sweep` tries again."
        )

    def _revoke(self, rule: str) -> None:
        with explained("ec2"):
            try:
                self._ec2.revoke_security_group_ingress(GroupId=self._group, SecurityGroupRuleIds=[rule])
            except ClientError as error:
                if code_of(error) not in _GONE:
                    raise
        for _ in range(_ATTEMPTS):
            if self._read(rule) is None:
                self._timer.delete(rule)
                return
            self._wait(self._settle)
        raise NotClosed(f"rule {rule} of {self._group} was revoked and is still there: look at it in the console.")

    # --- Calls

    def _read(self, rule: str) -> Rule | None:
        return next((found for found in self.rules() if found.id == rule), None)

    def _authorize(self, cidr: str, tags: list[dict[str, str]]) -> str:
        if ipaddress.ip_network(cidr).num_addresses != 1:
            raise AssertionError(f"{cidr} is more than one address")
        permission = {
            "IpProtocol": "tcp",
            "FromPort": self._port,
            "ToPort": self._port,
            "IpRanges": [{"CidrIp": cidr, "Description": "Lent for minutes by runner_access.py"}],
        }
        with explained("ec2"):
            try:
                made = self._ec2.authorize_security_group_ingress(
                    GroupId=self._group,
                    IpPermissions=[permission],
                    TagSpecifications=[{"ResourceType": "security-group-rule", "Tags": tags}],
                )
            except ClientError as error:
                if code_of(error) == "InvalidPermission.Duplicate":
                    raise _Duplicate from None
                raise
        return made["SecurityGroupRules"][0]["SecurityGroupRuleId"]

    def _tag(self, rule: str, key: str, value: str) -> bool:
        """Whether the rule has the tag now; not, if it is gone."""
        with explained("ec2"):
            try:
                self._ec2.create_tags(Resources=[rule], Tags=[{"Key": key, "Value": value}])
            except ClientError as error:
                if code_of(error) in _GONE:
                    return False
                raise
        return True

    def _untag(self, rule: str, tags: Mapping[str, str | None]) -> None:
        """Removes tags; one with a value only if it still has that."""
        if not tags:
            return
        wanted = [{"Key": key} if value is None else {"Key": key, "Value": value} for key, value in tags.items()]
        with explained("ec2"):
            try:
                self._ec2.delete_tags(Resources=[rule], Tags=wanted)
            except ClientError as error:
                if code_of(error) not in _GONE:
                    raise


class _Duplicate(Exception):  # noqa: N818 - no failure
    """The rule exists."""


_MOMENT_OF_MARK = "%Y-%m-%dT%H:%M:%S.%fZ"  # so that a mark that was renewed differs


def checked_name(name: str) -> str:
    """The name of a lease, if a tag can hold it.

    Raises:
        UsageError: with what it may consist of.
    """
    if not re.fullmatch(r"[A-Za-z0-9._@/+=-]{1,100}", name):
        raise UsageError(f"{name!r} is no name for a lease: up to 100 letters, digits, and . _ @ / + = -")
    return name


def _checked_duration(duration: timedelta) -> timedelta:
    if not timedelta(minutes=1) <= duration <= LONGEST:
        minutes = int(LONGEST / timedelta(minutes=1))
        raise UsageError(f"a lease of {duration} is not given: 1 to {minutes} minutes")
    return duration


def _read_rule(described: Mapping[str, Any]) -> Rule:
    return Rule(
        id=described["SecurityGroupRuleId"],
        cidr=described.get("CidrIpv4") or described.get("CidrIpv6") or "",
        protocol=described.get("IpProtocol", ""),
        ports=(described.get("FromPort", -1), described.get("ToPort", -1)),
        tags={tag["Key"]: tag["Value"] for tag in described.get("Tags", [])},
    )


def _read_lease(key: str, value: str) -> Lease:
    """What cannot be read is over: a person wrote it."""
    moment, _, state = value.partition(" ")
    try:
        until = _moment(moment)
    except ValueError:
        until = datetime.fromtimestamp(0, UTC)
    return Lease(key.removeprefix(_LEASE), until, state.startswith("joining"), value)


def _moment(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)


def _joining(until: datetime) -> str:
    # The random part lets others see that it is not the same attempt any more.
    return f"{until.strftime(_MOMENT)} joining {secrets.token_hex(4)}"


def _written(rule: Rule, name: str) -> str | None:
    lease = rule.lease(name)
    return lease.written if lease else None


def _whole_seconds(moment: datetime) -> datetime:
    return moment.astimezone(UTC).replace(microsecond=0)


def names(leases: Iterable[Lease]) -> str:
    """For messages."""
    return ", ".join(f"{lease.name} until {lease.until.strftime(_MOMENT)}" for lease in leases)
