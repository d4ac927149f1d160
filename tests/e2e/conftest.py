"""Real programs for end-to-end tests: started, waited for, and ended whatever happens."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import zmq

PATIENCE = 30.0
"""Generous: the machine may be busy. No test waits this long when all is well."""


def until(condition: Callable[[], object], what: str, patience: float = PATIENCE) -> None:
    """Poll until `condition` holds; AssertionError names what did not come."""
    end = time.monotonic() + patience
    while not condition():
        assert time.monotonic() < end, f"not within {patience} s: {what}"
        time.sleep(0.01)


class Program:
    """One `zmqdev` process. Its output goes to files, so that no pipe fills up."""

    def __init__(self, arguments: list[str], place: Path, number: int, env: dict[str, str]) -> None:
        self.name = f"{arguments[0]}-{number}"
        self.ready_path = place / f"{self.name}.ready"
        self.out_path = place / f"{self.name}.out"
        self.err_path = place / f"{self.name}.err"
        with open(self.out_path, "wb") as out, open(self.err_path, "wb") as err:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "zmqdev", *arguments],
                stdin=subprocess.PIPE,
                stdout=out,
                stderr=err,
                env={**os.environ, **env},
            )

    @property
    def out(self) -> bytes:
        return self.out_path.read_bytes()

    @property
    def err(self) -> str:
        return self.err_path.read_text(errors="replace")

    def lines(self) -> list[str]:
        return self.out.decode(errors="replace").splitlines()

    def ready(self) -> dict[str, list[str]]:
        """Wait for the ready file: side -> addresses really bound."""
        until(
            lambda: self.ready_path.exists() or self.process.poll() is not None,
            f"{self.name} ready; stderr: {self.err}",
        )
        assert self.ready_path.exists(), f"{self.name} ended: {self.err}"
        found: dict[str, list[str]] = {}
        for line in self.ready_path.read_text().splitlines():
            _, side, _, address = line.split(maxsplit=3)
            found.setdefault(side, []).append(address)
        return found

    def feed(self, data: bytes) -> None:
        """All of stdin at once."""
        assert self.process.stdin is not None
        self.process.stdin.write(data)
        self.process.stdin.close()

    def signal(self, number: signal.Signals) -> None:
        self.process.send_signal(number)

    def wait(self, patience: float = PATIENCE) -> int:
        """The exit status."""
        return self.process.wait(patience)

    def interrupt(self, patience: float = PATIENCE) -> int:
        self.signal(signal.SIGINT)
        return self.wait(patience)

    def end(self) -> None:
        if self.process.stdin is not None:
            self.process.stdin.close()
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGCONT)
            self.process.kill()
            self.process.wait(PATIENCE)


Start = Callable[..., Program]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """`start("queue", "--frontend-bind", ...)` runs it; `ready=True` adds a ready file.

    Runtime files go to a directory of the test, so that tests do not see each other's devices.
    """
    programs: list[Program] = []
    runtime = tmp_path / "run"
    runtime.mkdir(mode=0o700)

    def begin(*arguments: str, ready: bool = False, env: dict[str, str] | None = None) -> Program:
        number = len(programs)
        words = list(arguments)
        if ready:
            words += ["--ready-file", str(tmp_path / f"{arguments[0]}-{number}.ready")]
        surroundings = {"XDG_RUNTIME_DIR": str(runtime), **(env or {})}
        program = Program(words, tmp_path, number, surroundings)
        programs.append(program)
        return program

    yield begin
    for program in programs:
        program.end()


@pytest.fixture
def context() -> Iterator[zmq.Context[zmq.Socket[bytes]]]:
    """A context for the foreign programs that a test plays; ends with its sockets."""
    made: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
    yield made
    made.destroy(linger=0)


@pytest.fixture
def free_ports() -> Callable[[int], list[int]]:
    """Ports that nobody uses at the moment, all different."""
    import socket

    def find(count: int) -> list[int]:
        held = [socket.socket() for _ in range(count)]
        try:
            for item in held:
                item.bind(("127.0.0.1", 0))
            return [item.getsockname()[1] for item in held]
        finally:
            for item in held:
                item.close()

    return find
