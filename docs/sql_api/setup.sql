-- The shop that the examples stand in: what has no function of schema api is written by the owner, as a migration or an
-- importer would. Run in a fresh database, so that the keys are 1, 2, …
SET shop.actor = 'staff:7';

INSERT INTO shop.tax_rates (country, tax_class, jurisdiction, rate) VALUES
    ('IE', 'standard', 'VAT IE', 0.23), ('IE', 'shipping', 'VAT IE', 0.23);
INSERT INTO shop.shipping_methods (code, name, carrier, min_days, max_days) VALUES
    ('standard', 'Standard delivery', 'An Post', 1, 3);
INSERT INTO shop.shipping_rates (shipping_method_id, country, currency, price_minor) VALUES (1, 'IE', 'EUR', 615);

INSERT INTO shop.categories (slug, name) VALUES ('clothing', 'Clothing');
INSERT INTO shop.categories (slug, name, parent_id) VALUES ('shirts', 'Shirts', 1);
INSERT INTO shop.products (slug, name, brand, tax_class, status) VALUES
    ('linen-shirt', 'Linen shirt', 'Clery', 'standard', 'active');
INSERT INTO shop.product_categories (product_id, category_id, is_main) VALUES (1, 2, true);
INSERT INTO shop.product_options (product_id, name, position) VALUES (1, 'Size', 1);
BEGIN;
INSERT INTO shop.product_variants (product_id, sku, name) VALUES (1, 'LINEN-M', 'M');
INSERT INTO shop.variant_option_values (variant_id, product_option_id, product_id, value) VALUES (1, 1, 1, 'M');
INSERT INTO shop.product_variants (product_id, sku, name) VALUES (1, 'LINEN-L', 'L');
INSERT INTO shop.variant_option_values (variant_id, product_option_id, product_id, value) VALUES (2, 1, 1, 'L');
COMMIT;
SELECT api.set_price(1, 'EUR', 4920), api.set_price(2, 'EUR', 4920);
INSERT INTO shop.warehouses (code, name, country) VALUES ('DUB1', 'Dublin', 'IE');
INSERT INTO shop.coupons (code, description, kind, rate) VALUES ('TENTH', 'A tenth off.', 'percent', 0.1);
SELECT api.receive_stock(1, 1, 100), api.receive_stock(2, 1, 100);
