"""The reliable queue as a state machine: messages and the time in, messages out.

The owner of the sockets calls, again and again:

    receive_clients(messages, now), receive_workers(messages, now)   as they were received
                                                    (one address for both: receive_both)
    tick(now)                                                        no later than deadline()
    frames_for_workers(), commands_for_workers(), frames_for_clients(now)   to be sent

It reports messages that could not be sent with `worker_refused` and `client_refused`. Messages are
passed as lists, one call for a burst. No message from a peer raises an exception; malformed ones
are counted.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from heapq import nlargest

from zmqdev.broker import letter
from zmqdev.broker.gone import client_gone, void
from zmqdev.broker.journal import Journal
from zmqdev.broker.ledger import Ledger
from zmqdev.broker.letter import DeadLetter
from zmqdev.broker.pool import Pool
from zmqdev.broker.record import Dead, Group, Kept, Settled
from zmqdev.broker.repeat import collect
from zmqdev.broker.request import ServiceQueue
from zmqdev.broker.roster import Roster
from zmqdev.broker.titanic import Titanic
from zmqdev.broker.token import is_token
from zmqdev.broker.warnings import CLIENT, misplaced
from zmqdev.options.reliable import Reliable
from zmqdev.stats.reliable import ReliableReport, ServiceReport
from zmqdev.wire import call, mmi
from zmqdev.wire.dialect import PPP, is_workers
from zmqdev.wire.envelope import DELIMITER
from zmqdev.wire.majordomo import read_client

# Limits of the seconds between two sweeps: short enough for the shortest timeout; a quarter of a
# heartbeat is exact enough to detect three missed ones.
SHORTEST_PERIOD, LONGEST_PERIOD = 0.005, 0.25
# Most services without workers that are shown; a thousand would make a line of statistics 130 kB.
MOST_UNSERVED_SHOWN = 50


class Broker:
    """The state machine. `run` is random bytes, see `Ledger`.

    `most_frames` is the maximum number of frames of a request, 0 for no limit.
    """

    def __init__(self, settings: Reliable, run: bytes, now: float, most_frames: int = 0) -> None:
        self.settings = settings
        self._most_frames = most_frames or sys.maxsize
        self._run = run
        self._titanic: Titanic | None = None
        self.ledger = Ledger(settings, run)
        self.crew: Roster | Pool
        self.crew = Pool(self.ledger) if settings.workers == "plain" else Roster(self.ledger)
        self.tally = self.ledger.tally
        self._default = settings.service.encode()
        self._period = sweep_period(settings)
        self._due = now + self._period

    # Input

    def receive_clients(self, messages: Sequence[list[bytes]], now: float) -> None:
        """Handle messages from clients, as the ROUTER received them."""
        self._wake(now)
        admit, offer, titanic = self.ledger.admit, self.crew.offer, self._titanic
        for frames in messages:
            asked = read_client(frames) if len(frames) <= self._most_frames else None
            if asked is None:
                if call.is_collect(frames):
                    collect(self.ledger, frames, now)
                    continue
                self.tally.malformed_clients += 1
                self._tell_malformed(frames, now)
                continue
            form, service, head, body = asked
            if service is None:
                service = self._default
            elif service.startswith(mmi.NAMESPACE):
                self._answer_internal(service, head, body)
                continue
            if titanic is not None and service in titanic.SERVICES:
                request = titanic.ask(service, head, body, now)
            else:
                request = admit(form, service, head, body, now)
            if request is not None:
                offer(request, now)

    def _tell_malformed(self, frames: list[bytes], now: float) -> None:
        many = len(frames) > self._most_frames
        why = (
            "request of too many frames"
            if many
            else misplaced(CLIENT, frames) or "malformed request"
        )
        self.ledger.warnings.tell(CLIENT, frames[0] if frames else b"", why, now)

    def _answer_internal(self, service: bytes, head: list[bytes], body: list[bytes]) -> None:
        self.tally.internal += 1
        reply = mmi.answer(service, body, self._serves)
        self.ledger.to_clients.append(head + reply)

    def _serves(self, service: bytes) -> bool:
        own = self._titanic is not None and service in self._titanic.SERVICES
        return own or self.crew.has_workers(service)

    def receive_workers(self, messages: Sequence[list[bytes]], now: float) -> None:
        """Handle messages from workers, as their ROUTER (plain workers: DEALER) received them."""
        self._wake(now)
        self.crew.receive(messages, now)

    def receive_both(self, messages: Sequence[list[bytes]], now: float) -> None:
        """Handle messages at an address for clients and workers, as its ROUTER received them."""
        known = self.crew.workers if isinstance(self.crew, Roster) else ()
        said: list[list[bytes]] = []
        asked: list[list[bytes]] = []
        for frames in messages:
            workers = bool(frames) and (frames[0] in known or _is_workers(frames))
            (said if workers else asked).append(frames)
        if said:
            self.receive_workers(said, now)
        if asked:
            self.receive_clients(asked, now)

    def worker_refused(self, message: list[bytes], gone: bool, now: float) -> None:
        """Handle a message that a worker's socket did not accept.

        `gone`: the peer has gone; otherwise its pipe is full.
        """
        self.crew.refused(message, gone, now)

    def client_refused(self, messages: list[list[bytes]], gone: bool, now: float) -> None:
        """Handle messages to one client, in order, that were not accepted.

        `gone`: the peer has gone; otherwise its pipe is full.
        """
        if not gone:
            self.ledger.hold_replies(messages, now)
            return
        identity = messages[0][0]
        self.tally.unreachable += len(messages) + self.ledger.waiting.forget(identity)
        client_gone(self.ledger, identity, now)

    def void(self, identity: bytes, now: float) -> None:
        """Handle a routing id that belongs to another connection from now on.

        The request of its former worker is given to another one; the requests of its former client
        get no answer.
        """
        if isinstance(self.crew, Roster):
            self.crew.void(identity, now)
        void(self.ledger, identity, now)
        if self._titanic is not None:
            self._titanic.void(identity)

    def holds(self, identity: bytes) -> bool:
        """Return whether anything is kept for a routing id."""
        crew, ledger = self.crew, self.ledger
        if isinstance(crew, Roster) and identity in crew.workers:
            return True
        if ledger.journal is not None and ledger.journal.holds(identity):
            return True
        if self._titanic is not None and self._titanic.holds(identity):
            return True
        return identity in ledger.clients or ledger.waiting.has(identity)

    def connections(self, workers: int, now: float) -> None:
        """Set how many workers are connected; only plain workers need it."""
        if isinstance(self.crew, Pool):
            self.crew.connected(workers, now)

    def connection_lost(self, now: float) -> None:
        """Find out which worker it was whose connection ended."""
        self.crew.probe(now)

    @property
    def wants_room(self) -> bool:
        """Whether `room` must be called once the workers' socket can take messages."""
        return self.crew.wants_room

    def room(self, now: float) -> None:
        """Continue after the workers' socket was full."""
        if isinstance(self.crew, Pool):
            self.crew.room(now)

    # Time

    def deadline(self) -> float:
        """Return when `tick` must be called at the latest."""
        waiting = self.ledger.waiting
        return min(self._due, waiting.retry_at) if waiting else self._due

    # The store

    def keep(self, first_key: int, records: Iterable[Kept], now: float) -> None:
        """Keep requests in the store from now on, and take in those of an earlier run.

        Call it once, at the start.
        """
        self.ledger.number = first_key - 1
        self.ledger.journal = Journal(self.ledger)
        self._titanic = Titanic(self.ledger, self._run)
        self.ledger.journal.restore(records, now)

    def bury_damaged(self, dead: Iterable[Dead]) -> None:
        """Make dead letters of the records that the store could not read."""
        letters = [letter.of_record(one) for one in dead]
        self.ledger.letters += letters
        self.tally.damaged += len(letters)
        self.ledger.warnings.lines += map(str, letters)

    @property
    def journal(self) -> Journal:
        """Return the journal of the store."""
        assert self.ledger.journal is not None, "there is no store"
        return self.ledger.journal

    def records_due(self) -> float:
        """Return when `take_records` is due, if the store is idle."""
        return self.journal.due()

    def take_records(self, now: float, wall: float) -> Group:
        """Return the changes to write now; `wall` is in seconds since 1970."""
        return self.journal.take_records(now, wall)

    def settled(self, settled: Settled, now: float) -> None:
        """Handle the outcome of the last group."""
        for request in self.journal.settled(settled, now):
            self.crew.offer(request, now)
        self.bury_damaged(settled.damaged)
        for name in {record.service for record in settled.adopted}:
            self.crew.feed(self.ledger.service(name, now), now)

    def tick(self, now: float) -> None:
        """Handle heartbeats, timeouts and expiry. It is cheap when nothing is due."""
        if now < self._due:
            return
        self._wake(now)
        self._due = now + self._period
        self.crew.sweep(now, self._period)
        self.ledger.expire(now)

    def _wake(self, now: float) -> None:
        """Do not count the time of a stop, a long swap or starvation as silence.

        Messages that the workers sent meanwhile are still unread, so their timeouts must not run.
        """
        late = now - self._due
        if late > 2 * self._period:
            self.crew.absent += late
            self._due = now

    # Output

    def frames_for_workers(self) -> list[list[bytes]]:
        """Return requests for workers, each after its address (none with plain workers)."""
        messages, self.crew.to_workers = self.crew.to_workers, []
        return messages

    def commands_for_workers(self) -> list[list[bytes]]:
        """Return heartbeats and disconnects, to be sent after the requests."""
        messages, self.crew.commands = self.crew.commands, []
        return messages

    def frames_for_clients(self, now: float) -> list[list[bytes]]:
        """Return messages for clients, each after its address."""
        messages, self.ledger.to_clients = self.ledger.to_clients, []
        if self._titanic is not None and self._titanic.used:
            messages = self._titanic.heard(messages)
        if not self.ledger.waiting:
            return messages
        free = self.ledger.hold_back(messages, now)
        return self.ledger.waiting.release(now) + free

    def take_letters(self) -> list[DeadLetter]:
        """Return the dead letters since the last call."""
        letters, self.ledger.letters = self.ledger.letters, []
        return letters

    def take_notices(self) -> list[str]:
        """Return lines for the log."""
        warnings = self.ledger.warnings
        notices, warnings.lines = warnings.lines, []
        return notices

    # Life

    def pause(self) -> None:
        """Give out no more requests; replies, heartbeats and new requests continue."""
        self.crew.paused = True

    def resume(self, now: float) -> None:
        """Give out requests again."""
        self.crew.paused = False
        for service in list(self.ledger.services.values()):
            self.crew.feed(service, now)

    def drain(self) -> None:
        """Refuse new requests; finish those already accepted."""
        self.ledger.draining = True

    def is_hopeless(self) -> bool:
        """Return whether no request is in flight, and the queued ones have no worker."""
        return not self.ledger.waiting and not any(
            service.in_flight or (service.queue and service.members)
            for service in self.ledger.services.values()
        )

    def is_empty(self) -> bool:
        """Return whether every accepted request has ended and every reply was sent."""
        return not self.ledger.open and not self.ledger.waiting

    def stop(self) -> int:
        """Disconnect the workers and end all requests that are left; return how many."""
        self.ledger.draining = True
        self.crew.dismiss()
        return self.ledger.give_up()

    # Reports

    def report(self, now: float) -> ReliableReport:
        """Return the present state."""
        self.tally.overflowed = self.ledger.waiting.dropped
        services = list(self.ledger.services.values())
        shown = _shown(services)
        oldest = self.ledger.oldest(services)
        return ReliableReport(
            queued=sum(len(service.queue) for service in services),
            in_flight=sum(service.in_flight for service in services),
            bytes=self.ledger.size + self.ledger.waiting.size,
            oldest=0.0 if oldest is None else now - oldest,
            clients=len(self.ledger.clients),
            waiting_replies=len(self.ledger.waiting),
            draining=self.ledger.draining,
            counters=self.tally.read(),
            services=tuple(self._report_service(service, now) for service in shown),
            services_not_shown=len(services) - len(shown),
            **(self.ledger.journal.report(now) if self.ledger.journal is not None else {}),
        )

    def _report_service(self, service: ServiceQueue, now: float) -> ServiceReport:
        ready, busy, overdue = self.crew.states(service)
        return ServiceReport(
            name=service.name.decode(errors="replace"),
            queued=len(service.queue),
            oldest=now - service.oldest.arrived if service.queue else 0.0,
            in_flight=service.in_flight,
            ready=ready,
            busy=busy,
            overdue=overdue,
            requests=service.requests,
            replies=service.replies,
            redispatched=service.redispatched,
        )


def _is_workers(frames: list[bytes]) -> bool:
    """Return whether a message comes from a worker.

    Late replies of a pirate or a REQ worker are recognized by their token.
    """
    if is_workers(frames):
        return True
    at = 2 if len(frames) > 2 and frames[1] == DELIMITER else 1
    return len(frames) > at and is_token(frames[at])


def _shown(services: list[ServiceQueue]) -> list[ServiceQueue]:
    """Return all services with workers, and the longest queues of the others.

    Any client can invent services without workers.
    """
    shown = [service for service in services if service.members]
    rest = [service for service in services if not service.members]
    return shown + nlargest(MOST_UNSERVED_SHOWN, rest, key=lambda service: len(service.queue))


def sweep_period(settings: Reliable) -> float:
    """Return the seconds between two sweeps."""
    shortest = min(
        settings.heartbeat or PPP.interval,
        settings.attempt_timeout,
        settings.expiry,
        settings.unknown_expiry,
    )
    return min(max(shortest / 4, SHORTEST_PERIOD), LONGEST_PERIOD)
