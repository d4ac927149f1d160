"""The shipped topologies under fire: parts are killed, and see what comes of it."""

from __future__ import annotations

import os
import re
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from support.fleets import RunningFile
from support.processes import Start, until

CONFIGS = Path(__file__).parents[2] / "configs"
Ports = Callable[[int], list[int]]


def moved(name: str, ports: Iterator[int]) -> str:
    """A shipped file on ports that nobody uses."""
    text = (CONFIGS / name).read_text()
    there = dict.fromkeys(re.findall(r"127\.0\.0\.1:(\d+)", text))
    for old in there:
        text = text.replace(f"127.0.0.1:{old}", f"127.0.0.1:<{next(ports)}>")
    return re.sub(r"<(\d+)>", r"\1", text)


@pytest.fixture
def ports(free_ports: Ports) -> Iterator[int]:
    return iter(free_ports(10))


def test_every_request_is_answered_though_workers_and_commands_are_killed(
    start: Start, tmp_path: Path, ports: Iterator[int]
) -> None:
    text = moved("work-farm.yaml", ports).replace("sleep 0.2", "sleep 0.05")
    text = text.replace("count: 100", "count: 60").replace("interval: 100ms", "interval: 20ms")
    run = RunningFile(start, tmp_path, text, "--until", "requests").ready()
    for name in ("worker-1", "worker-2", "worker-3"):
        until(lambda: run.parts()[name]["state"] == "running", f"{name} works")  # noqa: B023
        run.kill(name)
    assert run.program.wait(60) == 0
    assert sorted(run.said("requests"), key=lambda line: int(line[4:])) == [
        f"REQ-{number}" for number in range(60)
    ]


def test_ticks_flow_again_after_each_forwarder_of_the_tree_was_killed(
    start: Start, tmp_path: Path, ports: Iterator[int]
) -> None:
    text = moved("market-data.yaml", ports).replace("500ms", "20ms").replace("1s\n", "50ms\n")
    run = RunningFile(start, tmp_path, text).ready()
    leaves = ("east-all", "west-bolt", "east-sun")
    until(lambda: all(run.said(name) for name in leaves), "ticks at the leaves")
    for name in ("root", "east", "west"):
        pid = run.kill(name)
        until(run.back(name, pid), f"{name} is back")
        seen = {leaf: len(run.said(leaf)) for leaf in leaves}
        until(lambda: all(len(run.said(n)) > seen[n] for n in leaves), "they flow")  # noqa: B023
    assert {line.split()[0] for line in run.said("west-two")} == {"CRUX", "DUNE"}
    assert {line.split()[0] for line in run.said("east-sun")} == {"SUN"}
    assert run.program.interrupt() == 0


def test_a_frozen_part_is_killed_when_its_time_is_over(
    start: Start, tmp_path: Path, ports: Iterator[int]
) -> None:
    text = (
        "parts: {a: {device: streamer, drain: 100ms, control: off, "
        f"frontend: {{bind: 'tcp://127.0.0.1:{next(ports)}'}}, "
        f"backend: {{bind: 'tcp://127.0.0.1:{next(ports)}'}}}}}}"
    )
    run = RunningFile(start, tmp_path, text).ready()
    os.kill(run.parts()["a"]["pid"], signal.SIGSTOP)
    assert run.program.interrupt() == 0
    assert "a: did not end in time; killed" in run.program.err
