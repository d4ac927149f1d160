"""Parts as devices in the process of `run`, joined by inproc."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import zmq
from support.processes import PATIENCE

from zmqdev.cli import child
from zmqdev.cli.start_device import engine_for
from zmqdev.supervisor.children import Children
from zmqdev.supervisor.runner import Surroundings
from zmqdev.supervisor.thread import Lodger
from zmqdev.system.loop import Loop
from zmqdev.topology.read import Topology

PARTS = """
defaults: {control: off, drain: 200ms}
parts:
  one: {device: streamer, frontend: {bind: 'tcp://127.0.0.1:*'}, backend: {bind: 'inproc://x'}}
  two: {device: streamer, frontend: {connect: 'inproc://x'}, backend: {bind: 'tcp://127.0.0.1:*'}}
"""


@pytest.fixture
def around(tmp_path: Path) -> Iterator[Surroundings]:
    loop = Loop()
    children = Children(loop, child.by_exec, child.by_exec)
    context: zmq.Context[Any] = zmq.Context()
    yield Surroundings(loop, tmp_path, context, lambda *_: None, engine_for, children, None)
    children.close()
    context.term()


def test_one_that_connects_waits_for_the_end_of_whom_it_would_be_joined_with(
    read: Callable[[str], Topology], around: Surroundings
) -> None:
    """libzmq does not connect again by inproc: a pair that was started again passed nothing on."""
    made = read(PARTS)
    ended: list[int] = []

    def begin(name: str) -> Lodger:
        part = Lodger(made.part(name), around)
        part.start(ended.append)
        return part

    def turn_until(condition: Callable[[], object]) -> None:
        end = time.monotonic() + PATIENCE
        while not condition():
            assert time.monotonic() < end
            around.loop.turn()

    around.loop.every(0.01, lambda: None)
    first = begin("one")
    turn_until(lambda: first.ready)
    first.stop()
    second = begin("two")
    turn_until(lambda: second.ready or ended)
    assert ended == [0]
    again = begin("one")
    turn_until(lambda: second.ready and again.ready)
    for part in (second, again):
        part.stop()
    turn_until(lambda: len(ended) == 3)
