-- check: replication-lag
-- severity: warning when a replica is 30 seconds or 256 MB behind, critical at 5 minutes or 10 GB
-- meaning: A replica shows old data: reports and reads that were moved to it are late, and so would be a promotion.
-- runbook: docs/runbooks/check-replication-lag.md
-- requires: wal
-- setting: lag_warning_seconds = 30
-- setting: lag_critical_seconds = 300
-- setting: lag_warning_megabytes = 256
-- setting: lag_critical_megabytes = 10240

-- On the primary: each replica that it knows. replay_lag stands still when the replica does: hence the bytes. On a replica:
-- itself, unless all that it received is replayed.
SELECT CASE WHEN seconds >= current_setting('health.lag_critical_seconds')::numeric
              OR megabytes > current_setting('health.lag_critical_megabytes')::numeric
            THEN 'critical' ELSE 'warning' END AS severity,
       subject,
       seconds AS value,
       's' AS unit,
       format('%s MB of the log are not replayed yet; last replay %s', megabytes, coalesce(replayed, 'unknown')) AS message
FROM (
    SELECT coalesce(nullif(application_name, ''), client_addr::text) AS subject,
           round(extract(epoch FROM coalesce(replay_lag, interval '0'))) AS seconds,
           round(pg_wal_lsn_diff(CASE WHEN pg_is_in_recovery() THEN pg_last_wal_receive_lsn() ELSE pg_current_wal_lsn() END,
                                 replay_lsn) / 1024 / 1024, 3) AS megabytes,
           NULL AS replayed
    FROM pg_stat_replication
    WHERE state = 'streaming'
    UNION ALL
    SELECT 'this replica', round(extract(epoch FROM now() - pg_last_xact_replay_timestamp())),
           round(pg_wal_lsn_diff(pg_last_wal_receive_lsn(), pg_last_wal_replay_lsn()) / 1024 / 1024, 3),
           to_char(pg_last_xact_replay_timestamp(), 'HH24:MI:SS')
    WHERE pg_is_in_recovery()
      AND pg_last_wal_receive_lsn() IS DISTINCT FROM pg_last_wal_replay_lsn()
) AS lags
WHERE seconds >= current_setting('health.lag_warning_seconds')::numeric
   OR megabytes > current_setting('health.lag_warning_megabytes')::numeric
