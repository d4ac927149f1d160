"""Detects that the machine's clock was set: latencies across that moment are unknown."""

from __future__ import annotations

import time
from collections.abc import Callable

Clock = Callable[[], int]
# Nanoseconds. More than a clock is ever moved gradually between two looks.
STEP = 50_000_000
# Between two readings that belong together; longer, and the program was put aside meanwhile.
TRUSTED = 5_000_000


class ClockWatch:
    """Call `look` now and then; `times_set` is how often the clock was set."""

    def __init__(self, wall: Clock = time.time_ns, steady: Clock = time.monotonic_ns) -> None:
        self.times_set = 0
        self._wall, self._steady = wall, steady
        self._apart: int | None = None
        self.look()

    def look(self) -> None:
        before, wall, after = self._steady(), self._wall(), self._steady()
        if after - before > TRUSTED:
            return
        apart = wall - before
        if self._apart is not None and abs(apart - self._apart) > STEP:
            self.times_set += 1
        self._apart = apart
