"""The latency parties: messages at a fixed rate, each with the time at which it was due.

The receiver measures from that time and not from when the message was sent. So a
message that waits behind a stuck one counts its wait (no coordinated omission). How
late the sender itself woke is reported separately, since it is part of every latency.
"""

from __future__ import annotations

import ctypes
import struct
import time
from typing import Any

import zmq

from zmqdev.relay import send_burst
from zmqdev.stats.latency import Latency
from zmqdev.tools.bench.party.messages import Opened, Order, ReceivedCount, Sent
from zmqdev.tools.bench.party.party import Parent, Seat
from zmqdev.tools.bench.party.pushing import Taking
from zmqdev.tools.bench.samples import SETTLE

STAMP = struct.Struct("<d")
# Marks a message that is not measured, because connections still warm up.
UNMEASURED = 0.0
# Messages sent in one call when a sender has fallen behind.
BURST = 500
_PR_SET_TIMERSLACK = 29


class Ticker:
    """PUSH; sends what is due and sleeps until the next message is."""

    def __init__(self, order: Order, context: zmq.Context[Any]) -> None:
        self._case = order.case
        self._seat = Seat(context, zmq.PUSH, order)
        self._rest = bytes(order.case.size - STAMP.size)

    def open(self) -> Opened:
        return Opened(self._seat.open())

    def meet(self, parent: Parent) -> None:
        self._seat.meet(parent)
        exact_sleep()

    def run(self, parent: Parent) -> Sent:
        case, late = self._case, Latency()
        total = round(case.rate * case.time)
        total = total if case.count is None else min(total, case.count)
        period, settled = 1.0 / case.rate, int(total * SETTLE)
        sent, start = 0, time.monotonic()
        while sent < total:
            now = time.monotonic()
            due = min(total, sent + BURST, int((now - start) / period) + 1)
            if due <= sent:
                time.sleep(max(0.0, start + sent * period - now))
                continue
            accepted = self._send(start, period, range(sent, due), settled)
            late.add(time.monotonic() - start - sent * period)
            sent += accepted
            if not accepted and parent.wait((self._seat.socket, zmq.POLLOUT)):
                break
        return Sent(sent, start, time.monotonic(), late=late)

    def _send(self, start: float, period: float, numbers: range, settled: int) -> int:
        """Send the messages with these numbers; unmeasured ones carry `UNMEASURED` as
        their time."""
        dues = (start + n * period if n >= settled else UNMEASURED for n in numbers)
        messages = [[STAMP.pack(due) + self._rest] for due in dues]
        return send_burst(self._seat.socket, messages)[0]

    def close(self) -> None:
        self._seat.close()


class Clock(Taking):
    """PULL; records the time from when a message was due until it arrived."""

    def __init__(self, order: Order, context: zmq.Context[Any]) -> None:
        super().__init__(Seat(context, zmq.PULL, order))
        self._times = Latency()

    def open(self) -> Opened:
        return Opened(self.seat.open())

    def meet(self, parent: Parent) -> None:
        self.seat.meet(parent)

    def take(self, burst: list[list[bytes]], now: float) -> None:
        for frames in burst:
            due = STAMP.unpack_from(frames[0])[0]
            if due != UNMEASURED:
                self._times.add(now - due)

    def run(self, parent: Parent) -> ReceivedCount:
        self.serve(parent)
        return ReceivedCount(self.messages, self.marks.all, times=self._times)


def exact_sleep() -> None:
    """Make sleeps exact on Linux, which otherwise wakes a sleeper up to 50 us late."""
    prctl = getattr(ctypes.CDLL(None), "prctl", None)
    if prctl is not None:
        prctl(_PR_SET_TIMERSLACK, 1, 0, 0, 0)
