DROP FUNCTION api.purge(integer);
DROP FUNCTION api.parked_events(integer);
DROP FUNCTION api.release_outbox(uuid, text, text);
DROP TRIGGER outbox_events_audit ON shop.outbox_events;
DROP FUNCTION api.ack_outbox(timestamptz, uuid, uuid, text);
DROP FUNCTION api.claim_outbox(integer, interval);
