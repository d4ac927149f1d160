"""Connection limits of a side, in total and by address, and the choice of what to cut.

Connections are counted from the socket's monitor, in the thread that reads it. A holder
is an address, a network of IPv6 or a local process. Above the limit of an address the
new connection is cut. Above the limit of the side the newest connection of the holder
with most is cut, so an address that fills the side is affected, and new addresses are
served.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from zmqdev.security.networks import holder_of
from zmqdev.system.descriptor import Connection

# Prefix of a holder that is a local process; only the limit of the side applies to it.
LOCAL = "process "
# Connections of a holder that its peers have ended and that are not read to the end.
# Each keeps a full queue, and cutting it has no effect, so further connections are
# refused.
MOST_LEFT = 32


@dataclass(frozen=True)
class Excess:
    """A connection above a limit, and why."""

    connection: Connection
    why: str


def unbounded() -> int:
    """Return 0: descriptors for any number of connections."""
    return 0


@dataclass
class Census:
    """The open connections by descriptor. A limit of 0 means none.

    `room` returns how many connections the process has descriptors for; 0: any number.
    """

    per_side: int = 0
    per_address: int = 0
    room: Callable[[], int] = unbounded
    _open: dict[int, Connection] = field(default_factory=dict)
    _held: dict[str, dict[int, None]] = field(default_factory=dict)  # in the order of arrival
    _sizes: Counter[int] = field(default_factory=Counter)  # size -> holders of that size
    _generations: Counter[int] = field(default_factory=Counter)
    _left: Counter[str] = field(default_factory=Counter)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def opened(self, connection: Connection) -> Excess | None:
        """Count a connection; return the one to cut because of it, which is no longer counted."""
        with self._lock:
            self._forget(connection.descriptor)
            self._open[connection.descriptor] = connection
            self._generations[connection.descriptor] += 1
            self._resize(holder(connection), connection.descriptor, held=True)
            excess = self._excess(holder(connection))
            if excess is not None:
                self._forget(excess.connection.descriptor)
            return excess

    def closed(self, descriptor: int) -> None:
        """Note that a connection has ended."""
        with self._lock:
            self._forget(descriptor)

    def left(self, addresses: Iterable[str]) -> None:
        """Note the addresses of connections that have ended but are not read to the end."""
        found = Counter(map(holder_of, addresses))
        with self._lock:
            self._left = found

    def cut(self, descriptor: int) -> bool:
        """End the connection that has this descriptor; False if it has ended already."""
        connection = self._open.get(descriptor)
        return connection is not None and connection.cut()

    def generation(self, descriptor: int) -> int:
        """Return the number of the connection among those that had this descriptor,
        which is reused."""
        return self._generations[descriptor]

    def count(self) -> int:
        """Return the number of connections, including handshakes."""
        return len(self._open)

    def _forget(self, descriptor: int) -> None:
        connection = self._open.pop(descriptor, None)
        if connection is not None:
            self._resize(holder(connection), descriptor, held=False)

    def _resize(self, name: str, descriptor: int, *, held: bool) -> None:
        numbers = self._held.setdefault(name, {})
        self._count_holders(len(numbers), -1)
        if held:
            numbers[descriptor] = None
        else:
            numbers.pop(descriptor, None)
        self._count_holders(len(numbers), 1)
        if not numbers:
            del self._held[name]

    def _count_holders(self, size: int, change: int) -> None:
        if size:
            self._sizes[size] += change
            if not self._sizes[size]:
                del self._sizes[size]

    def _excess(self, newcomer: str) -> Excess | None:
        held = len(self._held[newcomer])
        if self.per_address and held > self.per_address and not newcomer.startswith(LOCAL):
            return self._newest(
                newcomer, f"{newcomer} has reached its limit of {self.per_address} connections"
            )
        if self._left[newcomer] >= MOST_LEFT:
            why = f"{newcomer} has ended {MOST_LEFT} connections that are not read to their end yet"
            return self._newest(newcomer, why)
        limit, why = self._limit()
        if not limit or len(self._open) <= limit:
            return None
        most = max(self._sizes)
        if held == most:
            return self._newest(newcomer, why)
        largest = next(name for name, numbers in self._held.items() if len(numbers) == most)
        return self._newest(largest, f"{why}; {largest} has most of them, {most}")

    def _limit(self) -> tuple[int, str]:
        room = self.room()
        if room and (not self.per_side or room < self.per_side):
            return room, f"descriptors are left for {room} connections of this side (ulimit -n)"
        return self.per_side, f"this side has reached its limit of {self.per_side} connections"

    def _newest(self, name: str, why: str) -> Excess:
        return Excess(self._open[next(reversed(self._held[name]))], why)


def holder(connection: Connection) -> str:
    """Return what a connection is counted for: `10.0.0.1`, `2001:db8::/64`, `process 4711`."""
    if not connection.address:
        return f"{LOCAL}{connection.process}"
    return holder_of(connection.address)
