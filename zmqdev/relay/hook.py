"""The Python function of the routes: what it is given, what it yields, where it fails.

It is called with an iterator of messages and yields `(backend, message)`. What it yields is taken
one by one, so a backend that is full stops it in the middle. When it raises, the message that it
was at is lost, and it is called again with the rest.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

from zmqdev.relay.bursts import check_frames

Function = Callable[[Iterator[list[bytes]]], Iterable[Any]]
Say = Callable[[str, BaseException | None], None]
SLOW = 1_000_000_000
WINDOW = 1_000_000_000
"""Nanoseconds: of a call that is said to be slow, and for the share of the time."""


class Hook:
    """One function at a time, called in one thread; any other may read the numbers and `renew`.

    `say(text, error)` gets each failure, with what was raised.
    """

    def __init__(self, function: Function, backends: Sequence[str], say: Say) -> None:
        self._function, self._say = function, say
        self._backends = backends
        self._left: deque[list[bytes]] = deque()
        self._results: Iterator[Any] | None = None
        self._call_ns = 0
        self._at_start = 0
        self._window = (time.monotonic_ns(), 0)
        self.ns = 0
        """Time in the function."""
        self.share = 0.0
        """The same as a part of the last second."""
        self.taken = 0
        """Messages that it has been given."""
        self.failed = 0
        """Messages it was at when it raised, and things it yielded that go nowhere."""

    @property
    def busy(self) -> bool:
        """Whether a call has not ended, or messages are left for another."""
        return self._results is not None or bool(self._left)

    @property
    def left(self) -> int:
        return len(self._left)

    def renew(self, function: Function, say: Say) -> None:
        """Call another from the next burst on. Any thread."""
        self._function, self._say = function, say

    def begin(self, messages: Iterable[list[bytes]]) -> None:
        """Give it these, or nothing. The last call must have ended; `step` goes on with it."""
        self._left.extend(messages)
        self._call()

    def step(self) -> tuple[int, list[bytes]] | None:
        """The next that it yields: the number of a backend and the message. None for a step
        without one: it has ended, or failed; see `busy`."""
        if self._results is None:
            self._call()
        before = time.monotonic_ns()
        try:
            assert self._results is not None
            item = next(self._results)
        except StopIteration:
            self._spent(before)
            self._returned()
            return None
        except (Exception, SystemExit) as error:
            self._spent(before)
            self._raised(error)
            return None
        self._spent(before)
        return self._checked(item)

    def _call(self) -> None:
        self._call_ns, self._at_start = 0, self.taken
        self._results = _results(self._function, self._messages())

    def _messages(self) -> Iterator[list[bytes]]:
        while self._left:
            self.taken += 1
            yield self._left.popleft()

    def _spent(self, before: int) -> None:
        now = time.monotonic_ns()
        self.ns += now - before
        self._call_ns += now - before
        began, spent = self._window
        if now - began >= WINDOW:
            self.share = (self.ns - spent) / (now - began)
            self._window = now, self.ns

    def _ended(self) -> None:
        self._results = None
        if self._call_ns >= SLOW:
            self._say(f"one call took {self._call_ns / 1e9:.1f} s; nothing else moved", None)

    def _returned(self) -> None:
        self._ended()
        if self._left and self.taken == self._at_start:
            self._skip()
            self._fail("it returned and had taken no message; one is dropped", None)

    def _raised(self, error: BaseException) -> None:
        self._ended()
        if self._left and self.taken == self._at_start:
            self._skip()
        if self.taken == self._at_start:
            self._say("it failed with no message", error)
            return
        self._fail("the message is dropped", error)

    def _skip(self) -> None:
        """Each call takes one message at least off those that are left."""
        self._left.popleft()
        self.taken += 1

    def _checked(self, item: Any) -> tuple[int, list[bytes]] | None:
        try:
            name, message = item
            check_frames(message)
        except (TypeError, ValueError) as error:
            self._fail(f"it is to yield (backend, list of bytes): {error}", None)
            return None
        if name not in self._backends:
            self._fail(f"no backend {name!r}; known are {', '.join(self._backends)}", None)
            return None
        return self._backends.index(name), list(message)

    def _fail(self, text: str, error: BaseException | None) -> None:
        self.failed += 1
        self._say(text, error)


def _results(function: Function, messages: Iterator[list[bytes]]) -> Iterator[Any]:
    """What it yields. It may return a list as well, or None when it has nothing."""
    found = function(messages)
    if found is not None:
        yield from found
