"""Real sockets around a relay, in both halves."""

from __future__ import annotations

import importlib
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import ModuleType
from typing import Any

import pytest
import zmq

from zmqdev.relay import NATIVE, Counters, Lane, twin

PATIENCE = 60.0
"""Seconds until a condition that does not come true fails its test."""


def halves() -> list[str]:
    """Both; one alone when ZMQDEV_RELAY asks for it or the C half was not built."""
    return ["native", "python"] if NATIVE else ["python"]


@pytest.fixture(params=halves())
def half(request: pytest.FixtureRequest) -> ModuleType:
    """One half of the data path: a module with Relay, recv_burst and send_burst."""
    if request.param == "python":
        return twin
    return importlib.import_module("zmqdev.relay.native")


@pytest.fixture
def context() -> Iterator[zmq.Context[zmq.Socket[bytes]]]:
    context = zmq.Context()
    yield context
    context.destroy(linger=0)


def wait_until(condition: Callable[[], Any]) -> Any:
    """Wait for a condition to be true; its value."""
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        value = condition()
        if value:
            return value
        time.sleep(0.001)
    raise AssertionError(f"it did not come true in {PATIENCE} s")


@pytest.fixture
def until() -> Callable[[Callable[[], Any]], Any]:
    return wait_until


class Bench:
    """A relay between two sockets, run by hand or in a thread of its own."""

    def __init__(self, half: ModuleType, context: zmq.Context[zmq.Socket[bytes]]) -> None:
        self.half, self.context = half, context
        self.counters = Counters()
        self.wake = context.socket(zmq.PAIR)
        self.wake.bind(f"inproc://wake-{id(self)}")
        self.bell = context.socket(zmq.PAIR)
        self.bell.connect(f"inproc://wake-{id(self)}")
        self.peers: list[Any] = []
        self.relay: Any = None
        self.frontend: Any = None
        self.backend: Any = None

    def between(
        self,
        frontend: int,
        backend: int,
        forward: Lane = Lane(),  # noqa: B008 (frozen)
        backward: Lane = Lane(),  # noqa: B008 (frozen)
        **options: int,
    ) -> Any:
        """Bind both sockets, `frontend_X=` and `backend_X=` being their options; the relay.

        Inproc, so that a stalled peer lets through what the HWMs of both say, unless
        `tcp=1` is among them.
        """
        self.frontend = self.bound(frontend, options, "frontend_")
        self.backend = self.bound(backend, options, "backend_")
        self.relay = self.half.Relay(
            self.frontend, self.backend, self.wake, self.counters, forward, backward
        )
        return self.relay

    def bound(self, kind: int, options: dict[str, int], prefix: str) -> zmq.Socket[bytes]:
        socket = self.context.socket(kind)
        own = {name.removeprefix(prefix): value for name, value in options.items()}
        tcp = own.pop("tcp", 0)
        for name in own.keys() - options.keys():
            setattr(socket, name, own[name])
        socket.bind("tcp://127.0.0.1:*" if tcp else f"inproc://{prefix}{id(self)}")
        return socket

    def peer(self, kind: int, side: zmq.Socket[bytes], **options: int | bytes) -> Any:
        """A socket connected to one side of the relay."""
        socket = self.context.socket(kind)
        socket.linger = 0
        for name, value in options.items():
            setattr(socket, name, value)
        socket.connect(side.getsockopt_string(zmq.LAST_ENDPOINT))
        self.peers.append(socket)
        return socket

    def one_way(self, forward: Lane = Lane(), **options: int) -> Any:  # noqa: B008 (frozen)
        """A relay from PULL to PUSH."""
        return self.between(zmq.PULL, zmq.PUSH, forward, Lane(enabled=False), **options)

    def ring(self) -> None:
        self.bell.send(b"")

    @contextmanager
    def running(self, **how: Any) -> Iterator[threading.Thread]:
        """The relay runs in a thread while the block does, and must end on the bell."""
        failures: list[BaseException] = []

        def body() -> None:
            try:
                self.relay.run(**how)
            except BaseException as failure:
                failures.append(failure)

        thread = threading.Thread(target=body)
        thread.start()
        try:
            yield thread
        finally:
            self.ring()
            thread.join(PATIENCE)
        assert not thread.is_alive(), "the relay does not hear its wake socket"
        self.wake.recv()
        if failures:
            raise failures[0]

    def forward(self) -> dict[str, int]:
        return self.counters.read()["forward"]

    def backward(self) -> dict[str, int]:
        return self.counters.read()["backward"]


@pytest.fixture
def receive() -> Callable[[Any], list[bytes]]:
    """One message, waited for."""

    def wait_for_one(socket: Any) -> list[bytes]:
        assert socket.poll(PATIENCE * 1000), "nothing came"
        return list(socket.recv_multipart())

    return wait_for_one


@pytest.fixture
def bench(half: ModuleType, context: zmq.Context[zmq.Socket[bytes]]) -> Bench:
    return Bench(half, context)
