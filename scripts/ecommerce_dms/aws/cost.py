"""What a stack costs: from Terraform's plan or state, as `terraform show -json` prints it, and the price table.

Pure: nothing here runs Terraform, reads a file but the table, or asks AWS. What a bill depends on and no plan knows
(traffic, logs, load) is an assumption with a default (cost_assumptions.py), shown beside the result. A resource is priced
or free (cost_of_resources.py), or listed as not priced; nothing is left out in silence. What stays after a destroy is
cost_kept.py's.

    estimate(plan, hours)      the cost of what a plan makes, or a state holds
    summary_lines(estimate)    the same for a screen, before somebody says yes

On-demand prices without taxes, free tier, discounts and credits.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from ecommerce_dms.aws.cost_assumptions import Assumptions
from ecommerce_dms.aws.cost_of_resources import FREE, HOURS_PER_MONTH, PRICED, Bill, Item, NotPriced, Resource
from ecommerce_dms.aws.prices import Price, PriceTable, price_table


@dataclass(frozen=True)
class Estimate:
    """The bill, and all that it leaves open."""

    hours: Decimal
    items: tuple[Item, ...]
    free: dict[str, str]  # type → reason, of the types that occur
    not_priced: tuple[NotPriced, ...]
    assumptions: Assumptions
    table: PriceTable
    region: str | None

    @property
    def usd_per_hour(self) -> Decimal:
        return sum((item.usd_per_hour for item in self.items), Decimal(0))

    @property
    def usd(self) -> Decimal:
        """For the hours that were asked for."""
        return self.usd_per_hour * self.hours

    @property
    def usd_per_month(self) -> Decimal:
        return self.usd_per_hour * HOURS_PER_MONTH

    @property
    def eur(self) -> Decimal:
        return self.table.eur(self.usd)

    @property
    def unverified(self) -> tuple[Price, ...]:
        """The prices in it that nobody saw for this region, each once."""
        return tuple({item.price.key: item.price for item in self.items if not item.price.verified}.values())


def estimate(
    plan: dict[str, Any],
    hours: Decimal | float,
    *,
    assumptions: Assumptions | None = None,
    table: PriceTable | None = None,
) -> Estimate:
    """What all resources of a plan (after it), or of a state, cost for `hours`.

    Takes the document of `terraform show -json`. Raises ValueError for anything else, and for hours below 0.
    """
    if Decimal(str(hours)) < 0:
        raise ValueError(f"hours is {hours}: give 0 or more")
    bill = Bill(managed_resources(plan), assumptions or Assumptions(), table or price_table())
    for resource in bill.resources:
        price_it = PRICED.get(resource["type"])
        if price_it is not None:
            price_it(bill, resource)
        elif resource["type"] not in FREE:
            bill.skip(resource, "this type is not known here")
    types = {resource["type"] for resource in bill.resources}
    return Estimate(
        hours=Decimal(str(hours)),
        items=tuple(bill.items),
        free={type_: reason for type_, reason in FREE.items() if type_ in types},
        not_priced=tuple(bill.skipped),
        assumptions=bill.assumptions,
        table=bill.table,
        region=region_of(plan),
    )


def summary_lines(result: Estimate, *, most: int = 5) -> list[str]:
    """A few lines for a screen: the sum for an hour, the hours asked for and a month, what drives it, what is open."""
    table = result.table
    lines = [f"Cost (on demand, {table.region}, prices of {table.as_of}, 1 EUR = {table.usd_per_eur} USD):"]
    for label, hours in spans(result.hours):
        usd, digits = result.usd_per_hour * hours, digits_for(hours)
        lines.append(f"  {label:<10} {money(usd, digits):>10} USD {money(table.eur(usd), digits):>10} EUR")
    biggest = sorted(by_what(result.items).items(), key=lambda pair: -pair[1])[:most]
    lines += [f"    {money(usd * HOURS_PER_MONTH):>10} USD a month: {what}" for what, usd in biggest if usd > 0]
    if result.not_priced:
        lines.append(
            "  Not in it: " + ", ".join(sorted({f"{one.address} ({one.reason})" for one in result.not_priced}))
        )
    if result.region and result.region != table.region:
        lines.append(f"  The stack is in {result.region}, the prices are those of {table.region}: expect a difference.")
    if result.unverified:
        lines.append(f"  {len(result.unverified)} of the prices are not verified; scripts/cost_estimate.py lists them.")
    return lines


# --- Reading Terraform ------------------------------------------------------------------------------------------------


def managed_resources(document: dict[str, Any]) -> list[Resource]:
    """The resources of a plan (as they will be) or a state, modules included, data sources not."""
    values = document.get("planned_values") if "planned_values" in document else document.get("values", {})
    if "format_version" not in document:
        raise ValueError("this is not what `terraform show -json` prints: it has no format_version")
    return list(_walk((values or {}).get("root_module") or {}))


def _walk(module: dict[str, Any]) -> Iterator[Resource]:
    yield from (resource for resource in module.get("resources", []) if resource.get("mode") == "managed")
    for child in module.get("child_modules", []):
        yield from _walk(child)


def region_of(document: dict[str, Any]) -> str | None:
    """The region, as the variable `region` of a plan or the output of a state says it."""
    variable = document.get("variables", {}).get("region", {}).get("value")
    values = document.get("planned_values") or document.get("values") or {}
    return variable or values.get("outputs", {}).get("region", {}).get("value")


def money(usd: Decimal, digits: int = 2) -> str:
    """With a fixed number of digits, and never 0.00 for something that costs."""
    least = Decimal(1).scaleb(-digits)
    return f"<{least}" if 0 < usd < least / 2 else f"{usd:,.{digits}f}"


def digits_for(hours: Decimal | float) -> int:
    """Cents for a month; for a few hours, what is below them, too."""
    return 2 if hours >= HOURS_PER_MONTH / 2 else 4


def spans(hours: Decimal) -> list[tuple[str, Decimal]]:
    """What every table shows: an hour, the hours asked for, a month."""
    asked = [] if hours in (1, HOURS_PER_MONTH) else [(f"{hours.normalize():f} hours", hours)]
    return [("an hour", Decimal(1)), *asked, ("a month", Decimal(HOURS_PER_MONTH))]


def by_what(items: Iterable[Item]) -> dict[str, Decimal]:
    """USD an hour by kind of cost, in the order of the plan."""
    sums: dict[str, Decimal] = {}
    for item in items:
        sums[item.what] = sums.get(item.what, Decimal(0)) + item.usd_per_hour
    return sums
