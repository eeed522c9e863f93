"""Who sees whose rows: row-level security, views for storefronts and analysts, and what each role is granted."""

from migrations.sql_beside import run_sql_beside

revision = "0025"
down_revision = "0024"


def upgrade() -> None:
    """Make the policies and the views, and grant the columns."""
    run_sql_beside(__file__)


def downgrade() -> None:
    """Undo it, for development; production goes forward only."""
    run_sql_beside(__file__, ".down.sql")
