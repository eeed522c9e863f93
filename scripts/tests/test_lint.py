"""The linters find nothing here, and something where something was planted."""

from __future__ import annotations

from pathlib import Path

import lint
import pytest
from ecommerce_dms import console, migration_lint

REVISION = '''
from alembic import op

revision = "{number}"
down_revision = {before}


def upgrade() -> None:
    op.execute("""{sql}""")


def downgrade() -> None:
    pass
'''


def needs(name: str) -> str:
    """The program's path; skips where it is not installed."""
    found = lint.tool(name)
    if found is None:
        pytest.skip(f"{name} is not installed: pip install -r scripts/requirements-dev.txt")
    return found


@pytest.fixture
def versions(tmp_path: Path) -> Path:
    """A history of one table and, in the next revision, what a test writes there."""
    table = REVISION.format(
        number="0001", before="None", sql="CREATE TABLE items (item_id bigint PRIMARY KEY, sku text)"
    )
    (tmp_path / "0001_items.py").write_text(table)
    return tmp_path


@pytest.mark.parametrize("linter", lint.LINTERS, ids=lambda linter: linter.name)
def test_the_linter_finds_nothing(linter: lint.Linter) -> None:
    needs(linter.tool)
    assert lint.main([linter.name]) == 0


def test_no_migration_stops_a_busy_shop() -> None:
    assert [str(found) for found in migration_lint.findings(needs("squawk"))] == []


def test_no_exception_outlives_its_finding() -> None:
    assert migration_lint.stale_exceptions(needs("squawk")) == set()


@pytest.mark.parametrize(
    ("sql", "rule"),
    [
        ("CREATE INDEX ix_items_sku ON items (sku)", "require-concurrent-index-creation"),
        ("ALTER TABLE items ADD CONSTRAINT ck CHECK (sku <> '')", "constraint-missing-not-valid"),
        ("ALTER TABLE items ALTER COLUMN sku TYPE varchar(20)", "changing-column-type"),
        ("ALTER TABLE items ALTER COLUMN sku SET NOT NULL", "adding-not-nullable-field"),
        ("DROP TABLE items", "ban-drop-table"),
        ("ALTER TABLE items RENAME COLUMN sku TO code", "renaming-column"),
    ],
)
def test_a_dangerous_migration_is_found(versions: Path, sql: str, rule: str) -> None:
    dangerous = REVISION.format(number="0002", before='"0001"', sql=sql)
    (versions / "0002_dangerous.py").write_text(dangerous)
    found = migration_lint.findings(needs("squawk"), versions)
    assert rule in {one.rule for one in found if one.revision == "0002"}


def test_sql_that_cannot_be_read_is_no_all_clear(versions: Path) -> None:
    broken = REVISION.format(number="0002", before='"0001"', sql="ALTER TABEL items")
    (versions / "0002_broken.py").write_text(broken)
    with pytest.raises(RuntimeError, match="did not read"):
        migration_lint.findings(needs("squawk"), versions)


def test_a_linter_that_does_not_exist_is_named_with_those_that_do() -> None:
    with pytest.raises(console.UsageError, match=r"'spelling'; there are ruff, format"):
        lint.main(["spelling"])
