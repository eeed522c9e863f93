"""A folder of small revisions for tests, and Alembic run on it: as a library, or as the program that users
run."""

import configparser
import os
import re
import subprocess
import sys
from pathlib import Path
from urllib.parse import quote

from ecommerce_dms.migrations import ALEMBIC_INI
from ecommerce_dms.settings import Settings

_REVISION = """
from alembic import op
from migrations.online import outside_transaction
from migrations.sql_beside import run_sql_beside

revision = "{number:04d}"
down_revision = {previous}


def upgrade():
    {upgrade}


def downgrade():
    {downgrade}
"""


class ToyRevisions:
    """Revisions 0001, 0002, … in a folder of their own, for migrations.upgrade(…, versions=folder)."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._count = 0

    def add(self, *upgrade: str, downgrade: str = "pass", sql: str | None = None) -> None:
        """Add a revision whose upgrade() has these lines; with `sql`, that file beside it and
        `run_sql_beside`."""
        self._count += 1
        lines = upgrade if sql is None else ("run_sql_beside(__file__)", *upgrade)
        path = self.folder / f"{self._count:04d}_toy.py"
        path.write_text(
            _REVISION.format(
                number=self._count,
                previous=f'"{self._count - 1:04d}"' if self._count > 1 else None,
                upgrade="\n    ".join(lines),
                downgrade=downgrade,
            )
        )
        if sql is not None:
            path.with_suffix(".sql").write_text(sql)

    def add_table(self, name: str) -> None:
        """Add a revision that makes a table."""
        self.add(
            f'op.execute("CREATE TABLE shop.{name} (x int)")',
            downgrade=f'op.execute("DROP TABLE shop.{name}")',
        )

    def alembic(self, settings: Settings | None, *arguments: str) -> subprocess.Popen[str]:
        """`alembic` started on these revisions, its output readable as text while it runs."""
        environment = {key: value for key, value in os.environ.items() if not re.match("DB_|DATABASE_URL|PG", key)}
        if settings:
            login = f"{quote(settings.user)}:{quote(settings.password, safe='')}"
            environment |= {
                "DATABASE_URL": f"postgresql://{login}@{settings.address()}",
                "DB_SSLMODE": settings.sslmode,
            }
        return subprocess.Popen(
            [sys.executable, "-m", "alembic", "-c", self._ini(), *arguments],
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def run_alembic(self, settings: Settings | None, *arguments: str) -> subprocess.CompletedProcess[str]:
        """`alembic` run to its end."""
        with self.alembic(settings, *arguments) as process:
            out, err = process.communicate()
        return subprocess.CompletedProcess(process.args, process.returncode, out, err)

    def _ini(self) -> Path:
        """The real alembic.ini, with these revisions instead of the real ones."""
        parser = configparser.RawConfigParser()
        parser.read_string(ALEMBIC_INI.read_text().replace("%(here)s", str(ALEMBIC_INI.parent)))
        parser["alembic"]["version_locations"] = str(self.folder)
        path = self.folder.parent / "alembic.ini"
        with path.open("w") as file:
            parser.write(file)
        return path
