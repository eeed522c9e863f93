-- Carts. Errors, 2xx:
--   SH201  the cart is not open (converted, merged, expired)
--   SH202  the variant cannot be bought (unknown, archived, not active, or without a price in the cart's currency)
--   SH203  the cart would have too many lines
--   SH204  the coupon does not exist, is switched off, outside its window, or in another currency
--   SH205  the customer has another open cart
--   SH206  the cart was merged before, and what it was merged into is no longer open (DETAIL: that cart, and the open one)

CREATE FUNCTION shop.cart_lifetime() RETURNS interval LANGUAGE sql IMMUTABLE
RETURN interval '30 days';
COMMENT ON FUNCTION shop.cart_lifetime() IS 'How long an open cart lives after its last change.';

-- The cart, locked, or an error: the first lock of everything that changes a cart.
CREATE FUNCTION shop.lock_cart(wanted uuid)
RETURNS shop.carts
LANGUAGE plpgsql
SET search_path = pg_catalog, shop, pg_temp
AS $$
DECLARE
    cart shop.carts;
    is_own boolean;
BEGIN
    SELECT * INTO cart FROM shop.carts WHERE carts.cart_id = wanted FOR NO KEY UPDATE;
    IF NOT FOUND THEN
        PERFORM shop.refuse_missing('cart', wanted::text);
    END IF;
    is_own := shop.require_own(cart.customer_id);
    RETURN cart;
END
$$;
COMMENT ON FUNCTION shop.lock_cart(uuid) IS 'The cart under its lock, if it is the caller''s.';

CREATE FUNCTION shop.require_open(cart shop.carts)
RETURNS boolean
LANGUAGE plpgsql
SET search_path = pg_catalog, shop, pg_temp
AS $$
BEGIN
    IF cart.status <> 'open' OR cart.expires_at <= now() THEN
        RAISE EXCEPTION USING
            ERRCODE = 'SH201',
            MESSAGE = format('cart %s is %s', cart.cart_id,
                CASE cart.status WHEN 'open' THEN 'expired' ELSE cart.status::text END),
            HINT = 'Copy it into a new cart with copy_cart.',
            DETAIL = jsonb_build_object('cart_id', cart.cart_id, 'status', cart.status);
    END IF;
    RETURN true;
END
$$;
COMMENT ON FUNCTION shop.require_open(shop.carts) IS 'Refuses a cart that was closed or has run out (SH201).';

CREATE FUNCTION shop.require_line_limit(cart_id uuid)
RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, shop, pg_temp
AS $$
BEGIN
    IF (SELECT count(*) FROM shop.cart_items AS item WHERE item.cart_id = require_line_limit.cart_id) > 200 THEN
        RAISE EXCEPTION USING
            ERRCODE = 'SH203',
            MESSAGE = format('cart %s would have more than 200 lines', cart_id),
            HINT = 'Take lines out first, or order in several carts.';
    END IF;
END
$$;
COMMENT ON FUNCTION shop.require_line_limit(uuid) IS 'Refuses a cart with more lines than an order may have (SH203).';

CREATE FUNCTION shop.is_sellable(wanted_variant_id bigint, wanted_currency text)
RETURNS boolean
LANGUAGE sql STABLE
SET search_path = pg_catalog, shop, pg_temp
AS $$
    SELECT EXISTS (
        SELECT FROM shop.product_variants AS variant
        JOIN shop.products AS product USING (product_id)
        WHERE variant.variant_id = wanted_variant_id AND variant.archived_at IS NULL AND product.status = 'active'
          AND EXISTS (
              SELECT FROM shop.variant_prices AS price
              WHERE price.variant_id = wanted_variant_id AND price.currency = wanted_currency
                AND price.valid_from <= now()))
$$;
COMMENT ON FUNCTION shop.is_sellable(bigint, text) IS 'Whether a variant can be bought now, in that currency.';

-- Arguments of create_cart and set_cart_items alike.
CREATE FUNCTION shop.require_cart_lines(variant_ids bigint[], quantities integer[], currency text)
RETURNS boolean
LANGUAGE plpgsql
SET search_path = pg_catalog, shop, pg_temp
AS $$
DECLARE
    is_sound boolean := shop.require_none(CASE
        WHEN (cardinality(variant_ids) BETWEEN 1 AND 200) IS NOT TRUE
            THEN ARRAY['variant_ids', '1 to 200 keys of variants']
        WHEN (cardinality(quantities) = cardinality(variant_ids)) IS NOT TRUE
            THEN ARRAY['quantities', 'as many as variant_ids']
        WHEN (0 <= ALL (quantities) AND 999 >= ALL (quantities)) IS NOT TRUE
            THEN ARRAY['quantities', '0 (remove) to 999 units']
    END);
    each_once boolean;
    unsellable bigint[];
BEGIN
    -- Set-based, unlike is_sellable: a checkout of ten lines asks once.
    SELECT count(DISTINCT wanted.variant_id) = count(*),
           array_agg(wanted.variant_id ORDER BY wanted.variant_id) FILTER (WHERE wanted.quantity > 0 AND NOT (
               variant.archived_at IS NULL AND product.status IS NOT DISTINCT FROM 'active' AND EXISTS (
                   SELECT FROM shop.variant_prices AS price
                   WHERE price.variant_id = wanted.variant_id AND price.currency = require_cart_lines.currency
                     AND price.valid_from <= now())))
    INTO each_once, unsellable
    FROM unnest(variant_ids, quantities) AS wanted (variant_id, quantity)
    LEFT JOIN shop.product_variants AS variant ON variant.variant_id = wanted.variant_id
    LEFT JOIN shop.products AS product ON product.product_id = variant.product_id;
    IF NOT each_once THEN
        PERFORM shop.require(false, 'variant_ids', 'each variant once');
    ELSIF unsellable IS NOT NULL THEN
        RAISE EXCEPTION USING
            ERRCODE = 'SH202',
            MESSAGE = format('%s cannot be bought in %s', array_to_string(unsellable, ', '), currency),
            HINT = 'Leave these variants out.',
            DETAIL = jsonb_build_object('variant_ids', unsellable);
    END IF;
    RETURN true;
END
$$;
COMMENT ON FUNCTION shop.require_cart_lines(bigint[], integer[], text) IS
    'Refuses lines that a cart cannot have: bad quantities (SH001), or what cannot be bought (SH202).';

-- plan_cache_mode: arguments and lines are arrays, and PostgreSQL expects a plan made for one array to be cheaper than the plan for
-- all of them by more than it costs to plan anew; it would do so at each call, in the triggers below as well.
CREATE FUNCTION api.create_cart(
    cart_id uuid, currency text, customer_id uuid DEFAULT NULL,
    variant_ids bigint[] DEFAULT '{}', quantities integer[] DEFAULT '{}')
RETURNS uuid
LANGUAGE plpgsql
SECURITY DEFINER
SET search_path = pg_catalog, shop, pg_temp
SET plan_cache_mode = force_generic_plan
AS $$
#variable_conflict use_column
DECLARE
    existing shop.carts;
    may_proceed boolean := shop.require_read_committed();
BEGIN
    may_proceed := shop.require_none(CASE
        WHEN (uuid_extract_version(create_cart.cart_id) = 7) IS NOT TRUE
            THEN ARRAY['cart_id', 'a UUIDv7 that the client makes']
        WHEN NOT EXISTS (SELECT FROM shop.currencies WHERE code = create_cart.currency)
            THEN ARRAY['currency', 'an ISO 4217 code']
        WHEN coalesce(cardinality(variant_ids), 0) = 0 AND coalesce(cardinality(quantities), 0) <> 0
            THEN ARRAY['quantities', 'as many as variant_ids']
    END);
    IF cardinality(variant_ids) > 0 THEN
        may_proceed := shop.require_cart_lines(variant_ids, quantities, create_cart.currency);
    END IF;
    may_proceed := shop.require_own(create_cart.customer_id);
    IF create_cart.customer_id IS NOT NULL THEN
        PERFORM FROM shop.customers AS c
        WHERE c.customer_id = create_cart.customer_id AND c.status = 'active' FOR NO KEY UPDATE;
        IF NOT FOUND THEN
            PERFORM shop.refuse_missing('active customer', create_cart.customer_id::text);
        END IF;
    END IF;

    -- An open cart that ran out makes room for the new one.
    IF create_cart.customer_id IS NOT NULL THEN
        UPDATE shop.carts AS c SET status = 'expired'
        WHERE c.customer_id = create_cart.customer_id AND c.status = 'open' AND c.expires_at <= now();
    END IF;

    INSERT INTO shop.carts AS c (cart_id, customer_id, currency, expires_at)
    VALUES (create_cart.cart_id, create_cart.customer_id, create_cart.currency, now() + shop.cart_lifetime())
    ON CONFLICT DO NOTHING;
    IF NOT FOUND THEN
        SELECT * INTO existing FROM shop.carts AS c WHERE c.cart_id = create_cart.cart_id;
        IF NOT FOUND THEN
            RAISE EXCEPTION USING
                ERRCODE = 'SH205',
                MESSAGE = format('customer %s has another open cart', create_cart.customer_id),
                HINT = 'Use that cart; merge_carts moves the lines of a guest''s cart into it.',
                DETAIL = (SELECT jsonb_build_object('cart_id', c.cart_id) FROM shop.carts AS c
                          WHERE c.customer_id = create_cart.customer_id AND c.status = 'open');
        END IF;
        may_proceed := shop.require_own(existing.customer_id);
        -- A guest's cart that was taken over at log-in is still the one the retry means.
        IF existing.currency <> create_cart.currency
           OR existing.customer_id IS DISTINCT FROM coalesce(create_cart.customer_id, existing.customer_id) THEN
            PERFORM shop.refuse_other_content('cart', create_cart.cart_id::text);
        END IF;
        RETURN create_cart.cart_id;
    END IF;

    IF cardinality(variant_ids) > 0 THEN
        INSERT INTO shop.cart_items (cart_id, variant_id, quantity)
        SELECT create_cart.cart_id, wanted.variant_id, wanted.quantity
        FROM unnest(variant_ids, quantities) AS wanted (variant_id, quantity)
        WHERE wanted.quantity > 0
        ORDER BY wanted.variant_id;
    END IF;
    RETURN create_cart.cart_id;
END
$$;
COMMENT ON FUNCTION api.create_cart(uuid, text, uuid, bigint[], integer[]) IS
    'Creates a cart, for a guest or a customer, with its first lines if there are any. Safe to repeat with the same key.'
    ' Locks: customer. Errors: SH001, SH002, SH003, SH004, SH005, SH202, SH205.';

CREATE FUNCTION api.set_cart_items(cart_id uuid, variant_ids bigint[], quantities integer[])
RETURNS bigint
LANGUAGE plpgsql
SECURITY DEFINER
SET search_path = pg_catalog, shop, pg_temp
SET plan_cache_mode = force_generic_plan
AS $$
#variable_conflict use_column
DECLARE
    cart shop.carts;
    new_version bigint;
    may_proceed boolean := shop.require_read_committed();
BEGIN
    cart := shop.lock_cart(set_cart_items.cart_id);
    may_proceed := shop.require_cart_lines(variant_ids, quantities, cart.currency) AND shop.require_open(cart);

    IF 0 = ANY (quantities) THEN
        DELETE FROM shop.cart_items AS item
        USING unnest(variant_ids, quantities) AS wanted (variant_id, quantity)
        WHERE item.cart_id = cart.cart_id AND item.variant_id = wanted.variant_id AND wanted.quantity = 0;
    END IF;

    INSERT INTO shop.cart_items AS item (cart_id, variant_id, quantity)
    SELECT cart.cart_id, wanted.variant_id, wanted.quantity
    FROM unnest(variant_ids, quantities) AS wanted (variant_id, quantity)
    WHERE wanted.quantity > 0
    ORDER BY wanted.variant_id
    ON CONFLICT (cart_id, variant_id) DO UPDATE SET quantity = excluded.quantity
    WHERE item.quantity <> excluded.quantity;

    PERFORM shop.require_line_limit(cart.cart_id);

    UPDATE shop.carts AS c SET expires_at = now() + shop.cart_lifetime()
    WHERE c.cart_id = cart.cart_id
    RETURNING c.version INTO new_version;
    RETURN new_version;
END
$$;
COMMENT ON FUNCTION api.set_cart_items(uuid, bigint[], integer[]) IS
    'Sets the quantities of variants in a cart; 0 removes. Returns the cart''s new version. Repeating it changes nothing'
    ' but the version. Locks: cart. Errors: SH001, SH002, SH003, SH005, SH201, SH202, SH203.';

CREATE FUNCTION api.set_cart_item(cart_id uuid, variant_id bigint, quantity integer)
RETURNS bigint
LANGUAGE sql
SECURITY DEFINER
SET search_path = pg_catalog, shop, pg_temp
RETURN api.set_cart_items(cart_id, ARRAY[variant_id], ARRAY[quantity]);
COMMENT ON FUNCTION api.set_cart_item(uuid, bigint, integer) IS
    'set_cart_items for one variant. Locks: cart. Errors: SH001, SH002, SH003, SH005, SH201, SH202, SH203.';

CREATE FUNCTION api.apply_coupon(cart_id uuid, code text)
RETURNS bigint
LANGUAGE plpgsql
SECURITY DEFINER
SET search_path = pg_catalog, shop, pg_temp
AS $$
#variable_conflict use_column
DECLARE
    cart shop.carts;
    found_id bigint;
    new_version bigint;
BEGIN
    PERFORM shop.require_read_committed();
    PERFORM shop.require(char_length(apply_coupon.code) BETWEEN 1 AND 40, 'code', '1 to 40 characters');
    cart := shop.lock_cart(apply_coupon.cart_id);
    PERFORM shop.require_open(cart);
    SELECT coupon_id INTO found_id FROM shop.coupons
    WHERE code = upper(btrim(apply_coupon.code)) AND is_active
      AND starts_at <= now() AND coalesce(ends_at > now(), true)
      AND (currency IS NULL OR currency = cart.currency)
      AND coalesce(times_used < usage_limit, true);
    IF NOT FOUND THEN
        RAISE EXCEPTION USING
            ERRCODE = 'SH204',
            MESSAGE = 'the coupon is not valid for this cart',
            HINT = 'Check the code, its period and its currency.';
    END IF;
    UPDATE shop.carts AS c SET coupon_id = found_id
    WHERE c.cart_id = cart.cart_id
    RETURNING c.version INTO new_version;
    RETURN new_version;
END
$$;
COMMENT ON FUNCTION api.apply_coupon(uuid, text) IS
    'Puts a coupon on a cart; checkout decides again, under the coupon''s lock. One answer for unknown and unusable codes,'
    ' so that codes cannot be told apart by trying. Locks: cart. Errors: SH001, SH002, SH003, SH005, SH201, SH204.';

CREATE FUNCTION api.remove_coupon(cart_id uuid)
RETURNS bigint
LANGUAGE plpgsql
SECURITY DEFINER
SET search_path = pg_catalog, shop, pg_temp
AS $$
#variable_conflict use_column
DECLARE
    cart shop.carts;
    new_version bigint;
BEGIN
    PERFORM shop.require_read_committed();
    cart := shop.lock_cart(remove_coupon.cart_id);
    PERFORM shop.require_open(cart);
    UPDATE shop.carts AS c SET coupon_id = NULL
    WHERE c.cart_id = cart.cart_id
    RETURNING c.version INTO new_version;
    RETURN new_version;
END
$$;
COMMENT ON FUNCTION api.remove_coupon(uuid) IS
    'Takes the coupon off a cart. Locks: cart. Errors: SH002, SH003, SH005, SH201.';

CREATE FUNCTION api.merge_carts(guest_cart_id uuid, customer_id uuid)
RETURNS uuid
LANGUAGE plpgsql
SECURITY DEFINER
SET search_path = pg_catalog, shop, pg_temp
AS $$
#variable_conflict use_column
DECLARE
    guest shop.carts;
    mine shop.carts;
BEGIN
    PERFORM shop.require_read_committed();
    PERFORM shop.require(merge_carts.customer_id IS NOT NULL, 'customer_id', 'the customer who logged in');
    PERFORM shop.require_own(merge_carts.customer_id);
    PERFORM FROM shop.customers AS c
    WHERE c.customer_id = merge_carts.customer_id AND c.status = 'active' FOR NO KEY UPDATE;
    IF NOT FOUND THEN
        PERFORM shop.refuse_missing('active customer', merge_carts.customer_id::text);
    END IF;

    -- Both carts in the order of their keys; the customer's lock above keeps a second merge of theirs out.
    PERFORM FROM shop.carts AS c
    WHERE c.cart_id = merge_carts.guest_cart_id OR (c.customer_id = merge_carts.customer_id AND c.status = 'open')
    ORDER BY c.cart_id FOR NO KEY UPDATE;
    SELECT * INTO guest FROM shop.carts AS c WHERE c.cart_id = merge_carts.guest_cart_id;
    IF NOT FOUND THEN
        PERFORM shop.refuse_missing('cart', merge_carts.guest_cart_id::text);
    END IF;
    -- A retry: the cart of the first answer, if one can still go on with it. A retry that comes late must not hand out the cart
    -- of an order; it says so, and what the customer has open now.
    SELECT * INTO mine FROM shop.carts AS c
    WHERE c.customer_id = merge_carts.customer_id
      AND c.cart_id = CASE guest.status WHEN 'merged' THEN guest.merged_into_cart_id ELSE guest.cart_id END;
    IF FOUND THEN
        IF mine.status = 'open' AND mine.expires_at > now() THEN
            RETURN mine.cart_id;
        END IF;
        RAISE EXCEPTION USING
            ERRCODE = 'SH206',
            MESSAGE = format('the cart went into cart %s, which is %s', mine.cart_id,
                CASE mine.status WHEN 'open' THEN 'expired' ELSE mine.status::text END),
            HINT = 'It was merged before. Go on with open_cart_id, or make a new cart where it is null.',
            DETAIL = jsonb_build_object('cart_id', mine.cart_id, 'status', mine.status, 'open_cart_id', (
                SELECT c.cart_id FROM shop.carts AS c
                WHERE c.customer_id = merge_carts.customer_id AND c.status = 'open' AND c.expires_at > now()));
    END IF;
    IF guest.customer_id IS NOT NULL THEN
        PERFORM shop.require_own(guest.customer_id);
        PERFORM shop.refuse_other_content('cart', guest.cart_id::text);
    END IF;
    PERFORM shop.require_open(guest);

    UPDATE shop.carts AS c SET status = 'expired'
    WHERE c.customer_id = merge_carts.customer_id AND c.status = 'open' AND c.expires_at <= now();
    SELECT * INTO mine FROM shop.carts AS c WHERE c.customer_id = merge_carts.customer_id AND c.status = 'open';
    IF NOT FOUND THEN
        UPDATE shop.carts AS c SET customer_id = merge_carts.customer_id
        WHERE c.cart_id = guest.cart_id;
        RETURN guest.cart_id;
    END IF;

    -- The larger of two quantities: nobody who logs in twice finds twice the goods in the cart. What the customer's cart
    -- could not sell, in its own currency, stays behind, and so does a coupon of another currency: they would block it.
    INSERT INTO shop.cart_items AS item (cart_id, variant_id, quantity)
    SELECT mine.cart_id, theirs.variant_id, theirs.quantity
    FROM shop.cart_items AS theirs
    WHERE theirs.cart_id = guest.cart_id AND shop.is_sellable(theirs.variant_id, mine.currency)
    ORDER BY theirs.variant_id
    ON CONFLICT (cart_id, variant_id) DO UPDATE SET quantity = greatest(item.quantity, excluded.quantity);
    PERFORM shop.require_line_limit(mine.cart_id);
    UPDATE shop.carts AS c SET status = 'merged', merged_into_cart_id = mine.cart_id WHERE c.cart_id = guest.cart_id;
    UPDATE shop.carts AS c
    SET expires_at = now() + shop.cart_lifetime(),
        coupon_id = coalesce(c.coupon_id, (
            SELECT k.coupon_id FROM shop.coupons AS k
            WHERE k.coupon_id = guest.coupon_id AND coalesce(k.currency = mine.currency, true)))
    WHERE c.cart_id = mine.cart_id;
    RETURN mine.cart_id;
END
$$;
COMMENT ON FUNCTION api.merge_carts(uuid, uuid) IS
    'At log-in: moves a guest''s cart into the customer''s, or makes it the customer''s. Returns the cart to go on with. Safe to'
    ' repeat: the same cart as long as it is open, SH206 once it was ordered, merged or ran out. Locks: customer, carts by key.'
    ' Errors: SH001, SH002, SH003, SH004, SH005, SH201, SH203, SH206.';

CREATE FUNCTION api.copy_cart(from_cart_id uuid, cart_id uuid)
RETURNS uuid
LANGUAGE plpgsql
SECURITY DEFINER
SET search_path = pg_catalog, shop, pg_temp
AS $$
#variable_conflict use_column
DECLARE
    source shop.carts;
    made uuid;
BEGIN
    PERFORM shop.require_read_committed();
    SELECT * INTO source FROM shop.carts AS c WHERE c.cart_id = copy_cart.from_cart_id;
    IF NOT FOUND THEN
        PERFORM shop.refuse_missing('cart', copy_cart.from_cart_id::text);
    END IF;
    PERFORM shop.require_own(source.customer_id);
    made := api.create_cart(copy_cart.cart_id, source.currency, source.customer_id);
    -- What can no longer be bought stays behind. Only into a cart that nobody touched yet: a retry must not bring back what
    -- the customer took out meanwhile.
    INSERT INTO shop.cart_items (cart_id, variant_id, quantity)
    SELECT made, item.variant_id, item.quantity
    FROM shop.cart_items AS item
    WHERE item.cart_id = source.cart_id AND shop.is_sellable(item.variant_id, source.currency)
      AND EXISTS (SELECT FROM shop.carts AS c WHERE c.cart_id = made AND c.version = 1 AND c.status = 'open')
    ORDER BY item.variant_id
    ON CONFLICT DO NOTHING;
    RETURN made;
END
$$;
COMMENT ON FUNCTION api.copy_cart(uuid, uuid) IS
    'Starts again from a cart that is closed (its order expired): a new open cart with the lines that can still be bought.'
    ' Safe to repeat with the same new key. Locks: customer. Errors: SH001 to SH005, SH202, SH205.';

GRANT EXECUTE ON FUNCTION
    api.create_cart(uuid, text, uuid, bigint[], integer[]), api.set_cart_items(uuid, bigint[], integer[]),
    api.set_cart_item(uuid, bigint, integer), api.apply_coupon(uuid, text), api.remove_coupon(uuid),
    api.merge_carts(uuid, uuid), api.copy_cart(uuid, uuid)
TO shop_app, shop_storefront, shop_backoffice;
