"""Numbers new revisions 0001, 0002, …: file names sort as the story goes, and two branches that both add 0007
collide in review, not in production."""

from collections.abc import Iterable

from alembic.operations.ops import MigrationScript
from alembic.runtime.migration import MigrationContext


def number_revision(context: MigrationContext, _heads: object, scripts: list[MigrationScript]) -> None:
    """Give the revision that `alembic revision` is about to write its number, unless it was given with
    --rev-id."""
    options = context.config.cmd_opts
    if getattr(options, "rev_id", None):
        return
    known = (script.revision for script in context.script.walk_revisions())
    scripts[0].rev_id = next_number(known)


def next_number(revisions: Iterable[str]) -> str:
    """The number after the highest: `next_number(["0001", "0002"])` is "0003"."""
    return f"{max((int(revision) for revision in revisions if revision.isdigit()), default=0) + 1:04d}"
