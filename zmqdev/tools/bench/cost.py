"""The cost of a process: CPU seconds of all its threads, and resident memory.

And how much of the machine others used meanwhile: the spread of repeated runs shows a neighbour
that comes and goes; one that stays shows only in `Meter`.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

STAT = Path("/proc/stat")
_USER, _NICE, _SYSTEM, _STEAL = 0, 1, 2, 7
"""Columns of the first line of /proc/stat. Interrupts are left out: on a loopback they are ours."""


class Meter:
    """What others used, from `Meter(pids)` until `share`. The processes are those of the run, this
    one included."""

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


KIBIBYTE = 1024
ZMQ_THREAD = "ZMQbg"


@dataclass(frozen=True)
class Cost:
    """CPU seconds so far, resident bytes; None where the system does not tell. `loop`: the CPU
    seconds without those of libzmq's threads, where that was asked for."""

    cpu: float | None
    resident: int | None
    loop: float | None = None


def cost_of(pid: int, *, threads: bool = False) -> Cost:
    loop = own_seconds(pid) if threads else None
    return Cost(cpu_seconds(pid), resident_bytes(pid), loop)


def own_seconds(pid: int) -> float | None:
    """CPU seconds of the threads that are not libzmq's: those have names that begin so."""
    try:
        threads = Path(f"/proc/{pid}/task").iterdir()
        own = [at for at in threads if not (at / "comm").read_text().startswith(ZMQ_THREAD)]
        return sum(int((at / "schedstat").read_text().split()[0]) for at in own) / 1e9
    except (OSError, ValueError, IndexError):
        return None


def cpu_seconds(pid: int) -> float | None:
    """User and system time, in nanoseconds' steps.

    Linux gives each process a clock of its own, named by its inverted id (clock_getcpuclockid(3));
    /proc/PID/stat has the same number in steps of 10 ms.
    """
    try:
        return time.clock_gettime((~pid << 3) | 2)
    except OSError:
        return None


def resident_bytes(pid: int) -> int | None:
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return None
    for line in status.splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) * KIBIBYTE
    return None
