from __future__ import annotations

from collections.abc import Callable

import pytest

from zmqdev.report.glyphs import ASCII, UNICODE, Glyphs
from zmqdev.report.panel import panel
from zmqdev.stats.extras import services
from zmqdev.stats.rates import Record, Seen
from zmqdev.stats.snapshot import AddressState, PeerCounts, SideState, Snapshot

Device = Callable[..., Snapshot]
Endpoint = Callable[..., Snapshot]


def lines(
    seen: tuple[Seen, ...], width: int, height: int = 50, glyphs: Glyphs = UNICODE
) -> list[str]:
    shown = [line.plain for line in panel(seen, width, height, glyphs)]
    assert all(len(line) <= width for line in shown)
    assert len(shown) <= height
    return shown


def busy(device: Device, **fields: object) -> tuple[Seen, ...]:
    """A device with a minute behind it, and now 400 messages a second."""
    record = Record()
    for look in range(241):
        record.take([device(look / 4, look * 100, **fields)])
    return record.seen


def test_a_wide_terminal_shows_everything_in_rows(device: Device) -> None:
    shown = lines(busy(device), 200)
    assert len(shown[0]) == 124
    assert "orders (queue)" in shown[0]
    assert "running, up 1:00" in shown[0]
    assert "frontend  ROUTER  bind tcp://127.0.0.1:5555" in shown[1]
    assert "3 peers" in shown[1]
    assert "bind tcp://127.0.0.1:* → tcp://127.0.0.1:41234" in shown[2]
    assert "last minute" in shown[4]
    assert "400  39.1 KiB    24.0 k  2.29 MiB      0 %" in shown[5]
    assert "█" * 59 in shown[5]
    assert "backward" in shown[6]


def test_what_stands_beside_the_sides_is_shown_where_it_was_asked_for(device: Device) -> None:
    asked = AddressState("bind", "tcp://127.0.0.1:*", "tcp://127.0.0.1:41000")
    default = AddressState("bind", "", "ipc:///run/orders.sock")
    shown = lines(busy(device, beside={"control": asked}), 100)
    assert any(line.startswith("│ control           bind tcp://127.0.0.1:41000") for line in shown)
    shown = lines(busy(device, beside={"control": asked}), 60)
    assert any(line.startswith("│ control   bind tcp://127.0.0.1:41000") for line in shown)
    assert "control" not in "".join(lines(busy(device, beside={"control": default}), 100))


def test_a_part_that_has_told_nothing_yet_is_shown_by_its_state() -> None:
    starting = Snapshot("out", "pull", "starting", 0.0, 0.0, (), (), category="endpoint")
    shown = lines(Record().take([starting]), 80)
    assert "out (pull)" in shown[0]
    assert "starting" in shown[0]


def test_eighty_columns_have_room_for_a_shorter_minute(device: Device) -> None:
    shown = lines(busy(device), 80)
    assert all(len(line) == 80 for line in shown)
    assert "█" * 14 in shown[5]
    assert len(shown) == 8


def test_forty_columns_stand_numbers_below_each_other(device: Device) -> None:
    shown = lines(busy(device), 40)
    assert all(len(line) == 40 for line in shown)
    text = "\n".join(shown)
    assert "frontend  ROUTER, 3 peers" in text
    assert "bind tcp://127.0.0.1:41234" in text
    assert "forward 400 msg/s · 39.1 KiB/s" in text
    assert "total 24.0 k · 2.29 MiB" in text
    assert "█" * 29 in text


@pytest.mark.parametrize("height", [1, 2, 4, 7, 50])
def test_no_size_of_terminal_is_too_small(device: Device, height: int) -> None:
    seen = busy_once(device)
    for width in [*range(1, 130), 200]:
        lines(seen, width, height)
        lines(seen * 3, width, height)


def busy_once(device: Device) -> tuple[Seen, ...]:
    """A look at a device with much to say."""
    long = AddressState("bind", "ipc:///" + "d" * 200, "ipc:///" + "d" * 200)
    peers = PeerCounts(1, 9, 8, 3, {"wrong key": 2, "the peer broke the protocol (0x1)": 1})
    services = [
        {"name": "echo", "queued": 2, "oldest": 1.5, "ready": 0, "busy": 2, "overdue": 0}
        | {"in_flight": 2}
    ]
    fields = {
        "sides": (SideState("frontend", "ROUTER", (long, long), peers),),
        "counts": {"full": 12, "too_many_frames": 1, "blocked_ns": 10**9},
        "details": {"reliable": {"queued": 2, "counters": {"lost": 3}, "services": services}},
        "name": "名前" * 20,
    }
    record = Record()
    record.take([device(0.0, 0, **{**fields, "counts": {}})])
    return record.take([device(2.0, 10, **fields)])


def test_drops_are_named_and_blocked_time_is_shown(device: Device) -> None:
    text = "\n".join(lines(busy_once(device), 100))
    assert "dropped 13: 12 full, 1 too many frames" in text
    assert "50 %" in text
    told = "3 failed handshakes: 2 wrong key; 1 the peer broke the protocol (0x1)"
    assert told in text
    assert "1 peer, 8 left" in text


def test_the_middle_of_a_long_address_is_cut(device: Device) -> None:
    text = "\n".join(lines(busy_once(device), 60))
    assert "ipc:///ddd" in text
    assert "…" in text


def test_a_reliable_queue_shows_its_services(device: Device) -> None:
    text = "\n".join(lines(busy_once(device), 100))
    assert "queued 2 · lost 3" in text
    assert "echo: 2 workers: 2 busy; 2 queued, oldest 1.50 s; 2 in flight" in text


def test_a_service_that_needs_a_look_stands_out(device: Device) -> None:
    idle = {"oldest": 0.0, "queued": 0, "in_flight": 0, "ready": 0, "busy": 0, "overdue": 0}
    found = [
        {**idle, "name": "well", "ready": 2, "busy": 1, "in_flight": 1},
        {**idle, "name": "stuck", "busy": 1, "overdue": 1, "in_flight": 1},
        {**idle, "name": "alone", "queued": 1, "oldest": 2.0},
        {**idle, "name": "unused"},
    ]
    subject = device(1.0, 5, details={"reliable": {"services": found}})
    assert [(item.text, item.ill) for item in services(subject)] == [
        ("alone: no workers; 1 queued, oldest 2.00 s; 0 in flight", True),
        ("well: 3 workers: 2 ready, 1 busy; 0 queued; 1 in flight", False),
        ("stuck: 2 workers: 1 busy, 1 overdue; 0 queued; 1 in flight", True),
        ("unused: no workers; 0 queued; 0 in flight", False),
    ]


def test_a_low_terminal_keeps_the_flow(device: Device) -> None:
    for height in (3, 4, 5, 6):
        text = "\n".join(lines(busy(device), 80, height))
        assert "400" in text
        assert "39.1 KiB" in text


def test_several_devices_are_a_table(device: Device) -> None:
    record = Record()
    for at in (0.0, 1.0):
        names = ("market", "jobs")
        record.take([device(at, round(500 * at), name=name) for name in names])
    wide = lines(record.seen, 124)
    assert "2 devices" in wide[0]
    assert "peers" in wide[1]
    assert wide[2].startswith("│ market  running  forward     3/1")
    assert "500  48.8 KiB" in wide[2]
    assert sum("backward" in line for line in wide) == 2
    narrow = lines(record.seen, 40)
    assert any(line.startswith("│ jobs") and "500" in line for line in narrow)


def test_states_that_differ_stand_in_their_rows(device: Device) -> None:
    record = Record()
    record.take([device(1.0, 0), device(1.0, 0, name="b", state="paused")])
    shown = lines(record.seen, 124)
    assert "running" not in shown[0]
    assert "paused" in "\n".join(shown[2:])


def test_an_end_that_is_known_has_a_bar(endpoint: Endpoint) -> None:
    record = Record()
    for at in (0.0, 1.0):
        record.take([endpoint(at, round(250 * at), expected=1000)])
    shown = "\n".join(lines(record.seen, 80))
    assert "25 % of 1,000, 0:03 left" in shown
    assert "█████████░" in shown
    assert "blocked" not in shown
    assert "connect tcp://127.0.0.1:5557" in shown
    assert "25 % of 1,000" in "\n".join(lines(record.seen, 34))


def test_what_an_endpoint_counts_is_shown_when_it_happened(endpoint: Endpoint) -> None:
    extra = {"sent": 12, "retried": 0, "failed": 1, "p99": 0.0123}
    seen = Record().take([endpoint(1.0, 5, kind="client", details=extra)])
    text = "\n".join(lines(seen, 80))
    assert "sent 12 · failed 1 · p99 12.3 ms" in text


def test_a_terminal_without_these_signs_gets_others(device: Device) -> None:
    for width in (30, 60, 124):
        text = "\n".join(lines(busy(device), width, glyphs=ASCII))
        assert text.isascii()


def test_names_cannot_steer_the_terminal(device: Device) -> None:
    seen = Record().take([device(1.0, 0, name="a\x1b[2Jb\x07")])
    assert "a?[2Jb?" in lines(seen, 80)[0]


@pytest.mark.parametrize("width", [100, 80, 60, 40])
def test_what_has_ended_shows_no_rate(device: Device, width: int) -> None:
    [ended] = busy(device, state="ended")
    [other] = busy(device, name="other")
    shown = lines((ended, other), width)
    [row] = [line for line in shown if "orders" in line and "backward" not in line][:1]
    assert "400" not in row
    assert "ended" in row
    assert any("400" in line for line in shown if "other" in line)


def test_routes_and_backends_have_their_rates(device: Device) -> None:
    record = Record()
    for second in range(3):
        counts = {"messages": second * 500, "bytes": 0, "full": second}
        route = {"name": "1", "match": "eu.*", "to": "eu", **counts}
        backend = {"name": "eu", **counts, "blocked_ns": 0}
        record.take([device(second, 0, details={"routes": [route], "backends": [backend]})])
    shown = "\n".join(lines(record.seen, 100))
    assert "1  eu.* → eu  500/s  1.00 k  100 %  full 2" in shown
    assert "eu  500/s  1.00 k messages  blocked 0 s  full 2" in shown
