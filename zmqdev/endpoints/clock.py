"""Detection of changes to the machine's clock: latencies measured across one are unknown."""

from __future__ import annotations

import time
from collections.abc import Callable

Clock = Callable[[], int]
# Nanoseconds. A clock that is slewed moves less than this between two looks.
STEP = 50_000_000
# Nanoseconds between two readings that belong together; after longer, the process was not
# running in between.
TRUSTED = 5_000_000


class ClockWatch:
    """Call `look` now and then; `times_set` is how often the clock was set."""

    def __init__(self, wall: Clock = time.time_ns, steady: Clock = time.monotonic_ns) -> None:
        self.times_set = 0
        self._wall, self._steady = wall, steady
        self._apart: int | None = None
        self.look()

    def look(self) -> None:
        """Compare the two clocks, and count a change of the difference."""
        before, wall, after = self._steady(), self._wall(), self._steady()
        if after - before > TRUSTED:
            return
        apart = wall - before
        if self._apart is not None and abs(apart - self._apart) > STEP:
            self.times_set += 1
        self._apart = apart
