"""Routes as the relay uses them: names are indexes, patterns are parsed, defaults filled in."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from zmqdev.routing.condition import Condition, FrameMatch
from zmqdev.routing.rendezvous import fnv1a

Pick = Literal["all", "first", "next", "hash"]
OnFull = Literal["block", "drop", "next"]
DROP = -1
"""The target of a route that drops what it takes."""


@dataclass(frozen=True)
class Route:
    """One route. `targets` are indexes of backends; empty: drop.

    `share` is in hundredths of a percent (10,000: everything), `rate` in messages a
    second (0: no limit). `by` is the number of the frame that is the key of share, rate
    and `pick: hash` (None: no key). `rename` is the new first frame.
    """

    name: str
    conditions: tuple[Condition, ...] = ()
    targets: tuple[int, ...] = ()
    pick: Pick = "all"
    copy: bool = False
    on_full: OnFull = "block"
    share: int = 10_000
    rate: int = 0
    by: int | None = None
    rename: Rename | None = None

    @property
    def starts(self) -> tuple[bytes, ...]:
        """Return prefixes; the first frame begins with one of them whenever the conditions hold."""
        for condition in self.conditions:
            if isinstance(condition, FrameMatch) and condition.number == 0:
                return tuple(pattern.prefix for pattern in condition.patterns)
        return (b"",)


@dataclass(frozen=True)
class Rename:
    """The new first frame: `before`, what the first `*` matched if `captured`, `after`."""

    before: bytes
    captured: bool = False
    after: bytes = b""


@dataclass(frozen=True)
class Table:
    """Routes in order, with the names of backends.

    `rest` is the backend for messages that no route takes, and `rest_on_full` what
    happens when it is full.
    """

    routes: tuple[Route, ...]
    backends: tuple[str, ...]
    rest: int | None = 0
    rest_on_full: Literal["block", "drop"] = "block"

    @property
    def copied_only(self) -> frozenset[int]:
        """Return the backends that get only copies; replies of these are dropped."""
        own = {target for route in self.routes if not route.copy for target in route.targets}
        copied = {target for route in self.routes if route.copy for target in route.targets}
        return frozenset(copied - own - {self.rest})

    @property
    def hashes(self) -> tuple[int, ...]:
        """Return the hashes of the backends' names, for `pick: hash`."""
        return tuple(fnv1a(name.encode()) for name in self.backends)
