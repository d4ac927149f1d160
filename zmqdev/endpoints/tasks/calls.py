"""The requests of a reliable client, Majordomo or plain, with ids; refusals are reported.

`requests` defines requests, replies and retries. This module converts them to and from the messages
of `wire.call` and `wire.majordomo`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import ClassVar

from zmqdev.endpoints.tasks.requests import GivenReply, Requests
from zmqdev.wire import call, majordomo

# Refusals after which a request is tried again: the queue may have room, or be back, by then.
PASSING = frozenset(
    {"full", "client-full", "stopping", "stopped", "expired"}
    | {"store-full", "store-away", "other-queue"}
)


@dataclass(frozen=True)
class Refusal:
    """The reason why request `number` gets no reply. If `final`, it is not sent again."""

    number: int
    text: str
    final: bool


@dataclass
class Calls(Requests):
    """Requests of a reliable client.

    `protocol` is one of `reliable_peers.Calling`. `refusals` are kept until they are taken.
    """

    mark: ClassVar[bytes] = call.CALL
    protocol: str = "mdp-0.1"
    service: bytes = b""
    refusals: list[Refusal] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__post_init__()
        self._parts: dict[bytes, list[bytes]] = {}  # partial replies until the final one

    def burst(self, limit: int) -> list[list[bytes]]:
        """Return the next messages to send.

        A request that was sent before has the same id and the mark AGAIN.
        """
        return [
            self._wrapped(request.frames, call.AGAIN if request.tries else self.mark)
            for request, _ in zip(self._to_send, range(limit), strict=False)
        ]

    def receive(self, frames: Sequence[bytes], now: float) -> GivenReply | None:
        if call.is_kept(frames):
            return self._kept(frames[1], now)
        told = call.unwrap(frames)
        if told is None:
            self.counts.malformed += 1
            return None
        id, answer = told
        if isinstance(answer, call.Failure):
            self._refused(id, answer)
            return None
        body = self._body(id, answer)
        return None if body is None else super().receive([id, b"", *body], now)

    def _kept(self, id: bytes, now: float) -> GivenReply | None:
        """Handle the notice that a request is on the queue's disk; its reply is still to come."""
        return None

    def strict(self, frames: list[bytes]) -> tuple[bytes, list[bytes]]:
        """Return the id, and the message as its protocol has it."""
        _, id, empty, *rest = frames
        return id, rest if self.protocol == "mdp-0.2" else [empty, *rest]

    def whole(self, id: bytes, frames: list[bytes]) -> list[bytes]:
        lead = [call.CALL, id]
        return [*lead, b"", *frames] if self.protocol == "mdp-0.2" else [*lead, *frames]

    def take_refusals(self) -> list[Refusal]:
        """Return the refusals since the last call."""
        taken, self.refusals = self.refusals, []
        return taken

    def _wrapped(self, frames: list[bytes], mark: bytes) -> list[bytes]:
        """Return `[id, '', body…]` as it is sent."""
        id, body = frames[0], frames[2:]
        if self.protocol == "mdp-0.1":
            body = majordomo.request_01(self.service, body)
        elif self.protocol == "mdp-0.2":
            body = majordomo.request_02(self.service, body)
        elif self.protocol == "majortomo":
            body = majordomo.request_tomo(self.service, body)
        return call.wrap(id, body, mark)

    def _body(self, id: bytes, answer: list[bytes]) -> list[bytes] | None:
        """Return the body of a whole reply; None for a partial or a malformed one."""
        if self.protocol == "plain":
            return answer
        if self.protocol == "mdp-0.1":
            body = majordomo.reply_01(answer, self.service)
            if body is None:
                self.counts.malformed += 1
            return body
        if self.protocol == "majortomo":
            part = majordomo.reply_tomo(answer)
        else:
            part = majordomo.reply_02(answer, self.service)
        if part is None:
            self.counts.malformed += 1
            return None
        final, body = part
        if id not in self._open:
            self._parts.pop(id, None)
            return body if final else None
        parts = self._parts.setdefault(id, [])
        parts += body
        return self._parts.pop(id) if final else None

    def _refused(self, id: bytes, failure: call.Failure) -> None:
        request = self._open.get(id)
        if request is None:
            self.counts.late += 1
            return
        final = failure.code not in PASSING or request.tries >= self.retries
        self.refusals.append(Refusal(request.number, failure.text, final))
        if final:
            del self._open[id]
            self._parts.pop(id, None)
            self._give_up(request)
