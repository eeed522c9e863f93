-- check: missing-vacuum
-- severity: warning when a table of 10,000 dead rows or more has twice as many as autovacuum allows, critical at ten times
-- meaning: VACUUM does not keep up with, or does not reach, a table: it grows, and queries wade through dead rows.
-- runbook: docs/runbooks/check-missing-vacuum.md
-- requires: primary
-- setting: dead_rows_least = 10000

SELECT CASE WHEN times >= 10 THEN 'critical' ELSE 'warning' END AS severity,
       format('%s.%s', schemaname, relname) AS subject,
       n_dead_tup AS value,
       'rows' AS unit,
       format('%s dead beside %s live rows; last vacuum %s', n_dead_tup, n_live_tup,
              coalesce(to_char(greatest(last_vacuum, last_autovacuum), 'YYYY-MM-DD HH24:MI'), 'never')) AS message
FROM (SELECT s.*, n_dead_tup / (own.threshold + own.scale_factor * greatest(n_live_tup, 0)) AS times
      FROM pg_stat_user_tables AS s
      JOIN pg_class AS c ON c.oid = s.relid
      -- A table's own settings come before the server's.
      CROSS JOIN LATERAL (
          SELECT coalesce(max(o.option_value::numeric) FILTER (WHERE o.option_name = 'autovacuum_vacuum_threshold'),
                          current_setting('autovacuum_vacuum_threshold')::numeric) AS threshold,
                 coalesce(max(o.option_value::numeric) FILTER (WHERE o.option_name = 'autovacuum_vacuum_scale_factor'),
                          current_setting('autovacuum_vacuum_scale_factor')::numeric) AS scale_factor
          FROM pg_options_to_table(c.reloptions) AS o
      ) AS own) AS counted
WHERE n_dead_tup >= current_setting('health.dead_rows_least')::bigint AND times >= 2
ORDER BY times DESC
LIMIT 20
