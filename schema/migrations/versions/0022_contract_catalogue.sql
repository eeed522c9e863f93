-- The catalogue: what storefronts list, and what staff set. Prices need shop.actor (SH109): they are audited. Errors, 8xx:
--   SH801  there is no price that is still to come at that moment

-- The price in force: one index descent per variant.
CREATE FUNCTION shop.price_of(wanted_variant_id bigint, wanted_currency text)
RETURNS bigint
LANGUAGE sql STABLE
SET search_path = pg_catalog, shop, pg_temp
AS $$
    SELECT amount_minor FROM shop.variant_prices
    WHERE variant_id = wanted_variant_id AND currency = wanted_currency AND valid_from <= now()
    ORDER BY valid_from DESC
    LIMIT 1
$$;
COMMENT ON FUNCTION shop.price_of(bigint, text) IS 'The price of a variant in force now, in the minor unit; NULL: none.';

CREATE FUNCTION api.search_products(
    query text, category_id bigint, currency text, min_price_minor bigint DEFAULT NULL, max_price_minor bigint DEFAULT NULL,
    after_product_id bigint DEFAULT NULL, page integer DEFAULT 24)
RETURNS TABLE (product_id bigint, slug text, name text, brand text, from_price_minor bigint, url text)
LANGUAGE plpgsql STABLE
SECURITY DEFINER
SET search_path = pg_catalog, shop, pg_temp
AS $$
#variable_conflict use_column
DECLARE
    words tsquery;
    below bigint[];
    cursor bigint := coalesce(after_product_id, 9223372036854775807);
    candidates bigint[];
    batch integer := page;
    missing integer := page;
    found integer;
BEGIN
    PERFORM shop.require(coalesce(char_length(query) <= 200, true), 'query', 'NULL, or at most 200 characters');
    PERFORM shop.require(EXISTS (SELECT FROM shop.currencies WHERE code = search_products.currency), 'currency', 'an ISO 4217 code');
    PERFORM shop.require(coalesce(min_price_minor >= 0, true), 'min_price_minor', 'NULL, or 0 and more');
    PERFORM shop.require(coalesce(max_price_minor >= coalesce(min_price_minor, 0), true), 'max_price_minor',
        'NULL, or no less than min_price_minor');
    PERFORM shop.require(page BETWEEN 1 AND 100, 'page', '1 to 100 products');
    BEGIN
        words := websearch_to_tsquery('english', nullif(btrim(query), ''));
    EXCEPTION WHEN internal_error THEN
        words := plainto_tsquery('english', query); -- Dozens of minus signs are more than its stack holds.
    END;
    IF search_products.category_id IS NOT NULL THEN
        below := ARRAY(
            SELECT category.category_id FROM shop.categories AS category
            WHERE category.archived_at IS NULL
              AND (category.category_id = search_products.category_id
                   OR category.ancestry @> ARRAY[search_products.category_id]));
    END IF;

    -- Newest first by key, which is also the cursor: the next page begins after the last key of this one. Keys come in
    -- batches, and only what may stand on this page is priced: a page costs the same in a catalogue of any size.
    LOOP
        IF words IS NULL AND below IS NOT NULL THEN
            -- The newest of each category, from its index; the newest of those are the newest of all.
            candidates := ARRAY(
                SELECT DISTINCT newest.product_id
                FROM unnest(below) AS category (category_id)
                CROSS JOIN LATERAL (
                    SELECT placed.product_id FROM shop.product_categories AS placed
                    WHERE placed.category_id = category.category_id AND placed.product_id < cursor
                    ORDER BY placed.product_id DESC
                    LIMIT batch
                ) AS newest
                ORDER BY newest.product_id DESC
                LIMIT batch);
        ELSE
            -- Planned anew for these words: what all products say is found soonest among the newest, what few say by its
            -- index.
            EXECUTE format(
                'SELECT ARRAY(
                     SELECT product.product_id FROM shop.products AS product
                     WHERE product.status = ''active'' AND product.product_id < $1 %s %s
                     ORDER BY product.product_id DESC
                     LIMIT $4)',
                CASE WHEN words IS NOT NULL THEN 'AND product.search @@ $2' END,
                CASE WHEN below IS NOT NULL THEN
                    'AND EXISTS (SELECT FROM shop.product_categories AS placed
                                 WHERE placed.product_id = product.product_id AND placed.category_id = ANY ($3))' END)
            INTO candidates USING cursor, words, below, batch;
        END IF;
        EXIT WHEN candidates = '{}';

        RETURN QUERY
        SELECT product.product_id, product.slug, product.name, product.brand, priced.minimum, media.url
        FROM shop.products AS product
        CROSS JOIN LATERAL (
            SELECT min(shop.price_of(variant.variant_id, search_products.currency)) AS minimum
            FROM shop.product_variants AS variant
            WHERE variant.product_id = product.product_id AND variant.archived_at IS NULL
        ) AS priced
        LEFT JOIN LATERAL (
            SELECT m.url FROM shop.product_media AS m
            WHERE m.product_id = product.product_id ORDER BY m.position LIMIT 1
        ) AS media ON true
        WHERE product.product_id = ANY (candidates) AND product.status = 'active'
          AND priced.minimum IS NOT NULL
          AND (min_price_minor IS NULL OR priced.minimum >= min_price_minor)
          AND (max_price_minor IS NULL OR priced.minimum <= max_price_minor)
        ORDER BY product.product_id DESC
        LIMIT missing;
        GET DIAGNOSTICS found = ROW_COUNT;
        missing := missing - found;
        EXIT WHEN missing = 0 OR cardinality(candidates) < batch;
        cursor := candidates[cardinality(candidates)];
        -- As many as will fill the page, if as few are left over as before: a narrow range of prices leaves most over.
        batch := least(CASE found WHEN 0 THEN batch * 2 ELSE missing * batch / found + 2 END, 1000);
    END LOOP;
END
$$;
COMMENT ON FUNCTION api.search_products(text, bigint, text, bigint, bigint, bigint, integer) IS
    'Active products by words (as in a web search), category with all below it, and price range, newest first, a page at a'
    ' time: give the last product_id for the next page. from_price_minor is the lowest price in force. Errors: SH001.';

CREATE FUNCTION api.category_tree(top_id bigint DEFAULT NULL)
RETURNS TABLE (category_id bigint, parent_id bigint, depth integer, slug text, name text, "position" integer)
LANGUAGE sql STABLE
SECURITY DEFINER
SET search_path = pg_catalog, shop, pg_temp
AS $$
    SELECT category_id, parent_id, cardinality(ancestry), slug, name, position
    FROM shop.categories
    WHERE archived_at IS NULL
      AND (top_id IS NULL OR category_id = top_id OR ancestry @> ARRAY[top_id])
    ORDER BY ancestry || category_id
$$;
COMMENT ON FUNCTION api.category_tree(bigint) IS
    'Live categories, all or below one, parents before children. depth is 0 at the top. No row for an unknown category.';

CREATE FUNCTION api.set_price(
    variant_id bigint, currency text, amount_minor bigint, valid_from timestamptz DEFAULT NULL,
    compare_at_minor bigint DEFAULT NULL)
RETURNS timestamptz
LANGUAGE plpgsql
SECURITY DEFINER
SET search_path = pg_catalog, shop, pg_temp
AS $$
#variable_conflict use_column
DECLARE
    starts timestamptz := coalesce(set_price.valid_from, now());
BEGIN
    PERFORM shop.require_read_committed();
    PERFORM shop.require(EXISTS (SELECT FROM shop.currencies WHERE code = set_price.currency), 'currency', 'an ISO 4217 code');
    PERFORM shop.require(amount_minor BETWEEN 0 AND 1000000000000, 'amount_minor', '0 to 1000000000000');
    PERFORM shop.require(coalesce(compare_at_minor > amount_minor AND compare_at_minor <= 1000000000000, true),
        'compare_at_minor', 'NULL, or more than amount_minor');
    IF NOT EXISTS (SELECT FROM shop.product_variants AS v WHERE v.variant_id = set_price.variant_id AND v.archived_at IS NULL) THEN
        PERFORM shop.refuse_missing('live variant', set_price.variant_id::text);
    END IF;
    IF EXISTS (
        SELECT FROM shop.variant_prices AS p
        WHERE p.variant_id = set_price.variant_id AND p.currency = set_price.currency AND p.valid_from = starts
          AND p.amount_minor = set_price.amount_minor AND p.compare_at_minor IS NOT DISTINCT FROM set_price.compare_at_minor
    ) THEN
        RETURN starts; -- A retry, perhaps after that moment has come.
    END IF;
    PERFORM shop.require(starts >= now() AND starts < now() + interval '5 years', 'valid_from', 'NULL for now, or within 5 years');
    INSERT INTO shop.variant_prices (variant_id, currency, valid_from, amount_minor, compare_at_minor)
    VALUES (set_price.variant_id, set_price.currency, starts, set_price.amount_minor, set_price.compare_at_minor)
    ON CONFLICT DO NOTHING;
    IF NOT FOUND AND NOT EXISTS (
        SELECT FROM shop.variant_prices AS p
        WHERE p.variant_id = set_price.variant_id AND p.currency = set_price.currency AND p.valid_from = starts
          AND p.amount_minor = set_price.amount_minor
          AND p.compare_at_minor IS NOT DISTINCT FROM set_price.compare_at_minor
    ) THEN
        PERFORM shop.refuse_other_content('a price of that moment for variant', set_price.variant_id::text);
    END IF;
    RETURN starts;
END
$$;
COMMENT ON FUNCTION api.set_price(bigint, text, bigint, timestamptz, bigint) IS
    'Sets a price from now or a later moment on; returns that moment. The price before it stays in the history. Locks: none.'
    ' Errors: SH001, SH002, SH004, SH005, SH109.';

CREATE FUNCTION api.withdraw_price(variant_id bigint, currency text, valid_from timestamptz)
RETURNS void
LANGUAGE plpgsql
SECURITY DEFINER
SET search_path = pg_catalog, shop, pg_temp
AS $$
#variable_conflict use_column
BEGIN
    PERFORM shop.require_read_committed();
    PERFORM shop.require(EXISTS (SELECT FROM shop.currencies WHERE code = withdraw_price.currency), 'currency', 'an ISO 4217 code');
    DELETE FROM shop.variant_prices AS p
    WHERE p.variant_id = withdraw_price.variant_id AND p.currency = withdraw_price.currency
      AND p.valid_from = withdraw_price.valid_from AND p.valid_from > clock_timestamp();
    IF NOT FOUND THEN
        RAISE EXCEPTION USING
            ERRCODE = 'SH801',
            MESSAGE = format('variant %s has no %s price still to come at %s', withdraw_price.variant_id,
                withdraw_price.currency, withdraw_price.valid_from),
            HINT = 'A price in force is not withdrawn; set_price replaces it from now on.';
    END IF;
END
$$;
COMMENT ON FUNCTION api.withdraw_price(bigint, text, timestamptz) IS
    'Withdraws a price that is not in force yet; the audit log keeps it. Locks: the price. Errors: SH001, SH002, SH109, SH801.';

GRANT EXECUTE ON FUNCTION
    api.search_products(text, bigint, text, bigint, bigint, bigint, integer), api.category_tree(bigint)
TO shop_app, shop_storefront, shop_backoffice;
GRANT EXECUTE ON FUNCTION
    api.set_price(bigint, text, bigint, timestamptz, bigint), api.withdraw_price(bigint, text, timestamptz)
TO shop_backoffice, shop_app;
