"""What a device or an endpoint is at one moment: plain data. Displays, lines, `ctl` and metrics
are all drawn from it, and two of them make a rate."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields
from typing import Any

from zmqdev.relay.counters import DROPS

# Enough to show who is there; counts go on beyond it.
MOST_ADDRESSES = 1000
STATES = ("starting", "running", "paused", "draining", "stopped", "failed")
# In these nothing flows: there is no rate to show. A part of a file is called ended.
OVER = frozenset({"stopped", "ended", "failed"})


@dataclass(frozen=True)
class AddressState:
    """`asked` is what was written, `actual` what libzmq bound (a port in place of `*`)."""

    verb: str
    asked: str
    actual: str


@dataclass(frozen=True)
class PeerCounts:
    """Connections of one side. `reasons` counts failed handshakes by reason, in words."""

    connected: int = 0
    accepted: int = 0
    disconnects: int = 0
    failed_handshakes: int = 0
    reasons: Mapping[str, int] = field(default_factory=dict)
    addresses: tuple[str, ...] = ()


@dataclass(frozen=True)
class SideState:
    """One side: `name` is frontend or backend, `type` a socket type. `refused` counts peers
    and requests by a reason of security.policy.REASONS."""

    name: str
    type: str
    addresses: tuple[AddressState, ...]
    peers: PeerCounts = PeerCounts()
    refused: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Flow:
    """One direction. `counts` has the rows of relay.STATISTICS by name; an endpoint has messages
    and bytes of them."""

    name: str
    source: str
    target: str
    counts: Mapping[str, int]

    @property
    def messages(self) -> int:
        return self.counts["messages"]

    @property
    def bytes(self) -> int:
        return self.counts["bytes"]

    @classmethod
    def both(cls, counts: Mapping[str, Mapping[str, int]]) -> tuple[Flow, Flow]:
        """The two directions of a device, from their counts by name."""
        return (
            cls("forward", "frontend", "backend", counts["forward"]),
            cls("backward", "backend", "frontend", counts["backward"]),
        )

    @property
    def drops(self) -> dict[str, int]:
        """By reason, without the zeros."""
        return {reason: self.counts[reason] for reason in DROPS if self.counts.get(reason)}

    @property
    def dropped(self) -> int:
        return sum(self.drops.values())

    @property
    def blocked_ns(self) -> int | None:
        """How long a message waited for a full target; None where nothing can be blocked."""
        return self.counts.get("blocked_ns")


def flow_of(
    name: str,
    messages: int,
    bytes: int,
    drops: Mapping[str, int] | None = None,
    blocked_ns: int | None = None,
) -> Flow:
    """One direction of something else than a device here: an endpoint, or a line that was read."""
    counts = {"messages": messages, "bytes": bytes, **(drops or {})}
    if blocked_ns is not None:
        counts["blocked_ns"] = blocked_ns
    return Flow(name, "", "", counts)


@dataclass(frozen=True)
class Snapshot:
    """A device or an endpoint, as `category` says, at `at` (monotonic seconds).

    `details` is what only its kind has; `beside` where what stands beside its sides can be
    reached: control, metrics; `asked` is "" of a default. `expected` is how many messages there
    will be, None when that is not known; `note` a line about its life, where there is something
    to say. `restarts` counts how often the program began again after a fault, of which
    `restart_cause` is the last one's signal."""

    name: str
    kind: str
    state: str
    at: float
    uptime: float
    sides: tuple[SideState, ...]
    flows: tuple[Flow, ...]
    details: Mapping[str, Any] = field(default_factory=dict)
    beside: Mapping[str, AddressState] = field(default_factory=dict)
    restarts: int = 0
    restart_cause: str = ""
    category: str = "device"
    expected: int | None = None
    note: str = ""

    @property
    def over(self) -> bool:
        """Whether it has ended."""
        return self.state in OVER

    def addresses(self) -> Iterator[tuple[str, AddressState]]:
        """Those of the sides, then those beside them, each with the name of what has it."""
        for side in self.sides:
            yield from ((side.name, state) for state in side.addresses)
        yield from self.beside.items()

    def plain(self) -> dict[str, Any]:
        """The same as JSON can hold."""
        return {name: plain(value) for name, value in vars(self).items()}


def plain(value: Any) -> Any:
    """Data of these classes as maps, tuples and scalars. dataclasses.asdict takes four times as
    long, and a device may be asked a hundred times a second."""
    if value is None or isinstance(value, int | float | str):
        return value
    if isinstance(value, tuple | list):
        return tuple(map(plain, value))
    items = value.items() if isinstance(value, Mapping) else vars(value).items()
    return {name: plain(item) for name, item in items}


def from_plain(told: Mapping[str, Any]) -> Snapshot:
    """The snapshot that `plain` was made of. Keys that are not known here are left out: a device
    of a newer version may have more. ValueError when there is no snapshot in it."""
    try:
        values = _known(Snapshot, told)
        values["sides"] = tuple(_side(side) for side in told["sides"])
        values["flows"] = tuple(Flow(**_known(Flow, flow)) for flow in told["flows"])
        values["beside"] = {name: _address(item) for name, item in told.get("beside", {}).items()}
        return Snapshot(**values)
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"not the status of a device: {error!r}") from None


def _side(told: Mapping[str, Any]) -> SideState:
    values = _known(SideState, told)
    values["addresses"] = tuple(_address(item) for item in told["addresses"])
    values["peers"] = PeerCounts(**_known(PeerCounts, told["peers"]))
    return SideState(**values)


def _address(told: Mapping[str, Any]) -> AddressState:
    return AddressState(**_known(AddressState, told))


def _known(kind: type, told: Mapping[str, Any]) -> dict[str, Any]:
    """What of a map is a field of a dataclass."""
    names = {item.name for item in fields(kind)}
    return {name: value for name, value in told.items() if name in names}
