"""stdout and stderr, without waiting for readers; a full disk or closed pipe is one line.

A pager that is not scrolled, a terminal stopped with Ctrl-S or a hung remote session
must not block the loop that moves messages. So a `Sink` or `TextSink` writes what can
be written now and keeps the rest. A `Sink` is for results: it keeps everything, and
fails when it cannot write. A `TextSink` is for texts about the work: above a limit it
drops and counts whole texts, and the work goes on.

O_NONBLOCK is shared by all processes that inherited a descriptor, so it is not set
here. A pipe is polled first, and then takes PIPE_BUF bytes without blocking. A terminal
may block even then, because it turns each newline into two characters; a `TextSink`
opens it a second time, non-blocking.

`guard` gives `print` and `click.echo` the same two rules: errors of stdout are reported
in a line, those of stderr are ignored.
"""

from __future__ import annotations

import errno
import io
import os
import select
import stat
import sys
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING, Protocol, TextIO

from zmqdev.errors import RunError, in_words

if TYPE_CHECKING:
    from typing_extensions import Buffer

STDOUT, STDERR = 1, 2
LIMIT = 256 * 1024
"""Bytes that a `TextSink` keeps for a slow reader."""
OUTPUT = "the reader of the output"
"""What the program waits for while a reader is slow."""
_GONE = frozenset({errno.EPIPE, errno.EIO, errno.ENXIO, errno.EBADF, errno.ECONNRESET})
"""After these errors no reader can come back; a full disk may have room later."""
Aside = Callable[[], AbstractContextManager[None]]


class Stream(Protocol):
    """The part of sys.stdout and sys.stderr that is used."""

    def write(self, text: str, /) -> object:
        """Write text."""
        ...

    def flush(self) -> object:
        """Write what is buffered."""
        ...

    def fileno(self) -> int:
        """Return the descriptor."""
        ...


class CannotWrite(RunError):
    """stdout accepted only part of the result, or nothing."""


def is_terminal(stream: object) -> bool:
    """Whether a stream is a terminal."""
    return bool(getattr(stream, "isatty", lambda: False)())


class _Writer:
    """Writes bytes to a descriptor as far as it takes them without blocking, and keeps the rest.

    `at_once`: the descriptor never blocks, whatever the number of bytes.
    """

    def __init__(self, descriptor: int, *, at_once: bool, regular: bool) -> None:
        self.closed = False
        """Whether no reader can come back: the pipe was closed or the terminal hung up."""
        self.error: str | None = None
        """Why the last write failed, as text."""
        self._fd = descriptor
        self._at_once, self._regular = at_once, regular
        self._pending = bytearray()
        self._poll = select.poll()
        if not regular:
            self._poll.register(descriptor, select.POLLOUT)

    @property
    def empty(self) -> bool:
        """Whether nothing waits to be written."""
        return self.closed or not self._pending

    def flush(self, patience: float = 0.0) -> bool:
        """Write what is possible within `patience` seconds; return True when nothing is left."""
        self._write()
        if patience:
            end = time.monotonic() + patience
            while not self.empty and (left := end - time.monotonic()) > 0:
                self._poll.poll(left * 1000)
                self._write()
        return self.empty

    def look(self) -> None:
        """Notice that the reader has gone, even when there is nothing to write."""
        if not self._regular and any(what & select.POLLERR for _, what in self._poll.poll(0)):
            self.closed = True

    def _keep(self, data: bytes) -> None:
        self._pending += data
        self._write()

    def _write(self) -> None:
        try:
            while self._pending and not self.closed and (self._regular or self._poll.poll(0)):
                piece = self._pending if self._at_once else self._pending[: select.PIPE_BUF]
                count = os.write(self._fd, piece)
                self.error = None
                del self._pending[:count]
        except BlockingIOError:
            pass  # another process made it non-blocking; poll reports room
        except OSError as error:
            self.error, self.closed = in_words(error), error.errno in _GONE
            self._failed(error)

    def _failed(self, error: OSError) -> None:
        raise NotImplementedError


class Sink(_Writer):
    """Writes results: all bytes are kept until the reader takes them.

    Raises RunError when the descriptor cannot be written. A reader that has gone
    (EPIPE) is not an error: `closed` becomes True and the program ends, as `head`
    expects. The owner should add nothing until the sink is `empty`, so that a slow
    reader slows the program down. Output for a terminal is written inside `aside()`.
    """

    def __init__(
        self, descriptor: int = STDOUT, name: str = "stdout", aside: Aside = nullcontext
    ) -> None:
        if descriptor == STDOUT and sys.stdout is None:
            raise RunError(f"cannot write {name}: it is closed")
        try:
            regular = _is_regular(descriptor)
        except OSError as error:
            raise RunError(f"cannot write {name}: {in_words(error)}") from None
        super().__init__(descriptor, at_once=regular, regular=regular)
        self.descriptor = descriptor
        self.terminal = os.isatty(descriptor)
        self._name = name
        self._aside = aside if self.terminal else nullcontext

    def write(self, data: bytes) -> None:
        """Add `data`, and write what can be written now."""
        if not self.closed:
            with self._aside():
                self._keep(data)

    @property
    def outlets(self) -> tuple[int, ...]:
        """Return the descriptors to poll for a reader that goes."""
        return () if self._regular else (self.descriptor,)

    def _failed(self, error: OSError) -> None:
        if error.errno != errno.EPIPE:
            raise CannotWrite(f"cannot write {self._name}: {self.error}") from None


class TextSink(_Writer):
    """Writes texts about the work: each whole or not at all, and without raising.

    `limit` is the bytes kept for a slow reader. A stream without a descriptor (a
    StringIO in tests) is written directly. A stream that was closed before the program
    began is None in Python; it accepts nothing.
    """

    def __init__(self, stream: Stream | None, limit: int = LIMIT) -> None:
        self.left_out = 0
        """Lines that were dropped."""
        self._stream, self._limit = stream, limit
        self._encoding = getattr(stream, "encoding", None) or "utf-8"
        self._own: int | None = None
        descriptor = _descriptor_of(stream)
        self._direct = stream if descriptor is None else None
        if stream is None or descriptor is None:
            super().__init__(-1, at_once=True, regular=True)
            self.closed = stream is None
            return
        stream.flush()
        self._own = _second_opening(descriptor)
        try:
            regular = _is_regular(descriptor)
        except OSError:  # closed meanwhile: the first write fails
            regular = False
        super().__init__(
            descriptor if self._own is None else self._own,
            at_once=regular or self._own is not None,
            regular=regular,
        )

    def write(self, text: str) -> bool:
        """Write a text whole or not at all; return False when it was dropped."""
        if self._direct is not None:
            self._direct.write(text)
            self._direct.flush()
            return True
        data = text.encode(self._encoding, "backslashreplace")
        if self.closed or (self._pending and len(self._pending) + len(data) > self._limit):
            self.left_out += _lines(data)
            return False
        self._keep(data)
        return True

    def close(self, patience: float) -> None:
        """Flush, then write no more."""
        self.flush(patience)
        self._pending.clear()
        self.closed = True
        if self._own is not None:
            os.close(self._own)
            self._own = None

    def _failed(self, error: OSError) -> None:
        self.left_out += _lines(self._pending)
        self._pending.clear()


def _is_regular(descriptor: int) -> bool:
    return stat.S_ISREG(os.fstat(descriptor).st_mode)


def _descriptor_of(stream: Stream | None) -> int | None:
    try:
        return None if stream is None else stream.fileno()
    except (io.UnsupportedOperation, AttributeError, ValueError):
        return None


def _lines(data: bytes | bytearray) -> int:
    """Return the number of lines, at least one: a screen of text has no newline."""
    return max(1, data.count(b"\n"))


def _second_opening(descriptor: int) -> int | None:
    """Open a terminal once more, non-blocking.

    Returns None for anything else, or when this user may not open it (after `su`).
    """
    try:
        name = os.ttyname(descriptor)
        return os.open(name, os.O_WRONLY | os.O_NOCTTY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return None


class _Result(io.FileIO):
    """stdout for `print`.

    Raises CannotWrite when it cannot be written, BrokenPipeError when its reader has
    gone.
    """

    def write(self, data: Buffer, /) -> int:
        try:
            return super().write(data)
        except BrokenPipeError:
            raise
        except OSError as error:
            raise CannotWrite(f"cannot write stdout: {in_words(error)}") from None


class _Talk(io.FileIO):
    """stderr for `print`: what cannot be written is dropped."""

    def write(self, data: Buffer, /) -> int:
        try:
            return super().write(data)
        except OSError:
            return memoryview(data).nbytes


def guard() -> None:
    """Replace sys.stdout and sys.stderr by guarded ones; one that was closed stays None."""
    sys.stdout = _guarded(sys.stdout, _Result)
    sys.stderr = _guarded(sys.stderr, _Talk)


def renew() -> None:
    """Make new ones for descriptors 1 and 2, in a forked process that was given others."""
    sys.stdout = _opened(STDOUT, _Result, "strict")
    sys.stderr = _opened(STDERR, _Talk, "backslashreplace")


def give_up() -> None:
    """Point stdout to /dev/null, so that the flush at exit raises nothing."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _opened(descriptor: int, kind: type[io.FileIO], errors: str) -> TextIO:
    raw = io.BufferedWriter(kind(descriptor, "wb", closefd=False))
    return io.TextIOWrapper(raw, errors=errors, line_buffering=True)


def _guarded(stream: TextIO, kind: type[io.FileIO]) -> TextIO:
    if stream is None or not isinstance(stream, io.TextIOWrapper):
        return stream
    return io.TextIOWrapper(
        io.BufferedWriter(kind(stream.fileno(), "wb", closefd=False)),
        encoding=stream.encoding,
        errors=stream.errors,
        line_buffering=stream.line_buffering,
        write_through=stream.write_through,
    )
