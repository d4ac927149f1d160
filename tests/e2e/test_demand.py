"""A streamer on demand: work goes to whoever asks, none is taken that others could have."""

from __future__ import annotations

from typing import Any

import pytest
import zmq
from support.processes import Start, until
from support.shown import shown

FREE = "tcp://127.0.0.1:*"
Context = zmq.Context[zmq.Socket[bytes]]
PATIENCE = 60_000


@pytest.fixture
def ends(start: Start) -> tuple[Any, str, str]:
    """The streamer, its frontend and its backend."""
    device = start(
        *("streamer", "--demand", "--frontend-bind", FREE, "--backend-bind", FREE),
        *("--stats", "json", "--interval", "50ms"),
        ready=True,
    )
    found = device.ready()
    return device, found["frontend"][0], found["backend"][0]


def socket(context: Context, type_: int, address: str, **options: Any) -> zmq.Socket[bytes]:
    made = context.socket(type_)
    made.rcvtimeo = made.sndtimeo = PATIENCE
    made.linger = 0
    made.connect(address)
    return made


def test_a_count_takes_no_more_than_it_asks_for(start: Start, ends: tuple[Any, str, str]) -> None:
    """`pull -n 10` three times: with PUSH the first one took all hundred."""
    _, front, back = ends
    push = start("push", "-c", front, "-F", "-", "--drain", "60s")
    assert push.process.stdin is not None
    push.process.stdin.write(b"".join(b"%d\n" % number for number in range(40)))
    push.process.stdin.close()
    came = []
    for _ in range(4):
        pull = start("pull", "-c", back, "--demand", "4", "-n", "10")
        assert pull.wait() == 0
        came += pull.lines()
    assert came == [str(number) for number in range(40)]
    assert push.wait() == 0


def test_req_and_dealer_workers_of_other_makes_ask_each_in_its_way(
    context: Context, ends: tuple[Any, str, str]
) -> None:
    _, front, back = ends
    source = socket(context, zmq.PUSH, front)
    req, dealer = socket(context, zmq.REQ, back), socket(context, zmq.DEALER, back)
    source.send_multipart([b"1", b"two"])
    req.send(b"hello")
    assert req.recv_multipart() == [b"1", b"two"]
    dealer.send_multipart([b"", b"hello"])
    source.send(b"2")
    assert dealer.recv_multipart() == [b"", b"2"]
    dealer.send(b"hello")
    source.send(b"3")
    assert dealer.recv_multipart() == [b"3"]
    req.send(b"done")
    source.send(b"4")
    assert req.recv_multipart() == [b"4"]


def test_a_job_of_a_worker_that_left_goes_to_the_next(
    context: Context, ends: tuple[Any, str, str]
) -> None:
    device, front, back = ends
    gone = socket(context, zmq.DEALER, back)
    for _ in range(3):
        gone.send(b"hello")
    until(lambda: shown(device).get("demand", {}).get("asked") == 3, "it has asked")
    gone.close()
    until(lambda: shown(device)["backend_peers"] == 0, "it has left")
    source, worker = socket(context, zmq.PUSH, front), socket(context, zmq.DEALER, back)
    # libzmq may take jobs for it a moment longer: at most those that it had asked for.
    for number in range(4):
        source.send(b"%d" % number)
    came = []
    while b"3" not in came:
        worker.send(b"hello")
        came += worker.recv_multipart()
    assert came == [b"%d" % number for number in range(4 - len(came), 4)]
    lost = 4 - len(came)
    until(lambda: shown(device)["demand"] == {"asked": 0, "asks_lost": 3 - lost}, "it is counted")


def test_nothing_is_taken_in_that_nobody_asked_for(
    context: Context, ends: tuple[Any, str, str]
) -> None:
    device, front, back = ends
    source = socket(context, zmq.PUSH, front)
    for number in range(20):
        source.send(b"%d" % number)
    worker = socket(context, zmq.DEALER, back)
    for _ in range(5):
        worker.send(b"hello")
    assert [worker.recv() for _ in range(5)] == [b"%d" % number for number in range(5)]
    assert not worker.poll(200)
    assert shown(device)["forward_messages"] == 5
    assert device.interrupt() == 0


@pytest.mark.parametrize(
    ("words", "line"),
    [
        ("forwarder --demand", "demand: only with a streamer, not with a forwarder"),
        ("queue --demand", "demand: only with a streamer, not with a queue"),
        ("streamer --demand --backend-type PUSH", "demand: needs a PULL frontend and a ROUTER"),
        ("pull --demand --type PULL", "demand: the socket type must be DEALER, not PULL"),
        (
            "pull --demand -b tcp://127.0.0.1:*",
            "demand: connect to the streamer; a puller that binds cannot ask",
        ),
        ("pull --demand 0", "--demand: 0 is too small"),
    ],
)
def test_what_demand_does_not_go_with_is_one_line(start: Start, words: str, line: str) -> None:
    program = start(*words.split())
    assert program.wait() == 2
    assert line in program.err
