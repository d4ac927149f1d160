"""Bad luck: restarts under traffic, disks that are full, clocks that jump, networks that fail."""

from __future__ import annotations

import ast
import json
import os
import signal
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import zmq
from support.chaos import ChaosProxy
from support.processes import Start, until

import zmqdev

PACKAGE = Path(zmqdev.__file__).parent
FREE = "tcp://127.0.0.1:*"
ANYWHERE = ("--frontend-bind", FREE, "--backend-bind", FREE)


def test_after_a_restart_idle_publishers_lose_no_burst(
    start: Start, context: zmq.Context[Any], free_ports: Callable[[int], list[int]], scale: int
) -> None:
    """S6: a publisher that sends nothing notices nothing, until it is touched."""
    front, back = free_ports(2)
    words = (
        *("forwarder", "--frontend-bind", f"tcp://127.0.0.1:{front}"),
        *("--backend-bind", f"tcp://127.0.0.1:{back}", "--stats", "off"),
    )
    pub, sub = context.socket(zmq.XPUB), context.socket(zmq.SUB)
    for socket in (pub, sub):
        socket.reconnect_ivl, socket.linger = 20, 0
    sub.subscribe(b"")
    # Also the subscription that comes before the old connection is seen to have gone.
    pub.xpub_verbose = 1
    for number in range(min(10, 2 + scale)):
        device = start(*words, ready=True)
        device.ready()
        if not number:
            pub.connect(f"tcp://127.0.0.1:{front}")
            sub.connect(f"tcp://127.0.0.1:{back}")
        subscribed(pub, sub)
        for item in range(200):
            pub.send(b"%d %d" % (number, item))
        for item in range(200):
            assert sub.poll(60_000), f"restart {number}: message {item} is missing"
            assert sub.recv() == b"%d %d" % (number, item)
        device.signal(signal.SIGKILL)
        device.wait()


def subscribed(pub: zmq.Socket[bytes], sub: zmq.Socket[bytes]) -> None:
    """Until the subscription of this life of the forwarder has come."""
    end = time.monotonic() + 20
    while time.monotonic() < end:
        sub.get(zmq.EVENTS)
        if pub.poll(20) and pub.recv() == b"\x01":
            return
    raise AssertionError("the subscription never came")


@pytest.mark.parametrize("name", ["/proc/ready", "/no/such/dir/ready"])
def test_a_file_that_cannot_be_written_is_said_in_a_line(start: Start, name: str) -> None:
    device = start("streamer", *ANYWHERE, "--ready-file", name)
    assert device.wait() == 1
    assert f"cannot write the ready file {name}" in device.err
    assert "Traceback" not in device.err


def test_what_is_no_ordinary_file_is_not_replaced_by_one(start: Start, tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    device = start("streamer", *ANYWHERE, "--ready-file", str(pipe))
    assert device.wait() == 1
    assert pipe.is_fifo()
    assert "not an ordinary file" in device.err


def test_no_wait_depends_on_a_clock_that_can_be_set() -> None:
    """`time.time` is for showing and stamping only; all waiting is by the monotonic clock."""
    shown_only = {
        *("endpoints/tasks/receiver.py", "endpoints/tasks/client.py", "endpoints/stamping.py"),
        *("endpoints/tasks/checking.py", "endpoints/form/template.py", "endpoints/feed.py"),
        *("endpoints/tasks/jobs.py", "endpoints/clock.py", "endpoints/build.py"),
        *("endpoints/tasks/duplex.py", "endpoints/tasks/dialogue.py"),
        "endpoints/tasks/conversation.py",
        # What outlives the process has the time of the wall: no other one goes on meanwhile.
        *("broker/sockets.py", "broker/store_sqlite.py", "broker/store_postgres.py"),
        "system/atomic_file.py",
    }
    found = set()
    for path in PACKAGE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if (
                isinstance(node, ast.Attribute)
                and node.attr in ("time", "time_ns")
                and isinstance(node.value, ast.Name)
                and node.value.id == "time"
            ):
                found.add(str(path.relative_to(PACKAGE)))
    assert {name for name in found if not name.startswith(("report/", "tools/"))} <= shown_only


def test_a_black_hole_is_noticed_by_heartbeats(start: Start) -> None:
    """A pulled cable makes no event of its own."""
    device = start(
        *("streamer", "--frontend-bind", FREE, "--backend-bind", FREE, "--stats", "json"),
        *("--interval", "50ms", "--set", "frontend.heartbeat_ivl=200"),
        *("--set", "frontend.heartbeat_timeout=400"),
        ready=True,
    )

    def peers() -> int:
        whole = device.out.decode().rpartition("\n")[0]
        return int(json.loads(whole.splitlines()[-1])["frontend_peers"]) if whole else -1

    with ChaosProxy(device.ready()["frontend"][0]) as proxy:
        push = start("push", "-c", proxy.address, "-D", "x", "-i", "1m")
        until(lambda: peers() == 1, "the peer is there")
        proxy.black_hole = True
        until(lambda: peers() == 0, "its silence is noticed", 10)
        push.signal(signal.SIGKILL)
    assert device.interrupt() == 0


def test_hundred_threads_of_good_clients_are_all_served(
    place: Callable[..., Any], context: zmq.Context[Any]
) -> None:
    here = place("queue")
    served = threading.Semaphore(0)

    def ask() -> None:
        with context.socket(zmq.REQ) as client:
            client.linger = 0
            client.connect(here.front)
            client.send(b"ask")
            if client.poll(60_000) and client.recv() == b"done":
                served.release()

    threads = [threading.Thread(target=ask, daemon=True) for _ in range(100)]
    for thread in threads:
        thread.start()
    for _ in threads:
        assert here.far.recv() == b"ask"
        here.far.send(b"done")
    for thread in threads:
        thread.join(60)
    assert served._value == 100
    here.end()
