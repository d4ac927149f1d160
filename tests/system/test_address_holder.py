from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from zmqdev.system.address_holder import holder

LISTEN = """
import socket, sys
made = socket.socket(socket.AF_UNIX if "/" in sys.argv[1] else socket.AF_INET)
made.bind(sys.argv[1] if "/" in sys.argv[1] else ("127.0.0.1", 0))
made.listen()
print(made.getsockname() if "/" in sys.argv[1] else made.getsockname()[1], flush=True)
sys.stdin.read()
"""


class Other:
    """Another program, that listens."""

    def __init__(self, place: str) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", LISTEN, place],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self.process.stdout is not None
        self.at = self.process.stdout.readline().strip()

    def end(self) -> None:
        self.process.communicate()


def test_this_program_is_called_so() -> None:
    with socket.socket() as made:
        made.bind(("127.0.0.1", 0))
        made.listen()
        port = made.getsockname()[1]
        assert holder(f"tcp://127.0.0.1:{port}") == " by this program itself"
        assert holder(f"tcp://*:{port}") == " by this program itself"
        assert holder(f"tcp://127.0.0.2:{port}") == ""


def test_another_program_is_told_by_its_number_and_command() -> None:
    other = Other("tcp")
    try:
        said = holder(f"tcp://127.0.0.1:{other.at}")
    finally:
        other.end()
    assert said.startswith(f" by process {other.process.pid} (")
    assert said.endswith("...)")


def test_a_path_is_told_as_well(tmp_path: Path) -> None:
    other = Other(str(tmp_path / "jobs.ipc"))
    try:
        said = holder(f"ipc://{tmp_path}/jobs.ipc")
    finally:
        other.end()
    assert said.startswith(f" by process {other.process.pid} (")


@pytest.mark.parametrize(
    "address", ["tcp://127.0.0.1:1", "ipc:///nowhere", "tcp://x", "inproc://a"]
)
def test_what_is_not_known_is_not_said(address: str) -> None:
    assert holder(address) == ""


def test_a_device_is_told_by_its_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    (tmp_path / "zmqdev").mkdir()
    with socket.socket(socket.AF_UNIX) as control, socket.socket() as made:
        control.bind(str(tmp_path / "zmqdev" / "orders.sock"))
        control.listen()
        made.bind(("127.0.0.1", 0))
        made.listen()
        monkeypatch.setattr("zmqdev.system.address_holder.os.getpid", lambda: 1)
        said = holder(f"tcp://127.0.0.1:{made.getsockname()[1]}")
    monkeypatch.undo()
    assert said == f" by device orders, process {os.getpid()}"
