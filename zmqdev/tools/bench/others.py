"""How much of the machine somebody else used while a run went on.

The spread of repeated runs shows a neighbour that comes and goes; one that stays
shows only here.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterable
from pathlib import Path

from zmqdev.tools.bench.cost import cpu_seconds

STAT = Path("/proc/stat")
_USER, _NICE, _SYSTEM, _STEAL = 0, 1, 2, 7
"""Columns of the first line of /proc/stat. Interrupts are left out: on a loopback they are ours."""


class Meter:
    """From `Meter(pids)` until `share`. The processes are those of the run, this one included."""

    def __init__(self, pids: Iterable[int]) -> None:
        self._pids = (*pids, os.getpid())
        self._begun, self._busy, self._own = time.monotonic(), busy_seconds(), self._ours()

    def share(self) -> float | None:
        """Of all cores, 0 to 1; None where the system does not tell."""
        took, busy, own = time.monotonic() - self._begun, busy_seconds(), self._ours()
        if None in (self._busy, busy, self._own, own) or took <= 0:
            return None
        foreign = (busy or 0) - (self._busy or 0) - ((own or 0) - (self._own or 0))
        return min(1.0, max(0.0, foreign / (took * (os.cpu_count() or 1))))

    def _ours(self) -> float | None:
        times = [cpu_seconds(pid) for pid in self._pids]
        return None if None in times else sum(time or 0.0 for time in times)


def busy_seconds() -> float | None:
    """CPU seconds of all processes since the machine started, and what its host took away."""
    try:
        first = STAT.read_text().partition("\n")[0].split()[1:]
        ticks = sum(int(first[column]) for column in (_USER, _NICE, _SYSTEM, _STEAL))
    except (OSError, IndexError, ValueError):
        return None
    return ticks / os.sysconf("SC_CLK_TCK")
