"""A part as a process: it loads before its turn, and opens nothing until then."""

from __future__ import annotations

import os
import signal
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import zmq
from support.processes import PATIENCE

from zmqdev.cli.start_device import engine_for
from zmqdev.supervisor.process import Process
from zmqdev.supervisor.runner import Surroundings
from zmqdev.system.loop import Loop
from zmqdev.topology.read import Topology

Read = Callable[[str], Topology]


@dataclass
class Run:
    """One run of a part, and what was heard of it."""

    process: Process
    loop: Loop
    loaded: list[bool] = field(default_factory=list)
    ended: list[int] = field(default_factory=list)

    def prepare(self) -> None:
        self.process.prepare(lambda: self.loaded.append(True))

    def start(self) -> None:
        self.process.start(self.ended.append)

    def until(self, condition: Callable[[], object]) -> None:
        end = time.monotonic() + PATIENCE
        self.loop.every(0.01, self.process.look)
        while not condition():
            assert time.monotonic() < end
            self.loop.turn()


@pytest.fixture
def port() -> int:
    with closing(socket.socket()) as held:
        held.bind(("127.0.0.1", 0))
        number: int = held.getsockname()[1]
        return number


@pytest.fixture
def run(read: Read, tmp_path: Path, port: int) -> Iterator[Run]:
    made = read(f"parts: {{a: {{endpoint: pull, bind: 'tcp://127.0.0.1:{port}'}}}}")
    loop = Loop()
    context: zmq.Context[Any] = zmq.Context()
    around = Surroundings(loop, tmp_path, context, unheard, engine_for, os.environ, None)
    found = Run(Process(made.part("a"), around), loop)
    yield found
    found.process.kill()
    context.term()


def unheard(name: str, stream: str, line: bytes) -> None:
    """Nobody reads the output."""


def bound(port: int) -> bool:
    with closing(socket.socket()) as trial:
        return trial.connect_ex(("127.0.0.1", port)) == 0


def test_it_loads_and_opens_nothing_before_its_turn(run: Run, port: int) -> None:
    run.prepare()
    assert run.process.loading
    run.until(lambda: run.loaded)
    assert not run.process.loading
    assert not run.process.ready
    assert not bound(port)
    run.start()
    run.until(lambda: run.process.ready)
    assert bound(port)
    run.process.stop()
    run.until(lambda: run.ended)
    assert run.ended == [0]


def test_it_starts_unprepared_just_as_well(run: Run) -> None:
    run.start()
    run.until(lambda: run.process.ready)


def test_one_that_is_not_wanted_after_all_leaves_nothing(run: Run, tmp_path: Path) -> None:
    run.prepare()
    run.until(lambda: run.loaded)
    pid = run.process.pid
    assert pid is not None
    run.process.discard()
    assert not Path(f"/proc/{pid}").exists()
    assert not list(tmp_path.glob("a.*"))
    assert run.ended == []


def test_one_that_was_killed_before_its_turn_has_ended_by_then(run: Run) -> None:
    run.prepare()
    assert run.process.pid is not None
    os.kill(run.process.pid, signal.SIGKILL)
    run.until(lambda: run.loaded)  # nobody waits for it to load any more
    run.start()
    run.until(lambda: run.ended)
    assert run.ended == [-signal.SIGKILL]


def test_one_that_cannot_be_started_has_ended_and_says_why(
    run: Run, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise OSError(11, "Resource temporarily unavailable")

    monkeypatch.setattr("subprocess.Popen", refuse)
    run.start()
    run.until(lambda: run.ended)
    assert run.ended == [1]
    assert "a: cannot be started: resource temporarily unavailable" in caplog.text
