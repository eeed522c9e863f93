"""The contract of payments: start one, record what its provider says, refund, settle exceptions, bill."""

from migrations.sql_beside import run_sql_beside

revision = "0019"
down_revision = "0018"


def upgrade() -> None:
    """Make the functions."""
    run_sql_beside(__file__)


def downgrade() -> None:
    """Undo it, for development; production goes forward only."""
    run_sql_beside(__file__, ".down.sql")
