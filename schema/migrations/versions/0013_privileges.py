"""Who may see and do what: grants to the group roles that scripts/bootstrap.py makes.

PUBLIC has nothing. The application executes functions of schema api and writes to no table. Roles are the cluster's and
outlive any database, so no revision makes or drops one.
"""

from migrations.sql_beside import run_sql_beside

revision = "0013"
down_revision = "0012"


def upgrade() -> None:
    """Grant."""
    run_sql_beside(__file__)


def downgrade() -> None:
    """Undo it, for development; production goes forward only."""
    run_sql_beside(__file__, ".down.sql")
