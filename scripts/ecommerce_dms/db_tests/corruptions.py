"""Damage done past every guard, as by a superuser with triggers off or by a broken restore: verify_integrity() finds it.

guards.py takes away one guard and breaks its rule; here all triggers are off and the rows themselves are changed. Constraints
stay on: what they refuse cannot be in a database. At least one corruption for each invariant, in the small shop.

pytest finds the tests through scripts/test_db.py.
"""

from __future__ import annotations

from typing import Any

import pytest

from ecommerce_dms.db_tests.guards import OnSmallShop, tables, violations

_D = "'01990000-0000-7000-8000-00000000d00{}'"
_D1, _D2, _D3, _D4, _, _D6 = (_D.format(number) for number in range(1, 7))
_KEY = "'01990000-0000-7000-8000-00000000{}'"

# The invariant that must see it, and the damage.
CORRUPTIONS = (
    ("deployment_is_one_row", "DELETE FROM shop.deployment"),
    ("options_key_matches_values", "DELETE FROM shop.variant_option_values WHERE variant_id = 1"),
    ("category_ancestry_follows_parents", "UPDATE shop.categories SET ancestry = '{4,2}' WHERE category_id = 3"),
    (
        "stock_levels_equal_movements",
        "UPDATE shop.stock_levels SET on_hand = on_hand + 1 WHERE (variant_id, warehouse_id, slot) = (1, 1, 0)",
    ),
    ("stock_levels_equal_movements", "DELETE FROM shop.stock_movements WHERE kind = 'receipt' AND variant_id = 1"),
    (
        "stock_transfers_balance",
        "INSERT INTO shop.stock_movements (variant_id, warehouse_id, kind, on_hand_delta) VALUES (1, 1, 'transfer', 1)",
    ),
    ("carts_convert_with_orders", f"UPDATE shop.carts SET currency = 'USD' WHERE cart_id = {_KEY.format('ca03')}"),
    ("order_totals_equal_lines", f"UPDATE shop.orders SET unit_count = unit_count + 1 WHERE order_id = {_D1}"),
    ("order_taxes_equal_rows", f"DELETE FROM shop.order_item_taxes WHERE order_id = {_D1} AND line_number = 1"),
    ("orders_are_whole", f"DELETE FROM shop.order_addresses WHERE order_id = {_D1}"),
    (
        "reserved_stock_equals_allocations",
        "UPDATE shop.stock_levels SET reserved = reserved - 1 WHERE (variant_id, warehouse_id, slot) = (1, 1, 0)",
    ),
    (
        "allocations_are_of_their_line",
        f"UPDATE shop.order_allocations SET variant_id = 2 WHERE order_id = {_D1} AND line_number = 1 AND slot = 0",
    ),
    ("order_counters_equal_lines", f"UPDATE shop.orders SET shipped_units = shipped_units + 1 WHERE order_id = {_D3}"),
    (
        "line_counters_equal_allocations",
        f"UPDATE shop.order_items SET allocated_quantity = allocated_quantity - 1 WHERE order_id = {_D1} AND line_number = 1",
    ),
    ("order_history_is_a_chain", f"DELETE FROM shop.order_status_history WHERE order_id = {_D4} AND sequence = 2"),
    ("coupon_uses_equal_redemptions", "UPDATE shop.coupons SET times_used = 0 WHERE code = 'LIMITED'"),
    (
        "coupons_keep_customer_limit",
        f"""UPDATE shop.orders SET contact_email = (SELECT contact_email FROM shop.orders WHERE order_id = {_D3})
            WHERE order_id = {_D6};
            INSERT INTO shop.coupon_redemptions (order_id, coupon_id, currency, discount_minor) VALUES ({_D6}, 2, 'EUR', 100)""",
    ),
    (
        "coupons_are_released_with_orders",
        f"UPDATE shop.coupon_redemptions SET released_at = now() WHERE order_id = {_D2}",
    ),
    ("shipments_equal_items", f"DELETE FROM shop.shipment_items WHERE order_id = {_D4} AND line_number = 2"),
    ("shipped_quantities_equal_items", f"UPDATE shop.shipment_items SET quantity = 2 WHERE order_id = {_D3}"),
    (
        "returned_quantities_equal_receipts",
        f"UPDATE shop.order_items SET returned_quantity = 1 WHERE order_id = {_D4} AND line_number = 1",
    ),
    (
        "returned_stock_equals_receipts",
        f"""UPDATE shop.return_items SET restocked_quantity = 2, written_off_quantity = 0
            WHERE return_id = {_KEY.format("4e01")}""",
    ),
    (
        "returns_follow_their_items",
        f"UPDATE shop.returns SET refundable_minor = refundable_minor + 1 WHERE return_id = {_KEY.format('4e01')}",
    ),
    ("order_sums_equal_payments", f"UPDATE shop.orders SET captured_minor = captured_minor - 1 WHERE order_id = {_D3}"),
    (
        "payment_sums_equal_events",
        f"UPDATE shop.payments SET captured_minor = captured_minor - 1 WHERE payment_id = {_KEY.format('9a03')}",
    ),
    ("payment_sums_equal_events", "DELETE FROM shop.payment_events WHERE provider_event_id = 'evt_1'"),
    ("exceptional_events_are_listed", "DELETE FROM shop.payment_exceptions WHERE kind = 'after_end'"),
    (
        "refund_requests_equal_refunds",
        f"UPDATE shop.payments SET refund_requested_minor = 3248 WHERE payment_id = {_KEY.format('9a04')}",
    ),
    ("journals_balance", "DELETE FROM shop.journal_lines WHERE journal_id = 1 AND line_number = 1"),
    ("journals_balance", "UPDATE shop.journal_lines SET amount_minor = amount_minor + 1 WHERE journal_id = 1"),
    (
        "orders_stand_in_the_books",
        "DELETE FROM shop.journal_lines WHERE journal_id = 1; DELETE FROM shop.journals WHERE journal_id = 1",
    ),
    (
        "orders_stand_in_the_books",
        f"UPDATE shop.journals SET order_id = {_D2} WHERE order_id = {_D3} AND kind = 'cancellation'",
    ),
    (
        "disputes_stand_in_the_books",
        f"""INSERT INTO shop.payment_events
                (provider, provider_event_id, payment_id, kind, amount_minor, currency, occurred_at)
            VALUES ('stripe', 'evt_lost', {_KEY.format("9a04")}, 'dispute_lost', 5, 'EUR', now())""",
    ),
    (
        "disputes_stand_in_the_books",
        f"""WITH entry AS (
                INSERT INTO shop.journals (kind, order_id, payment_event_id, currency, line_count, description)
                SELECT 'dispute', {_KEY.format("d003")}, min(payment_event_id), 'EUR', 2, 'Lost' FROM shop.payment_events
                RETURNING journal_id
            )
            INSERT INTO shop.journal_lines (journal_id, line_number, account, currency, amount_minor)
            SELECT journal_id, number, account, 'EUR', amount
            FROM entry, (VALUES (1, 'receivable', 5), (2, 'provider_clearing', -5)) AS line (number, account, amount)""",
    ),
    ("document_numbers_have_no_gap", "UPDATE shop.document_series SET last_number = 2 WHERE series = 'INV-2026'"),
    ("document_numbers_have_no_gap", "UPDATE shop.invoices SET number = 2"),
    ("invoice_credits_equal_notes", "UPDATE shop.invoices SET credited_minor = 0"),
    ("invoice_credits_equal_notes", "DELETE FROM shop.credit_notes"),
    ("invoices_bill_their_orders", "UPDATE shop.invoices SET total_minor = total_minor + 1"),
    ("outbox_sequences_have_no_gap", f"DELETE FROM shop.outbox_events WHERE outbox_event_id = {_KEY.format('eb02')}"),
    ("audited_rows_have_entries", "DELETE FROM shop.audit_log WHERE table_name = 'coupons'"),
    (
        "erased_customers_left_nothing",
        f"UPDATE shop.customers SET full_name = 'Ciara Egan' WHERE customer_id = {_KEY.format('c004')}",
    ),
    (
        "erased_customers_left_nothing",
        f"""INSERT INTO shop.addresses (customer_id, recipient, line1, city, country)
            VALUES ({_KEY.format("c004")}, 'Ciara Egan', '4 Strand', 'Galway', 'IE')""",
    ),
)


@pytest.mark.scratch
class TestCorruptions(OnSmallShop):
    """What no guard refused, an invariant sees."""

    @pytest.mark.parametrize(("invariant", "damage"), CORRUPTIONS, ids=lambda value: value.replace("\n", " ")[:60])
    def test_damage_past_all_triggers_is_found(self, invariant: str, damage: str, attacker: Any) -> None:
        assert violations(attacker)[invariant] == 0
        for table in tables(attacker):
            attacker.execute(f"ALTER TABLE shop.{table} DISABLE TRIGGER USER")
        attacker.execute(damage)
        assert attacker.rowcount > 0, "the damage found no row: it is aimed wrongly"
        assert violations(attacker)[invariant] > 0

    def test_every_invariant_finds_damage(self, attacker: Any) -> None:
        assert sorted(violations(attacker).keys() - {invariant for invariant, _ in CORRUPTIONS}) == []
