-- The catalogue: the category tree, one variant per combination of options, prices by moment.

-- Categories -----------------------------------------------------------------------------------------------------------

-- Moves queue behind one lock, so that two of them cannot deadlock over each other's rows. Under a stricter isolation
-- level than READ COMMITTED the second would still read the tree as it was before the first.
CREATE FUNCTION shop.serialise_category_moves() RETURNS trigger
LANGUAGE plpgsql
SET search_path = pg_catalog, shop, pg_temp
AS $$
BEGIN
    IF current_setting('transaction_isolation') <> 'read committed' THEN
        RAISE EXCEPTION USING
            ERRCODE = 'SH002',
            MESSAGE = format('categories are not moved in a transaction that is %s',
                current_setting('transaction_isolation')),
            HINT = 'Move them in a transaction of level READ COMMITTED, the default.',
            SCHEMA = TG_TABLE_SCHEMA, TABLE = TG_TABLE_NAME, CONSTRAINT = TG_NAME;
    END IF;
    PERFORM pg_advisory_xact_lock('shop.categories'::regclass::oid::bigint);
    RETURN NULL;
END
$$;
COMMENT ON FUNCTION shop.serialise_category_moves() IS 'Trigger: one move of categories at a time, at READ COMMITTED.';

-- A new category does not queue, so it locks its parent and everything above it: a move of any of them waits, or is
-- waited for.
CREATE FUNCTION shop.keep_category_ancestry() RETURNS trigger
LANGUAGE plpgsql
SET search_path = pg_catalog, shop, pg_temp
AS $$
BEGIN
    IF TG_OP = 'UPDATE' AND NEW.parent_id IS NOT DISTINCT FROM OLD.parent_id THEN
        IF NEW.ancestry IS DISTINCT FROM OLD.ancestry AND pg_trigger_depth() < 2 THEN
            RAISE EXCEPTION USING
                ERRCODE = 'SH103',
                MESSAGE = format('the ancestry of category %s is kept by trigger', NEW.category_id),
                HINT = 'Set parent_id; the ancestry of the whole subtree follows.',
                SCHEMA = TG_TABLE_SCHEMA, TABLE = TG_TABLE_NAME, CONSTRAINT = TG_NAME;
        END IF;
        RETURN NEW;
    END IF;

    IF NEW.parent_id IS NULL THEN
        NEW.ancestry := '{}';
        RETURN NEW;
    END IF;

    SELECT ancestry || category_id INTO NEW.ancestry
    FROM shop.categories WHERE category_id = NEW.parent_id
    FOR NO KEY UPDATE;
    IF NOT FOUND THEN
        NEW.ancestry := ARRAY[NEW.parent_id]; -- The foreign key will say that the parent does not exist.
        RETURN NEW;
    END IF;
    PERFORM FROM shop.categories WHERE category_id = ANY (NEW.ancestry) ORDER BY category_id FOR NO KEY UPDATE;

    IF NEW.category_id = ANY (NEW.ancestry) THEN
        RAISE EXCEPTION USING
            ERRCODE = 'SH107',
            MESSAGE = format('category %s cannot stand below %s, which stands below it', NEW.category_id, NEW.parent_id),
            HINT = 'Choose a parent outside the subtree that is moved.',
            SCHEMA = TG_TABLE_SCHEMA, TABLE = TG_TABLE_NAME, CONSTRAINT = TG_NAME;
    END IF;
    RETURN NEW;
END
$$;
COMMENT ON FUNCTION shop.keep_category_ancestry() IS 'Trigger: computes ancestry from the parent, refuses cycles.';

-- Walks down the links to the parents, which are right whatever else the same statement moves; ancestry may not be yet.
CREATE FUNCTION shop.move_category_subtree() RETURNS trigger
LANGUAGE plpgsql
SET search_path = pg_catalog, shop, pg_temp
AS $$
BEGIN
    WITH RECURSIVE below AS (
        SELECT child.category_id, moved.ancestry || moved.category_id AS ancestry
        FROM shop.categories AS moved
        JOIN shop.categories AS child ON child.parent_id = moved.category_id
        WHERE moved.category_id = NEW.category_id
        UNION ALL
        SELECT child.category_id, below.ancestry || below.category_id
        FROM below
        JOIN shop.categories AS child ON child.parent_id = below.category_id
    )
    UPDATE shop.categories AS category
    SET ancestry = below.ancestry
    FROM below
    WHERE category.category_id = below.category_id;
    RETURN NULL;
END
$$;
COMMENT ON FUNCTION shop.move_category_subtree() IS 'Trigger: carries a move on to all categories below.';

CREATE TRIGGER categories_moves_queue
    BEFORE UPDATE OF parent_id ON shop.categories
    FOR EACH STATEMENT EXECUTE FUNCTION shop.serialise_category_moves();
CREATE TRIGGER categories_keep_ancestry
    BEFORE INSERT OR UPDATE OF parent_id, ancestry ON shop.categories
    FOR EACH ROW EXECUTE FUNCTION shop.keep_category_ancestry();
CREATE TRIGGER categories_move_subtree
    AFTER UPDATE OF parent_id ON shop.categories
    FOR EACH ROW WHEN (OLD.parent_id IS DISTINCT FROM NEW.parent_id)
    EXECUTE FUNCTION shop.move_category_subtree();
CREATE TRIGGER categories_touch
    BEFORE UPDATE ON shop.categories
    FOR EACH ROW EXECUTE FUNCTION shop.touch_updated_at();

CREATE FUNCTION shop.invariant_category_ancestry_follows_parents()
RETURNS TABLE (examined bigint, violations bigint, example text)
LANGUAGE sql STABLE
SET search_path = pg_catalog, shop, pg_temp
AS $$
    SELECT count(*),
           count(*) FILTER (WHERE wrong),
           min(format('category %s has ancestry %s', category_id, ancestry)) FILTER (WHERE wrong)
    FROM (
        SELECT child.category_id, child.ancestry,
               child.ancestry <> CASE
                   WHEN parent.category_id IS NULL THEN '{}' ELSE parent.ancestry || parent.category_id
               END AS wrong
        FROM shop.categories AS child
        LEFT JOIN shop.categories AS parent ON parent.category_id = child.parent_id
    ) AS checked
$$;
COMMENT ON FUNCTION shop.invariant_category_ancestry_follows_parents() IS
    'The ancestry of a category is its parent''s ancestry and its parent. Since it is finite, there is no cycle.';

-- Products and variants ------------------------------------------------------------------------------------------------

CREATE TRIGGER products_touch
    BEFORE UPDATE ON shop.products
    FOR EACH ROW EXECUTE FUNCTION shop.touch_updated_at();

CREATE TRIGGER product_variants_start_without_options
    BEFORE INSERT ON shop.product_variants
    FOR EACH ROW WHEN (NEW.options_key <> '{}')
    EXECUTE FUNCTION shop.refuse('SH103', 'options_key is kept by trigger', 'Insert into variant_option_values.');
CREATE TRIGGER product_variants_options_key_is_kept
    BEFORE UPDATE OF options_key ON shop.product_variants
    FOR EACH STATEMENT EXECUTE FUNCTION shop.refuse_direct_write('Change variant_option_values; options_key follows.');
CREATE TRIGGER product_variants_stay_with_their_product
    BEFORE UPDATE OF product_id ON shop.product_variants
    FOR EACH STATEMENT
    EXECUTE FUNCTION shop.refuse('SH102', 'a variant stays with its product',
        'Archive the variant and add one to the other product.');

-- jsonb orders its keys, so that the same values in any order give the same text; values are compared without case.
CREATE FUNCTION shop.keep_options_key() RETURNS trigger
LANGUAGE plpgsql
SET search_path = pg_catalog, shop, pg_temp
AS $$
BEGIN
    -- Locked by a statement of its own, so that the next one sees what others have committed before they let go.
    PERFORM FROM shop.product_variants
    WHERE variant_id = ANY (ARRAY(SELECT DISTINCT variant_id FROM changed))
    ORDER BY variant_id
    FOR NO KEY UPDATE;
    UPDATE shop.product_variants AS variant
    SET options_key = coalesce((
            SELECT jsonb_object_agg(v.product_option_id, lower(v.value COLLATE pg_unicode_fast))::text
            FROM shop.variant_option_values AS v
            WHERE v.variant_id = variant.variant_id
        ), '{}')
    WHERE variant.variant_id = ANY (ARRAY(SELECT DISTINCT variant_id FROM changed));
    RETURN NULL;
END
$$;
COMMENT ON FUNCTION shop.keep_options_key() IS 'Trigger: writes the canonical form of a variant''s options.';

CREATE TRIGGER variant_option_values_keep_key_on_insert
    AFTER INSERT ON shop.variant_option_values
    REFERENCING NEW TABLE AS changed
    FOR EACH STATEMENT EXECUTE FUNCTION shop.keep_options_key();
CREATE TRIGGER variant_option_values_keep_key_on_update
    AFTER UPDATE ON shop.variant_option_values
    REFERENCING NEW TABLE AS changed
    FOR EACH STATEMENT EXECUTE FUNCTION shop.keep_options_key();
CREATE TRIGGER variant_option_values_keep_key_on_delete
    AFTER DELETE ON shop.variant_option_values
    REFERENCING OLD TABLE AS changed
    FOR EACH STATEMENT EXECUTE FUNCTION shop.keep_options_key();
-- The update trigger above looks at the rows as they are now, so a value must not change hands.
CREATE TRIGGER variant_option_values_stay_with_their_variant
    BEFORE UPDATE OF variant_id, product_option_id, product_id ON shop.variant_option_values
    FOR EACH STATEMENT
    EXECUTE FUNCTION shop.refuse('SH102', 'an option value stays with its variant', 'Delete the row and insert another.');

CREATE FUNCTION shop.invariant_options_key_matches_values()
RETURNS TABLE (examined bigint, violations bigint, example text)
LANGUAGE sql STABLE
SET search_path = pg_catalog, shop, pg_temp
AS $$
    SELECT count(*),
           count(*) FILTER (WHERE wrong),
           min(format('variant %s has options_key %s', variant_id, options_key)) FILTER (WHERE wrong)
    FROM (
        SELECT variant.variant_id, variant.options_key,
               variant.options_key <> coalesce(
                   jsonb_object_agg(v.product_option_id, lower(v.value COLLATE pg_unicode_fast))
                       FILTER (WHERE v.variant_id IS NOT NULL)::text, '{}') AS wrong
        FROM shop.product_variants AS variant
        LEFT JOIN shop.variant_option_values AS v USING (variant_id)
        GROUP BY variant.variant_id
    ) AS checked
$$;
COMMENT ON FUNCTION shop.invariant_options_key_matches_values() IS
    'The key that makes combinations unique is the canonical form of the variant''s option values.';

-- Prices ---------------------------------------------------------------------------------------------------------------

-- The moment of entry is the server's, not the client's: otherwise a backdated price could claim to be old.
CREATE TRIGGER variant_prices_are_entered_now
    BEFORE INSERT ON shop.variant_prices
    FOR EACH ROW WHEN (NEW.created_at IS DISTINCT FROM now())
    EXECUTE FUNCTION shop.refuse('SH103', 'the moment of entry is the server''s', 'Leave created_at out.');
CREATE TRIGGER variant_prices_never_change
    BEFORE UPDATE ON shop.variant_prices
    FOR EACH STATEMENT
    EXECUTE FUNCTION shop.refuse('SH102', 'a price never changes', 'Insert a price that is valid from a later moment.');
CREATE TRIGGER variant_prices_in_force_stay
    BEFORE DELETE ON shop.variant_prices
    FOR EACH ROW WHEN (OLD.valid_from <= clock_timestamp())
    EXECUTE FUNCTION shop.refuse('SH108', 'the price is or was in force',
        'Only a price of the future can be withdrawn; insert a new price instead.');

-- Why these foreign keys have no index of their own --------------------------------------------------------------------

COMMENT ON CONSTRAINT fk_products_tax_class ON shop.products IS
    'No index: tax classes are never deleted or renumbered, and no hot read starts from one.';
COMMENT ON CONSTRAINT fk_variant_prices_currency ON shop.variant_prices IS
    'No index: currencies are never deleted or renumbered, and no hot read starts from one.';

COMMENT ON TYPE shop.product_status IS 'Life of a product: draft, active (on sale), archived.';
COMMENT ON TYPE shop.media_kind IS 'What a medium is.';

CALL shop.refuse_truncate_of('categories', 'products', 'product_categories', 'product_options', 'product_variants',
    'variant_option_values', 'product_media', 'variant_prices');
