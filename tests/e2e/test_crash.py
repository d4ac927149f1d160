"""A fault of libzmq's ends no device: it begins again in its own process, on the same addresses."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
import urllib.request
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import zmq
from support import forked
from support.processes import PATIENCE, Program, Start, until

from zmqdev.system import crash

FREE = "tcp://127.0.0.1:*"
QUEUE = ("queue", "--frontend-bind", FREE, "--backend-bind", FREE, "--metrics", "127.0.0.1:0")
FAULTS = (signal.SIGABRT, signal.SIGSEGV, signal.SIGBUS)

pytestmark = pytest.mark.skipif(crash._survival is None, reason="the C half was not built")


def lives(program: Program) -> int:
    """How many times it has begun again."""
    return program.err.count("started again")


def again(program: Program, number: signal.Signals) -> None:
    """Send the signal, and wait until the next life has bound its addresses."""
    before, notes = lives(program), program.err.count("note: ")
    program.signal(number)
    until(lambda: lives(program) == before + 1, f"another life: {program.err}")
    until(lambda: program.err.count("note: ") > notes, "bound again")


def status(program: Program, tmp_path: Path, name: str = "queue") -> dict[str, Any]:
    done = forked.run(
        ["ctl", name, "status", "--json"],
        env={"XDG_RUNTIME_DIR": str(tmp_path / "run")},
        capture_output=True,
    )
    assert done.returncode == 0, done.stderr
    return dict(json.loads(done.stdout))


def answered(client: Any, worker: Any, text: bytes) -> bool:
    client.send(text)
    if not worker.poll(PATIENCE * 1000):
        return False
    worker.send(worker.recv())
    return bool(client.poll(PATIENCE * 1000) and client.recv() == text)


def test_a_queue_is_back_on_its_ports_and_says_why(
    start: Start, context: zmq.Context[Any], tmp_path: Path
) -> None:
    program = start(*QUEUE, ready=True)
    ready = program.ready()
    pid = program.process.pid
    client, worker = context.socket(zmq.REQ), context.socket(zmq.REP)
    client.connect(ready["frontend"][0])
    worker.connect(ready["backend"][0])
    assert answered(client, worker, b"before")
    for number, fault in enumerate(FAULTS, 1):
        again(program, fault)
        until(lambda: peers(program, tmp_path) == [1, 1], "its peers are back")
        assert answered(client, worker, b"after %d" % number)
        told = status(program, tmp_path)
        assert (told["restarts"], told["restart_cause"]) == (number, fault.name)
        assert told["process"]["pid"] == pid
        assert program.ready() == ready
    page = urllib.request.urlopen(f"http://{ready['metrics'][0]}/metrics", timeout=60).read()
    assert b'zmqdev_device_restarts_total{device="queue"} 3.0' in page
    assert program.interrupt() == 0
    assert not program.ready_path.exists()


def peers(program: Program, tmp_path: Path) -> list[int]:
    return [side["peers"]["connected"] for side in status(program, tmp_path)["sides"]]


@pytest.mark.alone
def test_it_is_back_within_300_ms(start: Start) -> None:
    """Most of it is loading modules: on a busy machine as much longer as any start is."""
    starts, returns = [], []
    for _ in range(3):
        began = time.monotonic()
        program = start(*QUEUE, ready=True, cold=True)
        until(program.ready_path.exists, "the first life")
        starts.append(time.monotonic() - began)
        began = time.monotonic()
        again(program, signal.SIGABRT)
        returns.append(time.monotonic() - began)
        assert program.interrupt() == 0
    assert min(returns) < max(0.3, 1.3 * min(starts)), (returns, starts)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGKILL])
def test_what_is_no_fault_is_an_end(start: Start, number: signal.Signals) -> None:
    program = start(*QUEUE, ready=True)
    program.ready()
    program.signal(number)
    assert program.wait() == (-9 if number == signal.SIGKILL else 0)
    assert lives(program) == 0


def test_one_that_is_told_to_stop_stays_down(start: Start, context: zmq.Context[Any]) -> None:
    """A request waits for its reply, so it drains for a while."""
    program = start(*QUEUE, "--drain", "60s", ready=True)
    ready = program.ready()
    client, worker = context.socket(zmq.REQ), context.socket(zmq.REP)
    client.connect(ready["frontend"][0])
    worker.connect(ready["backend"][0])
    client.send(b"held")
    assert worker.poll(PATIENCE * 1000)
    program.signal(signal.SIGTERM)
    until(lambda: "passing on what is inside" in program.err, "it drains")
    program.signal(signal.SIGABRT)
    assert program.wait() == -signal.SIGABRT


def test_a_duration_counts_from_the_first_life(start: Start) -> None:
    program = start(*QUEUE, "--duration", "6s", ready=True)
    program.ready()
    began = time.monotonic()
    until(lambda: time.monotonic() - began > 4, "most of it has gone by")
    again(program, signal.SIGABRT)
    assert program.wait() == 0
    assert time.monotonic() - began < 6 + 4, "not six seconds more"


def test_a_stop_is_heard_while_the_next_life_waits_for_its_turn(start: Start) -> None:
    program = start(*QUEUE, ready=True)
    program.ready()
    for _ in range(6):
        again(program, signal.SIGABRT)
    before = lives(program)
    program.signal(signal.SIGABRT)
    until(lambda: lives(program) == before + 1, "another life, which waits")
    assert program.interrupt() == 0


def test_a_receiver_goes_on(start: Start, context: zmq.Context[Any]) -> None:
    program = start("pull", "-b", FREE, ready=True)
    push = context.socket(zmq.PUSH)
    push.connect(program.ready()["socket"][0])
    push.send(b"one")
    until(lambda: program.lines() == ["one"], "the first")
    again(program, signal.SIGABRT)
    push.send(b"lost with the connection, or not")
    until(lambda: (push.send(b"two"), "two" in program.lines())[1], "the next")
    assert program.interrupt() == 0


@pytest.mark.parametrize(
    "words",
    [
        ("pull", "-b", FREE, "-n", "5"),
        ("pull", "-b", FREE, "--check"),
        ("push", "-b", FREE),
        ("push", "-b", FREE, "-D", "x", "--rate", "5", "--stamp"),
        ("client", "-b", FREE),
    ],
)
def test_what_counts_or_reads_does_not_begin_anew(start: Start, words: tuple[str, ...]) -> None:
    """Half of its input is gone, or half of its count: it ends by the signal, which is seen."""
    program = start(*words, ready=True)
    program.ready()
    program.signal(signal.SIGABRT)
    assert program.wait() == -signal.SIGABRT
    assert lives(program) == 0


def test_commands_of_the_life_before_are_ended(
    start: Start, context: zmq.Context[Any], tmp_path: Path
) -> None:
    """And those of the next one find nothing of it in their environment."""
    note = tmp_path / "pid"
    script = (
        f"env | grep -c ZMQDEV_LIFE > {tmp_path}/env; "
        f"echo $$ > {note}.new; mv {note}.new {note}; exec sleep 600"
    )
    program = start("worker", "-b", FREE, "--exec", script, ready=True)
    address = program.ready()["socket"][0]
    client = context.socket(zmq.DEALER)
    client.connect(address)
    for _ in range(2):
        client.send_multipart([b"", b"go"])
        until(note.exists, f"the command runs: {program.err}")
        pid = int(note.read_text())
        assert (tmp_path / "env").read_text() == "0\n"
        note.unlink()
        again(program, signal.SIGABRT)
        gone = partial(Path(f"/proc/{pid}").exists)
        until(lambda gone=gone: not gone(), "it has ended and was waited for")
    assert program.interrupt() == 0


def test_the_watchdog_of_systemd_ends_it(start: Start) -> None:
    """systemd sends SIGABRT to a program that is not responding, and starts it again itself."""
    program = start(*QUEUE, ready=True, env={"WATCHDOG_USEC": "60000000"})
    program.ready()
    parent = int(
        Path(f"/proc/{program.process.pid}/stat").read_text().rpartition(")")[2].split()[1]
    )
    subprocess.run(
        [sys.executable, "-c", f"import os; os.kill({program.process.pid}, 6)"], check=True
    )
    until(lambda: lives(program) == 1, "another sender is not the watchdog")
    if parent == os.getpid():
        program.signal(signal.SIGABRT)
        assert program.wait() == -signal.SIGABRT
