"""The contract of carts: create, fill, coupon, merge at log-in, copy after an order expired."""

from migrations.sql_beside import run_sql_beside

revision = "0015"
down_revision = "0014"


def upgrade() -> None:
    """Make the functions."""
    run_sql_beside(__file__)


def downgrade() -> None:
    """Undo it, for development; production goes forward only."""
    run_sql_beside(__file__, ".down.sql")
