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
-- guard: trigger shop.outbox_events outbox_events_keep_their_tail
-- refused: SH101 outbox_events_are_kept_until_published
-- invariant: none: an event that was never written leaves no trace
DELETE FROM shop.outbox_events WHERE outbox_event_id = '01990000-0000-7000-8000-00000000eb03';

-- attack: event_is_purged_from_the_middle
-- rule: retention removes events from the front
-- guard: trigger shop.outbox_events outbox_events_keep_their_tail
-- refused: SH101 outbox_events_keep_their_tail
-- invariant: outbox_sequences_have_no_gap
DELETE FROM shop.outbox_events WHERE outbox_event_id = '01990000-0000-7000-8000-00000000eb02';

-- attack: last_event_is_purged
-- rule: the last event of an aggregate stays, or its sequence would begin again
-- guard: trigger shop.outbox_events outbox_events_keep_their_tail
-- refused: SH101 outbox_events_keep_their_tail
-- invariant: none: an aggregate without events looks like one that never had any
UPDATE shop.outbox_events SET published_at = now() WHERE outbox_event_id = '01990000-0000-7000-8000-00000000eb04';
DELETE FROM shop.outbox_events WHERE outbox_event_id = '01990000-0000-7000-8000-00000000eb04';

-- attack: event_of_yesterday
-- rule: the moment of an event is the server's
-- guard: trigger shop.outbox_events outbox_events_happen_now
-- refused: SH103 outbox_events_happen_now
-- invariant: none: another moment is a moment too
INSERT INTO shop.outbox_events (created_at, aggregate_type, aggregate_id, event_type)
VALUES (now() - interval '1 day', 'order', '01990000-0000-7000-8000-00000000d001', 'order.confirmed');

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

-- upkeep: release_of_a_parked_event_is_audited
-- rule: whoever decides about a parked event is in the audit log
-- guard: trigger shop.outbox_events outbox_events_audit
-- holds: (SELECT actor = 'attacker' AND changes ? 'parked_at' FROM shop.audit_log WHERE table_name = 'outbox_events' AND row_key = '01990000-0000-7000-8000-00000000eb03')
UPDATE shop.outbox_events SET parked_at = now() WHERE outbox_event_id = '01990000-0000-7000-8000-00000000eb03';
UPDATE shop.outbox_events SET parked_at = NULL WHERE outbox_event_id = '01990000-0000-7000-8000-00000000eb03';

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

-- attack: young_audit_entry_is_purged
-- rule: not even retention removes what is younger than a year
-- guard: trigger shop.audit_log audit_log_is_only_purged
-- refused: SH101 audit_log_is_only_purged
-- invariant: audited_rows_have_entries
SET LOCAL shop.purging = 'on';
DELETE FROM shop.audit_log WHERE table_name = 'coupons';

-- attack: audit_entry_is_forged
-- rule: the audit log is written by the change it tells of
-- guard: trigger shop.audit_log audit_log_is_written_by_trigger
-- refused: SH103 audit_log_is_written_by_trigger
-- invariant: none: an entry more looks like a change more
INSERT INTO shop.audit_log (actor, action, table_name, row_key) VALUES ('staff:the-boss', 'update', 'coupons', '1');
