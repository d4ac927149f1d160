"""zmqdev's own request envelope: an id, and a report of failure.

No published protocol has a reply that says "refused". So a client that can read
one says so in its envelope, which every broker and proxy brings back whole:

    [CALL, id, '', request…]    what the client sends
    [AGAIN, id, '', request…]   the same once more: it was sent before, perhaps to another queue
    [CALL, id, '', reply…]      the reply, with the mark that the request had
    [FAILED, id, '', code, text]  the broker will not answer this request

A queue with a store keeps requests on disk, and says so to whoever asks it to:

    [POST, id, '', request…]    as CALL, and tell me when it is kept
    [KEPT, id, '']              it is on disk; the reply comes as ever
    [COLLECT, id, '']           give me the reply to the request with that id

Nobody else sees a difference: the marks stand in the envelope, never in a body.
The id also tells the broker that a request was sent again, see `Ledger.admit`. One of
UNIQUE bytes or more is a request's own among those of all clients: over another connection it
is the same request still. A shorter one, of another program, counts for its connection.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from zmqdev.wire.envelope import DELIMITER

CALL = b"zmqdev.call"
AGAIN = b"zmqdev.again"
POST = b"zmqdev.post"
MARKS = (CALL, AGAIN, POST)
FAILED = b"zmqdev.failed"
KEPT = b"zmqdev.kept"
COLLECT = b"zmqdev.collect"
HEADS = (*MARKS, COLLECT)
"""Before an id in what goes back to a client."""
# Of the frames a ROUTER hands on: address, CALL, id, ''.
BODY_AT = 4
# Bytes of an id from which on it is unique: enough of them can be random.
UNIQUE = 12
# What an id of ours is made of: bytes that are random for each program, and a number.
RANDOM, NUMBER = 8, 8

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
    "no-store": "the queue has no store",
    "store-full": "the queue's store is full",
    "store-away": "the queue's store cannot be reached",
    "damaged": "its record in the store was damaged",
    "unknown": "the queue knows no request with this id",
    "other-queue": "another queue has this request",
    "elsewhere": "part of its reply has gone to another connection",
}


@dataclass(frozen=True)
class Failure:
    """What a client is told instead of a reply."""

    code: str
    text: str


def is_call(frames: Sequence[bytes]) -> bool:
    """Whether a message from a ROUTER is a call: address, a mark, id, '', …"""
    return len(frames) >= BODY_AT and frames[1] in MARKS and frames[3] == DELIMITER


def key_of(address: bytes, id: bytes) -> bytes:
    """What a call from that address is known by among all."""
    return id if len(id) >= UNIQUE else b"%c%b%b" % (len(address), address, id)


def wrap(id: bytes, request: Sequence[bytes], mark: bytes = CALL) -> list[bytes]:
    """A request as the client sends it."""
    return [mark, id, DELIMITER, *request]


def failure(address: bytes, id: bytes, code: str) -> list[bytes]:
    """What the broker sends to the client at `address`. The code is a key of REASONS."""
    return [address, FAILED, id, DELIMITER, code.encode(), REASONS[code].encode()]


def kept(address: bytes, id: bytes) -> list[bytes]:
    """What the broker says of a request that is on disk."""
    return [address, KEPT, id, DELIMITER]


def is_kept(frames: Sequence[bytes]) -> bool:
    """Whether a client received the word that a request is on disk."""
    return len(frames) == 3 and frames[0] == KEPT and frames[2] == DELIMITER


def is_collect(frames: Sequence[bytes]) -> bool:
    """Whether a message from a ROUTER asks for the reply to an id, and no more."""
    return len(frames) == BODY_AT and frames[1] == COLLECT and frames[3] == DELIMITER


def unwrap(frames: Sequence[bytes]) -> tuple[bytes, list[bytes] | Failure] | None:
    """(id, reply frames or why there are none) of what a client received; None: not a call."""
    if len(frames) < 4 or frames[2] != DELIMITER:
        return None
    mark, id = frames[0], frames[1]
    if mark in HEADS:
        return id, list(frames[3:])
    if mark == FAILED and len(frames) == 5:
        code, text = (frame.decode(errors="replace") for frame in frames[3:])
        return id, Failure(code, text)
    return None
