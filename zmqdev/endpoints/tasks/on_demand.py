"""pull --demand: asks a streamer for messages, some ahead, and prints them.

After each printed message it asks for one more. With a count it never asks for more than are
wanted, so it takes nothing that other pullers could have. Requests are lost with their connection,
and repeated on the next one.
"""

from __future__ import annotations

from collections.abc import Callable

import zmq

from zmqdev.endpoints.form.format import Layout
from zmqdev.endpoints.task import Wait
from zmqdev.endpoints.tasks.receiver import Receiver
from zmqdev.relay import send_burst
from zmqdev.system.stdio import Sink

ASK = [b"READY"]


class OnDemand(Receiver):
    """A receiver that asks for messages. `met` returns how many connections were ever made."""

    def __init__(
        self,
        socket: zmq.Socket[bytes],
        sink: Sink,
        layout: Layout,
        count: int | None,
        ahead: int,
        met: Callable[[], int],
    ) -> None:
        super().__init__(socket, sink, layout, count)
        self._ahead, self._met = ahead, met
        self._open = 0  # asked for and not received yet
        self._before = self._connections = 0

    def step(self, now: float) -> Wait:
        self._ask()
        wait = super().step(now)
        self._open -= self.flow.messages - self._before
        self._before = self.flow.messages
        if self._wanted() and wait.socket:
            return Wait(wait.socket | zmq.POLLOUT, outlets=wait.outlets)
        return wait

    def _ask(self) -> None:
        met = self._met()
        if met != self._connections:
            self._connections, self._open = met, 0
        wanted = self._wanted()
        if wanted and met:
            self._open += send_burst(self._socket, [ASK] * wanted)[0]

    def _wanted(self) -> int:
        if self._left is not None:
            return 0
        most = self._ahead
        if self.expected is not None:
            most = min(most, self.expected - self.flow.messages)
        return max(0, most - self._open)
