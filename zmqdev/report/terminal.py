"""The last rows of a terminal, written again and again in place.

Why not rich.live: it waits when the terminal does not read (Ctrl-S, a hung session),
loses count of its rows when the terminal becomes narrower, and leaves an invisible
cursor to the shell after Ctrl-Z or kill -9. Here
- nothing is ever waited for (`sink`): a frame that finds the last one unread is left out;
- rows are counted as the terminal has wrapped them, by its width at this moment;
- between two frames the cursor stands visible at the start of the row below, so whatever
  comes next, the shell included, begins on a row of its own;
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
_LOCAL = 3  # the place of the local modes in what tcgetattr gives


@dataclass(frozen=True)
class Painted:
    """A line as it is sent, with its style codes, and how many columns it fills."""

    ansi: str
    width: int


class Terminal:
    """What must be known of the terminal behind a descriptor, at this moment."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._typed: list[Any] | None = None

    def size(self) -> tuple[int, int]:
        """Columns and rows."""
        try:
            columns, rows = os.get_terminal_size(self._descriptor)
        except OSError:
            return _DEFAULT
        return columns or _DEFAULT[0], rows or _DEFAULT[1]

    def is_ours(self) -> bool:
        """Whether we are in its foreground; one that is not our controlling terminal is."""
        try:
            return os.tcgetpgrp(self._descriptor) == os.getpgrp()
        except OSError:
            return True

    def hush(self) -> None:
        """Typed keys shall not appear, for an Enter would move what is shown.

        Shells put this right by themselves when a program is killed or stopped.
        """
        if self._typed is None and self.is_ours():
            with suppress(termios.error):
                self._typed = termios.tcgetattr(self._descriptor)
                quiet = [*self._typed]
                quiet[_LOCAL] &= ~termios.ECHO
                termios.tcsetattr(self._descriptor, termios.TCSADRAIN, quiet)

    def unhush(self) -> None:
        """Typed keys appear again, if they did before."""
        # Changing a terminal from the background would stop us.
        if self._typed is not None and self.is_ours():
            with suppress(termios.error):
                termios.tcsetattr(self._descriptor, termios.TCSADRAIN, self._typed)
        self._typed = None


class Region:
    """`draw` what it shows, write `above` it, `clear` it. Any thread may."""

    def __init__(self, sink: TextSink, size: Callable[[], tuple[int, int]]) -> None:
        self._sink = sink
        self._size = size
        self._shown: Sequence[Painted] = ()
        self._sure = False  # that the cursor is where we left it
        self._lock = threading.RLock()

    def draw(self, lines: Sequence[Painted]) -> bool:
        """Replace what is shown. False when the terminal has not read the last frame yet."""
        with self._lock:
            return self._sink.flush() and self._write("", lines)

    def above(self, text: str) -> bool:
        """Write whole lines above the region."""
        with self._lock:
            return self._write(text, self._shown)

    def clear(self) -> None:
        """Show nothing any more."""
        with self._lock:
            if self._shown:
                self._write("", ())

    def forget(self) -> None:
        """Others have written: what is shown is theirs now, and the cursor is anywhere."""
        with self._lock:
            self._shown, self._sure = (), False

    def _write(self, text: str, lines: Sequence[Painted]) -> bool:
        body = "".join(f"{line.ansi}{ERASE_LINE_END}\n" for line in lines)
        if text:
            # Erased first: the text may have fewer columns than what stands there.
            body = f"{ERASE_BELOW}{text}{body}"
        if not self._sink.write(f"{HIDE}{self._home()}{body}{ERASE_BELOW}{SHOW}"):
            return False
        self._shown, self._sure = tuple(lines), True
        return True

    def _home(self) -> str:
        """To the first row of what is shown, or to the start of an empty row."""
        columns, rows = self._size()
        if not self._sure:
            # From the start of a row this stays in it, from anywhere else it ends in the next.
            return f"{' ' * (columns - 1)}\r"
        height = sum(max(1, -(-line.width // columns)) for line in self._shown)
        height = min(height, rows - 1)
        return f"\r\x1b[{height}A" if height else "\r"
