from __future__ import annotations

import io
import json
import logging
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from zmqdev.report.lines import Lines
from zmqdev.stats.snapshot import Snapshot

Device = Callable[..., Snapshot]


def clock() -> float:
    return 1_790_000_000.0


def written(paper: io.StringIO) -> list[dict[str, object]]:
    return [json.loads(line) for line in paper.getvalue().splitlines()]


def test_a_line_a_tick_and_one_at_the_end(device: Device, paper: io.StringIO) -> None:
    lines = Lines(1.0, paper, as_json=True, clock=clock)
    lines.started([device(0.0, 0)])
    lines.tick([device(1.0, 100)])
    lines.tick([device(3.0, 300)])
    lines.ended([device(4.0, 300, state="stopped")])
    told = [(line["state"], line["forward_msgs_per_s"]) for line in written(paper)]
    assert told == [("running", 100.0), ("running", 100.0), ("stopped", 75.0)]


def test_a_reset_shows_what_came_since(device: Device, paper: io.StringIO) -> None:
    lines = Lines(1.0, paper, as_json=True, clock=clock)
    lines.started([device(0.0, 5000)])
    lines.tick([device(1.0, 40)])
    assert written(paper)[0]["forward_msgs_per_s"] == 40.0
    assert written(paper)[0]["forward_messages"] == 40


def test_each_route_and_backend_has_its_rate(device: Device, paper: io.StringIO) -> None:
    lines = Lines(1.0, paper, as_json=True, clock=clock)

    def routed(at: float, count: int) -> Snapshot:
        rows = [{"name": "eu", "messages": count, "bytes": 2 * count}]
        return device(at, 0, details={"routes": rows, "backends": rows})

    lines.started([routed(0.0, 0)])
    lines.tick([routed(2.0, 100)])
    lines.ended([routed(4.0, 400)])
    for number, rate in enumerate((50.0, 100.0)):
        for rows in ("routes", "backends"):
            ((row),) = written(paper)[number][rows]  # type: ignore[misc]
            assert (row["msgs_per_s"], row["bytes_per_s"]) == (rate, 2 * rate)


def test_a_device_that_comes_later_has_its_own_lines(device: Device, paper: io.StringIO) -> None:
    lines = Lines(1.0, paper, as_json=True, clock=clock)
    first = device(0.0, 0)
    lines.started([first])
    lines.tick([device(1.0, 100), device(1.0, 50, name="late")])
    lines.tick([device(2.0, 200), device(2.0, 80, name="late")])
    rates = [(line["device"], line["forward_msgs_per_s"]) for line in written(paper)]
    assert rates == [("orders", 100.0), ("late", 0.0), ("orders", 100.0), ("late", 30.0)]


def pipe_lines(interval: float = 1.0) -> tuple[int, Lines]:
    read, write = os.pipe()
    return read, Lines(interval, os.fdopen(write, "w"), as_json=False, clock=clock)


def subjects(device: Device, at: float) -> list[Snapshot]:
    return [device(at, round(at))]


def test_nobody_who_reads_them_stops_the_ticks(
    device: Device, caplog: pytest.LogCaptureFixture
) -> None:
    read, lines = pipe_lines()
    lines.started(subjects(device, 0))
    for at in range(1, 3000):
        lines.tick(subjects(device, at))
    assert lines._sink.left_out > 0
    got = b""
    while not lines._sink.flush():
        got += os.read(read, 65536)
    got += os.read(read, 65536)  # room for one more line
    with caplog.at_level(logging.WARNING, "zmqdev"):
        lines.tick(subjects(device, 3000))
    got += os.read(read, 65536)
    os.close(read)
    assert "lines could not be written" in caplog.text
    whole = [line for line in got.decode().splitlines() if line.startswith("time=")]
    assert len(whole) == got.decode().count("\n")
    assert " uptime=3000 " in whole[-1]


def test_a_reader_that_has_gone_is_said_once(
    device: Device, caplog: pytest.LogCaptureFixture
) -> None:
    read, lines = pipe_lines()
    lines.started(subjects(device, 0))
    os.close(read)
    with caplog.at_level(logging.WARNING, "zmqdev"):
        lines.tick(subjects(device, 1))
        lines.tick(subjects(device, 2))
        lines.ended(subjects(device, 3))
    assert caplog.text.count("cannot write the statistics: broken pipe; continuing without it") == 1


def test_a_full_disk_is_said_once_and_may_have_room_again(
    device: Device, caplog: pytest.LogCaptureFixture, tmp_path: Path
) -> None:
    descriptor = os.open("/dev/full", os.O_WRONLY)
    lines = Lines(1.0, os.fdopen(descriptor, "w"), as_json=False, clock=clock)
    lines.started(subjects(device, 0))
    with caplog.at_level(logging.WARNING, "zmqdev"):
        for at in range(1, 4):
            lines.tick(subjects(device, at))
        assert caplog.text.count("cannot write the statistics: no space left") == 1
        room = os.open(tmp_path / "lines", os.O_WRONLY | os.O_CREAT)
        os.dup2(room, descriptor)
        lines.tick(subjects(device, 4))
    os.close(room)
    assert "3 lines could not be written" in caplog.text
    assert " uptime=4 " in (tmp_path / "lines").read_text()
