from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zmqdev.stats.rates import MINUTE, Rate, Track
from zmqdev.stats.snapshot import Flow, flow_of


def reading(messages: int, **given: int) -> Flow:
    return flow_of("forward", messages, messages * 10, blocked_ns=given.get("blocked_ns", 0))


def steady(rate: float, seconds: float, step: float = 0.25) -> Track:
    """A track of `rate` messages a second, looked at every `step` seconds."""
    track = Track(0.0, reading(0))
    for look in range(1, round(seconds / step) + 1):
        track.add(look * step, reading(round(look * step * rate)))
    return track


def test_the_rate_is_of_the_last_second() -> None:
    track = steady(100, 10)
    track.add(11.0, reading(1000 + 700))
    assert track.rate().messages == pytest.approx(700)
    assert track.rate().bytes == pytest.approx(7000)


def test_what_was_counted_before_the_first_look_is_no_rate() -> None:
    track = Track(100.0, reading(1_000_000))
    assert track.rate() == Rate()
    track.add(101.0, reading(1_000_050))
    assert track.rate().messages == 50
    assert track.peak.messages == 50


def test_the_mean_is_of_the_whole_run() -> None:
    assert steady(100, 10).mean(20.0).messages == pytest.approx(50)


def test_the_peak_is_no_accident_of_the_first_quarter_of_a_second() -> None:
    track = Track(0.0, reading(0))
    track.add(0.25, reading(1000))
    track.add(0.5, reading(1000))
    track.add(1.0, reading(1000))
    assert track.peak.messages == pytest.approx(1000)


def test_counts_that_start_again_from_zero_go_on_growing() -> None:
    track = steady(100, 5)
    track.add(6.0, reading(30))
    assert track.rate().messages == pytest.approx(30)
    assert track.total.messages == 530


def test_blocked_time_is_a_share_that_never_exceeds_one() -> None:
    track = Track(0.0, reading(0))
    track.add(1.0, reading(0, blocked_ns=250_000_000))
    assert track.rate().blocked == pytest.approx(0.25)
    track.add(2.0, reading(0, blocked_ns=2_000_000_000))
    assert track.rate().blocked == 1.0


def test_two_readings_at_one_moment_make_no_rate() -> None:
    track = Track(1.0, reading(0))
    track.add(1.0, reading(5))
    assert track.rate() == Rate()
    assert track.total.messages == 5


def test_the_minute_is_unknown_before_the_first_reading() -> None:
    minute = steady(100, 10).minute(60)
    assert len(minute) == 60
    assert minute[:49] == (None,) * 49
    assert minute[-9:] == pytest.approx([100] * 9)


def test_the_minute_keeps_its_parts_in_place_while_time_goes_on() -> None:
    track = steady(100, 30)
    track.add(30.5, reading(3000 + 500))
    before = track.minute(60)
    track.add(30.75, reading(3000 + 600))
    assert track.minute(60)[:-1] == before[:-1]


@given(st.lists(st.tuples(st.floats(0.01, 3), st.integers(0, 10**9)), min_size=1, max_size=300))
def test_no_history_breaks_it_nor_makes_it_grow(steps: list[tuple[float, int]]) -> None:
    track, now, count = Track(0.0, reading(0)), 0.0, 0
    for seconds, messages in steps:
        now, count = now + seconds, count + messages
        track.add(now, reading(count))
    assert track.total.messages == sum(messages for _, messages in steps)
    assert all(value is None or value >= 0 for value in track.minute(30))
    assert track.rate().messages >= 0
    kept = track._times
    assert len(kept) < 20 or kept[18] >= now - 1.25 * MINUTE
