"""What a peer may ask of a device: who crosses a limit pays for it, and nobody else notices."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import zmq
from support.processes import PATIENCE, Start, until
from support.shown import refused, shown

Context = zmq.Context[zmq.Socket[bytes]]
FREE = "tcp://127.0.0.1:*"


def test_one_address_gets_only_so_many_connections(start: Start, context: Context) -> None:
    device = start(
        *("streamer", "--frontend-bind", FREE, "--backend-bind", FREE),
        *("--limits-connections-per-address", "4", "--stats", "json", "--interval", "50ms"),
        ready=True,
    )
    front, back = (device.ready()[side][0] for side in ("frontend", "backend"))
    good, pull = context.socket(zmq.PUSH), context.socket(zmq.PULL)
    good.connect(front)
    pull.connect(back)
    good.send(b"before")
    assert pull.recv() == b"before"
    crowd = [context.socket(zmq.PUSH) for _ in range(40)]
    for one in crowd:
        one.connect(front)
    until(lambda: refused(device).get("connections", 0) >= 20, "the crowd is refused")
    good.send(b"after")
    assert pull.poll(PATIENCE * 1000)
    assert pull.recv() == b"after"
    until(lambda: shown(device)["frontend_peers"] <= 4, "those over the limit are cut")
    assert device.interrupt() == 0


def test_an_endpoint_that_binds_has_the_same_limits(start: Start, context: Context) -> None:
    taker = start("pull", "-b", FREE, "--limits-connections-per-address", "4", ready=True)
    address = taker.ready()["socket"][0]
    good = context.socket(zmq.PUSH)
    good.connect(address)
    good.send(b"before")
    until(lambda: taker.out == b"before\n", "it came")
    crowd = [context.socket(zmq.PUSH) for _ in range(20)]
    for one in crowd:
        one.connect(address)
    told = "127.0.0.1 has reached its limit of 4 connections"
    until(lambda: told in taker.err, "the crowd is refused")
    good.send(b"after")
    until(lambda: taker.out == b"before\nafter\n", "the good one goes on")
    assert taker.interrupt() == 0


def test_a_subscriber_of_too_many_topics_is_cut_and_nobody_else_notices(
    start: Start, context: Context
) -> None:
    device = start(
        *("forwarder", "--frontend-bind", FREE, "--backend-bind", FREE),
        *("--limits-subscriptions-per-peer", "100", "--stats", "json", "--interval", "50ms"),
        ready=True,
    )
    front, back = (device.ready()[side][0] for side in ("frontend", "backend"))
    good, greedy = context.socket(zmq.SUB), context.socket(zmq.SUB)
    pub = context.socket(zmq.XPUB)
    pub.connect(front)
    good.connect(back)
    good.subscribe(b"good")
    assert pub.recv() == b"\x01good"
    greedy.reconnect_ivl = -1
    greedy.connect(back)
    for number in range(1000):
        greedy.subscribe(b"topic-%d" % number)
    until(lambda: refused(device, 1).get("subscriptions"), "it is cut")
    assert "too many subscriptions" in device.err
    pub.send(b"good news")
    assert good.poll(PATIENCE * 1000)
    assert good.recv() == b"good news"
    told = 0
    held: set[bytes] = set()

    def given_back() -> bool:
        nonlocal told
        while pub.poll(0):
            message = pub.recv()
            (held.add if message[0] else held.discard)(message[1:])
            told += 1
        return told > 0 and not held

    until(given_back, "the publisher is told of the end of what it was told of")
    assert not pub.poll(500)
    assert told <= 2 * 100
    assert device.interrupt() == 0


def test_a_terminal_that_closes_ends_a_device_without_files_to_read_again(start: Start) -> None:
    device = start("streamer", "--frontend-bind", FREE, "--backend-bind", FREE, ready=True)
    device.ready()
    device.signal(signal.SIGHUP)
    assert device.wait() == -signal.SIGHUP


def test_the_soft_limit_of_descriptors_is_raised(start: Start) -> None:
    device = start("streamer", "--frontend-bind", FREE, "--backend-bind", FREE, ready=True)
    device.ready()
    limits = Path(f"/proc/{device.process.pid}/limits").read_text().splitlines()
    row = next(line for line in limits if line.startswith("Max open files"))
    soft, hard = row.split()[3:5]
    assert soft == hard
    assert os.path.exists(f"/proc/{device.process.pid}")
    assert device.interrupt() == 0
