"""A dead letter: a request that no worker could answer, kept for inspection."""

from __future__ import annotations

import json
from dataclasses import dataclass

from zmqdev.broker.record import Dead
from zmqdev.broker.request import Request
from zmqdev.relay.veil import veil

REASONS = {
    "attempts": "every attempt failed",
    "broken-off": "its worker died after a partial reply had gone out",
    "damaged": "its record in the store was damaged",
    "too-large": "its partial replies exceed the queue's limit",
}


@dataclass(frozen=True)
class DeadLetter:
    """A dead letter.

    `reason` is a key of REASONS. `age` is in seconds. `client` is the client's address in hex.
    `failure` says why the last attempt failed.
    """

    service: str
    reason: str
    attempts: int
    age: float
    client: str
    failure: str
    body: tuple[bytes, ...]

    def frames(self) -> list[bytes]:
        """Return the message to push: a JSON object, then the body of the request."""
        about = {
            "service": self.service,
            "reason": self.reason,
            "attempts": self.attempts,
            "age": round(self.age, 6),
            "client": self.client,
            "failure": self.failure,
        }
        return [json.dumps(about).encode(), *self.body]

    def __str__(self) -> str:
        last = f"; the last: {self.failure}" if self.failure else ""
        return (
            f"dead letter: a request for {self.service!r} from client {self.client}: "
            f"{REASONS[self.reason]}, {self.attempts} attempts in {self.age:.3g}s{last}"
        )


def of_record(dead: Dead) -> DeadLetter:
    """Make the dead letter of a stored request that was never given to a worker."""
    return DeadLetter(
        service=dead.service.decode(errors="replace"),
        reason=dead.reason,
        attempts=0,
        age=0.0,
        client="",
        failure="",
        body=dead.body,
    )


def bury(request: Request, reason: str, now: float) -> DeadLetter:
    """Make the dead letter of a request."""
    return DeadLetter(
        service=request.service.name.decode(errors="replace"),
        reason=reason,
        attempts=request.attempts,
        age=now - request.arrived,
        client=veil(request.client.identity).hex(),
        failure=request.failure,
        body=tuple(request.body),
    )
