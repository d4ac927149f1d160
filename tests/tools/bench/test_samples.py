"""A rate is taken where everything runs: not while buffers fill, not while they empty."""

from __future__ import annotations

import pytest

from zmqdev.tools.bench.samples import Marks, rate, total_at


def test_totals_between_two_marks_lie_on_a_line() -> None:
    marks = [(1.0, 100), (2.0, 300)]
    assert [total_at(marks, at) for at in (0.5, 1.0, 1.25, 2.0, 3.0)] == [100, 100, 150, 300, 300]
    assert total_at([], 1.0) == 0.0


def test_marks_are_apart_and_the_last_is_kept() -> None:
    marks = Marks()
    for step in range(26):
        marks.add(step / 1000, step)
    assert marks.all == ((0.0, 0), (0.01, 10), (0.02, 20), (0.025, 25))
    assert Marks().all == ()


def test_what_comes_after_the_senders_stopped_does_not_count() -> None:
    steady = [(at / 100, 10 * at) for at in range(101)]
    flood = [(1.01 + at / 100, 1000 + 500 * at) for at in range(20)]
    assert rate([steady + flood], 0.0, 1.0) == pytest.approx(1000)


def test_a_slow_start_does_not_count() -> None:
    marks = [(0.0, 0), (0.1, 0), *((0.1 + at / 100, 10 * at) for at in range(1, 91))]
    assert rate([marks], 0.0, 1.0) == pytest.approx(1000)


def test_receivers_add_up() -> None:
    steady = [(at / 100, 10 * at) for at in range(101)]
    assert rate([steady, steady], 0.0, 1.0) == pytest.approx(2000)


def test_a_run_without_a_middle_is_taken_whole() -> None:
    assert rate([[(10.0, 1), (10.02, 50)]], 10.0, 10.01) == pytest.approx(2500)
    assert rate([[]], 10.0, 10.01) == 0.0
