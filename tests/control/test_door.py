"""A control socket within reach of strangers: bounded connections, no message without end, no tap
that shows what the sides keep for those with a key."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable
from contextlib import ExitStack, suppress
from typing import Any

import pytest
import zmq
from device.conftest import WILDCARD, Steered
from support import rawpeer

from zmqdev.control.door import Door
from zmqdev.control.protocol import write_request
from zmqdev.device.fd_room import CONTROL_PEERS
from zmqdev.tools.probe.zmtp import Frame, encode

Begin = Callable[..., Steered]
Context = zmq.Context[zmq.Socket[bytes]]


def address_of(item: Steered) -> str:
    return str(item.ask("status")["control"]["address"])


def door_of(item: Steered) -> Door:
    assert item.control._socket is not None
    assert item.control._socket.door is not None
    return item.control._socket.door


def refused(item: Steered) -> dict[str, int]:
    return door_of(item).refusals()


def is_answered(item: Steered, context: Context) -> bool:
    asker = context.socket(zmq.REQ)
    asker.connect(address_of(item))
    asker.send(write_request("status", {}))
    item.serve(lambda: asker.poll(0))
    return b'"ok":true' in asker.recv().replace(b" ", b"")


def test_a_message_without_end_costs_its_sender_the_connection(
    steered: Begin, context: Context
) -> None:
    """432 MiB were taken in, and more would have been."""
    item = steered("queue", WILDCARD)
    sent = 0

    def go_on(peer: socket.socket) -> None:
        nonlocal sent
        chunk = encode(Frame(bytes(20_000), more=True))
        with suppress(OSError):
            while True:
                peer.sendall(chunk)
                sent += len(chunk)

    peer = shaken(item)
    sender = threading.Thread(target=go_on, args=(peer,), daemon=True)
    sender.start()
    item.serve(lambda: refused(item).get("unfinished") == 1)
    sender.join(60)
    assert not sender.is_alive(), "it was cut off"
    peer.close()
    assert sent > 1 << 20, "what is large enough is let through"
    assert is_answered(item, context)


def shaken(item: Steered) -> socket.socket:
    """A raw peer after its handshake, while the loop turns."""
    found: list[socket.socket] = []
    address = address_of(item)

    def shake() -> None:
        with rawpeer.shake_hands(address, "DEALER") as peer:
            found.append(peer.dup())

    one = threading.Thread(target=shake, daemon=True)
    one.start()
    item.serve(lambda: not one.is_alive())
    return found[0]


def test_a_request_of_many_that_end_is_no_message_without_end(
    steered: Begin, context: Context
) -> None:
    item = steered("queue", WILDCARD)
    asker = context.socket(zmq.DEALER)
    asker.connect(address_of(item))
    for _ in range(8):
        asker.send_multipart([b"", bytes(900_000)])
        item.serve(lambda: asker.poll(0))
        asker.recv_multipart()
    assert refused(item) == {}


def test_more_connections_than_it_has_descriptors_for_are_cut(
    steered: Begin, context: Context
) -> None:
    item = steered("queue", WILDCARD)
    host, _, port = address_of(item).removeprefix("tcp://").rpartition(":")
    with ExitStack() as open_ones:
        for _ in range(2 * CONTROL_PEERS):
            open_ones.enter_context(socket.create_connection((host, int(port))))
        item.serve(lambda: refused(item).get("connections", 0) >= CONTROL_PEERS)
        item.serve(lambda: door_of(item).connections <= CONTROL_PEERS)
    item.serve(lambda: not door_of(item).connections)
    assert is_answered(item, context)


SECURED: dict[str, dict[str, Any]] = {
    "an allowed network": {"allow": ["127.0.0.0/8"]},
    "a denied network": {"deny": ["10.0.0.0/8"]},
}


@pytest.mark.parametrize("words", SECURED.values(), ids=SECURED)
def test_a_tap_without_keys_is_not_opened_beside_sides_that_ask_who_comes(
    steered: Begin, words: dict[str, Any]
) -> None:
    text = "".join(f"frontend: {{{key}: {value}}}\n" for key, value in words.items())
    item = steered("queue", WILDCARD, text)
    said = item.refusal("tap")
    assert said.startswith("refused: the tap would be open to all at tcp://127.0.0.1:*")
    assert "--control ipc://PATH" in said
    assert not item.ask("status")["control"]["tapped"]


def test_with_an_ipc_control_it_is_and_without_security_as_well(steered: Begin) -> None:
    text = "frontend: {allow: [127.0.0.0/8]}\n"
    assert steered("queue", None, text).ask("tap")["address"].startswith("ipc://")
    assert steered("streamer", WILDCARD).ask("tap")["address"].startswith("tcp://")
