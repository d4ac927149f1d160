"""The services of a running file: control socket, systemd, ready file.

systemd sees one service, Type=notify: READY=1 once every part was started, STATUS
whenever it changes, STOPPING=1. The watchdog is fed while this process and the devices
in it respond. Parts in other processes are watched by `run`, not by systemd.
"""

from __future__ import annotations

import os
import time
from collections.abc import Mapping

from zmqdev.control.socket import ControlSocket
from zmqdev.device.announce import announce
from zmqdev.device.ready_file import ReadyFile
from zmqdev.device.systemd import Notify
from zmqdev.options.security import Security
from zmqdev.supervisor.member import MemberState
from zmqdev.supervisor.supervisor import Fleet
from zmqdev.supervisor.verbs import VERBS, SteeredRun

# Seconds between two looks at the status line.
INTERVAL = 1.0


class FleetControl:
    """The control socket of the whole, which `zmqdev ctl` lists beside those of devices."""

    def __init__(self, name: str, address: str | None, security: Security | None = None) -> None:
        self._name, self._address, self._security = name, address, security
        self._socket: ControlSocket | None = None

    def started(self, fleet: Fleet) -> None:
        """Open the control socket."""
        self._socket = made = ControlSocket(
            self._name, self._address, VERBS, security=self._security
        )
        place = made.open()
        if place is not None:
            made.serve(fleet.loop, SteeredRun(made.name, place.actual, fleet, time.monotonic()))
            announce(f"{made.name} control: ", place)

    def ended(self, fleet: Fleet) -> None:
        """Close the control socket."""
        if self._socket is not None:
            self._socket.close(fleet.loop)


class FleetSystemd:
    """Reports the state of the whole to systemd."""

    def __init__(self, environ: Mapping[str, str] = os.environ) -> None:
        self._notify = Notify(environ)
        self._told = ""

    def started(self, fleet: Fleet) -> None:
        """Report READY once all parts were started."""
        if not self._notify:
            return
        fleet.on_started.append(lambda: self._ready(fleet))
        fleet.on_stop.append(lambda: self._notify.stopping("stopping all parts"))
        self._notify.keep_fed(fleet.loop, fleet.late)

    def ended(self, fleet: Fleet) -> None:
        """Report STOPPING when the run ends by itself."""
        if not fleet.stopping:
            self._notify.stopping()

    def _ready(self, fleet: Fleet) -> None:
        self._told = status(fleet.shown())
        self._notify.ready(self._told)
        fleet.loop.every(INTERVAL, lambda: self._look(fleet))

    def _look(self, fleet: Fleet) -> None:
        now = status(fleet.shown())
        if now != self._told and not fleet.stopping:
            self._told = now
            self._notify.tell(f"STATUS={now}")


def status(parts: list[MemberState]) -> str:
    """Return one line: how many parts run, and the states of the others."""
    others = [f"{part.name} {part.state}" for part in parts if part.state != "running"]
    running = f"{len(parts) - len(others)} of {len(parts)} parts run"
    return "; ".join([running, *others])


class FleetReady:
    """The ready file of the whole, written once all parts were started, with a line for each."""

    def __init__(self, path: str) -> None:
        self._file = ReadyFile(path)

    def started(self, fleet: Fleet) -> None:
        """Write the file once all parts were started."""
        fleet.on_started.append(lambda: self._write(fleet))

    def ended(self, fleet: Fleet) -> None:
        """Remove the file."""
        self._file.remove()

    def _write(self, fleet: Fleet) -> None:
        lines = (f"{one.name} {one.state} {one.pid or os.getpid()}\n" for one in fleet.shown())
        self._file.write("".join(lines))
