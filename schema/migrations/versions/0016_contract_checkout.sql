-- Checkout. Errors, 3xx:
--   SH301  the total is not what the customer saw (DETAIL: total_minor)
--   SH302  the coupon does not apply (any more): window, minimum, currency or a limit
--   SH303  not enough stock (DETAIL: every line that is short, with what is left)
--   SH304  the shipping method does not deliver there, or not in this currency
--   SH305  the cart is empty
--   SH308  the cart is worth more than an order may be
--   SH202  a line cannot be bought (any more)

CREATE TYPE api.address AS (
    recipient text, company text, line1 text, line2 text, city text, region text, postal_code text, country text,
    phone text);
COMMENT ON TYPE api.address IS 'A postal address, as columns of addresses and order_addresses.';

CREATE TYPE shop.priced_line AS (
    line_number smallint, variant_id bigint, sku text, product_name text, variant_name text, tax_class text,
    quantity smallint, unit_price_minor bigint, subtotal_minor bigint, discount_minor bigint, tax_minor bigint,
    total_minor bigint, tax_count smallint);
CREATE TYPE shop.priced_tax AS (line_number smallint, jurisdiction text, rate numeric, base_minor bigint, tax_minor bigint);
CREATE TYPE shop.priced_cart AS (
    currency text, country text, prices_include_tax boolean, is_tax_exempt boolean, tax_number text,
    shipping_method_id bigint, shipping_method_name text, coupon_id bigint,
    line_count smallint, unit_count integer, subtotal_minor bigint, discount_minor bigint, shipping_minor bigint,
    shipping_tax_minor bigint, shipping_tax_count smallint, tax_minor bigint, total_minor bigint,
    lines shop.priced_line[], taxes shop.priced_tax[]);
CREATE TYPE shop.offered_stock AS (variant_id bigint, warehouse_id bigint, slot smallint, free integer, priority smallint);
COMMENT ON TYPE shop.offered_stock IS 'A locked stock level that checkout may take from.';
COMMENT ON TYPE shop.priced_line IS 'A cart line as checkout charges it.';
COMMENT ON TYPE shop.priced_tax IS 'A tax as checkout charges it; line 0 is shipping.';
COMMENT ON TYPE shop.priced_cart IS 'All that checkout charges for a cart.';

-- Bodies that are bound when the function is made need no search_path, and PostgreSQL puts them into the statement that calls
-- them instead of calling them.
CREATE FUNCTION shop.payment_deadline() RETURNS interval LANGUAGE sql IMMUTABLE
RETURN interval '1 hour';
COMMENT ON FUNCTION shop.payment_deadline() IS 'How long an unpaid order keeps its stock.';

-- The rates of a destination at a moment, by tax class: of each jurisdiction the region's own before the country's, and
-- the latest. all_rates is what all jurisdictions together levy on the class. A region is found as it is written in
-- tax_rates, or in capitals: who writes ca for CA pays California's taxes.
CREATE FUNCTION shop.tax_rates_at(country text, region text, at timestamptz)
RETURNS TABLE (tax_class text, jurisdiction text, rate numeric, all_rates numeric)
LANGUAGE sql STABLE ROWS 4
BEGIN ATOMIC
    SELECT tax_class, jurisdiction, rate, sum(rate) OVER (PARTITION BY tax_class)
    FROM (
        SELECT DISTINCT ON (r.tax_class, r.jurisdiction) r.tax_class, r.jurisdiction, r.rate
        FROM shop.tax_rates AS r
        WHERE r.country = tax_rates_at.country
          AND r.region IN ('', coalesce(btrim(tax_rates_at.region), ''), upper(coalesce(btrim(tax_rates_at.region), '')))
          AND r.valid_from <= tax_rates_at.at
        ORDER BY r.tax_class, r.jurisdiction, r.region DESC, r.valid_from DESC
    ) AS levied;
END;
COMMENT ON FUNCTION shop.tax_rates_at(text, text, timestamptz) IS
    'Tax rates of a destination at a moment, one row a class and jurisdiction.';

-- What an amount that contains tax is without it. Each tax is rounded for itself, half away from zero as round() of
-- numeric does; the base is what they leave over.
CREATE FUNCTION shop.without_tax(amount_minor bigint, country text, region text, tax_class text)
RETURNS bigint
LANGUAGE sql STABLE
SET search_path = pg_catalog, shop, pg_temp
AS $$
    SELECT amount_minor - coalesce(sum(round(amount_minor * levied.rate / (1 + levied.all_rates))), 0)::bigint
    FROM shop.tax_rates_at(country, region, now()) AS levied
    WHERE levied.tax_class = without_tax.tax_class
$$;
COMMENT ON FUNCTION shop.without_tax(bigint, text, text, text) IS
    'An amount without the taxes that it contains, at a destination, now.';

-- In three steps, each one statement: the lines at their prices, the coupon and the shipping that follow from their sum,
-- and the taxes that follow from both.
CREATE FUNCTION shop.price_cart(
    cart shop.carts, country text, region text, method_code text)
RETURNS shop.priced_cart
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, shop, pg_temp
AS $$
#variable_conflict use_column
DECLARE
    priced shop.priced_cart;
    coupon shop.coupons;
    shipping_tax_class text;
    unsellable bigint[];
    is_sound boolean;
    needs_region boolean;
    price_contains_tax boolean;
    takes_tax_out boolean;
BEGIN
    priced.currency := cart.currency;
    priced.country := price_cart.country;
    SELECT land.prices_include_tax, m.shipping_method_id, m.name, m.tax_class, coalesce(c.is_tax_exempt, false), c.tax_number,
           CASE WHEN coalesce(btrim(price_cart.region), '') = '' THEN EXISTS (
               SELECT FROM shop.tax_rates AS r
               WHERE r.country = price_cart.country AND r.region > '' AND r.valid_from <= now()) END
    INTO price_contains_tax, priced.shipping_method_id, priced.shipping_method_name, shipping_tax_class,
         priced.is_tax_exempt, priced.tax_number, needs_region
    FROM shop.countries AS land
    LEFT JOIN shop.shipping_methods AS m ON m.code = price_cart.method_code AND m.is_active
    LEFT JOIN shop.customers AS c ON c.customer_id = cart.customer_id
    WHERE land.code = price_cart.country;
    is_sound := shop.require_none(CASE
        WHEN NOT FOUND THEN ARRAY['country', 'an ISO 3166-1 alpha-2 code']
        WHEN priced.shipping_method_id IS NULL THEN ARRAY['shipping_method', 'the code of an active method']
        -- Left out, it would cost nothing.
        WHEN needs_region
            THEN ARRAY['region', format('the region within %s: taxes differ by it', price_cart.country)]
    END);
    -- Who is exempt pays the price without the tax that it contains, so the order's prices contain none.
    priced.prices_include_tax := price_contains_tax AND NOT priced.is_tax_exempt;
    takes_tax_out := price_contains_tax AND priced.is_tax_exempt;

    SELECT count(*), sum(quantity), sum(unit_price_minor * quantity), array_agg(variant_id) FILTER (WHERE NOT sellable),
           array_agg(ROW(line_number, variant_id, sku, product_name, variant_name, tax_class, quantity, unit_price_minor,
                         unit_price_minor * quantity, 0, 0, 0, 0)::shop.priced_line ORDER BY line_number)
    INTO priced.line_count, priced.unit_count, priced.subtotal_minor, unsellable, priced.lines
    FROM (
        SELECT row_number() OVER (ORDER BY item.added_at, item.variant_id)::smallint AS line_number,
               item.variant_id, variant.sku, product.name AS product_name, variant.name AS variant_name,
               product.tax_class, item.quantity,
               variant.archived_at IS NULL AND product.status = 'active' AND price.amount_minor IS NOT NULL AS sellable,
               CASE WHEN takes_tax_out
                    THEN shop.without_tax(price.amount_minor, price_cart.country, price_cart.region, product.tax_class)
                    ELSE price.amount_minor END AS unit_price_minor
        FROM shop.cart_items AS item
        JOIN shop.product_variants AS variant USING (variant_id)
        JOIN shop.products AS product USING (product_id)
        LEFT JOIN LATERAL (
            SELECT amount_minor FROM shop.variant_prices AS p
            WHERE p.variant_id = item.variant_id AND p.currency = cart.currency AND p.valid_from <= now()
            ORDER BY p.valid_from DESC
            LIMIT 1
        ) AS price ON true
        WHERE item.cart_id = cart.cart_id
    ) AS line;
    IF priced.line_count = 0 THEN
        RAISE EXCEPTION USING
            ERRCODE = 'SH305', MESSAGE = format('cart %s is empty', cart.cart_id), HINT = 'Put something in first.';
    END IF;
    IF unsellable IS NOT NULL THEN
        RAISE EXCEPTION USING
            ERRCODE = 'SH202',
            MESSAGE = format('%s cannot be bought in %s', array_to_string(unsellable, ', '), cart.currency),
            HINT = 'Remove these variants from the cart.',
            DETAIL = jsonb_build_object('variant_ids', unsellable);
    END IF;
    IF priced.subtotal_minor > 1000000000000 THEN
        RAISE EXCEPTION USING
            ERRCODE = 'SH308',
            MESSAGE = format('cart %s is worth %s, and an order at most 1000000000000', cart.cart_id, priced.subtotal_minor),
            HINT = 'Order in several carts.',
            DETAIL = jsonb_build_object('subtotal_minor', priced.subtotal_minor);
    END IF;

    priced.discount_minor := 0;
    IF cart.coupon_id IS NOT NULL THEN
        SELECT * INTO coupon FROM shop.coupons AS c WHERE c.coupon_id = cart.coupon_id;
        IF NOT (coupon.is_active AND coupon.starts_at <= now() AND coalesce(coupon.ends_at > now(), true)
                AND coalesce(coupon.currency = cart.currency, true)
                AND coupon.minimum_subtotal_minor <= priced.subtotal_minor
                AND coalesce(coupon.times_used < coupon.usage_limit, true)) THEN
            RAISE EXCEPTION USING
                ERRCODE = 'SH302',
                MESSAGE = format('coupon %s does not apply to this cart', coupon.code),
                HINT = 'Remove it with remove_coupon, or reach its minimum.',
                DETAIL = jsonb_build_object('code', coupon.code, 'minimum_subtotal_minor', coupon.minimum_subtotal_minor);
        END IF;
        priced.coupon_id := coupon.coupon_id;
        priced.discount_minor := CASE coupon.kind
            WHEN 'percent' THEN round(priced.subtotal_minor * coupon.rate)
            ELSE least(coupon.amount_minor, priced.subtotal_minor)
        END;
    END IF;

    SELECT price_minor INTO priced.shipping_minor
    FROM shop.shipping_rates AS r
    WHERE r.shipping_method_id = priced.shipping_method_id AND r.country = price_cart.country
      AND r.currency = cart.currency AND r.minimum_subtotal_minor <= priced.subtotal_minor - priced.discount_minor
    ORDER BY r.minimum_subtotal_minor DESC
    LIMIT 1;
    IF NOT FOUND THEN
        RAISE EXCEPTION USING
            ERRCODE = 'SH304',
            MESSAGE = format('%s does not deliver to %s for %s', price_cart.method_code, price_cart.country, cart.currency),
            HINT = 'Choose another shipping method.';
    END IF;
    IF takes_tax_out THEN
        priced.shipping_minor := shop.without_tax(
            priced.shipping_minor, price_cart.country, price_cart.region, shipping_tax_class);
    END IF;

    -- The discount is split by largest remainder: every line gets its share rounded down, and the units that are left go to
    -- the lines that lost most by rounding, so that the parts sum to it exactly.
    IF priced.discount_minor > 0 THEN
        WITH floored AS (
            SELECT line.*,
                   div(priced.discount_minor::numeric * line.subtotal_minor, priced.subtotal_minor)::bigint AS share,
                   (priced.discount_minor::numeric * line.subtotal_minor) % priced.subtotal_minor AS fraction
            FROM unnest(priced.lines) AS line
        ), discounted AS (
            SELECT floored.*,
                   share + (row_number() OVER (ORDER BY fraction DESC, line_number)
                            <= priced.discount_minor - sum(share) OVER ())::integer AS discount
            FROM floored
        )
        SELECT array_agg(ROW(line_number, variant_id, sku, product_name, variant_name, tax_class, quantity, unit_price_minor,
                             subtotal_minor, discount, 0, 0, 0)::shop.priced_line ORDER BY line_number)
        INTO priced.lines
        FROM discounted;
    END IF;

    -- Where prices contain tax an amount is split so that base and taxes are the amount again; otherwise each tax comes on
    -- top. Line 0 is shipping.
    WITH levied AS MATERIALIZED (
        SELECT tax.*, sum(tax_minor) OVER (PARTITION BY line_number) AS taxes_of_line
        FROM (
            SELECT amount.line_number, rates.jurisdiction, rates.rate, amount.minor,
                   round(amount.minor * rates.rate
                         / CASE WHEN priced.prices_include_tax THEN 1 + rates.all_rates ELSE 1 END)::bigint AS tax_minor
            FROM (
                SELECT line_number, subtotal_minor - discount_minor AS minor, tax_class FROM unnest(priced.lines)
                UNION ALL
                SELECT 0, priced.shipping_minor, shipping_tax_class
            ) AS amount
            JOIN shop.tax_rates_at(price_cart.country, price_cart.region, now()) AS rates USING (tax_class)
            WHERE NOT priced.is_tax_exempt
        ) AS tax
    )
    SELECT (SELECT array_agg(ROW(line.line_number, line.variant_id, line.sku, line.product_name, line.variant_name,
                                 line.tax_class, line.quantity, line.unit_price_minor, line.subtotal_minor,
                                 line.discount_minor, coalesce(t.minor, 0),
                                 line.subtotal_minor - line.discount_minor
                                     + CASE WHEN priced.prices_include_tax THEN 0 ELSE coalesce(t.minor, 0) END,
                                 coalesce(t.total, 0))::shop.priced_line ORDER BY line.line_number)
            FROM unnest(priced.lines) AS line
            LEFT JOIN (
                SELECT line_number, sum(tax_minor)::bigint AS minor, count(*)::smallint AS total FROM levied GROUP BY line_number
            ) AS t ON t.line_number = line.line_number),
           array_agg(ROW(line_number, jurisdiction, rate,
                         minor - CASE WHEN priced.prices_include_tax THEN taxes_of_line ELSE 0 END,
                         tax_minor)::shop.priced_tax ORDER BY line_number, jurisdiction),
           coalesce(sum(tax_minor) FILTER (WHERE line_number = 0), 0), count(*) FILTER (WHERE line_number = 0),
           coalesce(sum(tax_minor), 0)
    INTO priced.lines, priced.taxes, priced.shipping_tax_minor, priced.shipping_tax_count, priced.tax_minor
    FROM levied;
    priced.taxes := coalesce(priced.taxes, '{}');
    priced.total_minor := priced.subtotal_minor - priced.discount_minor + priced.shipping_minor
        + CASE WHEN priced.prices_include_tax THEN 0 ELSE priced.tax_minor END;
    -- With taxes and delivery: no payment and no event may be for more.
    IF priced.total_minor > 1000000000000 THEN
        RAISE EXCEPTION USING
            ERRCODE = 'SH308',
            MESSAGE = format('cart %s costs %s, and an order at most 1000000000000', cart.cart_id, priced.total_minor),
            HINT = 'Order in several carts.',
            DETAIL = jsonb_build_object('total_minor', priced.total_minor);
    END IF;
    RETURN priced;
END
$$;
COMMENT ON FUNCTION shop.price_cart(shop.carts, text, text, text) IS
    'What checkout charges for a cart: prices in force, coupon, shipping and taxes, line by line.';

CREATE FUNCTION api.quote_cart(cart_id uuid, country text, region text, shipping_method text)
RETURNS jsonb
LANGUAGE plpgsql STABLE
SECURITY DEFINER
SET search_path = pg_catalog, shop, pg_temp
SET plan_cache_mode = force_generic_plan
AS $$
#variable_conflict use_column
DECLARE
    cart shop.carts;
BEGIN
    SELECT * INTO cart FROM shop.carts AS c WHERE c.cart_id = quote_cart.cart_id;
    IF NOT FOUND THEN
        PERFORM shop.refuse_missing('cart', quote_cart.cart_id::text);
    END IF;
    PERFORM shop.require_own(cart.customer_id);
    RETURN to_jsonb(shop.price_cart(cart, quote_cart.country, quote_cart.region, quote_cart.shipping_method))
        - ARRAY['shipping_method_id', 'coupon_id', 'tax_number'];
END
$$;
COMMENT ON FUNCTION api.quote_cart(uuid, text, text, text) IS
    'What place_order will charge for the cart, line by line, tax by tax (line 0 is shipping). Locks nothing, reserves'
    ' nothing. Errors: SH001, SH003, SH005, SH202, SH302, SH304, SH305, SH308.';

-- Stock is taken from the first warehouse by priority that has some, then the next. A variant whose stock is split over
-- slots is tried without waiting first: one slot that has enough and that nobody holds. Only if there is none are all
-- slots locked, in key order like everybody does, and counted again: then "sold out" is true. The locks of the first try
-- are given back by its savepoint before anything is waited for, so that no two buyers can hold what the other needs.
--
-- A buyer who waits for stock does not see slots that are made meanwhile, and would be told "sold out" while the units lie in
-- them. So split_stock takes a gate for itself that buyers share, all before they look at stock. An advisory lock, because
-- every row lock that would do is also taken by foreign keys of transactions that hold stock already. Variants share 16 gates:
-- the server's table of locks has room for 64 by each connection (max_locks_per_transaction), and with a gate for each line 88
-- carts of 200 lines at once were "out of shared memory". Splitting is rare, and keeps the others waiting for milliseconds.
CREATE FUNCTION shop.slots_gate(variant_id bigint) RETURNS bigint LANGUAGE sql IMMUTABLE
RETURN hashint8extended(variant_id % 16, 20260101);
COMMENT ON FUNCTION shop.slots_gate(bigint) IS
    'Key of the advisory lock that buyers of a variant share, and split_stock takes: one of 16.';

CREATE FUNCTION shop.allocate_order(placed_order_id uuid, lines shop.priced_line[])
RETURNS boolean
LANGUAGE plpgsql
SET search_path = pg_catalog, shop, pg_temp
AS $$
DECLARE
    split bigint[];
    short jsonb;
BEGIN
    PERFORM pg_advisory_xact_lock_shared(gate)
    FROM (SELECT DISTINCT shop.slots_gate(variant_id) AS gate FROM unnest(lines) ORDER BY gate) AS bought;
    -- A statement of its own: it sees what was committed before the gates opened.
    SELECT array_agg(DISTINCT level.variant_id) INTO split
    FROM shop.stock_levels AS level
    WHERE level.variant_id = ANY (ARRAY(SELECT variant_id FROM unnest(lines))) AND level.slot > 0;

    IF split IS NOT NULL THEN
        BEGIN
            IF shop.insert_allocations(placed_order_id, lines, split) IS NULL THEN
                RETURN true;
            END IF;
            RAISE EXCEPTION USING ERRCODE = 'SH303', MESSAGE = 'gives back the locks of the first try';
        EXCEPTION WHEN SQLSTATE 'SH303' THEN
            NULL;
        END;
    END IF;
    short := shop.insert_allocations(placed_order_id, lines, '{}');
    IF short IS NOT NULL THEN
        RAISE EXCEPTION USING
            ERRCODE = 'SH303',
            MESSAGE = 'not enough in stock',
            HINT = 'Lower the quantities of the lines that DETAIL lists; nothing was reserved.',
            DETAIL = jsonb_build_object('short', short);
    END IF;
    RETURN true;
END
$$;
COMMENT ON FUNCTION shop.allocate_order(uuid, shop.priced_line[]) IS
    'Allocates stock to an order: without waiting where stock is split over slots, else under locks in key order.';

-- Variants in `unwaited` are served from one slot that can be locked at once, all others under locks in key order. Returns
-- the lines that are short, and then inserts nothing.
CREATE FUNCTION shop.insert_allocations(placed_order_id uuid, lines shop.priced_line[], unwaited bigint[])
RETURNS jsonb
LANGUAGE plpgsql
SET search_path = pg_catalog, shop, pg_temp
AS $$
#variable_conflict use_column
DECLARE
    waited bigint[] := ARRAY(SELECT variant_id FROM unnest(lines) WHERE variant_id <> ALL (unwaited));
    offers shop.offered_stock[];
    offers_at_once shop.offered_stock[];
    short jsonb;
BEGIN
    IF unwaited <> '{}' THEN
        -- Whatever is waited for is locked by a statement of its own, before any slot is taken: no plan can take a slot first
        -- and then wait here.
        SELECT array_agg(ROW(level.variant_id, level.warehouse_id, level.slot, level.free, level.priority)::shop.offered_stock)
        INTO offers
        FROM (
            SELECT level.variant_id, level.warehouse_id, level.slot, level.on_hand - level.reserved AS free, warehouse.priority
            FROM shop.stock_levels AS level
            JOIN shop.warehouses AS warehouse USING (warehouse_id)
            WHERE level.variant_id = ANY (waited) AND warehouse.is_active
            ORDER BY level.variant_id, level.warehouse_id, level.slot
            FOR NO KEY UPDATE OF level
        ) AS level;
        waited := '{}';
        SELECT array_agg(ROW(picked.variant_id, picked.warehouse_id, picked.slot, picked.free, picked.priority)::shop.offered_stock)
        INTO offers_at_once
        FROM unnest(lines) AS line
        CROSS JOIN LATERAL (
            SELECT level.variant_id, level.warehouse_id, level.slot, level.on_hand - level.reserved AS free, warehouse.priority
            FROM shop.stock_levels AS level
            JOIN shop.warehouses AS warehouse USING (warehouse_id)
            WHERE level.variant_id = line.variant_id AND warehouse.is_active
              AND level.on_hand - level.reserved >= line.quantity
            ORDER BY warehouse.priority, warehouse.warehouse_id, random()
            LIMIT 1
            FOR NO KEY UPDATE OF level SKIP LOCKED
        ) AS picked
        WHERE line.variant_id = ANY (unwaited);
        offers := offers || offers_at_once;
    END IF;

    -- All of a line comes from the first places by priority that have some; nothing is inserted if any line is short.
    WITH locked AS MATERIALIZED (
        SELECT level.variant_id, level.warehouse_id, level.slot, level.on_hand - level.reserved AS free, warehouse.priority
        FROM shop.stock_levels AS level
        JOIN shop.warehouses AS warehouse USING (warehouse_id)
        WHERE level.variant_id = ANY (waited) AND warehouse.is_active
        ORDER BY level.variant_id, level.warehouse_id, level.slot
        FOR NO KEY UPDATE OF level
    ), offered AS MATERIALIZED (
        SELECT line.line_number, line.variant_id, line.quantity, place.warehouse_id, place.slot, place.free,
               sum(place.free) OVER (
                   PARTITION BY line.line_number ORDER BY place.priority, place.warehouse_id, place.slot) AS running
        FROM unnest(lines) AS line
        LEFT JOIN (
            SELECT * FROM locked
            UNION ALL
            SELECT * FROM unnest(offers)
        ) AS place ON place.variant_id = line.variant_id AND place.free > 0
    ), lacking AS MATERIALIZED (
        SELECT line_number, variant_id, quantity, coalesce(max(running), 0) AS available
        FROM offered
        GROUP BY line_number, variant_id, quantity
        HAVING coalesce(max(running), 0) < quantity
    ), inserted AS (
        INSERT INTO shop.order_allocations (order_id, line_number, variant_id, warehouse_id, slot, quantity)
        SELECT placed_order_id, line_number, variant_id, warehouse_id, slot, least(free, quantity - (running - free))
        FROM offered
        WHERE running - free < quantity AND NOT EXISTS (SELECT FROM lacking)
        ORDER BY variant_id, warehouse_id, slot
    )
    SELECT jsonb_agg(jsonb_build_object('variant_id', variant_id, 'wanted', quantity, 'available', available)
                     ORDER BY line_number)
    INTO short
    FROM lacking;
    RETURN short;
END
$$;
COMMENT ON FUNCTION shop.insert_allocations(uuid, shop.priced_line[], bigint[]) IS
    'Allocates stock to all lines of an order; NULL, or to none and returns those that are short.';

CREATE FUNCTION shop.bad_part_of_address(argument text, address api.address)
RETURNS text[]
LANGUAGE plpgsql IMMUTABLE
SET search_path = pg_catalog, shop, pg_temp
AS $$
BEGIN
    RETURN CASE
        WHEN (btrim(address.recipient) <> '' AND char_length(address.recipient) <= 200) IS NOT TRUE
            THEN ARRAY[argument || '.recipient', '1 to 200 characters']
        WHEN (btrim(address.line1) <> '' AND char_length(address.line1) <= 200) IS NOT TRUE
            THEN ARRAY[argument || '.line1', '1 to 200 characters']
        WHEN (btrim(address.city) <> '' AND char_length(address.city) <= 100) IS NOT TRUE
            THEN ARRAY[argument || '.city', '1 to 100 characters']
        WHEN btrim(address.company) = '' OR char_length(address.company) > 200
            THEN ARRAY[argument || '.company', 'NULL, or 1 to 200 characters']
        WHEN btrim(address.line2) = '' OR char_length(address.line2) > 200
            THEN ARRAY[argument || '.line2', 'NULL, or 1 to 200 characters']
        WHEN btrim(address.region) = '' OR char_length(address.region) > 100
            THEN ARRAY[argument || '.region', 'NULL, or 1 to 100 characters']
        WHEN btrim(address.postal_code) = '' OR char_length(address.postal_code) > 20
            THEN ARRAY[argument || '.postal_code', 'NULL, or 1 to 20 characters']
        WHEN btrim(address.phone) = '' OR char_length(address.phone) > 40
            THEN ARRAY[argument || '.phone', 'NULL, or 1 to 40 characters']
    END;
END
$$;
COMMENT ON FUNCTION shop.bad_part_of_address(text, api.address) IS
    'Name and rule of what order_addresses could not hold of an address, but for its country; NULL: nothing.';

CREATE FUNCTION shop.require_address(argument text, address api.address)
RETURNS boolean
LANGUAGE plpgsql
SET search_path = pg_catalog, shop, pg_temp
AS $$
BEGIN
    RETURN shop.require_none(coalesce(
        shop.bad_part_of_address(argument, address),
        CASE WHEN NOT EXISTS (SELECT FROM shop.countries WHERE code = address.country)
             THEN ARRAY[argument || '.country', 'an ISO 3166-1 alpha-2 code'] END));
END
$$;
COMMENT ON FUNCTION shop.require_address(text, api.address) IS 'Refuses an address that order_addresses could not hold.';

-- The order moves on by itself once nothing more is to be paid. The caller holds its lock.
CREATE FUNCTION shop.confirm_if_covered(wanted uuid)
RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, shop, pg_temp
AS $$
BEGIN
    UPDATE shop.orders SET status = 'confirmed'
    WHERE order_id = wanted AND status = 'pending' AND authorized_minor >= total_minor - cancelled_minor;
    IF FOUND THEN
        PERFORM shop.tell_outbox('order', wanted::text, 'order.confirmed', jsonb_build_object('order_id', wanted));
    END IF;
END
$$;
COMMENT ON FUNCTION shop.confirm_if_covered(uuid) IS 'Confirms a pending order that is paid for, authorized in full, or free.';

CREATE FUNCTION api.place_order(
    order_id uuid, cart_id uuid, contact_email text, contact_phone text, shipping api.address, billing api.address,
    shipping_method text, expected_total_minor bigint)
RETURNS TABLE (order_number bigint, total_minor bigint, currency text, status text, expires_at timestamptz)
LANGUAGE plpgsql
SECURITY DEFINER
SET search_path = pg_catalog, shop, pg_temp
SET plan_cache_mode = force_generic_plan
AS $$
#variable_conflict use_column
DECLARE
    cart shop.carts;
    priced shop.priced_cart;
    existing record;
    number_given bigint;
    -- The request as one text: a retry has the same digest.
    digest bytea := sha256(convert_to(jsonb_build_array(
        place_order.order_id, place_order.cart_id, contact_email, contact_phone, shipping, billing, shipping_method,
        expected_total_minor)::text, 'UTF8'));
    may_proceed boolean := shop.require_read_committed();
BEGIN
    may_proceed := shop.require_none(coalesce(
        CASE
            WHEN (uuid_extract_version(place_order.order_id) = 7) IS NOT TRUE
                THEN ARRAY['order_id', 'a UUIDv7 that the client makes']
            WHEN (char_length(contact_email) <= 254
                  AND contact_email ~ '^[^@[:space:]]+@[^@[:space:]]+[.][^@[:space:].]+$') IS NOT TRUE
                THEN ARRAY['contact_email', 'an e-mail address']
            WHEN btrim(contact_phone) = '' OR char_length(contact_phone) > 40
                THEN ARRAY['contact_phone', 'NULL, or 1 to 40 characters']
            WHEN (expected_total_minor >= 0) IS NOT TRUE
                THEN ARRAY['expected_total_minor', 'the total that the customer saw']
        END,
        shop.bad_part_of_address('shipping', shipping),
        shop.bad_part_of_address('billing', billing)));
    may_proceed := shop.require_none(CASE
        WHEN NOT EXISTS (SELECT FROM shop.countries WHERE code = shipping.country)
            THEN ARRAY['shipping.country', 'an ISO 3166-1 alpha-2 code']
        WHEN NOT EXISTS (SELECT FROM shop.countries WHERE code = billing.country)
            THEN ARRAY['billing.country', 'an ISO 3166-1 alpha-2 code']
    END);

    cart := shop.lock_cart(place_order.cart_id);
    SELECT o.order_number, o.total_minor, o.currency, o.status, o.expires_at, o.request_digest
    INTO existing
    FROM shop.orders AS o
    WHERE o.cart_id = place_order.cart_id OR o.order_id = place_order.order_id;
    IF FOUND THEN
        IF existing.request_digest <> digest THEN
            PERFORM shop.refuse_other_content('the order of cart', place_order.cart_id::text);
        END IF;
        RETURN QUERY SELECT existing.order_number, existing.total_minor, existing.currency, existing.status::text,
                            existing.expires_at;
        RETURN;
    END IF;
    may_proceed := shop.require_open(cart);

    priced := shop.price_cart(cart, shipping.country, shipping.region, shipping_method);
    IF priced.total_minor <> expected_total_minor THEN
        RAISE EXCEPTION USING
            ERRCODE = 'SH301',
            MESSAGE = format('the total is %s, not %s', priced.total_minor, expected_total_minor),
            HINT = 'Show the customer the new total (quote_cart), and call again with it.',
            DETAIL = jsonb_build_object('total_minor', priced.total_minor);
    END IF;

    INSERT INTO shop.orders
        (order_id, cart_id, request_digest, customer_id, contact_email, contact_phone, currency, country,
         prices_include_tax, is_tax_exempt, tax_number, shipping_method_id, shipping_method_name, line_count, unit_count,
         subtotal_minor, discount_minor, shipping_minor, shipping_tax_minor, shipping_tax_count, tax_minor, total_minor, expires_at)
    VALUES
        (place_order.order_id, place_order.cart_id, digest, cart.customer_id, contact_email, contact_phone, priced.currency,
         priced.country, priced.prices_include_tax, priced.is_tax_exempt, priced.tax_number, priced.shipping_method_id,
         priced.shipping_method_name, priced.line_count, priced.unit_count, priced.subtotal_minor, priced.discount_minor,
         priced.shipping_minor, priced.shipping_tax_minor, priced.shipping_tax_count, priced.tax_minor,
         priced.total_minor,
         now() + shop.payment_deadline())
    -- By any unique index: with order_id named, a race would end in the error of the other one that begins with it. Cart and
    -- number cannot be what conflicts: the cart is locked and has no order, the number comes from a sequence.
    ON CONFLICT DO NOTHING
    RETURNING orders.order_number INTO number_given;
    IF number_given IS NULL THEN
        -- Another cart is being ordered with the same key at this very moment.
        PERFORM shop.refuse_other_content('order', place_order.order_id::text);
    END IF;
    -- All of every line is allocated below, or there is no order: the lines announce it.
    INSERT INTO shop.order_items
        (order_id, line_number, variant_id, currency, sku, product_name, variant_name, tax_class, prices_include_tax,
         quantity, unit_price_minor, subtotal_minor, discount_minor, tax_minor, tax_count, total_minor, allocated_quantity)
    SELECT place_order.order_id, line.line_number, line.variant_id, priced.currency, line.sku, line.product_name,
           line.variant_name, line.tax_class, priced.prices_include_tax, line.quantity, line.unit_price_minor,
           line.subtotal_minor, line.discount_minor, line.tax_minor, line.tax_count, line.total_minor, line.quantity
    FROM unnest(priced.lines) AS line;
    INSERT INTO shop.order_item_taxes (order_id, line_number, jurisdiction, rate, base_minor, tax_minor)
    SELECT place_order.order_id, tax.* FROM unnest(priced.taxes) AS tax WHERE tax.line_number > 0;
    INSERT INTO shop.order_shipping_taxes (order_id, jurisdiction, rate, base_minor, tax_minor)
    SELECT place_order.order_id, tax.jurisdiction, tax.rate, tax.base_minor, tax.tax_minor
    FROM unnest(priced.taxes) AS tax WHERE tax.line_number = 0;
    INSERT INTO shop.order_addresses
        (order_id, kind, recipient, company, line1, line2, city, region, postal_code, country, phone)
    VALUES
        (place_order.order_id, 'shipping', shipping.recipient, shipping.company, shipping.line1, shipping.line2, shipping.city,
         shipping.region, shipping.postal_code, shipping.country, shipping.phone),
        (place_order.order_id, 'billing', billing.recipient, billing.company, billing.line1, billing.line2, billing.city,
         billing.region, billing.postal_code, billing.country, billing.phone);

    -- A coupon that takes nothing off is not used.
    IF priced.discount_minor > 0 THEN
        -- The coupon was read without its lock; under it, another checkout may have taken the last use.
        PERFORM FROM shop.coupons AS c
        WHERE c.coupon_id = priced.coupon_id AND c.is_active AND coalesce(c.times_used < c.usage_limit, true)
        FOR NO KEY UPDATE;
        IF NOT FOUND THEN
            RAISE EXCEPTION USING
                ERRCODE = 'SH302',
                MESSAGE = 'the coupon was used up meanwhile',
                HINT = 'Remove it with remove_coupon, and show the customer the new total.';
        END IF;
        INSERT INTO shop.coupon_redemptions (order_id, coupon_id, currency, discount_minor)
        VALUES (place_order.order_id, priced.coupon_id, priced.currency, priced.discount_minor);
    END IF;

    may_proceed := shop.allocate_order(place_order.order_id, priced.lines);

    INSERT INTO shop.outbox_events (aggregate_type, aggregate_id, event_type, payload)
    VALUES ('order', place_order.order_id::text, 'order.placed', jsonb_build_object(
        'order_id', place_order.order_id, 'total_minor', priced.total_minor, 'currency', priced.currency));
    IF priced.total_minor = 0 THEN
        PERFORM shop.confirm_if_covered(place_order.order_id);
    END IF;
    RETURN QUERY SELECT number_given, priced.total_minor, priced.currency,
                        CASE priced.total_minor WHEN 0 THEN 'confirmed' ELSE 'pending' END, now() + shop.payment_deadline();
END
$$;
COMMENT ON FUNCTION api.place_order(uuid, uuid, text, text, api.address, api.address, text, bigint) IS
    'Places the order of a cart: reprices, refuses a total that the customer did not see, reserves the stock of all lines or'
    ' of none, copies prices, taxes and addresses. The same call again returns the same order. An order without payment'
    ' expires. Locks: cart, coupon, stock by key. Errors: SH001 to SH005, SH112, SH201, SH202, SH301 to SH305, SH308.';

GRANT EXECUTE ON FUNCTION
    api.quote_cart(uuid, text, text, text),
    api.place_order(uuid, uuid, text, text, api.address, api.address, text, bigint)
TO shop_app, shop_storefront, shop_backoffice;
GRANT USAGE ON TYPE api.address TO shop_app, shop_storefront, shop_backoffice;
GRANT USAGE ON SCHEMA api TO shop_storefront;
