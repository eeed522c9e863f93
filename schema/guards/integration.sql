-- Attacks on what leaves the database: the outbox and the audit log.

-- Outbox ---------------------------------------------------------------------------------------------------------------

-- attack: event_sequence_of_the_clients_choice
-- rule: events of an aggregate are numbered by the database
-- guard: trigger shop.outbox_events outbox_events_are_numbered
-- refused: SH103 outbox_events_are_numbered
-- invariant: outbox_sequences_have_no_gap
INSERT INTO shop.outbox_events (aggregate_type, aggregate_id, sequence, event_type)
VALUES ('order', '01990000-0000-7000-8000-00000000d004', 9, 'order.returned');

-- attack: event_tells_another_story
-- rule: what happened does not change
-- guard: trigger shop.outbox_events outbox_events_facts_are_immutable
-- refused: SH102 outbox_events_facts_are_immutable
-- invariant: none: another payload is one too
UPDATE shop.outbox_events SET payload = '{"total_minor": 1}' WHERE outbox_event_id = '01990000-0000-7000-8000-00000000eb04';

-- attack: event_changes_places
-- rule: what happened does not change
-- guard: trigger shop.outbox_events outbox_events_facts_are_immutable
-- refused: SH102 outbox_events_facts_are_immutable
-- invariant: outbox_sequences_have_no_gap
UPDATE shop.outbox_events SET sequence = 9 WHERE outbox_event_id = '01990000-0000-7000-8000-00000000eb03';

-- attack: published_event_is_published_again
-- rule: an event is published once
-- guard: trigger shop.outbox_events outbox_events_publish_once
-- refused: SH102 outbox_events_publish_once
-- invariant: none: an event that waits looks like any other
UPDATE shop.outbox_events SET published_at = NULL WHERE outbox_event_id = '01990000-0000-7000-8000-00000000eb01';

-- attack: waiting_event_is_deleted
-- rule: an event is kept until it is published
-- guard: trigger shop.outbox_events outbox_events_are_kept_until_published
-- refused: SH101 outbox_events_are_kept_until_published
-- invariant: none: an event that was never written leaves no trace
DELETE FROM shop.outbox_events WHERE outbox_event_id = '01990000-0000-7000-8000-00000000eb03';

-- attack: lease_without_an_end
-- rule: a lease has a token and an end
-- guard: constraint shop.outbox_events ck_outbox_events_lease_is_whole
-- refused: 23514 ck_outbox_events_lease_is_whole
-- invariant: none: the constraint is the rule
UPDATE shop.outbox_events SET lease_token = uuidv7() WHERE outbox_event_id = '01990000-0000-7000-8000-00000000eb03';

-- attack: published_event_is_parked
-- rule: an event is published or parked, not both
-- guard: constraint shop.outbox_events ck_outbox_events_published_or_parked
-- refused: 23514 ck_outbox_events_published_or_parked
-- invariant: none: the constraint is the rule
UPDATE shop.outbox_events SET parked_at = now() WHERE outbox_event_id = '01990000-0000-7000-8000-00000000eb01';

-- upkeep: event_gets_the_next_number
-- rule: events of an aggregate are numbered 1, 2, 3, …
-- guard: trigger shop.outbox_events outbox_events_are_numbered
-- holds: (SELECT max(sequence) = 2 FROM shop.outbox_events WHERE aggregate_id = '01990000-0000-7000-8000-00000000d001')
INSERT INTO shop.outbox_events (aggregate_type, aggregate_id, event_type) VALUES ('order', '01990000-0000-7000-8000-00000000d001', 'order.confirmed');

-- Audit ----------------------------------------------------------------------------------------------------------------

-- attack: audit_entry_is_changed
-- rule: the audit log is append-only
-- guard: trigger shop.audit_log audit_log_is_append_only
-- refused: SH101 audit_log_is_append_only
-- invariant: audited_rows_have_entries
UPDATE shop.audit_log SET row_key = 'elsewhere' WHERE table_name = 'coupons';

-- attack: audit_entry_is_deleted
-- rule: the audit log is append-only
-- guard: trigger shop.audit_log audit_log_is_only_purged
-- refused: SH101 audit_log_is_only_purged
-- invariant: audited_rows_have_entries
DELETE FROM shop.audit_log WHERE table_name = 'coupons';
