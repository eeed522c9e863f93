SET shop.actor = 'job:night';

-- api.claim_outbox: A worker leases events: of each order the first that is open. scripts/outbox_relay.py does this.
SELECT aggregate_id, sequence, event_type, payload FROM api.claim_outbox(batch => 100, lease => '30 seconds');

-- api.ack_outbox: What was delivered is told with the lease's token; with an error it is tried again, after a pause.
SELECT api.ack_outbox(event.created_at, event.outbox_event_id, event.lease_token, error => 'HTTP 503')
FROM api.claim_outbox(batch => 1) AS event;

-- api.purge: A job, every night.
SELECT what, removed FROM api.purge();

-- api.verify_integrity: Every rule of the schema, asked of all rows in one snapshot. There should be none.
SELECT invariant, violations, example FROM api.verify_integrity() WHERE violations > 0;

-- api.erase_due: A job, every night, with the years for which the law wants documents kept.
SELECT what, erased FROM api.erase_due(retention => '10 years');

-- api.erase_customer: On Anna's request. Who decides is audited.
SELECT what, erased FROM api.erase_customer('01990000-0000-7000-8000-000000000c01');

-- api.erase_customer_by_email: A guest's request, once it is sure that it comes from that address.
SELECT what, erased FROM api.erase_customer_by_email('guest@example.net');
