"""The cost of a process: CPU seconds of all its threads, and resident memory.

`Meter` measures how much of the machine other processes used during a run. The spread
of repeated runs shows a neighbour that comes and goes; only `Meter` shows one that
stays.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

STAT = Path("/proc/stat")
_USER, _NICE, _SYSTEM, _STEAL = 0, 1, 2, 7
"""Columns of the first line of /proc/stat, proc(5). Interrupt time is left out: on
loopback the run itself causes it."""


class Meter:
    """Measures what other processes use, from the call of `Meter(pids)` to that of `share`.

    `pids` are the processes of the run; this process is added.
    """

    def __init__(self, pids: Iterable[int]) -> None:
        self._pids = (*pids, os.getpid())
        self._begun, self._busy, self._own = time.monotonic(), busy_seconds(), self._ours()

    def share(self) -> float | None:
        """Return the share of all cores, 0 to 1; None where the system does not report it."""
        took, busy, own = time.monotonic() - self._begun, busy_seconds(), self._ours()
        if None in (self._busy, busy, self._own, own) or took <= 0:
            return None
        foreign = (busy or 0) - (self._busy or 0) - ((own or 0) - (self._own or 0))
        return min(1.0, max(0.0, foreign / (took * (os.cpu_count() or 1))))

    def _ours(self) -> float | None:
        times = [cpu_seconds(pid) for pid in self._pids]
        return None if None in times else sum(time or 0.0 for time in times)


def busy_seconds() -> float | None:
    """Return the CPU seconds of all processes since boot, plus the time stolen by the host."""
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
    """CPU seconds so far and resident bytes; None where the system does not report them.

    `loop` is the CPU time without that of libzmq's threads, if it was asked for.
    """

    cpu: float | None
    resident: int | None
    loop: float | None = None


def cost_of(pid: int, *, threads: bool = False) -> Cost:
    """Measure a process; with `threads`, also without libzmq's threads."""
    loop = own_seconds(pid) if threads else None
    return Cost(cpu_seconds(pid), resident_bytes(pid), loop)


def own_seconds(pid: int) -> float | None:
    """Return the CPU seconds of the threads that are not libzmq's.

    libzmq gives its threads names that begin with `ZMQbg`.
    """
    try:
        threads = Path(f"/proc/{pid}/task").iterdir()
        own = [at for at in threads if not (at / "comm").read_text().startswith(ZMQ_THREAD)]
        return sum(int((at / "schedstat").read_text().split()[0]) for at in own) / 1e9
    except (OSError, ValueError, IndexError):
        return None


def cpu_seconds(pid: int) -> float | None:
    """Return user and system time with nanosecond resolution; None if it is unknown.

    Linux gives each process a CPU clock whose id is derived from the inverted process
    id (clock_getcpuclockid(3)). /proc/PID/stat has the same figure in steps of 10 ms.
    """
    try:
        return time.clock_gettime((~pid << 3) | 2)
    except OSError:
        return None


def resident_bytes(pid: int) -> int | None:
    """Return the resident memory of a process; None if it is unknown."""
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return None
    for line in status.splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) * KIBIBYTE
    return None
