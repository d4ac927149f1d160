"""The selected parts of a file, and the order in which they start and stop."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from zmqdev.errors import UsageError
from zmqdev.options.part import Part
from zmqdev.options.suggest import near
from zmqdev.topology.links import Plan, plan
from zmqdev.topology.order import layers, reached
from zmqdev.topology.read import Topology


def needs(made: Plan) -> Iterator[tuple[str, str]]:
    """Yield (first, then): parts that bind before those that connect, and what `after` says."""
    for link in made.links:
        yield link.bound.part.name, link.connected.part.name
    for part in made.topology.parts:
        for word in part.life.after:
            yield from ((first.name, part.name) for first in made.topology.named(word))


def starting(made: Plan) -> list[list[str]]:
    """Return groups of names; a group starts when all of the one before are bound."""
    return layers((part.name for part in made.topology.parts), needs(made))


def stopping(made: Plan) -> list[list[str]]:
    """Return groups of names; a group stops when the one before has ended.

    Groups follow the messages: senders stop first, then devices, receivers last, so
    that queued messages still find their way out. The reverse of the start order would
    end a subscriber before its publisher.
    """
    return layers((part.name for part in made.topology.parts), made.flows())


def chosen(made: Plan, words: Sequence[str], *, only: bool) -> Plan:
    """Return the plan of the named parts and what they connect to; only the named ones if `only`.

    Without names it is the whole plan. Raises UsageError for an unknown name.
    """
    if not words:
        return made
    topology = made.topology
    known = [word for part in topology.parts for word in (part.name, part.base)]
    names: set[str] = set()
    for word in words:
        found = topology.named(word)
        if not found:
            raise UsageError(f"no part {word!r}{near(word, known)}", topology.files[0])
        names |= {part.name for part in found}
    if not only:
        before: dict[str, list[str]] = {}
        for first, then in needs(made):
            before.setdefault(then, []).append(first)
        names = reached(names, before)
    return plan(_with(topology, tuple(part for part in topology.parts if part.name in names)))


def _with(topology: Topology, parts: tuple[Part, ...]) -> Topology:
    return replace(topology, parts=parts)
