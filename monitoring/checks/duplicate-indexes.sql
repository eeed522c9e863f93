-- check: duplicate-indexes
-- severity: warning
-- meaning: Two indexes of a table have the same columns, operators, expressions and predicate: one of them is pure cost.
-- runbook: docs/runbooks/check-duplicate-indexes.md

SELECT 'warning' AS severity,
       format('%s.%s', relnamespace::regnamespace, relname) AS subject,
       round(min(pg_relation_size(indexrelid)) / 1024.0 / 1024, 1) AS value,
       'MB' AS unit,
       format('the same index twice: %s', string_agg(indexrelid::regclass::text, ', ' ORDER BY indexrelid)) AS message
FROM pg_index
JOIN pg_class AS t ON t.oid = indrelid
WHERE relnamespace IN (SELECT oid FROM pg_namespace WHERE nspname IN ('shop', 'api', 'public'))
GROUP BY indrelid, relnamespace, relname, indkey, indclass, indcollation, indoption, indnatts,
         coalesce(pg_get_expr(indexprs, indrelid), ''), coalesce(pg_get_expr(indpred, indrelid), ''),
         (SELECT relam FROM pg_class WHERE oid = indexrelid)
HAVING count(*) > 1
