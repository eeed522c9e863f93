-- check: payment-exceptions
-- severity: warning at once, critical when one is older than a day
-- meaning: Money moved in a way that the rules do not allow: over-capture, after expiry, other currency, unknown payment.
-- runbook: docs/runbooks/check-payment-exceptions.md
-- requires: shop
-- setting: exception_critical_seconds = 86400

SELECT CASE WHEN seconds >= current_setting('health.exception_critical_seconds')::numeric THEN 'critical' ELSE 'warning' END AS severity,
       'payment_exceptions_open' AS subject,
       amount AS value,
       'exceptions' AS unit,
       format('unresolved since %s', to_char(oldest, 'YYYY-MM-DD HH24:MI')) AS message
FROM (SELECT *, round(extract(epoch FROM now() - oldest)) AS seconds FROM api.shop_health()) AS measured
WHERE measure = 'payment_exceptions_open' AND amount > 0
