"""What test_db.py checks.

Rules, each with the query that finds what breaks it and with faults that the query must find (check.py):

    columns      tables and columns, their comments and types
    names        what things are called
    keys         keys, constraints and indexes
    triggers     triggers and functions
    privileges   who owns, reads, writes and executes what
    data         what the rows say: invariants, personal data
    drift        whether the database is what this repository makes

Writes that must be refused:

    bad_writes   how each constraint is violated once, with the values of bad_values
    sample       the rows that these start from
    guards       the attacks of schema/guards/, and what happens once their guards are removed
    races        two that want the same thing
    concurrency  plays the races, crossing locks, and many that want the same few at once
    folds        payment events in every order

Nothing opens a connection here but sample, guards, concurrency and folds; the fixtures of scripts/conftest.py do.
"""
