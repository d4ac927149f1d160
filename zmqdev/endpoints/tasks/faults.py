"""Faults on demand: a worker that dies or hangs, for demonstrations and tests."""

from __future__ import annotations

import os
import signal
from dataclasses import dataclass


@dataclass
class Faults:
    """After this many requests the next one is the last. None: never."""

    crash_after: int | None = None
    hang_after: int | None = None
    hangs: bool = False

    def taken(self, before: int) -> None:
        """A request was taken after `before` others. A crash does not return."""
        if self.crash_after is not None and before >= self.crash_after:
            os.kill(os.getpid(), signal.SIGKILL)
        if self.hang_after is not None and before >= self.hang_after:
            self.hangs = True
