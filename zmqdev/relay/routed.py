"""A relay to several targets, by the content of messages; see routing.decide.

Forward, it takes one message at a time and sends it to the backends of the routes that match. At
most one message is held, with the backends that it still has to reach. While it is held, those
backends are polled and the source is not. Messages from the backends are sent to the frontend as in
a plain relay; those from a backend that gets only copies are dropped and counted.

A message counts as passed on when at least one backend took it, otherwise under one kind of drop:
`route`, `unrouted` or `full`. So each message is counted once.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from errno import EAGAIN
from typing import Any

import zmq

from zmqdev.relay.asks import Asks
from zmqdev.relay.bursts import recv_burst, send_burst
from zmqdev.relay.counters import ROWS, WIDTH, Counters
from zmqdev.relay.lane import Lane
from zmqdev.relay.target import Target
from zmqdev.relay.twin import BYTES, FULL, MESSAGES, UNREACHABLE, Direction, Relay, events
from zmqdev.relay.veil import unveil, veil
from zmqdev.routing.decide import Decision, State, advance, begin
from zmqdev.routing.table import Table
from zmqdev.wire.envelope import body_at

Socket = zmq.Socket[bytes]
COPY = ROWS["copy"]
HEARD = 1000
"""Messages of workers that are heard at once."""


class Fan(Direction):
    """The direction from one source to several targets."""

    def __init__(self, source: Socket, targets: Sequence[Target], *, enveloped: bool) -> None:
        super().__init__(source, targets[0].socket, b">", 0)
        self.targets = targets
        self.enveloped = enveloped
        self.decision: Decision | None = None
        self.state: State | None = None
        """That of the held message: it ends under the table that it began with."""
        self.sent = 0
        self.lost = ""

    @property
    def blocks(self) -> bool:
        """Whether the message waits for a backend that is full."""
        return self.decision is not None and self.decision.blocks

    @property
    def awaited(self) -> tuple[Socket, ...]:
        """Return the sockets of which one must be ready before a message can move."""
        if self.decision is None:
            return (self.source,)
        return tuple(self.targets[index].socket for index in self.decision.waits)

    def can_move(self, ready: Mapping[Socket, int]) -> bool:
        """Return whether to try; `ready` has EVENTS of the awaited sockets."""
        if self.decision is None:
            return bool(ready[self.source] & zmq.POLLIN)
        new = False
        for index in self.decision.waits:
            target = self.targets[index]
            if target.asks is not None:
                new = new or bool(ready[target.socket] & zmq.POLLIN)
                continue
            writable = bool(ready[target.socket] & zmq.POLLOUT)
            new = new or (writable and not target.claimed)
            target.claimed = writable
        return new

    @property
    def lies(self) -> bool:
        """Whether a target has reported to be ready and refused."""
        waits = self.decision.waits if self.decision is not None else ()
        return any(self.targets[index].claimed for index in waits)

    def look(self) -> None:
        """Have publishers notice what was read from them."""
        for target in self.targets:
            if target.is_publisher:
                events(target.socket)


class RoutedRelay(Relay):
    """A relay with several backends; otherwise like `twin.Relay`.

    With `state` it continues with that of another relay.
    """

    def __init__(
        self,
        frontend: Socket,
        targets: Sequence[Target],
        wake: Socket,
        counters: Counters,
        table: Table,
        forward: Lane = Lane(),  # noqa: B008 (frozen)
        backward: Lane = Lane(),  # noqa: B008 (frozen)
        *,
        enveloped: bool = False,
        state: State | None = None,
        receive: Callable[..., list[list[bytes]]] = recv_burst,
        send: Callable[..., tuple[int, int]] = send_burst,
    ) -> None:
        super().__init__(frontend, targets[0].socket, wake, counters, forward, backward)
        self.state = state if state is not None else State(table)
        self.targets = targets
        self._next: State | None = None
        self._receive, self._send = receive, send
        self._enveloped = enveloped
        self._asked = [target for target in targets if target.asks is not None]
        self._fan = Fan(frontend, targets, enveloped=enveloped)
        self._flows = (
            self._fan,
            *(Direction(target.socket, frontend, b"<", WIDTH) for target in targets),
        )

    def behind(self, source: Socket) -> RoutedRelay:
        """Return a relay from another source to the same targets."""
        return RoutedRelay(
            *(source, self.targets, self.wake, self.counters, self.state.table),
            **self.behind_options(),
        )

    def behind_options(self) -> dict[str, Any]:
        """Return the keyword arguments of `behind`."""
        return {
            "forward": self.forward,
            "backward": Lane(enabled=False),
            "enveloped": self._enveloped,
            "state": self.state,
            "receive": self._receive,
            "send": self._send,
        }

    def renew(self, table: Table) -> None:
        """Replace the table from the next message on. Any thread.

        Routes that keep their names keep their counts.
        """
        self._next = State(table)

    def close(self) -> None:
        """Drop held messages."""
        super().close()
        self._fan.decision = None

    def _turn(self, flow: Direction) -> int:
        if flow is self._fan:
            self._hear()
        return super()._turn(flow)

    def _hear(self) -> None:
        """Read the requests of workers."""
        for target in self._asked:
            for message in self._receive(target.socket, HEARD):
                target.asks.add(message)  # type: ignore[union-attr]  # that is why it is here

    def _take(self, flow: Direction) -> bool:
        if flow is not self._fan:
            return self._take_back(flow)
        if self._next is not None:
            after, self._next = self._next, None
            after.follow(self.state)
            self.state = after
        seen: set[int] | None = set() if flow.noting else None
        burst = self._receive(flow.source, 1, *(() if seen is None else (seen,)))
        if not burst:
            return False
        if seen:
            self.counters.origins.note(0, seen)
        self._begin(self._fan, burst[0])
        return True

    def _take_back(self, flow: Direction) -> bool:
        """Take a reply; drop it if it comes from a backend that gets only copies."""
        taken = super()._take(flow)
        index = self._flows.index(flow) - 1
        if flow.held is not None and index in self.state.table.copied_only:
            flow.held = None
            self._count(flow, COPY, 1)
        return taken

    def _begin(self, fan: Fan, message: list[bytes]) -> None:
        if not self._is_within(fan, message):
            return
        if fan.from_router:
            message[0] = veil(message[0])
        fan.decision = begin(message, body_at(message) if fan.enveloped else 0)
        fan.state, fan.sent, fan.lost = self.state, 0, ""
        fan.held = message  # type: ignore[assignment]  # only whether there is one counts

    def _deliver(self, flow: Direction, message: list[zmq.Frame]) -> bool:
        if flow is not self._fan:
            return super()._deliver(flow, message)
        fan, decision = self._fan, self._fan.decision
        assert decision is not None
        assert fan.state is not None
        now = time.monotonic_ns()
        advance(fan.state, decision, self._offer, now)
        if not decision.done:
            fan.since = fan.since or now
            return False
        fan.held, fan.decision, fan.since = None, None, 0
        if not fan.sent:
            self._count(fan, ROWS[fan.lost or decision.lost or "full"], 1)
            return True
        self._count(fan, BYTES, sum(map(len, decision.envelope)) + decision.size)
        self._count(fan, MESSAGES, 1)
        self._copy_bytes([*decision.envelope, *decision.frames])
        return True

    def _offer(self, index: int, message: list[bytes]) -> bool:
        """Offer a message to a backend; return whether it is done with.

        A message that a ROUTER cannot deliver is dropped and counted.
        """
        target = self.targets[index]
        if target.asks is not None:
            return self._serve(target, target.asks, message)
        if target.is_router:
            return self._address(target, message)
        target.have_wait(self._fan.blocks)
        accepted, _ = self._send(target.socket, (message,))
        if accepted:
            self._sent(target, message)
        return bool(accepted)

    def _serve(self, target: Target, asks: Asks, message: list[bytes]) -> bool:
        """Give a message to the first waiting worker that takes it."""
        for _ in range(len(asks.waiting)):
            if not asks.waiting:  # a worker that has gone had asked more than once
                break
            lead = asks.take()
            accepted, refused = self._send(target.socket, ([*lead, *message],))
            if accepted:
                self._sent(target, message)
                return True
            if refused == EAGAIN:
                asks.give_back(lead)
            else:
                asks.forget(lead[0])
        return False

    def _address(self, target: Target, message: list[bytes]) -> bool:
        row = UNREACHABLE
        if len(message) > 1:
            accepted, refused = self._send(target.socket, ([unveil(message[0]), *message[1:]],))
            if accepted:
                self._sent(target, message)
                return True
            row = FULL if refused == EAGAIN else UNREACHABLE
        self._fan.lost = "full" if row == FULL else "unreachable"
        return True

    def _sent(self, target: Target, message: list[bytes]) -> None:
        self._fan.sent += 1
        target.claimed = False
        target.sent(sum(map(len, message)))

    def _copy_bytes(self, message: list[bytes]) -> None:
        if self.capture is not None:
            label = self.labels[0]
            self._send(self.capture, ([label, *message] if label else message,))
        if self.tap is not None:
            self._send(self.tap, ([self._fan.mark, *message],))

    def _count_blocked(self, flow: Direction) -> None:
        since = flow.since
        super()._count_blocked(flow)
        if flow is self._fan and since and self._fan.decision is not None:
            for index in self._fan.decision.waits:
                self.targets[index].waited(flow.since - since)

    def _sockets(self) -> list[Socket | None]:
        backends = [target.socket for target in self.targets]
        return [self.frontend, *backends, self.capture, self.tap]
