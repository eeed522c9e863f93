"""What the stack in terraform/ costs: for an hour, for some hours and for a month, before it is made or while it runs.

Reads a plan or the state as Terraform shows it, and a dated price table of the repository; asks AWS nothing. What
no plan says (traffic, load, logs) is an assumption, listed below the result. docs/cost.md explains the numbers.
"""

import argparse
import datetime as dt
import difflib
import json
import subprocess
import sys
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any

from ecommerce_dms import console
from ecommerce_dms.aws import cost, cost_page, price_refresh
from ecommerce_dms.aws.cost import Estimate, digits_for, money, spans
from ecommerce_dms.aws.cost_assumptions import Assumptions, assume, assumption_fields, most_of_assumptions
from ecommerce_dms.aws.cost_cases import CASES, plan_of
from ecommerce_dms.aws.prices import PRICES_JSON, PriceTable, price_table, read_table
from ecommerce_dms.console import UsageError, UserError

TERRAFORM = Path(__file__).resolve().parents[1] / "terraform"

EXAMPLES = """\
examples:
  python3 scripts/cost_estimate.py --case test --hours 8           environments/test.tfvars, without Terraform and AWS
  python3 scripts/cost_estimate.py                                 what terraform/ has made, by its state
  terraform plan -out=new.tfplan && \\
    python3 ../scripts/cost_estimate.py --plan new.tfplan          what a plan would make (in terraform/)
  python3 scripts/cost_estimate.py --plan plan.json --json         from `terraform show -json`, for a program
  python3 scripts/cost_estimate.py --assume cpu_percent=60         with another load than the assumed one
  python3 scripts/cost_estimate.py refresh                         read all prices anew from AWS (needs credentials)
  python3 scripts/cost_estimate.py pages --check                   are the tables in README.md and docs/cost.md fresh?
"""


def main(argv: list[str] | None = None) -> int:
    """Estimate, or do what the subcommand says. Returns the exit code."""
    arguments = _parser().parse_args(argv)
    if arguments.command == "refresh":
        return _refresh(arguments)
    if arguments.command == "pages":
        return _pages(check=arguments.check)
    try:
        result = cost.estimate(_document(arguments), arguments.hours, assumptions=_assumptions(arguments.assume))
    except ValueError as error:
        raise UsageError(str(error)) from error
    if not result.items and not result.free and not result.not_priced:
        raise UserError(
            "there are no resources in it: the state is empty, or the plan destroys everything. Give a plan with --plan, "
            f"or one of these with --case: {', '.join(CASES)}."
        )
    print(json.dumps(as_json(result), indent=2) if arguments.json else report(result, arguments.currency))
    return 0


# --- Where the plan comes from ----------------------------------------------------------------------------------------


def _document(arguments: argparse.Namespace) -> dict[str, Any]:
    if arguments.case:
        return plan_of(arguments.case)
    if arguments.plan is None:
        return _show()
    if arguments.plan == Path("-"):
        return _parsed(sys.stdin.read(), "standard input")
    try:
        content = arguments.plan.read_bytes()
    except OSError as error:
        raise UsageError(f"{arguments.plan} cannot be read: {error.strerror}.") from error
    if content.lstrip()[:1] == b"{":
        return _parsed(content.decode("utf-8", errors="replace"), str(arguments.plan))
    return _show(arguments.plan.resolve())


def _parsed(text: str, name: str) -> dict[str, Any]:
    try:
        document = json.loads(text)
    except ValueError as error:
        raise UsageError(f"{name} is no JSON ({error}). Make it with `terraform show -json new.tfplan`.") from error
    if not isinstance(document, dict):
        raise UsageError(
            f"{name} is no plan: it holds a {type(document).__name__}. Use `terraform show -json new.tfplan`."
        )
    return document


def _show(*plan: Path) -> dict[str, Any]:
    """What Terraform says of a plan file, or of the state of terraform/."""
    command = ["terraform", f"-chdir={TERRAFORM}", "show", "-no-color", "-json", *map(str, plan)]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    except FileNotFoundError as error:
        raise UserError(
            f"terraform is not on PATH. Give its JSON with --plan, or one of these with --case: {', '.join(CASES)}."
        ) from error
    if done.returncode != 0:
        raise UserError(
            f"`{' '.join(command)}` failed; `terraform init` in terraform/ may be missing, or give --case. "
            f"Terraform says: {done.stderr.strip()}"
        )
    return _parsed(done.stdout, "what terraform printed")


def _assumptions(given: list[str]) -> Assumptions:
    known = most_of_assumptions()
    values: dict[str, Decimal] = {}
    for one in given:
        name, _, text = one.partition("=")
        if name not in known:
            raise UsageError(f"--assume {one}: {name} is no assumption. There are: {', '.join(sorted(known))}.")
        values[name] = _at_least_zero(text, f"--assume {one}")
        if values[name] > known[name]:
            raise UsageError(f"--assume {one}: {text} is above {known[name]}.")
    return assume(**values)


def _at_least_zero(text: str, where: str) -> Decimal:
    try:
        value = Decimal(text)
    except InvalidOperation as error:
        raise UsageError(f"{where}: {text!r} is no number.") from error
    if not value.is_finite() or value < 0:
        raise UsageError(f"{where}: {text} is not 0 or more.")
    return value


# --- What it says -----------------------------------------------------------------------------------------------------


def report(result: Estimate, currency: str) -> str:
    """The bill as text: by resource and item, its sums, what is not in it, and what it rests on."""
    table = result.table
    columns = spans(result.hours)
    lines = [_row(currency.upper(), [label for label, _ in columns])]
    address = None
    for item in sorted(result.items, key=lambda item: item.address):
        if item.usd_per_hour == 0:
            continue
        if item.address != address:
            address = item.address
            lines.append(address)
        title = f"  {item.what}" + (" ~" if item.usage else "") + ("" if item.price.verified else " ?")
        lines.append(_row(title, _amounts(item.usd_per_hour, columns, currency, table)))
    lines += ["", _row("SUM", _amounts(result.usd_per_hour, columns, currency, table))]
    other = "eur" if currency == "usd" else "usd"
    lines += [_row(f"    in {other.upper()}", _amounts(result.usd_per_hour, columns, other, table)), ""]
    lines += _open_ends(result)
    return "\n".join(lines)


def _amounts(usd_per_hour: Decimal, columns: list[tuple[str, Decimal]], currency: str, table: PriceTable) -> list[str]:
    per_hour = usd_per_hour if currency == "usd" else table.eur(usd_per_hour)
    return [money(per_hour * hours, digits_for(hours)) for _, hours in columns]


def _row(title: str, amounts: list[str]) -> str:
    return f"{title:<44}" + "".join(f"{amount:>13}" for amount in amounts)


def _open_ends(result: Estimate) -> list[str]:
    table = result.table
    lines = [
        f"On demand in {table.region}, prices as of {table.as_of}, 1 EUR = {table.usd_per_eur} USD ({table.rate_date}); "
        "without taxes, free tier and discounts."
    ]
    if result.region and result.region != table.region:
        lines.append(f"! The stack is in {result.region}, the prices are those of {table.region}.")
    if result.not_priced:
        lines += ["", "Not priced:", *(f"  {one.address}: {one.reason}" for one in result.not_priced)]
    lines += ["", "~ follows from these assumptions (--assume NAME=VALUE):"]
    lines += [
        f"  {name}={getattr(result.assumptions, name).normalize():f}".ljust(34) + meaning
        for name, _, meaning in assumption_fields()
    ]
    if result.unverified:
        lines += ["", "? prices that no source was found for in this region:"]
        lines += [f"  {price.key}: {price.usd} USD per {price.unit}. {price.evidence}" for price in result.unverified]
    return lines


def as_json(result: Estimate) -> dict[str, Any]:
    """The bill as data; amounts are text, as decimals are."""
    table = result.table
    return {
        "hours": str(result.hours),
        "region": table.region,
        "prices_as_of": table.as_of.isoformat(),
        "usd_per_eur": str(table.usd_per_eur),
        "sums": [
            {"span": label, "hours": str(hours), "usd": _text(usd), "eur": _text(table.eur(usd))}
            for label, hours, usd in (
                (label, hours, result.usd_per_hour * hours) for label, hours in spans(result.hours)
            )
        ],
        "items": [
            {
                "address": item.address,
                "what": item.what,
                "price": item.price.key,
                "usd_per_hour": _text(item.usd_per_hour),
                "usd": _text(item.usd(result.hours)),
                "usd_per_month": _text(item.usd_per_month),
                "assumed": item.usage,
                "verified": item.price.verified,
                "source": item.price.source,
            }
            for item in result.items
        ],
        "free": result.free,
        "not_priced": [{"address": one.address, "type": one.type, "reason": one.reason} for one in result.not_priced],
        "assumptions": {name: str(getattr(result.assumptions, name)) for name, _, _ in assumption_fields()},
    }


def _text(amount: Decimal) -> str:
    return f"{amount:.6f}"


# --- Keeping table and pages fresh ------------------------------------------------------------------------------------


def _refresh(arguments: argparse.Namespace) -> int:
    import boto3
    from botocore.exceptions import BotoCoreError, ClientError

    document = json.loads(PRICES_JSON.read_text(encoding="utf-8"))
    if arguments.usd_per_eur:
        day = arguments.rate_date or dt.datetime.now(dt.UTC).date()
        rate = float(arguments.usd_per_eur)
        document["exchange"] = {**document["exchange"], "usd_per_eur": rate, "date": day.isoformat()}
    try:
        client = boto3.client("pricing", region_name=price_refresh.API_REGION)
        new = price_refresh.refreshed(client, document, dt.datetime.now(dt.UTC).date(), keep=arguments.keep)
    except (BotoCoreError, ClientError) as error:
        raise UserError(f"AWS did not give its prices: {error}") from error
    for line in price_changes(price_table(), read_table(json.loads(json.dumps(new), parse_float=Decimal))):
        print(line)
    beside = PRICES_JSON.with_suffix(".new")  # replaced in one step: a half-written table would stop every estimate
    beside.write_text(json.dumps(new, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    beside.replace(PRICES_JSON)
    price_table.cache_clear()
    console.say(f"Wrote {PRICES_JSON}. Now run scripts/cost_estimate.py pages, and commit both.")
    return 0


def price_changes(old: PriceTable, new: PriceTable) -> list[str]:
    """One line for each price that is another."""
    return [
        f"{key}: {old[key].usd} -> {price.usd} USD per {price.unit}"
        for key, price in new.prices.items()
        if price.usd != old[key].usd
    ]


def _pages(*, check: bool) -> int:
    stale = False
    for page in cost_page.PAGES:
        present = page.read_text(encoding="utf-8")
        wanted = cost_page.with_tables(present)
        if present == wanted:
            continue
        stale = True
        if check:
            lines = (present.splitlines(keepends=True), wanted.splitlines(keepends=True))
            sys.stdout.writelines(difflib.unified_diff(*lines, page.name, "the price table"))
        else:
            page.write_text(wanted, encoding="utf-8")
            console.say(f"Wrote {page}.")
    if check and stale:
        console.say("The tables are not those of the price table: run scripts/cost_estimate.py pages and commit it.")
        return console.FAILED
    if not stale:
        console.say("The tables are up to date.")
    return 0


def _hours(text: str) -> Decimal:
    try:
        hours = Decimal(text)
    except InvalidOperation as error:
        raise argparse.ArgumentTypeError(f"{text!r} is no number") from error
    if not hours.is_finite() or hours <= 0:
        raise argparse.ArgumentTypeError(f"{text} is not above 0")
    return hours


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        description=__doc__, epilog=EXAMPLES, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    source = parser.add_mutually_exclusive_group()
    source.add_argument(
        "--plan",
        metavar="FILE",
        type=Path,
        help="a saved plan, or the JSON of `terraform show -json`; - reads it from a pipe",
    )
    source.add_argument("--case", choices=CASES, help="a stack that is known without Terraform")
    parser.add_argument("--hours", metavar="N", type=_hours, default=Decimal(3), help="how long it lives (default: 3)")
    parser.add_argument("--currency", choices=("usd", "eur"), default="usd", help="of the columns (default: usd)")
    parser.add_argument("--json", action="store_true", help="the result as JSON")
    parser.add_argument(
        "--assume", metavar="NAME=VALUE", action="append", default=[], help="another value of an assumption; repeat it"
    )
    commands = parser.add_subparsers(dest="command", metavar="{refresh,pages}", title="the price table and its pages")
    refresh = commands.add_parser("refresh", help="read the prices anew from AWS's price list")
    refresh.add_argument(
        "--keep", action="store_true", help="leave prices as they are that AWS's answer does not make clear"
    )
    refresh.add_argument("--usd-per-eur", metavar="RATE", type=_hours, help="a new exchange rate")
    refresh.add_argument("--rate-date", metavar="DATE", type=dt.date.fromisoformat, help="its day (default: today)")
    pages = commands.add_parser("pages", help="make the tables of README.md and docs/cost.md anew")
    pages.add_argument("--check", action="store_true", help="write nothing; exit with 1 if they are stale")
    return parser


if __name__ == "__main__":
    raise SystemExit(console.run(main))
