"""A file that appears once everything is bound, so that scripts need no sleep."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from zmqdev.device.snapshot import Snapshot
from zmqdev.errors import RunError

if TYPE_CHECKING:
    from zmqdev.device.service import Service


def lines(snapshots: Sequence[Snapshot]) -> str:
    """A line for each address: device, side, verb, address really bound."""
    return "".join(
        f"{snapshot.name} {where} {state.verb} {state.actual}\n"
        for snapshot in snapshots
        for where, state in snapshot.addresses()
    )


def write(path: str, text: str) -> None:
    """Whole or not at all: a reader that sees the file can read it."""
    target = Path(path)
    if target.exists() and not target.is_file():
        # It would be replaced: a device node or a pipe that others use.
        raise RunError(f"cannot write the ready file {path}: it is there and no ordinary file")
    try:
        handle, name = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.")
        try:
            with open(handle, "w") as file:
                file.write(text)
            os.replace(name, target)
        except BaseException:
            os.unlink(name)
            raise
    except OSError as error:
        why = os.strerror(error.errno or 0).lower()
        raise RunError(f"cannot write the ready file {path}: {why}") from None


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
