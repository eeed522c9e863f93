"""Fails over for real, while writers write through schema api, and says what it cost.

local    on this machine: two servers, the primary is killed, the standby promoted. With a synchronous standby no
         acknowledged write may be lost; with --asynchronous the drill makes a loss and has to find it
rds      a Multi-AZ instance is rebooted with failover; two writers make carts, which expire by themselves
"""

from __future__ import annotations

import argparse

from ecommerce_dms import console
from ecommerce_dms.drills import failover, rds, rds_failover
from ecommerce_dms.number_argument import number_between
from ecommerce_dms.settings import add_connection_arguments, load_settings

EXAMPLES = """\
examples:
  python3 scripts/failover_drill.py local                        once, with a synchronous standby
  python3 scripts/failover_drill.py local --rounds 10 --orders 10000
  python3 scripts/failover_drill.py local --asynchronous         the control: it must report losses
  python3 scripts/failover_drill.py rds --instance shop-test --confirm shop-test --account 123456789012
"""


def main(argv: list[str] | None = None) -> int:
    """Run the drill. Returns 0 when it ended as it must, else 1."""
    arguments = _parser().parse_args(argv)
    return arguments.run(arguments)


def _local(arguments: argparse.Namespace) -> int:
    rounds = failover.drill(arguments.rounds, arguments.orders, synchronous=not arguments.asynchronous)
    print("round  acknowledged  lost  repeated  seconds without writes  violations")
    for number, done in enumerate(rounds, 1):
        print(
            f"{number:>5}  {done.acknowledged:>12}  {done.lost:>4}  {done.repeated:>8}"
            f"  {done.seconds_without_writes:>22.2f}  {len(done.violations):>10}"
        )
    broken = [violation for done in rounds for violation in done.violations]
    for violation in broken:
        console.say(violation)
    lost = [done.lost for done in rounds]
    if arguments.asynchronous:
        passed = all(lost) and not broken
        verdict = (
            "the drill finds losses where there are some" if passed else "a loss was not found, or data are broken"
        )
    else:
        passed = not any(lost) and not broken
        verdict = "nothing acknowledged was lost" if passed else "acknowledged writes were lost, or data are broken"
    console.say(verdict)
    return 0 if passed else console.FAILED


def _rds(arguments: argparse.Namespace) -> int:
    settings = load_settings(arguments)
    aws = rds.clients(settings.region)
    rds.require_account(aws, arguments.account)
    settings = rds.at(settings, rds.instance(aws, arguments.instance), arguments.through)
    console.announce(settings)
    measured = rds_failover.drill(aws, arguments.instance, settings, arguments.confirm)
    print(f"acknowledged writes     {measured.acknowledged}")
    print(f"of these lost           {measured.lost}")
    print(f"repeated, unanswered    {measured.repeated}")
    print(f"seconds without writes  {measured.seconds_without_writes:.2f}")
    return console.FAILED if measured.lost else 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        description=__doc__, epilog=EXAMPLES, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    commands = parser.add_subparsers(metavar="WHERE", required=True)
    local = commands.add_parser("local", help="two servers on this machine")
    local.add_argument("--rounds", metavar="N", type=number_between(1, 100), default=1, help="how often (default: 1)")
    local.add_argument(
        "--orders",
        metavar="N",
        type=number_between(200, 1_000_000),
        default=200,
        help="size of the shop (default: 200)",
    )
    local.add_argument("--asynchronous", action="store_true", help="the control: the standby lags, and writes are lost")
    local.set_defaults(run=_local)
    remote = commands.add_parser("rds", help="a Multi-AZ instance")
    remote.add_argument("--instance", metavar="ID", required=True, help="its identifier")
    remote.add_argument("--confirm", metavar="ID", default="", help="the same again: the shop will not write meanwhile")
    remote.add_argument("--account", metavar="NUMBER", help="refuse credentials of another AWS account")
    remote.add_argument("--through", metavar="HOST:PORT", help="connect through a tunnel that ends there")
    add_connection_arguments(remote)
    remote.set_defaults(run=_rds)
    return parser


if __name__ == "__main__":
    raise SystemExit(console.run(main))
