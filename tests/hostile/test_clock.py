"""The machine's clock is set back and forward by an hour while everything runs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from support.processes import Program, Start, until
from support.reliable import Queue, own_worker

from zmqdev.endpoints.clock import STEP, TRUSTED, ClockWatch

FREE = "tcp://127.0.0.1:*"
HOUR = 3600
# Python reads it when it starts: the clock of the program is what a file says it is.
SHIM = """
import os, time
real = time.time_ns
def now():
    with open(os.environ["CLOCK_OFFSET"]) as file:
        return real() + int(file.read() or 0) * 10**9
time.time_ns = now
time.time = lambda: now() / 1e9
"""


class Clock:
    """One for all programs that are started with its surroundings."""

    def __init__(self, place: Path) -> None:
        (place / "shim").mkdir()
        (place / "shim" / "sitecustomize.py").write_text(SHIM)
        self._offset = place / "offset"
        self.env = {"PYTHONPATH": str(place / "shim"), "CLOCK_OFFSET": str(self._offset)}
        self.set(0)

    def set(self, seconds: int) -> None:
        draft = self._offset.with_suffix(".new")
        draft.write_text(str(seconds))
        draft.replace(self._offset)


def write(program: Program, count: int) -> None:
    assert program.process.stdin is not None
    program.process.stdin.write(b"line\n" * count)
    program.process.stdin.flush()


def close(program: Program) -> None:
    assert program.process.stdin is not None
    program.process.stdin.close()


def lines(data: bytes) -> list[dict[str, Any]]:
    return [json.loads(line) for line in data.split(b"\n")[:-1] if line.startswith(b"{")]


def shown(device: Program) -> dict[str, Any]:
    """The last line of statistics."""
    return (lines(device.out) or [{}])[-1]


@pytest.mark.parametrize("jump", [HOUR, -HOUR])
def test_a_clock_that_is_set_changes_nothing_but_what_it_shows(
    start: Start, tmp_path: Path, jump: int
) -> None:
    clock = Clock(tmp_path)

    def begin(*words: str, ready: bool = False) -> Program:
        return start(*words, ready=ready, env=clock.env)

    queue = Queue(begin, "--heartbeat", "1s", "--expiry", "60s")
    worker = own_worker(begin, queue)
    asker = begin("client", "--reliable", "-c", queue.frontend)
    sides = ("--frontend-bind", FREE, "--backend-bind", FREE)
    device = begin("streamer", *sides, "--stats", "json", "--interval", "50ms", ready=True)
    ready = device.ready()
    expect = ("--expect", "20", "--max-loss", "0", "--max-latency", "30s")
    pull = begin("pull", "-c", ready["backend"][0], *expect)
    push = begin("push", "-c", ready["frontend"][0], "--stamp")
    write(asker, 10)
    write(push, 10)
    until(lambda: len(asker.lines()) == 10, f"replies: {asker.err}")
    until(lambda: shown(device).get("forward_messages") == 10, f"messages: {push.err}")
    before = shown(device)["time"]
    clock.set(jump)
    until(lambda: abs(shown(device)["time"] - before - jump) < HOUR / 2, "it is seen")
    write(asker, 10)
    write(push, 10)
    for program in (asker, push):
        close(program)
        assert program.wait() == 0, program.err
    assert pull.wait() == 3
    (told,) = lines(pull.out)
    assert (told["received"], told["lost"], told["clock_set"]) == (20, 0, 1)
    assert told["unmet"] == ["the latency is unknown: the clock was set meanwhile"]
    assert len(asker.lines()) == 20
    assert "no reply" not in asker.err
    for name in ("expired", "redispatched", "dead_letters"):
        assert queue.count(name) == 0
    assert queue.workers() == 1
    assert worker.process.poll() is None
    seen = lines(device.out)
    uptimes = [line["uptime"] for line in seen]
    assert uptimes == sorted(uptimes)
    assert uptimes[-1] < HOUR / 2
    assert all(line["forward_msgs_per_s"] >= 0 for line in seen)
    assert device.interrupt() == 0


def test_the_watch_tells_a_step_from_a_pause() -> None:
    steady = wall = 0
    pause = 0

    def monotonic() -> int:
        nonlocal steady
        steady += pause
        return steady

    watch = ClockWatch(lambda: wall, monotonic)
    steady, wall = 10**12, 10**12
    watch.look()
    assert watch.times_set == 0
    wall -= STEP + 1
    watch.look()
    watch.look()
    assert watch.times_set == 1
    pause = TRUSTED + 1
    watch.look()
    assert watch.times_set == 1
