"""Passing messages through a spool while the receivers are absent or full.

Rules.
- Received messages are committed, then read back and passed on, in order.
- While the target takes messages, half as many come in as go out, so the spool becomes empty.
- A row is deleted when the messages after it fill the high-water marks. ZeroMQ may still hold what
  it accepted, and a crash shall repeat that and not lose it. When the file is full, it is deleted
  to make room.
- Memory holds a few bursts: those being written, and those read back.
- When the spool is full, nothing is read (`block`), or what is read is dropped and counted
  (`drop`).
"""

from __future__ import annotations

import logging
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any

import zmq

from zmqdev.device.socket import events
from zmqdev.device.spool_file import SpoolFile, SpoolWork
from zmqdev.device.spool_rows import Batch, Burst, Message, batch_of
from zmqdev.relay import Counters, recv_burst, send_burst
from zmqdev.relay.counters import ROWS, TURNS_CELL
from zmqdev.relay.lane import Lane

log = logging.getLogger("zmqdev")
BATCH = 4096
# Bytes read and not committed; at this limit reading stops while a flush hangs.
MOST_PENDING = 32 << 20
# Approximate bytes of memory for a frame, besides its content.
OBJECTS = 150
# With less room than this, bursts are small, so that few messages without room are held.
NEARLY_FULL, FEW = 8 << 20, 64
TICK = 0.1
# Bytes that libzmq holds for a connection besides its queue, because it is writing them.
BATCH_BYTES = 16 << 10
# Seconds until another attempt after the disk was full.
RETRY = 0.5
MESSAGES, BYTES, FULL, BLOCKED = (
    ROWS[name] for name in ("messages", "bytes", "full", "blocked_ns")
)


@dataclass
class SpoolCounts:
    """Counts of messages.

    `spooled`: committed. `taken`: read back from the spool. `passed`: passed on from it.
    """

    spooled: int = 0
    taken: int = 0
    passed: int = 0
    damaged: int = 0
    commits: int = 0


@dataclass(frozen=True)
class Ends:
    """The source, the target, and the socket that ends a wait."""

    frontend: zmq.Socket[bytes]
    backend: zmq.Socket[bytes]
    wake: zmq.Socket[bytes]


class Spooling:
    """The way of messages through the file; used in the device's thread.

    `active`: messages go through the file. `mark`: how many messages ZeroMQ may hold of those it
    accepted, besides `batch` bytes. `copy` gets the messages passed on.
    """

    def __init__(
        self, ends: Ends, counters: Counters, lane: Lane, file: SpoolFile, size: int, mark: int
    ) -> None:
        self.counts = SpoolCounts()
        self.mark, self.batch = mark, BATCH_BYTES
        self.drops = lane.on_full == "drop"
        self.copy: Callable[[Sequence[Message]], None] | None = None
        self._ends, self._counters, self._lane = ends, counters, lane
        self._file, self._size = file, size
        self._used, self.waiting = file.cost, file.messages
        self._pending: list[Batch] = []
        self._pending_bytes = self._pending_memory = 0
        self._writing_bytes = self._writing = 0
        self._ahead: deque[Burst] = deque()
        self._at = 0  # how many messages of the first of _ahead were sent
        self._last_read = 0
        self._unread = file.messages > 0  # there are rows that were not read back
        # Rows that were sent, each with the messages and bytes that had been passed on by then.
        self._gone: deque[tuple[Burst, int, int]] = deque()
        self._gone_cost = 0
        self._stalled = True
        self._allowed = 0
        self._no_room, self._retry_at = False, 0.0
        self._shut_since = 0
        self.active = file.messages > 0

    @property
    def wake(self) -> zmq.Socket[bytes]:
        """Return the socket that ends a wait."""
        return self._ends.wake

    @property
    def has_rows(self) -> bool:
        """Whether rows may have to be deleted, or the file is at work."""
        return bool(self._gone) or not self._file.idle

    @property
    def full(self) -> bool:
        """Whether the file takes no more."""
        if self._no_room and not (self.drops and time.monotonic() >= self._retry_at):
            return True
        return self._taken_up - self._gone_cost >= self._size

    @property
    def _taken_up(self) -> int:
        return self._used + self._writing_bytes + self._pending_bytes

    @property
    def inside(self) -> int:
        """Return how many messages were read and are not in the file."""
        return self._writing + sum(len(batch.messages) for batch in self._pending)

    @property
    def answers(self) -> bool:
        """Whether the file is idle."""
        return self._file.idle

    def begin(self, messages: Sequence[Message]) -> None:
        """Begin, as the target is full, with these messages."""
        self.active = self._stalled = True
        self._add(messages)

    def run(self, moves: bool) -> bool:
        """Work until `wake` is readable: True; or until the spool is empty: False."""
        while self.active:
            moved = self._turn(moves)
            self._counters.cells[TURNS_CELL] += 1
            if events(self._ends.wake) & zmq.POLLIN:
                return True
            if not moved and self.active:
                self._wait(moves)
        return False

    def _turn(self, moves: bool) -> int:
        self.settle()
        moved = (self._pass_on() + self._take_in()) if moves else 0
        self.start_work()
        if not (self._pending or self._ahead or self._unread) and self._file.idle:
            self.active, self.waiting = False, 0
        return moved

    # Input

    def _take_in(self) -> int:
        limit = self._limit()
        self._count_shut(limit == 0)
        if not limit:
            return 0
        origins = self._counters.origins
        seen: set[int] | None = set() if origins.wanted else None
        burst = recv_burst(self._ends.frontend, limit, seen)
        if seen:
            origins.note(0, seen)
        self._allowed -= len(burst)
        self.counts.taken += len(burst)
        if self.drops and self.full:
            self._counters.cells[FULL] += len(burst)
        else:
            self._add(self._passing(burst))
        return len(burst)

    def _limit(self) -> int:
        """Return how many messages may be read now."""
        if self._pending_memory >= MOST_PENDING or (self.full and not self.drops):
            return 0
        nearly = self._size - self._taken_up + self._gone_cost < NEARLY_FULL
        most = FEW if nearly else BATCH
        return most if self._stalled else min(most, self._allowed)

    def _count_shut(self, shut: bool) -> None:
        """Count the time in which nothing is read as blocked."""
        now = time.monotonic_ns()
        if self._shut_since:
            self._counters.cells[BLOCKED] += now - self._shut_since
        self._shut_since = now if shut else 0

    def _add(self, messages: Sequence[Message]) -> None:
        if messages:
            self.waiting += len(messages)
            self._put(batch_of(messages))

    def _put(self, batch: Batch) -> None:
        self._pending.append(batch)
        self._pending_bytes += batch.bytes
        self._pending_memory += batch.bytes + OBJECTS * batch.frames

    def _take_pending(self) -> list[Batch]:
        found, self._pending = self._pending, []
        self._writing_bytes = self._pending_bytes
        self._writing = sum(len(batch.messages) for batch in found)
        self._pending_bytes = self._pending_memory = 0
        return found

    def _passing(self, messages: list[list[bytes]]) -> Sequence[Message]:
        """Return the messages within the limits of the lane; the others are counted."""
        lane = self._lane
        if not lane.max_frames and not lane.max_bytes:
            return messages
        return [message for message in messages if not self._refused(message)]

    def _refused(self, message: list[bytes]) -> bool:
        lane, cells = self._lane, self._counters.cells
        if lane.max_frames and len(message) > lane.max_frames:
            cells[ROWS["too_many_frames"]] += 1
            return True
        if lane.max_bytes and sum(map(len, message)) > lane.max_bytes:
            cells[ROWS["too_large"]] += 1
            return True
        return False

    # Output

    def _pass_on(self) -> int:
        moved = 0
        while self._ahead:
            burst = self._ahead[0]
            moved += self._send(burst)
            if burst.messages is not None and self._at < len(burst.messages):
                return moved
            self._ahead.popleft()
            self._at = 0
            self._gone.append((burst, *self._passed()))
            self._gone_cost += burst.cost
        return moved

    def _send(self, burst: Burst) -> int:
        if burst.messages is None:
            self.counts.damaged += 1
            self.waiting -= burst.count
            log.warning(
                "%s: a damaged row of %d messages was left out", self._file.name, burst.count
            )
            return 0
        messages = burst.messages[self._at :] if self._at else burst.messages
        accepted, _ = send_burst(self._ends.backend, messages)
        self._stalled = accepted < len(messages)
        if not accepted:
            return 0
        gone = messages if accepted == len(messages) else messages[:accepted]
        self.count(gone)
        self._at += accepted
        self._allowed = min(self._allowed + accepted // 2, BATCH)
        self.waiting -= accepted
        self.counts.passed += accepted
        return accepted

    def count(self, gone: Sequence[Message]) -> None:
        """Count messages that were passed on."""
        cells = self._counters.cells
        cells[BYTES] += sum(map(len, chain.from_iterable(gone)))
        cells[MESSAGES] += len(gone)
        if self.copy is not None:
            self.copy(gone)

    def _passed(self) -> tuple[int, int]:
        cells = self._counters.cells
        return cells[MESSAGES], cells[BYTES]

    # The file

    def settle(self) -> None:
        """Handle the result of the file; RunError when it cannot continue."""
        result = self._file.done()
        if result is None:
            return
        work, self._writing_bytes, self._writing = result.work, 0, 0
        if not result.written:
            self._had_no_room(work)
        elif work.batches:
            self._no_room = False
            self._used += result.added
            self._unread = True
            self.counts.spooled += work.messages
            self.counts.commits += 1
        self._ahead += result.read
        if result.read:
            self._last_read = result.read[-1].key
        if work.after is not None:
            self._unread = result.more

    def _had_no_room(self, work: SpoolWork) -> None:
        self._no_room, self._retry_at = True, time.monotonic() + RETRY
        if self.drops:
            self._counters.cells[FULL] += work.messages
            self.waiting -= work.messages
            return
        batches = (*work.batches, *self._take_pending())
        self._writing_bytes = self._writing = 0
        for batch in batches:
            self._put(batch)

    def start_work(self) -> None:
        """Begin to write, delete and read what is next."""
        if not self._file.idle:
            return
        writes = not self._no_room or time.monotonic() >= self._retry_at
        through = self._through()
        batches = self._take_pending() if writes else []
        wanted = len(self._ahead) < 2 and (self._unread or bool(batches))
        after = self._last_read if wanted else None
        if batches or through is not None or after is not None:
            self._file.begin(SpoolWork(batches, through, after))

    def _through(self) -> int | None:
        """Return the last row that may be deleted; None when there is none."""
        through, (messages, size) = None, self._passed()
        while self._gone:
            burst, messages_then, size_then = self._gone[0]
            left = messages - messages_then >= self.mark and size - size_then >= self.batch
            if not left and self._taken_up <= self._size:
                break
            self._gone.popleft()
            self._used -= burst.cost
            self._gone_cost -= burst.cost
            through = burst.key
        return through

    def keep(self, messages: Sequence[Message], until: float, stopped: Callable[[], bool]) -> None:
        """Write these messages at the end too, whatever the size, and wait for the file."""
        self._add(self._passing([list(message) for message in messages]))
        self._no_room = False
        while not stopped() and (self._pending or not self._file.idle):
            self.settle()
            if self._no_room:
                return
            if self._pending and self._file.idle:
                self._file.begin(SpoolWork(self._take_pending()))
            left = until - time.monotonic()
            if left <= 0:
                return
            zmq.zmq_poll([(self._file.descriptor, zmq.POLLIN)], round(1000 * min(left, TICK)))

    def all_gone(self) -> int | None:
        """Return the last row of those that ZeroMQ took."""
        return self._gone[-1][0].key if self._gone else None

    def _wait(self, moves: bool) -> None:
        asked: list[tuple[Any, int]] = [(self._ends.wake, zmq.POLLIN)]
        if not self._file.idle:
            asked.append((self._file.descriptor, zmq.POLLIN))
        for socket, flag, wanted in (
            (self._ends.frontend, zmq.POLLIN, moves and self._limit() > 0),
            (self._ends.backend, zmq.POLLOUT, moves and bool(self._ahead)),
        ):
            if wanted:
                asked.append((socket, flag))
            else:
                events(socket)
        zmq.zmq_poll(asked, round(1000 * TICK))
