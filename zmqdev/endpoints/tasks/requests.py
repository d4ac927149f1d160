"""The client's requests: several at a time, matched by id. Pure; time is an argument.

Rules.

- A request is `[id, '', body…]`: four bytes before the empty delimiter, as REQ_CORRELATE sends
  them. So REP workers, and all that keep the envelope, return the id. With a `prefix` of random
  bytes the id is unique among all clients: the prefix and eight bytes.
- A reply is matched to the request with its id only. A reply to a request that already has one, or
  was given up, is late: it is counted and dropped.
- A request without a reply `timeout` seconds after it was handed over is sent again with the same
  id, at most `retries` times, and then given up. The clock also runs while there is no peer.
- With `replies` a request gets that many, or all that come (0). After the first one it stays open
  until the last, or until none has come for `quiet` seconds.
- At most `window` requests are open at a time.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import ClassVar

_SHORT, _LONG = 4, 8  # bytes of an id's number, without and with a prefix


@dataclass(slots=True)
class OpenRequest:
    """An open request. `number` counts from 0; `tries` counts the time-outs so far."""

    number: int
    frames: list[bytes]
    started: float
    due: float
    tries: int = 0
    replies: int = 0
    waits_to_be_sent: bool = True


@dataclass(frozen=True, slots=True)
class GivenReply:
    """A reply to request `number`, `seconds` after that was handed over.

    `first`: it is the first of several.
    """

    number: int
    body: list[bytes]
    seconds: float
    first: bool = True


@dataclass(slots=True)
class RequestCounts:
    """Counts of requests or replies; only `sent` counts messages, including retries."""

    sent: int = 0
    replied: int = 0
    retried: int = 0
    failed: int = 0
    late: int = 0
    malformed: int = 0
    short: int = 0


@dataclass
class Requests:
    """The requests of a client.

    `start` them, send each `burst` and report what was `sent`, `receive` replies, and call `tick`.
    """

    window: int = 1
    timeout: float | None = None
    retries: int = 0
    first_id: int = 0
    prefix: bytes = b""
    done: ClassVar[str] = "answered"  # the word for a request that succeeded
    counts: RequestCounts = field(default_factory=RequestCounts)
    replies: int = 1
    quiet: float = 0.3

    def __post_init__(self) -> None:
        self._open: dict[bytes, OpenRequest] = {}  # in the order of their due times
        # Answered requests that may get more replies, in the order of their due times.
        self._answered: dict[bytes, OpenRequest] = {}
        self._to_send: deque[OpenRequest] = deque()
        self._number = 0
        self._width = _LONG if self.prefix else _SHORT
        self._size = len(self.prefix) + self._width
        self._ids = 1 << 8 * self._width
        self._next_id = self.first_id % self._ids

    @property
    def room(self) -> int:
        """Return how many requests may be started now."""
        return self.window - self.open

    @property
    def open(self) -> int:
        """Return how many requests wait for replies."""
        return len(self._open) + len(self._answered)

    @property
    def started(self) -> int:
        """Return how many requests were started."""
        return self._number

    @property
    def waits_to_send(self) -> bool:
        """Whether requests wait to be sent."""
        return bool(self._to_send)

    def is_open(self, id: bytes) -> bool:
        """Return whether the request with that id still waits for a reply."""
        return id in self._open or id in self._answered

    def strict(self, frames: list[bytes]) -> tuple[bytes, list[bytes]]:
        """Return the id of a message of `burst`, and the message as a REQ sends it."""
        return frames[0], frames[1:]

    def whole(self, id: bytes, frames: list[bytes]) -> list[bytes]:
        """Return a reply to a message of `strict` as `receive` takes it."""
        return [id, *frames]

    def start(self, body: Sequence[bytes], now: float) -> int:
        """Open a request and return its number. The caller checks `room`."""
        request = OpenRequest(self._number, [self._free_id(), b"", *body], now, self._due(now))
        self._open[request.frames[0]] = request
        self._to_send.append(request)
        self._number += 1
        return request.number

    def burst(self, limit: int) -> list[list[bytes]]:
        """Return the next messages to send, at most `limit`."""
        return [request.frames for request, _ in zip(self._to_send, range(limit), strict=False)]

    def sent(self, count: int) -> None:
        """Record that the first `count` messages of the burst were sent."""
        for _ in range(count):
            self._to_send.popleft().waits_to_be_sent = False
        self.counts.sent += count

    def receive(self, frames: Sequence[bytes], now: float) -> GivenReply | None:
        """Match a reply to its request; return None for a late or malformed one."""
        if len(frames) < 3 or frames[1] != b"" or len(frames[0]) != self._size:
            self.counts.malformed += 1
            return None
        id = frames[0]
        request = self._open.pop(id, None) or self._answered.pop(id, None)
        if request is None:
            self.counts.late += 1
            return None
        if request.waits_to_be_sent:  # the first try was answered before the second was sent
            self._to_send.remove(request)
            request.waits_to_be_sent = False
        request.replies += 1
        self.counts.replied += request.replies == 1
        if request.replies != self.replies:
            request.due = now + self.quiet
            self._answered[id] = request
        seconds = now - request.started
        return GivenReply(request.number, list(frames[2:]), seconds, request.replies == 1)

    def tick(self, now: float) -> list[int]:
        """Send overdue requests again; return the numbers of those that are given up."""
        given_up = []
        while self._answered and (first := next(iter(self._answered.values()))).due <= now:
            del self._answered[first.frames[0]]
            self.counts.short += first.replies < self.replies
        while self._open:
            request = next(iter(self._open.values()))
            if request.due > now:
                break
            del self._open[request.frames[0]]
            if request.tries < self.retries:
                self._again(request, now)
            else:
                self._give_up(request)
                given_up.append(request.number)
        return given_up

    def deadline(self) -> float | None:
        """Return when `tick` is due; None means never."""
        waiting = (self._open if self.timeout is not None else {}, self._answered)
        return min((next(iter(some.values())).due for some in waiting if some), default=None)

    def _again(self, request: OpenRequest, now: float) -> None:
        request.tries += 1
        request.due = self._due(now)
        self._open[request.frames[0]] = request  # at the end, as its due time is the last
        if not request.waits_to_be_sent:
            request.waits_to_be_sent = True
            self._to_send.append(request)
            self.counts.retried += 1

    def _give_up(self, request: OpenRequest) -> None:
        if request.waits_to_be_sent:
            self._to_send.remove(request)
        self.counts.failed += 1

    def _due(self, now: float) -> float:
        return float("inf") if self.timeout is None else now + self.timeout

    def _free_id(self) -> bytes:
        while True:
            name = self.prefix + self._next_id.to_bytes(self._width, "big")
            self._next_id = (self._next_id + 1) % self._ids
            if not self.is_open(name):
                return name
