"""Health checks: what CloudWatch cannot see, asked of the database as shop_monitor.

checks.py       the checks, as the .sql files of monitoring/checks say them
examination.py  runs them, and says which it had to leave out and why
certificate.py  until when the server's certificate is valid
report.py       a table, JSON, the exit code
publish.py      CloudWatch custom metrics
"""
