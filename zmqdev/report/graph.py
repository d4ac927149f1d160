"""A topology on the terminal, and as an SVG that needs no other program."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from html import escape

from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text
from rich.tree import Tree

from zmqdev.fleet.drawing import label
from zmqdev.fleet.picture import OUTSIDE, Arrow, Box, Picture
from zmqdev.report import units

_STYLES = {"device": "bold cyan", "endpoint": "bold green", OUTSIDE: "dim"}


def show(picture: Picture) -> None:
    """To stdout, in the colours it has."""
    Console().print(terminal(picture))


def terminal(picture: Picture) -> RenderableType:
    """Trees along the messages, from each source. What was shown before is only named again."""
    outgoing: dict[str, list[Arrow]] = {}
    for arrow in picture.arrows:
        outgoing.setdefault(arrow.source, []).append(arrow)
    boxes = {box.name: box for box in picture.boxes}
    targets = {arrow.target for arrow in picture.arrows}
    shown: set[str] = set()
    roots = [box for box in picture.boxes if box.name not in targets]
    trees: list[RenderableType] = [_tree(box, boxes, outgoing, shown) for box in roots]
    # What only a ring reaches has no source to begin at.
    trees += [_tree(b, boxes, outgoing, shown) for b in picture.boxes if b.name not in shown]
    return Group(*trees, _legend(picture))


def _tree(
    box: Box, boxes: dict[str, Box], outgoing: dict[str, list[Arrow]], shown: set[str]
) -> Tree:
    tree = Tree(_name(box), guide_style="dim")
    shown.add(box.name)
    waiting = [(tree, box.name)]
    while waiting:
        node, name = waiting.pop(0)
        for arrow in outgoing.get(name, ()):
            target = boxes[arrow.target]
            line = Text.assemble(_arrow(arrow), " ", _name(target))
            if target.name in shown and outgoing.get(target.name):
                line.append(" (above)", "dim")
                node.add(line)
                continue
            child = node.add(line)
            if target.name not in shown:
                shown.add(target.name)
                waiting.append((child, target.name))
    return tree


def _name(box: Box) -> Text:
    if box.category == OUTSIDE:
        return Text(box.name, _STYLES[OUTSIDE])
    return Text.assemble((box.name, _STYLES[box.category]), (f" {box.kind}", "dim"))


def _arrow(arrow: Arrow) -> Text:
    head = "<->" if arrow.reply else "->"
    told = label(Arrow(arrow.source, arrow.target, arrow.address, arrow.types, arrow.reply))
    text = Text.assemble((f"{head} ", "bold"), (told, "dim"))
    if arrow.rate is not None:
        text.append(f"  {_rate(arrow)}", "yellow")
    return text


def _rate(arrow: Arrow) -> str:
    together = " together" if arrow.shared else ""
    return f"{units.short(round(arrow.rate or 0))} msg/s{together}"


def _legend(picture: Picture) -> Table:
    table = Table.grid(padding=(0, 2))
    devices = sum(box.category == "device" for box in picture.boxes)
    endpoints = sum(box.category == "endpoint" for box in picture.boxes)
    arrows = len(picture.arrows)
    counts = ", ".join(
        units.counted(*item)
        for item in ((devices, "device"), (endpoints, "endpoint"), (arrows, "connection"))
    )
    table.add_row(Text(f"{picture.name}: {counts}", "dim"))
    return table


# Sizes of the SVG, in pixels.
WIDE, HIGH, GAP_X, GAP_Y, EDGE = 170, 46, 190, 26, 24
_FILL = {"device": "#d9ecf2", "endpoint": "#e2f0d9", OUTSIDE: "#ffffff"}
_STYLE = (
    "text{font:13px sans-serif;fill:#222}.k{font-size:11px;fill:#666}.a{font-size:10px;fill:#444}"
    "path{fill:none;stroke:#555;stroke-width:1.3}rect{stroke:#555;stroke-width:1}"
)


@dataclass(frozen=True)
class _Spot:
    x: float
    y: float


def svg(picture: Picture) -> str:
    """Columns by layer, from the sources at the left."""
    columns = picture.layers()
    spots = dict(_spots(columns))
    width = EDGE * 2 + len(columns) * WIDE + (len(columns) - 1) * GAP_X
    height = EDGE * 2 + max((_height(len(column)) for column in columns), default=HIGH)
    body = [*_paths(picture, spots), *_rects(picture, spots)]
    return "\n".join(
        (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" '
            f'width="{width}" height="{height}" role="img" '
            f'aria-label="{escape(picture.name)}">',
            f"<style>{_STYLE}</style>",
            '<defs><marker id="h" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" '
            'markerHeight="7" orient="auto-start-reverse"><path d="M0,0 L8,4 L0,8 z" '
            'style="fill:#555;stroke:none"/></marker></defs>',
            f'<rect x="0" y="0" width="{width}" height="{height}" style="fill:#fff;stroke:none"/>',
            *body,
            "</svg>\n",
        )
    )


def _height(count: int) -> int:
    return count * HIGH + (count - 1) * GAP_Y


def _spots(columns: list[list[Box]]) -> Iterator[tuple[str, _Spot]]:
    tallest = max((_height(len(column)) for column in columns), default=0)
    for number, column in enumerate(columns):
        top = EDGE + (tallest - _height(len(column))) / 2
        for row, box in enumerate(column):
            yield box.name, _Spot(EDGE + number * (WIDE + GAP_X), top + row * (HIGH + GAP_Y))


def _rects(picture: Picture, spots: dict[str, _Spot]) -> Iterator[str]:
    for box in picture.boxes:
        spot = spots[box.name]
        dashed = ' stroke-dasharray="4 3"' if box.category == OUTSIDE else ""
        yield (
            f'<rect x="{spot.x}" y="{spot.y}" width="{WIDE}" height="{HIGH}" rx="6" '
            f'fill="{_FILL[box.category]}"{dashed}/>'
        )
        middle = spot.x + WIDE / 2
        if box.category == OUTSIDE:
            yield _text(middle, spot.y + HIGH / 2 + 4, _short(box.name, 26), "k")
            continue
        yield _text(middle, spot.y + 20, _short(box.name, 22))
        yield _text(middle, spot.y + 36, box.kind, "k")


def _paths(picture: Picture, spots: dict[str, _Spot]) -> Iterator[str]:
    for arrow in picture.arrows:
        start, end = spots[arrow.source], spots[arrow.target]
        x1, y1 = start.x + WIDE, start.y + HIGH / 2
        x2, y2 = end.x, end.y + HIGH / 2
        bend = max(60.0, abs(x2 - x1) / 2)
        both = ' marker-start="url(#h)"' if arrow.reply else ""
        yield (
            f'<path d="M{x1},{y1} C{x1 + bend},{y1} {x2 - bend},{y2} {x2},{y2}" '
            f'marker-end="url(#h)"{both}><title>{escape(label(arrow))}</title></path>'
        )
        told = arrow.types if arrow.rate is None else _rate(arrow)
        yield _text((x1 + x2) / 2, (y1 + y2) / 2 - 5, told, "a")


def _text(x: float, y: float, text: str, kind: str = "") -> str:
    named = f' class="{kind}"' if kind else ""
    return f'<text x="{x}" y="{y}" text-anchor="middle"{named}>{escape(text)}</text>'


def _short(text: str, most: int) -> str:
    return text if len(text) <= most else f"{text[: most - 1]}…"
