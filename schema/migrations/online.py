"""For statements that run beside the application's traffic and outside any transaction: CREATE INDEX
CONCURRENTLY."""

from collections.abc import Iterator
from contextlib import contextmanager

from alembic import op


@contextmanager
def outside_transaction() -> Iterator[None]:
    """Run the block's statements one by one, each committed by itself, and let them wait.

    with outside_transaction():
    op.create_index(…, postgresql_concurrently=True, if_not_exists=True)

    CREATE INDEX CONCURRENTLY waits for the transactions that write to the table, and nobody queues behind it.
    Cut short by `lock_timeout`, it leaves an invalid index, which costs every write and serves no query.

    What came before in the same revision is committed too, so give the block a revision of its own.
    """
    with op.get_context().autocommit_block():
        op.execute("SET lock_timeout = 0")
        try:
            yield
        finally:
            op.execute("RESET lock_timeout")
