-- Attacks on reference data: what gives amounts their meaning, and what says which kind of database this is.

-- attack: currency_gets_another_exponent
-- rule: the exponent of a currency never changes, since it gives every stored amount its meaning
-- guard: trigger shop.currencies currencies_exponent_is_immutable
-- refused: SH102 currencies_exponent_is_immutable
-- invariant: none: every amount stays the same number; only what it means has changed
UPDATE shop.currencies SET exponent = 3 WHERE code = 'EUR';

-- attack: currency_is_renamed
-- rule: the code of a currency never changes
-- guard: trigger shop.currencies currencies_exponent_is_immutable
-- refused: SH102 currencies_exponent_is_immutable
-- invariant: none: nothing refers to the currency, or the foreign keys would refuse
UPDATE shop.currencies SET code = 'EUX' WHERE code = 'CHE';

-- attack: currency_exponent_by_upsert
-- rule: the exponent does not change by ON CONFLICT DO UPDATE either
-- guard: trigger shop.currencies currencies_exponent_is_immutable
-- refused: SH102 currencies_exponent_is_immutable
-- invariant: none: as currency_gets_another_exponent
INSERT INTO shop.currencies (code, numeric_code, name, exponent) VALUES ('EUR', '978', 'Euro', 0)
ON CONFLICT (code) DO UPDATE SET exponent = excluded.exponent;

-- given: production
UPDATE shop.deployment SET environment = 'production';

-- attack: production_is_called_a_test
-- rule: a production database that holds orders is never declared something else
-- after: production
-- guard: trigger shop.deployment deployment_stays_production
-- refused: SH102 deployment_stays_production
-- invariant: none: the row is the only thing that says what the database is
UPDATE shop.deployment SET environment = 'test', is_sample_data = true;

-- attack: production_gets_samples
-- rule: production is never marked as sample data, which tools may replace
-- after: production
-- guard: constraint shop.deployment ck_deployment_no_samples_in_production
-- refused: 23514 ck_deployment_no_samples_in_production
-- invariant: none: the row is the only thing that says what the database is
UPDATE shop.deployment SET is_sample_data = true;

-- attack: deployment_row_is_removed
-- rule: there is always a row that says what the database is
-- guard: trigger shop.deployment deployment_row_stays
-- refused: SH101 deployment_row_stays
-- invariant: deployment_is_one_row
DELETE FROM shop.deployment;

-- attack: second_deployment_row
-- rule: there is only one row that says what the database is
-- guard: constraint shop.deployment ck_deployment_one_row
-- refused: 23514 ck_deployment_one_row
-- invariant: deployment_is_one_row
INSERT INTO shop.deployment (is_only_row, environment) VALUES (false, 'test');
