"""Writing results to a descriptor without ever waiting in a write.

Regular files take everything at once. A pipe or terminal is asked first, and
gets at most what it then takes for certain: poll says writable when a page is
free (pipe(7)). What does not fit is kept, and the loop takes nothing in until
it is gone; so a reader that is slow slows us down, and signals still work.

A reader that has gone (EPIPE) is no error: `closed` says it, and the program
ends, as `head` expects of whoever writes to it.
"""

from __future__ import annotations

import os
import select
import stat
import sys
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext

from zmqdev.errors import RunError, in_words

# PIPE_BUF on Linux: a writable pipe takes this much.
PAGE = 4096
STDOUT = 1
# What is waited for while its reader is slow.
OUTPUT = "the reader of the output"
Aside = Callable[[], AbstractContextManager[None]]


class Sink:
    """`write` takes all; `flush` until `empty`."""

    def __init__(
        self, descriptor: int = STDOUT, name: str = "stdout", aside: Aside = nullcontext
    ) -> None:
        self.descriptor = descriptor
        self.closed = False
        self._name = name
        self._pending = memoryview(b"")
        self._poll = select.poll()
        if descriptor == STDOUT and sys.stdout is None:
            raise RunError(f"cannot write {name}: it is closed")
        try:
            mode = os.fstat(descriptor).st_mode
        except OSError as error:
            raise RunError(f"cannot write {name}: {in_words(error)}") from None
        self.terminal = os.isatty(descriptor)
        self._aside = aside if self.terminal else nullcontext
        self._regular = stat.S_ISREG(mode)
        if not self._regular:
            self._poll.register(descriptor, select.POLLOUT)

    @property
    def empty(self) -> bool:
        return self.closed or not self._pending

    def write(self, data: bytes) -> None:
        """Take `data`, and write of it what can be written now."""
        if self.closed:
            return
        kept = bytes(self._pending) + data if self._pending else data
        self._pending = memoryview(kept)
        with self._aside():
            self.flush()

    def flush(self) -> bool:
        """Write what can be written now; True when nothing is left."""
        try:
            while self._pending and not self.closed and self._writable():
                piece = self._pending if self._regular else self._pending[:PAGE]
                self._pending = self._pending[os.write(self.descriptor, piece) :]
        except BlockingIOError:
            pass  # somebody made the descriptor non-blocking; the poll will tell
        except BrokenPipeError:
            self.closed = True
        except OSError as error:
            raise RunError(f"cannot write {self._name}: {in_words(error)}") from None
        return self.empty

    def look(self) -> None:
        """Notice that the reader has gone, when there is nothing to write."""
        if not self._regular and any(what & select.POLLERR for _, what in self._poll.poll(0)):
            self.closed = True

    @property
    def outlets(self) -> tuple[int, ...]:
        """What to watch for a reader that goes."""
        return () if self._regular else (self.descriptor,)

    def _writable(self) -> bool:
        return self._regular or bool(self._poll.poll(0))
