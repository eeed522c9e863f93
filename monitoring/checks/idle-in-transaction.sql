-- check: idle-in-transaction
-- severity: warning after 1 minute, critical after 10
-- meaning: A session waits inside an open transaction, with its locks: the application forgot to commit, or hangs.
-- runbook: docs/runbooks/check-idle-in-transaction.md
-- setting: idle_transaction_warning_seconds = 60
-- setting: idle_transaction_critical_seconds = 600

SELECT CASE WHEN seconds >= current_setting('health.idle_transaction_critical_seconds')::numeric THEN 'critical' ELSE 'warning' END AS severity,
       format('process %s', pid) AS subject,
       seconds AS value,
       's' AS unit,
       format('%s of %s in %s is idle in a transaction since %s', coalesce(nullif(application_name, ''), 'a session'),
              usename, datname, to_char(state_change, 'HH24:MI:SS')) AS message
FROM (SELECT *, round(extract(epoch FROM clock_timestamp() - state_change)) AS seconds FROM pg_stat_activity) AS sessions
WHERE state IN ('idle in transaction', 'idle in transaction (aborted)') AND pid <> pg_backend_pid()
  AND seconds >= current_setting('health.idle_transaction_warning_seconds')::numeric
ORDER BY seconds DESC
