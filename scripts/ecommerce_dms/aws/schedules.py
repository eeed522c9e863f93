"""The timer that closes a rule when nobody else does: one EventBridge schedule for each, which deletes itself.

It knows no leases: it revokes at its time, whoever is still connected. So access_leases.py keeps its time behind the
latest lease. What fires finds a rule that is gone already in nearly all cases; EC2 refuses that, and nothing happens.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

from botocore.exceptions import ClientError

from ecommerce_dms.aws.permissions import code_of, explained

_AT = "at(%Y-%m-%dT%H:%M:%S)"

# EventBridge fires within a minute after its time, also when that has been moved since.
PRECISION = timedelta(seconds=60)


class Timer:
    """The schedules of one security group, all in one schedule group."""

    def __init__(self, client: Any, *, schedule_group: str, role_arn: str, security_group: str) -> None:
        self._client = client
        self._schedule_group = schedule_group
        self._role_arn = role_arn
        self._security_group = security_group

    def set(self, rule: str, at: datetime) -> None:
        """Revokes the rule at that time, and at no other it was told before."""
        settings = self._settings(rule, at)
        attempts = [
            (self._client.update_schedule, "ResourceNotFoundException"),
            (self._client.create_schedule, "ConflictException"),
        ] * 3  # another opener or closer may create or delete it in between
        with explained("scheduler"):
            for number, (call, beaten) in enumerate(attempts, 1):
                try:
                    call(**settings)
                    return
                except ClientError as error:
                    if code_of(error) != beaten or number == len(attempts):
                        raise

    def time_of(self, rule: str) -> datetime | None:
        """When the rule is revoked; None if no timer is set for it."""
        with explained("scheduler"):
            try:
                found = self._client.get_schedule(**self._name(rule))
            except ClientError as error:
                if code_of(error) == "ResourceNotFoundException":
                    return None
                raise
        return datetime.strptime(found["ScheduleExpression"], _AT).replace(tzinfo=UTC)

    def delete(self, rule: str) -> None:
        """Forgets the rule, which is gone. To be repeated at will."""
        with explained("scheduler"):
            try:
                self._client.delete_schedule(**self._name(rule))
            except ClientError as error:
                if code_of(error) != "ResourceNotFoundException":
                    raise

    def delete_those_without(self, rules: Callable[[], Iterable[str]], made_before: datetime) -> list[str]:
        """Deletes the timers of rules that are gone, and returns the rules.

        Args:
            rules: called after the timers are listed, so that a rule made in between is among them: the rules there are.
            made_before: younger timers are left alone; their rule may not show yet.
        """
        prefix = f"{self._schedule_group}-"
        with explained("scheduler"):
            pages = self._client.get_paginator("list_schedules").paginate(
                GroupName=self._schedule_group, NamePrefix=prefix
            )
            listed = [schedule for page in pages for schedule in page["Schedules"]]
        existing = set(rules())
        gone = []
        for schedule in listed:
            rule = schedule["Name"].removeprefix(prefix)
            if rule not in existing and schedule["CreationDate"] <= made_before:
                self.delete(rule)
                gone.append(rule)
        return gone

    def _name(self, rule: str) -> dict[str, str]:
        return {"GroupName": self._schedule_group, "Name": f"{self._schedule_group}-{rule}"}

    def _settings(self, rule: str, at: datetime) -> dict[str, Any]:
        partition = self._role_arn.split(":")[1]
        whole_second = (at.astimezone(UTC) + timedelta(seconds=1)).replace(microsecond=0)
        return {
            **self._name(rule),
            "ScheduleExpression": whole_second.strftime(_AT),
            "ScheduleExpressionTimezone": "UTC",
            "FlexibleTimeWindow": {"Mode": "OFF"},
            "ActionAfterCompletion": "DELETE",
            "Target": {
                "Arn": f"arn:{partition}:scheduler:::aws-sdk:ec2:revokeSecurityGroupIngress",
                "RoleArn": self._role_arn,
                "Input": json.dumps({"GroupId": self._security_group, "SecurityGroupRuleIds": [rule]}),
                # No late second try: by then somebody may have joined the rule and moved the time.
                "RetryPolicy": {"MaximumRetryAttempts": 0, "MaximumEventAgeInSeconds": 60},
            },
        }
