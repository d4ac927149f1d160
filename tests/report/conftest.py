"""What the tests of the displays share: snapshots made up, and a terminal that is none."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any

import pytest

from zmqdev.relay.counters import STATISTICS
from zmqdev.stats.endpoint import endpoint_snapshot
from zmqdev.stats.snapshot import AddressState, Flow, PeerCounts, SideState, Snapshot


def counts(**given: int) -> dict[str, int]:
    return {statistic.name: 0 for statistic in STATISTICS} | given


def _device(at: float, messages: int, **given: Any) -> Snapshot:
    """A queue that has forwarded so many messages of 100 bytes."""
    front = AddressState("bind", "tcp://127.0.0.1:5555", "tcp://127.0.0.1:5555")
    back = AddressState("bind", "tcp://127.0.0.1:*", "tcp://127.0.0.1:41234")
    moved = counts(messages=messages, bytes=100 * messages, **given.pop("counts", {}))
    values: dict[str, Any] = {
        "name": "orders",
        "kind": "queue",
        "state": "running",
        "uptime": at,
        "sides": (
            SideState("frontend", "ROUTER", (front,), PeerCounts(connected=3, accepted=3)),
            SideState("backend", "DEALER", (back,), PeerCounts(connected=1, accepted=1)),
        ),
        "flows": (
            Flow("forward", "frontend", "backend", moved),
            Flow("backward", "backend", "frontend", counts()),
        ),
    }
    return Snapshot(at=at, **(values | given))


def _endpoint(at: float, messages: int, **given: Any) -> Snapshot:
    """A pusher that has sent so many messages of 100 bytes."""
    address = AddressState("connect", "tcp://127.0.0.1:5557", "tcp://127.0.0.1:5557")
    values: dict[str, Any] = {
        "name": "push",
        "kind": "push",
        "state": "running",
        "uptime": at,
        "type": "PUSH",
        "verb": "sent",
        "bytes": 100 * messages,
        "addresses": (address,),
        "peers": PeerCounts(connected=1, accepted=1),
    }
    return endpoint_snapshot(at=at, messages=messages, **(values | given))


@pytest.fixture
def device() -> Callable[..., Snapshot]:
    """`device(at, messages, **fields)`; `counts={...}` for the forward direction."""
    return _device


@pytest.fixture
def endpoint() -> Callable[..., Snapshot]:
    """`endpoint(at, messages, **fields)`."""
    return _endpoint


@pytest.fixture
def paper() -> io.StringIO:
    """A stream with no descriptor."""
    return io.StringIO()
