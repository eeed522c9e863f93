"""SVG pictures of pages, for reading on the web: no scripts, no fonts to fetch, light or dark as the reader's page is."""

from __future__ import annotations

from html import escape

from ecommerce_dms.diagrams import legend, text
from ecommerce_dms.diagrams.areas import Area
from ecommerce_dms.diagrams.palette import Colour
from ecommerce_dms.diagrams.picture import HEADER, KEY_WIDTH, ROW, Box, Edge, Page, Point

MARGIN = 20
RADIUS = 8
# What a page that this program wrote begins with; such a file it may also remove.
SIGNATURE = "<!-- scripts/draw_diagrams.py writes this picture. -->"

_BASE = """\
:root { --page: #ffffff; --box: #ffffff; --ink: #1f2937; --soft: #6b7280; --rule: #e5e7eb; }
text { font-family: -apple-system, "Segoe UI", "Liberation Sans", Arial, Helvetica, sans-serif; fill: var(--ink); }
.title { font-size: 24px; font-weight: 700; }
.about, .legend { font-size: 13px; fill: var(--soft); }
.area { font-size: 15px; font-weight: 700; }
.table { font-size: 13px; font-weight: 700; }
.stub { font-style: italic; font-weight: 600; }
.column { font-size: 12px; }
.pk { font-weight: 700; }
.key { font-size: 9px; font-weight: 700; }
.type { font-size: 11px; fill: var(--soft); }
.note { font-size: 10px; fill: var(--soft); font-style: italic; }
.box { fill: var(--box); stroke-width: 1.2; }
.line { fill: none; stroke-width: 1.4; }
.mark { fill: none; stroke-width: 1.4; }
.ring { fill: var(--page); stroke-width: 1.4; }
"""
_DARK = ":root { --page: #0d1117; --box: #161b22; --ink: #e6edf3; --soft: #9aa7b4; --rule: #30363d; }"


def write(page: Page, colours: dict[str, Colour]) -> str:
    """The content of the file."""
    x, y, width, height = _frame(page)
    used = sorted({box.area for box in page.boxes.values()})
    parts = [
        SIGNATURE,
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="{x} {y} {width} {height}" width="{width}" height="{height}" '
        f'role="img" aria-labelledby="title about">',
        f'<title id="title">{escape(page.title)}</title>',
        f'<desc id="about">{escape(page.about)}</desc>',
        f"<style>\n{_BASE}{_colours(used, colours)}</style>",
        f'<rect x="{x}" y="{y}" width="{width}" height="{height}" fill="var(--page)"/>',
        f'<text class="title" x="40" y="24">{escape(page.title)}</text>',
        f'<text class="about" x="40" y="46">{escape(page.about)}</text>',
        *(_region(*region) for region in page.regions()),
        *(_line(edge, page) for edge in page.edges),
        *(_table(box) for box in page.boxes.values()),
        *(_marks(edge, page) for edge in page.edges),
        _legend(page, y + height),
        "</svg>",
    ]
    return "\n".join(parts) + "\n"


def _colours(areas: list[str], colours: dict[str, Colour]) -> str:
    light, dark = [], []
    for area in areas:
        colour = colours[area]
        light.append(f".{_class(area)} {{ --line: {colour.line}; --fill: {colour.fill}; --wash: {colour.wash}; }}")
        dark.append(
            f".{_class(area)} {{ --line: {colour.dark_line}; --fill: {colour.dark_fill}; --wash: {colour.dark_wash}; }}"
        )
    return "\n".join([*light, "@media (prefers-color-scheme: dark) {", _DARK, *dark, "}", ""])


def _class(area: str) -> str:
    return f"area-{area or 'outside'}"


def _frame(page: Page) -> tuple[int, int, int, int]:
    points = [point for edge in page.edges for point in edge.points]
    boxes = list(page.boxes.values())
    regions = page.regions()
    heading = 40 + max(text.width(page.about, 13), text.width(legend.keys(page.is_overview), 13))
    left = min([40] + [box.x for box in boxes] + [x for x, _ in points] + [r[1] for r in regions])
    top = min([0] + [box.y for box in boxes] + [y for _, y in points] + [r[2] for r in regions])
    right = max([heading] + [b.x + b.width for b in boxes] + [x for x, _ in points] + [r[1] + r[3] for r in regions])
    bottom = max([b.y + b.height for b in boxes] + [y for _, y in points] + [r[2] + r[4] for r in regions])
    lines = _legend_lines(int(right) - left, page)
    return left - MARGIN, top - MARGIN, int(right) - left + 2 * MARGIN, bottom - top + MARGIN + 40 + 24 * lines


def _region(area: Area, x: int, y: int, width: int, height: int) -> str:
    return (
        f'<g class="{_class(area.key)}">'
        f'<rect x="{x}" y="{y}" width="{width}" height="{height}" rx="10" fill="var(--wash)" stroke="var(--line)" '
        f'stroke-opacity="0.35"/>'
        f'<text class="area" x="{x + 14}" y="{y + 22}" style="fill: var(--line)">{escape(area.title)}</text></g>'
    )


def _table(box: Box) -> str:
    x, y, width, height = box.x, box.y, box.width, box.height
    dashes = ' stroke-dasharray="5 3"' if box.stub else ""
    head = f"M{x} {y + HEADER}V{y + 6}q0 -6 6 -6H{x + width - 6}q6 0 6 6V{y + HEADER}Z"
    if not box.rows:
        head = f"M{x} {y + HEADER - 6}V{y + 6}q0 -6 6 -6H{x + width - 6}q6 0 6 6V{y + HEADER - 6}q0 6 -6 6H{x + 6}q-6 0 -6 -6Z"
    parts = [
        f'<g class="{_class(box.area)}" id="t.{escape(box.table)}">',
        f"<title>{escape(' '.join(filter(None, (box.table + ':', box.comment, box.note))))}</title>",
        f'<rect class="box" x="{x}" y="{y}" width="{width}" height="{height}" rx="6" stroke="var(--line)"{dashes}/>',
        f'<path d="{head}" fill="var(--fill)" stroke="var(--line)" stroke-width="1.2"{dashes}/>',
        f'<text class="table{" stub" if box.stub else ""}" x="{x + 10}" y="{y + 20}">{escape(box.table)}</text>',
    ]
    last_of_key = max((place for place, row in enumerate(box.rows) if "PK" in row.key), default=-1)
    for place, row in enumerate(box.rows):
        base = y + HEADER + ROW * place + 14
        if row.key:
            parts.append(
                f'<text class="key" x="{x + 8}" y="{base - 1}" style="fill: var(--line)">{escape(row.key)}</text>'
            )
        bold = " pk" if "PK" in row.key else ""
        parts.append(f'<text class="column{bold}" x="{x + KEY_WIDTH + 2}" y="{base}">{escape(row.column)}</text>')
        if row.type:
            null = '<tspan font-style="italic" opacity="0.75" dx="5">null</tspan>' if row.nullable else ""
            type_x = x + KEY_WIDTH + box.name_width + 4
            target = f' {_class(row.area)}" style="fill: var(--line)' if row.area else ""
            parts.append(f'<text class="type{target}" x="{type_x}" y="{base}">{escape(row.type)}{null}</text>')
        if place == last_of_key and place + 1 < len(box.rows):
            rule = y + HEADER + ROW * (place + 1)
            parts.append(f'<path d="M{x} {rule}h{width}" stroke="var(--line)" stroke-opacity="0.4"/>')
    if box.note:
        parts.append(f'<text class="note" x="{x}" y="{y + height + 13}">{escape(box.note)}</text>')
    return "\n".join([*parts, "</g>"])


def _line(edge: Edge, page: Page) -> str:
    area = page.boxes[edge.key.target].area
    text_ = (
        f"{edge.key.table} ({', '.join(edge.key.columns)}) → {edge.key.target} ({', '.join(edge.key.target_columns)})"
    )
    return (
        f'<path class="line {_class(area)}" id="{escape(edge.id)}" stroke="var(--line)" d="{_rounded(edge.points)}">'
        f"<title>{escape(text_)}</title></path>"
    )


def _rounded(points: tuple[Point, ...]) -> str:
    """A path through the points with rounded corners."""
    parts = [f"M{points[0][0]} {points[0][1]}"]
    for before, corner, after in zip(points, points[1:], points[2:], strict=False):
        radius = min(RADIUS, _distance(before, corner) / 2, _distance(corner, after) / 2)
        ax, ay = _towards(corner, before, radius)
        bx, by = _towards(corner, after, radius)
        parts.append(f"L{ax:g} {ay:g}Q{corner[0]} {corner[1]} {bx:g} {by:g}")
    parts.append(f"L{points[-1][0]} {points[-1][1]}")
    return "".join(parts)


def _distance(a: Point, b: Point) -> int:
    return abs(a[0] - b[0]) + abs(a[1] - b[1])


def _towards(start: Point, end: Point, length: float) -> tuple[float, float]:
    whole = _distance(start, end) or 1
    return start[0] + (end[0] - start[0]) * length / whole, start[1] + (end[1] - start[1]) * length / whole


def _marks(edge: Edge, page: Page) -> str:
    area = page.boxes[edge.key.target].area
    child = _mark(edge.child_end, edge.points[0], edge.points[1])
    parent = _mark(edge.parent_end, edge.points[-1], edge.points[-2])
    return f'<g class="{_class(area)}" stroke="var(--line)">{child}{parent}</g>'


def _mark(kind: str, end: Point, before: Point) -> str:
    """The mark where a line meets a box: always on the left or the right side of it."""
    x, y = end
    out = 1 if before[0] > x else -1
    bar = f"M{x + 6 * out} {y - 5}v10"
    if kind == "mandOne":
        return f'<path class="mark" d="{bar}M{x + 10 * out} {y - 5}v10"/>'
    ring = f'<circle class="ring" cx="{x + 14 * out}" cy="{y}" r="3.6"/>'
    if kind == "zeroToOne":
        return f'<path class="mark" d="{bar}"/>{ring}'
    return f'<path class="mark" d="M{x} {y - 6}L{x + 10 * out} {y}L{x} {y + 6}"/>{ring}'


def _legend_lines(width: int, page: Page) -> int:
    """One, if marks and keys find room beside each other."""
    marks = sum(_width_of_mark(words) for _, words in legend.MARKS)
    return 1 if 40 + marks + text.width(legend.keys(page.is_overview), 13) < width else 2


def _width_of_mark(words: str) -> int:
    return 44 + int(text.width(words, 13)) + 24


def _legend(page: Page, bottom: int) -> str:
    lines = _legend_lines(_frame(page)[2] - 2 * MARGIN, page)
    y = bottom - 24 * lines
    parts = [f'<g class="{_class("")}" stroke="var(--soft)">']
    texts = []
    x = 40
    for kind, words in legend.MARKS:
        parts.append(f'<path class="line" d="M{x} {y}h34"/>{_mark(kind, (x + 34, y), (x, y))}')
        texts.append(f'<text class="legend" x="{x + 44}" y="{y + 4}">{words}</text>')
        x += _width_of_mark(words)
    if lines > 1:
        x, y = 40, y + 24
    texts.append(f'<text class="legend" x="{x}" y="{y + 4}">{escape(legend.keys(page.is_overview))}</text>')
    return "\n".join([*parts, "</g>", *texts])
