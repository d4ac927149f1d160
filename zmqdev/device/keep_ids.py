"""The relay of a queue that keeps ids: each peer's messages take their own line to the server.

The frontend is a ROUTER, so each message starts with the routing id of its peer. The line with that
id (peer_lines.py) takes the rest of the message. Messages from the server on that line are sent to
the peer. Rules:

- A line is made with the first message of a peer. It ends when the peer's connection has ended and
  everything that it sent was read. A ROUTER reports neither, so connections are checked each TICK.
- At most BATCH messages wait for lines without room; then no more are taken in.
- Replies wait when their peer has no room; its line is not read meanwhile.
"""

from __future__ import annotations

import select
import sys
import time
from collections.abc import Callable, Sequence
from errno import EAGAIN
from itertools import chain
from typing import Any

import zmq

from zmqdev.device.peer_lines import PeerLine, PeerLines, inode_at
from zmqdev.device.socket import OpenSocket, events
from zmqdev.relay import Counters, Lane, recv_burst, send_burst
from zmqdev.relay.bursts import offer
from zmqdev.relay.counters import ROWS, TURNS_CELL, WIDTH
from zmqdev.relay.origins import NOWHERE
from zmqdev.relay.veil import unveil, veil

BATCH = 100
TICK, AGAIN = 0.1, 0.01
# The share of the time that looking at connections may take.
SHARE = 0.02
# When the frontend is never empty: looks without a message after which a peer that has gone is
# taken to have sent everything.
SILENT_LOOKS = 10
MESSAGES, BYTES = ROWS["messages"], ROWS["bytes"]
FULL, UNREACHABLE, BLOCKED = ROWS["full"], ROWS["unreachable"], ROWS["blocked_ns"]
Message = list[bytes]


class KeepRelay:
    """A relay with the interface of `Relay`.

    `room` returns how many lines there may be. `refuse` is called with the descriptor of a peer
    that gets no line.
    """

    def __init__(
        self,
        side: OpenSocket,
        lines: PeerLines,
        wake: zmq.Socket[bytes],
        counters: Counters,
        forward: Lane,
        backward: Lane,
        *,
        room: Callable[[], int],
        refuse: Callable[[int], None],
        linger_ms: int,
    ) -> None:
        self._side, self.lines, self.wake = side, lines, wake
        self.frontend = self.source = side.socket
        self.counters, self.forward, self.backward = counters, forward, backward
        self.capture: zmq.Socket[bytes] | None = None
        self.tap: zmq.Socket[bytes] | None = None
        self.labels: tuple[bytes, bytes] = (b"", b"")
        self._room, self._refuse, self._linger_ms = room, refuse, linger_ms
        self._most = room()
        self._held = 0
        self._waiting: dict[PeerLine, None] = {}  # messages wait for these lines
        self._full: dict[PeerLine, None] = {}  # replies wait for these peers
        self._since = 0
        self.moved_at = 0.0
        """When a message was last passed on in either direction, in monotonic seconds."""
        self._looks, self._next_look, self._dry = 0, 0.0, False
        self._poll = select.poll()
        for number in (int(wake.get(zmq.FD)), lines.fileno()):
            self._poll.register(number, select.POLLIN)

    def behind(self, source: zmq.Socket[bytes]) -> KeepRelay:
        """Return a relay from a source of veiled messages, over the same lines."""
        made = KeepRelay(
            *(self._side, self.lines, self.wake, self.counters, self.forward),
            Lane(enabled=False),
            room=self._room,
            refuse=self._refuse,
            linger_ms=self._linger_ms,
        )
        made.source = source
        return made

    @property
    def unanswered(self) -> int:
        """Return the requests of connected peers, as REQ sends them, minus the replies to them."""
        return sum(line.asked for line in self.lines.of.values() if not line.left)

    @property
    def held(self) -> tuple[int, int]:
        """Return how many messages wait for lines, and how many replies for their peers."""
        return self._held, sum(len(line.replies) for line in self._full)

    def close(self) -> None:
        """Drop the messages that wait."""
        self._drop_waiting()
        self._full.clear()

    def run(
        self,
        forward: bool = True,
        backward: bool = True,
        until_idle: bool = False,
        limit_ms: int = -1,
    ) -> bool:
        """Relay messages; see `Relay.run`."""
        end = time.monotonic() + limit_ms / 1000 if limit_ms >= 0 else float("inf")
        backward = backward and self.backward.enabled
        while True:
            now = time.monotonic()
            if now >= self._next_look:
                self._look(now, forward)
            # The frontend is read last, as its descriptor reports only what comes after that.
            moved = self._back() if backward else 0
            moved += self._forth() if forward else 0
            self.counters.cells[TURNS_CELL] += 1
            self.moved_at = now if moved else self.moved_at
            if events(self.wake) & zmq.POLLIN:
                return True
            busy = moved or (backward and self.lines.ready.keys() - self._full.keys())
            if now >= end or (until_idle and not busy and not any(self.held)):
                return False
            self._wait(0 if busy else min(self._pause(), end - now), forward)

    def _pause(self) -> float:
        unmade = any(line.socket is None for line in self._waiting)
        return AGAIN if self._full or unmade else TICK

    def _wait(self, seconds: float, forward: bool) -> None:
        if seconds > 0:
            source = int(self.source.get(zmq.FD))
            if forward and self._held < BATCH:
                self._poll.register(source, select.POLLIN)
                self._poll.poll(seconds * 1000)
                self._poll.unregister(source)
            else:
                self._poll.poll(seconds * 1000)
        self.lines.look()

    # To the server.

    def _forth(self) -> int:
        """Pass on waiting messages, then a burst of the frontend; return how many."""
        self._count_blocked()
        before = self._held
        for line in list(self._waiting):
            self._pass_on(line)
        moved = before - self._held
        room = BATCH - self._held
        if room <= 0:
            return moved
        came: list[int] = []
        burst = recv_burst(self.source, room, None, None, came)
        if not burst:
            self._dry = True
            return moved
        if self.counters.origins.wanted:
            self.counters.origins.note(0, came)
        self._sort(self._within(self.forward, burst, came, 0), came)
        return moved + len(burst)

    def _sort(self, burst: Sequence[Message], came: Sequence[int]) -> None:
        """Put each message on the line of its peer."""
        touched: dict[PeerLine, None] = {}
        line, id, number = None, b"", NOWHERE
        for message, descriptor in zip(burst, came, strict=True):
            if line is None or message[0] != id or descriptor != number:
                id, number = message[0], descriptor
                line = self._line(id, number)
                if line is None:
                    self._refuse(number)
                    self.counters.cells[FULL] += 1
                    continue
                touched[line] = None
            line.waiting.append(message)
            self._held += 1
        for line in touched:
            self._pass_on(line)

    def _line(self, id: bytes, descriptor: int) -> PeerLine | None:
        """Return the line of a peer, made if needed; None where there is no room for one."""
        if self.source is not self.frontend:  # messages taken at the end were veiled
            id = unveil(id)
        line = self.lines.of.get(id)
        if line is None:
            if len(self.lines.of) >= self._most:
                return None
            line = self.lines.of[id] = PeerLine(id)
        # A peer that has come back may have the same descriptor as before.
        if self.source is self.frontend and (line.left or line.descriptor != descriptor):
            line.came_by(descriptor, inode_at(self._side, descriptor))
        line.heard = self._looks
        return line

    def _pass_on(self, line: PeerLine) -> None:
        if line.socket is None and not self._make(line):
            return
        assert line.socket is not None
        if line.waiting:
            messages = list(line.waiting)
            sent, refused = send_burst(line.socket, [m[1:] for m in messages])
            self.lines.ready[line] = None  # the call may have cleared the event of a reply
            self._count_passed(messages[:sent], 0, line)
            self._take_off(line, sent)
            if refused and self.forward.on_full == "drop":
                self.counters.cells[FULL] += len(line.waiting)
                self._take_off(line, len(line.waiting))
            elif refused:
                self._waiting[line] = None
                self._since = self._since or time.monotonic_ns()
                return
        self._waiting.pop(line, None)
        self._since = self._since if self._waiting else 0

    def _make(self, line: PeerLine) -> bool:
        try:
            if self.lines.make(line):
                return True
        except zmq.ZMQError:  # no descriptor is left, or no more sockets in the context
            self._refuse(line.descriptor)
            self.counters.cells[FULL] += len(line.waiting)
            self._take_off(line, len(line.waiting))
            self._waiting.pop(line, None)
            self.lines.end(line, 0)
            return False
        self._waiting[line] = None
        return False

    def _take_off(self, line: PeerLine, count: int) -> None:
        if count == len(line.waiting):
            line.waiting.clear()
        for _ in range(min(count, len(line.waiting))):
            line.waiting.popleft()
        self._held -= count

    def _drop_waiting(self) -> None:
        for line in self._waiting:
            line.waiting.clear()
        self._waiting.clear()
        self._held = 0

    # To the peers.

    def _back(self) -> int:
        moved = 0
        for line in list(self._full):
            moved += self._return(line, line.replies)
        for line in list(self.lines.ready):
            if line in self._full or line.socket is None:
                continue
            seen: set[int] | None = set() if self.counters.origins.wanted else None
            burst = recv_burst(line.socket, BATCH, seen)
            if not burst:
                self.lines.ready.pop(line, None)
                continue
            if seen:
                self.counters.origins.note(1, seen)
            moved += len(burst)
            within = self._within(self.backward, burst, [], WIDTH)
            self._return(line, [[line.id, *message] for message in within])
        return moved

    def _return(self, line: PeerLine, replies: list[Message]) -> int:
        """Send replies to a peer; those without room wait. Return how many are done with."""
        sent, refused = send_burst(self.frontend, replies)
        self._count_passed(replies[:sent], WIDTH, line)
        rest = replies[sent:]
        if rest and refused == EAGAIN and self.backward.on_full == "block":
            line.replies = rest
            self._full[line] = None
            return sent
        if rest:
            gone = refused != EAGAIN
            self.counters.cells[WIDTH + (UNREACHABLE if gone else FULL)] += len(rest)
            line.left = line.left or gone
        line.replies = []
        self._full.pop(line, None)
        return len(replies)

    # What is counted and copied.

    def _within(
        self, lane: Lane, burst: list[Message], came: list[int], base: int
    ) -> list[Message]:
        """Return the messages within the limits, and count the others.

        `came` is changed accordingly.
        """
        most = lane.max_frames or sys.maxsize
        if _size(burst) <= (lane.max_bytes or sys.maxsize) and max(map(len, burst)) <= most:
            return burst
        reasons = [lane.oversize(message) for message in burst]
        for reason in filter(None, reasons):
            self.counters.cells[base + ROWS[reason]] += 1
        came[:] = [one for one, reason in zip(came, reasons, strict=False) if reason is None]
        return [message for message, reason in zip(burst, reasons, strict=True) if reason is None]

    def _count_passed(self, messages: Sequence[Message], base: int, line: PeerLine) -> None:
        """Count messages, which begin with the peer's id."""
        cells = self.counters.cells
        cells[base + BYTES] += _size(messages)
        cells[base + MESSAGES] += len(messages)
        requests = sum([not message[1] for message in messages])
        line.asked = max(0, line.asked - requests) if base else line.asked + requests
        if self.capture is None and self.tap is None:
            return
        for message in messages:
            copy: list[Any] = [veil(line.id), *message[1:]]
            if self.capture is not None:
                label = self.labels[base > 0]
                offer(self.capture, [label, *copy] if label else copy)
            if self.tap is not None:
                offer(self.tap, [b"<" if base else b">", *copy])

    def _count_blocked(self) -> None:
        if self._since:
            now = time.monotonic_ns()
            self.counters.cells[BLOCKED] += now - self._since
            self._since = now

    # Who has gone.

    def _look(self, now: float, forward: bool) -> None:
        """End the lines of peers that have gone.

        For some sockets libzmq handles peers only when EVENTS is read, so that is done too.
        """
        begun = time.thread_time()
        for socket in (self.frontend, self.capture, self.tap):
            if socket is not None:
                events(socket)
        if forward and self.source is self.frontend:
            self._end_lines()
        self._next_look = now + max(TICK, (time.thread_time() - begun) / SHARE)

    def _end_lines(self) -> None:
        self._looks += 1
        self.lines.forget_ended()
        for line in list(self.lines.of.values()):
            if not line.left:
                line.left = line.has_ended
                line.heard = self._looks if line.left else line.heard
            elif not line.waiting and self._has_sent_all(line):
                self._full.pop(line, None)
                self.lines.end(line, self._linger_ms)
        self._dry = False
        self._most = self._room()

    def _has_sent_all(self, line: PeerLine) -> bool:
        silent = self._looks - line.heard
        return (self._dry and silent > 0) or silent >= SILENT_LOOKS


def _size(messages: Sequence[Message]) -> int:
    """Return the bytes of all frames."""
    return sum(map(len, chain.from_iterable(messages)))
