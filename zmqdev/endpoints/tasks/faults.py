"""Faults on demand: a worker that dies or stands still, for demonstrations and tests."""

from __future__ import annotations

import os
import signal
from dataclasses import dataclass


@dataclass
class Faults:
    """After so many requests the next one is the last. None: never."""

    crash_after: int | None = None
    hang_after: int | None = None
    hangs: bool = False

    def taken(self, before: int) -> None:
        """A request was taken after `before` others. Does not return from a crash."""
        if self.crash_after is not None and before >= self.crash_after:
            os.kill(os.getpid(), signal.SIGKILL)
        if self.hang_after is not None and before >= self.hang_after:
            self.hangs = True
