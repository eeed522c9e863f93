<%
    # Alembic hands over comments and `pass` where there is nothing to do.
    def real(body): return body if "op." in body else ""
    up, down = real(upgrades), real(downgrades)
%>\
"""${message}

What changes, and why now:

What a running application notices, while this runs and after it:

(Answer both, then delete this paragraph. SQL stands in the files beside this one, ${up_revision}_….sql and
${up_revision}_….down.sql; a revision takes a strong lock on one table at most; what scans, builds or fills is another
revision. A rule that data must keep gets an attack in schema/guards/ and, where a trigger keeps it, an invariant.
How each is done: docs/migrations.md. Then: scripts/lint.py migrations, scripts/dump_schema.py, scripts/local.py test.)
"""

% if "sa." in up + down:
import sqlalchemy as sa
% endif
% if up or down:
from alembic import op
% endif
% if not up or not down:
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
    ${down or 'run_sql_beside(__file__, ".down.sql")'}
