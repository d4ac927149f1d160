"""Reconnecting after a refusal: libzmq does not, so zmqdev does, with growing pauses.

After a refused handshake, or one with another mechanism or socket type, libzmq never connects
again, even when the other side is corrected. Here a new connection is made after 1 s, 2 s, ... 32
s. After a successful handshake the pauses begin again at 1 s.
"""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING

from zmqdev.device.tally import PeerEvent

if TYPE_CHECKING:  # an endpoint uses this module too, and does not load devices
    from zmqdev.device.device import Device
    from zmqdev.device.service import Service

log = logging.getLogger("zmqdev")
FIRST_PAUSE = 1.0
LONGEST_PAUSE = 32.0


@dataclass
class Comeback:
    """Addresses to connect to again. Times are monotonic seconds."""

    _due: dict[str, float] = field(default_factory=dict)
    _pauses: dict[str, float] = field(default_factory=dict)

    def failed(self, address: str, now: float) -> float | None:
        """Record a failed handshake; return the seconds until the next try.

        It is None when a try is planned already.
        """
        if address in self._due:
            return None
        pause = self._pauses.get(address, FIRST_PAUSE)
        self._pauses[address] = min(2 * pause, LONGEST_PAUSE)
        self._due[address] = now + pause
        return pause

    def succeeded(self, address: str) -> None:
        """Record a successful handshake, after which the pauses begin anew."""
        self._due.pop(address, None)
        self._pauses.pop(address, None)

    def due(self, now: float) -> list[str]:
        """Return the addresses to connect to again now, each once."""
        found = [address for address, when in self._due.items() if when <= now]
        for address in found:
            del self._due[address]
        return found


class Returning:
    """An attachment that connects again after failures at addresses to which a side connects."""

    def __init__(self) -> None:
        self._plans: dict[tuple[str, str], Comeback] = {}
        self._service: Service | None = None

    def started(self, service: Service) -> None:
        """Watch the peers."""
        self._service = service
        service.on_peer(self._peer)

    def ended(self, service: Service) -> None:
        """Stop connecting again."""
        self._service = None

    def _peer(self, device: Device, side: str, event: PeerEvent) -> None:
        plan = self._plans.setdefault((device.name, side), Comeback())
        if event.what == "connected":
            plan.succeeded(event.address)
        if event.what != "failed" or not _connects(device, side, event.address):
            return
        now = time.monotonic()
        pause = plan.failed(event.address, now)
        if pause is not None and self._service is not None:
            log.info("%s %s: %s: again in %g s", device.name, side, event.address, pause)
            self._service.loop.at(now + pause, partial(self._again, device, side, plan))

    def _again(self, device: Device, side: str, plan: Comeback) -> None:
        if self._service is None or self._service.stopping:
            return
        tally = device.watches[side].tally
        for address in plan.due(time.monotonic()):
            if tally.is_seen_to(address):
                continue
            device.post(partial(_reconnect, device, side, address))


def _connects(device: Device, side: str, address: str) -> bool:
    return any(
        state.verb == "connect" and state.actual == address
        for item in device.engine.sockets()
        if item.name == side
        for state in item.addresses
    )


def _reconnect(device: Device, side: str, address: str) -> None:
    for item in device.engine.sockets():
        if item.name == side:
            item.reconnect(address)
