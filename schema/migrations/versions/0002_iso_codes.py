"""ISO 4217 currencies and ISO 3166-1 countries.

Data in a revision of its own, so that the list can be read, compared and extended without touching tables.
"""

from alembic import op
from migrations.sql_beside import run_sql_beside

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Fill both tables."""
    run_sql_beside(__file__)


def downgrade() -> None:
    """Undo it, for development; production goes forward only."""
    op.execute("DELETE FROM shop.countries")
    op.execute("DELETE FROM shop.currencies")
