"""A file that appears once everything is bound, so that scripts need no sleep."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from zmqdev.stats.snapshot import Snapshot
from zmqdev.system import atomic_file

if TYPE_CHECKING:
    from zmqdev.device.service import Service


def lines(snapshots: Sequence[Snapshot]) -> str:
    """A line for each address: device, side, verb, address really bound. What stands beside the
    sides comes after them: control, metrics."""
    return "".join(
        f"{snapshot.name} {where} {state.verb} {state.actual}\n"
        for snapshot in snapshots
        for where, state in snapshot.addresses()
    )


def write(path: str, text: str) -> None:
    """Whole or not at all: a reader that sees the file can read it."""
    atomic_file.write(path, text, "the ready file")


class ReadyFile:
    """An attachment: written at the start, removed at the end."""

    def __init__(self, path: str) -> None:
        self.path = path
        self._written = False

    def started(self, service: Service) -> None:
        write(self.path, lines([device.snapshot() for device in service.devices]))
        self._written = True

    def ended(self, service: Service) -> None:
        if self._written:
            Path(self.path).unlink(missing_ok=True)
