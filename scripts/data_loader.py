"""Fills every table of the shop with realistic, consistent sample data: two years of a shop, made from a seed.

All or nothing: one transaction, which ends with every guard in place and every invariant verified. A run that
fails or is killed leaves the database as it was. Production is refused, and so is a database that holds data,
unless --append or --replace says what to do with them.
"""

import argparse
import datetime as dt

from ecommerce_dms import console
from ecommerce_dms.sample_data import loading, markets, sizes
from ecommerce_dms.sample_data.loading import Onto
from ecommerce_dms.settings import add_connection_arguments, load_settings

EXAMPLES = """\
examples:
  python3 scripts/data_loader.py                          2,000 customers, 1,500 variants, 10,000 orders
  python3 scripts/data_loader.py --scale 10               100,000 orders, and what belongs to them
  python3 scripts/data_loader.py --orders 500 --replace   instead of the sample data that are there
  python3 scripts/data_loader.py --seed 7 --as-of 2026-01-31 --checksums
                                                          the same content, and checksums, on any day and machine

Content depends on the seed, the number of orders and --as-of alone. All sample customers have the password
sample-data-only; their addresses are at example.com, example.net and example.org.
"""


def main(argv: list[str] | None = None) -> int:
    """Load, and print the summary. Returns the exit code."""
    arguments = _parser().parse_args(argv)
    settings = load_settings(arguments)
    console.say(f"Server: {settings.describe()}")
    request = loading.Request(
        orders=arguments.scale or arguments.orders,
        seed=arguments.seed,
        as_of=arguments.as_of or _midnight(),
        onto=arguments.onto,
        checksums=arguments.checksums,
    )
    print(loading.load(settings, request))
    return 0


def _midnight() -> dt.datetime:
    return dt.datetime.now(dt.UTC).replace(hour=0, minute=0, second=0, microsecond=0)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        description=__doc__, epilog=EXAMPLES, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    size = parser.add_mutually_exclusive_group()
    size.add_argument(
        "--orders",
        metavar="N",
        type=_orders,
        default=sizes.DEFAULT_ORDERS,
        help=f"how many orders (default: {sizes.DEFAULT_ORDERS:,}); the other sizes follow",
    )
    size.add_argument(
        "--scale", metavar="F", type=_scale, help="the same as a factor: 1 is the default size, 0.1 a tenth"
    )
    parser.add_argument("--seed", metavar="N", type=int, default=1, help="another seed makes another shop (default: 1)")
    parser.add_argument(
        "--as-of",
        metavar="DATE",
        type=_moment,
        help="the day or moment (ISO 8601, UTC unless it says otherwise) at which the two years end "
        "(default: last midnight, UTC); give it to get the same content on another day",
    )
    onto = parser.add_mutually_exclusive_group()
    onto.add_argument(
        "--append",
        dest="onto",
        action="store_const",
        const=Onto.APPEND,
        default=Onto.EMPTY,
        help="add to the data that are there",
    )
    onto.add_argument(
        "--replace",
        dest="onto",
        action="store_const",
        const=Onto.REPLACE,
        help="replace the data that are there, if they are sample data",
    )
    parser.add_argument(
        "--checksums", action="store_true", help="add a checksum of each table's content to the summary"
    )
    add_connection_arguments(parser)
    return parser


def _orders(text: str) -> int:
    orders = int(text)
    if not sizes.LEAST_ORDERS <= orders <= sizes.MOST_ORDERS:
        raise argparse.ArgumentTypeError(
            f"{orders:,} is not between {sizes.LEAST_ORDERS} (so that everything occurs) and {sizes.MOST_ORDERS:,}"
        )
    return orders


def _scale(text: str) -> int:
    return _orders(str(round(float(text) * sizes.DEFAULT_ORDERS)))


def _moment(text: str) -> dt.datetime:
    moment = dt.datetime.fromisoformat(text)
    moment = moment.astimezone(dt.UTC) if moment.tzinfo else moment.replace(tzinfo=dt.UTC)
    if not markets.EARLIEST_AS_OF <= moment <= dt.datetime.now(dt.UTC):
        raise argparse.ArgumentTypeError(f"{text} is not between {markets.EARLIEST_AS_OF:%Y-%m-%d} and now")
    return moment


if __name__ == "__main__":
    raise SystemExit(console.run(main))
