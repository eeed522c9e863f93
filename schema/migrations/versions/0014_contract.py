"""The ground of schema api: errors for bad arguments, isolation, retries and ownership, said in one place.

Every function of the contract begins with these checks, so that each says the same thing in the same words.
"""

from migrations.sql_beside import run_sql_beside

revision = "0014"
down_revision = "0013"


def upgrade() -> None:
    """Make the functions."""
    run_sql_beside(__file__)


def downgrade() -> None:
    """Undo it, for development; production goes forward only."""
    run_sql_beside(__file__, ".down.sql")
