"""For each CHECK a value that it must refuse: what an UPDATE of any row of its table sets.

Where the name says what is checked (`ck_addresses_city_length`), a pattern says what is set; all others have a line of
their own. A constraint without either fails the test that walks them all.
"""

from __future__ import annotations

# A CHECK called ck_<table>_<column><ending> is broken by setting the column to this.
BY_ENDING = {
    "_length": "repeat('x', 20001)",
    "_not_negative": "-1",
    "_limit": "1000000000001",
    "_positive": "0",
    "_not_zero": "0",
    "_is_uuidv7": "gen_random_uuid()",
    "_is_sha256": r"'\x00'",
    "_is_iso_4217": "'!'",
    "_is_iso_3166": "'!'",
    "_is_https": "'http://example.com/a.jpg'",
    "_is_object": "'[]'",
    "_is_phc": "'secret'",
    "_format": "'!'",
}

BY_NAME = {
    "account_tokens": {
        "expires_after_created": "expires_at = created_at, used_at = NULL",
        "used_while_valid": "used_at = expires_at + interval '1 second'",
    },
    "addresses": {
        "archived_after_created": "archived_at = created_at - interval '1 second'",
        "archived_is_no_default": "archived_at = created_at, is_default_billing = true",
    },
    "cart_items": {"quantity_range": "quantity = 1000"},
    "carts": {
        "expires_after_created": "expires_at = created_at",
        "merged_into_matches_status": "status = 'merged', merged_into_cart_id = NULL",
        "not_merged_into_itself": "status = 'merged', merged_into_cart_id = cart_id",
        "updated_after_created": "updated_at = created_at - interval '1 second'",
    },
    "categories": {
        "archived_after_created": "archived_at = created_at - interval '1 second'",
        "depth_limit": "ancestry = ARRAY[-1, -2, -3, -4, -5, -6, -7, -8, -9, -10, -11, -12, -13, -14, -15, -16]",
        "not_own_ancestor": "ancestry = ARRAY[category_id, -1], parent_id = -1",
        "not_own_parent": "parent_id = category_id",
        "parent_ends_ancestry": "ancestry = ARRAY[-1], parent_id = NULL",
        "updated_after_created": "updated_at = created_at - interval '1 second'",
    },
    "coupon_redemptions": {"released_after_redeemed": "released_at = redeemed_at - interval '1 second'"},
    "coupons": {
        "ends_after_start": "ends_at = starts_at",
        "minimum_has_currency": "kind = 'percent', rate = 0.1, amount_minor = NULL, minimum_subtotal_minor = 1, currency = NULL",
        "value_fits_kind": "kind = 'fixed', rate = 0.1, amount_minor = NULL",
        "within_usage_limit": "usage_limit = 1, times_used = 2",
    },
    "currencies": {"exponent_range": "exponent = 5"},
    "customer_credentials": {"password_hash_limit": "password_hash = repeat('x', 513)"},
    "customers": {
        "erased_at_matches_status": "status = 'erased', erased_at = NULL",
        "updated_after_created": "updated_at = created_at - interval '1 second'",
    },
    "deployment": {
        "environment_known": "environment = 'laptop'",
        "no_samples_in_production": "environment = 'production', is_sample_data = true",
        "one_row": "is_only_row = false",
    },
    "credit_notes": {"series_is_for_credit_notes": "series = 'INV-1'"},
    "invoices": {
        "credited_within_total": "credited_minor = total_minor + 1",
        "series_is_for_invoices": "series = 'CN-1'",
        "tax_within_total": "tax_minor = total_minor + 1",
    },
    "journal_lines": {"line_number_range": "line_number = 51"},
    "journals": {"line_count_range": "line_count = 1"},
    "login_sessions": {
        "expires_after_created": "expires_at = created_at",
        "revoked_after_created": "revoked_at = created_at - interval '1 second'",
        "seen_after_created": "last_seen_at = created_at - interval '1 second'",
    },
    "order_allocations": {"used_within_quantity": "released_quantity = quantity, shipped_quantity = 1"},
    "order_item_taxes": {"rate_range": "rate = 1.000001", "tax_follows_rate": "tax_minor = base_minor * rate + 2"},
    "order_items": {
        "allocated_within_open": "allocated_quantity = quantity, cancelled_quantity = 1",
        "discount_within_subtotal": "discount_minor = subtotal_minor + 1, total_minor = total_minor + discount_minor - subtotal_minor - 1",
        "included_tax_within_price": "prices_include_tax = true, tax_minor = subtotal_minor - discount_minor + 1",
        "line_number_range": "line_number = 201",
        "quantity_range": "quantity = 0",
        "returned_within_shipped": "returned_quantity = shipped_quantity + 1",
        "shipped_within_allocated": "shipped_quantity = allocated_quantity + 1",
        "subtotal_is_price_times_quantity": "subtotal_minor = subtotal_minor + 1, total_minor = total_minor + 1",
        "total_adds_up": "total_minor = total_minor + 1",
    },
    "order_shipping_taxes": {"rate_range": "rate = 1.000001", "tax_follows_rate": "tax_minor = base_minor * rate + 2"},
    "order_status_history": {
        "first_has_no_from": "sequence = 1, from_status = 'pending', to_status = 'confirmed'",
        "starts_pending": "sequence = 1, from_status = NULL, to_status = 'confirmed'",
    },
    "order_transitions": {"moves": "to_status = from_status"},
    "orders": {
        "cancelled_within_total": "cancelled_minor = total_minor + 1",
        "captured_within_authorized": "captured_minor = authorized_minor + 1",
        "completed_is_fulfilled": "status = 'completed', shipped_units = 0, cancelled_units = 0, authorized_minor = total_minor",
        "discount_within_subtotal": "discount_minor = subtotal_minor + 1",
        "ended_is_cancelled": "status = 'cancelled', cancelled_units = 0",
        "exempt_pays_no_tax": "is_tax_exempt = true, tax_minor = 1",
        "expires_after_placed": "expires_at = placed_at",
        "intended_within_total": "intended_minor = total_minor + 1",
        "line_count_range": "line_count = 0",
        "refunded_within_captured": "refunded_minor = captured_minor + 1",
        "returned_within_shipped": "returned_units = shipped_units + 1",
        "shipped_is_confirmed": "status = 'pending', shipped_units = 1",
        "shipping_tax_within_tax": "shipping_tax_minor = tax_minor + 1",
        "total_adds_up": "total_minor = total_minor + 1",
        "unit_count_covers_lines": "unit_count = line_count - 1",
        "units_within_ordered": "shipped_units = unit_count, cancelled_units = 1",
    },
    "outbox_events": {
        "lease_is_whole": "lease_token = NULL, leased_until = now()",
        "payload_limit": "payload = (SELECT jsonb_object_agg(n, md5(n::text)) FROM generate_series(1, 9000) AS n)",
        "published_or_parked": "published_at = now(), parked_at = now()",
    },
    "payment_events": {
        "dispute_reference_of_disputes": "kind = 'captured', amount_minor = 1, dispute_reference = 'dp_1'",
        "money_moves_an_amount": "kind = 'captured', amount_minor = 0",
        "payload_keys": 'payload = \'{"billing_name": "x"}\'',
        "payload_limit": "payload = jsonb_build_object('fee_minor', repeat('123456789', 3000)::numeric)",
        "payload_values_are_codes": 'payload = \'{"reason": "Aoife Byrne"}\'',
    },
    "payment_exceptions": {
        "resolution_is_whole": "resolved_at = raised_at, resolution = NULL",
        "resolved_after_raised": "resolved_at = raised_at - interval '1 second', resolution = 'x', resolved_by = 'x'",
    },
    "payments": {
        "authorized_within_amount": "authorized_minor = amount_minor + 1",
        "captured_within_authorized": "captured_minor = authorized_minor + 1",
        "closed_after_created": "closed_at = created_at - interval '1 second'",
        "refund_requests_within_captured": "refund_requested_minor = captured_minor + 1",
        "refunded_within_captured": "refunded_minor = captured_minor + 1",
    },
    "product_media": {"position_range": "position = 101"},
    "product_options": {"position_range": "position = 0"},
    "product_variants": {
        "archived_after_created": "archived_at = created_at - interval '1 second'",
        "weight_grams_range": "weight_grams = -1",
    },
    "products": {
        "archived_at_matches_status": "status = 'archived', archived_at = NULL",
        "updated_after_created": "updated_at = created_at - interval '1 second'",
    },
    "refunds": {
        "settled_after_requested": "state = 'succeeded', settled_at = requested_at - interval '1 second'",
        "settled_at_matches_state": "state = 'succeeded', settled_at = NULL",
    },
    "return_items": {
        "counted_when_received": "received_at = NULL, restocked_quantity = 0, written_off_quantity = 1",
        "received_within_announced": "received_at = now(), restocked_quantity = 0, written_off_quantity = quantity + 1",
        "restocked_somewhere": "received_at = now(), restocked_quantity = 1, written_off_quantity = 0, warehouse_id = NULL",
    },
    "returns": {
        "cancelled_is_unreceived": "status = 'cancelled', received_count = 1, received_at = NULL",
        "received_is_complete": "status = 'received', received_count = item_count - 1, received_at = requested_at",
        "received_within_items": "received_count = item_count + 1",
        "received_after_requested": "status = 'received', received_at = requested_at - interval '1 second'",
        "received_at_matches_status": "status = 'received', received_at = NULL",
        "refunds_within_refundable": "refund_requested_minor = refundable_minor + 1",
    },
    "shipments": {
        "delivered_after_shipped": "delivered_at = shipped_at - interval '1 second'",
        "line_count_range": "line_count = 51201",
    },
    "shipping_methods": {"days_range": "min_days = max_days + 1"},
    "stock_levels": {"reserved_within_on_hand": "reserved = on_hand + 1"},
    "stock_movements": {
        "adjustment_has_reason": "kind = 'adjustment', reason = NULL, on_hand_delta = 1, reserved_delta = 0, order_id = NULL, line_number = NULL",
        "deltas_fit_kind": "kind = 'receipt', on_hand_delta = -1, reserved_delta = 0, order_id = NULL, line_number = NULL",
        "order_line_fits_kind": "kind = 'receipt', on_hand_delta = 1, reserved_delta = 0, order_id = uuidv7(), line_number = 1",
    },
    "tax_rates": {"rate_range": "rate = -0.1"},
    "variant_prices": {
        "compare_at_above_amount": "compare_at_minor = amount_minor",
        "not_backdated": "valid_from = created_at - interval '1 second'",
    },
    "warehouses": {"priority_range": "priority = 0"},
}

# Foreign keys whose columns are enums have no value that does not exist; a combination that is not listed does.
FOREIGN_KEYS = {
    "fk_order_status_history_from_status_to_status": "from_status = 'completed', to_status = 'pending', sequence = 9",
}
