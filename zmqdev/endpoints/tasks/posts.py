"""Requests left with a queue that has a store, and the replies collected later.

With `Posts`, the reply to a request is the notice that the queue has it on disk, and is printed as
the id in hex. With `Collecting`, the body of a request is such an id, and only the id is sent.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from zmqdev.endpoints.tasks.calls import Calls
from zmqdev.endpoints.tasks.requests import GivenReply, OpenRequest, Requests
from zmqdev.errors import RunError
from zmqdev.wire import call


@dataclass
class Posts(Calls):
    """Requests that are done once the queue has stored them; workers' replies are ignored."""

    mark: ClassVar[bytes] = call.POST
    done: ClassVar[str] = "kept"

    def receive(self, frames: Sequence[bytes], now: float) -> GivenReply | None:
        if len(frames) > 3 and frames[0] in call.MARKS:
            return None
        return super().receive(frames, now)

    def _kept(self, id: bytes, now: float) -> GivenReply | None:
        if id not in self._open:
            return None  # a repeated notice
        return Requests.receive(self, [id, b"", id.hex().encode()], now)


@dataclass
class Collecting(Calls):
    """Requests for the replies to posts, by their ids."""

    def start(self, body: Sequence[bytes], now: float) -> int:
        """Ask for a reply; RunError for a body that is no id, or an id that is already open."""
        id = _id_of(body)
        if id in self._open:
            raise RunError(f"collect: duplicate id {id.hex()}")
        request = OpenRequest(self._number, [id, b""], now, self._due(now))
        self._open[id] = request
        self._to_send.append(request)
        self._number += 1
        return request.number

    def _wrapped(self, frames: list[bytes], mark: bytes) -> list[bytes]:
        return [call.COLLECT, frames[0], b""]

    def _body(self, id: bytes, answer: list[bytes]) -> list[bytes] | None:
        return answer


def _id_of(body: Sequence[bytes]) -> bytes:
    """Parse an id; RunError if --post cannot have printed it."""
    text = b" ".join(body).decode(errors="replace").strip()
    try:
        id = bytes.fromhex(text)
    except ValueError:
        id = b""
    if len(id) != call.RANDOM + call.NUMBER:
        raise RunError(f"collect: {text[:80]!r} is not an id; `client --post` prints them")
    return id
