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

from zmqdev.broker.record import Group, Kept
from zmqdev.broker.store_sqlite import SqliteStore
from zmqdev.errors import RunError
from zmqdev.wire import call
from zmqdev.wire.majordomo import request_01

# Kills in `make test`; ZMQDEV_SOAK times as many in `make soak`.
KILLS = 3 * int(os.environ.get("ZMQDEV_SOAK", "1"))
BITS = 150 * int(os.environ.get("ZMQDEV_SOAK", "1"))
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
            if self.socket.poll(1000):
                self._hear(self.socket.recv_multipart())
                continue
            for id in self.open:  # they went with a connection, or the word of them did
                self._send(id, call.AGAIN)

    def _post(self) -> None:
        self._number += 1
        id = self._random + self._number.to_bytes(8, "big")
        self.open[id] = b"%d" % self._number
        self._send(id, call.POST)

    def _send(self, id: bytes, mark: bytes) -> None:
        frames = call.wrap(id, request_01(b"default", [self.open[id]]), mark)
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
        (lambda path: path.write_bytes(b"no database" * 100), "not a store of zmqdev"),
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


def poisoned(start: Start, tmp_path: Path) -> str:
    """A stopped queue's store with two dead letters and a request that waits."""
    store = str(tmp_path / "q.db")
    queue = Queue(start, "--store", store, "--max-attempts", "1")
    crew = [own_worker(start, queue, "--crash-after", "0") for _ in range(2)]
    asking = client(start, queue.frontend, "--post", "-D", "poison", "-D", "poison too")
    asking.wait()  # told that they are kept, or that they are dead letters already
    until(lambda: queue.count("dead_letters") == 2, "two dead letters")
    assert [worker.wait() != 0 for worker in crew] == [True, True]
    waiting = client(start, queue.frontend, "--post", "-D", "waits", "--service", "other")
    assert waiting.wait() == 0
    assert queue.program.interrupt() == 0
    return store


def store_says(start: Start, *words: str, status: int = 0) -> list[str]:
    told = start("store", *words)
    assert told.wait() == status, told.err
    return [" ".join(line.split()) for line in (told.lines() or told.err.splitlines())]


def test_dead_letters_are_listed_shown_queued_again_and_dropped(
    start: Start, tmp_path: Path
) -> None:
    store = poisoned(start, tmp_path)
    table = store_says(start, store)
    assert table[0] == "service requests oldest bytes dead"
    assert table[1].startswith("default 0")
    assert table[1].endswith(" 2")
    assert table[2].startswith("other 1")
    assert table[3].endswith("not in use")
    numbers = [line.split()[0] for line in store_says(start, store, "dead")[1:]]
    assert len(numbers) == 2
    assert "every attempt failed" in store_says(start, store, "show", numbers[0])[0]
    assert store_says(start, store, "check") == ["ok: 1 request"]
    assert store_says(start, store, "requeue", numbers[0]) == ["1 request queued again"]
    assert store_says(start, store, "drop", numbers[1]) == ["1 dead letter dropped"]
    assert store_says(start, store, "check") == ["ok: 2 requests"]
    queue = Queue(start, "--store", store)
    own_worker(start, queue)
    until(lambda: queue.count("replies") == 1, "the poison was not that bad")
    assert store_says(start, store)[-1].endswith(f"in use by process {queue.program.process.pid}")
    [line] = store_says(start, store, "drop", "1", status=1)
    assert "in use by process" in line


def test_a_bad_word_or_file_is_one_line(start: Start, tmp_path: Path) -> None:
    assert "did you mean 'dead'" in store_says(start, "q.db", "daed", status=2)[0]
    assert "needs the number" in store_says(start, "q.db", "drop", status=2)[0]
    assert "no such file" in store_says(start, str(tmp_path / "none"), status=1)[0]


def test_the_disk_is_full(start: Start, tmp_path: Path, context: zmq.Context[Any]) -> None:
    """As large as --store-size: posts are refused, what is kept ends, then there is room again."""
    queue = Queue(start, "--store", str(tmp_path / "q.db"), "--store-size", "1MiB")
    socket = context.socket(zmq.DEALER)
    socket.connect(queue.frontend)
    told = {call.KEPT: set[bytes](), call.FAILED: set[bytes]()}

    def post(number: int) -> None:
        id = number.to_bytes(16, "big")
        frames = request_01(b"default", [bytes(20_000)])
        socket.send_multipart(call.wrap(id, frames, call.POST))
        answer = [call.POST]
        while answer[0] == call.POST:  # a reply
            assert socket.poll(PATIENCE * 1000)
            answer = socket.recv_multipart()
        told[answer[0]].add(answer[1])
        assert answer[0] == call.KEPT or answer[3] == b"store-full"

    for number in range(80):
        post(number)
    assert told[call.KEPT]
    assert told[call.FAILED]
    start("worker", "--reliable", "-c", queue.backend, "--reply", "done", "-q")
    until(lambda: queue.count("replies") >= len(told[call.KEPT]), "what is kept is worked on")
    before = len(told[call.KEPT])
    number = 1000

    def taken() -> bool:
        nonlocal number
        number += 1
        post(number)
        return len(told[call.KEPT]) > before

    until(taken, "a post is taken again")


def test_no_flipped_bit_is_executed(tmp_path: Path) -> None:
    """Each is found: by SQLite, by a checksum, or by the number of rows; or it hit nothing."""
    path, copy = tmp_path / "q.db", tmp_path / "copy.db"
    bodies = {number: (b"%d" % number * 20, b"") for number in range(1, 60)}
    store = SqliteStore(str(path), 1 << 26)
    list(store.recover())
    store.write(
        Group(tuple(Kept(n, b"%16d" % n, b"echo", 1000.0, 0, body) for n, body in bodies.items()))
    )
    until(lambda: store.settled() is not None, "written")
    store.close()
    whole, chance = path.read_bytes(), random.Random(2)
    found = harmless = 0
    for _ in range(BITS):
        flipped = bytearray(whole)
        flipped[chance.randrange(len(flipped))] ^= 1 << chance.randrange(8)
        for old in tmp_path.glob("copy*"):
            old.unlink()
        copy.write_bytes(flipped)
        try:
            again = SqliteStore(str(copy), 1 << 26)
        except RunError:
            found += 1
            continue
        try:
            records = list(again.recover())
        except RunError:
            found += 1
            continue
        finally:
            again.close()
        assert all(bodies.get(record.key) == record.body for record in records)
        assert len(records) + len(again.damaged) >= len(bodies), "one is missing silently"
        found += len(records) < len(bodies)
        harmless += len(records) == len(bodies)
    assert found + harmless == BITS
    assert found


def ask_titanic(socket: zmq.Socket[bytes], verb: bytes, *body: bytes) -> list[bytes]:
    socket.send_multipart([b"", b"MDPC01", b"titanic." + verb, *body])
    assert socket.poll(30_000), verb
    reply = socket.recv_multipart()
    assert reply[:3] == [b"", b"MDPC01", b"titanic." + verb]
    return reply[3:]


def test_titanic_outlives_a_kill_for_a_client_of_any_make(
    start: Start,
    context: zmq.Context[Any],
    tmp_path: Path,
    free_ports: Callable[[int], list[int]],
) -> None:
    store = ["--store", str(tmp_path / "q.db")]
    front, back = (f"tcp://127.0.0.1:{port}" for port in free_ports(2))
    queue = Queue(start, *store, frontend=front, backend=back)
    socket = context.socket(zmq.DEALER)
    socket.connect(front)
    status, uuid = ask_titanic(socket, b"request", b"echo", b"Hello", b"world")
    assert status == b"200"
    assert ask_titanic(socket, b"reply", uuid) == [b"300"]
    queue.program.signal(signal.SIGKILL)
    queue.program.wait()
    queue = Queue(start, *store, frontend=front, backend=back)
    start("worker", "--reliable", "--service", "echo", "-c", back, "--echo", "-q")
    until(lambda: queue.count("replies") == 1, "the worker has answered")
    other = context.socket(zmq.DEALER)
    other.connect(front)
    assert ask_titanic(other, b"reply", uuid) == [b"200", b"Hello", b"world"]
    assert ask_titanic(other, b"close", uuid) == [b"200"]
    assert ask_titanic(other, b"reply", uuid) == [b"400"]
