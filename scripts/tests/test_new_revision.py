"""`alembic revision`: what it writes, and that filling in the SQL is all that is left to do."""

from __future__ import annotations

import shutil
import subprocess
from contextlib import closing
from pathlib import Path

import lint
import pytest
from alembic.util import CommandError
from ecommerce_dms import fingerprint, migration_lint, migrations
from ecommerce_dms.connection import connect
from ecommerce_dms.settings import Settings
from migrations import new_revision
from toy_revisions import ToyRevisions

VERSIONS = Path(migrations.ALEMBIC_INI).parent / "migrations" / "versions"
# What a revision asks its author. It is gone once it was answered.
QUESTIONS = "(Answer both"


@pytest.fixture
def history(tmp_path: Path) -> ToyRevisions:
    """The real revisions, in a folder where a test may add to them."""
    shutil.copytree(VERSIONS, tmp_path / "versions", ignore=shutil.ignore_patterns("__pycache__"))
    return ToyRevisions(tmp_path / "versions")


@pytest.fixture
def written(history: ToyRevisions) -> Path:
    """A new revision, as `alembic revision` leaves it."""
    before = set(history.folder.glob("*.py"))
    made = history.run_alembic(None, "revision", "-m", "gift notes")
    assert made.returncode == 0, made.stdout + made.stderr
    (path,) = set(history.folder.glob("*.py")) - before
    return path


def fill(revision: Path, upgrade: str, downgrade: str) -> None:
    """What an author does: both SQL files get their statements, below the line that was there."""
    for suffix, sql in ((".sql", upgrade), (".down.sql", downgrade)):
        with revision.with_suffix(suffix).open("a", encoding="utf-8") as file:
            file.write(sql)


def read(settings: Settings) -> fingerprint.Fingerprint:
    with closing(connect(settings)) as connection:
        return fingerprint.read(connection)


def test_a_new_revision_follows_the_last_one_with_its_sql_files_beside_it(written: Path) -> None:
    number = f"{len(migrations.revisions()) + 1:04d}"
    assert written.name == f"{number}_gift_notes.py"
    text = written.read_text(encoding="utf-8")
    assert f'revision = "{number}"\ndown_revision = "{migrations.head()}"' in text
    assert all(written.with_suffix(suffix).exists() for suffix in (".sql", ".down.sql"))


def test_a_new_revision_asks_what_changes_and_who_notices_and_names_the_rules(written: Path) -> None:
    text = written.read_text(encoding="utf-8")
    for asked in ("What changes", "What a running application notices", QUESTIONS):
        assert asked in text
    for named in ("schema/guards/", "invariant", "docs/migrations.md", "lint.py migrations", "dump_schema.py"):
        assert named in text


def test_a_new_revision_is_python_as_the_linter_wants_it(written: Path) -> None:
    tool = lint.tool("ruff")
    if tool is None:
        pytest.skip("ruff is not installed: pip install -r scripts/requirements-dev.txt")
    for arguments in (["check"], ["format", "--check"]):
        done = subprocess.run(
            [tool, *arguments, "--config", str(lint.SCRIPTS / "ruff.toml"), str(written)],
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stdout + done.stderr


def test_once_its_sql_is_filled_in_it_goes_up_and_down_without_a_trace(
    history: ToyRevisions, written: Path, scratch: Settings
) -> None:
    fill(
        written,
        "ALTER TABLE shop.carts ADD COLUMN gift_note text;\n",
        "ALTER TABLE shop.carts DROP COLUMN gift_note;\n",
    )
    before = read(scratch)
    migrations.upgrade(scratch, versions=history.folder)
    assert fingerprint.difference(before, read(scratch)) != []
    migrations.downgrade(scratch, "-1", versions=history.folder)
    assert fingerprint.difference(before, read(scratch)) == []


def test_once_its_sql_is_filled_in_it_is_read_for_what_stops_a_busy_shop(history: ToyRevisions, written: Path) -> None:
    squawk = lint.tool("squawk")
    if squawk is None:
        pytest.skip("squawk is not installed: pip install -r scripts/requirements-dev.txt")
    fill(written, "ALTER TABLE shop.carts ADD COLUMN gift_note text;\n", "")
    assert migration_lint.findings(squawk, history.folder) == []
    fill(written, "CREATE INDEX ix_carts_gift_note ON shop.carts (gift_note);\n", "")
    assert [found.rule for found in migration_lint.findings(squawk, history.folder)] == [
        "require-concurrent-index-creation"
    ]


def test_a_revision_that_nobody_filled_in_is_refused(history: ToyRevisions, written: Path, scratch: Settings) -> None:
    with pytest.raises(CommandError, match=r"_gift_notes\.sql holds no statement: fill it in"):
        migrations.upgrade(scratch, versions=history.folder)
    assert migrations.current(scratch) == migrations.head()


def test_what_autogenerate_finds_needs_only_the_sql_file_of_what_it_left_open(tmp_path: Path) -> None:
    revision = tmp_path / "0002_both_ways.py"
    revision.write_text('def downgrade():\n    run_sql_beside(__file__, ".down.sql")\n')
    new_revision.write_sql_beside(str(revision), {})
    assert sorted(path.name for path in tmp_path.iterdir()) == ["0002_both_ways.down.sql", "0002_both_ways.py"]


def test_no_revision_keeps_the_questions_of_the_template() -> None:
    left = [path.name for path in VERSIONS.glob("*.py") if QUESTIONS in path.read_text(encoding="utf-8")]
    assert left == []
