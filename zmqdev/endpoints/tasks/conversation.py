"""What req, rep, dealer, router and pair have in common: send the input, print messages."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

import zmq

from zmqdev.endpoints.feed import Feed
from zmqdev.endpoints.form.format import Layout, Message, write_out
from zmqdev.endpoints.gate import Gate
from zmqdev.endpoints.pace import Pacing
from zmqdev.endpoints.task import counted
from zmqdev.endpoints.tasks.base import CountedTask
from zmqdev.endpoints.tasks.sender import Readiness
from zmqdev.system.stdio import Sink


class Conversation(CountedTask):
    """A task that sends and receives.

    `flow` counts the messages received, `sent` those sent. `feed` is None without input.
    """

    def __init__(
        self,
        socket: zmq.Socket[bytes],
        feed: Feed | None,
        pace: Pacing | None,
        gate: Gate,
        sink: Sink,
        layout: Layout,
        count: int | None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        super().__init__(count, gate)
        self.sent = 0
        self._socket, self._feed, self._pace, self._gate = socket, feed, pace, gate
        self._sink, self._layout, self._clock = sink, layout, clock
        self._readiness = Readiness(feed) if feed is not None else None

    def extra(self) -> dict[str, float]:
        return {"sent": self.sent}

    def close(self) -> None:
        if self._feed is not None:
            self._feed.close()

    def _unsent(self, held: int) -> list[str]:
        """Return a line about input that was read and not sent, including `held` messages."""
        unsent = held + (self._feed.waiting if self._feed is not None else 0)
        return [f"read and not sent: {counted(unsent, 'message')}"] if unsent else []

    def _show(self, messages: Sequence[Message]) -> None:
        self._sink.write(write_out(self._layout, messages, self._clock()))
