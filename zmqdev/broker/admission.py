"""Rights of workers: a READY for a service that the worker may not serve is ignored.

The name of a worker comes with its message, from the handshake (ZAP's user id). Only receiving
frame by frame returns it, so this replaces the receiving of bursts, but only where rights are
configured.
"""

from __future__ import annotations

import time
from typing import Any, cast

import zmq

from zmqdev.relay.bursts import is_made
from zmqdev.relay.origins import origin
from zmqdev.security.acl import Rights
from zmqdev.security.guard import Guard
from zmqdev.security.policy import ANONYMOUS
from zmqdev.wire.dialect import DialectVerb, is_workers, recognise

Message = list[bytes]


class Admission:
    """Receives messages for the broker. `rights` may be replaced from any thread.

    `default` is the service of workers whose protocol has no service names. `shared`: clients use
    the same socket, and their messages are not checked.
    """

    def __init__(
        self, rights: Rights, default: str, guard: Guard | None, shared: bool = False
    ) -> None:
        self.rights = rights
        self._shared = shared
        self._default, self._guard = default.encode(), guard

    def receive(
        self,
        socket: zmq.Socket[bytes],
        limit: int,
        seen: set[int] | None = None,
        named: list[tuple[int, int]] | None = None,
    ) -> list[Message]:
        """Receive up to `limit` messages like recv_burst; fewer only when no more have come."""
        messages: list[Message] = []
        while len(messages) < limit:
            try:
                frames = socket.recv_multipart(zmq.DONTWAIT, copy=False)
            except zmq.Again:
                break
            message = [frame.bytes for frame in frames]
            if seen is not None:
                seen.add(origin(frames[-1]))
            if self._may(frames, message):
                if named is not None and not is_made(message[0]):
                    named.append((len(messages), origin(frames[-1])))
                messages.append(message)
        return messages

    def _may(self, frames: list[zmq.Frame], message: Message) -> bool:
        service = self._asked(message)
        if service is None:
            return True
        user = _name(frames[-1])
        if self.rights.may_serve(user, service):
            return True
        if self._guard is not None:
            text = f"{user} may not serve {service.decode('utf-8', 'backslashreplace')!r}"
            self._guard.refuse("rights", text, _address(frames[-1]), time.monotonic())
        return False

    def _asked(self, message: Message) -> bytes | None:
        """Return the service that a READY is for; None for any other message."""
        if self._shared and not is_workers(message):
            return None
        dialect = recognise(message)
        if (
            dialect is None
            or dialect.verb_of(message, 1, DialectVerb.FINAL) is not DialectVerb.READY
        ):
            return None
        return message[-1] if dialect.has_service else self._default


def _name(frame: zmq.Frame) -> str:
    return _property(frame, "User-Id") or ANONYMOUS


def _address(frame: zmq.Frame) -> str:
    return _property(frame, "Peer-Address")


def _property(frame: zmq.Frame, name: str) -> str:
    try:
        return cast(str, cast(Any, frame).get(name))
    except zmq.ZMQError:
        return ""
