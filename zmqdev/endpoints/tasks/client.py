"""client: sends requests from a feed, several at a time, and prints their replies.

Its sockets are DEALERs that send and receive like a REQ, so that a lost reply never blocks one. A
`Wire` encodes the messages.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable

import zmq

from zmqdev.endpoints.feed import Feed, Messages
from zmqdev.endpoints.form.format import Layout, write_out
from zmqdev.endpoints.gate import Gate
from zmqdev.endpoints.pace import Pacing
from zmqdev.endpoints.task import AT_ONCE, BURST, FlowCount, Rest, Wait, counted
from zmqdev.endpoints.tasks.base import BaseTask, slow_reader
from zmqdev.endpoints.tasks.calls import Calls
from zmqdev.endpoints.tasks.failure import is_failure
from zmqdev.endpoints.tasks.requests import Requests
from zmqdev.endpoints.tasks.sender import LOOK, Readiness
from zmqdev.endpoints.tasks.wire import Shared, Wire
from zmqdev.errors import RunError, Unmet, ZmqdevError
from zmqdev.stats.latency import Latency
from zmqdev.system.stdio import Sink

log = logging.getLogger("zmqdev")


class ClientTask(BaseTask):
    """The task of a client.

    At its end every request was answered or given up, so nothing has to leave the socket.
    """

    lingers = False

    def __init__(
        self,
        socket: zmq.Socket[bytes],
        feed: Feed,
        pace: Pacing | None,
        gate: Gate,
        requests: Requests,
        sink: Sink,
        layout: Layout,
        clock: Callable[[], float] = time.time,
        wire: Wire | None = None,
    ) -> None:
        # It stalls only while it waits for peers, since each request has its own time limit.
        super().__init__(gate)
        self.flow = FlowCount()
        self.requests = requests
        self.latency = Latency()
        self.broken = 0  # replies that say that the worker's command failed
        self._feed, self._pace, self._gate = feed, pace, gate
        self._wire = wire or Shared(socket, requests)
        self._sink, self._layout, self._clock = sink, layout, clock
        self._readiness = Readiness(feed)
        self._stopping = False
        self._began: float | None = None
        self._last_reply = 0.0

    @property
    def expected(self) -> int | None:
        return self._feed.total

    @property
    def ended(self) -> bool:
        if self._sink.closed:
            return True
        no_more = self._feed.ended or self._stopping
        return no_more and not self.requests.open and self._sink.empty

    def step(self, now: float) -> Wait:
        if not self._sink.flush():
            return Wait(writers=(self._sink.descriptor,))
        # Replies come first: after a pause of this program, those that have come are not late.
        came = self._receive(now)
        self._give_up(now)
        if not self._gate.check() and not self._stopping:
            self._stalled(now)
            return Wait(until=now + LOOK)
        self.stalled_since = None
        started = self._start(now)
        if self._wire.send(now) or came or started:
            return AT_ONCE
        self._sink.look()
        return self._wait(now)

    def stop(self, now: float) -> None:
        """Start no more requests; open ones may still get their replies."""
        self._stopping = True

    def rest(self) -> Rest | None:
        left = self.requests.open
        if left:
            return Rest(
                "the reply to a request" if left == 1 else f"the replies to {left} requests"
            )
        return slow_reader(self._sink)

    def unmet(self) -> str | None:
        return self._gate.unmet()

    def verdict(self) -> ZmqdevError | None:
        counts, started = self.requests.counts, self.requests.started
        if counts.failed:
            return Unmet(f"{counts.failed} of {started} requests had no reply")
        if counts.short:
            wanted = self.requests.replies
            return Unmet(f"{counts.short} of {started} requests had fewer than {wanted} replies")
        if self.broken:
            return RunError(f"{self.broken} of {started} requests failed at their worker")
        return None

    def reports(self) -> list[str]:
        """Report the requests that were open when the client was interrupted."""
        left, hidden = self.requests.open, self.requests.counts.late
        lines = [f"still without a reply: {counted(left, 'request')}"] if left else []
        if hidden:
            lines.append(f"replies not printed, late or more than wanted: {hidden}; see --replies")
        return lines

    def summary(self) -> str | None:
        if not self.requests.started:
            return None
        counts = self.requests.counts
        parts = [
            counted(self.requests.started, "request"),
            f"{counts.replied} {self.requests.done}",
        ]
        others = {
            "retried": counts.retried,
            "failed": counts.failed,
            "late": counts.late,
            "malformed": counts.malformed,
        }
        parts += [f"{count} {name}" for name, count in others.items() if count]
        times = self.latency.summary()
        if times.p50 is not None and times.p99 is not None and times.max is not None:
            took = self._last_reply - (self._began or 0.0)
            if counts.replied > 1 and took > 0:
                parts.append(f"{counts.replied / took:.1f} replies/s")
            shown = {"p50": times.p50, "p99": times.p99, "max": times.max}
            parts += [f"{name} {_milliseconds(value)}" for name, value in shown.items()]
        return ", ".join(parts)

    def extra(self) -> dict[str, float]:
        counts = self.requests.counts
        found: dict[str, float] = {
            "sent": counts.sent,
            "open": self.requests.open,
            "retried": counts.retried,
            "failed": counts.failed,
            "late": counts.late,
            "malformed": counts.malformed,
        }
        times = self.latency.summary()
        shown = {"p50": times.p50, "p99": times.p99, "max": times.max}
        found |= self._pace.told() if self._pace is not None else {}
        return found | {name: value for name, value in shown.items() if value is not None}

    def close(self) -> None:
        self._feed.close()
        self.requests.counts.late += self._wire.unread()
        self._wire.close()

    def _receive(self, now: float) -> int:
        came, replies = self._wire.collect(now)
        self._tell_refusals()
        if replies:
            bodies: Messages = []
            for reply in replies:
                if reply.first:
                    self.latency.add(reply.seconds)
                self.broken += is_failure(reply.body)
                bodies.append(reply.body)
            self._last_reply = now
            self.flow.add(bodies)
            self._sink.write(write_out(self._layout, bodies, self._clock()))
        return came

    def _tell_refusals(self) -> None:
        """Log the requests that a reliable queue refused."""
        if isinstance(self.requests, Calls):
            for refusal in self.requests.take_refusals():
                level = logging.WARNING if refusal.final else logging.INFO
                log.log(level, "request %d: %s", refusal.number, refusal.text)

    def _give_up(self, now: float) -> None:
        for number in self.requests.tick(now):
            tries = self.requests.retries + 1
            log.warning(
                "request %d: no reply within %gs%s",
                number,
                self.requests.timeout,
                f", {tries} times" if tries > 1 else "",
            )

    def _start(self, now: float) -> int:
        limit = self._startable(now)
        if not limit or not self._readiness.now:
            return 0
        bodies = self._feed.take(limit)
        for body in bodies:
            self.requests.start(body, now)
        if bodies and self._began is None:
            self._began = now
        if self._pace is not None:
            self._pace.sent(len(bodies), now)
        return len(bodies)

    def _startable(self, now: float) -> int:
        if self._stopping or self._feed.ended:
            return 0
        room = min(self.requests.room, BURST)
        return room if self._pace is None or not room else min(room, self._pace.due(now))

    def _wait(self, now: float) -> Wait:
        deadline = self.requests.deadline()
        until = min(Wait.until if deadline is None else deadline, self._wire.deadline())
        readers: tuple[int | zmq.Socket[bytes], ...] = ()
        if self.requests.room and not self._stopping and not self._feed.ended:
            if self._pace is not None and not self._pace.due(now):
                until = min(until, self._pace.next(now))
            else:
                readers = self._readiness.readers
        room = zmq.POLLOUT if self._wire.wants_room else 0
        sources = (*readers, *self._wire.readers)
        return Wait(zmq.POLLIN | room, sources, outlets=self._sink.outlets, until=until)


def _milliseconds(seconds: float) -> str:
    return f"{seconds * 1000:.3g} ms" if seconds < 1 else f"{seconds:.2f} s"
