"""The parts that share the process of `run`, and those that start and end together."""

from __future__ import annotations

from zmqdev.topology.links import Plan
from zmqdev.topology.order import reached


def in_threads(plan: Plan) -> frozenset[str]:
    """Devices that are asked into one process, or that inproc joins and nothing is said of."""
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
    """name -> the parts that inproc joins it with, itself among them.

    An inproc connection is not made again when the one who bound it comes back, so
    these are started again together.
    """
    edges: dict[str, set[str]] = {part.name: set() for part in plan.topology.parts}
    for link in plan.links:
        if link.bound.parts.transport == "inproc":
            one, other = link.bound.part.name, link.connected.part.name
            edges[one].add(other)
            edges[other].add(one)
    return {name: frozenset(reached([name], edges)) for name in edges}
