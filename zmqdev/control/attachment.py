"""The control socket of a device, as an attachment of its service.

`status` only reads counters that the device's thread writes, so it never waits.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from zmqdev.control import protocol as wire
from zmqdev.control.settings import apply_marks
from zmqdev.control.socket import ControlSocket
from zmqdev.control.tap import Tap
from zmqdev.control.target import Steered
from zmqdev.control.verbs import ENDED, VERBS
from zmqdev.device.device import Device
from zmqdev.device.service import Service
from zmqdev.device.tally import PeerEvent
from zmqdev.options.security import Security
from zmqdev.relay import DROPS


class Control:
    """Answers for one device.

    `config` returns its resolved settings, `changed` those that something else has
    changed since the start.
    """

    def __init__(
        self,
        device: Device,
        address: str | None,
        config: Callable[[], dict[str, Any]],
        changed: Callable[[], dict[str, Any]] = dict,
        security: Security | None = None,
    ) -> None:
        self._security = security
        self.device, self.config, self._changed = device, config, changed
        self._address = address
        self._socket: ControlSocket | None = None
        self._on: Steered | None = None

    def started(self, service: Service) -> None:
        """Open the control socket and serve it."""
        self._socket = made = ControlSocket(
            *(self.device.name, self._address, VERBS),
            late=ENDED,
            statistics=self._statistics,
            security=self._security,
        )
        place = made.open()
        if place is None:
            return
        tap = Tap(made.context, self.device, service.loop, place.actual, self._security)
        self._on = Steered(
            *(service, self.device, self.config, self._changed()),
            name=made.name,
            address=place.actual,
            tap=tap,
        )
        service.on_peer(self._peer)
        made.serve(service.loop, self._on)
        self.device.place_beside("control", place)

    def ended(self, service: Service) -> None:
        """Close the tap and the control socket."""
        if self._on is not None:
            self._on.tap.close()
        if self._socket is not None:
            self._socket.close(service.loop)

    def answer(self, frames: list[bytes]) -> list[bytes]:
        """Return the reply to a message; see `ControlSocket.answer`."""
        assert self._socket is not None
        return self._socket.answer(frames)

    def _peer(self, device: Device, side: str, event: PeerEvent) -> None:
        if device is self.device and event.what == "connected" and self._on is not None:
            apply_marks(self._on)

    def _statistics(self) -> list[bytes]:
        flows = ((flow.source, flow.counts) for flow in self.device.engine.flows())
        return wire.old_statistics(flows, DROPS)
