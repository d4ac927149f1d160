"""What a process costs: CPU seconds of all its threads, and memory that is really there."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path

KIBIBYTE = 1024


@dataclass(frozen=True)
class Cost:
    """CPU seconds so far, resident bytes; None where the system does not tell."""

    cpu: float | None
    resident: int | None


def cost_of(pid: int) -> Cost:
    return Cost(cpu_seconds(pid), resident_bytes(pid))


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
