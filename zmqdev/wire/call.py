"""zmqdev's own request envelope: an id, and a way to report failure.

No published protocol has a reply that means "refused". A client that understands such
replies marks its envelope, which every broker and proxy returns whole:

    [CALL, id, '', request…]      a request
    [AGAIN, id, '', request…]     the same sent again, perhaps to another queue before
    [CALL, id, '', reply…]        the reply, with the mark of the request
    [FAILED, id, '', code, text]  the broker will not answer this request

A queue with a store keeps requests on disk, and confirms that to clients that ask:

    [POST, id, '', request…]      as CALL, with a confirmation when it is kept
    [KEPT, id, '']                it is on disk; the reply comes as usual
    [COLLECT, id, '']             asks for the reply to the request with that id

Workers see no difference: marks are in the envelope, never in a body. The id also tells
the broker that a request was sent again, see `Ledger.admit`. An id of UNIQUE bytes or
more identifies a request among those of all clients, also over another connection. A
shorter one, of another program, is valid for its connection only.
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
"""Marks that precede the id in messages to a client."""
# Index of the body in the frames from a ROUTER: address, mark, id, ''.
BODY_AT = 4
# Least bytes of an id that counts as unique: enough of them can be random.
UNIQUE = 12
# Parts of an id of ours: random bytes for each program, and a number.
RANDOM, NUMBER = 8, 8

# Codes of failed requests. They are single words, so that programs can compare them.
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
    """What a client gets instead of a reply."""

    code: str
    text: str


def is_call(frames: Sequence[bytes]) -> bool:
    """Whether a message from a ROUTER is a call: address, a mark, id, '', …"""
    return len(frames) >= BODY_AT and frames[1] in MARKS and frames[3] == DELIMITER


def key_of(address: bytes, id: bytes) -> bytes:
    """Return the key of a call among those of all clients."""
    return id if len(id) >= UNIQUE else b"%c%b%b" % (len(address), address, id)


def wrap(id: bytes, request: Sequence[bytes], mark: bytes = CALL) -> list[bytes]:
    """Return a request as the client sends it."""
    return [mark, id, DELIMITER, *request]


def failure(address: bytes, id: bytes, code: str) -> list[bytes]:
    """Return the broker's refusal for the client at `address`. The code is a key of REASONS."""
    return [address, FAILED, id, DELIMITER, code.encode(), REASONS[code].encode()]


def kept(address: bytes, id: bytes) -> list[bytes]:
    """Return the broker's confirmation that a request is on disk."""
    return [address, KEPT, id, DELIMITER]


def is_kept(frames: Sequence[bytes]) -> bool:
    """Whether a message is the confirmation that a request is on disk."""
    return len(frames) == 3 and frames[0] == KEPT and frames[2] == DELIMITER


def is_collect(frames: Sequence[bytes]) -> bool:
    """Whether a message from a ROUTER asks for the reply to an id, and nothing else."""
    return len(frames) == BODY_AT and frames[1] == COLLECT and frames[3] == DELIMITER


def unwrap(frames: Sequence[bytes]) -> tuple[bytes, list[bytes] | Failure] | None:
    """Return (id, reply frames or Failure) of what a client received; None if it is not a call."""
    if len(frames) < 4 or frames[2] != DELIMITER:
        return None
    mark, id = frames[0], frames[1]
    if mark in HEADS:
        return id, list(frames[3:])
    if mark == FAILED and len(frames) == 5:
        code, text = (frame.decode(errors="replace") for frame in frames[3:])
        return id, Failure(code, text)
    return None
