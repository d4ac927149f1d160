"""A pace is smooth: small batches, the right number in the end, no burst after a stall."""

from __future__ import annotations

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.examples import examples

from zmqdev.endpoints.pace import BATCH, JitterPace, Pace


def run(pace: Pace, until: float, tick: float = 0.001) -> list[tuple[float, int]]:
    """Send whatever is due, waking when asked but no finer than `tick`; (time, count) pairs."""
    sent, now = [], 0.0
    while now < until:
        count = pace.due(now)
        if count:
            pace.sent(count, now)
            sent.append((now, count))
        now = max(pace.next(now), now + tick)
    return sent


def test_the_first_is_due_at_once_and_the_next_after_the_interval() -> None:
    pace = Pace(2.0)
    assert pace.due(10.0) == 1
    pace.sent(1, 10.0)
    assert pace.due(10.4) == 0
    assert pace.next(10.4) == pytest.approx(10.5)
    assert pace.due(10.5) == 1


def test_a_second_of_a_hundred_thousand_a_second_is_many_small_batches() -> None:
    sent = run(Pace(100_000), 1.0)
    assert sum(count for _, count in sent) == pytest.approx(100_000, rel=0.01)
    assert max(count for _, count in sent) <= 100_000 * BATCH
    assert len(sent) > 90


def test_what_is_not_sent_stays_due() -> None:
    pace = Pace(1000)
    assert pace.due(0.0) == 1
    assert pace.due(0.005) == 6
    pace.sent(2, 0.005)
    assert pace.due(0.009) == 8


def test_a_short_stall_is_made_up_without_a_burst() -> None:
    pace = Pace(1000)
    pace.due(0.0)
    sent, now = 0, 0.5  # half a second in which nothing went
    batches = []
    while now < 2.0:
        count = pace.due(now)
        pace.sent(count, now)
        batches.append(count)
        sent += count
        now = max(pace.next(now), now + 0.001)
    assert max(batches) <= 10
    assert sent == pytest.approx(2000, abs=12)


def test_a_long_stall_is_forgotten() -> None:
    pace = Pace(1000)
    pace.due(0.0)
    assert pace.due(60.0) == 1
    pace.sent(1, 60.0)
    assert pace.next(60.0) == pytest.approx(60.001)


def test_an_interval_that_was_missed_is_not_sent_twice_at_once() -> None:
    pace = Pace(1.0)
    pace.due(0.0)
    pace.sent(1, 0.0)
    assert pace.due(4.2) == 1
    pace.sent(1, 4.2)
    assert pace.due(4.3) == 0
    assert pace.next(4.3) == pytest.approx(5.2)


@settings(max_examples=examples(50))
@given(st.floats(0.5, 200_000))
def test_any_rate_is_kept(rate: float) -> None:
    until = max(0.5, 3 / rate)
    sent = run(Pace(rate), until)
    assert sum(count for _, count in sent) == pytest.approx(rate * until, rel=0.03, abs=2)
    assert max(count for _, count in sent) <= max(1, rate * BATCH)


@given(st.floats(0.1, 1e6), st.lists(st.floats(0, 3), max_size=30))
def test_next_is_when_something_is_due(rate: float, waits: list[float]) -> None:
    pace, now = Pace(rate), 0.0
    for wait in waits:
        now += wait
        pace.sent(pace.due(now), now)
        at = pace.next(now)
        assert math.isfinite(at)
        assert pace.due(max(at, now)) >= 1


def test_jitter_makes_pauses_longer_and_shorter_within_its_bounds() -> None:
    draws = iter([0.0, 1.0, 0.5])
    pace = JitterPace(0.3, 0.2, lambda: next(draws))
    assert pace.due(5.0) == 1
    now, pauses = 5.0, []
    for _ in range(3):
        pace.sent(1, now)
        assert pace.due(now) == 0
        pauses.append(pace.next(now) - now)
        now = pace.next(now)
    assert pauses == pytest.approx([0.1, 0.5, 0.3])


def test_with_jitter_nothing_is_made_up() -> None:
    pace = JitterPace(1.0, 0.5, lambda: 0.5)
    pace.sent(1, 0.0)
    assert pace.due(50.0) == 1
    pace.sent(1, 50.0)
    assert pace.next(50.0) == 51.0
