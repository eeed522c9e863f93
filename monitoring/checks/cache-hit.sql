-- check: cache-hit
-- severity: warning below 95 %, critical below 80 %
-- meaning: Too many blocks are read from disk: the working set no longer fits into memory, or a plan reads too much.
-- runbook: docs/runbooks/check-cache-hit.md
-- setting: cache_hit_warning_percent = 95
-- setting: cache_hit_critical_percent = 80
-- setting: cache_hit_least_blocks = 50000

-- Since the statistics were last reset; too few reads say nothing.
SELECT CASE WHEN percent < current_setting('health.cache_hit_critical_percent')::numeric THEN 'critical' ELSE 'warning' END AS severity,
       datname::text AS subject,
       percent AS value,
       '%' AS unit,
       format('%s of %s block requests were served from memory since %s',
              blks_hit, blks_hit + blks_read, coalesce(to_char(stats_reset, 'YYYY-MM-DD HH24:MI'), 'the database was made')) AS message
FROM (SELECT *, round(100.0 * blks_hit / nullif(blks_hit + blks_read, 0), 1) AS percent FROM pg_stat_database) AS counted
WHERE datname = current_database()
  AND blks_hit + blks_read >= current_setting('health.cache_hit_least_blocks')::bigint
  AND percent < current_setting('health.cache_hit_warning_percent')::numeric
