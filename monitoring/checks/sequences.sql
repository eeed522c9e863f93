-- check: sequences
-- severity: warning above 70 %, critical above 90 %
-- meaning: A sequence comes to its end: after its last value every insert fails.
-- runbook: docs/runbooks/check-sequences.md
-- requires: shop
-- setting: sequence_warning_percent = 70
-- setting: sequence_critical_percent = 90

SELECT CASE WHEN percent >= current_setting('health.sequence_critical_percent')::numeric THEN 'critical' ELSE 'warning' END AS severity,
       sequence AS subject,
       percent AS value,
       '%' AS unit,
       format('%s of %s numbers are used', last_value, limit_value) AS message
FROM (SELECT *, round(100.0 * last_value / limit_value, 1) AS percent FROM api.sequence_usage()) AS used
WHERE percent >= current_setting('health.sequence_warning_percent')::numeric
ORDER BY percent DESC
