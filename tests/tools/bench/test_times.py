"""The percentiles of a bench come from a histogram: against the exact ones."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zmqdev.stats.latency import ERROR, Latency
from zmqdev.tools.bench.round import merged

TIMES = st.lists(st.floats(1e-7, 100.0), min_size=1, max_size=400)


@given(parts=st.lists(TIMES, min_size=1, max_size=4))
def test_percentiles_of_all_parties_are_those_of_all_times(parts: list[list[float]]) -> None:
    whole = merged(filled(times) for times in parts)
    exact = sorted(time for times in parts for time in times)
    for share in (0.5, 0.99, 0.999):
        true = exact[math.ceil(share * len(exact) - 1e-9) - 1]
        assert true * (1 - 1e-6) - 1e-9 <= whole.quantile(share) <= true * (1 + ERROR) + 1e-9
    assert whole.count == len(exact)


def test_nobody_measured_is_no_percentile() -> None:
    summary = merged([Latency(), Latency()]).summary()
    assert (summary.p50, summary.p99, summary.p999) == (None, None, None)


def test_one_stall_of_a_paced_load_shows_in_the_high_percentiles() -> None:
    # 10 ms without a message at 10 k a second: each of the hundred that were due counts its wait.
    times = [1e-5] * 9900 + [0.01 - at * 1e-4 for at in range(100)]
    summary = merged([filled(times)]).summary()
    assert summary.p50 == pytest.approx(1e-5, rel=ERROR)
    assert summary.p999 == pytest.approx(0.0091, rel=2 * ERROR)


def filled(times: list[float]) -> Latency:
    made = Latency()
    for time in times:
        made.add(time)
    return made
