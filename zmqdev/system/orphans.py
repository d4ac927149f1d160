"""Orphaned processes, which the first process of a container inherits.

Each stays in the process table until its exit status is collected. Children of this
program are waited for elsewhere, so they are registered here and left alone.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from zmqdev.system.loop import Loop

FIRST = 1
# Seconds between two looks, because no signal reports their end.
LOOK = 0.5
_own: set[int] = set()


def first() -> bool:
    """Whether this process is the first one of its system or container."""
    return os.getpid() == FIRST


def own(pid: int) -> None:
    """Register a child whose status is collected elsewhere, in the thread that calls `reap`."""
    _own.add(pid)


def disown(pid: int) -> None:
    """Unregister a child whose status was collected; its number may be reused."""
    _own.discard(pid)


def watch(loop: Loop) -> None:
    """Collect the statuses of orphans while this loop runs."""
    if first():
        loop.every(LOOK, reap)


def reap() -> int:
    """Collect the statuses of all orphans that have ended; return how many."""
    if not first():
        return 0
    taken = 0
    while (ended := _ended()) is not None:
        if ended in _own:
            # The system reports the same child again until its owner collects it.
            return taken + sum(_take(pid) for pid in _children() if pid not in _own)
        taken += _take(ended)
    return taken


def _ended() -> int | None:
    """Return a child that has ended, leaving it in the process table."""
    try:
        found = os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
    except ChildProcessError:
        return None
    return found.si_pid if found is not None else None


def _take(pid: int) -> bool:
    """Collect a status; False when the process has not ended yet."""
    try:
        return bool(os.waitpid(pid, os.WNOHANG)[0])
    except ChildProcessError:
        return False


def _children() -> Iterator[int]:
    for task in Path("/proc/self/task").iterdir():
        with suppress(OSError):  # the thread has ended
            yield from map(int, (task / "children").read_text().split())
