"""What a killed program of another user leaves behind; root alone can play both."""

from __future__ import annotations

import os
import socket
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from zmqdev.device.ready_file import ReadyFile
from zmqdev.system import ipcfile

NOBODY = 65534
pytestmark = pytest.mark.skipif(os.getuid() != 0, reason="only root can become another user")


def as_nobody(action: Callable[[], object]) -> str:
    """Done in a copy of this process that has the rights of nobody; the error, or "done"."""
    reading, writing = os.pipe()
    pid = os.fork()
    if not pid:
        try:
            os.setgroups([])
            os.setgid(NOBODY)
            os.setuid(NOBODY)
            action()
            os.write(writing, b"done")
        except BaseException as error:
            os.write(writing, str(error).encode())
        finally:
            os._exit(0)
    os.close(writing)
    os.waitpid(pid, 0)
    with os.fdopen(reading) as told:
        return told.read()


def take(path: Path) -> None:
    """What comes before a bind."""
    ipcfile.check_free(f"ipc://{path}")
    ipcfile.remove_left(f"ipc://{path}")


def listen(path: Path) -> socket.socket:
    made = socket.socket(socket.AF_UNIX)
    made.bind(str(path))
    os.chmod(path, 0o600)
    made.listen()
    return made


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Path]:
    """A folder that every user may write to, on a path that each may walk."""
    made = Path("/tmp") / f"zmqdev-left-{os.getpid()}"
    made.mkdir()
    made.chmod(0o777)
    yield made
    for path in made.iterdir():
        path.unlink()
    made.rmdir()


def test_root_takes_the_address_of_a_killed_program_of_any_user(place: Path) -> None:
    path = place / "data"
    assert as_nobody(lambda: listen(path)) == "done"
    assert path.lstat().st_uid == NOBODY
    take(path)
    assert not path.exists()


def test_another_user_takes_what_root_left_in_a_folder_of_all(place: Path) -> None:
    path = place / "data"
    listen(path).close()
    assert as_nobody(lambda: take(path)) == "done"
    assert not path.exists()


def test_what_may_not_be_removed_is_named_with_its_owner(place: Path) -> None:
    place.chmod(0o1777)
    path = place / "data"
    listen(path).close()
    told = as_nobody(lambda: take(path))
    assert "was left by a program of user 0 that was killed" in told
    assert "remove it as that user or as root" in told


def test_a_program_of_another_user_that_runs_keeps_its_address(place: Path) -> None:
    path = place / "data"
    with listen(path):
        assert "address already in use" in as_nobody(lambda: take(path))
    assert path.exists()


def test_a_ready_file_that_another_user_left_is_replaced_or_named(place: Path) -> None:
    path = place / "ready"
    path.write_text("old\n")
    assert as_nobody(lambda: ReadyFile(str(path)).write("new\n")) == "done"
    assert path.read_text() == "new\n"
    place.chmod(0o1777)
    os.chown(path, 0, 0)
    assert "cannot write the ready file" in as_nobody(lambda: ReadyFile(str(path)).write("x\n"))


def test_a_socket_of_that_name_in_another_folder_is_another_one(place: Path) -> None:
    """Where it can be looked at: a program elsewhere does not keep an address taken."""
    path = place / f"left-{os.getpid()}"
    listen(path).close()
    with tempfile.TemporaryDirectory(dir="/tmp") as name:
        os.chmod(name, 0o755)
        with listen(Path(name) / path.name):
            assert as_nobody(lambda: take(path)) == "done"
            listen(path).close()
            os.chmod(name, 0o700)
            assert "address already in use" in as_nobody(lambda: take(path))
