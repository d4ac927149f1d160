"""Several reliable queues over one database: what one has called kept outlives it."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import zmq
from support.history import Account, Poster, Workers, account
from support.processes import PATIENCE, Start, until
from support.reliable import Queue

SOAK = int(os.environ.get("ZMQDEV_SOAK", "1"))
KILLS = 2 * SOAK
LEASE = 1.0
TESTS = Path(__file__).parent.parent

Ports = Callable[[int], list[int]]


class Site:
    """Two queues over one database, workers that serve both, and a client of both."""

    def __init__(self, start: Start, ports: Ports, url: str, place: Path) -> None:
        self._start, self._url, self._place = start, url, place
        self.fronts = [f"tcp://127.0.0.1:{port}" for port in ports(2)]
        self.backs = [f"tcp://127.0.0.1:{port}" for port in ports(2)]
        self.workers: list[subprocess.Popen[bytes]] = []
        self.queues = [self.queue(0), self.queue(1)]

    def queue(self, at: int) -> Queue:
        words = ("--store", self._url, "--lease", f"{LEASE}s", "--name", f"q{at}")
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
        """When all that is kept was executed, or its client told otherwise."""
        workers = Workers(self._place)
        end = time.monotonic() + PATIENCE
        while True:
            poster.turn()
            found = account(poster, workers.executed())
            if not found.lost or time.monotonic() > end:
                return found

    def close(self) -> None:
        for worker in self.workers:
            worker.kill()
            worker.wait()


@pytest.fixture
def site(
    start: Start, free_ports: Ports, database: str, tmp_path: Path
) -> Iterator[Callable[..., Site]]:
    made: list[Site] = []

    def make(url: str = database) -> Site:
        made.append(Site(start, free_ports, url, tmp_path))
        return made[-1]

    yield make
    for one in made:
        one.close()


def test_what_is_kept_outlives_the_kills_of_queues(
    site: Callable[..., Site], context: zmq.Context[Any]
) -> None:
    here = site()
    here.work()
    poster, chance = Poster(context, here.fronts), random.Random(3)
    for _ in range(KILLS):
        poster.run_until_kept(chance.randrange(200, 800) * (1 if SOAK == 1 else 5))
        at = chance.randrange(2)
        here.kill(at)
        poster.run_until_kept(100)  # the other one goes on
        here.queues[at] = here.queue(at)
    found = here.account(poster)
    print(found)
    assert found.lost == set(), str(found)
    assert found.unexpected == set()
    assert found.twice <= max(20, 0.05 * found.executed), str(found)


def test_another_queue_takes_over_within_a_lease_and_a_second(
    site: Callable[..., Site], context: zmq.Context[Any]
) -> None:
    here = site()
    poster = Poster(context, here.fronts[:1])
    poster.run_until_kept(500)
    here.kill(0)
    killed = time.monotonic()
    until(lambda: here.queues[1].count("adopted") >= 500, "the other one has them")
    assert time.monotonic() - killed < LEASE + 1 + PATIENCE / 4  # see `make soak` for the figure
    assert "took over" in here.queues[1].program.err
    assert here.queues[1].state()["lease"] > 0
    here.work(1)
    assert here.account(poster).lost == set()


def test_a_queue_that_stood_too_long_is_fenced(
    site: Callable[..., Site], context: zmq.Context[Any]
) -> None:
    here = site()
    poster = Poster(context, here.fronts[:1])
    poster.run_until_kept(200)
    here.queues[0].program.signal(signal.SIGSTOP)
    until(lambda: here.queues[1].count("adopted") >= 200, "the other one has them")
    here.queues[0].program.signal(signal.SIGCONT)
    assert here.queues[0].program.wait() == 1
    [line] = [one for one in here.queues[0].program.err.splitlines() if "fenced" in one]
    assert "has taken over" in line
    here.work(1)
    assert here.account(poster).lost == set()


def test_a_stopped_queue_leaves_what_it_kept_at_once(
    site: Callable[..., Site], context: zmq.Context[Any]
) -> None:
    here = site()
    poster = Poster(context, here.fronts[:1])
    poster.run_until_kept(200)
    poster.socket.close()  # or the queue waits for it to read
    assert here.queues[0].program.interrupt() == 0
    until(lambda: here.queues[1].count("adopted") >= 200, "the other one has them")
