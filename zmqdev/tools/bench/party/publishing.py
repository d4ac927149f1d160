"""The pubsub parties: a publisher with a window, and subscribers that report progress.

The publisher keeps at most `window` messages in flight: every subscriber tells it, on a
direct connection, the last number it has seen. A subscriber that misses some halves the
window, so each device is measured at a pace at which it loses next to nothing, and the
losses until then are its own. When everything in flight was lost, no report comes; the
publisher then continues after a pause, which is counted as a stall.
"""

from __future__ import annotations

import time
from typing import Any

import zmq

from zmqdev.relay import recv_burst, send_burst
from zmqdev.tools.bench.party.messages import Opened, Order, ReceivedCount, Sent
from zmqdev.tools.bench.party.party import Parent, Seat
from zmqdev.tools.bench.party.pushing import Taking
from zmqdev.tools.bench.party.ring import HELLO, NUMBER, Follower, Ring, ring_length

LEAST = 16


class Window:
    """How many messages may be in flight: halved after each loss, as TCP does.

    Losses among the messages that were already on their way count once.
    """

    def __init__(self, most: int) -> None:
        self.size = most
        self._settled = 0

    def lost(self, at: int) -> bool:
        """Note that a message before number `at` is missing; return whether the window shrank."""
        if at < self._settled or self.size <= LEAST:
            return False
        self._settled = at + self.size
        self.size = max(LEAST, self.size // 2)
        return True


ANYWHERE = "tcp://127.0.0.1:*"
# Silence this long means that all in flight is lost; no working device pauses as long.
STALL = 0.1
# XPUB always reports that it is writable, so a publisher cannot wait for room in a full
# pipe. It tries again after the time of 3000 messages at full speed.
RETRY_MS = 1
# Reports of a subscriber per window: often enough that the window never runs out while
# the device is idle, seldom enough that reports cost little beside the messages.
ANSWERS = 4


class Publisher:
    """PUB; keeps a window of messages in flight."""

    def __init__(self, order: Order, context: zmq.Context[Any]) -> None:
        self._case = order.case
        self._seat = Seat(context, zmq.PUB, order)
        # Its own pipe must not drop messages.
        self._seat.socket.setsockopt(zmq.XPUB_NODROP, 1)
        self._ring = Ring(order.case.size, order.case.window)
        self._credit: zmq.Socket[bytes] = context.socket(zmq.PULL)
        for address in order.credits:
            self._credit.connect(address)
        self._seen = dict.fromkeys(range(len(order.credits)), 0)
        self._windows = dict.fromkeys(self._seen, 0 if order.pressed else order.case.window)
        self._stalls = 0

    def open(self) -> Opened:
        return Opened(self._seat.open())

    def meet(self, parent: Parent) -> None:
        """Send hello until every subscriber has answered, so that each subscription is in place."""
        self._seat.meet(parent)
        hello = HELLO + bytes(self._case.size - len(HELLO))
        silent = set(self._seen)
        while silent:
            send_burst(self._seat.socket, [[hello]])
            parent.wait_silent((self._credit, zmq.POLLIN))
            silent -= {_who(frames) for frames in recv_burst(self._credit, 1000)}

    def run(self, parent: Parent) -> Sent:
        socket, ring, most = self._seat.socket, self._ring, self._case.count
        start = time.monotonic()
        end, sent = start + self._case.time, 0
        while time.monotonic() < end and (most is None or sent < most):
            self._hear()
            room = self._room(sent) if most is None else min(self._room(sent), most - sent)
            if room <= 0:
                self._await_credit(sent)
                continue
            wanted = min(ring.burst, room)
            accepted, _ = send_burst(socket, ring.slice(sent, wanted))
            sent += accepted
            if accepted < wanted and parent.wait(timeout_ms=RETRY_MS):
                break
        return Sent(sent, start, time.monotonic(), stalls=self._stalls)

    def _room(self, sent: int) -> int:
        window = min(self._windows.values())
        return window - (sent - min(self._seen.values())) if window else self._ring.burst

    def _hear(self) -> None:
        for frames in recv_burst(self._credit, 1000):
            who, seen, window = (int(NUMBER.unpack(frame)[0]) for frame in frames)
            self._seen[who] = max(self._seen[who], seen)
            self._windows[who] = min(self._windows[who], window)

    def _await_credit(self, sent: int) -> None:
        if not zmq.zmq_poll([(self._credit, zmq.POLLIN)], round(STALL * 1000)):
            self._stalls += 1
            self._seen = dict.fromkeys(self._seen, sent)

    def close(self) -> None:
        self._credit.close(0)
        self._seat.close()


class BenchSubscriber(Taking):
    """SUB; counts messages and reports its progress and window to the publisher.

    `order.number` identifies it in these reports.
    """

    def __init__(self, order: Order, context: zmq.Context[Any]) -> None:
        super().__init__(Seat(context, zmq.SUB, order))
        self.seat.socket.subscribe(b"")
        self._number = order.number
        self._credit: zmq.Socket[bytes] = context.socket(zmq.PUSH)
        self._credit.linger = 0
        self._follower = Follower(ring_length(order.case.size, order.case.window))
        self._window = Window(order.case.window)
        self._told = 0

    def open(self) -> Opened:
        self._credit.bind(ANYWHERE)
        return Opened(self.seat.open(), (self._credit.get_string(zmq.LAST_ENDPOINT),))

    def meet(self, parent: Parent) -> None:
        self.seat.meet(parent)
        # The connection for reports may open after the subscription; a later hello is
        # answered then.
        while not (recv_burst(self.seat.socket, 1) and self._tell(0)):
            parent.wait_silent((self.seat.socket, zmq.POLLIN))

    def take(self, burst: list[list[bytes]], now: float) -> None:
        greetings = 0
        while greetings < len(burst) and burst[greetings][0].startswith(HELLO):
            greetings += 1
        del burst[:greetings]
        if not burst:
            return
        complete = self._follower.take(burst)
        next_ = self._follower.next
        smaller = not complete and self._window.lost(next_)
        if smaller or next_ - self._told >= max(1, self._window.size // ANSWERS):
            self._tell(next_)

    def _tell(self, number: int) -> bool:
        self._told = number
        answer = [NUMBER.pack(what) for what in (self._number, number, self._window.size)]
        return send_burst(self._credit, [answer])[0] == 1

    def run(self, parent: Parent) -> ReceivedCount:
        self.serve(parent)
        breaks, window = self._follower.breaks, self._window.size
        return ReceivedCount(self.messages, self.marks.all, breaks, window=window)

    def close(self) -> None:
        self._credit.close(0)
        self.seat.close()


def _who(frames: list[bytes]) -> int:
    return int(NUMBER.unpack(frames[0])[0])
