"""Work on demand: a job is read only when a worker has asked for one.

The backend is a ROUTER. Each message from a worker asks for one job, which is sent back with the
same envelope. So a REQ worker (ask, work, ask) and a DEALER that asks for some jobs ahead both work
unchanged. The worker that has waited longest is served first. When a worker has gone, its request
is dropped, and the job is given to the next one.
"""

from __future__ import annotations

import time
from collections import deque
from errno import EAGAIN

import zmq

from zmqdev.device.socket import events
from zmqdev.relay import Counters, Lane, recv_burst
from zmqdev.relay.asks import Asks
from zmqdev.relay.bursts import offer
from zmqdev.relay.counters import ROWS, TURNS_CELL

BATCH = 100
TICK = 0.1
MESSAGES, BYTES = ROWS["messages"], ROWS["bytes"]
FULL, BLOCKED = ROWS["full"], ROWS["blocked_ns"]


class DemandRelay:
    """A relay that gives jobs to workers that ask, with the interface of `Relay`.

    Workers ask in the backward direction, where no message is counted.
    """

    def __init__(
        self,
        frontend: zmq.Socket[bytes],
        backend: zmq.Socket[bytes],
        wake: zmq.Socket[bytes],
        counters: Counters,
        forward: Lane,
        asks: Asks | None = None,
    ) -> None:
        self.frontend, self.backend, self.wake = frontend, backend, wake
        self.counters, self.forward = counters, forward
        self.backward = Lane(enabled=False)
        self.asks = asks if asks is not None else Asks()
        self.capture: zmq.Socket[bytes] | None = None
        self.tap: zmq.Socket[bytes] | None = None
        self.labels: tuple[bytes, bytes] = (b"", b"")
        self._jobs: deque[list[bytes]] = deque()
        self._since = 0

    def behind(self, source: zmq.Socket[bytes]) -> DemandRelay:
        """Return a relay from another source to the same workers."""
        return DemandRelay(source, self.backend, self.wake, self.counters, self.forward, self.asks)

    @property
    def held(self) -> tuple[bool, bool]:
        """Whether jobs were taken whose worker has gone, while no other worker asks."""
        return bool(self._jobs), False

    def close(self) -> None:
        """Drop the jobs that are held."""
        self._jobs.clear()

    def run(
        self,
        forward: bool = True,
        backward: bool = True,
        until_idle: bool = False,
        limit_ms: int = -1,
    ) -> bool:
        """Give jobs; see `Relay.run`.

        Requests of workers are read even when `backward` is suspended, as they are no messages.
        """
        end = time.monotonic() + limit_ms / 1000 if limit_ms >= 0 else None
        while True:
            self._hear()
            moved = self._turn() if forward else 0
            self.counters.cells[TURNS_CELL] += 1
            if events(self.wake) & zmq.POLLIN:
                return True
            now = time.monotonic()
            if (end is not None and now >= end) or (until_idle and not moved and not self._jobs):
                return False
            if not moved:
                self._wait(forward, TICK if end is None else min(TICK, end - now))

    def _hear(self) -> None:
        for message in recv_burst(self.backend, BATCH):
            self.asks.add(message)

    def _turn(self) -> int:
        """Give up to BATCH jobs to workers that asked; return how many."""
        self._count_blocked()
        wanted = len(self.asks.waiting) - len(self._jobs)
        if wanted > 0:
            self._jobs.extend(self._received(min(BATCH, wanted)))
        elif self.forward.on_full == "drop" and not self.asks.waiting:
            return self._drop()
        moved = 0
        while self._jobs and self._give(self._jobs[0]):
            self._jobs.popleft()
            moved += 1
        return moved

    def _received(self, limit: int) -> list[list[bytes]]:
        origins = self.counters.origins
        if not origins.wanted:
            return self._passing(recv_burst(self.frontend, limit))
        seen: set[int] = set()
        messages = recv_burst(self.frontend, limit, seen)
        origins.note(0, seen)
        return self._passing(messages)

    def _passing(self, messages: list[list[bytes]]) -> list[list[bytes]]:
        """Return the messages within the limits of the lane; the others are counted."""
        return [message for message in messages if not self._refused(message)]

    def _refused(self, message: list[bytes]) -> bool:
        reason = self.forward.oversize(message)
        if reason is not None:
            self.counters.cells[ROWS[reason]] += 1
        return reason is not None

    def _drop(self) -> int:
        """Drop what comes, because no worker asks and nothing may wait."""
        dropped = len(self._jobs) + len(self._received(BATCH))
        self._jobs.clear()
        self.counters.cells[FULL] += dropped
        return dropped

    def _give(self, job: list[bytes]) -> bool:
        """Give a job to the first waiting worker that takes it; return False when none does."""
        for _ in range(len(self.asks.waiting)):
            if not self.asks.waiting:  # a worker that has gone had asked more than once
                break
            lead = self.asks.take()
            refused = offer(self.backend, [*lead, *job])
            if not refused:
                self._passed(job)
                return True
            if refused == EAGAIN:
                self.asks.give_back(lead)
            else:
                self.asks.forget(lead[0])
        self._since = self._since or time.monotonic_ns()
        return False

    def _passed(self, job: list[bytes]) -> None:
        self._since = 0
        self.counters.cells[BYTES] += sum(map(len, job))
        self.counters.cells[MESSAGES] += 1
        if self.capture is not None:
            offer(self.capture, [self.labels[0], *job] if self.labels[0] else job)
        if self.tap is not None:
            offer(self.tap, [b">", *job])

    def _count_blocked(self) -> None:
        if self._since:
            now = time.monotonic_ns()
            self.counters.cells[BLOCKED] += now - self._since
            self._since = now

    def _wait(self, forward: bool, seconds: float) -> None:
        """Wait until a worker asks, a job comes that can be given, or `wake` is readable."""
        poller = zmq.Poller()
        poller.register(self.wake, zmq.POLLIN)
        poller.register(self.backend, zmq.POLLIN)
        drops = self.forward.on_full == "drop"
        if forward and not self._jobs and (self.asks.waiting or drops):
            poller.register(self.frontend, zmq.POLLIN)
        poller.poll(max(0, round(seconds * 1000)))
