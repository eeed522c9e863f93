"""The worked examples of docs/migrations.md as revisions: what the page shows is what the tests run.

An example is a code block whose first line names it: `-- revision: carts_channel` before SQL, which becomes the .sql file of
a revision, or `# revision: …` before Python, which becomes its upgrade(). They build on each other, in the order of the page.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from ecommerce_dms import guards, migrations

PAGE = Path(__file__).resolve().parents[2] / "docs" / "migrations.md"

_BLOCK = re.compile(r"^```(sql|python)\n(?:--|#) revision: (\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_LOOKED_AT = re.compile(r"^ *(?:--|#) looked at: ([a-z-]+)", re.MULTILINE)
_ATTACK = re.compile(r"^```sql\n(-- attack: .*?)^```$", re.MULTILINE | re.DOTALL)

_REVISION = '''\
"""An example."""

from alembic import op
from migrations.online import in_batches, outside_transaction
from migrations.sql_beside import run_sql_beside

revision = "{number}"
down_revision = "{before}"


{upgrade}


def downgrade() -> None:
    raise NotImplementedError
'''
_RUN_SQL = "def upgrade() -> None:\n    run_sql_beside(__file__)"


@dataclass(frozen=True)
class Example:
    """A block of the page; `looked_at`: the linter's rules that it breaks knowingly, as it says itself."""

    name: str
    language: str
    text: str

    @property
    def looked_at(self) -> tuple[str, ...]:
        return tuple(_LOOKED_AT.findall(self.text))


def read(page: Path = PAGE) -> list[Example]:
    """All examples of the page, in order."""
    found = _BLOCK.findall(page.read_text(encoding="utf-8"))
    return [Example(name, language, text) for language, name, text in found]


def attacks(page: Path = PAGE) -> list[guards.Attack]:
    """The guard blocks of the page."""
    texts = _ATTACK.findall(page.read_text(encoding="utf-8"))
    return [block for text in texts for block in guards.parse(text, page.name)]


class History:
    """A folder of revisions that tests add to."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def add(self, examples: Iterable[Example]) -> dict[str, str]:
        """Adds each as a revision; returns their numbers by name."""
        return {example.name: self._add(example.name, example.language, example.text) for example in examples}

    def add_python(self, *lines: str) -> str:
        """Adds a revision whose upgrade() has these lines; returns its number."""
        return self._add("planted", "python", "def upgrade() -> None:\n    " + "\n    ".join(lines))

    def _add(self, name: str, language: str, text: str) -> str:
        before = migrations.head(self.folder)
        number = f"{int(before) + 1:04d}"
        path = self.folder / f"{number}_{name}.py"
        upgrade = _RUN_SQL if language == "sql" else text.strip()
        path.write_text(_REVISION.format(number=number, before=before, upgrade=upgrade), encoding="utf-8")
        if language == "sql":
            path.with_suffix(".sql").write_text(text, encoding="utf-8")
        return number
