-- check: missing-analyze
-- severity: warning when a table of 10,000 rows or more was never analyzed, or half of it changed since
-- meaning: The planner works with wrong or no statistics: a plan may turn bad at any moment.
-- runbook: docs/runbooks/check-missing-analyze.md
-- requires: primary
-- setting: analyze_least_rows = 10000

SELECT 'warning' AS severity,
       format('%s.%s', schemaname, relname) AS subject,
       n_mod_since_analyze AS value,
       'rows' AS unit,
       format('%s of %s rows changed since the last analyze (%s)', n_mod_since_analyze, n_live_tup,
              coalesce(to_char(greatest(last_analyze, last_autoanalyze), 'YYYY-MM-DD HH24:MI'), 'never')) AS message
FROM pg_stat_user_tables
WHERE n_live_tup >= current_setting('health.analyze_least_rows')::bigint
  AND (n_mod_since_analyze > n_live_tup / 2
       -- Counters are lost at a crash and in a restored copy; whether there are statistics, the catalogue knows.
       OR (greatest(last_analyze, last_autoanalyze) IS NULL
           AND (SELECT reltuples FROM pg_class WHERE oid = relid) < 0))
ORDER BY n_mod_since_analyze DESC
LIMIT 20
