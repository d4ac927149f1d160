"""The party that asks a running device for its status a hundred times a second."""

from __future__ import annotations

from typing import Any

import zmq

from zmqdev.control.protocol import read_reply, write_request
from zmqdev.tools.bench.party.messages import Opened, Order
from zmqdev.tools.bench.party.party import Parent
from zmqdev.wire.envelope import DELIMITER

EACH_MS = 10
PATIENCE_MS = 5000


class StatusAsker:
    """Asks for the status until the process ends."""

    def __init__(self, order: Order, context: zmq.Context[Any]) -> None:
        self._socket: zmq.Socket[bytes] = context.socket(zmq.DEALER)
        self._socket.linger = 0
        self._address = order.addresses[0]

    def open(self) -> Opened:
        self._socket.connect(self._address)
        return Opened((self._address,))

    def meet(self, parent: Parent) -> None:
        """Ask once and wait for the answer, so that the run starts with a working connection."""
        self._ask()
        if not self._socket.poll(PATIENCE_MS):
            raise RuntimeError("no answer from the control socket")
        reply = read_reply(self._socket.recv_multipart()[-1])
        assert reply.ok, reply.message

    def run(self, parent: Parent) -> None:
        while not parent.wait(timeout_ms=EACH_MS):
            while self._socket.poll(0):
                self._socket.recv_multipart()
            self._ask()

    def _ask(self) -> None:
        self._socket.send_multipart([DELIMITER, write_request("status", {})])

    def close(self) -> None:
        self._socket.close(0)
