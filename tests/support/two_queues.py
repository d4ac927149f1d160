"""Two reliable queues over one database, and workers that serve both."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from support.history import Account, Poster, Workers, account
from support.processes import PATIENCE, Start
from support.reliable import Queue

# Longer than a program stands on a machine that is very busy.
LEASE = 3.0
TESTS = Path(__file__).parent.parent

Ports = Callable[[int], list[int]]


class Site:
    """`urls`: of the database, for each queue."""

    def __init__(self, start: Start, ports: Ports, urls: Sequence[str], place: Path) -> None:
        self._start, self._urls, self._place = start, urls, place
        self.fronts = [f"tcp://127.0.0.1:{port}" for port in ports(2)]
        self.backs = [f"tcp://127.0.0.1:{port}" for port in ports(2)]
        self.workers: list[subprocess.Popen[bytes]] = []
        self.queues = [self.queue(0), self.queue(1)]

    def queue(self, at: int) -> Queue:
        words = ("--store", self._urls[at], "--lease", f"{LEASE}s", "--name", f"q{at}")
        return Queue(self._start, *words, frontend=self.fronts[at], backend=self.backs[at])

    def work(self, count: int = 2) -> None:
        for number in range(count):
            path = self._place / f"executed-{len(self.workers)}-{number}"
            words = [sys.executable, "-m", "support.history", str(path), *self.backs]
            self.workers.append(subprocess.Popen(words, cwd=TESTS))

    def kill(self, at: int) -> None:
        self.queues[at].program.signal(signal.SIGKILL)
        self.queues[at].program.wait()

    def account(self, poster: Poster) -> Account:
        """When all that is kept was executed, or its client told otherwise; as long as it goes
        on."""
        workers, before = Workers(self._place), 0
        end = time.monotonic() + PATIENCE
        while True:
            poster.turn()
            found = account(poster, workers.executed())
            if not found.lost or time.monotonic() > end:
                return found
            if found.executed > before:
                before, end = found.executed, time.monotonic() + PATIENCE

    def close(self) -> None:
        for worker in self.workers:
            worker.kill()
            worker.wait()
