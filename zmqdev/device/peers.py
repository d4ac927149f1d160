"""The peers of a socket, from its monitor events.

An unread monitor freezes the whole context after about 700 connections. So the monitor's PAIR has
no high-water mark and is drained in every turn of the loop, even when its events are not needed. At
the end: disable the monitor, close the PAIR, close the socket.

An event names a connection by its descriptor, which may belong to another connection when the event
is read. libzmq reports an end before it closes the descriptor. So what is found at a descriptor
belongs to the reported connection if no end of it is reported until after the look.
"""

from __future__ import annotations

import itertools
import struct
import sys
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import zmq

from zmqdev.device.hangup import UNKNOWN, HangupEnd, Hangups, is_old
from zmqdev.device.socket import events
from zmqdev.device.tally import FAILED, OPENED, SETTLED, PeerEvent, Tally
from zmqdev.device.turnstile import Turnstile
from zmqdev.options.quantity import format_size
from zmqdev.security.guard import Guard
from zmqdev.stats.snapshot import PeerCounts
from zmqdev.system.descriptor import Connection, inode_of, look_at
from zmqdev.system.libzmq import Keeper, why_unguarded

_EVENTS = sum(
    (
        *(*FAILED, *OPENED, zmq.EVENT_DISCONNECTED, zmq.EVENT_HANDSHAKE_SUCCEEDED),
        zmq.EVENT_CONNECT_RETRIED,
        zmq.EVENT_LISTENING,
    )
)
# Seconds after which a handshake is looked at, since libzmq reports no end of an old peer's.
SLOW = 0.05
# How often events are read again for a connection that may be a different one.
LOOKS = 4
_names = itertools.count()


@dataclass
class _Event:
    """An event of the monitor.

    `connection` is what was found at the descriptor, with inode 0 if that may be another connection
    by now.
    """

    number: int
    value: int
    address: str
    connection: Connection | None = None
    ending: HangupEnd = UNKNOWN

    @property
    def inode(self) -> int:
        return self.connection.inode if self.connection is not None else 0


_Life = tuple[_Event, _Event]
"""How a connection opened and ended."""


def _ended_here(came: Iterable[_Event]) -> list[_Life]:
    """Return connections that opened and ended before they were looked at, apparently ended here.

    What was found may belong to the next connection with the same descriptor. If that one is
    reported too, and has the same socket, what was found is forgotten.
    """
    opened: dict[int, _Event] = {}
    over: dict[int, list[_Life]] = {}
    for event in came:
        if event.number in OPENED:
            opened[event.value] = event
            _void(over.get(event.value, ()), event.inode)
        elif event.number == zmq.EVENT_DISCONNECTED and event.value in opened:
            before = over.setdefault(event.value, [])
            # The next one has ended too, so what was found for either may belong to a third.
            _void(before, None)
            before.append((opened.pop(event.value), event))
    return [life for lives in over.values() for life in lives if life[1].ending.here]


def _void(lives: Iterable[_Life], inode: int | None) -> None:
    """Forget what was found for the connections with this inode, or for all."""
    for first, last in lives:
        if inode is None or first.inode == inode:
            first.connection, last.ending = None, UNKNOWN


class PeerWatch:
    """The monitor of one socket. Make it in the socket's thread; read it in one other thread."""

    def __init__(self, socket: zmq.Socket[bytes], guard: Guard | None = None) -> None:
        self.name = f"inproc://zmqdev-monitor-{next(_names)}"
        # Without the guarded poll, this event comes without end while no descriptor is left.
        accepts = zmq.EVENT_ACCEPT_FAILED if why_unguarded() is None else 0
        socket.monitor(self.name, _EVENTS | accepts)
        self._socket = socket
        self._guard = guard
        self.pair: zmq.Socket[bytes] = socket.context.socket(zmq.PAIR)
        self.pair.set(zmq.RCVHWM, 0)
        self.pair.set(zmq.LINGER, 0)
        self.pair.connect(self.name)
        self._ahead: deque[_Event] = deque()
        self._listeners: dict[int, int | None] = {}  # {descriptor: inode}
        self._turnstile = Turnstile(Keeper.MONITOR, self.listeners)
        self._hangups = Hangups()
        self._too_long = _too_long(int(socket.get(zmq.MAXMSGSIZE)))
        self._handshake = int(socket.get(zmq.HANDSHAKE_IVL)) / 1000
        self.tally = Tally(returns=int(socket.get(zmq.RECONNECT_IVL)) > 0, asks=_asks(socket))

    def drain(
        self, tell: Callable[[PeerEvent], Any] = lambda event: None, most: int = sys.maxsize
    ) -> bool:
        """Handle the events that have come, at most `most` of them; return whether there were
        any."""
        with self._turnstile.work():
            self._read_ahead()
            taken = min(most, len(self._ahead))
            for _ in range(taken):
                event = self._take(self._ahead.popleft())
                if event is not None:
                    tell(event)
        if taken and not self._ahead:
            self._turnstile.caught_up()
        self.look(time.monotonic(), tell)
        return bool(taken)

    @property
    def behind(self) -> bool:
        """Whether events were read and not handled. Then call `drain` again: nothing will wake."""
        return bool(self._ahead)

    def look(self, now: float, tell: Callable[[PeerEvent], Any]) -> None:
        """Find what no event reports.

        It is for callers that call `drain` only when something has come.
        """
        for event in self.tally.given_up(now):
            tell(event)
        if self._ahead:
            return  # descriptors may belong to connections not reported yet
        for descriptor in self.tally.waiting(now, SLOW):
            if self._is_old(descriptor) or self._outlasted(descriptor, now):
                settled = self.tally.old(descriptor)
                if settled is not None:
                    tell(settled)

    @property
    def in_doubt(self) -> bool:
        """Whether more may be known after some time, even without an event; then call `drain`."""
        return self.tally.in_doubt

    @property
    def counts(self) -> PeerCounts:
        """Return the counts as of the last `drain`."""
        return self.tally.counts(time.monotonic())

    @property
    def connected(self) -> int:
        """Return how many peers are connected. Any thread."""
        return self.tally.connected

    def _read_ahead(self) -> None:
        """Read all events, and look at each connection that has opened.

        Another connection that had the same descriptor is reported before this one ends. So events
        are read once more after a look.
        """
        came: list[_Event] = []
        looked = False
        for _ in range(LOOKS):
            came += self._read()
            lives = _ended_here(came)
            held = any(first.inode == inode_of(first.value) for first, _ in lives)
            if not lives or (looked and not held):
                break
            looked = not held
            if held:
                # It will be closed in a moment, or its successor will be reported.
                self.pair.poll(1)
        else:
            _void(_ended_here(came), None)
        self._ahead.extend(came)

    def _read(self) -> Iterator[_Event]:
        while events(self.pair) & zmq.POLLIN:
            head, address = self.pair.recv_multipart()
            number, value = struct.unpack("=HI", head)
            if number == zmq.EVENT_LISTENING:
                self._listeners[value] = inode_of(value)
                continue
            event = _Event(number, value, address.decode(errors="replace"))
            if number in OPENED:
                event.connection = self._look_at(value)
            elif number == zmq.EVENT_DISCONNECTED:
                event.ending = self._hangups.ended(value)
            yield event

    def _look_at(self, descriptor: int) -> Connection:
        if Hangups.owns(descriptor):
            return Connection(descriptor)
        found, copy = look_at(descriptor)
        if copy is not None:
            self._hangups.opened(descriptor, copy)
        return found

    def _take(self, event: _Event) -> PeerEvent | None:
        if event.number == zmq.EVENT_CLOSED:  # from peer_lines.py, for connections that it closed
            return self.gone(event.value)
        if event.number == zmq.EVENT_ACCEPT_FAILED:
            return self.tally.not_accepted(event.address, event.value)
        if event.number in OPENED:
            event.connection = event.connection or Connection(event.value)
        if self._guard is not None:
            self._tell_guard(self._guard, event)
        told = self.tally.take(
            event.number,
            event.value,
            event.address,
            event.connection.address if event.connection else "",
            time.monotonic(),
            event.ending,
        )
        if event.ending.here and told is not None and told.what == "disconnected":
            return self._refused(told)
        return told

    def _tell_guard(self, guard: Guard, event: _Event) -> None:
        if event.number == zmq.EVENT_ACCEPTED and event.connection is not None:
            guard.connection_opened(event.connection)
        elif event.number == zmq.EVENT_DISCONNECTED:
            guard.connection_closed(event.value)

    def _refused(self, event: PeerEvent) -> PeerEvent:
        """Return the event of a peer whose frame is too large.

        libzmq hangs up on it before it has read the frame.
        """
        if self._guard is not None:
            self._guard.count("frame")
        return PeerEvent(event.what, event.address, self._too_long)

    def _is_old(self, descriptor: int) -> bool:
        exchanged = self._hangups.exchanged(descriptor)
        return exchanged is not None and is_old(*exchanged)

    def _outlasted(self, descriptor: int, now: float) -> bool:
        """Return whether the handshake would have been ended by now, so that none was needed."""
        return bool(self._handshake) and descriptor in self.tally.waiting(
            now, max(SETTLED, self._handshake + 1)
        )

    def let_go(self) -> None:
        """Close the duplicates before connections are ended that libzmq does not report. Any
        thread."""
        self._hangups.let_go()

    def gone(self, descriptor: int) -> PeerEvent:
        """Handle a connection that has ended without a report of libzmq."""
        self._hangups.forget(descriptor)
        if self._guard is not None:
            self._guard.connection_closed(descriptor)
        return self.tally.gone(descriptor)

    def connections(self) -> dict[int, str]:
        """Return {descriptor: address} of all connections, including handshakes."""
        return self.tally.connections()

    def listeners(self) -> tuple[int, ...]:
        """Return the descriptors of the listeners that are open. Any thread."""
        known = tuple(self._listeners.items())
        return tuple(number for number, inode in known if inode_of(number) == inode is not None)

    def disable(self) -> None:
        """Disable the monitor, in the socket's thread, before `close`."""
        if not self._socket.closed:
            self._socket.disable_monitor()

    def close(self) -> None:
        """Close the duplicates and the PAIR."""
        self.let_go()
        self.pair.close(0)


def _asks(socket: zmq.Socket[bytes]) -> bool:
    """Return whether libzmq refuses peers before ZMTP 3.0."""
    return socket.get(zmq.MECHANISM) != zmq.NULL or bool(socket.get(zmq.ZAP_DOMAIN))


def _too_long(most: int) -> str:
    if most < 0:
        return "it broke the protocol; hung up on it"
    return f"it sent a frame above maxmsgsize ({format_size(most)}), or no ZMTP; hung up on it"
