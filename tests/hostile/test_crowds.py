"""Too many peers, too few descriptors, peers that come and go, signals that rain."""

from __future__ import annotations

import resource
import signal
import socket
import threading
import time
from collections.abc import Callable
from typing import Any

import pytest
import zmq
from support import rawpeer
from support.processes import Start, until
from support.vitals import cpu_seconds

from zmqdev.device.tally import NO_DESCRIPTOR

FREE = "tcp://127.0.0.1:*"


def ended(peer: socket.socket) -> bool:
    """Whether the other side has hung up."""
    peer.setblocking(False)
    try:
        while peer.recv(4096):
            continue
    except BlockingIOError:
        return False
    except ConnectionError:
        return True
    return True


@pytest.mark.parametrize("kind", ["forwarder", "streamer", "queue"])
def test_a_crowd_takes_no_descriptor_that_others_need(place: Callable[..., Any], kind: str) -> None:
    """Also when the limit was lowered while it runs: newcomers are cut, those who are in stay."""
    here = place(kind)
    until(lambda: here.shown()["frontend_peers"] == 1, "the good one is in before the crowd comes")
    before = resource.prlimit(here.pid, resource.RLIMIT_NOFILE)
    resource.prlimit(here.pid, resource.RLIMIT_NOFILE, (here.descriptors + 100, before[1]))
    crowd = [rawpeer.connect(here.front) for _ in range(150)]
    until(lambda: any(map(ended, crowd)), "newcomers are cut")
    here.check()
    assert NO_DESCRIPTOR not in here.program.err
    for peer in crowd:
        peer.close()
    resource.prlimit(here.pid, resource.RLIMIT_NOFILE, before)
    here.check_recovered()
    newcomer = {"forwarder": "PUB", "streamer": "PUSH", "queue": "REQ"}[kind]
    rawpeer.shake_hands(here.front, newcomer).close()
    here.end()


@pytest.mark.parametrize("kind", ["forwarder", "streamer", "queue"])
def test_hundreds_come_and_go(place: Callable[..., Any], scale: int, kind: str) -> None:
    here = place(kind)
    types = {"forwarder": ("PUB", "SUB"), "streamer": ("PUSH", "PULL"), "queue": ("REQ", "REP")}
    near, far = types[kind]
    for number in range(100 * scale):
        rawpeer.shake_hands(here.front, near).close()
        # A puller or worker that joins and goes may take a message with it, so none is sent now.
        rawpeer.shake_hands(here.back, far).close()
        if kind == "forwarder" and not number % 50:
            here.check()
    until(lambda: here.shown()["backend_peers"] == 1, "all but the good one have gone")
    here.check_recovered()
    here.end()


def test_signals_rain_and_no_message_is_lost_split_or_doubled(
    place: Callable[..., Any], scale: int
) -> None:
    here = place("streamer")
    count = 8_000
    harmless = (signal.SIGWINCH, signal.SIGCHLD, signal.SIGURG, signal.SIGCONT)
    done = threading.Event()
    rained = 0

    def rain() -> None:
        nonlocal rained
        while not done.is_set():
            here.program.signal(harmless[rained % len(harmless)])
            rained += 1
            time.sleep(0.0005)

    thread = threading.Thread(target=rain, daemon=True)
    thread.start()
    counts = []
    for first in range(0, count, 500):
        for number in range(first, first + 500):
            here.near.send_multipart([b"%d" % number, b"a", b"b" * 100])
        for number in range(first, first + 500):
            assert here.far.recv_multipart() == [b"%d" % number, b"a", b"b" * 100]
        counts.append(here.shown()["forward_messages"])
    until(lambda: rained >= 1000, "a thousand signals")
    done.set()
    thread.join()
    assert counts == sorted(counts), "counters never go back"
    assert not here.far.poll(50)
    until(lambda: here.shown()["forward_messages"] == count, "every message is counted once")
    here.end()


def test_what_is_inside_at_sigterm_is_delivered(start: Start, context: zmq.Context[Any]) -> None:
    device = start(
        *("streamer", "--frontend-bind", FREE, "--backend-bind", FREE, "--drain", "10s"),
        *("--stats", "json", "--interval", "50ms"),
        ready=True,
    )
    ready = device.ready()
    push, pull = context.socket(zmq.PUSH), context.socket(zmq.PULL)
    pull.rcvhwm = 1
    pull.connect(ready["backend"][0])
    push.connect(ready["frontend"][0])
    for number in range(1000):
        push.send(b"%d" % number)
    push.close(10_000)
    until(lambda: b'"forward_messages": 1000,' in device.out, "all to be inside")
    device.signal(signal.SIGTERM)
    for number in range(1000):
        assert pull.poll(60_000), f"message {number} is missing: {device.err}"
        assert pull.recv() == b"%d" % number
    assert device.wait() == 0


@pytest.mark.parametrize("kind", ["forwarder", "streamer", "queue"])
def test_a_quiet_device_costs_no_processor_time(place: Callable[..., Any], kind: str) -> None:
    """Also with every default limit watched: less than 5 % of a core."""
    here = place(kind)
    before, since = cpu_seconds(here.pid), time.monotonic()
    until(lambda: time.monotonic() - since > 1.0, "a second has gone by")
    used = (cpu_seconds(here.pid) - before) / (time.monotonic() - since)
    assert used < 0.05
    here.end()
