"""The Majordomo Management Interface (RFC 8): services that the broker itself answers."""

from __future__ import annotations

from collections.abc import Callable, Sequence

NAMESPACE = b"mmi."
SERVICE = b"mmi.service"
# Asks whether an id may precede the empty frame of a request, see `call`. Not part of
# RFC 8.
IDS = b"mmi.zmqdev"

FOUND = b"200"
NOT_FOUND = b"404"
NOT_IMPLEMENTED = b"501"


def is_internal(service: bytes) -> bool:
    """Whether a name belongs to the broker, so that workers must not register it."""
    return service.startswith(NAMESPACE)


def answer(
    service: bytes, body: Sequence[bytes], has_workers: Callable[[bytes], bool]
) -> list[bytes]:
    """Return the body of a reply: that of the request, with the code as its last frame."""
    if service == IDS:
        code = FOUND
    elif service != SERVICE:
        code = NOT_IMPLEMENTED
    else:
        code = FOUND if has_workers(body[-1]) else NOT_FOUND
    return [*body[:-1], code]
