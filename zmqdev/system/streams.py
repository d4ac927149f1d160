"""stdout and stderr of the program: a full disk gives one line, not a traceback.

What a command prints is its result: stdout that takes none of it ends the command,
status 1. stderr is talk about the work: what it does not take is not said, and
changes nothing.
"""

from __future__ import annotations

import io
import os
import sys
from typing import TYPE_CHECKING, TextIO

from zmqdev.errors import RunError, in_words

if TYPE_CHECKING:
    from typing_extensions import Buffer


class CannotWrite(RunError):
    """stdout took not all of it."""


class _Result(io.FileIO):
    def write(self, data: Buffer, /) -> int:
        try:
            return super().write(data)
        except BrokenPipeError:
            raise
        except OSError as error:
            raise CannotWrite(f"cannot write stdout: {in_words(error)}") from None


class _Talk(io.FileIO):
    def write(self, data: Buffer, /) -> int:
        try:
            return super().write(data)
        except OSError:
            return memoryview(data).nbytes


def guard() -> None:
    """Put them in the place of Python's own; one that was closed before stays None."""
    sys.stdout = _guarded(sys.stdout, _Result)
    sys.stderr = _guarded(sys.stderr, _Talk)


def renew() -> None:
    """New ones for descriptors 1 and 2, in a process that was forked and given others."""
    sys.stdout = _opened(1, _Result, "strict")
    sys.stderr = _opened(2, _Talk, "backslashreplace")


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


def give_up() -> None:
    """Nobody takes what is left for stdout: point it elsewhere, so that the flush at exit is
    quiet."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
