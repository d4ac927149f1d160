"""Noticing changed files by polling: no library, and network disks work too.

Two kinds of files count: those that the settings stand in, and those that the
settings name (keys, users, rights). What is read as messages does not.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from typing import Protocol

from zmqdev.options.files import files_of
from zmqdev.options.part import Part
from zmqdev.options.places import AGAIN, ANEW, NOTHING
from zmqdev.system.loop import Loop
from zmqdev.topology.links import Plan

INTERVAL = 0.5
# More entries than this in a directory of keys are not looked at one by one.
MOST_ENTRIES = 10_000

Signature = tuple[tuple[object, ...], ...]


def signature(path: str) -> Signature:
    """What changes when a file does, or one in a directory; a missing one has its own."""
    try:
        return tuple(_look(path))
    except OSError:
        return ()


def _look(path: str) -> Iterator[tuple[object, ...]]:
    found = os.stat(path)
    yield found.st_mtime_ns, found.st_size, found.st_ino
    if os.path.isdir(path):
        with os.scandir(path) as entries:
            names = sorted(entry.name for entry in entries)[:MOST_ENTRIES]
        for name in names:
            inner = os.stat(os.path.join(path, name))
            yield name, inner.st_mtime_ns, inner.st_size, inner.st_ino


def named(part: Part) -> dict[str, str]:
    """path -> what a change of it asks of the part. Only a device reads files again."""
    found: dict[str, str] = {}
    for file in files_of(part.spec):
        if file.change == NOTHING:
            continue
        again = file.change == AGAIN and part.category == "device"
        # One file may be named twice: a new start reads everything.
        if found.get(file.path, AGAIN) == AGAIN:
            found[file.path] = AGAIN if again else ANEW
    return found


def beside(plan: Plan) -> dict[str, Signature]:
    """The files that the settings of a plan name, as they are now."""
    paths = {path for part in plan.topology.parts for path in named(part)}
    return {path: signature(path) for path in sorted(paths)}


def touched(
    plan: Plan, before: Mapping[str, Signature], now: Mapping[str, Signature], how: str
) -> frozenset[str]:
    """The parts that a file which has changed asks this of."""
    fresh = {path for path, seen in now.items() if path in before and before[path] != seen}
    return frozenset(
        part.name
        for part in plan.topology.parts
        if any(path in fresh and asked == how for path, asked in named(part).items())
    )


class Watched(Protocol):
    """What a watch looks at: a fleet."""

    loop: Loop
    plan: Plan

    def reload(self) -> object: ...


class FileWatch:
    """Reads the files again when they have changed, and then stayed the same for one look: an
    editor may write in several steps."""

    def __init__(self) -> None:
        self._known: dict[str, Signature] = {}
        self._before: dict[str, Signature] = {}

    def started(self, fleet: Watched) -> None:
        self._known = self._before = _all(fleet.plan)
        fleet.loop.every(INTERVAL, lambda: self.look(fleet))

    def ended(self, fleet: Watched) -> None:
        """The loop has ended, so nothing looks any more."""

    def look(self, fleet: Watched) -> None:
        now = _all(fleet.plan)
        settled, self._before = now == self._before, now
        if settled and now != self._known:
            fleet.reload()
            # The new reading may name other files; what changed meanwhile is seen at the next look.
            after = _all(fleet.plan)
            self._known = self._before = {path: now.get(path, after[path]) for path in after}


def _all(plan: Plan) -> dict[str, Signature]:
    return {path: signature(path) for path in plan.topology.files} | beside(plan)
