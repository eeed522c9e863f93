"""Reads the price table anew from AWS's own price list, through the pricing API.

A row of prices.json that has a `lookup` names a service and the attributes of exactly one product. No answer, or
several that differ, is refused: a price taken from the wrong product would look as good as the right one. Rows without
a lookup stay as they are. Nothing is written unless every lookup gave one price.
"""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

from ecommerce_dms.console import UserError

# The API itself is served from a few regions; it answers for all.
API_REGION = "us-east-1"

# Our unit → how many of AWS's make one, and what AWS calls it (it is not consistent).
UNITS: dict[str, tuple[int, set[str]]] = {
    "instance-hour": (1, {"hrs", "hours", "instance-hour"}),
    "gateway-hour": (1, {"hrs", "hours"}),
    "address-hour": (1, {"hrs", "hours"}),
    "ACU-hour": (1, {"acu-hr", "acu-hrs", "acu-hour"}),
    "vCPU-hour": (1, {"vcpu-hours", "vcpu-hour", "vcpu-hrs"}),
    "GB": (1, {"gb", "gigabytes"}),
    "GB-month": (1, {"gb-mo", "gb-month"}),
    "IOPS-month": (1, {"iops-mo"}),
    "MiB/s-month": (1, {"mbps-mo", "mibps-mo"}),
    "key-month": (1, {"keys", "key"}),
    "secret-month": (1, {"secrets", "secret"}),
    "alarm-month": (1, {"alarms", "alarm"}),
    "dashboard-month": (1, {"dashboards", "dashboard"}),
    "metric-month": (1, {"metrics", "metric"}),
    "10,000 requests": (10_000, {"requests", "request", "api requests", "api calls"}),
    "100,000 e-mails": (100_000, {"notifications", "notification"}),
    "million requests": (1_000_000, {"requests", "request", "ios", "io"}),
    "million invocations": (1_000_000, {"invocations", "invocation"}),
}


class RefusedError(Exception):
    """One row that gave no single price; its text says why."""


def refreshed(client: Any, document: dict[str, Any], today: dt.date, *, keep: bool = False) -> dict[str, Any]:
    """The table's document with the prices that AWS gives today. `client` is boto3's for `pricing`.

    Args:
        keep: leave rows as they are that give no single price, instead of refusing.

    Raises:
        UserError: rows gave no price, or several; all of them are named.
    """
    rows, refused = {}, []
    for key, row in document["prices"].items():
        rows[key] = row
        if not row.get("lookup"):
            continue
        try:
            rows[key] = _refreshed_row(client, row, document["region"], today)
        except RefusedError as reason:
            refused.append(f"{key}: {reason}")
    if refused and not keep:
        raise UserError(
            f"{len(refused)} of {len(rows)} prices are not clear, so none was written. Correct their lookup in the table, "
            f"or leave them as they are with --keep. " + "; ".join(refused)
        )
    return {**document, "as_of": today.isoformat(), "prices": rows}


def _refreshed_row(client: Any, row: dict[str, Any], region: str, today: dt.date) -> dict[str, Any]:
    products = list(_products(client, row["lookup"], region))
    found = {price: sku for product in products for price, sku in _prices(product, row["unit"])}
    if not found:
        raise RefusedError(f"no product has {_shown(row['lookup'])}")
    if len(found) > 1:
        prices = ", ".join(f"{price} USD ({sku})" for price, sku in sorted(found.items()))
        raise RefusedError(f"{_shown(row['lookup'])} is ambiguous: {prices}")
    (price, sku) = found.popitem()
    evidence = f"AWS price list API, product {sku}, read on {today}."
    return {**row, "usd": _number(price), "verified": True, "evidence": evidence}


def _products(client: Any, lookup: dict[str, str], region: str) -> Iterator[dict[str, Any]]:
    attributes = {name: value for name, value in lookup.items() if name != "service"}
    if "fromRegionCode" not in attributes:  # what transfer is sold by
        attributes = {"regionCode": region, **attributes}
    request = {
        "ServiceCode": lookup["service"],
        "FormatVersion": "aws_v1",
        "Filters": [{"Type": "TERM_MATCH", "Field": name, "Value": value} for name, value in attributes.items()],
    }
    while True:
        answer = client.get_products(**request)
        yield from (json.loads(product) if isinstance(product, str) else product for product in answer["PriceList"])
        if not answer.get("NextToken"):
            return
        request["NextToken"] = answer["NextToken"]


def _prices(product: dict[str, Any], unit: str) -> Iterator[tuple[Decimal, str]]:
    """The on-demand price of a product in our unit: the first step of its scale that is not free."""
    sku = product["product"]["sku"]
    scale, names = UNITS[unit]
    for offer in product.get("terms", {}).get("OnDemand", {}).values():
        steps = sorted(offer["priceDimensions"].values(), key=lambda step: Decimal(step["beginRange"]))
        paid = [step for step in steps if Decimal(step["pricePerUnit"].get("USD", 0)) > 0]
        if not paid:
            continue
        if paid[0]["unit"].lower() not in names:
            raise RefusedError(f"product {sku} is sold by {paid[0]['unit']}, the table wants {unit}")
        yield (Decimal(paid[0]["pricePerUnit"]["USD"]) * scale).normalize(), sku


def _shown(lookup: dict[str, str]) -> str:
    return " ".join(f"{name}={value}" for name, value in lookup.items())


def _number(value: Decimal) -> int | float:
    """As JSON writes it, short: the table is read back as decimals."""
    return int(value) if value == value.to_integral_value() else float(value)
