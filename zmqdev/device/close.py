"""Closing without loss: a connection is kept until its peer has read everything.

libzmq closes a TCP connection as soon as the kernel has the last byte. If the peer sends anything
after that, even a ZMTP heartbeat, the kernel answers with a reset and drops what it had not
delivered yet; a slow peer also loses what it had not read. Measured with a slow reader and a
HEARTBEAT_IVL of 100 ms at either end, 25 to 90 of 100 thousand messages were lost; none without
heartbeats.

So the descriptor of each connection is duplicated before the socket is closed. The duplicate keeps
the connection open while libzmq hands over the rest. Then it shuts down the writing side, reads and
drops what the peer still sends, and waits for the peer to close, which it does once it has read
everything.
"""

from __future__ import annotations

import contextlib
import os
import select
import socket
import time
from collections.abc import Iterable, Mapping

_DISCARD = 1 << 16


class Farewell:
    """The open connections of a socket. Make it before the ZeroMQ socket is closed.

    `connections` is {descriptor: address of the peer}, from the monitor. A descriptor that now
    belongs to another peer is left alone. `peers` is how many have finished their handshake. It is
    unknown which ones, so the wait ends when that many have closed, and does not wait for
    connections without a handshake.
    """

    def __init__(self, connections: Mapping[int, str], peers: int) -> None:
        kept = (duplicate(number, address) for number, address in connections.items())
        self._kept = {made.fileno(): made for made in kept if made is not None}
        self._strangers = max(0, len(self._kept) - peers)
        self._said = False

    def __len__(self) -> int:
        """Return how many connections are open."""
        return len(self._kept)

    def wait(self, until: float, wake: Iterable[int] = ()) -> bool:
        """Wait until every peer has read everything; call it after libzmq has handed over all.

        Returns False at `until` (monotonic seconds), or when one of `wake` is readable; then call
        it again.
        """
        self._say_goodbye()
        poll, wakers = select.poll(), set(wake)
        for number in wakers | self._kept.keys():
            poll.register(number, select.POLLIN)
        while len(self._kept) > self._strangers:
            seconds = until - time.monotonic()
            ready = {number for number, _ in poll.poll(max(0, seconds) * 1000)}
            if ready & wakers or (not ready and seconds <= 0):
                return False
            for number in ready:
                if _has_closed(self._kept[number]):
                    poll.unregister(number)
                    self._kept.pop(number).close()
        return True

    def close(self) -> None:
        """Close the remaining connections. A second call does nothing."""
        while self._kept:
            self._kept.popitem()[1].close()

    def _say_goodbye(self) -> None:
        """Shut down the writing side, so that the peer sees the end of the stream after the
        rest."""
        for connection in () if self._said else self._kept.values():
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_WR)
        self._said = True


def duplicate(number: int, address: str) -> socket.socket | None:
    """Return a duplicate of a connection's descriptor, or None when the connection is gone."""
    try:
        copy = os.dup(number)
    except OSError:
        return None
    try:
        connection = socket.socket(fileno=copy)
    except OSError:  # the number now belongs to something that is no socket
        os.close(copy)
        return None
    if connection.type != socket.SOCK_STREAM or not _is_peer(connection, address):
        connection.close()
        return None
    connection.setblocking(False)
    return connection


def _is_peer(connection: socket.socket, address: str) -> bool:
    """Return whether it leads to `address`. Of unix sockets only the family is known."""
    try:
        peer = connection.getpeername()
    except OSError:
        return False
    if not isinstance(peer, tuple):
        return address.startswith("ipc://")
    return address.startswith("tcp://") and address.endswith(f":{peer[1]}")


def _has_closed(connection: socket.socket) -> bool:
    """Read and drop what the peer sends; return whether it has closed."""
    try:
        return not connection.recv(_DISCARD)
    except BlockingIOError:
        return False
    except OSError:
        return True  # reset: the peer left without reading the rest
