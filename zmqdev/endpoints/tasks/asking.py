"""Detecting whether a client's queue is one of zmqdev, by one request to an RFC 8 service.

A queue of zmqdev answers 200, every other Majordomo broker 404 or 501. Until the answer is known,
and when it is no or does not come, requests are sent as the protocol has them (`lanes`). After a
yes they carry ids and share one connection (`wire`). The first requests wait a moment for the
answer.
"""

from __future__ import annotations

import math

import zmq

from zmqdev.endpoints.tasks.lanes import Lanes
from zmqdev.endpoints.tasks.wire import Came, Shared, Wire
from zmqdev.relay import recv_burst, send_burst
from zmqdev.wire import mmi

# Seconds; the longest time that requests wait for the answer once the question was sent.
GRACE = 1.0


class Asking:
    """A wire that asks first. `question` is the message; requests wait `grace` seconds."""

    def __init__(
        self,
        socket: zmq.Socket[bytes],
        shared: Shared,
        lanes: Lanes,
        question: list[bytes],
        grace: float = GRACE,
    ) -> None:
        self._grace = grace
        self._socket, self._shared, self._lanes = socket, shared, lanes
        self._question = question
        self._known: bool | None = None
        self._asked = False
        self._until = math.inf
        self._switched = False
        lanes.aside = self._answers
        lanes.renewed = self._again

    @property
    def _wire(self) -> Wire:
        return self._shared if self._switched else self._lanes

    @property
    def readers(self) -> tuple[zmq.Socket[bytes], ...]:
        return self._wire.readers

    @property
    def wants_room(self) -> bool:
        return self._wire.wants_room or not self._asked

    def collect(self, now: float) -> Came:
        if self._switched:
            return self._shared.collect(now)
        came = 0
        if self._known is None and not self._lanes.busy:
            for frames in recv_burst(self._socket, 1):
                came += 1
                self._answers(frames)
        more, replies = self._lanes.collect(now)
        return came + more, replies

    def send(self, now: float) -> int:
        if self._known is None:
            self._ask(now)
            if now < self._until:
                return 0
        if self._known and not self._switched:
            if self._lanes.busy:
                return 0
            self._switched = True
        return self._wire.send(now)

    def unread(self) -> int:
        return self._wire.unread()

    def deadline(self) -> float:
        waits = self._known is None and not self._lanes.busy
        return min(self._until if waits else math.inf, self._wire.deadline())

    def close(self) -> None:
        self._lanes.close()

    def _ask(self, now: float) -> None:
        if self._asked or not send_burst(self._socket, [self._question])[0]:
            return
        self._asked = True
        if self._until == math.inf:
            self._until = now + self._grace

    def _again(self, socket: zmq.Socket[bytes]) -> None:
        """Send the question again after a reconnect, since it was lost with the connection."""
        if socket is self._socket and self._known is None:
            self._asked = False

    def _answers(self, frames: list[bytes]) -> bool:
        if len(frames) < 4 or frames[2] != mmi.IDS:
            return False
        self._known = frames[-1] == mmi.FOUND
        return True
