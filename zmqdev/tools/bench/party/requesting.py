"""The request parties: clients that keep a window of requests open, workers that echo.

A client sends a new request for each reply. So its latencies are those of a full
window, and the rate follows from them; the load `latency` measures times at a fixed
rate.
"""

from __future__ import annotations

import struct
import time
from typing import Any

import zmq

from zmqdev.relay import recv_burst, send_burst
from zmqdev.stats.latency import Latency
from zmqdev.tools.bench.party.messages import Opened, Order, ReceivedCount, Sent
from zmqdev.tools.bench.party.party import Parent, Seat
from zmqdev.tools.bench.party.pushing import LIMIT, Taking
from zmqdev.wire.dialect import MDP_01, DialectVerb
from zmqdev.wire.envelope import DELIMITER
from zmqdev.wire.majordomo import request_01

STAMP = struct.Struct("<d")
# Replies that have not come after this many seconds are lost.
PATIENCE = 2.0
SERVICE = b"default"


class BenchClient:
    """DEALER; puts an empty frame in front, as REP workers expect, or Majordomo's frames."""

    def __init__(self, order: Order, context: zmq.Context[Any]) -> None:
        self._case = order.case
        self._seat = Seat(context, zmq.DEALER, order)
        self._rest = bytes(order.case.size - STAMP.size)
        self._envelope = [DELIMITER, *(request_01(SERVICE, ()) if order.majordomo else ())]
        self._times = Latency()
        self._waiting: list[list[bytes]] = []
        self._sent = self._answered = 0

    def open(self) -> Opened:
        return Opened(self._seat.open())

    def meet(self, parent: Parent) -> None:
        self._seat.meet(parent)

    def run(self, parent: Parent) -> Sent:
        start = time.monotonic()
        end = start + self._case.time
        self._ask(self._case.window)
        while time.monotonic() < end and not self._done and not self._step(parent, ask=True):
            pass
        in_time, last = self._answered, time.monotonic()
        while self._answered < self._sent and time.monotonic() < last + PATIENCE:
            if self._step(parent, ask=False):
                break
        answered = self._answered
        return Sent(self._sent, start, last, answered, in_time=in_time, times=self._times)

    @property
    def _done(self) -> bool:
        most = self._case.count
        return most is not None and self._sent >= most and self._answered >= self._sent

    def _step(self, parent: Parent, *, ask: bool) -> bool:
        """Take the replies that have come and send as many requests.

        Returns True when the bench wants to end.
        """
        socket = self._seat.socket
        replies = recv_burst(socket, LIMIT)
        if replies:
            self._note(replies)
            if ask:
                self._ask(len(replies))
            return False
        return parent.wait((socket, zmq.POLLIN), timeout_ms=10)

    def _note(self, replies: list[list[bytes]]) -> None:
        now = time.monotonic()
        for reply in replies:
            self._times.add(now - STAMP.unpack_from(reply[-1])[0])
        self._answered += len(replies)

    def _ask(self, count: int) -> None:
        """Send `count` more requests, and those that a full pipe refused before."""
        if self._case.count is not None:
            count = min(count, self._case.count - self._sent - len(self._waiting))
        body = STAMP.pack(time.monotonic()) + self._rest
        self._waiting += [[*self._envelope, body]] * count
        accepted, _ = send_burst(self._seat.socket, self._waiting)
        self._sent += accepted
        del self._waiting[:accepted]

    def close(self) -> None:
        self._seat.close()


class BenchWorker(Taking):
    """DEALER behind a queue; ROUTER where nothing is in between.

    Behind a Majordomo broker it is several workers, each a connection of one ROUTER: a
    broker identifies a worker by its connection, and one socket receives the requests
    of all in a burst.
    """

    def __init__(self, order: Order, context: zmq.Context[Any]) -> None:
        self._workers = [b"%d" % n for n in range(order.case.jobs)] if order.majordomo else []
        several = order.direct or order.majordomo
        kind = zmq.ROUTER if several else zmq.DEALER
        super().__init__(Seat(context, kind, order, self._workers))
        self._heartbeat_due = 0.0

    def open(self) -> Opened:
        return Opened(self.seat.open())

    def meet(self, parent: Parent) -> None:
        self.seat.meet(parent)
        self._say(MDP_01.frames(DialectVerb.READY, SERVICE))

    def take(self, burst: list[list[bytes]], now: float) -> None:
        if self._workers:
            burst[:] = [frames for frames in burst if _is_request(frames)]
            at = len(MDP_01.lead) + 2
            lead = MDP_01.lead_of(DialectVerb.FINAL)
            replies = [[frames[0], *lead, *frames[at:]] for frames in burst]
            self._beat(now)
        else:
            replies = burst
        while replies:
            accepted, _ = send_burst(self.seat.socket, replies)
            replies = replies[accepted:]
            if replies and self.parent.wait((self.seat.socket, zmq.POLLOUT)):
                return

    def idle(self, now: float) -> None:
        self._beat(now)

    def _beat(self, now: float) -> None:
        if now >= self._heartbeat_due:
            self._heartbeat_due = now + MDP_01.interval
            self._say(MDP_01.frames(DialectVerb.HEARTBEAT))

    def _say(self, message: list[bytes]) -> None:
        send_burst(self.seat.socket, [[worker, *message] for worker in self._workers])

    def run(self, parent: Parent) -> ReceivedCount:
        self.serve(parent)
        return ReceivedCount(self.messages)


def _is_request(frames: list[bytes]) -> bool:
    return MDP_01.verb_of(frames, 1, DialectVerb.REQUEST) is DialectVerb.REQUEST
