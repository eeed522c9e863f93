<%
    # Alembic hands over comments and `pass` where there is nothing to do.
    def real(body): return body if "op." in body else ""
    up, down = real(upgrades), real(downgrades)
%>\
"""${message}

Say here what changes and why now, and what a running application notices.
"""

% if "sa." in up + down:
import sqlalchemy as sa
% endif
% if up or down:
from alembic import op
% endif
% if not up:
from migrations.sql_beside import run_sql_beside
% endif
% if imports:
${imports}
% endif

revision = "${up_revision}"
down_revision = ${'"%s"' % down_revision if isinstance(down_revision, str) else repr(down_revision)}


def upgrade() -> None:
    """Run ${up_revision}_….sql."""
    ${up or "run_sql_beside(__file__)"}


def downgrade() -> None:
    """Undo it, for development; production goes forward only."""
    ${down or 'raise NotImplementedError("drop what upgrade() made")'}
