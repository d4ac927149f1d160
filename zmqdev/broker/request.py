"""What the ledger holds: clients, services, requests.

A request is in exactly one place from its arrival to its end: in the queue of its
service, or with the worker that works on it.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from typing import TYPE_CHECKING

from zmqdev.wire.majordomo import ClientForm

if TYPE_CHECKING:
    from zmqdev.broker.worker import Worker


class Client:
    """Who has requests here, and how much of them. `gone`: a reply could not be routed."""

    __slots__ = ("calls", "gone", "identity", "requests", "size")

    def __init__(self, identity: bytes) -> None:
        self.identity = identity
        self.requests = 0
        self.size = 0
        self.gone = False
        self.calls: set[bytes] = set()  # ids of the calls among its requests


class Service:
    """One queue with its workers. `ready` is in the order in which they became so."""

    __slots__ = (
        "in_flight",
        "known",
        "members",
        "name",
        "queue",
        "ready",
        "redispatched",
        "replies",
        "requests",
        "used",
    )

    def __init__(self, name: bytes) -> None:
        self.name = name
        self.queue: deque[Request] = deque()
        self.ready: OrderedDict[Worker, None] = OrderedDict()
        self.members = 0
        self.in_flight = 0
        self.known = False  # whether it ever had a worker
        self.used = 0.0  # when it last had a worker or a request
        self.requests = 0
        self.replies = 0
        self.redispatched = 0


class Request:
    """One request. `head` + a reply's body is the message that answers it.

    `parcel` is what every worker gets after its protocol's lead: token, '', body.
    `parts` are partial replies kept until the final one; `streamed` says that the
    client has had one already. `since` is when its worker got it.
    """

    __slots__ = (
        "arrived",
        "attempts",
        "call",
        "client",
        "form",
        "head",
        "number",
        "parcel",
        "parts",
        "service",
        "since",
        "size",
        "streamed",
        "token",
    )

    def __init__(
        self,
        number: int,
        token: bytes,
        client: Client,
        service: Service,
        form: ClientForm,
        head: list[bytes],
        body: list[bytes],
        size: int,
        now: float,
    ) -> None:
        self.number = number
        self.token = token
        self.client = client
        self.service = service
        self.form = form
        self.head = head
        self.parcel = [token, b"", *body]
        self.size = size
        self.arrived = now
        self.since = now
        self.attempts = 0
        self.call: bytes | None = None
        self.parts: list[list[bytes]] | None = None
        self.streamed = False

    @property
    def body(self) -> list[bytes]:
        return self.parcel[2:]
