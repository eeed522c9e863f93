"""docs/invariants.md names a test for everything that cannot happen; here are those tests that belong to no area, and the
check that every name in the document is a test that there is."""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterator
from contextlib import closing
from itertools import cycle, islice
from pathlib import Path
from typing import Any

import psycopg2
import pytest
from contract_shop import MARKETS, callers, errors_of, place, tell, together, uuid7
from ecommerce_dms.connection import connect
from ecommerce_dms.db_tests import columns
from ecommerce_dms.db_tests.corruptions import CORRUPTIONS
from ecommerce_dms.db_tests.guards import PROOF
from ecommerce_dms.db_tests.races import RACES
from ecommerce_dms.roles import OWNER
from ecommerce_dms.settings import Settings

ROOT = Path(__file__).resolve().parents[2]
DOCUMENT = ROOT / "docs" / "invariants.md"
ROWS = [*range(1, 15), *range(16, 49)]  # 15 is about gift cards, which there are none of.


def rows_of_document() -> dict[int, list[str]]:
    """The proofs that each row names."""
    found = {}
    for line in DOCUMENT.read_text(encoding="utf-8").splitlines():
        match = re.fullmatch(r"\| (\d+) \|(.*)\|(.*)\|(.*)\|", line)
        if match:
            found[int(match[1])] = re.findall(r"`([^`]+)`", match[4])
    return found


def names_of_tests() -> set[str]:
    """file.py::test of every test function, method and check."""
    folders = (ROOT / "scripts" / "tests", ROOT / "scripts" / "ecommerce_dms" / "db_tests")
    found = {f"columns.py::{check.claim}" for check in columns.CHECKS}
    for path in (path for folder in folders for path in folder.glob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.FunctionDef) and node.name.startswith("test_"):
                found.add(f"{path.name}::{node.name}")
    return found


def test_every_row_names_tests_that_there_are() -> None:
    there = names_of_tests()
    there |= {f"attack {attack.name}" for attack in PROOF.attacks}
    there |= {f"upkeep {upkeep.name}" for upkeep in PROOF.upkeeps}
    there |= {f"race {race.name}" for race in RACES}
    there |= {f"damage {invariant}" for invariant, _ in CORRUPTIONS}
    rows = rows_of_document()
    assert list(rows) == ROWS
    assert [number for number, proofs in rows.items() if not proofs] == []
    assert [(number, proof) for number, proofs in rows.items() for proof in proofs if proof not in there] == []


def test_no_line_is_left_without_its_order(shop: Any) -> None:
    """Neither NULL nor the key of an order that is not; and an order that has lines stays."""
    order = shop.order({shop.variant(stock=2): 1})
    shop.owner.query("ALTER TABLE shop.order_items DISABLE TRIGGER USER")  # The constraints alone answer.
    for key, refused_by in (("NULL", "23502"), ("uuidv7()", "23503")):
        with pytest.raises(psycopg2.Error) as refused:
            shop.owner.query(
                f"""
                INSERT INTO shop.order_items
                SELECT (jsonb_populate_record(line, jsonb_build_object('order_id', {key}, 'allocated_quantity', 0))).*
                FROM shop.order_items AS line WHERE order_id = %s
                """,
                (order,),
            )
        assert refused.value.pgcode == refused_by
    shop.owner.query("ALTER TABLE shop.orders DISABLE TRIGGER USER")
    with pytest.raises(psycopg2.errors.RestrictViolation):
        shop.owner.query("DELETE FROM shop.orders WHERE order_id = %s", (order,))


def test_order_numbers_are_one_series_over_all_markets(shop: Any) -> None:
    """24 connections order at once in seven markets; no number comes twice, and none can be chosen."""
    variant = shop.variant(stock=1000, EUR=1000, USD=1000, CAD=1000, JPY=1000, KWD=1000)
    wanted = list(islice(cycle(MARKETS), 24))
    carts = [shop.cart({variant: 1}, currency=currency) for _, _, currency in wanted]
    totals = [
        shop.quote(cart, country, region)["total_minor"]
        for cart, (country, region, _) in zip(carts, wanted, strict=True)
    ]
    with callers(shop, 24) as made:
        results = together(
            lambda i=i: place(made[i], carts[i], totals[i], wanted[i][0], wanted[i][1]) for i in range(24)
        )
    assert errors_of(results) == []
    assert shop.owner.query(
        "SELECT count(*), count(DISTINCT order_number), count(DISTINCT currency) FROM shop.orders"
    ) == [(24, 24, 5)]
    guards = shop.owner.value(
        """
        SELECT (SELECT attidentity::text FROM pg_attribute WHERE attrelid = 'shop.orders'::regclass AND attname = 'order_number')
               || (SELECT indisunique::text FROM pg_index WHERE indexrelid = 'shop.uq_orders_order_number'::regclass)
        """
    )
    assert guards == "atrue"


def test_a_retry_of_a_charge_carries_the_key_that_was_written_down_first(shop: Any) -> None:
    """16 retries of one charge are one payment; a second key finds nothing left to pay."""
    order, key = shop.order({shop.variant(stock=1): 1}), uuid7()
    start = {"order_id": order, "provider": "stripe", "method": "card"}
    with callers(shop, 16) as made:
        results = together(lambda i=i: made[i].call("start_payment", payment_id=key, **start) for i in range(16))
    assert results == [1499] * 16
    assert shop.app.refused("start_payment", payment_id=uuid7(), **start).pgcode == "SH501"
    assert shop.owner.query("SELECT payment_id FROM shop.payments") == [(key,)]


@pytest.mark.parametrize("amount", [1, 3, 333, 9999])
def test_an_order_of_awkward_fractions_is_settled_to_the_minor_unit(shop: Any, amount: int) -> None:
    """A third off three lines, two taxes each: paid to the unit, and nothing is left over in the books."""
    shop.coupon("THIRD", rate=0.333333)
    variants = [shop.variant(stock=9, USD=amount + step) for step in range(3)]
    order = shop.order(dict.fromkeys(variants, 3), "US", "CA", currency="USD", coupon="THIRD")
    shop.paid(order)
    assert shop.status(order) == "confirmed"
    assert shop.app.call("order_details", order_id=order)["payment_status"] == "full"
    assert ("receivable", "USD") not in shop.balances()
    fractions = shop.owner.query(
        "SELECT count(*) FROM information_schema.columns WHERE table_schema IN ('shop', 'api')"
        " AND (data_type IN ('real', 'double precision', 'money') OR column_name LIKE '%\\_minor' AND data_type <> 'bigint')"
    )
    assert fractions == [(0,)]


def test_an_order_above_32_bits_is_placed_and_paid(shop: Any) -> None:
    price = 3_000_000_000
    order = shop.order({shop.variant(stock=9, JPY=price): 3}, "JP", None, currency="JPY")
    payment = shop.paid(order)
    details = shop.app.call("order_details", order_id=order)
    assert details["subtotal_minor"] == 3 * price
    assert details["captured_minor"] == details["total_minor"] > 2**33
    assert tell(shop.app, payment, "refunded", details["total_minor"], "JPY") == "applied"


def test_what_was_archived_does_not_block_its_successor(shop: Any) -> None:
    """Slug, SKU and combination are free again, as often as one likes; two live ones are still refused."""
    owner = shop.owner
    make = """
        WITH product AS (
            INSERT INTO shop.products (slug, name, tax_class) VALUES ('again', 'Again', 'standard') RETURNING product_id)
        INSERT INTO shop.product_variants (product_id, sku, name, weight_grams)
        SELECT product_id, 'AGAIN', 'One', 1 FROM product
    """
    for _ in range(3):
        owner.query(make)
        with pytest.raises(psycopg2.errors.UniqueViolation):
            owner.query(make)
        owner.query("UPDATE shop.product_variants SET archived_at = now() WHERE sku = 'AGAIN'")
        owner.query("UPDATE shop.products SET archived_at = now(), status = 'archived' WHERE slug = 'again'")
    assert owner.value("SELECT count(*) FROM shop.product_variants WHERE sku = 'AGAIN'") == 3


# What staff and customers ask of orders, a page at a time.
PAGES = {
    "newest first": "ORDER BY placed_at DESC, order_id DESC",
    "the page after": "WHERE (placed_at, order_id) < ('2025-06-01', 'ffffffff-ffff-ffff-ffff-ffffffffffff')"
    " ORDER BY placed_at DESC, order_id DESC",
    "of a time": "WHERE placed_at >= '2025-03-01' AND placed_at < '2025-03-08' ORDER BY placed_at DESC, order_id DESC",
    "of a customer": "WHERE customer_id = '01990000-0000-7000-8000-00000000c001' ORDER BY placed_at DESC, order_id DESC",
    "of an address": "WHERE contact_email_normalized = 'nobody@example.org'",
    "by number": "WHERE order_number = 1007",
    "due to expire": "WHERE status = 'pending' AND expires_at <= now() AND authorized_minor = 0"
    " ORDER BY expires_at, order_id",
}


@pytest.fixture(scope="module")
def sample_shop(copy_of: Any, filled_template: Settings) -> Iterator[Any]:
    """A cursor in a shop of 200 orders."""
    with copy_of(filled_template) as settings, closing(connect(settings, role=OWNER)) as connection:
        yield connection.cursor()


@pytest.mark.parametrize("page", PAGES)
def test_a_page_of_orders_reads_a_page_whatever_there_is(sample_shop: Any, page: str) -> None:
    """By an index in the order of the list: no other scan of orders, no sort of all."""
    # 200 orders fit on a few pages, which is quicker to read at once; here it matters what is possible.
    sample_shop.execute("SET enable_seqscan = off; SET enable_bitmapscan = off")
    sample_shop.execute(
        f"EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) SELECT order_id FROM shop.orders {PAGES[page]} LIMIT 20"
    )
    plan = sample_shop.fetchone()[0][0]["Plan"]
    kinds = {node["Node Type"] for node in walk(plan)}
    assert kinds <= {"Limit", "Index Scan", "Index Only Scan"}, json.dumps(plan)
    assert plan["Shared Hit Blocks"] + plan["Shared Read Blocks"] <= 60


def walk(node: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The node and all below it."""
    yield node
    for child in node.get("Plans", []):
        yield from walk(child)
