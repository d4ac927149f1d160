"""How many connections a side has, in all and by address, and when that is too many.

Counted from the socket's monitor by the thread that reads it; asked by the ZAP
handler. A peer above the limit is refused at its handshake, with the answer to
come again. Who never gets to a handshake holds a descriptor for nothing: above
a margin the connection is cut.
"""

from __future__ import annotations

import os
import socket
import threading
from collections import Counter
from dataclasses import dataclass, field

from zmqdev.security.networks import LOCAL, plain


@dataclass
class Census:
    """Open connections by descriptor. A limit of 0 is none."""

    per_side: int = 0
    per_address: int = 0
    _open: dict[int, str] = field(default_factory=dict)
    _by_address: Counter[str] = field(default_factory=Counter)
    _generations: Counter[int] = field(default_factory=Counter)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def opened(self, descriptor: int, address: str) -> str | None:
        """Count a connection; why it is to be cut, or None. `address` is host or host:port."""
        host = _host(address)
        with self._lock:
            self._forget(descriptor)
            self._open[descriptor] = host
            self._by_address[host] += 1
            self._generations[descriptor] += 1
            return self._crowd(host, cut=True)

    def closed(self, descriptor: int) -> None:
        """Its connection has ended."""
        with self._lock:
            self._forget(descriptor)

    def crowded(self, address: str) -> str | None:
        """Why a peer in its handshake, counted already, is one too many; None when it is not."""
        with self._lock:
            return self._crowd(plain(address), cut=False)

    def generation(self, descriptor: int) -> int:
        """Which connection has the descriptor: the system gives it to one after the other."""
        return self._generations[descriptor]

    def count(self) -> int:
        """Connections now, handshakes included."""
        return len(self._open)

    def _forget(self, descriptor: int) -> None:
        host = self._open.pop(descriptor, None)
        if host is not None:
            self._by_address[host] -= 1
            if not self._by_address[host]:
                del self._by_address[host]

    def _crowd(self, host: str, *, cut: bool) -> str | None:
        if _over(len(self._open), self.per_side, cut):
            return f"this side has its {self.per_side} connections"
        if host != LOCAL and _over(self._by_address[host], self.per_address, cut):
            return f"{host} has its {self.per_address} connections"
        return None


def _over(count: int, limit: int, cut: bool) -> bool:
    """The margin lets a refused peer be told so, and wait for the end of its handshake."""
    return bool(limit) and count > limit + (max(8, limit // 8) if cut else 0)


def _host(address: str) -> str:
    """The host of `tcp://[::1]:5555`, as ZAP would give it; `local` for what has none."""
    _, _, rest = address.rpartition("://")
    host, colon, _ = rest.rpartition(":")
    return plain(host.strip("[]")) if colon else LOCAL


def cut(descriptor: int) -> bool:
    """End a connection of libzmq's from outside: it sees its peer hang up, and cleans up.

    The descriptor is libzmq's own, so only a duplicate is touched; false when
    it is gone already.
    """
    try:
        with socket.socket(fileno=os.dup(descriptor)) as copy:
            copy.shutdown(socket.SHUT_RDWR)
    except OSError:
        return False
    return True
