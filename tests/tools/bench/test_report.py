"""A report goes through JSON and comes back the same."""

from __future__ import annotations

import dataclasses
import json

import pytest

from zmqdev.tools.bench.machine import this_machine
from zmqdev.tools.bench.report import Report, restore
from zmqdev.tools.bench.standard import STANDARD


def test_a_report_is_the_same_after_json(report: Report) -> None:
    assert restore(Report, json.loads(json.dumps(report.plain()))) == report


@pytest.mark.parametrize("case", STANDARD, ids=lambda case: case.title)
def test_a_case_is_the_same_after_json(case: object) -> None:
    plain = json.loads(json.dumps(dataclasses.asdict(case)))  # type: ignore[call-overload]
    assert restore(type(case), plain) == case


def test_a_report_cannot_be_changed(report: Report) -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        report.noise = 1.0  # type: ignore[misc]


def test_the_machine_is_named() -> None:
    line = this_machine().line()
    assert "libzmq 4." in line
    assert "core" in line
    assert "\n" not in line
