"""A reliable queue's disk that hangs, or is full: what was kept goes on, and no worker is lost."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import zmq
from support import disk
from support.processes import PATIENCE, Start, until
from support.reliable import Queue, own_worker

from zmqdev.wire import call
from zmqdev.wire.majordomo import request_01

# Seconds that a flush hangs in `make test`; ten in `make soak`.
HANG = 10.0 if "ZMQDEV_SOAK" in os.environ else 2.0
needs_compiler = pytest.mark.skipif(disk.COMPILER is None, reason="no C compiler")


class Caller:
    """A client of a queue that may post."""

    def __init__(self, context: zmq.Context[Any], address: str) -> None:
        self.socket = context.socket(zmq.DEALER)
        self.socket.connect(address)
        self.told: list[list[bytes]] = []

    def send(self, id: bytes, mark: bytes, body: bytes = b"x") -> None:
        self.socket.send_multipart(call.wrap(id, request_01(b"default", [body]), mark))

    def hears(self, mark: bytes, id: bytes) -> list[bytes]:
        """The message with that mark and id; what comes before it is noted."""
        while not (found := [m for m in self.told if m[:2] == [mark, id]]):
            assert self.socket.poll(PATIENCE * 1000), f"{mark!r} of {id!r}; {self.told}"
            self.told.append(self.socket.recv_multipart())
        return found[0]

    def posted(self, id: bytes, body: bytes = b"x") -> bytes:
        """KEPT, or the code of the refusal."""
        self.send(id, call.POST, body)
        while True:
            for message in self.told:
                if message[1] == id and message[0] in (call.KEPT, call.FAILED):
                    return call.KEPT if message[0] == call.KEPT else message[3]
            assert self.socket.poll(PATIENCE * 1000), self.told
            self.told.append(self.socket.recv_multipart())


def id_of(number: int) -> bytes:
    return b"%016d" % number


@needs_compiler
def test_while_a_flush_hangs_the_queue_works_and_no_worker_is_given_up(
    start: Start, context: zmq.Context[Any], tmp_path: Path
) -> None:
    flag = tmp_path / "hangs"
    surroundings = {"LD_PRELOAD": disk.built(tmp_path), "DISK_PREFIX": str(tmp_path / "q.db")}
    surroundings["DISK_HANGS"] = str(flag)
    beat = ("--heartbeat", "200ms")
    queue = Queue(start, "--store", str(tmp_path / "q.db"), *beat, env=surroundings)
    own_worker(start, queue, *beat)
    queue.settle(1)
    caller = Caller(context, queue.frontend)
    flag.touch()
    caller.send(id_of(1), call.POST)
    began, longest, number = time.monotonic(), 0.0, 100
    while time.monotonic() - began < HANG:
        number += 1
        asked = time.monotonic()
        caller.send(id_of(number), call.CALL)
        assert caller.hears(call.CALL, id_of(number))[-1] == b"x by zmqdev"
        longest = max(longest, time.monotonic() - asked)
    assert not [m for m in caller.told if m[0] == call.KEPT], "nothing is flushed yet"
    flag.unlink()
    caller.hears(call.KEPT, id_of(1))
    assert caller.hears(call.POST, id_of(1))[-1] == b"x by zmqdev"
    assert queue.workers() == 1
    assert queue.count("redispatched") == 0
    print(f"{number - 100} calls while a flush hung for {HANG:g} s, the longest {longest:.4f} s")


class Hanging:
    """The surroundings of a program whose flushes of files that begin with `prefix` hang while a
    flag is there."""

    def __init__(self, place: Path, prefix: str) -> None:
        self.flag = place / "hangs"
        self.env = {"LD_PRELOAD": disk.built(place), "DISK_PREFIX": str(place / prefix)}
        self.env["DISK_HANGS"] = str(self.flag)


@needs_compiler
@pytest.mark.parametrize("signals", [1, 2], ids=["its drain time", "a second signal"])
def test_a_flush_that_hangs_does_not_keep_a_queue_from_ending(
    signals: int, start: Start, context: zmq.Context[Any], tmp_path: Path
) -> None:
    hanging = Hanging(tmp_path, "q.db")
    words = ("--store", str(tmp_path / "q.db"), "--drain", "300ms" if signals == 1 else "1h")
    queue = Queue(start, *words, env=hanging.env)
    caller = Caller(context, queue.frontend)
    assert caller.posted(id_of(1)) == call.KEPT
    hanging.flag.touch()
    caller.send(id_of(2), call.POST)
    until(lambda: queue.count("requests") == 2, "it has the second one")
    caller.socket.close(0)
    queue.program.signal(signal.SIGINT)
    if signals == 2:
        until(lambda: "a second signal leaves at once" in queue.program.err, "it drains")
        queue.program.signal(signal.SIGINT)
    assert queue.program.wait() == 0
    hanging.flag.unlink()
    assert "does not answer; not kept: 1 post" in queue.program.err
    assert [m for m in caller.told if m[:2] == [call.KEPT, id_of(2)]] == []
    again = Queue(start, "--store", str(tmp_path / "q.db"))
    # The system had the bytes of the second one, and may have written them.
    until(lambda: again.count("restored") in (1, 2), "the first one is there")


@needs_compiler
def test_a_flush_that_hangs_does_not_keep_a_streamer_from_ending(
    start: Start, context: zmq.Context[Any], tmp_path: Path
) -> None:
    hanging = Hanging(tmp_path, "s.db")
    words = ("streamer", "--frontend-bind", "tcp://127.0.0.1:*", "--backend-bind")
    more = ("--spool", str(tmp_path / "s.db"), "--drain", "300ms", "--stats", "json")
    streamer = start(
        *words, "tcp://127.0.0.1:*", *more, "--interval", "50ms", ready=True, env=hanging.env
    )
    push = context.socket(zmq.PUSH)
    push.connect(streamer.ready()["frontend"][0])
    hanging.flag.touch()
    for number in range(10):
        push.send(b"%d" % number)
    until(lambda: '"waiting":10' in streamer.out.decode().replace(" ", ""), "it has them")
    push.close(0)
    began = time.monotonic()
    streamer.signal(signal.SIGINT)
    assert streamer.wait() == 0
    print(f"ended after {time.monotonic() - began:.1f} s")
    hanging.flag.unlink()
    assert "10 messages inside may be lost: the spool's disk does not answer" in streamer.err


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 12 MiB, 8 of which the reserve takes."""
    place = tmp_path / "disk"
    place.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=12m", "none", str(place)]
    if os.geteuid() or subprocess.run(mount, check=False, capture_output=True).returncode:
        pytest.skip("may not mount")
    yield place
    subprocess.run(["umount", "-l", str(place)], check=True)


def fills_up(
    start: Start,
    context: zmq.Context[Any],
    queue: Queue,
    fill: Callable[[], None],
    free: Callable[[], None],
) -> None:
    """Posts are refused when the disk is full; what was kept ends; posts are taken again."""
    caller, kept = Caller(context, queue.frontend), 0
    for number in range(20):
        assert caller.posted(id_of(number), bytes(2000)) == call.KEPT
        kept += 1
    fill()
    number = 100
    while (word := caller.posted(id_of(number), bytes(50_000))) == call.KEPT:
        number, kept = number + 1, kept + 1
        assert number < 1000, "it is never full"
    assert word == b"store-full"
    own_worker(start, queue)
    until(lambda: queue.count("replies") >= kept, "what was kept is worked on")
    free()

    def taken() -> bool:
        nonlocal number
        number += 1
        return caller.posted(id_of(number)) == call.KEPT

    until(taken, "a post is taken when there is room")
    assert queue.program.interrupt() == 0, queue.program.err


@needs_compiler
def test_a_disk_that_takes_nothing_more(
    start: Start, context: zmq.Context[Any], tmp_path: Path
) -> None:
    flag = tmp_path / "full"
    surroundings = {"LD_PRELOAD": disk.built(tmp_path), "DISK_PREFIX": str(tmp_path / "q.db")}
    surroundings["DISK_FULL"] = str(flag)
    queue = Queue(start, "--store", str(tmp_path / "q.db"), env=surroundings)
    fills_up(start, context, queue, flag.touch, flag.unlink)


def test_a_file_system_without_room(
    start: Start, context: zmq.Context[Any], small_disk: Path
) -> None:
    queue = Queue(start, "--store", str(small_disk / "q.db"))
    rest = small_disk / "rest"
    fills_up(start, context, queue, lambda: rest.write_bytes(bytes(1 << 20)), rest.unlink)


def test_a_store_that_may_not_be_written_is_refused(start: Start, tmp_path: Path) -> None:
    """On a read-only file system; its owner may write a read-only file when it is root."""
    place = tmp_path / "disk"
    place.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "ro", "none", str(place)]
    if os.geteuid() or subprocess.run(mount, check=False, capture_output=True).returncode:
        pytest.skip("may not mount")
    try:
        queue = start("queue", "--reliable", "--store", str(place / "q.db"), "--stats", "off")
        assert queue.wait() == 1
        assert f"store {place}/q.db: read-only file system" in queue.err
        assert "Traceback" not in queue.err
    finally:
        subprocess.run(["umount", "-l", str(place)], check=True)
