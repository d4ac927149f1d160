"""A whole bench: every case, its targets alternated and repeated."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from zmqdev.system import atomic_file
from zmqdev.tools.bench import lines
from zmqdev.tools.bench.case import Case
from zmqdev.tools.bench.report import CaseRuns, Run
from zmqdev.tools.bench.round import once
from zmqdev.tools.bench.targets import BETWEEN, RunningTarget


def alternated(between: Sequence[str], rounds: int) -> Iterator[tuple[int, str]]:
    """Yield (round, target), with rounds from 0.

    Every round runs each target once, and each target takes every position in turn. So
    disturbances of the machine (a neighbour, its clock rate, its cache) affect all
    alike.
    """
    for turn in range(rounds):
        first = turn % len(between)
        for name in (*between[first:], *between[:first]):
            yield turn, name


Tell = Callable[[Case, Run], None]
"""Called after each run."""


def measure(
    cases: Sequence[Case], rounds: int, target: RunningTarget | None, tell: Tell
) -> tuple[CaseRuns, ...]:
    """Run all cases; `tell` is called after each run.

    Raises RunError when something cannot be started or does not answer.
    """
    with atomic_file.scratch("zmqdev-bench-") as name:
        return tuple(_case(case, rounds, target, Path(name), tell) for case in cases)


def _case(case: Case, rounds: int, target: RunningTarget | None, top: Path, tell: Tell) -> CaseRuns:
    runs = []
    for turn, name in alternated(case.between, rounds):
        with _place(top) as place:
            runs.append(_one(case, name, turn, place, target))
        tell(case, runs[-1])
    return CaseRuns(case, tuple(runs))


def _one(case: Case, name: str, turn: int, place: Path, target: RunningTarget | None) -> Run:
    if case.load == "file":
        return lines.once(case, BETWEEN[name], turn, place)
    return once(case, BETWEEN[name], turn, place, target)


@contextmanager
def _place(top: Path) -> Iterator[Path]:
    """Make a directory for one run, with the mode that a runtime directory must have."""
    place = top / "run"
    place.mkdir(mode=0o700)
    try:
        yield place
    finally:
        shutil.rmtree(place)
