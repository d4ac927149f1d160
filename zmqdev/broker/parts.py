"""A reply that arrived in parts, in the form that its client receives."""

from __future__ import annotations

from zmqdev.broker.request import Request


def whole(request: Request, body: list[bytes]) -> list[bytes]:
    """Return the frames of all parts, then those of `body`."""
    if request.parts is None:
        return body
    return [frame for part in request.parts for frame in part] + body


def messages(request: Request, body: list[bytes]) -> list[list[bytes]]:
    """Return the messages for the client of a request.

    A client whose protocol has no partial replies gets one reply with the frames of all parts.
    """
    if request.form.partial is None:
        return [request.head + whole(request, body)]
    head = request.form.partial_head(request.head)
    return [*(head + part for part in request.parts or ()), request.head + body]
