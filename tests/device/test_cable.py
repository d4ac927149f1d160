"""A dead connection is told from a resting one by what TCP knows of it."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import zmq
from support import cable as wires
from support import rawpeer

from zmqdev.device import cable
from zmqdev.device.cable import DEAD_AFTER, Cables, CableWatch
from zmqdev.device.peers import PeerWatch
from zmqdev.device.socket import OpenSocket, make
from zmqdev.security.connections import Census
from zmqdev.system.process_info import Trace, WireBytes

# Traced once a second: (seconds, retransmits, probes, unacked, acknowledged_ago).
Row = tuple[float, int, int, int, float]
DEAD: list[Row] = [(t, min(t, 4 + t // 6), 0, 8, t) for t in range(1, 40)]
DEAD_AFTER_A_REST: list[Row] = [(t, min(t, 4 + t // 6), 0, 8, 100 + t) for t in range(1, 40)]
RESTING: list[Row] = [(t, 0, 0, 0, t % 3) for t in range(1, 70)]
RESTING_WITH_A_FULL_WINDOW: list[Row] = [(t, 0, int(t % 7 == 0), 0, t % 7) for t in range(1, 70)]
WINDOW_FULL_AND_DEAD: list[Row] = [(t, 0, min(t, 4 + t // 6), 0, t) for t in range(1, 40)]
IDLE: list[Row] = [(t, 0, 0, 0, t) for t in range(1, 200)]
LOSSY: list[Row] = [(t, t % 4, 0, 5, t % 4) for t in range(1, 70)]
CUT_FOR_15_S: list[Row] = [*DEAD[:15], *((t, 0, 0, 0, 0) for t in range(16, 40))]
A_SLOW_LINK: list[Row] = [(t, t // 30, 0, 3, t % 30) for t in range(1, 70)]


def found_at(rows: list[Row]) -> list[float]:
    cables = Cables[str]()
    return [
        row[0]
        for row in rows
        for _ in cables.look({"peer": Trace(1, *(int(x) for x in row[1:4]), row[4])}, row[0])
    ]


@pytest.mark.parametrize("rows", [DEAD, DEAD_AFTER_A_REST, WINDOW_FULL_AND_DEAD])
def test_a_dead_one_is_found_in_20_to_30_s_and_once(rows: list[Row]) -> None:
    times = found_at(rows)
    assert len(times) == 1
    assert DEAD_AFTER <= times[0] <= 30


@pytest.mark.parametrize(
    "rows", [RESTING, RESTING_WITH_A_FULL_WINDOW, IDLE, LOSSY, CUT_FOR_15_S, A_SLOW_LINK]
)
def test_one_that_lives_is_never_cut(rows: list[Row]) -> None:
    assert found_at(rows) == []


def test_a_descriptor_that_is_used_again_begins_anew() -> None:
    cables = Cables[str]()
    waiting = Trace(1, 9, 0, 4, 60.0)
    cables.look({"old": waiting}, 0.0)
    assert cables.look({"new": waiting}, 30.0) == []
    assert cables.look({"new": waiting}, 51.0) == ["new"]


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """A second of silence is enough, so that no test takes half a minute."""
    monkeypatch.setattr(cable, "DEAD_AFTER", 1.0)
    monkeypatch.setattr(cable, "TRIES", 2)


class Side:
    """A socket of ours that is watched, and a raw peer of it."""

    def __init__(self, context: zmq.Context[Any], type_: str, peer: str) -> None:
        self.opened: OpenSocket = make(context, "side", type_, {"linger": 0})
        self.said: list[tuple[str, str]] = []
        self.opened.guard = self  # type: ignore[assignment]
        self.census = Census()
        self.watch = PeerWatch(self.opened.socket)
        self.opened.bind("tcp://127.0.0.1:*")
        self.peer = rawpeer.shake_hands(self.opened.addresses[0].actual, peer)
        self.cables = CableWatch([(self.opened, self.watch)])
        self.wait(lambda: self.watch.counts.connected == 1)

    def refuse(self, reason: str, text: str, address: str, now: float) -> None:
        self.said.append((reason, text))

    def close(self) -> None:
        """Of the guard: nothing."""

    def wait(self, condition: Callable[[], Any], patience: float = 20.0) -> None:
        end = time.monotonic() + patience
        while not condition():
            assert time.monotonic() < end
            self.watch.drain()
            self.cables.look(time.monotonic())
            time.sleep(0.02)

    def end(self) -> None:
        self.watch.disable()
        self.watch.close()
        self.opened.socket.close(0)
        self.peer.close()


@pytest.fixture
def push(context: zmq.Context[Any]) -> Iterator[Side]:
    side = Side(context, "PUSH", "PULL")
    yield side
    side.end()


@pytest.fixture
def context() -> Iterator[zmq.Context[Any]]:
    made: zmq.Context[Any] = zmq.Context()
    yield made
    made.destroy(linger=0)


@pytest.mark.usefixtures("quick")
def test_a_peer_without_a_cable_is_cut_and_what_was_lost_is_told(push: Side) -> None:
    wires.pull(push.peer)
    push.opened.socket.send(b"x" * 1000)
    push.wait(lambda: push.watch.counts.connected == 0)
    ((reason, text),) = push.said
    assert reason == "silent"
    assert "1009 bytes sent were not acknowledged" in text


@pytest.mark.usefixtures("quick")
def test_a_peer_that_reads_nothing_is_not_cut(push: Side) -> None:
    """Its window is full, and it answers each probe."""
    wire = WireBytes()
    while push.opened.socket.poll(200, zmq.POLLOUT):
        push.opened.socket.send(b"x" * 100_000)
    (descriptor,) = push.watch.connections()
    end = time.monotonic() + 4
    while time.monotonic() < end:
        push.watch.drain()
        push.cables.look(time.monotonic())
        time.sleep(0.05)
    trace = wire.trace(descriptor)
    assert trace is not None
    assert push.watch.counts.connected == 1
    assert push.said == []


@pytest.mark.usefixtures("quick")
def test_an_idle_peer_without_a_cable_is_left_to_keepalive(push: Side) -> None:
    wires.pull(push.peer)
    end = time.monotonic() + 2
    while time.monotonic() < end:
        push.watch.drain()
        push.cables.look(time.monotonic())
        time.sleep(0.05)
    assert push.said == []


def test_what_is_no_tcp_has_no_trace() -> None:
    one, two = socket.socketpair()
    assert WireBytes().trace(one.fileno()) is None
    assert WireBytes().trace(99999) is None
    one.close()
    two.close()
