"""The last rows of a terminal, rewritten in place.

rich.live is not used: it blocks when the terminal does not read (Ctrl-S, a hung
session), loses count of its rows when the terminal becomes narrower, and leaves the
cursor invisible after Ctrl-Z or kill -9. Here

- nothing waits (`sink`): a frame is skipped while the last one is unread;
- rows are counted as the terminal wraps them at its present width;
- between two frames the cursor is visible at the start of the row below, so whatever is
  written next, a shell prompt included, begins on a new row;
- rows are overwritten and then erased to their end, so nothing flickers;
- nothing is written while the program is in the background of its terminal.
"""

from __future__ import annotations

import os
import termios
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from zmqdev.system.stdio import TextSink

HIDE, SHOW = "\x1b[?25l", "\x1b[?25h"
ERASE_LINE_END, ERASE_BELOW = "\x1b[K", "\x1b[J"
_DEFAULT = (80, 24)
_LOCAL = 3  # index of the local modes in the list of tcgetattr


@dataclass(frozen=True)
class Painted:
    """A line with its style codes, and the number of columns it fills."""

    ansi: str
    width: int


class Terminal:
    """The terminal behind a descriptor, as it is at this moment."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._typed: list[Any] | None = None

    def size(self) -> tuple[int, int]:
        """Return columns and rows."""
        try:
            columns, rows = os.get_terminal_size(self._descriptor)
        except OSError:
            return _DEFAULT
        return columns or _DEFAULT[0], rows or _DEFAULT[1]

    def is_ours(self) -> bool:
        """Whether this process is in the foreground; true for a terminal that does not
        control it."""
        try:
            return os.tcgetpgrp(self._descriptor) == os.getpgrp()
        except OSError:
            return True

    def hush(self) -> None:
        """Turn off the echo of typed keys, because an Enter would move what is shown.

        Shells turn it on again when a program is killed or stopped.
        """
        if self._typed is None and self.is_ours():
            with suppress(termios.error):
                self._typed = termios.tcgetattr(self._descriptor)
                quiet = [*self._typed]
                quiet[_LOCAL] &= ~termios.ECHO
                termios.tcsetattr(self._descriptor, termios.TCSADRAIN, quiet)

    def unhush(self) -> None:
        """Restore the echo of typed keys."""
        # Changing a terminal from the background would stop this process.
        if self._typed is not None and self.is_ours():
            with suppress(termios.error):
                termios.tcsetattr(self._descriptor, termios.TCSADRAIN, self._typed)
        self._typed = None


class Region:
    """The rows: `draw` them, write `above` them, `clear` them, from any thread."""

    def __init__(self, sink: TextSink, size: Callable[[], tuple[int, int]]) -> None:
        self._sink = sink
        self._size = size
        self._shown: Sequence[Painted] = ()
        self._sure = False  # whether the cursor is where the last frame left it
        self._lock = threading.RLock()

    def draw(self, lines: Sequence[Painted]) -> bool:
        """Replace what is shown; return False while the terminal has not read the last frame."""
        with self._lock:
            return self._sink.flush() and self._write("", lines)

    def above(self, text: str) -> bool:
        """Write whole lines above the rows."""
        with self._lock:
            return self._write(text, self._shown)

    def clear(self) -> None:
        """Remove the rows."""
        with self._lock:
            if self._shown:
                self._write("", ())

    def forget(self) -> None:
        """Note that other programs have written, so the cursor may be anywhere."""
        with self._lock:
            self._shown, self._sure = (), False

    def _write(self, text: str, lines: Sequence[Painted]) -> bool:
        body = "".join(f"{line.ansi}{ERASE_LINE_END}\n" for line in lines)
        if text:
            # Erase first: the text may have fewer columns than the old rows.
            body = f"{ERASE_BELOW}{text}{body}"
        if not self._sink.write(f"{HIDE}{self._home()}{body}{ERASE_BELOW}{SHOW}"):
            return False
        self._shown, self._sure = tuple(lines), True
        return True

    def _home(self) -> str:
        """Return the codes that move to the first row shown, or to the start of an empty row."""
        columns, rows = self._size()
        if not self._sure:
            # At the start of a row this stays in it; from anywhere else it moves to the
            # next row.
            return f"{' ' * (columns - 1)}\r"
        height = sum(max(1, -(-line.width // columns)) for line in self._shown)
        height = min(height, rows - 1)
        return f"\r\x1b[{height}A" if height else "\r"
