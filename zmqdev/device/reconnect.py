"""A device's connecting sides come back after a failed handshake, which libzmq does not do."""

from __future__ import annotations

import logging
import time
from functools import partial

from zmqdev.device.device import Device
from zmqdev.device.service import Service
from zmqdev.device.tally import PeerEvent
from zmqdev.security.comeback import Comeback

log = logging.getLogger("zmqdev")


class Returning:
    """An attachment: watches for failures on addresses that a side connects to."""

    def __init__(self) -> None:
        self._plans: dict[tuple[str, str], Comeback] = {}
        self._service: Service | None = None

    def started(self, service: Service) -> None:
        self._service = service
        service.on_peer(self._peer)

    def ended(self, service: Service) -> None:
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
        for address in plan.due(time.monotonic()):
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
