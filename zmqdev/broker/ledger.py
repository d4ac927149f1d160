"""The ledger: every accepted request from its arrival to its end, and why it ended.

Ends: a reply (`answer`), no worker in time (`expire`), too many attempts (a dead
letter), a client that went away (abandoned), the stop of the queue (`give_up`). A
request that its worker could not answer comes back through `give_back`, which
alone decides between another attempt and an end.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable

from zmqdev.broker import letter
from zmqdev.broker.letter import DeadLetter
from zmqdev.broker.request import Client, Request, Service
from zmqdev.broker.token import Tokens
from zmqdev.options.reliable import Reliable
from zmqdev.stats.reliable import Tally
from zmqdev.wire import call
from zmqdev.wire.majordomo import ClientForm

# Names that have had no worker yet; each costs memory and a look in every sweep, and anybody
# can make one up.
MOST_UNKNOWN = 1000


class Ledger:
    """`run` is a few random bytes that name this run of the queue, see `Tokens`."""

    def __init__(self, settings: Reliable, run: bytes) -> None:
        self.settings = settings
        self.tally = Tally()
        self.open: dict[bytes, Request] = {}
        self.clients: dict[bytes, Client] = {}
        self.services: dict[bytes, Service] = {}
        self.size = 0
        self.draining = False
        self.to_clients: list[list[bytes]] = []
        self.letters: list[DeadLetter] = []
        self.notices: list[str] = []
        self.tokens = Tokens(run)
        self._number = 0
        self._unknown = 0  # services that have had no worker yet
        self._largest = min(settings.max_bytes, settings.client_bytes)

    def service(self, name: bytes, now: float) -> Service:
        """The service of that name, made when there is none."""
        found = self.services.get(name)
        if found is None:
            found = self.services[name] = Service(name)
            self._unknown += 1
        found.used = now
        return found

    def joined(self, service: Service, workers: int = 1) -> None:
        """Workers of the service came."""
        service.members += workers
        if not service.known:
            service.known = True
            self._unknown -= 1

    # Arrival

    def admit(
        self, form: ClientForm, name: bytes, head: list[bytes], body: list[bytes], now: float
    ) -> Request | None:
        """Take a request in; None when it is refused, or here already. Puts it in no queue."""
        size = sum(map(len, body))
        client = self.clients.get(head[0])
        if client is not None and client.calls and _call_of(head) in client.calls:
            self.tally.repeated += 1
            return None
        refusal = self._refusal(client, size)
        service = self.services.get(name)
        if service is None and self._unknown >= MOST_UNKNOWN:
            refusal = refusal or "no-service"
        if refusal is not None:
            self.tally.refused += 1
            self._fail(head, refusal)
            return None
        if client is None:
            client = self.clients[head[0]] = Client(head[0])
        if service is None:
            service = self.service(name, now)
        self._number = number = self._number + 1
        token = self.tokens.make(number)
        request = Request(number, token, client, service, form, head, body, size, now)
        self._enter(request)
        return request

    def _refusal(self, client: Client | None, size: int) -> str | None:
        """Why a request of that size is not taken in, a key of call.REASONS."""
        limits = self.settings
        if self.draining:
            return "stopping"
        if size > self._largest:
            return "too-large"
        if len(self.open) >= limits.max_requests or self.size + size > limits.max_bytes:
            return "full"
        if client is None:
            return None
        if client.requests >= limits.client_requests or client.size + size > limits.client_bytes:
            return "client-full"
        return None

    def _enter(self, request: Request) -> None:
        client = request.client
        self.open[request.token] = request
        self.size += request.size
        client.requests += 1
        client.size += request.size
        request.call = called = _call_of(request.head)
        if called is not None:
            client.calls.add(called)
        request.service.requests += 1
        request.service.used = request.arrived
        self.tally.requests += 1

    # Replies

    def answer(self, request: Request, body: list[bytes]) -> None:
        """End a request with its reply. The request is in no queue and with no worker."""
        parts = request.parts
        if parts is None:
            self.to_clients.append(request.head + body)
        else:
            self._answer_in_parts(request, parts, body)
        self.tally.replies += 1
        request.service.replies += 1
        self._close(request)

    def _answer_in_parts(
        self, request: Request, parts: list[list[bytes]], body: list[bytes]
    ) -> None:
        """A client that knows no partial replies gets one reply with the frames of all."""
        if request.form.partial is None:
            whole = [frame for part in parts for frame in part]
            self.to_clients.append(request.head + whole + body)
            return
        head = request.form.partial_head(request.head)
        self.to_clients.extend(head + part for part in parts)
        self.to_clients.append(request.head + body)

    def partial(self, request: Request, body: list[bytes]) -> bool:
        """Keep or pass on a partial reply; False when there is no room for it."""
        self.tally.partials += 1
        if self.settings.stream_partials and request.form.partial is not None:
            self.to_clients.append(request.form.partial_head(request.head) + body)
            request.streamed = True
            return True
        size = sum(map(len, body))
        if self.size + size > self.settings.max_bytes:
            return False
        self._resize(request, size)
        if request.parts is None:
            request.parts = []
        request.parts.append(body)
        return True

    # What could not be answered

    def give_back(self, request: Request, now: float) -> None:
        """Queue a request for another attempt, or end it when this was its last."""
        self._forget_parts(request)
        if request.client.gone:
            self.tally.abandoned += 1
            self._close(request)
        elif request.streamed:
            self.bury(request, "broken-off", now)
        elif request.attempts >= self.settings.max_attempts:
            self.bury(request, "attempts", now)
        else:
            self.put_back(request)
            request.service.redispatched += 1
            self.tally.redispatched += 1

    def put_back(self, request: Request) -> None:
        """To the head of its queue, behind those that came before it and are back as well."""
        queue = request.service.queue
        at = 0
        while at < len(queue) and queue[at].number < request.number:
            at += 1
        queue.insert(at, request)

    def bury(self, request: Request, reason: str, now: float) -> None:
        """End a request as a dead letter."""
        self.letters.append(letter.bury(request, reason, now))
        self.notices.append(str(self.letters[-1]))
        self.tally.dead_letters += 1
        self._fail(request.head, "dead-letter")
        self._close(request)

    def expire(self, now: float) -> None:
        """End what has waited too long, and forget services that nobody uses."""
        settings = self.settings
        for service in list(self.services.values()):
            patience = settings.expiry if service.known else settings.unknown_expiry
            queue = service.queue
            while queue and (queue[0].client.gone or now - queue[0].arrived >= patience):
                self._expire_one(queue.popleft())
            idle = not queue and not service.members and not service.in_flight
            if idle and (now - service.used >= patience or not service.requests):
                self._unknown -= not service.known
                del self.services[service.name]

    def _expire_one(self, request: Request) -> None:
        if request.client.gone:
            self.tally.abandoned += 1
        else:
            self.tally.expired += 1
            self._fail(request.head, "expired" if request.service.known else "no-service")
        self._close(request)

    def give_up(self) -> int:
        """End everything that is left, at the stop: how many requests."""
        left = list(self.open.values())
        for request in left:
            self.tally.unanswered += 1
            self._fail(request.head, "stopped")
            self._close(request)
        for service in self.services.values():
            service.queue.clear()
            service.in_flight = 0
        return len(left)

    def client_gone(self, identity: bytes) -> None:
        """A reply could not be routed: what is queued for an address that cannot return ends.

        libzmq makes five-byte addresses that begin with 0 and never uses one again; a
        client that chose its own may come back and wait for its replies.
        """
        client = self.clients.get(identity)
        if client is not None and identity.startswith(b"\0"):
            client.gone = True

    def next_of(self, queue: deque[Request]) -> Request | None:
        """Take the next request whose client is still there from a queue."""
        while queue:
            request = queue.popleft()
            if not request.client.gone:
                return request
            self._expire_one(request)
        return None

    # Book-keeping

    def _close(self, request: Request) -> None:
        """Take a request out of the ledger."""
        del self.open[request.token]
        client = request.client
        self.size -= request.size
        client.size -= request.size
        client.requests -= 1
        if request.call is not None:
            client.calls.discard(request.call)
        if not client.requests:
            del self.clients[client.identity]

    def _resize(self, request: Request, change: int) -> None:
        self.size += change
        request.size += change
        request.client.size += change

    def _forget_parts(self, request: Request) -> None:
        if request.parts is not None:
            self._resize(request, -sum(len(frame) for part in request.parts for frame in part))
            request.parts = None

    def _fail(self, head: list[bytes], code: str) -> None:
        """Tell a client that can read it why there is no reply."""
        called = _call_of(head)
        if called is not None:
            self.to_clients.append(call.failure(head[0], called, code))

    def oldest(self, services: Iterable[Service]) -> float | None:
        """When the oldest queued request came; None when none is queued."""
        return min((s.queue[0].arrived for s in services if s.queue), default=None)


def _call_of(head: list[bytes]) -> bytes | None:
    """The id of a call; None for a client that sends none."""
    return head[2] if len(head) > 2 and head[1] == call.CALL else None
