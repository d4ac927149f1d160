"""Requests without ids: what is on the wire, and that a reply never gets to another request."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
import zmq
from support.processes import until

from zmqdev.endpoints.tasks.asking import Asking
from zmqdev.endpoints.tasks.calls import Calls
from zmqdev.endpoints.tasks.lanes import Lanes
from zmqdev.endpoints.tasks.requests import GivenReply, Requests
from zmqdev.endpoints.tasks.wire import Shared
from zmqdev.wire import call

Context = zmq.Context[zmq.Socket[bytes]]
WIRES = {
    "plain": ([b"", b"hello"], [b"", b"bye"]),
    "mdp-0.1": ([b"", b"MDPC01", b"echo", b"hello"], [b"", b"MDPC01", b"echo", b"bye"]),
    "mdp-0.2": ([b"MDPC02", b"\x01", b"echo", b"hello"], [b"MDPC02", b"\x03", b"echo", b"bye"]),
    "majortomo": ([b"", b"MDPC02", b"\x02", b"echo", b"hello"], [b"", b"MDPC02", b"\x04", b"bye"]),
}
QUESTION = [b"", b"MDPC01", b"mmi.zmqdev", b""]


class Stage:
    """A server that is a ROUTER, and a client's lanes to it."""

    def __init__(self, context: Context, requests: Requests, most: int = 10) -> None:
        self.server = context.socket(zmq.ROUTER)
        port = self.server.bind_to_random_port("tcp://127.0.0.1")
        self.address = f"tcp://127.0.0.1:{port}"
        self.requests = requests
        self.sockets: list[zmq.Socket[bytes]] = []
        self.context = context
        self.first = self.another()
        self.lanes = Lanes(requests, self.first, [self.address], self.another, most)
        self.replies: list[GivenReply] = []

    def another(self) -> zmq.Socket[bytes]:
        socket = self.context.socket(zmq.DEALER)
        socket.connect(self.address)
        self.sockets.append(socket)
        return socket

    def step(self, now: float = 0.0, wire: Any = None) -> None:
        wire = wire or self.lanes
        self.requests.tick(now)
        self.replies += wire.collect(now)[1]
        wire.send(now)

    def heard(self, now: float = 0.0, wire: Any = None) -> list[bytes]:
        """The next message at the server, the client's address in front."""

        def came() -> bool:
            self.step(now, wire)
            return bool(self.server.poll(1))

        until(came, "a request comes")
        return self.server.recv_multipart()

    def answered(self, count: int, now: float = 0.0, wire: Any = None) -> list[bytes]:
        def came() -> bool:
            self.step(now, wire)
            return len(self.replies) >= count

        until(came, f"{count} replies")
        return [reply.body[0] for reply in self.replies]


@pytest.fixture
def staged(context: Context) -> Iterator[Callable[..., Stage]]:
    made: list[Stage] = []

    def begin(requests: Requests | None = None, **more: Any) -> Stage:
        made.append(Stage(context, requests or Requests(**more)))
        return made[-1]

    yield begin
    for stage in made:
        for socket in (stage.server, *stage.sockets):
            socket.close(0)


def calls(protocol: str, **more: Any) -> Calls:
    return Calls(protocol=protocol, service=b"echo", **more)


@pytest.mark.parametrize("protocol", list(WIRES))
def test_a_request_is_on_the_wire_as_its_protocol_has_it(
    staged: Callable[..., Stage], protocol: str
) -> None:
    asked, answer = WIRES[protocol]
    stage = staged(Requests() if protocol == "plain" else calls(protocol))
    stage.requests.start([b"hello"], 0.0)
    peer, *frames = stage.heard()
    assert frames == asked
    stage.server.send_multipart([peer, *answer])
    assert stage.answered(1) == [b"bye"]


def test_partial_replies_of_a_strict_request_are_one_in_the_end(
    staged: Callable[..., Stage],
) -> None:
    stage = staged(calls("majortomo"))
    stage.requests.start([b"hello"], 0.0)
    peer, *_ = stage.heard()
    stage.server.send_multipart([peer, b"", b"MDPC02", b"\x03", b"one"])
    stage.server.send_multipart([peer, b"", b"MDPC02", b"\x04", b"two"])
    stage.answered(1)
    assert stage.replies[0].body == [b"one", b"two"]


def test_a_window_has_a_connection_for_each_request(staged: Callable[..., Stage]) -> None:
    stage = staged(window=3)
    for number in range(3):
        stage.requests.start([b"%d" % number], 0.0)
    came = [stage.heard() for _ in range(3)]
    assert len({frames[0] for frames in came}) == 3
    for peer, empty, body in reversed(came):
        stage.server.send_multipart([peer, empty, b"re " + body])
    assert set(stage.answered(3)) == {b"re 0", b"re 1", b"re 2"}
    assert {reply.number: reply.body[0] for reply in stage.replies} == {
        number: b"re %d" % number for number in range(3)
    }


def test_one_after_the_other_use_one_connection(staged: Callable[..., Stage]) -> None:
    stage = staged()
    peers = set()
    for number in range(5):
        stage.requests.start([b"x"], 0.0)
        peer, empty, body = stage.heard()
        peers.add(peer)
        stage.server.send_multipart([peer, empty, body])
        stage.answered(number + 1)
    assert len(peers) == 1


def test_the_reply_to_a_request_that_was_given_up_is_not_the_next_ones(
    staged: Callable[..., Stage],
) -> None:
    stage = staged(timeout=1.0)
    stage.requests.start([b"first"], 0.0)
    old, *_ = stage.heard()
    stage.step(1.0)
    stage.requests.start([b"second"], 1.0)
    stage.server.send_multipart([old, b"", b"re first"])
    peer, empty, body = stage.heard(1.0)
    assert (peer != old, body) == (True, b"second")
    stage.server.send_multipart([peer, empty, b"re second"])
    assert stage.answered(1, 1.0) == [b"re second"]


def test_a_second_reply_to_a_request_sent_twice_is_not_the_next_ones(
    staged: Callable[..., Stage],
) -> None:
    stage = staged(timeout=1.0, retries=1)
    stage.requests.start([b"first"], 0.0)
    first = stage.heard()
    assert stage.heard(1.0) == first
    stage.server.send_multipart([first[0], b"", b"re first"])
    assert stage.answered(1, 1.0) == [b"re first"]
    stage.server.send_multipart([first[0], b"", b"re first, again"])
    stage.requests.start([b"next"], 1.0)
    peer, empty, body = stage.heard(1.0)
    assert (peer != first[0], body) == (True, b"next")
    stage.server.send_multipart([peer, empty, b"re next"])
    assert stage.answered(2, 1.0) == [b"re first", b"re next"]


@pytest.mark.parametrize(("code", "ids"), [(b"200", True), (b"404", False), (b"501", False)])
def test_a_queue_of_ours_gets_ids_and_no_other(
    staged: Callable[..., Stage], code: bytes, ids: bool
) -> None:
    stage = staged(calls("mdp-0.1", first_id=7))
    shared = Shared(stage.first, stage.requests)
    wire = Asking(stage.first, shared, stage.lanes, QUESTION)
    stage.requests.start([b"hello"], 0.0)
    peer, *question = stage.heard(wire=wire)
    assert question == QUESTION
    stage.server.send_multipart([peer, *QUESTION[:3], code])
    _, *frames = stage.heard(wire=wire)
    strict = WIRES["mdp-0.1"][0]
    assert frames == ([call.CALL, (7).to_bytes(4, "big"), *strict] if ids else strict)


def test_a_broker_that_does_not_answer_the_question_gets_strict_requests(
    staged: Callable[..., Stage],
) -> None:
    stage = staged(calls("mdp-0.1"))
    wire = Asking(stage.first, Shared(stage.first, stage.requests), stage.lanes, QUESTION, 0.5)
    stage.requests.start([b"hello"], 0.0)
    assert stage.heard(wire=wire)[1:] == QUESTION
    assert not stage.server.poll(20)
    peer, *frames = stage.heard(0.5, wire=wire)
    assert frames == WIRES["mdp-0.1"][0]
    stage.server.send_multipart([peer, *QUESTION[:3], b"404"])
    stage.server.send_multipart([peer, *WIRES["mdp-0.1"][1]])
    assert stage.answered(1, 0.5, wire=wire) == [b"bye"]
