-- check: lock-trees
-- severity: warning when a session waits for 10 seconds, critical when it waits for a minute
-- meaning: Sessions wait for a lock. The subject is the root of the tree, which waits for nobody and holds up all others.
-- runbook: docs/runbooks/check-lock-trees.md
-- setting: lock_wait_warning_seconds = 10
-- setting: lock_wait_critical_seconds = 60

WITH RECURSIVE waiting AS (
    SELECT l.pid, pg_blocking_pids(l.pid) AS blockers,
           extract(epoch FROM clock_timestamp() - l.waitstart) AS seconds
    FROM pg_locks AS l WHERE NOT l.granted AND l.waitstart IS NOT NULL
),
tree AS (
    SELECT pid AS waiter, unnest(blockers) AS blocker, seconds FROM waiting
    UNION
    SELECT t.waiter, unnest(w.blockers), t.seconds FROM tree AS t JOIN waiting AS w ON w.pid = t.blocker
),
roots AS (
    SELECT blocker, count(DISTINCT waiter) AS waiters, round(max(seconds)) AS seconds
    FROM tree WHERE blocker NOT IN (SELECT pid FROM waiting) GROUP BY blocker
)
SELECT CASE WHEN seconds >= current_setting('health.lock_wait_critical_seconds')::numeric THEN 'critical' ELSE 'warning' END AS severity,
       format('process %s', blocker) AS subject,
       seconds AS value,
       's' AS unit,
       format('%s of %s (%s) holds up %s session%s', coalesce(nullif(application_name, ''), 'a session'), usename,
              coalesce(state, backend_type), waiters, CASE WHEN waiters > 1 THEN 's' END) AS message
FROM roots LEFT JOIN pg_stat_activity AS a ON a.pid = blocker
WHERE seconds >= current_setting('health.lock_wait_warning_seconds')::numeric
ORDER BY waiters DESC
