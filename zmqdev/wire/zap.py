"""ZAP (ZeroMQ RFC 27): libzmq's request for each handshake, and the reply.

    request   [envelope...] '' version id domain address routing-id mechanism credential...
    reply     [envelope...] '' version id status text user-id metadata

Only libzmq in this process can ask, over inproc. A malformed request is refused all the
same, with a reply when it has an id to reply to.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

VERSION = b"1.0"
ENDPOINT = "inproc://zeromq.zap.01"

OK = 200
TEMPORARY = 300
REFUSED = 400
INTERNAL = 500
STATUSES = (OK, TEMPORARY, REFUSED, INTERNAL)

# Mechanism -> number of frames after it.
CREDENTIALS = {"NULL": 0, "PLAIN": 2, "CURVE": 1}
CURVE_KEY_BYTES = 32
LONGEST_WORD = 255
LONGEST_ID = 255


@dataclass(frozen=True)
class ZapRequest:
    """One request. Credentials are secrets, so `repr` leaves them out."""

    envelope: tuple[bytes, ...]
    id: bytes
    domain: str
    address: str
    routing_id: bytes
    mechanism: str
    credentials: tuple[bytes, ...] = field(default=(), repr=False)

    @property
    def user(self) -> str:
        """Return the name that precedes a password; PLAIN only."""
        return self.credentials[0].decode("utf-8", "replace")


@dataclass(frozen=True)
class Malformed:
    """A request that could not be parsed: why, and where to reply (id None: nowhere)."""

    why: str
    envelope: tuple[bytes, ...]
    id: bytes | None


@dataclass(frozen=True)
class ZapReply:
    """A reply: 200 admits, 300 means try again, 400 never, 500 an internal error."""

    status: int
    text: str
    user_id: str = ""


def parse_request(frames: Sequence[bytes]) -> ZapRequest | Malformed:
    """Parse what a ROUTER received: envelope, an empty frame, then the request."""
    try:
        empty = list(frames).index(b"")
    except ValueError:
        return Malformed("no empty frame ends the envelope", (), None)
    envelope, body = tuple(frames[:empty]), frames[empty + 1 :]
    if len(body) < 6:
        return Malformed(f"{len(body)} frames, at least 6 are needed", envelope, _id(body))
    if body[0] != VERSION:
        return Malformed("the version is not 1.0", envelope, _id(body))
    if len(body[1]) > LONGEST_ID or len(body[4]) > LONGEST_ID:
        return Malformed("an id of more than 255 bytes", envelope, None)
    try:
        domain, address, mechanism = (body[at].decode("ascii") for at in (2, 3, 5))
    except UnicodeDecodeError:
        return Malformed("domain, address or mechanism is not text", envelope, _id(body))
    request = ZapRequest(envelope, body[1], domain, address, body[4], mechanism, tuple(body[6:]))
    wrong = _wrong_credentials(request)
    return Malformed(wrong, envelope, request.id) if wrong else request


def _id(body: Sequence[bytes]) -> bytes | None:
    return body[1] if len(body) > 1 and len(body[1]) <= LONGEST_ID else None


def _wrong_credentials(request: ZapRequest) -> str | None:
    expected = CREDENTIALS.get(request.mechanism)
    if expected is None:
        return None
    if len(request.credentials) != expected:
        return f"{request.mechanism} with {len(request.credentials)} credentials, not {expected}"
    if request.mechanism == "CURVE" and len(request.credentials[0]) != CURVE_KEY_BYTES:
        return "a CURVE key that is not 32 bytes"
    if any(len(word) > LONGEST_WORD for word in request.credentials):
        return "a credential of more than 255 bytes"
    return None


def build_reply(envelope: Sequence[bytes], request_id: bytes, reply: ZapReply) -> list[bytes]:
    """Return the frames of a reply.

    libzmq accepts metadata only in ZMTP's form, so none is sent. Only a 200 carries a
    user id, because libzmq drops the connection of any other.
    """
    if reply.status not in STATUSES:
        raise ValueError(f"no ZAP status: {reply.status}")
    user = reply.user_id if reply.status == OK else ""
    text = reply.text.encode("ascii", "replace")[:LONGEST_WORD]
    words = [str(reply.status).encode(), text, user.encode("utf-8", "replace")[:LONGEST_WORD], b""]
    return [*envelope, b"", VERSION, request_id, *words]
