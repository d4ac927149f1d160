"""The progress of a bench on stderr."""

from __future__ import annotations

from typing import TextIO

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from zmqdev.tools.bench.case import Case
from zmqdev.tools.bench.metric import METRICS
from zmqdev.tools.bench.report import Run
from zmqdev.tools.bench.report_rows import shown


class BenchProgress:
    """A context that shows a bar on a terminal and a line per run elsewhere; nothing if `quiet`."""

    def __init__(self, total: int, out: TextIO, *, quiet: bool) -> None:
        self._total, self._done, self._out, self._quiet = total, 0, out, quiet
        self._bar: Progress | None = None
        if out.isatty() and not quiet:
            self._bar = Progress(
                TextColumn("{task.description}"),
                BarColumn(),
                MofNCompleteColumn(),
                TimeRemainingColumn(),
                console=Console(file=out),
                transient=True,
            )
            self._task = self._bar.add_task("bench", total=total)

    def __enter__(self) -> BenchProgress:
        if self._bar is not None:
            self._bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._bar is not None:
            self._bar.stop()

    def tell(self, case: Case, run: Run) -> None:
        """Report a run that has just ended."""
        self._done += 1
        line = said(case, run)
        if self._bar is not None:
            self._bar.update(self._task, advance=1, description=line)
        elif not self._quiet:
            print(f"{self._done}/{self._total} {line}", file=self._out, flush=True)


def said(case: Case, run: Run) -> str:
    """Describe a run in a line: `pipeline 16 B native: 3.21 M msg/s`."""
    metric = METRICS[case.kind.measures]
    value = metric.of(run)
    measured = "nothing" if value is None else shown(metric, value)
    lost = f", {run.lost:,} lost" if run.lost else ""
    unit = " msg/s" if metric.unit == "rate" and case.load != "file" else ""
    return f"{case.title} {run.between}: {measured}{unit}{lost}"
