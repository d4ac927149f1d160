"""Statistics as lines: text for grep and awk, JSON with documented keys."""

from __future__ import annotations

import json
from typing import TextIO

from zmqdev.device.service import Service
from zmqdev.device.snapshot import Snapshot


class StatsLines:
    """A line for each device at every interval and at the end."""

    def __init__(self, interval: float, *, as_json: bool, out: TextIO) -> None:
        self.interval, self.as_json, self.out = interval, as_json, out

    def started(self, service: Service) -> None:
        service.loop.every(self.interval, lambda: self.write(service))

    def ended(self, service: Service) -> None:
        self.write(service)

    def write(self, service: Service) -> None:
        for device in service.devices:
            self.out.write(self.line(device.snapshot()) + "\n")
        self.out.flush()

    def line(self, snapshot: Snapshot) -> str:
        if self.as_json:
            return json.dumps(snapshot.plain())
        flows = " ".join(f"{f.name}={f.messages} {f.name}_bytes={f.bytes}" for f in snapshot.flows)
        return f"{snapshot.name} state={snapshot.state} uptime={snapshot.uptime:.1f} {flows}"
