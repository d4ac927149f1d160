"""How zmqdev's own client asks: an id, and to be told of a failure.

No published protocol has a reply that says "refused". So a client that can read
one says so in its envelope, which every broker and proxy brings back whole:

    [CALL, id, '', request…]    what the client sends
    [CALL, id, '', reply…]      the reply
    [FAILED, id, '', code, text]  the broker will not answer this request

Nobody else sees a difference: the marks stand in the envelope, never in a body.
The id also tells the broker that a request was sent again, see `Ledger.admit`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from zmqdev.wire.envelope import DELIMITER

CALL = b"zmqdev.call"
FAILED = b"zmqdev.failed"
# Of the frames a ROUTER hands on: address, CALL, id, ''.
BODY_AT = 4

# Why a request has no reply. One word, so that programs can compare it.
REASONS = {
    "full": "the queue is full",
    "client-full": "this client has too many requests waiting",
    "too-large": "the request is larger than the queue may hold",
    "stopping": "the queue is stopping",
    "expired": "no worker took it in time",
    "no-service": "no worker serves this service",
    "dead-letter": "every attempt failed",
    "stopped": "the queue stopped",
}


@dataclass(frozen=True)
class Failure:
    """What a client is told instead of a reply."""

    code: str
    text: str


def is_call(frames: Sequence[bytes]) -> bool:
    """Whether a message from a ROUTER is a call: address, CALL, id, '', …"""
    return len(frames) >= BODY_AT and frames[1] == CALL and frames[3] == DELIMITER


def wrap(id: bytes, request: Sequence[bytes]) -> list[bytes]:
    """A request as the client sends it."""
    return [CALL, id, DELIMITER, *request]


def failure(address: bytes, id: bytes, code: str) -> list[bytes]:
    """What the broker sends to the client at `address`. The code is a key of REASONS."""
    return [address, FAILED, id, DELIMITER, code.encode(), REASONS[code].encode()]


def unwrap(frames: Sequence[bytes]) -> tuple[bytes, list[bytes] | Failure] | None:
    """(id, reply frames or why there are none) of what a client received; None: not a call."""
    if len(frames) < 4 or frames[2] != DELIMITER:
        return None
    mark, id = frames[0], frames[1]
    if mark == CALL:
        return id, list(frames[3:])
    if mark == FAILED and len(frames) == 5:
        code, text = (frame.decode(errors="replace") for frame in frames[3:])
        return id, Failure(code, text)
    return None
