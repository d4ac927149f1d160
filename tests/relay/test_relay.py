"""The relay moves whole messages both ways until its wake socket is readable."""

from __future__ import annotations

from typing import Any

import zmq

from zmqdev.relay import Lane


def receive(socket: Any) -> list[bytes]:
    """One message, waited for."""
    assert socket.poll(10_000), "nothing came"
    return list(socket.recv_multipart())


def test_it_passes_messages_from_frontend_to_backend(bench: Any) -> None:
    bench.between(zmq.PULL, zmq.PUSH, backward=Lane(enabled=False))
    sender, receiver = bench.peer(zmq.PUSH, bench.frontend), bench.peer(zmq.PULL, bench.backend)
    with bench.running():
        for number in range(300):
            sender.send(b"%d" % number)
        assert [receive(receiver) for _ in range(300)] == [[b"%d" % n] for n in range(300)]
    assert bench.forward()["messages"] == 300
    assert bench.forward()["bytes"] == sum(len(str(n)) for n in range(300))


def test_it_passes_requests_and_replies(bench: Any) -> None:
    bench.between(zmq.ROUTER, zmq.DEALER, frontend_router_mandatory=1)
    client, worker = bench.peer(zmq.REQ, bench.frontend), bench.peer(zmq.REP, bench.backend)
    with bench.running():
        for number in range(20):
            client.send(b"request %d" % number)
            assert receive(worker) == [b"request %d" % number]
            worker.send_multipart([b"reply", b"", b"%d" % number])
            assert receive(client) == [b"reply", b"", b"%d" % number]
    assert bench.forward()["messages"] == 20
    assert bench.backward()["messages"] == 20


def test_it_passes_publications_and_subscriptions(bench: Any) -> None:
    bench.between(zmq.XSUB, zmq.XPUB, backward=Lane(subscriptions_only=True))
    publisher = bench.peer(zmq.XPUB, bench.frontend)
    subscriber = bench.peer(zmq.SUB, bench.backend, subscribe=b"a")
    with bench.running():
        assert receive(publisher) == [b"\x01a"]
        publisher.send_multipart([b"b", b"not asked for"])
        publisher.send_multipart([b"a", b"asked for"])
        assert receive(subscriber) == [b"a", b"asked for"]
        subscriber.close()
        assert receive(publisher) == [b"\x00a"]


def test_it_keeps_empty_frames_and_large_bodies(bench: Any) -> None:
    bench.between(zmq.PAIR, zmq.PAIR)
    left, right = bench.peer(zmq.PAIR, bench.frontend), bench.peer(zmq.PAIR, bench.backend)
    messages = [[b""], [b"", b""], [b"a", b"", b"b"], [b"x" * 3_000_000, b"", b"y"], [b"z"] * 200]
    with bench.running():
        for message in messages:
            left.send_multipart(message)
            assert receive(right) == message
            right.send_multipart(message)
            assert receive(left) == message


def test_it_counts_bytes_of_all_frames(bench: Any) -> None:
    bench.between(zmq.PULL, zmq.PUSH, backward=Lane(enabled=False))
    sender, receiver = bench.peer(zmq.PUSH, bench.frontend), bench.peer(zmq.PULL, bench.backend)
    with bench.running():
        sender.send_multipart([b"12345", b"", b"678"])
        assert receive(receiver) == [b"12345", b"", b"678"]
    assert bench.forward()["bytes"] == 8
