-- check: overdue-orders
-- severity: warning after 10 minutes, critical after an hour
-- meaning: Unpaid orders were not expired in time: their stock is reserved for nobody. The job expire_unpaid_orders does not run.
-- runbook: docs/runbooks/check-overdue-orders.md
-- requires: shop
-- setting: overdue_warning_seconds = 600
-- setting: overdue_critical_seconds = 3600

SELECT CASE WHEN seconds >= current_setting('health.overdue_critical_seconds')::numeric THEN 'critical' ELSE 'warning' END AS severity,
       'orders_overdue' AS subject,
       amount AS value,
       'orders' AS unit,
       format('unpaid and past their time since %s; their stock is not released', to_char(oldest, 'YYYY-MM-DD HH24:MI')) AS message
FROM (SELECT *, round(extract(epoch FROM now() - oldest)) AS seconds FROM api.shop_health()) AS measured
WHERE measure = 'orders_overdue' AND amount > 0 AND seconds >= current_setting('health.overdue_warning_seconds')::numeric
