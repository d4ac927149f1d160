"""As the first process of a container: orphans leave no zombies, signals are passed on.

The namespace of processes is one of its own, so the first process in it is ours.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import zmq
from support.processes import PATIENCE, until

APART = ("unshare", "-pf", "--mount-proc", "--kill-child")
allowed = bool(shutil.which("unshare")) and not subprocess.call(
    [*APART, "true"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
)
pytestmark = pytest.mark.skipif(
    not allowed, reason="no namespace of processes is allowed here (unshare -pf needs root)"
)
FREE = "tcp://127.0.0.1:*"
# Two orphans with a session of their own, so that the end of the command does not end them.
ORPHANS = "setsid sh -c 'sleep 0.2' & setsid sh -c 'sleep 0.1; exit 3' & "


class First:
    """`zmqdev` with the process id 1; `pid` is what it is out here."""

    def __init__(self, place: Path, *words: str) -> None:
        self.ready, self.err_path = place / "ready", place / "err"
        program = [sys.executable, "-m", "zmqdev", *words]
        with open(self.err_path, "wb") as err:
            self._outer = subprocess.Popen(
                [*APART, *program], stdin=subprocess.DEVNULL, stderr=err, stdout=err, cwd=place
            )
        until(lambda: children(self._outer.pid), "it has begun")
        (self.pid,) = children(self._outer.pid)

    @property
    def err(self) -> str:
        return self.err_path.read_text(errors="replace")

    def address(self, number: int = 0) -> str:
        until(self.ready.exists, f"ready: {self.err}")
        return self.ready.read_text().splitlines()[number].split()[-1]

    def zombies(self) -> list[str]:
        return [name for pid in children(self.pid) if (name := zombie(pid))]

    def end(self, number: int = signal.SIGTERM) -> int:
        os.kill(self.pid, number)
        return self._outer.wait(PATIENCE)

    def kill(self) -> None:
        self._outer.kill()
        self._outer.wait(PATIENCE)


def children(pid: int) -> list[int]:
    with suppress(OSError):
        return [int(one) for one in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    return []


def zombie(pid: int) -> str:
    with suppress(OSError):
        name, _, rest = Path(f"/proc/{pid}/stat").read_text().rpartition(")")
        return name if rest.split()[0] == "Z" else ""
    return ""


@pytest.fixture
def first(tmp_path: Path) -> Iterator[Any]:
    begun: list[First] = []

    def begin(*words: str) -> First:
        begun.append(First(tmp_path, *words))
        return begun[-1]

    yield begin
    for one in begun:
        one.kill()


def ask(context: zmq.Context[Any], address: str, times: int) -> list[bytes]:
    with context.socket(zmq.REQ) as client:
        client.rcvtimeo, client.linger = round(PATIENCE * 1000), 0
        client.connect(address)
        replies = []
        for number in range(times):
            client.send(b"%d" % number)
            replies.append(client.recv())
        return replies


def test_a_worker_takes_the_statuses_of_orphans_and_knows_those_of_its_commands(
    first: Any, context: zmq.Context[Any], tmp_path: Path
) -> None:
    command = ORPHANS + f'echo >> {tmp_path}/made; read -r n; echo "$n"; [ "$n" != 2 ]'
    worker = first(
        *("worker", "-b", FREE, "--exec", command, "--ready-file", str(tmp_path / "ready"))
    )
    replies = ask(context, worker.address(), 5)
    assert [reply.strip() for reply in (*replies[:2], *replies[3:])] == [b"0", b"1", b"3", b"4"]
    assert "request 2: the command ended with exit status 1" in worker.err
    until(lambda: not children(worker.pid), f"all have been taken: {worker.zombies()}")
    assert worker.end() == 0, worker.err


@pytest.mark.parametrize("kind", ["pull", "sub"])
def test_a_receiver_with_a_command_takes_them_too(
    first: Any, context: zmq.Context[Any], tmp_path: Path, kind: str
) -> None:
    words = (kind, "-b", FREE, "--exec", ORPHANS + "cat > /dev/null")
    receiver = first(*words, "--ready-file", str(tmp_path / "ready"))
    with context.socket(zmq.XPUB if kind == "sub" else zmq.PUSH) as sender:
        sender.connect(receiver.address())
        if kind == "sub":
            assert sender.poll(PATIENCE * 1000)
        sender.send(b"one")
        until(lambda: len(children(receiver.pid)) > 1, "the command has begun")
        until(lambda: not children(receiver.pid), f"all were taken: {receiver.zombies()}")
    assert receiver.end() == 0, receiver.err


def test_a_device_takes_the_statuses_of_those_that_come_from_elsewhere(
    first: Any, tmp_path: Path
) -> None:
    """As those of a health check that was given up."""
    words = ("--frontend-bind", FREE, "--backend-bind", FREE)
    device = first("streamer", *words, "--ready-file", str(tmp_path / "ready"))
    device.address()
    enter = ("nsenter", "-t", str(device.pid), "-p", "sh", "-c", ORPHANS)
    subprocess.run(enter, check=True, timeout=PATIENCE)
    until(lambda: len(children(device.pid)) > 0, "they have come to it")
    until(lambda: not children(device.pid), f"all were taken: {device.zombies()}")
    assert device.end() == 0, device.err


@pytest.fixture
def fleet(first: Any, tmp_path: Path) -> First:
    front, back = {"bind": f"ipc://{tmp_path}/front"}, {"bind": f"ipc://{tmp_path}/back"}
    work = {"endpoint": "worker", "exec": ORPHANS + "cat", "connect": back["bind"]}
    parts = {"queue": {"device": "queue", "frontend": front, "backend": back}, "work": work}
    (tmp_path / "all.yaml").write_text(json.dumps({"parts": parts}))
    made = first("run", "all.yaml", "--ready-file", str(tmp_path / "ready"), "--stats", "off")
    assert isinstance(made, First)
    until(made.ready.exists, f"ready: {made.err}")
    return made


def test_run_takes_the_statuses_of_what_its_parts_leave(
    fleet: First, context: zmq.Context[Any], tmp_path: Path
) -> None:
    assert ask(context, f"ipc://{tmp_path}/front", 5) == [b"%d" % number for number in range(5)]
    until(lambda: len(children(fleet.pid)) == 1, f"only its own: {fleet.zombies()}")
    assert fleet.end() == 0, fleet.err


def test_run_knows_how_its_parts_end_when_they_come_to_it(fleet: First) -> None:
    """The process that starts parts is killed: they are children of `run` now."""
    (server,) = children(fleet.pid)
    os.kill(server, signal.SIGKILL)
    until(lambda: "its parts with it" in fleet.err, "it is told of")
    until(lambda: not fleet.zombies() and len(children(fleet.pid)) <= 1, "they were taken")
    assert fleet.end() in (0, 1), fleet.err


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_run_passes_the_end_on_to_its_parts(fleet: First, number: int) -> None:
    assert fleet.end(number) == 0, fleet.err
    assert "killed" not in fleet.err


def test_sigterm_while_modules_are_loaded_ends_it(first: Any) -> None:
    """The system keeps from a first process what it has no handler for."""
    worker = first("worker", "-b", FREE)

    def handled() -> bool:
        text = Path(f"/proc/{worker.pid}/status").read_text()
        caught = next(line for line in text.splitlines() if line.startswith("SigCgt"))
        return bool(int(caught.split()[1], 16) >> (signal.SIGTERM - 1) & 1)

    until(handled, "the handler stands")
    assert worker.end() == 0, worker.err
