-- check: guards-off
-- severity: critical when a trigger or a constraint of the shop is switched off, warning when a constraint is not validated
-- meaning: A rule of the shop is not enforced: somebody set a guard aside and did not put it back. Every write goes unchecked.
-- runbook: docs/runbooks/check-guards-off.md

-- A load sets them aside inside its transaction, which nobody else sees: what is seen here was committed.
SELECT severity, subject, NULL::numeric AS value, '' AS unit, message
FROM (
    -- Triggers that enforce foreign keys are among them. R: fires on replicas alone, which is off.
    SELECT 'critical' AS severity,
           format('%s.%s', n.nspname, c.relname) AS subject,
           format('%s of its triggers %s off: %s', count(*), CASE WHEN count(*) > 1 THEN 'are' ELSE 'is' END,
                  string_agg(g.tgname::text, ', ' ORDER BY g.tgname)) AS message
    FROM pg_trigger AS g
    JOIN pg_class AS c ON c.oid = g.tgrelid
    JOIN pg_namespace AS n ON n.oid = c.relnamespace
    WHERE n.nspname = 'shop' AND g.tgenabled IN ('D', 'R')
    GROUP BY n.nspname, c.relname
    UNION ALL
    SELECT CASE WHEN k.conenforced THEN 'warning' ELSE 'critical' END,
           format('%s.%s', n.nspname, c.relname),
           format('%s is %s', k.conname,
                  CASE WHEN k.conenforced THEN 'NOT VALID: rows from before it may break it' ELSE 'NOT ENFORCED' END)
    FROM pg_constraint AS k
    JOIN pg_class AS c ON c.oid = k.conrelid
    JOIN pg_namespace AS n ON n.oid = c.relnamespace
    WHERE n.nspname = 'shop' AND NOT (k.conenforced AND k.convalidated)
) AS off
ORDER BY severity, subject
LIMIT 20
