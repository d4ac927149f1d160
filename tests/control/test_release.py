"""unbind and disconnect: what a peer has sent is passed on before its address goes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
import zmq
from support.ports import Ports

from zmqdev.system import libzmq

Context = zmq.Context[zmq.Socket[bytes]]
WILDCARD = "tcp://127.0.0.1:*"
Begin = Callable[..., Any]
MANY = 5000  # more than any queue of libzmq's holds here

KINDS = {
    "streamer": ({}, zmq.PUSH, zmq.PULL),
    "queue": ({}, zmq.DEALER, zmq.DEALER),
    "pair": (
        {"frontend.type": "PAIR", "backend.type": "PAIR"},
        zmq.PAIR,
        zmq.PAIR,
    ),
}


def address(transport: str, place: Path) -> str:
    return WILDCARD if transport == "tcp" else f"ipc://{place}/data"


def send_all(sender: zmq.Socket[bytes]) -> None:
    sender.set(zmq.SNDHWM, 0)
    for number in range(MANY):
        sender.send(b"%d" % number)


def begin(steered: Begin, kind: str) -> tuple[Any, int, int]:
    types, send, take = KINDS[kind]
    text = "".join(
        f"{side}: {{type: {types[f'{side}.type']}}}\n"
        for side in ("frontend", "backend")
        if f"{side}.type" in types
    )
    return steered("streamer" if kind == "pair" else kind, text=text), send, take


@pytest.mark.parametrize("transport", ["tcp", "ipc"])
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("verb", ["unbind", "disconnect"])
def test_all_that_was_sent_is_passed_on(
    steered: Begin, context: Context, tmp_path: Path, verb: str, kind: str, transport: str
) -> None:
    item, send, take = begin(steered, kind)
    sender, taker = context.socket(send), context.socket(take)
    there = address(transport, tmp_path)
    if verb == "unbind":
        there = item.ask("bind", side="frontend", address=there)["actual"]
        sender.connect(there)
    else:
        sender.bind(there)
        there = sender.getsockopt_string(zmq.LAST_ENDPOINT)
        item.ask("connect", side="frontend", address=there)
    item.serve(lambda: item.ask("peers")["frontend"]["connected"] == 1)
    taker.connect(item.addresses[1])
    sender.send(b"first")
    assert taker.recv_multipart()[-1] == b"first"
    taker.set(zmq.RCVHWM, 0)
    send_all(sender)
    item.ask(verb, side="frontend", address=there)
    taken = [taker.recv_multipart()[-1] for _ in range(MANY)]
    assert taken == [b"%d" % number for number in range(MANY)]
    item.serve(lambda: item.ask("peers")["frontend"]["connected"] == 0)


def test_a_reply_that_is_owed_goes_back_before_the_address_goes(
    steered: Begin, context: Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    item = steered("queue")
    there = item.ask("bind", side="frontend", address=WILDCARD)["actual"]
    client, worker = context.socket(zmq.REQ), context.socket(zmq.REP)
    client.connect(there)
    worker.connect(item.addresses[1])
    client.send(b"question")
    assert worker.recv() == b"question"
    heard, answers = item.service.hear, [b"answer"]

    def answer_meanwhile() -> None:
        if answers:
            worker.send(answers.pop())
        heard()

    monkeypatch.setattr(item.service, "hear", answer_meanwhile)
    item.ask("unbind", side="frontend", address=there)
    assert client.recv() == b"answer"


def test_peers_of_another_address_stay(steered: Begin, context: Context) -> None:
    item = steered("streamer")
    there = item.ask("bind", side="frontend", address=WILDCARD)["actual"]
    one, other, taker = (context.socket(kind) for kind in (zmq.PUSH, zmq.PUSH, zmq.PULL))
    one.connect(there)
    other.connect(item.addresses[0])
    item.serve(lambda: item.ask("peers")["frontend"]["connected"] == 2)
    item.ask("unbind", side="frontend", address=there)
    item.serve(lambda: item.ask("peers")["frontend"]["connected"] == 1)
    taker.connect(item.addresses[1])
    other.send(b"still here")
    assert taker.recv() == b"still here"


@pytest.fixture
def ports() -> Iterator[Ports]:
    """Those that can be bound again: no other test takes them."""
    with closing(Ports()) as made:
        yield made


@pytest.mark.skipif(libzmq.why_unguarded() is not None, reason="needs the C half")
def test_who_connects_while_an_address_ends_is_not_served(
    steered: Begin, context: Context, monkeypatch: pytest.MonkeyPatch, ports: Ports
) -> None:
    """It would send messages that are lost with the address."""
    item = steered("streamer")
    [port] = ports.take(1)
    there = item.ask("bind", side="frontend", address=f"tcp://127.0.0.1:{port}")["actual"]
    old = context.socket(zmq.PUSH)
    old.connect(there)
    item.serve(lambda: item.ask("peers")["frontend"]["connected"] == 1)
    new = context.socket(zmq.PUSH)
    new.set(zmq.IMMEDIATE, 1)  # takes no message before the handshake
    heard = item.service.hear

    def connect_meanwhile() -> None:
        if not new.getsockopt(zmq.LAST_ENDPOINT).strip(b"\0"):
            new.connect(there)
            assert not new.poll(100, zmq.POLLOUT)
        heard()

    monkeypatch.setattr(item.service, "hear", connect_meanwhile)
    item.ask("unbind", side="frontend", address=there)
    assert new.getsockopt(zmq.LAST_ENDPOINT).strip(b"\0")
    again = context.socket(zmq.PULL)
    again.bind(there)
    new.set(zmq.SNDTIMEO, 20_000)
    new.send(b"to the next one")
    assert again.recv() == b"to the next one"
