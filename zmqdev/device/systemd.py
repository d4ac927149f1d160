"""Notifying systemd: ready, stopping, alive. See sd_notify(3).

Nothing happens unless NOTIFY_SOCKET is in the environment. The watchdog is fed when WATCHDOG_USEC
asks for it (and WATCHDOG_PID is this process), at half of its time, and only while every device
makes progress: it is there to detect a hang.
"""

from __future__ import annotations

import logging
import os
import socket
from collections.abc import Callable, Mapping, Sequence

from zmqdev.device.service import Service
from zmqdev.device.watchdog import Pulse
from zmqdev.system.loop import Loop

log = logging.getLogger("zmqdev")


def watchdog_seconds(environ: Mapping[str, str], pid: int) -> float | None:
    """Return the time in which systemd expects a sign of life; None when it expects none."""
    text = environ.get("WATCHDOG_USEC", "")
    if not (text.isascii() and text.isdigit()) or int(text) == 0:
        return None
    if environ.get("WATCHDOG_PID", str(pid)) != str(pid):
        return None
    return int(text) / 1e6


class Notify:
    """The connection to systemd. `watchdog` is None when it expects no signs of life."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._address = environ.get("NOTIFY_SOCKET", "")
        self.watchdog = watchdog_seconds(environ, os.getpid()) if self._address else None

    def __bool__(self) -> bool:
        """Return whether systemd listens."""
        return bool(self._address)

    def ready(self, status: str) -> None:
        """Report that the service is ready."""
        self.tell(f"READY=1\nSTATUS={status}")

    def stopping(self, status: str = "") -> None:
        """Report that the service stops."""
        self.tell("STOPPING=1" + (f"\nSTATUS={status}" if status else ""))

    def keep_fed(self, loop: Loop, late: Callable[[float], Sequence[str]]) -> None:
        """Send a sign of life at half of the time that systemd sets.

        `late` returns the names of what has not moved for some seconds.
        """
        if (seconds := self.watchdog) is not None:
            loop.every(seconds / 2, lambda: self.feed(late(seconds)))

    def feed(self, late: Sequence[str]) -> None:
        """Send a sign of life, unless something is late."""
        if late:
            log.error("watchdog: %s is not responding", ", ".join(late))
        else:
            self.tell("WATCHDOG=1")

    def tell(self, text: str) -> None:
        """Send a datagram; an address that begins with @ is in the abstract namespace."""
        address = self._address
        if not address:
            return
        name = f"\0{address[1:]}" if address.startswith("@") else address
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as out:
                out.setblocking(False)
                out.sendto(text.encode(), name)
        except OSError as error:
            log.warning("cannot tell systemd at %s: %s", address, error.strerror)


class Systemd:
    """An attachment that notifies systemd; `pulse` knows what hangs."""

    def __init__(self, pulse: Pulse, environ: Mapping[str, str] = os.environ) -> None:
        self.pulse = pulse
        self._notify = Notify(environ)

    def started(self, service: Service) -> None:
        """Report that the device runs, and begin with the signs of life."""
        if not self._notify:
            return
        self._notify.ready(f"running {service.device.name}")
        service.on_stop(lambda: self._notify.stopping("passing on what is inside"))
        self._notify.keep_fed(service.loop, self.pulse.late)

    def ended(self, service: Service) -> None:
        """Report the end of a device that was not stopped."""
        if not service.stopping:
            self._notify.stopping()
