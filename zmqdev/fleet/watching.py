"""Noticing that a file has changed, by looking: no library, and network disks work too."""

from __future__ import annotations

import os
from collections.abc import Iterable

from zmqdev.fleet.fleet import Fleet

INTERVAL = 0.5


def signature(files: Iterable[str]) -> tuple[tuple[int, ...], ...]:
    """What changes when a file does; a missing one has a signature of its own."""
    return tuple(_one(file) for file in files)


def _one(file: str) -> tuple[int, ...]:
    try:
        found = os.stat(file)
    except OSError:
        return ()
    return found.st_mtime_ns, found.st_size, found.st_ino


class Watch:
    """Stands beside a fleet: reads its files again when they have changed, and then stayed the
    same for one look. An editor may write in several steps."""

    def __init__(self) -> None:
        self._known: tuple[tuple[int, ...], ...] = ()
        self._before: tuple[tuple[int, ...], ...] = ()

    def started(self, fleet: Fleet) -> None:
        self._known = self._before = signature(fleet.plan.topology.files)
        fleet.loop.every(INTERVAL, lambda: self.look(fleet))

    def ended(self, fleet: Fleet) -> None:
        """The loop has ended, so nothing looks any more."""

    def look(self, fleet: Fleet) -> None:
        now = signature(fleet.plan.topology.files)
        settled, self._before = now == self._before, now
        if settled and now != self._known:
            fleet.reload()
            # The files of the new reading may be others.
            self._known = self._before = signature(fleet.plan.topology.files)
