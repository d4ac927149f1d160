"""Signals, which only wake a loop.

Handlers are installed explicitly, because `sh -c 'program &'` starts it with SIGINT
ignored. Python's C handler writes the number of each signal to a socket pair, so a loop
that polls `fileno()` wakes at once.
"""

from __future__ import annotations

import os
import signal
import socket
from types import TracebackType

STOPPING = (signal.SIGINT, signal.SIGTERM)
STEERING = (signal.SIGHUP,)


class Signals:
    """`with Signals() as signals:` in the main thread; poll `signals`, then call `take()`."""

    def __init__(self, numbers: tuple[signal.Signals, ...] = STOPPING) -> None:
        self._numbers = numbers
        self._read, self._write = socket.socketpair()
        self._read.setblocking(False)
        self._write.setblocking(False)

    def __enter__(self) -> Signals:
        self._fd_before = signal.set_wakeup_fd(self._write.fileno(), warn_on_full_buffer=False)
        self._before = {number: signal.signal(number, _ignore) for number in self._numbers}
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler if handler is not None else signal.SIG_DFL)
        signal.set_wakeup_fd(self._fd_before)
        self._read.close()
        self._write.close()

    def ignored_before(self, number: signal.Signals) -> bool:
        """Whether a signal was ignored before, as SIGHUP is under `nohup`."""
        return self._before[number] is signal.SIG_IGN

    def window_closed(self, before: list[int]) -> bool:
        """Whether the terminals of `before` have gone; never under `nohup`, which ignores that."""
        return bool(before) and not terminals() and not self.ignored_before(signal.SIGHUP)

    def fileno(self) -> int:
        """Return the descriptor that is readable after a signal."""
        return self._read.fileno()

    def take(self) -> list[int]:
        """Return the signals that came since the last call, without waiting."""
        try:
            numbers = self._read.recv(4096)
        except BlockingIOError:
            return []
        return [number for number in numbers if number in self._numbers]


def terminals() -> list[int]:
    """Return which of stdin, stdout and stderr are terminals."""
    return [number for number in range(3) if os.isatty(number)]


def _ignore(number: int, frame: object) -> None:
    """Do nothing: the byte in the socket pair wakes the loop."""
