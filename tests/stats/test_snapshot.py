"""Snapshots as plain data, and back."""

from __future__ import annotations

import json
from dataclasses import asdict

import pytest

from zmqdev.stats.snapshot import AddressState, Flow, PeerCounts, SideState, Snapshot, from_plain

WHOLE = Snapshot(
    name="orders",
    kind="queue",
    state="running",
    at=12.5,
    uptime=3.5,
    sides=(
        SideState(
            "frontend",
            "ROUTER",
            (AddressState("bind", "tcp://127.0.0.1:*", "tcp://127.0.0.1:5555"),),
            PeerCounts(2, 3, 1, 1, {"wrong key": 1}, ("tcp://10.0.0.1:5",)),
        ),
    ),
    flows=(Flow("forward", "frontend", "backend", {"messages": 5, "bytes": 50}),),
    details={"reliable": {"queued": 1, "services": [{"name": "echo", "oldest": 1.5}]}},
    beside={"control": AddressState("bind", "tcp://127.0.0.1:*", "tcp://127.0.0.1:5556")},
)


def test_plain_is_what_dataclasses_would_make_of_it() -> None:
    assert json.dumps(WHOLE.plain()) == json.dumps(asdict(WHOLE))


def test_a_snapshot_comes_back_from_json() -> None:
    told = from_plain(json.loads(json.dumps(WHOLE.plain())))
    assert told.plain() == from_plain(told.plain()).plain()
    assert json.dumps(told.plain()) == json.dumps(WHOLE.plain())
    assert told.flows[0].messages == 5


def test_what_a_newer_version_adds_is_left_out() -> None:
    told = json.loads(json.dumps(WHOLE.plain()))
    for place in (told, told["sides"][0], told["sides"][0]["peers"], told["flows"][0]):
        place["novelty"] = 1
    assert json.dumps(from_plain(told).plain()) == json.dumps(WHOLE.plain())


def test_what_is_no_snapshot_is_refused() -> None:
    for told in ({}, {"name": "x"}, {**WHOLE.plain(), "flows": [{"speed": 1}]}, {"sides": 7}):
        with pytest.raises(ValueError, match="not the status of a device"):
            from_plain(told)
