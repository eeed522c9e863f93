-- check: unused-indexes
-- severity: warning when an index of 8 MB or more was not read once in 30 days of statistics
-- meaning: An index that no query reads costs every write and helps nobody. On a primary: look at the replicas before dropping it.
-- runbook: docs/runbooks/check-unused-indexes.md
-- setting: unused_index_days = 30
-- setting: unused_index_least_megabytes = 8

-- Those that enforce a rule (primary keys, UNIQUE) are used by every write.
SELECT 'warning' AS severity,
       format('%s.%s', s.schemaname, s.indexrelname) AS subject,
       round(pg_relation_size(s.indexrelid) / 1024.0 / 1024, 1) AS value,
       'MB' AS unit,
       format('not read once in %s days of statistics on this server; on %s.%s', days, s.schemaname, s.relname) AS message
FROM pg_stat_user_indexes AS s
JOIN pg_index AS i ON i.indexrelid = s.indexrelid
-- NULL: never reset. Then they are at least as old as the server process.
CROSS JOIN (SELECT floor(extract(epoch FROM now() - coalesce(stats_reset, pg_postmaster_start_time())) / 86400)::int AS days
            FROM pg_stat_database WHERE datname = current_database()) AS statistics
WHERE s.schemaname IN ('shop', 'api', 'public')
  AND s.idx_scan = 0 AND NOT i.indisunique AND i.indisvalid
  AND days >= current_setting('health.unused_index_days')::int
  AND pg_relation_size(s.indexrelid) >= current_setting('health.unused_index_least_megabytes')::numeric * 1024 * 1024
ORDER BY pg_relation_size(s.indexrelid) DESC
LIMIT 20
