"""Every arrangement of the README, from flags alone, with zmqdev's own programs on all sides."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

import pytest
from support.processes import Program, Start, until

ANY = "tcp://127.0.0.1:*"
TICK = re.compile(r"[A-Z]+ \d+\.\d\d")


def bound(program: Program, side: str) -> str:
    return program.ready()[side][0]


def device(start: Start, kind: str, *words: str) -> Program:
    return start(kind, *words, "--stats", "off", ready=True)


def publisher(start: Start, *words: str) -> tuple[Program, str]:
    """A `pub` at a free port, and its address."""
    program = start("pub", "-b", ANY, *words, ready=True)
    program.ready()
    return program, program.ready_path.read_text().split()[-1]


def end(programs: Sequence[Program]) -> None:
    for program in programs:
        assert program.interrupt() == 0, program.err
        assert "Traceback" not in program.err


@pytest.mark.parametrize(
    "types",
    [(), ("--frontend-type", "SUB", "--backend-type", "PUB")],
    ids=["xsub-xpub", "sub-pub"],
)
@pytest.mark.parametrize("pub_type", ["PUB", "XPUB"])
def test_ticks_through_a_forwarder(start: Start, types: tuple[str, ...], pub_type: str) -> None:
    pub, address = publisher(start, "--ticks", "-i", "50ms", "--type", pub_type)
    forwarder = device(
        start, "forwarder", "--frontend-connect", address, "--backend-bind", ANY, *types
    )
    sub = start("sub", "-c", bound(forwarder, "backend"), "-n", "3", "-t", "30s")
    assert sub.wait() == 0, sub.err
    assert len(sub.lines()) == 3
    assert all(TICK.fullmatch(line) for line in sub.lines())
    end([forwarder, pub])


def test_work_through_a_streamer_is_shared_and_complete(start: Start) -> None:
    streamer = device(start, "streamer", "--frontend-bind", ANY, "--backend-bind", ANY)
    pulls = [start("pull", "-c", bound(streamer, "backend")) for _ in range(2)]
    push = start("push", "-c", bound(streamer, "frontend"), "-F", "-")
    push.feed(b"".join(b"%d\n" % number for number in range(20_000)))
    assert push.wait() == 0, push.err
    until(lambda: sum(len(pull.lines()) for pull in pulls) == 20_000, "all lines at the pullers")
    received = [[int(line) for line in pull.lines()] for pull in pulls]
    assert sorted(received[0] + received[1]) == list(range(20_000))
    assert all(numbers == sorted(numbers) for numbers in received), "in order on each path"
    end([*pulls, streamer])


def test_a_bounded_pair_ends_by_itself(start: Start) -> None:
    streamer = device(start, "streamer", "--frontend-bind", ANY, "--backend-bind", ANY)
    pull = start("pull", "-c", bound(streamer, "backend"), "-n", "100000", "-t", "30s")
    push = start("push", "-c", bound(streamer, "frontend"), "-F", "-")
    text = b"".join(b"%d\n" % number for number in range(1, 100_001))
    push.feed(text)
    assert push.wait() == 0, push.err
    assert pull.wait() == 0, pull.err
    assert pull.out == text
    end([streamer])


def test_a_streamer_in_two_halves_on_router_and_dealer(start: Start) -> None:
    exit_half = device(
        *(start, "streamer", "--frontend-type", "DEALER", "--frontend-bind", ANY),
        *("--backend-bind", ANY),
    )
    entry = device(
        *(start, "streamer", "--frontend-type", "ROUTER", "--backend-type", "DEALER"),
        *("--frontend-bind", ANY, "--backend-connect", bound(exit_half, "frontend")),
    )
    pull = start("pull", "-c", bound(exit_half, "backend"), "-n", "5", "--frames", "|")
    push = start(
        *("push", "--type", "DEALER", "-c", bound(entry, "frontend")),
        *("--set", "routing_id=me", "-D", "job {n}", "-n", "5"),
    )
    assert push.wait() == 0, push.err
    assert pull.wait() == 0, pull.err
    assert pull.lines() == [f"me|job {number}" for number in range(5)]
    end([entry, exit_half])


@pytest.mark.parametrize("type_", ["DEALER", "REP"])
def test_ten_requests_through_a_queue_shared_by_workers(start: Start, type_: str) -> None:
    queue = device(start, "queue", "--frontend-bind", ANY, "--backend-bind", ANY)
    workers = [
        start("worker", "--type", type_, "-c", bound(queue, "backend"), "--delay", "50ms")
        for _ in range(2)
    ]
    client = start("client", "-c", bound(queue, "frontend"), "-D", "Req-{n}", "-n", "10")
    assert client.wait() == 0, client.err
    assert client.lines() == [f"Processed: Req-{number}" for number in range(10)]
    end([*workers, queue])


def test_a_chain_of_forwarders_over_tcp_and_ipc_with_a_bridge_that_connects_on_both_sides(
    start: Start, tmp_path: Path
) -> None:
    pub, address = publisher(start, "--ticks", "-i", "50ms")
    middle = f"ipc://{tmp_path}/middle"
    east = device(start, "forwarder", "--frontend-connect", address, "--backend-bind", middle)
    east.ready()
    west = device(start, "forwarder", "--frontend-bind", ANY, "--backend-bind", ANY)
    bridge = device(
        *(start, "forwarder", "--frontend-connect", middle),
        *("--backend-connect", bound(west, "frontend")),
    )
    sub = start("sub", "-c", bound(west, "backend"), "-n", "3", "-t", "30s")
    assert sub.wait() == 0, sub.err
    assert all(TICK.fullmatch(line) for line in sub.lines())
    end([bridge, west, east, pub])


def test_a_chain_of_queues_routes_replies_all_the_way_back(start: Start, tmp_path: Path) -> None:
    middle = f"ipc://{tmp_path}/middle"
    near = device(start, "queue", "--frontend-bind", ANY, "--backend-bind", middle)
    near.ready()
    far = device(start, "queue", "--frontend-connect", middle, "--backend-bind", ANY)
    worker = start("worker", "-c", bound(far, "backend"), "--echo")
    client = start("client", "-c", bound(near, "frontend"), "-D", "hop {n}", "-n", "5")
    assert client.wait() == 0, client.err
    assert client.lines() == [f"hop {number}" for number in range(5)]
    end([worker, far, near])


def test_settings_come_from_a_file_as_from_flags(start: Start, tmp_path: Path) -> None:
    file = tmp_path / "streamer.yaml"
    file.write_text(
        f"device: streamer\nfrontend: {{bind: '{ANY}', rcvhwm: 10}}\n"
        f"backend: {{bind: '{ANY}'}}\nstats: off\n"
    )
    streamer = start("streamer", "--config", str(file), ready=True)
    pull = start("pull", "-c", bound(streamer, "backend"), "-n", "1")
    push = start("push", "-c", bound(streamer, "frontend"), "-D", "hello")
    assert push.wait() == 0, push.err
    assert pull.wait() == 0, pull.err
    assert pull.lines() == ["hello"]
    end([streamer])
