"""A reliable queue without sockets, and the people around it: for tests of the state machine."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Any

from zmqdev.broker.broker import Broker
from zmqdev.options.reliable import Reliable
from zmqdev.wire.dialect import MDP_01, Dialect, DialectVerb

SETTINGS = Reliable(enabled=True, heartbeat=1.0, busy_timeout=60.0)


class Play:
    """A broker, a clock, and what was sent so far, by address."""

    def __init__(self, **changes: Any) -> None:
        self.now = 100.0
        self.broker = Broker(replace(SETTINGS, **changes), b"testrun", self.now)
        self.sent_to_workers: list[list[bytes]] = []
        self.sent_to_clients: list[list[bytes]] = []

    @property
    def counts(self) -> dict[str, int]:
        return dict(self.broker.report(self.now).counters)

    def client(self, *frames: bytes) -> None:
        self.broker.receive_clients([list(frames)], self.now)
        self.collect()

    def ask(self, *body: bytes, client: bytes = b"client", service: bytes = b"echo") -> None:
        """A Majordomo 0.1 client with a DEALER."""
        self.client(client, b"", b"MDPC01", service, *body)

    def worker(self, *frames: bytes) -> None:
        self.broker.receive_workers([list(frames)], self.now)
        self.collect()

    def say(
        self, worker: bytes, verb: DialectVerb, *carried: bytes, dialect: Dialect = MDP_01
    ) -> None:
        self.worker(worker, *dialect.frames(verb, *carried))

    def ready(
        self, worker: bytes = b"worker", service: bytes = b"echo", dialect: Dialect = MDP_01
    ) -> None:
        carried = [service] if dialect.has_service else []
        self.say(worker, DialectVerb.READY, *carried, dialect=dialect)

    def reply(
        self, worker: bytes, *body: bytes, token: bytes | None = None, dialect: Dialect = MDP_01
    ) -> None:
        token = self.token(worker) if token is None else token
        self.say(worker, DialectVerb.FINAL, token, b"", *body, dialect=dialect)

    def collect(self) -> None:
        self.sent_to_workers += self.broker.frames_for_workers()
        self.sent_to_workers += self.broker.commands_for_workers()
        self.sent_to_clients += self.broker.frames_for_clients(self.now)

    def work_of(self, worker: bytes, dialect: Dialect = MDP_01) -> list[list[bytes]]:
        """(token, '', body…) of each request that a worker was sent."""
        return list(requests(self.sent_to_workers, worker, dialect))

    def token(self, worker: bytes, dialect: Dialect = MDP_01) -> bytes:
        """Of the last one."""
        return next(requests(reversed(self.sent_to_workers), worker, dialect))[0]

    def verbs_to(self, worker: bytes, dialect: Dialect = MDP_01) -> list[DialectVerb]:
        return [
            dialect.verb_of(frames, 1, DialectVerb.REQUEST)
            for frames in self.sent_to_workers
            if frames[0] == worker
        ]

    def replies_to(self, client: bytes = b"client") -> list[list[bytes]]:
        return [frames[1:] for frames in self.sent_to_clients if frames[0] == client]

    def pass_time(self, seconds: float, alive: tuple[bytes, ...] = ()) -> None:
        """Time goes by in small steps; the workers in `alive` send heartbeats meanwhile."""
        end = self.now + seconds
        while self.now < end:
            self.now = min(end, self.now + 0.05)
            for worker in alive:
                self.say(worker, DialectVerb.HEARTBEAT)
            self.broker.tick(self.now)
            self.collect()


def requests(sent: Iterable[list[bytes]], worker: bytes, dialect: Dialect) -> Iterator[list[bytes]]:
    lead = [worker, *dialect.lead_of(DialectVerb.REQUEST)]
    at = len(lead)
    for frames in sent:
        if frames[:at] == lead and len(frames) > at + 2 and frames[at + 1] == b"":
            yield frames[at:]
