"""The contract of checkout: quote a cart, place its order.

Both price by the same function, so they agree to the minor unit. Placing an order is the reservation of its stock; money
comes later, so that nobody pays for what is gone.
"""

from migrations.sql_beside import run_sql_beside

revision = "0016"
down_revision = "0015"


def upgrade() -> None:
    """Make the types and functions."""
    run_sql_beside(__file__)


def downgrade() -> None:
    """Undo it, for development; production goes forward only."""
    run_sql_beside(__file__, ".down.sql")
