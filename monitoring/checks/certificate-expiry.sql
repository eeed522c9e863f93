-- check: certificate-expiry
-- severity: warning below 30 days, critical below 7
-- meaning: The server's certificate, or the authority that it was issued by, expires: clients that verify would no longer connect.
-- runbook: docs/runbooks/check-certificate-expiry.md
-- requires: certificate
-- setting: certificate_warning_days = 30
-- setting: certificate_critical_days = 7

-- pg_stat_ssl knows the client's certificate, not the server's: the program reads it from a connection of its own.
SELECT CASE WHEN days < current_setting('health.certificate_critical_days')::numeric THEN 'critical' ELSE 'warning' END AS severity,
       subject,
       days AS value,
       'days' AS unit,
       format('valid until %s', to_char(valid_until, 'YYYY-MM-DD')) AS message
FROM (
    SELECT subject, valid_until, floor(extract(epoch FROM valid_until - now()) / 86400) AS days
    FROM (VALUES ('server certificate', nullif(current_setting('health.certificate_valid_until'), '')::timestamptz),
                 ('certificate authority', nullif(current_setting('health.authority_valid_until'), '')::timestamptz))
         AS found (subject, valid_until)
) AS aged
WHERE days < current_setting('health.certificate_warning_days')::numeric
