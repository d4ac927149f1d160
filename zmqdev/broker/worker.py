"""A registered worker."""

from __future__ import annotations

from zmqdev.broker.request import Request, ServiceQueue
from zmqdev.wire.dialect import Dialect, DialectVerb


class Worker:
    """A registered worker.

    - `seen`: the time of its last message, in the broker's running time.
    - `sent`: the time of the last message to it.
    - `lead`: the frames before a request's parcel.
    - `pulse`: a whole heartbeat or probe.
    - `reply_at`: where the body of its replies begins; in a `final` reply the token and an empty
      frame come before it.
    """

    __slots__ = (
        "dialect",
        "final",
        "identity",
        "interval",
        "lead",
        "overdue",
        "pulse",
        "reply_at",
        "request",
        "seen",
        "sent",
        "service",
    )

    def __init__(
        self, identity: bytes, dialect: Dialect, service: ServiceQueue, interval: float
    ) -> None:
        self.identity = identity
        self.dialect = dialect
        self.service = service
        self.interval = interval
        self.seen = 0.0
        self.sent = 0.0
        self.request: Request | None = None
        self.overdue: bytes | None = None  # token of the request that it took too long for
        self.lead = [identity, *dialect.lead_of(DialectVerb.REQUEST)]
        self.pulse = [identity, *(dialect.probe or dialect.frames(DialectVerb.HEARTBEAT))]
        self.final = [identity, *dialect.lead_of(DialectVerb.FINAL)][-1]
        self.reply_at = 1 + dialect.body_after
