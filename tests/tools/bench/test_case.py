"""From what was typed to what is measured."""

from __future__ import annotations

import pytest

from zmqdev.errors import UsageError
from zmqdev.tools.bench.case import cases
from zmqdev.tools.bench.load import LOADS, MOST_BYTES
from zmqdev.tools.bench.options import BETWEEN, BenchSpec
from zmqdev.tools.bench.options import LOADS as NAMES
from zmqdev.tools.bench.party.party import ROLES


def test_names_and_rows_are_the_same() -> None:
    from zmqdev.tools.bench.targets import BETWEEN as ROWS

    assert tuple(LOADS) == NAMES
    assert tuple(ROWS) == BETWEEN
    used = {role for load in LOADS.values() for role in (load.sender, load.receiver) if role}
    assert used | {"proxy", "asker"} == set(ROLES)


def test_without_a_word_four_loads_are_compared_with_zmq_proxy() -> None:
    found = list(cases(BenchSpec()))
    assert [case.load for case in found] == ["pipeline", "pubsub", "request", "latency"]
    assert all(case.between == ("direct", "proxy", "native", "python") for case in found)
    assert all(case.baseline == "proxy" for case in found)


def test_each_size_is_a_case() -> None:
    found = list(cases(BenchSpec(loads=("pipeline",), size=(16, 65536))))
    assert [case.title for case in found] == ["pipeline 16 B", "pipeline 64KiB"]


def test_routes_are_compared_with_a_device_that_has_none() -> None:
    small, large = cases(BenchSpec(loads=("route",)))
    assert (small.title, large.title) == ("route 16 B", "route 1KiB")
    assert (small.baseline, large.baseline) == ("native", "native")
    assert "thousand" in small.between
    assert "field" in large.between
    assert "field" not in small.between


def test_a_window_of_large_messages_is_smaller() -> None:
    (case,) = cases(BenchSpec(loads=("pubsub",), size=(1 << 20,)))
    assert case.window * case.size == MOST_BYTES


def test_majordomo_workers_are_many_unless_their_number_is_said() -> None:
    loads = ("request",)
    specs = (BenchSpec(loads), BenchSpec(loads, receivers=4), BenchSpec(loads, receivers=4, jobs=3))
    assert [next(cases(spec)).jobs for spec in specs] == [16, 1, 3]


def test_the_reliable_queue_stands_beside_the_plain_one() -> None:
    found = list(cases(BenchSpec(loads=("pipeline", "request"), reliable=True)))
    assert ["reliable" in case.between for case in found] == [False, True]


def test_a_running_device_stands_beside_the_others() -> None:
    spec = BenchSpec(loads=("pipeline",), between=("direct",), frontend="a", backend="b")
    (case,) = cases(spec)
    assert case.between == ("direct", "device")
    assert case.baseline == "direct"


@pytest.mark.parametrize(
    ("spec", "said"),
    [
        (BenchSpec(loads=("pipeline",), between=("reliable",)), "pipeline: reliable does not fit"),
        (BenchSpec(baseline="tuned"), "--baseline: tuned is not compared here; add --between"),
    ],
)
def test_what_does_not_fit_is_refused(spec: BenchSpec, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        list(cases(spec))
