"""The device on which the verbs of a control socket act."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from zmqdev.control.protocol import Refused
from zmqdev.options.suggest import near

if (
    TYPE_CHECKING
):  # the tables of verbs are read by `zmqdev ctl --help`, which must not wait for zmq
    from zmqdev.control.tap import Tap
    from zmqdev.device.device import Device
    from zmqdev.device.service import Service
    from zmqdev.device.socket import OpenSocket


@dataclass
class Settable:
    """A device whose settings can change.

    `base` returns its settings at the start, as a file has them; `changed` has what was
    set since, by option path.
    """

    service: Service
    device: Device
    base: Callable[[], dict[str, Any]]
    changed: dict[str, Any] = field(default_factory=dict)

    def check_moving(self) -> None:
        """Refuse when the device's thread takes no calls.

        It takes none while it waits for sent messages to leave, and a call would then
        block the loop.
        """
        if self.device.state not in ("running", "paused"):
            raise Refused("refused", f"{self.device.name} is {self.device.state}")


@dataclass(kw_only=True)
class Steered(Settable):
    """A device with a control socket; `name` is its name in `ctl`."""

    name: str
    address: str
    tap: Tap

    def side(self, name: str) -> OpenSocket:
        """Return a side by name; Refused when there is none."""
        for found in self.device.engine.sockets():
            if found.name == name:
                return found
        known = [found.name for found in self.device.engine.sockets()]
        fix = near(name, known) or f"; its sides are {', '.join(known)}"
        raise Refused("bad-argument", f"side: {self.device.name} has no {name[:40]!r}{fix}")
