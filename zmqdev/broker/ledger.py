"""The ledger: every accepted request from its arrival to its end, and why it ended.

A request ends with a reply (`answer`), without a worker in time (`expire`), after too many attempts
(a dead letter), when its client has gone (abandoned), or with the stop of the queue (`give_up`). A
request that its worker could not answer returns through `give_back`, the only place that decides
between another attempt and an end.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable
from typing import TYPE_CHECKING

from zmqdev.broker import letter, names, parts
from zmqdev.broker.cost import FRAME, MESSAGE, cost
from zmqdev.broker.letter import DeadLetter
from zmqdev.broker.names import Names
from zmqdev.broker.overflow import Overflow
from zmqdev.broker.repeat import first_try, repeat
from zmqdev.broker.request import Client, Request, ServiceQueue
from zmqdev.broker.room import Room
from zmqdev.broker.token import Tokens
from zmqdev.broker.warnings import CLIENT, PeerWarnings
from zmqdev.options.reliable import Reliable
from zmqdev.stats.reliable import ReliableTally
from zmqdev.wire import call
from zmqdev.wire.call import MARKS
from zmqdev.wire.majordomo import ClientForm

if TYPE_CHECKING:
    from zmqdev.broker.journal import Journal


class Ledger:
    """All open requests. `run` is random bytes that name this run of the queue, see `Tokens`."""

    def __init__(self, settings: Reliable, run: bytes) -> None:
        self.settings = settings
        self.tally = ReliableTally()
        self.open: dict[bytes, Request] = {}
        self.clients: dict[bytes, Client] = {}
        self.services: dict[bytes, ServiceQueue] = {}
        self.calls: dict[bytes, Request] = {}
        self.size = 0
        self.draining = False
        self.to_clients: list[list[bytes]] = []
        self.letters: list[DeadLetter] = []
        self.warnings = PeerWarnings()
        self.tokens = Tokens(run)
        # An address that no peer has, as libzmq's have 5 bytes and a token cannot be guessed.
        self.nowhere = b"\0" + self.tokens.make(0)
        self.number = 0
        self.journal: Journal | None = None
        self._most, self._most_bytes = settings.max_requests, settings.max_bytes
        self._share, self._share_bytes = settings.client_requests, settings.client_bytes
        self._largest = min(self._most_bytes, self._share_bytes)
        self.waiting = Overflow(settings.client_requests, settings.client_bytes, settings.expiry)
        self.room = Room(self)
        self.names = Names(self)

    def service(self, name: bytes, now: float, maker: bytes | None = None) -> ServiceQueue:
        """Return the service of that name, made if needed. `maker` is the client that asks."""
        found = self.services.get(name)
        if found is None:
            found = self.services[name] = ServiceQueue(name, maker)
            self.names.enter(found)
        found.used = now
        return found

    def manned(self, service: ServiceQueue, workers: int) -> None:
        """Record how many workers a service has now."""
        if workers and not service.members:
            self.room.unserved.change(-service.held, -service.size)
            self.names.leave(service)
        elif service.members and not workers:
            self.room.unserved.change(service.held, service.size)
            self.names.enter(service)
        service.members = workers
        service.known = service.known or workers > 0

    # Arrival

    def admit(
        self,
        form: ClientForm,
        name: bytes,
        head: list[bytes],
        body: list[bytes],
        now: float,
        asked: bool = False,
    ) -> Request | None:
        """Accept a request and return it, not queued yet. None: it is refused, is here already,
        or waits for the store. `asked`: the store was asked about it."""
        # cost(), inlined
        message = head + body
        size = sum(map(len, message)) + FRAME * len(message) + MESSAGE
        address = head[0]
        client, service = self.clients.get(address), self.services.get(name)
        key = None
        if len(head) > 2 and head[1] in MARKS:
            key = self._key_of_new(form, name, head, body, now, asked)
            if key is None:
                return None
        full = len(self.open) >= self._most or size > self._largest
        closed = service is None or not service.members or self.draining
        greedy = client is not None and (  # has_share(), inlined
            len(client.open) >= self._share or client.size + size > self._share_bytes
        )
        held = self.size + self.waiting.size
        if full or closed or greedy or held + size > self._most_bytes:
            refusal = self._refusal(client, service, address, size, now)
            if refusal is not None:
                self._refuse(head, address, refusal, now)
                return None
            client = self.clients.get(address)  # its last request may have been evicted
        if client is None:
            client = self.clients[address] = Client(address)
        if service is None:
            service = self.service(name, now, address)
        self.number = number = self.number + 1
        token = self.tokens.make(number)
        request = Request(number, token, client, service, form, head, body, size, now)
        request.call = key
        self.enter(request, client, service)
        if self.journal is not None:
            self.journal.begin(request, head[1] if key else call.CALL)
        return request

    def _key_of_new(
        self,
        form: ClientForm,
        name: bytes,
        head: list[bytes],
        body: list[bytes],
        now: float,
        asked: bool,
    ) -> bytes | None:
        """Return the key of a request with an id.

        It is None when the request is here already, or the store is asked.
        """
        called = head[2]
        key = called if len(called) >= call.UNIQUE else call.key_of(head[0], called)
        if key in self.calls:
            repeat(self, self.calls[key], form, head, now)
            return None
        first = head[1] == call.CALL or asked
        return key if first or first_try(self, form, name, head, body, now) else None

    def _refuse(self, head: list[bytes], address: bytes, refusal: str, now: float) -> None:
        self.tally.refused += 1
        self.fail(head, refusal)
        if refusal != "stopping":
            text = f"request refused: {call.REASONS[refusal]}"
            self.warnings.tell(CLIENT, address, text, now)

    def has_share(self, client: Client, size: int) -> bool:
        """Return whether a client may have another request of that size."""
        return len(client.open) < self._share and client.size + size <= self._share_bytes

    def _refusal(
        self,
        client: Client | None,
        service: ServiceQueue | None,
        identity: bytes,
        size: int,
        now: float,
    ) -> str | None:
        """Return why a request is refused, a key of call.REASONS; None if there is room now."""
        if self.draining:
            return "stopping"
        if size > self._largest:
            return "too-large"
        if client is not None and not self.has_share(client, size):
            return "client-full"
        if service is None and not self.names.takes(identity, now):
            return "no-service"
        served = service is not None and service.members > 0
        return None if self.room.make(identity, size, now, served=served) else "full"

    def enter(self, request: Request, client: Client, service: ServiceQueue) -> None:
        """Add an accepted request to the ledger."""
        size = request.size
        self.open[request.token] = client.open[request.number] = request
        self.size += size
        client.size += size
        service.size += size
        if not service.members:
            self.room.unserved.change(1, size)
        if request.call is not None:
            self.calls[request.call] = request
        service.requests += 1
        service.used = request.arrived
        self.tally.requests += 1

    # Replies

    def answer(self, request: Request, body: list[bytes]) -> None:
        """End a request with its reply. The request is in no queue and with no worker."""
        if self.journal is not None:
            self.journal.answered(request, parts.whole(request, body))
        if not request.head:
            pass  # its client belongs to an earlier run
        elif request.parts is None:
            self.to_clients.append(request.head + body)
        else:
            self.to_clients += parts.messages(request, body)
        self.tally.replies += 1
        request.service.replies += 1
        self.close(request)

    def partial(self, request: Request, body: list[bytes], now: float) -> bool:
        """Keep or pass on a partial reply; return False when it does not fit."""
        self.tally.partials += 1
        if self.settings.stream_partials and request.form.partial is not None:
            self.to_clients.append(request.form.partial_head(request.head) + body)
            request.streamed = True
            return True
        size, client = cost(body), request.client
        if client.size + size > self._largest:
            return False
        if not self.room.takes(size) and not self.room.make(
            client.identity, size, now, served=True
        ):
            return False
        self.resize(request, size)
        if request.parts is None:
            request.parts = []
        request.parts.append(body)
        return True

    # Replies to clients that do not read

    def hold_replies(self, messages: list[list[bytes]], now: float) -> None:
        """Keep these messages of one client, which its pipe refused."""
        self.waiting.refuse(messages, now)
        self.room.bound_replies(now)

    def hold_back(self, messages: list[list[bytes]], now: float) -> list[list[bytes]]:
        """Keep the messages of clients that have some waiting; return the others."""
        free = self.waiting.hold_back(messages)
        if len(free) < len(messages):
            self.room.bound_replies(now)
        return free

    # Requests without an answer

    def give_back(self, request: Request, why: str, now: float) -> None:
        """Queue a request for another attempt, or end it after the last one.

        `why` the present attempt failed.
        """
        self._forget_parts(request)
        request.failure = why
        if request.client.gone:
            self.tally.abandoned += 1
            self.close(request)
        elif request.streamed:
            self.bury(request, "broken-off", now)
        elif request.attempts >= self.settings.max_attempts:
            self.bury(request, "attempts", now)
        else:
            self.put_back(request)
            if self.journal is not None:
                self.journal.attempted(request)
            request.service.redispatched += 1
            self.tally.redispatched += 1

    def put_back(self, request: Request) -> None:
        """Put a request at the head of its queue, after returned requests that arrived before
        it."""
        queue = request.service.queue
        before = []
        while queue and next(iter(queue)) < request.number:
            before.append(queue.popitem(last=False)[1])
        for one in (request, *reversed(before)):
            queue[one.number] = one
            queue.move_to_end(one.number, last=False)

    def bury(self, request: Request, reason: str, now: float) -> None:
        """End a request as a dead letter."""
        self.letters.append(letter.bury(request, reason, now))
        self.warnings.lines.append(str(self.letters[-1]))
        self.tally.dead_letters += 1
        if self.journal is not None:
            self.journal.buried(request, reason)
        self._end_without_reply(request, "dead-letter")

    def expire(self, now: float) -> None:
        """End requests that have waited too long, and forget unused services."""
        settings = self.settings
        self.tell_of_losses(now)
        if self.names.count > names.MOST:
            self.names.forget_unused()
        for service in list(self.services.values()):
            patience = settings.expiry if service.known else settings.unknown_expiry
            queue = service.queue
            while queue and (
                service.oldest.client.gone or now - service.oldest.arrived >= patience
            ):
                self._expire_one(queue.popitem(last=False)[1])
            if service.is_idle and (now - service.used >= patience or not service.requests):
                self.drop(service)

    def drop(self, service: ServiceQueue) -> None:
        """Forget a service without workers and end its requests."""
        while service.queue:
            self._expire_one(service.queue.popitem(last=False)[1])
        self.names.leave(service)
        del self.services[service.name]

    def _expire_one(self, request: Request) -> None:
        if request.client.gone:
            self.tally.abandoned += 1
        else:
            self.tally.expired += 1
            code = "expired" if request.service.known else "no-service"
            self._tell_failure(request, code)
        self.close(request)

    def tell_of_losses(self, now: float) -> None:
        """Log the replies that could not be kept for their clients."""
        for identity in self.waiting.take_losers():
            self.warnings.tell(CLIENT, identity, "reply dropped: the client does not read", now)

    def evict(self, request: Request, now: float) -> None:
        """End a queued request to make room for one of another client."""
        del request.service.queue[request.number]
        self.tally.evicted += 1
        text = "request dropped: the queue is full and this client has most of it"
        self.warnings.tell(CLIENT, request.client.identity, text, now)
        self._end_without_reply(request, "full")

    def withdraw(self, request: Request, code: str) -> None:
        """Tell a client that its post cannot be kept; end it unless a worker has it."""
        if request.number in request.service.queue:
            del request.service.queue[request.number]
            self.tally.evicted += 1
            self._end_without_reply(request, code)
        else:
            self.fail(request.head, code)

    def give_up(self) -> int:
        """End all requests that are left, at the stop; return how many."""
        keeps = self.journal.keeps if self.journal is not None else lambda request: False
        left = [request for request in self.open.values() if not keeps(request)]
        for request in left:
            self.tally.unanswered += 1
            self._end_without_reply(request, "stopped")
        for service in self.services.values():
            service.queue.clear()
            service.in_flight = 0
        return len(left)

    def next_of(self, queue: OrderedDict[int, Request]) -> Request | None:
        """Take the next request whose client is still connected from a queue."""
        while queue:
            request = queue.popitem(last=False)[1]
            if not request.client.gone:
                return request
            self._expire_one(request)
        return None

    # Book-keeping

    def _end_without_reply(self, request: Request, code: str) -> None:
        self._tell_failure(request, code)
        self.close(request)

    def _tell_failure(self, request: Request, code: str) -> None:
        self.fail(request.head, code)
        if self.journal is not None:
            self.journal.answered(request, [], code)

    def close(self, request: Request) -> None:
        """Remove a request from the ledger."""
        client, service, size = request.client, request.service, request.size
        del self.open[request.token], client.open[request.number]
        self.size -= size
        client.size -= size
        service.size -= size
        if not service.members:
            self.room.unserved.change(-1, -size)
        if request.call is not None:
            del self.calls[request.call]
        if not client.open and self.clients.get(client.identity) is client:
            del self.clients[client.identity]
        if self.journal is not None:
            self.journal.end(request)

    def resize(self, request: Request, change: int) -> None:
        """Change the size of a request."""
        self.size += change
        request.size += change
        request.client.size += change
        request.service.size += change
        if not request.service.members:
            self.room.unserved.change(0, change)

    def _forget_parts(self, request: Request) -> None:
        if request.parts is not None:
            self.resize(request, -sum(map(cost, request.parts)))
            request.parts = None

    def fail(self, head: list[bytes], code: str) -> None:
        """Send the client the reason why it gets no reply, if its protocol has such a message."""
        called = _call_of(head)
        if called is not None:
            self.to_clients.append(call.failure(head[0], called, code))

    def oldest(self, services: Iterable[ServiceQueue]) -> float | None:
        """Return when the oldest queued request arrived; None when none is queued."""
        return min((s.oldest.arrived for s in services if s.queue), default=None)


def _call_of(head: list[bytes]) -> bytes | None:
    """Return the id of a call; None for a client that sends none."""
    return head[2] if len(head) > 2 and head[1] in call.HEADS else None
