"""Writing for people without ever waiting for them.

A pager that nobody scrolls, a terminal stopped with Ctrl-S or a hung remote
session must not hold up the loop that steers the devices. So a descriptor is
asked before each write whether it has room, and is given at most what a pipe
or a terminal then takes whole. The rest waits here, up to a limit; beyond it
whole writes are left out and counted.
"""

from __future__ import annotations

import io
import os
import select
import time
from typing import Protocol

# A pipe that polls writable takes PIPE_BUF (at least 512, on Linux 4096) bytes at once, a
# Linux terminal one of its buffer pages (1792).
CHUNK = min(1024, select.PIPE_BUF)
LIMIT = 256 * 1024


class Stream(Protocol):
    """What is needed of sys.stdout and sys.stderr."""

    def write(self, text: str, /) -> object: ...
    def flush(self) -> object: ...
    def fileno(self) -> int: ...


class Outlet:
    """Text to a stream: written at once where that waits for nobody, kept otherwise.

    A stream with no descriptor (a StringIO of a test) is written to directly.
    """

    def __init__(self, stream: Stream, limit: int = LIMIT) -> None:
        self._stream = stream
        self._limit = limit
        self._waiting = bytearray()
        self._encoding = getattr(stream, "encoding", None) or "utf-8"
        self.left_out = 0
        self.broken = False
        """Nobody will ever read: the pipe was closed, the terminal hung up."""
        try:
            self._fd: int | None = stream.fileno()
        except (io.UnsupportedOperation, AttributeError, ValueError):
            self._fd = None
        else:
            stream.flush()
            self._poll = select.poll()
            self._poll.register(self._fd, select.POLLOUT)

    @property
    def idle(self) -> bool:
        """Everything has been taken. Tries first."""
        self._pump()
        return not self._waiting

    def write(self, text: str) -> bool:
        """Whole or not at all; False when it was left out."""
        if self._fd is None:
            self._stream.write(text)
            self._stream.flush()
            return True
        data = text.encode(self._encoding, "backslashreplace")
        if self.broken or (self._waiting and len(self._waiting) + len(data) > self._limit):
            self.left_out += 1
            return False
        self._waiting += data
        self._pump()
        return True

    def flush(self, patience: float) -> bool:
        """Wait at most `patience` seconds until everything is taken."""
        end = time.monotonic() + patience
        while not self.idle:
            left = end - time.monotonic()
            if left <= 0:
                return False
            self._poll.poll(left * 1000)
        return True

    def _pump(self) -> None:
        while self._waiting and self._fd is not None and self._poll.poll(0):
            try:
                count = os.write(self._fd, self._waiting[:CHUNK])
            except BlockingIOError:
                return
            except OSError:
                self.broken = True
                self._waiting.clear()
                return
            del self._waiting[:count]
