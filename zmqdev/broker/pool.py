"""Ordinary REP and DEALER workers behind a DEALER, which distributes in turn.

Such workers send only replies, so the queue knows how many are connected, and nothing about a
single one. Their number limits the requests in flight. A request without a reply in time is queued
again, and the DEALER gives it to another worker. The first reply counts.

Messages to and from a worker are [token, '', body…].
"""

from __future__ import annotations

from collections.abc import Iterable

from zmqdev.broker.ledger import Ledger
from zmqdev.broker.request import Request, ServiceQueue
from zmqdev.broker.warnings import WORKER, misplaced

MALFORMED = "malformed reply: an envelope and an empty frame come before the body"
OVERRAN = "no reply within the busy timeout"


class Pool:
    """The workers of `--workers plain`. Messages for them are collected in `to_workers`."""

    def __init__(self, ledger: Ledger) -> None:
        self.ledger = ledger
        self.settings = ledger.settings
        self.tally = ledger.tally
        self.to_workers: list[list[bytes]] = []
        self.commands: list[list[bytes]] = []  # always empty, as plain workers know none
        self.paused = False
        self.wants_room = False  # no worker could take the last one
        self.in_flight: dict[bytes, Request] = {}  # in the order in which they were given out
        self._name = ledger.settings.service.encode()
        self._connected = 0
        self.absent = 0.0  # see Roster

    def connected(self, workers: int, now: float) -> None:
        """Set how many workers are connected."""
        service = self.ledger.service(self._name, now)
        self.tally.registered += max(0, workers - self._connected)
        self.tally.lost += max(0, self._connected - workers)
        self._connected = workers
        self.ledger.manned(service, workers)
        self.room(now)

    def room(self, now: float) -> None:
        """Continue after the DEALER was full."""
        self.wants_room = False
        self.feed(self.ledger.service(self._name, now), now)

    def offer(self, request: Request, now: float) -> None:
        """Queue a new request and give requests to the workers that are free."""
        request.service.queue[request.number] = request
        self.feed(request.service, now)

    def feed(self, service: ServiceQueue, now: float) -> None:
        """Give queued requests to workers."""
        if service.name != self._name or self.paused or self.wants_room:
            return
        slots = self._connected * self.settings.concurrency
        while service.queue and len(self.in_flight) < slots:
            request = self.ledger.next_of(service.queue)
            if request is None:
                return
            request.since = now - self.absent
            request.attempts += 1
            service.in_flight += 1
            self.in_flight[request.token] = request
            self.to_workers.append(request.parcel)

    def receive(self, messages: Iterable[list[bytes]], now: float) -> None:
        """Handle messages from workers, as the DEALER received them."""
        for frames in messages:
            if len(frames) < 3 or frames[1] != b"" or not self.ledger.tokens.owns(frames[0]):
                self.tally.malformed_workers += 1
                self.ledger.warnings.tell(WORKER, b"", misplaced(WORKER, frames) or MALFORMED, now)
                continue
            request = self.ledger.open.get(frames[0])
            if request is None:
                self.tally.late += 1
                continue
            self._take_out(request)
            self.ledger.answer(request, frames[2:])
            self.feed(request.service, now)

    def _take_out(self, request: Request) -> None:
        """Remove a request that is in flight, or is queued again after a timeout."""
        if self.in_flight.pop(request.token, None) is not None:
            request.service.in_flight -= 1
        else:
            del request.service.queue[request.number]

    def refused(self, message: list[bytes], gone: bool, now: float) -> None:
        """Handle a message that the DEALER refused: no worker is connected, or none has room."""
        request = self.in_flight.pop(message[0], None)
        if request is None:
            return
        self.wants_room = True
        request.attempts -= 1  # it never left
        request.service.in_flight -= 1
        self.ledger.put_back(request)

    def probe(self, now: float) -> None:
        """Do nothing: a plain worker cannot be asked."""

    def sweep(self, now: float, period: float) -> None:
        """Queue requests again that got no reply in time."""
        timeout = self.settings.attempt_timeout
        overdue = []
        for request in self.in_flight.values():
            if now - self.absent - request.since <= timeout:
                break
            overdue.append(request)
        for request in overdue:
            self.tally.overran += 1
            del self.in_flight[request.token]
            request.service.in_flight -= 1
            self.ledger.give_back(request, OVERRAN, now)
        if overdue:
            self.feed(overdue[0].service, now)

    def has_workers(self, name: bytes) -> bool:
        """Return whether a service has workers."""
        return name == self._name and self._connected > 0

    def dismiss(self) -> None:
        """Forget the requests in flight, which the ledger ends.

        A plain worker has no disconnect message.
        """
        self.in_flight.clear()

    def states(self, service: ServiceQueue) -> tuple[int, int, int]:
        """Return (ready, busy, overdue).

        A worker may hold several requests, so busy is an upper bound.
        """
        busy = min(service.members, service.in_flight)
        return service.members - busy, busy, 0
