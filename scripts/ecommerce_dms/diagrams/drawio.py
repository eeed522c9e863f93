"""draw.io files: pages written as native tables and lines that people can edit, and their places read back.

Ids are the names of what they stand for (`t.orders`, `t.orders.cart_id`, `fk.orders.fk_orders_cart_id`), so that a diff
says what changed and an edited file can be recognised. The XML is not compressed. Of an edited file only places are
kept: where tables lie, and how lines run as long as they still fit; all else is written anew.
"""

from __future__ import annotations

import base64
import urllib.parse
import xml.etree.ElementTree as ET
import zlib
from dataclasses import dataclass, field

from ecommerce_dms.console import UserError
from ecommerce_dms.diagrams import legend
from ecommerce_dms.diagrams.palette import Colour
from ecommerce_dms.diagrams.picture import GRID, HEADER, KEY_WIDTH, ROW, Box, Edge, Page, Point, Row

_TABLE = (
    "shape=table;startSize={header};container=1;collapsible=0;childLayout=tableLayout;fixedRows=1;rowLines=0;columnLines=0;fontStyle=1;"
    "align=left;spacingLeft=10;resizeLast=0;html=1;whiteSpace=wrap;fontSize=13;rounded=1;arcSize=6;absoluteArcSize=1;"
    "fillColor={fill};strokeColor={line};{more}"
)
_ROW = (
    "shape=tableRow;horizontal=0;startSize=0;swimlaneHead=0;swimlaneBody=0;fillColor=none;collapsible=0;dropTarget=0;"
    "points=[[0,0.5],[1,0.5]];portConstraint=eastwest;top=0;left=0;right=0;bottom={bottom};strokeColor={line};"
)
_CELL = (
    "shape=partialRectangle;connectable=0;fillColor=none;top=0;left=0;bottom=0;right=0;overflow=hidden;html=1;"
    "whiteSpace=wrap;align=left;spacingLeft={indent};fontSize={size};fontStyle={style};fontColor={colour};"
)
_EDGE = (
    "edgeStyle=orthogonalEdgeStyle;rounded=1;arcSize=8;html=1;endSize=10;startSize=10;startArrow={start};startFill=0;"
    "endArrow={end};endFill=0;strokeColor={line};strokeWidth=1.2;"
    "exitX={exit_x};exitY={exit_y};exitDx=0;exitDy=0;entryX={entry_x};entryY={entry_y};entryDx=0;entryDy=0;"
)
_REGION = (
    "rounded=1;arcSize=8;absoluteArcSize=1;html=1;whiteSpace=wrap;verticalAlign=top;align=left;spacingLeft=10;"
    "fontSize=14;fontStyle=1;fillColor={wash};strokeColor={line};dashed=1;dashPattern=4 4;fontColor={line};connectable=0;"
)
_TEXT = (
    "text;html=1;align=left;verticalAlign=middle;whiteSpace=wrap;fontSize={size};fontStyle={style};fontColor=#374151;"
)

_BOLD, _ITALIC, _PLAIN, _UNDERLINED = 1, 2, 0, 4
_MARKS = {"mandOne": "ERmandOne", "zeroToOne": "ERzeroToOne", "zeroToMany": "ERzeroToMany"}


@dataclass
class Places:
    """What an earlier file says about one page: where tables lie and how lines run."""

    boxes: dict[str, Point] = field(default_factory=dict)
    routes: dict[str, tuple[Point, ...]] = field(default_factory=dict)


def write(pages: list[Page], colours: dict[str, Colour]) -> str:
    """The content of the file."""
    root = ET.Element("mxfile", host="app.diagrams.net", compressed="false", pages=str(len(pages)))
    titles = {page.id: page.title for page in pages}
    for page in pages:
        diagram = ET.SubElement(root, "diagram", id=_page_id(page.id), name=page.title)
        diagram.append(_model(page, colours, titles))
    ET.indent(root, " ")
    return ET.tostring(root, encoding="unicode") + "\n"


def _page_id(key: str) -> str:
    return f"page.{key}"


def _model(page: Page, colours: dict[str, Colour], titles: dict[str, str]) -> ET.Element:
    model = ET.Element("mxGraphModel", grid="1", gridSize=str(GRID), page="0", math="0", shadow="0", background="none")
    root = ET.SubElement(model, "root")
    ET.SubElement(root, "mxCell", id="0")
    ET.SubElement(root, "mxCell", id="1", parent="0")
    _vertex(root, "title", "1", page.title, _TEXT.format(size=22, style=_BOLD), (40, 0, 900, 30))
    _vertex(root, "about", "1", page.about, _TEXT.format(size=12, style=_PLAIN), (40, 30, 900, 20))
    for area, *frame in page.regions():
        colour = colours[area.key]
        style = _REGION.format(wash=colour.wash, line=colour.line)
        attributes = {"label": area.title, "tooltip": area.about, "link": f"data:page/id,{_page_id(area.key)}"}
        _described(root, f"area.{area.key}", attributes, style, tuple(frame))
    for box in page.boxes.values():
        _table(root, page, box, colours, titles)
    for edge in page.edges:
        _edge(root, page, edge, colours[page.boxes[edge.key.target].area])
    words = f"{legend.IN_WORDS} {legend.keys(page.is_overview)}."
    _vertex(root, "legend", "1", words, _TEXT.format(size=11, style=_PLAIN), (40, _bottom(page) + 40, 1000, 40))
    return model


def _bottom(page: Page) -> int:
    return max(
        [box.y + box.height for box in page.boxes.values()]
        + [y for edge in page.edges for _, y in edge.points]
        + [y + height for _, _, y, _, height in page.regions()]
    )


def _vertex(
    root: ET.Element, id_: str, parent: str, value: str, style: str, place: tuple[int, int, int, int]
) -> ET.Element:
    cell = ET.SubElement(root, "mxCell", id=id_, value=value, style=style, vertex="1", parent=parent)
    return _geometry(cell, place)


def _described(
    root: ET.Element, id_: str, attributes: dict[str, str], style: str, place: tuple[int, int, int, int]
) -> None:
    """A vertex with a tooltip, and a link where it has one."""
    wrapper = ET.SubElement(root, "UserObject", {key: value for key, value in attributes.items() if value}, id=id_)
    cell = ET.SubElement(wrapper, "mxCell", style=style, vertex="1", parent="1")
    _geometry(cell, place)


def _geometry(cell: ET.Element, place: tuple[int, int, int, int]) -> ET.Element:
    x, y, width, height = (str(length) for length in place)
    ET.SubElement(cell, "mxGeometry", {"x": x, "y": y, "width": width, "height": height, "as": "geometry"})
    return cell


def _table(root: ET.Element, page: Page, box: Box, colours: dict[str, Colour], titles: dict[str, str]) -> None:
    id_, colour = f"t.{box.table}", colours[box.area]
    more = "dashed=1;fontStyle=2;" if box.stub else ""
    attributes = {"label": box.table, "tooltip": " ".join(filter(None, (box.comment, box.note)))}
    if (box.stub or page.is_overview) and box.area in titles:
        attributes["link"] = f"data:page/id,{_page_id(box.area)}"
    style = _TABLE.format(header=HEADER, fill=colour.fill, line=colour.line, more=more)
    _described(root, id_, attributes, style, (box.x, box.y, box.width, box.height))
    last_of_key = max((place for place, row in enumerate(box.rows) if "PK" in row.key), default=-1)
    for place, row in enumerate(box.rows):
        row_id = f"{id_}.{row.column}"
        bottom = int(place == last_of_key and place + 1 < len(box.rows))
        style = _ROW.format(bottom=bottom, line=colour.line)
        _vertex(root, row_id, id_, "", style, (0, HEADER + ROW * place, box.width, ROW))
        _cells(root, row_id, box, row, colours)


def _cells(root: ET.Element, row_id: str, box: Box, row: Row, colours: dict[str, Colour]) -> None:
    is_key = "PK" in row.key
    cells = [
        ("key", row.key, KEY_WIDTH, _CELL.format(indent=8, size=9, style=_BOLD, colour=colours[box.area].line)),
        (
            "name",
            row.column,
            box.name_width,
            _CELL.format(indent=2, size=12, style=_BOLD if is_key else _PLAIN, colour="#1f2937"),
        ),
    ]
    if box.type_width:
        typed = f"{row.type}  null" if row.nullable else row.type
        ink = colours[row.area].line if row.area else "#6b7280"
        cells.append(("type", typed, box.type_width, _CELL.format(indent=4, size=11, style=_ITALIC, colour=ink)))
    x = 0
    for name, value, width, style in cells:
        _vertex(root, f"{row_id}.{name}", row_id, value, style, (x, 0, width, ROW))
        x += width


def _edge(root: ET.Element, page: Page, edge: Edge, colour: Colour) -> None:
    child, parent = page.boxes[edge.key.table], page.boxes[edge.key.target]
    (source, exit_x, exit_y), (target, entry_x, entry_y) = _end(child, edge.points[0]), _end(parent, edge.points[-1])
    style = _EDGE.format(
        start=_MARKS[edge.child_end],
        end=_MARKS[edge.parent_end],
        line=colour.line,
        exit_x=exit_x,
        exit_y=exit_y,
        entry_x=entry_x,
        entry_y=entry_y,
    )
    columns = f"{edge.key.table} ({', '.join(edge.key.columns)})"
    targets = f"{edge.key.target} ({', '.join(edge.key.target_columns)})"
    wrapper = ET.SubElement(root, "UserObject", label="", tooltip=f"{columns} → {targets}", id=edge.id)
    cell = ET.SubElement(wrapper, "mxCell", style=style, edge="1", parent="1", source=source, target=target)
    geometry = ET.SubElement(cell, "mxGeometry", {"relative": "1", "as": "geometry"})
    if edge.points[1:-1]:
        array = ET.SubElement(geometry, "Array", {"as": "points"})
        for x, y in edge.points[1:-1]:
            ET.SubElement(array, "mxPoint", x=str(x), y=str(y))


def _end(box: Box, point: Point) -> tuple[str, int, str]:
    """The cell that a line ends at, and where on it: a row, or else the header of the table."""
    side = 0 if point[0] == box.x else 1
    for row in box.rows:
        if box.row_middle(row.column) == point[1]:
            return f"t.{box.table}.{row.column}", side, "0.5"
    return f"t.{box.table}", side, f"{(point[1] - box.y) / box.height:.6f}"


def read_places(content: str) -> dict[str, Places]:
    """By page id, the places in a file that this program wrote and a person may have edited.

    Raises UserError when it is no draw.io file.
    """
    try:
        root = ET.fromstring(content)  # noqa: S314 - our own file; the stdlib parser fetches nothing.
        return {
            diagram.get("id", "").removeprefix("page."): _places(_model_of(diagram)) for diagram in root.iter("diagram")
        }
    except (ET.ParseError, ValueError, zlib.error) as error:
        raise UserError(f"This is no draw.io file: {error}. Restore it from git, or remove it.") from None


def _model_of(diagram: ET.Element) -> ET.Element:
    """The graph of a page; draw.io may have compressed it when somebody saved."""
    if len(diagram):
        return diagram[0]
    packed = base64.b64decode(diagram.text or "")
    return ET.fromstring(urllib.parse.unquote(zlib.decompress(packed, -15).decode()))  # noqa: S314 - see above.


def _places(model: ET.Element) -> Places:
    places = Places()
    frames: dict[str, tuple[float, ...]] = {}
    edges: list[tuple[str, ET.Element]] = []
    parents: dict[str, str] = {}
    for id_, cell in _cells_of(model):
        geometry = cell.find("mxGeometry")
        if cell.get("edge") == "1":
            edges.append((id_, cell))
        elif geometry is not None:
            frames[id_] = tuple(float(geometry.get(key, 0)) for key in ("x", "y", "width", "height"))
            parents[id_] = cell.get("parent", "")
            if id_.startswith("t.") and cell.get("parent") == "1":
                places.boxes[id_.removeprefix("t.")] = (_snapped(frames[id_][0]), _snapped(frames[id_][1]))
    for id_, cell in edges:
        points = _points(cell, frames, parents)
        if points:
            places.routes[id_] = points
    return places


def _cells_of(model: ET.Element) -> list[tuple[str, ET.Element]]:
    found = []
    for element in model.find("root") or ():
        cell = element if element.tag == "mxCell" else element.find("mxCell")
        if cell is not None:
            found.append((element.get("id", ""), cell))
    return found


def _points(cell: ET.Element, frames: dict, parents: dict) -> tuple[Point, ...]:
    style = dict(part.split("=", 1) for part in cell.get("style", "").split(";") if "=" in part)
    try:
        first = _anchor(cell.get("source", ""), style["exitX"], style["exitY"], frames, parents)
        last = _anchor(cell.get("target", ""), style["entryX"], style["entryY"], frames, parents)
    except KeyError:
        return ()
    between = [
        (_snapped(float(point.get("x", 0))), _snapped(float(point.get("y", 0))))
        for point in cell.iterfind("mxGeometry/Array/mxPoint")
    ]
    return (first, *between, last)


def _anchor(id_: str, share_x: str, share_y: str, frames: dict, parents: dict) -> Point:
    x, y, width, height = frames[id_]
    x, y = x + width * float(share_x), y + height * float(share_y)
    while parents[id_] in frames:
        id_ = parents[id_]
        x, y = x + frames[id_][0], y + frames[id_][1]
    return _snapped(x), _snapped(y)


def _snapped(length: float) -> int:
    """On the grid: draw.io's own has the same step, but may be switched off."""
    return round(length / GRID) * GRID
