"""A part as a process: forked by a server that `run` has, heard of when it ends."""

from __future__ import annotations

import os
import pickle
import signal
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import zmq
from support.ports import Ports
from support.processes import PATIENCE

from zmqdev.cli import child
from zmqdev.cli.start_device import engine_for
from zmqdev.supervisor.children import Children
from zmqdev.supervisor.process import Process, task_of
from zmqdev.supervisor.runner import ERR, OUT, Surroundings
from zmqdev.system.loop import Loop
from zmqdev.topology.read import Topology, topology

Read = Callable[[str], Topology]
CONFIGS = sorted((Path(__file__).parents[2] / "configs").glob("**/*.yaml"))


@dataclass
class Run:
    """One run of a part, and what was heard of it."""

    around: Surroundings
    process: Process
    lines: list[tuple[str, bytes]]
    ended: list[int] = field(default_factory=list)

    def start(self) -> None:
        self.process.start(self.ended.append)

    def until(self, condition: Callable[[], object]) -> None:
        end = time.monotonic() + PATIENCE
        self.around.loop.every(0.01, self.process.look)
        while not condition():
            assert time.monotonic() < end
            self.around.loop.turn()

    @property
    def pid(self) -> int:
        assert self.process.pid is not None
        return self.process.pid


@pytest.fixture
def port() -> Iterator[int]:
    """One that no other test takes."""
    with closing(Ports()) as ports:
        yield ports.take(1)[0]


@pytest.fixture
def around(tmp_path: Path) -> Iterator[Surroundings]:
    """Tests have threads, and maybe contexts: their server is started as a program."""
    loop = Loop()
    children = Children(loop, child.by_exec, child.by_exec)
    context: zmq.Context[Any] = zmq.Context()
    yield Surroundings(loop, tmp_path, context, lambda *_: None, engine_for, children, None)
    children.close()
    context.term()


@pytest.fixture
def run(read: Read, around: Surroundings, port: int) -> Iterator[Run]:
    yield from running(read, around, f"{{endpoint: pull, bind: 'tcp://127.0.0.1:{port}'}}")


def running(read: Read, around: Surroundings, part: str) -> Iterator[Run]:
    made = read(f"parts: {{a: {part}}}")
    lines: list[tuple[str, bytes]] = []
    heard = Surroundings(
        **vars(around) | {"heard": lambda name, stream, line: lines.append((stream, line))}
    )
    found = Run(heard, Process(made.part("a"), heard), lines)
    yield found
    found.process.kill()


def ended_of(run: Run) -> Callable[[], object]:
    return lambda: run.ended


def bound(port: int) -> bool:
    with closing(socket.socket()) as trial:
        return trial.connect_ex(("127.0.0.1", port)) == 0


def test_it_binds_says_so_and_ends_as_asked(run: Run, port: int, tmp_path: Path) -> None:
    run.start()
    run.until(lambda: run.process.ready)
    assert bound(port)
    run.process.stop()
    run.until(lambda: run.ended)
    assert run.ended == [0]
    assert [one.name for one in tmp_path.iterdir()] == ["f.yaml"]


def test_it_leads_a_session_and_shows_its_own_name(run: Run) -> None:
    run.start()
    run.until(lambda: run.process.ready)
    assert os.getsid(run.pid) == run.pid
    assert Path(f"/proc/{run.pid}/cmdline").read_bytes().startswith(b"zmqdev pull: a")


def test_it_inherits_no_descriptor(run: Run) -> None:
    """One that stays open in a part would keep a connection, or a pipe, from ending."""
    with closing(socket.socket()) as ours:
        ours.set_inheritable(True)
        inode = os.fstat(ours.fileno()).st_ino
        run.start()
        run.until(lambda: run.process.ready)
        theirs = [os.readlink(path) for path in Path(f"/proc/{run.pid}/fd").iterdir()]
        assert f"socket:[{inode}]" not in theirs


def test_one_that_is_stopped_before_it_is_ready_ends(run: Run) -> None:
    run.start()
    run.process.stop()
    run.until(lambda: run.ended)
    assert run.ended[0] in (0, -signal.SIGTERM)


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSEGV])
def test_one_that_a_signal_has_ended_is_known_by_it(run: Run, number: signal.Signals) -> None:
    run.start()
    run.until(lambda: run.process.ready)
    os.kill(run.pid, number)
    run.until(lambda: run.ended)
    assert run.ended == [-number]


def test_a_process_id_is_given_to_no_other_until_the_end_was_heard_of(run: Run) -> None:
    run.start()
    run.until(lambda: run.process.ready)
    pid = run.pid
    os.kill(pid, signal.SIGKILL)
    end = time.monotonic() + PATIENCE
    while Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z":
        assert time.monotonic() < end
    run.until(lambda: run.ended)
    run.until(lambda: not Path(f"/proc/{pid}").exists())


def test_its_own_mistakes_are_lines_on_its_stderr(
    read: Read, around: Surroundings, port: int
) -> None:
    with closing(socket.socket()) as taken:
        taken.bind(("127.0.0.1", port))
        taken.listen()
        part = f"{{endpoint: pull, bind: 'tcp://127.0.0.1:{port}'}}"
        for run in running(read, around, part):
            run.start()
            run.until(ended_of(run))
            assert run.ended == [1]
            ((stream, line),) = run.lines
            assert stream == ERR
            assert line.startswith(b"zmqdev: cannot bind tcp://127.0.0.1:")


def test_what_it_prints_comes_before_its_end(
    read: Read, around: Surroundings, tmp_path: Path
) -> None:
    source = tmp_path / "source"
    source.write_text("\n".join(map(str, range(5000))))
    place = f"ipc://{tmp_path}/s"
    with zmq.Context() as context, context.socket(zmq.PUSH) as push:
        push.bind(place)
        for run in running(read, around, f"{{endpoint: pull, connect: '{place}', count: 5000}}"):
            run.start()
            for number in range(5000):
                push.send(b"%d" % number)
            run.until(ended_of(run))
            assert [line for stream, line in run.lines if stream == OUT] == [
                b"%d" % number for number in range(5000)
            ]


def test_one_that_cannot_be_started_has_ended_and_says_why(
    run: Run, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise OSError(11, "Resource temporarily unavailable")

    monkeypatch.setattr("zmqdev.supervisor.children.Children._started", refuse)
    run.start()
    run.until(lambda: run.ended)
    assert run.ended == [1]
    assert "a: cannot be started: resource temporarily unavailable" in caplog.text


def test_when_the_server_is_killed_parts_end_and_can_be_started_again(
    run: Run, caplog: pytest.LogCaptureFixture
) -> None:
    run.start()
    run.until(lambda: run.process.ready)
    os.kill(run.around.children.pid, signal.SIGKILL)
    run.until(lambda: run.ended)
    assert run.ended == [-signal.SIGTERM]
    assert "the process that starts parts has ended" in caplog.text
    run.ended.clear()
    run.start()
    run.until(lambda: run.process.ready)
    run.process.stop()
    run.until(lambda: run.ended)
    assert run.ended == [0]


def test_variables_for_commands_are_not_for_parts() -> None:
    given = {"ZMQDEV_QUEUE_DRAIN": "1s", "ZMQDEV_RELAY": "python", "HOME": "/"}
    given |= {"NOTIFY_SOCKET": "/n", "WATCHDOG_USEC": "1"}
    expected = {"ZMQDEV_RELAY": "python", "HOME": "/", "PYTHONUNBUFFERED": "1"}
    assert child.environment(given) == expected


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.name)
def test_the_settings_of_every_part_survive_the_way_to_its_process(path: Path) -> None:
    os.environ.setdefault("HOME", "/")
    for part in topology(str(path)).parts:
        task = task_of(part, Path("/ready"), 0.5)
        assert pickle.loads(pickle.dumps(task)) == task
        assert task.spec.stats.interval == 0.5
        assert task.spec.drain == part.spec.drain
