"""The selected parts of a file, and their order of start and stop."""

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
    """(first, then): who binds before who connects to it, and what `after` says."""
    for link in made.links:
        yield link.bound.part.name, link.connected.part.name
    for part in made.topology.parts:
        for word in part.life.after:
            yield from ((first.name, part.name) for first in made.topology.named(word))


def starting(made: Plan) -> list[list[str]]:
    """Names in groups; a group starts when all of the one before are bound."""
    return layers((part.name for part in made.topology.parts), needs(made))


def stopping(made: Plan) -> list[list[str]]:
    """Names in groups; a group stops when the one before has ended.

    The way the messages flow: first those that send, then what passes on, last
    those that take in, so that what is inside finds its way out. Started the
    other way round, a subscriber would leave before its publisher.
    """
    return layers((part.name for part in made.topology.parts), made.flows())


def chosen(made: Plan, words: Sequence[str], *, only: bool) -> Plan:
    """The parts named by `words`, all when there are none; with what they connect to, unless
    `only`. UsageError for a word that names nothing."""
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
