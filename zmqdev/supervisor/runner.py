"""The interface of a running part, which is a process or a thread of this process.

All methods are called in the main thread. `ended` is called once, with the exit status,
after the last output was passed on.
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
    """What parts need to start.

    `heard(name, stream, line)` gets each line of output. `directory` holds ready files
    and is private to this user. `interval` is None when statistics are not wanted.
    """

    loop: Loop
    directory: Path
    context: zmq.Context[Any]
    heard: Callable[[str, str, bytes], None]
    engine: Callable[[DeviceKind, DeviceSpec], Engine]
    children: Children
    interval: float | None
    leaving: set[str] = field(default_factory=set)
    """inproc addresses of parts that are ending. A connection to one would be lost,
    because libzmq does not restore inproc connections."""


class Running(Protocol):
    """One run of a part, from its start to its end."""

    part: Part

    def start(self, ended: Callable[[int], None]) -> None:
        """Begin. For a part that cannot be started, the reason is logged and `ended` is called."""

    @property
    def ready(self) -> bool:
        """Whether all its addresses are bound."""

    @property
    def pid(self) -> int | None:
        """Return its process id; None for a thread of this process."""
        ...

    def stop(self, *, at_once: bool = False) -> None:
        """Ask it to drain and end; with `at_once`, to leave without draining."""

    def reload(self) -> None:
        """Read keys, users and rights again. Only for a ready device that has such files."""

    def kill(self) -> None:
        """End it by force; `ended` follows."""

    def look(self) -> None:
        """Check for an end that nothing else has reported. It is cheap and called often."""

    def late(self, allowed: float) -> list[str]:
        """Return its name if it lives in this process and has not responded for
        `allowed` seconds."""

    def hold(self) -> None:
        """Take none of its output for now, so that it waits."""

    def go_on(self) -> None:
        """Take its output again."""
