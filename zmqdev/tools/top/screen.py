"""The terminal of `zmqdev top`: the alternate screen and single keys, restored at the end."""

from __future__ import annotations

import os
import re
import sys
import termios
from collections.abc import Sequence
from types import TracebackType
from typing import Any

from zmqdev.report.terminal import ERASE_BELOW, ERASE_LINE_END, HIDE, SHOW, Painted, Terminal
from zmqdev.system.stdio import Stream, TextSink

ENTER, LEAVE, HOME = "\x1b[?1049h", "\x1b[?1049l", "\x1b[H"
# Seconds that the last bytes may take to reach a slow terminal.
PATIENCE = 1.0
_LOCAL, _CHARACTERS = 3, 6  # indexes into the list of tcgetattr
_NAMED = {b"\x1b[A": "up", b"\x1b[B": "down", b"\x1b[C": "right", b"\x1b[D": "left"}
_NAMED |= {code.replace(b"[", b"O"): name for code, name in _NAMED.items()}
_KEY = re.compile(rb"\x1b[\[O][0-9;]*[A-Za-z~]|.", re.DOTALL)


def keys(typed: bytes) -> list[str]:
    """Return names of the keys typed: arrows by name, other keys as they are, no unknown ones."""
    found = []
    for code in _KEY.findall(typed):
        if code in _NAMED:
            found.append(_NAMED[code])
        elif len(code) == 1 and code.isascii() and code.decode().isprintable():
            found.append(code.decode())
    return found


class TopScreen:
    """The context `with TopScreen(sys.stdin, sys.stdout) as screen:`, then `draw` and `typed`."""

    def __init__(self, source: Any, target: Stream) -> None:
        self._source: int = source.fileno()
        self._terminal = Terminal(target.fileno())
        self._sink = TextSink(target)
        self._before: list[Any] | None = None

    def __enter__(self) -> TopScreen:
        self._before = termios.tcgetattr(self._source)
        changed = termios.tcgetattr(self._source)
        changed[_LOCAL] &= ~(termios.ECHO | termios.ICANON)
        changed[_CHARACTERS] = list(changed[_CHARACTERS])
        # Ctrl-Z would leave the shell in the alternate screen.
        changed[_CHARACTERS][termios.VSUSP] = os.fpathconf(self._source, "PC_VDISABLE")
        changed[_CHARACTERS][termios.VMIN], changed[_CHARACTERS][termios.VTIME] = 1, 0
        termios.tcsetattr(self._source, termios.TCSADRAIN, changed)
        self._sink.write(ENTER + HIDE)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        self._sink.write(SHOW + LEAVE)
        self._sink.flush(PATIENCE)
        if self._before is not None:
            termios.tcsetattr(self._source, termios.TCSADRAIN, self._before)

    def fileno(self) -> int:
        """Return the descriptor that is readable when a key was typed."""
        return self._source

    @property
    def hung_up(self) -> bool:
        """Whether the terminal is gone."""
        return self._sink.closed

    def size(self) -> tuple[int, int]:
        """Return columns and rows."""
        return self._terminal.size()

    def draw(self, lines: Sequence[Painted]) -> None:
        """Draw the whole screen, unless the terminal has not yet read the last one."""
        if self._sink.flush():
            body = "\r\n".join(f"{line.ansi}{ERASE_LINE_END}" for line in lines)
            self._sink.write(f"{HOME}{body}{ERASE_BELOW}")

    def typed(self) -> list[str]:
        """Return the waiting keys; `q` when the terminal is gone."""
        try:
            found = os.read(self._source, 1024)
        except OSError:
            found = b""
        return keys(found) if found else ["q"]


def usable() -> bool:
    """Whether stdin and stdout are a terminal that can be drawn on."""
    dumb = os.environ.get("TERM", "") in ("", "dumb", "unknown")
    return sys.stdin.isatty() and sys.stdout.isatty() and not dumb
