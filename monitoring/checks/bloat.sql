-- check: bloat
-- severity: warning when more than 40 % and 32 MB of a table or index are empty, critical above 60 % and 10 GB
-- meaning: Tables or indexes are much larger than their rows need: reads and backups pay for empty space.
-- runbook: docs/runbooks/check-bloat.md
-- requires: shop
-- setting: bloat_warning_percent = 40
-- setting: bloat_critical_percent = 60
-- setting: bloat_least_megabytes = 32

SELECT CASE WHEN percent >= current_setting('health.bloat_critical_percent')::numeric AND wasted_bytes >= 10 * 1024 ^ 3
            THEN 'critical' ELSE 'warning' END AS severity,
       format('%s %s', kind, relation) AS subject,
       percent AS value,
       '%' AS unit,
       format('about %s of %s would be freed by a rewrite (an estimate as of the last ANALYZE)',
              pg_size_pretty(wasted_bytes), pg_size_pretty(bytes)) AS message
FROM (SELECT *, round(100.0 * wasted_bytes / nullif(bytes, 0)) AS percent FROM api.bloat_estimate()) AS estimated
WHERE wasted_bytes >= current_setting('health.bloat_least_megabytes')::bigint * 1024 * 1024
  AND percent >= current_setting('health.bloat_warning_percent')::numeric
ORDER BY wasted_bytes DESC
LIMIT 20
