"""Detection of dead connections: a pulled cable, a machine without power.

While data is unacknowledged, TCP's keepalive does nothing, and the kernel retries for a quarter of
an hour. A limit for that (tcp_maxrt) also ends the connection of a peer that merely does not read.
TCP_INFO shows the difference: a peer that does not read still acknowledges, and answers the probes
of its full window; a dead one does neither. So a connection is dead when nothing was acknowledged
for DEAD_AFTER seconds, although data was sent again TRIES times or as many probes were sent.
"""

from __future__ import annotations

import time
from collections.abc import Hashable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Generic, TypeVar

from zmqdev.device.peers import PeerWatch
from zmqdev.device.socket import OpenSocket
from zmqdev.system.descriptor import look_at
from zmqdev.system.process_info import Trace, WireBytes

if TYPE_CHECKING:
    from zmqdev.options.device import DeviceSpec

Key = TypeVar("Key", bound=Hashable)
Connection = tuple[int, str]  # descriptor and address: descriptors are used again
DEAD_AFTER, TRIES = 20.0, 5
# For plain workers: the share of a request's time limit, and the retries that are enough then.
SOON, FEW_TRIES = 0.5, 3
# Seconds between two looks, and the share of this thread's time that they may take.
EVERY, SHARE = 1.0, 0.02
# Seconds. libzmq notices the end of a connection at once, unless it does not poll it.
UNHEARD = 2.0


@dataclass(frozen=True)
class Patience:
    """The seconds without an acknowledgement, and the number of retries in that time."""

    seconds: float
    tries: int


def patience_for(spec: DeviceSpec, side: str) -> Patience:
    """Return the patience with the peers of one side.

    Behind the DEALER of a reliable queue a dead worker gets every other request. A request without
    a reply in time is sent again to any worker, and the dead one should be gone by then.
    """
    from zmqdev.options.queue import QueueSpec  # endpoints use this module too, without devices

    plain = (
        isinstance(spec, QueueSpec) and spec.reliable.enabled and spec.reliable.workers == "plain"
    )
    if not plain or side != "backend":
        return Patience(DEAD_AFTER, TRIES)
    assert isinstance(spec, QueueSpec)
    return Patience(min(DEAD_AFTER, SOON * spec.reliable.attempt_timeout), FEW_TRIES)


@dataclass
class Cables(Generic[Key]):
    """Finds dead connections. Pure: traces and the time are arguments."""

    patience: Patience = field(default_factory=lambda: Patience(DEAD_AFTER, TRIES))
    _since: dict[Key, float] = field(default_factory=dict)
    _cut: set[Key] = field(default_factory=set)

    def look(self, traces: Mapping[Key, Trace], now: float) -> list[Key]:
        """Return the connections found dead now, each only once."""
        waits = [key for key, trace in traces.items() if trace.unanswered]
        self._since = {key: self._since.get(key, now) for key in waits}
        self._cut &= traces.keys()
        found = [
            key
            for key, since in self._since.items()
            if key not in self._cut and self._is_dead(traces[key], now - since)
        ]
        self._cut.update(found)
        return found

    def _is_dead(self, trace: Trace, waited: float) -> bool:
        """Return whether a connection is dead.

        `waited` is seconds since it was first seen to be sending again. The last acknowledgement of
        a connection that was idle before is old, which does not mean that it is dead.
        """
        tries = max(trace.retransmits if trace.unacked else 0, trace.probes)
        silence = min(waited, trace.acknowledged_ago)
        return tries >= self.patience.tries and silence >= self.patience.seconds


@dataclass
class _Side:
    opened: OpenSocket
    watch: PeerWatch
    cables: Cables[Connection] = field(default_factory=Cables)
    _left: set[Connection] = field(default_factory=set)

    def count_left(self, traces: Mapping[Connection, Trace]) -> None:
        """Report to the census the connections that their peers have closed and libzmq still holds.

        Only those seen in two looks in a row count, since libzmq notices an end at once where it
        reads.
        """
        left = {connection for connection, trace in traces.items() if trace.left}
        if self.opened.guard is not None:
            self.opened.guard.census.left(address for _, address in left & self._left)
        self._left = left


class CableWatch:
    """Watches the connections of some sockets; used in the thread that reads their monitors."""

    def __init__(
        self,
        watched: Iterable[tuple[OpenSocket, PeerWatch]],
        spec: DeviceSpec | None = None,
    ) -> None:
        self._sides = [_Side(opened, watch) for opened, watch in watched]
        if spec is not None:
            for side in self._sides:
                side.cables.patience = patience_for(spec, side.opened.name)
        self._wire = WireBytes()
        self._ended: dict[Connection, float] = {}

    def look(self, now: float) -> float:
        """Cut dead connections; return the seconds until the next look."""
        begun = time.thread_time()
        ended: dict[Connection, float] = {}
        for side in self._sides:
            traces = {
                connection: found
                for connection in side.watch.connections().items()
                if (found := self._wire.trace(connection[0])) is not None
            }
            side.count_left(traces)
            for connection in side.cables.look(traces, now):
                self._cut(side.opened, connection, traces[connection], now)
            for connection, found in traces.items():
                if found.ended:
                    ended[connection] = self._ended.get(connection, now)
        self._ended = ended
        return max(EVERY, (time.thread_time() - begun) / SHARE)

    def forget(self) -> None:
        """Forget the connections that have ended; they are being replaced."""
        self._ended = {}

    def unheard(self, now: float) -> list[Connection]:
        """Return connections that have ended without libzmq noticing, as it does not read them."""
        return [connection for connection, at in self._ended.items() if now - at >= UNHEARD]

    def _cut(self, opened: OpenSocket, connection: Connection, trace: Trace, now: float) -> None:
        descriptor, address = connection
        # Look at it again: only the connection that had the address, by its inode, is cut.
        found, copy = look_at(descriptor)
        if copy is not None:
            copy.close()
        if found.address != address:
            return
        lost = self._wire.unacknowledged(descriptor)
        if found.cut() and opened.guard is not None:
            silence = f"no answer for {trace.acknowledged_ago:.0f} s; its connection is cut"
            text = f"{silence}: {lost} bytes sent were not acknowledged"
            opened.guard.refuse("silent", text, address, now)
