-- check: storage-runway
-- severity: warning below 30 days, critical below 7
-- meaning: At the pace of the last 30 days, the disk is full in so many days.
-- runbook: docs/runbooks/check-storage-runway.md
-- requires: shop, statistics, storage
-- setting: runway_warning_days = 30
-- setting: runway_critical_days = 7

-- The server does not know its disk: --storage-gib says it. Growth: what an order has cost so far, times the orders a day.
SELECT CASE WHEN days < current_setting('health.runway_critical_days')::numeric THEN 'critical' ELSE 'warning' END AS severity,
       current_database()::text AS subject,
       days AS value,
       'days' AS unit,
       format('%s used of %s GiB, and about %s more a day', pg_size_pretty(used), current_setting('health.storage_gib'),
              pg_size_pretty(growth::bigint)) AS message
FROM (
    SELECT used, growth,
           floor(greatest(current_setting('health.storage_gib')::numeric * 1024 ^ 3 - used, 0) / nullif(growth, 0)) AS days
    FROM (
        SELECT (SELECT sum(pg_database_size(oid)) FROM pg_database WHERE datallowconn) AS used,
               pg_database_size(current_database())
                   / nullif(greatest((SELECT reltuples FROM pg_class WHERE oid = 'shop.orders'::regclass), 0), 0)::numeric
                   * (SELECT sum(orders) FROM api.orders_per_minute(now() - interval '30 days')) / 30 AS growth
    ) AS measured
) AS forecast
WHERE days < current_setting('health.runway_warning_days')::numeric
