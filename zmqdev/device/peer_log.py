"""Peers in the log: connects and disconnects at -v, failures always, with a hint.

A wrong pair of socket types, and a security mechanism that only one side has, are silent in
libzmq: the connection is made, ended and made again, without end. So the first failure of an
address is a warning that names the fix. Further ones for the same reason are counted, and logged
with pauses that double. A peer that stops just when it is connected to looks the same, once; so
where a socket connects, only the second such failure in a row is logged.
"""

from __future__ import annotations

import logging
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

from zmqdev.device.socket import OpenSocket
from zmqdev.device.tally import NO_REASON, PeerEvent
from zmqdev.options.socktype import PEERS

log = logging.getLogger("zmqdev")
FIRST_PAUSE, LONGEST_PAUSE = 10.0, 600.0
# Most places remembered, since strangers may connect from anywhere.
MOST_PLACES = 1000


@dataclass
class _Row:
    """The state of one place and reason.

    Nothing is logged before `until`. `told`: something was logged.
    """

    said_at: float
    until: float
    pause: float
    unsaid: int = 0
    told: bool = True


class Complaints:
    """Decides which failures are worth a line now. Pure: the time is an argument."""

    def __init__(self) -> None:
        self._rows: OrderedDict[tuple[str, str], _Row] = OrderedDict()

    def failed(self, place: str, reason: str, now: float, *, doubtful: bool = False) -> str | None:
        """Return what to add to the line, or None for no line.

        It is "" the first time, then how many more there were. A doubtful failure is logged only
        when it comes again.
        """
        row = self._rows.get((place, reason))
        if row is None or now > row.until + 2 * row.pause:
            self._remember(
                place, reason, _Row(now, now + FIRST_PAUSE, FIRST_PAUSE, 0, not doubtful)
            )
            return None if doubtful else ""
        if not row.told:
            self._remember(place, reason, _Row(now, now + FIRST_PAUSE, FIRST_PAUSE))
            return ""
        row.unsaid += 1
        if now < row.until:
            return None
        told = f" ({row.unsaid} more in {now - row.said_at:.0f} s)"
        pause = min(row.pause * 2, LONGEST_PAUSE)
        self._rows[place, reason] = _Row(now, now + pause, pause)
        return told

    def _remember(self, place: str, reason: str, row: _Row) -> None:
        self._rows[place, reason] = row
        self._rows.move_to_end((place, reason))
        if len(self._rows) > MOST_PLACES:
            self._rows.popitem(last=False)

    def succeeded(self, place: str) -> None:
        """Record a success, so that the next failure is logged at once."""
        for key in [key for key in self._rows if key[0] == place]:
            del self._rows[key]


def _is_silent(reason: str) -> bool:
    """Return whether a reason may be due to a wrong pair of socket types.

    It depends on which end closes first.
    """
    return "socket types" in reason or reason == NO_REASON


def hint(socket_type: str, event: PeerEvent, connects: bool) -> str:
    """Return how to find the cause: the socket types that fit, and a probe of the other side."""
    parts = []
    if _is_silent(event.reason):
        fits = f"a {socket_type} talks to {', '.join(sorted(PEERS[socket_type]))}"
        # The end that sees a mismatch of mechanisms first hangs up, and the other learns no reason.
        either = ", with the same security on both sides" if event.reason == NO_REASON else ""
        parts.append(fits + either)
    if connects and not event.reason.startswith("authentication"):
        parts.append(f"`zmqdev probe {event.address}` says what is there")
    return "".join(f"; {part}" for part in parts)


class PeerLog:
    """The log lines of one socket; `who` is put before them, like `queue frontend`."""

    def __init__(
        self, who: str, opened: OpenSocket, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._who, self._opened, self._clock = who, opened, clock
        self._complaints = Complaints()

    def tell(self, event: PeerEvent) -> None:
        """Log an event, or count it.

        The port of a peer that connects to this socket is left out, as it means nothing.
        """
        connects = any(
            state.verb == "connect" and event.address in (state.asked, state.actual)
            for state in self._opened.addresses
        )
        place = event.address if connects else event.address.rpartition(":")[0]
        if event.what == "connected" and connects:
            self._complaints.succeeded(place)
        if event.what == "connected" or not event.reason:
            note = f" ({event.note})" if event.note else ""
            log.info("%s: %s %s%s", self._who, event.address, event.what, note)
            return
        silent = _is_silent(event.reason)
        kind = "silent" if silent else event.reason
        doubtful = connects and silent and event.what == "failed"
        more = self._complaints.failed(place, kind, self._clock(), doubtful=doubtful)
        if more is None:
            log.debug("%s: %s: %s", self._who, event.address, event.reason)
            return
        said = hint(self._opened.type, event, connects)
        log.warning("%s: %s: %s%s%s", self._who, event.address, event.reason, said, more)
