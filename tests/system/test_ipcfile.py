"""Whether somebody has an ipc address, found out without a connection."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from zmqdev.errors import RunError
from zmqdev.system.ipcfile import answers, check_free


def listener(path: Path) -> socket.socket:
    made = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    made.bind(str(path))
    made.listen()
    made.setblocking(False)
    return made


def test_who_listens_is_not_disturbed_by_the_question(tmp_path: Path) -> None:
    """It would count a failed handshake, and warn of it."""
    with listener(tmp_path / "s") as made:
        assert answers(tmp_path / "s")
        with pytest.raises(RunError, match="already in use by this program itself"):
            check_free(f"ipc://{tmp_path}/s")
        with pytest.raises(BlockingIOError):
            made.accept()


def test_what_a_crash_left_behind_is_free(tmp_path: Path) -> None:
    listener(tmp_path / "s").close()
    assert not answers(tmp_path / "s")
    assert not answers(tmp_path / "none")
    check_free(f"ipc://{tmp_path}/s")


def test_a_socket_of_another_kind_is_in_use_too(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as made:
        made.bind(str(tmp_path / "s"))
        assert answers(tmp_path / "s")
