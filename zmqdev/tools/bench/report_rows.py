"""The report of a bench as rows of text, shared by the terminal and the Markdown table."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from zmqdev.stats import units
from zmqdev.tools.bench.figures import OTHERS, Noise, figure, main_metric, noise, of, ratio
from zmqdev.tools.bench.metric import METRICS, Metric
from zmqdev.tools.bench.report import CaseRuns, Report
from zmqdev.tools.bench.targets import BETWEEN

SHOWN: dict[str, Callable[[float], str]] = {
    "rate": units.short,
    "time": units.duration,
    "share": units.share,
    "bytes": units.size,
    "count": lambda number: units.exact(int(number)),
}
"""Unit of a metric -> function that formats its values."""
RATIO, SPREAD = "ratio", "spread"


@dataclass(frozen=True)
class ReportTable:
    """The columns that are not empty, and rows with as many cells.

    `starts` lists the rows that begin a case.
    """

    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    starts: tuple[int, ...] = ()


def shown(metric: Metric, value: float) -> str:
    """Format a value of a metric."""
    return SHOWN[metric.unit](value)


def results(report: Report) -> ReportTable:
    """Return a row for each target of each case, with medians, and totals for losses."""
    titles = ("load", "between", *(metric.title for metric in METRICS.values()), RATIO, SPREAD)
    rows: list[tuple[str, ...]] = []
    starts: list[int] = []
    for case_runs in report.cases:
        starts.append(len(rows))
        rows += _case_rows(case_runs)
    kept = [at for at in range(len(titles)) if at < 2 or any(row[at] for row in rows)]
    return ReportTable(
        tuple(titles[at] for at in kept),
        tuple(tuple(row[at] for at in kept) for row in rows),
        tuple(starts),
    )


def _case_rows(case_runs: CaseRuns) -> list[tuple[str, ...]]:
    return [
        (case_runs.case.title if first == 0 else "", name, *_cells(case_runs, name))
        for first, name in enumerate(case_runs.case.between)
    ]


def _cells(case_runs: CaseRuns, name: str) -> list[str]:
    runs, main = of(case_runs.runs, name), main_metric(case_runs)
    found = [(metric, figure(runs, metric)) for metric in METRICS.values()]
    cells = [shown(metric, value.typical) if value else "" for metric, value in found]
    whole = figure(runs, main)
    spread = units.share(whole.spread) if whole and len(runs) > 1 else ""
    return [*cells, _ratio(case_runs, main, name), spread]


def _ratio(case_runs: CaseRuns, metric: Metric, name: str) -> str:
    """Return the median and range of the ratios per round: `2.10 (1.98-2.20)`."""
    found = ratio(case_runs.runs, metric, name, case_runs.case.baseline)
    if found is None:
        return ""
    if name == case_runs.case.baseline:
        return "1"
    if len(found.each) == 1:
        return f"{found.median:.2f}"
    return f"{found.median:.2f} ({min(found.each):.2f}-{max(found.each):.2f})"


def legend(report: Report) -> list[str]:
    """Explain the names in the column `between`, in the order of the table."""
    names = dict.fromkeys(name for case_runs in report.cases for name in case_runs.case.between)
    return [f"{name}: {BETWEEN[name].help}" for name in names]


def noises(report: Report) -> list[tuple[str, Noise]]:
    """Return (title, noise) of the cases in which the machine was too noisy."""
    found = [(item.case.title, noise(item, report.noise)) for item in report.cases]
    return [(title, heard) for title, heard in found if heard.noisy]


def noise_lines(report: Report) -> Sequence[str]:
    """Return the warnings about noise, one a case; empty when there was little."""
    return [f"too noisy: {title}: {_reasons(heard)}" for title, heard in noises(report)]


def _reasons(heard: Noise) -> str:
    reasons = []
    if heard.spread is not None and heard.spread_too_wide:
        spread, bound = units.share(heard.spread), units.share(heard.bound)
        reasons.append(f"the runs of {heard.reference} differ by {spread} (bound {bound})")
    if heard.others is not None and heard.others_too_busy:
        used, bound = units.share(heard.others), units.share(OTHERS)
        reasons.append(f"others used {used} of the machine (bound {bound})")
    return ", and ".join(reasons) + "; measure again on a quiet machine"
