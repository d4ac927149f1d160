"""A topology as boxes and arrows: what all forms of `zmqdev graph` are made from. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from zmqdev.fleet.order import layers
from zmqdev.fleet.ports import Link, Plan, Port
from zmqdev.spec.part import Part
from zmqdev.spec.socktype import PUBLISHERS


@dataclass(frozen=True)
class Box:
    """A part, or the world outside the file. `layer` counts from the sources."""

    name: str
    kind: str
    category: str
    layer: int


@dataclass(frozen=True)
class Arrow:
    """Messages from one box to another. `reply`: something comes back the same way."""

    source: str
    target: str
    address: str
    types: str
    reply: bool
    rate: float | None = None  # messages a second, with --live
    shared: bool = False  # the rate is that of several arrows together


@dataclass(frozen=True)
class Picture:
    name: str
    boxes: tuple[Box, ...]
    arrows: tuple[Arrow, ...]

    def layers(self) -> list[list[Box]]:
        found: dict[int, list[Box]] = {}
        for box in self.boxes:
            found.setdefault(box.layer, []).append(box)
        return [found[number] for number in sorted(found)]


OUTSIDE = "outside"
# Types between which something flows back: replies, but not subscriptions.
_REPLYING = frozenset({"ROUTER", "DEALER", "REQ", "REP"})


def picture(plan: Plan, rates: Mapping[tuple[str, str], float] | None = None) -> Picture:
    """`rates` is by (part, side) of where messages leave, in messages a second."""
    arrows = tuple(_arrows(plan, rates or {}))
    parts = {part.name: part for part in plan.topology.parts}
    edges = [(arrow.source, arrow.target) for arrow in arrows]
    ghosts = dict.fromkeys(name for edge in edges for name in edge if name not in parts)
    placed = layers([*parts, *ghosts], edges)
    level = {name: number for number, group in enumerate(placed) for name in group}
    boxes = [Box(p.name, _kind(p), p.category, level[p.name]) for p in parts.values()]
    boxes += [Box(name, OUTSIDE, OUTSIDE, level[name]) for name in ghosts]
    return Picture(plan.topology.name, tuple(boxes), arrows)


def _kind(part: Part) -> str:
    return f"reliable {part.kind}" if part.keeps else part.kind


def _arrows(plan: Plan, rates: Mapping[tuple[str, str], float]) -> Iterator[Arrow]:
    met = set()
    sources = [link.source for link in plan.links if link.source is not None]
    leaving = Counter((port.part.name, port.side) for port in sources)
    for link in plan.links:
        met |= {id(link.bound), id(link.connected)}
        yield _arrow(link, rates, leaving)
    for port in plan.ports:
        if id(port) not in met:
            yield _outward(port, rates)


def _arrow(
    link: Link, rates: Mapping[tuple[str, str], float], leaving: Counter[tuple[str, str]]
) -> Arrow:
    """A publisher's subscribers each get the rate; everybody else's peers share it."""
    source = link.source or link.connected
    target = link.target or link.bound
    origin = (source.part.name, source.side)
    return Arrow(
        source.part.name,
        target.part.name,
        link.bound.address,
        f"{source.type} to {target.type}",
        source.type in _REPLYING and target.type in _REPLYING,
        rates.get(origin),
        leaving[origin] > 1 and source.type not in PUBLISHERS,
    )


def _outward(port: Port, rates: Mapping[tuple[str, str], float]) -> Arrow:
    """An address whose other end is not in the file."""
    reply = port.type in _REPLYING
    ghost = port.address
    if port.sends:
        rate = rates.get((port.part.name, port.side))
        return Arrow(port.part.name, ghost, port.address, port.type, reply, rate)
    return Arrow(ghost, port.part.name, port.address, port.type, reply)
