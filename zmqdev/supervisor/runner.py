"""The interface of a running part: a process of its own, or a thread here.

Everything is called in the main thread. `ended` is called once, with the exit
status, after the last output was handed on.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import zmq

from zmqdev.device.engine import Engine
from zmqdev.options.device import DeviceSpec
from zmqdev.options.kind import DeviceKind
from zmqdev.options.part import Part
from zmqdev.supervisor.children import Children
from zmqdev.system.loop import Loop

OUT, ERR, STATISTICS = "out", "err", "statistics"


@dataclass(frozen=True)
class Surroundings:
    """What parts are started with.

    `heard(name, stream, line)` gets each line of output. `directory` holds their
    ready files, for this user alone. `interval` is None when statistics are not
    wanted.
    """

    loop: Loop
    directory: Path
    context: zmq.Context[Any]
    heard: Callable[[str, str, bytes], None]
    engine: Callable[[DeviceKind, DeviceSpec], Engine]
    children: Children
    interval: float | None
    leaving: set[str] = field(default_factory=set)
    """inproc addresses of parts that were told to end: whoever connects there now is lost, for
    libzmq makes no such connection again."""


class Running(Protocol):
    """One run of a part, from its start to its end."""

    part: Part

    def start(self, ended: Callable[[int], None]) -> None:
        """Begin. A part that cannot be started has ended with a status, and said why."""

    @property
    def ready(self) -> bool:
        """All its addresses are bound."""

    @property
    def pid(self) -> int | None: ...

    def stop(self, *, at_once: bool = False) -> None:
        """Ask it to drain and end; with `at_once`, to leave."""

    def reload(self) -> None:
        """Read keys, users and rights again. Only for a device that is ready and has such files."""

    def kill(self) -> None:
        """End it, whatever it does. `ended` follows."""

    def look(self) -> None:
        """Notice an end that nothing else told of. Cheap; called often."""

    def late(self, allowed: float) -> list[str]:
        """Its name, when it lives in this process and has not turned for `allowed` seconds."""

    def hold(self) -> None:
        """Take none of its output for now, so that it waits."""

    def go_on(self) -> None:
        """Take its output again."""
