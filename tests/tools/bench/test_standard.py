"""The standard set: each target is about something that it measures."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from support import startup
from support.bench_targets import TARGETS, FigureTarget, main, starts, targets, verdicts
from support.startup import DEVICE, Started, forwarding

from zmqdev.tools.bench.machine import Machine
from zmqdev.tools.bench.report import CaseRuns, Report
from zmqdev.tools.bench.standard import STANDARD

MACHINE = Machine("A <fast> & old", 2, "Linux 6", "3.11", "27", "4.3.5", "0.1", "2026-01-02", 0.0)


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


@pytest.fixture
def report(runs_of: Callable[..., CaseRuns]) -> Report:
    rates = {"direct": (9e6, 9.1e6, 9e6), "proxy": (1e6, 1.2e6, 1e6), "native": (2e6, 2.1e6, 2.2e6)}
    return Report(MACHINE, "zmqdev bench --standard", 0.25, (runs_of(**rates),))


def test_targets_stand_beside_what_was_measured(report: Report) -> None:
    rows = {row[1]: row[2:] for row in targets(report).rows}
    assert rows["msg/s of native: at least 1.80 x proxy"] == ("2.00 x proxy", "yes")
    assert rows["msg/s of native: at least 0.50 x direct"] == ("0.23 x direct", "no")
    assert rows["msg/s of native: at least 0.97 x silent"] == ("not measured", "no")


def test_a_target_says_when_its_case_was_too_noisy(report: Report) -> None:
    rows = targets(replace(report, noise=0.1)).rows
    assert {row[3] for row in rows} == {"yes, too noisy", "no, too noisy"}


def test_starts_are_compared_with_the_bare_interpreter() -> None:
    found = {"python -c pass": Started(0.02), DEVICE: Started(0.3, 50 << 20)}
    first, device = starts(found).rows
    assert first == ("python -c pass", "20.0 ms", "1.00", "", "")
    assert device[2:] == ("15.00", "50.0 MiB", "at most 45.0 MiB: no")


def test_a_start_takes_its_time(tmp_path: Path) -> None:
    start = forwarding(tmp_path)
    assert start.resident is not None
    assert 0.01 < start.took < 30


def test_the_targets_are_appended_to_the_table(
    report: Report, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "report.json").write_text(json.dumps(report.plain()))
    (tmp_path / "table.md").write_text("before\n")
    starts_found = {"python -c pass": Started(0.02), DEVICE: Started(0.3, 30 << 20)}
    monkeypatch.setattr(startup, "measured", lambda rounds: starts_found)
    main(str(tmp_path), "1")
    text = (tmp_path / "table.md").read_text()
    assert text.startswith("before\n")
    assert "| pipeline 16 B | msg/s of native: at least 1.80 x proxy | 2.00 x proxy | yes |" in text
    assert f"| {DEVICE} | 300 ms | 15.00 | 30.0 MiB | at most 45.0 MiB: yes |" in text
