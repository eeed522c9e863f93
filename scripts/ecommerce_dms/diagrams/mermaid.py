"""Mermaid's erDiagram of an area, which GitHub draws within a page: tables with their key columns, and the relations."""

from __future__ import annotations

import re

from ecommerce_dms.diagrams.areas import Area
from ecommerce_dms.diagrams.catalog import Catalog, Table
from ecommerce_dms.diagrams.picture import key_marks


def diagram(catalog: Catalog, area: Area) -> str:
    """The text of the diagram, without the fence around it."""
    lines = ["erDiagram"]
    for name in area.tables:
        lines += _entity(catalog.tables[name])
    for name in area.tables:
        table = catalog.tables[name]
        for key in table.foreign_keys:
            parent = "|o" if table.is_optional(key) else "||"
            child = "o|" if table.is_one_to_one(key) else "o{"
            lines.append(f'    {_name(key.target)} {parent}--{child} {_name(name)} : "{", ".join(key.columns)}"')
    return "\n".join(lines) + "\n"


def _entity(table: Table) -> list[str]:
    rows = []
    for column in table.columns:
        marks = key_marks(table, column.name)
        if marks:
            # Mermaid takes letters, digits and brackets in a type, and wants commas between marks.
            kind = re.sub(r"[^\w\[\]]", "_", re.sub(r"\([^)]*\)", "", column.type))
            name = re.sub(r"\W", "_", column.name)
            rows.append(f"        {kind} {name} {marks.replace(' ', ', ')}")
    return [f"    {_name(table.name)} {{", *rows, "    }"] if rows else [f"    {_name(table.name)}"]


def _name(table: str) -> str:
    return table if re.fullmatch(r"\w+", table) else '"' + table.replace('"', "'") + '"'
