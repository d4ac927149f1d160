"""The party that runs libzmq's `zmq_proxy`, which devices are compared with."""

from __future__ import annotations

import os
import threading
from typing import Any

import zmq

from zmqdev.system import libzmq
from zmqdev.tools.bench.party import pipe
from zmqdev.tools.bench.party.messages import Opened, Order
from zmqdev.tools.bench.party.party import Parent

TYPES = {
    "streamer": (zmq.PULL, zmq.PUSH),
    "forwarder": (zmq.XSUB, zmq.XPUB),
    "queue": (zmq.ROUTER, zmq.DEALER),
}
ANYWHERE = "tcp://127.0.0.1:*"


class Proxy:
    """Binds both sides and proxies until the process ends."""

    def __init__(self, order: Order, context: zmq.Context[Any]) -> None:
        types = TYPES[order.case.kind.kind]
        libzmq.prepare()
        self._sockets: list[zmq.Socket[bytes]] = [context.socket(type_) for type_ in types]
        if order.hwm is not None:
            for socket in self._sockets:
                socket.hwm = order.hwm

    def open(self) -> Opened:
        for socket in self._sockets:
            socket.bind(ANYWHERE)
        return Opened(tuple(socket.get_string(zmq.LAST_ENDPOINT) for socket in self._sockets))

    def meet(self, parent: Parent) -> None:
        """Return at once: the peers wait for the proxy, not the reverse."""

    def run(self, parent: Parent) -> None:
        threading.Thread(target=_leave_with, args=(parent,), daemon=True).start()
        zmq.proxy(*self._sockets)

    def close(self) -> None:
        for socket in self._sockets:
            socket.close(0)


def _leave_with(parent: Parent) -> None:
    """End the process when the bench leaves, because `zmq_proxy` cannot be stopped."""
    try:
        parent.hear()
    except pipe.Closed:
        os._exit(0)
