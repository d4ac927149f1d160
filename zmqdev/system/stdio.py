"""Writing to stdout and stderr without ever waiting for the reader.

A pager that nobody scrolls, a terminal stopped with Ctrl-S or a hung remote
session must not hold up the loop that steers the devices. What cannot be
written now waits here, up to a limit; beyond it whole writes are left out and
counted.

O_NONBLOCK belongs to everybody who has inherited a descriptor, so it is not
touched. A pipe is asked first, and then takes PIPE_BUF bytes without waiting. A
terminal may wait although it was asked, for it turns each newline into two
signs; it is opened a second time, for us alone, and does not wait then.
"""

from __future__ import annotations

import errno
import io
import logging
import os
import select
import time
from typing import Protocol

from zmqdev.errors import in_words

log = logging.getLogger("zmqdev")
LIMIT = 256 * 1024
_FOR_EVER = frozenset({errno.EPIPE, errno.EIO, errno.ENXIO, errno.EBADF, errno.ECONNRESET})


class Stream(Protocol):
    """What is needed of sys.stdout and sys.stderr."""

    def write(self, text: str, /) -> object: ...
    def flush(self) -> object: ...
    def fileno(self) -> int: ...


def is_terminal(stream: object) -> bool:
    return bool(getattr(stream, "isatty", lambda: False)())


class Outlet:
    """Text to a stream: written at once where that waits for nobody, kept otherwise.

    A stream with no descriptor (a StringIO of a test) is written to directly. None, what
    Python makes of a stream that was closed before it began, takes nothing.
    """

    def __init__(self, stream: Stream | None, limit: int = LIMIT) -> None:
        self._stream = stream
        self._limit = limit
        self._waiting = bytearray()
        self._encoding = getattr(stream, "encoding", None) or "utf-8"
        self.left_out = 0
        """Lines."""
        self.broken = stream is None
        """Nobody will ever read: the pipe was closed, the terminal hung up."""
        self.error: str | None = None
        """Why the last try failed, in words."""
        self._own: int | None = None
        self._fd: int | None = None
        if stream is None:
            return
        try:
            self._fd = stream.fileno()
        except (io.UnsupportedOperation, AttributeError, ValueError):
            return
        stream.flush()
        self._own = _second_opening(self._fd)
        self._poll = select.poll()
        self._poll.register(self._fd if self._own is None else self._own, select.POLLOUT)

    @property
    def idle(self) -> bool:
        """Everything has been taken. Tries first."""
        self._pump()
        return not self._waiting

    def write(self, text: str) -> bool:
        """Whole or not at all; False when it was left out."""
        if self._fd is None and self._stream is not None:
            self._stream.write(text)
            self._stream.flush()
            return True
        data = text.encode(self._encoding, "backslashreplace")
        if self.broken or (self._waiting and len(self._waiting) + len(data) > self._limit):
            self.left_out += _lines(data)
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

    def close(self, patience: float) -> None:
        """Flush, then write no more."""
        self.flush(patience)
        self._waiting.clear()
        self.broken = True
        if self._own is not None:
            os.close(self._own)
            self._own = None

    def _pump(self) -> None:
        while self._waiting and self._fd is not None and self._poll.poll(0):
            try:
                if self._own is not None:
                    count = os.write(self._own, self._waiting)
                else:
                    count = os.write(self._fd, self._waiting[: select.PIPE_BUF])
            except BlockingIOError:
                return
            except OSError as error:
                self._failed(error)
                return
            self.error = None
            del self._waiting[:count]

    def _failed(self, error: OSError) -> None:
        """A full disk may have room again; a reader that has gone does not come back."""
        self.error = in_words(error)
        self.broken = error.errno in _FOR_EVER
        self.left_out += _lines(self._waiting)
        self._waiting.clear()


class Complaint:
    """Says that an outlet takes nothing, once, and what was left out when it does again.

    Whoever writes goes on: it is not there for what is shown of it.
    """

    def __init__(self, outlet: Outlet, what: str) -> None:
        self._outlet, self._what = outlet, what
        self._told = False

    def tell(self) -> None:
        outlet = self._outlet
        if outlet.error is not None and not self._told:
            self._told = True
            after = "continuing without it" if outlet.broken else "trying again"
            log.warning("cannot write the %s: %s; %s", self._what, outlet.error, after)
        elif outlet.error is None and outlet.left_out and outlet.idle:
            log.warning("%s: %d lines could not be written", self._what, outlet.left_out)
            outlet.left_out, self._told = 0, False


def _lines(data: bytes | bytearray) -> int:
    """At least one: what is shown on a screen has no newline."""
    return max(1, data.count(b"\n"))


def _second_opening(descriptor: int) -> int | None:
    """A terminal opened once more, without waiting; None for anything else, or when it is not
    ours to open (after `su`)."""
    try:
        name = os.ttyname(descriptor)
        return os.open(name, os.O_WRONLY | os.O_NOCTTY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return None
