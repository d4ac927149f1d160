"""req and rep: one message out, one in, in turn. Incoming messages are printed.

A REQ sends first, a REP receives first; the socket refuses any other order. A REP reads its next
reply ahead if the input has one, so that it takes no request that it cannot answer.
"""

from __future__ import annotations

from collections.abc import Callable

import zmq

from zmqdev.endpoints.feed import Feed
from zmqdev.endpoints.form.format import Layout, Message
from zmqdev.endpoints.gate import Gate
from zmqdev.endpoints.pace import Pacing
from zmqdev.endpoints.task import AT_ONCE, Rest, Wait, held_at_most
from zmqdev.endpoints.tasks.base import slow_reader
from zmqdev.endpoints.tasks.conversation import Conversation
from zmqdev.endpoints.tasks.last import Last
from zmqdev.endpoints.tasks.sender import LOOK
from zmqdev.relay import recv_burst, send_burst
from zmqdev.system.stdio import Sink


class Lockstep(Conversation):
    """The task of req and rep. Without a feed, a REP sends each request back."""

    def __init__(
        self,
        socket: zmq.Socket[bytes],
        feed: Feed | None,
        pace: Pacing | None,
        gate: Gate,
        sink: Sink,
        layout: Layout,
        count: int | None,
    ) -> None:
        super().__init__(socket, feed, pace, gate, sink, layout, count)
        self._asks = socket.type == zmq.REQ
        self._listens = not self._asks  # whether it is the peer's turn
        self._held: Message | None = None
        self._stopping = False
        self._left = 0  # after `stop`: how many more requests a REP answers at most
        self._surplus = Last(socket)
        self._surplus.keep = False

    @property
    def ended(self) -> bool:
        if self._sink.closed:
            return True
        if not self._sink.empty or (self._asks and self._listens):
            return False
        done = self.expected is not None and self.sent >= self.expected
        if self._stopping and not self._asks and self._listens:
            return done or not self._left
        return done or (self._held is None and (self._stopping or self._input_ended))

    @property
    def _input_ended(self) -> bool:
        return self._feed is not None and self._feed.ended

    def step(self, now: float) -> Wait:
        if not self._sink.flush():
            return Wait(writers=(self._sink.descriptor,))
        if not self._gate.check() and not self._stopping:
            self._stalled(now)
            return Wait(until=now + LOOK)
        if not self._listens:
            return self._speak(now)
        if not self._asks and self._readiness is not None and self._readiness.now:
            self._refill(now)
        if self._stopping and self._feed is not None and self._held is None and not self._asks:
            self._left = 0  # without a reply it takes no request
        return AT_ONCE if self.ended else self._listen(now)

    def stop(self, now: float) -> None:
        """Take nothing more in; a REQ may still get its reply, a REP answers what is here."""
        self._stopping = True
        self._left = held_at_most(self._socket)

    @property
    def intake(self) -> Callable[[int], int] | None:
        """Return a function that only counts requests of a REP, beyond its count or its stop."""
        over = self.expected is not None and self.sent >= self.expected
        over = (self.ended and self._listens) if self._stopping else over
        return self._surplus.take if over and not self._asks else None

    def rest(self) -> Rest | None:
        if self._asks and self._listens:
            return Rest("the reply to a request")
        if self._held is not None:
            return Rest("a peer to take 1 message")
        return slow_reader(self._sink)

    def unmet(self) -> str | None:
        if self._gate.unmet():
            return self._gate.unmet()
        noun = "replies" if self._asks else "requests"
        if self.expected is None and not (self._asks and self._listens):
            return None if self.flow.messages else f"no {noun} came"
        return f"{self.flow.messages} of {self.expected or self.sent} {noun} came"

    def reports(self) -> list[str]:
        if not self._asks:
            owed = "received and not answered: 1 request"
            late = self._surplus.late("request", "answered")
            told = late if self._stopping else self._surplus.report()
            return told if self._listens else [owed]
        lines = ["still without a reply: 1 request"] if self._listens else []
        return lines + self._unsent(int(self._held is not None))

    def _listen(self, now: float) -> Wait:
        messages = recv_burst(self._socket, 1)
        self._left -= bool(messages and self._stopping)
        if not messages and self._stopping and not self._asks:
            self._left = 0
            return AT_ONCE
        if not messages:
            self._sink.look()
            self._stalled(now)
            readers = self._readiness.readers if self._readiness and self._held is None else ()
            ahead = () if self._asks or self._input_ended else readers
            return Wait(zmq.POLLIN, ahead, outlets=self._sink.outlets)
        self.flow.add(messages)
        self._show(messages)
        self.stalled_since = None
        self._listens = False
        if self._feed is None:
            self._held = messages[0]
        return AT_ONCE

    def _speak(self, now: float) -> Wait:
        if self._held is None:
            wait = self._refill(now)
            if wait is not None:
                return wait
        assert self._held is not None
        if not send_burst(self._socket, [self._held])[0]:
            self._stalled(now)
            return Wait(zmq.POLLOUT)
        self._held, self._listens, self.stalled_since = None, True, None
        self.sent += 1
        if self._pace is not None:
            self._pace.sent(1, now)
        return AT_ONCE

    def _refill(self, now: float) -> Wait | None:
        """Take the next message, if none is held; return a Wait when there is none yet."""
        if self._held is not None:
            return None
        assert self._feed is not None
        assert self._readiness is not None
        self._sink.look()
        if self._pace is not None and not self._pace.due(now):
            return Wait(outlets=self._sink.outlets, until=self._pace.next(now))
        if not self._readiness.now:
            return Wait(readers=self._readiness.readers, outlets=self._sink.outlets)
        taken = self._feed.take(1)
        self._held = taken[0] if taken else None
        return None if taken else AT_ONCE
