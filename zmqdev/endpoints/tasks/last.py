"""The last messages of a receiver, which were already sent to it and so to no other one."""

from __future__ import annotations

import time
from collections import deque

import zmq

from zmqdev.endpoints.task import BURST, counted, held_at_most
from zmqdev.relay import recv_burst

Message = list[bytes]
# Seconds for reading at a time, since a source may send without end.
TURN = 0.02


class Last:
    """A reader of the last messages.

    Call `take` while the connections close, then `messages` until there are none. If `keep` is
    False, because no more are wanted, they are only counted.
    """

    def __init__(self, socket: zmq.Socket[bytes]) -> None:
        self._socket = socket
        self._held: deque[Message] = deque()
        self.began = False
        self.keep = True
        self.surplus = 0
        self._turns = socket.type == zmq.REP  # it can read only one before it replies

    def take(self, wait_ms: int) -> int:
        """Take the messages that are here, or come within `wait_ms`; return how many."""
        self.began, taken = True, 0
        if self._turns and self.surplus:
            return 0
        if wait_ms:
            self._socket.poll(wait_ms)
        until = time.monotonic() + TURN
        while time.monotonic() < until and (burst := recv_burst(self._socket, BURST)):
            taken += len(burst)
            if self._turns or not self.keep:
                break  # reading makes room for more, and all of them are lost
            self._held.extend(burst)
        self.surplus += 0 if self.keep else taken
        return taken

    def messages(self, limit: int) -> list[Message]:
        """Return the next messages: of the socket or, once `take` was called, those it took."""
        if not self.began:
            return recv_burst(self._socket, limit)
        return [self._held.popleft() for _ in range(min(limit, len(self._held)))]

    @property
    def left(self) -> int:
        """Return how many more messages there may be at the end."""
        return len(self._held) if self.began else held_at_most(self._socket)

    def late(self, noun: str, done: str) -> list[str]:
        """Return a line about what came after the stop; its peers go on sending."""
        late = counted(self.surplus, noun)
        fix = "; ask again" if noun == "request" else ""
        line = f"came after the stop and not {done}: {late}, or more{fix}"
        return [line] if self.surplus else []

    def report(self) -> list[str]:
        """Return a line about messages that came and were not wanted."""
        lost = self.surplus + len(self._held)
        if not lost:
            return []
        fix = "see 'Taking a number of messages' in `zmqdev help endpoints`"
        more = ", or more" if self._turns else ""
        return [f"came beyond --count and lost: {counted(lost, 'message')}{more}; {fix}"]
