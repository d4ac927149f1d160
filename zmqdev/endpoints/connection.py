"""The connection of an endpoint: its context, its socket, its peers.

Order at the end: disable the monitor, close its PAIR, close the socket, end the context. The last
call returns when the kernel has all messages or the linger time is over, so it runs in a separate
thread, and signals still work. Then the connections are kept until the peers have read everything.
"""

from __future__ import annotations

import logging
import math
import threading
import time
from typing import Any

import zmq

from zmqdev.device.announce import NOTE
from zmqdev.device.cable import CableWatch
from zmqdev.device.close import Farewell
from zmqdev.device.peer_log import PeerLog
from zmqdev.device.peers import PeerWatch
from zmqdev.device.reconnect import Comeback
from zmqdev.device.tally import PeerEvent
from zmqdev.device.unreached import Reach
from zmqdev.endpoints.build import join, open_socket
from zmqdev.options.endpoint import AnyEndpoint, EndpointKind
from zmqdev.options.quantity import format_duration
from zmqdev.system.signals import Signals

log = logging.getLogger("zmqdev")
# Seconds until the end of the context is noticed; half of it is lost on average when a program
# ends.
LOOK = 0.002
# Seconds. A wait at the end is explained once it has taken REMIND and when it may take LONG.
REMIND, LONG = 0.2, 1.0
# Seconds that the monitor may be late. Its event comes microseconds after the handshake, or tens
# of milliseconds on a very busy machine.
HEAR = 0.2


class Post:
    """The socket of an endpoint, not joined yet. Call `join`, then `close` and `leave`."""

    def __init__(self, kind: EndpointKind, spec: AnyEndpoint) -> None:
        self.spec = spec
        self.context: zmq.Context[Any] = zmq.Context(spec.io_threads)
        self.opened = open_socket(self.context, kind, spec)
        self._comeback = Comeback()
        name = spec.name or kind.name
        self._peer_log = PeerLog(name, self.opened)
        self._reach = Reach(name, self.opened)
        self.watch = PeerWatch(self.opened.socket, self.opened.guard)
        self._cables = CableWatch([(self.opened, self.watch)])
        self._cables_at = 0.0
        # Other endpoints go on reading while they cannot send, so libzmq notices an end in time.
        self._waits_with_reading = kind.name == "worker"
        self._farewell = Farewell({}, 0)
        self._closed_at = 0.0

    @property
    def socket(self) -> zmq.Socket[bytes]:
        """Return the socket."""
        return self.opened.socket

    def join(self) -> None:
        """Bind and connect; RunError names the address that cannot be bound or connected."""
        join(self.opened, self.spec)

    def connected(self) -> int:
        """Return how many peers have finished their handshake."""
        self.drain_monitor()
        return self.watch.counts.connected

    @property
    def alone(self) -> bool:
        """Whether no peer is connected or about to be. Peers in the same process are never seen."""
        if any(state.actual.startswith("inproc://") for state in self.opened.addresses):
            return False
        return not self.connected() and not self.watch.connections()

    def met(self) -> int:
        """Return how many handshakes were finished so far, also on connections that have ended."""
        self.drain_monitor()
        return self.watch.counts.accepted

    def drain_monitor(self) -> None:
        """Read the monitor's events. Call it in every turn: an unread monitor freezes the
        context."""
        self.watch.drain(self._tell)

    def come_back(self, now: float) -> None:
        """Connect again after a failed handshake, once the pause is over. Call it in every turn."""
        self.watch.look(now, self._tell)
        if now >= self._cables_at:
            self._cables_at = now + self._cables.look(now)
            self._leave_ended(now)
        self._reach.look(now)
        for address in self._comeback.due(now):
            if not self.watch.tally.is_seen_to(address):
                self.opened.reconnect(address)

    def _leave_ended(self, now: float) -> None:
        """Connect a worker anew when its server has gone.

        A worker reads no more requests while it cannot answer, and libzmq does not notice the end
        of a connection before all requests were read.
        """
        ended = self._cables.unheard(now) if self._waits_with_reading else []
        connects = [state.actual for state in self.opened.addresses if state.verb == "connect"]
        for descriptor, remote in ended:
            found = connects if len(connects) == 1 else [one for one in connects if one == remote]
            for address in found:
                log.warning("%s: %s is gone; its requests are dropped", self.spec.name, address)
                self._tell(self.watch.gone(descriptor))  # libzmq does not report it
                self.opened.reconnect(address)
        if ended:
            self._cables.forget()

    def hang_up(self) -> None:
        """Forget the connections; call it before a disconnect from every address.

        libzmq does not report the end of such a connection, and the duplicate that is kept of its
        descriptor would hold it open, so the peer would not notice.
        """
        self.drain_monitor()
        for descriptor in self.watch.connections():
            self.watch.gone(descriptor)

    def ready_lines(self) -> str:
        """Return a line for each address, as a device writes them to its ready file."""
        name = self.spec.name
        states = self.opened.addresses
        return "".join(f"{name} socket {state.verb} {state.actual}\n" for state in states)

    def close(self, linger: float) -> None:
        """Close the socket; unsent messages are kept for `linger` seconds, see `leave`."""
        if linger:
            self._hear_all()
            self._farewell = Farewell(self.watch.connections(), self.watch.counts.connected)
        self.watch.disable()
        self.watch.close()
        self._closed_at = time.monotonic()
        self.opened.close(round(linger * 1000))

    def leave(self, linger: float, signals: Signals, way_out: str = "a signal") -> bool:
        """Wait until the peers have read everything; return False if they have not.

        The wait ends after `linger` seconds, or at a signal. A long wait is logged, and `way_out`
        says in the log what ends it.

        Without a linger time there is nothing to wait for. A connection that was made anew
        meanwhile may still have messages queued that the old one did not send.
        """
        begun = time.monotonic()
        end, remind_at = begun + linger, begun + REMIND if linger >= LONG else math.inf
        thread = threading.Thread(target=self.context.term, name="zmqdev-leave", daemon=True)
        thread.start()
        try:
            while thread.is_alive():
                thread.join(LOOK)
                if thread.is_alive() and (signals.take() or time.monotonic() > end + 1):
                    return not linger
                if time.monotonic() >= remind_at:
                    remind_at = _explain(linger, way_out)
            if linger and time.monotonic() >= self._closed_at + linger - LOOK:
                return False  # libzmq has dropped the rest
            if self._farewell.wait(min(end, remind_at), (signals.fileno(),)):
                return True
            if signals.take() or time.monotonic() >= end:
                return False
            _explain(linger, way_out)
            return self._farewell.wait(end, (signals.fileno(),))
        finally:
            self._farewell.close()

    def _hear_all(self) -> None:
        """Wait until the monitor has reported the handshake of every connection.

        A peer can take messages a moment before the monitor reports it.
        """
        end = time.monotonic() + HEAR
        self.drain_monitor()
        while len(self.watch.connections()) > self.watch.counts.connected:
            if not self.watch.pair.poll(max(0, round((end - time.monotonic()) * 1000))):
                return  # a stranger that sends no handshake
            self.drain_monitor()

    def _tell(self, event: PeerEvent) -> None:
        if event.what == "connected":
            self._comeback.succeeded(event.address)
        if event.what == "failed" and event.address in self.spec.connect:
            self._comeback.failed(event.address, time.monotonic())
        self._peer_log.tell(event)
        self._reach.heard(event, time.monotonic())


def _explain(linger: float, way_out: str) -> float:
    """Log what is waited for; return when to log again, which is never."""
    what, limit = "the peers to read what was sent", format_duration(linger)
    log.log(NOTE, "waiting for %s, at most %s; %s leaves", what, limit, way_out)
    return math.inf
