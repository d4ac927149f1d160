"""Medians, ratios run by run, and when the machine was too noisy."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from zmqdev.tools.bench.figures import figure, noise, of, ratio
from zmqdev.tools.bench.metric import METRICS
from zmqdev.tools.bench.report import CaseRuns

RATE, LOST, P50 = METRICS["rate"], METRICS["lost"], METRICS["p50"]
Runs = Callable[..., CaseRuns]


def test_a_figure_is_the_median_with_its_range(runs_of: Runs) -> None:
    runs = runs_of(proxy=[5.0, 1.0, 4.0]).runs
    found = figure(runs, RATE)
    assert found is not None
    assert (found.typical, found.least, found.most) == (4.0, 1.0, 5.0)
    assert found.spread == 1.0


def test_what_was_not_measured_has_no_figure(runs_of: Runs) -> None:
    assert figure(runs_of(proxy=[5.0]).runs, P50) is None


def test_losses_are_added_up_and_not_hidden_in_a_median(runs_of: Runs) -> None:
    whole, some, none = runs_of(proxy=[1.0, 1.0, 1.0]).runs
    found = figure([replace(whole, received=3), some, none], LOST)
    assert found is not None
    assert found.typical == 7


def test_a_ratio_compares_runs_of_the_same_round(runs_of: Runs) -> None:
    # The machine is half as fast in the second round: the ratio does not notice.
    runs = runs_of(proxy=[100.0, 50.0, 10.0], native=[200.0, 100.0, 50.0]).runs
    found = ratio(runs, RATE, "native", "proxy")
    assert found is not None
    assert found.each == (2.0, 2.0, 5.0)
    assert found.median == 2.0


def test_nothing_is_divided_by_nothing(runs_of: Runs) -> None:
    runs = runs_of(proxy=[0.0], native=[1.0]).runs
    assert ratio(runs, RATE, "native", "proxy") is None
    assert ratio(runs, P50, "native", "proxy") is None
    assert ratio(of(runs, "native"), RATE, "native", "proxy") is None


@pytest.mark.parametrize(
    ("direct", "proxy", "reference", "noisy"),
    [
        ([100.0, 110.0], [50.0, 50.0], "direct", False),
        ([100.0, 160.0], [50.0, 50.0], "direct", True),
        ([100.0, 101.0], [50.0, 90.0], "proxy", True),
        ([100.0, 100.0], [50.0, 51.0], "proxy", False),
    ],
)
def test_the_worse_of_direct_and_baseline_says_whether_it_was_noisy(
    runs_of: Runs, direct: list[float], proxy: list[float], reference: str, noisy: bool
) -> None:
    heard = noise(runs_of(direct=direct, proxy=proxy, native=[1.0, 9.0]), 0.25)
    assert (heard.reference, heard.noisy) == (reference, noisy)


def test_a_busy_neighbour_is_noise_even_when_all_runs_are_alike(runs_of: Runs) -> None:
    quiet = runs_of(direct=[100.0, 100.0], proxy=[50.0, 50.0])
    for share, noisy in ((None, False), (0.05, False), (0.3, True)):
        runs = tuple(replace(run, others=share) for run in quiet.runs)
        heard = noise(replace(quiet, runs=runs), 0.25)
        assert heard.noisy is noisy


def test_one_run_says_nothing_of_noise(runs_of: Runs) -> None:
    heard = noise(runs_of(direct=[1.0], proxy=[1.0]), 0.25)
    assert heard.spread is None
    assert not heard.noisy
