"""A number that libzmq gave to a peer is never shown, and still brings replies back."""

from __future__ import annotations

import itertools
import random
from collections.abc import Callable
from typing import Any

import pytest
import zmq

from zmqdev.relay import veil

Receive = Callable[[Any], list[bytes]]


def number_of(router: Any) -> bytes:
    """The number that the ROUTER has given to its peer, from a message of that peer."""
    return bytes(router.recv_multipart()[0])


def test_what_is_veiled_comes_back() -> None:
    dice = random.Random(1)
    for value in [0, 1, 2**32 - 1, *(dice.randrange(2**32) for _ in range(2000))]:
        address = b"\0" + value.to_bytes(4, "big")
        hidden = veil.veil(address)
        assert veil.is_number(hidden)
        assert veil.unveil(hidden) == address


def test_no_two_numbers_have_the_same_veil() -> None:
    counted = [b"\0" + value.to_bytes(4, "big") for value in range(20_000)]
    assert len({veil.veil(address) for address in counted}) == len(counted)


def test_neighbours_do_not_show() -> None:
    """Numbers that follow each other differ in about half of their bits."""
    shown = [
        int.from_bytes(veil.veil(b"\0" + n.to_bytes(4, "big"))[1:], "big") for n in range(4096)
    ]
    flips = [(a ^ b).bit_count() for a, b in itertools.pairwise(shown)]
    assert 15 < sum(flips) / len(flips) < 17
    steps = {(b - a) % 2**32 for a, b in itertools.pairwise(shown)}
    assert len(steps) > 4000


@pytest.mark.parametrize("address", [b"", b"alice", b"\0", b"\0" * 4, b"\0" * 6, b"\1abcd"])
def test_an_address_that_a_peer_chose_stays(address: bytes) -> None:
    assert veil.veil(address) == veil.unveil(address) == address


def test_a_worker_sees_no_number_and_its_reply_arrives(bench: Any, receive: Receive) -> None:
    bench.between(zmq.ROUTER, zmq.DEALER)
    capture = bench.bound(zmq.XPUB, {}, "capture")
    tap = bench.bound(zmq.XPUB, {}, "tap")
    bench.relay.capture, bench.relay.tap = capture, tap
    watchers = [bench.peer(zmq.SUB, one, subscribe=b"") for one in (capture, tap)]
    for one in (capture, tap):
        assert receive(one) == [b"\x01"]
    client = bench.peer(zmq.REQ, bench.frontend)
    named = bench.peer(zmq.REQ, bench.frontend, routing_id=b"alice")
    worker = bench.peer(zmq.DEALER, bench.backend)
    seen = []
    with bench.running():
        for peer in (client, named):
            peer.send(b"ask")
            address, empty, _body = receive(worker)
            assert receive(watchers[0]) == [address, b"", b"ask"]
            assert receive(watchers[1]) == [b">", address, b"", b"ask"]
            worker.send_multipart([address, empty, b"answer"])
            assert receive(peer) == [b"answer"]
            assert receive(watchers[0]) == [address, b"", b"answer"]
            assert receive(watchers[1]) == [b"<", address, b"", b"answer"]
            seen.append(address)
    assert seen[1] == b"alice"
    assert veil.is_number(seen[0])
    # The raw number is another one: a reply that carries it is dropped.
    worker.send_multipart([veil.unveil(seen[0]), b"", b"forged"])
    bench.relay.run(until_idle=True)
    assert not client.poll(50)


def test_a_router_at_the_back_hides_its_peers_from_those_in_front(
    bench: Any, receive: Receive
) -> None:
    bench.between(zmq.DEALER, zmq.ROUTER)
    front = bench.peer(zmq.DEALER, bench.frontend)
    back = bench.peer(zmq.DEALER, bench.backend)
    with bench.running():
        back.send(b"hello")
        address, body = receive(front)
        assert body == b"hello"
        front.send_multipart([address, b"back"])
        assert receive(back) == [b"back"]


def test_each_of_many_clients_gets_its_own_replies(bench: Any, receive: Receive) -> None:
    """More than have a place among the numbers that the C half remembers."""
    bench.between(zmq.ROUTER, zmq.DEALER)
    worker = bench.peer(zmq.DEALER, bench.backend)
    clients = [bench.peer(zmq.DEALER, bench.frontend) for _ in range(140)]
    with bench.running():
        for turn in range(2):
            for number, client in enumerate(clients):
                client.send_multipart([b"", b"%d.%d" % (turn, number)])
            for _ in clients:
                worker.send_multipart(receive(worker))
            for number, client in enumerate(clients):
                assert receive(client) == [b"", b"%d.%d" % (turn, number)]


def test_a_held_message_is_turned_once(bench: Any, receive: Receive) -> None:
    """It may be refused many times before its target takes it."""
    bench.between(zmq.ROUTER, zmq.DEALER, backend_sndhwm=1)
    client = bench.peer(zmq.DEALER, bench.frontend)
    worker = bench.peer(zmq.DEALER, bench.backend, rcvhwm=1)
    for number in range(6):
        client.send_multipart([b"", b"%d" % number])
    for _ in range(5):
        bench.relay.run(limit_ms=5)
    with bench.running():
        requests = [receive(worker) for _ in range(6)]
        assert len({request[0] for request in requests}) == 1
        for request in requests:
            worker.send_multipart(request)
        assert [receive(client)[1] for _ in range(6)] == [b"%d" % n for n in range(6)]


def test_both_halves_use_one_veil(half: Any, context: Any) -> None:
    """What one of them veils the other can read: a device changes halves by its environment only,
    but the reliable queue's copies are veiled in Python."""
    from zmqdev.relay import Counters

    router, dealer = context.socket(zmq.ROUTER), context.socket(zmq.DEALER)
    wake, bell = context.socket(zmq.PAIR), context.socket(zmq.PAIR)
    wake.bind("inproc://veil-wake")
    bell.connect("inproc://veil-wake")
    router.bind("inproc://veil-front")
    dealer.bind("inproc://veil-back")
    client, worker = context.socket(zmq.DEALER), context.socket(zmq.DEALER)
    client.connect("inproc://veil-front")
    worker.connect("inproc://veil-back")
    client.send(b"for the test")
    raw = number_of(router)
    client.send(b"for the worker")
    half.Relay(router, dealer, wake, Counters()).run(limit_ms=200)
    assert worker.recv_multipart() == [veil.veil(raw), b"for the worker"]
