"""What `ctl` writes of what a device answered."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import pytest

from zmqdev.control.runtimedir import Found
from zmqdev.stats.snapshot import PeerCounts, Snapshot
from zmqdev.tools.ctl.answers import answer, listing

Device = Callable[..., Snapshot]
HERE = Found("orders", "ipc:///run/orders.sock")


def status(snapshot: Snapshot) -> Mapping[str, Any]:
    return {
        **snapshot.plain(),
        "control": {"name": "orders-2", "address": "ipc:///run/orders-2.sock", "tapped": True},
        "process": {"pid": 17, "version": "1.2", "relay": "native"},
    }


def test_a_list_has_a_line_for_each_device(device: Device) -> None:
    lines = listing([(HERE, status(device(65.0, 1500))), (Found("gone", "ipc://x"), None)])
    head, first, second = lines.splitlines()
    assert head.split() == [
        "NAME",
        "KIND",
        "STATE",
        "UPTIME",
        "PID",
        "PEERS",
        "FORWARD",
        "BACKWARD",
        "ADDRESSES",
    ]
    assert first.split()[:6] == ["orders", "queue", "running", "1:05", "17", "3/1"]
    assert "1.50 k" in first
    assert "tcp://127.0.0.1:41234" in first
    assert second.split() == ["gone", "no", "answer", "ipc://x"]


def test_with_no_device_the_list_says_so() -> None:
    assert listing([]) == "this user has no running device"


def test_what_is_no_status_is_listed_as_unreadable() -> None:
    assert "unreadable" in listing([(HERE, {"hello": 1})])


def test_a_status_tells_sides_flows_drops_and_failures(device: Device) -> None:
    shown = device(65.0, 1500, counts={"full": 3, "blocked_ns": 2_000_000_000})
    side = shown.sides[0]
    reasons = {"wrong key": 1200, "the connection ended during the handshake": 1}
    peers = PeerCounts(1, accepted=4, disconnects=3, failed_handshakes=1201, reasons=reasons)
    told = status(
        Snapshot(
            **{
                **vars(shown),
                "sides": (type(side)(side.name, side.type, side.addresses, peers),),
            }
        )
    )
    assert answer("status", told).splitlines() == [
        "orders-2: queue, running, up 1:05",
        "  process   pid 17, zmqdev 1.2, native relay",
        "  control   ipc:///run/orders-2.sock, tapped",
        "  frontend  ROUTER bind tcp://127.0.0.1:5555; "
        "1 peer now, 4 since the start, 3 left, 1,201 failed handshakes",
        "            failed 1,200 times: wrong key",
        "            failed once: the connection ended during the handshake",
        "  forward   1,500 messages, 146 KiB, blocked for 2.00 s, dropped 3: 3 full",
        "  backward  no messages, 0 B",
    ]


def test_peers_are_listed_with_the_reasons_of_failures() -> None:
    told = {
        "frontend": {
            **vars(PeerCounts(connected=1, accepted=1, addresses=("tcp://10.0.0.1:5",))),
            "failed_handshakes": 2,
            "reasons": {"wrong key": 2},
        }
    }
    assert answer("peers", told).splitlines() == [
        "frontend: 1 peer now, 1 since the start, 2 failed handshakes",
        "  tcp://10.0.0.1:5",
        "  failed 2 times: wrong key",
    ]


def test_what_strangers_named_is_escaped() -> None:
    told = {"frontend": {**vars(PeerCounts()), "reasons": {"\x1b[2J\nfrontend: well": 1}}}
    assert answer("peers", told).splitlines()[1] == "  failed once: \\x1b[2J\\x0afrontend: well"


@pytest.mark.parametrize(
    ("verb", "result", "text"),
    [
        ("reset", {}, "done"),
        ("pause", {"state": "paused"}, "state: paused"),
        ("set", {"key": "on-full", "value": "drop"}, "key: on-full\nvalue: drop"),
    ],
)
def test_other_results_are_yaml(verb: str, result: Any, text: str) -> None:
    assert answer(verb, result) == text
