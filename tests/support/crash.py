"""`make demo-crash`: workers are killed under load, behind a reliable queue and behind a plain one.

    python -m support.crash SECONDS

Four workers, one killed every half second and another started in its place; one client
with many requests in flight. The queue's own view is on stderr meanwhile, the result on
stdout.
"""

from __future__ import annotations

import itertools
import re
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from support.processes import until

WORKERS = 4
EVERY = 0.5
RATE = 80
WINDOW = 30
SERVICE_TIME = "25ms"
# A reply that is lost never comes, so behind a plain queue this is time that is waited for
# nothing; behind a reliable one every reply comes, if need be when the machine has time.
PATIENCE = {True: "60s", False: "4s"}
DRAIN = "200ms"


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
    """One queue, its workers, a client."""

    def __init__(self, place: Path, reliable: bool) -> None:
        self.place = place
        self.extra = ["--reliable"] if reliable else []
        self.patience = PATIENCE[reliable]
        self.names = itertools.count()
        self.frontend, self.backend = (f"ipc://{place}/{side}" for side in ("front", "back"))
        self.log = (place / "queue.json").open("wb")  # closed in `end`
        ready = place / "queue.ready"
        self.queue = self.run(
            *("queue", *self.extra, "--frontend-bind", self.frontend),
            *("--backend-bind", self.backend, "--ready-file", str(ready), "--control", "off"),
            *("--drain", DRAIN),
            *self.show(),
        )
        until(ready.exists, "the queue")
        self.workers = [self.hire() for _ in range(WORKERS)]

    def show(self) -> list[str]:
        """The live view where there is a terminal; the numbers are wanted in any case."""
        return ["--stats", "live"] if sys.stderr.isatty() else ["--stats", "json"]

    def run(self, *words: str, out: IO[bytes] | None = None) -> subprocess.Popen[bytes]:
        """A zmqdev program; what has an output is quiet otherwise, the queue shows itself."""
        queue = words[0] == "queue"
        return subprocess.Popen(
            [sys.executable, "-m", "zmqdev", *words],
            stdin=subprocess.DEVNULL,
            stdout=self.log if queue else out or subprocess.DEVNULL,
            stderr=None if queue else subprocess.DEVNULL,
        )

    def hire(self) -> subprocess.Popen[bytes]:
        return self.run("worker", *self.extra, "-c", self.backend, "--delay", SERVICE_TIME)

    def play(self, seconds: float) -> Outcome:
        asked = round(RATE * seconds)
        replies = self.place / "replies"
        with open(replies, "wb") as out:
            asks = ("-D", "{n}", "-n", str(asked), "--rate", str(RATE), "--window", str(WINDOW))
            client = self.run(
                *(
                    "client",
                    *self.extra,
                    "-c",
                    self.frontend,
                    "-t",
                    self.patience,
                    "--retries",
                    "0",
                ),
                *asks,
                out=out,
            )
        killed = self.kill_while(client)
        answered = len(set(re.findall(rb"Processed: (\d+)", replies.read_bytes())))
        self.end()
        return Outcome(killed, asked, answered, self.redispatched())

    def kill_while(self, client: subprocess.Popen[bytes]) -> int:
        killed = 0
        while client.poll() is None:
            time.sleep(EVERY)
            self.workers[0].kill()
            self.workers.pop(0).wait()
            self.workers.append(self.hire())
            killed += 1
        return killed

    def end(self) -> None:
        self.queue.terminate()
        self.queue.wait()
        self.log.close()
        for worker in self.workers:
            worker.kill()
            worker.wait()

    def redispatched(self) -> int | None:
        found = re.findall(rb'"redispatched": (\d+)', (self.place / "queue.json").read_bytes())
        return int(found[-2]) if len(found) > 1 else None


def main(seconds: float) -> int:
    outcomes = {}
    for name, reliable in (("reliable queue", True), ("plain queue", False)):
        with tempfile.TemporaryDirectory() as place:
            outcomes[name] = Scene(Path(place), reliable).play(seconds)
    for name, outcome in outcomes.items():
        print(outcome.line(name))
    best = outcomes["reliable queue"]
    return 0 if best.answered == best.asked else 1


if __name__ == "__main__":
    sys.exit(main(float(sys.argv[1].rstrip("s"))))
