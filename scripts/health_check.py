"""Asks the database how it is: what CloudWatch cannot see, from bloat and lock trees to overdue orders.

The checks are the .sql files in monitoring/checks. They only read, and need no more than membership in shop_monitor; what
had to be left out is said, with the reason. Each finding has a page in docs/runbooks.
"""

from __future__ import annotations

import argparse

from ecommerce_dms import console
from ecommerce_dms.health import certificate, checks, examination, publish, report
from ecommerce_dms.settings import Settings, add_connection_arguments, load_settings

EXAMPLES = """\
exit codes:
  0 all is well   3 warning   4 critical   1 a check failed, or the server cannot be reached   2 wrong usage

examples:
  python3 scripts/health_check.py                              a table of findings
  python3 scripts/health_check.py --json --storage-gib 100     for programs; the size of the disk gives the runway
  python3 scripts/health_check.py --only lock-trees --set lock_wait_warning_seconds=1
  python3 scripts/health_check.py --publish                    every minute, from a job beside the database
  python3 scripts/health_check.py --integrity                  every invariant too, on all rows: nightly, on a replica
"""


def main(argv: list[str] | None = None) -> int:
    """Examine, report and publish. Returns the exit code."""
    arguments = _parser().parse_args(argv)
    if arguments.list:
        for check in checks.read():
            print(f"{check.name:<26}{check.severity}\n{'':<26}{check.meaning}")
        return report.EXIT_OK
    every_check = checks.read()
    thresholds = checks.thresholds(every_check, dict(arguments.set))
    wanted = checks.chosen(every_check, arguments.only)
    settings = load_settings(arguments)
    instance = publish.identifier(settings, arguments.instance) if arguments.publish else ""
    console.announce(settings)

    results = examination.examine(settings, wanted, thresholds, _facts(arguments, settings))
    print(report.as_json(results, settings.describe()) if arguments.json else report.table(results))
    if arguments.publish:
        sent = publish.publish(_cloudwatch(settings), results, instance, partial=bool(arguments.only))
        console.say(f"published {sent} metrics of {instance} to {publish.NAMESPACE}")
    return report.exit_code(results)


def _facts(arguments: argparse.Namespace, settings: Settings) -> examination.Facts:
    known = {
        "storage_gib": str(arguments.storage_gib or ""),
        # Asked for by name, it is meant.
        "integrity": arguments.integrity or "integrity" in (arguments.only or []),
    }
    try:
        server, authority = certificate.valid_until(settings)
    except certificate.CertificateError as reason:
        return examination.Facts(**known, no_certificate=str(reason))
    return examination.Facts(**known, certificate_valid_until=server, authority_valid_until=authority)


def _cloudwatch(settings: Settings) -> object:
    import boto3  # Not needed without --publish.
    from botocore.config import Config

    # A job that runs every minute must not hang on a network that is not there.
    config = Config(connect_timeout=5, read_timeout=10, retries={"max_attempts": 3})
    return boto3.client("cloudwatch", region_name=settings.region or None, config=config)


def _storage(text: str) -> float:
    size = float(text)
    if not 1 <= size <= 65536:
        raise argparse.ArgumentTypeError(f"{text} is not between 1 and 65,536 GiB, what RDS offers")
    return size


def _threshold(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals:
        raise argparse.ArgumentTypeError(f"{text} is not NAME=NUMBER")
    return name.strip(), value.strip()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        description=__doc__, epilog=EXAMPLES, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--list", action="store_true", help="say which checks there are, and stop")
    parser.add_argument("--only", metavar="CHECK", action="append", help="this check alone; may be repeated")
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
    parser.add_argument(
        "--integrity", action="store_true", help="run api.verify_integrity() too, which reads every row"
    )
    parser.add_argument(
        "--storage-gib",
        metavar="N",
        type=_storage,
        help="size of the disk; with autoscaling, what it may grow to (terraform: storage.max_gib)",
    )
    parser.add_argument(
        "--set",
        metavar="NAME=NUMBER",
        type=_threshold,
        action="append",
        default=[],
        help="another threshold; the names stand at the head of each check",
    )
    parser.add_argument(
        "--publish", action="store_true", help=f"send the severities to CloudWatch, {publish.NAMESPACE}"
    )
    parser.add_argument(
        "--instance", metavar="ID", help="DBInstanceIdentifier to publish for (default: from the host's name)"
    )
    add_connection_arguments(parser)
    return parser


if __name__ == "__main__":
    raise SystemExit(console.run(main))
