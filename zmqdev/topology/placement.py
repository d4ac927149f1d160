"""Which parts share the process of `run`, and which start and end together."""

from __future__ import annotations

from zmqdev.topology.links import Plan
from zmqdev.topology.order import reached


def in_threads(plan: Plan) -> frozenset[str]:
    """Return devices with `isolate: thread`, and those that use inproc and do not say otherwise."""
    found = set()
    inproc = {port.part.name for port in plan.ports if port.parts.transport == "inproc"}
    for part in plan.topology.parts:
        asked = part.life.isolate
        if part.category == "device" and (
            asked == "thread" or (asked is None and part.name in inproc)
        ):
            found.add(part.name)
    return frozenset(found)


def joined(plan: Plan) -> dict[str, frozenset[str]]:
    """Return {name: the parts that inproc joins it with, itself included}.

    An inproc connection is not restored when the part that binds it restarts, so these
    parts restart together.
    """
    edges: dict[str, set[str]] = {part.name: set() for part in plan.topology.parts}
    for link in plan.links:
        if link.bound.parts.transport == "inproc":
            one, other = link.bound.part.name, link.connected.part.name
            edges[one].add(other)
            edges[other].add(one)
    return {name: frozenset(reached([name], edges)) for name in edges}
