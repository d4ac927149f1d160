"""The connections on which messages came, recorded while they are needed.

It is a flat array of bytes: a flag, then for each direction a byte for every descriptor. Rules:

- Others set the flag. The relay reads it once a burst, and does nothing while it is not set.
- While it is set, the relay sets the byte of the connection of each whole message, passed on or
  not.
- Others clear a byte when they have seen it. No byte is read and written back, so there is no lock,
  and a byte set meanwhile is seen the next time.
- Descriptors are taken modulo ROOM, so two of them share a byte only if more than ROOM are open.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable

import zmq

ROOM = 65536
NOWHERE = -1
"""Messages of inproc peers, and those that libzmq makes itself, come by no descriptor."""


class Origins:
    """The record of a relay for both directions. Any thread may use it."""

    def __init__(self) -> None:
        self.cells = array("B", bytes(1 + 2 * ROOM))

    @property
    def address(self) -> int:
        """Return the address of the array. It never moves, since its length never changes."""
        return self.cells.buffer_info()[0]

    @property
    def wanted(self) -> bool:
        """Whether the relay is to record."""
        return bool(self.cells[0])

    @wanted.setter
    def wanted(self, on: bool) -> None:
        self.cells[0] = on

    def note(self, direction: int, descriptors: Iterable[int]) -> None:
        """Record that messages came on these descriptors. `direction` 0 is forward, 1 backward."""
        for descriptor in descriptors:
            if descriptor >= 0:
                self.cells[_cell(direction, descriptor)] = 1

    def take(self, direction: int, descriptor: int) -> bool:
        """Return whether a message came on a descriptor since the last call."""
        cell = _cell(direction, descriptor)
        came = bool(self.cells[cell])
        self.cells[cell] = 0
        return came


def _cell(direction: int, descriptor: int) -> int:
    return 1 + direction * ROOM + descriptor % ROOM


def origin(frame: zmq.Frame) -> int:
    """Return the descriptor on which a frame came, or NOWHERE."""
    try:
        return int(frame.get("__fd"))
    except zmq.ZMQError:
        return NOWHERE
