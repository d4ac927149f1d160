"""The state of a device or an endpoint at one moment, as plain data.

Displays, lines, `ctl` and metrics are made from snapshots; rates are made from two of
them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields
from typing import Any

from zmqdev.relay.counters import DROPS

# Most addresses of peers that are listed; the counts go on beyond it.
MOST_ADDRESSES = 1000
STATES = ("starting", "running", "paused", "draining", "stopped", "failed")
# States in which no messages flow, so there is no rate. `ended` is for parts of a file.
OVER = frozenset({"stopped", "ended", "failed"})


@dataclass(frozen=True)
class AddressState:
    """An address: `asked` as configured, `actual` as libzmq bound it (a port in place of `*`)."""

    verb: str
    asked: str
    actual: str


@dataclass(frozen=True)
class PeerCounts:
    """The connections of one side; `reasons` counts failed handshakes by reason, in words."""

    connected: int = 0
    accepted: int = 0
    disconnects: int = 0
    failed_handshakes: int = 0
    reasons: Mapping[str, int] = field(default_factory=dict)
    addresses: tuple[str, ...] = ()


@dataclass(frozen=True)
class SideState:
    """One side: `name` is frontend or backend, `type` a socket type.

    `refused` counts peers and requests by a reason of security.policy.REASONS.
    """

    name: str
    type: str
    addresses: tuple[AddressState, ...]
    peers: PeerCounts = PeerCounts()
    refused: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Flow:
    """One direction. `counts` maps names of relay.STATISTICS to values.

    An endpoint has only messages and bytes.
    """

    name: str
    source: str
    target: str
    counts: Mapping[str, int]

    @property
    def messages(self) -> int:
        """Return the messages that were passed."""
        return self.counts["messages"]

    @property
    def bytes(self) -> int:
        """Return the bytes of these messages."""
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
        """Return the drops by reason, without zeros."""
        return {reason: self.counts[reason] for reason in DROPS if self.counts.get(reason)}

    @property
    def dropped(self) -> int:
        """Return all drops."""
        return sum(self.drops.values())

    @property
    def blocked_ns(self) -> int | None:
        """Return how long messages waited for a full target; None where nothing can block."""
        return self.counts.get("blocked_ns")


def flow_of(
    name: str,
    messages: int,
    bytes: int,
    drops: Mapping[str, int] | None = None,
    blocked_ns: int | None = None,
) -> Flow:
    """Return the direction of an endpoint, or of a line that was read."""
    counts = {"messages": messages, "bytes": bytes, **(drops or {})}
    if blocked_ns is not None:
        counts["blocked_ns"] = blocked_ns
    return Flow(name, "", "", counts)


@dataclass(frozen=True)
class Snapshot:
    """A device or an endpoint (`category`) at the moment `at`, in monotonic seconds.

    `details` is what only its kind has. `beside` has the addresses of control, metrics
    and the like; `asked` is empty there for a default. `expected` is the number of
    messages to come, None when unknown. `note` is a line about its life, if there is
    something to say. `restarts` counts new starts after a fault, and `restart_cause` is
    the signal of the last one.
    """

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
        """Yield (name, address) of the sides, then of what is beside them."""
        for side in self.sides:
            yield from ((side.name, state) for state in side.addresses)
        yield from self.beside.items()

    def plain(self) -> dict[str, Any]:
        """Return the snapshot as plain values for JSON."""
        return {name: plain(value) for name, value in vars(self).items()}


def plain(value: Any) -> Any:
    """Convert these classes to maps, tuples and scalars.

    dataclasses.asdict takes four times as long, and a device may be asked a hundred
    times a second.
    """
    if value is None or isinstance(value, int | float | str):
        return value
    if isinstance(value, tuple | list):
        return tuple(map(plain, value))
    items = value.items() if isinstance(value, Mapping) else vars(value).items()
    return {name: plain(item) for name, item in items}


def from_plain(told: Mapping[str, Any]) -> Snapshot:
    """Restore a snapshot from `plain`.

    Unknown keys are ignored, because a newer version may have more. Raises ValueError
    when it is not a snapshot.
    """
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
    """Return the items of a map that are fields of a dataclass."""
    names = {item.name for item in fields(kind)}
    return {name: value for name, value in told.items() if name in names}
