"""The workers that ask for work: each message of a worker asks for one job. Pure."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Sequence
from dataclasses import dataclass, field

from zmqdev.wire import envelope

MOST_AHEAD = 10_000
"""Jobs that one worker may have asked for; more of its messages ask for nothing."""


@dataclass
class Asks:
    """The requests for work, oldest first, by the envelope of the worker. Pure."""

    waiting: deque[list[bytes]] = field(default_factory=deque)
    of: Counter[bytes] = field(default_factory=Counter)
    ignored: int = 0
    lost: int = 0

    def add(self, message: Sequence[bytes]) -> None:
        """Add the request in a message from a worker."""
        worker = message[0]
        if self.of[worker] >= MOST_AHEAD:
            self.ignored += 1
            return
        self.of[worker] += 1
        self.waiting.append(envelope.split(message)[0])

    def take(self) -> list[bytes]:
        """Take the envelope of the worker that has waited longest; IndexError when there is
        none."""
        found = self.waiting.popleft()
        self._less(found[0])
        return found

    def give_back(self, found: list[bytes]) -> None:
        """Put back a worker that could not be served now, behind the others."""
        self.of[found[0]] += 1
        self.waiting.append(found)

    def forget(self, worker: bytes) -> None:
        """Drop the requests of a worker that has gone; one of them was taken already."""
        before = len(self.waiting)
        self.waiting = deque(one for one in self.waiting if one[0] != worker)
        self.lost += 1 + before - len(self.waiting)
        self.of.pop(worker, None)

    def _less(self, worker: bytes) -> None:
        self.of[worker] -= 1
        if not self.of[worker]:
            del self.of[worker]
