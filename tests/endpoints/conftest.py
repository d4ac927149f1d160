"""Real sockets and stepped tasks: time is what the test says."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import zmq

from zmqdev.endpoints.task import Task

PATIENCE = 60.0
"""Seconds until a condition that does not come true fails its test."""


@pytest.fixture
def context() -> Iterator[zmq.Context[Any]]:
    made: zmq.Context[Any] = zmq.Context()
    yield made
    made.destroy(linger=0)


@pytest.fixture
def pair(context: zmq.Context[Any]) -> Callable[..., Any]:
    """Two sockets that talk to each other; options are set before they join."""

    def make(bound: int, connected: int, **options: int) -> tuple[Any, Any]:
        first, second = context.socket(bound), context.socket(connected)
        for socket in (first, second):
            for name, value in options.items():
                socket.set(zmq.SocketOption[name.upper()], value)
            socket.rcvtimeo = socket.sndtimeo = round(PATIENCE * 1000)
        port = first.bind_to_random_port("tcp://127.0.0.1")
        second.connect(f"tcp://127.0.0.1:{port}")
        return first, second

    return make


@pytest.fixture
def until() -> Callable[..., None]:
    """Step a task until a condition holds."""

    def step(task: Task, condition: Callable[[], Any], now: float | None = None) -> None:
        end = time.monotonic() + PATIENCE
        while not condition():
            assert time.monotonic() < end, "it did not come true"
            if not task.ended:
                task.step(time.monotonic() if now is None else now)

    return step


class Pipe(tuple[int, int]):
    """(read end, write end). An end is closed once only: its number may be somebody else's then."""

    def __init__(self, ends: tuple[int, int]) -> None:
        self._open = set(ends)

    def shut(self, end: int) -> None:
        self._open.remove(end)
        os.close(end)

    def close(self) -> None:
        for end in list(self._open):
            self.shut(end)


@pytest.fixture
def pipe() -> Iterator[Pipe]:
    ends = Pipe(os.pipe())
    yield ends
    ends.close()
