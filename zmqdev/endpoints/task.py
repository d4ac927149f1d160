"""The interface of a running endpoint: a task that is stepped, and the events it waits for.

Rules.

- `step` does what can be done now and never waits; it returns what to wait for.
- A task has no clock and handles no signals; `now` is in monotonic seconds.
- After `stop` a task takes nothing more in; it is stepped until `ended`.
- A task counts whole messages. "Sent" means that the socket accepted it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any, Protocol, cast

import zmq

from zmqdev.errors import ZmqdevError

Message = Sequence[bytes]

# Messages in one call of recv_burst or send_burst; a burst takes well below a millisecond.
BURST = 4096


@dataclass(frozen=True)
class Wait:
    """What to wait for: `socket` events, descriptors, or a time.

    `outlets` are descriptors of output; the wait also ends when their reader goes away.
    """

    socket: int = 0
    readers: tuple[int | zmq.Socket[bytes], ...] = ()
    writers: tuple[int, ...] = ()
    outlets: tuple[int, ...] = ()
    until: float = math.inf


AT_ONCE = Wait(until=-math.inf)
"""There is more to do; do not wait."""


@dataclass(frozen=True)
class Rest:
    """What a stopped task still waits for, in words.

    `of_peers`: only peers can end the wait.
    """

    what: str
    of_peers: bool = True


@dataclass
class FlowCount:
    """A number of whole messages, and of the bytes in all their frames."""

    messages: int = 0
    bytes: int = 0

    def add(self, messages: Sequence[Message]) -> None:
        """Count these messages."""
        self.messages += len(messages)
        self.bytes += sum(map(len, chain.from_iterable(messages)))


class Task(Protocol):
    """The work of one endpoint on an open socket."""

    lingers: bool  # whether messages unsent at the end must still be sent

    @property
    def flow(self) -> FlowCount:
        """Return the count of messages that have passed."""

    @property
    def state(self) -> str:
        """Return "running", or "waiting" while peers must come first."""

    @property
    def expected(self) -> int | None:
        """Return how many messages there will be in all, if known."""

    @property
    def ended(self) -> bool:
        """Whether everything is done; `step` is not called again."""

    @property
    def stalled_since(self) -> float | None:
        """Return since when it has waited for other programs; None while it does not wait."""

    def step(self, now: float) -> Wait:
        """Do what can be done now; return what to wait for."""

    def stop(self, now: float) -> None:
        """Take nothing more in."""

    @property
    def intake(self) -> Callable[[int], int] | None:
        """Return a function that takes in messages, or None if peers must not be disconnected.

        Its argument is how many milliseconds to wait for messages; it returns how many it took.
        They are handled after `stop`, or only counted when no more are wanted.
        """

    def rest(self) -> Rest | None:
        """Return what a stopped task still waits for; None when it is only busy."""

    def unmet(self) -> str | None:
        """Return what was asked for and has not come, in words, or None."""

    def verdict(self) -> ZmqdevError | None:
        """Return the error with which the program ends, or None. Call it after the end."""

    def reports(self) -> list[str]:
        """Return lines about what could not be done. Call it after the end."""

    def summary(self) -> str | None:
        """Return the result in one line, if there is one. Call it after the end."""

    def extra(self) -> Mapping[str, Any]:
        """Return numbers of `snapshot.EXTRA`, and lists that a live view shows."""

    def close(self) -> None:
        """Release everything besides the socket."""


def held_at_most(socket: zmq.Socket[bytes]) -> int:
    """Return how many messages a socket may hold for one peer; at least a burst."""
    return max(BURST, cast(int, socket.get(zmq.RCVHWM)))


def counted(count: int, noun: str, plural: str | None = None) -> str:
    """Return `1 message`, `2 messages`; pass the plural if it is irregular."""
    return f"{count} {noun}" if count == 1 else f"{count} {plural or noun + 's'}"
