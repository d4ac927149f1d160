"""Figures computed from runs: medians, spread, ratios per round, and noise."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass

from zmqdev.tools.bench.metric import METRICS, Metric
from zmqdev.tools.bench.report import CaseRuns, Run

OTHERS = 0.1
"""Share of the machine that other processes may use; above it a run counts as noisy."""


@dataclass(frozen=True)
class Figure:
    """One metric of one target: its typical, least and greatest value."""

    typical: float
    least: float
    most: float

    @property
    def spread(self) -> float:
        """Return (most - least) / typical."""
        return (self.most - self.least) / self.typical if self.typical else 0.0


@dataclass(frozen=True)
class Ratio:
    """A metric divided by the baseline's value in the same round."""

    each: tuple[float, ...]

    @property
    def median(self) -> float:
        """Return the median over all rounds."""
        return statistics.median(self.each)


@dataclass(frozen=True)
class Noise:
    """How noisy the machine was, judged by the runs of the target `reference`.

    `spread` is the spread of those runs (None: nothing was repeated), `bound` the
    spread that is still accepted. `others` is the share of the machine that other
    processes used in a typical run (None: unknown).
    """

    reference: str
    spread: float | None
    bound: float
    others: float | None = None

    @property
    def spread_too_wide(self) -> bool:
        """Whether repeated runs differ by more than the bound."""
        return self.spread is not None and self.spread > self.bound

    @property
    def others_too_busy(self) -> bool:
        """Whether other processes used too much of the machine."""
        return self.others is not None and self.others > OTHERS

    @property
    def noisy(self) -> bool:
        """Whether either sign of noise is present."""
        return self.spread_too_wide or self.others_too_busy


def of(runs: Sequence[Run], between: str) -> list[Run]:
    """Return the runs of one target."""
    return [run for run in runs if run.between == between]


def figure(runs: Sequence[Run], metric: Metric) -> Figure | None:
    """Summarise a metric over `runs`; None when it was not measured."""
    values = [value for run in runs if (value := metric.of(run)) is not None]
    return Figure(metric.typical(values), min(values), max(values)) if values else None


def ratio(runs: Sequence[Run], metric: Metric, between: str, baseline: str) -> Ratio | None:
    """Divide a target's metric by the baseline's, round by round.

    Returns None when either was not measured or the baseline is zero.
    """
    bases = {run.round: metric.of(run) for run in of(runs, baseline)}
    each = [
        value / base
        for run in of(runs, between)
        if (value := metric.of(run)) is not None and (base := bases.get(run.round))
    ]
    return Ratio(tuple(each)) if each else None


def main_metric(case_runs: CaseRuns) -> Metric:
    """Return the metric that says most about the load of these runs."""
    return METRICS[case_runs.case.kind.measures]


def noise(case_runs: CaseRuns, bound: float) -> Noise:
    """Judge how far the runs of a case can be trusted.

    The targets looked at are those whose runs should repeat: `direct`, which has the
    least in it, and the baseline, on which every ratio depends. The worse of the two
    counts.
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
