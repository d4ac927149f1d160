"""What a person sees of `zmqdev run` on a terminal: one table, and lines with names above it."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from support.processes import Start, until
from support.terminal import Terminal

Ports = Callable[[int], list[int]]
FILE = """
defaults: {{control: off, drain: 500ms}}
parts:
  in: {{endpoint: pub, bind: tcp://127.0.0.1:{0}, data: "tick {{n}}", interval: 200ms}}
  mid:
    device: forwarder
    frontend: {{connect: tcp://127.0.0.1:{0}}}
    backend: {{bind: tcp://127.0.0.1:{1}}}
  out: {{endpoint: sub, connect: tcp://127.0.0.1:{1}}}
"""


@pytest.fixture
def place(tmp_path: Path, free_ports: Ports) -> Path:
    path = tmp_path / "f.yaml"
    path.write_text(FILE.format(*free_ports(2)))
    return path


@pytest.fixture
def screen(place: Path, tmp_path: Path) -> Iterator[Terminal]:
    env = {"XDG_RUNTIME_DIR": str(tmp_path)}
    terminal = Terminal(["run", str(place)], columns=100, rows=30, env=env)
    yield terminal
    terminal.end()


def test_all_parts_are_in_one_table_below_their_lines(screen: Terminal) -> None:
    until(lambda: re.search(r"mid +running +forward .*\b[1-9]\d* ", screen.text), "counts of mid")
    until(lambda: re.search(r"in +running +sent", screen.text), "counts of in")
    until(lambda: re.search(r"out +running +received", screen.text), "counts of out")
    until(lambda: _lines_above(screen.lines), "lines of out above the table")
    assert b"\x1b[38;5;28mout | \x1b[0mtick" in screen.sent


def test_the_end_leaves_a_summary_and_no_table(screen: Terminal) -> None:
    until(lambda: re.search(r"out +running +received +\d", screen.text), "the table")
    screen.keys(b"\x03")
    assert screen.wait() == 0
    assert "╭" not in screen.text
    for name in ("in (pub)", "mid (forwarder)", "out (sub)"):
        assert f"{name}: ended after" in screen.text
    assert screen.echoes


BAD = """
parts:
  good: {{endpoint: pub, bind: tcp://127.0.0.1:{0}, data: x, interval: 100ms, control: off}}
  bad:
    device: streamer
    control: off
    frontend: {{bind: tcp://10.255.255.1:1}}
    backend: {{bind: tcp://127.0.0.1:{1}}}
    restart: {{delay: 10ms, limit: 2}}
"""


@pytest.mark.parametrize("columns", [100, 50])
def test_a_part_that_never_runs_is_in_the_table_and_in_the_summary(
    tmp_path: Path, free_ports: Ports, columns: int
) -> None:
    path = tmp_path / "f.yaml"
    path.write_text(BAD.format(*free_ports(2)).replace(", control: off}", "}"))
    env = {"XDG_RUNTIME_DIR": str(tmp_path)}
    terminal = Terminal(["run", str(path), "-q"], columns=columns, rows=30, env=env)
    try:
        until(lambda: re.search(r"bad +failed", terminal.text), "the state of bad")
        assert "given up after 2 new" in terminal.text
        assert "2 parts" in terminal.text
        terminal.keys(b"\x03")
        assert terminal.wait() == 1
        assert "bad (streamer): failed after" in terminal.text
    finally:
        terminal.end()


def test_closing_the_window_stops_all(screen: Terminal) -> None:
    until(lambda: re.search(r"out +running +received +\d", screen.text), "the table")
    os.close(screen.master)
    screen.master = os.open(os.devnull, os.O_RDWR)  # for the end of the test
    assert screen.process.wait(30) == 0


def test_json_has_a_line_for_each_part(start: Start, place: Path) -> None:
    words = ("--stats", "json", "--interval", "200ms", "--control", "off")
    program = start("run", str(place), *words)

    def told() -> dict[str, list[dict[str, object]]]:
        found: dict[str, list[dict[str, object]]] = {}
        for line in program.lines():
            if line.startswith("{"):
                one = json.loads(line)
                found.setdefault(str(one.get("device") or one.get("endpoint")), []).append(one)
        return found

    until(lambda: any(one.get("forward_messages") for one in told().get("mid", [])), "counts")
    assert program.interrupt() == 0
    assert told().keys() == {"in", "mid", "out"}


def test_elsewhere_only_the_lines_of_the_parts_are_shown(start: Start, place: Path) -> None:
    program = start("run", str(place), "--control", "off")
    until(lambda: program.lines(), "a tick")
    assert program.interrupt() == 0
    assert all(line.startswith("out | tick ") for line in program.lines())


def _lines_above(lines: list[str]) -> bool:
    """Whether lines of a part stand above the table; between two frames there is none."""
    top = next((number for number, line in enumerate(lines) if line.startswith("╭")), 0)
    return any(line.startswith("out | tick ") for line in lines[:top])
