"""kill -9 of a device that ran as one user, and the next start by another; root can play both."""

from __future__ import annotations

import os
import signal
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from support.processes import Program, Start, until

ROOT, OTHER, THIRD = 0, 65534, 65533
pytestmark = pytest.mark.skipif(os.getuid() != ROOT, reason="only root can become another user")
Begin = Callable[[int], Program]


def front(place: Path) -> Path:
    """Its name is that of no other socket of this machine: one user may not look at another's."""
    return place / f"{place.name}-front"


@pytest.fixture
def place() -> Iterator[Path]:
    """A folder that every user may write to, on a path that each may walk."""
    with tempfile.TemporaryDirectory(dir="/tmp", prefix="zmqdev-users-") as name:
        made = Path(name)
        made.chmod(0o777)
        yield made


@pytest.fixture
def begin(start: Start, place: Path) -> Begin:
    """A device at the same addresses, with the same ready file, as this user. Its runtime files
    go to a directory that all of them share."""
    words = (
        "--frontend-bind",
        f"ipc://{front(place)}",
        "--backend-bind",
        f"ipc://{front(place)}-2",
    )
    words += ("--ready-file", str(place / "ready"), "--name", place.name, "--stats", "off")
    env = {"XDG_RUNTIME_DIR": str(place), "TMPDIR": str(place)}

    def made(user: int) -> Program:
        program = start("streamer", *words, env=env, user=user)
        program.ready_path = place / "ready"
        return program

    return made


def kill(device: Program, user: int, place: Path) -> int:
    """It leaves all its files; the number of its ready file."""
    device.ready()
    assert front(place).lstat().st_uid == user
    device.signal(signal.SIGKILL)
    device.wait()
    return (place / "ready").stat().st_ino


@pytest.mark.parametrize(
    ("first", "second"), [(OTHER, OTHER), (ROOT, OTHER), (OTHER, ROOT), (OTHER, THIRD)]
)
def test_the_next_start_works_at_once(
    begin: Begin, start: Start, place: Path, first: int, second: int
) -> None:
    left = kill(begin(first), first, place)
    device = begin(second)
    until(
        lambda: (place / "ready").stat().st_ino != left or device.process.poll() is not None,
        "its ready file",
    )
    assert front(place).lstat().st_uid == second, device.err
    env = {"XDG_RUNTIME_DIR": str(place), "TMPDIR": str(place)}
    asked = start("ctl", place.name, "status", env=env, user=second)
    assert asked.wait() == 0, asked.err
    assert device.interrupt() == 0
    assert device.err == ""
    assert not front(place).exists()


def test_where_the_system_forbids_it_one_line_says_what_to_do(begin: Begin, place: Path) -> None:
    kill(begin(ROOT), ROOT, place)
    place.chmod(0o1777)
    device = begin(OTHER)
    assert device.wait() == 1
    (line,) = device.err.splitlines()
    assert f"{front(place)} was left by a program of user 0 that was killed" in line
    assert "remove it as that user or as root" in line
