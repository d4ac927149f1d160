"""The counters of the reliable queue, declared with unit and meaning.

Counters never decrease. `requests` is always the sum of `replies`, `expired`,
`dead_letters`, `abandoned`, `unanswered`, `evicted` and what the ledger still holds.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

_UNIT, _HELP = "unit", "help"


def count(unit: str, help: str) -> Any:
    """Declare a counter."""
    return field(default=0, metadata={_UNIT: unit, _HELP: help})


@dataclass(frozen=True)
class ReliableStatistic:
    """A counter's name, unit and meaning."""

    name: str
    unit: str
    help: str


@dataclass(slots=True)
class ReliableTally:
    """What happened since the start."""

    requests: int = count("requests", "accepted from clients")
    replies: int = count("replies", "handed to ZeroMQ for their clients")
    redispatched: int = count("requests", "taken back from a worker and queued again")
    expired: int = count("requests", "given up because no worker took them in time")
    dead_letters: int = count("requests", "given up because every attempt failed")
    abandoned: int = count("requests", "dropped because their client had gone")
    unanswered: int = count("requests", "still in the queue when it stopped")
    evicted: int = count(
        "requests", "given up because the queue was full and their client held the most"
    )
    refused: int = count("requests", "not accepted: a limit, or the queue was stopping")
    repeated: int = count(
        "requests", "sent again by a client while the first was still in the queue"
    )
    internal: int = count("requests", "answered by the queue itself (mmi.*)")
    late: int = count("replies", "dropped: their request was already answered or given up")
    partials: int = count("replies", "taken from workers as partial replies")
    unreachable: int = count("replies", "sent in vain: their client had gone")
    overflowed: int = count("replies", "dropped: their client did not read")
    malformed_clients: int = count(
        "messages", "from clients, of no known form or with too many frames"
    )
    malformed_workers: int = count("messages", "from workers, of no known form")
    unexpected: int = count("messages", "from workers that were not registered, or out of turn")
    registered: int = count("workers", "that registered")
    left: int = count("workers", "that said goodbye")
    lost: int = count("workers", "whose connection ended")
    silent: int = count("workers", "that missed their heartbeats")
    expelled: int = count("workers", "that broke the protocol")
    kept: int = count("requests", "written to disk and confirmed to their clients")
    elided: int = count("requests", "ended before they had to be written")
    commits: int = count("groups", "written to the store")
    damaged: int = count("records", "of the store that could not be read and became dead letters")
    restored: int = count(
        "requests", "taken over from the store at the start, or from another queue"
    )
    adopted: int = count("requests", "of these, taken over from another queue after the start")
    overran: int = count("attempts", "that took longer than the busy timeout")

    def read(self) -> dict[str, int]:
        """Return {name: value} of every counter."""
        return {row.name: getattr(self, row.name) for row in STATISTICS}


STATISTICS: tuple[ReliableStatistic, ...] = tuple(
    ReliableStatistic(item.name, item.metadata[_UNIT], item.metadata[_HELP])
    for item in dataclasses.fields(ReliableTally)
)


# The present numbers of a service, fields of ServiceReport. Each worker is in one
# state.
WORKER_STATES = (
    ReliableStatistic("ready", "workers", "of the service that are free"),
    ReliableStatistic("busy", "workers", "of the service that work"),
    ReliableStatistic("overdue", "workers", "of the service that took too long"),
)
SERVICE_NOW = (
    ReliableStatistic("queued", "requests", "of the service that wait"),
    ReliableStatistic("in_flight", "requests", "of the service that a worker has"),
    *WORKER_STATES,
)


@dataclass(frozen=True)
class ServiceReport:
    """The state of one service; ages are in seconds."""

    name: str
    queued: int
    oldest: float
    in_flight: int
    ready: int
    busy: int
    overdue: int
    requests: int
    replies: int
    redispatched: int

    @property
    def workers(self) -> int:
        """Return the number of workers in any state."""
        return sum(getattr(self, state.name) for state in WORKER_STATES)


@dataclass(frozen=True)
class ReliableReport:
    """The state of the broker: gauges, counters, services by name. Ages are in seconds.

    `services_not_shown` counts services without workers that are left out. `commit_p99`
    is the time that 99 of the last 100 commits did not exceed; `store_full` means that
    posts are refused. `lease` is the seconds until another queue may take over what is
    kept here; 0 when none can, or the lease is over.
    """

    queued: int
    in_flight: int
    bytes: int
    oldest: float
    clients: int
    waiting_replies: int
    draining: bool
    counters: Mapping[str, int]
    services: tuple[ServiceReport, ...]
    services_not_shown: int = 0
    store_bytes: int = 0
    store_full: bool = False
    commit_p99: float = 0.0
    lease: float = 0.0
