"""Pages of the catalogue hold what fits, once each and in order, and cost what they show."""

from __future__ import annotations

from typing import Any

import pytest

_PRODUCTS = """
WITH product AS (
    INSERT INTO shop.products (slug, name, tax_class, status)
    SELECT format('%(tag)s-%%s', number), format('%(tag)s %(word)s %%s', number), 'standard',
           CASE WHEN number %% 10 = 9 THEN 'draft' ELSE 'active' END::shop.product_status
    FROM generate_series(1, %(count)s) AS number
    RETURNING product_id, slug
), placed AS (
    INSERT INTO shop.product_categories (product_id, category_id, is_main)
    SELECT product_id, category_id, category_id = (%(categories)s)[1] FROM product, unnest(%(categories)s) AS category_id
), variant AS (
    INSERT INTO shop.product_variants (product_id, sku, name, weight_grams)
    SELECT product_id, upper(slug), 'One', 1 FROM product
    RETURNING variant_id, sku
)
INSERT INTO shop.variant_prices (variant_id, currency, valid_from, amount_minor)
SELECT variant_id, currency, now(), 100 * substring(sku FROM '[0-9]+$')::integer
FROM variant, unnest(ARRAY['EUR', 'USD']) AS currency
-- Every seventh is sold for dollars.
WHERE currency = 'EUR' OR substring(sku FROM '[0-9]+$')::integer %% 7 = 0
"""


def category(shop: Any, slug: str, parent: int | None = None) -> int:
    return shop.owner.value(
        "INSERT INTO shop.categories (slug, name, parent_id) VALUES (%s, %s, %s) RETURNING category_id",
        (slug, slug, parent),
    )


def add_products(shop: Any, tag: str, count: int, categories: list[int], word: str = "thing") -> None:
    """Of ten, one is a draft."""
    text = _PRODUCTS.replace("%(tag)s", tag).replace("%(word)s", word)
    shop.owner.query(text, {"count": count, "categories": categories})


def all_pages(shop: Any, page: int, **wanted: Any) -> list[int]:
    """The products of all pages, as a customer turns them."""
    found: list[int] = []
    while True:
        rows = shop.app.rows(
            "search_products",
            **{"query": None, "category_id": None, "currency": "EUR", **wanted},
            after_product_id=found[-1] if found else None,
            page=page,
        )
        found += [row[0] for row in rows]
        if len(rows) < page:
            return found


@pytest.mark.parametrize(
    ("wanted", "fits"),
    [
        ({}, "true"),
        ({"category_id": "top"}, "category.slug IN ('top', 'left', 'right')"),
        ({"category_id": "left"}, "category.slug = 'left'"),
        ({"category_id": "top", "currency": "USD"}, "category.slug IN ('top', 'left', 'right') AND price.currency = 'USD'"),
        ({"category_id": "top", "min_price_minor": 1000, "max_price_minor": 1500},
         "category.slug IN ('top', 'left', 'right') AND price.amount_minor BETWEEN 1000 AND 1500"),
        ({"query": "kettle"}, "product.name LIKE '%% kettle %%'"),
        ({"query": "kettle", "category_id": "right", "max_price_minor": 2000},
         "product.name LIKE '%% kettle %%' AND category.slug = 'right' AND price.amount_minor <= 2000"),
        ({"query": "submarine"}, "false"),
        ({"category_id": "archived"}, "false"),
    ],
    ids=str,
)  # fmt: skip
def test_pages_hold_every_product_that_fits_once_and_newest_first(
    bazaar: Any, wanted: dict[str, Any], fits: str
) -> None:
    shop, categories = bazaar
    wanted = {key: categories[value] if key == "category_id" else value for key, value in wanted.items()}
    expected = shop.owner.query(
        f"""
        SELECT DISTINCT product.product_id
        FROM shop.products AS product
        JOIN shop.product_categories USING (product_id) JOIN shop.categories AS category USING (category_id)
        JOIN shop.product_variants AS variant USING (product_id) JOIN shop.variant_prices AS price USING (variant_id)
        WHERE product.status = 'active' AND price.currency = %s AND ({fits})
        ORDER BY product.product_id DESC
        """,
        (wanted.get("currency", "EUR"),),
    )
    assert (not expected) == (fits == "false")
    for page in (1, 3, 24, 100):
        assert all_pages(shop, page, **wanted) == [key for (key,) in expected]


@pytest.fixture
def bazaar(shop: Any) -> tuple[Any, dict[str, int]]:
    """A shop with categories by slug."""
    made = {"top": category(shop, "top"), "archived": category(shop, "archived")}
    made |= {slug: category(shop, slug, made["top"]) for slug in ("left", "right")}
    add_products(shop, "l", 40, [made["left"]])
    add_products(shop, "both", 30, [made["right"], made["left"]], "kettle")
    add_products(shop, "t", 10, [made["top"]])
    add_products(shop, "a", 10, [made["archived"]])
    shop.owner.query("UPDATE shop.categories SET archived_at = now() WHERE slug = 'archived'")
    shop.owner.query("ANALYZE shop.products")
    return shop, made


def buffers(shop: Any, **wanted: Any) -> int:
    """What a full page looks at, in a warm session: pages of tables and indexes."""
    arguments = ", ".join(f"{name} => {'NULL' if value is None else repr(value)}" for name, value in wanted.items())
    statement = f"SELECT * FROM api.search_products(currency => 'EUR', page => 10, {arguments})"
    caller = shop.caller()
    for _ in range(8):  # More often than PostgreSQL plans a statement anew for each call.
        assert len(caller.query(statement)) == 10
    ((document,),) = caller.query(f"EXPLAIN (ANALYZE, BUFFERS, TIMING off, FORMAT json) {statement}")
    caller.close()
    return document[0]["Plan"]["Shared Hit Blocks"] + document[0]["Plan"]["Shared Read Blocks"]


def test_a_page_of_a_category_costs_what_it_shows_however_many_products_there_are(shop: Any) -> None:
    """Neither what else stands in the category is looked at, nor what came in elsewhere since."""
    top = category(shop, "top")
    child, other = category(shop, "child", top), category(shop, "other")
    costs = []
    for tag, count, where in (("few", 400, child), ("others", 4000, other), ("more", 2000, child)):
        add_products(shop, tag, count, [where])
        shop.owner.query("VACUUM (ANALYZE)")
        costs.append(buffers(shop, query=None, category_id=top))
    assert max(costs) < 1.3 * min(costs), costs
