"""Proves that backups can be restored: restores one for real, compares what came back, and cleans up.

local     on this machine: a base backup and archived log, rolled forward to random moments of a shop under load
rds       the newest snapshot, or a moment, as a temporary instance: examined read-only, published, deleted
remember  write the checksums of a database to a file, for a later `rds --expect`
clean     delete what interrupted drills left behind
"""

from __future__ import annotations

import argparse
import datetime as dt
from pathlib import Path

from ecommerce_dms import console
from ecommerce_dms.drills import point_in_time, rds, rds_restore
from ecommerce_dms.drills.rds_restore import Wish
from ecommerce_dms.number_argument import number_between
from ecommerce_dms.settings import add_connection_arguments, load_settings

EXAMPLES = """\
examples:
  python3 scripts/restore_drill.py local                              two moments of a small shop
  python3 scripts/restore_drill.py local --moments 10 --orders 10000
  python3 scripts/restore_drill.py rds --instance shop-production --account 123456789012
  python3 scripts/restore_drill.py rds --instance shop-production --at 2026-11-01T12:00:00Z --class db.t4g.medium
  python3 scripts/restore_drill.py remember expected.json             while nobody writes
  python3 scripts/restore_drill.py clean --instance shop-production
"""


def main(argv: list[str] | None = None) -> int:
    """Run the drill. Returns 0 when all that was restored is as it must be, else 1."""
    arguments = _parser().parse_args(argv)
    return arguments.run(arguments)


def _local(arguments: argparse.Namespace) -> int:
    restored = point_in_time.drill(arguments.moments, arguments.orders, arguments.seed)
    print("moment                             orders  seconds  tables that differ  violations")
    for each in restored:
        moment = each.moment
        print(
            f"{moment.at:<32}  {moment.orders:>7}  {each.seconds:>7.1f}  {len(each.different):>18}"
            f"  {len(each.violations):>10}"
        )
        for problem in (*(f"{table} differs" for table in each.different), *each.violations):
            console.say(f"{moment.at}: {problem}")
    passed = not any(each.different or each.violations for each in restored)
    console.say("every moment came back as it was" if passed else "what came back is not what was there")
    return 0 if passed else console.FAILED


def _rds(arguments: argparse.Namespace) -> int:
    settings = load_settings(arguments)
    aws = rds.clients(settings.region)
    rds.require_account(aws, arguments.account)
    expected = rds_restore.remembered(arguments.expect) if arguments.expect else None
    wish = Wish(arguments.snapshot, arguments.at, arguments.instance_class)
    examined = rds_restore.drill(aws, arguments.instance, settings, wish, expected, arguments.through)
    print(f"restored     {examined.restored_from}")
    print(f"age          {examined.age_seconds:,.0f} s")
    print(f"took         {examined.restore_seconds:,.0f} s")
    print(f"orders       {examined.orders:,}")
    print(f"problems     {len(examined.problems)}")
    for problem in examined.problems:
        console.say(problem)
    return console.FAILED if examined.problems else 0


def _remember(arguments: argparse.Namespace) -> int:
    settings = load_settings(arguments)
    console.announce(settings)
    moment = rds_restore.remember(settings, arguments.file)
    print(f"{len(moment.checksums)} tables, {moment.orders:,} orders as of {moment.at} in {arguments.file}")
    return 0


def _clean(arguments: argparse.Namespace) -> int:
    aws = rds.clients(load_settings(arguments).region)
    rds.require_account(aws, arguments.account)
    deleted = rds_restore.clean(aws, rds.instance(aws, arguments.instance), dt.timedelta(0))
    console.say(f"{len(deleted)} temporary instances deleted")
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        description=__doc__, epilog=EXAMPLES, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    commands = parser.add_subparsers(metavar="WHAT", required=True)

    local = commands.add_parser("local", help="a base backup and archived log on this machine")
    local.add_argument("--moments", metavar="N", type=number_between(1, 100), default=2, help="how many (default: 2)")
    local.add_argument(
        "--orders",
        metavar="N",
        type=number_between(200, 1_000_000),
        default=200,
        help="size of the shop (default: 200)",
    )
    local.add_argument("--seed", metavar="N", type=int, default=1, help="other moments (default: 1)")
    local.set_defaults(run=_local)

    remote = commands.add_parser("rds", help="a temporary instance from a snapshot or a moment")
    _add_instance(remote)
    what = remote.add_mutually_exclusive_group()
    what.add_argument("--snapshot", metavar="ID", help="this one (default: the newest)")
    what.add_argument(
        "--at", metavar="MOMENT", type=_moment, help="point in time, ISO 8601, UTC unless it says otherwise"
    )
    remote.add_argument(
        "--class", dest="instance_class", metavar="CLASS", help="of the temporary one (default: the same)"
    )
    remote.add_argument("--expect", metavar="FILE", type=Path, help="checksums that `remember` wrote")
    remote.add_argument("--through", metavar="HOST:PORT", help="connect through a tunnel that ends there")
    add_connection_arguments(remote)
    remote.set_defaults(run=_rds)

    remember = commands.add_parser("remember", help="write checksums of all tables to a file")
    remember.add_argument("file", metavar="FILE", type=Path)
    add_connection_arguments(remember)
    remember.set_defaults(run=_remember)

    clean = commands.add_parser("clean", help="delete what interrupted drills left")
    _add_instance(clean)
    add_connection_arguments(clean)
    clean.set_defaults(run=_clean)
    return parser


def _add_instance(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--instance", metavar="ID", required=True, help="the source's identifier")
    parser.add_argument("--account", metavar="NUMBER", help="refuse credentials of another AWS account")


def _moment(text: str) -> dt.datetime:
    moment = dt.datetime.fromisoformat(text)
    return moment.astimezone(dt.UTC) if moment.tzinfo else moment.replace(tzinfo=dt.UTC)


if __name__ == "__main__":
    raise SystemExit(console.run(main))
