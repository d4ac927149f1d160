"""Messages of a ROUTER, whose first frame names the peer.

    0x00a36cf20e  hello        printed: from a REQ, whose empty frame makes the second blank
    0x00a36cf20e  hello back   the same form in the input is sent to that peer
    alice hello                a peer that has chosen its routing id

An id that libzmq gave to a peer is written as hexadecimal digits, veiled (`relay.veil`), and is
valid while this program runs. Other routing ids are written unchanged.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from zmqdev.endpoints.feed import Feed
from zmqdev.endpoints.outer_feed import MappedFeed
from zmqdev.relay.veil import is_number, unveil, veil

_NUMBER = re.compile(rb"0x00[0-9a-f]{8}")


def name_of(routing_id: bytes) -> bytes:
    """Return the text for the routing id of a peer."""
    return b"0x" + veil(routing_id).hex().encode() if is_number(routing_id) else routing_id


def routing_id_of(name: bytes) -> bytes:
    """Return the routing id for a text, so that `routing_id_of(name_of(id)) == id`."""
    return unveil(bytes.fromhex(name[2:].decode())) if _NUMBER.fullmatch(name) else name


def incoming(messages: Sequence[Sequence[bytes]]) -> list[Sequence[bytes]]:
    """Return messages as they are printed, with the peer's name as the first frame."""
    return [[name_of(frames[0]), *frames[1:]] for frames in messages]


def outgoing(frames: Sequence[bytes]) -> list[bytes]:
    """Return the frames to send.

    A single frame is `NAME TEXT`; two blanks stand for the empty frame of REQ and REP.
    """
    if len(frames) == 1:
        name, _, text = frames[0].partition(b" ")
        frames = [name, b"", text[1:]] if text.startswith(b" ") else [name, text]
    return [routing_id_of(frames[0]), *frames[1:]]


class AddressedFeed(MappedFeed):
    """Another feed, whose first frames are replaced by the routing ids that they name."""

    def __init__(self, feed: Feed) -> None:
        super().__init__(feed, lambda messages: [outgoing(frames) for frames in messages])
