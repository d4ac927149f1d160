"""`make demo-crash`: workers are killed under load, behind a reliable queue and behind a plain one.

    python -m support.crash SECONDS

Four workers; every half second one is killed and another started in its place. One client
asks all the time. The queue's own view is on stderr meanwhile, the result on stdout.
"""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from signal import SIGINT, default_int_handler, signal
from types import TracebackType
from typing import Any

from support import forked
from support.processes import until

from zmqdev.control.client import Asker
from zmqdev.options.quantity import parse_duration

WORKERS = 4
# The next is killed after this time, and not before the one in place of the last is there.
EVERY = 0.5
RATE = 80
# Four fifths of the time of four workers.
SERVICE_TIME = "40ms"
WINDOW = 500
# A reply that is lost never comes, so behind a plain queue this is time that is waited for
# nothing; behind a reliable one every reply comes, if need be when the machine has time.
PATIENCE = {True: "60s", False: "4s"}
INTERRUPTED = 130


@dataclass(frozen=True)
class Outcome:
    """What the client got, and what the queue says of it."""

    killed: int
    asked: int
    answered: int
    redispatched: int | None

    def line(self, name: str) -> str:
        told = f"{self.asked} requests, {self.answered} answered, {self.asked - self.answered} lost"
        again = (
            "" if self.redispatched is None else f", {self.redispatched} given to another worker"
        )
        return f"{name:15} {self.killed} workers killed, {told}{again}"


class Scene:
    """One queue, its workers, a client. `with` it: whatever runs is gone afterwards."""

    def __init__(self, place: Path, asker: Asker, reliable: bool) -> None:
        self.place, self.asker = place, asker
        self.reliable = reliable
        self.extra = ["--reliable"] if reliable else []
        self.running: list[subprocess.Popen[bytes]] = []
        self.frontend, self.backend, self.control = (
            f"ipc://{place}/{side}" for side in ("front", "back", "control")
        )

    def __enter__(self) -> Scene:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        for process in self.running:
            process.terminate()
        for process in self.running:
            process.wait()

    def play(self, seconds: float) -> Outcome:
        self.open_queue()
        workers = [self.hire() for _ in range(WORKERS)]
        self.await_workers(WORKERS)
        client, replies = self.ask()
        until(lambda: replies.stat().st_size, "the first reply")
        killed = self.kill(workers, round(seconds / EVERY))
        client.send_signal(SIGINT)  # no new requests; those that are out may have their replies
        client.wait()
        asked = re.findall(r"(\d+) requests, \d+ answered", (self.place / "client").read_text())
        answered = len(set(re.findall(rb"Processed: (\d+)", replies.read_bytes())))
        return Outcome(killed, int(asked[-1]), answered, self.redispatched())

    def open_queue(self) -> None:
        ready = self.place / "ready"
        words = ["--frontend-bind", self.frontend, "--backend-bind", self.backend]
        words += ["--control", self.control, "--ready-file", str(ready), "--drain", "200ms"]
        words += ["--stats", "live" if sys.stderr.isatty() else "off"]
        # A start of its own: it may show itself on the terminal of this process.
        self.run("queue", *self.extra, *words, err=None, cold=True)
        until(ready.exists, "the queue")

    def hire(self) -> subprocess.Popen[bytes]:
        return self.run("worker", *self.extra, "-c", self.backend, "--delay", SERVICE_TIME)

    def ask(self) -> tuple[subprocess.Popen[bytes], Path]:
        """A client that asks until it is told to stop, and the file of its replies."""
        patience = PATIENCE[self.reliable]
        words = ["-c", self.frontend, "-t", patience, "--retries", "0", "--drain", patience]
        words += ["-D", "{n}", "--rate", str(RATE), "--window", str(WINDOW)]
        replies = self.place / "replies"
        with open(replies, "wb") as out, open(self.place / "client", "wb") as err:
            return self.run("client", *self.extra, *words, out=out, err=err), replies

    def run(
        self,
        *words: str,
        out: Any = subprocess.DEVNULL,
        err: Any = subprocess.DEVNULL,
        cold: bool = False,
    ) -> subprocess.Popen[bytes]:
        process = forked.popen(
            list(words), stdin=subprocess.DEVNULL, stdout=out, stderr=err, cold=cold
        )
        self.running.append(process)
        return process

    def kill(self, workers: list[subprocess.Popen[bytes]], times: int) -> int:
        """The one that is there for the longest time, so many times."""
        due = time.monotonic()
        for killed in range(times):
            due = max(due + EVERY, time.monotonic())
            self.await_workers(WORKERS + killed)
            time.sleep(max(0.0, due - time.monotonic()))
            victim = workers.pop(0)
            victim.kill()
            victim.wait()
            workers.append(self.hire())
        return times

    def await_workers(self, number: int) -> None:
        """Until so many have come, in all; those that were killed count."""

        def came() -> bool:
            backend = self.status()["sides"][1]
            return bool(backend["peers"]["accepted"] >= number)

        until(came, "a worker")

    def redispatched(self) -> int | None:
        if not self.reliable:
            return None
        return int(self.status()["details"]["reliable"]["counters"]["redispatched"])

    def status(self) -> dict[str, Any]:
        return dict(self.asker.ask(self.control, "status", patience=30.0))


def show(name: str, seconds: float) -> Outcome:
    print(
        f"{name}: {RATE} requests a second, {WORKERS} workers, one is killed (kill -9) and"
        f" replaced every {EVERY} s",
        file=sys.stderr,
        flush=True,
    )
    with (
        tempfile.TemporaryDirectory() as place,
        Asker() as asker,
        Scene(Path(place), asker, reliable=name.startswith("reliable")) as scene,
    ):
        return scene.play(seconds)


def main(seconds: float) -> int:
    outcomes = {name: show(name, seconds) for name in ("reliable queue", "plain queue")}
    for name, outcome in outcomes.items():
        print(outcome.line(name))
    best = outcomes["reliable queue"]
    return 0 if best.answered == best.asked else 1


if __name__ == "__main__":
    # A background job of a script starts with SIGINT ignored.
    signal(SIGINT, default_int_handler)
    try:
        sys.exit(main(parse_duration(sys.argv[1])))
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)
