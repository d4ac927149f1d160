"""What the system says of a process: memory, descriptors, processor time."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

MEBIBYTE = 2**20


def memory(pid: int) -> int:
    """Resident bytes."""
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


def descriptors(pid: int) -> int:
    """Descriptors open now."""
    return len(os.listdir(f"/proc/{pid}/fd"))


def cpu_seconds(pid: int) -> float:
    """Processor time used so far, user and system."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def state(pid: int) -> str:
    """One letter of ps(1): R runs, S sleeps, T was stopped, Z has ended and is not waited for;
    X for a process that is not there."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):  # it ends between the two steps of reading
        return "X"


def gone(pid: int) -> bool:
    """Whether a process has ended."""
    return state(pid) in "ZX"


def kept_waiting(*pids: int) -> float:
    """Seconds that threads of these processes could have run while the processors ran others:
    what a busy machine adds to a time that was measured. 0 where the system does not count it."""
    total = 0
    for pid in pids:
        for task in Path(f"/proc/{pid}/task").iterdir():
            with suppress(OSError):  # a thread that has just ended, or a system without it
                total += int((task / "schedstat").read_text().split()[1])
    return total / 1e9
