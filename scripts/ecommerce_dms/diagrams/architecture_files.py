"""The architecture diagram as draw.io file, with draw.io's own AWS shapes, and as SVG, with AWS's icons embedded."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from dataclasses import dataclass
from html import escape
from pathlib import Path

from ecommerce_dms.diagrams.architecture import HEIGHT, ICON, WIDTH, Architecture, Group, Line, Node
from ecommerce_dms.diagrams.terraform_addresses import Resources

ICONS = Path(__file__).with_name("icons")
DRAWIO = "architecture.drawio"
SVG = "architecture.svg"

TITLE = "What terraform/ makes"
ABOUT = (
    "Everything that the settings can switch on; dashed lines are optional. Without them there is no way in but from your services "
    "in the VPC: the default."
)
ABOUT_PLAN = "What one plan makes."
TRADEMARK = "AWS Architecture Icons © Amazon Web Services, Inc. or its affiliates."


@dataclass(frozen=True)
class _Kind:
    """How a group looks: draw.io's icon for it, ours, its colours and its fill in a light and a dark picture."""

    grouping: str
    icon: str
    line: str
    dark: str
    fill: str
    dark_fill: str
    dashed: bool = False
    size: int = 14


_KINDS = {
    "cloud": _Kind("mxgraph.aws4.group_aws_cloud_alt", "group_cloud", "#232f3e", "#9aa7b4", "none", "none"),
    "region": _Kind("mxgraph.aws4.group_region", "group_region", "#00a4a6", "#2cc5c7", "none", "none", True),
    "vpc": _Kind("mxgraph.aws4.group_vpc", "group_vpc", "#8c4fff", "#b794ff", "none", "none"),
    "zone": _Kind("", "", "#147eba", "#5cb8ee", "none", "none", True),
    "public": _Kind(
        "mxgraph.aws4.group_security_group", "group_public", "#7aa116", "#a9d02f", "#f2f6e8", "#1a210c", size=12
    ),
    "private": _Kind(
        "mxgraph.aws4.group_security_group", "group_private", "#00a4a6", "#2cc5c7", "#e6f6f7", "#0b2122", size=12
    ),
    "server": _Kind("", "", "#c925d1", "#ea7bf0", "#fbf0fc", "#25112a"),
    "module": _Kind("", "", "#e7157b", "#ff77b4", "none", "none", True),
}

# draw.io's shape and AWS's colour of each icon; a resourceIcon is a service on a square of that colour. Shapes that old
# versions of draw.io have, too.
_SHAPES = {
    "rds": ("resIcon=mxgraph.aws4.rds", "#C925D1"),
    "aurora": ("resIcon=mxgraph.aws4.aurora", "#C925D1"),
    "kms": ("resIcon=mxgraph.aws4.key_management_service", "#DD344C"),
    "secrets": ("resIcon=mxgraph.aws4.secrets_manager", "#DD344C"),
    "iam": ("resIcon=mxgraph.aws4.identity_and_access_management", "#DD344C"),
    "cloudwatch": ("resIcon=mxgraph.aws4.cloudwatch_2", "#E7157B"),
    "logs": ("resIcon=mxgraph.aws4.cloudwatch_2", "#E7157B"),
    "systems_manager": ("resIcon=mxgraph.aws4.systems_manager", "#E7157B"),
    "sns": ("resIcon=mxgraph.aws4.sns", "#E7157B"),
    "ec2": ("resIcon=mxgraph.aws4.ec2", "#ED7100"),
    "role": ("shape=mxgraph.aws4.role", "#DD344C"),
    "credential": ("shape=mxgraph.aws4.temporary_security_credential", "#DD344C"),
    "internet_gateway": ("shape=mxgraph.aws4.internet_gateway", "#8C4FFF"),
    "nat_gateway": ("shape=mxgraph.aws4.nat_gateway", "#8C4FFF"),
    "flow_logs": ("shape=mxgraph.aws4.flow_logs", "#8C4FFF"),
    "alarm": ("shape=mxgraph.aws4.alarm", "#E7157B"),
    "event": ("shape=mxgraph.aws4.event_event_based", "#E7157B"),
    "user": ("shape=mxgraph.aws4.user", "#232F3E"),
    "git": ("shape=mxgraph.aws4.traditional_server", "#232F3E"),
    "application": ("shape=mxgraph.aws4.containers", "#ED7100"),
}

_STYLE = """\
:root { --page: #ffffff; --ink: #1f2937; --soft: #5b6675; --line: #475569; }
text { font-family: -apple-system, "Segoe UI", "Liberation Sans", Arial, Helvetica, sans-serif; fill: var(--ink); }
.title { font-size: 24px; font-weight: 700; }
.about { font-size: 14px; fill: var(--soft); }
.group { font-size: 14px; font-weight: 600; }
.name { font-size: 14px; font-weight: 700; text-anchor: middle; }
.words { font-size: 13px; fill: var(--soft); text-anchor: middle; }
.label { font-size: 13px; fill: var(--soft); }
.line { fill: none; stroke: var(--line); stroke-width: 1.5; }
.ink { fill: var(--ink); }
"""


def files(picture: Architecture, resources: Resources) -> dict[str, str]:
    """The content of each file by its name."""
    about = ABOUT_PLAN if resources.is_plan else ABOUT
    return {DRAWIO: _drawio(picture, about), SVG: _svg(picture, about)}


def _svg(picture: Architecture, about: str) -> str:
    parts = [
        "<!-- scripts/draw_architecture.py writes this picture. -->",
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}" height="{HEIGHT}" '
        'role="img" aria-labelledby="title about">',
        f'<title id="title">{escape(TITLE)}</title>',
        f'<desc id="about">{escape(about)}</desc>',
        f"<style>\n{_STYLE}{_kinds()}</style>",
        '<defs><marker id="arrow" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" '
        'orient="auto-start-reverse"><path d="M0 0L8 4L0 8Z" fill="var(--line)"/></marker></defs>',
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="var(--page)"/>',
        f'<text class="title" x="30" y="34">{escape(TITLE)}</text>',
        f'<text class="about" x="300" y="34">{escape(about)}</text>',
        *(_group(group) for group in picture.groups),
        *(_line(line) for line in picture.lines),
        *(_node(node) for node in picture.nodes),
        f'<text class="label" x="{WIDTH - 450}" y="{HEIGHT - 14}">{escape(TRADEMARK)}</text>',
        "</svg>",
    ]
    return "\n".join(parts) + "\n"


def _kinds() -> str:
    light = [f".{name} {{ --edge: {kind.line}; --fill: {kind.fill}; }}" for name, kind in _KINDS.items()]
    dark = [f".{name} {{ --edge: {kind.dark}; --fill: {kind.dark_fill}; }}" for name, kind in _KINDS.items()]
    page = ":root { --page: #0d1117; --ink: #e6edf3; --soft: #9aa7b4; --line: #b3bfcc; }"
    return "\n".join([*light, "@media (prefers-color-scheme: dark) {", page, *dark, "}", ""])


def _group(group: Group) -> str:
    kind = _KINDS[group.kind]
    x, y, width, height = group.frame
    dashes = ' stroke-dasharray="6 4"' if kind.dashed else ""
    icon = _icon(kind.icon, x, y, 24) if kind.icon else ""
    # Lines come into servers from above.
    base = y + height - 10 if group.kind == "server" else y + 17
    return (
        f'<g class="{group.kind}" id="{group.id}"><rect x="{x}" y="{y}" width="{width}" height="{height}" fill="var(--fill)" '
        f'stroke="var(--edge)" stroke-width="1.3"{dashes}/>{icon}<text class="group" x="{x + (32 if icon else 10)}" '
        f'y="{base}" style="fill: var(--edge); font-size: {kind.size}px">{escape(group.title)}</text></g>'
    )


def _icon(name: str, x: int, y: int, size: int) -> str:
    """An icon of AWS's, in place; what is drawn in the colour of ink follows the theme."""
    source = (ICONS / f"{name}.svg").read_text(encoding="utf-8").strip()
    box = re.search(r'viewBox="([^"]+)"', source)
    body = re.sub(r"<title>.*?</title>", "", source[source.index(">") + 1 : source.rindex("</svg>")])
    if not name.startswith("group_"):
        body = re.sub(r'fill="#(24|23)2f3[de]"', 'class="ink"', body)
    return f'<svg x="{x}" y="{y}" width="{size}" height="{size}" viewBox="{box.group(1) if box else ""}">{body}</svg>'


def _node(node: Node) -> str:
    x, y = node.place
    middle = x + ICON // 2
    head = f'<g id="{node.id}"><title>{escape(", ".join(node.resources))}</title>{_icon(node.icon, x, y, ICON)}'
    if node.beside:
        return f'{head}<text class="group" x="{x + ICON + 8}" y="{y + 14}">{escape(node.title)}</text></g>'
    return (
        f"{head}"
        f'<text class="name" x="{middle}" y="{y + ICON + 17}">{escape(node.title)}</text>'
        f'<text class="words" x="{middle}" y="{y + ICON + 34}">{escape(node.words)}</text></g>'
    )


def _line(line: Line) -> str:
    # Drawn from its goal, so that the dashes of lines that meet there fall on each other.
    path = "M" + "L".join(f"{x} {y}" for x, y in reversed(line.points))
    dashes = ' stroke-dasharray="5 4"' if line.dashed else ""
    end = ' marker-end="url(#arrow)"' if line.both_ways else ""
    words = ""
    if line.words:
        x, y = line.words_at
        words = f'<text class="label" x="{x}" y="{y}">{escape(line.words)}</text>'
    return f'<path class="line" id="{_id(line)}" d="{path}"{dashes} marker-start="url(#arrow)"{end}/>{words}'


def _id(line: Line) -> str:
    return f"{line.source}-to-{line.target}"


_GROUP_STYLE = (
    "{shape}html=1;whiteSpace=wrap;fontSize={size};fontStyle=1;verticalAlign={vertical};align=left;spacingLeft={indent};strokeColor={line};"
    "fillColor={fill};fontColor={line};dashed={dashed};container=0;connectable=0;pointerEvents=0;collapsible=0;"
)
_NODE_STYLE = (
    "sketch=0;outlineConnect=0;gradientColor=none;fontColor=#232F3E;fillColor={fill};strokeColor={stroke};dashed=0;"
    "{label}html=1;fontSize=14;aspect=fixed;{shape};"
)
_LINE_STYLE = (
    "edgeStyle=orthogonalEdgeStyle;rounded=1;html=1;endArrow=block;endFill=1;startArrow={start};startFill=1;strokeColor=#475569;"
    "fontSize=13;dashed={dashed};exitX={exit_x:g};exitY={exit_y:g};exitDx=0;exitDy={below};exitPerimeter=0;{label}entryX={entry_x:g};entryY={entry_y:g};"
)


def _drawio(picture: Architecture, about: str) -> str:
    root = ET.Element("mxfile", host="app.diagrams.net", compressed="false", pages="1")
    diagram = ET.SubElement(root, "diagram", id="page.architecture", name="Architecture")
    model = ET.SubElement(diagram, "mxGraphModel", grid="1", gridSize="10", page="0", math="0", shadow="0")
    cells = ET.SubElement(model, "root")
    ET.SubElement(cells, "mxCell", id="0")
    ET.SubElement(cells, "mxCell", id="1", parent="0")
    _cell(cells, "title", f"<b>{TITLE}</b>. {about}", "text;html=1;fontSize=14;align=left;", (30, 10, 1400, 30))
    for group in picture.groups:
        kind = _KINDS[group.kind]
        shape = f"shape=mxgraph.aws4.group;grIcon={kind.grouping};" if kind.grouping else ""
        style = _GROUP_STYLE.format(
            shape=shape,
            vertical="bottom" if group.kind == "server" else "top",
            indent=30 if shape else 8,
            line=kind.line,
            fill=kind.fill,
            dashed=int(kind.dashed),
            size=kind.size,
        )
        _cell(cells, group.id, group.title, style, group.frame)
    for node in picture.nodes:
        _cell(cells, node.id, _label(node), _node_style(node), (*node.place, ICON, ICON), ", ".join(node.resources))
    places = {node.id: (*node.place, ICON, ICON) for node in picture.nodes} | {g.id: g.frame for g in picture.groups}
    for line in picture.lines:
        _edge(cells, line, places)
    ET.indent(root, " ")
    return ET.tostring(root, encoding="unicode") + "\n"


def _label(node: Node) -> str:
    words = f'<br><font style="font-size: 13px" color="#5b6675">{escape(node.words)}</font>' if node.words else ""
    return f"<b>{escape(node.title)}</b>{words}" if node.title else ""


def _node_style(node: Node) -> str:
    shape, colour = _SHAPES[node.icon]
    is_service = shape.startswith("resIcon")
    return _NODE_STYLE.format(
        fill=colour,
        stroke="#ffffff" if is_service else "none",
        shape=f"shape=mxgraph.aws4.resourceIcon;{shape}" if is_service else shape,
        label="labelPosition=right;align=left;verticalAlign=top;spacingLeft=6;"
        if node.beside
        else "verticalLabelPosition=bottom;verticalAlign=top;align=center;",
    )


def _cell(
    cells: ET.Element, id_: str, label: str, style: str, frame: tuple[int, int, int, int], tooltip: str = ""
) -> None:
    parent = cells
    attributes = {"id": id_, "value": label}
    if tooltip:
        parent = ET.SubElement(cells, "UserObject", label=label, tooltip=tooltip, id=id_)
        attributes = {}
    cell = ET.SubElement(parent, "mxCell", attributes, style=style, vertex="1", parent="1")
    x, y, width, height = (str(length) for length in frame)
    ET.SubElement(cell, "mxGeometry", {"x": x, "y": y, "width": width, "height": height, "as": "geometry"})


def _edge(cells: ET.Element, line: Line, places: dict[str, tuple[int, int, int, int]]) -> None:
    (exit_x, exit_y), (entry_x, entry_y) = (
        _share(places[line.source], line.points[0]),
        _share(places[line.target], line.points[-1]),
    )
    style = _LINE_STYLE.format(
        start="block" if line.both_ways else "none",
        dashed=int(line.dashed),
        exit_x=exit_x,
        exit_y=exit_y,
        entry_x=entry_x,
        entry_y=entry_y,
        # A line that leaves a node downwards begins below its words.
        # Beside an upright line, on top of a level one.
        label="align=left;spacingLeft=8;labelBackgroundColor=none;" if len({x for x, _ in line.points}) == 1 else "",
        below=max(0, line.points[0][1] - places[line.source][1] - places[line.source][3]),
    )
    cell = ET.SubElement(
        cells, "mxCell", id=_id(line), value=line.words, style=style, edge="1", parent="1", source=line.source,
        target=line.target,
    )  # fmt: skip
    geometry = ET.SubElement(cell, "mxGeometry", {"relative": "1", "as": "geometry"})
    if line.points[1:-1]:
        array = ET.SubElement(geometry, "Array", {"as": "points"})
        for x, y in line.points[1:-1]:
            ET.SubElement(array, "mxPoint", x=str(x), y=str(y))


def _share(frame: tuple[int, int, int, int], point: tuple[int, int]) -> tuple[float, float]:
    """Where on a frame a line begins, as shares of its size; below the words of a node counts as its lower edge."""
    x, y, width, height = frame
    return min(1.0, max(0.0, (point[0] - x) / width)), min(1.0, max(0.0, (point[1] - y) / height))
