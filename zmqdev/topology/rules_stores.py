"""Rules about the stores of reliable queues."""

from __future__ import annotations

import os
from collections.abc import Iterator

from zmqdev.options.part import Part
from zmqdev.system.mounts import file_system_of, is_network, is_volatile
from zmqdev.topology.finding import ERROR, WARNING, Rule
from zmqdev.topology.links import Plan

Found = Iterator[tuple[Part, str, str]]
_KEY = "reliable.store"


def _stores(plan: Plan) -> Iterator[tuple[Part, str]]:
    for part in plan.topology.parts:
        if part.keeps and part.spec.reliable.store:
            yield part, part.spec.reliable.store


def _one_store(plan: Plan) -> Found:
    first: dict[str, Part] = {}
    for part, path in _stores(plan):
        other = first.setdefault(os.path.realpath(path), part)
        if other is not part:
            yield part, part.at(_KEY), f"{part.name} and {other.name} have one store, {path}"


def _store_place(plan: Plan) -> Found:
    for part, path in _stores(plan):
        kind = file_system_of(path)
        if is_volatile(kind):
            yield part, part.at(_KEY), f"{part.name}: {path} is in memory ({kind})"
        elif is_network(kind):
            yield part, part.at(_KEY), f"{part.name}: {path} is on a network file system ({kind})"


RULES = (
    Rule(
        "one-store",
        ERROR,
        "Two queues with one store.",
        "a file for each",
        _one_store,
    ),
    Rule(
        "store-place",
        WARNING,
        "A store in memory, or on a network file system.",
        "name a file on a local disk",
        _store_place,
    ),
)
