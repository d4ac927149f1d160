"""The standard set: each target is about something that it measures."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from zmqdev.tools.bench.report import CaseRuns
from zmqdev.tools.bench.standard import STANDARD, TARGETS, FigureTarget, verdicts


@pytest.mark.parametrize("target", TARGETS, ids=lambda target: f"{target.case} {target.what}")
def test_a_target_names_what_is_measured(target: FigureTarget) -> None:
    (case,) = [case for case in STANDARD if case.title == target.case]
    assert target.what in case.between
    assert target.against is None or target.against in case.between


def test_titles_tell_cases_apart() -> None:
    titles = [case.title for case in STANDARD]
    assert len(set(titles)) == len(titles)


def test_a_run_says_what_is_met(runs_of: Callable[..., CaseRuns]) -> None:
    runs = runs_of(direct=[5.0] * 3, proxy=[1.0] * 3, native=[1.9, 1.7, 2.1], silent=[2.5] * 3)
    found = {(v.target.metric, v.target.against): v for v in verdicts([runs])}
    assert found["rate", "proxy"].met
    assert found["rate", "proxy"].value == pytest.approx(1.9)
    assert not found["rate", "direct"].met
    assert not found["rate", "silent"].met
    assert found["cpu", "proxy"].value is None
    assert not found["cpu", "proxy"].met


def test_a_single_lost_message_is_not_met(a_case: Callable[..., object]) -> None:
    from zmqdev.tools.bench.report import Run

    case = next(case for case in STANDARD if case.title == "pubsub 16 B")
    runs = [Run("native", round_, rate=1.0, sent=10, received=10) for round_ in range(3)]
    runs[1] = replace(runs[1], received=9)
    (verdict,) = [
        v
        for v in verdicts([CaseRuns(case, tuple(runs))])
        if v.target.metric == "lost" and v.target.what == "native"
    ]
    assert (verdict.value, verdict.met) == (1, False)
