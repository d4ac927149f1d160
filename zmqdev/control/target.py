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
    """A device whose settings change. `base` returns its settings at the start, as a file has
    them; `changed`: those set since, by option path."""

    service: Service
    device: Device
    base: Callable[[], dict[str, Any]]
    changed: dict[str, Any] = field(default_factory=dict)

    def check_moving(self) -> None:
        """Refuse verbs that act in the device's thread while that waits at its end: it answers no
        calls then, and they would block the loop."""
        if self.device.state not in ("running", "paused"):
            raise Refused("refused", f"{self.device.name} is {self.device.state}")


@dataclass(kw_only=True)
class Steered(Settable):
    """A device that answers. `name`: its name for `ctl`."""

    name: str
    address: str
    tap: Tap

    def side(self, name: str) -> OpenSocket:
        for found in self.device.engine.sockets():
            if found.name == name:
                return found
        known = [found.name for found in self.device.engine.sockets()]
        fix = near(name, known) or f"; its sides are {', '.join(known)}"
        raise Refused("bad-argument", f"side: {self.device.name} has no {name[:40]!r}{fix}")
