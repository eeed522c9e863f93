"""Which tables belong together: the areas of the shop, which are the modules of its models; elsewhere one area.

The models are read as text, not imported: a picture needs no SQLAlchemy.
"""

from __future__ import annotations

import ast
from dataclasses import dataclass
from pathlib import Path

from ecommerce_dms.diagrams.catalog import Catalog

MODELS = Path(__file__).resolve().parents[3] / "schema" / "models"
SHOP = "shop"

# The order in which a shop is told, which is the order of the pages.
ORDER = (
    "catalogue", "inventory", "pricing", "accounts", "carts", "orders", "fulfilment", "payments", "ledger",
    "integration", "reference",
)  # fmt: skip


@dataclass(frozen=True)
class Area:
    """A group of tables: its key in ids and file names, its title, what it is about, and the tables, in order."""

    key: str
    title: str
    about: str
    tables: tuple[str, ...]


def group(catalog: Catalog) -> list[Area]:
    """Every table of the catalogue in exactly one area."""
    found = _of_models(catalog) if catalog.schema == SHOP else []
    placed = {table for area in found for table in area.tables}
    rest = tuple(name for name in catalog.tables if name not in placed)
    if rest:
        found.append(Area(catalog.schema, catalog.schema, "", rest))
    return found


def _of_models(catalog: Catalog) -> list[Area]:
    areas = []
    for path in sorted(MODELS.glob("*.py"), key=_place):
        module = ast.parse(path.read_text(encoding="utf-8"))
        tables = tuple(name for name in _tables_of(module) if name in catalog.tables)
        if tables:
            title = path.stem.capitalize()
            about = " ".join((ast.get_docstring(module) or "").split("\n\n")[0].split()).removeprefix(f"{title}: ")
            areas.append(Area(path.stem, title, about[:1].upper() + about[1:], tables))
    return areas


def _place(path: Path) -> tuple[int, str]:
    return (ORDER.index(path.stem) if path.stem in ORDER else len(ORDER), path.stem)


def _tables_of(module: ast.Module) -> list[str]:
    return [
        statement.value.value
        for node in module.body
        if isinstance(node, ast.ClassDef)
        for statement in node.body
        if isinstance(statement, ast.Assign)
        and isinstance(statement.targets[0], ast.Name)
        and statement.targets[0].id == "__tablename__"
        and isinstance(statement.value, ast.Constant)
    ]
