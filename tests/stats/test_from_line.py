"""A statistics line read back is what the part saw of itself."""

from __future__ import annotations

from dataclasses import replace

import pytest

from zmqdev.stats.columns import Line, from_line, to_line
from zmqdev.stats.rates import Rate
from zmqdev.stats.snapshot import AddressState, PeerCounts, SideState, Snapshot, flow_of
from zmqdev.supervisor.process import is_statistics

SIDES = (
    SideState(
        "frontend", "PULL", (AddressState("bind", "a", "a"),), PeerCounts(2, 3, 1, 4), {"plain": 2}
    ),
    SideState("backend", "PUSH", (AddressState("connect", "b", "b"),), PeerCounts(1, 1)),
)
DEVICE = Snapshot(
    category="device",
    name="jobs",
    kind="streamer",
    state="running",
    at=5.0,
    uptime=5.0,
    sides=SIDES,
    flows=(flow_of("forward", 100, 1600, {"too_large": 2}, 1_500_000_000),),
)
ENDPOINT = Snapshot(
    category="endpoint",
    name="in",
    kind="push",
    state="running",
    at=5.0,
    uptime=5.0,
    sides=(SideState("socket", "PUSH", (), PeerCounts(1, 1)),),
    flows=(flow_of("sent", 7, 70),),
    expected=10,
)


def line(snapshot: Snapshot) -> bytes:
    rates = {flow.name: Rate(blocked=0.5) for flow in snapshot.flows}
    return to_line(Line(snapshot, rates, 1.0)).encode()


@pytest.mark.parametrize("snapshot", [DEVICE, ENDPOINT], ids=["device", "endpoint"])
def test_a_line_is_read_back_whole(snapshot: Snapshot) -> None:
    text = line(snapshot)
    assert is_statistics(text)
    found = from_line(text, 9.0)
    assert (found.category, found.name, found.kind) == (
        snapshot.category,
        snapshot.name,
        snapshot.kind,
    )
    assert (found.state, found.at, found.uptime) == ("running", 9.0, 5.0)
    assert found.flows == snapshot.flows
    assert found.expected == snapshot.expected
    for side, before in zip(found.sides, snapshot.sides, strict=True):
        assert (side.name, side.type) == (before.name, before.type)
        assert (side.peers, side.refused) == (before.peers, before.refused)
        assert [one.actual for one in side.addresses] == [one.actual for one in before.addresses]


def test_what_only_a_kind_has_is_read_back() -> None:
    details = {"queued": 3, "services": [{"name": "echo"}]}
    assert from_line(line(replace(DEVICE, details=details)), 9.0).details == details


@pytest.mark.parametrize("text", [b'{"time": 1, "kind": 2, "uptime": 3}', b'{"time": ', b"[]"])
def test_a_line_that_only_looks_like_one_is_refused(text: bytes) -> None:
    with pytest.raises(ValueError, match="not a statistics line|Expecting"):
        from_line(text, 1.0)
