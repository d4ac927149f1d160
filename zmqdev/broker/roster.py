"""Workers that speak a protocol: their identity, their current request, their turn.

A worker is ready, busy with one request, or overdue. It is overdue when it took longer than the
busy timeout: its request was given to another worker, and it becomes ready again with its late
reply. Only READY and a reply make a worker ready; a heartbeat does not.
"""

from __future__ import annotations

from collections.abc import Iterable

from zmqdev.broker.ledger import Ledger
from zmqdev.broker.request import Request, ServiceQueue
from zmqdev.broker.warnings import WORKER, misplaced
from zmqdev.broker.worker import Worker
from zmqdev.options.reliable import LIVENESS
from zmqdev.wire import dialect as dialects
from zmqdev.wire import mmi
from zmqdev.wire.dialect import Dialect, DialectVerb
from zmqdev.wire.envelope import DELIMITER

FINAL, PARTIAL, HEARTBEAT = DialectVerb.FINAL, DialectVerb.PARTIAL, DialectVerb.HEARTBEAT
READY, DISCONNECT, REQUEST = DialectVerb.READY, DialectVerb.DISCONNECT, DialectVerb.REQUEST


class Roster:
    """The workers of `--workers auto`.

    Requests for them are collected in `to_workers`. Heartbeats and disconnects are collected in
    `commands`, since they must not count as messages.

    `absent`: seconds in which the broker itself did not run, in total. Silence and work are
    measured in its running time, `now - absent`.
    """

    wants_room = False  # a ROUTER never waits: it takes a message or refuses it

    def __init__(self, ledger: Ledger) -> None:
        self.ledger = ledger
        self.settings = ledger.settings
        self.tally = ledger.tally
        self.workers: dict[bytes, Worker] = {}
        self.to_workers: list[list[bytes]] = []
        self.commands: list[list[bytes]] = []
        self.paused = False
        self._default = ledger.settings.service.encode()
        self.absent = 0.0

    # Work

    def offer(self, request: Request, now: float) -> None:
        """Give a new request to the ready worker that has waited longest, or queue it."""
        service = request.service
        if service.ready and not service.queue and not self.paused:
            worker, _ = service.ready.popitem(last=False)
            self._assign(worker, request, now)
        else:
            service.queue[request.number] = request

    def feed(self, service: ServiceQueue, now: float) -> None:
        """Give queued requests to ready workers."""
        while service.queue and service.ready and not self.paused:
            request = self.ledger.next_of(service.queue)
            if request is None:
                return
            worker, _ = service.ready.popitem(last=False)
            self._assign(worker, request, now)

    def _assign(self, worker: Worker, request: Request, now: float) -> None:
        worker.request = request
        worker.sent = now
        request.since = now - self.absent
        request.attempts += 1
        request.service.in_flight += 1
        self.to_workers.append(worker.lead + request.parcel)

    def _make_ready(self, worker: Worker, now: float) -> None:
        service = worker.service
        service.ready[worker] = None
        if service.queue:
            self.feed(service, now)

    # Messages

    def receive(self, messages: Iterable[list[bytes]], now: float) -> None:
        """Handle messages from workers, as the ROUTER received them."""
        workers = self.workers
        waking = now - self.absent
        for frames in messages:
            worker = workers.get(frames[0]) if frames else None
            if worker is None:
                self._stranger(frames, now)
                continue
            worker.seen = waking
            request = worker.request
            at = worker.reply_at
            # Nearly all messages are the expected reply, and its token proves it.
            if (
                request is not None
                and len(frames) > at
                and frames[at - 2] == request.token
                and frames[at - 3] == worker.final
                and not frames[at - 1]
            ):
                worker.request = None
                worker.service.in_flight -= 1
                self.ledger.answer(request, frames[at:])
                self._make_ready(worker, now)
                continue
            verb = worker.dialect.verb_of(frames, 1, FINAL)
            if verb is not HEARTBEAT:
                self._other(worker, verb, frames, now)

    def _late(self, worker: Worker, token: bytes, now: float) -> None:
        """Handle a reply that is not the expected one."""
        strange = not self.ledger.tokens.owns(token)
        if strange or (worker.dialect.alternates and worker.request is not None):
            self._expel(worker, "reply to a request it was not given", now)
            return
        self.tally.late += 1
        if worker.overdue == token:
            worker.overdue = None
            self._make_ready(worker, now)

    def _other(self, worker: Worker, verb: DialectVerb, frames: list[bytes], now: float) -> None:
        if verb is FINAL:
            self._late(worker, frames[worker.reply_at - 2], now)
        elif verb is PARTIAL:
            self._partial(worker, frames, now)
        elif verb is DISCONNECT:
            self.tally.left += 1
            self._remove(worker, "its worker left", now)
        elif verb is READY and worker.dialect.wordless:
            # RFC 6: READY again starts a new conversation.
            self._remove(worker, "its worker began again", now)
            self._register(worker.identity, worker.dialect, self._default, now)
        elif verb is READY:
            self.tally.unexpected += 1
            self._remove(worker, "its worker said READY again", now)
            self._say(worker.identity, worker.dialect, DISCONNECT)
        elif whole := self._completed(worker, frames):
            self.receive([whole], now)
        else:
            self._expel(worker, f"malformed {worker.dialect.name} message", now)

    def _completed(self, worker: Worker, frames: list[bytes]) -> list[bytes] | None:
        """Insert the missing empty frame of a reply that is recognized by its token."""
        at = worker.reply_at - 1
        if len(frames) <= at or not self.ledger.tokens.owns(frames[at - 1]):
            return None
        whole = [*frames[:at], DELIMITER, *frames[at:]]
        verb = worker.dialect.verb_of(whole, 1, FINAL)
        return whole if verb in (FINAL, PARTIAL) else None

    def _partial(self, worker: Worker, frames: list[bytes], now: float) -> None:
        token = frames[worker.reply_at - 2]
        request = worker.request
        if request is None or request.token != token:
            self.tally.late += 1
        elif not self.ledger.partial(request, frames[worker.reply_at :], now):
            worker.request = None
            worker.overdue = token
            worker.service.in_flight -= 1
            self.ledger.bury(request, "too-large", now)

    def _stranger(self, frames: list[bytes], now: float) -> None:
        """Handle a message from an address that is not registered."""
        dialect = dialects.recognise(frames)
        if dialect is None:
            self._unrecognised(frames, now)
            return
        verb = dialect.verb_of(frames, 1, FINAL)
        if verb is READY or dialect.alternates:
            # A REQ worker that replies to the previous run, or too late, waits for more.
            self.tally.late += verb is FINAL
            service = frames[-1] if dialect.has_service else self._default
            self._register(frames[0], dialect, service, now)
            return
        if verb is DialectVerb.INVALID:
            self._malformed(frames, f"malformed {dialect.name} message", now)
        elif verb is FINAL:
            self.tally.late += 1
        elif verb is not DISCONNECT:
            self.tally.unexpected += 1
        if verb is not DISCONNECT:
            self._say(frames[0], dialect, DISCONNECT)

    def _unrecognised(self, frames: list[bytes], now: float) -> None:
        """Handle a late reply of an unregistered Paranoid Pirate, or an unknown message."""
        if len(frames) > 3 and frames[2] == b"" and self.ledger.tokens.owns(frames[1]):
            self.tally.late += 1
        else:
            self._malformed(frames, "unknown worker protocol", now)

    def _malformed(self, frames: list[bytes], why: str, now: float) -> None:
        self.tally.malformed_workers += 1
        why = misplaced(WORKER, frames) or why
        self.ledger.warnings.tell(WORKER, frames[0] if frames else b"", why, now)

    def _say(self, identity: bytes, dialect: Dialect, verb: DialectVerb) -> None:
        if dialect.knows(verb):
            self.commands.append([identity, *dialect.frames(verb)])

    # Registration

    def _register(self, identity: bytes, dialect: Dialect, name: bytes, now: float) -> None:
        if mmi.is_internal(name):
            self.tally.unexpected += 1
            self._say(identity, dialect, DISCONNECT)
            return
        service = self.ledger.service(name, now)
        self.ledger.manned(service, service.members + 1)
        interval = dialect.pace(self.settings.heartbeat)
        worker = self.workers[identity] = Worker(identity, dialect, service, interval)
        worker.seen = now - self.absent
        worker.sent = now
        self.tally.registered += 1
        self._make_ready(worker, now)

    def _remove(self, worker: Worker, why: str, now: float) -> None:
        """Forget a worker; its request is queued at the head again."""
        service = worker.service
        del self.workers[worker.identity]
        service.ready.pop(worker, None)
        service.used = now
        request, worker.request = worker.request, None
        if request is not None:
            service.in_flight -= 1
            self.ledger.give_back(request, why, now)
        self.ledger.manned(service, service.members - 1)
        self.feed(service, now)

    def _expel(self, worker: Worker, why: str, now: float) -> None:
        """Remove a worker that broke the protocol (RFC 7: treat that peer as invalid)."""
        self.ledger.warnings.tell(WORKER, worker.identity, f"{why}; expelled", now)
        self.tally.malformed_workers += 1
        self.tally.expelled += 1
        self._remove(worker, f"its worker sent a {why}", now)
        self._say(worker.identity, worker.dialect, DISCONNECT)
        if worker.dialect.alternates:
            self._register(worker.identity, worker.dialect, self._default, now)  # it waits

    def refused(self, message: list[bytes], gone: bool, now: float) -> None:
        """Handle a message that the ROUTER refused: its peer has gone, or does not read."""
        worker = self.workers.get(message[0])
        if worker is None:
            return
        request = worker.request
        unsent = request is not None and message[-len(request.parcel) :] == request.parcel
        if not gone and not unsent:
            return  # a single heartbeat does not matter; silence will show
        if unsent and request is not None:
            worker.request = None
            request.attempts -= 1  # it was never sent
            worker.service.in_flight -= 1
            self.ledger.put_back(request)
        self.tally.lost += 1
        self._remove(worker, "its worker's connection ended", now)

    def void(self, identity: bytes, now: float) -> None:
        """Forget the worker that had a routing id, which belongs to another connection now."""
        unsent = [message for message in self.to_workers if message[0] == identity]
        if unsent:
            self.to_workers = [message for message in self.to_workers if message[0] != identity]
        self.commands = [message for message in self.commands if message[0] != identity]
        for message in unsent:
            self.refused(message, True, now)
        worker = self.workers.get(identity)
        if worker is not None:
            self.tally.lost += 1
            self._remove(worker, "another connection has its worker's routing id", now)

    # Time

    def probe(self, now: float) -> None:
        """Send a message to each worker to find out whose connection has ended."""
        for worker in self.workers.values():
            if worker.dialect.beats or worker.request is not None:
                worker.sent = now
                self.commands.append(worker.pulse)

    def sweep(self, now: float, period: float) -> None:
        """Remove silent workers, take requests from slow ones, send heartbeats.

        It is called each `period`.
        """
        timeout = self.settings.attempt_timeout
        patient = self.settings.silent_while_busy
        waking = now - self.absent
        for worker in list(self.workers.values()):
            request = worker.request
            silence = waking - worker.seen
            if silence > LIVENESS * worker.interval and not (patient and request is not None):
                self.tally.silent += 1
                self.ledger.warnings.tell(WORKER, worker.identity, "silent", now)
                self._remove(worker, "its worker fell silent", now)
                continue
            if request is not None and waking - request.since > timeout:
                self._take_away(worker, request, now)
            if now - worker.sent >= worker.interval - period / 2:
                worker.sent = now
                self.commands.append(worker.pulse)

    def _take_away(self, worker: Worker, request: Request, now: float) -> None:
        self.tally.overran += 1
        worker.request = None
        worker.overdue = request.token
        worker.service.in_flight -= 1
        self.ledger.give_back(request, "no reply within the busy timeout", now)
        self.feed(worker.service, now)

    def has_workers(self, name: bytes) -> bool:
        """Return whether a service has workers."""
        service = self.ledger.services.get(name)
        return service is not None and service.members > 0

    def dismiss(self) -> None:
        """Disconnect every worker, since the queue stops."""
        for worker in self.workers.values():
            self._say(worker.identity, worker.dialect, DISCONNECT)
            self.ledger.manned(worker.service, worker.service.members - 1)
            worker.service.ready.clear()
        self.workers.clear()

    def states(self, service: ServiceQueue) -> tuple[int, int, int]:
        """Return how many workers of a service are (ready, busy, overdue)."""
        ready, busy = len(service.ready), service.in_flight
        return ready, busy, service.members - ready - busy
