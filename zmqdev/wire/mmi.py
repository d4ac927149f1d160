"""The Majordomo Management Interface (RFC 8): services that the broker answers itself."""

from __future__ import annotations

from collections.abc import Callable, Sequence

NAMESPACE = b"mmi."
SERVICE = b"mmi.service"
# Asks whether an id may stand in front of a request's empty frame, see `call`. Ours alone.
IDS = b"mmi.zmqdev"

FOUND = b"200"
NOT_FOUND = b"404"
NOT_IMPLEMENTED = b"501"


def is_internal(service: bytes) -> bool:
    """Whether the name is the broker's own; a worker must not register it."""
    return service.startswith(NAMESPACE)


def answer(
    service: bytes, body: Sequence[bytes], has_workers: Callable[[bytes], bool]
) -> list[bytes]:
    """The body of the reply: that of the request with the code in its last frame's place."""
    if service == IDS:
        code = FOUND
    elif service != SERVICE:
        code = NOT_IMPLEMENTED
    else:
        code = FOUND if has_workers(body[-1]) else NOT_FOUND
    return [*body[:-1], code]
