"""Unreachable addresses: the cause is logged once.

libzmq retries without end and gives no reason: in its monitor, a name that does not resolve looks
like a refused port. So after a moment without a connection the address is resolved and tried once
from here, in a thread, and the cause is logged. It is tried again at growing pauses. A new cause is
logged, and so is the connection.

A peer that has just started takes a try for a connection. It does not count it as a failed one
(hangup.py, `visit`), if it has the time to look at it.
"""

from __future__ import annotations

import errno
import logging
import os
import socket as sockets
import sys
import threading
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from queue import Empty, SimpleQueue

from zmqdev.device.announce import NOTE
from zmqdev.device.socket import OpenSocket
from zmqdev.device.tally import PeerEvent
from zmqdev.options.address import split
from zmqdev.system.descriptor import written

log = logging.getLogger("zmqdev")
# Seconds; a peer that starts at the same moment is not worth a line.
PATIENCE = 1.5
LONGEST_PAUSE = 60.0
# Seconds between two looks for results and for due addresses.
LOOK = 0.5
# Seconds that a try may take; a host that drops packets does not answer.
TRY = 2.0
# Seconds that the connection of a try is kept, in which a busy peer looks at it.
KEPT = 0.3
_CAUSES = {
    errno.ECONNREFUSED: "connection refused",
    errno.ENOENT: "no such file",
    errno.EACCES: "permission denied",
    errno.EHOSTUNREACH: "no route to the host",
    errno.ENETUNREACH: "no route to the network",
    errno.ETIMEDOUT: "no answer",
    errno.ECONNRESET: "connection reset",
}
_NAME_UNKNOWN = {sockets.EAI_NONAME, getattr(sockets, "EAI_NODATA", sockets.EAI_NONAME)}


@dataclass(frozen=True)
class Obstacle:
    """The result of a try.

    `cause` is None when a connection can be made. `aliases` are the addresses of the name, as
    libzmq writes them.
    """

    address: str
    cause: str | None
    aliases: frozenset[str] = frozenset()


@dataclass
class _Row:
    """The state of an address. `due` is when to look again, `told` the cause logged last."""

    due: float
    pause: float = PATIENCE
    told: str | None = None
    names: set[str] = field(default_factory=set)


class Unreached:
    """Decides which addresses to try and which lines to log. Pure: the time is an argument."""

    def __init__(self) -> None:
        self._rows: dict[str, _Row] = {}
        self._connected: set[str] = set()

    def follow(self, addresses: Iterable[str], now: float) -> None:
        """Set the addresses to which the socket connects, as configured."""
        asked = set(addresses)
        for gone in self._rows.keys() - asked:
            del self._rows[gone]
        for address in asked - self._rows.keys():
            self._rows[address] = _Row(now + PATIENCE, names={address})

    def due(self, now: float) -> list[str]:
        """Return the addresses to try now. Each is returned once, until `found`."""
        over = [
            address
            for address, row in self._rows.items()
            if now >= row.due and not row.names & self._connected
        ]
        for address in over:
            row = self._rows[address]
            row.due, row.pause = now + row.pause, min(row.pause * 2, LONGEST_PAUSE)
        return over

    def found(self, finding: Obstacle) -> str | None:
        """Return the line for a result, or None when it is no news."""
        row = self._rows.get(finding.address)
        if row is None:
            return None
        row.names |= finding.aliases
        if row.names & self._connected or finding.cause in (None, row.told):
            return None
        row.told = finding.cause
        return f"{finding.address}: {finding.cause}; still trying"

    def connected(self, address: str) -> str | None:
        """Record a finished handshake; return a line if a failure was logged before."""
        self._connected.add(address)
        for asked, row in self._rows.items():
            if address in row.names:
                told, row.told, row.pause = row.told, None, PATIENCE
                return f"{asked}: connected" if told else None
        return None

    def lost(self, address: str, now: float) -> None:
        """Record the end of a connection, which gets time to come back."""
        self._connected.discard(address)
        for row in self._rows.values():
            if address in row.names:
                row.due = max(row.due, now + PATIENCE)


def look_at(address: str) -> Obstacle:
    """Resolve an address and try it once.

    It blocks for as long as the name server does, plus TRY.
    """
    parts = split(address, "connect")
    if parts.transport == "ipc":
        name = f"\0{parts.path[1:]}" if parts.path.startswith("@") else parts.path
        return Obstacle(address, _try(sockets.AF_UNIX, name))
    host = parts.host.partition("%")[0]
    try:
        found = sockets.getaddrinfo(host, int(parts.port), type=sockets.SOCK_STREAM)
    except sockets.gaierror as error:
        known = error.errno not in _NAME_UNKNOWN
        return Obstacle(address, "no answer from the name server" if known else "name not known")
    causes = [_try(family, place) for family, _, _, _, place in found]
    aliases = frozenset(written(place) for _, _, _, _, place in found)
    return Obstacle(address, None if None in causes else causes[0], aliases)


def _try(family: int, place: object) -> str | None:
    """Connect, send nothing and hang up; return what prevented it, or None."""
    with sockets.socket(family, sockets.SOCK_STREAM) as made:
        made.settimeout(TRY)
        try:
            made.connect(place)  # type: ignore[arg-type]
        except OSError as error:
            number = errno.ETIMEDOUT if isinstance(error, TimeoutError) else error.errno or 0
            return _CAUSES.get(number) or os.strerror(number).lower()
        _be_seen(made)
    return None


def _be_seen(made: sockets.socket) -> None:
    """Read the peer's greeting, so that the end is no reset, and give it time."""
    with suppress(OSError):  # the peer may hang up first
        made.recv(1024)
        time.sleep(KEPT)


class Reach:
    """The addresses to which one socket connects, tried in a thread. `who` is put before its
    lines."""

    def __init__(
        self, who: str, opened: OpenSocket, look: Callable[[str], Obstacle] = look_at
    ) -> None:
        self._who, self._opened, self._look_at = who, opened, look
        self._unreached = Unreached()
        self._findings: SimpleQueue[Obstacle] = SimpleQueue()
        self._next = 0.0
        self._level: int | None = None

    def heard(self, event: PeerEvent, now: float) -> None:
        """Handle an event of the monitor."""
        if event.what == "connected":
            self._say(self._unreached.connected(event.address))
        else:
            self._unreached.lost(event.address, now)

    def look(self, now: float) -> None:
        """Log results and begin new tries. Call it in any turn; it acts every LOOK seconds."""
        if now < self._next:
            return
        self._next = now + LOOK
        self._unreached.follow(self._addresses(), now)
        while True:
            try:
                self._say(self._unreached.found(self._findings.get_nowait()))
            except Empty:
                break
        due = self._unreached.due(now)
        if due:
            threading.Thread(
                target=self._look_at_all, args=(due,), name="zmqdev-reach", daemon=True
            ).start()

    def _addresses(self) -> list[str]:
        """Return the addresses that can be tried: not inside the process, nor through a proxy."""
        asked = [s.asked for s in self._opened.addresses if s.verb == "connect"]
        asked = [a for a in asked if a.startswith(("tcp://", "ipc://")) and ";" not in a]
        return [] if self._opened.proxied else asked

    def _look_at_all(self, addresses: list[str]) -> None:
        for address in addresses:
            self._findings.put(self._look_at(address))

    def _say(self, line: str | None) -> None:
        """Log a line.

        Without -v it is shown only at a terminal, so that scripts may start programs in any order.
        """
        if line is None:
            return
        if self._level is None:
            seen = sys.stderr is not None and sys.stderr.isatty()
            self._level = NOTE if seen else logging.INFO
        log.log(self._level, "%s: %s", self._who, line)
