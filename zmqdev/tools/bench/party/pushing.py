"""The pipeline parties: PUSH as fast as messages are accepted, PULL and count."""

from __future__ import annotations

import time
from typing import Any

import zmq

from zmqdev.relay import recv_burst, send_burst
from zmqdev.tools.bench.party.messages import Opened, Order, ReceivedCount, Sent
from zmqdev.tools.bench.party.party import COUNT, END, Parent, Seat
from zmqdev.tools.bench.party.ring import Follower, Ring, ring_length
from zmqdev.tools.bench.samples import Marks

LIMIT = 1000
"""Most messages received in one call."""


class Pusher:
    """Sends until the time is over or the count is reached."""

    def __init__(self, order: Order, context: zmq.Context[Any]) -> None:
        self._case = order.case
        self._seat = Seat(context, zmq.PUSH, order)
        self._ring = Ring(order.case.size)

    def open(self) -> Opened:
        return Opened(self._seat.open())

    def meet(self, parent: Parent) -> None:
        self._seat.meet(parent)

    def run(self, parent: Parent) -> Sent:
        socket, ring, most = self._seat.socket, self._ring, self._case.count
        start = time.monotonic()
        end, sent = start + self._case.time, 0
        while time.monotonic() < end and (most is None or sent < most):
            wanted = ring.burst if most is None else min(ring.burst, most - sent)
            accepted, _ = send_burst(socket, ring.slice(sent, wanted))
            sent += accepted
            if accepted < wanted and parent.wait((socket, zmq.POLLOUT)):
                break
        return Sent(sent, start, time.monotonic())

    def close(self) -> None:
        self._seat.close()


class Taking:
    """A receiver: takes bursts until the bench ends it."""

    def __init__(self, seat: Seat) -> None:
        self.seat, self.messages, self.marks = seat, 0, Marks()
        self.parent: Parent

    def take(self, burst: list[list[bytes]], now: float) -> None:
        """Handle a burst that has just come; the role may remove messages from its start."""

    def idle(self, now: float) -> None:
        """Called when no message is waiting."""

    def serve(self, parent: Parent) -> None:
        """Receive and count until the bench says `end`."""
        self.parent, socket = parent, self.seat.socket
        while True:
            burst = recv_burst(socket, LIMIT)
            if burst:
                now = time.monotonic()
                self.take(burst, now)
                self.messages += len(burst)
                self.marks.add(now, self.messages)
                continue
            self.idle(time.monotonic())
            if parent.wait((socket, zmq.POLLIN)) and self._asked(parent):
                break

    def _asked(self, parent: Parent) -> bool:
        said = parent.hear()
        if said == COUNT:
            parent.tell(self.messages)
        return bool(said == END)

    def close(self) -> None:
        self.seat.close()


class Puller(Taking):
    """Counts messages; with one sender and one receiver it also checks their numbers."""

    def __init__(self, order: Order, context: zmq.Context[Any]) -> None:
        super().__init__(Seat(context, zmq.PULL, order))
        alone = order.case.senders == order.case.receivers == 1
        self._follower = Follower(ring_length(order.case.size)) if alone else None

    def open(self) -> Opened:
        return Opened(self.seat.open())

    def meet(self, parent: Parent) -> None:
        self.seat.meet(parent)

    def take(self, burst: list[list[bytes]], now: float) -> None:
        if self._follower is not None:
            self._follower.take(burst)

    def run(self, parent: Parent) -> ReceivedCount:
        self.serve(parent)
        breaks = None if self._follower is None else self._follower.breaks
        return ReceivedCount(self.messages, self.marks.all, breaks)
