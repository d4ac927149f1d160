"""A party of a run, in its own process: `python -m zmqdev.tools.bench.party.party`.

The bench leads it through pipes at stdin and stdout. After an Order it opens its
sockets. After `meet` it waits until its peers are connected. After `go` it sends or
receives. A receiver then answers each `count` with the number of messages so far, and
`end` with its result; a sender sends its result when it has finished. The party leaves
when the pipe is closed.
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
# A waiting receiver looks after its sockets this often.
TICK_MS = 100
# A party that waits for its peers checks this often.
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
"""Role -> module in this folder and class."""


class Parent:
    """The bench as a party sees it. `fd` is readable when the bench has sent something."""

    fd = STDIN

    def __init__(self, out: int) -> None:
        self._out = out

    def hear(self) -> Any:
        """Return the next object from the bench; raises Closed when it is gone."""
        return pipe.read(self.fd)

    def tell(self, thing: Any) -> None:
        """Send an object to the bench."""
        pipe.write(self._out, thing)

    def wait(self, *sockets: tuple[zmq.Socket[bytes], int], timeout_ms: int = TICK_MS) -> bool:
        """Wait until a socket is ready or the bench has sent something; return True for
        the latter."""
        ready = zmq.zmq_poll([*sockets, (self.fd, zmq.POLLIN)], timeout_ms)
        return any(what == self.fd for what, _ in ready)

    def wait_silent(self, *sockets: tuple[zmq.Socket[bytes], int]) -> None:
        """Wait while no message from the bench is due; raises Closed when the pipe is readable."""
        if self.wait(*sockets, timeout_ms=MEETING_MS):
            raise pipe.Closed


class Party(Protocol):
    """The interface of a role; it is created with its Order and a context."""

    def open(self) -> Opened:
        """Open the sockets."""
        ...

    def meet(self, parent: Parent) -> None:
        """Wait until the peers are connected."""
        ...

    def run(self, parent: Parent) -> Any:
        """Do the role's part and return the result."""
        ...

    def close(self) -> None:
        """Close the sockets."""
        ...


class Seat:
    """A socket of a party and the connections it waits for.

    `names` are routing ids for a ROUTER's connections; it makes one connection for
    each.
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
        """Bind or connect as ordered; return the addresses with the ports that were bound."""
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
        """Wait until all peers have finished their handshake.

        The monitor is then closed, since an unread monitor would block the context.
        """
        while self._watch.counts.accepted < self._peers:
            parent.wait_silent((self._watch.pair, zmq.POLLIN))
            self._watch.drain()
        self._watch.disable()
        self._watch.close()

    def close(self) -> None:
        """Close the socket and its monitor."""
        self._watch.close()
        self.socket.close(0)


def serve(party: Party, parent: Parent) -> None:
    """Follow the bench until it closes the pipe."""
    parent.tell(party.open())
    while True:
        said = parent.hear()
        if said == MEET:
            party.meet(parent)
            parent.tell(MEET)
        elif said == GO:
            parent.tell(party.run(parent))


def main() -> None:
    """Run the party that the first object on stdin orders."""
    # stdout carries the objects, so everything that prints goes to stderr.
    parent = Parent(os.dup(STDOUT))
    os.dup2(sys.stderr.fileno(), STDOUT)
    # The bench handles Ctrl-C; it closes the pipes.
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
