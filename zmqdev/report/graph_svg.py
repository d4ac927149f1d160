"""A topology as a self-contained SVG: columns by layer, sources on the left.

An arrow that skips a column runs through it in a separate lane, so that it passes
behind no box. Between two columns all arrows bend at the same end, and their labels are
at the other, where the arrows are apart: at the subscribers rather than at the
publisher, say. Arrows that go back, in a ring, run below everything.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from html import escape
from itertools import pairwise

from zmqdev.stats import units
from zmqdev.topology.drawing import label, noted
from zmqdev.topology.picture import OUTSIDE, Arrow, Box, Picture

# In pixels. BEND is the bent part of an arrow with a label; the rest of GAP_X is for
# the label.
WIDE, HIGH, GAP_X, GAP_Y, EDGE, BEND = 170, 46, 200, 26, 24, 56
# Distance between two arrows at a side of a box, with labels and without.
PITCH, CLOSE = 34, 8
LANE, BELOW, HEAD = 10, 34, 7
NAME_CHARS, OUTSIDE_CHARS, WORDS_CHARS = 20, 25, 22
_STYLE = (
    "text{font:13px sans-serif;fill:#222;text-anchor:middle}"
    ".k{font-size:11px;fill:#666}.a{font-size:10px;fill:#444}"
    "path{fill:none;stroke:#666;stroke-width:1.3}.h{fill:#666;stroke:none}"
    "rect{stroke:#555;stroke-width:1}.ground{fill:#fff;stroke:none}"
    ".device{fill:#d9ecf2}.endpoint{fill:#e2f0d9}.outside{fill:#fff;stroke-dasharray:4 3}"
    "@media(prefers-color-scheme:dark){text{fill:#e6e6e6}.k{fill:#aab}.a{fill:#bbc}"
    "path{stroke:#99a}.h{fill:#99a}rect{stroke:#889}.ground,.outside{fill:#15181c}"
    ".device{fill:#1d3d49}.endpoint{fill:#2b4023}}"
)


@dataclass(frozen=True)
class _Spot:
    """A box, or a lane through a column, with the vertical middle and the height."""

    x: float
    y: float
    high: float

    @property
    def right(self) -> float:
        return self.x + WIDE


@dataclass(frozen=True)
class _Route:
    """An arrow with the nodes it passes: its boxes, and the lanes between them.

    A node is the name of a box, or for a lane (number of the arrow, column).
    """

    arrow: Arrow
    nodes: tuple[object, ...]
    back: bool


def svg(picture: Picture) -> str:
    """Return the SVG document."""
    layout = _Layout(picture)
    width, height = layout.size
    return "\n".join(
        (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:g} {height:g}" '
            f'width="{width:g}" height="{height:g}" role="img" '
            f'aria-label="{escape(picture.name)}">',
            f"<style>{_STYLE}</style>",
            f'<rect class="ground" width="{width:g}" height="{height:g}"/>',
            *layout.arrows(),
            *(line for box in picture.boxes for line in _box(box, layout.spots[box.name])),
            "</svg>\n",
        )
    )


class _Layout:
    """The positions of boxes, lanes and arrows."""

    def __init__(self, picture: Picture) -> None:
        columns = picture.layers()
        self._level = {box.name: at for at, column in enumerate(columns) for box in column}
        self._leaving = Counter(arrow.source for arrow in picture.arrows)
        self._coming = Counter(arrow.target for arrow in picture.arrows)
        self.routes = [self._route(at, arrow) for at, arrow in enumerate(picture.arrows)]
        self._late = {number: self._words_late(number) for number in range(len(columns))}
        self._columns: list[list[object]] = [[box.name for box in column] for column in columns]
        for route in self.routes:
            for node in route.nodes[1:-1]:
                self._columns[node[1]].append(node)  # type: ignore[index]
        self._untangle()
        self.spots = dict(self._placed())
        self._slots = dict(self._at_sides())

    @property
    def size(self) -> tuple[float, float]:
        backward = sum(route.back for route in self.routes)
        width = EDGE * 2 + len(self._columns) * WIDE + (len(self._columns) - 1) * GAP_X
        return max(width, WIDE + EDGE * 2), self._bottom + EDGE + backward * BELOW

    @property
    def _bottom(self) -> float:
        return max((spot.y + spot.high / 2 for spot in self.spots.values()), default=HIGH)

    def _route(self, number: int, arrow: Arrow) -> _Route:
        first, last = self._level[arrow.source], self._level[arrow.target]
        lanes = tuple((number, column) for column in range(first + 1, last))
        return _Route(arrow, (arrow.source, *lanes, arrow.target), last <= first)

    def _words_late(self, column: int) -> bool:
        """Whether labels of arrows into a column are at that column, rather than before
        the bend."""
        into = [route.arrow for route in self.routes if self._level[route.arrow.target] == column]
        split = any(self._leaving[arrow.source] > 1 for arrow in into)
        return split or all(self._coming[arrow.target] == 1 for arrow in into)

    def _worded(self, route: _Route) -> bool:
        """Whether an arrow's label is at its target.

        It is at the source only when the target is in the next column.
        """
        return self._late[self._level[route.arrow.target]] or len(route.nodes) > 2

    def _untangle(self) -> None:
        """Order each column by the neighbours of its nodes: one pass forward, one back."""
        before: dict[object, list[object]] = defaultdict(list)
        after: dict[object, list[object]] = defaultdict(list)
        for route in self.routes:
            for one, other in pairwise(route.nodes) if not route.back else ():
                before[other].append(one)
                after[one].append(other)
        for number in range(1, len(self._columns)):
            _sort(self._columns[number], self._columns[number - 1], before)
        for number in reversed(range(len(self._columns) - 1)):
            _sort(self._columns[number], self._columns[number + 1], after)

    def _placed(self) -> Iterator[tuple[object, _Spot]]:
        heights = [[self._height(node) for node in column] for column in self._columns]
        tall = [sum(column) + GAP_Y * (len(column) - 1) for column in heights]
        for number, column in enumerate(self._columns):
            y = EDGE + (max(tall) - tall[number]) / 2
            for node, high in zip(column, heights[number], strict=True):
                yield node, _Spot(EDGE + number * (WIDE + GAP_X), y + high / 2, high)
                y += high + GAP_Y

    def _height(self, node: object) -> float:
        if not isinstance(node, str):
            return LANE
        coming, leaving = self._coming[node], self._leaving[node]
        here = any(r.arrow.target == node and self._worded(r) for r in self.routes)
        there = any(r.arrow.source == node and not self._worded(r) for r in self.routes)
        return max(
            HIGH,
            (PITCH if here else CLOSE) * coming + CLOSE,
            (PITCH if there else CLOSE) * leaving + CLOSE,
        )

    def _at_sides(self) -> Iterator[tuple[tuple[int, bool], float]]:
        """Yield ((number of the arrow, whether it arrives), its height at the box)."""
        sides: dict[tuple[object, bool], list[tuple[float, int]]] = defaultdict(list)
        for number, route in enumerate(self.routes):
            nodes = route.nodes
            # The arrow of a ring leaves and arrives below the others.
            down = float("inf") if route.back else 0.0
            sides[nodes[0], False].append((max(self.spots[nodes[1]].y, down), number))
            sides[nodes[-1], True].append((max(self.spots[nodes[-2]].y, down), number))
        for (node, comes), found in sides.items():
            words = any(self._worded(self.routes[number]) == comes for _, number in found)
            pitch = PITCH if words else CLOSE
            top = self.spots[node].y - pitch * (len(found) - 1) / 2
            for at, (_, number) in enumerate(sorted(found)):
                yield (number, comes), top + at * pitch

    def arrows(self) -> Iterator[str]:
        below, rings = self._bottom, 0
        for number, route in enumerate(self.routes):
            y1, y2 = self._slots[number, False], self._slots[number, True]
            if route.back:
                below, rings = below + BELOW, rings + 1
                aside = min(EDGE - 4.0, HEAD + 3.0 + 4 * rings)
                yield from self._backward(route, y1, y2, below - BELOW / 2, aside)
            else:
                yield from self._forward(route, y1, y2)

    def _forward(self, route: _Route, y1: float, y2: float) -> Iterator[str]:
        spots = [self.spots[node] for node in route.nodes]
        heights = [y1, *(spot.y for spot in spots[1:-1]), y2]
        drawn = [f"M{spots[0].right:g},{y1:g}"]
        for at, (left, right) in enumerate(pairwise(spots)):
            start, end = left.right, right.x
            if self._late[self._level[route.nodes[0]] + at + 1]:  # type: ignore[index]
                end = start + BEND
            else:
                start = end - BEND
            middle = (start + end) / 2
            drawn.append(
                f"H{start:g} C{middle:g},{heights[at]:g} {middle:g},{heights[at + 1]:g} "
                f"{end:g},{heights[at + 1]:g} H{right.x:g}"
            )
        yield _path(" ".join(drawn), route.arrow)
        yield from _heads(route.arrow, (spots[0].right, y1), (spots[-1].x, y2))
        room = GAP_X - BEND
        if self._worded(route):
            yield from _words(route.arrow, spots[-1].x - room / 2, y2)
        else:
            yield from _words(route.arrow, spots[0].right + room / 2, y1)

    def _backward(
        self, route: _Route, y1: float, y2: float, low: float, aside: float
    ) -> Iterator[str]:
        start, end = self.spots[route.arrow.source].right, self.spots[route.arrow.target].x
        path = f"M{start:g},{y1:g} H{start + aside:g} V{low:g} H{end - aside:g} V{y2:g} H{end:g}"
        yield _path(path, route.arrow)
        yield from _heads(route.arrow, (start, y1), (end, y2))
        yield from _words(route.arrow, (start + end) / 2, low)


def _sort(column: list[object], beside: list[object], joined: dict[object, list[object]]) -> None:
    place = {node: at for at, node in enumerate(beside)}
    own = {node: at * len(beside) / len(column) for at, node in enumerate(column)}

    def middle(node: object) -> float:
        found = [place[one] for one in joined.get(node, ()) if one in place]
        return sum(found) / len(found) if found else own[node]

    column.sort(key=middle)


def _box(box: Box, spot: _Spot) -> Iterator[str]:
    yield (
        f'<rect class="{box.category}" x="{spot.x:g}" y="{spot.y - spot.high / 2:g}" '
        f'width="{WIDE}" height="{spot.high:g}" rx="6"/>'
    )
    middle = spot.x + WIDE / 2
    if box.category == OUTSIDE:
        yield _text(middle, spot.y + 4, _short(box.name, OUTSIDE_CHARS), "k")
        return
    yield _text(middle, spot.y - 3, _short(box.name, NAME_CHARS))
    yield _text(middle, spot.y + 13, box.kind, "k")


def _path(path: str, arrow: Arrow) -> str:
    return f'<path d="{path}"><title>{escape(label(arrow))}</title></path>'


def _heads(arrow: Arrow, start: tuple[float, float], end: tuple[float, float]) -> Iterator[str]:
    yield _head(*end, -HEAD)
    if arrow.reply:
        yield _head(*start, HEAD)


def _head(x: float, y: float, back: int) -> str:
    return f'<path class="h" d="M{x:g},{y:g} l{back},-4 v8 z"/>'


def _words(arrow: Arrow, x: float, y: float) -> Iterator[str]:
    told = arrow.types if arrow.rate is None else rate(arrow)
    yield _text(x, y - 5, _short(told, WORDS_CHARS), "a")
    if arrow.address not in (arrow.source, arrow.target):  # the outside box shows the address
        yield _text(x, y + 12, _short(arrow.address.removeprefix("tcp://"), WORDS_CHARS), "a")


def rate(arrow: Arrow) -> str:
    """Return the rate of an arrow as its label."""
    return noted(f"{units.short(round(arrow.rate or 0))} msg/s", arrow)


def _text(x: float, y: float, text: str, kind: str = "") -> str:
    named = f' class="{kind}"' if kind else ""
    return f'<text x="{x:g}" y="{y:g}"{named}>{escape(text)}</text>'


def _short(text: str, most: int) -> str:
    return text if len(text) <= most else f"{text[: most - 1]}…"
