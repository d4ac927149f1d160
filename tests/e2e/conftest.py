"""Fixtures of the end-to-end tests."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import zmq
from support.ports import Ports
from support.processes import Program, Start
from support.two_queues import Site


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """`start("queue", "--frontend-bind", ...)` runs it; `ready=True` adds a ready file;
    the other options are those of `support.forked.popen`.

    Runtime files go to a directory of the test, so that tests do not see each other's devices.
    """
    programs: list[Program] = []
    runtime = tmp_path / "run"
    runtime.mkdir(mode=0o700)

    def begin(
        *arguments: str,
        ready: bool = False,
        env: dict[str, str] | None = None,
        **options: Any,
    ) -> Program:
        number = len(programs)
        words = list(arguments)
        if ready:
            words += ["--ready-file", str(tmp_path / f"{arguments[0]}-{number}.ready")]
        surroundings = {"XDG_RUNTIME_DIR": str(runtime), **(env or {})}
        program = Program(words, tmp_path, number, surroundings, **options)
        programs.append(program)
        return program

    yield begin
    for program in programs:
        program.end()


@pytest.fixture
def context() -> Iterator[zmq.Context[zmq.Socket[bytes]]]:
    """A context for the foreign programs that a test plays; ends with its sockets."""
    made: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
    # A socket that a failed test leaves behind must not hold up the end.
    made.setsockopt(zmq.LINGER, 0)
    yield made
    made.destroy(linger=0)


@pytest.fixture
def free_ports() -> Iterator[Callable[[int], list[int]]]:
    """Ports that are this test's as long as it runs, all different."""
    ports = Ports()
    yield ports.take
    ports.close()


@pytest.fixture
def site(
    start: Start, free_ports: Callable[[int], list[int]], tmp_path: Path
) -> Iterator[Callable[..., Site]]:
    """`site(url)` has two queues over that database; a second URL is for the second queue."""
    made: list[Site] = []

    def make(url: str, other: str | None = None) -> Site:
        made.append(Site(start, free_ports, (url, other or url), tmp_path))
        return made[-1]

    yield make
    for one in made:
        one.close()
