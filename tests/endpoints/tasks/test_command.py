"""A command gets the body and gives the reply; whatever it does, nothing of it is left."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

import pytest
from support.processes import until
from support.vitals import gone

from zmqdev.endpoints.tasks.command import Command, Outcome

PATIENCE = 60.0


def finish(command: Command, now: float = 0.0) -> Outcome:
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        outcome = command.step(now)
        if outcome is not None:
            return outcome
        time.sleep(0.001)
    raise AssertionError("the command did not end")


def descriptors() -> int:
    return len(os.listdir("/proc/self/fd"))


@pytest.mark.parametrize("body", [b"", b"abc", b"line\n", os.urandom(1_000_000)])
def test_the_body_comes_back_byte_for_byte(body: bytes) -> None:
    assert finish(Command("cat", body, {}, 1.0)) == Outcome(body)


def test_the_environment_is_told() -> None:
    command = Command('printf %s "$ZMQDEV_TOPIC"', b"", {"ZMQDEV_TOPIC": "ACME"}, 1.0)
    assert finish(command).output == b"ACME"


@pytest.mark.parametrize(
    ("script", "failure"),
    [
        ("exit 3", "ended with exit status 3"),
        ("echo one >&2; echo two >&2; exit 1", "ended with exit status 1: two"),
        ("kill -KILL $$", "was killed by SIGKILL"),
        ("no-such-command-here", "ended with exit status 127: "),
    ],
)
def test_a_failure_is_told_in_words(script: str, failure: str) -> None:
    outcome = finish(Command(script, b"body", {}, 1.0))
    assert outcome.failure is not None
    assert outcome.failure.startswith(failure)
    assert outcome.output == b""


def test_a_command_that_does_not_read_its_input_is_no_failure() -> None:
    assert finish(Command("echo ok", b"x" * 1_000_000, {}, 1.0)).output == b"ok\n"


def test_a_time_limit_ends_the_command_and_its_children(tmp_path: Path) -> None:
    mark = tmp_path / "pid"
    command = Command(f"sleep 1000 & echo $! > {mark}; wait", b"", {}, 5.0)
    end = time.monotonic() + PATIENCE
    while not (mark.exists() and mark.read_text().strip()):
        assert time.monotonic() < end
        assert command.step(1.0) is None
    assert finish(command, 5.0).failure == "took too long and was stopped"
    child = int(mark.read_text())
    until(lambda: gone(child), "the child's end")


def test_output_without_end_is_stopped() -> None:
    outcome = finish(Command("cat /dev/zero", b"", {}, 1.0))
    assert outcome.failure == "printed more than 64 MiB and was stopped"


def test_a_child_that_is_left_behind_does_not_hold_it_up() -> None:
    start = time.monotonic()
    assert finish(Command("sleep 60 & echo done", b"", {}, 1000.0)).output == b"done\n"
    assert time.monotonic() - start < 30


@pytest.mark.parametrize(("script", "well"), [("exit 0", True), ("exit 1", False)])
def test_what_it_left_in_the_background_ends_with_it(
    tmp_path: Path, script: str, well: bool
) -> None:
    mark = tmp_path / "pids"
    outcome = finish(Command(f"sleep 1000 & echo $! > {mark}; {script}", b"", {}, 1000.0))
    assert (outcome.failure is None) == well
    child, end = Path("/proc", mark.read_text().strip()), time.monotonic() + PATIENCE
    while child.exists() and (child / "stat").read_text().split()[2] not in "ZX":
        assert time.monotonic() < end, "the child lives on"


def test_what_leads_a_session_of_its_own_is_left_alone(tmp_path: Path) -> None:
    mark = tmp_path / "pid"
    script = f"setsid sh -c 'echo $$ > {mark}; exec sleep 1000' & while [ ! -s {mark} ]; do :; done"
    assert finish(Command(script, b"", {}, 1000.0)).failure is None
    child = int(mark.read_text())
    os.kill(child, signal.SIGKILL)  # it was there


def test_its_end_shows_in_a_descriptor_or_is_looked_for() -> None:
    command = Command("exit 0", b"", {}, 1.0)
    assert command.silent_end or len(command.readers) == 3
    finish(command)


def test_nothing_is_left_open() -> None:
    before = descriptors()
    for script in ("cat", "exit 1", "sleep 1000"):
        command = Command(script, b"x", {}, 1.0)
        if script.startswith("sleep"):
            command.stop()
        else:
            finish(command)
    assert descriptors() == before
