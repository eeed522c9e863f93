-- check: partly-authorized-orders
-- severity: warning after an hour, critical after a day
-- meaning: A part of the order is authorized, the rest never came: such an order does not expire by itself and keeps its stock.
-- runbook: docs/runbooks/check-partly-authorized-orders.md
-- requires: shop
-- setting: partly_authorized_warning_seconds = 3600
-- setting: partly_authorized_critical_seconds = 86400

SELECT CASE WHEN seconds >= current_setting('health.partly_authorized_critical_seconds')::numeric THEN 'critical' ELSE 'warning' END AS severity,
       'orders_partly_authorized' AS subject,
       amount AS value,
       'orders' AS unit,
       format('past their time to pay since %s, with a part of the money authorized', to_char(oldest, 'YYYY-MM-DD HH24:MI')) AS message
FROM (SELECT *, round(extract(epoch FROM now() - oldest)) AS seconds FROM api.shop_health()) AS measured
WHERE measure = 'orders_partly_authorized' AND amount > 0 AND seconds >= current_setting('health.partly_authorized_warning_seconds')::numeric
