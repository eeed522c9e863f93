#!/usr/bin/env python3
"""Forwards a port of this machine to a private database, through the tunnel host of Terraform's access = "ssm".

DB_HOST keeps the database's real name and DB_HOSTADDR=127.0.0.1 says where to connect, so that the certificate is still
checked against the name (verify-full) and IAM tokens still hold. Nothing is opened on AWS: the tunnel host has no way in.
"""

from __future__ import annotations

import argparse
import os
import re
import subprocess
from pathlib import Path

from dotenv import dotenv_values
from ecommerce_dms import console
from ecommerce_dms.aws import port_forwarding
from ecommerce_dms.aws.port_forwarding import LOOPBACK, Route
from ecommerce_dms.console import UsageError, say
from ecommerce_dms.settings import Settings, load_settings
from ecommerce_dms.settings_layers import DEFAULT_ENV_FILE

EXAMPLES = """\
examples:
  python scripts/tunnel.py -- pytest scripts/test_db.py         one command in the tunnel, which ends with it
  python scripts/tunnel.py                                      hold it open, and print the settings; Ctrl-C ends it
  python scripts/tunnel.py --local-port 15432 -- python scripts/data_loader.py

The database is that of the environment or scripts/.env; TUNNEL_INSTANCE_ID (terraform output tunnel_instance_id) and
AWS_REGION stand there, too. It needs AWS's session-manager-plugin.
"""


def main(argv: list[str] | None = None) -> int:
    """Opens the tunnel, and runs a command in it or waits."""
    arguments = _parser().parse_args(argv)
    settings = load_settings(env_file=arguments.env_file)
    route = _route(arguments, settings)
    if settings.auth == "iam" and route.local_port != settings.port:
        say(
            f"warning: an IAM token is made for a host and its port. If the login is refused, free port {settings.port} of "
            "this machine and leave --local-port out."
        )
    with port_forwarding.forwarded(route) as plugin:
        say(f"{LOOPBACK}:{route.local_port} is {route.host}:{route.port}, through {route.instance}.")
        if arguments.command:
            return _run(arguments.command, settings, route)
        print(f"DB_HOST={route.host}\nDB_HOSTADDR={LOOPBACK}\nDB_PORT={route.local_port}", flush=True)
        say("These three lines into scripts/.env, for as long as the tunnel stands. Ctrl-C ends it.")
        code = plugin.wait()
    raise console.UserError(f"the tunnel ended ({code}): Session Manager closes it after 20 minutes without traffic")


def _route(arguments: argparse.Namespace, settings: Settings) -> Route:
    if settings.embedded:
        raise UsageError("no server is configured: DB_HOST and what belongs to it (scripts/.env.example)")
    if settings.hostaddr:
        raise UsageError(
            f"DB_HOSTADDR is {settings.hostaddr} already, and DB_PORT that of a tunnel: take DB_HOSTADDR out and set "
            "DB_PORT to the database's own."
        )
    in_file = dotenv_values(arguments.env_file or DEFAULT_ENV_FILE, interpolate=False)
    instance = arguments.instance or os.environ.get("TUNNEL_INSTANCE_ID") or in_file.get("TUNNEL_INSTANCE_ID") or ""
    if not re.fullmatch(r"i-[0-9a-f]+", instance):
        raise UsageError(
            f"TUNNEL_INSTANCE_ID is {instance!r}, and should look like i-0a1b2c3d: `terraform output tunnel_instance_id` "
            'prints it, with access = "ssm".'
        )
    if not settings.region:
        raise UsageError("AWS_REGION is not set: `terraform output region` prints it")
    return Route(instance, settings.region, settings.host, settings.port, arguments.local_port or settings.port)


def _run(command: list[str], settings: Settings, route: Route) -> int:
    """Runs it with the whole of the settings in its environment: a server is never named by halves."""
    try:
        return subprocess.run(command, env=_environment(settings, route), check=False).returncode
    except FileNotFoundError:
        raise UsageError(f"{command[0]!r} is no program on PATH") from None


def _environment(settings: Settings, route: Route) -> dict[str, str]:
    certificates = settings.sslrootcert
    said = {
        "DB_HOST": settings.host,
        "DB_HOSTADDR": LOOPBACK,
        "DB_PORT": str(route.local_port),
        "DB_NAME": settings.dbname,
        "DB_USER": settings.user,
        "DB_PASSWORD": settings.password if settings.auth == "password" else "",
        "DB_SECRET_ARN": settings.secret_arn if settings.auth == "secret" else "",
        "DB_AUTH": settings.auth if settings.auth in ("iam", "libpq") else "",
        "DB_SSLMODE": settings.sslmode,
        "DB_SSLROOTCERT": str(Path(certificates).resolve()) if certificates not in ("", "system") else certificates,
        "DB_ENVIRONMENT": settings.environment,
        "AWS_REGION": settings.region,
    }
    others = {key: value for key, value in os.environ.items() if key != "DATABASE_URL" and key not in said}
    return others | {key: value for key, value in said.items() if value}


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="tunnel.py", description=__doc__, epilog=EXAMPLES, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--local-port", type=_port, metavar="N", help="port here (default: the database's own)")
    parser.add_argument("--instance", metavar="ID", help="the tunnel host, instead of TUNNEL_INSTANCE_ID")
    parser.add_argument("--env-file", metavar="FILE", help="read this file instead of scripts/.env")
    parser.add_argument("command", nargs="*", metavar="COMMAND", help="after --: what to run in the tunnel")
    return parser


def _port(text: str) -> int:
    if not (text.isdigit() and 1 <= int(text) <= 65535):
        raise argparse.ArgumentTypeError(f"{text!r} is no port: 1 to 65535")
    return int(text)


if __name__ == "__main__":
    raise SystemExit(console.run(main))
