"""The relay in Python, used where the C half could not be built.

The loop's rules, the same in `_native.c`:

- Only whole messages are moved. No call waits except the poll.
- A message that a full target refuses is held, one per direction. While it is held its source is
  not polled; its target is polled instead.
- Each direction moves at most BATCH messages a turn, so neither starves the other.
- It polls only when nothing can move, and then for at most TICK.
- EVENTS of every socket is read at least once per TICK, also of idle and suspended ones, since an
  idle PUB or XPUB handles new peers only then.
- EVENTS of a PUB or XPUB is read after each turn that gave it messages. It takes a pipe for full
  until it has noticed what was read from it, and drops messages meanwhile; while it sends, it looks
  only once a millisecond.

A signal handler that raises may lose the message in hand when the relay runs in the main thread,
the only one where handlers run. A handler that returns does no harm.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from errno import EAGAIN
from typing import cast

import zmq

from zmqdev.relay.bursts import LOST, WAIT_NOT, offer, recv_burst, send_burst
from zmqdev.relay.counters import ROWS, TURNS_CELL, WIDTH, Counters
from zmqdev.relay.lane import Lane
from zmqdev.relay.origins import origin
from zmqdev.relay.veil import SIZE, unveil, veil

__all__ = ["Relay", "recv_burst", "send_burst"]

BATCH = 100
TICK = 100_000_000
LIAR_TICK = 10_000_000
"""Nanoseconds."""
NEVER = 1 << 63

MESSAGES, BYTES = ROWS["messages"], ROWS["bytes"]
UNREACHABLE, FULL, BLOCKED = ROWS["unreachable"], ROWS["full"], ROWS["blocked_ns"]


class Direction:
    """One direction: what it holds and where it counts. `base` is its first cell.

    A single frame sent to a ROUTER is only a routing id: libzmq takes it and drops it, so it is not
    sent and counts as unreachable.
    """

    def __init__(
        self, source: zmq.Socket[bytes], target: zmq.Socket[bytes], mark: bytes, base: int
    ) -> None:
        self.source, self.target, self.mark, self.base = source, target, mark, base
        self.from_router = source.type == zmq.ROUTER
        self.to_router = target.type == zmq.ROUTER
        self.to_dropper = target.type in (zmq.PUB, zmq.XPUB)
        self.lane = Lane()
        self.limited = False
        self.held: list[zmq.Frame] | None = None
        self.since = 0
        """When the held message was last counted as blocked, in ns; 0 when nothing is blocked."""
        self.refused_at = 0
        """Since when the held message waits, in ns; 0 when none does."""
        self.claimed = False
        """EVENTS said POLLOUT since the target last refused."""
        self.noting = False
        """The origin of each message, in this turn."""

    @property
    def awaited(self) -> tuple[zmq.Socket[bytes], ...]:
        """Return the sockets of which one must be ready before a message can move."""
        return (self.source if self.held is None else self.target,)

    def can_move(self, ready: Mapping[zmq.Socket[bytes], int]) -> bool:
        """Return whether to try; `ready` has EVENTS of the awaited sockets.

        An XPUB with NODROP always reports POLLOUT. A target that refuses nevertheless is tried
        again when its descriptor becomes readable, and each LIAR_TICK.
        """
        if self.held is None:
            return bool(ready[self.source] & zmq.POLLIN)
        writable = bool(ready[self.target] & zmq.POLLOUT)
        new = writable and not self.claimed
        self.claimed = writable
        return new

    @property
    def lies(self) -> bool:
        """Whether a target has reported to be ready and refused."""
        return self.held is not None and self.claimed

    def look(self) -> None:
        """Have a target that drops notice what was read from it."""
        if self.to_dropper:
            events(self.target)


class Relay:
    """Moves whole messages between two sockets until a third one is readable.

    The sockets are pyzmq's and are used in the thread that calls `run`. `forward`, `backward`,
    `capture` and `tap` may be changed between two runs.
    """

    def __init__(
        self,
        frontend: zmq.Socket[bytes],
        backend: zmq.Socket[bytes],
        wake: zmq.Socket[bytes],
        counters: Counters,
        forward: Lane = Lane(),  # noqa: B008 (frozen)
        backward: Lane = Lane(),  # noqa: B008 (frozen)
    ) -> None:
        self.frontend, self.backend, self.wake = frontend, backend, wake
        self.counters = counters
        self.forward, self.backward = forward, backward
        self.capture: zmq.Socket[bytes] | None = None
        """A PUB that gets a copy of each message its target accepted."""
        self.tap: zmq.Socket[bytes] | None = None
        """The same, with one leading frame `>` (forward) or `<` (backward)."""
        self.stall_ms = -1
        """A run ends when a message has waited so long for the target of the first direction, in
        it or before; -1: it does not."""
        self.labels: tuple[bytes, bytes] = (b"", b"")
        """The leading frame of a copy for the capture, forward and backward; empty: none."""
        self._running = False
        self._flows: tuple[Direction, ...] = (
            Direction(frontend, backend, b">", 0),
            Direction(backend, frontend, b"<", WIDTH),
        )

    def behind(self, source: zmq.Socket[bytes]) -> Relay:
        """Return a relay from another source to the same target, forward only."""
        return Relay(
            *(source, self.backend, self.wake, self.counters),
            forward=self.forward,
            backward=Lane(enabled=False),
        )

    @property
    def held(self) -> tuple[bool, bool]:
        """Whether a message waits for a full target: (forward, backward)."""
        forward, *backward = self._flows
        return forward.held is not None, any(flow.held is not None for flow in backward)

    def take_held(self) -> list[bytes] | None:
        """Take the message that waits for a full target, forward; None when there is none."""
        self._refuse_while_running()
        flow = self._flows[0]
        if flow.held is None:
            return None
        held, flow.held, flow.refused_at = flow.held, None, 0
        return [frame.bytes for frame in held]

    def close(self) -> None:
        """Drop held messages. The sockets stay open, as they belong to the caller."""
        self._refuse_while_running()
        for flow in self._flows:
            flow.held, flow.refused_at = None, 0

    def _refuse_while_running(self) -> None:
        if self._running:
            raise RuntimeError("the relay is running")

    def run(
        self,
        forward: bool = True,
        backward: bool = True,
        until_idle: bool = False,
        limit_ms: int = -1,
    ) -> bool:
        """Move messages; return True when `wake` is readable (it is not read).

        Returns False when `until_idle` and nothing moves nor is held, or after `limit_ms`, or
        `stall_ms`. A direction that is False is suspended: its source is not polled and a held
        message stays held. Raises zmq.ContextTerminated, zmq.ZMQError for a closed socket, and
        RuntimeError when it is running already.
        """
        self._refuse_while_running()
        self._running = True
        try:
            return self._loop(self._start(forward, backward), until_idle, limit_ms)
        finally:
            self._running = False

    def _loop(self, flows: Sequence[Direction], until_idle: bool, limit_ms: int) -> bool:
        now = time.monotonic_ns()
        limit = _after(now, limit_ms)
        tick = self._touch(now)
        while True:
            moved = 0
            for flow in flows:
                passed = self._turn(flow)
                if passed:
                    flow.look()
                moved += passed
            self.counters.cells[TURNS_CELL] += 1
            now = time.monotonic_ns()
            if now >= tick:
                tick = self._touch(now)
            if events(self.wake) & zmq.POLLIN:
                return True
            held = any(flow.held is not None for flow in flows)
            end = min(limit, _stalled_at(flows, self._flows[0], self.stall_ms))
            if now >= end or (until_idle and not moved and not held):
                return False
            if not moved:
                self._wait(flows, min(tick, end) - now)

    def _start(self, forward: bool, backward: bool) -> list[Direction]:
        """Return the directions of this run, with their present rules."""
        first, *others = self._flows
        first.lane = self.forward
        for flow in others:
            flow.lane = self.backward
        asked = ((first, forward), *((flow, backward) for flow in others))
        flows = [flow for flow, on in asked if on and flow.lane.enabled]
        for flow in flows:
            flow.limited = flow.lane.limits
            flow.since = time.monotonic_ns() if flow.held is not None else 0
            flow.claimed = False
        return flows

    def _turn(self, flow: Direction) -> int:
        """Move up to BATCH messages; return how many were taken or delivered."""
        self._count_blocked(flow)
        flow.noting = self.counters.origins.wanted
        for moved in range(BATCH):
            if flow.held is None and not self._take(flow):
                return moved
            if flow.held is not None and not self._deliver(flow, flow.held):
                return moved
        return BATCH

    def _take(self, flow: Direction) -> bool:
        """Hold the next message of the source, or count why it is dropped."""
        message = receive_frames(flow.source)
        if message is None:
            return False
        if flow.noting:
            self.counters.origins.note(flow.base // WIDTH, (origin(message[-1]),))
        reason = refusal(flow.lane, message) if flow.limited else None
        if reason is None:
            flow.held = veiled(flow, message)
        else:
            self._count(flow, ROWS[reason], 1)
        return True

    def _deliver(self, flow: Direction, message: list[zmq.Frame]) -> bool:
        """Give the held message to the target; return False when it has to wait."""
        refused = LOST if flow.to_router and len(message) == 1 else offer(flow.target, message)
        if refused == EAGAIN and not flow.to_router and flow.lane.on_full == "block":
            flow.since = flow.since or time.monotonic_ns()
            flow.refused_at = flow.refused_at or flow.since
            return False
        flow.held, flow.since, flow.refused_at, flow.claimed = None, 0, 0, False
        if refused:
            self._count(flow, FULL if refused == EAGAIN else UNREACHABLE, 1)
            return True
        cells, base = self.counters.cells, flow.base
        cells[base + BYTES] += sum(map(len, message))
        cells[base + MESSAGES] += 1
        self._copy(flow, message)
        return True

    def _copy(self, flow: Direction, message: list[zmq.Frame]) -> None:
        if flow.to_router and (self.capture is not None or self.tap is not None):
            message = [zmq.Frame(veil(message[0].bytes)), *message[1:]]
        if self.capture is not None:
            offer(self.capture, labelled(self.labels[flow.base > 0], message))
        if self.tap is not None:
            offer(self.tap, [flow.mark, *message])

    def _is_within(self, flow: Direction, message: Sequence[bytes]) -> bool:
        """Return whether a message is within the limits of size; count it if it is not."""
        reason = flow.lane.oversize(message)
        if reason is not None:
            self._count(flow, ROWS[reason], 1)
        return reason is None

    def _count(self, flow: Direction, row: int, amount: int) -> None:
        self.counters.cells[flow.base + row] += amount

    def _count_blocked(self, flow: Direction) -> None:
        """Add the time since the last look, so that a live view sees it grow."""
        if flow.since:
            now = time.monotonic_ns()
            self._count(flow, BLOCKED, now - flow.since)
            flow.since = now

    def _touch(self, now: int) -> int:
        """Read EVENTS of every socket; return when to do so again."""
        for socket in self._sockets():
            if socket is not None:
                events(socket)
        return now + TICK

    def _sockets(self) -> Sequence[zmq.Socket[bytes] | None]:
        return (self.frontend, self.backend, self.capture, self.tap)

    def _wait(self, flows: Sequence[Direction], nanoseconds: int) -> None:
        """Sleep until something can move, `wake` is readable or the time is over.

        It polls the sockets' own descriptors, which signal each command only once. So reading
        EVENTS must be the last call on each socket before.
        """
        ready = {socket: events(socket) for flow in flows for socket in flow.awaited}
        if any(flow.can_move(ready) for flow in flows):
            return
        liars = [socket for flow in flows if flow.lies for socket in flow.awaited]
        if liars:
            nanoseconds = min(nanoseconds, LIAR_TICK)
        poller = zmq.Poller()
        for socket in (*ready, self.wake):
            poller.register(socket.getsockopt(zmq.FD), zmq.POLLIN)
        poller.poll(max(0, -(-nanoseconds // 1_000_000)))
        for socket in liars:
            events(socket)


def _after(moment: int, milliseconds: int) -> int:
    return moment + milliseconds * 1_000_000 if milliseconds >= 0 else NEVER


def _stalled_at(flows: Sequence[Direction], first: Direction, stall_ms: int) -> int:
    """Return when the target of the first direction will have been full for `stall_ms`."""
    return _after(first.refused_at, stall_ms) if first in flows and first.refused_at else NEVER


def events(socket: zmq.Socket[bytes]) -> int:
    """Return what a socket is ready for. Reading it also makes libzmq handle new peers."""
    return cast(int, socket.getsockopt(zmq.EVENTS))


def receive_frames(socket: zmq.Socket[bytes]) -> list[zmq.Frame] | None:
    """Receive a whole message without copying its bodies; return None when there is none."""
    try:
        frame = socket.recv(WAIT_NOT, copy=False)
    except zmq.Again:
        return None
    frames = [frame]
    while frame.more:
        frame = socket.recv(WAIT_NOT, copy=False)
        frames.append(frame)
    return frames


def labelled(label: bytes, message: Sequence[zmq.Frame]) -> list[zmq.Frame | bytes]:
    """Return the message with the label as first frame, if there is a label."""
    return [label, *message] if label else [*message]


def veiled(flow: Direction, message: list[zmq.Frame]) -> list[zmq.Frame]:
    """Return the message with its address as the target may see it, or as a ROUTER needs it.

    Between two ROUTERs, the receiver's id comes after the sender's, as in pyzmq's monitored_queue.
    """
    if flow.from_router and len(message[0]) == SIZE:
        message = [zmq.Frame(veil(message[0].bytes)), *message[1:]]
    if flow.from_router and flow.to_router and len(message) > 1:
        message = [message[1], message[0], *message[2:]]
    if flow.to_router and len(message[0]) == SIZE:
        message = [zmq.Frame(unveil(message[0].bytes)), *message[1:]]
    return message


def refusal(lane: Lane, message: Sequence[zmq.Frame]) -> str | None:
    """Return why the rules of a lane stop a message, a name of STATISTICS, or None."""
    oversize = lane.oversize(message)
    if oversize is not None:
        return oversize
    first = message[0]
    subscription = bytes(first.buffer[:1]) in (b"\x00", b"\x01")
    if lane.subscriptions_only and not (subscription and len(message) == 1):
        return "not_subscription"
    if lane.topic_limit and subscription and len(first) - 1 > lane.topic_limit:
        return "topic_too_long"
    return None
