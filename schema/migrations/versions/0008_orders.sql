-- Orders: written once, in one transaction; then only counters and status move.

INSERT INTO shop.order_transitions (from_status, to_status, meaning) VALUES
    ('pending', 'confirmed', 'Paid for, authorized in full, or free of charge: it will be delivered.'),
    ('pending', 'cancelled', 'Cancelled before it was paid.'),
    ('pending', 'expired', 'Not paid in time; its stock is free again.'),
    ('confirmed', 'cancelled', 'Cancelled after payment and before anything was shipped.'),
    ('confirmed', 'completed', 'Everything that was not cancelled has been shipped.');

-- Which moves are legal is decided by migrations (which disable this trigger), not by whoever may write to a table.
CREATE TRIGGER order_transitions_are_schema
    BEFORE INSERT OR UPDATE OR DELETE ON shop.order_transitions
    FOR EACH STATEMENT
    EXECUTE FUNCTION shop.refuse('SH102', 'legal moves are part of the schema', 'Change them by a migration.');

-- Header ---------------------------------------------------------------------------------------------------------------

CREATE TRIGGER orders_start_at_rest
    BEFORE INSERT ON shop.orders
    FOR EACH ROW WHEN (
        NEW.status <> 'pending'
        OR (NEW.intended_minor, NEW.authorized_minor, NEW.captured_minor, NEW.refunded_minor, NEW.cancelled_minor)
            <> (0, 0, 0, 0, 0)
        OR (NEW.shipped_units, NEW.cancelled_units, NEW.returned_units) <> (0, 0, 0))
    EXECUTE FUNCTION shop.refuse('SH103', 'an order starts pending, with nothing paid, shipped or cancelled',
        'Leave status and counters out; they follow from what is inserted later.');
CREATE TRIGGER orders_are_placed_now
    BEFORE INSERT ON shop.orders
    FOR EACH ROW WHEN (NEW.placed_at IS DISTINCT FROM now())
    EXECUTE FUNCTION shop.refuse('SH103', 'the moment of an order is the server''s', 'Leave placed_at out.');
CREATE TRIGGER orders_facts_are_immutable
    BEFORE UPDATE OF order_id, order_number, cart_id, customer_id, currency, country, prices_include_tax,
        is_tax_exempt, shipping_method_id, shipping_method_name, line_count, unit_count, subtotal_minor, discount_minor,
        shipping_minor, shipping_tax_minor, shipping_tax_count, tax_minor, total_minor, placed_at, expires_at
    ON shop.orders
    FOR EACH STATEMENT
    EXECUTE FUNCTION shop.refuse('SH102', 'what was agreed in an order does not change',
        'Cancel quantities, refund, or place another order.');
CREATE TRIGGER orders_counters_are_kept
    BEFORE UPDATE OF intended_minor, authorized_minor, captured_minor, refunded_minor, cancelled_minor, shipped_units,
        cancelled_units, returned_units
    ON shop.orders
    FOR EACH STATEMENT
    EXECUTE FUNCTION shop.refuse_direct_write('Insert payment events, shipments, returns or cancellations.');
CREATE TRIGGER orders_are_kept
    BEFORE DELETE ON shop.orders
    FOR EACH STATEMENT
    EXECUTE FUNCTION shop.refuse('SH101', 'orders are kept', 'Cancel the order.');
-- Erasure is the one change of personal data that history allows.
CREATE TRIGGER orders_contact_is_only_erased
    BEFORE UPDATE OF contact_email, contact_phone, tax_number, request_digest ON shop.orders
    FOR EACH ROW WHEN (
        (NEW.contact_email <> OLD.contact_email AND NEW.contact_email <> 'erased-' || OLD.order_id || '@erased.invalid')
        OR (NEW.contact_phone IS DISTINCT FROM OLD.contact_phone AND NEW.contact_phone IS NOT NULL)
        OR (NEW.tax_number IS DISTINCT FROM OLD.tax_number AND NEW.tax_number IS NOT NULL)
        OR (NEW.request_digest <> OLD.request_digest AND NEW.request_digest <> sha256('erased')))
    EXECUTE FUNCTION shop.refuse('SH102', 'the contact of an order does not change, it can only be erased',
        'Erase with erased-<order_id>@erased.invalid, NULL, and sha256(''erased'') for the digest of the request.');

-- The cart is frozen by the very statement that makes its order. After the insert, not before it: an insert that is then
-- skipped (ON CONFLICT DO NOTHING) must not cost the customer the cart.
CREATE FUNCTION shop.convert_cart() RETURNS trigger
LANGUAGE plpgsql
SET search_path = pg_catalog, shop, pg_temp
AS $$
BEGIN
    UPDATE shop.carts SET status = 'converted'
    WHERE cart_id = NEW.cart_id
      AND status = 'open'
      AND customer_id IS NOT DISTINCT FROM NEW.customer_id
      AND currency = NEW.currency;
    IF NOT FOUND AND EXISTS (SELECT FROM shop.carts WHERE cart_id = NEW.cart_id) THEN
        RAISE EXCEPTION USING
            ERRCODE = 'SH106',
            MESSAGE = format('cart %s is not open, or belongs to another customer or currency', NEW.cart_id),
            HINT = 'An order is made from an open cart of the same customer in the same currency.',
            SCHEMA = TG_TABLE_SCHEMA, TABLE = TG_TABLE_NAME, CONSTRAINT = TG_NAME;
    END IF;
    RETURN NULL;
END
$$;
COMMENT ON FUNCTION shop.convert_cart() IS 'Trigger: placing an order converts its cart.';

CREATE TRIGGER orders_convert_their_cart
    AFTER INSERT ON shop.orders
    FOR EACH ROW EXECUTE FUNCTION shop.convert_cart();

CREATE FUNCTION shop.invariant_carts_convert_with_orders()
RETURNS TABLE (examined bigint, violations bigint, example text)
LANGUAGE sql STABLE
SET search_path = pg_catalog, shop, pg_temp
AS $$
    SELECT count(*), count(*) FILTER (WHERE wrong),
           min(format('cart %s is %s', cart_id, status)) FILTER (WHERE wrong)
    FROM (
        SELECT cart.cart_id, cart.status,
               (cart.status = 'converted') <> (orders.order_id IS NOT NULL)
               OR orders.customer_id IS DISTINCT FROM cart.customer_id AND orders.order_id IS NOT NULL
               OR orders.currency <> cart.currency AS wrong
        FROM shop.carts AS cart
        LEFT JOIN shop.orders USING (cart_id)
    ) AS checked
$$;
COMMENT ON FUNCTION shop.invariant_carts_convert_with_orders() IS
    'A cart is converted exactly when it has an order, of the same customer and currency.';

-- Lines ----------------------------------------------------------------------------------------------------------------

-- allocated_quantity may be announced: a line that comes with the units it is about to be allocated is not written twice (its
-- foreign keys would be checked twice as well). No order is committed unless as much was allocated: orders_are_whole.
CREATE TRIGGER order_items_start_at_rest
    BEFORE INSERT ON shop.order_items
    FOR EACH ROW WHEN (
        NEW.shipped_quantity <> 0 OR NEW.cancelled_quantity <> 0 OR NEW.returned_quantity <> 0)
    EXECUTE FUNCTION shop.refuse('SH103', 'the counters of a line start at 0', 'Leave them out.');
CREATE TRIGGER order_items_facts_are_immutable
    BEFORE UPDATE OF order_id, line_number, variant_id, currency, sku, product_name, variant_name, tax_class,
        prices_include_tax, quantity, unit_price_minor, subtotal_minor, discount_minor, tax_minor, tax_count, total_minor
    ON shop.order_items
    FOR EACH STATEMENT
    EXECUTE FUNCTION shop.refuse('SH102', 'what was sold does not change', 'Cancel quantities, or place another order.');
CREATE TRIGGER order_items_counters_are_kept
    BEFORE UPDATE OF allocated_quantity, shipped_quantity, cancelled_quantity, returned_quantity ON shop.order_items
    FOR EACH STATEMENT
    EXECUTE FUNCTION shop.refuse_direct_write('Insert allocations, shipments, cancellations or returns.');
CREATE TRIGGER order_items_are_kept
    BEFORE DELETE ON shop.order_items
    FOR EACH STATEMENT
    EXECUTE FUNCTION shop.refuse('SH101', 'order lines are kept', 'Cancel their quantity.');

-- All lines of an order arrive in one statement after the header. Comparing sums and counts at the end of that statement
-- also refuses any line that comes later, a free one included: it would change the counts. Written as a question to each
-- header, and without GROUP BY: for one order, what a hash table costs to set up is most of such a check.
CREATE FUNCTION shop.compare_order_with_lines() RETURNS trigger
LANGUAGE plpgsql
SET search_path = pg_catalog, shop, pg_temp
AS $$
DECLARE
    wrong_order text;
BEGIN
    SELECT min(header.order_id::text) INTO wrong_order
    FROM shop.orders AS header
    WHERE header.order_id = ANY (ARRAY(SELECT order_id FROM added))
      AND (header.line_count, header.unit_count, header.subtotal_minor, header.discount_minor,
           header.tax_minor - header.shipping_tax_minor, header.prices_include_tax, header.prices_include_tax) <> (
              SELECT count(*), sum(line.quantity), sum(line.subtotal_minor), sum(line.discount_minor), sum(line.tax_minor),
                     bool_and(line.prices_include_tax), bool_or(line.prices_include_tax)
              FROM shop.order_items AS line WHERE line.order_id = header.order_id);
    IF wrong_order IS NOT NULL THEN
        RAISE EXCEPTION USING
            ERRCODE = 'SH104',
            MESSAGE = format('the lines of order %s do not add up to its header', wrong_order),
            HINT = 'Insert the header, then all lines in one statement; lines are never added later.',
            SCHEMA = TG_TABLE_SCHEMA, TABLE = TG_TABLE_NAME, CONSTRAINT = TG_NAME;
    END IF;
    RETURN NULL;
END
$$;
COMMENT ON FUNCTION shop.compare_order_with_lines() IS 'Trigger: lines of an order sum to its header, in one statement.';

CREATE TRIGGER order_items_add_up
    AFTER INSERT ON shop.order_items
    REFERENCING NEW TABLE AS added
    FOR EACH STATEMENT EXECUTE FUNCTION shop.compare_order_with_lines();

CREATE FUNCTION shop.invariant_order_totals_equal_lines()
RETURNS TABLE (examined bigint, violations bigint, example text)
LANGUAGE sql STABLE
SET search_path = pg_catalog, shop, pg_temp
AS $$
    SELECT count(*), count(*) FILTER (WHERE wrong), min(format('order %s', order_id)) FILTER (WHERE wrong)
    FROM (
        SELECT header.order_id,
               (header.line_count, header.unit_count, header.subtotal_minor, header.discount_minor,
                header.tax_minor - header.shipping_tax_minor, header.prices_include_tax, header.prices_include_tax)
               IS DISTINCT FROM
               (line.line_count, line.unit_count, line.subtotal, line.discount, line.tax, line.all_include,
                line.any_include) AS wrong
        FROM shop.orders AS header
        LEFT JOIN (
            SELECT order_id, count(*) AS line_count, sum(quantity) AS unit_count, sum(subtotal_minor) AS subtotal,
                   sum(discount_minor) AS discount, sum(tax_minor) AS tax,
                   bool_and(prices_include_tax) AS all_include, bool_or(prices_include_tax) AS any_include
            FROM shop.order_items
            GROUP BY order_id
        ) AS line USING (order_id)
    ) AS checked
$$;
COMMENT ON FUNCTION shop.invariant_order_totals_equal_lines() IS 'Every order''s sums and counts are those of its lines.';

-- Taxes ----------------------------------------------------------------------------------------------------------------

CREATE TRIGGER order_item_taxes_are_append_only
    BEFORE UPDATE OR DELETE OR TRUNCATE ON shop.order_item_taxes
    FOR EACH STATEMENT
    EXECUTE FUNCTION shop.refuse('SH101', 'taxes of orders are append-only', 'Issue a credit note.');
CREATE TRIGGER order_shipping_taxes_are_append_only
    BEFORE UPDATE OR DELETE OR TRUNCATE ON shop.order_shipping_taxes
    FOR EACH STATEMENT
    EXECUTE FUNCTION shop.refuse('SH101', 'taxes of orders are append-only', 'Issue a credit note.');

-- The line says how many taxes it has, so that not even a tax of nothing can be added later.
CREATE FUNCTION shop.compare_lines_with_taxes() RETURNS trigger
LANGUAGE plpgsql
SET search_path = pg_catalog, shop, pg_temp
AS $$
DECLARE
    wrong_order text;
BEGIN
    SELECT min(line.order_id::text) INTO wrong_order
    FROM shop.order_items AS line
    WHERE line.order_id = ANY (ARRAY(SELECT order_id FROM added))
      AND (line.tax_count, line.tax_minor) <> (
              SELECT count(*), coalesce(sum(tax.tax_minor), 0) FROM shop.order_item_taxes AS tax
              WHERE tax.order_id = line.order_id AND tax.line_number = line.line_number);
    IF wrong_order IS NOT NULL THEN
        RAISE EXCEPTION USING
            ERRCODE = 'SH104',
            MESSAGE = format('the taxes of order %s do not add up to its lines', wrong_order),
            HINT = 'Insert all taxes of an order in one statement; they are never added later.',
            SCHEMA = TG_TABLE_SCHEMA, TABLE = TG_TABLE_NAME, CONSTRAINT = TG_NAME;
    END IF;
    RETURN NULL;
END
$$;
COMMENT ON FUNCTION shop.compare_lines_with_taxes() IS 'Trigger: taxes of a line sum to it, in one statement.';

CREATE TRIGGER order_item_taxes_add_up
    AFTER INSERT ON shop.order_item_taxes
    REFERENCING NEW TABLE AS added
    FOR EACH STATEMENT EXECUTE FUNCTION shop.compare_lines_with_taxes();

CREATE FUNCTION shop.compare_order_with_shipping_taxes() RETURNS trigger
LANGUAGE plpgsql
SET search_path = pg_catalog, shop, pg_temp
AS $$
DECLARE
    wrong_order text;
BEGIN
    SELECT min(header.order_id::text) INTO wrong_order
    FROM shop.orders AS header
    WHERE header.order_id = ANY (ARRAY(SELECT order_id FROM added))
      AND (header.shipping_tax_count, header.shipping_tax_minor) <> (
              SELECT count(*), sum(tax.tax_minor) FROM shop.order_shipping_taxes AS tax
              WHERE tax.order_id = header.order_id);
    IF wrong_order IS NOT NULL THEN
        RAISE EXCEPTION USING
            ERRCODE = 'SH104',
            MESSAGE = format('the shipping taxes of order %s do not add up to its header', wrong_order),
            HINT = 'Insert all shipping taxes of an order in one statement; they are never added later.',
            SCHEMA = TG_TABLE_SCHEMA, TABLE = TG_TABLE_NAME, CONSTRAINT = TG_NAME;
    END IF;
    RETURN NULL;
END
$$;
COMMENT ON FUNCTION shop.compare_order_with_shipping_taxes() IS 'Trigger: shipping taxes sum to the order''s.';

CREATE TRIGGER order_shipping_taxes_add_up
    AFTER INSERT ON shop.order_shipping_taxes
    REFERENCING NEW TABLE AS added
    FOR EACH STATEMENT EXECUTE FUNCTION shop.compare_order_with_shipping_taxes();

CREATE FUNCTION shop.invariant_order_taxes_equal_rows()
RETURNS TABLE (examined bigint, violations bigint, example text)
LANGUAGE sql STABLE
SET search_path = pg_catalog, shop, pg_temp
AS $$
    SELECT count(*), count(*) FILTER (WHERE wrong), min(format('order %s line %s', order_id, line_number)) FILTER (WHERE wrong)
    FROM (
        SELECT order_id, line_number,
               (line.tax_count, line.tax_minor) <> (coalesce(taxed.total, 0), coalesce(taxed.tax, 0)) AS wrong
        FROM shop.order_items AS line
        LEFT JOIN (
            SELECT order_id, line_number, count(*) AS total, sum(tax_minor) AS tax
            FROM shop.order_item_taxes GROUP BY order_id, line_number
        ) AS taxed USING (order_id, line_number)
        UNION ALL
        SELECT order_id, NULL,
               (header.shipping_tax_count, header.shipping_tax_minor) <> (coalesce(taxed.total, 0), coalesce(taxed.tax, 0))
        FROM shop.orders AS header
        LEFT JOIN (
            SELECT order_id, count(*) AS total, sum(tax_minor) AS tax FROM shop.order_shipping_taxes GROUP BY order_id
        ) AS taxed USING (order_id)
    ) AS checked
$$;
COMMENT ON FUNCTION shop.invariant_order_taxes_equal_rows() IS
    'The tax of each line, and of each order''s shipping, is the sum of its tax rows, all of them.';

-- Addresses ------------------------------------------------------------------------------------------------------------

CREATE TRIGGER order_addresses_are_only_erased
    BEFORE UPDATE ON shop.order_addresses
    FOR EACH ROW WHEN (
        NOT (NEW.order_id = OLD.order_id AND NEW.kind = OLD.kind AND NEW.country = OLD.country
             AND NEW.region IS NOT DISTINCT FROM OLD.region
             AND NEW.recipient = 'erased' AND NEW.line1 = 'erased' AND NEW.city = 'erased'
             AND NEW.company IS NULL AND NEW.line2 IS NULL AND NEW.postal_code IS NULL AND NEW.phone IS NULL))
    EXECUTE FUNCTION shop.refuse('SH102', 'the address of an order does not change, it can only be erased',
        'Erase recipient, line1 and city with the word erased, the other personal columns with NULL.');
CREATE TRIGGER order_addresses_are_kept
    BEFORE DELETE ON shop.order_addresses
    FOR EACH STATEMENT
    EXECUTE FUNCTION shop.refuse('SH101', 'addresses of orders are kept', 'Erase their personal columns.');

-- At commit: nothing is missing from the order ------------------------------------------------------------------------

-- Triggers on the children cannot see a child that was never inserted; this one looks from the header, once all is there.
CREATE FUNCTION shop.require_whole_order() RETURNS trigger
LANGUAGE plpgsql
SET search_path = pg_catalog, shop, pg_temp
AS $$
DECLARE
    missing text;
BEGIN
    -- The rows that are there were compared when they came; what is left to see is whether all came.
    SELECT CASE
        WHEN line.total <> NEW.line_count THEN 'its lines'
        WHEN 2 <> (SELECT count(*) FROM shop.order_addresses WHERE order_id = NEW.order_id)
            THEN 'its shipping and billing address'
        WHEN line.taxes <> (SELECT count(*) FROM shop.order_item_taxes WHERE order_id = NEW.order_id)
            OR line.taxes = 0 AND line.tax_minor <> 0 THEN 'the taxes of its lines'
        WHEN NEW.shipping_tax_count <> (SELECT count(*) FROM shop.order_shipping_taxes WHERE order_id = NEW.order_id)
            OR NEW.shipping_tax_count = 0 AND NEW.shipping_tax_minor <> 0 THEN 'the taxes of its shipping'
        WHEN line.allocated <> (SELECT coalesce(sum(quantity - released_quantity), 0)
                                FROM shop.order_allocations WHERE order_id = NEW.order_id)
            THEN 'the allocations that its lines announce'
    END INTO missing
    FROM (SELECT count(*) AS total, sum(tax_count) AS taxes, sum(tax_minor) AS tax_minor, sum(allocated_quantity) AS allocated
          FROM shop.order_items WHERE order_id = NEW.order_id) AS line;
    IF missing IS NULL AND NEW.discount_minor > 0 AND NEW.discount_minor IS DISTINCT FROM (
        SELECT sum(discount_minor) FROM shop.coupon_redemptions WHERE order_id = NEW.order_id
    ) THEN
        missing := 'the coupon redemption that explains its discount';
    END IF;
    IF missing IS NOT NULL THEN
        RAISE EXCEPTION USING
            ERRCODE = 'SH104',
            MESSAGE = format('order %s lacks %s', NEW.order_id, missing),
            HINT = 'Insert the whole order in one transaction.',
            SCHEMA = TG_TABLE_SCHEMA, TABLE = TG_TABLE_NAME, CONSTRAINT = TG_NAME;
    END IF;
    RETURN NULL;
END
$$;
COMMENT ON FUNCTION shop.require_whole_order() IS 'Trigger, deferred: no order is committed without its parts.';

CREATE CONSTRAINT TRIGGER orders_are_whole
    AFTER INSERT ON shop.orders
    DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW EXECUTE FUNCTION shop.require_whole_order();

CREATE FUNCTION shop.invariant_orders_are_whole()
RETURNS TABLE (examined bigint, violations bigint, example text)
LANGUAGE sql STABLE
SET search_path = pg_catalog, shop, pg_temp
AS $$
    SELECT count(*), count(*) FILTER (WHERE wrong), min(format('order %s', order_id)) FILTER (WHERE wrong)
    FROM (
        SELECT header.order_id,
               coalesce(address.total, 0) <> 2
               OR header.discount_minor <> coalesce(redemption.discount_minor, 0) AS wrong
        FROM shop.orders AS header
        LEFT JOIN (
            SELECT order_id, count(*) AS total FROM shop.order_addresses GROUP BY order_id
        ) AS address USING (order_id)
        LEFT JOIN shop.coupon_redemptions AS redemption USING (order_id)
    ) AS checked
$$;
COMMENT ON FUNCTION shop.invariant_orders_are_whole() IS
    'Every order has both addresses, and its discount is explained by its coupon.';

-- Allocations: units of a line that lie ready --------------------------------------------------------------------------

CREATE TRIGGER order_allocations_start_at_rest
    BEFORE INSERT ON shop.order_allocations
    FOR EACH ROW WHEN (NEW.released_quantity <> 0 OR NEW.shipped_quantity <> 0)
    EXECUTE FUNCTION shop.refuse('SH103', 'the counters of an allocation start at 0', 'Leave them out.');
CREATE TRIGGER order_allocations_facts_are_immutable
    BEFORE UPDATE OF order_id, line_number, warehouse_id, slot, variant_id, quantity ON shop.order_allocations
    FOR EACH STATEMENT
    EXECUTE FUNCTION shop.refuse('SH102', 'an allocation does not change', 'Release it and allocate anew.');
CREATE TRIGGER order_allocations_shipped_is_kept
    BEFORE UPDATE OF shipped_quantity ON shop.order_allocations
    FOR EACH STATEMENT EXECUTE FUNCTION shop.refuse_direct_write('Insert shipment items.');
CREATE TRIGGER order_allocations_release_is_final
    BEFORE UPDATE OF released_quantity ON shop.order_allocations
    FOR EACH ROW WHEN (NEW.released_quantity < OLD.released_quantity)
    EXECUTE FUNCTION shop.refuse('SH102', 'released units are not taken back', 'Allocate anew.');
CREATE TRIGGER order_allocations_are_kept
    BEFORE DELETE ON shop.order_allocations
    FOR EACH STATEMENT
    EXECUTE FUNCTION shop.refuse('SH101', 'allocations are kept', 'Release them.');

-- What is held for a line is the sum of its allocations, those of this statement included. A line of which that is true
-- already announced them when it was inserted; of all others the counter lags behind and is raised. Both are read in one
-- snapshot and the counter equals the sum in every committed state (orders_are_whole), so a line can look announced only to
-- the transaction that made it, and nobody else sees that line: it needs no lock.
CREATE FUNCTION shop.reserve_allocated_stock() RETURNS trigger
LANGUAGE plpgsql
SET search_path = pg_catalog, shop, pg_temp
AS $$
DECLARE
    wrong text;
    all_announced boolean;
BEGIN
    SELECT min(format('line %s of order %s', line.line_number, line.order_id)) FILTER (WHERE held.is_of_other_variant),
           bool_and(line.allocated_quantity = held.units)
    INTO wrong, all_announced
    FROM shop.order_items AS line
    JOIN LATERAL (
        SELECT sum(quantity - released_quantity) AS units, bool_or(variant_id <> line.variant_id) AS is_of_other_variant
        FROM shop.order_allocations
        WHERE order_id = line.order_id AND line_number = line.line_number
    ) AS held ON true
    WHERE line.order_id = ANY (ARRAY(SELECT DISTINCT order_id FROM added));
    IF wrong IS NOT NULL THEN
        RAISE EXCEPTION USING
            ERRCODE = 'SH111',
            MESSAGE = format('%s sells another variant', wrong),
            HINT = 'Allocate stock of the line''s own variant.',
            SCHEMA = TG_TABLE_SCHEMA, TABLE = TG_TABLE_NAME, CONSTRAINT = TG_NAME;
    END IF;

    IF NOT all_announced THEN
        -- Locked in the order of their keys, as by every trigger that counts on lines: an UPDATE alone takes them in any.
        PERFORM FROM shop.order_items
        WHERE order_id = ANY (ARRAY(SELECT DISTINCT order_id FROM added))
          AND (order_id, line_number) IN (SELECT order_id, line_number FROM added)
        ORDER BY order_id, line_number
        FOR NO KEY UPDATE;
        UPDATE shop.order_items AS line
        SET allocated_quantity = line.allocated_quantity + change.quantity
        FROM (
            SELECT order_id, line_number, sum(quantity)::integer AS quantity FROM added GROUP BY order_id, line_number
        ) AS change
        WHERE (line.order_id, line.line_number) = (change.order_id, change.line_number)
          AND line.allocated_quantity <> (
              SELECT sum(held.quantity - held.released_quantity) FROM shop.order_allocations AS held
              WHERE (held.order_id, held.line_number) = (line.order_id, line.line_number));
    END IF;

    INSERT INTO shop.stock_movements (variant_id, warehouse_id, slot, kind, reserved_delta, order_id, line_number)
    SELECT variant_id, warehouse_id, slot, 'reservation', quantity, order_id, line_number
    FROM added
    ORDER BY variant_id, warehouse_id, slot;
    RETURN NULL;
END
$$;
COMMENT ON FUNCTION shop.reserve_allocated_stock() IS 'Trigger: an allocation reserves its stock by a movement.';

CREATE TRIGGER order_allocations_reserve_stock
    AFTER INSERT ON shop.order_allocations
    REFERENCING NEW TABLE AS added
    FOR EACH STATEMENT EXECUTE FUNCTION shop.reserve_allocated_stock();

CREATE FUNCTION shop.release_allocated_stock() RETURNS trigger
LANGUAGE plpgsql
SET search_path = pg_catalog, shop, pg_temp
AS $$
BEGIN
    PERFORM FROM shop.order_items
    WHERE order_id = ANY (ARRAY(SELECT DISTINCT order_id FROM after))
      AND (order_id, line_number) IN (SELECT order_id, line_number FROM after)
    ORDER BY order_id, line_number
    FOR NO KEY UPDATE;
    UPDATE shop.order_items AS line
    SET allocated_quantity = line.allocated_quantity - change.quantity
    FROM (
        SELECT after.order_id, after.line_number,
               sum(after.released_quantity - before.released_quantity)::integer AS quantity
        FROM after
        JOIN before USING (order_id, line_number, warehouse_id, slot)
        WHERE after.released_quantity <> before.released_quantity
        GROUP BY after.order_id, after.line_number
    ) AS change
    WHERE (line.order_id, line.line_number) = (change.order_id, change.line_number);

    INSERT INTO shop.stock_movements (variant_id, warehouse_id, slot, kind, reserved_delta, order_id, line_number)
    SELECT after.variant_id, after.warehouse_id, after.slot, 'release',
           before.released_quantity - after.released_quantity, after.order_id, after.line_number
    FROM after
    JOIN before USING (order_id, line_number, warehouse_id, slot)
    WHERE after.released_quantity <> before.released_quantity
    ORDER BY after.variant_id, after.warehouse_id, after.slot;
    RETURN NULL;
END
$$;
COMMENT ON FUNCTION shop.release_allocated_stock() IS 'Trigger: releasing an allocation frees its stock by a movement.';

CREATE TRIGGER order_allocations_release_stock
    AFTER UPDATE ON shop.order_allocations
    REFERENCING OLD TABLE AS before NEW TABLE AS after
    FOR EACH STATEMENT EXECUTE FUNCTION shop.release_allocated_stock();

CREATE FUNCTION shop.invariant_reserved_stock_equals_allocations()
RETURNS TABLE (examined bigint, violations bigint, example text)
LANGUAGE sql STABLE
SET search_path = pg_catalog, shop, pg_temp
AS $$
    SELECT count(*), count(*) FILTER (WHERE wrong),
           min(format('variant %s, warehouse %s, slot %s: reserved %s, allocated %s', variant_id, warehouse_id, slot,
               reserved, allocated)) FILTER (WHERE wrong)
    FROM (
        SELECT variant_id, warehouse_id, slot, level.reserved, coalesce(allocation.units, 0) AS allocated,
               level.reserved <> coalesce(allocation.units, 0) AS wrong
        FROM shop.stock_levels AS level
        LEFT JOIN (
            SELECT variant_id, warehouse_id, slot, sum(quantity - released_quantity - shipped_quantity) AS units
            FROM shop.order_allocations
            GROUP BY variant_id, warehouse_id, slot
        ) AS allocation USING (variant_id, warehouse_id, slot)
    ) AS checked
$$;
COMMENT ON FUNCTION shop.invariant_reserved_stock_equals_allocations() IS
    'Reserved stock is what allocations hold: no unit is promised to nobody, or twice.';

CREATE FUNCTION shop.invariant_allocations_are_of_their_line()
RETURNS TABLE (examined bigint, violations bigint, example text)
LANGUAGE sql STABLE
SET search_path = pg_catalog, shop, pg_temp
AS $$
    SELECT count(*), count(*) FILTER (WHERE line.variant_id <> allocation.variant_id),
           min(format('order %s line %s', order_id, line_number)) FILTER (WHERE line.variant_id <> allocation.variant_id)
    FROM shop.order_allocations AS allocation
    JOIN shop.order_items AS line USING (order_id, line_number)
$$;
COMMENT ON FUNCTION shop.invariant_allocations_are_of_their_line() IS 'A line is served with its own variant.';

-- Cancellations --------------------------------------------------------------------------------------------------------

CREATE TRIGGER order_item_cancellations_are_append_only
    BEFORE UPDATE OR DELETE OR TRUNCATE ON shop.order_item_cancellations
    FOR EACH STATEMENT
    EXECUTE FUNCTION shop.refuse('SH101', 'cancellations are append-only', 'Place another order.');

CREATE TRIGGER order_item_cancellations_happen_now
    BEFORE INSERT ON shop.order_item_cancellations
    FOR EACH ROW WHEN (NEW.cancelled_at IS DISTINCT FROM now())
    EXECUTE FUNCTION shop.refuse('SH103', 'the moment of a cancellation is the server''s', 'Leave cancelled_at out.');

CREATE FUNCTION shop.count_cancellations() RETURNS trigger
LANGUAGE plpgsql
SET search_path = pg_catalog, shop, pg_temp
AS $$
BEGIN
    PERFORM FROM shop.order_items
    WHERE order_id = ANY (ARRAY(SELECT DISTINCT order_id FROM added))
      AND (order_id, line_number) IN (SELECT order_id, line_number FROM added)
    ORDER BY order_id, line_number
    FOR NO KEY UPDATE;
    UPDATE shop.order_items AS line
    SET cancelled_quantity = line.cancelled_quantity + change.quantity
    FROM (
        SELECT order_id, line_number, sum(quantity)::integer AS quantity FROM added GROUP BY order_id, line_number
    ) AS change
    WHERE (line.order_id, line.line_number) = (change.order_id, change.line_number);
    RETURN NULL;
END
$$;
COMMENT ON FUNCTION shop.count_cancellations() IS 'Trigger: cancellations count on their lines.';

CREATE TRIGGER order_item_cancellations_count
    AFTER INSERT ON shop.order_item_cancellations
    REFERENCING NEW TABLE AS added
    FOR EACH STATEMENT EXECUTE FUNCTION shop.count_cancellations();

-- From the lines to the header. A line's cancelled value is rounded down on the running quantity, so that its parts sum
-- to the line exactly; when nothing is left to deliver, shipping is no longer owed either.
CREATE FUNCTION shop.count_units_on_order() RETURNS trigger
LANGUAGE plpgsql
SET search_path = pg_catalog, shop, pg_temp
AS $$
BEGIN
    UPDATE shop.orders AS header
    SET shipped_units = header.shipped_units + change.shipped,
        cancelled_units = header.cancelled_units + change.cancelled,
        returned_units = header.returned_units + change.returned,
        cancelled_minor = CASE
            WHEN header.cancelled_units + change.cancelled = header.unit_count THEN header.total_minor
            ELSE header.cancelled_minor + change.cancelled_value
        END
    FROM (
        SELECT after.order_id,
               sum(after.shipped_quantity - before.shipped_quantity)::integer AS shipped,
               sum(after.cancelled_quantity - before.cancelled_quantity)::integer AS cancelled,
               sum(after.returned_quantity - before.returned_quantity)::integer AS returned,
               sum(div(after.total_minor::numeric * after.cancelled_quantity, after.quantity)
                   - div(before.total_minor::numeric * before.cancelled_quantity, before.quantity))::bigint
                   AS cancelled_value
        FROM after
        JOIN before USING (order_id, line_number)
        WHERE (after.shipped_quantity, after.cancelled_quantity, after.returned_quantity)
            <> (before.shipped_quantity, before.cancelled_quantity, before.returned_quantity)
        GROUP BY after.order_id
    ) AS change
    WHERE header.order_id = change.order_id;
    RETURN NULL;
END
$$;
COMMENT ON FUNCTION shop.count_units_on_order() IS 'Trigger: counters of lines add up on their order.';

CREATE TRIGGER order_items_count_on_order
    AFTER UPDATE ON shop.order_items
    REFERENCING OLD TABLE AS before NEW TABLE AS after
    FOR EACH STATEMENT EXECUTE FUNCTION shop.count_units_on_order();

CREATE FUNCTION shop.invariant_order_counters_equal_lines()
RETURNS TABLE (examined bigint, violations bigint, example text)
LANGUAGE sql STABLE
SET search_path = pg_catalog, shop, pg_temp
AS $$
    SELECT count(*), count(*) FILTER (WHERE wrong), min(format('order %s', order_id)) FILTER (WHERE wrong)
    FROM (
        SELECT header.order_id,
               (header.shipped_units, header.cancelled_units, header.returned_units)
                   IS DISTINCT FROM (line.shipped, line.cancelled, line.returned)
               OR header.cancelled_minor IS DISTINCT FROM CASE
                   WHEN header.cancelled_units = header.unit_count THEN header.total_minor ELSE line.cancelled_value
               END AS wrong
        FROM shop.orders AS header
        LEFT JOIN (
            SELECT order_id, sum(shipped_quantity) AS shipped, sum(cancelled_quantity) AS cancelled,
                   sum(returned_quantity) AS returned,
                   sum(div(total_minor::numeric * cancelled_quantity, quantity)) AS cancelled_value
            FROM shop.order_items
            GROUP BY order_id
        ) AS line USING (order_id)
    ) AS checked
$$;
COMMENT ON FUNCTION shop.invariant_order_counters_equal_lines() IS
    'Units and value that an order counts as shipped, cancelled or returned are those of its lines.';

CREATE FUNCTION shop.invariant_line_counters_equal_allocations()
RETURNS TABLE (examined bigint, violations bigint, example text)
LANGUAGE sql STABLE
SET search_path = pg_catalog, shop, pg_temp
AS $$
    SELECT count(*), count(*) FILTER (WHERE wrong),
           min(format('order %s line %s', order_id, line_number)) FILTER (WHERE wrong)
    FROM (
        SELECT order_id, line_number,
               (line.allocated_quantity, line.shipped_quantity, line.cancelled_quantity)
               <> (coalesce(allocation.held, 0), coalesce(allocation.shipped, 0), coalesce(cancellation.units, 0)) AS wrong
        FROM shop.order_items AS line
        LEFT JOIN (
            SELECT order_id, line_number, sum(quantity - released_quantity) AS held, sum(shipped_quantity) AS shipped
            FROM shop.order_allocations GROUP BY order_id, line_number
        ) AS allocation USING (order_id, line_number)
        LEFT JOIN (
            SELECT order_id, line_number, sum(quantity) AS units
            FROM shop.order_item_cancellations GROUP BY order_id, line_number
        ) AS cancellation USING (order_id, line_number)
    ) AS checked
$$;
COMMENT ON FUNCTION shop.invariant_line_counters_equal_allocations() IS
    'What a line counts as allocated, shipped and cancelled is the sum of its allocations and cancellations.';

-- Status ---------------------------------------------------------------------------------------------------------------

-- Coverage is asked for when the order is confirmed, not for ever: a provider can take an authorization back, and that
-- event must not be refused. It is listed in payment_exceptions instead.
CREATE FUNCTION shop.check_order_transition() RETURNS trigger
LANGUAGE plpgsql
SET search_path = pg_catalog, shop, pg_temp
AS $$
DECLARE
    lacks text;
BEGIN
    IF NOT EXISTS (
        SELECT FROM shop.order_transitions WHERE from_status = OLD.status AND to_status = NEW.status
    ) THEN
        RAISE EXCEPTION USING
            ERRCODE = 'SH105',
            MESSAGE = format('order %s is %s and cannot become %s', OLD.order_id, OLD.status, NEW.status),
            HINT = 'The table order_transitions lists the legal moves.',
            SCHEMA = TG_TABLE_SCHEMA, TABLE = TG_TABLE_NAME, CONSTRAINT = TG_NAME;
    END IF;
    lacks := CASE
        WHEN NEW.status = 'confirmed' AND OLD.authorized_minor < OLD.total_minor - OLD.cancelled_minor
            THEN 'it is not paid for'
        WHEN NEW.status = 'expired' AND OLD.authorized_minor > 0 THEN 'it is paid for, at least in part'
        WHEN NEW.status = 'expired' AND OLD.expires_at > now() THEN 'its time is not over'
    END;
    IF lacks IS NOT NULL THEN
        RAISE EXCEPTION USING
            ERRCODE = 'SH111',
            MESSAGE = format('order %s cannot become %s: %s', OLD.order_id, NEW.status, lacks),
            HINT = 'Confirmed: authorized or captured in full, or free. Expired: past expires_at, and nothing authorized.',
            SCHEMA = TG_TABLE_SCHEMA, TABLE = TG_TABLE_NAME, CONSTRAINT = TG_NAME;
    END IF;
    RETURN NEW;
END
$$;
COMMENT ON FUNCTION shop.check_order_transition() IS
    'Trigger: an order moves only as order_transitions lists, is confirmed when paid for and expires when it is not.';

CREATE FUNCTION shop.write_order_history() RETURNS trigger
LANGUAGE plpgsql
SET search_path = pg_catalog, shop, pg_temp
AS $$
BEGIN
    IF TG_OP = 'INSERT' THEN
        INSERT INTO shop.order_status_history (order_id, sequence, to_status, actor)
        VALUES (NEW.order_id, 1, NEW.status, shop.actor());
    ELSE
        INSERT INTO shop.order_status_history (order_id, sequence, from_status, to_status, actor)
        SELECT NEW.order_id, max(sequence) + 1, OLD.status, NEW.status, shop.actor()
        FROM shop.order_status_history
        WHERE order_id = NEW.order_id;
    END IF;
    RETURN NULL;
END
$$;
COMMENT ON FUNCTION shop.write_order_history() IS 'Trigger: every status of an order goes down in its history.';

CREATE TRIGGER orders_move_legally
    BEFORE UPDATE OF status ON shop.orders
    FOR EACH ROW WHEN (OLD.status <> NEW.status)
    EXECUTE FUNCTION shop.check_order_transition();
CREATE TRIGGER orders_write_first_history
    AFTER INSERT ON shop.orders
    FOR EACH ROW EXECUTE FUNCTION shop.write_order_history();
CREATE TRIGGER orders_write_history
    AFTER UPDATE OF status ON shop.orders
    FOR EACH ROW WHEN (OLD.status <> NEW.status)
    EXECUTE FUNCTION shop.write_order_history();

CREATE TRIGGER order_status_history_is_written_by_trigger
    BEFORE INSERT ON shop.order_status_history
    FOR EACH STATEMENT EXECUTE FUNCTION shop.refuse_direct_write('Update orders.status; its history follows.');
CREATE TRIGGER order_status_history_is_append_only
    BEFORE UPDATE OR DELETE OR TRUNCATE ON shop.order_status_history
    FOR EACH STATEMENT
    EXECUTE FUNCTION shop.refuse('SH101', 'the history of orders is append-only', 'Move the order on instead.');

CREATE FUNCTION shop.invariant_order_history_is_a_chain()
RETURNS TABLE (examined bigint, violations bigint, example text)
LANGUAGE sql STABLE
SET search_path = pg_catalog, shop, pg_temp
AS $$
    SELECT count(*), count(*) FILTER (WHERE wrong), min(format('order %s', order_id)) FILTER (WHERE wrong)
    FROM (
        SELECT header.order_id,
               history.order_id IS NULL OR history.broken OR history.last_status <> header.status AS wrong
        FROM shop.orders AS header
        LEFT JOIN (
            SELECT order_id,
                   bool_or(from_status IS DISTINCT FROM previous_status OR sequence <> position) AS broken,
                   min(to_status) FILTER (WHERE is_last) AS last_status
            FROM (
                SELECT order_id, sequence, from_status, to_status,
                       lag(to_status) OVER steps AS previous_status, row_number() OVER steps AS position,
                       lead(sequence) OVER steps IS NULL AS is_last
                FROM shop.order_status_history
                WINDOW steps AS (PARTITION BY order_id ORDER BY sequence)
            ) AS step
            GROUP BY order_id
        ) AS history USING (order_id)
    ) AS checked
$$;
COMMENT ON FUNCTION shop.invariant_order_history_is_a_chain() IS
    'The history of an order is a chain of legal moves without gaps that ends at its present status.';

-- Coupons --------------------------------------------------------------------------------------------------------------

CREATE TRIGGER coupon_redemptions_start_unreleased
    BEFORE INSERT ON shop.coupon_redemptions
    FOR EACH ROW WHEN (NEW.released_at IS NOT NULL OR NEW.redeemed_at IS DISTINCT FROM now())
    EXECUTE FUNCTION shop.refuse('SH103', 'a redemption starts now, unreleased', 'Leave redeemed_at and released_at out.');
CREATE TRIGGER coupon_redemptions_facts_are_immutable
    BEFORE UPDATE OF order_id, coupon_id, currency, discount_minor, redeemed_at ON shop.coupon_redemptions
    FOR EACH STATEMENT
    EXECUTE FUNCTION shop.refuse('SH102', 'a redemption does not change', 'Release it.');
CREATE TRIGGER coupon_redemptions_release_is_final
    BEFORE UPDATE OF released_at ON shop.coupon_redemptions
    FOR EACH ROW WHEN (OLD.released_at IS NOT NULL)
    EXECUTE FUNCTION shop.refuse('SH102', 'a released redemption stays released', 'Use the coupon on another order.');
CREATE TRIGGER coupon_redemptions_are_kept
    BEFORE DELETE ON shop.coupon_redemptions
    FOR EACH STATEMENT
    EXECUTE FUNCTION shop.refuse('SH101', 'redemptions are kept', 'Release them.');

-- Raising times_used locks the coupon's row until commit (and fails as a serialization error if it changed since the
-- snapshot), so the count per customer that follows cannot be overtaken.
CREATE FUNCTION shop.count_redemption() RETURNS trigger
LANGUAGE plpgsql
SET search_path = pg_catalog, shop, pg_temp
AS $$
DECLARE
    per_customer integer;
    used integer;
BEGIN
    -- An order takes its coupon with it when it is placed, never later: the discount in its header says which it was.
    IF NOT EXISTS (
        SELECT FROM shop.orders AS header
        JOIN shop.coupons AS coupon ON coupon.coupon_id = NEW.coupon_id
        WHERE header.order_id = NEW.order_id AND header.discount_minor = NEW.discount_minor AND header.status = 'pending'
          AND coalesce(coupon.currency = header.currency, true)
    ) THEN
        RAISE EXCEPTION USING
            ERRCODE = 'SH104',
            MESSAGE = format('order %s was not placed with a discount of %s by coupon %s', NEW.order_id,
                NEW.discount_minor, NEW.coupon_id),
            HINT = 'Insert the redemption with its order; discount and currency are those of both.',
            SCHEMA = TG_TABLE_SCHEMA, TABLE = TG_TABLE_NAME, CONSTRAINT = TG_NAME;
    END IF;

    UPDATE shop.coupons SET times_used = times_used + 1
    WHERE coupon_id = NEW.coupon_id
    RETURNING per_customer_limit INTO per_customer;

    IF per_customer IS NOT NULL THEN
        SELECT count(*) INTO used
        FROM shop.orders AS mine
        JOIN shop.orders AS other
          ON other.customer_id = mine.customer_id OR other.contact_email_normalized = mine.contact_email_normalized
        JOIN shop.coupon_redemptions AS redemption ON redemption.order_id = other.order_id
        WHERE mine.order_id = NEW.order_id
          AND redemption.coupon_id = NEW.coupon_id
          AND redemption.released_at IS NULL;
        IF used > per_customer THEN
            RAISE EXCEPTION USING
                ERRCODE = 'SH112',
                MESSAGE = format('coupon %s may be used %s times by one customer', NEW.coupon_id, per_customer),
                HINT = 'Place the order without the coupon.',
                SCHEMA = TG_TABLE_SCHEMA, TABLE = TG_TABLE_NAME, CONSTRAINT = TG_NAME;
        END IF;
    END IF;
    RETURN NULL;
END
$$;
COMMENT ON FUNCTION shop.count_redemption() IS 'Trigger: a redemption counts against both limits of its coupon.';

CREATE FUNCTION shop.uncount_redemption() RETURNS trigger
LANGUAGE plpgsql
SET search_path = pg_catalog, shop, pg_temp
AS $$
BEGIN
    PERFORM FROM shop.orders WHERE order_id = NEW.order_id AND status IN ('cancelled', 'expired');
    IF NOT FOUND THEN
        RAISE EXCEPTION USING
            ERRCODE = 'SH111',
            MESSAGE = format('order %s still has the discount of its coupon', NEW.order_id),
            HINT = 'A coupon is given back when its order was cancelled or expired.',
            SCHEMA = TG_TABLE_SCHEMA, TABLE = TG_TABLE_NAME, CONSTRAINT = TG_NAME;
    END IF;
    UPDATE shop.coupons SET times_used = times_used - 1 WHERE coupon_id = NEW.coupon_id;
    RETURN NULL;
END
$$;
COMMENT ON FUNCTION shop.uncount_redemption() IS 'Trigger: a redemption is released with its order, and no longer counts.';

CREATE TRIGGER coupon_redemptions_count
    AFTER INSERT ON shop.coupon_redemptions
    FOR EACH ROW EXECUTE FUNCTION shop.count_redemption();
CREATE TRIGGER coupon_redemptions_uncount
    AFTER UPDATE OF released_at ON shop.coupon_redemptions
    FOR EACH ROW WHEN (OLD.released_at IS NULL AND NEW.released_at IS NOT NULL)
    EXECUTE FUNCTION shop.uncount_redemption();

-- A limit that is lowered below what customers have used already would be broken from the start.
CREATE FUNCTION shop.check_customer_limit() RETURNS trigger
LANGUAGE plpgsql
SET search_path = pg_catalog, shop, pg_temp
AS $$
DECLARE
    most bigint;
BEGIN
    SELECT max(uses) INTO most FROM shop.coupon_uses_by_customer(NEW.coupon_id);
    IF most > NEW.per_customer_limit THEN
        RAISE EXCEPTION USING
            ERRCODE = 'SH112',
            MESSAGE = format('a customer has used coupon %s %s times already', NEW.coupon_id, most),
            HINT = 'Switch the coupon off (is_active) and issue another.',
            SCHEMA = TG_TABLE_SCHEMA, TABLE = TG_TABLE_NAME, CONSTRAINT = TG_NAME;
    END IF;
    RETURN NEW;
END
$$;
COMMENT ON FUNCTION shop.check_customer_limit() IS 'Trigger: a limit per customer is not lowered below what was used.';

-- By account and by e-mail address, since the same person may order with and without logging in.
CREATE FUNCTION shop.coupon_uses_by_customer(wanted_coupon_id bigint)
RETURNS TABLE (uses bigint)
LANGUAGE sql STABLE
SET search_path = pg_catalog, shop, pg_temp
AS $$
    SELECT count(*)
    FROM shop.coupon_redemptions
    JOIN shop.orders USING (order_id)
    WHERE coupon_id = wanted_coupon_id AND released_at IS NULL
    GROUP BY contact_email_normalized
    UNION ALL
    SELECT count(*)
    FROM shop.coupon_redemptions
    JOIN shop.orders USING (order_id)
    WHERE coupon_id = wanted_coupon_id AND released_at IS NULL AND customer_id IS NOT NULL
    GROUP BY customer_id
$$;
COMMENT ON FUNCTION shop.coupon_uses_by_customer(bigint) IS 'How often each customer, and each e-mail address, used a coupon.';

CREATE TRIGGER coupons_customer_limit_covers_uses
    BEFORE UPDATE OF per_customer_limit ON shop.coupons
    FOR EACH ROW EXECUTE FUNCTION shop.check_customer_limit();

-- What a coupon was used at is what it stays: orders point at it.
CREATE FUNCTION shop.check_coupon_terms() RETURNS trigger
LANGUAGE plpgsql
SET search_path = pg_catalog, shop, pg_temp
AS $$
BEGIN
    IF NEW.coupon_id <> OLD.coupon_id OR NEW.created_at <> OLD.created_at
       OR EXISTS (SELECT FROM shop.coupon_redemptions WHERE coupon_id = OLD.coupon_id) THEN
        RAISE EXCEPTION USING
            ERRCODE = 'SH102',
            MESSAGE = format('coupon %s stays what it was issued as', OLD.code),
            HINT = 'Switch it off (is_active) and issue another.',
            SCHEMA = TG_TABLE_SCHEMA, TABLE = TG_TABLE_NAME, CONSTRAINT = TG_NAME;
    END IF;
    RETURN NEW;
END
$$;
COMMENT ON FUNCTION shop.check_coupon_terms() IS
    'Trigger: key and birth of a coupon never change, its code, value and currency not once it was used.';

CREATE TRIGGER coupons_terms_stay_once_used
    BEFORE UPDATE OF coupon_id, created_at, code, kind, rate, amount_minor, currency ON shop.coupons
    FOR EACH ROW EXECUTE FUNCTION shop.check_coupon_terms();

CREATE FUNCTION shop.invariant_coupon_uses_equal_redemptions()
RETURNS TABLE (examined bigint, violations bigint, example text)
LANGUAGE sql STABLE
SET search_path = pg_catalog, shop, pg_temp
AS $$
    SELECT count(*), count(*) FILTER (WHERE wrong),
           min(format('coupon %s: times_used %s, redemptions %s', code, times_used, uses)) FILTER (WHERE wrong)
    FROM (
        SELECT code, times_used, coalesce(redemption.uses, 0) AS uses,
               times_used <> coalesce(redemption.uses, 0) AS wrong
        FROM shop.coupons
        LEFT JOIN (
            SELECT coupon_id, count(*) AS uses FROM shop.coupon_redemptions WHERE released_at IS NULL GROUP BY coupon_id
        ) AS redemption USING (coupon_id)
    ) AS checked
$$;
COMMENT ON FUNCTION shop.invariant_coupon_uses_equal_redemptions() IS
    'A coupon''s times_used is the number of its redemptions that were not released.';

CREATE FUNCTION shop.invariant_coupons_keep_customer_limit()
RETURNS TABLE (examined bigint, violations bigint, example text)
LANGUAGE sql STABLE
SET search_path = pg_catalog, shop, pg_temp
AS $$
    SELECT count(*), count(*) FILTER (WHERE uses > per_customer_limit),
           min(format('coupon %s used %s times by one customer', code, uses)) FILTER (WHERE uses > per_customer_limit)
    FROM shop.coupons
    CROSS JOIN LATERAL shop.coupon_uses_by_customer(coupon_id)
    WHERE per_customer_limit IS NOT NULL
$$;
COMMENT ON FUNCTION shop.invariant_coupons_keep_customer_limit() IS
    'No customer, and no e-mail address, used a coupon more often than its limit per customer.';

INSERT INTO shop.pii_columns (table_name, column_name, erase, reason) VALUES
    ('orders', 'contact_email', 'now', 'To write about the order.'),
    ('orders', 'contact_email_normalized', 'now', 'Generated from contact_email; erased with it.'),
    ('orders', 'contact_phone', 'now', 'To call about the order.'),
    ('orders', 'request_digest', 'after_retention', 'Confirms a guess of the whole contact and both addresses.'),
    ('orders', 'tax_number', 'after_retention', 'Tax law asks for it as long as for the invoice.'),
    ('order_addresses', 'recipient', 'after_retention', 'Proof of delivery and of the place of supply.'),
    ('order_addresses', 'company', 'after_retention', 'As recipient.'),
    ('order_addresses', 'line1', 'after_retention', 'As recipient.'),
    ('order_addresses', 'line2', 'after_retention', 'As recipient.'),
    ('order_addresses', 'city', 'after_retention', 'As recipient.'),
    ('order_addresses', 'postal_code', 'after_retention', 'As recipient.'),
    ('order_addresses', 'phone', 'after_retention', 'As recipient.');

CREATE FUNCTION shop.invariant_coupons_are_released_with_orders()
RETURNS TABLE (examined bigint, violations bigint, example text)
LANGUAGE sql STABLE
SET search_path = pg_catalog, shop, pg_temp
AS $$
    SELECT count(*), count(*) FILTER (WHERE wrong), min(format('order %s', order_id)) FILTER (WHERE wrong)
    FROM (
        SELECT order_id, released_at IS NOT NULL AND header.status NOT IN ('cancelled', 'expired')
               OR coupon.currency <> header.currency AS wrong
        FROM shop.coupon_redemptions
        JOIN shop.orders AS header USING (order_id)
        JOIN shop.coupons AS coupon USING (coupon_id)
    ) AS checked
$$;
COMMENT ON FUNCTION shop.invariant_coupons_are_released_with_orders() IS
    'A use of a coupon is given back only with its order, and is in the coupon''s currency if it has one.';

-- Why these foreign keys have no index of their own --------------------------------------------------------------------

COMMENT ON CONSTRAINT fk_orders_country ON shop.orders IS
    'No index: countries are never deleted or renumbered, and no hot read starts from one.';
COMMENT ON CONSTRAINT fk_orders_currency ON shop.orders IS
    'No index: currencies are never deleted or renumbered, and no hot read starts from one.';
COMMENT ON CONSTRAINT fk_orders_shipping_method_id ON shop.orders IS
    'No index: shipping methods are never deleted or renumbered, and no hot read starts from one.';
COMMENT ON CONSTRAINT fk_order_items_order_id_currency ON shop.order_items IS
    'No index: the primary key begins with order_id, which is all a check needs.';
COMMENT ON CONSTRAINT fk_order_items_tax_class ON shop.order_items IS
    'No index: tax classes are never deleted or renumbered, and no hot read starts from one.';
COMMENT ON CONSTRAINT fk_order_addresses_country ON shop.order_addresses IS
    'No index: countries are never deleted or renumbered, and no hot read starts from one.';
COMMENT ON CONSTRAINT fk_order_status_history_from_status_to_status ON shop.order_status_history IS
    'No index: transitions are never deleted or renumbered, and no hot read starts from one.';
COMMENT ON CONSTRAINT fk_coupon_redemptions_order_id_currency ON shop.coupon_redemptions IS
    'No index: the primary key begins with order_id, which is all a check needs.';
COMMENT ON CONSTRAINT fk_stock_movements_order_id_line_number ON shop.stock_movements IS
    'No index: order lines are never deleted or renumbered, and no hot read starts from one.';

COMMENT ON TYPE shop.order_status IS 'Life of an order; order_transitions lists the legal moves.';
COMMENT ON TYPE shop.order_payment_status IS 'How far an order is paid; generated.';
COMMENT ON TYPE shop.order_fulfilment_status IS 'How far an order is delivered; generated.';
COMMENT ON TYPE shop.address_kind IS 'What an address of an order is for.';

CALL shop.refuse_truncate_of('orders', 'order_items', 'order_addresses', 'order_allocations', 'order_transitions',
    'coupon_redemptions');
