"""One party of a run, in a process of its own: `python -m zmqdev.tools.bench.party.party`.

Its life, as the bench tells it through the pipes that are stdin and stdout:
an Order, and it opens its sockets; `meet`, and it waits until the others are
there; `go`, and it does its part. A receiver then tells how many have come as
often as it is asked (`count`) and what came of it at the `end`; a sender is done
when it is done. When the pipe is closed it leaves.
"""

from __future__ import annotations

import contextlib
import importlib
import os
import signal
import sys
from collections.abc import Sequence
from typing import Any, Protocol

import zmq

from zmqdev.device.peers import PeerWatch
from zmqdev.system import libzmq
from zmqdev.tools.bench.party import pipe
from zmqdev.tools.bench.party.messages import Opened, Order

MEET, GO, COUNT, END = "meet", "go", "count", "end"
STDIN, STDOUT = 0, 1
# A receiver that waits looks after its sockets this often.
TICK_MS = 100
# While it waits for the others, it asks again this often.
MEETING_MS = 10

ROLES = {
    "pusher": "pushing:Pusher",
    "puller": "pushing:Puller",
    "publisher": "publishing:Publisher",
    "subscriber": "publishing:BenchSubscriber",
    "route pusher": "routing:RoutePusher",
    "route puller": "routing:RoutePuller",
    "client": "requesting:BenchClient",
    "worker": "requesting:BenchWorker",
    "ticker": "timing:Ticker",
    "clock": "timing:Clock",
    "proxy": "proxying:Proxy",
    "asker": "asking:StatusAsker",
}
"""Role -> where it is, below this folder."""


class Parent:
    """The bench, as a party sees it. `fd` is readable when it has said something."""

    fd = STDIN

    def __init__(self, out: int) -> None:
        self._out = out

    def hear(self) -> Any:
        return pipe.read(self.fd)

    def tell(self, thing: Any) -> None:
        pipe.write(self._out, thing)

    def wait(self, *sockets: tuple[zmq.Socket[bytes], int], timeout_ms: int = TICK_MS) -> bool:
        """Until one of the sockets is ready, or the bench says something: True then."""
        ready = zmq.zmq_poll([*sockets, (self.fd, zmq.POLLIN)], timeout_ms)
        return any(what == self.fd for what, _ in ready)

    def wait_silent(self, *sockets: tuple[zmq.Socket[bytes], int]) -> None:
        """The same where the bench has nothing to say but that it leaves: Closed then."""
        if self.wait(*sockets, timeout_ms=MEETING_MS):
            raise pipe.Closed


class Party(Protocol):
    """What a role does; made with its Order and a context."""

    def open(self) -> Opened: ...

    def meet(self, parent: Parent) -> None: ...

    def run(self, parent: Parent) -> Any: ...

    def close(self) -> None: ...


class Seat:
    """A socket of a party, and the connections it waits for.

    `names`: what a ROUTER calls its connections, one to the address for each.
    """

    def __init__(
        self, context: zmq.Context[Any], type_: int, order: Order, names: Sequence[bytes] = ()
    ) -> None:
        libzmq.prepare()
        self.socket: zmq.Socket[bytes] = context.socket(type_)
        self.socket.linger = 0
        if order.hwm is not None:
            self.socket.hwm = order.hwm
        self._names = names
        self._peers = order.peers * max(1, len(names))
        self._order = order
        self._watch = PeerWatch(self.socket)

    def open(self) -> tuple[str, ...]:
        """Bind or connect as ordered; the addresses as they really are."""
        if self._order.verb == "bind":
            for address in self._order.addresses:
                self.socket.bind(address)
            return (self.socket.get_string(zmq.LAST_ENDPOINT),)
        for address in self._order.addresses:
            for name in self._names:
                self.socket.set(zmq.CONNECT_ROUTING_ID, name)
                self.socket.connect(address)
            if not self._names:
                self.socket.connect(address)
        return self._order.addresses

    def meet(self, parent: Parent) -> None:
        """Until all peers have shaken hands; an unread monitor would stop the context."""
        while self._watch.counts.accepted < self._peers:
            parent.wait_silent((self._watch.pair, zmq.POLLIN))
            self._watch.drain()
        self._watch.disable()
        self._watch.close()

    def close(self) -> None:
        self._watch.close()
        self.socket.close(0)


def serve(party: Party, parent: Parent) -> None:
    """Until the bench closes the pipe."""
    parent.tell(party.open())
    while True:
        said = parent.hear()
        if said == MEET:
            party.meet(parent)
            parent.tell(MEET)
        elif said == GO:
            parent.tell(party.run(parent))


def main() -> None:
    # What anything prints by itself must not get between the objects.
    parent = Parent(os.dup(STDOUT))
    os.dup2(sys.stderr.fileno(), STDOUT)
    # Ctrl-C is the bench's to handle; it closes the pipes.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    context: zmq.Context[Any] = zmq.Context()
    order: Order = parent.hear()
    module, _, name = ROLES[order.role].partition(":")
    made = getattr(importlib.import_module(f"zmqdev.tools.bench.party.{module}"), name)
    party: Party = made(order, context)
    with contextlib.suppress(pipe.Closed):
        serve(party, parent)
    party.close()
    context.term()


if __name__ == "__main__":
    main()
