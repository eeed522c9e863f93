DROP FUNCTION shop.invariant_options_key_matches_values();
DROP FUNCTION shop.keep_options_key();
DROP FUNCTION shop.invariant_category_ancestry_follows_parents();
DROP FUNCTION shop.move_category_subtree();
DROP FUNCTION shop.keep_category_ancestry();
DROP FUNCTION shop.serialise_category_moves();
