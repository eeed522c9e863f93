"""What monitoring may know of the shop: counts and sizes, never rows."""

from migrations.sql_beside import run_sql_beside

revision = "0024"
down_revision = "0023"


def upgrade() -> None:
    """Make the functions that shop_monitor may execute."""
    run_sql_beside(__file__)


def downgrade() -> None:
    """Undo it, for development; production goes forward only."""
    run_sql_beside(__file__, ".down.sql")
