"""Signals that a program is started with, and those that come while it loads its modules.

A background job of a script starts with SIGINT ignored, and what `nohup` starts ignores SIGHUP.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import zmq
from support.processes import PATIENCE, Start, until
from support.terminal import Terminal

Context = zmq.Context[zmq.Socket[bytes]]
FREE = "tcp://127.0.0.1:*"
SIDES = ("--frontend-bind", FREE, "--backend-bind", FREE)
# `main`, where one module is found by a finder that sends SIGINT first.
INTERRUPTED = """
import os, signal, sys
name = sys.argv.pop(1)
class Finder:
    def find_spec(self, wanted, path=None, target=None):
        if wanted == name:
            os.kill(os.getpid(), signal.SIGINT)
sys.meta_path.insert(0, Finder())
from zmqdev.cli import main
main()
"""


@pytest.mark.parametrize(
    ("words", "module"),
    [
        (("pull", "-b", FREE), "click"),
        (("streamer", *SIDES), "zmqdev.device.service"),
        (("bench", "pipeline"), "zmqdev.tools.bench.run"),
    ],
)
def test_ctrl_c_that_was_ignored_is_obeyed_while_modules_are_loaded(
    words: tuple[str, ...], module: str
) -> None:
    done = subprocess.run(
        [sys.executable, "-c", INTERRUPTED, module, *words],
        capture_output=True,
        timeout=PATIENCE,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_IGN),
    )
    assert (done.stdout, done.stderr.strip(), done.returncode) == (b"", b"", 0)


@pytest.mark.parametrize(
    "words", [("pull", "-b", FREE), ("streamer", *SIDES)], ids=lambda words: words[0]
)
def test_ctrl_c_is_obeyed_where_it_was_ignored(start: Start, words: tuple[str, ...]) -> None:
    program = start(*words, ready=True, ignored=[signal.SIGINT])
    program.ready()
    assert program.interrupt() == 0


def test_bench_obeys_ctrl_c_where_it_was_ignored(start: Start) -> None:
    words = ("bench", "pipeline", "--time", "60s", "--between", "direct")
    bench = start(*words, ignored=[signal.SIGINT])
    children = Path(f"/proc/{bench.process.pid}/task/{bench.process.pid}/children")
    until(lambda: len(children.read_text().split()) == 2, "two parties")
    assert bench.interrupt() == 1
    assert bench.err == "zmqdev: bench: interrupted; there is no report\n"


def test_under_nohup_a_device_goes_on_when_its_terminal_closes(
    start: Start, context: Context
) -> None:
    device = start("streamer", *SIDES, ready=True, ignored=[signal.SIGHUP])
    device.signal(signal.SIGHUP)
    ready = device.ready()
    device.signal(signal.SIGHUP)
    push, pull = context.socket(zmq.PUSH), context.socket(zmq.PULL)
    push.connect(ready["frontend"][0])
    pull.connect(ready["backend"][0])
    push.send(b"it goes on")
    assert pull.poll(PATIENCE * 1000)
    assert device.interrupt() == 0


def test_under_nohup_an_endpoint_goes_on_when_its_terminal_closes(
    start: Start, context: Context
) -> None:
    taker = start("pull", "-b", FREE, ready=True, ignored=[signal.SIGHUP])
    push = context.socket(zmq.PUSH)
    push.connect(taker.ready()["socket"][0])
    taker.signal(signal.SIGHUP)
    push.send(b"it goes on")
    until(lambda: taker.out == b"it goes on\n", "the message")
    assert taker.interrupt() == 0


FILE = """
defaults: {{control: off}}
parts:
  out: {{endpoint: pull, bind: "tcp://127.0.0.1:{}"}}
"""


def test_under_nohup_a_file_of_parts_goes_on_when_its_window_closes(
    tmp_path: Path, context: Context, free_ports: Callable[[int], list[int]]
) -> None:
    (port,) = free_ports(1)
    (tmp_path / "f.yaml").write_text(FILE.format(port))
    out = tmp_path / "out"
    with open(out, "wb") as file:
        terminal = Terminal(
            ["run", "f.yaml", "--control", "off"],
            stdout=file.fileno(),
            cwd=tmp_path,
            ignored=[signal.SIGHUP],
        )
    push = context.socket(zmq.PUSH)
    push.connect(f"tcp://127.0.0.1:{port}")
    try:
        push.send(b"before")
        until(lambda: out.read_bytes() == b"out | before\n", "it runs")
        os.close(terminal.master)  # the kernel sends SIGHUP
        terminal.master = os.open(os.devnull, os.O_RDWR)  # for the end of the test
        # When the first is there the signal has been seen, so one that comes after it counts.
        for number in (1, 2):
            push.send(b"after")
            until(lambda n=number: out.read_bytes().count(b"out | after\n") == n, "it goes on")
        terminal.process.send_signal(signal.SIGTERM)
        assert terminal.process.wait(PATIENCE) == 0
    finally:
        terminal.end()
