"""What a running device hands out: plain data, made at one moment."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

STATES = ("starting", "running", "paused", "draining", "stopped", "failed")


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
    """One direction. `counts` has the rows of relay.STATISTICS by name."""

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


@dataclass(frozen=True)
class Snapshot:
    """A device at `at` (monotonic seconds). `details` is what only its kind has."""

    name: str
    kind: str
    state: str
    at: float
    uptime: float
    sides: tuple[SideState, ...]
    flows: tuple[Flow, ...]
    details: Mapping[str, Any] = field(default_factory=dict)

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
    """The snapshot that `plain` was made of; other keys are left out. ValueError when there is
    none in it."""
    try:
        return Snapshot(
            name=told["name"],
            kind=told["kind"],
            state=told["state"],
            at=told["at"],
            uptime=told["uptime"],
            sides=tuple(_side(side) for side in told["sides"]),
            flows=tuple(Flow(**flow) for flow in told["flows"]),
            details=told["details"],
        )
    except (KeyError, TypeError) as error:
        raise ValueError(f"not the status of a device: {error!r}") from None


def _side(told: Mapping[str, Any]) -> SideState:
    addresses = tuple(AddressState(**item) for item in told["addresses"])
    return SideState(**{**told, "addresses": addresses, "peers": PeerCounts(**told["peers"])})
