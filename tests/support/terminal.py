"""A program in a terminal of its own, whose screen a test can read."""

from __future__ import annotations

import contextlib
import fcntl
import os
import pty
import select
import signal
import struct
import termios
from collections.abc import Mapping
from typing import Any

import pyte
from support.forked import popen
from support.processes import PATIENCE, until

# Pieces that are read before the screen is looked at again.
AT_ONCE = 4


class Terminal:
    """`zmqdev ARGUMENTS` as a person starts it: stdin, stdout and stderr are one terminal,
    and it is in the foreground. `stdout` puts that elsewhere."""

    def __init__(
        self,
        arguments: list[str],
        *,
        columns: int = 80,
        rows: int = 24,
        stdout: int | None = None,
        env: Mapping[str, str] | None = None,
        **options: Any,
    ) -> None:
        self.screen = pyte.HistoryScreen(columns, rows)
        self._stream = pyte.ByteStream(self.screen)
        self._lines: list[str] | None = None
        self.sent = b""
        """Everything that was sent to the screen."""
        self.master, slave = pty.openpty()
        self.resize(columns, rows)
        self.process = popen(
            arguments,
            stdin=slave,
            stdout=slave if stdout is None else stdout,
            stderr=slave,
            env={"TERM": "xterm-256color", **(env or {})},
            terminal=True,
            **options,
        )
        # Kept open, so that what the program has set can be asked for after its end.
        self.slave = slave

    def resize(self, columns: int, rows: int) -> None:
        self.screen.resize(rows, columns)
        self._lines = None
        fcntl.ioctl(self.master, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def read(self) -> bool:
        """Take in what was sent meanwhile; False when nothing was."""
        if not select.select([self.master], [], [], 0)[0]:
            return False
        with contextlib.suppress(OSError):  # the last descriptor of the other end was closed
            piece = os.read(self.master, 65536)
            self.sent += piece
            self._stream.feed(piece)
            self._lines = None
            return bool(piece)
        return False

    @property
    def lines(self) -> list[str]:
        """What is on the screen now, without empty rows."""
        read = 0
        # A program that draws faster than this reads is looked at all the same.
        while self.read() and (read < AT_ONCE or self.process.poll() is not None):
            read += 1
        if self._lines is None:
            self._lines = [line.rstrip() for line in self.screen.display if line.strip()]
        return self._lines

    @property
    def text(self) -> str:
        return "\n".join(self.lines)

    def shows(self, what: str) -> None:
        """Wait until it is on the screen."""
        until(lambda: what in self.text, f"{what!r} on the screen")

    def keys(self, typed: bytes) -> None:
        os.write(self.master, typed)

    def wait(self) -> int:
        """The exit status; the screen is read to its end."""
        until(lambda: self.text is None or self.process.poll() is not None, "the end")
        return self.process.wait(PATIENCE)

    @property
    def echoes(self) -> bool:
        """Whether typed keys appear."""
        modes: int = termios.tcgetattr(self.slave)[3]
        return bool(modes & termios.ECHO)

    def end(self) -> None:
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGCONT)
            self.process.kill()
            self.process.wait(PATIENCE)
        os.close(self.master)
        os.close(self.slave)
