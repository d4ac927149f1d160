"""Programs of other authors against the reliable queue, unmodified."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator

import majortomo
import pytest
import zmq
from support import peers
from support.processes import Start, until
from support.reliable import Queue

Context = zmq.Context[zmq.Socket[bytes]]
Serve = Callable[..., None]
Dealer = Callable[..., zmq.Socket[bytes]]
PATIENCE = 60_000
# `req-byte` is a REQ worker too.
PROTOCOLS = [*peers.PROTOCOLS, "req", "req-byte"]


class Addresses:
    """A reliable queue of the test."""

    def __init__(self, start: Start, *arguments: str, shared: bool = False) -> None:
        own = () if shared else ("--backend-bind", "tcp://127.0.0.1:*")
        self.program = start(
            *("queue", "--reliable", "--stats", "off", "--service", "echo"),
            *("--frontend-bind", "tcp://127.0.0.1:*"),
            *(*own, *arguments),
            ready=True,
        )
        ready = self.program.ready()
        self.frontend = ready["frontend"][0]
        self.backend = self.frontend if shared else ready["backend"][0]


@pytest.fixture(params=["two addresses", "one address"])
def queue(start: Start, request: pytest.FixtureRequest) -> Addresses:
    """Majordomo's programs of the Guide use one address for clients and workers (RFC 7, 18)."""
    return Addresses(start, shared=request.param == "one address")


@pytest.fixture
def dealer(context: Context) -> Dealer:
    def connect(address: str, type_: int = zmq.DEALER) -> zmq.Socket[bytes]:
        socket = context.socket(type_)
        socket.connect(address)
        return socket

    return connect


def received(socket: zmq.Socket[bytes]) -> list[bytes]:
    assert socket.poll(PATIENCE), "nothing came"
    return socket.recv_multipart()


def worker_hears(socket: zmq.Socket[bytes], lead: list[bytes], pulse: list[bytes]) -> list[bytes]:
    """The next message that is no heartbeat, without its lead."""
    while (frames := received(socket)) == pulse:
        pass
    assert frames[: len(lead)] == lead
    return frames[len(lead) :]


def test_the_guides_majordomo_client_and_worker(
    queue: Addresses, context: Context, dealer: Dealer
) -> None:
    """RFC 7 word for word: a REQ client, a DEALER worker."""
    worker = dealer(queue.backend)
    worker.send_multipart([b"", b"MDPW01", b"\x01", b"coffee"])
    client = context.socket(zmq.REQ)
    client.connect(queue.frontend)
    client.send_multipart([b"MDPC01", b"coffee", b"espresso", b"two"])
    lead, pulse = [b"", b"MDPW01", b"\x02"], [b"", b"MDPW01", b"\x04"]
    address, empty, *body = worker_hears(worker, lead, pulse)
    assert (empty, body) == (b"", [b"espresso", b"two"])
    worker.send_multipart([b"", b"MDPW01", b"\x03", address, b"", b"here you are"])
    assert received(client) == [b"MDPC01", b"coffee", b"here you are"]


def test_the_guides_asynchronous_client_gets_all_its_replies(
    queue: Addresses, dealer: Dealer, hire_peer: Serve
) -> None:
    hire_peer("mdp-0.1", queue.backend)
    client = dealer(queue.frontend)
    for number in range(100):
        client.send_multipart([b"", b"MDPC01", b"echo", b"%d" % number])
    replies = [received(client) for _ in range(100)]
    assert all(reply[:3] == [b"", b"MDPC01", b"echo"] for reply in replies)
    assert {reply[3] for reply in replies} == {b"%d by peer" % number for number in range(100)}


def test_the_guides_service_discovery(queue: Addresses, context: Context, hire_peer: Serve) -> None:
    client = context.socket(zmq.REQ)
    client.connect(queue.frontend)

    def looked_up(name: bytes) -> list[bytes]:
        client.send_multipart([b"MDPC01", b"mmi.service", name])
        return received(client)

    assert looked_up(b"echo") == [b"MDPC01", b"mmi.service", b"404"]
    hire_peer("mdp-0.1", queue.backend)
    until(lambda: looked_up(b"echo")[-1] == b"200", "the service is found")
    client.send_multipart([b"MDPC01", b"mmi.discover", b"echo"])
    assert received(client) == [b"MDPC01", b"mmi.discover", b"501"]


def test_a_majordomo_2_client_and_worker_with_partial_replies(
    queue: Addresses, dealer: Dealer
) -> None:
    """RFC 18: no empty frame in front, PARTIAL and FINAL."""
    worker, client = dealer(queue.backend), dealer(queue.frontend)
    worker.send_multipart([b"MDPW02", b"\x01", b"list"])
    client.send_multipart([b"MDPC02", b"\x01", b"list", b"all"])
    address, empty, *body = worker_hears(worker, [b"MDPW02", b"\x02"], [b"MDPW02", b"\x05"])
    assert (empty, body) == (b"", [b"all"])
    worker.send_multipart([b"MDPW02", b"\x03", address, b"", b"one"])
    worker.send_multipart([b"MDPW02", b"\x03", address, b"", b"two"])
    worker.send_multipart([b"MDPW02", b"\x04", address, b"", b"end"])
    assert [received(client) for _ in range(3)] == [
        [b"MDPC02", b"\x02", b"list", b"one"],
        [b"MDPC02", b"\x02", b"list", b"two"],
        [b"MDPC02", b"\x03", b"list", b"end"],
    ]


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_an_ordinary_req_client_is_served_by_any_worker(
    queue: Addresses, context: Context, hire_peer: Serve, protocol: str
) -> None:
    """The Guide's Lazy Pirate client knows nothing of a protocol."""
    hire_peer(protocol, queue.backend)
    client = context.socket(zmq.REQ)
    client.connect(queue.frontend)
    for number in range(10):
        client.send(b"%d" % number)
        assert received(client) == [b"%d by peer" % number]


def test_workers_of_all_protocols_share_the_work(
    queue: Addresses, dealer: Dealer, hire_peer: Serve
) -> None:
    for protocol in PROTOCOLS:
        hire_peer(protocol, queue.backend, protocol)
    client = dealer(queue.frontend)
    answered: set[bytes] = set()

    def asked() -> bool:
        client.send_multipart([b"", b"x"])
        answered.add(received(client)[-1])
        return len(answered) == len(PROTOCOLS)

    until(asked, "a reply of each")
    assert answered == {b"x by %b" % protocol.encode() for protocol in PROTOCOLS}


def test_a_req_worker_that_dies_at_work_loses_nothing(start: Start, dealer: Dealer) -> None:
    """No heartbeat can tell. The others that work meanwhile take no harm from being asked."""
    queue = Queue(start, "--service", "echo")
    workers = [dealer(queue.backend, zmq.REQ) for _ in range(3)]
    for worker in workers:
        worker.send(b"READY")
    queue.settle(3)
    client = dealer(queue.frontend)
    for number in range(3):
        client.send_multipart([b"", b"%d" % number])
    works = {(work := received(worker))[-1]: (worker, work) for worker in workers}
    works[b"0"][0].close(0)
    until(lambda: queue.count("lost") == 1, "the dead worker is found")
    for number in (b"1", b"2"):
        worker, work = works[number]
        worker.send_multipart(work)
        assert received(client)[-1] == number
    worker, _ = works[b"1"]
    again = received(worker)
    assert again[-1] == b"0"
    worker.send_multipart(again)
    assert received(client)[-1] == b"0"


@pytest.mark.parametrize("kind", ["rep", "dealer"])
def test_ordinary_workers_behind_a_queue_for_plain_workers(
    start: Start, context: Context, hire_peer: Serve, kind: str
) -> None:
    queue = Addresses(start, "--workers", "plain")
    hire_peer(kind, queue.backend)
    client = context.socket(zmq.REQ)
    client.set(zmq.REQ_CORRELATE, 1)
    client.connect(queue.frontend)
    for number in range(10):
        client.send(b"%d" % number)
        assert received(client) == [b"%d by peer" % number]


def test_a_majortomo_worker_and_client(queue: Addresses, serve_majortomo: Serve) -> None:
    serve_majortomo(queue.backend)
    with majortomo.Client(queue.frontend) as client:
        for number in range(20):
            client.send(b"echo", b"%d" % number, b"more")
            assert client.recv_all_as_list(timeout=60) == [b"%d" % number, b"more"]


def test_a_majortomo_worker_with_partial_replies(queue: Addresses, serve_majortomo: Serve) -> None:
    serve_majortomo(queue.backend, parts=3)
    with majortomo.Client(queue.frontend) as client:
        client.send(b"echo", b"x")
        parts = list(client.recv_all(timeout=60))
    assert parts == [[b"part 0"], [b"part 1"], [b"part 2"], [b"x"]]


def test_a_majortomo_worker_serves_other_clients(
    queue: Addresses, context: Context, serve_majortomo: Serve
) -> None:
    serve_majortomo(queue.backend)
    client = context.socket(zmq.REQ)
    client.connect(queue.frontend)
    client.send_multipart([b"MDPC01", b"echo", b"hello"])
    assert received(client) == [b"MDPC01", b"echo", b"hello"]


def test_a_majortomo_client_is_served_by_our_worker(start: Start, queue: Addresses) -> None:
    start("worker", "--reliable", "-c", queue.backend, "--service", "echo", "--echo", "-q")
    with majortomo.Client(queue.frontend) as client:
        client.send(b"echo", b"hello")
        assert client.recv_all_as_list(timeout=60) == [b"hello"]


@pytest.fixture
def hire_peer() -> Iterator[Serve]:
    """`hire_peer(protocol, address)` runs a worker of `support.peers` in a thread."""
    workers: list[tuple[peers.Stoppable, threading.Thread]] = []

    def begin(protocol: str, address: str, name: str = "peer") -> None:
        worker = peers.Stoppable(protocol, address, name, "echo")
        thread = threading.Thread(target=worker.run, daemon=True)
        thread.start()
        workers.append((worker, thread))

    yield begin
    for worker, thread in workers:
        worker.stop()
        thread.join(PATIENCE / 1000)


@pytest.fixture
def serve_majortomo() -> Iterator[Serve]:
    """`serve_majortomo(address)` runs a worker of that package that echoes, in a thread."""
    logging.getLogger("majortomo").setLevel(logging.ERROR)
    running: list[tuple[Context, threading.Thread]] = []

    def begin(address: str, parts: int = 0) -> None:
        context: Context = zmq.Context()
        thread = threading.Thread(target=echo, args=(context, address, parts), daemon=True)
        thread.start()
        running.append((context, thread))

    yield begin
    for context, thread in running:
        context.term()
        thread.join(PATIENCE / 1000)


def echo(context: Context, address: str, parts: int) -> None:
    """Until its context ends under it."""
    worker = majortomo.Worker(
        address, b"echo", heartbeat_interval=0.5, zmq_context=context, zmq_linger=0
    )
    worker.connect()
    try:
        while True:
            client, request = worker.wait_for_request()
            for number in range(parts):
                worker.send_reply_partial(client, [b"part %d" % number])
            worker.send_reply_final(client, request)
    except zmq.ContextTerminated:
        worker._socket.close()


def test_one_address_can_be_given_twice(start: Start, context: Context, hire_peer: Serve) -> None:
    with context.socket(zmq.ROUTER) as probe:
        port = probe.bind_to_random_port("tcp://127.0.0.1")
    address = f"tcp://127.0.0.1:{port}"
    program = start(
        *("queue", "--reliable", "--service", "echo", "--stats", "off"),
        *("--frontend-bind", address, "--backend-bind", address),
        ready=True,
    )
    assert program.ready()["frontend"] == [address]
    hire_peer("mdp-0.1", address)
    client = context.socket(zmq.REQ)
    client.connect(address)
    client.send_multipart([b"MDPC01", b"echo", b"hello"])
    assert received(client) == [b"MDPC01", b"echo", b"hello by peer"]


def test_a_worker_that_dies_at_an_address_for_both_loses_nothing(
    start: Start, dealer: Dealer
) -> None:
    queue = Addresses(start, shared=True)
    first, second = dealer(queue.backend), dealer(queue.backend)
    client = dealer(queue.frontend)
    first.send_multipart([b"", b"MDPW01", b"\x01", b"echo"])
    client.send_multipart([b"", b"MDPC01", b"echo", b"hello"])
    lead, pulse = [b"", b"MDPW01", b"\x02"], [b"", b"MDPW01", b"\x04"]
    assert worker_hears(first, lead, pulse)[-1] == b"hello"
    second.send_multipart([b"", b"MDPW01", b"\x01", b"echo"])
    first.close(0)
    token, empty, body = worker_hears(second, lead, pulse)
    second.send_multipart([b"", b"MDPW01", b"\x03", token, empty, body])
    assert received(client) == [b"", b"MDPC01", b"echo", b"hello"]


def test_our_own_client_and_workers_meet_at_one_address(start: Start) -> None:
    queue = Addresses(start, shared=True)
    start("worker", "--reliable", "-c", queue.backend, "--service", "echo", "--jobs", "4", "-q")
    asked = ("--service", "echo", "-D", "{n}", "-n", "200", "--window", "20", "-i", "1ms")
    client = start("client", "--reliable", "-c", queue.frontend, *asked)
    assert client.wait() == 0
    assert client.out.count(b"Processed: ") == 200
