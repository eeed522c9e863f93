-- check: wraparound
-- severity: warning above 600 million transactions or multixacts without freezing, critical above 1,000 million
-- meaning: Old rows were not frozen: at about 2,000 million PostgreSQL stops accepting writes to protect the data.
-- runbook: docs/runbooks/check-wraparound.md
-- setting: wraparound_warning = 600000000
-- setting: wraparound_critical = 1000000000

SELECT CASE WHEN age >= current_setting('health.wraparound_critical')::bigint THEN 'critical' ELSE 'warning' END AS severity,
       format('%s in %s', kind, datname) AS subject,
       age AS value,
       kind AS unit,
       format('the oldest unfrozen row is %s %s old; writes stop at about 2,000 million', age, kind) AS message
FROM (SELECT datname, 'transactions' AS kind, age(datfrozenxid)::bigint AS age FROM pg_database
      UNION ALL
      SELECT datname, 'multixacts', mxid_age(datminmxid) FROM pg_database) AS ages
WHERE age >= current_setting('health.wraparound_warning')::bigint
ORDER BY age DESC
