"""Networks that fail, between every pair of parts.

| faults | plain devices | reliable queue |
|---|---|---|
| slow, narrow, one byte at a time | nothing is lost | nothing is lost |
| resets, a black hole | what is lost is counted | nothing is lost |
| a flipped byte | what is lost or corrupt is counted | nothing is lost, with CURVE |

ZMTP has no checksum, so without CURVE a flipped byte can make another request of one.

`make test` has one mix for each pair, `make soak` all mixes and each fault alone, and longer
storms. The dice are cast anew each time; ZMQDEV_SEED=N repeats a run.
"""

from __future__ import annotations

import json
import os
import random
import re
import time
from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from support.chaos import CUTS, HARMLESS, ChaosProxy, Storm
from support.processes import Program, Start, until

from zmqdev.security.keyfile import generate, write_pair

FREE = "tcp://127.0.0.1:*"
ANYWHERE = ("--frontend-bind", FREE, "--backend-bind", FREE, "--stats", "off")
RECONNECT = ("--set", "reconnect_ivl=20", "--set", "reconnect_ivl_max=100")
SEED = int(os.environ.get("ZMQDEV_SEED", "0")) or random.SystemRandom().randrange(1, 10**6)
# Faults let loose in one storm.
SHORT, LONG = 12, 60
CUTTING = (*HARMLESS, *CUTS)
ALL = (*CUTTING, "corrupt")


class Place:
    """Where a storm goes on: who is started there, and the keys of those who have some."""

    def __init__(self, start: Start, path: Path) -> None:
        self.start, self._path = start, path / "keys"

    def device(self, *words: str) -> tuple[Program, str, str]:
        program = self.start(*words, ready=True)
        ready = program.ready()
        return program, ready["frontend"][0], ready["backend"][0]

    def server(self, side: str) -> tuple[str, ...]:
        self._make_keys()
        key, friends = self._path / "server.key_secret", self._path / "friends"
        return (f"--{side}-curve-key", str(key), f"--{side}-authorized-keys", str(friends))

    def client(self, prefix: str = "--") -> tuple[str, ...]:
        self._make_keys()
        own, server = self._path / "friends" / "alice.key_secret", self._path / "server.key"
        return (f"{prefix}curve-key", str(own), f"{prefix}server-key", str(server))

    def _make_keys(self) -> None:
        if not self._path.exists():
            (self._path / "friends").mkdir(parents=True)
            for name in ("server", "friends/alice"):
                write_pair(generate(), self._path / name, datetime(2024, 2, 29))


class Stream:
    """A sender whose lines the test writes, and a reader that checks what comes of them."""

    def __init__(self, start: Start, kind: str, near: str, far: str) -> None:
        ends = {"forwarder": ("pub", "sub"), "streamer": ("push", "pull")}[kind]
        wait = ("--wait-subscribers", "1") if kind == "forwarder" else ()
        told = ("--stats", "json", "--stats-interval", "50ms")
        self.sent = 0
        self.reader = start(ends[1], "-c", far, "--check", *told, *RECONNECT)
        self.writer = start(ends[0], "-c", near, "--stamp", "--drain", "10s", *wait, *RECONNECT)

    def write(self, count: int = 1) -> None:
        write_lines(self.writer, self.sent, count)
        self.sent += count

    def run(self, storm: Storm, length: int) -> dict[str, Any]:
        """What the reader tells of it. It has the first message before the storm begins, so that
        it knows where counting begins, and the last one after."""
        self.write()
        until(self._has_last, f"the first message: {self.writer.err}")
        with storm:
            while storm.seen.total() < length:
                self.write(5)
                time.sleep(0.01)
        until(self._has_another, f"messages come again: {self._seen()} {self.reader.err[-300:]}")
        close_input(self.writer)
        assert self.writer.wait() == 0, self.writer.err
        assert self.reader.interrupt() == 0
        return dict(json.loads(self.reader.lines()[-1]))

    def _has_another(self) -> bool:
        """Write one more; whether it comes at once, as it does when the connection is back."""
        self.write()
        end = time.monotonic() + 0.5
        while not self._has_last() and time.monotonic() < end:
            time.sleep(0.02)
        return self._has_last()

    def _has_last(self) -> bool:
        seen = self._seen()
        return bool(seen) and self.sent == (
            seen["received_messages"] - seen["corrupt"] + seen["lost"]
        )

    def _seen(self) -> dict[str, Any]:
        """The reader's last line of statistics."""
        lines = [line for line in self.reader.err.split("\n")[:-1] if line.startswith("{")]
        return dict(json.loads(lines[-1])) if lines else {}


def write_lines(program: Program, first: int, count: int) -> None:
    pipe = program.process.stdin
    assert pipe is not None
    pipe.write(b"".join(b"message %d\n" % (first + number) for number in range(count)))
    pipe.flush()


def close_input(program: Program) -> None:
    assert program.process.stdin is not None
    program.process.stdin.close()


Scenario = Callable[[Place, Sequence[str], int], None]


def one_way(kind: str, stormy: str) -> Scenario:
    def play(place: Place, faults: Sequence[str], length: int) -> None:
        device, front, back = place.device(kind, *ANYWHERE)
        with ChaosProxy(front) as near, ChaosProxy(back) as far:
            proxy = near if stormy == "near" else far
            stream = Stream(place.start, kind, near.address, far.address)
            told = stream.run(Storm([proxy], faults, SEED), length)
            check_truth(told, stream.sent, faults, proxy.corrupted)
        assert device.interrupt() == 0, device.err[-1000:]

    return play


def bridge(place: Place, faults: Sequence[str], length: int) -> None:
    """Two streamers, the second with keys; between them nothing corrupt can come through."""
    there, front, back = place.device("streamer", *ANYWHERE, *place.server("frontend"))
    with ChaosProxy(front) as proxy:
        here = place.start(
            *("streamer", "--frontend-bind", FREE, "--backend-connect", proxy.address),
            *("--set", "backend.reconnect_ivl=20", "--set", "backend.reconnect_ivl_max=100"),
            *("--stats", "off", *place.client("--backend-")),
            ready=True,
        )
        stream = Stream(place.start, "streamer", here.ready()["frontend"][0], back)
        told = stream.run(Storm([proxy], faults, SEED), length)
        check_truth(told, stream.sent, faults, 0)
    assert here.interrupt() == there.interrupt() == 0


def check_truth(told: dict[str, Any], sent: int, faults: Sequence[str], flipped: int) -> None:
    """What the reader tells adds up, and nothing happened for which there was no reason."""
    assert told["received"] + told["lost"] == sent
    assert told["doubled"] == 0
    # A flipped length makes several messages of one.
    assert flipped or not told["corrupt"]
    if set(faults) <= set(HARMLESS):
        assert (told["received"], told["reordered"]) == (sent, 0)


def requests(
    place: Place, stormy: str, faults: Sequence[str], length: int, *, reliable: bool
) -> tuple[Program, int]:
    """A client that has asked through a storm and ended, and how often it asked."""
    keys = reliable and "corrupt" in faults
    kind = ("--reliable",) if reliable else ()
    sides = (*place.server("frontend"), *place.server("backend")) if keys else ()
    own = place.client() if keys else ()
    asking = ("--timeout", "1s", "--retries", "60") if reliable else ("--timeout", "10s")
    if not reliable and not set(faults) <= set(HARMLESS):
        asking = ("--timeout", "400ms")
    device, front, back = place.device("queue", *kind, *ANYWHERE, *sides)
    with ChaosProxy(front) as near, ChaosProxy(back) as far:
        for _ in range(2):
            there = (far.address, "--reply", "did {body}", *RECONNECT)
            place.start("worker", *kind, "-c", *there, *own)
        here = (near.address, *asking, "--window", "10", *RECONNECT)
        client = place.start("client", *kind, "-c", *here, *own)
        sent = 0
        while not client.out:  # a plain request finds no worker until there is one
            write_lines(client, sent, 1)
            sent += 1
            assert sent < 300, f"no reply at all: {client.err}"
            time.sleep(0.1)
        proxy = near if stormy == "near" else far
        with Storm([proxy], faults, SEED) as storm:
            while storm.seen.total() < length:
                write_lines(client, sent, 2)
                sent += 2
                time.sleep(0.01)
        close_input(client)
        client.wait(90)
    assert device.interrupt() == 0, device.err[-1000:]
    return client, sent


def plain_queue(stormy: str) -> Scenario:
    def play(place: Place, faults: Sequence[str], length: int) -> None:
        """Each request is answered, or said to be unanswered."""
        client, sent = requests(place, stormy, faults, length, reliable=False)
        answered = client.out.count(b"\n")
        told = re.search(r"(\d+) of (\d+) requests? had no reply", client.err)
        unanswered = int(told[1]) if told else 0
        assert answered + unanswered == sent, client.err[-500:]
        assert client.process.returncode == (3 if unanswered else 0)
        if "corrupt" not in faults:
            expected = {f"did message {number}" for number in range(sent)}
            assert len(set(client.lines())) == answered
            assert set(client.lines()) <= expected
        if set(faults) <= set(HARMLESS):
            assert answered == sent

    return play


def reliable_queue(stormy: str) -> Scenario:
    def play(place: Place, faults: Sequence[str], length: int) -> None:
        """Each request is answered, once."""
        client, sent = requests(place, stormy, faults, length, reliable=True)
        assert client.process.returncode == 0, client.err[-500:]
        assert sorted(client.lines()) == sorted(f"did message {n}" for n in range(sent))

    return play


# The pair, what is played, and the faults of the short form.
PAIRS: dict[str, tuple[Scenario, tuple[str, ...]]] = {
    "publisher to forwarder": (one_way("forwarder", "near"), HARMLESS),
    "forwarder to subscriber": (one_way("forwarder", "far"), ALL),
    "pusher to streamer": (one_way("streamer", "near"), ALL),
    "streamer to puller": (one_way("streamer", "far"), HARMLESS),
    "bridge, side to side": (bridge, ALL),
    "client to queue": (plain_queue("near"), HARMLESS),
    "queue to worker": (plain_queue("far"), ALL),
    "client to reliable queue": (reliable_queue("near"), CUTTING),
    "reliable queue to worker": (reliable_queue("far"), ALL),
}
MIXES = {"harmless": HARMLESS, "cutting": CUTTING, "all": ALL} | {
    fault: (fault,) for fault in ALL if fault != "slow"
}


@pytest.fixture
def place(start: Start, tmp_path: Path) -> Place:
    print(f"ZMQDEV_SEED={SEED}")
    return Place(start, tmp_path)


@pytest.mark.parametrize("pair", PAIRS)
def test_a_storm_does_no_more_harm_than_is_told(place: Place, pair: str) -> None:
    play, faults = PAIRS[pair]
    play(place, faults, SHORT)


@pytest.mark.soak
@pytest.mark.parametrize("mix", MIXES)
@pytest.mark.parametrize("pair", PAIRS)
def test_long_storms_do_no_more_harm_than_is_told(place: Place, pair: str, mix: str) -> None:
    play, _ = PAIRS[pair]
    play(place, MIXES[mix], LONG)
