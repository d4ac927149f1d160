"""Every device between programs written with plain pyzmq by other people."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import zmq
from support.processes import Start, until

Context = zmq.Context[zmq.Socket[bytes]]
BIG = b"x" * (64 * 2**20 - 64)
STRANGE = [
    [b""],
    [b"\0\xff\xfe not text \n\r"],
    [b"a", b"", b"b"],
    [b"%d" % n for n in range(1000)],
    [BIG],
]


def sockets(context: Context, *types: int) -> list[zmq.Socket[bytes]]:
    made = [context.socket(type_) for type_ in types]
    for item in made:
        item.set(zmq.RCVTIMEO, 30_000)
        item.set(zmq.SNDTIMEO, 30_000)
        item.set(zmq.LINGER, 0)
    return made


def test_a_forwarder_passes_what_a_publisher_sends(start: Start, context: Context) -> None:
    pub, sub = sockets(context, zmq.XPUB, zmq.SUB)
    port = pub.bind_to_random_port("tcp://127.0.0.1")
    device = start(
        "forwarder",
        "--frontend-connect",
        f"tcp://127.0.0.1:{port}",
        "--backend-bind",
        "tcp://127.0.0.1:*",
        ready=True,
    )
    sub.connect(device.ready()["backend"][0])
    sub.subscribe(b"ACME")
    assert pub.recv() == b"\x01ACME", "the subscription travels to the publisher"
    for message in (b"BOLT 1", b"ACME 1", b"ACME 2"):
        pub.send(message)
    assert [sub.recv(), sub.recv()] == [b"ACME 1", b"ACME 2"]
    sub.unsubscribe(b"ACME")
    assert pub.recv() == b"\x00ACME"
    assert device.interrupt() == 0


def test_a_sub_pub_forwarder_subscribes_by_itself(start: Start, context: Context) -> None:
    pub, sub = sockets(context, zmq.XPUB, zmq.SUB)
    port = pub.bind_to_random_port("tcp://127.0.0.1")
    device = start(
        *("forwarder", "--frontend-type", "sub", "--backend-type", "pub"),
        *("--subscribe", "A", "--frontend-connect", f"tcp://127.0.0.1:{port}"),
        *("--backend-bind", "tcp://127.0.0.1:*"),
        ready=True,
    )
    sub.subscribe(b"")
    sub.connect(device.ready()["backend"][0])
    assert pub.recv() == b"\x01A"
    # The device's PUB learns of the subscriber at its own pace: send until the first arrives.
    while not sub.poll(50):
        pub.send(b"A first")
    pub.send(b"B no")
    pub.send(b"A last")
    received = [sub.recv()]
    while received[-1] != b"A last":
        received.append(sub.recv())
    assert set(received) == {b"A first", b"A last"}
    assert device.interrupt() == 0


@pytest.mark.parametrize("transport", ["tcp", "ipc"])
def test_a_streamer_shares_work_among_pullers_in_order(
    start: Start, context: Context, transport: str, tmp_path: Path
) -> None:
    ends = {
        "tcp": ("tcp://127.0.0.1:*",) * 2,
        "ipc": (f"ipc://{tmp_path}/f", f"ipc://{tmp_path}/b"),
    }
    front, back = ends[transport]
    device = start("streamer", "--frontend-bind", front, "--backend-bind", back, ready=True)
    ready = device.ready()
    push, one, two = sockets(context, zmq.PUSH, zmq.PULL, zmq.PULL)
    for pull in (one, two):
        pull.connect(ready["backend"][0])
        # A puller is served from the moment its first message arrives.
    push.connect(ready["frontend"][0])
    for number in range(2000):
        push.send(b"%d" % number)
    poller = zmq.Poller()
    poller.register(one, zmq.POLLIN)
    poller.register(two, zmq.POLLIN)
    received: dict[zmq.Socket[bytes], list[int]] = {one: [], two: []}
    while sum(map(len, received.values())) < 2000:
        events = poller.poll(30_000)
        assert events, "messages are missing"
        for pull, _ in events:
            received[pull].append(int(pull.recv()))  # type: ignore[index]
    assert sorted(received[one] + received[two]) == list(range(2000))
    assert received[one] == sorted(received[one])
    assert received[two] == sorted(received[two])
    assert device.interrupt() == 0
    if transport == "ipc":
        assert not list(tmp_path.glob("[fb]")), "an own ipc file goes at the end"


@pytest.mark.parametrize("message", STRANGE, ids=["empty", "binary", "gap", "thousand", "64MiB"])
def test_a_streamer_changes_no_byte(start: Start, context: Context, message: list[bytes]) -> None:
    device = start(
        *("streamer", "--frontend-bind", "tcp://127.0.0.1:*"),
        *("--backend-bind", "tcp://127.0.0.1:*"),
        ready=True,
    )
    ready = device.ready()
    push, pull = sockets(context, zmq.PUSH, zmq.PULL)
    push.connect(ready["frontend"][0])
    pull.connect(ready["backend"][0])
    push.send_multipart(message)
    push.send(b"after")
    assert pull.recv_multipart() == message
    assert pull.recv() == b"after"
    assert device.interrupt() == 0


def test_a_one_way_streamer_on_router_and_dealer_in_two_halves(
    start: Start, context: Context
) -> None:
    """ROUTER binds the entry, DEALER connects the halves, and no reply comes back."""
    exit_half = start(
        *("streamer", "--frontend-type", "dealer", "--backend-type", "push"),
        *("--frontend-bind", "tcp://127.0.0.1:*", "--backend-bind", "tcp://127.0.0.1:*"),
        ready=True,
    )
    middle = exit_half.ready()
    entry = start(
        *("streamer", "--frontend-type", "router", "--backend-type", "dealer"),
        *("--frontend-bind", "tcp://127.0.0.1:*", "--backend-connect", middle["frontend"][0]),
        ready=True,
    )
    dealer, pull = sockets(context, zmq.DEALER, zmq.PULL)
    dealer.set(zmq.ROUTING_ID, b"me")
    pull.connect(middle["backend"][0])
    dealer.connect(entry.ready()["frontend"][0])
    dealer.send_multipart([b"", b"work"])
    assert pull.recv_multipart() == [b"me", b"", b"work"]
    assert not dealer.poll(100)
    assert entry.interrupt() == 0
    assert exit_half.interrupt() == 0


def answer(type_: int, address: str, name: bytes, over: threading.Event) -> None:
    """An ordinary worker: REP, or a DEALER that keeps the envelope. In a thread of its own."""
    with zmq.Context() as own, own.socket(type_) as socket:
        socket.set(zmq.LINGER, 0)
        socket.connect(address)
        while not over.is_set():
            if socket.poll(20):
                *envelope, body = socket.recv_multipart()
                socket.send_multipart([*envelope, name + b" did " + body])


@contextmanager
def workers(address: str, shapes: dict[bytes, int]) -> Iterator[None]:
    """A worker for each name and socket type, while this is open."""
    over = threading.Event()
    threads = [
        threading.Thread(target=answer, args=(type_, address, name, over))
        for name, type_ in shapes.items()
    ]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        over.set()
        for thread in threads:
            thread.join()


def test_a_queue_shares_requests_among_workers_and_routes_replies_back(
    start: Start, context: Context
) -> None:
    device = start(
        *("queue", "--frontend-bind", "tcp://127.0.0.1:*", "--backend-bind", "tcp://127.0.0.1:*"),
        *("--stats", "json"),
        ready=True,
    )
    ready = device.ready()
    clients = sockets(context, zmq.REQ, zmq.REQ)
    answered = set()
    for client in clients:
        client.connect(ready["frontend"][0])
    with workers(ready["backend"][0], {b"rep": zmq.REP, b"dealer": zmq.DEALER}):
        # One worker may be known before the other, so ask until both have answered.
        number = 0
        while len(answered) < 2:
            for client in clients:
                client.send(b"%d" % number)
            for client in clients:
                name, _, body = client.recv().partition(b" did ")
                assert body == b"%d" % number, "a reply belongs to its request"
                answered.add(name)
            number += 1
    assert answered == {b"rep", b"dealer"}
    assert device.interrupt() == 0


def test_a_queue_forgets_a_client_that_left_and_serves_the_next(
    start: Start, context: Context
) -> None:
    device = start(
        *("queue", "--frontend-bind", "tcp://127.0.0.1:*", "--backend-bind", "tcp://127.0.0.1:*"),
        *("--stats", "json", "--interval", "50ms"),
        ready=True,
    )
    ready = device.ready()
    gone, client, worker = sockets(context, zmq.REQ, zmq.REQ, zmq.DEALER)
    gone.connect(ready["frontend"][0])
    gone.send(b"lost")
    worker.connect(ready["backend"][0])
    envelope = worker.recv_multipart()
    gone.close(0)

    def left() -> bool:
        lines = device.lines()
        return bool(lines) and json.loads(lines[-1])["frontend_disconnects"] == 1

    until(left, "the client's connection ends")
    worker.send_multipart(envelope)
    client.connect(ready["frontend"][0])
    client.send(b"next")
    worker.send_multipart(worker.recv_multipart())
    assert client.recv() == b"next"
    assert device.interrupt() == 0
    assert json.loads(device.lines()[-1])


def test_several_addresses_on_each_side(start: Start, context: Context, tmp_path: Path) -> None:
    (push_side, pull_side) = sockets(context, zmq.PUSH, zmq.PULL)
    port = push_side.bind_to_random_port("tcp://127.0.0.1")
    device = start(
        *("streamer", "--frontend-bind", "tcp://127.0.0.1:*"),
        *("--frontend-bind", f"ipc://{tmp_path}/in"),
        *("--frontend-connect", f"tcp://127.0.0.1:{port}"),
        *("--backend-bind", "tcp://127.0.0.1:0", "--backend-bind", f"ipc://{tmp_path}/out"),
        ready=True,
    )
    ready = device.ready()
    assert len(ready["frontend"]) == 3
    assert len(ready["backend"]) == 2
    pull_side.connect(f"ipc://{tmp_path}/out")
    push_side.send(b"connected")
    assert pull_side.recv() == b"connected"
    for address in ready["frontend"][:2]:
        (push,) = sockets(context, zmq.PUSH)
        push.connect(address)
        push.send(address.encode())
        assert pull_side.recv() == address.encode()
    assert device.interrupt() == 0
