"""For what runs beside the application's traffic and outside any transaction: CREATE INDEX CONCURRENTLY, and filling a
column of a big table batch by batch."""

from collections.abc import Iterator
from contextlib import contextmanager

from alembic import op


@contextmanager
def outside_transaction() -> Iterator[None]:
    """Run the block's statements one by one, each committed by itself, and let them wait.

    with outside_transaction():
    op.execute("DROP INDEX CONCURRENTLY IF EXISTS shop.ix_…")
    op.execute("CREATE INDEX CONCURRENTLY ix_… ON shop.…")

    CREATE INDEX CONCURRENTLY waits for the transactions that write to the table, and nobody queues behind it.
    Cut short by `lock_timeout`, it leaves an invalid index, which costs every write and serves no query. IF NOT EXISTS
    takes such an index for the one that is wanted; dropping it first lets a second run put things right.

    What came before in the same revision is committed too, so give the block a revision of its own.
    """
    with op.get_context().autocommit_block():
        op.execute("SET lock_timeout = 0")
        try:
            yield
        finally:
            op.execute("RESET lock_timeout")


def in_batches(statement: str) -> None:
    """Run one UPDATE, INSERT or DELETE over and over, each time committed by itself, until it changes no row.

    It must take a limited number of rows that still need it, in the order of their key: a checkout that wants one of
    them then waits for that batch, not for the table. A statement that finds its own rows again never ends. Run again
    after a failure, it goes on where it stopped.

    Printed by `alembic upgrade --sql`, it is one DO block that does the same.
    """
    with outside_transaction():
        if op.get_context().as_sql:
            op.get_context().impl.static_output(_LOOP.format(statement=statement.strip().rstrip(";")))
            return
        while op.get_bind().exec_driver_sql(statement, execution_options={"no_parameters": True}).rowcount:
            pass


_LOOP = """\
DO $in_batches$
DECLARE
    changed bigint;
BEGIN
    LOOP
        {statement};
        GET DIAGNOSTICS changed = ROW_COUNT;
        COMMIT;
        EXIT WHEN changed = 0;
    END LOOP;
END
$in_batches$;
"""
