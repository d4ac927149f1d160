"""The dead letter socket: a PUSH for anyone who wants to see dead letters.

A letter may be written while no reader is connected, so the latest ones are kept. A missing or
slow reader never stops the queue.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from typing import Any

import zmq

from zmqdev.broker.letter import DeadLetter
from zmqdev.device.socket import make
from zmqdev.relay import send_burst

# Maximum letters, and bytes, kept for an absent reader; the oldest are dropped first.
MOST = 1000
MOST_BYTES = 16 << 20


class Letterbox:
    """The dead letter socket. `dropped` counts the letters that no reader fetched in time."""

    def __init__(self, context: zmq.Context[Any], address: str) -> None:
        side = make(context, "dead-letters", "PUSH", {})
        self._socket = side.socket
        self._waiting: deque[list[bytes]] = deque()
        self._size = 0
        self.dropped = 0
        try:
            self.address = side.bind(address).actual
        except BaseException:
            self.close(0)
            raise

    def post(self, letters: Iterable[DeadLetter]) -> None:
        """Send the waiting letters and then these, as far as a reader takes them."""
        for letter in letters:
            self._waiting.append(letter.frames())
            self._size += _size(self._waiting[-1])
        while len(self._waiting) > MOST or self._size > MOST_BYTES:
            self._size -= _size(self._waiting.popleft())
            self.dropped += 1
        if self._waiting:
            accepted, _ = send_burst(self._socket, list(self._waiting))
            for _ in range(accepted):
                self._size -= _size(self._waiting.popleft())

    def close(self, linger_ms: int) -> None:
        """Close the socket; letters given to it are kept for `linger_ms`."""
        self._socket.close(linger_ms)


def _size(message: list[bytes]) -> int:
    return sum(map(len, message))
