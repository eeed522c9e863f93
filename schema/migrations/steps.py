"""Runs the steps of one `alembic upgrade` or `downgrade`, and repeats a step that could not get its lock in
time.

On a busy table, ALTER TABLE waits for running transactions, and every new query waits behind it. So it waits
briefly (`lock_timeout`), gives way, and tries again after a pause of random length. A step is one revision in
one transaction: what is repeated is the whole of it, and the revisions before it stay committed.
"""

import logging
import random
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator

import sqlalchemy
from alembic.runtime.migration import MigrationContext, MigrationStep
from alembic.util import CommandError

LOCK_NOT_AVAILABLE = "55P03"

_FIRST_PAUSE_SECONDS = 0.25

log = logging.getLogger("alembic.shop.steps")

Plan = Callable[[tuple[str, ...], MigrationContext], Iterable[MigrationStep]]


class Steps:
    """The steps still to do. Alembic calls it as it would call its own plan, and again after a failure.

    Alembic's own plan is made anew from the present revision each time, and so would go too far when the
    target is relative (`upgrade +2` after the first of the two is done).
    """

    def __init__(self, plan: Plan, examine: Callable[[list[MigrationStep]], None]) -> None:
        """`plan` is Alembic's; `examine` is shown all steps before the first is run, and raises to prevent
        them."""
        self._plan = plan
        self._examine = examine
        self._remaining: deque[MigrationStep] | None = None
        self.done = 0
        self.committed_in_part = False

    def __call__(self, heads: tuple[str, ...], context: MigrationContext) -> Iterator[MigrationStep]:
        """Yield the remaining steps."""
        if self._remaining is None:
            steps = list(self._plan(heads, context))
            self._examine(steps)
            self._remaining = deque(steps)
        while self._remaining:
            log.info("%s", self._remaining[0])
            self.committed_in_part = False
            yield self._remaining[0]
            # Alembic asks for the next step when the transaction of this one has been committed, not before.
            self._remaining.popleft()
            self.done += 1

    def watch(self, connection: sqlalchemy.Connection) -> None:
        """Notice commits inside a step, which `autocommit_block()` makes: what it did before cannot be
        repeated."""

        def note_commit(_connection: sqlalchemy.Connection) -> None:
            self.committed_in_part = True

        sqlalchemy.event.listen(connection, "commit", note_commit)


def run(run_migrations: Callable[[], None], steps: Steps, attempts: int, longest_pause: float) -> None:
    """Call `run_migrations`, and again while a step fails for want of a lock, at most `attempts` times for
    one step.

    Raises CommandError when a step has used them up, or cannot be repeated; any other error goes through.
    """
    attempt, done = 1, 0
    while True:
        try:
            return run_migrations()
        except sqlalchemy.exc.DBAPIError as error:
            if getattr(error.orig, "pgcode", None) != LOCK_NOT_AVAILABLE:
                raise
            attempt = attempt + 1 if steps.done == done else 2
            done = steps.done
            _refuse_to_repeat(error, steps, attempt, attempts)
            pause = _pause_before(attempt, longest_pause)
            log.warning("%s; attempt %d of %d in %.1f s.", _summary(error), attempt, attempts, pause)
            time.sleep(pause)


def _refuse_to_repeat(error: sqlalchemy.exc.DBAPIError, steps: Steps, attempt: int, attempts: int) -> None:
    if steps.committed_in_part:
        raise CommandError(
            f"{_summary(error)}, in a revision that had already committed a part (autocommit_block): it "
            "cannot be repeated safely. See what it left, repair that by hand, and run this again"
        ) from error
    if attempt > attempts:
        raise CommandError(
            f"{_summary(error)} in {attempts} attempts. The revisions before it are committed. Look for long "
            "transactions in pg_stat_activity, or choose a quieter hour, and run this again"
        ) from error


def _pause_before(attempt: int, longest_pause: float) -> float:
    # Random, so that two programs which disturb each other do not meet again.
    ceiling = min(longest_pause, _FIRST_PAUSE_SECONDS * 2**attempt)
    return random.uniform(ceiling / 2, ceiling)  # noqa: S311 (no secret)


def _summary(error: sqlalchemy.exc.DBAPIError) -> str:
    return str(error.orig).strip().splitlines()[0]
