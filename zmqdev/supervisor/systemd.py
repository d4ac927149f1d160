"""Telling systemd of a whole file: Type=notify for `zmqdev run`.

READY=1 once every part was started, STATUS whenever it changes, STOPPING=1. The
watchdog is fed while this process turns, with the devices that live in it. A
part that is a process of its own is looked after by `run`, not by systemd.
"""

from __future__ import annotations

import os
from collections.abc import Mapping

from zmqdev.device.systemd import Notify
from zmqdev.supervisor.member import MemberState
from zmqdev.supervisor.supervisor import Fleet

# How often the status line is looked at.
INTERVAL = 1.0


class FleetSystemd:
    """Stands beside a fleet."""

    def __init__(self, environ: Mapping[str, str] = os.environ) -> None:
        self._notify = Notify(environ)
        self._told = ""

    def started(self, fleet: Fleet) -> None:
        if not self._notify:
            return
        fleet.on_started.append(lambda: self._ready(fleet))
        fleet.on_stop.append(lambda: self._notify.tell("STOPPING=1\nSTATUS=stopping all parts"))
        if (seconds := self._notify.watchdog) is not None:
            fleet.loop.every(seconds / 2, lambda: self._notify.feed(fleet.late(seconds)))

    def ended(self, fleet: Fleet) -> None:
        if not fleet.stopping:
            self._notify.tell("STOPPING=1")

    def _ready(self, fleet: Fleet) -> None:
        self._told = status(fleet.shown())
        self._notify.tell(f"READY=1\nSTATUS={self._told}")
        fleet.loop.every(INTERVAL, lambda: self._look(fleet))

    def _look(self, fleet: Fleet) -> None:
        now = status(fleet.shown())
        if now != self._told and not fleet.stopping:
            self._told = now
            self._notify.tell(f"STATUS={now}")


def status(parts: list[MemberState]) -> str:
    """How many run, and what the others do: one line."""
    others = [f"{part.name} {part.state}" for part in parts if part.state != "running"]
    running = f"{len(parts) - len(others)} of {len(parts)} parts run"
    return "; ".join([running, *others])
