SET shop.actor = 'staff:7';

-- api.receive_stock: A delivery of 50; the answer is what lies in that warehouse now.
SELECT api.receive_stock(variant_id => 1, warehouse_id => 1, quantity => 50, reason => 'Delivery note 4711');

-- api.adjust_stock: Two were damp. Units that orders were promised are refused (SH401) unless p_release says to take them.
SELECT api.adjust_stock(variant_id => 1, warehouse_id => 1, delta => -2, reason => 'Two were damp.');

-- api.split_stock: Before a launch: thousands of buyers no longer queue behind one row. Afterwards, 1 joins it again.
SELECT api.split_stock(variant_id => 2, warehouse_id => 1, slots => 32);

-- api.stock_of: One number, however the stock is spread.
SELECT on_hand, reserved, available FROM api.stock_of(2);
