"""Lets this machine in, and out again: the address is found, leased, tried, and given back.

The protocol of leases is access_leases.py's; who asks, and what is printed, scripts/runner_access.py's.
"""

from __future__ import annotations

import getpass
import os
import re
import socket
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError
from dotenv import dotenv_values

from ecommerce_dms.aws import public_address, tls_probe
from ecommerce_dms.aws.access_leases import Leases, Opened
from ecommerce_dms.aws.permissions import AwsRefused
from ecommerce_dms.aws.schedules import Timer
from ecommerce_dms.console import UsageError, UserError, say
from ecommerce_dms.settings_layers import DEFAULT_ENV_FILE

# A call that hangs ends before others stop respecting what it is part of (Leases: patience).
_CALLS = Config(connect_timeout=3, read_timeout=5, retries={"mode": "standard", "total_max_attempts": 3})

_TRIES = 12
_PAUSE = 3.0  # seconds between two tries


class Unreachable(UserError):  # noqa: N818 - reads as a sentence where it is caught
    """The address is let in, and the server does not answer all the same."""


@dataclass(frozen=True)
class Place:
    """What is opened: Terraform's outputs, by the names that scripts/.env has for them."""

    group: str
    schedule_group: str
    schedule_role: str
    region: str
    host: str
    port: int = 5432
    hostaddr: str = ""


# Field of Place → (setting, Terraform's output)
SETTINGS = {
    "group": ("LEASE_SECURITY_GROUP_ID", "lease_security_group_id"),
    "schedule_group": ("LEASE_SCHEDULE_GROUP", "lease_schedule_group"),
    "schedule_role": ("LEASE_SCHEDULE_ROLE_ARN", "lease_schedule_role_arn"),
    "region": ("AWS_REGION", "region"),
    "host": ("DB_HOST", "db_host"),
    "port": ("DB_PORT", "db_port"),
}


def place_of_stack(outputs: Mapping[str, Any]) -> Place:
    """The place that `terraform output -json` describes; for programs that have just applied it."""
    return Place(**{field: outputs[output] for field, (_, output) in SETTINGS.items()})


def place_of_settings(environ: Mapping[str, str], env_file: str | None, given: Mapping[str, str | None]) -> Place:
    """The place that options, the environment and the .env file describe, in this order.

    Raises:
        UsageError: something is missing or malformed.
    """
    if env_file and not Path(env_file).exists():
        raise UsageError(f"{env_file} does not exist")
    in_file = dotenv_values(env_file or DEFAULT_ENV_FILE, interpolate=False)
    found: dict[str, Any] = {}
    for field, (setting, _) in SETTINGS.items():
        value = given.get(field) or environ.get(setting) or in_file.get(setting)
        if value:
            found[field] = value
        elif field != "port":
            raise UsageError(
                f"{setting} is not set: the start script writes it into scripts/.env for a stack with "
                f'access = "leased_public"; terraform output {SETTINGS[field][1]} prints it.'
            )
    try:
        found["port"] = int(found.get("port", 5432))
    except ValueError:
        raise UsageError(f"DB_PORT {found['port']!r} is no port number") from None
    if not re.fullmatch(r"sg-[0-9a-f]+", found["group"]):
        raise UsageError(f"LEASE_SECURITY_GROUP_ID {found['group']!r} is no security group: they look like sg-0a1b2c3d")
    hostaddr = environ.get("DB_HOSTADDR") or in_file.get("DB_HOSTADDR") or ""
    return Place(**found, hostaddr=hostaddr)


def leases_of(place: Place, **options: Any) -> Leases:
    """The leases of that place, with this machine's AWS credentials."""
    try:
        aws = boto3.session.Session(region_name=place.region)
        ec2, scheduler = (aws.client(service, config=_CALLS) for service in ("ec2", "scheduler"))
    except (BotoCoreError, ValueError) as error:
        raise AwsRefused(f"AWS cannot be asked: {error}") from None
    timer = Timer(
        scheduler, schedule_group=place.schedule_group, role_arn=place.schedule_role, security_group=place.group
    )
    return Leases(ec2, timer, group=place.group, port=place.port, **options)


def lease_name(environ: Mapping[str, str] = os.environ) -> str:
    """What a lease of this job is called: the same when it opens and when it closes, and no other job's.

    Jobs of a matrix share their name in GITHUB_JOB, so the runner's is added.
    """
    if environ.get("GITHUB_RUN_ID"):
        parts = [environ.get(f"GITHUB_{part}", "") for part in ("RUN_ID", "RUN_ATTEMPT", "JOB")]
        name = "-".join([*parts, environ.get("RUNNER_NAME", "")])
    else:
        name = f"{getpass.getuser()}@{socket.gethostname()}"
    return re.sub(r"[^A-Za-z0-9._@-]+", "-", name)[:100].strip("-")


def open_access(
    leases: Leases,
    place: Place,
    *,
    name: str,
    duration: timedelta,
    detect: Callable[[], Any] = public_address.detect,
    wait: Callable[[float], None] = time.sleep,
) -> Opened:
    """Sweeps, leases this machine's address, and returns once the server answers over TLS.

    Raises:
        Unreachable: it does not. The lease is given back.
        AwsRefused, NoPublicAddress: why it could not be opened.
    """
    report(leases.sweep())
    address = detect()
    for last in (False, True):
        opened = leases.open(name, str(address), duration)
        say(f"{opened.cidr} may connect to port {place.port} until {opened.until:%H:%M:%S} UTC (rule {opened.rule}).")
        leases.close(name, but=opened.rule)  # of an address this job had before
        problem = _try(place, wait)
        if problem is None:
            return opened
        # Networks with several ways out change the address between two connections.
        if last or (again := detect()) == address:
            break
        say(f"the public address is {again} now, not {address}: once more")
        address = again
    leases.close(name)
    raise Unreachable(
        f"{place.host}:{place.port} does not answer over TLS ({problem}), though {opened.cidr} was let in; the lease is "
        "given back. Is the instance available, and does a firewall here let port "
        f"{place.port} out?"
    )


def _try(place: Place, wait: Callable[[float], None]) -> str | None:
    """None as soon as the server speaks TLS; else why it does not. A new rule takes seconds to work."""
    for attempt in range(_TRIES):
        try:
            version = tls_probe.probe(place.host, place.port, hostaddr=place.hostaddr)
        except OSError as error:
            problem = str(error)
            if attempt + 1 < _TRIES:
                wait(_PAUSE)
        else:
            say(f"{place.host}:{place.port} answers over {version}.")
            return None
    return problem


def report(swept: Any) -> None:
    """Says what a sweep did, and what it found and left."""
    if swept.expired:
        say(f"taken off, because they were over: {', '.join(swept.expired)}")
    if swept.revoked:
        say(f"revoked, because nobody held them: {', '.join(swept.revoked)}")
    for rule in swept.foreign:
        say(
            f"warning: rule {rule.id} ({rule.cidr or 'no address'}, {rule.protocol} {rule.ports[0]}-{rule.ports[1]}) was "
            "made by somebody else, and stays open until they revoke it."
        )
