"""The live view on stderr: a panel while the program runs, a summary at the end.

It has no thread and draws only in `tick`. Log lines appear above it. `panel` decides
what it shows, `terminal` writes it.
"""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from io import StringIO
from types import FrameType
from typing import Any

from rich.console import Console
from rich.text import Text

from zmqdev.report.glyphs import Glyphs, glyphs_for
from zmqdev.report.log import route
from zmqdev.report.panel import panel
from zmqdev.report.summary import summary
from zmqdev.report.terminal import Painted, Region, Terminal
from zmqdev.stats.rates import Record, Seen
from zmqdev.stats.snapshot import Snapshot
from zmqdev.system.stdio import Stream, TextSink

# Four frames a second: numbers stay readable, and drawing costs next to nothing.
INTERVAL = 0.25
Drawn = Callable[[Sequence[Seen], int, int, Glyphs], list[Text]]
# Seconds that a slow terminal has to read the last frame.
PATIENCE = 1.0


class Painter:
    """Turns styled text into escape codes for a terminal; NO_COLOR leaves bold and dim."""

    def __init__(self, encoding: str | None) -> None:
        self.glyphs: Glyphs = glyphs_for(encoding)
        self._console = Console(
            file=StringIO(), force_terminal=True, legacy_windows=False, highlight=False, width=1000
        )

    def paint(self, lines: Sequence[Text]) -> list[Painted]:
        """Return each line as the codes to send and its width."""
        with self._console.capture() as captured:
            self._console.print(Text("\n").join(lines), no_wrap=True, crop=False, end="")
        ansi = captured.get().split("\n")
        return [Painted(code, line.cell_len) for code, line in zip(ansi, lines, strict=True)]


class LiveView:
    """A display: `started`, `tick` every `interval`, `ended`.

    With `keys` the program reads what is typed, so typed characters stay visible.
    `drawn` makes the lines.
    """

    def __init__(
        self,
        stream: Stream,
        *,
        keys: bool = False,
        terminal: Terminal | None = None,
        drawn: Drawn = panel,
    ) -> None:
        self._drawn = drawn
        self.interval = INTERVAL
        self._terminal = terminal or Terminal(stream.fileno())
        self._keys = keys
        self._sink = TextSink(stream)
        self._region = Region(self._sink, self._terminal.size)
        self._painter = Painter(getattr(stream, "encoding", None))
        self._record = Record()
        self._lines: Sequence[Painted] = ()
        self._resumed = False
        self._before: Any = None  # the former handler of SIGCONT

    def started(self, subjects: Iterable[Snapshot]) -> None:
        """Draw the first frame and route log lines above it."""
        route(self._above)
        with suppress(ValueError):  # outside the main thread, where no handler can be set
            self._before = signal.signal(signal.SIGCONT, self._continued)
        self._show(self._record.take(subjects))

    def tick(self, subjects: Iterable[Snapshot]) -> None:
        """Draw a frame."""
        self._show(self._record.take(subjects))

    def ended(self, subjects: Iterable[Snapshot]) -> None:
        """Replace the panel by the summary."""
        seen = self._record.take(subjects)
        if self._resumed or not self._terminal.is_ours():
            self._region.forget()
        width, _ = self._terminal.size()
        self._region.clear()
        for line in summary(seen, width):
            self._region.above(f"{line}\n")
        route(None)
        self._sink.close(PATIENCE)
        self._terminal.unhush()
        if self._before is not None:
            signal.signal(signal.SIGCONT, self._before)

    @contextmanager
    def aside(self) -> Iterator[None]:
        """Make room for other output on the same terminal, then draw the same lines below it."""
        self._region.clear()
        self._sink.flush(PATIENCE)
        yield
        self._region.forget()
        if self._terminal.is_ours():
            self._region.draw(self._lines)

    def _show(self, seen: Sequence[Seen]) -> None:
        if self._resumed or not self._terminal.is_ours():
            self._region.forget()
            self._terminal.unhush()
            self._resumed = False
        if not self._terminal.is_ours():
            return
        if not self._keys:
            self._terminal.hush()
        width, height = self._terminal.size()
        # The cursor needs the last row.
        lines = self._drawn(seen, width, height - 1, self._painter.glyphs)
        self._lines = self._painter.paint(lines)
        self._region.draw(self._lines)

    def _above(self, text: str) -> bool:
        if self._resumed or not self._terminal.is_ours():
            self._region.forget()
        return self._region.above(text)

    def _continued(self, number: int, frame: FrameType | None) -> None:
        """Note that other output may be on the screen after Ctrl-Z and `fg`."""
        self._resumed = True
