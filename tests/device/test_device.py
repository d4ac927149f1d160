"""A device as an object: its life, and what can be asked of it while it runs."""

from __future__ import annotations

import select
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import zmq
from support.processes import until

from zmqdev.device.device import Device
from zmqdev.device.relay_engine import RelayEngine
from zmqdev.errors import RunError
from zmqdev.options.device import DeviceSpec
from zmqdev.options.device_check import resolve
from zmqdev.options.kind import KINDS
from zmqdev.options.layer import build, flag_layer

Context = zmq.Context[zmq.Socket[bytes]]
ANY = ["tcp://127.0.0.1:*"]


def device(kind: str = "streamer", **flags: object) -> Device:
    values = {("frontend", "bind"): ANY, ("backend", "bind"): ANY}
    values |= {tuple(key.split("__")): value for key, value in flags.items()}  # type: ignore[misc]
    spec, written = build(DeviceSpec, [flag_layer(DeviceSpec, values)])
    row = KINDS[kind]
    return Device(kind, kind, RelayEngine(row, resolve(row, spec, written)), drain=2.0)


@pytest.fixture
def running() -> Iterator[Callable[..., Device]]:
    made: list[Device] = []

    def begin(kind: str = "streamer", **flags: object) -> Device:
        made.append(device(kind, **flags))
        made[-1].start()
        return made[-1]

    yield begin
    for item in made:
        item.stop(at_once=True)
        assert item.join(60)


@pytest.fixture
def context() -> Iterator[Context]:
    made: Context = zmq.Context()
    made.setsockopt(zmq.LINGER, 0)
    made.setsockopt(zmq.RCVTIMEO, 60_000)
    yield made
    made.destroy(linger=0)


def ends(item: Device, context: Context, front: int, back: int) -> tuple[zmq.Socket[bytes], ...]:
    """A peer at the frontend and one at the backend."""
    made = []
    for side, type_ in zip(item.snapshot().sides, (front, back), strict=True):
        peer = context.socket(type_)
        peer.connect(side.addresses[0].actual)
        made.append(peer)
    return tuple(made)


def test_it_runs_counts_and_stops(running: Callable[..., Device], context: Context) -> None:
    item = running()
    push, pull = ends(item, context, zmq.PUSH, zmq.PULL)
    for number in range(100):
        push.send_multipart([b"%d" % number, b"more"])
        assert pull.recv_multipart() == [b"%d" % number, b"more"]
    # A message is counted once it was handed on, so its receiver may have it before.
    until(lambda: item.snapshot().flows[0].messages == 100, "all are counted")
    assert item.snapshot().flows[0].bytes == sum(len(b"%d" % n) + 4 for n in range(100))
    item.stop()
    assert item.join(60)
    assert (item.state, item.failure, item.reports) == ("stopped", None, ())


def test_a_peer_that_was_there_first_is_counted(
    running: Callable[..., Device], context: Context
) -> None:
    """Its connection may be made in the moment of the connect, so the monitor comes before."""
    pub = context.socket(zmq.XPUB)
    port = pub.bind_to_random_port("tcp://127.0.0.1")
    for _ in range(10):
        connect = [f"tcp://127.0.0.1:{port}"]
        item = device("forwarder", frontend__connect=connect, frontend__bind=[])
        item.start()
        try:
            end = time.monotonic() + 20
            while not item.snapshot().sides[0].peers.connected:
                assert time.monotonic() < end, "the publisher is connected and not counted"
                item.drain_monitors(lambda side, event: None)
        finally:
            item.stop(at_once=True)
            assert item.join(60)


def test_a_pause_loses_nothing_and_uses_no_cpu(
    running: Callable[..., Device], context: Context
) -> None:
    item = running()
    push, pull = ends(item, context, zmq.PUSH, zmq.PULL)
    push.send(b"first")
    assert pull.recv() == b"first"
    item.pause()
    assert item.snapshot().state == "paused"
    for number in range(500):
        push.send(b"%d" % number)
    before, start = time.process_time(), time.monotonic()
    assert not pull.poll(1000), "nothing passes"
    used = (time.process_time() - before) / (time.monotonic() - start)
    assert used < 0.2, f"{used:.0%} CPU while paused"
    item.resume()
    assert [pull.recv() for _ in range(500)] == [b"%d" % number for number in range(500)]


def test_a_call_runs_in_the_thread_of_the_device_even_under_load(
    running: Callable[..., Device], context: Context
) -> None:
    item = running()
    push, pull = ends(item, context, zmq.PUSH, zmq.PULL)
    flowing = True

    def pump() -> None:
        while flowing:
            push.send(b"x")

    def drain() -> None:
        while flowing:
            pull.poll(20) and pull.recv()

    threads = [threading.Thread(target=target) for target in (pump, drain)]
    for thread in threads:
        thread.start()
    try:
        for _ in range(50):
            assert item.call(lambda: threading.current_thread().name) == "zmqdev-streamer"
    finally:
        flowing = False
        # One thread at a time uses a socket; then the pump may wait for room in its pipe.
        threads[1].join()
        while threads[0].is_alive():
            pull.poll(20) and pull.recv(zmq.DONTWAIT)
        for thread in threads:
            thread.join()


def test_a_call_that_fails_fails_for_the_caller_only(running: Callable[..., Device]) -> None:
    item = running()
    with pytest.raises(ZeroDivisionError):
        item.call(lambda: 1 // 0)
    assert item.call(lambda: "still there") == "still there"


def test_a_stopped_device_refuses_a_call(running: Callable[..., Device]) -> None:
    item = running()
    item.stop()
    assert item.join(60)
    with pytest.raises(RunError, match="has stopped"):
        item.call(lambda: None)


def test_a_device_that_waits_for_its_end_refuses_a_call_at_once(
    running: Callable[..., Device],
) -> None:
    """What was sent may take the whole drain time to leave; no call is taken up meanwhile."""
    item = running()
    item.stop()
    assert select.select([item], [], [], 20)[0]  # it wants `attend`, so its sockets are closed
    with pytest.raises(RunError, match="is ending"):
        item.call(lambda: None)
    assert isinstance(item.post(lambda: None).exception(0), RunError)
    assert item.join(60)


def test_a_device_that_cannot_bind_says_which_address(context: Context) -> None:
    holder = context.socket(zmq.REP)
    port = holder.bind_to_random_port("tcp://127.0.0.1")
    item = device(frontend__bind=[f"tcp://127.0.0.1:{port}"])
    with pytest.raises(
        RunError, match=f"cannot bind tcp://127.0.0.1:{port}: address already in use"
    ):
        item.start()
    assert item.state == "failed"


def test_addresses_come_and_go_without_a_restart(
    running: Callable[..., Device], context: Context
) -> None:
    item = running()
    _, pull = ends(item, context, zmq.PUSH, zmq.PULL)
    frontend = item.engine.sockets()[0]
    added = item.call(lambda: frontend.bind("tcp://127.0.0.1:*"))
    push = context.socket(zmq.PUSH)
    push.connect(added.actual)
    push.send(b"through the new address")
    assert pull.recv() == b"through the new address"
    item.call(lambda: frontend.release(added))
    assert added not in item.snapshot().sides[0].addresses


def test_on_full_changes_at_run_time(running: Callable[..., Device], context: Context) -> None:
    item = running()
    push = context.socket(zmq.PUSH)
    push.connect(item.snapshot().sides[0].addresses[0].actual)
    push.send(b"nobody takes this")
    item.call(lambda: item.engine.configure("on-full", "drop"))
    end = time.monotonic() + 20
    while not item.snapshot().flows[0].counts["full"]:
        assert time.monotonic() < end, "the message without a taker is dropped and counted"


def test_a_capture_gets_a_copy(
    running: Callable[..., Device], context: Context, tmp_path: Path
) -> None:
    address = f"ipc://{tmp_path}/capture"  # a port that was free a moment ago may be taken
    item = running(capture=address)
    push, pull = ends(item, context, zmq.PUSH, zmq.PULL)
    watcher = context.socket(zmq.SUB)
    watcher.subscribe(b"")
    watcher.connect(address)
    while not watcher.poll(50):
        push.send_multipart([b"a", b"b"])
        pull.recv_multipart()
    assert watcher.recv_multipart() == [b"a", b"b"]
