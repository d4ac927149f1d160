"""What `ps` shows of a process: the title of a forked one; words that are covered."""

from __future__ import annotations

import ctypes
import sys
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

_PR_SET_NAME = 15
# Fields of /proc/PID/stat after the name in brackets: begin and end of the arguments.
_ARGUMENTS = slice(45, 47)


def show(title: str) -> None:
    """Overwrite the arguments with a title, cut to their length. Linux only; no effect
    elsewhere."""
    if sys.platform == "linux":
        library = ctypes.CDLL(None)
        library.prctl(_PR_SET_NAME, title.encode()[:15], 0, 0, 0)
        begin, size = _arguments()
        if size:
            ctypes.memmove(begin, title.encode()[: size - 1].ljust(size, b"\0"), size)


def cover(words: Iterable[tuple[bytes, bytes]]) -> None:
    """Instead of the first of each pair its second, which is not longer, is shown. Linux only."""
    begin, size = _arguments()
    if size:
        text = ctypes.string_at(begin, size)
        for word, shown in words:
            text = text.replace(word, shown.ljust(len(word)))
        ctypes.memmove(begin, text, size)


def _arguments() -> tuple[int, int]:
    """Where the arguments are in memory, and their bytes; 0 where that cannot be known."""
    if sys.platform == "linux":
        with suppress(OSError, ValueError):
            fields = Path("/proc/self/stat").read_text().rpartition(")")[2].split()
            begin, end = map(int, fields[_ARGUMENTS])
            return begin, end - begin
    return 0, 0
