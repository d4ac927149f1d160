"""What all tasks have in common. `Task` documents the methods."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping
from typing import Any

import zmq

from zmqdev.endpoints.gate import Gate
from zmqdev.endpoints.task import FlowCount, Rest, held_at_most
from zmqdev.errors import ZmqdevError
from zmqdev.relay import recv_burst
from zmqdev.system.stdio import OUTPUT, Sink


class BaseTask:
    """A task without a result. It begins when `gate` is open; without a gate, at once."""

    lingers = True

    def __init__(self, gate: Gate | None = None) -> None:
        self.stalled_since: float | None = None
        self._begins = gate

    @property
    def state(self) -> str:
        return "running" if self._begins is None or self._begins.is_open else "waiting"

    @property
    def intake(self) -> Callable[[int], int] | None:
        return None

    def verdict(self) -> ZmqdevError | None:
        return None

    def summary(self) -> str | None:
        return None

    def extra(self) -> Mapping[str, Any]:
        return {}

    def close(self) -> None:
        """Do nothing: only the socket is open, and others close the output."""

    def _stalled(self, now: float) -> None:
        """Record that the task waits for other programs, since `now` if it did not before."""
        if self.stalled_since is None:
            self.stalled_since = now


class CountedTask(BaseTask):
    """A task that ends after `count` messages, or, with None, when it is stopped."""

    noun = "message"
    nothing = "nothing came"

    def __init__(self, count: int | None, gate: Gate | None = None) -> None:
        super().__init__(gate)
        self.flow = FlowCount()
        self.expected = count

    @property
    def came(self) -> int:
        """Return how many of the expected messages have come."""
        return self.flow.messages

    @property
    def _complete(self) -> bool:
        return self.expected is not None and self.came >= self.expected

    def unmet(self) -> str | None:
        if self.expected is None:
            return None if self.flow.messages else self.nothing
        return f"{self.came} of {self.expected} {self.noun}s came"


class TaskBacklog:
    """The messages of a socket; after `stop`, only those that had come by then."""

    def __init__(self, socket: zmq.Socket[bytes]) -> None:
        self._socket = socket
        self._held: deque[list[bytes]] = deque()
        self._turns = socket.type == zmq.REP  # it can read only one before it replies
        self._left = 0  # after `stop`: how many more a REP reads at most
        self.stopped = False

    @property
    def over(self) -> bool:
        """Whether it is stopped and nothing is left to begin."""
        return self.stopped and not self._held and not self._left

    def __len__(self) -> int:
        """Return how many messages had come at the stop and are not begun."""
        return len(self._held)

    def stop(self) -> None:
        """Receive nothing more, and keep what the socket holds."""
        self.stopped = True
        if self._turns:
            self._left = held_at_most(self._socket)
        else:
            self._held.extend(recv_burst(self._socket, held_at_most(self._socket)))

    def next(self, limit: int) -> list[list[bytes]]:
        """Return at most `limit` messages."""
        if self._held:
            return [self._held.popleft() for _ in range(min(limit, len(self._held)))]
        if not self.stopped:
            return recv_burst(self._socket, limit)
        messages = recv_burst(self._socket, min(limit, self._left)) if self._left else []
        self._left = self._left - len(messages) if messages else 0
        return messages


def slow_reader(sink: Sink) -> Rest | None:
    """Return what a task waits for while there is unwritten output."""
    return None if sink.empty else Rest(OUTPUT, of_peers=False)
