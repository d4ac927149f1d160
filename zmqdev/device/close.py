"""Closing without loss: a connection is kept until its peer has read everything.

libzmq closes a TCP connection as soon as the kernel has the last byte. If the peer sends anything
after that, even a ZMTP heartbeat, our kernel answers with a reset and forgets what it had not
delivered yet; a slow peer also loses what it had not read. Measured with a slow reader and
HEARTBEAT_IVL of 100 ms on either end: 25 to 90 of 100 thousand messages lost, none without
heartbeats.

So before the socket is closed, the descriptor of each connection is duplicated. The duplicate
keeps the connection open while libzmq hands over the rest. Then it shuts the writing side down,
reads and drops what the peer still sends, and waits for the peer to close, which it does once it
has read everything.
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
    """Made of the open connections, before the ZeroMQ socket is closed.

    `connections`: descriptor -> address of the peer, as the monitor saw it. A descriptor that
    belongs to another peer by now is left alone. `peers`: how many have finished their handshake.
    It is unknown which ones, so the wait ends when that many have closed; a silent stranger is not
    waited for.
    """

    def __init__(self, connections: Mapping[int, str], peers: int) -> None:
        kept = (duplicate(number, address) for number, address in connections.items())
        self._kept = {made.fileno(): made for made in kept if made is not None}
        self._strangers = max(0, len(self._kept) - peers)
        self._said = False

    def __len__(self) -> int:
        return len(self._kept)

    def wait(self, until: float, wake: Iterable[int] = ()) -> bool:
        """Call it after libzmq has handed everything over. True when every peer has read all.

        False at `until` (monotonic seconds), or when one of `wake` is readable; call it again
        then.
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
        """Let go of the remaining connections. A second call does nothing."""
        while self._kept:
            self._kept.popitem()[1].close()

    def _say_goodbye(self) -> None:
        """Nothing more will come: the peer sees the end of the stream behind all the rest."""
        for connection in () if self._said else self._kept.values():
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_WR)
        self._said = True


def duplicate(number: int, address: str) -> socket.socket | None:
    """A duplicate of a connection's descriptor, or None when it is gone."""
    try:
        copy = os.dup(number)
    except OSError:
        return None
    try:
        connection = socket.socket(fileno=copy)
    except OSError:  # the number is something else by now, and no socket
        os.close(copy)
        return None
    if connection.type != socket.SOCK_STREAM or not _is_peer(connection, address):
        connection.close()
        return None
    connection.setblocking(False)
    return connection


def _is_peer(connection: socket.socket, address: str) -> bool:
    """Whether it leads to `address`. Of unix sockets only the family can be told."""
    try:
        peer = connection.getpeername()
    except OSError:
        return False
    if not isinstance(peer, tuple):
        return address.startswith("ipc://")
    return address.startswith("tcp://") and address.endswith(f":{peer[1]}")


def _has_closed(connection: socket.socket) -> bool:
    """Read away what the peer still says."""
    try:
        return not connection.recv(_DISCARD)
    except BlockingIOError:
        return False
    except OSError:
        return True  # reset: it went without reading on, which is its own affair
