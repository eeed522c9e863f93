"""What is on each page: boxes, rows, edges and regions, without a place yet; layout.py and routing.py give them one.

A page of an area shows its tables whole, and as stubs the tables of other areas that they refer to. Every foreign key is
a line on one such page: that of the table which holds it. The overview shows all tables with their key columns; lines
run inside an area, and a row that refers to another area names the table, in that area's colour: forty lines across
all areas would tell nobody anything.
Lengths are in the units of draw.io and SVG; all are multiples of GRID, on which lines run.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field, replace

from ecommerce_dms.diagrams import text
from ecommerce_dms.diagrams.areas import Area
from ecommerce_dms.diagrams.catalog import Catalog, ForeignKey, Table

GRID = 10
HEADER = 30
ROW = 20
KEY_WIDTH = 40

Point = tuple[int, int]


@dataclass(frozen=True)
class Row:
    """One column in a box. `key` is what stands in front: PK, FK, UK or several.

    Where `area` is given, `type` names tables of that area, which the column refers to.
    """

    column: str
    key: str
    type: str = ""
    nullable: bool = False
    area: str = ""


@dataclass(frozen=True)
class Box:
    """A table on a page. `area` is the key of its area, empty for a table of another schema."""

    table: str
    area: str
    comment: str
    rows: tuple[Row, ...]
    name_width: int
    type_width: int
    stub: bool = False
    note: str = ""
    x: int = 0
    y: int = 0

    @property
    def width(self) -> int:
        return KEY_WIDTH + self.name_width + self.type_width

    @property
    def height(self) -> int:
        return HEADER + ROW * len(self.rows)

    def row_middle(self, column: str) -> int:
        """Where a line to the row of that column arrives; at the header if the box does not show it."""
        for number, row in enumerate(self.rows):
            if row.column == column:
                return self.y + HEADER + ROW * number + ROW // 2
        return self.y + HEADER // 2 // GRID * GRID

    def moved(self, x: int, y: int) -> Box:
        return replace(self, x=x, y=y)


@dataclass(frozen=True)
class Edge:
    """A foreign key as a line from the child's box to the parent's, with the mark at each end."""

    id: str
    key: ForeignKey
    child_end: str
    parent_end: str
    points: tuple[Point, ...] = ()


@dataclass
class Page:
    """One page. `boxes` are by table name, in the order in which they are written."""

    id: str
    title: str
    about: str
    boxes: dict[str, Box]
    edges: list[Edge]
    areas: list[Area] = field(default_factory=list)
    is_overview: bool = False

    def regions(self) -> list[tuple[Area, int, int, int, int]]:
        """On the overview: the area and the rectangle around its tables."""
        if not self.is_overview:
            return []
        return [(area, *_around([self.boxes[name] for name in area.tables])) for area in self.areas]


def pages(catalog: Catalog, areas: list[Area]) -> list[Page]:
    """All pages, boxes at the origin and edges without points. One area makes one page and no overview."""
    area_of = {name: area.key for area in areas for name in area.tables}
    overview = [_overview(catalog, areas, area_of)] if len(areas) > 1 else []
    return overview + [_page(catalog, area, area_of) for area in areas]


def _overview(catalog: Catalog, areas: list[Area], area_of: dict[str, str]) -> Page:
    boxes = {}
    for area in areas:
        for name in area.tables:
            table = catalog.tables[name]
            keys = set(table.primary_key) | {column for key in table.foreign_keys for column in key.columns}
            named = _named(table, area_of)
            rows = tuple(
                Row(
                    column.name,
                    key_marks(table, column.name),
                    " ".join(f"→ {target}" for target in named.get(column.name, ())),
                    area=area_of.get(named[column.name][0], "") if column.name in named else "",
                )
                for column in table.columns
                if column.name in keys
            )
            boxes[name] = _box(table.name, area.key, table.comment, rows)
    edges = [
        _edge(catalog.tables[key.table], key)
        for key in catalog.foreign_keys()
        if area_of.get(key.target) == area_of[key.table]
    ]
    return Page("overview", "Overview", "All tables with their keys.", boxes, edges, areas, is_overview=True)


def _named(table: Table, area_of: dict[str, str]) -> dict[str, list[str]]:
    """By column, the tables of other areas that it refers to; of a composite key the column that is most its own."""
    uses = Counter(column for key in table.foreign_keys for column in key.columns)
    named: dict[str, list[str]] = {}
    for key in table.foreign_keys:
        if area_of.get(key.target) != area_of[table.name]:
            named.setdefault(min(key.columns, key=lambda column: uses[column]), []).append(key.target)
    return named


def _page(catalog: Catalog, area: Area, area_of: dict[str, str]) -> Page:
    boxes = {}
    for name in area.tables:
        table = catalog.tables[name]
        rows = tuple(
            Row(column.name, key_marks(table, column.name), column.type, column.nullable) for column in table.columns
        )
        note = (
            f"partitioned by {table.partitioned_by}, {len(table.partitions)} partitions" if table.partitioned_by else ""
        )
        boxes[name] = _box(name, area.key, table.comment, rows, note=note)
    keys = [key for name in area.tables for key in catalog.tables[name].foreign_keys]
    for target in sorted({key.target for key in keys} - boxes.keys()):
        boxes[target] = _stub(catalog, target, [key for key in keys if key.target == target], area_of)
    edges = [_edge(catalog.tables[key.table], key) for key in keys]
    return Page(area.key, area.title, area.about, boxes, edges, [area])


def _stub(catalog: Catalog, target: str, keys: list[ForeignKey], area_of: dict[str, str]) -> Box:
    wanted = {column for key in keys for column in key.target_columns}
    table = catalog.tables.get(target)
    if table is None:
        return _box(target, "", "", tuple(Row(column, "PK") for column in sorted(wanted)), stub=True)
    rows = tuple(Row(column.name, key_marks(table, column.name)) for column in table.columns if column.name in wanted)
    return _box(target, area_of[target], table.comment, rows, stub=True)


def _box(name: str, area: str, comment: str, rows: tuple[Row, ...], stub: bool = False, note: str = "") -> Box:
    names = max([text.width(row.column, 12) for row in rows], default=0)
    types = max([text.width(row.type + ("  null" if row.nullable else ""), 11) for row in rows], default=0)
    name_width = _on_grid(names + 14)
    type_width = _on_grid(types + 14) if types else 0
    missing = text.width(name, 13, bold=True) + 24 - KEY_WIDTH - name_width - type_width
    if missing > 0:
        name_width += _on_grid(missing)
    return Box(name, area, comment, rows, name_width, type_width, stub, note)


def _on_grid(length: float) -> int:
    return -int(-length // (2 * GRID)) * 2 * GRID


def key_marks(table: Table, column: str) -> str:
    """PK, FK and UK as they are; a unique key of several columns marks each of them."""
    marks = ["PK"] if column in table.primary_key else []
    if any(column in key.columns for key in table.foreign_keys):
        marks.append("FK")
    if not marks and any((column,) == key for key in table.unique_keys):
        marks.append("UK")
    return " ".join(marks)


def _edge(table: Table, key: ForeignKey) -> Edge:
    child_end = "zeroToOne" if table.is_one_to_one(key) else "zeroToMany"
    parent_end = "zeroToOne" if table.is_optional(key) else "mandOne"
    return Edge(f"fk.{key.table}.{key.name}", key, child_end, parent_end)


# At the sides there is room for two lines that run beside a table.
REGION_SIDE = 40
REGION_MARGIN = 30
REGION_TITLE = 10


def _around(boxes: list[Box]) -> tuple[int, int, int, int]:
    left = min(box.x for box in boxes) - REGION_SIDE
    top = min(box.y for box in boxes) - REGION_MARGIN - REGION_TITLE
    right = max(box.x + box.width for box in boxes) + REGION_SIDE
    bottom = max(box.y + box.height for box in boxes) + REGION_MARGIN
    return left, top, right - left, bottom - top
