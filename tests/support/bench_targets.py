"""`make bench`: what zmqdev must reach in the standard benchmark, and whether a report does.

    python -m support.bench_targets DIRECTORY [ROUNDS]

Reads `report.json` of `zmqdev bench --standard --json` in DIRECTORY, measures starts, and appends
both with their targets to `table.md` there.
"""

from __future__ import annotations

import json
import statistics
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from support import startup

from zmqdev.stats import units
from zmqdev.tools.bench.figures import of, ratio
from zmqdev.tools.bench.metric import METRICS
from zmqdev.tools.bench.report import CaseRuns, Report, restore
from zmqdev.tools.bench.report_markdown import table
from zmqdev.tools.bench.report_rows import ReportTable, noises, shown

MEBIBYTE = 1 << 20
DEVICE_MEMORY = 45 * MEBIBYTE
"""Resident memory of an idle device is at most this."""


@dataclass(frozen=True)
class FigureTarget:
    """A metric of `what` in a case must be at least, or at most, `bound`.

    `against` names what it is divided by, run by run; none: it is the number itself.
    """

    case: str
    metric: str
    what: str
    against: str | None
    bound: float
    at_least: bool = True


TARGETS = (
    FigureTarget("pipeline 16 B", "rate", "native", "proxy", 1.8),
    FigureTarget("pipeline 16 B", "rate", "native", "direct", 0.5),
    FigureTarget("pipeline 16 B", "cpu", "native", "proxy", 0.5, at_least=False),
    FigureTarget("pipeline 16 B", "rate", "native", "silent", 0.97),
    FigureTarget("pipeline 16 B", "rate", "asked", "native", 0.97),
    FigureTarget("pipeline 256 B", "rate", "native", "proxy", 1.15),
    FigureTarget("pipeline 4KiB", "rate", "native", "proxy", 1.05),
    FigureTarget("pipeline 64KiB", "rate", "native", "proxy", 1.05),
    FigureTarget("pipeline 1MiB", "rate", "native", "proxy", 1.05),
    FigureTarget("pubsub 16 B", "rate", "native", "proxy", 2.0),
    FigureTarget("pubsub 16 B", "lost", "native", None, 0, at_least=False),
    FigureTarget("pubsub 16 B", "rate", "block", "proxy", 1.0),
    FigureTarget("pubsub 16 B", "lost", "block", None, 0, at_least=False),
    FigureTarget("pubsub 4KiB", "rate", "native", "proxy", 1.0),
    FigureTarget("request 64 B, 4 x 2", "rate", "native", "proxy", 1.0),
    FigureTarget("latency 16 B", "p50", "native", "proxy", 1.0, at_least=False),
    FigureTarget("route 16 B", "rate", "ten", "native", 0.9),
    FigureTarget("route 16 B", "loop", "ten", "native", 1.5, at_least=False),
    FigureTarget("route 16 B", "rate", "thousand", "native", 0.85),
    FigureTarget("route 16 B", "loop", "thousand", "native", 2.0, at_least=False),
    FigureTarget("route 16 B", "rate", "function", "native", 0.4),
    FigureTarget("route 16 B", "rate", "stalled-drop", "native", 0.9),
    FigureTarget("route 16 B", "rate", "stalled-next", "native", 0.9),
    FigureTarget("route 16 B", "busy", "blocked", None, 0.05, at_least=False),
    FigureTarget("route 1KiB", "rate", "field", "native", 0.8),
    FigureTarget("route 1KiB", "loop", "field", None, 1e-6, at_least=False),
    FigureTarget("route 1KiB", "loop", "four-fields", "field", 1.2, at_least=False),
    FigureTarget("route 1KiB", "rate", "function", "native", 0.75),
    FigureTarget("file, 5,000,000 lines", "rate", "direct", None, 2e6),
)


@dataclass(frozen=True)
class FigureVerdict:
    """`value` None: it was not measured."""

    target: FigureTarget
    value: float | None

    @property
    def met(self) -> bool:
        if self.value is None:
            return False
        if self.target.at_least:
            return self.value >= self.target.bound
        return self.value <= self.target.bound


def verdicts(cases: Sequence[CaseRuns]) -> Iterator[FigureVerdict]:
    """Each target whose case was measured."""
    by_title = {case_runs.case.title: case_runs for case_runs in cases}
    for target in TARGETS:
        if target.case in by_title:
            yield FigureVerdict(target, _value(by_title[target.case], target))


def _value(case_runs: CaseRuns, target: FigureTarget) -> float | None:
    metric, runs = METRICS[target.metric], case_runs.runs
    if target.against is not None:
        found = ratio(runs, metric, target.what, target.against)
        return statistics.median(found.each) if found else None
    values = [value for run in of(runs, target.what) if (value := metric.of(run)) is not None]
    return metric.typical(values) if values else None


def targets(report: Report) -> ReportTable:
    """A row for each target that the cases of the report have."""
    columns = ("load", "target", "measured", "met")
    noisy = {title for title, _ in noises(report)}
    rows = [_target_row(verdict, noisy) for verdict in verdicts(report.cases)]
    return ReportTable(columns, tuple(rows))


def _target_row(verdict: FigureVerdict, noisy: set[str]) -> tuple[str, ...]:
    target, metric = verdict.target, METRICS[verdict.target.metric]
    sense = "at least" if target.at_least else "at most"

    def written(value: float) -> str:
        return f"{value:.2f} x {target.against}" if target.against else shown(metric, value)

    asked = f"{metric.title} of {target.what}: {sense} {written(target.bound)}"
    measured = "not measured" if verdict.value is None else written(verdict.value)
    met = ("yes" if verdict.met else "no") + (", too noisy" if target.case in noisy else "")
    return target.case, asked, measured, met


def starts(found: Mapping[str, startup.Started]) -> ReportTable:
    """A row for each start, the ratio to the bare interpreter, and the target of the device."""
    base = next(iter(found.values())).took
    rows = []
    for name, start in found.items():
        memory = "" if start.resident is None else units.size(start.resident)
        met = ""
        if start.resident is not None:
            within = "yes" if start.resident <= DEVICE_MEMORY else "no"
            met = f"at most {units.size(DEVICE_MEMORY)}: {within}"
        rows.append((name, units.duration(start.took), f"{start.took / base:.2f}", memory, met))
    return ReportTable(("start", "time", "ratio", "memory", "met"), tuple(rows))


def main(directory: str, rounds: str = "5") -> None:
    place = Path(directory)
    report = restore(Report, json.loads((place / "report.json").read_text()))
    found = dict(startup.measured(int(rounds)))
    with open(place / "table.md", "a") as file:
        for part in (targets(report), starts(found)):
            file.write("\n" + "\n".join(table(part)) + "\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
