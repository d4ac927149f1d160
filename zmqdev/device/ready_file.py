"""A file that appears once everything is bound, so that scripts need no sleep."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from zmqdev.stats.snapshot import Snapshot
from zmqdev.system import atomic_file

if TYPE_CHECKING:
    from zmqdev.device.service import Service


def lines(snapshot: Snapshot) -> str:
    """Return a line for each address: device, side, verb, actual address.

    Control and metrics come after the sides.
    """
    return "".join(
        f"{snapshot.name} {where} {state.verb} {state.actual}\n"
        for where, state in snapshot.addresses()
    )


class ReadyFile:
    """A ready file, written at the start, and removed at the end if it was written."""

    def __init__(self, path: str) -> None:
        self.path = path
        self._written = False

    def write(self, text: str) -> None:
        """Write the file whole or not at all, so that a reader that sees it can read all of it."""
        atomic_file.write(self.path, text, "the ready file")
        self._written = True

    def remove(self) -> None:
        """Remove the file if it was written."""
        if self._written:
            Path(self.path).unlink(missing_ok=True)


class DeviceReady:
    """The ready file of a device, as an attachment."""

    def __init__(self, path: str) -> None:
        self._file = ReadyFile(path)

    def started(self, service: Service) -> None:
        """Write the file."""
        self._file.write(lines(service.device.snapshot()))

    def ended(self, service: Service) -> None:
        """Remove the file."""
        self._file.remove()
