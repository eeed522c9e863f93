"""The contract of accounts: register, log in, sessions, tokens, addresses, erasure."""

from migrations.sql_beside import run_sql_beside

revision = "0020"
down_revision = "0019"


def upgrade() -> None:
    """Make the functions."""
    run_sql_beside(__file__)


def downgrade() -> None:
    """Undo it, for development; production goes forward only."""
    run_sql_beside(__file__, ".down.sql")
