"""Temporary directories of programs that were killed go at the next start."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest

from zmqdev.system import atomic_file


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setattr(atomic_file, "FRESH", -1.0)
    return tmp_path


def test_one_that_nobody_holds_is_removed_with_its_files(place: Path) -> None:
    (place / "zmqdev-run-old").mkdir()
    (place / "zmqdev-run-old" / "file").touch()
    (place / "zmqdev-0").mkdir()
    with atomic_file.scratch("zmqdev-run-") as made:
        assert {path.name for path in place.iterdir()} == {"zmqdev-0", Path(made).name}
    assert [path.name for path in place.iterdir()] == ["zmqdev-0"]


def test_one_that_is_held_stays(place: Path) -> None:
    with atomic_file.scratch("zmqdev-run-") as first:
        with atomic_file.scratch("zmqdev-run-"):
            assert Path(first).is_dir()
        assert Path(first).is_dir()


def test_a_fresh_one_stays(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(atomic_file, "FRESH", 60.0)
    (place / "zmqdev-run-new").mkdir()
    with atomic_file.scratch("zmqdev-run-"):
        assert (place / "zmqdev-run-new").is_dir()
