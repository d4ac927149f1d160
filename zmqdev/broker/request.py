"""The contents of the ledger: clients, services, requests.

From its arrival to its end a request is in exactly one place: in the queue of its service, or with
the worker that works on it.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING

from zmqdev.wire.majordomo import ClientForm

if TYPE_CHECKING:
    from zmqdev.broker.worker import Worker


class Client:
    """A client with requests here, and how much they cost.

    `gone`: a reply could not be routed. `open`: its requests by number, the latest last.
    """

    __slots__ = ("gone", "identity", "open", "size")

    def __init__(self, identity: bytes) -> None:
        self.identity = identity
        self.open: dict[int, Request] = {}
        self.size = 0
        self.gone = False


class ServiceQueue:
    """The queue of one service, with its workers.

    `ready`: workers in the order in which they became ready. `queue`: requests by number, the
    oldest first. `size`: bytes of all its requests. `maker`: the client that named it first, until
    a worker comes.
    """

    __slots__ = (
        "in_flight",
        "known",
        "maker",
        "members",
        "name",
        "queue",
        "ready",
        "redispatched",
        "replies",
        "requests",
        "size",
        "used",
    )

    def __init__(self, name: bytes, maker: bytes | None = None) -> None:
        self.name = name
        self.maker = maker
        self.queue: OrderedDict[int, Request] = OrderedDict()
        self.size = 0
        self.ready: OrderedDict[Worker, None] = OrderedDict()
        self.members = 0
        self.in_flight = 0
        self.known = False  # whether it ever had a worker
        self.used = 0.0  # when it last had a worker or a request
        self.requests = 0
        self.replies = 0
        self.redispatched = 0

    @property
    def held(self) -> int:
        """Return how many requests it has."""
        return len(self.queue) + self.in_flight

    @property
    def is_idle(self) -> bool:
        """Whether it has neither workers nor requests."""
        return not self.members and not self.queue and not self.in_flight

    @property
    def oldest(self) -> Request:
        """Return the next request; there must be one."""
        return next(iter(self.queue.values()))


class Request:
    """One request. `head` and the body of a reply make the message that answers it.

    - `parcel`: what every worker gets after the lead of its protocol: token, '', body.
    - `parts`: partial replies kept until the final one.
    - `streamed`: the client was sent a partial reply already.
    - `call`: its id, if it has one.
    - `failure`: why its last attempt failed.
    - `since`: when its worker got it.
    """

    __slots__ = (
        "arrived",
        "attempts",
        "call",
        "client",
        "failure",
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
        service: ServiceQueue,
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
        self.failure = ""
        self.parts: list[list[bytes]] | None = None
        self.streamed = False

    @property
    def body(self) -> list[bytes]:
        """Return the body."""
        return self.parcel[2:]
