"""Short real runs: real processes, real sockets, every load."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from zmqdev.errors import RunError
from zmqdev.system.interpreter import program
from zmqdev.tools.bench import lines
from zmqdev.tools.bench.case import Case
from zmqdev.tools.bench.cost import cost_of
from zmqdev.tools.bench.party import pipe
from zmqdev.tools.bench.party.crew import Crew, crew
from zmqdev.tools.bench.party.messages import Order
from zmqdev.tools.bench.round import once
from zmqdev.tools.bench.targets import BETWEEN, started

MakeCase = Callable[..., Case]


@pytest.fixture
def place(tmp_path: Path) -> Path:
    made = tmp_path / "run"
    made.mkdir(mode=0o700)
    return made


@pytest.mark.parametrize(
    ("load", "between"),
    [("pipeline", "asked"), ("pipeline", "direct"), ("pubsub", "block"), ("pubsub", "direct")],
)
def test_as_fast_as_it_goes_nothing_is_lost(
    a_case: MakeCase, place: Path, load: str, between: str
) -> None:
    run = once(a_case(load, time=0.05), BETWEEN[between], 0, place, None)
    assert run.sent > 0
    assert (run.lost, run.breaks) == (0, 0)
    assert run.rate is not None
    assert run.rate > 1000


@pytest.mark.parametrize(
    ("between", "size"),
    [("ten", 16), ("thousand", 16), ("function", 16), ("stalled-next", 16), ("four-fields", 1024)],
)
def test_with_routes_all_backends_together_get_everything(
    a_case: MakeCase, place: Path, between: str, size: int
) -> None:
    case = replace(a_case("route", time=0.05), size=size)
    run = once(case, BETWEEN[between], 0, place, None)
    assert run.sent > 0
    assert run.lost == 0
    assert run.loop is None or 0 < run.loop < (run.cpu or 0)


def test_a_device_that_is_blocked_is_asked_what_that_costs(a_case: MakeCase, place: Path) -> None:
    run = once(a_case("route", time=0.2), BETWEEN["blocked"], 0, place, None)
    assert (run.rate, run.sent) == (None, 0)
    assert run.busy is not None
    assert run.busy < 0.9


def test_several_on_each_side_share_the_work(a_case: MakeCase, place: Path) -> None:
    case = a_case("pipeline", count=500, senders=2, receivers=2)
    run = once(case, BETWEEN["direct"], 0, place, None)
    assert (run.sent, run.received, run.breaks) == (1000, 1000, None)


def test_every_subscriber_gets_all(a_case: MakeCase, place: Path) -> None:
    case = a_case("pubsub", count=500, receivers=2)
    run = once(case, BETWEEN["native"], 0, place, None)
    assert (run.sent, run.received, run.breaks) == (1000, 1000, 0)


@pytest.mark.parametrize("between", ["direct", "proxy", "reliable"])
def test_each_request_is_answered(a_case: MakeCase, place: Path, between: str) -> None:
    case = a_case("request", count=50, senders=2, window=10)
    run = once(case, BETWEEN[between], 0, place, None)
    assert (run.sent, run.received) == (100, 100)
    assert run.p50 is not None
    assert run.p999 is not None
    assert 0 < run.p50 <= run.p999


def test_the_workers_of_one_process_are_several_to_a_broker(a_case: MakeCase, place: Path) -> None:
    case = replace(a_case("request", count=50, senders=2, window=10), jobs=3)
    with started(BETWEEN["reliable"], case, place, None) as running:
        assert running is not None
        ended = once(case, BETWEEN["device"], 0, place, running)
    assert (ended.sent, ended.received) == (100, 100)
    assert "registered=6" in (place / "stdout").read_text()


def test_latency_is_measured_from_when_a_message_was_due(a_case: MakeCase, place: Path) -> None:
    run = once(a_case("latency", time=0.1, rate=1000.0), BETWEEN["native"], 0, place, None)
    assert (run.sent, run.received) == (100, 100)
    assert run.p50 is not None
    assert run.late is not None
    # The message cannot have come before it was sent.
    assert run.p50 > 0
    assert run.late > 0


def test_what_a_device_costs_is_told(a_case: MakeCase, place: Path) -> None:
    run = once(a_case("pipeline", count=1000), BETWEEN["proxy"], 0, place, None)
    assert run.cpu is not None
    assert run.resident is not None
    assert 1e-8 < run.cpu < 1e-3
    assert run.resident > 1 << 20


def test_a_file_of_lines_arrives_whole(a_case: MakeCase, place: Path) -> None:
    run = lines.once(a_case("file", count=2000), BETWEEN["direct"], 0, place)
    assert (run.sent, run.received) == (2000, 2000)


def test_lines_that_do_not_come_are_given_up(
    a_case: MakeCase, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def astray(command: str, *flags: str) -> list[str]:
        words = list(flags)
        if command == "push":
            words[words.index("--connect") + 1] = "tcp://127.0.0.1:1"
        return program(command, *words)

    monkeypatch.setattr(lines, "program", astray)
    monkeypatch.setattr(lines, "QUIET", 1.0)
    run = lines.once(a_case("file", count=2000), BETWEEN["direct"], 0, place)
    assert (run.sent, run.received) == (2000, 0)


def test_a_device_that_cannot_start_is_named_with_its_reason(
    a_case: MakeCase, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ZMQDEV_STREAMER_DRAIN", "never")
    monkeypatch.setenv("ZMQDEV_STREAMER_ON_FULL", "sometimes")
    with pytest.raises(RunError, match=r"native has ended: ZMQDEV_STREAMER_ON_FULL: 'sometimes'"):
        once(a_case(), BETWEEN["native"], 0, place, None)


def test_a_party_that_dies_ends_the_run_and_takes_the_others_with_it(a_case: MakeCase) -> None:
    order = Order("puller", a_case(), "bind", ("tcp://127.0.0.1:*",))
    made = Crew()
    members, _ = made.start([order, order])
    members[0].process.send_signal(signal.SIGKILL)
    with pytest.raises(RunError, match="the puller has ended"):
        made.meet(members)
    made.end()
    assert all(member.process.returncode is not None for member in members)


def test_a_party_leaves_when_the_bench_is_gone(a_case: MakeCase) -> None:
    with crew() as made:
        (member,), _ = made.start([Order("puller", a_case(), "bind", ("tcp://127.0.0.1:*",))])
        member.leave()
        assert member.process.wait(30) == 0


def test_objects_go_through_a_pipe_whole(a_case: MakeCase) -> None:
    reader, writer = os.pipe()
    for thing in ("meet", Order("puller", a_case(), "bind")):
        pipe.write(writer, thing)
        assert pipe.read(reader) == thing
    os.close(writer)
    with pytest.raises(pipe.Closed):
        pipe.read(reader)
    os.close(reader)


def test_a_process_that_is_gone_costs_nothing_that_is_known() -> None:
    process = subprocess.Popen([sys.executable, "-c", "pass"])
    process.wait()
    with contextlib.suppress(ProcessLookupError):
        os.kill(process.pid, 0)
    cost = cost_of(process.pid)
    assert (cost.cpu, cost.resident) == (None, None)
