"""A replay sends what was recorded at the times in the record: pure, with a clock of the test."""

from __future__ import annotations

import math
import os
from collections.abc import Sequence
from pathlib import Path

import pytest

from zmqdev.endpoints.feed import open_input
from zmqdev.endpoints.form.format import Layout
from zmqdev.endpoints.form.jsonline import decode_recorded, encode
from zmqdev.endpoints.replay import MEMORY, RecordedFeed, Replay
from zmqdev.errors import RunError

JSON = Layout("json")


def record(path: Path, times: Sequence[float]) -> Path:
    lines = [encode([str(number).encode()], time) for number, time in enumerate(times)]
    path.write_bytes(b"".join(line + b"\n" for line in lines))
    return path


def replay(*files: Path, speed: float = 1.0, count: int | None = None) -> Replay:
    feeds = [RecordedFeed(open_input(str(path)), JSON, path.name, count) for path in files]
    return Replay(feeds, speed, count)


def played(
    made: Replay, start: float = 100.0, stalls: dict[int, float] | None = None
) -> list[float]:
    """When each message goes, of a sender that waits as it is told to; `stalls` holds it after
    so many messages for so long."""
    now, gone = start, []
    while not made.ended:
        limit = made.due(now)
        if not limit:
            now = made.next(now)
            continue
        taken = made.take(limit)
        gone += [now - start] * len(taken)
        now += (stalls or {}).pop(len(gone), 0.0) if taken else 0.0
    made.close()
    return gone


def test_the_gaps_are_those_of_the_record(tmp_path: Path) -> None:
    path = record(tmp_path / "day", [1e9, 1e9 + 0.5, 1e9 + 0.5, 1e9 + 3])
    assert played(replay(path)) == pytest.approx([0, 0.5, 0.5, 3])
    assert played(replay(path, speed=2)) == pytest.approx([0, 0.25, 0.25, 1.5])
    assert played(replay(path, speed=math.inf)) == [0, 0, 0, 0]


def test_more_than_is_read_ahead_keeps_its_gaps(tmp_path: Path) -> None:
    times = [1e9 + number / 10 for number in range(2000)]
    expected = [time - 1e9 for time in times]
    assert played(replay(record(tmp_path / "day", times))) == pytest.approx(expected, abs=1e-6)


def test_a_clock_set_back_costs_no_wait(tmp_path: Path) -> None:
    path = record(tmp_path / "day", [1e9, 1e9 + 1, 5e8, 5e8 + 2])
    assert played(replay(path)) == pytest.approx([0, 1, 1, 3])


def test_files_follow_each_other(tmp_path: Path) -> None:
    first, second = record(tmp_path / "a", [10, 11]), record(tmp_path / "b", [13, 14])
    assert played(replay(first, second)) == pytest.approx([0, 1, 3, 4])
    assert played(replay(second, first)) == pytest.approx([0, 1, 1, 2])


def test_a_short_stall_is_made_up_and_a_long_one_is_not(tmp_path: Path) -> None:
    path = record(tmp_path / "day", [0, 1, 2, 3])
    assert played(replay(path), stalls={1: 1.5}) == pytest.approx([0, 1.5, 2, 3])
    late = 10 * MEMORY
    assert played(replay(path), stalls={1: late}) == pytest.approx([0, late, late + 1, late + 2])


def test_a_count_ends_it_early(tmp_path: Path) -> None:
    assert len(played(replay(record(tmp_path / "day", [0, 1, 2, 3]), count=2))) == 2


def test_how_far_it_is(tmp_path: Path) -> None:
    made = replay(record(tmp_path / "day", [10, 11, 12, 13]), speed=0.5)
    assert made.told() == {"replayed": 0}
    assert not made.take(made.due(0))  # read ahead
    assert made.take(made.due(0)) == [[b"0"]]
    first = made.told()["replayed"]
    assert 0 < first < 0.5
    assert [made.take(made.due(now)) for now in (2, 4)] == [[[b"1"]], [[b"2"]]]
    done = 3 * first
    left = 4 * (1 - done) / done
    assert made.told() == pytest.approx({"recorded": 12, "replayed": done, "left": left})
    assert made.waiting == 0, "the rest is in the file still"
    made.close()


def test_a_pipe_has_no_end_that_is_known(tmp_path: Path) -> None:
    reading, writing = os.pipe()
    os.write(writing, b'{"time": 5, "body": "a"}\n{"time": 6, "body": "b"}\n')
    os.close(writing)
    made = Replay([RecordedFeed(reading, JSON, "stdin")], 1)
    assert made.due(0) == 1
    assert not made.take(1)
    assert made.take(made.due(0)) == [[b"a"]]
    assert made.told() == {"recorded": 5}
    assert made.waiting == 1
    made.close()


@pytest.mark.parametrize(
    ("line", "what"),
    [
        ('{"frames": ["a"]}', "no 'time'"),
        ('{"time": "noon", "frames": ["a"]}', "'time' is not a number"),
        ('{"time": true, "frames": ["a"]}', "'time' is not a number"),
        ('{"time": NaN, "frames": ["a"]}', "'time' is not a number"),
        ('{"time": 5}', "no 'frames' and no 'body'"),
        ("[]", "expected an object"),
    ],
)
def test_a_line_without_a_time_is_named(tmp_path: Path, line: str, what: str) -> None:
    with pytest.raises(ValueError, match=what):
        decode_recorded(line.encode())
    path = tmp_path / "day"
    path.write_text(f'{{"time": 1, "body": ""}}\n{line}\n')
    with pytest.raises(RunError, match=f"day:2: .*{what}"):
        played(replay(path))
