"""Admission to a control socket: a limit of connections, and none of endless messages.

libzmq keeps the frames of a message until the last one has come, and a device reserves only some
descriptors for a control socket. So connections are counted like those of a device's sides, and a
peer that sends more than a request may have is cut off (security.unfinished).
"""

from __future__ import annotations

import time

import zmq

from zmqdev.device.fd_room import CONTROL_PEERS
from zmqdev.device.oversize_watch import CALM, CLOSE
from zmqdev.device.peers import PeerWatch
from zmqdev.device.socket import OpenSocket, events
from zmqdev.options.security import Security
from zmqdev.relay.bursts import receive_from
from zmqdev.security.connections import Census
from zmqdev.security.unfinished import MEBIBYTE, Progress, Unfinished, wire_size
from zmqdev.system.loop import Loop
from zmqdev.system.process_info import WireBytes, give_back

# A request has one frame, an old one few; a device in between may have added some.
MOST_FRAMES = 64

Peer = tuple[int, str]


class Door:
    """The guard of a control socket. Make it before the socket binds; use it in the
    loop's thread."""

    def __init__(self, opened: OpenSocket, security: Security | None = None) -> None:
        opened.secure(security or Security(), Census(per_side=CONTROL_PEERS))
        self._opened, self._socket = opened, opened.socket
        self._watch = PeerWatch(opened.socket, opened.guard)
        largest = wire_size(int(opened.socket.get(zmq.MAXMSGSIZE)), MOST_FRAMES)
        self._accounts: Unfinished[Peer] = Unfinished(largest, int(opened.socket.get(zmq.RCVHWM)))
        self._half = largest // 2
        self._wire = WireBytes()
        self._came: set[int] = set()
        self._messages = self._turns = 0
        self._loop: Loop | None = None

    def open(self, loop: Loop) -> None:
        """Begin to watch the socket."""
        self._loop = loop
        loop.watch(self._watch.pair, self._watch.drain)
        self._again()

    def take(self) -> list[bytes] | None:
        """Return the next message; None when there is none."""
        if not events(self._socket) & zmq.POLLIN:
            self._turns += 1
            return None
        frames, descriptor = receive_from(self._socket, True)
        self._came.add(descriptor)
        self._messages += 1
        return frames

    @property
    def connections(self) -> int:
        """Return the number of connections, including handshakes."""
        return len(self._watch.connections())

    def refusals(self) -> dict[str, int]:
        """Return how many connections were cut, by reason."""
        return self._opened.guard.refusals() if self._opened.guard is not None else {}

    def close(self) -> None:
        """Stop watching; call it before the socket is closed."""
        if self._loop is not None:
            self._loop.unwatch(self._watch.pair)
            self._loop = None
        self._watch.disable()
        self._watch.close()

    def _again(self) -> None:
        if self._loop is not None:
            self._loop.at(time.monotonic() + self.look(), self._again)

    def look(self) -> float:
        """Cut peers that send an endless message; return the seconds until the next look."""
        self._watch.drain()
        if not events(self._socket) & zmq.POLLIN:
            self._turns += 1
        sizes = self._sizes()
        progress = Progress(self._turns, self._messages)
        for peer in self._accounts.look(sizes, self._seen, progress, time.monotonic()):
            self._cut(peer, self._accounts.unfinished(peer, sizes[peer]))
        near = any(self._accounts.unfinished(*item) > self._half for item in sizes.items())
        return CLOSE if near else CALM

    def _sizes(self) -> dict[Peer, int]:
        found = {peer: self._wire.received(peer[0]) for peer in self._watch.connections().items()}
        return {peer: size for peer, size in found.items() if size is not None}

    def _seen(self, peer: Peer) -> bool:
        came = peer[0] in self._came
        self._came.discard(peer[0])
        return came

    def _cut(self, peer: Peer, size: int) -> None:
        guard = self._opened.guard
        if guard is None or not guard.census.cut(peer[0]):
            return
        text = f"an endless message, {size // MEBIBYTE} MiB so far; its connection is cut"
        guard.refuse("unfinished", text, peer[1], time.monotonic())
        if self._loop is not None:
            self._loop.at(time.monotonic() + 2 * CALM, give_back)
