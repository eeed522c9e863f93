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
    races        two connections that want the same thing, many that want the same few
    folds        payment events in every order

Nothing opens a connection here but sample and the last three; the fixtures of scripts/conftest.py do.
"""
