"""Faults on demand: a worker that crashes or hangs, for demonstrations and tests."""

from __future__ import annotations

import os
import signal
from dataclasses import dataclass


@dataclass
class Faults:
    """The numbers of requests after which the worker fails at the next one; None means never."""

    crash_after: int | None = None
    hang_after: int | None = None
    hangs: bool = False

    def taken(self, before: int) -> None:
        """Crash or hang if it is time to. `before` requests were taken before this one.

        After a crash it does not return.
        """
        if self.crash_after is not None and before >= self.crash_after:
            os.kill(os.getpid(), signal.SIGKILL)
        if self.hang_after is not None and before >= self.hang_after:
            self.hangs = True
