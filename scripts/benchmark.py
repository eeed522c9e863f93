"""Measures the database: how fast orders are placed, how a product that everybody wants sells, and how reads grow with the shop.

Starts a PostgreSQL 18 of its own, with durability on, fills it with the sample data, drives it with pgbench, and removes it.
The configured server is never touched. Afterwards every invariant is verified; a violation or a deadlock exits with 1.
A shop of 1,000,000 orders needs 20 GB for a while in the folder for temporary files (TMPDIR; as root, /var/lib).
"""

import argparse
import sys

from ecommerce_dms import console
from ecommerce_dms.benchmarks import checkout, hot, quotes, reads, report
from ecommerce_dms.benchmarks.shop import MODELS

EXAMPLES = """\
examples:
  python3 scripts/benchmark.py checkout                 orders a second, beside bare writes and an ORM's statements
  python3 scripts/benchmark.py hot                      one product for all, slots, and a synchronous standby
  python3 scripts/benchmark.py reads                    pages and lists at 10,000 and 1,000,000 orders: 20 minutes
  python3 scripts/benchmark.py reads --orders 1000,100000
  python3 scripts/benchmark.py checkout --quick         does it run at all? The numbers say nothing
  python3 scripts/benchmark.py checkout --write         and write docs/benchmarks.md, and what docs/scaling.md quotes of it
  python3 scripts/benchmark.py quote                    write only the quotations, after docs/benchmarks.md was merged
"""


def main(argv: list[str] | None = None) -> int:
    """Measure, print the tables, write them when asked. Returns the exit code."""
    arguments = _parser().parse_args(argv)
    if arguments.command == "quote":
        quotes.refresh(report.BENCHMARKS_MD)
        console.say(f"Wrote the quotations of {quotes.SCALING_MD}.")
        return 0
    found = arguments.measure(arguments)
    print(found.text())
    if arguments.write and not found.failures:
        report.write(found)
        quotes.refresh(report.BENCHMARKS_MD)
        console.say(f"Wrote {report.BENCHMARKS_MD} and the quotations of {quotes.SCALING_MD}.")
    for failure in found.failures:
        console.say(f"failed: {failure}")
    return console.FAILED if found.failures else 0


def _checkout(arguments: argparse.Namespace) -> report.Report:
    quick = arguments.quick
    return checkout.measure(
        checkout.Request(
            clients=arguments.clients or ((2,) if quick else (1, 8, 32)),
            lines=(10, 1),
            runs=1 if quick else arguments.runs,
            seconds=1 if quick else arguments.seconds,
            orders=50 if quick else 10_000,
        )
    )


def _hot(arguments: argparse.Namespace) -> report.Report:
    quick = arguments.quick
    return hot.measure(
        hot.Request(
            clients=(arguments.clients or ((4,) if quick else (32,)))[0],
            runs=1 if quick else arguments.runs,
            seconds=1 if quick else arguments.seconds,
            orders=50 if quick else 10_000,
            slots=4 if quick else 32,
        )
    )


def _reads(arguments: argparse.Namespace) -> report.Report:
    quick = arguments.quick
    return reads.measure(
        reads.Request(
            clients=(arguments.clients or (2,))[0],
            runs=1 if quick else arguments.runs,
            seconds=1 if quick else arguments.seconds,
            orders=arguments.orders or ((50, 200) if quick else (10_000, 1_000_000)),
        )
    )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        description=__doc__, epilog=EXAMPLES, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="{checkout,hot,reads,quote}")
    for name, measure, text in (
        ("checkout", _checkout, "orders a second through the contract, and what that costs"),
        ("hot", _hot, "all clients buy one product"),
        ("reads", _reads, "pages and lists at two sizes of the shop"),
    ):
        command = commands.add_parser(name, help=text, description=text[0].upper() + text[1:] + ".")
        command.set_defaults(measure=measure, orders=None)
        command.add_argument("--seconds", metavar="S", type=_positive, default=10, help="length of a run (default: 10)")
        command.add_argument("--runs", metavar="N", type=_positive, default=3, help="runs, for a median (default: 3)")
        command.add_argument("--quick", action="store_true", help="one run of a second in a tiny shop, to see it work")
        command.add_argument("--write", action="store_true", help="write the section in docs/benchmarks.md")
        listed = name == "checkout"
        command.add_argument(
            "--clients",
            metavar="N,…" if listed else "N",
            type=_several if listed else _one,
            help=f"clients at a time (default: {'1,8,32' if listed else 32 if name == 'hot' else 2})",
        )
        if name == "reads":
            command.add_argument(
                "--orders", metavar="N,N", type=_two, help="orders in the two shops (default: 10000,1000000)"
            )
    text = "write what docs/scaling.md quotes of docs/benchmarks.md; measures nothing"
    commands.add_parser("quote", help=text, description=text[0].upper() + text[1:] + ".")
    return parser


def _positive(text: str) -> int:
    return _number(text, 1, 3600)


def _several(text: str) -> tuple[int, ...]:
    return tuple(_number(part, 1, 100) for part in text.split(","))


def _one(text: str) -> tuple[int, ...]:
    return (_number(text, 1, 100),)


def _two(text: str) -> tuple[int, ...]:
    sizes = tuple(_number(part, 50, 10_000_000) for part in text.split(","))
    if any(size > MODELS and size % MODELS for size in sizes):
        raise argparse.ArgumentTypeError(f"above {MODELS:,} orders there are only multiples of it, not {text}")
    if len(sizes) != 2 or sizes[0] >= sizes[1]:
        raise argparse.ArgumentTypeError(
            f"{text} is not two numbers of orders, the smaller first, such as 10000,1000000"
        )
    return sizes


def _number(text: str, least: int, most: int) -> int:
    if not text.isascii() or not text.isdecimal() or not least <= int(text) <= most:
        raise argparse.ArgumentTypeError(f"{text} is not a whole number from {least} to {most:,}")
    return int(text)


if __name__ == "__main__":
    sys.exit(console.run(main))
