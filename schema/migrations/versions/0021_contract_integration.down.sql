DROP FUNCTION api.purge(integer);
DROP FUNCTION api.ack_outbox(timestamptz, uuid, uuid, text);
DROP FUNCTION api.claim_outbox(integer, interval);
