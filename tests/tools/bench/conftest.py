"""Reports as a bench makes them, without running one."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Callable, Sequence
from typing import Any

import pytest
from support import forked

from zmqdev.tools.bench import lines, targets
from zmqdev.tools.bench.case import Case, case
from zmqdev.tools.bench.load import LOADS
from zmqdev.tools.bench.machine import Machine
from zmqdev.tools.bench.options import BenchSpec
from zmqdev.tools.bench.party import crew
from zmqdev.tools.bench.report import CaseRuns, Report, Run


class Copies:
    """`subprocess` for the bench: its programs are copies of one that has loaded all."""

    DEVNULL, PIPE = subprocess.DEVNULL, subprocess.PIPE
    TimeoutExpired = subprocess.TimeoutExpired

    @staticmethod
    def Popen(command: list[str], **options: Any) -> subprocess.Popen[Any]:
        """What `zmqdev.system.interpreter.command` makes: python -c CODE WORDS..."""
        found = re.search(r"from (\S+) import main", command[2])
        assert found, command
        return forked.popen(command[3:], module=found[1], **options)


@pytest.fixture(autouse=True)
def copies(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (crew, lines, targets):
        monkeypatch.setattr(module, "subprocess", Copies)


MACHINE = Machine("A <fast> & old one", 2, "Linux 6", "3.11", "27", "4.3.5", "0.1", "2026-01-02", 0)


@pytest.fixture
def a_case() -> Callable[..., Case]:
    """`a_case("pubsub", size=64)`: a load with its defaults, but for what is said."""

    def make(load: str = "pipeline", size: int | None = None, **asked: object) -> Case:
        spec = BenchSpec(**asked)  # type: ignore[arg-type]
        return case(LOADS[load], spec, size or LOADS[load].size)

    return make


@pytest.fixture
def runs_of(a_case: Callable[..., Case]) -> Callable[..., CaseRuns]:
    """`runs_of(direct=[1.0, 2.0], proxy=[...])`: rates, round by round."""

    def make(**rates: Sequence[float]) -> CaseRuns:
        made = a_case(between=tuple(rates))
        runs = [
            Run(name, round_, rate=rate, sent=10, received=10)
            for name, values in rates.items()
            for round_, rate in enumerate(values)
        ]
        return CaseRuns(made, tuple(runs))

    return make


@pytest.fixture
def report(runs_of: Callable[..., CaseRuns]) -> Report:
    cases = (
        runs_of(direct=[900.0, 1000.0], proxy=[100.0, 110.0], native=[250.0, 220.0]),
        runs_of(native=[5.0]),
    )
    return Report(MACHINE, "zmqdev bench 'a & b' <c>", 0.25, cases)
