"""What test_db.py checks: each rule with the query that finds what breaks it and a fault that it must find.

structure    types, names, comments, keys, indexes, triggers
privileges   who owns, reads, writes and executes what
data         what the rows say: invariants, personal data
drift        whether the database is what this repository makes
bad_writes   how each constraint is violated once
"""
