"""Alembic's commands for programs: what `alembic upgrade head` does, on the server of given settings and
without printing.

Errors are as on the command line: alembic.util.CommandError for what its message explains. Progress goes to
the loggers below "alembic", which print nothing unless the program says so.
"""

import io
from pathlib import Path
from typing import Any

from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory

from ecommerce_dms.connection import connect
from ecommerce_dms.roles import OWNER
from ecommerce_dms.settings import Settings

ALEMBIC_INI = Path(__file__).parents[2] / "schema" / "alembic.ini"


def config(settings: Settings | None = None, versions: Path | None = None, **options: Any) -> Config:
    """Alembic's configuration for these settings.

    `versions` replaces the folder of revisions (tests use it); `options` override those of alembic.ini, such
    as `lock_timeout="50ms"` or `environment="test"`.
    """
    made = Config(ALEMBIC_INI, stdout=io.StringIO(), attributes={"settings": settings, **options})
    if versions:
        made.set_main_option("version_locations", str(versions).replace("%", "%%"))
    return made


def upgrade(settings: Settings, revision: str = "head", **options: Any) -> None:
    """Bring the database up to `revision`; prepares roles and schemas first where they are missing.

    A database that is not to be production must be told so with the first upgrade: `environment="test"`.
    """
    command.upgrade(config(settings, **options), revision)


def downgrade(settings: Settings, revision: str, **options: Any) -> None:
    """Take the database down to `revision` ("base" for nothing). Refused where it is production."""
    command.downgrade(config(settings, **options), revision)


def check(settings: Settings, **options: Any) -> None:
    """Raise CommandError, naming the differences, when the models and the database differ."""
    command.check(config(settings, **options))


def current(settings: Settings) -> str | None:
    """The revision that the database is at; None before the first."""
    connection = connect(settings, role=OWNER)
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT to_regclass('shop.alembic_version')")
            if cursor.fetchone() == (None,):
                return None
            cursor.execute("SELECT version_num FROM shop.alembic_version")
            row = cursor.fetchone()
            return row[0] if row else None
    finally:
        connection.close()


def head(versions: Path | None = None) -> str | None:
    """The newest revision in the repository. Raises CommandError when there are two."""
    return ScriptDirectory.from_config(config(versions=versions)).get_current_head()


def revisions(versions: Path | None = None) -> list[str]:
    """All revisions in the repository, oldest first."""
    walked = ScriptDirectory.from_config(config(versions=versions)).walk_revisions()
    return [script.revision for script in walked][::-1]
