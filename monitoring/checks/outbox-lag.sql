-- check: outbox-lag
-- severity: warning when the oldest event waits for 5 minutes, critical after an hour
-- meaning: Events wait to be delivered: the relay does not run or does not keep up, or they wait behind a parked one.
-- runbook: docs/runbooks/check-outbox-lag.md
-- requires: shop
-- setting: outbox_warning_seconds = 300
-- setting: outbox_critical_seconds = 3600

SELECT CASE WHEN seconds >= current_setting('health.outbox_critical_seconds')::numeric THEN 'critical' ELSE 'warning' END AS severity,
       'outbox_open' AS subject,
       seconds AS value,
       's' AS unit,
       format('%s events wait, the oldest since %s', amount, to_char(oldest, 'YYYY-MM-DD HH24:MI')) AS message
FROM (SELECT *, round(extract(epoch FROM now() - oldest)) AS seconds FROM api.shop_health()) AS measured
WHERE measure = 'outbox_open' AND amount > 0 AND seconds >= current_setting('health.outbox_warning_seconds')::numeric
