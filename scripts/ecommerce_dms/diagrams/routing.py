"""Lines between boxes: right-angled, on a grid, around all boxes, with few bends and few crossings.

Lines of one bundle (to the same row of the same parent, with the same mark) may run together and end in one point, as
people draw them. Lines of different bundles never run on top of each other where there is another way; they cross at
right angles. Each line is a cheapest path (A*) given the lines before it, and is laid anew with all others in place; of
several orders to do so the best result is taken. The same input gives the same lines.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise

from ecommerce_dms.diagrams.picture import GRID, Box, Edge, Page, Point

# In steps of the grid. A crossing is worth a detour of a few steps, a line on top of another one almost any detour.
BEND = 4.0
CROSSING = 9.0
NEAR_A_BOX = 3.0
SHARED = 0.45
OVERLAP = 80.0
OTHER_COLUMN = 10.0
OTHER_KEY_COLUMN = 25.0
HEADER_PORT = 7.0
# The end of a line is straight for as long, so that its mark has room.
STUB = 2
MARGIN = 6
# How often each line is laid anew, with all others in place.
PASSES = 2
# Beyond so many lines one order and one pass must do, and the search goes for the goal more greedily.
MANY = 80
PATIENT, GREEDY = 0.9, 2.0

HORIZONTAL, VERTICAL = 1, 2
_DIRECTIONS = ((1, 0), (-1, 0), (0, 1), (0, -1))


@dataclass(frozen=True)
class Port:
    """Where a line may touch a box, in steps of the grid; `side` is 1 on its right, -1 on its left."""

    x: int
    y: int
    side: int
    cost: float

    @property
    def outside(self) -> tuple[int, int]:
        return self.x + STUB * self.side, self.y


@dataclass(frozen=True)
class _Wire:
    edge: Edge
    sources: tuple[Port, ...]
    targets: tuple[Port, ...]
    bundle: tuple[str, str]


def route(page: Page, kept: dict[str, tuple[Point, ...]] | None = None) -> None:
    """Gives every edge of the page its points. A kept route stays if it still fits the boxes."""
    wires = {edge.id: _wire(page, edge) for edge in page.edges}
    boxes = list(page.boxes.values())
    fitting = {
        edge_id: points
        for edge_id, points in (kept or {}).items()
        if edge_id in wires and _fits(points, wires[edge_id], boxes)
    }
    missing = [wire for wire in wires.values() if wire.edge.id not in fitting]
    attempts = [_attempt(boxes, wires, fitting, groups) for groups in _orders(missing)]
    found = min(attempts, key=lambda attempt: _ugliness(attempt, wires))
    page.edges = [Edge(e.id, e.key, e.child_end, e.parent_end, found[e.id]) for e in page.edges]


def _attempt(
    boxes: list[Box], wires: dict[str, _Wire], fitting: dict[str, tuple[Point, ...]], groups: list[list[_Wire]]
) -> dict[str, tuple[Point, ...]]:
    """All routes, the missing ones laid group by group in the given order."""
    board = _Board(boxes, GREEDY if len(wires) > MANY else PATIENT)
    for edge_id, points in fitting.items():
        board.add(wires[edge_id].bundle, points)
    found = dict(fitting)
    for group in groups * (PASSES if 1 < sum(map(len, groups)) <= MANY else 1):
        for wire in group:
            if wire.edge.id in found:
                board.remove(wire.bundle, found[wire.edge.id])
        for wire in group:
            found[wire.edge.id] = board.connect(wire)
    return found


def _orders(wires: list[_Wire]) -> list[list[list[_Wire]]]:
    """Orders that are worth trying: large bundles first, short bundles first, and wire by wire, the shortest first."""
    bundles: dict[tuple[str, str], list[_Wire]] = {}
    short_first = sorted(wires, key=_length)
    for wire in short_first:
        bundles.setdefault(wire.bundle, []).append(wire)
    groups = list(bundles.values())
    if len(wires) < 2 or len(wires) > MANY:
        return [groups]
    return [sorted(groups, key=lambda group: -len(group)), groups, [[wire] for wire in short_first]]


def _ugliness(found: dict[str, tuple[Point, ...]], wires: dict[str, _Wire]) -> float:
    """What people mind: crossings above all, then bends, then ink."""
    used: dict[tuple[int, int], dict[tuple, int]] = {}
    bends = 0
    for edge_id, points in found.items():
        bends += len(points) - 2
        for node, axis in _nodes(points):
            bundles = used.setdefault(node, {})
            bundles[wires[edge_id].bundle] = bundles.get(wires[edge_id].bundle, 0) | axis
    crossed = sum(len(bundles) - 1 for bundles in used.values())
    return CROSSING * crossed + BEND * bends + sum(len(bundles) for bundles in used.values())


def _wire(page: Page, edge: Edge) -> _Wire:
    child, parent = page.boxes[edge.key.table], page.boxes[edge.key.target]
    uses = {
        column: sum(column in other.key.columns for other in page.edges if other.key.table == edge.key.table)
        for column in edge.key.columns
    }
    # The column that no other foreign key shares says best which key this is.
    own = sorted(edge.key.columns, key=lambda column: uses[column])
    sources = _ports(child, own, OTHER_COLUMN, with_header=False)
    targets = _ports(parent, _key_first(parent, edge.key.target_columns), OTHER_KEY_COLUMN, with_header=True)
    return _Wire(edge, sources, targets, (edge.key.target, edge.parent_end))


def _key_first(box: Box, columns: tuple[str, ...]) -> list[str]:
    """The columns as the box shows them, those of its primary key first: so that lines to the same parent meet."""
    shown = [row for row in box.rows if row.column in columns]
    return [row.column for row in sorted(shown, key=lambda row: "PK" not in row.key)]


def _ports(box: Box, columns: list[str], other: float, with_header: bool) -> tuple[Port, ...]:
    shown = [column for column in columns if any(row.column == column for row in box.rows)]
    heights = [(box.row_middle(column), other * place) for place, column in enumerate(shown)]
    if with_header or not heights:
        heights.append((box.row_middle(""), HEADER_PORT))
    return tuple(
        Port(x // GRID, y // GRID, side, cost)
        for y, cost in heights
        for x, side in ((box.x, -1), (box.x + box.width, 1))
    )


def _length(wire: _Wire) -> tuple[int, str]:
    shortest = min(
        abs(source.x - target.x) + abs(source.y - target.y) for source in wire.sources for target in wire.targets
    )
    return shortest, wire.edge.id


def _fits(points: tuple[Point, ...], wire: _Wire, boxes: Iterable[Box]) -> bool:
    """Whether a route from an earlier picture still begins and ends where it must, and passes through no box."""
    if len(points) < 2 or any(a[0] != b[0] and a[1] != b[1] for a, b in pairwise(points)):
        return False
    ends = [{(port.x * GRID, port.y * GRID) for port in ports} for ports in (wire.sources, wire.targets)]
    if points[0] not in ends[0] or points[-1] not in ends[1]:
        return False
    return not any(crosses(box, a, b) for a, b in pairwise(points) for box in boxes)


def crosses(box: Box, a: Point, b: Point) -> bool:
    """Whether the straight line between two points runs through the inside of the box."""
    (left, right), (top, bottom) = sorted((a[0], b[0])), sorted((a[1], b[1]))
    return left < box.x + box.width and right > box.x and top < box.y + box.height and bottom > box.y


class _Board:
    """The grid: what is blocked by boxes, and which bundles run where."""

    def __init__(self, boxes: Iterable[Box], greed: float) -> None:
        self.greed = greed
        self.blocked: set[tuple[int, int]] = set()
        self.near: set[tuple[int, int]] = set()
        self.used: dict[tuple[int, int], dict[tuple, list[int]]] = {}
        xs, ys = [], []
        for box in boxes:
            left, right = box.x // GRID, (box.x + box.width) // GRID
            top, bottom = box.y // GRID, (box.y + box.height) // GRID
            xs += [left, right]
            ys += [top, bottom]
            self.blocked.update((x, y) for x in range(left, right + 1) for y in range(top, bottom + 1))
            self.near.update((x, y) for x in (left - 1, right + 1) for y in range(top, bottom + 1))
        self.bounds = (min(xs) - MARGIN, min(ys) - MARGIN, max(xs) + MARGIN, max(ys) + MARGIN)

    def add(self, bundle: tuple, points: tuple[Point, ...]) -> None:
        for node, axis in _nodes(points):
            self.used.setdefault(node, {}).setdefault(bundle, []).append(axis)

    def remove(self, bundle: tuple, points: tuple[Point, ...]) -> None:
        for node, axis in _nodes(points):
            self.used[node][bundle].remove(axis)
            if not self.used[node][bundle]:
                del self.used[node][bundle]

    def connect(self, wire: _Wire) -> tuple[Point, ...]:
        nodes, source, target = self._search(wire)
        corners = _corners([(source.x, source.y), *nodes, (target.x, target.y)])
        points = tuple((x * GRID, y * GRID) for x, y in corners)
        self.add(wire.bundle, points)
        return points

    def _search(self, wire: _Wire) -> tuple[list[tuple[int, int]], Port, Port]:
        goals: dict[tuple[int, int], Port] = {}
        for port in wire.targets:
            if port.outside not in self.blocked or port.outside not in goals:
                goals[port.outside] = port
        left, right = min(x for x, _ in goals), max(x for x, _ in goals)
        top, bottom = min(y for _, y in goals), max(y for _, y in goals)

        def ahead(x: int, y: int) -> float:
            return self.greed * (max(left - x, 0, x - right) + max(top - y, 0, y - bottom))

        queue: list[tuple[float, int, float, tuple[int, int], int, Port | None]] = []
        came: dict[tuple, tuple | None] = {}
        best: dict[tuple, float] = {}
        start: dict[tuple, Port] = {}
        number = 0
        for port in wire.sources:
            cost = port.cost + self._stub_cost(port, wire.bundle)
            state = (port.outside, 0 if port.side == 1 else 1)
            if cost < best.get(state, 1e9):
                best[state], came[state], start[state] = cost, None, port
                heapq.heappush(queue, (cost + ahead(*port.outside), number, cost, *state, None))
                number += 1
        x0, y0, x1, y1 = self.bounds
        while queue:
            _, _, cost, node, heading, arrived = heapq.heappop(queue)
            state = (node, heading)
            if arrived is not None:
                return *_path(state, came, start), arrived
            if cost > best[state]:
                continue
            goal = goals.get(node)
            if goal is not None and heading != (0 if goal.side == 1 else 1):
                straight = heading == (1 if goal.side == 1 else 0)
                total = cost + goal.cost + self._stub_cost(goal, wire.bundle) + (0 if straight else BEND)
                heapq.heappush(queue, (total, number, total, *state, goal))
                number += 1
            dx, dy = _DIRECTIONS[heading]
            turn_cost = BEND + (OVERLAP if self._is_foreign(node, wire.bundle) else 0)
            for turned, (tx, ty) in enumerate(_DIRECTIONS):
                if (tx, ty) == (-dx, -dy):
                    continue
                after = (node[0] + tx, node[1] + ty)
                if not (x0 <= after[0] <= x1 and y0 <= after[1] <= y1) or after in self.blocked:
                    continue
                new = cost + self._step_cost(after, HORIZONTAL if ty == 0 else VERTICAL, wire.bundle)
                if turned != heading:
                    new += turn_cost
                new_state = (after, turned)
                if new < best.get(new_state, 1e9):
                    best[new_state], came[new_state] = new, state
                    heapq.heappush(queue, (new + ahead(*after), number, new, after, turned, None))
                    number += 1
        raise RuntimeError(f"no way for {wire.edge.id}: are its boxes walled in?")

    def _stub_cost(self, port: Port, bundle: tuple) -> float:
        nodes = [(port.x + step * port.side, port.y) for step in range(STUB + 1)]
        foreign = sum(self._is_foreign(node, bundle) for node in nodes)
        inside = sum(node in self.blocked for node in nodes[1:])
        return OVERLAP * foreign + OVERLAP * inside

    def _is_foreign(self, node: tuple[int, int], bundle: tuple) -> bool:
        return any(other != bundle for other in self.used.get(node, ()))

    def _step_cost(self, node: tuple[int, int], axis: int, bundle: tuple) -> float:
        used = self.used.get(node, {})
        if any(axes & axis for axes in used.get(bundle, ())):
            return SHARED
        cost = 1.0 + (NEAR_A_BOX if node in self.near else 0)
        for other, runs in used.items():
            if other != bundle:
                cost += OVERLAP if any(axes & axis for axes in runs) else CROSSING
        return cost


def _path(state: tuple, came: dict, start: dict) -> tuple[list[tuple[int, int]], Port]:
    nodes = []
    current: tuple | None = state
    first = state
    while current is not None:
        nodes.append(current[0])
        first = current
        current = came[current]
    return nodes[::-1], start[first]


def _corners(nodes: list[tuple[int, int]]) -> list[tuple[int, int]]:
    kept = [nodes[0]]
    for before, node, after in zip(nodes, nodes[1:], nodes[2:], strict=False):
        if not (before[0] == node[0] == after[0] or before[1] == node[1] == after[1]):
            kept.append(node)
    return [*kept, nodes[-1]]


def _nodes(points: tuple[Point, ...]) -> list[tuple[tuple[int, int], int]]:
    """Every node of the grid that a route touches, and along which axes; at a corner along both."""
    axes: dict[tuple[int, int], int] = {}
    for a, b in pairwise(points):
        axis = HORIZONTAL if a[1] == b[1] else VERTICAL
        (x0, x1), (y0, y1) = sorted((a[0] // GRID, b[0] // GRID)), sorted((a[1] // GRID, b[1] // GRID))
        for x in range(x0, x1 + 1):
            for y in range(y0, y1 + 1):
                axes[x, y] = axes.get((x, y), 0) | axis
    return list(axes.items())
