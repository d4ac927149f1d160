"""The connections that messages come from, recorded while someone needs them.

One flat array of bytes: a flag, then for each direction a byte for every
descriptor. Rules:
- Others set the flag; the relay reads it once a burst, and without it does nothing.
- With it the relay sets the byte of each whole message's connection, passed on or not.
- Others clear a byte when they have seen it. Nothing is read and written back, so there
  is no lock, and a byte set meanwhile is seen the next time.
- Descriptors are taken modulo ROOM: two of them may share a byte only where more than
  ROOM are open.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable

import zmq

ROOM = 65536
NOWHERE = -1
"""Messages of inproc peers, and those that libzmq makes itself, come by no descriptor."""


class Origins:
    """What a relay notes for both directions. Any thread may use it."""

    def __init__(self) -> None:
        self.cells = array("B", bytes(1 + 2 * ROOM))

    @property
    def address(self) -> int:
        """Where the array is. It never moves: its length never changes."""
        return self.cells.buffer_info()[0]

    @property
    def wanted(self) -> bool:
        return bool(self.cells[0])

    @wanted.setter
    def wanted(self, on: bool) -> None:
        self.cells[0] = on

    def note(self, direction: int, descriptors: Iterable[int]) -> None:
        """Messages came from these. `direction` 0 is forward, 1 backward."""
        for descriptor in descriptors:
            if descriptor >= 0:
                self.cells[_cell(direction, descriptor)] = 1

    def take(self, direction: int, descriptor: int) -> bool:
        """Whether a message came from it since the last call."""
        cell = _cell(direction, descriptor)
        came = bool(self.cells[cell])
        self.cells[cell] = 0
        return came


def _cell(direction: int, descriptor: int) -> int:
    return 1 + direction * ROOM + descriptor % ROOM


def origin(frame: zmq.Frame) -> int:
    """The descriptor that a received frame came by, or NOWHERE."""
    try:
        return int(frame.get("__fd"))
    except zmq.ZMQError:
        return NOWHERE
