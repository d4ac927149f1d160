"""A device in a hostile place: started, with a well-behaved pair beside it that must not notice."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable
from typing import Any

import pytest
import zmq
from e2e.conftest import context, free_ports, start  # noqa: F401
from support.processes import PATIENCE, Program, Start, until
from support.vitals import MEBIBYTE, descriptors, memory

# 1 in `make test`; `make soak` sets more.
SCALE = int(os.environ.get("ZMQDEV_SOAK", "1"))
FREE = "tcp://127.0.0.1:*"
PAIRS = {
    "forwarder": (zmq.PUB, zmq.SUB),
    "streamer": (zmq.PUSH, zmq.PULL),
    "queue": (zmq.REQ, zmq.REP),
}
# What hostile peers may leave behind in memory (issue: within 64 MiB of the start).
MEMORY_SLACK = 64 * MEBIBYTE


class Place:
    """A device, and a good client on each side of it."""

    def __init__(self, program: Program, kind: str, context: zmq.Context[Any]) -> None:  # noqa: F811
        self.program, self.kind, self._context = program, kind, context
        ready = program.ready()
        self.front, self.back = ready["frontend"][0], ready["backend"][0]
        near, far = PAIRS[kind]
        self.near, self.far = context.socket(near), context.socket(far)
        for socket in (self.near, self.far):
            socket.linger = 0
            socket.rcvtimeo = socket.sndtimeo = round(PATIENCE * 1000)
        if near == zmq.PUB:
            # It waits for the device: what it dropped itself would look like the device's loss.
            self.near.set(zmq.XPUB_NODROP, 1)
        self.near.connect(self.front)
        self.far.connect(self.back)
        if far == zmq.SUB:
            self.far.subscribe(b"good.")
        self._sent = 0
        self._meet()
        self.memory = memory(self.pid)
        self.descriptors = descriptors(self.pid)

    @property
    def pid(self) -> int:
        return self.program.process.pid

    def _meet(self) -> None:
        """Until the subscription has travelled, or at once."""
        end = time.monotonic() + PATIENCE
        while self.kind == "forwarder":
            self.near.send(b"good.hello")
            if self.far.poll(50):
                while self.far.poll(50):
                    self.far.recv()
                return
            assert time.monotonic() < end, "the subscription never came through"

    def check(self) -> None:
        """The good pair is served, each message once and in order.

        A streamer or queue gives work to whoever joins its backend (without keys, that is its
        job), so there the good one must be alone.
        """
        if self.kind != "forwarder":
            since = self.shown()["uptime"]
            until(lambda: self._alone(since), "the good one is alone", 60)
        self.round_trip()

    def round_trip(self) -> None:
        """A message reaches the good one, whole, and is answered where there are answers."""
        self._sent += 1
        body = b"good.%d" % self._sent
        self.near.send_multipart([body, b"second frame"])
        assert self.far.recv_multipart() == [body, b"second frame"]
        if self.kind == "queue":
            self.far.send(b"answer to " + body)
            assert self.near.recv() == b"answer to " + body

    def _alone(self, since: float) -> bool:
        """By a line that is newer than one that may have been written before a crowd came."""
        line = self.shown()
        return bool(line["backend_peers"] == 1 and line["uptime"] > since + 0.25)

    def grown(self) -> int:
        """Bytes of memory more than at the start."""
        return memory(self.pid) - self.memory

    def recovered(self) -> bool:
        """Memory and descriptors are about what they were."""
        return self.grown() < MEMORY_SLACK and descriptors(self.pid) <= self.descriptors + 4

    def check_recovered(self) -> None:
        until(
            self.recovered,
            f"given back: {self.grown() / MEBIBYTE:.0f} MiB grown, "
            f"{descriptors(self.pid)} descriptors of {self.descriptors}",
        )

    def shown(self) -> dict[str, Any]:
        """The last whole statistics line."""
        until(lambda: b"\n" in self.program.out, "a statistics line")
        return dict(json.loads(self.program.out.rpartition(b"\n")[0].splitlines()[-1]))

    def end(self) -> None:
        """It is alive and ends as it should."""
        self.check()
        assert self.program.process.poll() is None
        assert self.program.interrupt() == 0


@pytest.fixture
def place(start: Start, context: zmq.Context[Any]) -> Callable[..., Place]:  # noqa: F811
    """`place("queue", "--flag", ...)` starts a device with a good pair."""

    def begin(kind: str, *words: str) -> Place:
        program = start(
            *(kind, "--frontend-bind", FREE, "--backend-bind", FREE, "--drain", "1s"),
            *("--stats", "json", "--interval", "100ms", "--set", "frontend.handshake_ivl=1000"),
            *("--set", "backend.handshake_ivl=1000", *words),
            ready=True,
        )
        return Place(program, kind, context)

    return begin


@pytest.fixture
def scale() -> int:
    return SCALE
