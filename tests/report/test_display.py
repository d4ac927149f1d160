from __future__ import annotations

import io
import json
import os
import pty
import subprocess
import sys
from collections.abc import Callable

import pytest
from support.processes import until

from zmqdev.options.common import EndpointStats, Stats
from zmqdev.report.display import (
    DeviceDisplay,
    can_be_live,
    display,
    endpoint_display,
    interval_of,
    mode_of,
)
from zmqdev.stats.snapshot import Snapshot
from zmqdev.system.loop import Loop

STREAMER = ["--frontend-bind", "tcp://127.0.0.1:*", "--backend-bind", "tcp://127.0.0.1:*"]


def run(*arguments: str, **env: str) -> subprocess.CompletedProcess[str]:
    """A program with no terminal."""
    return subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "zmqdev", *arguments],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
        env={**os.environ, **env},
    )


def imported(told: str) -> set[str]:
    return {
        line.split("|")[-1].strip().split(".")[0]
        for line in told.splitlines()
        if line.startswith("import time:")
    }


@pytest.mark.parametrize("mode", [[], ["--stats", "live"], ["--stats", "line"]])
def test_without_a_terminal_lines_go_to_stdout_and_rich_stays_out(mode: list[str]) -> None:
    timing = ["--duration", "250ms", "--interval", "100ms"]
    ended = run("streamer", *STREAMER, *timing, *mode, TERM="xterm")
    lines = ended.stdout.splitlines()
    assert len(lines) >= 2
    assert all(line.startswith("time=") for line in lines)
    stopped = [" state=stopped " in line for line in lines]
    assert " state=running " in lines[0]
    assert stopped[-1]
    assert stopped == sorted(stopped)  # a slow end has time for a line of its own
    told = [line for line in ended.stderr.splitlines() if not line.startswith("import time:")]
    assert ["bind tcp://127.0.0.1:" in line for line in told] == [True, True]  # the ports chosen
    assert "zmq" in imported(ended.stderr)
    assert "rich" not in imported(ended.stderr)


def test_json_is_one_object_a_line() -> None:
    ended = run("queue", *STREAMER, "--stats", "json", "--duration", "250ms", "--interval", "100ms")
    told = [json.loads(line) for line in ended.stdout.splitlines()]
    assert (told[0]["state"], told[-1]["state"]) == ("running", "stopped")
    assert all(line["device"] == "queue" for line in told)
    assert told[0]["frontend_addresses"][0].startswith("tcp://127.0.0.1:")
    assert {line["forward_messages"] for line in told} == {0}
    assert "rich" not in imported(ended.stderr)


def test_off_writes_nothing() -> None:
    ended = run("streamer", *STREAMER, "--stats", "off", "--duration", "100ms")
    assert ended.stdout == ""
    assert "rich" not in imported(ended.stderr)


def test_an_endpoint_shows_on_stderr_and_only_when_asked() -> None:
    sent = ["push", "--bind", "tcp://127.0.0.1:*", "-D", "x", "--duration", "300ms"]
    sent += ["--drain", "0"]
    shown = run(*sent, "--stats", "json", "--stats-interval", "100ms")
    lines = [line for line in shown.stderr.splitlines() if line.startswith("{")]
    assert json.loads(lines[-1])["endpoint"] == "push"
    assert shown.stdout == ""
    assert "{" not in run(*sent).stderr


def test_live_needs_a_terminal_that_can_move_its_cursor(monkeypatch: pytest.MonkeyPatch) -> None:
    master, slave = pty.openpty()
    with os.fdopen(slave, "w") as stream, open(os.devnull, "w") as nothing:
        monkeypatch.setenv("TERM", "xterm")
        assert can_be_live(stream)
        assert not can_be_live(nothing)
        for term in ("dumb", "unknown", ""):
            monkeypatch.setenv("TERM", term)
            assert not can_be_live(stream)
    os.close(master)


@pytest.mark.parametrize(
    ("asked", "tty", "got"),
    [
        (None, True, "live"),
        (None, False, "line"),
        ("live", False, "line"),
        ("line", True, "line"),
        ("json", True, "json"),
        ("off", True, "off"),
    ],
)
def test_the_mode_is_what_was_asked_where_it_can_be(
    asked: str | None, tty: bool, got: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("zmqdev.report.display.can_be_live", lambda stream: tty)
    assert mode_of(Stats(mode=asked)) == got


class OneDevice:
    """A service as far as a display looks at it."""

    def __init__(self, snapshot: Callable[[], Snapshot]) -> None:
        self.loop = Loop()
        self.device = self
        self.snapshot = snapshot


def test_lines_change_their_pace_while_they_run(
    device: Callable[..., Snapshot], capsys: pytest.CaptureFixture[str]
) -> None:
    service = OneDevice(lambda: device(1.0, 0))
    shown = display(Stats(mode="line", interval=3600.0))
    assert isinstance(shown, DeviceDisplay)
    shown.started(service)  # type: ignore[arg-type]
    shown.pace(0.001)

    def told() -> str:
        service.loop.turn()
        return capsys.readouterr().out

    until(lambda: told().startswith("time="), "a line within the new pace")
    assert shown.display.interval == 0.001


def test_a_live_view_of_an_endpoint_without_a_terminal_is_lines(
    endpoint: Callable[..., Snapshot], capsys: pytest.CaptureFixture[str]
) -> None:
    assert endpoint_display(EndpointStats()) is None
    shown = endpoint_display(EndpointStats(mode="live", interval=5.0))
    assert shown is not None
    assert shown.interval == 5.0
    shown.started(endpoint(0.0, 0))
    shown.tick(endpoint(1.0, 10, expected=20))
    with shown.aside():
        print("a message")
    shown.ended(endpoint(2.0, 20, expected=20, state="stopped"))
    told = capsys.readouterr()
    assert told.out == "a message\n"
    first, last = told.err.splitlines()
    assert "sent_msgs_per_s=10 " in first
    assert " expected=20" in first
    assert "state=stopped" in last


@pytest.mark.parametrize(
    ("stats", "seconds"),
    [
        (Stats(), 60.0),
        (Stats(mode="line"), 1.0),
        (Stats(mode="json"), 1.0),
        (Stats(interval=5.0), 5.0),
        (Stats(mode="line", interval=5.0), 5.0),
    ],
)
def test_lines_that_were_not_asked_for_come_once_a_minute(
    stats: Stats, seconds: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdout", io.StringIO())
    monkeypatch.setattr("sys.stderr", io.StringIO())
    assert interval_of(stats) == seconds
