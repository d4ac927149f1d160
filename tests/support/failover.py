"""`make demo-failover`: two queues over one PostgreSQL, one of which is killed under load.

    python -m support.failover

PostgreSQL is Debian's, started for this in a temporary directory. What happens is on stdout, a
line each; the last one is the account. History as in `support.history`.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path

import zmq
from support.history import Poster, Workers, account
from support.postgres import Postgres, programs
from support.processes import until

LEASE, ROUNDS, LOAD, PATIENCE = 1.0, 2, 3000, 60.0


class Demonstration:
    """Programs in a directory of their own; they end with it."""

    def __init__(self, place: Path, url: str, ending: ExitStack) -> None:
        self._place, self._url, self._ending = place, url, ending
        self.fronts, self.backs = (
            [f"ipc://{place}/{side}-{number}" for number in (1, 2)] for side in ("front", "back")
        )
        self._started = 0

    def _start(self, *words: str) -> subprocess.Popen[bytes]:
        program = subprocess.Popen([sys.executable, "-m", *words])
        self._ending.callback(program.wait)
        self._ending.callback(program.kill)
        return program

    def queue(self, at: int) -> subprocess.Popen[bytes]:
        self._started += 1
        ready = self._place / f"ready-{self._started}"
        words = ["zmqdev", "queue", "--reliable", "--store", self._url, "--lease", f"{LEASE}s"]
        words += ["--frontend-bind", self.fronts[at], "--backend-bind", self.backs[at]]
        words += ["--name", f"q{at + 1}", "--stats", "off", "-q", "--ready-file", str(ready)]
        program = self._start(*words)
        until(ready.exists, "the queue is there")
        return program

    def worker(self, number: int) -> None:
        self._start("support.history", str(self._place / f"executed-{number}"), *self.backs)

    def play(self) -> int:
        """The exit status: 1 when something that was kept is lost."""
        queues = [self.queue(0), self.queue(1)]
        for number in range(2):
            self.worker(number)
        poster = Poster(zmq.Context(), self.fronts)
        for round in range(ROUNDS):
            poster.run_until_kept(LOAD)
            at = round % 2
            queues[at].kill()
            queues[at].wait()
            print(f"q{at + 1} is killed (SIGKILL) under load: {len(poster.kept)} kept", flush=True)
            poster.run_until_kept(LOAD)
            print(f"q{2 - at} went on alone: {len(poster.kept)} kept", flush=True)
            queues[at] = self.queue(at)
        return self._account(poster)

    def _account(self, poster: Poster) -> int:
        workers, end = Workers(self._place), time.monotonic() + PATIENCE
        while True:
            poster.turn()
            found = account(poster, workers.executed())
            if not found.lost or time.monotonic() > end:
                print(found)
                return 1 if found.lost or found.unexpected else 0


def main() -> int:
    if programs() is None:
        print("demo-failover: there is no PostgreSQL; apt-get install postgresql")
        return 1
    with Postgres.started() as server, tempfile.TemporaryDirectory(prefix="zmqdev-") as place:
        print(f"PostgreSQL at port {server.port}; two queues, two workers, a client of both")
        with ExitStack() as ending:
            return Demonstration(Path(place), server.url, ending).play()


if __name__ == "__main__":
    sys.exit(main())
