"""dealer, router and pair: input is sent and incoming messages are printed, at any time.

It ends after the wanted number of messages. Without a number it ends when the input has ended and
nothing has come for a while; without input, when it is stopped.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import zmq

from zmqdev.endpoints.addressed import incoming
from zmqdev.endpoints.feed import Feed, Messages
from zmqdev.endpoints.form.format import Layout
from zmqdev.endpoints.gate import Gate
from zmqdev.endpoints.pace import Pacing
from zmqdev.endpoints.task import AT_ONCE, BURST, Rest, Wait, counted
from zmqdev.endpoints.tasks.base import slow_reader
from zmqdev.endpoints.tasks.conversation import Conversation
from zmqdev.endpoints.tasks.last import Last
from zmqdev.endpoints.tasks.sender import LOOK
from zmqdev.relay import send_burst
from zmqdev.system.stdio import Sink

# Seconds. A ROUTER learns the routing id of a peer a moment after the handshake is done.
GRACE = 0.25


class Duplex(Conversation):
    """The task of dealer, router and pair.

    It ends when the input has ended and nothing has come for `quiet` seconds; with None it does
    not. `reached` is as for `Sender`.
    """

    def __init__(
        self,
        socket: zmq.Socket[bytes],
        feed: Feed | None,
        pace: Pacing | None,
        gate: Gate,
        sink: Sink,
        layout: Layout,
        count: int | None,
        quiet: float | None,
        reached: Callable[[], object] | None = None,
    ) -> None:
        super().__init__(socket, feed, pace, gate, sink, layout, count)
        self.unanswered = 0
        self._quiet, self._reached = quiet, reached
        self._addressed = socket.type == zmq.ROUTER
        self._held: Messages = []
        self._grace_ends: float | None = None
        self._quiet_since: float | None = None  # since when the input has ended and nothing came
        self._left: int | None = None  # after `stop`: how many more are taken
        self._done = False
        self._last = Last(socket)

    @property
    def ended(self) -> bool:
        return self._sink.closed or (self._sink.empty and not self._held and self._all_came)

    @property
    def _all_came(self) -> bool:
        if self._done:
            return True
        return self._complete and (not self._to_send or self._stream)

    @property
    def _to_send(self) -> bool:
        return bool(self._held) or (self._feed is not None and not self._feed.ended)

    @property
    def _stream(self) -> bool:
        """Whether the input comes from outside, so that it may never end."""
        return self._feed is not None and self._feed.fileno() is not None

    def step(self, now: float) -> Wait:
        came = self._receive(now) if self._sink.flush() else 0
        open_ = self._gate.check() or self._left is not None
        sent = self._send(now) if open_ else 0
        if came or sent:
            self.stalled_since = self._quiet_since = None
            return AT_ONCE
        self._sink.look()
        return self._wait(now, open_)

    def stop(self, now: float) -> None:
        """Take nothing more in; messages already read are sent, those already here are printed."""
        self._left = self._last.left

    @property
    def intake(self) -> Callable[[int], int] | None:
        """Return a function that takes in messages if nothing was sent, and counts them at the end.

        Messages in the receive buffers would be lost with the connections. A task that has sent
        keeps its connections, because its messages may not have left yet.
        """
        if self.ended:
            self._last.keep = False
            return self._last.take if self._left is not None or self._complete else None
        silent = not self.sent and not self._held
        return self._last.take if silent and not self._all_came else None

    def rest(self) -> Rest | None:
        if self._held:
            return Rest(f"a peer to take {counted(len(self._held), 'message')}")
        return slow_reader(self._sink)

    def unmet(self) -> str | None:
        if self._gate.unmet() and self._to_send:
            return self._gate.unmet()
        return super().unmet()

    def reports(self) -> list[str]:
        lines = self._unsent(len(self._held))
        if self.unanswered:
            dropped = counted(self.unanswered, "message")
            lines.append(f"dropped, peer unknown or not reading: {dropped}")
        stopped = self._left is not None
        return lines + (self._last.late("message", "printed") if stopped else self._last.report())

    def extra(self) -> dict[str, float]:
        return super().extra() | ({"unanswered": self.unanswered} if self._addressed else {})

    @property
    def _reaches(self) -> bool:
        return self._reached is None or bool(self._reached()) or self._left is not None

    def _receive(self, now: float) -> int:
        limit = BURST if self._left is None else min(BURST, self._left)
        if self.expected is not None:
            limit = min(limit, self.expected - self.flow.messages)
        messages = self._last.messages(limit) if limit > 0 else []
        if self._left is not None:
            self._left -= len(messages)
            self._done = not messages
        if messages:
            self.flow.add(messages)
            shown = incoming(messages) if self._addressed else messages
            self._show(shown)
        return len(messages)

    def _send(self, now: float) -> int:
        """Send, and return how many messages are done with.

        The input is also read while no peer is connected, so that its end is noticed.
        """
        if not (self._held or self._refill(now)) or not self._reaches:
            return 0
        accepted, reason = send_burst(self._socket, self._held)
        self.sent += accepted
        done = accepted
        if reason and self._addressed and not self._in_grace(now):
            # The peer is gone or does not read; it must not hold up the others.
            self.unanswered += 1
            done += 1
        del self._held[:done]
        if self._pace is not None:
            self._pace.sent(done, now)
        return done

    def _in_grace(self, now: float) -> bool:
        if self._grace_ends is None:
            self._grace_ends = now + GRACE
        return now < self._grace_ends

    def _refill(self, now: float) -> bool:
        if self._feed is None or self._readiness is None or self._left is not None:
            return False
        limit = BURST if self._pace is None else self._pace.due(now)
        if not limit or self._feed.ended or not self._readiness.now:
            return False
        self._held = list(self._feed.take(limit))
        return bool(self._held)

    def _wait(self, now: float, open_: bool) -> Wait:
        self._stalled(now)
        until, readers = self._look_again(now, open_), self._sources(now, open_)
        if not self._to_send and self._feed is not None and self._quiet is not None:
            self._quiet_since = now if self._quiet_since is None else self._quiet_since
            self._done = self._done or now >= self._quiet_since + self._quiet
            until = min(until, self._quiet_since + self._quiet)
        writers = () if self._sink.empty else (self._sink.descriptor,)
        events = zmq.POLLIN if self._sink.empty else 0
        if self._held and open_ and self._reaches and not self._addressed:
            events |= zmq.POLLOUT
        return Wait(events, readers, writers, self._sink.outlets, until)

    def _look_again(self, now: float, open_: bool) -> float:
        if not open_ or (self._held and (self._addressed or not self._reaches)):
            return now + LOOK
        if self._pace is not None and self._to_send and not self._pace.due(now):
            return self._pace.next(now)
        return math.inf

    def _sources(self, now: float, open_: bool) -> tuple[int, ...]:
        """Return the input's descriptor if the input would be read now."""
        if self._held or self._readiness is None or not (open_ and self._to_send):
            return ()
        if self._pace is not None and not self._pace.due(now):
            return ()
        return self._readiness.readers
