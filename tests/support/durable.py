"""`make demo-durable`: requests are posted, their queue is killed, all replies collected.

    python -m support.durable

What happens is on stdout, a line each; the last one is the account.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

from support import forked
from support.processes import until

ROUNDS, POSTS = 3, 1000


class Demonstration:
    """Programs in a directory of their own; they end with it."""

    def __init__(self, place: Path, ending: ExitStack) -> None:
        self._place, self._ending = place, ending
        self.frontend, self.backend = (f"ipc://{place}/{side}" for side in ("front", "back"))
        self._queues = 0

    def _start(self, *words: str) -> subprocess.Popen[bytes]:
        program = forked.popen(list(words), cwd=self._place)
        self._ending.callback(program.wait)
        self._ending.callback(program.kill)
        return program

    def queue(self) -> subprocess.Popen[bytes]:
        self._queues += 1
        ready = self._place / f"ready-{self._queues}"
        sides = ("--frontend-bind", self.frontend, "--backend-bind", self.backend)
        words = ("queue", "--reliable", "--store", "queue.db", "--stats", "off", "-q")
        program = self._start(*words, *sides, "--ready-file", str(ready))
        until(ready.exists, "the queue is there")
        return program

    def worker(self) -> None:
        self._start("worker", "--reliable", "-c", self.backend, "--delay", "1ms", "-q")

    def client(self, verb: str, lines: Sequence[str]) -> list[str]:
        words = ("client", "--reliable", verb, "-c", self.frontend, "-F", "-")
        done = forked.run(
            list(words),
            input="".join(f"{line}\n" for line in lines),
            stdout=subprocess.PIPE,
            text=True,
        )
        assert done.returncode == 0
        return done.stdout.splitlines()


def play(show: Demonstration) -> int:
    """The exit status: 1 when a reply is missing."""
    queue, ids = show.queue(), list[str]()
    show.worker()
    for number in range(ROUNDS):
        ids += show.client("--post", [f"{number * POSTS + one}" for one in range(POSTS)])
        print(f"{POSTS} requests posted, and kept; the queue is killed (SIGKILL)", flush=True)
        queue.kill()
        queue.wait()
        queue = show.queue()
    replies = show.client("--collect", ids)
    print(
        f"{len(ids)} kept, {ROUNDS} kills, {len(replies)} replies collected, "
        f"{len(ids) - len(set(replies))} lost"
    )
    return 0 if len(set(replies)) == len(ids) else 1


def main() -> int:
    with tempfile.TemporaryDirectory(prefix="zmqdev-") as place, ExitStack() as ending:
        return play(Demonstration(Path(place), ending))


if __name__ == "__main__":
    sys.exit(main())
