"""`top` in a real terminal, beside real devices."""

from __future__ import annotations

import json
import os
import pty
import signal
import termios
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import zmq
from support.processes import Start, until
from support.terminal import Terminal

Context = zmq.Context[zmq.Socket[bytes]]
Open = Callable[..., Terminal]
WILDCARDS = ["--frontend-bind", "tcp://127.0.0.1:*", "--backend-bind", "tcp://127.0.0.1:*"]
ENTER_SCREEN, LEAVE_SCREEN = b"\x1b[?1049h", b"\x1b[?1049l"
HIDE, SHOW = b"\x1b[?25l", b"\x1b[?25h"


@pytest.fixture
def top(tmp_path: Path) -> Iterator[Open]:
    """`top("--sort", "msg/s")` starts it in a terminal where it finds this test's devices."""
    opened: list[Terminal] = []

    def begin(*arguments: str, columns: int = 130, rows: int = 20) -> Terminal:
        env = {"XDG_RUNTIME_DIR": str(tmp_path / "run")}
        words = ["top", "-i", "200ms", *arguments]
        opened.append(Terminal(words, columns=columns, rows=rows, env=env))
        return opened[-1]

    yield begin
    for item in opened:
        item.end()


@pytest.fixture
def devices(start: Start) -> dict[str, dict[str, list[str]]]:
    """Three devices: name -> side -> addresses."""
    started = {
        "jobs": start("streamer", *WILDCARDS, "--name", "jobs", ready=True),
        "orders": start("queue", *WILDCARDS, "--name", "orders", ready=True),
        "safe": start("queue", "--reliable", *WILDCARDS, "--name", "safe", ready=True),
    }
    return {name: program.ready() for name, program in started.items()}


def row(terminal: Terminal, name: str) -> str:
    return next((line for line in terminal.lines if line.split()[0] == name), "")


def modes(descriptor: int) -> list[object]:
    return termios.tcgetattr(descriptor)


@pytest.fixture
def untouched() -> Iterator[list[object]]:
    """The modes of a terminal that nobody has changed."""
    master, slave = pty.openpty()
    yield modes(slave)
    os.close(master)
    os.close(slave)


def test_all_devices_are_rows_with_their_numbers(
    devices: dict[str, dict[str, list[str]]], top: Open, context: Context
) -> None:
    push, pull = context.socket(zmq.PUSH), context.socket(zmq.PULL)
    push.connect(devices["jobs"]["frontend"][0])
    pull.connect(devices["jobs"]["backend"][0])
    terminal = top()
    terminal.shows("3 devices")

    def flows() -> bool:
        for _ in range(50):
            push.send(b"x" * 100)
            pull.recv()
        cells = row(terminal, "jobs").split()
        return len(cells) > 9 and cells[2:4] == ["running", "forward"] and cells[4] != "0"

    until(flows, "the rate of jobs on the screen")
    assert "1/1" in row(terminal, "jobs")
    assert row(terminal, "safe").split()[1:4] == ["queue", "running", "forward"]
    assert sum("backward" in line for line in terminal.lines) == 2
    for title in ("msg/s", "bytes/s", "messages", "blocked", "drops", "peers", "queued", "last"):
        assert title in terminal.text


def test_keys_pause_resume_and_stop_the_chosen_device(
    devices: dict[str, dict[str, list[str]]], top: Open
) -> None:
    terminal = top()
    terminal.shows("orders")
    terminal.keys(b"\x1b[Bp")
    until(lambda: "paused" in row(terminal, "orders"), "orders paused")
    assert "running" in row(terminal, "jobs")
    terminal.keys(b"r")
    until(lambda: "running" in row(terminal, "orders"), "orders running again")
    terminal.keys(b"s")
    terminal.shows("press s again to stop orders")
    terminal.keys(b"s")
    terminal.shows("2 devices")
    assert not row(terminal, "orders")


def test_it_sorts_by_the_column_that_is_chosen(
    devices: dict[str, dict[str, list[str]]], top: Open
) -> None:
    terminal = top()
    terminal.shows("by name")
    names = [line.split()[0] for line in terminal.lines if "running" in line]
    assert names == ["jobs", "orders", "safe"]
    terminal.keys(b"i")
    terminal.shows("inverted")
    names = [line.split()[0] for line in terminal.lines if "running" in line]
    assert names == ["safe", "orders", "jobs"]
    terminal.keys(b"\x1b[C\x1b[C")
    terminal.shows("by msg/s")


@pytest.mark.parametrize("end", ["q", "ctrl-c", "sigterm"])
def test_it_leaves_the_terminal_as_it_was(
    top: Open, start: Start, untouched: list[object], end: str
) -> None:
    start("queue", *WILDCARDS, ready=True).ready()
    terminal = top()
    terminal.shows("1 device")
    assert not terminal.echoes
    assert ENTER_SCREEN in terminal.sent
    if end == "sigterm":
        terminal.process.send_signal(signal.SIGTERM)
    else:
        terminal.keys(b"q" if end == "q" else b"\x03")
    assert terminal.wait() == 0
    until(lambda: terminal.text is not None and LEAVE_SCREEN in terminal.sent, "the old screen")
    assert terminal.sent.rindex(SHOW) > terminal.sent.rindex(HIDE)
    assert terminal.sent.endswith(LEAVE_SCREEN)
    assert modes(terminal.slave) == untouched


def test_a_device_that_is_started_later_appears_and_one_that_is_killed_goes(
    top: Open, start: Start
) -> None:
    terminal = top()
    terminal.shows("this user has no running device")
    program = start("queue", *WILDCARDS, ready=True)
    program.ready()
    terminal.shows("1 device ")
    program.signal(signal.SIGKILL)
    terminal.shows("this user has no running device")
    terminal.shows("no longer there: queue")


def test_one_that_does_not_answer_is_said_to_and_holds_up_nobody(top: Open, start: Start) -> None:
    start("queue", *WILDCARDS, "--name", "well", ready=True).ready()
    frozen = start("queue", *WILDCARDS, "--name", "frozen", ready=True)
    frozen.ready()
    terminal = top()
    terminal.shows("2 devices")
    frozen.signal(signal.SIGSTOP)
    until(lambda: "no answer" in row(terminal, "frozen"), "no answer of frozen")
    until(lambda: "running" in row(terminal, "well"), "well running")
    frozen.signal(signal.SIGCONT)
    until(lambda: "running" in row(terminal, "frozen"), "frozen running again")


def test_it_follows_the_size_of_the_terminal(
    devices: dict[str, dict[str, list[str]]], top: Open
) -> None:
    terminal = top(columns=140)
    terminal.shows("last minute")
    terminal.resize(50, 8)
    until(lambda: "by name" in terminal.text and "bytes/s" not in terminal.text, "a narrow table")
    assert all(len(line) <= 50 for line in terminal.lines)
    assert row(terminal, "jobs")


def test_without_a_terminal_it_writes_lines(
    devices: dict[str, dict[str, list[str]]], start: Start
) -> None:
    text = start("top", "-n", "2", "-i", "100ms")
    assert text.wait() == 0
    assert [line.split()[1] for line in text.lines()] == [
        "device=jobs",
        "device=orders",
        "device=safe",
    ] * 2
    objects = start("top", "--json", "-n", "1", "-i", "100ms", "orders")
    assert objects.wait() == 0
    (told,) = (json.loads(line) for line in objects.lines())
    assert (told["device"], told["kind"], told["state"]) == ("orders", "queue", "running")


def test_without_a_terminal_no_answer_is_told_and_is_a_failure(start: Start) -> None:
    frozen = start("queue", *WILDCARDS, ready=True)
    frozen.ready()
    frozen.signal(signal.SIGSTOP)
    text = start("top", "queue", "-n", "2", "-i", "100ms")
    assert (text.wait(), text.out, text.err) == (1, b"", "zmqdev: queue: no answer\n")


def test_lines_end_when_nobody_reads_them(start: Start, tmp_path: Path) -> None:
    start("queue", *WILDCARDS, ready=True).ready()
    read, write = os.pipe()
    program = Terminal(
        ["top", "-i", "50ms"], stdout=write, env={"XDG_RUNTIME_DIR": str(tmp_path / "run")}
    )
    os.close(write)
    try:
        assert os.read(read, 7) == b"time=20"
        os.close(read)
        assert program.wait() == 0
        assert "Traceback" not in program.text
    finally:
        program.end()


@pytest.mark.parametrize(
    ("words", "status", "message"),
    [
        (["nobody"], 1, "no running device named 'nobody'"),
        (["--interval", "x"], 2, "--interval: 'x' is not a duration"),
        (["--count", "0"], 2, "--count: 0 is too small"),
        (["--sort", "speed"], 2, "'speed' is not one of"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_a_wrong_word_is_one_line(
    start: Start, words: list[str], status: int, message: str
) -> None:
    program = start("top", *words)
    assert program.wait() == status
    assert message in program.err
    assert program.err.count("\n") == 1


def test_the_demonstration_has_three_devices_with_traffic(
    start: Start, tmp_path: Path, free_ports: Callable[[int], list[int]]
) -> None:
    text = (Path(__file__).parents[2] / "configs" / "three-devices.yaml").read_text()
    before = ["5555", "5556", "5557", "5558", "5559", "5560"]
    for old, new in zip(before, free_ports(len(before)), strict=True):
        text = text.replace(f":{old}", f":{new}")
    (tmp_path / "three.yaml").write_text(text)
    parts = start("run", str(tmp_path / "three.yaml"), "--stats", "off", "-q")

    def moving() -> set[str]:
        look = start("top", "--json", "-n", "1", "-i", "300ms")
        look.wait()  # 1 while none runs yet
        told = [json.loads(line) for line in look.lines()]
        return {item["device"] for item in told if item.get("forward_messages", 0) > 0}

    until(lambda: {"prices", "jobs", "orders"} <= moving(), "messages in all three devices")
    assert parts.interrupt() == 0
