SET shop.actor = 'staff:7';

-- api.set_price: From tomorrow on the shirt costs 39 euro, and the page may say that it was 49.20.
SELECT api.set_price(1, 'EUR', 3900, date_trunc('day', now()) + interval '1 day', 4920);

-- api.withdraw_price: The sale is called off before it began.
SELECT api.withdraw_price(1, 'EUR', date_trunc('day', now()) + interval '1 day');

-- api.search_products: Shirts below 60 euro in the category and all below it; the next page begins after the last key of this one.
SELECT product_id, name, from_price_minor
FROM api.search_products('linen shirt', category_id => 1, currency => 'EUR', max_price_minor => 6000);

-- api.category_tree: A menu: all categories, parents first.
SELECT repeat('  ', depth) || name AS menu FROM api.category_tree();
