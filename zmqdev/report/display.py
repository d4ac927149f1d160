"""The choice of display for a device or an endpoint.

A display has `started`, `tick` and `ended`, which get the subjects to show, and
`interval`, the seconds between two ticks. Rich is imported only when the live view is
wanted and possible.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable
from contextlib import AbstractContextManager, nullcontext
from typing import Protocol

from zmqdev.device.service import Attachment, Service
from zmqdev.options.common import INTERVAL, UNASKED, EndpointStats, Stats
from zmqdev.report.lines import Lines
from zmqdev.stats.snapshot import Snapshot
from zmqdev.system.loop import Repeat
from zmqdev.system.stdio import Stream, is_terminal


class Display(Protocol):
    """What shows subjects; see `Lines` and `LiveView`."""

    interval: float

    def started(self, subjects: Iterable[Snapshot]) -> None:
        """Show the first state."""
        ...

    def tick(self, subjects: Iterable[Snapshot]) -> None:
        """Show the present state."""
        ...

    def ended(self, subjects: Iterable[Snapshot]) -> None:
        """Show the last state."""
        ...

    def aside(self) -> AbstractContextManager[None]:
        """Return a context in which other output may use the same terminal."""
        ...


def can_be_live(stream: Stream | None) -> bool:
    """Whether a stream is a terminal that can move its cursor."""
    isatty = getattr(stream, "isatty", None)
    return bool(isatty and isatty()) and os.environ.get("TERM", "") not in ("", "dumb", "unknown")


def mode_of(stats: Stats) -> str:
    """Return the mode of a device: by default live on a terminal, lines elsewhere."""
    if stats.mode in (None, "live"):
        return "live" if can_be_live(sys.stderr) else "line"
    assert stats.mode is not None
    return stats.mode


def interval_of(stats: Stats) -> float:
    """Return the seconds between two lines.

    Lines that nobody asked for, and that go to a file or a journal, come once a minute,
    so that these do not grow fast.
    """
    if stats.interval is not None:
        return stats.interval
    unasked = stats.mode is None and mode_of(stats) == "line" and not is_terminal(sys.stdout)
    return UNASKED if unasked else INTERVAL


def _made(mode: str, interval: float, out: Stream | None, *, keys: bool = False) -> Display:
    if mode == "live":
        from zmqdev.report.live import LiveView

        return LiveView(sys.stderr, keys=keys)
    return Lines(interval, out, as_json=mode == "json")


def display(stats: Stats) -> Attachment | None:
    """Return the display of a device, whose lines go to stdout; None when it is off."""
    mode = mode_of(stats)
    return None if mode == "off" else DeviceDisplay(_made(mode, interval_of(stats), sys.stdout))


class DeviceDisplay:
    """An attachment that shows the device of a service."""

    def __init__(self, display: Display) -> None:
        self.display = display
        self._repeat: Repeat | None = None

    def started(self, service: Service) -> None:
        """Show the first state and begin to tick."""
        self.display.started(_devices(service))
        self._repeat = service.loop.every(
            self.display.interval, lambda: self.display.tick(_devices(service))
        )

    def ended(self, service: Service) -> None:
        """Show the last state."""
        self.display.ended(_devices(service))

    def pace(self, seconds: float) -> None:
        """Write lines `seconds` apart from now on; a live view keeps its own interval."""
        if isinstance(self.display, Lines) and self._repeat is not None:
            self.display.interval = seconds
            self._repeat.pace(seconds)


def _devices(service: Service) -> list[Snapshot]:
    return [service.device.snapshot()]


class EndpointDisplay:
    """The display of an endpoint, whose loop calls `tick` every `interval` seconds.

    When messages go to stdout, `with display.aside(): write()` keeps them apart from a
    live view on the same terminal.
    """

    def __init__(self, display: Display) -> None:
        self._display = display
        self._mixed = sys.stdout is not None and sys.stdout.isatty()

    @property
    def interval(self) -> float:
        """Return the seconds between two ticks."""
        return self._display.interval

    def started(self, snapshot: Snapshot) -> None:
        """Show the first state."""
        self._display.started([snapshot])

    def tick(self, snapshot: Snapshot) -> None:
        """Show the present state."""
        self._display.tick([snapshot])

    def ended(self, snapshot: Snapshot) -> None:
        """Show the last state."""
        self._display.ended([snapshot])

    def aside(self) -> AbstractContextManager[None]:
        """Return a context for writing messages to stdout."""
        return self._display.aside() if self._mixed else nullcontext()


def replay_display() -> EndpointDisplay | None:
    """Return the progress display of a replay; None without a terminal."""
    if not can_be_live(sys.stderr):
        return None
    from zmqdev.report.live import LiveView
    from zmqdev.report.progress import progress

    return EndpointDisplay(LiveView(sys.stderr, keys=True, drawn=progress))


def endpoint_display(stats: EndpointStats) -> EndpointDisplay | None:
    """Return the display of an endpoint, all of it on stderr; None when off, the default."""
    mode = stats.mode or "off"
    if mode == "off":
        return None
    if mode == "live" and not can_be_live(sys.stderr):
        mode = "line"
    return EndpointDisplay(_made(mode, interval_of(stats), sys.stderr, keys=True))
