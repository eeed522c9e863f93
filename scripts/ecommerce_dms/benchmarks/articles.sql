-- Articles of the benchmark's own, beside the loaded shop: contiguous keys, one price, stock that never ends.
SET shop.actor = 'job:benchmark';
INSERT INTO shop.products (slug, name, tax_class, status)
SELECT 'benchmark-' || lpad(number::text, 4, '0'), 'Benchmark article ' || number, 'standard', 'active'
FROM generate_series(1, 1000) AS number;
INSERT INTO shop.product_variants (product_id, sku, name, weight_grams)
SELECT product_id, upper(slug), 'One', 100 FROM shop.products WHERE slug ~ '^benchmark-' ORDER BY product_id;
SELECT count(api.set_price(variant_id, 'EUR', 1000)) FROM shop.product_variants WHERE sku ~ '^BENCHMARK-';
SELECT count(api.receive_stock(variant_id, (SELECT warehouse_id FROM shop.warehouses ORDER BY priority LIMIT 1), 1000000))
FROM shop.product_variants WHERE sku ~ '^BENCHMARK-';
