"""A topology as boxes and arrows, from which every form of `zmqdev graph` is made. No I/O."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from zmqdev.options.part import Part
from zmqdev.options.routes_table import is_routed, rules_of, table_of
from zmqdev.options.socktype import PUBLISHERS
from zmqdev.routing.words import matched
from zmqdev.topology.links import Link, Plan, Port
from zmqdev.topology.order import layers


@dataclass(frozen=True)
class Box:
    """A part, or something outside the file. `layer` counts from the sources."""

    name: str
    kind: str
    category: str
    layer: int


@dataclass(frozen=True)
class Arrow:
    """Messages from one box to another; with `reply` messages come back the same way."""

    source: str
    target: str
    address: str
    types: str
    reply: bool
    rate: float | None = None  # messages a second, with --live
    note: str = ""  # TOGETHER or AT_MOST
    routes: str = ""  # the messages that routes send there


# TOGETHER: several arrows share the rate. AT_MOST: each subscriber gets only what it
# asked for.
TOGETHER, AT_MOST = "together", "at most"


@dataclass(frozen=True)
class Rates:
    """Messages a second by (device, side), as running devices count them."""

    leaving: Mapping[tuple[str, str], float] = field(default_factory=dict)
    coming: Mapping[tuple[str, str], float] = field(default_factory=dict)

    def __bool__(self) -> bool:
        return bool(self.leaving or self.coming)


@dataclass(frozen=True)
class Picture:
    """A drawing of a topology.

    With `live`, rates were measured, and an arrow without a rate could not be.
    """

    name: str
    boxes: tuple[Box, ...]
    arrows: tuple[Arrow, ...]
    live: bool = False

    def layers(self) -> list[list[Box]]:
        """Return the boxes in their layers, sources first."""
        found: dict[int, list[Box]] = {}
        for box in self.boxes:
            found.setdefault(box.layer, []).append(box)
        return [found[number] for number in sorted(found)]


OUTSIDE = "outside"
# Types between which replies flow back; subscriptions do not count.
_REPLYING = frozenset({"ROUTER", "DEALER", "REQ", "REP"})


def picture(plan: Plan, rates: Rates | None = None) -> Picture:
    """Return the picture of a plan, with rates if they were measured."""
    arrows = tuple(_arrows(plan, rates or Rates()))
    parts = {part.name: part for part in plan.topology.parts}
    edges = [(arrow.source, arrow.target) for arrow in arrows]
    ghosts = dict.fromkeys(name for edge in edges for name in edge if name not in parts)
    placed = layers([*parts, *ghosts], edges)
    level = {name: number for number, group in enumerate(placed) for name in group}
    boxes = [Box(p.name, _kind(p), p.category, level[p.name]) for p in parts.values()]
    boxes += [Box(name, OUTSIDE, OUTSIDE, level[name]) for name in ghosts]
    return Picture(plan.topology.name, tuple(boxes), arrows, rates is not None)


def _kind(part: Part) -> str:
    return f"reliable {part.kind}" if part.keeps else part.kind


def _arrows(plan: Plan, rates: Rates) -> Iterator[Arrow]:
    met = {id(port) for link in plan.links for port in (link.bound, link.connected)}
    alone = [port for port in plan.ports if id(port) not in met]
    ends = [_ends(link) for link in plan.links]
    ways = _Ways(
        rates,
        Counter(
            _side(port) for port in [*(one for one, _ in ends), *alone] if port.sends is not False
        ),
        Counter(
            _side(port)
            for port in [*(other for _, other in ends), *alone]
            if port.sends is not True
        ),
    )
    for source, target in ends:
        yield _arrow(source, target, ways)
    for port in alone:
        yield _outward(port, ways)


def _ends(link: Link) -> tuple[Port, Port]:
    return link.source or link.connected, link.target or link.bound


def _side(port: Port) -> tuple[str, str]:
    return str(port.part.spec.name), port.side


@dataclass(frozen=True)
class _Ways:
    """The rates, and how many arrows share each, by (device, side)."""

    rates: Rates
    leaving: Counter[tuple[str, str]]
    coming: Counter[tuple[str, str]]

    def out(self, port: Port) -> tuple[float | None, str]:
        """Return the rate at which messages leave a port, and how it applies to one arrow."""
        note = AT_MOST if port.type in PUBLISHERS else TOGETHER
        side = _side(port)
        return self.rates.leaving.get(side), note if self.leaving[side] > 1 else ""

    def into(self, port: Port) -> tuple[float | None, str]:
        side = _side(port)
        return self.rates.coming.get(side), TOGETHER if self.coming[side] > 1 else ""


def _arrow(source: Port, target: Port, ways: _Ways) -> Arrow:
    """Make an arrow with the rate of either end, preferably of one that has no other arrows."""
    known = [way for way in (ways.out(source), ways.into(target)) if way[0] is not None]
    rate, note = min(known, key=lambda way: bool(way[1]), default=(None, ""))
    address = source.address if source.verb == "bind" else target.address
    reply = source.type in _REPLYING and target.type in _REPLYING
    types = f"{source.type} to {target.type}"
    ends = (source.part.name, target.part.name)
    return Arrow(*ends, address, types, reply, rate, note, _routed(source))


def _routed(port: Port) -> str:
    """Describe what routes send to a backend: `eu.*; us.*|ca.*`, or empty without routes."""
    device = port.part.device
    if device is None or not port.sends or not is_routed(device):
        return ""
    rules = rules_of(device, port.part.written)
    if rules.hook is not None:
        return rules.hook.path
    table = table_of(device, rules)
    if port.side not in table.backends:
        return ""
    index = table.backends.index(port.side)
    told = [matched(route) for route in table.routes if index in route.targets]
    return "; ".join([*told, *(["the rest"] if index == table.rest else [])])


def _outward(port: Port, ways: _Ways) -> Arrow:
    """Make an arrow for an address whose other end is not in the file."""
    reply = port.type in _REPLYING
    ghost = port.address
    if port.sends:
        ends = (port.part.name, ghost, port.address)
        return Arrow(*ends, port.type, reply, *ways.out(port), _routed(port))
    return Arrow(ghost, port.part.name, port.address, port.type, reply, *ways.into(port))
