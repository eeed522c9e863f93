"""Places for boxes: those that people gave stay, a new table goes near its relatives, a new page is laid out in layers.

Only a page without any place needs the layout library (igraph, requirements-diagrams.txt): it orders the boxes of each
layer so that few lines cross. Everything else, `--check` above all, runs without it.
"""

from __future__ import annotations

from itertools import pairwise

from ecommerce_dms.console import UserError
from ecommerce_dms.diagrams.picture import GRID, Box, Page, Point

COLUMN_GAP = 120
ROW_GAP = 40
AREA_GAP = 100
# Below the title; the frame of an area takes some more.
TOP = 80
TOP_OF_OVERVIEW = 130
# So that the texts are still legible where a page is shown 880 pixels wide.
WIDEST = 1200


def place(page: Page, kept: dict[str, Point]) -> None:
    """Gives every box its place. `kept` are the places of an earlier picture."""
    known = {name: point for name, point in kept.items() if name in page.boxes}
    if not known:
        _lay_out(page)
        return
    page.boxes = {name: box.moved(*known[name]) if name in known else box for name, box in page.boxes.items()}
    placed = dict(known)
    for name in page.boxes:
        if name not in placed:
            page.boxes[name] = _near_relatives(page, name, placed)
            placed[name] = (page.boxes[name].x, page.boxes[name].y)


def _near_relatives(page: Page, name: str, placed: dict[str, Point]) -> Box:
    """The free place nearest to the middle of the tables that it is connected with, or of all."""
    box = page.boxes[name]
    relatives = {edge.key.table for edge in page.edges if edge.key.target == name}
    relatives |= {edge.key.target for edge in page.edges if edge.key.table == name}
    about = [page.boxes[other] for other in sorted(relatives & placed.keys())] or [page.boxes[o] for o in placed]
    middle_x = sum(other.x + other.width // 2 for other in about) // len(about) - box.width // 2
    middle_y = sum(other.y + other.height // 2 for other in about) // len(about) - box.height // 2
    others = [page.boxes[other] for other in placed]
    step = 2 * GRID
    for ring in range(1000):
        around = [
            (middle_x // step * step + dx * step, middle_y // step * step + dy * step)
            for dx in range(-ring, ring + 1)
            for dy in range(-ring, ring + 1)
            if max(abs(dx), abs(dy)) == ring
        ]
        for x, y in sorted(around, key=lambda point: (abs(point[0] - middle_x) + abs(point[1] - middle_y), point)):
            if x >= 0 and y >= TOP and not any(overlap(box.moved(x, y), other, 2 * ROW_GAP) for other in others):
                return box.moved(x, y)
    raise RuntimeError(f"no free place for {name}")


def overlap(one: Box, other: Box, gap: int = 0) -> bool:
    """Whether two boxes come nearer to each other than the gap."""
    return (
        one.x < other.x + other.width + gap
        and other.x < one.x + one.width + gap
        and one.y < other.y + other.height + gap
        and other.y < one.y + one.height + gap
    )


def _lay_out(page: Page) -> None:
    """A page from nothing: each area by itself in layers, then the areas in rows."""
    left, top = (60, TOP_OF_OVERVIEW) if page.is_overview else (40, TOP)
    x, y, row_height = 0, 0, 0
    for area in page.areas:
        names = list(area.tables) if page.is_overview else list(page.boxes)
        block = _layers_of(page, names)
        width = max(box.x + box.width for box in block.values())
        height = max(box.y + box.height for box in block.values())
        if x and x + width > WIDEST:
            x, y, row_height = 0, y + row_height + AREA_GAP, 0
        for name, box in block.items():
            page.boxes[name] = box.moved(left + box.x + x, top + box.y + y)
        x, row_height = x + width + AREA_GAP, max(row_height, height)


def _layers_of(page: Page, names: list[str]) -> dict[str, Box]:
    """Parents on the left, children on the right, tables without relatives below."""
    links = sorted(
        {
            (edge.key.target, edge.key.table)
            for edge in page.edges
            if edge.key.target in names and edge.key.table in names and edge.key.target != edge.key.table
        }
    )
    related = [name for name in names if any(name in link for link in links)]
    boxes = {name: page.boxes[name] for name in names}
    placed = _layered(boxes, related, links) if related else {}
    bottom = max((box.y + box.height + 2 * ROW_GAP for box in placed.values()), default=0)
    x = 0
    for name in names:
        if name not in placed:
            if x and x + boxes[name].width > WIDEST:
                x, bottom = 0, max(box.y + box.height for box in placed.values()) + ROW_GAP
            placed[name] = boxes[name].moved(x, bottom)
            x += boxes[name].width + COLUMN_GAP // 2
    return placed


def _layered(boxes: dict[str, Box], names: list[str], links: list[tuple[str, str]]) -> dict[str, Box]:
    layers = _depths(names, links)
    across = _order(names, links, layers)
    columns: dict[int, list[str]] = {}
    for name in sorted(names, key=lambda name: (layers[name], across[name], name)):
        columns.setdefault(layers[name], []).append(name)
    neighbours: dict[str, list[str]] = {name: [] for name in names}
    for parent, child in links:
        neighbours[parent].append(child)
        neighbours[child].append(parent)
    middle: dict[str, float] = {}
    for column in columns.values():
        y = 0
        for name in column:
            middle[name] = y + boxes[name].height / 2
            y += boxes[name].height + ROW_GAP
    for _ in range(12):
        for column in columns.values():
            wanted = [sum(middle[n] for n in neighbours[name]) / len(neighbours[name]) for name in column]
            middle.update(zip(column, _spread(wanted, [boxes[name].height for name in column]), strict=True))
    return _settled(boxes, columns, middle)


def _spread(wanted: list[float], heights: list[int]) -> list[float]:
    """Middles near the wanted ones, in the same order, that leave the gap between boxes (blocks that push merge)."""
    blocks: list[list] = []
    offset = 0.0
    previous = 0
    offsets = []
    for place, height in enumerate(heights):
        offset += (previous + height) / 2 + ROW_GAP if place else 0.0
        offsets.append(offset)
        previous = height
        blocks.append([wanted[place] - offset, 1])
        while len(blocks) > 1 and blocks[-2][0] > blocks[-1][0]:
            value, count = blocks.pop()
            blocks[-1] = [
                (blocks[-1][0] * blocks[-1][1] + value * count) / (blocks[-1][1] + count),
                blocks[-1][1] + count,
            ]
    bases = [value for value, count in blocks for _ in range(count)]
    return [base + offset for base, offset in zip(bases, offsets, strict=True)]


def _settled(boxes: dict[str, Box], columns: dict[int, list[str]], middle: dict[str, float]) -> dict[str, Box]:
    top = min(middle[name] - boxes[name].height / 2 for name in middle)
    step = 2 * GRID
    placed, x = {}, 0
    for layer in sorted(columns):
        floor = 0
        for name in columns[layer]:
            y = max(floor, round((middle[name] - boxes[name].height / 2 - top) / step) * step)
            placed[name] = boxes[name].moved(x, y)
            floor = -(-(y + boxes[name].height + ROW_GAP) // step) * step
        x += max(boxes[name].width for name in columns[layer]) + COLUMN_GAP
    return placed


def _depths(names: list[str], links: list[tuple[str, str]]) -> dict[str, int]:
    """The layer of each table: one more than the deepest parent's. A link that closes a circle is left out."""
    parents: dict[str, list[str]] = {name: [] for name in names}
    for parent, child in links:
        parents[child].append(parent)
    depth: dict[str, int] = {}
    path: list[str] = []

    def deepest(name: str) -> int:
        if name not in depth:
            path.append(name)
            depth[name] = max((deepest(parent) + 1 for parent in parents[name] if parent not in path), default=0)
            path.pop()
        return depth[name]

    for name in names:
        deepest(name)
    # A parent of few stands beside its first child, not at the far left.
    children: dict[str, list[str]] = {name: [] for name in names}
    for parent, child in links:
        children[parent].append(child)
    for name in sorted(names, key=lambda name: -depth[name]):
        if not parents[name] and children[name]:
            depth[name] = max(0, min(depth[child] for child in children[name]) - 1)
    return depth


def _order(names: list[str], links: list[tuple[str, str]], layers: dict[str, int]) -> dict[str, float]:
    """Where in its layer each box stands, so that few lines cross (igraph's Sugiyama layout)."""
    if len(set(layers.values())) == len(names):
        return dict.fromkeys(names, 0.0)
    try:
        import igraph
    except ImportError:
        raise UserError(
            "A page without any place needs a layout: pip install -r scripts/requirements-diagrams.txt, and run again."
        ) from None
    number = {name: place for place, name in enumerate(names)}
    graph = igraph.Graph(n=len(names), edges=[(number[a], number[b]) for a, b in links], directed=True)
    found = graph.layout_sugiyama(layers=[layers[name] for name in names], maxiter=200)
    return {name: found[place][0] for name, place in number.items()}


def crossings(page: Page) -> int:
    """How many pairs of lines of different parents cross: what a layout is judged by."""
    pieces = [(edge, a, b) for edge in page.edges for a, b in pairwise(edge.points)]
    flat = [(e, min(a[0], b[0]), max(a[0], b[0]), a[1]) for e, a, b in pieces if a[1] == b[1]]
    steep = [(e, min(a[1], b[1]), max(a[1], b[1]), a[0]) for e, a, b in pieces if a[0] == b[0]]
    pairs = {
        frozenset((one.id, other.id))
        for one, left, right, y in flat
        for other, top, bottom, x in steep
        if one.key.target != other.key.target and left < x < right and top < y < bottom
    }
    return len(pairs)
