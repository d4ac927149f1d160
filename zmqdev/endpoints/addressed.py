"""A router's messages: the first frame names the peer.

    0x00a36cf20e  hello        printed: from a REQ, whose empty frame makes the second blank
    0x00a36cf20e  hello back   the same form as input goes to that peer
    alice hello                a peer that has chosen its routing id

A number that libzmq gave its peer is written as hexadecimal digits, veiled (`relay.veil`); it is
good as long as this program runs. Other routing ids are written as they are.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from zmqdev.endpoints.feed import Feed
from zmqdev.endpoints.outer_feed import MappedFeed
from zmqdev.relay.veil import is_number, unveil, veil

_NUMBER = re.compile(rb"0x00[0-9a-f]{8}")


def name_of(routing_id: bytes) -> bytes:
    """How a peer is written."""
    return b"0x" + veil(routing_id).hex().encode() if is_number(routing_id) else routing_id


def routing_id_of(name: bytes) -> bytes:
    """The peer that is written as `name`. `routing_id_of(name_of(id)) == id`."""
    return unveil(bytes.fromhex(name[2:].decode())) if _NUMBER.fullmatch(name) else name


def incoming(messages: Sequence[Sequence[bytes]]) -> list[Sequence[bytes]]:
    return [[name_of(frames[0]), *frames[1:]] for frames in messages]


def outgoing(frames: Sequence[bytes]) -> list[bytes]:
    """A lone frame is `NAME TEXT`; two blanks stand for the empty frame of REQ and REP."""
    if len(frames) == 1:
        name, _, text = frames[0].partition(b" ")
        frames = [name, b"", text[1:]] if text.startswith(b" ") else [name, text]
    return [routing_id_of(frames[0]), *frames[1:]]


class AddressedFeed(MappedFeed):
    """Another feed, with the first frame of each message as the ROUTER knows its peer."""

    def __init__(self, feed: Feed) -> None:
        super().__init__(feed, lambda messages: [outgoing(frames) for frames in messages])
