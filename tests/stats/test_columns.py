from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from zmqdev.stats.columns import Line, as_object, as_text, columns, reference
from zmqdev.stats.endpoint import EXTRA
from zmqdev.stats.rates import Rate
from zmqdev.stats.snapshot import PeerCounts, Snapshot

Device = Callable[..., Snapshot]
Endpoint = Callable[..., Snapshot]


def line(snapshot: Snapshot) -> Line:
    return Line(snapshot, {"forward": Rate(12.34, 1234.5, 0.25)}, 1_790_000_000.5)


def test_a_text_line_is_words_of_key_and_value(device: Device) -> None:
    assert as_text(line(device(2.0, 5))) == (
        "time=2026-09-21T14:13:20.500Z device=orders kind=queue state=running uptime=2 "
        "frontend_peers=3 backend_peers=1 "
        "forward_messages=5 forward_bytes=500 forward_msgs_per_s=12.3 forward_bytes_per_s=1234 "
        "forward_drops=0 forward_blocked_pct=25 "
        "backward_messages=0 backward_bytes=0 backward_msgs_per_s=0 backward_bytes_per_s=0 "
        "backward_drops=0 backward_blocked_pct=0"
    )


def test_no_number_is_written_in_powers_of_ten(device: Device) -> None:
    snapshot = device(4_000_000.123, 123_456_789_012, details={"tiny": 0.000001})
    assert as_text(line(snapshot)).endswith(" tiny=0.000001")
    assert "forward_messages=123456789012 " in as_text(line(snapshot))


def test_the_columns_of_a_device_are_the_same_in_every_line(device: Device) -> None:
    quiet = dict(columns(line(device(1.0, 0)), text=True))
    busy = dict(columns(line(device(9.0, 10**9, counts={"full": 7})), text=True))
    assert list(quiet) == list(busy)


@pytest.mark.parametrize(
    "kind", ["pub", "sub", "push", "pull", "client", "worker", "req", "router"]
)
def test_the_columns_of_an_endpoint_are_all_of_its_kind(kind: str, endpoint: Endpoint) -> None:
    shown = as_text(Line(endpoint(1.0, 5, kind=kind, name=kind), {}, 0.0))
    own = [row.name for row in EXTRA.values() if kind in row.kinds]
    assert all(f" {name}=-" in shown for name in own)
    assert f" endpoint={kind} " in shown
    assert "drops" not in shown


def test_a_name_with_blanks_is_still_one_word(device: Device) -> None:
    text = as_text(line(device(1.0, 1, name="my own\tqueue\n")))
    assert "device=my_own_queue_ kind=queue" in text
    assert len(text.split()) == len(as_text(line(device(1.0, 1))).split())


def test_json_has_what_text_has_and_more(device: Device) -> None:
    snapshot = device(2.0, 5, counts={"full": 3, "unreachable": 4})
    told = json.loads(json.dumps(as_object(line(snapshot))))
    in_text = {name for name, _ in columns(line(snapshot), text=True)}
    assert in_text < set(told)
    assert told["time"] == 1_790_000_000.5
    assert told["forward_drops"] == 7
    assert told["forward_drops_by_reason"] == {"unreachable": 4, "full": 3}
    assert told["backend_addresses"] == ["tcp://127.0.0.1:41234"]
    assert told["backend_type"] == "DEALER"


def test_what_a_kind_adds_is_whole_in_json_and_its_numbers_are_in_text(device: Device) -> None:
    details = {"reliable": {"queued": 4, "counters": {"expired": 2}, "services": [{"name": "a"}]}}
    snapshot = device(2.0, 5, details=details)
    assert as_object(line(snapshot))["reliable"] == details["reliable"]
    assert as_text(line(snapshot)).endswith(" queued=4 expired=2")


def test_every_key_that_can_appear_is_in_the_reference(device: Device) -> None:
    documented = {key for key, _, _, _ in reference()}
    snapshot = device(2.0, 5, details={})
    for name in as_object(line(snapshot)):
        for part in ("frontend_", "backend_"):
            name = name.replace(part, "SIDE_", 1)
        for part in ("forward_", "backward_"):
            name = name.replace(part, "DIRECTION_", 1)
        assert name in documented
    assert all(text for _, _, text, _ in reference())


def test_failed_handshakes_are_told(device: Device) -> None:
    side = device(1.0, 0).sides[0]
    failed = PeerCounts(failed_handshakes=2, reasons={"wrong key": 2})
    snapshot = device(1.0, 0, sides=(type(side)(side.name, side.type, side.addresses, failed),))
    assert as_object(line(snapshot))["frontend_failed_handshakes"] == 2
