"""Few descriptors: connections are limited by what there is, and nothing ends the device."""

from __future__ import annotations

import resource
import socket
import time
from contextlib import suppress

import pytest
from support import rawpeer
from support.processes import PATIENCE, Start, until
from support.shown import refused, shown
from support.vitals import descriptors

from zmqdev.device.tally import NO_DESCRIPTOR

FREE = "tcp://127.0.0.1:*"
LIMIT = 256


@pytest.mark.parametrize("kind", ["streamer", "queue", "forwarder"])
def test_a_crowd_at_one_side_leaves_descriptors_for_the_other_and_for_ctl(
    start: Start, kind: str
) -> None:
    device = start(
        *(kind, "--frontend-bind", FREE, "--backend-bind", FREE),
        *("--stats", "json", "--interval", "50ms"),
        ready=True,
    )
    ready = device.ready()
    resource.prlimit(device.process.pid, resource.RLIMIT_NOFILE, (LIMIT, LIMIT))
    front, back = ready["frontend"][0], ready["backend"][0]
    crowd: list[socket.socket] = []
    end = time.monotonic() + PATIENCE
    while refused(device).get("connections", 0) < 50:
        assert time.monotonic() < end, device.err
        with suppress(OSError):
            crowd.append(rawpeer.connect(front, 1.0))
    until(lambda: "ulimit -n" in device.err, "it is told")
    assert NO_DESCRIPTOR not in device.err
    until(lambda: descriptors(device.process.pid) < LIMIT - 16, "they are cut")
    until(lambda: start("ctl", kind, "status").wait() == 0, "ctl is answered")
    far = {"streamer": "PULL", "queue": "REP", "forwarder": "SUB"}[kind]
    rawpeer.shake_hands(back, far).close()
    for peer in crowd:
        peer.close()
    until(lambda: shown(device)["frontend_peers"] == 0, "they have gone")
    near = {"streamer": "PUSH", "queue": "REQ", "forwarder": "PUB"}[kind]
    rawpeer.shake_hands(front, near).close()
    assert device.process.poll() is None
    assert device.interrupt() == 0
