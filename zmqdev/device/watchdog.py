"""Liveness of the devices of a program, for the watchdog and /healthz.

At each beat every device is given a call that does nothing; its thread executes it between two
batches. A device that has not executed the last one for several beats hangs. The beats show that
the main loop is alive.
"""

from __future__ import annotations

import time
from concurrent.futures import Future

from zmqdev.device.device import ENDED, Device
from zmqdev.device.service import Service
from zmqdev.system.loop import Repeat

INTERVAL = 1.0
# Seconds. A turn of the data path takes at most 100 ms, so this is a hang, not a busy moment.
LATE = 10.0


class Pulse:
    """An attachment that watches for hangs; any thread may call `late`."""

    def __init__(self, interval: float = INTERVAL) -> None:
        self.interval = interval
        self._beat_at = time.monotonic()
        self._devices: list[Device] = []
        self._calls: dict[str, Future[None]] = {}
        self._answered: dict[str, float] = {}
        self._beats: Repeat | None = None

    def started(self, service: Service) -> None:
        """Begin to beat."""
        self._devices = [service.device]
        self._beat()
        self._beats = service.loop.every(self.interval, self._beat)

    def ended(self, service: Service) -> None:
        """Stop beating."""
        self._devices = []
        if self._beats is not None:
            self._beats.cancel()  # the loop may go on for other devices

    def late(self, allowed: float = LATE) -> list[str]:
        """Return what gave no sign of life for `allowed` seconds: devices, or the main loop.

        Even when all is well, the last beat is up to an interval old.
        """
        now = time.monotonic()
        allowed += self.interval
        if now - self._beat_at > allowed:
            return ["main loop"]
        return [
            device.name
            for device in self._devices
            if device.state not in ENDED
            and now - self._answered.get(device.name, self._beat_at) > allowed
        ]

    def _beat(self) -> None:
        self._beat_at = time.monotonic()
        for device in self._devices:
            call = self._calls.get(device.name)
            if device.state in ENDED or (call is not None and not call.done()):
                continue
            self._answered[device.name] = self._beat_at
            self._calls[device.name] = device.post(_nothing)


def _nothing() -> None:
    """Do nothing: only that it is executed counts."""
