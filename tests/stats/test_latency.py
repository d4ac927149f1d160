"""Percentiles are near the true ones, in bounded memory."""

from __future__ import annotations

import math
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zmqdev.stats.latency import ERROR, Latency

times = st.lists(st.floats(1e-9, 1e5), min_size=1, max_size=200)


def true_quantile(values: list[float], share: float) -> float:
    return sorted(values)[max(0, math.ceil(len(values) * share - 1e-9) - 1)]


def counted(values: list[float]) -> Latency:
    latency = Latency()
    for value in values:
        latency.add(value)
    return latency


def test_nothing_counted_has_no_percentiles() -> None:
    assert Latency().summary().p50 is None
    with pytest.raises(ValueError, match="no times"):
        Latency().quantile(0.5)


def test_the_summary_of_one_to_a_thousand_milliseconds() -> None:
    summary = counted([n / 1000 for n in range(1, 1001)]).summary()
    assert summary.count == 1000
    assert summary.mean == pytest.approx(0.5005)
    assert summary.p50 == pytest.approx(0.5, rel=ERROR)
    assert summary.p99 == pytest.approx(0.99, rel=ERROR)
    assert summary.p999 == pytest.approx(0.999, rel=ERROR)
    assert summary.max == 1.0


def test_a_time_below_zero_counts_as_zero() -> None:
    latency = counted([-1.0])
    assert (latency.least, latency.most, latency.sum) == (0.0, 0.0, 0.0)


def test_memory_is_bounded() -> None:
    draw = random.Random(1)
    latency = counted([10 ** draw.uniform(-9, 4) for _ in range(100_000)])
    assert len(latency._buckets) < 6000


@given(times, st.floats(0, 1))
def test_a_quantile_is_at_most_the_error_above_the_true_one(
    values: list[float], share: float
) -> None:
    found, true = counted(values).quantile(share), true_quantile(values, share)
    assert true - 1e-9 <= found <= true * (1 + ERROR) + 1e-9


@given(times, times)
def test_two_merged_are_as_one(first: list[float], second: list[float]) -> None:
    merged = counted(first)
    merged.merge(counted(second))
    merged.merge(Latency())
    both = counted(first + second)
    assert merged.summary().p99 == both.summary().p99
    assert (merged.count, merged.least, merged.most) == (both.count, both.least, both.most)
