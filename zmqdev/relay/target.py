"""A backend of a relay with routes: its counters, and the time spent waiting for it."""

from __future__ import annotations

from array import array
from dataclasses import dataclass, field
from typing import Any

import zmq

from zmqdev.relay.asks import Asks

CELLS = ("messages", "bytes", "blocked_ns")
"""The order in the array; the C half has the same."""


@dataclass
class Target:
    """A backend. Only the loop writes the numbers; any thread may read them."""

    name: str
    socket: zmq.Socket[bytes]
    cells: array[int] = field(default_factory=lambda: array("Q", bytes(8 * len(CELLS))))
    claimed: bool = False  # EVENTS said POLLOUT since it last refused
    asks: Asks | None = None
    """For a ROUTER that gives work to workers that ask; it has room while one asks."""

    waits: bool | None = None
    """Of a publisher: see `have_wait`; None while it is not known."""

    def __post_init__(self) -> None:
        self.is_router = self.socket.type == zmq.ROUTER
        self.is_publisher = self.socket.type in (zmq.PUB, zmq.XPUB)

    @property
    def address(self) -> int:
        """Return the address of the array. It never moves, since its length never changes."""
        return self.cells.buffer_info()[0]

    def have_wait(self, wanted: bool) -> None:
        """Set whether a publisher refuses messages that a subscriber has no room for.

        Otherwise it drops them for that subscriber only.
        """
        if self.is_publisher and self.waits is not wanted:
            self.socket.set(zmq.XPUB_NODROP, int(wanted))
            self.waits = wanted

    def sent(self, size: int) -> None:
        """Count a message that was sent."""
        self.cells[0] += 1
        self.cells[1] += size

    def waited(self, nanoseconds: int) -> None:
        """Count the time spent waiting."""
        self.cells[2] += nanoseconds

    def counts(self) -> dict[str, Any]:
        """Return the counts with the name."""
        return {"name": self.name, **dict(zip(CELLS, self.cells, strict=True))}
