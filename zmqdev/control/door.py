"""Admission to a control socket: a limit of connections, and no endless message.

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

# A request is one frame, an old one few; a device between may have put some in front.
MOST_FRAMES = 64

Peer = tuple[int, str]


class Door:
    """Made before the socket binds; `take` and the rest are called in the thread of the loop."""

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
        """Begin to check."""
        self._loop = loop
        loop.watch(self._watch.pair, self._watch.drain)
        self._again()

    def take(self) -> list[bytes] | None:
        """The next message; None when there is none."""
        if not events(self._socket) & zmq.POLLIN:
            self._turns += 1
            return None
        frames, descriptor = receive_from(self._socket, True)
        self._came.add(descriptor)
        self._messages += 1
        return frames

    @property
    def connections(self) -> int:
        """How many there are now, handshakes included."""
        return len(self._watch.connections())

    def refusals(self) -> dict[str, int]:
        """How many were cut off, by reason."""
        return self._opened.guard.refusals() if self._opened.guard is not None else {}

    def close(self) -> None:
        """Call it before the socket is closed."""
        if self._loop is not None:
            self._loop.unwatch(self._watch.pair)
            self._loop = None
        self._watch.disable()
        self._watch.close()

    def _again(self) -> None:
        if self._loop is not None:
            self._loop.at(time.monotonic() + self.look(), self._again)

    def look(self) -> float:
        """Cut off peers that send a message without end. Returns the seconds until the
        next look."""
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
