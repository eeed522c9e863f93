"""The contract of stock: receive, adjust, split over slots, and one number for what is left."""

from migrations.sql_beside import run_sql_beside

revision = "0017"
down_revision = "0016"


def upgrade() -> None:
    """Make the functions."""
    run_sql_beside(__file__)


def downgrade() -> None:
    """Undo it, for development; production goes forward only."""
    run_sql_beside(__file__, ".down.sql")
