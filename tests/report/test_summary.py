from __future__ import annotations

from collections.abc import Callable

from zmqdev.report.summary import summary
from zmqdev.stats.rates import Record
from zmqdev.stats.snapshot import Snapshot

Device = Callable[..., Snapshot]


def run(device: Device, **last: object) -> list[str]:
    record = Record()
    for at, messages in ((0.0, 0), (1.0, 3000), (2.0, 3000)):
        record.take([device(at, messages)])
    record.take([device(10.0, 4000, state="stopped", **last)])
    return summary(record.seen, 200)


def test_it_says_what_each_direction_did(device: Device) -> None:
    assert run(device) == [
        "orders (queue): stopped after 10.0 s",
        "  forward   4,000 messages, 391 KiB, mean 400 msg/s, peak 3.00 k msg/s",
        "  backward  no messages",
    ]


def test_it_names_what_was_dropped_and_how_long_it_was_blocked(device: Device) -> None:
    dropped = {"full": 1200, "unreachable": 3, "blocked_ns": 10**9}
    forward = run(device, counts=dropped)[1]
    assert forward.endswith("blocked 10 %, dropped 1,203 (unreachable 3, full 1,200)")


def test_a_reset_takes_nothing_from_it(device: Device) -> None:
    record = Record()
    for at, messages in ((0.0, 0), (1.0, 3000), (2.0, 50)):
        record.take([device(at, messages)])
    assert "3,050 messages" in summary(record.seen, 200)[1]


def test_a_narrow_terminal_gets_more_lines(device: Device) -> None:
    record = Record()
    record.take([device(0.0, 0)])
    record.take([device(9.0, 123_456_789, counts={"full": 5})])
    shown = summary(record.seen, 40)
    assert all(len(line) <= 40 for line in shown)
    assert "123,456,789 messages" in shown[1]
