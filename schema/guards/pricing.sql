-- Attacks on what an order costs beside its goods.

-- attack: delivery_slower_than_its_slowest
-- rule: the shortest delivery time is not longer than the longest
-- guard: constraint shop.shipping_methods ck_shipping_methods_days_range
-- refused: 23514 ck_shipping_methods_days_range
-- invariant: none: the constraint is the rule
UPDATE shop.shipping_methods SET min_days = 9, max_days = 2;

-- attack: two_rates_for_one_destination
-- rule: one rate for a destination, a class and a moment
-- guard: index shop.tax_rates uq_tax_rates_destination
-- refused: 23505 uq_tax_rates_destination
-- invariant: none: the index is the rule
INSERT INTO shop.tax_rates (country, region, tax_class, jurisdiction, rate, valid_from)
SELECT country, region, tax_class, jurisdiction, 0, valid_from FROM shop.tax_rates WHERE tax_rate_id = 1;
