"""The contract of the outbox, and of retention."""

from migrations.sql_beside import run_sql_beside

revision = "0021"
down_revision = "0020"


def upgrade() -> None:
    """Make the functions."""
    run_sql_beside(__file__)


def downgrade() -> None:
    """Undo it, for development; production goes forward only."""
    run_sql_beside(__file__, ".down.sql")
