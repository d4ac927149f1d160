"""The backend of a queue that keeps ids: a separate DEALER for each peer of the frontend.

A server that is a ROUTER knows its peers by the routing id of their connection. So each peer has a
separate connection here, under its own id. The DEALER of a peer without a chosen id has no id
either; the server numbers it, as it would have numbered the peer.

To the rest of the program this is one socket: options and addresses apply to all DEALERs, present
and future, and the events of all monitors are delivered at one place. libzmq reports no event when
this program closes a connection; it is reported here as EVENT_CLOSED of the descriptor.
"""

from __future__ import annotations

import itertools
import os
import resource
import selectors
import struct
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, cast

import zmq

from zmqdev.device.fd_room import RESERVE, in_use
from zmqdev.device.socket import OpenSocket, apply, events
from zmqdev.errors import RunError
from zmqdev.relay.bursts import is_made
from zmqdev.relay.origins import NOWHERE
from zmqdev.stats.snapshot import AddressState
from zmqdev.system import libzmq
from zmqdev.system.descriptor import duplicate, inode_of

_EVENT = struct.Struct("=HI")
_names = itertools.count()
# Sockets of each peer: its DEALER, and the two ends of the monitor.
SOCKETS_EACH = 3
# Descriptors of each peer, besides duplicates: that of its connection, three of sockets, and that
# of the connection to the server.
DESCRIPTORS_EACH = 5


# Seconds until the server notices that a connection has ended.
REST = 0.2
# (descriptor, inode) of each connection.
Inodes = tuple[tuple[int, int | None], ...]


def _any_open(connections: Inodes) -> bool:
    return any(inode is not None and inode_of(number) == inode for number, inode in connections)


@dataclass
class _Earlier:
    """The connections of an earlier line, and when one of them was last seen open."""

    inodes: Inodes
    seen: float

    def lasts(self, now: float) -> bool:
        """Return whether the server may still consider the id taken."""
        if _any_open(self.inodes):
            self.seen = now
        return now - self.seen < REST


@dataclass(eq=False)
class PeerLine:
    """A peer of the frontend and its way to the server.

    `inode` is that of the peer's connection. It is 0 for a peer in this process, and None when the
    connection had ended before it was looked at.
    """

    id: bytes
    descriptor: int = NOWHERE
    inode: int | None = 0
    left: bool = False  # the peer has gone
    heard: int = 0  # the number of the look before which its last message came
    asked: int = 0  # requests, with an empty frame in front, minus replies
    socket: zmq.Socket[bytes] | None = None
    pair: zmq.Socket[bytes] | None = None
    waiting: deque[list[bytes]] = field(default_factory=deque)  # to the server
    replies: list[list[bytes]] = field(
        default_factory=list
    )  # that do not fit into the peer's queue
    open: dict[int, bytes] = field(default_factory=dict)  # descriptors of its connection

    def came_by(self, descriptor: int, inode: int | None) -> None:
        """Record the connection of the newest message; `inode` None means that it has ended.

        A later peer whose connection has the same descriptor may be taken for this one. Then the
        line ends with that connection.
        """
        self.descriptor, self.inode = descriptor, inode
        self.left = inode is None

    @property
    def has_ended(self) -> bool:
        """Return whether the peer's connection has ended."""
        return self.descriptor != NOWHERE and inode_of(self.descriptor) != self.inode


def inode_at(frontend: OpenSocket, descriptor: int) -> int | None:
    """Return the inode of a connection of the frontend; 0 for a peer in this process.

    It is None if the descriptor is closed, or belongs to something else by now.
    """
    if descriptor == NOWHERE:
        return 0
    copy = duplicate(descriptor)
    if copy is None:
        return None
    with copy:
        own = copy.getsockname()
        if any(_is_at(state, own) for state in frontend.addresses):
            return inode_of(copy.fileno())
    return None


def _is_at(state: AddressState, own: Any) -> bool:
    """Return whether a connection with this local address may belong to an address of a side."""
    if state.verb == "connect":
        return True
    if isinstance(own, tuple):
        return state.actual.endswith(f":{own[1]}")
    path = os.fsdecode(own).replace("\0", "@", 1)
    return state.actual == f"ipc://{path}"


class PeerLines:
    """All lines, with the methods of a socket that other modules use. Device's thread only."""

    type = int(zmq.DEALER)

    def __init__(self, context: zmq.Context[Any]) -> None:
        self.context = context
        self.of: dict[bytes, PeerLine] = {}
        self.ready: dict[PeerLine, None] = {}
        """Lines that may have messages from the server."""
        self._model = context.socket(zmq.DEALER)  # never connected; it checks and keeps the options
        self._options: dict[int, Any] = {}
        self._addresses: tuple[str, ...] = ()
        self._selector = selectors.DefaultSelector()
        self._feed: zmq.Socket[bytes] | None = None
        self._events = 0
        self._owners: dict[int, PeerLine] = {}
        self._old: dict[bytes, _Earlier] = {}

    # The methods of a socket.

    @property
    def closed(self) -> bool:
        """Whether the lines are closed."""
        return bool(self._model.closed)

    def get(self, option: int) -> Any:
        """Return the value of an option."""
        return self._model.get(option)

    getsockopt = get

    def set(self, option: int, value: Any) -> None:
        """Set an option for peers that come from now on."""
        self._model.set(option, value)
        self._options[option] = value

    setsockopt = set

    def bind(self, address: str) -> None:
        """Raise RunError, because lines only connect."""
        raise RunError(f"cannot bind {address}: with keep-ids the backend connects to the server")

    def unbind(self, address: str) -> None:
        """Unbind the model, which raises the error of libzmq: nothing is bound."""
        self._model.unbind(address)

    def connect(self, address: str) -> None:
        """Connect all lines to the server; RunError when there is one already."""
        if self._addresses:
            raise RunError(
                f"cannot connect {address}: with keep-ids there is one server, "
                f"{self._addresses[0]}; disconnect that first"
            )
        self._addresses = (address,)
        for socket in self._connected():
            socket.connect(address)

    def disconnect(self, address: str) -> None:
        """Disconnect all lines."""
        self._addresses = ()
        for line in self.of.values():
            self._tell_closed(line)
        for socket in self._connected():
            socket.disconnect(address)

    def monitor(self, name: str, which: int) -> None:
        """Deliver the events of all DEALERs where `name` is connected."""
        self._feed, self._events = self.context.socket(zmq.PAIR), which
        self._feed.set(zmq.SNDHWM, 0)
        self._feed.set(zmq.LINGER, 0)
        self._feed.bind(name)

    def disable_monitor(self) -> None:
        """Stop the monitors."""
        for line in self.of.values():
            self._end_monitor(line)
        if self._feed is not None:
            self._feed.close()

    def close(self, linger_ms: int) -> None:
        """Close all lines; unsent messages are kept for `linger_ms`."""
        for line in list(self.of.values()):
            self.end(line, linger_ms)
        if self._feed is not None:
            self._feed.close()
        self._selector.close()
        self._model.close(0)

    # The methods for the relay.

    def fileno(self) -> int:
        """Return a descriptor that is readable when `look` has something to do."""
        return self._selector.fileno()

    def look(self) -> None:
        """Find the lines with messages from the server, and pass monitor events on."""
        for key, _ in self._selector.select(0):
            key.data()

    def make(self, line: PeerLine) -> bool:
        """Make the connection of a peer; ZMQError when there is no room.

        Returns False while an earlier connection with this id has not ended, since the server would
        refuse the second one.
        """
        old = self._old.get(line.id)
        if old is not None and old.lasts(time.monotonic()):
            return False
        self._old.pop(line.id, None)
        socket = self.context.socket(zmq.DEALER)
        try:
            self._open(line, socket)
        except zmq.ZMQError:
            socket.close(0)
            raise
        return True

    def _open(self, line: PeerLine, socket: zmq.Socket[bytes]) -> None:
        for option, value in self._options.items():
            socket.set(option, value)
        if not is_made(line.id):
            socket.set(zmq.ROUTING_ID, line.id)
        pair = self._follow(socket) if self._feed is not None and not self._feed.closed else None
        line.socket, line.pair = socket, pair
        self._selector.register(int(socket.get(zmq.FD)), selectors.EVENT_READ, self._seen(line))
        if pair is not None:
            told = selectors.EVENT_READ, lambda: self._hear(line)
            self._selector.register(int(pair.get(zmq.FD)), *told)
            self._hear(line)
        for address in self._addresses:
            socket.connect(address)

    def end(self, line: PeerLine, linger_ms: int) -> None:
        """Close the line of a peer that has gone; unsent messages are kept for `linger_ms`."""
        del self.of[line.id]
        self.ready.pop(line, None)
        if line.socket is None:
            return
        self._hear(line)
        if line.open:
            inodes = tuple((number, inode_of(number)) for number in line.open)
            self._old[line.id] = _Earlier(inodes, time.monotonic())
        self._tell_closed(line)
        self._selector.unregister(int(line.socket.get(zmq.FD)))
        self._end_monitor(line)
        line.socket.close(linger_ms)
        line.socket = None

    def renew(self, address: str) -> None:
        """Connect lines without a connection again, since libzmq does not after a refusal."""
        if address not in self._addresses:
            return
        for line in self.of.values():
            if line.socket is not None and not line.open:
                line.socket.disconnect(address)
                line.socket.connect(address)

    def forget_ended(self) -> None:
        """Forget earlier connections that have ended."""
        now = time.monotonic()
        self._old = {id: old for id, old in self._old.items() if old.lasts(now)}

    def _connected(self) -> Iterator[zmq.Socket[bytes]]:
        return (line.socket for line in self.of.values() if line.socket is not None)

    def _seen(self, line: PeerLine) -> Callable[[], None]:
        def seen() -> None:
            if line.socket is not None and events(line.socket) & zmq.POLLIN:
                self.ready[line] = None

        return seen

    def _follow(self, socket: zmq.Socket[bytes]) -> zmq.Socket[bytes]:
        name = f"inproc://zmqdev-line-{next(_names)}"
        pair: zmq.Socket[bytes] = self.context.socket(zmq.PAIR)
        pair.set(zmq.RCVHWM, 0)
        pair.set(zmq.LINGER, 0)
        socket.monitor(name, self._events)
        pair.connect(name)
        return pair

    def _hear(self, line: PeerLine) -> None:
        """Pass on the events of a line.

        If another line had the descriptor, the events of that one are passed on first.
        """
        while line.pair is not None and events(line.pair) & zmq.POLLIN:
            head, address = line.pair.recv_multipart()
            number, descriptor = _EVENT.unpack(head)
            if number == zmq.EVENT_CONNECTED:
                before = self._owners.get(descriptor, line)
                if before is not line:
                    self._hear(before)
                self._owners[descriptor] = line
                line.open[descriptor] = address
            elif number == zmq.EVENT_DISCONNECTED:
                line.open.pop(descriptor, None)
                if self._owners.get(descriptor) is line:
                    del self._owners[descriptor]
            self._tell(head, address)

    def _tell_closed(self, line: PeerLine) -> None:
        for descriptor, address in line.open.items():
            if self._owners.get(descriptor) is line:
                del self._owners[descriptor]
                self._tell(_EVENT.pack(zmq.EVENT_CLOSED, descriptor), address)
        line.open.clear()

    def _tell(self, head: bytes, address: bytes) -> None:
        if self._feed is not None and not self._feed.closed:
            self._feed.send_multipart([head, address], zmq.DONTWAIT)

    def _end_monitor(self, line: PeerLine) -> None:
        if line.pair is None or line.socket is None:
            return
        self._selector.unregister(int(line.pair.get(zmq.FD)))
        line.socket.disable_monitor()
        line.pair.close(0)
        line.pair = None


@dataclass
class LinesSide(OpenSocket):
    """The side for the backend of a queue that keeps ids."""

    @property
    def lines(self) -> PeerLines:
        """Return the lines."""
        return cast(PeerLines, self.socket)

    def reconnect(self, address: str) -> None:
        """Connect lines without a connection again."""
        self.lines.renew(address)


def make_lines(
    context: zmq.Context[Any], name: str, type_: str, options: Mapping[str, Any]
) -> OpenSocket:
    """Make the side of the lines, like `socket.make`."""
    libzmq.prepare()
    lines = PeerLines(context)
    side = LinesSide(name, type_, cast(Any, lines), proxied=bool(options.get("socks_proxy")))
    try:
        apply(side.socket, options)
    except BaseException:
        lines.close(0)
        raise
    return side


class LinesRoom:
    """How many peers may have a connection to the server.

    It is `limit` (0: unlimited), or fewer when descriptors or the sockets of the context run out.
    """

    def __init__(self, limit: int, lines: PeerLines) -> None:
        self._limit, self._lines = limit, lines
        self._sockets = int(lines.context.get(zmq.MAX_SOCKETS)) // (SOCKETS_EACH + 1)
        self.why = ""

    def __call__(self) -> int:
        """Return the number; `why` says what limits it."""
        most, self.why = self._sockets, "the context has no place for more sockets"
        if self._limit and self._limit < most:
            most, self.why = self._limit, f"{self._limit} peers have a connection to the server"
        limit, used = resource.getrlimit(resource.RLIMIT_NOFILE)[0], in_use()
        if limit == resource.RLIM_INFINITY or used is None:
            return most
        left = limit - used - max(RESERVE, limit // 8)
        room = len(self._lines.of) + max(0, left) // DESCRIPTORS_EACH
        if room < most:
            most = room
            self.why = f"no descriptors are left for more than {room} peers (ulimit -n)"
        return most
