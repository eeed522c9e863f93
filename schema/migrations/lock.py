"""Lets one runner at a time migrate a database: several deployments, or several pods of one, start at once.

The lock is a session-level advisory lock, since `autocommit_block()` ends the transaction that an xact lock
would live in, and it is polled. A runner that *waited* inside pg_advisory_lock() would hold a snapshot for as
long as it waits, and CREATE INDEX CONCURRENTLY in the first runner waits for all older snapshots: a deadlock,
which the server cannot even see when the lock is held by a second connection. Between two polls there is no
transaction and so no snapshot.

It is taken on the connection that migrates, so that neither outlives the other.
"""

import logging
import time

import sqlalchemy
from alembic.util import CommandError

# The letters "shop:mig" as a number. Advisory locks are per database, so that other databases do not wait.
KEY = int.from_bytes(b"shop:mig", "big")

# A bigint key stands in pg_locks as two halves, with objsubid 1.
_HOLDER = sqlalchemy.text("""
    SELECT format('pid %s, user %s, %s', a.pid, a.usename, a.application_name)
    FROM pg_locks AS l JOIN pg_stat_activity AS a USING (pid) JOIN pg_database AS d ON d.oid = l.database
    WHERE l.locktype = 'advisory' AND l.granted AND l.objsubid = 1 AND d.datname = current_database()
      AND (l.classid::bigint << 32) + l.objid::bigint = :key
""")

_POLL_SECONDS = 0.5
_REPORT_SECONDS = 10

log = logging.getLogger("alembic.shop.lock")


def take(connection: sqlalchemy.Connection, wait_seconds: float) -> None:
    """Return when this session holds the lock; it is released when the session ends.

    Raises CommandError when another runner still holds it after `wait_seconds`.
    """
    deadline = time.monotonic() + wait_seconds
    next_report = time.monotonic()
    while not _try_to_take(connection):
        now = time.monotonic()
        if now >= deadline:
            raise CommandError(
                f"another migration ({_holder(connection)}) was still running after {wait_seconds:g} s; "
                "let it finish, or end that session with pg_terminate_backend(), and run this again"
            )
        if now >= next_report:
            log.info("Another migration is running (%s); waiting for it.", _holder(connection))
            next_report = now + _REPORT_SECONDS
        time.sleep(min(_POLL_SECONDS, deadline - now))


def _try_to_take(connection: sqlalchemy.Connection) -> bool:
    taken = connection.exec_driver_sql(f"SELECT pg_try_advisory_lock({KEY})").scalar_one()
    connection.commit()
    return taken


def _holder(connection: sqlalchemy.Connection) -> str:
    holder = connection.execute(_HOLDER, {"key": KEY}).scalar()
    connection.commit()
    return holder or "which has just ended"
