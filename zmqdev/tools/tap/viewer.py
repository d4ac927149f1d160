"""The viewer of a tap: take a lease, print messages, renew the lease, give it back.

Messages above `--limit`, or too many for the reader of stdout, are left out; the device
never waits for a viewer.
"""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from typing import Any

import zmq

from zmqdev.control.client import Asker
from zmqdev.control.runtimedir import Found
from zmqdev.endpoints.form.format import Layout
from zmqdev.errors import RunError
from zmqdev.options import address as addresses
from zmqdev.relay import recv_burst
from zmqdev.system import libzmq
from zmqdev.system.signals import Signals
from zmqdev.system.stdio import Sink
from zmqdev.tools.tap.sample import BACKWARD, FORWARD, sample, written

MARKS = {"forward": (FORWARD,), "backward": (BACKWARD,), "both": (FORWARD, BACKWARD)}
LEASE = "5s"
RENEW = 2.0
BURST = 100
HWM = 1000


@dataclass(frozen=True)
class Wish:
    """What to show. `count` ends it, `limit` is in messages a second; None: no end, no limit."""

    layout: Layout
    direction: str = "both"
    count: int | None = None
    limit: float | None = None


class Allowance:
    """A token bucket: at most `rate` messages a second, and at most one second's worth at once."""

    def __init__(self, rate: float | None, now: float) -> None:
        self._rate, self._at = rate, now
        self._left = 1.0

    def take(self, now: float) -> bool:
        """Whether one more message may be shown now."""
        if self._rate is None:
            return True
        self._left = min(max(1.0, self._rate), self._left + (now - self._at) * self._rate)
        self._at = now
        if self._left < 1:
            return False
        self._left -= 1
        return True


def reachable(tap: str, control: str) -> str:
    """Return the tap's address for a viewer; a wildcard host becomes that of the
    control address."""
    if not tap.startswith("tcp://"):
        return tap
    parts = addresses.split(tap)
    if parts.host not in ("0.0.0.0", "::", "*"):
        return tap
    return f"tcp://{control.removeprefix('tcp://').rpartition(':')[0]}:{parts.port}"


class Viewer:
    """A viewer of one device; `run` lasts until the count, a signal, or the end of stdout."""

    def __init__(self, found: Found, wish: Wish, asker: Asker, sink: Sink) -> None:
        self.found, self.wish, self.asker, self.sink = found, wish, asker, sink
        self.shown = self.left_out = 0
        self._name = f"{os.getpid()}-{time.monotonic_ns()}"
        self._types: dict[str, str] = {}
        self._context: zmq.Context[Any] = zmq.Context()
        libzmq.prepare()
        self._socket: zmq.Socket[bytes] = self._context.socket(zmq.SUB)
        self._allowance = Allowance(wish.limit, time.monotonic())

    def run(self, signals: Signals) -> None:
        """Show messages. Raises RunError when the device cannot be tapped or has gone."""
        try:
            self._connect(self._lease(LEASE))
            self._watch(signals)
            self._lease("0s")
        finally:
            self._context.destroy(linger=0)

    def _lease(self, duration: str) -> str:
        asked = {"viewer": self._name, "lease": duration}
        told = self.asker.ask(self.found.address, "tap", asked)
        self._types = told["types"]
        return str(told["address"])

    def _connect(self, address: str) -> None:
        where = reachable(address, self.found.address)
        self._socket.set(zmq.RCVHWM, HWM)
        if where.startswith("tcp://"):
            self._socket.set(zmq.IPV6, int(addresses.split(where, "connect").ipv6))
        for mark in MARKS[self.wish.direction]:
            self._socket.subscribe(mark)
        self._socket.connect(where)

    def _watch(self, signals: Signals) -> None:
        poller = zmq.Poller()
        poller.register(self._socket, zmq.POLLIN)
        poller.register(signals.fileno(), zmq.POLLIN)
        renew = time.monotonic() + RENEW
        while not signals.take() and not self._done():
            poller.poll(100)
            self.sink.look()
            self.sink.flush()
            self._show(recv_burst(self._socket, BURST))
            if time.monotonic() >= renew:
                self._renew()
                renew = time.monotonic() + RENEW

    def _renew(self) -> None:
        try:
            self._lease(LEASE)
        except RunError:
            raise RunError(f"{self.found.name} has stopped, or does not answer") from None

    def _show(self, messages: list[list[bytes]]) -> None:
        now, clock = time.monotonic(), time.time()
        for frames in messages:
            if self._done():
                return
            if not self.sink.empty or not self._allowance.take(now):
                self.left_out += 1
                continue
            self.sink.write(written(self.wish.layout, sample(frames, self._types), clock))
            self.shown += 1

    def _done(self) -> bool:
        return self.sink.closed or (self.wish.count is not None and self.shown >= self.wish.count)
