"""Notice changed files by polling, which needs no library and works on network disks.

It watches the settings files and the files that settings name (keys, users, rights),
but not files that are read as messages.
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
# Most entries of a directory of keys that are looked at.
MOST_ENTRIES = 10_000

Signature = tuple[tuple[object, ...], ...]


def signature(path: str) -> Signature:
    """Return a value that changes with a file or the entries of a directory; () when missing."""
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
    """Return {path: what the part must do when it changes}. Only devices read files again."""
    found: dict[str, str] = {}
    for file in files_of(part.spec):
        if file.change == NOTHING:
            continue
        again = file.change == AGAIN and part.category == "device"
        # When a file is named twice, a restart, which reads everything, wins.
        if found.get(file.path, AGAIN) == AGAIN:
            found[file.path] = AGAIN if again else ANEW
    return found


def beside(plan: Plan) -> dict[str, Signature]:
    """Return the signatures of the files that the settings of a plan name."""
    paths = {path for part in plan.topology.parts for path in named(part)}
    return {path: signature(path) for path in sorted(paths)}


def touched(
    plan: Plan, before: Mapping[str, Signature], now: Mapping[str, Signature], how: str
) -> frozenset[str]:
    """Return the parts that must do `how` because a file has changed."""
    fresh = {path for path, seen in now.items() if path in before and before[path] != seen}
    return frozenset(
        part.name
        for part in plan.topology.parts
        if any(path in fresh and asked == how for path, asked in named(part).items())
    )


class Watched(Protocol):
    """What a watch needs of a fleet."""

    loop: Loop
    plan: Plan

    def reload(self) -> object:
        """Read the files again."""
        ...


class FileWatch:
    """Reads files again when they have changed and then stayed the same for one interval.

    An editor may write a file in several steps.
    """

    def __init__(self) -> None:
        self._known: dict[str, Signature] = {}
        self._before: dict[str, Signature] = {}

    def started(self, fleet: Watched) -> None:
        """Begin to watch."""
        self._known = self._before = _all(fleet.plan)
        fleet.loop.every(INTERVAL, lambda: self.look(fleet))

    def ended(self, fleet: Watched) -> None:
        """Do nothing: the loop has ended."""

    def look(self, fleet: Watched) -> None:
        """Compare the files with the last look."""
        now = _all(fleet.plan)
        settled, self._before = now == self._before, now
        if settled and now != self._known:
            fleet.reload()
            # The new reading may name other files; a change meanwhile is noticed at the
            # next look.
            after = _all(fleet.plan)
            self._known = self._before = {path: now.get(path, after[path]) for path in after}


def _all(plan: Plan) -> dict[str, Signature]:
    return {path: signature(path) for path in plan.topology.files} | beside(plan)
