"""The contract of orders after checkout: cancel, expire, ship, deliver, return, and the two reads of a customer."""

from migrations.sql_beside import run_sql_beside

revision = "0018"
down_revision = "0017"


def upgrade() -> None:
    """Make the functions."""
    run_sql_beside(__file__)


def downgrade() -> None:
    """Undo it, for development; production goes forward only."""
    run_sql_beside(__file__, ".down.sql")
