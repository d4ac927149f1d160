"""`streamer --spool`: what was read and committed outlives absence, kills and restarts."""

from __future__ import annotations

import json
import os
import random
import re
import signal
import sqlite3
from pathlib import Path
from typing import Any

import pytest
import zmq
from support.processes import Program, Start, until

from zmqdev.relay import recv_burst, send_burst

ANY = "tcp://127.0.0.1:*"
MARK = 50
KILLS = 10 * int(os.environ.get("ZMQDEV_SOAK", "1"))


class Spooled:
    """A streamer with a spool, and what stands at its sides."""

    def __init__(self, start: Start, context: zmq.Context[Any], place: Path) -> None:
        self.start, self.context, self.file = start, context, place / "jobs.db"
        self.device: Program = None  # type: ignore[assignment]
        self.sockets: list[zmq.Socket[bytes]] = []

    def begin(self, *words: str, **options: Any) -> Program:
        sides = ["--frontend-bind", ANY, "--backend-bind", ANY]
        marks = ["--set", f"backend.sndhwm={MARK}", "--stats", "json", "--interval", "100ms"]
        self.device = self.start(
            "streamer", "--spool", str(self.file), *sides, *marks, *words, ready=True, **options
        )
        self.sides = self.device.ready()
        return self.device

    def push(self) -> zmq.Socket[bytes]:
        socket = self.context.socket(zmq.PUSH)
        self.sockets.append(socket)  # one that is collected takes its messages with it
        socket.connect(self.sides["frontend"][0])
        return socket

    def pull(self, mark: int = 1000) -> zmq.Socket[bytes]:
        socket = self.context.socket(zmq.PULL)
        self.sockets.append(socket)
        socket.rcvhwm, socket.rcvtimeo = mark, 30_000
        socket.connect(self.sides["backend"][0])
        return socket

    def numbers(self) -> dict[str, Any]:
        lines = [line for line in self.device.lines() if line.endswith("}")]
        found: dict[str, Any] = json.loads(lines[-1]) if lines else {}
        return {**found, **found.get("spool", {})}

    def reaches(self, **wanted: int) -> None:
        until(
            lambda: all(self.numbers().get(name, -1) >= value for name, value in wanted.items()),
            f"{wanted}",
        )


@pytest.fixture
def spooled(start: Start, context: zmq.Context[Any], tmp_path: Path) -> Spooled:
    return Spooled(start, context, tmp_path)


def send(socket: zmq.Socket[bytes], numbers: range, size: int = 0) -> None:
    """Each number as a message; waits while the streamer does."""
    rest = [[b"%d" % number, b"x" * size] for number in numbers]
    while rest:
        accepted, _ = send_burst(socket, rest)
        rest = rest[accepted:]
        assert not rest or socket.poll(30_000, zmq.POLLOUT), "nobody takes it"


def take(socket: zmq.Socket[bytes], count: int) -> list[int]:
    return [int(socket.recv_multipart()[0]) for _ in range(count)]


def take_until(socket: zmq.Socket[bytes], last: int) -> list[int]:
    found: list[int] = []
    while not found or found[-1] != last:
        found += take(socket, 1)
    return found


def test_what_comes_while_nobody_pulls_is_passed_on_in_order(spooled: Spooled) -> None:
    spooled.begin()
    push = spooled.push()
    send(push, range(20_000))
    spooled.reaches(spooled=20_000, waiting=20_000)
    pull = spooled.pull()
    assert take(pull, 10_000) == list(range(10_000))
    send(push, range(20_000, 30_000))  # while it passes on: behind what is there
    assert take(pull, 20_000) == list(range(10_000, 30_000))
    until(lambda: spooled.numbers()["waiting"] == 0, "the spool is empty")
    before = spooled.numbers()["spooled"]
    send(push, range(100))  # by the relay again
    assert take(pull, 100) == list(range(100))
    spooled.reaches(forward_messages=30_100)
    assert spooled.numbers()["spooled"] == before
    assert spooled.device.interrupt() == 0, spooled.device.err


def test_a_puller_that_stands_still_is_absent(spooled: Spooled) -> None:
    spooled.begin()
    push, pull = spooled.push(), spooled.pull(mark=1)
    until(lambda: spooled.numbers().get("backend_peers") == 1, "the puller is there")
    send(push, range(2000), size=10_000)
    spooled.reaches(spooled=1)
    assert take(pull, 2000) == list(range(2000))


def test_after_a_kill_all_that_was_spooled_comes_and_some_of_it_again(spooled: Spooled) -> None:
    spooled.begin()
    send(spooled.push(), range(5000))
    spooled.reaches(spooled=5000)
    pull = spooled.pull(mark=10)
    first = take(pull, 1000)
    spooled.device.signal(signal.SIGKILL)
    spooled.device.wait()
    while pull.poll(300):
        first += take(pull, 1)
    spooled.begin()
    assert "go first" in spooled.device.err
    second = take_until(spooled.pull(), 4999)
    assert first == list(range(len(first)))
    assert second == list(range(second[0], 5000))
    assert second[0] <= len(first), "something was lost"
    assert spooled.device.interrupt() == 0


def test_a_stop_keeps_what_is_spooled_and_what_pushers_had_sent(spooled: Spooled) -> None:
    spooled.begin()
    push = spooled.push()
    send(push, range(3000))
    assert spooled.device.interrupt() == 0
    [kept] = re.findall(r"([\d,]+) messages stay in spool", spooled.device.err)
    count = int(kept.replace(",", ""))
    assert count > 100
    push.close(0)
    spooled.begin()
    pull = spooled.pull()
    assert take(pull, count) == list(range(count))
    assert spooled.device.interrupt() == 0
    assert "stay in" not in spooled.device.err
    spooled.begin()
    send(spooled.push(), range(7, 8))
    assert take(spooled.pull(), 1) == [7], "nothing came twice"


def test_a_full_spool_makes_pushers_wait(spooled: Spooled) -> None:
    spooled.begin("--spool-size", "1MiB")
    push = spooled.push()
    push.sndhwm = 10
    sent = 0
    while push.poll(1000, zmq.POLLOUT):
        push.send_multipart([b"%d" % sent, bytes(10_000)])
        sent += 1
        assert sent < 100_000, "it never waits"
    until(lambda: spooled.numbers().get("spool_full"), "it says that it is full")
    assert spooled.numbers()["forward_drops"] == 0
    until(lambda: spooled.numbers()["forward_blocked_pct"] > 50, "the wait is shown")
    assert spooled.file.stat().st_size < 3 << 20
    assert take(spooled.pull(), sent) == list(range(sent))
    until(lambda: not spooled.numbers()["spool_full"], "there is room again")
    assert push.poll(30_000, zmq.POLLOUT)


def test_a_full_spool_drops_when_it_is_to_and_counts(spooled: Spooled) -> None:
    spooled.begin("--spool-size", "1MiB", "--on-full", "drop")
    send(spooled.push(), range(1000), size=10_000)
    until(
        lambda: (
            spooled.numbers().get("spooled", 0) + spooled.numbers().get("forward_drops", 0) == 1000
        ),
        f"all are counted: {spooled.numbers()}",
    )
    kept = spooled.numbers()["spooled"]
    assert 20 < kept < 200
    assert take(spooled.pull(), kept) == list(range(kept))


def test_messages_of_any_shape_come_back_whole(spooled: Spooled) -> None:
    spooled.begin()
    push = spooled.push()
    messages = [
        [b""],
        [b"", b""],
        [b"a" * 3_000_000],
        [bytes([n % 256]) for n in range(500)],
        [b"z"],
    ]
    push.send_multipart([b"first"])
    for message in messages:
        push.send_multipart(message)
    spooled.reaches(spooled=6)
    pull = spooled.pull()
    assert [pull.recv_multipart() for _ in range(6)] == [[b"first"], *messages]


def test_a_damaged_row_is_left_out_and_counted(spooled: Spooled) -> None:
    spooled.begin()
    push = spooled.push()
    for number in range(3):
        send(push, range(number, number + 1))
        spooled.reaches(spooled=number + 1)
    spooled.device.signal(signal.SIGKILL)
    spooled.device.wait()
    with sqlite3.connect(spooled.file) as database:
        database.execute("update burst set body = x'00' || body where key = 2")
    spooled.begin()
    assert take(spooled.pull(), 2) == [0, 2]
    spooled.reaches(damaged=1)
    assert "a damaged row of 1 messages was left out" in spooled.device.err


def test_a_pause_moves_nothing_and_a_tap_sees_what_is_passed_on(
    spooled: Spooled, start: Start
) -> None:
    spooled.begin("--capture", ANY, "--name", "jobs")
    send(spooled.push(), range(10))
    spooled.reaches(spooled=10)
    assert start("ctl", "jobs", "pause").wait() == 0
    pull = spooled.pull()
    assert not pull.poll(300)
    status = start("ctl", "jobs", "status")
    assert status.wait() == 0
    assert "spooled 10" in status.out.decode()
    assert start("ctl", "jobs", "resume").wait() == 0
    assert take(pull, 10) == list(range(10))


def broken(path: Path, what: str) -> None:
    if what == "text":
        path.write_text("this is a letter and no database\n" * 200)
        return
    with sqlite3.connect(path) as database:
        database.execute("create table x (y)")
        if what == "later":
            database.execute(f"pragma application_id={int.from_bytes(b'zmqs', 'big')}")
            database.execute("pragma user_version=99")


@pytest.mark.parametrize(
    ("what", "told"),
    [
        ("text", "no spool of zmqdev; name another file"),
        ("other", "made by another program; use another file"),
        ("later", "of version 99; this zmqdev reads up to 1"),
    ],
)
def test_a_file_that_is_none_is_refused(start: Start, tmp_path: Path, what: str, told: str) -> None:
    broken(tmp_path / "x.db", what)
    device = start("streamer", "--spool", str(tmp_path / "x.db"), "--stats", "off")
    assert device.wait() == 1
    assert f"spool {tmp_path}/x.db: {told}" in device.err
    assert "Traceback" not in device.err


def test_a_second_streamer_is_told_who_has_the_file(spooled: Spooled, start: Start) -> None:
    spooled.begin()
    sides = ["--frontend-bind", ANY, "--backend-bind", ANY]
    second = start("streamer", "--spool", str(spooled.file), *sides, "--name", "b")
    assert second.wait() == 1
    assert "in use by process" in second.err


def test_a_file_deleted_while_it_runs_ends_it_with_a_line(spooled: Spooled) -> None:
    spooled.begin()
    spooled.file.unlink()
    send(spooled.push(), range(10))
    assert spooled.device.wait() == 1
    assert "the file was deleted or replaced" in spooled.device.err


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--drop", "x*"], "a spool has one target"),
        (["--demand"], "so nothing is left to spool"),
        (["--frontend-type", "ROUTER", "--backend-type", "DEALER"], "a ROUTER's addresses"),
        (["--frontend-type", "SUB", "--backend-type", "PUB"], "a PUB is never full"),
        (["--set", "backend.sndhwm=0"], "without a high-water mark"),
        (["--spool-size", "5KiB"], "the least is 1MiB"),
    ],
)
def test_what_a_spool_does_not_go_with(start: Start, words: list[str], told: str) -> None:
    device = start("streamer", "--spool", "x.db", *words)
    assert device.wait() == 2
    assert told in device.err


def test_store_shows_what_waits_in_a_spool(spooled: Spooled) -> None:
    """Also while the streamer has it."""
    spooled.begin()
    send(spooled.push(), range(3))
    spooled.reaches(spooled=3)

    def said(*words: str, status: int = 0) -> list[str]:
        told = spooled.start("store", str(spooled.file), *words)
        assert told.wait() == status, told.err
        return told.lines() or told.err.splitlines()

    waiting = said()
    first = waiting[0].split()[1]
    assert waiting[-2].startswith("3 messages of ")
    assert waiting[-1].endswith(f"in use by process {spooled.device.process.pid}")
    assert said("check") == ["ok: 3 messages"]
    assert "  0 | " in said("show", first)[1]
    assert "no row 99, or a damaged one" in said("show", "99", status=1)[0]
    assert "the spool of a streamer, which has no dead letters" in said("dead", status=2)[0]


@pytest.mark.soak
def test_kills_lose_nothing_that_was_spooled(spooled: Spooled) -> None:
    """SIGKILL again and again, with pullers that come and go: each number that was counted as
    spooled comes, and what comes for the first time is in order."""
    chance, found, first = random.Random(5), list[int](), 0
    for _ in range(KILLS):
        spooled.begin()
        push = spooled.push()
        count = chance.randrange(100, 5000)
        send(push, range(first, first + count))
        first += count
        spooled.reaches(spooled=count)
        pull = spooled.pull(mark=10)
        wanted = chance.randrange(1, count)
        while wanted > 0 and pull.poll(30_000):
            burst = recv_burst(pull, min(wanted, 64))
            found += [int(message[0]) for message in burst]
            wanted -= len(burst)
        spooled.device.signal(signal.SIGKILL)
        spooled.device.wait()
        for one in (push, pull):
            one.close(0)
    spooled.begin()
    pull = spooled.pull()
    while len(set(found)) < first and pull.poll(30_000):
        found += [int(message[0]) for message in recv_burst(pull, 4096)]
    assert set(found) == set(range(first)), f"{first - len(set(found))} of {first} lost"
    assert list(dict.fromkeys(found)) == list(range(first)), "not in order"
    print(f"{first} messages, {KILLS} kills, none lost, {len(found) - first} twice")


@pytest.mark.soak
def test_a_million_messages_wait_and_come_in_order(spooled: Spooled) -> None:
    spooled.begin()
    send(spooled.push(), range(1_000_000))
    spooled.reaches(spooled=1_000_000)
    pull, found = spooled.pull(), 0
    while found < 1_000_000:
        assert pull.poll(30_000)
        burst = recv_burst(pull, 4096)
        assert [int(message[0]) for message in burst] == list(range(found, found + len(burst)))
        found += len(burst)
