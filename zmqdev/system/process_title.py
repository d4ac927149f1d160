"""The title of a forked process in `ps`."""

from __future__ import annotations

import ctypes
import sys
from contextlib import suppress
from pathlib import Path

_PR_SET_NAME = 15
# Of /proc/PID/stat behind the name in brackets: where the arguments begin and end in memory.
_ARGUMENTS = slice(45, 47)


def show(title: str) -> None:
    """In the place of the arguments, cut to their length. Linux only; elsewhere nothing changes."""
    if sys.platform == "linux":
        library = ctypes.CDLL(None)
        library.prctl(_PR_SET_NAME, title.encode()[:15], 0, 0, 0)
        with suppress(OSError, ValueError):
            fields = Path("/proc/self/stat").read_text().rpartition(")")[2].split()
            begin, end = map(int, fields[_ARGUMENTS])
            if begin:
                text = title.encode()[: end - begin - 1]
                ctypes.memmove(begin, text.ljust(end - begin, b"\0"), end - begin)
