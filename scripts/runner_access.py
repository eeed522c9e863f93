#!/usr/bin/env python3
"""Lets this machine's address connect to the database for minutes, where Terraform's access is "leased_public".

    open     lease this machine's public address, and wait until the database answers
    close    give the lease back; the rule goes when nobody else holds it
    sweep    take off what has expired, whoever left it
    status   show who is let in, and until when

A lease that nobody gives back ends by itself: every open and sweep takes off what is over, and a timer on AWS revokes the
rule ten minutes after its last lease. Jobs behind one address share its rule and do not cut each other off.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from functools import partial

from ecommerce_dms import console
from ecommerce_dms.aws import access_leases, ca_bundle, public_address, runner_access
from ecommerce_dms.aws.access_leases import Leases, names
from ecommerce_dms.aws.runner_access import Place
from ecommerce_dms.console import say

EXAMPLES = """\
examples:
  python scripts/runner_access.py open                  for this machine, 60 minutes
  python scripts/runner_access.py open --minutes 20
  python scripts/runner_access.py close                 in a workflow: with `if: always()`
  python scripts/runner_access.py status

Which database that is, the start script has written into scripts/.env, and into the repository's variables:
LEASE_SECURITY_GROUP_ID, LEASE_SCHEDULE_GROUP, LEASE_SCHEDULE_ROLE_ARN, AWS_REGION, DB_HOST, DB_PORT.
"""


def main(argv: list[str] | None = None) -> int:
    """Runs one sub-command; see the module's docstring."""
    arguments = _parser().parse_args(argv)
    given = {"group": arguments.group, "region": arguments.region}
    place = runner_access.place_of_settings(os.environ, arguments.env_file, given)
    leases = runner_access.leases_of(place)
    return {"open": open_, "close": close, "sweep": sweep, "status": status}[arguments.command](
        arguments, place, leases
    )


def open_(arguments: argparse.Namespace, place: Place, leases: Leases) -> int:
    """Lease the address; the lease's end, rule and address are the result."""
    name = arguments.lease or runner_access.lease_name()
    # Before anything is open: without them, nothing could be done with the way in.
    for line in ca_bundle.ensure_for(place.host):
        say(line)
    if arguments.address:
        detect = partial(public_address.checked, arguments.address)
    else:
        detect = partial(public_address.detect, public_address.sources(arguments.source))
    opened = runner_access.open_access(
        leases, place, name=access_leases.checked_name(name), duration=_duration(arguments.minutes), detect=detect
    )
    until = opened.until.strftime("%Y-%m-%dT%H:%M:%SZ")
    _result({"lease": name, "rule": opened.rule, "cidr": opened.cidr, "until": until})
    _summary(f"`{opened.cidr}` may connect to `{place.host}:{place.port}` until {until} (lease `{name}`).")
    return 0


def close(arguments: argparse.Namespace, _place: Place, leases: Leases) -> int:
    """Give the lease back, whatever this machine's address is by now."""
    name = access_leases.checked_name(arguments.lease or runner_access.lease_name())
    gone = leases.close(name)
    left = [rule for rule in leases.rules() if rule.lease(name)]
    if left:
        raise access_leases.NotClosed(f"lease {name} is still on rule {left[0].id}: run this again.")
    say(f"lease {name} is given back; " + (f"revoked: {', '.join(gone)}" if gone else "there was no rule to revoke"))
    _result({"revoked": " ".join(gone)})
    return 0


def sweep(_arguments: argparse.Namespace, _place: Place, leases: Leases) -> int:
    """Take off what is over. Fails on rules that are none of ours, for they stay open."""
    swept = leases.sweep()
    runner_access.report(swept)
    if not (swept.expired or swept.revoked or swept.foreign):
        say("nothing was over")
    return console.FAILED if swept.foreign else 0


def status(_arguments: argparse.Namespace, place: Place, leases: Leases) -> int:
    """One line for each rule. Changes nothing."""
    rules = leases.rules()
    say(f"security group {place.group}, port {place.port} of {place.host}: {len(rules)} rules")
    now = datetime.now(UTC)
    for rule in rules:
        timer = leases.timer_of(rule.id) if rule.ours else None
        held = names(rule.live(now)) or "nobody"
        stands = f"held by {held}; timer {timer:%Y-%m-%dT%H:%M:%SZ}" if timer else f"held by {held}; no timer"
        print(f"{rule.id}  {rule.cidr:18}  {stands if rule.ours else 'made by somebody else'}")
    return 0


def _duration(minutes: int) -> timedelta:
    return timedelta(minutes=minutes)


def _result(values: Mapping[str, str]) -> None:
    """Prints name=value lines; in GitHub Actions they are the step's outputs as well."""
    lines = "".join(f"{name}={value}\n" for name, value in values.items())
    print(lines, end="")
    _append("GITHUB_OUTPUT", lines)


def _summary(text: str) -> None:
    _append("GITHUB_STEP_SUMMARY", f"{text}\n")


def _append(variable: str, text: str) -> None:
    if os.environ.get(variable):
        with open(os.environ[variable], "a", encoding="utf-8") as file:  # noqa: PTH123
            file.write(text)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="runner_access.py",
        description=__doc__,
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    common = argparse.ArgumentParser(add_help=False)
    common.add_argument("--env-file", metavar="FILE", help="read this file instead of scripts/.env")
    common.add_argument("--group", metavar="SG", help="the security group, instead of LEASE_SECURITY_GROUP_ID")
    common.add_argument("--region", metavar="NAME", help="instead of AWS_REGION")
    named = argparse.ArgumentParser(add_help=False)
    named.add_argument("--lease", metavar="NAME", help="the lease's name (default: this job's, or user@machine)")

    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    opening = commands.add_parser("open", parents=[common, named], help="lease this machine's address")
    opening.add_argument("--minutes", type=int, default=60, metavar="N", help="how long, 1 to 360 (default: 60)")
    opening.add_argument("--address", metavar="IPV4", help="the address, instead of asking for it")
    opening.add_argument(
        "--source",
        action="append",
        default=[],
        metavar="URL",
        help=f"where to ask for the public address; twice or more (default: {public_address.VARIABLE}, or ours)",
    )
    commands.add_parser("close", parents=[common, named], help="give the lease back")
    commands.add_parser("sweep", parents=[common], help="take off what has expired")
    commands.add_parser("status", parents=[common], help="show who is let in")
    return parser


if __name__ == "__main__":
    raise SystemExit(console.run(main))
