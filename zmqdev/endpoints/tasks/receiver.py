"""sub and pull: messages from a socket are printed as fast as they come."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

import zmq

from zmqdev.endpoints.form.format import Layout, Message, write_out
from zmqdev.endpoints.task import AT_ONCE, BURST, Rest, Wait
from zmqdev.endpoints.tasks.base import CountedTask, slow_reader
from zmqdev.endpoints.tasks.last import Last
from zmqdev.relay.veil import veil
from zmqdev.system.stdio import Sink


class Receiver(CountedTask):
    """A task that prints messages."""

    # Otherwise unsent subscriptions to a publisher that is gone would delay the end.
    lingers = False

    def __init__(
        self,
        socket: zmq.Socket[bytes],
        sink: Sink,
        layout: Layout,
        count: int | None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        super().__init__(count)
        self._socket, self._sink, self._layout, self._clock = socket, sink, layout, clock
        self._left: int | None = None  # after `stop`: how many more are taken
        self._dry = False
        self._last = Last(socket)
        self._numbered = socket.type == zmq.ROUTER  # the first frame may be an id made by libzmq

    @property
    def ended(self) -> bool:
        return self._sink.closed or ((self._complete or self._dry) and self._sink.empty)

    def step(self, now: float) -> Wait:
        if not self._sink.flush():
            return Wait(writers=(self._sink.descriptor,))
        limit = self._limit()
        messages = self._last.messages(limit) if limit else []
        if messages:
            if self._numbered:
                messages = [[veil(message[0]), *message[1:]] for message in messages]
            self._show(messages, now)
            self.stalled_since = None
            if self._left is not None:
                self._left -= len(messages)
            return AT_ONCE
        if self._left is not None:
            self._dry = True
            return AT_ONCE
        self._sink.look()
        self._stalled(now)
        return Wait(zmq.POLLIN, outlets=self._sink.outlets)

    def stop(self, now: float) -> None:
        """Print the messages taken at the end, then end.

        Of a publisher's messages these are those already here, at most as many as the socket may
        hold for one peer.
        """
        self._left = self._last.left

    @property
    def intake(self) -> Callable[[int], int] | None:
        """Return a function that takes in messages.

        It is None for a stopped subscriber, as no other one waits for its copies. Once the count is
        reached, messages beyond it are only counted.
        """
        self._last.keep = not self._complete
        if self._socket.type == zmq.SUB and not self._complete:
            return None
        return self._last.take

    def rest(self) -> Rest | None:
        return slow_reader(self._sink)

    def reports(self) -> list[str]:
        return self._last.report()

    def _show(self, messages: Sequence[Message], now: float) -> None:
        output = write_out(self._layout, messages, self._clock())
        self._count(messages, output)
        self._sink.write(output)

    def _count(self, messages: Sequence[Message], output: bytes) -> None:
        """Count messages.

        If all have one frame and are written unchanged, their bytes follow from the length of the
        output, at half the cost.
        """
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


class ReportingReceiver(Receiver):
    """A receiver that prints no messages, only one report at the end."""

    def __init__(
        self, socket: zmq.Socket[bytes], sink: Sink, layout: Layout, count: int | None
    ) -> None:
        super().__init__(socket, sink, layout, count)
        self._reported = False

    @property
    def ended(self) -> bool:
        return self._sink.closed or (self._reported and self._sink.empty)

    def step(self, now: float) -> Wait:
        if self._reported:
            self._sink.flush()
            return Wait(writers=(self._sink.descriptor,))
        if super().ended:
            self._report_once()
            return AT_ONCE
        return super().step(now)

    def close(self) -> None:
        """Write the report if it was not written yet."""
        self._report_once()

    def _report_once(self) -> None:
        if not self._reported:
            self._reported = True
            self._sink.write(self._report())

    def _report(self) -> bytes:
        raise NotImplementedError
