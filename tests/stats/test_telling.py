"""A statistics line read back is what the part saw of itself."""

from __future__ import annotations

import json

from zmqdev.stats.columns import Line, as_object
from zmqdev.stats.rates import Rate
from zmqdev.stats.snapshot import AddressState, PeerCounts, SideState
from zmqdev.stats.subject import Reading, Subject
from zmqdev.stats.telling import Telling
from zmqdev.supervisor.process import is_statistics

SIDES = (
    SideState("frontend", "PULL", (AddressState("bind", "a", "a"),), PeerCounts(2, 3, 1, 4)),
    SideState("backend", "PUSH", (AddressState("connect", "b", "b"),), PeerCounts(1, 1)),
)
DEVICE = Subject(
    category="device",
    name="jobs",
    kind="streamer",
    state="running",
    at=5.0,
    uptime=5.0,
    sides=SIDES,
    flows=(Reading("forward", 100, 1600, {"too_large": 2}, 0),),
)
ENDPOINT = Subject(
    category="endpoint",
    name="in",
    kind="push",
    state="running",
    at=5.0,
    uptime=5.0,
    sides=(SideState("socket", "PUSH", (), PeerCounts(1, 1)),),
    flows=(Reading("sent", 7, 70),),
    expected=10,
)


def line(subject: Subject, blocked: float = 0.0) -> bytes:
    rates = {flow.name: Rate(blocked=blocked) for flow in subject.flows}
    return json.dumps(as_object(Line(subject, rates, 1.0))).encode()


def test_a_device_is_read_back() -> None:
    text = line(DEVICE)
    assert is_statistics(text)
    found = Telling("device").take(text, 9.0)
    assert found is not None
    assert (found.name, found.kind, found.state, found.at) == ("jobs", "streamer", "running", 9.0)
    assert found.flows == DEVICE.flows
    assert [side.peers for side in found.sides] == [side.peers for side in SIDES]
    assert found.sides[0].addresses[0].actual == "a"


def test_an_endpoint_is_read_back() -> None:
    found = Telling("endpoint").take(line(ENDPOINT), 9.0)
    assert found is not None
    assert found.flows == ENDPOINT.flows
    assert (found.expected, found.sides[0].type) == (10, "PUSH")


def test_shares_of_time_add_up_to_the_time() -> None:
    telling = Telling("device")
    telling.take(line(DEVICE), 10.0)
    found = telling.take(line(DEVICE, blocked=0.5), 12.0)
    assert found is not None
    assert found.flows[0].blocked_ns == 1_000_000_000


def test_a_line_that_only_looks_like_one_is_none() -> None:
    telling = Telling("device")
    assert telling.take(b'{"time": 1, "kind": 2, "uptime": 3}', 1.0) is None
    assert telling.take(b'{"time": ', 1.0) is None
    assert telling.take(b"[]", 1.0) is None
