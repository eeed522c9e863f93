SET shop.actor = 'job:night';

-- api.claim_outbox: A worker leases events: of each order the first that is open. scripts/outbox_relay.py does this.
SELECT aggregate_id, sequence, event_type, payload FROM api.claim_outbox(batch => 100, lease => '30 seconds');

-- api.ack_outbox: What was delivered is told with the lease's token; with an error it is tried again, after a pause.
SELECT api.ack_outbox(event.created_at, event.outbox_event_id, event.lease_token, error => 'HTTP 503')
FROM api.claim_outbox(batch => 1) AS event;

-- An event that no receiver takes is parked after ten attempts.
DO $$
BEGIN
    FOR attempt IN 1..10 LOOP
        UPDATE shop.outbox_events SET leased_until = now() WHERE published_at IS NULL AND leased_until > now();
        PERFORM api.ack_outbox(event.created_at, event.outbox_event_id, event.lease_token, error => 'HTTP 400')
        FROM api.claim_outbox(batch => 1) AS event;
    END LOOP;
END
$$;

-- api.parked_events: What somebody has to decide about, and what waits behind it.
SELECT event_type, attempts, last_error, held_back FROM api.parked_events();

-- api.release_outbox: The receiver is mended: deliver it again. Or skip it, if it never will take it.
SELECT api.release_outbox(outbox_event_id, 'requeue', 'The receiver is mended') FROM api.parked_events();

-- api.purge: A job, every night.
SELECT what, removed FROM api.purge();

-- api.verify_integrity: Every rule of the schema, asked of all rows in one snapshot. There should be none.
SELECT invariant, violations, example FROM api.verify_integrity() WHERE violations > 0;

-- api.shop_health: What waits to be done, as the health checks and the dashboard ask it.
SELECT measure, amount, oldest FROM api.shop_health();

-- api.orders_per_minute: The last hour.
SELECT minute, orders FROM api.orders_per_minute(since => now() - interval '1 hour');

-- api.stock_outs: How much of what is on sale cannot be bought.
SELECT on_sale, sold_out FROM api.stock_outs();

-- api.sequence_usage: Which numbers run out first.
SELECT sequence, last_value, limit_value FROM api.sequence_usage() ORDER BY last_value::numeric / limit_value DESC LIMIT 5;

-- api.bloat_estimate: Where a rewrite would free most.
SELECT relation, kind, bytes, wasted_bytes FROM api.bloat_estimate() ORDER BY wasted_bytes DESC LIMIT 5;

-- api.slowest_statements: Where the time goes; where the extension is missing, how to get it.
SELECT statement, calls, total_ms, mean_ms FROM api.slowest_statements(5);

-- api.erase_due: A job, every night, with the years for which the law wants documents kept.
SELECT what, erased FROM api.erase_due(retention => '10 years');

-- api.erase_customer: On Anna's request. Who decides is audited.
SELECT what, erased FROM api.erase_customer('01990000-0000-7000-8000-000000000c01');

-- api.erase_customer_by_email: A guest's request, once it is sure that it comes from that address.
SELECT what, erased FROM api.erase_customer_by_email('guest@example.net');
