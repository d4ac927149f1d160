"""Reading a file that the user names, with limits of size and time."""

from __future__ import annotations

import os
import select
import stat
import time
from pathlib import Path

_CHUNK = 1 << 16


def read_file(path: Path, limit: int, *, wait: float) -> bytes:
    """Return the file, up to `limit` bytes and one more.

    A pipe, as of `<(command)`, is read to its end for at most `wait` seconds. Raises
    OSError, or ValueError for a pipe that takes longer and for what is neither a file
    nor a pipe.
    """
    handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        mode = os.fstat(handle).st_mode
        if stat.S_ISDIR(mode):
            raise ValueError("it is a directory")
        if not (stat.S_ISREG(mode) or stat.S_ISFIFO(mode)):
            raise ValueError("it is neither a file nor a pipe")
        return _read(handle, limit + 1, time.monotonic() + wait)
    finally:
        os.close(handle)


def _read(handle: int, most: int, until: float) -> bytes:
    parts: list[bytes] = []
    left = most
    poller = select.poll()
    poller.register(handle, select.POLLIN)
    while left:
        try:
            part = os.read(handle, min(left, _CHUNK))
        except BlockingIOError:
            if not poller.poll(max(0.0, until - time.monotonic()) * 1000):
                raise ValueError("nothing more came through the pipe") from None
            continue
        if not part:
            break
        parts.append(part)
        left -= len(part)
    return b"".join(parts)
