"""The contract of the catalogue: search, category tree, prices."""

from migrations.sql_beside import run_sql_beside

revision = "0022"
down_revision = "0021"


def upgrade() -> None:
    """Make the functions."""
    run_sql_beside(__file__)


def downgrade() -> None:
    """Undo it, for development; production goes forward only."""
    run_sql_beside(__file__, ".down.sql")
