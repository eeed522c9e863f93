-- check: invalid-indexes
-- severity: critical for an invalid UNIQUE index, warning for others
-- meaning: An index that was not built to its end: writes maintain it, no query uses it, and a UNIQUE one does not protect.
-- runbook: docs/runbooks/check-invalid-indexes.md

SELECT CASE WHEN i.indisunique THEN 'critical' ELSE 'warning' END AS severity,
       i.indexrelid::regclass::text AS subject,
       round(pg_relation_size(i.indexrelid) / 1024.0 / 1024, 1) AS value,
       'MB' AS unit,
       format('%sindex on %s is invalid', CASE WHEN i.indisunique THEN 'UNIQUE ' END, i.indrelid::regclass) AS message
FROM pg_index AS i
WHERE NOT (i.indisvalid AND i.indisready)
  -- One that is being built at this moment is not finished yet, and no fault.
  AND NOT EXISTS (SELECT FROM pg_stat_progress_create_index AS p WHERE p.index_relid = i.indexrelid)
