"""The interface of a running endpoint: a task that is stepped, and the events it waits for.

Rules.
- `step` does what can be done now and never waits; it says what to wait for.
- A task owns no clock and no signals; `now` is monotonic seconds.
- `stop` means: take nothing more in; steps go on until `ended`.
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

# Messages in one call of recv_burst or send_burst: a burst is well below a millisecond of work.
BURST = 4096


@dataclass(frozen=True)
class Wait:
    """What to wait for: `socket` events, descriptors, or a time.

    `outlets`: descriptors whose reader may go away, which also ends the wait.
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
    """What a stopped task still waits for, in words, and whether only peers can end that."""

    what: str
    of_peers: bool = True


@dataclass
class FlowCount:
    """Whole messages and the bytes of all their frames."""

    messages: int = 0
    bytes: int = 0

    def add(self, messages: Sequence[Message]) -> None:
        self.messages += len(messages)
        self.bytes += sum(map(len, chain.from_iterable(messages)))


class Task(Protocol):
    """One endpoint's work on an open socket."""

    lingers: bool  # what the socket has not sent yet at the end matters

    @property
    def flow(self) -> FlowCount:
        """The messages that have passed so far."""

    @property
    def state(self) -> str:
        """running, or waiting while peers must come first."""

    @property
    def expected(self) -> int | None:
        """How many messages there will be in all, if known."""

    @property
    def ended(self) -> bool:
        """Everything is done; `step` is not called again."""

    @property
    def stalled_since(self) -> float | None:
        """Since when it has waited for other programs; None while it does not."""

    def step(self, now: float) -> Wait:
        """Do what can be done now, and say what to wait for."""

    def stop(self, now: float) -> None:
        """Take nothing more in."""

    @property
    def intake(self) -> Callable[[int], int] | None:
        """Takes the messages that are here, or come within these milliseconds; returns how many.
        They are handled after `stop`, or only counted when no more are wanted. None for a task
        whose peers must not be cut off."""

    def rest(self) -> Rest | None:
        """After `stop`: what it still waits for; None when it is only busy."""

    def unmet(self) -> str | None:
        """What was asked for and has not come, in words; None when everything has."""

    def verdict(self) -> ZmqdevError | None:
        """After the end: the error with which the program ends, or None."""

    def reports(self) -> list[str]:
        """After the end: lines about what could not be done."""

    def summary(self) -> str | None:
        """After the end: the result in one line, if there is one."""

    def extra(self) -> Mapping[str, Any]:
        """Numbers of `snapshot.EXTRA`, and lists that a live view shows."""

    def close(self) -> None:
        """Release everything besides the socket."""


def held_at_most(socket: zmq.Socket[bytes]) -> int:
    """How many messages a socket may hold for one peer; at least a burst."""
    return max(BURST, cast(int, socket.get(zmq.RCVHWM)))


def counted(count: int, noun: str, plural: str | None = None) -> str:
    """`1 message`, `2 messages`; an irregular plural is given."""
    return f"{count} {noun}" if count == 1 else f"{count} {plural or noun + 's'}"
