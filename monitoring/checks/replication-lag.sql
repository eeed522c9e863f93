-- check: replication-lag
-- severity: warning when a replica is 30 seconds behind, critical at 5 minutes
-- meaning: A replica shows old data: reports and reads that were moved to it are late, and so would be a promotion.
-- runbook: docs/runbooks/check-replication-lag.md
-- requires: wal
-- setting: lag_warning_seconds = 30
-- setting: lag_critical_seconds = 300

-- On the primary: each replica that it knows. On a replica: itself, unless all that it received is replayed.
SELECT CASE WHEN seconds >= current_setting('health.lag_critical_seconds')::numeric THEN 'critical' ELSE 'warning' END AS severity,
       subject,
       seconds AS value,
       's' AS unit,
       message
FROM (
    SELECT coalesce(nullif(application_name, ''), client_addr::text) AS subject,
           round(extract(epoch FROM coalesce(replay_lag, interval '0'))) AS seconds,
           format('the replica has not replayed %s yet',
                  pg_size_pretty(pg_wal_lsn_diff(CASE WHEN pg_is_in_recovery() THEN pg_last_wal_receive_lsn()
                                                      ELSE pg_current_wal_lsn() END, replay_lsn))) AS message
    FROM pg_stat_replication
    UNION ALL
    SELECT 'this replica', round(extract(epoch FROM now() - pg_last_xact_replay_timestamp())),
           format('the last replayed transaction was committed at %s', to_char(pg_last_xact_replay_timestamp(), 'HH24:MI:SS'))
    WHERE pg_is_in_recovery()
      AND pg_last_wal_receive_lsn() IS DISTINCT FROM pg_last_wal_replay_lsn()
) AS lags
WHERE seconds >= current_setting('health.lag_warning_seconds')::numeric
