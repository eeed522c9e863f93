"""The price table from AWS's price list: botocore's stubber answers as the pricing API does, and checks what is asked."""

from __future__ import annotations

import copy
import datetime as dt
import json
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import boto3
import cost_estimate
import pytest
from botocore.stub import Stubber
from ecommerce_dms.aws import price_refresh
from ecommerce_dms.aws.price_refresh import UNITS, refreshed
from ecommerce_dms.aws.prices import PRICES_JSON, price_table
from ecommerce_dms.console import UserError

TODAY = dt.date(2027, 1, 2)
NAT = {"service": "AmazonEC2", "usagetype": "EU-NatGateway-Hours", "operation": "NatGateway"}


def table(unit: str = "gateway-hour", lookup: dict[str, str] | None = NAT) -> dict[str, Any]:
    row = {"usd": 0.048, "unit": unit, "verified": False, "source": "https://…", "evidence": "…", "lookup": lookup}
    return {"region": "eu-west-1", "as_of": "2026-01-01", "prices": {"nat": row}}


def product(sku: str, *steps: tuple[str, str, str]) -> str:
    """As the price list writes one: (begin of the step, unit, USD)."""
    dimensions = {
        f"{sku}.{begin}": {"beginRange": begin, "unit": unit, "pricePerUnit": {"USD": price}}
        for begin, unit, price in steps
    }
    return json.dumps({"product": {"sku": sku}, "terms": {"OnDemand": {f"{sku}.T": {"priceDimensions": dimensions}}}})


@pytest.fixture
def pricing() -> Iterator[tuple[Any, Stubber]]:
    client = boto3.client(
        "pricing", region_name="us-east-1", aws_access_key_id="testing", aws_secret_access_key="testing"
    )
    with Stubber(client) as stub:
        yield client, stub


def asked(lookup: dict[str, str] = NAT, **more: Any) -> dict[str, Any]:
    attributes = {name: value for name, value in lookup.items() if name != "service"}
    attributes = attributes if "fromRegionCode" in attributes else {"regionCode": "eu-west-1", **attributes}
    filters = [{"Type": "TERM_MATCH", "Field": name, "Value": value} for name, value in attributes.items()]
    return {"ServiceCode": lookup["service"], "FormatVersion": "aws_v1", "Filters": filters, **more}


def answer(stub: Stubber, *products: str) -> None:
    stub.add_response("get_products", {"PriceList": list(products)}, asked())


def test_a_price_is_written_with_its_product_and_the_day(pricing) -> None:
    client, stub = pricing
    answer(stub, product("SKU1", ("0", "Hrs", "0.0510000000")))
    before = table()
    new = refreshed(client, before, TODAY)
    assert new["as_of"] == "2027-01-02"
    row = new["prices"]["nat"]
    assert (row["usd"], row["verified"]) == (0.051, True)
    assert "SKU1" in row["evidence"]
    assert "2027-01-02" in row["evidence"]
    assert row["lookup"] == NAT
    assert before == table(), "the document that was given is not changed"
    stub.assert_no_pending_responses()


def test_products_with_different_prices_are_refused_with_both(pricing) -> None:
    client, stub = pricing
    answer(stub, product("A", ("0", "Hrs", "0.048")), product("B", ("0", "Hrs", "0.05")))
    with pytest.raises(UserError, match=r"nat: .* is ambiguous: 0\.048 USD \(A\), 0\.05 USD \(B\)"):
        refreshed(client, table(), TODAY)


def test_products_with_the_same_price_are_one_price(pricing) -> None:
    client, stub = pricing
    answer(stub, product("A", ("0", "Hrs", "0.048")), product("B", ("0", "Hrs", "0.0480")))
    assert refreshed(client, table(), TODAY)["prices"]["nat"]["usd"] == 0.048


def test_ambiguity_on_a_later_page_is_seen(pricing) -> None:
    client, stub = pricing
    first = {"PriceList": [product("A", ("0", "Hrs", "0.048"))], "NextToken": "next"}
    stub.add_response("get_products", first, asked())
    stub.add_response("get_products", {"PriceList": [product("B", ("0", "Hrs", "0.09"))]}, asked(NextToken="next"))
    with pytest.raises(UserError, match="ambiguous"):
        refreshed(client, table(), TODAY)
    stub.assert_no_pending_responses()


def test_no_product_is_refused_and_not_a_price_of_nothing(pricing) -> None:
    client, stub = pricing
    answer(stub)
    with pytest.raises(UserError, match="no product has service=AmazonEC2 usagetype=EU-NatGateway-Hours"):
        refreshed(client, table(), TODAY)


def test_a_free_first_step_is_no_price_and_the_first_paid_one_is(pricing) -> None:
    client, stub = pricing
    steps = [("1000000", "Requests", "0.0000005"), ("0", "Requests", "0"), ("9000000", "Requests", "0.0000001")]
    answer(stub, product("A", *steps))
    assert refreshed(client, table("million requests"), TODAY)["prices"]["nat"]["usd"] == 0.5


def test_a_product_sold_by_another_unit_is_refused(pricing) -> None:
    client, stub = pricing
    answer(stub, product("A", ("0", "GB", "0.048")))
    with pytest.raises(UserError, match="product A is sold by GB, the table wants gateway-hour"):
        refreshed(client, table(), TODAY)


def test_keep_leaves_what_is_not_clear_as_it_was(pricing) -> None:
    client, stub = pricing
    answer(stub)
    assert refreshed(client, table(), TODAY, keep=True)["prices"] == table()["prices"]


def test_a_row_without_lookup_is_not_asked_for(pricing) -> None:
    client, _ = pricing
    assert refreshed(client, table(lookup=None), TODAY)["prices"] == table(lookup=None)["prices"]


def test_every_row_of_the_table_can_be_asked_for_and_read() -> None:
    document = json.loads(PRICES_JSON.read_text(encoding="utf-8"))
    for key, row in document["prices"].items():
        assert row["unit"] in UNITS, key
        assert row["lookup"] is None or {"service"} < row["lookup"].keys(), key


@pytest.fixture
def own_table(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the table, for a program that writes it."""
    path = tmp_path / "prices.json"
    path.write_text(PRICES_JSON.read_text(encoding="utf-8"), encoding="utf-8")
    monkeypatch.setattr(cost_estimate, "PRICES_JSON", path)
    return path


@pytest.fixture
def real_price_list(pricing, monkeypatch: pytest.MonkeyPatch) -> Stubber:
    """The pricing API with one answer for each row that can be asked for: its price, doubled."""
    client, stub = pricing
    monkeypatch.setattr(boto3, "client", lambda *_, **__: client)
    for key, row in json.loads(PRICES_JSON.read_text(encoding="utf-8"), parse_float=Decimal)["prices"].items():
        if row["lookup"]:
            scale, names = UNITS[row["unit"]]
            doubled = product(key, ("0", min(names), str(2 * Decimal(row["usd"]) / scale)))
            stub.add_response("get_products", {"PriceList": [doubled]}, asked(row["lookup"]))
    return stub


def test_the_program_writes_the_whole_table_and_says_what_changed(own_table, real_price_list, capsys) -> None:
    assert cost_estimate.main(["refresh", "--usd-per-eur", "1.25", "--rate-date", "2026-12-31"]) == 0
    real_price_list.assert_no_pending_responses()
    new, old = price_table(own_table), price_table()
    assert new["nat.hour"].usd == 2 * old["nat.hour"].usd
    assert new["kms.requests"].usd == old["kms.requests"].usd  # no lookup
    assert (new.usd_per_eur, new.rate_date) == (Decimal("1.25"), dt.date(2026, 12, 31))
    assert "nat.hour: 0.048 -> 0.096 USD per gateway-hour" in capsys.readouterr().out


def test_a_refused_refresh_leaves_the_file_alone(own_table, pricing, monkeypatch) -> None:
    client, stub = pricing
    monkeypatch.setattr(boto3, "client", lambda *_, **__: client)
    monkeypatch.setattr(price_refresh, "_products", lambda *_: iter(()))
    before = own_table.read_bytes()
    with pytest.raises(UserError, match="none was written"):
        cost_estimate.main(["refresh"])
    assert own_table.read_bytes() == before
    stub.assert_no_pending_responses()


def test_an_answer_of_aws_that_is_an_error_is_one_sentence(own_table, pricing, monkeypatch) -> None:
    client, stub = pricing
    monkeypatch.setattr(boto3, "client", lambda *_, **__: client)
    stub.add_client_error("get_products", "AccessDeniedException", "not authorized to perform pricing:GetProducts")
    with pytest.raises(UserError, match="pricing:GetProducts"):
        cost_estimate.main(["refresh"])


def test_a_document_is_refreshed_as_a_copy() -> None:
    document = table(lookup=None)
    before = copy.deepcopy(document)
    assert refreshed(None, document, TODAY) is not document
    assert document == before
