"""A reliable queue with a store: what it has called kept outlives it."""

from __future__ import annotations

import os
import random
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import zmq
from support.processes import PATIENCE, Program, Start, until
from support.reliable import Queue, own_worker

from zmqdev.wire import call
from zmqdev.wire.majordomo import request_01

# Kills in `make test`; ZMQDEV_SOAK times as many in `make soak`.
KILLS = 3 * int(os.environ.get("ZMQDEV_SOAK", "1"))
OPEN = 100


def client(start: Start, address: str, *words: str, **options: Any) -> Program:
    return start("client", "--reliable", "-c", address, *words, **options)


class Poster:
    """Posts, a number open at a time, and notes the ids that were called kept."""

    def __init__(self, context: zmq.Context[Any], address: str) -> None:
        self.socket = context.socket(zmq.DEALER)
        self.socket.linger = 0
        self.socket.connect(address)
        self._random = os.urandom(8)
        self._number = 0
        self.open: dict[bytes, bytes] = {}
        self.kept: dict[bytes, bytes] = {}

    def run(self, until_kept: int) -> None:
        """Post until so many are kept in all."""
        end = time.monotonic() + PATIENCE
        while len(self.kept) < until_kept:
            assert time.monotonic() < end, f"{len(self.kept)} of {until_kept} kept"
            while len(self.open) < OPEN:
                self._post()
            if self.socket.poll(200):
                self._hear(self.socket.recv_multipart())

    def _post(self) -> None:
        self._number += 1
        id = self._random + self._number.to_bytes(8, "big")
        self.open[id] = body = b"%d" % self._number
        frames = call.wrap(id, request_01(b"default", [body]), call.POST)
        self.socket.send_multipart(frames)

    def _hear(self, frames: list[bytes]) -> None:
        if frames[0] == call.KEPT and frames[1] in self.open:
            self.kept[frames[1]] = self.open.pop(frames[1])

    def lost(self) -> None:
        """The queue has died: what was not kept is not waited for."""
        while self.socket.poll(0):
            self._hear(self.socket.recv_multipart())
        self.open.clear()

    def collected(self) -> tuple[set[bytes], set[bytes]]:
        """(ids with their own reply, ids that the queue does not know) of those kept."""
        found, unknown, asked = set(), set(), set(self.kept)
        for id in asked:
            self.socket.send_multipart([call.COLLECT, id, b""])
        end = time.monotonic() + PATIENCE
        while len(found) + len(unknown) < len(asked) and time.monotonic() < end:
            if not self.socket.poll(200):
                continue
            frames = self.socket.recv_multipart()
            if frames[0] == call.COLLECT:
                assert frames[3] == b"done " + self.kept[frames[1]]
                found.add(frames[1])
            elif frames[0] == call.FAILED and frames[1] in asked:
                unknown.add(frames[1])
        return found, unknown


Ports = Callable[[int], list[int]]


def addresses(free_ports: Ports) -> dict[str, str]:
    front, back = (f"tcp://127.0.0.1:{port}" for port in free_ports(2))
    return {"frontend": front, "backend": back}


def test_what_is_kept_outlives_kills(
    start: Start, free_ports: Ports, tmp_path: Path, context: zmq.Context[Any]
) -> None:
    where, store = addresses(free_ports), str(tmp_path / "q.db")
    queue = Queue(start, "--store", store, **where)
    poster, chance = Poster(context, where["frontend"]), random.Random(1)
    working = [
        start("worker", "--reliable", "-c", where["backend"], "--reply", "done {body}", "-q")
        for _ in range(2)
    ]
    for _ in range(KILLS):
        poster.run(len(poster.kept) + chance.randrange(100, 700))
        queue.program.signal(signal.SIGKILL)
        queue.program.wait()
        poster.lost()
        queue = Queue(start, "--store", store, **where)
    assert all(worker.process.poll() is None for worker in working)
    found, unknown = poster.collected()
    assert unknown == set(), f"{len(unknown)} of {len(poster.kept)} kept requests are lost"
    assert found == set(poster.kept)


EARLY = """
import sys
from zmqdev.broker.journal import Journal
from zmqdev.wire import call
begin = Journal.begin
def early(self, request, mark):
    begin(self, request, mark)
    if request.call is not None:
        self._ledger.to_clients.append(call.kept(request.head[0], request.head[2]))
Journal.begin = early
from zmqdev.cli import main
main()
"""


def test_the_control_says_kept_before_the_commit_and_loses_some(
    free_ports: Ports, tmp_path: Path, context: zmq.Context[Any], start: Start
) -> None:
    """If that lost nothing, the test above would show nothing."""
    where, store = addresses(free_ports), str(tmp_path / "q.db")
    words = ("queue", "--reliable", "--stats", "off", "--store", store, "--commit-within", "1s")
    sides = ("--frontend-bind", where["frontend"], "--backend-bind", where["backend"])
    surroundings = {**os.environ, "XDG_RUNTIME_DIR": str(tmp_path)}
    early = subprocess.Popen([sys.executable, "-c", EARLY, *words, *sides], env=surroundings)
    poster = Poster(context, where["frontend"])
    poster.run(1000)
    early.kill()
    early.wait()
    poster.lost()
    Queue(start, "--store", store, **where)
    start("worker", "--reliable", "-c", where["backend"], "--reply", "done {body}", "-q")
    _, unknown = poster.collected()
    assert unknown


def test_posts_are_collected_after_a_new_start(
    start: Start, free_ports: Ports, tmp_path: Path
) -> None:
    where, store = addresses(free_ports), str(tmp_path / "q.db")
    queue = Queue(start, "--store", store, **where)
    numbers = tmp_path / "numbers"
    numbers.write_text("".join(f"{number}\n" for number in range(500)))
    posting = client(start, where["frontend"], "--post", "-F", str(numbers))
    assert posting.wait() == 0
    assert "500 kept" in posting.err
    ids = posting.lines()
    assert len(set(ids)) == 500
    queue.program.signal(signal.SIGKILL)
    queue.program.wait()
    queue = Queue(start, "--store", store, **where)
    until(lambda: queue.count("restored") == 500, "all are restored")
    (tmp_path / "ids").write_text("".join(f"{id}\n" for id in ids))
    own_worker(start, queue)
    for _ in range(2):  # a second time from the store
        collecting = client(start, where["frontend"], "--collect", "-F", str(tmp_path / "ids"))
        assert collecting.wait() == 0, collecting.err
        got = [line.split()[0] for line in collecting.lines()]
        assert sorted(got, key=int) == [str(number) for number in range(500)]


def test_a_retrying_client_loses_nothing_and_is_not_done_twice_by_a_kill(
    start: Start, free_ports: Ports, tmp_path: Path
) -> None:
    where, store = addresses(free_ports), str(tmp_path / "q.db")
    queue = Queue(start, "--store", store, **where)
    asking = client(
        start,
        where["frontend"],
        "-D",
        "{n}",
        "-n",
        "50",
        "--window",
        "50",
        "-t",
        "1s",
        "--retries",
        "30",
    )
    until(lambda: queue.state().get("queued") == 50, "all are queued")
    until(lambda: queue.count("commits") > 0, "a commit")
    queue.program.signal(signal.SIGKILL)
    queue.program.wait()
    queue = Queue(start, "--store", store, **where)
    own_worker(start, queue)
    assert asking.wait() == 0, asking.err
    assert len(asking.lines()) == 50


def test_a_store_has_one_queue_and_the_second_names_it(start: Start, tmp_path: Path) -> None:
    store = str(tmp_path / "q.db")
    queue = Queue(start, "--store", store)
    any_ports = ("--frontend-bind", "tcp://127.0.0.1:*", "--backend-bind", "tcp://127.0.0.1:*")
    second = start("queue", "--reliable", "--store", store, *any_ports)
    assert second.wait() == 1
    assert f"in use by process {queue.program.process.pid}" in second.err
    assert len(second.err.strip().splitlines()) == 1


@pytest.mark.parametrize(
    ("make", "told"),
    [
        (lambda path: path.write_bytes(b"no database" * 100), "no store of zmqdev"),
        (lambda path: sqlite3.connect(path).execute("create table x (y)"), "another program"),
        (lambda path: path.mkdir(), "is a directory"),
    ],
    ids=["text", "another program's", "directory"],
)
def test_a_file_that_is_not_a_store_is_refused(
    start: Start, tmp_path: Path, make: Callable[[Path], object], told: str
) -> None:
    path = tmp_path / "q.db"
    make(path)
    queue = start("queue", "--reliable", "--store", str(path))
    assert queue.wait() == 1
    assert told in queue.err
    assert len(queue.err.strip().splitlines()) == 1


def test_a_store_of_a_later_version_is_refused(start: Start, tmp_path: Path) -> None:
    path = tmp_path / "q.db"
    queue = Queue(start, "--store", str(path))
    assert queue.program.interrupt() == 0
    later = sqlite3.connect(path)
    later.execute("pragma user_version=2")
    later.close()
    refused = start("queue", "--reliable", "--store", str(path))
    assert refused.wait() == 1
    assert "of version 2; this zmqdev reads up to 1" in refused.err


def test_a_store_that_is_deleted_ends_the_queue(
    start: Start, tmp_path: Path, context: zmq.Context[Any]
) -> None:
    path = tmp_path / "q.db"
    queue = Queue(start, "--store", str(path))
    path.unlink()
    socket = context.socket(zmq.DEALER)
    socket.connect(queue.frontend)
    socket.send_multipart(call.wrap(b"an id of 12 b", [b"body"], call.POST))
    assert queue.program.wait() == 1
    assert "the file was deleted or replaced" in queue.program.err
    assert not socket.poll(0), "nothing was called kept"
