"""What a device takes in at its end passes on as anything before it did."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import zmq
from support.processes import until

from zmqdev.system.process_info import WireBytes

Context = zmq.Context[zmq.Socket[bytes]]
Begin = Callable[..., Any]
BODY = b"x" * 1000
COUNT = 5


def taken(item: Any) -> int:
    """Bytes that the frontend has from its only client."""
    ((descriptor, _),) = item.device.watches["frontend"].connections().items()
    wire = WireBytes()
    return (wire.received(descriptor) or 0) - wire.unread(descriptor)


@pytest.mark.parametrize("routed", [False, True], ids=["plain", "routed"])
def test_replies_to_requests_taken_at_the_end_find_their_way(
    steered: Begin, context: Context, routed: bool
) -> None:
    item = steered("queue", **({"drop": ["none"]} if routed else {}))
    client, worker = context.socket(zmq.DEALER), context.socket(zmq.DEALER)
    for side, peer in enumerate((client, worker)):
        peer.connect(item.addresses[side])
        name = ("frontend", "backend")[side]
        item.serve(lambda name=name: item.ask("peers")[name]["connected"] == 1)
    client.send_multipart([b"", b"first"])
    worker.send_multipart(worker.recv_multipart())
    assert client.recv_multipart() == [b"", b"first"]
    item.ask("pause")
    before = taken(item)
    for number in range(COUNT):
        client.send_multipart([b"", b"%d" % number, BODY])
    until(lambda: taken(item) - before >= COUNT * len(BODY), "the requests are here")
    item.device.stop()
    for _ in range(COUNT):
        worker.send_multipart(worker.recv_multipart())
    assert [client.recv_multipart()[1] for _ in range(COUNT)] == [
        b"%d" % number for number in range(COUNT)
    ]
