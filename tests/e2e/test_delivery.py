"""A delivery test that anyone can put in a Makefile: stamps in, one JSON line and a status out."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest
import zmq
from support.chaos import ChaosProxy, Weather
from support.processes import Program, Start

from zmqdev.wire.stamp import Stamp, stamped

FREE = "tcp://127.0.0.1:*"


def result(program: Program) -> dict[str, Any]:
    (line,) = program.lines()
    return dict(json.loads(line))


def test_every_message_through_a_streamer_is_proved(start: Start) -> None:
    device = start(
        *("streamer", "--frontend-bind", FREE, "--backend-bind", FREE, "--stats", "off"), ready=True
    )
    ready = device.ready()
    pull = start(
        *("pull", "-c", ready["backend"][0], "--expect", "5000", "--max-loss", "0", "-t", "20s"),
        *("--min-rate", "10", "--max-latency", "20s"),
    )
    push = start(
        *("push", "-c", ready["frontend"][0], "-n", "5000", "-D", "m {n}", "--stamp"),
    )
    assert (push.wait(), pull.wait()) == (0, 0)
    told = result(pull)
    assert (told["received"], told["sources"], told["unmet"]) == (5000, 1, [])
    assert [told[name] for name in ("lost", "doubled", "reordered", "corrupt")] == [0, 0, 0, 0]
    assert 0 < told["latency_p50"] <= told["latency_p99"] <= told["latency_p999"]
    assert device.interrupt() == 0


def test_topics_still_match_and_a_publisher_is_proved(start: Start) -> None:
    sub = start("sub", "-b", FREE, "-s", "topic", "--expect", "100", "-t", "20s", ready=True)
    address = sub.ready()["socket"][0]
    pub = start(
        *("pub", "-c", address, "--wait-subscribers", "1", "-n", "100", "-D", "topic {n}"),
        "--stamp",
    )
    assert (pub.wait(), sub.wait()) == (0, 0)
    assert result(sub)["received"] == 100


def test_a_client_stamps_its_requests(start: Start, context: zmq.Context[Any]) -> None:
    worker = context.socket(zmq.REP)
    port = worker.bind_to_random_port("tcp://127.0.0.1")
    client = start("client", "-c", f"tcp://127.0.0.1:{port}", "-D", "ask", "-n", "1", "--stamp")
    body, seal = worker.recv_multipart()
    assert (body, len(seal)) == (b"ask", 34)
    worker.send(b"done")
    assert client.wait() == 0


def test_fewer_than_expected_is_status_3_and_says_so(
    start: Start, context: zmq.Context[Any]
) -> None:
    pull = start("pull", "-b", FREE, "--expect", "10", "-t", "3s", ready=True)
    push = context.socket(zmq.PUSH)
    push.connect(pull.ready()["socket"][0])
    for number in range(4):
        push.send_multipart(stamped([b"x"], Stamp(b"a source", number, time.time_ns())))
    assert pull.wait() == 3
    told = result(pull)
    assert told["received"] == 4
    assert told["unmet"] == ["4 of 10 messages came"]
    assert "4 of 10 messages came" in pull.err


@pytest.mark.parametrize(
    ("demand", "why"),
    [
        (("--min-rate", "100000000"), "messages a second"),
        (("--max-latency", "1us"), "p99 latency"),
        (("--max-loss", "0"), "corrupt or without a stamp"),
    ],
)
def test_each_demand_can_fail(start: Start, demand: tuple[str, ...], why: str) -> None:
    stamps = () if "stamp" in why else ("--stamp",)
    pull = start("pull", "-b", FREE, "-n", "50", *demand, "-t", "20s", ready=True)
    address = pull.ready()["socket"][0]
    push = start("push", "-c", address, "-n", "50", "-D", "x", "--rate", "500", *stamps)
    assert push.wait() == 0
    assert pull.wait() == 3
    assert why in pull.err
    assert why in result(pull)["unmet"][0]


def test_expect_and_count_together_are_refused(start: Start) -> None:
    pull = start("pull", "-b", FREE, "--expect", "5", "-n", "5")
    assert pull.wait() == 2
    assert "leave one out" in pull.err


def test_a_loss_that_is_no_number_is_refused(start: Start) -> None:
    for loss in ("many", "101%", "-1"):
        assert start("pull", "-b", FREE, f"--max-loss={loss}").wait() == 2


def test_a_corrupted_byte_on_the_way_is_found(start: Start) -> None:
    """ZMTP has no checksum of its own; the stamp has."""
    pull = start("pull", "-b", FREE, "--check", "-n", "20", "-t", "20s", ready=True)
    with ChaosProxy(pull.ready()["socket"][0], Weather(corrupt_at=3000)) as proxy:
        push = start("push", "-c", proxy.address, "-n", "20", "-D", "x" * 500, "--stamp")
        assert (push.wait(), pull.wait()) == (0, 0)
    told = result(pull)
    assert (told["received"], told["corrupt"], told["lost"]) == (19, 1, 1)


def test_a_forwarder_behind_a_slow_network_counts_its_loss_truthfully(start: Start) -> None:
    device = start(
        *("forwarder", "--frontend-bind", FREE, "--backend-bind", FREE, "--stats", "json"),
        *("--interval", "100ms", "--set", "backend.sndhwm=10", "--set", "backend.sndbuf=4096"),
        ready=True,
    )
    ready = device.ready()
    with ChaosProxy(ready["backend"][0], Weather(bandwidth=200_000)) as proxy:
        sub = start(
            *("sub", "-c", proxy.address, "--check", "-t", "2s", "--set", "rcvbuf=4096"),
            *("--set", "rcvhwm=10"),
        )
        pub = start(
            *("pub", "-c", ready["frontend"][0], "--wait-subscribers", "1", "--stamp"),
            *("-n", "3000", "-D", "x" * 1000),
        )
        assert pub.wait() == 0
        sub.wait()
        told = result(sub)
    assert told["lost"] > 0, "the network was slow enough"
    assert told["doubled"] == told["reordered"] == told["corrupt"] == 0
    assert told["received"] + told["lost"] <= 3000
    assert device.interrupt() == 0
