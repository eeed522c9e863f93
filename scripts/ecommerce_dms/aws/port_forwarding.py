"""A port of this machine, forwarded to the private database by Session Manager through the tunnel host.

AWS hands out a session by its API; the bytes are carried by its session-manager-plugin, a program of its own. The
session's token goes to it by the environment, never by its arguments, which every user of the machine can read.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import boto3
from botocore.exceptions import BotoCoreError, ClientError

from ecommerce_dms.aws.permissions import AwsRefused, code_of, explained
from ecommerce_dms.console import UserError, say

PLUGIN = "session-manager-plugin"
DOCUMENT = "AWS-StartPortForwardingSessionToRemoteHost"
LOOPBACK = "127.0.0.1"

# From this version on the plugin reads the session, and its token, from the environment.
_OLDEST_PLUGIN = (1, 2, 497, 0)
_SESSION = "AWS_SSM_START_SESSION_RESPONSE"
_HOW_TO_GET_IT = (
    "https://docs.aws.amazon.com/systems-manager/latest/userguide/session-manager-working-with-install-plugin.html"
)
_PATIENCE = 30  # seconds until the port answers


class NoTunnel(UserError):  # noqa: N818 - reads as a sentence where it is caught
    """The port is not forwarded."""


@dataclass(frozen=True)
class Route:
    """From a port here, through a host, to the database."""

    instance: str
    region: str
    host: str
    port: int
    local_port: int


def check_plugin() -> str:
    """The plugin's path.

    Raises:
        NoTunnel: it is not there, or too old, with where to get it.
    """
    path = shutil.which(PLUGIN)
    if not path:
        raise NoTunnel(f"{PLUGIN} is not installed: {_HOW_TO_GET_IT}")
    done = subprocess.run([path, "--version"], capture_output=True, text=True, timeout=30, check=False)
    version = tuple(int(part) for part in re.findall(r"\d+", done.stdout)[:4])
    if version < _OLDEST_PLUGIN:
        oldest = ".".join(map(str, _OLDEST_PLUGIN))
        raise NoTunnel(
            f"{path} says it is version {done.stdout.strip() or 'nothing'}; {oldest} or newer is needed, older ones show "
            f"the session's token to every user of this machine: {_HOW_TO_GET_IT}"
        )
    return path


def check_port_is_free(port: int) -> None:
    """Raises NoTunnel if another program listens there: it would get the database's password."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except OSError as error:
            raise NoTunnel(
                f"port {port} of this machine cannot be used ({error.strerror}): stop what listens there, or name another "
                "with --local-port."
            ) from None


@contextmanager
def forwarded(route: Route) -> Iterator[subprocess.Popen]:
    """Forwards the port until the block ends; yields the plugin once the port answers.

    Raises:
        NoTunnel, AwsRefused: why it does not work.
    """
    plugin = check_plugin()
    check_port_is_free(route.local_port)
    request = {
        "Target": route.instance,
        "DocumentName": DOCUMENT,
        "Parameters": {
            "host": [route.host],
            "portNumber": [str(route.port)],
            "localPortNumber": [str(route.local_port)],
        },
    }
    ssm, session = _start(route, request)
    arguments = [plugin, _SESSION, route.region, "StartSession", "", json.dumps(request), ssm.meta.endpoint_url]
    process = subprocess.Popen(
        arguments,
        env={**os.environ, _SESSION: json.dumps(session)},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,  # Ctrl-C ends the command in the tunnel first, then the tunnel
    )
    try:
        _until_it_answers(process, route)
        yield process
    finally:
        _stop(process)
        _end(ssm, session["SessionId"])


def _start(route: Route, request: Mapping[str, Any]) -> tuple[Any, dict[str, str]]:
    with explained("ssm"):
        ssm = boto3.session.Session(region_name=route.region).client("ssm")
        try:
            answer = ssm.start_session(**request)
        except ClientError as error:
            if code_of(error) == "TargetNotConnected":
                raise NoTunnel(
                    f"{route.instance} is not connected to Session Manager. A new tunnel host needs two minutes; one that "
                    "stays away is replaced by `terraform apply -replace='aws_instance.tunnel[0]'`."
                ) from None
            raise
    return ssm, {key: answer[key] for key in ("SessionId", "TokenValue", "StreamUrl")}


def _until_it_answers(process: subprocess.Popen, route: Route) -> None:
    deadline = time.monotonic() + _PATIENCE
    while True:
        if process.poll() is not None:
            said = (process.stdout.read() or "").strip().splitlines()
            raise NoTunnel(f"{PLUGIN} ended ({process.returncode}): {said[-1] if said else 'it said nothing'}")
        try:
            socket.create_connection((LOOPBACK, route.local_port), timeout=1).close()
        except OSError:
            if time.monotonic() > deadline:
                raise NoTunnel(
                    f"port {route.local_port} does not answer after {_PATIENCE} seconds: {PLUGIN} runs, but forwards "
                    "nothing."
                ) from None
            time.sleep(0.1)
        else:
            return


def _stop(process: subprocess.Popen) -> None:
    process.send_signal(signal.SIGTERM)
    try:
        process.wait(10)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    process.stdout.close()


def _end(ssm: Any, session: str) -> None:
    """Tells AWS, which would otherwise keep the session for 20 minutes. Not being allowed to costs nothing else."""
    try:
        with explained("ssm"):
            ssm.terminate_session(SessionId=session)
    except (AwsRefused, BotoCoreError) as error:
        say(f"warning: the session ends by itself in 20 minutes ({error})")
