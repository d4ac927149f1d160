"""Where `zmqdev run` draws its table by itself."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from zmqdev.options.fleet import FleetStats
from zmqdev.report import parts


@pytest.fixture(autouse=True)
def terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parts, "can_be_live", lambda stream: True)


def test_a_table_is_drawn_before_a_file_and_not_before_a_pipe(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """`zmqdev run FILE | grep` writes to the terminal too, in the midst of the table."""
    read, write = os.pipe()
    with open(write, "w") as pipe, open(tmp_path / "out", "w") as file:
        monkeypatch.setattr("sys.stdout", file)
        assert parts.mode_of(FleetStats()) == "live"
        monkeypatch.setattr("sys.stdout", pipe)
        assert parts.mode_of(FleetStats()) == "off"
        assert parts.mode_of(FleetStats(mode="live")) == "live"
    os.close(read)


def test_without_a_terminal_lines_come_only_when_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parts, "can_be_live", lambda stream: False)
    assert parts.mode_of(FleetStats()) == "off"
    assert parts.mode_of(FleetStats(mode="live")) == "line"
    assert parts.mode_of(FleetStats(mode="json")) == "json"
