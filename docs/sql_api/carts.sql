-- api.create_cart: A guest's cart, with its first line; the key is the guest's only handle to it.
SELECT api.create_cart('01990000-0000-7000-8000-00000000ca01', 'EUR', variant_ids => '{1}', quantities => '{1}');

-- api.set_cart_items: Several lines in one round trip. Quantities are set, not added: a retry changes nothing.
SELECT api.set_cart_items('01990000-0000-7000-8000-00000000ca01', '{1,2}', '{2,1}');

-- api.set_cart_item: One line; 0 removes it.
SELECT api.set_cart_item('01990000-0000-7000-8000-00000000ca01', variant_id => 2, quantity => 0);

-- api.apply_coupon: Checkout decides again, under the coupon's lock.
SELECT api.apply_coupon('01990000-0000-7000-8000-00000000ca01', 'tenth');

-- api.remove_coupon: Without it, then.
SELECT api.remove_coupon('01990000-0000-7000-8000-00000000ca01');

-- api.merge_carts: Anna logs in, and the cart is hers. The answer is the cart to go on with.
SELECT api.merge_carts('01990000-0000-7000-8000-00000000ca01', '01990000-0000-7000-8000-000000000c01');
