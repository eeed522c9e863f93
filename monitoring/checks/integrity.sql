-- check: integrity
-- severity: critical
-- meaning: Rows break an invariant of the schema. It reads every row: run it on a replica, once a day (--integrity).
-- runbook: docs/runbooks/check-integrity.md
-- requires: shop, integrity

SELECT 'critical' AS severity,
       invariant AS subject,
       violations AS value,
       'rows' AS unit,
       coalesce(example, '') AS message
FROM api.verify_integrity()
WHERE violations > 0
ORDER BY invariant
