"""Puts the SQL files beside a revision that `alembic revision` has just written, so that nobody has to know their names.

Which ones, the revision says: those that it runs with run_sql_beside(). They hold a comment and nothing else, and the server
refuses an empty query: a revision that nobody filled in does not pass for done.
"""

import re
from collections.abc import Mapping
from pathlib import Path

from alembic.script import write_hooks

_RUNS = re.compile(r'run_sql_beside\(__file__(?:, "([^"]+)")?\)')

_FIRST_LINES = {
    ".sql": "-- {title}: the way forward. How each kind of change is made without stopping a shop: docs/migrations.md\n",
    ".down.sql": "-- {title}: the way back, for development. It leaves no trace of the way forward.\n",
}


@write_hooks.register("sql_beside")
def write_sql_beside(revision_file: str, _options: Mapping[str, str]) -> None:
    """Make each SQL file that the revision runs, unless it is there."""
    path = Path(revision_file)
    for suffix in {named or ".sql" for named in _RUNS.findall(path.read_text(encoding="utf-8"))}:
        beside = path.with_suffix(suffix)
        if not beside.exists():
            beside.write_text(_FIRST_LINES[suffix].format(title=path.stem), encoding="utf-8")
