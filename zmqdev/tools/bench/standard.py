"""The standard set, and what zmqdev must reach in it. `make bench` measures it."""

from __future__ import annotations

import statistics
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from zmqdev.tools.bench.case import Case, case
from zmqdev.tools.bench.figures import of, ratio
from zmqdev.tools.bench.load import LOADS
from zmqdev.tools.bench.metric import METRICS
from zmqdev.tools.bench.options import BenchSpec
from zmqdev.tools.bench.report import CaseRuns

KIBIBYTE, MEBIBYTE = 1 << 10, 1 << 20
LINES = 5_000_000
ROUNDS = 5


def _case(load: str, size: int, *between: str, count: int | None = None, time: float = 1.0) -> Case:
    spec = BenchSpec(between=between, count=count, time=time)
    return case(LOADS[load], spec, size)


USUAL = ("direct", "proxy", "native")
STANDARD = (
    _case("pipeline", 16, "direct", "proxy", "tuned", "native", "silent", "asked", "python"),
    _case("pipeline", 256, *USUAL),
    _case("pipeline", 4 * KIBIBYTE, *USUAL),
    _case("pipeline", 64 * KIBIBYTE, *USUAL),
    _case("pipeline", MEBIBYTE, *USUAL),
    _case("pubsub", 16, "direct", "proxy", "tuned", "native", "block", "python"),
    _case("pubsub", 4 * KIBIBYTE, *USUAL),
    _case("request", 64, "direct", "proxy", "native", "python", "reliable"),
    _case("latency", 16, "direct", "proxy", "native", "python", time=2.0),
    _case("route", 16),
    _case("route", KIBIBYTE),
    _case("file", 16, "direct", "native", count=LINES),
    _case("startup", 16),
)


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
    FigureTarget(
        "startup", "resident", "device until it forwards", None, 45 * MEBIBYTE, at_least=False
    ),
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
