"""What a display shows, whatever it is: a device or an endpoint, in the same form."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from zmqdev.relay.counters import DROPS
from zmqdev.stats.endpoint import EndpointSnapshot
from zmqdev.stats.snapshot import AddressState, Flow, SideState, Snapshot


@dataclass(frozen=True)
class Reading:
    """One direction's counts. `drops` is by reason, without the zeros; `blocked_ns` is None
    where nothing can be blocked."""

    name: str
    messages: int
    bytes: int
    drops: Mapping[str, int] = field(default_factory=dict)
    blocked_ns: int | None = None

    @property
    def dropped(self) -> int:
        return sum(self.drops.values())


@dataclass(frozen=True)
class Subject:
    """One thing at `at` (monotonic seconds).

    `category` is device or endpoint. `extra` is what only its kind has; `expected` how many
    messages there will be, None when nobody knows; `beside` is as in a snapshot; `note` is a
    line about its life, where there is something to say.
    """

    category: str
    name: str
    kind: str
    state: str
    at: float
    uptime: float
    sides: tuple[SideState, ...]
    flows: tuple[Reading, ...]
    extra: Mapping[str, Any] = field(default_factory=dict)
    expected: int | None = None
    beside: Mapping[str, AddressState] = field(default_factory=dict)
    note: str = ""


def of_device(snapshot: Snapshot) -> Subject:
    return Subject(
        category="device",
        name=snapshot.name,
        kind=snapshot.kind,
        state=snapshot.state,
        at=snapshot.at,
        uptime=snapshot.uptime,
        sides=snapshot.sides,
        flows=tuple(_reading(flow) for flow in snapshot.flows),
        extra=snapshot.details,
        beside=snapshot.beside,
    )


def of_endpoint(snapshot: EndpointSnapshot) -> Subject:
    return Subject(
        category="endpoint",
        name=snapshot.name,
        kind=snapshot.kind,
        state=snapshot.state,
        at=snapshot.at,
        uptime=snapshot.uptime,
        sides=(SideState("socket", snapshot.type, snapshot.addresses, snapshot.peers),),
        flows=(Reading(snapshot.verb, snapshot.messages, snapshot.bytes),),
        extra=snapshot.extra,
        expected=snapshot.expected,
    )


def _reading(flow: Flow) -> Reading:
    counts = flow.counts
    drops = {reason: counts[reason] for reason in DROPS if counts.get(reason)}
    return Reading(flow.name, flow.messages, flow.bytes, drops, counts.get("blocked_ns"))
