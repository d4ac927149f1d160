"""The Python function of the routes: its input, its output, its failures.

It is called with an iterator of messages and yields `(backend, message)`. What it yields is taken
one by one, so a backend that is full suspends it. When it raises, the message that it had taken
last is lost, and it is called again with the rest.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from operator import length_hint
from typing import Any

import zmq

from zmqdev.relay.bursts import check_frames
from zmqdev.relay.pump import ENDED, FULL, OTHER, RAISED, Pumped
from zmqdev.relay.target import Target

Function = Callable[[Iterator[list[bytes]]], Iterable[Any] | None]
"""A generator, or one that returns a list, or None when it has nothing."""
Say = Callable[[str, BaseException | None], None]
Pump = Callable[..., Pumped]
Socket = zmq.Socket[bytes]
SLOW = 1_000_000_000
WINDOW = 1_000_000_000
"""Nanoseconds: of a call that is said to be slow, and for the share of the time."""


@dataclass(frozen=True)
class HookStep:
    """The result of a step.

    It has the messages sent, their bytes, why it ended (see pump.py), and what is still to be sent:
    the number of a backend and a message.
    """

    sent: int
    size: int
    why: int
    found: tuple[int, list[bytes]] | None


class Hook:
    """One function at a time, called in one thread.

    Any other thread may read the numbers and call `renew`. `names` has the number of each backend.
    `say(text, error)` is called with each failure and its exception.
    """

    def __init__(self, function: Function, names: dict[str, int], say: Say) -> None:
        self._function, self._say = function, say
        self._names = names
        self._messages: Iterator[list[bytes]] = iter(())
        self._given = 0  # messages of this call and all before
        self._results: Iterator[Any] | None = None
        self._call_ns = 0
        self._at_start = 0
        self._window = (time.monotonic_ns(), 0)
        self.ns = 0
        """Time in the function."""
        self.share = 0.0
        """The same as a part of the last second."""
        self.failed = 0
        """Messages it was at when it raised, and things it yielded that go nowhere."""

    @property
    def busy(self) -> bool:
        """Whether a call has not ended, or messages are left for another call."""
        return self._results is not None or self.left > 0

    @property
    def left(self) -> int:
        """Return how many messages the function was given and has not taken."""
        return length_hint(self._messages)

    @property
    def taken(self) -> int:
        """Return how many messages the function has taken."""
        return self._given - self.left

    def renew(self, function: Function, say: Say) -> None:
        """Use another function from the next burst on. Any thread."""
        self._function, self._say = function, say

    def begin(self, messages: Sequence[list[bytes]]) -> None:
        """Call the function with these messages, if any; `step` executes it.

        The last call must have ended.
        """
        self._messages, self._given = iter(messages), self._given + len(messages)
        self._call()

    def step(
        self,
        pump: Pump,
        targets: tuple[Target, ...],
        limit: int,
        capture: Socket | None,
        tap: Socket | None,
        label: bytes = b"",
    ) -> HookStep:
        """Send what the function yields, as `pump` does. `busy` is False once the call has
        ended."""
        if self._results is None:
            self._call()
        assert self._results is not None
        sent, size, spent, why, what = pump(
            self._results, self._names, targets, limit, capture, tap, label
        )
        self._spent(spent)
        found: tuple[int, list[bytes]] | None = None
        if why == ENDED:
            self._returned()
        elif why == RAISED:
            self._raised(what)
        elif why in (FULL, OTHER):
            found = self._checked(what)
        return HookStep(sent, size, why, found)

    def _call(self) -> None:
        self._call_ns, self._at_start = 0, self.taken
        before = time.monotonic_ns()
        try:
            found = self._function(self._messages)
            self._results = iter(() if found is None else found)
        except BaseException as error:
            self._results = _raising(error)
        self._spent(time.monotonic_ns() - before)

    def _spent(self, spent: int) -> None:
        now = time.monotonic_ns()
        self.ns += spent
        self._call_ns += spent
        began, before = self._window
        if now - began >= WINDOW:
            self.share = (self.ns - before) / (now - began)
            self._window = now, self.ns

    def _ended(self) -> None:
        self._results = None
        if self._call_ns >= SLOW:
            self._say(f"one call took {self._call_ns / 1e9:.1f} s; nothing else moved", None)

    def _returned(self) -> None:
        self._ended()
        if self.left and self.taken == self._at_start:
            self._skip()
            self._fail("it returned without taking a message; one is dropped", None)

    def _raised(self, error: BaseException) -> None:
        if not isinstance(error, (Exception, SystemExit)):
            raise error
        self._ended()
        if self.left and self.taken == self._at_start:
            self._skip()
        if self.taken == self._at_start:
            self._say("it failed with no message", error)
            return
        self._fail("the message is dropped", error)

    def _skip(self) -> None:
        """Drop a message, because each call must take at least one of those that are left."""
        next(self._messages)

    def _checked(self, item: Any) -> tuple[int, list[bytes]] | None:
        try:
            name, message = item
            check_frames(message)
        except (TypeError, ValueError) as error:
            self._fail(f"it must yield (backend, list of bytes): {error}", None)
            return None
        if not isinstance(name, str) or name not in self._names:
            self._fail(f"no backend {name!r}; known are {', '.join(self._names)}", None)
            return None
        return self._names[name], list(message)

    def _fail(self, text: str, error: BaseException | None) -> None:
        self.failed += 1
        self._say(text, error)


def _raising(error: BaseException) -> Iterator[Any]:
    """Return the generator of a function that raised before it yielded."""
    raise error
    yield
