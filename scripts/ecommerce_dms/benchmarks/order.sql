-- What a client of the contract sends for an order: two calls, here in one transaction, as the others have it.
BEGIN;
SELECT api.create_cart(uuidv7(), 'EUR', NULL, :variants, array_fill(1, ARRAY[:lines])) AS cart_id \gset
SELECT * FROM api.place_order(uuidv7(), :cart_id::uuid, 'ada@example.com', NULL,
    ROW('Ada Example', NULL, '1 Main Street', NULL, 'Springfield', NULL, '12345', 'DE', NULL)::api.address,
    ROW('Ada Example', NULL, '1 Main Street', NULL, 'Springfield', NULL, '12345', 'DE', NULL)::api.address,
    'standard', :total);
COMMIT;
