-- check: pending-restart
-- severity: warning
-- meaning: A setting was changed that only a restart brings into force: what runs is not what is written down.
-- runbook: docs/runbooks/check-pending-restart.md

SELECT 'warning' AS severity,
       name AS subject,
       NULL::numeric AS value,
       coalesce(unit, '') AS unit,
       format('%s is in force until the restart', setting) AS message
FROM pg_settings
WHERE pending_restart
ORDER BY name
