"""Releasing one address of a running device without a loss.

Unbind and disconnect drop what libzmq has read from a connection and not delivered, and the
contents of the receive buffer. So the connections of the address are first closed for writing from
this end, as at the end of a device (intake.py). The peer sees the end of the stream and closes, and
its system delivers the rest, which the device passes on. Only then is the address released.

A connection on which replies are sent cannot be closed like that. The device waits for a moment
when no reply is owed; if there is none, libzmq releases the address as usual.
"""

from __future__ import annotations

import socket
import time
from collections.abc import Callable
from functools import partial

import zmq

from zmqdev.device.close import duplicate
from zmqdev.device.device import Device
from zmqdev.device.intake import at, say_end, watched
from zmqdev.device.newcomers import belongs, keep_out
from zmqdev.device.pause import SenderPause
from zmqdev.device.peers import PeerWatch
from zmqdev.device.socket import OpenSocket, events
from zmqdev.stats.snapshot import AddressState

# Seconds for the whole release. A peer that has not closed by then does not answer, or the device
# does not move.
PATIENCE = 1.0
# Seconds of these to wait for a moment when nothing is owed, and for a pause of a sender. In the
# middle of a burst, the sender's libzmq has sent a part of a message, and loses it.
OWED, PAUSE = 0.5, 0.3
LOOK_MS = 1
# Sockets that only send. Queued messages leave after the address was released.
SENDERS = frozenset({"PUSH", "PUB", "XPUB"})


class AddressRelease:
    """The release of `state`, an address of `side`.

    It is used in the thread that drains the monitors, as `hear` does.
    """

    def __init__(
        self, device: Device, side: OpenSocket, state: AddressState, hear: Callable[[], None]
    ) -> None:
        self._device, self._side, self._state, self._hear = device, side, state, hear
        self._watch: PeerWatch = device.watches[side.name]
        # By descriptor: the peer's address, and the duplicate of the connection.
        self._held: dict[int, tuple[str, socket.socket]] = {}
        self._others: dict[int, str] = {}
        self._fresh: list[socket.socket] = []
        self._pauses: dict[socket.socket, SenderPause] = {}

    def act(self) -> bool:
        """Release the address; RunError when libzmq refuses.

        Returns False when messages may be lost: peers did not close in time, or the device does not
        move.
        """
        until = time.monotonic() + PATIENCE
        try:
            closed = not self._receives() or self._owes(until) or self._end_connections(until)
        finally:
            for _, connection in self._held.values():
                connection.close()
        read = self._state.verb == "bind" or self._when_read(until)
        self._device.call(self._release)
        return closed and read

    def _release(self) -> None:
        """Release the address, which is free on return although libzmq closes in its own thread."""
        self._side.release(self._state)
        self._side.io_threads.catch_up()

    def _receives(self) -> bool:
        """Return whether peers of this side send what is passed on.

        Peers at a backend may go on reading.
        """
        first = self._device.engine.sockets()[0]
        return self._side is first and self._side.type not in SENDERS

    def _owes(self, until: float) -> bool:
        """Wait until no reply is owed; return whether one still is.

        If there were no replies so far, messages go one way only.
        """
        engine, until = self._device.engine, min(until, time.monotonic() + OWED)
        while engine.owed() and time.monotonic() < until:
            self._wait()
        return engine.owed() > 0 and engine.counters.total()["backward"]["messages"] > 0

    def _end_connections(self, until: float) -> bool:
        pause_by = min(until, time.monotonic() + PAUSE)
        self._device.call(partial(keep_out, self._side, self._watch, (self._state,)))
        while self._look() and time.monotonic() < until:
            self._close_in_pauses(pause_by)
            self._wait()
        waiting = self._watch.tally.waiting(time.monotonic(), 0.0)
        return all(number in waiting for number in self._held)  # strangers that send no handshake

    def _look(self) -> bool:
        """Hold new connections; return whether there are any at all."""
        self._fresh = []
        now = self._watch.connections()
        for number in [n for n, (address, _) in self._held.items() if now.get(n) != address]:
            gone = self._held.pop(number)[1]
            self._pauses.pop(gone, None)
            gone.close()
        for number, address in now.items():
            if number in self._held or self._others.get(number) == address:
                continue
            made = duplicate(number, address)
            if made is not None and belongs(made, self._state):
                self._held[number] = address, made
                self._fresh.append(made)
            elif made is not None:
                self._others[number] = address
                made.close()
        return bool(self._held)

    def _close_in_pauses(self, until: float) -> None:
        passed = self._device.engine.counters.total()["forward"]["messages"]
        for connection in self._fresh:
            self._pauses[connection] = watched(connection, passed)
        over, pauses = time.monotonic() >= until, self._pauses.items()
        for connection in [one for one, p in pauses if over or at(p, one, passed)]:
            say_end(connection)
            del self._pauses[connection]

    def _when_read(self, until: float) -> bool:
        """Wait until the device has read everything, since a disconnect drops the rest."""
        while self._device.call(partial(events, self._side.socket)) & zmq.POLLIN:
            if time.monotonic() >= until:
                return False
            self._wait()
        return True

    def _wait(self) -> None:
        """Wait a moment and drain the monitor, which nothing else drains meanwhile."""
        self._watch.pair.poll(LOOK_MS)
        self._hear()
