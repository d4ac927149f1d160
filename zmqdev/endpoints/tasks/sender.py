"""pub and push: messages are sent from a feed, at a pace, once enough peers are there."""

from __future__ import annotations

import select
import sys
from collections.abc import Callable

import zmq

from zmqdev.endpoints.feed import Feed, Messages
from zmqdev.endpoints.gate import Gate, SeenSubscriptions
from zmqdev.endpoints.pace import Pacing
from zmqdev.endpoints.task import AT_ONCE, BURST, FlowCount, Rest, Wait, counted
from zmqdev.endpoints.tasks.base import BaseTask
from zmqdev.relay import recv_burst, send_burst

# Seconds until another attempt. An XPUB is always reported as writable, even when it refuses a
# message because of a full subscriber. A millisecond is 2000 messages at full speed.
RETRY = 0.001
# Seconds between two looks while it waits for peers.
LOOK = 0.01


class Readiness:
    """Whether messages can be taken from a feed without waiting."""

    def __init__(self, feed: Feed) -> None:
        self.feed = feed
        self._poll = select.poll()
        self._descriptor: int | None = None

    @property
    def now(self) -> bool:
        """Whether the feed has messages now."""
        return self.feed.ready or (bool(self.readers) and bool(self._poll.poll(0)))

    @property
    def readers(self) -> tuple[int, ...]:
        """Return the descriptor of the feed, which changes with each of several files."""
        found = self.feed.fileno()
        if found != self._descriptor:
            if self._descriptor is not None:
                self._poll.unregister(self._descriptor)
            if found is not None:
                self._poll.register(found, select.POLLIN)
            self._descriptor = found
        return () if found is None else (found,)


class Sender(BaseTask):
    """The task of pub and push.

    `reached` returns whether a peer is connected. It is for sockets that would queue messages
    without a peer, and None for all others.
    """

    def __init__(
        self,
        socket: zmq.Socket[bytes],
        feed: Feed,
        pace: Pacing | None,
        gate: Gate,
        subscriptions: SeenSubscriptions | None,
        reached: Callable[[], object] | None = None,
    ) -> None:
        super().__init__(gate)
        self._reached = reached
        self.unheard = 0
        self._socket, self._feed, self._pace, self._gate = socket, feed, pace, gate
        self._subscriptions = subscriptions
        self._publisher = socket.type in (zmq.PUB, zmq.XPUB)
        self._readiness = Readiness(feed)
        self._held: Messages = []
        self._at = 0  # how many of _held were sent
        self._before = FlowCount()  # what was sent before _held
        self._stopping = False

    @property
    def flow(self) -> FlowCount:
        """Return the count, including the part of the present burst that was sent."""
        flow = FlowCount(self._before.messages, self._before.bytes)
        flow.add(self._held[: self._at])
        return flow

    @property
    def expected(self) -> int | None:
        return self._feed.total

    @property
    def held(self) -> int:
        """Return how many messages of the feed the socket has not accepted yet."""
        return len(self._held) - self._at

    @property
    def ended(self) -> bool:
        if self.held:
            return False
        return self._feed.ended or (self._stopping and not self._rest_of_feed())

    def step(self, now: float) -> Wait:
        self._hear()
        if not self._gate.check() and not self._stopping:
            self._stalled(now)
            return Wait(self._listen(), until=now + LOOK)
        if not self.held:
            wait = self._refill(now)
            if wait is not None:
                self.stalled_since = None
                return wait
        if self._reached is not None and not self._reached():
            self._stalled(now)
            return Wait(until=now + LOOK)
        return self._send(now)

    def stop(self, now: float) -> None:
        """Make no more messages; those already read are still sent."""
        self._stopping = True

    def rest(self) -> Rest | None:
        unsent = self.held + (self._feed.waiting if self._rest_of_feed() else 0)
        return Rest(f"a peer to take {counted(unsent, 'message')}") if unsent else None

    def unmet(self) -> str | None:
        return self._gate.unmet() or f"no peer took a message; sent so far: {self.flow.messages}"

    def reports(self) -> list[str]:
        lines = []
        unsent = self.held + self._feed.waiting
        if unsent:
            lines.append(f"read and not sent: {counted(unsent, 'message')}")
        if self.unheard and self._pace is None:
            lost = counted(self.unheard, "message")
            lines.append(f"published without a subscriber: {lost}; see --wait-subscribers")
        return lines

    def summary(self) -> str | None:
        """Return the count at a terminal, where a publisher shows nothing else."""
        seen = self._publisher and sys.stderr is not None and sys.stderr.isatty()
        return f"sent: {counted(self.flow.messages, 'message')}" if seen else None

    def extra(self) -> dict[str, float]:
        found: dict[str, float] = {"waiting": self.held}
        if self._subscriptions is not None:
            found |= {"subscriptions": self._subscriptions.held, "unheard": self.unheard}
        return found | (self._pace.told() if self._pace is not None else {})

    def close(self) -> None:
        self._feed.close()

    def _hear(self) -> None:
        """Read the subscriptions; an XPUB would keep them without end otherwise."""
        if self._subscriptions is not None:
            for frames in recv_burst(self._socket, BURST):
                self._subscriptions.receive(frames)

    def _listen(self) -> int:
        return zmq.POLLIN if self._subscriptions is not None else 0

    def _rest_of_feed(self) -> bool:
        """Return whether to send what a stream has read ahead; with a pace there is no time to."""
        return self._pace is None and self._feed.waiting > 0

    def _refill(self, now: float) -> Wait | None:
        """Take the next burst; return a Wait when there is none yet."""
        limit = BURST if self._pace is None or self._stopping else self._pace.due(now)
        if limit == 0:
            assert self._pace is not None
            return Wait(self._listen(), until=self._pace.next(now))
        if not self._readiness.now:
            return Wait(self._listen(), self._readiness.readers)
        self._before.add(self._held)
        self._held, self._at = self._feed.take(limit), 0
        return None if self._held else AT_ONCE

    def _send(self, now: float) -> Wait:
        burst = self._held[self._at :] if self._at else self._held
        accepted, _ = send_burst(self._socket, burst)
        if accepted:
            self._sent(accepted, now)
        if self.held:
            self._stalled(now)
            return Wait(self._listen(), until=now + RETRY) if self._publisher else _ROOM
        return AT_ONCE

    def _sent(self, count: int, now: float) -> None:
        self._at += count
        self.stalled_since = None
        if self._pace is not None:
            self._pace.sent(count, now)
        if self._subscriptions is not None and not self._subscriptions.held:
            self.unheard += count


_ROOM = Wait(zmq.POLLOUT)
