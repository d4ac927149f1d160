"""Draw the README's picture of the live view from a real run: `make picture`.

A forwarder with a publisher and subscribers in threads of this process runs for a little
more than a minute; what is drawn is what was counted.
"""

from __future__ import annotations

import math
import sys
import threading
import time
from dataclasses import replace
from pathlib import Path

import zmq
from support.processes import until

from zmqdev.device.device import Device
from zmqdev.device.relay_engine import RelayEngine
from zmqdev.options.device import DeviceSpec
from zmqdev.options.device_check import resolve
from zmqdev.options.kind import KINDS
from zmqdev.options.layer import build
from zmqdev.relay import recv_burst
from zmqdev.report.live import INTERVAL
from zmqdev.report.svg import svg
from zmqdev.stats.rates import Record

WIDTH = 100
SUBSCRIBERS = 3
BURST = 1000


def publish(socket: zmq.Socket[bytes], stop: threading.Event) -> None:
    """Ticks, in a load that swings."""
    begun = time.monotonic()
    with socket:
        while not stop.is_set():
            load = 1.15 + math.sin((time.monotonic() - begun) / 6)
            for number in range(int(BURST * load)):
                socket.send(b"ZMQD %d.%02d" % (100 + number % 7, number % 100))
            stop.wait(0.02)


def subscribe(socket: zmq.Socket[bytes], stop: threading.Event) -> None:
    with socket:
        while not stop.is_set():
            if socket.poll(100):
                recv_burst(socket, BURST)


def photograph(seconds: float, publisher: str, forwarder: str) -> str:
    """The SVG after a run of that length: a publisher, a forwarder, three subscribers."""
    context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
    context.setsockopt(zmq.LINGER, 0)
    source = context.socket(zmq.XPUB)
    device = _forwarder(publisher, forwarder)
    device.start()
    # After the start: the forwarder is to see its publisher come.
    source.bind(publisher)
    _, backend = device.snapshot().sides
    sinks = [context.socket(zmq.SUB) for _ in range(SUBSCRIBERS)]
    for sink in sinks:
        sink.setsockopt(zmq.SUBSCRIBE, b"")
        sink.connect(backend.addresses[0].actual)
    stop = threading.Event()
    threads = [threading.Thread(target=publish, args=(source, stop))]
    threads += [threading.Thread(target=subscribe, args=(sink, stop)) for sink in sinks]
    for thread in threads:
        thread.start()
    try:
        return _watch(device, seconds)
    finally:
        stop.set()
        for thread in threads:
            thread.join()
        device.stop()
        device.join()
        context.term()


def _forwarder(publisher: str, address: str) -> Device:
    kind = KINDS["forwarder"]
    spec, written = build(DeviceSpec, [])
    frontend = replace(spec.frontend, connect=(publisher,))
    backend = replace(spec.backend, bind=(address,))
    spec = resolve(kind, replace(spec, frontend=frontend, backend=backend), written)
    return Device("forwarder", kind.name, RelayEngine(kind, spec), drain=1.0)


def _met(device: Device) -> bool:
    """Whether all peers are there and messages come."""
    device.drain_monitors(lambda side, event: None)
    state = device.snapshot()
    counts = [side.peers.connected for side in state.sides]
    return counts == [1, SUBSCRIBERS] and state.flows[0].messages > BURST


def _watch(device: Device, seconds: float) -> str:
    """Look four times a second, as the live view does."""
    until(lambda: _met(device), "the peers")
    record = Record()
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        device.drain_monitors(lambda side, event: None)
        record.take([device.snapshot()])
        time.sleep(INTERVAL)
    return svg(record.seen, width=WIDTH, title="zmqdev forwarder")


if __name__ == "__main__":
    path, length = sys.argv[1:]
    drawn = photograph(float(length), "tcp://127.0.0.1:5555", "tcp://127.0.0.1:5556")
    Path(path).write_text(drawn, encoding="utf-8")
