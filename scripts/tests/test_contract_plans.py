"""Checkout and payments touch what they are about: with a thousand orders there, no big table is read from end to end."""

from contract_shop import callers, place, tell, together, uuid7
from ecommerce_dms.benchmarks.reads import READS

ORDERS = 1200


def buy(caller, variants, number):
    """Places and pays orders of three lines."""
    for index in range(number):
        cart, payment = uuid7(), uuid7()
        lines = [variants[(index * 7 + step) % len(variants)] for step in range(3)]
        caller.call("create_cart", cart_id=cart, currency="EUR", variant_ids=lines, quantities=[1, 1, 1])
        order = place(caller, cart, 3499)
        caller.call("start_payment", payment_id=payment, order_id=order, provider="stripe", method="card")
        tell(caller, payment, "captured", 3499)


def scans_of_big_tables(shop):
    return dict(
        shop.owner.query(
            "SELECT s.relname::text, s.seq_scan FROM pg_stat_user_tables AS s JOIN pg_class AS c ON c.oid = s.relid"
            " WHERE c.reltuples >= %s",
            (ORDERS,),
        )
    )


def test_checkout_payment_cancellation_and_reads_scan_no_big_table(shop):
    shop.coupon("FEW", rate=0.1, per_customer_limit=10**6)
    customer = shop.customer()
    variants = [shop.variant(stock=10**5) for _ in range(30)]
    with callers(shop, 4) as made:
        jobs = [lambda caller=caller: buy(caller, variants, ORDERS // 4) for caller in made]
        assert together(jobs) == [None] * 4
    shop.owner.query("ANALYZE")
    shop.app.close()
    shop.app = shop.caller()  # Its plans know the size of the tables.

    # The pages that benchmark.py measures.
    pages = [read.statement.format(*key) for read in READS for key in shop.owner.query(f"{read.keys} LIMIT 1")]
    assert len(pages) >= 3
    shop.owner.query("SELECT pg_stat_force_next_flush()")  # To look for their keys is no part of what is counted.
    shop.owner.query("SELECT 1")

    before = scans_of_big_tables(shop)
    assert {"orders", "order_items", "carts", "payments", "journal_lines", "outbox_events", "stock_movements"} <= set(
        before
    )
    for _ in range(8):  # More often than PostgreSQL plans a statement anew for each call.
        order = shop.order(dict.fromkeys(variants[:10], 1), customer=customer, coupon="FEW")
        shop.paid(order)
        shop.app.call("order_details", order_id=order)
        shop.app.rows("order_history", customer_id=customer)
        shop.app.call("cancel_order", order_id=order, reason="no_need")
        for page in pages:
            shop.app.query(page)
    shop.app.call("expire_unpaid_orders")
    shop.app.query("SELECT pg_stat_force_next_flush()")
    shop.app.query("SELECT 1")
    after = scans_of_big_tables(shop)
    assert {table: after[table] - count for table, count in before.items() if after[table] > count} == {}
