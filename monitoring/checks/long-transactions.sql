-- check: long-transactions
-- severity: warning after 15 minutes, critical after 2 hours
-- meaning: A transaction that runs for long keeps VACUUM from removing dead rows in all tables, and may hold locks.
-- runbook: docs/runbooks/check-long-transactions.md
-- setting: long_transaction_warning_seconds = 900
-- setting: long_transaction_critical_seconds = 7200

SELECT CASE WHEN seconds >= current_setting('health.long_transaction_critical_seconds')::numeric THEN 'critical' ELSE 'warning' END AS severity,
       format('process %s', pid) AS subject,
       seconds AS value,
       's' AS unit,
       -- Never the query's text: it may hold a customer's data.
       format('%s of %s in %s has been in a transaction since %s', coalesce(nullif(application_name, ''), 'a session'),
              usename, datname, to_char(xact_start, 'HH24:MI:SS')) AS message
FROM (SELECT *, round(extract(epoch FROM clock_timestamp() - xact_start)) AS seconds FROM pg_stat_activity) AS sessions
WHERE backend_type = 'client backend' AND state = 'active' AND pid <> pg_backend_pid()
  AND seconds >= current_setting('health.long_transaction_warning_seconds')::numeric
ORDER BY seconds DESC
