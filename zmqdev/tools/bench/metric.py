"""The metrics of a run, declared as a table; all reports take their columns from it."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from zmqdev.tools.bench.report import Run


@dataclass(frozen=True)
class Metric:
    """One metric.

    `unit` is rate, time, share, bytes or count; `of` reads the value from a run;
    `typical` combines the values of several runs.
    """

    name: str
    title: str
    unit: str
    help: str
    of: Callable[[Run], float | None]
    typical: Callable[[Sequence[float]], float] = statistics.median


def _lost(run: Run) -> float | None:
    return run.lost if run.sent else None


METRICS = {
    row.name: row
    for row in (
        Metric("rate", "msg/s", "rate", "messages a second", lambda run: run.rate),
        Metric("p50", "p50", "time", "half took no longer", lambda run: run.p50),
        Metric("p99", "p99", "time", "99 of 100 took no longer", lambda run: run.p99),
        Metric("p999", "p99.9", "time", "999 of 1000 took no longer", lambda run: run.p999),
        Metric("late", "sent late", "time", "half were sent no later", lambda run: run.late),
        Metric("cpu", "CPU/msg", "time", "CPU time of the device per message", lambda run: run.cpu),
        Metric(
            "loop", "loop/msg", "time", "the same without libzmq's threads", lambda run: run.loop
        ),
        Metric("busy", "CPU", "share", "of a core, all blocked", lambda run: run.busy),
        Metric("resident", "memory", "bytes", "resident memory", lambda run: run.resident),
        Metric("window", "in flight", "count", "at most, at the end", lambda run: run.window),
        Metric("lost", "lost", "count", "messages lost, of all runs", _lost, sum),
    )
}
