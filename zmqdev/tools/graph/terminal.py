"""The drawing of a topology on the terminal."""

from __future__ import annotations

from dataclasses import replace

from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text
from rich.tree import Tree

from zmqdev.report.graph_svg import rate
from zmqdev.stats import units
from zmqdev.topology.drawing import label
from zmqdev.topology.picture import OUTSIDE, Arrow, Box, Picture

_STYLES = {"device": "bold cyan", "endpoint": "bold green", OUTSIDE: "dim"}


def show(picture: Picture) -> None:
    """Print the picture to stdout, in colours where they are supported."""
    Console().print(terminal(picture))


def terminal(picture: Picture) -> RenderableType:
    """Return trees that follow the messages from each source.

    A box that was shown before is only named again.
    """
    outgoing: dict[str, list[Arrow]] = {}
    for arrow in picture.arrows:
        outgoing.setdefault(arrow.source, []).append(arrow)
    boxes = {box.name: box for box in picture.boxes}
    targets = {arrow.target for arrow in picture.arrows}
    shown: set[str] = set()
    roots = [box for box in picture.boxes if box.name not in targets]
    trees: list[RenderableType] = [_tree(box, boxes, outgoing, shown) for box in roots]
    # Boxes that only a ring reaches have no source above them.
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
            line = _line(arrow, target)
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


def _line(arrow: Arrow, target: Box) -> Text:
    """Return one branch, its target first, because a narrow window cuts the end of the line."""
    head = "<->" if arrow.reply else "->"
    told = label(replace(arrow, rate=None))
    text = Text.assemble((f"{head} ", "bold"), _name(target), (f"  {told}", "dim"))
    if arrow.rate is not None:
        text.append(f"  {rate(arrow)}", "yellow")
    return text


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
    dark = sum(arrow.rate is None for arrow in picture.arrows)
    if picture.live and dark:
        dark_ones = units.counted(dark, "connection")
        table.add_row(Text(f"not measured: {dark_ones}, which no running device counts", "dim"))
    return table
