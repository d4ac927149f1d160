"""The peers of a socket, from its monitor events.

An unread monitor freezes the whole context after about 700 connections:
the monitor's PAIR has no high-water mark and is drained in every turn of the
loop, also when nobody asks. At the end: disable the monitor, close the PAIR,
close the socket.

An event names a connection by its descriptor, and by the time that it is read the
number may be another's. libzmq tells of an end before it closes the descriptor. So what
was found at a number is of the connection that was told of, when no end of it was told
of until after the look.
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
from zmqdev.options.quantity import format_size
from zmqdev.security.guard import Guard
from zmqdev.stats.snapshot import PeerCounts
from zmqdev.system.descriptor import Connection, inode_of, look_at

_EVENTS = sum(
    (
        *(*FAILED, *OPENED, zmq.EVENT_DISCONNECTED, zmq.EVENT_HANDSHAKE_SUCCEEDED),
        zmq.EVENT_CONNECT_RETRIED,
        zmq.EVENT_LISTENING,
    )
)
# After this a handshake is looked at: that of an old peer ends without a word.
SLOW = 0.05
# How often events are read again for a connection that may be another.
LOOKS = 4
_names = itertools.count()


@dataclass
class _Event:
    """One event of the monitor. `connection` is what was found at the descriptor that it names,
    with inode 0 where that may be another connection by now."""

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
    """Connections that opened and ended before anybody looked, and that this end seems to have
    ended: what was found may be of the one that has the number next.

    When that one is told of too, and has the same socket, it is forgotten here.
    """
    opened: dict[int, _Event] = {}
    over: dict[int, list[_Life]] = {}
    for event in came:
        if event.number in OPENED:
            opened[event.value] = event
            _void(over.get(event.value, ()), event.inode)
        elif event.number == zmq.EVENT_DISCONNECTED and event.value in opened:
            before = over.setdefault(event.value, [])
            # The one after it has ended too: what was found at either may be of a third.
            _void(before, None)
            before.append((opened.pop(event.value), event))
    return [life for lives in over.values() for life in lives if life[1].ending.here]


def _void(lives: Iterable[_Life], inode: int | None) -> None:
    """Forget what was found of those that have this inode, or of all."""
    for first, last in lives:
        if inode is None or first.inode == inode:
            first.connection, last.ending = None, UNKNOWN


class PeerWatch:
    """The monitor of one socket. Made in the socket's thread, read by one other thread."""

    def __init__(self, socket: zmq.Socket[bytes], guard: Guard | None = None) -> None:
        self.name = f"inproc://zmqdev-monitor-{next(_names)}"
        socket.monitor(self.name, _EVENTS)
        self._socket = socket
        self._guard = guard
        self.pair: zmq.Socket[bytes] = socket.context.socket(zmq.PAIR)
        self.pair.set(zmq.RCVHWM, 0)
        self.pair.set(zmq.LINGER, 0)
        self.pair.connect(self.name)
        self._ahead: deque[_Event] = deque()
        self._listeners: set[int] = set()
        self._hangups = Hangups()
        self._too_long = _too_long(int(socket.get(zmq.MAXMSGSIZE)))
        self._handshake = int(socket.get(zmq.HANDSHAKE_IVL)) / 1000
        self.tally = Tally(returns=int(socket.get(zmq.RECONNECT_IVL)) > 0, asks=_asks(socket))

    def drain(
        self, tell: Callable[[PeerEvent], Any] = lambda event: None, most: int = sys.maxsize
    ) -> bool:
        """Take the events that are there, `most` of them at a time. True when something came."""
        self._read_ahead()
        taken = min(most, len(self._ahead))
        for _ in range(taken):
            event = self._take(self._ahead.popleft())
            if event is not None:
                tell(event)
        self.look(time.monotonic(), tell)
        return bool(taken)

    @property
    def behind(self) -> bool:
        """Whether events were read that are not taken yet: `drain` again, nothing will wake."""
        return bool(self._ahead)

    def look(self, now: float, tell: Callable[[PeerEvent], Any]) -> None:
        """What no event says. For those that call `drain` only when something has come."""
        for event in self.tally.given_up(now):
            tell(event)
        if self._ahead:
            return  # descriptors may be of connections that were not told of yet
        for descriptor in self.tally.waiting(now, SLOW):
            if self._is_old(descriptor) or self._outlasted(descriptor, now):
                settled = self.tally.old(descriptor)
                if settled is not None:
                    tell(settled)

    @property
    def in_doubt(self) -> bool:
        """Whether time alone may tell more: `drain` once more after a while, also when nothing
        comes."""
        return self.tally.in_doubt

    @property
    def counts(self) -> PeerCounts:
        """As of the last `drain`."""
        return self.tally.counts(time.monotonic())

    @property
    def connected(self) -> int:
        """How many peers are connected. Any thread."""
        return self.tally.connected

    def _read_ahead(self) -> None:
        """Read all events, and look at each connection that has opened. Who else has had one of
        their numbers was told of before its own end; so all is read once more after a look."""
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
                # It is closed in a moment, or its successor is told of.
                self.pair.poll(1)
        else:
            _void(_ended_here(came), None)
        self._ahead.extend(came)

    def _read(self) -> Iterator[_Event]:
        while events(self.pair) & zmq.POLLIN:
            head, address = self.pair.recv_multipart()
            number, value = struct.unpack("=HI", head)
            if number == zmq.EVENT_LISTENING:
                self._listeners.add(value)
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
        if event.number == zmq.EVENT_CLOSED:  # told by peer_lines.py of ends of ours
            return self.gone(event.value)
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
        """libzmq hangs up on a peer whose frame is too large before it has read the frame."""
        if self._guard is not None:
            self._guard.count("frame")
        return PeerEvent(event.what, event.address, self._too_long)

    def _is_old(self, descriptor: int) -> bool:
        exchanged = self._hangups.exchanged(descriptor)
        return exchanged is not None and is_old(*exchanged)

    def _outlasted(self, descriptor: int, now: float) -> bool:
        """Whether its handshake would have been ended by now: then it needs none."""
        return bool(self._handshake) and descriptor in self.tally.waiting(
            now, max(SETTLED, self._handshake + 1)
        )

    def let_go(self) -> None:
        """Before connections are ended that libzmq does not tell of. Any thread."""
        self._hangups.let_go()

    def gone(self, descriptor: int) -> PeerEvent:
        """A connection has ended of which libzmq tells nothing."""
        self._hangups.forget(descriptor)
        if self._guard is not None:
            self._guard.connection_closed(descriptor)
        return self.tally.gone(descriptor)

    def connections(self) -> dict[int, str]:
        """descriptor -> address of all that is connected, handshakes under way included."""
        return self.tally.connections()

    def listeners(self) -> tuple[int, ...]:
        """Descriptors of those that were opened; some may be closed by now, or be another's. Any
        thread."""
        return tuple(self._listeners)

    def disable(self) -> None:
        """In the socket's thread, before `close`."""
        if not self._socket.closed:
            self._socket.disable_monitor()

    def close(self) -> None:
        self.let_go()
        self.pair.close(0)


def _asks(socket: zmq.Socket[bytes]) -> bool:
    """Whether libzmq refuses peers before ZMTP 3.0."""
    return socket.get(zmq.MECHANISM) != zmq.NULL or bool(socket.get(zmq.ZAP_DOMAIN))


def _too_long(most: int) -> str:
    if most < 0:
        return "it broke the protocol; hung up on it"
    return f"it sent a frame above maxmsgsize ({format_size(most)}), or no ZMTP; hung up on it"
