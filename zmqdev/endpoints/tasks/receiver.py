"""sub and pull: messages from a socket to an output, as fast as they come and as soon."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import zmq

from zmqdev.endpoints.form.format import Layout, Message, write_out
from zmqdev.system.stdio import OUTPUT, Sink
from zmqdev.endpoints.task import AT_ONCE, BURST, FlowCount, Rest, Wait, held_at_most
from zmqdev.endpoints.tasks.last import Last
from zmqdev.errors import ZmqdevError
from zmqdev.relay import recv_burst
from zmqdev.relay.veil import veil


class Receiver:
    """See `Task` for what each method promises."""

    # Subscriptions for a publisher that is gone would hold up the end.
    lingers = False
    state = "running"

    def __init__(
        self,
        socket: zmq.Socket[bytes],
        sink: Sink,
        layout: Layout,
        count: int | None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.flow = FlowCount()
        self.expected = count
        self.stalled_since: float | None = None
        self._socket, self._sink, self._layout, self._clock = socket, sink, layout, clock
        self._left: int | None = None  # after `stop`: how many more are taken
        self._dry = False
        self._last = Last(socket)
        self._numbered = socket.type == zmq.ROUTER  # the first frame may be a number of libzmq's

    @property
    def ended(self) -> bool:
        return self._sink.closed or ((self._complete or self._dry) and self._sink.empty)

    @property
    def _complete(self) -> bool:
        return self.expected is not None and self.flow.messages >= self.expected

    def step(self, now: float) -> Wait:
        if not self._sink.flush():
            return Wait(writers=(self._sink.descriptor,))
        limit = self._limit()
        messages = self._taken(limit) if limit else []
        if messages:
            if self._numbered:
                messages = [[veil(message[0]), *message[1:]] for message in messages]
            self._show(messages)
            self.stalled_since = None
            if self._left is not None:
                self._left -= len(messages)
            return AT_ONCE
        if self._left is not None:
            self._dry = True
            return AT_ONCE
        self._sink.look()
        if self.stalled_since is None:
            self.stalled_since = now
        return Wait(zmq.POLLIN, outlets=self._sink.outlets)

    def _taken(self, limit: int) -> list[list[bytes]]:
        return self._last.next(limit) if self._last.began else recv_burst(self._socket, limit)

    def stop(self, now: float) -> None:
        """Print what was taken at the end. Of a publisher, what is here already: at most what the
        socket may hold for a peer."""
        self._left = len(self._last) if self._last.began else held_at_most(self._socket)

    @property
    def intake(self) -> Callable[[int], int] | None:
        """A subscriber that is stopped takes nothing more: no other one waits for its copies. At
        its count it tells what had come beyond."""
        self._last.keep = not self._complete
        if self._socket.type == zmq.SUB and not self._complete:
            return None
        return self._last.take

    def rest(self) -> Rest | None:
        return None if self._sink.empty else Rest(OUTPUT, of_peers=False)

    def unmet(self) -> str | None:
        if self.expected is None:
            return None if self.flow.messages else "nothing came"
        return f"{self.flow.messages} of {self.expected} messages came"

    def verdict(self) -> ZmqdevError | None:
        return None

    def reports(self) -> list[str]:
        return self._last.report()

    def summary(self) -> str | None:
        return None

    def extra(self) -> Mapping[str, Any]:
        return {}

    def close(self) -> None:
        """The output is not ours to close."""

    def _show(self, messages: Sequence[Message]) -> None:
        output = write_out(self._layout, messages, self._clock())
        self._count(messages, output)
        self._sink.write(output)

    def _count(self, messages: Sequence[Message], output: bytes) -> None:
        """Lines of one frame each tell their bytes by the length of the output: half the cost."""
        count = len(messages)
        if self._layout.plain_lines and sum(map(len, messages)) == count:
            self.flow.messages += count
            self.flow.bytes += len(output) - count * len(self._layout.delimiter)
        else:
            self.flow.add(messages)

    def _limit(self) -> int:
        limit = BURST
        if self.expected is not None:
            limit = min(limit, self.expected - self.flow.messages)
        if self._left is not None:
            limit = min(limit, self._left)
        return limit
