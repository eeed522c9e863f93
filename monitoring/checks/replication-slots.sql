-- check: replication-slots
-- severity: warning for a slot that nobody reads and for 1 GB of log kept, critical at 10 GB or when the log is lost
-- meaning: A slot keeps write-ahead log for a reader. One that is not read fills the disk of the primary.
-- runbook: docs/runbooks/check-replication-slots.md
-- requires: wal
-- setting: slot_warning_megabytes = 1024
-- setting: slot_critical_megabytes = 10240

SELECT CASE WHEN wal_status IN ('unreserved', 'lost') OR kept >= current_setting('health.slot_critical_megabytes')::numeric
            THEN 'critical' ELSE 'warning' END AS severity,
       slot_name::text AS subject,
       kept AS value,
       'MB' AS unit,
       format('%s slot, %s, keeps %s MB of write-ahead log (%s)', slot_type, CASE WHEN active THEN 'in use' ELSE 'nobody reads it' END,
              kept, coalesce(wal_status, 'unknown')) AS message
FROM (SELECT *, round(pg_wal_lsn_diff(
                   CASE WHEN pg_is_in_recovery() THEN pg_last_wal_receive_lsn() ELSE pg_current_wal_lsn() END,
                   restart_lsn) / 1024 / 1024) AS kept
      FROM pg_replication_slots) AS slots
WHERE NOT temporary
  AND (NOT active OR wal_status IN ('unreserved', 'lost') OR kept >= current_setting('health.slot_warning_megabytes')::numeric)
