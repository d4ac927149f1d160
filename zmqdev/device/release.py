"""The end of one address of a device that goes on, without a loss.

Unbind and disconnect throw away what libzmq has read of a connection and not handed over, and the
contents of the receive buffer. So the connections of the address are first closed for writing from
our end, as at the end of a device (intake.py): the peer sees the end of the stream and closes, and
its system delivers the rest, which the device passes on. Only then is the address released.

A connection by which replies go back cannot be closed like that. The device waits for a moment at
which no reply is owed; without such a moment, libzmq releases the address as usual.
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

# Seconds for all of it. Who does not close by then does not answer, or the device is at a halt.
PATIENCE = 1.0
# Of them, the seconds in which a moment comes when nothing is owed, and a pause of a sender: in
# the middle of a burst libzmq holds a part of a message on the sender's side, and loses it.
OWED, PAUSE = 0.5, 0.3
LOOK_MS = 1
# What sends only. What waits for its peers leaves after the address has gone.
SENDERS = frozenset({"PUSH", "PUB", "XPUB"})


class AddressRelease:
    """Releases `state`, an address of `side`. Used in the thread that drains the monitors, as
    `hear` does."""

    def __init__(
        self, device: Device, side: OpenSocket, state: AddressState, hear: Callable[[], None]
    ) -> None:
        self._device, self._side, self._state, self._hear = device, side, state, hear
        self._watch: PeerWatch = device.watches[side.name]
        # Of each connection of the address: the peer's address, and our own hold on it.
        self._held: dict[int, tuple[str, socket.socket]] = {}
        self._others: dict[int, str] = {}
        self._fresh: list[socket.socket] = []
        self._pauses: dict[socket.socket, SenderPause] = {}

    def act(self) -> bool:
        """Release it. False when messages may be lost: peers did not close in time, or the device
        does not move. RunError when libzmq refuses."""
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
        """It is free when this returns: libzmq closes in its own thread."""
        self._side.release(self._state)
        self._side.io_threads.catch_up()

    def _receives(self) -> bool:
        """Whether peers of this side send what is passed on. Those behind a backend read on."""
        first = self._device.engine.sockets()[0]
        return self._side is first and self._side.type not in SENDERS

    def _owes(self, until: float) -> bool:
        """Wait until no reply is owed; whether one still is. Without any so far all is one way."""
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
        return all(number in waiting for number in self._held)  # strangers who say nothing

    def _look(self) -> bool:
        """Hold the connections that are new; whether there are any at all."""
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
        """Wait until the device has read all that came: a disconnect throws the rest away."""
        while self._device.call(partial(events, self._side.socket)) & zmq.POLLIN:
            if time.monotonic() >= until:
                return False
            self._wait()
        return True

    def _wait(self) -> None:
        """A look at the monitor that nobody else drains meanwhile."""
        self._watch.pair.poll(LOOK_MS)
        self._hear()
