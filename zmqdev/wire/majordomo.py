"""Requests of Majordomo clients: RFC 7, RFC 18, and the PyPI package majortomo.

Messages of clients, without the address frame of the ROUTER:

    0.1        ['', "MDPC01", service, body…]            → the same with the reply's body
    0.2        ["MDPC02", 01, service, body…]            → ["MDPC02", 02|03, service, body…]
    majortomo  ['', "MDPC02", 02, service, body…]        → ['', "MDPC02", 03|04, body…]
    plain      [envelope…, body…]                        → [envelope…, body…]

02|03 and 03|04 are PARTIAL and FINAL. Plain is any REQ or DEALER client. An empty frame
in front of the 0.2 form is accepted too, and kept in the replies. `dialect` has the
messages of workers.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from zmqdev.options.reliable import LONGEST_SERVICE
from zmqdev.wire.call import BODY_AT, MARKS, is_call
from zmqdev.wire.envelope import DELIMITER, body_at

CLIENT_01 = b"MDPC01"
CLIENT_02 = b"MDPC02"
WORKER_01 = b"MDPW01"
WORKER_02 = b"MDPW02"

_REQUEST, _PARTIAL, _FINAL = b"\x01", b"\x02", b"\x03"
_TOMO_REQUEST, _TOMO_PARTIAL, _TOMO_FINAL = b"\x02", b"\x03", b"\x04"


@dataclass(frozen=True, eq=False)
class ClientForm:
    """The form of replies. `partial` and `command_at` (counted from the head's end) are for 0.2."""

    name: str
    partial: bytes | None = None
    command_at: int = 0

    def partial_head(self, head: Sequence[bytes]) -> list[bytes]:
        """Return the head of a PARTIAL, given that of the FINAL; only for forms that have one."""
        assert self.partial is not None
        frames = list(head)
        frames[self.command_at] = self.partial
        return frames


PLAIN = ClientForm("plain")
MDP_01 = ClientForm("mdp-0.1")
MDP_02 = ClientForm("mdp-0.2", _PARTIAL, -2)
MAJORTOMO = ClientForm("majortomo", _TOMO_PARTIAL, -1)

# (form, service or None, head of the final reply, body)
Asked = tuple[ClientForm, "bytes | None", list[bytes], list[bytes]]


def read_client(frames: list[bytes]) -> Asked | None:
    """Parse a client's message from a ROUTER; None when it is malformed.

    The head begins with the client's address, so head + body is the message that
    answers. A request has a body of at least one frame.
    """
    if len(frames) < 2:
        return None
    first = frames[1]
    if first == DELIMITER:
        at = 2
    elif first in (CLIENT_02, CLIENT_01):
        at = 1
    elif first in MARKS:
        if not is_call(frames):
            return None
        at = BODY_AT
    else:
        at = body_at(frames)
    if len(frames) <= at:
        return None
    header = frames[at]
    if header == CLIENT_01:
        service = frames[at + 1] if len(frames) > at + 2 else b""
        return _named(MDP_01, service, frames[: at + 2], frames[at + 2 :])
    if header == CLIENT_02:
        return _read_02(frames, at)
    if header in (WORKER_01, WORKER_02):
        return None
    return PLAIN, None, frames[:at], frames[at:]


def _read_02(frames: list[bytes], at: int) -> Asked | None:
    if len(frames) < at + 4:
        return None
    command, service = frames[at + 1], frames[at + 2]
    head = frames[: at + 1]
    if command == _REQUEST:
        return _named(MDP_02, service, [*head, _FINAL, service], frames[at + 3 :])
    if command == _TOMO_REQUEST and frames[at - 1] == DELIMITER:
        return _named(MAJORTOMO, service, [*head, _TOMO_FINAL], frames[at + 3 :])
    return None


def _named(form: ClientForm, service: bytes, head: list[bytes], body: list[bytes]) -> Asked | None:
    return (form, service, head, body) if is_service(service) else None


def is_service(name: bytes) -> bool:
    """Whether a frame can be the name of a service: printable UTF-8 (RFC 7)."""
    return 0 < len(name) <= LONGEST_SERVICE and _is_printable(name)


@lru_cache(1024)  # the same few names in each request
def _is_printable(name: bytes) -> bool:
    try:
        return name.decode().isprintable()
    except UnicodeDecodeError:
        return False


def request_01(service: bytes, body: Sequence[bytes]) -> list[bytes]:
    """Return what a 0.1 client sends after the empty frame."""
    return [CLIENT_01, service, *body]


def request_02(service: bytes, body: Sequence[bytes]) -> list[bytes]:
    """Return what a 0.2 client sends; a DEALER sends it unchanged."""
    return [CLIENT_02, _REQUEST, service, *body]


def request_tomo(service: bytes, body: Sequence[bytes]) -> list[bytes]:
    """Return what a client of majortomo sends after the empty frame."""
    return [CLIENT_02, _TOMO_REQUEST, service, *body]


def reply_01(frames: Sequence[bytes], service: bytes) -> list[bytes] | None:
    """Return the body of a 0.1 reply without its envelope; None when it is not one."""
    if len(frames) < 3 or frames[0] != CLIENT_01 or frames[1] != service:
        return None
    return list(frames[2:])


def reply_02(frames: Sequence[bytes], service: bytes) -> tuple[bool, list[bytes]] | None:
    """Return (whether it is the FINAL, body) of a 0.2 reply; None when it is not one."""
    if len(frames) < 4 or frames[0] != CLIENT_02 or frames[2] != service:
        return None
    if frames[1] not in (_PARTIAL, _FINAL):
        return None
    return frames[1] == _FINAL, list(frames[3:])


def reply_tomo(frames: Sequence[bytes]) -> tuple[bool, list[bytes]] | None:
    """Return the same for majortomo's reply, which names no service, without its empty frame."""
    if len(frames) < 3 or frames[0] != CLIENT_02 or frames[1] not in (_TOMO_PARTIAL, _TOMO_FINAL):
        return None
    return frames[1] == _TOMO_FINAL, list(frames[2:])
