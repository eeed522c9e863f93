"""The contract of erasure: on request at once, and of old orders once the law no longer asks for them."""

from migrations.sql_beside import run_sql_beside

revision = "0023"
down_revision = "0022"


def upgrade() -> None:
    """Make the functions, and the triggers that audit and guard what they do."""
    run_sql_beside(__file__)


def downgrade() -> None:
    """Undo it, for development; production goes forward only."""
    run_sql_beside(__file__, ".down.sql")
