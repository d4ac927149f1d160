"""What happened to requests, written down by each who takes part, before it acts.

    python -m support.history FILE ADDRESS...      a worker of the queues at these addresses

`Poster` is the client. At the end: lost = kept - executed - told; unexpected = executed - posted.
"""

from __future__ import annotations

import os
import sys
import time
from collections import Counter, OrderedDict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import zmq

from zmqdev.broker.session import Session
from zmqdev.wire import call
from zmqdev.wire.dialect import DIALECTS
from zmqdev.wire.majordomo import request_01

SERVICE = b"default"
# Seconds after which a request is sent again, perhaps to another queue.
AGAIN = 1.0


class Poster:
    """Posts to all the queues, so many open at a time, and asks again for what is not kept."""

    def __init__(
        self, context: zmq.Context[Any], addresses: Sequence[str], open: int = 100
    ) -> None:
        self.socket = context.socket(zmq.DEALER)
        self.socket.linger = 0
        self.socket.immediate = True
        for address in addresses:
            self.socket.connect(address)
        self._random, self._number, self._most = os.urandom(8), 0, open
        self.posted: set[bytes] = set()
        self.kept: set[bytes] = set()
        self.replies: Counter[bytes] = Counter()
        self.told: Counter[str] = Counter()
        self.failed: set[bytes] = set()
        self.kept_at: list[float] = []
        self._open: OrderedDict[bytes, float] = OrderedDict()  # id -> when it is sent again

    def run(self, done: Callable[[], bool], patience: float = 60.0) -> None:
        """Post until then."""
        end = time.monotonic() + patience
        while not done():
            assert time.monotonic() < end, f"{len(self.kept)} kept, {self.told}"
            self.turn(posts=True)

    def run_until_kept(self, more: int) -> None:
        wanted = len(self.kept) + more
        self.run(lambda: len(self.kept) >= wanted)

    def turn(self, posts: bool = False, wait: int = 20) -> None:
        now = time.monotonic()
        while posts and len(self._open) < self._most and self._post(now):
            pass
        while self._open and next(iter(self._open.values())) <= now:
            id, _ = self._open.popitem(last=False)
            self._send(id, call.AGAIN, now)
        if self.socket.poll(wait):
            for _ in range(1000):
                try:
                    self._hear(self.socket.recv_multipart(zmq.NOBLOCK))
                except zmq.Again:
                    break

    def _post(self, now: float) -> bool:
        self._number += 1
        id = self._random + self._number.to_bytes(8, "big")
        self.posted.add(id)
        return self._send(id, call.POST, now)

    def _send(self, id: bytes, mark: bytes, now: float) -> bool:
        self._open[id] = now + AGAIN
        frames = call.wrap(id, request_01(SERVICE, [id]), mark)
        try:
            self.socket.send_multipart(frames, zmq.NOBLOCK)
        except zmq.Again:
            return False
        return True

    def _hear(self, frames: list[bytes]) -> None:
        mark, id = frames[:2]
        if mark == call.KEPT:
            if self._open.pop(id, None) is not None:
                self.kept_at.append(time.monotonic())
            self.kept.add(id)
        elif mark == call.FAILED:
            code = frames[3].decode()
            self.told[code] += 1
            if code in ("dead-letter", "expired", "no-service"):
                self.failed.add(id)
        elif mark in call.MARKS:
            assert frames[-1] == b"done " + id
            self.replies[id] += 1


class Workers:
    """The files of the workers: which ids they have executed."""

    def __init__(self, place: Path) -> None:
        self._place = place

    def executed(self) -> Counter[bytes]:
        found: Counter[bytes] = Counter()
        for path in self._place.glob("executed-*"):
            raw = path.read_bytes()
            found.update(raw[at : at + 16] for at in range(0, len(raw) - 15, 16))
        return found


@dataclass
class Account:
    """What is left when all has ended."""

    posted: int
    kept: int
    executed: int
    lost: set[bytes] = field(repr=False)
    unexpected: set[bytes] = field(repr=False)
    twice: int = 0
    most_replies: int = 0

    def __str__(self) -> str:
        return (
            f"{self.posted} posted, {self.kept} kept, {self.executed} executed, "
            f"{len(self.lost)} lost, {len(self.unexpected)} unexpected, {self.twice} twice, "
            f"at most {self.most_replies} replies to one"
        )


def account(poster: Poster, executed: Counter[bytes]) -> Account:
    return Account(
        posted=len(poster.posted),
        kept=len(poster.kept),
        executed=len(executed),
        lost=poster.kept - executed.keys() - poster.failed,
        unexpected=executed.keys() - poster.posted,
        twice=sum(count > 1 for count in executed.values()),
        most_replies=max(poster.replies.values(), default=0),
    )


def work(path: str, addresses: Iterable[str]) -> None:
    """Until killed: note the id, then reply."""
    context: zmq.Context[Any] = zmq.Context()
    out = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    poller, lines = zmq.Poller(), []
    for address in addresses:
        lines.append(_WorkerLine(context, address))
        poller.register(lines[-1].socket, zmq.POLLIN)
    while True:
        poller.poll(50)
        for line in lines:
            line.turn(out)


class _WorkerLine:
    def __init__(self, context: zmq.Context[Any], address: str) -> None:
        self._address, self._context = address, context
        self._session = Session(DIALECTS["mdp-0.1"], SERVICE, 0.3, time.monotonic())
        self._generation = 0
        self.socket = context.socket(zmq.DEALER)
        self.socket.linger = 0
        self.socket.connect(address)

    def turn(self, out: int) -> None:
        now = time.monotonic()
        session = self._session
        while self.socket.poll(0):
            job = session.receive(self.socket.recv_multipart(), now)
            if job is not None:
                address, body = job
                os.write(out, body[-1])
                session.finish(session.generation, address, [b"done " + body[-1]], now)
        session.tick(now)
        if session.generation != self._generation:
            self._generation = session.generation
            self.socket.disconnect(self._address)
            self.socket.connect(self._address)
        while session.outbox:
            self.socket.send_multipart(session.outbox.pop(0))


if __name__ == "__main__":
    work(sys.argv[1], sys.argv[2:])
