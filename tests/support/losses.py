"""What a restart under load costs: messages lost and doubled, and the longest gap.

    python -m support.losses [TIMES] [KIND...] [--way WAY]...

A sender, a device and a receiver that checks; the device is ended in one of WAYS and another one
binds the same addresses. What is lost is what was sent less what came; the sender is asked, and
waited for, at the end. Each replacement of a run has its line, so that two states of the program
are compared in the same way.
"""

from __future__ import annotations

import argparse
import json
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any

from support import forked
from support.ports import Ports
from support.processes import PATIENCE, Program, until

NAME = "lossy"
RATE = 3000
# How often the receiver is asked how many came: the resolution of a gap, in seconds.
GLANCE = 0.05
CALM = 0.3


@dataclass(frozen=True)
class Route:
    """The programs around a device of a kind: what sends through it and what checks."""

    kind: str
    send: tuple[str, ...]
    check: tuple[str, ...]
    bound: tuple[str, ...] = ()


ROUTES = {
    route.kind: route
    for route in (
        Route("streamer", ("push",), ("pull",)),
        Route("queue", ("push", "--type", "DEALER"), ("pull", "--type", "DEALER")),
        # With room for all that is published while no forwarder is there, also on a busy machine.
        Route(
            "forwarder",
            ("pub", "--wait-subscribers", "1", "--set", "sndhwm=1000000"),
            ("sub",),
        ),
    )
}


@dataclass
class Outcome:
    """Of one run: messages; seconds of the longest gap and of each end."""

    sent: int = 0
    received: int = 0
    doubled: int = 0
    gap: float = 0.0
    ended: list[float] = field(default_factory=list)

    @property
    def lost(self) -> int:
        return self.sent - self.received

    def line(self) -> str:
        end = max(self.ended, default=0.0)
        return (
            f"{self.sent} sent, {self.lost} lost, {self.doubled} doubled, "
            f"longest gap {self.gap:.2f} s, slowest end {end:.2f} s"
        )


class Scene:
    """A sender, a device, a receiver. `load` is messages a second; None as fast as it goes.

    `receiver`: whether the receiver connects to the device, or binds.
    """

    def __init__(
        self,
        route: Route,
        place: Path,
        load: float | None = RATE,
        transport: str = "tcp",
        receiver: str = "connect",
    ) -> None:
        self.route, self.place, self.load = route, place, load
        self.receiver, self.verb = receiver, "bind" if receiver == "connect" else "connect"
        self._ports = Ports()
        self.front, self.back = addresses(place, transport, self._ports)
        self.programs: list[Program] = []
        self.outcome = Outcome()
        runtime = place / "run"
        runtime.mkdir(mode=0o700, exist_ok=True)
        self._env = {"XDG_RUNTIME_DIR": str(runtime)}

    def begin(self) -> None:
        self.device = self.hire()
        self.checker = self.receive()
        until(lambda: self.peers("backend"), "the receiver is connected")
        pace = ("--rate", str(self.load)) if self.load else ("-n", "1000000000")
        self.sender = self.run(
            *self.route.send,
            *("-c", self.front, "-D", "message {n}", "--stamp", *pace),
            *("--drain", "20s", *json_every("--stats-interval")),
        )
        until(lambda: self.came() > 0, "the first message")

    def receive(self) -> Program:
        """A receiver that checks what comes."""
        words = (*self.route.check, f"--{self.receiver}", self.back, "--check")
        return self.run(*words, *json_every("--stats-interval"))

    def hire(self, *more: str) -> Program:
        """A device at the addresses of the scene."""
        ready = self.place / f"ready-{len(self.programs)}"
        words = ("--frontend-bind", self.front, f"--backend-{self.verb}", self.back)
        words += ("--name", NAME, "--ready-file", str(ready), "--stats", "off", "-v")
        words += ("--drain", "20s")
        device = self.run(self.route.kind, *words, *more)
        device.ready_path = ready
        device.ready()
        return device

    def run(self, *words: str) -> Program:
        program = Program(list(words), self.place, len(self.programs), self._env)
        self.programs.append(program)
        return program

    def ctl(self, *words: str) -> int:
        command = ["ctl", "--timeout", "20s", *words]
        return forked.run(command, env=self._env, stdout=subprocess.DEVNULL).returncode

    def peers(self, side: str) -> int:
        command = ["ctl", NAME, "status", "--json"]
        done = forked.run(command, env=self._env, capture_output=True)
        if done.returncode:
            return 0
        told = {each["name"]: each for each in json.loads(done.stdout)["sides"]}
        return int(told[side]["peers"]["connected"])

    def came(self) -> int:
        return last(self.checker)

    def replace(self, way: Callable[[Scene], None]) -> None:
        """End the device in that way, start the next one."""
        began = time.monotonic()
        way(self)
        self.device.wait(PATIENCE)
        self.outcome.ended.append(time.monotonic() - began)
        self.device = self.hire()
        self.settle()

    def succeed(self) -> None:
        """Start the next device, which ends the one before and takes its place."""
        before, began = self.device, time.monotonic()
        self.device = self.hire("--replace", NAME)
        before.wait(PATIENCE)
        self.outcome.ended.append(time.monotonic() - began)
        self.settle()

    def settle(self) -> None:
        """Until messages come steadily again."""
        before = self.came()
        until(lambda: self.came() > before, "messages flow again")
        time.sleep(CALM)

    def finish(self) -> Outcome:
        """End the sender, then the receiver once it has all; what became of the messages."""
        if self.sender.process.poll() is None:
            assert self.sender.interrupt() == 0, self.sender.err
        self.outcome.sent = last(self.sender)
        seen, since = -1, time.monotonic()
        while time.monotonic() - since < 1.0 and self.came() < self.outcome.sent:
            if self.came() != seen:
                seen, since = self.came(), time.monotonic()
            time.sleep(GLANCE)
        self.checker.interrupt()
        told = json.loads(self.checker.lines()[-1])
        self.outcome.received, self.outcome.doubled = told["received"], told["doubled"]
        self.outcome.gap = longest_pause(self.checker)
        return self.outcome

    def end(self) -> None:
        for program in self.programs:
            program.end()
        self._ports.close()


def json_every(option: str) -> tuple[str, ...]:
    return ("--stats", "json", option, f"{GLANCE * 1000:.0f}ms")


def counts(program: Program) -> list[tuple[float, int]]:
    """(uptime, messages) of each whole line of statistics on stderr."""
    found = []
    for line in program.err.splitlines(keepends=True):
        if line.startswith("{") and line.endswith("\n"):
            told: dict[str, Any] = json.loads(line)
            key = next(key for key in told if key.endswith("_messages"))
            found.append((float(told["uptime"]), int(told[key])))
    return found


def last(program: Program) -> int:
    return max((messages for _, messages in counts(program)), default=0)


def longest_pause(program: Program) -> float:
    """Seconds between two lines with more messages each, from the first message to the last."""
    grown, before = [], 0
    for uptime, messages in counts(program):
        if messages > before:
            grown.append(uptime)
        before = messages
    return max((b - a for a, b in pairwise(grown)), default=0.0)


def addresses(place: Path, transport: str, ports: Ports) -> tuple[str, str]:
    if transport == "ipc":
        return f"ipc://{place}/front", f"ipc://{place}/back"
    front, back = ports.take(2)
    return f"tcp://127.0.0.1:{front}", f"tcp://127.0.0.1:{back}"


def by_stop(scene: Scene) -> None:
    scene.ctl(NAME, "stop")


def by_signal(scene: Scene) -> None:
    scene.device.signal(signal.SIGTERM)


def by_pause(scene: Scene) -> None:
    scene.ctl(NAME, "pause")
    scene.ctl(NAME, "drain")


def by_unbind(scene: Scene) -> None:
    scene.ctl(NAME, "unbind", "frontend", scene.front)
    scene.ctl(NAME, "stop")


def by_kill(scene: Scene) -> None:
    """Not a way to end one: what it had inside is lost."""
    scene.device.signal(signal.SIGKILL)


WAYS: dict[str, Callable[[Scene], None]] = {
    "stop": by_stop,
    "SIGTERM": by_signal,
    "pause, drain": by_pause,
    "unbind, stop": by_unbind,
    "SIGKILL": by_kill,
}


@contextmanager
def scene(
    kind: str, load: float | None = RATE, transport: str = "tcp", receiver: str = "connect"
) -> Iterator[Scene]:
    with tempfile.TemporaryDirectory() as place:
        made = Scene(ROUTES[kind], Path(place), load, transport, receiver)
        try:
            made.begin()
            yield made
        finally:
            made.end()


def measure(kind: str, way: str, load: float | None, transport: str) -> Outcome:
    """One replacement."""
    with scene(kind, load, transport) as made:
        time.sleep(CALM)
        made.replace(WAYS[way])
        return made.finish()


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("times", type=int, nargs="?", default=3)
    parser.add_argument("kinds", nargs="*", default=list(ROUTES))
    parser.add_argument("--way", action="append", choices=list(WAYS))
    parser.add_argument("--full", action="store_true", help="as fast as the sender can")
    parser.add_argument("--ipc", action="store_true")
    asked = parser.parse_args()
    load, transport = None if asked.full else RATE, "ipc" if asked.ipc else "tcp"
    for kind in asked.kinds:
        for way in asked.way or WAYS:
            found = [measure(kind, way, load, transport) for _ in range(asked.times)]
            lost = ", ".join(str(one.lost) for one in found)
            doubled = sum(one.doubled for one in found)
            gap = statistics.median(one.gap for one in found)
            end = max(max(one.ended) for one in found)
            print(
                f"{kind:9}  {way:12}  lost {lost}; doubled {doubled}; "
                f"gap {gap:.2f} s; slowest end {end:.2f} s",
                flush=True,
            )
    return 0


if __name__ == "__main__":
    sys.exit(main())
