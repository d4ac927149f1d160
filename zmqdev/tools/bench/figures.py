"""From runs to figures: medians, spread, ratios run by run, and their reliability."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass

from zmqdev.tools.bench.metric import METRICS, Metric
from zmqdev.tools.bench.report import CaseRuns, Run

OTHERS = 0.1
"""Share of the machine that others may use; beyond it every rate is theirs too."""


@dataclass(frozen=True)
class Figure:
    """One metric of what stands between: the typical value, least and most, and spread,
    (most - least) / median."""

    typical: float
    least: float
    most: float

    @property
    def spread(self) -> float:
        return (self.most - self.least) / self.typical if self.typical else 0.0


@dataclass(frozen=True)
class Ratio:
    """A metric against the baseline's, each run against the one of the same round."""

    each: tuple[float, ...]

    @property
    def median(self) -> float:
        return statistics.median(self.each)


@dataclass(frozen=True)
class Noise:
    """The runs of `reference` differ by `spread` (None: nothing was repeated), and others used
    the share `others` of the machine in a typical run (None: not known). The machine was too
    noisy above a bound."""

    reference: str
    spread: float | None
    bound: float
    others: float | None = None

    @property
    def spread_too_wide(self) -> bool:
        return self.spread is not None and self.spread > self.bound

    @property
    def others_too_busy(self) -> bool:
        return self.others is not None and self.others > OTHERS

    @property
    def noisy(self) -> bool:
        return self.spread_too_wide or self.others_too_busy


def of(runs: Sequence[Run], between: str) -> list[Run]:
    return [run for run in runs if run.between == between]


def figure(runs: Sequence[Run], metric: Metric) -> Figure | None:
    """None when it was not measured."""
    values = [value for run in runs if (value := metric.of(run)) is not None]
    return Figure(metric.typical(values), min(values), max(values)) if values else None


def ratio(runs: Sequence[Run], metric: Metric, between: str, baseline: str) -> Ratio | None:
    """None when one of the two was not measured, or the baseline is nothing."""
    bases = {run.round: metric.of(run) for run in of(runs, baseline)}
    each = [
        value / base
        for run in of(runs, between)
        if (value := metric.of(run)) is not None and (base := bases.get(run.round))
    ]
    return Ratio(tuple(each)) if each else None


def main_metric(case_runs: CaseRuns) -> Metric:
    return METRICS[case_runs.case.kind.measures]


def noise(case_runs: CaseRuns, bound: float) -> Noise:
    """How far the runs of a case can be believed.

    What is looked at is what should come out the same again and again: `direct`, which has
    least in it, and the baseline, on which every ratio hangs. The worse of them counts.
    """
    case = case_runs.case
    shares = [run.others for run in case_runs.runs if run.others is not None]
    others = statistics.median(shares) if shares else None
    found = {
        reference: spread
        for reference in ("direct", case.baseline)
        if (spread := _spread(case_runs, reference)) is not None
    }
    worst = max(found, key=lambda reference: found[reference], default=case.baseline)
    return Noise(worst, found.get(worst), bound, others)


def _spread(case_runs: CaseRuns, name: str) -> float | None:
    runs = of(case_runs.runs, name)
    found = figure(runs, main_metric(case_runs))
    return found.spread if found is not None and len(runs) > 1 else None
