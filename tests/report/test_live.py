"""The live view of real programs in a terminal that a test can read."""

from __future__ import annotations

import os
import re
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import zmq
from support.processes import until
from support.terminal import Terminal
from support.vitals import state

CTRL_C = b"\x03"
Open = Callable[..., Terminal]
STREAMER = ["--frontend-bind", "tcp://127.0.0.1:*", "--backend-bind", "tcp://127.0.0.1:*"]


@pytest.fixture
def terminal(tmp_path: Path) -> Iterator[Open]:
    """`terminal("streamer", ...)` starts it; ends it whatever happens."""
    opened: list[Terminal] = []
    runtime = tmp_path / "run"
    runtime.mkdir(mode=0o700)

    def start(*arguments: str, **given: Any) -> Terminal:
        env = {"XDG_RUNTIME_DIR": str(runtime), **given.pop("env", {})}
        opened.append(Terminal([*arguments], env=env, **given))
        return opened[-1]

    yield start
    for item in opened:
        item.end()


@pytest.fixture
def traffic() -> Iterator[Callable[[str, str, int], None]]:
    """`traffic(frontend, backend, count)` sends messages of 100 bytes through a streamer."""
    context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()

    def send(frontend: str, backend: str, count: int) -> None:
        with context.socket(zmq.PUSH) as push, context.socket(zmq.PULL) as pull:
            pull.connect(backend)
            push.connect(frontend)
            for _ in range(count):
                push.send(b"x" * 100)
            pull.rcvtimeo = 60_000
            for _ in range(count):
                assert pull.recv() == b"x" * 100

    yield send
    context.destroy(0)


def bound(terminal: Terminal, side: str) -> str:
    """The address on the screen."""
    pattern = rf"{side}.*?(tcp://127\.0\.0\.1:\d+)"
    until(lambda: re.search(pattern, terminal.text, re.DOTALL), f"the address of the {side}")
    found = re.search(pattern, terminal.text, re.DOTALL)
    assert found is not None
    return found[1]


@pytest.mark.parametrize("columns", [200, 80, 40])
def test_traffic_is_seen_and_a_clean_screen_stays(
    columns: int, terminal: Open, traffic: Callable[[str, str, int], None]
) -> None:
    shown = terminal("streamer", *STREAMER, columns=columns)
    shown.shows("running")
    traffic(bound(shown, "frontend"), bound(shown, "backend"), 500)
    shown.shows("500")
    assert "PULL" in shown.text
    assert "PUSH" in shown.text
    assert sum("─╮" in line for line in shown.lines) == 1
    assert not shown.echoes
    shown.keys(CTRL_C)
    assert shown.wait() == 0
    assert shown.lines[0].startswith("streamer: stopped after ")
    assert "500 messages, 48.8 KiB" in shown.text
    assert "╭" not in shown.text
    assert not shown.screen.cursor.hidden
    assert shown.screen.cursor.x == 0
    assert shown.echoes


def test_keys_typed_into_it_change_nothing(terminal: Open) -> None:
    shown = terminal("streamer", *STREAMER)
    shown.shows("running")
    shown.keys(b"hello\n\n\n\n")
    shown.shows("up 0:01")
    assert "hello" not in shown.text
    assert len(shown.lines) == sum(line[0] in "╭│╰" for line in shown.lines)


def test_another_size_is_taken_up(terminal: Open) -> None:
    shown = terminal("streamer", *STREAMER, columns=100)
    shown.shows("blocked")
    shown.resize(44, 24)
    until(lambda: shown.lines and len(shown.lines[-1]) == 44, "44 columns")
    shown.resize(44, 5)
    until(lambda: any("forward" in line for line in shown.lines), "what counts in 5 rows")
    shown.resize(100, 24)
    until(lambda: len(shown.lines[-1]) == 100, "100 columns")
    assert sum(line.startswith("╰") for line in shown.lines) == 1


def test_log_lines_appear_above_it(terminal: Open) -> None:
    shown = terminal("streamer", *STREAMER, "-v")
    frontend = bound(shown, "frontend  PULL")
    with zmq.Context() as context, context.socket(zmq.PUSH) as push:
        push.linger = 0
        push.connect(frontend)
        shown.shows("frontend: ")
        shown.shows("1 peer")
    lines = shown.lines
    told = next(place for place, line in enumerate(lines) if " connected" in line)
    assert told < next(place for place, line in enumerate(lines) if line.startswith("╭"))


def test_no_color_leaves_no_colour(terminal: Open) -> None:
    colour = re.compile(rb"\x1b\[[0-9;]*3[0-7]")
    coloured = terminal("streamer", *STREAMER)
    coloured.shows("running")
    assert colour.search(coloured.sent)
    plain = terminal("streamer", *STREAMER, env={"NO_COLOR": "1"})
    plain.shows("running")
    assert not colour.search(plain.sent)


def test_a_terminal_that_cannot_move_its_cursor_gets_lines(terminal: Open) -> None:
    shown = terminal("streamer", *STREAMER, "--interval", "100ms", env={"TERM": "dumb"})
    shown.shows("state=running")
    assert b"\x1b" not in shown.sent


def test_a_terminal_of_another_encoding_gets_its_own_signs(terminal: Open) -> None:
    shown = terminal("streamer", *STREAMER, env={"PYTHONIOENCODING": "latin-1"})
    shown.shows("+- streamer ---")
    assert shown.sent.isascii()


def test_stdout_stays_empty(terminal: Open, tmp_path: Path) -> None:
    with open(tmp_path / "out", "wb") as out:
        shown = terminal("streamer", *STREAMER, stdout=out.fileno())
    shown.shows("running")
    shown.keys(CTRL_C)
    assert shown.wait() == 0
    assert (tmp_path / "out").read_bytes() == b""


def test_messages_and_the_live_view_share_a_terminal(terminal: Open) -> None:
    shown = terminal("pull", "--bind", "tcp://127.0.0.1:*", "--count", "6", "--stats", "live")
    address = bound(shown, "socket")
    with zmq.Context() as context, context.socket(zmq.PUSH) as push:
        push.connect(address)
        for number in range(5):
            push.send(b"message %d" % number)
        shown.shows("83 % of 6")
        lines = shown.lines
        panel = next(place for place, line in enumerate(lines) if line.startswith("╭"))
        messages = [f"message {number}" for number in range(5)]
        assert lines[panel - 5 : panel] == messages
        push.send(b"the last")
        assert shown.wait() == 0
    lines = shown.lines
    summary = next(place for place, line in enumerate(lines) if line.startswith("pull: stopped"))
    assert lines[summary - 6 : summary] == [*messages, "the last"]
    assert "received  6 messages" in lines[summary + 1]
    assert "╭" not in shown.text


def test_a_terminal_that_is_not_read_stops_nothing(
    terminal: Open, traffic: Callable[[str, str, int], None]
) -> None:
    shown = terminal("streamer", *STREAMER)
    frontend, backend = bound(shown, "frontend"), bound(shown, "backend")
    shown.keys(b"\x13")  # Ctrl-S
    traffic(frontend, backend, 500)
    shown.process.send_signal(signal.SIGTERM)
    # It waits a second for somebody to read the summary, then it goes.
    assert shown.process.wait(60) == 0


def test_after_it_was_stopped_and_continued_it_begins_anew(terminal: Open) -> None:
    shown = terminal("streamer", *STREAMER)
    shown.shows("running")
    shown.process.send_signal(signal.SIGSTOP)
    until(lambda: state(shown.process.pid) == "T", "it is stopped")
    os.write(shown.slave, b"$ fg\n")
    shown.process.send_signal(signal.SIGCONT)
    until(lambda: shown.lines[-1].startswith("╰") and "$ fg" in shown.text, "a second panel")
    lines = shown.lines
    assert lines[lines.index("$ fg") + 1].startswith("╭")
    assert lines[lines.index("$ fg") - 1].startswith("╰")


def test_a_failure_is_said_on_a_clean_screen(terminal: Open) -> None:
    with zmq.Context() as context, context.socket(zmq.PULL) as taken:
        port = taken.bind_to_random_port("tcp://127.0.0.1")
        shown = terminal("streamer", "--frontend-bind", f"tcp://127.0.0.1:{port}")
        assert shown.wait() == 1
    said = f"zmqdev: cannot bind tcp://127.0.0.1:{port}: address already in use"
    assert "".join(shown.lines).startswith(f"{said} by process {os.getpid()} (")


def test_it_costs_next_to_nothing(terminal: Open) -> None:
    shown = terminal("streamer", *STREAMER)
    shown.shows("up 0:01")
    ticks = os.sysconf("SC_CLK_TCK")

    def used() -> float:
        fields = Path(f"/proc/{shown.process.pid}/stat").read_text().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / ticks

    before, begun = used(), time.monotonic()
    shown.shows("up 0:03")
    # A percent, and the loop's own ten turns a second; ticks of 10 ms are coarse.
    assert used() - before <= 0.03 * (time.monotonic() - begun) + 0.02
