-- check: outbox-parked
-- severity: warning for one parked event, critical from 100 on
-- meaning: Events that could not be delivered ten times are parked. Each holds back the later events of its aggregate.
-- runbook: docs/runbooks/check-outbox-parked.md
-- requires: shop
-- setting: parked_critical = 100

SELECT CASE WHEN amount >= current_setting('health.parked_critical')::bigint THEN 'critical' ELSE 'warning' END AS severity,
       'outbox_parked' AS subject,
       amount AS value,
       'events' AS unit,
       format('parked since %s; later events of the same aggregates wait behind them', to_char(oldest, 'YYYY-MM-DD HH24:MI')) AS message
FROM (SELECT *, round(extract(epoch FROM now() - oldest)) AS seconds FROM api.shop_health()) AS measured
WHERE measure = 'outbox_parked' AND amount > 0
